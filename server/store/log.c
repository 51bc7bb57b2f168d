/* log.c - commits, and what of them no snapshot holds yet.
 *
 * Where it sits:  store.c -> log.c -> tables `journal`, `room`, `meta`
 *
 * One commit is one journal row. Rows are trimmed from the front only, so a single room that nobody
 * opens again would keep all rows behind its oldest one. When the journal has grown long, a commit
 * carries the updates of such rooms along: they are copied to the front of its own row, and the
 * room is marked as covered up to the row before, in the same transaction.
 *
 * Invariants: rows trimmed_lsn + 1 .. lsn are there, without a gap; uses[i] counts the places that
 * point into row trimmed_lsn + 1 + i.
 */
#include "store/database.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/heap.h"
#include "store/manage.h"

#define JOURNAL_BYTES_MAX ((uint64_t)48 * 1024 * 1024)
#define CARRY_BYTES       ((size_t)64 * 1024) /* a commit, and at least one room */

/* ---- places -----------------------------------------------------------------------------------
 */

static yd_err uses_add(struct database *db, uint64_t lsn, uint32_t bytes, uint64_t time)
{
    size_t at = (size_t)(lsn - db->trimmed_lsn - 1);
    YD_ASSERT(at == db->use_count);
    if (at == db->use_cap) {
        size_t cap = db->use_cap == 0 ? 256 : db->use_cap * 2;
        struct journal_use *uses = realloc(db->uses, cap * sizeof *uses);
        if (uses == NULL) return YD_ENOMEM;
        db->uses = uses;
        db->use_cap = cap;
    }
    db->uses[db->use_count++] = (struct journal_use){0, bytes, time};
    db->journal_bytes += bytes;
    return YD_OK;
}

static yd_err place_add(struct database *db, struct stored_room *room, struct place place)
{
    if (room->place_count == room->place_cap) {
        size_t cap = room->place_cap == 0 ? 4 : room->place_cap * 2;
        struct place *places = realloc(room->places, cap * sizeof *places);
        if (places == NULL) return YD_ENOMEM;
        room->places = places;
        room->place_cap = cap;
    }
    db->uses[place.lsn - db->trimmed_lsn - 1].uncovered++;
    if (room->place_count == 0) db->rooms.warm++;
    room->places[room->place_count++] = place;
    db->uncovered_bytes += place.len;
    return YD_OK;
}

void log_cover(struct database *db, struct stored_room *room, uint64_t lsn)
{
    size_t covered = 0;
    if (room->place_count == 0) return;
    while (covered < room->place_count && room->places[covered].lsn <= lsn) {
        db->uses[room->places[covered].lsn - db->trimmed_lsn - 1].uncovered--;
        db->uncovered_bytes -= room->places[covered].len;
        covered++;
    }
    room->place_count -= covered;
    memmove(room->places, room->places + covered, room->place_count * sizeof *room->places);
    if (room->place_count == 0) {
        db->rooms.warm--;
        free(room->places);
        room->places = NULL;
        room->place_cap = 0;
    }
}

uint64_t log_time(const struct database *db, uint64_t lsn)
{
    bool is_there = lsn > db->trimmed_lsn && lsn - db->trimmed_lsn <= db->use_count;
    return is_there ? db->uses[lsn - db->trimmed_lsn - 1].at : 0;
}

void log_count(const struct database *db, struct stored_room *room, uint64_t lsn)
{
    uint64_t changed = db->rooms.slots[room->id - 1].changed_lsn;
    for (size_t i = 0; i < room->place_count && room->places[i].lsn <= lsn; i++) {
        room->updates++;
        if (room->places[i].lsn > changed) continue; // it was carried along
        room->changed_lsn = room->places[i].lsn;
        room->changed_at = log_time(db, room->places[i].lsn);
    }
}

/* ---- start ------------------------------------------------------------------------------------
 */

static yd_err record_wrong(struct database *db, uint64_t lsn, const char *what)
{
    snprintf(db->why, sizeof db->why,
             "%s: journal record %llu %s; restore a backup, or run `partyd check` on a copy to see "
             "what else is hurt",
             db->path, (unsigned long long)lsn, what);
    return YD_EMALFORMED;
}

static yd_err scan_entry(struct database *db, uint64_t lsn, const struct journal_entry *e)
{
    struct stored_room *room = NULL;
    yd_err err = rooms_get(db, e->room, &room);
    if (err == YD_ENOTFOUND) return record_wrong(db, lsn, "names a room that is not there");
    if (err == YD_EMALFORMED) return YD_OK; // that room is refused anyway
    if (err != YD_OK) return err;
    if (lsn > room->covered_lsn) {
        struct room_slot *slot = rooms_slot(db, e->room);
        if (!e->is_carried && lsn > slot->changed_lsn) slot->changed_lsn = lsn;
        return place_add(db, room, (struct place){lsn, e->offset, e->len, e->crc});
    }
    rooms_cool(db, room);
    return YD_OK;
}

