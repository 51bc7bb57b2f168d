/* join.c - many clients that join one room at the same moment: how long until each has the
 * document.
 *
 * Where it sits:   bench/join/run -> here -> a server of the y-websocket or Hocuspocus dialect
 *
 * A client connects, asks with an empty state vector and is done with the STEP2 that answers. What
 * it is sent is counted and thrown away, so that a thousand clients need no memory here.
 */
#include "ydoc/base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN_MAX = 1 << 18, PEEK_MAX = 64, EVENTS = 256 };

struct conn {
    int fd;
    bool upgraded, done, lost;
    uint8_t peek[PEEK_MAX]; /* the HTTP head's last bytes, then the head of each frame */
    size_t peek_len, need;
    uint64_t left; /* payload of the frame that has not come yet */
    uint64_t bytes, frames;
    uint64_t done_us;
};

struct config {
    const char *path, *room;
    unsigned port, clients, seconds;
    bool hocuspocus;
};

static uint8_t in[IN_MAX];

static _Noreturn void die(const char *why)
{
    fprintf(stderr, "join: %s%s%s\n", why, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(EXIT_FAILURE);
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* A server that has lost patience closes; that is its result, not our fault. */
static void give_up(struct conn *conn)
{
    conn->lost = true;
    close(conn->fd);
}

static void send_message(const struct config *cfg, struct conn *conn, const char *body, size_t len)
{
    uint8_t frame[256] = {0x82};
    size_t name = cfg->hocuspocus ? strlen(cfg->room) + 1 : 0;
    frame[1] = (uint8_t)(0x80 | (len + name)); /* the mask is zero, as good as any */
    size_t at = 6;
    if (name > 0) {
        frame[at++] = (uint8_t)(name - 1);
        memcpy(frame + at, cfg->room, name - 1);
        at += name - 1;
    }
    memcpy(frame + at, body, len);
    if (send(conn->fd, frame, at + len, MSG_NOSIGNAL) != (ssize_t)(at + len)) die("send");
}

/* y-websocket's server ends whoever does not answer its ping of every 30 s. */
static void send_pong(struct conn *conn, const uint8_t *payload, size_t len)
{
    uint8_t frame[6 + PEEK_MAX] = {0x8a, (uint8_t)(0x80 | len)};
    memcpy(frame + 6, payload, len);
    (void)send(conn->fd, frame, 6 + len, MSG_NOSIGNAL); /* a lost one is noticed when read */
}

/* The beginning of a binary frame: is it the answer? */
static void look(const struct config *cfg, struct conn *conn, const uint8_t *payload, size_t len)
{
    struct yd_reader r = yd_reader_of((yd_slice){payload, len});
    if (cfg->hocuspocus) (void)yd_read_varbytes(&r);
    if (yd_read_varuint(&r) != 0 || yd_read_varuint(&r) != 1 || r.failed) return;
    conn->done = true;
}

static size_t head_size(const struct conn *conn)
{
    if (conn->peek_len < 2) return 2;
    unsigned len = conn->peek[1] & 0x7fU;
    return len < 126 ? 2 : len == 126 ? 4 : 10;
}

static uint64_t payload_size(const struct conn *conn)
{
    uint64_t size = conn->peek[1] & 0x7fU;
    size_t head = head_size(conn);
    if (head > 2) size = 0;
    for (size_t i = 2; i < head; i++) size = size << 8 | conn->peek[i];
    return size;
}

/* Takes bytes of the head and the beginning of the payload; how many. */
static size_t take_head(const struct config *cfg, struct conn *conn, const uint8_t *at, size_t len)
{
    size_t used = 0;
    while (used < len) {
        size_t head = head_size(conn), want = head;
        if (conn->peek_len >= head) {
            uint64_t size = payload_size(conn);
            want = head + (size < 40 ? (size_t)size : 40);
        }
        if (conn->peek_len >= want && conn->peek_len >= head) break;
        conn->peek[conn->peek_len++] = at[used++];
    }
    size_t head = head_size(conn);
    if (conn->peek_len < head) return used;
    uint64_t size = payload_size(conn);
    size_t begin = size < 40 ? (size_t)size : 40;
    if (conn->peek_len < head + begin) return used;
    if ((conn->peek[0] & 15) == 9) send_pong(conn, conn->peek + head, begin);
    if ((conn->peek[0] & 15) == 2) look(cfg, conn, conn->peek + head, begin);
    conn->frames++;
    conn->left = size - begin;
    conn->peek_len = 0;
    return used;
}

static size_t take_http(struct conn *conn, const uint8_t *at, size_t len)
{
    static const char end[] = "\r\n\r\n";
    for (size_t i = 0; i < len; i++) {
        conn->peek_len = at[i] == (uint8_t)end[conn->peek_len] ? conn->peek_len + 1
                         : at[i] == '\r'                       ? 1
                                                               : 0;
        if (conn->peek_len < 4) continue;
        conn->upgraded = true;
        conn->peek_len = 0;
        return i + 1;
    }
    return len;
}

/* Returns true when the connection has just become done. */
static bool conn_read(const struct config *cfg, struct conn *conn)
{
    ssize_t n = recv(conn->fd, in, sizeof in, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return false;
    if (n <= 0) {
        give_up(conn);
        return false;
    }
    conn->bytes += (uint64_t)n;
    bool was_done = conn->done;
    for (size_t at = 0; at < (size_t)n;) {
        size_t rest = (size_t)n - at;
        if (!conn->upgraded) {
            at += take_http(conn, in + at, rest);
            if (!conn->upgraded) break;
            if (cfg->hocuspocus) send_message(cfg, conn, "\2\0\0\0054.7.0", 9);
            send_message(cfg, conn, "\0\0\1\0", 4);
        } else if (conn->left > 0) {
            size_t skip = conn->left < rest ? (size_t)conn->left : rest;
            conn->left -= skip;
            at += skip;
        } else {
            at += take_head(cfg, conn, in + at, rest);
        }
    }
    return conn->done && !was_done;
}

static void conn_open(const struct config *cfg, struct conn *conn, int epoll)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)cfg->port)};
    char text[512];
    (void)inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    conn->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&to, sizeof to) != 0) die("connect");
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    int len = snprintf(text, sizeof text,
                       "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                       "Sec-WebSocket-Version: 13\r\n\r\n",
                       cfg->path, cfg->port);
    if (send(conn->fd, text, (size_t)len, MSG_NOSIGNAL) != len) die("send");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0) die("epoll_ctl");
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void report(const struct config *cfg, const struct conn *conns, unsigned done)
{
    uint64_t *times = calloc(cfg->clients, sizeof *times);
    uint64_t bytes = 0, frames = 0;
    unsigned n = 0, lost = 0;
    if (times == NULL) die("no memory");
    for (unsigned i = 0; i < cfg->clients; i++) {
        bytes += conns[i].bytes;
        frames += conns[i].frames;
        lost += conns[i].lost && !conns[i].done;
        if (conns[i].done) times[n++] = conns[i].done_us;
    }
    qsort(times, n, sizeof *times, by_time);
    printf(
        "{\"clients\":%u,\"done\":%u,\"lost\":%u,\"first_ms\":%.1f,\"p50_ms\":%.1f,\"p99_ms\":%.1f,"
        "\"last_ms\":%.1f,\"mb\":%.1f,\"frames\":%llu}\n",
        cfg->clients, done, lost, n == 0 ? 0 : (double)times[0] / 1e3,
        n == 0 ? 0 : (double)times[n / 2] / 1e3, n == 0 ? 0 : (double)times[n * 99 / 100] / 1e3,
        n == 0 ? 0 : (double)times[n - 1] / 1e3, (double)bytes / 1e6, (unsigned long long)frames);
    free(times);
}

