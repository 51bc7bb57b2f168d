/* host/shard.h - what one thread owns: its loop, connections, rooms and store. No globals.
 *
 * The way of one message:
 *   socket -> conn.c (bytes) -> wire/ws -> session -> room_step() -> effects.c -> outbox.c
 *   turn.c decides when a batch goes to the store and when output leaves
 *   store -> shard_on_store() -> outbox.c releases what waited
 */
#ifndef HOST_SHARD_H
#define HOST_SHARD_H

#include <uthash.h>
#include <uv.h>

#include "host/limits.h"
#include "host/metrics.h"
#include "host/service.h"
#include "ops/heap.h"
#include "ops/log.h"
#include "ops/settings.h"
#include "room/room.h"
#include "room/session.h"
#include "store/store.h"
#include "wire/deflate.h"
#include "wire/http.h"
#include "wire/route.h"
#include "wire/ws.h"

struct shard;
struct admin;   /* host/admin.h */
struct door;    /* host/door.h: */
struct visit;   /* somebody wants in */
struct guest;   /* somebody was let in */
struct caller;  /* host/desk.h: who asks for many documents on one socket */
struct backups; /* host/backups.h */
struct conn;
struct room_slot;

/* Bytes on their way to one or many sockets. */
struct chunk {
    uint32_t refs;
    uint32_t len;
    uint8_t bytes[];
};

/* Output of a room (for all its members) or of one connection, in three stages:
 * open -> flight (waits for a batch that has been promised) -> ready (may leave). Two stages that
 * wait, because what is added while one batch is on its way must not delay what waits for it. */
struct outbox {
    struct conn *conn;      /* or */
    struct room_slot *slot; /* both NULL: the owner is gone, free me */
    uint32_t wire;          /* of a room's: what members it is for, see session_wire() */
    struct yd_buf ready, flight, open;
    uint64_t flight_batch, open_batch;
    uint32_t ready_from, flight_from, open_from; /* member whose messages these are, see FROM_ */
    bool in_dirty, in_gated;
};
#define FROM_NOBODY UINT32_MAX       /* there are none yet */
#define FROM_MANY   (UINT32_MAX - 1) /* of several members, or of the room itself */

/* A queue. */
struct outbox_list {
    struct outbox **list;
    size_t first, count, cap; /* count: those from first on */
};

enum conn_state { CONN_HTTP, CONN_DECIDING, CONN_HELD, CONN_LOADING, CONN_OPEN, CONN_CLOSING };

enum seat_state {
    SEAT_ASKING,  /* whether it is let in is being decided */
    SEAT_HELD,    /* it is not; the answer waits */
    SEAT_REFUSED, /* it was told so, on a socket that goes on */
    SEAT_AWAITED, /* its client was asked for another token */
    SEAT_LOADING, /* let in; its room is being loaded */
    SEAT_IN       /* a member of its room */
};

/* One document on one connection, a member of its room from JOIN to LEAVE. A connection of
 * y-websocket's family has one, one of Hocuspocus as many as it has asked for. See seat.c. */
struct seat {
    struct conn *conn;
    struct room_slot *slot; /* from SEAT_LOADING on */
    struct visit *visit;    /* until it is let in, and while it is decided anew */
    struct guest *guest;    /* from then on, if somebody decided; NULL: the door was open */
    struct visit *newer;    /* a newer token came while an older one is decided or held */
    struct yd_buf *held;    /* messages that came before it was in */
    size_t held_bytes;
    uint64_t deadline_ms; /* 0: none */
    uint64_t cut_batch;   /* while it is held: the last that may hold something for it */
    uint32_t member;
    uint32_t doc;  /* its number in the session */
    uint8_t state; /* enum seat_state */
    uint8_t wire;  /* of its document, in SEAT_IN; else SEAT_NO_WIRE */
    uint8_t tokens_asked;
    bool is_held; /* what goes to all is not for it: see flow.c */
    bool is_cut;  /* and nothing from before that is left in its room's outbox */
};
#define SEAT_NO_WIRE 0xff

/* What a slow or interrupted write left behind. */
struct backlog {
    uv_write_t req;
    bool writing;
    struct chunk **list;
    size_t count, cap, sending;
    size_t first_offset; /* bytes of list[0] that are out already */
    size_t bytes;
};

