/* ydoc_columns_test.c - the columns of format V2, and numbers between JSON and Any
 * (docs/encoding.md U72, U74, U79). The tables were recorded from lib0. */
#include "unit/ydoc_test.h"

#include "libydoc/src/any.h"
#include "libydoc/src/columns.h"
#include "libydoc/src/number.h"

#define VALUES_MAX 8

struct column {
    const char *hex;
    int count;
    int64_t values[VALUES_MAX];
};

static const struct column uints[] = {
    {"", 0, {0}},
    {"00", 1, {0}},
    {"4000", 2, {0, 0}},
    {"01024301", 5, {1, 2, 3, 3, 3}},
    {"4500", 2, {5, 5}},
    {"400101", 4, {0, 0, 0, 1}},
    {"ec0401", 3, {300, 300, 300}},
    {"ffffffffffffff1f00", 2, {9007199254740991, 9007199254740991}},
};

static const struct column diffs[] = {
    {"", 0, {0}},
    {"00", 1, {0}},
    {"0100", 2, {0, 0}},
    {"030142", 4, {1, 2, 3, 2}},
    {"000301", 4, {0, 1, 2, 3}},
    {"144100", 3, {10, 9, 8}},
    {"0a0100", 3, {5, 5, 5}},
    {"901fd01f", 2, {1000, 0}},
    {"0e01000300", 5, {7, 7, 7, 8, 9}},
};

static const struct column bytes[] = {
    {"", 0, {0}},
    {"01", 1, {1}},
    {"01", 3, {1, 1, 1}},
    {"010207", 4, {1, 1, 1, 7}},
    {"010007", 3, {1, 7, 7}},
    {"00", 4, {0, 0, 0, 0}},
};

static struct heap heap;

static struct yd_buf buf_new(void)
{
    struct yd_buf buf;
    yd_buf_init(&buf, heap_alloc(&heap), SIZE_MAX / 2);
    return buf;
}

/* Room for the values of each of them. */
#define ROOM (8 * COLUMN_STEP + COLUMN_MORE)

static void written_is(const char *hex, const uint8_t *room, const uint8_t *at)
{
    yd_slice want = hex_bytes(hex);
    assert_int_equal(want.len, at - room);
    assert_memory_equal(want.ptr, room, want.len);
    hex_free(want);
}

static void u72_runs_of_numbers_are_read_and_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof uints / sizeof *uints; i++) {
        const struct column *c = &uints[i];
        yd_slice hex = hex_bytes(c->hex);
        struct uint_reader r = yd_uint_reader(hex);
        uint8_t room[ROOM], other[ROOM];
        struct uint_writer w = {.at = room}, small = w;
        small.at = other;
        for (int k = 0; k < c->count; k++) {
            assert_int_equal(c->values[k], yd_uint_next(&r));
            uint_add(&w, (uint64_t)c->values[k]);
            uint_add_small(&small, (uint64_t)c->values[k]);
        }
        assert_false(r.r.failed);
        (void)yd_uint_next(&r); // Yjs would go on with zeroes
        assert_true(r.r.failed);
        uint_flush(&w);
        written_is(c->hex, room, w.at);
        uint_flush(&small);
        written_is(c->hex, other, small.at);
        hex_free(hex);
    }
}

static void u72_runs_of_differences_are_read_and_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof diffs / sizeof *diffs; i++) {
        const struct column *c = &diffs[i];
        yd_slice hex = hex_bytes(c->hex);
        struct diff_reader r = yd_diff_reader(hex);
        uint8_t room[ROOM];
        struct diff_writer w = {.at = room};
        for (int k = 0; k < c->count; k++) {
            assert_int_equal(c->values[k], yd_diff_next(&r));
            diff_add(&w, (uint32_t)c->values[k]);
        }
        assert_false(r.r.failed);
        (void)yd_diff_next(&r);
        assert_true(r.r.failed);
        diff_flush(&w);
        written_is(c->hex, room, w.at);
        hex_free(hex);
    }
}

static void u72_the_last_byte_of_a_column_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        const struct column *c = &bytes[i];
        yd_slice hex = hex_bytes(c->hex);
        struct byte_reader r = yd_byte_reader(hex);
        uint8_t room[ROOM];
        struct byte_writer w = {.at = room, .value = NO_BYTE};
        for (int k = 0; k < c->count; k++) {
            assert_int_equal(c->values[k], yd_byte_next(&r));
            byte_add(&w, (uint8_t)c->values[k]);
        }
        assert_false(r.r.failed);
        (void)yd_byte_next(&r);
        assert_int_equal(c->count == 0, r.r.failed);
        written_is(c->hex, room, w.at);
        hex_free(hex);
    }
}

