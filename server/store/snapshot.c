/* snapshot.c - snapshots in: a base, a delta, and with them what is kept as history.
 *
 * Each is a piece (piece.c), written in slices. One last, small transaction makes them the room's.
 */
#include "store/database.h"

#include <stdio.h>

/* The pieces take the place of base and delta, or of the delta. */
static yd_err flip(struct database *db, struct stored_room *room, struct snapshot_job *job)
{
    yd_err err = job->keeps ? segment_take(db, room, &job->segment) : YD_OK;
    if (err == YD_OK) err = piece_drop(db, room->id, &room->delta);
    if (err == YD_OK && job->kind == STORE_BASE) err = piece_drop(db, room->id, &room->base);
    if (err == YD_OK) err = piece_take(db, room->id, &job->content);
    *(job->kind == STORE_BASE ? &room->base : &room->delta) = job->content.piece;
    return err;
}

void snapshot_job_deinit(struct snapshot_job *job)
{
    piece_writer_deinit(&job->content);
    piece_writer_deinit(&job->segment.writer);
}

/* Memory says what the row says only after the commit; if there is none, the database is closed. */
static yd_err write_slice(struct database *db, struct stored_room *room, struct snapshot_job *job,
                          bool *done)
{
    yd_err err = database_step(db, db->begin, "beginning a snapshot");
    bool is_kept = !job->keeps;
    if (err == YD_OK && job->keeps) {
        err = segment_write(db, room, &job->segment, job->covers_lsn, &is_kept);
    }
    *done = false;
    if (err == YD_OK && is_kept) err = piece_write(db, room, &job->content, done);
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
        // What could not be read was replaced by what its writer had in memory, whole.
        if (err == YD_OK && *done && job->kind == STORE_BASE) rooms_bad(db, room, false);
        if (err == YD_OK && *done && job->keeps) err = fold_consider(db, room, &job->keep);
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
    if (err == YD_OK) err = piece_write(db, room, &job->content, done);
    if (err == YD_OK && *done) err = history_drop(db, room);
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
