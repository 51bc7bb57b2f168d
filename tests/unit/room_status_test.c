/* What a member is told of its own messages, and what it may say beside the document:
 * docs/room-rules.md R40... */
#include "room_world.h"

static void joins_wanting(struct world *w, uint32_t member, enum room_right right, uint32_t wants)
{
    world_step(w, (struct room_event){
                      .kind = ROOM_EV_JOIN, .member = member, .right = right, .wants = wants});
}

static void assert_status(const struct world *w, size_t i, uint32_t member, uint8_t status,
                          uint64_t gate)
{
    assert_sends(w, i, ROOM_TO_ONE, ROOM_MSG_STATUS, BYTES(status));
    assert_int_equal(effect(w, i)->member, member);
    assert_int_equal(effect(w, i)->gate_seq, gate);
}

/* So many in the last step, all the same, and no other. */
static void assert_statuses(const struct world *w, size_t times, uint32_t member, uint8_t status,
                            uint64_t gate)
{
    size_t count = 0;
    for (size_t i = 0; i < w->fx.count; i++) {
        if (effect(w, i)->kind != ROOM_FX_SEND || effect(w, i)->message != ROOM_MSG_STATUS)
            continue;
        count++;
        assert_status(w, i, member, status, gate);
    }
    assert_int_equal(count, times);
}

/* The only STATUS of the last step. */
static void assert_only_status(const struct world *w, uint32_t member, uint8_t status,
                               uint64_t gate)
{
    assert_statuses(w, 1, member, status, gate);
}

static void r40_saved_waits_for_the_append_that_holds_it(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins_wanting(&w, 0, ROOM_WRITE, ROOM_WANTS_STATUS);
    joins_wanting(&w, 1, ROOM_WRITE, 0);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    assert_int_equal(w.fx.count, 3); // append, relay, status
    assert_status(&w, 2, 0, 1, 1);
    says(&w, 0, ROOM_MSG_STEP2, UPDATE_BANG);
    assert_only_status(&w, 0, 1, 2);
    says(&w, 1, ROOM_MSG_UPDATE, UPDATE_DEL); // who has not asked is not told
    assert_int_equal(w.fx.count, 2);
    world_end(&w);
}

static void r40_what_somebody_else_brought_waits_for_it_too(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins_wanting(&w, 0, ROOM_WRITE, ROOM_WANTS_STATUS);
    joins_wanting(&w, 1, ROOM_WRITE, 0);
    says(&w, 0, ROOM_MSG_STEP2, BYTES(0, 0));
    assert_int_equal(w.fx.count, 1);
    assert_status(&w, 0, 0, 1, 0);
    says(&w, 1, ROOM_MSG_UPDATE, UPDATE_HI);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    assert_int_equal(w.fx.count, 1);
    assert_status(&w, 0, 0, 1, 1);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_GAP); // parked, and stored
    assert_only_status(&w, 0, 1, 2);
    world_end(&w);
}

static void r40_what_is_dropped_is_never_saved(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.update_bytes_max = 100, .pending_bytes_max = 8});
    joins_wanting(&w, 0, ROOM_WRITE, ROOM_WANTS_STATUS);
    says(&w, 0, ROOM_MSG_UPDATE, BYTES(0xff, 0xff, 0xff));
    assert_only_status(&w, 0, 0, 0);
    uint8_t large[101] = {0};
    says(&w, 0, ROOM_MSG_STEP2, (yd_slice){large, sizeof large});
    assert_only_status(&w, 0, 0, 0);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_GAP); // more than may be parked
    assert_only_status(&w, 0, 0, 0);
    world_end(&w);
}

