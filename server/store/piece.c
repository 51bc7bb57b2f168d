/* piece.c - a snapshot, or whatever else is large, as chunk rows.
 *
 * Chunks of 256 KiB stand in the table `base` under a generation of their own. What is larger than
 * 1 MiB is packed 256 KiB a commit, so that a batch waits for one slice at most; its
 * generation is written down as garbage first, and taken out with the transaction that makes it the
 * room's. So whatever a crash leaves behind is in the table `garbage`, and nobody has to look for
 * it.
 *
 * Whatever does not fit its checksum, its place or its count makes the whole piece unreadable.
 */
#include <string.h>

#include "store/database.h"

#define SLICE_BYTES ((size_t)2 << 20) /* given out; chunks may stand for many times their size */
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
    bool is_kept = piece->gen > 0 && history_has_gen(db, room, piece->gen, &err);
    if (err != YD_OK) return err;
    if (is_kept) {
        // It is the beginning of the history.
    } else if (piece->chunks > CHUNKS_A_SLICE) {
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
    uint64_t kept = 0;
    if (err == YD_OK) err = history_gen(db, room->id, &kept);
    if (*gen <= kept) *gen = kept + 1;
    for (size_t i = 0; i < sizeof db->writing / sizeof *db->writing; i++) {
        bool is_mine = db->writing[i].room == room->id;
        if (is_mine && *gen <= db->writing[i].gen) *gen = db->writing[i].gen + 1;
    }
    if (*gen <= room->base.gen) *gen = room->base.gen + 1;
    if (*gen <= room->delta.gen) *gen = room->delta.gen + 1;
    return err;
}

