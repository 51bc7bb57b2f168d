/* What a member lacks: docs/room-rules.md R50 to R56. */
#include "room_world.h"

#include "ydoc/parts.h"

#define STATE(client, clock) BYTES(1, client, clock, 2, '{', '}')

/* A member's document, as far as it was sent it. */
struct reader {
    struct heap heap;
    struct yd_doc *doc;
    unsigned parts;
    bool synced;
};

static void reader_begin(struct reader *r)
{
    memset(r, 0, sizeof *r);
    assert_int_equal(YD_OK, yd_doc_new((yd_alloc){heap_resize, &r->heap}, NULL, &r->doc));
}

/* Takes what the last step sent to the member; nothing of it may have to wait. */
static void reader_takes(struct reader *r, const struct world *w, uint32_t member)
{
    for (size_t i = 0; i < w->fx.count; i++) {
        const struct room_effect *fx = effect(w, i);
        bool has_update = fx->message == ROOM_MSG_UPDATE || fx->message == ROOM_MSG_STEP2;
        if (fx->kind != ROOM_FX_SEND || fx->member != member || !has_update) continue;
        struct yd_applied applied;
        assert_int_equal(YD_OK, yd_doc_apply(r->doc, fx->bytes, YD_V1, &applied));
        assert_false(applied.parked);
        r->parts++;
        r->synced = fx->message == ROOM_MSG_STEP2;
    }
}

static void assert_same(struct world *w, struct reader *r)
{
    struct yd_buf a, b;
    yd_buf_init(&a, (yd_alloc){heap_resize, &r->heap}, 1 << 24);
    yd_buf_init(&b, (yd_alloc){heap_resize, &r->heap}, 1 << 24);
    assert_int_equal(YD_OK, yd_doc_snapshot(room_doc(w->room), &a));
    assert_int_equal(YD_OK, yd_doc_snapshot(r->doc, &b));
    assert_true(yd_slice_equal(yd_buf_slice(&a), yd_buf_slice(&b)));
    yd_buf_deinit(&a);
    yd_buf_deinit(&b);
}

static void reader_end(struct reader *r)
{
    yd_doc_free(r->doc);
    assert_int_equal(0, r->heap.live);
}

static bool has_effect(const struct world *w, enum room_effect_kind kind, uint32_t member)
{
    for (size_t i = 0; i < w->fx.count; i++) {
        if (effect(w, i)->kind == kind && effect(w, i)->member == member) return true;
    }
    return false;
}

/* Member 0 types `count` letters, as client `client` from a clock on, into the text "t". */
static void types(struct world *w, uint8_t client, uint16_t clock, uint16_t count)
{
    uint8_t bytes[4096];
    size_t len = 0;
    bytes[len++] = 1;
    bytes[len++] = 1;
    bytes[len++] = client;
    len += yd_varuint_put(bytes + len, clock);
    if (clock == 0) {
        memcpy(bytes + len, (const uint8_t[]){4, 1, 1, 't'}, 4);
        len += 4;
    } else {
        bytes[len++] = 0x84;
        bytes[len++] = client;
        len += yd_varuint_put(bytes + len, clock - 1u);
    }
    len += yd_varuint_put(bytes + len, count);
    memset(bytes + len, 'a' + client, count);
    len += count;
    bytes[len++] = 0;
    says(w, 0, ROOM_MSG_UPDATE, (yd_slice){bytes, len});
}

static void deletes(struct world *w, uint8_t client, uint16_t clock)
{
    uint8_t bytes[16] = {0, 1, client, 1};
    size_t len = 4;
    len += yd_varuint_put(bytes + len, clock);
    bytes[len++] = 1;
    says(w, 0, ROOM_MSG_UPDATE, (yd_slice){bytes, len});
}

static void drained(struct world *w, uint32_t member)
{
    world_step(w, (struct room_event){.kind = ROOM_EV_DRAINED, .member = member});
}

static void behind(struct world *w, uint32_t member)
{
    world_step(w, (struct room_event){.kind = ROOM_EV_BEHIND, .member = member});
}

