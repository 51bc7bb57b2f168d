/* room/room.h - one collaboration room as a state machine: events in, effects out.
 *
 * A room is one Yjs document, its presence, and the rights of those who are in it. The host
 * (native server, Durable Object, simulator) owns sockets, files and clocks. It turns what
 * happened into a room_event, calls room_step() and carries out the effects in order. The room
 * never calls back, so there is no re-entry and nothing to mock.
 *
 * Life       room_new(); LOAD events with what the store has, oldest first; then JOIN and the
 *            rest. A room whose load failed is freed, never used: an unreadable document must
 *            not become an empty one.
 * Ownership  bytes in an event are borrowed for the call. Effects and their bytes belong to the
 *            room and are valid until the next room_step() or room_free().
 * Durability an effect carries gate_seq: the host must not let it leave before the APPEND with
 *            that seq is on disk. 0 means no wait. What comes back from the disk is a number that
 *            only the host sees.
 * Threads    one room, one thread at a time; different rooms share nothing.
 * Errors     an error from room_step() is the room's own fault (memory): the host closes all
 *            members, frees the room and loads it again. What a client does wrong is an effect.
 * Time       now_ms in each event, any monotonic clock, never going back.
 * Source     docs/room-rules.md, rules R1...
 */
#ifndef ROOM_ROOM_H
#define ROOM_ROOM_H

#include "ydoc/base.h"
#include "ydoc/doc.h"

struct room;

/* Rights of a member, decided by the host before JOIN. Presence is allowed with both. */
enum room_right { ROOM_READ, ROOM_WRITE };

/* What members and room say to each other, whatever the dialect on the wire. The payload of each
 * is given behind it; "update" is a Yjs update V1. */
enum room_message {
    ROOM_MSG_STEP1,     /* a state vector: "this is what I have" */
    ROOM_MSG_STEP2,     /* an update: "this is what you lack" */
    ROOM_MSG_UPDATE,    /* an update: "this has just happened" */
    ROOM_MSG_AWARENESS, /* an awareness update: count, then {client, clock, JSON state or null} */
    ROOM_MSG_QUERY,     /* empty: "tell me all presence that you know" */
    ROOM_MSG_STATELESS, /* application text outside of Yjs, from a member to all (stateless of
                           Hocuspocus, `__YPS:` of y-partyserver) */
    ROOM_MSG_DENIED,    /* only to a member: text that says why it may not write */
    ROOM_MSG_STATUS,    /* only to a member: what became of its STEP2 or UPDATE, one byte: 1 saved,
                           0 refused */
    ROOM_MSG_KINDS
};

/* What a member's dialect asks of the room, any of them. */
enum room_wants {
    ROOM_WANTS_STATUS = 1, /* a STATUS for each STEP2 and UPDATE, in place of DENIED */
    ROOM_WANTS_RAISE = 2   /* its presence is told under higher clocks when it has to be told again:
                              nudges do not make it announce itself */
};

enum room_event_kind {
    ROOM_EV_LOAD, /* bytes: an update from the store, trusted to be ours but checked all the same */
    ROOM_EV_JOIN, /* member, right, wants, identity: a client is in; it was sent nothing yet */
    ROOM_EV_RESUME,  /* as JOIN, of a member that was in before this room object was: nothing is
                        sent. bytes: what room_kept_of() gave */
    ROOM_EV_RIGHT,   /* member, right: what it may do has changed */
    ROOM_EV_LEAVE,   /* member: its connection has ended, however */
    ROOM_EV_MESSAGE, /* member, message, bytes: one message of a client */
    ROOM_EV_BEHIND,  /* member: its connection does not take what it is sent. It is sent nothing to
                        all from here on */
    ROOM_EV_DRAINED, /* member: what it was sent has left. One that is held is sent the next part */
    ROOM_EV_TICK,    /* end of the host's turn: presence that changed since is broadcast now */
    ROOM_EV_TIMER,   /* room_due() has been reached */
    ROOM_EV_COMPACT  /* asks for a snapshot effect now, whatever the triggers say */
};

/* Under which keys a presence state says who somebody is: in the object of that name, or in the
 * state itself if object is "". A key "": this is not written, and the client may say it. ASCII
 * without quotes, backslashes and control characters. */
struct room_naming {
    const char *object, *id, *name, *color;
};

/* Who a member is, UTF-8. What is not empty stands in each presence state that the member
 * announces, where room_opts.naming says; no client can say an `id` of its own. */
struct room_identity {
    yd_slice user_id; /* empty: nameless */
    yd_slice name;    /* empty: as the client says */
    yd_slice color;   /* empty: as the client says */
};

struct room_event {
    enum room_event_kind kind;
    uint32_t member; /* chosen by the host at JOIN, small and dense, unused at that time */
    enum room_right right;
    uint32_t wants;                       /* enum room_wants, ored */
    const struct room_identity *identity; /* NULL: presence is what the client says */
    enum room_message message;
    yd_slice bytes; /* untrusted, except for LOAD */
    uint64_t now_ms;
};

enum room_effect_kind {
    ROOM_FX_APPEND,   /* bytes: an update to add to the journal as number seq */
    ROOM_FX_SEND,     /* to, member, message, bytes, gate_seq: one message out */
    ROOM_FX_HOLD,     /* member: what is sent to all behind this effect is not for it; what it has
                         missed comes in parts, one with each DRAINED that the host gives it */
    ROOM_FX_RESUME,   /* member: it has missed nothing, and what is sent to all is for it again */
    ROOM_FX_CLOSE,    /* member, close_code: end this connection (WebSocket close code) */
    ROOM_FX_SNAPSHOT, /* snapshot, bytes: replace what the store has for all seqs up to now.
                         Must be written behind the appends before it */
    ROOM_FX_IGNORED   /* member, why: a message was dropped; for counting and debug logs */
};

