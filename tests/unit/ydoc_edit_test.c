/* ydoc_edit_test.c - changes made here (docs/encoding.md U100 to U114).
 *
 * The bytes are those that Yjs 13.6 sends; more of them are in tests/vectors and
 * tests/differential. */
#include "unit/ydoc_test.h"

#include "ydoc/edit.h"
#include "ydoc/shared.h"

#define TEXT YD_ROOT("t")
#define LIST YD_ROOT("a")
#define MAP  YD_ROOT("m")

static yd_slice text_of(const char *text)
{
    return (yd_slice){(const uint8_t *)text, strlen(text)};
}

static struct yd_value json(const char *text)
{
    return (struct yd_value){.kind = YD_VALUE_JSON, .bytes = text_of(text), .options = YD_EMPTY};
}

static struct yd_value new_type(enum yd_kind kind)
{
    return (struct yd_value){
        .kind = YD_VALUE_TYPE, .type = kind, .bytes = YD_EMPTY, .options = YD_EMPTY};
}

static void begin(struct bed *bed) { assert_int_equal(YD_OK, yd_edit_begin(bed->doc, 42)); }

static void commit(struct bed *bed)
{
    assert_int_equal(YD_OK, yd_edit_commit(bed->doc, NULL));
    yd_doc_check(bed->doc);
}

static void insert(struct bed *bed, uint64_t index, const char *text)
{
    begin(bed);
    assert_int_equal(YD_OK, yd_edit_text_insert(bed->doc, &TEXT, index, text_of(text), NULL));
    commit(bed);
}

static void erase(struct bed *bed, uint64_t index, uint64_t length)
{
    begin(bed);
    assert_int_equal(YD_OK, yd_edit_text_delete(bed->doc, &TEXT, index, length));
    commit(bed);
}

static void insert_marked(struct bed *bed, uint64_t index, const char *text, const char *key,
                          const char *value)
{
    struct yd_attr attr = {text_of(key), json(value)};
    struct yd_attrs attrs = {&attr, 1};
    begin(bed);
    assert_int_equal(YD_OK, yd_edit_text_insert(bed->doc, &TEXT, index, text_of(text), &attrs));
    commit(bed);
}

static void format(struct bed *bed, uint64_t index, uint64_t length, const char *key,
                   const char *value)
{
    struct yd_attr attr = {text_of(key), json(value)};
    struct yd_attrs attrs = {&attr, 1};
    begin(bed);
    assert_int_equal(YD_OK, yd_edit_text_format(bed->doc, &TEXT, index, length, &attrs));
    commit(bed);
}

static void push(struct bed *bed, const char *value)
{
    struct yd_value v = json(value);
    begin(bed);
    assert_int_equal(YD_OK, yd_edit_list_push(bed->doc, &LIST, &v, 1));
    commit(bed);
}

static void delta_is(struct bed *bed, const char *want)
{
    yd_buf_clear(&bed->out);
    assert_int_equal(YD_OK, yd_doc_delta(bed->doc, YD_LITERAL("t"), YD_JSON_PLAIN, &bed->out));
    assert_int_equal(YD_OK, yd_buf_u8(&bed->out, 0));
    assert_string_equal(want, (const char *)bed->out.ptr);
}

static void u100_a_transaction_is_one_update(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_applied applied;
    bed_begin(&bed, NULL);
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_text_insert(bed.doc, &TEXT, 0, YD_LITERAL("hello"), NULL));
    assert_int_equal(YD_OK, yd_edit_text_insert(bed.doc, &TEXT, 5, YD_LITERAL(" you"), NULL));
    assert_int_equal(YD_OK, yd_edit_commit(bed.doc, &applied));
    assert_true(applied.changed);
    bed_last_is(&bed, "01 01 2a00 04 0101 74 09 68656c6c6f20796f75 00");
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_commit(bed.doc, &applied));
    assert_false(applied.changed);
    bed_last_is(&bed, "");
    bed_end(&bed);
}

