/* export.c - partyd export: a room as a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/content.h"
#include "tools/file.h"
#include "ydoc/export.h"
#include "ydoc/obfuscate.h"

#define OUT_BYTES_MAX ((size_t)4 << 30)

enum format { FORMAT_V1, FORMAT_V2, FORMAT_JSON, FORMAT_TEXT, FORMAT_HTML, FORMAT_MARKDOWN };
static const char *const names[] = {"update", "update-v2", "json", "text", "html", "markdown"};

static enum format format_of(const struct tool *tool)
{
    const char *name = tool_option(tool, "format");
    for (int i = 0; name != NULL && i <= FORMAT_MARKDOWN; i++) {
        if (strcmp(names[i], name) == 0) return (enum format)i;
    }
    return FORMAT_V1;
}

static void must(yd_err err)
{
    if (err != YD_OK) abort(); // memory, and nothing else can be
}

static void put(struct yd_buf *out, const char *text)
{
    must(yd_buf_append(out, (yd_slice){(const uint8_t *)text, strlen(text)}));
}

/* A root's name as JSON. */
static void put_name(struct yd_buf *out, yd_slice name)
{
    json_t *text = json_stringn((const char *)name.ptr, name.len);
    char *quoted = text == NULL ? NULL : json_dumps(text, JSON_ENCODE_ANY);
    if (quoted == NULL) abort(); // names in a document are UTF-8
    put(out, quoted);
    free(quoted);
    json_decref(text);
}

/* {"name": value, ...}, a root a line. */
static void put_json(const struct tool *tool, struct yd_doc *doc, struct yd_buf *out)
{
    const char *only = tool_option(tool, "root");
    const char *between = "\n";
    struct yd_root_info root;
    put(out, "{");
    for (uint32_t at = 0; yd_doc_root_next(doc, &at, &root);) {
        if (only != NULL && !yd_slice_equal(root.name, log_slice(only))) continue;
        put(out, between);
        put_name(out, root.name);
        put(out, ":");
        must(root.kind == YD_ROOT_TEXT && tool_option(tool, "marks") != NULL
                 ? yd_doc_delta(doc, root.name, YD_JSON_PLAIN, out)
                 : yd_doc_json(doc, root.kind, root.name, YD_JSON_PLAIN, out));
        between = ",\n";
    }
    put(out, "\n}\n");
}

static bool is_rich(const struct yd_root_info *root)
{
    return !root->is_empty && (root->kind == YD_ROOT_XML || root->kind == YD_ROOT_TEXT);
}

/* The only root that can be text, or the one that was named. */
static int rich_root(const struct tool *tool, struct yd_doc *doc, yd_slice *name)
{
    const char *only = tool_option(tool, "root");
    char list[256] = "";
    struct yd_root_info root;
    int count = 0;
    *name = only == NULL ? YD_EMPTY : log_slice(only);
    for (uint32_t at = 0; only == NULL && yd_doc_root_next(doc, &at, &root);) {
        if (!is_rich(&root)) continue;
        char *text = tool_text(root.name);
        size_t len = strlen(list);
        snprintf(list + len, sizeof list - len, "%s%.60s", count == 0 ? "" : ", ", text);
        free(text);
        *name = root.name;
        count++;
    }
    if (only != NULL || count == 1) return TOOL_OK;
    if (count == 0) {
        return tool_fail(tool, TOOL_FAILED,
                         "%s: there is no text in it; --format json shows what it holds",
                         tool->args[0]);
    }
    return tool_fail(tool, TOOL_FAILED, "%s: it holds several texts: %s; name one by --root",
                     tool->args[0], list);
}

static int write_doc(struct tool *tool, struct yd_doc *doc, struct yd_buf *out)
{
    enum format format = format_of(tool);
    yd_slice root = YD_EMPTY;
    int status = format >= FORMAT_TEXT ? rich_root(tool, doc, &root) : TOOL_OK;
    if (status != TOOL_OK) return status;
    switch (format) {
    case FORMAT_V1: must(yd_doc_encode_state(doc, YD_EMPTY, YD_V1, out)); break;
    case FORMAT_V2: must(yd_doc_encode_state(doc, YD_EMPTY, YD_V2, out)); break;
    case FORMAT_JSON: put_json(tool, doc, out); break;
    case FORMAT_TEXT: must(yd_doc_plain(doc, root, out)); break;
    case FORMAT_HTML: must(yd_doc_html(doc, root, out)); break;
    case FORMAT_MARKDOWN: must(yd_doc_markdown(doc, root, out)); break;
    }
    return TOOL_OK;
}

