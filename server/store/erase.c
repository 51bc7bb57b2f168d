/* erase.c - deleting rooms: for a while, and for good.
 *
 * A deleted room keeps its row for ever, so that it is known to have been deleted. To erase one is
 * one small transaction: its snapshots become garbage, its updates count as covered. From then on
 * nobody can read it. What is left on the disk goes away in slices afterwards, in this order:
 *   1 journal: the bytes of its updates are overwritten in their rows
 *   2 garbage: its chunks are deleted
 *   3 free pages, which hold what was deleted, are overwritten with others, or cut off
 *   4 the WAL is moved into the database and cut off
 * Status ERASING says that this is not finished; after a restart it begins anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/database.h"

#define PAGES_A_SLICE 64
#define ROWS_A_SLICE  64
#define BYTES_A_SLICE ((size_t)512 * 1024)

enum stage { WIPE_JOURNAL, DROP_CHUNKS, CUT_PAGES, CUT_WAL };

yd_err erasures_add(struct database *db, uint64_t room, uint64_t due)
{
    if (db->erasure_count == db->erasure_cap) {
        size_t cap = db->erasure_cap == 0 ? 8 : db->erasure_cap * 2;
        struct erasure *list = realloc(db->erasures, cap * sizeof *list);
        if (list == NULL) return YD_ENOMEM;
        db->erasures = list;
        db->erasure_cap = cap;
    }
    db->erasures[db->erasure_count++] = (struct erasure){.room = room, .due = due};
    return YD_OK;
}

static void erasure_remove(struct database *db, size_t i)
{
    db->erasure_count--;
    memmove(db->erasures + i, db->erasures + i + 1, (db->erasure_count - i) * sizeof *db->erasures);
}

void erasures_drop(struct database *db, uint64_t room)
{
    for (size_t i = 0; i < db->erasure_count; i++) {
        // What is under way goes on: it is about bytes that nobody needs.
        if (db->erasures[i].room == room && db->erasures[i].due > 0) {
            erasure_remove(db, i);
            return;
        }
    }
}

uint64_t erasures_due(const struct database *db)
{
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < db->erasure_count; i++) {
        if (db->erasures[i].due < due) due = db->erasures[i].due;
    }
    return due;
}

/* ---- the change of the row --------------------------------------------------------------------
 */

/* One transaction: the row says so, and the change has a number. */
static yd_err save_change(struct database *db, struct stored_room *room)
{
    uint64_t lsn = db->lsn + 1;
    room->changed_lsn = lsn;
    room->changed_at = database_now(db);
    if (room->status == STORE_ROOM_ERASING) room->covered_lsn = lsn;
    yd_err err = log_mark(db, lsn);
    if (err == YD_OK) err = rooms_save(db, room);
    if (err == YD_OK) err = database_step(db, db->commit, "deleting a room");
    if (err != YD_OK) return err;
    rooms_slot(db, room->id)->changed_lsn = lsn;
    rooms_slot(db, room->id)->is_read = 0;
    log_cover(db, room, room->covered_lsn);
    return log_marked(db, lsn);
}

/* Nobody can read it any more; what is left is queued. */
static yd_err make_unreachable(struct database *db, struct stored_room *room)
{
    yd_err err = database_step(db, db->begin, "beginning to erase a room");
    if (err == YD_OK) err = history_drop(db, room);
    if (err == YD_OK) err = piece_drop(db, room->id, &room->base);
    if (err == YD_OK) err = piece_drop(db, room->id, &room->delta);
    room->status = STORE_ROOM_ERASING;
    room->epoch++;
    room->updates = 0;
    room->erase_at = 0;
    if (room->deleted_at == 0) room->deleted_at = database_now(db);
    if (err == YD_OK) err = save_change(db, room);
    if (err != YD_OK) return err;
    rooms_bad(db, room, false);
    erasures_drop(db, room->id);
    return erasures_add(db, room->id, 0);
}

static yd_err make_deleted(struct database *db, struct stored_room *room, uint64_t erase_at)
{
    yd_err err = database_step(db, db->begin, "beginning to delete a room");
    room->status = STORE_ROOM_DELETED;
    if (room->deleted_at == 0) room->deleted_at = database_now(db);
    room->erase_at = erase_at == 0 ? 1 : erase_at; // 0 says that it has begun
    if (err == YD_OK) err = save_change(db, room);
    erasures_drop(db, room->id);
    return err == YD_OK ? erasures_add(db, room->id, room->erase_at) : err;
}

static yd_err make_undeleted(struct database *db, struct stored_room *room)
{
    yd_err err = database_step(db, db->begin, "beginning to undelete a room");
    room->status = STORE_ROOM_OK;
    room->epoch++; // sinks tell it by that from a copy of before that was put back
    room->deleted_at = room->erase_at = 0;
    if (err == YD_OK) err = save_change(db, room);
    erasures_drop(db, room->id);
    return err;
}

static const char *cannot(const struct stored_room *room, enum store_erase how)
{
    if (room->status == STORE_ROOM_ERASING || room->status == STORE_ROOM_ERASED) {
        return "the room has been erased; nothing of it is left";
    }
    if (how == STORE_UNDELETE && room->status == STORE_ROOM_OK) return "the room is not deleted";
    return NULL;
}

