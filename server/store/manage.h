/* store/manage.h - rooms as operators and backups see them: listed, read, replaced, erased, and how
 * far each backup has got. For a store that a server runs and for one opened without any server.
 *
 * Everything here is asked with a token and answered by one event with this token, in the order of
 * asking (store_next, or store_wait without a loop). All of it goes through the store's thread: no
 * commit waits for more than one slice of it.
 *
 * Numbers    lsn: of a commit, 1, 2, 3, ... A room's lsn is that of its last change; it grows with
 *            every change, also by replacing, deleting and undeleting.
 * Bookmarks  a moment of the store as text, `EPOCH-LSN`, 16 hex digits each. The order of the text
 *            is the order of time, also beyond a store that was lost or put back: then its epoch,
 *            the time at which its numbers began, is higher.
 * Bytes      what an event holds is valid until store_event_deinit().
 * Source     docs/storage.md, rules S22..
 */
#ifndef STORE_MANAGE_H
#define STORE_MANAGE_H

#include "store/store.h"

/* ---- bookmarks */

struct store_bookmark {
    uint64_t epoch, lsn;
};
#define STORE_BOOKMARK_TEXT 34 /* with its NUL */
void store_bookmark_text(struct store_bookmark bookmark, char out[STORE_BOOKMARK_TEXT]);
/* False: not such a text. */
bool store_bookmark_read(yd_slice text, struct store_bookmark *bookmark);
/* Of the last commit that has been confirmed. Any thread. */
struct store_bookmark store_bookmark_now(struct store *store);

/* ---- what the store is doing */

struct store_stats {
    uint64_t rooms;
    uint64_t bad_rooms;     /* whose row or content cannot be read: they are refused */
    uint64_t warm_rooms;    /* with updates that no snapshot holds */
    uint64_t journal_bytes; /* of rows that are not trimmed yet */
    uint64_t waiting_bytes; /* of snapshots that were handed over and are not written yet */
    uint64_t erasures;      /* waiting or under way */
    uint64_t scrubbed;      /* rooms read in the background since the store was opened */
    uint64_t scrub_rounds;  /* all of them so often */
    struct store_bookmark bookmark;
    char bad_room[128]; /* name of the one found last; empty: none, or its name is lost */
};
/* As of the last piece of work. Any thread; waits for nothing. */
void store_stats(struct store *store, struct store_stats *stats);

/* ---- events without a loop */

/* Waits for the next event; as store_next otherwise. For programs that have no loop. */
void store_wait(struct store *store, struct store_event *ev);

/* ---- listing: STORE_EV_LISTED with rooms[], room_count and next */

enum store_room_status {
    STORE_ROOM_OK,
    STORE_ROOM_DELETED, /* its content is there until erase_at; loads are answered DELETED */
    STORE_ROOM_ERASING, /* its content is gone for everybody, and is being overwritten on disk */
    STORE_ROOM_ERASED,  /* only name and numbers are left */
    STORE_ROOM_BAD      /* its row (then it has no name) or its content could not be read; it is
                           refused until it is replaced */
};

struct store_room {
    uint64_t id; /* 1, 2, 3, ... in the order in which rooms began; never changes */
    yd_slice name;
    enum store_room_status status;
    uint64_t epoch;                  /* 1; higher each time its content was replaced or erased */
    uint64_t lsn;                    /* of its last change */
    uint64_t bytes;                  /* stored: snapshots as they are on disk, and updates */
    uint64_t updates;                /* as far as counted: those of before an upgrade are not */
    uint64_t created_at, changed_at; /* ms since 1970; 0: unknown */
    uint64_t deleted_at, erase_at;   /* 0: not */
    uint64_t saved_lsn;              /* of the sink asked for; 0: never */
    yd_slice saved_key;
};

struct store_list {
    uint64_t after;  /* rooms with a higher id only; 0: from the beginning */
    size_t limit;    /* at most so many, 1..1,000 */
    yd_slice prefix; /* of the name; empty: all */
    yd_slice sink;   /* not empty: fills saved_lsn and saved_key */
    bool only_dirty; /* of the sink: only rooms whose lsn is higher than saved_lsn */
};
/* Answered by LISTED; event.next is what to give as `after` for more, 0: that was all. A page may
 * be shorter than its limit although there is more. Slices are copied. */
YD_NODISCARD yd_err store_list(struct store *store, const struct store_list *list, uint64_t token);
/* One room, in the same form; room_count 0: there is none. sink may be empty. */
YD_NODISCARD yd_err store_info(struct store *store, yd_slice room, yd_slice sink, uint64_t token);

/* ---- reading: as store_load (LOADED, LOAD_FAILED, LOAD_DELETED), but only looks: a deleted room
 * is read too (status says so), an erased one is LOAD_DELETED; nobody becomes a writer of the room
 * by it. The parts together are what had been stored at event.lsn; event.epoch is the room's. lsn
 * 0: there is no such room. */
