/* ydoc_update_test.c - updates without a document (docs/encoding.md U80-U86).
 *
 * All results were recorded from Yjs 13.6, unless a rule says otherwise. */
#include "unit/ydoc_test.h"

#include "ydoc/update.h"

#define UPDATES_MAX 4

static const char *const abc = "01010100040101740361626300";
static const char *const rich =
    "02 0207 00 04010174 0161 8107 00 02 0509 00 0701016d03 0170 2800 0900 02 6964 01 7701 76"
    " 860700 046c696e6b 077b2261223a317d 850701 0131 0a02 02 07 01 01 02 09 02 01 01 03 01";

struct desk {
    struct heap heap;
    struct yd_buf out;
};

static void desk_begin(struct desk *desk)
{
    desk->heap = (struct heap){0};
    yd_buf_init(&desk->out, heap_alloc(&desk->heap), (size_t)1 << 20);
}

static void desk_end(struct desk *desk)
{
    yd_buf_deinit(&desk->out);
    assert_int_equal(0, desk->heap.live_bytes);
}

/* Merges updates of V1, at most UPDATES_MAX, the last one followed by NULL. */
static yd_err merge_hex(const char *const *hex, struct yd_buf *out, size_t *bad)
{
    struct yd_update updates[UPDATES_MAX] = {{YD_EMPTY, YD_V1}};
    size_t n = 0;
    for (; hex[n] != NULL; n++) {
        assert_true(n < UPDATES_MAX);
        updates[n] = (struct yd_update){hex_bytes(hex[n]), YD_V1};
    }
    yd_err err = yd_update_merge(updates, n, YD_V1, out, bad);
    while (n > 0) hex_free(updates[--n].bytes);
    return err;
}

static void merged_is(const char *const *hex, const char *want)
{
    struct desk desk;
    desk_begin(&desk);
    assert_int_equal(YD_OK, merge_hex(hex, &desk.out, NULL));
    assert_hex(want, &desk.out);
    desk_end(&desk);
}

#define MERGED_IS(want, ...) merged_is((const char *const[]){__VA_ARGS__, NULL}, want)

static void u80_neighbours_stay_apart(void **state)
{
    (void)state;
    MERGED_IS("01020100040101740361626384010202646500", abc, "01010103840102026465 00");
    MERGED_IS("01020100040101740361626384010202646500", "01010103840102026465 00", abc);
}

static void u80_a_gap_becomes_a_skip(void **state)
{
    (void)state;
    MERGED_IS("0103010004010174036162630a02840104016600", abc, "01010105840104016600");
    // And goes when it is filled.
    MERGED_IS("0103010004010174036162638401020264658401040166 00",
              "0103010004010174036162630a02840104016600", "01010103840102026465 00");
}

static void u80_what_is_known_is_cut_off(void **state)
{
    (void)state;
    MERGED_IS("01020100040101740361626384010202646500", abc, "0101010004010174056162636465 00");
    MERGED_IS("0101010004010174036162 6300", abc, abc);
    MERGED_IS("010204000401017402617884040104efbfbd6200", "01010400040101740261 78 00",
              "0101040004010174 0661f09f988062 00"); // a pair is cut, too
    MERGED_IS("010205002101016d016b01a105000200", "01010500 21 01016d016b 01 00",
              "01010500 21 01016d016b 03 00"); // the key bit stays at what is cut
}

static void u80_collected_structs_grow_where_updates_meet(void **state)
{
    (void)state;
    MERGED_IS("01010100000500", "0101010000 02 00", "0101010200 03 00");
    MERGED_IS("010201000002000300", "0102010000 0200 03 00", "0000");
    MERGED_IS("01010100000600", "0101010000 03 00", "0102010100 0300 0200");
}

static void u80_items_with_an_origin_lose_their_key_bit(void **state)
{
    (void)state;
    MERGED_IS("01010501880500017d020105010001", "01010501a80500017d020105010001", "0000");
}

