/* host/limits.h - how much somebody may ask for: who is counted, who is turned away, who is read
 * more slowly. docs/limits.md has a row for each of these; the table in limits.c their settings.
 *
 *   shard.c, a connection -> limits_may_accept() -> limits_arrive()
 *   upgrade.c, a request  -> limits_from() (behind a proxy), limits_refuse()
 *   conn.c, bytes         -> limits_read() -> not read until the debt is paid
 */
#ifndef HOST_LIMITS_H
#define HOST_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit/peers.h"

struct conn;
struct shard;
struct seat;
struct http_request;

enum limit {
    LIMIT_CONNECTIONS,
    LIMIT_HANDSHAKES,
    LIMIT_HANDSHAKE_TIME,
    LIMIT_CONNECTS,
    LIMIT_ROOMS,
    LIMIT_ADDRESS_CONNECTIONS,
    LIMIT_ADDRESS_HANDSHAKES,
    LIMIT_ADDRESS_ROOMS,
    LIMIT_ADDRESS_CONNECTS,
    LIMIT_ADDRESS_MESSAGES,
    LIMIT_ADDRESS_BYTES,
    LIMIT_CONNECTION_MESSAGES,
    LIMIT_CONNECTION_BYTES,
    LIMIT_ROOM_CONNECTIONS,
    LIMIT_ROOM_MESSAGES,
    LIMIT_ROOM_BYTES,
    LIMIT_MESSAGE_BYTES,
    LIMIT_DOCUMENT_BYTES,
    LIMIT_SOCKET_DOCUMENTS,
    LIMIT_WINDOW_BYTES,
    LIMIT_OUTBOX_BYTES,
    LIMIT_PRESENCE_BYTES,
    LIMIT_PRESENCE_UPDATES,
    LIMIT_PRESENCE_CLIENTS,
    LIMIT_COUNT
};
/* The setting, or key of the table of rooms, that it is. */
const char *limit_name(enum limit limit);

/* Of a shard. */
struct limits {
    struct peers peers;
    struct networks trusted;
    uint32_t connections_max;
    uint32_t strangers; /* connections that nobody has let in yet */
    struct bucket connects;
    struct rate connect_rate, address_connect_rate;
    struct rate address_messages, address_bytes, connection_messages, connection_bytes;
    struct rate room_messages, room_bytes;
    bool has_warned; /* of a proxy that is not trusted */
};

/* Of a connection. */
struct allowance {
    struct peer *peer; /* NULL: it is nobody's, as far as we are told */
    struct bucket messages, bytes;
    uint64_t slowed_ms; /* not read until then; 0: it is */
    uint64_t wait_us;   /* longest debt that the bytes just read have made */
    uint32_t came;      /* messages in them */
    size_t came_bytes;  /* of those, unpacked */
    size_t on_the_way;  /* bytes read since the last one was whole */
    uint8_t limit;      /* enum limit that made it */
    uint8_t over;       /* what it was over when it arrived; LIMIT_COUNT: nothing */
    bool is_stranger;   /* nobody has let it in yet */
    bool from_proxy;    /* a trusted one, which says for whom */
};

void limits_hit(struct shard *shard, enum limit limit);

/* False, and why: a setting that cannot be read. */
bool limits_open(struct shard *shard, char *why, size_t size);
void limits_close(struct shard *shard);

/* Milliseconds to wait before the next connection is taken; 0: now. */
uint64_t limits_accept_wait(struct shard *shard);
/* It was taken. False: it is to be ended without a word. */
bool limits_arrive(struct conn *conn);
/* It has said whom it asks for. */
void limits_from(struct conn *conn, const struct http_request *request);
/* It asks for a room: why not now; LIMIT_COUNT: it may. Counts it. */
enum limit limits_refuse(struct conn *conn);
/* It is refused: while it waits for the answer it takes nobody's place. */
void limits_forget(struct conn *conn);
void limits_admitted(struct conn *conn); /* it was let into a room */
void limits_leave(struct conn *conn);    /* it ends */

/* One message for a room, of a read that limits_read() will be told of. */
void limits_message(struct seat *seat, size_t bytes);
/* So much was read. True: read no more until limits_sweep() says so. */
bool limits_read(struct conn *conn, size_t bytes);
/* True: it may be read again. */
bool limits_sweep(struct conn *conn, uint64_t now_ms);

#endif
