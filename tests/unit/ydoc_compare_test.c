/* ydoc_compare_test.c - a text between two snapshots, and updates whose contents say nothing
 * (docs/encoding.md U127 to U130). Random ones against yjs: tests/differential. */
#include "unit/ydoc_test.h"

#include "ydoc/compare.h"
#include "ydoc/obfuscate.h"

#define TEXT                                                                                       \
    (struct yd_type_ref) { .name = YD_LITERAL("t") }

static const struct yd_doc_opts keeping = {.keep_deleted = true};

/* Snapshots as hex; NULL: none. */
static yd_err compare(struct bed *bed, const char *now, const char *since)
{
    yd_slice bytes[2] = {hex_bytes(now == NULL ? "" : now), hex_bytes(since == NULL ? "" : since)};
    struct yd_snapshot at[2] = {{bytes[0], YD_V1}, {bytes[1], YD_V1}};
    yd_buf_clear(&bed->out);
    yd_err err = yd_snapshot_delta(bed->doc, &TEXT, now == NULL ? NULL : &at[0],
                                   since == NULL ? NULL : &at[1], YD_JSON_PLAIN, &bed->out);
    hex_free(bytes[0]);
    hex_free(bytes[1]);
    return err;
}

static void delta_is(struct bed *bed, const char *now, const char *since, const char *want)
{
    assert_int_equal(YD_OK, compare(bed, now, since));
    assert_int_equal(YD_OK, yd_buf_u8(&bed->out, 0));
    assert_string_equal(want, (const char *)bed->out.ptr);
}

#define AB      "01 01 0500 04 0101 74 02 6162 00"          /* ab, by 5 */
#define CD      "01 01 0502 84 0501 02 6364 01 05 01 00 01" /* a goes, cd comes */
#define AFTER_1 "00 01 05 02"
#define AFTER_2 "01 05 01 00 01 01 05 04"

static void u127_a_text_is_what_it_was(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, &keeping);
    bed_apply(&bed, AB);
    bed_apply(&bed, CD);
    bed_apply(&bed, "00 01 05 01 01 01"); // b goes
    delta_is(&bed, "00 00", NULL, "[]");
    delta_is(&bed, AFTER_1, NULL, "[{\"insert\":\"ab\"}]");
    delta_is(&bed, AFTER_2, NULL, "[{\"insert\":\"bcd\"}]");
    delta_is(&bed, NULL, NULL, "[{\"insert\":\"cd\"}]");
    delta_is(&bed, "00 01 05 03", NULL, "[{\"insert\":\"abc\"}]"); // it ends inside a run
    delta_is(&bed, "01 05 02 02 01 00 01 01 05 04", NULL, "[{\"insert\":\"bd\"}]"); // out of order
    bed_state_is(&bed, "01 02 0500 04 0101 74 02 6162 84 0501 02 6364 01 05 01 00 02");
    bed_end(&bed);
}

static void u127_marks_are_those_of_then(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, &keeping);
    bed_apply(&bed, AB);
    bed_apply(&bed, "01 01 0502 46 0500 01 62 01 31 00"); // b = 1 before all of it
    delta_is(&bed, AFTER_1, NULL, "[{\"insert\":\"ab\"}]");
    delta_is(&bed, "00 01 05 03", AFTER_1, "[{\"insert\":\"ab\",\"attributes\":{\"b\":1}}]");
    bed_end(&bed);
}

static void u127_what_cannot_be_answered_is_refused(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, &keeping);
    bed_apply(&bed, AB);
    assert_int_equal(YD_ENOTFOUND, compare(&bed, "00 01 05 03", NULL)); // clocks that are not here
    assert_int_equal(YD_ENOTFOUND, compare(&bed, NULL, "00 01 06 01"));
    assert_int_equal(YD_EMALFORMED, compare(&bed, "00 01", NULL));
    assert_int_equal(YD_EMALFORMED, compare(&bed, NULL, "01"));
    struct yd_type_ref nobody = {.nested = true, .client = 5, .clock = 0};
    assert_int_equal(YD_ENOTFOUND,
                     yd_snapshot_delta(bed.doc, &nobody, NULL, NULL, YD_JSON_PLAIN, &bed.out));
    assert_int_equal(0, bed.out.len);
    struct yd_type_ref empty = {.name = YD_LITERAL("nobody")};
    assert_int_equal(YD_OK,
                     yd_snapshot_delta(bed.doc, &empty, NULL, NULL, YD_JSON_PLAIN, &bed.out));
    assert_true(yd_slice_equal(YD_LITERAL("[]"), yd_buf_slice(&bed.out)));
    bed_end(&bed);
    bed_begin(&bed, NULL); // content that was deleted is gone
    assert_int_equal(YD_ESTATE, compare(&bed, NULL, NULL));
    bed_end(&bed);
}

