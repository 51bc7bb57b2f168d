/* replay.c - what a disk may hold after the power went, built from what disk.c wrote down.
 *
 * A write is on disk for certain after a sync of its file that came later and succeeded. Before, it
 * is there, not there, or in part, sector by sector. What had not been synced when a sync failed
 * stays like that for ever: the kernel calls those pages clean. Names are certain after a sync of
 * their directory; before, a prefix of them is there, in order, as journaling file systems do it.
 *
 * Four images of each moment: of what is not certain none, a prefix, random sectors, all.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash/crash.h"
#include "preload/disk.h"

#define FILES_MAX 64
#define NAMES_MAX 64
#define SECTOR    512
#define NEAR      60 /* records after a failed sync: the store is opened again there */

enum certainty { PENDING, CERTAIN, NEVER };

struct op {
    const struct disk_record *r;
    enum certainty is;
};

struct file {
    uint64_t inode;
    uint8_t *bytes; /* of all certain ops before the first of `ops` */
    size_t len, cap;
    struct op *ops;
    size_t count, ops_cap;
};

struct name {
    char name[64];
    struct file *file; /* NULL: removed */
    bool certain;
};

struct disk {
    struct file files[FILES_MAX];
    size_t file_count;
    struct name names[NAMES_MAX]; /* what was done to names, in order */
    size_t name_count;
    uint64_t dir; /* inode of the data directory */
    bool dir_certain;
    struct counts acked;
};

static struct file *file_of(struct disk *d, uint64_t inode)
{
    for (size_t i = 0; i < d->file_count; i++) {
        if (d->files[i].inode == inode) return &d->files[i];
    }
    if (d->file_count == FILES_MAX) abort();
    struct file *f = &d->files[d->file_count++];
    *f = (struct file){.inode = inode};
    return f;
}

static void bytes_resize(struct file *f, size_t len)
{
    if (len > f->cap) {
        f->cap = len * 2;
        f->bytes = realloc(f->bytes, f->cap);
        if (f->bytes == NULL) abort();
    }
    if (len > f->len) memset(f->bytes + f->len, 0, len - f->len);
    f->len = len;
}

/* A part of an op: bytes [from, to) of a write. */
static void op_apply(struct file *f, const struct disk_record *r, size_t from, size_t to)
{
    if (r->op == DISK_TRUNCATE) {
        bytes_resize(f, r->offset);
        return;
    }
    if (r->offset + to > f->len) bytes_resize(f, r->offset + to);
    memcpy(f->bytes + r->offset + from, (const uint8_t *)(r + 1) + from, to - from);
}

static void op_add(struct file *f, const struct disk_record *r)
{
    if (f->count == f->ops_cap) {
        f->ops_cap = f->ops_cap == 0 ? 64 : f->ops_cap * 2;
        f->ops = realloc(f->ops, f->ops_cap * sizeof *f->ops);
        if (f->ops == NULL) abort();
    }
    f->ops[f->count++] = (struct op){r, PENDING};
}

static void file_synced(struct file *f, enum certainty to)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->ops[i].is == PENDING) f->ops[i].is = to;
    }
    size_t done = 0;
    while (done < f->count && f->ops[done].is == CERTAIN) {
        op_apply(f, f->ops[done].r, 0, f->ops[done].r->len);
        done++;
    }
    f->count -= done;
    memmove(f->ops, f->ops + done, f->count * sizeof *f->ops);
}

static void name_add(struct disk *d, const char *path, struct file *file)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    if (strcmp(name, "acks") == 0) return;
    for (size_t i = d->name_count; i-- > 0;) {
        if (strcmp(d->names[i].name, name) != 0) continue;
        if (d->names[i].file == file) return; // opened once more
        break;
    }
    // Names that are certain and were replaced later need not be remembered.
    if (d->name_count == NAMES_MAX) {
        memmove(d->names, d->names + 1, sizeof d->names - sizeof *d->names);
        d->name_count--;
    }
    struct name *n = &d->names[d->name_count++];
    *n = (struct name){.file = file};
    snprintf(n->name, sizeof n->name, "%s", name);
}

static void step(struct disk *d, const struct disk_record *r)
{
    const char *path = (const char *)(r + 1);
    switch ((enum disk_op)r->op) {
    case DISK_MKDIR:
        d->dir = r->inode;
        d->dir_certain = false;
        break;
    case DISK_CREATE: name_add(d, path, file_of(d, r->inode)); break;
    case DISK_UNLINK: name_add(d, path, NULL); break;
    case DISK_WRITE:
    case DISK_TRUNCATE: op_add(file_of(d, r->inode), r); break;
    case DISK_SYNC_FAILED: file_synced(file_of(d, r->inode), NEVER); break;
    case DISK_ACK: acks_add(&d->acked, (const uint8_t *)(r + 1), r->len); break;
    case DISK_SYNC:
        if (r->inode == d->dir) {
            for (size_t i = 0; i < d->name_count; i++) d->names[i].certain = true;
            break;
        }
        bool is_file = false;
        for (size_t i = 0; i < d->file_count; i++) is_file |= d->files[i].inode == r->inode;
        if (is_file) {
            file_synced(file_of(d, r->inode), CERTAIN);
        } else {
            d->dir_certain = true; // the only other thing that is synced is the parent
        }
        break;
    }
}

