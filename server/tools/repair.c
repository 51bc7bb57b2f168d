/* repair.c - damaged rooms become what can be read of them.
 *
 * What is lost stays lost here. But whoever still has the document brings it back by opening it: a
 * Yjs client gives what the server lacks. A room of which nothing can be read stays refused. */
#include "tools/repair.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/backup_file.h"
#include "tools/content.h"
#include "tools/lines.h"

/* A copy of the store as it is, damage and all, beside it. Its path, or NULL: said why. */
static char *copy_of_store(struct tool *tool)
{
    char stamp[32] = "";
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm) != NULL) strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    size_t size = strlen(tool->settings.data) + 64;
    char *path = heap_new(size);
    snprintf(path, size, "%s/before-repair-%s.db", tool->settings.data, stamp);
    if (backup_receive(tool, path) == TOOL_OK) return path;
    free(path);
    return NULL;
}

static int replace(struct tool *tool, const char *room, const struct content *content)
{
    struct yd_buf update;
    json_t *answer = NULL;
    yd_buf_init(&update, heap_alloc(), (size_t)1 << 30);
    if (yd_doc_encode_state(content->doc, YD_EMPTY, YD_V1, &update) != YD_OK) {
        yd_buf_deinit(&update);
        return tool_fail(tool, TOOL_FAILED, "%s: it is larger than 1 GiB", room);
    }
    struct tool_call call = {.method = "POST",
                             .path = "/content",
                             .room = room,
                             .query = "mode=replace",
                             .body = yd_buf_slice(&update)};
    int status = object_call(tool, call, &answer);
    json_decref(answer);
    yd_buf_deinit(&update);
    return status;
}

/* *lost: what could not be read, when it is done. */
static int one(struct tool *tool, const char *room, uint64_t *lost)
{
    struct content content = {0};
    if (strchr(room, '/') == NULL) {
        return tool_fail(tool, TOOL_FAILED, "%s: nothing can be done without its name", room);
    }
    int status = content_salvage(tool, room, &content);
    if (status != TOOL_OK) return status;
    *lost = content.lost;
    if (content.updates == 0) {
        status =
            tool_fail(tool, TOOL_FAILED,
                      "%s: nothing of it can be read; take it from a backup, or erase it", room);
    } else {
        status = replace(tool, room, &content);
    }
    if (status == TOOL_OK && !tool->json) {
        printf("%s repaired: %" PRIu64 " updates kept, %" PRIu64 " snapshots or updates lost\n",
               room, content.updates, content.lost);
    }
    content_deinit(&content);
    return status;
}

int repair_rooms(struct tool *tool, json_t *bad_rooms)
{
    int status = TOOL_OK;
    char *copy = json_array_size(bad_rooms) == 0 ? NULL : copy_of_store(tool);
    if (json_array_size(bad_rooms) == 0) return TOOL_OK;
    if (copy == NULL) return TOOL_FAILED;
    fprintf(stderr, "the store as it is now: %s\n", copy);
    free(copy);
    for (size_t i = 0; i < json_array_size(bad_rooms); i++) {
        json_t *bad = json_array_get(bad_rooms, i);
        uint64_t lost = 0;
        int done = one(tool, json_string_value(json_object_get(bad, "room")), &lost);
        json_object_set_new(bad, "repaired", json_boolean(done == TOOL_OK));
        json_object_set_new(bad, "lost", json_integer((json_int_t)lost));
        if (done != TOOL_OK) status = done == TOOL_NO_STORE ? done : TOOL_FAILED;
        if (done == TOOL_NO_STORE) break;
    }
    return status;
}
