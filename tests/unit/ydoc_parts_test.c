/* ydoc_parts_test.c - a document in several small updates (docs/encoding.md U90 to U93). */
#include "unit/ydoc_test.h"

#include "ydoc/parts.h"

#define CLIENTS 5

/* Three clients: 1 types "ab", 2 types "cd" between a and b, 1 types "e" behind the d. */
static const char *const ab = "01010100 0401 0174 026162 00";
static const char *const cd = "01010200 c4 0100 0101 026364 00";
static const char *const e_behind_d = "01010102 c4 0201 0101 0165 00";
static const char *const ab_deleted = "00 01 01 01 00 02";

struct typist {
    uint32_t seed;
    uint32_t clocks[CLIENTS]; /* of client i + 1 */
};

static uint32_t draw(struct typist *t, uint32_t below)
{
    t->seed = t->seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)t->seed * below) >> 32);
}

static void put(struct yd_buf *out, uint64_t value)
{
    assert_int_equal(YD_OK, yd_buf_varuint(out, value));
}

/* Somebody types behind any character of anybody, or deletes one. */
static void type_something(struct typist *t, struct bed *bed)
{
    uint32_t client = draw(t, CLIENTS), other = draw(t, CLIENTS), len = 1 + draw(t, 40);
    yd_buf_clear(&bed->out);
    if (t->clocks[other] > 0 && draw(t, 4) == 0) {
        const uint64_t update[] = {0, 1, other + 1, 1, draw(t, t->clocks[other]), 1};
        for (size_t i = 0; i < sizeof update / sizeof *update; i++) put(&bed->out, update[i]);
    } else {
        bool first = t->clocks[other] == 0;
        const uint64_t head[] = {1, 1, client + 1, t->clocks[client]};
        for (size_t i = 0; i < sizeof head / sizeof *head; i++) put(&bed->out, head[i]);
        assert_int_equal(YD_OK, yd_buf_u8(&bed->out, first ? 4 : 0x84));
        put(&bed->out, first ? 1 : other + 1);
        if (first) {
            assert_int_equal(YD_OK, yd_buf_varbytes(&bed->out, YD_LITERAL("t")));
        } else {
            put(&bed->out, draw(t, t->clocks[other]));
        }
        put(&bed->out, len);
        for (uint32_t i = 0; i < len; i++) put(&bed->out, 'a' + draw(t, 26));
        put(&bed->out, 0);
        t->clocks[client] += len;
    }
    assert_int_equal(YD_OK, yd_doc_apply(bed->doc, yd_buf_slice(&bed->out), YD_V1, NULL));
}

/* Sends `from` to `to` in parts of about `bytes`; how many there were. */
static unsigned send_parts(struct bed *from, struct bed *to, size_t bytes, size_t largest)
{
    struct yd_buf part, sv, after;
    bool all = false;
    unsigned parts = 0;
    yd_buf_init(&part, heap_alloc(&from->heap), (size_t)1 << 24);
    yd_buf_init(&sv, heap_alloc(&from->heap), 4096);
    yd_buf_init(&after, heap_alloc(&from->heap), 4096);
    assert_int_equal(YD_OK, yd_doc_state_vector(to->doc, &sv));
    while (!all) {
        struct yd_applied applied;
        yd_buf_clear(&part);
        yd_buf_clear(&after);
        assert_int_equal(
            YD_OK, yd_doc_encode_part(from->doc, yd_buf_slice(&sv), bytes, &part, &after, &all));
        assert_true(part.len <= largest);
        yd_slice deletes = YD_NO_DELETES;
        if (all) {
            assert_int_equal(YD_OK, yd_doc_encode_deletes(from->doc, YD_EMPTY, &part));
        } else {
            assert_int_equal(YD_OK, yd_buf_append(&part, deletes));
        }
        assert_int_equal(YD_OK, yd_doc_apply(to->doc, yd_buf_slice(&part), YD_V1, &applied));
        assert_false(applied.parked);
        struct yd_buf swap = sv;
        sv = after;
        after = swap;
        parts++;
    }
    yd_doc_check(to->doc);
    yd_buf_deinit(&part);
    yd_buf_deinit(&sv);
    yd_buf_deinit(&after);
    return parts;
}

