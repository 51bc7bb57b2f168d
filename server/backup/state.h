/* state.h - private to server/backup: what is kept of rooms, sinks and work under way. */
#ifndef BACKUP_STATE_H
#define BACKUP_STATE_H

#include <uthash.h>
#include <utlist.h>

#include "backup/backup.h"
#include "ops/heap.h"

enum way_state {
    WAY_CLEAN,
    WAY_WAITS, /* until it is due */
    WAY_TAKEN  /* being read, or put */
};

/* What one sink lacks of one room. */
struct way {
    uint64_t first_ms, last_ms; /* changes it does not have */
    uint64_t not_before_ms;     /* after a failure */
    struct version beyond;      /* a version that what comes next has to be later than */
    uint32_t failures, stale;   /* in a row */
    enum way_state state;
    bool again; /* has changed while it was taken */
};

/* A room that some sink lacks something of. */
struct entry {
    UT_hash_handle hh;
    uint32_t taken;  /* ways that are */
    uint32_t spread; /* 0..1023: so that rooms that change at once are not due at once */
    bool is_read;    /* is being read: not again at the same time */
    size_t name_len;
    char *name;
    struct way ways[]; /* one for each sink */
};

struct place {
    struct sink *sink;
    struct backup_timing timing;
    uint32_t waiting, taken; /* ways in that state */
    uint32_t failures;       /* in a row */
    uint64_t not_before_ms;  /* nothing is tried before */
    uint64_t told_ms;
    uint64_t stored, failures_ever;
    bool works;
    char why[SINK_WHY_MAX];
    const char *next;
};

struct job;     /* push.c */
struct pull;    /* push.c */
struct restore; /* restore.c */

struct backup {
    struct backup_opts opts;
    struct place places[BACKUP_SINKS_MAX];
    uint32_t place_count;
    struct entry *entries;
    struct entry *cursor; /* where the next sweep begins; NULL: at the front */
    struct job *reads;    /* by token */
    struct put *puts;
    struct work *works;
    struct restore *restores, *asking; /* those under way; those that wait for their turn */
    uint32_t copies;                   /* rooms being read, merged or held by a sink */
    uint32_t restore_count, asking_count;
    uint64_t tokens;
    uint32_t random;
    uv_timer_t
        *kick;  /* there is room for another copy; on the heap: outlives uv_close() by a turn */
    bool hurry; /* of the last sweep */
};

/* backup.c */
uint32_t backup_random(struct backup *backup); /* 0..1023 */
void way_set(struct backup *backup, struct entry *entry, uint32_t i, enum way_state state);
/* The way waits again: after so many failures in a row, or at once. */
void way_fails(struct backup *backup, struct entry *entry, uint32_t i);
void way_due_now(struct backup *backup, struct entry *entry, uint32_t i);
void entry_settle(struct backup *backup, struct entry *entry); /* may free it */
void place_works(struct backup *backup, uint32_t i);
/* There may be room for another copy: what is due is looked at soon, not at the next sweep. */
void backup_kick(struct backup *backup);
/* is_down: the sink, whatever the room. */
void place_fails(struct backup *backup, uint32_t i, bool is_down, const char *why,
                 const char *next);

/* push.c */
void push_start(struct backup *backup, struct entry *entry, uint32_t ways);
void push_free_all(struct backup *backup);

/* restore.c */
void restore_free_all(struct backup *backup);

/* work.c: a piece of work for libuv's workers. `done` is not called once the backup is gone, `drop`
 * is called in any case, last. */
struct work {
    uv_work_t req;
    struct backup *backup; /* NULL: it is gone */
    struct work *prev, *next;
    void (*run)(struct work *work); /* in a worker: touches only what is its own */
    void (*done)(struct work *work);
    void (*drop)(struct work *work);
};
void work_start(struct backup *backup, struct work *work);

#endif
