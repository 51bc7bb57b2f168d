/* integrate.c - one struct into the document: finds its place among concurrent ones.
 *
 * Where it sits:   apply.c -> here -> split.c, types.c, deletes.c
 * Source:          Yjs Item.getMissing, Item.integrate (the YATA rule); rules U24 to U29 in
 *                  docs/encoding.md
 *
 * How it works
 *   1. the neighbours that the author saw are looked up, and cut free if they are inside items
 *   2. the list comes from them or from the wire; without a list the struct becomes GC
 *   3. if something stands between the neighbours by now, it is concurrent: conflict.c decides
 *   4. link, append to the client, and what the content asks for
 */
#include "integrate.h"

#include "codec.h"

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

yd_err yd_list_of(struct yd_doc *doc, const struct wire *wire, uint32_t owner, uint32_t *list)
{
    uint32_t type;
    if (wire->root) {
        doc->named += wire->name.len;
        YD_TRY(yd_root_intern(doc, wire->name, &type));
    } else {
        if (owner == INDEX_GC || item_ref(item_at(doc, owner)) != REF_TYPE) return YD_OK;
        type = item_at(doc, owner)->content;
    }
    if (wire->flags & WIRE_KEY) {
        doc->named += wire->key.len;
        return yd_key_intern(doc, type, wire->key, list);
    }
    *list = type_at(doc, type)->seq;
    return YD_OK;
}

const struct place yd_place_none = {NONE, NONE, NONE, {{NONE, 0}, {NONE, 0}}};

/* Steps 1 and 2. */
static yd_err place_find(struct yd_doc *doc, const struct item *it, const struct wire *wire,
                         uint32_t offset, struct place *place)
{
    *place = yd_place_none;
    struct origin *left = &place->origins.left, *right = &place->origins.right;
    if (wire->flags & WIRE_ORIGIN) {
        *left = (struct origin){yd_client_find(doc, wire->origin.client), wire->origin.clock};
        YD_TRY(clean_end(doc, left->client, left->clock, &place->left));
        if (place->left == INDEX_GC) return YD_OK;
    }
    if (wire->flags & WIRE_RIGHT) {
        *right = (struct origin){yd_client_find(doc, wire->right.client), wire->right.clock};
        YD_TRY(right_of(doc, place->left, right->client, right->clock, &place->right));
        if (place->right == INDEX_GC) return YD_OK;
    }
    if (offset > 0) {
        // The beginning is known: what is new follows it. Its list is that of its beginning,
        // whatever the wire says: a list must hold what is linked in it.
        *left = (struct origin){item_client(it), it->clock - 1};
        struct smap_pos pos;
        place->left = struct_at(doc, left->client, left->clock, &pos); // it ends there
        if (place->left == INDEX_GC) return YD_OK;
    }
    if (place->left != NONE) {
        place->list = item_list(doc, item_at(doc, place->left));
    } else if (place->right != NONE) {
        place->list = item_list(doc, item_at(doc, place->right));
    } else {
        uint32_t owner = INDEX_GC;
        if (!wire->root) {
            struct smap_pos pos;
            uint32_t client = yd_client_find(doc, wire->parent.client);
            owner = struct_at(doc, client, wire->parent.clock, &pos);
        }
        return yd_list_of(doc, wire, owner, &place->list);
    }
    return YD_OK;
}

static bool is_contested(const struct yd_doc *doc, const struct place *place)
{
    if (place->left != NONE) return item_at(doc, place->left)->right != place->right;
    if (place->right == NONE) return TRAVELS || list_at(doc, place->list)->head != NONE;
    return item_at(doc, place->right)->left != NONE;
}

/* Uses the anchor of the item that an item goes on from, if it says the same. */
static bool anchor_share(struct yd_doc *doc, struct item *it, const struct item *before,
                         const struct place *place)
{
    if (item_right_kind(before) != ORIGIN_KEPT) return false;
    struct anchor *anchor = item_anchor(doc, before);
    if (anchor_list(doc, anchor) != place->list ||
        !origin_equal(anchor->at, place->origins.right)) {
        return false;
    }
    anchor->users++;
    item_home_set(it, before->home & HOME_MASK, ORIGIN_OWN, ORIGIN_KEPT);
    return true;
}

