/* import.c - partyd import: documents of other servers, other stores, and update files. */
#include "tools/import.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"
#include "tools/file.h"
#include "tools/lines.h"
#include "ydoc/update.h"

#define UPDATE_BYTES_MAX  ((size_t)1 << 30)
#define STORE_APPLICATION 0x70617264 /* of partyd's own SQLite files */

/* ---- names ------------------------------------------------------------------------------------
 */

char *import_name(const char *party, const char *room)
{
    size_t size = strlen(party) + strlen(room) + 2;
    char *name = heap_new(size);
    snprintf(name, size, "%s/%s", party, room);
    return name;
}

/* ---- one room ---------------------------------------------------------------------------------
 */

static void tell(const struct import *im, const char *room, const char *status, size_t bytes,
                 const char *why)
{
    char *shown = tool_text((yd_slice){(const uint8_t *)room, strlen(room)});
    if (im->tool->json) {
        json_t *line =
            json_pack("{s:s,s:s,s:I}", "room", shown, "status", status, "bytes", (json_int_t)bytes);
        if (why != NULL) json_object_set_new(line, "why", json_string(why));
        tool_print(line);
    } else if (why != NULL) {
        fprintf(stderr, "partyd import: %s: %s\n", shown, why);
    } else {
        printf("%s %s, %zu bytes\n", shown, status, bytes);
    }
    free(shown);
}

void import_bad(struct import *im, const char *room, const char *why)
{
    im->failed++;
    tell(im, room, "failed", 0, why);
}

static int put(struct import *im, const char *room, yd_slice update, char *why, size_t size)
{
    char query[32];
    snprintf(query, sizeof query, "mode=%s", im->mode);
    struct tool_call call = {
        .method = "POST", .path = "/content", .room = room, .query = query, .body = update};
    im->tool->why = why;
    im->tool->why_size = size;
    int status = tool_call(im->tool, &call);
    im->tool->why = NULL;
    return status;
}

bool import_room(struct import *im, const char *room, struct yd_doc *doc)
{
    struct yd_buf update;
    char why[STORE_ERROR_MAX] = "";
    const char *done = strcmp(im->mode, "create") == 0    ? "created"
                       : strcmp(im->mode, "replace") == 0 ? "replaced"
                                                          : "merged";
    yd_buf_init(&update, heap_alloc(), UPDATE_BYTES_MAX);
    int status = TOOL_OK;
    if (yd_doc_encode_state(doc, YD_EMPTY, YD_V1, &update) != YD_OK) {
        status = TOOL_FAILED;
        import_bad(im, room, "it is larger than 1 GiB");
    } else if (!im->dry_run) {
        status = put(im, room, yd_buf_slice(&update), why, sizeof why);
        if (status != TOOL_OK) import_bad(im, room, why);
    }
    if (status == TOOL_OK) {
        im->done++;
        im->bytes += update.len;
        tell(im, room, im->dry_run ? "readable" : done, update.len, NULL);
    }
    yd_buf_deinit(&update);
    progress_at(&im->progress, im->done + im->failed, 0);
    return status != TOOL_NO_STORE;
}

/* ---- an update file ---------------------------------------------------------------------------
 */

static int import_file(struct import *im, const char *room)
{
    struct yd_buf bytes;
    yd_buf_init(&bytes, heap_alloc(), UPDATE_BYTES_MAX);
    struct yd_doc *doc = content_doc_new(im->keeps_deleted);
    int status = file_read(im->tool, im->path, UPDATE_BYTES_MAX, &bytes);
    if (status == TOOL_OK) {
        // V2 begins with a zero, which in V1 says that there is nothing but deletions.
        yd_slice update = yd_buf_slice(&bytes);
        bool may_be_v2 = update.len > 2 && update.ptr[0] == 0;
        yd_err err = may_be_v2 ? yd_doc_apply(doc, update, YD_V2, NULL) : YD_EMALFORMED;
        if (err == YD_EMALFORMED) err = yd_doc_apply(doc, update, YD_V1, NULL);
        if (err != YD_OK) {
            status = tool_fail(im->tool, TOOL_FAILED,
                               "%.300s: neither a Yjs update (V1 or V2) nor a store that is known "
                               "here; see partyd import --help",
                               im->path);
        } else if (!import_room(im, room, doc)) {
            status = TOOL_NO_STORE;
        }
    }
    yd_doc_free(doc);
    yd_buf_deinit(&bytes);
    return status;
}

/* ---- which source is it -----------------------------------------------------------------------
 */

static bool is_sqlite(const char *path)
{
    char head[16] = "";
    FILE *file = fopen(path, "rb");
    if (file == NULL) return false;
    size_t n = fread(head, 1, sizeof head, file);
    (void)fclose(file);
    return n == sizeof head && memcmp(head, "SQLite format 3", 16) == 0;
}

