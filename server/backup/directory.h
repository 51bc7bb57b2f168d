/* backup/directory.h - a folder as a sink: a file for each version of a room. See shelf.h. */
#ifndef BACKUP_DIRECTORY_H
#define BACKUP_DIRECTORY_H

#include "backup/sink.h"

struct directory_opts {
    const char *name;
    const char *path;
    uint64_t node; /* whose chain this server writes */
    const struct backup_clock *clock;
};

/* is_new: the folder was empty, or missing, and is a folder of backups from now on.
 * Errors: YD_ENOTFOUND, why says what to do. */
YD_NODISCARD yd_err directory_new(const struct directory_opts *opts, struct sink **sink,
                                  bool *is_new, char why[SINK_WHY_MAX]);

#endif
