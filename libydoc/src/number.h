/* number.h - doubles as JavaScript writes and reads them. */
#ifndef YDOC_NUMBER_H
#define YDOC_NUMBER_H

#include "ydoc/base.h"

#define NUMBER_TEXT_MAX 32

/* Writes the text of String(value) and returns its length: the shortest digits that read back as
 * the same value. NaN and the infinities are written by their names. */
size_t yd_number_text(char out[NUMBER_TEXT_MAX], double value);

/* The double next to the number that checked JSON text says; ties to even, beyond the range
 * Infinity. */
double yd_number_read(yd_slice digits);

#endif
