/* room/session.h - one per socket: knows its dialect, turns WebSocket messages into messages for
 * a room and puts the frame of the dialect around what the room says.
 *
 * Dialects   yws: y-websocket 1-3, y-partykit (chunk markers as text) and y-partyserver (`__YPS:`
 *            text): one document per socket, named by the URL. Hocuspocus, with several documents
 *            on a socket, will be the next; `doc` in the event is there for it.
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

enum session_dialect { SESSION_YWS };

/* Kinds of WebSocket message that a session is given; control frames stay with the host. */
enum session_opcode { SESSION_TEXT, SESSION_BINARY };

struct session_opts {
    enum session_dialect dialect;
    bool speaks_text;       /* the client can take text frames (it sent `_pk`); y-websocket throws
                               on them */
    size_t batch_bytes_max; /* one message that arrives in chunks; 0: default 128 MiB */
};

enum session_event_kind {
    SESSION_EV_NONE,    /* part of something larger; nothing to do yet */
    SESSION_EV_MESSAGE, /* doc, message, bytes: for the room */
    SESSION_EV_IGNORED, /* why: dropped and to be counted */
    SESSION_EV_CLOSE    /* close_code, why: the socket has to end */
};

struct session_event {
    enum session_event_kind kind;
    uint32_t doc; /* index of the document on this socket; 0 with one-document dialects */
    enum room_message message;
    yd_slice bytes;
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

/* What goes out. In every dialect a message is a head and then the payload as it is, so that one
 * payload can be shared by all receivers. */
#define SESSION_HEAD_MAX 32

struct session_head {
    enum session_opcode opcode;
    size_t len; /* bytes of head in front of the payload */
    uint8_t bytes[SESSION_HEAD_MAX];
};

/* Writes the head for a payload of payload_len bytes. Sessions with the same session_wire() get
 * the same head for the same message, so a frame is built once per wire, not once per receiver.
 * Returns false if this session's dialect has no way to say it (text to a client that throws on
 * text): then nothing is sent. */
bool session_head(const struct session *session, enum room_message message, size_t payload_len,
                  struct session_head *head);

/* Small number of the way this session's frames look: 0 .. SESSION_WIRES-1. */
#define SESSION_WIRES 1
uint32_t session_wire(const struct session *session);

#endif