/* Kinds of reasons for IGNORED. */
enum room_cause {
    ROOM_CAUSE_MALFORMED,     /* or of a kind that nobody knows */
    ROOM_CAUSE_READ_ONLY,     /* the member may not write */
    ROOM_CAUSE_TOO_LARGE,     /* one update or text */
    ROOM_CAUSE_FULL,          /* the document, or what waits for missing clocks */
    ROOM_CAUSE_STATE_BYTES,   /* a presence state, or all of them together */
    ROOM_CAUSE_STATE_CLIENTS, /* client ids of a member, or entries of the room */
    ROOM_CAUSE_STATE_OWNER,   /* presence of somebody else */
    ROOM_CAUSE_STATE_PACE,    /* a newer state came before this one could be told */
    ROOM_CAUSES
};

enum room_target {
    ROOM_TO_ONE, /* the member named in the effect */
    ROOM_TO_ALL  /* every member at this moment that is not held */
};

enum room_snapshot { ROOM_SNAPSHOT_BASE, ROOM_SNAPSHOT_DELTA }; /* whole state / since the base */

struct room_effect {
    enum room_effect_kind kind;
    enum room_target to;
    uint32_t member;
    uint32_t close_code;
    enum room_message message;
    enum room_snapshot snapshot;
    uint64_t seq;
    uint64_t gate_seq;
    uint64_t share; /* of a SEND: sends of this room with the same number have the same message and
                       bytes; 0: nothing is known */
    enum room_cause cause; /* of IGNORED */
    const char *why;       /* constant text, NULL unless IGNORED or CLOSE */
    yd_slice bytes;
};

struct room_effects {
    const struct room_effect *list;
    size_t count;
};

/* Zero in a field means its default, written behind it. */
struct room_opts {
    size_t update_bytes_max;        /* one update from a client; 64 MiB */
    size_t pending_bytes_max;       /* parked for missing clocks; 16 MiB */
    size_t doc_bytes_max;           /* memory of the document; as yd_doc_opts */
    size_t awareness_state_max;     /* one presence state in bytes; 64 KiB */
    uint32_t awareness_clients_max; /* presence entries kept, gone ones included; 16,384 */
    uint32_t member_clients_max;    /* presence entries of one member; 64 */
    uint32_t member_states_per_s;   /* presence of one member is told on so often; 60 */
    uint32_t members_max;           /* 100,000 */
    uint32_t keepalive_ms;          /* a silent member is sent something this often; 20,000 */
    uint32_t compact_updates;       /* snapshot after so many appends; 1,024 */
    uint32_t compact_bytes;         /* or so many bytes appended; 64 KiB */
    uint32_t compact_idle_ms;       /* or so long after the last append; 10,000 */
    uint32_t compact_age_ms;        /* or so long after the first that none covers; 120,000 */
    size_t part_bytes;              /* a larger sync is sent in parts of this size; 256 KiB */
    bool keep_deleted;              /* keep deleted content (Yjs gc:false) */
    bool presence_only;             /* no member may write, whatever its right */
    struct room_naming naming;      /* object NULL: `user`, with `id`, `name` and `color`. Borrowed
                                       until room_free() */
};

/* Makes an empty room with no members. opts may be NULL. Errors: YD_ENOMEM. */
YD_NODISCARD yd_err room_new(yd_alloc alloc, const struct room_opts *opts, struct room **room);
void room_free(struct room *room); /* NULL is allowed */

/* Handles one event. On YD_OK *fx holds what to do, in order.
 * Errors: YD_ENOMEM, and YD_EMALFORMED for a LOAD that cannot be read: free the room. fx is then
 * empty. YD_ESTATE: JOIN of a member that is in, or an event of one that is not. */
YD_NODISCARD yd_err room_step(struct room *room, const struct room_event *ev,
                              struct room_effects *fx);

/* True if a TICK event would send something. */
bool room_wants_tick(const struct room *room);
/* When the next TIMER event is due, in the clock of now_ms; UINT64_MAX: never. */
uint64_t room_due(const struct room *room);
uint32_t room_member_count(const struct room *room);
/* Seq of the last APPEND; 0: none yet. Counts from 1 in each life of the room. */
uint64_t room_last_seq(const struct room *room);
/* True if something was appended that no snapshot effect covers yet. */
bool room_is_dirty(const struct room *room);
/* True while structs wait for missing clocks. */
bool room_has_gap(const struct room *room);
/* Appends what this member has announced and is present, as an awareness update; without entries
 * if there is nothing. Errors: YD_ENOMEM, YD_ETOOBIG of the buffer; YD_ESTATE: it is not in. */
YD_NODISCARD yd_err room_presence_of(const struct room *room, uint32_t member, struct yd_buf *out);
/* Appends what RESUME needs of a member, for a host that drops a room from memory and keeps its
 * sockets: its presence as room_presence_of() gives it, and behind that what its client counts as
 * not saved. It changes with any event of the room, not only with those of this member. Errors: as
 * there. */
YD_NODISCARD yd_err room_kept_of(const struct room *room, uint32_t member, struct yd_buf *out);
/* The document, for reading. Borrowed; not to be changed. */
struct yd_doc *room_doc(struct room *room);
/* Tells how large the base snapshot in the store is that was just loaded (bytes, before LOAD of
 * it), so that the room can choose between base and delta. */
void room_loaded_base(struct room *room, size_t base_bytes);
/* Tells that so many appends, of so many bytes, were loaded that no snapshot in the store covers:
 * they count for the next one. */
void room_loaded_appends(struct room *room, uint64_t count, size_t bytes);

/* Aborts when an invariant of the room is broken. For tests and fuzzers. */
void room_check(struct room *room);

#endif
