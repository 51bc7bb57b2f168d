/* admin.c - the operator's socket: its listener, its connections, bytes in and out.
 *
 * A connection waits for a head and as much body as that says, hands them to admin_call.c, and from
 * then on only writes. It is freed when the loop has closed its handle.
 */
#include "host/admin_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FULL_BYTES ((size_t)1 << 20)

struct admin {
    struct shard *shard;
    uv_pipe_t listener;
    bool listens;
    char path[4096];
    struct admin_conn *conns;
};

struct admin_conn {
    uv_pipe_t pipe;
    struct shard *shard;
    struct admin_conn *prev, *next;
    struct yd_buf in;
    struct admin_request request;
    struct admin_call *call;
    size_t awaits;  /* bytes of head and body; 0: the head is not whole yet */
    size_t waiting; /* bytes of output under way */
    bool begun;     /* the call has the request */
    bool head_sent, finished;
    char recv[64 * 1024];
};

struct piece {
    uv_write_t req;
    struct admin_conn *conn;
    size_t len;
    uint8_t bytes[];
};

/* ---- connections ------------------------------------------------------------------------------
 */

static void on_closed(uv_handle_t *handle)
{
    struct admin_conn *conn = handle->data;
    struct admin *admin = conn->shard->admin;
    if (conn->prev != NULL) {
        conn->prev->next = conn->next;
    } else {
        admin->conns = conn->next;
    }
    if (conn->next != NULL) conn->next->prev = conn->prev;
    if (conn->call != NULL && conn->call->on_end != NULL) conn->call->on_end(conn->call);
    free(conn->call);
    yd_buf_deinit(&conn->in);
    free(conn);
}

static bool is_closing(const struct admin_conn *conn)
{
    return uv_is_closing((const uv_handle_t *)&conn->pipe) != 0;
}

static void ask_forget(struct admin_conn *conn)
{
    if (conn->call == NULL) return;
    ask_cancel(conn->shard, conn->call->token);
    conn->call->token = 0;
}

void admin_break(struct admin_conn *conn)
{
    conn->finished = true;
    ask_forget(conn);
    if (!is_closing(conn)) uv_close((uv_handle_t *)&conn->pipe, on_closed);
}

static void on_written(uv_write_t *req, int status)
{
    struct piece *piece = req->data;
    struct admin_conn *conn = piece->conn;
    conn->waiting -= piece->len;
    free(piece);
    if (is_closing(conn)) return;
    if (status != 0 || (conn->finished && conn->waiting == 0)) {
        admin_break(conn);
    } else if (!conn->finished && !admin_is_full(conn) && conn->call != NULL &&
               conn->call->on_drained != NULL) {
        conn->call->on_drained(conn->call);
    }
}

static struct piece *piece_new(struct admin_conn *conn, size_t len)
{
    struct piece *piece = heap_new(sizeof *piece + len);
    piece->conn = conn;
    piece->len = len;
    piece->req.data = piece;
    return piece;
}

static void piece_send(struct piece *piece)
{
    struct admin_conn *conn = piece->conn;
    uv_buf_t buf = uv_buf_init((char *)piece->bytes, (unsigned)piece->len);
    conn->waiting += piece->len;
    if (uv_write(&piece->req, (uv_stream_t *)&conn->pipe, &buf, 1, on_written) != 0) {
        conn->waiting -= piece->len;
        free(piece);
        admin_break(conn);
    }
}

bool admin_is_full(const struct admin_conn *conn) { return conn->waiting >= FULL_BYTES; }

static const char *status_text(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 500: return "Internal Server Error";
    default: return "Service Unavailable";
    }
}

void admin_head(struct admin_conn *conn, int status, const char *type, const char *more)
{
    if (is_closing(conn)) return;
    char head[1024];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n"
                     "Cache-Control: no-store\r\n%sConnection: close\r\n\r\n",
                     status, status_text(status), type, more);
    if (n < 0 || (size_t)n >= sizeof head) abort();
    struct piece *piece = piece_new(conn, (size_t)n);
    memcpy(piece->bytes, head, (size_t)n);
    conn->head_sent = true;
    piece_send(piece);
}

void admin_write(struct admin_conn *conn, yd_slice bytes)
{
    if (bytes.len == 0 || is_closing(conn)) return; // an empty chunk would be the end
    char size[32];
    int n = snprintf(size, sizeof size, "%zx\r\n", bytes.len);
    struct piece *piece = piece_new(conn, (size_t)n + bytes.len + 2);
    memcpy(piece->bytes, size, (size_t)n);
    memcpy(piece->bytes + n, bytes.ptr, bytes.len);
    memcpy(piece->bytes + n + bytes.len, "\r\n", 2);
    piece_send(piece);
}

