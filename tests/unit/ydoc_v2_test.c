/* ydoc_v2_test.c - update format V2, in and out (docs/encoding.md U72-U78).
 *
 * An update of V2 is: 00, nine columns behind their lengths, the rest. In order: keys, clients,
 * left clocks, right clocks, infos, texts, parent infos, type references, lengths. */
#include "unit/ydoc_test.h"

#include "ydoc/update.h"

static const char *const abcdef = "01010500040101740661626364656600";
static const char *const bold =
    "00 020002 024503 020006 020206 01c6 0b08626f6c64626f6c644400 00 00 00 010206 787e 00";

/* Text, map, nested types, a mark, an embed, values, JSON of old, a sub-document, deletes. */
static const char *const everything =
    "010a07000101017402 8207010209756e646566696e6564077b2261223a317d 830703020102 "
    "84070403737472 850707077b2261223a317d 860708016b03227622 87070901 88070a027701787e "
    "89070c04677569647600 84070d0121 01 05 01 0a 03";

/* Refused, at the byte said, and the document is as it was. */
static void refuses(const char *hex, size_t error_at)
{
    struct bed bed;
    struct yd_applied applied;
    bed_begin(&bed, NULL);
    bed_apply(&bed, abcdef);
    assert_int_equal(YD_EMALFORMED, apply_hex_in(bed.doc, hex, YD_V2, &applied));
    assert_false(applied.changed || applied.parked || applied.known_part);
    assert_int_equal(error_at, applied.error_at);
    bed_state_is(&bed, abcdef);
    bed_end(&bed);
}

static void u72_every_cut_of_an_update_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, everything);
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_doc_encode_state(bed.doc, YD_EMPTY, YD_V2, &bed.out));
    struct yd_doc *fresh;
    assert_int_equal(YD_OK, yd_doc_new(heap_alloc(&bed.heap), NULL, &fresh));
    for (size_t len = 0; len < bed.out.len; len++) {
        struct yd_applied applied;
        uint8_t *cut = malloc(len > 0 ? len : 1); // ends where the sanitizer looks
        assert_non_null(cut);
        memcpy(cut, bed.out.ptr, len);
        assert_int_equal(YD_EMALFORMED, yd_doc_apply(fresh, (yd_slice){cut, len}, YD_V2, &applied));
        assert_true(applied.error_at <= len);
        assert_int_equal(0, yd_doc_stats(fresh).items);
        free(cut);
    }
    assert_int_equal(YD_OK, yd_doc_apply(fresh, yd_buf_slice(&bed.out), YD_V2, NULL));
    yd_doc_free(bed.doc);
    bed.doc = fresh;
    bed_vector_is(&bed, "01070f");
    bed_end(&bed);
}

/* Every byte of an update set to every value: refused or accepted, the document stays whole, and
 * what needs no document says the same of it. */
static void u77_no_byte_breaks_the_document(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, everything);
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_doc_encode_state(bed.doc, YD_EMPTY, YD_V2, &bed.out));
    uint8_t *bytes = malloc(bed.out.len);
    struct yd_buf made;
    yd_buf_init(&made, heap_alloc(&bed.heap), (size_t)1 << 20);
    assert_non_null(bytes);
    for (size_t i = 0; i < bed.out.len; i++) {
        memcpy(bytes, bed.out.ptr, bed.out.len);
        for (unsigned value = 0; value < 256; value++) {
            struct yd_applied applied;
            struct yd_doc *doc;
            bytes[i] = (uint8_t)value;
            struct yd_update update = {{bytes, bed.out.len}, YD_V2};
            assert_int_equal(YD_OK, yd_doc_new(heap_alloc(&bed.heap), NULL, &doc));
            yd_err err = yd_doc_apply(doc, update.bytes, YD_V2, &applied);
            yd_doc_check(doc);
            assert_true(err == YD_OK || yd_doc_stats(doc).items == 0);
            assert_true(err == YD_OK || err == YD_ETOOBIG || applied.error_at <= bed.out.len);
            yd_buf_clear(&made);
            assert_int_equal(err, yd_update_convert(update, YD_V1, &made));
            yd_doc_free(doc);
        }
    }
    free(bytes);
    yd_buf_deinit(&made);
    bed_end(&bed);
}

static void u72_each_column_is_watched(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        size_t error_at;
    } cases[] = {
        {"00 00 00 00 00 0104 0704746162630103 0101 00 00 01010000", 3},  // clients
        {"00 00 0107 00 00 00 0704746162630103 0101 00 00 01010000", 7},  // infos
        {"00 00 0107 00 00 0104 06047461626301 0101 00 00 01010000", 15}, // text lengths
        {"00 00 0107 00 00 0104 0704746162630103 00 00 00 01010000", 17}, // parent infos
        {"00 00 0107 00 00 0107 03017401 0101 00 00 01010000", 15},       // type references
        {"00 00 0107 00 00 0101 03017401 0101 00 00 01010000", 16},       // lengths
        {"00 00 024700 00 00 0184 03017401 00 00 00 01010000", 6},        // left clocks
        {"00 00 024700 00 00 0144 03017401 00 00 00 01010000", 7},        // right clocks
        {"00 00 0107 00 00 0106 03017401 0101 00 00 01010000 78 00", 2},  // keys
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bed bed;
        struct yd_applied applied;
        bed_begin(&bed, NULL);
        assert_int_equal(YD_EMALFORMED, apply_hex_in(bed.doc, cases[i].hex, YD_V2, &applied));
        assert_int_equal(cases[i].error_at, applied.error_at);
        bed_end(&bed);
    }
}

