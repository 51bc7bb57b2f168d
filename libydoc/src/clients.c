/* clients.c - client ids, their state clocks and their place in the order of ids.
 *
 * Where it sits:   decode, integrate, encode -> here -> smap.c
 *
 * Nothing here costs O(clients) per update: an id is found by hash, a new one is put at the end
 * of by_id, and the order is made when something is encoded.
 *
 * Invariants (yd_doc_check, C1 to C3):
 *   C1  every id occurs once and is found by its hash
 *   C2  by_id holds every client once; its first sorted_count ascend
 *   C3  the index of a client covers its clocks 0 to next without holes
 */
#include "codec.h"
#include "tables.h"

#include <string.h>

static uint32_t id_hash(uint64_t id)
{
    id ^= id >> 32;
    id *= 0x9e3779b97f4a7c15u;
    return (uint32_t)(id >> 32);
}

/* A slot has 8 bits of the hash above the client, so that others are told apart without a look at
 * them, which would be out of the cache. */
#define SLOT_CLIENT (CLIENT_MAX - 1)

static bool slot_is(const struct yd_doc *doc, uint32_t slot, uint32_t hash, uint64_t id)
{
    if (((slot ^ hash) & ~SLOT_CLIENT) != 0) return false;
    return client_at(doc, (slot & SLOT_CLIENT) - 1)->id == id;
}

/* Slot of an id in the table, or the free slot where it belongs. */
static uint32_t *id_slot(const struct yd_doc *doc, uint64_t id, uint32_t hash)
{
    uint32_t *slots = doc->client_hash.at;
    uint32_t mask = doc->client_hash.cap - 1;
    uint32_t i = hash & mask;
    while (slots[i] != 0 && !slot_is(doc, slots[i], hash, id)) i = (i + 1) & mask;
    return &slots[i];
}

uint32_t yd_client_search(struct yd_doc *doc, uint64_t id)
{
    if (doc->clients.count == 0) return NONE;
    uint32_t slot = *id_slot(doc, id, id_hash(id)) & SLOT_CLIENT;
    if (slot == 0) return NONE;
    doc->last_client = slot - 1;
    return slot - 1;
}

/* What stands in the slot of a client. */
static uint32_t id_slot_value(uint32_t hash, uint32_t client)
{
    return (hash & ~SLOT_CLIENT) | (client + 1);
}

/* The table is at most three quarters full. Its cap is a power of two. */
static bool id_table_is_full(const struct yd_doc *doc)
{
    return doc->clients.count >= doc->client_hash.cap / 4 * 3;
}

static yd_err id_table_resize(struct yd_doc *doc, uint32_t cap)
{
    uint32_t *slots = yd_mem(doc, NULL, 0, cap * sizeof *slots);
    if (slots == NULL) return YD_ENOMEM;
    memset(slots, 0, cap * sizeof *slots);
    yd_vec_free(doc, &doc->client_hash, sizeof *slots);
    doc->client_hash = (struct vec){slots, 0, cap};
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        uint64_t id = client_at(doc, i)->id;
        uint32_t hash = id_hash(id);
        *id_slot(doc, id, hash) = id_slot_value(hash, i);
    }
    return YD_OK;
}

void yd_clients_expect(struct yd_doc *doc, uint32_t n)
{
    uint32_t cap = 4;
    while (cap / 4 * 3 < n) cap *= 2;
    vec_expect(doc, &doc->clients, n, sizeof(struct client));
    vec_expect(doc, &doc->by_id, n, sizeof(uint32_t));
    yd_err unused = TIGHT ? YD_OK : id_table_resize(doc, cap);
    (void)unused;
}

/* Puts a client behind the others, whose slot that is. */
static yd_err client_new(struct yd_doc *doc, uint64_t id, uint32_t hash, uint32_t *slot)
{
    if (doc->clients.count + 1 >= CLIENT_MAX) return YD_ENOMEM;
    YD_TRY(yd_vec_reserve(doc, &doc->clients, 1, sizeof(struct client)));
    YD_TRY(yd_vec_reserve(doc, &doc->by_id, 1, sizeof(uint32_t)));
    if (slot == NULL || id_table_is_full(doc)) {
        uint32_t cap = doc->client_hash.cap;
        YD_TRY(id_table_resize(doc, cap == 0 ? 4 : cap * 2));
        slot = id_slot(doc, id, hash);
    }
    uint32_t i = doc->clients.count++;
    *slot = id_slot_value(hash, i);
    *client_at(doc, i) = (struct client){.id = id};
    ((uint32_t *)doc->by_id.at)[i] = i;
    doc->by_id.count++;
    doc->last_client = i;
    return YD_OK;
}

