/* host/pull.h - partyd pull: rooms back from a sink into a store that no server has open. */
#ifndef HOST_PULL_H
#define HOST_PULL_H

#include "ops/settings.h"

struct pull_opts {
    const char *from;         /* name of a sink; NULL: the first */
    const char *const *rooms; /* "room" or "party/room"; none: all that the sink has */
    int room_count;
    bool replaces; /* also rooms that are there; else they are left alone */
};

/* Prints a line for each room and a last one. 0; 1: some could not be had; 2: nothing was tried. */
int pull(struct settings *settings, const struct pull_opts *opts);

#endif