static void u73_keys_by_number_are_read_and_not_written(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, abcdef);
    // Both marks name key 0; the text "bold" is there once.
    bed_apply_v2(&bed,
                 "00 020100 024503 020006 020206 01c6 0604626f6c6404 00 00 00 010206 787e 00");
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_doc_last_update(bed.doc, YD_V2, &bed.out));
    assert_hex(bold, &bed.out);
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_doc_last_update(bed.doc, YD_V1, &bed.out));
    assert_hex("01020506c60500050104626f6c640474727565c60503050404626f6c64046e756c6c00", &bed.out);
    bed_end(&bed);
}

static void u73_a_key_below_zero_is_refused(void **state)
{
    (void)state;
    refuses("00 0142 024501 0100 0102 01c6 0503656d7a03 00 00 00 010106 78 00", 3);
}

static void u74_halves_of_a_pair_in_two_texts_become_fffd(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply_v2(&bed, "00 00 02 4500 0102 00 03 040084 0b 07 7461f09f988062 014200 0101 00 00 "
                       "01020000");
    bed_vector_is(&bed, "010504");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"a\xef\xbf\xbd\xef\xbf\xbd\x62\"");
    bed_end(&bed);
}

/* `n` collected structs of one clock each, in 25 bytes. */
static yd_err bomb(uint32_t n, const struct yd_doc_opts *opts)
{
    struct bed bed;
    char hex[128], *p = hex;
    bed_begin(&bed, opts);
    p += sprintf(p, "00000107000001000100000004 41");
    for (uint32_t i = 0, v = n - 2; i < 3; i++, v >>= 7) {
        p += sprintf(p, "%02x", (v & 127) | (i < 2 ? 128 : 0));
    }
    p += sprintf(p, "01");
    for (uint32_t i = 0, v = n; i < 3; i++, v >>= 7) {
        p += sprintf(p, "%02x", (v & 127) | (i < 2 ? 128 : 0));
    }
    sprintf(p, "0000");
    yd_err err = apply_hex_in(bed.doc, hex, YD_V2, NULL);
    if (err == YD_OK) {
        assert_int_equal(1, yd_doc_stats(bed.doc).items);
    } else {
        assert_int_equal(0, yd_doc_stats(bed.doc).items);
    }
    bed_end(&bed);
    return err;
}

static void u75_structs_of_no_bytes_are_limited(void **state)
{
    (void)state;
    struct yd_doc_opts small = {.update_bytes_max = 4096};
    assert_int_equal(YD_OK, bomb(65536, NULL));
    assert_int_equal(YD_OK, bomb(67000, NULL));
    assert_int_equal(YD_ETOOBIG, bomb(68000, NULL));
    assert_int_equal(YD_ETOOBIG, bomb(2000000, NULL));
    // What it would be as V1 counts for the limit of an update.
    assert_int_equal(YD_OK, bomb(2000, &small));
    assert_int_equal(YD_ETOOBIG, bomb(2100, &small));
}

static void u75_what_is_reserved_is_given_back(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply_v2(&bed, "000001070000010001000000044180e003 01 82e003 0000");
#ifndef YD_TIGHT // there, all that was reserved is needed
    assert_true(yd_doc_stats(bed.doc).bytes < 64 << 10);
#endif
    bed_end(&bed);
}

static void embed_keeps(const char *any, const char *json, const char *tagged)
{
    struct bed bed;
    char v2[256], v1[256], state[512];
    bed_begin(&bed, NULL);
    sprintf(v2, "00 00 0105 00 00 0105 03017401 0101 00 00 010100 %s 00", any);
    bed_apply_v2(&bed, v2);
    bed_state_in_is(&bed, YD_V2, v2);
    char *p = v1 + sprintf(v1, "%02x", (unsigned)strlen(json));
    for (const char *c = json; *c != 0; c++) p += sprintf(p, "%02x", (unsigned)*c);
    sprintf(state, "01010500050101 74 %s 00", v1);
    bed_state_is(&bed, state);
    bed_json_is(&bed, YD_ROOT_ARRAY, "t", YD_JSON_TAGGED, tagged);
    bed_end(&bed);
}

static void u76_values_that_json_can_say_are_json(void **state)
{
    (void)state;
    embed_keeps("7e", "null", "[null]");
    embed_keeps("7601 0161 7d01", "{\"a\":1}", "[{\"a\":1}]");
    embed_keeps("7502 7b3fb999999999999a 7701 78", "[0.1,\"x\"]", "[[0.1,\"x\"]]");
}

