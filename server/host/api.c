/* api.c - what the application's backend asks of the server about a room.
 *
 *   GET  /api/rooms/:room          who is in it
 *   POST /api/rooms/:room/kick     {"userId"?, "all"?, "code"?, "reason"?}  ends connections
 *   POST /api/rooms/:room/recheck  decides anew about all who are in it
 *
 * Source: docs/access.md, rules D19..D21. A request is signed (auth_signature_ok); :room is the raw
 * name, in all parties. Nothing about a room is said before the signature has been checked.
 */
#include "host/door.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLOSE_REASON_MAX 123 /* bytes, RFC 6455 5.5 */

enum call { CALL_NONE, CALL_ROOM, CALL_KICK, CALL_RECHECK };

struct target {
    enum call call;
    bool is_post;
    yd_slice room;
};

static const yd_slice prefix = {(const uint8_t *)"/api/", 5};

bool api_is_path(yd_slice path)
{
    return path.len > prefix.len && memcmp(path.ptr, prefix.ptr, prefix.len) == 0;
}

static struct target target_read(yd_slice path)
{
    static const yd_slice rooms = {(const uint8_t *)"/api/rooms/", 11};
    struct target t = {CALL_NONE, false, YD_EMPTY};
    if (path.len <= rooms.len || memcmp(path.ptr, rooms.ptr, rooms.len) != 0) return t;
    yd_slice rest = {path.ptr + rooms.len, path.len - rooms.len};
    const uint8_t *slash = memchr(rest.ptr, '/', rest.len);
    size_t len = slash == NULL ? rest.len : (size_t)(slash - rest.ptr);
    yd_slice what = {rest.ptr + len, rest.len - len};
    t.room = (yd_slice){rest.ptr, len};
    if (len == 0) return t;
    if (what.len == 0) t.call = CALL_ROOM;
    if (yd_slice_equal(what, YD_LITERAL("/kick"))) t.call = CALL_KICK;
    if (yd_slice_equal(what, YD_LITERAL("/recheck"))) t.call = CALL_RECHECK;
    t.is_post = t.call != CALL_ROOM;
    return t;
}

static void answer_json(struct conn *conn, int status, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    if (text == NULL) abort();
    conn_answer(conn, status, "application/json", (yd_slice){(const uint8_t *)text, strlen(text)});
    free(text);
    json_decref(json);
}

static void answer_error(struct conn *conn, int status, const char *code, const char *message)
{
    answer_json(conn, status, json_pack("{s:s,s:s}", "code", code, "message", message));
}

/* ---- GET --------------------------------------------------------------------------------------
 */

static void user_count(json_t *users, const struct guest *guest)
{
    static const char *const permissions[] = {"none", "read", "comment", "write"};
    const char *id = (const char *)guest->user_id.ptr;
    json_t *user = json_object_getn(users, id, guest->user_id.len);
    if (user == NULL) {
        user = json_pack("{s:s%,s:s,s:i}", "userId", id, guest->user_id.len, "permission",
                         permissions[guest->permission], "connections", 0);
        // The id is UTF-8: a decision is read from JSON.
        if (user == NULL || json_object_setn_new(users, id, guest->user_id.len, user) != 0) return;
    }
    json_t *count = json_object_get(user, "connections");
    (void)json_integer_set(count, json_integer_value(count) + 1);
}

static bool is_in(const struct seat *seat, yd_slice room)
{
    return seat->slot != NULL && yd_slice_equal(seat_room(seat), room);
}

/* All seats of the shard, one after the other; NULL begins and ends. What is done with one may end
 * it, but not its connection's place in the list. */
static struct seat *next_seat(const struct shard *shard, const struct seat *seat)
{
    struct seat *next = seat == NULL ? NULL : seat_after(seat->conn, seat);
    struct conn *c = seat == NULL ? shard->conns : seat->conn->next;
    for (; next == NULL && c != NULL; c = c->next) next = seat_after(c, NULL);
    return next;
}

static void tell_room(struct conn *conn, yd_slice room)
{
    json_int_t count = 0;
    json_t *users = json_object(), *list = json_array();
    const struct shard *shard = conn->shard;
    for (struct seat *s = next_seat(shard, NULL); s != NULL; s = next_seat(shard, s)) {
        if (!is_in(s, room)) continue;
        count++;
        if (s->guest != NULL && s->guest->user_id.len > 0) user_count(users, s->guest);
    }
    const char *id;
    json_t *user;
    json_object_foreach(users, id, user)(void) json_array_append(list, user);
    json_decref(users);
    answer_json(conn, 200, json_pack("{s:I,s:o}", "connections", count, "users", list));
}

/* ---- kick -------------------------------------------------------------------------------------
 */

struct kick {
    const char *user_id; /* NULL: all */
    uint32_t code;
    char reason[CLOSE_REASON_MAX + 1];
};

/* Cuts at a character. */
static void reason_keep(struct kick *kick, const char *text)
{
    size_t len = strlen(text);
    if (len > CLOSE_REASON_MAX) {
        len = CLOSE_REASON_MAX;
        while (len > 0 && ((unsigned char)text[len] & 0xc0u) == 0x80u) len--;
    }
    memcpy(kick->reason, text, len);
    kick->reason[len] = 0;
}

