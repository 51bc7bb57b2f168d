/* ydoc_pending_test.c - what waits, and how it is kept (docs/encoding.md U17-U19, U54, U55). */
#include "unit/ydoc_test.h"

static void u17_a_gap_is_waited_for(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_applied applied;
    bed_begin(&bed, NULL);
    assert_int_equal(YD_OK, apply_hex(bed.doc, "010107048407030365666700", &applied));
    assert_true(applied.parked && !applied.changed);
    assert_true(yd_doc_pending(bed.doc).structs);
    bed_vector_is(&bed, "00");
    bed_state_is(&bed, "010107048407030365666700");
    bed_apply(&bed, "01010700040101740461626364 00");
    assert_false(yd_doc_pending(bed.doc).structs);
    assert_int_equal(0, yd_doc_pending(bed.doc).bytes);
    bed_last_is(&bed, "01010700040101740761626364 65666700");
    bed_end(&bed);
}

static void u17_a_skip_keeps_its_hole(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "010301000401017401610a02840102016400");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"a\"");
    bed_vector_is(&bed, "010101");
    bed_state_is(&bed, "010301000401017401610a02840102016400");
    bed_apply(&bed, "010101018401000262 6300");
    bed_state_is(&bed, "0101010004010174046162636400");
    bed_end(&bed);
}

static void u18_deletes_wait_for_their_structs(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "000101010002");
    assert_true(yd_doc_pending(bed.doc).deletes);
    bed_state_is(&bed, "000101010002");
    bed_apply(&bed, "010101000401017402414200");
    assert_false(yd_doc_pending(bed.doc).deletes);
    bed_apply(&bed, "01010300c4010001010378797a00");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"xyz\"");
    bed_end(&bed);
}

static void u18_a_range_is_split_at_the_state(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_applied applied;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01010500040101740361626300");
    assert_int_equal(YD_OK, apply_hex(bed.doc, "000105010204", &applied));
    assert_true(applied.changed && applied.parked);
    bed_last_is(&bed, "000105010201");
    bed_apply(&bed, "0101050384050204646566 6700");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"abg\"");
    bed_end(&bed);
}

/* One typist's updates from the last to the first: nothing is lost, all is kept once. */
static void u19_updates_in_reverse_order_end_as_one_run(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    struct bed bed;
    bed_begin(&bed, NULL);
    for (unsigned i = COUNT; i-- > 0;) {
        char hex[64];
        unsigned before = i - 1;
        if (i == 0) {
            strcpy(hex, "0101050004010174016100");
        } else {
            sprintf(hex, "010105%02x%02x8405%02x%02x016100", (i & 127) | 128, i >> 7,
                    (before & 127) | 128, before >> 7);
        }
        yd_slice bytes = hex_bytes(hex);
        assert_int_equal(YD_OK, yd_doc_apply(bed.doc, bytes, YD_V1, NULL));
        size_t held = yd_doc_pending(bed.doc).bytes;
        assert_int_equal(YD_OK, yd_doc_apply(bed.doc, bytes, YD_V1, NULL));
        assert_int_equal(held, yd_doc_pending(bed.doc).bytes);
        hex_free(bytes);
    }
    yd_doc_check(bed.doc);
    bed_vector_is(&bed, "0105d00f");
    assert_int_equal(1, yd_doc_stats(bed.doc).items);
    bed_end(&bed);
}

/* A run of two structs that wait for two others: the first goes on, the second stays. */
static void u19_a_run_may_go_on_in_parts(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "02 0205 00 840100 0162 840200 0163 0107 00 840500 0164 00");
    bed_vector_is(&bed, "00");
    bed_apply(&bed, "0101010004010174016100");
    bed_vector_is(&bed, "0307010501 0101");
    bed_last_is(&bed, "030107008405000164 010500840100 0162 0101000401017401 6100");
    assert_true(yd_doc_pending(bed.doc).structs);
    bed_state_is(&bed, "0301070084050001640205 00840100016284020001630101000401017401 6100");
    bed_apply(&bed, "0101020004010175016500");
    assert_false(yd_doc_pending(bed.doc).structs);
    bed_vector_is(&bed, "04070105020201 0101");
    bed_json_is(&bed, YD_ROOT_TEXT, "u", YD_JSON_PLAIN, "\"ec\"");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"abd\"");
    bed_end(&bed);
}

/* One id with two contents: what was parked first stands, as in what Yjs merges. */
static void u19_of_two_parked_versions_the_first_counts(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01 0107 01 840700026263 00");
    bed_apply(&bed, "01 0207 01 840900027879 8407020164 00"); // 9.0 will never come
    bed_apply(&bed, "0101070004010174016100");
    assert_false(yd_doc_pending(bed.doc).structs);
    bed_state_is(&bed, "0101070004010174046162636400");
    bed_end(&bed);
}

