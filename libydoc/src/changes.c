/* changes.c - what a transaction changed, by list.
 *
 * Where it sits:   cleanup.c -> here, before anything is collected; the caller -> yd_doc_change()
 * Source:          Yjs addChangedTypeToTransaction, YEvent.adds, YEvent.deletes; rule U115 in
 *                  docs/encoding.md
 */
#include "ydoc/changes.h"

#include "codec.h"
#include "read.h"

/* What happened in one list. */
struct noted {
    uint32_t list;
    uint32_t key_change; /* of a key: enum yd_key_change */
    uint64_t inserted;
    uint64_t deleted;
    uint64_t marks;
};

static struct noted *noted_at(const struct yd_doc *doc, size_t i)
{
    return (struct noted *)doc->changes.at + i;
}

static bool is_old(const struct yd_doc *doc, const struct item *it)
{
    return it->clock < client_before(doc, item_client(it));
}

/* Whether a change in a list is one of its own, and not part of that of a new or deleted type. */
static bool list_is_told(const struct yd_doc *doc, uint32_t list)
{
    uint32_t owner = type_at(doc, list_at(doc, list)->type)->owner;
    if (owner == NONE) return true;
    const struct item *it = item_at(doc, owner);
    return is_old(doc, it) && !item_is_deleted(it);
}

static yd_err item_note(struct yd_doc *doc, const struct item *it, bool gone)
{
    uint32_t list = item_list(doc, it);
    if (!list_is_told(doc, list)) return YD_OK;
    uint32_t n = doc->changes.count;
    struct noted *noted = n > 0 ? noted_at(doc, n - 1) : NULL;
    if (noted == NULL || noted->list != list) {
        YD_TRY(yd_vec_reserve(doc, &doc->changes, 1, sizeof *noted));
        noted = noted_at(doc, doc->changes.count++);
        *noted = (struct noted){.list = list};
    }
    uint32_t ref = item_ref(it);
    if (ref == REF_FORMAT || ref == REF_FORMAT_ANY) {
        noted->marks++;
    } else if (gone) {
        noted->deleted += it->len;
    } else {
        noted->inserted += it->len;
    }
    return YD_OK;
}

/* Items of a client from a clock to another that are deleted or are not. */
static yd_err span_note(struct yd_doc *doc, uint32_t client, uint32_t clock, uint32_t end,
                        bool gone)
{
    struct smap *index = &client_at(doc, client)->index;
    struct smap_pos pos;
    bool found = yd_smap_find(index, clock, &pos);
    YD_ASSERT(found);
    for (; !smap_is_end(index, pos) && smap_key(index, pos) < end; pos = smap_next(index, pos)) {
        uint32_t handle = smap_value(index, pos);
        if (handle == INDEX_GC) continue;
        const struct item *it = item_at(doc, handle);
        if (gone ? is_old(doc, it) : !item_is_deleted(it)) YD_TRY(item_note(doc, it, gone));
    }
    return YD_OK;
}

static void noted_sift(struct noted *heap, size_t root, size_t n)
{
    for (size_t child; (child = root * 2 + 1) < n; root = child) {
        if (child + 1 < n && heap[child].list < heap[child + 1].list) child++;
        if (heap[root].list >= heap[child].list) return;
        struct noted kept = heap[root];
        heap[root] = heap[child];
        heap[child] = kept;
    }
}

static void changes_sort(struct yd_doc *doc)
{
    struct noted *heap = doc->changes.at;
    size_t n = doc->changes.count;
    for (size_t i = n / 2; i-- > 0;) noted_sift(heap, i, n);
    while (n > 1) {
        struct noted kept = heap[0];
        heap[0] = heap[--n];
        heap[n] = kept;
        noted_sift(heap, 0, n);
    }
}

/* One entry for each list. */
static void changes_join(struct yd_doc *doc)
{
    uint32_t kept = 0;
    for (uint32_t i = 1; i < doc->changes.count; i++) {
        struct noted *last = noted_at(doc, kept);
        const struct noted *next = noted_at(doc, i);
        if (next->list != last->list) {
            *noted_at(doc, ++kept) = *next;
            continue;
        }
        last->inserted += next->inserted;
        last->deleted += next->deleted;
        last->marks += next->marks;
    }
    if (doc->changes.count > 0) doc->changes.count = kept + 1;
}

