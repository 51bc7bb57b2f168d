/* json_any.c - JSON text as a lib0 Any value: what format V2 carries in its place.
 *
 * Where it sits:   read_v2.c, write_v2.c -> here -> number_read.c, js_text.c
 * Source:          JSON.parse, lib0 writeAny; rule U79 in docs/encoding.md
 *
 * Lengths and counts stand before what they count and are known behind it: room for one byte is
 * left, which is enough nearly always. Members keep the order of the text.
 */
#include "any.h"
#include "codec.h"
#include "js_text.h"
#include "number.h"

#include <string.h>

/* Puts a varUint in the place of the one byte left at `at`. */
static yd_err count_fill(struct yd_buf *out, size_t at, uint64_t count)
{
    size_t size = yd_varuint_size(count);
    YD_TRY(yd_buf_reserve(out, size));
    uint8_t *p = out->ptr + at;
    if (size > 1) memmove(p + size, p + 1, out->len - at - 1);
    out->len += size - 1;
    yd_varuint_put(p, count);
    return YD_OK;
}

/* The string at `*at` with its length; *at moves behind it. */
static yd_err string_any(struct yd_buf *out, yd_slice json, size_t *at)
{
    size_t start = out->len;
    YD_TRY(yd_buf_u8(out, 0));
    struct text_out o = {.buf = out};
    *at = yd_json_string_text(&o, json, *at);
    YD_TRY(o.err);
    return count_fill(out, start, out->len - start - 1);
}

static yd_err float_any(struct yd_buf *out, double value)
{
    uint8_t bytes[9];
    uint64_t bits;
    uint32_t n = 8;
    bytes[0] = ANY_FLOAT64;
    memcpy(&bits, &value, sizeof bits);
    // Within the range of floats, or infinite: the cast is defined and tells.
    bool fits = (value >= -3.4028234663852886e38 && value <= 3.4028234663852886e38) ||
                (bits >> 52 & 0x7ff) == 0x7ff;
    if (fits && (double)(float)value == value) {
        float narrow = (float)value;
        uint32_t short_bits;
        memcpy(&short_bits, &narrow, sizeof short_bits);
        bytes[0] = ANY_FLOAT32;
        bits = short_bits;
        n = 4;
    }
    for (uint32_t i = 0; i < n; i++) bytes[1 + i] = (uint8_t)(bits >> (n - 1 - i) * 8);
    return yd_buf_append(out, (yd_slice){bytes, n + 1});
}

static yd_err number_any(struct yd_buf *out, yd_slice digits)
{
    double value = yd_number_read(digits);
    bool negative = digits.ptr[0] == '-';
    double size = negative ? -value : value;
    if (size <= INT32_MAX && (double)(uint32_t)size == size) {
        YD_TRY(yd_buf_u8(out, ANY_INTEGER));
        return yd_buf_varint(out, (uint32_t)size, negative);
    }
    return float_any(out, value);
}

static yd_err scalar_any(struct yd_buf *out, yd_slice json, size_t *at)
{
    size_t from = *at;
    switch (json.ptr[from]) {
    case '"': YD_TRY(yd_buf_u8(out, ANY_STRING)); return string_any(out, json, at);
    case 't': *at = from + 4; return yd_buf_u8(out, ANY_TRUE);
    case 'f': *at = from + 5; return yd_buf_u8(out, ANY_FALSE);
    case 'n': *at = from + 4; return yd_buf_u8(out, ANY_NULL);
    default: break;
    }
    *at = yd_json_value_end(json, from);
    return number_any(out, (yd_slice){json.ptr + from, *at - from});
}

/* An array or object that is not closed yet. */
struct any_level {
    size_t count_at; /* in the output */
    uint64_t count;
    bool object;
};

/* Closes what ends at `*at` and steps to the next member. */
static yd_err levels_close(struct yd_buf *out, yd_slice json, size_t *at,
                           const struct any_level *levels, uint32_t *depth)
{
    while (*depth > 0) {
        *at = yd_json_blanks(json, *at);
        uint8_t c = json.ptr[(*at)++];
        if (c == ',') return YD_OK;
        YD_ASSERT(c == ']' || c == '}');
        const struct any_level *level = &levels[--*depth];
        YD_TRY(count_fill(out, level->count_at, level->count));
    }
    return YD_OK;
}

yd_err yd_json_any(struct yd_buf *out, yd_slice json)
{
    struct any_level levels[YD_DEPTH_MAX];
    uint32_t depth = 0;
    size_t at = 0;
    do {
        at = yd_json_blanks(json, at);
        struct any_level *level = depth > 0 ? &levels[depth - 1] : NULL;
        bool ends = level != NULL && (json.ptr[at] == ']' || json.ptr[at] == '}');
        if (!ends && level != NULL) {
            level->count++;
            if (level->object) {
                YD_TRY(string_any(out, json, &at));
                at = yd_json_blanks(json, yd_json_blanks(json, at) + 1); // over the colon
            }
        }
        bool object = !ends && json.ptr[at] == '{';
        if (object || (!ends && json.ptr[at] == '[')) {
            YD_ASSERT(depth < YD_DEPTH_MAX);
            YD_TRY(yd_buf_u8(out, object ? ANY_OBJECT : ANY_ARRAY));
            levels[depth++] = (struct any_level){.count_at = out->len, .object = object};
            YD_TRY(yd_buf_u8(out, 0));
            at++;
            continue; // its first member, or its end
        }
        if (!ends) YD_TRY(scalar_any(out, json, &at));
        YD_TRY(levels_close(out, json, &at, levels, &depth));
    } while (depth > 0);
    return YD_OK;
}

yd_err yd_any_json_text(struct yd_buf *out, yd_slice any)
{
    struct text_out o = {.buf = out};
    struct yd_reader r = yd_reader_of(any);
    yd_any_json(&o, &r);
    return o.err;
}
