/* limits.c - see limits.h.
 *
 * Two ways to say no. Who wants in is told to come later, because a place that is taken cannot be
 * shared. Who is in and says too much is read more slowly: TCP tells its client to wait, nothing is
 * lost and nobody comes back to try again. So rates of messages and bytes close no connection.
 *
 * An address is counted by its own table entry, which its connections hold. A trusted proxy is no
 * address: it says for whom it asks, and if it does not, what came through it is nobody's and only
 * the limits of connection, room and process hold.
 */
#include "host/limits.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "host/shard.h"

#define BURST_S       8  /* a burst is what comes in so many seconds */
#define FILES_SPARE   64 /* of the store, the log and what else is no connection */
#define SPARE_DIVISOR 8  /* beyond a limit by a part of it, nobody is told why */
#define SPARE_MIN     8
#define HEAD_OVER_MS  2000 /* who came too many is not waited for long */

static const char *const names[LIMIT_COUNT] = {
    [LIMIT_CONNECTIONS] = "connections-max",
    [LIMIT_HANDSHAKES] = "handshakes-max",
    [LIMIT_HANDSHAKE_TIME] = "handshake-ms",
    [LIMIT_CONNECTS] = "connects-per-s",
    [LIMIT_ROOMS] = "rooms-max",
    [LIMIT_ADDRESS_CONNECTIONS] = "address-connections-max",
    [LIMIT_ADDRESS_HANDSHAKES] = "address-handshakes-max",
    [LIMIT_ADDRESS_ROOMS] = "address-rooms-max",
    [LIMIT_ADDRESS_CONNECTS] = "address-connects-per-s",
    [LIMIT_ADDRESS_MESSAGES] = "address-messages-per-s",
    [LIMIT_ADDRESS_BYTES] = "address-bytes-per-s",
    [LIMIT_CONNECTION_MESSAGES] = "connection-messages-per-s",
    [LIMIT_CONNECTION_BYTES] = "connection-bytes-per-s",
    [LIMIT_ROOM_CONNECTIONS] = "room-connections-max",
    [LIMIT_ROOM_MESSAGES] = "room-messages-per-s",
    [LIMIT_ROOM_BYTES] = "room-bytes-per-s",
    [LIMIT_MESSAGE_BYTES] = "message-bytes-max",
    [LIMIT_DOCUMENT_BYTES] = "document-bytes-max",
    [LIMIT_SOCKET_DOCUMENTS] = "socket-documents-max",
    [LIMIT_WINDOW_BYTES] = "window-bytes",
    [LIMIT_OUTBOX_BYTES] = "outbox-bytes-max",
    [LIMIT_PRESENCE_BYTES] = "presence-bytes-max",
    [LIMIT_PRESENCE_UPDATES] = "presence-updates-per-s",
    [LIMIT_PRESENCE_CLIENTS] = "presence-clients-max",
};

const char *limit_name(enum limit limit) { return names[limit]; }

void limits_hit(struct shard *shard, enum limit limit) { shard->metrics.limits[limit]++; }

static uint64_t now_us(void) { return uv_hrtime() / 1000; }

/* ---- opening ----------------------------------------------------------------------------------
 */

static struct rate rate_of(int64_t per_s)
{
    return (struct rate){(uint64_t)per_s, (uint64_t)per_s * BURST_S};
}

static uint32_t connections_max(const struct settings *settings)
{
    struct rlimit files;
    uint64_t most = (uint64_t)settings->connections_max;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return (uint32_t)most;
    uint64_t spare = files.rlim_cur > 4 * (uint64_t)FILES_SPARE ? FILES_SPARE : files.rlim_cur / 4;
    // Who is told that it is too much needs a file too.
    uint64_t open = (files.rlim_cur - spare) * SPARE_DIVISOR / (SPARE_DIVISOR + 1);
    return (uint32_t)(open < most ? open : most);
}

