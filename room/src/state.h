/* state.h - what a room is made of; private to room/src. */
#ifndef ROOM_STATE_H
#define ROOM_STATE_H

#include "room/room.h"

/* A chain through presence entries, by index + 1; 0: none. */
struct presence_chain {
    uint32_t first, last;
};

/* What a member has still to be sent that others have: see flow.c. */
struct flow {
    bool held;           /* sends to all are not for it; else it only waits for its STEP2 */
    bool wants_step2;    /* the last part answers a STEP1 */
    bool in_stem;        /* it is sent the shared parts; else those behind sv */
    uint32_t part;       /* of the stem: comes next */
    struct yd_buf sv;    /* what it has or is being sent */
    size_t deletes_from; /* in room->missed: what it has missed; NEEDS_ALL: it needs them all */
    uint64_t change_no;  /* of presence: the last one that it was sent */
    uint64_t until_ms;   /* it is waited for its STEP2 */
};
#define NEEDS_ALL SIZE_MAX

struct part {
    uint8_t *bytes; /* an update */
    size_t len;
    struct yd_buf after; /* the vector of who has this one too */
    uint64_t seq;        /* of the last append that is in it */
    uint64_t share;      /* as in room_effect */
};

/* The document in parts for whoever has nothing of it yet: made as they are asked for, the same for
 * all. A part holds what was there when it was made; what has happened since comes last, with all
 * deletes. */
struct stem {
    struct part *parts;
    uint32_t count, cap;
    uint32_t walkers;   /* members that are being sent it */
    struct yd_buf tail; /* the update behind them, as of tail_seq, for who joins meanwhile */
    uint64_t tail_seq, tail_share;
    bool has_tail;
    uint64_t shares;  /* numbers given out */
    uint64_t used_ms; /* the last time */
};

struct member {
    bool is_in;
    bool spoke_presence;         /* has sent an awareness message */
    bool was_asked;              /* asked_ms is valid */
    bool was_denied;             /* has been told that it may not write */
    uint8_t right;               /* enum room_right */
    uint8_t wants;               /* enum room_wants, ored */
    bool was_answered;           /* its first STEP1 was */
    bool sent_step2;             /* it has said what it has */
    bool asked_counted;          /* the STEP2 to come is one that its client counts */
    uint8_t asked_more;          /* STEP1s to it behind that, whose STEP2s it does not count */
    uint16_t refused;            /* messages that its client counts as not saved; saturates */
    uint8_t nudges;              /* first-sight nudges sent */
    struct presence_chain owned; /* present entries whose owner this is */
    uint32_t owned_count;        /* so many */
    uint64_t pace_us;            /* when its budget of presence is whole again */
    uint64_t join_no;            /* counts JOINs of this room; tells a reconnect from a late echo */
    uint64_t sent_ms;            /* last message to this member alone */
    uint64_t asked_ms;           /* last extra STEP1 to it */
    struct room_identity *identity;
    struct flow *flow; /* NULL: it has all that others have */
};

struct presence {
    uint64_t client;
    uint64_t clock;        /* as told to the others */
    uint64_t heard;        /* as its owner has said it; less if we have raised it */
    uint64_t refreshed_ms; /* last accepted or nudged */
    uint64_t change_no;    /* of its last change, counted in the room */
    uint64_t gone_join_no; /* joins seen when it was removed */
    uint8_t *state;        /* JSON text; NULL iff not present */
    uint32_t state_len;
    uint32_t owner;      /* member of the last accepted entry */
    uint32_t prev, next; /* in the owner's chain while present, in the chain of gone ones else */
    bool present;
    bool changed; /* is in the changed list */
    bool waits;   /* has changed, and its owner has no budget left to have it told */
};