static void u100_an_open_transaction_takes_no_updates(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    assert_int_equal(YD_ESTATE, yd_edit_commit(bed.doc, NULL));
    assert_int_equal(YD_ESTATE, yd_edit_text_delete(bed.doc, &TEXT, 0, 1));
    assert_int_equal(YD_ETOOBIG, yd_edit_begin(bed.doc, (uint64_t)1 << 53));
    begin(&bed);
    assert_int_equal(YD_ESTATE, yd_edit_begin(bed.doc, 42));
    assert_int_equal(YD_ESTATE, apply_hex(bed.doc, "0000", NULL));
    assert_int_equal(YD_ESTATE, yd_doc_last_update(bed.doc, YD_V1, &bed.out));
    commit(&bed);
    assert_int_equal(YD_OK, apply_hex(bed.doc, "0000", NULL));
    bed_end(&bed);
}

/* Every call with something wrong; the transaction that holds them all is empty. */
static void u101_a_refused_edit_changes_nothing(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01020500 04010174026162 08010161027d017d02 00");
    struct yd_type_ref nowhere = {.nested = true, .name = YD_EMPTY, .client = 5, .clock = 0};
    struct yd_value bad = json("{");
    struct yd_value good = json("1");
    struct yd_value bytes = {.kind = YD_VALUE_BYTES, .bytes = YD_LITERAL("x")};
    struct yd_value no_type = {.kind = YD_VALUE_TYPE, .type = (enum yd_kind)7, .bytes = YD_EMPTY};
    struct yd_value two[2] = {good, bad};
    struct yd_attr twice[2] = {{YD_LITERAL("b"), good}, {YD_LITERAL("b"), good}};
    struct yd_attrs attrs = {twice, 2};
    struct yd_attr wrong = {YD_LITERAL("b"), bytes};
    struct yd_attrs bad_attrs = {&wrong, 1};
    yd_slice no_text = YD_LITERAL("\xff");
    begin(&bed);
    assert_int_equal(YD_ENOTFOUND, yd_edit_text_insert(bed.doc, &nowhere, 0, no_text, NULL));
    assert_int_equal(YD_EMALFORMED, yd_edit_text_insert(bed.doc, &TEXT, 1, no_text, NULL));
    assert_int_equal(YD_EMALFORMED,
                     yd_edit_text_insert(bed.doc, &TEXT, 1, YD_LITERAL("x"), &attrs));
    assert_int_equal(YD_EMALFORMED, yd_edit_text_format(bed.doc, &TEXT, 1, 1, &bad_attrs));
    assert_int_equal(YD_ETOOBIG, yd_edit_text_format(bed.doc, &TEXT, 1, (uint64_t)1 << 40, NULL));
    assert_int_equal(YD_EMALFORMED, yd_edit_text_embed(bed.doc, &TEXT, 1, &bytes, NULL));
    assert_int_equal(YD_EMALFORMED, yd_edit_text_embed(bed.doc, &TEXT, 1, &bad, NULL));
    assert_int_equal(YD_EMALFORMED, yd_edit_list_insert(bed.doc, &LIST, 1, two, 2));
    assert_int_equal(YD_EMALFORMED, yd_edit_list_push(bed.doc, &LIST, &no_type, 1));
    assert_int_equal(YD_ENOTFOUND, yd_edit_list_insert(bed.doc, &LIST, 3, &good, 1));
    assert_int_equal(YD_ENOTFOUND, yd_edit_list_delete(bed.doc, &LIST, 1, 2));
    assert_int_equal(YD_ENOTFOUND, yd_edit_list_delete(bed.doc, &LIST, 3, 1));
    assert_int_equal(YD_EMALFORMED, yd_edit_map_set(bed.doc, &MAP, YD_LITERAL("\xff"), &good));
    assert_int_equal(YD_EMALFORMED, yd_edit_map_set(bed.doc, &MAP, YD_LITERAL("k"), &bad));
    struct yd_delta_op ops[2] = {
        {.kind = YD_DELTA_INSERT, .text = YD_LITERAL("good")},
        {.kind = YD_DELTA_INSERT, .text = no_text},
    };
    assert_int_equal(YD_EMALFORMED, yd_edit_text_delta(bed.doc, &TEXT, ops, 2));
    commit(&bed);
    bed_last_is(&bed, "");
    bed_state_is(&bed, "01020500 04010174026162 08010161027d017d02 00");
    bed_end(&bed);
}

