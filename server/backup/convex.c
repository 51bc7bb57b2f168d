/* convex.c - see convex.h. A call is one put, get or list; convex_state.h has its parts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backup/convex_state.h"

#define PUTS_MAX 4
#define PUSH_MAX ((size_t)12 << 20) /* a larger one goes by an upload address */
#define URL_MAX  8192

static struct convex *of(struct sink *sink) { return (struct convex *)sink; }

/* ---- life of a call ----------------------------------------------------------------------------
 */

/* "main/NAME" is NAME; the other parties keep theirs. */
static char *room_there(yd_slice room)
{
    static const char main_party[] = "main/";
    size_t cut = sizeof main_party - 1;
    if (room.len <= cut || memcmp(room.ptr, main_party, cut) != 0) cut = 0;
    return text_copy((yd_slice){room.ptr + cut, room.len - cut});
}

static struct convex_call *call_new(struct convex *convex, enum stage stage, sink_done *done,
                                    void *ctx)
{
    struct convex_call *call = heap_new(sizeof *call);
    call->convex = convex;
    call->stage = stage;
    call->done = done;
    call->ctx = ctx;
    yd_buf_init(&call->url, heap_alloc(), URL_MAX);
    DL_APPEND(convex->calls, call);
    return call;
}

void convex_call_free(struct convex_call *call)
{
    if (call->fetch != NULL) fetch_cancel(call->fetch);
    copy_unref(call->copy);
    parts_free(call->part);
    yd_buf_deinit(&call->url);
    free(call->room);
    free(call->body);
    free(call);
}

void convex_call_end(struct convex_call *call, struct sink_answer *answer)
{
    DL_DELETE(call->convex->calls, call);
    if (call->is_put) call->convex->puts--;
    if (answer->why == NULL) answer->why = "";
    if (answer->next == NULL) answer->next = "";
    call->done(call->ctx, answer);
    parts_free(answer->parts);
    convex_call_free(call);
}

void convex_call_fails(struct convex_call *call, enum sink_result result, const char *why,
                       const char *next)
{
    struct sink_answer answer = {.result = result, .why = why, .next = next};
    convex_call_end(call, &answer);
}

/* ---- the sink ---------------------------------------------------------------------------------
 */

/* Answers may not come before the call has returned; an address that libcurl does not take was
 * refused at the start, so what is left is a room name that cannot be told. */
static void on_nothing(uv_work_t *req) { (void)req; }
static void on_unsendable(uv_work_t *req, int status)
{
    struct convex_call *call = req->data;
    (void)status;
    if (call->convex == NULL) {
        convex_call_free(call);
    } else {
        convex_call_fails(call, SINK_REFUSED, "the name of the room cannot be told to Convex",
                          "give its rooms another sink");
    }
}

static void call_sent(struct convex_call *call, bool ok)
{
    if (ok) return;
    call->req.data = call;
    if (uv_queue_work(call->convex->clock->loop, &call->req, on_nothing, on_unsendable) != 0)
        abort();
}

static void convex_put(struct sink *sink, struct copy *copy, const struct put_version *version,
                       sink_done *done, void *ctx)
{
    struct convex *convex = of(sink);
    struct convex_call *call = call_new(convex, STAGE_PUSH, done, ctx);
    call->is_put = true;
    call->copy = copy_ref(copy);
    call->version = version->now;
    call->room = room_there(copy_room(copy));
    convex->puts++;
    if (copy->fate != FATE_THERE) {
        call_sent(call, convex_send_erase(call));
    } else {
        call_sent(call,
                  copy->bytes.len > PUSH_MAX ? convex_send_begin(call) : convex_send_push(call));
    }
}

static void convex_get(struct sink *sink, yd_slice room, sink_done *done, void *ctx)
{
    struct convex_call *call = call_new(of(sink), STAGE_GET, done, ctx);
    call->room = room_there(room);
    call_sent(call, convex_send_get(call));
}

static void convex_list(struct sink *sink, const char *after, sink_done *done, void *ctx)
{
    struct convex_call *call = call_new(of(sink), STAGE_LIST, done, ctx);
    call_sent(call, convex_send_list(call, after));
}

static void convex_sweep(struct sink *sink, uint64_t now_ms, bool hurry)
{
    (void)sink, (void)now_ms, (void)hurry;
}

static bool convex_is_full(const struct sink *sink)
{
    const struct convex *convex = (const struct convex *)sink;
    return convex->puts >= convex->puts_max;
}

static void convex_free(struct sink *sink)
{
    struct convex *convex = of(sink);
    struct convex_call *call = NULL, *next = NULL;
    DL_FOREACH_SAFE(convex->calls, call, next)
    {
        if (call->fetch == NULL) {
            call->convex = NULL; // a worker has it
        } else {
            convex_call_free(call);
        }
    }
    free(convex->site);
    free(convex->secret);
    free(convex->sink.name);
    free(convex);
}

static const struct sink_ops ops = {
    .kind = "convex",
    .put = convex_put,
    .get = convex_get,
    .list = convex_list,
    .sweep = convex_sweep,
    .is_full = convex_is_full,
    .free = convex_free,
};

/* Up to the first comma, without blanks. */
static char *first_secret(const char *secrets)
{
    struct text_list list;
    char *first = NULL;
    if (text_list_init(&list, secrets) && list.count > 0 && list.items[0][0] != 0) {
        first = text_copy(text_slice(list.items[0]));
    }
    text_list_deinit(&list);
    return first;
}

yd_err convex_new(const struct convex_opts *opts, struct sink **sink, char why[SINK_WHY_MAX])
{
    char path[FETCH_PATH_MAX];
    size_t len = strlen(opts->site);
    while (len > 0 && opts->site[len - 1] == '/') len--;
    if (len > URL_MAX / 4 || !fetch_url_path(opts->site, path)) {
        snprintf(why, SINK_WHY_MAX,
                 "set CONVEX_SITE_URL to the address of the HTTP actions, which "
                 "begins with https:// or http://");
        return YD_EMALFORMED;
    }
    char *secret = first_secret(opts->secret);
    if (secret == NULL) {
        snprintf(why, SINK_WHY_MAX, "set COLLAB_SECRET, which the application has too");
        return YD_EMALFORMED;
    }
    struct convex *convex = heap_new(sizeof *convex);
    convex->sink.ops = &ops;
    convex->sink.name = text_copy(text_slice(opts->name));
    convex->site = text_copy((yd_slice){(const uint8_t *)opts->site, len});
    convex->secret = secret;
    convex->puts_max = opts->puts_max > 0 ? opts->puts_max : PUTS_MAX;
    convex->clock = opts->clock;
    convex->fetch = opts->fetch;
    snprintf(convex->node, sizeof convex->node, "%016llx", (unsigned long long)opts->node);
    *sink = &convex->sink;
    return YD_OK;
}
