/* out.h - text going out, with one error at the end, and values in two renderings. */
#ifndef YDOC_OUT_H
#define YDOC_OUT_H

#include "ydoc/doc.h"

struct text_out {
    struct yd_buf *buf;
    yd_err err;  /* the first one; what follows it is dropped */
    bool escape; /* out_text() writes the inside of a JSON string */
    bool tagged; /* YD_JSON_TAGGED */
};

/* As they are. */
void yd_out_raw(struct text_out *o, yd_slice bytes);
/* Text, escaped if the output asks for it. */
void yd_out_text(struct text_out *o, yd_slice text);
/* A whole JSON string, quotes and all. */
void yd_out_json_string(struct text_out *o, yd_slice text);
void yd_out_uint(struct text_out *o, uint64_t value);
static inline void out_byte(struct text_out *o, uint8_t byte)
{
    yd_out_raw(o, (yd_slice){&byte, 1});
}

/* ---- value_json.c: a value as JSON.stringify writes it */
void yd_any_json(struct text_out *o, struct yd_reader *r);
/* What stands for undefined where something must stand. */
void yd_undefined_json(struct text_out *o);
void yd_bytes_json(struct text_out *o, yd_slice bytes);
void yd_bigint_text(struct text_out *o, uint64_t bits);

/* ---- js_text.c: a value as String(value) gives it */
void yd_any_js_text(struct text_out *o, struct yd_reader *r);
void yd_json_js_text(struct text_out *o, yd_slice json);
void yd_bytes_js_text(struct text_out *o, yd_slice bytes);
double yd_read_float(struct yd_reader *r, bool is64);

#endif
