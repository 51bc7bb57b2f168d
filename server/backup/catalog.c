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
    if (room->chains != NULL) return;
    HASH_DEL(catalog->rooms, room); // NOLINT(clang-analyzer-*): it is there
    free(room);
}

static bool is_in_pack(const struct chain *chain, const void *pack)
{
    return chain->at.pack == pack;
}

void catalog_drop_pack(struct catalog *catalog, struct pack *pack)
{
    struct known_room *room = NULL, *next = NULL;
    if (pack->live_count > 0) {
        HASH_ITER(hh, catalog->rooms, room, next)
        {
            chains_cut(room, is_in_pack, pack);
            room_drop_if_empty(catalog, room);
        }
    }
    HASH_DEL(catalog->packs, pack);
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
        free(pack);
    }
}

struct known_room *catalog_find(const struct catalog *catalog, yd_slice room)
{
    struct known_room *known = NULL;
    HASH_FIND(hh, catalog->rooms, room.ptr, room.len, known);
    return known;
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
    return record_covers(newer->record, chain->node, chain->version) ||
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
        if (chain_covers(chain, record->node, record->version)) return true;
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
    memcpy(chain->sha_begin, record->sha256, sizeof chain->sha_begin);
    chain->held_count = record->held_count;
    memcpy(chain->held, record->held, held_bytes);
    at.pack->live_count++;
    at.pack->live_bytes += at.bytes;
    return chain;
}

void catalog_add(struct catalog *catalog, const struct record *record, struct place_in_pack at)
{
    struct known_room *room = catalog_find(catalog, record->room);
    if (room == NULL) {
        room = heap_new(sizeof *room + record->room.len + 1);
        memcpy(room->name, record->room.ptr, record->room.len);
        room->name_len = record->room.len;
        HASH_ADD_KEYPTR(hh, catalog->rooms, room->name, room->name_len, room);
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

bool catalog_needs(const struct catalog *catalog, yd_slice room, const struct pack *pack,
                   uint64_t offset)
{
    const struct known_room *known = catalog_find(catalog, room);
    for (const struct chain *c = known == NULL ? NULL : known->chains; c != NULL; c = c->next) {
        if (c->at.pack == pack && c->at.offset == offset) return true;
    }
    return false;
}
