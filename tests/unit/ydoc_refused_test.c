/* ydoc_refused_test.c - every way to be refused: no memory at any point, no room for the output at
 * any byte, documents that can only be freed, formats and sizes that do not exist (docs/encoding.md
 * U70, U71, U86, U101). `make coverage` counts the error returns that are never taken. */
#include "unit/ydoc_test.h"
#include "ydoc/analysis.h"
#include "ydoc/changes.h"
#include "ydoc/cold.h"
#include "ydoc/compare.h"
#include "ydoc/edit.h"
#include "ydoc/export.h"
#include "ydoc/obfuscate.h"
#include "ydoc/parse.h"
#include "ydoc/parts.h"
#include "ydoc/shared.h"
#include "ydoc/snapshot.h"

/* Recorded from two peers of yjs 13.6: text "t" with marks, an embed and a surrogate pair, array
 * "a" with nested types, bytes and a sub-document, map "m" with all kinds of values, and rich text
 * in "x". */
static const char *const world[] = {
    "010e05000401017401618405000462efbfbd84050204efbfbd638105040284050603666768c60500"
    "050104626f6c640474727565c6050a0501046c696e6b157b2268726566223a2268747470733a2f2f"
    "782f227dc60504050504626f6c64046e756c6cc6050c0505046c696e6b046e756c6cc60502050304"
    "626f6c64046e756c6cc6050e0503046c696e6b046e756c6cc5050f05030d7b22696d616765223a22"
    "69227dc60510050304626f6c640474727565c605110503046c696e6b157b2268726566223a226874"
    "7470733a2f2f782f227d0105010502",
    "0107051308010161017d0188051301770374776f880514027e7601016b75027c3fc0000078830516"
    "020102c105140515010005c905130514016776000105011806",
    "0106051f2101016d016b01a8051f01760101787701792801016d03626967017aab54a98ceb1f0ad2"
    "2801016d0175017f2101016d016e0100010105021f012302",
    "0150052507010178030768656164696e67070005250604000526014184052703202a7484052a0969"
    "746c652a203c623ec60527052804626f6c64027b7dc605340528046c696e6b1b7b2268726566223a"
    "2268747470733a2f2f792f3f613d312662227dc6052a052b04626f6c64046e756c6cc60536052b04"
    "6c696e6b046e756c6c28000525056c6576656c017d02870525030970617261677261706807000539"
    "060400053a017484053b0365787484053e092060636f6465602023c6053b053c04636f6465027b7d"
    "c6053e053f04636f6465046e756c6c87053a030968617264427265616b87054a060400054b046d6f"
    "7265870539030a62756c6c65744c6973740700055003086c6973744974656d070005510309706172"
    "616772617068070005520604000553016f840554026e65c605540555066974616c6963027b7d8405"
    "56010a860558066974616c6963046e756c6c87055103086c6973744974656d0700055a0309706172"
    "6167726170680700055b060400055c0374776f87055b030b6f7264657265644c6973740700056003"
    "086c6973744974656d07000561030970617261677261706807000562060400056302696e28000560"
    "057374617274017d038705500309636f6465426c6f636b0700056706040005680d696e7420783b0a"
    "696e7420793b28000567086c616e677561676501770163870567030a626c6f636b71756f74650700"
    "05770309706172616772617068070005780604000579017384057a03616964c6057a057b06737472"
    "696b65027b7d86057d06737472696b65046e756c6c8705770305696d616765280005800103737263"
    "01770f68747470733a2f2f7a2f692e706e67280005800103616c7401770770696320227822870580"
    "01030e686f72697a6f6e74616c52756c658705830103087461736b4c697374070005840103087461"
    "736b4974656d07000585010309706172616772617068070005860106040005870104646f6e652800"
    "05850107636865636b656401788705840103057461626c650700058d0103087461626c65526f7707"
    "00058e01030b7461626c654865616465720700058f01030970617261677261706807000590010604"
    "0005910103687c3187058f01030b7461626c65486561646572070005950103097061726167726170"
    "68070005960106040005970102683287058e0103087461626c65526f770700059a0103097461626c"
    "6543656c6c0700059b0103097061726167726170680700059c01060400059d0102633187059b0103"
    "097461626c6543656c6c070005a0010309706172616772617068070005a10106040005a201026332"
    "87058d010504686f6f6b00",
    "016b05000401017401618405000462efbfbd84050204efbfbd638105040284050603666768c60500"
    "050104626f6c640474727565c6050a0501046c696e6b157b2268726566223a2268747470733a2f2f"
    "782f227dc60504050504626f6c64046e756c6cc6050c0505046c696e6b046e756c6cc60502050304"
    "626f6c64046e756c6cc6050e0503046c696e6b046e756c6cc5050f05030d7b22696d616765223a22"
    "69227dc60510050304626f6c640474727565c605110503046c696e6b157b2268726566223a226874"
    "7470733a2f2f782f227d08010161017d0188051301770374776f880514027e7601016b75027c3fc0"
    "000078830516020102c105140515010005c905130514016776002101016d016b01a8051f01760101"
    "787701792801016d03626967017aab54a98ceb1f0ad22801016d0175017f2101016d016e01000107"
    "010178030768656164696e67070005250604000526014184052703202a7484052a0969746c652a20"
    "3c623ec60527052804626f6c64027b7dc605340528046c696e6b1b7b2268726566223a2268747470"
    "733a2f2f792f3f613d312662227dc6052a052b04626f6c64046e756c6cc60536052b046c696e6b04"
    "6e756c6c28000525056c6576656c017d02870525030970617261677261706807000539060400053a"
    "017484053b0365787484053e092060636f6465602023c6053b053c04636f6465027b7dc6053e053f"
    "04636f6465046e756c6c87053a030968617264427265616b87054a060400054b046d6f7265870539"
    "030a62756c6c65744c6973740700055003086c6973744974656d0700055103097061726167726170"
    "68070005520604000553016f840554026e65c605540555066974616c6963027b7d840556010a8605"
    "58066974616c6963046e756c6c87055103086c6973744974656d0700055a03097061726167726170"
    "680700055b060400055c0374776f87055b030b6f7264657265644c6973740700056003086c697374"
    "4974656d07000561030970617261677261706807000562060400056302696e280005600573746172"
    "74017d038705500309636f6465426c6f636b0700056706040005680d696e7420783b0a696e742079"
    "3b28000567086c616e677561676501770163870567030a626c6f636b71756f746507000577030970"
    "6172616772617068070005780604000579017384057a03616964c6057a057b06737472696b65027b"
    "7d86057d06737472696b65046e756c6c8705770305696d61676528000580010373726301770f6874"
    "7470733a2f2f7a2f692e706e67280005800103616c740177077069632022782287058001030e686f"
    "72697a6f6e74616c52756c658705830103087461736b4c697374070005840103087461736b497465"
    "6d07000585010309706172616772617068070005860106040005870104646f6e6528000585010763"
    "6865636b656401788705840103057461626c650700058d0103087461626c65526f770700058e0103"
    "0b7461626c654865616465720700058f010309706172616772617068070005900106040005910103"
    "687c3187058f01030b7461626c654865616465720700059501030970617261677261706807000596"
    "0106040005970102683287058e0103087461626c65526f770700059a0103097461626c6543656c6c"
    "0700059b0103097061726167726170680700059c01060400059d0102633187059b0103097461626c"
    "6543656c6c070005a0010309706172616772617068070005a10106040005a20102633287058d0105"
    "04686f6f6b010504050218011f012301",
    "01030700c405010502036ec3a9880517027701707d03a80520017701620105012001",
    "010205a601c405010502025859a80520017701610105022001830101",
    "010205a601c405010502025859a1052001010502830101a80101",
    "01030700c405010502036ec3a9880517027701707d03a8052001770162010501a80101",
    "00010504010114011e01a60102",
    "0101090002 01016a 02 0131 03 227a22 00",   // JSON of old clients
    "01 01 0b 05 84 0b04 0171 00",              // waits for clocks of its own client
    "01 02 06 00 84 0c00 0179 84 0600 0179 00", // waits for another client
    "00 01 0d 01 0003",                         // deletes that wait
};
enum { WORLD = sizeof world / sizeof *world, WAITING = 3 };

