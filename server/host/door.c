/* door.c - from a request to a member of a room: see door.h. */
#include "host/desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "wire/credentials.h"

#define DECIDE_MS    10000 /* then nobody could decide */
#define TOKEN_MS     10000 /* for a token that was asked for */
#define HELD_CEILING 4096u

static yd_slice slice_of(const char *text)
{
    return (yd_slice){(const uint8_t *)text, strlen(text)};
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static const char *or_null(const char *text) { return text[0] == 0 ? NULL : text; }

static enum auth_mode mode_of(const char *name)
{
    if (strcmp(name, "ticket") == 0) return AUTH_MODE_TICKET;
    if (strcmp(name, "convex") == 0) return AUTH_MODE_CONVEX;
    if (strcmp(name, "jwt") == 0) return AUTH_MODE_JWT;
    return strcmp(name, "hook") == 0 ? AUTH_MODE_HOOK : AUTH_MODE_NONE;
}

static struct auth_opts opts_of(const struct settings *s)
{
    const char *issuers = or_null(s->issuers);
    return (struct auth_opts){
        .mode = mode_of(s->auth),
        .ticket_secret = or_null(s->ticket_secret),
        .ticket_jwks = or_null(s->ticket_jwks),
        .issuers = issuers == NULL ? or_null(s->convex_site_url) : issuers,
        .jwks_url = or_null(s->jwks_url),
        .jwks = or_null(s->jwks),
        .audience = or_null(s->audience),
        .convex_url = or_null(s->convex_url),
        .convex_function = or_null(s->convex_function),
        .jwt_rooms_claim = or_null(s->jwt_rooms_claim),
        .hook_url = or_null(s->hook_url),
        .secret = or_null(s->collab_secret),
        .backend_calls_max = (uint32_t)s->backend_calls_max,
        .backend_timeout_ms = (uint32_t)s->backend_timeout_ms,
        .remember_ms = (uint32_t)s->remember_ms,
        .stale_ms = (uint32_t)s->stale_ms,
        .stale_never = s->stale_ms == 0,
    };
}

/* Those who wait for their refusal may not take the descriptors of those who are let in. */
static uint32_t held_max(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur / 8 > HELD_CEILING) {
        return HELD_CEILING;
    }
    return (uint32_t)(files.rlim_cur / 8);
}

static void on_trouble(void *ctx, const char *what, const char *detail)
{
    struct shard *shard = ctx;
    LOG(&shard->log, LOG_WARN, "who may enter cannot be decided", LOG_CSTR("what", what),
        LOG_CSTR("detail", detail));
}

yd_err door_open(struct shard *shard, char *why)
{
    struct auth_opts opts = opts_of(shard->settings);
    opts.trouble = on_trouble;
    opts.trouble_ctx = shard;
    struct door *door = heap_new(sizeof *door);
    door->decides = opts.mode != AUTH_MODE_NONE;
    door->asks = opts.mode == AUTH_MODE_CONVEX || opts.mode == AUTH_MODE_HOOK;
    door->takes_tickets = opts.mode == AUTH_MODE_TICKET;
    door->held_max = held_max();
    shard->door = door;
    return auth_new(&opts, &shard->loop, &door->auth, why);
}

void door_close(struct shard *shard)
{
    if (shard->door == NULL) return;
    auth_free(shard->door->auth);
    free(shard->door);
    shard->door = NULL;
}

/* ---- knocking ---------------------------------------------------------------------------------
 */

static yd_slice keep(uint8_t **at, yd_slice from)
{
    yd_slice kept = {*at, from.len};
    memcpy(*at, from.ptr, from.len);
    *at += from.len;
    return kept;
}

static struct visit *visit_new(struct conn *conn, yd_slice party, yd_slice room, yd_slice token)
{
    size_t name_len = party.len + 1 + room.len;
    struct visit *visit = heap_new(sizeof *visit + name_len + token.len);
    uint8_t *at = visit->bytes;
    visit->name = (yd_slice){at, name_len};
    (void)keep(&at, party);
    *at++ = '/';
    visit->room = keep(&at, room);
    visit->token = keep(&at, token);
    visit->asked_ns = uv_hrtime();
    visit->policy = policies_find(&conn->shard->settings->rooms, party, room);
    return visit;
}

