/* lines.c - see lines.h. */
#include "tools/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX ((size_t)1 << 20)

struct lines {
    struct yd_buf held; /* what has come of a line */
    bool (*on_line)(void *ctx, json_t *line);
    void *ctx;
    bool broken;
};

static bool line_give(struct lines *l, yd_slice text)
{
    json_t *line = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    bool more = line != NULL && l->on_line(l->ctx, line);
    l->broken = l->broken || line == NULL;
    json_decref(line);
    return more;
}

static bool on_bytes(void *ctx, yd_slice bytes)
{
    struct lines *l = ctx;
    while (bytes.len > 0) {
        const uint8_t *end = memchr(bytes.ptr, '\n', bytes.len);
        size_t len = end == NULL ? bytes.len : (size_t)(end - bytes.ptr);
        if (yd_buf_append(&l->held, (yd_slice){bytes.ptr, len}) != YD_OK) return false;
        if (end == NULL) return true;
        bool more = line_give(l, yd_buf_slice(&l->held));
        yd_buf_clear(&l->held);
        if (!more) return false;
        bytes = (yd_slice){end + 1, bytes.len - len - 1};
    }
    return true;
}

static int lines_of(struct tool *tool, struct tool_call call,
                    bool (*on_line)(void *ctx, json_t *line), void *ctx)
{
    struct lines lines = {.on_line = on_line, .ctx = ctx};
    call.body = YD_EMPTY;
    call.on_bytes = on_bytes;
    call.ctx = &lines;
    yd_buf_init(&lines.held, heap_alloc(), LINE_BYTES_MAX);
    int status = tool_call(tool, &call);
    yd_buf_deinit(&lines.held);
    if (lines.broken) return tool_fail(tool, TOOL_FAILED, "the server's answer is no JSON");
    return status;
}

int lines_call(struct tool *tool, const char *path, const char *query,
               bool (*on_line)(void *ctx, json_t *line), void *ctx)
{
    struct tool_call call = {.method = "GET", .path = path, .query = query};
    return lines_of(tool, call, on_line, ctx);
}

int lines_post(struct tool *tool, const char *path, bool (*on_line)(void *ctx, json_t *line),
               void *ctx)
{
    struct tool_call call = {.method = "POST", .path = path};
    return lines_of(tool, call, on_line, ctx);
}

static bool keep(void *ctx, json_t *line)
{
    json_t **answer = ctx;
    json_decref(*answer);
    *answer = json_incref(line);
    return true;
}

int object_call(struct tool *tool, struct tool_call call, json_t **answer)
{
    struct lines lines = {.on_line = keep, .ctx = answer};
    *answer = NULL;
    call.on_bytes = on_bytes;
    call.ctx = &lines;
    if (call.body.ptr == NULL) call.body = YD_EMPTY;
    yd_buf_init(&lines.held, heap_alloc(), LINE_BYTES_MAX);
    int status = tool_call(tool, &call);
    yd_buf_deinit(&lines.held);
    if (status == TOOL_OK && *answer == NULL) {
        status = tool_fail(tool, TOOL_FAILED, "the server's answer is no JSON");
    }
    return status;
}

char *lines_query(const char *name, const char *value)
{
    if (value == NULL) return NULL;
    size_t size = strlen(name) + 2 + 3 * strlen(value);
    char *query = heap_new(size), *at = query + sprintf(query, "%s=", name);
    for (const char *c = value; *c != 0; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' || *c == '.';
        at += plain ? sprintf(at, "%c", *c) : sprintf(at, "%%%02X", (unsigned char)*c);
    }
    return query;
}
