/* database.c - opening, recovering, committing.
 *
 * Source: docs/storage.md, rules S1..S7
 *
 * One connection, one thread, exclusive lock: see docs/decisions/0001. Checkpoints are ours,
 * because the built-in one swallows sync errors.
 */
#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x70617264 /* "pard" */
#define SCHEMA_VERSION 1
#define WAL_PAGES_MAX                                                                              \
    1000 /* checkpoint at 4 MB of WAL: best p99 of commits among those measured                    \
          */

static const char schema[] =
    "CREATE TABLE meta(k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
    "CREATE TABLE room(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, epoch INT NOT NULL "
    "DEFAULT 1,"
    " base_gen INT NOT NULL DEFAULT 0, base_bytes INT NOT NULL DEFAULT 0,"
    " base_chunks INT NOT NULL DEFAULT 0, covered_lsn INT NOT NULL DEFAULT 0,"
    " has_delta INT NOT NULL DEFAULT 0, deleted_at INT);"
    "CREATE TABLE base(room INT, gen INT, i INT, crc INT NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY(room, gen, i)) WITHOUT ROWID;"
    "CREATE TABLE delta(room INTEGER PRIMARY KEY, crc INT NOT NULL, data BLOB NOT NULL);"
    "CREATE TABLE journal(lsn INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "INSERT INTO meta VALUES('lsn', 0);";

yd_err database_fail(struct database *db, const char *doing)
{
    int code = sqlite3_extended_errcode(db->sql);
    int os = sqlite3_system_errno(db->sql);
    if ((code & 0xff) == SQLITE_BUSY) {
        snprintf(db->why, sizeof db->why,
                 "%s: another process has this store open; stop it or name another by --data",
                 db->path);
        return YD_ESTATE;
    }
    db->disk_full = (code & 0xff) == SQLITE_FULL || os == ENOSPC;
    snprintf(db->why, sizeof db->why, "%s: %s while %s%s%s; %s", db->path, sqlite3_errmsg(db->sql),
             doing, os != 0 ? ": " : "", os != 0 ? strerror(os) : "",
             db->disk_full ? "make room on this file system"
                           : "check this disk and the kernel's log before restarting");
    return YD_EIO;
}

yd_err database_exec(struct database *db, const char *sql)
{
    return sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK ? YD_OK
                                                                     : database_fail(db, sql);
}

static int on_wal(void *ctx, sqlite3 *sql, const char *name, int pages)
{
    (void)sql;
    (void)name;
    ((struct database *)ctx)->wal_pages = pages;
    return SQLITE_OK;
}

static int64_t ask_int(struct database *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW) {
        value = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return value;
}

/* A new file's name must survive a power loss too. */
static void sync_directory(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    (void)close(fd);
}

static yd_err make_directory(struct database *db, const char *dir)
{
    if (mkdir(dir, 0700) == 0) {
        char parent[4096];
        snprintf(parent, sizeof parent, "%s/..", dir);
        sync_directory(parent);
        return YD_OK;
    }
    if (errno == EEXIST) return YD_OK;
    snprintf(db->why, sizeof db->why,
             "%s: cannot make this data directory: %s; name another by --data", dir,
             strerror(errno));
    return YD_ENOTFOUND;
}

static yd_err schema_ready(struct database *db)
{
    int64_t version = ask_int(db, "PRAGMA user_version");
    int64_t app = ask_int(db, "PRAGMA application_id");
    if (version < 0 || app < 0) {
        yd_err err = database_fail(db, "reading the header");
        return err == YD_ESTATE ? err : YD_EMALFORMED;
    }
    if (version == 0 && app == 0 && ask_int(db, "SELECT count(*) FROM sqlite_master") == 0) {
        char sql[sizeof schema + 200];
        snprintf(sql, sizeof sql,
                 "PRAGMA page_size=4096;PRAGMA auto_vacuum=INCREMENTAL;BEGIN;%sPRAGMA "
                 "application_id=%d;PRAGMA user_version=%d;COMMIT;",
                 schema, APPLICATION_ID, SCHEMA_VERSION);
        return database_exec(db, sql);
    }
    if (app != APPLICATION_ID) {
        snprintf(db->why, sizeof db->why, "%s: this is not a partyd store; name another directory",
                 db->path);
        return YD_EMALFORMED;
    }
    if (version > SCHEMA_VERSION) {
        snprintf(db->why, sizeof db->why,
                 "%s: written by a newer partyd (schema %lld, this one knows up to %d); "
                 "nothing was changed; run a newer partyd",
                 db->path, (long long)version, SCHEMA_VERSION);
        return YD_ESTATE;
    }
    return YD_OK;
}

