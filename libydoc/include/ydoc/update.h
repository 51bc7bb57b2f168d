/* ydoc/update.h - updates without a document: merged, cut, converted, looked at.
 *
 * For what is stored or only passed on. Nothing is integrated: text runs are not joined, deleted
 * content is not collected, gaps stay gaps (a Skip stands for them).
 *
 * Ownership  slices are borrowed for the call. Bytes handed out are appended to `out`, which the
 *            caller owns; all other memory is taken from the allocator of `out` and given back.
 * Threads    no state: any call on any thread, one thread per `out`.
 * Errors     0 is success, see ydoc/base.h; on an error `out` is as it was. Updates are untrusted
 *            and checked as yd_doc_apply() checks them: YD_EMALFORMED. YD_ETOOBIG: the result, or
 *            an update of format V2 written as V1, would pass the limit of `out`. YD_ENOMEM: the
 *            call may be repeated. YD_EUNSUPPORTED: no such format.
 * Time, I/O  none. Cost: O(n log n) in all bytes.
 * Source     Yjs updates.js; rules U80 to U86 in docs/encoding.md.
 */
#ifndef YDOC_UPDATE_H
#define YDOC_UPDATE_H

#include "ydoc/doc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct yd_update {
    yd_slice bytes;
    enum yd_format format;
};

/* Appends one update that does what all of `updates` do, in whatever order. Of two versions of the
 * same clocks one counts. A single update of that format is appended as it is.
 * bad  out: index of the update that was refused, set on YD_EMALFORMED; may be NULL */
YD_NODISCARD yd_err yd_update_merge(const struct yd_update *updates, size_t count,
                                    enum yd_format format, struct yd_buf *out, size_t *bad);

/* Appends what a holder of state vector `sv` lacks of an update, with its whole delete set.
 * sv  untrusted; YD_EMPTY means the empty vector */
YD_NODISCARD yd_err yd_update_diff(struct yd_update update, yd_slice sv, enum yd_format format,
                                   struct yd_buf *out);

/* Appends the update in a format. */
YD_NODISCARD yd_err yd_update_convert(struct yd_update update, enum yd_format format,
                                      struct yd_buf *out);

/* Appends the state vector that a new document has after the update, as far as the update says by
 * itself: clocks from 0 to the first gap. */
YD_NODISCARD yd_err yd_update_state_vector(struct yd_update update, struct yd_buf *out);

#ifdef __cplusplus
}
#endif
#endif
