/* When the store gets a snapshot and which: docs/room-rules.md R17..R20. */
#include "room_world.h"

/* Client 1 types one letter at `clock` (below 2^14) into the text "t"; bytes into out[16]. */
static yd_slice letter(uint8_t *out, uint32_t clock)
{
    uint8_t *p = out;
    *p++ = 1, *p++ = 1, *p++ = 1;
    p += yd_varuint_put(p, clock);
    if (clock == 0) {
        *p++ = 4, *p++ = 1, *p++ = 1, *p++ = 't';
    } else {
        *p++ = 0x84, *p++ = 1;
        p += yd_varuint_put(p, clock - 1);
    }
    *p++ = 1, *p++ = 'x', *p++ = 0;
    return (yd_slice){out, (size_t)(p - out)};
}

static void types(struct world *w, uint32_t clock)
{
    uint8_t bytes[16];
    says(w, 0, ROOM_MSG_UPDATE, letter(bytes, clock));
}

/* The snapshot among the effects of the last step; NULL: none. */
static const struct room_effect *snapshot(const struct world *w)
{
    for (size_t i = 0; i < w->fx.count; i++) {
        if (effect(w, i)->kind == ROOM_FX_SNAPSHOT) return effect(w, i);
    }
    return NULL;
}

/* The state of a new room that loads two parts of a store. */
static void assert_restores(const struct world *w, yd_slice base, yd_slice delta)
{
    struct world copy;
    world_begin(&copy, (struct room_opts){0});
    world_step(&copy, (struct room_event){.kind = ROOM_EV_LOAD, .bytes = base});
    if (delta.len > 0) world_step(&copy, (struct room_event){.kind = ROOM_EV_LOAD, .bytes = delta});
    struct yd_buf want, got;
    yd_buf_init(&want, world_alloc(&copy), SIZE_MAX / 2);
    yd_buf_init(&got, world_alloc(&copy), SIZE_MAX / 2);
    assert_int_equal(yd_doc_encode_state(room_doc(w->room), YD_EMPTY, YD_V1, &want), YD_OK);
    assert_int_equal(yd_doc_encode_state(room_doc(copy.room), YD_EMPTY, YD_V1, &got), YD_OK);
    assert_bytes(yd_buf_slice(&got), yd_buf_slice(&want));
    yd_buf_deinit(&want);
    yd_buf_deinit(&got);
    world_end(&copy);
}

static void r17_after_so_many_appends(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.compact_updates = 3});
    joins(&w, 0, ROOM_WRITE);
    w.now_ms = 10000;
    types(&w, 0);
    types(&w, 1);
    assert_null(snapshot(&w));
    types(&w, 2);
    assert_int_equal(w.fx.count, 3);
    assert_ptr_equal(snapshot(&w), effect(&w, 2)); // behind the append
    assert_int_equal(snapshot(&w)->seq, 3);
    assert_false(room_is_dirty(w.room));
    for (uint32_t i = 3; i < 9; i++) {
        types(&w, i);
        assert_null(snapshot(&w)); // not again within 2 s
    }
    w.now_ms = 12000;
    types(&w, 9);
    assert_non_null(snapshot(&w));
    world_end(&w);
}

static void r17_after_so_many_bytes(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.compact_bytes = 20});
    joins(&w, 0, ROOM_WRITE);
    w.now_ms = 10000;
    types(&w, 0); // 11 bytes
    assert_null(snapshot(&w));
    types(&w, 1); // 9
    assert_non_null(snapshot(&w));
    world_end(&w);
}

static void r17_when_idle(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.compact_idle_ms = 5000});
    joins(&w, 0, ROOM_WRITE);
    w.now_ms = 1000;
    types(&w, 0);
    w.now_ms = 4000;
    types(&w, 1);
    timer_at(&w, 6000);
    assert_null(snapshot(&w));
    timer_at(&w, room_due(w.room));
    assert_int_equal(w.now_ms, 9000);
    assert_non_null(snapshot(&w));
    timer_at(&w, 50000);
    assert_null(snapshot(&w));
    world_end(&w);
}

static void r17_when_the_first_append_is_old(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.compact_idle_ms = 5000, .compact_age_ms = 20000});
    joins(&w, 0, ROOM_WRITE);
    w.now_ms = 1000;
    for (uint32_t i = 0; i < 10; i++) {
        types(&w, i);
        w.now_ms += 2000; // never idle
        if (w.now_ms < 21000) assert_null(snapshot(&w));
    }
    types(&w, 10);
    assert_non_null(snapshot(&w));
    w.now_ms += 2000;
    types(&w, 11); // and counts anew
    assert_null(snapshot(&w));
    world_end(&w);
}

