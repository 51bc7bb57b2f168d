/* conn.c - one connection: bytes in, its states, its end.
 *
 *   HTTP     the request is awaited (10 s)
 *   DECIDING asked for a room; whether it is let in is being decided (10 s)
 *   HELD     it is not; the answer waits
 *   LOADING  upgraded; its room is being loaded, the socket is not read meanwhile
 *   OPEN     a member of its room; with Hocuspocus upgraded, and then its seats (desk.c) are
 * asking, loading, or in CLOSING  a last answer or a close frame is on its way; whatever comes in
 * is dropped
 *
 * A connection is freed only when the loop has closed its handle, so a pointer to it stays good for
 * the rest of the turn in which it ended.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/desk.h"

#define CLOSE_DEADLINE_MS 2000
#define CLOSE_TOO_BIG     1009
#define TOO_BIG_MS        1800
#define PING_AFTER_MS     30000
#define DEAD_AFTER_MS     75000
#define KERNEL_UNSENT_MAX (256 * 1024)
/* With so much waiting for the store, whoever sends more is not read for a while. */
#define BATCH_BYTES_MAX ((size_t)32 << 20)

static void conn_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct conn *conn = handle->data;
    (void)suggested;
    *buf = uv_buf_init((char *)conn->shard->recv, sizeof conn->shard->recv);
}

static void on_closed(uv_handle_t *handle)
{
    struct conn *conn = handle->data;
    struct shard *shard = conn->shard;
    limits_leave(conn);
    if (conn->prev != NULL) {
        conn->prev->next = conn->next;
    } else {
        shard->conns = conn->next;
    }
    if (conn->next != NULL) conn->next->prev = conn->prev;
    shard->conn_count--;
    outbox_disown(conn->out);
    backlog_free(conn->backlog);
    seats_free(conn);
    desk_end(conn);
    session_free(conn->session);
    ws_reader_free(conn->reader);
    conn_forget_held(conn);
    free(conn);
}

void conn_forget_held(struct conn *conn)
{
    if (conn->held != NULL) yd_buf_deinit(conn->held);
    free(conn->held);
    conn->held = NULL;
}

void conn_end(struct conn *conn)
{
    if (uv_is_closing((uv_handle_t *)&conn->tcp)) return;
    conn->state = CONN_CLOSING;
    api_wait_end(conn);
    chunk_unref(late_take(conn));
    flow_forget(conn);
    seats_leave(conn);
    uv_close((uv_handle_t *)&conn->tcp, on_closed);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    struct conn *conn = req->data;
    (void)status;
    free(req);
    if (conn->is_http || conn->peer_ended) conn_end(conn);
}

void conn_finish(struct conn *conn)
{
    if (conn->finished || uv_is_closing((uv_handle_t *)&conn->tcp)) return;
    conn->finished = true;
    uv_shutdown_t *req = heap_new(sizeof *req);
    req->data = conn;
    if (uv_shutdown(req, (uv_stream_t *)&conn->tcp, on_shutdown) != 0) {
        free(req);
        conn_end(conn);
    }
}

/* From here on the connection only says its last and waits for the peer to go. */
static void begin_closing(struct conn *conn)
{
    conn->state = CONN_CLOSING;
    conn->deadline_ms = shard_now(conn->shard) + CLOSE_DEADLINE_MS;
    seats_leave(conn);
}

void conn_close(struct conn *conn, uint32_t code, const char *reason)
{
    if (conn->state == CONN_CLOSING || uv_is_closing((uv_handle_t *)&conn->tcp)) return;
    if (conn->state < CONN_LOADING) {
        conn_end(conn);
        return;
    }
    struct yd_buf frame;
    yd_buf_init(&frame, heap_alloc(), 256);
    if (ws_close_frame(&frame, code, reason) == YD_OK) {
        outbox_put(conn->shard, outbox_of_conn(conn), yd_buf_slice(&frame), YD_EMPTY, 0);
    }
    yd_buf_deinit(&frame);
    begin_closing(conn);
    (void)uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, conn_on_read);
}

/* ---- WebSocket --------------------------------------------------------------------------------
 */

