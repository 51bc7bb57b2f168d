/* ydoc_history_test.c - changes, snapshots, what is in an update, types read anywhere
 * (docs/encoding.md U115 to U120). */
#include "unit/ydoc_test.h"

#include "ydoc/changes.h"
#include "ydoc/parse.h"
#include "ydoc/shared.h"
#include "ydoc/snapshot.h"

/* ---- changes */

static const struct yd_change *change_of(struct bed *bed, const char *root, const char *key,
                                         struct yd_change *change)
{
    for (size_t i = 0; i < yd_doc_change_count(bed->doc); i++) {
        *change = yd_doc_change(bed->doc, i);
        if (!yd_slice_equal(change->root, (yd_slice){(const uint8_t *)root, strlen(root)}))
            continue;
        if (change->has_key != (key != NULL)) continue;
        if (key == NULL) return change;
        if (yd_slice_equal(change->key, (yd_slice){(const uint8_t *)key, strlen(key)}))
            return change;
    }
    return NULL;
}

static void u115_a_list_says_what_came_and_went(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_change change;
    bed_begin(&bed, &(struct yd_doc_opts){.note_changes = true});
    bed_apply(&bed, "01 01 0500 04 0101 74 06 61f09f988062 00");
    assert_non_null(change_of(&bed, "t", NULL, &change));
    assert_int_equal(4, change.inserted);
    assert_int_equal(0, change.deleted);
    // Two of them go, a mark and a unit come.
    bed_apply(&bed, "01 02 0504 c6 0500 0501 01 62 01 31 84 0503 01 63 01 05 01 01 02");
    assert_int_equal(1, yd_doc_change_count(bed.doc));
    assert_non_null(change_of(&bed, "t", NULL, &change));
    assert_int_equal(1, change.inserted);
    assert_int_equal(2, change.deleted);
    assert_int_equal(1, change.marks);
    assert_false(change.type.nested);
    bed_apply(&bed, "01 02 0504 c6 0500 0501 01 62 01 31 84 0503 01 63 01 05 01 01 02");
    assert_int_equal(0, yd_doc_change_count(bed.doc));
    bed_end(&bed);
}

static void u115_a_key_is_added_updated_deleted(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_change change;
    bed_begin(&bed, &(struct yd_doc_opts){.note_changes = true});
    bed_apply(&bed, "01 01 0500 28 0101 6d 01 6b 01 7d01 00");
    assert_non_null(change_of(&bed, "m", "k", &change));
    assert_int_equal(YD_KEY_ADDED, change.key_change);
    bed_apply(&bed, "01 01 0501 a8 0500 01 7d02 00");
    assert_non_null(change_of(&bed, "m", "k", &change));
    assert_int_equal(YD_KEY_UPDATED, change.key_change);
    bed_apply(&bed, "01 01 0400 a8 0500 01 7d09 00"); // comes too late: nothing that shows
    assert_int_equal(0, yd_doc_change_count(bed.doc));
    bed_apply(&bed, "00 01 05 01 01 01");
    assert_non_null(change_of(&bed, "m", "k", &change));
    assert_int_equal(YD_KEY_DELETED, change.key_change);
    bed_end(&bed);
}

static void u115_what_is_new_is_part_of_what_it_is_in(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_change change;
    bed_begin(&bed, &(struct yd_doc_opts){.note_changes = true});
    // An array with a text that says hi.
    bed_apply(&bed, "01 02 0500 07 0101 61 02 04 00 0500 02 6869 00");
    assert_int_equal(1, yd_doc_change_count(bed.doc));
    assert_non_null(change_of(&bed, "a", NULL, &change));
    assert_int_equal(1, change.inserted);
    // Then the text is one of those that were there.
    bed_apply(&bed, "01 01 0503 84 0502 01 21 00");
    assert_non_null(change_of(&bed, "a", NULL, &change));
    assert_true(change.type.nested);
    assert_int_equal(0, change.type.clock);
    assert_int_equal(1, change.inserted);
    bed_apply(&bed, "00 01 05 01 00 01"); // and goes with all that is in it
    assert_int_equal(1, yd_doc_change_count(bed.doc));
    assert_non_null(change_of(&bed, "a", NULL, &change));
    assert_false(change.type.nested);
    assert_int_equal(1, change.deleted);
    bed_end(&bed);
}

