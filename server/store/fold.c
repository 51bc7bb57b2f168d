/* fold.c - history beyond its limits: the oldest rows become one state.
 *
 * In slices: read what is folded, merge it, write the state, and in one transaction put its row in
 * the place of the folded ones. Merging is the engine's work and takes as long as it takes (half a
 * second for 50 MB), so a thread of its own does it, on memory that is its own; no commit waits.
 *
 * One fold at a time. Nothing depends on it: whatever goes wrong with it, the history stays as it
 * is.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "ops/heap.h"
#include "store/database.h"
#include "ydoc/update.h"

enum stage { READ, MERGE, WRITE };

struct fold {
    uint64_t room, epoch;
    struct history_row *rows; /* those that are folded: the first ones of the room */
    size_t count, row;
    enum stage stage;
    struct history_job job; /* for reading */
    uv_thread_t thread;
    bool is_running;
    atomic_bool is_merged;
    yd_err merged;
    void (*wake)(void *ctx);
    void *wake_ctx;
    struct piece_writer writer; /* its bytes: the state */
};

/* How many rows are too many, from the front. Done when a limit is passed by a quarter, and then
 * all that is beyond it: so it is seldom done. */
static size_t rows_to_fold(const struct history_row *rows, size_t count,
                           const struct store_keep *keep, uint64_t now)
{
    uint64_t updates = 0, bytes = 0, slack_age = keep->age_ms + keep->age_ms / 4;
    for (size_t i = 0; i < count; i++) {
        updates += rows[i].count;
        bytes += rows[i].count > 0 ? rows[i].piece.bytes : 0;
    }
    size_t first = 0;
    while (first < count && rows[first].count == 0) first++;
    if (first == count) return 0;
    bool is_beyond = (keep->updates > 0 && updates > keep->updates + keep->updates / 4) ||
                     (keep->bytes > 0 && bytes > keep->bytes + keep->bytes / 4) ||
                     (keep->age_ms > 0 && rows[first].at + slack_age < now);
    size_t fold = first;
    while (is_beyond && fold < count) {
        const struct history_row *row = &rows[fold];
        bool is_within = (keep->updates == 0 || updates <= keep->updates) &&
                         (keep->bytes == 0 || bytes <= keep->bytes) &&
                         (keep->age_ms == 0 || row->at + keep->age_ms >= now);
        if (is_within) break;
        updates -= row->count;
        bytes -= row->piece.bytes;
        fold++;
    }
    return is_beyond && fold > 0 ? fold : 0;
}

yd_err fold_consider(struct database *db, const struct stored_room *room,
                     const struct store_keep *keep)
{
    if (db->fold != NULL) { // when that has ended; if others come too, at their next snapshot
        db->fold_next = room->id;
        db->fold_keep = *keep;
        return YD_OK;
    }
    struct history_row *rows = NULL;
    size_t count = 0;
    const char *broken = NULL;
    yd_err err = history_rows(db, room->id, &rows, &count, &broken);
    size_t fold =
        err == YD_OK && broken == NULL ? rows_to_fold(rows, count, keep, database_now(db)) : 0;
    struct fold *f = fold == 0 ? NULL : calloc(1, sizeof *f);
    if (f == NULL) {
        free(rows);
        return fold == 0 ? err : YD_ENOMEM;
    }
    f->room = room->id;
    f->epoch = room->epoch;
    f->rows = rows;
    f->count = fold;
    f->wake = db->wake;
    f->wake_ctx = db->wake_ctx;
    f->job.is_begun = true;
    f->job.rows = rows;
    f->job.row_count = fold;
    yd_buf_init(&f->job.memory, heap_alloc(), SIZE_MAX / 2);
    yd_buf_init(&f->job.piece_bytes, heap_alloc(), SIZE_MAX / 2);
    yd_buf_init(&f->writer.bytes, heap_alloc(), SIZE_MAX / 2);
    db->fold = f;
    return YD_OK;
}

void fold_end(struct database *db)
{
    struct fold *f = db->fold;
    if (f == NULL) return;
    if (f->is_running) (void)uv_thread_join(&f->thread);
    if (f->writer.piece.gen > 0) piece_forget(db, f->room, &f->writer);
    piece_writer_deinit(&f->writer);
    history_job_deinit(&f->job); // the rows are its own
    free(f);
    db->fold = NULL;
}

