/* frames.c - many frames that no client would send, to a running server.
 *
 *   frames --port P --count N [--seed S]
 *
 * Where it sits:   tests/e2e/frames.test.mjs -> here -> a server that others edit on
 *
 * Sockets on the paths of both dialects, half of them with permessage-deflate. Most frames are such
 * that a socket survives them: random bytes, unknown types, messages that are cut or changed, text,
 * pings, fragments, whole messages compressed. One in FATAL_ONE_IN breaks the protocol, or ends in
 * the middle: its socket is replaced, and for some the server's close is waited for, beside the
 * frames of others: a close after a message that is too large takes its time. Prints one line;
 * exits with 1 when a connection is not taken or not ended.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum {
    SOCKETS = 32,
    BATCH_BYTES = 1 << 12,
    FRAME_MAX = 2048,
    FATAL_ONE_IN = 400,
    AWAIT_ONE_IN = 4,
    LEAVING_MAX = 64,
    LEAVE_MS = 10000
};

static const char *const paths[] = {"/frames",       "/frames", "/frames?_pk=1",
                                    "/party/frames", "/",       "/other"};
enum { PATHS = sizeof paths / sizeof *paths };

struct socket {
    int fd;
    unsigned path;
    bool deflates;
};

/* A socket that the server has to end. */
struct leaving {
    int fd;
    uint64_t since_ms;
    unsigned path;
    uint32_t kind;
    bool deflates;
};

static struct run {
    struct leaving leaving[LEAVING_MAX];
    int leaving_count;
    uint64_t random;
    unsigned port;
    uint64_t count, sent, fatal, refused_in_time, ended;
    uint8_t batch[BATCH_BYTES + 16 * FRAME_MAX];
    size_t len;
    uint32_t last_kind;
} run;

static _Noreturn void die(const char *why)
{
    fprintf(stderr, "frames: %s: %s\n", why, errno != 0 ? strerror(errno) : "-");
    exit(EXIT_FAILURE);
}

static uint32_t draw(uint32_t below) /* xorshift64* */
{
    run.random ^= run.random >> 12;
    run.random ^= run.random << 25;
    run.random ^= run.random >> 27;
    return (uint32_t)(((run.random * 0x2545F4914F6CDD1DULL >> 32) * below) >> 32);
}

/* ---- sockets ---------------------------------------------------------------------------------
 */

static void socket_open(struct socket *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)run.port)};
    char text[512];
    int one = 1;
    size_t got = 0;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&to, sizeof to) != 0) die("connect");
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    s->path = draw(PATHS);
    s->deflates = draw(2) == 0;
    int n = snprintf(
        text, sizeof text,
        "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
        paths[s->path], s->deflates ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
    if (send(s->fd, text, (size_t)n, MSG_NOSIGNAL) != n) die("send");
    memset(text, 0, sizeof text);
    while (strstr(text, "\r\n\r\n") == NULL) {
        if (got == sizeof text - 1) die("the answer is too long");
        ssize_t r = recv(s->fd, text + got, 1, 0);
        if (r <= 0) die("no answer");
        got += (size_t)r;
    }
    if (strstr(text, " 101 ") == NULL) die("not let in");
}