/* What need not wait is stored and told to all, as if it had come alone. */
static void r5_of_too_much_that_waits_the_rest_is_taken(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.pending_bytes_max = 1});
    joins(&w, 0, ROOM_WRITE);
    joins_wanting(&w, 1, ROOM_WRITE, ROOM_WANTS_STATUS);
    const yd_slice both = BYTES(2, 1, 8, 0, 4, 1, 1, 't', 1, 'x', 1, 2, 5, 0x84, 2, 4, 1, 'y', 0);
    const yd_slice taken = BYTES(1, 1, 8, 0, 4, 1, 1, 't', 1, 'x', 0);
    says(&w, 1, ROOM_MSG_STEP2, both);
    assert_int_equal(effect(&w, 0)->kind, ROOM_FX_APPEND);
    assert_bytes(effect(&w, 0)->bytes, taken);
    assert_sends(&w, 1, ROOM_TO_ALL, ROOM_MSG_UPDATE, taken);
    assert_int_equal(effect(&w, 2)->kind, ROOM_FX_IGNORED);
    assert_int_equal(effect(&w, 2)->cause, ROOM_CAUSE_FULL);
    assert_sends(&w, 3, ROOM_TO_ONE, ROOM_MSG_STATUS, BYTES(0));
    assert_sends(&w, 4, ROOM_TO_ONE, ROOM_MSG_STEP1, BYTES(1, 8, 1));
    assert_false(room_has_gap(w.room));
    w.now_ms += 2000;
    says(&w, 0, ROOM_MSG_UPDATE, both); // nothing of it is new
    assert_int_equal(effect(&w, 0)->kind, ROOM_FX_IGNORED);
    assert_int_equal(room_last_seq(w.room), 1);
    world_end(&w);
}

static void sets_right(struct world *w, enum room_right right)
{
    world_step(w, (struct room_event){.kind = ROOM_EV_RIGHT, .member = 0, .right = right});
}

/* Its client shows "nothing is saved" until a STEP2 that it sends behind its STEP1 is confirmed.
 * Found by the simulation: seed 2324. */
static void r40_who_syncs_once_more_is_asked_once_more(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins_wanting(&w, 0, ROOM_WRITE, ROOM_WANTS_STATUS);
    says(&w, 0, ROOM_MSG_STEP1, BYTES(0)); // JOIN has asked already
    assert_int_equal(w.fx.count, 1);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_STEP2, BYTES(0, 0));
    says(&w, 0, ROOM_MSG_STEP2, UPDATE_HI);
    assert_only_status(&w, 0, 1, 1);
    for (int i = 0; i < 2; i++) {
        says(&w, 0, ROOM_MSG_STEP1, BYTES(1, 1, 2));
        assert_int_equal(w.fx.count, 2);
        assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_STEP1, BYTES(1, 1, 2));
        says(&w, 0, ROOM_MSG_STEP1, BYTES(1, 1, 2)); // not for each
        assert_int_equal(w.fx.count, 1);
        says(&w, 0, ROOM_MSG_STEP2, BYTES(0, 0));
        assert_only_status(&w, 0, 1, 1);
    }
    joins(&w, 1, ROOM_WRITE); // who does not count is never asked back
    says(&w, 1, ROOM_MSG_STEP2, BYTES(0, 0));
    says(&w, 1, ROOM_MSG_STEP1, BYTES(1, 1, 2));
    assert_int_equal(w.fx.count, 1);
    world_end(&w);
}

/* It would be taken for the confirmation of an edit that is still under way. Found by the
 * simulation: seed 7. */
static void r40_what_no_client_counts_is_not_confirmed(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins_wanting(&w, 0, ROOM_WRITE, ROOM_WANTS_STATUS);
    says(&w, 0, ROOM_MSG_STEP2, UPDATE_HI);
    assert_only_status(&w, 0, 1, 1);
    sets_right(&w, ROOM_READ);
    sets_right(&w, ROOM_WRITE); // asks
    says(&w, 0, ROOM_MSG_STEP2, UPDATE_BANG);
    assert_statuses(&w, 0, 0, 1, 2);
    assert_int_equal(room_last_seq(w.room), 2);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_GAP); // parked: after a while all are asked
    assert_only_status(&w, 0, 1, 3);
    timer_at(&w, 5000);
    says(&w, 0, ROOM_MSG_STEP2, BYTES(0, 0));
    assert_int_equal(w.fx.count, 0);
    // If it syncs by itself meanwhile, the STEP2 to come is the one that it counts.
    sets_right(&w, ROOM_READ);
    sets_right(&w, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_STEP1, BYTES(1, 1, 2));
    for (size_t i = 0; i < w.fx.count; i++)
        assert_int_not_equal(effect(&w, i)->message, ROOM_MSG_STEP1);
    says(&w, 0, ROOM_MSG_STEP2, BYTES(0, 0));
    assert_only_status(&w, 0, 1, 3);
    world_end(&w);
}

