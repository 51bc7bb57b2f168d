/* ydoc_position_test.c - relative positions (docs/encoding.md U66, U67).
 *
 * Recorded from Yjs 13.6: text t holds "abcd", array a holds a text with "zz" in item 4.4. */
#include "unit/ydoc_test.h"

#include "ydoc/position.h"

static const char *const both = "01030400040101740461626364070101610204000404027a7a00";

static struct yd_place in_root(const char *name, uint64_t index, int assoc)
{
    struct yd_type_ref type = {.name = {(const uint8_t *)name, strlen(name)}};
    return (struct yd_place){type, index, assoc};
}

static struct yd_place in_type(uint32_t clock, uint64_t index, int assoc)
{
    struct yd_type_ref type = {.nested = true, .name = YD_EMPTY, .client = 4, .clock = clock};
    return (struct yd_place){type, index, assoc};
}

static void encodes(struct bed *bed, struct yd_place place, const char *hex)
{
    yd_buf_clear(&bed->out);
    assert_int_equal(YD_OK, yd_position_encode(bed->doc, &place, &bed->out));
    assert_hex(hex, &bed->out);
}

static yd_err resolve(struct bed *bed, const char *hex, struct yd_place *place)
{
    yd_slice bytes = hex_bytes(hex);
    yd_err err = yd_position_resolve(bed->doc, bytes, place);
    hex_free(bytes);
    return err;
}

static void resolves(struct bed *bed, const char *hex, struct yd_place want)
{
    struct yd_place place;
    assert_int_equal(YD_OK, resolve(bed, hex, &place));
    assert_int_equal(want.index, place.index);
    assert_int_equal(want.assoc, place.assoc);
    assert_int_equal(want.type.nested, place.type.nested);
    assert_true(want.type.client == place.type.client && want.type.clock == place.type.clock);
}

static void u66_a_position_names_the_element_at_the_index(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, both);
    encodes(&bed, in_root("t", 0, 0), "00040000");
    encodes(&bed, in_root("t", 2, 0), "00040200");
    encodes(&bed, in_root("t", 4, 0), "01017400"); // the end
    encodes(&bed, in_root("t", 9, 0), "01017400");
    encodes(&bed, in_root("t", 0, -1), "01017441"); // the beginning
    encodes(&bed, in_root("t", 1, -1), "00040041");
    encodes(&bed, in_root("t", 4, -1), "00040341");
    encodes(&bed, in_root("t", 9, -1), "00040341");
    encodes(&bed, in_type(4, 0, 0), "00040500");
    encodes(&bed, in_type(4, 2, 0), "02040400");
    encodes(&bed, in_type(4, 0, -1), "02040441");
    encodes(&bed, in_root("new", 0, 0), "01036e657700");
    struct yd_place nowhere = in_type(0, 0, 0); // that is a string
    assert_int_equal(YD_ENOTFOUND, yd_position_encode(bed.doc, &nowhere, &bed.out));
    bed_end(&bed);
}

static void u67_a_position_is_found_where_its_element_is_now(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, both);
    resolves(&bed, "00040200", in_root("t", 2, 0));
    resolves(&bed, "01017400", in_root("t", 4, 0));
    resolves(&bed, "01017441", in_root("t", 0, -1));
    resolves(&bed, "00040341", in_root("t", 4, -1));
    resolves(&bed, "00040641", in_type(4, 2, -1));
    resolves(&bed, "02040400", in_type(4, 2, 0));
    resolves(&bed, "000402", in_root("t", 2, 0)); // no assoc is 0
    resolves(&bed, "01036e657700", in_root("new", 0, 0));
    bed_apply(&bed, "01010900 440400 02787900"); // "xy" before it
    resolves(&bed, "00040200", in_root("t", 4, 0));
    bed_apply(&bed, "000104010201"); // the element is deleted: its place stays
    resolves(&bed, "00040200", in_root("t", 4, 0));
    resolves(&bed, "00040241", in_root("t", 4, -1));
    bed_end(&bed);
}

static void u67_what_is_not_here_is_not_found(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_place place;
    bed_begin(&bed, NULL);
    bed_apply(&bed, both);
    assert_int_equal(YD_ENOTFOUND, resolve(&bed, "00040700", &place)); // a clock to come
    assert_int_equal(YD_ENOTFOUND, resolve(&bed, "00050000", &place)); // an unknown client
    assert_int_equal(YD_ENOTFOUND, resolve(&bed, "02040000", &place)); // no type
    assert_int_equal(YD_ENOTFOUND, resolve(&bed, "0004ffffffff0f00", &place));
    bed_apply(&bed, "000104010401"); // the nested text goes, what is in it is collected
    assert_int_equal(YD_ENOTFOUND, resolve(&bed, "00040500", &place));
    assert_int_equal(YD_ENOTFOUND, resolve(&bed, "02040400", &place));
    bed_end(&bed);
}

static void u67_other_bytes_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "00", "0004", "03040000", "0101", "0101ff00", "00040280"};
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, both);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct yd_place place;
        assert_int_equal(YD_EMALFORMED, resolve(&bed, bad[i], &place));
    }
    bed_end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u66_a_position_names_the_element_at_the_index),
        cmocka_unit_test(u67_a_position_is_found_where_its_element_is_now),
        cmocka_unit_test(u67_what_is_not_here_is_not_found),
        cmocka_unit_test(u67_other_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
