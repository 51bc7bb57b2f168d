/* any.h - the lib0 "Any" values inside an update. */
#ifndef YDOC_ANY_H
#define YDOC_ANY_H

#include "ydoc/base.h"

/* Tags of the format. */
enum {
    ANY_BYTES = 116,
    ANY_ARRAY = 117,
    ANY_OBJECT = 118,
    ANY_STRING = 119,
    ANY_TRUE = 120,
    ANY_FALSE = 121,
    ANY_BIGINT = 122,
    ANY_FLOAT64 = 123,
    ANY_FLOAT32 = 124,
    ANY_INTEGER = 125,
    ANY_NULL = 126,
    ANY_UNDEFINED = 127
};

/* Steps over one value; a bad one makes the reader fail. `checked` leaves out the test of texts. */
void yd_any_skip(struct yd_reader *r, bool checked);
/* lib0 varInt. *negative tells -0 from 0. */
uint64_t yd_read_varint(struct yd_reader *r, bool *negative);

/* ---- json_any.c */
/* Appends checked JSON text as an Any value. Errors: YD_ENOMEM, YD_ETOOBIG. */
YD_NODISCARD yd_err yd_json_any(struct yd_buf *out, yd_slice json);
/* Appends a checked Any value as JSON.stringify writes it; `undefined` alone is null. */
YD_NODISCARD yd_err yd_any_json_text(struct yd_buf *out, yd_slice any);

#endif