yd_err database_erase(struct database *db, const struct erase_job *job, struct store_event *ev)
{
    struct stored_room *room = NULL;
    yd_err err = rooms_find(db, job->name, &room);
    const char *refused = NULL;
    if (err == YD_ENOTFOUND) refused = "there is no such room";
    if (err == YD_EMALFORMED) {
        refused = "this room cannot be told from one whose row is damaged; restore the store";
    }
    if (err == YD_OK) refused = cannot(room, job->how);
    ev->kind = STORE_EV_REFUSED;
    if (err == YD_ENOTFOUND) ev->status = -1;
    if (refused != NULL) {
        snprintf(ev->why, sizeof ev->why, "%s", refused);
        if (room != NULL) rooms_cool(db, room);
        return YD_OK;
    }
    if (err != YD_OK) return err;
    switch (job->how) {
    case STORE_DELETE: err = make_deleted(db, room, job->erase_at); break;
    case STORE_UNDELETE: err = make_undeleted(db, room); break;
    case STORE_ERASE: err = make_unreachable(db, room); break;
    }
    ev->kind = STORE_EV_CHANGED;
    ev->lsn = db->lsn;
    ev->epoch = room->epoch;
    ev->status = (int)room->status;
    rooms_cool(db, room);
    return err;
}

/* ---- what is left on the disk -----------------------------------------------------------------
 */

static yd_err wipe_row(struct database *db, uint64_t lsn, uint64_t room, size_t *looked_at)
{
    sqlite3_stmt *s = database_query(db, "SELECT data FROM journal WHERE lsn = ?1", &lsn, 1);
    if (s == NULL) return YD_EIO;
    size_t len = sqlite3_step(s) == SQLITE_ROW ? (size_t)sqlite3_column_bytes(s, 0) : 0;
    uint8_t *copy = len == 0 ? NULL : malloc(len);
    if (copy != NULL) memcpy(copy, sqlite3_column_blob(s, 0), len);
    sqlite3_finalize(s);
    *looked_at += len;
    if (copy == NULL) return len == 0 ? YD_OK : YD_ENOMEM;
    yd_err err = YD_OK;
    if (journal_wipe(copy, len, lsn, room)) {
        err = database_run(db, "UPDATE journal SET data = ?2 WHERE lsn = ?1", &lsn, 1,
                           (yd_slice){copy, len});
    }
    free(copy);
    return err;
}

static yd_err wipe_journal(struct database *db, struct erasure *e)
{
    if (e->last_lsn == 0) e->last_lsn = db->lsn;
    if (e->next_lsn <= db->trimmed_lsn) e->next_lsn = db->trimmed_lsn + 1;
    yd_err err = database_step(db, db->begin, "beginning to overwrite updates");
    size_t looked_at = 0;
    for (int n = 0; n < ROWS_A_SLICE && looked_at < BYTES_A_SLICE && err == YD_OK; n++) {
        if (e->next_lsn > e->last_lsn) break;
        err = wipe_row(db, e->next_lsn++, e->room, &looked_at);
    }
    if (e->next_lsn > e->last_lsn) e->stage = DROP_CHUNKS;
    return err == YD_OK ? database_step(db, db->commit, "overwriting updates") : err;
}

static yd_err drop_chunks(struct database *db, struct erasure *e)
{
    uint64_t room = 0, gen = 0;
    yd_err err = YD_OK;
    if (garbage_next(db, e->room, &room, &gen, &err)) return garbage_slice(db, room, gen);
    if (err == YD_OK) err = database_number(db, "PRAGMA freelist_count", &e->pages);
    e->stage = CUT_PAGES;
    return err;
}

static yd_err cut_pages(struct database *db, struct erasure *e)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)", PAGES_A_SLICE);
    uint64_t before = 0, after = 0;
    yd_err err = database_number(db, "PRAGMA freelist_count", &before);
    if (err == YD_OK && before > 0) err = database_exec(db, sql);
    if (err == YD_OK) err = database_number(db, "PRAGMA freelist_count", &after);
    e->pages -= e->pages < PAGES_A_SLICE ? e->pages : PAGES_A_SLICE;
    if (e->pages == 0 || after == 0 || after >= before) e->stage = CUT_WAL;
    return err;
}

static yd_err finish(struct database *db, uint64_t id)
{
    struct stored_room *room = NULL;
    yd_err err = rooms_get(db, id, &room);
    if (err != YD_OK) return err;
    if (room->status == STORE_ROOM_ERASING) { // unless it was replaced meanwhile
        room->status = STORE_ROOM_ERASED;
        err = database_step(db, db->begin, "beginning to note an erasure");
        if (err == YD_OK) err = rooms_save(db, room);
        if (err == YD_OK) err = database_step(db, db->commit, "noting an erasure");
    }
    rooms_cool(db, room);
    return err;
}

static yd_err begin_due(struct database *db, size_t i)
{
    struct stored_room *room = NULL;
    uint64_t id = db->erasures[i].room;
    yd_err err = rooms_get(db, id, &room);
    if (err != YD_OK) return err;
    err = make_unreachable(db, room);
    rooms_cool(db, room);
    return err;
}

yd_err erasures_step(struct database *db, bool *more)
{
    *more = false;
    if (db->erasure_count == 0) return YD_OK;
    size_t i = 0;
    uint64_t now = database_now(db);
    while (i < db->erasure_count && db->erasures[i].due > now) i++;
    if (i == db->erasure_count) return YD_OK;
    *more = true;
    struct erasure *e = &db->erasures[i];
    if (e->due > 0) return begin_due(db, i);
    switch ((enum stage)e->stage) {
    case WIPE_JOURNAL: return wipe_journal(db, e);
    case DROP_CHUNKS: return drop_chunks(db, e);
    case CUT_PAGES: return cut_pages(db, e);
    case CUT_WAL: break;
    }
    yd_err err = database_checkpoint_all(db);
    if (err == YD_OK) err = finish(db, e->room);
    if (err == YD_OK) erasure_remove(db, i);
    return err;
}