/* What is written as it stands is copied. These structs are not. */
static void u80_what_could_be_shorter_or_is_left_out_is_not_copied(void **state)
{
    (void)state;
    static const char *const second[][2] = {
        {"84 8100 00 01 62", "84 01 00 01 62"},             // client of the origin
        {"84 01 8000 01 62", "84 01 00 01 62"},             // its clock
        {"44 8100 00 01 62", "44 01 00 01 62"},             // of the right one
        {"84 01 00 8100 62", "84 01 00 01 62"},             // length of a text
        {"81 01 00 8100", "81 01 00 01"},                   // clocks
        {"88 01 00 8100 77 01 62", "88 01 00 01 77 01 62"}, // how many values
        {"87 01 00 8100", "87 01 00 01"},                   // kind of a type
        {"04 8100 01 74 01 62", "04 01 01 74 01 62"},       // that there is a root
        {"04 02 01 00 01 62", "04 00 01 00 01 62"},         // that there is none
        {"04 01 8100 74 01 62", "04 01 01 74 01 62"},       // length of its name
        {"a4 01 00 01 62", "84 01 00 01 62"},               // a key that is inherited
        {"84 01 00 01 62", "84 01 00 01 62"},
    };
    for (size_t i = 0; i < sizeof second / sizeof *second; i++) {
        char update[64], want[64];
        (void)snprintf(update, sizeof update, "01 01 01 01 %s 00", second[i][0]);
        (void)snprintf(want, sizeof want, "01 03 01 00 040101740161 %s 8401010163 00",
                       second[i][1]);
        MERGED_IS(want, "01 01 01 00 040101740161 00", update, "01 01 01 02 8401010163 00");
    }
}

/* Updates of which each is known in part, or that end in what may grow. */
static void u80_what_is_copied_ends_where_others_go_on(void **state)
{
    (void)state;
    MERGED_IS("01 03 01 00 04010174 026161 84010101 63 84 0102 01 64 00",
              "01 01 01 00 04010174 026161 00", "01 01 01 01 840100 026163 00",
              "01 01 01 03 840102 0164 00");
    MERGED_IS("01 02 01 00 00 02 04010174 0161 00", "01 01 01 00 00 02 00",
              "01 01 01 02 04010174 0161 00");
    MERGED_IS("01 02 01 00 04010174 0161 00 03 00", "01 01 01 00 04010174 0161 00",
              "01 01 01 01 00 01 00", "01 01 01 02 00 02 00");
}

static void u80_no_update_and_one_update(void **state)
{
    (void)state;
    struct desk desk;
    desk_begin(&desk);
    assert_int_equal(YD_OK, yd_update_merge(NULL, 0, YD_V1, &desk.out, NULL));
    assert_hex("0000", &desk.out);
    yd_buf_clear(&desk.out);
    assert_int_equal(YD_OK, yd_update_merge(NULL, 0, YD_V2, &desk.out, NULL));
    assert_hex("00000000000001000000000000", &desk.out);
    desk_end(&desk);
    MERGED_IS("01010501a80500017d020105010001", "01010501a80500017d020105010001");
}

static void u80_thousands_of_updates_cost_no_more_than_their_bytes(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct desk desk;
    desk_begin(&desk);
    struct yd_update *updates = malloc(COUNT * sizeof *updates);
    assert_non_null(updates);
    for (unsigned i = 0; i < COUNT; i++) {
        char hex[64];
        unsigned at = COUNT - 1 - i; // the last one first
        sprintf(hex, "010105%02x%02x%02x8405%02x%02x%02x016100", (at & 127) | 128,
                (at >> 7 & 127) | 128, at >> 14, ((at - 1) & 127) | 128,
                ((at - 1) >> 7 & 127) | 128, (at - 1) >> 14 & 127);
        if (at == 0) strcpy(hex, "0101050004010174016100");
        updates[i] = (struct yd_update){hex_bytes(hex), YD_V1};
    }
    assert_int_equal(YD_OK, yd_update_merge(updates, COUNT, YD_V1, &desk.out, NULL));
    struct yd_update all = {yd_buf_slice(&desk.out), YD_V1};
    struct yd_buf sv;
    yd_buf_init(&sv, heap_alloc(&desk.heap), 64);
    assert_int_equal(YD_OK, yd_update_state_vector(all, &sv));
    assert_hex("0105a09c01", &sv);
    yd_buf_deinit(&sv);
    for (unsigned i = 0; i < COUNT; i++) hex_free(updates[i].bytes);
    free(updates);
    desk_end(&desk);
}

