/* edit_text.c - texts: inserted, deleted, marked.
 *
 * Where it sits:   the caller -> yd_edit_text_...() -> here -> edit_seek.c, edit_marks.c, edit.c
 * Source:          Yjs YText.js (insertText, formatText, deleteText and what they call); rules U109
 *                  to U112 in docs/encoding.md
 *
 * The marks of a text are items between its units: a value turns a mark on, null turns it off. Who
 * inserts with other marks than those around opens them before and brings the old ones back behind.
 */
#include "edit_text.h"

#include <string.h>

static struct slot slot_of(const struct spot *spot)
{
    return (struct slot){.type = spot->type, .left = spot->left, .right = spot->right};
}

/* Whether an item is a live mark whose value equals that of its key in a map, where nothing counts
 * as null or, if `or_null` is false, as different from all. */
static yd_err format_fits(struct yd_doc *doc, uint32_t handle, const struct attrs *attrs,
                          bool or_null, bool *fits)
{
    *fits = false;
    if (!item_is_format(item_at(doc, handle))) return YD_OK;
    struct attr format = attr_of(handle);
    const struct attr *want = yd_attrs_get(doc, attrs, yd_attr_key(doc, &format));
    if (want == NULL && !or_null) return YD_OK;
    return yd_attr_equal(doc, want, &format, fits);
}

/* Over what is deleted, and over marks that say what is wanted anyway. */
static yd_err marks_minimise(struct yd_doc *doc, struct spot *spot, const struct attrs *wanted)
{
    while (spot->right != NONE) {
        bool fits = item_is_deleted(item_at(doc, spot->right));
        if (!fits) YD_TRY(format_fits(doc, spot->right, wanted, true, &fits));
        if (!fits) return YD_OK;
        YD_TRY(yd_spot_step(doc, spot));
    }
    return YD_OK;
}

/* Forgets the places behind an index. Once a type was filled by the caller, who may have edited
 * this very text, no index is certain. */
static void places_drop(struct yd_doc *doc, const struct text_edit *e, uint64_t index)
{
    yd_markers_drop(doc, e->spot.type, e->filled ? 0 : index);
}

static yd_err mark_put(struct yd_doc *doc, struct text_edit *e, const struct attr *attr)
{
    struct slot slot = slot_of(&e->spot);
    YD_TRY(yd_attr_put(doc, &slot, attr, &e->spot.right));
    e->marks_changed = true;
    return yd_spot_step(doc, &e->spot);
}

/* Puts the marks that differ from what is on, and notes in `negated` what was. */
static yd_err marks_open(struct yd_doc *doc, struct text_edit *e, const struct attrs *wanted)
{
    e->negated.vec.count = 0;
    for (uint32_t i = 0; i < wanted->vec.count; i++) {
        const struct attr want = *attr_at(wanted, i);
        yd_slice key = yd_attr_key(doc, &want);
        const struct attr *now = yd_attrs_get(doc, &e->spot.marks, key);
        bool equal;
        YD_TRY(yd_attr_equal(doc, now, &want, &equal));
        if (equal) continue;
        struct attr before = want;
        if (now != NULL) before = *now;
        before.is_null = now == NULL;
        YD_TRY(yd_attrs_set(doc, &e->negated, &before));
        YD_TRY(mark_put(doc, e, &want));
    }
    return YD_OK;
}

/* Brings back what was on before, unless marks to the right do so anyway. */
static yd_err marks_close(struct yd_doc *doc, struct text_edit *e)
{
    while (e->spot.right != NONE) {
        const struct item *it = item_at(doc, e->spot.right);
        if (!item_is_deleted(it)) {
            bool fits;
            YD_TRY(format_fits(doc, e->spot.right, &e->negated, false, &fits));
            if (!fits) break;
            struct attr format = attr_of(e->spot.right);
            yd_attrs_remove(doc, &e->negated, yd_attr_key(doc, &format));
        }
        YD_TRY(yd_spot_step(doc, &e->spot));
    }
    for (uint32_t i = 0; i < e->negated.vec.count; i++) {
        const struct attr attr = *attr_at(&e->negated, i);
        YD_TRY(mark_put(doc, e, &attr));
    }
    return YD_OK;
}

/* ---- insert */

/* The item of an insertion. */
static yd_err content_put(struct yd_doc *doc, struct text_edit *e, const struct insertion *in)
{
    struct slot slot = slot_of(&e->spot);
    if (in->value == NULL) {
        struct wire wire = {.ref = REF_STRING, .len = in->len, .content = in->text};
        return yd_edit_put(doc, &slot, &wire, &e->spot.right);
    }
    if (in->value->kind == YD_VALUE_TYPE) {
        e->filled |= in->value->fill != NULL;
        return yd_value_put(doc, &slot, in->value, &e->spot.right, &e->fill_err);
    }
    struct wire wire = {.ref = in->is_any ? REF_EMBED_ANY : REF_EMBED, .len = 1};
    wire.content = in->text;
    return yd_edit_put(doc, &slot, &wire, &e->spot.right);
}

