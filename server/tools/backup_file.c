/* backup_file.c - see backup_file.h. */
#include "tools/backup_file.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_APPLICATION 0x70617264 /* of partyd's own SQLite files */

static sqlite3_stmt *ask(sqlite3 *sql, const char *what)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(sql, what, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
        return s;
    }
    sqlite3_finalize(s);
    return NULL;
}

static int64_t ask_int(sqlite3 *sql, const char *what)
{
    sqlite3_stmt *s = ask(sql, what);
    int64_t value = s == NULL ? -1 : sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return value;
}

static bool is_whole(sqlite3 *sql)
{
    sqlite3_stmt *s = ask(sql, "PRAGMA quick_check(1)");
    const char *said = s == NULL ? NULL : (const char *)sqlite3_column_text(s, 0);
    bool whole = said != NULL && strcmp(said, "ok") == 0;
    sqlite3_finalize(s);
    return whole;
}

static bool is_sqlite(const char *path)
{
    char head[16] = "";
    FILE *file = fopen(path, "rb");
    size_t n = file == NULL ? 0 : fread(head, 1, sizeof head, file);
    if (file != NULL) (void)fclose(file);
    return n == sizeof head && memcmp(head, "SQLite format 3", sizeof head) == 0;
}

/* The path as a URI. immutable: nothing is made beside it, whatever its mode. */
static char *uri_of(const char *path)
{
    size_t size = 3 * strlen(path) + 32;
    char *uri = heap_new(size), *at = uri + sprintf(uri, "file:");
    for (const char *c = path; *c != 0; c++) {
        bool special = *c == '%' || *c == '?' || *c == '#';
        at += special ? sprintf(at, "%%%02X", (unsigned char)*c) : sprintf(at, "%c", *c);
    }
    sprintf(at, "?immutable=1");
    return uri;
}

int backup_look(const struct tool *tool, const char *path, struct backup_found *found)
{
    sqlite3 *sql = NULL;
    char *uri = uri_of(path);
    int status = TOOL_OK;
    int64_t application = -1; // -1: it cannot even be asked
    int opened = sqlite3_open_v2(uri, &sql, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    if (opened != SQLITE_OK) {
        status =
            tool_fail(tool, TOOL_FAILED, "%.300s: cannot be opened: %s", path, sqlite3_errmsg(sql));
    } else if (!is_sqlite(path) || (application = ask_int(sql, "PRAGMA application_id")) == 0 ||
               (application > 0 && application != STORE_APPLICATION)) {
        status = tool_fail(tool, TOOL_FAILED, "%.300s: this is no backup made by partyd", path);
    } else if (!is_whole(sql)) {
        status = tool_fail(tool, TOOL_FAILED, "%.300s: it is damaged; take another one", path);
    }
    if (status == TOOL_OK) found->rooms = (uint64_t)ask_int(sql, "SELECT count(*) FROM room");
    (void)sqlite3_close_v2(sql);
    free(uri);
    return status;
}
