/* mem.c - the document's memory account, growable tables and arenas.
 *
 * Where it sits:   every table of the document -> here -> the caller's allocator
 */
#include "codec.h"
#include "tables.h"

void *yd_mem(struct yd_doc *doc, void *ptr, size_t old_size, size_t new_size)
{
    void *got = doc->alloc.resize(doc->alloc.ctx, ptr, old_size, new_size);
    if (got != NULL || new_size == 0) doc->bytes += new_size - old_size;
    return got;
}

static void *mem_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    return yd_mem(ctx, ptr, old_size, new_size);
}

yd_alloc yd_mem_alloc(struct yd_doc *doc) { return (yd_alloc){mem_resize, doc}; }

yd_err yd_vec_grow(struct yd_doc *doc, struct vec *vec, uint32_t more, size_t size)
{
    uint64_t need = (uint64_t)vec->count + more;
    uint64_t cap = vec->cap < 4 ? 4 : (uint64_t)vec->cap + vec->cap / 2;
    if (cap < need || grows_tight(need)) cap = need;
    if (need > TABLE_MAX || cap > SIZE_MAX / size) return YD_ENOMEM;
    void *at = yd_mem(doc, vec->at, vec->cap * size, (size_t)cap * size);
    if (at == NULL) return YD_ENOMEM;
    vec->at = at;
    vec->cap = (uint32_t)cap;
    return YD_OK;
}

void yd_vec_free(struct yd_doc *doc, struct vec *vec, size_t size)
{
    if (vec->cap > 0) yd_mem(doc, vec->at, vec->cap * size, 0);
    *vec = (struct vec){.at = NULL};
}

yd_err yd_arena_reserve(struct yd_doc *doc, struct arena *arena, size_t more)
{
    if (more <= arena->cap - arena->len) return YD_OK;
    uint64_t need = (uint64_t)arena->len + more;
    uint64_t cap = arena->cap < 64 ? 64 : (uint64_t)arena->cap + arena->cap / 2;
    if (cap < need || grows_tight(need)) cap = need;
    if (cap > ARENA_MAX) cap = ARENA_MAX;
    if (cap < need) return YD_ENOMEM;
    uint8_t *ptr = yd_mem(doc, arena->ptr, arena->cap, (size_t)cap);
    if (ptr == NULL) return YD_ENOMEM;
    arena->ptr = ptr;
    arena->cap = (uint32_t)cap;
    return YD_OK;
}

void yd_vec_fit(struct yd_doc *doc, struct vec *vec, size_t size)
{
    if (vec->cap == vec->count) return;
    void *at = yd_mem(doc, vec->at, vec->cap * size, vec->count * size);
    if (at == NULL && vec->count > 0) return;
    vec->at = at;
    vec->cap = vec->count;
}

void yd_arena_fit(struct yd_doc *doc, struct arena *arena)
{
    uint32_t cap = arena->len > 0 ? arena->len : 1; // an empty name has a place too
    if (arena->cap <= cap) return;
    uint8_t *ptr = yd_mem(doc, arena->ptr, arena->cap, cap);
    if (ptr == NULL) return;
    arena->ptr = ptr;
    arena->cap = cap;
}
