/* writer.c - see crash.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crash/crash.h"
#include "ops/heap.h"
#include "store/manage.h"

/* "U" or "S", room, number, then bytes that follow from both. */
static void make(struct yd_buf *out, uint8_t kind, uint32_t room, uint32_t n, uint32_t len)
{
    uint32_t state = (room * 2654435761u) ^ (n * 40503u) ^ kind;
    uint8_t head[9] = {kind};
    memcpy(head + 1, &room, 4);
    memcpy(head + 5, &n, 4);
    if (yd_buf_append(out, (yd_slice){head, 9}) != YD_OK || yd_buf_reserve(out, len) != YD_OK) {
        abort();
    }
    for (uint32_t i = 0; i < len; i++) out->ptr[out->len++] = (uint8_t)(random_next(&state) >> 11);
}

void update_make(struct yd_buf *out, uint32_t room, uint32_t n)
{
    uint32_t state = room * 31 + n;
    uint32_t len = random_next(&state) % 40 == 0 ? 30000 : random_next(&state) % 300;
    make(out, 'U', room, n, len);
}

struct writer {
    const struct writer_opts *opts;
    struct store *store;
    struct counts appended, acked;
    uint32_t random;
    int acks;
    int opened; /* times */
    bool failed;
};

void acks_add(struct counts *acked, const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at + 8 <= len; at += 8) {
        uint32_t pair[2];
        memcpy(pair, bytes + at, 8);
        if (pair[0] <= GONE && pair[1] > acked->of[pair[0]]) acked->of[pair[0]] = pair[1];
    }
}

struct counts acks_read(const char *path)
{
    struct counts acked = {0};
    size_t len = 0;
    uint8_t *bytes = file_read(path, &len);
    if (bytes != NULL) acks_add(&acked, bytes, len);
    free(bytes);
    return acked;
}

static void acknowledge(struct writer *w)
{
    for (uint32_t room = 0; room < ROOMS; room++) {
        if (w->acked.of[room] == w->appended.of[room]) continue;
        uint32_t pair[2] = {room, w->appended.of[room]};
        w->acked.of[room] = w->appended.of[room];
        if (write(w->acks, pair, sizeof pair) != sizeof pair) abort();
    }
}

/* Waits for what `until` says, or the end of the store. A change that was made before it could be
 * confirmed is refused the next time. */
static bool wait_for(struct writer *w, enum store_event_kind until, struct store_event *ev)
{
    for (int i = 0; i < 200000; i++) {
        if (!store_next(w->store, ev)) {
            usleep(50);
            continue;
        }
        if (ev->kind == STORE_EV_FAILED) w->failed = true;
        if (ev->kind == until || ev->kind == STORE_EV_FAILED) return ev->kind == until;
        if (until == STORE_EV_CHANGED && ev->kind == STORE_EV_REFUSED) return true;
        if (ev->kind == STORE_EV_LOAD_FAILED) return false;
        store_event_deinit(ev);
    }
    fputs("writer: the store does not answer\n", stderr);
    exit(9);
}

static yd_slice room_name(uint32_t room, char name[16])
{
    snprintf(name, 16, "room-%u", room);
    return (yd_slice){(const uint8_t *)name, strlen(name)};
}

/* Reads what is there, as a server does before anybody may append. */
static bool read_rooms(struct writer *w)
{
    for (uint32_t room = 0; room < ROOMS; room++) {
        char name[16];
        struct store_event ev = {0};
        // It may have ended between deleting and undeleting.
        if (store_erase(w->store, room_name(room, name), STORE_UNDELETE, 0, 1) != YD_OK ||
            store_load(w->store, room_name(room, name), room) != YD_OK) {
            return false;
        }
        if (!wait_for(w, STORE_EV_LOADED, &ev)) return false;
        uint32_t last = 0;
        for (size_t i = 0; i < ev.part_count; i++) {
            uint32_t n = 0;
            if (ev.parts[i].len >= 9) memcpy(&n, ev.parts[i].ptr + 5, 4);
            if (n > last) last = n;
        }
        store_event_deinit(&ev);
        w->appended.of[room] = w->acked.of[room] = last;
    }
    return true;
}

static bool writer_open(struct writer *w)
{
    char why[STORE_ERROR_MAX] = "";
    w->opened++;
    w->failed = false;
    w->store = NULL;
    return store_open(&(struct store_opts){.dir = w->opts->dir}, &w->store, why) == YD_OK &&
           read_rooms(w);
}

static void append(struct writer *w, uint32_t room)
{
    char name[16];
    struct yd_buf update;
    yd_buf_init(&update, heap_alloc(), SIZE_MAX / 2);
    update_make(&update, room, w->appended.of[room] + 1);
    if (store_append(w->store, room_name(room, name), yd_buf_slice(&update)) == YD_OK) {
        w->appended.of[room]++;
    } else {
        w->failed = true; // memory
    }
    yd_buf_deinit(&update);
}

