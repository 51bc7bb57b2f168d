/* ydoc/parts.h - a document in several small updates, and delete sets by themselves.
 *
 * An update of format V1 is its structs and behind them a delete set. These functions append one or
 * the other, so that a caller decides what goes together:
 *
 *   first part    structs + no deletes        everything that a part needs stands in it or before
 *   next parts    structs + no deletes        it: a receiver never has to wait for the rest
 *   last part     structs + yd_doc_encode_deletes()
 *
 * Ownership  slices are borrowed; bytes are appended to buffers that the caller owns. On an error
 *            the buffers are as they were.
 * Threads    one doc, one thread at a time.  Time, I/O  none.
 * Errors     YD_ENOMEM, YD_ETOOBIG (of a buffer), YD_EMALFORMED (of what a client sent).
 * Source     rules U90 to U93 in docs/encoding.md.
 */
#ifndef YDOC_PARTS_H
#define YDOC_PARTS_H

#include "ydoc/doc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A delete set of nothing: what ends an update without deletes. */
#define YD_NO_DELETES YD_LITERAL("\0")

/* Appends structs that a holder of state vector `sv` lacks: about bytes_max of them, one struct or
 * a piece of one at least, in an order in which nothing has to wait. A value that cannot be cut
 * (an image, an embed) is never cut, however large.
 * sv     untrusted; YD_EMPTY means the empty vector
 * after  appends the vector of whoever has this part too
 * all    out: nothing is left, parked structs aside
 * Cost: O(clients + structs of the part). */
YD_NODISCARD yd_err yd_doc_encode_part(struct yd_doc *doc, yd_slice sv, size_t bytes_max,
                                       struct yd_buf *out, struct yd_buf *after, bool *all);

/* Appends the delete set of the document without what the update `has` deletes.
 * has  untrusted update V1 of whoever is to receive it; YD_EMPTY: nothing is left out */
YD_NODISCARD yd_err yd_doc_encode_deletes(struct yd_doc *doc, yd_slice has, struct yd_buf *out);

/* Appends what the last yd_doc_apply() deleted, as a delete set. */
YD_NODISCARD yd_err yd_doc_last_deletes(struct yd_doc *doc, struct yd_buf *out);

/* Bytes of the delete set, within a factor of two. Cost: O(clients). */
size_t yd_doc_deletes_size(const struct yd_doc *doc);

#ifdef __cplusplus
}
#endif
#endif
