/* What waits for the disk, and what nobody reads. docs/server.md H12, H13. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
    outboxes_release(w->shard); // lets go of what no connection owns any more
    outboxes_flush(w->shard);
    free(w->shard->dirty.list);
    free(w->shard->gated.list);
    free(w->shard->spare.list);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