static void assert_same(struct bed *a, struct bed *b)
{
    yd_buf_clear(&a->out);
    yd_buf_clear(&b->out);
    assert_int_equal(YD_OK, yd_doc_snapshot(a->doc, &a->out));
    assert_int_equal(YD_OK, yd_doc_snapshot(b->doc, &b->out));
    assert_int_equal(YD_OK,
                     yd_doc_json(a->doc, YD_ROOT_TEXT, YD_LITERAL("t"), YD_JSON_PLAIN, &a->out));
    assert_int_equal(YD_OK,
                     yd_doc_json(b->doc, YD_ROOT_TEXT, YD_LITERAL("t"), YD_JSON_PLAIN, &b->out));
    assert_true(yd_slice_equal(yd_buf_slice(&a->out), yd_buf_slice(&b->out)));
}

static void u90_parts_need_nothing_that_comes_later(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 60; seed++) {
        struct typist typist = {.seed = seed};
        struct bed from, to;
        bed_begin(&from, NULL);
        bed_begin(&to, NULL);
        for (int i = 0; i < 300; i++) type_something(&typist, &from);
        unsigned parts = send_parts(&from, &to, 40 * seed, 40 * seed + 64);
        if (seed < 10) assert_true(parts > 5);
        assert_same(&from, &to);
        // What comes later goes to who has a part of it, in parts too.
        for (int i = 0; i < 100; i++) type_something(&typist, &from);
        (void)send_parts(&from, &to, 30, 94);
        assert_same(&from, &to);
        bed_end(&from);
        bed_end(&to);
    }
}

static void u90_structs_wait_for_those_of_others(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, ab);
    bed_apply(&bed, cd);
    bed_apply(&bed, e_behind_d);
    struct yd_buf after;
    bool all = true;
    yd_buf_init(&after, heap_alloc(&bed.heap), 4096);
    // 2 is written first and needs 1; 1 needs 2 only behind its clock 2.
    assert_int_equal(YD_OK, yd_doc_encode_part(bed.doc, YD_EMPTY, 1, &bed.out, &after, &all));
    assert_hex("01010100 0401 0174 0161", &bed.out);
    assert_hex("01 0101", &after);
    assert_false(all);
    yd_slice sv = hex_bytes("01 0102");
    yd_buf_clear(&bed.out);
    yd_buf_clear(&after);
    assert_int_equal(YD_OK, yd_doc_encode_part(bed.doc, sv, 1000, &bed.out, &after, &all));
    assert_hex("02 01 02 00 c4 0100 0101 026364 01 01 02 c4 0201 0101 0165", &bed.out);
    assert_true(all);
    hex_free(sv);
    yd_buf_deinit(&after);
    bed_end(&bed);
}

/* A text of 3,000 units in one struct: ASCII, and pairs of surrogates. */
static void text_bed(struct bed *bed, const char *character, uint32_t count)
{
    bed_begin(bed, NULL);
    yd_slice c = {(const uint8_t *)character, strlen(character)};
    const uint64_t head[] = {1, 1, 1, 0, 4, 1, 1, 't', count * c.len};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) put(&bed->out, head[i]);
    for (uint32_t i = 0; i < count; i++) assert_int_equal(YD_OK, yd_buf_append(&bed->out, c));
    put(&bed->out, 0);
    assert_int_equal(YD_OK, yd_doc_apply(bed->doc, yd_buf_slice(&bed->out), YD_V1, NULL));
}

static void u91_texts_are_cut_between_characters(void **state)
{
    (void)state;
    const char *const characters[] = {"x", "\xc3\xa9", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
        struct bed from, to;
        text_bed(&from, characters[i], 3000);
        bed_begin(&to, NULL);
        assert_true(send_parts(&from, &to, 101, 140) > 20);
        assert_same(&from, &to);
        bed_end(&from);
        bed_end(&to);
    }
}

static void u91_a_value_is_never_cut(void **state)
{
    (void)state;
    struct bed from, to;
    bed_begin(&from, NULL);
    bed_begin(&to, NULL);
    // Two values of an array, the first of 6 bytes; then bytes.
    bed_apply(&from, "01 02 01 00 08 01 0161 02 77 12616161616161616161616161616161616161 7d01 83 "
                     "0101 05 0102030405 00");
    assert_int_equal(3, send_parts(&from, &to, 1, 30));
    assert_same(&from, &to);
    bed_end(&from);
    bed_end(&to);
}

