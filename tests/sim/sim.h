/* sim.h - rooms, links, a store and time, all of them played from one number.
 *
 *   client.c    what stock clients do with a document and a socket, in two dialects
 *   edit.c      what their users do to a document
 *   presence.c  their awareness
 *   host.c      what a host does with the rooms' effects: gates, windows, members
 *   desk.c      sockets and the documents on them; rights
 *   sleep.c     rooms that leave memory while their sockets stay
 *   store.c     records that are on disk or not
 *   who.c       who members are, and impostors
 *   known.c     what a room knows of presence
 *   judge.c     what must hold, whatever happens
 *   play.c      draws what happens next, faults included; heals everything
 *   queue.c     frames in order
 *   main.c      seeds
 *
 * Real are session, room and engine. The host is a model of server/host without sockets: what it
 * must do is the same (docs/server.md H12, H50, docs/access.md D40 to D44), how is not. */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "room/room.h"
#include "room/session.h"
#include "ydoc/base.h"

enum {
    SOCKETS = 5,         /* one user each */
    CONNS = 2 * SOCKETS, /* on the host, that of SOCKET and SOCKET + SOCKETS: one may be dead */
    ROOMS = 2,
    TABS = 6,
    IDS = SOCKETS * TABS, /* of awareness, less one: each tab has its own */
    WINDOW = 400,         /* bytes that may wait for a connection */
    PART = 120,           /* of a first sync */
    LINK = 300,           /* bytes that a link holds */
    STATE_MAX = 96,       /* of presence, bytes */
    SHREDS = 2400,        /* letters, of which one in two is deleted: more than R52 sends unasked */
    ANSWERS_MAX = 8000    /* bytes more that may wait for who is held: a part, presence, nudges */
};

/* Mistakes that a host could make; the simulation has to find each. */
enum bug {
    BUG_NONE,
    BUG_GATE,
    BUG_DROP,
    BUG_SYNC,
    BUG_STATUS,
    BUG_RIGHT,
    BUG_WAKE,
    BUG_USER,
    BUG_HELD,
    BUG_GONE,
    BUGS
};

struct rng {
    uint64_t state;
};
uint64_t rng_next(struct rng *rng);
uint32_t rng_below(struct rng *rng, uint32_t below);
static inline bool rng_one_in(struct rng *rng, uint32_t n) { return rng_below(rng, n) == 0; }

/* What happened, so that a run in which nothing did is a failure: see main.c. */
enum count {
    C_TYPED,
    C_DELETED,
    C_CONNECTS,
    C_DROPS,
    C_LOST, /* links that died unnoticed */
    C_CRASHES,
    C_SYNCS,
    C_HELD,
    C_RESUMED,
    C_PARTS,
    C_REFUSED, /* memory */
    C_EVICTIONS,
    C_SLEEPS,
    C_STORE_FAILS,
    C_SHREDS,
    C_REMOVED, /* rooms */
    C_ERASED,
    C_BROUGHT_BACK,
    C_NOT_FOUND, /* who came meanwhile */
    C_SNAPSHOTS,
    C_TABS,
    C_STATES,
    C_DELIVERED,
    C_ADMITTED, /* the rest is of Hocuspocus, or of rights */
    C_TURNED_AWAY,
    C_SHUT,
    C_TOKENS,
    C_RIGHTS,
    C_READ_ONLY, /* updates of readers */
    C_DENIED,
    C_SAVED,
    C_UNSAVED,
    C_ALL_SAVED,
    C_FORCED,
    C_STATELESS,
    C_QUEUED,
    C_PACED,
    C_IMPOSTORS,
    COUNTS
};

/* ---- queue.c */
struct frame {
    uint8_t *bytes;
    size_t len;
    size_t gate;    /* it may leave when so many records are on disk */
    uint8_t *claim; /* an update: what it says is saved; NULL: it says nothing of that */
    size_t claim_len;
};
struct queue {
    struct frame *list;
    size_t first, count, cap;
    size_t bytes;
};
struct frame frame_of(yd_slice head, yd_slice payload, size_t gate);
void frame_claims(struct frame *frame, yd_slice update);
void frame_free(struct frame *frame);
void queue_put(struct queue *queue, struct frame frame); /* takes it over */
struct frame queue_take(struct queue *queue);
void queue_clear(struct queue *queue);
void queue_free(struct queue *queue);
struct yd_buf buf_new(void);

/* ---- clients */
enum speech { YWS, HOCUSPOCUS_2, HOCUSPOCUS_3, HOCUSPOCUS_4, HOCUSPOCUS_4_ID, SPEECHES };

