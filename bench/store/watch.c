/* watch.c - see watch.h. */
#include "watch.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_bool is_on; // from the first watch_now(): a sync costs some us more then
static atomic_int watched;
static atomic_llong disk_ns, most_ns, sync_count;

static long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* On a core, and waiting for one. */
static void thread_ns(int tid, long long *cpu, long long *core)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", tid);
    *cpu = *core = 0;
    FILE *f = fopen(path, "r");
    if (f == NULL) return;
    if (fscanf(f, "%lld %lld", cpu, core) != 2) *cpu = *core = 0;
    fclose(f);
}

static int sync_by(long call, int fd)
{
    if (!atomic_load(&is_on) || gettid() == getpid()) return (int)syscall(call, fd);
    long long cpu, core, core_after;
    atomic_store(&watched, gettid());
    thread_ns(gettid(), &cpu, &core);
    long long start = now_ns();
    int result = (int)syscall(call, fd);
    long long took = now_ns() - start;
    thread_ns(gettid(), &cpu, &core_after);
    took -= core_after - core;
    atomic_fetch_add(&disk_ns, took);
    atomic_fetch_add(&sync_count, 1);
    if (took > atomic_load(&most_ns)) atomic_store(&most_ns, took);
    return result;
}

// In place of those of libc, for every library of this program.
int fdatasync(int fd) { return sync_by(SYS_fdatasync, fd); }
int fsync(int fd) { return sync_by(SYS_fsync, fd); }

static struct watch look(void)
{
    struct watch w = {.disk = (double)atomic_load(&disk_ns) / 1e6,
                      .sync_most = (double)atomic_load(&most_ns) / 1e6,
                      .syncs = (int)atomic_load(&sync_count)};
    long long cpu, core;
    thread_ns(getpid(), &cpu, &core);
    w.first_core = (double)core / 1e6;
    thread_ns(atomic_load(&watched), &cpu, &core);
    w.cpu = (double)cpu / 1e6;
    w.core = (double)core / 1e6;
    return w;
}

struct watch watch_now(void)
{
    atomic_store(&is_on, true);
    atomic_store(&most_ns, 0);
    return look();
}

struct watch watch_since(struct watch then)
{
    struct watch w = look();
    w.cpu -= then.cpu;
    w.disk -= then.disk;
    w.core -= then.core;
    w.first_core -= then.first_core;
    w.syncs -= then.syncs;
    // Both may wait at the same time.
    if (w.first_core > w.core) w.core = w.first_core;
    return w;
}
