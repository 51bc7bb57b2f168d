/* read_v2.c - update format V2 into the inner form: format V1 with two contents of our own.
 *
 * Where it sits:   apply.c, update.c -> here -> columns.c, json_any.c
 * Source:          Yjs UpdateDecoderV2, readClientsStructRefs; rules U72 to U77 in
 *                  docs/encoding.md
 *
 * A struct of V2 lies in pieces in ten streams that can only be read from their beginnings, while
 * integration goes back and forth between sections, and parks some. So the update is written once
 * as V1, which has all of a struct in one place, and from there on there is one format.
 * Values of embeds and marks become JSON text if that is as good: if the text gives the same value
 * back, byte for byte. The others stay values, under content references that no update has.
 */
#include "read_v2.h"

#include "any.h"
#include "codec.h"
#include "columns.h"
#include "wire.h"

#include <string.h>

/* Structs of no bytes at all: runs in columns say "as before" for any number of them. Real
 * documents have some 10 per byte (a shape dragged about leaves one per move). */
#define STRUCTS_FREE     ((uint64_t)65536)
#define STRUCTS_PER_BYTE ((uint64_t)64)

struct v2_key { /* where in the inner form a key lies */
    size_t at;
    size_t len;
};

struct v2_in {
    struct diff_reader key_clock;
    struct uint_reader client;
    struct diff_reader left;
    struct diff_reader right;
    struct byte_reader info;
    struct text_reader text;
    struct byte_reader parent;
    struct uint_reader type_ref;
    struct uint_reader len;
    struct yd_reader rest;
    struct v2_inner *inner;
    uint64_t structs_left;
    size_t wanted;            /* an offset in the inner form */
    const uint8_t *wanted_at; /* how far `rest` was read where its struct began */
    const uint8_t *bad;       /* first byte that could not be accepted */
    yd_err err;
};

static void in_refuse(struct v2_in *in, const uint8_t *bad)
{
    if (in->err != YD_OK) return;
    in->err = YD_EMALFORMED;
    in->bad = bad;
}

static void in_watch(struct v2_in *in, const struct yd_reader *r)
{
    if (r->failed) in_refuse(in, r->at);
}

static void in_err(struct v2_in *in, yd_err err)
{
    if (in->err == YD_OK) in->err = err;
}

/* ---- the inner form */

static void put_uint(struct v2_in *in, uint64_t value)
{
    if (in->err == YD_OK) in_err(in, yd_buf_varuint(&in->inner->bytes, value));
}

static void inner_bytes(struct v2_in *in, yd_slice bytes)
{
    if (in->err == YD_OK) in_err(in, yd_buf_append(&in->inner->bytes, bytes));
}

static void inner_varbytes(struct v2_in *in, yd_slice bytes)
{
    put_uint(in, bytes.len);
    inner_bytes(in, bytes);
}

/* ---- fields */

static uint64_t rest_uint(struct v2_in *in)
{
    uint64_t value = codec_varuint(&in->rest);
    in_watch(in, &in->rest);
    return value;
}

/* A count of things that take at least two bytes of the rest each. */
static uint64_t rest_count(struct v2_in *in)
{
    const uint8_t *at = in->rest.at;
    uint64_t count = rest_uint(in);
    if (count > yd_reader_left(&in->rest) / 2) in_refuse(in, at);
    return in->err == YD_OK ? count : 0;
}

static void copy_uint(struct v2_in *in, struct uint_reader *column)
{
    uint64_t value = yd_uint_next(column);
    in_watch(in, &column->r);
    put_uint(in, value);
}

static void copy_id(struct v2_in *in, struct diff_reader *clocks)
{
    copy_uint(in, &in->client);
    int64_t clock = yd_diff_next(clocks);
    in_watch(in, &clocks->r);
    if (clock < 0) in_refuse(in, clocks->r.at);
    if (in->err == YD_OK) put_uint(in, (uint64_t)clock);
}

static void copy_text(struct v2_in *in)
{
    static const yd_slice half = {(const uint8_t *)"\xef\xbf\xbd", 3};
    struct text_part part = yd_text_next(&in->text);
    in_watch(in, &in->text.lens.r);
    put_uint(in, part.bytes.len + (part.half_before ? 3 : 0) + (part.half_behind ? 3 : 0));
    if (part.half_before) inner_bytes(in, half);
    inner_bytes(in, part.bytes);
    if (part.half_behind) inner_bytes(in, half);
}

