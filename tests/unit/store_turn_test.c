/* store_turn_test.c - whose turn it is when batches follow each other without a pause: other work
 * is not starved, and does not pile up. Rules: docs/storage.md. */
#include "store/manage.h"
#include "unit/store_world.h"

#define KIB ((size_t)1 << 10)

/* So many batches are handed over before the store's thread can commit more than a few of them. */
static void batches(struct world *w, const char *room, int count)
{
    for (int i = 0; i < count; i++) {
        append(w, room, "an update");
        store_submit(w->store);
    }
}

static uint64_t waiting_bytes(struct world *w)
{
    struct store_stats stats;
    store_stats(w->store, &stats);
    return stats.waiting_bytes;
}

/* A snapshot of bytes that cannot be packed. */
static void snapshot_of(struct world *w, const char *room, size_t len)
{
    static uint32_t x = 2463534242u;
    uint8_t *bytes = malloc(len);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        bytes[i] = (uint8_t)(x >> 8);
    }
    snapshot(w, room, STORE_BASE, (yd_slice){bytes, len});
    free(bytes);
}

/* Takes events up to that batch. How many came before the room was loaded; UINT64_MAX: it was not.
 */
static uint64_t drain(struct world *w, uint64_t upto, size_t parts)
{
    uint64_t loaded_after = UINT64_MAX, durable = 0;
    while (durable < upto) {
        struct store_event ev = event_next(w->store);
        if (ev.kind == STORE_EV_DURABLE) durable = ev.batch;
        assert_int_not_equal(ev.kind, STORE_EV_FAILED);
        if (ev.kind == STORE_EV_LOADED) {
            loaded_after = durable;
            assert_int_equal(ev.part_count, parts);
        }
        store_event_deinit(&ev);
    }
    return loaded_after;
}

static void s36_a_load_goes_between_two_batches_and_behind_its_own(void **state)
{
    struct world *w = *state;
    batches(w, "a", 100);
    assert_int_equal(store_load(w->store, text("a"), 7), YD_OK);
    batches(w, "b", 300);
    uint64_t after = drain(w, 400, 100);
    assert_in_range(after, 100, 102);
}

/* 8 MiB are 32 slices. */
static void s15_a_batch_waits_for_one_slice_however_much_else_waits(void **state)
{
    struct world *w = *state;
    batches(w, "a", 100);
    snapshot_of(w, "a", 8 * 1024 * KIB);
    assert_int_equal(store_load(w->store, text("a"), 7), YD_OK);
    batches(w, "b", 300);
    uint64_t after = drain(w, 400, 1);
    assert_in_range(after, 130, 200);
}

static void large_batch(struct world *w, int updates)
{
    static uint8_t update[4200 * 1024];
    for (int i = 0; i < updates; i++) {
        assert_int_equal(store_append(w->store, text("b"), (yd_slice){update, sizeof update}),
                         YD_OK);
    }
    store_submit(w->store);
}

/* Each batch fills the WAL, which is moved behind it: that is its turn, but only every other time.
 * The first batch is committed for as long as it takes to hand over the others. */
static void s15_a_batch_does_not_wait_for_the_wal_and_for_a_slice(void **state)
{
    struct world *w = *state;
    append(w, "a", "an update");
    large_batch(w, 8);
    for (int i = 0; i < 4; i++) assert_int_equal(store_load(w->store, text("a"), 7), YD_OK);
    for (int i = 0; i < 12; i++) large_batch(w, 1);
    assert_in_range(drain(w, 13, 1), 8, 12);
}

static void s36_snapshots_do_not_pile_up_behind_batches(void **state)
{
    struct world *w = *state;
    append(w, "a", "an update");
    store_submit(w->store);
    for (int i = 0; i < 400; i++) snapshot_of(w, "a", 20 * KIB);
    assert_true(waiting_bytes(w) > 6 * 1024 * KIB);
    batches(w, "b", 400);
    (void)drain(w, 401, 0);
    print_message("%zu KiB wait after 400 batches\n", (size_t)waiting_bytes(w) / KIB);
    assert_true(waiting_bytes(w) <= 1024 * KIB);
}

/* What waits is counted until it is written, whatever its size and way. */
static void s36_nothing_is_counted_when_nothing_waits(void **state)
{
    struct world *w = *state;
    append(w, "a", "an update");
    snapshot_of(w, "a", 3 * 1024 * KIB);
    snapshot_of(w, "nobody", 20 * KIB); // is ignored
    assert_int_equal(store_load(w->store, text("a"), 0), YD_OK);
    struct store_event ev = event_next(w->store);
    while (ev.kind == STORE_EV_DURABLE) ev = event_next(w->store);
    assert_int_equal(ev.kind, STORE_EV_LOADED);
    store_event_deinit(&ev);
    assert_int_equal(waiting_bytes(w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(s36_a_load_goes_between_two_batches_and_behind_its_own),
        ON_DISK(s15_a_batch_waits_for_one_slice_however_much_else_waits),
        ON_DISK(s15_a_batch_does_not_wait_for_the_wal_and_for_a_slice),
        ON_DISK(s36_snapshots_do_not_pile_up_behind_batches),
        ON_DISK(s36_nothing_is_counted_when_nothing_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
