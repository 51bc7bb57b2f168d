/* ydoc_validate_test.c - what is refused before a document is touched (docs/encoding.md U1-U14). */
#include "unit/ydoc_test.h"

#include "libydoc/src/v1_struct.h"

/* Four clients' worth of everything: text, map, array, nested types, marks, deletes. */
static const char *const rich =
    "03"
    "0a 07 00 0101017402 8207010209756e646566696e6564077b2261223a317d 830703020102"
    " 84070403737472 850707077b2261223a317d 860708016b03227622 87070901 88070a027701787e"
    " 89070c04677569647600 84070d0121"
    "0305 00 0701017803 0170 0700050006 2800050002 6964 01770176"
    "0204 00 2801016d016b0177046669766500000000"
    "00";

static const char *const text_abcdef = "01010500040101740661626364656601050102 02";

/* Refused, at the byte said, and the document is as it was. */
static void refuses(const char *hex, size_t error_at)
{
    struct bed bed;
    struct yd_applied applied;
    bed_begin(&bed, NULL);
    bed_apply(&bed, text_abcdef);
    assert_int_equal(YD_EMALFORMED, apply_hex(bed.doc, hex, &applied));
    assert_false(applied.changed || applied.parked || applied.known_part);
    assert_int_equal(error_at, applied.error_at);
    bed_state_is(&bed, "0103050004010174026162 8105010284050302656601 05010202");
    bed_end(&bed);
}

static void accepts(const char *hex)
{
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, hex);
    bed_end(&bed);
}

static void u2_every_cut_of_an_update_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct bed bed;
    yd_slice whole = hex_bytes("010a07000101017402 8207010209756e646566696e6564077b2261223a317d "
                               "830703020102 84070403737472 850707077b2261223a317d "
                               "860708016b03227622 87070901 88070a027701787e 89070c04677569647600 "
                               "84070d0121 01 05 01 0a 03");
    bed_begin(&bed, NULL);
    for (size_t len = 0; len < whole.len; len++) {
        struct yd_applied applied;
        uint8_t *cut = malloc(len > 0 ? len : 1); // ends where the sanitizer looks
        assert_non_null(cut);
        memcpy(cut, whole.ptr, len);
        assert_int_equal(YD_EMALFORMED,
                         yd_doc_apply(bed.doc, (yd_slice){cut, len}, YD_V1, &applied));
        assert_true(applied.error_at <= len);
        yd_doc_check(bed.doc);
        bed_state_is(&bed, "0000");
        free(cut);
    }
    assert_int_equal(YD_OK, yd_doc_apply(bed.doc, whole, YD_V1, NULL));
    bed_vector_is(&bed, "01070f");
    hex_free(whole);
    bed_end(&bed);
}

static void u1_numbers_above_2_53_are_refused(void **state)
{
    (void)state;
    accepts("0101 ffffffffffffff0f 00 04010174016100");
    refuses("0101 ffffffffffffff1f 00 04010174016100", 2);
    refuses("0101 ffffffffffffffffffffff00 00 04010174016100", 2);
}

static void u1_padding_with_zeroes_is_tolerated(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "8100 01 878000 00 04010174016100");
    bed_state_is(&bed, "0101070004010174016100"); // and never written
    bed_end(&bed);
}

static void u3_counts_that_the_bytes_cannot_hold_are_refused(void **state)
{
    (void)state;
    refuses("8080808010070000", 0);
    refuses("01ffffff0f070000", 1);
    refuses("0101070004010174ffffffff0f6100", 8);
    refuses("00ffff03", 1);
}

static void u4_text_must_be_utf8(void **state)
{
    (void)state;
    refuses("010107000401017402c08000", 8);     // overlong
    refuses("010107000401017403eda08000", 8);   // a surrogate
    refuses("010107000401017404f490808000", 8); // above U+10FFFF
    refuses("010107000401017401c300", 8);       // cut short
    refuses("01010700040101ff016100", 6);       // in a root name
    accepts("010107000401017404f09f988000");
}

