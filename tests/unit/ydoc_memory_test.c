/* ydoc_memory_test.c - memory that runs out, and limits (docs/encoding.md U70, U71). */
#include "unit/ydoc_test.h"

/* A session with everything that allocates: roots, keys, types, splits, conflicts, deletes,
 * parking, retries. */
static const char *const session[] = {
    "01010500040101740661626364656600",
    "01010504c405010502015800",
    "0203070000058407020178440705017901030004010174026f6b00",
    "010105082801016d016b0177046669766500",
    "010109002701016d046c6973740000",
    "0103090108000900017d01870901020400090202686900",
    "010107108407030365666700",
    "000102010509",
    "01010800c405010502015800",
    "0001050200010204",
    "0101020104010174026f6b00",
    "0101020004010174016100",
    "000109010005",
};
enum { SESSION = sizeof session / sizeof *session };

/* Plays the session; the first error ends it. */
static yd_err play(struct yd_doc *doc, struct yd_buf *out)
{
    yd_err err = YD_OK;
    for (size_t i = 0; i < SESSION && err == YD_OK; i++) {
        err = apply_hex(doc, session[i], NULL);
        if (err == YD_OK) err = yd_doc_last_update(doc, YD_V1, out);
        if (err == YD_OK) err = yd_doc_encode_state(doc, YD_EMPTY, YD_V1, out);
        if (err == YD_OK) err = yd_doc_encode_state(doc, YD_EMPTY, YD_V2, out);
    }
    // Two marks in format V2, one of them with a value that JSON cannot say.
    static const char *const marks = "00 020002 02450b 020006 020206 01c6 0b08626f6c64626f6c644400 "
                                     "00 00 00 01 02 0b 78 7f 00";
    if (err == YD_OK) err = apply_hex_in(doc, marks, YD_V2, NULL);
    if (err == YD_OK) err = yd_doc_last_update(doc, YD_V2, out);
    if (err == YD_OK) err = yd_doc_last_update(doc, YD_V1, out);
    if (err == YD_OK) err = yd_doc_snapshot(doc, out);
    yd_slice name = YD_LITERAL("t");
    if (err == YD_OK) err = yd_doc_json(doc, YD_ROOT_XML, name, YD_JSON_PLAIN, out);
    return err;
}

static void u70_memory_may_run_out_at_any_point(void **state)
{
    (void)state;
    yd_err err = YD_ENOMEM;
    uint64_t refused = 0;
    bool reached = true;
    for (uint64_t refuse_at = 1; reached; refuse_at++) {
        struct heap heap = {.refuse_at = refuse_at};
        struct yd_doc *doc = NULL;
        struct yd_buf out;
        yd_buf_init(&out, heap_alloc(&heap), (size_t)1 << 20);
        err = yd_doc_new(heap_alloc(&heap), NULL, &doc);
        if (err == YD_OK) err = play(doc, &out);
        if (err == YD_ENOMEM) refused++;
        if (err != YD_ENOMEM) assert_int_equal(YD_OK, err); // some can be done without
        reached = heap.requests >= refuse_at;
        yd_buf_deinit(&out);
        yd_doc_free(doc);
        assert_int_equal(0, heap.live_bytes);
    }
    assert_int_equal(YD_OK, err);
    assert_true(refused > 80); // otherwise the session asks for too little
}

static void u70_after_a_refusal_nothing_but_free_works(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "010105000401017402616200");
    bed_break(&bed);
    assert_int_equal(YD_ENOMEM, apply_hex(bed.doc, "0000", NULL));
    assert_int_equal(YD_ENOMEM, yd_doc_state_vector(bed.doc, &bed.out));
    assert_int_equal(YD_ENOMEM, yd_doc_snapshot(bed.doc, &bed.out));
    assert_int_equal(YD_ENOMEM, yd_doc_encode_state(bed.doc, YD_EMPTY, YD_V1, &bed.out));
    assert_int_equal(YD_ENOMEM, yd_doc_last_update(bed.doc, YD_V1, &bed.out));
    assert_int_equal(YD_ENOMEM,
                     yd_doc_json(bed.doc, YD_ROOT_TEXT, YD_LITERAL("t"), YD_JSON_PLAIN, &bed.out));
    bed_end(&bed);
}

