/* history.c - updates that are kept after a snapshot has covered them.
 *
 * A history is a list of rows, each with a piece: states and segments. A segment is what one
 * snapshot covered, update by update with number and time. States stand in front: what was there
 * before the first segment, or what segments were folded into (fold.c). Together, in any order,
 * they are what the room was at the end of the last.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/heap.h"
#include "store/database.h"

#define PLACES_A_SLICE 256
#define BYTES_A_SLICE  ((size_t)512 * 1024)
#define ROW_NUMBERS    11 /* room, then as history_row has them */

static void row_numbers(uint64_t room, const struct history_row *row, uint64_t out[ROW_NUMBERS])
{
    const struct piece *p = &row->piece;
    uint64_t all[ROW_NUMBERS] = {room,   row->n,   row->lsn,  row->upto, row->at, row->count,
                                 p->gen, p->bytes, p->chunks, p->form,   p->raw};
    memcpy(out, all, sizeof all);
}

/* *broken: a row does not fit its checksum, or one is missing between two. */
yd_err history_rows(struct database *db, uint64_t room, struct history_row **rows, size_t *count,
                    const char **broken)
{
    sqlite3_stmt *s =
        database_query(db,
                       "SELECT n, lsn, upto, at, count, gen, bytes, chunks, form, raw,"
                       " crc FROM history WHERE room = ?1 ORDER BY n",
                       &room, 1);
    if (s == NULL) return YD_EIO;
    struct history_row *list = NULL;
    size_t len = 0, cap = 0;
    yd_err err = YD_OK;
    int step = SQLITE_ERROR;
    while (err == YD_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        if (len == cap) {
            cap = cap == 0 ? 8 : cap * 2;
            struct history_row *more = realloc(list, cap * sizeof *list);
            if (more == NULL) err = YD_ENOMEM;
            if (more != NULL) list = more;
        }
        if (err != YD_OK) break;
        uint64_t v[ROW_NUMBERS] = {room};
        for (int i = 0; i < 10; i++) v[i + 1] = (uint64_t)sqlite3_column_int64(s, i);
        list[len] =
            (struct history_row){v[1], v[2], v[3], v[4], v[5], {v[6], v[7], v[8], v[9], v[10]}};
        bool fits = (uint32_t)sqlite3_column_int64(s, 10) ==
                    database_row_crc('h', v, ROW_NUMBERS, YD_EMPTY);
        if (!fits || (len > 0 && v[1] != list[len - 1].n + 1)) *broken = "a row of its history";
        len++;
    }
    if (err == YD_OK && step != SQLITE_DONE) err = database_fail(db, "reading a history");
    sqlite3_finalize(s);
    if (err != YD_OK) {
        free(list);
        return err;
    }
    *rows = list;
    *count = len;
    return YD_OK;
}

