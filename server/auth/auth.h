/* auth/auth.h - who may enter a room: from what a client presents to one decision.
 *
 * Where it sits  host (upgrade, or a dialect's auth frame) -> auth_decide() -> decision -> host.
 *                This part knows tokens, keys and backends; it knows no socket of a client, no
 *                room in memory and no dialect. How a refusal is told is the host's.
 * Ownership      strings in auth_opts and auth_request are borrowed for the call; a decision is
 *                valid during the callback only.
 * Threads        one loop, one thread. All callbacks come on the loop's thread.
 * Time           wall clock (seconds since 1970) for tokens, the loop's clock for caches.
 * Secrets        no token, key or signature is ever part of a log line or a `why`.
 * Source         docs/security.md, rules A1...
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "ydoc/base.h"

#define AUTH_ERROR_MAX  512  /* a sentence about a setting that cannot be used */
#define AUTH_TOKEN_MAX  8192 /* bytes; a longer token is refused unread */
#define AUTH_USER_MAX   256  /* bytes of a user id */
#define AUTH_NAME_MAX   256  /* bytes of a display name, cut at a character */
#define AUTH_COLOR_MAX  32
#define AUTH_ORIGIN_MAX 256

enum auth_mode {
    AUTH_MODE_NONE,
    AUTH_MODE_TICKET,
    AUTH_MODE_CONVEX,
    AUTH_MODE_JWT,
    AUTH_MODE_HOOK
};

enum auth_permission { AUTH_NONE, AUTH_READ, AUTH_COMMENT, AUTH_WRITE };

/* Why a decision is what it is. The host maps these to HTTP statuses and close codes. */
enum auth_reason {
    AUTH_ALLOWED,
    AUTH_TOKEN_MISSING,
    AUTH_TOKEN_BAD, /* malformed, unknown key, bad signature, wrong issuer or audience, replay */
    AUTH_TOKEN_EXPIRED, /* the signature is good, the time is over: a fresh one will do */
    AUTH_FORBIDDEN,     /* known user, no right to this room */
    AUTH_NOT_FOUND,     /* no such document, says the application */
    AUTH_ROOM_BAD,      /* the application cannot read this room name */
    AUTH_UNAVAILABLE    /* the backend or the key set cannot be asked now, and nothing usable is
                           remembered: try again later */
};

struct auth_decision {
    enum auth_reason reason;
    enum auth_permission permission; /* AUTH_NONE unless reason is AUTH_ALLOWED */
    int64_t expires_at;              /* seconds since 1970, when the right ends: the token's or what
                                        the application says; 0: never, also by a ticket, which
                                        only opens the door */
    bool remembered;                 /* from the cache, the backend was not asked now */
    const char *why;                 /* one constant sentence for the audit line */
    char user_id[AUTH_USER_MAX + 1]; /* UTF-8; empty: anonymous */
    char name[AUTH_NAME_MAX + 1];    /* UTF-8; empty: none given */
    char color[AUTH_COLOR_MAX + 1];  /* as the application gave it; empty: none */
};

/* NULL or 0 in a field means its default or, for a secret or address, that it is not set. Which
 * fields a mode needs is said by auth_new()'s error. */
struct auth_opts {
    enum auth_mode mode;
    const char *ticket_secret; /* HS256 key of tickets; several, comma separated, in rotation */
    const char *ticket_jwks;   /* JSON text or http(s) address of public keys of tickets */
    const char *issuers;       /* comma separated; a token's `iss` must be one of them */
    const char *jwks_url;      /* http(s) address for all issuers, or comma separated one for each,
                                  in their order; default, also for an empty one: that issuer +
                                  /.well-known/jwks.json */
    const char *jwks;          /* JSON text of a key set, in place of an address */
    const char *audience;      /* comma separated, one of them has to be in `aud`; "*": any or none.
                                  Default: "convex", of tickets "partyd" */
    const char *convex_url;    /* http(s) address of the Convex deployment */
    const char *convex_function; /* default "collab:authorize" */
    const char *jwt_rooms_claim; /* jwt mode: claim that maps room patterns to permissions; default
                                    "rooms" */
    const char *hook_url;        /* hook mode: asked for each decision */
    const char *secret;          /* COLLAB_SECRET: signs what is sent to the hook; several, comma
                                    separated, in rotation: the first signs. 32 bytes or more each,
                                    like ticket_secret */
    uint32_t backend_calls_max;  /* at the same time; 16 */
    uint32_t backend_timeout_ms; /* 5,000 */
    uint32_t remember_ms;        /* a positive decision; 10,000. Negative: a fifth */
    uint32_t stale_ms;           /* while the backend is down; 0: never. Default 300,000 */
    bool stale_never;            /* stale_ms is 0 on purpose */
    /* The backend or a key set cannot be used: for the log and an alarm, at most once in 10 s.
     * what is a constant sentence, detail at most 200 bytes from outside. May be NULL. */
    void (*trouble)(void *ctx, const char *what, const char *detail);
    void *trouble_ctx;
};

struct auth_request {
    yd_slice room;  /* raw room name, without the party, as the application knows it */
    yd_slice token; /* as presented, YD_EMPTY: none */
};

struct auth;
struct auth_wait; /* a decision under way */

typedef void auth_done(void *ctx, const struct auth_decision *decision);

/* Errors: YD_EMALFORMED with a sentence in why that names the setting and the next step. */
YD_NODISCARD yd_err auth_new(const struct auth_opts *opts, uv_loop_t *loop, struct auth **auth,
                             char why[AUTH_ERROR_MAX]);
/* Ends all that is under way without calling back; not from within a callback. The loop has to turn
 * once more to release its handles. NULL is allowed. */
void auth_free(struct auth *auth);

/* Decides, and calls done exactly once: before returning if nothing has to be asked (*wait is NULL
 * then), else later. Equal questions under way at the same time are asked once. */
void auth_decide(struct auth *auth, const struct auth_request *request, auth_done *done, void *ctx,
                 struct auth_wait **wait);
/* The asker is gone: done will not be called. */
void auth_cancel(struct auth_wait *wait);

/* Forgets remembered decisions of a room, of a user in it, or (both empty) all. */
void auth_forget(struct auth *auth, yd_slice room, yd_slice user_id);

/* Checks the common signature of requests between the application's backend and this server
 * (X-Collab-Timestamp, -Sha256, -Signature; docs/security.md). False: refuse with 401. */
struct auth_signature {
    yd_slice method, path, timestamp, room, seq, sha256_hex, signature, body;
};
bool auth_signature_ok(const struct auth *auth, const struct auth_signature *signature,
                       int64_t now_s);

/* Backend calls under way, for tests and metrics. */
uint32_t auth_calls_under_way(const struct auth *auth);

#endif