#define TEXT YD_ROOT("t")
#define LIST YD_ROOT("a")
#define MAP  YD_ROOT("m")
#define XML  YD_ROOT("x")

static struct yd_value json(const char *text)
{
    return (struct yd_value){.kind = YD_VALUE_JSON, .bytes = {(const uint8_t *)text, strlen(text)}};
}

static struct yd_value new_type(enum yd_kind kind)
{
    return (struct yd_value){.kind = YD_VALUE_TYPE, .type = kind, .bytes = YD_LITERAL("p")};
}

static yd_err play_first(struct yd_doc *doc, size_t count)
{
    yd_err err = YD_OK;
    for (size_t i = 0; i < count && err == YD_OK; i++) err = apply_hex(doc, world[i], NULL);
    return err;
}

static yd_err play_world(struct yd_doc *doc) { return play_first(doc, WORLD); }

/* ---- calls that write into a buffer */

struct stage {
    struct heap *heap;
    struct yd_doc *doc;
    struct yd_slice_pair {
        yd_slice v1, v2;
    } state;
};

typedef yd_err (*writer)(struct stage *stage, struct yd_buf *out);

#define WRITER(name, call)                                                                         \
    static yd_err name(struct stage *s, struct yd_buf *out)                                        \
    {                                                                                              \
        (void)s;                                                                                   \
        return call;                                                                               \
    }

#define UPDATE_V1(s) ((struct yd_update){(s)->state.v1, YD_V1})
#define UPDATE_V2(s) ((struct yd_update){(s)->state.v2, YD_V2})

WRITER(state_v1, yd_doc_encode_state(s->doc, YD_EMPTY, YD_V1, out))
WRITER(state_v2, yd_doc_encode_state(s->doc, YD_EMPTY, YD_V2, out))
WRITER(diff_v1, yd_doc_encode_state(s->doc, YD_LITERAL("\2\5\17\7\2"), YD_V1, out))
WRITER(last_v1, yd_doc_last_update(s->doc, YD_V1, out))
WRITER(last_v2, yd_doc_last_update(s->doc, YD_V2, out))
WRITER(vector, yd_doc_state_vector(s->doc, out))
WRITER(snapshot_old, yd_doc_snapshot(s->doc, out))
WRITER(snapshot_v1, yd_snapshot_encode(s->doc, YD_V1, out))
WRITER(snapshot_v2, yd_snapshot_encode(s->doc, YD_V2, out))
WRITER(deletes, yd_doc_encode_deletes(s->doc, YD_EMPTY, out))
WRITER(deletes_but, yd_doc_encode_deletes(s->doc, YD_LITERAL("\0\1\5\1\0\12"), out))
WRITER(last_deletes, yd_doc_last_deletes(s->doc, out))
WRITER(merged_v1,
       yd_update_merge((struct yd_update[]){UPDATE_V1(s), UPDATE_V2(s)}, 2, YD_V1, out, NULL))
WRITER(merged_v2,
       yd_update_merge((struct yd_update[]){UPDATE_V1(s), UPDATE_V2(s)}, 2, YD_V2, out, NULL))
WRITER(merged_none, yd_update_merge(NULL, 0, YD_V2, out, NULL))
WRITER(converted_v1, yd_update_convert(UPDATE_V2(s), YD_V1, out))
WRITER(converted_v2, yd_update_convert(UPDATE_V1(s), YD_V2, out))
WRITER(cut_v1, yd_update_diff(UPDATE_V2(s), YD_LITERAL("\2\5\17\7\2"), YD_V1, out))
WRITER(cut_v2, yd_update_diff(UPDATE_V1(s), YD_LITERAL("\2\5\17\7\2"), YD_V2, out))
WRITER(hidden_v1, yd_update_obfuscate(UPDATE_V2(s), NULL, YD_V1, out))
WRITER(hidden_v2, yd_update_obfuscate(UPDATE_V1(s), NULL, YD_V2, out))
WRITER(vector_of, yd_update_state_vector(UPDATE_V2(s), out))
WRITER(json_text, yd_doc_json(s->doc, YD_ROOT_TEXT, TEXT.name, YD_JSON_TAGGED, out))
WRITER(json_array, yd_doc_json(s->doc, YD_ROOT_ARRAY, LIST.name, YD_JSON_TAGGED, out))
WRITER(json_plain, yd_doc_json(s->doc, YD_ROOT_ARRAY, LIST.name, YD_JSON_PLAIN, out))
WRITER(json_map, yd_doc_json(s->doc, YD_ROOT_MAP, MAP.name, YD_JSON_TAGGED, out))
WRITER(json_map_plain, yd_doc_json(s->doc, YD_ROOT_MAP, MAP.name, YD_JSON_PLAIN, out))
WRITER(json_old, yd_doc_json(s->doc, YD_ROOT_ARRAY, YD_LITERAL("j"), YD_JSON_PLAIN, out))
WRITER(json_xml, yd_doc_json(s->doc, YD_ROOT_XML, XML.name, YD_JSON_PLAIN, out))
WRITER(delta, yd_doc_delta(s->doc, TEXT.name, YD_JSON_TAGGED, out))
WRITER(delta_list, yd_doc_delta(s->doc, LIST.name, YD_JSON_TAGGED, out))
WRITER(delta_xml, yd_doc_delta(s->doc, XML.name, YD_JSON_PLAIN, out))
WRITER(shared_json, yd_shared_json(s->doc, &LIST, YD_ROOT_ARRAY, YD_JSON_TAGGED, out))
WRITER(shared_delta, yd_shared_delta(s->doc, &TEXT, YD_JSON_PLAIN, out))
WRITER(shared_keys, yd_shared_keys(s->doc, &MAP, out))
WRITER(html, yd_doc_html(s->doc, XML.name, out))
WRITER(html_text, yd_doc_html(s->doc, TEXT.name, out))
WRITER(markdown, yd_doc_markdown(s->doc, XML.name, out))
WRITER(markdown_text, yd_doc_markdown(s->doc, TEXT.name, out))
WRITER(plain, yd_doc_plain(s->doc, XML.name, out))
WRITER(plain_text, yd_doc_plain(s->doc, TEXT.name, out))