static void r17_when_the_last_member_leaves_and_at_compact(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    joins(&w, 1, ROOM_WRITE);
    types(&w, 0);
    happens(&w, ROOM_EV_COMPACT);
    assert_non_null(snapshot(&w));
    types(&w, 1);
    leaves(&w, 1);
    assert_null(snapshot(&w));
    leaves(&w, 0);
    assert_non_null(snapshot(&w));
    assert_int_equal(snapshot(&w)->seq, 2);
    world_end(&w);
}

static void r18_nothing_new_no_snapshot(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    world_step(&w, (struct room_event){.kind = ROOM_EV_LOAD, .bytes = UPDATE_HI});
    joins(&w, 0, ROOM_WRITE);
    happens(&w, ROOM_EV_COMPACT);
    assert_int_equal(w.fx.count, 0);
    timer_at(&w, 15000);
    assert_null(snapshot(&w));
    leaves(&w, 0);
    assert_int_equal(w.fx.count, 0);
    world_end(&w);
}

static void r19_first_a_base_then_deltas(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    happens(&w, ROOM_EV_COMPACT);
    assert_int_equal(snapshot(&w)->snapshot, ROOM_SNAPSHOT_BASE);
    assert_bytes(snapshot(&w)->bytes, UPDATE_HI);

    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_Q);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_BANG);
    happens(&w, ROOM_EV_COMPACT);
    assert_int_equal(snapshot(&w)->snapshot, ROOM_SNAPSHOT_DELTA);
    assert_restores(&w, UPDATE_HI, snapshot(&w)->bytes);
    // The next delta is against the base again, not against the delta before.
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_DEL);
    happens(&w, ROOM_EV_COMPACT);
    assert_int_equal(snapshot(&w)->snapshot, ROOM_SNAPSHOT_DELTA);
    assert_restores(&w, UPDATE_HI, snapshot(&w)->bytes);
    world_end(&w);
}

/* Client 3 types `len` letters into the text "u". */
static yd_slice long_update(uint8_t *out, size_t len)
{
    uint8_t *p = out;
    const uint8_t head[] = {1, 1, 3, 0, 4, 1, 1, 'u'};
    memcpy(p, head, sizeof head);
    p += sizeof head;
    p += yd_varuint_put(p, len);
    memset(p, 'y', len);
    p += len;
    *p++ = 0;
    return (yd_slice){out, (size_t)(p - out)};
}

static void r19_a_large_delta_becomes_the_base(void **state)
{
    (void)state;
    static uint8_t bytes[100 * 1024];
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    happens(&w, ROOM_EV_COMPACT);
    w.now_ms = 0; // within the pause: only the COMPACT below makes one
    says(&w, 0, ROOM_MSG_UPDATE, long_update(bytes, 70 * 1024));
    assert_null(snapshot(&w));
    happens(&w, ROOM_EV_COMPACT);
    assert_int_equal(snapshot(&w)->snapshot, ROOM_SNAPSHOT_BASE);
    assert_restores(&w, snapshot(&w)->bytes, YD_EMPTY);
    types(&w, 2);
    happens(&w, ROOM_EV_COMPACT);
    assert_int_equal(snapshot(&w)->snapshot, ROOM_SNAPSHOT_DELTA);
    assert_true(snapshot(&w)->bytes.len < 100);
    world_end(&w);
}

static void r19_a_delta_of_less_than_a_quarter_stays_one(void **state)
{
    (void)state;
    static uint8_t bytes[100 * 1024];
    struct world w;
    world_begin(&w, (struct room_opts){0});
    room_loaded_base(w.room, 400 * 1024);
    world_step(&w, (struct room_event){.kind = ROOM_EV_LOAD, .bytes = UPDATE_HI});
    joins(&w, 0, ROOM_WRITE);
    w.now_ms = 0;
    says(&w, 0, ROOM_MSG_UPDATE, long_update(bytes, 70 * 1024));
    happens(&w, ROOM_EV_COMPACT);
    assert_int_equal(snapshot(&w)->snapshot, ROOM_SNAPSHOT_DELTA);
    world_end(&w);
}