struct presence_table {
    struct presence *list; /* dense, in no order */
    uint32_t count, cap;
    uint32_t *slots;     /* index + 1 into list, open addressing; 0: free */
    uint32_t slot_count; /* power of two */
    uint32_t *changed;   /* indexes whose newest value was not broadcast yet */
    uint32_t changed_count, changed_cap;
    struct presence_chain gone; /* the one gone longest first */
    size_t state_bytes;         /* sum of state_len */
    uint32_t waiting_count;     /* entries that wait */
};

struct room {
    yd_alloc alloc;
    struct room_opts opts;
    struct yd_doc *doc;

    struct member *members;
    uint32_t member_cap, member_count;
    uint64_t join_no;
    uint64_t all_sent_ms; /* last message to everybody */

    struct presence_table presence;
    uint64_t change_no; /* changes of presence so far */
    uint64_t told_no;   /* those that ticks have told */

    struct stem stem;
    struct yd_buf missed; /* delete sets of what was relayed since somebody is held */
    bool missed_too_much; /* they were dropped */
    uint32_t held_count;  /* members that are held */
    uint32_t await_count; /* members whose STEP2 is waited for */

    uint64_t seq;         /* last append */
    uint64_t covered_seq; /* last append that a snapshot effect covers */
    uint64_t appended_ms;
    uint64_t dirty_ms; /* of the first append that no snapshot covers */
    uint64_t snapshot_ms;
    uint32_t appended_bytes; /* since the last snapshot; saturates */
    uint64_t loaded_appends; /* of an earlier life, which no snapshot covers */
    size_t base_bytes;       /* of the base in the store; 0: there is none */
    bool base_announced;     /* the next LOAD is the base */
    struct yd_buf base_sv;

    bool stirs_all;   /* all presence has to be told again */
    bool has_stirred; /* stirred_ms is valid */
    uint64_t stirred_ms;

    bool has_gap;       /* structs are parked */
    bool gap_was_asked; /* gap_asked_ms is valid */
    uint64_t gap_ms;    /* since when, if has_gap */
    uint64_t gap_asked_ms;
    uint64_t due_ms;
    uint64_t now_ms;

    struct yd_buf told; /* a state with its member's identity, while it is being taken in */

    /* the effects of this step */
    struct room_effect *fx;
    size_t *fx_at; /* offset in out, or FX_BORROWED */
    size_t fx_count, fx_cap, fx_at_cap;
    struct yd_buf out;
};

#define FX_BORROWED SIZE_MAX

/* effects.c */
void effects_reset(struct room *room);
YD_NODISCARD yd_err effect_push(struct room *room, struct room_effect fx, size_t at);
YD_NODISCARD yd_err effect_send_one(struct room *room, uint32_t member, enum room_message message,
                                    size_t at, uint64_t gate_seq);
YD_NODISCARD yd_err effect_send_all(struct room *room, enum room_message message, yd_slice bytes,
                                    size_t at, uint64_t gate_seq);
YD_NODISCARD yd_err effect_ignored(struct room *room, uint32_t member, enum room_cause cause,
                                   const char *why);
void effects_finish(struct room *room, struct room_effects *fx);

/* members.c */
struct member *member_get(struct room *room, uint32_t number); /* NULL: not in */
YD_NODISCARD yd_err member_join(struct room *room, const struct room_event *ev);
YD_NODISCARD yd_err member_resume(struct room *room, const struct room_event *ev);
YD_NODISCARD yd_err member_leave(struct room *room, uint32_t number);
YD_NODISCARD yd_err members_keepalive(struct room *room);
YD_NODISCARD yd_err member_right(struct room *room, const struct room_event *ev);
/* Tells it what became of a document message, if it wants to know: once for each. */
YD_NODISCARD yd_err member_status(struct room *room, uint32_t number, enum room_message message,
                                  bool saved);
/* A STEP1 of the member: it may have to be asked what it has. */
YD_NODISCARD yd_err member_step1(struct room *room, uint32_t number);
YD_NODISCARD yd_err member_stateless(struct room *room, uint32_t number, yd_slice text);
/* Asks for what it has, for a reason of ours. */
YD_NODISCARD yd_err member_ask(struct room *room, uint32_t number);
YD_NODISCARD yd_err members_ask(struct room *room);
void room_due_by(struct room *room, uint64_t when_ms);