/* Else its client shows for ever that something is not saved. Found by the simulation: seed 19. */
static void r40_what_was_refused_is_confirmed_when_a_step2_brings_it(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins_wanting(&w, 0, ROOM_READ, ROOM_WANTS_STATUS);
    says(&w, 0, ROOM_MSG_STEP2, BYTES(0, 0));
    for (int i = 0; i < 3; i++) {
        says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
        assert_only_status(&w, 0, 0, 0);
    }
    sets_right(&w, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_BANG); // an UPDATE holds itself only
    assert_only_status(&w, 0, 1, 1);
    says(&w, 0, ROOM_MSG_STEP2, UPDATE_HI);
    assert_statuses(&w, 3, 0, 1, 2);
    says(&w, 0, ROOM_MSG_STEP1, BYTES(0));
    says(&w, 0, ROOM_MSG_STEP2, BYTES(0, 0));
    assert_only_status(&w, 0, 1, 2);

    sets_right(&w, ROOM_READ);
    for (int i = 0; i < 3000; i++) says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    sets_right(&w, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_STEP2, UPDATE_HI);
    assert_statuses(&w, 1024, 0, 1, 2); // bounded
    world_end(&w);
}

/* The room is dropped from memory and loaded again while this member's socket stays. */
static void sleeps(struct world *w, enum room_right right)
{
    uint8_t bytes[64];
    struct yd_buf kept;
    yd_buf_init(&kept, world_alloc(w), sizeof bytes);
    assert_int_equal(room_kept_of(w->room, 1, &kept), YD_ESTATE);
    assert_int_equal(room_kept_of(w->room, 0, &kept), YD_OK);
    memcpy(bytes, kept.ptr, kept.len);
    yd_slice was = {bytes, kept.len};
    yd_buf_deinit(&kept);
    world_end(w);
    world_begin(w, (struct room_opts){0});
    world_step(w, (struct room_event){.kind = ROOM_EV_RESUME,
                                      .member = 0,
                                      .right = right,
                                      .wants = ROOM_WANTS_STATUS,
                                      .bytes = was});
    assert_int_equal(w->fx.count, 0);
}

/* Found by the simulation: seed 968. */
static void r57_what_its_client_counts_outlives_the_room(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins_wanting(&w, 0, ROOM_READ, ROOM_WANTS_STATUS);
    says(&w, 0, ROOM_MSG_AWARENESS, BYTES(1, 7, 3, 2, '{', '}'));
    says(&w, 0, ROOM_MSG_STEP2, BYTES(0, 0));
    for (int i = 0; i < 3; i++) says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    sleeps(&w, ROOM_READ);
    sets_right(&w, ROOM_WRITE); // asks
    says(&w, 0, ROOM_MSG_STEP2, UPDATE_HI);
    assert_statuses(&w, 3, 0, 1, 1);
    // It was asked, and has not answered: one that its client does not count, and then one that it
    // does.
    sets_right(&w, ROOM_READ);
    sets_right(&w, ROOM_WRITE);
    sleeps(&w, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_STEP2, BYTES(0, 0));
    assert_int_equal(w.fx.count, 0);
    says(&w, 0, ROOM_MSG_STEP1, BYTES(0));
    sleeps(&w, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_STEP1, BYTES(0));
    assert_int_equal(w.fx.count, 1); // it need not be asked again
    says(&w, 0, ROOM_MSG_STEP2, BYTES(0, 0));
    assert_only_status(&w, 0, 1, 0);
    world_end(&w);
}