bool fold_is_ready(const struct database *db)
{
    return db->fold != NULL && (db->fold->stage != MERGE || atomic_load(&db->fold->is_merged));
}

/* On its own thread. */
static void merge_all(void *ctx)
{
    struct fold *f = ctx;
    struct yd_update *updates = calloc(f->job.count, sizeof *updates);
    f->merged = updates == NULL ? YD_ENOMEM : YD_OK;
    for (size_t i = 0, from = 0; updates != NULL && i < f->job.count; from = f->job.ends[i++]) {
        updates[i].bytes = (yd_slice){f->job.memory.ptr + from, f->job.ends[i] - from};
        updates[i].format = YD_V1;
    }
    if (f->merged == YD_OK) {
        f->merged = yd_update_merge(updates, f->job.count, YD_V1, &f->writer.bytes, NULL);
    }
    free(updates);
    atomic_store(&f->is_merged, true);
    if (f->wake != NULL) f->wake(f->wake_ctx);
}

static yd_err step_read(struct database *db, struct fold *f, bool *give_up)
{
    bool done = false;
    yd_err err = YD_OK;
    if (f->job.row < f->job.row_count) err = history_piece_next(db, &f->job, f->room);
    *give_up = f->job.broken != NULL;
    done = f->job.row == f->job.row_count;
    if (err != YD_OK || *give_up || !done) return err;
    f->stage = MERGE;
    f->is_running = uv_thread_create(&f->thread, merge_all, f) == 0;
    *give_up = !f->is_running;
    return YD_OK;
}

/* The state's row takes the number of the last row that went into it. */
static yd_err take(struct database *db, const struct stored_room *room, struct fold *f)
{
    const struct history_row *last = &f->rows[f->count - 1];
    uint64_t key[] = {f->room, last->n};
    db->history_changes++;
    yd_err err =
        database_run(db, "DELETE FROM history WHERE room = ?1 AND n <= ?2", key, 2, YD_EMPTY);
    for (size_t i = 0; i < f->count && err == YD_OK; i++) {
        err = history_piece_drop(db, room, &f->rows[i].piece);
    }
    struct history_row row = {
        .n = last->n, .upto = last->upto, .at = last->at, .piece = f->writer.piece};
    if (err == YD_OK) err = piece_take(db, f->room, &f->writer);
    return err == YD_OK ? history_insert(db, f->room, &row) : err;
}

static yd_err step_write(struct database *db, const struct stored_room *room, struct fold *f,
                         bool *is_finished)
{
    yd_err err = database_step(db, db->begin, "beginning to fold a history");
    if (err == YD_OK) err = piece_write(db, room, &f->writer, is_finished);
    if (err == YD_OK && *is_finished) err = take(db, room, f);
    return err == YD_OK ? database_step(db, db->commit, "folding a history") : err;
}

static yd_err consider_next(struct database *db)
{
    uint64_t id = db->fold_next;
    db->fold_next = 0;
    if (id == 0) return YD_OK;
    struct stored_room *room = NULL;
    yd_err err = rooms_get(db, id, &room);
    if (err != YD_OK) return err;
    if (room->status == STORE_ROOM_OK) err = fold_consider(db, room, &db->fold_keep);
    rooms_cool(db, room);
    return err;
}

yd_err fold_step(struct database *db, bool *more)
{
    struct fold *f = db->fold;
    *more = false;
    if (f == NULL || !fold_is_ready(db)) return YD_OK;
    struct stored_room *room = NULL;
    yd_err err = rooms_get(db, f->room, &room);
    if (err != YD_OK) return err;
    bool is_over = room->status != STORE_ROOM_OK || room->epoch != f->epoch;
    if (f->stage == MERGE && !is_over) {
        is_over = f->merged != YD_OK;
        f->stage = WRITE;
    }
    if (!is_over && f->stage == READ) err = step_read(db, f, &is_over);
    if (!is_over && f->stage == WRITE) err = step_write(db, room, f, &is_over);
    rooms_cool(db, room);
    if (err == YD_OK && is_over) fold_end(db);
    if (err == YD_OK && is_over) err = consider_next(db);
    *more = db->fold != NULL && fold_is_ready(db);
    return err;
}
