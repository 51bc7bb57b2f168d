/* fanout.c - an open-loop load generator: what one update costs on its way to everybody else.
 *
 * Where it sits:   bench/fanout/run -> here -> a server of the y-websocket or Hocuspocus dialect
 *
 * Messages leave by a schedule made beforehand and carry the time they were due, so a slow server
 * shows as latency instead of as less load. Each is a valid Yjs update (16 characters appended to
 * a text by a client id of its own), because servers that hold a document drop anything else.
 * A server may merge updates: deliveries are time stamps found, not frames.
 *
 * Invariant: the schedule is one sequence, message n belongs to sender n modulo senders, so no
 * queue of timers is needed.
 */
#include "ydoc/base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    STAMP_LEN = 16,    /* 12 hex digits of microseconds, 4 of the sender */
    FRAME_MAX = 32768, /* presence of hundreds comes back in one frame */
    NAME_MAX_LEN = 64,
    OUT_MAX = 131072,
    IN_MAX = 1 << 20,
    BUCKETS = 64 * 32,
    EVENTS = 256,
    ID_BASE = 1000000000
};

struct conn {
    int fd;
    unsigned index, room;
    bool synced;
    uint64_t clock; /* of the update that comes next */
    uint8_t *carry; /* the part of a frame that came last */
    size_t carry_len;
    uint8_t *out; /* what the socket did not take */
    size_t out_len;
};

struct config {
    const char *host, *path;
    unsigned port, clients, rooms, senders, pid, idle, stalled;
    double rate, seconds;
    bool hocuspocus, json, presence;
};

struct load {
    struct config cfg;
    struct conn *conns;
    int epoll;
    uint8_t *in;
    uint64_t start; /* us; 0: not started, stamps are not counted */
    uint64_t sent, dropped, late, late_max, expected, got, echoes, odd, frames;
    uint64_t histogram[BUCKETS], max;
    unsigned synced;
};

