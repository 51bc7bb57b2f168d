/* backup/catalog.h - which pack holds what of which room: read from the packs' lists, in memory.
 *
 * Of each room the newest record of each node that no other record makes superfluous
 * (record_covers). A pack none of whose records is needed may be deleted. About 200 bytes and the
 * name for a room.
 *
 * No I/O. Rule B9. */
#ifndef BACKUP_CATALOG_H
#define BACKUP_CATALOG_H

#include <uthash.h>

#include "backup/record.h"

struct pack {
    UT_hash_handle hh; /* by node and number */
    struct {
        uint64_t node;
        uint64_t number; /* ms since 1970 when it was begun, or one more than the one before */
    } id;
    uint64_t bytes;
    uint64_t live_count, live_bytes; /* records that are needed */
    bool is_listed;                  /* by the listing under way */
    bool is_read;                    /* its records are here */
};

struct place_in_pack {
    struct pack *pack;
    uint64_t offset, bytes;
};

/* The newest of one node. */
struct chain {
    struct chain *next;
    struct place_in_pack at;
    uint64_t node;
    struct version version;
    uint8_t sha_begin[RECORD_SHA_BEGIN];
    uint32_t held_count;
    struct held held[];
};

struct known_room {
    UT_hash_handle hh;
    struct chain *chains;
    size_t name_len;
    char name[]; /* ends with a NUL */
};

struct catalog {
    struct pack *packs;
    struct known_room *rooms;
};

void catalog_deinit(struct catalog *catalog);
struct pack *catalog_pack(struct catalog *catalog, uint64_t node, uint64_t number);
struct pack *catalog_add_pack(struct catalog *catalog, uint64_t node, uint64_t number,
                              uint64_t bytes);
/* It is no longer there: what stood in it neither. */
void catalog_drop_pack(struct catalog *catalog, struct pack *pack);
void catalog_add(struct catalog *catalog, const struct record *record, struct place_in_pack at);
/* NULL: nothing is known of it. */
struct known_room *catalog_find(const struct catalog *catalog, yd_slice room);
/* What a record that comes now holds of others, because the one before held it. */
void catalog_hold(const struct catalog *catalog, struct record *record);
/* The newest version that the record does not hold, of another node or of its own; NULL: it holds
 * all. */
const struct chain *catalog_not_held(const struct catalog *catalog, const struct record *record);
/* Whether the record that stands there is still needed. */
bool catalog_needs(const struct catalog *catalog, yd_slice room, const struct pack *pack,
                   uint64_t offset);

#endif
