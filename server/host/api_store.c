/* api_store.c - the calls of the backend's API that ask the store.
 *
 * They answer when the store has. A connection that ends before takes its question back. */
#include <stdlib.h>
#include <string.h>

#include "host/admin_calls.h"
#include "host/api.h"
#include "host/backups.h"

/* What waits for an answer of the store. */
struct api_wait {
    struct conn *conn;
    uint64_t token;
    json_t *answer; /* GET: what is known already */
    int connections;
    bool is_change;
};

void api_wait_end(struct conn *conn)
{
    struct api_wait *wait = conn->api;
    if (wait == NULL) return;
    conn->api = NULL;
    ask_cancel(conn->shard, wait->token);
    json_decref(wait->answer);
    free(wait);
}

static void on_answer(void *ctx, struct store_event *ev);

static uint64_t wait_new(struct conn *conn, json_t *answer, int connections, bool is_change)
{
    struct api_wait *wait = heap_new(sizeof *wait);
    *wait = (struct api_wait){conn, 0, answer, connections, is_change};
    wait->token = ask_new(conn->shard, on_answer, wait);
    conn->api = wait;
    (void)uv_read_stop((uv_stream_t *)&conn->tcp);
    return wait->token;
}

/* The store's name of a room of a party. */
static yd_slice name_put(uint8_t name[ADMIN_NAME_MAX], const char *party, yd_slice room)
{
    yd_slice head = log_slice(party);
    size_t len = head.len + 1 + room.len;
    if (len > ADMIN_NAME_MAX) return YD_EMPTY;
    memcpy(name, head.ptr, head.len);
    name[head.len] = '/';
    memcpy(name + head.len + 1, room.ptr, room.len);
    return (yd_slice){name, len};
}

static void on_change(struct conn *conn, const struct api_wait *wait, const struct store_event *ev)
{
    if (ev->kind == STORE_EV_REFUSED) {
        api_answer_error(conn, 404, "not_found", ev->why);
        return;
    }
    api_answer_json(conn, 200,
                    json_pack("{s:I,s:I,s:i}", "epoch", (json_int_t)ev->epoch, "seq",
                              (json_int_t)ev->lsn, "connections", wait->connections));
}

static void on_row(struct conn *conn, struct api_wait *wait, const struct store_event *ev)
{
    json_t *answer = wait->answer, *stored = json_null();
    wait->answer = NULL;
    if (ev->room_count > 0) stored = admin_room_json(conn->shard, &ev->rooms[0]);
    json_object_set_new(answer, "stored", stored);
    api_answer_json(conn, 200, answer);
}

static void on_answer(void *ctx, struct store_event *ev)
{
    struct api_wait *wait = ctx;
    struct conn *conn = wait->conn;
    wait->token = 0;
    if (ev->kind == STORE_EV_FAILED) {
        api_answer_error(conn, 503, "unavailable", "the store has failed; GET /health says why");
    } else if (wait->is_change) {
        on_change(conn, wait, ev);
    } else {
        on_row(conn, wait, ev);
    }
    api_wait_end(conn);
}

static bool has_store(struct conn *conn)
{
    if (conn->shard->store != NULL) return true;
    api_answer_error(conn, 503, "unavailable", "the store has failed; GET /health says why");
    return false;
}

void api_tell_stored(struct conn *conn, yd_slice room, json_t *answer)
{
    uint8_t bytes[ADMIN_NAME_MAX];
    yd_slice name = name_put(bytes, "main", room);
    if (name.len == 0 || conn->shard->store == NULL) { // who is in it is known all the same
        json_object_set_new(answer, "stored", json_null());
        api_answer_json(conn, 200, answer);
        return;
    }
    if (store_info(conn->shard->store, name, YD_EMPTY, wait_new(conn, answer, 0, false)) != YD_OK) {
        abort();
    }
}

/* ---- deleting ---------------------------------------------------------------------------------
 */

struct deletion {
    const char *party;
    json_int_t grace_ms;
    int now;
};

/* NULL: fine. The body may be empty. */
static const char *deletion_read(json_t *body, bool is_delete, struct deletion *d)
{
    json_error_t error;
    *d = (struct deletion){"main", (json_int_t)ADMIN_GRACE_MS, 0};
    if (body == NULL) return NULL;
    int bad = is_delete ? json_unpack_ex(body, &error, JSON_STRICT, "{s?s,s?I,s?b}", "party",
                                         &d->party, "graceMs", &d->grace_ms, "now", &d->now)
                        : json_unpack_ex(body, &error, JSON_STRICT, "{s?s}", "party", &d->party);
    if (bad != 0) {
        return is_delete ? "it takes {\"party\"?, \"graceMs\"?, \"now\"?} and nothing else"
                         : "it takes {\"party\"?} and nothing else";
    }
    if (d->grace_ms < 0 || d->grace_ms > 3153600000000) return "graceMs is 0 to 100 years";
    return NULL;
}

static void change(struct conn *conn, yd_slice room, const struct deletion *d, bool is_delete)
{
    uint8_t bytes[ADMIN_NAME_MAX];
    struct shard *shard = conn->shard;
    yd_slice name = name_put(bytes, d->party, room);
    if (name.len == 0) {
        api_answer_error(conn, 400, "bad_room", "this is no name of a room");
        return;
    }
    enum store_erase how = !is_delete ? STORE_UNDELETE : d->now ? STORE_ERASE : STORE_DELETE;
    int count = is_delete ? room_let_go(shard, name, 4404, "the document was deleted") : 0;
    uint64_t erase_at = admin_now_ms() + (uint64_t)d->grace_ms;
    uint64_t token = wait_new(conn, NULL, count, true);
    if (store_erase(shard->store, name, how, erase_at, token) != YD_OK) abort();
    backups_touch_name(shard, name);
}

static void on_deletion(struct conn *conn, yd_slice room, yd_slice body, bool is_delete)
{
    struct deletion d;
    json_error_t error;
    if (!has_store(conn)) return;
    json_t *json = body.len == 0 ? NULL
                                 : json_loadb((const char *)body.ptr, body.len,
                                              JSON_REJECT_DUPLICATES, &error);
    const char *why = json == NULL && body.len > 0 ? "the body is no JSON object"
                                                   : deletion_read(json, is_delete, &d);
    if (why != NULL) {
        api_answer_error(conn, 400, "bad_body", why);
    } else {
        change(conn, room, &d, is_delete);
    }
    json_decref(json);
}

void api_on_delete(struct conn *conn, yd_slice room, yd_slice body)
{
    on_deletion(conn, room, body, true);
}

void api_on_undelete(struct conn *conn, yd_slice room, yd_slice body)
{
    on_deletion(conn, room, body, false);
}
