/* ydoc_encode_test.c - the short ways of an encoding (emit_v1.c, emit_v2.c) against the long one,
 * which takes each struct as a struct wire and serves what comes from elsewhere (docs/encoding.md
 * U52, U53, U78). */
#include "unit/ydoc_test.h"

#include "libydoc/src/emit.h"
#include "ydoc/edit.h"

static uint32_t random_below(uint32_t *state, uint32_t n)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % n;
}

#define LONG_NAME "a name of more than thirty-two bytes, \xc3\xa9 and \xf0\x9f\x98\x80"

static const char *const texts[] = {
    "a",
    "bc",
    "\xc3\xa9t\xc3\xa9",
    "\xe2\x82\xac",
    "\xf0\x9f\x98\x80",
    "tenletters",
    "thirty-two bytes, as many as one",
    "more than sixty-three units, so that their number takes two bytes: so.",
    LONG_NAME,
    "x"};
static const char *const names[] = {"k", "color",
                                    "\xc3\xbc"
                                    "ber",
                                    LONG_NAME, ""};
static const char *const jsons[] = {
    "true", "null",           "7",    "\"red\"", "-0", "123456", "{\"a\":[1,2.5]}",
    "[]",   "\"\\u00e9\\n\"", "1e300"};
/* What JSON cannot say: a bigint, bytes. */
static const uint8_t bigint[] = {0x7a, 0, 0, 0, 0, 0, 0, 1, 44};
static const uint8_t some_bytes[] = {1, 2, 3, 0xff};

#define PICK(list) (list)[random_below(random, sizeof(list) / sizeof *(list))]

static yd_slice slice_of(const char *text)
{
    return (yd_slice){(const uint8_t *)text, strlen(text)};
}

static struct yd_value value_of(uint32_t *random)
{
    static const enum yd_kind kinds[] = {YD_KIND_ARRAY, YD_KIND_MAP, YD_KIND_TEXT,
                                         YD_KIND_XML_ELEMENT};
    switch (random_below(random, 6)) {
    case 0: return (struct yd_value){.kind = YD_VALUE_ANY, .bytes = {bigint, sizeof bigint}};
    case 1:
        return (struct yd_value){.kind = YD_VALUE_BYTES, .bytes = {some_bytes, sizeof some_bytes}};
    case 2: return (struct yd_value){.kind = YD_VALUE_DOC, .bytes = slice_of(PICK(texts))};
    case 3: {
        enum yd_kind kind = PICK(kinds);
        bool named = kind == YD_KIND_XML_ELEMENT;
        return (struct yd_value){
            .kind = YD_VALUE_TYPE, .type = kind, .bytes = named ? slice_of(PICK(texts)) : YD_EMPTY};
    }
    default: return (struct yd_value){.kind = YD_VALUE_JSON, .bytes = slice_of(PICK(jsons))};
    }
}

/* Of texts: what they hold, and what marks may be. */
static struct yd_value mark_of(uint32_t *random)
{
    if (random_below(random, 4) > 0) {
        return (struct yd_value){.kind = YD_VALUE_JSON, .bytes = slice_of(PICK(jsons))};
    }
    return (struct yd_value){.kind = YD_VALUE_ANY, .bytes = {bigint, sizeof bigint}};
}

static void edit_text(struct yd_doc *doc, uint32_t *random)
{
    const struct yd_type_ref text = YD_ROOT("text");
    struct yd_attr attr = {slice_of(PICK(names)), mark_of(random)};
    struct yd_attrs attrs = {&attr, 1};
    uint64_t at = random_below(random, 60), len = random_below(random, 9);
    struct yd_value embed = mark_of(random);
    switch (random_below(random, 8)) {
    case 0: assert_int_equal(YD_OK, yd_edit_text_delete(doc, &text, at, len)); return;
    case 1: assert_int_equal(YD_OK, yd_edit_text_format(doc, &text, at % 7, len, &attrs)); return;
    case 2: assert_int_equal(YD_OK, yd_edit_text_embed(doc, &text, at, &embed, NULL)); return;
    default:
        assert_int_equal(YD_OK, yd_edit_text_insert(doc, &text, at, slice_of(PICK(texts)), NULL));
    }
}

static void edit_map(struct yd_doc *doc, uint32_t *random)
{
    const struct yd_type_ref map = YD_ROOT("\xc3\xa4 map");
    yd_slice key = slice_of(PICK(names));
    if (random_below(random, 4) == 0) {
        assert_int_equal(YD_OK, yd_edit_map_delete(doc, &map, key));
        return;
    }
    struct yd_value value = value_of(random);
    assert_int_equal(YD_OK, yd_edit_map_set(doc, &map, key, &value));
    struct yd_type_ref made;
    if (value.kind != YD_VALUE_TYPE || value.type != YD_KIND_MAP) return;
    assert_int_equal(YD_OK, yd_edit_made(doc, &made));
    value = value_of(random);
    assert_int_equal(YD_OK, yd_edit_map_set(doc, &made, slice_of(PICK(names)), &value));
}

