/* host/desk.h - a socket on which documents are asked for one by one: Hocuspocus.
 *
 *   conn.c, an event of the session -> desk_on_event() -> door_decide() -> admitted: seat.c
 *                                                                       \-> refused: refuse.c
 *
 * The socket is open from the request on, and nobody has been let in by that. Rules D24..D29 of
 * docs/access.md. */
#ifndef HOST_DESK_H
#define HOST_DESK_H

#include "host/door.h"

/* What the request said, for all documents of the socket. */
struct caller {
    yd_slice party;
    yd_slice token;     /* for documents that come without one; empty: none */
    size_t held_bytes;  /* of messages that wait for their document, all together */
    uint64_t idle_ms;   /* since when no document is in; 0: one is */
    bool has_asked;     /* for a document */
    bool lingers;       /* is counted in door->linger_count */
    uint32_t doc_count; /* seats */
    uint8_t bytes[];
};

/* The request was answered with 101. */
void desk_begin(struct conn *conn, yd_slice party, yd_slice token);
/* Its first message, on the path of a room, is of a Hocuspocus provider. */
void desk_begin_late(struct conn *conn, yd_slice message);
void desk_end(struct conn *conn); /* the connection ends */
/* OPEN, TOKEN, MESSAGE and SHUT of the session. */
void desk_on_event(struct conn *conn, const struct session_event *ev);
bool desk_has_inside(const struct conn *conn); /* a document of it is in, or loading */
void desk_admitted(struct seat *seat);         /* it goes in now: says so */
/* Ends a connection on which no document is in for too long. */
void desk_sweep(struct conn *conn, uint64_t now_ms);

#endif