static void r19_what_is_parked_is_stored(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_HI);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_GAP);
    happens(&w, ROOM_EV_COMPACT);
    assert_restores(&w, snapshot(&w)->bytes, YD_EMPTY);
    says(&w, 0, ROOM_MSG_UPDATE, BYTES(1, 1, 4, 3, 0x84, 1, 4, 1, 'z', 0));
    happens(&w, ROOM_EV_COMPACT);
    assert_int_equal(snapshot(&w)->snapshot, ROOM_SNAPSHOT_DELTA);
    struct yd_doc *doc = room_doc(w.room);
    assert_true(yd_doc_pending(doc).structs);
    assert_true(snapshot(&w)->bytes.len > UPDATE_GAP.len);
    world_end(&w);
}

static void r20_delta_is_against_the_loaded_base(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    room_loaded_base(w.room, UPDATE_HI.len);
    world_step(&w, (struct room_event){.kind = ROOM_EV_LOAD, .bytes = UPDATE_HI});
    world_step(&w, (struct room_event){.kind = ROOM_EV_LOAD, .bytes = UPDATE_Q});
    joins(&w, 0, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_BANG);
    happens(&w, ROOM_EV_COMPACT);
    assert_int_equal(snapshot(&w)->snapshot, ROOM_SNAPSHOT_DELTA);
    // "?" came with a later LOAD, so it is in no base.
    assert_restores(&w, UPDATE_HI, snapshot(&w)->bytes);
    world_end(&w);
}

static void r58_loaded_appends_count_for_the_next_snapshot(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.compact_updates = 3});
    world_step(&w, (struct room_event){.kind = ROOM_EV_LOAD, .bytes = UPDATE_HI});
    assert_false(room_is_dirty(w.room));
    room_loaded_appends(w.room, 2, UPDATE_HI.len);
    assert_true(room_is_dirty(w.room));
    joins(&w, 0, ROOM_WRITE);
    w.now_ms = 5000;
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_BANG);
    assert_int_equal(snapshot(&w)->snapshot, ROOM_SNAPSHOT_BASE);
    assert_false(room_is_dirty(w.room));
    room_loaded_appends(w.room, 1, 1);
    happens(&w, ROOM_EV_COMPACT);
    assert_int_equal(w.fx.count, 1);
    happens(&w, ROOM_EV_COMPACT);
    assert_int_equal(w.fx.count, 0);
    world_end(&w);
}

/* A new room of these opts with the base of another one. */
static void restarts(struct world *w, struct room_opts opts, const struct world *from)
{
    const struct room_effect *base = snapshot(from);
    assert_non_null(base);
    assert_int_equal(base->snapshot, ROOM_SNAPSHOT_BASE);
    world_begin(w, opts);
    room_loaded_base(w->room, base->bytes.len);
    world_step(w, (struct room_event){.kind = ROOM_EV_LOAD, .bytes = base->bytes});
}

static bool is_refused(const struct world *w)
{
    for (size_t i = 0; i < w->fx.count; i++) {
        if (effect(w, i)->kind == ROOM_FX_IGNORED) return effect(w, i)->cause == ROOM_CAUSE_FULL;
    }
    return false;
}

/* Each letter is one struct, which as a whole state is reckoned to cost more than it does. */
static void r20_a_document_at_its_limit_is_loaded_and_still_full(void **state)
{
    (void)state;
    const struct room_opts opts = {
        .doc_bytes_max = 100000, .compact_bytes = 1u << 30, .compact_updates = 1u << 30};
    struct world w, again;
    world_begin(&w, opts);
    joins(&w, 0, ROOM_WRITE);
    uint32_t n = 0;
    do {
        uint8_t bytes[16];
        const yd_slice one = letter(bytes, n);
        // Each before the last one: they do not grow together.
        if (n > 0) bytes[one.len - (n - 1 < 128 ? 5 : 6)] = 0x44;
        says(&w, 0, ROOM_MSG_UPDATE, one);
        n++;
    } while (!is_refused(&w) && n < 10000);
    assert_true(n > 10 && n < 10000);
    happens(&w, ROOM_EV_COMPACT);
    restarts(&again, opts, &w);
    joins(&again, 0, ROOM_WRITE);
    says(&again, 0, ROOM_MSG_STEP1, BYTES(0));
    const yd_slice state_again = effect(&again, again.fx.count - 1)->bytes;
    says(&w, 0, ROOM_MSG_STEP1, BYTES(0));
    assert_bytes(state_again, effect(&w, w.fx.count - 1)->bytes);
    uint8_t big[60000] = {1, 1, 9, 0, 4, 1, 1, 't', 0xd0, 0xd4, 3};
    memset(big + 11, 'x', 59984);
    big[11 + 59984] = 0;
    says(&again, 0, ROOM_MSG_UPDATE, (yd_slice){big, 11 + 59984 + 1});
    assert_true(is_refused(&again));
    world_end(&again);
    world_end(&w);
}

