/* rooms.c - partyd rooms: what there is in the store. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/lines.h"

struct listing {
    struct tool *tool;
    uint64_t rooms, bytes, bad, deleted;
    bool has_head;
};

static void size_text(char out[16], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(out, 16, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static void time_text(char out[32], json_int_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    snprintf(out, 32, "-");
    if (ms > 0 && gmtime_r(&seconds, &tm) != NULL) strftime(out, 32, "%Y-%m-%d %H:%M", &tm);
}

static const char *text_of(const json_t *room, const char *key)
{
    const char *text = json_string_value(json_object_get(room, key));
    return text == NULL ? "" : text;
}

static json_int_t number_of(const json_t *room, const char *key)
{
    return json_integer_value(json_object_get(room, key));
}

static bool show(void *ctx, json_t *room)
{
    struct listing *l = ctx;
    const char *status = text_of(room, "status");
    l->rooms++;
    l->bytes += (uint64_t)number_of(room, "bytes");
    l->bad += strcmp(status, "bad") == 0;
    l->deleted += strcmp(status, "ok") != 0 && strcmp(status, "bad") != 0;
    if (l->tool->json) {
        tool_print(json_incref(room));
        return true;
    }
    if (!l->has_head)
        printf("%-9s %10s %8s %6s %5s  %-16s  %s\n", "STATUS", "STORED", "UPDATES", "EPOCH",
               "CONNS", "CHANGED (UTC)", "ROOM");
    l->has_head = true;
    char size[16], changed[32];
    size_text(size, (uint64_t)number_of(room, "bytes"));
    time_text(changed, number_of(room, "changedAt"));
    const char *name = text_of(room, "room");
    char *shown = tool_text((yd_slice){(const uint8_t *)name, strlen(name)});
    printf("%-9s %10s %8" JSON_INTEGER_FORMAT " %6" JSON_INTEGER_FORMAT " %5" JSON_INTEGER_FORMAT
           "  %-16s  %s%s\n",
           status, size, number_of(room, "updates"), number_of(room, "epoch"),
           number_of(room, "connections"), changed, shown[0] != 0 ? shown : "(not UTF-8) ",
           text_of(room, "hex"));
    free(shown);
    return true;
}

static int run(struct tool *tool)
{
    struct listing listing = {.tool = tool};
    char *query = lines_query("prefix", tool->arg_count > 0 ? tool->args[0] : NULL);
    int status = lines_call(tool, "/rooms", query, show, &listing);
    free(query);
    if (status != TOOL_OK || tool->json) return status;
    char size[16];
    size_text(size, listing.bytes);
    fprintf(stderr, "%" PRIu64 " rooms, %s stored", listing.rooms, size);
    if (listing.deleted > 0) fprintf(stderr, ", %" PRIu64 " deleted", listing.deleted);
    if (listing.bad > 0) fprintf(stderr, ", %" PRIu64 " cannot be read: partyd check", listing.bad);
    fputc('\n', stderr);
    return TOOL_OK;
}

static const struct tool_option options[] = {{NULL}};

const struct command command_rooms = {
    .name = "rooms",
    .arguments = "[PREFIX]",
    .summary = "list the rooms of the store",
    .details = "PREFIX is the beginning of party/room. Deleted rooms are listed too.\n"
               "  partyd rooms main/doc-\n"
               "  partyd rooms --json | jq -r 'select(.connections > 0) | .room'",
    .args_min = 0,
    .args_max = 1,
    .options = options,
    .run = run,
};
