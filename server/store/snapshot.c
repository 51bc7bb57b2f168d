/* snapshot.c - snapshots in.
 *
 * A base or a delta is a piece: chunk rows of 256 KiB under a new generation. What is larger than
 * 1 MiB is packed and written 1 MiB a commit, so that a batch waits for one slice at most. The
 * first slice also writes down the new generation as garbage; the last, small transaction makes it
 * the room's and writes down the old one instead. So whatever a crash leaves behind is in the table
 * `garbage`, and nobody has to look for it.
 */
#include "store/database.h"

#include <stdio.h>
#include <string.h>

#include "store/manage.h"

#define SMALL_BYTES ((size_t)1 << 20) /* packed, written and made the room's in one commit */

static yd_err garbage_add(struct database *db, uint64_t room, uint64_t gen)
{
    uint64_t key[] = {room, gen};
    uint64_t row[] = {room, gen, database_row_crc('g', key, 2, YD_EMPTY)};
    return database_run(db, "INSERT OR REPLACE INTO garbage(room, gen, crc) VALUES(?1, ?2, ?3)",
                        row, 3, YD_EMPTY);
}

yd_err piece_drop(struct database *db, uint64_t room, struct piece *piece)
{
    uint64_t key[] = {room, piece->gen};
    yd_err err = YD_OK;
    if (piece->chunks > CHUNKS_A_SLICE) {
        err = garbage_add(db, room, piece->gen);
    } else if (piece->gen > 0) {
        err = database_run(db, "DELETE FROM base WHERE room = ?1 AND gen = ?2", key, 2, YD_EMPTY);
    }
    *piece = (struct piece){0};
    return err;
}

yd_err piece_next_gen(struct database *db, const struct stored_room *room, uint64_t *gen)
{
    sqlite3_stmt *s = database_query(
        db, "SELECT coalesce(max(gen), 0) FROM garbage WHERE room = ?1", &room->id, 1);
    if (s == NULL) return YD_EIO;
    yd_err err = sqlite3_step(s) == SQLITE_ROW ? YD_OK : database_fail(db, "reading garbage");
    if (err == YD_OK) *gen = (uint64_t)sqlite3_column_int64(s, 0) + 1;
    sqlite3_finalize(s);
    if (*gen <= room->base.gen) *gen = room->base.gen + 1;
    if (*gen <= room->delta.gen) *gen = room->delta.gen + 1;
    return err;
}

/* The chunks that are full, or all when nothing more will come. */
static yd_err write_chunks(struct database *db, const struct stored_room *room,
                           struct snapshot_job *job)
{
    struct yd_buf *out = &job->packer.out;
    struct piece *piece = &job->piece;
    size_t at = 0;
    yd_err err = YD_OK;
    // No update at all is one chunk too: a piece without chunks could be one that was lost.
    bool is_last = job->packer.is_finished && piece->chunks == 0 && out->len == 0;
    while (err == YD_OK && (out->len - at >= CHUNK_BYTES || is_last ||
                            (job->packer.is_finished && at < out->len))) {
        size_t len = out->len - at < CHUNK_BYTES ? out->len - at : CHUNK_BYTES;
        yd_slice data = {out->ptr + at, len};
        uint64_t key[] = {room->id, piece->gen, piece->chunks};
        uint64_t row[] = {key[0], key[1], key[2], database_row_crc('b', key, 3, data)};
        err = database_run(db,
                           "INSERT OR REPLACE INTO base(room, gen, i, crc, data)"
                           " VALUES(?1, ?2, ?3, ?4, ?5)",
                           row, 4, data);
        piece->chunks++;
        piece->bytes += len;
        at += len;
        is_last = false;
    }
    memmove(out->ptr, out->ptr + at, out->len - at);
    out->len -= at;
    return err;
}

/* One slice; *done: the piece is all there. */
static yd_err write_piece(struct database *db, const struct stored_room *room,
                          struct snapshot_job *job, bool *done)
{
    yd_err err = YD_OK;
    if (job->piece.gen == 0) {
        job->piece.raw = job->bytes.len;
        job->was_large = job->bytes.len > SMALL_BYTES;
        err = piece_next_gen(db, room, &job->piece.gen);
        if (err == YD_OK && job->was_large) err = garbage_add(db, room->id, job->piece.gen);
        db->writing_room = room->id;
        db->writing_gen = job->piece.gen;
    }
    if (err == YD_OK) err = packer_more(&job->packer, yd_buf_slice(&job->bytes));
    if (err == YD_OK) err = write_chunks(db, room, job);
    *done = job->packer.is_finished;
    job->piece.form = job->packer.form;
    return err;
}

/* The piece takes the place of base and delta, or of the delta. */
static yd_err flip(struct database *db, struct stored_room *room, struct snapshot_job *job)
{
    uint64_t key[] = {room->id, job->piece.gen};
    yd_err err = piece_drop(db, room->id, &room->delta);
    if (err == YD_OK && job->kind == STORE_BASE) err = piece_drop(db, room->id, &room->base);
    if (err == YD_OK && job->was_large) {
        err =
            database_run(db, "DELETE FROM garbage WHERE room = ?1 AND gen = ?2", key, 2, YD_EMPTY);
    }
    *(job->kind == STORE_BASE ? &room->base : &room->delta) = job->piece;
    db->writing_room = db->writing_gen = 0;
    return err;
}

