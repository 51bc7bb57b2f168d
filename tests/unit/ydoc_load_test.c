/* ydoc_load_test.c - a state into an empty document, the short way (docs/encoding.md U140, U141).
 *
 * Every update is applied twice: to a document that is empty, where the short way is tried, and to
 * one that has a letter, where it is not. Both must end alike. */
#include "unit/ydoc_test.h"

static const char *const letter = "0101010004010171017a00"; /* client 1, root q */

/* An update of `sections` further sections and a delete set, long enough to pass for a state. */
static void padded(char *hex, unsigned sections, const char *rest)
{
    int at = sprintf(hex, "%02x 0103000401017040", sections + 1);
    for (int i = 0; i < 64; i++) at += sprintf(hex + at, "61");
    sprintf(hex + at, " %s", rest);
}

static void end_is_alike(unsigned sections, const char *rest, const struct yd_doc_opts *opts)
{
    char hex[2048];
    struct bed loaded, slow;
    struct yd_applied a, b;
    padded(hex, sections, rest);
    bed_begin(&loaded, opts);
    bed_begin(&slow, opts);
    bed_apply(&slow, letter);
    assert_int_equal(YD_OK, apply_hex(loaded.doc, hex, &a));
    assert_int_equal(YD_OK, apply_hex(slow.doc, hex, &b));
    assert_int_equal(b.changed, a.changed);
    assert_int_equal(b.parked, a.parked);
    assert_int_equal(b.known_part, a.known_part);
    assert_int_equal(YD_OK, yd_doc_last_update(loaded.doc, YD_V1, &loaded.out));
    assert_int_equal(YD_OK, yd_doc_last_update(slow.doc, YD_V1, &slow.out));
    assert_true(yd_slice_equal(yd_buf_slice(&loaded.out), yd_buf_slice(&slow.out)));
    bed_apply(&loaded, letter);
    for (int format = YD_V1; format <= YD_V2; format++) {
        yd_buf_clear(&loaded.out);
        yd_buf_clear(&slow.out);
        assert_int_equal(YD_OK, yd_doc_encode_state(loaded.doc, YD_EMPTY, format, &loaded.out));
        assert_int_equal(YD_OK, yd_doc_encode_state(slow.doc, YD_EMPTY, format, &slow.out));
        assert_true(yd_slice_equal(yd_buf_slice(&loaded.out), yd_buf_slice(&slow.out)));
    }
    bed_end(&slow);
    bed_end(&loaded);
}

static void u140_a_state_ends_as_if_it_had_come_the_long_way(void **state)
{
    (void)state;
    static const struct {
        unsigned sections;
        const char *rest;
    } states[] = {
        {0, "00"},
        // text, deleted and collected parts, an insert between; the collected ones were not deleted
        // now
        {1, "0605000401017402616281050102 8405030163 0005 8405040164 84050a0165 01050202020505"},
        {2, "0109008405000171 0205000401017401618405000162 00"},           // needs the next section
        {2, "0209000401017401618405010162020500040101740163840900016400"}, // each needs the other
        {1, "0205002701016d046c697374000700050004 00"},                    // types without content
        {1, "03050027 01016d 046c697374 00 0800 0500 017d01 0400 0500 0168 00"}, // nested
        {1, "0205002801016d016b017d01a80500017d0200"},            // a value that was not deleted
        {1, "0105000401017406616263646566 0105010202"},           // deletes that are not done yet
        {1, "0105000401017406616263646566 0105010802"},           // deletes of what is not here
        {1, "0105000401017406616263646566 0107010002"},           // the same of nobody
        {2, "01040084050001 71 0105000401017406616263646566 00"}, // into the middle of an item
        {2, "01090044050301 71 0105000401017406616263646566 00"}, // the same from the right
        {2, "01090084050001 71 0105000004 00"},                   // at what was collected
        {2, "01090044050101 71 0105000004 00"},                   // the same from the right
        {2, "01090004000500 0171 0105000004 00"},                 // below what was collected
        {2, "01090004000500 0171 01050004010174 0161 00"},        // below what is no type
        {1, "0209000401017401610a02 00"},                         // a hole
        {1, "01090284090101 71 00"},                              // nothing before it
        {1, "01090084080101 71 00"},                              // somebody missing
        {1, "01090004000801 0171 00"},                            // a parent missing
        {1, "010900c408010803 0171 00"},                          // both neighbours missing
        {2, "01090084070001 71 010700840900017200"},              // a circle
        {2, "0105000401017401 61 010500040101740162 00"},         // a client twice
        // a type that goes now, with a part that was deleted before
        {1, "0305000701017800 0800050001 7d01 81050102 0105010001"},
        {1, "0005000000"},                             // a section of nothing
        {1, "02050004010174016184050001620105010001"}, // joined, and deleted in part
    };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        struct yd_doc_opts keep = {.keep_deleted = true};
        end_is_alike(states[i].sections, states[i].rest, NULL);
        end_is_alike(states[i].sections, states[i].rest, &keep);
    }
}