static void visit_free(struct visit *visit)
{
    if (visit != NULL) free(visit->upgrade);
    free(visit);
}

void visit_begin(struct seat *seat, yd_slice party, yd_slice room, yd_slice token)
{
    visit_free(seat->visit);
    seat->visit = visit_new(seat->conn, party, room, token);
    if (seat->state == SEAT_IN) return;
    seat->state = SEAT_ASKING;
    seat->deadline_ms = shard_now(seat->conn->shard) + DECIDE_MS;
}

void visit_later(struct seat *seat, yd_slice party, yd_slice room, yd_slice token)
{
    visit_free(seat->newer);
    seat->newer = visit_new(seat->conn, party, room, token);
}

void door_refuse(struct seat *seat, enum refusal refusal)
{
    audit(seat, false, NULL, refusal_words(refusal)->text);
    refuse(seat, refusal);
}

/* Without one of ours in the answer a client that offered some must give up. */
static bool choose_protocol(struct upgrade *upgrade, const struct http_request *request)
{
    yd_slice protocol = credentials_protocol(request->ws_protocol);
    if (protocol.len > PROTOCOL_MAX) return false;
    memcpy(upgrade->protocol, protocol.ptr, protocol.len);
    return protocol.len > 0 || request->ws_protocol.len == 0;
}

/* False: the header is no list of extensions. */
static bool choose_extension(const struct conn *conn, struct upgrade *upgrade,
                             const struct http_request *request)
{
    if (!deflate_is_on(conn->shard)) return true;
    enum deflate_offer offer = deflate_offer_read(request->ws_extensions);
    upgrade->deflates = offer == DEFLATE_TAKEN;
    return offer != DEFLATE_BROKEN;
}

/* False: it was answered. */
static bool upgrade_read(struct conn *conn, const struct http_request *request,
                         struct upgrade *upgrade)
{
    if (!yd_slice_equal(request->ws_version, YD_LITERAL("13"))) {
        conn_answer(conn, 426, "text/plain", YD_LITERAL("This is WebSocket version 13.\n"));
    } else if (!http_accept(request->ws_key, upgrade->accept)) {
        conn_answer(conn, 400, "text/plain",
                    YD_LITERAL("Sec-WebSocket-Key is missing or is not 16 bytes in base64.\n"));
    } else if (!choose_protocol(upgrade, request)) {
        conn_answer(conn, 400, "text/plain",
                    YD_LITERAL("Offer a subprotocol beside the token, such as \"partyd\".\n"));
    } else if (!choose_extension(conn, upgrade, request)) {
        conn_answer(conn, 400, "text/plain",
                    YD_LITERAL("Sec-WebSocket-Extensions is no list of extensions.\n"));
    } else {
        return true;
    }
    return false;
}

void door_knock(struct conn *conn, const struct http_request *request, const struct route *route)
{
    struct shard *shard = conn->shard;
    struct yd_buf token;
    yd_buf_init(&token, heap_alloc(), HTTP_HEAD_MAX);
    // It cannot be longer than the head in which it stands.
    if (credentials_token(request, slice_of(shard->settings->cookie), &token) != YD_OK) abort();
    struct seat *seat = seat_new(conn, 0);
    visit_begin(seat, route->party, route->room, yd_buf_slice(&token));
    struct upgrade *upgrade = seat->visit->upgrade = heap_new(sizeof *upgrade);
    conn->speaks_text = route->has_pk;
    conn->state = CONN_DECIDING;
    conn->deadline_ms = 0; // the seat has its own
    enum limit limit = limits_refuse(conn);
    if (limit != LIMIT_COUNT) {
        bool is_full = limit == LIMIT_CONNECTIONS || limit == LIMIT_HANDSHAKES;
        door_refuse(seat, is_full ? REFUSE_NO_PLACE : REFUSE_RATE);
        limits_forget(conn);
    } else if (route->kind == ROUTE_BAD) {
        door_refuse(seat, REFUSE_ROOM_NAME);
    } else if (upgrade_read(conn, request, upgrade)) {
        if (!credentials_origin_ok(request->origin, shard->settings->origins)) {
            door_refuse(seat, REFUSE_ORIGIN);
        } else if (route->kind == ROUTE_MANY) {
            switch_protocols(conn, upgrade);
            desk_begin(conn, route->party, yd_buf_slice(&token));
            seat_free(seat); // it was for the request; documents are asked for on the socket
        } else if (seat->visit->policy == NULL) {
            door_refuse(seat, REFUSE_ROOM_UNKNOWN);
        }
    }
    yd_buf_deinit(&token);
}

