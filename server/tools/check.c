/* check.c - partyd check: every checksum and every document of a store.
 *
 * Of a store that no server has open the file itself is checked first; a running server's file
 * cannot be, but each of its rooms is read from it and its content tried like any other. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"
#include "tools/content.h"
#include "tools/lines.h"
#include "tools/repair.h"

struct checking {
    struct tool *tool;
    json_t *names; /* of rooms to read */
    uint64_t rooms, updates, bytes, deleted;
    uint64_t bad;
    json_t *bad_rooms;
};

static void bad(struct checking *c, const char *room, const char *why)
{
    c->bad++;
    json_array_append_new(c->bad_rooms, json_pack("{s:s,s:s}", "room", room, "why", why));
    if (!c->tool->json) fprintf(stderr, "partyd check: %s: %s\n", room, why);
}

static bool note(void *ctx, json_t *room)
{
    struct checking *c = ctx;
    const char *status = json_string_value(json_object_get(room, "status"));
    const char *name = json_string_value(json_object_get(room, "room"));
    const char *hex = json_string_value(json_object_get(room, "hex"));
    c->rooms++;
    if (status != NULL && (strcmp(status, "erased") == 0 || strcmp(status, "erasing") == 0)) {
        c->deleted++;
    } else if (name == NULL || name[0] == 0) {
        bad(c, hex == NULL ? "?" : hex, "its row is damaged, or its name is no UTF-8");
    } else {
        json_array_append_new(c->names, json_string(name));
    }
    return true;
}

static void check_room(struct checking *c, const char *room)
{
    struct content content;
    char why[STORE_ERROR_MAX + 64];
    int status = content_try(c->tool, room, &content, why, sizeof why);
    if (status == TOOL_OK) {
        c->updates += content.updates;
        c->bytes += content.bytes;
        content_deinit(&content);
    } else if (status != TOOL_NO_ROOM) { // erased meanwhile: nothing to check
        bad(c, room, why);
    }
}

static int check_rooms(struct checking *c)
{
    int status = lines_call(c->tool, "/rooms", NULL, note, c);
    struct progress progress;
    size_t count = json_array_size(c->names);
    progress_begin(&progress, "rooms");
    for (size_t i = 0; status == TOOL_OK && i < count; i++) {
        check_room(c, json_string_value(json_array_get(c->names, i)));
        progress_at(&progress, i + 1, count);
    }
    progress_end(&progress);
    return status;
}

/* The file, while nobody has it open. False: damaged, and said. */
static int check_file(struct tool *tool)
{
    int status = TOOL_OK;
    struct store_verified found;
    char why[STORE_ERROR_MAX] = "";
    if (tool_is_server_there(tool, &status) || status != TOOL_OK) return status;
    status = tool_has_store(tool);
    if (status != TOOL_OK) return status;
    yd_err err = progress_verify(tool->settings.data, &found, why);
    // Single rooms are named below.
    if (err == YD_OK || (err == YD_EMALFORMED && found.bad_rooms > 0)) return TOOL_OK;
    return tool_fail(tool, err == YD_EMALFORMED ? TOOL_FAILED : TOOL_NO_STORE, "%s", why);
}

static int run(struct tool *tool)
{
    struct checking c = {.tool = tool, .names = json_array(), .bad_rooms = json_array()};
    int status = check_file(tool);
    bool file_is_good = status == TOOL_OK;
    if (file_is_good) status = check_rooms(&c);
    bool repairs = tool_option(tool, "repair") != NULL;
    int repaired = TOOL_OK;
    if (file_is_good && status == TOOL_OK) {
        if (repairs) repaired = repair_rooms(tool, c.bad_rooms);
        if (tool->json) {
            tool_print(json_pack("{s:b,s:I,s:I,s:I,s:I,s:O}", "ok", c.bad == 0, "rooms",
                                 (json_int_t)c.rooms, "erased", (json_int_t)c.deleted, "updates",
                                 (json_int_t)c.updates, "bytes", (json_int_t)c.bytes, "bad",
                                 c.bad_rooms));
        } else if (c.bad == 0) {
            printf("ok: %" PRIu64 " rooms, %" PRIu64 " bytes\n", c.rooms, c.bytes);
        } else if (!repairs) {
            tool_fail(tool, TOOL_FAILED,
                      "%" PRIu64 " of %" PRIu64 " rooms cannot be read; docs/operations.md says "
                      "what to do with them",
                      c.bad, c.rooms);
        }
        if (c.bad > 0) status = repairs ? repaired : TOOL_FAILED;
    }
    json_decref(c.names);
    json_decref(c.bad_rooms);
    return status;
}

static const struct tool_option options[] = {
    {"repair", NULL, NULL, "make each damaged room what can be read of it; copies the store first"},
    {NULL},
};

const struct command command_check = {
    .name = "check",
    .arguments = "",
    .summary = "verify the store and each of its documents",
    .details =
        "Reads everything and, without --repair, changes nothing. A running server goes on.\n"
        "  partyd check --data /var/lib/partyd",
    .args_min = 0,
    .args_max = 0,
    .options = options,
    .run = run,
};
