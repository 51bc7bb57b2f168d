/* analyze.c - partyd analyze: why a document is as large as it is. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/content.h"
#include "ydoc/analysis.h"

static const char *const kinds[YD_HELD_COUNT] = {"text",  "values", "binary",   "embeds",
                                                 "marks", "types",  "documents"};

static json_t *number(uint64_t value) { return json_integer((json_int_t)value); }

static json_t *top_json(const struct yd_top *top, bool of_clients)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < top->count; i++) {
        const struct yd_part *p = &top->parts[i];
        json_t *part =
            json_pack("{s:I,s:I,s:I,s:I}", "liveBytes", (json_int_t)p->live_bytes, "deletedBytes",
                      (json_int_t)p->deleted_bytes, "liveStructs", (json_int_t)p->live_structs,
                      "deletedStructs", (json_int_t)p->deleted_structs);
        if (of_clients) {
            json_object_set_new(part, "client", number(p->client));
            json_object_set_new(part, "deleteSetBytes", number(p->delete_set_bytes));
        } else {
            json_object_set_new(part, "name", json_stringn((const char *)p->name.ptr, p->name.len));
        }
        json_array_append_new(list, part);
    }
    return json_pack("{s:I,s:o}", "total", (json_int_t)top->total, "greatest", list);
}

static void print_json(const char *room, const struct content *content, const struct yd_analysis *a)
{
    json_t *json =
        json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "room", room, "storedBytes",
                  (json_int_t)content->bytes, "storedUpdates", (json_int_t)content->updates,
                  "stateBytes", (json_int_t)a->state_bytes, "liveBytes", (json_int_t)a->live_bytes,
                  "deletedBytes", (json_int_t)a->deleted_bytes, "collectedBytes",
                  (json_int_t)a->collected_bytes, "deleteSetBytes", (json_int_t)a->delete_set_bytes,
                  "pendingBytes", (json_int_t)a->pending_bytes);
    json_object_set_new(json, "memoryBytes", number(a->memory_bytes));
    json_object_set_new(json, "liveStructs", number(a->live_structs));
    json_object_set_new(json, "deletedStructs", number(a->deleted_structs));
    json_object_set_new(json, "collectedStructs", number(a->collected_structs));
    json_t *by_kind = json_object();
    for (int i = 0; i < YD_HELD_COUNT; i++) {
        json_object_set_new(by_kind, kinds[i],
                            json_pack("{s:I,s:I}", "bytes", (json_int_t)a->kinds[i].bytes,
                                      "structs", (json_int_t)a->kinds[i].structs));
    }
    json_object_set_new(json, "kinds", by_kind);
    json_object_set_new(json, "roots", top_json(&a->roots, false));
    json_object_set_new(json, "keys", top_json(&a->keys, false));
    json_object_set_new(json, "clients", top_json(&a->clients, true));
    tool_print(json);
}

static void row(const char *what, uint64_t bytes, uint64_t of, uint64_t structs)
{
    printf("  %-34s %12" PRIu64 "  %3.0f %%  %10" PRIu64 " structs\n", what, bytes,
           of == 0 ? 0 : 100.0 * (double)bytes / (double)of, structs);
}

static void top_print(const char *title, const struct yd_top *top, uint64_t of, bool of_clients)
{
    printf("\n%s (%" PRIu64 "):\n", title, top->total);
    for (uint32_t i = 0; i < top->count; i++) {
        const struct yd_part *p = &top->parts[i];
        char *name = of_clients ? heap_new(32) : tool_text(p->name);
        if (of_clients) snprintf(name, 32, "%" PRIu64, p->client);
        char shown[48];
        snprintf(shown, sizeof shown, "%.34s", name);
        row(shown, p->live_bytes + p->deleted_bytes + p->delete_set_bytes, of,
            p->live_structs + p->deleted_structs);
        free(name);
    }
}

static void print_text(const char *room, const struct content *content, const struct yd_analysis *a)
{
    printf("%s: %" PRIu64 " bytes stored in %" PRIu64 " pieces, %" PRIu64
           " bytes as one (V1), %" PRIu64 " in memory\n\n",
           room, content->bytes, content->updates, a->state_bytes, a->memory_bytes);
    row("can be read", a->live_bytes, a->state_bytes, a->live_structs);
    row("deleted, place kept", a->deleted_bytes, a->state_bytes, a->deleted_structs);
    row("deleted, collected", a->collected_bytes, a->state_bytes, a->collected_structs);
    row("delete set, in every handshake", a->delete_set_bytes, a->state_bytes, a->delete_ranges);
    row("heads", a->head_bytes, a->state_bytes, 0);
    if (a->pending_bytes > 0) row("waits for what is missing", a->pending_bytes, 0, 0);
    printf("\nwhat can be read is:\n");
    for (int i = 0; i < YD_HELD_COUNT; i++) {
        row(kinds[i], a->kinds[i].bytes, a->state_bytes, a->kinds[i].structs);
    }
    top_print("roots", &a->roots, a->state_bytes, false);
    top_print("keys of maps and attributes", &a->keys, a->state_bytes, false);
    top_print("clients", &a->clients, a->state_bytes, true);
}

static int run(struct tool *tool)
{
    struct content content;
    char *room = tool_room_name(tool->args[0]);
    int status = content_read(tool, room, &content);
    if (status == TOOL_OK) {
        struct yd_analysis *analysis = heap_new(sizeof *analysis);
        if (yd_doc_analyze(content.doc, analysis) != YD_OK) abort();
        if (tool->json) {
            print_json(room, &content, analysis);
        } else {
            print_text(room, &content, analysis);
        }
        free(analysis);
        content_deinit(&content);
    }
    free(room);
    return status;
}

static const struct tool_option options[] = {{NULL}};

const struct command command_analyze = {
    .name = "analyze",
    .arguments = "ROOM",
    .summary = "tell why a document is as large as it is",
    .details = "  partyd analyze diagram-7\n"
               "  partyd analyze diagram-7 --json | jq .keys.greatest[0]",
    .args_min = 1,
    .args_max = 1,
    .options = options,
    .run = run,
};
