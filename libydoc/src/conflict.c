/* conflict.c - where an item goes among those that others wrote at the same place.
 *
 * Where it sits:   integrate.c -> here
 * Source:          Yjs Item.integrate (the YATA rule); rule U27 in docs/encoding.md
 *
 * The rule walks over everything between the two neighbours that the author saw. Where thousands
 * wrote at one place that is a walk over all of them for each, so the document remembers some it
 * has passed, as fingers:
 *
 *   Items with the same origin and right origin ("siblings") stand in ascending order of client
 *   ids, and between their origin and one of them stand only its elders and what hangs below those.
 *   None of that stops a walk for a sibling with a greater id, and none of it is referred to from
 *   behind. So the walk may begin at any sibling with a smaller id as if it had just passed it.
 *
 * A finger is a hint: the item it names is looked at, and if it is no such sibling any more the
 * walk begins where it always did. Fingers are FINGER_STEP steps apart, so few are enough.
 */
#include "codec.h"
#include "integrate.h"

#include <string.h>

/* Scans shorter than this remember what they saw on the stack. */
#define SCAN_SHORT 16
/* Walks longer than this leave a finger. */
#define FINGER_STEP 24

static bool same_right(const struct yd_doc *doc, const struct place *place, const struct item *it)
{
    return origin_equal(place->origins.right, item_right_origin(doc, it));
}

/* What a conflict scan has passed: items in order, the first SCAN_SHORT in `near`, and all of
 * them stamped once there are more. */
struct scan {
    uint32_t near[SCAN_SHORT];
    uint32_t count; /* items passed */
    uint32_t reset; /* those before this position are no longer in conflict */
};

static yd_err scan_stamp(struct yd_doc *doc, struct scan *scan, uint32_t handle)
{
    struct vec *stamps = &doc->stamps;
    if (stamps->cap < doc->item_used) {
        uint32_t old = stamps->cap;
        YD_TRY(yd_vec_reserve(doc, stamps, doc->item_used, sizeof(uint64_t)));
        memset((uint64_t *)stamps->at + old, 0, (stamps->cap - old) * sizeof(uint64_t));
    }
    uint64_t *at = stamps->at;
    if (scan->count == SCAN_SHORT) {
        doc->scan_epoch++;
        for (uint32_t i = 0; i < SCAN_SHORT; i++) {
            at[item_number(scan->near[i])] = (uint64_t)doc->scan_epoch << 32 | i;
        }
    }
    at[item_number(handle)] = (uint64_t)doc->scan_epoch << 32 | scan->count;
    return YD_OK;
}

static yd_err scan_add(struct yd_doc *doc, struct scan *scan, uint32_t handle)
{
    if (scan->count < SCAN_SHORT) {
        scan->near[scan->count] = handle;
    } else {
        YD_TRY(scan_stamp(doc, scan, handle));
    }
    scan->count++;
    return YD_OK;
}

/* Position of an item in the scan, NONE if it was not passed. */
static uint32_t scan_position(const struct yd_doc *doc, const struct scan *scan, uint32_t handle)
{
    if (scan->count > SCAN_SHORT) {
        uint64_t stamp = ((const uint64_t *)doc->stamps.at)[item_number(handle)];
        return stamp >> 32 == doc->scan_epoch ? (uint32_t)stamp : NONE;
    }
    for (uint32_t i = scan->count; i-- > 0;) {
        if (scan->near[i] == handle) return i;
    }
    return NONE;
}

/* The item that holds the origin of `it`; mostly its left neighbour. */
static uint32_t origin_item(const struct yd_doc *doc, const struct item *it, struct origin origin)
{
    if (item_left_kind(it) == ORIGIN_SIDE) return it->left;
    if (it->left != NONE) {
        const struct item *l = item_at(doc, it->left);
        if (item_client(l) == origin.client && origin.clock - l->clock < l->len) return it->left;
    }
    struct smap_pos pos;
    return struct_at(doc, origin.client, origin.clock, &pos);
}

/* The fingers of the siblings of what goes to a place, or NULL. */
static struct fingers *fingers_find(struct yd_doc *doc, const struct place *place)
{
    for (uint32_t i = 0; i < FINGERS; i++) {
        struct fingers *f = &doc->fingers[i];
        if (f->at.count > 0 && f->list == place->list &&
            origin_equal(f->origins.left, place->origins.left) &&
            origin_equal(f->origins.right, place->origins.right)) {
            return f;
        }
    }
    return NULL;
}

