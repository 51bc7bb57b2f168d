/* ydoc_scarce_test.c - calls that meet an allocator that says no, one at a time and in documents
 * made for them (docs/encoding.md U70). What takes memory only in a rare shape of the document is
 * here; ydoc_refused_test.c plays everything in one document. `make coverage` builds it so that
 * each element more asks for memory. */
#include "unit/ydoc_test.h"
#include "ydoc/cold.h"
#include "ydoc/edit.h"
#include "ydoc/export.h"
#include "ydoc/parts.h"
#include "ydoc/shared.h"
#include "ydoc/snapshot.h"

#define TEXT YD_ROOT("t")

struct stage {
    struct heap heap;
    struct yd_doc *doc;
    struct yd_buf out;
};

/* What is there before, and the call that is refused memory; the last update of the list is that
 * call where there is no other. */
struct scene {
    const char *name;
    bool keep_deleted;
    const char *updates[5];
    yd_err (*call)(struct stage *stage);
};

static yd_err scene_begin(const struct scene *scene, struct stage *stage, const char **last)
{
    struct yd_doc_opts opts = {.keep_deleted = scene->keep_deleted};
    yd_err err = yd_doc_new(heap_alloc(&stage->heap), &opts, &stage->doc);
    *last = NULL;
    for (size_t i = 0; err == YD_OK && i < 5 && scene->updates[i] != NULL; i++) {
        bool is_last = i == 4 || scene->updates[i + 1] == NULL;
        if (is_last && scene->call == NULL) *last = scene->updates[i];
        if (*last == NULL) err = apply_hex(stage->doc, scene->updates[i], NULL);
    }
    yd_buf_init(&stage->out, heap_alloc(&stage->heap), (size_t)1 << 20);
    return err;
}

/* Request number nth of the call is refused. Returns whether there was one. */
static bool scene_play(const struct scene *scene, uint64_t nth, uint64_t *refused)
{
    struct stage stage = {.doc = NULL};
    const char *last;
    if (scene_begin(scene, &stage, &last) != YD_OK) fail_msg("%s", scene->name);
    stage.heap.refuse_at = stage.heap.requests + nth;
    yd_slice update = hex_bytes(last != NULL ? last : "");
    yd_err err = last != NULL ? yd_doc_apply(stage.doc, update, YD_V1, NULL) : scene->call(&stage);
    bool reached = stage.heap.requests >= stage.heap.refuse_at;
    if (err != YD_OK && (err != YD_ENOMEM || !reached)) fail_msg("%s: %d", scene->name, err);
    if (err != YD_OK) ++*refused;
    stage.heap.refuse_at = 0;
    if (err == YD_OK) yd_doc_check(stage.doc);
    hex_free(update);
    yd_buf_deinit(&stage.out);
    yd_doc_free(stage.doc);
    assert_int_equal(0, stage.heap.live_bytes);
    return reached;
}

/* ---- calls */

static yd_err state_v2(struct stage *s)
{
    return yd_doc_encode_state(s->doc, YD_EMPTY, YD_V2, &s->out);
}

/* Of client 5 from its second clock on. */
static yd_err rest_v2(struct stage *s)
{
    return yd_doc_encode_state(s->doc, YD_LITERAL("\1\5\2"), YD_V2, &s->out);
}

/* Nothing but deletes. */
static yd_err deletes_of_state(struct stage *s)
{
    return yd_doc_encode_state(s->doc, YD_LITERAL("\1\5\6"), YD_V1, &s->out);
}

static yd_err last_update(struct stage *s) { return yd_doc_last_update(s->doc, YD_V1, &s->out); }

static yd_err deletes_but_some(struct stage *s)
{
    return yd_doc_encode_deletes(s->doc, YD_LITERAL("\0\1\5\1\3\1"), &s->out);
}

static yd_err first_two_units(struct stage *s)
{
    struct yd_snapshot snapshot = {YD_LITERAL("\0\1\5\2"), YD_V1};
    return yd_snapshot_restore(s->doc, snapshot, YD_V1, &s->out);
}

