/* database.h - the SQLite file of a store; private to server/store, used by its thread only.
 *
 * Errors  YD_EIO for whatever SQLite or the system refuses: db->why then says what, where and what
 *         to do, and the database may only be closed. YD_EMALFORMED: what is stored cannot be
 *         trusted. YD_ENOMEM: memory was refused; the database may only be closed. */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H

#include <sqlite3.h>

#include "store/files.h"
#include "store/journal.h"
#include "store/manage.h"
#include "store/store.h"

#define YD_EIO (-100)

/* Where one uncovered update of a room stands. */
struct place {
    uint64_t lsn;
    uint32_t offset, len, crc;
};

/* What the bytes of a snapshot are: pack.c. */
enum form { FORM_NONE, FORM_V1, FORM_V1_ZSTD, FORM_V2_ZSTD };

/* A snapshot in the table `base`: chunks of one generation. All numbers, as they stand in the row.
 */
struct piece {
    uint64_t gen;           /* 0: there is none */
    uint64_t bytes, chunks; /* as stored */
    uint64_t form;          /* enum form */
    uint64_t raw;           /* bytes as they were given, and are given out: an update V1 */
};

/* The row of a room, and where its uncovered updates are. In memory while it has any. All numbers
 * of the row stand in one block, in the order of ROOM_NUMBERS; times are ms since 1970. */
struct stored_room {
    uint64_t id;
    uint64_t status; /* enum store_room_status */
    uint64_t epoch;  /* 1; higher each time its content was replaced or erased */
    uint64_t created_at;
    uint64_t changed_at, changed_lsn; /* of the last covered change */
    uint64_t updates;                 /* covered ones, as far as counted */
    uint64_t covered_lsn;             /* base and delta hold all up to here */
    struct piece base, delta;
    uint64_t deleted_at, erase_at;
    struct place *places;
    size_t place_count, place_cap;
    size_t name_len;
    uint8_t name[]; /* raw bytes */
};
#define ROOM_NUMBERS                                                                               \
    "status, epoch, created_at, changed_at, changed_lsn, updates, covered_lsn, base_gen,"          \
    " base_bytes, base_chunks, base_form, base_raw, delta_gen, delta_bytes, delta_chunks,"         \
    " delta_form, delta_raw, deleted_at, erase_at"
#define ROOM_NUMBER_COUNT 19

/* What is kept of every room, by id - 1. */
struct room_slot {
    uint64_t hash : 61;       /* of the name */
    uint64_t is_read : 1;     /* since the start: it was read whole, or began */
    uint64_t is_damaged : 1;  /* its row cannot be trusted: nobody knows its name */
    uint64_t is_bad : 1;      /* its content could not be read */
    uint64_t changed_lsn;     /* of its last change, covered or not */
    struct stored_room *room; /* NULL: only on disk */
};
#define HASH_BITS (UINT64_MAX >> 3)

/* All rooms: ids are 1, 2, 3, ..., so the slots are an array; names are found by an open table of
 * ids. About 40 bytes a room. */
struct room_table {
    struct room_slot *slots;
    uint32_t *ids; /* open addressing, 0: free; a power of two of them */
    size_t id_cap;
    uint64_t count, slot_cap;
    uint64_t damaged, bad, warm;
    char bad_name[128];   /* of the one found last */
    uint64_t covered_max; /* at the start: no room can be ahead of the journal */
    uint8_t key[16];      /* of the hash: nobody outside can choose colliding names */
};

/* One journal row that is not trimmed yet. */
struct journal_use {
    uint32_t uncovered; /* entries */
    uint32_t bytes;
    uint64_t at; /* when it was committed, ms since 1970 */
};

/* A backup's memory of what it has: see progress.c. */
struct sink {
    char *name;
    uint64_t *lsns; /* of room id - 1; beyond lsn_count: 0 */
    size_t lsn_count;
};

/* A room whose erasure is due or under way: see erase.c. */
struct erasure {
    uint64_t room;
    uint64_t due; /* ms since 1970; 0: its content is unreachable, the rest is under way */
    uint64_t next_lsn, last_lsn; /* of the journal rows to be looked at */
    uint64_t pages;              /* free ones still to be overwritten */
    int stage;
};

