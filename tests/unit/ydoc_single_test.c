/* ydoc_single_test.c - the short way of small updates ends where the long way does
 * (docs/encoding.md U15 to U43; libydoc/src/single.c).
 *
 * Three authors type, delete and set values, and hear of each other now and then. One reader gets
 * each update as it is, another with a second section of something that it knows: that is what the
 * short way leaves to the long one. After each update both must be the same document. */
#include "unit/ydoc_test.h"

#include "ydoc/changes.h"
#include "ydoc/edit.h"
#include "ydoc/shared.h"

enum { AUTHORS = 3, STEPS = 300 };

/* Two of one byte, one of five. */
static const uint64_t ids[AUTHORS] = {77, 90, 3000000000};

struct author {
    struct bed bed;
    uint64_t at; /* where it types */
    uint32_t heard;
};

struct world {
    struct author authors[AUTHORS];
    struct bed plain, wrapped;
    struct yd_buf updates[STEPS];
    uint32_t count;
    uint64_t seed;
};

/* "h" of root "o", by client 1: the first clock of all. */
#define KNOWN "0101000401016f0168"

static uint32_t draw(struct world *w, uint32_t below)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((w->seed >> 33) % below);
}

static uint64_t text_length(struct yd_doc *doc)
{
    struct yd_shared text;
    return yd_shared_look(doc, &YD_ROOT("t"), &text) == YD_OK ? text.length : 0;
}

static void state_is(struct bed *bed, const struct yd_buf *want)
{
    yd_buf_clear(&bed->out);
    assert_int_equal(YD_OK, yd_doc_encode_state(bed->doc, YD_EMPTY, YD_V1, &bed->out));
    assert_int_equal(want->len, bed->out.len);
    assert_memory_equal(want->ptr, bed->out.ptr, want->len);
}

/* One transaction: mostly a key where the author is. */
static void act(struct world *w, struct author *author, uint64_t id)
{
    static const char *const texts[] = {"a", "b", "\xc3\xa4", "\xf0\x9f\x98\x80", "long text"};
    static const char *const keys[] = {"x", "y"};
    struct yd_doc *doc = author->bed.doc;
    struct yd_type_ref text = YD_ROOT("t"), map = YD_ROOT("m"), list = YD_ROOT("a");
    struct yd_value value = {.kind = YD_VALUE_JSON, .bytes = YD_LITERAL("1"), .options = YD_EMPTY};
    uint64_t length = text_length(doc);
    uint32_t kind = draw(w, 14);
    if (author->at > length || draw(w, 8) == 0) {
        author->at = draw(w, 2) == 0 ? length : draw(w, (uint32_t)length + 1);
    }
    assert_int_equal(YD_OK, yd_edit_begin(doc, id));
    if (kind < 7 || length == 0) {
        const char *what = texts[draw(w, 5)];
        yd_slice bytes = {(const uint8_t *)what, strlen(what)};
        assert_int_equal(YD_OK, yd_edit_text_insert(doc, &text, author->at, bytes, NULL));
        author->at += text_length(doc) - length;
    } else if (kind < 9) {
        uint64_t from = author->at > 0 ? author->at - 1 : 0;
        uint32_t most = draw(w, 5) == 0 ? 40 : 3;
        assert_int_equal(YD_OK, yd_edit_text_delete(doc, &text, from, 1 + draw(w, most)));
        author->at = from;
    } else if (kind == 9) {
        assert_int_equal(YD_OK, yd_edit_text_embed(doc, &text, author->at++, &value, NULL));
    } else if (kind == 10) {
        assert_int_equal(YD_OK, yd_edit_list_push(doc, &list, &value, 1));
    } else {
        uint32_t only = draw(w, 4); // x, y, or both
        for (uint32_t i = 0; i < 2; i++) {
            if (only == 1 - i) continue;
            value.bytes = draw(w, 2) == 0 ? YD_LITERAL("{\"n\":12345}") : YD_LITERAL("true");
            yd_slice key = {(const uint8_t *)keys[i], 1};
            assert_int_equal(YD_OK, yd_edit_map_set(doc, &map, key, &value));
        }
    }
    assert_int_equal(YD_OK, yd_edit_commit(doc, NULL));
}

