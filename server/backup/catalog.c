/* catalog.c - see catalog.h. */
#include "backup/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "ops/heap.h"

struct pack *catalog_pack(struct catalog *catalog, uint64_t node, uint64_t number)
{
    struct pack *pack = NULL, key = {.id = {node, number}};
    HASH_FIND(hh, catalog->packs, &key.id, sizeof key.id, pack);
    return pack;
}

struct pack *catalog_add_pack(struct catalog *catalog, uint64_t node, uint64_t number,
                              uint64_t bytes)
{
    struct pack *pack = heap_new(sizeof *pack);
    pack->id.node = node;
    pack->id.number = number;
    pack->bytes = bytes;
    HASH_ADD(hh, catalog->packs, id, sizeof pack->id, pack);
    return pack;
}

static void chain_free(struct chain *chain)
{
    chain->at.pack->live_count--;
    chain->at.pack->live_bytes -= chain->at.bytes;
    free(chain);
}

/* Removes the chains for which `is_over` says so. */
static void chains_cut(struct known_room *room, bool (*is_over)(const struct chain *, const void *),
                       const void *ctx)
{
    struct chain **at = &room->chains;
    while (*at != NULL) {
        struct chain *chain = *at;
        if (is_over(chain, ctx)) {
            *at = chain->next;
            chain_free(chain);
        } else {
            at = &chain->next;
        }
    }
}

static void room_drop_if_empty(struct catalog *catalog, struct known_room *room)
{
    if (room->chains != NULL || room->entries > 0) return;
    HASH_DEL(catalog->rooms, room); // NOLINT(clang-analyzer-*): it is there
    free(room);
}

static bool is_in_pack(const struct chain *chain, const void *pack)
{
    return chain->at.pack == pack;
}

static void entry_add(struct pack *pack, struct known_room *room, const struct record *record)
{
    if (pack->entry_count == pack->entry_cap) {
        pack->entry_cap = pack->entry_cap == 0 ? 8 : pack->entry_cap * 2;
        pack->entries = realloc(pack->entries, pack->entry_cap * sizeof *pack->entries);
        if (pack->entries == NULL) abort();
    }
    pack->entries[pack->entry_count++] =
        (struct entry_in_pack){room, record->node, record->fate == FATE_THERE};
    room->entries++;
}

void catalog_drop_pack(struct catalog *catalog, struct pack *pack)
{
    for (size_t i = 0; i < pack->entry_count; i++) {
        struct known_room *room = pack->entries[i].room;
        chains_cut(room, is_in_pack, pack);
        room->entries--;
        room_drop_if_empty(catalog, room);
    }
    HASH_DEL(catalog->packs, pack);
    free(pack->entries);
    free(pack);
}

void catalog_deinit(struct catalog *catalog)
{
    struct pack *pack = NULL, *next = NULL;
    struct known_room *room = NULL, *next_room = NULL;
    HASH_ITER(hh, catalog->rooms, room, next_room)
    {
        while (room->chains != NULL) {
            struct chain *chain = room->chains;
            room->chains = chain->next;
            free(chain);
        }
        HASH_DEL(catalog->rooms, room); // NOLINT(clang-analyzer-*): `next` was read before
        free(room);
    }
    HASH_ITER(hh, catalog->packs, pack, next)
    {
        HASH_DEL(catalog->packs, pack); // NOLINT(clang-analyzer-*): `next` was read before
        free(pack->entries);
        free(pack);
    }
}

static struct known_room *room_find(const struct catalog *catalog, yd_slice room)
{
    struct known_room *known = NULL;
    HASH_FIND(hh, catalog->rooms, room.ptr, room.len, known);
    return known;
}

struct known_room *catalog_find(const struct catalog *catalog, yd_slice room)
{
    struct known_room *known = room_find(catalog, room);
    return known == NULL || known->chains == NULL ? NULL : known;
}

struct newer {
    const struct record *record;
    const struct pack *pack;
};

/* The same version may stand in two packs, when it was carried into a younger one. */
static bool is_carried(const struct record *record, const struct pack *pack,
                       const struct chain *chain)
{
    const struct pack *old = chain->at.pack;
    return record->node == chain->node && version_compare(record->version, chain->version) == 0 &&
           (pack->id.number > old->id.number ||
            (pack->id.number == old->id.number && pack->id.node > old->id.node));
}

static bool is_superfluous(const struct chain *chain, const void *ctx)
{
    const struct newer *newer = ctx;
    // What other nodes wrote of an erased room, also later: they did not know it yet.
    bool is_erased = newer->record->fate == FATE_ERASED && chain->fate == FATE_THERE &&
                     chain->node != newer->record->node;
    return is_erased || record_covers(newer->record, chain->node, chain->version) ||
           is_carried(newer->record, newer->pack, chain);
}

static bool chain_covers(const struct chain *chain, uint64_t node, struct version version)
{
    if (chain->node == node) return version_compare(chain->version, version) >= 0;
    for (uint32_t i = 0; i < chain->held_count; i++) {
        const struct held *held = &chain->held[i];
        if (held->node == node) return version_compare(held->version, version) >= 0;
    }
    return false;
}

static bool is_known(const struct known_room *room, const struct record *record)
{
    for (const struct chain *chain = room->chains; chain != NULL; chain = chain->next) {
        bool is_erased =
            chain->fate == FATE_ERASED && record->fate == FATE_THERE && chain->node != record->node;
        if (is_erased || chain_covers(chain, record->node, record->version)) return true;
    }
    return false;
}

