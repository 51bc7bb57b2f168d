/* host/service.h - the service manager's side: a socket that it has opened, and what it wants to be
 * told.
 *
 * systemd's protocols (sd_listen_fds(3), sd_notify(3)) are a few environment variables and a
 * datagram; written here, a static binary has them too. Without the variables nothing of this does
 * anything.
 *
 * Threads  the loop's. Errors  what cannot be told is not told: serving goes on. */
#ifndef HOST_SERVICE_H
#define HOST_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct service {
    int notify;           /* datagram socket, connected; -1: nobody listens */
    uint64_t watchdog_ms; /* told at least this often; 0: not wanted */
    uint64_t told_ms;     /* last time */
};

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC, and takes them out of the environment. */
void service_init(struct service *service);
void service_deinit(struct service *service);
void service_tell(const struct service *service, const char *state); /* "READY=1\nSTATUS=..." */
void service_sweep(struct service *service, uint64_t now_ms);        /* the loop is alive */

/* The socket that was handed over to listen on (LISTEN_FDS): its descriptor, now the caller's, and
 * its address. -1: there is none; -2: it cannot be used, said in why. */
int service_socket(char host[64], int64_t *port, char *why, size_t size);

#endif
