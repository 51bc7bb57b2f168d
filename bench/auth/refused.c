/* refused.c - what a flood of refused connects costs the server: its CPU and its memory.
 *
 * Where it sits:   bench/auth/run-refused -> here -> partyd serve with access control
 *
 * Open loop: connects begin by a schedule, whether or not the answers of earlier ones have come.
 * Each asks for a WebSocket with the token given and reads until the server ends it. Their source
 * addresses go through 127.1.0.0/16, because one address has too few ports for a minute of this.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FD_MAX = 65536, REQUEST_MAX = 16384, EVENTS = 512, ADDRESSES = 200, ROOMS = 1000 };

struct flood {
    unsigned port, pid;
    double rate, seconds;
    const char *token;
    int epoll;
    uint64_t begun, failed, refused, other, open;
    uint16_t status[FD_MAX]; /* of the answer on this socket; 0: none yet */
};

static struct flood flood;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "refused: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct usage {
    double cpu_s;
    double rss_mib;
};

static struct usage usage_of(unsigned pid)
{
    char path[64], line[1024];
    struct usage u = {0};
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(line, sizeof line, file) == NULL) die("the server's /proc/PID/stat");
    fclose(file);
    const char *at = strrchr(line, ')');
    unsigned long user = 0, sys = 0;
    long pages = 0;
    // Fields 14, 15 and 24 of proc(5), counted from behind the name, which is field 2.
    if (at == NULL || sscanf(at + 2,
                             "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d "
                             "%*d %*d %*d %*d %*u %*u %ld",
                             &user, &sys, &pages) != 3) {
        die("the server's /proc/PID/stat");
    }
    u.cpu_s = (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
    u.rss_mib = (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576;
    return u;
}

static void drop(int fd)
{
    unsigned status = flood.status[fd];
    if (status == 101 || (status >= 400 && status < 500))
        flood.refused++;
    else
        flood.other++;
    flood.open--;
    close(fd);
}

static void connect_one(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 && errno == EMFILE) { // the server is far behind
        flood.begun++, flood.failed++;
        return;
    }
    if (fd < 0 || fd >= FD_MAX) die("socket");
    int on = 1;
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(0x7f010001u + (uint32_t)(flood.begun % ADDRESSES));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)flood.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    flood.begun++;
    if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)) {
        flood.failed++;
        close(fd);
        return;
    }
    struct epoll_event event = {.events = EPOLLOUT, .data.fd = fd};
    if (epoll_ctl(flood.epoll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
    flood.status[fd] = 0;
    flood.open++;
}

static void ask(int fd)
{
    char request[REQUEST_MAX];
    int n = snprintf(request, sizeof request,
                     "GET /doc-%u?token=%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                     (unsigned)(flood.begun % ROOMS), flood.token);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (n < 0 || n >= REQUEST_MAX || send(fd, request, (size_t)n, MSG_NOSIGNAL) != n ||
        epoll_ctl(flood.epoll, EPOLL_CTL_MOD, fd, &event) != 0) {
        drop(fd);
    }
}

static void hear(int fd)
{
    char bytes[2048];
    ssize_t n = recv(fd, bytes, sizeof bytes - 1, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n > 0 && flood.status[fd] == 0) {
        bytes[n] = 0;
        unsigned status = 0;
        if (sscanf(bytes, "HTTP/1.1 %u", &status) == 1) flood.status[fd] = (uint16_t)status;
    }
    // A refused WebSocket is closed with a frame that wants no more than this end's close.
    if (n <= 0 || flood.status[fd] != 101 || memchr(bytes, (char)0x88, (size_t)n) != NULL) drop(fd);
}

static void turn(int wait_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(flood.epoll, events, EVENTS, wait_ms);
    for (int i = 0; i < n; i++) {
        if ((events[i].events & EPOLLOUT) != 0)
            ask(events[i].data.fd);
        else
            hear(events[i].data.fd);
    }
}

static void run(double seconds)
{
    double start = now_s();
    uint64_t first = flood.begun;
    for (double t = 0; t < seconds; t = now_s() - start) {
        while ((double)(flood.begun - first) < t * flood.rate) connect_one();
        turn(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: refused PORT PID RATE SECONDS TOKEN\n");
        return EXIT_FAILURE;
    }
    flood.port = (unsigned)strtoul(argv[1], NULL, 10);
    flood.pid = (unsigned)strtoul(argv[2], NULL, 10);
    flood.rate = strtod(argv[3], NULL);
    flood.seconds = strtod(argv[4], NULL);
    flood.token = argv[5];
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max < FD_MAX ? files.rlim_max : FD_MAX;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    flood.epoll = epoll_create1(0);
    if (flood.epoll < 0) die("epoll_create1");
    run(flood.seconds / 4); // the server's memory reaches its height
    uint64_t begun = flood.begun;
    struct usage before = usage_of(flood.pid);
    double start = now_s();
    run(flood.seconds);
    struct usage after = usage_of(flood.pid);
    double took = now_s() - start;
    begun = flood.begun - begun;
    for (double end = now_s() + 4; flood.open > 0 && now_s() < end;) turn(20);
    printf(
        "{\"connects_per_s\":%.0f,\"server_cores\":%.2f,\"us_each\":%.1f,\"rss_mib_before\":%.1f,"
        "\"rss_mib_after\":%.1f,\"refused\":%llu,\"other_answers\":%llu,\"failed\":%llu,"
        "\"unanswered\":%llu}\n",
        (double)begun / took, (after.cpu_s - before.cpu_s) / took,
        1e6 * (after.cpu_s - before.cpu_s) / (double)begun, before.rss_mib, after.rss_mib,
        (unsigned long long)flood.refused, (unsigned long long)flood.other,
        (unsigned long long)flood.failed, (unsigned long long)flood.open);
    return EXIT_SUCCESS;
}
