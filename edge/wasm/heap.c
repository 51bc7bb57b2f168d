/* heap.c - the allocator of wasm32.
 *
 * The old size of a block is always told, so a small one needs no header. Small blocks are of few
 * sizes, four between one power of two and the next, cut from chunks and kept in a list of their
 * size when free. Large ones are runs of memory with a head that tells of free neighbours: a run
 * that is freed is joined with them, so that a buffer that has doubled several times leaves room
 * for the next one. Free runs are in lists by size, so nothing here takes longer the more there
 * are: docs/decisions/0256. Memory of wasm never gets smaller: what counts is how large it ever
 * was.
 */
#include "heap.h"

#include <string.h>

#define SMALL_MAX   ((size_t)4096)
#define CHUNK_BYTES ((size_t)65536)
#define GRAIN       ((size_t)256)
#define BLOCK_MAX   ((size_t)1 << 30)
#define CLASSES     44  /* the last is of SMALL_MAX */
#define BINS        124 /* of 4 GB */
#define TRIES       8   /* in one list */

struct free_block {
    struct free_block *next;
};
/* A run in use has no more than the first two; where the heap ends is never a free one. */
struct run {
    uint32_t size;   /* if it is free, with its head; 0: it is in use */
    uint32_t before; /* size of the free run that ends here; 0: there is none */
    struct run *next, **link;
};
#define HEAD offsetof(struct run, next)

static uint8_t *heap_end; /* of what was handed out */
static struct run *bins[BINS];
static struct free_block *free_blocks[CLASSES];
static uint8_t *chunk_at, *chunk_end;

/* Sizes up to 64 bytes in steps of 16, then four steps to each power of two. */
static unsigned class_of(size_t size)
{
    unsigned shift = 29 - (unsigned)__builtin_clz((unsigned)(size - 1) | 64);
    return 4 * shift + ((unsigned)(size - 1) >> shift);
}
/* The largest size of a class. */
static size_t class_size(unsigned class)
{
    return class < 20 ? 16 * (class - 15) : (size_t)(class % 4 + 5) << (class / 4 - 1);
}

/* ---- runs -------------------------------------------------------------------------------------
 */
static size_t run_size(size_t size) { return (size + HEAD + GRAIN - 1) & ~(GRAIN - 1); }

static struct run *run_at(struct run *run, size_t offset)
{
    return (struct run *)(void *)((uint8_t *)run + offset);
}

/* The list of free runs of that size and some more. */
static struct run **bin_of(size_t size) { return &bins[class_of(size + 1)]; }

/* More at the end of the heap. */
static struct run *heap_more(size_t size)
{
    if (heap_end == NULL) {
        // What lies behind a head is aligned to 16.
        heap_end = (uint8_t *)(((uintptr_t)wasm_heap_base() + 15) & ~(uintptr_t)15) + HEAD;
    }
    uintptr_t end = (uintptr_t)heap_end + size;
    if (end < size || !wasm_memory_reaches(end)) return NULL;
    struct run *run = (struct run *)(void *)heap_end;
    run->size = run->before = 0;
    heap_end += size;
    return run;
}

static void run_unlink(struct run *run)
{
    *run->link = run->next;
    if (run->next != NULL) run->next->link = run->link;
}

static void run_give(struct run *run, size_t size)
{
    size_t before = run->before;
    if (before > 0) {
        run = run_at(run, -before);
        run_unlink(run);
        size += before;
    }
    struct run *behind = run_at(run, size);
    if ((uint8_t *)behind != heap_end && behind->size > 0) {
        run_unlink(behind);
        size += behind->size;
        behind = run_at(run, size);
    }
    if ((uint8_t *)behind == heap_end) {
        heap_end = (uint8_t *)run;
        return;
    }
    struct run **list = bin_of(size);
    *run = (struct run){(uint32_t)size, 0, *list, list};
    if (run->next != NULL) run->next->link = &run->next;
    *list = run;
    behind->before = (uint32_t)size;
}

/* Gives back what a run in use has behind `to`. */
static void run_shrink(struct run *run, size_t from, size_t to)
{
    if (to == from) return;
    struct run *rest = run_at(run, to);
    rest->before = 0;
    run_give(rest, from - to);
}

/* Takes the first bytes of a free run into use. */
static void run_cut(struct run *run, size_t size)
{
    size_t from = run->size;
    run_unlink(run);
    run_at(run, from)->before = 0;
    run->size = 0;
    run_shrink(run, from, size);
}

static struct run *run_take(size_t size)
{
    for (struct run **list = bin_of(size); list < bins + BINS; list++) {
        unsigned tries = 0;
        for (struct run *run = *list; run != NULL && tries < TRIES; run = run->next, tries++) {
            if (run->size < size) continue;
            run_cut(run, size);
            return run;
        }
    }
    return heap_more(size);
}

/* Makes a run longer where it stands; false: there is no room behind it. */
static bool run_extend(struct run *run, size_t from, size_t to)
{
    struct run *behind = run_at(run, from);
    if ((uint8_t *)behind == heap_end) return heap_more(to - from) != NULL;
    if (behind->size < to - from) return false;
    run_cut(behind, to - from);
    return true;
}

/* ---- blocks -----------------------------------------------------------------------------------
 */
static void *run_block(struct run *run) { return run == NULL ? NULL : (uint8_t *)run + HEAD; }
static struct run *block_run(void *ptr) { return (struct run *)(void *)((uint8_t *)ptr - HEAD); }

static void *small_new(size_t size)
{
    unsigned class = class_of(size);
    struct free_block *block = free_blocks[class];
    if (block != NULL) {
        free_blocks[class] = block->next;
        return block;
    }
    size = class_size(class);
    if ((size_t)(chunk_end - chunk_at) < size) {
        uint8_t *chunk = run_block(run_take(CHUNK_BYTES));
        if (chunk == NULL) return NULL;
        chunk_at = chunk;
        chunk_end = chunk + CHUNK_BYTES - HEAD;
    }
    void *new = chunk_at;
    chunk_at += size;
    return new;
}

static void *block_new(size_t size)
{
    return size <= SMALL_MAX ? small_new(size) : run_block(run_take(run_size(size)));
}

static void block_free(void *ptr, size_t size)
{
    if (size > SMALL_MAX) {
        run_give(block_run(ptr), run_size(size));
        return;
    }
    struct free_block *block = ptr, **list = &free_blocks[class_of(size)];
    block->next = *list;
    *list = block;
}

/* True if the block is as long as that now, where it stands. */
static bool fits_here(void *ptr, size_t from, size_t to)
{
    if (from <= SMALL_MAX || to <= SMALL_MAX) {
        return from <= SMALL_MAX && to <= SMALL_MAX && class_of(from) == class_of(to);
    }
    from = run_size(from);
    to = run_size(to);
    if (to > from) return run_extend(block_run(ptr), from, to);
    run_shrink(block_run(ptr), from, to);
    return true;
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