static void u5_any_has_known_tags(void **state)
{
    (void)state;
    refuses("0101070008010161017300", 9);
    refuses("0101070008010161018000", 9);
    refuses("01010700080101610175017300", 11); // inside an array
    accepts("01010700080101610a 7d01 7d41 7c3f000000 7b3fb999999999999a 78 79 7e 770178 "
            "75027d0175017d02 760201627d010161760101637e 00");
}

/* One Any value as the content of an update, with `more` bytes behind it. */
static yd_err any_apply(const uint8_t *value, size_t len, size_t more)
{
    uint8_t bytes[64] = {1, 1, 5, 0, 8, 1, 1, 'a', 1};
    struct bed bed;
    bed_begin(&bed, NULL);
    memcpy(bytes + 9, value, len);
    uint8_t *exact = malloc(10 + len + more);
    assert_non_null(exact);
    memcpy(exact, bytes, 10 + len + more); // an empty delete set, then what nobody reads
    yd_err err = yd_doc_apply(bed.doc, (yd_slice){exact, 10 + len + more}, YD_V1, NULL);
    yd_err again = YD_OK;
    if (err == YD_OK) { // the same as the second struct of a client that is known
        exact[3] = 1;
        again = yd_doc_apply(bed.doc, (yd_slice){exact, 10 + len + more}, YD_V1, NULL);
    }
    free(exact);
    assert_int_equal(YD_OK, again);
    bed_end(&bed);
    return err;
}

static void u5_a_bad_byte_is_found_anywhere_in_a_text(void **state)
{
    (void)state;
    for (uint8_t len = 1; len <= 20; len++) {
        uint8_t value[22] = {119, len};
        memset(value + 2, 'x', len);
        for (size_t more = 0; more <= 8; more += 4) {
            assert_int_equal(YD_OK, any_apply(value, 2u + len, more));
            for (uint8_t at = 0; at < len; at++) {
                value[2 + at] = 0xff;
                assert_int_equal(YD_EMALFORMED, any_apply(value, 2u + len, more));
                value[2 + at] = 'x';
            }
        }
    }
}

