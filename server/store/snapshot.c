/* snapshot.c - snapshots in.
 *
 * A base goes in as chunk rows of 256 KiB under a new generation, 1 MiB a commit, so that a batch
 * waits for one slice at most. The first slice also writes down the new generation as garbage; the
 * last, small transaction makes it the room's base and writes down the old one instead. So whatever
 * a crash leaves behind is in the table `garbage`, and nobody has to look for it.
 */
#include "store/database.h"

#include <stdio.h>

#include "store/manage.h"

yd_err garbage_add(struct database *db, uint64_t room, uint64_t gen)
{
    uint64_t key[] = {room, gen};
    uint64_t row[] = {room, gen, database_row_crc('g', key, 2, YD_EMPTY)};
    return database_run(db, "INSERT OR REPLACE INTO garbage(room, gen, crc) VALUES(?1, ?2, ?3)",
                        row, 3, YD_EMPTY);
}

static yd_err write_delta(struct database *db, struct stored_room *room, struct snapshot_job *job)
{
    yd_slice data = yd_buf_slice(&job->bytes);
    uint64_t key[] = {room->id, room->base_gen};
    uint64_t row[] = {room->id, database_row_crc('d', key, 2, data)};
    yd_err err = database_run(
        db, "INSERT OR REPLACE INTO delta(room, crc, data) VALUES(?1, ?2, ?3)", row, 2, data);
    room->delta_form = FORM_V1;
    room->delta_bytes = room->delta_raw = data.len;
    return err;
}

static size_t chunk_count(const struct snapshot_job *job)
{
    return (job->bytes.len + CHUNK_BYTES - 1) / CHUNK_BYTES;
}

static yd_err write_chunks(struct database *db, struct stored_room *room, struct snapshot_job *job)
{
    yd_err err = YD_OK;
    for (int n = 0; n < CHUNKS_A_SLICE && job->written < chunk_count(job) && err == YD_OK; n++) {
        size_t from = job->written * CHUNK_BYTES;
        size_t len = job->bytes.len - from < CHUNK_BYTES ? job->bytes.len - from : CHUNK_BYTES;
        yd_slice data = {job->bytes.ptr + from, len};
        uint64_t key[] = {room->id, job->gen, job->written};
        uint64_t row[] = {room->id, job->gen, job->written, database_row_crc('b', key, 3, data)};
        err = database_run(db,
                           "INSERT OR REPLACE INTO base(room, gen, i, crc, data)"
                           " VALUES(?1, ?2, ?3, ?4, ?5)",
                           row, 4, data);
        job->written++;
    }
    return err;
}

/* A number that no chunk of this room has, not even one left by a crash. */
static yd_err next_gen(struct database *db, struct stored_room *room, uint64_t *gen)
{
    sqlite3_stmt *s = database_query(
        db, "SELECT coalesce(max(gen), 0) FROM garbage WHERE room = ?1", &room->id, 1);
    if (s == NULL) return YD_EIO;
    yd_err err = sqlite3_step(s) == SQLITE_ROW ? YD_OK : database_fail(db, "reading garbage");
    if (err == YD_OK) *gen = (uint64_t)sqlite3_column_int64(s, 0) + 1;
    sqlite3_finalize(s);
    if (*gen <= room->base_gen) *gen = room->base_gen + 1;
    return err;
}

/* The chunks are all there: they become the base. */
static yd_err flip_base(struct database *db, struct stored_room *room, struct snapshot_job *job)
{
    uint64_t old[] = {room->id, room->base_gen}, new[] = {room->id, job->gen};
    yd_err err = YD_OK;
    if (room->base_chunks > CHUNKS_A_SLICE) {
        err = garbage_add(db, room->id, room->base_gen);
    } else if (room->base_gen > 0) {
        err = database_run(db, "DELETE FROM base WHERE room = ?1 AND gen = ?2", old, 2, YD_EMPTY);
    }
    if (err == YD_OK) {
        err =
            database_run(db, "DELETE FROM garbage WHERE room = ?1 AND gen = ?2", new, 2, YD_EMPTY);
    }
    if (err == YD_OK) err = database_run(db, "DELETE FROM delta WHERE room = ?1", new, 1, YD_EMPTY);
    room->base_gen = job->gen;
    room->base_bytes = room->base_raw = job->bytes.len;
    room->base_chunks = chunk_count(job);
    room->base_form = FORM_V1;
    room->delta_form = FORM_NONE;
    room->delta_bytes = room->delta_raw = 0;
    return err;
}

static yd_err write_base(struct database *db, struct stored_room *room, struct snapshot_job *job,
                         bool *done)
{
    bool is_small = chunk_count(job) <= CHUNKS_A_SLICE;
    yd_err err = YD_OK;
    if (job->gen == 0) {
        err = next_gen(db, room, &job->gen);
        if (err == YD_OK && !is_small) err = garbage_add(db, room->id, job->gen);
        db->writing_room = room->id;
        db->writing_gen = job->gen;
    }
    *done = job->written == chunk_count(job) || is_small;
    if (err == YD_OK) err = write_chunks(db, room, job);
    if (err == YD_OK && *done) err = flip_base(db, room, job);
    if (*done) db->writing_room = db->writing_gen = 0;
    return err;
}

/* Memory says what the row says only after the commit; if there is none, the database is closed. */
static yd_err write_slice(struct database *db, struct stored_room *room, struct snapshot_job *job,
                          bool *done)
{
    yd_err err = database_step(db, db->begin, "beginning a snapshot");
    if (err == YD_OK) {
        err =
            job->kind == STORE_DELTA ? write_delta(db, room, job) : write_base(db, room, job, done);
    }
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
                                     (*room)->base_gen > 0 || (*room)->place_count > 0);
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
    if (err == YD_OK) err = write_base(db, room, job, done);
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