/* Its client comes back with the same message, most of them 100 ms after the close: that waits. */
static void too_big(struct conn *conn)
{
    limits_hit(conn->shard, LIMIT_MESSAGE_BYTES);
    seats_leave(conn);
    (void)uv_read_stop((uv_stream_t *)&conn->tcp);
    conn->state = CONN_LOADING; // upgraded, and in no room
    conn->close_code = CLOSE_TOO_BIG;
    conn->deadline_ms = shard_now(conn->shard) + TOO_BIG_MS;
}

static void conn_not_understood(struct conn *conn)
{
    conn->shard->ignored++;
    conn->shard->metrics.not_understood++;
}

bool conn_on_message(void *ctx, enum ws_opcode opcode, yd_slice payload)
{
    struct conn *conn = ctx;
    conn->allowance.came++;
    conn->allowance.came_bytes += payload.len;
    struct session_event ev;
    enum session_opcode kind = opcode == WS_TEXT ? SESSION_TEXT : SESSION_BINARY;
    if (session_recv(conn->session, kind, payload, &ev) != YD_OK) {
        conn_close(conn, 1011, "out of memory");
        return false;
    }
    switch (ev.kind) {
    case SESSION_EV_NONE: break;
    case SESSION_EV_IGNORED: conn_not_understood(conn); break;
    case SESSION_EV_CLOSE:
        if (ev.close_code == CLOSE_TOO_BIG) {
            too_big(conn);
        } else {
            conn_close(conn, ev.close_code, ev.why);
        }
        break;
    case SESSION_EV_MESSAGE: seat_message(seat_get(conn, ev.doc), ev.message, ev.bytes); break;
    case SESSION_EV_OPEN:
    case SESSION_EV_TOKEN:
    case SESSION_EV_SHUT: desk_on_event(conn, &ev); break;
    case SESSION_EV_OTHER: desk_begin_late(conn, payload); break;
    }
    return conn->state == CONN_OPEN;
}

static struct ws_reader *reader_new(void)
{
    struct ws_reader *r = ws_reader_new();
    if (r == NULL) abort();
    return r;
}

static size_t message_bytes_max(const struct conn *conn)
{
    const struct settings *settings = conn->shard->settings;
    if (conn->caller != NULL) {
        // For any of its rooms; each refuses what is too large for it.
        return (size_t)policies_message_bytes_max(&settings->rooms, settings->message_bytes_max);
    }
    const struct seat *seat = seat_get(conn, 0);
    bool is_in = seat != NULL && seat->slot != NULL;
    return policy_message_bytes(conn->shard, is_in ? seat->slot->policy : NULL);
}

static bool ends_with_too_big(const struct yd_buf *reply)
{
    static const uint8_t frame[] = {0x88, 2, CLOSE_TOO_BIG >> 8, CLOSE_TOO_BIG & 0xff};
    return reply->len >= 4 && memcmp(reply->ptr + reply->len - 4, frame, 4) == 0;
}

/* A connection at rest borrows the shard's reader; one that stops inside a message keeps it. */
static void conn_read_frames(struct conn *conn, yd_slice bytes)
{
    struct shard *shard = conn->shard;
    struct yd_buf reply;
    yd_buf_init(&reply, heap_alloc(), (size_t)1 << 20);
    struct ws_sink sink = {.on_message = conn_on_message,
                           .ctx = conn,
                           .message_bytes_max = message_bytes_max(conn),
                           .reply = &reply,
                           .inflate = conn->deflates ? deflate_inflater(shard) : NULL,
                           .alloc = heap_alloc()};
    if (shard->resting == NULL) shard->resting = reader_new();
    bool own = conn->reader != NULL;
    struct ws_reader *reader = own ? conn->reader : shard->resting;
    enum ws_state state = ws_read(reader, bytes, &sink);

    if (state == WS_BUSY && !own) {
        conn->reader = reader;
        shard->resting = NULL;
    } else if (state == WS_REST && own) {
        ws_reader_free(conn->reader);
        conn->reader = NULL;
    } else if (state == WS_ENDED) {
        ws_reader_free(reader);
        conn->reader = NULL;
        if (!own) shard->resting = NULL;
    }
    bool closing = conn->state != CONN_OPEN;
    if (state == WS_ENDED && !closing && ends_with_too_big(&reply)) {
        too_big(conn);
        yd_buf_deinit(&reply);
        return;
    }
    if (reply.len > 0 && !closing && !uv_is_closing((uv_handle_t *)&conn->tcp)) {
        outbox_put(shard, outbox_of_conn(conn), yd_buf_slice(&reply), YD_EMPTY, 0);
    }
    if (state == WS_ENDED && !closing) {
        begin_closing(conn);
        if (reply.len == 0) conn_finish(conn);
    }
    yd_buf_deinit(&reply);
}