static yd_err element_at(struct stage *s, struct yd_buf *out)
{
    struct yd_element element;
    return yd_shared_at(s->doc, &LIST, 0, YD_JSON_TAGGED, out, &element);
}

static yd_err value_of_key(struct stage *s, struct yd_buf *out)
{
    struct yd_element element;
    return yd_shared_get(s->doc, &MAP, YD_LITERAL("big"), YD_JSON_TAGGED, out, &element);
}

static yd_err place_in(struct stage *s, const struct yd_place *place, struct yd_buf *out)
{
    return yd_position_encode(s->doc, place, out);
}
WRITER(place_middle, place_in(s, &(struct yd_place){.type = TEXT, .index = 3}, out))
WRITER(place_left, place_in(s, &(struct yd_place){.type = TEXT, .index = 3, .assoc = -1}, out))
WRITER(place_end, place_in(s, &(struct yd_place){.type = TEXT, .index = 999}, out))

static yd_err one_part(struct stage *s, size_t bytes, struct yd_buf *out)
{
    struct yd_buf after;
    bool all;
    yd_buf_init(&after, heap_alloc(s->heap), (size_t)1 << 20);
    yd_err err = yd_doc_encode_part(s->doc, YD_EMPTY, bytes, out, &after, &all);
    yd_buf_deinit(&after);
    return err;
}
WRITER(part_small, one_part(s, 40, out))
WRITER(part_large, one_part(s, 1 << 20, out))

static yd_err vector_of_part(struct stage *s, struct yd_buf *out)
{
    struct yd_buf part;
    bool all;
    yd_buf_init(&part, heap_alloc(s->heap), (size_t)1 << 20);
    yd_err err = yd_doc_encode_part(s->doc, YD_EMPTY, 100, &part, out, &all);
    yd_buf_deinit(&part);
    return err;
}

static yd_err past_in(struct stage *s, enum yd_format format, struct yd_buf *out)
{
    struct yd_doc_opts opts = {.keep_deleted = true};
    struct yd_doc *doc = NULL;
    struct yd_buf past;
    yd_buf_init(&past, heap_alloc(s->heap), (size_t)1 << 20);
    yd_err err = yd_doc_new(heap_alloc(s->heap), &opts, &doc);
    if (err == YD_OK) err = play_first(doc, 4);
    if (err == YD_OK) err = yd_snapshot_encode(doc, YD_V1, &past);
    if (err == YD_OK) err = play_world(doc);
    struct yd_snapshot snapshot = {yd_buf_slice(&past), YD_V1};
    if (err == YD_OK) err = yd_snapshot_restore(doc, snapshot, format, out);
    yd_buf_deinit(&past);
    yd_doc_free(doc);
    return err;
}
/* An update whose first struct has such a content: the first memory asked for is for what replaces
 * it. */
static yd_err hidden(const char *hex, enum yd_format format, struct yd_buf *out)
{
    yd_slice bytes = hex_bytes(hex);
    yd_err err = yd_update_obfuscate((struct yd_update){bytes, format}, NULL, YD_V1, out);
    hex_free(bytes);
    return err;
}
WRITER(hidden_value, hidden("01 01 0500 08 0101 61 01 7d01 00", YD_V1, out))
WRITER(hidden_subdoc, hidden("01 01 0500 09 0101 61 01 67 7600 00", YD_V1, out))
WRITER(hidden_mark, hidden("000200020245010200020005060084008607047462616241020101000001"
                           "03007a00000000000000057e00",
                           YD_V2, out))

/* An embed that came. */
static yd_err version_of_embed(struct stage *s, struct yd_buf *out)
{
    struct yd_doc_opts opts = {.keep_deleted = true};
    struct yd_snapshot since = {YD_LITERAL("\0\0"), YD_V1};
    struct yd_doc *doc = NULL;
    yd_err err = yd_doc_new(heap_alloc(s->heap), &opts, &doc);
    if (err == YD_OK) err = apply_hex(doc, "01 01 0500 05 0101 74 02 7b7d 00", NULL);
    if (err == YD_OK) err = yd_snapshot_delta(doc, &TEXT, NULL, &since, YD_JSON_PLAIN, out);
    yd_doc_free(doc);
    return err;
}
WRITER(version_embed, version_of_embed(s, out))

/* The text of now, or of a point that cuts a pair, with what changed since another one. */
static yd_err versions_of(struct stage *s, const struct yd_snapshot *now, struct yd_buf *out)
{
    struct yd_doc_opts opts = {.keep_deleted = true};
    struct yd_snapshot since = {YD_LITERAL("\1\5\1\1\1\1\5\2"), YD_V1};
    struct yd_doc *doc = NULL;
    yd_err err = yd_doc_new(heap_alloc(s->heap), &opts, &doc);
    if (err == YD_OK) err = play_world(doc);
    if (err == YD_OK) err = yd_snapshot_delta(doc, &TEXT, now, &since, YD_JSON_TAGGED, out);
    yd_doc_free(doc);
    return err;
}
WRITER(versions, versions_of(s, NULL, out))
WRITER(versions_past, versions_of(s, &(struct yd_snapshot){YD_LITERAL("\0\1\5\3"), YD_V2}, out))
/* What was there when half of a surrogate pair was. */
static yd_err half_a_pair(struct stage *s, enum yd_format format, struct yd_buf *out)
{
    struct yd_doc_opts opts = {.keep_deleted = true};
    struct yd_snapshot snapshot = {YD_LITERAL("\0\1\5\3"), YD_V1};
    struct yd_doc *doc = NULL;
    yd_err err = yd_doc_new(heap_alloc(s->heap), &opts, &doc);
    if (err == YD_OK) err = play_first(doc, 1);
    if (err == YD_OK) err = yd_snapshot_restore(doc, snapshot, format, out);
    yd_doc_free(doc);
    return err;
}
WRITER(half_v1, half_a_pair(s, YD_V1, out))
WRITER(half_v2, half_a_pair(s, YD_V2, out))
WRITER(other_half_v1, yd_doc_encode_state(s->doc, YD_LITERAL("\1\5\3"), YD_V1, out))
WRITER(other_half_v2, yd_doc_encode_state(s->doc, YD_LITERAL("\1\5\3"), YD_V2, out))
WRITER(past_v1, past_in(s, YD_V1, out))
WRITER(past_v2, past_in(s, YD_V2, out))
WRITER(snapshot_to_v1,
       yd_snapshot_convert(((struct yd_snapshot){YD_LITERAL("\2\7\2\0\1\3\2\5\1\1\4\2\7\11\5\11"),
                                                 YD_V1}),
                           YD_V1, out))
WRITER(snapshot_to_v2,
       yd_snapshot_convert(((struct yd_snapshot){YD_LITERAL("\2\7\2\0\1\3\2\5\1\1\4\2\7\11\5\11"),
                                                 YD_V1}),
                           YD_V2, out))

static yd_err from_cold(struct stage *s, yd_slice sv, enum yd_format format, struct yd_buf *out)
{
    struct yd_cold *cold = NULL;
    yd_err err = yd_cold_new(heap_alloc(s->heap), s->state.v1, YD_V1, 0, &cold);
    if (err == YD_OK) {
        err = sv.len > 0 ? yd_cold_diff(cold, sv, format, out) : yd_cold_state_vector(cold, out);
    }
    yd_cold_free(cold);
    return err;
}
WRITER(cold_vector, from_cold(s, YD_EMPTY, YD_V1, out))
WRITER(cold_diff_v1, from_cold(s, YD_LITERAL("\0"), YD_V1, out))
WRITER(cold_diff_v2, from_cold(s, YD_LITERAL("\1\5\17"), YD_V2, out))

