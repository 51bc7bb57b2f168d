/* snapshot.c - snapshots in, journal out, and reading a room back.
 *
 * A base goes in as chunk rows of 256 KiB under a new generation, 1 MiB a commit, so that a batch
 * waits for one slice at most; then one small transaction makes it the room's base. A crash in
 * between leaves chunks that no room names: the next start deletes them.
 */
#include "store/database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNKS_A_SLICE 4
#define TRIM_ROWS      64 /* 1,000 rows of 5 KB keep the next commit waiting for 22 ms */

/* Runs one statement with up to four integers and a blob behind them. */
static yd_err exec_bound(struct database *db, const char *sql, const uint64_t *values, int count,
                         yd_slice blob)
{
    sqlite3_stmt *s = NULL;
    yd_err err = YD_OK;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL) != SQLITE_OK) {
        return database_fail(db, "preparing a snapshot");
    }
    for (int i = 0; i < count; i++) sqlite3_bind_int64(s, i + 1, (sqlite3_int64)values[i]);
    if (sqlite3_bind_parameter_count(s) > count) {
        sqlite3_bind_blob64(s, count + 1, blob.ptr, blob.len, SQLITE_STATIC);
    }
    if (sqlite3_step(s) != SQLITE_DONE) err = database_fail(db, "writing a snapshot");
    sqlite3_finalize(s);
    return err;
}

static yd_err write_delta(struct database *db, struct stored_room *room, struct snapshot_job *job)
{
    yd_slice data = yd_buf_slice(&job->bytes);
    yd_err err = database_exec(db, "BEGIN IMMEDIATE");
    if (err != YD_OK) return err;
    uint64_t row[] = {room->id, store_crc(data)};
    err = exec_bound(db, "INSERT OR REPLACE INTO delta(room, crc, data) VALUES(?1, ?2, ?3)", row, 2,
                     data);
    uint64_t mark[] = {room->id, job->covers_lsn};
    if (err == YD_OK) {
        err = exec_bound(db, "UPDATE room SET covered_lsn = ?2, has_delta = 1 WHERE id = ?1", mark,
                         2, YD_EMPTY);
    }
    if (err == YD_OK) err = database_exec(db, "COMMIT");
    if (err == YD_OK) room->has_delta = true;
    return err;
}

static size_t chunk_count(const struct snapshot_job *job)
{
    return (job->bytes.len + CHUNK_BYTES - 1) / CHUNK_BYTES;
}

static yd_err write_chunks(struct database *db, struct stored_room *room, struct snapshot_job *job)
{
    size_t chunks = chunk_count(job);
    yd_err err = database_exec(db, "BEGIN IMMEDIATE");
    for (int n = 0; n < CHUNKS_A_SLICE && job->written < chunks && err == YD_OK; n++) {
        size_t from = job->written * CHUNK_BYTES;
        size_t len = job->bytes.len - from < CHUNK_BYTES ? job->bytes.len - from : CHUNK_BYTES;
        yd_slice data = {job->bytes.ptr + from, len};
        uint64_t row[] = {room->id, room->base_gen + 1, job->written, store_crc(data)};
        err = exec_bound(
            db, "INSERT OR REPLACE INTO base(room, gen, i, crc, data) VALUES(?1, ?2, ?3, ?4, ?5)",
            row, 4, data);
        job->written++;
    }
    return err == YD_OK ? database_exec(db, "COMMIT") : err;
}

static yd_err flip_base(struct database *db, struct stored_room *room, struct snapshot_job *job)
{
    uint64_t id[] = {room->id, room->base_gen + 1};
    uint64_t mark[] = {room->id, room->base_gen + 1, job->bytes.len, chunk_count(job)};
    uint64_t covers[] = {room->id, job->covers_lsn};
    yd_err err = database_exec(db, "BEGIN IMMEDIATE");
    if (err == YD_OK) {
        err = exec_bound(db,
                         "UPDATE room SET base_gen = ?2, base_bytes = ?3, base_chunks = ?4,"
                         " has_delta = 0 WHERE id = ?1",
                         mark, 4, YD_EMPTY);
    }
    if (err == YD_OK) {
        err = exec_bound(db, "UPDATE room SET covered_lsn = ?2 WHERE id = ?1", covers, 2, YD_EMPTY);
    }
    if (err == YD_OK) err = exec_bound(db, "DELETE FROM delta WHERE room = ?1", id, 1, YD_EMPTY);
    if (err == YD_OK) {
        err = exec_bound(db, "DELETE FROM base WHERE room = ?1 AND gen <> ?2", id, 2, YD_EMPTY);
    }
    if (err == YD_OK) err = database_exec(db, "COMMIT");
    if (err != YD_OK) return err;
    room->base_gen++;
    room->has_delta = false;
    return YD_OK;
}