static void u115_nothing_is_noted_unasked(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01 01 0500 04 0101 74 01 61 00");
    assert_int_equal(0, yd_doc_change_count(bed.doc));
    bed_end(&bed);
}

/* ---- snapshots */

static void snapshot_is(struct bed *bed, enum yd_format format, const char *hex)
{
    yd_buf_clear(&bed->out);
    assert_int_equal(YD_OK, yd_snapshot_encode(bed->doc, format, &bed->out));
    assert_hex(hex, &bed->out);
}

static yd_err convert(struct bed *bed, const char *hex, enum yd_format from, enum yd_format to)
{
    yd_slice bytes = hex_bytes(hex);
    yd_buf_clear(&bed->out);
    yd_err err = yd_snapshot_convert((struct yd_snapshot){bytes, from}, to, &bed->out);
    hex_free(bytes);
    return err;
}

static void converts(struct bed *bed, const char *v1, const char *v2)
{
    assert_int_equal(YD_OK, convert(bed, v1, YD_V1, YD_V2));
    assert_hex(v2, &bed->out);
    assert_int_equal(YD_OK, convert(bed, v2, YD_V2, YD_V1));
    assert_hex(v1, &bed->out);
}

static void u116_snapshots_in_both_formats(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    snapshot_is(&bed, YD_V1, "00 00");
    bed_apply(&bed, "01 01 0500 04 0101 74 06 616263646566 02 05 02 01 01 04 01 09 01 00 01");
    snapshot_is(&bed, YD_V1, "01 05 02 0101 0401 01 05 06");
    snapshot_is(&bed, YD_V2, "01 05 02 0100 0200 01 05 06");
    converts(&bed, "01 05 02 0101 0401 01 05 06", "01 05 02 0100 0200 01 05 06");
    converts(&bed, "00 02 0503 0401", "00 02 0503 0401");
    assert_int_equal(YD_OK, convert(&bed, "01 05 02 0401 0101 01 05 06", YD_V1, YD_V1));
    assert_hex("01 05 02 0401 0101 01 05 06", &bed.out); // as they came
    assert_int_equal(YD_OK, convert(&bed, "01 05 02 0401 0104 01 05 06", YD_V1, YD_V2));
    assert_hex("01 05 01 0103 01 05 06", &bed.out);
    assert_int_equal(YD_OK, convert(&bed, "00 02 0503 0504", YD_V1, YD_V1));
    assert_hex("00 01 0504", &bed.out);
    static const char *const bad[] = {"00",
                                      "01",
                                      "01 05 02 0101",
                                      "00 01 05",
                                      "00 7f 05 06",
                                      "01 05 01 ffffffff0f 01 00",
                                      "00 01 05 ffffffff0f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(YD_EMALFORMED, convert(&bed, bad[i], YD_V1, YD_V2));
        assert_int_equal(0, bed.out.len);
    }
    assert_int_equal(YD_EUNSUPPORTED, convert(&bed, "0000", (enum yd_format)3, YD_V1));
    bed_end(&bed);
}

static yd_err restore(struct bed *bed, const char *hex)
{
    yd_slice bytes = hex_bytes(hex);
    yd_buf_clear(&bed->out);
    yd_err err =
        yd_snapshot_restore(bed->doc, (struct yd_snapshot){bytes, YD_V1}, YD_V1, &bed->out);
    hex_free(bytes);
    return err;
}

static void u117_the_past_is_restored(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, &(struct yd_doc_opts){.keep_deleted = true});
    bed_apply(&bed, "01 01 0500 04 0101 74 03 616263 00");
    bed_apply(&bed, "01 01 0503 84 0502 03 646566 01 05 01 00 02"); // ab goes, def comes
    assert_int_equal(YD_OK, restore(&bed, "00 01 05 03"));
    assert_hex("01 02 0500 04 0101 74 02 6162 84 0501 01 63 00", &bed.out);
    assert_int_equal(YD_OK, restore(&bed, "01 05 01 00 01 01 05 05"));
    assert_hex("01 02 0500 04 0101 74 02 6162 84 0501 03 636465 01 05 01 00 01", &bed.out);
    assert_int_equal(YD_OK, restore(&bed, "00 00"));
    assert_hex("0000", &bed.out);
    assert_int_equal(YD_ENOTFOUND, restore(&bed, "00 01 05 07"));
    assert_int_equal(YD_ENOTFOUND, restore(&bed, "00 01 06 01"));
    assert_int_equal(YD_EMALFORMED, restore(&bed, "00 01 05"));
    bed_end(&bed);
}