/* One submitted batch; bytes: count times (varuint name length, name, varuint length, update). */
struct batch_bytes {
    struct yd_buf bytes;
    size_t count;
    uint64_t number;
};

struct database {
    sqlite3 *sql;
    char *path;
    struct store_files files;
    struct room_table rooms;
    uint64_t epoch;           /* of the store: higher each time its numbers may have gone back */
    uint64_t lsn;             /* of the last commit that had a batch, or changed a room */
    uint64_t trimmed_lsn;     /* journal rows up to here are gone, all others are there */
    struct journal_use *uses; /* of lsn trimmed_lsn + 1 + i */
    size_t use_count, use_cap;
    uint64_t journal_bytes, uncovered_bytes;
    struct record *record; /* log.c: the row being made; NULL: none yet */
    struct {
        uint64_t room, gen;
    } writing[4];       /* pieces on their way: written down as garbage, but not to be deleted */
    struct sink *sinks; /* the number of a sink is its place + 1 */
    size_t sink_count;
    struct erasure *erasures;
    size_t erasure_count, erasure_cap;
    uint64_t keeping;    /* room whose updates are being made history; 0: none */
    struct scrub *scrub; /* NULL: not begun */
    uint64_t scrubbed, scrub_rounds;
    struct fold *fold;        /* under way; NULL: none */
    uint64_t history_changes; /* how often rows have gone */
    uint64_t fold_next;       /* room to be looked at when it has ended; 0: none */
    struct store_keep fold_keep;
    void (*wake)(void *ctx); /* the fold's thread has ended */
    void *wake_ctx;
    uint64_t (*now_ms)(void *ctx);
    void *now_ctx;
    int wal_pages;
    struct backup *backup; /* under way; NULL: none */
    bool disk_full;
    char why[STORE_ERROR_MAX];
    sqlite3_stmt *begin, *commit, *add_journal, *add_room, *save_room, *get_room;
};

/* ---- database.c: opening, closing, statements */
yd_err database_open(struct database *db, const struct store_opts *opts);
void database_close(struct database *db, bool clean);
yd_err database_exec(struct database *db, const char *sql);
/* Runs one statement: `count` integers are bound to ?1.., `blob` to the one behind, if there is. */
yd_err database_run(struct database *db, const char *sql, const uint64_t *values, int count,
                    yd_slice blob);
/* Runs a prepared one and resets it. */
yd_err database_step(struct database *db, sqlite3_stmt *s, const char *doing);
/* Prepares and binds up to three integers; NULL: see db->why. The caller finalizes. */
sqlite3_stmt *database_query(struct database *db, const char *sql, const uint64_t *values,
                             int count);
yd_err database_fail(struct database *db, const char *doing);
/* The first number that a query gives. */
yd_err database_number(struct database *db, const char *sql, uint64_t *value);
/* Moves the WAL into the database file if it has grown long; after every piece of work. */
yd_err database_checkpoint(struct database *db, bool *moved);
/* Moves all of it, and leaves nothing in it. */
yd_err database_checkpoint_all(struct database *db);
uint64_t database_now(const struct database *db); /* ms since 1970 */
uint32_t database_row_crc(char table, const uint64_t *values, size_t count, yd_slice bytes);
/* A named number with its own checksum. */
yd_err database_meta_get(struct database *db, const char *key, uint64_t *value);
yd_err database_meta_set(struct database *db, const char *key, uint64_t value);

/* The statements that are kept; when the tables are there. */
yd_err database_prepare(struct database *db);

/* ---- schema.c */
#define SCHEMA_VERSION 3
/* Looks before anything is changed: *version 0: there is nothing in it. */
yd_err schema_look(struct database *db, int *version);
yd_err schema_make(struct database *db);
/* From an older version, in one transaction. */
yd_err schema_upgrade(struct database *db, int version);

/* ---- rooms.c: the table of rooms and their rows */
yd_err rooms_scan(struct database *db);
void rooms_free(struct database *db);
/* Error YD_ENOTFOUND: there is no such room. YD_EMALFORMED: whether there is cannot be said, or its
 * row is damaged; why is untouched. */