/* Gives an update to both readers. */
static void read_twice(struct world *w, const struct yd_buf *update)
{
    struct yd_buf long_way;
    yd_slice known = hex_bytes(KNOWN);
    yd_buf_init(&long_way, heap_alloc(&w->wrapped.heap), 1 << 20);
    assert_true(update->ptr[0] <= 1);
    assert_int_equal(YD_OK, yd_buf_u8(&long_way, (uint8_t)(update->ptr[0] + 1)));
    yd_slice rest = {update->ptr + 1, update->len - 1};
    assert_int_equal(YD_OK, yd_buf_append(&long_way, known));
    assert_int_equal(YD_OK, yd_buf_append(&long_way, rest));
    assert_int_equal(YD_OK, yd_doc_apply(w->plain.doc, yd_buf_slice(update), YD_V1, NULL));
    assert_int_equal(YD_OK, yd_doc_apply(w->wrapped.doc, yd_buf_slice(&long_way), YD_V1, NULL));
    hex_free(known);
    yd_buf_deinit(&long_way);
}

static void readers_agree(struct world *w)
{
    struct yd_doc *plain = w->plain.doc, *wrapped = w->wrapped.doc;
    yd_doc_check(plain);
    assert_int_equal(yd_doc_stats(wrapped).items, yd_doc_stats(plain).items);
    assert_int_equal(yd_doc_change_count(wrapped), yd_doc_change_count(plain));
    for (size_t i = 0; i < yd_doc_change_count(plain); i++) {
        assert_int_equal(yd_doc_change(wrapped, i).inserted, yd_doc_change(plain, i).inserted);
        assert_int_equal(yd_doc_change(wrapped, i).deleted, yd_doc_change(plain, i).deleted);
    }
    yd_buf_clear(&w->plain.out);
    yd_buf_clear(&w->wrapped.out);
    assert_int_equal(YD_OK, yd_doc_last_update(plain, YD_V1, &w->plain.out));
    assert_int_equal(YD_OK, yd_doc_last_update(wrapped, YD_V1, &w->wrapped.out));
    assert_int_equal(w->wrapped.out.len, w->plain.out.len);
    assert_memory_equal(w->wrapped.out.ptr, w->plain.out.ptr, w->plain.out.len);
    yd_buf_clear(&w->wrapped.out);
    assert_int_equal(YD_OK, yd_doc_encode_state(wrapped, YD_EMPTY, YD_V1, &w->wrapped.out));
    state_is(&w->plain, &w->wrapped.out);
}

/* An author hears what others did since it listened last. */
static void listen(struct world *w, struct author *author)
{
    for (; author->heard < w->count; author->heard++) {
        yd_slice update = yd_buf_slice(&w->updates[author->heard]);
        assert_int_equal(YD_OK, yd_doc_apply(author->bed.doc, update, YD_V1, NULL));
    }
}

static void world_play(const struct yd_doc_opts *opts, uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->seed = seed;
    bed_begin(&w->plain, opts);
    bed_begin(&w->wrapped, opts);
    bed_apply(&w->plain, "01" KNOWN "00");
    bed_apply(&w->wrapped, "01" KNOWN "00");
    for (uint32_t i = 0; i < AUTHORS; i++) bed_begin(&w->authors[i].bed, NULL);
    while (w->count < STEPS) {
        uint32_t who = draw(w, AUTHORS);
        struct author *author = &w->authors[who];
        if (draw(w, 6) == 0) listen(w, author);
        act(w, author, ids[who]);
        struct yd_buf *update = &w->updates[w->count++];
        yd_buf_init(update, heap_alloc(&w->plain.heap), 1 << 20);
        assert_int_equal(YD_OK, yd_doc_last_update(author->bed.doc, YD_V1, update));
        read_twice(w, update);
        readers_agree(w);
    }
    for (uint32_t i = 0; i < AUTHORS; i++) {
        listen(w, &w->authors[i]);
        bed_end(&w->authors[i].bed);
    }
    while (w->count > 0) yd_buf_deinit(&w->updates[--w->count]);
    bed_end(&w->plain);
    bed_end(&w->wrapped);
    free(w);
}

static void u22_small_updates_end_as_large_ones_do(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) world_play(NULL, seed);
}

static void u43_so_they_do_where_deleted_content_stays(void **state)
{
    (void)state;
    struct yd_doc_opts opts = {.keep_deleted = true};
    for (uint64_t seed = 101; seed <= 104; seed++) world_play(&opts, seed);
}

static void u115_so_they_do_where_changes_are_told(void **state)
{
    (void)state;
    struct yd_doc_opts opts = {.note_changes = true};
    for (uint64_t seed = 201; seed <= 204; seed++) world_play(&opts, seed);
}

