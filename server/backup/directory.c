/* directory.c - see directory.h. Each call is one piece of work for libuv's workers. */
#include "backup/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/seen.h"
#include "backup/shelf.h"
#include "ops/heap.h"

#define CALLS_MAX 2 /* puts at a time: the disk is one */

enum call_kind { CALL_PUT, CALL_GET, CALL_LIST };

/* One call under way; outlives the sink if it has to. */
struct call {
    uv_work_t req;
    struct call *next;
    struct directory *directory; /* NULL: it is gone, nobody wants the answer */
    enum call_kind kind;
    struct shelf shelf; /* dir is its own copy */
    struct record record;
    struct copy *copy;
    struct part *parts;
    struct shelf_page *page;
    struct version newest;
    enum shelf_put put;
    bool ok;
    struct shelf_why why;
    sink_done *done;
    void *ctx;
    size_t room_len;
    char room[SINK_ROOM_MAX + 1];
};

struct directory {
    struct sink sink;
    char *path;
    uint64_t node;
    const struct backup_clock *clock;
    struct seen *seen;
    struct call *calls;
    uint32_t puts;
};

static struct directory *of(struct sink *sink) { return (struct directory *)sink; }

/* In a worker. */
static void on_work(uv_work_t *req)
{
    struct call *call = req->data;
    yd_slice room = {(const uint8_t *)call->room, call->room_len};
    switch (call->kind) {
    case CALL_PUT:
        call->put = shelf_put(&call->shelf, &call->record, yd_buf_slice(&call->copy->bytes),
                              &call->newest, &call->why);
        break;
    case CALL_GET:
        call->ok = shelf_get(&call->shelf, room, &call->parts, &call->record, &call->why);
        break;
    case CALL_LIST: call->ok = shelf_list(&call->shelf, call->page, &call->why); break;
    }
}

static void answer_later(struct call *call, const char *next)
{
    struct sink_answer answer = {.result = SINK_LATER, .why = call->why.text, .next = next};
    call->done(call->ctx, &answer);
}

static void answer_put(struct directory *d, struct call *call)
{
    struct sink_answer answer = {.version = call->record.version, .why = "", .next = ""};
    if (call->put == SHELF_FAILED) {
        answer_later(call, "");
        return;
    }
    answer.result = SINK_STORED;
    if (call->put == SHELF_GONE) answer.result = SINK_GONE;
    if (call->put == SHELF_STALE) answer.result = SINK_STALE;
    if (call->put == SHELF_STALE) {
        answer.version = call->newest;
    } else if (call->put == SHELF_STORED) {
        seen_forget(&d->seen, copy_room(call->copy));
        d->sink.bytes_out += call->copy->bytes.len;
    }
    call->done(call->ctx, &answer);
}

static void answer_get(struct directory *d, struct call *call)
{
    if (!call->ok) {
        answer_later(call, "look at the disk; remove what is damaged to go on without it");
        return;
    }
    yd_slice room = {(const uint8_t *)call->room, call->room_len};
    struct sink_answer answer = {.result = call->parts == NULL ? SINK_NONE : SINK_FOUND,
                                 .version = call->record.version,
                                 .parts = call->parts,
                                 .why = "",
                                 .next = ""};
    if (call->record.fate != FATE_THERE) answer.result = SINK_GONE;
    call->parts = NULL;
    for (struct part *p = answer.parts; p != NULL; p = p->next) d->sink.bytes_in += p->bytes.len;
    if (answer.parts != NULL) seen_note(&d->seen, room, &call->record);
    call->done(call->ctx, &answer);
    parts_free(answer.parts);
}

static void answer_list(struct call *call)
{
    if (!call->ok) {
        answer_later(call, "");
        return;
    }
    struct listed *list = heap_new(sizeof *list * (call->page->count + 1));
    for (size_t i = 0; i < call->page->count; i++) {
        list[i] = (struct listed){call->page->rooms[i].name, call->page->rooms[i].version,
                                  call->page->rooms[i].bytes};
    }
    struct sink_answer answer = {.result = SINK_FOUND,
                                 .list = list,
                                 .count = call->page->count,
                                 .after = call->page->after,
                                 .why = "",
                                 .next = ""};
    call->done(call->ctx, &answer);
    free(list);
}

static void call_free(struct call *call)
{
    copy_unref(call->copy);
    parts_free(call->parts);
    if (call->page != NULL) free(call->page->rooms);
    free(call->page);
    free((char *)(uintptr_t)call->shelf.dir);
    free(call);
}

