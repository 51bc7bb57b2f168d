/* wasm_heap_test.c - the allocator of wasm32 on an array in place of the wasm's memory: against a
 * model, with memory that ends at every place, and that free memory is found again, soon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "edge/wasm/heap.h"

#define ARENA ((size_t)192 << 20)
#define SLOTS 400
#define LARGE ((size_t)1 << 20)

static _Alignas(16) uint8_t arena[ARENA];
static size_t limit = ARENA; /* where memory ends */
static size_t reached;       /* how large it ever had to be */

uint8_t *wasm_heap_base(void) { return arena + 5; }

bool wasm_memory_reaches(uintptr_t end)
{
    size_t size = (size_t)(end - (uintptr_t)arena);
    if (size > limit) return false;
    if (size > reached) reached = size;
    return true;
}

static uint32_t rand_state = 2463534242u;
static uint32_t rand_below(uint32_t n)
{
    rand_state ^= rand_state << 13;
    rand_state ^= rand_state >> 17;
    rand_state ^= rand_state << 5;
    return rand_state % n;
}
/* Small ones as often as large ones. */
static size_t rand_size(size_t max)
{
    size_t top = (size_t)1 << (1 + rand_below(20));
    return 1 + rand_below((uint32_t)(top < max ? top : max));
}

/* ---- blocks that know what is in them ----------------------------------------------------------
 */
struct block {
    uint8_t *ptr;
    size_t size;
    uint8_t seed;
};
static struct block slots[SLOTS];

static uint8_t byte_of(const struct block *b, size_t i)
{
    return (uint8_t)(b->seed + i * 7 + (i >> 8));
}
static void block_fill(struct block *b)
{
    b->seed = (uint8_t)rand_below(256);
    for (size_t i = 0; i < b->size; i++) b->ptr[i] = byte_of(b, i);
}
static void block_check(const struct block *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (b->ptr[i] != byte_of(b, i)) fail_msg("byte %zu of %zu has changed", i, b->size);
    }
}
/* Gives a block another size, 0: none; false if there is no memory, and then it is as it was. */
static bool block_resize(struct block *b, size_t size)
{
    yd_alloc a = wasm_alloc();
    if (b->ptr != NULL) block_check(b, b->size);
    uint8_t *ptr = a.resize(a.ctx, b->ptr, b->size, size);
    if (ptr == NULL && size > 0) {
        if (b->ptr != NULL) block_check(b, b->size);
        return false;
    }
    assert_int_equal((uintptr_t)ptr % 16, 0);
    b->ptr = ptr;
    if (b->size > 0) block_check(b, b->size < size ? b->size : size);
    b->size = size;
    if (size > 0) {
        assert_true(ptr >= arena + 5 && ptr + size <= arena + limit);
        block_fill(b);
    }
    return true;
}
static void all_free(void)
{
    while (true) {
        uint32_t live = 0, at = rand_below(SLOTS);
        for (uint32_t i = 0; i < SLOTS; i++) live += slots[i].ptr != NULL;
        if (live == 0) return;
        while (slots[at].ptr == NULL) at = (at + 1) % SLOTS;
        block_resize(&slots[at], 0);
    }
}

static void blocks_keep_what_is_in_them(void **state)
{
    (void)state;
    for (int step = 0; step < 8000; step++) {
        struct block *b = &slots[rand_below(SLOTS)];
        size_t size = rand_below(4) == 0 ? 0 : rand_size(300000);
        // As buffers grow: a little more than before.
        if (b->size > 0 && rand_below(3) == 0) size = b->size + rand_below(5000);
        assert_true(block_resize(b, size));
    }
    all_free();
}

/* The largest block that there can be when nothing is in use; freed again. */
static size_t all_that_is_free(void)
{
    struct block all = {0};
    for (size_t size = limit; size > LARGE / 8; size -= 256) {
        if (!block_resize(&all, size)) continue;
        assert_true(block_resize(&all, 0));
        return size;
    }
    return 0;
}

/* On a heap that was never used, so that memory begins where it ends. */
static void large_blocks_when_memory_ends(void **state)
{
    (void)state;
    uint32_t failed = 0;
    for (limit = LARGE / 4; limit < 12 * LARGE; limit += 70001) {
        size_t before = all_that_is_free();
        assert_true(before > limit - 1024);
        for (int step = 0; step < 200; step++) {
            struct block *b = &slots[rand_below(SLOTS)];
            failed += !block_resize(b, 4097 + rand_size(LARGE / 2));
        }
        all_free();
        assert_int_equal(all_that_is_free(), before);
    }
    limit = ARENA;
    assert_true(failed > 1000);
}

static void small_blocks_when_memory_ends(void **state)
{
    (void)state;
    static struct block many[40000];
    uint32_t made[2] = {0, 0};
    for (limit = LARGE / 4; limit <= 4 * LARGE; limit += LARGE / 4) {
        for (int round = 0; round < 2; round++) {
            uint32_t n = 0;
            while (block_resize(&many[n], 80 + n % 1000)) n++;
            for (uint32_t i = 0; i < n; i++) block_resize(&many[i], 0);
            made[round] = n;
        }
        assert_true(made[0] > limit / 1000);
        assert_int_equal(made[0], made[1]);
    }
    limit = ARENA;
}

