/* items.c - slots for items, in slabs of SLAB_ITEMS.
 *
 * Where it sits:   integrate.c, split.c, cleanup.c -> here -> mem.c
 *
 * The first slab starts small and is resized until it has its full length, so that a document of
 * a few paragraphs does not pay for hundreds of items. That is why room is reserved before a
 * struct is worked on: item pointers hold between two reservations.
 */
#include "codec.h"
#include "store.h"

#define FIRST_ITEMS (TIGHT ? 1 : 16)

static yd_err slab_first(struct yd_doc *doc, uint32_t n)
{
    uint32_t cap = doc->first_cap == 0 ? FIRST_ITEMS : doc->first_cap;
    while (cap < SLAB_ITEMS && cap < doc->item_used + n) {
        cap += TIGHT ? 1 : cap / 2 + FIRST_ITEMS / 2;
        if (cap > SLAB_ITEMS) cap = SLAB_ITEMS;
    }
    if (cap == doc->first_cap) return YD_OK;
    struct item *slab = doc->slab_count == 0 ? NULL : doc->slabs[0];
    slab = yd_mem(doc, slab, doc->first_cap * sizeof *slab, cap * sizeof *slab);
    if (slab == NULL) return YD_ENOMEM;
    doc->slabs[0] = slab;
    doc->slab_count = doc->slab_count == 0 ? 1 : doc->slab_count;
    doc->first_cap = cap;
    return YD_OK;
}

yd_err yd_items_expect(struct yd_doc *doc, uint32_t n)
{
    if (doc->slab_count > 0 || n <= FIRST_ITEMS) return YD_OK;
    uint32_t cap = n < SLAB_ITEMS ? n : SLAB_ITEMS;
    doc->slabs = yd_mem(doc, NULL, 0, sizeof *doc->slabs);
    if (doc->slabs == NULL) return YD_ENOMEM;
    doc->slab_cap = 1;
    doc->slabs[0] = yd_mem(doc, NULL, 0, cap * sizeof *doc->slabs[0]);
    if (doc->slabs[0] == NULL) return YD_ENOMEM;
    doc->slab_count = 1;
    doc->first_cap = cap;
    return YD_OK;
}

yd_err yd_items_grow(struct yd_doc *doc, uint32_t n)
{
    if (doc->slab_count == doc->slab_cap) {
        uint32_t cap = doc->slab_cap == 0 ? 1 : doc->slab_cap * 2;
        size_t size = sizeof *doc->slabs;
        struct item **slabs = yd_mem(doc, doc->slabs, doc->slab_cap * size, cap * size);
        if (slabs == NULL) return YD_ENOMEM;
        doc->slabs = slabs;
        doc->slab_cap = cap;
    }
    if (doc->first_cap < SLAB_ITEMS) {
        yd_err err = slab_first(doc, n);
        if (err != YD_OK || n <= items_cap(doc) - doc->item_used) return err;
        return yd_items_grow(doc, n); // at most once: the first slab is full-grown now
    }
    if (doc->slab_count >= (INDEX_GC >> SLAB_BITS)) return YD_ENOMEM;
    struct item *slab = yd_mem(doc, NULL, 0, SLAB_ITEMS * sizeof *slab);
    if (slab == NULL) return YD_ENOMEM;
    doc->slabs[doc->slab_count++] = slab;
    return YD_OK;
}

void yd_item_free(struct yd_doc *doc, uint32_t handle)
{
    struct item *it = item_at(doc, handle);
    yd_origins_drop(doc, it);
    it->who = 0;
    it->right = doc->item_free;
    doc->item_free = handle;
    doc->item_free_count++;
}

void yd_items_fit(struct yd_doc *doc)
{
    uint32_t used = doc->item_used;
    if (doc->slab_count != 1 || used == doc->first_cap || used == 0) return;
    size_t size = sizeof *doc->slabs[0];
    struct item *slab = yd_mem(doc, doc->slabs[0], doc->first_cap * size, used * size);
    if (slab == NULL) return;
    doc->slabs[0] = slab;
    doc->first_cap = used;
}

void yd_items_deinit(struct yd_doc *doc)
{
    for (uint32_t i = 0; i < doc->slab_count; i++) {
        uint32_t cap = i == 0 ? doc->first_cap : SLAB_ITEMS;
        yd_mem(doc, doc->slabs[i], cap * sizeof(struct item), 0);
    }
    if (doc->slab_cap > 0) yd_mem(doc, doc->slabs, doc->slab_cap * sizeof *doc->slabs, 0);
}
