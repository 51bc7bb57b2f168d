/* floor.c - what the network itself costs: a server that has nothing to do but to send.
 *
 * Where it sits:   bench/join/run -> join -> here, in the place of a server
 *
 * Whoever connects is sent an HTTP head and so many frames of the same bytes, by writes of at most
 * 64 KiB, the last one a STEP2 as join.c waits for it. What is asked is not read but for its end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FRAME = 241000, FRAMES = 83, HEAD = 10, WRITE_MAX = 1 << 16, EVENTS = 256 };

struct conn {
    int fd;
    size_t at, frame; /* what has left */
};

static const char hello[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
static uint8_t frames[2][HEAD + FRAME]; /* an update; the STEP2 */

static _Noreturn void die(const char *why)
{
    perror(why);
    exit(EXIT_FAILURE);
}

static void frames_make(void)
{
    for (int last = 0; last < 2; last++) {
        uint8_t *f = frames[last];
        f[0] = 0x82, f[1] = 127;
        for (int i = 0; i < 8; i++) f[9 - i] = (uint8_t)((uint64_t)FRAME >> 8 * i);
        f[HEAD] = 0, f[HEAD + 1] = last ? 1 : 2;
    }
}

/* One write; false: this one is over. */
static bool goes_on(struct conn *c)
{
    const uint8_t *from = frames[c->frame + 1 == FRAMES];
    size_t left = HEAD + FRAME - c->at;
    ssize_t n =
        send(c->fd, from + c->at, left < WRITE_MAX ? left : WRITE_MAX, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN;
    c->at += (size_t)n;
    if (c->at < HEAD + FRAME) return true;
    c->at = 0;
    return ++c->frame < FRAMES;
}

static void greet(int listener, int epoll)
{
    struct conn *c = calloc(1, sizeof *c);
    uint8_t asked[4096];
    if (c == NULL) die("memory");
    c->fd = accept(listener, NULL, NULL);
    if (c->fd < 0) die("accept");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    (void)recv(c->fd, asked, sizeof asked, 0);
    if (send(c->fd, hello, sizeof hello - 1, MSG_NOSIGNAL) < 0) die("send");
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) die("epoll_ctl");
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    if (argc != 2) die("usage: floor PORT");
    at.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    frames_make();
    int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 1024) != 0)
        die("listen");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) die("epoll_ctl");
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (c == NULL) {
                greet(listener, epoll);
            } else if (!goes_on(c)) {
                (void)epoll_ctl(epoll, EPOLL_CTL_DEL, c->fd, NULL);
            }
        }
    }
}
