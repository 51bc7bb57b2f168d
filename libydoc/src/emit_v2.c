/* emit_v2.c - what a client has, into the columns of update format V2: the short way of an
 * encoding.
 *
 * Where it sits:   emit.c -> here -> columns.h
 * Source:          Yjs Item.write, UpdateEncoderV2; docs/encoding.md
 *
 * Says what write_v2.c says of whole structs, but from items. Room is made for a chunk at a time
 * and the columns are in a copy whose address goes nowhere: bytes that are written may lie in
 * anything else, and would have to be looked at anew after each of them. In wasm, which has few
 * encodings in V2 and counts its bytes, all goes the long way.
 */
#include "any.h"
#include "emit_item.h"
#include "utf8.h"

#ifndef __wasm__

/* How far the columns are written that most structs add to, and the texts. */
struct pens {
    struct v2_columns at;
    uint8_t *text;
    struct v2_out *out; /* the other columns */
};

YD_BODY struct pens pens_take(struct v2_out *v2)
{
    return (struct pens){v2->at, v2->texts.ptr + v2->texts.len, v2};
}

YD_BODY void pens_give(const struct pens *pens)
{
    pens->out->at = pens->at;
    pens->out->texts.len = (size_t)(pens->text - pens->out->texts.ptr);
}

YD_BODY void add_id(const struct emit *e, struct pens *c, struct diff_writer *clocks,
                    struct origin id)
{
    uint_add(&c->at.client, emit_client(e, id.client)->id);
    diff_add(clocks, id.clock);
}

YD_BODY void add_text(struct pens *c, const struct arena *from, struct extent at, uint32_t units)
{
    c->text = emit_bytes(from, c->text, at.off, at.bytes);
    uint_add_small(&c->at.text_len, units);
}

/* Units of a text of which only the bytes are known. */
YD_BODY uint32_t units_of(const struct arena *from, struct extent at)
{
    if (at.bytes == 0) return 0;
    yd_slice text = {from->ptr + at.off, at.bytes};
    return utf8_short_ascii(text, from->ptr + from->len) ? at.bytes : yd_utf8_count(text);
}

YD_BODY void add_name(struct pens *c, const struct arena *from, struct extent at)
{
    add_text(c, from, at, units_of(from, at));
}

YD_BODY void add_parent(const struct emit *e, struct pens *c, const struct list *list)
{
    const struct type *type = type_at(e->doc, list->type);
    byte_add(&c->out->parent, type->owner == NONE ? 1 : 0);
    if (type->owner == NONE) {
        add_name(c, &e->doc->name_bytes, name_extent(e->doc, type->name));
    } else {
        const struct item *owner = item_at(e->doc, type->owner);
        add_id(e, c, &c->at.left, (struct origin){item_client(owner), owner->clock});
    }
    if (list->key != NONE) add_name(c, &e->doc->name_bytes, name_extent(e->doc, list->key));
}

YD_BODY void add_type(const struct emit *e, struct pens *c, const struct type *type)
{
    uint_add(&c->out->type_ref, type->ref);
    if (!wire_type_has_name(type->ref)) return;
    v2_key_add(c->out);
    add_name(c, &e->doc->text, (struct extent){type->name, type->name_len});
}

/* The key of a mark. What is behind it is JSON, and goes into the rest. */
YD_BODY void add_mark(const struct emit *e, struct pens *c, struct extent from)
{
    struct yd_reader r = yd_reader_of(text_slice(e->doc, from.off, from.bytes));
    uint32_t len = (uint32_t)codec_varuint(&r);
    v2_key_add(c->out);
    add_name(c, &e->doc->text, (struct extent){(uint32_t)(r.at - e->doc->text.ptr), len});
}

/* What of a content goes into columns. */
YD_BODY void add_content(const struct emit *e, struct pens *c, const struct item *it,
                         struct extent from)
{
    switch (item_ref(it)) {
    case REF_STRING: add_text(c, &e->doc->text, from, it->len); return;
    case REF_TYPE: add_type(e, c, type_at(e->doc, it->content)); return;
    case REF_FORMAT: add_mark(e, c, from); return;
    default: uint_add_small(&c->at.len, it->len); return;
    }
}

