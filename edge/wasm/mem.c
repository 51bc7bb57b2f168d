/* mem.c - memory for wasm32: the functions of string.h and an allocator.
 *
 * memmove and memset become single bulk-memory instructions, and so does a memcpy that is long.
 * This file is compiled freestanding, or the compiler could turn a body into a call of itself.
 */
#include "mem.h"

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

/* Sizes are rounded up to a power of two; freed blocks wait in a list of their size. The old size
 * is always told, so a block needs no header. */
extern uint8_t __heap_base;
static uint8_t *heap_at;
static void *free_blocks[32];

static unsigned class_of(size_t size)
{
    unsigned c = 4;
    while (((size_t)1 << c) < size) c++;
    return c;
}

static void *block_new(unsigned c)
{
    void *block = free_blocks[c];
    if (block != NULL) {
        memcpy(&free_blocks[c], block, sizeof(void *));
        return block;
    }
    if (heap_at == NULL) heap_at = &__heap_base;
    uintptr_t at = ((uintptr_t)heap_at + 15) & ~(uintptr_t)15;
    uint64_t end = (uint64_t)at + ((uint64_t)1 << c);
    uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) << 16;
    if (end > have) {
        uint64_t pages = (end - have + 65535) >> 16;
        if (end > UINT32_MAX || __builtin_wasm_memory_grow(0, (size_t)pages) == SIZE_MAX)
            return NULL;
    }
    heap_at = (uint8_t *)(uintptr_t)end;
    return (void *)at;
}

static void block_free(void *block, unsigned c)
{
    memcpy(block, &free_blocks[c], sizeof(void *));
    free_blocks[c] = block;
}

static void *wasm_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    if (new_size > (size_t)1 << 30) return NULL;
    unsigned from = class_of(old_size);
    if (new_size == 0) {
        if (ptr != NULL) block_free(ptr, from);
        return NULL;
    }
    unsigned to = class_of(new_size);
    if (ptr != NULL && from == to) return ptr;
    void *block = block_new(to);
    if (block == NULL || ptr == NULL) return block;
    memcpy(block, ptr, old_size < new_size ? old_size : new_size);
    block_free(ptr, from);
    return block;
}

yd_alloc wasm_alloc(void) { return (yd_alloc){wasm_resize, NULL}; }
