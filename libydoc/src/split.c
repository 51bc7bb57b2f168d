/* split.c - items cut in two and joined again.
 *
 * Where it sits:   integrate.c, deletes.c, cleanup.c -> here -> text.c, smap.c
 * Source:          Yjs splitItem, ContentString.splice, tryToMergeWithLefts; rules U20 to U22 in
 *                  docs/encoding.md
 */
#include "codec.h"
#include "wire.h"

#include <string.h>

static const uint8_t half_pair[3] = {0xef, 0xbf, 0xbd}; /* U+FFFD */

/* Cuts a text inside a surrogate pair: both halves become U+FFFD. The left one takes the place of
 * the character, the right part moves because it got longer. */
static yd_err text_split_pair(struct yd_doc *doc, struct extent *left, struct extent *right)
{
    uint32_t tail = right->bytes;
    YD_TRY(yd_arena_reserve(doc, &doc->text, tail + sizeof half_pair));
    uint8_t *base = doc->text.ptr;
    uint32_t cut = right->off; // behind the character
    *right = (struct extent){doc->text.len, tail + (uint32_t)sizeof half_pair};
    memcpy(base + right->off, half_pair, sizeof half_pair);
    memcpy(base + right->off + sizeof half_pair, base + cut, tail);
    doc->text.len += right->bytes;
    memcpy(base + cut - 4, half_pair, sizeof half_pair);
    left->bytes--;
    yd_text_drop(doc, cut - 1, tail + 1);
    return YD_OK;
}

/* Divides content and length; `right` is still a copy of `left`. */
static yd_err content_split(struct yd_doc *doc, struct item *left, struct item *right,
                            uint32_t offset)
{
    uint32_t ref = item_ref(left);
    uint32_t len = left->len;
    struct extent all = item_extent(doc, left);
    right->who &= ~(ITEM_PLAIN | ITEM_EXTENT);
    left->len = offset;
    right->len = len - offset;
    if (ref == REF_DELETED) return YD_OK;
    bool half;
    yd_slice bytes = text_slice(doc, all.off, all.bytes);
    uint32_t tail = (uint32_t)yd_content_tail(ref, bytes, len, offset, &half).len;
    struct extent from = {all.off, all.bytes - tail}, to = {all.off + all.bytes - tail, tail};
    if (half) YD_TRY(text_split_pair(doc, &from, &to));
    YD_TRY(item_extent_set(doc, right, to));
    return item_extent_set(doc, left, from); // which it has already, or does not need
}

yd_err yd_item_split(struct yd_doc *doc, struct smap_pos *pos, uint32_t handle, uint32_t offset,
                     uint32_t *right)
{
    YD_TRY(yd_vec_reserve(doc, &doc->txn.cands, 1, sizeof(struct span)));
    uint32_t fresh = yd_item_new(doc);
    struct item *l = item_at(doc, handle);
    struct item *r = item_at(doc, fresh);
    YD_ASSERT(offset > 0 && offset < l->len);
    *r = *l;
    YD_TRY(content_split(doc, l, r, offset));
    r->clock = l->clock + offset;
    YD_TRY(yd_origins_split(doc, l, r));
    r->left = handle;
    l->right = fresh;
    if (r->right != NONE) {
        item_at(doc, r->right)->left = fresh;
    } else if (list_at(doc, item_list(doc, r))->key != NONE) {
        list_at(doc, item_list(doc, r))->tail = fresh;
    }
    struct vec *cands = &doc->txn.cands;
    ((struct span *)cands->at)[cands->count++] = (struct span){item_client(l), r->clock, 0};
    doc->structs++;
    *right = fresh;
    return yd_smap_insert_after(doc, &client_at(doc, item_client(l))->index, pos, r->clock, fresh);
}

static bool ref_is_mergeable(uint32_t ref)
{
    return ref == REF_STRING || ref == REF_DELETED || ref == REF_ANY || ref == REF_JSON;
}

static inline bool rights_equal(const struct yd_doc *doc, const struct item *l,
                                const struct item *r)
{
    if (l->home >> HOME_RIGHT == ORIGIN_NONE && r->home >> HOME_RIGHT == ORIGIN_NONE) return true;
    return origin_equal(item_right_origin(doc, l), item_right_origin(doc, r));
}

static inline bool entries_fit(const struct yd_doc *doc, uint32_t left, uint32_t right)
{
    if (left == INDEX_GC || right == INDEX_GC) return left == right;
    const struct item *r = item_at(doc, right);
    if (r->left != left || item_left_kind(r) != ORIGIN_OWN) return false;
    const struct item *l = item_at(doc, left);
    return ((l->who ^ r->who) & ~(ITEM_PLAIN | ITEM_EXTENT)) == 0 &&
           ref_is_mergeable(item_ref(l)) && rights_equal(doc, l, r);
}

bool yd_entries_fit(const struct yd_doc *doc, uint32_t left, uint32_t right)
{
    return entries_fit(doc, left, right);
}

/* Puts `right`, the next item of list and index, into `left`. */
static yd_err item_absorb(struct yd_doc *doc, uint32_t left, uint32_t right)
{
    struct item *l = item_at(doc, left);
    struct item *r = item_at(doc, right);
    if (item_ref(l) == REF_DELETED) {
        l->len += r->len;
    } else {
        YD_TRY(yd_text_join(doc, l, r));
    }
    l->right = r->right;
    if (r->right != NONE) item_at(doc, r->right)->left = left;
    struct list *list = list_at(doc, item_list(doc, r));
    if (list->tail == right) list->tail = left;
    yd_item_free(doc, right);
    yd_origin_settle(doc, l);
    return YD_OK;
}

yd_err yd_merge_left(struct yd_doc *doc, struct client *client, struct smap_pos *pos,
                     uint32_t *merged)
{
    struct smap *index = &client->index;
    uint32_t n = 0;
    struct smap_pos first = *pos;
    struct smap_pos prev = first;
    uint32_t left = smap_value(index, first);
    while (smap_prev(index, &prev)) {
        uint32_t before = smap_value(index, prev);
        if (!entries_fit(doc, before, left)) break;
        left = before;
        first = prev;
        n++;
    }
    *merged = n;
    if (n == 0) return YD_OK;
    // From left to right: each join then only adds to a run that may have room to grow.
    struct smap_pos at = first;
    for (uint32_t i = 0; i < n && left != INDEX_GC; i++) {
        at = smap_next(index, at);
        YD_TRY(item_absorb(doc, left, smap_value(index, at)));
    }
    YD_TRY(yd_smap_remove_after(doc, index, first, n));
    doc->structs -= n;
    *pos = first;
    return YD_OK;
}

static bool client_fits(const struct yd_doc *doc, const struct smap *index)
{
    uint32_t last = NONE;
    for (uint32_t c = 0; c < smap_chunks(index); c++) {
        const struct smap_chunk *chunk = smap_chunk_at(index, c);
        uint32_t room[SMAP_CHUNK];
        const uint32_t *values = smap_chunk_values(chunk, room);
        for (uint32_t i = 0; i < chunk->count; last = values[i++]) {
            bool joins = values[i] == INDEX_GC
                             ? last == INDEX_GC
                             : item_left_kind(item_at(doc, values[i])) == ORIGIN_OWN;
            if (joins && last != NONE && entries_fit(doc, last, values[i])) return true;
        }
    }
    return false;
}

bool yd_any_fit(const struct yd_doc *doc)
{
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        if (client_fits(doc, &client_at(doc, i)->index)) return true;
    }
    return false;
}