static yd_err prepare(struct database *db)
{
    struct {
        sqlite3_stmt **to;
        const char *sql;
    } all[] = {
        {&db->begin, "BEGIN IMMEDIATE"},
        {&db->commit, "COMMIT"},
        {&db->rollback, "ROLLBACK"},
        {&db->add_journal, "INSERT INTO journal(lsn, data) VALUES(?1, ?2)"},
        {&db->add_room, "INSERT INTO room(name, covered_lsn) VALUES(?1, ?2)"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (sqlite3_prepare_v3(db->sql, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT, all[i].to,
                               NULL) != SQLITE_OK) {
            return database_fail(db, "preparing");
        }
    }
    return YD_OK;
}

static yd_err room_from_row(struct database *db, sqlite3_stmt *s, struct stored_room **out)
{
    struct stored_room *r = calloc(1, sizeof *r);
    size_t len = (size_t)sqlite3_column_bytes(s, 1);
    if (r != NULL) r->name = malloc(len + 1);
    if (r == NULL || r->name == NULL) {
        free(r);
        return YD_ENOMEM;
    }
    r->id = (uint64_t)sqlite3_column_int64(s, 0);
    if (len > 0) memcpy(r->name, sqlite3_column_blob(s, 1), len);
    r->name_len = len;
    r->base_gen = (uint64_t)sqlite3_column_int64(s, 2);
    r->covered_lsn = (uint64_t)sqlite3_column_int64(s, 3);
    r->has_delta = sqlite3_column_int(s, 4) != 0;
    // The analyzer takes the hash's reading of a name of no bytes for garbage.
    HASH_ADD_KEYPTR(by_name, db->by_name, r->name, r->name_len, r); // NOLINT(clang-analyzer-*)
    HASH_ADD(by_id, db->by_id, id, sizeof r->id, r);
    *out = r;
    return YD_OK;
}

#define ROOM_COLUMNS "SELECT id, name, base_gen, covered_lsn, has_delta FROM room WHERE "

static struct stored_room *room_by_id(struct database *db, uint64_t id)
{
    struct stored_room *r = NULL;
    HASH_FIND(by_id, db->by_id, &id, sizeof id, r);
    if (r != NULL) return r;
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db->sql, ROOM_COLUMNS "id = ?1", -1, &s, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(s, 1, (sqlite3_int64)id);
        if (sqlite3_step(s) == SQLITE_ROW) (void)room_from_row(db, s, &r);
    }
    sqlite3_finalize(s);
    return r;
}

/* The room of that name, from memory or from its row; without a row one with id 0, not yet in the
 * hash by id. NULL: out of memory or the database failed (then why is set). */
struct stored_room *database_room(struct database *db, yd_slice name)
{
    struct stored_room *r = NULL;
    HASH_FIND(by_name, db->by_name, name.ptr, name.len, r);
    if (r != NULL) return r;
    sqlite3_stmt *s = NULL;
    int step = SQLITE_ERROR;
    if (sqlite3_prepare_v2(db->sql, ROOM_COLUMNS "name = ?1", -1, &s, NULL) == SQLITE_OK) {
        sqlite3_bind_blob(s, 1, name.ptr, (int)name.len, SQLITE_STATIC);
        step = sqlite3_step(s);
        if (step == SQLITE_ROW) (void)room_from_row(db, s, &r);
    }
    sqlite3_finalize(s);
    if (r != NULL || step != SQLITE_DONE) {
        if (r == NULL) (void)database_fail(db, "looking up a room");
        return r;
    }
    r = calloc(1, sizeof *r);
    if (r != NULL) r->name = malloc(name.len);
    if (r == NULL || r->name == NULL) {
        free(r);
        return NULL;
    }
    memcpy(r->name, name.ptr, name.len);
    r->name_len = name.len;
    HASH_ADD_KEYPTR(by_name, db->by_name, r->name, r->name_len, r);
    return r;
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
    size_t at = (size_t)(place.lsn - db->trimmed_lsn - 1);
    if (at >= db->use_cap) {
        size_t cap = db->use_cap == 0 ? 256 : db->use_cap * 2;
        while (cap <= at) cap *= 2;
        uint32_t *uses = realloc(db->uses, cap * sizeof *uses);
        if (uses == NULL) return YD_ENOMEM;
        db->uses = uses;
        db->use_cap = cap;
    }
    while (db->use_count <= at) db->uses[db->use_count++] = 0;
    db->uses[at]++;
    room->places[room->place_count++] = place;
    return YD_OK;
}

/* Everything of the room up to lsn is in a snapshot now. */
void database_cover(struct database *db, struct stored_room *room, uint64_t lsn)
{
    size_t covered = 0;
    while (covered < room->place_count && room->places[covered].lsn <= lsn) {
        db->uses[room->places[covered].lsn - db->trimmed_lsn - 1]--;
        covered++;
    }
    room->place_count -= covered;
    memmove(room->places, room->places + covered, room->place_count * sizeof *room->places);
    if (room->place_count == 0) {
        free(room->places);
        room->places = NULL;
        room->place_cap = 0;
    }
}

