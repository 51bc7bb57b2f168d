/* ydoc_read_test.c - documents as bytes and as JSON (docs/encoding.md U50-U64). */
#include "unit/ydoc_test.h"

#include "../../libydoc/src/number.h"

static void u50_clients_go_from_the_highest_id_down(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "0101090004010174016100");
    bed_apply(&bed, "0101ffffffffffffff0f0004010174016200");
    bed_apply(&bed, "01010a0004010174016300");
    bed_apply(&bed, "000109010001");
    bed_vector_is(&bed, "03ffffffffffffff0f010a010901");
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_doc_snapshot(bed.doc, &bed.out));
    assert_hex("010901000103ffffffffffffff0f010a010901", &bed.out);
    bed_end(&bed);
}

static void u53_a_holder_of_a_vector_gets_what_it_lacks(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01010500040101740361626300");
    bed_apply(&bed, "01010900840502016400");
    static const char *const vectors[][2] = {
        {"00", "0201090084050201640105000401017403616263 00"},
        {"010502", "02010900840502016401050284050101 6300"},
        {"02056309 01", "0000"},
        {"010901", "01010500040101740361626300"},
        {"012263", "0201090084050201640105000401017403616263 00"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        yd_slice sv = hex_bytes(vectors[i][0]);
        yd_buf_clear(&bed.out);
        assert_int_equal(YD_OK, yd_doc_encode_state(bed.doc, sv, YD_V1, &bed.out));
        assert_hex(vectors[i][1], &bed.out);
        hex_free(sv);
    }
    yd_slice cut = hex_bytes("0205");
    assert_int_equal(YD_EMALFORMED, yd_doc_encode_state(bed.doc, cut, YD_V1, &bed.out));
    hex_free(cut);
    bed_end(&bed);
}

static void u60_values_that_json_cannot_carry(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    // undefined, bigint -2, NaN, -0, bytes 00ff, {a: undefined}
    bed_apply(&bed, "010105000801016106 7f 7afffffffffffffffe 7b7ff8000000000000 7d40 740200ff "
                    "760101617f 00");
    bed_json_is(&bed, YD_ROOT_ARRAY, "a", YD_JSON_PLAIN, "[null,-2,null,0,{\"0\":0,\"1\":255},{}]");
    bed_json_is(&bed, YD_ROOT_ARRAY, "a", YD_JSON_TAGGED,
                "[{\"$\":\"undefined\"},{\"$big\":\"-2\"},{\"$\":\"NaN\"},{\"$\":\"-0\"},"
                "{\"$bin\":\"00ff\"},{\"a\":{\"$\":\"undefined\"}}]");
    bed_end(&bed);
}

static void u60_text_is_escaped_as_json_asks(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "0101050004010174 09 225c0a011f08e282ac 00");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN,
                "\"\\\"\\\\\\n\\u0001\\u001f\\b\xe2\x82\xac\"");
    bed_end(&bed);
}

static void u61_an_unknown_root_is_empty(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_json_is(&bed, YD_ROOT_TEXT, "no", YD_JSON_PLAIN, "\"\"");
    bed_json_is(&bed, YD_ROOT_ARRAY, "no", YD_JSON_PLAIN, "[]");
    bed_json_is(&bed, YD_ROOT_MAP, "no", YD_JSON_PLAIN, "{}");
    bed_json_is(&bed, YD_ROOT_XML, "no", YD_JSON_PLAIN, "\"\"");
    bed_end(&bed);
}

static void u62_nested_types_read_as_what_they_are(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "010105002701016d046c6973740000");
    bed_apply(&bed, "0104050108000500017d018705010204000502026869880502017d0200");
    bed_json_is(&bed, YD_ROOT_MAP, "m", YD_JSON_PLAIN, "{\"list\":[1,\"hi\",2]}");
    bed_end(&bed);
}

static void u63_xml_is_written_as_yjs_writes_it(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    // <P> with an attribute and a text whose middle is bold and a link
    bed_apply(&bed, "010a0500 0701017803 0150 2800050002 6964 01770176 0700050006 0400050201 61"
                    "8405030162 8405040163 c605030504 04626f6c64 0474727565 c605060504 046c696e6b"
                    "0e 7b2268726566223a22782679227d c605040505 04626f6c64 046e756c6c"
                    "c605080505 046c696e6b 046e756c6c 00");
    bed_json_is(&bed, YD_ROOT_XML, "x", YD_JSON_PLAIN,
                "\"<p id=\\\"v\\\">a<bold><link href=\\\"x&y\\\">b</link></bold>c</p>\"");
    bed_end(&bed);
}

static void u64_numbers_have_their_shortest_digits(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {1e21, "1e+21"},
                 {123456789012345680000.0, "123456789012345680000"},
                 {1e-6, "0.000001"},
                 {1e-7, "1e-7"},
                 {-1.5e300, "-1.5e+300"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"},
                 {9007199254740993.0, "9007199254740992"},
                 {0.30000000000000004, "0.30000000000000004"},
                 {4.35, "4.35"},
                 {2.2250738585072014e-308, "2.2250738585072014e-308"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[NUMBER_TEXT_MAX + 1];
        text[yd_number_text(text, cases[i].value)] = 0;
        assert_string_equal(cases[i].text, text);
        assert_true(strtod(text, NULL) == cases[i].value);
    }
    for (uint64_t exponent = 1; exponent < 0x7ff;
         exponent++) { // the gap below a power of two is half
        char text[NUMBER_TEXT_MAX + 1];
        uint64_t power = exponent << 52;
        double value;
        memcpy(&value, &power, sizeof value);
        text[yd_number_text(text, value)] = 0;
        assert_true(strtod(text, NULL) == value);
    }
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) { // any bits: what is printed reads back
        char text[NUMBER_TEXT_MAX + 1];
        double value;
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&value, &bits, sizeof value);
        if ((bits >> 52 & 0x7ff) == 0x7ff) continue;
        text[yd_number_text(text, value)] = 0;
        assert_true(strtod(text, NULL) == value);
    }
}