static void u5_integers_have_53_bits(void **state)
{
    (void)state;
    uint8_t value[10] = {125, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    for (size_t more = 0; more <= 8; more += 8) {
        assert_int_equal(YD_OK, any_apply(value, 8, more));
    }
    value[7] = 0xff;
    value[8] = 0x1f; // 6 and 6 times 7 and 5
    assert_int_equal(YD_OK, any_apply(value, 9, 8));
    value[8] = 0x20;
    assert_int_equal(YD_EMALFORMED, any_apply(value, 9, 8));
    memset(value + 1, 0xff, 8);
    value[9] = 1;
    assert_int_equal(YD_EMALFORMED, any_apply(value, 10, 8));
}

/* An Any or JSON value of `depth` arrays, as an update. */
static char *nested(uint32_t depth, bool json)
{
    char *hex = malloc(depth * 8 + 64);
    char *at = hex;
    assert_non_null(hex);
    if (json) {
        uint32_t len = depth * 2;
        assert_true(len >= 128 && len < 16384);
        at += sprintf(at, "0101070005010174%02x%02x", (len & 127) | 128, len >> 7);
        for (uint32_t i = 0; i < depth; i++) at += sprintf(at, "5b");
        for (uint32_t i = 0; i < depth; i++) at += sprintf(at, "5d");
    } else {
        at += sprintf(at, "010107000801016101");
        for (uint32_t i = 1; i < depth; i++) at += sprintf(at, "7501");
        at += sprintf(at, "7500");
    }
    sprintf(at, "00");
    return hex;
}

static void u6_any_and_json_nest_128_deep_and_no_deeper(void **state)
{
    (void)state;
    for (int json = 0; json < 2; json++) {
        struct bed bed;
        char *deepest = nested(YD_DEPTH_MAX, json != 0);
        char *deeper = nested(YD_DEPTH_MAX + 1, json != 0);
        bed_begin(&bed, NULL);
        assert_int_equal(YD_EMALFORMED, apply_hex(bed.doc, deeper, NULL));
        assert_int_equal(YD_OK, apply_hex(bed.doc, deepest, NULL));
        bed_end(&bed);
        free(deepest);
        free(deeper);
    }
}

static void u7_json_must_be_json(void **state)
{
    (void)state;
    refuses("0101070005010174017b00", 8);
    refuses("0101070006010174016b03747275 00", 10);
    refuses("01010700050101740230 3100", 8);              // 01
    refuses("010107000501017409756e646566696e656400", 8); // undefined, not in an embed
    accepts("01010700020101740109756e646566696e656400");  // in legacy content it is
    assert_true(yd_json_check(YD_LITERAL(" {\"a\":[1,-0.5e+3,\"\\u00e9\\n\",{}],\"b\":null} ")));
    static const char *const bad[] = {
        "",   "[",   "[1,]", "{\"a\"}", "{a:1}",  "\"\\x\"",    "1.", "-",
        "+1", "nul", "1 2",  "[1}",     "\"\n\"", "{\"a\":1,}", "]",  "\"\\u12g4\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(yd_json_check((yd_slice){(const uint8_t *)bad[i], strlen(bad[i])}));
    }
}

static void u8_nothing_has_length_zero(void **state)
{
    (void)state;
    refuses("01010700040101740000", 8);
    refuses("01010700000000", 5);
    refuses("010107000a0000", 5);
    refuses("01010700010101740000", 8);
    refuses("01010700080101610000", 8);
}

static void u9_clocks_stay_below_2_31(void **state)
{
    (void)state;
    refuses("0101070000ffffffffffffff0f00", 5);
    refuses("010107ffffffff0700ff0100", 3);
    accepts("0101070000feffffff0700");
    refuses("010107 01 00 feffffff07 00", 4);
    refuses("000107 01 05ffffffff07", 5);
}

static void u10_unknown_contents_and_types_are_refused(void **state)
{
    (void)state;
    refuses("010107000b0101740100", 4);
    refuses("010107001f0101740100", 4);
    refuses("01010700070101610700", 8);
    accepts("01010700070101610600");
}

static void u11_gc_and_skip_carry_no_flags(void **state)
{
    (void)state;
    refuses("010207008a03840701017800", 4);
    refuses("01010700800300", 4);
}

static void u12_own_references_lie_before(void **state)
{
    (void)state;
    refuses("010107008407090361626300", 4);
    refuses("010107004407010361626300", 4);
    refuses("01010700040007050361626300", 4);
    refuses("0102070004010174036162638407630364656600", 12); // and the struct before it is not kept
}

static void u13_the_last_section_of_a_client_counts(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_applied applied;
    bed_begin(&bed, NULL);
    assert_int_equal(
        YD_OK, apply_hex(bed.doc, "0201070384070203646566010700040101740361626300", &applied));
    assert_true(applied.changed && applied.known_part && !applied.parked);
    bed_last_is(&bed, "01010700040101740361626300");
    bed_state_is(&bed, "01010700040101740361626300");
    // The other way round, between sections of others, and with an empty one at the end.
    bed_apply(&bed, "04 010800 04010174 0178 010703 84070203646566 010900 04010174 0179"
                    " 010703 84070203717273 00");
    bed_apply(&bed, "02 010706 8407050174 000706 00");
    bed_vector_is(&bed, "03090108010706");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"abcqrsxy\"");
    bed_end(&bed);
}

static void u13_what_is_dropped_is_checked_all_the_same(void **state)
{
    (void)state;
    refuses("0201070384070303646566010700040101740361626300", 4);
}

static void u14_what_follows_the_deletes_is_ignored(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "0101050004010174016100 deadbeef");
    bed_apply(&bed, "000105010000"); // a range without length
    bed_apply(&bed, "000109010500");
    assert_false(yd_doc_pending(bed.doc).deletes);
    bed_state_is(&bed, "0101050004010174016100");
    bed_end(&bed);
}