/* Where every uncovered update stands, from one scan of the journal. */
static yd_err scan_row(struct database *db, uint64_t lsn, yd_slice blob)
{
    struct journal_reader reader;
    if (!journal_open(&reader, blob)) {
        snprintf(db->why, sizeof db->why,
                 "%s: journal record %llu is damaged and cannot be attributed to a room; "
                 "restore a backup, or run `partyd check` on a copy to see what else is hurt",
                 db->path, (unsigned long long)lsn);
        return YD_EMALFORMED;
    }
    struct journal_entry e;
    while (journal_next(&reader, &e)) {
        struct stored_room *room = room_by_id(db, e.room);
        if (room == NULL) {
            snprintf(db->why, sizeof db->why, "%s: journal record %llu names an unknown room",
                     db->path, (unsigned long long)lsn);
            return YD_EMALFORMED;
        }
        if (lsn <= room->covered_lsn) continue;
        yd_err err = place_add(db, room, (struct place){lsn, e.offset, e.len, e.crc});
        if (err != YD_OK) return err;
    }
    return YD_OK;
}

static yd_err scan_journal(struct database *db)
{
    db->lsn = (uint64_t)ask_int(db, "SELECT v FROM meta WHERE k = 'lsn'");
    int64_t last = ask_int(db, "SELECT coalesce(max(lsn), 0) FROM journal");
    int64_t first = ask_int(db, "SELECT coalesce(min(lsn), 0) FROM journal");
    if ((uint64_t)last > db->lsn) db->lsn = (uint64_t)last;
    db->trimmed_lsn = first > 0 ? (uint64_t)first - 1 : db->lsn;

    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db->sql, "SELECT lsn, data FROM journal ORDER BY lsn", -1, &s, NULL) !=
        SQLITE_OK) {
        return database_fail(db, "reading the journal");
    }
    yd_err err = YD_OK;
    int step;
    while (err == YD_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        const void *data = sqlite3_column_blob(s, 1);
        yd_slice blob =
            data == NULL ? YD_EMPTY : (yd_slice){data, (size_t)sqlite3_column_bytes(s, 1)};
        err = scan_row(db, (uint64_t)sqlite3_column_int64(s, 0), blob);
    }
    if (err == YD_OK && step != SQLITE_DONE) err = database_fail(db, "reading the journal");
    sqlite3_finalize(s);
    return err;
}

static yd_err checkpoint(struct database *db, int mode)
{
    db->wal_pages = 0;
    if (sqlite3_wal_checkpoint_v2(db->sql, NULL, mode, NULL, NULL) != SQLITE_OK) {
        return database_fail(db, "checkpointing");
    }
    return YD_OK;
}

yd_err database_checkpoint(struct database *db)
{
    return db->wal_pages < WAL_PAGES_MAX ? YD_OK : checkpoint(db, SQLITE_CHECKPOINT_PASSIVE);
}

static yd_err database_start(struct database *db, const char *dir)
{
    yd_err err = database_exec(db, "PRAGMA locking_mode=EXCLUSIVE");
    if (err != YD_OK) return err;
    err = schema_ready(db);
    if (err != YD_OK) return err;
    err =
        database_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                          "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=67108864;"
                          "PRAGMA cache_size=-16384; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
                          "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
                          "PRAGMA secure_delete=FAST;");
    if (err != YD_OK) return err;
    (void)sqlite3_wal_hook(db->sql, on_wal, db);
    // After a failed sync the page cache may show WAL frames that are not on disk. A full
    // checkpoint writes and syncs what they hold anew, and the WAL begins at its start again.
    err = checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE);
    if (err != YD_OK) return err;
    if (dir != NULL) sync_directory(dir);
    // Chunks of a snapshot that was never finished.
    err = database_exec(db, "DELETE FROM base WHERE gen <> "
                            "(SELECT base_gen FROM room WHERE room.id = base.room)");
    if (err == YD_OK) err = prepare(db);
    if (err == YD_OK) err = scan_journal(db);
    return err;
}