static void edit_list(struct yd_doc *doc, uint32_t *random)
{
    const struct yd_type_ref list = YD_ROOT("list");
    struct yd_value values[] = {value_of(random), value_of(random)};
    yd_err err = random_below(random, 3) > 0
                     ? yd_edit_list_push(doc, &list, values, 1 + random_below(random, 2))
                     : yd_edit_list_delete(doc, &list, random_below(random, 4), 1);
    assert_true(err == YD_OK || err == YD_ENOTFOUND);
}

static uint64_t client_of(uint32_t which)
{
    static const uint64_t ids[] = {1, 77, 300, 3000000000, 9007199254740991, 70000000000};
    return which < 6 ? ids[which] : 1000 + which;
}

static void edit(struct yd_doc *doc, uint32_t client, uint32_t *random)
{
    assert_int_equal(YD_OK, yd_edit_begin(doc, client_of(client)));
    for (uint32_t i = random_below(random, 4) + 1; i > 0; i--) {
        switch (random_below(random, 4)) {
        case 0: edit_map(doc, random); break;
        case 1: edit_list(doc, random); break;
        default: edit_text(doc, random); break;
        }
    }
    assert_int_equal(YD_OK, yd_edit_commit(doc, NULL));
}

/* What clients have from `targets` on, the long way. */
static yd_err long_way(struct yd_doc *doc, const uint32_t *targets, struct sink *sink)
{
    struct emitter all;
    uint32_t sections = 0;
    yd_emit_begin(&all, doc, sink);
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        if (client_at(doc, i)->next > targets[i]) sections++;
    }
    YD_TRY(sink_uint(sink, sections));
    for (uint32_t i = doc->by_id.count; i-- > 0;) {
        struct client *client = client_at(doc, by_id_at(doc, i));
        uint32_t from = targets[by_id_at(doc, i)];
        struct smap_pos pos;
        if (client->next <= from || !yd_smap_find(&client->index, from, &pos)) continue;
        YD_TRY(yd_sink_section(sink, yd_smap_count_from(&client->index, pos), client->id, from));
        uint32_t offset = from - smap_key(&client->index, pos);
        for (; !smap_is_end(&client->index, pos); pos = smap_next(&client->index, pos)) {
            YD_TRY(yd_emit_entry(&all, client, pos, offset));
            offset = 0;
        }
    }
    return yd_emit_deletes(doc, sink);
}

static void ways_are_alike(struct bed *bed, const uint32_t *targets)
{
    struct yd_buf sv, want;
    yd_buf_init(&sv, heap_alloc(&bed->heap), SIZE_MAX / 2);
    yd_buf_init(&want, heap_alloc(&bed->heap), SIZE_MAX / 2);
    assert_int_equal(YD_OK, yd_buf_varuint(&sv, bed->doc->clients.count));
    for (uint32_t i = 0; i < bed->doc->clients.count; i++) {
        assert_int_equal(YD_OK, yd_buf_varuint(&sv, client_at(bed->doc, i)->id));
        assert_int_equal(YD_OK, yd_buf_varuint(&sv, targets[i]));
    }
    for (enum yd_format format = YD_V1; format <= YD_V2; format++) {
        struct sink sink;
        yd_buf_clear(&bed->out);
        yd_buf_clear(&want);
        yd_err err = yd_doc_encode_state(bed->doc, yd_buf_slice(&sv), format, &bed->out);
        assert_int_equal(YD_OK, err);
        yd_sink_begin(&sink, format, &want);
        assert_int_equal(YD_OK, yd_sink_end(&sink, long_way(bed->doc, targets, &sink)));
        assert_int_equal(want.len, bed->out.len);
        assert_memory_equal(want.ptr, bed->out.ptr, want.len);
    }
    yd_buf_deinit(&sv);
    yd_buf_deinit(&want);
}

/* Whole states, and what lies behind clocks in the middle of structs. */
static void document_is_alike(struct bed *bed, uint32_t *random)
{
    enum { CLIENTS_MAX = 1024 };
    uint32_t targets[CLIENTS_MAX] = {0};
    assert_true(bed->doc->clients.count <= CLIENTS_MAX);
    ways_are_alike(bed, targets);
    for (uint32_t i = 0; i < bed->doc->clients.count; i++) {
        targets[i] = random_below(random, client_at(bed->doc, i)->next + 2);
    }
    ways_are_alike(bed, targets);
}