static void r57_counts_that_cannot_be_are_left_out(void **state)
{
    (void)state;
    struct world w;
    const yd_slice kept[] = {BYTES(0, 0, 0), BYTES(0, 1, 0xff), BYTES(0, 1, 0xff, 0xff, 0x7f, 1)};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        world_begin(&w, (struct room_opts){0});
        world_step(&w, (struct room_event){.kind = ROOM_EV_RESUME,
                                           .member = 0,
                                           .right = ROOM_WRITE,
                                           .wants = ROOM_WANTS_STATUS,
                                           .bytes = kept[i]});
        says(&w, 0, ROOM_MSG_STEP2, BYTES(0, 0));
        assert_statuses(&w, i == 2 ? 2 : 1, 0, 1, 0);
        world_end(&w);
    }
}

static void r41_an_update_of_a_reader_is_refused(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins_wanting(&w, 0, ROOM_WRITE, 0);
    joins_wanting(&w, 1, ROOM_READ, ROOM_WANTS_STATUS);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    says(&w, 1, ROOM_MSG_UPDATE, UPDATE_BANG);
    assert_only_status(&w, 1, 0, 0);
    assert_int_equal(room_last_seq(w.room), 1);
    says(&w, 1, ROOM_MSG_UPDATE, UPDATE_HI); // something it has just done, also if it is here
    assert_only_status(&w, 1, 0, 0);
    for (size_t i = 0; i < w.fx.count; i++)
        assert_int_not_equal(effect(&w, i)->message, ROOM_MSG_DENIED);
    world_end(&w);
}

static void r41_a_readers_step2_is_saved_if_it_brings_nothing(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins_wanting(&w, 0, ROOM_WRITE, 0);
    joins_wanting(&w, 1, ROOM_READ, ROOM_WANTS_STATUS);
    says(&w, 1, ROOM_MSG_STEP2, BYTES(0, 0));
    assert_only_status(&w, 1, 1, 0);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    const struct {
        yd_slice update;
        uint8_t status;
    } cases[] = {
        {UPDATE_HI, 1},               // here already
        {UPDATE_HI_Q, 0},             // one letter more
        {UPDATE_BANG, 0},             // of another client
        {UPDATE_DEL, 0},              // deletes what is here
        {BYTES(0, 1, 9, 1, 0, 1), 0}, // deletes what nobody has
        {BYTES(1, 1), 0},             // broken
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        says(&w, 1, ROOM_MSG_STEP2, cases[i].update);
        assert_only_status(&w, 1, cases[i].status, cases[i].status);
    }
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_DEL);
    says(&w, 1, ROOM_MSG_STEP2, UPDATE_DEL);                    // deleted by now
    assert_statuses(&w, 1 + 5, 1, 1, 2);                        // and so is what was refused before
    says(&w, 1, ROOM_MSG_STEP2, BYTES(0, 1, 1, 2, 0, 1, 1, 1)); // that and the other letter
    assert_only_status(&w, 1, 0, 0);
    assert_int_equal(room_last_seq(w.room), 2);
    world_end(&w);
}

static void r41_in_a_room_of_presence_nothing_is_saved(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.presence_only = true});
    joins_wanting(&w, 0, ROOM_WRITE, ROOM_WANTS_STATUS);
    says(&w, 0, ROOM_MSG_STEP2, BYTES(0, 0));
    assert_only_status(&w, 0, 1, 0);
    says(&w, 0, ROOM_MSG_STEP2, UPDATE_HI);
    assert_only_status(&w, 0, 0, 0);
    world_end(&w);
}