/* Updates that no author writes, behind one another. */
static void both_ways(const char *const *updates, size_t count, const struct yd_doc_opts *opts)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    bed_begin(&w->plain, opts);
    bed_begin(&w->wrapped, opts);
    bed_apply(&w->plain, "01" KNOWN "00");
    bed_apply(&w->wrapped, "01" KNOWN "00");
    for (size_t i = 0; i < count; i++) {
        yd_slice bytes = hex_bytes(updates[i]);
        struct yd_buf update = {.ptr = (uint8_t *)(uintptr_t)bytes.ptr, .len = bytes.len};
        read_twice(w, &update);
        readers_agree(w);
        hex_free(bytes);
    }
    bed_end(&w->plain);
    bed_end(&w->wrapped);
    free(w);
}

static void u27_a_value_in_the_middle_of_values_is_no_new_value(void **state)
{
    (void)state;
    // Two values in one item of key "k"; then one whose origin is the first of them.
    const char *const updates[] = {"0101 0500 28 01016d016b 027d017d02 00",
                                   "0101 0502 a8 0500 017d03 00", "0101 0503 a8 0502 017d04 00"};
    both_ways(updates, 3, NULL);
}

static void u27_text_goes_on_only_behind_the_last_clock(void **state)
{
    (void)state;
    // "ab"; "c" behind "a", and "d" behind "c", both without a right origin.
    const char *const updates[] = {"0101 0500 04 010174 026162 00", "0101 0502 84 0500 0163 00",
                                   "0101 0503 84 0502 0164 00"};
    both_ways(updates, 3, NULL);
}

static void u31_text_of_a_key_is_overwritten(void **state)
{
    (void)state;
    // Text as the value of a key, which Yjs never writes.
    const char *const updates[] = {"0101 0500 24 01016d016b 026162 00",
                                   "0101 0502 84 0501 0163 00"};
    both_ways(updates, 2, NULL);
}

static void u31_a_type_of_a_key_is_overwritten_with_what_is_in_it(void **state)
{
    (void)state;
    // A map in key "k" with a value; a value in its place, and another beside it.
    const char *const updates[] = {
        "01 02 0500 27 01016d016b 01 28 00 0500 0161 01 7d01 00",
        "01 02 0502 a8 0500 01 7d02 28 01016d0162 01 7d03 01 05 01 0002"};
    both_ways(updates, 2, NULL);
    const char *const alone[] = {updates[0], "0101 0502 a8 0500 01 7d02 01 05 01 0002"};
    both_ways(alone, 2, NULL);
}

static void u43_values_that_were_overwritten_take_no_memory(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "0102 0500 28 01016d016b 01 78 28 01016d026b6b 01 78 00");
    for (uint32_t clock = 2; clock < 6000; clock++) {
        // The two keys in turns, each with 100 bytes.
        uint8_t bytes[128];
        struct yd_buf out = {.ptr = bytes, .len = 0, .cap = sizeof bytes};
        yd_slice head = hex_bytes("0101 05");
        memcpy(bytes, head.ptr, head.len);
        size_t n = head.len;
        n += yd_varuint_put(bytes + n, clock);
        bytes[n++] = 0xa8;
        bytes[n++] = 5;
        n += yd_varuint_put(bytes + n, clock - 2);
        memcpy(bytes + n, "\x01\x77\x64", 3);
        memset(bytes + n + 3, 'v', 100);
        n += 103;
        bytes[n++] = 0;
        out.len = n;
        assert_int_equal(YD_OK, yd_doc_apply(bed.doc, yd_buf_slice(&out), YD_V1, NULL));
        hex_free(head);
    }
    assert_in_range(yd_doc_stats(bed.doc).bytes, 1, 350000);
    bed_end(&bed);
}

static void u24_what_it_names_of_a_known_client_is_not_here_yet(void **state)
{
    (void)state;
    // "x"; "a" behind the fourth clock of that client, which comes last.
    const char *const updates[] = {"0101 0600 04 010174 0178 00", "0101 0500 84 0603 0161 00",
                                   "0101 0601 84 0600 03626364 00"};
    both_ways(updates, 3, NULL);
    const char *const right[] = {updates[0], "0101 0500 44 0603 0161 00", updates[2]};
    both_ways(right, 3, NULL);
    const char *const parent[] = {updates[0], "0101 0500 04 00 0603 0161 00",
                                  "01 02 0601 84 0600 026263 07 010161 01 00"};
    both_ways(parent, 3, NULL);
}

static void u31_a_value_below_a_deleted_type_is_deleted(void **state)
{
    (void)state;
    // A map in a list with a value that is kept; the map goes, then another value comes.
    const char *const updates[] = {"01 02 0500 07 010161 01 28 00 0500 016b 01 7d01 00",
                                   "0001 05 01 0001", "0101 0600 a8 0501 01 7d02 00"};
    both_ways(updates, 3, &(struct yd_doc_opts){.keep_deleted = true});
}