static void u117_a_pair_that_is_cut_stays_whole_in_the_document(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, &(struct yd_doc_opts){.keep_deleted = true});
    bed_apply(&bed, "01 01 0500 04 0101 74 06 61f09f988062 00");
    assert_int_equal(YD_OK, restore(&bed, "00 01 05 02"));
    assert_hex("01 01 0500 04 0101 74 04 61efbfbd 00", &bed.out);
    bed_state_is(&bed, "01 01 0500 04 0101 74 06 61f09f988062 00");
    bed_end(&bed);
}

static void u117_collected_content_cannot_be_restored(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    assert_int_equal(YD_ESTATE, restore(&bed, "0000"));
    bed_end(&bed);
}

static bool contains(struct bed *bed, const char *snapshot, const char *update)
{
    yd_slice s = hex_bytes(snapshot);
    yd_slice u = hex_bytes(update);
    bool is = false;
    assert_int_equal(YD_OK, yd_snapshot_contains((struct yd_snapshot){s, YD_V1},
                                                 (struct yd_update){u, YD_V1},
                                                 heap_alloc(&bed->heap), &is));
    hex_free(s);
    hex_free(u);
    return is;
}

static void u118_a_snapshot_contains_an_update(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    const char *abc = "01 01 0500 04 0101 74 03 616263 00";
    assert_true(contains(&bed, "00 01 0503", abc));
    assert_false(contains(&bed, "00 01 0502", abc));
    assert_false(contains(&bed, "00 01 0603", abc));
    assert_false(contains(&bed, "0000", abc));
    assert_true(contains(&bed, "0000", "0000"));
    assert_true(contains(&bed, "01 05 01 0003 01 0503", "00 01 05 02 0001 0201"));
    assert_false(contains(&bed, "01 05 01 0003 01 0503", "00 01 05 01 0204"));
    assert_false(contains(&bed, "00 01 0503", "00 01 05 01 0001"));
    assert_false(contains(&bed, "01 05 02 0001 0101 01 0503", "0000")); // ranges that touch
    bed_end(&bed);
}

static void u118_snapshots_are_equal_or_not(void **state)
{
    (void)state;
    struct bed bed;
    bool equal;
    bed_begin(&bed, NULL);
    yd_slice a = hex_bytes("01 05 01 0001 02 0503 0401");
    yd_slice b = hex_bytes("01 05 01 0000 02 0401 0503"); // in V2, in another order
    yd_slice c = hex_bytes("01 05 01 0001 01 0503");
    yd_alloc alloc = heap_alloc(&bed.heap);
    struct yd_snapshot of_a = {a, YD_V1};
    assert_int_equal(YD_OK, yd_snapshot_equal(of_a, (struct yd_snapshot){b, YD_V2}, alloc, &equal));
    assert_true(equal);
    assert_int_equal(YD_OK, yd_snapshot_equal(of_a, (struct yd_snapshot){c, YD_V1}, alloc, &equal));
    assert_false(equal);
    hex_free(a);
    hex_free(b);
    hex_free(c);
    bed_end(&bed);
}

/* ---- what is in an update */

struct seen {
    char text[512];
    uint64_t stop_after;
};

static yd_err see_struct(void *ctx, const struct yd_struct *s)
{
    struct seen *seen = ctx;
    size_t n = strlen(seen->text);
    snprintf(seen->text + n, sizeof seen->text - n, "%d.%u+%u %s%s%s%.*s%s%.*s; ",
             (int)s->id.client, s->id.clock, s->len, yd_content_name(s->content),
             s->has_origin ? " o" : "", s->has_right_origin ? " r" : "",
             s->is_root ? (int)s->root.len : 0, (const char *)s->root.ptr,
             s->has_parent && !s->is_root ? " p" : "", s->has_key ? (int)s->key.len : 0,
             (const char *)s->key.ptr);
    return --seen->stop_after == 0 ? YD_EUNSUPPORTED : YD_OK;
}

