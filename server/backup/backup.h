/* backup/backup.h - copies of rooms to the places where backups are kept, and back.
 *
 * Where it sits  host -> backup -> sinks. What is stored is read and written by the host
 * (backup_host), so this part knows no store and no room in memory. The way        touch -> wait
 * for quiet -> read what is stored -> one update, hashed (worker) -> put
 *                -> mark. A sink that says stale has another history: get, merge into the room,
 * put. Ownership      said per call. Sinks that were added belong to the backup. Threads        one
 * loop, one thread; merging and hashing in libuv's workers. Nothing here takes longer on the loop
 * for a larger document, but the copying of one. Order          at least once; a put that has
 * happened may happen again and changes nothing. Errors         a sink's failure is kept in its
 * state, told once in a while, and tried again for as long as the room is not backed up. It never
 * reaches whoever edits. Source         docs/backup.md, rules B1...
 */
#ifndef BACKUP_BACKUP_H
#define BACKUP_BACKUP_H

#include "backup/sink.h"

#define BACKUP_SINKS_MAX 8

struct backup;

/* What a sink has of a room, as the store remembers it. */
struct backup_progress {
    uint32_t sink; /* number that backup_add() gave */
    struct version done;
};

struct backup_host {
    void *ctx;
    /* Reads what is stored of a room: answered by backup_was_read() with this token, later or now.
     */
    void (*read)(void *ctx, yd_slice room, uint64_t token);
    /* That sink has all up to this version: to be remembered over restarts. */
    void (*mark)(void *ctx, yd_slice room, uint32_t sink, struct version version);
    /* Takes what another history had into the room. An update V1 that has been checked; borrowed.
     * False: not now; it is found once more when the room is put again. */
    bool (*merge)(void *ctx, yd_slice room, yd_slice update);
    /* The room's document was deleted: the application says so, or another server that has the
     * same sink. */
    void (*gone)(void *ctx, yd_slice room);
    /* Something for the log: a sink has begun to fail, still does, or works again. */
    void (*tell)(void *ctx, uint32_t sink, bool works);
};

struct backup_opts {
    uv_loop_t *loop;
    struct backup_host host;
    const struct backup_clock *clock;
    uint32_t copies_max; /* rooms in memory for the sinks at a time; 0: 4 */
};

YD_NODISCARD struct backup *backup_new(const struct backup_opts *opts);
/* Ends all without calling back. The loop has to turn until its workers are done. NULL is allowed.
 */
void backup_free(struct backup *backup);

struct backup_timing {
    uint32_t idle_ms;    /* a room is copied when it has been quiet for so long */
    uint32_t max_age_ms; /* or so long after its first change */
};
/* The next number, from 0 on; at most BACKUP_SINKS_MAX. The sink is the backup's from now on. */
uint32_t backup_add(struct backup *backup, struct sink *sink, struct backup_timing timing);
uint32_t backup_sink_count(const struct backup *backup);

/* Something of the room has changed that these sinks (a bit each) have to hear of. A hint: what
 * there is to do is decided by what is stored. False: too many rooms wait; say it again later. */
bool backup_touch(struct backup *backup, yd_slice room, uint32_t sinks);
/* Starts what is due. Several times a second. hurry: all is due, the process is about to end. */
void backup_sweep(struct backup *backup, bool hurry);
/* Nothing waits and nothing is under way. */
bool backup_is_done(const struct backup *backup);

struct backup_read {
    const char *failed; /* why it cannot be read; NULL: it was */
    enum fate fate;     /* of what is not there there are no parts */
    struct version version;
    yd_slice *parts; /* updates V1, oldest first; taken, as is memory; to be freed by free() */
    size_t part_count;
    uint8_t *memory;
    const struct backup_progress *progress; /* borrowed */
    size_t progress_count;
};
void backup_was_read(struct backup *backup, uint64_t token, struct backup_read *read);

enum backup_outcome {
    BACKUP_FOUND,
    BACKUP_NEVER_THERE, /* all of the sinks say so */
    BACKUP_DELETED,     /* one of them says so */
    BACKUP_UNKNOWN      /* one of them cannot be asked: why. Try again later */
};
struct backup_restored {
    enum backup_outcome outcome;
    struct version version;
    struct yd_buf bytes; /* FOUND: one update V1 that has been checked; may be taken */
    const char *why;
};
typedef void backup_restore_done(void *ctx, uint64_t token, struct backup_restored *restored);
/* Asks these sinks (one at least) for the room; what they have is merged. done is called exactly
 * once: later, or before this returns if too many rooms wait. */
void backup_restore(struct backup *backup, yd_slice room, uint32_t sinks, uint64_t token,
                    backup_restore_done *done, void *ctx);

/* What was restored of the room did not become its content after all. */
void backup_forget(struct backup *backup, yd_slice room);

/* A page of the rooms a sink has; see sink.h. */
void backup_list(struct backup *backup, uint32_t sink, const char *after, sink_done *done,
                 void *ctx);

struct backup_state {
    const char *name, *kind;
    bool works;         /* its last answer was none of trouble */
    uint32_t waiting;   /* rooms it does not have yet */
    uint32_t under_way; /* of these: being sent */
    uint64_t oldest_ms; /* age of the oldest change it does not have; 0: none */
    uint64_t retry_ms;  /* until it is tried again; 0: it is not waited for */
    uint64_t stored;    /* rooms, since the start */
    uint64_t failures;  /* since the start */
    uint64_t requests, bytes_out, bytes_in;
    const char *why, *next; /* of the last failure; "" while it works */
};
void backup_state(const struct backup *backup, uint32_t i, struct backup_state *state);

struct backup_room_state {
    bool waits, is_under_way;
};
/* False: it has all that it was told of. */
bool backup_room_state(const struct backup *backup, yd_slice room, uint32_t sink,
                       struct backup_room_state *state);

#endif
