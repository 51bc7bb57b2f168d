/* database.c - opening, recovering, closing; statements.
 *
 * Source: docs/storage.md
 *
 * How a start goes:
 *  1. the directory, its entry, the lock (files.c)
 *  2. WAL and first pages written anew: nothing is built on what only the page cache holds
 *  3. a full checkpoint, so that the database file alone holds all
 *  4. the schema, made if the file is empty, taken over if it is older (schema.c)
 *  5. rooms and journal are read, and their numbers held against each other and the mark
 *
 * One connection, one thread, exclusive lock: see docs/decisions/0001. Checkpoints are ours,
 * because the built-in one swallows sync errors.
 */
#include "store/database.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/gather.h"

#define WAL_PAGES_MAX  1000 /* checkpoint at 4 MB: best p99 of commits among those measured */
#define WAL_PAGES_KEEP 8192 /* a longer one, left by a huge commit, is given back at once */

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
    return (code & 0xff) == SQLITE_CORRUPT ? YD_EMALFORMED : YD_EIO;
}

yd_err database_exec(struct database *db, const char *sql)
{
    return sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK ? YD_OK
                                                                     : database_fail(db, sql);
}

yd_err database_step(struct database *db, sqlite3_stmt *s, const char *doing)
{
    int step = sqlite3_step(s);
    yd_err err = step == SQLITE_DONE ? YD_OK : database_fail(db, doing);
    (void)sqlite3_reset(s);
    return err;
}

sqlite3_stmt *database_query(struct database *db, const char *sql, const uint64_t *values,
                             int count)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL) != SQLITE_OK) {
        (void)database_fail(db, sql);
        return NULL;
    }
    for (int i = 0; i < count; i++) sqlite3_bind_int64(s, i + 1, (sqlite3_int64)values[i]);
    return s;
}

yd_err database_run(struct database *db, const char *sql, const uint64_t *values, int count,
                    yd_slice blob)
{
    sqlite3_stmt *s = database_query(db, sql, values, count);
    if (s == NULL) return YD_EIO;
    yd_err err = YD_OK;
    if (sqlite3_bind_parameter_count(s) > count &&
        sqlite3_bind_blob64(s, count + 1, blob.ptr, blob.len, SQLITE_STATIC) != SQLITE_OK) {
        err = database_fail(db, sql);
    }
    if (err == YD_OK) err = database_step(db, s, sql);
    sqlite3_finalize(s);
    return err;
}

yd_err database_number(struct database *db, const char *sql, uint64_t *value)
{
    sqlite3_stmt *s = database_query(db, sql, NULL, 0);
    if (s == NULL) return YD_EIO;
    yd_err err = sqlite3_step(s) == SQLITE_ROW ? YD_OK : database_fail(db, sql);
    if (err == YD_OK) *value = (uint64_t)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return err;
}

uint32_t database_row_crc(char table, const uint64_t *values, size_t count, yd_slice bytes)
{
    uint32_t crc = store_crc_more(0, (yd_slice){(const uint8_t *)&table, 1});
    for (size_t i = 0; i < count; i++) {
        uint8_t b[8];
        for (int k = 0; k < 8; k++) b[k] = (uint8_t)(values[i] >> (8 * k));
        crc = store_crc_more(crc, (yd_slice){b, 8});
    }
    return store_crc_more(crc, bytes);
}

static yd_slice text(const char *s) { return (yd_slice){(const uint8_t *)s, strlen(s)}; }

yd_err database_meta_get(struct database *db, const char *key, uint64_t *value)
{
    sqlite3_stmt *s = database_query(db, "SELECT v, crc FROM meta WHERE k = ?1", NULL, 0);
    if (s == NULL) return YD_EIO;
    yd_err err = YD_EMALFORMED;
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    int step = sqlite3_step(s);
    if (step == SQLITE_ROW) {
        *value = (uint64_t)sqlite3_column_int64(s, 0);
        uint32_t crc = (uint32_t)sqlite3_column_int64(s, 1);
        if (crc == database_row_crc('m', value, 1, text(key))) err = YD_OK;
    }
    if (step != SQLITE_ROW && step != SQLITE_DONE) {
        err = database_fail(db, "reading its numbers");
    } else if (err != YD_OK) {
        snprintf(
            db->why, sizeof db->why,
            "%s: its number '%s' is damaged; restore a backup, or run `partyd check` on a copy",
            db->path, key);
    }
    sqlite3_finalize(s);
    return err;
}

