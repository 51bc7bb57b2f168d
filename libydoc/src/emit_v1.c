/* emit_v1.c - what a client has, into update format V1: the short way of an encoding.
 *
 * Where it sits:   state.c -> here
 * Source:          Yjs Item.write, GC.write; docs/encoding.md
 *
 * Says what write_v1.c says of whole structs, but from items, without a struct wire between: most
 * of the cost of an encoding was carrying fields to and fro. GCs, and values that no JSON can say,
 * go the long way.
 */
#include "emit.h"

#include <string.h>

/* All varUints of one struct, and what emit_bytes() may write behind its content. */
#define EMIT_MAX ((size_t)96)

/* Where the next byte goes should be guessed, not computed: all that follows waits for it. */
YD_BODY uint8_t *put_u32(uint8_t *p, uint32_t value)
{
    if (value < 0x80) {
        p[0] = (uint8_t)value;
        return p + 1;
    }
    p[0] = (uint8_t)(value | 0x80);
    if (value < 0x4000) {
        p[1] = (uint8_t)(value >> 7);
        return p + 2;
    }
    p[1] = (uint8_t)(value >> 7 | 0x80);
    if (value < 0x200000) {
        p[2] = (uint8_t)(value >> 14);
        return p + 3;
    }
    p[2] = (uint8_t)(value >> 14 | 0x80);
    return codec_put(p + 3, value >> 21);
}

static struct spelled spell(uint64_t id, uint32_t client)
{
    struct spelled s = {.client = client};
    s.len = codec_spell(id, &s.word);
    return s;
}

YD_BODY uint8_t *put_spelled(uint8_t *p, const struct spelled *s)
{
    memcpy(p, &s->word, sizeof s->word);
    return p + s->len;
}

YD_PART uint8_t *emit_id(const struct emit *e, uint8_t *p, uint32_t client, uint32_t clock)
{
    if (client == e->own.client) return put_u32(put_spelled(p, &e->own), clock);
    struct spelled *other = &e->others[client % EMIT_OTHERS];
    if (client != other->client) *other = spell(client_at(e->doc, client)->id, client);
    return put_u32(put_spelled(p, other), clock);
}

/* Bytes of content and names are copied so many at a time where there are that many: a copy of a
 * fixed size needs no call, and no guess of how long it will be. Up to EMIT_STEP more may be
 * written behind them. Where content of no bytes is may be beyond the text. */
#define EMIT_STEP ((uint32_t)32)
YD_PART uint8_t *emit_bytes(const struct arena *from, uint8_t *p, uint32_t off, uint32_t len)
{
    if (len <= EMIT_STEP && from->cap >= EMIT_STEP && off <= from->cap - EMIT_STEP) {
        memcpy(p, from->ptr + off, EMIT_STEP);
    } else if (len > 0) {
        memcpy(p, from->ptr + off, len);
    }
    return p + len;
}

YD_PART uint8_t *emit_name(const struct yd_doc *doc, uint8_t *p, uint32_t name)
{
    const struct name *n = name_at(doc, name);
    return emit_bytes(&doc->name_bytes, put_u32(p, n->len), n->off, n->len);
}

/* Bytes that names in a struct may take. */
static size_t names_size(const struct yd_doc *doc, const struct list *list)
{
    const struct type *type = type_at(doc, list->type);
    size_t size = list->key == NONE ? 0 : name_at(doc, list->key)->len;
    return size + (type->owner == NONE ? name_at(doc, type->name)->len : 0);
}

YD_BODY uint8_t *emit_parent(const struct emit *e, uint8_t *p, const struct list *list)
{
    const struct type *type = type_at(e->doc, list->type);
    *p++ = type->owner == NONE ? 1 : 0;
    if (type->owner == NONE) {
        p = emit_name(e->doc, p, type->name);
    } else {
        const struct item *owner = item_at(e->doc, type->owner);
        p = emit_id(e, p, item_client(owner), owner->clock);
    }
    return list->key == NONE ? p : emit_name(e->doc, p, list->key);
}

static uint8_t *emit_type(const struct yd_doc *doc, uint8_t *p, const struct type *type)
{
    p = put_u32(p, type->ref);
    if (!wire_type_has_name(type->ref)) return p;
    return emit_bytes(&doc->text, put_u32(p, type->name_len), type->name, type->name_len);
}

/* Contents whose bytes stand behind their number, and behind the number of their clocks. */
#define REF_BIT(ref)  ((uint32_t)1 << (ref))
#define COUNTS_BYTES  (REF_BIT(REF_STRING) | REF_BIT(REF_BINARY) | REF_BIT(REF_EMBED))
#define COUNTS_CLOCKS (REF_BIT(REF_DELETED) | REF_BIT(REF_ANY) | REF_BIT(REF_JSON))

YD_BODY uint8_t *emit_content(const struct emit *e, uint8_t *p, const struct item *it,
                              struct extent from)
{
    uint32_t bit = REF_BIT(item_ref(it));
    if ((bit & (COUNTS_BYTES | COUNTS_CLOCKS)) != 0) {
        p = put_u32(p, (bit & COUNTS_BYTES) != 0 ? from.bytes : it->len);
    } else if (bit == REF_BIT(REF_TYPE)) {
        return emit_type(e->doc, p, type_at(e->doc, it->content));
    }
    return emit_bytes(&e->doc->text, p, from.off, from.bytes);
}

/* What the kinds of an item's origins say, by its home: info bits, and whether the left one is its
 * author's last clock. */