static yd_err see_deleted(void *ctx, const struct yd_deleted *range)
{
    struct seen *seen = ctx;
    size_t n = strlen(seen->text);
    snprintf(seen->text + n, sizeof seen->text - n, "-%d.%u+%u; ", (int)range->id.client,
             range->id.clock, range->len);
    return YD_OK;
}

static yd_err parse(struct bed *bed, const char *hex, enum yd_format format, struct seen *seen,
                    struct yd_parsed *parsed)
{
    yd_slice bytes = hex_bytes(hex);
    struct yd_visitor visitor = {see_struct, see_deleted, seen};
    yd_err err = yd_update_parse((struct yd_update){bytes, format}, heap_alloc(&bed->heap),
                                 seen != NULL ? &visitor : NULL, parsed);
    hex_free(bytes);
    return err;
}

static void u119_an_update_is_listed(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_parsed parsed;
    struct seen seen = {"", 0};
    bed_begin(&bed, NULL);
    const char *update = "02 02 0900 27 0101 6d 01 6b 00 00 03 03 0500 04 0101 74 03 616263 "
                         "0a 02 c6 0502 0500 01 62 01 31 01 05 02 0001 0201";
    assert_int_equal(YD_OK, parse(&bed, update, YD_V1, &seen, &parsed));
    assert_string_equal("9.0+1 Typemk; 9.1+3 GC; 5.0+3 Stringt; 5.3+2 Skip; 5.5+1 Format o r; "
                        "-5.0+1; -5.2+1; ",
                        seen.text);
    assert_int_equal(2, parsed.sections);
    assert_int_equal(5, parsed.structs);
    assert_int_equal(2, parsed.ranges);
    assert_int_equal(2, parsed.deleted);
    assert_int_equal(3, parsed.contents[YD_CONTENT_STRING].clocks);
    assert_int_equal(3, parsed.contents[YD_CONTENT_STRING].bytes);
    assert_int_equal(1, parsed.contents[YD_CONTENT_GC].structs);
    assert_false(parsed.lost);
    assert_int_equal(YD_OK, parse(&bed, update, YD_V1, NULL, &parsed));
    assert_int_equal(5, parsed.structs);
    seen = (struct seen){"", 1};
    assert_int_equal(YD_EUNSUPPORTED, parse(&bed, update, YD_V1, &seen, &parsed));
    assert_string_equal("?", yd_content_name((enum yd_content)11));
    bed_end(&bed);
}

static void u119_the_first_bad_byte_is_named(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_parsed parsed;
    bed_begin(&bed, NULL);
    assert_int_equal(YD_EMALFORMED,
                     parse(&bed, "01 01 0500 04 0101 74 01 ff 00", YD_V1, NULL, &parsed));
    assert_int_equal(8, parsed.error_at);
    // Content of a later version of the format: a move, and a type that is a link.
    assert_int_equal(YD_EMALFORMED,
                     parse(&bed, "01 01 0500 0b 0101 74 00 00", YD_V1, NULL, &parsed));
    assert_int_equal(4, parsed.error_at);
    assert_int_equal(YD_EMALFORMED,
                     parse(&bed, "01 01 0500 07 0101 74 07 00", YD_V1, NULL, &parsed));
    assert_int_equal(8, parsed.error_at);
    assert_int_equal(YD_EMALFORMED, parse(&bed, "00 00 00", YD_V2, NULL, &parsed));
    assert_int_equal(3, parsed.error_at);
    assert_int_equal(YD_EUNSUPPORTED, parse(&bed, "0000", (enum yd_format)7, NULL, &parsed));
    bed_end(&bed);
}

/* ---- types anywhere */

