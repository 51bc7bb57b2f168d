/* soak.c - hours of work on one store: 2,000 rooms, 20,000 updates a second, a snapshot for every
 * 100 updates of a room; rooms deleted, erased, begun anew. Journal, files, memory and descriptors
 * must stay bounded, and at the end every room must hold what was stored. */
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crash/crash.h"
#include "ops/heap.h"
#include "store/manage.h"

#define SOAK_ROOMS  2000
#define PER_SECOND  20000
#define TICKS       200 /* a second; each is a commit */
#define SNAPSHOT_AT 100
#define WARM_UP_S   60    /* what is bounded is measured from then on */
#define PRINT_S     10    /* and a line is printed, of an hour one a minute */
#define TENTHS_MAX  20000 /* of a millisecond: what took longer counts as that */
#define MIB         ((uint64_t)1 << 20)

struct soak {
    struct store *store;
    const char *dir;
    uint32_t appended[SOAK_ROOMS], covered[SOAK_ROOMS];
    uint32_t random;
    uint64_t updates, snapshots, erased;
    double longest_ms;
    uint32_t *tenths; /* how many commits took so many tenths of a millisecond */
    uint64_t rss_first, rss_most, file_most, wal_most, journal_most, waiting_most;
    uint64_t fds_first, fds_most;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t rss_bytes(void)
{
    unsigned long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%lu %lu", &size, &resident) != 2) abort();
    fclose(f);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t fds_open(void)
{
    uint64_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL) abort();
    while (readdir(dir) != NULL) count++;
    closedir(dir);
    return count - 3; // ".", "..", and the directory's own
}

static uint64_t file_bytes(const struct soak *s, const char *name)
{
    char path[300];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static yd_slice name_of(uint32_t room, char name[32])
{
    int n = snprintf(name, 32, "soak-%u", room);
    return (yd_slice){(const uint8_t *)name, (size_t)n};
}

/* Number, then 30 to 200 bytes that cannot be packed. */
static void append(struct soak *s, uint32_t room)
{
    uint8_t bytes[256];
    char name[32];
    uint32_t n = ++s->appended[room], len = 30 + random_next(&s->random) % 171;
    memcpy(bytes, &n, 4);
    for (uint32_t i = 4; i < len; i += 4) {
        uint32_t r = random_next(&s->random);
        memcpy(bytes + i, &r, 4);
    }
    if (store_append(s->store, name_of(room, name), (yd_slice){bytes, len}) != YD_OK) abort();
    s->updates++;
}

static void snapshot(struct soak *s, uint32_t room)
{
    char name[32];
    struct yd_buf bytes;
    uint32_t len = 20000, n = s->appended[room];
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    if (yd_buf_reserve(&bytes, len) != YD_OK) abort();
    bytes.len = len;
    for (uint32_t i = 0; i < len; i += 4) {
        uint32_t r = random_next(&s->random);
        memcpy(bytes.ptr + i, &r, 4);
    }
    memcpy(bytes.ptr, &n, 4);
    yd_err err = store_snapshot(s->store, name_of(room, name), STORE_BASE, &bytes);
    if (err != YD_OK) abort();
    s->covered[room] = n;
    s->snapshots++;
}

static void wait_answer(struct soak *s, struct store_event *ev)
{
    do {
        store_wait(s->store, ev);
        if (ev->kind == STORE_EV_FAILED) {
            printf("soak: %s\n", ev->why);
            exit(1);
        }
    } while (ev->kind == STORE_EV_DURABLE);
}

/* What is appended and submitted is confirmed before the next. */
static void tick(struct soak *s, uint32_t updates)
{
    for (uint32_t i = 0; i < updates; i++) {
        uint32_t room = random_next(&s->random) % SOAK_ROOMS;
        append(s, room);
        if (s->appended[room] - s->covered[room] >= SNAPSHOT_AT) snapshot(s, room);
    }
    store_submit(s->store);
    double start = now_s();
    struct store_event ev;
    while (store_busy(s->store)) {
        store_wait(s->store, &ev);
        if (ev.kind == STORE_EV_FAILED) {
            printf("soak: %s\n", ev.why);
            exit(1);
        }
    }
    double ms = (now_s() - start) * 1e3;
    if (ms > s->longest_ms) s->longest_ms = ms;
    s->tenths[ms * 10 < TENTHS_MAX ? (size_t)(ms * 10) : TENTHS_MAX]++;
}

static double commit_ms(const struct soak *s, double quantile)
{
    uint64_t all = 0, seen = 0;
    size_t i = 0;
    for (size_t k = 0; k <= TENTHS_MAX; k++) all += s->tenths[k];
    while (i < TENTHS_MAX && (double)(seen += s->tenths[i]) < (double)all * quantile) i++;
    return (double)(i + 1) / 10;
}

/* A room is erased and begins anew. */
static void erase(struct soak *s)
{
    uint32_t room = random_next(&s->random) % SOAK_ROOMS;
    char name[32];
    struct store_event ev;
    if (store_erase(s->store, name_of(room, name), STORE_ERASE, 0, 1) != YD_OK) abort();
    wait_answer(s, &ev);
    bool erased = ev.kind == STORE_EV_CHANGED;
    store_event_deinit(&ev);
    if (!erased) return;
    struct yd_buf bytes;
    uint8_t zero[4] = {0};
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    if (yd_buf_append(&bytes, (yd_slice){zero, 4}) != YD_OK) abort();
    struct store_replace opts = {0};
    if (store_replace(s->store, name_of(room, name), &bytes, &opts, 1) != YD_OK) abort();
    wait_answer(s, &ev);
    store_event_deinit(&ev);
    if (store_load(s->store, name_of(room, name), 1) != YD_OK) abort();
    wait_answer(s, &ev);
    store_event_deinit(&ev);
    s->appended[room] = s->covered[room] = 0;
    s->erased++;
}

static void most(uint64_t *most, uint64_t now)
{
    if (now > *most) *most = now;
}

static void measure(struct soak *s, double seconds)
{
    struct store_stats stats;
    store_stats(s->store, &stats);
    uint64_t rss = rss_bytes(), file = file_bytes(s, "shard-00.db"), fds = fds_open();
    if (s->rss_first == 0 && seconds >= WARM_UP_S) s->rss_first = rss, s->fds_first = fds;
    most(&s->rss_most, rss);
    most(&s->file_most, file);
    most(&s->wal_most, file_bytes(s, "shard-00.db-wal"));
    most(&s->fds_most, fds);
    most(&s->journal_most, stats.journal_bytes);
    most(&s->waiting_most, stats.waiting_bytes);
    struct mallinfo2 heap = mallinfo2(); // what the process has beyond this is free, or no heap
    printf("%6.0f s: %9llu updates, %7llu snapshots, %4llu erased, journal %5.1f MiB, file %6.1f "
           "MiB, memory %5.1f MiB (heap %.1f in use, %.1f free; snapshots that wait %.1f), %llu "
           "descriptors, longest commit %6.1f ms, scrubbed %llu\n",
           seconds, (unsigned long long)s->updates, (unsigned long long)s->snapshots,
           (unsigned long long)s->erased, (double)stats.journal_bytes / MIB, (double)file / MIB,
           (double)rss / MIB, (double)(heap.uordblks + heap.hblkhd) / MIB,
           (double)heap.fordblks / MIB, (double)stats.waiting_bytes / MIB, (unsigned long long)fds,
           s->longest_ms, (unsigned long long)stats.scrub_rounds);
    fflush(stdout);
    s->longest_ms = 0;
}

static bool is_whole(struct soak *s, uint32_t room)
{
    char name[32];
    struct store_event ev;
    if (store_load(s->store, name_of(room, name), 1) != YD_OK) abort();
    wait_answer(s, &ev);
    uint32_t last = 0;
    bool ok = ev.kind == STORE_EV_LOADED;
    for (size_t i = 0; i < ev.part_count && ok; i++) {
        uint32_t n = 0;
        memcpy(&n, ev.parts[i].ptr, 4);
        ok = i == 0 || n == last + 1;
        last = n;
    }
    ok = ok && last == s->appended[room];
    if (!ok) printf("soak: room %u ends at %u of %u: %s\n", room, last, s->appended[room], ev.why);
    store_event_deinit(&ev);
    return ok;
}

static bool finish(struct soak *s)
{
    char why[STORE_ERROR_MAX] = "";
    struct store_verified found;
    store_close(s->store);
    bool ok = store_verify(s->dir, &found, why) == YD_OK;
    if (!ok) printf("soak: %s\n", why);
    if (store_open(&(struct store_opts){.dir = s->dir}, &s->store, why) != YD_OK) return false;
    for (uint32_t room = 0; room < SOAK_ROOMS; room++) ok = is_whole(s, room) && ok;
    store_close(s->store);
    printf(
        "soak: journal at most %.1f MiB, file %.1f MiB, WAL %.1f MiB, memory %.1f MiB (%.1f after "
        "a minute), snapshots that waited %.1f MiB, descriptors %llu (%llu); commits p50 %.1f, p99 "
        "%.1f, p99.9 %.1f ms\n",
        (double)s->journal_most / MIB, (double)s->file_most / MIB, (double)s->wal_most / MIB,
        (double)s->rss_most / MIB, (double)s->rss_first / MIB, (double)s->waiting_most / MIB,
        (unsigned long long)s->fds_most, (unsigned long long)s->fds_first, commit_ms(s, 0.5),
        commit_ms(s, 0.99), commit_ms(s, 0.999));
    // 2,000 rooms of 20 kB twice, and the journal. A WAL is 8 MiB or one commit (S16).
    return ok && s->journal_most <= 64 * MIB && s->file_most <= 512 * MIB &&
           s->wal_most <= 16 * MIB && s->waiting_most <= 8 * MIB &&
           (s->fds_first == 0 || s->fds_most == s->fds_first) &&
           (s->rss_first == 0 || s->rss_most <= s->rss_first + 16 * MIB);
}

int command_soak(int argc, char **argv)
{
    double seconds = argc > 0 ? atof(argv[0]) * 60 : 60;
    uint32_t a_tick = (argc > 1 ? (uint32_t)atoi(argv[1]) : PER_SECOND) / TICKS;
    double print_s = seconds < 1800 ? PRINT_S : 6 * PRINT_S;
    char dir[128] = "/tmp/partyd-soak-XXXXXX", data[160], why[STORE_ERROR_MAX] = "";
    if (mkdtemp(dir) == NULL) abort();
    snprintf(data, sizeof data, "%s/data", dir);
    struct soak *s = calloc(1, sizeof *s);
    if (s == NULL || (s->tenths = calloc(TENTHS_MAX + 1, sizeof *s->tenths)) == NULL) abort();
    s->dir = data;
    s->random = 1;
    struct store_opts opts = {.dir = data, .scrub_ms = 100};
    if (store_open(&opts, &s->store, why) != YD_OK) {
        printf("soak: %s\n", why);
        return 1;
    }
    double start = now_s(), last = start;
    for (uint64_t n = 0; now_s() < start + seconds; n++) {
        tick(s, a_tick);
        if (n % 1000 == 500) erase(s);
        if (now_s() >= last + print_s) {
            last = now_s();
            measure(s, last - start);
        }
        double due = start + (double)(n + 1) / TICKS - now_s();
        if (due > 0) usleep((useconds_t)(due * 1e6));
    }
    measure(s, now_s() - start);
    bool ok = finish(s);
    dir_remove(dir);
    free(s->tenths);
    free(s);
    return ok ? 0 : 1;
}