static void u19_a_full_parking_place_refuses_and_lets_the_missing_in(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_applied applied;
    unsigned parked = 0;
    bed_begin(&bed, &(struct yd_doc_opts){.pending_bytes_max = 1000});
    for (unsigned i = 2;; i += 2) {
        char hex[64];
        sprintf(hex, "010105%02x8405%02x016100", i, i - 1);
        assert_int_equal(YD_OK, apply_hex(bed.doc, hex, &applied));
        assert_true(yd_doc_pending(bed.doc).bytes <= 1000);
        assert_true(applied.parked != applied.dropped);
        if (applied.dropped) break;
        parked++;
    }
    assert_true(parked > 3);
    for (unsigned i = 0; i < 200; i += 2) {
        char hex[64];
        sprintf(hex, "00010901%02x01", i & 127);
        assert_int_equal(YD_OK, apply_hex(bed.doc, hex, &applied));
        assert_true(yd_doc_pending(bed.doc).bytes <= 1000);
        if (applied.dropped) break;
        assert_true(i < 128);
    }
    bed_apply(&bed, "010105000401017402616200"); // closes the first hole
    bed_vector_is(&bed, "010503");
    bed_end(&bed);
}

/* Of 7 all is here, of 5 a letter and then nothing until clock 4, of 9 nothing; its deletes too. */
static void u19_of_what_cannot_wait_only_that_is_dropped(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_applied applied;
    const char *update = "03 02090084050a0161 840900016d" // waits for 5.10
                         "01070004010174 0178"
                         "03050004010174 0161 0a03 840503 0162" // 1.3 are missing
                         "01 050200010901";
    bed_begin(&bed, &(struct yd_doc_opts){.pending_bytes_max = 40});
    assert_int_equal(YD_OK, apply_hex(bed.doc, update, &applied));
    assert_true(applied.changed && applied.dropped && !applied.parked);
    assert_int_equal(0, yd_doc_pending(bed.doc).bytes);
    const char *part = "02 01070004010174 0178 01050001010174 01 0105010001";
    bed_state_is(&bed, part);
    bed_last_is(&bed, part);
    bed_end(&bed);
    // Where there is a place it waits.
    bed_begin(&bed, NULL);
    assert_int_equal(YD_OK, apply_hex(bed.doc, update, &applied));
    assert_true(applied.changed && applied.parked && !applied.dropped);
    bed_end(&bed);
}

static void u54_an_encoded_state_carries_what_waits(void **state)
{
    (void)state;
    struct bed bed;
    struct bed copy;
    bed_begin(&bed, NULL);
    bed_begin(&copy, NULL);
    bed_apply(&bed, "010105000401017402616200");
    bed_apply(&bed, "0101050484050301 6500");
    bed_apply(&bed, "000105010801");
    bed_state_is(&bed, "01030500040101740261620a0284050301650105010801");
    assert_int_equal(YD_OK, yd_doc_apply(copy.doc, yd_buf_slice(&bed.out), YD_V1, NULL));
    bed_state_is(&copy, "01030500040101740261620a0284050301650105010801");
    bed_end(&copy);
    bed_end(&bed);
}

static void u55_the_key_bit_is_dropped_while_something_waits(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "010105002801016d016b017d0100");
    bed_apply(&bed, "01010501a80500017d020105010001");
    bed_state_is(&bed, "010205002101016d016b01a80500017d020105010001");
    bed_apply(&bed, "00010901 0001");
    bed_state_is(&bed, "010205002101016d016b01880500017d0202 090100010501 0001");
    bed_end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u17_a_gap_is_waited_for),
        cmocka_unit_test(u17_a_skip_keeps_its_hole),
        cmocka_unit_test(u18_deletes_wait_for_their_structs),
        cmocka_unit_test(u18_a_range_is_split_at_the_state),
        cmocka_unit_test(u19_updates_in_reverse_order_end_as_one_run),
        cmocka_unit_test(u19_a_run_may_go_on_in_parts),
        cmocka_unit_test(u19_of_two_parked_versions_the_first_counts),
        cmocka_unit_test(u19_a_full_parking_place_refuses_and_lets_the_missing_in),
        cmocka_unit_test(u19_of_what_cannot_wait_only_that_is_dropped),
        cmocka_unit_test(u54_an_encoded_state_carries_what_waits),
        cmocka_unit_test(u55_the_key_bit_is_dropped_while_something_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
