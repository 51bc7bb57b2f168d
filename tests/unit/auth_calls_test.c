/* auth_calls_test.c - questions under way: asked once, so many at a time, bounded, taken back.
 * Rules: docs/security.md A17, A18. */
#include "auth_world.h"

static void a17_equal_questions_under_way_are_asked_once(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    w.app.hold = true;
    for (int i = 0; i < 200; i++) assert_non_null(ask_as(&w, "t", "doc-1"));
    run_until_requests(&w, 1);
    assert_int_equal(auth_calls_under_way(w.auth), 1);
    app_release(&w.app);
    run_until_decided(&w, 200);
    assert_int_equal(w.allowed, 200);
    assert_int_equal(w.app.requests, 1);
    assert_int_equal(auth_calls_under_way(w.auth), 0);
    assert_int_equal(w.auth->wait_count, 0);
    assert_int_equal(w.auth->question_count, 0);
    world_end(&w);
}

static void ask_numbered(struct world *w, int count)
{
    char token[16];
    for (int i = 0; i < count; i++) {
        snprintf(token, sizeof token, "t%d", i);
        (void)ask_as(w, token, "doc-1");
    }
}

static void a17_a_reconnect_storm_is_asked_a_few_at_a_time(void **unused)
{
    struct world w;
    (void)unused;
    world_begin_with(&w, (struct auth_opts){.backend_calls_max = 4});
    w.app.hold = true;
    ask_numbered(&w, 300);
    assert_int_equal(auth_calls_under_way(w.auth), 4);
    run_until_requests(&w, 4);
    app_release(&w.app);
    w.app.hold = false;
    run_until_decided(&w, 300);
    assert_int_equal(w.allowed, 300);
    assert_int_equal(w.app.requests, 300);
    assert_int_equal(w.app.waiting_max, 4);
    world_end(&w);
}

static void a17_the_queue_is_bounded(void **unused)
{
    struct world w;
    (void)unused;
    world_begin_with(&w, (struct auth_opts){.backend_calls_max = 2});
    w.app.hold = true;
    ask_numbered(&w, 2 + BACKEND_QUEUE_MAX);
    assert_int_equal(w.decided, 0);
    assert_int_equal(w.auth->question_count, 2 + BACKEND_QUEUE_MAX);
    assert_null(ask_as(&w, "one more", "doc-1"));
    assert_int_equal(w.unavailable, 1);
    assert_int_equal(w.auth->question_count, 2 + BACKEND_QUEUE_MAX);
    // Whoever asks what is asked already still gets in.
    assert_non_null(ask_as(&w, "t0", "doc-1"));
    world_end(&w);
}

static void a17_those_who_wait_are_bounded(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    w.app.hold = true;
    for (int i = 0; i < AUTH_WAITS_MAX; i++) assert_non_null(ask_as(&w, "t", "doc-1"));
    assert_null(ask_as(&w, "t", "doc-1"));
    assert_int_equal(w.unavailable, 1);
    assert_int_equal(w.auth->wait_count, AUTH_WAITS_MAX);
    world_end(&w);
}

static void a17_a_server_error_is_tried_once_more(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    w.app.failures = 1;
    uint64_t begun = uv_hrtime();
    assert_int_equal(decide(&w), AUTH_ALLOWED);
    assert_int_equal(w.app.requests, 2);
    uint64_t took_ms = (uv_hrtime() - begun) / 1000000;
    assert_true(took_ms >= BACKEND_RETRY_MIN_MS - 5);
    w.app.failures = 2;
    assert_int_equal(decide_as(&w, "u", "doc-1"), AUTH_UNAVAILABLE);
    assert_int_equal(w.app.requests, 4);
    // A refusal of the request is no error of the server's.
    w.app.status = 429;
    assert_int_equal(decide_as(&w, "v", "doc-1"), AUTH_UNAVAILABLE);
    assert_int_equal(w.app.requests, 5);
    world_end(&w);
}

static void a17_nobody_there_is_tried_once_more(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    app_close(&w.app);
    (void)uv_run(&w.loop, UV_RUN_NOWAIT);
    uint64_t begun = uv_hrtime();
    assert_int_equal(decide(&w), AUTH_UNAVAILABLE);
    assert_true((uv_hrtime() - begun) / 1000000 >= BACKEND_RETRY_MIN_MS - 5);
    app_open(&w.app, &w.loop);
    world_end(&w);
}

static void a17_time_is_bounded_also_in_the_queue(void **unused)
{
    struct world w;
    (void)unused;
    world_begin_with(&w, (struct auth_opts){.backend_calls_max = 1, .backend_timeout_ms = 150});
    w.app.hold = true;
    ask_numbered(&w, 20);
    uint64_t begun = uv_hrtime();
    run_until_decided(&w, 20);
    assert_int_equal(w.unavailable, 20);
    assert_true((uv_hrtime() - begun) / 1000000 < 2000);
    assert_int_equal(auth_calls_under_way(w.auth), 0);
    assert_int_equal(w.auth->backend.queued, 0);
    world_end(&w);
}