/* ---- deciding ---------------------------------------------------------------------------------
 */

static void guest_free(struct seat *seat)
{
    if (seat->guest != NULL) auth_cancel_if(&seat->guest->recheck);
    free(seat->guest);
    seat->guest = NULL;
}

static void guest_begin(struct seat *seat, const struct auth_decision *d)
{
    struct shard *shard = seat->conn->shard;
    struct door *door = shard->door;
    yd_slice token = door->asks ? seat->visit->token : YD_EMPTY;
    yd_slice user_id = slice_of(d->user_id), name = slice_of(d->name), color = slice_of(d->color);
    struct guest *guest = heap_new(sizeof *guest + user_id.len + name.len + color.len + token.len);
    uint8_t *at = guest->bytes;
    guest->user_id = keep(&at, user_id);
    guest->name = keep(&at, name);
    guest->color = keep(&at, color);
    guest->token = keep(&at, token);
    guest->permission = d->permission;
    guest->expires_at = d->expires_at;
    uint64_t session_ms = (uint64_t)shard->settings->max_session_ms;
    if (session_ms > 0) {
        // All come back at once after a restart, and must not all end at once.
        uint64_t spread = ++door->sessions * 2654435761u % 256;
        guest->until_ms = shard_now(shard) + session_ms - session_ms * spread / 2560;
    }
    guest_free(seat);
    seat->guest = guest;
}

/* What has no place: the room in memory, or one more in the room. */
static enum limit over(const struct seat *seat)
{
    const struct shard *shard = seat->conn->shard;
    const struct settings *s = shard->settings;
    const struct visit *visit = seat->visit;
    const struct peer *peer = seat->conn->allowance.peer;
    const struct room_slot *slot = slot_find(shard, visit->name);
    int64_t most = visit->policy->connections_max;
    if (most == 0) most = s->room_connections_max;
    if (slot != NULL) {
        return slot->member_count >= (uint64_t)most ? LIMIT_ROOM_CONNECTIONS : LIMIT_COUNT;
    }
    if (HASH_COUNT(shard->rooms) >= (uint64_t)s->rooms_max) return LIMIT_ROOMS;
    bool is_greedy = peer != NULL && peer->rooms >= (uint64_t)s->address_rooms_max;
    return is_greedy ? LIMIT_ADDRESS_ROOMS : LIMIT_COUNT;
}

static void admit(struct seat *seat)
{
    struct conn *conn = seat->conn;
    struct shard *shard = conn->shard;
    struct visit *visit = seat->visit;
    if (shard->down[0] != 0 || shard->stopping) { // while it was decided
        if (visit->upgrade != NULL) {
            conn_answer_down(conn);
        } else {
            refuse(seat, REFUSE_UNAVAILABLE);
        }
        return;
    }
    enum limit limit = over(seat);
    if (limit != LIMIT_COUNT) {
        limits_hit(shard, limit);
        refuse(seat, limit == LIMIT_ROOM_CONNECTIONS ? REFUSE_ROOM_FULL : REFUSE_BUSY);
        return;
    }
    if (visit->upgrade != NULL) {
        switch_protocols(conn, visit->upgrade);
        conn->state = CONN_LOADING;
    }
    seat->deadline_ms = 0;
    limits_admitted(conn);
    slot_add(slot_get(shard, visit->name, visit->policy, conn->allowance.peer), seat);
    visit_free(visit);
    seat->visit = NULL;
    seat_enter(seat);
}

static enum refusal refusal_in(const struct auth_decision *d)
{
    return d->reason == AUTH_ALLOWED ? REFUSE_FORBIDDEN : refusal_of(d->reason);
}

/* ---- those who are in, decided anew -----------------------------------------------------------
 */

static void visit_drop(struct seat *seat)
{
    visit_free(seat->visit);
    seat->visit = NULL;
}

