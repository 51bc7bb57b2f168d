/* host/maintain.h - a shard for the commands alone: its store, the operator's calls, no listener
 * and no clients, on a thread of its own. It holds the store's lock like a server does.
 *
 * Threads  all calls from one thread, which is not the shard's. */
#ifndef HOST_MAINTAIN_H
#define HOST_MAINTAIN_H

#include "ops/settings.h"
#include "store/store.h"

struct maintain;

/* Opens the store and starts the thread. Errors: as store_open(), with its sentence. */
YD_NODISCARD yd_err maintain_open(struct settings *settings, struct maintain **maintain,
                                  char why[STORE_ERROR_MAX]);
/* A connected socket to it, as if to a server's; -1: errno. The caller closes it. */
int maintain_connect(struct maintain *maintain);
/* Finishes what the store has been given, closes it, ends the thread. NULL is allowed. */
void maintain_close(struct maintain *maintain);

#endif
