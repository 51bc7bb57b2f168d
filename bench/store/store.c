/* store.c - what the store costs: beside a raw append log and beside one row per update, in one
 * run.
 *
 *   build/bench/store [DIR [PART]]   files are made in a new directory under DIR and removed again
 *                                    PART: appends [1|16|256]; loads; stalls, five times;
 *                                    size FILE, what an update V1 takes on disk; or
 *                                    commits WAY BATCH COUNT, to be counted by strace -f -c
 */
#include <fcntl.h>
#include <ftw.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>
#include <zstd.h>

#include "ops/heap.h"
#include "room/room.h"
#include "store/store.h"
#include "watch.h"
#include "ydoc/update.h"

#define ROOMS       1000
#define ROUNDS      30
#define ROUND_MS    100
#define SAMPLES_MAX 200000
#define MB          ((size_t)1000 * 1000)
/* An update that says nothing. */
#define EMPTY_UPDATE ((yd_slice){(const uint8_t *)"\0\0", 2})

struct bench {
    char dir[256];
    double *samples; /* ms a commit */
    size_t count;
    double payload; /* bytes of updates */
    uint32_t random;
    sem_t event;
};

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint32_t random_next(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

static double written_bytes(void)
{
    FILE *f = fopen("/proc/self/io", "r");
    char line[128];
    double bytes = 0;
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "write_bytes:", 12) == 0) bytes = atof(line + 12);
    }
    if (f != NULL) fclose(f);
    return bytes;
}

_Noreturn static void stop(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double quantile(struct bench *b, double q)
{
    qsort(b->samples, b->count, sizeof *b->samples, by_value);
    return b->count == 0 ? 0 : b->samples[(size_t)((double)(b->count - 1) * q)];
}

/* An update of 30..200 bytes of a room chosen at random. */
static yd_slice update_next(struct bench *b, uint32_t *room)
{
    static uint8_t bytes[256];
    *room = random_next(&b->random) % ROOMS;
    size_t len = 30 + random_next(&b->random) % 171;
    for (size_t i = 0; i + 4 <= len; i += 4) memcpy(bytes + i, &b->random, 4);
    b->payload += (double)len;
    return (yd_slice){bytes, len};
}

static void path_in(struct bench *b, const char *name, char path[300])
{
    snprintf(path, 300, "%s/%s", b->dir, name);
}

/* ---- three ways to keep updates: each commits `batch` of them, again and again ------------------
 */

struct way {
    const char *name;
    void *(*open)(struct bench *b);
    void (*commit)(struct bench *b, void *ctx, int batch);
    void (*close)(void *ctx);
};

static void *log_open(struct bench *b)
{
    char path[300];
    path_in(b, "log", path);
    int *fd = malloc(sizeof *fd);
    if (fd == NULL || (*fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600)) < 0) stop(path);
    return fd;
}

static void log_commit(struct bench *b, void *ctx, int batch)
{
    static uint8_t frame[256 * 256];
    size_t len = 0;
    for (int i = 0; i < batch; i++) {
        uint32_t room;
        yd_slice update = update_next(b, &room);
        memcpy(frame + len, update.ptr, update.len);
        len += update.len;
    }
    if (write(*(int *)ctx, frame, len) != (ssize_t)len || fdatasync(*(int *)ctx) != 0) stop("log");
}

static void log_close(void *ctx)
{
    close(*(int *)ctx);
    free(ctx);
}

struct rows {
    sqlite3 *db;
    sqlite3_stmt *begin, *add, *commit;
    uint64_t seq;
};

