/* integrate.h - one struct into the document. */
#ifndef YDOC_INTEGRATE_H
#define YDOC_INTEGRATE_H

#include "wire.h"

/* Puts a struct of client `index`, whose first clock is at most the client's state and whose last
 * is not below it, at the end of the client and into its list. All it refers to must be here. */
YD_NODISCARD yd_err yd_integrate(struct yd_doc *doc, uint32_t index, uint32_t clock,
                                 const struct wire *wire);

/* What Yjs does with an item that it already has: it cuts its neighbours free and joins them
 * again. That shows only where the cut goes through a surrogate pair. */
YD_NODISCARD yd_err yd_integrate_known(struct yd_doc *doc, const struct wire *wire);

/* Between what an item goes. */
struct place {
    uint32_t left;  /* item handle, NONE or INDEX_GC */
    uint32_t right; /* the same */
    uint32_t list;  /* NONE: nowhere, the struct becomes GC */
    struct origins origins;
};

extern const struct place yd_place_none;

/* The struct that holds a clock below the client's state: item handle or INDEX_GC. */
static inline uint32_t struct_at(const struct yd_doc *doc, uint32_t client, uint32_t clock,
                                 struct smap_pos *pos)
{
    struct smap *index = &client_at(doc, client)->index;
    bool found = yd_smap_find(index, clock, pos);
    YD_ASSERT(found);
    return smap_value(index, *pos);
}

/* The list that a struct without origins names; *list stays as it is if there is none. owner: what
 * stands at the parent's clock, unless that is a root: item handle or INDEX_GC. */
YD_NODISCARD yd_err yd_list_of(struct yd_doc *doc, const struct wire *wire, uint32_t owner,
                               uint32_t *list);
/* Links an item, of which only left, right and home are not set yet: finds its place among
 * concurrent ones, and deletes what has to go with it. */
YD_NODISCARD yd_err yd_item_place(struct yd_doc *doc, uint32_t handle, struct place *place);

/* ---- conflict.c */
/* Moves place->left over the items between the neighbours that go before an item, which is to be
 * linked there. */
YD_NODISCARD yd_err yd_conflict_scan(struct yd_doc *doc, uint32_t handle, struct place *place);
void yd_fingers_free(struct yd_doc *doc);

#endif