yd_err database_snapshot(struct database *db, struct snapshot_job *job, bool *done)
{
    struct stored_room *room =
        database_room(db, (yd_slice){(const uint8_t *)job->name, job->name_len});
    *done = true;
    if (room == NULL) return db->why[0] != 0 ? YD_EIO : YD_ENOMEM;
    if (room->id == 0) return YD_OK; // nothing of it was ever appended
    yd_err err;
    if (job->kind == STORE_DELTA) {
        err = write_delta(db, room, job);
    } else if (job->written < chunk_count(job)) {
        *done = false;
        return write_chunks(db, room, job);
    } else {
        err = flip_base(db, room, job);
    }
    if (err != YD_OK) return err;
    room->covered_lsn = job->covers_lsn;
    database_cover(db, room, job->covers_lsn);
    return YD_OK;
}

yd_err database_trim(struct database *db, bool *more)
{
    size_t free_rows = 0;
    while (free_rows < db->use_count && free_rows < TRIM_ROWS && db->uses[free_rows] == 0) {
        free_rows++;
    }
    *more = free_rows == TRIM_ROWS;
    if (free_rows == 0) return YD_OK;
    uint64_t upto[] = {db->trimmed_lsn + free_rows, db->lsn};
    yd_err err = database_exec(db, "BEGIN IMMEDIATE");
    if (err == YD_OK)
        err = exec_bound(db, "DELETE FROM journal WHERE lsn <= ?1", upto, 1, YD_EMPTY);
    // An emptied table would begin at 1 again: the number of the last commit is kept apart.
    if (err == YD_OK) {
        err =
            exec_bound(db, "UPDATE meta SET v = ?2 WHERE k = 'lsn' AND ?1 > 0", upto, 2, YD_EMPTY);
    }
    if (err == YD_OK) err = database_exec(db, "COMMIT");
    if (err != YD_OK) return err;
    db->trimmed_lsn += free_rows;
    db->use_count -= free_rows;
    memmove(db->uses, db->uses + free_rows, db->use_count * sizeof *db->uses);
    return YD_OK;
}

/* ---- loading -------------------------------------------------------------------------------- */

struct loading {
    struct database *db;
    struct stored_room *room;
    uint8_t *memory;
    size_t len, cap;
    size_t *ends; /* of the parts in memory */
    size_t part_count, part_cap;
    const char *broken; /* what cannot be read; NULL: all is well */
};

static yd_err load_room_for(struct loading *l, size_t more)
{
    if (l->len + more <= l->cap) return YD_OK;
    size_t cap = l->cap == 0 ? 4096 : l->cap;
    while (cap < l->len + more) cap *= 2;
    uint8_t *memory = realloc(l->memory, cap);
    if (memory == NULL) return YD_ENOMEM;
    l->memory = memory;
    l->cap = cap;
    return YD_OK;
}

static yd_err load_bytes(struct loading *l, const void *data, size_t len)
{
    yd_err err = load_room_for(l, len);
    if (err != YD_OK) return err;
    if (len > 0) memcpy(l->memory + l->len, data, len);
    l->len += len;
    return YD_OK;
}

static yd_err load_part_end(struct loading *l)
{
    if (l->part_count == l->part_cap) {
        size_t cap = l->part_cap == 0 ? 16 : l->part_cap * 2;
        size_t *ends = realloc(l->ends, cap * sizeof *ends);
        if (ends == NULL) return YD_ENOMEM;
        l->ends = ends;
        l->part_cap = cap;
    }
    l->ends[l->part_count++] = l->len;
    return YD_OK;
}

/* Takes the one column pair (crc, data) of a row. */
static yd_err load_checked(struct loading *l, sqlite3_stmt *s, const char *what)
{
    const void *data = sqlite3_column_blob(s, 1);
    size_t len = (size_t)sqlite3_column_bytes(s, 1);
    yd_slice bytes = data == NULL ? YD_EMPTY : (yd_slice){data, len};
    if ((uint32_t)sqlite3_column_int64(s, 0) != store_crc(bytes)) {
        l->broken = what;
        return YD_OK;
    }
    return load_bytes(l, bytes.ptr, bytes.len);
}

static sqlite3_stmt *load_query(struct loading *l, const char *sql, uint64_t a, uint64_t b)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(l->db->sql, sql, -1, &s, NULL) != SQLITE_OK) return NULL;
    sqlite3_bind_int64(s, 1, (sqlite3_int64)a);
    if (sqlite3_bind_parameter_count(s) > 1) sqlite3_bind_int64(s, 2, (sqlite3_int64)b);
    return s;
}

