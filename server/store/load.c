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

static yd_err load_reserve(struct load_job *l, size_t more)
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

static yd_err load_bytes(struct load_job *l, yd_slice bytes)
{
    if (bytes.len == 0) return YD_OK;
    yd_err err = load_reserve(l, bytes.len);
    if (err != YD_OK) return err;
    memcpy(l->memory + l->len, bytes.ptr, bytes.len);
    l->len += bytes.len;
    return YD_OK;
}

static yd_err load_part_end(struct load_job *l)
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

/* The next chunks. *done: the base is whole. */
static yd_err load_chunks(struct database *db, struct load_job *l, const struct stored_room *room,
                          bool *done)
{
    uint64_t key[] = {room->id, room->base_gen, l->chunks};
    sqlite3_stmt *s = database_query(db,
                                     "SELECT i, crc, data FROM base WHERE room = ?1 AND gen = ?2"
                                     " AND i >= ?3 ORDER BY i",
                                     key, 3);
    if (s == NULL) return load_broken(l, "its snapshot");
    yd_err err = YD_OK;
    int step = SQLITE_ROW;
    for (int n = 0; n < CHUNKS_A_SLICE && err == YD_OK && l->broken == NULL; n++) {
        step = sqlite3_step(s);
        if (step != SQLITE_ROW) break;
        yd_slice data = column(s, 2);
        uint64_t id[] = {room->id, room->base_gen, l->chunks++};
        if ((uint64_t)sqlite3_column_int64(s, 0) != id[2] || l->chunks > room->base_chunks ||
            (uint32_t)sqlite3_column_int64(s, 1) != database_row_crc('b', id, 3, data)) {
            l->broken = "a chunk of its snapshot (checksum)";
        } else {
            err = load_bytes(l, data);
        }
    }
    sqlite3_finalize(s);
    *done = l->chunks == room->base_chunks;
    bool is_short = step != SQLITE_ROW && !*done;
    if (err == YD_OK && l->broken == NULL && (is_short || (*done && l->len != room->base_bytes))) {
        l->broken = "its snapshot (chunks are missing or unreadable)";
    }
    return err == YD_OK && *done ? load_part_end(l) : err;
}

static yd_err load_delta(struct database *db, struct load_job *l, const struct stored_room *room)
{
    sqlite3_stmt *s =
        database_query(db, "SELECT crc, data FROM delta WHERE room = ?1", &room->id, 1);
    yd_err err = YD_OK;
    if (s == NULL || sqlite3_step(s) != SQLITE_ROW) {
        l->broken = "its delta (missing or unreadable)";
    } else {
        uint64_t key[] = {room->id, room->base_gen};
        yd_slice data = column(s, 1);
        if ((uint32_t)sqlite3_column_int64(s, 0) != database_row_crc('d', key, 2, data)) {
            l->broken = "its delta (checksum)";
        } else {
            err = load_bytes(l, data);
        }
    }
    sqlite3_finalize(s);
    return err == YD_OK ? load_part_end(l) : err;
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
        err = load_bytes(l, (yd_slice){row.ptr + p->offset, p->len});
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
        if (l->memory != NULL) ev->parts[i] = (yd_slice){l->memory + from, l->ends[i] - from};
        if (l->memory == NULL) ev->parts[i] = YD_EMPTY;
        from = l->ends[i];
    }
    ev->part_count = l->part_count;
    ev->memory = l->memory;
    l->memory = NULL;
    return YD_OK;
}

/* One slice; *done when nothing is left to read or something is broken. */
static yd_err load_slice(struct database *db, struct load_job *l, struct stored_room *room,
                         struct store_event *ev, bool *done)
{
    yd_err err = YD_OK;
    if (!l->is_begun) {
        l->is_begun = true;
        // A room that was ever changed has something, if only an empty base.
        if (room->changed_lsn > 0 && room->base_gen == 0 && room->delta_form == FORM_NONE &&
            room->place_count == 0) {
            l->broken = "its content, of which nothing is there,";
        }
        l->gen = room->base_gen;
        // The row's own checksum vouches for the size.
        err = load_reserve(l, room->base_bytes);
    }
    YD_ASSERT(l->gen == room->base_gen);
    *done = true;
    if (err == YD_OK && l->broken == NULL && l->part_count == 0 && room->base_gen > 0) {
        err = load_chunks(db, l, room, done);
        *done = *done || l->broken != NULL || err != YD_OK;
        if (!*done) return YD_OK;
    }
    if (err == YD_OK && l->broken == NULL && room->delta_form != FORM_NONE)
        err = load_delta(db, l, room);
    if (err == YD_OK && l->broken == NULL) err = load_journal(db, l, room);
    if (err == YD_OK && l->broken == NULL) err = load_finish(l, ev);
    ev->base_bytes = room->base_gen > 0 ? room->base_raw : 0;
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
    free(job->memory);
    free(job->ends);
    job->memory = NULL;
    job->ends = NULL;
}