static void u101_a_full_document_refuses_edits(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_doc_opts opts = {.doc_bytes_max = 24 << 10};
    bed_begin(&bed, &opts);
    yd_err err = YD_OK;
    for (int i = 0; i < 10000 && err == YD_OK; i++) {
        begin(&bed);
        err = yd_edit_text_insert(bed.doc, &TEXT, 0, YD_LITERAL("some more text"), NULL);
        commit(&bed);
    }
    assert_int_equal(YD_ETOOBIG, err);
    assert_true(yd_doc_stats(bed.doc).bytes <= opts.doc_bytes_max);
    bed_end(&bed);
}

static void u102_neighbours_are_those_in_the_list(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    insert(&bed, 0, "abc");
    insert(&bed, 1, "X");
    bed_last_is(&bed, "01 01 2a03 c4 2a00 2a01 01 58 00");
    erase(&bed, 2, 1);
    insert(&bed, 2, "Y"); // behind the deleted b
    bed_last_is(&bed, "01 01 2a04 c4 2a01 2a02 01 59 00");
    insert(&bed, 4, "d"); // at the end
    bed_last_is(&bed, "01 01 2a05 84 2a02 01 64 00");
    bed_end(&bed);
}

static void u103_deletes_that_waited_for_own_clocks_take_effect(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "00 01 2a 01 01 01"); // clock 1 of client 42
    assert_true(yd_doc_pending(bed.doc).deletes);
    insert(&bed, 0, "abc");
    assert_false(yd_doc_pending(bed.doc).deletes);
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"ac\"");
    insert(&bed, 1, "X"); // what was remembered is right again
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"aXc\"");
    bed_end(&bed);
}

static void u103_structs_that_waited_for_own_clocks_go_on(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01 01 0700 84 2a02 01 5a 00"); // behind clock 2 of client 42
    assert_true(yd_doc_pending(bed.doc).structs);
    insert(&bed, 0, "abc");
    assert_true(yd_doc_pending(bed.doc).structs);
    bed_apply(&bed, "0000");
    assert_false(yd_doc_pending(bed.doc).structs);
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"abcZ\"");
    bed_end(&bed);
}

static void u104_plain_values_are_one_item(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    struct yd_value values[] = {
        json("1"),
        json("\"two\""),
        {.kind = YD_VALUE_ANY, .bytes = YD_LITERAL("\x7f")},
        {.kind = YD_VALUE_BYTES, .bytes = YD_LITERAL("\xff")},
        json("null"),
        {.kind = YD_VALUE_DOC, .bytes = YD_LITERAL("guid"), .options = YD_EMPTY},
    };
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_list_insert(bed.doc, &LIST, 0, values, 6));
    commit(&bed);
    bed_last_is(&bed, "01 04 2a00 08 0101 61 03 7d01 770374776f 7f 83 2a02 01 ff 88 2a03 01 7e "
                      "89 2a04 04 67756964 7600 00");
    bed_end(&bed);
}

static void u105_a_cut_pair_is_lost(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    insert(&bed, 0,
           "a\xf0\x9f\x98\x80"
           "b");
    insert(&bed, 2, "X");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN,
                "\"a\xef\xbf\xbdX\xef\xbf\xbd"
                "b\"");
    bed_end(&bed);
}

static void u105_marks_and_deleted_items_stay_to_the_right(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    insert_marked(&bed, 0, "ab", "b", "1"); // clock 0 opens, 3 closes
    insert(&bed, 2, "c");                   // before the mark that closes: takes it over
    bed_last_is(&bed, "01 01 2a04 c4 2a02 2a03 01 63 00");
    delta_is(&bed, "[{\"insert\":\"abc\",\"attributes\":{\"b\":1}}]");
    bed_end(&bed);
}

static void u106_marks_go_in_the_order_of_javascript(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    struct yd_attr list[] = {
        {YD_LITERAL("b"), json("1")}, {YD_LITERAL("10"), json("1")}, {YD_LITERAL("9"), json("1")}};
    struct yd_attrs attrs = {list, 3};
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_text_insert(bed.doc, &TEXT, 0, YD_LITERAL("x"), &attrs));
    commit(&bed);
    bed_last_is(&bed, "01 07 2a00 06 0101 74 01 39 01 31 86 2a00 02 3130 01 31 86 2a01 01 62 01 31 "
                      "84 2a02 01 78 86 2a03 01 39 04 6e756c6c 86 2a04 02 3130 04 6e756c6c "
                      "86 2a05 01 62 04 6e756c6c 00");
    bed_end(&bed);
}

