/* ops/nearest.h - the valid name that a mistyped one was probably meant to be. */
#ifndef OPS_NEAREST_H
#define OPS_NEAREST_H

#include "ydoc/base.h"

struct nearest {
    const char *given;
    size_t given_len;
    const char *best; /* NULL: nothing is near */
    size_t best_distance;
};

struct nearest nearest_to(const char *given, size_t len);
void nearest_try(struct nearest *nearest, const char *name);

#endif
