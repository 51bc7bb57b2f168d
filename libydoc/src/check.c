/* check.c - tests every invariant of a document and aborts on a broken one.
 *
 * Where it sits:   tests and fuzzers -> yd_doc_check() -> all tables
 *
 *   S1  keys of a chunked map ascend strictly
 *   S2  no chunk is empty; the directory names the first key of each chunk
 *   S3  the total of a chunked map is the sum of its chunks
 *   C1  every client id occurs once and is found by its hash
 *   C2  by_id holds every client once; its first sorted_count ascend
 *   C3  the index of a client begins at clock 0, and each item in it says so and is as long as
 *       the distance to the next entry
 *   L1  a list is linked alike in both directions, and every item in it names the list
 *   L2  the tail of a key is its last item
 *   L3  a key occurs once in its type and is found by its hash
 *   L4  the type of a type item names that item as its owner
 *   O1  an item with an origin of kind ORIGIN_SIDE has that neighbour
 *   O2  the users of all anchors are the items that have one
 *   L5  every item of the indexes is in a list, and no other
 *   M1  between transactions no item is one with the item before it in the index
 *   T1  content lies inside the arena; live and dead bytes add up to its length
 *   D1  a client's ranges are its deleted and collected clocks, joined
 *   D2  unless deleted content is kept, a deleted item has none between transactions
 *   P1  a client's pending record and the client name each other
 *   P2  the counts of parked bytes, runs and ranges are right
 *   K1  a remembered unit is there, at the index remembered (edit_seek.c)
 *   K2  the marks remembered with it are those on there
 */
#include "codec.h"
#include "section.h"

static void check_smap(const struct smap *map)
{
    uint32_t total = 0;
    uint32_t last = 0;
    for (uint32_t c = 0; c < smap_chunks(map); c++) {
        const struct smap_chunk *chunk = smap_chunk_at(map, c);
        YD_ASSERT(chunk->count > 0 && (smap_is_packed(chunk) || chunk->count <= chunk->cap)); // S2
        if (smap_is_own(map) && !smap_is_packed(chunk)) YD_ASSERT(chunk->cap == 1);           // S4
        if (smap_has_dir(map)) YD_ASSERT(map->u.dir->slots[c].first == smap_chunk_key(chunk, 0));
        for (uint32_t i = 0; i < chunk->count; i++) {
            uint32_t key = smap_chunk_key(chunk, i);
            YD_ASSERT(total + i == 0 || key > last); // S1
            last = key;
        }
        total += chunk->count;
    }
    YD_ASSERT(total == smap_total(map)); // S3
}

static void check_item(const struct yd_doc *doc, const struct item *it)
{
    YD_ASSERT((it->who & ITEM_LIVE) != 0);
    bool deleted = item_is_deleted(it);
    struct extent place = item_extent(doc, it);
    if (item_ref(it) == REF_DELETED) YD_ASSERT(deleted && place.bytes == 0);
    if (deleted && !doc->opts.keep_deleted) YD_ASSERT(item_ref(it) == REF_DELETED); // D2
    if (item_ref(it) == REF_TYPE) return;
    YD_ASSERT(place.bytes == 0 || place.off + place.bytes <= doc->text.len); // T1
}

/* The next range that the index implies. False: no more. */
static bool index_range(const struct yd_doc *doc, const struct client *client, struct smap_pos *pos,
                        uint32_t *clock, uint32_t *end)
{
    bool found = false;
    for (; !smap_is_end(&client->index, *pos); *pos = smap_next(&client->index, *pos)) {
        uint32_t value = smap_value(&client->index, *pos);
        bool deleted = value == INDEX_GC || item_is_deleted(item_at(doc, value));
        if (!deleted && found) return true;
        if (!deleted) continue;
        if (!found) *clock = smap_key(&client->index, *pos);
        found = true;
        *end = client_entry_end(client, *pos);
    }
    return found;
}

static void check_ranges(const struct yd_doc *doc, const struct client *client)
{
    struct smap_pos at = smap_first();
    struct smap_pos pos = smap_first();
    uint32_t clock = 0;
    uint32_t end = 0;
    while (index_range(doc, client, &at, &clock, &end)) {
        YD_ASSERT(!smap_is_end(&client->dels, pos)); // D1
        YD_ASSERT(smap_key(&client->dels, pos) == clock);
        YD_ASSERT(smap_value(&client->dels, pos) == end - clock);
        pos = smap_next(&client->dels, pos);
    }
    YD_ASSERT(smap_is_end(&client->dels, pos));
}

static uint32_t check_client(struct yd_doc *doc, uint32_t index)
{
    struct client *client = client_at(doc, index);
    uint32_t items = 0, before = INDEX_GC;
    check_smap(&client->index);
    check_smap(&client->dels);
    YD_ASSERT(yd_client_find(doc, client->id) == index); // C1
    YD_ASSERT((client->next == 0) == (smap_total(&client->index) == 0));
    struct smap_pos pos = smap_first();
    if (client->next > 0) YD_ASSERT(smap_key(&client->index, pos) == 0); // C3
    for (; !smap_is_end(&client->index, pos); pos = smap_next(&client->index, pos)) {
        uint32_t value = smap_value(&client->index, pos);
        uint32_t clock = smap_key(&client->index, pos);
        YD_ASSERT(client_entry_end(client, pos) > clock);
        bool rests = before != INDEX_GC && value != INDEX_GC && !yd_edit_is_open(doc);
        if (rests) YD_ASSERT(!yd_entries_fit(doc, before, value)); // M1
        before = value;
        if (value == INDEX_GC) continue;
        const struct item *it = item_at(doc, value);
        check_item(doc, it);
        YD_ASSERT(item_client(it) == index && it->clock == clock);
        YD_ASSERT(it->len == client_entry_end(client, pos) - clock);
        items++;
    }
    check_ranges(doc, client);
    uint32_t pend = client_pend(client);
    if (pend != NONE) YD_ASSERT(pend_at(doc, pend)->client == index); // P1
    return items;
}

