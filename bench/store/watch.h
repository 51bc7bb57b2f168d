/* watch.h - where the time goes that a program waits for its thread that syncs files.
 *
 * Syncs of this program go through watch.c, those of SQLite too. The thread that is watched is the
 * one that synced last and is not the first of the process.
 */
#ifndef BENCH_STORE_WATCH_H
#define BENCH_STORE_WATCH_H

/* All since some moment, in ms. */
struct watch {
    double cpu;  /* of the thread */
    double disk; /* in syncs, without what follows */
    double core; /* it was ready to run and there was no core for it; of two threads the longer */
    double first_core; /* of the first thread of the process alone */
    double sync_most;  /* the longest, as disk; begun anew by watch_now() */
    int syncs;
};

struct watch watch_now(void);
struct watch watch_since(struct watch then);

#endif
