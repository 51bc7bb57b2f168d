/* items.c - slots for items, in slabs of SLAB_ITEMS.
 *
 * Where it sits:   integrate.c, split.c, cleanup.c -> here -> mem.c
 *
 * The first slab starts small, and the last one is cut to what a load filled, so that a document of
 * a few paragraphs does not pay for hundreds of items. A slab is resized until it has its full
 * length. That is why room is reserved before a struct is worked on: item pointers hold between
 * two reservations.
 */
#include "codec.h"
#include "tables.h"

#define FIRST_ITEMS (TIGHT ? 1 : 16)

/* Gives slab `at` another length. */
static yd_err slab_resize(struct yd_doc *doc, uint32_t at, uint32_t old, uint32_t cap)
{
    size_t size = sizeof(struct item);
    uint32_t *slab = yd_mem(doc, old == 0 ? NULL : doc->slabs[at], old * size, cap * size);
    if (slab == NULL) return YD_ENOMEM;
    doc->slabs[at] = slab;
    doc->last_cap = cap;
    return YD_OK;
}

/* Makes a slab behind the last one. */
static yd_err slab_new(struct yd_doc *doc, uint32_t cap)
{
    if (doc->slab_count >= (INDEX_GC >> SLAB_BITS)) return YD_ENOMEM;
    if (doc->slab_count == doc->slab_cap) {
        uint32_t more = doc->slab_cap == 0 ? 1 : doc->slab_cap * 2;
        size_t size = sizeof *doc->slabs;
        uint32_t **slabs = yd_mem(doc, doc->slabs, doc->slab_cap * size, more * size);
        if (slabs == NULL) return YD_ENOMEM;
        doc->slabs = slabs;
        doc->slab_cap = more;
    }
    yd_err err = slab_resize(doc, doc->slab_count, 0, cap);
    if (err == YD_OK) doc->slab_count++;
    return err;
}

yd_err yd_items_expect(struct yd_doc *doc, uint32_t n)
{
    if (n <= FIRST_ITEMS) return YD_OK;
    if (doc->slab_count == 0) return slab_new(doc, n < SLAB_ITEMS ? n : SLAB_ITEMS);
    if (TRAVELS) return YD_OK; // some more of the module
    uint32_t cap = doc->last_cap, used = doc->item_used - (doc->slab_count - 1) * SLAB_ITEMS;
    uint32_t need = used + n < SLAB_ITEMS ? used + n : SLAB_ITEMS;
    // By less it grows as ever, or many small sections would move it each time.
    if (need < cap + cap / 2) return YD_OK;
    return slab_resize(doc, doc->slab_count - 1, cap, need);
}

/* Makes the last slab longer, for n items if it can be that long. */
static yd_err last_grow(struct yd_doc *doc, uint32_t n)
{
    uint32_t from = (doc->slab_count - 1) * SLAB_ITEMS;
    uint32_t cap = doc->last_cap;
    while (cap < SLAB_ITEMS && from + cap < doc->item_used + n) {
        cap += TIGHT ? 1 : cap / 2 + FIRST_ITEMS / 2;
        if (cap > SLAB_ITEMS) cap = SLAB_ITEMS;
    }
    return slab_resize(doc, doc->slab_count - 1, doc->last_cap, cap);
}

yd_err yd_items_grow(struct yd_doc *doc, uint32_t n)
{
    if (doc->slab_count == 0) YD_TRY(slab_new(doc, FIRST_ITEMS));
    if (doc->last_cap < SLAB_ITEMS) YD_TRY(last_grow(doc, n));
    return n <= items_cap(doc) - doc->item_used ? YD_OK : slab_new(doc, SLAB_ITEMS);
}

void yd_item_free(struct yd_doc *doc, uint32_t handle)
{
    struct item *it = item_at(doc, handle);
    yd_origins_drop(doc, it);
    yd_item_extent_drop(doc, it);
    it->who = 0;
    it->right = doc->item_free;
    doc->item_free = handle;
    doc->item_free_count++;
}

void yd_items_fit(struct yd_doc *doc)
{
    uint32_t spare = items_cap(doc) - doc->item_used;
    if (spare == 0 || spare >= doc->last_cap) return;
    // Memory refused: later.
    (void)slab_resize(doc, doc->slab_count - 1, doc->last_cap, doc->last_cap - spare);
}

void yd_items_deinit(struct yd_doc *doc)
{
    for (uint32_t i = 0; i < doc->slab_count; i++) {
        uint32_t cap = i == doc->slab_count - 1 ? doc->last_cap : SLAB_ITEMS;
        yd_mem(doc, doc->slabs[i], cap * sizeof(struct item), 0);
    }
    if (doc->slab_cap > 0) yd_mem(doc, doc->slabs, doc->slab_cap * sizeof *doc->slabs, 0);
}
