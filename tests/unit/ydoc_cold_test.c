/* ydoc_cold_test.c - documents as bytes (docs/encoding.md U120 to U126). */
#include "unit/ydoc_test.h"

#include "ydoc/cold.h"
#include "ydoc/update.h"

/* Text t: "abcdef", an X in it, a deletion, a second author, a key. */
static const char *const updates[] = {
    "01010500040101740661626364656600",
    "01010600c405010502015800",
    "000105010202",
    "01010900840505 017a00",
    "010107002801016d016b017d0100",
};
enum { UPDATES = sizeof updates / sizeof *updates };

/* A cold document beside a live one that gets the same. */
struct pair {
    struct bed live;
    struct yd_cold *cold;
};

static yd_err cold_hex(struct bed *bed, const char *hex, enum yd_format format, size_t max,
                       struct yd_cold **cold)
{
    yd_slice bytes = hex_bytes(hex);
    yd_err err = yd_cold_new(heap_alloc(&bed->heap), bytes, format, max, cold);
    hex_free(bytes);
    return err;
}

static void pair_begin(struct pair *pair, size_t max)
{
    bed_begin(&pair->live, NULL);
    assert_int_equal(YD_OK,
                     yd_cold_new(heap_alloc(&pair->live.heap), YD_EMPTY, YD_V1, max, &pair->cold));
}

static void pair_end(struct pair *pair)
{
    yd_cold_free(pair->cold);
    bed_end(&pair->live);
}

static yd_err append_hex(struct yd_cold *cold, const char *hex, enum yd_format format)
{
    yd_slice bytes = hex_bytes(hex);
    yd_err err = yd_cold_append(cold, bytes, format);
    hex_free(bytes);
    return err;
}

static void pair_apply(struct pair *pair, const char *hex)
{
    bed_apply(&pair->live, hex);
    assert_int_equal(YD_OK, append_hex(pair->cold, hex, YD_V1));
}

/* Both say the same: their vectors, and what a peer ends up with that has `has`. */
static void pair_agrees(struct pair *pair, struct yd_doc *has)
{
    struct yd_buf out, sv;
    yd_buf_init(&out, heap_alloc(&pair->live.heap), 1 << 20);
    yd_buf_init(&sv, heap_alloc(&pair->live.heap), 1 << 20);
    yd_buf_clear(&pair->live.out);
    assert_int_equal(YD_OK, yd_doc_state_vector(pair->live.doc, &pair->live.out));
    assert_int_equal(YD_OK, yd_cold_state_vector(pair->cold, &out));
    assert_true(yd_slice_equal(yd_buf_slice(&pair->live.out), yd_buf_slice(&out)));
    yd_buf_clear(&out);
    assert_int_equal(YD_OK, yd_doc_state_vector(has, &sv));
    assert_int_equal(YD_OK, yd_cold_diff(pair->cold, yd_buf_slice(&sv), YD_V1, &out));
    assert_int_equal(YD_OK, yd_doc_apply(has, yd_buf_slice(&out), YD_V1, NULL));
    yd_buf_clear(&out);
    yd_buf_clear(&pair->live.out);
    assert_int_equal(YD_OK, yd_doc_encode_state(has, YD_EMPTY, YD_V1, &out));
    assert_int_equal(YD_OK, yd_doc_encode_state(pair->live.doc, YD_EMPTY, YD_V1, &pair->live.out));
    assert_true(yd_slice_equal(yd_buf_slice(&pair->live.out), yd_buf_slice(&out)));
    yd_buf_deinit(&sv);
    yd_buf_deinit(&out);
}

static void u120_u121_a_peer_ends_up_with_all_that_was_taken(void **state)
{
    (void)state;
    for (size_t known = 0; known <= UPDATES; known++) {
        struct pair pair;
        struct bed peer;
        pair_begin(&pair, 0);
        bed_begin(&peer, NULL);
        for (size_t i = 0; i < known; i++) bed_apply(&peer, updates[i]);
        for (size_t i = 0; i < UPDATES; i++) pair_apply(&pair, updates[i]);
        assert_true(yd_cold_stats(pair.cold).waiting > 0);
        pair_agrees(&pair, peer.doc);
        assert_int_equal(0, yd_cold_stats(pair.cold).waiting);
        pair_agrees(&pair, peer.doc); // up to date now
        bed_end(&peer);
        pair_end(&pair);
    }
}