static void u120_a_type_is_read_wherever_it_is(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_shared shared;
    struct yd_element element;
    bed_begin(&bed, NULL);
    // Array a: a map with k = 1 and a text "hi", then 7 and a string's worth of units.
    bed_apply(&bed, "01 06 0500 07 0101 61 01 28 00 0500 01 6b 01 7d01 27 00 0500 01 74 02 "
                    "04 00 0502 02 6869 88 0500 01 7d07 84 0505 04 f09f9880 00");
    assert_int_equal(YD_OK, yd_shared_look(bed.doc, &YD_ROOT("a"), &shared));
    assert_int_equal(YD_KIND_ROOT, shared.kind);
    assert_int_equal(4, shared.length);
    assert_int_equal(YD_OK, yd_shared_at(bed.doc, &YD_ROOT("a"), 0, 0, &bed.out, &element));
    assert_true(element.is_type);
    assert_int_equal(YD_KIND_MAP, element.kind);
    struct yd_type_ref map = element.type;
    assert_int_equal(YD_OK, yd_shared_look(bed.doc, &map, &shared));
    assert_int_equal(2, shared.keys);
    assert_false(shared.deleted);
    assert_int_equal(YD_OK, yd_shared_get(bed.doc, &map, YD_LITERAL("k"), 0, &bed.out, &element));
    assert_hex("31", &bed.out);
    assert_int_equal(YD_ENOTFOUND,
                     yd_shared_get(bed.doc, &map, YD_LITERAL("x"), 0, &bed.out, &element));
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_shared_keys(bed.doc, &map, &bed.out));
    assert_hex("5b 226b22 2c 227422 5d", &bed.out);
    assert_int_equal(YD_OK, yd_shared_get(bed.doc, &map, YD_LITERAL("t"), 0, &bed.out, &element));
    assert_int_equal(YD_KIND_TEXT, element.kind);
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_shared_delta(bed.doc, &element.type, 0, &bed.out));
    assert_int_equal(YD_OK, yd_shared_json(bed.doc, &map, YD_ROOT_MAP, 0, &bed.out));
    assert_hex("5b7b22696e73657274223a226869227d5d 7b226b223a312c2274223a226869227d", &bed.out);
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_shared_at(bed.doc, &YD_ROOT("a"), 1, 0, &bed.out, &element));
    assert_int_equal(YD_OK, yd_shared_at(bed.doc, &YD_ROOT("a"), 3, 0, &bed.out, &element));
    assert_hex("37 225c756465303022", &bed.out); // 7, and half a pair
    assert_int_equal(YD_ENOTFOUND, yd_shared_at(bed.doc, &YD_ROOT("a"), 4, 0, &bed.out, &element));
    assert_int_equal(YD_ENOTFOUND,
                     yd_shared_at(bed.doc, &YD_ROOT("none"), 0, 0, &bed.out, &element));
    struct yd_type_ref nowhere = {.nested = true, .name = YD_EMPTY, .client = 5, .clock = 5};
    assert_int_equal(YD_ENOTFOUND, yd_shared_look(bed.doc, &nowhere, &shared));
    bed_end(&bed);
}

static void u120_a_deleted_type_that_is_kept_says_so(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_shared shared;
    struct yd_type_ref map = {.nested = true, .name = YD_EMPTY, .client = 5, .clock = 0};
    bed_begin(&bed, &(struct yd_doc_opts){.keep_deleted = true});
    bed_apply(&bed, "01 01 0500 07 0101 61 01 01 05 01 0001");
    assert_int_equal(YD_OK, yd_shared_look(bed.doc, &map, &shared));
    assert_true(shared.deleted);
    bed_end(&bed);
}

static yd_err subdoc_see(void *ctx, const struct yd_subdoc *subdoc)
{
    struct yd_buf *out = ctx;
    yd_err err = yd_buf_append(out, subdoc->guid);
    if (err == YD_OK) err = yd_buf_append(out, subdoc->options);
    if (err == YD_OK) err = yd_buf_u8(out, (uint8_t)subdoc->clock);
    return err == YD_OK ? yd_buf_append(out, subdoc->parent.name) : err;
}

