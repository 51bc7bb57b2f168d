/* utf8.c - UTF-8 checked and counted in UTF-16 units, the measure of all text lengths in Yjs.
 *
 * Where it sits:   validate, decode, split -> here
 * Source:          WHATWG TextDecoder with `fatal`; rule U4 in docs/encoding.md
 */
#include "utf8.h"

#include <string.h>

#define HIGH_BITS 0x8080808080808080u

static uint64_t word_at(const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* Bytes of the well-formed sequence at p, 0 if there is none before end. */
static size_t sequence_len(const uint8_t *p, const uint8_t *end)
{
    uint8_t a = p[0];
    size_t left = (size_t)(end - p);
    if (a < 0x80) return 1;
    if (a < 0xc2) return 0;
    if (a < 0xe0) return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if (a < 0xf0) {
        if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80) return 0;
        if (a == 0xe0 && p[1] < 0xa0) return 0;  // overlong
        if (a == 0xed && p[1] >= 0xa0) return 0; // surrogate
        return 3;
    }
    if (a > 0xf4 || left < 4) return 0;
    if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80) return 0;
    if (a == 0xf0 && p[1] < 0x90) return 0;
    if (a == 0xf4 && p[1] >= 0x90) return 0; // above U+10FFFF
    return 4;
}

/* Whether all of less than 8 bytes are ASCII. */
static inline bool rest_is_ascii(const uint8_t *p, size_t n)
{
    uint32_t a = 0, b = 0;
    if (n >= 4) {
        memcpy(&a, p, sizeof a);
        memcpy(&b, p + n - 4, sizeof b);
    } else if (n > 0) {
        a = (uint32_t)(p[0] | p[n / 2] | p[n - 1]);
    }
    return ((a | b) & (uint32_t)HIGH_BITS) == 0;
}

bool yd_utf8_units(yd_slice text, uint32_t *units)
{
    const uint8_t *p = text.ptr;
    const uint8_t *end = p + text.len;
    uint32_t n = 0;
    while (p < end) {
        if (end - p >= 8 && (word_at(p) & HIGH_BITS) == 0) {
            p += 8;
            n += 8;
            continue;
        }
        if (end - p < 8 && rest_is_ascii(p, (size_t)(end - p))) {
            n += (uint32_t)(end - p);
            break;
        }
        size_t len = sequence_len(p, end);
        if (len == 0) return false;
        p += len;
        n += len == 4 ? 2 : 1;
    }
    *units = n;
    return true;
}

bool yd_utf8_check(yd_slice text)
{
    uint32_t units;
    return yd_utf8_units(text, &units);
}

uint32_t yd_utf8_count(yd_slice text)
{
    const uint8_t *p = text.ptr;
    const uint8_t *end = p + text.len;
    uint32_t n = 0;
    for (; end - p >= 8 && (word_at(p) & HIGH_BITS) == 0; p += 8) n += 8;
    // Every byte that starts a character is a unit, one that starts four bytes is two.
    for (; p < end; p++) n += (uint32_t)((*p & 0xc0) != 0x80) + (uint32_t)(*p >= 0xf0);
    return n;
}

size_t yd_utf8_offset(yd_slice text, uint32_t units, bool *in_pair)
{
    const uint8_t *p = text.ptr;
    *in_pair = false;
    while (units > 0) {
        uint8_t a = *p;
        size_t len = a < 0x80 ? 1 : a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4;
        if (len == 4 && units == 1) {
            *in_pair = true;
            break;
        }
        units -= len == 4 ? 2 : 1;
        p += len;
    }
    return (size_t)(p - text.ptr);
}
