/* The document side of a room: docs/room-rules.md R1..R7, R16, R20, R21. */
#include "room_world.h"

#define NO_CLIENTS BYTES(0)
#define NO_UPDATE  BYTES(0, 0)

static void r1_join_sends_step1_and_presence(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    assert_int_equal(w.fx.count, 1);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_STEP1, NO_CLIENTS);
    assert_int_equal(effect(&w, 0)->gate_seq, 0);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    says(&w, 0, ROOM_MSG_AWARENESS, BYTES(1, 7, 1, 2, '{', '}'));

    joins(&w, 3, ROOM_READ);
    assert_int_equal(w.fx.count, 2);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_STEP1, BYTES(1, 1, 2));
    assert_sends(&w, 1, ROOM_TO_ONE, ROOM_MSG_AWARENESS, BYTES(1, 7, 1, 2, '{', '}'));
    assert_int_equal(effect(&w, 0)->member, 3);
    assert_int_equal(effect(&w, 1)->member, 3);
    assert_int_equal(room_member_count(w.room), 2);
    world_end(&w);
}

static void r2_step1_is_answered_behind_the_last_append(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_READ);
    says(&w, 0, ROOM_MSG_STEP1, NO_CLIENTS);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_STEP2, NO_UPDATE);
    assert_int_equal(effect(&w, 0)->gate_seq, 0);
    joins(&w, 1, ROOM_WRITE);
    says(&w, 1, ROOM_MSG_UPDATE, UPDATE_HI);
    says(&w, 0, ROOM_MSG_STEP1, NO_CLIENTS);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_STEP2, UPDATE_HI);
    assert_int_equal(effect(&w, 0)->gate_seq, 1);
    says(&w, 0, ROOM_MSG_STEP1, BYTES(1, 1, 2));
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_STEP2, NO_UPDATE);
    world_end(&w);
}

static void r2_malformed_state_vector_is_ignored(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_STEP1, BYTES(9, 1));
    assert_ignored(&w, 0);
    world_end(&w);
}

static void assert_append_and_relay(const struct world *w, uint64_t seq, yd_slice bytes)
{
    assert_int_equal(w->fx.count, 2);
    assert_int_equal(effect(w, 0)->kind, ROOM_FX_APPEND);
    assert_int_equal(effect(w, 0)->seq, seq);
    assert_bytes(effect(w, 0)->bytes, bytes);
    assert_sends(w, 1, ROOM_TO_ALL, ROOM_MSG_UPDATE, bytes);
    assert_int_equal(effect(w, 1)->gate_seq, seq);
}

static void r3_news_is_appended_and_relayed_once(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    joins(&w, 1, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    assert_append_and_relay(&w, 1, UPDATE_HI);
    says(&w, 1, ROOM_MSG_STEP2, UPDATE_BANG);
    assert_append_and_relay(&w, 2, UPDATE_BANG);
    says(&w, 1, ROOM_MSG_UPDATE, UPDATE_DEL);
    assert_append_and_relay(&w, 3, UPDATE_DEL);
    assert_int_equal(room_last_seq(w.room), 3);

    says(&w, 1, ROOM_MSG_UPDATE, UPDATE_HI);
    assert_int_equal(w.fx.count, 0);
    says(&w, 0, ROOM_MSG_STEP2, NO_UPDATE);
    assert_int_equal(w.fx.count, 0);
    assert_int_equal(room_last_seq(w.room), 3);
    world_end(&w);
}

static void r4_known_part_is_cut_out(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    says(&w, 0, ROOM_MSG_STEP2, UPDATE_HI_Q);
    assert_append_and_relay(&w, 2, UPDATE_Q);
    world_end(&w);
}

static void r4_parked_part_goes_on_as_it_came(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_GAP);
    assert_append_and_relay(&w, 1, UPDATE_GAP);
    // Client 2's "!" is known and new parts are parked in one update: the whole goes on.
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_BANG);
    const yd_slice mixed = BYTES(2, 1, 2, 0, 0x84, 1, 1, 1, '!', 1, 1, 9, 0x84, 1, 8, 1, 'y', 0);
    says(&w, 0, ROOM_MSG_UPDATE, mixed);
    assert_append_and_relay(&w, 4, mixed);
    world_end(&w);
}

static void r5_malformed_update_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_UPDATE, BYTES(1, 1, 1, 0, 4, 1));
    assert_ignored(&w, 0);
    says(&w, 0, ROOM_MSG_STEP2, YD_EMPTY);
    assert_ignored(&w, 0);
    assert_int_equal(room_last_seq(w.room), 0);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    assert_append_and_relay(&w, 1, UPDATE_HI);
    world_end(&w);
}