static void u120_an_up_to_date_peer_gets_the_delete_set(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_cold *cold;
    bed_begin(&bed, NULL);
    assert_int_equal(YD_OK, cold_hex(&bed, "0101050004010174016101050100 01", YD_V1, 0, &cold));
    yd_slice sv = hex_bytes("010501");
    assert_int_equal(YD_OK, yd_cold_diff(cold, sv, YD_V1, &bed.out));
    assert_hex("00 0105010001", &bed.out);
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_cold_diff(cold, YD_LITERAL("\0"), YD_V1, &bed.out));
    assert_hex("0101050004010174016101050100 01", &bed.out);
    assert_int_equal(YD_EMALFORMED, yd_cold_diff(cold, YD_LITERAL("\x05"), YD_V1, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_cold_diff(cold, YD_EMPTY, (enum yd_format)3, &bed.out));
    hex_free(sv);
    yd_cold_free(cold);
    bed_end(&bed);
}

static void u121_updates_may_come_out_of_order_and_in_either_format(void **state)
{
    (void)state;
    struct pair pair;
    struct bed peer;
    pair_begin(&pair, 0);
    bed_begin(&peer, NULL);
    for (size_t i = UPDATES; i-- > 0;) pair_apply(&pair, updates[i]);
    static const char *const mark = "00 020002 024503 020006 020206 01c6 0b08626f6c64626f6c644400 "
                                    "00 00 00 01 02 06 787e 00";
    bed_apply_v2(&pair.live, mark);
    assert_int_equal(YD_OK, append_hex(pair.cold, mark, YD_V2));
    pair_agrees(&pair, peer.doc);
    bed_end(&peer);
    pair_end(&pair);
}

static void u122_memory_is_the_encoded_size_and_little_more(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_cold *cold;
    bed_begin(&bed, NULL);
    for (int i = 0; i < 12; i++) {
        char letter[64]; // twelve authors at one place, so none is joined with another
        sprintf(letter, "0101%02x0004010174016100", i + 10);
        bed_apply(&bed, letter);
    }
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_doc_encode_state(bed.doc, YD_EMPTY, YD_V1, &bed.out));
    size_t before = bed.heap.live_bytes;
    assert_int_equal(YD_OK,
                     yd_cold_new(heap_alloc(&bed.heap), yd_buf_slice(&bed.out), YD_V1, 0, &cold));
    struct yd_cold_stats stats = yd_cold_stats(cold);
    assert_int_equal(bed.out.len, stats.encoded);
    assert_int_equal(bed.heap.live_bytes - before, stats.memory);
    assert_true(stats.memory <= stats.encoded + 100 + 12 * 3);
    yd_cold_free(cold);
    bed_end(&bed);
}

/* Whatever is asked before, a refused update leaves no trace. */
static void u123_u124_a_refused_update_changes_nothing(void **state)
{
    (void)state;
    struct pair pair;
    struct bed peer;
    pair_begin(&pair, 64);
    bed_begin(&peer, NULL);
    pair_apply(&pair, updates[0]);
    struct yd_cold_stats before = yd_cold_stats(pair.cold);
    assert_int_equal(YD_EMALFORMED, append_hex(pair.cold, "0101", YD_V1));
    assert_int_equal(YD_EMALFORMED, append_hex(pair.cold, "0101", YD_V2));
    assert_int_equal(YD_EUNSUPPORTED, append_hex(pair.cold, "0000", (enum yd_format)3));
    static const char *const large =
        "010108000401017428 6161616161616161616161616161616161616161616161616161616161616161616161"
        "6161616161 00";
    assert_int_equal(YD_ETOOBIG, append_hex(pair.cold, large, YD_V1));
    struct yd_cold_stats after = yd_cold_stats(pair.cold);
    assert_memory_equal(&before, &after, sizeof before);
    pair_agrees(&pair, peer.doc);
    assert_int_equal(YD_OK, append_hex(pair.cold, updates[2], YD_V1)); // there is room for that
    struct yd_cold *unused;
    assert_int_equal(YD_ETOOBIG, cold_hex(&peer, large, YD_V1, 32, &unused));
    assert_int_equal(YD_EMALFORMED, cold_hex(&peer, "0101", YD_V1, 0, &unused));
    assert_int_equal(YD_EUNSUPPORTED, cold_hex(&peer, "0000", (enum yd_format)3, 0, &unused));
    bed_end(&peer);
    pair_end(&pair);
}