static void large_begin(struct world *w)
{
    world_begin(w, (struct room_opts){.part_bytes = 500});
    joins(w, 0, ROOM_WRITE);
    for (uint8_t client = 1; client < 6; client++) {
        for (uint16_t n = 0; n < 4; n++) types(w, client, n * 200u, 200);
    }
    for (uint16_t n = 0; n < 20; n++) deletes(w, 2, n * 7u);
}

static void r50_a_large_document_comes_in_parts(void **state)
{
    (void)state;
    struct world w;
    struct reader r;
    large_begin(&w);
    reader_begin(&r);
    joins(&w, 1, ROOM_WRITE);
    says(&w, 1, ROOM_MSG_STEP1, BYTES(0));
    assert_int_equal(2, w.fx.count);
    assert_int_equal(ROOM_MSG_UPDATE, effect(&w, 0)->message);
    assert_true(effect(&w, 0)->bytes.len < 600);
    assert_int_equal(ROOM_FX_HOLD, effect(&w, 1)->kind);
    reader_takes(&r, &w, 1);
    for (int i = 0; i < 40 && !r.synced; i++) {
        drained(&w, 1);
        reader_takes(&r, &w, 1);
        assert_true(effect(&w, 0)->bytes.len < 600);
    }
    assert_true(r.synced && r.parts > 5);
    assert_int_equal(ROOM_FX_RESUME, effect(&w, w.fx.count - 1)->kind);
    assert_same(&w, &r);
    drained(&w, 1);
    assert_int_equal(0, w.fx.count);
    reader_end(&r);
    world_end(&w);
}

static void r50_what_fits_one_part_is_answered_at_once(void **state)
{
    (void)state;
    struct world w;
    large_begin(&w);
    joins(&w, 1, ROOM_READ);
    // All of 1 to 5, but for the last 100 letters of client 5.
    says(&w, 1, ROOM_MSG_STEP1,
         BYTES(5, 1, 0xa0, 6, 2, 0xa0, 6, 3, 0xa0, 6, 4, 0xa0, 6, 5, 0xbc, 5));
    assert_int_equal(1, w.fx.count);
    assert_int_equal(ROOM_MSG_STEP2, effect(&w, 0)->message);
    assert_int_equal(room_last_seq(w.room), effect(&w, 0)->gate_seq);
    world_end(&w);
}

static void r51_who_has_nothing_shares_the_parts(void **state)
{
    (void)state;
    struct world w;
    struct reader r[3];
    large_begin(&w);
    uint64_t shares[64];
    size_t lens[64], count = 0;
    for (uint32_t m = 0; m < 3; m++) {
        reader_begin(&r[m]);
        joins(&w, m + 1, ROOM_WRITE);
        for (size_t i = 0; !r[m].synced; i++) {
            if (i == 0) says(&w, m + 1, ROOM_MSG_STEP1, BYTES(0));
            if (i > 0) drained(&w, m + 1);
            reader_takes(&r[m], &w, m + 1);
            if (m == 0) {
                assert_true(count < 64);
                lens[count] = effect(&w, 0)->bytes.len;
                shares[count++] = effect(&w, 0)->share;
            } else if (m == 1 || !r[m].synced) {
                assert_int_equal(shares[i], effect(&w, 0)->share);
                assert_int_equal(lens[i], effect(&w, 0)->bytes.len);
            }
            assert_true(effect(&w, 0)->share != 0);
        }
        // What comes now is in no part; the third one is sent it last.
        if (m == 1) deletes(&w, 3, 5);
        if (m == 1) types(&w, 6, 0, 10);
    }
    assert_same(&w, &r[2]);
    happens(&w, ROOM_EV_COMPACT);
    size_t with_parts = w.heap.live;
    timer_at(&w, w.now_ms + 10001);
    assert_true(w.heap.live + 3000 < with_parts);
    for (int m = 0; m < 3; m++) reader_end(&r[m]);
    world_end(&w);
}