yd_err database_meta_set(struct database *db, const char *key, uint64_t value)
{
    uint64_t row[] = {value, database_row_crc('m', &value, 1, text(key))};
    return database_run(db,
                        "INSERT OR REPLACE INTO meta(v, crc, k) VALUES(?1, ?2, CAST(?3 AS TEXT))",
                        row, 2, text(key));
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static int on_wal(void *ctx, sqlite3 *sql, const char *name, int pages)
{
    (void)sql;
    (void)name;
    ((struct database *)ctx)->wal_pages = pages;
    return SQLITE_OK;
}

static yd_err checkpoint(struct database *db, int mode)
{
    db->wal_pages = 0;
    if (sqlite3_wal_checkpoint_v2(db->sql, NULL, mode, NULL, NULL) != SQLITE_OK) {
        return database_fail(db, "checkpointing");
    }
    return YD_OK;
}

yd_err database_checkpoint_all(struct database *db)
{
    return checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE);
}

yd_err database_checkpoint(struct database *db, bool *moved)
{
    *moved = db->wal_pages >= WAL_PAGES_MAX;
    if (!*moved) return YD_OK;
    return checkpoint(db, db->wal_pages > WAL_PAGES_KEEP ? SQLITE_CHECKPOINT_TRUNCATE
                                                         : SQLITE_CHECKPOINT_PASSIVE);
}

static yd_err schema_ready(struct database *db)
{
    int version = 0;
    yd_err err = schema_look(db, &version);
    // Both only have a say before the first page is written.
    if (err == YD_OK && version == 0) {
        err = database_exec(db, "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL;");
    }
    if (err == YD_OK) {
        err = database_exec(
            db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
                "PRAGMA journal_size_limit=33554432; PRAGMA cache_size=-16384;"
                "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;"
                "PRAGMA cell_size_check=ON; PRAGMA fullfsync=ON; PRAGMA checkpoint_fullfsync=ON;"
                // Debian turns it on: then what is deleted is written once more, as zeroes.
                "PRAGMA secure_delete=FAST;");
    }
    if (err != YD_OK) return err;
    (void)sqlite3_wal_hook(db->sql, on_wal, db);
    err = checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE);
    if (err != YD_OK) return err;
    return version == 0 ? schema_make(db) : schema_upgrade(db, version);
}

/* "?1, ?2, ..." */
static void placeholders(char *out, size_t size, int from, int count)
{
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        at += (size_t)snprintf(out + at, size - at, "%s?%d", i == 0 ? "" : ", ", from + i);
    }
}