static yd_err load_base(struct loading *l, size_t *base_bytes)
{
    sqlite3_stmt *s =
        load_query(l, "SELECT base_bytes, base_chunks FROM room WHERE id = ?1", l->room->id, 0);
    if (s == NULL || sqlite3_step(s) != SQLITE_ROW) {
        sqlite3_finalize(s);
        l->broken = "its row";
        return YD_OK;
    }
    size_t bytes = (size_t)sqlite3_column_int64(s, 0);
    int64_t chunks = sqlite3_column_int64(s, 1);
    sqlite3_finalize(s);

    s = load_query(l, "SELECT crc, data FROM base WHERE room = ?1 AND gen = ?2 ORDER BY i",
                   l->room->id, l->room->base_gen);
    yd_err err = load_room_for(l, bytes);
    int step = SQLITE_ERROR;
    while (s != NULL && err == YD_OK && l->broken == NULL &&
           (step = sqlite3_step(s)) == SQLITE_ROW) {
        chunks--;
        err = load_checked(l, s, "a chunk of its snapshot (checksum)");
    }
    sqlite3_finalize(s);
    if (err == YD_OK && l->broken == NULL &&
        (step != SQLITE_DONE || chunks != 0 || l->len != bytes)) {
        l->broken = "its snapshot (chunks are missing or unreadable)";
    }
    *base_bytes = bytes;
    return err == YD_OK ? load_part_end(l) : err;
}

static yd_err load_delta(struct loading *l)
{
    sqlite3_stmt *s = load_query(l, "SELECT crc, data FROM delta WHERE room = ?1", l->room->id, 0);
    yd_err err = YD_OK;
    if (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
        err = load_checked(l, s, "its delta (checksum)");
    } else {
        l->broken = "its delta (missing or unreadable)";
    }
    sqlite3_finalize(s);
    return err == YD_OK ? load_part_end(l) : err;
}

static yd_err load_journal(struct loading *l)
{
    sqlite3_stmt *s = load_query(l, "SELECT data FROM journal WHERE lsn = ?1", 0, 0);
    if (s == NULL) {
        l->broken = "the journal";
        return YD_OK;
    }
    yd_err err = YD_OK;
    uint64_t at = 0;
    yd_slice row = YD_EMPTY;
    for (size_t i = 0; i < l->room->place_count && err == YD_OK && l->broken == NULL; i++) {
        const struct place *p = &l->room->places[i];
        if (p->lsn != at) {
            (void)sqlite3_reset(s);
            sqlite3_bind_int64(s, 1, (sqlite3_int64)p->lsn);
            const void *data = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_blob(s, 0) : NULL;
            row = data == NULL ? YD_EMPTY : (yd_slice){data, (size_t)sqlite3_column_bytes(s, 0)};
            at = p->lsn;
        }
        bool inside = (uint64_t)p->offset + p->len <= row.len;
        if (!inside || store_crc((yd_slice){row.ptr + p->offset, p->len}) != p->crc) {
            l->broken = "a journal entry (checksum)";
            break;
        }
        err = load_bytes(l, row.ptr + p->offset, p->len);
        if (err == YD_OK) err = load_part_end(l);
    }
    sqlite3_finalize(s);
    return err;
}

static yd_err load_finish(struct loading *l, struct store_event *ev)
{
    ev->parts = calloc(l->part_count + 1, sizeof *ev->parts);
    if (ev->parts == NULL) return YD_ENOMEM;
    size_t from = 0;
    for (size_t i = 0; i < l->part_count; i++) {
        ev->parts[i] = (yd_slice){l->memory + from, l->ends[i] - from};
        from = l->ends[i];
    }
    ev->part_count = l->part_count;
    ev->memory = l->memory;
    l->memory = NULL;
    return YD_OK;
}

yd_err database_load(struct database *db, yd_slice name, struct store_event *ev)
{
    ev->kind = STORE_EV_LOADED;
    struct loading l = {.db = db, .room = database_room(db, name)};
    if (l.room == NULL) return db->why[0] != 0 ? YD_EIO : YD_ENOMEM;
    if (l.room->id == 0) return YD_OK;
    yd_err err = YD_OK;
    if (l.room->base_gen > 0) err = load_base(&l, &ev->base_bytes);
    if (err == YD_OK && l.broken == NULL && l.room->has_delta) err = load_delta(&l);
    if (err == YD_OK && l.broken == NULL) err = load_journal(&l);
    if (err == YD_OK && l.broken == NULL) err = load_finish(&l, ev);
    if (err == YD_OK && l.broken != NULL) {
        ev->kind = STORE_EV_LOAD_FAILED;
        snprintf(ev->why, sizeof ev->why,
                 "%s cannot be read in %s; the room is refused, others are served; run `partyd "
                 "check`, restore it from a backup",
                 l.broken, db->path);
    }
    free(l.memory);
    free(l.ends);
    return err;
}