static void u120_subdocuments_are_listed(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    // k in map m, then one in array a that goes again; options as they came.
    bed_apply(&bed, "01 02 0500 29 0101 6d 01 6b 01 67 76 01 02 6763 79 09 0101 61 01 68 7600 00");
    assert_int_equal(YD_OK, yd_doc_subdocs(bed.doc, subdoc_see, &bed.out));
    assert_hex("67 7601026763 79 00 6d 68 7600 01 61", &bed.out);
    bed_apply(&bed, "00 01 05 01 0101");
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_doc_subdocs(bed.doc, subdoc_see, &bed.out));
    assert_hex("67 7601026763 79 00 6d", &bed.out);
    bed_state_is(&bed,
                 "01 02 0500 29 0101 6d 01 6b 01 67 76 01 02 6763 79 01 0101 61 01 01 05 01 0101");
    bed_end(&bed);
}

/* ---- memory */

static yd_err play(struct heap *heap, struct yd_doc *doc, struct yd_buf *out)
{
    yd_slice update = hex_bytes("02 01 0700 84 0502 01 7a 01 0500 04 0101 74 06 616263646566 "
                                "01 05 01 0102");
    yd_slice past = hex_bytes("01 05 01 0001 01 05 03");
    struct yd_snapshot snapshot = {past, YD_V1};
    struct yd_update whole = {update, YD_V1};
    struct yd_parsed parsed;
    bool is;
    yd_err err = yd_doc_apply(doc, update, YD_V1, NULL);
    if (err == YD_OK) err = yd_snapshot_encode(doc, YD_V2, out);
    if (err == YD_OK) err = yd_snapshot_convert(snapshot, YD_V2, out);
    if (err == YD_OK) err = yd_snapshot_restore(doc, snapshot, YD_V2, out);
    if (err == YD_OK) err = yd_snapshot_equal(snapshot, snapshot, heap_alloc(heap), &is);
    if (err == YD_OK) err = yd_snapshot_contains(snapshot, whole, heap_alloc(heap), &is);
    if (err == YD_OK) err = yd_update_parse(whole, heap_alloc(heap), NULL, &parsed);
    hex_free(update);
    hex_free(past);
    return err;
}

static void u70_memory_may_run_out_in_all_of_it(void **state)
{
    (void)state;
    yd_err err = YD_ENOMEM;
    uint64_t refused = 0;
    bool reached = true;
    for (uint64_t refuse_at = 1; reached; refuse_at++) {
        struct heap heap = {.refuse_at = refuse_at};
        struct yd_doc *doc = NULL;
        struct yd_buf out;
        struct yd_doc_opts opts = {.note_changes = true, .keep_deleted = true};
        yd_buf_init(&out, heap_alloc(&heap), (size_t)1 << 20);
        err = yd_doc_new(heap_alloc(&heap), &opts, &doc);
        if (err == YD_OK) err = play(&heap, doc, &out);
        if (err == YD_ENOMEM) refused++;
        if (err != YD_ENOMEM) assert_int_equal(YD_OK, err); // some can be done without
        reached = heap.requests >= refuse_at;
        yd_buf_deinit(&out);
        yd_doc_free(doc);
        assert_int_equal(0, heap.live_bytes);
    }
    assert_int_equal(YD_OK, err);
    assert_true(refused > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u115_a_list_says_what_came_and_went),
        cmocka_unit_test(u115_a_key_is_added_updated_deleted),
        cmocka_unit_test(u115_what_is_new_is_part_of_what_it_is_in),
        cmocka_unit_test(u115_nothing_is_noted_unasked),
        cmocka_unit_test(u116_snapshots_in_both_formats),
        cmocka_unit_test(u117_the_past_is_restored),
        cmocka_unit_test(u117_a_pair_that_is_cut_stays_whole_in_the_document),
        cmocka_unit_test(u117_collected_content_cannot_be_restored),
        cmocka_unit_test(u118_a_snapshot_contains_an_update),
        cmocka_unit_test(u118_snapshots_are_equal_or_not),
        cmocka_unit_test(u119_an_update_is_listed),
        cmocka_unit_test(u119_the_first_bad_byte_is_named),
        cmocka_unit_test(u120_a_type_is_read_wherever_it_is),
        cmocka_unit_test(u120_a_deleted_type_that_is_kept_says_so),
        cmocka_unit_test(u120_subdocuments_are_listed),
        cmocka_unit_test(u70_memory_may_run_out_in_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
