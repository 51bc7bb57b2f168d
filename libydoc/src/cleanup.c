/* cleanup.c - the end of a transaction: collects what was deleted and joins neighbours.
 *
 * Where it sits:   apply.c -> here -> split.c, types.c, text.c
 * Source:          Yjs cleanupTransactions, tryGcDeleteSet, tryMergeDeleteSet, Item.gc; rules U40
 *                  to U43 in docs/encoding.md
 *
 * The order is that of Yjs, because it decides which neighbours end up as one struct:
 *   1. sort and join the spans that were deleted
 *   2. collect: content of deleted items goes, whatever lies below a deleted type becomes GC
 *   3. join along the deleted spans, from their right ends
 *   4. join what is new of each client, from its end
 *   5. join around the items that were split or uncovered, last one first
 */
#include "codec.h"
#include "tables.h"

static bool span_before(const struct span *a, const struct span *b)
{
    return a->client != b->client ? a->client < b->client : a->clock < b->clock;
}

/* End of the ascending run that begins at `from`. */
static uint32_t span_run(const struct span *spans, uint32_t from, uint32_t n)
{
    uint32_t end = from + 1;
    while (end < n && !span_before(&spans[end], &spans[end - 1])) end++;
    return end;
}

/* Merges two runs that lie one behind the other. */
static void spans_merge(struct span *to, const struct span *from, uint32_t mid, uint32_t end)
{
    uint32_t a = 0;
    uint32_t b = mid;
    for (uint32_t i = 0; i < end; i++) {
        bool second = a == mid || (b < end && span_before(&from[b], &from[a]));
        to[i] = from[second ? b++ : a++];
    }
}

/* Merges pairs of runs until one is left. Deletes come in long runs, mostly in a single one. */
static yd_err spans_sort(struct yd_doc *doc, struct vec *vec)
{
    uint32_t n = vec->count;
    if (span_run(vec->at, 0, n) == n) return YD_OK;
    struct vec *spare = &doc->notes; // booked by now
    spare->count = 0;
    YD_TRY(yd_vec_reserve(doc, spare, n, sizeof(struct span)));
    for (uint32_t merged = 0; merged != 1;) {
        const struct span *from = vec->at;
        merged = 0;
        for (uint32_t i = 0; i < n; merged++) {
            uint32_t mid = span_run(from, i, n);
            uint32_t end = mid < n ? span_run(from, mid, n) : n;
            spans_merge((struct span *)spare->at + i, from + i, mid - i, end - i);
            i = end;
        }
        struct vec kept = *vec;
        *vec = (struct vec){spare->at, n, spare->cap};
        *spare = (struct vec){kept.at, 0, kept.cap};
    }
    return YD_OK;
}

yd_err yd_spans_normalise(struct yd_doc *doc, struct vec *vec)
{
    if (vec->count < 2) return YD_OK;
    YD_TRY(spans_sort(doc, vec));
    struct span *spans = vec->at;
    uint32_t kept = 0;
    for (uint32_t i = 1; i < vec->count; i++) {
        struct span *last = &spans[kept];
        if (spans[i].client == last->client && spans[i].clock <= last->clock + last->len) {
            uint32_t end = spans[i].clock + spans[i].len;
            if (end > last->clock + last->len) last->len = end - last->clock;
        } else {
            spans[++kept] = spans[i];
        }
    }
    vec->count = kept + 1;
    return YD_OK;
}

static void content_drop(struct yd_doc *doc, struct item *it)
{
    struct extent place = item_extent(doc, it);
    yd_text_drop(doc, place.off, place.bytes);
    yd_item_extent_drop(doc, it);
}

void yd_item_strip(struct yd_doc *doc, struct item *it)
{
    content_drop(doc, it);
    item_set_ref(it, REF_DELETED);
}

/* Replaces an item below a collected type by a GC entry. */
static yd_err item_collect(struct yd_doc *doc, uint32_t handle)
{
    struct item *it = item_at(doc, handle);
    // A piece behind a key that was cut is collected without having been deleted; for Yjs, too, it
    // is deleted from then on.
    if (!item_is_deleted(it)) {
        YD_TRY(yd_ranges_add(doc, &client_at(doc, item_client(it))->dels, it->clock, it->len));
    }
    struct smap *index = &client_at(doc, item_client(it))->index;
    struct smap_pos pos;
    bool found = yd_smap_find(index, it->clock, &pos);
    YD_ASSERT(found && smap_value(index, pos) == handle);
    YD_TRY(smap_set(doc, index, pos, INDEX_GC));
    content_drop(doc, it);
    yd_item_free(doc, handle);
    return YD_OK;
}

/* Takes the next item out of a type: the sequence from its head, then each key from its tail.
 * A type among them stays until it is empty itself. */
static uint32_t type_next_item(struct yd_doc *doc, uint32_t type)
{
    struct list *seq = list_at(doc, type_at(doc, type)->seq);
    if (seq->head != NONE) return seq->head;
    while (type_at(doc, type)->first_key != NONE) {
        uint32_t tail = list_at(doc, type_at(doc, type)->first_key)->tail;
        if (tail != NONE) return tail;
        yd_key_free_first(doc, type);
    }
    return NONE;
}

static void item_unlink(struct yd_doc *doc, const struct item *it)
{
    struct list *list = list_at(doc, item_list(doc, it));
    if (list->key == NONE) {
        list->head = it->right;
    } else {
        list->tail = it->left;
    }
}

static void type_drop(struct yd_doc *doc, uint32_t type)
{
    const struct type *t = type_at(doc, type);
    if (t->name_len > 0) yd_text_drop(doc, t->name, t->name_len);
    yd_type_free(doc, type);
}

