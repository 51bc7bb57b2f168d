/* erase.c - partyd erase, partyd undelete. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/lines.h"

#define DAYS_MAX 36500

static int change(struct tool *tool, const char *path, const char *query, const char *done)
{
    char *room = tool_room_name(tool->args[0]);
    json_t *answer = NULL;
    struct tool_call call = {.method = "POST", .path = path, .room = room, .query = query};
    int status = object_call(tool, call, &answer);
    if (status == TOOL_OK && tool->json) {
        json_object_set_new(answer, "room", json_string(room));
        tool_print(json_incref(answer));
    } else if (status == TOOL_OK) {
        char *shown = tool_text((yd_slice){(const uint8_t *)room, strlen(room)});
        fprintf(stderr, "%s: %s (%" JSON_INTEGER_FORMAT " connections were closed)\n", shown, done,
                json_integer_value(json_object_get(answer, "connections")));
        free(shown);
    }
    json_decref(answer);
    free(room);
    return status;
}

static int run_erase(struct tool *tool)
{
    const char *days = tool_option(tool, "grace-days");
    char query[64], done[96];
    if (tool_option(tool, "now") != NULL) {
        if (days != NULL) return tool_fail(tool, TOOL_USAGE, "say --now or --grace-days, not both");
        return change(tool, "/erase", NULL, "erased for good; its bytes are being overwritten");
    }
    char *end = NULL;
    long count = days == NULL ? 30 : strtol(days, &end, 10);
    if (days != NULL && (*days == 0 || *end != 0 || count < 0 || count > DAYS_MAX)) {
        return tool_fail(tool, TOOL_USAGE,
                         "'%.40s' is no value for --grace-days; it takes a whole number from 0 to "
                         "%d",
                         days, DAYS_MAX);
    }
    snprintf(query, sizeof query, "graceMs=%lld", (long long)count * 86400000);
    snprintf(done, sizeof done, "deleted; `partyd undelete` brings it back within %ld days", count);
    return change(tool, "/delete", query, done);
}

static int run_undelete(struct tool *tool)
{
    return change(tool, "/undelete", NULL, "there again");
}

static const struct tool_option erase_options[] = {
    {"now", NULL, NULL, "for good and at once: nothing brings it back but a backup"},
    {"grace-days", "N", NULL, "how long it can be brought back, default 30"},
    {NULL},
};
static const struct tool_option none[] = {{NULL}};

const struct command command_erase = {
    .name = "erase",
    .arguments = "ROOM",
    .summary = "delete a room; bring it back within 30 days",
    .details =
        "Connections are closed with 4404, new ones too, and an offline client that returns\n"
        "does not bring the room back.\n"
        "  partyd erase doc-1\n"
        "  partyd erase doc-1 --now       overwrites its bytes; see docs/operations.md",
    .args_min = 1,
    .args_max = 1,
    .options = erase_options,
    .run = run_erase,
};

const struct command command_undelete = {
    .name = "undelete",
    .arguments = "ROOM",
    .summary = "bring a deleted room back",
    .details = "  partyd undelete doc-1",
    .args_min = 1,
    .args_max = 1,
    .options = none,
    .run = run_undelete,
};