static void parse(struct config *cfg, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *flag = argv[i], *value = argv[i + 1];
        unsigned number = (unsigned)strtoul(value, NULL, 10);
        if (strcmp(flag, "--port") == 0) cfg->port = number;
        if (strcmp(flag, "--clients") == 0) cfg->clients = number;
        if (strcmp(flag, "--seconds") == 0) cfg->seconds = number;
        if (strcmp(flag, "--path") == 0) cfg->path = value;
        if (strcmp(flag, "--room") == 0) cfg->room = value;
        if (strcmp(flag, "--dialect") == 0) cfg->hocuspocus = value[0] == 'h';
    }
    if (cfg->port != 0 && cfg->clients != 0 && strlen(cfg->room) < 100) return;
    fputs("usage: join --port N [--clients N] [--seconds N] [--path /room] [--dialect "
          "yws|hocuspocus]\n  [--room NAME]\n",
          stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    struct config cfg = {.path = "/large", .room = "large", .clients = 1000, .seconds = 60};
    parse(&cfg, argc, argv);
    struct conn *conns = calloc(cfg.clients, sizeof *conns);
    int epoll = epoll_create1(0);
    if (conns == NULL || epoll < 0) die("no memory");
    uint64_t start = now_us();
    unsigned done = 0;
    for (unsigned i = 0; i < cfg.clients; i++) conn_open(&cfg, &conns[i], epoll);
    while (done < cfg.clients && now_us() - start < (uint64_t)cfg.seconds * 1000000) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, 100);
        for (int i = 0; i < n; i++) {
            struct conn *conn = events[i].data.ptr;
            if (!conn_read(&cfg, conn)) continue;
            conn->done_us = now_us() - start;
            done++;
        }
    }
    report(&cfg, conns, done);
    free(conns);
    return done == cfg.clients ? 0 : 1;
}
