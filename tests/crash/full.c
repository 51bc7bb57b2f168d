/* full.c - a full disk: a small file system in memory, mounted where nobody else sees it. Nothing
 * confirmed may be lost, the store must say FAILED, and it must be opened again when there is room;
 * with the ballast it recovers even without. Where such a mount is not allowed nothing is tested,
 * and the program says so. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash/crash.h"
#include "ops/heap.h"
#include "store/manage.h"

#define SKIPPED 77
#define LEFT    ((size_t)3 << 20)

struct full {
    char dir[200], data[220], filler[220];
    uint32_t confirmed;
    bool with_ballast;
};

static bool mount_small(const char *dir)
{
    // As root in a mount namespace of its own; else in a user namespace too.
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return false;
    return mount("tmpfs", dir, "tmpfs", 0, "size=288m") == 0;
}

static struct store *open_store(const struct full *f, char why[STORE_ERROR_MAX])
{
    struct store *store = NULL;
    struct store_opts opts = {.dir = f->data,
                              .ballast_bytes = f->with_ballast ? (uint64_t)64 << 20 : 0};
    return store_open(&opts, &store, why) == YD_OK ? store : NULL;
}

/* Appends until the disk is full. True: the store said so. */
static bool fill(struct full *f, struct store *store, uint32_t *random)
{
    static uint8_t bytes[3000];
    for (uint32_t n = f->confirmed + 1; n < 100000; n++) {
        memcpy(bytes, &n, 4);
        size_t len = 4 + random_next(random) % 2900;
        for (size_t i = 4; i < len; i++) bytes[i] = (uint8_t)random_next(random);
        if (store_append(store, YD_LITERAL("room"), (yd_slice){bytes, len}) != YD_OK) abort();
        store_submit(store);
        struct store_event ev;
        store_wait(store, &ev);
        bool failed = ev.kind == STORE_EV_FAILED, full = ev.disk_full;
        store_event_deinit(&ev);
        if (failed) return full;
        f->confirmed = n;
    }
    return false;
}

static bool is_all_there(struct full *f, struct store *store)
{
    struct store_event ev;
    if (store_load(store, YD_LITERAL("room"), 1) != YD_OK) abort();
    do store_wait(store, &ev);
    while (ev.kind == STORE_EV_DURABLE);
    uint32_t last = 0;
    for (size_t i = 0; i < ev.part_count; i++) memcpy(&last, ev.parts[i].ptr, 4);
    bool ok = ev.kind == STORE_EV_LOADED && last >= f->confirmed && last <= f->confirmed + 1;
    f->confirmed = last; // one that was not confirmed may be there, and then stays
    if (!ok) printf("full: ends at %u of %u: %s\n", last, f->confirmed, ev.why);
    store_event_deinit(&ev);
    return ok;
}

static long wal_bytes(const struct full *f)
{
    char path[300];
    struct stat st;
    snprintf(path, sizeof path, "%s/shard-00.db-wal", f->data);
    return stat(path, &st) == 0 ? (long)st.st_size : 0;
}

/* Leaves so many bytes of the file system. */
static bool take_room(const struct full *f, size_t left)
{
    struct statvfs fs;
    int fd = open(f->filler, O_WRONLY | O_CREAT, 0600);
    if (fd < 0 || statvfs(f->dir, &fs) != 0) return false;
    size_t avail = (size_t)fs.f_bavail * fs.f_frsize;
    bool ok = avail > left && posix_fallocate(fd, 0, (off_t)(avail - left)) == 0;
    (void)close(fd);
    return ok;
}

static int run(uint32_t seed, bool with_ballast)
{
    struct full f = {.with_ballast = with_ballast};
    char why[STORE_ERROR_MAX] = "";
    uint32_t random = seed * 31 + 7;
    dir_make(f.dir);
    if (!mount_small(f.dir)) return SKIPPED;
    snprintf(f.data, sizeof f.data, "%s/data", f.dir);
    snprintf(f.filler, sizeof f.filler, "%s/filler", f.dir);
    struct store *store = open_store(&f, why);
    bool ok = store != NULL && take_room(&f, LEFT + random_next(&random) % LEFT);
    int opened = 0;
    // To recover gives back some of the room that the WAL had; so it goes on for a while.
    while (ok && store != NULL && opened++ < 100) {
        ok = is_all_there(&f, store) && fill(&f, store, &random);
        store_close(store);
        store = open_store(&f, why);
    }
    // What cannot be opened any more says that it wants room.
    ok = ok && store == NULL && opened < 100 && strstr(why, "make room") != NULL;
    // With the ballast's room all that was confirmed has been moved into the database already.
    if (with_ballast) ok = ok && wal_bytes(&f) == 0;
    ok = ok && unlink(f.filler) == 0;
    store = open_store(&f, why);
    if (store == NULL) printf("full: %s\n", why);
    ok = ok && store != NULL && is_all_there(&f, store);
    if (ok) { // and it goes on
        uint32_t n = f.confirmed + 1;
        ok = store_append(store, YD_LITERAL("room"), (yd_slice){(uint8_t *)&n, 4}) == YD_OK;
        store_submit(store);
        struct store_event ev;
        store_wait(store, &ev);
        ok = ok && ev.kind == STORE_EV_DURABLE;
    }
    store_close(store);
    struct store_verified found;
    ok = ok && store_verify(f.data, &found, why) == YD_OK;
    printf("full: seed %u, %s ballast: %u updates confirmed, opened %d times; %s\n", seed,
           with_ballast ? "with" : "without", f.confirmed, opened, ok ? "ok" : why);
    fflush(stdout);
    return ok ? 0 : 1;
}

int command_full(int argc, char **argv)
{
    (void)argc, (void)argv;
    int status = 0;
    for (uint32_t seed = 1; seed <= 10; seed++) {
        pid_t pid = fork(); // the mount ends with the process
        if (pid < 0) abort();
        if (pid == 0) {
            int code = run(seed, seed % 2 == 0);
            fflush(stdout);
            _exit(code);
        }
        int ended = 0;
        if (waitpid(pid, &ended, 0) != pid) abort();
        if (WIFEXITED(ended) && WEXITSTATUS(ended) == SKIPPED) {
            printf("full: skipped, this user may not mount a file system here\n");
            return 0;
        }
        if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0) status = 1;
    }
    return status;
}
