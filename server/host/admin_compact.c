/* admin_compact.c - calls that make the store smaller.
 *
 *   POST /snapshot?room=&lsn=  body: what the room holds, put together by whoever asks
 *
 * A room that is open takes its own snapshot; the body is not needed then. Of any other the body
 * becomes the snapshot if the room is still as it was at that lsn. It is loaded once more before,
 * because the store takes no snapshot of what was not read (rule S17). */
#include "host/admin_calls.h"

#include <stdlib.h>
#include <string.h>

#define SHRINK_PAGES 1024

struct snapshot_call {
    struct admin_call call;
    uint64_t lsn;
    size_t name_len;
    uint8_t name[ADMIN_NAME_MAX];
};

static void tell(struct admin_call *call, const char *what)
{
    admin_json(call->conn, 200, json_pack("{s:s}", "done", what));
}

static void snapshot_write(struct snapshot_call *c)
{
    struct yd_buf bytes;
    yd_slice body = admin_request_of(c->call.conn)->body;
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    if (yd_buf_append(&bytes, body) != YD_OK ||
        store_snapshot(c->call.shard->store, (yd_slice){c->name, c->name_len}, STORE_BASE,
                       &bytes) != YD_OK) {
        abort();
    }
    tell(&c->call, "written");
}

/* The row of the room, as it was when the store looked at it. What was appended before by whoever
 * it was is in it if the store has answered all batches: then nothing can be on its way. A room
 * that is opened after this question was put is loaded behind its answer, so it has appended
 * nothing yet. */
static void snapshot_on_row(struct admin_call *call, struct store_event *ev)
{
    struct snapshot_call *c = (struct snapshot_call *)call;
    struct store *store = call->shard->store;
    if (ev->room_count == 0 || ev->rooms[0].status != STORE_ROOM_OK || ev->rooms[0].lsn > c->lsn ||
        slot_find(call->shard, (yd_slice){c->name, c->name_len}) != NULL) {
        tell(call, "changed");
    } else if (store_busy(store) || store_batch_bytes(store) > 0) {
        tell(call, "busy");
    } else {
        snapshot_write(c);
    }
}

static void snapshot_on_load(struct admin_call *call, struct store_event *ev)
{
    struct snapshot_call *c = (struct snapshot_call *)call;
    yd_slice name = {c->name, c->name_len};
    if (ev->kind != STORE_EV_LOADED) {
        admin_error(call->conn, 409, "refused", "it is deleted or cannot be read");
    } else if (slot_find(call->shard, name) != NULL) {
        tell(call, "changed");
    } else {
        call->on_store = snapshot_on_row;
        if (store_info(call->shard->store, name, YD_EMPTY, admin_ask(call)) != YD_OK) abort();
    }
}

void admin_snapshot(struct admin_conn *conn, const struct admin_request *request)
{
    struct snapshot_call *c = admin_call_new(conn, sizeof *c);
    struct shard *shard = c->call.shard;
    yd_slice name;
    if (!admin_room_name(conn, request, c->name, &name)) return;
    c->name_len = name.len;
    c->lsn = admin_query_number(request, "lsn", 0);
    c->call.on_store = snapshot_on_load;
    struct room_slot *slot = slot_find(shard, name);
    if (slot != NULL) {
        bool wants = slot->state == SLOT_READY && room_is_dirty(slot->room);
        if (wants) slot_event(slot, shard, (struct room_event){.kind = ROOM_EV_COMPACT});
        tell(&c->call, wants ? "written" : "open");
        return;
    }
    if (!admin_is_update(request->body)) {
        admin_error(conn, 400, "bad_update", "the content is no Yjs update (V1)");
    } else if (store_load(shard->store, name, admin_ask(&c->call)) != YD_OK) {
        abort();
    }
}

/* ---- free pages -------------------------------------------------------------------------------
 */

static void shrink_on_store(struct admin_call *call, struct store_event *ev)
{
    json_int_t bytes = (json_int_t)ev->base_bytes, left = (json_int_t)ev->next;
    admin_line(call->conn, json_pack("{s:I,s:I}", "bytes", bytes, "freePages", left));
    if (left == 0) {
        admin_finish(call->conn);
    } else if (store_shrink(call->shard->store, SHRINK_PAGES, admin_ask(call)) != YD_OK) {
        abort();
    }
}

void admin_shrink(struct admin_conn *conn, const struct admin_request *request)
{
    struct admin_call *call = admin_call_new(conn, sizeof *call);
    (void)request;
    call->on_store = shrink_on_store;
    admin_head(conn, 200, "application/x-ndjson", "");
    if (store_shrink(call->shard->store, SHRINK_PAGES, admin_ask(call)) != YD_OK) abort();
}
