/* ydoc_apply_test.c - how structs and deletes find their place (docs/encoding.md U15-U43).
 *
 * All updates and results were recorded from Yjs 13.6. */
#include "unit/ydoc_test.h"

static void u15_sections_may_come_in_any_order_and_need_each_other(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "020209000401017401618405010162020500040101740163840900016400");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"cadb\"");
    bed_end(&bed);
}

static void u16_what_is_known_changes_nothing(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_applied applied;
    bed_begin(&bed, NULL);
    assert_int_equal(YD_OK, apply_hex(bed.doc, "01010500040101740361626301050101 01", &applied));
    assert_true(applied.changed && !applied.known_part && !applied.parked);
    assert_int_equal(YD_OK, apply_hex(bed.doc, "01010500040101740361626301050101 01", &applied));
    assert_true(!applied.changed && applied.known_part && !applied.parked);
    bed_last_is(&bed, "");
    bed_end(&bed);
}

static void u16_a_known_beginning_is_cut_off(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_applied applied;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01010700040101740361626300");
    assert_int_equal(YD_OK, apply_hex(bed.doc, "01010700040101740661626364656600", &applied));
    assert_true(applied.changed && applied.known_part);
    bed_last_is(&bed, "01010703840702036465 6600");
    bed_state_is(&bed, "01010700040101740661626364656600");
    bed_end(&bed);
}

static void u20_an_item_is_cut_where_another_one_goes(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "0101050004010174046162636400");
    bed_apply(&bed, "01010504c405010502015800");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"abXcd\"");
    bed_state_is(&bed, "0103050004010174026162840501026364c405010502015800");
    bed_end(&bed);
}

static void u21_a_cut_pair_becomes_two_replacement_characters(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01010400040101740661f09f98806200");
    bed_apply(&bed, "01010500c404010402015800");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN,
                "\"a\xef\xbf\xbdX\xef\xbf\xbd"
                "b\"");
    bed_end(&bed);
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01010400040101740661f09f98806200");
    bed_apply(&bed, "000104010101");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN,
                "\"a\xef\xbf\xbd"
                "b\"");
    bed_end(&bed);
}

static void u22_typed_characters_join(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "0101050004010174016100");
    bed_apply(&bed, "010105018405000162 00");
    bed_apply(&bed, "01010502840501016300");
    bed_state_is(&bed, "01010500040101740361626300");
    bed_last_is(&bed, "01010502840501016300");
    assert_int_equal(1, yd_doc_stats(bed.doc).items);
    bed_end(&bed);
}

/* Clients 5, 6, ... append one character each to their own run, turn after turn. */
static void type_in_turns(struct bed *bed, unsigned authors, unsigned first, unsigned last)
{
    for (unsigned i = first; i < last; i++) {
        for (unsigned client = 5; client < 5 + authors; client++) {
            char hex[64];
            unsigned before = i - 1;
            if (i == 0) {
                sprintf(hex, "0101%02x0004010174016100", client);
            } else {
                sprintf(hex, "0101%02x%02x%02x84%02x%02x%02x016100", client, (i & 127) | 128,
                        i >> 7, client, (before & 127) | 128, before >> 7);
            }
            yd_slice bytes = hex_bytes(hex);
            assert_int_equal(YD_OK, yd_doc_apply(bed->doc, bytes, YD_V1, NULL));
            hex_free(bytes);
        }
        yd_doc_check(bed->doc);
    }
}

static void u22_two_who_type_in_turns_keep_their_runs(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    type_in_turns(&bed, 2, 0, 3000);
    assert_int_equal(2, yd_doc_stats(bed.doc).items);
    assert_true(yd_doc_stats(bed.doc).bytes < 64 * 1024);
    bed_end(&bed);
}

static void u22_a_hundred_who_type_in_turns_seldom_move_their_runs(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    type_in_turns(&bed, 100, 0, 400);
    uint64_t requests = bed.heap.requests;
    type_in_turns(&bed, 100, 400, 800);
    assert_int_equal(100, yd_doc_stats(bed.doc).items);
    // Content has doubled: the arena grows and is written anew a few times, not at every turn.
#ifndef YD_TIGHT
    assert_in_range(bed.heap.requests - requests, 0, 40);
#else
    assert_true(bed.heap.requests > requests);
#endif
    assert_true(yd_doc_stats(bed.doc).bytes < 100 * 800 * 4);
    bed_end(&bed);
}

