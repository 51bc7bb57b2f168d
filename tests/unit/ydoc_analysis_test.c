/* ydoc_analysis_test.c - why a document is large (docs/encoding.md U110 to U114). */
#include "unit/ydoc_test.h"

#include "ydoc/analysis.h"

static void analyzed(struct bed *bed, struct yd_analysis *a)
{
    memset(a, 0x5a, sizeof *a); // nothing may be left as it was
    assert_int_equal(YD_OK, yd_doc_analyze(bed->doc, a));
    yd_buf_clear(&bed->out);
    assert_int_equal(YD_OK, yd_doc_encode_state(bed->doc, YD_EMPTY, YD_V1, &bed->out));
    if (!yd_doc_pending(bed->doc).structs) assert_int_equal(bed->out.len, a->state_bytes);
}

static const struct yd_part *part_of(const struct yd_top *top, const char *name)
{
    for (uint32_t i = 0; i < top->count; i++) {
        const struct yd_part *part = &top->parts[i];
        if (yd_slice_equal(part->name, (yd_slice){(const uint8_t *)name, strlen(name)})) {
            return part;
        }
    }
    fail_msg("there is no part '%s'", name);
    return NULL;
}

static void u110_the_bytes_add_up_to_the_state(void **state)
{
    (void)state;
    // Text, splits, a map key, embeds, marks, nested types, XML, a sub-document, GC, holes.
    static const char *const updates[] = {
        "010a07000101017402 8207010209756e646566696e6564077b2261223a317d 830703020102 "
        "84070403737472 "
        "850707077b2265223a317d 860708016b03227622 87070901 88070a027701787e 89070c04677569647600 "
        "84070d0121 00",
        "01010500040101740661626364656600",
        "01010504c405010502015800",
        "000105010202",
        "010109002801016d016b0177046669766500",
        "01010901a80900017d020109010001",
        "01030600 0701017803 0170 0700060006 2800060002 6964 01770176 00",
        "000106010003",
    };
    struct bed bed;
    struct yd_analysis a;
    bed_begin(&bed, NULL);
    analyzed(&bed, &a);
    assert_int_equal(2, a.state_bytes);
    for (size_t i = 0; i < sizeof updates / sizeof *updates; i++) {
        bed_apply(&bed, updates[i]);
        analyzed(&bed, &a);
    }
    // A mark whose value no JSON says is measured as it would be written.
    bed_apply_v2(&bed,
                 "00 020002 024503 020006 020206 01c6 0b08626f6c64626f6c644400 00 00 00 01 02 "
                 "06 78 7f 00");
    analyzed(&bed, &a);
    assert_int_equal(a.live_bytes + a.deleted_bytes + a.collected_bytes + a.delete_set_bytes +
                         a.head_bytes,
                     a.state_bytes);
    uint64_t of_kinds = 0, of_clients = 0;
    for (int i = 0; i < YD_HELD_COUNT; i++) of_kinds += a.kinds[i].bytes;
    for (uint32_t i = 0; i < a.clients.count; i++) {
        const struct yd_part *part = &a.clients.parts[i];
        of_clients += part->live_bytes + part->deleted_bytes + part->delete_set_bytes;
    }
    assert_int_equal(a.live_bytes, of_kinds);
    assert_int_equal(a.state_bytes - a.head_bytes - 1, of_clients); // 1: number of deleting clients
    assert_int_equal(4, a.clients.total);
    assert_int_equal(3, a.kinds[YD_HELD_MARK].structs);
    bed_end(&bed);
}

static void u111_what_is_nested_counts_for_its_root(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_analysis a;
    bed_begin(&bed, NULL);
    // list in key "list" of root m, a text in it, "hi" in that; and one letter in root t.
    bed_apply(&bed, "010105002701016d046c6973740000");
    bed_apply(&bed, "0104050108000500017d01870501020400050202686988 0502017d0200");
    bed_apply(&bed, "0101060004010174016100");
    analyzed(&bed, &a);
    assert_int_equal(2, a.roots.count);
    assert_int_equal(5, part_of(&a.roots, "m")->live_structs);
    assert_int_equal(1, part_of(&a.roots, "t")->live_structs);
    assert_int_equal(a.live_bytes,
                     part_of(&a.roots, "m")->live_bytes + part_of(&a.roots, "t")->live_bytes);
    assert_true(a.roots.parts[0].live_bytes > a.roots.parts[1].live_bytes);
    assert_int_equal(1, part_of(&a.keys, "list")->live_structs);
    assert_int_equal(2, a.kinds[YD_HELD_TYPE].structs);
    assert_int_equal(2, a.kinds[YD_HELD_TEXT].structs);
    assert_int_equal(2, a.kinds[YD_HELD_VALUE].structs);
    bed_end(&bed);
}

static void u112_deleted_and_collected_are_told_apart(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_analysis a;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "010105002701016d046c6973740000");
    bed_apply(&bed, "0104050108000500017d01870501020400050202686988 0502017d0200");
    bed_apply(&bed, "000105010001"); // the list goes, with all that is below it
    analyzed(&bed, &a);
    assert_int_equal(0, a.live_structs);
    assert_int_equal(1, a.deleted_structs);
    assert_int_equal(1, a.collected_structs);
    assert_int_equal(1, a.delete_ranges);
    assert_int_equal(4, a.delete_set_bytes - 1);
    assert_int_equal(1, part_of(&a.keys, "list")->deleted_structs);
    assert_int_equal(0, part_of(&a.roots, "m")->live_bytes);
    assert_int_equal(2, a.clients.parts[0].deleted_structs);
    assert_int_equal(5, a.clients.parts[0].client);
    bed_end(&bed);
}

