/* position.c - relative positions: made from an index, and found again.
 *
 * Where it sits:   the caller -> yd_position_encode(), yd_position_resolve() -> here
 * Source:          Yjs RelativePosition.js; layout in docs/encoding.md, Relative position
 */
#include "ydoc/position.h"

#include "any.h"
#include "codec.h"
#include "read.h"
#include "wire.h"

enum { POSITION_ITEM = 0, POSITION_ROOT = 1, POSITION_TYPE = 2 };

/* The item that holds a clock; NONE: it is not here, or collected. */
static uint32_t item_find(struct yd_doc *doc, uint64_t id, uint32_t clock)
{
    uint32_t client = yd_client_find(doc, id);
    if (client == NONE || clock >= client_at(doc, client)->next) return NONE;
    struct smap_pos pos;
    struct smap *index = &client_at(doc, client)->index;
    bool found = yd_smap_find(index, clock, &pos);
    YD_ASSERT(found);
    uint32_t handle = smap_value(index, pos);
    return handle == INDEX_GC ? NONE : handle;
}

uint32_t yd_nested_find(struct yd_doc *doc, uint64_t id, uint32_t clock)
{
    uint32_t handle = item_find(doc, id, clock);
    if (handle == NONE || item_ref(item_at(doc, handle)) != REF_TYPE) return NONE;
    return item_at(doc, handle)->content;
}

/* ---- from an index */

static yd_err id_put(struct yd_buf *out, struct id id)
{
    YD_TRY(yd_buf_varuint(out, id.client));
    return yd_buf_varuint(out, id.clock);
}

static yd_err position_item_put(const struct yd_doc *doc, const struct item *it, uint32_t offset,
                                struct yd_buf *out)
{
    YD_TRY(yd_buf_u8(out, POSITION_ITEM));
    return id_put(out, (struct id){client_at(doc, item_client(it))->id, it->clock + offset});
}

static yd_err end_put(const struct yd_type_ref *type, struct yd_buf *out)
{
    YD_TRY(yd_buf_u8(out, type->nested ? POSITION_TYPE : POSITION_ROOT));
    if (!type->nested) return yd_buf_varbytes(out, type->name);
    return id_put(out, (struct id){type->client, type->clock});
}

/* The element at the index, or the end. A place that belongs to what is left of it names that. */
static yd_err position_put(const struct yd_doc *doc, const struct yd_place *place, uint32_t type,
                           struct yd_buf *out)
{
    bool left = place->assoc < 0;
    uint64_t index = place->index;
    if (type == NONE || (left && index == 0)) return end_put(&place->type, out);
    if (left) index--;
    uint32_t at = list_at(doc, type_at(doc, type)->seq)->head;
    for (; at != NONE; at = item_at(doc, at)->right) {
        const struct item *it = item_at(doc, at);
        if (item_counts(it)) {
            if (it->len > index) return position_item_put(doc, it, (uint32_t)index, out);
            index -= it->len;
        }
        if (left && it->right == NONE) return position_item_put(doc, it, it->len - 1, out);
    }
    return end_put(&place->type, out);
}

yd_err yd_position_encode(struct yd_doc *doc, const struct yd_place *place, struct yd_buf *out)
{
    uint32_t type;
    YD_TRY(yd_type_find(doc, &place->type, &type));
    size_t before = out->len;
    yd_err err = position_put(doc, place, type, out);
    if (err == YD_OK) err = yd_buf_varint(out, place->assoc < 0 ? 1u : 0u, place->assoc < 0);
    if (err != YD_OK) out->len = before;
    return err;
}

/* ---- to an index */

/* What counts left of an item, and of the item itself up to a clock. */
static void place_of_item(const struct yd_doc *doc, uint32_t handle, uint32_t clock,
                          struct yd_place *place)
{
    const struct item *it = item_at(doc, handle);
    uint32_t type = list_at(doc, item_list(doc, it))->type;
    uint32_t owner = type_at(doc, type)->owner;
    place->type = yd_type_ref_of(doc, type);
    place->index = 0;
    if (owner != NONE && item_is_deleted(item_at(doc, owner))) return;
    if (item_counts(it)) place->index = clock - it->clock + (place->assoc < 0 ? 1 : 0);
    for (uint32_t at = it->left; at != NONE; at = item_at(doc, at)->left) {
        const struct item *left = item_at(doc, at);
        if (item_counts(left)) place->index += left->len;
    }
}

/* The end of a type; for a place that belongs to its left, the beginning. */
static void place_of_end(const struct yd_doc *doc, uint32_t type, struct yd_place *place)
{
    place->index = 0;
    if (type == NONE) return; // a root that nobody wrote to
    place->type = yd_type_ref_of(doc, type);
    if (place->assoc >= 0) place->index = yd_type_length(doc, type);
}

yd_err yd_position_resolve(struct yd_doc *doc, yd_slice bytes, struct yd_place *place)
{
    if (doc->broken) return YD_ENOMEM;
    struct yd_reader r = yd_reader_of(bytes);
    uint64_t kind = codec_varuint(&r);
    yd_slice name = kind == POSITION_ROOT ? yd_read_varbytes(&r) : YD_EMPTY;
    uint64_t client = kind == POSITION_ROOT ? 0 : codec_varuint(&r);
    uint64_t clock = kind == POSITION_ROOT ? 0 : codec_varuint(&r);
    bool negative = false;
    uint64_t assoc = !r.failed && r.at < r.end ? yd_read_varint(&r, &negative) : 0;
    if (r.failed || kind > POSITION_TYPE || !yd_utf8_check(name)) return YD_EMALFORMED;
    if (clock >= CLOCK_MAX) return YD_ENOTFOUND;
    struct yd_place found = {.type = {.name = name}, .assoc = negative && assoc > 0 ? -1 : 0};
    if (kind == POSITION_ROOT) {
        place_of_end(doc, root_find(doc, name), &found);
    } else if (kind == POSITION_TYPE) {
        uint32_t type = yd_nested_find(doc, client, (uint32_t)clock);
        if (type == NONE) return YD_ENOTFOUND;
        place_of_end(doc, type, &found);
    } else {
        uint32_t handle = item_find(doc, client, (uint32_t)clock);
        if (handle == NONE) return YD_ENOTFOUND;
        place_of_item(doc, handle, (uint32_t)clock, &found);
    }
    *place = found;
    return YD_OK;
}
