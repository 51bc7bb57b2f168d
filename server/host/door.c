/* door.c - from a request to a member of a room: see door.h. */
#include "host/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "wire/credentials.h"

#define DECIDE_MS    10000 /* then nobody could decide */
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

static void visit_begin(struct conn *conn, const struct http_request *request,
                        const struct route *route)
{
    struct settings *settings = conn->shard->settings;
    struct yd_buf token;
    yd_buf_init(&token, heap_alloc(), HTTP_HEAD_MAX);
    // It cannot be longer than the head in which it stands.
    if (credentials_token(request, slice_of(settings->cookie), &token) != YD_OK) abort();
    size_t name_len = route->party.len + 1 + route->room.len;
    struct visit *visit = heap_new(sizeof *visit + name_len + token.len);
    uint8_t *at = visit->bytes;
    visit->name = (yd_slice){at, name_len};
    (void)keep(&at, route->party);
    *at++ = '/';
    visit->room = keep(&at, route->room);
    visit->token = keep(&at, yd_buf_slice(&token));
    yd_buf_deinit(&token);
    visit->asked_ns = uv_hrtime();
    visit->policy = policies_find(&settings->rooms, route->party, route->room);
    conn->visit = visit;
    conn->speaks_text = route->has_pk;
    conn->state = CONN_DECIDING;
    conn->deadline_ms = shard_now(conn->shard) + DECIDE_MS;
}

static void refuse_here(struct conn *conn, enum refusal refusal)
{
    audit(conn, false, NULL, refusal_words(refusal)->text);
    refuse(conn, refusal);
}

/* Without one of ours in the answer a client that offered some must give up. */
static bool choose_protocol(struct visit *visit, const struct http_request *request)
{
    yd_slice protocol = credentials_protocol(request->ws_protocol);
    if (protocol.len > PROTOCOL_MAX) return false;
    memcpy(visit->protocol, protocol.ptr, protocol.len);
    return protocol.len > 0 || request->ws_protocol.len == 0;
}

void door_knock(struct conn *conn, const struct http_request *request, const struct route *route)
{
    visit_begin(conn, request, route);
    struct visit *visit = conn->visit;
    if (route->kind == ROUTE_BAD) {
        refuse_here(conn, REFUSE_ROOM_NAME);
    } else if (!yd_slice_equal(request->ws_version, YD_LITERAL("13"))) {
        conn_answer(conn, 426, "text/plain", YD_LITERAL("This is WebSocket version 13.\n"));
    } else if (!http_accept(request->ws_key, visit->accept)) {
        conn_answer(conn, 400, "text/plain",
                    YD_LITERAL("Sec-WebSocket-Key is missing or is not 16 bytes in base64.\n"));
    } else if (!choose_protocol(visit, request)) {
        conn_answer(conn, 400, "text/plain",
                    YD_LITERAL("Offer a subprotocol beside the token, such as \"partyd\".\n"));
    } else if (!credentials_origin_ok(request->origin, conn->shard->settings->origins)) {
        refuse_here(conn, REFUSE_ORIGIN);
    } else if (visit->policy == NULL) {
        refuse_here(conn, REFUSE_ROOM_UNKNOWN);
    }
}

/* ---- deciding ---------------------------------------------------------------------------------
 */

static void guest_begin(struct conn *conn, const struct auth_decision *d)
{
    struct shard *shard = conn->shard;
    struct door *door = shard->door;
    yd_slice token = door->asks ? conn->visit->token : YD_EMPTY;
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
    conn->guest = guest;
}

static void admit(struct conn *conn)
{
    struct shard *shard = conn->shard;
    if (shard->down[0] != 0 || shard->stopping) { // while it was decided
        conn_answer_down(conn);
        return;
    }
    visit_switch_protocols(conn);
    conn->state = CONN_LOADING;
    conn->deadline_ms = 0;
    slot_add(slot_get(shard, conn->visit->name, conn->visit->policy), conn);
    free(conn->visit);
    conn->visit = NULL;
    conn_enter(conn);
}

static void on_decision(void *ctx, const struct auth_decision *decision)
{
    struct conn *conn = ctx;
    conn->visit->wait = NULL;
    bool granted = decision->reason == AUTH_ALLOWED && decision->permission != AUTH_NONE;
    audit(conn, granted, decision, decision->why);
    if (granted) {
        guest_begin(conn, decision);
        admit(conn);
    } else {
        refuse(conn,
               decision->reason == AUTH_ALLOWED ? REFUSE_FORBIDDEN : refusal_of(decision->reason));
    }
}