static yd_err scan_record(struct database *db, uint64_t lsn, yd_slice blob)
{
    if (lsn != db->lsn + 1) {
        return record_wrong(db, db->lsn + 1, "is missing, and what it held cannot be known");
    }
    struct journal_reader reader;
    if (blob.len > UINT32_MAX || !journal_open(&reader, lsn, blob)) {
        return record_wrong(db, lsn, "is damaged and cannot be attributed to a room");
    }
    db->lsn = lsn;
    yd_err err = uses_add(db, lsn, (uint32_t)blob.len, reader.at);
    struct journal_entry e;
    while (err == YD_OK && journal_next(&reader, &e)) err = scan_entry(db, lsn, &e);
    return err;
}

yd_err log_scan(struct database *db)
{
    yd_err err = database_meta_get(db, "trimmed", &db->trimmed_lsn);
    if (err != YD_OK) return err;
    db->lsn = db->trimmed_lsn;
    sqlite3_stmt *s = database_query(db, "SELECT lsn, data FROM journal ORDER BY lsn", NULL, 0);
    if (s == NULL) return YD_EIO;
    int step = SQLITE_ERROR;
    while (err == YD_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        const void *data = sqlite3_column_blob(s, 1);
        yd_slice blob =
            data == NULL ? YD_EMPTY : (yd_slice){data, (size_t)sqlite3_column_bytes(s, 1)};
        err = scan_record(db, (uint64_t)sqlite3_column_int64(s, 0), blob);
    }
    if (err == YD_OK && step != SQLITE_DONE) err = database_fail(db, "reading the journal");
    sqlite3_finalize(s);
    if (err == YD_OK && db->rooms.covered_max > db->lsn) {
        err = record_wrong(db, db->lsn + 1, "and all behind it are missing");
    }
    return err;
}

/* ---- commits ----------------------------------------------------------------------------------
 */

#define RECORD_KEPT ((size_t)1 << 20)

/* One journal row being made. Its memory is kept from commit to commit, as long as it is small:
 * asking the system for it anew each time takes as long as filling it. */
struct record {
    struct journal_entry *entries;
    struct stored_room **rooms; /* of each entry */
    const uint8_t **updates;    /* of each entry behind those that are carried: in the batch */
    size_t count, cap;
    size_t carried;       /* of them, the first ones */
    struct yd_buf copied; /* their bytes */
    struct yd_buf blob;   /* the row */
};

static yd_err record_begin(struct database *db, struct record **out)
{
    struct record *rec = db->record;
    if (rec == NULL) {
        rec = calloc(1, sizeof *rec);
        if (rec == NULL) return YD_ENOMEM;
        yd_buf_init(&rec->copied, heap_alloc(), UINT32_MAX / 2);
        yd_buf_init(&rec->blob, heap_alloc(), UINT32_MAX);
        db->record = rec;
    }
    rec->count = rec->carried = 0;
    yd_buf_clear(&rec->copied);
    yd_buf_clear(&rec->blob);
    *out = rec;
    return YD_OK;
}

void log_free(struct database *db)
{
    struct record *rec = db->record;
    db->record = NULL;
    if (rec == NULL) return;
    yd_buf_deinit(&rec->copied);
    yd_buf_deinit(&rec->blob);
    free(rec->entries);
    free(rec->rooms);
    free(rec->updates);
    free(rec);
}

static void record_end(struct database *db)
{
    struct record *rec = db->record;
    if (rec->copied.cap > RECORD_KEPT || rec->blob.cap > RECORD_KEPT ||
        rec->cap * sizeof *rec->entries > RECORD_KEPT) {
        log_free(db);
    }
}

static yd_err record_grow(struct record *rec)
{
    size_t cap = rec->cap == 0 ? 64 : rec->cap * 2;
    struct journal_entry *entries = realloc(rec->entries, cap * sizeof *entries);
    if (entries == NULL) return YD_ENOMEM;
    rec->entries = entries;
    struct stored_room **rooms = realloc(rec->rooms, cap * sizeof(struct stored_room *));
    if (rooms == NULL) return YD_ENOMEM;
    rec->rooms = rooms;
    const uint8_t **updates = realloc(rec->updates, cap * sizeof(uint8_t *));
    if (updates == NULL) return YD_ENOMEM;
    rec->updates = updates;
    rec->cap = cap;
    return YD_OK;
}