static void delta_is(struct bed *bed, const char *name, enum yd_json_flags flags, const char *want)
{
    yd_slice text = {(const uint8_t *)name, strlen(name)};
    yd_buf_clear(&bed->out);
    assert_int_equal(YD_OK, yd_doc_delta(bed->doc, text, flags, &bed->out));
    assert_int_equal(YD_OK, yd_buf_u8(&bed->out, 0));
    assert_string_equal(want, (const char *)bed->out.ptr);
}

static void u65_a_run_ends_at_every_mark(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    delta_is(&bed, "t", YD_JSON_PLAIN, "[]");
    bed_apply(&bed, "01010500040101740661626364656600");
    delta_is(&bed, "t", YD_JSON_PLAIN, "[{\"insert\":\"abcdef\"}]");
    bed_apply(&bed,
              "01020506 c605000501 04626f6c64 0474727565 c605030504 04626f6c64 046e756c6c 00");
    delta_is(&bed, "t", YD_JSON_PLAIN,
             "[{\"insert\":\"a\"},{\"insert\":\"bcd\",\"attributes\":{\"bold\":true}},"
             "{\"insert\":\"ef\"}]");
    // A mark that is on already cuts the run all the same.
    bed_apply(&bed, "01010508 c605010502 04626f6c64 0474727565 00");
    delta_is(&bed, "t", YD_JSON_PLAIN,
             "[{\"insert\":\"a\"},{\"insert\":\"b\",\"attributes\":{\"bold\":true}},"
             "{\"insert\":\"cd\",\"attributes\":{\"bold\":true}},{\"insert\":\"ef\"}]");
    bed_apply(&bed, "00010501 0006"); // marks without text show nothing
    delta_is(&bed, "t", YD_JSON_PLAIN, "[]");
    bed_end(&bed);
}

static void u65_embeds_and_types_are_inserts_of_their_own(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01 0509 00 04010174 0161 850900 077b2265223a317d 860901 016b 03227622"
                    " 870902 01 840903 0121 00");
    delta_is(&bed, "t", YD_JSON_PLAIN,
             "[{\"insert\":\"a\"},{\"insert\":{\"e\":1}},"
             "{\"insert\":{},\"attributes\":{\"k\":\"v\"}},"
             "{\"insert\":\"!\",\"attributes\":{\"k\":\"v\"}}]");
    delta_is(&bed, "t", YD_JSON_TAGGED,
             "[{\"insert\":\"a\"},{\"insert\":{\"e\":1}},"
             "{\"insert\":{\"$type\":\"Map\",\"json\":{}},\"attributes\":{\"k\":\"v\"}},"
             "{\"insert\":\"!\",\"attributes\":{\"k\":\"v\"}}]");
    assert_int_equal(4, yd_doc_length(bed.doc, YD_LITERAL("t"))); // the mark does not count
    assert_int_equal(0, yd_doc_length(bed.doc, YD_LITERAL("u")));
    bed_end(&bed);
}

static void u65_values_that_came_in_v2_show_too(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01010500040101740661626364656600");
    bed_apply_v2(&bed, "00 0100 024501 0100 0102 01c6 0503656d7a03 00 00 00 010106 7f 00");
    delta_is(&bed, "t", YD_JSON_TAGGED,
             "[{\"insert\":\"a\"},{\"insert\":\"bcdef\","
             "\"attributes\":{\"emz\":{\"$\":\"undefined\"}}}]");
    bed_end(&bed);
}

static void u65_the_output_is_taken_back_when_it_is_too_big(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01010500040101740661626364656600");
    bed.out.max = 12;
    assert_int_equal(YD_ETOOBIG, yd_doc_delta(bed.doc, YD_LITERAL("t"), YD_JSON_PLAIN, &bed.out));
    assert_int_equal(0, bed.out.len);
    bed_end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u50_clients_go_from_the_highest_id_down),
        cmocka_unit_test(u53_a_holder_of_a_vector_gets_what_it_lacks),
        cmocka_unit_test(u60_values_that_json_cannot_carry),
        cmocka_unit_test(u60_text_is_escaped_as_json_asks),
        cmocka_unit_test(u61_an_unknown_root_is_empty),
        cmocka_unit_test(u62_nested_types_read_as_what_they_are),
        cmocka_unit_test(u63_xml_is_written_as_yjs_writes_it),
        cmocka_unit_test(u64_numbers_have_their_shortest_digits),
        cmocka_unit_test(u65_a_run_ends_at_every_mark),
        cmocka_unit_test(u65_embeds_and_types_are_inserts_of_their_own),
        cmocka_unit_test(u65_values_that_came_in_v2_show_too),
        cmocka_unit_test(u65_the_output_is_taken_back_when_it_is_too_big),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
