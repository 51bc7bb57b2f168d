/* admin_content.c - GET /content?room=: all updates that are stored of a room; GET /salvage?room=:
 * those of a damaged one that can be read.
 *
 * The answer is a list of (varuint length, update V1), base first; what they say together is the
 * reader's to work out. 404 not_found, 500 unreadable. */
#include "host/admin_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct content_call {
    struct admin_call call;
    struct store_event ev; /* owned while it is being sent */
    size_t part;           /* the next one to send */
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

static void content_on_store(struct admin_call *call, struct store_event *ev)
{
    struct content_call *c = (struct content_call *)call;
    char numbers[192];
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

static void content_begin(struct admin_conn *conn, const struct admin_request *request,
                          bool salvages)
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
    uint64_t token = admin_ask(&c->call);
    yd_err err =
        salvages ? store_salvage(shard->store, room, token) : store_read(shard->store, room, token);
    if (err != YD_OK) abort();
}

void admin_content(struct admin_conn *conn, const struct admin_request *request)
{
    content_begin(conn, request, false);
}

void admin_salvage(struct admin_conn *conn, const struct admin_request *request)
{
    content_begin(conn, request, true);
}