/* The mark behind "x" holds the object of the first one: in JavaScript they are the same, and the
 * second is deleted with what was between them. */
static void u107_a_mark_brought_back_is_the_same_object(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_attrs none = {NULL, 0};
    bed_begin(&bed, NULL);
    insert_marked(&bed, 0, "ab", "l", "{\"x\":{}}");
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_text_insert(bed.doc, &TEXT, 1, YD_LITERAL("x"), &none));
    commit(&bed);
    bed_last_is(&bed, "01 03 2a04 c6 2a01 2a02 01 6c 04 6e756c6c c4 2a04 2a02 01 78 "
                      "c6 2a05 2a02 01 6c 08 7b2278223a7b7d7d 00");
    erase(&bed, 1, 1); // x, and both marks around it
    bed_last_is(&bed, "00 01 2a 01 04 03");
    bed_end(&bed);
}

/* The same after loading: now they are two objects, and the second mark stays. */
static void u107_objects_that_arrived_are_never_the_same(void **state)
{
    (void)state;
    struct bed bed;
    struct bed loaded;
    struct yd_attrs none = {NULL, 0};
    bed_begin(&bed, NULL);
    bed_begin(&loaded, NULL);
    insert_marked(&bed, 0, "ab", "l", "{\"x\":{}}");
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_text_insert(bed.doc, &TEXT, 1, YD_LITERAL("x"), &none));
    commit(&bed);
    assert_int_equal(YD_OK, yd_doc_encode_state(bed.doc, YD_EMPTY, YD_V1, &bed.out));
    assert_int_equal(YD_OK, yd_doc_apply(loaded.doc, yd_buf_slice(&bed.out), YD_V1, NULL));
    erase(&loaded, 1, 1);
    bed_last_is(&loaded, "00 01 2a 01 04 02");
    bed_end(&loaded);
    bed_end(&bed);
}

static void u107_equal_objects_need_no_mark(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    insert_marked(&bed, 0, "ab", "l", "{\"x\":1,\"y\":\"z\"}");
    format(&bed, 0, 2, "l", "{ \"y\" : \"\\u007a\", \"x\" : 1.0 }");
    bed_last_is(&bed, "");
    format(&bed, 0, 2, "l", "{\"x\":{}}"); // members that are objects are never equal
    format(&bed, 0, 2, "l", "{\"x\":{}}");
    yd_buf_clear(&bed.out);
    assert_int_equal(YD_OK, yd_doc_last_update(bed.doc, YD_V1, &bed.out));
    assert_true(bed.out.len > 0);
    bed_end(&bed);
}

/* Steps of allocation-free work cannot be counted; what is remembered is checked by
 * yd_doc_check(), and the time of 20,000 keystrokes at the end of as many items would be seen. */
static void u108_places_are_remembered_right(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    for (uint32_t i = 0; i < 200; i++) insert(&bed, (i * 7919) % (i + 1), i % 2 == 0 ? "ab" : "c");
    for (uint32_t i = 0; i < 50; i++) erase(&bed, (i * 31) % 200, 2);
    bed_apply(&bed, "0101050044 2a00 01 5a 00"); // from elsewhere: nothing remembered holds
    insert(&bed, 100, "xyz");
    insert(&bed, 103, "!");
    format(&bed, 50, 10, "b", "true");
    for (uint32_t i = 0; i < 30; i++) insert(&bed, 45 + i, "m");
    erase(&bed, 48, 20);
    insert(&bed, 300, "end");
    bed_end(&bed);
}

/* A mark that the remembered unit has on is deleted with the text before it. */
static void u108_marks_of_a_remembered_place_may_go(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    insert_marked(&bed, 0, "a", "b", "true");
    insert(&bed, 0, "-");
    struct yd_attrs none = {NULL, 0};
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_text_insert(bed.doc, &TEXT, 2, YD_LITERAL("n"), &none));
    commit(&bed);
    insert_marked(&bed, 3, "Y", "b", "true");
    erase(&bed, 2, 1);
    erase(&bed, 1, 1);
    insert(&bed, 2, "z");
    delta_is(&bed, "[{\"insert\":\"-\"},{\"insert\":\"Yz\",\"attributes\":{\"b\":true}}]");
    bed_end(&bed);
}

