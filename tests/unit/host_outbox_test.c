/* What waits for the disk, what nobody reads, what waits for company. docs/server.md H12 to H14. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/shard.h"

struct world {
    struct shard *shard;
    struct settings settings;
    struct conn *conn;
};

static int world_begin(void **state)
{
    struct world *w = heap_new(sizeof *w);
    w->shard = heap_new(sizeof *w->shard);
    w->shard->settings = &w->settings;
    w->shard->log.level = LOG_ERROR;
    w->settings.outbox_bytes_max = 100;
    w->conn = heap_new(sizeof *w->conn);
    w->conn->shard = w->shard;
    w->conn->state = CONN_OPEN;
    w->shard->conns = w->conn;
    w->shard->conn_count = 1;
    *state = w;
    if (uv_loop_init(&w->shard->loop) != 0) return -1;
    if (uv_tcp_init(&w->shard->loop, &w->conn->tcp) != 0) return -1;
    w->conn->tcp.data = w->conn;
    return 0;
}

static int world_end(void **state)
{
    struct world *w = *state;
    conn_end(w->conn);
    (void)uv_run(&w->shard->loop, UV_RUN_DEFAULT);
    int left = w->shard->conn_count != 0 || uv_loop_close(&w->shard->loop) != 0;
    outboxes_free(w->shard);
    free(w->shard);
    free(w);
    return left;
}

static void put(struct world *w, const char *text, uint64_t batch)
{
    yd_slice bytes = {(const uint8_t *)text, strlen(text)};
    outbox_put(w->shard, outbox_of_conn(w->conn), bytes, YD_EMPTY, batch);
}

static void assert_ready(const struct world *w, const char *text)
{
    assert_int_equal(w->conn->out->ready.len, strlen(text));
    assert_memory_equal(w->conn->out->ready.ptr, text, strlen(text));
}

static void durable(struct world *w, uint64_t batch)
{
    w->shard->durable = batch;
    outboxes_release(w->shard);
}

static void h12_nothing_leaves_before_its_batch_is_on_disk(void **state)
{
    struct world *w = *state;
    put(w, "a", 1);
    put(w, "b", 2);
    put(w, "n", 0);
    put(w, "c", 3);
    assert_ready(w, "n");
    durable(w, 1);
    assert_ready(w, "na");
    durable(w, 2); // b and c wait together: late is allowed, early is not
    assert_ready(w, "na");
    durable(w, 3);
    assert_ready(w, "nabc");
    put(w, "d", 3);
    assert_ready(w, "nabcd");
}

static void h12_what_waits_is_dropped_when_the_store_fails(void **state)
{
    struct world *w = *state;
    put(w, "n", 0);
    put(w, "a", 1);
    put(w, "b", 2);
    outboxes_forget_gated(w->shard);
    durable(w, 9);
    assert_ready(w, "n");
}

static void h13_who_asks_for_more_than_the_limit_is_ended(void **state)
{
    struct world *w = *state;
    char large[120];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = 0;
    put(w, large, 0); // a single message may be larger than the limit
    assert_false(uv_is_closing((uv_handle_t *)&w->conn->tcp));
    put(w, "y", 0);
    assert_true(uv_is_closing((uv_handle_t *)&w->conn->tcp));
    assert_ready(w, large);
}

static void h13_what_waits_for_the_disk_counts_too(void **state)
{
    struct world *w = *state;
    for (uint64_t i = 0; i < 1000; i++) put(w, "12345678", i % 3);
    assert_true(uv_is_closing((uv_handle_t *)&w->conn->tcp));
    struct outbox *out = w->conn->out;
    assert_true(out->ready.len + out->flight.len + out->open.len < 120);
}

/* ---- a room with two members, each with a socket whose other end is ours */

struct two {
    struct world *w;
    struct room_slot *slot;
    struct conn *conns[2];
    struct seat seats[2], *members[2];
    int ends[2];
};

static struct conn *member_new(struct two *two, uint32_t number)
{
    struct shard *shard = two->w->shard;
    struct conn *conn = heap_new(sizeof *conn);
    int pair[2];
    assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
    conn->shard = shard;
    conn->state = CONN_OPEN;
    assert_int_equal(0, uv_tcp_init(&shard->loop, &conn->tcp));
    assert_int_equal(0, uv_tcp_open(&conn->tcp, pair[0]));
    conn->tcp.data = conn;
    conn->next = shard->conns;
    shard->conns->prev = conn;
    shard->conns = conn;
    shard->conn_count++;
    two->ends[number] = pair[1];
    return conn;
}