/* Every byte of an update set to every value: refused or accepted, the document stays whole. */
static void u2_no_byte_breaks_the_document(void **state)
{
    (void)state;
    yd_slice whole = hex_bytes(rich);
    uint8_t *bytes = malloc(whole.len);
    assert_non_null(bytes);
    for (size_t i = 0; i < whole.len; i++) {
        for (unsigned value = 0; value < 256; value += 3) {
            struct bed bed;
            bed_begin(&bed, NULL);
            bed_apply(&bed, text_abcdef);
            memcpy(bytes, whole.ptr, whole.len);
            bytes[i] = (uint8_t)value;
            yd_err err = yd_doc_apply(bed.doc, (yd_slice){bytes, whole.len}, YD_V1, NULL);
            assert_true(err == YD_OK || err == YD_EMALFORMED);
            yd_doc_check(bed.doc);
            bed_end(&bed);
        }
    }
    free(bytes);
    hex_free(whole);
}

static void same_slice(yd_slice a, yd_slice b)
{
    assert_int_equal(a.len, b.len);
    if (a.len > 0) assert_ptr_equal(a.ptr, b.ptr);
}

/* Whether the short way takes a struct. What it takes has to be what the long one makes of it. */
static bool is_short(yd_slice bytes, const struct codec_id *own, uint32_t clock)
{
    struct yd_reader a = yd_reader_of(bytes), b = a;
    struct wire x, y;
    memset(&x, 0xa5, sizeof x);
    memset(&y, 0x5a, sizeof y);
    if (!v1_check_short(&a, own, clock, &x)) {
        assert_ptr_equal(bytes.ptr, a.at);
        assert_false(a.failed);
        return false;
    }
    yd_v1_check(&b, own, clock, false, &y);
    assert_false(b.failed);
    assert_ptr_equal(b.at, a.at);
    assert_int_equal(y.ref, x.ref);
    assert_int_equal(y.flags, x.flags);
    assert_int_equal(y.len, x.len);
    if (y.flags & WIRE_ORIGIN) assert_true(x.origin.client == y.origin.client);
    if (y.flags & WIRE_ORIGIN) assert_int_equal(y.origin.clock, x.origin.clock);
    if (y.flags & WIRE_RIGHT) assert_true(x.right.client == y.right.client);
    if (y.flags & WIRE_RIGHT) assert_int_equal(y.right.clock, x.right.clock);
    if ((y.flags & WIRE_ORIGINS) == 0) {
        assert_int_equal(y.root, x.root);
        if (y.root) same_slice(y.name, x.name);
        if (!y.root) assert_true(x.parent.client == y.parent.client);
        if (!y.root) assert_int_equal(y.parent.clock, x.parent.clock);
        same_slice(y.key, x.key);
    }
    if (y.ref == REF_TYPE) assert_int_equal(y.type_ref, x.type_ref);
    same_slice(y.content, x.content);
    return true;
}

