/* integrate.c - one struct into the document: finds its place among concurrent ones.
 *
 * Where it sits:   apply.c -> here -> split.c, types.c, deletes.c
 * Source:          Yjs Item.getMissing, Item.integrate (the YATA rule); rules U24 to U29 in
 *                  docs/encoding.md
 *
 * How it works
 *   1. the neighbours that the author saw are looked up, and cut free if they are inside items
 *   2. the list comes from them or from the wire; without a list the struct becomes GC
 *   3. if something stands between the neighbours by now, it is concurrent: the scan decides
 *   4. link, append to the client, and what the content asks for
 */
#include "integrate.h"

#include "codec.h"

#include <string.h>

/* Scans shorter than this remember what they saw on the stack. */
#define SCAN_SHORT 16

/* The struct that holds a clock below the client's state: item handle or INDEX_GC. */
static uint32_t struct_at(const struct yd_doc *doc, uint32_t client, uint32_t clock,
                          struct smap_pos *pos)
{
    struct smap *index = &client_at(doc, client)->index;
    bool found = yd_smap_find(index, clock, pos);
    YD_ASSERT(found);
    return smap_value(index, *pos);
}

/* The item that ends with a clock, cut there if need be. */
static yd_err clean_end(struct yd_doc *doc, uint32_t client, uint32_t clock, uint32_t *handle)
{
    struct smap_pos pos;
    *handle = struct_at(doc, client, clock, &pos);
    if (*handle == INDEX_GC) return YD_OK;
    const struct item *it = item_at(doc, *handle);
    uint32_t used = clock - it->clock + 1;
    if (used == it->len) return YD_OK;
    uint32_t right;
    return yd_item_split(doc, &pos, *handle, used, &right);
}

/* The item that begins with a clock, cut there if need be. */
static yd_err clean_start(struct yd_doc *doc, uint32_t client, uint32_t clock, uint32_t *handle)
{
    struct smap_pos pos;
    *handle = struct_at(doc, client, clock, &pos);
    if (*handle == INDEX_GC) return YD_OK;
    uint32_t before = clock - item_at(doc, *handle)->clock;
    if (before == 0) return YD_OK;
    return yd_item_split(doc, &pos, *handle, before, handle);
}

/* The item that begins with a clock. When nobody else wrote there, it is the one behind `left`. */
static yd_err right_of(struct yd_doc *doc, uint32_t left, uint32_t client, uint32_t clock,
                       uint32_t *handle)
{
    if (left != NONE && item_at(doc, left)->right != NONE) {
        *handle = item_at(doc, left)->right;
        const struct item *it = item_at(doc, *handle);
        if (it->clock == clock && item_client(it) == client) return YD_OK;
    }
    return clean_start(doc, client, clock, handle);
}

yd_err yd_list_of(struct yd_doc *doc, const struct wire *wire, uint32_t *list)
{
    uint32_t type;
    if (wire->root) {
        YD_TRY(yd_root_intern(doc, wire->name, &type));
    } else {
        struct smap_pos pos;
        uint32_t client = yd_client_find(doc, wire->parent.client);
        uint32_t owner = struct_at(doc, client, wire->parent.clock, &pos);
        if (owner == INDEX_GC || item_ref(item_at(doc, owner)) != REF_TYPE) return YD_OK;
        type = item_at(doc, owner)->content;
    }
    if (wire->flags & WIRE_KEY) return yd_key_intern(doc, type, wire->key, list);
    *list = type_at(doc, type)->seq;
    return YD_OK;
}