/* The bytes of the update have to stay until the record is written. */
static yd_err record_add(struct record *rec, struct stored_room *room, yd_slice update)
{
    yd_err err = rec->count == rec->cap ? record_grow(rec) : YD_OK;
    if (err != YD_OK) return err;
    rec->entries[rec->count] = (struct journal_entry){
        .room = room->id, .len = (uint32_t)update.len, .crc = store_crc(update)};
    rec->updates[rec->count] = update.ptr;
    rec->rooms[rec->count++] = room;
    return YD_OK;
}

/* Copies all updates of the room into the record. *ok: all could be read. */
static yd_err carry_room(struct database *db, struct stored_room *room, struct record *rec,
                         bool *ok)
{
    sqlite3_stmt *s = database_query(db, "SELECT data FROM journal WHERE lsn = ?1", NULL, 0);
    if (s == NULL) return YD_EIO;
    size_t count = rec->count, len = rec->copied.len;
    yd_err err = YD_OK;
    *ok = true;
    for (size_t i = 0; i < room->place_count && err == YD_OK && *ok; i++) {
        const struct place *p = &room->places[i];
        (void)sqlite3_reset(s);
        sqlite3_bind_int64(s, 1, (sqlite3_int64)p->lsn);
        const uint8_t *data = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_blob(s, 0) : NULL;
        *ok = data != NULL && (size_t)sqlite3_column_bytes(s, 0) >= (size_t)p->offset + p->len &&
              store_crc((yd_slice){data + p->offset, p->len}) == p->crc;
        if (!*ok) break;
        yd_slice update = {data + p->offset, p->len};
        err = record_add(rec, room, update);
        if (err == YD_OK) err = yd_buf_append(&rec->copied, update);
    }
    sqlite3_finalize(s);
    if (!*ok) {
        rec->count = count;
        rec->copied.len = len;
    }
    return err;
}

/* The rooms that the oldest row in use holds updates of. A room that cannot be read stays where it
 * is: it is refused when it is loaded, and what is left of it is not touched. */
static yd_err carry_oldest(struct database *db, uint64_t lsn, struct record *rec)
{
    sqlite3_stmt *s = database_query(db, "SELECT data FROM journal WHERE lsn = ?1", &lsn, 1);
    if (s == NULL) return YD_EIO;
    yd_err err = YD_OK;
    struct journal_reader reader;
    const void *data = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_blob(s, 0) : NULL;
    if (data != NULL &&
        journal_open(&reader, lsn, (yd_slice){data, (size_t)sqlite3_column_bytes(s, 0)})) {
        struct journal_entry e;
        while (err == YD_OK && rec->copied.len < CARRY_BYTES && journal_next(&reader, &e)) {
            struct stored_room *room =
                e.room > db->rooms.count ? NULL : rooms_slot(db, e.room)->room;
            // What a snapshot is just keeping as history stays where it is.
            bool is_oldest = room != NULL && room->id != db->keeping && room->place_count > 0 &&
                             room->places[0].lsn == lsn;
            bool ok = true;
            for (size_t i = 0; is_oldest && i < rec->count; i++) is_oldest = rec->rooms[i] != room;
            if (is_oldest) err = carry_room(db, room, rec, &ok);
        }
    }
    sqlite3_finalize(s);
    return err;
}

/* The row of its last change may be trimmed soon: the room's own row has to say when it was. */
static void note_change(struct database *db, struct stored_room *room)
{
    uint64_t lsn = rooms_slot(db, room->id)->changed_lsn;
    if (lsn <= room->changed_lsn) return;
    room->changed_lsn = lsn;
    room->changed_at = log_time(db, lsn);
}

static yd_err carry(struct database *db, struct record *rec)
{
    // To carry what is mostly still wanted would free nothing.
    if (db->journal_bytes <= JOURNAL_BYTES_MAX || db->uncovered_bytes > db->journal_bytes / 2) {
        return YD_OK;
    }
    size_t oldest = 0;
    while (oldest < db->use_count && db->uses[oldest].uncovered == 0) oldest++;
    if (oldest == db->use_count) return YD_OK; // trimming has not got to it yet
    yd_err err = carry_oldest(db, db->trimmed_lsn + 1 + oldest, rec);
    rec->carried = rec->count;
    for (size_t i = 0; i < rec->carried && err == YD_OK; i++) {
        struct stored_room *room = rec->rooms[i];
        if (i > 0 && room == rec->rooms[i - 1]) continue;
        note_change(db, room);
        room->covered_lsn = db->lsn;
        err = rooms_save(db, room);
    }
    return err;
}