static void send_away(struct seat *seat, enum refusal refusal)
{
    const struct refusal_words *words = refusal_words(refusal);
    LOG(&seat->conn->shard->log, LOG_INFO, "session ended", LOG_TEXT("user", seat->guest->user_id),
        LOG_CSTR("why", words->word));
    seat_end(seat, words->code, words->word);
}

/* A dialect that can say so goes on with the new right; elsewhere the session begins anew. */
static void change_right(struct seat *seat, enum auth_permission permission)
{
    if (seat->conn->caller == NULL || permission == AUTH_NONE) {
        send_away(seat, permission == AUTH_NONE ? REFUSE_FORBIDDEN : REFUSE_CHANGED);
        return;
    }
    enum room_right before = door_right(seat);
    seat->guest->permission = permission;
    desk_admitted(seat);
    if (door_right(seat) == before) return;
    slot_event(seat->slot, seat->conn->shard,
               (struct room_event){
                   .kind = ROOM_EV_RIGHT, .member = seat->member, .right = door_right(seat)});
}

/* A client that is in has sent another token. */
static void renewed(struct seat *seat, bool granted, const struct auth_decision *d)
{
    enum auth_permission before = seat->guest->permission;
    bool same = yd_slice_equal(seat->guest->user_id, slice_of(d->user_id));
    if (granted && same) {
        guest_begin(seat, d);
        seat->guest->permission = before;
    }
    visit_drop(seat);
    if (granted && same) {
        change_right(seat, d->permission);
    } else if (granted) {
        send_away(seat, REFUSE_CHANGED); // as somebody else it has to come in anew
    } else if (d->reason != AUTH_UNAVAILABLE) {
        send_away(seat, refusal_in(d));
    }
    bool is_in = seat->state == SEAT_IN && seat->slot != NULL;
    if (is_in) (void)door_decide_newer(seat);
}

static void count_decision(const struct seat *seat, enum auth_reason reason)
{
    struct metrics *metrics = &seat->conn->shard->metrics;
    metrics->decisions[reason]++;
    times_add(&metrics->decision_times, (uv_hrtime() - seat->visit->asked_ns) / 1000);
}

static void on_decision(void *ctx, const struct auth_decision *decision)
{
    struct seat *seat = ctx;
    seat->visit->wait = NULL;
    bool granted = decision->reason == AUTH_ALLOWED && decision->permission != AUTH_NONE;
    count_decision(seat, decision->reason);
    audit(seat, granted, decision, decision->why);
    if (seat->state == SEAT_IN) {
        renewed(seat, granted, decision);
    } else if (granted) {
        guest_begin(seat, decision);
        admit(seat);
    } else {
        refuse(seat, refusal_in(decision));
    }
}

void door_decide(struct seat *seat)
{
    struct visit *visit = seat->visit;
    struct door *door = seat->conn->shard->door;
    if (!door->decides || !visit->policy->decided) {
        if (seat->state == SEAT_IN) {
            visit_drop(seat);
            desk_admitted(seat);
        } else {
            admit(seat);
        }
        return;
    }
    struct auth_wait *wait = NULL;
    struct auth_request request = {.room = visit->room, .token = visit->token};
    auth_decide(door->auth, &request, on_decision, seat, &wait);
    // Decided at once, the visit may be gone already.
    if (wait != NULL) visit->wait = wait;
}

bool door_decide_newer(struct seat *seat)
{
    if (seat->newer == NULL) return false;
    visit_free(seat->visit);
    seat->visit = seat->newer;
    seat->newer = NULL;
    if (seat->state != SEAT_IN) {
        seat->state = SEAT_ASKING;
        seat->deadline_ms = shard_now(seat->conn->shard) + DECIDE_MS;
    }
    door_decide(seat);
    return true;
}

/* ---- those who are in -------------------------------------------------------------------------
 */

enum room_right door_right(const struct seat *seat)
{
    if (seat->guest == NULL || seat->guest->permission == AUTH_WRITE) return ROOM_WRITE;
    return ROOM_READ; // who may comment does so beside the document
}

bool door_identity(const struct seat *seat, struct room_identity *who)
{
    const struct guest *guest = seat->guest;
    if (guest == NULL) return false;
    *who = (struct room_identity){guest->user_id, guest->name, guest->color};
    return true;
}