static void *rows_open(struct bench *b)
{
    char path[300];
    path_in(b, "rows.db", path);
    struct rows *r = calloc(1, sizeof *r);
    if (r == NULL || sqlite3_open(path, &r->db) != SQLITE_OK ||
        sqlite3_exec(r->db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536;"
                     "PRAGMA locking_mode=EXCLUSIVE;"
                     "CREATE TABLE u(room INT, seq INT, data BLOB, PRIMARY KEY(room, seq)) "
                     "WITHOUT ROWID",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(r->db, "BEGIN IMMEDIATE", -1, &r->begin, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(r->db, "INSERT INTO u VALUES(?1, ?2, ?3)", -1, &r->add, NULL) !=
            SQLITE_OK ||
        sqlite3_prepare_v2(r->db, "COMMIT", -1, &r->commit, NULL) != SQLITE_OK) {
        stop("rows: open");
    }
    return r;
}

static void rows_run(sqlite3_stmt *s)
{
    if (sqlite3_step(s) != SQLITE_DONE) stop("rows");
    sqlite3_reset(s);
}

static void rows_commit(struct bench *b, void *ctx, int batch)
{
    struct rows *r = ctx;
    rows_run(r->begin);
    for (int i = 0; i < batch; i++) {
        uint32_t room;
        yd_slice update = update_next(b, &room);
        sqlite3_bind_int64(r->add, 1, room);
        sqlite3_bind_int64(r->add, 2, (sqlite3_int64)++r->seq);
        sqlite3_bind_blob(r->add, 3, update.ptr, (int)update.len, SQLITE_STATIC);
        rows_run(r->add);
    }
    rows_run(r->commit);
}

static void rows_close(void *ctx)
{
    struct rows *r = ctx;
    sqlite3_finalize(r->begin);
    sqlite3_finalize(r->add);
    sqlite3_finalize(r->commit);
    sqlite3_close(r->db);
    free(r);
}

static void wake(void *ctx) { sem_post(&((struct bench *)ctx)->event); }

static struct store_event event_next(struct bench *b, struct store *store)
{
    struct store_event ev;
    while (!store_next(store, &ev)) sem_wait(&b->event);
    if (ev.kind == STORE_EV_FAILED || ev.kind == STORE_EV_LOAD_FAILED) stop(ev.why);
    return ev;
}

static struct store *store_opened(struct bench *b)
{
    char path[300], why[STORE_ERROR_MAX] = "";
    struct store *store = NULL;
    path_in(b, "store", path);
    if (store_open(&(struct store_opts){.dir = path, .wake = wake, .wake_ctx = b}, &store, why) !=
        YD_OK)
        stop(why);
    return store;
}

/* A room's host has its name at hand: making 256 of them takes a tenth of a commit. */
static struct name {
    uint8_t bytes[32];
    size_t len;
} names[ROOMS];

static void append(struct store *store, uint32_t room, yd_slice update)
{
    yd_slice name = {names[room].bytes, names[room].len};
    if (store_append(store, name, update) != YD_OK) stop("append");
}

static void names_make(void)
{
    for (unsigned i = 0; i < ROOMS; i++) {
        char *to = (char *)names[i].bytes;
        names[i].len = (size_t)snprintf(to, sizeof names[i].bytes, "main/document-%u", i);
    }
}

static void *partyd_open(struct bench *b)
{
    struct store *store = store_opened(b);
    for (uint32_t room = 0; room < ROOMS; room++) append(store, room, YD_LITERAL("first"));
    store_submit(store);
    (void)event_next(b, store);
    return store;
}

static void partyd_commit(struct bench *b, void *ctx, int batch)
{
    for (int i = 0; i < batch; i++) {
        uint32_t room;
        yd_slice update = update_next(b, &room);
        append(ctx, room, update);
    }
    store_submit(ctx);
    (void)event_next(b, ctx);
}

static void partyd_close(void *ctx) { store_close(ctx); }

static void bench_init(struct bench *b)
{
    *b = (struct bench){.random = 1};
    b->samples = malloc(SAMPLES_MAX * sizeof *b->samples);
    if (b->samples == NULL || sem_init(&b->event, 0, 0) != 0) stop("memory");
}

static const struct way ways[] = {{"raw log", log_open, log_commit, log_close},
                                  {"partyd", partyd_open, partyd_commit, partyd_close},
                                  {"row per update", rows_open, rows_commit, rows_close}};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void dir_make(struct bench *b, const char *under)
{
    snprintf(b->dir, sizeof b->dir, "%s/partyd-bench-XXXXXX", under);
    if (mkdtemp(b->dir) == NULL) stop(b->dir);
}

static void dir_remove(struct bench *b) { (void)nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

/* One of the ways, while it takes turns with the others. */
struct lane {
    struct bench bench; /* a directory and samples of its own */
    void *ctx;
    /* Updates a second; of those of the log, of one row per update, in the same round. */
    double rates[ROUNDS], of_log[ROUNDS], of_rows[ROUNDS];
    double written;
};

enum { LOG, PARTYD, ROWS, WAYS = sizeof ways / sizeof *ways };

static double lane_round(struct lane *lane, const struct way *way, int batch)
{
    struct bench *b = &lane->bench;
    double start = now_ms(), io = written_bytes(), last = start;
    int commits = 0;
    while (last < start + ROUND_MS) {
        way->commit(b, lane->ctx, batch);
        double now = now_ms();
        if (b->count < SAMPLES_MAX) b->samples[b->count++] = now - last;
        last = now;
        commits++;
    }
    lane->written += written_bytes() - io;
    return commits * batch / (last - start) * 1e3;
}

static double median_of(double values[ROUNDS], double q)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[(size_t)((ROUNDS - 1) * q)];
}

/* All ways are open and take turns, a tenth of a second each: what else goes on meets all of them.
 * What counts is the median of the rounds' ratios. */
static void appends_of(const char *under, int batch, struct lane *lanes)
{
    for (size_t k = 0; k < WAYS; k++) {
        dir_make(&lanes[k].bench, under);
        lanes[k].ctx = ways[k].open(&lanes[k].bench);
        lanes[k].bench.count = 0;
        lanes[k].bench.payload = lanes[k].written = 0;
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t k = 0; k < WAYS; k++) {
            lanes[k].rates[round] = lane_round(&lanes[k], &ways[k], batch);
            lanes[k].of_log[round] = lanes[k].rates[round] / lanes[LOG].rates[round];
        }
        for (size_t k = 0; k < WAYS; k++) {
            lanes[k].of_rows[round] = lanes[k].rates[round] / lanes[ROWS].rates[round];
        }
    }
    for (size_t k = 0; k < WAYS; k++) {
        struct lane *lane = &lanes[k];
        struct bench *b = &lane->bench;
        printf("%-16s %6d %12.0f %9.0f %9.0f %9.2f (%.2f to %.2f) %7.1f "
               "(%.1f to %.1f) %8.1f\n",
               ways[k].name, batch, median_of(lane->rates, 0.5), quantile(b, 0.5) * 1e3,
               quantile(b, 0.99) * 1e3, median_of(lane->of_log, 0.5), median_of(lane->of_log, 0.25),
               median_of(lane->of_log, 0.75), median_of(lane->of_rows, 0.5),
               median_of(lane->of_rows, 0.25), median_of(lane->of_rows, 0.75),
               lane->written / b->payload);
        ways[k].close(lane->ctx);
        dir_remove(b);
    }
}

/* only: 0: commits of all sizes. */
static void appends(const char *under, int only)
{
    static const int batches[] = {1, 16, 256};
    struct lane *lanes = calloc(WAYS, sizeof *lanes);
    if (lanes == NULL) stop("memory");
    for (size_t k = 0; k < WAYS; k++) bench_init(&lanes[k].bench);
    printf("%-16s %6s %12s %9s %9s %9s %14s %7s %14s %8s\n", "appends", "batch", "updates/s",
           "p50 us", "p99 us", "of log", "(quartiles)", "of rows", "(quartiles)", "written");
    for (size_t i = 0; i < 3; i++) {
        if (only == 0 || only == batches[i]) appends_of(under, batches[i], lanes);
    }
    for (size_t k = 0; k < WAYS; k++) free(lanes[k].bench.samples);
    free(lanes);
}

/* So many commits and nothing else: for strace -f -c. */
static int commits_only(const char *under, char **args)
{
    struct bench b;
    size_t k = 0;
    while (k < WAYS && strcmp(ways[k].name, args[0]) != 0) k++;
    if (k == WAYS) stop("commits takes: 'raw log', partyd or 'row per update'; BATCH; COUNT");
    bench_init(&b);
    dir_make(&b, under);
    void *ctx = ways[k].open(&b);
    for (int i = 0; i < atoi(args[2]); i++) ways[k].commit(&b, ctx, atoi(args[1]));
    ways[k].close(ctx);
    dir_remove(&b);
    free(b.samples);
    return 0;
}

/* ---- rooms of some size -----------------------------------------------------------------------
 */

static void put(struct yd_buf *buf, yd_slice bytes)
{
    if (yd_buf_append(buf, bytes) != YD_OK) stop("memory");
}

static void put_number(struct yd_buf *buf, uint64_t n)
{
    uint8_t bytes[10];
    put(buf, (yd_slice){bytes, yd_varuint_put(bytes, n)});
}

/* A text of about len bytes as it is after some time: by 40 people, in runs of 80 letters each,
 * every tenth of which was put in somewhere before. */
static void document(struct yd_buf *out, size_t len)
{
    static const char letters[] =
        "the quick onyx goblin jumps over a lazy dwarf and then some more ";
    uint32_t x = 7, authors = 40, runs = (uint32_t)(len / authors / 90) + 1;
    put_number(out, authors);
    for (uint32_t author = 1; author <= authors; author++) {
        put_number(out, runs);
        put_number(out, author);
        put_number(out, 0);
        for (uint32_t run = 0; run < runs; run++) {
            x = x * 1664525 + 1013904223;
            uint32_t behind = (x >> 16) % 10 == 0 ? (x >> 8) % (run + 1) : run;
            uint8_t info = run == 0 ? 4 : 0x84;
            put(out, (yd_slice){&info, 1});
            if (run == 0) {
                put(out, (yd_slice){(const uint8_t *)"\1\1t", 3});
            } else {
                put_number(out, author);
                put_number(out, behind == 0 ? 79 : (uint64_t)behind * 80 - 1);
            }
            put_number(out, 80);
            for (uint32_t at = 0; at < 80;) {
                x = x * 1664525 + 1013904223;
                uint32_t from = (x >> 10) % 60, n = 3 + (x >> 20) % 8;
                if (from + n > sizeof letters - 1) n = (uint32_t)(sizeof letters - 1) - from;
                if (n > 80 - at) n = 80 - at;
                put(out, (yd_slice){(const uint8_t *)letters + from, n});
                at += n;
            }
        }
    }
    put_number(out, 0); // nothing deleted
}

static size_t snapshot(struct store *store, size_t len)
{
    struct yd_buf bytes;
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    document(&bytes, len);
    size_t made = bytes.len;
    if (store_snapshot(store, YD_LITERAL("main/document-0"), STORE_BASE, &bytes) != YD_OK) {
        stop("snapshot");
    }
    yd_buf_deinit(&bytes);
    return made;
}

/* What the room does with it until the first client can be sent the whole document. */
static void room_ready(const struct store_event *ev, double ms[2])
{
    struct room *room = NULL;
    struct room_effects fx;
    double start = now_ms();
    if (room_new(heap_alloc(), NULL, &room) != YD_OK) stop("room");
    room_loaded_base(room, ev->base_bytes);
    for (size_t i = 0; i < ev->part_count; i++) {
        struct room_event load = {.kind = ROOM_EV_LOAD, .bytes = ev->parts[i]};
        if (room_step(room, &load, &fx) != YD_OK) stop("the document cannot be read");
    }
    ms[0] = now_ms() - start;
    struct room_event join = {.kind = ROOM_EV_JOIN, .member = 0, .bytes = YD_EMPTY};
    if (room_step(room, &join, &fx) != YD_OK) stop("join");
    struct room_event ask = {
        .kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_STEP1, .bytes = YD_LITERAL("\0")};
    if (room_step(room, &ask, &fx) != YD_OK || fx.count == 0) stop("sync");
    ms[1] = now_ms() - start - ms[0];
    room_free(room);
}

static void loads(struct bench *b, const char *under, size_t len)
{
    dir_make(b, under);
    struct store *store = store_opened(b);
    append(store, 0, EMPTY_UPDATE);
    size_t made = snapshot(store, len);
    for (uint32_t i = 0; i < 200; i++) append(store, 0, EMPTY_UPDATE);
    store_close(store);
    b->count = 0;
    double apply[9], encode[9];
    for (int i = 0; i < 9; i++) {
        store = store_opened(b);
        double start = now_ms();
        if (store_load(store, YD_LITERAL("main/document-0"), 1) != YD_OK) stop("load");
        struct store_event ev = event_next(b, store);
        double took = now_ms() - start, ms[2];
        if (ev.part_count != 201 || ev.base_bytes != made) stop("load: not what was stored");
        room_ready(&ev, ms);
        apply[b->count] = ms[0];
        encode[b->count] = ms[1];
        b->samples[b->count++] = took;
        store_event_deinit(&ev);
        store_close(store);
    }
    double median = quantile(b, 0.5);
    double longest = quantile(b, 1);
    memcpy(b->samples, apply, sizeof apply);
    double applied = quantile(b, 0.5);
    memcpy(b->samples, encode, sizeof encode);
    double encoded = quantile(b, 0.5);
    printf("room of %3zu MB + 200 updates: read in %6.1f ms (longest of %zu: %.1f); into the room "
           "%6.1f; first answer %5.1f; together %6.1f\n",
           len / MB, median, b->count, longest, applied, encoded, median + applied + encoded);
    dir_remove(b);
}

/* A commit, and where its time went. */
struct stall {
    double wall;
    struct watch of;
};

static int by_wall(const void *a, const void *b)
{
    const struct stall *x = a, *y = b;
    return x->wall > y->wall ? -1 : x->wall < y->wall;
}

/* What neither a faster disk nor a core of one's own would take away. */
static double own(const struct stall *s)
{
    double ms = s->wall - s->of.disk - s->of.core;
    return ms > s->of.cpu ? ms : s->of.cpu;
}

static int by_own(const void *a, const void *b)
{
    double x = own(a), y = own(b);
    return x > y ? -1 : x < y;
}

static void stalls_print(const char *what, struct stall *stalls, size_t count, bool is_watched)
{
    qsort(stalls, count, sizeof *stalls, by_wall);
    const struct stall longest = stalls[0];
    printf("%-37s p50 %5.2f, p99 %5.1f, longest %5.1f ms", what, stalls[count / 2].wall,
           stalls[count / 100].wall, longest.wall);
    if (is_watched) {
        double sync = 0;
        for (size_t i = 0; i < count; i++) {
            if (stalls[i].of.sync_most > sync) sync = stalls[i].of.sync_most;
        }
        qsort(stalls, count, sizeof *stalls, by_own);
        printf(" (disk %.1f in %d syncs, waiting for a core %.1f, cpu %.1f); longest sync %.1f; "
               "without disk and waiting for a core at most %.1f",
               longest.of.disk, longest.of.syncs, longest.of.core, longest.of.cpu, sync,
               own(&stalls[0]));
    }
    printf("\n");
}

/* ---- a document on disk ------------------------------------------------------------------------
 */

static struct yd_buf file_read(const char *path)
{
    struct yd_buf bytes;
    struct stat st;
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    FILE *f = fopen(path, "rb");
    if (f == NULL || fstat(fileno(f), &st) != 0) stop(path);
    if (yd_buf_reserve(&bytes, (size_t)st.st_size) != YD_OK) stop("memory");
    bytes.len = fread(bytes.ptr, 1, (size_t)st.st_size, f);
    fclose(f);
    return bytes;
}

/* Bytes of the database file with one room; update: what is stored of it, NULL: next to nothing. */
static double file_with(struct bench *b, const char *under, struct yd_buf *update)
{
    char path[300];
    struct stat st;
    dir_make(b, under);
    struct store *store = store_opened(b);
    append(store, 0, EMPTY_UPDATE);
    if (update != NULL &&
        store_snapshot(store, YD_LITERAL("main/document-0"), STORE_BASE, update) != YD_OK) {
        stop("snapshot");
    }
    store_close(store);
    path_in(b, "store/shard-00.db", path);
    if (stat(path, &st) != 0) stop(path);
    dir_remove(b);
    return (double)st.st_size;
}

/* Beside the same update as V2 under zstd at level 3. */
static void size_of(struct bench *b, const char *under, const char *file)
{
    struct yd_buf update = file_read(file), v2;
    yd_buf_init(&v2, heap_alloc(), SIZE_MAX / 2);
    struct yd_update from = {yd_buf_slice(&update), YD_V1};
    if (yd_update_convert(from, YD_V2, &v2) != YD_OK) stop("this is no update V1");
    size_t most = ZSTD_compressBound(v2.len), given = update.len;
    void *packed = malloc(most);
    if (packed == NULL) stop("memory");
    double bytes = (double)ZSTD_compress(packed, most, v2.ptr, v2.len, 3);
    double stored = file_with(b, under, &update) - file_with(b, under, NULL);
    printf("%s: %zu bytes V1, %zu V2, %.0f V2 under zstd; the store's file grows by %.0f: %.2f\n",
           file, given, v2.len, bytes, stored, stored / bytes);
    free(packed);
    yd_buf_deinit(&v2);
}

/* Commits of one update for `ms`, while whatever was handed over before goes on. */
static void commits_for(struct bench *b, const struct way *way, void *ctx, double ms,
                        const char *what)
{
    static struct stall stalls[SAMPLES_MAX];
    size_t count = 0;
    double end = now_ms() + ms;
    while (now_ms() < end && count < SAMPLES_MAX) {
        struct watch before = watch_now();
        double start = now_ms();
        way->commit(b, ctx, 1);
        double wall = now_ms() - start;
        stalls[count++] = (struct stall){wall, watch_since(before)};
    }
    stalls_print(what, stalls, count, way != &ways[LOG]);
}

static void stalls(struct bench *b, const char *under)
{
    dir_make(b, under);
    void *log = ways[LOG].open(b);
    commits_for(b, &ways[LOG], log, 1500, "the raw log:");
    ways[LOG].close(log);
    struct store *store = partyd_open(b);
    commits_for(b, &ways[PARTYD], store, 1500, "commits alone:");
    (void)snapshot(store, 50 * MB);
    commits_for(b, &ways[PARTYD], store, 2500, "commits beside a 50 MB snapshot:");
    (void)snapshot(store, 1000); // the old 50 MB go
    commits_for(b, &ways[PARTYD], store, 1500, "commits beside the deletion of 50 MB:");
    store_close(store);
    dir_remove(b);
}

int main(int argc, char **argv)
{
    const char *under = argc > 1 ? argv[1] : "/tmp", *part = argc > 2 ? argv[2] : "";
    struct bench b;
    bool all = part[0] == 0;
    names_make();
    if (strcmp(part, "commits") == 0 && argc == 6) return commits_only(under, argv + 3);
    bench_init(&b);
    if (strcmp(part, "size") == 0 && argc == 4) size_of(&b, under, argv[3]);
    if (all || strcmp(part, "appends") == 0) appends(under, argc > 3 ? atoi(argv[3]) : 0);
    if (all || strcmp(part, "loads") == 0) {
        loads(&b, under, 1 * MB);
        loads(&b, under, 20 * MB);
    }
    if (all || strcmp(part, "stalls") == 0) {
        for (int i = 0; i < (all ? 1 : 5); i++) stalls(&b, under);
    }
    free(b.samples);
    return 0;
}
