/* backup.c - partyd backup: the whole store in one file. */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/backup_file.h"
#include "tools/file.h"

struct receiving {
    struct tool *tool;
    struct file_out file;
    struct progress progress;
    uint64_t bytes, total, lsn;
};

static void on_header(void *ctx, const char *name, uint64_t number)
{
    struct receiving *r = ctx;
    if (strcasecmp(name, "X-Partyd-Bytes") == 0) r->total = number;
    if (strcasecmp(name, "X-Partyd-Lsn") == 0) r->lsn = number;
}

static bool on_bytes(void *ctx, yd_slice bytes)
{
    struct receiving *r = ctx;
    r->bytes += bytes.len;
    if (!file_add(&r->file, bytes)) {
        file_cannot(r->tool, r->file.path, "written");
        return false;
    }
    progress_at(&r->progress, r->bytes, r->total);
    return true;
}

static int receive(struct tool *tool, struct receiving *r)
{
    struct tool_call call = {.method = "GET",
                             .path = "/backup",
                             .body = YD_EMPTY,
                             .on_bytes = on_bytes,
                             .ctx = r,
                             .on_header = on_header,
                             .header_ctx = r};
    progress_begin(&r->progress, "bytes");
    int status = tool_call(tool, &call);
    progress_end(&r->progress);
    if (status == TOOL_OK && r->bytes != r->total) {
        status = tool_fail(tool, TOOL_FAILED, "%" PRIu64 " of %" PRIu64 " bytes have come",
                           r->bytes, r->total);
    }
    return status;
}

int backup_receive(struct tool *tool, const char *path)
{
    struct receiving r = {.tool = tool};
    int status = file_begin(tool, &r.file, path, false);
    if (status != TOOL_OK) return status;
    status = receive(tool, &r);
    if (status == TOOL_OK) status = file_commit(tool, &r.file);
    file_drop(&r.file);
    return status;
}

static int run(struct tool *tool)
{
    struct receiving r = {.tool = tool};
    struct backup_found found;
    const char *path = tool->args[0];
    int status = file_begin(tool, &r.file, path, tool_option(tool, "force") != NULL);
    if (status != TOOL_OK) return status;
    status = receive(tool, &r);
    // A backup that cannot be read is found now, not on the day it is needed.
    if (status == TOOL_OK) status = backup_look(tool, r.file.temporary, &found);
    if (status == TOOL_OK) status = file_commit(tool, &r.file);
    file_drop(&r.file);
    if (status != TOOL_OK) return status;
    if (tool->json) {
        tool_print(json_pack("{s:s,s:I,s:I,s:I}", "file", path, "bytes", (json_int_t)r.bytes,
                             "rooms", (json_int_t)found.rooms, "seq", (json_int_t)r.lsn));
    } else {
        printf("%s: %" PRIu64 " rooms, %" PRIu64 " bytes, of commit %" PRIu64 "\n", path,
               found.rooms, r.bytes, r.lsn);
    }
    return TOOL_OK;
}

static const struct tool_option options[] = {{"force", NULL, NULL, "write over FILE"}, {NULL}};

const struct command command_backup = {
    .name = "backup",
    .arguments = "FILE",
    .summary = "copy the whole store into one file",
    .details =
        "A running server goes on; the file is the store as it was when the copy was done. For\n"
        "the time of the copy it takes room for as much again beside the store.\n"
        "  partyd backup /backup/partyd-$(date +%F).db",
    .args_min = 1,
    .args_max = 1,
    .options = options,
    .run = run,
};