static _Noreturn void die(const char *why)
{
    fprintf(stderr, "fanout: %s%s%s\n", why, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(EXIT_FAILURE);
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- histogram: 32 steps per power of two, so within 3 % ---- */

static size_t bucket_of(uint64_t us)
{
    if (us < 32) return (size_t)us;
    unsigned shift = 58U - (unsigned)__builtin_clzll(us);
    return (size_t)(shift + 1) * 32 + (size_t)(us >> shift) - 32;
}

static double bucket_ms(size_t bucket)
{
    if (bucket < 32) return (double)bucket / 1000;
    return (double)((bucket % 32 + 32) << (bucket / 32 - 1)) / 1000;
}

static double quantile(const struct load *load, double q)
{
    uint64_t rank = (uint64_t)(q * (double)load->got), seen = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += load->histogram[i];
        if (seen > rank) return bucket_ms(i);
    }
    return (double)load->max / 1000;
}

/* ---- sending ---- */

static void flush(struct conn *conn)
{
    if (conn->out_len == 0) return;
    ssize_t n = send(conn->fd, conn->out, conn->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0) return;
    conn->out_len -= (size_t)n;
    memmove(conn->out, conn->out + n, conn->out_len);
}

/* One masked frame; the mask is zero, which is a mask like any other. False: no room for it. */
static bool frame_send(struct conn *conn, uint8_t opcode, const uint8_t *body, size_t len)
{
    uint8_t frame[FRAME_MAX + 8] = {(uint8_t)(0x80 | opcode)};
    size_t at = 2;
    if (len > FRAME_MAX) return false;
    frame[1] = (uint8_t)(0x80 | (len < 126 ? len : 126));
    if (len >= 126) {
        frame[at++] = (uint8_t)(len >> 8);
        frame[at++] = (uint8_t)len;
    }
    at += 4;
    memcpy(frame + at, body, len);
    at += len;
    if (conn->out_len + at > OUT_MAX) return false;
    memcpy(conn->out + conn->out_len, frame, at);
    conn->out_len += at;
    flush(conn);
    return true;
}

static size_t text_put(uint8_t *out, const char *text)
{
    size_t len = strlen(text), at = yd_varuint_put(out, len);
    memcpy(out + at, text, len);
    return at + len;
}

/* Hocuspocus puts the name of the document before every message. */
static size_t name_put(const struct load *load, const struct conn *conn, uint8_t *out)
{
    char name[NAME_MAX_LEN];
    if (!load->cfg.hocuspocus) return 0;
    snprintf(name, sizeof name, "room-%u", conn->room);
    return text_put(out, name);
}

static bool message_send(const struct load *load, struct conn *conn, const void *bytes, size_t len)
{
    uint8_t body[FRAME_MAX];
    size_t at = name_put(load, conn, body);
    memcpy(body + at, bytes, len);
    return frame_send(conn, 2, body, at + len);
}

static bool update_send(const struct load *load, struct conn *conn, uint64_t due)
{
    uint64_t client = ID_BASE + conn->index;
    uint8_t update[128], message[160] = {0, 2};
    size_t at = 0;
    update[at++] = 1;
    update[at++] = 1;
    at += yd_varuint_put(update + at, client);
    at += yd_varuint_put(update + at, conn->clock);
    update[at++] = conn->clock == 0 ? 0x04 : 0x84; /* a string; 0x80: with its left neighbour */
    if (conn->clock == 0) {
        update[at++] = 1;
        at += text_put(update + at, "t");
    } else {
        at += yd_varuint_put(update + at, client);
        at += yd_varuint_put(update + at, conn->clock - 1);
    }
    char stamp[32];
    snprintf(stamp, sizeof stamp, "%012llx%04x", (unsigned long long)due & 0xffffffffffff,
             conn->index & 0xffff);
    at += text_put(update + at, stamp);
    update[at++] = 0; /* nothing deleted */
    size_t head = 2 + yd_varuint_put(message + 2, at);
    memcpy(message + head, update, at);
    if (!message_send(load, conn, message, head + at)) return false;
    conn->clock += STAMP_LEN;
    return true;
}

/* Its cursor has moved: the state that a stock client would send. */
static bool cursor_send(const struct load *load, struct conn *conn, uint64_t due)
{
    uint8_t entry[160], message[200] = {1};
    char state[96];
    int len = snprintf(state, sizeof state, "{\"cursor\":{\"at\":\"%012llx%04x\"},\"name\":\"N\"}",
                       (unsigned long long)due & 0xffffffffffff, conn->index & 0xffff);
    size_t at = yd_varuint_put(entry, 1);
    at += yd_varuint_put(entry + at, ID_BASE + conn->index);
    at += yd_varuint_put(entry + at, ++conn->clock);
    at += yd_varuint_put(entry + at, (uint64_t)len);
    memcpy(entry + at, state, (size_t)len);
    at += (size_t)len;
    size_t head = 1 + yd_varuint_put(message + 1, at);
    memcpy(message + head, entry, at);
    return message_send(load, conn, message, head + at);
}

/* ---- receiving ---- */

static uint64_t hex_read(const uint8_t *text, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned c = text[i];
        value = value << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return value;
}

static void stamps_count(struct load *load, const struct conn *conn, yd_slice text, uint64_t now)
{
    if (text.len % STAMP_LEN != 0) load->odd++;
    for (size_t i = 0; i + STAMP_LEN <= text.len; i += STAMP_LEN) {
        uint64_t due = hex_read(text.ptr + i, 12), sender = hex_read(text.ptr + i + 12, 4);
        if (sender == (conn->index & 0xffff)) {
            load->echoes++;
            continue;
        }
        load->got++;
        uint64_t us = now > due ? now - due : 0;
        load->histogram[bucket_of(us)]++;
        if (us > load->max) load->max = us;
    }
}

/* Reads the structs that this program writes, merged or not; others count as odd. */
static void update_read(struct load *load, const struct conn *conn, yd_slice update, uint64_t now)
{
    struct yd_reader r = yd_reader_of(update);
    for (uint64_t clients = yd_read_varuint(&r); clients > 0 && !r.failed; clients--) {
        uint64_t structs = yd_read_varuint(&r);
        yd_read_varuint(&r); /* client */
        yd_read_varuint(&r); /* clock */
        for (; structs > 0 && !r.failed; structs--) {
            uint8_t info = yd_read_u8(&r);
            if ((info & 0x1f) != 4) {
                load->odd++;
                return;
            }
            for (int ids = !!(info & 0x80) + !!(info & 0x40); ids > 0; ids--) {
                yd_read_varuint(&r);
                yd_read_varuint(&r);
            }
            if ((info & 0xc0) == 0) {
                yd_read_varuint(&r); /* 1: the parent is a name */
                yd_read_varbytes(&r);
            }
            stamps_count(load, conn, yd_read_varbytes(&r), now);
        }
    }
    if (r.failed) load->odd++;
}

/* Counts cursors, and sends the message back, as each stock client does once with all it hears. */
static void presence_read(struct load *load, struct conn *conn, yd_slice message, uint64_t now)
{
    struct yd_reader r = yd_reader_of(message);
    if (load->cfg.hocuspocus) yd_read_varbytes(&r);
    (void)yd_read_varuint(&r);
    struct yd_reader in = yd_reader_of(yd_read_varbytes(&r));
    uint64_t entries = yd_read_varuint(&in);
    if (entries == 0 || load->start == 0) return;
    load->frames++;
    for (; entries > 0 && !in.failed; entries--) {
        yd_read_varuint(&in);
        yd_read_varuint(&in);
        yd_slice state = yd_read_varbytes(&in);
        if (state.len < 17 + STAMP_LEN) continue;
        stamps_count(load, conn, (yd_slice){state.ptr + 17, STAMP_LEN}, now);
    }
    frame_send(conn, 2, message.ptr, message.len);
}

static void message_read(struct load *load, struct conn *conn, yd_slice bytes, uint64_t now)
{
    struct yd_reader r = yd_reader_of(bytes);
    if (load->cfg.hocuspocus) yd_read_varbytes(&r);
    uint64_t type = yd_read_varuint(&r);
    if (type == 1 && load->cfg.presence) presence_read(load, conn, bytes, now);
    if (type != 0 || r.failed) return;
    uint64_t kind = yd_read_varuint(&r);
    yd_slice body = yd_read_varbytes(&r);
    if (kind == 0) message_send(load, conn, "\0\1\2\0\0", 5);
    if (kind == 1 && !conn->synced) {
        conn->synced = true;
        load->synced++;
    }
    if (kind == 0 || load->start == 0) return;
    load->frames++;
    update_read(load, conn, body, now);
}

/* Takes whole frames from the bytes; returns how many bytes they were. */
static size_t frames_read(struct load *load, struct conn *conn, const uint8_t *in, size_t len)
{
    size_t at = 0;
    uint64_t now = now_us();
    while (len - at >= 2) {
        const uint8_t *p = in + at;
        size_t head = 2;
        uint64_t size = p[1] & 0x7f;
        if (size >= 126) {
            size_t more = size == 126 ? 2 : 8;
            if (len - at < 2 + more) break;
            size = 0;
            for (size_t i = 0; i < more; i++) size = size << 8 | p[2 + i];
            head += more;
        }
        if (size > IN_MAX - 16) die("the server sent a frame that is too large");
        if (len - at - head < size || len - at < head) break;
        yd_slice body = {p + head, (size_t)size};
        if ((p[0] & 15) == 2) message_read(load, conn, body, now);
        if ((p[0] & 15) == 8) die("the server closed a connection");
        if ((p[0] & 15) == 9) frame_send(conn, 10, body.ptr, body.len);
        at += head + (size_t)size;
    }
    return at;
}

static void conn_read(struct load *load, struct conn *conn)
{
    memcpy(load->in, conn->carry, conn->carry_len);
    ssize_t n = recv(conn->fd, load->in + conn->carry_len, IN_MAX - conn->carry_len, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) die("a connection was lost");
    size_t len = conn->carry_len + (size_t)n;
    size_t used = frames_read(load, conn, load->in, len);
    conn->carry_len = len - used;
    if (conn->carry_len == 0) return;
    uint8_t *carry = realloc(conn->carry, conn->carry_len);
    if (carry == NULL) die("no memory");
    conn->carry = carry;
    memcpy(carry, load->in + used, conn->carry_len);
}

static void poll_once(struct load *load, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(load->epoll, events, EVENTS, timeout_ms);
    for (int i = 0; i < n; i++) conn_read(load, events[i].data.ptr);
}

/* ---- connecting ---- */

static void upgrade(const struct load *load, struct conn *conn)
{
    char text[512], path[128];
    const char *mark = strstr(load->cfg.path, "%u");
    if (mark == NULL) {
        snprintf(path, sizeof path, "%s", load->cfg.path);
    } else {
        snprintf(path, sizeof path, "%.*s%u%s", (int)(mark - load->cfg.path), load->cfg.path,
                 conn->room, mark + 2);
    }
    int len = snprintf(text, sizeof text,
                       "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                       "Sec-WebSocket-Version: 13\r\n\r\n",
                       path, load->cfg.host, load->cfg.port);
    if (send(conn->fd, text, (size_t)len, MSG_NOSIGNAL) != len) die("send");
    /* One byte at a time: frames may follow the head at once. */
    size_t got = 0;
    while (got < 4 || memcmp(text + got - 4, "\r\n\r\n", 4) != 0) {
        if (got == sizeof text || recv(conn->fd, text + got, 1, 0) != 1) die("no upgrade");
        got++;
    }
    if (memcmp(text, "HTTP/1.1 101", 12) != 0) die("the server refused the upgrade");
}

static void conn_open(struct load *load, struct conn *conn)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load->cfg.port)};
    if (inet_pton(AF_INET, load->cfg.host, &to.sin_addr) != 1) die("--host wants an IPv4 address");
    conn->fd = socket(AF_INET, SOCK_STREAM, 0);
    /* One that will stop reading: the kernel must not take in its place what a run has to say. */
    if (conn->index >= load->cfg.clients - load->cfg.stalled) {
        (void)setsockopt(conn->fd, SOL_SOCKET, SO_RCVBUF, &(int){2048}, sizeof(int));
    }
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&to, sizeof to) != 0) die("connect");
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    upgrade(load, conn);
    conn->out = malloc(OUT_MAX);
    conn->carry = malloc(1);
    if (conn->out == NULL || conn->carry == NULL) die("no memory");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0) die("epoll_ctl");
    /* Token: an empty string; then the version that provider 4 appends. */
    if (load->cfg.hocuspocus) message_send(load, conn, "\2\0\0\0054.7.0", 9);
    message_send(load, conn, "\0\0\1\0", 4);
}