static void u140_a_bad_state_leaves_the_document_empty(void **state)
{
    (void)state;
    char hex[2048];
    struct bed bed;
    struct yd_applied applied;
    bed_begin(&bed, NULL);
    padded(hex, 1, "0305000401017401618405000162 84050103c3284100");
    assert_int_equal(YD_EMALFORMED, apply_hex(bed.doc, hex, &applied));
    assert_true(applied.error_at > 70);
    bed_state_is(&bed, "0000");
    padded(hex, 1, "0105000401017401 61 01 05 01 00");
    assert_int_equal(YD_EMALFORMED, apply_hex(bed.doc, hex, &applied));
    bed_state_is(&bed, "0000");
    bed_apply(&bed, letter);
    bed_state_is(&bed, letter);
    bed_end(&bed);
}

static void u71_u140_limits_hold_on_the_short_way(void **state)
{
    (void)state;
    char hex[2048];
    struct bed bed;
    bed_begin(&bed, &(struct yd_doc_opts){.doc_bytes_max = 1800});
    padded(hex, 1, "010500040101740161 00");
    assert_int_equal(YD_ETOOBIG, apply_hex(bed.doc, hex, NULL));
    bed_state_is(&bed, "0000");
    bed_end(&bed);
}

#define ROOTS 400

/* Letters, each in a root of its own: much of what they take is made when they are linked. */
static size_t roots_write(uint8_t out[ROOTS * 9 + 8])
{
    uint8_t *at = out;
    *at++ = 1;
    at += yd_varuint_put(at, ROOTS);
    *at++ = 5, *at++ = 0;
    for (unsigned i = 0; i < ROOTS; i++) {
        at += sprintf((char *)at, "\x04\x01\x04t%03u\x01x", i);
    }
    *at++ = 0;
    return (size_t)(at - out);
}

/* Of an update into an empty document nobody has to reckon what it could cost: it is seen. Whatever
 * there is too little room for, it is refused whole, and never takes more than is allowed. */
static void u71_u140_a_load_is_measured(void **state)
{
    (void)state;
    uint8_t bytes[ROOTS * 9 + 8];
    const yd_slice update = {bytes, roots_write(bytes)};
    size_t enough = 0;
    for (size_t most = 4000; enough == 0; most += 500) {
        struct bed bed;
        bed_begin(&bed, &(struct yd_doc_opts){.doc_bytes_max = most});
        yd_err err = yd_doc_apply(bed.doc, update, YD_V1, NULL);
        if (err == YD_OK) {
            enough = most;
            assert_true(yd_doc_stats(bed.doc).bytes <= most);
        } else {
            assert_int_equal(YD_ETOOBIG, err);
            bed_state_is(&bed, "0000");
        }
        bed_end(&bed);
    }
    assert_true(enough < ROOTS * 304);
}

