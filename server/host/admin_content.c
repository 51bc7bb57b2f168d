/* admin_content.c - GET /content?room=: all updates that are stored of a room; GET /salvage?room=:
 * those of a damaged one that can be read; GET /history?room=&at=: those that were stored by a
 * moment, in ms since 1970.
 *
 * The answer is a list of (varuint length, update V1), base first; what they say together is the
 * reader's to work out. 404 not_found, 409 no_history, 500 unreadable. */
#include "host/admin_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct content_call {
    struct admin_call call;
    struct store_event ev; /* owned while it is being sent */
    size_t part;           /* the next one to send */
    uint64_t at;           /* of a history: what came later is left out */
    bool keeps_deleted;
    size_t sent; /* bytes of it that are out; its length is sent before the first */
};

#define PIECE_BYTES ((size_t)256 * 1024)

static void content_send(struct admin_call *call)
{
    struct content_call *c = (struct content_call *)call;
    while (!admin_is_full(call->conn) && c->part < c->ev.part_count) {
        yd_slice part = c->ev.parts[c->part];
        if (c->sent == 0) {
            uint8_t len[10];
            admin_write(call->conn, (yd_slice){len, yd_varuint_put(len, part.len)});
        }
        size_t n = part.len - c->sent < PIECE_BYTES ? part.len - c->sent : PIECE_BYTES;
        admin_write(call->conn, (yd_slice){part.ptr + c->sent, n});
        c->sent += n;
        if (c->sent < part.len) continue;
        c->part++;
        c->sent = 0;
    }
    if (c->part == c->ev.part_count) admin_finish(call->conn);
}

/* Leaves out what was stored later. False: it was told that nothing is kept of that moment. */
static bool cut_history(const struct content_call *c, struct store_event *ev)
{
    size_t count = 0;
    if (ev->marks == NULL) return true;
    while (count < ev->part_count && ev->marks[count].at <= c->at) count++;
    if (count == 0 && ev->part_count > 0) {
        char begins[32] = "?", why[128];
        struct tm tm;
        time_t seconds = (time_t)(ev->marks[0].at / 1000);
        if (gmtime_r(&seconds, &tm) != NULL) {
            strftime(begins, sizeof begins, "%Y-%m-%dT%H:%M:%S", &tm);
        }
        snprintf(why, sizeof why, "nothing is kept of that moment: its history begins at %s.%03uZ",
                 begins, (unsigned)(ev->marks[0].at % 1000));
        admin_error(c->call.conn, 409, "no_history", why);
        return false;
    }
    ev->part_count = count;
    if (count > 0) ev->lsn = ev->marks[count - 1].lsn;
    return true;
}

static void content_on_store(struct admin_call *call, struct store_event *ev)
{
    struct content_call *c = (struct content_call *)call;
    char numbers[192];
    if (ev->kind == STORE_EV_REFUSED) {
        bool there = ev->status >= 0;
        admin_error(call->conn, there ? 409 : 404, there ? "no_history" : "no_such_room",
                    there ? "no history is kept of it; see `store` in the table of rooms"
                          : "no such room; `partyd rooms` lists all");
        return;
    }
    if (ev->kind == STORE_EV_LOADED && !cut_history(c, ev)) return;
    if (ev->kind == STORE_EV_LOAD_FAILED) {
        admin_error(call->conn, 500, "unreadable", ev->why);
        return;
    }
    if (ev->kind == STORE_EV_LOAD_DELETED) {
        admin_error(call->conn, 410, "erased", "it was erased: nothing of it is left");
        return;
    }
    if (ev->lsn == 0) {
        admin_error(call->conn, 404, "no_such_room", "no such room; `partyd rooms` lists all");
        return;
    }
    c->ev = *ev; // the bytes are ours now
    ev->parts = NULL;
    ev->marks = NULL;
    ev->memory = NULL;
    ev->rooms = NULL;
    snprintf(numbers, sizeof numbers,
             "X-Partyd-Lsn: %llu\r\nX-Partyd-Epoch: %llu\r\nX-Partyd-Keep-Deleted: %d\r\n"
             "X-Partyd-Lost: %llu\r\n",
             (unsigned long long)ev->lsn, (unsigned long long)ev->epoch, c->keeps_deleted,
             (unsigned long long)ev->batch);
    admin_head(call->conn, 200, "application/octet-stream", numbers);
    call->on_drained = content_send;
    content_send(call);
}

static void content_on_end(struct admin_call *call)
{
    store_event_deinit(&((struct content_call *)call)->ev);
}

enum content { CONTENT_NOW, CONTENT_SALVAGED, CONTENT_OF_HISTORY };

static yd_err ask_store(struct store *store, enum content what, yd_slice room, uint64_t token)
{
    switch (what) {
    case CONTENT_SALVAGED: return store_salvage(store, room, token);
    case CONTENT_OF_HISTORY: return store_history(store, room, 0, token);
    case CONTENT_NOW: break;
    }
    return store_read(store, room, token);
}

static void content_begin(struct admin_conn *conn, const struct admin_request *request,
                          enum content what)
{
    uint8_t name[ADMIN_NAME_MAX];
    yd_slice room;
    if (!admin_room_name(conn, request, name, &room)) return;
    struct content_call *c = admin_call_new(conn, sizeof *c);
    struct shard *shard = c->call.shard;
    const struct policy *policy = admin_policy(shard, room);
    c->keeps_deleted = policy != NULL && policy->keeps_deleted;
    c->call.on_store = content_on_store;
    c->call.on_end = content_on_end;
    c->at = admin_query_number(request, "at", UINT64_MAX);
    uint64_t token = admin_ask(&c->call);
    if (ask_store(shard->store, what, room, token) != YD_OK) abort();
}

void admin_content(struct admin_conn *conn, const struct admin_request *request)
{
    content_begin(conn, request, CONTENT_NOW);
}

void admin_salvage(struct admin_conn *conn, const struct admin_request *request)
{
    content_begin(conn, request, CONTENT_SALVAGED);
}

void admin_history(struct admin_conn *conn, const struct admin_request *request)
{
    content_begin(conn, request, CONTENT_OF_HISTORY);
}