/* Number of fingers at ids below one. */
static uint32_t fingers_below(const struct fingers *f, uint64_t id)
{
    const struct finger *at = f->at.at;
    uint32_t low = 0;
    uint32_t high = f->at.count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (at[mid].id < id) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* The item of a finger if it is what it was, otherwise NONE. */
static uint32_t finger_item(const struct yd_doc *doc, const struct finger *finger,
                            const struct place *place)
{
    if (finger->handle >= doc->item_next) return NONE;
    const struct item *other = item_at(doc, finger->handle);
    bool is_sibling = (other->who & ITEM_LIVE) != 0 && item_list(doc, other) == place->list &&
                      origin_equal(place->origins.left, item_origin(doc, other)) &&
                      same_right(doc, place, other) &&
                      client_at(doc, item_client(other))->id == finger->id;
    return is_sibling ? finger->handle : NONE;
}

/* Where a walk may begin: the sibling at the last finger below `id`, or NONE. */
static uint32_t fingers_start(const struct yd_doc *doc, struct fingers *f,
                              const struct place *place, uint64_t id)
{
    uint32_t below = f == NULL ? 0 : fingers_below(f, id);
    if (below == 0) return NONE;
    uint32_t start = finger_item(doc, (struct finger *)f->at.at + below - 1, place);
    if (start == NONE) f->at.count = 0; // much has changed: begin anew
    return start;
}

/* Leaves a finger at an item that has just found its place. */
static yd_err finger_leave(struct yd_doc *doc, struct fingers *f, const struct place *place,
                           struct finger finger)
{
    if (f == NULL || f->at.count == 0) {
        f = &doc->fingers[doc->finger_turn++ % FINGERS];
        f->list = place->list;
        f->origins = place->origins;
        f->at.count = 0;
    }
    YD_TRY(yd_vec_reserve(doc, &f->at, 1, sizeof finger));
    uint32_t below = fingers_below(f, finger.id);
    struct finger *at = (struct finger *)f->at.at + below;
    memmove(at + 1, at, (f->at.count - below) * sizeof finger);
    *at = finger;
    f->at.count++;
    return YD_OK;
}

void yd_fingers_free(struct yd_doc *doc)
{
    for (uint32_t i = 0; i < FINGERS; i++) {
        yd_vec_free(doc, &doc->fingers[i].at, sizeof(struct finger));
    }
}

/* The rule, from `at` on. */
static yd_err scan_walk(struct yd_doc *doc, struct scan *scan, const struct item *it,
                        struct place *place, uint32_t at)
{
    uint64_t id = client_at(doc, item_client(it))->id;
    while (at != NONE && at != place->right) {
        const struct item *other = item_at(doc, at);
        struct origin origin = item_origin(doc, other);
        YD_TRY(scan_add(doc, scan, at));
        if (origin_equal(place->origins.left, origin)) {
            if (client_at(doc, item_client(other))->id < id) {
                place->left = at;
                scan->reset = scan->count;
            } else if (same_right(doc, place, other)) {
                break;
            }
        } else {
            if (origin.client == NONE) break;
            uint32_t from = origin_item(doc, other, origin);
            uint32_t position = from == INDEX_GC ? NONE : scan_position(doc, scan, from);
            if (position == NONE) break;
            if (position < scan->reset) {
                place->left = at;
                scan->reset = scan->count;
            }
        }
        at = other->right;
    }
    return YD_OK;
}

yd_err yd_conflict_scan(struct yd_doc *doc, uint32_t handle, struct place *place)
{
    struct scan scan;
    scan.count = 0;
    scan.reset = 0;
    const struct item *it = item_at(doc, handle);
    uint64_t id = client_at(doc, item_client(it))->id;
    struct fingers *fingers = fingers_find(doc, place);
    uint32_t start = fingers_start(doc, fingers, place, id);
    uint32_t at = list_at(doc, place->list)->head;
    if (start != NONE) {
        scan.near[0] = start; // as if just passed
        scan.count = 1;
        scan.reset = 1;
        place->left = start;
    }
    if (place->left != NONE) at = item_at(doc, place->left)->right;
    YD_TRY(scan_walk(doc, &scan, it, place, at));
    if (scan.count <= FINGER_STEP) return YD_OK;
    return finger_leave(doc, fingers, place, (struct finger){id, handle, 0});
}