static yd_err checked(struct stage *s)
{
    yd_doc_check(s->doc); // what it has no memory for is not checked
    return YD_OK;
}

static yd_err xml_text(struct stage *s)
{
    return yd_doc_json(s->doc, YD_ROOT_XML, YD_LITERAL("t"), YD_JSON_PLAIN, &s->out);
}

/* A transaction of one edit. */
static yd_err edited(struct stage *s, yd_err (*edit)(struct yd_doc *doc))
{
    yd_err err = yd_edit_begin(s->doc, 12);
    if (err == YD_OK) err = edit(s->doc);
    return err == YD_OK ? yd_edit_commit(s->doc, NULL) : err;
}

static struct yd_value json(const char *text)
{
    return (struct yd_value){.kind = YD_VALUE_JSON, .bytes = {(const uint8_t *)text, strlen(text)}};
}

static yd_err delete_middle(struct yd_doc *doc) { return yd_edit_list_delete(doc, &TEXT, 2, 2); }

static yd_err insert_middle(struct yd_doc *doc)
{
    return yd_edit_text_insert(doc, &TEXT, 2, YD_LITERAL("x"), NULL);
}

static yd_err format_as_is(struct yd_doc *doc)
{
    struct yd_attr bold = {YD_LITERAL("b"), json("1")};
    return yd_edit_text_format(doc, &TEXT, 0, 1, &(struct yd_attrs){&bold, 1});
}

/* Takes "b" off and puts "c" on between two marks that both say "b". */
static yd_err insert_between(struct yd_doc *doc)
{
    struct yd_attr attrs[] = {{YD_LITERAL("b"), json("null")}, {YD_LITERAL("c"), json("2")}};
    return yd_edit_text_insert(doc, &TEXT, 1, YD_LITERAL("n"), &(struct yd_attrs){attrs, 2});
}

static yd_err delete_numbers(struct yd_doc *doc) { return yd_edit_text_delete(doc, &TEXT, 1, 1); }

/* A mark is remembered, and an embed that JSON cannot say is read twice. */
static yd_err delta_of_values(struct yd_doc *doc)
{
    struct yd_delta_op ops[] = {
        {.kind = YD_DELTA_RETAIN, .length = 1},
        {.kind = YD_DELTA_EMBED,
         .value = {.kind = YD_VALUE_ANY, .bytes = YD_LITERAL("\x75\x01\x7f")}},
    };
    return yd_edit_text_delta(doc, &TEXT, ops, 2);
}

#define EDITED(edit)                                                                               \
    static yd_err edit##_alone(struct stage *s) { return edited(s, edit); }
EDITED(delete_middle)
EDITED(insert_middle)
EDITED(format_as_is)
EDITED(insert_between)
EDITED(delete_numbers)
EDITED(delta_of_values)

static yd_err check_marked(struct stage *s)
{
    uint64_t nth = s->heap.refuse_at - s->heap.requests;
    s->heap.refuse_at = 0;
    yd_err err = edited(s, insert_middle); // leaves a place with its marks
    s->heap.refuse_at = s->heap.requests + nth;
    return err == YD_OK ? checked(s) : err;
}

/* Encoded with a mark of a long name whose value no JSON can say. */
static yd_err wild_mark(struct stage *s)
{
    uint64_t nth = s->heap.refuse_at - s->heap.requests;
    char key[200];
    memset(key, 'k', sizeof key);
    struct yd_attr attr = {{(const uint8_t *)key, sizeof key},
                           {.kind = YD_VALUE_ANY, .bytes = YD_LITERAL("\x75\x01\x7f")}};
    s->heap.refuse_at = 0;
    yd_err err = yd_edit_begin(s->doc, 12);
    if (err == YD_OK) {
        err = yd_edit_text_format(s->doc, &TEXT, 1, 2, &(struct yd_attrs){&attr, 1});
    }
    if (err == YD_OK) err = yd_edit_commit(s->doc, NULL);
    s->heap.refuse_at = s->heap.requests + nth;
    // Not the whole state at once: for that, room is made before.
    if (err == YD_OK) err = yd_doc_encode_state(s->doc, YD_LITERAL("\0"), YD_V1, &s->out);
    return err;
}

