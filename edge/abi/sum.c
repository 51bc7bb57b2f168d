/* sum.c - see sum.h. Eight bytes at a time; each step can be undone, so that no change within eight
 * bytes leaves the sum as it was. It finds damage, not malice: who can write rows can write sums.
 */
#include "sum.h"

#include <string.h>

#define FACTOR 0x9E3779B97F4A7C15ull

static uint64_t mixed(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * FACTOR;
    return sum ^ sum >> 29;
}

static uint64_t sum_of(enum sum_of of, yd_slice bytes)
{
    uint64_t sum = mixed((uint64_t)of, bytes.len);
    size_t at = 0;
    for (; bytes.len - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, bytes.ptr + at, 8);
        sum = mixed(sum, word);
    }
    uint64_t rest = 0;
    memcpy(&rest, bytes.ptr + at, bytes.len - at);
    return mixed(sum, rest);
}

void sum_make(enum sum_of of, yd_slice bytes, uint8_t sum[SUM_BYTES])
{
    uint64_t value = sum_of(of, bytes);
    memcpy(sum, &value, SUM_BYTES);
}

bool sum_take(enum sum_of of, yd_slice *stored)
{
    uint8_t sum[SUM_BYTES];
    if (stored->len < SUM_BYTES) return false;
    yd_slice bytes = {stored->ptr + SUM_BYTES, stored->len - SUM_BYTES};
    sum_make(of, bytes, sum);
    if (memcmp(sum, stored->ptr, SUM_BYTES) != 0) return false;
    *stored = bytes;
    return true;
}
