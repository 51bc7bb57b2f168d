/* Memory of a room: docs/room-rules.md R22, R23. */
#include "room_world.h"

#define STATE(client, clock) BYTES(1, client, clock, 2, '{', '}')

static void say(uint64_t *said, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++) *said = (*said ^ at[i]) * 1099511628211u; // FNV-1a
}

/* All that was to be done, as one number. */
static void effects_say(uint64_t *said, const struct room_effects *fx)
{
    for (size_t i = 0; i < fx->count; i++) {
        const struct room_effect *e = &fx->list[i];
        const uint64_t parts[] = {e->kind,    e->to,  e->member,   e->close_code,
                                  e->message, e->seq, e->gate_seq, e->bytes.len};
        say(said, parts, sizeof parts);
        say(said, e->bytes.ptr, e->bytes.len);
    }
}

/* Everything that a room does, once; ends at the first error. */
static yd_err play(struct world *w, uint64_t *said)
{
    const struct room_identity who = {YD_LITERAL("u1"), YD_LITERAL("Ann"), YD_EMPTY};
    const struct room_event script[] = {
        {.kind = ROOM_EV_LOAD, .bytes = UPDATE_HI},
        {.kind = ROOM_EV_LOAD, .bytes = BYTES(1, 1, 5, 0, 4, 1, 1, 't', 1, 'x', 0)}, // two parts
        {.kind = ROOM_EV_JOIN, .member = 0, .right = ROOM_WRITE},
        {.kind = ROOM_EV_JOIN, .member = 9, .right = ROOM_WRITE, .identity = &who},
        {.kind = ROOM_EV_JOIN, .member = 3, .right = ROOM_READ, .identity = &who},
        {.kind = ROOM_EV_MESSAGE, .member = 3, .message = ROOM_MSG_UPDATE, .bytes = UPDATE_HI},
        {.kind = ROOM_EV_MESSAGE,
         .member = 9,
         .message = ROOM_MSG_AWARENESS,
         .bytes = STATE(12, 1)},
        {.kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_AWARENESS, .bytes = STATE(7, 1)},
        {.kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_AWARENESS, .bytes = STATE(8, 1)},
        {.kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_AWARENESS, .bytes = STATE(9, 1)},
        {.kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_AWARENESS, .bytes = STATE(10, 1)},
        {.kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_AWARENESS, .bytes = STATE(11, 1)},
        {.kind = ROOM_EV_TICK},
        {.kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_STEP1, .bytes = BYTES(0)},
        {.kind = ROOM_EV_BEHIND, .member = 0},
        {.kind = ROOM_EV_MESSAGE, .member = 3, .message = ROOM_MSG_STEP1, .bytes = BYTES(0)},
        {.kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_UPDATE, .bytes = UPDATE_DEL},
        {.kind = ROOM_EV_DRAINED, .member = 3},
        {.kind = ROOM_EV_DRAINED, .member = 3},
        {.kind = ROOM_EV_DRAINED, .member = 0},
        {.kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_UPDATE, .bytes = UPDATE_BANG},
        {.kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_STEP2, .bytes = UPDATE_HI_Q},
        {.kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_UPDATE, .bytes = UPDATE_GAP},
        {.kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_UPDATE, .bytes = BYTES(9)},
        {.kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_QUERY},
        {.kind = ROOM_EV_COMPACT},
        {.kind = ROOM_EV_MESSAGE, .message = ROOM_MSG_UPDATE, .bytes = UPDATE_DEL},
        {.kind = ROOM_EV_TIMER},
        {.kind = ROOM_EV_LEAVE, .member = 0},
        {.kind = ROOM_EV_TICK},
        {.kind = ROOM_EV_LEAVE, .member = 9},
    };
    const struct room_opts opts = {.part_bytes = 1};
    yd_err err = room_new(world_alloc(w), &opts, &w->room);
    if (err != YD_OK) return err;
    for (size_t i = 0; i < sizeof script / sizeof *script && err == YD_OK; i++) {
        w->now_ms += 3000;
        err = world_try(w, script[i]);
        if (err != YD_OK) assert_int_equal(w->fx.count, 0);
        effects_say(said, &w->fx);
    }
    return err;
}

static void r22_refused_memory_is_said_and_given_back(void **state)
{
    (void)state;
    struct world w = {0};
    uint64_t expected = 0;
    assert_int_equal(play(&w, &expected), YD_OK);
    room_free(w.room);
    assert_int_equal(w.heap.live, 0);
    uint64_t calls = w.heap.calls;
    assert_true(calls > 20);
    // What the engine would like to keep for next time it can do without: then nothing is
    // different.
    uint64_t refused = 0;
    for (uint64_t i = 1; i <= 2 * calls; i++) {
        uint64_t said = 0;
        w = (struct world){.heap.fail_at = (i + 1) / 2, .heap.fails_once = i % 2 == 0};
        yd_err err = play(&w, &said);
        if (err == YD_ENOMEM)
            refused++;
        else
            assert_true(err == YD_OK && said == expected);
        room_free(w.room);
        assert_int_equal(w.heap.live, 0);
    }
    assert_true(refused > 2 * calls * 9 / 10);
}

static void r23_a_relayed_update_is_not_copied(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    yd_slice update = UPDATE_HI;
    says(&w, 0, ROOM_MSG_UPDATE, update);
    assert_ptr_equal(effect(&w, 0)->bytes.ptr, update.ptr);
    assert_ptr_equal(effect(&w, 1)->bytes.ptr, update.ptr);
    world_end(&w);
}

static void r23_steady_state_allocates_nothing(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    joins(&w, 1, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_AWARENESS, STATE(7, 1));
    happens(&w, ROOM_EV_TICK);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    says(&w, 0, ROOM_MSG_STEP1, BYTES(0));
    says(&w, 0, ROOM_MSG_QUERY, YD_EMPTY);
    uint64_t calls = w.heap.calls;
    for (int i = 0; i < 100; i++) {
        says(&w, 1, ROOM_MSG_AWARENESS, STATE(7, 1)); // the echo
        says(&w, 1, ROOM_MSG_QUERY, YD_EMPTY);
        happens(&w, ROOM_EV_TICK);
    }
    assert_int_equal(w.heap.calls, calls);
    // A changed state is the one thing that is kept: one allocation each.
    for (uint8_t i = 2; i < 102; i++) {
        says(&w, 0, ROOM_MSG_AWARENESS, STATE(7, i));
        happens(&w, ROOM_EV_TICK);
    }
    assert_true(w.heap.calls <= calls + 100);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r22_refused_memory_is_said_and_given_back),
        cmocka_unit_test(r23_a_relayed_update_is_not_copied),
        cmocka_unit_test(r23_steady_state_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