static void u109_text_takes_marks_over_or_not(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_attrs none = {NULL, 0};
    struct yd_value image = json("{\"src\":\"x\"}");
    bed_begin(&bed, NULL);
    insert_marked(&bed, 0, "ab", "b", "true");
    insert(&bed, 1, "i");
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_text_insert(bed.doc, &TEXT, 2, YD_LITERAL("n"), &none));
    assert_int_equal(YD_OK, yd_edit_text_embed(bed.doc, &TEXT, 0, &image, NULL));
    commit(&bed);
    delta_is(&bed, "[{\"insert\":{\"src\":\"x\"}},{\"insert\":\"ai\",\"attributes\":{\"b\":true}},"
                   "{\"insert\":\"n\"},{\"insert\":\"b\",\"attributes\":{\"b\":true}}]");
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_text_insert(bed.doc, &TEXT, 3, YD_EMPTY, &none));
    commit(&bed);
    bed_last_is(&bed, "");
    bed_end(&bed);
}

static void u110_formatting_replaces_what_is_on(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    insert(&bed, 0, "abcdef");
    format(&bed, 1, 2, "b", "true");
    format(&bed, 2, 2, "b", "\"x\"");
    delta_is(&bed, "[{\"insert\":\"a\"},{\"insert\":\"b\",\"attributes\":{\"b\":true}},"
                   "{\"insert\":\"cd\",\"attributes\":{\"b\":\"x\"}},{\"insert\":\"ef\"}]");
    format(&bed, 0, 6, "b", "null");
    delta_is(&bed, "[{\"insert\":\"abcdef\"}]");
    format(&bed, 6, 3, "b", "true"); // at the end
    bed_last_is(&bed, "");
    format(&bed, 5, 3, "b", "true");
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"abcdef\\n\\n\"");
    bed_end(&bed);
}

static void u111_deleting_tidies_the_gap(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    insert(&bed, 0, "abc");
    format(&bed, 1, 1, "b", "true"); // clocks 3 and 4
    erase(&bed, 1, 1);               // b, and both marks: they change nothing any more
    bed_last_is(&bed, "00 01 2a 02 01 01 03 02");
    erase(&bed, 1, 99);
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"a\"");
    bed_end(&bed);
}

static void u112_a_delta_is_one_walk(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    insert(&bed, 0, "Gandalf the Grey");
    struct yd_attr bold = {YD_LITERAL("b"), json("true")};
    struct yd_delta_op ops[] = {
        {.kind = YD_DELTA_RETAIN, .length = 7, .attrs = {&bold, 1}},
        {.kind = YD_DELTA_RETAIN, .length = 5},
        {.kind = YD_DELTA_INSERT, .text = YD_LITERAL("White")},
        {.kind = YD_DELTA_DELETE, .length = 4},
        {.kind = YD_DELTA_EMBED, .value = json("{\"e\":1}"), .attrs = {&bold, 1}},
    };
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_text_delta(bed.doc, &TEXT, ops, 5));
    commit(&bed);
    delta_is(&bed, "[{\"insert\":\"Gandalf\",\"attributes\":{\"b\":true}},{\"insert\":\" the "
                   "White\"},{\"insert\":{\"e\":1},\"attributes\":{\"b\":true}}]");
    bed_end(&bed);
}

static void u112_tidying_deletes_marks_that_change_nothing(void **state)
{
    (void)state;
    struct bed bed;
    uint32_t removed;
    bed_begin(&bed, NULL);
    // Two authors made the same text bold, unaware of each other.
    bed_apply(&bed, "0101010004010174026162 00");
    bed_apply(&bed, "01020200 46 0100 01 62 01 31 86 0101 01 62 046e756c6c 00");
    bed_apply(&bed, "01020300 46 0100 01 62 01 31 86 0101 01 62 046e756c6c 00");
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_text_tidy(bed.doc, &TEXT, &removed));
    commit(&bed);
    assert_int_equal(1, removed);
    bed_last_is(&bed, "00 01 02 01 00 01");
    bed_end(&bed);
}

