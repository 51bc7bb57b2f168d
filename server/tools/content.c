/* content.c - see content.h. The server sends what it has stored; it is put together here, where it
 * takes nobody's time. */
#include "tools/content.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONTENT_BYTES_MAX ((size_t)4 << 30)

static bool keep(void *ctx, yd_slice bytes)
{
    if (yd_buf_append(ctx, bytes) != YD_OK) abort();
    return true;
}

static void header(void *ctx, const char *name, uint64_t number)
{
    struct content *content = ctx;
    if (strcasecmp(name, "X-Partyd-Lsn") == 0) content->lsn = number;
    if (strcasecmp(name, "X-Partyd-Epoch") == 0) content->epoch = number;
    if (strcasecmp(name, "X-Partyd-Lost") == 0) content->lost = number;
    if (strcasecmp(name, "X-Partyd-Keep-Deleted") == 0) content->keeps_deleted = number != 0;
}

struct yd_doc *content_doc_new(bool keep_deleted)
{
    struct yd_doc_opts opts = {.keep_deleted = keep_deleted,
                               .update_bytes_max = (size_t)1 << 30,
                               .doc_bytes_max = SIZE_MAX};
    struct yd_doc *doc = NULL;
    if (yd_doc_new(heap_alloc(), &opts, &doc) != YD_OK) abort();
    return doc;
}

static int bad_update(struct tool *tool, const struct content *content, yd_err err)
{
    return tool_fail(tool, TOOL_FAILED,
                     "stored update %llu cannot be applied (%s); restore the room from a backup",
                     (unsigned long long)content->updates + 1, yd_err_name(err));
}

static int apply_all(struct tool *tool, yd_slice parts, bool salvages, struct content *content)
{
    struct yd_reader r = yd_reader_of(parts);
    struct progress progress;
    int status = TOOL_OK;
    progress_begin(&progress, "bytes read");
    while (status == TOOL_OK && yd_reader_left(&r) > 0) {
        yd_slice update = yd_read_varbytes(&r);
        yd_err err = r.failed ? YD_EMALFORMED : yd_doc_apply(content->doc, update, YD_V1, NULL);
        if (err != YD_OK && (!salvages || r.failed)) {
            status = bad_update(tool, content, err);
        } else if (err != YD_OK) {
            content->lost++;
        } else {
            content->updates++;
            content->bytes += update.len;
            progress_at(&progress, content->bytes, parts.len);
        }
    }
    progress_end(&progress);
    return status;
}

static int read_from(struct tool *tool, const char *path, const char *query, const char *room,
                     struct content *content)
{
    bool salvages = strcmp(path, "/salvage") == 0;
    struct yd_buf parts;
    yd_buf_init(&parts, heap_alloc(), CONTENT_BYTES_MAX);
    *content = (struct content){0};
    struct tool_call call = {.method = "GET",
                             .path = path,
                             .query = query,
                             .room = room,
                             .body = YD_EMPTY,
                             .on_bytes = keep,
                             .ctx = &parts,
                             .on_header = header,
                             .header_ctx = content};
    int status = tool_call(tool, &call);
    if (status == TOOL_OK) {
        content->doc = content_doc_new(true);
        status = apply_all(tool, yd_buf_slice(&parts), salvages, content);
    }
    yd_buf_deinit(&parts);
    if (status != TOOL_OK) content_deinit(content);
    return status;
}

int content_read(struct tool *tool, const char *room, struct content *content)
{
    return read_from(tool, "/content", NULL, room, content);
}

int content_read_at(struct tool *tool, const char *room, uint64_t at_ms, struct content *content)
{
    char query[32];
    snprintf(query, sizeof query, "at=%llu", (unsigned long long)at_ms);
    return read_from(tool, "/history", query, room, content);
}

int content_salvage(struct tool *tool, const char *room, struct content *content)
{
    return read_from(tool, "/salvage", NULL, room, content);
}

int content_try(struct tool *tool, const char *room, struct content *content, char *why,
                size_t size)
{
    tool->why = why;
    tool->why_size = size;
    int status = content_read(tool, room, content);
    tool->why = NULL;
    return status;
}

void content_deinit(struct content *content)
{
    yd_doc_free(content->doc);
    content->doc = NULL;
}
