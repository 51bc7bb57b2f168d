/* host/door.h - who is let into which room, and how a refusal is told.
 *
 *   upgrade.c -> door_knock() -> [origin, table of rooms] -> auth_decide() -> admitted: slot_get()
 *                                                                         \-> refused: refuse.c
 *
 * Until the decision a seat has a visit and nothing of the room: not loaded, not looked up.
 * After it a guest, if somebody decided; with open doors it has neither.
 * Rules D6..D15, D19 of docs/access.md. */
#ifndef HOST_DOOR_H
#define HOST_DOOR_H

#include "auth/auth.h"
#include "host/shard.h"

#define PROTOCOL_MAX 256

/* Why somebody is not let in, or is asked to go. */
enum refusal {
    REFUSE_TOKEN_MISSING,
    REFUSE_TOKEN_BAD,
    REFUSE_TOKEN_EXPIRED,
    REFUSE_FORBIDDEN,
    REFUSE_NOT_FOUND,
    REFUSE_ROOM_BAD,
    REFUSE_UNAVAILABLE,
    REFUSE_ROOM_UNKNOWN, /* the table of rooms has no entry for it */
    REFUSE_ROOM_NAME,    /* too long, or control characters */
    REFUSE_ORIGIN,
    REFUSE_SESSION_OVER,
    REFUSE_CHANGED,    /* still welcome, with other rights: come again */
    REFUSE_UNREADABLE, /* what is stored of it cannot be read */
    REFUSE_TOO_MANY,   /* documents on this socket */
    REFUSE_ROOM_FULL,  /* connections in it */
    REFUSE_BUSY,       /* rooms in memory */
    REFUSE_NO_PLACE,   /* connections of the process */
    REFUSE_RATE        /* a limit of its address */
};

/* How it is told. */
struct refusal_words {
    int status;       /* HTTP, to whoever backs off on it */
    uint32_t code;    /* of a WebSocket close; 44xx: for good, 45xx: come again */
    const char *word; /* for programs */
    const char *text; /* for people */
    bool by_http;     /* to everybody */
};
const struct refusal_words *refusal_words(enum refusal refusal);
enum refusal refusal_of(enum auth_reason reason); /* not of AUTH_ALLOWED */

/* What the answer 101 says; accept is empty: there will be none. */
struct upgrade {
    char accept[HTTP_ACCEPT_LEN + 1];
    char protocol[PROTOCOL_MAX + 1];
    bool deflates; /* permessage-deflate was offered and is taken */
};

struct visit {
    struct auth_wait *wait;  /* NULL: nothing is under way */
    struct upgrade *upgrade; /* of a request; NULL: the socket is open */
    const struct policy *policy;
    uint64_t asked_ns;
    enum refusal refusal; /* while it is held */
    bool held;
    yd_slice name; /* "party/room" */
    yd_slice room, token;
    uint8_t bytes[];
};

struct guest {
    struct auth_wait *recheck;
    enum auth_permission permission;
    int64_t expires_at; /* seconds since 1970; 0: never */
    uint64_t until_ms;  /* end of the session; 0: none */
    bool token_asked;   /* which would prolong it */
    yd_slice user_id, name, color;
    yd_slice token; /* empty: nobody can be asked again */
    uint8_t bytes[];
};

struct door {
    struct auth *auth;
    bool decides;       /* some mode other than none */
    bool asks;          /* a backend decides, which can be asked again */
    bool takes_tickets; /* what opened the door says nothing of later */
    uint32_t held_count, held_max;
    uint32_t linger_count; /* open sockets without a document; held_max too */
    uint64_t sessions;     /* spreads their ends */
    uint64_t audit_second;
    uint32_t audit_lines, audit_dropped; /* refusals in that second */
};

/* door.c. Errors of door_open: a sentence in why (AUTH_ERROR_MAX bytes). */
YD_NODISCARD yd_err door_open(struct shard *shard, char *why);
void door_close(struct shard *shard);
/* A request for a room, well-formed as HTTP: copies what it says. The connection is answered, or
 * CONN_DECIDING and then its seat is to be given to door_decide(), or CONN_OPEN (desk.h). */
void door_knock(struct conn *conn, const struct http_request *request, const struct route *route);
/* Wants into a room. */
void visit_begin(struct seat *seat, yd_slice party, yd_slice room, yd_slice token);
void door_decide(struct seat *seat);
/* Keeps a newer token for when the refusal of the one before would be told. */
void visit_later(struct seat *seat, yd_slice party, yd_slice room, yd_slice token);
bool door_decide_newer(struct seat *seat); /* false: there is none */
void door_leave(struct seat *seat);        /* the seat ends */
void door_free(struct seat *seat);
/* Says no, on the record. */
void door_refuse(struct seat *seat, enum refusal refusal);
/* Deadlines of its seats. */
void door_sweep(struct conn *conn, uint64_t now_ms);
enum room_right door_right(const struct seat *seat);
/* False: no identity, presence is what the client says. */
bool door_identity(const struct seat *seat, struct room_identity *who);
/* Asks again for somebody who is in, or for somebody who is still being decided. */
void door_recheck(struct seat *seat);

/* Its room's name without the party, or that of the room it asks for; YD_EMPTY: neither. */
yd_slice seat_room(const struct seat *seat);

static inline void auth_cancel_if(struct auth_wait **wait)
{
    if (*wait != NULL) auth_cancel(*wait);
    *wait = NULL;
}

/* refuse.c */
void refuse(struct seat *seat, enum refusal refusal);
void refusal_tell(struct seat *seat); /* its time has come */
/* Tells a document on an open socket, at once. */
void desk_refuse(struct seat *seat, enum refusal refusal);
void refusals_sweep(struct shard *shard);
/* One line for each decision. */
void audit(struct seat *seat, bool granted, const struct auth_decision *decision, const char *why);
void switch_protocols(struct conn *conn, const struct upgrade *upgrade); /* the answer 101 */

/* api.c: the HTTP API of the application's backend, below /api/. */
bool api_is_path(yd_slice path);
/* As conn_on_request(). */
uint32_t api_on_request(struct conn *conn, const struct http_request *request, yd_slice rest);

#endif