struct conn {
    uv_tcp_t tcp;
    struct shard *shard;
    struct conn *prev, *next; /* all of the shard */
    struct seat **seats;      /* by number of the document; NULL: none */
    struct session *session;
    struct caller *caller;    /* of a dialect with many documents */
    struct ws_reader *reader; /* only while a message is under way */
    struct outbox *out;       /* only while something waits for this connection alone */
    struct backlog *backlog;
    struct chunk *late; /* its own updates, to be sent back with what comes next; see late.c */
    struct conn *late_prev, *late_next;
    uint64_t late_ns;                   /* when it was kept */
    struct conn *flow_prev, *flow_next; /* in the shard's list, while in_flow */
    uint32_t held_count;                /* seats that are held */
    uint32_t flow_doc;                  /* whose turn is next */
    struct yd_buf *held;                /* request, or frames that came before the room was ready */
    struct api_wait *api;               /* NULL, or what an API call has asked the store */
    uint64_t heard_ms, pinged_ms, deadline_ms; /* deadline 0: none */
    struct allowance allowance;                /* limits.h */
    uint32_t seat_cap;
    uint32_t awaits;     /* bytes of the request before it is looked at again */
    uint16_t close_code; /* of a close that waits for its deadline */
    uint8_t state;       /* enum conn_state */
    bool speaks_text : 1, finished : 1, peer_ended : 1;
    bool deflates : 1; /* large messages may be compressed, in both directions */
    bool in_flow;      /* is in the shard's list of those that are too slow, or can take more */
    bool paused;       /* not read until the batch has gone to the store */
    bool is_http;      /* answered without an upgrade */
};

/* A message to one member that others of the same wire are sent too. */
struct shared {
    uint64_t share; /* its number in the room */
    uint32_t wire;
    bool deflated;  /* for those who take it so */
    uint8_t unused; /* sweeps since it was last sent to somebody */
    struct chunk *frame;
};

enum slot_state { SLOT_LOADING, SLOT_READY, SLOT_GONE };

/* A room in memory, under its name in the store: "party/room". */
struct room_slot {
    UT_hash_handle hh;       /* by name */
    UT_hash_handle by_token; /* while loading */
    struct room *room;
    struct peer *peer;     /* the address that it counts for; NULL: none */
    struct seat **members; /* by member number; NULL: free */
    uint32_t member_cap, member_count;
    uint32_t wire_counts[SESSION_WIRES + 1]; /* members that are in, by their wire */
    struct seat *wire_seats[SESSION_WIRES];  /* one of each, if it is known */
    uint32_t member_free;                    /* no number below is free */
    uint32_t *leaves; /* members that went while the room was being stepped */
    uint32_t leave_count, leave_cap;
    bool stepping;
    bool was_asked_for;           /* nothing is stored, and no backup has it either */
    bool is_ticking;              /* is in the shard's list of those that want a TICK */
    struct room_slot *ticks_next; /* there */
    uint64_t token;               /* of its load */
    uint64_t append_batch;        /* that holds its last append */
    uint64_t empty_ms;            /* since when nobody is in; 0: somebody is */
    struct outbox *outs[SESSION_WIRES];
    uint64_t append_seq;           /* of its last append */
    uint64_t settled_seq;          /* one that is on disk for certain */
    struct bucket messages, bytes; /* into it: limits.h */
    uint32_t held_count;           /* members that are held */
    struct shared *shared;         /* frames of what several of them are sent */
    uint32_t shared_count, shared_cap;
    const struct policy *policy;
    struct room_slot *next_gone;
    enum slot_state state;
    uint32_t name_len;
    char name[];
};

struct shard {
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_async_t store_wake;
    uv_check_t turn;
    uv_timer_t turn_timer, sweep;
    uv_idle_t turn_idle;
    uv_signal_t on_int, on_term;
    struct settings *settings;
    struct log log;
    struct limits limits;
    struct metrics metrics;
    uv_timer_t accept_timer; /* a connection is taken when it fires */
    struct service service;
    struct store *store;
    struct door *door;
    struct backups *backups; /* NULL: there are no sinks */
    struct admin *admin;
    struct ask *asks; /* that are not answered */
    struct room_slot *rooms;
    struct conn *flow_first, *flow_last; /* to be looked at in the next turn, see flow.c */
    struct conn *late_first, *late_last; /* who has something late, the oldest first */
    uv_timer_t late_timer;
    struct room_slot *loading; /* by token */
    struct room_slot *ticking; /* presence of these has changed since the last turn */
    struct room_slot *gone;    /* freed at the next sweep */
    struct conn *conns;
    uint32_t conn_count;
    struct ws_reader *resting;  /* serves every connection that is between two messages */
    struct ws_inflate *inflate; /* and these all that compress; NULL: not needed yet */
    struct ws_deflate *deflate;
    struct outbox_list dirty, gated;
    uint64_t durable; /* batch number */
    uint64_t tokens;
    uint64_t next_turn_ns;              /* not before */
    uint64_t window_ns, window_idle_ns; /* begin of the window in which the load is measured */
    uint64_t load_gap_ns;               /* wait between turns that the load asks for */
    uint64_t dearest_ns;                /* longest write to one room since the last turn */
    uint64_t dearest_before_ns;         /* and in the turn before */
    uint64_t reopen_ms;                 /* try the store again; 0: never */
    uint64_t ignored;                   /* messages dropped */
    uint64_t drops;                     /* rooms dropped for a failure */
    char down[STORE_ERROR_MAX];         /* why the store is down; empty: it is up */
    bool turn_armed, flushing, stopping, relaxed;
    bool any_paused;
    bool closed_all;
    bool maintains; /* for the commands alone: no listener, no door; see host/maintain.h */
    uint64_t stop_ms, close_ms;
    uint64_t started_s; /* since 1970 */
    uint8_t recv[128 * 1024];
};