static void u72_running_values_stay_within_javascript(void **state)
{
    (void)state;
    yd_slice hex = hex_bytes("ffffffffffffff1f 7f"); // -2^52 again and again
    struct diff_reader r = yd_diff_reader(hex);
    assert_int_equal(-4503599627370496, yd_diff_next(&r));
    assert_int_equal(-9007199254740992, yd_diff_next(&r));
    assert_false(r.r.failed);
    assert_int_equal(0, yd_diff_next(&r));
    assert_true(r.r.failed);
    hex_free(hex);
}

/* The next string, with U+FFFD for halves. */
static void text_is(struct text_reader *r, const char *want)
{
    char got[64];
    struct text_part part = yd_text_next(r);
    assert_false(r->lens.r.failed);
    size_t n = (size_t)sprintf(got, "%s%.*s%s", part.half_before ? "\xef\xbf\xbd" : "",
                               (int)part.bytes.len, (const char *)part.bytes.ptr,
                               part.half_behind ? "\xef\xbf\xbd" : "");
    assert_int_equal(strlen(want), n);
    assert_string_equal(want, got);
}

static void u74_strings_are_cut_by_units(void **state)
{
    (void)state;
    yd_slice hex = hex_bytes("07616263f09f9880 01020002"); // "a" "bc" "" and a pair
    struct text_reader r = yd_text_reader(hex);
    text_is(&r, "a");
    text_is(&r, "bc");
    text_is(&r, "");
    text_is(&r, "\xf0\x9f\x98\x80");
    (void)yd_text_next(&r);
    assert_true(r.lens.r.failed);
    hex_free(hex);
}

static void u74_of_a_pair_that_is_cut_both_halves_become_fffd(void **state)
{
    (void)state;
    // a, a pair, b, a pair: cut behind 2, 3, 4 and 5 units, then to the end.
    yd_slice hex = hex_bytes("0a 61f09f988062f09f9880 02 01 41 00 01");
    struct text_reader r = yd_text_reader(hex);
    text_is(&r, "a\xef\xbf\xbd");
    text_is(&r, "\xef\xbf\xbd");
    text_is(&r, "b");
    text_is(&r, "\xef\xbf\xbd");
    text_is(&r, "\xef\xbf\xbd");
    assert_int_equal(0, r.left);
    hex_free(hex);
}

static void u74_a_length_beyond_the_texts_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"0161 02", "0161 4500", "02c080 01", "0361", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        yd_slice hex = hex_bytes(bad[i]);
        struct text_reader r = yd_text_reader(hex);
        (void)yd_text_next(&r);
        assert_true(r.lens.r.failed);
        hex_free(hex);
    }
}

/* ---- numbers */

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void number_is_strtod(const char *text)
{
    double got = yd_number_read((yd_slice){(const uint8_t *)text, strlen(text)});
    if (bits_of(got) == bits_of(strtod(text, NULL))) return;
    fail_msg("%s: want %a, got %a", text, strtod(text, NULL), got);
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void u79_numbers_are_read_to_the_nearest_double(void **state)
{
    (void)state;
    static const char *const hard[] = {"0",
                                       "-0",
                                       "1",
                                       "-1.5e3",
                                       "0.1",
                                       "9007199254740993",
                                       "9007199254740992.5",
                                       "1e22",
                                       "1e23",
                                       "8.5e-320",
                                       "5e-324",
                                       "2.4703282292062327e-324",
                                       "2.4703282292062328e-324",
                                       "2.47e-324",
                                       "1.7976931348623157e308",
                                       "1.7976931348623158e308",
                                       "1.7976931348623159e308",
                                       "1e309",
                                       "1e99999999999999",
                                       "1e-99999999999999",
                                       "0e99999999999999",
                                       "2.2250738585072011e-308",
                                       "2.2250738585072014e-308",
                                       "6631236846766476e-316",
                                       "0.000000000000000000000001",
                                       "123456789012345678901234567890",
                                       "100000000000000000000000000000000000000000000000.5",
                                       "1.00000000000000011102230246251565404236316680908203125",
                                       "1.00000000000000011102230246251565404236316680908203124",
                                       "1.00000000000000011102230246251565404236316680908203126"};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) number_is_strtod(hard[i]);
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        char text[64];
        uint64_t digits = random_next(&seed) >> (random_next(&seed) % 60);
        int exponent = (int)(random_next(&seed) % 700) - 360;
        sprintf(text, "%llu.%llue%d", (unsigned long long)digits,
                (unsigned long long)(random_next(&seed) >> 8), exponent);
        number_is_strtod(text);
    }
}

static void u79_thousands_of_digits_count(void **state)
{
    (void)state;
    static char text[4000];
    // Half-way between 1 and the next double, and a last digit that decides.
    strcpy(text, "1.00000000000000011102230246251565404236316680908203125");
    size_t len = strlen(text);
    memset(text + len, '0', sizeof text - len - 1);
    number_is_strtod(text);
    text[sizeof text - 2] = '1';
    number_is_strtod(text);
    memset(text, '9', sizeof text - 1);
    number_is_strtod(text);
    memcpy(text + 3900, "e-3700", 7);
    number_is_strtod(text);
}

