/* auth_remember_test.c - what is remembered of the application's decisions, and for how long; used
 * tickets; the bounds of both tables. Rules: docs/security.md A10, A15, A16, A19. */
#include "auth_world.h"

static void a15_yes_is_remembered_for_ten_seconds(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    assert_int_equal(decide(&w), AUTH_ALLOWED);
    assert_false(w.last.remembered);
    pass(&w, 9900);
    assert_int_equal(decide(&w), AUTH_ALLOWED);
    assert_true(w.last.remembered);
    assert_string_equal(w.last.user_id, "ada");
    assert_int_equal(w.last.permission, AUTH_WRITE);
    assert_int_equal(w.app.requests, 1);
    pass(&w, 101);
    assert_int_equal(decide(&w), AUTH_ALLOWED);
    assert_int_equal(w.app.requests, 2);
    world_end(&w);
}

static void a15_no_is_remembered_for_a_fifth_of_that(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    w.app.body = NO;
    assert_int_equal(decide(&w), AUTH_FORBIDDEN);
    pass(&w, 1900);
    w.app.body = YES;
    assert_int_equal(decide(&w), AUTH_FORBIDDEN);
    assert_int_equal(w.app.requests, 1);
    pass(&w, 101);
    assert_int_equal(decide(&w), AUTH_ALLOWED);
    assert_int_equal(w.app.requests, 2);
    world_end(&w);
}

static void a15_another_token_or_room_is_another_question(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    assert_int_equal(decide_as(&w, "ab", "c"), AUTH_ALLOWED);
    assert_int_equal(decide_as(&w, "a", "bc"), AUTH_ALLOWED);
    assert_int_equal(decide_as(&w, "", "abc"), AUTH_ALLOWED);
    assert_int_equal(decide_as(&w, "abc", "x"), AUTH_ALLOWED);
    assert_int_equal(w.app.requests, 4);
    assert_int_equal(w.remembered, 0);
    world_end(&w);
}

static void a15_the_application_may_say_how_long_but_not_for_ever(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    w.app.body = "{\"allowed\":true,\"permission\":\"read\",\"ttlMs\":3000}";
    (void)decide(&w);
    pass(&w, 2900);
    (void)decide(&w);
    assert_int_equal(w.app.requests, 1);
    pass(&w, 101);
    w.app.body = "{\"allowed\":true,\"permission\":\"read\",\"ttlMs\":0}";
    (void)decide(&w);
    (void)decide(&w);
    assert_int_equal(w.app.requests, 3);
    w.app.body = "{\"allowed\":true,\"permission\":\"read\",\"ttlMs\":1e15}";
    (void)decide(&w);
    pass(&w, 59900);
    (void)decide(&w);
    assert_int_equal(w.app.requests, 4);
    pass(&w, 101);
    (void)decide(&w);
    assert_int_equal(w.app.requests, 5);
    world_end(&w);
}

static void a15_a_decision_is_not_remembered_beyond_its_own_end(void **unused)
{
    struct world w;
    char body[128];
    (void)unused;
    world_begin(&w);
    int64_t end_s = (int64_t)time(NULL) + 3;
    snprintf(body, sizeof body, "{\"allowed\":true,\"permission\":\"read\",\"expiresAt\":%lld000}",
             (long long)end_s);
    w.app.body = body;
    (void)decide(&w);
    assert_int_equal(w.last.expires_at, end_s);
    (void)decide(&w);
    assert_int_equal(w.app.requests, 1);
    pass(&w, 5000);
    w.app.status = 503;
    assert_int_equal(decide(&w), AUTH_UNAVAILABLE); // not even while nobody can be asked
    world_end(&w);
}