/* A key is an index into the table of those seen, or the next text. */
static void copy_key(struct v2_in *in)
{
    struct yd_buf *keys = &in->inner->keys;
    struct yd_buf *bytes = &in->inner->bytes;
    int64_t clock = yd_diff_next(&in->key_clock);
    in_watch(in, &in->key_clock.r);
    if (clock < 0) in_refuse(in, in->key_clock.r.at);
    if (in->err != YD_OK) return;
    if ((uint64_t)clock < keys->len / sizeof(struct v2_key)) {
        struct v2_key key;
        memcpy(&key, keys->ptr + (size_t)clock * sizeof key, sizeof key);
        in_err(in, yd_buf_reserve(bytes, key.len));
        if (in->err != YD_OK) return;
        memcpy(bytes->ptr + bytes->len, bytes->ptr + key.at, key.len);
        bytes->len += key.len;
        return;
    }
    struct v2_key key = {bytes->len, 0};
    copy_text(in);
    key.len = bytes->len - key.at;
    if (in->err != YD_OK) return;
    in_err(in, yd_buf_append(keys, (yd_slice){(const uint8_t *)&key, sizeof key}));
}

static yd_slice rest_any(struct v2_in *in)
{
    const uint8_t *at = in->rest.at;
    if (in->err == YD_OK) yd_any_skip(&in->rest, false);
    in_watch(in, &in->rest);
    return (yd_slice){at, (size_t)(in->rest.at - at)};
}

/* The value of an embed or mark, as JSON text if that gives the value back. True: as a value. */
static bool copy_value(struct v2_in *in)
{
    struct yd_buf *json = &in->inner->json;
    struct yd_buf *any = &in->inner->any;
    yd_slice value = rest_any(in);
    if (in->err != YD_OK) return false;
    yd_buf_clear(json);
    yd_buf_clear(any);
    in_err(in, yd_any_json_text(json, value));
    if (in->err == YD_OK) in_err(in, yd_json_any(any, yd_buf_slice(json)));
    if (in->err != YD_OK) return false;
    bool same = yd_slice_equal(yd_buf_slice(any), value);
    if (same) {
        inner_varbytes(in, yd_buf_slice(json));
    } else {
        inner_bytes(in, value);
    }
    return !same;
}

/* ---- structs */

static void copy_values(struct v2_in *in, uint32_t ref)
{
    const uint8_t *at = in->len.r.at;
    uint64_t count = yd_uint_next(&in->len);
    in_watch(in, &in->len.r);
    if (count >= CLOCK_MAX) in_refuse(in, at);
    put_uint(in, count);
    for (uint64_t i = 0; i < count && in->err == YD_OK; i++) {
        if (ref == REF_ANY) {
            inner_bytes(in, rest_any(in));
            continue;
        }
        size_t before = in->inner->bytes.len;
        copy_text(in);
        // No JSON is empty, and a run of empty texts would cost nothing.
        if (in->inner->bytes.len == before + 1) in_refuse(in, in->text.lens.r.at);
    }
}

static void copy_content(struct v2_in *in, uint8_t info, size_t info_at)
{
    uint32_t ref = info & 31;
    bool is_value = false;
    switch (ref) {
    case REF_DELETED: copy_uint(in, &in->len); break;
    case REF_JSON:
    case REF_ANY: copy_values(in, ref); break;
    case REF_BINARY: {
        const uint8_t *at = in->rest.at;
        yd_slice bytes = yd_read_bytes(&in->rest, codec_varuint(&in->rest));
        if (in->rest.failed) in->rest.at = at;
        in_watch(in, &in->rest);
        inner_varbytes(in, bytes);
        break;
    }
    case REF_STRING: copy_text(in); break;
    case REF_EMBED: is_value = copy_value(in); break;
    case REF_FORMAT:
        copy_key(in);
        is_value = copy_value(in);
        break;
    case REF_TYPE: {
        uint64_t type_ref = yd_uint_next(&in->type_ref);
        in_watch(in, &in->type_ref.r);
        put_uint(in, type_ref);
        if (type_ref < TYPE_REF_COUNT && wire_type_has_name((uint32_t)type_ref)) copy_key(in);
        break;
    }
    default: // REF_DOC
        copy_text(in);
        inner_bytes(in, rest_any(in));
        break;
    }
    if (!is_value || in->err != YD_OK) return;
    uint8_t own = ref == REF_EMBED ? REF_EMBED_ANY : REF_FORMAT_ANY;
    in->inner->bytes.ptr[info_at] = (uint8_t)((info & ~31) | own);
}

static void copy_parent(struct v2_in *in, uint8_t info)
{
    uint8_t root = yd_byte_next(&in->parent);
    in_watch(in, &in->parent.r);
    put_uint(in, root == 1);
    if (root == 1) {
        copy_text(in);
    } else {
        copy_id(in, &in->left);
    }
    if (info & WIRE_KEY) copy_text(in);
}