static const struct {
    const char *name;
    writer write;
} writers[] = {
#define ROW(name)                                                                                  \
    {                                                                                              \
#name, name                                                                                \
    }
    ROW(state_v1),       ROW(state_v2),       ROW(diff_v1),        ROW(last_v1),
    ROW(last_v2),        ROW(vector),         ROW(snapshot_old),   ROW(snapshot_v1),
    ROW(snapshot_v2),    ROW(deletes),        ROW(deletes_but),    ROW(last_deletes),
    ROW(merged_v1),      ROW(merged_v2),      ROW(merged_none),    ROW(converted_v1),
    ROW(converted_v2),   ROW(cut_v1),         ROW(hidden_v1),      ROW(hidden_value),
    ROW(hidden_subdoc),  ROW(hidden_mark),    ROW(version_embed),  ROW(hidden_v2),
    ROW(versions),       ROW(versions_past),  ROW(cut_v2),         ROW(vector_of),
    ROW(json_text),      ROW(json_array),     ROW(json_plain),     ROW(json_map),
    ROW(json_map_plain), ROW(json_old),       ROW(json_xml),       ROW(delta),
    ROW(delta_list),     ROW(delta_xml),      ROW(shared_json),    ROW(shared_keys),
    ROW(html),           ROW(html_text),      ROW(shared_delta),   ROW(markdown),
    ROW(markdown_text),  ROW(plain),          ROW(plain_text),     ROW(place_middle),
    ROW(place_left),     ROW(place_end),      ROW(part_small),     ROW(part_large),
    ROW(half_v1),        ROW(half_v2),        ROW(other_half_v1),  ROW(other_half_v2),
    ROW(past_v1),        ROW(past_v2),        ROW(snapshot_to_v1), ROW(snapshot_to_v2),
    ROW(cold_vector),    ROW(cold_diff_v1),   ROW(cold_diff_v2),   ROW(element_at),
    ROW(value_of_key),   ROW(vector_of_part),
};
enum { WRITERS = sizeof writers / sizeof *writers, SLACK = 2048 };

static yd_slice copy_of(const struct yd_buf *buf)
{
    uint8_t *bytes = malloc(buf->len);
    assert_non_null(bytes);
    memcpy(bytes, buf->ptr, buf->len);
    return (yd_slice){bytes, buf->len};
}

/* The document of all that was recorded, and its state as an update of either format. */
static void stage_begin(struct stage *stage, struct bed *bed, size_t rows)
{
    bed_begin(bed, NULL);
    *stage = (struct stage){.heap = &bed->heap, .doc = bed->doc};
    assert_int_equal(YD_OK, play_first(bed->doc, rows));
    assert_int_equal(YD_OK, yd_doc_encode_state(bed->doc, YD_EMPTY, YD_V1, &bed->out));
    stage->state.v1 = copy_of(&bed->out);
    yd_buf_clear(&bed->out);
    assert_int_equal(YD_OK, yd_doc_encode_state(bed->doc, YD_EMPTY, YD_V2, &bed->out));
    stage->state.v2 = copy_of(&bed->out);
    yd_buf_clear(&bed->out);
    // The last update shall be one with everything.
    bed->doc = NULL;
    assert_int_equal(YD_OK, yd_doc_new(heap_alloc(&bed->heap), NULL, &bed->doc));
    yd_doc_free(stage->doc);
    stage->doc = bed->doc;
    assert_int_equal(YD_OK, yd_doc_apply(bed->doc, stage->state.v2, YD_V2, NULL));
}

static void stage_end(struct stage *stage, struct bed *bed)
{
    hex_free(stage->state.v1);
    hex_free(stage->state.v2);
    bed_end(bed);
}

static void u71_output_that_does_not_fit_is_taken_back(void **state)
{
    (void)state;
    struct bed bed;
    struct stage stage;
    stage_begin(&stage, &bed, WORLD);
    for (size_t i = 0; i < WRITERS; i++) {
        struct yd_buf whole;
        yd_buf_init(&whole, heap_alloc(&bed.heap), (size_t)1 << 20);
        yd_err err = writers[i].write(&stage, &whole);
        if (err != YD_OK || whole.len == 0) fail_msg("%s: %d", writers[i].name, err);
        // Some ask for more than they need in the end: V2 is made from the form of V1.
        for (size_t max = 0; max <= whole.len + SLACK; max++) {
            struct yd_buf out;
            yd_buf_init(&out, heap_alloc(&bed.heap), max + 1);
            assert_int_equal(YD_OK, yd_buf_u8(&out, 7));
            err = writers[i].write(&stage, &out);
            bool fits = max == whole.len + SLACK || (err == YD_OK && max >= whole.len);
            if (err != (fits ? YD_OK : YD_ETOOBIG)) {
                fail_msg("%s in %zu of %zu bytes: %d", writers[i].name, max, whole.len, err);
            }
            assert_int_equal(fits ? 1 + whole.len : 1, out.len);
            yd_buf_deinit(&out);
        }
        yd_buf_deinit(&whole);
    }
    stage_end(&stage, &bed);
}

static void u70_memory_may_run_out_in_any_call(void **state)
{
    (void)state;
    struct bed bed;
    struct stage stage;
    stage_begin(&stage, &bed, WORLD);
    for (size_t i = 0; i < WRITERS; i++) {
        bool reached = true;
        for (uint64_t nth = 1; reached; nth++) {
            struct yd_buf out;
            yd_buf_init(&out, heap_alloc(&bed.heap), (size_t)1 << 20);
            // A document of its own: refused memory may leave it to be freed only.
            struct yd_doc *doc = NULL;
            assert_int_equal(YD_OK, yd_doc_new(heap_alloc(&bed.heap), NULL, &doc));
            assert_int_equal(YD_OK, yd_doc_apply(doc, stage.state.v2, YD_V2, NULL));
            stage.doc = doc;
            uint64_t refuse_at = bed.heap.requests + nth;
            bed.heap.refuse_at = refuse_at;
            yd_err err = writers[i].write(&stage, &out);
            reached = bed.heap.requests >= refuse_at;
            bed.heap.refuse_at = 0;
            // Some can be done without.
            if (err != YD_OK) assert_int_equal(YD_ENOMEM, err);
            if (err != YD_OK) assert_int_equal(0, out.len);
            if (err == YD_OK && out.len == 0) fail_msg("%s", writers[i].name);
            yd_buf_deinit(&out);
            yd_doc_free(doc);
        }
    }
    stage.doc = bed.doc;
    stage_end(&stage, &bed);
}

/* ---- updates and edits */

static yd_err fill_element(void *ctx, struct yd_doc *doc, const struct yd_type_ref *type)
{
    (void)ctx;
    struct yd_value level = json("2");
    struct yd_value text = new_type(YD_KIND_XML_TEXT);
    yd_err err = yd_edit_map_set(doc, type, YD_LITERAL("level"), &level);
    if (err == YD_OK) err = yd_edit_list_insert(doc, type, 0, &text, 1);
    return err;
}

