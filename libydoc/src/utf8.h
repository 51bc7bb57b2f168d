/* utf8.h - lengths of checked and unchecked text in UTF-16 units. */
#ifndef YDOC_UTF8_H
#define YDOC_UTF8_H

#include "codec.h"

/* Checks untrusted text and counts its units. False: not UTF-8; *units is then untouched. */
bool yd_utf8_units(yd_slice text, uint32_t *units);

/* Whether text is short and ASCII, as keys and most values are: a look at two words says so. False
 * also where that cannot be told: it has more than 16 bytes, or it begins less than 8 before `end`,
 * up to which may be read. */
static inline bool utf8_short_ascii(yd_slice text, const uint8_t *end)
{
    const uint64_t high = 0x8080808080808080u;
    uint64_t first, last;
    if (text.len == 0 || text.len > 16) return false;
    if ((size_t)(end - text.ptr) < sizeof first) return false;
    memcpy(&first, text.ptr, sizeof first);
    if (text.len < sizeof first) return (codec_first(first, (uint32_t)text.len) & high) == 0;
    memcpy(&last, text.ptr + text.len - sizeof last, sizeof last);
    return ((first | last) & high) == 0;
}

/* Units of text that was checked before. */
uint32_t yd_utf8_count(yd_slice text);

/* Byte offset of a unit in checked text of at least so many units. When the unit is the second
 * half of a pair, *in_pair is set and the offset is that of the whole character. */
size_t yd_utf8_offset(yd_slice text, uint32_t units, bool *in_pair);

#endif
