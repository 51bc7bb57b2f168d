/* addresses.c - the documents that one socket has asked for, by the address in front of each frame.
 *
 * A socket has a handful of them, some hundreds at most: a list that is searched from its start,
 * by a hash. Consecutive frames are for the same document more often than not.
 */
#include "dialect.h"

#include <string.h>

struct addresses {
    yd_alloc alloc;
    struct address *list;
    uint32_t cap, max;
    uint32_t last; /* found last */
};

yd_err addresses_new(yd_alloc alloc, uint32_t max, struct addresses **addresses)
{
    struct addresses *a = alloc.resize(alloc.ctx, NULL, 0, sizeof *a);
    if (a == NULL) return YD_ENOMEM;
    *a = (struct addresses){.alloc = alloc, .max = max};
    *addresses = a;
    return YD_OK;
}

void addresses_free(struct addresses *addresses)
{
    if (addresses == NULL) return;
    yd_alloc alloc = addresses->alloc;
    for (uint32_t i = 0; i < addresses->cap; i++) addresses_remove(addresses, i);
    if (addresses->list != NULL) {
        size_t bytes = addresses->cap * sizeof *addresses->list;
        (void)alloc.resize(alloc.ctx, addresses->list, bytes, 0);
    }
    (void)alloc.resize(alloc.ctx, addresses, sizeof *addresses, 0);
}

/* FNV-1a. Who makes collisions makes the search of his own socket slow, by less than it is long. */
static uint32_t hash_of(yd_slice bytes)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < bytes.len; i++) hash = (hash ^ bytes.ptr[i]) * 16777619u;
    return hash;
}

static bool is_at(const struct addresses *a, uint32_t i, yd_slice bytes, uint32_t hash)
{
    const struct address *at = &a->list[i];
    return at->bytes != NULL && at->hash == hash && at->len == bytes.len &&
           memcmp(at->bytes, bytes.ptr, bytes.len) == 0;
}

uint32_t addresses_find(struct addresses *addresses, yd_slice bytes)
{
    uint32_t hash = hash_of(bytes);
    if (addresses->last < addresses->cap && is_at(addresses, addresses->last, bytes, hash)) {
        return addresses->last;
    }
    for (uint32_t i = 0; i < addresses->cap; i++) {
        if (!is_at(addresses, i, bytes, hash)) continue;
        addresses->last = i;
        return i;
    }
    return ADDRESS_NONE;
}

static yd_err grow(struct addresses *a)
{
    if (a->cap == a->max) return YD_ETOOBIG;
    uint32_t cap = a->cap == 0 ? 1 : a->cap * 2;
    if (cap > a->max) cap = a->max;
    struct address *list =
        a->alloc.resize(a->alloc.ctx, a->list, a->cap * sizeof *list, cap * sizeof *list);
    if (list == NULL) return YD_ENOMEM;
    memset(list + a->cap, 0, (cap - a->cap) * sizeof *list);
    a->list = list;
    a->cap = cap;
    return YD_OK;
}

yd_err addresses_add(struct addresses *addresses, yd_slice bytes, uint32_t *doc)
{
    uint32_t i = 0;
    while (i < addresses->cap && addresses->list[i].bytes != NULL) i++;
    if (i == addresses->cap) {
        yd_err err = grow(addresses);
        if (err != YD_OK) return err;
    }
    // One byte more: an empty address is one too.
    uint8_t *copy = addresses->alloc.resize(addresses->alloc.ctx, NULL, 0, bytes.len + 1);
    if (copy == NULL) return YD_ENOMEM;
    memcpy(copy, bytes.ptr, bytes.len);
    copy[bytes.len] = 0;
    const uint8_t *nul = memchr(copy, 0, bytes.len + 1);
    addresses->list[i] = (struct address){.bytes = copy,
                                          .len = (uint32_t)bytes.len,
                                          .name_len = (uint32_t)(nul - copy),
                                          .hash = hash_of(bytes)};
    addresses->last = *doc = i;
    return YD_OK;
}

void addresses_remove(struct addresses *addresses, uint32_t doc)
{
    struct address *at = addresses_get(addresses, doc);
    if (at == NULL) return;
    (void)addresses->alloc.resize(addresses->alloc.ctx, at->bytes, (size_t)at->len + 1, 0);
    *at = (struct address){0};
}

struct address *addresses_get(const struct addresses *addresses, uint32_t doc)
{
    if (doc >= addresses->cap || addresses->list[doc].bytes == NULL) return NULL;
    return &addresses->list[doc];
}