static void u71_an_update_above_its_limit_is_refused(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, &(struct yd_doc_opts){.update_bytes_max = 12});
    bed_apply(&bed, "010105000401017402616200");
    assert_int_equal(YD_ETOOBIG, apply_hex(bed.doc, "01010900040101740363646500", NULL));
    bed_state_is(&bed, "010105000401017402616200");
    bed_end(&bed);
}

static void u71_a_document_stays_below_its_limit(void **state)
{
    (void)state;
    struct bed bed;
    yd_err err = YD_OK;
    bed_begin(&bed, &(struct yd_doc_opts){.doc_bytes_max = 20000});
    for (unsigned i = 0; err == YD_OK; i++) {
        char hex[64];
        assert_true(i < 2000);
        sprintf(hex, "0101%02x%02x0004010174016100", (i & 127) | 128, i >> 7);
        err = apply_hex(bed.doc, hex, NULL);
        assert_true(yd_doc_stats(bed.doc).bytes <= 20000);
    }
    assert_int_equal(YD_ETOOBIG, err);
    assert_int_equal(YD_OK, yd_doc_encode_state(bed.doc, YD_EMPTY, YD_V1, &bed.out));
    bed_end(&bed);
}

/* A clock in hex. */
static void clock_hex(char text[8], unsigned clock)
{
    sprintf(text, clock < 128 ? "%02x" : "%02x%02x", clock < 128 ? clock : (clock & 127) | 128,
            clock >> 7);
}

/* A client's array with letters, each in front of the one before it, until no more are taken.
 * Returns how many. */
static unsigned letters_fill(struct bed *bed, unsigned client)
{
    char hex[64], clock[8], last[8];
    sprintf(hex, "0102%02x000701017400 0400%02x00016100", client, client);
    bed_apply(bed, hex);
    for (unsigned i = 2;; i++) {
        assert_true(i < 16000);
        clock_hex(clock, i);
        clock_hex(last, i - 1);
        sprintf(hex, "0101%02x%s44%02x%s016100", client, clock, client, last);
        if (apply_hex(bed->doc, hex, NULL) == YD_ETOOBIG) return i;
    }
}

/* Of client 5, clocks from `from` on. */
static yd_err letters_delete(struct bed *bed, unsigned from, unsigned count)
{
    char hex[64], clock[8], len[8];
    struct yd_applied applied;
    clock_hex(clock, from);
    clock_hex(len, count);
    sprintf(hex, "00010501%s%s", clock, len);
    yd_err err = apply_hex(bed->doc, hex, &applied);
    assert_int_equal(err == YD_OK, applied.changed);
    return err;
}

static void u71_a_full_document_takes_deletes_and_then_more(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, &(struct yd_doc_opts){.doc_bytes_max = 100000});
    unsigned n = letters_fill(&bed, 5);
    const char *more = "0101070004010171017a00", *both = "010107000401017101 7a 0105010001";
    assert_int_equal(YD_ETOOBIG, apply_hex(bed.doc, more, NULL));
    assert_int_equal(YD_ETOOBIG, apply_hex(bed.doc, both, NULL));
    assert_int_equal(YD_OK, letters_delete(&bed, 0, 1)); // the array, and all that is in it
    // Most of as many: the places of the first ones are taken again.
    unsigned again = letters_fill(&bed, 6);
    assert_true(again > n / 2);
    assert_true(yd_doc_stats(bed.doc).bytes < 100000);
    bed_end(&bed);
}

