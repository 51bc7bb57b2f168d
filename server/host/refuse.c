/* refuse.c - how a refusal is told: by HTTP status or by close code, and not at once.
 *
 * Clients that send `_pk` (y-partykit, y-partyserver) come back 100 ms after any close but back off
 * when the handshake fails; y-websocket is the other way round, and only a close code tells a
 * browser why. So the answer depends on the client. It waits HOLD_MS: that spreads the attempts of
 * clients that never give up, three in the first five seconds, and gives a flood of guesses no
 * answer to hurry for. At most held_max connections wait; beyond that the answer is an HTTP status
 * at once, and nothing is kept.
 */
#include "host/desk.h"

#include <stdio.h>
#include <string.h>

#define HOLD_MS         1800
#define AUDIT_LINES_MAX 200 /* refusals logged in one second */

const struct refusal_words *refusal_words(enum refusal refusal)
{
    static const struct refusal_words table[] = {
        [REFUSE_TOKEN_MISSING] = {401, 4401, "token_missing", "no token was presented", false},
        [REFUSE_TOKEN_BAD] = {401, 4401, "token_invalid", "the token is not valid here", false},
        [REFUSE_TOKEN_EXPIRED] = {401, 4501, "token_expired", "come again with a fresh token",
                                  false},
        [REFUSE_FORBIDDEN] = {403, 4403, "forbidden", "this user may not enter this room", false},
        [REFUSE_NOT_FOUND] = {404, 4404, "not_found", "there is no such document", false},
        [REFUSE_ROOM_BAD] = {400, 4400, "bad_room", "this is no name of a room", false},
        [REFUSE_UNAVAILABLE] = {503, 4503, "unavailable",
                                "nobody can decide at the moment, try again later", false},
        [REFUSE_ROOM_UNKNOWN] = {400, 4400, "unknown_room",
                                 "the table \"rooms\" has no entry for this name", false},
        [REFUSE_ROOM_NAME] = {400, 4400, "bad_room",
                              "this room name is too long or holds control characters", true},
        [REFUSE_ORIGIN] = {403, 4403, "bad_origin", "pages of this origin are not let in", true},
        [REFUSE_SESSION_OVER] = {401, 4501, "session_over", "come again with a fresh token", false},
        [REFUSE_CHANGED] = {401, 4501, "rights_changed", "come again with a fresh token", false},
        [REFUSE_UNREADABLE] = {503, 1011, "unreadable", "what is stored of it cannot be read",
                               false},
        [REFUSE_TOO_MANY] = {403, 4403, "too_many_documents", "see socket-documents-max", false},
        [REFUSE_ROOM_FULL] = {503, 4503, "room_full", "too many are in this room, come again later",
                              false},
        [REFUSE_BUSY] = {503, 4503, "busy", "the server has no room left, come again later", false},
        [REFUSE_NO_PLACE] = {503, 4503, "busy", "the server has no room left, come again later",
                             true},
        [REFUSE_RATE] = {429, 4503, "too_many", "too many connections from this address", true},
    };
    return &table[refusal];
}

enum refusal refusal_of(enum auth_reason reason)
{
    switch (reason) {
    case AUTH_TOKEN_MISSING: return REFUSE_TOKEN_MISSING;
    case AUTH_TOKEN_EXPIRED: return REFUSE_TOKEN_EXPIRED;
    case AUTH_FORBIDDEN: return REFUSE_FORBIDDEN;
    case AUTH_NOT_FOUND: return REFUSE_NOT_FOUND;
    case AUTH_ROOM_BAD: return REFUSE_ROOM_BAD;
    case AUTH_UNAVAILABLE: return REFUSE_UNAVAILABLE;
    case AUTH_ALLOWED:
    case AUTH_TOKEN_BAD: break;
    }
    return REFUSE_TOKEN_BAD;
}

void switch_protocols(struct conn *conn, const struct upgrade *upgrade)
{
    const char *protocol = upgrade->protocol;
    const char *extension = "Sec-WebSocket-Extensions: " DEFLATE_ANSWER "\r\n";
    char head[384 + PROTOCOL_MAX];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s%s%s%s\r\n",
                     upgrade->accept, upgrade->deflates ? extension : "",
                     protocol[0] == 0 ? "" : "Sec-WebSocket-Protocol: ", protocol,
                     protocol[0] == 0 ? "" : "\r\n");
    conn->deflates = upgrade->deflates;
    outbox_put(conn->shard, outbox_of_conn(conn), (yd_slice){(const uint8_t *)head, (size_t)n},
               YD_EMPTY, 0);
}