static yd_err edit_text(struct yd_doc *doc)
{
    struct yd_attr attr = {YD_LITERAL("l"), json("{\"x\":[1,2]}")};
    struct yd_attr wild = {YD_LITERAL("w"),
                           {.kind = YD_VALUE_ANY, .bytes = YD_LITERAL("\x75\x01\x7f")}};
    struct yd_attr off = {YD_LITERAL("bold"), json("null")};
    struct yd_attrs attrs = {&attr, 1}, wilds = {&wild, 1}, offs = {&off, 1};
    struct yd_value embed = json("{\"a\":1}"), text = new_type(YD_KIND_TEXT);
    struct yd_delta_op ops[] = {
        {.kind = YD_DELTA_RETAIN, .length = 3, .attrs = attrs},
        {.kind = YD_DELTA_DELETE, .length = 2},
        {.kind = YD_DELTA_INSERT, .text = YD_LITERAL("new"), .attrs = wilds},
        {.kind = YD_DELTA_EMBED, .value = embed, .attrs = attrs},
    };
    yd_err err = yd_edit_text_insert(doc, &TEXT, 0, YD_LITERAL("abcdef"), &attrs);
    if (err == YD_OK) err = yd_edit_text_insert(doc, &TEXT, 3, YD_LITERAL("x"), NULL);
    if (err == YD_OK) err = yd_edit_text_embed(doc, &TEXT, 2, &embed, &wilds);
    if (err == YD_OK) err = yd_edit_text_embed(doc, &TEXT, 5, &text, NULL);
    if (err == YD_OK) err = yd_edit_text_format(doc, &TEXT, 1, 40, &wilds);
    if (err == YD_OK) err = yd_edit_text_format(doc, &TEXT, 1, 9, &offs);
    if (err == YD_OK) err = yd_edit_text_delete(doc, &TEXT, 2, 3);
    if (err == YD_OK) err = yd_edit_text_delta(doc, &TEXT, ops, 4);
    if (err == YD_OK) err = yd_edit_text_tidy(doc, &TEXT, NULL);
    return err;
}

static yd_err edit_lists(struct yd_doc *doc)
{
    struct yd_value element = new_type(YD_KIND_XML_ELEMENT);
    struct yd_value values[] = {json("1"), json("[2]"), new_type(YD_KIND_MAP), json("\"s\"")};
    struct yd_value bytes = {.kind = YD_VALUE_BYTES, .bytes = YD_LITERAL("\1\2")};
    struct yd_value child = {.kind = YD_VALUE_DOC, .bytes = YD_LITERAL("guid")};
    element.fill = fill_element;
    yd_err err = yd_edit_list_insert(doc, &LIST, 1, values, 4);
    if (err == YD_OK) err = yd_edit_list_push(doc, &LIST, &bytes, 1);
    if (err == YD_OK) err = yd_edit_list_push(doc, &YD_ROOT("new"), &child, 1);
    if (err == YD_OK) err = yd_edit_list_delete(doc, &LIST, 0, 3);
    if (err == YD_OK) err = yd_edit_list_insert(doc, &XML, 1, &element, 1);
    if (err == YD_OK) err = yd_edit_list_delete(doc, &XML, 2, 1);
    if (err == YD_OK) err = yd_edit_map_set(doc, &MAP, YD_LITERAL("k"), &values[1]);
    if (err == YD_OK) err = yd_edit_map_set(doc, &MAP, YD_LITERAL("t"), &element);
    if (err == YD_OK) err = yd_edit_map_delete(doc, &MAP, YD_LITERAL("k"));
    if (err == YD_OK) err = yd_edit_map_clear(doc, &MAP);
    return err;
}

static yd_err note_subdoc(void *ctx, const struct yd_subdoc *subdoc)
{
    (void)ctx;
    (void)subdoc;
    return YD_OK;
}

/* All there is, in one go; the first error ends it. */
static yd_err play_all(struct heap *heap, struct yd_doc *doc)
{
    struct yd_analysis analysis;
    struct yd_buf out;
    yd_buf_init(&out, heap_alloc(heap), (size_t)1 << 20);
    yd_err err = play_world(doc);
    if (err == YD_OK) err = yd_edit_begin(doc, 12); // something waits for its clocks
    if (err == YD_OK) err = edit_text(doc);
    if (err == YD_OK) err = edit_lists(doc);
    if (err == YD_OK) err = yd_edit_commit(doc, NULL);
    if (err == YD_OK) err = yd_edit_begin(doc, 13); // and deletes for these
    if (err == YD_OK) err = edit_text(doc);
    if (err == YD_OK) err = yd_edit_commit(doc, NULL);
    if (err == YD_OK) err = yd_doc_last_update(doc, YD_V1, &out);
    if (err == YD_OK) err = yd_doc_last_update(doc, YD_V2, &out);
    if (err == YD_OK) err = yd_doc_analyze(doc, &analysis);
    if (err == YD_OK) err = yd_doc_subdocs(doc, note_subdoc, NULL);
    for (int i = 0; i < 3 && err == YD_OK; i++) { // kept from the third time on
        err = yd_doc_state_vector(doc, &out);
        if (err == YD_OK) err = yd_doc_encode_state(doc, YD_LITERAL("\0"), YD_V1, &out);
    }
    yd_buf_deinit(&out);
    return err;
}

/* A letter by a client of its own, so that no two are one struct. */
static yd_err letter_add(struct yd_doc *doc, size_t i)
{
    char hex[64];
    sprintf(hex, "0101%02x%02x0004010174016100", (unsigned)(i & 127) | 128, (unsigned)(i >> 7) + 1);
    return apply_hex(doc, hex, NULL);
}

static void fill(struct yd_doc *doc, size_t count)
{
    for (size_t i = 0; i < count; i++) assert_int_equal(YD_OK, letter_add(doc, i));
}

/* Returns how many requests were refused and could not be done without. */
static uint64_t all_without_memory(size_t filled, bool keep_deleted)
{
    bool reached = true;
    uint64_t refused = 0;
    for (uint64_t nth = 1; reached; nth++) {
        struct heap heap = {0};
        struct yd_doc_opts opts = {.note_changes = true, .keep_deleted = keep_deleted};
        struct yd_doc *doc = NULL;
        if (filled == 0) heap.refuse_at = nth;
        yd_err err = yd_doc_new(heap_alloc(&heap), &opts, &doc);
        if (filled > 0) {
            fill(doc, filled);
            heap.refuse_at = heap.requests + nth;
        }
        if (err == YD_OK) err = play_all(&heap, doc);
        reached = heap.requests >= heap.refuse_at;
        if (err == YD_ENOMEM)
            refused++;
        else
            assert_int_equal(YD_OK, err);
        yd_doc_free(doc);
        assert_int_equal(0, heap.live_bytes);
    }
    return refused;
}

static void u70_memory_may_run_out_in_updates_and_edits(void **state)
{
    (void)state;
    assert_true(all_without_memory(0, false) > 150);
    assert_true(all_without_memory(0, true) > 150);
}

/* Tables grow where the document happens to have filled them: REFUSED_SIZES sizes, more of them in
 * a long run. */
