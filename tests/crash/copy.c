/* copy.c - a process that copies every room of a store into another while the first is being
 * written is killed at any moment: the copy holds every room as a whole or not at all, the first
 * has lost nothing, and copying goes on where it ended. That is how a backup into a store and a
 * restore of it work: store_list, store_read, store_replace, store_progress_set. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash/crash.h"
#include "ops/heap.h"
#include "store/manage.h"

#define COPY_ROOMS 40
#define ROOM_BYTES 400000

static yd_slice name_of(uint32_t room, char name[32])
{
    int n = snprintf(name, 32, "copy-%u", room);
    return (yd_slice){(const uint8_t *)name, (size_t)n};
}

/* Content of a room at number n: every byte follows from both. */
static void content(struct yd_buf *out, uint32_t room, uint32_t n)
{
    uint32_t x = room * 7919 + n * 104729 + 1;
    yd_buf_clear(out);
    if (yd_buf_reserve(out, ROOM_BYTES) != YD_OK) abort();
    for (uint32_t i = 0; i < ROOM_BYTES; i++) out->ptr[i] = (uint8_t)(random_next(&x) >> 9);
    memcpy(out->ptr, &n, 4);
    out->len = ROOM_BYTES;
}

static struct store *opened(const char *dir)
{
    char why[STORE_ERROR_MAX] = "";
    struct store *store = NULL;
    if (store_open(&(struct store_opts){.dir = dir}, &store, why) == YD_OK) return store;
    printf("copy: %s\n", why);
    return NULL;
}

static struct store_event answer(struct store *store)
{
    struct store_event ev;
    do store_wait(store, &ev);
    while (ev.kind == STORE_EV_DURABLE);
    return ev;
}

/* One room's content, or its version counted up, as one replacement. */
static bool put(struct store *store, uint32_t room, yd_slice bytes)
{
    char name[32];
    struct yd_buf copy;
    yd_buf_init(&copy, heap_alloc(), SIZE_MAX / 2);
    if (yd_buf_append(&copy, bytes) != YD_OK) abort();
    struct store_replace opts = {0};
    if (store_replace(store, name_of(room, name), &copy, &opts, 1) != YD_OK) abort();
    struct store_event ev = answer(store);
    bool ok = ev.kind == STORE_EV_CHANGED;
    store_event_deinit(&ev);
    return ok;
}

/* The version of a room; 0: it is not there; UINT32_MAX: it is not what was stored. */
static uint32_t version(struct store *store, uint32_t room, struct yd_buf *scratch)
{
    char name[32];
    uint32_t n = 0;
    if (store_read(store, name_of(room, name), 1) != YD_OK) abort();
    struct store_event ev = answer(store);
    if (ev.kind == STORE_EV_LOADED && ev.part_count == 1 && ev.parts[0].len == ROOM_BYTES) {
        memcpy(&n, ev.parts[0].ptr, 4);
        content(scratch, room, n);
        if (!yd_slice_equal(ev.parts[0], yd_buf_slice(scratch))) n = UINT32_MAX;
    } else if (ev.kind != STORE_EV_LOADED || ev.part_count != 0) {
        n = UINT32_MAX;
    }
    store_event_deinit(&ev);
    return n;
}

/* In a process of its own, which is killed. Copies what is dirty, and writes on meanwhile. */
static void copy_for_ever(const char *from_dir, const char *to_dir, uint32_t round)
{
    struct store *from = opened(from_dir), *to = opened(to_dir);
    struct yd_buf bytes;
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    if (from == NULL || to == NULL) _exit(1);
    for (uint32_t n = 1;; n++) {
        struct store_list list = {
            .limit = 8, .prefix = YD_EMPTY, .sink = YD_LITERAL("copy"), .only_dirty = true};
        if (store_list(from, &list, 1) != YD_OK) abort();
        struct store_event page = answer(from);
        for (size_t i = 0; i < page.room_count; i++) {
            uint32_t room = (uint32_t)page.rooms[i].id - 1;
            if (store_read(from, page.rooms[i].name, 1) != YD_OK) abort();
            struct store_event ev = answer(from);
            if (ev.part_count != 1 || !put(to, room, ev.parts[0])) _exit(1);
            store_event_deinit(&ev);
            struct store_progress done = {page.rooms[i].name, page.rooms[i].lsn, YD_EMPTY};
            if (store_progress_set(from, YD_LITERAL("copy"), &done, 1, 1) != YD_OK) abort();
            ev = answer(from);
            store_event_deinit(&ev);
        }
        store_event_deinit(&page);
        uint32_t room = (round * 13 + n) % COPY_ROOMS;
        content(&bytes, room, round * 1000 + n);
        if (!put(from, room, yd_buf_slice(&bytes))) _exit(1);
    }
}

static bool is_right(const char *dir, bool all, uint32_t least[COPY_ROOMS], uint32_t *held)
{
    struct store *store = opened(dir);
    if (store == NULL) return false;
    struct yd_buf scratch;
    yd_buf_init(&scratch, heap_alloc(), SIZE_MAX / 2);
    bool ok = true;
    *held = 0;
    for (uint32_t room = 0; room < COPY_ROOMS; room++) {
        uint32_t n = version(store, room, &scratch);
        ok = ok && n != UINT32_MAX && (n > 0 || !all) && n >= least[room];
        if (!ok)
            printf("copy: %s: room %u has version %u, %u was there\n", dir, room, n, least[room]);
        least[room] = n;
        *held += n > 0;
    }
    yd_buf_deinit(&scratch);
    store_close(store);
    return ok;
}

static bool make_first(const char *dir)
{
    struct store *store = opened(dir);
    struct yd_buf bytes;
    bool ok = store != NULL;
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    for (uint32_t room = 0; ok && room < COPY_ROOMS; room++) {
        content(&bytes, room, 1);
        ok = put(store, room, yd_buf_slice(&bytes));
    }
    yd_buf_deinit(&bytes);
    store_close(store);
    return ok;
}

int command_copy(int argc, char **argv)
{
    uint32_t kills = argc > 0 ? (uint32_t)strtoul(argv[0], NULL, 10) : 50, random = 3, held = 0;
    char dir[128], from[160], to[160], why[STORE_ERROR_MAX] = "";
    dir_make(dir);
    snprintf(from, sizeof from, "%s/from", dir);
    snprintf(to, sizeof to, "%s/to", dir);
    static uint32_t from_least[COPY_ROOMS], to_least[COPY_ROOMS];
    bool ok = make_first(from);
    for (uint32_t round = 1; ok && round <= kills; round++) {
        pid_t pid = fork();
        if (pid < 0) abort();
        if (pid == 0) copy_for_ever(from, to, round);
        usleep(20000 + random_next(&random) % 200000);
        (void)kill(pid, SIGKILL);
        int status = 0;
        if (waitpid(pid, &status, 0) != pid) abort();
        ok = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        ok = ok && is_right(from, true, from_least, &held) && is_right(to, false, to_least, &held);
        struct store_verified found;
        ok = ok && store_verify(from, &found, why) == YD_OK &&
             store_verify(to, &found, why) == YD_OK;
    }
    printf("copy: %u kills, %u of %u rooms copied; %s %s\n", kills, held, COPY_ROOMS,
           ok ? "ok" : "NOT OK", why);
    dir_remove(dir);
    return ok && held == COPY_ROOMS ? 0 : 1;
}