YD_NODISCARD yd_err store_read(struct store *store, yd_slice room, uint64_t token);

/* ---- history: what was stored with store_snapshot_keep() */

struct store_mark {
    uint64_t lsn;
    uint64_t at; /* ms since 1970; 0: unknown */
};
/* Answered by LOADED with marks[], one for each part: first states (one update that holds all up to
 * its mark; there may be none, or two), then one part for each kept update, oldest first, those
 * that are in no snapshot yet included. upto: only what was stored at or before this lsn; 0: all. A
 * moment before the oldest state is REFUSED, and so is a room without history. LOAD_FAILED: it
 * cannot be read (the room itself may well be). */
YD_NODISCARD yd_err store_history(struct store *store, yd_slice room, uint64_t upto,
                                  uint64_t token);

/* The same of a room that cannot be read whole: what is broken is passed over. Answered by LOADED,
 * with the number of what was passed over in ev.batch and a sentence in why; by LOAD_FAILED if not
 * even the room's row can be read. Nothing is changed: whoever wants to go on with this replaces
 * the room. */
YD_NODISCARD yd_err store_salvage(struct store *store, yd_slice room, uint64_t token);

/* ---- replacing: STORE_EV_CHANGED (lsn, epoch), or STORE_EV_REFUSED (why) and nothing changed */

struct store_replace {
    bool only_new;      /* refused if anything is or was stored under this name */
    uint64_t epoch_min; /* the new epoch is at least this, and higher than the one before */
};
/* Makes an update (V1, the caller has checked it) the whole content of the room, which is created
 * if there is none, and undeleted: all of it at once, or, after a crash, nothing of it. Moves
 * *update. What was appended before is gone, so whoever has the room in memory lets go of it first.
 */
YD_NODISCARD yd_err store_replace(struct store *store, yd_slice room, struct yd_buf *update,
                                  const struct store_replace *opts, uint64_t token);

/* ---- deleting: STORE_EV_CHANGED, or STORE_EV_REFUSED (no such room, erased already, unreadable)
 */

enum store_erase {
    STORE_DELETE,   /* loads are answered DELETED; erased by the store itself at erase_at */
    STORE_UNDELETE, /* as if it had not been deleted */
    STORE_ERASE,    /* at once and for good, see below */
};
/* ERASE is answered when nobody can read the room any more. Its bytes are then overwritten in
 * snapshots, journal and free pages, which takes a while (status ERASING, then ERASED) and goes on
 * after a restart. Name and numbers stay, so that nobody who comes back with old content brings it
 * back. erase_at: ms since 1970, for DELETE only. What is appended to a deleted room is dropped, so
 * whoever has it in memory lets go of it first. */
YD_NODISCARD yd_err store_erase(struct store *store, yd_slice room, enum store_erase how,
                                uint64_t erase_at, uint64_t token);

/* ---- progress of backups: per room and sink, kept on disk */

struct store_progress {
    yd_slice room;
    uint64_t lsn; /* what the sink has of the room is all up to this; never goes back */
    yd_slice key; /* text of the sink's own, up to 1,024 bytes: object name, etag */
};
#define STORE_SINKS_MAX 16
/* Answered by CHANGED when it is on disk; REFUSED if there are too many sinks. Rooms that are not
 * there are passed over. Sink names are 1..100 bytes. Slices are copied. */
YD_NODISCARD yd_err store_progress_set(struct store *store, yd_slice sink,
                                       const struct store_progress *list, size_t count,
                                       uint64_t token);
/* Read back by store_info and store_list. */

/* ---- a copy of the whole store: STORE_EV_CHANGED (next: pages that are left, base_bytes: size of
 * the copy; lsn), or STORE_EV_REFUSED (why) and the file is gone again
 *
 * Made in steps, each asked for by itself, so that loads of rooms come in between. The file is a
 * store by itself, without WAL and mark, not synced. With next 0 it is whole, as the store was at
 * lsn. One at a time: beginning another gives both up. */
/* The first step makes the file at `path`, which is copied; pages: of 4 KiB, in this step. */
YD_NODISCARD yd_err store_backup_begin(struct store *store, const char *path, uint32_t pages,
                                       uint64_t token);
/* Every further step. pages 0: gives it up. */
YD_NODISCARD yd_err store_backup_step(struct store *store, uint32_t pages, uint64_t token);

/* ---- free pages back to the file system: STORE_EV_CHANGED (next: free pages that are left,
 * base_bytes: size of the file). A step is one commit of so many pages; freed pages are otherwise
 * kept for what comes. */
YD_NODISCARD yd_err store_shrink(struct store *store, uint32_t pages, uint64_t token);

#endif