static void u25_parent_and_key_come_from_the_left_neighbour(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "010105002801016d016b017d0100");
    bed_apply(&bed, "01010501a80500017d020105010001");
    bed_apply(&bed, "01010502a80501017d030105010101");
    bed_json_is(&bed, YD_ROOT_MAP, "m", YD_JSON_PLAIN, "{\"k\":3}");
    bed_state_is(&bed, "010205002101016d016b02a80501017d030105010002");
    bed_end(&bed);
}

static void u26_without_a_place_a_struct_becomes_gc(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "0203070000058407020178440705017901030004010174026f6b00");
    bed_state_is(&bed, "0201070000070103000401 0174026f6b0107010007");
    bed_end(&bed);
}

/* Ids decide between those who wrote at one place, in whatever order they come. */
static void u27_concurrent_inserts_have_one_order(void **state)
{
    (void)state;
    static const char *const updates[] = {"0101050004010174046669766500",
                                          "0101090004010174046e696e6500",
                                          "010107000401017405736576656e00"};
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (unsigned i = 0; i < 6; i++) {
        struct bed bed;
        bed_begin(&bed, NULL);
        for (unsigned k = 0; k < 3; k++) bed_apply(&bed, updates[orders[i][k]]);
        bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"fivesevennine\"");
        bed_end(&bed);
    }
}

static void u27_runs_of_descendants_are_passed_whole(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "010101000401017402414200");
    bed_apply(&bed, "01010300c4010001010378797a00");
    bed_apply(&bed, "01010400c401000101017000");
    bed_apply(&bed, "01010401c401000400017100");
    bed_apply(&bed, "01010200c4010001010331323300");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"A123xyzqpB\"");
    bed_end(&bed);
    bed_begin(&bed, NULL);
    bed_apply(&bed, "010101000401017402414200");
    bed_apply(&bed, "0101060084010103656e6400");
    bed_apply(&bed, "01010603c401000101016d00");
    bed_apply(&bed, "01010300c4010001010378797a00");
    bed_apply(&bed, "01010200c4010001010331323300");
    bed_apply(&bed, "01010800c401000101015100");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"A123xyzmQBend\"");
    bed_end(&bed);
    bed_begin(&bed, NULL);
    bed_apply(&bed, "010101000401017402414200");
    bed_apply(&bed, "01010300c4010001010378797a00");
    bed_apply(&bed, "01010400c403020101017000"); // behind the z
    bed_apply(&bed, "01010800c401000101015100");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"AxyzpQB\"");
    bed_end(&bed);
}

/* Long scans take another way through memory than short ones. */
static void u27_many_at_one_place_are_ordered_by_id(void **state)
{
    (void)state;
    for (unsigned up = 0; up < 2; up++) {
        struct bed bed;
        char want[128];
        bed_begin(&bed, NULL);
        for (unsigned i = 0; i < 60; i++) {
            char hex[64];
            unsigned client = up ? 1 + i : 60 - i;
            sprintf(hex, "0101%02x000401017401%02x00", client, 48 + client);
            bed_apply(&bed, hex);
        }
        want[0] = '"';
        unsigned at = 1;
        for (unsigned client = 1; client <= 60; client++) {
            if (48 + client == '\\') want[at++] = '\\';
            want[at++] = (char)(48 + client);
        }
        want[at++] = '"';
        want[at] = 0;
        bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, want);
        bed_end(&bed);
    }
}

static void u28_the_last_of_a_key_is_its_value(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "010105002801016d016b0177046669766500");
    bed_apply(&bed, "010109002801016d016b0177046e696e6500");
    bed_apply(&bed, "010107002801016d016b017705736576656e00");
    bed_json_is(&bed, YD_ROOT_MAP, "m", YD_JSON_PLAIN, "{\"k\":\"nine\"}");
    bed_state_is(&bed, "0301 0900 2801016d016b0177046e696e65 0107002101016d016b01"
                       "0105002101016d016b01 02 0701000105010001");
    bed_end(&bed);
}

static void u29_a_tail_behind_a_collected_beginning_is_collected(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01010700000300");
    bed_apply(&bed, "01010700040101740661626364656600"); // Yjs throws here
    bed_state_is(&bed, "01010700000601 07010006");
    bed_end(&bed);
}

static void u30_deletes_may_be_unsorted_and_overlap(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01010500040101740661626364656600");
    bed_apply(&bed, "00 01 05 04 0401 0102 0202 0401");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"af\"");
    bed_last_is(&bed, "000105010104");
    bed_end(&bed);
}

