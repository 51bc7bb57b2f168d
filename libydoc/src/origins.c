/* origins.c - what an author saw beside an item, in as few bytes as it takes.
 *
 * Where it sits:   integrate.c, split.c, items.c -> here -> mem.c
 *
 * The two origins and the list of an item never change, and would be 20 of its 48 bytes. Nine items
 * in ten need neither origin: they go on where their author was, or their neighbours are still
 * those that the author saw. So an item says of which kind its origins are, and only what cannot be
 * read off a neighbour is kept in an anchor. Whoever puts something between two items calls
 * yd_origin_keep_left() and yd_origin_keep_right() before.
 *
 * Invariants (yd_doc_check, O1 and O2):
 *   O1  an item with an origin of kind ORIGIN_SIDE has that neighbour
 *   O2  the users of all anchors are the items that have one
 */
#include "codec.h"
#include "tables.h"

static yd_err anchor_new(struct yd_doc *doc, uint32_t list, uint32_t *handle)
{
    uint32_t fresh = doc->anchor_free;
    if (fresh != NONE) {
        doc->anchor_free = anchor_at(doc, fresh)->list;
    } else {
        YD_TRY(yd_vec_reserve(doc, &doc->anchors, 1, sizeof(struct anchor)));
        fresh = doc->anchors.count++;
    }
    *anchor_at(doc, fresh) = (struct anchor){list, 1, {NONE, 0}};
    *handle = fresh;
    return YD_OK;
}

static void anchor_free(struct yd_doc *doc, uint32_t handle)
{
    anchor_at(doc, handle)->list = doc->anchor_free;
    doc->anchor_free = handle;
}

void yd_origins_drop(struct yd_doc *doc, const struct item *it)
{
    if (!item_is_anchored(it)) return;
    struct anchor *anchor = item_anchor(doc, it);
    if (--anchor->users > 0) return;
    if ((anchor->list & ANCHOR_PAIR) != 0) anchor_free(doc, anchor->list & ~ANCHOR_PAIR);
    anchor_free(doc, it->home & HOME_MASK);
}

/* Gives an item an anchor of its own, unless it has one. */
static yd_err anchor_need(struct yd_doc *doc, const struct item *it, uint32_t *handle)
{
    *handle = it->home & HOME_MASK;
    return item_is_anchored(it) ? YD_OK : anchor_new(doc, *handle, handle);
}

/* Makes an anchor one of a pair. */
static yd_err left_keep(struct yd_doc *doc, uint32_t anchor, struct origin origin)
{
    uint32_t left;
    YD_ASSERT((anchor_at(doc, anchor)->list & ANCHOR_PAIR) == 0);
    YD_TRY(anchor_new(doc, anchor_at(doc, anchor)->list, &left));
    anchor_at(doc, left)->users = 0;
    anchor_at(doc, left)->at = origin;
    anchor_at(doc, anchor)->list = left | ANCHOR_PAIR;
    return YD_OK;
}

yd_err yd_origins_keep(struct yd_doc *doc, struct item *it, uint32_t list,
                       const struct origins *origins)
{
    uint32_t anchor;
    YD_TRY(anchor_new(doc, list, &anchor));
    anchor_at(doc, anchor)->at = origins->right;
    item_home_set(it, anchor, item_left_kind(it), item_right_kind(it));
    return item_left_kind(it) == ORIGIN_KEPT ? left_keep(doc, anchor, origins->left) : YD_OK;
}

yd_err yd_origin_write_left(struct yd_doc *doc, struct item *it)
{
    uint32_t anchor;
    YD_TRY(anchor_need(doc, it, &anchor));
    YD_TRY(left_keep(doc, anchor, item_origin(doc, it)));
    item_home_set(it, anchor, ORIGIN_KEPT, item_right_kind(it));
    return YD_OK;
}

yd_err yd_origin_write_right(struct yd_doc *doc, struct item *it)
{
    uint32_t anchor;
    YD_TRY(anchor_need(doc, it, &anchor));
    anchor_at(doc, anchor)->at = item_right_origin(doc, it);
    item_home_set(it, anchor, item_left_kind(it), ORIGIN_KEPT);
    return YD_OK;
}

yd_err yd_origins_split(struct yd_doc *doc, struct item *left, struct item *right)
{
    YD_TRY(yd_origin_keep_right(doc, left));
    if (item_right_kind(left) == ORIGIN_NONE) {
        item_home_set(right, item_list(doc, left), ORIGIN_OWN, ORIGIN_NONE);
        return YD_OK;
    }
    item_anchor(doc, left)->users++;
    item_home_set(right, left->home & HOME_MASK, ORIGIN_OWN, ORIGIN_KEPT);
    return YD_OK;
}

void yd_origin_settle(struct yd_doc *doc, struct item *it)
{
    if (item_right_kind(it) != ORIGIN_KEPT || it->right == NONE) return;
    struct origin origin = item_anchor(doc, it)->at;
    const struct item *right = item_at(doc, it->right);
    if (item_client(right) != origin.client || right->clock != origin.clock) return;
    uint32_t left = item_left_kind(it);
    uint32_t home = it->home & HOME_MASK;
    if (left != ORIGIN_KEPT) {
        home = item_list(doc, it);
        yd_origins_drop(doc, it);
    }
    item_home_set(it, home, left, ORIGIN_SIDE);
}