void conn_open(struct conn *conn, struct session_opts opts)
{
    if (session_new(heap_alloc(), opts, &conn->session) != YD_OK) abort();
    conn->state = CONN_OPEN;
    conn->deadline_ms = 0;
}

void conn_read_held(struct conn *conn)
{
    (void)uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, conn_on_read);
    if (conn->held == NULL) return;
    struct yd_buf held = *conn->held;
    free(conn->held);
    conn->held = NULL;
    if (held.len > 0) conn_read_frames(conn, yd_buf_slice(&held));
    yd_buf_deinit(&held);
}

/* ---- HTTP -------------------------------------------------------------------------------------
 */

/* Keeps what cannot be handled yet; false: it is too much, and the connection was told. */
static bool conn_hold(struct conn *conn, yd_slice bytes)
{
    if (conn->held == NULL) {
        conn->held = heap_new(sizeof *conn->held);
        yd_buf_init(conn->held, heap_alloc(), HTTP_HEAD_MAX + sizeof conn->shard->recv);
    }
    if (yd_buf_append(conn->held, bytes) != YD_OK) {
        conn_answer(conn, 400, "text/plain", YD_LITERAL("request too large\n"));
        return false;
    }
    return true;
}

static void conn_read_head(struct conn *conn, yd_slice bytes)
{
    if (!conn_hold(conn, bytes) || conn->held->len < conn->awaits) return;
    struct http_request request;
    int used = http_request_read(yd_buf_slice(conn->held), &request);
    if (used == HTTP_MORE) return;
    if (used == HTTP_BAD) {
        conn_answer(conn, 400, "text/plain", YD_LITERAL("this is not HTTP/1.1\n"));
        return;
    }
    struct yd_buf *held = conn->held;
    yd_slice rest = {held->ptr + used, held->len - (size_t)used};
    if (conn->awaits == 0) limits_from(conn, &request);
    uint32_t body_bytes = conn_on_request(conn, &request, rest);
    conn->awaits = (uint32_t)used + body_bytes;
    if (conn->state != CONN_DECIDING && conn->state != CONN_OPEN) return;
    // What came behind the head are frames already. They wait until the room is ready.
    held->len -= (size_t)used;
    memmove(held->ptr, held->ptr + used, held->len);
    if (conn->state == CONN_DECIDING) {
        door_decide(seat_get(conn, 0));
    } else {
        conn_read_held(conn);
    }
}

/* Until its rates, those of its address or of its room are what they may be again. */
static void slow_down(struct conn *conn, size_t bytes)
{
    if (!limits_read(conn, bytes)) return;
    if (conn->state != CONN_OPEN || uv_is_closing((uv_handle_t *)&conn->tcp)) return;
    (void)uv_read_stop((uv_stream_t *)&conn->tcp);
}

static void read_again(struct conn *conn)
{
    conn->heard_ms = shard_now(conn->shard);
    if (conn->state != CONN_OPEN || uv_is_closing((uv_handle_t *)&conn->tcp)) return;
    if (conn->paused || conn->allowance.slowed_ms != 0 || conn->shard->stopping) return;
    (void)uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, conn_on_read);
}

static void pause_if_store_lags(struct conn *conn)
{
    struct shard *shard = conn->shard;
    if (shard->store == NULL || store_batch_bytes(shard->store) <= BATCH_BYTES_MAX) return;
    if (conn->state != CONN_OPEN || uv_is_closing((uv_handle_t *)&conn->tcp)) return;
    (void)uv_read_stop((uv_stream_t *)&conn->tcp);
    conn->paused = shard->any_paused = true;
}

void conns_resume(struct shard *shard)
{
    shard->any_paused = false;
    for (struct conn *c = shard->conns; c != NULL; c = c->next) {
        if (!c->paused) continue;
        c->paused = false;
        read_again(c);
    }
}