static void answer(struct conn *conn, const struct refusal_words *words)
{
    char body[256];
    int n = snprintf(body, sizeof body, "%s: %s\n", words->word, words->text);
    conn_answer(conn, words->status, "text/plain", (yd_slice){(const uint8_t *)body, (size_t)n});
}

static void let_go(struct seat *seat)
{
    if (!seat->visit->held) return;
    seat->visit->held = false;
    seat->conn->shard->door->held_count--;
}

void refusal_tell(struct seat *seat)
{
    struct conn *conn = seat->conn;
    const struct upgrade *upgrade = seat->visit->upgrade;
    const struct refusal_words *words = refusal_words(seat->visit->refusal);
    let_go(seat);
    if (upgrade == NULL) {
        desk_refuse(seat, seat->visit->refusal);
        return;
    }
    if (words->by_http || conn->speaks_text || upgrade->accept[0] == 0) {
        answer(conn, words);
        return;
    }
    switch_protocols(conn, upgrade);
    conn->state = CONN_LOADING; // upgraded, and in no room
    conn_close(conn, words->code, words->word);
}

/* Nobody more can wait. */
static void tell_at_once(struct seat *seat, enum refusal refusal)
{
    if (seat->visit->upgrade == NULL && desk_has_inside(seat->conn)) {
        desk_refuse(seat, refusal);
    } else if (seat->visit->upgrade == NULL) {
        conn_close(seat->conn, refusal_words(refusal)->code, refusal_words(refusal)->word);
    } else {
        answer(seat->conn, refusal_words(refusal));
    }
}

/* The seat has a visit. Decides nothing: it only says no. */
void refuse(struct seat *seat, enum refusal refusal)
{
    struct conn *conn = seat->conn;
    struct door *door = conn->shard->door;
    seat->visit->refusal = refusal;
    if (door->held_count >= door->held_max) {
        tell_at_once(seat, refusal);
        return;
    }
    seat->visit->held = true;
    door->held_count++;
    seat->state = SEAT_HELD;
    seat->deadline_ms = shard_now(conn->shard) + HOLD_MS;
    if (seat->visit->upgrade == NULL) return;
    conn->state = CONN_HELD;
    conn_forget_held(conn);
}

void door_leave(struct seat *seat)
{
    if (seat->visit != NULL) {
        let_go(seat);
        auth_cancel_if(&seat->visit->wait);
    }
    if (seat->guest != NULL) auth_cancel_if(&seat->guest->recheck);
}

/* ---- audit ------------------------------------------------------------------------------------
 */

static void peer_name(const struct conn *conn, char name[64])
{
    struct sockaddr_storage address;
    int len = sizeof address;
    name[0] = 0;
    if (conn->allowance.from_proxy && conn->allowance.peer != NULL) {
        address_text(&conn->allowance.peer->address, name);
        return;
    }
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&address, &len) != 0) return;
    (void)uv_ip_name((const struct sockaddr *)&address, name, 64);
}

/* A flood of refusals must not become a flood of lines. */
static bool audit_full(struct door *door, uint64_t second)
{
    if (door->audit_second != second) {
        door->audit_second = second;
        door->audit_lines = 0;
    }
    if (door->audit_lines++ < AUDIT_LINES_MAX) return false;
    door->audit_dropped++;
    return true;
}

void audit(struct seat *seat, bool granted, const struct auth_decision *decision, const char *why)
{
    static const char *const permissions[] = {"none", "read", "comment", "write"};
    struct conn *conn = seat->conn;
    struct shard *shard = conn->shard;
    if (!granted && audit_full(shard->door, shard_now(shard) / 1000)) return;
    const struct visit *visit = seat->visit;
    const char *client = conn->caller != NULL ? "hocuspocus" : "other";
    char peer[64];
    peer_name(conn, peer);
    LOG(&shard->log, LOG_INFO, granted ? "access granted" : "access refused",
        LOG_TEXT("room", visit->name), LOG_CSTR("user", decision == NULL ? "" : decision->user_id),
        LOG_CSTR("permission", permissions[decision == NULL ? AUTH_NONE : decision->permission]),
        LOG_CSTR("why", why), LOG_NUM("took_us", (uv_hrtime() - visit->asked_ns) / 1000),
        LOG_CSTR("remembered", decision != NULL && decision->remembered ? "yes" : "no"),
        LOG_CSTR("client", conn->speaks_text ? "partykit" : client), LOG_CSTR("peer", peer));
}

void refusals_sweep(struct shard *shard)
{
    struct door *door = shard->door;
    if (door->audit_dropped == 0 || door->audit_second == shard_now(shard) / 1000) return;
    LOG(&shard->log, LOG_WARN, "more access refused than is logged",
        LOG_NUM("lines_left_out", door->audit_dropped));
    door->audit_dropped = 0;
}
