/* backup/convex.h - a Convex deployment as a sink: signed HTTP actions of example/convex.
 *
 *   POST {site}/collab/backup?room&epoch&seq     a whole room, up to 12 MiB
 *   POST {site}/collab/backup/begin, the address it gives, .../commit        a larger one
 *   GET  {site}/collab/restore?room
 *   GET  {site}/collab/backups?after
 * The contract is in docs/convex.md, C4 to C8 and C17. A room `main/NAME` of the store is NAME
 * there.
 */
#ifndef BACKUP_CONVEX_H
#define BACKUP_CONVEX_H

#include "backup/sink.h"
#include "fetch/fetch.h"

struct convex_opts {
    const char *name;
    const char *site;   /* address of the HTTP actions */
    const char *secret; /* COLLAB_SECRET; several, comma separated: the first signs */
    uint64_t node;      /* told with each backup */
    uint32_t puts_max;  /* at the same time; 0: 4 */
    const struct backup_clock *clock;
    struct fetch *fetch; /* outlives the sink */
};

/* Errors: YD_EMALFORMED, why names the setting. */
YD_NODISCARD yd_err convex_new(const struct convex_opts *opts, struct sink **sink,
                               char why[SINK_WHY_MAX]);

#endif