static void conn_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *conn = stream->data;
    if (n == 0) return;
    if (n == UV_EOF && conn->state == CONN_CLOSING && !conn->finished) {
        conn->peer_ended = true; // after its last word; ours is still on its way
        return;
    }
    if (n < 0) {
        conn_end(conn);
        return;
    }
    conn->heard_ms = shard_now(conn->shard);
    conn->shard->metrics.bytes_in += (size_t)n;
    yd_slice bytes = {(const uint8_t *)buf->base, (size_t)n};
    switch ((enum conn_state)conn->state) {
    case CONN_HTTP: conn_read_head(conn, bytes); break;
    case CONN_DECIDING: (void)conn_hold(conn, bytes); break;
    case CONN_OPEN:
        conn_read_frames(conn, bytes);
        slow_down(conn, bytes.len);
        pause_if_store_lags(conn);
        break;
    case CONN_HELD:
    case CONN_LOADING:
    case CONN_CLOSING: break;
    }
}

/* What waits to be sent waits with us, where it can be left out: the kernel's buffer would hold
 * megabytes for a peer that does not read. */
static void limit_unsent(struct conn *conn)
{
    int fd = -1;
    int bytes = KERNEL_UNSENT_MAX;
    if (uv_fileno((const uv_handle_t *)&conn->tcp, &fd) != 0) return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

static void conn_take(struct shard *shard)
{
    struct conn *conn = heap_new(sizeof *conn);
    conn->shard = shard;
    (void)uv_tcp_init(&shard->loop, &conn->tcp);
    conn->tcp.data = conn;
    conn->next = shard->conns;
    if (conn->next != NULL) conn->next->prev = conn;
    shard->conns = conn;
    shard->conn_count++;
    conn->heard_ms = shard_now(shard);
    conn->deadline_ms = conn->heard_ms + (uint64_t)shard->settings->handshake_ms;
    if (uv_accept((uv_stream_t *)&shard->listener, (uv_stream_t *)&conn->tcp) != 0 ||
        uv_tcp_nodelay(&conn->tcp, 1) != 0 || !limits_arrive(conn) ||
        uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, conn_on_read) != 0) {
        conn_end(conn);
        return;
    }
    limit_unsent(conn);
}

static void on_accept_timer(uv_timer_t *timer)
{
    struct shard *shard = timer->data;
    if (!shard->stopping) conn_accept(shard);
}

/* One that is not taken keeps the loop from looking for more: they wait in the kernel. */
void conn_accept(struct shard *shard)
{
    uint64_t wait_ms = limits_accept_wait(shard);
    if (wait_ms == 0) {
        conn_take(shard);
        return;
    }
    shard->accept_timer.data = shard;
    (void)uv_timer_start(&shard->accept_timer, on_accept_timer, wait_ms, 0);
}

/* Called every quarter of a second: deadlines, and peers that have gone without a word. */
void conn_sweep(struct conn *conn, uint64_t now_ms)
{
    static const yd_slice ping = {(const uint8_t *)"\x89\x00", 2};
    if (uv_is_closing((uv_handle_t *)&conn->tcp)) return;
    door_sweep(conn, now_ms);
    if (conn->caller != NULL) desk_sweep(conn, now_ms);
    if (conn->deadline_ms != 0 && conn->deadline_ms <= now_ms) {
        if (conn->state == CONN_LOADING && conn->close_code != 0) {
            bool is_big = conn->close_code == CLOSE_TOO_BIG;
            conn_close(conn, conn->close_code,
                       is_big ? "see message-bytes-max" : "this room cannot be read");
        } else {
            if (conn->state == CONN_HTTP) limits_hit(conn->shard, LIMIT_HANDSHAKE_TIME);
            conn_end(conn);
        }
        return;
    }
    if (limits_sweep(conn, now_ms)) read_again(conn);
    if (conn->state != CONN_OPEN || conn->paused || conn->allowance.slowed_ms != 0) return;
    if (conn->heard_ms + DEAD_AFTER_MS <= now_ms) {
        conn_end(conn);
    } else if (conn->heard_ms + PING_AFTER_MS <= now_ms &&
               conn->pinged_ms + PING_AFTER_MS <= now_ms) {
        conn->pinged_ms = now_ms;
        outbox_put(conn->shard, outbox_of_conn(conn), ping, YD_EMPTY, 0);
    }
}
