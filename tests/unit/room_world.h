/* room_world.h - a room with a counting heap and short ways to say what happens to it; for the unit
 * tests of the room. */
#ifndef TESTS_ROOM_WORLD_H
#define TESTS_ROOM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "room/room.h"

struct heap {
    size_t live;      /* bytes */
    uint64_t calls;   /* that asked for memory */
    uint64_t fail_at; /* this call and all after it are refused; 0: none */
    bool fails_once;  /* this call alone */
};

static inline void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct heap *heap = ctx;
    if (new_size == 0) {
        heap->live -= old_size;
        free(ptr);
        return NULL;
    }
    if (new_size > old_size) {
        heap->calls++;
        bool refused = heap->fails_once ? heap->calls == heap->fail_at
                                        : heap->fail_at != 0 && heap->calls >= heap->fail_at;
        if (refused) return NULL;
    }
    void *moved = realloc(ptr, new_size);
    if (moved != NULL) heap->live += new_size - old_size;
    return moved;
}

struct world {
    struct heap heap;
    struct room *room;
    struct room_effects fx;
    uint64_t now_ms;
};

static inline yd_alloc world_alloc(struct world *w) { return (yd_alloc){heap_resize, &w->heap}; }

static inline void world_begin(struct world *w, struct room_opts opts)
{
    memset(w, 0, sizeof *w);
    assert_int_equal(room_new(world_alloc(w), &opts, &w->room), YD_OK);
}

static inline void world_end(struct world *w)
{
    room_check(w->room);
    room_free(w->room);
    assert_int_equal(w->heap.live, 0);
}

static inline yd_err world_try(struct world *w, struct room_event ev)
{
    ev.now_ms = w->now_ms;
    if (ev.bytes.ptr == NULL) ev.bytes = YD_EMPTY;
    return room_step(w->room, &ev, &w->fx);
}

static inline void world_step(struct world *w, struct room_event ev)
{
    assert_int_equal(world_try(w, ev), YD_OK);
    room_check(w->room);
}

static inline void joins(struct world *w, uint32_t member, enum room_right right)
{
    world_step(w, (struct room_event){.kind = ROOM_EV_JOIN, .member = member, .right = right});
}

static inline void leaves(struct world *w, uint32_t member)
{
    world_step(w, (struct room_event){.kind = ROOM_EV_LEAVE, .member = member});
}

static inline void says(struct world *w, uint32_t member, enum room_message message, yd_slice bytes)
{
    world_step(w,
               (struct room_event){
                   .kind = ROOM_EV_MESSAGE, .member = member, .message = message, .bytes = bytes});
}

static inline void happens(struct world *w, enum room_event_kind kind)
{
    world_step(w, (struct room_event){.kind = kind});
}

/* Lets time pass to when the room wants it, and gives it its timer. */
static inline void timer_at(struct world *w, uint64_t now_ms)
{
    w->now_ms = now_ms;
    happens(w, ROOM_EV_TIMER);
}

static inline const struct room_effect *effect(const struct world *w, size_t i)
{
    assert_true(i < w->fx.count);
    return &w->fx.list[i];
}

static inline void assert_bytes(yd_slice got, yd_slice want)
{
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.ptr, want.ptr, want.len);
}

static inline void assert_sends(const struct world *w, size_t i, enum room_target to,
                                enum room_message message, yd_slice bytes)
{
    assert_int_equal(effect(w, i)->kind, ROOM_FX_SEND);
    assert_int_equal(effect(w, i)->to, to);
    assert_int_equal(effect(w, i)->message, message);
    assert_bytes(effect(w, i)->bytes, bytes);
}

static inline void assert_ignored(const struct world *w, uint32_t member)
{
    assert_int_equal(w->fx.count, 1);
    assert_int_equal(effect(w, 0)->kind, ROOM_FX_IGNORED);
    assert_int_equal(effect(w, 0)->member, member);
    assert_non_null(effect(w, 0)->why);
}

#define BYTES(...)                                                                                 \
    ((yd_slice){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})

/* Updates as Yjs makes them: client 1 types "hi" into the text "t"; client 2 types "!" behind it;
 * the "h" is deleted; client 1 types at clock 5 behind its clock 4, which nobody has. */
#define UPDATE_HI   BYTES(1, 1, 1, 0, 4, 1, 1, 't', 2, 'h', 'i', 0)
#define UPDATE_BANG BYTES(1, 1, 2, 0, 0x84, 1, 1, 1, '!', 0)
#define UPDATE_DEL  BYTES(0, 1, 1, 1, 0, 1)
#define UPDATE_GAP  BYTES(1, 1, 1, 5, 0x84, 1, 4, 1, 'x', 0)
/* "hi" and "?" behind it in one update of client 1, and what is new in it for who has "hi". */
#define UPDATE_HI_Q BYTES(1, 2, 1, 0, 4, 1, 1, 't', 2, 'h', 'i', 0x84, 1, 1, 1, '?', 0)
#define UPDATE_Q    BYTES(1, 1, 1, 2, 0x84, 1, 1, 1, '?', 0)

#endif