bool limits_open(struct shard *shard, char *why, size_t size)
{
    const struct settings *s = shard->settings;
    struct limits *l = &shard->limits;
    uint64_t seed = 0;
    yd_slice bad;
    if (!networks_read(&l->trusted, s->trusted_proxies, &bad)) {
        snprintf(why, size,
                 "trusted-proxies: '%.*s' is no address, no range such as 10.0.0.0/8, and neither "
                 "loopback nor private",
                 bad.len > 100 ? 100 : (int)bad.len, (const char *)bad.ptr);
        return false;
    }
    (void)RAND_bytes((unsigned char *)&seed, sizeof seed);
    l->connections_max = connections_max(s);
    peers_init(&l->peers, l->connections_max, (uint32_t)s->rooms_max, seed);
    l->connect_rate = rate_of(s->connects_per_s);
    l->address_connect_rate = rate_of(s->address_connects_per_s);
    l->address_messages = rate_of(s->address_messages_per_s);
    l->address_bytes = rate_of(s->address_bytes_per_s);
    l->connection_messages = rate_of(s->connection_messages_per_s);
    l->connection_bytes = rate_of(s->connection_bytes_per_s);
    l->room_messages = rate_of(s->room_messages_per_s);
    l->room_bytes = rate_of(s->room_bytes_per_s);
    return true;
}

void limits_close(struct shard *shard)
{
    peers_deinit(&shard->limits.peers);
    networks_deinit(&shard->limits.trusted);
}

/* ---- arriving ---------------------------------------------------------------------------------
 */

uint64_t limits_accept_wait(struct shard *shard)
{
    struct limits *l = &shard->limits;
    uint64_t now = now_us();
    if (l->connect_rate.per_s == 0 || bucket_try(&l->connects, &l->connect_rate, now)) return 0;
    limits_hit(shard, LIMIT_CONNECTS);
    return 1 + 1000 / l->connect_rate.per_s;
}

static void hold_peer(struct conn *conn, struct address address)
{
    struct allowance *a = &conn->allowance;
    a->peer = peers_get(&conn->shard->limits.peers, address, now_us());
    a->peer->connections++;
    if (a->is_stranger) a->peer->strangers++;
}

static void let_peer_go(struct conn *conn)
{
    struct allowance *a = &conn->allowance;
    if (a->peer == NULL) return;
    a->peer->connections--;
    if (a->is_stranger) a->peer->strangers--;
    a->peer = NULL;
}

/* What a connection that has just come is over; it is counted already. */
static enum limit over(const struct conn *conn)
{
    const struct shard *shard = conn->shard;
    const struct settings *s = shard->settings;
    const struct peer *peer = conn->allowance.peer;
    if (shard->conn_count > shard->limits.connections_max) return LIMIT_CONNECTIONS;
    if (shard->limits.strangers > (uint64_t)s->handshakes_max) return LIMIT_HANDSHAKES;
    if (peer == NULL) return LIMIT_COUNT;
    if (peer->connections > (uint64_t)s->address_connections_max) return LIMIT_ADDRESS_CONNECTIONS;
    if (peer->strangers > (uint64_t)s->address_handshakes_max) return LIMIT_ADDRESS_HANDSHAKES;
    return LIMIT_COUNT;
}

static bool is_far_beyond(uint64_t count, uint64_t most)
{
    return count > most + most / SPARE_DIVISOR + SPARE_MIN;
}

/* So far beyond a limit that not even the answer is worth a place. */
static bool is_hopeless(const struct conn *conn)
{
    const struct shard *shard = conn->shard;
    const struct settings *s = shard->settings;
    const struct peer *peer = conn->allowance.peer;
    if (is_far_beyond(shard->conn_count, shard->limits.connections_max)) return true;
    if (is_far_beyond(shard->limits.strangers, (uint64_t)s->handshakes_max)) return true;
    return peer != NULL && is_far_beyond(peer->strangers, (uint64_t)s->address_handshakes_max);
}

bool limits_arrive(struct conn *conn)
{
    struct shard *shard = conn->shard;
    struct allowance *a = &conn->allowance;
    struct sockaddr_storage from;
    struct address address;
    int len = sizeof from;
    shard->metrics.accepted++;
    a->is_stranger = true;
    shard->limits.strangers++;
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&from, &len) == 0 &&
        address_from((const struct sockaddr *)&from, &address)) {
        a->from_proxy = networks_hold(&shard->limits.trusted, &address);
        if (!a->from_proxy) hold_peer(conn, address);
    }
    a->over = (uint8_t)over(conn);
    if (a->over == LIMIT_COUNT) return true;
    if (is_hopeless(conn)) {
        limits_hit(shard, (enum limit)a->over);
        return false;
    }
    conn->deadline_ms = shard_now(shard) + HEAD_OVER_MS;
    return true;
}