static void r51_who_stops_reading_keeps_no_parts(void **state)
{
    (void)state;
    struct world w;
    struct reader r;
    large_begin(&w);
    reader_begin(&r);
    joins(&w, 1, ROOM_WRITE);
    says(&w, 1, ROOM_MSG_STEP1, BYTES(0));
    reader_takes(&r, &w, 1);
    drained(&w, 1);
    reader_takes(&r, &w, 1);
    happens(&w, ROOM_EV_COMPACT);
    size_t with_parts = w.heap.live;
    timer_at(&w, w.now_ms + 10001);
    assert_true(w.heap.live + 800 < with_parts);
    types(&w, 6, 0, 10);
    deletes(&w, 1, 3);
    for (int i = 0; i < 40 && !r.synced; i++) {
        drained(&w, 1);
        assert_int_equal(0, effect(&w, 0)->share);
        reader_takes(&r, &w, 1);
    }
    assert_same(&w, &r);
    reader_end(&r);
    world_end(&w);
}

static void many_deletes_begin(struct world *w)
{
    world_begin(w, (struct room_opts){.part_bytes = 1 << 20});
    joins(w, 0, ROOM_WRITE);
    types(w, 1, 0, 3000);
    for (uint16_t n = 0; n < 1000; n++) deletes(w, 1, n * 3u);
    joins(w, 1, ROOM_READ);
}

/* What somebody who has all says of its deletes. */
static yd_slice step2_of(struct world *w, struct yd_buf *out)
{
    yd_buf_init(out, world_alloc(w), 1 << 20);
    assert_int_equal(YD_OK, yd_doc_encode_state(room_doc(w->room), YD_EMPTY, YD_V1, out));
    return yd_buf_slice(out);
}

static void r52_who_has_all_is_sent_no_deletes(void **state)
{
    (void)state;
    struct world w;
    struct yd_buf step2;
    many_deletes_begin(&w);
    yd_slice all = step2_of(&w, &step2);
    says(&w, 1, ROOM_MSG_STEP1, BYTES(1, 1, 0xb8, 0x17));
    assert_int_equal(0, w.fx.count);
    deletes(&w, 1, 1); // it does not know that one
    says(&w, 1, ROOM_MSG_STEP2, all);
    const struct room_effect *answer = effect(&w, w.fx.count - 1);
    assert_int_equal(ROOM_MSG_STEP2, answer->message);
    assert_bytes(answer->bytes, BYTES(0, 1, 1, 1, 1, 1));
    // It has said so once; from then on it is not waited for.
    says(&w, 1, ROOM_MSG_STEP1, BYTES(1, 1, 0xb8, 0x17));
    assert_int_equal(1, w.fx.count);
    assert_true(effect(&w, 0)->bytes.len > 2000);
    yd_buf_deinit(&step2);
    world_end(&w);
}

static void r52_who_never_says_what_it_has_is_sent_all(void **state)
{
    (void)state;
    struct world w;
    many_deletes_begin(&w);
    says(&w, 1, ROOM_MSG_STEP1, BYTES(1, 1, 0xb8, 0x17));
    assert_int_equal(0, w.fx.count);
    timer_at(&w, w.now_ms + 1900);
    assert_int_equal(0, w.fx.count);
    assert_true(room_due(w.room) <= w.now_ms + 200);
    timer_at(&w, w.now_ms + 200);
    assert_int_equal(ROOM_MSG_STEP2, effect(&w, 0)->message);
    assert_true(effect(&w, 0)->bytes.len > 2000);
    // Rubbish in place of a STEP2 is an answer, too.
    joins(&w, 2, ROOM_WRITE);
    says(&w, 2, ROOM_MSG_STEP1, BYTES(1, 1, 5));
    says(&w, 2, ROOM_MSG_STEP2, BYTES(9));
    assert_true(effect(&w, w.fx.count - 1)->bytes.len > 2000);
    // Who has nothing has no deletes to tell of.
    joins(&w, 3, ROOM_WRITE);
    says(&w, 3, ROOM_MSG_STEP1, BYTES(0));
    assert_int_equal(1, w.fx.count);
    world_end(&w);
}

/* A client that syncs by the clock says what it has only when it is asked. */
static void r57_who_was_answered_is_not_waited_for(void **state)
{
    (void)state;
    struct world w;
    many_deletes_begin(&w);
    world_step(&w, (struct room_event){.kind = ROOM_EV_RESUME, .member = 2});
    says(&w, 2, ROOM_MSG_STEP1, BYTES(1, 1, 0xb8, 0x17));
    assert_int_equal(1, w.fx.count);
    assert_int_equal(ROOM_MSG_STEP2, effect(&w, 0)->message);
    world_end(&w);
}