static void a16_while_the_application_is_down_what_is_remembered_counts(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    assert_int_equal(decide(&w), AUTH_ALLOWED);
    uint64_t asked_ms = clock_ms(&w.auth->clock);
    w.app.body = NO;
    assert_int_equal(decide_as(&w, "t", "doc-2"), AUTH_FORBIDDEN);
    const int down[] = {500, 503, 429, 408};
    for (size_t i = 0; i < sizeof down / sizeof *down; i++) {
        w.app.status = down[i];
        pass(&w, 10001);
        assert_int_equal(decide(&w), AUTH_ALLOWED);
        assert_true(w.last.remembered);
        assert_string_equal(w.last.user_id, "ada");
        assert_int_equal(decide_as(&w, "t", "doc-2"), AUTH_FORBIDDEN);
        assert_int_equal(decide_as(&w, "other", "doc-1"), AUTH_UNAVAILABLE);
    }
    pass(&w, asked_ms + 300000 - 500 - clock_ms(&w.auth->clock));
    assert_int_equal(decide(&w), AUTH_ALLOWED);
    pass(&w, 1000);
    assert_int_equal(decide(&w), AUTH_UNAVAILABLE);
    world_end(&w);
}

static void a16_an_answer_that_cannot_be_used_is_no_reason_to_go_on(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    assert_int_equal(decide(&w), AUTH_ALLOWED);
    pass(&w, 10001);
    w.app.status = 404;
    assert_int_equal(decide(&w), AUTH_UNAVAILABLE);
    w.app.status = 200;
    w.app.body = "{}";
    assert_int_equal(decide(&w), AUTH_UNAVAILABLE);
    world_end(&w);
}

static void a16_a_newer_no_takes_the_place_of_an_older_yes(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    assert_int_equal(decide(&w), AUTH_ALLOWED);
    pass(&w, 10001);
    w.app.body = NO;
    assert_int_equal(decide(&w), AUTH_FORBIDDEN);
    pass(&w, 2001);
    w.app.status = 500;
    assert_int_equal(decide(&w), AUTH_FORBIDDEN);
    world_end(&w);
}

static void a16_it_can_be_switched_off(void **unused)
{
    struct world w;
    (void)unused;
    world_begin_with(&w, (struct auth_opts){.stale_never = true, .remember_ms = 1000});
    assert_int_equal(decide(&w), AUTH_ALLOWED);
    w.app.status = 500;
    pass(&w, 900);
    assert_int_equal(decide(&w), AUTH_ALLOWED);
    pass(&w, 101);
    assert_int_equal(decide(&w), AUTH_UNAVAILABLE);
    world_end(&w);
}

static void a19_forgets_a_room_a_user_in_it_or_all(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    (void)decide_as(&w, "t", "doc-1");
    (void)decide_as(&w, "t", "doc-2");
    auth_forget(w.auth, text("doc-1"), text("bob"));
    (void)decide_as(&w, "t", "doc-1");
    assert_int_equal(w.app.requests, 2);
    auth_forget(w.auth, text("doc-1"), text("ada"));
    (void)decide_as(&w, "t", "doc-1");
    (void)decide_as(&w, "t", "doc-2");
    assert_int_equal(w.app.requests, 3);
    auth_forget(w.auth, text("doc-2"), YD_EMPTY);
    (void)decide_as(&w, "t", "doc-1");
    (void)decide_as(&w, "t", "doc-2");
    assert_int_equal(w.app.requests, 4);
    auth_forget(w.auth, YD_EMPTY, YD_EMPTY);
    w.app.status = 500; // not as something stale either
    assert_int_equal(decide_as(&w, "t", "doc-1"), AUTH_UNAVAILABLE);
    assert_int_equal(decide_as(&w, "t", "doc-2"), AUTH_UNAVAILABLE);
    world_end(&w);
}

static void a19_what_was_asked_before_is_not_remembered_after(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    w.app.hold = true;
    (void)ask_as(&w, "t", "doc-1");
    run_until_requests(&w, 1);
    auth_forget(w.auth, text("doc-1"), text("ada"));
    app_release(&w.app);
    run_until_decided(&w, 1);
    w.app.hold = false;
    w.app.body = NO;
    assert_int_equal(decide(&w), AUTH_FORBIDDEN);
    assert_int_equal(w.app.requests, 2);
    world_end(&w);
}

