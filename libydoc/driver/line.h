/* line.h - words of a command taken, an answer put together. */
#ifndef YDOC_LINE_H
#define YDOC_LINE_H

#include "driver.h"

/* ---- the command */
/* Takes the word before the next blank, and the blank. */
yd_slice line_word_take(yd_slice *line);
bool line_is(yd_slice word, const char *text);
bool line_format_take(yd_slice *line, enum yd_format *format);
bool line_number_take(yd_slice *line, uint64_t *value);
bool line_root_take(yd_slice *line, enum yd_root *root);
/* YD_EMALFORMED: that is no HEX. */
YD_NODISCARD yd_err line_unhex(struct yd_buf *to, yd_slice hex);

/* ---- the answer */
YD_NODISCARD yd_err line_put(struct yd_buf *out, const char *text);
YD_NODISCARD yd_err line_put_number(struct yd_buf *out, uint64_t value);
YD_NODISCARD yd_err line_put_usage(struct yd_buf *out, const char *usage);
YD_NODISCARD yd_err line_put_error(struct yd_buf *out, yd_err error, size_t at);
YD_NODISCARD yd_err line_put_hex(struct yd_buf *out, yd_slice bytes);
/* What the engine gave in driver->made, or its error. */
YD_NODISCARD yd_err line_answer_bytes(struct driver *d, yd_err err, struct yd_buf *out);
YD_NODISCARD yd_err line_answer_json(struct driver *d, yd_err err, struct yd_buf *out);

/* Runs a command: its words, the answer. */
typedef yd_err (*line_command)(struct driver *, yd_slice rest, struct yd_buf *out);
/* ---- edits.c: commands that change documents; NULL: no such command */
line_command edits_command(yd_slice word);
/* ---- reads.c: commands that look at one type */
line_command reads_command(yd_slice word);
/* Appends a JSON string. */
YD_NODISCARD yd_err line_put_text(struct yd_buf *out, yd_slice text);
/* ---- history.c: changes, snapshots, what is in an update */
line_command history_command(yd_slice word);

#endif
