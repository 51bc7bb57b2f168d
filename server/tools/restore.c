/* restore.c - partyd restore: a backup becomes the store.
 *
 * The order is one that a crash anywhere in it does not turn into an empty or a mixed store:
 *  1. the backup is looked at, and copied beside the store under another name, and synced
 *  2. the store that is there is closed cleanly, so that its WAL is empty, and kept aside by a link
 *  3. the copy takes its name, in one step
 *  4. the mark of the old one goes; until then a server refuses to start and says so
 *  5. everything is read and checked; a new epoch of the store begins */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "tools/backup_file.h"
#include "tools/file.h"

struct restoring {
    struct tool *tool;
    const char *dir;
    char db[4096], wal[4096], mark[4096], aside[4096];
    int lock; /* held on the mark, as a server does; -1 */
};

static void paths_set(struct restoring *r)
{
    const char *dir = r->tool->settings.data;
    char stamp[32] = "";
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm) != NULL) strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    r->dir = dir;
    snprintf(r->db, sizeof r->db, "%s/shard-00.db", dir);
    snprintf(r->wal, sizeof r->wal, "%s/shard-00.db-wal", dir);
    snprintf(r->mark, sizeof r->mark, "%s/shard-00.mark", dir);
    snprintf(r->aside, sizeof r->aside, "%s/before-restore-%s", dir, stamp);
}

static bool is_there(const char *path) { return access(path, F_OK) == 0; }

static int nobody_has_it(struct restoring *r)
{
    int status = TOOL_OK;
    if (!tool_is_server_there(r->tool, &status)) return status;
    return tool_fail(r->tool, TOOL_NO_STORE, "%.300s: a server is running on it; stop it first",
                     r->dir);
}

/* Opening and closing leaves an empty WAL; a store that cannot be opened is put aside as it is. */
static void close_cleanly(const struct restoring *r)
{
    struct store *store = NULL;
    char why[STORE_ERROR_MAX] = "";
    struct store_opts opts = {.dir = r->dir, .must_exist = true};
    if (store_open(&opts, &store, why) == YD_OK) store_close(store);
}

static int lock_take(struct restoring *r)
{
    r->lock = open(r->mark, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (r->lock < 0) return file_cannot(r->tool, r->mark, "opened");
    if (flock(r->lock, LOCK_EX | LOCK_NB) == 0) return TOOL_OK;
    return tool_fail(r->tool, TOOL_NO_STORE, "%.300s: another process has this store open; stop it",
                     r->dir);
}

/* The old store's files, under the same names in a directory of their own. */
static int keep_aside(struct restoring *r)
{
    char to[4200];
    if (!is_there(r->db)) return TOOL_OK;
    if (mkdir(r->aside, 0700) != 0) return file_cannot(r->tool, r->aside, "made");
    snprintf(to, sizeof to, "%s/shard-00.db", r->aside);
    if (link(r->db, to) != 0) return file_cannot(r->tool, to, "made");
    snprintf(to, sizeof to, "%s/shard-00.db-wal", r->aside);
    // The new database must never meet this WAL.
    if (rename(r->wal, to) != 0 && errno != ENOENT) return file_cannot(r->tool, r->wal, "moved");
    return TOOL_OK;
}

static int mark_aside(struct restoring *r)
{
    char to[4200];
    bool has_aside = is_there(r->aside);
    snprintf(to, sizeof to, "%s/shard-00.mark", r->aside);
    int failed = has_aside ? rename(r->mark, to) : unlink(r->mark);
    return failed == 0 ? TOOL_OK : file_cannot(r->tool, r->mark, "moved");
}

static int copy_in(struct restoring *r, const char *from, struct file_out *out)
{
    struct progress progress;
    struct stat st;
    uint64_t done = 0;
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) return file_cannot(r->tool, from, "read");
    int status = file_begin(r->tool, out, r->db, true);
    progress_begin(&progress, "bytes");
    while (status == TOOL_OK) {
        uint8_t bytes[64 * 1024];
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) status = file_cannot(r->tool, from, "read");
        if (n <= 0) break;
        done += (uint64_t)n;
        if (!file_add(out, (yd_slice){bytes, (size_t)n})) {
            status = file_cannot(r->tool, r->db, "written");
        }
        progress_at(&progress, done, (uint64_t)st.st_size);
    }
    progress_end(&progress);
    (void)close(fd);
    return status;
}

static int put_in_place(struct restoring *r, struct file_out *out)
{
    bool had_one = is_there(r->db);
    if (had_one) close_cleanly(r);
    int status = lock_take(r);
    if (status == TOOL_OK) status = keep_aside(r);
    if (status == TOOL_OK) status = file_commit(r->tool, out);
    if (status == TOOL_OK) status = mark_aside(r);
    if (r->lock >= 0) (void)close(r->lock);
    return status;
}

static int check_and_tell(struct restoring *r, const char *from)
{
    struct store_verified found;
    char why[STORE_ERROR_MAX] = "";
    yd_err err = progress_verify(r->dir, &found, why);
    if (err != YD_OK) {
        return tool_fail(r->tool, TOOL_FAILED, "restored, but %s; the store of before is in %.300s",
                         why, r->aside);
    }
    bool kept = is_there(r->aside);
    if (r->tool->json) {
        json_t *json = json_pack("{s:s,s:I,s:I}", "from", from, "rooms", (json_int_t)found.rooms,
                                 "bytes", (json_int_t)found.bytes);
        if (kept) json_object_set_new(json, "before", json_string(r->aside));
        tool_print(json);
    } else {
        printf("restored %" PRIu64 " rooms, %" PRIu64 " bytes%s%s\n", found.rooms, found.bytes,
               kept ? "; the store of before is in " : "", kept ? r->aside : "");
    }
    return TOOL_OK;
}

static int run(struct tool *tool)
{
    struct restoring r = {.tool = tool, .lock = -1};
    struct backup_found found;
    struct file_out out = {.fd = -1};
    const char *from = tool->args[0];
    paths_set(&r);
    int status = backup_look(tool, from, &found);
    if (status == TOOL_OK) status = nobody_has_it(&r);
    if (status != TOOL_OK) return status;
    if (is_there(r.db) && tool_option(tool, "force") == NULL) {
        return tool_fail(tool, TOOL_FAILED,
                         "%.300s: there is a store already; with --force it is kept aside and "
                         "replaced",
                         r.dir);
    }
    if (mkdir(r.dir, 0700) != 0 && errno != EEXIST) return file_cannot(tool, r.dir, "made");
    status = copy_in(&r, from, &out);
    if (status == TOOL_OK) status = put_in_place(&r, &out);
    file_drop(&out);
    return status == TOOL_OK ? check_and_tell(&r, from) : status;
}

static const struct tool_option options[] = {
    {"force", NULL, NULL, "also if there is a store: it is kept in a directory beside"},
    {NULL},
};

const struct command command_restore = {
    .name = "restore",
    .arguments = "FILE",
    .summary = "make a backup the store; no server may be running",
    .details =
        "  partyd restore /backup/partyd-2026-11-25.db --data /var/lib/partyd\n"
        "Single rooms come out of a backup by `partyd import FILE` into another store, or by\n"
        "restoring it beside and exporting them; docs/operations.md has the steps.",
    .args_min = 1,
    .args_max = 1,
    .options = options,
    .run = run,
};