/* Whether an item was deleted by this transaction. */
static bool deleted_now(const struct yd_doc *doc, const struct item *it)
{
    const struct span *spans = doc->txn.dels.at;
    uint32_t low = 0;
    uint32_t high = doc->txn.dels.count;
    uint32_t client = item_client(it);
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        const struct span *span = &spans[mid];
        bool after =
            span->client != client ? span->client < client : span->clock + span->len <= it->clock;
        if (after) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < doc->txn.dels.count && spans[low].client == client &&
           spans[low].clock <= it->clock;
}

/* Whether a key had a value before that is gone now: the last of its items that are not new. */
static bool key_lost_value(const struct yd_doc *doc, uint32_t at)
{
    while (at != NONE && !is_old(doc, item_at(doc, at))) at = item_at(doc, at)->left;
    return at != NONE && deleted_now(doc, item_at(doc, at));
}

/* Says what became of a key; 0: nothing that shows. */
static uint32_t key_change(const struct yd_doc *doc, const struct list *list)
{
    if (list->tail == NONE) return 0;
    const struct item *now = item_at(doc, list->tail);
    bool lost = key_lost_value(doc, list->tail);
    if (item_is_deleted(now)) return lost ? YD_KEY_DELETED : 0;
    if (is_old(doc, now)) return 0;
    return lost ? YD_KEY_UPDATED : YD_KEY_ADDED;
}

yd_err yd_changes_note(struct yd_doc *doc)
{
    YD_TRY(yd_txn_complete(doc)); // a load counts as the same update by the long way
    const struct touched *touched = doc->txn.touched.at;
    doc->changes.count = 0;
    for (uint32_t i = 0; i < doc->txn.touched.count; i++) {
        uint32_t from = touched[i].before, to = client_at(doc, touched[i].client)->next;
        if (from < to) YD_TRY(span_note(doc, touched[i].client, from, to, false));
    }
    const struct span *dels = doc->txn.dels.at;
    for (uint32_t i = 0; i < doc->txn.dels.count; i++) {
        YD_TRY(span_note(doc, dels[i].client, dels[i].clock, dels[i].clock + dels[i].len, true));
    }
    changes_sort(doc);
    changes_join(doc);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < doc->changes.count; i++) {
        struct noted noted = *noted_at(doc, i);
        const struct list *list = list_at(doc, noted.list);
        if (list->key != NONE) {
            noted.key_change = key_change(doc, list);
            if (noted.key_change == 0) continue;
        }
        *noted_at(doc, kept++) = noted;
    }
    doc->changes.count = kept;
    return YD_OK;
}

void yd_changes_deinit(struct yd_doc *doc)
{
    yd_vec_free(doc, &doc->changes, sizeof(struct noted));
}

size_t yd_doc_change_count(const struct yd_doc *doc)
{
    return doc->broken || yd_edit_is_open(doc) ? 0 : doc->changes.count;
}

struct yd_change yd_doc_change(const struct yd_doc *doc, size_t i)
{
    YD_ASSERT(i < doc->changes.count);
    const struct noted *noted = noted_at(doc, i);
    const struct list *list = list_at(doc, noted->list);
    struct yd_change change = {.type = yd_type_ref_of(doc, list->type), .key = YD_EMPTY};
    uint32_t type = list->type;
    while (type_at(doc, type)->owner != NONE) {
        type = list_at(doc, item_list(doc, item_at(doc, type_at(doc, type)->owner)))->type;
    }
    change.root = name_text(doc, type_at(doc, type)->name);
    change.has_key = list->key != NONE;
    if (change.has_key) {
        change.key = name_text(doc, list->key);
        change.key_change = (enum yd_key_change)noted->key_change;
    } else {
        change.inserted = noted->inserted;
        change.deleted = noted->deleted;
        change.marks = noted->marks;
    }
    return change;
}
