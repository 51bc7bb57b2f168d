/* backup/sink.h - a place where backups of rooms are kept: put, get, list.
 *
 * Where it sits  backup.c -> sink -> directory, Convex, S3. A sink knows bytes, rooms and versions;
 * it knows no store, no clients and no debouncing. Ownership      a copy is counted (copy_ref,
 * copy_unref); what an answer holds is valid during the callback, except that its parts may be
 * taken (see there). Threads        one loop, one thread; sinks hash and touch files in libuv's
 * workers. Answers        later, never before the call returns, exactly once; not after
 * sink_free(). Secrets        are in no `why` and no log line. Source         docs/backup.md, rules
 * B1...
 */
#ifndef BACKUP_SINK_H
#define BACKUP_SINK_H

#include <uv.h>

#include "ydoc/doc.h"

#define SINK_WHY_MAX  256
#define SINK_HEX      64
#define SINK_ROOM_MAX 1200 /* bytes of a room's name in the store, "party/room" */

/* Backups of a room are ordered by epoch, then seq. */
struct version {
    uint64_t epoch, seq;
};

static inline int version_compare(struct version a, struct version b)
{
    if (a.epoch != b.epoch) return a.epoch < b.epoch ? -1 : 1;
    if (a.seq != b.seq) return a.seq < b.seq ? -1 : 1;
    return 0;
}

/* What has become of a room. What is not there may not come back by a restore. */
enum fate {
    FATE_THERE,
    FATE_DELETED, /* may be undeleted: what the sink has of before is kept as long as usual */
    FATE_ERASED   /* nothing of it may be left */
};

/* A whole room at a moment: one update V1; or, without bytes, that it was deleted. Made once, for
 * all sinks of the room. */
struct copy {
    uint32_t refs;
    enum fate fate;
    struct yd_buf bytes;
    struct yd_buf state_vector;
    char sha256[SINK_HEX + 1]; /* of the bytes, lower-case hex */
    size_t room_len;
    char room[]; /* ends with a NUL */
};

static inline yd_slice copy_room(const struct copy *copy)
{
    return (yd_slice){(const uint8_t *)copy->room, copy->room_len};
}
static inline struct copy *copy_ref(struct copy *copy)
{
    copy->refs++;
    return copy;
}
void copy_unref(struct copy *copy); /* NULL is allowed */
/* Its hash as 32 bytes. */
void sink_sha(const struct copy *copy, uint8_t sha[32]);

/* If numbers go back, because an older state of the machine was put in place, `before` does too. */
struct put_version {
    struct version now, before;
};

enum sink_result {
    SINK_STORED, /* put: it is safe there (also if it was before) */
    SINK_STALE,  /* put: another history is newer; `version`. Get it, merge it, put what comes of it
                  */
    SINK_FOUND,  /* get: `parts`; list: `rooms` */
    SINK_NONE, /* get: it never heard of that room. The only answer that makes a room begin empty */
    SINK_GONE, /* put, get: the document was deleted, by the application or by a server */
    SINK_LATER,   /* the sink cannot now, whatever the room; try again */
    SINK_REFUSED, /* the sink does not take this room or what is said about it; trying again at once
                     is no use */
};

/* What a get has found: updates whose checksums were right, not yet looked into. All of them
 * together are the room. */
struct part {
    struct yd_buf bytes;
    enum yd_format format;
    struct part *next;
};
void parts_free(struct part *parts);

struct listed {
    const char *name; /* of the room in the store, ends with a NUL */
    struct version version;
    uint64_t bytes;
};

struct sink_answer {
    enum sink_result result;
    struct version version;
    struct part *parts;        /* FOUND of get: the receiver takes them and sets NULL, or they go */
    const struct listed *list; /* FOUND of list; an empty one is the end */
    size_t count;
    const char *after; /* list: to be given to the next call */
    const char *why;   /* LATER, REFUSED: a sentence, with what the other side said */
    const char *next;  /* what to do about it, or "" */
};

struct sink;
typedef void sink_done(void *ctx, struct sink_answer *answer);

struct sink_ops {
    const char *kind;
    bool gathers; /* answers puts late, when there is enough; it bounds itself what it holds */
    /* Keeps a copy under this version; `before`: the one that was stored last, as is remembered
     * here. One that says deleted or erased is stored whatever others have, and STALE only if a
     * later one of this server is there. */
    void (*put)(struct sink *sink, struct copy *copy, const struct put_version *version,
                sink_done *done, void *ctx);
    void (*get)(struct sink *sink, yd_slice room, sink_done *done, void *ctx);
    /* What get has given was not taken: the next put does not hold it. NULL: it keeps no account of
     * it. */
    void (*forget)(struct sink *sink, yd_slice room);
    /* Rooms it has, in no order, a page at a time; after: "" or that of the page before. */
    void (*list)(struct sink *sink, const char *after, sink_done *done, void *ctx);
    /* Several times a second. hurry: what waits for company goes now. */
    void (*sweep)(struct sink *sink, uint64_t now_ms, bool hurry);
    /* Not another put now. */
    bool (*is_full)(const struct sink *sink);
    void (*free)(struct sink *sink);
};

/* The head of every sink. */
struct sink {
    const struct sink_ops *ops;
    char *name; /* in settings, logs and progress */
    /* What it has cost since the start. */
    uint64_t requests, bytes_out, bytes_in;
};

/* The clocks of this part. `ahead_ms` is moved by tests alone, which do not sleep. */
struct backup_clock {
    uv_loop_t *loop;
    uint64_t ahead_ms;
};
uint64_t backup_now_ms(const struct backup_clock *clock); /* monotonic */
int64_t backup_wall_s(const struct backup_clock *clock);  /* seconds since 1970 */

#endif