static void u70_memory_may_run_out_at_any_size(void **state)
{
    (void)state;
    const char *sizes = getenv("REFUSED_SIZES");
    size_t count = sizes != NULL ? (size_t)atoi(sizes) : 3;
    for (size_t i = 0; i < count; i++) {
        assert_true(all_without_memory(1 + i * 480 / count, i & 1) > 10);
    }
}

/* ---- one edit alone, so that it is the one that meets the limit */

#define EDIT(name, call)                                                                           \
    static yd_err name(struct yd_doc *doc) { return call; }
#define MARKS(key_text, value_json)                                                                \
    (&(struct yd_attrs){&(struct yd_attr){YD_LITERAL(key_text), json(value_json)}, 1})
#define OPS(...)                                                                                   \
    (struct yd_delta_op[]){__VA_ARGS__},                                                           \
        sizeof(struct yd_delta_op[]){__VA_ARGS__} / sizeof(struct yd_delta_op)
#define NEW(kind_of) (&(struct yd_value[]){new_type(kind_of)}[0])
#define JSON(text)   (&(struct yd_value[]){json(text)}[0])

EDIT(insert_text, yd_edit_text_insert(doc, &TEXT, 4, YD_LITERAL("abc"), NULL))
EDIT(insert_marked, yd_edit_text_insert(doc, &TEXT, 4, YD_LITERAL("abc"), MARKS("em", "{}")))
EDIT(insert_embed, yd_edit_text_embed(doc, &TEXT, 3, JSON("{\"a\":1}"), MARKS("em", "{}")))
EDIT(insert_type, yd_edit_text_embed(doc, &TEXT, 3, NEW(YD_KIND_MAP), NULL))
EDIT(delete_text, yd_edit_text_delete(doc, &TEXT, 1, 2))
EDIT(delete_most, yd_edit_text_delete(doc, &TEXT, 1, 300))
EDIT(format_on, yd_edit_text_format(doc, &TEXT, 2, 3, MARKS("em", "{}")))
EDIT(format_off, yd_edit_text_format(doc, &TEXT, 1, 4, MARKS("bold", "null")))
EDIT(format_beyond, yd_edit_text_format(doc, &TEXT, 2, 700, MARKS("link", "1")))
EDIT(delta_all,
     yd_edit_text_delta(doc, &TEXT,
                        OPS({.kind = YD_DELTA_RETAIN, .length = 2},
                            {.kind = YD_DELTA_DELETE, .length = 1},
                            {.kind = YD_DELTA_RETAIN, .length = 2, .attrs = *MARKS("em", "1")},
                            {.kind = YD_DELTA_INSERT, .text = YD_LITERAL("new")})))
EDIT(tidy_text, yd_edit_text_tidy(doc, &TEXT, NULL))
EDIT(insert_value, yd_edit_list_insert(doc, &LIST, 1, JSON("[1,2]"), 1))
EDIT(insert_values,
     yd_edit_list_insert(doc, &LIST, 1,
                         ((struct yd_value[]){json("1"), new_type(YD_KIND_MAP), json("2")}), 3))
EDIT(push_value, yd_edit_list_push(doc, &LIST, JSON("\"last\""), 1))
EDIT(delete_values, yd_edit_list_delete(doc, &LIST, 1, 2))
EDIT(set_key, yd_edit_map_set(doc, &MAP, YD_LITERAL("k"), JSON("1")))
EDIT(set_new_key, yd_edit_map_set(doc, &MAP, YD_LITERAL("another"), NEW(YD_KIND_TEXT)))
EDIT(delete_key, yd_edit_map_delete(doc, &MAP, YD_LITERAL("k")))
EDIT(clear_keys, yd_edit_map_clear(doc, &MAP))
EDIT(new_root, yd_edit_map_set(doc, &YD_ROOT("never seen"), YD_LITERAL("k"), JSON("1")))
EDIT(new_root_only, yd_edit_map_delete(doc, &YD_ROOT("never seen"), YD_LITERAL("k")))

static yd_err (*const edits[])(struct yd_doc *doc) = {
    insert_text,   insert_marked, insert_embed,  insert_type, delete_text, delete_most,
    format_on,     format_off,    format_beyond, delta_all,   tidy_text,   insert_value,
    insert_values, push_value,    delete_values, set_key,     set_new_key, delete_key,
    clear_keys,    new_root,      new_root_only,
};
// Tidying and deleting keys only delete.
enum { EDITS = sizeof edits / sizeof *edits, NEED_NO_ROOM = 3 };

/* Whatever does not fit is refused, and the document stays one. */
static void u71_a_full_document_refuses_every_edit(void **state)
{
    (void)state;
    struct heap heap = {0};
    uint64_t refused = 0;
    for (size_t i = 0; i < EDITS; i++) {
        struct yd_doc_opts opts = {.doc_bytes_max = 60000};
        struct yd_applied applied = {.changed = false};
        struct yd_doc *doc = NULL;
        assert_int_equal(YD_OK, yd_doc_new(heap_alloc(&heap), &opts, &doc));
        assert_int_equal(YD_OK, play_world(doc));
        for (size_t letter = 0; letter_add(doc, letter) == YD_OK; letter++)
            assert_true(letter < 999);
        assert_int_equal(YD_OK, yd_edit_begin(doc, 12));
        yd_err err = edits[i](doc);
        if (err != YD_OK) assert_int_equal(YD_ETOOBIG, err);
        if (err != YD_OK) refused++;
        assert_int_equal(YD_OK, yd_edit_commit(doc, &applied));
        if (err != YD_OK) assert_false(applied.changed);
        yd_doc_check(doc);
        yd_doc_free(doc);
    }
    assert_int_equal(EDITS - NEED_NO_ROOM, refused);
    assert_int_equal(0, heap.live_bytes);
}

/* Each edit after so many structs that one of its tables is full. */
static void u70_memory_may_run_out_in_one_edit(void **state)
{
    (void)state;
    const char *sizes = getenv("REFUSED_SIZES");
    size_t count = sizes != NULL ? (size_t)atoi(sizes) : 2;
    uint64_t refused = 0;
    for (size_t i = 0; i < count * EDITS; i++) {
        bool reached = true;
        for (uint64_t nth = 1; reached; nth++) {
            struct heap heap = {0};
            struct yd_doc *doc = NULL;
            assert_int_equal(YD_OK, yd_doc_new(heap_alloc(&heap), NULL, &doc));
            assert_int_equal(YD_OK, play_first(doc, WORLD - WAITING));
            fill(doc, i / EDITS * 480 / count);
            assert_int_equal(YD_OK, yd_edit_begin(doc, 12));
            heap.refuse_at = heap.requests + nth;
            yd_err err = edits[i % EDITS](doc);
            if (err == YD_OK) err = yd_edit_commit(doc, NULL);
            reached = heap.requests >= heap.refuse_at;
            if (err != YD_OK) assert_int_equal(YD_ENOMEM, err);
            if (err != YD_OK) refused++;
            yd_doc_free(doc);
            assert_int_equal(0, heap.live_bytes);
        }
    }
    assert_true(refused > EDITS);
}