enum mode { NONE, PREFIX, SECTORS, ALL, MODES };

static void op_perhaps(struct file *f, const struct disk_record *r, enum mode mode,
                       uint32_t *random)
{
    if (mode == ALL ||
        (mode == SECTORS && r->op == DISK_TRUNCATE && random_next(random) % 2 == 0)) {
        op_apply(f, r, 0, r->len);
    }
    if (mode != SECTORS || r->op == DISK_TRUNCATE) return;
    for (size_t at = 0; at < r->len;) {
        size_t to = at + SECTOR - (r->offset + at) % SECTOR;
        if (to > r->len) to = r->len;
        if (random_next(random) % 2 == 0) op_apply(f, r, at, to);
        at = to;
    }
}

/* The bytes of one file in one image. Ends with the file as it was. */
static bool file_image(struct file *f, const char *path, enum mode mode, const void *cut,
                       uint32_t *random)
{
    size_t len = f->len;
    uint8_t *kept = malloc(len + 1);
    if (kept == NULL) abort();
    if (f->count > 0 && len > 0) memcpy(kept, f->bytes, len);
    // What a failed sync left behind stays away or not whatever came later.
    bool lost_stays = random_next(random) % 2 == 0;
    for (size_t i = 0; i < f->count; i++) {
        bool before = f->ops[i].is == NEVER ? lost_stays : (const void *)f->ops[i].r < cut;
        enum mode how = mode;
        if (mode == PREFIX) how = before ? ALL : NONE;
        if (f->ops[i].is == CERTAIN) how = ALL;
        op_perhaps(f, f->ops[i].r, how, random);
    }
    static const uint8_t none[1];
    bool ok = file_write(path, f->len == 0 ? none : f->bytes, f->len);
    bytes_resize(f, len);
    if (f->count > 0 && len > 0) memcpy(f->bytes, kept, len);
    free(kept);
    return ok;
}

/* cut: the moment up to which a prefix goes. False: not even the directory is there. */
static bool image(struct disk *d, const char *dir, enum mode mode, const void *cut,
                  uint32_t *random)
{
    dir_remove(dir);
    bool exists = d->dir_certain || mode == ALL || (mode != NONE && random_next(random) % 2 == 0);
    if (!exists || d->dir == 0) return false;
    if (mkdir(dir, 0700) != 0) abort();
    size_t uncertain = 0;
    for (size_t i = 0; i < d->name_count; i++) uncertain += !d->names[i].certain;
    size_t take = mode == ALL    ? uncertain
                  : mode == NONE ? 0
                                 : random_next(random) % (uncertain + 1);
    for (size_t i = 0; i < d->name_count; i++) {
        char path[300];
        if (!d->names[i].certain && take-- == 0) break;
        snprintf(path, sizeof path, "%s/%s", dir, d->names[i].name);
        (void)unlink(path);
        if (d->names[i].file != NULL && !file_image(d->names[i].file, path, mode, cut, random)) {
            abort();
        }
    }
    return true;
}

static const struct disk_record *record_next(const uint8_t *bytes, size_t len, size_t *at)
{
    const struct disk_record *r = (const void *)(bytes + *at);
    if (*at + sizeof *r > len || *at + sizeof *r + r->len > len) return NULL;
    *at += sizeof *r + r->len;
    return r;
}

bool replay(const struct replay_opts *opts, uint32_t found[VERDICTS])
{
    size_t len = 0, at = 0, records = 0;
    uint8_t *bytes = file_read(opts->trace, &len);
    if (bytes == NULL) return false;
    while (record_next(bytes, len, &at) != NULL) records++;
    struct disk d = {0};
    uint32_t random = opts->seed, left = opts->images / MODES, done = 0;
    size_t failed = 0;
    const struct disk_record *r;
    at = 0;
    for (size_t i = 0; (r = record_next(bytes, len, &at)) != NULL; i++) {
        step(&d, r);
        if (r->op == DISK_SYNC_FAILED) failed = i;
        bool is_near = opts->after_failure && failed > 0 && i <= failed + NEAR && left > 0;
        if (opts->after_failure ? !is_near || random_next(&random) % 3 != 0
                                : random_next(&random) % (records - i) >= left) {
            continue;
        }
        left--;
        for (int mode = 0; mode < MODES; mode++) {
            char why[STORE_ERROR_MAX] = "";
            size_t back = random_next(&random) % 200000; // bytes of trace: some operations
            const void *cut = bytes + (at > back ? at - back : 0);
            (void)image(&d, opts->dir, (enum mode)mode, cut, &random);
            enum verdict v = opts->judge != NULL
                                 ? opts->judge(opts->dir, &d.acked, why)
                                 : judge(opts->dir, &d.acked, true, done++ % 8 == 0, why);
            found[v]++;
            if (v != OK && getenv("CRASH_VERBOSE") != NULL) {
                fprintf(stderr, "record %zu, mode %d: %s: %s\n", i, mode, verdict_names[v], why);
            }
        }
    }
    for (size_t i = 0; i < d.file_count; i++) {
        free(d.files[i].bytes);
        free(d.files[i].ops);
    }
    free(bytes);
    return records > 0;
}