static void on_worked(uv_work_t *req, int status)
{
    struct call *call = req->data;
    struct directory *d = call->directory;
    (void)status; // nobody cancels it
    if (d != NULL) {
        struct call **at = &d->calls;
        while (*at != call) at = &(*at)->next;
        *at = call->next;
        if (call->kind == CALL_PUT) d->puts--;
        d->sink.requests++;
        if (call->kind == CALL_PUT) answer_put(d, call);
        if (call->kind == CALL_GET) answer_get(d, call);
        if (call->kind == CALL_LIST) answer_list(call);
    }
    call_free(call);
}

static struct call *call_new(struct directory *d, enum call_kind kind, sink_done *done, void *ctx)
{
    struct call *call = heap_new(sizeof *call);
    call->kind = kind;
    call->directory = d;
    call->done = done;
    call->ctx = ctx;
    call->shelf.dir = strdup(d->path);
    if (call->shelf.dir == NULL) abort();
    call->shelf.node = d->node;
    call->shelf.now_ms = (uint64_t)backup_wall_s(d->clock) * 1000;
    call->next = d->calls;
    d->calls = call;
    return call;
}

static void call_start(struct call *call)
{
    call->req.data = call;
    if (uv_queue_work(call->directory->clock->loop, &call->req, on_work, on_worked) != 0) abort();
}

static void room_keep(struct call *call, yd_slice room)
{
    YD_ASSERT(room.len <= SINK_ROOM_MAX);
    memcpy(call->room, room.ptr, room.len);
    call->room_len = room.len;
}

static void directory_put(struct sink *sink, struct copy *copy, const struct put_version *version,
                          sink_done *done, void *ctx)
{
    struct directory *d = of(sink);
    struct call *call = call_new(d, CALL_PUT, done, ctx);
    call->copy = copy_ref(copy);
    call->record = (struct record){.node = d->node,
                                   .version = version->now,
                                   .own = version->before,
                                   .when_ms = call->shelf.now_ms,
                                   .fate = copy->fate,
                                   .room = copy_room(copy),
                                   .bytes = copy->bytes.len};
    sink_sha(copy, call->record.sha256);
    seen_apply(d->seen, &call->record);
    d->puts++;
    call_start(call);
}

static void directory_get(struct sink *sink, yd_slice room, sink_done *done, void *ctx)
{
    struct call *call = call_new(of(sink), CALL_GET, done, ctx);
    room_keep(call, room);
    call_start(call);
}

static void directory_forget(struct sink *sink, yd_slice room)
{
    seen_forget(&of(sink)->seen, room);
}

static void directory_list(struct sink *sink, const char *after, sink_done *done, void *ctx)
{
    struct call *call = call_new(of(sink), CALL_LIST, done, ctx);
    call->page = heap_new(sizeof *call->page);
    call->page->rooms = heap_new(SHELF_PAGE * sizeof *call->page->rooms);
    snprintf(call->page->after, sizeof call->page->after, "%s", after);
    call_start(call);
}

static void directory_sweep(struct sink *sink, uint64_t now_ms, bool hurry)
{
    (void)sink, (void)now_ms, (void)hurry;
}

static bool directory_is_full(const struct sink *sink)
{
    return ((const struct directory *)sink)->puts >= CALLS_MAX;
}

static void directory_free(struct sink *sink)
{
    struct directory *d = of(sink);
    for (struct call *call = d->calls; call != NULL; call = call->next) call->directory = NULL;
    seen_free(&d->seen);
    free(d->path);
    free(d->sink.name);
    free(d);
}

static const struct sink_ops ops = {
    .kind = "directory",
    .put = directory_put,
    .get = directory_get,
    .forget = directory_forget,
    .list = directory_list,
    .sweep = directory_sweep,
    .is_full = directory_is_full,
    .free = directory_free,
};

yd_err directory_new(const struct directory_opts *opts, struct sink **sink, bool *is_new,
                     char why[SINK_WHY_MAX])
{
    struct shelf_why said = {""};
    if (!shelf_open(opts->path, is_new, &said)) {
        snprintf(why, SINK_WHY_MAX, "%s", said.text);
        return YD_ENOTFOUND;
    }
    struct directory *d = heap_new(sizeof *d);
    d->sink.ops = &ops;
    d->sink.name = strdup(opts->name);
    d->path = strdup(opts->path);
    if (d->sink.name == NULL || d->path == NULL) abort();
    d->node = opts->node;
    d->clock = opts->clock;
    *sink = &d->sink;
    return YD_OK;
}