void snapshot_job_deinit(struct snapshot_job *job)
{
    packer_deinit(&job->packer);
    yd_buf_deinit(&job->bytes);
}

/* Memory says what the row says only after the commit; if there is none, the database is closed. */
static yd_err write_slice(struct database *db, struct stored_room *room, struct snapshot_job *job,
                          bool *done)
{
    yd_err err = database_step(db, db->begin, "beginning a snapshot");
    if (err == YD_OK) err = write_piece(db, room, job, done);
    if (err == YD_OK && *done) err = flip(db, room, job);
    if (err == YD_OK && *done) {
        // It may have been carried along meanwhile: what is covered never goes back.
        if (job->covers_lsn > room->covered_lsn) room->covered_lsn = job->covers_lsn;
        log_count(db, room, job->covers_lsn);
        err = rooms_save(db, room);
    }
    return err == YD_OK ? database_step(db, db->commit, "committing a snapshot") : err;
}

yd_err database_snapshot(struct database *db, struct snapshot_job *job, bool *done)
{
    struct stored_room *room = NULL;
    *done = true;
    yd_err err = rooms_find(db, job->name, &room);
    // Nothing of it was ever appended, or it cannot be read: then its bytes are not replaced.
    if (err == YD_ENOTFOUND || err == YD_EMALFORMED) return YD_OK;
    if (err != YD_OK) return err;
    if (rooms_slot(db, room->id)->is_read && room->status == STORE_ROOM_OK) {
        err = write_slice(db, room, job, done);
        if (err == YD_OK && *done) log_cover(db, room, job->covers_lsn);
    }
    rooms_cool(db, room);
    return err;
}

/* ---- replacing --------------------------------------------------------------------------------
 */

static yd_err refuse(struct store_event *ev, const char *why)
{
    ev->kind = STORE_EV_REFUSED;
    snprintf(ev->why, sizeof ev->why, "%s", why);
    return YD_OK;
}

/* The room that is replaced, made if there is none. *refused: why not. */
static yd_err replaced_room(struct database *db, struct snapshot_job *job,
                            struct stored_room **room, const char **refused)
{
    yd_err err = rooms_find(db, job->name, room);
    if (err == YD_EMALFORMED) {
        *refused = "this room cannot be told from one whose row is damaged; restore the store";
        return YD_OK;
    }
    if (err == YD_ENOTFOUND) {
        err = database_step(db, db->begin, "beginning to add a room");
        if (err == YD_OK) err = rooms_add(db, job->name, room);
        if (err == YD_OK) err = database_meta_set(db, "rooms", db->rooms.count);
        if (err == YD_OK) err = database_step(db, db->commit, "adding a room");
        return err;
    }
    bool was_used = err == YD_OK && (rooms_slot(db, (*room)->id)->changed_lsn > 0 ||
                                     (*room)->base.gen > 0 || (*room)->place_count > 0);
    if (was_used && job->replace.only_new) *refused = "there is or was such a room";
    return err;
}

static void become_new(struct database *db, struct stored_room *room, struct snapshot_job *job,
                       uint64_t lsn)
{
    room->epoch++;
    if (room->epoch < job->replace.epoch_min) room->epoch = job->replace.epoch_min;
    room->status = STORE_ROOM_OK;
    room->deleted_at = room->erase_at = 0;
    room->covered_lsn = room->changed_lsn = lsn;
    room->changed_at = database_now(db);
    room->updates = 1;
}

static yd_err replace_slice(struct database *db, struct stored_room *room, struct snapshot_job *job,
                            struct store_event *ev, bool *done)
{
    uint64_t lsn = db->lsn + 1;
    yd_err err = database_step(db, db->begin, "beginning to replace a room");
    if (err == YD_OK) err = write_piece(db, room, job, done);
    if (err == YD_OK && *done) err = flip(db, room, job);
    if (err == YD_OK && *done) {
        become_new(db, room, job, lsn);
        err = log_mark(db, lsn);
        if (err == YD_OK) err = rooms_save(db, room);
    }
    if (err == YD_OK) err = database_step(db, db->commit, "committing a room that was replaced");
    if (err != YD_OK || !*done) return err;
    log_cover(db, room, lsn);
    rooms_bad(db, room, false);
    erasures_drop(db, room->id);
    rooms_slot(db, room->id)->changed_lsn = lsn;
    rooms_slot(db, room->id)->is_read = 0; // whoever has what was there before knows nothing of it
    ev->kind = STORE_EV_CHANGED;
    ev->lsn = lsn;
    ev->epoch = room->epoch;
    return log_marked(db, lsn);
}

yd_err database_replace(struct database *db, struct snapshot_job *job, struct store_event *ev,
                        bool *done)
{
    struct stored_room *room = NULL;
    const char *refused = NULL;
    *done = true;
    yd_err err =
        job->room > 0 ? rooms_get(db, job->room, &room) : replaced_room(db, job, &room, &refused);
    if (err != YD_OK) return err;
    if (refused != NULL) {
        if (room != NULL) rooms_cool(db, room);
        return refuse(ev, refused);
    }
    job->room = room->id;
    err = replace_slice(db, room, job, ev, done);
    rooms_cool(db, room);
    return err;
}
