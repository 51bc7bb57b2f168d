/* abi.h - one room for a JavaScript host: bytes in an inbox, one call, records in an outbox.
 *
 *   JavaScript -> abi_step() -> host.c: session, room_step() -> outbox.c: records
 *
 * Place      abi_box() is a fixed address; what it points to may move, and memory may have grown,
 *            with every call: read in_ptr and out_ptr anew, and make views anew when the buffer
 *            of the memory is another one.
 * Ownership  the bytes of a record are valid until the next call of any export.
 * Numbers    32 bits, little-endian, the sequence of struct abi_box and struct abi_record.
 * Errors     abi_step() gives a count of records, or a negative yd_err: the room is broken then and
 *            the instance is to be thrown away. What a client does wrong is a record.
 * Time       milliseconds; may go back, the room is not told.
 */
#ifndef EDGE_ABI_H
#define EDGE_ABI_H

#include "room/room.h"
#include "room/session.h"

enum abi_event {
    ABI_OPEN,       /* bytes: struct abi_opts. First of all */
    ABI_LOAD_BASE,  /* bytes: a whole SNAPSHOT, oldest of what the store has */
    ABI_LOAD_DELTA, /* bytes: a SNAPSHOT since that */
    ABI_LOAD_ROW,   /* bytes: a journal row */
    ABI_JOIN,       /* member, flags; bytes: identity, if ABI_NAMED: id, name, color; if
                       ABI_HOCUSPOCUS the frame that asks for the document; each with its length in
                       front as varuint */
    ABI_RESUME,     /* as JOIN, behind it what ABI_PRESENCE gave */
    ABI_LEAVE,      /* member */
    ABI_TEXT,       /* member; bytes: a WebSocket message */
    ABI_BINARY,
    ABI_TICK,
    ABI_TIMER,
    ABI_COMPACT,
    ABI_ROW,      /* gives the journal row of all that was appended since the last one or the last
                     snapshot, and begins a new one; behind it what is relayed of it */
    ABI_PRESENCE, /* member: gives what RESUME needs of it, presence first */
    ABI_STATE,    /* gives the whole document */
    ABI_VECTOR,   /* gives the state vector */
    ABI_RIGHT,    /* member, flags: what it may do has been decided anew */
    ABI_MANY      /* bytes: several BINARY, each struct abi_posted and its message, filled up to a
                     multiple of 4; flags: where in them to begin. Ends behind one that gave a
                     record of what is not the outbox's: taken says where to go on */
};

enum abi_flag {
    ABI_WRITER = 1,
    ABI_NAMED = 2,       /* somebody decided who this is */
    ABI_SPEAKS_TEXT = 4, /* the client sent `_pk` */
    ABI_HOCUSPOCUS = 8   /* this dialect, for one document: the host has let it in and says so */
};

struct abi_posted {
    uint32_t member, len;
};

#define ABI_KEY_MAX 32

struct abi_opts {
    uint32_t message_bytes_max; /* 0: defaults, here and below */
    uint32_t doc_bytes_max;
    uint32_t keepalive_ms;
    uint32_t compact_updates;
    uint32_t compact_bytes;
    uint32_t compact_idle_ms;
    uint32_t keep_deleted;  /* bool */
    uint32_t presence_only; /* bool */
    uint32_t joins_relays;  /* bool: updates are relayed when their row is given, as one */
    uint32_t presence_bytes_max;
    uint32_t presence_clients_max;
    uint32_t presence_updates_per_s;
    char naming[4][ABI_KEY_MAX]; /* of struct room_naming, in its order, each with a NUL */
};

enum abi_kind {
    ABI_SEND,     /* a WebSocket message to member, or to all: head, then body */
    ABI_CLOSE,    /* member, number: close code; body: why */
    ABI_SNAPSHOT, /* number: 1 whole, 0 since the last whole one; body. It covers all rows that were
                     given and all that waits for the next one; gated: something did */
    ABI_IGNORED,  /* member; body: why */
    ABI_BYTES,    /* body: what was asked for */
    ABI_OTHER     /* member: its first message asks for a document (Hocuspocus) */
};
/* To all on one wire: all of them get the same bytes. ABI_ALL - enum of session_wire(); what is
 * below ABI_ALL_LAST is a member. */
#define ABI_ALL      (UINT32_MAX - SESSION_WIRE_YWS)
#define ABI_ALL_LAST (UINT32_MAX - SESSION_WIRE_YWS_TEXT)

struct abi_record {
    uint32_t kind;   /* enum abi_kind */
    uint32_t member; /* or ABI_ALL to ABI_ALL_LAST */
    uint32_t gated;  /* it may not leave before the row that is being made is stored */
    uint32_t number; /* SEND: 1 is a text message */
    uint32_t head, head_len;
    uint32_t body, body_len; /* a small SEND is all in its body */
};

struct abi_box {
    uint32_t in;     /* the inbox */
    uint32_t in_cap; /* bytes that fit; more: abi_reserve() */
    uint32_t out;    /* the records */
    uint32_t out_count;
    uint32_t row_bytes;   /* that wait to be stored */
    uint32_t row_updates; /* that wait to be stored */
    uint32_t wants_tick;  /* bool */
    uint32_t is_dirty;    /* bool: something is in no snapshot */
    uint32_t has_gap;     /* bool */
    uint32_t collecting;  /* bool: the last member's message arrives in chunks */
    uint32_t wire;        /* of who came last: session_wire() */
    uint32_t taken;       /* bytes of the last MANY that are worked off */
    double due_ms;        /* of TIMER; infinite: never */
};

#endif