void admin_finish(struct admin_conn *conn)
{
    static const char last[] = "0\r\n\r\n";
    if (is_closing(conn)) return;
    struct piece *piece = piece_new(conn, sizeof last - 1);
    memcpy(piece->bytes, last, sizeof last - 1);
    conn->finished = true;
    ask_forget(conn);
    piece_send(piece);
}

void admin_line(struct admin_conn *conn, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    if (text == NULL) abort();
    size_t len = strlen(text);
    text[len] = '\n'; // in place of its NUL
    admin_write(conn, (yd_slice){(const uint8_t *)text, len + 1});
    free(text);
    json_decref(json);
}

void admin_json(struct admin_conn *conn, int status, json_t *json)
{
    admin_head(conn, status, "application/json", "");
    admin_line(conn, json);
    admin_finish(conn);
}

void admin_error(struct admin_conn *conn, int status, const char *code, const char *message)
{
    if (conn->head_sent) {
        admin_break(conn);
        return;
    }
    admin_json(conn, status, json_pack("{s:s,s:s}", "code", code, "message", message));
}

/* ---- requests ---------------------------------------------------------------------------------
 */

void *admin_call_new(struct admin_conn *conn, size_t size)
{
    struct admin_call *call = heap_new(size);
    call->conn = conn;
    call->shard = conn->shard;
    conn->call = call;
    return call;
}

struct admin_request *admin_request_of(struct admin_conn *conn) { return &conn->request; }
struct shard *admin_shard_of(struct admin_conn *conn) { return conn->shard; }

/* False: it cannot be a request, and the peer was told. */
static bool head_read(struct admin_conn *conn)
{
    struct http_request *http = &conn->request.http;
    int used = http_request_read(yd_buf_slice(&conn->in), http);
    if (used == HTTP_MORE) return true;
    if (used == HTTP_BAD || http->has_coding || http->body_bytes > ADMIN_BODY_MAX) {
        bool is_large = used != HTTP_BAD && !http->has_coding;
        conn->begun = true;
        admin_error(conn, is_large ? 413 : 400, is_large ? "too_large" : "bad_request",
                    is_large ? "a body has 1 GiB at most"
                             : "this is not HTTP/1.1 with a Content-Length");
        return false;
    }
    conn->awaits = (size_t)used + (size_t)http->body_bytes;
    static const yd_slice go_on = {(const uint8_t *)"HTTP/1.1 100 Continue\r\n\r\n", 25};
    if (http->expects_continue && conn->in.len < conn->awaits) {
        struct piece *piece = piece_new(conn, go_on.len);
        memcpy(piece->bytes, go_on.ptr, go_on.len);
        piece_send(piece);
    }
    return true;
}

static void begin_if_whole(struct admin_conn *conn)
{
    if (conn->awaits == 0 && !head_read(conn)) return;
    if (conn->awaits == 0 || conn->in.len < conn->awaits) return;
    conn->begun = true;
    // Growing has moved the bytes: what the head says is read again where they are now.
    struct http_request *http = &conn->request.http;
    int used = http_request_read(yd_buf_slice(&conn->in), http);
    YD_ASSERT(used > 0);
    yd_slice body = {conn->in.ptr + used, (size_t)http->body_bytes};
    conn->request.body = body.len == 0 ? YD_EMPTY : body;
    admin_call_begin(conn);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct admin_conn *conn = handle->data;
    (void)suggested;
    *buf = uv_buf_init(conn->recv, sizeof conn->recv);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct admin_conn *conn = stream->data;
    if (n == 0 || (n == UV_EOF && conn->begun && !conn->finished)) return;
    if (n < 0) {
        admin_break(conn);
    } else if (!conn->begun) {
        yd_slice bytes = {(const uint8_t *)buf->base, (size_t)n};
        if (yd_buf_append(&conn->in, bytes) != YD_OK) {
            admin_break(conn);
            return;
        }
        begin_if_whole(conn);
    }
}

static struct admin_conn *conn_new(struct shard *shard)
{
    struct admin *admin = shard->admin;
    struct admin_conn *conn = heap_new(sizeof *conn);
    conn->shard = shard;
    (void)uv_pipe_init(&shard->loop, &conn->pipe, 0);
    conn->pipe.data = conn;
    yd_buf_init(&conn->in, heap_alloc(),
                (size_t)ADMIN_BODY_MAX + HTTP_HEAD_MAX + sizeof conn->recv);
    conn->next = admin->conns;
    if (conn->next != NULL) conn->next->prev = conn;
    admin->conns = conn;
    return conn;
}