yd_err database_prepare(struct database *db)
{
    char values[200], add[600], save[600];
    placeholders(values, sizeof values, 1, 3 + ROOM_NUMBER_COUNT);
    snprintf(add, sizeof add, "INSERT INTO room(id, name, crc, " ROOM_NUMBERS ") VALUES(%s)",
             values);
    placeholders(values, sizeof values, 3, 1 + ROOM_NUMBER_COUNT);
    snprintf(save, sizeof save, "UPDATE room SET (crc, " ROOM_NUMBERS ") = (%s) WHERE id = ?1",
             values);
    struct {
        sqlite3_stmt **to;
        const char *sql;
    } all[] = {
        {&db->begin, "BEGIN IMMEDIATE"},
        {&db->commit, "COMMIT"},
        {&db->add_journal, "INSERT INTO journal(lsn, data) VALUES(?1, ?2)"},
        {&db->add_room, add},
        {&db->save_room, save},
        {&db->get_room, "SELECT id, name, crc, " ROOM_NUMBERS " FROM room WHERE id = ?1"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (*all[i].to == NULL &&
            sqlite3_prepare_v3(db->sql, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT, all[i].to,
                               NULL) != SQLITE_OK) {
            return database_fail(db, "preparing");
        }
    }
    return YD_OK;
}

uint64_t database_now(const struct database *db)
{
    if (db->now_ms != NULL) return db->now_ms(db->now_ctx);
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static yd_err check_mark(struct database *db)
{
    uint64_t confirmed = files_mark_get(&db->files);
    if (confirmed <= db->lsn) return YD_OK;
    snprintf(db->why, sizeof db->why,
             "%s: ends at commit %llu, but %llu was confirmed: what came between is lost; restore "
             "a backup (to go on with an older one, delete shard-00.db-wal and shard-00.mark)",
             db->path, (unsigned long long)db->lsn, (unsigned long long)confirmed);
    return YD_EMALFORMED;
}

/* The numbers of commits count within an epoch of the store. Who puts an older copy in place
 * deletes the mark; then the same numbers will stand for something else, and a new epoch begins. */
static yd_err epoch_ready(struct database *db)
{
    yd_err err = database_meta_get(db, "epoch", &db->epoch);
    if (err != YD_OK || db->files.mark < 0 || !db->files.is_new || db->lsn == 0) return err;
    uint64_t now = database_now(db);
    db->epoch = now > db->epoch ? now : db->epoch + 1;
    return database_meta_set(db, "epoch", db->epoch);
}

static yd_err database_start(struct database *db)
{
    yd_err err = database_exec(db, "PRAGMA locking_mode=EXCLUSIVE");
    if (err == YD_OK) err = schema_ready(db);
    if (err == YD_OK && files_sync_directory(&db->files) != YD_OK) {
        snprintf(db->why, sizeof db->why, "%s: its directory cannot be synced: %s; check this disk",
                 db->path, strerror(errno));
        err = YD_ENOTFOUND;
    }
    if (err == YD_OK) err = database_prepare(db);
    if (err == YD_OK) err = rooms_scan(db);
    if (err == YD_OK) err = log_scan(db);
    if (err == YD_OK) err = check_mark(db);
    if (err == YD_OK) err = sinks_scan(db);
    return err == YD_OK ? epoch_ready(db) : err;
}

static yd_err ballast_ready(struct database *db, uint64_t bytes)
{
    if (bytes == 0 || files_ballast_make(&db->files, bytes)) return YD_OK;
    snprintf(db->why, sizeof db->why, "%s: %s; make room on this file system", db->path,
             strerror(errno));
    db->disk_full = true;
    return YD_EIO;
}

/* Opening would make what is missing, and an empty store is never wrong. */
static yd_err database_exists(struct database *db, const char *dir)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/shard-00.db", dir);
    if (access(path, F_OK) == 0) return YD_OK;
    snprintf(db->why, sizeof db->why, "%.300s: %s; name the data directory by --data", path,
             strerror(errno));
    return YD_ENOTFOUND;
}

yd_err database_open(struct database *db, const struct store_opts *opts)
{
    const char *dir = opts->dir;
    memset(db, 0, sizeof *db);
    db->files.mark = -1;
    db->now_ms = opts->now_ms;
    db->now_ctx = opts->now_ctx;
    if (opts->must_exist && dir != NULL && database_exists(db, dir) != YD_OK) return YD_ENOTFOUND;
    yd_err err = files_open(&db->files, dir, db->why, sizeof db->why);
    if (err != YD_OK) return err;
    size_t len = (dir == NULL ? 0 : strlen(dir)) + 32;
    db->path = malloc(len);
    if (db->path == NULL) return YD_ENOMEM;
    snprintf(db->path, len, "%s%s", dir == NULL ? ":memory:" : dir,
             dir == NULL ? "" : "/shard-00.db");
    if (dir != NULL) err = files_renew(db->path, db->why, sizeof db->why);
    if (err != YD_OK) {
        db->disk_full = errno == ENOSPC;
        return err;
    }
    const char *vfs = gather_vfs();
    if (vfs == NULL) return YD_ENOMEM;
    if (sqlite3_open_v2(db->path, &db->sql,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        vfs) != SQLITE_OK) {
        (void)database_fail(db, "opening");
        return YD_ENOTFOUND;
    }
    err = database_start(db);
    return err == YD_OK ? ballast_ready(db, opts->ballast_bytes) : err;
}

void database_close(struct database *db, bool clean)
{
    fold_end(db);
    scrub_end(db);
    if (db->sql != NULL) {
        backup_end(db);
        // Closing would checkpoint by itself and hide the errors of it: rule S6.
        (void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        if (clean && checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE) == YD_OK) {
            (void)files_mark_set(&db->files, db->lsn, true);
        }
        sqlite3_stmt *all[] = {db->begin,    db->commit,    db->add_journal,
                               db->add_room, db->save_room, db->get_room};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) sqlite3_finalize(all[i]);
        (void)sqlite3_close_v2(db->sql);
    }
    log_free(db);
    rooms_free(db);
    sinks_free(db);
    free(db->erasures);
    db->erasures = NULL;
    files_close(&db->files); // last: it holds the lock
    free(db->uses);
    free(db->path);
    db->sql = NULL;
    db->uses = NULL;
    db->path = NULL;
}