/* n runs side by side, of sizes that differ; what they take together. */
static size_t runs_make(struct block *runs, uint32_t n)
{
    size_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        runs[i] = (struct block){0};
        assert_true(block_resize(&runs[i], 5000 + rand_below(20000)));
        sum += runs[i].size;
    }
    return sum;
}

static void neighbours_become_one(void **state)
{
    (void)state;
    enum { N = 64 };
    struct block runs[N], fence = {0}, whole = {0};
    for (int round = 0; round < 40; round++) {
        size_t sum = runs_make(runs, N);
        assert_true(block_resize(&fence, 5000)); // or the end of the heap would only go back
        size_t most = reached;
        for (uint32_t left = N; left > 0; left--) {
            uint32_t at = rand_below(left);
            block_resize(&runs[at], 0);
            runs[at] = runs[left - 1];
        }
        assert_true(block_resize(&whole, sum));
        assert_int_equal(reached, most);
        block_resize(&whole, 0);
        block_resize(&fence, 0);
    }
}

/* Where nothing is free before. */
static void a_block_grows_where_it_stands(void **state)
{
    (void)state;
    struct block first = {0}, second = {0}, fence = {0};
    assert_true(block_resize(&first, 10 * LARGE));
    assert_true(block_resize(&second, LARGE));
    assert_true(block_resize(&fence, LARGE));
    const uint8_t *at = first.ptr;
    block_resize(&second, 0);
    assert_true(block_resize(&first, 11 * LARGE)); // into what was the second
    assert_ptr_equal(first.ptr, at);
    assert_true(block_resize(&first, 9 * LARGE));
    assert_ptr_equal(first.ptr, at);
    assert_true(block_resize(&second, 2 * LARGE)); // into what the first gave back
    assert_true(second.ptr > first.ptr && second.ptr < fence.ptr);
    block_resize(&first, 0);
    block_resize(&second, 0);
    assert_true(block_resize(&fence, 2 * LARGE)); // at the end there is room
    block_resize(&fence, 0);
}

static void churn_needs_no_more_memory(void **state)
{
    (void)state;
    size_t live = 0, most = 0, first = 0;
    size_t base = reached;
    for (int step = 0; step < 100000; step++) {
        struct block *b = &slots[rand_below(100)];
        live -= b->size;
        yd_alloc a = wasm_alloc();
        size_t size = 4097 + rand_below(200000);
        b->ptr = a.resize(a.ctx, b->ptr, b->size, size);
        assert_non_null(b->ptr);
        b->size = size;
        live += size;
        if (live > most) most = live;
        if (step == 25000) first = reached;
    }
    for (uint32_t i = 0; i < 100; i++) block_fill(&slots[i]);
    all_free();
    assert_true(most > 8 * LARGE);
    assert_true(reached <= base || reached < base + most + most / 2);
    assert_true(reached - first < most / 16);
}

/* CPU nanoseconds of one block made and freed while many free runs lie about that are too small. */
static double nanoseconds_each(uint32_t runs)
{
    yd_alloc a = wasm_alloc();
    void **held = calloc(2 * (size_t)runs, sizeof *held);
    assert_non_null(held);
    for (uint32_t i = 0; i < 2 * runs; i++) {
        held[i] = a.resize(a.ctx, NULL, 0, 5000);
        assert_non_null(held[i]);
    }
    for (uint32_t i = 0; i < 2 * runs; i += 2) a.resize(a.ctx, held[i], 5000, 0);
    double best = 1e9;
    for (int round = 0; round < 9; round++) {
        clock_t from = clock();
        for (uint32_t i = 0; i < 2000; i++) {
            void *p = a.resize(a.ctx, NULL, 0, 5300); // as the free ones, but none is enough
            assert_non_null(p);
            a.resize(a.ctx, p, 5300, 0);
        }
        double each = (double)(clock() - from) * 1e9 / CLOCKS_PER_SEC / 2000;
        if (each < best) best = each;
    }
    for (uint32_t i = 1; i < 2 * runs; i += 2) a.resize(a.ctx, held[i], 5000, 0);
    free(held);
    return best;
}

static void free_runs_cost_no_time(void **state)
{
    (void)state;
    double few = nanoseconds_each(10), many = nanoseconds_each(15000);
    if (many > 20 * (few + 50)) fail_msg("%.0f ns with 10 free runs, %.0f with 15,000", few, many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_grows_where_it_stands),
        cmocka_unit_test(large_blocks_when_memory_ends),
        cmocka_unit_test(small_blocks_when_memory_ends),
        cmocka_unit_test(blocks_keep_what_is_in_them),
        cmocka_unit_test(neighbours_become_one),
        cmocka_unit_test(churn_needs_no_more_memory),
        cmocka_unit_test(free_runs_cost_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