static void u100_edits_need_a_transaction(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_value one = json("1");
    struct yd_delta_op op = {.kind = YD_DELTA_RETAIN, .length = 1};
    bed_begin(&bed, NULL);
    bed_apply(&bed, world[0]);
    assert_int_equal(YD_ESTATE, yd_edit_text_insert(bed.doc, &TEXT, 0, YD_LITERAL("a"), NULL));
    assert_int_equal(YD_ESTATE, yd_edit_text_embed(bed.doc, &TEXT, 0, &one, NULL));
    assert_int_equal(YD_ESTATE, yd_edit_text_delete(bed.doc, &TEXT, 0, 1));
    assert_int_equal(YD_ESTATE, yd_edit_text_format(bed.doc, &TEXT, 0, 1, NULL));
    assert_int_equal(YD_ESTATE, yd_edit_text_delta(bed.doc, &TEXT, &op, 1));
    assert_int_equal(YD_ESTATE, yd_edit_text_tidy(bed.doc, &TEXT, NULL));
    assert_int_equal(YD_ESTATE, yd_edit_list_insert(bed.doc, &LIST, 0, &one, 1));
    assert_int_equal(YD_ESTATE, yd_edit_list_push(bed.doc, &LIST, &one, 1));
    assert_int_equal(YD_ESTATE, yd_edit_list_delete(bed.doc, &LIST, 0, 1));
    assert_int_equal(YD_ESTATE, yd_edit_map_set(bed.doc, &MAP, YD_LITERAL("k"), &one));
    assert_int_equal(YD_ESTATE, yd_edit_map_delete(bed.doc, &MAP, YD_LITERAL("k")));
    assert_int_equal(YD_ESTATE, yd_edit_map_clear(bed.doc, &MAP));
    assert_int_equal(YD_ESTATE, yd_edit_commit(bed.doc, NULL));
    bed_end(&bed);
}

static void u70_memory_may_run_out_while_a_state_is_loaded(void **state)
{
    (void)state;
    struct bed bed;
    struct stage stage;
    stage_begin(&stage, &bed, WORLD - WAITING);
    for (int format = YD_V1; format <= YD_V2; format++) {
        bool reached = true;
        for (uint64_t nth = 1; reached; nth++) {
            struct heap heap = {.refuse_at = nth};
            struct yd_doc *doc = NULL;
            yd_slice bytes = format == YD_V1 ? stage.state.v1 : stage.state.v2;
            yd_err err = yd_doc_new(heap_alloc(&heap), NULL, &doc);
            if (err == YD_OK) err = yd_doc_apply(doc, bytes, (enum yd_format)format, NULL);
            reached = heap.requests >= nth;
            if (err != YD_OK) assert_int_equal(YD_ENOMEM, err);
            yd_doc_free(doc);
            assert_int_equal(0, heap.live_bytes);
        }
    }
    stage_end(&stage, &bed);
}

/* ---- documents that can only be freed */

static void u70_a_broken_document_says_so_in_every_call(void **state)
{
    (void)state;
    struct bed bed;
    struct stage stage;
    struct yd_type_ref made;
    struct yd_place place;
    struct yd_analysis analysis;
    struct yd_shared shared;
    struct yd_value one = json("1");
    stage_begin(&stage, &bed, WORLD);
    assert_int_equal(YD_OK, yd_edit_begin(bed.doc, 99));
    bed.heap.refuse_at = bed.heap.requests + 1;
    yd_err err = YD_OK;
    while (err == YD_OK) err = yd_edit_map_set(bed.doc, &MAP, YD_LITERAL("k"), &one);
    assert_int_equal(YD_ENOMEM, err);
    assert_int_equal(YD_ENOMEM, yd_edit_map_set(bed.doc, &MAP, YD_LITERAL("k"), &one));
    assert_int_equal(YD_ENOMEM, yd_edit_commit(bed.doc, NULL));
    assert_int_equal(YD_ENOMEM, yd_edit_begin(bed.doc, 98));
    assert_int_equal(YD_ENOMEM, yd_position_resolve(bed.doc, YD_LITERAL("\1\1t"), &place));
    assert_int_equal(YD_ENOMEM, yd_doc_analyze(bed.doc, &analysis));
    assert_int_equal(YD_ENOMEM, yd_shared_look(bed.doc, &TEXT, &shared));
    assert_int_equal(YD_ENOMEM, yd_doc_subdocs(bed.doc, note_subdoc, NULL));
    struct yd_snapshot snapshot = {YD_LITERAL("\0\0"), YD_V1};
    assert_int_equal(YD_ENOMEM, yd_snapshot_restore(bed.doc, snapshot, YD_V1, &bed.out));
    assert_int_equal(YD_ENOMEM,
                     yd_snapshot_delta(bed.doc, &TEXT, &snapshot, NULL, YD_JSON_PLAIN, &bed.out));
    (void)made;
    for (size_t i = 0; i < WRITERS; i++) {
        static const writer without[] = {
            hidden_value,   hidden_subdoc,  hidden_mark,  version_embed, merged_v1,
            merged_v2,      merged_none,    converted_v1, converted_v2,  cut_v1,
            cut_v2,         vector_of,      hidden_v1,    hidden_v2,     versions,
            versions_past,  past_v1,        past_v2,      half_v1,       half_v2,
            snapshot_to_v1, snapshot_to_v2, cold_vector,  cold_diff_v1,  cold_diff_v2};
        bool needs_none = false;
        for (size_t k = 0; k < sizeof without / sizeof *without; k++) {
            needs_none = needs_none || writers[i].write == without[k];
        }
        if (needs_none) continue;
        yd_buf_clear(&bed.out);
        err = writers[i].write(&stage, &bed.out);
        if (err != YD_ENOMEM) fail_msg("%s: %d", writers[i].name, err);
    }
    stage_end(&stage, &bed);
}

/* ---- who is called back */

static yd_err no_more_structs(void *ctx, const struct yd_struct *s)
{
    (void)s;
    return --*(int *)ctx == 0 ? YD_ESTATE : YD_OK;
}

static yd_err no_more_ranges(void *ctx, const struct yd_deleted *range)
{
    (void)range;
    return --*(int *)ctx == 0 ? YD_ESTATE : YD_OK;
}

static yd_err no_subdoc(void *ctx, const struct yd_subdoc *subdoc)
{
    (void)ctx;
    (void)subdoc;
    return YD_ESTATE;
}

static void u119_who_is_called_back_may_end_it(void **state)
{
    (void)state;
    struct bed bed;
    struct stage stage;
    struct yd_parsed parsed;
    int left = 3;
    struct yd_visitor structs = {no_more_structs, NULL, &left};
    struct yd_visitor ranges = {NULL, no_more_ranges, &left};
    stage_begin(&stage, &bed, WORLD - WAITING);
    yd_alloc alloc = heap_alloc(&bed.heap);
    assert_int_equal(YD_ESTATE, yd_update_parse(UPDATE_V2(&stage), alloc, &structs, &parsed));
    left = 2;
    assert_int_equal(YD_ESTATE, yd_update_parse(UPDATE_V1(&stage), alloc, &ranges, &parsed));
    bed_apply(&bed, "010133 000901 0161 0167 7600 00"); // a sub-document
    assert_int_equal(YD_ESTATE, yd_doc_subdocs(bed.doc, no_subdoc, NULL));
    stage_end(&stage, &bed);
}

