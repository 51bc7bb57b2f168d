/* store_world.h - a store on a file or in memory and short ways to say what happens to it; for the
 * unit tests of the store. */
#ifndef TESTS_STORE_WORLD_H
#define TESTS_STORE_WORLD_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "ops/heap.h"
#include "store/store.h"

struct world {
    char dir[64];
    bool on_disk;
    struct store *store;
};

static inline yd_slice text(const char *s) { return (yd_slice){(const uint8_t *)s, strlen(s)}; }

static inline void world_open(struct world *w)
{
    char why[STORE_ERROR_MAX] = "";
    struct store_opts opts = {.dir = w->on_disk ? w->dir : NULL};
    yd_err err = store_open(&opts, &w->store, why);
    if (err != YD_OK) fail_msg("store_open: %d %s", (int)err, why);
}

static inline void world_close(struct world *w)
{
    store_close(w->store);
    w->store = NULL;
}

static inline int set_up(void **state, bool on_disk)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->on_disk = on_disk;
    strcpy(w->dir, "/tmp/partyd-store-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    world_open(w);
    *state = w;
    return 0;
}
static inline int set_up_disk(void **state) { return set_up(state, true); }
static inline int set_up_memory(void **state) { return set_up(state, false); }

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline int tear_down(void **state)
{
    struct world *w = *state;
    store_close(w->store);
    (void)nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(w);
    return 0;
}

/* Waits at most ten seconds for the next event. */
static inline struct store_event event_next(struct store *store)
{
    struct store_event ev = {0};
    for (int i = 0; i < 10000; i++) {
        if (store_next(store, &ev)) return ev;
        usleep(1000);
    }
    fail_msg("no event");
    return ev;
}

static inline void append(struct world *w, const char *room, const char *update)
{
    assert_int_equal(store_append(w->store, text(room), text(update)), YD_OK);
}

static inline void commit(struct world *w)
{
    uint64_t number = store_batch_number(w->store);
    store_submit(w->store);
    struct store_event ev = event_next(w->store);
    assert_int_equal(ev.kind, STORE_EV_DURABLE);
    assert_int_equal(ev.batch, number);
}

static inline void snapshot(struct world *w, const char *room, enum store_snapshot kind,
                            yd_slice bytes)
{
    struct yd_buf buf;
    yd_buf_init(&buf, heap_alloc(), SIZE_MAX / 2);
    assert_int_equal(yd_buf_append(&buf, bytes), YD_OK);
    assert_int_equal(store_snapshot(w->store, text(room), kind, &buf), YD_OK);
    assert_int_equal(buf.len, 0);
    yd_buf_deinit(&buf);
}

/* Loads after passing over what else is answered first. */
static inline struct store_event load(struct world *w, const char *room)
{
    assert_int_equal(store_load(w->store, text(room), 77), YD_OK);
    struct store_event ev = event_next(w->store);
    while (ev.kind == STORE_EV_DURABLE) ev = event_next(w->store);
    assert_int_equal(ev.token, 77);
    return ev;
}

/* The parts of the room, joined by commas. */
static inline void assert_stored(struct world *w, const char *room, const char *expected)
{
    struct store_event ev = load(w, room);
    assert_int_equal(ev.kind, STORE_EV_LOADED);
    char got[256] = "";
    for (size_t i = 0; i < ev.part_count; i++) {
        size_t at = strlen(got);
        snprintf(got + at, sizeof got - at, "%s%.*s", i == 0 ? "" : ",", (int)ev.parts[i].len,
                 (const char *)ev.parts[i].ptr);
    }
    assert_string_equal(got, expected);
    store_event_deinit(&ev);
}

/* A snapshot is only taken from whoever has read the room. */
static inline void read_room(struct world *w, const char *room)
{
    struct store_event ev = load(w, room);
    assert_int_equal(ev.kind, STORE_EV_LOADED);
    store_event_deinit(&ev);
}

static inline void reopen(struct world *w)
{
    if (!w->on_disk) return;
    world_close(w);
    world_open(w);
}

static inline void change(struct world *w, const char *sql)
{
    char path[128];
    snprintf(path, sizeof path, "%s/shard-00.db", w->dir);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_changes(db) > 0 || strstr(sql, "PRAGMA") != NULL, 1);
    sqlite3_close(db);
}

static inline void assert_not_opened(struct world *w, const char *damage, yd_err expected)
{
    append(w, "a", "bytes");
    world_close(w);
    change(w, damage);
    char why[STORE_ERROR_MAX] = "";
    struct store *store = NULL;
    assert_int_equal(store_open(&(struct store_opts){.dir = w->dir}, &store, why), expected);
    assert_null(store);
    assert_non_null(strstr(why, w->dir));
}

#define ON_BOTH(test)                                                                              \
    {#test " (file)", test, set_up_disk, tear_down, NULL},                                         \
    {                                                                                              \
#test " (memory)", test, set_up_memory, tear_down, NULL                                    \
    }
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, set_up_disk, tear_down)

#endif
