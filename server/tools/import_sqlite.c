/* import_sqlite.c - copies of SQLite files. A program that reads a file with a WAL changes it when
 * it closes it; the source must stay as it was. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/import.h"

static bool copy_bytes(int from, int to)
{
    char bytes[64 * 1024];
    for (;;) {
        ssize_t n = read(from, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n == 0;
        for (ssize_t at = 0; at < n;) {
            ssize_t m = write(to, bytes + at, (size_t)(n - at));
            if (m < 0 && errno == EINTR) continue;
            if (m <= 0) return false;
            at += m;
        }
    }
}

/* True also if there is nothing to copy and that is allowed. */
static bool copy_file(const char *from, const char *to, bool may_miss)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) return may_miss && errno == ENOENT;
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = out >= 0 && copy_bytes(in, out);
    int error = errno;
    if (out >= 0) ok = close(out) == 0 && ok;
    (void)close(in);
    errno = error;
    return ok;
}

static void path_in(char *out, size_t size, const struct sqlite_copy *copy, const char *suffix)
{
    snprintf(out, size, "%s/shard-00.db%s", copy->dir, suffix);
}

/* Copies are called as a store's file is: import_backup() opens them as one. */
int sqlite_copy_open(struct tool *tool, const char *path, struct sqlite_copy *copy)
{
    char from[4096], to[128];
    *copy = (struct sqlite_copy){0};
    const char *temporary = getenv("TMPDIR");
    if (temporary == NULL || strlen(temporary) > 32) temporary = "/tmp";
    snprintf(copy->dir, sizeof copy->dir, "%s/partyd-import-XXXXXX", temporary);
    if (mkdtemp(copy->dir) == NULL) {
        copy->dir[0] = 0;
        return tool_fail(tool, TOOL_FAILED, "%s: no directory can be made here: %s; set TMPDIR",
                         temporary, strerror(errno));
    }
    path_in(to, sizeof to, copy, "");
    bool ok = copy_file(path, to, false);
    snprintf(from, sizeof from, "%s-wal", path);
    path_in(to, sizeof to, copy, "-wal");
    ok = ok && copy_file(from, to, true);
    if (!ok) {
        int status = tool_fail(tool, TOOL_FAILED, "%.300s: cannot be copied to %s: %s", path,
                               copy->dir, strerror(errno));
        sqlite_copy_close(copy);
        return status;
    }
    path_in(to, sizeof to, copy, "");
    if (sqlite3_open_v2(to, &copy->sql, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) return TOOL_OK;
    int status = tool_fail(tool, TOOL_FAILED, "%.300s: cannot be opened: %s", path,
                           sqlite3_errmsg(copy->sql));
    sqlite_copy_close(copy);
    return status;
}

void sqlite_copy_close(struct sqlite_copy *copy)
{
    static const char *const files[] = {"shard-00.db",   "shard-00.db-wal",  "shard-00.db-shm",
                                        "shard-00.mark", "shard-00.ballast", "partyd.sock"};
    (void)sqlite3_close_v2(copy->sql);
    copy->sql = NULL;
    if (copy->dir[0] == 0) return;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", copy->dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(copy->dir);
}

bool sqlite_has_table(sqlite3 *sql, const char *table, const char *columns)
{
    char text[256];
    sqlite3_stmt *s = NULL;
    snprintf(text, sizeof text, "SELECT %s FROM \"%s\" LIMIT 0", columns, table);
    bool has = sqlite3_prepare_v2(sql, text, -1, &s, NULL) == SQLITE_OK;
    sqlite3_finalize(s);
    return has;
}