static void check_anchors(const struct yd_doc *doc)
{
    uint64_t users = 0;
    for (uint32_t at = 0; at != doc->item_next; at = item_handle_after(at)) {
        const struct item *it = item_at(doc, at);
        if ((it->who & ITEM_LIVE) == 0) continue;
        if (item_left_kind(it) == ORIGIN_SIDE) YD_ASSERT(it->left != NONE); // O1
        if (item_right_kind(it) == ORIGIN_SIDE) YD_ASSERT(it->right != NONE);
        if (item_is_anchored(it)) YD_ASSERT(item_anchor(doc, it)->users > 0);
        users += item_is_anchored(it) ? 1 : 0;
    }
    for (uint32_t i = 0; i < doc->anchors.count; i++) users -= anchor_at(doc, i)->users;
    YD_ASSERT(users == 0); // O2
}

static uint32_t check_list(const struct yd_doc *doc, uint32_t handle, uint32_t type)
{
    const struct list *list = list_at(doc, handle);
    uint32_t items = 0;
    uint32_t last = NONE;
    YD_ASSERT(list->type == type);
    for (uint32_t at = list->head; at != NONE; at = item_at(doc, at)->right) {
        const struct item *it = item_at(doc, at);
        YD_ASSERT(item_list(doc, it) == handle && it->left == last);                     // L1
        if (item_ref(it) == REF_TYPE) YD_ASSERT(type_at(doc, it->content)->owner == at); // L4
        last = at;
        items++;
    }
    if (list->key != NONE) YD_ASSERT(list->tail == last); // L2
    return items;
}

static uint32_t check_type(struct yd_doc *doc, uint32_t type)
{
    const struct type *t = type_at(doc, type);
    if (t->seq == NONE) return 0; // a free slot
    uint32_t items = check_list(doc, t->seq, type);
    for (uint32_t key = t->first_key; key != NONE; key = list_at(doc, key)->next) {
        YD_ASSERT(yd_key_find(doc, type, name_text(doc, list_at(doc, key)->key)) == key); // L3
        items += check_list(doc, key, type);
    }
    return items;
}

static void check_order(const struct yd_doc *doc)
{
    const uint32_t *order = doc->by_id.at;
    YD_ASSERT(doc->by_id.count == doc->clients.count); // C2
    for (uint32_t i = 1; i < doc->sorted_count; i++) {
        YD_ASSERT(client_at(doc, order[i - 1])->id < client_at(doc, order[i])->id);
    }
}

static void check_text(const struct yd_doc *doc)
{
    uint64_t live = 0;
    for (uint32_t at = 0; at != doc->item_next; at = item_handle_after(at)) {
        const struct item *it = item_at(doc, at);
        if ((it->who & ITEM_LIVE) != 0) live += item_extent(doc, it).bytes;
    }
    for (uint32_t i = 0; i < doc->types.count; i++) {
        const struct type *type = type_at(doc, i);
        if (type->seq != NONE && type->owner != NONE) live += type->name_len;
    }
    YD_ASSERT(live + doc->text.dead + doc->slack.reserved == doc->text.len); // T1
}

static void check_pending(const struct yd_doc *doc)
{
    uint32_t runs = 0;
    uint32_t dels = 0;
    size_t bytes = 0;
    for (uint32_t i = 0; i < doc->pends.count; i++) {
        const struct pend *pend = pend_at(doc, i);
        check_smap(&pend->runs);
        check_smap(&pend->dels);
        YD_ASSERT(client_pend(client_at(doc, pend->client)) == i); // P1
        dels += smap_total(&pend->dels);
        struct smap_pos pos = smap_first();
        for (; !smap_is_end(&pend->runs, pos); pos = smap_next(&pend->runs, pos)) {
            uint32_t at = smap_value(&pend->runs, pos);
            for (; at != NONE; at = run_at(doc, at)->next) {
                runs++;
                bytes += sizeof(struct run) + run_at(doc, at)->bytes_len;
            }
        }
    }
    YD_ASSERT(runs == doc->pending_runs && dels == doc->pending_dels); // P2
    YD_ASSERT(bytes == doc->pending_bytes);
}

void yd_doc_check(struct yd_doc *doc)
{
    if (doc->broken) return; // may only be freed
    uint32_t indexed = 0;
    uint32_t listed = 0;
    uint64_t structs = 0;
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        indexed += check_client(doc, i);
        structs += smap_total(&client_at(doc, i)->index);
    }
    YD_ASSERT(structs == doc->structs);
    for (uint32_t i = 0; i < doc->types.count; i++) listed += check_type(doc, i);
    YD_ASSERT(indexed == listed); // L5
    YD_ASSERT(indexed == doc->item_used - doc->item_free_count);
    check_order(doc);
    check_anchors(doc);
    check_text(doc);
    check_pending(doc);
    yd_markers_check(doc);
}