yd_err history_insert(struct database *db, uint64_t room, const struct history_row *row)
{
    uint64_t v[ROW_NUMBERS + 1];
    row_numbers(room, row, v);
    v[ROW_NUMBERS] = database_row_crc('h', v, ROW_NUMBERS, YD_EMPTY);
    return database_run(db,
                        "INSERT OR REPLACE INTO history(room, n, lsn, upto, at, count, gen, bytes,"
                        " chunks, form, raw, crc)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                        v, ROW_NUMBERS + 1, YD_EMPTY);
}

static yd_err ask(struct database *db, const char *sql, const uint64_t *values, int count,
                  uint64_t *out)
{
    sqlite3_stmt *s = database_query(db, sql, values, count);
    if (s == NULL) return YD_EIO;
    yd_err err = sqlite3_step(s) == SQLITE_ROW ? YD_OK : database_fail(db, sql);
    if (err == YD_OK) *out = (uint64_t)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return err;
}

yd_err history_gen(struct database *db, uint64_t room, uint64_t *max)
{
    return ask(db, "SELECT coalesce(max(gen), 0) FROM history WHERE room = ?1", &room, 1, max);
}

bool history_has_gen(struct database *db, uint64_t room, uint64_t gen, yd_err *err)
{
    uint64_t key[] = {room, gen}, found = 1;
    yd_err got =
        ask(db, "SELECT count(*) FROM history WHERE room = ?1 AND gen = ?2", key, 2, &found);
    if (got != YD_OK) *err = got;
    return found > 0;
}

yd_err history_piece_drop(struct database *db, const struct stored_room *room, struct piece *piece)
{
    bool is_content = piece->gen == room->base.gen || piece->gen == room->delta.gen;
    return is_content ? YD_OK : piece_drop(db, room->id, piece);
}

yd_err history_drop(struct database *db, const struct stored_room *room)
{
    struct history_row *rows = NULL;
    size_t count = 0;
    const char *broken = NULL;
    db->history_changes++;
    yd_err err = history_rows(db, room->id, &rows, &count, &broken);
    if (err == YD_OK && count > 0) {
        err = database_run(db, "DELETE FROM history WHERE room = ?1", &room->id, 1, YD_EMPTY);
    }
    for (size_t i = 0; i < count && err == YD_OK; i++) {
        err = history_piece_drop(db, room, &rows[i].piece);
    }
    free(rows);
    return err;
}

/* ---- a segment --------------------------------------------------------------------------------
 */

static yd_err gather_one(struct segment *seg, const struct database *db, const struct place *p,
                         yd_slice update)
{
    struct yd_buf *out = &seg->writer.bytes;
    uint64_t at = log_time(db, p->lsn);
    yd_err err = yd_buf_varuint(out, p->lsn);
    if (err == YD_OK) err = yd_buf_varuint(out, at);
    if (err == YD_OK) err = yd_buf_varbytes(out, update);
    if (seg->row.count == 0) seg->row.lsn = p->lsn;
    seg->row.upto = p->lsn;
    seg->row.at = at;
    seg->row.count++;
    return err;
}

/* What cannot be read is left out: the snapshot holds it, its writer had it in memory. */
static yd_err gather(struct database *db, const struct stored_room *room, struct segment *seg,
                     uint64_t covers_lsn)
{
    sqlite3_stmt *s = database_query(db, "SELECT data FROM journal WHERE lsn = ?1", NULL, 0);
    if (s == NULL) return YD_EIO;
    yd_err err = YD_OK;
    uint64_t lsn = 0;
    yd_slice row = YD_EMPTY;
    size_t begin = seg->writer.bytes.len;
    for (size_t n = 0; n < PLACES_A_SLICE && err == YD_OK; n++) {
        seg->is_gathered =
            seg->gathered == room->place_count || room->places[seg->gathered].lsn > covers_lsn;
        if (seg->is_gathered || seg->writer.bytes.len - begin > BYTES_A_SLICE) break;
        const struct place *p = &room->places[seg->gathered++];
        if (p->lsn != lsn) {
            (void)sqlite3_reset(s);
            sqlite3_bind_int64(s, 1, (sqlite3_int64)p->lsn);
            bool is_there = sqlite3_step(s) == SQLITE_ROW && sqlite3_column_bytes(s, 0) > 0;
            row = is_there
                      ? (yd_slice){sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0)}
                      : YD_EMPTY;
            lsn = p->lsn;
        }
        if ((uint64_t)p->offset + p->len > row.len) continue;
        yd_slice update = {row.ptr + p->offset, p->len};
        if (store_crc(update) == p->crc) err = gather_one(seg, db, p, update);
    }
    sqlite3_finalize(s);
    return err;
}

yd_err segment_write(struct database *db, const struct stored_room *room, struct segment *seg,
                     uint64_t covers_lsn, bool *done)
{
    yd_err err = YD_OK;
    *done = seg->is_written;
    if (*done) return YD_OK;
    db->keeping = room->id;
    if (seg->writer.bytes.ptr == NULL) yd_buf_init(&seg->writer.bytes, heap_alloc(), SIZE_MAX / 2);
    if (!seg->is_gathered) {
        err = gather(db, room, seg, covers_lsn);
        if (err != YD_OK || !seg->is_gathered || seg->writer.bytes.len > BYTES_A_SLICE) return err;
    }
    seg->is_written = seg->row.count == 0;
    if (!seg->is_written) err = piece_write(db, room, &seg->writer, &seg->is_written);
    *done = seg->is_written;
    return err;
}

/* What was the room's content before any history is its beginning. It stays the content too, until
 * another takes its place: a piece may belong to both. */
static yd_err become_state(struct database *db, const struct stored_room *room,
                           const struct piece *piece, uint64_t *n)
{
    if (piece->gen == 0) return YD_OK;
    struct history_row row = {
        .n = ++*n, .upto = room->covered_lsn, .at = room->changed_at, .piece = *piece};
    return history_insert(db, room->id, &row);
}

