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

/* All varUints of one struct. */
#define EMIT_MAX ((size_t)96)

static inline uint8_t *put_u32(uint8_t *p, uint32_t value)
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

/* A client's id as it is written, for the client that was asked for last. */
struct spelled {
    uint32_t client;
    uint32_t len;
    uint8_t bytes[16];
};

static inline uint8_t *put_spelled(uint8_t *p, const struct spelled *s)
{
    memcpy(p, s->bytes, 8);
    if (s->len > 8) memcpy(p + 8, s->bytes + 8, sizeof s->bytes - 8);
    return p + s->len;
}

static inline uint8_t *put_client(const struct yd_doc *doc, uint8_t *p, struct spelled *s,
                                  uint32_t client)
{
    if (s->client != client) {
        s->client = client;
        s->len = (uint32_t)(codec_put(s->bytes, client_at(doc, client)->id) - s->bytes);
    }
    return put_spelled(p, s);
}

struct emit {
    const struct yd_doc *doc;
    struct yd_buf *out;
    struct spelled own;
    struct spelled other;
};

static inline uint8_t *emit_id(struct emit *e, uint8_t *p, struct origin id)
{
    if (id.client == e->own.client) return put_u32(put_spelled(p, &e->own), id.clock);
    return put_u32(put_client(e->doc, p, &e->other, id.client), id.clock);
}

/* Content bytes; up to 16 more may be written behind them. Where content of no bytes once was may
 * lie beyond the text by now. */
static inline uint8_t *emit_bytes(const struct arena *text, uint8_t *p, struct extent from)
{
    if (from.bytes <= 16 && text->cap >= 16 && from.off <= text->cap - 16) {
        memcpy(p, text->ptr + from.off, 16); // a copy of a fixed size needs no call
    } else if (from.bytes > 0) {
        memcpy(p, text->ptr + from.off, from.bytes);
    }
    return p + from.bytes;
}

static uint8_t *emit_name(const struct yd_doc *doc, uint8_t *p, uint32_t name)
{
    yd_slice text = name_text(doc, name);
    p = put_u32(p, (uint32_t)text.len);
    memcpy(p, text.ptr, text.len);
    return p + text.len;
}

/* Bytes that names in a struct may take. */
static size_t names_size(const struct yd_doc *doc, const struct item *it, const struct list *list)
{
    if (item_left_kind(it) != ORIGIN_NONE || item_right_kind(it) != ORIGIN_NONE) return 0;
    const struct type *type = type_at(doc, list->type);
    size_t size = list->key == NONE ? 0 : name_at(doc, list->key)->len;
    return size + (type->owner == NONE ? name_at(doc, type->name)->len : 0);
}

static uint8_t *emit_parent(struct emit *e, uint8_t *p, const struct list *list)
{
    const struct type *type = type_at(e->doc, list->type);
    *p++ = type->owner == NONE ? 1 : 0;
    if (type->owner == NONE) {
        p = emit_name(e->doc, p, type->name);
    } else {
        const struct item *owner = item_at(e->doc, type->owner);
        p = emit_id(e, p, (struct origin){item_client(owner), owner->clock});
    }
    return list->key == NONE ? p : emit_name(e->doc, p, list->key);
}

static inline uint8_t *emit_content(struct emit *e, uint8_t *p, const struct item *it, uint32_t ref,
                                    struct extent from)
{
    switch (ref) {
    case REF_DELETED: return put_u32(p, it->len);
    case REF_STRING:
    case REF_BINARY:
    case REF_EMBED: p = put_u32(p, from.bytes); break;
    case REF_ANY:
    case REF_JSON: p = put_u32(p, it->len); break;
    case REF_TYPE: {
        const struct type *type = type_at(e->doc, it->content);
        p = put_u32(p, type->ref);
        if (!wire_type_has_name(type->ref)) return p;
        p = put_u32(p, type->name_len);
        if (type->name_len > 0) memcpy(p, e->doc->text.ptr + type->name, type->name_len);
        return p + type->name_len;
    }
    default: break;
    }
    return emit_bytes(&e->doc->text, p, from);
}

static inline uint8_t *emit_item(struct emit *e, uint8_t *p, const struct item *it,
                                 const struct list *list, struct extent from)
{
    uint32_t ref = item_ref(it);
    uint32_t left = item_left_kind(it), right = item_right_kind(it);
    *p++ = (uint8_t)(ref | (left != ORIGIN_NONE ? WIRE_ORIGIN : 0) |
                     (right != ORIGIN_NONE ? WIRE_RIGHT : 0) | (list->key != NONE ? WIRE_KEY : 0));
    if (left == ORIGIN_OWN) {
        p = put_u32(put_spelled(p, &e->own), it->clock - 1);
    } else if (left != ORIGIN_NONE) {
        p = emit_id(e, p, item_origin(e->doc, it));
    }
    if (right != ORIGIN_NONE) p = emit_id(e, p, item_right_origin(e->doc, it));
    if (left == ORIGIN_NONE && right == ORIGIN_NONE) p = emit_parent(e, p, list);
    return emit_content(e, p, it, ref, from);
}

static yd_err entry_long(struct emit *e, const struct client *client, struct smap_pos pos)
{
    struct wire wire;
    struct id id = {client->id, smap_key(&client->index, pos)};
    yd_entry_wire(e->doc, client, pos, &wire);
    return yd_v1_write(e->out, &wire, id, 0, false);
}

/* Entries of one chunk, from pos on. */
static yd_err emit_chunk(struct emit *e, const struct client *client, struct smap_pos pos)
{
    const struct yd_doc *doc = e->doc;
    const struct smap_chunk *chunk = smap_chunk_at(&client->index, pos.chunk);
    uint32_t room[SMAP_CHUNK];
    const uint32_t *handles =
        smap_is_packed(chunk) ? yd_smap_unpack_values(chunk, room) : chunk->cells + chunk->cap;
    struct yd_buf *out = e->out;
    for (; pos.at < chunk->count; pos.at++) {
        uint32_t handle = handles[pos.at];
        const struct item *it = handle == INDEX_GC ? NULL : item_at(doc, handle);
        if (it == NULL || item_ref(it) > REF_SKIP) {
            YD_TRY(entry_long(e, client, pos));
            continue;
        }
        const struct list *list = list_at(doc, item_list(doc, it));
        struct extent from = item_extent(doc, it);
        size_t need = EMIT_MAX + from.bytes + names_size(doc, it, list);
        if (item_ref(it) == REF_TYPE) need += type_at(doc, it->content)->name_len;
        if (need > out->cap - out->len) YD_TRY(yd_buf_reserve(out, need));
        out->len = (size_t)(emit_item(e, out->ptr + out->len, it, list, from) - out->ptr);
    }
    return YD_OK;
}

yd_err yd_emit_v1(const struct yd_doc *doc, const struct client *client, struct smap_pos pos,
                  struct yd_buf *out)
{
    struct emit e = {doc, out, {.client = NONE}, {.client = NONE}};
    e.own.client = (uint32_t)(client - client_at(doc, 0));
    e.own.len = (uint32_t)(codec_put(e.own.bytes, client->id) - e.own.bytes);
    for (; !smap_is_end(&client->index, pos); pos = (struct smap_pos){pos.chunk + 1, 0}) {
        YD_TRY(emit_chunk(&e, client, pos));
    }
    return YD_OK;
}