/* Collects everything below a type item, deepest first, by taking the tree apart. */
static yd_err type_collect(struct yd_doc *doc, uint32_t top)
{
    uint32_t type = item_at(doc, top)->content;
    for (;;) {
        uint32_t at = type_next_item(doc, type);
        if (at != NONE && item_ref(item_at(doc, at)) == REF_TYPE) {
            type = item_at(doc, at)->content;
        } else if (at != NONE) {
            item_unlink(doc, item_at(doc, at));
            YD_TRY(item_collect(doc, at));
        } else {
            uint32_t owner = type_at(doc, type)->owner;
            type_drop(doc, type);
            if (owner == top) return YD_OK;
            struct item *it = item_at(doc, owner);
            type = list_at(doc, item_list(doc, it))->type;
            item_unlink(doc, it);
            YD_TRY(item_collect(doc, owner));
        }
    }
}

static yd_err span_collect(struct yd_doc *doc, const struct span *span)
{
    struct smap *index = &client_at(doc, span->client)->index;
    struct smap_pos pos;
    bool found = yd_smap_find(index, span->clock, &pos);
    YD_ASSERT(found);
    for (; !smap_is_end(index, pos) && smap_key(index, pos) < span->clock + span->len;
         pos = smap_next(index, pos)) {
        uint32_t handle = smap_value(index, pos);
        if (handle == INDEX_GC || !item_is_deleted(item_at(doc, handle))) continue;
        struct item *it = item_at(doc, handle);
        if (item_ref(it) == REF_DELETED) continue;
        if (item_ref(it) == REF_TYPE) YD_TRY(type_collect(doc, handle));
        yd_item_strip(doc, it);
    }
    return YD_OK;
}

/* yd_merge_left(), where what cannot be joined is not even called so: an item that does not go on
 * from the clock before it. */
static inline yd_err entry_join(struct yd_doc *doc, struct client *client, struct smap_pos *pos,
                                uint32_t *merged)
{
    uint32_t value = TRAVELS ? INDEX_GC : smap_value(&client->index, *pos); // wasm: no look
    if (value == INDEX_GC || item_left_kind(item_at(doc, value)) == ORIGIN_OWN) {
        return yd_merge_left(doc, client, pos, merged);
    }
    *merged = 0;
    return YD_OK;
}

/* Joins entries from *pos to the left as long as they begin at or behind `from`. */
static yd_err join_down(struct yd_doc *doc, struct client *client, struct smap_pos pos,
                        uint32_t from)
{
    while (smap_key(&client->index, pos) >= from) {
        uint32_t merged;
        YD_TRY(entry_join(doc, client, &pos, &merged));
        if (!smap_prev(&client->index, &pos)) break;
    }
    return YD_OK;
}

static yd_err span_join(struct yd_doc *doc, const struct span *span)
{
    struct client *client = client_at(doc, span->client);
    struct smap_pos pos;
    bool found = yd_smap_find(&client->index, span->clock + span->len - 1, &pos);
    YD_ASSERT(found);
    struct smap_pos next = smap_next(&client->index, pos);
    return join_down(doc, client, smap_is_end(&client->index, next) ? pos : next, span->clock);
}

/* Yjs begins at index max(position of the old state, 1): the entry that holds the old state's
 * clock is joined with what lies before it. */
static yd_err fresh_join(struct yd_doc *doc, const struct touched *touched)
{
    struct client *client = client_at(doc, touched->client);
    if (client->next == touched->before) return YD_OK;
    struct smap_pos last = smap_last(&client->index), pos = last;
    bool found = smap_key(&client->index, last) <= touched->before ||
                 yd_smap_find(&client->index, touched->before, &pos);
    YD_ASSERT(found);
    return join_down(doc, client, last, smap_key(&client->index, pos));
}

static yd_err cand_join(struct yd_doc *doc, const struct span *cand)
{
    struct client *client = client_at(doc, cand->client);
    struct smap_pos pos;
    bool found = yd_smap_find(&client->index, cand->clock, &pos);
    YD_ASSERT(found);
    uint32_t merged = 0;
    uint32_t clock = smap_key(&client->index, pos);
    struct smap_pos next = smap_next(&client->index, pos);
    if (!smap_is_end(&client->index, next)) {
        YD_TRY(entry_join(doc, client, &next, &merged));
        if (merged > 1) return YD_OK;
        if (merged == 1) {
            found = yd_smap_find(&client->index, clock, &pos);
            YD_ASSERT(found);
        }
    }
    return entry_join(doc, client, &pos, &merged);
}

yd_err yd_txn_cleanup(struct yd_doc *doc)
{
    struct txn *txn = &doc->txn;
    if (txn->apart && txn->dels.count == 0 && !doc->opts.note_changes) return YD_OK;
    YD_TRY(yd_spans_normalise(doc, &txn->dels));
    if (txn->settled) {
        text_compact(doc);
        return YD_OK;
    }
    if (doc->opts.note_changes) YD_TRY(yd_changes_note(doc));
    const struct span *dels = txn->dels.at;
    if (!doc->opts.keep_deleted) {
        for (uint32_t i = txn->dels.count; i-- > 0;) YD_TRY(span_collect(doc, &dels[i]));
    }
    for (uint32_t i = txn->dels.count; i-- > 0;) YD_TRY(span_join(doc, &dels[i]));
    const struct touched *touched = txn->touched.at;
    for (uint32_t i = 0; i < txn->touched.count; i++) YD_TRY(fresh_join(doc, &touched[i]));
    const struct span *cands = txn->cands.at;
    for (uint32_t i = txn->cands.count; i-- > 0;) YD_TRY(cand_join(doc, &cands[i]));
    text_compact(doc);
    return YD_OK;
}
