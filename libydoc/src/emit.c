/* emit.c - what clients have as sections of an update: the walk over their items.
 *
 * Where it sits:   state.c -> here -> emit_v1.c, emit_v2.c
 * Source:          Yjs writeClientsStructs; docs/encoding.md
 *
 * The structs of a chunk go the short way of their format, from items. The long way is by a struct
 * wire, as for what comes from elsewhere: for a struct that is written from its middle on, for GCs,
 * and for values that only it knows.
 */
#include "emit_item.h"

/* Bytes of the head of a section, and what may be written behind it. */
#define HEAD_MAX ((size_t)32)

void yd_emit_begin(struct emitter *all, const struct yd_doc *doc, struct sink *sink)
{
    all->each.doc = doc;
    all->each.others = all->others;
    all->sink = sink;
    for (uint32_t i = 0; i < EMIT_OTHERS; i++) all->others[i].client = NONE;
}

yd_err yd_emit_entry(const struct emitter *all, const struct client *client, struct smap_pos pos,
                     uint32_t offset)
{
    struct wire wire;
    struct id id = {client->id, smap_key(&client->index, pos)};
    yd_entry_wire(all->each.doc, client, pos, &wire);
    return sink_struct(all->sink, &wire, id, offset, false);
}

/* The head of a section in V1, by what is spelled already. */
static yd_err head_v1(const struct emitter *all, uint32_t count, uint32_t from)
{
    struct yd_buf *out = all->sink->out;
    YD_TRY(yd_buf_reserve(out, HEAD_MAX));
    uint8_t *p = codec_put_u32(out->ptr + out->len, count);
    p = codec_put_u32(put_spelled(p, &all->each.own), from);
    out->len = (size_t)(p - out->ptr);
    return YD_OK;
}

yd_err yd_emit_section(struct emitter *all, struct client *client, uint32_t from)
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
    all->each.own = spell(client->id, (uint32_t)(client - client_at(all->each.doc, 0)));
    yd_err err = !TRAVELS && !sink_is_v2(all->sink)
                     ? head_v1(all, count, from)
                     : yd_sink_section(all->sink, count, client->id, from);
    if (err == YD_OK && offset > 0) {
        err = yd_emit_entry(all, client, pos, offset);
        pos = smap_next(index, pos);
    }
    for (; err == YD_OK && !smap_is_end(index, pos); pos = (struct smap_pos){pos.chunk + 1, 0}) {
        err = sink_is_v2(all->sink) ? yd_emit_v2_chunk(all, client, pos)
                                    : yd_emit_v1_chunk(all, client, pos);
    }
    return err;
}
