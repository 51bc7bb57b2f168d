/* queue.h - what the loop thread hands over to the store's thread, and the store itself. Private to
 * server/store. */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include <uv.h>

#include "store/database.h"

enum work_kind {
    WORK_BATCH,
    WORK_LOAD,
    WORK_SNAPSHOT,
    WORK_REPLACE,
    WORK_LIST,
    WORK_HISTORY,
    WORK_ERASE,
    WORK_PROGRESS,
    WORK_BACKUP,
    WORK_SHRINK
};

struct work {
    struct work *next;
    enum work_kind kind;
    uint64_t token;
    uint64_t after_batch; /* stands behind all batches up to this one */
    struct batch_bytes batch;
    struct snapshot_job snapshot;
    struct load_job load;
    struct list_job list;
    struct history_job history;
    struct erase_job erase;
    struct backup_job backup;
    uint32_t shrink_pages;
    struct yd_buf bytes; /* names, and whatever else was copied */
};

struct event_node {
    struct event_node *next;
    struct store_event ev;
};

struct work_queue {
    struct work *first, **last;
};

/* Batches are numbered in one opening of the store, commits for ever, and some commits are of no
 * batch: lsn = number + plus for batches from `from` on. */
struct numbering {
    uint64_t from, plus;
};

struct store {
    struct store_opts opts;
    struct database db; /* the thread's alone, once it runs */
    struct numbering *numberings;
    size_t numbering_count;
    uint64_t last_batch;   /* committed; the thread's */
    size_t turn_left;      /* bytes of other work that go before the next batch; the thread's */
    uint64_t scrub_due_ns; /* of uv_hrtime(); the thread's */
    uv_thread_t thread;
    uv_mutex_t mutex;
    uv_cond_t wanted, answer;
    /* under the mutex */
    struct work_queue batches, others;
    struct yd_buf spare;    /* memory for a batch */
    uint64_t waiting_bytes; /* of the snapshots in `others`, the one being written included */
    struct event_node *events, **events_last;
    struct store_stats stats;
    bool closing;
    /* the loop thread's */
    struct batch_bytes open;
    uint64_t next_number;
    uint64_t answered;
};

struct work *work_new(struct store *s, enum work_kind kind, uint64_t token);
/* Copies bytes, which move while more are kept: so work_slice() when all are. Gives their place. */
size_t work_keep(struct work *w, yd_slice bytes);
static inline yd_slice work_slice(const struct work *w, size_t at, size_t len)
{
    return (yd_slice){w->bytes.ptr + at, len};
}
void work_hand_over(struct store *s, struct work *w);

#endif
