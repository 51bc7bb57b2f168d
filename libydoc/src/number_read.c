/* number_read.c - the double next to a decimal number.
 *
 * Where it sits:   json_any.c -> here -> big.c
 * Source:          ECMAScript StringToNumber; IEEE 754 rounding to nearest, ties to even
 *
 * Short numbers are one exact multiplication or division of doubles. For all others the number is
 * a fraction of two whole numbers, and its bits come out one by one: slow and right. Digits beyond
 * DIGITS_MAX cannot change the result other than by being there: no double lies closer to a
 * boundary than 767 digits can say.
 */
#include "number.h"

#include "big.h"

#include <string.h>

#define DIGITS_MAX 800
#define POWER_MAX  330 /* 10^309 is Infinity, half of 10^-323 is 0 */

/* A number as its text says it: digits * 10^power. */
struct decimal {
    struct big digits;
    uint64_t head;  /* the digits, while they fit in 53 bits */
    uint32_t count; /* significant digits taken */
    bool is_short;  /* head holds all of them */
    bool negative;
    bool sticky; /* digits other than 0 were left out */
    int64_t power;
};

static void digit_take(struct decimal *d, uint8_t c, bool fraction)
{
    uint32_t digit = c - '0';
    if (d->count == DIGITS_MAX) {
        d->sticky |= digit != 0;
        if (!fraction) d->power++;
        return;
    }
    yd_big_times(&d->digits, 10, digit);
    if (d->count > 0 || digit > 0) d->count++;
    if (d->head < (uint64_t)1 << 49) {
        d->head = d->head * 10 + digit;
    } else {
        d->is_short = false;
    }
    if (fraction) d->power--;
}

static void decimal_read(struct decimal *d, yd_slice text)
{
    const uint8_t *p = text.ptr;
    const uint8_t *end = p + text.len;
    bool fraction = false;
    d->head = 0;
    d->count = 0;
    d->is_short = true;
    d->sticky = false;
    d->power = 0;
    yd_big_set(&d->digits, 0);
    d->negative = p < end && *p == '-';
    if (d->negative) p++;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
        } else {
            digit_take(d, *p, fraction);
        }
    }
    if (p == end) return;
    p++;
    bool down = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    int64_t exponent = 0;
    for (; p < end; p++) {
        if (exponent < INT32_MAX) exponent = exponent * 10 + (*p - '0');
    }
    d->power += down ? -exponent : exponent;
}

static double bits_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void big_times_power10(struct big *b, uint64_t power)
{
    for (; power >= 9; power -= 9) yd_big_times(b, 1000000000, 0);
    for (; power > 0; power--) yd_big_times(b, 10, 0);
}

/* n / d to the nearest double: the bits of the quotient from the highest down. */
static double quotient(struct big *n, struct big *d, bool sticky)
{
    int k = (int)yd_big_bits(n) - (int)yd_big_bits(d);
    yd_big_shift(k > 0 ? d : n, (uint32_t)(k > 0 ? k : -k));
    if (yd_big_compare(n, d) < 0) {
        yd_big_shift(n, 1);
        k--;
    }
    // Now n / d lies in [1, 2) and stands for itself times 2^k.
    if (k > 1023) return bits_double((uint64_t)0x7ff << 52);
    int bits = k < -1022 ? 53 - (-1022 - k) : 53;
    if (bits < 0) return 0;
    uint64_t mantissa = 0;
    for (int i = 0; i < bits; i++) {
        bool one = yd_big_compare(n, d) >= 0;
        if (one) yd_big_subtract(n, d);
        mantissa = mantissa << 1 | one;
        yd_big_shift(n, 1);
    }
    // What is left, doubled, against the whole: more than half of the last bit?
    int half = yd_big_compare(n, d);
    if (bits == 0) half = half > 0 || sticky ? 1 : 0; // n / d is in [1, 2), half the smallest
    if (half > 0 || (half == 0 && (sticky || mantissa % 2 != 0))) mantissa++;
    // A carry goes up into the exponent, as it has to.
    return bits_double(k < -1022 ? mantissa : ((uint64_t)(k + 1022) << 52) + mantissa);
}

static double decimal_double(struct decimal *d)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (d->count == 0) return 0;
    if (d->is_short && d->power == 0) return (double)d->head;
    if (d->is_short && d->power > 0 && d->power <= 22) {
        return (double)d->head * powers[d->power];
    }
    if (d->is_short && d->power < 0 && d->power >= -22) {
        return (double)d->head / powers[-d->power];
    }
    int64_t top = d->power + d->count; // the number is below 10^top and not below 10^(top - 1)
    if (top > POWER_MAX) return bits_double((uint64_t)0x7ff << 52);
    if (top < -POWER_MAX) return 0;
    struct big one;
    yd_big_set(&one, 1);
    if (d->power >= 0) {
        big_times_power10(&d->digits, (uint64_t)d->power);
    } else {
        big_times_power10(&one, (uint64_t)-d->power);
    }
    return quotient(&d->digits, &one, d->sticky);
}

double yd_number_read(yd_slice digits)
{
    struct decimal d;
    decimal_read(&d, digits);
    double value = decimal_double(&d);
    return d.negative ? -value : value;
}