static void r53_who_is_behind_is_sent_what_it_missed(void **state)
{
    (void)state;
    struct world w;
    struct reader r;
    large_begin(&w);
    reader_begin(&r);
    joins(&w, 1, ROOM_WRITE);
    for (says(&w, 1, ROOM_MSG_STEP1, BYTES(0)); reader_takes(&r, &w, 1), !r.synced;) {
        drained(&w, 1);
    }
    behind(&w, 1);
    assert_int_equal(1, w.fx.count);
    assert_int_equal(ROOM_FX_HOLD, effect(&w, 0)->kind);
    behind(&w, 1);
    assert_int_equal(0, w.fx.count);
    for (uint16_t n = 0; n < 8; n++) types(&w, 7, n * 200u, 200);
    deletes(&w, 7, 4);
    deletes(&w, 1, 9);
    deletes(&w, 1, 11);
    r.parts = 0;
    for (int i = 0; i < 10; i++) {
        drained(&w, 1);
        reader_takes(&r, &w, 1);
        if (has_effect(&w, ROOM_FX_RESUME, 1)) break;
    }
    assert_true(r.parts == 4 || r.parts == 5);
    assert_false(r.synced); // nobody asked: the last part is an UPDATE too
    assert_same(&w, &r);
    // Who missed nothing is sent nothing.
    behind(&w, 1);
    drained(&w, 1);
    assert_int_equal(1, w.fx.count);
    assert_int_equal(ROOM_FX_RESUME, effect(&w, 0)->kind);
    reader_end(&r);
    world_end(&w);
}

static void r54_only_the_deletes_that_it_missed(void **state)
{
    (void)state;
    struct world w;
    many_deletes_begin(&w);
    behind(&w, 1);
    deletes(&w, 1, 7);
    joins(&w, 2, ROOM_WRITE);
    behind(&w, 2);
    deletes(&w, 1, 10);
    drained(&w, 1);
    assert_bytes(effect(&w, 0)->bytes, BYTES(0, 1, 1, 2, 7, 1, 10, 1));
    drained(&w, 2);
    assert_bytes(effect(&w, 0)->bytes, BYTES(0, 1, 1, 1, 10, 1));
    // More than is kept: all.
    behind(&w, 1);
    for (uint16_t n = 0; n < 1000; n++) deletes(&w, 1, (uint16_t)(n * 3u + 1u));
    types(&w, 2, 0, 2000);
    for (uint16_t round = 0; round < 12; round++) {
        types(&w, 3, round * 2000u, 2000);
        for (uint16_t n = 0; n < 2000; n += 2) deletes(&w, 3, (uint16_t)(round * 2000u + n));
    }
    drained(&w, 1);
    struct yd_buf all;
    yd_buf_init(&all, world_alloc(&w), 1 << 20);
    assert_int_equal(YD_OK, yd_doc_encode_deletes(room_doc(w.room), YD_EMPTY, &all));
    yd_slice got = effect(&w, 0)->bytes;
    assert_true(got.len > all.len);
    assert_memory_equal(got.ptr + got.len - all.len, all.ptr, all.len);
    yd_buf_deinit(&all);
    world_end(&w);
}

static void r54_what_waits_for_missing_clocks_is_sent_too(void **state)
{
    (void)state;
    struct world w;
    struct reader r;
    world_begin(&w, (struct room_opts){.part_bytes = 100});
    reader_begin(&r);
    joins(&w, 0, ROOM_WRITE);
    joins(&w, 1, ROOM_WRITE);
    says(&w, 1, ROOM_MSG_STEP1, BYTES(0));
    behind(&w, 1);
    says(&w, 0, ROOM_MSG_UPDATE, UPDATE_GAP);
    drained(&w, 1);
    struct yd_applied applied;
    assert_int_equal(YD_OK, yd_doc_apply(r.doc, effect(&w, 0)->bytes, YD_V1, &applied));
    assert_true(applied.parked);
    reader_end(&r);
    world_end(&w);
}