/* A key set anew forty times, by two in turns: values of one alone would be joined. */
static yd_err many_values(struct stage *s)
{
    yd_err err = YD_OK;
    for (uint8_t i = 1; i < 40 && err == YD_OK; i++) {
        uint8_t who = i % 2 == 0 ? 5 : 6, other = i % 2 == 0 ? 6 : 5;
        const uint8_t set[] = {1,    1,    who, i / 2, 0xa8, other, (uint8_t)((i - 1) / 2),
                               0x01, 0x7d, 1,   0};
        err = yd_doc_apply(s->doc, (yd_slice){set, sizeof set}, YD_V1, NULL);
    }
    return err;
}

/* A GC at every second clock. */
static yd_err merged_gaps(struct stage *s)
{
    uint8_t bytes[40][7];
    struct yd_update updates[40];
    for (uint8_t i = 0; i < 40; i++) {
        const uint8_t one[] = {1, 1, 5, (uint8_t)(2 * i), 0, 1, 0};
        memcpy(bytes[i], one, sizeof one);
        updates[i] = (struct yd_update){{bytes[i], sizeof one}, YD_V1};
    }
    return yd_update_merge(updates, 40, YD_V1, &s->out, NULL);
}

/* ---- scenes */

/* Text of client 5 that is long enough to be loaded the short way: "aaaa...". */
#define A16 "61616161616161616161616161616161"
/* Twenty letters, every second one came deleted. */
#define HOLES                                                                                      \
    "01 14 0500 04 0101 74 0161 81 0500 01 84 0501 0161 81 0502 01 84 0503 0161 81 "               \
    "0504 01 84 0505 0161 81 0506 01 84 0507 0161 81 0508 01 84 0509 0161 81 050a 01 "             \
    "84 050b 0161 81 050c 01 84 050d 0161 81 050e 01 84 050f 0161 81 0510 01 84 0511 "             \
    "0161 81 0512 01 01 05 0a 0101 0301 0501 0701 0901 0b01 0d01 0f01 1101 1301 "
/* Twenty letters, each a struct of its own as in no state: all are joined. */
#define LETTERS                                                                                    \
    "01 14 0500 04 0101 74 0161 84 0500 0161 84 0501 0161 84 0502 0161 84 050"                     \
    "3 0161 84 0504 0161 84 0505 0161 84 0506 0161 84 0507 0161 84 0508 0161 "                     \
    "84 0509 0161 84 050a 0161 84 050b 0161 84 050c 0161 84 050d 0161 84 050e"                     \
    " 0161 84 050f 0161 84 0510 0161 84 0511 0161 84 0512 0161 00"
#define LOADED "0101 0500 04 0101 74 40 " A16 A16 A16 A16 " 00"
/* Collected structs between letters, each longer than the one before. */
#define LOADED_GCS                                                                                 \
    "01 08 0500 04 0101 74 10 " A16 " 00 01 84 050f 01 61 00 02 84 0511 01 61 00 03 84 0514 "      \
    "01 61 00 04 00"
#define PAIRED "0101 0500 04 0101 74 06 61f09f988062 00" // "a", a pair, "b"

