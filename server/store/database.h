/* database.h - the SQLite file of a store; private to server/store, used by its thread only.
 *
 * Errors  YD_EIO for whatever SQLite refuses: db->why then says what, where and what to do, and the
 *         database may only be closed. */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H

#include <sqlite3.h>
#include <uthash.h>

#include "store/journal.h"
#include "store/store.h"

#define YD_EIO (-100)

/* Where one uncovered update of a room stands. */
struct place {
    uint64_t lsn;
    uint32_t offset, len, crc;
};

/* A room that something was asked of since the start. */
struct stored_room {
    uint64_t id; /* 0: has no row yet */
    char *name;
    size_t name_len;
    uint64_t base_gen;
    uint64_t covered_lsn; /* base and delta hold all up to here */
    bool has_delta;
    struct place *places;
    size_t place_count, place_cap;
    UT_hash_handle by_name, by_id;
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
    struct stored_room *by_name, *by_id;
    uint64_t lsn;         /* of the last commit that had a batch */
    uint64_t trimmed_lsn; /* journal rows up to here are gone */
    uint32_t *uses;       /* uncovered entries of lsn trimmed_lsn + 1 + i */
    size_t use_count, use_cap;
    int wal_pages;
    bool disk_full;
    char why[STORE_ERROR_MAX];
    sqlite3_stmt *begin, *commit, *rollback, *add_journal, *add_room;
};

yd_err database_open(struct database *db, const char *dir);
void database_close(struct database *db, bool clean);

yd_err database_commit(struct database *db, struct batch_bytes *batch);
/* Moves the WAL into the database file if it has grown long. */
yd_err database_checkpoint(struct database *db);
/* ev gets parts and base_bytes, or kind LOAD_FAILED and why (then YD_OK all the same). */
yd_err database_load(struct database *db, yd_slice name, struct store_event *ev);

/* A snapshot on its way: slices of at most 1 MiB a call. */
struct snapshot_job {
    struct yd_buf bytes;
    enum store_snapshot kind;
    char *name;
    size_t name_len;
    uint64_t covers_lsn;
    size_t written; /* chunks */
};
yd_err database_snapshot(struct database *db, struct snapshot_job *job, bool *done);
/* Deletes what nobody needs any more, a slice; *more: there is more of it. */
yd_err database_trim(struct database *db, bool *more);

yd_err database_exec(struct database *db, const char *sql);
yd_err database_fail(struct database *db, const char *doing);
struct stored_room *database_room(struct database *db, yd_slice name);
void database_cover(struct database *db, struct stored_room *room, uint64_t lsn);

#define CHUNK_BYTES ((size_t)256 * 1024)

#endif