/* A whole session of refused memory while a state is loaded; what is optional may be refused too.
 */
static void u70_u140_memory_may_run_out_while_loading(void **state)
{
    (void)state;
    char hex[2048];
    bool reached = true;
    uint64_t refused = 0;
    padded(hex, 3,
           "0209008405000171 a8090001 7d01"
           "0605000401017402616281050102 8405030163 0005 8405040164 84050a0165"
           "03020027 01016d 046c697374 00 0800 0200 017d01 0400 0200 0168 0105010202");
    for (uint64_t refuse_at = 1; reached; refuse_at++) {
        struct heap heap = {.refuse_at = refuse_at};
        struct yd_doc *doc = NULL;
        struct yd_buf out;
        yd_buf_init(&out, heap_alloc(&heap), 1 << 20);
        yd_err err = yd_doc_new(heap_alloc(&heap), NULL, &doc);
        yd_slice bytes = hex_bytes(hex);
        if (err == YD_OK) err = yd_doc_apply(doc, bytes, YD_V1, NULL);
        if (err == YD_OK) err = yd_doc_last_update(doc, YD_V1, &out);
        for (int i = 0; i < 3 && err == YD_OK; i++) err = yd_doc_state_vector(doc, &out);
        for (int i = 0; i < 3 && err == YD_OK; i++) err = yd_doc_snapshot(doc, &out);
        if (err == YD_ENOMEM) refused++;
        if (err != YD_ENOMEM) assert_int_equal(YD_OK, err);
        hex_free(bytes);
        yd_buf_deinit(&out);
        yd_doc_free(doc);
        assert_int_equal(0, heap.live_bytes);
        reached = heap.requests >= refuse_at;
    }
    assert_true(refused > 20);
}

/* Asked again and again, and in between something changes: a text, a deletion, a new client. */
static void u141_what_is_kept_is_never_old(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "01010500040101740661626364656600",
        "000105010202",
        "01010900040101740161 00",
        "01010506840505017a00",
        "000109010001",
        "0101060004010174016100",
    };
    struct bed bed;
    bed_begin(&bed, NULL);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct bed fresh; // never asked before
        bed_apply(&bed, changes[i]);
        bed_begin(&fresh, NULL);
        for (size_t k = 0; k <= i; k++) bed_apply(&fresh, changes[k]);
        for (int again = 0; again < 4; again++) {
            struct yd_buf sv;
            yd_buf_init(&sv, heap_alloc(&bed.heap), 1 << 16);
            yd_buf_clear(&bed.out);
            yd_buf_clear(&fresh.out);
            assert_int_equal(YD_OK, yd_doc_state_vector(bed.doc, &sv));
            assert_int_equal(YD_OK, yd_doc_snapshot(bed.doc, &bed.out));
            for (int format = YD_V1; format <= YD_V2; format++) {
                yd_slice vector = yd_buf_slice(&sv);
                assert_int_equal(YD_OK, yd_doc_encode_state(bed.doc, vector, format, &bed.out));
            }
            if (again == 0) {
                yd_slice vector = yd_buf_slice(&sv);
                assert_int_equal(YD_OK, yd_doc_snapshot(fresh.doc, &fresh.out));
                assert_int_equal(YD_OK, yd_doc_encode_state(fresh.doc, vector, YD_V1, &fresh.out));
                assert_int_equal(YD_OK, yd_doc_encode_state(fresh.doc, vector, YD_V2, &fresh.out));
                assert_true(yd_slice_equal(yd_buf_slice(&bed.out), yd_buf_slice(&fresh.out)));
                yd_buf_clear(&fresh.out);
                assert_int_equal(YD_OK, yd_buf_append(&fresh.out, yd_buf_slice(&bed.out)));
            }
            yd_buf_deinit(&sv);
        }
        bed_end(&fresh);
    }
    bed_end(&bed);
}