static const struct scene scenes[] = {
    {"a delete that waited", false, {"00 01 0501 0003", "0101 0500 04 0101 74 03 616263 00"}, NULL},
    {"one goes on, one still waits",
     false,
     {"01 02 0500 84 0800 0161 84 0900 0162 01 05 01 0001", "0101 0800 04 0101 74 0178 00"},
     NULL},
    {"two go on, and wait for two others",
     false,
     {"02 02 0600 84 0800 0161 84 0a00 0162 02 0500 84 0800 0161 84 0900 0162 00",
      "0101 0800 04 0101 74 0178 00"},
     NULL},
    {"a skip between what waits", false, {"01 03 0502 84 0501 0161 0a 02 84 0501 0162 00"}, NULL},
    {"deletes of a load",
     false,
     {"01 01 0500 04 0101 74 40 " A16 A16 A16 A16 " 01 05 01 0202"},
     NULL},
    {"deleted in a load, and more by its deletes",
     false,
     {"01 02 0500 04 0101 74 40 " A16 A16 A16 A16 " 81 053f 05 01 05 01 0202"},
     NULL},
    {"a load that refers to the right",
     false,
     {"02 01 0900 44 0400 01 62 01 0400 04 0101 74 40 " A16 A16 A16 A16 " 00"},
     NULL},
    {"last update of a load with what came deleted",
     false,
     {"01 02 0500 04 0101 74 40 " A16 A16 A16 A16 " 81 053f 05 00"},
     last_update},
    {"two who type in turns",
     false,
     {"0101 0500 04 0101 74 0161 00", "0101 0700 04 0101 75 0162 00", "0101 0501 84 0500 0163 00"},
     NULL},
    {"kept deleted text joins",
     true,
     {"0101 0500 04 0101 74 0161 00", "0101 0700 04 0101 75 0162 00", "0001 05 01 0001",
      "0101 0501 84 0500 0163 01 05 01 0101"},
     NULL},
    {"a pair is cut by a delete", false, {PAIRED, "0001 05 01 0201"}, NULL},
    {"a kept pair is cut and deleted", true, {PAIRED, "0001 05 02 0002 0202"}, NULL},
    {"a known struct cuts a kept pair",
     true,
     {PAIRED, "0101 0700 04 0101 75 0178 00", "0101 0700 84 0501 0178 00"},
     NULL},
    {"a known struct cuts kept text twice",
     true,
     {PAIRED, "0101 0700 04 0101 75 0178 00", "0101 0700 c4 0502 0502 0178 00"},
     NULL},
    {"a known struct cuts what was loaded",
     true,
     {"02 01 0700 04 0101 75 0178 01 0500 04 0101 74 40 " A16 A16 A16 A16 " 00",
      "0101 0700 44 0504 0178 00"},
     NULL},
    {"a known struct with an origin in what was loaded",
     true,
     {"02 01 0700 04 0101 75 0178 01 0500 04 0101 74 40 " A16 A16 A16 A16 " 00",
      "0101 0700 84 0504 0178 00"},
     NULL},
    {"a right origin within an item", false, {LOADED, "0101 0700 44 0504 0178 00"}, NULL},
    {"the known beginning ends in a pair",
     false,
     {"0101 0500 04 0101 74 0461efbfbd 00", "0101 0500 04 0101 74 0561f09f9880 00"},
     NULL},
    {"a child was deleted before its type",
     false,
     {"01 02 0500 07 0101 61 01 28 00 0500 016b 01 7d01 00", "0001 05 01 0101", "0001 05 01 0001"},
     NULL},
    {"deletes that wait in many places", false, {"00 01 05 05 0101 0301 0501 0701 0901"}, NULL},
    {"text whose beginning is known", false, {"0101 0500 04 0101 74 02 6161 00", LOADED}, NULL},
    {"values of a key, kept", true, {"0101 0500 28 0101 6d 016b 01 7d01 00"}, many_values},
    {"a load of long gaps",
     false,
     {"01 04 0500 04 0101 74 40 " A16 A16 A16 A16 " 81 053f f0a204 84 05afa304 0161 "
      "81 05b0a304 f0a204 01 05 02 40f0a204 b1a304f0a204"},
     NULL},
    {"a load of many lengths",
     false,
     {"01 10 0500 04 0101 74 03 616161 81 0502 01 84 0503 04 61616161 81 0507 01 84 "
      "0508 05 6161616161 81 050d 09 84 0516 02 6161 81 0518 06 84 051e 05 6161616161 "
      "81 0523 03 84 0526 05 6161616161 81 052b 08 84 0533 09 616161616161616161 81 "
      "053c 07 84 0543 09 616161616161616161 81 054c 03 01 05 08 0301 0801 0e09 1906 "
      "2403 2c08 3d07 4d03 "},
     NULL},
    {"a load of what was collected, piece by piece", false, {LOADED_GCS}, NULL},
    {"collected pieces with gaps are merged", false, {NULL}, merged_gaps},
    {"a delete in what was loaded", false, {LOADED, "0001 05 01 0201"}, NULL},
    {"letters that are joined when they are loaded", false, {LETTERS}, NULL},
    {"a delete beside those that were loaded", false, {HOLES, "0001 05 01 0201"}, NULL},
    {"a delete between two chunks of those", false, {HOLES, "0001 05 01 0801"}, NULL},
    {"a delete in what was put before something",
     false,
     {"0102 0500 04 0101 74 0178 44 0500 06 616263646566 00", "0001 05 01 0301"},
     NULL},
    {"a loaded type is collected",
     false,
     {"0108 0500 07 0101 74 01 28 00 0500 0161 01 7d01 28 00 0500 0162 01 7d01 "
      "28 00 0500 0163 01 7d01 28 00 0500 0164 01 7d01 28 00 0500 0165 01 7d01 "
      "28 00 0500 0166 01 7d01 28 00 0500 0167 01 7d01 00",
      "0001 05 01 0001"},
     NULL},
    {"an edit deletes in what was loaded", false, {LOADED}, delete_middle_alone},
    {"an edit inserts in what was loaded", false, {LOADED}, insert_middle_alone},
    {"a mark that is there already",
     false,
     {"01 02 0500 06 0101 74 0162 0131 84 0500 0378797a 00"},
     format_as_is_alone},
    {"a mark comes off between equal ones",
     false,
     {"01 04 0500 06 0101 74 0162 0131 84 0500 0178 86 0501 0162 0131 84 0502 0179 00"},
     insert_between_alone},
    {"an object comes off between equal ones",
     false,
     {"01 04 0500 06 0101 74 0162 077b2261223a317d 84 0500 0178 86 0501 0162 077b2261223a317d "
      "84 0502 0179 00"},
     insert_between_alone},
    {"numbers in many spellings",
     false,
     {"01 07 0500 06 0101 74 0162 03312e30 84 0500 0178 86 0501 0162 023130 "
      "86 0502 0162 03316531 84 0503 0178 86 0504 0162 0131 84 0505 0179 00"},
     delete_numbers_alone},
    {"a value that JSON cannot say", false, {LOADED}, delta_of_values_alone},
    {"marks of a place are checked",
     false,
     {"01 03 0500 06 0101 74 0162 0131 84 0500 0378797a 86 0503 0162 046e756c6c 00"},
     check_marked},
    {"XML of marked text with embeds and types",
     false,
     {"01 07 0500 07 0101 74 06 06 00 0500 0162 027b7d 85 0501 03313233 87 0502 03 0170 "
      "87 0503 06 86 0504 0163 0131 87 0505 02 00"},
     xml_text},
    {"deletes but those in the middle",
     false,
     {"0101 0500 04 0101 74 06 616263646566 01 05 01 0006"},
     deletes_but_some},
    {"a piece of a key that was cut is collected",
     false,
     {"01 03 0500 27 0101 6d 016b 01 04 0101 74 017a 24 00 0500 0161 026162 00",
      "0101 0700 84 0502 0178 00", "0001 05 01 0001"},
     NULL},
    {"half of a pair in the past", true, {PAIRED}, first_two_units},
    {"half of a pair in a difference", false, {PAIRED}, rest_v2},
    {"half of a pair, behind others", false, {PAIRED, "0101 0700 84 0500 0178 00"}, rest_v2},
    {"a mark that JSON cannot say", false, {LOADED}, wild_mark},
    {"deletes of a state",
     false,
     {"0101 0500 04 0101 74 06 616263646566 01 05 02 0001 0301"},
     deletes_of_state},
    {"long columns",
     false,
     {"02 03 ac0200 04 0101 74 01 78 c4 c80128 c80129 0179 c4 c80150 c80151 017a "
      "01 c80100 04 0101 74 7f " A16 A16 A16 A16 A16 A16 A16 "616161616161616161616161616161 00"},
     state_v2},
};
enum { SCENES = sizeof scenes / sizeof *scenes };

