/* any.c - steps over lib0 "Any" values, checking them on the way.
 *
 * Where it sits:   validate.c (untrusted), split.c and read_json.c (checked before) -> here
 * Source:          lib0 readAny; rules U5 and U6 in docs/encoding.md
 *
 * Values are kept as they came. Nothing here recurses: a stack of at most YD_DEPTH_MAX counters
 * says how many members the open arrays and objects still have.
 */
#include "any.h"

#include "codec.h"
#include "utf8.h"

uint64_t yd_read_varint(struct yd_reader *r, bool *negative)
{
    const uint8_t *start = r->at;
    uint8_t byte = yd_read_u8(r);
    *negative = (byte & 0x40) != 0;
    uint64_t value = byte & 0x3f;
    for (unsigned shift = 6; byte >= 0x80 && !r->failed; shift += 7) {
        byte = yd_read_u8(r);
        uint64_t bits = byte & 0x7f;
        bool fits = shift < 53 ? bits >> (53 - shift) == 0 : bits == 0;
        if (!fits || shift > 62) r->failed = true;
        if (shift < 53) value |= bits << shift;
    }
    if (!r->failed) return value;
    r->at = start;
    return 0;
}

YD_PART void text_skip(struct yd_reader *r, bool checked)
{
    const uint8_t *start = r->at;
    yd_slice text = codec_bytes(r, codec_varuint(r));
    if (!r->failed && (checked || utf8_short_ascii(text, r->end) || yd_utf8_check(text))) return;
    r->at = start;
    r->failed = true;
}

/* Most integers are small; up to seven bytes there is nothing to check. */
enum { INTEGER_SHORT = 7 };
static inline void integer_skip(struct yd_reader *r)
{
    bool negative;
    for (size_t n = 0; n < INTEGER_SHORT && n < yd_reader_left(r) && !r->failed; n++) {
        if (r->at[n] >= 0x80) continue;
        r->at += n + 1;
        return;
    }
    (void)yd_read_varint(r, &negative);
}

/* Open containers. Bit 0 of a level: an object, whose members have keys. */
struct any_stack {
    uint64_t left[YD_DEPTH_MAX];
    uint32_t depth;
};

/* Steps over a scalar, or opens a container. */
YD_BODY void value_skip(struct yd_reader *r, struct any_stack *stack, bool checked)
{
    const uint8_t *start = r->at;
    uint8_t tag = codec_u8(r);
    switch (tag) {
    case ANY_UNDEFINED:
    case ANY_NULL:
    case ANY_TRUE:
    case ANY_FALSE: return;
    case ANY_INTEGER: integer_skip(r); return;
    case ANY_FLOAT32: (void)codec_bytes(r, 4); return;
    case ANY_FLOAT64:
    case ANY_BIGINT: (void)codec_bytes(r, 8); return;
    case ANY_STRING: text_skip(r, checked); return;
    case ANY_BYTES: (void)yd_read_varbytes(r); return;
    case ANY_ARRAY:
    case ANY_OBJECT: {
        uint64_t count = codec_varuint(r);
        if (stack->depth == YD_DEPTH_MAX) break;
        stack->left[stack->depth++] = count << 1 | (tag == ANY_OBJECT);
        return;
    }
    default: break;
    }
    r->at = start;
    r->failed = true;
}

void yd_any_skip(struct yd_reader *reader, bool checked)
{
    struct any_stack stack;
    struct yd_reader r = *reader;
    stack.depth = 0;
    for (;;) {
        value_skip(&r, &stack, checked);
        while (stack.depth > 0 && stack.left[stack.depth - 1] < 2) stack.depth--;
        if (stack.depth == 0 || r.failed) break;
        uint64_t *left = &stack.left[stack.depth - 1];
        *left -= 2;
        if (*left & 1) text_skip(&r, checked);
    }
    *reader = r;
}
