/* number.h - doubles as JavaScript writes them. */
#ifndef YDOC_NUMBER_H
#define YDOC_NUMBER_H

#include <stddef.h>

#define NUMBER_TEXT_MAX 32

/* Writes the text of String(value) and returns its length: the shortest digits that read back as
 * the same value. NaN and the infinities are written by their names. */
size_t yd_number_text(char out[NUMBER_TEXT_MAX], double value);

#endif