static void u70_memory_may_run_out_in_every_scene(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCENES; i++) {
        uint64_t refused = 0;
        uint64_t nth = 1;
        while (scene_play(&scenes[i], nth, &refused)) nth++;
#ifdef YD_TIGHT // otherwise there may be room already
        if (nth == 1) fail_msg("%s: asks for no memory", scenes[i].name);
#endif
    }
}

/* So many wrote at one place before; the next one looks at all of them, and remembers some. */
static void u27_memory_may_run_out_among_many_at_one_place(void **state)
{
    (void)state;
    uint64_t refused = 0;
    for (unsigned before = 14; before < 60; before++) {
        bool reached = true;
        for (uint64_t nth = 1; reached; nth++) {
            struct bed bed;
            char hex[64];
            bed_begin(&bed, NULL);
            for (unsigned i = 0; i < before; i++) {
                sprintf(hex, "0101 %02x 00 04 0101 74 0161 00", i + 1);
                bed_apply(&bed, hex);
            }
            sprintf(hex, "0101 %02x 00 04 0101 74 0161 00", before + 1);
            yd_slice update = hex_bytes(hex);
            bed.heap.refuse_at = bed.heap.requests + nth;
            yd_err err = yd_doc_apply(bed.doc, update, YD_V1, NULL);
            reached = bed.heap.requests >= bed.heap.refuse_at;
            if (err != YD_OK) assert_int_equal(YD_ENOMEM, err);
            if (err != YD_OK) refused++;
            hex_free(update);
            bed_end(&bed);
        }
    }
    assert_true(refused > 0);
}

