/* import_partykit.c - what y-partykit stores in a Durable Object, as `partykit dev` and miniflare
 * keep it: an SQLite file for each room, in a directory for each party.
 *
 *   _cf_KV(key, value)
 *   key    "v1"#"ROOM"#"update"#CLOCK#CHUNK   quotes are part of it; CLOCK 9 digits, CHUNK 3
 *   value  V8's form of a Uint8Array: ff VERSION 'B' varuint length, bytes, 'V' 'B' ...
 *
 * All chunks of a clock are one update V1; all updates together are the document. Rooms are named
 * as they stood in the URL. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/import.h"

#define DEPTH_MAX 4 /* .partykit/state/party/-PartyKitDurable */

/* The document that is being put together. */
struct gathering {
    struct import *im;
    const char *party;
    char *room; /* NULL: none yet */
    struct yd_doc *doc;
    struct yd_buf update; /* chunks of the clock so far */
    uint64_t clock, chunks;
    bool is_bad, go_on;
    char why[128];
};

struct key {
    yd_slice room; /* JSON text, with its quotes */
    uint64_t clock, chunk;
};

/* Takes digits and the `#` behind them, if there is one. */
static bool number_take(const char **at, uint64_t *number)
{
    const char *begin = *at;
    for (*number = 0; **at >= '0' && **at <= '9' && *at - begin < 15; ++*at) {
        *number = *number * 10 + (uint64_t)(**at - '0');
    }
    return *at > begin;
}

/* False: it is no update. */
static bool key_read(const char *text, struct key *key)
{
    static const char begin[] = "\"v1\"#\"", middle[] = "\"#\"update\"#";
    if (strncmp(text, begin, sizeof begin - 1) != 0) return false;
    const char *name = text + sizeof begin - 2; // from its quote
    const char *end = NULL;
    for (const char *at = strstr(name, middle); at != NULL; at = strstr(at + 1, middle)) end = at;
    if (end == NULL) return false;
    key->room = (yd_slice){(const uint8_t *)name, (size_t)(end + 1 - name)};
    const char *at = end + sizeof middle - 1;
    if (!number_take(&at, &key->clock) || *at++ != '#') return false;
    return number_take(&at, &key->chunk) && *at == 0;
}

/* The bytes in a value; false: it is something else. */
static bool value_read(yd_slice value, yd_slice *bytes)
{
    struct yd_reader r = yd_reader_of(value);
    uint8_t mark = yd_read_u8(&r), version = yd_read_u8(&r), tag = yd_read_u8(&r);
    if (mark != 0xff || version < 13 || tag != 'B') return false;
    yd_slice buffer = yd_read_varbytes(&r);
    if (r.failed) return false;
    *bytes = buffer;
    if (yd_reader_left(&r) == 0) return true; // an ArrayBuffer
    if (yd_read_u8(&r) != 'V') return false;
    (void)yd_read_u8(&r); // which kind of view
    uint64_t from = yd_read_varuint(&r), len = yd_read_varuint(&r);
    if (r.failed || from > buffer.len || len > buffer.len - from) return false;
    *bytes = (yd_slice){buffer.ptr + from, (size_t)len};
    return true;
}

static void bad(struct gathering *g, const char *what)
{
    if (!g->is_bad) {
        snprintf(g->why, sizeof g->why, "update %llu: %s", (unsigned long long)g->clock, what);
    }
    g->is_bad = true;
}

static void update_end(struct gathering *g)
{
    if (g->chunks == 0) return;
    if (yd_doc_apply(g->doc, yd_buf_slice(&g->update), YD_V1, NULL) != YD_OK) {
        bad(g, "it cannot be read; a chunk of it may be missing");
    }
    yd_buf_clear(&g->update);
    g->chunks = 0;
}

static void room_end(struct gathering *g)
{
    if (g->room == NULL) return;
    update_end(g);
    if (g->is_bad) {
        import_bad(g->im, g->room, g->why);
    } else {
        g->go_on = import_room(g->im, g->room, g->doc);
    }
    yd_doc_free(g->doc);
    free(g->room);
    g->room = NULL;
    g->doc = NULL;
    g->is_bad = false;
}

/* "party/room" of a name in a key. */
static char *room_of(const struct gathering *g, yd_slice quoted)
{
    json_t *json = json_loadb((const char *)quoted.ptr, quoted.len, JSON_DECODE_ANY, NULL);
    const char *name = json_string_value(json);
    char *room = name == NULL ? NULL : import_name(g->party, name);
    json_decref(json);
    return room;
}

static void row(struct gathering *g, const char *text, yd_slice value)
{
    struct key key;
    yd_slice bytes;
    if (!key_read(text, &key)) return; // state vectors, and what the application keeps
    char *room = room_of(g, key.room);
    if (room == NULL) return;
    if (g->room == NULL || strcmp(g->room, room) != 0) {
        room_end(g);
        g->room = room;
        room = NULL;
        g->doc = content_doc_new(g->im->keeps_deleted);
    }
    free(room);
    if (key.clock != g->clock) update_end(g);
    g->clock = key.clock;
    if (key.chunk != g->chunks) bad(g, "a chunk of it is missing");
    if (!value_read(value, &bytes))
        bad(g, "its value is no Uint8Array");
    else if (yd_buf_append(&g->update, bytes) != YD_OK)
        bad(g, "it is larger than 1 GiB");
    g->chunks++;
}