/* False: the server has ended it. */
static bool socket_drain(const struct socket *s)
{
    static uint8_t thrown[1 << 16];
    ssize_t n = 0;
    do n = recv(s->fd, thrown, sizeof thrown, MSG_DONTWAIT);
    while (n > 0);
    return n < 0 && errno == EAGAIN;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* False: its end has been seen. */
static bool is_still_leaving(const struct leaving *l)
{
    static uint8_t thrown[1 << 16];
    ssize_t n = 0;
    do n = recv(l->fd, thrown, sizeof thrown, MSG_DONTWAIT);
    while (n > 0);
    if (n == 0 || errno != EAGAIN) return false;
    if (now_ms() - l->since_ms < LEAVE_MS) return true;
    fprintf(stderr, "frames: %s, kind %u, deflate %d: ", paths[l->path], l->kind, l->deflates);
    die("a socket that broke the protocol stays open");
}

/* Looks who has been ended, and waits until no more than `most` are left. */
static void leaving_see(int most)
{
    for (;;) {
        int left = 0;
        for (int i = 0; i < run.leaving_count; i++) {
            if (is_still_leaving(&run.leaving[i])) {
                run.leaving[left++] = run.leaving[i];
                continue;
            }
            (void)close(run.leaving[i].fd);
            run.refused_in_time++;
        }
        run.leaving_count = left;
        if (left <= most) return;
        (void)poll(NULL, 0, 5);
    }
}

/* The server ends what breaks the protocol, and does not wait for us. Nor do we for it. */
static void socket_await_end(struct socket *s)
{
    leaving_see(LEAVING_MAX - 1);
    run.leaving[run.leaving_count++] =
        (struct leaving){s->fd, now_ms(), s->path, run.last_kind, s->deflates};
    s->fd = -1;
}

static void socket_replace(struct socket *s)
{
    // Half of them leave with a reset.
    struct linger linger = {.l_onoff = (int)draw(2), .l_linger = 0};
    if (s->fd >= 0) {
        (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        (void)close(s->fd);
    }
    socket_open(s);
}

/* False: the server has ended it. */
static bool batch_send(const struct socket *s)
{
    for (size_t at = 0; at < run.len;) {
        ssize_t n = send(s->fd, run.batch + at, run.len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            at += (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd p = {s->fd, POLLOUT | POLLIN, 0};
            if (poll(&p, 1, 30000) != 1) die("the server does not read");
            if (!socket_drain(s)) return false;
        } else {
            return false;
        }
    }
    return socket_drain(s);
}

/* ---- frames ----------------------------------------------------------------------------------
 */

static void frame_put(uint8_t first, bool masked, const uint8_t *payload, size_t len)
{
    uint8_t *b = run.batch + run.len, key[4];
    size_t head = 2;
    b[0] = first;
    b[1] = (uint8_t)((masked ? 0x80u : 0) | (len < 126 ? len : 126));
    if (len >= 126) {
        b[2] = (uint8_t)(len >> 8);
        b[3] = (uint8_t)len;
        head = 4;
    }
    for (unsigned i = 0; masked && i < 4; i++) b[head++] = key[i] = (uint8_t)draw(256);
    for (size_t i = 0; i < len; i++) b[head + i] = masked ? payload[i] ^ key[i % 4] : payload[i];
    run.len += head + len;
    run.sent++;
}

static size_t random_bytes(uint8_t *to, uint32_t most)
{
    size_t len = draw(most + 1);
    for (size_t i = 0; i < len; i++) to[i] = (uint8_t)draw(256);
    return len;
}

#define WHOLE(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
static const struct {
    const uint8_t *bytes;
    size_t len;
} messages[] = {
    WHOLE("\x00\x00\x01\x00"),
    WHOLE("\x00\x00\x03\x01\x01\x02"),
    WHOLE("\x00\x01\x02\x00\x00"),
    WHOLE("\x00\x02\x0c\x01\x01\x07\x00\x04\x01\x01t\x02hi\x00"),
    WHOLE("\x00\x02\x0e\x01\x01\x09\x05\x84\x09\x04\x03"
          "abc\x01\x09\x01\x02\x02"),
    WHOLE("\x01\x0a\x01\x63\x01\x06{\"a\":1"),
    WHOLE("\x01\x0b\x01\x63\x02\x07{\"a\":1}"),
    WHOLE("\x01\x08\x01\x63\x03\x04null"),
    WHOLE("\x01\x01\x00"),
    WHOLE("\x02\x00\x02no"),
    WHOLE("\x03"),
    WHOLE("\x04"
          "doc1\x02\x00\x03tok\x05"
          "4.8.0"),
    WHOLE("\x04"
          "doc1\x00\x00\x01\x00"),
    WHOLE("\x04"
          "doc1\x00\x01\x02\x00\x00"),
    WHOLE("\x04"
          "doc1\x00\x02\x0c\x01\x01\x07\x00\x04\x01\x01t\x02hi\x00"),
    WHOLE("\x04"
          "doc1\x05\x05hello"),
    WHOLE("\x04"
          "doc1\x07"),
    WHOLE("\x09"),
    WHOLE("__YPS:{\"type\":\"ping\"}"),
    WHOLE("y-pk-batch#{\"id\":\"a\",\"type\":\"start\",\"size\":12,\"count\":2}"),
    WHOLE("y-pk-batch#{\"id\":\"a\",\"type\":\"end\",\"size\":12,\"count\":2}"),
};
enum { MESSAGES = sizeof messages / sizeof *messages };

static size_t whole(uint8_t *to)
{
    unsigned i = draw(MESSAGES);
    memcpy(to, messages[i].bytes, messages[i].len);
    return messages[i].len;
}

static size_t changed(uint8_t *to)
{
    size_t len = whole(to);
    for (uint32_t n = 1 + draw(4); n > 0; n--) {
        size_t at = draw((uint32_t)len + 1);
        switch (draw(4)) {
        case 0: to[at] = (uint8_t)draw(256); break;
        case 1: len = at; break;
        case 2:
            memmove(to + at + 1, to + at, len - at);
            to[at] = (uint8_t)(draw(2) == 0 ? 0xff : draw(256));
            len++;
            break;
        default: len += random_bytes(to + len, 8); break;
        }
    }
    return len;
}

static size_t printable(uint8_t *to)
{
    size_t len = draw(120);
    for (size_t i = 0; i < len; i++) to[i] = (uint8_t)(32 + draw(95));
    return len;
}

static size_t deflated(uint8_t *to, const uint8_t *bytes, size_t len)
{
    static z_stream z;
    static bool begun;
    if (!begun && deflateInit2(&z, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) die("zlib");
    begun = true;
    (void)deflateReset(&z);
    z.next_in = (Bytef *)bytes;
    z.avail_in = (uInt)len;
    z.next_out = to;
    z.avail_out = FRAME_MAX;
    if (deflate(&z, Z_SYNC_FLUSH) != Z_OK) die("zlib");
    return FRAME_MAX - z.avail_out - 4;
}

static void fragments_put(void)
{
    uint8_t bytes[FRAME_MAX];
    size_t len = changed(bytes), at = 0;
    uint8_t opcode = 0x02;
    do {
        size_t n = 1 + draw(8);
        bool last = at + n >= len;
        frame_put((uint8_t)((last ? 0x80 : 0) | opcode), true, bytes + at, last ? len - at : n);
        if (!last && draw(4) == 0) frame_put(0x89, true, bytes, 3);
        opcode = 0;
        at += n;
    } while (at < len);
}

static void survivable_put(const struct socket *s)
{
    uint8_t bytes[FRAME_MAX], packed[FRAME_MAX];
    uint32_t kind = draw(100);
    if (kind < 30) {
        frame_put(0x82, true, bytes, random_bytes(bytes, kind == 0 ? 1000 : 40));
    } else if (kind < 60) {
        frame_put(0x82, true, bytes, changed(bytes));
    } else if (kind < 68) {
        size_t len = whole(bytes);
        frame_put(0x82, true, bytes, draw((uint32_t)len + 1));
    } else if (kind < 78) {
        frame_put(0x81, true, bytes, printable(bytes));
    } else if (kind < 84) {
        frame_put((uint8_t)(0x89 + draw(2)), true, bytes, random_bytes(bytes, 125));
    } else if (kind < 92 || !s->deflates) {
        fragments_put();
    } else {
        frame_put(0xc2, true, packed, deflated(packed, bytes, changed(bytes)));
    }
}

/* Heads that are not frame_put()'s. */
static void raw_put(const char *bytes, size_t len)
{
    memcpy(run.batch + run.len, bytes, len);
    run.len += len;
    run.sent++;
}
#define RAW(bytes) raw_put(bytes, sizeof(bytes) - 1)

/* True: the server must end the socket itself; false: it cannot know yet that anything is wrong. */
static bool fatal_put(const struct socket *s)
{
    uint8_t bytes[FRAME_MAX] = {0};
    run.fatal++;
    run.last_kind = draw(16);
    switch (run.last_kind) {
    case 0: frame_put(0x82, false, bytes, 20); return true; // no mask
    case 1: frame_put(0xa2, true, bytes, 4); return true;   // RSV2
    case 2: frame_put(0x92, true, bytes, 4); return true;   // RSV3
    case 3: frame_put(0x83, true, bytes, 4); return true;   // an opcode that is none
    case 4: frame_put(0x89, true, bytes, 126); return true; // a ping that is too long
    case 5: frame_put(0x09, true, bytes, 2); return true;   // a ping in fragments
    case 6: frame_put(0x80, true, bytes, 2); return true;   // goes on with nothing
    case 7: frame_put(0x81, true, (const uint8_t *)"\xff\xfe", 2); return true; // no UTF-8
    case 8: frame_put(0x88, true, bytes, 1); return true;                       // half a close code
    case 9: frame_put(0x88, true, (const uint8_t *)"\x03\xed", 2); return true; // 1005
    case 10: RAW("\x82\xff\x80\0\0\0\0\0\0\0abcd"); return true;                // 2^63 bytes
    case 11: RAW("\x82\xff\0\0\0\0\x40\0\0\0abcd1234"); return true;            // 1 GiB
    case 12:
        RAW("\x82\xfe\0\x05"
            "abcd12345");
        return true; // a length not as short as it is
    case 13:
        RAW("\x82\xfe\x04\0"
            "abcd12345");
        return false;                                       // the rest never comes
    case 14: frame_put(0x02, true, bytes, 9); return false; // nor do the other fragments
    default:
        if (s->deflates) {
            bytes[0] = 7;
            for (size_t i = 1; i < 20; i++) bytes[i] = (uint8_t)draw(256);
        }
        frame_put(0xc2, true, bytes,
                  20); // rubbish where it was negotiated, else a bit that was not
        return true;
    }
}

static void turn(struct socket *s)
{
    bool is_fatal = false, is_told = false;
    run.len = 0;
    while (run.len < BATCH_BYTES && run.sent < run.count && !is_fatal) {
        is_fatal = draw(FATAL_ONE_IN) == 0;
        if (is_fatal) {
            is_told = fatal_put(s);
        } else {
            survivable_put(s);
        }
    }
    bool is_open = batch_send(s);
    if (!is_open && !is_fatal) run.ended++;
    if (is_open && is_told && draw(AWAIT_ONE_IN) == 0) socket_await_end(s);
    if (!is_open || is_fatal) socket_replace(s);
}

int main(int argc, char **argv)
{
    static struct socket sockets[SOCKETS];
    run.random = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t value = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--port") == 0) run.port = (unsigned)value;
        if (strcmp(argv[i], "--count") == 0) run.count = value;
        if (strcmp(argv[i], "--seed") == 0) run.random = value * 2 + 1;
    }
    if (run.port == 0 || run.count == 0) die("--port and --count are needed");
    for (int i = 0; i < SOCKETS; i++) socket_open(&sockets[i]);
    while (run.sent < run.count) {
        turn(&sockets[draw(SOCKETS)]);
        leaving_see(LEAVING_MAX);
    }
    leaving_see(0);
    printf("%llu frames, %llu of them broke the protocol, %llu closes waited for and seen; %llu "
           "sockets ended for other reasons\n",
           (unsigned long long)run.sent, (unsigned long long)run.fatal,
           (unsigned long long)run.refused_in_time, (unsigned long long)run.ended);
    return EXIT_SUCCESS;
}
