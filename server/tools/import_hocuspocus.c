/* import_hocuspocus.c - the database of Hocuspocus' SQLite extension.
 *
 * documents(name, data): data is the whole document as one update V1. Names stood in no URL: the
 * room is the one that a Hocuspocus provider of this name is let into here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/import.h"
#include "wire/route.h"

static yd_slice column(sqlite3_stmt *s, int i)
{
    const void *bytes = sqlite3_column_blob(s, i);
    return bytes == NULL ? YD_EMPTY : (yd_slice){bytes, (size_t)sqlite3_column_bytes(s, i)};
}

/* False: nothing will go on. */
static bool one(struct import *im, yd_slice name, yd_slice data)
{
    uint8_t raw[ROUTE_ROOM_MAX];
    size_t raw_len = route_room_of_name(name, raw);
    if (raw_len == 0) {
        char *shown = tool_text(name);
        import_bad(im, shown, "this can be no name of a room (512 bytes, no control characters)");
        free(shown);
        return true;
    }
    char *segment = tool_text((yd_slice){raw, raw_len});
    char *room = import_name(im->party, segment);
    free(segment);
    struct yd_doc *doc = content_doc_new(im->keeps_deleted);
    bool go_on = true;
    yd_err err = yd_doc_apply(doc, data, YD_V1, NULL);
    if (err == YD_OK) {
        go_on = import_room(im, room, doc);
    } else {
        char why[96];
        snprintf(why, sizeof why, "its data is no update that can be read (%s)", yd_err_name(err));
        import_bad(im, room, why);
    }
    yd_doc_free(doc);
    free(room);
    return go_on;
}

int import_hocuspocus(struct import *im, sqlite3 *sql)
{
    sqlite3_stmt *s = NULL;
    int step =
        sqlite3_prepare_v2(sql, "SELECT name, data FROM documents ORDER BY name", -1, &s, NULL);
    bool go_on = step == SQLITE_OK;
    while (go_on && (step = sqlite3_step(s)) == SQLITE_ROW)
        go_on = one(im, column(s, 0), column(s, 1));
    int status = go_on && step == SQLITE_DONE ? TOOL_OK : TOOL_FAILED;
    if (go_on && step != SQLITE_DONE) {
        tool_fail(im->tool, status, "%.300s: cannot be read further: %s", im->path,
                  sqlite3_errmsg(sql));
    }
    sqlite3_finalize(s);
    return status;
}