static void u113_lists(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    push(&bed, "1");
    push(&bed, "2");
    push(&bed, "3");
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_list_delete(bed.doc, &LIST, 1, 2));
    commit(&bed);
    bed_last_is(&bed, "00 01 2a 01 01 02");
    push(&bed, "4"); // behind the deleted ones
    bed_last_is(&bed, "01 01 2a03 88 2a02 01 7d04 00");
    struct yd_value five = json("5");
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_list_insert(bed.doc, &LIST, 1, &five, 1)); // before them
    commit(&bed);
    bed_last_is(&bed, "01 01 2a04 c8 2a00 2a01 01 7d05 00");
    bed_json_is(&bed, YD_ROOT_ARRAY, "a", YD_JSON_PLAIN, "[1,5,4]");
    bed_end(&bed);
}

static void u114_maps(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_value one = json("1");
    bed_begin(&bed, NULL);
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_map_set(bed.doc, &MAP, YD_LITERAL("k"), &one));
    assert_int_equal(YD_OK, yd_edit_map_delete(bed.doc, &MAP, YD_LITERAL("none")));
    commit(&bed);
    bed_last_is(&bed, "01 01 2a00 28 0101 6d 01 6b 01 7d01 00");
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_map_set(bed.doc, &MAP, YD_LITERAL("k"), &one));
    commit(&bed);
    bed_last_is(&bed, "01 01 2a01 a8 2a00 01 7d01 01 2a 01 00 01");
    begin(&bed);
    assert_int_equal(YD_OK, yd_edit_map_clear(bed.doc, &MAP));
    assert_int_equal(YD_OK, yd_edit_map_clear(bed.doc, &MAP));
    commit(&bed);
    bed_last_is(&bed, "00 01 2a 01 01 01");
    bed_end(&bed);
}

/* ---- types that are filled */

static yd_err fill_text(void *ctx, struct yd_doc *doc, const struct yd_type_ref *type)
{
    (void)ctx;
    assert_int_equal(YD_ESTATE, yd_edit_commit(doc, NULL));
    return yd_edit_text_insert(doc, type, 0, YD_LITERAL("in"), NULL);
}

static void u104_a_new_type_is_filled_at_once(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_type_ref made;
    struct yd_attr bold = {YD_LITERAL("b"), json("1")};
    struct yd_attrs attrs = {&bold, 1};
    struct yd_value text = new_type(YD_KIND_TEXT);
    text.fill = fill_text;
    bed_begin(&bed, NULL);
    begin(&bed);
    assert_int_equal(YD_ENOTFOUND, yd_edit_made(bed.doc, &made));
    assert_int_equal(YD_OK, yd_edit_text_embed(bed.doc, &TEXT, 0, &text, &attrs));
    assert_int_equal(YD_OK, yd_edit_made(bed.doc, &made));
    assert_int_equal(1, made.clock);
    commit(&bed);
    bed_last_is(&bed, "01 04 2a00 06 0101 74 01 62 01 31 87 2a00 02 04 00 2a01 02 696e "
                      "86 2a01 01 62 04 6e756c6c 00");
    bed_end(&bed);
}

/* ---- memory */

