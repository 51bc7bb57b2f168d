/* bulk.h - an update into an empty document. */
#ifndef YDOC_BULK_H
#define YDOC_BULK_H

#include "section.h"

/* No error: the update is nothing for the short way. */
#define BULK_UNFIT 1

/* Decodes and links all structs of an untrusted update, V1 or inner form, in a document without
 * clients. *deletes: its delete set, which is for the caller to apply.
 * BULK_UNFIT: the document is empty again. YD_ENOMEM: it may only be freed. */
YD_NODISCARD yd_err yd_bulk_apply(struct yd_doc *doc, yd_slice update, bool inner,
                                  yd_slice *deletes);

#endif
