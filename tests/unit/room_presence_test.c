/* Presence in a room: docs/room-rules.md R8..R15. */
#include "room_world.h"

/* One entry: client and clock below 128, state a short literal. */
static yd_slice entry(uint8_t client, uint8_t clock, const char *json)
{
    static uint8_t bytes[200];
    size_t len = strlen(json);
    assert_true(len < 100);
    bytes[0] = 1;
    bytes[1] = client;
    bytes[2] = clock;
    bytes[3] = (uint8_t)len;
    memcpy(bytes + 4, json, len);
    return (yd_slice){bytes, 4 + len};
}

static void announces(struct world *w, uint32_t member, uint8_t client, uint8_t clock,
                      const char *json)
{
    says(w, member, ROOM_MSG_AWARENESS, entry(client, clock, json));
}

/* Two members; client 7 of member 0 is present at clock 2 and all is told. */
static void two_and_presence(struct world *w, struct room_opts opts)
{
    world_begin(w, opts);
    joins(w, 0, ROOM_WRITE);
    joins(w, 1, ROOM_WRITE);
    announces(w, 0, 7, 1, "{}");
    announces(w, 0, 7, 2, "{\"a\":1}");
    happens(w, ROOM_EV_TICK);
    assert_int_equal(w->fx.count, 1);
    assert_sends(w, 0, ROOM_TO_ALL, ROOM_MSG_AWARENESS, entry(7, 2, "{\"a\":1}"));
    assert_false(room_wants_tick(w->room));
}

static void r8_stale_echo_is_dropped(void **state)
{
    (void)state;
    struct world w;
    two_and_presence(&w, (struct room_opts){0});
    announces(&w, 1, 7, 2, "{\"a\":1}");
    assert_int_equal(w.fx.count, 0);
    announces(&w, 1, 7, 1, "null");
    assert_int_equal(w.fx.count, 0);
    announces(&w, 1, 7, 2, "not JSON, but nobody looks");
    assert_int_equal(w.fx.count, 0);
    assert_false(room_wants_tick(w.room));
    world_end(&w);
}

static void r8_removal_at_equal_clock_is_accepted(void **state)
{
    (void)state;
    struct world w;
    two_and_presence(&w, (struct room_opts){0});
    announces(&w, 0, 7, 2, " null ");
    happens(&w, ROOM_EV_TICK);
    assert_sends(&w, 0, ROOM_TO_ALL, ROOM_MSG_AWARENESS, entry(7, 2, "null"));
    announces(&w, 0, 7, 2, "null"); // twice is nothing new
    assert_false(room_wants_tick(w.room));
    world_end(&w);
}

static void r8_unknown_client_counts_as_clock_0(void **state)
{
    (void)state;
    struct world w;
    two_and_presence(&w, (struct room_opts){0});
    announces(&w, 1, 8, 0, "{}");
    assert_int_equal(w.fx.count, 0);
    announces(&w, 1, 9, 5, "null");
    assert_int_equal(w.fx.count, 0);
    assert_false(room_wants_tick(w.room));
    announces(&w, 1, 8, 1, "{}");
    assert_true(room_wants_tick(w.room));
    world_end(&w);
}

static void r9_a_tick_sends_the_newest_of_each_client(void **state)
{
    (void)state;
    struct world w;
    two_and_presence(&w, (struct room_opts){0});
    announces(&w, 0, 7, 3, "1");
    announces(&w, 1, 8, 1, "2");
    announces(&w, 0, 7, 4, "3");
    happens(&w, ROOM_EV_TICK);
    assert_int_equal(w.fx.count, 1);
    assert_sends(&w, 0, ROOM_TO_ALL, ROOM_MSG_AWARENESS, BYTES(2, 7, 4, 1, '3', 8, 1, 1, '2'));
    assert_int_equal(effect(&w, 0)->gate_seq, 0);
    happens(&w, ROOM_EV_TICK);
    assert_int_equal(w.fx.count, 0);
    world_end(&w);
}

static void r9_who_is_alone_hears_nothing_of_itself(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    announces(&w, 0, 7, 0, "{}");
    announces(&w, 0, 7, 1, "{}");
    happens(&w, ROOM_EV_TICK);
    assert_int_equal(w.fx.count, 0);
    joins(&w, 1, ROOM_WRITE);
    assert_sends(&w, 1, ROOM_TO_ONE, ROOM_MSG_AWARENESS, entry(7, 1, "{}"));
    world_end(&w);
}

