/* wire/route.h - which room a request path names. Pure functions over bytes. Rules H2, H40, P41. */
#ifndef WIRE_ROUTE_H
#define WIRE_ROUTE_H

#include "ydoc/base.h"

enum route_kind {
    ROUTE_ROOM,      /* party and room */
    ROUTE_MANY,      /* a party alone: the documents are named on the socket (Hocuspocus) */
    ROUTE_BAD,       /* a room name that is not allowed: 400 */
    ROUTE_NOT_FOUND, /* no room: 404 */
};

#define ROUTE_ROOM_MAX  512 /* bytes of the raw, percent-encoded segment */
#define ROUTE_PARTY_MAX 64

struct route {
    enum route_kind kind;
    yd_slice party, room; /* point into the target, or to "main" */
    bool has_pk;          /* the query has `_pk`: a client of the PartyKit family */
};

/* target: path and query of the request line. */
struct route route_parse(yd_slice target);
/* Writes the raw room name of a document's name that stands in no URL: what a path could not hold,
 * and '%', is percent-encoded, so different names are different rooms. Returns its length; 0: this
 * is no name of a room. */
size_t route_room_of_name(yd_slice name, uint8_t room[ROUTE_ROOM_MAX]);
/* The path alone, without the query. */
yd_slice route_path(yd_slice target);

#endif