static void u76_other_values_stay_what_they_are(void **state)
{
    (void)state;
    embed_keeps("7f", "null", "[{\"$\":\"undefined\"}]");
    embed_keeps("7d40", "0", "[{\"$\":\"-0\"}]");
    embed_keeps("7b7ff8000000000000", "null", "[{\"$\":\"NaN\"}]");
    embed_keeps("740201ff", "{\"0\":1,\"1\":255}", "[{\"$bin\":\"01ff\"}]");
    embed_keeps("7affffffffffffffff", "-1", "[{\"$big\":\"-1\"}]");
    embed_keeps("7602 0161 7f 0162 7d01", "{\"b\":1}", "[{\"a\":{\"$\":\"undefined\"},\"b\":1}]");
    embed_keeps("7b3ff0000000000000", "1", "[1]"); // a whole number as a double
}

static void u76_marks_keep_their_values_too(void **state)
{
    (void)state;
    static const char *const mark =
        "00 0100 024501 0100 0102 01c6 0503656d7a03 00 00 00 010106 7602 0161 7f 0162 7d01 00";
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, abcdef);
    bed_apply_v2(&bed, mark);
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_doc_last_update(bed.doc, YD_V2, &bed.out));
    assert_hex(mark, &bed.out);
    bed_last_is(&bed, "01010506 c605000501 03656d7a 07 7b2262223a317d 00");
    bed_end(&bed);
}

static void u77_structs_are_checked_as_in_v1(void **state)
{
    (void)state;
    // A text of client 5 at clock 6 with itself as its origin; of no length; with unknown refs.
    refuses("00 00 024500 010c 00 0184 03017801 00 00 00 010106 00", 20);
    refuses("00 00 024500 010a 00 0184 020000 00 00 00 010106 00", 19);
    refuses("00 00 024500 010a 00 018b 03017801 00 00 00 010106 00", 9);
    refuses("00 00 024500 010a 00 018c 03017801 00 00 00 010106 78 00", 9);
    refuses("00 00 0105 00 00 0180 0100 00 00 0101 010106 00", 17); // flags on a GC
}

static void u77_parked_as_it_came(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply_v2(&bed, bold); // its text is not here yet
    assert_true(yd_doc_pending(bed.doc).structs);
    bed_state_in_is(&bed, YD_V2, bold);
    bed_apply(&bed, abcdef);
    assert_false(yd_doc_pending(bed.doc).structs);
    bed_vector_is(&bed, "010508");
    bed_end(&bed);
}

static void u78_state_and_last_update_are_those_of_yjs(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_state_in_is(&bed, YD_V2, "00000000000001000000000000");
    bed_apply(&bed, "01010500040101740461626364 00");
    bed_state_in_is(&bed, YD_V2, "00000105000001040805746162636401040101000001010000");
    bed_apply_v2(&bed, "0000000000000100000000000105010201");
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_doc_last_update(bed.doc, YD_V2, &bed.out));
    assert_hex("0000000000000100000000000105010201", &bed.out);
    yd_buf_clear(&bed.out);
    yd_slice sv = hex_bytes("010503");
    assert_int_equal(YD_OK, yd_doc_encode_state(bed.doc, sv, YD_V2, &bed.out));
    assert_hex("000002450001040001810100000001010101030105010201", &bed.out);
    hex_free(sv);
    bed_end(&bed);
}

static void u78_unknown_formats_are_unsupported(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    assert_int_equal(YD_EUNSUPPORTED, apply_hex_in(bed.doc, "0000", (enum yd_format)3, NULL));
    assert_int_equal(YD_EUNSUPPORTED,
                     yd_doc_encode_state(bed.doc, YD_EMPTY, (enum yd_format)3, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_doc_last_update(bed.doc, (enum yd_format)0, &bed.out));
    bed_end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u72_every_cut_of_an_update_is_refused_and_changes_nothing),
        cmocka_unit_test(u77_no_byte_breaks_the_document),
        cmocka_unit_test(u72_each_column_is_watched),
        cmocka_unit_test(u73_keys_by_number_are_read_and_not_written),
        cmocka_unit_test(u73_a_key_below_zero_is_refused),
        cmocka_unit_test(u74_halves_of_a_pair_in_two_texts_become_fffd),
        cmocka_unit_test(u75_structs_of_no_bytes_are_limited),
        cmocka_unit_test(u75_what_is_reserved_is_given_back),
        cmocka_unit_test(u76_values_that_json_can_say_are_json),
        cmocka_unit_test(u76_other_values_stay_what_they_are),
        cmocka_unit_test(u76_marks_keep_their_values_too),
        cmocka_unit_test(u77_structs_are_checked_as_in_v1),
        cmocka_unit_test(u77_parked_as_it_came),
        cmocka_unit_test(u78_state_and_last_update_are_those_of_yjs),
        cmocka_unit_test(u78_unknown_formats_are_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
