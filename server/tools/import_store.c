/* import_store.c - rooms of another partyd: its data directory, served or not, or a backup of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"
#include "tools/import.h"
#include "tools/lines.h"

static bool note(void *ctx, json_t *room)
{
    const char *status = json_string_value(json_object_get(room, "status"));
    if (status != NULL && (strcmp(status, "ok") == 0 || strcmp(status, "bad") == 0)) {
        json_array_append(ctx, room);
    }
    return true;
}

/* False: nothing will go on. */
static bool one(struct import *im, struct tool *source, const char *room)
{
    struct content content;
    char why[STORE_ERROR_MAX];
    if (content_try(source, room, &content, why, sizeof why) != TOOL_OK) {
        import_bad(im, room, why);
        return true;
    }
    bool go_on = import_room(im, room, content.doc);
    content_deinit(&content);
    return go_on;
}

int import_store(struct import *im, const char *dir)
{
    // The source is reached as the target is: by a tool with another directory.
    struct tool source = {.command = im->tool->command, .settings = im->tool->settings};
    source.settings.data = strdup(dir);
    source.settings.log_level = strdup("error");
    if (source.settings.data == NULL || source.settings.log_level == NULL) abort();
    json_t *rooms = json_array();
    int status = lines_call(&source, "/rooms", NULL, note, rooms);
    bool go_on = true;
    for (size_t i = 0; status == TOOL_OK && go_on && i < json_array_size(rooms); i++) {
        json_t *room = json_array_get(rooms, i);
        const char *name = json_string_value(json_object_get(room, "room"));
        if (name == NULL || name[0] == 0) {
            import_bad(im, "(a room without a name)", "its row is damaged");
        } else {
            go_on = one(im, &source, name);
        }
    }
    json_decref(rooms);
    reach_close(&source);
    free(source.settings.data);
    free(source.settings.log_level);
    return go_on ? status : TOOL_NO_STORE;
}

int import_backup(struct import *im, struct sqlite_copy *copy)
{
    (void)sqlite3_close_v2(copy->sql);
    copy->sql = NULL;
    return import_store(im, copy->dir);
}
