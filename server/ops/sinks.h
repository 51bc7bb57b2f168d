/* ops/sinks.h - where backups of rooms go: the setting "backup".
 *
 *   --backup convex                                  the application keeps them
 *   --backup directory:/mnt/backups,s3:bucket/prefix       several, each with its defaults
 *
 * or in the configuration, with names of one's own:
 *
 *   "backup": {
 *     "convex": { "kind": "convex" },
 *     "night":  { "kind": "directory", "path": "/mnt/backups", "idle-ms": 60000 },
 *     "cold":   { "kind": "s3", "bucket": "b", "prefix": "rooms/", "endpoint": "https://...",
 *                 "region": "auto", "pack-ms": 60000, "keep-days": 7 }
 *   }
 *
 * Secrets are read from the environment: COLLAB_SECRET, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN. docs/backup.md. */
#ifndef OPS_SINKS_H
#define OPS_SINKS_H

#include <jansson.h>

#include "ops/source.h"
#include "ydoc/base.h"

#define SINKS_MAX 8

enum sink_kind { SINK_KIND_CONVEX, SINK_KIND_DIRECTORY, SINK_KIND_S3 };

struct sink_setting {
    char *name;
    enum sink_kind kind;
    char *path;                                /* directory */
    char *bucket, *prefix, *endpoint, *region; /* s3; endpoint "": that of AWS */
    int64_t idle_ms, max_age_ms;
    int64_t pack_ms, keep_days; /* s3 */
};

struct sinks {
    struct sink_setting list[SINKS_MAX];
    uint32_t count;
};

/* Fills an empty list. text: the setting as text, "" if there is none; object: as an object in
 * source, or NULL. Errors: YD_EMALFORMED, with a sentence in why that names what is wrong and the
 * nearest valid name. */
YD_NODISCARD yd_err sinks_read(struct sinks *sinks, const char *text, const json_t *object,
                               const struct source *source, char *why, size_t why_size);
/* The object, for editors: a JSON schema. The caller's. */
json_t *sinks_schema(void);
void sinks_deinit(struct sinks *sinks);

/* The names in a comma separated list as bits. False: bad has the name that there is not. */
YD_NODISCARD bool sinks_named(const struct sinks *sinks, const char *names, uint32_t *bits,
                              char bad[64]);

#endif
