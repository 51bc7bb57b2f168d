/* js_text.h - steps through JSON text that was checked before. */
#ifndef YDOC_JS_TEXT_H
#define YDOC_JS_TEXT_H

#include "out.h"

size_t yd_json_blanks(yd_slice json, size_t at);     /* offset of the next token */
size_t yd_json_string_end(yd_slice json, size_t at); /* offset behind the string at `at` */
size_t yd_json_value_end(yd_slice json, size_t at);  /* offset behind the value at `at` */
/* Writes the string at `at` without quotes and escapes; returns the offset behind it. */
size_t yd_json_string_text(struct text_out *o, yd_slice json, size_t at);
/* Writes one code point. */
void yd_out_point(struct text_out *o, uint32_t point);

#endif