static void u123_the_ceiling_holds_for_ever(void **state)
{
    (void)state;
    struct pair pair;
    yd_err err = YD_OK;
    pair_begin(&pair, 20000);
    for (unsigned i = 0; err == YD_OK; i++) {
        char hex[64];
        assert_true(i < 10000);
        sprintf(hex, "0101%02x%02x0004010174016100", (i & 127) | 128, i >> 7);
        err = append_hex(pair.cold, hex, YD_V1);
        struct yd_cold_stats stats = yd_cold_stats(pair.cold);
        assert_true(stats.encoded <= 20000);
        assert_true(stats.memory <= 20000 * 2 + 1000);
        if (i % 100 == 99) assert_int_equal(YD_OK, yd_cold_state_vector(pair.cold, &pair.live.out));
    }
    assert_int_equal(YD_ETOOBIG, err);
    pair_end(&pair);
}

static void u125_it_becomes_a_live_document_and_back(void **state)
{
    (void)state;
    struct pair pair;
    struct yd_doc *doc;
    struct yd_cold *frozen;
    pair_begin(&pair, 0);
    for (size_t i = 0; i < UPDATES; i++) pair_apply(&pair, updates[i]);
    pair_apply(&pair, "010107048407030365666700"); // parked: something is missing before it
    assert_int_equal(YD_OK, yd_cold_open(pair.cold, heap_alloc(&pair.live.heap), NULL, &doc));
    assert_true(yd_doc_pending(doc).structs);
    assert_int_equal(YD_OK, yd_cold_freeze(heap_alloc(&pair.live.heap), doc, 0, &frozen));
    yd_doc_free(doc);
    assert_int_equal(YD_OK, yd_cold_open(frozen, heap_alloc(&pair.live.heap), NULL, &doc));
    pair_agrees(&pair, doc);
    yd_doc_free(doc);
    struct yd_cold *unused;
    assert_int_equal(YD_ETOOBIG,
                     yd_cold_freeze(heap_alloc(&pair.live.heap), pair.live.doc, 20, &unused));
    struct yd_doc_opts small = {.update_bytes_max = 20};
    assert_int_equal(YD_ETOOBIG, yd_cold_open(frozen, heap_alloc(&pair.live.heap), &small, &doc));
    yd_cold_free(frozen);
    pair_end(&pair);
}

/* A thousand letters typed one by one stay a thousand structs until the document is compacted. */
static void u125_compacting_joins_what_merging_cannot(void **state)
{
    (void)state;
    struct pair pair;
    struct bed peer;
    pair_begin(&pair, 0);
    bed_begin(&peer, NULL);
    pair_apply(&pair, "0101050004010174016100");
    for (unsigned i = 1; i < 1000; i++) {
        char hex[64];
        unsigned last = i - 1;
        if (i < 128) {
            sprintf(hex, "010105%02x8405%02x016100", i, last);
        } else if (i == 128) {
            sprintf(hex, "01010580018405%02x016100", last);
        } else {
            sprintf(hex, "010105%02x%02x8405%02x%02x016100", (i & 127) | 128, i >> 7,
                    (last & 127) | 128, last >> 7);
        }
        pair_apply(&pair, hex);
    }
    size_t before = yd_cold_stats(pair.cold).encoded;
    assert_true(yd_cold_stats(pair.cold).waiting * 2 < before); // merged on the way
    assert_int_equal(YD_OK, yd_cold_compact(pair.cold));
    struct yd_cold_stats stats = yd_cold_stats(pair.cold);
    assert_true(stats.encoded < 1100 && before > 5000);
    assert_int_equal(0, stats.taken);
    pair_agrees(&pair, peer.doc);
    bed_end(&peer);
    pair_end(&pair);
}