static void u128_what_came_and_went_says_so(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, &keeping);
    bed_apply(&bed, AB);
    bed_apply(&bed, CD);
    const char *changes =
        "[{\"insert\":\"a\",\"attributes\":{\"ychange\":{\"type\":\"removed\",\"user\":5}}},"
        "{\"insert\":\"b\"},"
        "{\"insert\":\"cd\",\"attributes\":{\"ychange\":{\"type\":\"added\",\"user\":5}}}]";
    delta_is(&bed, AFTER_2, AFTER_1, changes);
    delta_is(&bed, NULL, AFTER_1, changes); // in yjs `a` would look as if it were still there
    delta_is(&bed, AFTER_1, AFTER_1, "[{\"insert\":\"ab\"}]");
    // The other way round: what came is what goes.
    delta_is(&bed, AFTER_1, AFTER_2,
             "[{\"insert\":\"a\",\"attributes\":{\"ychange\":{\"type\":\"added\",\"user\":5}}},"
             "{\"insert\":\"b\"},"
             "{\"insert\":\"cd\",\"attributes\":{\"ychange\":{\"type\":\"removed\",\"user\":5}}}]");
    // Both here and gone between the two: nothing to say.
    bed_apply(&bed, "00 01 05 01 02 02");
    delta_is(&bed, NULL, AFTER_1,
             "[{\"insert\":\"a\",\"attributes\":{\"ychange\":{\"type\":\"removed\",\"user\":5}}},"
             "{\"insert\":\"b\"}]");
    bed_end(&bed);
}

static void u128_of_each_writer_by_itself(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, &keeping);
    bed_apply(&bed, AB);
    bed_apply(&bed, "01 01 0600 84 0501 01 78 00"); // x, by 6
    bed_apply(&bed, "01 01 0502 84 0600 01 79 00"); // y, by 5
    delta_is(&bed, NULL, AFTER_1,
             "[{\"insert\":\"ab\"},"
             "{\"insert\":\"x\",\"attributes\":{\"ychange\":{\"type\":\"added\",\"user\":6}}},"
             "{\"insert\":\"y\",\"attributes\":{\"ychange\":{\"type\":\"added\",\"user\":5}}}]");
    bed_end(&bed);
}

static void u128_an_embed_says_what_became_of_it(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, &keeping);
    bed_apply(&bed, AB);
    bed_apply(&bed, "01 01 0502 85 0501 02 7b7d 00"); // {} comes
    delta_is(&bed, NULL, AFTER_1,
             "[{\"insert\":\"ab\"},"
             "{\"insert\":{},\"attributes\":{\"ychange\":{\"type\":\"added\",\"user\":5}}}]");
    bed_apply(&bed, "00 01 05 01 02 01");
    delta_is(&bed, NULL, "00 01 05 03",
             "[{\"insert\":\"ab\"},"
             "{\"insert\":{},\"attributes\":{\"ychange\":{\"type\":\"removed\",\"user\":5}}}]");
    bed_end(&bed);
}

static void u128_a_mark_of_that_name_gives_way(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, &keeping);
    bed_apply(&bed, "01 02 0500 06 0101 74 07 796368616e6765 01 31 84 0500 01 61 00"); // ychange: 1
    delta_is(&bed, NULL, NULL, "[{\"insert\":\"a\"}]");
    delta_is(&bed, NULL, "00 00",
             "[{\"insert\":\"a\",\"attributes\":{\"ychange\":{\"type\":\"added\",\"user\":5}}}]");
    bed_end(&bed);
}

static void u129_a_pair_that_is_cut_stays_whole_in_the_document(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, &keeping);
    bed_apply(&bed, "01 01 0500 04 0101 74 06 61f09f988062 00"); // a, a pair, b
    delta_is(&bed, NULL, "00 01 05 02",
             "[{\"insert\":\"a\xef\xbf\xbd\"},{\"insert\":\"\xef\xbf\xbd"
             "b\",\"attributes\":{\"ychange\":{\"type\":\"added\",\"user\":5}}}]");
    // Deleted ranges that begin and end inside pairs.
    delta_is(&bed, "01 05 01 01 01 01 05 04", NULL,
             "[{\"insert\":\"a\xef\xbf\xbd"
             "b\"}]");
    delta_is(&bed, "01 05 01 02 01 01 05 04", NULL,
             "[{\"insert\":\"a\xef\xbf\xbd"
             "b\"}]");
    delta_is(&bed, "01 05 01 00 02 01 05 03", NULL, "[{\"insert\":\"\xef\xbf\xbd\"}]");
    bed_state_is(&bed, "01 01 0500 04 0101 74 06 61f09f988062 00");
    bed_end(&bed);
}

/* ---- obfuscated */

static void hidden_is(struct bed *bed, const struct yd_obfuscate *keep, const char *update,
                      const char *want)
{
    yd_slice bytes = hex_bytes(update);
    yd_buf_clear(&bed->out);
    assert_int_equal(YD_OK,
                     yd_update_obfuscate((struct yd_update){bytes, YD_V1}, keep, YD_V1, &bed->out));
    assert_hex(want, &bed->out);
    hex_free(bytes);
}