static void r55_a_held_member_that_asks_is_answered_last(void **state)
{
    (void)state;
    struct world w;
    struct reader r;
    large_begin(&w);
    reader_begin(&r);
    joins(&w, 1, ROOM_WRITE);
    behind(&w, 1); // before it has asked: what it has is not known yet
    says(&w, 1, ROOM_MSG_STEP1, BYTES(0));
    assert_int_equal(0, w.fx.count);
    for (int i = 0; i < 40 && !r.synced; i++) {
        drained(&w, 1);
        reader_takes(&r, &w, 1);
        if (i == 3) says(&w, 1, ROOM_MSG_STEP1, BYTES(0)); // begins nothing anew
    }
    assert_true(r.parts < 15);
    assert_same(&w, &r);
    behind(&w, 1);
    types(&w, 8, 0, 10);
    says(&w, 1, ROOM_MSG_STEP1, BYTES(0));
    assert_int_equal(0, w.fx.count);
    drained(&w, 1);
    assert_int_equal(ROOM_MSG_STEP2, effect(&w, 0)->message);
    assert_true(effect(&w, 0)->bytes.len < 40);
    says(&w, 1, ROOM_MSG_STEP1, BYTES(9));
    assert_ignored(&w, 1);
    reader_end(&r);
    world_end(&w);
}

static void r56_presence_is_the_newest(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    for (uint32_t m = 0; m < 4; m++) joins(&w, m, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_AWARENESS, STATE(7, 1));
    says(&w, 2, ROOM_MSG_AWARENESS, STATE(8, 1));
    says(&w, 3, ROOM_MSG_AWARENESS, STATE(9, 1));
    happens(&w, ROOM_EV_TICK);
    behind(&w, 1);
    for (uint8_t clock = 2; clock < 9; clock++) {
        says(&w, 0, ROOM_MSG_AWARENESS, STATE(7, clock));
        happens(&w, ROOM_EV_TICK);
    }
    leaves(&w, 2);
    happens(&w, ROOM_EV_TICK);
    drained(&w, 1);
    assert_int_equal(2, w.fx.count);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_AWARENESS,
                 BYTES(2, 7, 8, 2, '{', '}', 8, 1, 4, 'n', 'u', 'l', 'l'));
    assert_int_equal(ROOM_FX_RESUME, effect(&w, 1)->kind);
    world_end(&w);
}

static void r53_a_held_member_is_kept_alive(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){.keepalive_ms = 1000});
    joins(&w, 0, ROOM_WRITE);
    joins(&w, 1, ROOM_WRITE);
    behind(&w, 1);
    w.now_ms += 900;
    types(&w, 1, 0, 5);
    timer_at(&w, w.now_ms + 200);
    assert_int_equal(1, w.fx.count);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_AWARENESS, BYTES(0));
    assert_int_equal(1, effect(&w, 0)->member);
    leaves(&w, 1); // with all that was kept for it
    world_end(&w);
}

/* The tick that would have told it is for those who are not held. Found by the simulation:
 * seed 211. */
static void r56_what_the_next_tick_would_have_told_is_not_lost(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct room_opts){0});
    for (uint32_t m = 0; m < 3; m++) joins(&w, m, ROOM_WRITE);
    says(&w, 0, ROOM_MSG_AWARENESS, STATE(7, 1));
    happens(&w, ROOM_EV_TICK);
    leaves(&w, 0);
    behind(&w, 1);
    happens(&w, ROOM_EV_TICK);
    drained(&w, 1);
    assert_int_equal(2, w.fx.count);
    assert_sends(&w, 0, ROOM_TO_ONE, ROOM_MSG_AWARENESS, BYTES(1, 7, 1, 4, 'n', 'u', 'l', 'l'));
    assert_int_equal(ROOM_FX_RESUME, effect(&w, 1)->kind);
    world_end(&w);
}

/* Where in the last step a message to the member is; SIZE_MAX: it is not. */
static size_t place_of(const struct world *w, uint32_t member, enum room_message message)
{
    for (size_t i = 0; i < w->fx.count; i++) {
        const struct room_effect *fx = effect(w, i);
        if (fx->kind == ROOM_FX_SEND && fx->to == ROOM_TO_ONE && fx->member == member &&
            fx->message == message)
            return i;
    }
    return SIZE_MAX;
}