void door_decide(struct conn *conn)
{
    struct visit *visit = conn->visit;
    struct door *door = conn->shard->door;
    if (!door->decides || !visit->policy->decided) {
        admit(conn);
        return;
    }
    struct auth_wait *wait = NULL;
    struct auth_request request = {.room = visit->room, .token = visit->token};
    auth_decide(door->auth, &request, on_decision, conn, &wait);
    // Decided at once, the visit may be gone already.
    if (wait != NULL) visit->wait = wait;
}

/* ---- those who are in -------------------------------------------------------------------------
 */

enum room_right door_right(const struct conn *conn)
{
    if (conn->guest == NULL || conn->guest->permission == AUTH_WRITE) return ROOM_WRITE;
    return ROOM_READ; // who may comment does so beside the document
}

bool door_identity(const struct conn *conn, struct room_identity *who)
{
    const struct guest *guest = conn->guest;
    if (guest == NULL) return false;
    *who = (struct room_identity){guest->user_id, guest->name, guest->color};
    return true;
}

static void send_away(struct conn *conn, enum refusal refusal)
{
    const struct refusal_words *words = refusal_words(refusal);
    LOG(&conn->shard->log, LOG_INFO, "session ended", LOG_TEXT("user", conn->guest->user_id),
        LOG_CSTR("why", words->word));
    conn_close(conn, words->code, words->word);
}

static void on_recheck(void *ctx, const struct auth_decision *d)
{
    struct conn *conn = ctx;
    struct guest *guest = conn->guest;
    guest->recheck = NULL;
    switch (d->reason) {
    case AUTH_UNAVAILABLE: return; // nobody says that it is not welcome any more
    case AUTH_ALLOWED:
        guest->expires_at = d->expires_at;
        if (d->permission != guest->permission) send_away(conn, REFUSE_CHANGED);
        return;
    case AUTH_TOKEN_MISSING:
    case AUTH_TOKEN_BAD:
    case AUTH_TOKEN_EXPIRED: send_away(conn, REFUSE_TOKEN_EXPIRED); return;
    case AUTH_FORBIDDEN:
    case AUTH_NOT_FOUND:
    case AUTH_ROOM_BAD: send_away(conn, refusal_of(d->reason)); return;
    }
}

yd_slice conn_room(const struct conn *conn)
{
    if (conn->slot == NULL) return conn->visit == NULL ? YD_EMPTY : conn->visit->room;
    yd_slice name = {(const uint8_t *)conn->slot->name, conn->slot->name_len};
    const uint8_t *slash = memchr(name.ptr, '/', name.len);
    size_t party = (size_t)(slash - name.ptr) + 1;
    return (yd_slice){name.ptr + party, name.len - party};
}

static void recheck_guest(struct conn *conn)
{
    struct guest *guest = conn->guest;
    const struct door *door = conn->shard->door;
    if (door->takes_tickets) {
        send_away(conn, REFUSE_SESSION_OVER); // only a fresh ticket can tell
        return;
    }
    if (!door->asks) {
        bool over = guest->expires_at != 0 && guest->expires_at <= (int64_t)time(NULL);
        if (over) send_away(conn, REFUSE_TOKEN_EXPIRED);
        return;
    }
    struct auth_request request = {.room = conn_room(conn), .token = guest->token};
    auth_cancel_if(&guest->recheck);
    struct auth_wait *wait = NULL;
    auth_decide(door->auth, &request, on_recheck, conn, &wait);
    if (wait != NULL) guest->recheck = wait;
}

void door_recheck(struct conn *conn)
{
    if (conn->state == CONN_DECIDING && conn->visit->wait != NULL) {
        auth_cancel_if(&conn->visit->wait);
        door_decide(conn);
    } else if (conn->slot != NULL && conn->guest != NULL) {
        recheck_guest(conn);
    }
}

/* ---- time and the end -------------------------------------------------------------------------
 */

bool door_sweep(struct conn *conn, uint64_t now_ms)
{
    bool late = conn->deadline_ms != 0 && conn->deadline_ms <= now_ms;
    if (conn->state == CONN_HELD) {
        if (late) refusal_tell(conn);
        return late;
    }
    if (conn->state == CONN_DECIDING) {
        if (!late) return false;
        auth_cancel_if(&conn->visit->wait);
        refuse_here(conn, REFUSE_UNAVAILABLE);
        return true;
    }
    const struct guest *guest = conn->guest;
    if (conn->state != CONN_OPEN || guest == NULL) return false;
    if (guest->until_ms == 0 || guest->until_ms > now_ms) return false;
    send_away(conn, REFUSE_SESSION_OVER);
    return true;
}

void door_free(struct conn *conn)
{
    free(conn->visit);
    free(conn->guest);
}