static void r10_leaving_removes_what_a_member_sent_last(void **state)
{
    (void)state;
    struct world w;
    two_and_presence(&w, (struct room_opts){0});
    announces(&w, 0, 8, 1, "1");
    announces(&w, 1, 8, 2, "2"); // another socket took it over
    happens(&w, ROOM_EV_TICK);
    leaves(&w, 0);
    assert_int_equal(w.fx.count, 0);
    happens(&w, ROOM_EV_TICK);
    assert_sends(&w, 0, ROOM_TO_ALL, ROOM_MSG_AWARENESS, entry(7, 2, "null"));
    world_end(&w);
}

static void r11_reconnect_after_the_end_of_the_old_socket(void **state)
{
    (void)state;
    struct world w;
    two_and_presence(&w, (struct room_opts){0});
    leaves(&w, 0);
    happens(&w, ROOM_EV_TICK);
    joins(&w, 0, ROOM_WRITE); // the host gives the number out again
    announces(&w, 0, 7, 2, "{\"a\":1}");
    assert_int_equal(w.fx.count, 1);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_AWARENESS, entry(7, 2, "null"));
    assert_int_equal(effect(&w, 0)->member, 0);
    assert_false(room_wants_tick(w.room));
    announces(&w, 0, 7, 3, "{\"a\":1}"); // as stock clients answer
    happens(&w, ROOM_EV_TICK);
    assert_sends(&w, 0, ROOM_TO_ALL, ROOM_MSG_AWARENESS, entry(7, 3, "{\"a\":1}"));
    world_end(&w);
}

static void r11_reconnect_before_the_end_of_the_old_socket(void **state)
{
    (void)state;
    struct world w;
    two_and_presence(&w, (struct room_opts){0});
    joins(&w, 2, ROOM_WRITE);
    announces(&w, 2, 7, 2, "{\"a\":1}"); // the same clock: an echo, the old socket is still owner
    assert_int_equal(w.fx.count, 0);
    leaves(&w, 0); // now the old one is found dead
    happens(&w, ROOM_EV_TICK);
    // The owner is told by the broadcast itself, and answers as to a nudge.
    assert_sends(&w, 0, ROOM_TO_ALL, ROOM_MSG_AWARENESS, entry(7, 2, "null"));
    announces(&w, 2, 7, 3, "{\"a\":1}");
    happens(&w, ROOM_EV_TICK);
    assert_sends(&w, 0, ROOM_TO_ALL, ROOM_MSG_AWARENESS, entry(7, 3, "{\"a\":1}"));
    world_end(&w);
}

static void r11_late_echo_of_an_older_member_is_dropped(void **state)
{
    (void)state;
    struct world w;
    two_and_presence(&w, (struct room_opts){0});
    leaves(&w, 0);
    announces(&w, 1, 7, 2, "{\"a\":1}");
    assert_int_equal(w.fx.count, 0);
    happens(&w, ROOM_EV_TICK);
    assert_sends(&w, 0, ROOM_TO_ALL, ROOM_MSG_AWARENESS, entry(7, 2, "null"));
    world_end(&w);
}

static void r11_many_in_one_message_are_one_nudge(void **state)
{
    (void)state;
    struct world w;
    two_and_presence(&w, (struct room_opts){0});
    leaves(&w, 0);
    joins(&w, 0, ROOM_WRITE);
    uint8_t bytes[3 + 100 * 4] = {100};
    for (size_t i = 0; i < 100; i++) memcpy(bytes + 1 + i * 4, (uint8_t[]){7, 2, 1, '1'}, 4);
    says(&w, 0, ROOM_MSG_AWARENESS, (yd_slice){bytes, 1 + 100 * 4});
    assert_int_equal(w.fx.count, 1);
    assert_int_equal(effect(&w, 0)->bytes.ptr[0], 64);
    assert_int_equal(effect(&w, 0)->bytes.len, 1 + 64 * (3 + 4));
    world_end(&w);
}

static void r12_first_sight_is_nudged(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    joins(&w, 1, ROOM_WRITE);
    announces(&w, 0, 7, 5, "{}");
    assert_int_equal(w.fx.count, 1);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_AWARENESS, entry(7, 5, "null"));
    happens(&w, ROOM_EV_TICK);
    assert_sends(&w, 0, ROOM_TO_ALL, ROOM_MSG_AWARENESS, entry(7, 5, "{}"));
    announces(&w, 0, 8, 5, "{}"); // not its first message
    assert_int_equal(w.fx.count, 0);
    // Five unknown clients in the first message: four of them.
    says(&w, 1, ROOM_MSG_AWARENESS,
         BYTES(5, 11, 1, 1, '1', 12, 1, 1, '1', 13, 1, 1, '1', 14, 1, 1, '1', 15, 1, 1, '1'));
    assert_int_equal(w.fx.count, 1);
    assert_int_equal(effect(&w, 0)->bytes.ptr[0], 4);
    world_end(&w);
}

