/* edit_list.c - lists and maps: elements inserted and deleted, keys set and removed.
 *
 * Where it sits:   the caller -> yd_edit_list_...(), yd_edit_map_...() -> here -> edit_seek.c,
 * edit.c Source:          Yjs typeListInsertGenerics, typeListPushGenerics, typeListDelete,
 * typeMapSet, typeMapDelete; rules U113 and U114 in docs/encoding.md
 */
#include "edit.h"

static yd_err values_check(const struct yd_value *values, size_t count, uint64_t *bytes)
{
    *bytes = 0;
    if (count >= CLOCK_MAX) return YD_ETOOBIG;
    for (size_t i = 0; i < count; i++) {
        YD_TRY(yd_value_check(&values[i]));
        *bytes += values[i].bytes.len + values[i].options.len + 16;
    }
    return YD_OK;
}

/* Plain values that follow each other are one item. Returns how many. */
static yd_err pack_put(struct yd_doc *doc, struct slot *slot, const struct yd_value *values,
                       size_t count, size_t *taken)
{
    struct yd_buf any;
    yd_buf_init(&any, yd_mem_alloc(doc), SIZE_MAX / 2);
    yd_err err = YD_OK;
    size_t n = 0;
    for (; n < count && value_is_plain(&values[n]) && err == YD_OK; n++) {
        err = yd_value_any(&any, &values[n]);
    }
    if (err == YD_OK) {
        struct wire wire = {.ref = REF_ANY, .len = (uint32_t)n, .content = yd_buf_slice(&any)};
        err = yd_edit_put(doc, slot, &wire, &slot->left);
    }
    yd_buf_deinit(&any);
    *taken = n;
    return err;
}

static yd_err values_put(struct yd_doc *doc, const struct spot *spot, const struct yd_value *values,
                         size_t count, yd_err *fill_err)
{
    struct slot slot = {.type = spot->type, .left = spot->left, .right = spot->right};
    bool filled = false;
    for (size_t i = 0, taken = 1; i < count; i += taken, taken = 1) {
        if (value_is_plain(&values[i])) {
            YD_TRY(pack_put(doc, &slot, values + i, count - i, &taken));
        } else {
            YD_TRY(yd_value_put(doc, &slot, &values[i], &slot.left, fill_err));
            filled |= values[i].fill != NULL;
        }
    }
    if (filled) return YD_OK; // no place of this list is known any more
    yd_markers_insert(doc, spot->type, spot->index, count);
    yd_marker_add(doc, spot->type, slot.left, spot->index + count - 1, &spot->marks);
    return YD_OK;
}

/* index SPOT_END: behind everything. */
static yd_err list_insert(struct yd_doc *doc, const struct yd_type_ref *list, uint64_t index,
                          const struct yd_value *values, size_t count)
{
    uint32_t type;
    uint64_t bytes;
    uint64_t beyond;
    struct spot spot;
    yd_err fill_err = YD_OK;
    YD_TRY(yd_edit_enter(doc, list, &type));
    YD_TRY(values_check(values, count, &bytes));
    YD_TRY(yd_edit_room(doc, count + 2, bytes, count));
    yd_err err = yd_spot_find(doc, type, index, &spot, &beyond);
    if (err == YD_OK && beyond > 0 && index != SPOT_END) err = YD_ENOTFOUND;
    if (err == YD_OK && count > 0) {
        err = yd_spot_cut(doc, &spot);
        if (err == YD_OK) err = values_put(doc, &spot, values, count, &fill_err);
    }
    yd_spot_free(doc, &spot);
    return yd_edit_leave(doc, err == YD_OK ? fill_err : err);
}

yd_err yd_edit_list_insert(struct yd_doc *doc, const struct yd_type_ref *list, uint64_t index,
                           const struct yd_value *values, size_t count)
{
    if (index >= SPOT_END) index = SPOT_END - 1;
    return list_insert(doc, list, index, values, count);
}

yd_err yd_edit_list_push(struct yd_doc *doc, const struct yd_type_ref *list,
                         const struct yd_value *values, size_t count)
{
    return list_insert(doc, list, SPOT_END, values, count);
}