/* As a later Yjs may have it. What stands before it is not taken either. */
static void r5_content_of_an_unknown_kind_is_refused_whole(void **state)
{
    (void)state;
    for (uint8_t kind = 11; kind < 32; kind++) {
        struct world w;
        world_begin(&w, (struct room_opts){0});
        joins(&w, 0, ROOM_WRITE);
        says(&w, 0, ROOM_MSG_UPDATE,
             BYTES(1, 2, 1, 0, 4, 1, 1, 't', 2, 'h', 'i', 0x80 | kind, 1, 1, 1, '?', 0));
        assert_ignored(&w, 0);
        assert_int_equal(room_last_seq(w.room), 0);
        says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
        assert_append_and_relay(&w, 1, UPDATE_HI);
        world_end(&w);
    }
}

static void r5_update_over_the_limit_is_ignored(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.update_bytes_max = 11});
    joins(&w, 0, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI); // 12 bytes
    assert_int_equal(w.fx.count, 2);
    assert_int_equal(effect(&w, 0)->kind, ROOM_FX_IGNORED);
    assert_sends(&w, 1, ROOM_TO_ONE, ROOM_MSG_DENIED,
                 YD_LITERAL("not saved: the change is too large"));
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    assert_ignored(&w, 0);                    // told once
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_GAP); // 10
    assert_append_and_relay(&w, 1, UPDATE_GAP);
    world_end(&w);
}

static void r5_too_much_parked_asks_for_a_whole_state(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.pending_bytes_max = 1});
    joins(&w, 0, ROOM_WRITE);
    w.now_ms = 0; // a clock may begin at 0
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_GAP);
    assert_int_equal(w.fx.count, 3);
    assert_int_equal(effect(&w, 0)->kind, ROOM_FX_IGNORED);
    assert_sends(&w, 1, ROOM_TO_ONE, ROOM_MSG_DENIED,
                 YD_LITERAL("not saved: the document would be too large"));
    assert_sends(&w, 2, ROOM_TO_ONE, ROOM_MSG_STEP1, NO_CLIENTS);
    w.now_ms = 999;
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_GAP);
    assert_ignored(&w, 0);
    w.now_ms = 1000;
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_GAP);
    assert_int_equal(w.fx.count, 2);
    assert_int_equal(room_last_seq(w.room), 0);
    world_end(&w);
}

static void r6_reader_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 5, ROOM_READ);
    says(&w, 5, ROOM_MSG_STEP2, NO_UPDATE);
    assert_int_equal(w.fx.count, 0);
    says(&w, 5, ROOM_MSG_STEP2, UPDATE_DEL); // perhaps only what everybody has deleted
    assert_ignored(&w, 5);
    assert_string_equal(effect(&w, 0)->why, "read-only");
    says(&w, 5, ROOM_MSG_UPDATE, UPDATE_HI);
    assert_int_equal(w.fx.count, 2);
    assert_int_equal(effect(&w, 0)->kind, ROOM_FX_IGNORED);
    assert_sends(&w, 1, ROOM_TO_ONE, ROOM_MSG_DENIED, YD_LITERAL("permission denied: read-only"));
    assert_int_equal(effect(&w, 1)->member, 5);
    says(&w, 5, ROOM_MSG_STEP2, UPDATE_HI);
    assert_ignored(&w, 5); // told once
    says(&w, 5, ROOM_MSG_STEP1, NO_CLIENTS);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_STEP2, NO_UPDATE);
    says(&w, 5, ROOM_MSG_AWARENESS, BYTES(1, 7, 1, 2, '{', '}'));
    assert_true(room_wants_tick(w.room));
    world_end(&w);
}

static void d4_a_room_of_presence_takes_no_update_of_anybody(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.presence_only = true});
    joins(&w, 5, ROOM_WRITE);
    says(&w, 5, ROOM_MSG_STEP2, UPDATE_HI);
    assert_int_equal(w.fx.count, 2);
    assert_sends(&w, 1, ROOM_TO_ONE, ROOM_MSG_DENIED,
                 YD_LITERAL("permission denied: this room holds presence only"));
    says(&w, 5, ROOM_MSG_STEP1, NO_CLIENTS);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_STEP2, NO_UPDATE);
    leaves(&w, 5);
    assert_int_equal(w.fx.count, 0);
    assert_int_equal(room_last_seq(w.room), 0);
    world_end(&w);
}

static bool asks_all(const struct world *w)
{
    for (size_t i = 0; i < w->fx.count; i++) {
        const struct room_effect *e = effect(w, i);
        if (e->kind == ROOM_FX_SEND && e->message == ROOM_MSG_STEP1 && e->to == ROOM_TO_ALL) {
            return true;
        }
    }
    return false;
}