static void r13_silent_owner_is_asked(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.keepalive_ms = 1000000});
    w.now_ms = 5000;
    joins(&w, 0, ROOM_WRITE);
    announces(&w, 0, 7, 0, "{}");
    announces(&w, 0, 7, 1, "{}");
    assert_int_equal(room_due(w.room), 25000);
    timer_at(&w, 25000);
    assert_int_equal(w.fx.count, 0); // alone: nobody hides it
    joins(&w, 1, ROOM_WRITE);
    timer_at(&w, 44900);
    assert_int_equal(w.fx.count, 0);
    timer_at(&w, 45000);
    assert_int_equal(w.fx.count, 1);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_AWARENESS, entry(7, 1, "null"));
    assert_int_equal(effect(&w, 0)->member, 0);
    announces(&w, 0, 7, 2, "{}");
    timer_at(&w, 60000);
    announces(&w, 0, 7, 3, "{}"); // a heartbeat every 15 s is never asked
    timer_at(&w, 79900);
    assert_int_equal(w.fx.count, 0);
    world_end(&w);
}

static void r14_bad_states_are_ignored_once(void **state)
{
    (void)state;
    struct world w;
    two_and_presence(&w, (struct room_opts){.awareness_state_max = 10});
    announces(&w, 0, 7, 3, "{\"a\":}");
    assert_ignored(&w, 0);
    announces(&w, 0, 7, 3, "\"123456789\"");
    assert_ignored(&w, 0);
    announces(&w, 0, 7, 3, "\"12345678\"");
    assert_int_equal(w.fx.count, 0);
    says(&w, 0, ROOM_MSG_AWARENESS, BYTES(3, 7, 4, 1, '}', 7, 4, 0, 8, 1, 1, '{'));
    assert_ignored(&w, 0);
    world_end(&w);
}

static void r14_broken_message_is_ignored_whole(void **state)
{
    (void)state;
    struct world w;
    two_and_presence(&w, (struct room_opts){0});
    says(&w, 0, ROOM_MSG_AWARENESS, BYTES(2, 7, 3, 1, '1', 8, 1));
    assert_ignored(&w, 0);
    says(&w, 0, ROOM_MSG_AWARENESS, YD_EMPTY);
    assert_ignored(&w, 0);
    says(&w, 0, ROOM_MSG_AWARENESS, // a clock that cannot be counted up
         BYTES(1, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, '1'));
    assert_ignored(&w, 0);
    assert_false(room_wants_tick(w.room));
    world_end(&w);
}

static void r14_full_table_keeps_who_is_here(void **state)
{
    (void)state;
    struct world w;
    two_and_presence(&w, (struct room_opts){.awareness_clients_max = 3});
    announces(&w, 0, 8, 1, "1");
    announces(&w, 0, 9, 1, "1");
    announces(&w, 0, 10, 1, "1");
    assert_ignored(&w, 0);
    announces(&w, 0, 9, 1, "null");
    announces(&w, 0, 8, 1, "null");
    announces(&w, 0, 10, 1, "1"); // nobody has been told of the removals yet
    assert_ignored(&w, 0);
    happens(&w, ROOM_EV_TICK);
    announces(&w, 0, 10, 1, "1"); // in the place of 9
    assert_int_equal(w.fx.count, 0);
    joins(&w, 2, ROOM_WRITE);
    announces(&w, 2, 8, 1, "1"); // 8 is still known as removed
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_AWARENESS, entry(8, 1, "null"));
    world_end(&w);
}

static void r14_many_clients_come_and_go(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.awareness_clients_max = 50});
    joins(&w, 0, ROOM_WRITE);
    joins(&w, 1, ROOM_WRITE);
    for (uint32_t i = 0; i < 2000; i++) {
        uint8_t client_lo = (uint8_t)(0x80 | (i * 37 & 0x7f)), client_hi = (uint8_t)(i >> 4 & 0x7f);
        says(&w, i % 2, ROOM_MSG_AWARENESS, BYTES(1, client_lo, client_hi, 1, 1, '1'));
        if (i % 3 != 0) {
            says(&w, i % 2, ROOM_MSG_AWARENESS,
                 BYTES(1, client_lo, client_hi, 1, 4, 'n', 'u', 'l', 'l'));
        }
        if (i % 5 == 0) happens(&w, ROOM_EV_TICK);
        if (i % 90 == 89) {
            leaves(&w, i / 90 % 2);
            joins(&w, i / 90 % 2, ROOM_WRITE);
        }
    }
    world_end(&w);
}