/* A document that is opened out of its updates, not all of them merged. */
static void u126_memory_may_run_out_while_a_cold_document_is_opened(void **state)
{
    (void)state;
    static const char *const more[] = {"0101 0501 84 0500 0162 00", "0101 0700 04 0101 75 0163 00"};
    bool reached = true;
    for (uint64_t nth = 1; reached; nth++) {
        struct heap heap = {0};
        struct yd_cold *cold;
        struct yd_doc *doc;
        yd_slice first = hex_bytes("0101 0500 04 0101 74 0161 00");
        assert_int_equal(YD_OK, yd_cold_new(heap_alloc(&heap), first, YD_V1, 0, &cold));
        hex_free(first);
        for (size_t i = 0; i < 2; i++) {
            yd_slice update = hex_bytes(more[i]);
            assert_int_equal(YD_OK, yd_cold_append(cold, update, YD_V1));
            hex_free(update);
        }
        assert_true(yd_cold_stats(cold).waiting > 0);
        heap.refuse_at = heap.requests + nth;
        yd_err err = yd_cold_open(cold, heap_alloc(&heap), NULL, &doc);
        reached = heap.requests >= heap.refuse_at;
        assert_int_equal(reached ? YD_ENOMEM : YD_OK, err);
        if (err == YD_OK) yd_doc_free(doc);
        yd_cold_free(cold);
        assert_int_equal(0, heap.live_bytes);
    }
}

/* ---- what is refused for another reason, with the document as it was */

static void u71_clients_beyond_what_a_document_can_have_are_refused(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_applied applied;
    size_t len = 1 + 4 + ((size_t)2 << 24);
    uint8_t *update = calloc(len, 1); // no structs; 2^24 clients without ranges
    assert_non_null(update);
    memcpy(update + 1, "\x80\x80\x80\x08", 4);
    bed_begin(&bed, NULL);
    bed_apply(&bed, "0101 0500 04 0101 74 0161 00");
    assert_int_equal(YD_ETOOBIG, yd_doc_apply(bed.doc, (yd_slice){update, len}, YD_V1, &applied));
    assert_false(applied.changed || applied.parked);
    bed_state_is(&bed, "0101 0500 04 0101 74 0161 00");
    free(update);
    bed_end(&bed);
}