struct awareness {
    uint64_t clock;
    uint64_t heard_ms;
    uint32_t state; /* 0: none */
};
/* One document of a user. */
struct client {
    struct sim *sim;
    struct socket *socket;
    uint32_t number; /* of the socket: there is one client of each in a room, at most */
    uint32_t room;
    bool attached;       /* to its socket, whether that is connected or not */
    struct yd_doc *doc;  /* what its user sees */
    struct yd_doc *seen; /* what the server has shown */
    struct yd_doc *safe; /* that, as of the last look, and what it has said to be saved: on disk,
                            for ever */
    struct awareness presence[IDS];
    uint32_t state; /* of its own, counts up */
    uint32_t tab;   /* documents that it has had */
    bool has_shredded;
    bool has_set; /* a key, last at set_clock */
    uint64_t set_clock;
    /* of Hocuspocus */
    bool was_refused;
    bool was_in;             /* of this provider it was said so */
    bool was_ended;          /* and then that it is no more: it has to begin anew */
    int32_t unsaved;         /* as its user is shown */
    bool was_answered;       /* a STEP2 has come on this connection */
    bool surplus;            /* more is confirmed than is counted, by the provider's own doing */
    bool queued;             /* changes of it wait for the next connection */
    bool was_here;           /* on this connection before */
    bool is_heir;            /* hears what was said to the provider before it on this connection */
    uint32_t said;           /* stateless messages */
    uint32_t heard[SOCKETS]; /* the last one of each */
};
/* A connection as its client sees it, and what is under way on it. */
struct socket {
    struct sim *sim;
    uint32_t number;
    enum speech speech;
    bool connected, reads;
    uint32_t conn; /* on the host, if it is connected */
    struct queue up, down;
    struct queue offline; /* what was said without a connection */
    struct client docs[ROOMS];
    bool uses[ROOMS];
};
static inline bool speaks_yws(const struct socket *socket) { return socket->speech == YWS; }

/* client.c */
void client_init(struct client *client, struct socket *socket, uint32_t room);
void client_deinit(struct client *client);
void client_attach(struct client *client);
void client_detach(struct client *client);
void client_new_tab(struct client *client);
void client_token(struct client *client);
void client_force_sync(struct client *client);
void client_stateless(struct client *client);
void client_changed(struct client *client, yd_slice update); /* by its user */
/* type, step (-1: none), and bytes behind their length */
void client_says(struct client *client, uint8_t type, int step, yd_slice payload);
void socket_connected(struct socket *socket);
void socket_lost(struct socket *socket);
void socket_takes(struct socket *socket, const struct frame *frame);

/* edit.c */
void client_types(struct client *client);
void client_shreds(struct client *client); /* a long text, into single letters */

/* presence.c */
uint32_t awareness_id(const struct client *client); /* of its tab, less one */
void client_moves(struct client *client);           /* its cursor */
void client_time(struct client *client);
void client_announces(struct client *client);
void client_goes(struct client *client); /* says that it is gone */
uint32_t state_number(yd_slice text);
void client_hears(struct client *client, yd_slice update);
void client_forgets(struct client *client); /* the others: it is not connected */

/* ---- known.c */
/* What a room knows of presence, by client id, less one. */
struct known {
    struct {
        uint64_t clock;
        uint32_t owner; /* the member that brought it; CONNS: it is not present */
        uint32_t state;
    } of[IDS];
};
struct known known_of(const struct room *room);
/* An awareness update, entry by entry. */
struct entry {
    uint32_t id; /* less one */
    uint64_t clock;
    yd_slice state;
};
struct entries {
    struct yd_reader r;
    uint64_t left;
};
struct entries entries_of(yd_slice awareness);
bool entry_next(struct entries *entries, struct entry *entry);

/* ---- who.c */
struct host;
#define USERS (SOCKETS - 1) /* the first two sockets are of the same one */
uint32_t user_of(uint32_t conn);
const struct room_identity *identity_of(uint32_t user);
bool says_who(yd_slice state, const struct room_identity *who); /* NULL: as its client says */
void host_impostor(struct host *host, uint32_t socket, uint32_t room);