static yd_err session(struct heap *heap, struct yd_buf *out)
{
    struct yd_cold *cold;
    struct yd_doc *doc = NULL;
    yd_err err = yd_cold_new(heap_alloc(heap), YD_EMPTY, YD_V1, 0, &cold);
    if (err == YD_ENOMEM) err = yd_cold_new(heap_alloc(heap), YD_EMPTY, YD_V1, 0, &cold);
    if (err != YD_OK) return err;
    for (size_t i = 0; i < UPDATES && err == YD_OK; i++) {
        err = append_hex(cold, updates[i], YD_V1);
        if (err == YD_ENOMEM) err = append_hex(cold, updates[i], YD_V1); // may be repeated
        if (err == YD_OK && i % 2 == 1) err = yd_cold_state_vector(cold, out);
        if (err == YD_ENOMEM) err = yd_cold_state_vector(cold, out);
    }
    if (err == YD_OK) err = yd_cold_diff(cold, YD_EMPTY, YD_V2, out);
    if (err == YD_ENOMEM) err = yd_cold_diff(cold, YD_EMPTY, YD_V2, out);
    if (err == YD_OK) err = yd_cold_compact(cold);
    if (err == YD_ENOMEM) err = yd_cold_compact(cold);
    if (err == YD_OK) err = yd_cold_open(cold, heap_alloc(heap), NULL, &doc);
    if (err == YD_ENOMEM) err = yd_cold_open(cold, heap_alloc(heap), NULL, &doc);
    yd_cold_free(cold);
    if (err != YD_OK) return err;
    err = yd_cold_freeze(heap_alloc(heap), doc, 0, &cold);
    if (err == YD_ENOMEM) err = yd_cold_freeze(heap_alloc(heap), doc, 0, &cold);
    if (err == YD_OK) err = yd_cold_compact(cold);
    if (err == YD_ENOMEM) err = yd_cold_compact(cold);
    if (err == YD_OK) yd_cold_free(cold);
    yd_doc_free(doc);
    return err;
}

static void u126_after_refused_memory_the_call_may_be_repeated(void **state)
{
    (void)state;
    bool reached = true;
    uint64_t refuse_at = 0;
    while (reached) {
        struct heap heap = {.refuse_at = ++refuse_at};
        struct heap other = {0};
        struct yd_buf out;
        yd_buf_init(&out, heap_alloc(&other), 1 << 20);
        yd_err err = session(&heap, &out);
        assert_int_equal(YD_OK, err);
        assert_int_equal(0, heap.live_bytes);
        reached = heap.requests >= refuse_at;
        yd_buf_deinit(&out);
    }
    assert_true(refuse_at > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u120_u121_a_peer_ends_up_with_all_that_was_taken),
        cmocka_unit_test(u120_an_up_to_date_peer_gets_the_delete_set),
        cmocka_unit_test(u121_updates_may_come_out_of_order_and_in_either_format),
        cmocka_unit_test(u122_memory_is_the_encoded_size_and_little_more),
        cmocka_unit_test(u123_u124_a_refused_update_changes_nothing),
        cmocka_unit_test(u123_the_ceiling_holds_for_ever),
        cmocka_unit_test(u125_it_becomes_a_live_document_and_back),
        cmocka_unit_test(u125_compacting_joins_what_merging_cannot),
        cmocka_unit_test(u126_after_refused_memory_the_call_may_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
