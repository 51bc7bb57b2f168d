/* store/store.h - the durable side of a shard: one SQLite file, one thread, one connection.
 *
 * The loop thread hands over work (batches, loads, snapshots) and picks up what has come of it.
 * There are no callbacks but one wake-up; what comes back from the disk is a number.
 *
 * Ownership  bytes passed in are copied or moved as said per call; bytes in a store_event belong to
 *            the caller, who ends it with store_event_deinit().
 * Threads    all calls from the thread that opened the store, except that `wake` is called from the
 *            store's own thread (uv_async_send fits).
 * Order      work is done in the order in which it was handed over, but a batch never waits for
 *            more than one slice (<= 1 MiB) of a snapshot or of a load's base, or a checkpoint.
 * Errors     a storage fault ends the store (STORE_EV_FAILED): nothing more is confirmed, nothing
 *            is retried. The owner closes it and may open a new one.
 * Time       is only written down, and decides when a deleted room is erased; nothing that is kept
 *            or lost for it otherwise.
 * Source     docs/storage.md, rules S1..; what operators and backups need is in store/manage.h
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "ydoc/base.h"

struct store;
struct store_room; /* store/manage.h */
struct store_mark;

struct store_opts {
    const char *dir;         /* made if missing (mode 0700); NULL: memory only, nothing survives */
    void (*wake)(void *ctx); /* something can be taken from store_next() */
    void *wake_ctx;
    bool must_exist;               /* an error if there is none yet, instead of making one */
    uint64_t (*now_ms)(void *ctx); /* ms since 1970; NULL: the system's clock */
    void *now_ctx;
    uint32_t scrub_ms;      /* all rooms are read in turn, 1 MiB this often; 0: never */
    uint64_t ballast_bytes; /* kept free beside the store, for its recovery; 0: none */
};

#define STORE_ERROR_MAX 512

/* Opens or makes the store, runs recovery and its start-up checks, starts the thread.
 * why: on an error, a sentence that names the file, what is wrong and the next step.
 * Errors: YD_ESTATE (newer schema, another process has it), YD_EMALFORMED (not ours, corrupt),
 * YD_ENOTFOUND (directory cannot be used), YD_ENOMEM. */
YD_NODISCARD yd_err store_open(const struct store_opts *opts, struct store **store,
                               char why[STORE_ERROR_MAX]);

/* Finishes the work handed over, marks a clean end, stops the thread. NULL is allowed. */
void store_close(struct store *store);

/* The batch being built: one journal row, one commit. Room names are raw bytes, 1..1,024. */
YD_NODISCARD yd_err store_append(struct store *store, yd_slice room, yd_slice update); /* copies */
/* Bytes in the batch being built; 0: nothing to submit. */
size_t store_batch_bytes(const struct store *store);
/* Number that the batch being built will have: 1, 2, 3, ... in this opening of the store. */
uint64_t store_batch_number(const struct store *store);
/* Hands the batch over to the thread. No-op if it is empty. */
void store_submit(struct store *store);
/* True while a submitted batch has not been answered. */
bool store_busy(const struct store *store);

/* Asks for all that is stored of a room; answered by LOADED or LOAD_FAILED with this token. */
YD_NODISCARD yd_err store_load(struct store *store, yd_slice room, uint64_t token);

enum store_snapshot { STORE_BASE, STORE_DELTA };
/* Replaces what is stored of the room up to and including everything appended before this call
 * (the batch being built included: it is submitted first). Moves *bytes. Ignored, and nothing is
 * replaced, unless the room was LOADED or began since the store was opened: a snapshot of somebody
 * who has not seen what is stored would be a loss. */
YD_NODISCARD yd_err store_snapshot(struct store *store, yd_slice room, enum store_snapshot kind,
                                   struct yd_buf *bytes);

/* What is kept of the updates that a snapshot covers; 0: no limit of this kind. What is beyond a
 * limit is made one state, from time to time, so up to a quarter more may be there. */
struct store_keep {
    uint64_t updates;
    uint64_t bytes; /* as they are stored: packed */
    uint64_t age_ms;
};
/* As store_snapshot, and the updates that it covers are kept: see store_history() in manage.h. */
YD_NODISCARD yd_err store_snapshot_keep(struct store *store, yd_slice room,
                                        enum store_snapshot kind, struct yd_buf *bytes,
                                        const struct store_keep *keep);

enum store_event_kind {
    STORE_EV_NONE,
    STORE_EV_DURABLE,      /* batch: this batch and all before it are on disk */
    STORE_EV_LOADED,       /* token, parts: base, delta, then journal entries, oldest first; an
                              entry may hold what base or delta hold too */
    STORE_EV_LOAD_FAILED,  /* token, why: what is stored cannot be read: never treat as empty */
    STORE_EV_LOAD_DELETED, /* token, status: the room was deleted: never treat as empty */
    STORE_EV_LISTED,       /* token, rooms, room_count, next: answers of store/manage.h */
    STORE_EV_CHANGED,      /* token, lsn, epoch: done, and on disk */
    STORE_EV_REFUSED,      /* token, why: nothing was changed */
    STORE_EV_FAILED        /* why: the store has ended; the last event it gives */
};

struct store_event {
    enum store_event_kind kind;
    uint64_t batch;
    uint64_t token;
    size_t base_bytes; /* of the base snapshot; 0: there is none */
    yd_slice *parts;   /* updates V1; bytes point into `memory` */
    size_t part_count;
    struct store_mark *marks; /* of a history: one for each part */
    uint8_t *memory;
    uint64_t lsn;   /* LOADED: the parts are all up to this commit; CHANGED: of the change */
    uint64_t epoch; /* of the room: higher each time its content was replaced or erased */
    int status;     /* enum store_room_status; STORE_EV_REFUSED: -1 if there is no such room */
    struct store_room *rooms;
    size_t room_count;
    uint64_t next;
    bool disk_full; /* FAILED: for lack of room; opening again later may work */
    char why[STORE_ERROR_MAX];
};

/* Takes the next event. False: there is none now. */
bool store_next(struct store *store, struct store_event *ev);
void store_event_deinit(struct store_event *ev);

struct store_verified {
    uint64_t rooms, bad_rooms;
    uint64_t bytes; /* of all snapshots and journal entries */
};

/* Checks a store that nobody has open: the file, and every checksum of every room.
 * Errors: as store_open; YD_EMALFORMED: why names the first thing found. */
YD_NODISCARD yd_err store_verify(const char *dir, struct store_verified *found,
                                 char why[STORE_ERROR_MAX]);

struct store_watcher {
    void (*tell)(void *ctx, uint64_t rooms, uint64_t of); /* after each room */
    void *ctx;
};
/* The same for somebody who waits; watcher: NULL, nobody. */
YD_NODISCARD yd_err store_verify_watched(const char *dir, const struct store_watcher *watcher,
                                         struct store_verified *found, char why[STORE_ERROR_MAX]);

#endif