static void give(struct bed *from, struct bed *to, enum yd_format format)
{
    yd_buf_clear(&from->out);
    assert_int_equal(YD_OK, yd_doc_encode_state(from->doc, YD_EMPTY, format, &from->out));
    assert_int_equal(YD_OK, yd_doc_apply(to->doc, yd_buf_slice(&from->out), format, NULL));
}

/* Two who write and hear of each other now and then. A loaded document has packed tables. */
static void u52_u53_u78_short_ways_say_what_the_long_one_says(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 60; seed++) {
        uint32_t at = seed, *random = &at;
        struct yd_doc_opts opts = {.keep_deleted = seed % 5 == 0};
        struct bed two[2], loaded;
        bed_begin(&two[0], &opts);
        bed_begin(&two[1], &opts);
        bed_begin(&loaded, &opts);
        for (uint32_t i = 0; i < 10 + seed * 3; i++) {
            edit(two[i % 2].doc, i % 2 + random_below(random, 3) * 2, random);
            if (random_below(random, 6) > 0) continue;
            give(&two[0], &two[1], YD_V1);
            give(&two[1], &two[0], YD_V2);
        }
        give(&two[0], &loaded, seed % 2 == 0 ? YD_V1 : YD_V2);
        document_is_alike(&two[0], random);
        document_is_alike(&two[1], random);
        document_is_alike(&loaded, random);
        bed_end(&two[0]);
        bed_end(&two[1]);
        bed_end(&loaded);
    }
}

/* Runs of 500 and more in every column, and as many clients. */
static void u52_u78_long_runs_are_said_the_short_way(void **state)
{
    (void)state;
    struct bed bed;
    uint32_t at = 1, *random = &at;
    const struct yd_type_ref text = YD_ROOT("text"), map = YD_ROOT("map");
    bed_begin(&bed, NULL);
    for (uint32_t i = 0; i < 1600; i++) {
        uint32_t client = i < 800 ? i % 2 : 10 + i % 500;
        struct yd_value value = {.kind = YD_VALUE_TYPE, .type = YD_KIND_MAP};
        assert_int_equal(YD_OK, yd_edit_begin(bed.doc, client_of(client)));
        yd_err err = i % 800 < 600 ? yd_edit_text_insert(bed.doc, &text, 0, YD_LITERAL("x"), NULL)
                                   : yd_edit_map_set(bed.doc, &map, YD_LITERAL("key"), &value);
        assert_int_equal(YD_OK, err);
        if (i == 700) assert_int_equal(YD_OK, yd_edit_text_delete(bed.doc, &text, 10, 500));
        assert_int_equal(YD_OK, yd_edit_commit(bed.doc, NULL));
    }
    document_is_alike(&bed, random);
    bed_end(&bed);
}

/* Every allocation of an encoding is refused once; nothing is kept of what failed. */
static void u70_u78_memory_may_run_out_while_encoding(void **state)
{
    (void)state;
    struct bed bed;
    uint32_t at = 7, *random = &at;
    bed_begin(&bed, NULL);
    for (uint32_t i = 0; i < 200; i++) edit(bed.doc, i % 5, random);
    struct yd_buf want;
    yd_buf_init(&want, heap_alloc(&bed.heap), SIZE_MAX / 2);
    assert_int_equal(YD_OK, yd_doc_encode_state(bed.doc, YD_EMPTY, YD_V2, &want));
    bool done = false;
    for (uint64_t i = 1; !done; i++) {
        yd_buf_deinit(&bed.out);
        size_t live = bed.heap.live_bytes;
        bed.heap.refuse_at = bed.heap.requests + i;
        yd_err err = yd_doc_encode_state(bed.doc, YD_EMPTY, YD_V2, &bed.out);
        done = bed.heap.requests < bed.heap.refuse_at;
        bed.heap.refuse_at = 0;
        assert_true(err == YD_OK || err == YD_ENOMEM);
        if (err == YD_OK) assert_true(yd_slice_equal(yd_buf_slice(&want), yd_buf_slice(&bed.out)));
        if (err != YD_OK) assert_int_equal(0, bed.out.len);
        yd_buf_deinit(&bed.out);
        assert_int_equal(live, bed.heap.live_bytes);
    }
    yd_buf_deinit(&want);
    bed_end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u52_u53_u78_short_ways_say_what_the_long_one_says),
        cmocka_unit_test(u52_u78_long_runs_are_said_the_short_way),
        cmocka_unit_test(u70_u78_memory_may_run_out_while_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