/* ---- host.c */
enum record_kind {
    RECORD_VOID, /* its write failed */
    RECORD_DELETED,
    RECORD_BROUGHT_BACK,
    RECORD_ERASED,
    RECORD_APPEND, /* this and what follows are content */
    RECORD_BASE,
    RECORD_DELTA
};
static inline bool record_is_mark(enum record_kind kind)
{
    return kind >= RECORD_DELETED && kind <= RECORD_ERASED;
}
struct record {
    enum record_kind kind;
    uint32_t room;
    uint8_t *bytes;
    size_t len;
};
enum seat_state { SEAT_NONE, SEAT_ASKED, SEAT_REFUSED, SEAT_IN };
/* A document on a connection; member of its room under the number of that. */
struct seat {
    enum seat_state state;
    uint32_t room;
    bool is_held;
    enum room_right right;
    struct queue kept; /* said before it was in: one byte of kind, and the payload */
    uint8_t *presence; /* as kept when its room went to sleep; NULL: never */
    size_t presence_len;
    uint8_t *owed; /* the last STEP2 of it: a STATUS for it may come later */
    size_t owed_len;
    double tells;      /* how often its presence may be told now */
    uint64_t tells_ms; /* as of */
};
struct conn {
    bool is_open;
    bool is_dead;      /* its client has gone, and the host has not noticed */
    struct queue lost; /* what has left on a dead link */
    size_t held_bytes; /* waited when the last of its seats was held */
    struct session *session;
    struct queue waiting;
    struct seat seats[ROOMS]; /* by the session's number of the document */
};
struct slot {
    struct room *room;     /* NULL: not in memory */
    enum record_kind mark; /* the last one of it in the store; VOID: there is none */
    bool is_asleep;        /* not in memory, and its members are there */
    size_t *record_of_seq; /* of this life of the room */
    size_t seq_count, seq_cap;
    struct yd_doc *allowed; /* all that those who may write have ever sent */
};
struct host {
    struct sim *sim;
    struct slot slots[ROOMS];
    struct conn conns[CONNS];
    struct record *records; /* of the store, in order, of all rooms */
    size_t record_count, record_cap, synced;
    enum room_right rights[SOCKETS][ROOMS];
    uint32_t states_per_s;
    bool has_users;               /* it says who its members are */
    bool is_edge;                 /* its rooms sleep; nobody is behind, and no sync has parts */
    uint64_t refuse_at, requests; /* of memory; 0: none is refused */
    /* of the message that is being handled */
    yd_slice claim; /* the update in it; empty: it is none */
    bool is_step2, is_readers;
    bool is_tick;
};
void host_init(struct host *host, struct sim *sim);
void host_deinit(struct host *host);
void host_event(struct host *host, uint32_t room, struct room_event ev);
void host_turn(struct host *host); /* tick, timer, what may leave leaves */
void host_crash(struct host *host);
void host_store_fails(struct host *host, uint32_t room);
void host_evict(struct host *host, uint32_t room); /* out of memory, if nobody is in */
void room_drop(struct host *host, uint32_t room);
yd_alloc host_heap(struct host *host); /* the rooms', which may refuse */
struct seat *seat_in_room(struct host *host, uint32_t conn, uint32_t room); /* NULL: not in */

/* desk.c */
void host_connect(struct host *host, uint32_t socket);
void host_disconnect(struct host *host, uint32_t socket);
void host_loses(struct host *host, uint32_t socket);   /* the link is dead, and who knows it */
void host_notices(struct host *host, uint32_t socket); /* that one is */
void host_takes(struct host *host, uint32_t socket, yd_slice frame);
void host_decides(struct host *host, uint32_t socket, bool refuses); /* who has asked */
void host_right(struct host *host, uint32_t socket, uint32_t room, enum room_right right);
void host_asks_token(struct host *host, uint32_t socket, uint32_t room);
void conn_end(struct host *host, uint32_t conn);
uint32_t seat_wants(const struct host *host, uint32_t conn, const struct seat *seat);
const struct room_identity *seat_identity(const struct host *host, uint32_t conn);
struct socket *conn_client(struct host *host, uint32_t conn); /* NULL: nobody is there */

/* sleep.c */
void host_sleeps(struct host *host, uint32_t room);
void host_wakes(struct host *host, uint32_t room);
void seat_keep(struct host *host, uint32_t conn, struct seat *seat);

/* gone.c */
void host_deletes(struct host *host, uint32_t room, bool erases);
void host_undeletes(struct host *host, uint32_t room);
bool room_is_gone(const struct host *host, uint32_t room); /* deleted or erased */
enum record_kind room_mark(const struct host *host, uint32_t room);
void seat_let_go(struct host *host, uint32_t conn, struct seat *seat);

/* store.c */
void record_add(struct host *host, uint32_t room, enum record_kind kind, yd_slice bytes);
void records_cut(struct host *host, size_t count);
void records_lose(struct host *host, uint32_t room); /* what is not synced */
struct room *room_load(const struct host *host, uint32_t room, yd_alloc alloc);
void host_sync(struct host *host, size_t records);

/* ---- judge.c */
/* What is told of presence: whose it is. If it is a tick that tells it: from whose budget, and
 * whether that allows it. */
void judge_told(struct host *host, uint32_t room, yd_slice awareness);
void judge_impostor(struct host *host, uint32_t room, const struct known *before);
void judge_disk(struct sim *sim);        /* what a crash would leave */
void judge_saved(struct client *client); /* it shows that all is saved */
void judge_ghosts(struct sim *sim);
void judge_end(struct sim *sim);                     /* all is quiet */
bool has_all_of(struct yd_doc *b, struct yd_doc *a); /* a's state changes nothing in b */

/* ---- play.c */
struct sim {
    struct rng rng;
    uint64_t seed, now_ms;
    bool shreds, deletes; /* texts, rooms */
    bool forgets_nothing; /* rooms stay in memory to the end */
    enum bug bug;
    uint64_t counts[COUNTS];
    struct socket sockets[SOCKETS];
    struct host host;
};
/* Plays one seed to its end. Ends the program when a rule is violated. */
void sim_play(struct sim *sim, uint64_t seed, enum bug bug);

/* Says which rule is violated and how to see it again; does not return. */
_Noreturn void sim_fail(const struct sim *sim, const char *rule);
#define SIM_RULE(sim, cond, rule) ((cond) ? (void)0 : sim_fail(sim, rule))
#define SIM_OK(call)              YD_ASSERT((call) == YD_OK)

yd_alloc sim_alloc(void);

#endif
