/* sim.h - rooms, links, a store and time, all of them played from one number.
 *
 *   client.c  what stock clients do, with documents of libydoc
 *   host.c    what a host does with the room's effects: gates, windows, members, a store
 *   play.c    draws what happens next, faults included; heals everything; compares
 *   main.c    seeds
 *
 * Real are session, room and engine. The host is a model of server/host without sockets: what it
 * must do is the same (docs/server.md H12, H50), how is not. */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "room/room.h"
#include "room/session.h"

enum {
    CLIENTS = 5,
    TABS = 6,
    WINDOW = 400,      /* bytes that may wait for a connection */
    PART = 120,        /* of a first sync */
    SOCKET = 300,      /* bytes that a link holds */
    ANSWERS_MAX = 3000 /* bytes more that may wait for who is held: a part, presence, nudges */
};

/* Mistakes that a host could make; the simulation has to find each. */
enum bug { BUG_NONE, BUG_GATE, BUG_DROP, BUG_SYNC };

struct rng {
    uint64_t state;
};
uint64_t rng_next(struct rng *rng);
uint32_t rng_below(struct rng *rng, uint32_t below);
static inline bool rng_one_in(struct rng *rng, uint32_t n) { return rng_below(rng, n) == 0; }

/* What happened, so that a run in which nothing did is a failure. */
struct counts {
    uint64_t typed, deleted, connects, drops, crashes, syncs, held, resumed, parts, refused,
        evictions, snapshots, states, delivered, tabs;
};

struct frame {
    uint8_t *bytes;
    size_t len;
    size_t gate; /* it may leave when so many records are on disk */
};
struct queue {
    struct frame *list;
    size_t first, count, cap;
    size_t bytes;
};
void queue_put(struct queue *queue, yd_slice head, yd_slice payload, size_t gate);
struct frame queue_take(struct queue *queue); /* bytes: to be given to free() */
void queue_clear(struct queue *queue);
void queue_free(struct queue *queue);

/* ---- client.c */
struct awareness {
    uint64_t clock;
    uint64_t heard_ms;
    uint32_t state; /* 0: none */
};
struct client {
    struct sim *sim;
    uint32_t number;
    struct yd_doc *doc;  /* what its user sees */
    struct yd_doc *seen; /* what the server has sent: on disk, for ever */
    bool connected, reads;
    struct queue up, down; /* the link */
    struct awareness presence[CLIENTS];
    uint32_t state; /* of its own, counts up */
    uint32_t tab;   /* documents that it has had */
    bool has_set;   /* a key, last at set_clock */
    uint64_t set_clock;
};
void client_init(struct client *client, struct sim *sim, uint32_t number);
void client_deinit(struct client *client);
void client_connected(struct client *client);
void client_lost(struct client *client); /* its link */
void client_types(struct client *client);
void client_new_tab(struct client *client);
void client_moves(struct client *client); /* its cursor */
void client_time(struct client *client);
void client_takes(struct client *client, yd_slice frame);

/* ---- host.c */
enum record_kind { RECORD_APPEND, RECORD_BASE, RECORD_DELTA };
struct record {
    enum record_kind kind;
    uint8_t *bytes;
    size_t len;
};
struct member {
    bool is_in, is_held;
    size_t held_bytes; /* waited when it was held */
    struct session *session;
    struct queue waiting;
};
struct host {
    struct sim *sim;
    struct room *room; /* NULL: not in memory */
    struct member members[CLIENTS];
    struct record *records; /* of the store, in order */
    size_t record_count, record_cap, synced;
    size_t *record_of_seq; /* of this life of the room */
    size_t seq_count, seq_cap;
    uint64_t refuse_at, requests; /* of memory; 0: none is refused */
};
void host_init(struct host *host, struct sim *sim);
void host_deinit(struct host *host);
void host_connect(struct host *host, uint32_t member);
void host_disconnect(struct host *host, uint32_t member);
void host_takes(struct host *host, uint32_t member, yd_slice frame);
void host_turn(struct host *host); /* tick, timer, what may leave leaves */
void host_sync(struct host *host, size_t records);
void host_crash(struct host *host);
void host_evict(struct host *host); /* the room leaves memory, if nobody is in */
void host_event(struct host *host, struct room_event ev);
struct room *host_reload(const struct host *host); /* a room of what the store has */

/* ---- play.c */
struct sim {
    struct rng rng;
    uint64_t seed, now_ms;
    enum bug bug;
    struct counts counts;
    struct client clients[CLIENTS];
    struct host host;
    bool verbose;
};
/* Plays one seed to its end. Ends the program when a rule is violated. */
void sim_play(struct sim *sim, uint64_t seed, enum bug bug);

/* Says which rule is violated and how to see it again; does not return. */
_Noreturn void sim_fail(const struct sim *sim, const char *rule);
#define SIM_RULE(sim, cond, rule) ((cond) ? (void)0 : sim_fail(sim, rule))
#define SIM_OK(call)              YD_ASSERT((call) == YD_OK)

yd_alloc sim_alloc(void);

#endif
