/* admin_rooms.c - which rooms there are, and what is known of the server. */
#include "host/admin_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/query.h"

#define PAGE_ROOMS 500

bool admin_room_name(struct admin_conn *conn, const struct admin_request *request,
                     uint8_t name[ADMIN_NAME_MAX], yd_slice *room)
{
    int len = query_value(request->http.target, "room", name, ADMIN_NAME_MAX);
    *room = len <= 0 ? YD_EMPTY : (yd_slice){name, (size_t)len};
    if (len > 0 && memchr(name, '/', room->len) != NULL) return true;
    admin_error(conn, 400, "bad_room", "a room is named as party/room, 1,024 bytes at most");
    return false;
}

const struct policy *admin_policy(const struct shard *shard, yd_slice name)
{
    const uint8_t *slash = memchr(name.ptr, '/', name.len);
    if (slash == NULL) return NULL;
    size_t len = (size_t)(slash - name.ptr);
    return policies_find(&shard->settings->rooms, (yd_slice){name.ptr, len},
                         (yd_slice){slash + 1, name.len - len - 1});
}

uint64_t admin_query_number(const struct admin_request *request, const char *name, uint64_t or)
{
    uint8_t text[24];
    int len = query_value(request->http.target, name, text, sizeof text);
    uint64_t number = 0;
    for (int i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || number > UINT64_MAX / 16) return or ;
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    return len > 0 ? number : or ;
}

/* ---- status -----------------------------------------------------------------------------------
 */

void admin_status(struct admin_conn *conn, const struct admin_request *request)
{
    struct shard *shard = admin_shard_of(conn);
    struct store_stats stats;
    char bookmark[STORE_BOOKMARK_TEXT];
    (void)request;
    store_stats(shard->store, &stats);
    store_bookmark_text(stats.bookmark, bookmark);
    admin_json(conn, 200,
               json_pack("{s:s,s:b,s:i,s:i,s:I,s:I,s:I,s:I,s:I,s:s}", "version", PARTYD_VERSION,
                         "serving", !shard->maintains, "connections", (int)shard->conn_count,
                         "open", (int)HASH_COUNT(shard->rooms), "rooms", (json_int_t)stats.rooms,
                         "badRooms", (json_int_t)stats.bad_rooms, "warmRooms",
                         (json_int_t)stats.warm_rooms, "journalBytes",
                         (json_int_t)stats.journal_bytes, "erasures", (json_int_t)stats.erasures,
                         "bookmark", bookmark));
}

/* ---- rooms ------------------------------------------------------------------------------------
 */

static const char *const statuses[] = {"ok", "deleted", "erasing", "erased", "bad"};

json_t *admin_room_json(const struct shard *shard, const struct store_room *room)
{
    const struct room_slot *slot = slot_find(shard, room->name);
    json_t *json = json_pack(
        "{s:I,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:b}", "id", (json_int_t)room->id, "status",
        statuses[room->status], "epoch", (json_int_t)room->epoch, "seq", (json_int_t)room->lsn,
        "bytes", (json_int_t)room->bytes, "updates", (json_int_t)room->updates, "createdAt",
        (json_int_t)room->created_at, "changedAt", (json_int_t)room->changed_at, "connections",
        slot == NULL ? 0 : (int)slot->member_count, "open", slot != NULL);
    // A name that is no UTF-8 is told as hex digits.
    json_t *name = json_stringn((const char *)room->name.ptr, room->name.len);
    if (name == NULL) {
        char *hex = heap_new(room->name.len * 2 + 1);
        for (size_t i = 0; i < room->name.len; i++) sprintf(hex + 2 * i, "%02x", room->name.ptr[i]);
        json_object_set_new(json, "hex", json_string(hex));
        free(hex);
    } else {
        json_object_set_new(json, "room", name);
    }
    if (room->deleted_at != 0) {
        json_object_set_new(json, "deletedAt", json_integer((json_int_t)room->deleted_at));
        json_object_set_new(json, "eraseAt", json_integer((json_int_t)room->erase_at));
    }
    return json;
}

struct rooms_call {
    struct admin_call call;
    uint64_t next; /* where the next page begins */
    size_t prefix_len;
    uint8_t prefix[ADMIN_NAME_MAX];
    bool is_one; /* a single room is asked for */
};

static void rooms_ask(struct admin_call *call)
{
    struct rooms_call *c = (struct rooms_call *)call;
    struct store_list list = {.after = c->next,
                              .limit = PAGE_ROOMS,
                              .prefix = {c->prefix, c->prefix_len},
                              .sink = YD_EMPTY};
    call->on_drained = NULL;
    if (store_list(call->shard->store, &list, admin_ask(call)) != YD_OK) abort();
}

static void rooms_on_store(struct admin_call *call, struct store_event *ev)
{
    struct rooms_call *c = (struct rooms_call *)call;
    if (ev->kind != STORE_EV_LISTED) {
        admin_break(call->conn);
        return;
    }
    for (size_t i = 0; i < ev->room_count; i++) {
        admin_line(call->conn, admin_room_json(call->shard, &ev->rooms[i]));
    }
    c->next = ev->next;
    if (c->next == 0) {
        admin_finish(call->conn);
    } else if (admin_is_full(call->conn)) {
        call->on_drained = rooms_ask;
    } else {
        rooms_ask(call);
    }
}

void admin_rooms(struct admin_conn *conn, const struct admin_request *request)
{
    struct rooms_call *c = admin_call_new(conn, sizeof *c);
    int len = query_value(request->http.target, "prefix", c->prefix, sizeof c->prefix);
    if (len == QUERY_BAD) {
        admin_error(conn, 400, "bad_prefix", "a prefix has 1,024 bytes at most");
        return;
    }
    c->prefix_len = len < 0 ? 0 : (size_t)len;
    c->call.on_store = rooms_on_store;
    admin_head(conn, 200, "application/x-ndjson", "");
    rooms_ask(&c->call);
}

/* ---- one room ---------------------------------------------------------------------------------
 */

static void room_on_store(struct admin_call *call, struct store_event *ev)
{
    if (ev->room_count == 0) {
        admin_error(call->conn, 404, "no_such_room", "no such room; `partyd rooms` lists all");
        return;
    }
    admin_json(call->conn, 200, admin_room_json(call->shard, &ev->rooms[0]));
}

void admin_room(struct admin_conn *conn, const struct admin_request *request)
{
    uint8_t name[ADMIN_NAME_MAX];
    yd_slice room;
    if (!admin_room_name(conn, request, name, &room)) return;
    struct admin_call *call = admin_call_new(conn, sizeof *call);
    call->on_store = room_on_store;
    if (store_info(call->shard->store, room, YD_EMPTY, admin_ask(call)) != YD_OK) abort();
}