int import_partykit(struct import *im, sqlite3 *sql, const char *party)
{
    struct gathering g = {.im = im, .party = party, .go_on = true};
    sqlite3_stmt *s = NULL;
    yd_buf_init(&g.update, heap_alloc(), (size_t)1 << 30);
    int step = sqlite3_prepare_v2(sql, "SELECT key, value FROM _cf_KV ORDER BY key", -1, &s, NULL);
    while (step == SQLITE_OK || step == SQLITE_ROW) {
        step = sqlite3_step(s);
        if (step != SQLITE_ROW || !g.go_on) break;
        const void *value = sqlite3_column_blob(s, 1);
        const char *text = (const char *)sqlite3_column_text(s, 0);
        yd_slice bytes =
            value == NULL ? YD_EMPTY : (yd_slice){value, (size_t)sqlite3_column_bytes(s, 1)};
        if (text != NULL) row(&g, text, bytes);
    }
    room_end(&g);
    int status = g.go_on ? TOOL_OK : TOOL_NO_STORE;
    if (g.go_on && step != SQLITE_DONE) {
        status = tool_fail(im->tool, TOOL_FAILED, "%.300s: cannot be read further: %s", im->path,
                           sqlite3_errmsg(sql));
    }
    sqlite3_finalize(s);
    yd_buf_deinit(&g.update);
    return status;
}

/* ---- directories ------------------------------------------------------------------------------
 */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len >= n && strcmp(text + len - n, end) == 0;
}

/* `-PartyKitDurable` is main, `-NAMEDO` party NAME. */
static void party_of(const struct import *im, const char *dir, char party[64])
{
    const char *name = strrchr(dir, '/') == NULL ? dir : strrchr(dir, '/') + 1;
    size_t len = strlen(name);
    snprintf(party, 64, "%s", im->party);
    if (strcmp(name, "-PartyKitDurable") == 0) {
        snprintf(party, 64, "main");
    } else if (name[0] == '-' && len > 3 && len < 64 && ends_with(name, "DO")) {
        snprintf(party, 64, "%.*s", (int)(len - 3), name + 1);
    }
}

static int import_file_at(struct import *im, const char *path, const char *party, bool *found)
{
    struct sqlite_copy copy;
    int status = sqlite_copy_open(im->tool, path, &copy);
    if (status != TOOL_OK) return status;
    if (sqlite_has_table(copy.sql, "_cf_KV", "key, value")) {
        *found = true;
        status = import_partykit(im, copy.sql, party);
    }
    sqlite_copy_close(&copy);
    return status;
}

/* Directories that are still to be looked at; a fixed depth, so no recursion. */
struct pending {
    char **paths;
    int *depths;
    size_t count, cap;
};

static void push(struct pending *p, const char *dir, const char *name, int depth)
{
    if (p->count == p->cap) {
        p->cap = p->cap == 0 ? 16 : p->cap * 2;
        p->paths = realloc(p->paths, p->cap * sizeof *p->paths);
        p->depths = realloc(p->depths, p->cap * sizeof *p->depths);
        if (p->paths == NULL || p->depths == NULL) abort();
    }
    size_t size = strlen(dir) + strlen(name) + 2;
    char *path = heap_new(size);
    snprintf(path, size, "%s%s%s", dir, name[0] == 0 ? "" : "/", name);
    p->paths[p->count] = path;
    p->depths[p->count++] = depth;
}

static int look_at(struct import *im, struct pending *pending, const char *dir, int depth,
                   bool *found)
{
    struct dirent **names = NULL;
    char party[64];
    int status = TOOL_OK, count = scandir(dir, &names, NULL, alphasort);
    party_of(im, dir, party);
    if (count < 0) return tool_fail(im->tool, TOOL_FAILED, "%.300s: %s", dir, strerror(errno));
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat st;
        const char *name = names[i]->d_name;
        snprintf(path, sizeof path, "%s/%s", dir, name);
        bool is_hidden = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
        if (status == TOOL_OK && !is_hidden && stat(path, &st) == 0) {
            if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) push(pending, dir, name, depth + 1);
            bool is_file = S_ISREG(st.st_mode) && ends_with(name, ".sqlite");
            if (is_file) status = import_file_at(im, path, party, found);
        }
        free(names[i]);
    }
    free(names);
    return status;
}

int import_partykit_directory(struct import *im, const char *dir)
{
    struct pending pending = {0};
    bool found = false;
    int status = TOOL_OK;
    push(&pending, dir, "", 0);
    while (pending.count > 0) {
        char *path = pending.paths[--pending.count];
        if (status == TOOL_OK)
            status = look_at(im, &pending, path, pending.depths[pending.count], &found);
        free(path);
    }
    free(pending.paths);
    free(pending.depths);
    if (status == TOOL_OK && !found) {
        status = tool_fail(im->tool, TOOL_FAILED,
                           "%.300s: neither a store of partyd (shard-00.db) nor the state of "
                           "y-partykit (*.sqlite with _cf_KV)",
                           dir);
    }
    return status;
}