/* ---- one update */

static void diff_is(const char *hex, const char *sv_hex, const char *want)
{
    struct desk desk;
    yd_slice update = hex_bytes(hex);
    yd_slice sv = hex_bytes(sv_hex);
    desk_begin(&desk);
    assert_int_equal(YD_OK,
                     yd_update_diff((struct yd_update){update, YD_V1}, sv, YD_V1, &desk.out));
    assert_hex(want, &desk.out);
    hex_free(update);
    hex_free(sv);
    desk_end(&desk);
}

static void u81_what_the_vector_has_is_left_out(void **state)
{
    (void)state;
    const char *gap = "010305002801016d016b017d010a0384050302636400";
    diff_is(gap, "00", gap);
    diff_is(gap, "", gap);
    diff_is(gap, "010501", "0101050484050302636400");
    diff_is(gap, "010503", "0101050484050302636400"); // it never begins with a Skip
    diff_is(gap, "010505", "0101050584050401 6400");
    diff_is(gap, "010563", "0000");
    diff_is(gap, "0109ffffffffffffff0f", gap);
}

static void u81_skips_behind_the_first_struct_are_copied(void **state)
{
    (void)state;
    diff_is("0103010004010174036162630a02840104016600", "010101",
            "010301018401000262630a02840104016600");
}

static void u81_a_bad_vector_is_refused(void **state)
{
    (void)state;
    struct desk desk;
    yd_slice update = hex_bytes(abc);
    desk_begin(&desk);
    assert_int_equal(YD_EMALFORMED, yd_update_diff((struct yd_update){update, YD_V1},
                                                   YD_LITERAL("\x01\x05"), YD_V1, &desk.out));
    hex_free(update);
    desk_end(&desk);
}

static void converted_is(const char *hex, enum yd_format from, const char *want)
{
    struct desk desk;
    yd_slice update = hex_bytes(hex);
    desk_begin(&desk);
    assert_int_equal(YD_OK, yd_update_convert((struct yd_update){update, from},
                                              from == YD_V1 ? YD_V2 : YD_V1, &desk.out));
    assert_hex(want, &desk.out);
    hex_free(update);
    desk_end(&desk);
}

static void u82_formats_are_converted_both_ways(void **state)
{
    (void)state;
    converted_is("0000", YD_V1, "00000000000001000000000000");
    converted_is("00000000000001000000000000", YD_V2, "0000");
    converted_is("01010502 c505000501 07 7b2261223a317d 00", YD_V1,
                 "00000245010100010201c50100000000010102760101617d0100");
    converted_is("00000245010100010201c50100000000010102760101617d0100", YD_V2,
                 "01010502 c505000501 07 7b2261223a317d 00");
    // Skips at any place, also the first.
    converted_is("01020500 0a03 84050201 6400", YD_V1,
                 "000002450001040003 0a0084 03016401 00 00 00 01020003 00");
}