#define KIND_OWN 1
static const uint8_t kinds[16] = {0x00, 0x81, 0x80, 0x80, 0x40, 0xc1, 0xc0, 0xc0,
                                  0x40, 0xc1, 0xc0, 0xc0, 0x40, 0xc1, 0xc0, 0xc0};

YD_BODY uint8_t *emit_item(const struct emit *e, uint8_t *p, const struct item *it, uint32_t kind,
                           const struct list *list, struct extent from)
{
    *p++ = (uint8_t)(item_ref(it) | (kind & WIRE_ORIGINS) | (list->key != NONE ? WIRE_KEY : 0));
    if ((kind & KIND_OWN) != 0) {
        p = put_u32(put_spelled(p, &e->own), it->clock - 1);
    } else if ((kind & WIRE_ORIGIN) != 0) {
        struct origin id = item_origin(e->doc, it);
        p = emit_id(e, p, id.client, id.clock);
    }
    if ((kind & WIRE_RIGHT) != 0) {
        struct origin id = item_right_origin(e->doc, it);
        p = emit_id(e, p, id.client, id.clock);
    }
    if (kind == 0) p = emit_parent(e, p, list);
    return emit_content(e, p, it, from);
}

static yd_err entry_long(const struct emit_v1 *e, const struct client *client, struct smap_pos pos,
                         uint32_t offset)
{
    struct wire wire;
    struct id id = {client->id, smap_key(&client->index, pos)};
    yd_entry_wire(e->each.doc, client, pos, &wire);
    return yd_v1_write(e->out, &wire, id, offset, false);
}

/* Bytes that an item may take. */
YD_BODY size_t item_size(const struct yd_doc *doc, const struct item *it, uint32_t kind,
                         const struct list *list, uint32_t bytes)
{
    size_t size = EMIT_MAX + bytes;
    if (kind == 0) size += names_size(doc, list);
    return item_ref(it) == REF_TYPE ? size + type_at(doc, it->content)->name_len : size;
}

/* The same for room in the output, written as far as p. */
static yd_err room_make(struct yd_buf *out, const uint8_t *p, size_t need)
{
    out->len = (size_t)(p - out->ptr);
    return yd_buf_reserve(out, need);
}

/* Entries of one chunk, from pos on. */
static yd_err emit_chunk(struct emit_v1 *at, const struct client *client, struct smap_pos pos)
{
    struct yd_buf *out = at->out;
    const struct yd_doc *doc = at->each.doc;
    // A copy whose address goes nowhere stays in registers: bytes that are written may lie in
    // anything else. In wasm, where parts are not in place, it would be one more copy.
    const struct emit copy = at->each, *e = SMAP_PACKS ? &copy : &at->each;
    const struct smap_chunk *chunk = smap_chunk_at(&client->index, pos.chunk);
    uint32_t room[SMAP_CHUNK];
    const uint32_t *handles = smap_chunk_values(chunk, room);
    uint8_t *p = out->ptr + out->len, *limit = out->ptr + out->cap;
    for (uint32_t i = pos.at; i < chunk->count; i++) {
        if (handles[i] == INDEX_GC || item_ref(item_at(doc, handles[i])) > REF_SKIP) {
            out->len = (size_t)(p - out->ptr);
            YD_TRY(entry_long(at, client, (struct smap_pos){pos.chunk, i}, 0));
            p = out->ptr + out->len;
            limit = out->ptr + out->cap;
            continue;
        }
        const struct item *it = item_at(doc, handles[i]);
        uint32_t kind = kinds[it->home >> HOME_LEFT];
        const struct list *list = list_at(doc, item_list(doc, it));
        struct extent from = item_extent(doc, it);
        size_t need = item_size(doc, it, kind, list, from.bytes);
        if (need > (size_t)(limit - p)) {
            YD_TRY(room_make(out, p, need));
            p = out->ptr + out->len;
            limit = out->ptr + out->cap;
        }
        p = emit_item(e, p, it, kind, list, from);
    }
    out->len = (size_t)(p - out->ptr);
    return YD_OK;
}

void yd_emit_v1_begin(struct emit_v1 *e, const struct yd_doc *doc, struct yd_buf *out)
{
    e->each.doc = doc;
    e->each.others = e->others;
    e->out = out;
    for (uint32_t i = 0; i < EMIT_OTHERS; i++) e->others[i].client = NONE;
}

static yd_err emit_head(const struct emit_v1 *e, uint32_t count, uint32_t from)
{
    struct yd_buf *out = e->out;
    YD_TRY(yd_buf_reserve(out, EMIT_MAX));
    uint8_t *p = put_u32(out->ptr + out->len, count);
    p = put_u32(put_spelled(p, &e->each.own), from);
    out->len = (size_t)(p - out->ptr);
    return YD_OK;
}

yd_err yd_emit_v1_section(struct emit_v1 *e, struct client *client, uint32_t from)
{
    struct smap *index = &client->index;
    struct smap_pos pos = smap_first();
    uint32_t count = smap_total(index), offset = 0;
    if (from > 0) {
        bool found = yd_smap_find(index, from, &pos);
        YD_ASSERT(found);
        count = yd_smap_count_from(index, pos);
        offset = from - smap_key(index, pos);
    }
    e->each.own = spell(client->id, (uint32_t)(client - client_at(e->each.doc, 0)));
    yd_err err = emit_head(e, count, from);
    if (err == YD_OK && offset > 0) {
        err = entry_long(e, client, pos, offset);
        pos = smap_next(index, pos);
    }
    for (; err == YD_OK && !smap_is_end(index, pos); pos = (struct smap_pos){pos.chunk + 1, 0}) {
        err = emit_chunk(e, client, pos);
    }
    return err;
}