static struct cache_key key_numbered(uint32_t n)
{
    return cache_key_of((yd_slice){(const uint8_t *)&n, sizeof n}, YD_EMPTY);
}

static void a15_the_table_is_bounded_and_lets_the_oldest_go(void **unused)
{
    struct cache cache = {0};
    struct auth_decision decision = {.reason = AUTH_ALLOWED, .why = ""};
    const struct cache_life life = {1000, 10000, 300000};
    (void)unused;
    for (uint32_t i = 0; i < CACHE_ENTRIES_MAX + 100; i++) {
        struct cache_key key = key_numbered(i);
        cache_put(&cache, &key, text("room"), &decision, &life);
        assert_true(cache_count(&cache) <= CACHE_ENTRIES_MAX);
    }
    struct cache_key first = key_numbered(99);
    struct cache_key later = key_numbered(100);
    assert_false(cache_get(&cache, &first, 1000, 0, false, &decision));
    assert_true(cache_get(&cache, &later, 1000, 0, false, &decision));
    // What is over goes as new things come, without the table being full.
    const struct cache_life late = {400000, 10000, 300000};
    for (uint32_t i = 0; i < CACHE_ENTRIES_MAX; i++) {
        struct cache_key key = key_numbered(1000000 + i % 10);
        cache_put(&cache, &key, text("room"), &decision, &late);
    }
    assert_int_equal(cache_count(&cache), 10);
    cache_deinit(&cache);
}

static void a10_used_tickets_are_kept_until_their_end_and_never_too_many(void **unused)
{
    struct replay replay = {0};
    char jti[32];
    (void)unused;
    assert_int_equal(replay_note(&replay, "i", "a", 1000, 1060), REPLAY_NEW);
    assert_int_equal(replay_note(&replay, "i", "a", 1060, 1060), REPLAY_SEEN);
    assert_int_equal(replay_note(&replay, "j", "a", 1060, 1090), REPLAY_NEW);
    assert_int_equal(replay_note(&replay, NULL, "a", 1060, 1090), REPLAY_NEW);
    assert_int_equal(replay_note(&replay, "i", "a", 1061, 1100), REPLAY_NEW);
    for (uint32_t i = replay_count(&replay); i < REPLAY_JTI_MAX; i++) {
        snprintf(jti, sizeof jti, "n%u", i);
        assert_int_equal(replay_note(&replay, "i", jti, 1070, 1200), REPLAY_NEW);
    }
    // Full: nothing is forgotten early, so nothing more is let in.
    assert_int_equal(replay_note(&replay, "i", "b", 1080, 1200), REPLAY_FULL);
    assert_int_equal(replay_note(&replay, "i", "n7", 1080, 1200), REPLAY_SEEN);
    assert_int_equal(replay_note(&replay, "i", "b", 1201, 1300), REPLAY_NEW);
    assert_int_equal(replay_count(&replay), 1);
    replay_deinit(&replay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a15_yes_is_remembered_for_ten_seconds),
        cmocka_unit_test(a15_no_is_remembered_for_a_fifth_of_that),
        cmocka_unit_test(a15_another_token_or_room_is_another_question),
        cmocka_unit_test(a15_the_application_may_say_how_long_but_not_for_ever),
        cmocka_unit_test(a15_a_decision_is_not_remembered_beyond_its_own_end),
        cmocka_unit_test(a16_while_the_application_is_down_what_is_remembered_counts),
        cmocka_unit_test(a16_an_answer_that_cannot_be_used_is_no_reason_to_go_on),
        cmocka_unit_test(a16_a_newer_no_takes_the_place_of_an_older_yes),
        cmocka_unit_test(a16_it_can_be_switched_off),
        cmocka_unit_test(a19_forgets_a_room_a_user_in_it_or_all),
        cmocka_unit_test(a19_what_was_asked_before_is_not_remembered_after),
        cmocka_unit_test(a15_the_table_is_bounded_and_lets_the_oldest_go),
        cmocka_unit_test(a10_used_tickets_are_kept_until_their_end_and_never_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