static void r15_silent_member_is_kept_alive(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.keepalive_ms = 2000});
    w.now_ms = 1000;
    joins(&w, 0, ROOM_WRITE);
    w.now_ms = 2000;
    joins(&w, 1, ROOM_WRITE);
    assert_int_equal(room_due(w.room), 3000);
    timer_at(&w, 3000);
    assert_int_equal(w.fx.count, 1);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_AWARENESS, BYTES(0));
    assert_int_equal(effect(&w, 0)->member, 0);
    assert_int_equal(room_due(w.room), 4000);
    w.now_ms = 3500;
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI); // goes to all
    timer_at(&w, 5400);
    assert_int_equal(w.fx.count, 0);
    timer_at(&w, 5500);
    assert_int_equal(w.fx.count, 2);
    world_end(&w);
}

/* A host that was put to sleep with its sockets open: what it kept of a member brings it back. */
static void r57_who_was_in_is_back_and_nobody_is_told(void **state)
{
    (void)state;
    struct world w;
    uint8_t bytes[256];
    struct yd_buf kept;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_AWARENESS, BYTES(2, 7, 3, 2, '{', '}', 9, 4, 1, '1'));
    yd_buf_init(&kept, world_alloc(&w), sizeof bytes);
    assert_int_equal(room_presence_of(w.room, 0, &kept), YD_OK);
    assert_int_equal(room_presence_of(w.room, 1, &kept), YD_ESTATE);
    assert_bytes(yd_buf_slice(&kept), BYTES(2, 7, 3, 2, '{', '}', 9, 4, 1, '1'));
    memcpy(bytes, kept.ptr, kept.len);
    yd_slice presence = {bytes, kept.len};
    yd_buf_deinit(&kept);
    world_end(&w);

    world_begin(&w, (struct room_opts){0});
    world_step(&w, (struct room_event){.kind = ROOM_EV_RESUME, .member = 0, .bytes = presence});
    assert_int_equal(w.fx.count, 0);
    assert_false(room_wants_tick(w.room));
    // Its next word is no first one, and an echo of what it said is stale.
    says(&w, 0, ROOM_MSG_AWARENESS, BYTES(1, 7, 3, 2, '{', '}'));
    assert_int_equal(w.fx.count, 0);
    joins(&w, 1, ROOM_WRITE);
    assert_int_equal(w.fx.count, 2);
    assert_sends(&w, 1, ROOM_TO_ONE, ROOM_MSG_AWARENESS, presence);
    leaves(&w, 0);
    happens(&w, ROOM_EV_TICK);
    assert_sends(&w, 0, ROOM_TO_ALL, ROOM_MSG_AWARENESS,
                 BYTES(2, 7, 3, 4, 'n', 'u', 'l', 'l', 9, 4, 4, 'n', 'u', 'l', 'l'));
    world_end(&w);
}

static void r57_what_cannot_be_read_of_it_is_left_out(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    world_step(&w,
               (struct room_event){.kind = ROOM_EV_RESUME, .member = 0, .bytes = BYTES(5, 1, 2)});
    world_step(&w, (struct room_event){.kind = ROOM_EV_RESUME,
                                       .member = 1,
                                       .bytes = BYTES(2, 7, 3, 1, '?', 8, 3, 1, '1')});
    joins(&w, 2, ROOM_WRITE);
    assert_sends(&w, 1, ROOM_TO_ONE, ROOM_MSG_AWARENESS, BYTES(1, 8, 3, 1, '1'));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r8_stale_echo_is_dropped),
        cmocka_unit_test(r8_removal_at_equal_clock_is_accepted),
        cmocka_unit_test(r8_unknown_client_counts_as_clock_0),
        cmocka_unit_test(r9_a_tick_sends_the_newest_of_each_client),
        cmocka_unit_test(r9_who_is_alone_hears_nothing_of_itself),
        cmocka_unit_test(r10_leaving_removes_what_a_member_sent_last),
        cmocka_unit_test(r11_reconnect_after_the_end_of_the_old_socket),
        cmocka_unit_test(r11_reconnect_before_the_end_of_the_old_socket),
        cmocka_unit_test(r11_late_echo_of_an_older_member_is_dropped),
        cmocka_unit_test(r11_many_in_one_message_are_one_nudge),
        cmocka_unit_test(r12_first_sight_is_nudged),
        cmocka_unit_test(r13_silent_owner_is_asked),
        cmocka_unit_test(r14_bad_states_are_ignored_once),
        cmocka_unit_test(r14_broken_message_is_ignored_whole),
        cmocka_unit_test(r14_full_table_keeps_who_is_here),
        cmocka_unit_test(r14_many_clients_come_and_go),
        cmocka_unit_test(r15_silent_member_is_kept_alive),
        cmocka_unit_test(r57_who_was_in_is_back_and_nobody_is_told),
        cmocka_unit_test(r57_what_cannot_be_read_of_it_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