static void a18_who_has_left_is_not_called(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    w.app.hold = true;
    struct auth_wait *first = ask_as(&w, "t", "doc-1");
    (void)ask_as(&w, "t", "doc-1");
    run_until_requests(&w, 1);
    auth_cancel(first);
    app_release(&w.app);
    run_until_decided(&w, 1);
    (void)uv_run(&w.loop, UV_RUN_NOWAIT);
    assert_int_equal(w.decided, 1);
    world_end(&w);
}

static void a18_a_queued_question_that_nobody_waits_for_is_not_asked(void **unused)
{
    struct world w;
    (void)unused;
    world_begin_with(&w, (struct auth_opts){.backend_calls_max = 1});
    w.app.hold = true;
    (void)ask_as(&w, "t", "doc-1");
    auth_cancel(ask_as(&w, "t", "doc-2"));
    (void)ask_as(&w, "t", "doc-3");
    assert_int_equal(w.auth->question_count, 2);
    run_until_requests(&w, 1);
    w.app.hold = false;
    app_release(&w.app);
    run_until_decided(&w, 2);
    assert_int_equal(w.app.requests, 2);
    world_end(&w);
}

static void a18_an_answer_that_nobody_waits_for_serves_the_next(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w);
    w.app.hold = true;
    struct auth_wait *wait = ask_as(&w, "t", "doc-1");
    run_until_requests(&w, 1);
    auth_cancel(wait);
    assert_int_equal(auth_calls_under_way(w.auth), 1);
    (void)ask_as(&w, "t", "doc-1"); // joins the call that is out
    app_release(&w.app);
    run_until_decided(&w, 1);
    assert_int_equal(w.app.requests, 1);
    auth_cancel(ask_as(&w, "u", "doc-1"));
    run_until_requests(&w, 2);
    app_release(&w.app);
    while (auth_calls_under_way(w.auth) > 0) (void)uv_run(&w.loop, UV_RUN_ONCE);
    assert_int_equal(decide_as(&w, "u", "doc-1"), AUTH_ALLOWED);
    assert_true(w.last.remembered);
    assert_int_equal(w.decided, 2);
    world_end(&w);
}

/* Called back once, cancels another who waits for the same, and asks again. */
struct restless {
    struct world *w;
    struct auth_wait *other;
    uint32_t calls;
};

static void on_restless(void *ctx, const struct auth_decision *decision)
{
    struct restless *r = ctx;
    (void)decision;
    r->calls++;
    auth_cancel(r->other);
    (void)ask_as(r->w, "t", "doc-1");
    (void)ask_as(r->w, "another", "doc-1");
}

static void a18_a_callback_may_cancel_and_ask(void **unused)
{
    struct world w;
    struct restless r = {.w = &w};
    struct auth_request request = {text("doc-1"), text("t")};
    struct auth_wait *wait;
    (void)unused;
    world_begin(&w);
    w.app.body = "{\"allowed\":true,\"permission\":\"read\",\"ttlMs\":0}"; // so it is asked again
    auth_decide(w.auth, &request, on_restless, &r, &wait);
    r.other = ask_as(&w, "t", "doc-1");
    run_until_decided(&w, 2);
    assert_int_equal(r.calls, 1);
    assert_int_equal(w.app.requests, 3);
    assert_int_equal(w.auth->question_count, 0);
    world_end(&w);
}

static void a18_the_end_calls_nobody(void **unused)
{
    struct world w;
    (void)unused;
    world_begin_with(&w, (struct auth_opts){.backend_calls_max = 2});
    w.app.hold = true;
    w.app.failures = 1;
    ask_numbered(&w, 10);
    run_until_requests(&w, 2);
    app_release(&w.app); // one is answered with an error and pauses
    while (w.decided < 1 || w.auth->backend.paused == NULL) (void)uv_run(&w.loop, UV_RUN_ONCE);
    uint32_t before = w.decided;
    world_end(&w);
    assert_int_equal(w.decided, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a17_equal_questions_under_way_are_asked_once),
        cmocka_unit_test(a17_a_reconnect_storm_is_asked_a_few_at_a_time),
        cmocka_unit_test(a17_the_queue_is_bounded),
        cmocka_unit_test(a17_those_who_wait_are_bounded),
        cmocka_unit_test(a17_a_server_error_is_tried_once_more),
        cmocka_unit_test(a17_nobody_there_is_tried_once_more),
        cmocka_unit_test(a17_time_is_bounded_also_in_the_queue),
        cmocka_unit_test(a18_who_has_left_is_not_called),
        cmocka_unit_test(a18_a_queued_question_that_nobody_waits_for_is_not_asked),
        cmocka_unit_test(a18_an_answer_that_nobody_waits_for_serves_the_next),
        cmocka_unit_test(a18_a_callback_may_cancel_and_ask),
        cmocka_unit_test(a18_the_end_calls_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
