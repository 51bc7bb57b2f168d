/* trim.c - deletes what nobody needs any more: old chunks, covered journal rows. A slice a commit,
 * small enough that the next batch hardly notices. */
#include "store/database.h"

#include <string.h>

/* Measured: what is freed in about as long as a snapshot's slice takes to be written. */
#define CHUNKS_A_TRIM  8
#define TRIM_ROWS      1000
#define TRIM_ROW_BYTES ((uint64_t)512 * 1024)

/* A row that does not fit its checksum is left alone: it may name what somebody needs. */
bool garbage_next(struct database *db, uint64_t of_room, uint64_t *room_id, uint64_t *gen,
                  yd_err *err)
{
    sqlite3_stmt *s =
        database_query(db, "SELECT room, gen, crc FROM garbage WHERE ?1 IN (0, room)", &of_room, 1);
    if (s == NULL) {
        *err = YD_EIO;
        return false;
    }
    bool found = false;
    int step = SQLITE_ROW;
    while (!found && *err == YD_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        uint64_t key[] = {(uint64_t)sqlite3_column_int64(s, 0),
                          (uint64_t)sqlite3_column_int64(s, 1)};
        uint32_t crc = (uint32_t)sqlite3_column_int64(s, 2);
        if (crc != database_row_crc('g', key, 2, YD_EMPTY)) continue;
        if (piece_is_writing(db, key[0], key[1])) continue;
        struct stored_room *room = NULL;
        yd_err got = rooms_get(db, key[0], &room);
        if (got == YD_EMALFORMED || got == YD_ENOTFOUND) continue;
        *err = got;
        if (got != YD_OK) break;
        found = room->base.gen != key[1] && room->delta.gen != key[1] &&
                !history_has_gen(db, key[0], key[1], err);
        rooms_cool(db, room);
        *room_id = key[0];
        *gen = key[1];
    }
    if (*err == YD_OK && step != SQLITE_ROW && step != SQLITE_DONE) {
        *err = database_fail(db, "reading garbage");
    }
    sqlite3_finalize(s);
    return found;
}

yd_err garbage_slice(struct database *db, uint64_t room, uint64_t gen)
{
    uint64_t key[] = {room, gen, CHUNKS_A_TRIM};
    yd_err err = database_step(db, db->begin, "beginning to trim");
    if (err == YD_OK) {
        err = database_run(db,
                           "DELETE FROM base WHERE room = ?1 AND gen = ?2 AND i < ?3 + "
                           "(SELECT min(i) FROM base WHERE room = ?1 AND gen = ?2)",
                           key, 3, YD_EMPTY);
    }
    if (err == YD_OK && sqlite3_changes(db->sql) < CHUNKS_A_TRIM) {
        err =
            database_run(db, "DELETE FROM garbage WHERE room = ?1 AND gen = ?2", key, 2, YD_EMPTY);
    }
    return err == YD_OK ? database_step(db, db->commit, "committing a trim") : err;
}

static yd_err journal_slice(struct database *db, size_t rows, uint64_t bytes)
{
    uint64_t upto = db->trimmed_lsn + rows;
    yd_err err = database_step(db, db->begin, "beginning to trim");
    if (err == YD_OK) {
        err = database_run(db, "DELETE FROM journal WHERE lsn <= ?1", &upto, 1, YD_EMPTY);
    }
    // Where the journal begins: a row that is missing behind it is a loss. And an emptied table
    // would begin at 1 again.
    if (err == YD_OK) err = database_meta_set(db, "trimmed", upto);
    if (err == YD_OK) err = database_step(db, db->commit, "committing a trim");
    if (err != YD_OK) return err;
    db->trimmed_lsn = upto;
    db->journal_bytes -= bytes;
    db->use_count -= rows;
    memmove(db->uses, db->uses + rows, db->use_count * sizeof *db->uses);
    return YD_OK;
}

yd_err database_trim(struct database *db, bool *more)
{
    size_t rows = 0;
    uint64_t bytes = 0;
    while (rows < db->use_count && rows < TRIM_ROWS && bytes < TRIM_ROW_BYTES &&
           db->uses[rows].uncovered == 0) {
        bytes += db->uses[rows++].bytes;
    }
    *more = true;
    if (rows > 0) return journal_slice(db, rows, bytes);
    yd_err err = YD_OK;
    uint64_t room = 0, gen = 0;
    *more = garbage_next(db, 0, &room, &gen, &err);
    if (*more) return garbage_slice(db, room, gen);
    if (err == YD_OK) err = fold_step(db, more);
    return err == YD_OK && !*more ? erasures_step(db, more) : err;
}
