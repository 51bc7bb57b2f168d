/* number.c - the shortest decimal digits of a double, in JavaScript's layout.
 *
 * Where it sits:   value_json.c, js_text.c -> here -> big.c
 * Source:          Steele and White's free-format printing with exact integers (Dragon4);
 *                  ECMAScript Number::toString
 *
 * Exact arithmetic on integers of up to 1,200 bits: slower than table-driven methods by an order
 * of magnitude and right by construction. Numbers are printed on export only.
 */
#include "number.h"

#include "big.h"

#include <string.h>

#define NUMBER_DIGITS 17

/* value = r / s; every decimal between r - low and r + high over s reads back as it. */
struct fraction {
    struct big r;
    struct big s;
    struct big high;
    struct big low;
    bool even; /* the bounds themselves read back too */
};

static void fraction_of(struct fraction *f, uint64_t mantissa, int exponent, bool narrow)
{
    // At a power of two the gap below is half as wide.
    uint32_t extra = narrow ? 2 : 1;
    uint32_t up = exponent > 0 ? (uint32_t)exponent : 0;
    uint32_t down = exponent < 0 ? (uint32_t)-exponent : 0;
    yd_big_set(&f->r, mantissa);
    yd_big_shift(&f->r, up + extra);
    yd_big_set(&f->s, 1);
    yd_big_shift(&f->s, down + extra);
    yd_big_set(&f->low, 1);
    yd_big_shift(&f->low, up);
    yd_big_set(&f->high, 1);
    yd_big_shift(&f->high, up + extra - 1);
    f->even = mantissa % 2 == 0;
}

static bool above_one(const struct fraction *f)
{
    struct big sum;
    yd_big_add(&sum, &f->r, &f->high);
    int order = yd_big_compare(&sum, &f->s);
    return f->even ? order >= 0 : order > 0;
}

static void fraction_times10(struct fraction *f)
{
    yd_big_times(&f->r, 10, 0);
    yd_big_times(&f->high, 10, 0);
    yd_big_times(&f->low, 10, 0);
}

static void fraction_copy(struct fraction *to, const struct fraction *from)
{
    yd_big_copy(&to->r, &from->r);
    yd_big_copy(&to->s, &from->s);
    yd_big_copy(&to->high, &from->high);
    yd_big_copy(&to->low, &from->low);
    to->even = from->even;
}

/* Scales the fraction into [0.1, 1) and returns the power of ten taken out. */
static int fraction_scale(struct fraction *f)
{
    int power = 0;
    for (; above_one(f); power++) yd_big_times(&f->s, 10, 0);
    for (;; power--) {
        struct fraction next;
        fraction_copy(&next, f);
        fraction_times10(&next);
        if (above_one(&next)) return power;
        fraction_copy(f, &next);
    }
}

/* Writes the digits and returns how many. */
static uint32_t fraction_digits(struct fraction *f, char *digits)
{
    for (uint32_t n = 0;;) {
        fraction_times10(f);
        char digit = '0';
        for (; yd_big_compare(&f->r, &f->s) >= 0; digit++) yd_big_subtract(&f->r, &f->s);
        int order = yd_big_compare(&f->r, &f->low);
        bool low = f->even ? order <= 0 : order < 0;
        bool high = above_one(f);
        YD_ASSERT(n < NUMBER_DIGITS);
        if (low && high) {
            struct big twice;
            yd_big_add(&twice, &f->r, &f->r);
            order = yd_big_compare(&twice, &f->s);
            high = order > 0 || (order == 0 && digit % 2 != 0);
        }
        if (high) digit++;
        digits[n++] = digit;
        if (low || high) return n;
    }
}

static char *digits_put(char *out, const char *text, size_t len)
{
    memcpy(out, text, len);
    return out + len;
}

static char *exponent_put(char *p, int exponent)
{
    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';
    unsigned n = (unsigned)(exponent < 0 ? -exponent : exponent);
    if (n >= 100) *p++ = (char)('0' + n / 100);
    if (n >= 10) *p++ = (char)('0' + n / 10 % 10);
    *p++ = (char)('0' + n % 10);
    return p;
}

/* Digits times 10^power, read as 0.ddd, in ECMAScript's layout. */
static char *layout_put(char *p, const char *digits, uint32_t n, int power)
{
    int count = (int)n;
    if (power > 21 || power <= -6) {
        *p++ = digits[0];
        if (n > 1) {
            *p++ = '.';
            p = digits_put(p, digits + 1, n - 1);
        }
        return exponent_put(p, power - 1);
    }
    if (power <= 0) {
        p = digits_put(p, "0.", 2);
        for (int i = power; i < 0; i++) *p++ = '0';
        return digits_put(p, digits, n);
    }
    for (int i = 0; i < power || i < count; i++) {
        if (i == power) *p++ = '.';
        *p++ = i < count ? digits[i] : '0';
    }
    return p;
}

size_t yd_number_text(char out[NUMBER_TEXT_MAX], double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7ff);
    uint64_t mantissa = bits & (((uint64_t)1 << 52) - 1);
    char *p = out;
    if (exponent == 0x7ff && mantissa != 0) return (size_t)(digits_put(p, "NaN", 3) - out);
    if (bits << 1 == 0) return (size_t)(digits_put(p, "0", 1) - out); // -0 too
    if (bits >> 63) *p++ = '-';
    if (exponent == 0x7ff) return (size_t)(digits_put(p, "Infinity", 8) - out);
    bool narrow = mantissa == 0 && exponent > 1;
    if (exponent > 0) {
        mantissa |= (uint64_t)1 << 52;
    } else {
        exponent = 1;
    }
    struct fraction f;
    char digits[NUMBER_DIGITS];
    fraction_of(&f, mantissa, exponent - 1075, narrow);
    int power = fraction_scale(&f);
    uint32_t n = fraction_digits(&f, digits);
    p = layout_put(p, digits, n, power);
    return (size_t)(p - out);
}
