/* room/session.h - one per socket: knows its dialect, turns WebSocket messages into messages for
 * rooms and puts the frame of the dialect around what a room says.
 *
 * Dialects   yws: y-websocket 1-3, y-partykit (chunk markers as text) and y-partyserver (`__YPS:`
 *            text): one document per socket, named by the URL, number 0.
 *            hocuspocus: @hocuspocus/provider 2-4: any number of documents, each named by the
 *            address in front of every frame. The session numbers them; the host decides about
 *            each and makes it a member of its room, of its own.
 * Ownership  bytes passed in are borrowed for the call. The bytes of an event point into the
 *            input or into the session and are valid until the next session_recv().
 * Errors     a client's mistake is an event (IGNORED, CLOSE), never an error.
 * Threads    one session, one thread at a time.  Time, I/O  none.
 * Source     docs/protocol.md, rules P1...
 */
#ifndef ROOM_SESSION_H
#define ROOM_SESSION_H

#include "room/room.h"
#include "ydoc/base.h"

enum session_dialect { SESSION_YWS, SESSION_HOCUSPOCUS };

/* Kinds of WebSocket message that a session is given; control frames stay with the host. */
enum session_opcode { SESSION_TEXT, SESSION_BINARY };

struct session_opts {
    enum session_dialect dialect;
    bool speaks_text;       /* the client can take text frames (it sent `_pk`); y-websocket throws
                               on them */
    size_t batch_bytes_max; /* one message that arrives in chunks; 0: default 128 MiB */
    uint32_t docs_max;      /* numbers given out at the same time; 0: default 256 */
};

/* Bytes of an address: a document's name, and what tells two providers of it apart. */
#define SESSION_ADDRESS_MAX 640

enum session_event_kind {
    SESSION_EV_NONE,    /* part of something larger, or only a sign of life; nothing to do */
    SESSION_EV_OPEN,    /* doc, name, token: a document is asked for. If has_message is set the
                           event is a MESSAGE too, for when it is open */
    SESSION_EV_TOKEN,   /* doc, token: a token for one that was asked for before */
    SESSION_EV_MESSAGE, /* doc, message, bytes: for the room */
    SESSION_EV_SHUT,    /* doc: the client is done with it. Its number is free again */
    SESSION_EV_OTHER, /* the first message is of dialect `other`: begin a session of that, and give
                         it this message again */
    SESSION_EV_IGNORED, /* why: dropped and to be counted */
    SESSION_EV_CLOSE    /* close_code, why: the socket has to end */
};

struct session_event {
    enum session_event_kind kind;
    uint32_t doc; /* number of the document on this socket; 0 with one-document dialects */
    enum room_message message;
    bool has_message;
    yd_slice bytes;
    enum session_dialect other;
    yd_slice name; /* untrusted, any bytes */
    yd_slice token;
    uint32_t close_code;
    const char *why; /* constant text */
};

struct session;

/* Errors: YD_ENOMEM. */
YD_NODISCARD yd_err session_new(yd_alloc alloc, struct session_opts opts, struct session **session);
void session_free(struct session *session); /* NULL is allowed */

/* Takes one whole WebSocket message; gives exactly one event. Errors: YD_ENOMEM: the host ends
 * the socket. */
YD_NODISCARD yd_err session_recv(struct session *session, enum session_opcode opcode,
                                 yd_slice payload, struct session_event *ev);

/* True while a message arrives in chunks: what has come of it is nowhere but here. */
bool session_is_collecting(const struct session *session);

/* Its number is free again, as after SHUT. */
void session_forget(struct session *session, uint32_t doc);

/* What the dialect of this document asks of a room: enum room_wants, ored. */
uint32_t session_wants(const struct session *session, uint32_t doc);

/* What goes out. In every dialect a message is a head and then the payload as it is, so that one
 * payload can be shared by all receivers. */
#define SESSION_HEAD_MAX (SESSION_ADDRESS_MAX + 32)

struct session_head {
    enum session_opcode opcode;
    size_t len; /* bytes of head in front of the payload */
    uint8_t bytes[SESSION_HEAD_MAX];
};

/* Writes the head for a payload of payload_len bytes. Documents with the same session_wire() in
 * one room get the same head for the same message, so a frame is built once per wire, not once per
 * receiver. Returns false if the dialect has no way to say it (text to a client that throws on
 * text): then nothing is sent. */
bool session_head(const struct session *session, uint32_t doc, enum room_message message,
                  size_t payload_len, struct session_head *head);

/* What the host itself says about a document, where a dialect has words for it. */
enum session_note {
    SESSION_NOTE_ADMITTED, /* it is open; payload: "read-write" or "readonly" */
    SESSION_NOTE_REFUSED,  /* it is not; payload: why */
    SESSION_NOTE_TOKEN     /* asks for a token; no payload */
};
/* As session_head(). */
bool session_note(const struct session *session, uint32_t doc, enum session_note note,
                  size_t payload_len, struct session_head *head);

/* Small number of the way this document's frames look among those of its room. SESSION_WIRE_OWN:
 * like nobody else's. */
enum {
    SESSION_WIRE_YWS,
    SESSION_WIRE_HOCUSPOCUS,
    SESSION_WIRE_YWS_TEXT, /* of yws, and it can take text */
    SESSION_WIRES,
    SESSION_WIRE_OWN = SESSION_WIRES
};
uint32_t session_wire(const struct session *session, uint32_t doc);

#endif