/* Whether `length` units lie right of a place. A mark counts as one, as in Yjs. */
static bool list_has(const struct yd_doc *doc, const struct spot *spot, uint64_t length)
{
    uint64_t have = 0;
    uint64_t need = length + spot->cut;
    for (uint32_t at = spot->right; at != NONE && have < need; at = item_at(doc, at)->right) {
        if (!item_is_deleted(item_at(doc, at))) have += item_at(doc, at)->len;
    }
    return have >= need;
}

static yd_err units_delete(struct yd_doc *doc, struct spot *spot, uint64_t length)
{
    bool marks = false;
    uint64_t index = spot->index;
    uint64_t left = length;
    while (left > 0) {
        const struct item *it = item_at(doc, spot->right);
        if (!item_is_deleted(it)) {
            if (left < it->len) {
                struct spot cut = *spot;
                cut.cut = (uint32_t)left;
                YD_TRY(yd_spot_cut(doc, &cut));
                it = item_at(doc, spot->right);
            }
            left -= it->len;
            marks |= item_is_format(it);
            YD_TRY(yd_item_delete(doc, spot->right));
        }
        spot->left = spot->right;
        spot->right = item_at(doc, spot->right)->right;
    }
    if (marks) {
        yd_markers_drop(doc, spot->type, index);
    } else {
        yd_markers_delete(doc, spot->type, index, length);
    }
    return YD_OK;
}

yd_err yd_edit_list_delete(struct yd_doc *doc, const struct yd_type_ref *list, uint64_t index,
                           uint64_t length)
{
    uint32_t type;
    uint64_t beyond;
    struct spot spot;
    YD_TRY(yd_edit_enter(doc, list, &type));
    if (length == 0) return YD_OK;
    if (index > SPOT_END || length > SPOT_END) return YD_ENOTFOUND;
    YD_TRY(yd_edit_room(doc, 2, 0, 0));
    yd_err err = yd_spot_find(doc, type, index, &spot, &beyond);
    if (err == YD_OK && (beyond > 0 || !list_has(doc, &spot, length))) err = YD_ENOTFOUND;
    if (err == YD_OK) err = yd_spot_cut(doc, &spot);
    if (err == YD_OK) err = units_delete(doc, &spot, length);
    yd_spot_free(doc, &spot);
    return yd_edit_leave(doc, err);
}

/* ---- maps */

/* The current item of a key, deleted or not; NONE without one. */
static uint32_t key_item(struct yd_doc *doc, uint32_t type, yd_slice key)
{
    uint32_t list = yd_key_find(doc, type, key);
    return list == NONE ? NONE : list_at(doc, list)->tail;
}

yd_err yd_edit_map_set(struct yd_doc *doc, const struct yd_type_ref *map, yd_slice key,
                       const struct yd_value *value)
{
    uint32_t type;
    uint64_t bytes;
    yd_err fill_err = YD_OK;
    YD_TRY(yd_edit_enter(doc, map, &type));
    if (!yd_utf8_check(key)) return YD_EMALFORMED;
    YD_TRY(values_check(value, 1, &bytes));
    YD_TRY(yd_edit_room(doc, 2, bytes + key.len, 1));
    uint32_t made;
    struct slot slot = {.type = type, .left = key_item(doc, type, key), .right = NONE, .key = key};
    yd_err err = yd_value_put(doc, &slot, value, &made, &fill_err);
    return yd_edit_leave(doc, err == YD_OK ? fill_err : err);
}

yd_err yd_edit_map_delete(struct yd_doc *doc, const struct yd_type_ref *map, yd_slice key)
{
    uint32_t type;
    YD_TRY(yd_edit_enter(doc, map, &type));
    uint32_t item = key_item(doc, type, key);
    return item == NONE ? YD_OK : yd_edit_leave(doc, yd_item_delete(doc, item));
}

yd_err yd_edit_map_clear(struct yd_doc *doc, const struct yd_type_ref *map)
{
    uint32_t type;
    YD_TRY(yd_edit_enter(doc, map, &type));
    yd_err err = YD_OK;
    uint32_t key = yd_live_key(doc, type_at(doc, type)->first_key);
    for (; key != NONE && err == YD_OK; key = yd_live_key(doc, list_at(doc, key)->next)) {
        err = yd_item_delete(doc, list_at(doc, key)->tail);
    }
    return yd_edit_leave(doc, err);
}
