/* nearest.c - see nearest.h. Edit distance over two rows. */
#include "ops/nearest.h"

#include <string.h>

#define NAME_MAX_LEN 64

struct nearest nearest_to(const char *given, size_t len)
{
    // A third of the letters wrong, and one: "prot" is near "port", "x" is near nothing longer.
    return (struct nearest){.given = given, .given_len = len, .best_distance = len / 3 + 2};
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[NAME_MAX_LEN + 1];
    for (size_t j = 0; j <= b_len; j++) row[j] = j;
    for (size_t i = 0; i < a_len; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_len; j++) {
            size_t above = row[j + 1];
            row[j + 1] = least(above + 1, row[j] + 1, corner + (a[i] != b[j]));
            corner = above;
        }
    }
    return row[b_len];
}

void nearest_try(struct nearest *nearest, const char *name)
{
    size_t len = strlen(name);
    if (len > NAME_MAX_LEN || nearest->given_len > NAME_MAX_LEN) return;
    size_t d = distance(nearest->given, nearest->given_len, name, len);
    if (d >= nearest->best_distance || d >= len) return;
    nearest->best_distance = d;
    nearest->best = name;
}