void limits_from(struct conn *conn, const struct http_request *request)
{
    struct shard *shard = conn->shard;
    struct limits *l = &shard->limits;
    if (!conn->allowance.from_proxy) {
        if (request->is_forwarded && !l->has_warned) {
            l->has_warned = true;
            LOG(&shard->log, LOG_WARN,
                "requests come through a proxy that trusted-proxies does not name: all count as "
                "its own; see docs/limits.md",
                LOG_CSTR("header",
                         request->x_forwarded_for.len > 0 ? "x-forwarded-for" : "forwarded"));
        }
        return;
    }
    bool is_rfc = strcmp(shard->settings->proxy_header, "forwarded") == 0;
    struct address address = is_rfc ? forwarded(request->forwarded, &l->trusted)
                                    : forwarded_for(request->x_forwarded_for, &l->trusted);
    if (address_is_nobody(&address) || conn->allowance.peer != NULL) return;
    hold_peer(conn, address);
    if (conn->allowance.over == LIMIT_COUNT) conn->allowance.over = (uint8_t)over(conn);
}

enum limit limits_refuse(struct conn *conn)
{
    struct limits *l = &conn->shard->limits;
    struct allowance *a = &conn->allowance;
    bool has_rate = a->peer != NULL && l->address_connect_rate.per_s > 0;
    if (a->over == LIMIT_COUNT && has_rate &&
        !bucket_try(&a->peer->connects, &l->address_connect_rate, now_us())) {
        a->over = LIMIT_ADDRESS_CONNECTS;
    }
    if (a->over != LIMIT_COUNT) limits_hit(conn->shard, (enum limit)a->over);
    return (enum limit)a->over;
}

static void no_stranger(struct conn *conn)
{
    struct allowance *a = &conn->allowance;
    if (!a->is_stranger) return;
    conn->shard->limits.strangers--;
    if (a->peer != NULL) a->peer->strangers--;
    a->is_stranger = false;
}

void limits_forget(struct conn *conn) { let_peer_go(conn); }

void limits_admitted(struct conn *conn) { no_stranger(conn); }

void limits_leave(struct conn *conn)
{
    no_stranger(conn);
    let_peer_go(conn);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static void owe(struct allowance *a, enum limit limit, uint64_t wait_us)
{
    if (wait_us <= a->wait_us) return;
    a->wait_us = wait_us;
    a->limit = (uint8_t)limit;
}

void limits_message(struct seat *seat, size_t bytes)
{
    const struct limits *l = &seat->conn->shard->limits;
    struct allowance *a = &seat->conn->allowance;
    struct room_slot *slot = seat->slot;
    if (slot == NULL) return;
    uint64_t now = now_us();
    owe(a, LIMIT_ROOM_MESSAGES, bucket_take(&slot->messages, &l->room_messages, 1, now));
    owe(a, LIMIT_ROOM_BYTES, bucket_take(&slot->bytes, &l->room_bytes, bytes, now));
}

bool limits_read(struct conn *conn, size_t bytes)
{
    struct shard *shard = conn->shard;
    const struct limits *l = &shard->limits;
    struct allowance *a = &conn->allowance;
    struct peer *peer = a->peer;
    uint64_t now = now_us();
    // What came compressed costs as much as if it had not.
    a->on_the_way += bytes;
    if (a->came_bytes > a->on_the_way) bytes += a->came_bytes - a->on_the_way;
    if (a->came > 0) a->on_the_way = 0;
    owe(a, LIMIT_CONNECTION_MESSAGES,
        bucket_take(&a->messages, &l->connection_messages, a->came, now));
    owe(a, LIMIT_CONNECTION_BYTES, bucket_take(&a->bytes, &l->connection_bytes, bytes, now));
    if (peer != NULL) {
        owe(a, LIMIT_ADDRESS_MESSAGES,
            bucket_take(&peer->messages, &l->address_messages, a->came, now));
        owe(a, LIMIT_ADDRESS_BYTES, bucket_take(&peer->bytes, &l->address_bytes, bytes, now));
    }
    uint64_t wait_us = a->wait_us;
    a->wait_us = 0;
    a->came = 0;
    a->came_bytes = 0;
    if (wait_us == 0) return false;
    limits_hit(shard, (enum limit)a->limit);
    shard->metrics.slowed_us += wait_us;
    a->slowed_ms = shard_now(shard) + (wait_us + 999) / 1000;
    return true;
}

bool limits_sweep(struct conn *conn, uint64_t now_ms)
{
    struct allowance *a = &conn->allowance;
    if (a->slowed_ms == 0 || a->slowed_ms > now_ms) return false;
    a->slowed_ms = 0;
    return true;
}