void admin_take(struct shard *shard, int fd)
{
    struct admin_conn *conn = conn_new(shard);
    if (uv_pipe_open(&conn->pipe, fd) != 0) {
        (void)close(fd);
        admin_break(conn);
    } else if (uv_read_start((uv_stream_t *)&conn->pipe, on_alloc, on_read) != 0) {
        admin_break(conn);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct admin *admin = listener->data;
    if (status != 0) return;
    struct admin_conn *conn = conn_new(admin->shard);
    if (uv_accept(listener, (uv_stream_t *)&conn->pipe) != 0 ||
        uv_read_start((uv_stream_t *)&conn->pipe, on_alloc, on_read) != 0) {
        admin_break(conn);
    }
}

/* ---- the store answers ------------------------------------------------------------------------
 */

static void on_answer(void *ctx, struct store_event *ev)
{
    struct admin_call *call = ctx;
    call->token = 0;
    if (ev->kind == STORE_EV_FAILED) {
        admin_error(call->conn, 503, "store_failed", ev->why);
    } else {
        call->on_store(call, ev);
    }
}

uint64_t admin_ask(struct admin_call *call)
{
    call->token = ask_new(call->shard, on_answer, call);
    return call->token;
}

/* ---- the listener -----------------------------------------------------------------------------
 */

/* A path of a socket has about 100 bytes. A longer one is reached through the directory's
 * descriptor, where the system can do that. */
static bool address_of(const char *dir, int *dir_fd, struct sockaddr_un *address)
{
    size_t size = sizeof address->sun_path;
    *dir_fd = -1;
    address->sun_family = AF_UNIX;
    int n = snprintf(address->sun_path, size, "%s/" ADMIN_SOCKET, dir);
    if (n > 0 && (size_t)n < size) return true;
    *dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*dir_fd < 0) return false;
    (void)snprintf(address->sun_path, size, "/proc/self/fd/%d/" ADMIN_SOCKET, *dir_fd);
    return true;
}

/* The store's lock is ours, so whatever socket is there belongs to nobody any more. */
static int listener_open(struct admin *admin)
{
    struct sockaddr_un address;
    int dir_fd = -1, fd = -1, error = 0;
    memset(&address, 0, sizeof address);
    if (!address_of(admin->shard->settings->data, &dir_fd, &address)) return -1;
    (void)unlink(address.sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // Linux makes the file with the mode that the socket has; elsewhere chmod() follows at once.
    bool ok = fd >= 0 && fchmod(fd, 0600) == 0 &&
              bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
              chmod(address.sun_path, 0600) == 0;
    error = errno;
    if (dir_fd >= 0) (void)close(dir_fd);
    if (!ok && fd >= 0) (void)close(fd);
    errno = error;
    return ok ? fd : -1;
}

static struct admin *admin_get(struct shard *shard)
{
    if (shard->admin == NULL) {
        shard->admin = heap_new(sizeof *shard->admin);
        shard->admin->shard = shard;
    }
    return shard->admin;
}

void admin_init(struct shard *shard) { (void)admin_get(shard); }

yd_err admin_listen(struct shard *shard, char *why, size_t size)
{
    struct admin *admin = shard->admin;
    snprintf(admin->path, sizeof admin->path, "%s/" ADMIN_SOCKET, shard->settings->data);
    admin_backup_forget(shard);
    int fd = listener_open(admin);
    if (fd < 0) {
        snprintf(why, size,
                 "%.300s: cannot be made: %s; partyd's commands need it to reach a running server",
                 admin->path, strerror(errno));
        return YD_ENOTFOUND;
    }
    (void)uv_pipe_init(&shard->loop, &admin->listener, 0);
    admin->listener.data = admin;
    admin->listens = true;
    int err = uv_pipe_open(&admin->listener, fd);
    if (err == 0) err = uv_listen((uv_stream_t *)&admin->listener, 16, on_connection);
    if (err == 0) return YD_OK;
    snprintf(why, size, "%.300s: cannot be listened on: %s", admin->path, uv_strerror(err));
    return YD_ENOTFOUND;
}

/* The loop has ended; the handles are closed by whoever walks it. */
void admin_close(struct shard *shard)
{
    struct admin *admin = shard->admin;
    if (admin == NULL) return;
    if (admin->listens) (void)unlink(admin->path);
    struct admin_conn *next = NULL;
    for (struct admin_conn *c = admin->conns; c != NULL; c = next) {
        next = c->next;
        admin_break(c);
    }
}

void admin_free(struct shard *shard)
{
    free(shard->admin);
    shard->admin = NULL;
}
