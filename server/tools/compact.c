/* compact.c - partyd compact: each room as one snapshot, and free pages back to the file system.
 *
 * A server does the same by itself, room by room, when they are used; this is for rooms that nobody
 * opens, and for after much was deleted. The snapshot is put together here, not in the server. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/content.h"
#include "tools/lines.h"

#define TRIES        50 /* while commits are on their way */
#define BUSY_WAIT_US 5000

struct compacting {
    struct tool *tool;
    json_t *names;
    uint64_t rooms, written, failed;
    uint64_t bytes_before, bytes_after; /* stored of all rooms */
    uint64_t file_bytes;
};

static bool note(void *ctx, json_t *room)
{
    struct compacting *c = ctx;
    const char *status = json_string_value(json_object_get(room, "status"));
    const char *name = json_string_value(json_object_get(room, "room"));
    c->bytes_before += (uint64_t)json_integer_value(json_object_get(room, "bytes"));
    if (status == NULL || strcmp(status, "ok") != 0 || name == NULL) return true;
    json_array_append_new(c->names, json_string(name));
    return true;
}

static bool sum(void *ctx, json_t *room)
{
    struct compacting *c = ctx;
    c->bytes_after += (uint64_t)json_integer_value(json_object_get(room, "bytes"));
    return true;
}

/* What the room holds, as one update; deleted content only where the table of rooms keeps it. */
static bool squeeze(const struct content *content, struct yd_buf *out)
{
    struct yd_buf all;
    yd_buf_init(&all, heap_alloc(), (size_t)1 << 30);
    struct yd_doc *doc = content_doc_new(content->keeps_deleted);
    bool ok = yd_doc_encode_state(content->doc, YD_EMPTY, YD_V1, &all) == YD_OK &&
              yd_doc_apply(doc, yd_buf_slice(&all), YD_V1, NULL) == YD_OK &&
              yd_doc_encode_state(doc, YD_EMPTY, YD_V1, out) == YD_OK;
    yd_doc_free(doc);
    yd_buf_deinit(&all);
    return ok;
}

static int write_back(struct compacting *c, const char *room, const struct content *content)
{
    struct yd_buf update;
    char query[48];
    json_t *answer = NULL;
    yd_buf_init(&update, heap_alloc(), (size_t)1 << 30);
    if (!squeeze(content, &update)) {
        yd_buf_deinit(&update);
        return tool_fail(c->tool, TOOL_FAILED, "%s: it is too large to be put together", room);
    }
    snprintf(query, sizeof query, "lsn=%" PRIu64, content->lsn);
    struct tool_call call = {.method = "POST",
                             .path = "/snapshot",
                             .room = room,
                             .query = query,
                             .body = yd_buf_slice(&update)};
    int status = TOOL_OK;
    bool again = true;
    for (int i = 0; again && i < TRIES; i++) {
        status = object_call(c->tool, call, &answer);
        const char *done = json_string_value(json_object_get(answer, "done"));
        c->written += done != NULL && strcmp(done, "written") == 0;
        again = done != NULL && strcmp(done, "busy") == 0;
        json_decref(answer);
        if (again) usleep(BUSY_WAIT_US);
    }
    yd_buf_deinit(&update);
    return status;
}

static int one(struct compacting *c, const char *room)
{
    struct content content;
    int status = content_read(c->tool, room, &content);
    c->rooms++;
    if (status != TOOL_OK) return status;
    if (content.updates > 1) status = write_back(c, room, &content);
    content_deinit(&content);
    return status;
}

static bool on_shrink(void *ctx, json_t *line)
{
    struct compacting *c = ctx;
    c->file_bytes = (uint64_t)json_integer_value(json_object_get(line, "bytes"));
    return true;
}

static int all(struct compacting *c)
{
    struct progress progress;
    size_t count = json_array_size(c->names);
    progress_begin(&progress, "rooms");
    for (size_t i = 0; i < count; i++) {
        int status = one(c, json_string_value(json_array_get(c->names, i)));
        c->failed += status != TOOL_OK && status != TOOL_NO_ROOM;
        if (status == TOOL_NO_STORE) break;
        progress_at(&progress, i + 1, count);
    }
    progress_end(&progress);
    return c->failed > 0 ? TOOL_FAILED : TOOL_OK;
}

static int run(struct tool *tool)
{
    struct compacting c = {.tool = tool, .names = json_array()};
    int status = lines_call(tool, "/rooms", NULL, note, &c);
    if (status == TOOL_OK) status = all(&c);
    // The lists first: what is trimmed frees the pages.
    int listed = status == TOOL_NO_STORE ? status : lines_call(tool, "/rooms", NULL, sum, &c);
    if (listed == TOOL_OK) listed = lines_post(tool, "/shrink", on_shrink, &c);
    if (status == TOOL_OK) status = listed;
    if (listed == TOOL_OK && tool->json) {
        tool_print(json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "rooms", (json_int_t)c.rooms, "written",
                             (json_int_t)c.written, "failed", (json_int_t)c.failed, "bytesBefore",
                             (json_int_t)c.bytes_before, "bytes", (json_int_t)c.bytes_after,
                             "fileBytes", (json_int_t)c.file_bytes));
    } else if (listed == TOOL_OK) {
        printf("%" PRIu64 " of %" PRIu64 " rooms written anew, %" PRIu64 " of %" PRIu64
               " bytes stored, file %" PRIu64 " bytes\n",
               c.written, c.rooms, c.bytes_after, c.bytes_before, c.file_bytes);
    }
    json_decref(c.names);
    return status;
}

static const struct tool_option options[] = {{NULL}};

const struct command command_compact = {
    .name = "compact",
    .arguments = "",
    .summary = "make the store as small as it can be",
    .details =
        "Each room becomes one snapshot, free pages go back to the file system. A running server\n"
        "goes on; rooms that change meanwhile are left to it.\n"
        "  partyd compact --data /var/lib/partyd",
    .args_min = 0,
    .args_max = 0,
    .options = options,
    .run = run,
};