static int deliver(struct tool *tool, const char *room, const struct content *content, yd_slice out)
{
    const char *path = tool->arg_count > 1 ? tool->args[1] : NULL;
    if (path == NULL) {
        if (isatty(STDOUT_FILENO) == 1 && format_of(tool) <= FORMAT_V2) {
            return tool_fail(tool, TOOL_USAGE,
                             "an update is bytes, not for a terminal; name a file, or --format");
        }
        return fwrite(out.ptr, 1, out.len, stdout) == out.len
                   ? TOOL_OK
                   : tool_fail(tool, TOOL_FAILED, "stdout: %s", strerror(errno));
    }
    int status = file_write(tool, path, out, tool_option(tool, "force") != NULL);
    if (status != TOOL_OK) return status;
    if (tool->json) {
        tool_print(json_pack("{s:s,s:s,s:s,s:I,s:I}", "room", room, "file", path, "format",
                             names[format_of(tool)], "bytes", (json_int_t)out.len, "updates",
                             (json_int_t)content->updates));
    } else {
        fprintf(stderr, "%s: %zu bytes\n", path, out.len);
    }
    return TOOL_OK;
}

/* False: it is no moment. */
static bool moment_read(const char *text, uint64_t *ms)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest == NULL || strspn(text, "0123456789") < 4) return false;
    uint64_t thousandths = 0;
    if (rest[0] == '.' && strspn(rest + 1, "0123456789") == 3) {
        thousandths = strtoull(rest + 1, NULL, 10);
        rest += 4;
    }
    time_t seconds = timegm(&tm);
    if (strcmp(rest, "Z") != 0 || seconds < 0) return false;
    *ms = (uint64_t)seconds * 1000 + thousandths;
    return true;
}

/* Puts a document in its place whose contents say nothing. */
static void obfuscate(struct content *content)
{
    struct yd_buf state, hidden;
    yd_buf_init(&state, heap_alloc(), OUT_BYTES_MAX);
    yd_buf_init(&hidden, heap_alloc(), OUT_BYTES_MAX);
    must(yd_doc_encode_state(content->doc, YD_EMPTY, YD_V2, &state));
    struct yd_update update = {yd_buf_slice(&state), YD_V2};
    must(yd_update_obfuscate(update, NULL, YD_V2, &hidden));
    yd_doc_free(content->doc);
    content->doc = content_doc_new(content->keeps_deleted);
    must(yd_doc_apply(content->doc, yd_buf_slice(&hidden), YD_V2, NULL));
    yd_buf_deinit(&state);
    yd_buf_deinit(&hidden);
}

static int run(struct tool *tool)
{
    struct content content;
    const char *at = tool_option(tool, "at");
    uint64_t at_ms = 0;
    if (at != NULL && !moment_read(at, &at_ms)) {
        return tool_fail(tool, TOOL_USAGE, "--at %.40s: a moment is written 2026-11-26T12:00:00Z",
                         at);
    }
    if (tool->json && tool->arg_count < 2) {
        return tool_fail(tool, TOOL_USAGE,
                         "stdout cannot hold the room and --json; name a file for the room");
    }
    char *room = tool_room_name(tool->args[0]);
    int status = at == NULL ? content_read(tool, room, &content)
                            : content_read_at(tool, room, at_ms, &content);
    if (status == TOOL_OK) {
        struct yd_buf out;
        yd_buf_init(&out, heap_alloc(), OUT_BYTES_MAX);
        if (tool_option(tool, "obfuscate") != NULL) obfuscate(&content);
        status = write_doc(tool, content.doc, &out);
        if (status == TOOL_OK) status = deliver(tool, room, &content, yd_buf_slice(&out));
        yd_buf_deinit(&out);
        content_deinit(&content);
    }
    free(room);
    return status;
}

static const struct tool_option options[] = {
    {"format", "FORM", "update|update-v2|json|text|html|markdown", "what to write, default update"},
    {"root", "NAME", NULL, "only this root; text, html and markdown are of one"},
    {"marks", NULL, NULL, "json: texts as lists of runs with their marks"},
    {"at", "TIME", NULL, "as it was then (UTC); of a room with `store` `history`"},
    {"obfuscate", NULL, NULL, "digits in place of what people wrote; the shape stays"},
    {"force", NULL, NULL, "write over FILE"},
    {NULL},
};

const struct command command_export = {
    .name = "export",
    .arguments = "ROOM [FILE]",
    .summary = "write a room to FILE or stdout",
    .details = "ROOM is a name of party main, or party/room, as `partyd rooms` lists it.\n"
               "  partyd export doc-1 doc-1.yjs                  for Y.applyUpdate()\n"
               "  partyd export doc-1 --format markdown > doc-1.md\n"
               "  partyd export doc-1 then.yjs --at 2026-11-26T12:00:00Z",
    .args_min = 1,
    .args_max = 2,
    .options = options,
    .run = run,
};
