/* utf8.h - lengths of checked and unchecked text in UTF-16 units. */
#ifndef YDOC_UTF8_H
#define YDOC_UTF8_H

#include "ydoc/base.h"

/* Checks untrusted text and counts its units. False: not UTF-8; *units is then untouched. */
bool yd_utf8_units(yd_slice text, uint32_t *units);

/* Units of text that was checked before. */
uint32_t yd_utf8_count(yd_slice text);

/* Byte offset of a unit in checked text of at least so many units. When the unit is the second
 * half of a pair, *in_pair is set and the offset is that of the whole character. */
size_t yd_utf8_offset(yd_slice text, uint32_t units, bool *in_pair);

#endif