static void u101_clocks_beyond_their_limit_are_refused(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_applied applied;
    bed_begin(&bed, NULL);
    bed_apply(&bed, "0101 0c00 00 f0ffffff07 00"); // client 12 has 2^31 - 16
    assert_int_equal(YD_OK, yd_edit_begin(bed.doc, 12));
    yd_slice text = YD_LITERAL("sixteen letters.");
    // Nobody reads them: the lengths alone are refused.
    struct yd_value huge = {.kind = YD_VALUE_BYTES, .bytes = {text.ptr, INT32_MAX - 1}};
    struct yd_value values[] = {huge, huge, huge};
    assert_int_equal(YD_ETOOBIG, yd_edit_list_insert(bed.doc, &TEXT, 0, values, 3));
    assert_int_equal(YD_ETOOBIG, yd_edit_text_insert(bed.doc, &TEXT, 0, text, NULL));
    text.len = 14;
    assert_int_equal(YD_OK, yd_edit_text_insert(bed.doc, &TEXT, 0, text, NULL));
    assert_int_equal(YD_OK, yd_edit_commit(bed.doc, &applied));
    assert_true(applied.changed);
    yd_doc_check(bed.doc);
    bed_vector_is(&bed, "01 0c feffffff07");
    bed_end(&bed);
}

static void u104_marks_must_be_json(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_applied applied;
    struct yd_attr bad = {YD_LITERAL("b"), json("{")};
    struct yd_attrs attrs = {&bad, 1};
    bed_begin(&bed, NULL);
    bed_apply(&bed, LOADED);
    assert_int_equal(YD_OK, yd_edit_begin(bed.doc, 12));
    assert_int_equal(YD_EMALFORMED, yd_edit_text_format(bed.doc, &TEXT, 0, 1, &attrs));
    assert_int_equal(YD_EMALFORMED,
                     yd_edit_text_insert(bed.doc, &TEXT, 0, YD_LITERAL("x"), &attrs));
    assert_int_equal(YD_OK, yd_edit_commit(bed.doc, &applied));
    assert_false(applied.changed);
    bed_state_is(&bed, LOADED);
    bed_end(&bed);
}

static void u120_types_that_are_not_there_are_not_found(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_type_ref none = {.nested = true, .name = YD_EMPTY, .client = 5, .clock = 7};
    struct yd_shared shared;
    bed_begin(&bed, NULL);
    bed_apply(&bed, LOADED);
    assert_int_equal(YD_ENOTFOUND,
                     yd_shared_json(bed.doc, &none, YD_ROOT_MAP, YD_JSON_PLAIN, &bed.out));
    assert_int_equal(YD_ENOTFOUND, yd_shared_delta(bed.doc, &none, YD_JSON_PLAIN, &bed.out));
    assert_int_equal(YD_ENOTFOUND, yd_shared_keys(bed.doc, &none, &bed.out));
    assert_int_equal(YD_ENOTFOUND, yd_shared_look(bed.doc, &none, &shared));
    assert_int_equal(0, bed.out.len);
    bed_end(&bed);
}

static void u123_an_update_above_the_limit_of_a_cold_document_is_refused(void **state)
{
    (void)state;
    struct heap heap = {0};
    struct yd_cold *cold;
    yd_slice update = hex_bytes(LOADED);
    assert_int_equal(YD_OK, yd_cold_new(heap_alloc(&heap), YD_EMPTY, YD_V1, 32, &cold));
    struct yd_cold_stats before = yd_cold_stats(cold), after;
    assert_int_equal(YD_ETOOBIG, yd_cold_append(cold, update, YD_V1));
    after = yd_cold_stats(cold);
    assert_memory_equal(&before, &after, sizeof before);
    hex_free(update);
    yd_cold_free(cold);
    assert_int_equal(0, heap.live_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u70_memory_may_run_out_in_every_scene),
        cmocka_unit_test(u27_memory_may_run_out_among_many_at_one_place),
        cmocka_unit_test(u126_memory_may_run_out_while_a_cold_document_is_opened),
        cmocka_unit_test(u71_clients_beyond_what_a_document_can_have_are_refused),
        cmocka_unit_test(u101_clocks_beyond_their_limit_are_refused),
        cmocka_unit_test(u104_marks_must_be_json),
        cmocka_unit_test(u120_types_that_are_not_there_are_not_found),
        cmocka_unit_test(u123_an_update_above_the_limit_of_a_cold_document_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
