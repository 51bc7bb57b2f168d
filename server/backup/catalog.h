/* backup/catalog.h - which pack holds what of which room: read from the packs' lists, in memory.
 *
 * Of each room the newest record of each node that no other record makes superfluous
 * (record_covers). A pack none of whose records is needed may be deleted. One that holds something
 * of an erased room must not stay as it is, however old. About 200 bytes and the name for a room,
 * and 24 bytes for a record.
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
    struct entry_in_pack {           /* all of its records */
        struct known_room *room;
        uint64_t node;
        bool is_content;
    } * entries;
    size_t entry_count, entry_cap;
    bool has_erased; /* something of an erased room; as of catalog_look_for_erased() */
    bool is_listed;  /* by the listing under way */
    bool is_read;    /* its records are here */
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
    enum fate fate;
    uint8_t sha_begin[RECORD_SHA_BEGIN];
    uint32_t held_count;
    struct held held[];
};

struct known_room {
    UT_hash_handle hh;
    struct chain *chains; /* NULL: packs that are gone had what was newest */
    size_t entries;       /* of packs, that point here */
    size_t name_len;
    char name[]; /* ends with a NUL */
};

struct catalog {
    struct pack *packs;
    struct known_room *rooms;
    bool erased_news; /* since catalog_look_for_erased() */
};

void catalog_deinit(struct catalog *catalog);
struct pack *catalog_pack(struct catalog *catalog, uint64_t node, uint64_t number);
struct pack *catalog_add_pack(struct catalog *catalog, uint64_t node, uint64_t number,
                              uint64_t bytes);
/* It is no longer there: what stood in it neither. */
void catalog_drop_pack(struct catalog *catalog, struct pack *pack);
void catalog_add(struct catalog *catalog, const struct record *record, struct place_in_pack at);
/* NULL: nothing is known of it. What is found has a chain. */
struct known_room *catalog_find(const struct catalog *catalog, yd_slice room);
/* What a record that comes now holds of others, because the one before held it. */
void catalog_hold(const struct catalog *catalog, struct record *record);
/* Of a record that says deleted: it holds all that there is of others. Returns what its own node
 * wrote later; NULL: nothing. */
const struct chain *catalog_hold_all(const struct catalog *catalog, struct record *record);
/* The newest version that the record does not hold, of another node or of its own; NULL: it holds
 * all. */
const struct chain *catalog_not_held(const struct catalog *catalog, const struct record *record);
/* What stands there of one node; NULL: nothing. room may be NULL. */
const struct chain *catalog_chain(const struct known_room *room, uint64_t node);
/* What says that the room was deleted; NULL: nothing. Of the node of `record` only what the record
 * does not know of. */
const struct chain *catalog_gone(const struct known_room *room, const struct record *record);
/* Sets has_erased of all packs. Returns whether there are any. Cost: looks at all records. */
bool catalog_look_for_erased(struct catalog *catalog);
/* Whether the record that stands there is still needed. */
bool catalog_needs(const struct catalog *catalog, yd_slice room, const struct pack *pack,
                   uint64_t offset);

#endif