static const char *varint(char *hex, uint32_t value)
{
    if (value < 128) {
        sprintf(hex, "%02x", value);
    } else {
        sprintf(hex, "%02x%02x", (value & 127) | 128, (value >> 7) & 127);
    }
    return hex;
}

/* The same change to both: a deletion of some letters of client 5, or a letter behind one. */
static void change_both(struct bed *a, struct bed *b, uint32_t step, uint32_t at, uint32_t len)
{
    char hex[64], clock[8], other[8];
    if (len > 0) {
        sprintf(hex, "00 01 05 01 %s %s", varint(clock, at), varint(other, len));
    } else {
        sprintf(hex, "01 01 09 %s 84 05 %s 01 78 00", varint(other, step), varint(clock, at));
    }
    bed_apply(a, hex);
    bed_apply(b, hex);
}

static void states_are_alike(struct bed *a, struct bed *b)
{
    yd_buf_clear(&a->out);
    yd_buf_clear(&b->out);
    assert_int_equal(YD_OK, yd_doc_encode_state(a->doc, YD_EMPTY, YD_V1, &a->out));
    assert_int_equal(YD_OK, yd_doc_encode_state(b->doc, YD_EMPTY, YD_V1, &b->out));
    assert_true(yd_slice_equal(yd_buf_slice(&a->out), yd_buf_slice(&b->out)));
}

/* 2,000 letters, every second one deleted: written one by one, and loaded. The tables of the loaded
 * one are packed, and open where they are changed. */
static void u140_a_loaded_document_is_small_and_changes_as_any_other(void **state)
{
    (void)state;
    enum { LETTERS = 2000 };
    char hex[4 * LETTERS], clock[8];
    struct bed grown, loaded;
    bed_begin(&grown, NULL);
    bed_begin(&loaded, NULL);
    int at = sprintf(hex, "0101050004010174%s", varint(clock, LETTERS));
    for (int i = 0; i < LETTERS; i++) at += sprintf(hex + at, "61");
    sprintf(hex + at, "00");
    bed_apply(&grown, hex);
    for (uint32_t i = 1; i < LETTERS; i += 2) {
        sprintf(hex, "00 01 05 01 %s 01", varint(clock, i));
        bed_apply(&grown, hex);
    }
    assert_int_equal(YD_OK, yd_doc_encode_state(grown.doc, YD_EMPTY, YD_V1, &grown.out));
    assert_int_equal(YD_OK, yd_doc_apply(loaded.doc, yd_buf_slice(&grown.out), YD_V1, NULL));
    assert_int_equal(LETTERS, yd_doc_stats(loaded.doc).items);
#ifndef YD_TIGHT // there a chunk holds a few entries only
    assert_true(yd_doc_stats(loaded.doc).bytes < (size_t)32 * LETTERS);
#endif
    uint32_t random = 1, letters = 0;
    for (int i = 0; i < 300; i++) {
        random = random * 1664525u + 1013904223u;
        uint32_t from = (random >> 8) % (LETTERS - 200);
        uint32_t len = i % 3 > 0 ? 0 : i % 60 == 0 ? 150 : 1 + random % 3;
        change_both(&grown, &loaded, len > 0 ? 0 : letters++, from, len);
        if (i % 20 == 0) states_are_alike(&grown, &loaded);
    }
    states_are_alike(&grown, &loaded);
    bed_end(&loaded);
    bed_end(&grown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u140_a_state_ends_as_if_it_had_come_the_long_way),
        cmocka_unit_test(u140_a_bad_state_leaves_the_document_empty),
        cmocka_unit_test(u71_u140_limits_hold_on_the_short_way),
        cmocka_unit_test(u71_u140_a_load_is_measured),
        cmocka_unit_test(u70_u140_memory_may_run_out_while_loading),
        cmocka_unit_test(u140_a_loaded_document_is_small_and_changes_as_any_other),
        cmocka_unit_test(u141_what_is_kept_is_never_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
