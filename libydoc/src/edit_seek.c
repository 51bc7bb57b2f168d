/* edit_seek.c - from an index to a place between two items, with the marks that are on there.
 *
 * Where it sits:   edit_text.c, edit_list.c -> here -> smap.c, split.c
 * Source:          Yjs findNextPosition, typeListInsertGenerics; rules U105 and U108 in
 *                  docs/encoding.md
 *
 * The place of an index is right behind the unit before it: what is deleted there, and marks, stay
 * to the right. A walk from the head would cost O(items) per keystroke, so units that were found
 * are remembered with their index. Yjs does the same, but a walk from its markers may end at the
 * other side of what is deleted, so that in lists the neighbours of an insertion depend on what was
 * looked up before; here the place is always the one that a walk from the head ends at.
 *
 * Invariants, while a transaction is open and until something arrives:
 *   K1  a marker names a unit that is there and not deleted, and its index
 *   K2  its marks are those on at the unit
 */
#include "edit.h"

/* A walk of more items than this leaves a marker of its own. */
#define MARKER_APART 32

void yd_markers_clear(struct edit *edit)
{
    for (uint32_t i = 0; i < MARKERS; i++) edit->markers[i] = (struct marker){.type = NONE};
}

void yd_spot_free(struct yd_doc *doc, struct spot *spot) { yd_attrs_free(doc, &spot->marks); }

/* The item that holds a unit of a list; NONE: not there any more. */
static uint32_t unit_item(struct yd_doc *doc, uint32_t type, uint32_t client, uint32_t clock)
{
    struct smap_pos pos;
    struct smap *index = &client_at(doc, client)->index;
    if (!yd_smap_find(index, clock, &pos)) return NONE;
    uint32_t handle = smap_value(index, pos);
    if (handle == INDEX_GC) return NONE;
    const struct item *it = item_at(doc, handle);
    return item_list(doc, it) == type_at(doc, type)->seq && !item_is_deleted(it) ? handle : NONE;
}

/* A start for a walk to the right. */
struct start {
    uint32_t item; /* NONE: the head of the list */
    uint64_t index;
    struct marker *marker;
};

/* Walks left from a marker until the start of an item lies before the index. A mark on the way ends
 * the walk: what was on before it is not known. */
static bool start_left(const struct yd_doc *doc, struct start *start, uint64_t index)
{
    while (start->index >= index) {
        uint32_t left = item_at(doc, start->item)->left;
        if (left == NONE) return false;
        const struct item *it = item_at(doc, left);
        start->item = left;
        if (item_is_deleted(it)) continue;
        if (item_is_format(it)) return false;
        start->index -= it->len;
    }
    return true;
}

/* The start that a marker gives. A marker whose unit is gone is dropped. */
static bool marker_start(struct yd_doc *doc, struct marker *marker, struct start *start)
{
    uint32_t item = unit_item(doc, marker->type, marker->client, marker->clock);
    if (item == NONE) {
        marker->type = NONE;
        return false;
    }
    start->item = item;
    start->index = marker->index - (marker->clock - item_at(doc, item)->clock);
    start->marker = marker;
    return true;
}

static struct marker *marker_nearest(struct edit *edit, uint32_t type, uint64_t index, bool before)
{
    struct marker *best = NULL;
    uint64_t best_far = UINT64_MAX;
    for (uint32_t i = 0; i < MARKERS; i++) {
        struct marker *m = &edit->markers[i];
        if (m->type != type || (before && m->index >= index)) continue;
        uint64_t far = m->index < index ? index - m->index : m->index - index;
        if (far >= best_far) continue;
        best = m;
        best_far = far;
    }
    return best;
}

static struct start start_find(struct yd_doc *doc, uint32_t type, uint64_t index)
{
    struct start head = {.item = NONE, .index = 0, .marker = NULL};
    struct edit *edit = doc->edit;
    if (index == 0) return head;
    for (uint32_t tries = 0; tries < 2; tries++) {
        struct start start;
        struct marker *marker = marker_nearest(edit, type, index, tries == 1);
        // Nearer to the head than to any marker.
        if (marker == NULL || (marker->index > index && marker->index - index > index)) return head;
        if (marker_start(doc, marker, &start) && start_left(doc, &start, index)) return start;
    }
    return head;
}

/* Brings the marks of a marker back. False: one of them is gone. */
static yd_err marks_restore(struct yd_doc *doc, const struct marker *marker, struct attrs *marks,
                            bool *there)
{
    *there = true;
    for (uint32_t i = 0; i < marker->mark_count; i++) {
        uint32_t item =
            unit_item(doc, marker->type, marker->marks[i].client, marker->marks[i].clock);
        *there = item != NONE && item_is_format(item_at(doc, item));
        if (!*there) {
            marks->vec.count = 0;
            return YD_OK;
        }
        YD_TRY(yd_attrs_pass(doc, marks, item));
    }
    return YD_OK;
}

