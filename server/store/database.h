/* database.h - the SQLite file of a store; private to server/store, used by its thread only.
 *
 * Errors  YD_EIO for whatever SQLite or the system refuses: db->why then says what, where and what
 *         to do, and the database may only be closed. YD_EMALFORMED: what is stored cannot be
 *         trusted. YD_ENOMEM: memory was refused; the database may only be closed. */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H

#include <sqlite3.h>

#include "store/files.h"
#include "store/journal.h"
#include "store/store.h"

#define YD_EIO (-100)

/* Where one uncovered update of a room stands. */
struct place {
    uint64_t lsn;
    uint32_t offset, len, crc;
};

/* The row of a room, and where its uncovered updates are. In memory while it has any. */
struct stored_room {
    uint64_t id;
    uint64_t epoch;
    uint64_t base_gen; /* 0: there is no base */
    uint64_t base_bytes, base_chunks;
    uint64_t covered_lsn; /* base and delta hold all up to here */
    uint64_t deleted_at;
    bool has_delta;
    struct place *places;
    size_t place_count, place_cap;
    size_t name_len;
    uint8_t name[]; /* raw bytes */
};

/* What is kept of every room, by id - 1. */
struct room_slot {
    uint64_t hash : 62;       /* of the name */
    uint64_t is_read : 1;     /* since the start: it was read whole, or began */
    uint64_t is_damaged : 1;  /* its row cannot be trusted: nobody knows its name */
    struct stored_room *room; /* NULL: only on disk */
};

/* All rooms: ids are 1, 2, 3, ..., so the slots are an array; names are found by an open table of
 * ids. About 30 bytes a room. */
struct room_table {
    struct room_slot *slots;
    uint32_t *ids; /* open addressing, 0: free; a power of two of them */
    size_t id_cap;
    uint64_t count, slot_cap;
    uint64_t damaged;
    uint64_t covered_max; /* at the start: no room can be ahead of the journal */
    uint8_t key[16];      /* of the hash: nobody outside can choose colliding names */
};

/* One journal row that is not trimmed yet. */
struct journal_use {
    uint32_t uncovered; /* entries */
    uint32_t bytes;
};

/* One submitted batch; bytes: count times (varuint name length, name, varuint length, update). */
struct batch_bytes {
    struct yd_buf bytes;
    size_t count;
    uint64_t number;
};

struct database {
    sqlite3 *sql;
    char *path;
    struct store_files files;
    struct room_table rooms;
    uint64_t lsn;             /* of the last commit that had a batch */
    uint64_t trimmed_lsn;     /* journal rows up to here are gone, all others are there */
    struct journal_use *uses; /* of lsn trimmed_lsn + 1 + i */
    size_t use_count, use_cap;
    uint64_t journal_bytes;
    uint64_t writing_room, writing_gen; /* of the base on its way; 0: none */
    int wal_pages;
    bool disk_full;
    char why[STORE_ERROR_MAX];
    sqlite3_stmt *begin, *commit, *add_journal, *add_room, *get_room;
};

/* ---- database.c: opening, closing, statements */
yd_err database_open(struct database *db, const char *dir);
void database_close(struct database *db, bool clean);
yd_err database_exec(struct database *db, const char *sql);
/* Runs one statement: `count` integers are bound to ?1.., `blob` to the one behind, if there is. */
yd_err database_run(struct database *db, const char *sql, const uint64_t *values, int count,
                    yd_slice blob);
/* Runs a prepared one and resets it. */
yd_err database_step(struct database *db, sqlite3_stmt *s, const char *doing);
/* Prepares and binds up to three integers; NULL: see db->why. The caller finalizes. */
sqlite3_stmt *database_query(struct database *db, const char *sql, const uint64_t *values,
                             int count);
yd_err database_fail(struct database *db, const char *doing);
/* Moves the WAL into the database file if it has grown long; after every piece of work. */
yd_err database_checkpoint(struct database *db);
uint32_t database_row_crc(char table, const uint64_t *values, size_t count, yd_slice bytes);
/* A named number with its own checksum. */
yd_err database_meta_get(struct database *db, const char *key, uint64_t *value);
yd_err database_meta_set(struct database *db, const char *key, uint64_t value);

#define ROOM_COLUMNS                                                                               \
    "SELECT id, name, epoch, base_gen, base_bytes, base_chunks, covered_lsn, has_delta,"           \
    " deleted_at, crc FROM room "

/* ---- rooms.c: the table of rooms and their rows */
yd_err rooms_scan(struct database *db);
void rooms_free(struct database *db);
/* Error YD_ENOTFOUND: there is no such room. YD_EMALFORMED: whether there is cannot be said, or its
 * row is damaged; why is untouched. */
yd_err rooms_find(struct database *db, yd_slice name, struct stored_room **out);
yd_err rooms_get(struct database *db, uint64_t id, struct stored_room **out);
/* Adds a row; inside a transaction, which also sets the number "rooms". */
yd_err rooms_add(struct database *db, yd_slice name, struct stored_room **out);
yd_err rooms_save(struct database *db, const struct stored_room *room);
/* Forgets what the row says, unless the room has uncovered updates. */
void rooms_cool(struct database *db, struct stored_room *room);
static inline struct room_slot *rooms_slot(struct database *db, uint64_t id)
{
    return &db->rooms.slots[id - 1];
}

/* ---- log.c: commits and what of them is not in a snapshot yet */
yd_err log_scan(struct database *db);
yd_err log_commit(struct database *db, struct batch_bytes *batch);
/* Everything of the room up to lsn is in a snapshot now. */
void log_cover(struct database *db, struct stored_room *room, uint64_t lsn);

/* ---- snapshot.c, trim.c */
struct snapshot_job {
    struct yd_buf bytes;
    enum store_snapshot kind;
    yd_slice name;
    uint64_t covers_lsn;
    uint64_t gen;   /* 0: not begun */
    size_t written; /* chunks */
};
/* One slice, at most 1 MiB, in a commit of its own. */
yd_err database_snapshot(struct database *db, struct snapshot_job *job, bool *done);
/* Deletes what nobody needs any more, a slice; *more: there is more of it. */
yd_err database_trim(struct database *db, bool *more);

/* ---- load.c */
struct load_job {
    yd_slice name;
    uint64_t room, gen;
    uint64_t chunks; /* of the base, read so far */
    bool is_begun;
    uint8_t *memory;
    size_t len, cap;
    size_t *ends; /* of the parts in memory */
    size_t part_count, part_cap;
    const char *broken; /* what cannot be read; NULL: all is well */
};
/* One slice. At the end ev gets parts and base_bytes, or kind LOAD_FAILED and why (then YD_OK all
 * the same). */
yd_err database_load(struct database *db, struct load_job *job, struct store_event *ev, bool *done);
void load_job_deinit(struct load_job *job);

#define CHUNK_BYTES    ((size_t)256 * 1024)
#define CHUNKS_A_SLICE 4

#endif