YD_BODY void add_item(const struct emit *e, struct pens *c, const struct item *it, uint32_t kind,
                      const struct list *list, struct extent from)
{
    byte_add(&c->at.info, item_info(it, kind, list));
    if ((kind & KIND_OWN) != 0) {
        uint_add(&c->at.client, e->own.id);
        diff_add(&c->at.left, it->clock - 1);
    } else if ((kind & WIRE_ORIGIN) != 0) {
        add_id(e, c, &c->at.left, item_origin(e->doc, it));
    }
    if ((kind & WIRE_RIGHT) != 0) add_id(e, c, &c->at.right, item_right_origin(e->doc, it));
    if (kind == 0) add_parent(e, c, list);
    add_content(e, c, it, from);
}

/* What of a content is in no column. */
static yd_err add_rest(struct yd_buf *rest, uint32_t ref, yd_slice content)
{
    if (ref == REF_ANY) return yd_buf_append(rest, content);
    struct yd_reader r = yd_reader_of(content);
    (void)codec_bytes(&r, codec_varuint(&r)); // the key
    return yd_json_any(rest, codec_bytes(&r, codec_varuint(&r)));
}

/* The long way, and room again for what is left of the chunk. */
static yd_err add_entry(const struct emitter *all, const struct client *client, struct smap_pos pos,
                        uint32_t left)
{
    YD_TRY(yd_emit_entry(all, client, pos, 0));
    return yd_v2_room(&all->sink->v2, left);
}

/* Contents that are written here. */
#define REFS_REST  (REF_BIT(REF_ANY) | REF_BIT(REF_FORMAT))
#define REFS_SHORT (REF_BIT(REF_DELETED) | REF_BIT(REF_STRING) | REF_BIT(REF_TYPE) | REFS_REST)

yd_err yd_emit_v2_chunk(struct emitter *all, const struct client *client, struct smap_pos pos)
{
    const struct smap_chunk *chunk = smap_chunk_at(&client->index, pos.chunk);
    struct v2_out *v2 = &all->sink->v2;
    const struct emit copy = all->each, *e = &copy;
    uint32_t room[SMAP_CHUNK], end = chunk->count;
    const uint32_t *handles = smap_chunk_values(chunk, room);
    YD_TRY(yd_v2_room(v2, end - pos.at));
    struct pens pens = pens_take(v2);
    for (uint32_t i = pos.at; i < end; i++) {
        uint32_t ref = handles[i] == INDEX_GC ? REF_GC : item_ref(item_at(e->doc, handles[i]));
        if ((REF_BIT(ref) & REFS_SHORT) == 0) {
            pens_give(&pens);
            YD_TRY(add_entry(all, client, (struct smap_pos){pos.chunk, i}, end - i));
            pens = pens_take(v2);
            continue;
        }
        const struct item *it = item_at(e->doc, handles[i]);
        uint32_t kind = kinds[it->home >> HOME_LEFT];
        const struct list *list = list_at(e->doc, item_list(e->doc, it));
        struct extent from = item_extent(e->doc, it);
        size_t need = item_size(e->doc, it, kind, list, from.bytes);
        if (need > (size_t)(v2->texts.ptr + v2->texts.cap - pens.text)) {
            pens_give(&pens);
            YD_TRY(yd_buf_reserve(&v2->texts, need));
            pens = pens_take(v2);
        }
        add_item(e, &pens, it, kind, list, from);
        if ((REF_BIT(ref) & REFS_REST) != 0) {
            YD_TRY(add_rest(&v2->rest, ref, text_slice(e->doc, from.off, from.bytes)));
        }
    }
    pens_give(&pens);
    return YD_OK;
}

#else

yd_err yd_emit_v2_chunk(struct emitter *all, const struct client *client, struct smap_pos pos)
{
    const struct smap_chunk *chunk = smap_chunk_at(&client->index, pos.chunk);
    for (; pos.at < chunk->count; pos.at++) YD_TRY(yd_emit_entry(all, client, pos, 0));
    return YD_OK;
}

#endif