static void copy_struct(struct v2_in *in)
{
    const uint8_t *at = in->info.r.at;
    size_t info_at = in->inner->bytes.len;
    uint8_t info = yd_byte_next(&in->info);
    uint32_t ref = info & 31;
    in_watch(in, &in->info.r);
    if (ref > REF_SKIP) in_refuse(in, at);
    if (info_at <= in->wanted) in->wanted_at = in->rest.at;
    inner_bytes(in, (yd_slice){&info, 1});
    if (ref == REF_GC) {
        copy_uint(in, &in->len);
    } else if (ref == REF_SKIP) {
        put_uint(in, rest_uint(in));
    } else {
        if (info & WIRE_ORIGIN) copy_id(in, &in->left);
        if (info & WIRE_RIGHT) copy_id(in, &in->right);
        if ((info & WIRE_ORIGINS) == 0) copy_parent(in, info);
        copy_content(in, info, info_at);
    }
}

static void copy_section(struct v2_in *in)
{
    uint64_t structs = rest_uint(in);
    if (structs > in->structs_left) in_err(in, YD_ETOOBIG);
    in->structs_left -= structs;
    put_uint(in, structs);
    copy_uint(in, &in->client);
    put_uint(in, rest_uint(in));
    for (uint64_t i = 0; i < structs && in->err == YD_OK; i++) copy_struct(in);
}

/* Ranges say how far they lie behind the one before. */
static void copy_ranges(struct v2_in *in)
{
    put_uint(in, rest_uint(in)); // the client
    uint64_t count = rest_count(in);
    put_uint(in, count);
    uint64_t clock = 0;
    for (uint64_t i = 0; i < count && in->err == YD_OK; i++) {
        const uint8_t *at = in->rest.at;
        clock += rest_uint(in);
        uint64_t len = rest_uint(in) + 1;
        if (clock >= CLOCK_MAX || len > CLOCK_MAX - clock) in_refuse(in, at);
        put_uint(in, clock);
        put_uint(in, len);
        clock += len;
    }
}

static void in_open(struct v2_in *in, yd_slice update, struct v2_inner *inner)
{
    struct yd_reader r = yd_reader_of(update);
    yd_slice columns[9];
    *in = (struct v2_in){.inner = inner, .wanted_at = update.ptr, .err = YD_OK};
    in->structs_left = STRUCTS_FREE + STRUCTS_PER_BYTE * update.len;
    (void)codec_varuint(&r); // flags of the format: none are defined
    for (uint32_t i = 0; i < 9; i++) columns[i] = yd_read_varbytes(&r);
    in_watch(in, &r);
    in->key_clock = yd_diff_reader(columns[0]);
    in->client = yd_uint_reader(columns[1]);
    in->left = yd_diff_reader(columns[2]);
    in->right = yd_diff_reader(columns[3]);
    in->info = yd_byte_reader(columns[4]);
    in->text = yd_text_reader(columns[5]);
    in->parent = yd_byte_reader(columns[6]);
    in->type_ref = yd_uint_reader(columns[7]);
    in->len = yd_uint_reader(columns[8]);
    in->rest = r;
    in_watch(in, &in->text.lens.r);
    yd_buf_clear(&inner->bytes);
    yd_buf_clear(&inner->keys);
}

static void in_run(struct v2_in *in)
{
    uint64_t sections = rest_count(in);
    put_uint(in, sections);
    for (uint64_t i = 0; i < sections && in->err == YD_OK; i++) copy_section(in);
    uint64_t clients = rest_count(in);
    put_uint(in, clients);
    for (uint64_t i = 0; i < clients && in->err == YD_OK; i++) copy_ranges(in);
}

yd_err yd_v2_read(yd_slice update, struct v2_inner *inner, size_t *error_at)
{
    struct v2_in in;
    in_open(&in, update, inner);
    in_run(&in);
    if (in.err == YD_EMALFORMED) *error_at = (size_t)(in.bad - update.ptr);
    return in.err;
}

size_t yd_v2_locate(yd_slice update, struct v2_inner *inner, size_t at)
{
    struct v2_in in;
    in_open(&in, update, inner);
    in.wanted = at;
    in_run(&in);
    return (size_t)(in.wanted_at - update.ptr);
}

void yd_v2_inner_init(struct v2_inner *inner, yd_alloc alloc, size_t bytes_max)
{
    yd_buf_init(&inner->bytes, alloc, bytes_max);
    yd_buf_init(&inner->keys, alloc, SIZE_MAX / 2);
    yd_buf_init(&inner->json, alloc, SIZE_MAX / 2);
    yd_buf_init(&inner->any, alloc, SIZE_MAX / 2);
}

void yd_v2_inner_deinit(struct v2_inner *inner)
{
    yd_buf_deinit(&inner->bytes);
    yd_buf_deinit(&inner->keys);
    yd_buf_deinit(&inner->json);
    yd_buf_deinit(&inner->any);
}