static void u83_a_vector_goes_to_the_first_gap(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"0000", "00"},
        {"0103010004010174 0161 0a02 840102 0164 00", "010101"},
        {"01010103840102026465 00", "00"}, // does not begin at 0
        {"01020500 0a03 84050201 6400", "00"},
        {"02 010900040101740161 010500040101740161 00", "0209010501"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct desk desk;
        yd_slice update = hex_bytes(cases[i][0]);
        desk_begin(&desk);
        assert_int_equal(YD_OK,
                         yd_update_state_vector((struct yd_update){update, YD_V1}, &desk.out));
        assert_hex(cases[i][1], &desk.out);
        hex_free(update);
        desk_end(&desk);
    }
}

static void u84_sections_are_put_in_order_and_the_last_of_a_client_counts(void **state)
{
    (void)state;
    diff_is("02 0101 00 04010174 0161 0102 00 04010174 0162 00", "00",
            "02 0102 00 04010174 0162 0101 00 04010174 0161 00");
    diff_is("0201070384070203646566010700040101740361626300", "00", "01010700040101740361626300");
    MERGED_IS("01010700040101740361626300", "0201070384070203646566010700040101740361626300",
              "0000");
}

static void u85_delete_sets_are_united_and_sorted(void **state)
{
    (void)state;
    MERGED_IS("00020201000101010006", "0001 01 02 0001 0402", "0001 01 01 0103", "0001 02 01 0001");
}

static void u85_ranges_that_come_backwards_become_one(void **state)
{
    (void)state;
    MERGED_IS("00 01 05 01 0305", "00 01 05 02 0701 0602", "00 01 05 01 0304");
    MERGED_IS("00 01 05 02 0301 0501", "00 01 05 01 0501", "00 01 05 02 0301 0400");
    MERGED_IS("00 01 05 02 0301 0501", "00 01 05 01 0301", "00 01 05 01 0501");
    MERGED_IS("00 02 06 01 0301 05 01 0401", "00 01 05 01 0401", "00 01 06 01 0301");
    MERGED_IS("00 01 05 01 0209", "00 01 05 01 0209", "00 01 05 02 0401 0502", "00 01 05 01 0a01");
}

static void u85_of_one_update_they_are_copied(void **state)
{
    (void)state;
    diff_is("010105000401017403616263 02 03010402 050100 01", "010502",
            "010105028405010163020501000103010402");
    // Not joined, not sorted; without those of no length and clients that have none.
    diff_is("00 03 01 02 0502 0101 02 00 03 03 0001 0101 0300", "00",
            "00 02 03 02 0001 0101 01 02 0502 0101");
    converted_is("00 01 01 02 0502 0103", YD_V1, "0000000000000100000000 00 01 01 02 0102 0101");
    converted_is("00 01 01 02 0502 0106", YD_V1, "0000000000000100000000 00 01 01 01 0105");
}

static void u86_the_bad_one_is_named_and_nothing_is_appended(void **state)
{
    (void)state;
    struct desk desk;
    size_t bad = 99;
    desk_begin(&desk);
    assert_int_equal(YD_OK, yd_buf_u8(&desk.out, 0xaa));
    const char *const updates[] = {abc, "0000", "0101", NULL};
    assert_int_equal(YD_EMALFORMED, merge_hex(updates, &desk.out, &bad));
    assert_int_equal(2, bad);
    assert_hex("aa", &desk.out);
    const char *const single[] = {"0101", NULL};
    // A section's head, the clock of one, a struct, and a delete set that end too early.
    static const char *const heads[] = {
        "01 01", "01 01 05", "01 01 05 ffffffff0f 04",     "01 01 0500",
        "00 01", "00",       "01 01 0500 04 0101 74 01 61"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        const char *const two[] = {"0000", heads[i], NULL};
        assert_int_equal(YD_EMALFORMED, merge_hex(two, &desk.out, &bad));
        assert_int_equal(1, bad);
    }
    assert_int_equal(YD_EMALFORMED, merge_hex(single, &desk.out, &bad));
    assert_hex("aa", &desk.out);
    desk_end(&desk);
}

