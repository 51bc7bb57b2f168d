/* slow.c - a disk that takes its time: nothing is confirmed before its sync has returned, and what
 * waits stays what was appended. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crash/crash.h"
#include "ops/heap.h"

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

struct run {
    struct store *store;
    double submitted; /* when the batch under way was */
    double shortest, longest;
    uint32_t appended, commits;
    size_t heap;
};

static bool take_events(struct run *r)
{
    struct store_event ev;
    bool ok = true;
    while (store_next(r->store, &ev)) {
        if (ev.kind == STORE_EV_DURABLE) {
            double took = now_ms() - r->submitted;
            if (took < r->shortest) r->shortest = took;
            if (took > r->longest) r->longest = took;
            r->commits++;
        }
        ok = ok && ev.kind == STORE_EV_DURABLE;
        store_event_deinit(&ev);
    }
    return ok;
}

/* Appends as a server does for `ms`: a batch is built while another is under way, and reading stops
 * when 1 MiB waits. */
static bool load(struct run *r, double ms)
{
    static const uint8_t bytes[200];
    bool ok = true;
    for (double end = now_ms() + ms; ok && (now_ms() < end || store_busy(r->store));) {
        if (now_ms() < end && store_batch_bytes(r->store) < 1 << 20) {
            ok = store_append(r->store, YD_LITERAL("room"), (yd_slice){bytes, 200}) == YD_OK;
            r->appended++;
        }
        if (!store_busy(r->store) && store_batch_bytes(r->store) > 0) {
            r->submitted = now_ms();
            store_submit(r->store);
        }
        ok = ok && take_events(r);
        struct mallinfo2 m = mallinfo2();
        if (m.uordblks + m.hblkhd > r->heap) r->heap = m.uordblks + m.hblkhd;
        usleep(100);
    }
    return ok;
}

static int run(double at_least, double ms, double longest)
{
    char dir[128], data[160], why[STORE_ERROR_MAX] = "";
    const char *under = getenv("DISK_DIR");
    snprintf(dir, sizeof dir, "%s", under == NULL ? "/tmp" : under);
    snprintf(data, sizeof data, "%s/data", dir);
    struct run r = {.shortest = 1e9};
    if (store_open(&(struct store_opts){.dir = data}, &r.store, why) != YD_OK) return 1;
    bool ok = load(&r, ms);
    store_close(r.store);
    struct store_verified found;
    ok =
        store_verify(data, &found, why) == YD_OK && found.bytes == (uint64_t)r.appended * 200 && ok;
    printf("%6.0f ms a sync: %4u commits of %6u updates, shortest %6.1f ms, longest %6.1f ms, "
           "heap at most %.1f MB\n",
           at_least, r.commits, r.appended, r.shortest, r.longest, (double)r.heap / 1e6);
    return ok && r.commits > 1 && r.shortest >= at_least && r.longest >= longest &&
                   r.heap < (size_t)24 << 20
               ? 0
               : 1;
}

int command_slow(int argc, char **argv)
{
    if (argc == 3) return run(atof(argv[0]), atof(argv[1]), atof(argv[2]));
    static const struct {
        const char *sleep, *at_least, *ms, *longest;
    } disks[] = {{"2000", "2", "600", "2"},
                 {"10000", "10", "600", "10"},
                 {"200000", "200", "1500", "200"},
                 {"1000:60:5000000", "1", "600", "5000"}};
    int status = 0;
    for (size_t i = 0; i < sizeof disks / sizeof *disks; i++) {
        char dir[128], self[512], line[2000];
        dir_make(dir);
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        self[n > 0 ? n : 0] = 0;
        snprintf(line, sizeof line,
                 "DISK_DIR='%s' DISK_SLEEP='%s' LD_PRELOAD='%.*s/disk.so' '%s' slow %s %s %s", dir,
                 disks[i].sleep, (int)(strrchr(self, '/') - self), self, self, disks[i].at_least,
                 disks[i].ms, disks[i].longest);
        if (system(line) != 0) status = 1;
        dir_remove(dir);
    }
    return status;
}