static void u130_contents_say_nothing(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    // A text of three units, two Any values, two of JSON, bytes, an embed; one that is deleted.
    hidden_is(&bed, NULL,
              "01 06 0500 04 0101 74 04 61c3a962 08 0101 61 02 7701787d05 02 0101 6a 02 0131 0132 "
              "03 0101 61 02 ffff 05 0101 74 07 7b2261223a317d 01 0101 74 02 01 05 01 00 01",
              "01 06 0500 04 0101 74 03 303030 08 0101 61 02 7d017d01 02 0101 6a 02 0132 0132 "
              "03 0101 61 01 03 05 0101 74 02 7b7d 01 0101 74 02 01 05 01 00 01");
    bed_end(&bed);
}

static void u130_what_is_alike_stays_alike(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    // Keys k, l, k: 0, 1, 0. The empty one stays.
    hidden_is(&bed, NULL,
              "01 04 0500 28 0101 6d 01 6b 01 78 28 0101 6d 01 6c 01 78 28 0101 6e 01 6b 01 78 "
              "28 0101 6d 00 01 78 00",
              "01 04 0500 28 0101 6d 01 30 01 7d00 28 0101 6d 01 31 01 7d01 28 0101 6e 01 30 01 "
              "7d02 28 0101 6d 00 01 7d03 00");
    // Marks b "x", b null, c "x" (said otherwise), b {}, b {}: values that are objects differ.
    hidden_is(&bed, NULL,
              "01 05 0500 06 0101 74 01 62 03 227822 06 0101 74 01 62 04 6e756c6c "
              "06 0101 74 01 63 09 20225c753030373822 06 0101 74 01 62 02 7b7d "
              "06 0101 74 01 62 02 7b7d 00",
              "01 05 0500 06 0101 74 01 30 07 7b2269223a307d 06 0101 74 01 30 04 6e756c6c "
              "06 0101 74 01 32 07 7b2269223a307d 06 0101 74 01 30 07 7b2269223a337d "
              "06 0101 74 01 30 07 7b2269223a347d 00");
    // Elements p, q, a hook p: a name is given once, whatever has it.
    hidden_is(&bed, NULL,
              "01 03 0500 07 0101 78 03 01 70 07 0101 78 03 01 71 07 0101 78 05 01 70 00",
              "01 03 0500 07 0101 78 03 06 6e6f64652d30 07 0101 78 03 06 6e6f64652d31 "
              "07 0101 78 05 06 6e6f64652d30 00");
    bed_end(&bed);
}

static void u130_what_is_alike_elsewhere_is_not(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    // A text, a mark b with the value "b", a key b, an element b: each by its own number.
    hidden_is(&bed, NULL,
              "01 04 0500 04 0101 74 01 61 06 0101 74 01 62 03 226222 28 0101 6d 01 62 01 78 "
              "07 0101 78 03 01 62 00",
              "01 04 0500 04 0101 74 01 30 06 0101 74 01 31 07 7b2269223a317d "
              "28 0101 6d 01 32 01 7d02 07 0101 78 03 06 6e6f64652d33 00");
    hidden_is(&bed, NULL, "01 02 0500 04 0101 74 01 61 04 0101 74 02 6162 00",
              "01 02 0500 04 0101 74 01 30 04 0101 74 02 3131 00");
    bed_end(&bed);
}

static void u130_what_is_to_stay_stays(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    const char *all =
        "01 03 0500 06 0101 74 01 62 01 31 07 0101 78 03 01 70 09 0101 61 01 67 7600 00";
    struct yd_obfuscate keep = {true, true, true};
    hidden_is(&bed, &keep, all, all);
    hidden_is(&bed, NULL, all,
              "01 03 0500 06 0101 74 01 30 07 7b2269223a307d 07 0101 78 03 06 6e6f64652d31 "
              "09 0101 61 01 32 7600 00");
    bed_end(&bed);
}

static void u130_gaps_and_collected_structs_are_not_counted(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    hidden_is(&bed, NULL, "01 03 0500 00 03 0a 02 04 0101 74 01 61 00",
              "01 03 0500 00 03 0a 02 04 0101 74 01 30 00");
    struct yd_update bad = {YD_LITERAL("\1\1\5\0\4"), YD_V1};
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_EMALFORMED, yd_update_obfuscate(bad, NULL, YD_V1, &bed.out));
    assert_int_equal(0, bed.out.len);
    bed_end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u127_a_text_is_what_it_was),
        cmocka_unit_test(u127_marks_are_those_of_then),
        cmocka_unit_test(u127_what_cannot_be_answered_is_refused),
        cmocka_unit_test(u128_what_came_and_went_says_so),
        cmocka_unit_test(u128_of_each_writer_by_itself),
        cmocka_unit_test(u128_an_embed_says_what_became_of_it),
        cmocka_unit_test(u128_a_mark_of_that_name_gives_way),
        cmocka_unit_test(u129_a_pair_that_is_cut_stays_whole_in_the_document),
        cmocka_unit_test(u130_contents_say_nothing),
        cmocka_unit_test(u130_what_is_alike_stays_alike),
        cmocka_unit_test(u130_what_is_alike_elsewhere_is_not),
        cmocka_unit_test(u130_what_is_to_stay_stays),
        cmocka_unit_test(u130_gaps_and_collected_structs_are_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