static yd_err spot_start(struct yd_doc *doc, struct spot *spot, uint64_t index)
{
    struct start start = start_find(doc, spot->type, index);
    if (start.marker != NULL) {
        bool there;
        start.marker->age = ++doc->edit->age;
        YD_TRY(marks_restore(doc, start.marker, &spot->marks, &there));
        if (!there) {
            start.marker->type = NONE;
            start = (struct start){.item = NONE, .index = 0};
        }
    }
    spot->right = start.item;
    spot->left = start.item == NONE ? NONE : item_at(doc, start.item)->left;
    if (start.item == NONE) spot->right = list_at(doc, type_at(doc, spot->type)->seq)->head;
    spot->index = start.index;
    return YD_OK;
}

yd_err yd_spot_step(struct yd_doc *doc, struct spot *spot)
{
    const struct item *it = item_at(doc, spot->right);
    if (!item_is_deleted(it)) {
        if (item_is_format(it)) {
            YD_TRY(yd_attrs_pass(doc, &spot->marks, spot->right));
        } else {
            spot->index += it->len;
        }
    }
    spot->left = spot->right;
    spot->right = it->right;
    return YD_OK;
}

/* Remembers a unit: in the place of a marker that was near, or of the one that was used longest
 * ago. */
static void marker_put(struct yd_doc *doc, const struct marker *fresh, const struct attrs *marks,
                       struct marker *near)
{
    struct edit *edit = doc->edit;
    struct marker *to = near != NULL ? near : &edit->markers[0];
    for (uint32_t i = 0; i < MARKERS && near == NULL; i++) {
        struct marker *m = &edit->markers[i];
        if (m->type == NONE || m->age < to->age) to = m;
        if (m->type == NONE) break;
    }
    *to = *fresh;
    to->age = ++edit->age;
    to->mark_count = marks->vec.count;
    for (uint32_t i = 0; i < to->mark_count; i++) {
        const struct item *it = item_at(doc, attr_at(marks, i)->item);
        to->marks[i] = (struct span){item_client(it), it->clock, 0};
    }
}

/* Whether a place with these marks can be remembered. */
static bool marks_fit(const struct attrs *marks)
{
    if (marks->vec.count > MARKER_MARKS) return false;
    for (uint32_t i = 0; i < marks->vec.count; i++) {
        if (attr_at(marks, i)->item == NONE || attr_at(marks, i)->is_null) return false;
    }
    return true;
}

static bool type_is_deleted(const struct yd_doc *doc, uint32_t type)
{
    uint32_t owner = type_at(doc, type)->owner;
    return owner != NONE && item_is_deleted(item_at(doc, owner));
}

static struct marker *marker_of_unit(struct edit *edit, uint32_t type, uint64_t index)
{
    for (uint32_t i = 0; i < MARKERS; i++) {
        struct marker *m = &edit->markers[i];
        if (m->type == type && m->index == index) return m;
    }
    return NULL;
}

void yd_marker_add(struct yd_doc *doc, uint32_t type, uint32_t item, uint64_t index,
                   const struct attrs *marks)
{
    const struct item *it = item_at(doc, item);
    if (item_is_deleted(it) || !marks_fit(marks)) return;
    struct marker *near = marker_nearest(doc->edit, type, index, false);
    bool same_run = near != NULL && unit_item(doc, type, near->client, near->clock) == it->left &&
                    it->left != NONE;
    if (!same_run) near = marker_of_unit(doc->edit, type, index);
    struct marker fresh = {
        .type = type, .client = item_client(it), .clock = it->clock + it->len - 1, .index = index};
    marker_put(doc, &fresh, marks, near);
}

void yd_markers_insert(struct yd_doc *doc, uint32_t type, uint64_t index, uint64_t len)
{
    for (uint32_t i = 0; i < MARKERS; i++) {
        struct marker *m = &doc->edit->markers[i];
        if (m->type == type && m->index >= index) m->index += len;
    }
}

void yd_markers_delete(struct yd_doc *doc, uint32_t type, uint64_t index, uint64_t len)
{
    for (uint32_t i = 0; i < MARKERS; i++) {
        struct marker *m = &doc->edit->markers[i];
        if (m->type != type || m->index < index) continue;
        if (m->index - index < len) {
            m->type = NONE;
        } else {
            m->index -= len;
        }
    }
}

void yd_markers_drop(struct yd_doc *doc, uint32_t type, uint64_t index)
{
    for (uint32_t i = 0; i < MARKERS; i++) {
        struct marker *m = &doc->edit->markers[i];
        if (m->type == type && m->index >= index) m->type = NONE;
    }
}