yd_err database_open(struct database *db, const char *dir)
{
    memset(db, 0, sizeof *db);
    if (dir != NULL) {
        yd_err err = make_directory(db, dir);
        if (err != YD_OK) return err;
    }
    size_t len = (dir == NULL ? 0 : strlen(dir)) + 32;
    db->path = malloc(len);
    if (db->path == NULL) return YD_ENOMEM;
    snprintf(db->path, len, "%s%s", dir == NULL ? ":memory:" : dir,
             dir == NULL ? "" : "/shard-00.db");
    if (sqlite3_open_v2(db->path, &db->sql,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        (void)database_fail(db, "opening");
        return YD_ENOTFOUND;
    }
    return database_start(db, dir);
}

void database_close(struct database *db, bool clean)
{
    if (db->sql != NULL) {
        // Closing would checkpoint by itself and hide the errors of it: rule S6.
        (void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        if (clean) (void)checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE);
        sqlite3_stmt *all[] = {db->begin, db->commit, db->rollback, db->add_journal, db->add_room};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) sqlite3_finalize(all[i]);
        (void)sqlite3_close_v2(db->sql);
    }
    struct stored_room *r, *next;
    HASH_CLEAR(by_id, db->by_id);
    HASH_ITER(by_name, db->by_name, r, next)
    {
        HASH_DELETE(by_name, db->by_name, r); // NOLINT(clang-analyzer-*): `next` was read before
        free(r->name);
        free(r->places);
        free(r);
    }
    free(db->uses);
    free(db->path);
    db->sql = NULL;
    db->uses = NULL;
    db->path = NULL;
}

static yd_err run(struct database *db, sqlite3_stmt *s, const char *doing)
{
    int step = sqlite3_step(s);
    yd_err err = step == SQLITE_DONE ? YD_OK : database_fail(db, doing);
    (void)sqlite3_reset(s);
    return err;
}

static yd_err room_insert(struct database *db, struct stored_room *room)
{
    sqlite3_bind_blob(db->add_room, 1, room->name, (int)room->name_len, SQLITE_STATIC);
    sqlite3_bind_int64(db->add_room, 2, (sqlite3_int64)db->lsn);
    yd_err err = run(db, db->add_room, "adding a room");
    if (err != YD_OK) return err;
    room->id = (uint64_t)sqlite3_last_insert_rowid(db->sql);
    room->covered_lsn = db->lsn;
    HASH_ADD(by_id, db->by_id, id, sizeof room->id, room);
    return YD_OK;
}

/* Fills entries and rooms from the batch and appends the whole blob to out. */
static yd_err batch_encode(struct database *db, struct batch_bytes *batch,
                           struct journal_entry *entries, struct stored_room **rooms,
                           struct yd_buf *out)
{
    struct yd_reader r = yd_reader_of(yd_buf_slice(&batch->bytes));
    for (size_t i = 0; i < batch->count; i++) {
        yd_slice name = yd_read_varbytes(&r);
        yd_slice update = yd_read_varbytes(&r);
        rooms[i] = database_room(db, name);
        if (rooms[i] == NULL) return db->why[0] != 0 ? YD_EIO : YD_ENOMEM;
        if (rooms[i]->id == 0) {
            yd_err err = room_insert(db, rooms[i]);
            if (err != YD_OK) return err;
        }
        entries[i] = (struct journal_entry){
            .room = rooms[i]->id, .len = (uint32_t)update.len, .crc = store_crc(update)};
    }
    yd_err err = journal_head(out, entries, batch->count);
    r = yd_reader_of(yd_buf_slice(&batch->bytes));
    for (size_t i = 0; i < batch->count && err == YD_OK; i++) {
        (void)yd_read_varbytes(&r);
        entries[i].offset = (uint32_t)out->len;
        err = yd_buf_append(out, yd_read_varbytes(&r));
    }
    return err;
}

/* One transaction: new rooms and one journal row. Nothing is rolled back on an error, because
 * nothing goes on after one: the database is closed and opened anew. */
yd_err database_commit(struct database *db, struct batch_bytes *batch)
{
    struct journal_entry *entries = calloc(batch->count, sizeof *entries);
    struct stored_room **rooms = calloc(batch->count, sizeof(struct stored_room *));
    struct yd_buf blob;
    yd_buf_init(&blob, batch->bytes.alloc, SIZE_MAX / 2);
    uint64_t lsn = db->lsn + 1;
    yd_err err = YD_ENOMEM;
    if (entries == NULL || rooms == NULL) goto out;

    err = run(db, db->begin, "beginning a commit");
    if (err == YD_OK) err = batch_encode(db, batch, entries, rooms, &blob);
    if (err != YD_OK) goto out;
    sqlite3_bind_int64(db->add_journal, 1, (sqlite3_int64)lsn);
    sqlite3_bind_blob64(db->add_journal, 2, blob.ptr, blob.len, SQLITE_STATIC);
    err = run(db, db->add_journal, "writing the journal");
    if (err == YD_OK) err = run(db, db->commit, "committing");
    db->lsn = lsn;
    for (size_t i = 0; i < batch->count && err == YD_OK; i++) {
        err = place_add(db, rooms[i],
                        (struct place){lsn, entries[i].offset, entries[i].len, entries[i].crc});
    }
out:
    yd_buf_deinit(&blob);
    free(entries);
    free(rooms);
    return err;
}
