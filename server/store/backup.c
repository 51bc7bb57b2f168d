/* backup.c - a copy of the whole store, page by page, while it is being written.
 *
 * Source:  SQLite's backup API. The copy is made over the store's own connection, so what is
 *          committed meanwhile is written into the part that has been copied already: at its end
 * the copy is the store as it is at that moment. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/database.h"

#define ROOM_LEFT_BYTES ((uint64_t)256 << 20) /* of the disk, for the store itself */
#define PAGE_BYTES      4096u

struct backup {
    sqlite3 *to;
    sqlite3_backup *run;
    char path[4096];
};

void backup_end(struct database *db)
{
    if (db->backup == NULL) return;
    (void)sqlite3_backup_finish(db->backup->run);
    (void)sqlite3_close_v2(db->backup->to);
    free(db->backup);
    db->backup = NULL;
}

static yd_err refuse(struct database *db, struct store_event *ev, const char *what, const char *why)
{
    ev->kind = STORE_EV_REFUSED;
    snprintf(ev->why, sizeof ev->why, "%s: no backup can be made: %.100s%s%.200s", db->path, what,
             why[0] == 0 ? "" : ": ", why);
    if (db->backup != NULL) (void)unlink(db->backup->path);
    backup_end(db);
    return YD_OK;
}

/* The copy must not take what the store needs to go on. */
static bool has_room(const struct database *db, const char *path)
{
    char dir[4096];
    struct statvfs fs;
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash != NULL) *slash = 0;
    if (statvfs(slash == NULL ? "." : dir, &fs) != 0) return true; // the copy itself will say
    uint64_t pages = 0;
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db->sql, "PRAGMA page_count", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW) {
        pages = (uint64_t)sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return (uint64_t)fs.f_bavail * fs.f_frsize >= pages * PAGE_BYTES + ROOM_LEFT_BYTES;
}

static yd_err begin(struct database *db, const char *path, struct store_event *ev)
{
    if (!has_room(db, path)) {
        return refuse(db, ev, "the disk has no room for a copy of the store",
                      "make room, it takes as much as shard-00.db and 256 MiB");
    }
    struct backup *b = calloc(1, sizeof *b);
    if (b == NULL) return YD_ENOMEM;
    db->backup = b;
    snprintf(b->path, sizeof b->path, "%s", path);
    (void)unlink(path); // left by a server that was killed
    if (sqlite3_open_v2(path, &b->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK) {
        return refuse(db, ev, path, sqlite3_errmsg(b->to));
    }
    // Whoever gets the copy syncs it.
    (void)sqlite3_exec(b->to, "PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF", NULL, NULL, NULL);
    b->run = sqlite3_backup_init(b->to, "main", db->sql, "main");
    return b->run == NULL ? refuse(db, ev, path, sqlite3_errmsg(b->to)) : YD_OK;
}

yd_err database_backup(struct database *db, const struct backup_job *job, struct store_event *ev)
{
    ev->kind = STORE_EV_CHANGED;
    ev->lsn = db->lsn;
    if (job->pages == 0) { // given up
        if (db->backup != NULL) (void)unlink(db->backup->path);
        backup_end(db);
        return YD_OK;
    }
    if (job->is_first && db->backup != NULL) {
        return refuse(db, ev, "another one was being made", "both are given up; try again");
    }
    yd_err err = job->is_first ? begin(db, job->path, ev) : YD_OK;
    if (err != YD_OK || ev->kind != STORE_EV_CHANGED) return err;
    if (db->backup == NULL) return refuse(db, ev, "it was given up", "");
    int step = sqlite3_backup_step(db->backup->run, (int)job->pages);
    ev->base_bytes = (size_t)sqlite3_backup_pagecount(db->backup->run) * PAGE_BYTES;
    ev->next = (uint64_t)sqlite3_backup_remaining(db->backup->run);
    if (step != SQLITE_OK && step != SQLITE_DONE) {
        return refuse(db, ev, db->backup->path, sqlite3_errstr(step));
    }
    if (step == SQLITE_OK && ev->next == 0) ev->next = 1;
    if (step == SQLITE_DONE) ev->next = 0;
    if (step == SQLITE_DONE) backup_end(db);
    return YD_OK;
}
