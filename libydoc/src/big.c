/* big.c - whole numbers of a few thousand bits.
 *
 * Where it sits:   number.c, number_read.c -> here
 */
#include "big.h"

#include <string.h>

void yd_big_set(struct big *b, uint64_t value)
{
    b->words[0] = (uint32_t)value;
    b->words[1] = (uint32_t)(value >> 32);
    b->count = b->words[1] != 0 ? 2 : b->words[0] != 0 ? 1 : 0;
}

void yd_big_copy(struct big *to, const struct big *from)
{
    to->count = from->count;
    memcpy(to->words, from->words, from->count * sizeof *from->words);
}

void yd_big_shift(struct big *b, uint32_t bits)
{
    uint32_t words = bits / 32;
    bits %= 32;
    YD_ASSERT(b->count + words + 1 <= BIG_WORDS);
    if (b->count == 0) return;
    memmove(b->words + words, b->words, b->count * sizeof(uint32_t));
    memset(b->words, 0, words * sizeof(uint32_t));
    b->count += words;
    uint32_t carry = 0;
    for (uint32_t i = words; bits > 0 && i < b->count; i++) {
        uint32_t word = b->words[i];
        b->words[i] = word << bits | carry;
        carry = word >> (32 - bits);
    }
    if (carry > 0) b->words[b->count++] = carry;
}

void yd_big_times(struct big *b, uint32_t factor, uint32_t more)
{
    uint64_t carry = more;
    for (uint32_t i = 0; i < b->count; i++) {
        carry += (uint64_t)b->words[i] * factor;
        b->words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry == 0) return;
    YD_ASSERT(b->count < BIG_WORDS);
    b->words[b->count++] = (uint32_t)carry;
}

int yd_big_compare(const struct big *a, const struct big *b)
{
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    for (uint32_t i = a->count; i-- > 0;) {
        if (a->words[i] != b->words[i]) return a->words[i] < b->words[i] ? -1 : 1;
    }
    return 0;
}

void yd_big_add(struct big *sum, const struct big *a, const struct big *b)
{
    uint32_t n = a->count > b->count ? a->count : b->count;
    uint64_t carry = 0;
    for (uint32_t i = 0; i < n; i++) {
        carry += i < a->count ? a->words[i] : 0;
        carry += i < b->count ? b->words[i] : 0;
        sum->words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    YD_ASSERT(n < BIG_WORDS);
    if (carry > 0) sum->words[n++] = (uint32_t)carry;
    sum->count = n;
}

void yd_big_subtract(struct big *a, const struct big *b)
{
    uint64_t borrow = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        uint64_t take = (i < b->count ? b->words[i] : 0) + borrow;
        borrow = a->words[i] < take;
        a->words[i] = (uint32_t)(a->words[i] - take);
    }
    while (a->count > 0 && a->words[a->count - 1] == 0) a->count--;
}

uint32_t yd_big_bits(const struct big *b)
{
    if (b->count == 0) return 0;
    uint32_t bits = (b->count - 1) * 32;
    for (uint32_t top = b->words[b->count - 1]; top > 0; top >>= 1) bits++;
    return bits;
}