static void u112_overwritten_values_count_for_their_key(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_analysis a;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "010105002801016d016b0177046669766500");
    bed_apply(&bed, "010109002801016d016b0177046e696e6500");
    bed_apply(&bed, "010107002801016d016b017705736576656e00");
    bed_apply(&bed, "0101050104010174 0166 00"); // a letter before which there is a gap: none
    analyzed(&bed, &a);
    assert_int_equal(1, part_of(&a.keys, "k")->live_structs);
    assert_int_equal(2, part_of(&a.keys, "k")->deleted_structs);
    assert_int_equal(0, a.pending_bytes);
    bed_apply(&bed, "0101080404010174016600");
    analyzed(&bed, &a);
    assert_true(a.pending_bytes > 0);
    bed_end(&bed);
}

/* One client per key and root: 01 section, 1 struct, client, clock 0, 28, root name, key, Any. */
static void u113_the_greatest_come_first_and_the_rest_is_counted(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_analysis a;
    bed_begin(&bed, NULL);
    for (unsigned i = 0; i < 50; i++) {
        char hex[256];
        size_t n = (i * 7) % 50; // letters of the value: all different
        int at = sprintf(hex, "0101%02x00280101%02x02%02x78 0177%02x", i, 'A' + i, i, (unsigned)n);
        for (size_t k = 0; k < n; k++) at += sprintf(hex + at, "61");
        sprintf(hex + at, "00");
        bed_apply(&bed, hex);
    }
    analyzed(&bed, &a);
    const struct yd_top *tops[] = {&a.roots, &a.clients, &a.keys};
    for (int t = 0; t < 3; t++) {
        assert_int_equal(YD_TOP_MAX, tops[t]->count);
        assert_int_equal(50, tops[t]->total);
        for (uint32_t i = 0; i < YD_TOP_MAX; i++) {
            uint64_t want = tops[t]->parts[0].live_bytes - i;
            assert_int_equal(want, tops[t]->parts[i].live_bytes);
        }
    }
    bed_end(&bed);
}

enum { DEPTH = 100000 };
static void put(struct yd_buf *update, yd_slice bytes)
{
    assert_int_equal(YD_OK, yd_buf_append(update, bytes));
}

static void tower_make(struct yd_buf *update)
{
    put(update, YD_LITERAL("\x01"));
    assert_int_equal(YD_OK, yd_buf_varuint(update, DEPTH));
    put(update, YD_LITERAL("\x09\x00\x07\x01\x01\x61\x00"));
    for (unsigned i = 0; i + 1 < DEPTH; i++) {
        put(update, YD_LITERAL("\x07\x00\x09"));
        assert_int_equal(YD_OK, yd_buf_varuint(update, i));
        put(update, YD_LITERAL("\x00"));
    }
    put(update, YD_LITERAL("\x00"));
}

static void letters_make(struct yd_buf *update)
{
    put(update, YD_LITERAL("\x01"));
    assert_int_equal(YD_OK, yd_buf_varuint(update, DEPTH));
    put(update, YD_LITERAL("\x05\x01"));
    for (unsigned i = DEPTH; i-- > 0;) {
        put(update, YD_LITERAL("\x04\x00\x09"));
        assert_int_equal(YD_OK, yd_buf_varuint(update, i));
        put(update, YD_LITERAL("\x01x"));
    }
    put(update, YD_LITERAL("\x00"));
}

/* Each type is in the one before it, and each has a letter; the letters are met first, from the
 * deepest up. A climb from each to the root would be 5 * 10^9 steps: the test would not end in
 * time. */
static void u114_a_tower_of_types_costs_no_more_than_a_row(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_analysis a;
    struct yd_buf update;
    bed_begin(&bed, NULL);
    bed.out.max = (size_t)1 << 26;
    yd_buf_init(&update, heap_alloc(&bed.heap), (size_t)1 << 26);
    bed_apply(&bed, "0101050004010174016100"); // client 5 is the first of the document
    tower_make(&update);
    assert_int_equal(YD_OK, yd_doc_apply(bed.doc, yd_buf_slice(&update), YD_V1, NULL));
    yd_buf_clear(&update);
    letters_make(&update);
    assert_int_equal(YD_OK, yd_doc_apply(bed.doc, yd_buf_slice(&update), YD_V1, NULL));
    analyzed(&bed, &a);
    assert_int_equal(2 * DEPTH, part_of(&a.roots, "a")->live_structs);
    yd_buf_deinit(&update);
    bed_end(&bed);
}

static void u114_refused_memory_changes_nothing(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_analysis a;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01010500040101740661626364656600");
    bed_apply_v2(&bed,
                 "00 020002 024503 020006 020206 01c6 0b08626f6c64626f6c644400 00 00 00 01 02 "
                 "06 78 7f 00");
    uint64_t refused = 0;
    for (yd_err err = YD_ENOMEM; err != YD_OK; refused++) {
        bed.heap.refuse_at = bed.heap.requests + 1 + refused;
        err = yd_doc_analyze(bed.doc, &a);
        bed.heap.refuse_at = 0;
        yd_doc_check(bed.doc);
    }
    assert_true(refused > 3);
    analyzed(&bed, &a);
    bed_break(&bed);
    assert_int_equal(YD_ENOMEM, yd_doc_analyze(bed.doc, &a));
    bed_end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u110_the_bytes_add_up_to_the_state),
        cmocka_unit_test(u111_what_is_nested_counts_for_its_root),
        cmocka_unit_test(u112_deleted_and_collected_are_told_apart),
        cmocka_unit_test(u112_overwritten_values_count_for_their_key),
        cmocka_unit_test(u113_the_greatest_come_first_and_the_rest_is_counted),
        cmocka_unit_test(u114_a_tower_of_types_costs_no_more_than_a_row),
        cmocka_unit_test(u114_refused_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