/* The chunks that are full, or all when nothing more will come. */
static yd_err write_chunks(struct database *db, const struct stored_room *room,
                           struct piece_writer *w)
{
    struct yd_buf *out = &w->packer.out;
    struct piece *piece = &w->piece;
    size_t at = 0;
    yd_err err = YD_OK;
    // No update at all is one chunk too: a piece without chunks could be one that was lost.
    bool is_last = w->packer.is_finished && piece->chunks == 0 && out->len == 0;
    while (err == YD_OK &&
           (out->len - at >= CHUNK_BYTES || is_last || (w->packer.is_finished && at < out->len))) {
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

static yd_err writing_begin(struct database *db, uint64_t room, uint64_t gen)
{
    for (size_t i = 0; i < sizeof db->writing / sizeof *db->writing; i++) {
        if (db->writing[i].gen != 0) continue;
        db->writing[i].room = room;
        db->writing[i].gen = gen;
        return YD_OK;
    }
    YD_ASSERT(false); // a snapshot, its history and a fold are all there is at a time
    return YD_OK;
}

bool piece_is_writing(const struct database *db, uint64_t room, uint64_t gen)
{
    for (size_t i = 0; i < sizeof db->writing / sizeof *db->writing; i++) {
        if (db->writing[i].room == room && db->writing[i].gen == gen) return true;
    }
    return false;
}

void piece_forget(struct database *db, uint64_t room, const struct piece_writer *w)
{
    for (size_t i = 0; i < sizeof db->writing / sizeof *db->writing; i++) {
        if (db->writing[i].room == room && db->writing[i].gen == w->piece.gen) {
            db->writing[i].room = db->writing[i].gen = 0;
        }
    }
}

yd_err piece_write(struct database *db, const struct stored_room *room, struct piece_writer *w,
                   bool *done)
{
    yd_err err = YD_OK;
    if (w->piece.gen == 0) {
        w->piece.raw = w->bytes.len;
        w->was_large = w->bytes.len > SMALL_BYTES;
        err = piece_next_gen(db, room, &w->piece.gen);
        if (err == YD_OK && w->was_large) err = garbage_add(db, room->id, w->piece.gen);
        if (err == YD_OK) err = writing_begin(db, room->id, w->piece.gen);
    }
    if (err == YD_OK) err = packer_more(&w->packer, yd_buf_slice(&w->bytes));
    if (err == YD_OK) err = write_chunks(db, room, w);
    *done = w->packer.is_finished;
    w->piece.form = w->packer.form;
    return err;
}

yd_err piece_take(struct database *db, uint64_t room, struct piece_writer *w)
{
    uint64_t key[] = {room, w->piece.gen};
    piece_forget(db, room, w);
    if (!w->was_large) return YD_OK;
    return database_run(db, "DELETE FROM garbage WHERE room = ?1 AND gen = ?2", key, 2, YD_EMPTY);
}

void piece_writer_deinit(struct piece_writer *w)
{
    packer_deinit(&w->packer);
    if (w->bytes.ptr != NULL) yd_buf_deinit(&w->bytes);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static yd_err broken(struct piece_reader *r, const char *what)
{
    r->broken = what;
    return YD_OK;
}

static yd_err read_chunk(struct piece_reader *r, uint64_t room, sqlite3_stmt *s, struct yd_buf *out)
{
    const void *bytes = sqlite3_column_blob(s, 2);
    yd_slice data =
        bytes == NULL ? YD_EMPTY : (yd_slice){bytes, (size_t)sqlite3_column_bytes(s, 2)};
    uint64_t id[] = {room, r->piece.gen, r->chunks++};
    if ((uint64_t)sqlite3_column_int64(s, 0) != id[2] || r->chunks > r->piece.chunks ||
        (uint32_t)sqlite3_column_int64(s, 1) != database_row_crc('b', id, 3, data)) {
        return broken(r, "a chunk of its snapshot (checksum)");
    }
    r->stored += data.len;
    if (r->is_check) return YD_OK;
    size_t before = out->len;
    yd_err err = unpacker_more(&r->unpacker, &r->piece, data, out);
    r->raw += out->len - before;
    return err == YD_EMALFORMED ? broken(r, "a chunk of its snapshot (packing)") : err;
}

static yd_err read_end(struct piece_reader *r, struct yd_buf *out)
{
    bool is_right = r->stored == r->piece.bytes;
    if (!r->is_check) {
        size_t before = out->len;
        yd_err err = unpacker_finish(&r->unpacker, &r->piece, out);
        if (err == YD_ENOMEM) return err;
        r->raw += out->len - before;
        is_right = is_right && err == YD_OK && r->raw == r->piece.raw;
    }
    return is_right ? YD_OK : broken(r, "its snapshot (its size is another)");
}

yd_err piece_read(struct database *db, uint64_t room, struct piece_reader *r, struct yd_buf *out,
                  bool *done)
{
    uint64_t key[] = {room, r->piece.gen, r->chunks};
    *done = true;
    sqlite3_stmt *s = database_query(db,
                                     "SELECT i, crc, data FROM base WHERE room = ?1 AND gen = ?2"
                                     " AND i >= ?3 ORDER BY i",
                                     key, 3);
    if (s == NULL) return broken(r, "its snapshot");
    yd_err err = YD_OK;
    int step = SQLITE_ROW;
    size_t before = r->raw;
    for (int n = 0; n < CHUNKS_A_SLICE && err == YD_OK && r->broken == NULL; n++) {
        if (r->raw - before > SLICE_BYTES) break; // it had been packed well
        step = sqlite3_step(s);
        if (step != SQLITE_ROW) break;
        err = read_chunk(r, room, s, out);
    }
    sqlite3_finalize(s);
    bool is_whole = r->chunks == r->piece.chunks;
    if (err == YD_OK && r->broken == NULL && step != SQLITE_ROW && !is_whole) {
        return broken(r, "its snapshot (chunks are missing or unreadable)");
    }
    *done = is_whole || r->broken != NULL || err != YD_OK;
    return err == YD_OK && r->broken == NULL && is_whole ? read_end(r, out) : err;
}

void piece_reader_deinit(struct piece_reader *r)
{
    bool is_check = r->is_check;
    unpacker_deinit(&r->unpacker);
    *r = (struct piece_reader){.is_check = is_check};
}
