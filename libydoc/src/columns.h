/* columns.h - the run-length columns of update format V2. */
#ifndef YDOC_COLUMNS_H
#define YDOC_COLUMNS_H

#include "ydoc/base.h"

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

/* ---- writing */

struct uint_writer {
    struct yd_buf buf;
    uint64_t value;
    uint64_t count;
};
struct diff_writer {
    struct yd_buf buf;
    int64_t value;
    int64_t diff;
    uint64_t count;
};
struct byte_writer {
    struct yd_buf buf;
    uint64_t count;
    uint8_t value;
};
struct text_writer {
    struct yd_buf text;
    struct uint_writer lens;
};

/* Begin a run with a value. */
YD_NODISCARD yd_err yd_uint_begin(struct uint_writer *c, uint64_t value);
YD_NODISCARD yd_err yd_diff_begin(struct diff_writer *c, int64_t diff);
YD_NODISCARD yd_err yd_byte_begin(struct byte_writer *c, uint8_t value);
/* Add a value; mostly it goes on with the run. */
YD_NODISCARD static inline yd_err yd_uint_add(struct uint_writer *c, uint64_t value)
{
    if (c->count == 0 || c->value != value) return yd_uint_begin(c, value);
    c->count++;
    return YD_OK;
}
YD_NODISCARD static inline yd_err yd_diff_add(struct diff_writer *c, uint32_t value)
{
    int64_t diff = (int64_t)value - c->value;
    c->value = value;
    if (c->count == 0 || c->diff != diff) return yd_diff_begin(c, diff);
    c->count++;
    return YD_OK;
}
YD_NODISCARD static inline yd_err yd_byte_add(struct byte_writer *c, uint8_t value)
{
    if (c->count == 0 || c->value != value) return yd_byte_begin(c, value);
    c->count++;
    return YD_OK;
}
YD_NODISCARD yd_err yd_text_add(struct text_writer *c, yd_slice text, uint32_t units);
/* Write the last run. */
YD_NODISCARD yd_err yd_uint_flush(struct uint_writer *c);
YD_NODISCARD yd_err yd_diff_flush(struct diff_writer *c);

#endif