/* Whether an item ends with an origin. One that was to did, unless what is to be right of it lies
 * inside it: then it was cut there, and what comes between is nowhere near its left origin. */
static inline bool ends_with(const struct yd_doc *doc, uint32_t handle, struct origin origin)
{
    const struct item *it = item_at(doc, handle);
    return it->clock + it->len - 1 == origin.clock;
}

/* Says the origins of a linked item. `before` was found by its left one, and the neighbour that the
 * author saw to the right begins with the other. */
static yd_err origins_set(struct yd_doc *doc, struct item *it, const struct place *place,
                          uint32_t before)
{
    struct origin from = place->origins.left;
    uint32_t left = ORIGIN_NONE, right = ORIGIN_NONE;
    if (from.client != NONE) {
        bool own = from.client == item_client(it) && from.clock + 1 == it->clock;
        bool beside = it->left == before && ends_with(doc, before, from);
        left = own ? ORIGIN_OWN : beside ? ORIGIN_SIDE : ORIGIN_KEPT;
    }
    if (place->origins.right.client != NONE) {
        right = it->right == place->right ? ORIGIN_SIDE : ORIGIN_KEPT;
    }
    item_home_set(it, place->list, left, right);
    bool goes_on = left == ORIGIN_OWN && right != ORIGIN_NONE && before != NONE;
    if (goes_on && anchor_share(doc, it, item_at(doc, before), place)) return YD_OK;
    if (left != ORIGIN_KEPT && right != ORIGIN_KEPT) return YD_OK;
    return yd_origins_keep(doc, it, place->list, &place->origins);
}

/* Step 4, first half: into the list behind place->left. before: the item with its left origin. */
static yd_err item_link(struct yd_doc *doc, uint32_t handle, const struct place *place,
                        uint32_t before)
{
    struct item *it = item_at(doc, handle);
    struct list *list = list_at(doc, place->list);
    struct item *left = place->left == NONE ? NULL : item_at(doc, place->left);
    it->left = place->left;
    it->right = left == NULL ? list->head : left->right;
    if (it->right != NONE) {
        struct item *right = item_at(doc, it->right);
        if (left != NULL) {
            YD_TRY(yd_origin_keep_right(doc, left));
            YD_TRY(yd_origin_keep_left(doc, right));
        }
        right->left = handle;
    }
    if (left == NULL) {
        list->head = handle;
    } else {
        left->right = handle;
    }
    YD_TRY(origins_set(doc, it, place, before));
    if (it->right != NONE || list->key == NONE) return YD_OK;
    list->tail = handle;
    // The value that was there is overwritten.
    return left == NULL ? YD_OK : yd_item_delete(doc, place->left);
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
    uint32_t off, unused;
    if (!TRAVELS && offset == 0) {
        YD_TRY(yd_text_append(doc, wire->content, &off));
    } else {
        bool half;
        yd_slice tail = yd_content_tail(wire->ref, wire->content, wire->len, offset, &half);
        YD_TRY(yd_text_append(doc, half ? YD_LITERAL("\xef\xbf\xbd") : YD_EMPTY, &off));
        YD_TRY(yd_text_append(doc, tail, &unused));
    }
    uint32_t bytes = doc->text.len - off;
    return bytes == 0 ? YD_OK : item_extent_set(doc, it, (struct extent){off, bytes});
}

/* Step 4, second half: deletions that come with the item itself. */
static yd_err item_settle(struct yd_doc *doc, uint32_t handle)
{
    struct item *it = item_at(doc, handle);
    if (item_ref(it) == REF_DELETED && !item_is_deleted(it)) {
        YD_TRY(yd_item_mark_deleted(doc, it));
    }
    const struct list *list = list_at(doc, item_list(doc, it));
    uint32_t owner = type_at(doc, list->type)->owner;
    bool orphan = owner != NONE && item_is_deleted(item_at(doc, owner));
    bool outdated = list->key != NONE && it->right != NONE;
    return orphan || outdated ? yd_item_delete(doc, handle) : YD_OK;
}

yd_err yd_item_place(struct yd_doc *doc, uint32_t handle, struct place *place)
{
    uint32_t before = place->left;
    if (is_contested(doc, place)) YD_TRY(yd_conflict_scan(doc, handle, place));
    YD_TRY(item_link(doc, handle, place, before));
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