static void u92_deletes_that_are_known_are_left_out(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, ab);
    bed_apply(&bed, cd);
    bed_apply(&bed, ab_deleted);
    bed_apply(&bed, "00 01 02 01 01 01");
    struct {
        const char *has, *want;
    } const cases[] = {
        {"0000", "02 02 01 0101 01 01 0002"},
        {"00 01 01 01 0002", "01 02 01 0101"},
        {"00 01 01 01 0001", "02 02 01 0101 01 01 0101"},
        {"00 02 02 01 0005 01 02 0101 0001", "00"},
        {"01010900 0401 0174 0161 00", "02 02 01 0101 01 01 0002"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        yd_slice has = hex_bytes(cases[i].has);
        yd_buf_clear(&bed.out);
        assert_int_equal(YD_OK, yd_doc_encode_deletes(bed.doc, has, &bed.out));
        assert_hex(cases[i].want, &bed.out);
        hex_free(has);
    }
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_EMALFORMED, yd_doc_encode_deletes(bed.doc, YD_LITERAL("\1"), &bed.out));
    assert_int_equal(0, bed.out.len);
    assert_true(yd_doc_deletes_size(bed.doc) >= 8);
    bed_end(&bed);
}

static void u93_the_last_deletes_by_themselves(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, ab);
    assert_int_equal(YD_OK, yd_doc_last_deletes(bed.doc, &bed.out));
    assert_hex("00", &bed.out);
    bed_apply(&bed, "00 01 01 01 0101");
    bed_apply(&bed, ab_deleted);
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_doc_last_deletes(bed.doc, &bed.out));
    assert_hex("01 01 01 0001", &bed.out);
    bed_end(&bed);
}

static void u90_memory_that_is_refused_leaves_nothing_behind(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, ab);
    bed_apply(&bed, cd);
    bed_apply(&bed, ab_deleted);
    for (uint64_t n = 1;; n++) {
        struct yd_buf out, after;
        bool all;
        yd_buf_init(&out, heap_alloc(&bed.heap), 4096);
        yd_buf_init(&after, heap_alloc(&bed.heap), 4096);
        bed.heap.refuse_at = bed.heap.requests + n;
        yd_err err = yd_doc_encode_part(bed.doc, YD_EMPTY, 1000, &out, &after, &all);
        if (err == YD_OK) err = yd_doc_encode_deletes(bed.doc, YD_LITERAL("\0\0"), &out);
        yd_buf_deinit(&out);
        yd_buf_deinit(&after);
        if (err == YD_OK) break;
        assert_int_equal(YD_ENOMEM, err);
    }
    bed.heap.refuse_at = 0;
    bed_end(&bed);
}

/* Wide characters first: a cut costs less than it has bytes, and the part goes on in the same item.
 */
static void u91_an_item_that_is_cut_twice_counts_once(void **state)
{
    (void)state;
    for (size_t bytes = 17; bytes < 400; bytes++) {
        struct bed from, to;
        struct yd_buf update;
        bed_begin(&from, NULL);
        bed_begin(&to, NULL);
        yd_buf_init(&update, heap_alloc(&from.heap), 4096);
        const uint64_t head[] = {1, 1, 5, 0, 4, 1, 1, 't', 25 * 4 + 1000};
        for (size_t i = 0; i < sizeof head / sizeof *head; i++) put(&update, head[i]);
        for (int i = 0; i < 25; i++) {
            assert_int_equal(YD_OK, yd_buf_append(&update, YD_LITERAL("\xf0\x9f\x98\x80")));
        }
        for (int i = 0; i < 1000; i++) put(&update, 'a');
        put(&update, 0);
        assert_int_equal(YD_OK, yd_doc_apply(from.doc, yd_buf_slice(&update), YD_V1, NULL));
        assert_true(send_parts(&from, &to, bytes, bytes * 2 + 100) > 1);
        assert_same(&from, &to);
        yd_buf_deinit(&update);
        bed_end(&to);
        bed_end(&from);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u91_an_item_that_is_cut_twice_counts_once),
        cmocka_unit_test(u90_parts_need_nothing_that_comes_later),
        cmocka_unit_test(u90_structs_wait_for_those_of_others),
        cmocka_unit_test(u90_memory_that_is_refused_leaves_nothing_behind),
        cmocka_unit_test(u91_texts_are_cut_between_characters),
        cmocka_unit_test(u91_a_value_is_never_cut),
        cmocka_unit_test(u92_deletes_that_are_known_are_left_out),
        cmocka_unit_test(u93_the_last_deletes_by_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