/* Walks to the right until `left` units are passed. *steps counts items. */
static yd_err spot_walk(struct yd_doc *doc, struct spot *spot, uint64_t *left, uint32_t *steps)
{
    for (; spot->right != NONE && *left > 0; ++*steps) {
        const struct item *it = item_at(doc, spot->right);
        if (item_counts(it)) {
            if (*left < it->len) {
                spot->cut = (uint32_t)*left;
                *left = 0;
                return YD_OK;
            }
            *left -= it->len;
        }
        YD_TRY(yd_spot_step(doc, spot));
    }
    return YD_OK;
}

/* Remembers the unit before a place that was found. */
static void spot_remember(struct yd_doc *doc, const struct spot *spot, uint64_t index,
                          uint32_t steps)
{
    uint32_t item = spot->cut > 0 ? spot->right : spot->left;
    if (index == 0 || item == NONE || !marks_fit(&spot->marks)) return;
    const struct item *it = item_at(doc, item);
    uint32_t offset = spot->cut > 0 ? spot->cut : it->len;
    struct marker *near = marker_nearest(doc->edit, spot->type, index, false);
    if (steps > MARKER_APART) near = marker_of_unit(doc->edit, spot->type, index - 1);
    struct marker fresh = {.type = spot->type,
                           .client = item_client(it),
                           .clock = it->clock + offset - 1,
                           .index = index - 1};
    marker_put(doc, &fresh, &spot->marks, near);
}

yd_err yd_spot_find(struct yd_doc *doc, uint32_t type, uint64_t index, struct spot *spot,
                    uint64_t *beyond)
{
    uint32_t steps = 0;
    *spot = (struct spot){.type = type, .left = NONE, .right = NONE};
    bool remember = !type_is_deleted(doc, type);
    if (remember) {
        YD_TRY(spot_start(doc, spot, index));
    } else {
        spot->right = list_at(doc, type_at(doc, type)->seq)->head;
    }
    uint64_t left = index - spot->index;
    YD_TRY(spot_walk(doc, spot, &left, &steps));
    if (beyond != NULL) *beyond = left;
    if (left == 0 && remember) spot_remember(doc, spot, index, steps);
    return YD_OK;
}

yd_err yd_spot_cut(struct yd_doc *doc, struct spot *spot)
{
    if (spot->cut == 0) return YD_OK;
    YD_TRY(yd_items_reserve(doc, 1));
    const struct item *it = item_at(doc, spot->right);
    struct smap_pos pos;
    bool found = yd_smap_find(&client_at(doc, item_client(it))->index, it->clock, &pos);
    YD_ASSERT(found);
    uint32_t fresh;
    uint32_t cut = spot->cut;
    YD_TRY(yd_item_split(doc, &pos, spot->right, cut, &fresh));
    spot->cut = 0;
    spot->index += cut;
    spot->left = spot->right;
    spot->right = fresh;
    return YD_OK;
}

/* ---- invariants */

/* Walks from the head to the unit of a marker. */
static yd_err marker_walk(struct yd_doc *doc, const struct marker *m, struct spot *spot)
{
    uint32_t item = unit_item(doc, m->type, m->client, m->clock);
    YD_ASSERT(item != NONE); // K1
    while (spot->right != item) {
        YD_ASSERT(spot->right != NONE);
        YD_TRY(yd_spot_step(doc, spot));
    }
    YD_ASSERT(spot->index + (m->clock - item_at(doc, item)->clock) == m->index); // K1
    YD_ASSERT(spot->marks.vec.count == m->mark_count);
    for (uint32_t i = 0; i < m->mark_count; i++) {
        const struct item *it = item_at(doc, attr_at(&spot->marks, i)->item);
        YD_ASSERT(item_client(it) == m->marks[i].client && it->clock == m->marks[i].clock); // K2
    }
    return YD_OK;
}

void yd_markers_check(struct yd_doc *doc)
{
    struct edit *edit = doc->edit;
    if (edit == NULL || edit->epoch != doc->txn.epoch) return; // they will be cleared
    for (uint32_t i = 0; i < MARKERS; i++) {
        const struct marker *m = &edit->markers[i];
        if (m->type == NONE) continue;
        if (type_at(doc, m->type)->seq == NONE || type_is_deleted(doc, m->type)) continue;
        if (unit_item(doc, m->type, m->client, m->clock) == NONE) continue; // the type came anew
        struct spot spot = {.type = m->type, .left = NONE};
        spot.right = list_at(doc, type_at(doc, m->type)->seq)->head;
        yd_err err = marker_walk(doc, m, &spot); // YD_ENOMEM: not checked
        (void)err;
        yd_spot_free(doc, &spot);
    }
}