yd_err rooms_find(struct database *db, yd_slice name, struct stored_room **out);
yd_err rooms_get(struct database *db, uint64_t id, struct stored_room **out);
/* Adds a row; inside a transaction, which also sets the number "rooms". */
yd_err rooms_add(struct database *db, yd_slice name, struct stored_room **out);
yd_err rooms_save(struct database *db, const struct stored_room *room);
uint32_t room_crc(const struct stored_room *room);
/* The numbers of a row, as they stand in it, and back. */
void room_numbers(const struct stored_room *room, uint64_t out[ROOM_NUMBER_COUNT]);
void room_numbers_set(struct stored_room *room, const uint64_t in[ROOM_NUMBER_COUNT]);
/* Inserts a row whose statement add_room is. */
yd_err rooms_insert(struct database *db, const struct stored_room *room);
/* NULL: out of memory. */
struct stored_room *stored_room_new(uint64_t id, yd_slice name);
/* Its content turned out to be unreadable, or is whole again. */
void rooms_bad(struct database *db, const struct stored_room *room, bool is_bad);
/* Forgets what the row says, unless the room has uncovered updates. */
void rooms_cool(struct database *db, struct stored_room *room);
static inline struct room_slot *rooms_slot(struct database *db, uint64_t id)
{
    return &db->rooms.slots[id - 1];
}

/* ---- log.c: commits and what of them is not in a snapshot yet */
yd_err log_scan(struct database *db);
yd_err log_commit(struct database *db, const struct batch_bytes *batch);
void log_free(struct database *db); /* what it kept between commits */
/* Everything of the room up to lsn is in a snapshot now, or is not wanted any more. */
void log_cover(struct database *db, struct stored_room *room, uint64_t lsn);
/* Writes into the row what log_cover(lsn) will leave out: count, number and time of changes. */
void log_count(const struct database *db, struct stored_room *room, uint64_t lsn);
/* A number of its own for a change that is no update: inside its transaction, and after it. */
yd_err log_mark(struct database *db, uint64_t lsn);
yd_err log_marked(struct database *db, uint64_t lsn);
uint64_t log_time(const struct database *db, uint64_t lsn); /* ms since 1970; 0: unknown */

/* ---- pack.c: updates in the forms in which they are stored */
struct packer {
    yd_slice from;         /* what is packed */
    struct yd_buf v2;      /* it in V2, if that is packed */
    struct yd_buf out;     /* packed and not taken yet */
    struct ZSTD_CCtx_s *z; /* NULL: not begun, or not needed */
    size_t fed;            /* bytes of from */
    enum form form;
    bool is_begun, is_finished;
};
/* Packs at most 256 KiB more, or up to 1 MiB if that is all; is_finished: that was all. The bytes
 * of `update` have to stay. */
yd_err packer_more(struct packer *p, yd_slice update);
void packer_deinit(struct packer *p);

struct unpacker {
    struct ZSTD_DCtx_s *z;
    struct yd_buf v2;
    bool is_finished; /* a frame has ended */
};
/* Appends what the next bytes of a piece stand for. Errors: YD_EMALFORMED. */
yd_err unpacker_more(struct unpacker *u, const struct piece *piece, yd_slice bytes,
                     struct yd_buf *out);
/* Behind the last bytes. */
yd_err unpacker_finish(struct unpacker *u, const struct piece *piece, struct yd_buf *out);
void unpacker_deinit(struct unpacker *u);

/* ---- piece.c: pieces in the table `base`. What is large is packed 256 KiB a slice */
struct piece_writer {
    struct yd_buf bytes; /* what is stored */
    struct packer packer;
    struct piece piece; /* being written; gen 0: not begun */
    bool was_large;     /* took more than one slice: it is written down as garbage */
};
/* One slice, inside a transaction; *done: it is all there. */
yd_err piece_write(struct database *db, const struct stored_room *room, struct piece_writer *w,
                   bool *done);
/* The piece belongs to the room from now on; inside the transaction that says so. */
yd_err piece_take(struct database *db, uint64_t room, struct piece_writer *w);
/* It is not wanted after all: then it is garbage. */
void piece_forget(struct database *db, uint64_t room, const struct piece_writer *w);
bool piece_is_writing(const struct database *db, uint64_t room, uint64_t gen);
void piece_writer_deinit(struct piece_writer *w);
/* Deletes a piece, or makes it garbage if it is large; inside a transaction. */
yd_err piece_drop(struct database *db, uint64_t room, struct piece *piece);
/* A number that no chunk of this room has, not even one left by a crash. */
yd_err piece_next_gen(struct database *db, const struct stored_room *room, uint64_t *gen);

