/* ops/policy.h - what holds for which rooms: the table "rooms" of the configuration.
 *
 *   "rooms": {
 *     "doc-*":       {},
 *     "diagram-*":   { "message-bytes-max": 16777216 },
 *     "workspace-*": { "store": "none" },
 *     "lobby":       { "store": "none", "auth": "none" }
 *   }
 *
 * A pattern is a name, or a prefix and `*`. It is compared with the raw, percent-encoded room name;
 * one that holds a `/` with "party/room". The longest one that fits holds, a whole name before any
 * prefix. Rules D1..D5 of docs/access.md. */
#ifndef OPS_POLICY_H
#define OPS_POLICY_H

#include <jansson.h>

#include "ops/naming.h"
#include "ops/source.h"
#include "ydoc/base.h"

#define POLICY_PATTERN_MAX 600 /* bytes: a party, a slash and a room name */

struct policy {
    char *pattern;
    bool is_prefix;     /* it ended with `*`, which is cut off */
    bool stored;        /* false: presence only, updates are refused */
    bool keeps_history; /* each update is kept, up to these limits; 0: none of this kind */
    int64_t history_updates, history_bytes, history_days;
    bool decided;               /* entry is decided as the setting auth says; false: open to all */
    bool keeps_deleted;         /* no garbage collection, for version histories */
    int64_t message_bytes_max;  /* 0: the setting message-bytes-max holds */
    int64_t document_bytes_max; /* 0: the setting document-bytes-max holds */
    int64_t connections_max;    /* 0: the setting room-connections-max holds */
    struct naming naming;       /* of presence; not set: by settings, as the process has it */
    char *backup;               /* names of sinks, comma separated; NULL: all, "": none */
    uint32_t sinks;             /* these as bits; by settings */
};

struct policies {
    struct policy *list;
    size_t count;
};

/* Reads the object "rooms" of a configuration file into an empty table.
 * Errors: YD_EMALFORMED with a sentence in why that names file, line, key and the nearest valid
 * name. */
YD_NODISCARD yd_err policies_read(struct policies *policies, const json_t *rooms,
                                  const struct source *source, char *why, size_t why_size);
/* Of "rooms", for editors: a JSON schema. The caller's. */
json_t *policies_schema(void);
/* What holds if the configuration has no such table. */
void policies_default(struct policies *policies, bool has_auth);
void policies_deinit(struct policies *policies);

/* NULL: such a room is refused. */
const struct policy *policies_find(const struct policies *policies, yd_slice party, yd_slice room);

/* The largest message that any room takes; at_least: the setting message-bytes-max. */
int64_t policies_message_bytes_max(const struct policies *policies, int64_t at_least);

#endif