static void counts_begin(struct world *w)
{
    world_step(
        w, (struct room_event){
               .kind = ROOM_EV_JOIN, .member = 1, .right = ROOM_WRITE, .wants = ROOM_WANTS_STATUS});
}

/* With nothing left to be confirmed a Hocuspocus provider says "synced", and an application that
 * fills empty documents then does. Simulation: seed 41. */
static void r40_who_is_in_sync_was_sent_all(void **state)
{
    (void)state;
    for (int again = 0; again < 2; again++) {
        struct world w;
        large_begin(&w);
        counts_begin(&w);
        says(&w, 1, ROOM_MSG_STEP1, BYTES(0));
        says(&w, 1, ROOM_MSG_STEP2, BYTES(0, 0));
        assert_int_equal(0, w.fx.count);
        says(&w, 1, ROOM_MSG_UPDATE, UPDATE_HI); // its client has counted one more for that
        assert_true(place_of(&w, 1, ROOM_MSG_STATUS) != SIZE_MAX);
        drained(&w, 1);
        if (again == 1) { // it begins to count anew, with one to be confirmed
            says(&w, 1, ROOM_MSG_STEP1, BYTES(0));
            says(&w, 1, ROOM_MSG_STEP2, BYTES(0, 0));
            assert_int_equal(0, w.fx.count);
        }
        int statuses = 0;
        for (int i = 0; i < 40 && statuses == 0; i++) {
            drained(&w, 1);
            size_t answer = place_of(&w, 1, ROOM_MSG_STEP2);
            size_t status = place_of(&w, 1, ROOM_MSG_STATUS);
            assert_true((answer == SIZE_MAX) == (status == SIZE_MAX));
            if (status == SIZE_MAX) continue;
            assert_int_equal(answer + 1, status);
            assert_bytes(effect(&w, status)->bytes, BYTES(1));
            assert_int_equal(room_last_seq(w.room), effect(&w, status)->gate_seq);
            assert_int_equal(ROOM_FX_RESUME, effect(&w, status + 1)->kind);
            statuses++;
        }
        assert_int_equal(1, statuses);
        drained(&w, 1);
        assert_int_equal(0, w.fx.count);
        world_end(&w);
    }
}

/* So it is where the answer waits for what the STEP2 says (R52). */
static void r40_the_answer_that_waits_for_a_step2_goes_before_its_status(void **state)
{
    (void)state;
    struct world w;
    many_deletes_begin(&w);
    leaves(&w, 1);
    counts_begin(&w);
    says(&w, 1, ROOM_MSG_STEP1, BYTES(1, 1, 0xb8, 0x17));
    assert_int_equal(0, w.fx.count);
    says(&w, 1, ROOM_MSG_STEP2, BYTES(0, 0));
    assert_int_equal(2, w.fx.count);
    assert_int_equal(0, place_of(&w, 1, ROOM_MSG_STEP2));
    assert_int_equal(1, place_of(&w, 1, ROOM_MSG_STATUS));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r50_a_large_document_comes_in_parts),
        cmocka_unit_test(r50_what_fits_one_part_is_answered_at_once),
        cmocka_unit_test(r51_who_has_nothing_shares_the_parts),
        cmocka_unit_test(r51_who_stops_reading_keeps_no_parts),
        cmocka_unit_test(r52_who_has_all_is_sent_no_deletes),
        cmocka_unit_test(r52_who_never_says_what_it_has_is_sent_all),
        cmocka_unit_test(r57_who_was_answered_is_not_waited_for),
        cmocka_unit_test(r53_who_is_behind_is_sent_what_it_missed),
        cmocka_unit_test(r53_a_held_member_is_kept_alive),
        cmocka_unit_test(r54_only_the_deletes_that_it_missed),
        cmocka_unit_test(r54_what_waits_for_missing_clocks_is_sent_too),
        cmocka_unit_test(r55_a_held_member_that_asks_is_answered_last),
        cmocka_unit_test(r56_presence_is_the_newest),
        cmocka_unit_test(r56_what_the_next_tick_would_have_told_is_not_lost),
        cmocka_unit_test(r40_who_is_in_sync_was_sent_all),
        cmocka_unit_test(r40_the_answer_that_waits_for_a_step2_goes_before_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