static void connect_all(struct load *load, unsigned count)
{
    load->conns = calloc(count, sizeof *load->conns);
    load->in = malloc(IN_MAX);
    load->epoll = epoll_create1(0);
    if (load->conns == NULL || load->in == NULL || load->epoll < 0) die("no memory");
    for (unsigned i = 0; i < count; i++) {
        load->conns[i].index = i;
        load->conns[i].room = i % load->cfg.rooms;
        conn_open(load, &load->conns[i]);
        poll_once(load, 0);
    }
    uint64_t end = now_us() + 60000000;
    while (load->synced < count) {
        errno = 0;
        if (now_us() > end) die("not all clients were synced after 60 s");
        poll_once(load, 10);
    }
}

/* ---- the server's own figures ---- */

static double cpu_seconds(unsigned pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    FILE *file = pid == 0 ? NULL : fopen(path, "r");
    if (file == NULL) return 0;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = 0;
    unsigned long user = 0, system = 0;
    const char *at = strrchr(text, ')'); /* the name before it may hold anything */
    if (at == NULL || sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                             &system) != 2) {
        return 0;
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double rss_kib(unsigned pid)
{
    char path[64];
    unsigned long pages = 0;
    snprintf(path, sizeof path, "/proc/%u/statm", pid);
    FILE *file = pid == 0 ? NULL : fopen(path, "r");
    if (file == NULL) return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

/* ---- runs ---- */

static void send_due(struct load *load, uint64_t n, uint64_t due, uint64_t now)
{
    struct conn *conn = &load->conns[n % load->cfg.senders];
    unsigned rooms = load->cfg.rooms, clients = load->cfg.clients;
    if (now - due > 1000) load->late++;
    if (now - due > load->late_max) load->late_max = now - due;
    if (!(load->cfg.presence ? cursor_send : update_send)(load, conn, due)) {
        load->dropped++;
        return;
    }
    load->sent++;
    load->expected += clients / rooms + (conn->room < clients % rooms) - 1 - load->cfg.stalled;
}

/* The last ones stop reading, and stay. */
static void stall(const struct load *load)
{
    for (unsigned i = load->cfg.clients - load->cfg.stalled; i < load->cfg.clients; i++) {
        if (epoll_ctl(load->epoll, EPOLL_CTL_DEL, load->conns[i].fd, NULL) != 0) die("epoll_ctl");
    }
}

static void run_schedule(struct load *load)
{
    double step = 1e6 / (load->cfg.rate * load->cfg.senders);
    uint64_t total = (uint64_t)(load->cfg.seconds * load->cfg.rate * load->cfg.senders), n = 0;
    load->start = now_us() + 1000;
    while (n < total) {
        uint64_t now = now_us(), due = load->start + (uint64_t)((double)n * step);
        /* At most 64 before reading again: a generator that only sends would measure itself. */
        for (int i = 0; i < 64 && n < total && due <= now; i++) {
            send_due(load, n++, due, now);
            due = load->start + (uint64_t)((double)n * step);
        }
        poll_once(load, due > now + 2000 ? 1 : 0);
    }
    uint64_t end = now_us() + (load->cfg.presence ? 300000 : 3000000);
    while (load->got < load->expected && now_us() < end) {
        for (unsigned i = 0; i < load->cfg.senders; i++) flush(&load->conns[i]);
        poll_once(load, 1);
    }
}

static void report(const struct load *load, double cpu, double seconds)
{
    const struct config *c = &load->cfg;
    double per = load->got == 0 ? 0 : cpu * 1e6 / (double)load->got;
    const char *form =
        c->json ? "{\"senders\":%u,\"rate\":%g,\"clients\":%u,\"rooms\":%u,\"sent\":%llu,"
                  "\"expected\":%llu,\"got\":%llu,\"per_second\":%.0f,\"p50_ms\":%.2f,"
                  "\"p99_ms\":%.2f,\"p999_ms\":%.2f,\"max_ms\":%.2f,\"cpu_us\":%.3f,"
                  "\"cpu_percent\":%.0f,\"echoes\":%llu,\"late\":%llu,\"late_max_ms\":%.1f,"
                  "\"dropped\":%llu,\"odd\":%llu,\"frames\":%llu}\n"
                : "%u x %g/s, %u in %u: sent %llu expected %llu got %llu (%.0f/s) p50 %.2f p99 "
                  "%.2f p99.9 %.2f max %.2f ms, cpu %.3f us/delivery %.0f %%, echoes %llu, late "
                  "%llu (max %.1f ms), dropped %llu, odd %llu, frames %llu\n";
    typedef unsigned long long ull;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    printf(form, c->senders, c->rate, c->clients, c->rooms, (ull)load->sent, (ull)load->expected,
           (ull)load->got, (double)load->got / seconds, quantile(load, 0.5), quantile(load, 0.99),
           quantile(load, 0.999), (double)load->max / 1000, per, 100 * cpu / seconds,
           (ull)load->echoes, (ull)load->late, (double)load->late_max / 1000, (ull)load->dropped,
           (ull)load->odd, (ull)load->frames);
#pragma GCC diagnostic pop
}

static void usage(void)
{
    fputs("usage: fanout --port N [--host A] [--path /room-%u] [--dialect yws|hocuspocus]\n"
          "  [--clients N] [--rooms N] [--senders N] [--rate HZ] [--seconds S] [--pid N] [--json]\n"
          "  [--presence] cursors move, and each client sends back what it hears; newer ones "
          "replace\n"
          "               older ones on their way, so fewer are delivered than expected\n"
          "  [--stalled N] in one room: so many of the clients, which send nothing, stop reading\n"
          "  [--idle N]   only connect N clients; prints the growth of the server's memory\n",
          stderr);
    exit(2);
}

static void parse(struct config *cfg, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *flag = argv[i];
        if (strcmp(flag, "--json") == 0) {
            cfg->json = true;
            continue;
        }
        if (strcmp(flag, "--presence") == 0) {
            cfg->presence = true;
            continue;
        }
        const char *value = i + 1 < argc ? argv[++i] : NULL;
        if (value == NULL) usage();
        unsigned number = (unsigned)strtoul(value, NULL, 10);
        if (strcmp(flag, "--port") == 0)
            cfg->port = number;
        else if (strcmp(flag, "--host") == 0)
            cfg->host = value;
        else if (strcmp(flag, "--path") == 0)
            cfg->path = value;
        else if (strcmp(flag, "--clients") == 0)
            cfg->clients = number;
        else if (strcmp(flag, "--rooms") == 0)
            cfg->rooms = number;
        else if (strcmp(flag, "--senders") == 0)
            cfg->senders = number;
        else if (strcmp(flag, "--pid") == 0)
            cfg->pid = number;
        else if (strcmp(flag, "--idle") == 0)
            cfg->idle = number;
        else if (strcmp(flag, "--stalled") == 0)
            cfg->stalled = number;
        else if (strcmp(flag, "--rate") == 0)
            cfg->rate = strtod(value, NULL);
        else if (strcmp(flag, "--seconds") == 0)
            cfg->seconds = strtod(value, NULL);
        else if (strcmp(flag, "--dialect") == 0)
            cfg->hocuspocus = value[0] == 'h';
        else
            usage();
    }
    if (cfg->port == 0 || cfg->rooms == 0 || cfg->senders == 0 || cfg->rate <= 0) usage();
    if (cfg->idle == 0 && cfg->senders + cfg->stalled > cfg->clients) usage();
    if (cfg->stalled > 0 && cfg->rooms > 1) usage();
}

int main(int argc, char **argv)
{
    static struct load load; /* the histogram is large for a stack */
    load.cfg = (struct config){.host = "127.0.0.1",
                               .path = "/room-%u",
                               .clients = 100,
                               .rooms = 1,
                               .senders = 10,
                               .rate = 20,
                               .seconds = 5};
    parse(&load.cfg, argc, argv);
    double rss = rss_kib(load.cfg.pid);
    connect_all(&load, load.cfg.idle != 0 ? load.cfg.idle : load.cfg.clients);
    if (load.cfg.idle != 0) {
        double grown = rss_kib(load.cfg.pid) - rss;
        printf("%u idle: %.0f KiB, %.2f KiB each\n", load.cfg.idle, grown, grown / load.cfg.idle);
        return 0;
    }
    stall(&load);
    double cpu = cpu_seconds(load.cfg.pid);
    run_schedule(&load);
    double seconds = (double)(now_us() - load.start) / 1e6;
    report(&load, cpu_seconds(load.cfg.pid) - cpu, seconds);
    return load.got == load.expected || load.cfg.presence ? 0 : 1;
}
