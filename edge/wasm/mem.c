/* mem.c - memory for wasm32: the functions of string.h, and where the heap lies.
 *
 * memmove and memset become single bulk-memory instructions, and so does a memcpy that is long.
 * This file is compiled freestanding, or the compiler could turn a body into a call of itself.
 */
#include "heap.h"

#include <stdint.h>
#include <string.h>

/* The instruction costs as much as a call of the host: not for a word or two. */
void *(memcpy)(void *to, const void *from, size_t n)
{
    uint8_t *p = to;
    const uint8_t *q = from;
    if (n > 48) return __builtin_memmove(to, from, n);
    for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t)) {
        memcpy(p, q, sizeof(uint64_t));
        p += sizeof(uint64_t);
        q += sizeof(uint64_t);
    }
    while (n-- > 0) *p++ = *q++;
    return to;
}
void *memmove(void *to, const void *from, size_t n) { return __builtin_memmove(to, from, n); }
void *memset(void *to, int value, size_t n) { return __builtin_memset(to, value, n); }

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;
    for (size_t i = 0; i < n; i++) {
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    }
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    const uint8_t *x = s;
    for (size_t i = 0; i < n; i++) {
        if (x[i] == (uint8_t)c) return (void *)(uintptr_t)(x + i);
    }
    return NULL;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c) return (char *)(uintptr_t)s;
        if (*s == 0) return NULL;
    }
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n] != 0) n++;
    return n;
}

extern uint8_t __heap_base;
uint8_t *wasm_heap_base(void) { return &__heap_base; }

/* By a sixteenth at least: for the host to make memory larger takes some 100 us, and a GC now and
 * then. Where that is too much, what is needed will do. */
bool wasm_memory_reaches(uintptr_t end)
{
    size_t have = __builtin_wasm_memory_size(0) << 16;
    if (end <= have) return true;
    size_t need = (end - have + 65535) >> 16, more = have >> 20;
    if (need < more && __builtin_wasm_memory_grow(0, more) != SIZE_MAX) return true;
    return __builtin_wasm_memory_grow(0, need) != SIZE_MAX;
}