static void r42_stateless_of_a_writer_goes_to_all(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.awareness_state_max = 8});
    joins(&w, 0, ROOM_WRITE);
    joins(&w, 1, ROOM_READ);
    says(&w, 0, ROOM_MSG_STATELESS, YD_LITERAL("hi"));
    assert_int_equal(w.fx.count, 1);
    assert_sends(&w, 0, ROOM_TO_ALL, ROOM_MSG_STATELESS, YD_LITERAL("hi"));
    assert_int_equal(effect(&w, 0)->gate_seq, 0);
    says(&w, 1, ROOM_MSG_STATELESS, YD_LITERAL("hi"));
    assert_ignored(&w, 1);
    says(&w, 0, ROOM_MSG_STATELESS, YD_LITERAL("123456789"));
    assert_ignored(&w, 0);
    says(&w, 0, ROOM_MSG_STATELESS, BYTES(0xff));
    assert_ignored(&w, 0);
    world_end(&w);
}

static void r42_stateless_is_no_sign_of_life_for_all(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.keepalive_ms = 20000});
    joins(&w, 0, ROOM_WRITE);
    w.now_ms = 19000;
    says(&w, 0, ROOM_MSG_STATELESS, YD_LITERAL("hi"));
    timer_at(&w, 20000);
    assert_int_equal(w.fx.count, 1);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_AWARENESS, BYTES(0));
    world_end(&w);
}

static void r43_a_right_may_change(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins_wanting(&w, 0, ROOM_WRITE, ROOM_WANTS_STATUS);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    world_step(&w, (struct room_event){.kind = ROOM_EV_RIGHT, .member = 0, .right = ROOM_READ});
    assert_int_equal(w.fx.count, 0);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_BANG);
    assert_only_status(&w, 0, 0, 0);
    // What was refused is asked for.
    world_step(&w, (struct room_event){.kind = ROOM_EV_RIGHT, .member = 0, .right = ROOM_WRITE});
    assert_int_equal(w.fx.count, 1);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_STEP1, BYTES(1, 1, 2));
    says(&w, 0, ROOM_MSG_STEP2, UPDATE_BANG);
    assert_statuses(&w, 2, 0, 1, 2);
    assert_int_equal(world_try(&w, (struct room_event){.kind = ROOM_EV_RIGHT, .member = 7}),
                     YD_ESTATE);
    world_end(&w);
}

/* One awareness entry with a state of one byte, or null. */
#define ENTRY(client, clock, state) BYTES(1, client, clock, 1, state)
#define GONE(client, clock)         BYTES(1, client, clock, 4, 'n', 'u', 'l', 'l')

static void assert_told(struct world *w, yd_slice entry)
{
    happens(w, ROOM_EV_TICK);
    assert_int_equal(w->fx.count, 1);
    assert_sends(w, 0, ROOM_TO_ALL, ROOM_MSG_AWARENESS, entry);
}

/* Member 0 does not want its clock raised, member 1 does, and is client 8. */
static void world_with_presence(struct world *w)
{
    world_begin(w, (struct room_opts){0});
    joins(w, 0, ROOM_WRITE);
    joins_wanting(w, 1, ROOM_WRITE, ROOM_WANTS_RAISE);
    says(w, 1, ROOM_MSG_AWARENESS, ENTRY(8, 3, '1'));
    assert_int_equal(w->fx.count, 0); // not nudged
    assert_told(w, ENTRY(8, 4, '1')); // the others may know it as gone at 3
}

static void r44_a_clock_is_raised_in_place_of_a_nudge(void **state)
{
    (void)state;
    struct world w;
    world_with_presence(&w);
    leaves(&w, 1);
    assert_told(&w, GONE(8, 4));
    joins_wanting(&w, 1, ROOM_WRITE, ROOM_WANTS_RAISE);
    says(&w, 1, ROOM_MSG_AWARENESS, ENTRY(8, 4, '1')); // as it was told itself
    assert_told(&w, ENTRY(8, 5, '1'));
    says(&w, 1, ROOM_MSG_AWARENESS, ENTRY(8, 6, '2'));
    assert_told(&w, ENTRY(8, 6, '2'));
    world_end(&w);
}