/* Inserts at the spot with exactly the marks of e->wanted; those of the spot that it does not name
 * are taken off. */
static yd_err content_insert(struct yd_doc *doc, struct text_edit *e, const struct insertion *in)
{
    for (uint32_t i = 0; i < e->spot.marks.vec.count; i++) {
        struct attr off = *attr_at(&e->spot.marks, i);
        if (yd_attrs_get(doc, &e->wanted, yd_attr_key(doc, &off)) != NULL) continue;
        off.is_null = true;
        YD_TRY(yd_attrs_set(doc, &e->wanted, &off));
    }
    yd_attrs_js_order(doc, &e->wanted);
    YD_TRY(marks_minimise(doc, &e->spot, &e->wanted));
    YD_TRY(marks_open(doc, e, &e->wanted));
    uint64_t index = e->spot.index;
    YD_TRY(content_put(doc, e, in));
    uint32_t made = e->spot.right;
    yd_markers_insert(doc, e->spot.type, index, in->len);
    if (e->marks_changed || e->filled) places_drop(doc, e, index);
    if (!e->filled) yd_marker_add(doc, e->spot.type, made, index + in->len - 1, &e->spot.marks);
    YD_TRY(yd_spot_step(doc, &e->spot)); // over what was put: no mark
    e->marks_changed = false;
    YD_TRY(marks_close(doc, e));
    if (e->marks_changed) places_drop(doc, e, index + in->len);
    e->marks_changed = false;
    return YD_OK;
}

yd_err yd_text_put(struct yd_doc *doc, struct text_edit *e, const struct insertion *in,
                   const struct attrs *attrs)
{
    // Nothing given: what is on at the place.
    YD_TRY(yd_attrs_copy(doc, &e->wanted, attrs != NULL ? attrs : &e->spot.marks));
    return content_insert(doc, e, in);
}

/* ---- format */

static yd_err newlines_put(struct yd_doc *doc, struct text_edit *e, uint64_t count)
{
    struct yd_buf lines;
    yd_buf_init(&lines, yd_mem_alloc(doc), SIZE_MAX / 2);
    yd_err err = yd_buf_reserve(&lines, (size_t)count);
    if (err == YD_OK) {
        memset(lines.ptr, '\n', (size_t)count);
        lines.len = (size_t)count;
        struct slot slot = slot_of(&e->spot);
        struct wire wire = {.ref = REF_STRING, .len = (uint32_t)count};
        wire.content = yd_buf_slice(&lines);
        err = yd_edit_put(doc, &slot, &wire, &e->spot.right);
    }
    yd_buf_deinit(&lines);
    return err == YD_OK ? yd_spot_step(doc, &e->spot) : err;
}

/* A live mark inside what is formatted: it goes if it has a key of ours. *ends: it belongs to what
 * comes behind. */
static yd_err format_pass(struct yd_doc *doc, struct text_edit *e, const struct attrs *attrs,
                          bool behind, bool *ends)
{
    struct attr format = attr_of(e->spot.right);
    yd_slice key = yd_attr_key(doc, &format);
    const struct attr *want = yd_attrs_get(doc, attrs, key);
    if (want == NULL) return YD_OK;
    bool equal;
    YD_TRY(yd_attr_equal(doc, want, &format, &equal));
    if (equal) {
        yd_attrs_remove(doc, &e->negated, key);
    } else if (behind) {
        *ends = true;
        return YD_OK;
    } else {
        YD_TRY(yd_attrs_set(doc, &e->negated, &format));
    }
    e->marks_changed = true;
    return yd_item_delete(doc, e->spot.right);
}

/* Content inside what is formatted, cut where that ends. */
static yd_err content_pass(struct yd_doc *doc, struct spot *spot, uint64_t *length)
{
    const struct item *it = item_at(doc, spot->right);
    if (*length >= it->len) {
        *length -= it->len;
        return YD_OK;
    }
    spot->cut = (uint32_t)*length;
    *length = 0;
    struct spot cut = *spot;
    YD_TRY(yd_spot_cut(doc, &cut)); // the left part is still to be stepped over
    spot->cut = 0;
    return YD_OK;
}

yd_err yd_text_mark(struct yd_doc *doc, struct text_edit *e, uint64_t length,
                    const struct attrs *attrs)
{
    uint64_t index = e->spot.index;
    YD_TRY(marks_minimise(doc, &e->spot, attrs));
    YD_TRY(marks_open(doc, e, attrs));
    while (e->spot.right != NONE) {
        const struct item *it = item_at(doc, e->spot.right);
        bool gap = item_is_deleted(it) || item_is_format(it);
        if (length == 0 && (e->negated.vec.count == 0 || !gap)) break;
        bool ends = false;
        if (!gap) YD_TRY(content_pass(doc, &e->spot, &length));
        if (gap && !item_is_deleted(it)) YD_TRY(format_pass(doc, e, attrs, length == 0, &ends));
        if (ends) break;
        YD_TRY(yd_spot_step(doc, &e->spot));
    }
    if (length > 0) YD_TRY(newlines_put(doc, e, length));
    YD_TRY(marks_close(doc, e));
    if (e->marks_changed || e->filled) places_drop(doc, e, index);
    e->marks_changed = false;
    return YD_OK;
}