static void u86_a_result_that_is_too_big_is_taken_back(void **state)
{
    (void)state;
    struct heap heap = {0};
    struct yd_buf out;
    yd_buf_init(&out, heap_alloc(&heap), 16);
    assert_int_equal(YD_OK, yd_buf_u8(&out, 0xaa));
    const char *const updates[] = {abc, "01010103840102026465 00", NULL};
    assert_int_equal(YD_ETOOBIG, merge_hex(updates, &out, NULL));
    assert_hex("aa", &out);
    yd_buf_deinit(&out);
    assert_int_equal(0, heap.live_bytes);
}

/* Everything once, in both formats, with memory refused at request `refuse_at`. */
static yd_err all_of_it(struct heap *heap, uint64_t refuse_at)
{
    struct yd_buf v2, out;
    struct yd_update updates[2] = {{hex_bytes(rich), YD_V1}, {hex_bytes(abc), YD_V1}};
    yd_buf_init(&v2, heap_alloc(heap), (size_t)1 << 20);
    yd_buf_init(&out, heap_alloc(heap), (size_t)1 << 20);
    heap->requests = 0;
    heap->refuse_at = refuse_at;
    yd_err err = yd_update_convert(updates[0], YD_V2, &v2);
    struct yd_update second = {yd_buf_slice(&v2), YD_V2};
    if (err == YD_OK) err = yd_update_convert(second, YD_V1, &out);
    if (err == YD_OK) err = yd_update_diff(second, YD_LITERAL("\x01\x07\x01"), YD_V2, &out);
    if (err == YD_OK) err = yd_update_state_vector(second, &out);
    if (err == YD_OK) err = yd_update_merge(updates, 2, YD_V2, &out, NULL);
    yd_buf_deinit(&v2);
    yd_buf_deinit(&out);
    hex_free(updates[0].bytes);
    hex_free(updates[1].bytes);
    return err;
}

static void u86_memory_may_be_refused_anywhere(void **state)
{
    (void)state;
    struct heap heap = {0};
    assert_int_equal(YD_OK, all_of_it(&heap, 0));
    uint64_t requests = heap.requests;
    assert_true(requests > 40);
    for (uint64_t i = 1; i <= requests; i++) {
        assert_int_equal(YD_ENOMEM, all_of_it(&heap, i));
        assert_int_equal(0, heap.live_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u80_neighbours_stay_apart),
        cmocka_unit_test(u80_a_gap_becomes_a_skip),
        cmocka_unit_test(u80_what_is_known_is_cut_off),
        cmocka_unit_test(u80_collected_structs_grow_where_updates_meet),
        cmocka_unit_test(u80_items_with_an_origin_lose_their_key_bit),
        cmocka_unit_test(u80_what_could_be_shorter_or_is_left_out_is_not_copied),
        cmocka_unit_test(u80_what_is_copied_ends_where_others_go_on),
        cmocka_unit_test(u80_no_update_and_one_update),
        cmocka_unit_test(u80_thousands_of_updates_cost_no_more_than_their_bytes),
        cmocka_unit_test(u81_what_the_vector_has_is_left_out),
        cmocka_unit_test(u81_skips_behind_the_first_struct_are_copied),
        cmocka_unit_test(u81_a_bad_vector_is_refused),
        cmocka_unit_test(u82_formats_are_converted_both_ways),
        cmocka_unit_test(u83_a_vector_goes_to_the_first_gap),
        cmocka_unit_test(u84_sections_are_put_in_order_and_the_last_of_a_client_counts),
        cmocka_unit_test(u85_delete_sets_are_united_and_sorted),
        cmocka_unit_test(u85_ranges_that_come_backwards_become_one),
        cmocka_unit_test(u85_of_one_update_they_are_copied),
        cmocka_unit_test(u86_the_bad_one_is_named_and_nothing_is_appended),
        cmocka_unit_test(u86_a_result_that_is_too_big_is_taken_back),
        cmocka_unit_test(u86_memory_may_be_refused_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