static void u64_what_is_written_reads_back(void **state)
{
    (void)state;
    uint64_t seed = 362436069362436069u;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = random_next(&seed);
        double value;
        char text[NUMBER_TEXT_MAX];
        if ((bits >> 52 & 0x7ff) == 0x7ff) continue;
        memcpy(&value, &bits, sizeof value);
        size_t len = yd_number_text(text, value);
        assert_true(bits == bits_of(yd_number_read((yd_slice){(const uint8_t *)text, len})));
    }
}

/* ---- values */

static void json_gives(const char *json, const char *any, const char *back)
{
    struct yd_buf out = buf_new();
    struct yd_buf again = buf_new();
    yd_slice text = {(const uint8_t *)json, strlen(json)};
    assert_true(yd_json_check(text));
    assert_int_equal(YD_OK, yd_json_any(&out, text));
    assert_hex(any, &out);
    assert_int_equal(YD_OK, yd_any_json_text(&again, yd_buf_slice(&out)));
    assert_int_equal(YD_OK, yd_buf_u8(&again, 0));
    assert_string_equal(back, (const char *)again.ptr);
    yd_buf_deinit(&out);
    yd_buf_deinit(&again);
}

static void u79_json_becomes_any(void **state)
{
    (void)state;
    json_gives("null", "7e", "null");
    json_gives(" [ true , false ] ", "75027879", "[true,false]");
    json_gives("1.0", "7d01", "1");
    json_gives("-0", "7d40", "0");
    json_gives("2147483647", "7dbfffffff0f", "2147483647");
    json_gives("2147483648", "7c4f000000", "2147483648");
    json_gives("0.1", "7b3fb999999999999a", "0.1");
    json_gives("0.5", "7c3f000000", "0.5");
    json_gives("1e400", "7c7f800000", "null");
    json_gives("\"a\\u00e9\\n\\ud83d\\ude00\\ud83d\"", "770b61c3a90af09f9880efbfbd",
               "\"a\xc3\xa9\\n\xf0\x9f\x98\x80\xef\xbf\xbd\"");
    json_gives("{\"a\":{\"c\":[true]},\"b\":1,\"e\":{},\"f\":[]}",
               "7604 0161 7601016375 0178 0162 7d01 0165 7600 0166 7500",
               "{\"a\":{\"c\":[true]},\"b\":1,\"e\":{},\"f\":[]}");
}

static void u79_lengths_and_counts_of_any_size(void **state)
{
    (void)state;
    enum { MEMBERS = 300, TEXT = 20000 };
    struct yd_buf json = buf_new();
    struct yd_buf any = buf_new();
    assert_int_equal(YD_OK, yd_buf_u8(&json, '['));
    for (int i = 0; i < MEMBERS; i++) {
        assert_int_equal(YD_OK, yd_buf_append(&json, YD_LITERAL("[0],")));
    }
    assert_int_equal(YD_OK, yd_buf_u8(&json, '"'));
    for (int i = 0; i < TEXT; i++) assert_int_equal(YD_OK, yd_buf_u8(&json, 'x'));
    assert_int_equal(YD_OK, yd_buf_append(&json, YD_LITERAL("\"]")));
    assert_int_equal(YD_OK, yd_json_any(&any, yd_buf_slice(&json)));
    struct yd_reader r = yd_reader_of(yd_buf_slice(&any));
    yd_any_skip(&r, false);
    assert_true(!r.failed && r.at == r.end);
    struct yd_buf back = buf_new();
    assert_int_equal(YD_OK, yd_any_json_text(&back, yd_buf_slice(&any)));
    assert_true(yd_slice_equal(yd_buf_slice(&json), yd_buf_slice(&back)));
    yd_buf_deinit(&json);
    yd_buf_deinit(&any);
    yd_buf_deinit(&back);
    assert_int_equal(0, heap.live_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u72_runs_of_numbers_are_read_and_written),
        cmocka_unit_test(u72_runs_of_differences_are_read_and_written),
        cmocka_unit_test(u72_the_last_byte_of_a_column_goes_on),
        cmocka_unit_test(u72_running_values_stay_within_javascript),
        cmocka_unit_test(u74_strings_are_cut_by_units),
        cmocka_unit_test(u74_of_a_pair_that_is_cut_both_halves_become_fffd),
        cmocka_unit_test(u74_a_length_beyond_the_texts_is_refused),
        cmocka_unit_test(u79_numbers_are_read_to_the_nearest_double),
        cmocka_unit_test(u79_thousands_of_digits_count),
        cmocka_unit_test(u64_what_is_written_reads_back),
        cmocka_unit_test(u79_json_becomes_any),
        cmocka_unit_test(u79_lengths_and_counts_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