/* Structs of client 9a8b0c at clock 20000, good ones, with each byte changed, and cut off. */
static void u12_the_short_way_takes_what_the_long_one_takes(void **state)
{
    (void)state;
    enum { ROOM = 64 };
    static const char *const structs[] = {
        "84 9a8b0c 8114 03 616263",
        "c4 9a8b0c 8114 9a8b0c 05 04 f09f9880",
        "44 9a8b0c 8114 09 c3a9c3a9c3a9c3a961",
        "c1 9a8b0c 7f 07 829901 8102",
        "a1 9a8b0c 1f 01",
        "24 00 9a8b0c 8114 02 6b79 01 61",
        "28 00 07 818008 09 6b65796b65796b6579 02 7d05 7701 61",
        "07 00 9a8b0c 8114 03 01 70",
        "c6 9a8b0c 8114 9a8b0c 8014 04 626f6c64 04 74727565",
        "83 9a8b0c 8114 02 6162",
        "04 01 04 726f6f74 01 61",
        "28 01 01 6d 01 6b 01 7dbf7f",
        "88 9a8b0c 8114 01 7dffffffffffff7f",
        "88 9a8b0c 8114 01 7dffffffffffffff03",
        "88 9a8b0c 8114 01 7b400921fb54442d18",
        "88 9a8b0c 8114 01 7c3fc00000",
        "88 9a8b0c 8114 01 7a0000000000000001",
        "88 9a8b0c 8114 01 78",
        "88 9a8b0c 8114 01 77 04 f09f9880",
        "88 9a8b0c 8114 01 76 01 01 61 7d01",
        "88 9a8b0c 8114 01 75 02 7f7e",
    };
    yd_slice id = hex_bytes("9a8b0c0000000000");
    struct yd_reader r = yd_reader_of(id);
    uint64_t value = yd_read_varuint(&r);
    struct codec_id own = codec_id_of(&r, id.ptr, value);
    unsigned taken = 0, left = 0;
    for (size_t i = 0; i < sizeof structs / sizeof *structs; i++) {
        yd_slice hex = hex_bytes(structs[i]);
        uint8_t *bytes = calloc(1, hex.len + ROOM);
        assert_non_null(bytes);
        memcpy(bytes, hex.ptr, hex.len);
        yd_slice all = {bytes, hex.len + ROOM};
        assert_true(is_short(all, &own, 20000));
        for (size_t at = 0; at < hex.len; at++) {
            for (unsigned change = 1; change < 256; change++) {
                bytes[at] ^= (uint8_t)change;
                is_short(all, &own, 20000) ? taken++ : left++;
                bytes[at] ^= (uint8_t)change;
            }
        }
        for (size_t len = 0; len < hex.len + ROOM; len++) { // exactly so many, for the sanitizer
            uint8_t *exact = malloc(len + 1);
            assert_non_null(exact);
            memcpy(exact + 1, bytes, len);
            (void)is_short((yd_slice){exact + 1, len}, &own, 20000);
            free(exact);
        }
        free(bytes);
        hex_free(hex);
    }
    // Its own id, spelled longer, with the clock of the struct itself.
    yd_slice ahead = hex_bytes("84 9a8b8c00 a09c01 03 616263 000000000000000000000000000000000000"
                               "0000000000000000000000000000000000000000");
    assert_false(is_short(ahead, &own, 20000));
    hex_free(ahead);
    assert_true(taken > 1000);
    assert_true(left > 1000);
    hex_free(id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u12_the_short_way_takes_what_the_long_one_takes),
        cmocka_unit_test(u1_numbers_above_2_53_are_refused),
        cmocka_unit_test(u1_padding_with_zeroes_is_tolerated),
        cmocka_unit_test(u2_every_cut_of_an_update_is_refused_and_changes_nothing),
        cmocka_unit_test(u2_no_byte_breaks_the_document),
        cmocka_unit_test(u3_counts_that_the_bytes_cannot_hold_are_refused),
        cmocka_unit_test(u4_text_must_be_utf8),
        cmocka_unit_test(u5_any_has_known_tags),
        cmocka_unit_test(u5_a_bad_byte_is_found_anywhere_in_a_text),
        cmocka_unit_test(u5_integers_have_53_bits),
        cmocka_unit_test(u6_any_and_json_nest_128_deep_and_no_deeper),
        cmocka_unit_test(u7_json_must_be_json),
        cmocka_unit_test(u8_nothing_has_length_zero),
        cmocka_unit_test(u9_clocks_stay_below_2_31),
        cmocka_unit_test(u10_unknown_contents_and_types_are_refused),
        cmocka_unit_test(u11_gc_and_skip_carry_no_flags),
        cmocka_unit_test(u12_own_references_lie_before),
        cmocka_unit_test(u13_the_last_section_of_a_client_counts),
        cmocka_unit_test(u13_what_is_dropped_is_checked_all_the_same),
        cmocka_unit_test(u14_what_follows_the_deletes_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