/* A bit of everything that allocates. */
static yd_err play(struct yd_doc *doc, struct yd_buf *out)
{
    struct yd_attr attr = {YD_LITERAL("l"), json("{\"x\":{}}")};
    struct yd_attr wild = {YD_LITERAL("w"),
                           {.kind = YD_VALUE_ANY, .bytes = YD_LITERAL("\x75\x01\x7f")}};
    struct yd_attrs attrs = {&attr, 1};
    struct yd_attrs wilds = {&wild, 1};
    struct yd_attrs none = {NULL, 0};
    struct yd_value text = new_type(YD_KIND_XML_TEXT);
    struct yd_value values[3] = {json("1"), text, json("[2]")};
    struct yd_delta_op ops[] = {{.kind = YD_DELTA_RETAIN, .length = 9, .attrs = attrs},
                                {.kind = YD_DELTA_EMBED, .value = json("{}")}};
    text.fill = fill_text;
    yd_err err = yd_edit_begin(doc, 42);
    if (err == YD_OK) err = yd_edit_text_insert(doc, &TEXT, 0, YD_LITERAL("abcdef"), &attrs);
    if (err == YD_OK) err = yd_edit_text_insert(doc, &TEXT, 3, YD_LITERAL("x"), &none);
    if (err == YD_OK) err = yd_edit_text_format(doc, &TEXT, 1, 4, &wilds);
    if (err == YD_OK) err = yd_edit_text_delete(doc, &TEXT, 2, 3);
    if (err == YD_OK) err = yd_edit_text_delta(doc, &TEXT, ops, 2);
    if (err == YD_OK) err = yd_edit_list_insert(doc, &LIST, 0, values, 3);
    if (err == YD_OK) err = yd_edit_list_delete(doc, &LIST, 0, 2);
    if (err == YD_OK) err = yd_edit_map_set(doc, &MAP, YD_LITERAL("k"), &values[2]);
    if (err == YD_OK) err = yd_edit_commit(doc, NULL);
    if (err == YD_OK) err = yd_doc_last_update(doc, YD_V2, out);
    if (err == YD_OK) err = yd_edit_begin(doc, 7);
    if (err == YD_OK) err = yd_edit_text_tidy(doc, &TEXT, NULL);
    if (err == YD_OK) err = yd_edit_commit(doc, NULL);
    return err;
}

static void u70_memory_may_run_out_in_any_edit(void **state)
{
    (void)state;
    yd_err err = YD_ENOMEM;
    uint64_t refused = 0;
    bool reached = true;
    for (uint64_t refuse_at = 1; reached; refuse_at++) {
        struct heap heap = {.refuse_at = refuse_at};
        struct yd_doc *doc = NULL;
        struct yd_buf out;
        struct yd_doc_opts opts = {.note_changes = true};
        yd_buf_init(&out, heap_alloc(&heap), (size_t)1 << 20);
        err = yd_doc_new(heap_alloc(&heap), &opts, &doc);
        if (err == YD_OK) err = play(doc, &out);
        if (err == YD_ENOMEM) refused++;
        if (err != YD_ENOMEM) assert_int_equal(YD_OK, err); // some can be done without
        reached = heap.requests >= refuse_at;
        yd_buf_deinit(&out);
        yd_doc_free(doc);
        assert_int_equal(0, heap.live_bytes);
    }
    assert_int_equal(YD_OK, err);
    assert_true(refused > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u100_a_transaction_is_one_update),
        cmocka_unit_test(u100_an_open_transaction_takes_no_updates),
        cmocka_unit_test(u101_a_refused_edit_changes_nothing),
        cmocka_unit_test(u101_a_full_document_refuses_edits),
        cmocka_unit_test(u102_neighbours_are_those_in_the_list),
        cmocka_unit_test(u103_deletes_that_waited_for_own_clocks_take_effect),
        cmocka_unit_test(u103_structs_that_waited_for_own_clocks_go_on),
        cmocka_unit_test(u104_plain_values_are_one_item),
        cmocka_unit_test(u104_a_new_type_is_filled_at_once),
        cmocka_unit_test(u105_a_cut_pair_is_lost),
        cmocka_unit_test(u105_marks_and_deleted_items_stay_to_the_right),
        cmocka_unit_test(u106_marks_go_in_the_order_of_javascript),
        cmocka_unit_test(u107_a_mark_brought_back_is_the_same_object),
        cmocka_unit_test(u107_objects_that_arrived_are_never_the_same),
        cmocka_unit_test(u107_equal_objects_need_no_mark),
        cmocka_unit_test(u108_places_are_remembered_right),
        cmocka_unit_test(u108_marks_of_a_remembered_place_may_go),
        cmocka_unit_test(u109_text_takes_marks_over_or_not),
        cmocka_unit_test(u110_formatting_replaces_what_is_on),
        cmocka_unit_test(u111_deleting_tidies_the_gap),
        cmocka_unit_test(u112_a_delta_is_one_walk),
        cmocka_unit_test(u112_tidying_deletes_marks_that_change_nothing),
        cmocka_unit_test(u113_lists),
        cmocka_unit_test(u114_maps),
        cmocka_unit_test(u70_memory_may_run_out_in_any_edit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
