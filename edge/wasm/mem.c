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

/* ---- the heap ---------------------------------------------------------------------------------
 *
 * The old size of a block is always told, so none needs a header. Small blocks are of few sizes,
 * four between one power of two and the next, cut from chunks and kept in a list of their size when
 * free. Large ones are runs of grains; free runs are in one list by address, joined with their
 * neighbours, so that a buffer that has doubled several times leaves room for the next one. Memory
 * of wasm never gets smaller: what counts is how large it ever was.
 */
#define SMALL_MAX   ((size_t)4096)
#define CHUNK_BYTES ((size_t)65536)
#define GRAIN       ((size_t)1024)
#define BLOCK_MAX   ((size_t)1 << 30)
#define CLASSES     40

struct free_block {
    struct free_block *next;
};
struct run {
    struct run *next;
    size_t size;
};

extern uint8_t __heap_base;
static uint8_t *heap_end; /* of what was ever handed out */
static struct run *runs;
static struct free_block *free_blocks[CLASSES];
static uint8_t *chunk_at, *chunk_end;

static size_t grains(size_t size) { return (size + GRAIN - 1) & ~(GRAIN - 1); }

/* Up to 64 bytes in steps of 16, then four steps to each power of two. */
static unsigned class_of(size_t size, size_t *rounded)
{
    if (size <= 64) {
        *rounded = (size + 15) & ~(size_t)15;
        return (unsigned)(*rounded / 16);
    }
    unsigned power = 31 - (unsigned)__builtin_clz((unsigned)(size - 1)); // 2^power < size
    size_t step = ((size_t)1 << power) / 4;
    size_t steps = (size - ((size_t)1 << power) + step - 1) / step;
    *rounded = ((size_t)1 << power) + steps * step;
    return 4 + (power - 6) * 4 + (unsigned)steps;
}

static bool memory_reaches(uintptr_t end)
{
    size_t have = __builtin_wasm_memory_size(0) << 16;
    if (end <= have) return true;
    return __builtin_wasm_memory_grow(0, (end - have + 65535) >> 16) != SIZE_MAX;
}

/* More at the end of the heap. */
static uint8_t *heap_more(size_t size)
{
    if (heap_end == NULL) {
        uintptr_t base = (uintptr_t)&__heap_base;
        heap_end = (uint8_t *)((base + GRAIN - 1) & ~(uintptr_t)(GRAIN - 1));
    }
    uint8_t *block = heap_end;
    if (!memory_reaches((uintptr_t)block + size)) return NULL;
    heap_end = block + size;
    return block;
}

static uint8_t *run_take(size_t size)
{
    for (struct run **at = &runs; *at != NULL; at = &(*at)->next) {
        struct run *run = *at;
        if (run->size < size) continue;
        if (run->size == size) {
            *at = run->next;
        } else {
            struct run *rest = (struct run *)(void *)((uint8_t *)run + size);
            *rest = (struct run){run->next, run->size - size};
            *at = rest;
        }
        return (uint8_t *)run;
    }
    return heap_more(size);
}

static void run_give(uint8_t *block, size_t size)
{
    struct run *prev = NULL, *next = runs;
    while (next != NULL && (uint8_t *)next < block) prev = next, next = next->next;
    if (next != NULL && block + size == (uint8_t *)next) {
        size += next->size;
        next = next->next;
    }
    if (prev != NULL && (uint8_t *)prev + prev->size == block) {
        prev->size += size;
        prev->next = next;
    } else {
        struct run *run = (struct run *)(void *)block;
        *run = (struct run){next, size};
        *(prev == NULL ? &runs : &prev->next) = run;
    }
}

/* Makes a large block longer where it stands; false: there is no room behind it. */
static bool run_extend(uint8_t *block, size_t from, size_t to)
{
    uint8_t *end = block + from;
    if (end == heap_end) return heap_more(to - from) != NULL;
    for (struct run **at = &runs; *at != NULL && (uint8_t *)*at <= end; at = &(*at)->next) {
        struct run *run = *at;
        if ((uint8_t *)run != end || run->size < to - from) continue;
        size_t left = run->size - (to - from);
        struct run *next = run->next;
        if (left > 0) {
            struct run *rest = (struct run *)(void *)(block + to);
            *rest = (struct run){next, left};
            next = rest;
        }
        *at = next;
        return true;
    }
    return false;
}

static void *small_new(size_t size)
{
    size_t rounded;
    unsigned class = class_of(size, &rounded);
    struct free_block *block = free_blocks[class];
    if (block != NULL) {
        free_blocks[class] = block->next;
        return block;
    }
    if ((size_t)(chunk_end - chunk_at) < rounded) {
        uint8_t *chunk = run_take(CHUNK_BYTES);
        if (chunk == NULL) return NULL;
        chunk_at = chunk;
        chunk_end = chunk + CHUNK_BYTES;
    }
    void *new = chunk_at;
    chunk_at += rounded;
    return new;
}

static void *block_new(size_t size)
{
    return size <= SMALL_MAX ? small_new(size) : run_take(grains(size));
}

static void block_free(void *ptr, size_t size)
{
    if (size > SMALL_MAX) {
        run_give(ptr, grains(size));
        return;
    }
    size_t rounded;
    unsigned class = class_of(size, &rounded);
    struct free_block *block = ptr;
    block->next = free_blocks[class];
    free_blocks[class] = block;
}

/* True if the block is as long as that now, where it stands. */
static bool fits_here(void *ptr, size_t from, size_t to)
{
    if (from <= SMALL_MAX || to <= SMALL_MAX) {
        if (from > SMALL_MAX || to > SMALL_MAX) return false;
        size_t a, b;
        return class_of(from, &a) == class_of(to, &b);
    }
    from = grains(from);
    to = grains(to);
    if (to < from) run_give((uint8_t *)ptr + to, from - to);
    return to <= from || run_extend(ptr, from, to);
}

static void *wasm_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    if (new_size > BLOCK_MAX) return NULL;
    if (new_size == 0) {
        if (ptr != NULL) block_free(ptr, old_size);
        return NULL;
    }
    if (ptr != NULL && fits_here(ptr, old_size, new_size)) return ptr;
    void *block = block_new(new_size);
    if (block == NULL || ptr == NULL) return block;
    memcpy(block, ptr, old_size < new_size ? old_size : new_size);
    block_free(ptr, old_size);
    return block;
}

yd_alloc wasm_alloc(void) { return (yd_alloc){wasm_resize, NULL}; }
