/* crash.h - the parts of the crash tests: a writer that drives the real store, a judge that reads
 * it back, and what happens to the files in between. */
#ifndef CRASH_H
#define CRASH_H

#include "store/store.h"

#define ROOMS 8
#define GONE  ROOMS /* in counts: so many rooms were erased for good, gone-1, gone-2, ... */

/* Updates of a room are numbered from 1; their bytes follow from room and number. */
struct counts {
    uint32_t of[ROOMS + 1];
};

/* ---- writer.c */
struct writer_opts {
    const char *dir; /* the data directory */
    const char *acks;
    uint32_t commits;
    uint32_t seed;
    bool large; /* with snapshots of some MiB */
    bool close; /* at the end; else the process just ends */
};
/* Appends, snapshots, closes and opens again. Confirmed updates go to the file `acks`. 0: done; 3:
 * the store gave up, cleanly. Anything else is a fault. */
int writer_run(const struct writer_opts *opts);
void update_make(struct yd_buf *out, uint32_t room, uint32_t n);
/* Reads a file of acks. */
struct counts acks_read(const char *path);
void acks_add(struct counts *acked, const uint8_t *bytes, size_t len);

/* ---- judge.c */
enum verdict {
    OK,
    REFUSED,      /* the store is not opened */
    ROOM_REFUSED, /* at least one room is not given out, and none is wrong */
    LOST,         /* something confirmed is missing */
    WRONG,        /* something else is given out than what was stored */
    CORRUPT,      /* SQLite says that the file is */
    VERDICTS
};
extern const char *const verdict_names[VERDICTS];
/* Opens the store and reads all rooms. check: integrity_check before. go_on: appends afterwards and
 * reads again. why gets a sentence if it is not OK. */
enum verdict judge(const char *dir, const struct counts *acked, bool check, bool go_on,
                   char why[STORE_ERROR_MAX]);

/* ---- replay.c: power loss, from what disk.c wrote down */
struct replay_opts {
    const char *trace;
    const char *dir;    /* images are built here */
    uint32_t images;    /* about as many */
    bool after_failure; /* only soon after a sync that failed */
    uint32_t seed;
    /* NULL: judge(). Whether an image holds what was confirmed, in the numbers of acks. */
    enum verdict (*judge)(const char *dir, const struct counts *acked, char why[STORE_ERROR_MAX]);
};
/* Counts the verdicts. False: the trace cannot be read. */
bool replay(const struct replay_opts *opts, uint32_t found[VERDICTS]);

/* ---- tools.c */
uint32_t random_next(uint32_t *state);
void dir_remove(const char *dir);
/* A new directory in memory if there is such a thing. */
void dir_make(char path[128]);
uint8_t *file_read(const char *path, size_t *len);
bool file_write(const char *path, const uint8_t *bytes, size_t len);
/* Runs this program with such arguments (NULL at the end), as writer_spawn does. */
int self_spawn(const char *const *arguments, const char *const *env);
/* Runs this program as a writer with the library disk.so and `env` ("A=B", NULL at the end).
 * Returns its exit code, or 128 + signal, or 124 after half a minute. */
int writer_spawn(const struct writer_opts *opts, const char *const *env);

/* ---- one function a command: 0 if what must not happen did not */
int command_power(int argc, char **argv);
int command_faults(int argc, char **argv);
int command_flips(int argc, char **argv);
int command_slow(int argc, char **argv);
int command_memory(int argc, char **argv);
int command_upgrade(int argc, char **argv);
int command_full(int argc, char **argv);
int command_copy(int argc, char **argv);
int command_soak(int argc, char **argv);

#endif
