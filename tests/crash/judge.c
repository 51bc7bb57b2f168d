/* judge.c - see crash.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crash/crash.h"
#include "ops/heap.h"
#include "store/manage.h"

const char *const verdict_names[VERDICTS] = {"ok",   "store refused", "room refused",
                                             "lost", "wrong",         "corrupt"};

static struct store_event event_next(struct store *store)
{
    struct store_event ev = {0};
    for (int i = 0; i < 200000; i++) {
        if (store_next(store, &ev)) return ev;
        usleep(i < 50 ? 20 : 200);
    }
    fputs("judge: the store does not answer\n", stderr);
    exit(9);
}

static bool is_snapshot(yd_slice part, uint32_t room, uint32_t n)
{
    uint32_t state = (room * 2654435761u) ^ (n * 40503u) ^ 'S';
    for (size_t i = 9; i < part.len; i++) {
        if (part.ptr[i] != (uint8_t)(random_next(&state) >> 11)) return false;
    }
    return true;
}

static bool is_update(yd_slice part, uint32_t room, uint32_t n)
{
    struct yd_buf expected;
    yd_buf_init(&expected, heap_alloc(), SIZE_MAX / 2);
    update_make(&expected, room, n);
    bool same = yd_slice_equal(part, yd_buf_slice(&expected));
    yd_buf_deinit(&expected);
    return same;
}

/* Every part must be what was stored, byte by byte, and updates must follow on one another; *last
 * is the number of the last. */
static bool is_right(const struct store_event *ev, uint32_t room, uint32_t *last)
{
    *last = 0;
    for (size_t i = 0; i < ev->part_count; i++) {
        yd_slice part = ev->parts[i];
        uint32_t head[2];
        if (part.len < 9) return false;
        memcpy(head, part.ptr + 1, 8);
        bool is_base = part.ptr[0] == 'S';
        if (head[0] != room || (is_base ? i > 1 : part.ptr[0] != 'U')) return false;
        if (is_base ? !is_snapshot(part, room, head[1]) : !is_update(part, room, head[1])) {
            return false;
        }
        if (is_base ? head[1] < *last : head[1] > *last + 1) return false;
        if (head[1] > *last) *last = head[1];
    }
    return true;
}

static enum verdict one_room(struct store *store, uint32_t room, uint32_t acked, uint32_t *last,
                             char why[STORE_ERROR_MAX])
{
    char name[16];
    snprintf(name, sizeof name, "room-%u", room);
    yd_slice which = {(const uint8_t *)name, strlen(name)};
    // The writer may have ended between deleting and undeleting.
    if (store_erase(store, which, STORE_UNDELETE, 0, 1) != YD_OK) abort();
    if (store_load(store, which, room) != YD_OK) abort();
    struct store_event ev = event_next(store);
    while (ev.kind == STORE_EV_CHANGED || ev.kind == STORE_EV_REFUSED) ev = event_next(store);
    enum verdict v = OK;
    if (ev.kind == STORE_EV_FAILED) v = REFUSED;
    if (ev.kind == STORE_EV_LOAD_FAILED) v = ROOM_REFUSED;
    if (v != OK) snprintf(why, STORE_ERROR_MAX, "%.500s", ev.why);
    if (v == OK && !is_right(&ev, room, last)) {
        v = WRONG;
        snprintf(why, STORE_ERROR_MAX, "%s: not what was stored", name);
    } else if (v == OK && *last < acked) {
        v = LOST;
        snprintf(why, STORE_ERROR_MAX, "%s: ends at %u, %u was confirmed", name, *last, acked);
    }
    store_event_deinit(&ev);
    return v;
}

/* Rooms whose erasing was confirmed give nothing out. */
static enum verdict gone_rooms(struct store *store, uint32_t count, char why[STORE_ERROR_MAX])
{
    enum verdict v = OK;
    for (uint32_t n = 1; n <= count && v == OK; n++) {
        char name[24];
        int len = snprintf(name, sizeof name, "gone-%u", n);
        if (store_load(store, (yd_slice){(const uint8_t *)name, (size_t)len}, n) != YD_OK) abort();
        struct store_event ev = event_next(store);
        if (ev.kind == STORE_EV_FAILED) v = REFUSED;
        if (ev.kind == STORE_EV_LOADED) v = WRONG;
        if (v != OK) snprintf(why, STORE_ERROR_MAX, "%s: is there again", name);
        store_event_deinit(&ev);
    }
    return v;
}

static enum verdict read_all(const char *dir, const struct counts *acked, struct counts *last,
                             bool append, char why[STORE_ERROR_MAX])
{
    struct store *store = NULL;
    if (store_open(&(struct store_opts){.dir = dir}, &store, why) != YD_OK) return REFUSED;
    enum verdict worst = OK;
    for (uint32_t room = 0; room < ROOMS && worst != REFUSED; room++) {
        enum verdict v = one_room(store, room, acked->of[room], &last->of[room], why);
        if (v > worst || v == REFUSED) worst = v;
    }
    if (worst == OK) worst = gone_rooms(store, acked->of[GONE], why);
    if (append && worst == OK) {
        struct yd_buf update;
        yd_buf_init(&update, heap_alloc(), SIZE_MAX / 2);
        update_make(&update, 0, ++last->of[0]);
        if (store_append(store, YD_LITERAL("room-0"), yd_buf_slice(&update)) != YD_OK) abort();
        store_submit(store);
        struct store_event ev = event_next(store);
        if (ev.kind != STORE_EV_DURABLE) worst = REFUSED;
        store_event_deinit(&ev);
        yd_buf_deinit(&update);
    }
    store_close(store);
    return worst;
}

enum verdict judge(const char *dir, const struct counts *acked, bool check, bool go_on,
                   char why[STORE_ERROR_MAX])
{
    struct counts last = {0};
    enum verdict v = read_all(dir, acked, &last, go_on, why);
    if (v == OK && go_on) v = read_all(dir, &last, &last, false, why);
    if (v == OK && check) {
        struct store_verified found;
        if (store_verify(dir, &found, why) != YD_OK) v = CORRUPT;
    }
    return v;
}