struct piece_reader {
    struct piece piece;
    uint64_t chunks, stored; /* read so far: chunks and bytes */
    size_t raw;              /* given out so far */
    struct unpacker unpacker;
    bool is_check;      /* checksums only: nothing is given out */
    const char *broken; /* what cannot be read; NULL: all is well */
};
/* Appends what the next slice stands for. *done: it is whole, or broken. */
yd_err piece_read(struct database *db, uint64_t room, struct piece_reader *r, struct yd_buf *out,
                  bool *done);
void piece_reader_deinit(struct piece_reader *r); /* it may then begin with another piece */

/* ---- history.c: updates that are kept after a snapshot has covered them */
struct history_row {
    uint64_t n;         /* 1, 2, 3, ... in a room, without a gap */
    uint64_t lsn, upto; /* of its first and last update */
    uint64_t at;        /* of the last, ms since 1970 */
    uint64_t count;     /* of updates; 0: it is a state, which holds all up to `upto` */
    struct piece piece; /* count times varuint lsn, varuint time, varbytes update; or the state */
};

/* What one snapshot adds to the history. */
struct segment {
    struct piece_writer writer;
    struct history_row row;
    size_t gathered; /* of the places that are covered */
    bool is_gathered, is_written;
};
/* One slice of it; *done: it is written, as far as anything is to be kept. */
yd_err segment_write(struct database *db, const struct stored_room *room, struct segment *segment,
                     uint64_t covers_lsn, bool *done);
/* With the snapshot's last transaction. What was there before any history becomes its beginning. */
yd_err segment_take(struct database *db, const struct stored_room *room, struct segment *segment);
yd_err history_insert(struct database *db, uint64_t room, const struct history_row *row);
/* Drops all of it, or a piece that no row has any more; inside a transaction. */
yd_err history_drop(struct database *db, const struct stored_room *room);
yd_err history_piece_drop(struct database *db, const struct stored_room *room, struct piece *piece);
yd_err history_gen(struct database *db, uint64_t room, uint64_t *max); /* 0: none */
bool history_has_gen(struct database *db, uint64_t room, uint64_t gen, yd_err *err);
yd_err history_rows(struct database *db, uint64_t room, struct history_row **rows, size_t *count,
                    const char **broken);

/* fold.c: what is beyond the limits becomes one state. */
yd_err fold_consider(struct database *db, const struct stored_room *room,
                     const struct store_keep *keep);
/* A slice; *more: there is more of it now. */
yd_err fold_step(struct database *db, bool *more);
bool fold_is_ready(const struct database *db); /* its thread has ended */
void fold_end(struct database *db);            /* waits for its thread */

struct history_job {
    yd_slice name;
    uint64_t upto;
    bool is_begun, is_check;
    uint64_t changes; /* when the rows were read */
    struct history_row *rows;
    size_t row_count, row;
    struct piece_reader reader;
    struct yd_buf memory, piece_bytes;
    struct store_mark *marks;
    size_t *ends;
    size_t count, cap;
    const char *broken;
};
/* One slice; as database_load. */
yd_err database_history(struct database *db, struct history_job *job, struct store_event *ev,
                        bool *done);
/* A slice of the piece of the next row. */
yd_err history_piece_next(struct database *db, struct history_job *job, uint64_t room);
void history_job_deinit(struct history_job *job);

/* ---- snapshot.c, trim.c */
struct snapshot_job {
    struct piece_writer content;
    enum store_snapshot kind;
    struct store_replace replace;
    yd_slice name;
    uint64_t covers_lsn;
    uint64_t room; /* of a replacement that has begun */
    bool keeps;    /* the updates that it covers are kept as history */
    struct store_keep keep;
    struct segment segment;
};
void snapshot_job_deinit(struct snapshot_job *job);
/* One slice, at most 1 MiB, in a commit of its own. */
yd_err database_snapshot(struct database *db, struct snapshot_job *job, bool *done);
/* The same for bytes that become all that there is of a room; ev gets the answer. */
yd_err database_replace(struct database *db, struct snapshot_job *job, struct store_event *ev,
                        bool *done);