yd_err segment_take(struct database *db, const struct stored_room *room, struct segment *seg)
{
    uint64_t last = 0;
    db->keeping = 0;
    if (seg->row.count == 0) return YD_OK;
    yd_err err =
        ask(db, "SELECT coalesce(max(n), 0) FROM history WHERE room = ?1", &room->id, 1, &last);
    if (err == YD_OK && last == 0) {
        err = become_state(db, room, &room->base, &last);
        if (err == YD_OK) err = become_state(db, room, &room->delta, &last);
    }
    seg->row.n = last + 1;
    seg->row.piece = seg->writer.piece;
    if (err == YD_OK) err = history_insert(db, room->id, &seg->row);
    return err == YD_OK ? piece_take(db, room->id, &seg->writer) : err;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static yd_err part_add(struct history_job *job, yd_slice bytes, struct store_mark mark)
{
    if (job->count == job->cap) {
        size_t cap = job->cap == 0 ? 64 : job->cap * 2;
        size_t *ends = realloc(job->ends, cap * sizeof *ends);
        if (ends == NULL) return YD_ENOMEM;
        job->ends = ends;
        struct store_mark *marks = realloc(job->marks, cap * sizeof *marks);
        if (marks == NULL) return YD_ENOMEM;
        job->marks = marks;
        job->cap = cap;
    }
    yd_err err = yd_buf_append(&job->memory, bytes);
    if (err != YD_OK) return err;
    job->marks[job->count] = mark;
    job->ends[job->count++] = job->memory.len;
    return YD_OK;
}

/* The updates of a segment, or a state as it is. */
static yd_err parts_of_piece(struct history_job *job, const struct history_row *row)
{
    yd_slice bytes = yd_buf_slice(&job->piece_bytes);
    if (row->count == 0) return part_add(job, bytes, (struct store_mark){row->upto, row->at});
    struct yd_reader r = yd_reader_of(bytes);
    yd_err err = YD_OK;
    uint64_t count = 0;
    while (err == YD_OK && yd_reader_left(&r) > 0) {
        struct store_mark mark = {.lsn = yd_read_varuint(&r)};
        mark.at = yd_read_varuint(&r);
        yd_slice update = yd_read_varbytes(&r);
        if (r.failed) break;
        count++;
        if (job->upto == 0 || mark.lsn <= job->upto) err = part_add(job, update, mark);
    }
    if (r.failed || (err == YD_OK && count != row->count)) job->broken = "a piece of its history";
    return err;
}

yd_err history_piece_next(struct database *db, struct history_job *job, uint64_t room)
{
    const struct history_row *row = &job->rows[job->row];
    bool done = false;
    if (job->reader.chunks == 0) {
        job->reader.piece = row->piece;
        job->reader.is_check = job->is_check;
        yd_buf_clear(&job->piece_bytes);
    }
    yd_err err = piece_read(db, room, &job->reader, &job->piece_bytes, &done);
    if (job->reader.broken != NULL) job->broken = "a piece of its history";
    if (err != YD_OK || job->broken != NULL || !done) return err;
    piece_reader_deinit(&job->reader);
    job->row++;
    return job->is_check ? YD_OK : parts_of_piece(job, row);
}

/* What is in no snapshot yet. */
static yd_err history_journal(struct database *db, struct history_job *job,
                              const struct stored_room *room)
{
    sqlite3_stmt *s = database_query(db, "SELECT data FROM journal WHERE lsn = ?1", NULL, 0);
    if (s == NULL) return YD_EIO;
    yd_err err = YD_OK;
    for (size_t i = 0; i < room->place_count && err == YD_OK && job->broken == NULL; i++) {
        const struct place *p = &room->places[i];
        if (job->upto != 0 && p->lsn > job->upto) break;
        (void)sqlite3_reset(s);
        sqlite3_bind_int64(s, 1, (sqlite3_int64)p->lsn);
        const uint8_t *data = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_blob(s, 0) : NULL;
        bool is_inside =
            data != NULL && (uint64_t)p->offset + p->len <= (uint64_t)sqlite3_column_bytes(s, 0);
        if (!is_inside || store_crc((yd_slice){data + p->offset, p->len}) != p->crc) {
            job->broken = "a journal entry (checksum)";
        } else {
            err = part_add(job, (yd_slice){data + p->offset, p->len},
                           (struct store_mark){p->lsn, log_time(db, p->lsn)});
        }
    }
    sqlite3_finalize(s);
    return err;
}

static yd_err history_finish(struct history_job *job, struct store_event *ev)
{
    ev->kind = STORE_EV_LOADED;
    ev->parts = calloc(job->count + 1, sizeof *ev->parts);
    if (ev->parts == NULL) return YD_ENOMEM;
    for (size_t i = 0, from = 0; i < job->count; from = job->ends[i++]) {
        ev->parts[i] = (yd_slice){job->memory.ptr + from, job->ends[i] - from};
    }
    ev->part_count = job->count;
    ev->marks = job->marks;
    job->marks = NULL;
    ev->memory = job->memory.cap > 0 ? job->memory.ptr : NULL;
    yd_buf_init(&job->memory, job->memory.alloc, job->memory.max);
    return YD_OK;
}

static yd_err refuse(struct store_event *ev, const char *why)
{
    ev->kind = STORE_EV_REFUSED;
    snprintf(ev->why, sizeof ev->why, "%s", why);
    return YD_OK;
}

static yd_err history_begin(struct database *db, struct history_job *job,
                            const struct stored_room *room, const char **refused)
{
    job->is_begun = true;
    yd_buf_init(&job->memory, heap_alloc(), SIZE_MAX / 2);
    yd_buf_init(&job->piece_bytes, heap_alloc(), SIZE_MAX / 2);
    yd_err err = history_rows(db, room->id, &job->rows, &job->row_count, &job->broken);
    if (err != YD_OK || job->broken != NULL) return err;
    // Without history the journal alone says nothing of what came before it.
    if (job->row_count == 0 && (room->base.gen > 0 || room->delta.gen > 0)) {
        *refused = "no history is kept of this room";
    } else if (job->upto != 0) {
        for (size_t i = 0; i < job->row_count; i++) {
            const struct history_row *row = &job->rows[i];
            if (row->count == 0 && row->upto > job->upto) {
                *refused = "the history of this room begins later";
            }
        }
        // Rows that begin behind that moment are not needed.
        while (job->row_count > 0 && job->rows[job->row_count - 1].count > 0 &&
               job->rows[job->row_count - 1].lsn > job->upto) {
            job->row_count--;
        }
    }
    return YD_OK;
}

static yd_err history_slice(struct database *db, struct history_job *job,
                            const struct stored_room *room, struct store_event *ev, bool *done)
{
    const char *refused = NULL;
    // Rows may have been folded or dropped since the slice before: then from the beginning.
    if (job->is_begun && job->changes != db->history_changes) history_job_deinit(job);
    job->changes = db->history_changes;
    yd_err err = job->is_begun ? YD_OK : history_begin(db, job, room, &refused);
    if (err == YD_OK && refused != NULL) return refuse(ev, refused);
    if (err == YD_OK && job->broken == NULL && job->row < job->row_count) {
        err = history_piece_next(db, job, room->id);
        *done = err != YD_OK || job->broken != NULL;
        if (!*done) return YD_OK;
    }
    if (err == YD_OK && job->broken == NULL && !job->is_check) {
        err = history_journal(db, job, room);
    }
    if (err == YD_OK && job->broken == NULL) err = history_finish(job, ev);
    ev->lsn = db->lsn;
    ev->epoch = room->epoch;
    ev->status = (int)room->status;
    return err;
}

yd_err database_history(struct database *db, struct history_job *job, struct store_event *ev,
                        bool *done)
{
    struct stored_room *room = NULL;
    *done = true;
    yd_err err = rooms_find(db, job->name, &room);
    if (err == YD_ENOTFOUND) {
        ev->status = -1;
        return refuse(ev, "there is no such room");
    }
    if (err == YD_EMALFORMED) {
        job->broken = "the table of rooms, perhaps where this room stands,";
        err = YD_OK;
    } else if (err == YD_OK) {
        err = history_slice(db, job, room, ev, done);
        rooms_cool(db, room);
    }
    if (err != YD_OK || job->broken == NULL) return err;
    ev->kind = STORE_EV_LOAD_FAILED;
    snprintf(ev->why, sizeof ev->why, "%s cannot be read in %s", job->broken, db->path);
    return YD_OK;
}

void history_job_deinit(struct history_job *job)
{
    piece_reader_deinit(&job->reader);
    if (job->is_begun) yd_buf_deinit(&job->memory);
    if (job->is_begun) yd_buf_deinit(&job->piece_bytes);
    free(job->rows);
    free(job->marks);
    free(job->ends);
    job->rows = NULL;
    job->marks = NULL;
    job->ends = NULL;
    job->row = job->row_count = job->count = job->cap = 0;
    job->is_begun = false;
    job->broken = NULL;
}
