/* service.c - see service.h. */
#include "host/service.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_PASSED 3 /* SD_LISTEN_FDS_START */

/* A number of the environment that is meant for this process; 0: none. */
static uint64_t own_number(const char *name, const char *pid_name)
{
    const char *value = getenv(name), *pid = getenv(pid_name);
    if (value == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid())) return 0;
    char *end = NULL;
    uint64_t number = strtoull(value, &end, 10);
    return end != value && *end == 0 ? number : 0;
}

/* Where to tell: a path, or a name without one ("@..."). */
static int notify_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path == NULL ? 0 : strlen(path);
    if (len < 2 || len >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) return -1;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (connect(fd, (const struct sockaddr *)&address, size) == 0) return fd;
    (void)close(fd);
    return -1;
}

void service_init(struct service *service)
{
    service->notify = notify_open(getenv("NOTIFY_SOCKET"));
    // Twice as often as asked for: one may come late.
    service->watchdog_ms = own_number("WATCHDOG_USEC", "WATCHDOG_PID") / 2000;
    service->told_ms = 0;
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

void service_deinit(struct service *service)
{
    if (service->notify >= 0) (void)close(service->notify);
    service->notify = -1;
}

void service_tell(const struct service *service, const char *state)
{
    if (service->notify >= 0) (void)send(service->notify, state, strlen(state), MSG_NOSIGNAL);
}

void service_sweep(struct service *service, uint64_t now_ms)
{
    if (service->watchdog_ms == 0 || now_ms - service->told_ms < service->watchdog_ms) return;
    service->told_ms = now_ms;
    service_tell(service, "WATCHDOG=1");
}

static bool address_of(int fd, char host[64], int64_t *port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage space;
    } a = {.space = {0}};
    socklen_t size = sizeof a;
    int listens = 0;
    socklen_t listens_size = sizeof listens;
    if (getsockname(fd, &a.any, &size) != 0) return false;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) != 0 || listens == 0) {
        return false;
    }
    if (a.any.sa_family == AF_INET) {
        *port = ntohs(a.v4.sin_port);
        return inet_ntop(AF_INET, &a.v4.sin_addr, host, 64) != NULL;
    }
    *port = ntohs(a.v6.sin6_port);
    return a.any.sa_family == AF_INET6 && inet_ntop(AF_INET6, &a.v6.sin6_addr, host, 64) != NULL;
}

int service_socket(char host[64], int64_t *port, char *why, size_t size)
{
    const char *pid = getenv("LISTEN_PID");
    uint64_t count = pid == NULL ? 0 : own_number("LISTEN_FDS", "LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDNAMES");
    if (count == 0) return -1;
    if (count > 1) {
        snprintf(why, size,
                 "LISTEN_FDS: %llu sockets were handed over and this server listens on one; leave "
                 "one ListenStream= in partyd.socket",
                 (unsigned long long)count);
        return -2;
    }
    if (!address_of(FIRST_PASSED, host, port)) {
        snprintf(why, size,
                 "LISTEN_FDS: what was handed over is no TCP socket that listens; give "
                 "partyd.socket a ListenStream= with a port and no Accept=");
        return -2;
    }
    (void)fcntl(FIRST_PASSED, F_SETFD, FD_CLOEXEC);
    return FIRST_PASSED;
}