static void r44_what_it_says_before_it_has_heard_of_that_counts(void **state)
{
    (void)state;
    struct world w;
    world_with_presence(&w); // it said 3, others were told 4
    says(&w, 1, ROOM_MSG_AWARENESS, ENTRY(8, 4, '2'));
    assert_told(&w, ENTRY(8, 5, '2'));
    says(&w, 1, ROOM_MSG_AWARENESS, ENTRY(8, 4, '2')); // said before
    says(&w, 0, ROOM_MSG_AWARENESS, ENTRY(8, 5, '2')); // an echo of what was told
    says(&w, 0, ROOM_MSG_AWARENESS, ENTRY(8, 4, '3'));
    assert_false(room_wants_tick(w.room));
    says(&w, 1, ROOM_MSG_AWARENESS, GONE(8, 4)); // it goes, at the clock that it knows
    assert_told(&w, GONE(8, 5));
    world_end(&w);
}

static void r45_who_comes_back_is_told_of_the_others_anew(void **state)
{
    (void)state;
    struct world w;
    world_with_presence(&w);
    says(&w, 0, ROOM_MSG_AWARENESS, ENTRY(7, 1, '1'));
    happens(&w, ROOM_EV_TICK);
    joins(&w, 2, ROOM_WRITE);
    says(&w, 2, ROOM_MSG_AWARENESS, ENTRY(9, 1, '1'));
    happens(&w, ROOM_EV_TICK);
    leaves(&w, 2);
    happens(&w, ROOM_EV_TICK);
    joins(&w, 2, ROOM_WRITE);
    says(&w, 2, ROOM_MSG_AWARENESS, ENTRY(9, 1, '1'));
    assert_int_equal(w.fx.count, 2);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_AWARENESS, GONE(9, 1)); // itself
    assert_int_equal(effect(&w, 0)->member, 2);
    assert_sends(&w, 1, ROOM_TO_ONE, ROOM_MSG_AWARENESS, GONE(7, 1)); // who is asked
    assert_int_equal(effect(&w, 1)->member, 0);
    assert_told(&w, ENTRY(8, 5, '1')); // who is told of
    says(&w, 0, ROOM_MSG_AWARENESS, ENTRY(7, 2, '1'));
    assert_told(&w, ENTRY(7, 2, '1'));
    world_end(&w);
}

static void r45_who_says_that_others_have_gone_is_told_of_them(void **state)
{
    (void)state;
    struct world w;
    world_with_presence(&w);
    says(&w, 0, ROOM_MSG_AWARENESS, GONE(8, 4)); // as providers 2 and 3 say when they come back
    assert_told(&w, ENTRY(8, 5, '1'));
    w.now_ms = 3;
    says(&w, 0, ROOM_MSG_AWARENESS, GONE(8, 5)); // not more often than every 2 ms for each member
    assert_false(room_wants_tick(w.room));
    assert_int_equal(room_due(w.room), 100);     // timers go by tenths of a second
    says(&w, 1, ROOM_MSG_AWARENESS, GONE(8, 5)); // it says so itself
    assert_told(&w, GONE(8, 5));
    world_end(&w);
}

static void r44_who_is_here_twice_is_the_newer_one(void **state)
{
    (void)state;
    struct world w;
    world_with_presence(&w);
    says(&w, 0, ROOM_MSG_AWARENESS, ENTRY(7, 1, '1'));
    happens(&w, ROOM_EV_TICK);
    joins_wanting(&w, 2, ROOM_WRITE, ROOM_WANTS_RAISE);
    says(&w, 2, ROOM_MSG_AWARENESS, ENTRY(8, 3, '2')); // the same client on a new connection
    assert_int_equal(w.fx.count, 1);                   // it has forgotten the others
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_AWARENESS, GONE(7, 1));
    assert_told(&w, ENTRY(8, 5, '2'));
    says(&w, 2, ROOM_MSG_AWARENESS, ENTRY(7, 1, '1')); // that is not what it says first
    assert_false(room_wants_tick(w.room));
    leaves(&w, 1); // the old one
    assert_false(room_wants_tick(w.room));
    leaves(&w, 2);
    assert_told(&w, GONE(8, 5));
    world_end(&w);
}

