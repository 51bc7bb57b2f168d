/* columns.h - the run-length columns of update format V2. */
#ifndef YDOC_COLUMNS_H
#define YDOC_COLUMNS_H

#include "codec.h"

/* ---- reading untrusted columns: a column that ends too early makes its reader fail, where Yjs
 * goes on with zeroes. Only the last run of a byte column has no end. */

struct uint_reader {
    struct yd_reader r;
    uint64_t value;
    uint64_t left; /* of the run */
};
struct diff_reader {
    struct yd_reader r;
    int64_t value;
    int64_t diff;
    uint64_t left;
};
struct byte_reader {
    struct yd_reader r;
    uint64_t left;
    uint8_t value;
    bool endless;
};
struct text_reader {
    yd_slice text; /* all strings, one after the other */
    size_t at;     /* offset in text; of a character that was cut in two: of its beginning */
    uint64_t left; /* UTF-16 units behind that */
    bool half;     /* the first half of the character at hand is taken */
    bool ascii;
    struct uint_reader lens;
};

struct uint_reader yd_uint_reader(yd_slice column);
uint64_t yd_uint_next(struct uint_reader *c);
struct diff_reader yd_diff_reader(yd_slice column);
int64_t yd_diff_next(struct diff_reader *c);
struct byte_reader yd_byte_reader(yd_slice column);
uint8_t yd_byte_next(struct byte_reader *c);
/* Its failures are those of lens.r. */
struct text_reader yd_text_reader(yd_slice column);
/* A string out of the column. A character that its ends cut in two is not in `bytes`: half of it
 * stands before or behind them, as U+FFFD. */
struct text_part {
    yd_slice bytes;
    bool half_before;
    bool half_behind;
};
struct text_part yd_text_next(struct text_reader *c);

/* ---- writing: a value goes on with a run or ends it, and what has ended is written. The host
 * makes room for it beforehand, so adding never fails. What is copied to where its address goes
 * nowhere stays in registers: the short way of an encoding does that (emit_v2.c). */

#define COLUMN_STEP ((size_t)16) /* bytes that a value may take, the end of its run included */
#define COLUMN_MORE ((size_t)16) /* and what may be written behind them */

/* `at` is where the next run goes. Writers begin as zeroes, those of bytes, which write a run's
 * value when it begins, with one that is none. */
#define NO_BYTE UINT32_MAX
struct uint_writer {
    uint8_t *at;
    uint64_t value;
    uint32_t count; /* of the run that is not written yet */
};
struct diff_writer {
    uint8_t *at;
    int64_t value;
    int64_t diff;
    uint32_t count;
};
struct byte_writer {
    uint8_t *at;
    uint32_t value;
    uint32_t count;
};

/* A varInt, and behind it how long the run is if it is one. */
YD_PART uint8_t *run_put(uint8_t *at, uint64_t size, bool negative, uint32_t count)
{
    at = codec_put(at, codec_varint_bits(size, negative));
    return count > 1 ? codec_put(at, count - 2) : at;
}
/* Runs of numbers are told by the sign, runs of differences by the last bit. */
YD_BODY uint8_t *uint_run_put(const struct uint_writer *c)
{
    return run_put(c->at, c->value, c->count > 1, c->count);
}
YD_BODY uint8_t *diff_run_put(const struct diff_writer *c)
{
    int64_t entry = c->diff * 2 + (c->count > 1 ? 1 : 0);
    return run_put(c->at, (uint64_t)(entry < 0 ? -entry : entry), entry < 0, c->count);
}
YD_PART void uint_add(struct uint_writer *c, uint64_t value)
{
    if (c->value != value) {
        if (c->count > 0) c->at = uint_run_put(c);
        c->value = value;
        c->count = 0;
    }
    c->count++;
}
YD_PART void uint_add_small(struct uint_writer *c, uint64_t value)
{
    if (c->count - 1 < 128 && c->value < 64) {
        uint32_t other = c->value != value, run = c->count > 1;
        c->at[0] = (uint8_t)(c->value | run << 6);
        c->at[1] = (uint8_t)(c->count - 2);
        c->at += other << run;
        c->count = (c->count & (other - 1)) + 1;
        c->value = value;
        return;
    }
    uint_add(c, value);
}
YD_PART void diff_add(struct diff_writer *c, uint32_t value)
{
    int64_t diff = (int64_t)value - c->value;
    c->value = value;
    if (c->diff != diff) {
        if (c->count > 0) c->at = diff_run_put(c);
        c->diff = diff;
        c->count = 0;
    }
    c->count++;
}
YD_PART void byte_add(struct byte_writer *c, uint8_t value)
{
    if (c->value != value) {
        if (c->count > 0) c->at = codec_put(c->at, c->count - 1);
        *c->at++ = value;
        c->value = value;
        c->count = 0;
    }
    c->count++;
}
/* Write the last run. That of bytes goes on for ever. */
static inline void uint_flush(struct uint_writer *c)
{
    if (c->count > 0) c->at = uint_run_put(c);
    c->count = 0;
}
static inline void diff_flush(struct diff_writer *c)
{
    if (c->count > 0) c->at = diff_run_put(c);
    c->count = 0;
}

#endif
