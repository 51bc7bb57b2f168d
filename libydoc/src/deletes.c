/* deletes.c - marks items as deleted and keeps each client's deleted ranges.
 *
 * Where it sits:   apply.c, integrate.c -> here -> smap.c, split.c
 * Source:          Yjs readAndApplyDeleteSet, Item.delete, ContentType.delete; rules U30 to U33 in
 *                  docs/encoding.md
 *
 * The ranges hold what Yjs computes from all structs for each delete set that it sends. Here an
 * encoding costs O(ranges), and a delete set that is known is recognised without an item.
 *
 * Invariants (yd_doc_check, D1, D2):
 *   D1  ranges of a client do not touch; together they are its deleted and collected clocks
 *   D2  a deleted item with keep_deleted off has no content but its length
 */
#include "codec.h"
#include "tables.h"

yd_err yd_ranges_add(struct yd_doc *doc, struct smap *ranges, uint32_t clock, uint32_t len)
{
    uint32_t end = clock + len;
    struct smap_pos pos;
    if (!yd_smap_find(ranges, clock, &pos)) {
        YD_TRY(yd_smap_insert_first(doc, ranges, clock, len));
        pos = smap_first();
    } else {
        uint32_t first = smap_key(ranges, pos);
        uint32_t first_end = first + smap_value(ranges, pos);
        if (first_end >= end) return YD_OK;
        if (first_end >= clock) {
            YD_TRY(smap_set(doc, ranges, pos, end - first));
        } else {
            YD_TRY(yd_smap_insert_after(doc, ranges, &pos, clock, len));
        }
    }
    // What it reaches now is part of it.
    uint32_t first = smap_key(ranges, pos);
    uint32_t swallowed = 0;
    struct smap_pos next = smap_next(ranges, pos);
    for (; !smap_is_end(ranges, next) && smap_key(ranges, next) <= end;
         next = smap_next(ranges, next)) {
        uint32_t next_end = smap_key(ranges, next) + smap_value(ranges, next);
        if (next_end > end) end = next_end;
        swallowed++;
    }
    if (swallowed > 0) {
        smap_put(ranges, pos, end - first); // it was just changed, so it is open
        YD_TRY(yd_smap_remove_after(doc, ranges, pos, swallowed));
    }
    return YD_OK;
}

bool yd_ranges_cover(struct smap *ranges, uint32_t clock, uint32_t end)
{
    struct smap_pos pos;
    if (!yd_smap_find(ranges, clock, &pos)) return false;
    return smap_key(ranges, pos) + smap_value(ranges, pos) >= end;
}

yd_err yd_item_mark_deleted(struct yd_doc *doc, struct item *it)
{
    struct vec *dels = &doc->txn.dels;
    YD_TRY(yd_vec_reserve(doc, dels, 1, sizeof(struct span)));
    doc->version++;
    it->who |= ITEM_DELETED;
    struct span *end = (struct span *)dels->at + dels->count;
    bool joins = dels->count > 0 && end[-1].client == item_client(it) &&
                 end[-1].clock + end[-1].len == it->clock;
    if (joins) {
        end[-1].len += it->len;
    } else {
        *end = (struct span){item_client(it), it->clock, it->len};
        dels->count++;
    }
    return yd_ranges_add(doc, &client_at(doc, item_client(it))->dels, it->clock, it->len);
}

/* An item met below a deleted type. One that was deleted in an earlier transaction will be
 * collected now, and may then join its neighbours. */
static yd_err child_delete(struct yd_doc *doc, struct item *it)
{
    if (!item_is_deleted(it)) return yd_item_mark_deleted(doc, it);
    if (it->clock >= client_before(doc, item_client(it))) return YD_OK;
    struct vec *cands = &doc->txn.cands;
    YD_TRY(yd_vec_reserve(doc, cands, 1, sizeof(struct span)));
    ((struct span *)cands->at)[cands->count++] = (struct span){item_client(it), it->clock, 0};
    return YD_OK;
}

/* The first item at or behind key list `key` of a type that has one. */
static uint32_t key_item_from(const struct yd_doc *doc, uint32_t key)
{
    for (; key != NONE; key = list_at(doc, key)->next) {
        if (list_at(doc, key)->tail != NONE) return list_at(doc, key)->tail;
    }
    return NONE;
}

/* Item after `it` in the walk over its type: the sequence, then the current item of every key. */
static uint32_t sibling_after(const struct yd_doc *doc, const struct item *it)
{
    const struct list *list = list_at(doc, item_list(doc, it));
    if (list->key != NONE) return key_item_from(doc, list->next);
    if (it->right != NONE) return it->right;
    return key_item_from(doc, type_at(doc, list->type)->first_key);
}