yd_err garbage_slice(struct database *db, uint64_t room, uint64_t gen);
/* The first generation of this room (0: of any) that may go. False: there is none, or err. */
bool garbage_next(struct database *db, uint64_t of_room, uint64_t *room, uint64_t *gen,
                  yd_err *err);
/* Deletes what nobody needs any more, a slice; *more: there is more of it. */
yd_err database_trim(struct database *db, bool *more);

/* ---- load.c */
struct load_job {
    yd_slice name;
    bool is_begun;
    bool is_passive; /* only looks: nobody becomes a writer by it, and a deleted room is read */
    bool is_check;   /* checksums only: nothing is given out */
    struct piece_reader reader;
    size_t pieces; /* read whole: first the base, then the delta */
    struct yd_buf memory;
    size_t *ends; /* of the parts in memory */
    size_t part_count, part_cap;
    const char *broken;                    /* what cannot be read; NULL: all is well */
    bool salvages;                         /* passes over what is broken */
    uint32_t lost_snapshots, lost_updates; /* passed over */
};
/* One slice. At the end ev gets parts and base_bytes, or kind LOAD_FAILED and why (then YD_OK all
 * the same). */
yd_err database_load(struct database *db, struct load_job *job, struct store_event *ev, bool *done);
void load_job_deinit(struct load_job *job);

/* ---- scrub.c: rooms are read from time to time, whether anybody wants them or not */
struct scrub {
    uint64_t room; /* being read; 0: none */
    uint64_t epoch, base_gen, delta_gen;
    bool is_begun, is_history;
    size_t name_len;
    uint8_t name[1024];
    struct load_job load;
    struct history_job history;
};
/* A slice: about 1 MiB, or 64 rooms. */
yd_err scrub_step(struct database *db);
void scrub_end(struct database *db);

/* ---- list.c, progress.c, erase.c */
struct list_job {
    struct store_list opts; /* its slices point into the work's own bytes */
    yd_slice name;          /* not empty: this room only */
};
/* One slice. */
yd_err database_list(struct database *db, struct list_job *job, struct store_event *ev, bool *done);
/* Appends what is known of a room; false: out of memory. */
bool list_add(struct store_event *ev, const struct store_room *room);
/* What is stored of a room in numbers. */
void list_describe(struct database *db, const struct stored_room *room, struct store_room *out);

yd_err sinks_scan(struct database *db);
void sinks_free(struct database *db);
uint64_t sink_lsn(const struct database *db, size_t sink, uint64_t room);
/* NULL name: none of this name; its number, or count. */
size_t sink_find(const struct database *db, yd_slice name);
/* The key that was stored with the progress, appended to out. */
yd_err sink_key(struct database *db, size_t sink, uint64_t room, struct yd_buf *out);
/* bytes: count times varbytes sink, room, key and varuint lsn. */
yd_err database_progress(struct database *db, yd_slice bytes, struct store_event *ev);

struct erase_job {
    yd_slice name;
    enum store_erase how;
    uint64_t erase_at;
};
yd_err database_erase(struct database *db, const struct erase_job *job, struct store_event *ev);
yd_err erasures_add(struct database *db, uint64_t room, uint64_t due);
/* A slice of an erasure that is due or under way; *more: there is more of it. */
yd_err erasures_step(struct database *db, bool *more);
/* The room is not to be erased any more. */
void erasures_drop(struct database *db, uint64_t room);
/* When the next is due, ms since 1970; UINT64_MAX: never. */
uint64_t erasures_due(const struct database *db);

/* ---- backup.c */
struct backup_job {
    const char *path;
    uint32_t pages; /* 0: give it up */
    bool is_first;
};
/* One step; see store_backup(). */
yd_err database_backup(struct database *db, const struct backup_job *job, struct store_event *ev);
void backup_end(struct database *db); /* what is under way is given up */

/* shrink.c: gives free pages back to the file system; see store_shrink(). */
yd_err database_shrink(struct database *db, uint32_t pages, struct store_event *ev);

#define CHUNK_BYTES    ((size_t)256 * 1024)
#define CHUNKS_A_SLICE 4

#endif
