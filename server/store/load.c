/* load.c - reading a room back: base, delta, journal entries; 1 MiB of its base at a time.
 *
 * Between two slices batches may be committed, also of this room; what they brought is read with
 * the last slice. Snapshots cannot come in between, because store.c does one of both at a time.
 *
 * Whatever does not fit its checksum, its place or its count makes the whole load fail: a room is
 * given out as it was stored or not at all.
 */
#include "store/database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/heap.h"

static yd_err load_part_end(struct load_job *l)
{
    if (l->part_count == l->part_cap) {
        size_t cap = l->part_cap == 0 ? 16 : l->part_cap * 2;
        size_t *ends = realloc(l->ends, cap * sizeof *ends);
        if (ends == NULL) return YD_ENOMEM;
        l->ends = ends;
        l->part_cap = cap;
    }
    l->ends[l->part_count++] = l->memory.len;
    return YD_OK;
}

static yd_slice column(sqlite3_stmt *s, int i)
{
    const void *data = sqlite3_column_blob(s, i);
    return data == NULL ? YD_EMPTY : (yd_slice){data, (size_t)sqlite3_column_bytes(s, i)};
}

/* A refusal of the disk or of memory while reading: not this room's fault alone, but this room
 * cannot be given out; the owner may ask again. */
static yd_err load_broken(struct load_job *l, const char *what)
{
    l->broken = what;
    return YD_OK;
}

/* One slice of the base, then of the delta. *done: both are read, or something is broken. */
static yd_err load_pieces(struct database *db, struct load_job *l, const struct stored_room *room,
                          bool *done)
{
    const struct piece *pieces[] = {&room->base, &room->delta};
    while (l->pieces < 2 && pieces[l->pieces]->gen == 0) l->pieces++;
    *done = l->pieces == 2;
    if (*done) return YD_OK;
    l->reader.is_check = l->is_check;
    if (l->reader.chunks == 0) l->reader.piece = *pieces[l->pieces];
    YD_ASSERT(l->reader.piece.gen == pieces[l->pieces]->gen);
    bool is_whole = false;
    yd_err err = piece_read(db, room->id, &l->reader, &l->memory, &is_whole);
    l->broken = l->reader.broken;
    if (err != YD_OK || l->broken != NULL || !is_whole) return err;
    piece_reader_deinit(&l->reader);
    l->pieces++;
    *done = l->pieces == 2;
    return load_part_end(l);
}

static yd_err load_journal(struct database *db, struct load_job *l, const struct stored_room *room)
{
    sqlite3_stmt *s = database_query(db, "SELECT data FROM journal WHERE lsn = ?1", NULL, 0);
    if (s == NULL) return load_broken(l, "the journal");
    yd_err err = YD_OK;
    uint64_t at = 0;
    yd_slice row = YD_EMPTY;
    for (size_t i = 0; i < room->place_count && err == YD_OK; i++) {
        const struct place *p = &room->places[i];
        if (p->lsn != at) {
            (void)sqlite3_reset(s);
            sqlite3_bind_int64(s, 1, (sqlite3_int64)p->lsn);
            row = sqlite3_step(s) == SQLITE_ROW ? column(s, 0) : YD_EMPTY;
            at = p->lsn;
        }
        bool is_inside = (uint64_t)p->offset + p->len <= row.len;
        if (!is_inside || store_crc((yd_slice){row.ptr + p->offset, p->len}) != p->crc) {
            l->broken = "a journal entry (checksum)";
            break;
        }
        if (l->is_check) continue;
        err = yd_buf_append(&l->memory, (yd_slice){row.ptr + p->offset, p->len});
        if (err == YD_OK) err = load_part_end(l);
    }
    sqlite3_finalize(s);
    return err;
}

static yd_err load_finish(struct load_job *l, struct store_event *ev)
{
    ev->parts = calloc(l->part_count + 1, sizeof *ev->parts);
    if (ev->parts == NULL) return YD_ENOMEM;
    size_t from = 0;
    for (size_t i = 0; i < l->part_count; i++) {
        ev->parts[i] = (yd_slice){l->memory.ptr + from, l->ends[i] - from};
        from = l->ends[i];
    }
    ev->part_count = l->part_count;
    // The buffer's bytes come from the heap, as all memory of events does.
    ev->memory = l->memory.cap > 0 ? l->memory.ptr : NULL;
    yd_buf_init(&l->memory, l->memory.alloc, l->memory.max);
    return YD_OK;
}

/* One slice; *done when nothing is left to read or something is broken. */
static yd_err load_slice(struct database *db, struct load_job *l, struct stored_room *room,
                         struct store_event *ev, bool *done)
{
    yd_err err = YD_OK;
    if (!l->is_begun) {
        l->is_begun = true;
        yd_buf_init(&l->memory, heap_alloc(), SIZE_MAX / 2);
        // A room that was ever changed has something, if only an empty base.
        if (room->changed_lsn > 0 && room->base.gen == 0 && room->delta.gen == 0 &&
            room->place_count == 0) {
            l->broken = "its content, of which nothing is there,";
        }
        // The row's own checksum vouches for the sizes.
        size_t size = l->is_check ? 0 : room->base.raw + room->delta.raw;
        for (size_t i = 0; i < room->place_count && !l->is_check; i++) size += room->places[i].len;
        err = yd_buf_reserve(&l->memory, size);
    }
    *done = true;
    if (err == YD_OK && l->broken == NULL) err = load_pieces(db, l, room, done);
    if (err == YD_OK && l->broken == NULL && !*done) return YD_OK;
    if (err == YD_OK && l->broken == NULL) err = load_journal(db, l, room);
    if (err == YD_OK && l->broken == NULL) err = load_finish(l, ev);
    ev->base_bytes = room->base.raw;
    ev->lsn = db->lsn;
    ev->epoch = room->epoch;
    if (err != YD_OK) return err;
    if (!l->is_passive) rooms_slot(db, room->id)->is_read = l->broken == NULL;
    if (l->broken != NULL) rooms_bad(db, room, true);
    return YD_OK;
}

static bool is_deleted(const struct load_job *job, const struct stored_room *room)
{
    return room->status == STORE_ROOM_DELETED ? !job->is_passive : room->status != STORE_ROOM_OK;
}

yd_err database_load(struct database *db, struct load_job *job, struct store_event *ev, bool *done)
{
    struct stored_room *room = NULL;
    ev->kind = STORE_EV_LOADED;
    *done = true;
    yd_err err = rooms_find(db, job->name, &room);
    if (err == YD_ENOTFOUND) return YD_OK;
    if (err == YD_EMALFORMED) {
        job->broken = "the table of rooms, perhaps where this room stands,";
        err = YD_OK;
    } else if (err == YD_OK) {
        ev->status = (int)room->status;
        if (is_deleted(job, room)) {
            ev->kind = STORE_EV_LOAD_DELETED;
            ev->epoch = room->epoch;
        } else {
            err = load_slice(db, job, room, ev, done);
        }
        rooms_cool(db, room);
    }
    if (err == YD_OK && job->broken != NULL) {
        ev->kind = STORE_EV_LOAD_FAILED;
        ev->base_bytes = 0;
        snprintf(ev->why, sizeof ev->why,
                 "%s cannot be read in %s; the room is refused, others are served; run `partyd "
                 "check`, restore it from a backup",
                 job->broken, db->path);
    }
    return err;
}

void load_job_deinit(struct load_job *job)
{
    piece_reader_deinit(&job->reader);
    if (job->is_begun) yd_buf_deinit(&job->memory);
    free(job->ends);
    job->ends = NULL;
}