/* shard.c */
int shard_run(struct settings *settings);
/* The parts of it that host/maintain.c needs too. */
struct shard *shard_new(struct settings *settings);
yd_err shard_open_store(struct shard *shard); /* shard->down says why not */
void shard_begin(struct shard *shard);        /* handles and timers, before open_store */
void shard_free(struct shard *shard);
uint64_t shard_now(const struct shard *shard); /* ms, monotonic */
void shard_on_store(struct shard *shard);
void shard_store_failed(struct shard *shard, const struct store_event *ev);

/* conn.c */
void conn_accept(struct shard *shard); /* the next that waits, or a little later */
/* It is open: makes its session, and reads. */
void conn_open(struct conn *conn, struct session_opts opts);
/* One message of it. False: it is read no further. */
bool conn_on_message(void *ctx, enum ws_opcode opcode, yd_slice payload);
void conn_read_held(struct conn *conn);                                /* what came before that */
void conn_close(struct conn *conn, uint32_t code, const char *reason); /* after what is ready */
void conn_end(struct conn *conn);                                      /* at once */
void conn_finish(struct conn *conn); /* all is written: say so to the peer */
void conn_sweep(struct conn *conn, uint64_t now_ms);
void conns_resume(struct shard *shard);   /* reads those again that were paused */
void conn_forget_held(struct conn *conn); /* what was read of it and not understood yet */

void api_wait_end(struct conn *conn); /* api_store.c: nobody waits for the store any more */

/* seat.c */
struct seat *seat_new(struct conn *conn, uint32_t doc);
struct seat *seat_get(const struct conn *conn, uint32_t doc); /* NULL: there is none */
void seat_free(struct seat *seat);                            /* NULL is allowed */
void seat_enter(struct seat *seat); /* it has a slot: goes in, or waits until it is loaded */
void seat_ready(struct seat *seat); /* its room is ready: JOIN, then what came meanwhile */
void seat_message(struct seat *seat, enum room_message message, yd_slice bytes);
void seat_leave(struct seat *seat); /* its room, and whatever it waits for */
void seats_leave(struct conn *conn);
void seats_free(struct conn *conn);
/* Ends it from our side: the connection, or, where others go on on it, the document alone. */
void seat_end(struct seat *seat, uint32_t code, const char *reason);
/* All seats of a connection: for (struct seat *s = seat_after(conn, NULL); s != NULL; ...) */
struct seat *seat_after(const struct conn *conn, const struct seat *seat);

/* upgrade.c: the HTTP side; answers, or takes the connection to the door. Bytes of body to wait for
 * before it can: then it is called again. rest: what has come behind the head. */
uint32_t conn_on_request(struct conn *conn, const struct http_request *request, yd_slice rest);
void conn_answer_down(struct conn *conn); /* 503 */
void conn_answer(struct conn *conn, int status, const char *type, yd_slice body);

/* rooms.c */
struct room_slot *slot_find(const struct shard *shard, yd_slice name); /* NULL: not in memory */
struct room_slot *slot_get(struct shard *shard, yd_slice name, const struct policy *policy,
                           struct peer *peer);
/* One message to such a room, in one piece or in chunks; policy may be NULL. */
size_t policy_message_bytes(const struct shard *shard, const struct policy *policy);
void slot_loaded(struct shard *shard, struct store_event *ev);
void slot_add(struct room_slot *slot, struct seat *seat);
void slot_remove(struct seat *seat);
void slot_wire(struct seat *seat); /* it is in from now on */
/* False: the room has failed and is gone. */
bool slot_event(struct room_slot *slot, struct shard *shard, struct room_event ev);
/* Takes an update that no member has sent. False: the room does not take it as it is, or has failed
 * and is gone. */