static void r7_gap_is_asked_for(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_GAP);
    assert_int_equal(room_due(w.room), 2000);
    timer_at(&w, 1900);
    assert_false(asks_all(&w));
    timer_at(&w, room_due(w.room));
    assert_int_equal(w.now_ms, 2000);
    assert_true(asks_all(&w));
    timer_at(&w, 11900);
    assert_false(asks_all(&w));
    assert_int_equal(room_due(w.room), 12000);
    timer_at(&w, 12000);
    assert_true(asks_all(&w));
    // The gap closes: silence.
    says(&w, 0, ROOM_MSG_UPDATE, BYTES(1, 1, 1, 0, 4, 1, 1, 't', 5, 'a', 'b', 'c', 'd', 'e', 0));
    assert_false(yd_doc_pending(room_doc(w.room)).structs);
    timer_at(&w, 40000);
    assert_false(asks_all(&w));
    world_end(&w);
}

static void r7_gap_from_the_store_is_asked_for_too(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    world_step(&w, (struct room_event){.kind = ROOM_EV_LOAD, .bytes = UPDATE_GAP});
    w.now_ms = 100000;
    joins(&w, 0, ROOM_WRITE);
    assert_true(room_due(w.room) <= 100000);
    timer_at(&w, 100000);
    assert_true(asks_all(&w));
    world_end(&w);
}

static void r16_query_and_unknown(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_QUERY, YD_EMPTY);
    assert_int_equal(w.fx.count, 0);
    says(&w, 0, ROOM_MSG_AWARENESS, BYTES(1, 7, 1, 2, '{', '}'));
    joins(&w, 1, ROOM_WRITE);
    says(&w, 1, ROOM_MSG_QUERY, YD_EMPTY);
    assert_int_equal(w.fx.count, 1);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_AWARENESS, BYTES(1, 7, 1, 2, '{', '}'));
    assert_int_equal(effect(&w, 0)->member, 1);
    says(&w, 1, ROOM_MSG_KINDS, YD_EMPTY);
    assert_ignored(&w, 1);
    world_end(&w);
}

static void r20_load_fills_the_document(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    world_step(&w, (struct room_event){.kind = ROOM_EV_LOAD, .bytes = UPDATE_HI});
    assert_int_equal(w.fx.count, 0);
    assert_false(room_is_dirty(w.room));
    joins(&w, 0, ROOM_WRITE);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_STEP1, BYTES(1, 1, 2));
    struct room_event late = {.kind = ROOM_EV_LOAD, .bytes = UPDATE_BANG};
    assert_int_equal(world_try(&w, late), YD_ESTATE);
    world_end(&w);
}

static void r20_what_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    struct room_event broken = {.kind = ROOM_EV_LOAD, .bytes = BYTES(1, 1, 1)};
    assert_int_equal(world_try(&w, broken), YD_EMALFORMED);
    assert_int_equal(w.fx.count, 0);
    world_end(&w);
}

static void r20_a_base_may_be_larger_than_an_update(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.update_bytes_max = 4});
    world_step(&w, (struct room_event){.kind = ROOM_EV_LOAD, .bytes = UPDATE_HI});
    world_end(&w);
}

static void r21_events_of_strangers_are_refused(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.members_max = 10});
    joins(&w, 9, ROOM_WRITE);
    const struct room_event wrong[] = {
        {.kind = ROOM_EV_JOIN, .member = 9, .right = ROOM_WRITE},
        {.kind = ROOM_EV_JOIN, .member = 10, .right = ROOM_WRITE},
        {.kind = ROOM_EV_LEAVE, .member = 8},
        {.kind = ROOM_EV_LEAVE, .member = UINT32_MAX},
        {.kind = ROOM_EV_MESSAGE, .member = 0, .message = ROOM_MSG_QUERY},
        {.kind = (enum room_event_kind)99},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(world_try(&w, wrong[i]), YD_ESTATE);
        assert_int_equal(w.fx.count, 0);
        assert_int_equal(room_member_count(w.room), 1);
    }
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r1_join_sends_step1_and_presence),
        cmocka_unit_test(r2_step1_is_answered_behind_the_last_append),
        cmocka_unit_test(r2_malformed_state_vector_is_ignored),
        cmocka_unit_test(r3_news_is_appended_and_relayed_once),
        cmocka_unit_test(r4_known_part_is_cut_out),
        cmocka_unit_test(r4_parked_part_goes_on_as_it_came),
        cmocka_unit_test(r5_malformed_update_changes_nothing),
        cmocka_unit_test(r5_content_of_an_unknown_kind_is_refused_whole),
        cmocka_unit_test(r5_update_over_the_limit_is_ignored),
        cmocka_unit_test(r5_too_much_parked_asks_for_a_whole_state),
        cmocka_unit_test(r6_reader_changes_nothing),
        cmocka_unit_test(d4_a_room_of_presence_takes_no_update_of_anybody),
        cmocka_unit_test(r7_gap_is_asked_for),
        cmocka_unit_test(r7_gap_from_the_store_is_asked_for_too),
        cmocka_unit_test(r16_query_and_unknown),
        cmocka_unit_test(r20_load_fills_the_document),
        cmocka_unit_test(r20_what_cannot_be_read_is_an_error),
        cmocka_unit_test(r20_a_base_may_be_larger_than_an_update),
        cmocka_unit_test(r21_events_of_strangers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