/* ---- delete */

static bool is_text_content(const struct item *it)
{
    uint32_t ref = item_ref(it);
    return ref == REF_STRING || ref == REF_EMBED || ref == REF_EMBED_ANY || ref == REF_TYPE;
}

/* The last live mark of each key between two places of a list. */
static yd_err gap_end(struct yd_doc *doc, uint32_t *at, struct attrs *last)
{
    for (; *at != NONE; *at = item_at(doc, *at)->right) {
        const struct item *it = item_at(doc, *at);
        if (item_is_deleted(it)) continue;
        if (!item_is_format(it)) return YD_OK;
        struct attr format = attr_of(*at);
        YD_TRY(yd_attrs_set(doc, last, &format));
    }
    return YD_OK;
}

/* Deletes a mark of a gap that a later one overrides, or that says what was on before the gap.
 * Until the walk is `past` its end the marks of the spot follow. */
static yd_err gap_mark(struct yd_doc *doc, struct gap *gap, uint32_t at, bool past)
{
    struct attr format = attr_of(at);
    yd_slice key = yd_attr_key(doc, &format);
    const struct attr *before = yd_attrs_get(doc, gap->before, key);
    const struct attr *last = yd_attrs_get(doc, &gap->last, key);
    bool same;
    bool on;
    YD_TRY(yd_attr_same(doc, before, &format, &same));
    if ((last != NULL && last->item == at) && !same) {
        return past ? YD_OK : yd_attrs_pass(doc, gap->now, at);
    }
    YD_TRY(yd_item_delete(doc, at));
    gap->removed++;
    if (past || same) return YD_OK;
    YD_TRY(yd_attr_same(doc, yd_attrs_get(doc, gap->now, key), &format, &on));
    if (!on) return YD_OK;
    if (before == NULL) {
        yd_attrs_remove(doc, gap->now, key);
        return YD_OK;
    }
    struct attr back = *before;
    return yd_attrs_set(doc, gap->now, &back);
}

yd_err yd_text_gap(struct yd_doc *doc, struct gap *gap, uint32_t start, uint32_t now_at)
{
    uint32_t end = start;
    bool past = false;
    YD_TRY(gap_end(doc, &end, &gap->last));
    for (uint32_t at = start; at != end; at = item_at(doc, at)->right) {
        if (at == now_at) past = true;
        const struct item *it = item_at(doc, at);
        if (!item_is_deleted(it) && item_is_format(it)) YD_TRY(gap_mark(doc, gap, at, past));
    }
    return YD_OK;
}

yd_err yd_text_erase(struct yd_doc *doc, struct text_edit *e, uint64_t length)
{
    uint64_t index = e->spot.index;
    uint64_t left = length;
    uint32_t start = e->spot.right;
    YD_TRY(yd_attrs_copy(doc, &e->wanted, &e->spot.marks));
    while (left > 0 && e->spot.right != NONE) {
        const struct item *it = item_at(doc, e->spot.right);
        if (!item_is_deleted(it) && is_text_content(it)) {
            YD_TRY(content_pass(doc, &e->spot, &left));
            YD_TRY(yd_item_delete(doc, e->spot.right));
        }
        YD_TRY(yd_spot_step(doc, &e->spot));
    }
    if (start == NONE) return YD_OK;
    struct gap gap = {.before = &e->wanted, .now = &e->spot.marks};
    yd_err err = yd_text_gap(doc, &gap, start, e->spot.right);
    yd_attrs_free(doc, &gap.last);
    if (gap.removed > 0 || e->spot.index > index || e->filled) {
        places_drop(doc, e, index);
    } else {
        yd_markers_delete(doc, e->spot.type, index, length - left);
    }
    return err;
}

yd_err yd_text_tidy_all(struct yd_doc *doc, uint32_t type, uint32_t *removed)
{
    struct attrs before = {.vec = {.at = NULL}};
    struct attrs now = {.vec = {.at = NULL}};
    uint32_t start = list_at(doc, type_at(doc, type)->seq)->head;
    yd_err err = YD_OK;
    *removed = 0;
    for (uint32_t at = start; at != NONE && err == YD_OK; at = item_at(doc, at)->right) {
        const struct item *it = item_at(doc, at);
        if (item_is_deleted(it)) continue;
        if (item_is_format(it)) {
            err = yd_attrs_pass(doc, &now, at);
            continue;
        }
        struct gap gap = {.before = &before, .now = &now};
        err = yd_text_gap(doc, &gap, start, at);
        yd_attrs_free(doc, &gap.last);
        *removed += gap.removed;
        if (err == YD_OK) err = yd_attrs_copy(doc, &before, &now);
        start = at;
    }
    yd_attrs_free(doc, &before);
    yd_attrs_free(doc, &now);
    yd_markers_drop(doc, type, 0);
    return err;
}
