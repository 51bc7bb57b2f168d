/* A member's budget of presence: docs/room-rules.md R70, R71. */
#include <stdio.h>

#include "room_world.h"

static void announces(struct world *w, uint32_t member, uint8_t client, uint8_t clock, int n)
{
    static uint8_t bytes[64];
    int len = snprintf((char *)bytes + 4, sizeof bytes - 4, "{\"n\":%d}", n);
    bytes[0] = 1;
    bytes[1] = client;
    bytes[2] = clock;
    bytes[3] = (uint8_t)len;
    says(w, member, ROOM_MSG_AWARENESS, (yd_slice){bytes, 4 + (size_t)len});
}

static void removes(struct world *w, uint32_t member, uint8_t client, uint8_t clock)
{
    const uint8_t bytes[] = {1, client, clock, 4, 'n', 'u', 'l', 'l'};
    says(w, member, ROOM_MSG_AWARENESS, (yd_slice){bytes, sizeof bytes});
}

static bool is_ignored_for(const struct world *w, enum room_cause cause)
{
    for (size_t i = 0; i < w->fx.count; i++) {
        const struct room_effect *e = &w->fx.list[i];
        if (e->kind == ROOM_FX_IGNORED && e->cause == cause) return true;
    }
    return false;
}

/* The number in the one state that a tick tells; -1: there is nothing to tell. */
static int told(struct world *w)
{
    if (!room_wants_tick(w->room)) return -1;
    happens(w, ROOM_EV_TICK);
    assert_int_equal(w->fx.count, 1);
    yd_slice bytes = effect(w, 0)->bytes;
    char text[64] = "";
    int n = -2;
    assert_true(bytes.len > 4 && bytes.len < sizeof text);
    memcpy(text, bytes.ptr + 4, bytes.len - 4);
    if (sscanf(text, "{\"n\":%d}", &n) != 1) n = -2;
    return n;
}

static void begin(struct world *w, struct room_opts opts)
{
    world_begin(w, opts);
    w->now_ms = 1000000;
    joins(w, 0, ROOM_WRITE);
    joins(w, 1, ROOM_WRITE);
}

static void r70_client_ids_of_one_member(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct room_opts){.member_clients_max = 2});
    announces(&w, 0, 1, 1, 1);
    announces(&w, 0, 2, 1, 1);
    announces(&w, 0, 3, 1, 1);
    assert_true(is_ignored_for(&w, ROOM_CAUSE_STATE_CLIENTS));
    announces(&w, 0, 2, 2, 2); // its own go on
    assert_false(is_ignored_for(&w, ROOM_CAUSE_STATE_CLIENTS));
    announces(&w, 1, 4, 1, 1); // others have their own number
    assert_false(is_ignored_for(&w, ROOM_CAUSE_STATE_CLIENTS));
    announces(&w, 0, 4, 2, 2); // nor may it take over what another has brought
    assert_true(is_ignored_for(&w, ROOM_CAUSE_STATE_CLIENTS));
    removes(&w, 0, 1, 2);
    announces(&w, 0, 3, 1, 1);
    assert_false(is_ignored_for(&w, ROOM_CAUSE_STATE_CLIENTS));
    world_end(&w);
}

static void r71_newest_state_is_told_at_the_rate(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct room_opts){.member_states_per_s = 10});
    int ticks = 0, last = 0, n = 0;
    uint8_t clock = 0;
    // A new state each 10 ms, and a tick behind each: 100 a second for a second and a fifth.
    for (; n < 120; n++, w.now_ms += 10) {
        announces(&w, 0, 7, ++clock, n);
        int t = told(&w);
        if (t < 0) continue;
        assert_int_equal(t, n); // never an older one
        ticks++;
        last = n;
    }
    assert_true(ticks >= 20 && ticks <= 24); // those of the burst, and ten a second
    assert_true(last < 119);
    assert_false(room_wants_tick(w.room));
    // Nothing more comes: the timer has the last one told.
    assert_true(room_due(w.room) <= w.now_ms + 200);
    timer_at(&w, w.now_ms + 200);
    assert_int_equal(told(&w), 119);
    timer_at(&w, w.now_ms + 1000);
    assert_false(room_wants_tick(w.room));
    world_end(&w);
}

static void r71_what_is_replaced_is_counted(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct room_opts){.member_states_per_s = 2});
    announces(&w, 0, 7, 1, 1);
    announces(&w, 0, 7, 2, 2); // in the same tick: costs nothing
    assert_int_equal(told(&w), 2);
    announces(&w, 0, 7, 3, 3);
    assert_int_equal(told(&w), 3);
    announces(&w, 0, 7, 4, 4);
    assert_false(is_ignored_for(&w, ROOM_CAUSE_STATE_PACE));
    assert_int_equal(told(&w), -1);
    announces(&w, 0, 7, 5, 5);
    assert_true(is_ignored_for(&w, ROOM_CAUSE_STATE_PACE));
    // Who joins now is sent the newest, and others are not slowed by this one.
    joins(&w, 2, ROOM_READ);
    assert_int_equal(effect(&w, 1)->message, ROOM_MSG_AWARENESS);
    assert_non_null(memchr(effect(&w, 1)->bytes.ptr, '5', effect(&w, 1)->bytes.len));
    announces(&w, 1, 8, 1, 9);
    assert_int_equal(told(&w), 9);
    // What has been said enough is not kept from being said again later.
    w.now_ms += 500;
    announces(&w, 0, 7, 6, 6);
    assert_int_equal(told(&w), 6);
    world_end(&w);
}

static void r71_removals_do_not_wait(void **state)
{
    (void)state;
    struct world w;
    begin(&w, (struct room_opts){.member_states_per_s = 1});
    announces(&w, 0, 7, 1, 1);
    assert_int_equal(told(&w), 1);
    announces(&w, 0, 7, 2, 2);
    assert_int_equal(told(&w), -1);
    removes(&w, 0, 7, 3);
    assert_true(room_wants_tick(w.room));
    happens(&w, ROOM_EV_TICK);
    announces(&w, 0, 7, 4, 4);
    assert_int_equal(told(&w), -1);
    leaves(&w, 0);
    assert_true(room_wants_tick(w.room));
    happens(&w, ROOM_EV_TICK);
    timer_at(&w, w.now_ms + 5000);
    assert_false(room_wants_tick(w.room));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r70_client_ids_of_one_member),
        cmocka_unit_test(r71_newest_state_is_told_at_the_rate),
        cmocka_unit_test(r71_what_is_replaced_is_counted),
        cmocka_unit_test(r71_removals_do_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