/* ---- what does not exist */

static void u86_errors_have_names(void **state)
{
    (void)state;
    assert_string_equal("YD_OK", yd_err_name(YD_OK));
    assert_string_equal("YD_EMALFORMED", yd_err_name(YD_EMALFORMED));
    assert_string_equal("YD_ETOOBIG", yd_err_name(YD_ETOOBIG));
    assert_string_equal("YD_EUNSUPPORTED", yd_err_name(YD_EUNSUPPORTED));
    assert_string_equal("YD_ENOMEM", yd_err_name(YD_ENOMEM));
    assert_string_equal("YD_ENOTFOUND", yd_err_name(YD_ENOTFOUND));
    assert_string_equal("YD_ESTATE", yd_err_name(YD_ESTATE));
    assert_string_equal("YD_E?", yd_err_name((yd_err)99));
}

static void u86_there_are_two_formats(void **state)
{
    (void)state;
    struct bed bed;
    enum yd_format third = (enum yd_format)3;
    struct yd_update update = {YD_LITERAL("\0\0"), third};
    struct yd_snapshot snapshot = {YD_LITERAL("\0\0"), YD_V1};
    struct yd_snapshot other = {YD_LITERAL("\0\0"), third};
    struct yd_cold *cold = NULL;
    struct yd_parsed parsed;
    bool is;
    bed_begin(&bed, &(struct yd_doc_opts){.keep_deleted = true});
    yd_alloc alloc = heap_alloc(&bed.heap);
    struct yd_update good = {YD_LITERAL("\0\0"), YD_V1};
    assert_int_equal(YD_EUNSUPPORTED, yd_doc_apply(bed.doc, update.bytes, third, NULL));
    assert_int_equal(YD_EUNSUPPORTED, yd_doc_encode_state(bed.doc, YD_EMPTY, third, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_doc_last_update(bed.doc, third, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_update_merge(&good, 1, third, &bed.out, NULL));
    assert_int_equal(YD_EUNSUPPORTED, yd_update_merge(&update, 1, YD_V1, &bed.out, NULL));
    assert_int_equal(YD_EUNSUPPORTED, yd_update_diff(good, YD_EMPTY, third, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_update_diff(update, YD_EMPTY, YD_V1, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_update_convert(good, third, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_update_convert(update, YD_V1, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_update_state_vector(update, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_update_parse(update, alloc, NULL, &parsed));
    assert_int_equal(YD_EUNSUPPORTED, yd_snapshot_encode(bed.doc, third, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_snapshot_convert(snapshot, third, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_snapshot_restore(bed.doc, snapshot, third, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_snapshot_convert(other, YD_V1, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_update_obfuscate(good, NULL, third, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_update_obfuscate(update, NULL, YD_V1, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED,
                     yd_snapshot_delta(bed.doc, &TEXT, &other, NULL, YD_JSON_PLAIN, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED,
                     yd_snapshot_delta(bed.doc, &TEXT, NULL, &other, YD_JSON_PLAIN, &bed.out));
    assert_int_equal(YD_EUNSUPPORTED, yd_snapshot_equal(other, snapshot, alloc, &is));
    assert_int_equal(YD_EUNSUPPORTED, yd_snapshot_contains(snapshot, update, alloc, &is));
    assert_int_equal(YD_EUNSUPPORTED, yd_cold_new(alloc, update.bytes, third, 0, &cold));
    assert_int_equal(0, bed.out.len);
    bed_end(&bed);
}

static void u101_sizes_beyond_all_there_can_be_are_refused(void **state)
{
    (void)state;
    struct bed bed;
    struct yd_value one = json("1");
    struct yd_delta_op far = {.kind = YD_DELTA_RETAIN, .length = UINT64_MAX};
    struct yd_attr attr = {YD_LITERAL("b"), json("true")};
    struct yd_attrs attrs = {&attr, 1};
    struct yd_attr nothing = {YD_LITERAL("b"), {.kind = YD_VALUE_ANY, .bytes = YD_LITERAL("\x7f")}};
    struct yd_attrs nothings = {&nothing, 1};
    struct yd_type_ref bad = YD_ROOT("\xff");
    struct yd_type_ref made;
    // Nobody reads them: the length alone is refused.
    yd_slice huge = {(const uint8_t *)"", (size_t)1 << 31};
    bed_begin(&bed, NULL);
    assert_int_equal(YD_ESTATE, yd_edit_made(bed.doc, &made));
    assert_int_equal(YD_OK, yd_edit_begin(bed.doc, 1));
    assert_int_equal(YD_ENOTFOUND, yd_edit_made(bed.doc, &made));
    assert_int_equal(YD_OK, yd_edit_text_insert(bed.doc, &TEXT, 0, YD_LITERAL("abc"), NULL));
    assert_int_equal(YD_ETOOBIG, yd_edit_text_insert(bed.doc, &TEXT, 0, huge, NULL));
    assert_int_equal(YD_ETOOBIG, yd_edit_text_format(bed.doc, &TEXT, 0, UINT64_MAX, &attrs));
    assert_int_equal(YD_ETOOBIG, yd_edit_text_delta(bed.doc, &TEXT, &far, 1));
    assert_int_equal(YD_EMALFORMED, yd_edit_text_format(bed.doc, &TEXT, 0, 1, &nothings));
    assert_int_equal(YD_ETOOBIG, yd_edit_list_insert(bed.doc, &LIST, 0, &one, (size_t)1 << 31));
    assert_int_equal(YD_ENOTFOUND, yd_edit_list_delete(bed.doc, &LIST, UINT64_MAX, 1));
    assert_int_equal(YD_ENOTFOUND, yd_edit_list_delete(bed.doc, &LIST, 0, UINT64_MAX));
    assert_int_equal(YD_EMALFORMED, yd_edit_map_delete(bed.doc, &bad, YD_LITERAL("k")));
    assert_int_equal(YD_OK, yd_edit_commit(bed.doc, NULL));
    struct yd_update empty = {YD_LITERAL("\0\0"), YD_V1};
    assert_int_equal(YD_ETOOBIG, yd_update_merge(&empty, SIZE_MAX / 2, YD_V1, &bed.out, NULL));
    bed_json_is(&bed, YD_ROOT_TEXT, "t", YD_JSON_PLAIN, "\"abc\"");
    bed_end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u70_memory_may_run_out_in_any_call),
        cmocka_unit_test(u70_memory_may_run_out_in_updates_and_edits),
        cmocka_unit_test(u70_memory_may_run_out_while_a_state_is_loaded),
        cmocka_unit_test(u70_memory_may_run_out_at_any_size),
        cmocka_unit_test(u70_memory_may_run_out_in_one_edit),
        cmocka_unit_test(u71_a_full_document_refuses_every_edit),
        cmocka_unit_test(u100_edits_need_a_transaction),
        cmocka_unit_test(u119_who_is_called_back_may_end_it),
        cmocka_unit_test(u86_errors_have_names),
        cmocka_unit_test(u70_a_broken_document_says_so_in_every_call),
        cmocka_unit_test(u71_output_that_does_not_fit_is_taken_back),
        cmocka_unit_test(u86_there_are_two_formats),
        cmocka_unit_test(u101_sizes_beyond_all_there_can_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