static void u31_below_a_deleted_type_all_is_deleted(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "0101050007010161 0200");
    bed_apply(&bed, "01010501040005000361626300");
    bed_apply(&bed, "01010504c405010502015a00");
    bed_apply(&bed, "0102050587050001280005050171017d0100");
    bed_json_is(&bed, YD_ROOT_ARRAY, "a", YD_JSON_PLAIN, "[\"aZbc\",{\"q\":1}]");
    bed_apply(&bed, "000105010007");
    bed_state_is(&bed, "0104050001010161010004810500010001 0105010007");
    bed_end(&bed);
}

static void u31_what_arrives_below_a_deleted_type_is_collected(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01020100070101610204000100017100");
    bed_apply(&bed, "000101010002");
    bed_apply(&bed, "01010200840101046c61746500");
    bed_state_is(&bed, "0201020000040201000101016101000102020100 0401010002");
    bed_end(&bed);
}

/* Types in types, 40,000 deep: six bytes a level on the wire. */
static void u31_no_nesting_is_too_deep(void **state)
{
    (void)state;
    enum { DEPTH = 40000 };
    struct bed bed;
    struct yd_buf update;
    bed_begin(&bed, NULL);
    yd_buf_init(&update, heap_alloc(&bed.heap), (size_t)1 << 24);
    yd_err err = yd_buf_u8(&update, 1) | yd_buf_varuint(&update, DEPTH) |
                 yd_buf_append(&update, YD_LITERAL("\x05\x00\x07\x01\x01"
                                                   "a\x00"));
    for (uint32_t i = 1; i < DEPTH; i++) {
        err |= yd_buf_append(&update, YD_LITERAL("\x07\x00\x05"));
        err |= yd_buf_varuint(&update, i - 1) | yd_buf_u8(&update, 0);
    }
    err |= yd_buf_u8(&update, 0);
    assert_int_equal(YD_OK, err);
    assert_int_equal(YD_OK, yd_doc_apply(bed.doc, yd_buf_slice(&update), YD_V1, NULL));
    yd_slice name = YD_LITERAL("a");
    assert_int_equal(YD_OK, yd_doc_json(bed.doc, YD_ROOT_ARRAY, name, YD_JSON_PLAIN, &bed.out));
    assert_int_equal(2 * (DEPTH + 1), bed.out.len);
    bed_apply(&bed, "000105010001");
    bed_json_is(&bed, YD_ROOT_ARRAY, "a", YD_JSON_PLAIN, "[]");
    assert_int_equal(2, yd_doc_stats(bed.doc).items);
    yd_buf_deinit(&update);
    bed_end(&bed);
}

static void u43_deleted_content_stays_if_asked(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, &(struct yd_doc_opts){.keep_deleted = true});
    bed_apply(&bed, "01010500040101740661626364656600");
    bed_apply(&bed, "000105010202");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"abef\"");
    bed_state_is(&bed, "010305000401017402616284050102636484050302656601 05010202");
    bed_end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u15_sections_may_come_in_any_order_and_need_each_other),
        cmocka_unit_test(u16_what_is_known_changes_nothing),
        cmocka_unit_test(u16_a_known_beginning_is_cut_off),
        cmocka_unit_test(u20_an_item_is_cut_where_another_one_goes),
        cmocka_unit_test(u21_a_cut_pair_becomes_two_replacement_characters),
        cmocka_unit_test(u22_typed_characters_join),
        cmocka_unit_test(u22_two_who_type_in_turns_keep_their_runs),
        cmocka_unit_test(u22_a_hundred_who_type_in_turns_seldom_move_their_runs),
        cmocka_unit_test(u25_parent_and_key_come_from_the_left_neighbour),
        cmocka_unit_test(u26_without_a_place_a_struct_becomes_gc),
        cmocka_unit_test(u27_concurrent_inserts_have_one_order),
        cmocka_unit_test(u27_runs_of_descendants_are_passed_whole),
        cmocka_unit_test(u27_many_at_one_place_are_ordered_by_id),
        cmocka_unit_test(u28_the_last_of_a_key_is_its_value),
        cmocka_unit_test(u29_a_tail_behind_a_collected_beginning_is_collected),
        cmocka_unit_test(u30_deletes_may_be_unsorted_and_overlap),
        cmocka_unit_test(u31_below_a_deleted_type_all_is_deleted),
        cmocka_unit_test(u31_what_arrives_below_a_deleted_type_is_collected),
        cmocka_unit_test(u31_no_nesting_is_too_deep),
        cmocka_unit_test(u43_deleted_content_stays_if_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
