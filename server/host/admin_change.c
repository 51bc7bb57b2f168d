/* admin_change.c - calls that change a room: its content, deleting, erasing, bringing back.
 *
 * Whoever has the room open is let go first, in the same step of the loop in which the store is
 * told: what they send afterwards comes with a new load, which is answered behind the change. */
#include "host/admin_calls.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/backups.h"
#include "wire/query.h"

#define CODE_CHANGED 1012 /* come again and see */
#define CODE_DELETED 4404 /* do not come again */

uint64_t admin_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int room_let_go(struct shard *shard, yd_slice name, uint32_t code, const char *why)
{
    struct room_slot *slot = slot_find(shard, name);
    if (slot == NULL) return 0;
    int count = (int)slot->member_count;
    LOG(&shard->log, LOG_INFO, "room closed", LOG_TEXT("room", name), LOG_CSTR("why", why),
        LOG_NUM("connections", count));
    slot_drop(shard, slot, code, why);
    return count;
}

struct change_call {
    struct admin_call call;
    int connections; /* that were let go */
};

static void change_on_store(struct admin_call *call, struct store_event *ev)
{
    struct change_call *c = (struct change_call *)call;
    if (ev->kind == STORE_EV_REFUSED && ev->status < 0) {
        admin_error(call->conn, 404, "no_such_room", "no such room; `partyd rooms` lists all");
        return;
    }
    if (ev->kind == STORE_EV_REFUSED) {
        admin_error(call->conn, 409, "refused", ev->why);
        return;
    }
    admin_json(call->conn, 200,
               json_pack("{s:I,s:I,s:i}", "epoch", (json_int_t)ev->epoch, "seq",
                         (json_int_t)ev->lsn, "connections", c->connections));
}

static struct change_call *change_new(struct admin_conn *conn)
{
    struct change_call *c = admin_call_new(conn, sizeof *c);
    c->call.on_store = change_on_store;
    return c;
}

/* ---- content ----------------------------------------------------------------------------------
 */

/* An update as the server takes them from clients: refused whole if it is none. */
bool admin_is_update(yd_slice update)
{
    struct yd_buf vector;
    yd_buf_init(&vector, heap_alloc(), SIZE_MAX / 2);
    yd_err err = yd_update_state_vector((struct yd_update){update, YD_V1}, &vector);
    yd_buf_deinit(&vector);
    return err == YD_OK;
}

static void content_replace(struct admin_conn *conn, yd_slice room, yd_slice update, bool only_new)
{
    struct change_call *c = change_new(conn);
    struct shard *shard = c->call.shard;
    struct store_replace opts = {.only_new = only_new};
    struct yd_buf bytes;
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    if (yd_buf_append(&bytes, update) != YD_OK) abort();
    if (!only_new) c->connections = room_let_go(shard, room, CODE_CHANGED, "content replaced");
    if (store_replace(shard->store, room, &bytes, &opts, admin_ask(&c->call)) != YD_OK) abort();
    backups_touch_name(shard, room);
}

static void merge_on_store(struct admin_call *call, struct store_event *ev)
{
    struct change_call *c = (struct change_call *)call;
    bool there = ev->room_count > 0;
    if (!there || ev->rooms[0].status != STORE_ROOM_OK) {
        admin_error(call->conn, there ? 409 : 404, there ? "refused" : "no_such_room",
                    there ? "it is deleted or cannot be read" : "no such room");
        return;
    }
    json_t *room = json_pack("{s:I,s:I,s:i}", "epoch", (json_int_t)ev->rooms[0].epoch, "seq",
                             (json_int_t)ev->rooms[0].lsn, "connections", c->connections);
    admin_json(call->conn, 200, room);
}

/* Appended like an update of a client. The answer comes when it is on disk: questions to the store
 * stand behind what was appended before. */
static void content_merge(struct admin_conn *conn, yd_slice room, yd_slice update)
{
    struct change_call *c = change_new(conn);
    struct shard *shard = c->call.shard;
    c->connections = room_let_go(shard, room, CODE_CHANGED, "content added");
    if (store_append(shard->store, room, update) != YD_OK) abort();
    c->call.on_store = merge_on_store;
    backups_touch_name(shard, room);
    store_submit(shard->store);
    if (store_info(shard->store, room, YD_EMPTY, admin_ask(&c->call)) != YD_OK) abort();
}

void admin_put_content(struct admin_conn *conn, const struct admin_request *request)
{
    uint8_t name[ADMIN_NAME_MAX], mode[16];
    yd_slice room;
    if (!admin_room_name(conn, request, name, &room)) return;
    int len = query_value(request->http.target, "mode", mode, sizeof mode);
    yd_slice how = len > 0 ? (yd_slice){mode, (size_t)len} : YD_EMPTY;
    if (!admin_is_update(request->body)) {
        admin_error(conn, 400, "bad_update", "the content is no Yjs update (V1)");
    } else if (yd_slice_equal(how, YD_LITERAL("merge"))) {
        content_merge(conn, room, request->body);
    } else if (yd_slice_equal(how, YD_LITERAL("replace")) ||
               yd_slice_equal(how, YD_LITERAL("create"))) {
        content_replace(conn, room, request->body, how.ptr[0] == 'c');
    } else {
        admin_error(conn, 400, "bad_mode", "mode is create, merge or replace");
    }
}

/* ---- deleting ---------------------------------------------------------------------------------
 */

static void erase(struct admin_conn *conn, const struct admin_request *request,
                  enum store_erase how)
{
    uint8_t name[ADMIN_NAME_MAX];
    yd_slice room;
    if (!admin_room_name(conn, request, name, &room)) return;
    struct change_call *c = change_new(conn);
    struct shard *shard = c->call.shard;
    uint64_t grace = admin_query_number(request, "graceMs", ADMIN_GRACE_MS);
    if (how != STORE_UNDELETE) {
        c->connections = room_let_go(shard, room, CODE_DELETED, "the document was deleted");
    }
    if (store_erase(shard->store, room, how, admin_now_ms() + grace, admin_ask(&c->call)) !=
        YD_OK) {
        abort();
    }
    backups_touch_name(shard, room);
}

void admin_delete(struct admin_conn *conn, const struct admin_request *request)
{
    erase(conn, request, STORE_DELETE);
}
void admin_undelete(struct admin_conn *conn, const struct admin_request *request)
{
    erase(conn, request, STORE_UNDELETE);
}
void admin_erase(struct admin_conn *conn, const struct admin_request *request)
{
    erase(conn, request, STORE_ERASE);
}
