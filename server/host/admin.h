/* host/admin.h - the operator's door: HTTP/1.1 over a socket in the data directory (mode 0600), one
 * request a connection.
 *
 *   server/tools -> DATA/partyd.sock -> admin.c (bytes) -> admin_call.c (which call)
 *                                                       -> admin_rooms.c, admin_store.c (calls)
 *                                                       -> store, rooms
 *
 * The same calls serve a store that no server has open: server/tools then runs a shard of its own,
 * without a listener, and hands it one end of a socket pair (shard_maintain()).
 *
 * Whoever can open the socket owns the files and could do the same with them: nobody is asked for a
 * signature here. Nothing is computed here either: the loop only moves bytes.
 *
 * An answer is sent in chunks, so a reader knows whether it has all of it. A call that fails after
 * its head has left ends the connection without the last chunk.
 *
 * Source: docs/operations.md, docs/decisions/0090 */
#ifndef HOST_ADMIN_H
#define HOST_ADMIN_H

#include <jansson.h>

#include "host/shard.h"
#include "store/manage.h"

#define ADMIN_SOCKET   "partyd.sock"
#define ADMIN_BODY_MAX ((int64_t)1 << 30)

struct admin_conn;

/* One request that is being answered. A call that needs more puts this first in its own struct. */
struct admin_call {
    struct admin_conn *conn;
    struct shard *shard;
    uint64_t token; /* of what it has asked the store with admin_ask(); 0: nothing */
    void (*on_store)(struct admin_call *call, struct store_event *ev);
    void (*on_drained)(struct admin_call *call); /* there is room for more output; NULL: no need */
    void (*on_end)(struct admin_call *call);     /* the connection is gone; NULL: nothing to free */
};

struct admin_request {
    struct http_request http;
    yd_slice body; /* valid until the call ends */
};

/* admin.c */
void admin_init(struct shard *shard);
void admin_free(struct shard *shard); /* after the loop has closed its handles */
/* Errors: YD_ENOTFOUND, with a sentence in why; the server can go on without. */
YD_NODISCARD yd_err admin_listen(struct shard *shard, char *why, size_t size);
void admin_take(struct shard *shard, int fd); /* a connected socket; owned from now on */
void admin_close(struct shard *shard);        /* at the end */

/* For calls. */
/* Makes the call of this connection, zeroed, of `size` bytes; freed with the connection. */
void *admin_call_new(struct admin_conn *conn, size_t size);
/* The token for a question to the store; its answer goes to on_store(), if the call is still there.
 * When the store fails the peer is told, and on_store() is not called. */
uint64_t admin_ask(struct admin_call *call);
struct admin_request *admin_request_of(struct admin_conn *conn);
struct shard *admin_shard_of(struct admin_conn *conn);
/* more: further header lines, each with its CRLF; "": none. */
void admin_head(struct admin_conn *conn, int status, const char *type, const char *more);
void admin_write(struct admin_conn *conn, yd_slice bytes);          /* copies; one chunk */
bool admin_is_full(const struct admin_conn *conn);                  /* wait for on_drained() */
void admin_finish(struct admin_conn *conn);                         /* the answer is whole */
void admin_break(struct admin_conn *conn);                          /* it will never be */
void admin_json(struct admin_conn *conn, int status, json_t *json); /* a whole answer; takes json */
void admin_line(struct admin_conn *conn, json_t *json); /* a line of a stream; takes json */
void admin_error(struct admin_conn *conn, int status, const char *code, const char *message);

/* admin_call.c: reads what is asked and begins to answer it. */
void admin_call_begin(struct admin_conn *conn);

#endif