static const char *kick_read(json_t *body, struct kick *kick)
{
    json_t *user = NULL;
    int all = 0, code = 4403;
    const char *reason = "kicked";
    json_error_t error;
    if (json_unpack_ex(body, &error, JSON_STRICT, "{s?o,s?b,s?i,s?s}", "userId", &user, "all", &all,
                       "code", &code, "reason", &reason) != 0) {
        return "it takes {\"userId\"?, \"all\"?, \"code\"?, \"reason\"?} and nothing else";
    }
    if (user != NULL && !json_is_null(user) && !json_is_string(user)) {
        return "userId is text";
    }
    kick->user_id = json_string_value(user);
    if ((kick->user_id == NULL) != (all != 0)) return "say either a userId or \"all\": true";
    if (code < 4000 || code > 4999) return "code is a close code from 4000 to 4999";
    kick->code = (uint32_t)code;
    reason_keep(kick, reason);
    return NULL;
}

static bool is_meant(const struct seat *seat, const struct kick *kick)
{
    if (kick->user_id == NULL) return true;
    yd_slice id = {(const uint8_t *)kick->user_id, strlen(kick->user_id)};
    return seat->guest != NULL && yd_slice_equal(seat->guest->user_id, id);
}

static void kick_all(struct conn *conn, yd_slice room, const struct kick *kick)
{
    struct shard *shard = conn->shard;
    yd_slice user = kick->user_id == NULL
                        ? YD_EMPTY
                        : (yd_slice){(const uint8_t *)kick->user_id, strlen(kick->user_id)};
    json_int_t count = 0;
    auth_forget(shard->door->auth, room, user);
    for (struct seat *s = next_seat(shard, NULL); s != NULL; s = next_seat(shard, s)) {
        if (is_in(s, room)) {
            if (!is_meant(s, kick)) continue;
            count++;
            seat_end(s, kick->code, kick->reason);
        } else if (yd_slice_equal(seat_room(s), room)) {
            door_recheck(s); // what it waits for may have been decided before the kick
        }
    }
    LOG(&shard->log, LOG_INFO, "kicked", LOG_TEXT("room", room), LOG_TEXT("user", user),
        LOG_NUM("connections", count));
    answer_json(conn, 200, json_pack("{s:I}", "kicked", count));
}

static void on_kick(struct conn *conn, yd_slice room, yd_slice body)
{
    json_error_t error;
    struct kick kick;
    json_t *json = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, &error);
    const char *why = json == NULL ? "the body is no JSON object" : kick_read(json, &kick);
    if (why != NULL) {
        answer_error(conn, 400, "bad_body", why);
    } else {
        kick_all(conn, room, &kick);
    }
    json_decref(json);
}

static void on_recheck_call(struct conn *conn, yd_slice room)
{
    struct shard *shard = conn->shard;
    json_int_t count = 0;
    auth_forget(shard->door->auth, room, YD_EMPTY);
    for (struct seat *s = next_seat(shard, NULL); s != NULL; s = next_seat(shard, s)) {
        if (!yd_slice_equal(seat_room(s), room)) continue;
        count += is_in(s, room);
        door_recheck(s);
    }
    LOG(&shard->log, LOG_INFO, "rechecked", LOG_TEXT("room", room), LOG_NUM("connections", count));
    answer_json(conn, 200, json_pack("{s:I}", "rechecked", count));
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static bool is_signed(const struct conn *conn, const struct http_request *request, yd_slice room,
                      yd_slice body)
{
    struct auth_signature signature = {
        .method = request->method,
        .path = route_path(request->target),
        .timestamp = request->collab_timestamp,
        .room = room,
        .seq = YD_EMPTY,
        .sha256_hex = request->collab_sha256,
        .signature = request->collab_signature,
        .body = body,
    };
    return auth_signature_ok(conn->shard->door->auth, &signature, (int64_t)time(NULL));
}

static void call(struct conn *conn, const struct target *target, yd_slice body)
{
    switch (target->call) {
    case CALL_ROOM: tell_room(conn, target->room); break;
    case CALL_KICK: on_kick(conn, target->room, body); break;
    case CALL_RECHECK: on_recheck_call(conn, target->room); break;
    case CALL_NONE: break;
    }
}

uint32_t api_on_request(struct conn *conn, const struct http_request *request, yd_slice rest)
{
    struct target target = target_read(route_path(request->target));
    if (target.call == CALL_NONE) {
        answer_error(conn, 404, "not_found", "see docs/access.md for what is served here");
    } else if (target.is_post ? !request->is_post : !request->is_get) {
        answer_error(conn, 405, "bad_method", target.is_post ? "use POST" : "use GET");
    } else if (request->has_coding) {
        answer_error(conn, 411, "no_length", "send a Content-Length, not chunks");
    } else if (request->body_bytes > HTTP_BODY_MAX) {
        answer_error(conn, 413, "too_large", "a body has 64 KiB at most");
    } else if ((int64_t)rest.len < request->body_bytes) {
        static const yd_slice go_on = {(const uint8_t *)"HTTP/1.1 100 Continue\r\n\r\n", 25};
        bool asked = request->expects_continue && conn->awaits == 0;
        if (asked) outbox_put(conn->shard, outbox_of_conn(conn), go_on, YD_EMPTY, 0);
        return (uint32_t)request->body_bytes;
    } else {
        yd_slice body = {rest.ptr, (size_t)request->body_bytes};
        if (body.len == 0) body = YD_EMPTY;
        if (is_signed(conn, request, target.room, body)) {
            call(conn, &target, body);
        } else {
            answer_error(conn, 401, "bad_signature",
                         "sign the request with COLLAB_SECRET, which both sides must have");
        }
    }
    return 0;
}