static struct chain *chain_new(const struct record *record, struct place_in_pack at)
{
    size_t held_bytes = record->held_count * sizeof *record->held;
    struct chain *chain = heap_new(sizeof *chain + held_bytes);
    chain->at = at;
    chain->node = record->node;
    chain->version = record->version;
    chain->fate = record->fate;
    memcpy(chain->sha_begin, record->sha256, sizeof chain->sha_begin);
    chain->held_count = record->held_count;
    memcpy(chain->held, record->held, held_bytes);
    at.pack->live_count++;
    at.pack->live_bytes += at.bytes;
    return chain;
}

void catalog_add(struct catalog *catalog, const struct record *record, struct place_in_pack at)
{
    struct known_room *room = room_find(catalog, record->room);
    if (room == NULL) {
        room = heap_new(sizeof *room + record->room.len + 1);
        memcpy(room->name, record->room.ptr, record->room.len);
        room->name_len = record->room.len;
        HASH_ADD_KEYPTR(hh, catalog->rooms, room->name, room->name_len, room);
    }
    entry_add(at.pack, room, record);
    if (record->fate == FATE_ERASED || catalog_gone(room, NULL) != NULL) {
        catalog->erased_news = true;
    }
    struct newer newer = {record, at.pack};
    chains_cut(room, is_superfluous, &newer);
    if (is_known(room, record)) return;
    struct chain *chain = chain_new(record, at);
    chain->next = room->chains;
    room->chains = chain;
}

/* Packs of that node are still there, and may be read again after a restart. */
static bool node_has_packs(const struct catalog *catalog, uint64_t node)
{
    for (struct pack *pack = catalog->packs; pack != NULL; pack = pack->hh.next) {
        if (pack->id.node == node) return true;
    }
    return false;
}

void catalog_hold(const struct catalog *catalog, struct record *record)
{
    const struct known_room *room = catalog_find(catalog, record->room);
    for (const struct chain *c = room == NULL ? NULL : room->chains; c != NULL; c = c->next) {
        if (c->node != record->node) continue;
        for (uint32_t i = 0; i < c->held_count; i++) {
            if (node_has_packs(catalog, c->held[i].node)) {
                record_hold(record, c->held[i].node, c->held[i].version);
            }
        }
    }
}

const struct chain *catalog_hold_all(const struct catalog *catalog, struct record *record)
{
    const struct known_room *room = catalog_find(catalog, record->room);
    const struct chain *later = NULL;
    catalog_hold(catalog, record);
    for (const struct chain *c = room == NULL ? NULL : room->chains; c != NULL; c = c->next) {
        record_hold(record, c->node, c->version);
        int order = version_compare(c->version, record->version);
        bool is_later = order > 0 || (order == 0 && c->fate == FATE_THERE);
        if (c->node == record->node && is_later) later = c;
    }
    return later;
}

const struct chain *catalog_not_held(const struct catalog *catalog, const struct record *record)
{
    const struct known_room *room = catalog_find(catalog, record->room);
    const struct chain *newest = NULL;
    for (const struct chain *c = room == NULL ? NULL : room->chains; c != NULL; c = c->next) {
        if (record_follows(record, c->node, c->version, c->sha_begin)) continue;
        if (newest == NULL || version_compare(newest->version, c->version) < 0) newest = c;
    }
    return newest;
}

const struct chain *catalog_chain(const struct known_room *room, uint64_t node)
{
    const struct chain *c = room == NULL ? NULL : room->chains;
    while (c != NULL && c->node != node) c = c->next;
    return c;
}

const struct chain *catalog_gone(const struct known_room *room, const struct record *record)
{
    for (const struct chain *c = room == NULL ? NULL : room->chains; c != NULL; c = c->next) {
        if (c->fate == FATE_THERE) continue;
        bool is_own = record != NULL && c->node == record->node;
        if (!is_own || !record_follows(record, c->node, c->version, c->sha_begin)) return c;
    }
    return NULL;
}

/* Whether something stands there that the room's erasing has to reach. What its own node wrote
 * after that, into later packs, is of a room that began anew. */
static bool is_erased(const struct pack *pack, const struct entry_in_pack *entry)
{
    if (!entry->is_content) return false;
    for (const struct chain *c = entry->room->chains; c != NULL; c = c->next) {
        if (c->fate != FATE_ERASED) continue;
        if (c->node != entry->node || pack->id.number < c->at.pack->id.number) return true;
    }
    return false;
}

bool catalog_look_for_erased(struct catalog *catalog)
{
    bool is_any = false;
    for (struct pack *pack = catalog->packs; pack != NULL; pack = pack->hh.next) {
        pack->has_erased = false;
        for (size_t i = 0; i < pack->entry_count && !pack->has_erased; i++) {
            pack->has_erased = is_erased(pack, &pack->entries[i]);
        }
        is_any = is_any || pack->has_erased;
    }
    catalog->erased_news = false;
    return is_any;
}

bool catalog_needs(const struct catalog *catalog, yd_slice room, const struct pack *pack,
                   uint64_t offset)
{
    const struct known_room *known = catalog_find(catalog, room);
    for (const struct chain *c = known == NULL ? NULL : known->chains; c != NULL; c = c->next) {
        if (c->at.pack == pack && c->at.offset == offset) return true;
    }
    return false;
}