bool slot_merge(struct room_slot *slot, struct shard *shard, yd_slice update);
void slot_drop(struct shard *shard, struct room_slot *slot, uint32_t code, const char *reason);
/* It cannot be loaded: who waits for it is told so, after a while. */
void slot_refuse(struct shard *shard, struct room_slot *slot, uint16_t code, const char *why);
void slots_bury(struct shard *shard);
void slots_tick(struct shard *shard); /* presence that has changed goes out */
void slots_sweep(struct shard *shard, uint64_t now_ms);
void slots_free(struct shard *shard); /* at the end */

/* effects.c */
/* from: the member whose message caused them, or FROM_MANY. */
void effects_carry_out(struct shard *shard, struct room_slot *slot, const struct room_effects *fx,
                       uint32_t from);
/* What the host says itself about a document. */
void seat_note(struct seat *seat, enum session_note note, const char *text);

/* outbox.c */
struct outbox *outbox_of_conn(struct conn *conn);
void outbox_put(struct shard *shard, struct outbox *out, yd_slice head, yd_slice payload,
                uint64_t batch); /* batch 0: ready at once */
/* To all members of a wire. */
void outbox_put_all(struct shard *shard, struct outbox *out, yd_slice head, yd_slice payload,
                    uint64_t batch, uint32_t from);
struct outbox *outbox_of_slot(struct room_slot *slot, uint32_t wire);
void outbox_disown(struct outbox *out);
void outboxes_release(struct shard *shard); /* the durable batch has advanced */
void outboxes_forget_gated(struct shard *shard);
void outboxes_free(struct shard *shard); /* at the end: nobody owns any of them */
/* Writes what is ready, one outbox after the other, until deadline_ns. True: there is more. */
bool outboxes_flush(struct shard *shard, uint64_t deadline_ns);
void conn_write(struct conn *conn, struct chunk *first, struct chunk *second);
void backlog_free(struct backlog *backlog);
struct chunk *chunk_new(yd_slice head, yd_slice payload); /* one reference, the caller's */
void chunk_unref(struct chunk *chunk);                    /* NULL is allowed */
size_t outbox_waiting(const struct outbox *out);          /* bytes; NULL: none */
/* The batch that holds the last of what waits; 0: nothing does. */
uint64_t outbox_last_batch(const struct shard *shard, const struct outbox *out);

/* asks.c: who waits for which answer of the store (store/manage.h). done gets the event once, or
 * STORE_EV_FAILED when the store ends before; then the token is no more. */
typedef void ask_done(void *ctx, struct store_event *ev);
uint64_t ask_new(struct shard *shard, ask_done *done, void *ctx); /* the token to ask with */
void ask_cancel(struct shard *shard, uint64_t token);             /* 0 is allowed */
bool ask_answered(struct shard *shard, struct store_event *ev);   /* false: it is nobody's */
void asks_failed(struct shard *shard, const struct store_event *ev);
void asks_free(struct shard *shard);

/* deflate.c: what is compressed on its way out, once for all */
bool deflate_is_on(const struct shard *shard);
struct ws_inflate *deflate_inflater(struct shard *shard);
/* Frames for connections that take them compressed; a reference for the caller. */
struct chunk *deflate_chunk(struct shard *shard, struct chunk *frames);
bool deflate_tries(const struct shard *shard, size_t payload_len);
void deflate_free(struct shard *shard);

/* late.c: what may wait for company */
void late_init(struct shard *shard);
bool late_keep(struct conn *conn, struct chunk *chunk); /* false: it keeps something already */
struct chunk *late_take(struct conn *conn);             /* with its reference; NULL: nothing */
void late_flush(struct shard *shard);                   /* all that is kept, at once */

/* flow.c: who does not take what it is sent, and who can take more */
size_t conn_waiting(const struct conn *conn); /* bytes, in user space */
/* Something of it was written, or could not be: it is looked at in the next turn if need be. */
void flow_notice(struct conn *conn);
void flow_forget(struct conn *conn); /* it ends */
void flow_turn(struct shard *shard);
/* Something is about to be said for a seat that may cause a large answer. */
void flow_before(struct seat *seat);
void seat_hold(struct seat *seat); /* effects of the room */
void seat_resume(struct seat *seat);
/* The frame of a message with a number, made by the first who is sent it as this seat is. Borrowed.
 */
struct chunk *slot_shared(const struct seat *seat, uint64_t share, yd_slice head, yd_slice payload);
void slot_forget_shared(struct room_slot *slot);
void slot_trim_shared(struct room_slot *slot); /* those that are on their way to nobody */

/* turn.c */
void turn_init(struct shard *shard);
void turn_now(struct shard *shard);       /* submits a batch, begins to write what is ready */
void turn_released(struct shard *shard);  /* the store has released something */
void turn_flush_all(struct shard *shard); /* writes all that is ready */

#endif
