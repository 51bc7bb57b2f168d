/* ops/source.h - where in the configuration file something stands, for the errors that name it. */
#ifndef OPS_SOURCE_H
#define OPS_SOURCE_H

#include "ydoc/base.h"

#define SOURCE_DEPTH_MAX 3

struct source {
    const char *file;                   /* its name, or what stands in place of one */
    yd_slice text;                      /* valid JSON; YD_EMPTY: there are no lines to name */
    const char *keys[SOURCE_DEPTH_MAX]; /* from the root to what is being read; then NULL */
};

/* The line, from 1, of the last of the keys that is there; 0: none is.
 * Cost: one pass over the text. */
int source_line(const struct source *source);

/* What a person may have meant where a reader that got as far as `at` found no JSON, or found the
 * end; begins with "; ". "": nothing that is known. No part of the text is in it. */
const char *source_hint(yd_slice text, size_t at, bool is_at_end);

/* Writes "FILE:LINE: " and what follows, as printf does, into why. */
__attribute__((format(printf, 4, 5))) void source_tell(const struct source *source, char *why,
                                                       size_t why_size, const char *format, ...);
/* The same as an error to return. */
#define SOURCE_BAD(...) (source_tell(__VA_ARGS__), YD_EMALFORMED)

#endif