static yd_err record_fill(struct database *db, const struct batch_bytes *batch, struct record *rec)
{
    struct yd_reader r = yd_reader_of(yd_buf_slice(&batch->bytes));
    uint64_t rooms = db->rooms.count;
    yd_err err = carry(db, rec);
    for (size_t i = 0; i < batch->count && err == YD_OK; i++) {
        yd_slice name = yd_read_varbytes(&r);
        yd_slice update = yd_read_varbytes(&r);
        struct stored_room *room = NULL;
        err = rooms_find(db, name, &room);
        if (err == YD_ENOTFOUND) err = rooms_add(db, name, &room);
        if (err == YD_EMALFORMED) {
            snprintf(db->why, sizeof db->why,
                     "%s: an update for a room that cannot be read; restore a backup", db->path);
        }
        // Deleted means deleted: whoever had it in memory was told, or had let go of it.
        bool is_deleted = err == YD_OK && room->status != STORE_ROOM_OK;
        if (is_deleted) rooms_cool(db, room);
        if (err == YD_OK && !is_deleted) err = record_add(rec, room, update);
    }
    if (err == YD_OK && db->rooms.count != rooms) {
        err = database_meta_set(db, "rooms", db->rooms.count);
    }
    return err;
}

static yd_err record_encode(struct record *rec, const struct journal_row *row)
{
    yd_err err = journal_head(&rec->blob, row, rec->entries, rec->count);
    if (err != YD_OK) return err;
    size_t at = rec->blob.len, bytes = 0;
    for (size_t i = 0; i < rec->count; i++) {
        rec->entries[i].offset = (uint32_t)(at + bytes);
        bytes += rec->entries[i].len;
    }
    err = yd_buf_reserve(&rec->blob, bytes);
    if (err == YD_OK) err = yd_buf_append(&rec->blob, yd_buf_slice(&rec->copied));
    for (size_t i = rec->carried; i < rec->count && err == YD_OK; i++) {
        err = yd_buf_append(&rec->blob, (yd_slice){rec->updates[i], rec->entries[i].len});
    }
    return err;
}

static yd_err record_write(struct database *db, struct record *rec, const struct journal_row *row)
{
    yd_err err = record_encode(rec, row);
    if (err != YD_OK) return err;
    sqlite3_bind_int64(db->add_journal, 1, (sqlite3_int64)row->lsn);
    sqlite3_bind_blob64(db->add_journal, 2, rec->blob.ptr, rec->blob.len, SQLITE_STATIC);
    return database_step(db, db->add_journal, "writing the journal");
}

/* The number stands in the mark: whoever opens a store that ends before it knows of a loss. */
static yd_err confirm(struct database *db)
{
    if (files_mark_set(&db->files, db->lsn, false)) return YD_OK;
    snprintf(db->why, sizeof db->why, "%s: the mark cannot be written: %s; check this disk",
             db->path, strerror(errno));
    db->disk_full = errno == ENOSPC;
    return YD_EIO;
}

/* What the commit means for the memory of it. */
static yd_err record_places(struct database *db, struct record *rec, const struct journal_row *row)
{
    db->lsn = row->lsn;
    yd_err err = uses_add(db, row->lsn, (uint32_t)rec->blob.len, row->at);
    for (size_t i = 0; i < rec->carried; i++) log_cover(db, rec->rooms[i], row->lsn - 1);
    for (size_t i = 0; i < rec->count && err == YD_OK; i++) {
        const struct journal_entry *e = &rec->entries[i];
        err = place_add(db, rec->rooms[i], (struct place){row->lsn, e->offset, e->len, e->crc});
        if (i >= rec->carried) rooms_slot(db, e->room)->changed_lsn = row->lsn;
    }
    return err == YD_OK ? confirm(db) : err;
}

/* One transaction: new rooms and one journal row. Nothing is rolled back on an error, because
 * nothing goes on after one: the database is closed and opened anew. */
yd_err log_commit(struct database *db, const struct batch_bytes *batch)
{
    struct record *rec;
    yd_err err = record_begin(db, &rec);
    if (err != YD_OK) return err;
    struct journal_row row = {.lsn = db->lsn + 1, .at = database_now(db)};
    err = database_step(db, db->begin, "beginning a commit");
    if (err == YD_OK) err = record_fill(db, batch, rec);
    row.carried = rec->carried;
    if (err == YD_OK) err = record_write(db, rec, &row);
    if (err == YD_OK) err = database_step(db, db->commit, "committing");
    if (err == YD_OK) err = record_places(db, rec, &row);
    record_end(db);
    return err;
}

/* ---- changes that are no updates --------------------------------------------------------------
 */

yd_err log_mark(struct database *db, uint64_t lsn)
{
    struct record *rec;
    yd_err err = record_begin(db, &rec);
    if (err != YD_OK) return err;
    return record_write(db, rec, &(struct journal_row){.lsn = lsn, .at = database_now(db)});
}

yd_err log_marked(struct database *db, uint64_t lsn)
{
    db->lsn = lsn;
    yd_err err = uses_add(db, lsn, 0, database_now(db));
    return err == YD_OK ? confirm(db) : err;
}