static uint32_t type_first_item(const struct yd_doc *doc, uint32_t type)
{
    uint32_t head = list_at(doc, type_at(doc, type)->seq)->head;
    return head != NONE ? head : key_item_from(doc, type_at(doc, type)->first_key);
}

yd_err yd_item_delete(struct yd_doc *doc, uint32_t top)
{
    struct item *it = item_at(doc, top);
    if (item_is_deleted(it)) return YD_OK;
    YD_TRY(yd_item_mark_deleted(doc, it));
    if (item_ref(it) != REF_TYPE) return YD_OK;
    // Down into types, along their items, up over their owners: no stack to overflow.
    uint32_t at = type_first_item(doc, it->content);
    uint32_t type = it->content;
    for (;;) {
        while (at == NONE) {
            uint32_t owner = type_at(doc, type)->owner;
            if (owner == top) return YD_OK;
            it = item_at(doc, owner);
            type = list_at(doc, item_list(doc, it))->type;
            at = sibling_after(doc, it);
        }
        it = item_at(doc, at);
        bool was_live = !item_is_deleted(it);
        YD_TRY(child_delete(doc, it));
        if (was_live && item_ref(it) == REF_TYPE) {
            type = it->content;
            at = type_first_item(doc, type);
        } else {
            at = sibling_after(doc, it);
        }
    }
}

/* Whether clocks were deleted by this very transaction. Long transactions are not searched: the
 * answer no only costs a re-encoding of the update. */
static bool deleted_just_now(const struct yd_doc *doc, uint32_t client, uint32_t clock)
{
    const struct span *spans = doc->txn.dels.at;
    uint32_t n = doc->txn.dels.count;
    for (uint32_t i = n > 16 ? n - 16 : 0; i < n; i++) {
        if (spans[i].client == client && clock >= spans[i].clock &&
            clock - spans[i].clock < spans[i].len) {
            return true;
        }
    }
    return false;
}

/* Cuts an entry so that one begins at `clock`; pos moves to it. */
static yd_err entry_cut(struct yd_doc *doc, uint32_t client, struct smap_pos *pos, uint32_t clock)
{
    uint32_t handle = smap_value(&client_at(doc, client)->index, *pos);
    uint32_t right;
    YD_TRY(yd_items_reserve(doc, 1));
    return yd_item_split(doc, pos, handle, clock - item_at(doc, handle)->clock, &right);
}

/* Whether that is what was deleted last: a value that was overwritten is in the delete set too. */
static bool deleted_last(const struct yd_doc *doc, uint32_t client, uint32_t clock, uint32_t end)
{
    uint32_t n = doc->txn.dels.count;
    if (n == 0) return false;
    const struct span *last = (const struct span *)doc->txn.dels.at + n - 1;
    return last->client == client && clock >= last->clock && end <= last->clock + last->len;
}

yd_err yd_delete_range(struct yd_doc *doc, uint32_t index, uint32_t clock, uint32_t end)
{
    struct client *client = client_at(doc, index);
    YD_ASSERT(clock < end && end <= client->next);
    if (!TRAVELS && deleted_last(doc, index, clock, end)) return YD_OK;
    if (yd_ranges_cover(&client->dels, clock, end)) {
        if (clock < client_before(doc, index) && !deleted_just_now(doc, index, clock)) {
            doc->txn.known_part = true;
        }
        return YD_OK;
    }
    struct smap_pos pos;
    bool found = yd_smap_find(&client->index, clock, &pos);
    YD_ASSERT(found);
    for (bool first = true; !smap_is_end(&client->index, pos); first = false) {
        uint32_t start = smap_key(&client->index, pos);
        uint32_t value = smap_value(&client->index, pos);
        if (start >= end) break;
        if (value == INDEX_GC || item_is_deleted(item_at(doc, value))) {
            doc->txn.known_part = true;
            pos = smap_next(&client->index, pos);
            continue;
        }
        if (first && start < clock) {
            YD_TRY(entry_cut(doc, index, &pos, clock));
            continue; // now at the right part
        }
        if (client_entry_end(client, pos) > end) {
            struct smap_pos right = pos;
            YD_TRY(entry_cut(doc, index, &right, end));
            found = yd_smap_find(&client->index, start, &pos);
            YD_ASSERT(found);
        }
        YD_TRY(yd_item_delete(doc, value));
        pos = smap_next(&client->index, pos);
    }
    return YD_OK;
}