static int64_t pragma(sqlite3 *sql, const char *what)
{
    sqlite3_stmt *s = NULL;
    int64_t value = 0;
    if (sqlite3_prepare_v2(sql, what, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
        value = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return value;
}

static int import_sqlite(struct import *im)
{
    struct sqlite_copy copy;
    int status = sqlite_copy_open(im->tool, im->path, &copy);
    if (status != TOOL_OK) return status;
    if (pragma(copy.sql, "PRAGMA application_id") == STORE_APPLICATION) {
        status = import_backup(im, &copy);
    } else if (sqlite_has_table(copy.sql, "documents", "name, data")) {
        status = import_hocuspocus(im, copy.sql);
    } else if (sqlite_has_table(copy.sql, "_cf_KV", "key, value")) {
        status = import_partykit(im, copy.sql, im->party);
    } else {
        status = tool_fail(im->tool, TOOL_FAILED,
                           "%.300s: an SQLite file, but neither of Hocuspocus (documents), nor of "
                           "PartyKit (_cf_KV), nor of partyd",
                           im->path);
    }
    sqlite_copy_close(&copy);
    return status;
}

static int import_directory(struct import *im)
{
    char store[4096];
    snprintf(store, sizeof store, "%s/shard-00.db", im->path);
    return access(store, F_OK) == 0 ? import_store(im, im->path)
                                    : import_partykit_directory(im, im->path);
}

static int import_any(struct import *im)
{
    struct tool *tool = im->tool;
    struct stat st;
    bool is_stdin = strcmp(im->path, "-") == 0;
    if (!is_stdin && stat(im->path, &st) != 0) {
        return tool_fail(tool, TOOL_FAILED, "%.300s: it is not there, or cannot be looked at",
                         im->path);
    }
    bool is_many = !is_stdin && (S_ISDIR(st.st_mode) || is_sqlite(im->path));
    if (is_many && tool->arg_count > 1) {
        return tool_fail(tool, TOOL_USAGE,
                         "%.300s holds rooms with names of their own; leave %.60s out", im->path,
                         tool->args[1]);
    }
    if (!is_many && tool->arg_count < 2) {
        return tool_fail(tool, TOOL_USAGE,
                         "%.300s: name the room that it is to become: partyd import FILE ROOM",
                         im->path);
    }
    if (is_many) return S_ISDIR(st.st_mode) ? import_directory(im) : import_sqlite(im);
    char *room = strchr(tool->args[1], '/') == NULL ? import_name(im->party, tool->args[1])
                                                    : strdup(tool->args[1]);
    if (room == NULL) abort();
    int status = import_file(im, room);
    free(room);
    return status;
}

static int run(struct tool *tool)
{
    bool replace = tool_option(tool, "replace") != NULL, merge = tool_option(tool, "merge") != NULL;
    const char *party = tool_option(tool, "party");
    struct import im = {.tool = tool,
                        .path = tool->args[0],
                        .party = party == NULL ? "main" : party,
                        .mode = replace ? "replace"
                                : merge ? "merge"
                                        : "create",
                        .dry_run = tool_option(tool, "dry-run") != NULL,
                        .keeps_deleted = tool_option(tool, "keep-deleted") != NULL};
    if (replace && merge) return tool_fail(tool, TOOL_USAGE, "say --replace or --merge, not both");
    progress_begin(&im.progress, "rooms");
    int status = import_any(&im);
    progress_end(&im.progress);
    if (status == TOOL_OK && !tool->json) {
        fprintf(stderr, "%" PRIu64 " rooms %s, %" PRIu64 " bytes", im.done,
                im.dry_run ? "can be imported" : "imported", im.bytes);
        if (im.failed > 0) fprintf(stderr, "; %" PRIu64 " not", im.failed);
        fputc('\n', stderr);
    }
    if (status == TOOL_OK && im.failed > 0) status = TOOL_FAILED;
    return status;
}

static const struct tool_option options[] = {
    {"party", "NAME", NULL, "for sources that know no parties, default main"},
    {"replace", NULL, NULL, "a room that is there gets this content in place of its own"},
    {"merge", NULL, NULL, "a room that is there gets this content added"},
    {"keep-deleted", NULL, NULL, "keep the content of what was deleted"},
    {"dry-run", NULL, NULL, "read everything, change nothing"},
    {NULL},
};

const struct command command_import = {
    .name = "import",
    .arguments = "SOURCE [ROOM]",
    .summary = "take rooms from an update file or another server's store",
    .details = "SOURCE is one of these, found out by looking; it is never changed:\n"
               "  an update file, V1 or V2, - for stdin: with ROOM\n"
               "  a data directory or a backup of partyd\n"
               "  .partykit/state of y-partykit, or one of its .sqlite files\n"
               "  the database of Hocuspocus' SQLite extension\n"
               "A room that is there is left alone and makes the command end with 1.\n"
               "  partyd import .partykit/state --dry-run\n"
               "  partyd import doc-1.yjs doc-1",
    .args_min = 1,
    .args_max = 2,
    .options = options,
    .run = run,
};