static void r45_who_speaks_for_a_client_of_another_has_come_back(void **state)
{
    (void)state;
    struct world w;
    world_with_presence(&w);
    says(&w, 0, ROOM_MSG_AWARENESS, ENTRY(7, 1, '1'));
    happens(&w, ROOM_EV_TICK);
    joins(&w, 2, ROOM_WRITE);
    says(&w, 2, ROOM_MSG_AWARENESS, ENTRY(7, 1, '1')); // as an echo
    assert_false(room_wants_tick(w.room));
    says(&w, 2, ROOM_MSG_AWARENESS, ENTRY(7, 2, '2'));
    happens(&w, ROOM_EV_TICK);
    assert_sends(&w, 0, ROOM_TO_ALL, ROOM_MSG_AWARENESS, BYTES(2, 7, 2, 1, '2', 8, 5, 1, '1'));
    world_end(&w);
}

static void r45_many_who_come_back_together_are_told_together(void **state)
{
    (void)state;
    struct world w;
    world_with_presence(&w);
    w.now_ms = 1000;
    for (uint8_t i = 2; i < 12; i++) {
        joins(&w, i, ROOM_WRITE);
        says(&w, i, ROOM_MSG_AWARENESS, BYTES(1, i + 20, 1, 1, '1'));
        leaves(&w, i);
        joins(&w, i, ROOM_WRITE);
        says(&w, i, ROOM_MSG_AWARENESS, BYTES(1, i + 20, 1, 1, '1'));
        says(&w, i, ROOM_MSG_AWARENESS, BYTES(1, i + 20, 2, 1, '1'));
    }
    happens(&w, ROOM_EV_TICK);
    assert_true(room_due(w.room) <= 1100);
    timer_at(&w, 1100);
    size_t asked = 0;
    for (size_t i = 0; i < w.fx.count; i++) asked += effect(&w, i)->kind == ROOM_FX_SEND;
    assert_int_equal(asked, 10);       // once each
    assert_told(&w, ENTRY(8, 6, '1')); // 5 for the first that came back, 6 for all others
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r40_saved_waits_for_the_append_that_holds_it),
        cmocka_unit_test(r40_what_somebody_else_brought_waits_for_it_too),
        cmocka_unit_test(r40_what_is_dropped_is_never_saved),
        cmocka_unit_test(r5_of_too_much_that_waits_the_rest_is_taken),
        cmocka_unit_test(r40_who_syncs_once_more_is_asked_once_more),
        cmocka_unit_test(r40_what_no_client_counts_is_not_confirmed),
        cmocka_unit_test(r40_what_was_refused_is_confirmed_when_a_step2_brings_it),
        cmocka_unit_test(r57_what_its_client_counts_outlives_the_room),
        cmocka_unit_test(r57_counts_that_cannot_be_are_left_out),
        cmocka_unit_test(r41_an_update_of_a_reader_is_refused),
        cmocka_unit_test(r41_a_readers_step2_is_saved_if_it_brings_nothing),
        cmocka_unit_test(r41_in_a_room_of_presence_nothing_is_saved),
        cmocka_unit_test(r42_stateless_of_a_writer_goes_to_all),
        cmocka_unit_test(r42_stateless_is_no_sign_of_life_for_all),
        cmocka_unit_test(r43_a_right_may_change),
        cmocka_unit_test(r44_a_clock_is_raised_in_place_of_a_nudge),
        cmocka_unit_test(r44_what_it_says_before_it_has_heard_of_that_counts),
        cmocka_unit_test(r45_who_comes_back_is_told_of_the_others_anew),
        cmocka_unit_test(r45_who_says_that_others_have_gone_is_told_of_them),
        cmocka_unit_test(r44_who_is_here_twice_is_the_newer_one),
        cmocka_unit_test(r45_who_speaks_for_a_client_of_another_has_come_back),
        cmocka_unit_test(r45_many_who_come_back_together_are_told_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
