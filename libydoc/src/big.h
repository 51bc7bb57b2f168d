/* big.h - whole numbers of a few thousand bits, as exact conversion of doubles needs them. */
#ifndef YDOC_BIG_H
#define YDOC_BIG_H

#include "ydoc/base.h"

/* 10^1130 has 3,754 bits: 800 digits with the smallest exponent, see number_read.c. */
#define BIG_WORDS 128

struct big {
    uint32_t count; /* words in use, the highest is not 0 */
    uint32_t words[BIG_WORDS];
};

void yd_big_set(struct big *b, uint64_t value);
void yd_big_copy(struct big *to, const struct big *from);
void yd_big_shift(struct big *b, uint32_t bits); /* b <<= bits */
/* b = b * factor + more */
void yd_big_times(struct big *b, uint32_t factor, uint32_t more);
int yd_big_compare(const struct big *a, const struct big *b);
void yd_big_add(struct big *sum, const struct big *a, const struct big *b);
void yd_big_subtract(struct big *a, const struct big *b); /* a -= b, where b <= a */
uint32_t yd_big_bits(const struct big *b);                /* 0 for zero */

#endif