/* Reckoned as an update of a client it would need more than an engine's document may ever have; a
 * document of so many pieces comes about in small updates. */
static void r20_a_document_of_seven_million_pieces_is_loaded(void **state)
{
    (void)state;
    enum { PIECES = 7100000 };
    uint8_t *bytes = malloc(16 + 2 * PIECES), *at = bytes;
    assert_non_null(bytes);
    *at++ = 1;
    at += yd_varuint_put(at, PIECES);
    *at++ = 5, *at++ = 0;
    for (size_t i = 0; i < PIECES; i++) *at++ = 0, *at++ = 1; // collected, one clock
    *at++ = 0;
    const struct room_event load = {.kind = ROOM_EV_LOAD, .bytes = {bytes, (size_t)(at - bytes)}};
    for (int is_delta = 0; is_delta < 2; is_delta++) {
        struct world w;
        world_begin(&w, (struct room_opts){0});
        if (is_delta) world_step(&w, (struct room_event){.kind = ROOM_EV_LOAD, .bytes = UPDATE_HI});
        world_step(&w, load);
        assert_true(yd_doc_stats(room_doc(w.room)).clients > (uint64_t)is_delta);
        // Nobody but the store may say so.
        joins(&w, 0, ROOM_WRITE);
        bytes[5] = 6;
        says(&w, 0, ROOM_MSG_UPDATE, load.bytes);
        assert_true(is_refused(&w));
        bytes[5] = 5;
        world_end(&w);
    }
    free(bytes);
}

/* The whole state counts as what might have to wait, if anything in it does. */
static void r20_a_document_with_a_gap_is_loaded_however_large(void **state)
{
    (void)state;
    const struct room_opts opts = {.pending_bytes_max = 1000};
    struct world w, again;
    world_begin(&w, opts);
    joins(&w, 0, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_UPDATE, BYTES(1, 1, 2, 5, 0x84, 2, 4, 1, 'x', 0));
    assert_true(room_has_gap(w.room));
    uint8_t big[1200] = {1, 1, 9, 0, 4, 1, 1, 't', 0xd0, 7};
    memset(big + 10, 'x', 976);
    big[10 + 976] = 0;
    for (uint8_t client = 9; client < 12; client++) {
        big[2] = client;
        says(&w, 0, ROOM_MSG_UPDATE, (yd_slice){big, 10 + 976 + 1});
        assert_false(is_refused(&w));
    }
    happens(&w, ROOM_EV_COMPACT);
    restarts(&again, opts, &w);
    assert_true(room_has_gap(again.room));
    joins(&again, 0, ROOM_WRITE);
    big[2] = 2; // what was missing
    says(&again, 0, ROOM_MSG_UPDATE, (yd_slice){big, 10 + 976 + 1});
    assert_false(room_has_gap(again.room));
    world_end(&again);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r17_after_so_many_appends),
        cmocka_unit_test(r17_after_so_many_bytes),
        cmocka_unit_test(r17_when_idle),
        cmocka_unit_test(r17_when_the_first_append_is_old),
        cmocka_unit_test(r17_when_the_last_member_leaves_and_at_compact),
        cmocka_unit_test(r18_nothing_new_no_snapshot),
        cmocka_unit_test(r19_first_a_base_then_deltas),
        cmocka_unit_test(r19_a_large_delta_becomes_the_base),
        cmocka_unit_test(r19_a_delta_of_less_than_a_quarter_stays_one),
        cmocka_unit_test(r19_what_is_parked_is_stored),
        cmocka_unit_test(r20_delta_is_against_the_loaded_base),
        cmocka_unit_test(r58_loaded_appends_count_for_the_next_snapshot),
        cmocka_unit_test(r20_a_document_at_its_limit_is_loaded_and_still_full),
        cmocka_unit_test(r20_a_document_of_seven_million_pieces_is_loaded),
        cmocka_unit_test(r20_a_document_with_a_gap_is_loaded_however_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