/* identity.c */
bool identity_fits(yd_slice state);                  /* it is an object */
bool identity_is_told(const struct room_naming *as); /* anything is written at all */
/* Appends the state with this identity in it, under these keys. state: JSON that identity_fits. */
YD_NODISCARD yd_err identity_write(const struct room_naming *as, const struct room_identity *who,
                                   yd_slice state, struct yd_buf *out);
YD_NODISCARD yd_err identity_copy(struct room *room, const struct room_identity *who,
                                  struct room_identity **copy);
void identity_free(struct room *room, struct room_identity *who); /* NULL is allowed */
bool identity_same(const struct room_identity *a, const struct room_identity *b);

/* presence_table.c */
void presence_table_deinit(struct room *room);
uint32_t presence_find(const struct presence_table *table, uint64_t client); /* NONE: not there */
YD_NODISCARD yd_err presence_add(struct room *room, uint64_t client, uint32_t *index);
YD_NODISCARD yd_err presence_mark(struct room *room, uint32_t index);
void presence_chain_in(struct room *room, uint32_t index);
void presence_chain_out(struct room *room, uint32_t index);
#define PRESENCE_NONE UINT32_MAX

/* presence.c */
/* *rest: what stands behind the presence; empty if that cannot be read. */
YD_NODISCARD yd_err presence_resume(struct room *room, uint32_t member, yd_slice bytes,
                                    yd_slice *rest);
YD_NODISCARD yd_err presence_message(struct room *room, uint32_t member, yd_slice bytes);
YD_NODISCARD yd_err presence_leave(struct room *room, uint32_t member);
YD_NODISCARD yd_err presence_tick(struct room *room);
YD_NODISCARD yd_err presence_send_all_to(struct room *room, uint32_t member);
YD_NODISCARD yd_err presence_renew(struct room *room);
/* Puts those on the list for the next tick that had to wait and need not any more. */
YD_NODISCARD yd_err presence_release(struct room *room);

YD_NODISCARD yd_err presence_send_since(struct room *room, uint32_t member, uint64_t change_no);

/* flow.c */
YD_NODISCARD yd_err flow_step1(struct room *room, uint32_t member, yd_slice sv);
/* A STEP2 of the member was handled, well or ill. */
YD_NODISCARD yd_err flow_step2(struct room *room, uint32_t member, yd_slice update);
YD_NODISCARD yd_err flow_behind(struct room *room, uint32_t member);
YD_NODISCARD yd_err flow_drained(struct room *room, uint32_t member);
YD_NODISCARD yd_err flow_timer(struct room *room);
/* The last apply is being relayed: who is held will have to be told of its deletes. */
YD_NODISCARD yd_err flow_note_deletes(struct room *room);
void flow_end(struct room *room, uint32_t member); /* it leaves */
void flow_init(struct room *room);
void flow_step_begins(struct room *room);
void flow_deinit(struct room *room);

/* documents.c */
struct yd_doc_opts document_limits(const struct room *room);
YD_NODISCARD yd_err document_load(struct room *room, yd_slice update);
YD_NODISCARD yd_err document_update(struct room *room, uint32_t member, enum room_message message,
                                    yd_slice update);
YD_NODISCARD yd_err document_gap(struct room *room);
void document_gap_due(struct room *room); /* sets the timer for it, if there is a gap */

/* known.c. Sets *known: the update brings nothing that the document does not have. Errors:
 * YD_EMALFORMED, YD_EUNSUPPORTED, YD_ENOMEM. */
YD_NODISCARD yd_err document_knows(struct room *room, yd_slice update, bool *known);

/* check.c: room_check() */

/* compact.c */
YD_NODISCARD yd_err compact_if_due(struct room *room);
YD_NODISCARD yd_err compact_now(struct room *room);

#endif