/* Steps 1 and 2. Sets the origins of `it`. */
static yd_err place_find(struct yd_doc *doc, struct item *it, const struct wire *wire,
                         uint32_t offset, struct place *place)
{
    *place = (struct place){NONE, NONE, NONE};
    if (wire->flags & WIRE_ORIGIN) {
        it->origin_client = yd_client_find(doc, wire->origin.client);
        it->origin_clock = wire->origin.clock;
        YD_TRY(clean_end(doc, it->origin_client, it->origin_clock, &place->left));
        if (place->left == INDEX_GC) return YD_OK;
    }
    if (wire->flags & WIRE_RIGHT) {
        it->right_client = yd_client_find(doc, wire->right.client);
        it->right_clock = wire->right.clock;
        YD_TRY(right_of(doc, place->left, it->right_client, it->right_clock, &place->right));
        if (place->right == INDEX_GC) return YD_OK;
    }
    if (offset > 0) {
        // The beginning is known: what is new follows it. Its list is that of its beginning,
        // whatever the wire says: a list must hold what is linked in it.
        it->origin_client = item_client(it);
        it->origin_clock = it->clock - 1;
        YD_TRY(clean_end(doc, it->origin_client, it->origin_clock, &place->left));
        if (place->left == INDEX_GC) return YD_OK;
    }
    if (place->left != NONE) {
        place->list = item_at(doc, place->left)->list;
    } else if (place->right != NONE) {
        place->list = item_at(doc, place->right)->list;
    } else {
        return yd_list_of(doc, wire, &place->list);
    }
    return YD_OK;
}

static bool same_origin(const struct item *a, const struct item *b)
{
    return a->origin_client == b->origin_client &&
           (a->origin_client == NONE || a->origin_clock == b->origin_clock);
}

static bool same_right(const struct item *a, const struct item *b)
{
    return a->right_client == b->right_client &&
           (a->right_client == NONE || a->right_clock == b->right_clock);
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
            at[scan->near[i]] = (uint64_t)doc->scan_epoch << 32 | i;
        }
    }
    at[handle] = (uint64_t)doc->scan_epoch << 32 | scan->count;
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
        uint64_t stamp = ((const uint64_t *)doc->stamps.at)[handle];
        return stamp >> 32 == doc->scan_epoch ? (uint32_t)stamp : NONE;
    }
    for (uint32_t i = scan->count; i-- > 0;) {
        if (scan->near[i] == handle) return i;
    }
    return NONE;
}

/* The item that holds the origin of `it`; mostly its left neighbour. */
static uint32_t origin_item(const struct yd_doc *doc, const struct item *it)
{
    if (it->left != NONE) {
        const struct item *l = item_at(doc, it->left);
        if (item_client(l) == it->origin_client && it->origin_clock - l->clock < l->len) {
            return it->left;
        }
    }
    struct smap_pos pos;
    return struct_at(doc, it->origin_client, it->origin_clock, &pos);
}

/* Step 3: moves place->left over the concurrent items that go before `it`. */
static yd_err conflict_scan(struct yd_doc *doc, const struct item *it, struct place *place)
{
    struct scan scan;
    scan.count = 0;
    scan.reset = 0;
    uint64_t id = client_at(doc, item_client(it))->id;
    uint32_t left = place->left;
    uint32_t at = left != NONE ? item_at(doc, left)->right : list_at(doc, place->list)->head;
    while (at != NONE && at != place->right) {
        const struct item *other = item_at(doc, at);
        YD_TRY(scan_add(doc, &scan, at));
        if (same_origin(it, other)) {
            if (client_at(doc, item_client(other))->id < id) {
                left = at;
                scan.reset = scan.count;
            } else if (same_right(it, other)) {
                break;
            }
        } else {
            if (other->origin_client == NONE) break;
            uint32_t origin = origin_item(doc, other);
            uint32_t position = origin == INDEX_GC ? NONE : scan_position(doc, &scan, origin);
            if (position == NONE) break;
            if (position < scan.reset) {
                left = at;
                scan.reset = scan.count;
            }
        }
        at = other->right;
    }
    place->left = left;
    return YD_OK;
}

static bool is_contested(const struct yd_doc *doc, const struct place *place)
{
    if (place->left != NONE) return item_at(doc, place->left)->right != place->right;
    return place->right == NONE || item_at(doc, place->right)->left != NONE;
}

/* Step 4, first half: into the list behind place->left. */
static yd_err item_link(struct yd_doc *doc, uint32_t handle, const struct place *place)
{
    struct item *it = item_at(doc, handle);
    struct list *list = list_at(doc, place->list);
    it->left = place->left;
    it->list = place->list;
    if (it->left != NONE) {
        struct item *left = item_at(doc, it->left);
        it->right = left->right;
        left->right = handle;
    } else {
        it->right = list->head;
        list->head = handle;
    }
    if (it->right != NONE) {
        item_at(doc, it->right)->left = handle;
    } else if (list->key != NONE) {
        list->tail = handle;
        // The value that was there is overwritten.
        if (it->left != NONE) return yd_item_delete(doc, it->left);
    }
    return YD_OK;
}