yd_err yd_client_intern(struct yd_doc *doc, uint64_t id, uint32_t *index)
{
    if (client_is_last(doc, id)) {
        *index = doc->last_client;
        return YD_OK;
    }
    uint32_t hash = id_hash(id), *slot = NULL;
    if (doc->client_hash.cap > 0) slot = id_slot(doc, id, hash);
    if (slot == NULL || *slot == 0) {
        YD_TRY(client_new(doc, id, hash, slot));
    } else {
        doc->last_client = (*slot & SLOT_CLIENT) - 1;
    }
    *index = doc->last_client;
    return YD_OK;
}

/* Restores the heap order below `root`; the greatest id is on top. */
static void id_sift(const struct yd_doc *doc, uint32_t *heap, uint32_t root, uint32_t n)
{
    for (;;) {
        uint32_t child = root * 2 + 1;
        if (child >= n) return;
        if (child + 1 < n &&
            client_at(doc, heap[child + 1])->id > client_at(doc, heap[child])->id) {
            child++;
        }
        if (client_at(doc, heap[child])->id <= client_at(doc, heap[root])->id) return;
        uint32_t kept = heap[root];
        heap[root] = heap[child];
        heap[child] = kept;
        root = child;
    }
}

static void id_sort(const struct yd_doc *doc, uint32_t *heap, uint32_t n)
{
    for (uint32_t i = n / 2; i-- > 0;) id_sift(doc, heap, i, n);
    while (n > 1) {
        n--;
        uint32_t kept = heap[0];
        heap[0] = heap[n];
        heap[n] = kept;
        id_sift(doc, heap, 0, n);
    }
}

yd_err yd_clients_sort(struct yd_doc *doc)
{
    uint32_t n = doc->by_id.count;
    uint32_t tail = n - doc->sorted_count;
    if (tail == 0) return YD_OK;
    uint32_t *order = doc->by_id.at;
    uint32_t *fresh = yd_mem(doc, NULL, 0, tail * sizeof *fresh);
    if (fresh == NULL) return YD_ENOMEM;
    memcpy(fresh, order + doc->sorted_count, tail * sizeof *fresh);
    id_sort(doc, fresh, tail);
    // Merge from the end, into the room that the new ones had.
    uint32_t a = doc->sorted_count;
    uint32_t b = tail;
    while (b > 0) {
        bool old = a > 0 && client_at(doc, order[a - 1])->id > client_at(doc, fresh[b - 1])->id;
        order[a + b - 1] = old ? order[a - 1] : fresh[b - 1];
        if (old) {
            a--;
        } else {
            b--;
        }
    }
    yd_mem(doc, fresh, tail * sizeof *fresh, 0);
    doc->sorted_count = n;
    return YD_OK;
}

yd_err yd_client_touch(struct yd_doc *doc, uint32_t index)
{
    if (client_touched(doc, index) != NULL) return YD_OK;
    struct vec *touched = &doc->txn.touched;
    struct client *client = client_at(doc, index);
    YD_TRY(yd_vec_reserve(doc, touched, 1, sizeof(struct touched)));
    doc->version++;
    uint32_t pend = client_pend(client);
    *(pend == NONE ? &client->link : &pend_at(doc, pend)->touched) = touched->count;
    ((struct touched *)touched->at)[touched->count++] = (struct touched){index, client->next};
    return YD_OK;
}

yd_err yd_client_append(struct yd_doc *doc, uint32_t index, uint32_t value, uint32_t len)
{
    YD_TRY(yd_client_touch(doc, index));
    struct client *client = client_at(doc, index);
    YD_TRY(smap_push(doc, &client->index, client->next, value));
    client->next += len;
    doc->structs++;
    return YD_OK;
}

void yd_clients_deinit(struct yd_doc *doc)
{
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        yd_smap_free(doc, &client_at(doc, i)->index);
        yd_smap_free(doc, &client_at(doc, i)->dels);
    }
    yd_vec_free(doc, &doc->clients, sizeof(struct client));
    yd_vec_free(doc, &doc->client_hash, sizeof(uint32_t));
    yd_vec_free(doc, &doc->by_id, sizeof(uint32_t));
}
