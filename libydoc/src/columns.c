/* columns.c - the run-length columns of update format V2, read. How they are written is in
 * columns.h.
 *
 * Where it sits:   read_v2.c -> here
 * Source:          lib0 RleDecoder, UintOptRleDecoder, IntDiffOptRleDecoder, StringDecoder;
 *                  docs/encoding.md, Columns
 */
#include "columns.h"

#include "any.h"
#include "codec.h"
#include "utf8.h"

/* What running values may not pass: JavaScript's whole numbers. */
#define VALUE_MAX ((int64_t)1 << 53)

struct uint_reader yd_uint_reader(yd_slice column)
{
    return (struct uint_reader){.r = yd_reader_of(column)};
}

uint64_t yd_uint_next(struct uint_reader *c)
{
    if (c->left == 0) {
        bool run;
        c->value = yd_read_varint(&c->r, &run);
        c->left = run ? codec_varuint(&c->r) + 2 : 1;
        if (c->r.failed) return 0;
    }
    c->left--;
    return c->value;
}

struct diff_reader yd_diff_reader(yd_slice column)
{
    return (struct diff_reader){.r = yd_reader_of(column)};
}

int64_t yd_diff_next(struct diff_reader *c)
{
    const uint8_t *start = c->r.at;
    if (c->left == 0) {
        bool negative;
        int64_t entry = (int64_t)yd_read_varint(&c->r, &negative);
        if (negative) entry = -entry;
        bool run = entry % 2 != 0;
        c->diff = (entry - run) / 2; // floor: the bit below says whether a count follows
        c->left = run ? codec_varuint(&c->r) + 2 : 1;
        if (c->r.failed) return 0;
    }
    c->left--;
    c->value += c->diff;
    if (c->value > VALUE_MAX || c->value < -VALUE_MAX) {
        c->value = 0;
        c->r.at = start;
        c->r.failed = true;
    }
    return c->value;
}

struct byte_reader yd_byte_reader(yd_slice column)
{
    return (struct byte_reader){.r = yd_reader_of(column)};
}

uint8_t yd_byte_next(struct byte_reader *c)
{
    if (c->endless) return c->value;
    if (c->left == 0) {
        c->value = codec_u8(&c->r);
        c->endless = !c->r.failed && c->r.at == c->r.end;
        c->left = c->endless || c->r.failed ? 1 : codec_varuint(&c->r) + 1;
        if (c->r.failed) return 0;
    }
    c->left--;
    return c->value;
}

struct text_reader yd_text_reader(yd_slice column)
{
    struct text_reader c = {.lens = yd_uint_reader(column)};
    struct yd_reader *r = &c.lens.r;
    uint32_t units = 0;
    c.text = yd_read_varbytes(r);
    if (!r->failed && (c.text.len > UINT32_MAX || !yd_utf8_units(c.text, &units))) {
        r->at = column.ptr;
        r->failed = true;
    }
    c.left = units;
    c.ascii = c.text.len == units;
    return c;
}

struct text_part yd_text_next(struct text_reader *c)
{
    struct text_part part = {YD_EMPTY, false, false};
    const uint8_t *start = c->lens.r.at;
    uint64_t units = yd_uint_next(&c->lens);
    if (c->lens.r.failed) return part;
    if (units > c->left) {
        c->lens.r.at = start;
        c->lens.r.failed = true;
        return part;
    }
    if (units == 0) return part;
    c->left -= units;
    part.half_before = c->half;
    if (c->half) {
        c->half = false;
        c->at += 4;
        units--;
    }
    yd_slice rest = {c->text.ptr + c->at, c->text.len - c->at};
    rest.len = c->ascii ? (size_t)units : yd_utf8_offset(rest, (uint32_t)units, &c->half);
    part.bytes = rest;
    part.half_behind = c->half;
    c->at += rest.len;
    return part;
}
