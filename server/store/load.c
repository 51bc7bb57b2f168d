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

#define SLICE_BYTES ((size_t)2 << 20) /* given out; chunks may stand for many times their size */

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

static yd_err load_chunk(struct load_job *l, const struct stored_room *room, sqlite3_stmt *s)
{
    yd_slice data = column(s, 2);
    uint64_t id[] = {room->id, l->piece.gen, l->chunks++};
    if ((uint64_t)sqlite3_column_int64(s, 0) != id[2] || l->chunks > l->piece.chunks ||
        (uint32_t)sqlite3_column_int64(s, 1) != database_row_crc('b', id, 3, data)) {
        return load_broken(l, "a chunk of its snapshot (checksum)");
    }
    l->stored += data.len;
    yd_err err = unpacker_more(&l->unpacker, &l->piece, data, &l->memory);
    return err == YD_EMALFORMED ? load_broken(l, "a chunk of its snapshot (packing)") : err;
}

/* All chunks of a piece have been read. */
static yd_err load_piece_end(struct load_job *l, size_t from)
{
    yd_err err = unpacker_finish(&l->unpacker, &l->piece, &l->memory);
    unpacker_deinit(&l->unpacker);
    if (err == YD_ENOMEM) return err;
    if (err != YD_OK || l->stored != l->piece.bytes || l->memory.len - from != l->piece.raw) {
        return load_broken(l, "its snapshot (its size is another)");
    }
    l->chunks = l->stored = 0;
    l->pieces++;
    return load_part_end(l);
}

/* The next chunks. *done: the piece is whole, or something is broken. */
static yd_err load_chunks(struct database *db, struct load_job *l, const struct stored_room *room,
                          bool *done)
{
    uint64_t key[] = {room->id, l->piece.gen, l->chunks};
    sqlite3_stmt *s = database_query(db,
                                     "SELECT i, crc, data FROM base WHERE room = ?1 AND gen = ?2"
                                     " AND i >= ?3 ORDER BY i",
                                     key, 3);
    if (s == NULL) return load_broken(l, "its snapshot");
    yd_err err = YD_OK;
    int step = SQLITE_ROW;
    size_t before = l->memory.len;
    for (int n = 0; n < CHUNKS_A_SLICE && err == YD_OK && l->broken == NULL; n++) {
        if (l->memory.len - before > SLICE_BYTES) break; // it had been packed well
        step = sqlite3_step(s);
        if (step != SQLITE_ROW) break;
        err = load_chunk(l, room, s);
    }
    sqlite3_finalize(s);
    *done = l->chunks == l->piece.chunks;
    if (err == YD_OK && l->broken == NULL && step != SQLITE_ROW && !*done) {
        l->broken = "its snapshot (chunks are missing or unreadable)";
    }
    *done = *done || l->broken != NULL || err != YD_OK;
    return err;
}

/* One slice of the base, then of the delta. *done: both are read, or something is broken. */
static yd_err load_pieces(struct database *db, struct load_job *l, const struct stored_room *room,
                          bool *done)
{
    const struct piece *pieces[] = {&room->base, &room->delta};
    while (l->pieces < 2 && pieces[l->pieces]->gen == 0) l->pieces++;
    *done = l->pieces == 2;
    if (*done) return YD_OK;
    YD_ASSERT(l->chunks == 0 || l->piece.gen == pieces[l->pieces]->gen);
    l->piece = *pieces[l->pieces];
    yd_err err = load_chunks(db, l, room, done);
    if (err != YD_OK || l->broken != NULL || !*done) return err;
    size_t from = l->part_count == 0 ? 0 : l->ends[l->part_count - 1];
    err = load_piece_end(l, from);
    *done = err != YD_OK || l->broken != NULL || l->pieces == 2;
    return err;
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
        size_t size = room->base.raw + room->delta.raw;
        for (size_t i = 0; i < room->place_count; i++) size += room->places[i].len;
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
    unpacker_deinit(&job->unpacker);
    if (job->is_begun) yd_buf_deinit(&job->memory);
    free(job->ends);
    job->ends = NULL;
}
