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

#endif