static void two_begin(struct two *two, struct world *w)
{
    *two = (struct two){.w = w, .slot = heap_new(sizeof *two->slot + 1)};
    late_init(w->shard);
    two->slot->members = two->members;
    two->slot->member_cap = two->slot->member_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        two->conns[i] = member_new(two, i);
        two->seats[i] = (struct seat){.conn = two->conns[i], .wire = SESSION_WIRE_YWS};
        two->members[i] = &two->seats[i];
    }
}

static void two_end(struct two *two)
{
    for (uint32_t i = 0; i < 2; i++) {
        conn_end(two->conns[i]);
        close(two->ends[i]);
    }
    outbox_disown(two->slot->outs[SESSION_WIRE_YWS]);
    uv_close((uv_handle_t *)&two->w->shard->late_timer, NULL);
    free(two->slot);
}

static void say_and_flush(struct two *two, uint32_t from, const char *text)
{
    yd_slice bytes = {(const uint8_t *)text, strlen(text)};
    outbox_put_all(two->w->shard, outbox_of_slot(two->slot, SESSION_WIRE_YWS), bytes, YD_EMPTY, 0,
                   from);
    assert_false(outboxes_flush(two->w->shard, UINT64_MAX));
}

static void assert_came(const struct two *two, uint32_t member, const char *text)
{
    char got[64] = {0};
    ssize_t n = read(two->ends[member], got, sizeof got - 1);
    assert_string_equal(text, n < 0 ? "" : got);
}

static void h14_own_updates_come_back_with_what_comes_next(void **state)
{
    struct two two;
    two_begin(&two, *state);
    say_and_flush(&two, 0, "a");
    assert_came(&two, 0, "");
    assert_came(&two, 1, "a");
    say_and_flush(&two, 1, "b");
    assert_came(&two, 0, "ab");
    assert_came(&two, 1, "");
    say_and_flush(&two, 1, "c"); // a second one of its own takes the first along
    assert_came(&two, 1, "bc");
    two_end(&two);
}

static void h14_what_several_sent_waits_for_nobody(void **state)
{
    struct two two;
    two_begin(&two, *state);
    yd_slice bytes = YD_LITERAL("a");
    outbox_put_all(two.w->shard, outbox_of_slot(two.slot, SESSION_WIRE_YWS), bytes, YD_EMPTY, 0, 0);
    say_and_flush(&two, 1, "b");
    assert_came(&two, 0, "ab");
    assert_came(&two, 1, "ab");
    say_and_flush(&two, FROM_MANY, "c");
    assert_came(&two, 0, "c");
    two_end(&two);
}

static void h14_own_updates_come_back_even_if_nothing_else_does(void **state)
{
    struct two two;
    two_begin(&two, *state);
    say_and_flush(&two, 0, "a");
    outbox_put(two.w->shard, outbox_of_conn(two.conns[0]), YD_LITERAL("p"), YD_EMPTY, 0);
    assert_false(outboxes_flush(two.w->shard, UINT64_MAX));
    assert_came(&two, 0, "p"); // what is its own alone goes at once, the late one with the next
    // The loop's clock may be a millisecond behind: then the timer comes twice.
    for (int i = 0; i < 3 && two.w->shard->late_first != NULL; i++) {
        (void)uv_run(&two.w->shard->loop, UV_RUN_ONCE);
    }
    assert_came(&two, 0, "a");
    assert_null(two.w->shard->late_first);
    two_end(&two);
}

static void h14_who_goes_takes_what_is_late_along(void **state)
{
    struct two two;
    two_begin(&two, *state);
    say_and_flush(&two, 0, "a");
    say_and_flush(&two, 1, "b");
    conn_end(two.conns[1]);
    assert_null(two.w->shard->late_first);
    two_end(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(h12_nothing_leaves_before_its_batch_is_on_disk, world_begin,
                                        world_end),
        cmocka_unit_test_setup_teardown(h12_what_waits_is_dropped_when_the_store_fails, world_begin,
                                        world_end),
        cmocka_unit_test_setup_teardown(h13_who_asks_for_more_than_the_limit_is_ended, world_begin,
                                        world_end),
        cmocka_unit_test_setup_teardown(h13_what_waits_for_the_disk_counts_too, world_begin,
                                        world_end),
        cmocka_unit_test_setup_teardown(h14_own_updates_come_back_with_what_comes_next, world_begin,
                                        world_end),
        cmocka_unit_test_setup_teardown(h14_what_several_sent_waits_for_nobody, world_begin,
                                        world_end),
        cmocka_unit_test_setup_teardown(h14_own_updates_come_back_even_if_nothing_else_does,
                                        world_begin, world_end),
        cmocka_unit_test_setup_teardown(h14_who_goes_takes_what_is_late_along, world_begin,
                                        world_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
