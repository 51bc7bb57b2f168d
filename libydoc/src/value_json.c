/* value_json.c - lib0 Any values as JSON.
 *
 * Where it sits:   read_json.c -> here -> any.c, number.c
 * Source:          JSON.stringify; the tagged form is that of ydoc/doc.h
 */
#include "any.h"
#include "codec.h"
#include "number.h"
#include "out.h"

#include <string.h>

static void tag_json(struct text_out *o, yd_slice name)
{
    yd_out_raw(o, YD_LITERAL("{\"$\":\""));
    yd_out_raw(o, name);
    yd_out_raw(o, YD_LITERAL("\"}"));
}

void yd_undefined_json(struct text_out *o)
{
    if (o->tagged) {
        tag_json(o, YD_LITERAL("undefined"));
    } else {
        yd_out_raw(o, YD_LITERAL("null"));
    }
}

double yd_read_float(struct yd_reader *r, bool is64)
{
    yd_slice bytes = yd_read_bytes(r, is64 ? 8 : 4);
    uint64_t bits = 0;
    for (size_t i = 0; i < bytes.len; i++) bits = bits << 8 | bytes.ptr[i];
    if (is64) {
        double value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    uint32_t short_bits = (uint32_t)bits;
    float value;
    memcpy(&value, &short_bits, sizeof value);
    return (double)value;
}

static void double_json(struct text_out *o, double value)
{
    char text[NUMBER_TEXT_MAX];
    size_t len = yd_number_text(text, value);
    yd_slice digits = {(const uint8_t *)text, len};
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bool finite = (bits >> 52 & 0x7ff) != 0x7ff;
    if (!finite) {
        if (o->tagged) {
            tag_json(o, digits);
        } else {
            yd_out_raw(o, YD_LITERAL("null"));
        }
    } else if (o->tagged && bits << 1 == 0 && bits != 0) {
        tag_json(o, YD_LITERAL("-0"));
    } else {
        yd_out_raw(o, digits);
    }
}

static void integer_json(struct text_out *o, struct yd_reader *r)
{
    bool negative;
    uint64_t value = yd_read_varint(r, &negative);
    if (value == 0 && negative) {
        double_json(o, -0.0);
        return;
    }
    if (negative) out_byte(o, '-');
    yd_out_uint(o, value);
}

void yd_bigint_text(struct text_out *o, uint64_t bits)
{
    bool negative = bits >> 63 != 0;
    if (negative) out_byte(o, '-');
    yd_out_uint(o, negative ? 0 - bits : bits);
}

/* JSON.stringify throws on a bigint; plain JSON carries its digits instead. */
static void bigint_json(struct text_out *o, struct yd_reader *r)
{
    yd_slice bytes = yd_read_bytes(r, 8);
    uint64_t bits = 0;
    for (size_t i = 0; i < bytes.len; i++) bits = bits << 8 | bytes.ptr[i];
    if (o->tagged) yd_out_raw(o, YD_LITERAL("{\"$big\":\""));
    yd_bigint_text(o, bits);
    if (o->tagged) yd_out_raw(o, YD_LITERAL("\"}"));
}

void yd_bytes_json(struct text_out *o, yd_slice bytes)
{
    static const char hex[] = "0123456789abcdef";
    yd_out_raw(o, o->tagged ? YD_LITERAL("{\"$bin\":\"") : YD_LITERAL("{"));
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = bytes.ptr[i];
        if (o->tagged) {
            out_byte(o, (uint8_t)hex[byte >> 4]);
            out_byte(o, (uint8_t)hex[byte & 15]);
            continue;
        }
        yd_out_raw(o, i > 0 ? YD_LITERAL(",\"") : YD_LITERAL("\""));
        yd_out_uint(o, i);
        yd_out_raw(o, YD_LITERAL("\":"));
        yd_out_uint(o, byte);
    }
    yd_out_raw(o, o->tagged ? YD_LITERAL("\"}") : YD_LITERAL("}"));
}

struct json_level {
    uint64_t left;
    bool object;
    bool first; /* no member was written yet */
};

/* Writes a scalar, or opens a level. */
static void any_value_json(struct text_out *o, struct yd_reader *r, struct json_level *levels,
                           uint32_t *depth)
{
    uint8_t tag = yd_read_u8(r);
    switch (tag) {
    case ANY_UNDEFINED: yd_undefined_json(o); return;
    case ANY_NULL: yd_out_raw(o, YD_LITERAL("null")); return;
    case ANY_TRUE: yd_out_raw(o, YD_LITERAL("true")); return;
    case ANY_FALSE: yd_out_raw(o, YD_LITERAL("false")); return;
    case ANY_INTEGER: integer_json(o, r); return;
    case ANY_FLOAT32:
    case ANY_FLOAT64: double_json(o, yd_read_float(r, tag == ANY_FLOAT64)); return;
    case ANY_BIGINT: bigint_json(o, r); return;
    case ANY_STRING: yd_out_json_string(o, yd_read_varbytes(r)); return;
    case ANY_BYTES: yd_bytes_json(o, yd_read_varbytes(r)); return;
    default: break;
    }
    YD_ASSERT(*depth < YD_DEPTH_MAX && (tag == ANY_ARRAY || tag == ANY_OBJECT));
    levels[(*depth)++] = (struct json_level){codec_varuint(r), tag == ANY_OBJECT, true};
    out_byte(o, tag == ANY_OBJECT ? '{' : '[');
}

void yd_any_json(struct text_out *o, struct yd_reader *r)
{
    struct json_level levels[YD_DEPTH_MAX];
    uint32_t depth = 0;
    any_value_json(o, r, levels, &depth);
    while (depth > 0) {
        struct json_level *level = &levels[depth - 1];
        if (level->left == 0) {
            out_byte(o, level->object ? '}' : ']');
            depth--;
            continue;
        }
        level->left--;
        yd_slice key = level->object ? yd_read_varbytes(r) : YD_EMPTY;
        YD_ASSERT(!r->failed && r->at < r->end);
        if (level->object && *r->at == ANY_UNDEFINED && !o->tagged) {
            r->at++; // such members do not show
            continue;
        }
        if (!level->first) out_byte(o, ',');
        level->first = false;
        if (level->object) {
            yd_out_json_string(o, key);
            out_byte(o, ':');
        }
        any_value_json(o, r, levels, &depth);
    }
}