/* Each cuts one item into three: deleting takes room, and five eighths more is all there is. */
static void u71_deletes_end_somewhere_too(void **state)
{
    (void)state;
    struct bed bed;
    uint8_t text[16000 + 16] = {1, 1, 5, 0, 4, 1, 1, 't', 0x80, 0x7d};
    memset(text + 10, 'x', 16000);
    text[10 + 16000] = 0;
    bed_begin(&bed, &(struct yd_doc_opts){.doc_bytes_max = 100000});
    assert_int_equal(YD_OK, yd_doc_apply(bed.doc, (yd_slice){text, 16011}, YD_V1, NULL));
    unsigned deleted = 0;
    while (letters_delete(&bed, 2 * deleted, 1) == YD_OK) assert_true(++deleted < 8000);
    assert_true(yd_doc_stats(bed.doc).bytes < 162500);
    assert_true(deleted > 500);
    // Under a smaller limit than what is here, an eighth of that is for deletes.
    yd_doc_limit(bed.doc, &(struct yd_doc_opts){.doc_bytes_max = 20000});
    assert_int_equal(YD_OK, letters_delete(&bed, 2 * deleted, 1));
    assert_int_equal(YD_ETOOBIG, apply_hex(bed.doc, "0101060004010171017a00", NULL));
    bed_end(&bed);
}

/* A name of a thousand letters is here once, but in the encoded state as often as it was said. */
static void u71_a_document_stays_below_its_limit_encoded_too(void **state)
{
    (void)state;
    struct bed bed;
    uint8_t bytes[1100] = {1, 1, 0, 0, 4, 1, 0xe8, 7};
    memset(bytes + 8, 'n', 1000);
    memcpy(bytes + 1008, "\x01x", 3); // a letter, no deletes
    yd_err err = YD_OK;
    bed_begin(&bed, &(struct yd_doc_opts){.doc_bytes_max = 100000});
    for (uint8_t client = 1; err == YD_OK; client++) {
        assert_true(client < 120);
        bytes[2] = client;
        err = yd_doc_apply(bed.doc, (yd_slice){bytes, 1011}, YD_V1, NULL);
    }
    assert_int_equal(YD_ETOOBIG, err);
    assert_int_equal(YD_OK, yd_doc_encode_state(bed.doc, YD_EMPTY, YD_V1, &bed.out));
    assert_true(bed.out.len > 50000 && bed.out.len < 100000);
    bed_end(&bed);
}

static void u71_a_full_buffer_is_left_as_it_was(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "010105000401017402616200");
    bed.out.max = 9;
    assert_int_equal(YD_OK, yd_buf_u8(&bed.out, 7));
    assert_int_equal(YD_ETOOBIG, yd_doc_encode_state(bed.doc, YD_EMPTY, YD_V1, &bed.out));
    assert_int_equal(YD_ETOOBIG, yd_doc_last_update(bed.doc, YD_V1, &bed.out));
    assert_int_equal(1, bed.out.len);
    bed_end(&bed);
}

/* Client 2 types between two letters of client 5, a letter an update. What it saw beside each is
 * what stands there, or its own letter before: nothing of that may pile up. */
static void u22_typing_between_two_letters_costs_its_letters(void **state)
{
    (void)state;
    enum { LETTERS = 4000 };
    struct bed bed;
    size_t bytes = 0;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "010105000401017402616200");
    bed_apply(&bed, "01010200c405000501016100");
    for (unsigned i = 1; i < LETTERS; i++) {
        char hex[64], clock[8], origin[8];
        clock_hex(clock, i);
        clock_hex(origin, i - 1);
        sprintf(hex, "010102%sc402%s0501016100", clock, origin);
        bed_apply(&bed, hex);
        if (i == LETTERS / 2) bytes = yd_doc_stats(bed.doc).bytes;
    }
    assert_int_equal(3, yd_doc_stats(bed.doc).items);
    assert_true(yd_doc_stats(bed.doc).bytes - bytes < 4 * LETTERS);
    bed_end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u70_memory_may_run_out_at_any_point),
        cmocka_unit_test(u70_after_a_refusal_nothing_but_free_works),
        cmocka_unit_test(u71_an_update_above_its_limit_is_refused),
        cmocka_unit_test(u71_a_document_stays_below_its_limit),
        cmocka_unit_test(u71_a_full_document_takes_deletes_and_then_more),
        cmocka_unit_test(u71_deletes_end_somewhere_too),
        cmocka_unit_test(u71_a_document_stays_below_its_limit_encoded_too),
        cmocka_unit_test(u71_a_full_buffer_is_left_as_it_was),
        cmocka_unit_test(u22_typing_between_two_letters_costs_its_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
