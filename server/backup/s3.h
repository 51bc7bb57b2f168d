/* backup/s3.h - S3, and what speaks like it, as a sink: packs of many rooms, never an object for
 * each.
 *
 *   {prefix}pack/{node}-{number}      16 hex digits each; pack.h
 *
 * There is no index object: what is in a pack stands at its end, and is read at first use
 * (catalog.h). A pack is written when it is full or pack_ms old, under a name that nobody else
 * writes, so a write may be repeated. Packs that nobody needs are deleted after keep_days; what is
 * left of old ones is carried into new ones. docs/backup.md */
#ifndef BACKUP_S3_H
#define BACKUP_S3_H

#include "backup/s3_sign.h"
#include "backup/sink.h"
#include "fetch/fetch.h"

struct s3_opts {
    const char *name;
    const char *bucket, *prefix;
    const char *endpoint; /* "": AWS, by region */
    struct s3_keys keys;
    uint64_t node; /* whose packs this server writes */
    uint32_t pack_ms, keep_days;
    const struct backup_clock *clock;
    struct fetch *fetch; /* outlives the sink */
};

/* Errors: YD_EMALFORMED, why names the setting. */
YD_NODISCARD yd_err s3_new(const struct s3_opts *opts, struct sink **sink, char why[SINK_WHY_MAX]);

#endif