static void snapshot(struct writer *w, uint32_t room)
{
    char name[16];
    uint32_t n = w->appended.of[room], size = random_next(&w->random) % 20000;
    uint32_t dice = random_next(&w->random);
    if (n == 0) return;
    if (w->opts->large && dice % 5 == 0) size = 300000 + random_next(&w->random) % 3000000;
    struct yd_buf bytes;
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    make(&bytes, 'S', room, n, size);
    enum store_snapshot kind = dice % 2 == 0 ? STORE_BASE : STORE_DELTA;
    // Half of the rooms keep their updates.
    struct store_keep keep = {.updates = 40};
    yd_err err = room % 2 == 0
                     ? store_snapshot(w->store, room_name(room, name), kind, &bytes)
                     : store_snapshot_keep(w->store, room_name(room, name), kind, &bytes, &keep);
    if (err != YD_OK) w->failed = true;
    yd_buf_deinit(&bytes);
}

/* All that is stored of a room is replaced by a snapshot of it, and it is read again; or it is
 * deleted, and undeleted. What was confirmed stays confirmed. */
static void manage(struct writer *w, uint32_t room)
{
    char name[16];
    struct store_event ev = {0};
    uint32_t n = w->appended.of[room], dice = random_next(&w->random);
    if (n == 0) return;
    struct yd_buf bytes;
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    make(&bytes, 'S', room, n, dice % 3 == 0 && w->opts->large ? 2500000 : dice % 9000);
    struct store_replace opts = {0};
    yd_err err = YD_OK;
    if (dice % 2 == 0) {
        err = store_replace(w->store, room_name(room, name), &bytes, &opts, 1);
    } else {
        err = store_erase(w->store, room_name(room, name), STORE_DELETE, UINT64_MAX / 4, 1);
        if (err == YD_OK) {
            err = store_erase(w->store, room_name(room, name), STORE_UNDELETE, 0, 1);
        }
        if (err == YD_OK && wait_for(w, STORE_EV_CHANGED, &ev)) store_event_deinit(&ev);
    }
    yd_buf_deinit(&bytes);
    if (err == YD_OK && !w->failed && wait_for(w, STORE_EV_CHANGED, &ev)) {
        store_event_deinit(&ev);
        acknowledge(w); // the batch being built was submitted before
        err = store_load(w->store, room_name(room, name), room);
        if (err == YD_OK && wait_for(w, STORE_EV_LOADED, &ev)) store_event_deinit(&ev);
    }
    if (err != YD_OK) w->failed = true;
}

static bool erase_room(struct writer *w, yd_slice name)
{
    struct store_event ev = {0};
    struct yd_buf update;
    yd_buf_init(&update, heap_alloc(), SIZE_MAX / 2);
    update_make(&update, GONE, w->acked.of[GONE] + 1);
    yd_err err = store_append(w->store, name, yd_buf_slice(&update));
    yd_buf_deinit(&update);
    if (err != YD_OK || store_erase(w->store, name, STORE_ERASE, 0, 1) != YD_OK) return false;
    if (!wait_for(w, STORE_EV_CHANGED, &ev)) return false;
    store_event_deinit(&ev);
    return true;
}

/* A room comes and is erased for good, and free pages go back to the file system. */
static void tidy(struct writer *w)
{
    char name[24];
    uint32_t pair[2] = {GONE, w->acked.of[GONE] + 1};
    int len = snprintf(name, sizeof name, "gone-%u", pair[1]);
    struct store_event ev = {0};
    if (!erase_room(w, (yd_slice){(const uint8_t *)name, (size_t)len})) {
        w->failed = true;
        return;
    }
    w->acked.of[GONE] = pair[1];
    if (write(w->acks, pair, sizeof pair) != sizeof pair) abort();
    if (store_shrink(w->store, 4, 1) != YD_OK) w->failed = true;
    if (!w->failed && wait_for(w, STORE_EV_CHANGED, &ev)) store_event_deinit(&ev);
}

static void one_commit(struct writer *w)
{
    uint32_t updates = 1 + random_next(&w->random) % 6;
    for (uint32_t i = 0; i < updates && !w->failed; i++) {
        append(w, random_next(&w->random) % ROOMS);
    }
    // Whatever was appended is in one batch, whoever submits it.
    if (random_next(&w->random) % 3 == 0) snapshot(w, random_next(&w->random) % ROOMS);
    if (!w->failed && random_next(&w->random) % 17 == 0) {
        manage(w, random_next(&w->random) % ROOMS);
        return;
    }
    store_submit(w->store);
    struct store_event ev = {0};
    if (!w->failed && wait_for(w, STORE_EV_DURABLE, &ev)) acknowledge(w);
    store_event_deinit(&ev);
    if (!w->failed && random_next(&w->random) % 20 == 0) tidy(w);
}

int writer_run(const struct writer_opts *opts)
{
    struct writer w = {.opts = opts, .random = opts->seed * 7919 + 1};
    w.acks = open(opts->acks, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (w.acks < 0) return 9;
    bool is_open = writer_open(&w);
    for (uint32_t i = 1; i <= opts->commits && is_open; i++) {
        one_commit(&w);
        // After a failure once more, as a server does when it is started again.
        if (w.failed && w.opened > 3 + (int)opts->commits / 50) break;
        if (!w.failed && i % 50 != 25) continue;
        store_close(w.store);
        is_open = writer_open(&w);
        if (!is_open && w.opened <= 3) {
            store_close(w.store);
            is_open = writer_open(&w);
        }
    }
    if (opts->close || !is_open) store_close(w.store);
    return is_open && !w.failed ? 0 : 3;
}