/* Bytes behind a known document, and in one where something waits: there they go the long way. */
static void bad_both_ways(const char *before, yd_slice update)
{
    static const char waiting[] = "0101 e3e3e30c03 84 e3e3e30c02 0161 00";
    static const char awaited[] = "0101 e3e3e30c00 04 010174 03 616263 00";
    struct bed plain, waits;
    struct yd_applied a, b;
    bed_begin(&plain, NULL);
    bed_begin(&waits, NULL);
    bed_apply(&plain, before);
    bed_apply(&waits, before);
    bed_apply(&waits, waiting);
    uint8_t *exact = malloc(update.len); // exactly so many, for the sanitizer
    assert_non_null(exact);
    memcpy(exact, update.ptr, update.len);
    yd_slice bytes = {exact, update.len};
    yd_err err = yd_doc_apply(plain.doc, bytes, YD_V1, &a);
    assert_int_equal(yd_doc_apply(waits.doc, bytes, YD_V1, &b), err);
    assert_int_equal(b.error_at, a.error_at);
    free(exact);
    yd_doc_check(plain.doc);
    bed_apply(&plain, awaited);
    bed_apply(&plain, waiting);
    bed_apply(&waits, awaited);
    yd_buf_clear(&waits.out);
    assert_int_equal(YD_OK, yd_doc_encode_state(waits.doc, YD_EMPTY, YD_V1, &waits.out));
    state_is(&plain, &waits.out);
    bed_end(&plain);
    bed_end(&waits);
}

static void u12_bad_bytes_are_refused_alike(void **state)
{
    (void)state;
    static const char before[] = "0102 b2d20c00 28 01016d016b 017d01 28 01016d026b6b 017d02 00";
    // Short, long enough to be read from a copy, and with ranges of another client.
    static const char *const updates[] = {
        "0101 b2d20c02 a8 b2d20c00 017d03 01 b2d20c010001",
        "0102 b2d20c02 a8 b2d20c00 017b400921fb54442d18 a8 b2d20c01 0177 04 f09f9880 01 b2d20c01 "
        "00 02",
        "0102 05 00 a8 b2d20c00 017dffffffffffff7f a8 b2d20c01 0177 10 "
        "30313233343536373839616263646566"
        " 02 b2d20c01 00 02 01 01 00 01",
        "0103 05 00 a8 b2d20c00 017dbf7f 84 05 00 04 61626364 81 05 01 03 01 b2d20c02 00 01 01 01",
        "0102 05 00 a8 b2d20c00 017dbf7f 04 010174 18 "
        "303132333435363738396162636465666768696a6b6c6d6e"
        " 01 05 01 00 01"};
    for (size_t i = 0; i < sizeof updates / sizeof *updates; i++) {
        yd_slice whole = hex_bytes(updates[i]);
        uint8_t *bytes = malloc(whole.len);
        assert_non_null(bytes);
        memcpy(bytes, whole.ptr, whole.len);
        bad_both_ways(before, whole);
        for (size_t len = 1; len < whole.len; len++) bad_both_ways(before, (yd_slice){bytes, len});
        for (size_t at = 1; at < whole.len; at++) {
            for (unsigned change = 1; change < 256; change++) {
                bytes[at] = whole.ptr[at] ^ (uint8_t)change;
                bad_both_ways(before, (yd_slice){bytes, whole.len});
            }
            bytes[at] = whole.ptr[at];
        }
        free(bytes);
        hex_free(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u22_small_updates_end_as_large_ones_do),
        cmocka_unit_test(u43_so_they_do_where_deleted_content_stays),
        cmocka_unit_test(u27_a_value_in_the_middle_of_values_is_no_new_value),
        cmocka_unit_test(u27_text_goes_on_only_behind_the_last_clock),
        cmocka_unit_test(u31_text_of_a_key_is_overwritten),
        cmocka_unit_test(u24_what_it_names_of_a_known_client_is_not_here_yet),
        cmocka_unit_test(u31_a_type_of_a_key_is_overwritten_with_what_is_in_it),
        cmocka_unit_test(u43_values_that_were_overwritten_take_no_memory),
        cmocka_unit_test(u31_a_value_below_a_deleted_type_is_deleted),
        cmocka_unit_test(u12_bad_bytes_are_refused_alike),
        cmocka_unit_test(u115_so_they_do_where_changes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
