/* emit_v1.c - what a client has, into update format V1: the short way of an encoding.
 *
 * Where it sits:   emit.c -> here
 * Source:          Yjs Item.write, GC.write; docs/encoding.md
 *
 * Says what write_v1.c says of whole structs, but from items, without a struct wire between: most
 * of the cost of an encoding was carrying fields to and fro. GCs, and values that no JSON can say,
 * go the long way.
 */
#include "emit_item.h"

YD_PART uint8_t *emit_id(const struct emit *e, uint8_t *p, uint32_t client, uint32_t clock)
{
    return codec_put_u32(put_spelled(p, emit_client(e, client)), clock);
}

YD_PART uint8_t *emit_name(const struct yd_doc *doc, uint8_t *p, uint32_t name)
{
    const struct name *n = name_at(doc, name);
    return emit_bytes(&doc->name_bytes, codec_put_u32(p, n->len), n->off, n->len);
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

/* Contents whose bytes stand behind their number, and behind the number of their clocks. */
#define COUNTS_BYTES                                                                               \
    (REF_BIT(REF_STRING) | REF_BIT(REF_BINARY) | REF_BIT(REF_EMBED) | REF_BIT(REF_TYPE))
#define COUNTS_CLOCKS (REF_BIT(REF_DELETED) | REF_BIT(REF_ANY) | REF_BIT(REF_JSON))

YD_BODY uint8_t *emit_content(const struct emit *e, uint8_t *p, const struct item *it,
                              struct extent from)
{
    uint32_t bit = REF_BIT(item_ref(it));
    if (bit == REF_BIT(REF_TYPE)) {
        const struct type *type = type_at(e->doc, it->content);
        p = codec_put_u32(p, type->ref);
        if (!wire_type_has_name(type->ref)) return p;
        from = (struct extent){type->name, type->name_len};
    }
    if ((bit & (COUNTS_BYTES | COUNTS_CLOCKS)) != 0) {
        p = codec_put_u32(p, (bit & COUNTS_BYTES) != 0 ? from.bytes : it->len);
    }
    return emit_bytes(&e->doc->text, p, from.off, from.bytes);
}

YD_BODY uint8_t *emit_item(const struct emit *e, uint8_t *p, const struct item *it, uint32_t kind,
                           const struct list *list, struct extent from)
{
    *p++ = item_info(it, kind, list);
    if ((kind & KIND_OWN) != 0) {
        p = codec_put_u32(put_spelled(p, &e->own), it->clock - 1);
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

/* Makes room in the output, which is written as far as p. */
static yd_err room_make(struct yd_buf *out, const uint8_t *p, size_t need)
{
    out->len = (size_t)(p - out->ptr);
    return yd_buf_reserve(out, need);
}

yd_err yd_emit_v1_chunk(struct emitter *all, const struct client *client, struct smap_pos pos)
{
    struct yd_buf *out = all->sink->out;
    const struct yd_doc *doc = all->each.doc;
    // A copy whose address goes nowhere stays in registers: bytes that are written may lie in
    // anything else. In wasm, where parts are not in place, it would be one more copy.
    const struct emit copy = all->each, *e = TRAVELS ? &all->each : &copy;
    const struct smap_chunk *chunk = smap_chunk_at(&client->index, pos.chunk);
    uint32_t room[SMAP_CHUNK];
    const uint32_t *handles = smap_chunk_values(chunk, room);
    uint8_t *p = out->ptr + out->len, *limit = out->ptr + out->cap;
    for (uint32_t i = pos.at; i < chunk->count; i++) {
        if (handles[i] == INDEX_GC || item_ref(item_at(doc, handles[i])) > REF_SKIP) {
            out->len = (size_t)(p - out->ptr);
            YD_TRY(yd_emit_entry(all, client, (struct smap_pos){pos.chunk, i}, 0));
            p = out->ptr + out->len;
            limit = out->ptr + out->cap;
            continue;
        }
        const struct item *it = item_at(doc, handles[i]);
        uint32_t kind = kinds[it->home >> HOME_LEFT];
        const struct list *list = list_at(doc, item_list(doc, it));
        struct extent from = item_extent_here(doc, it);
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
