/* heap.c - see heap.h. */
#include "ops/heap.h"

#include <stdio.h>
#include <stdlib.h>

static void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

yd_alloc heap_alloc(void) { return (yd_alloc){heap_resize, NULL}; }

void *heap_new(size_t size)
{
    void *p = calloc(1, size);
    if (p == NULL) {
        fputs("partyd: out of memory\n", stderr);
        abort();
    }
    return p;
}