/* Content into the arena or the table of types. */
static yd_err content_store(struct yd_doc *doc, uint32_t handle, const struct wire *wire,
                            uint32_t offset)
{
    struct item *it = item_at(doc, handle);
    if (wire->ref == REF_TYPE) {
        uint32_t type;
        uint32_t name;
        YD_TRY(yd_type_new(doc, handle, wire->type_ref, &type));
        YD_TRY(yd_text_append(doc, wire->content, &name));
        type_at(doc, type)->name = name;
        type_at(doc, type)->name_len = (uint32_t)wire->content.len;
        it->content = type;
        return YD_OK;
    }
    bool half;
    yd_slice tail = yd_content_tail(wire->ref, wire->content, wire->len, offset, &half);
    YD_TRY(yd_text_append(doc, half ? YD_LITERAL("\xef\xbf\xbd") : YD_EMPTY, &it->content));
    uint32_t off;
    YD_TRY(yd_text_append(doc, tail, &off));
    it->bytes = doc->text.len - it->content;
    return YD_OK;
}

/* Step 4, second half: deletions that come with the item itself. */
static yd_err item_settle(struct yd_doc *doc, uint32_t handle)
{
    struct item *it = item_at(doc, handle);
    if (item_ref(it) == REF_DELETED && !item_is_deleted(it)) {
        YD_TRY(yd_item_mark_deleted(doc, it));
    }
    const struct list *list = list_at(doc, it->list);
    uint32_t owner = type_at(doc, list->type)->owner;
    bool orphan = owner != NONE && item_is_deleted(item_at(doc, owner));
    bool outdated = list->key != NONE && it->right != NONE;
    return orphan || outdated ? yd_item_delete(doc, handle) : YD_OK;
}

yd_err yd_item_place(struct yd_doc *doc, uint32_t handle, struct place *place)
{
    if (is_contested(doc, place)) YD_TRY(conflict_scan(doc, item_at(doc, handle), place));
    YD_TRY(item_link(doc, handle, place));
    return item_settle(doc, handle);
}

static yd_err gc_append(struct yd_doc *doc, uint32_t index, uint32_t len)
{
    uint32_t clock = client_at(doc, index)->next;
    YD_TRY(yd_client_append(doc, index, INDEX_GC, len));
    return yd_ranges_add(doc, &client_at(doc, index)->dels, clock, len);
}

yd_err yd_integrate_known(struct yd_doc *doc, const struct wire *wire)
{
    uint32_t unused;
    if (wire->ref == REF_GC) return YD_OK;
    YD_TRY(yd_items_reserve(doc, 2));
    if (wire->flags & WIRE_ORIGIN) {
        uint32_t client = yd_client_find(doc, wire->origin.client);
        YD_TRY(clean_end(doc, client, wire->origin.clock, &unused));
    }
    if (wire->flags & WIRE_RIGHT) {
        uint32_t client = yd_client_find(doc, wire->right.client);
        YD_TRY(clean_start(doc, client, wire->right.clock, &unused));
    }
    return YD_OK;
}

yd_err yd_integrate(struct yd_doc *doc, uint32_t index, uint32_t clock, const struct wire *wire)
{
    uint32_t offset = client_at(doc, index)->next - clock;
    uint32_t len = wire->len - offset;
    YD_ASSERT(offset < wire->len);
    if (wire->ref == REF_GC) return gc_append(doc, index, len);

    YD_TRY(yd_items_reserve(doc, 4)); // itself and three cuts
    struct item fresh = {.clock = clock + offset,
                         .len = len,
                         .left = NONE,
                         .right = NONE,
                         .origin_client = NONE,
                         .right_client = NONE,
                         .who = index | (uint32_t)wire->ref << 24 | ITEM_LIVE};
    struct place place;
    YD_TRY(place_find(doc, &fresh, wire, offset, &place));
    if (place.list == NONE) return gc_append(doc, index, len);
    uint32_t handle = yd_item_new(doc);
    *item_at(doc, handle) = fresh;
    YD_TRY(yd_client_append(doc, index, handle, len));
    YD_TRY(content_store(doc, handle, wire, offset));
    return yd_item_place(doc, handle, &place);
}