static void on_recheck(void *ctx, const struct auth_decision *d)
{
    struct seat *seat = ctx;
    struct guest *guest = seat->guest;
    guest->recheck = NULL;
    switch (d->reason) {
    case AUTH_UNAVAILABLE: return; // nobody says that it is not welcome any more
    case AUTH_ALLOWED:
        guest->expires_at = d->expires_at;
        if (d->permission != guest->permission) change_right(seat, d->permission);
        return;
    case AUTH_TOKEN_MISSING:
    case AUTH_TOKEN_BAD:
    case AUTH_TOKEN_EXPIRED: send_away(seat, REFUSE_TOKEN_EXPIRED); return;
    case AUTH_FORBIDDEN:
    case AUTH_NOT_FOUND:
    case AUTH_ROOM_BAD: send_away(seat, refusal_of(d->reason)); return;
    }
}

yd_slice seat_room(const struct seat *seat)
{
    if (seat->slot == NULL) return seat->visit == NULL ? YD_EMPTY : seat->visit->room;
    yd_slice name = {(const uint8_t *)seat->slot->name, seat->slot->name_len};
    const uint8_t *slash = memchr(name.ptr, '/', name.len);
    size_t party = (size_t)(slash - name.ptr) + 1;
    return (yd_slice){name.ptr + party, name.len - party};
}

static void recheck_guest(struct seat *seat)
{
    struct guest *guest = seat->guest;
    const struct door *door = seat->conn->shard->door;
    if (door->takes_tickets) {
        send_away(seat, REFUSE_SESSION_OVER); // only a fresh ticket can tell
        return;
    }
    if (!door->asks) {
        bool over = guest->expires_at != 0 && guest->expires_at <= (int64_t)time(NULL);
        if (over) send_away(seat, REFUSE_TOKEN_EXPIRED);
        return;
    }
    struct auth_request request = {.room = seat_room(seat), .token = guest->token};
    auth_cancel_if(&guest->recheck);
    struct auth_wait *wait = NULL;
    auth_decide(door->auth, &request, on_recheck, seat, &wait);
    if (wait != NULL) guest->recheck = wait;
}

void door_recheck(struct seat *seat)
{
    if (seat->visit != NULL && seat->visit->wait != NULL) {
        auth_cancel_if(&seat->visit->wait);
        door_decide(seat);
    } else if (seat->slot != NULL && seat->guest != NULL) {
        recheck_guest(seat);
    }
}

/* ---- time and the end -------------------------------------------------------------------------
 */

/* Its longest session is over. Who can be asked for a fresh token in the middle of it is. */
static void session_over(struct seat *seat, uint64_t now_ms)
{
    struct guest *guest = seat->guest;
    if (seat->conn->caller == NULL || guest->token_asked) {
        send_away(seat, REFUSE_SESSION_OVER);
        return;
    }
    guest->token_asked = true;
    guest->until_ms = now_ms + TOKEN_MS;
    seat_note(seat, SESSION_NOTE_TOKEN, "");
}

static void seat_sweep(struct seat *seat, uint64_t now_ms)
{
    bool late = seat->deadline_ms != 0 && seat->deadline_ms <= now_ms;
    switch ((enum seat_state)seat->state) {
    case SEAT_ASKING:
        if (!late) break;
        auth_cancel_if(&seat->visit->wait);
        door_refuse(seat, REFUSE_UNAVAILABLE);
        break;
    case SEAT_HELD:
        if (late) refusal_tell(seat);
        break;
    case SEAT_AWAITED:
        if (late) desk_refuse(seat, seat->visit->refusal);
        break;
    case SEAT_IN:
        if (seat->guest == NULL || seat->guest->until_ms == 0) break;
        if (seat->guest->until_ms <= now_ms) session_over(seat, now_ms);
        break;
    case SEAT_REFUSED:
    case SEAT_LOADING: break;
    }
}

void door_sweep(struct conn *conn, uint64_t now_ms)
{
    struct seat *seat = seat_after(conn, NULL);
    while (seat != NULL && conn->state != CONN_CLOSING) {
        seat_sweep(seat, now_ms);
        seat = seat_after(conn, seat);
    }
}

void door_free(struct seat *seat)
{
    visit_free(seat->visit);
    visit_free(seat->newer);
    free(seat->guest);
}
