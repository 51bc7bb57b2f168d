/* ydoc/compare.h - a text at one point of its history, and what changed since another one.
 *
 * Ownership  slices are borrowed for the call; JSON is appended to `out`, which the caller owns.
 * Threads    those of the document.
 * Errors     0 is success, see ydoc/base.h; on an error `out` is as it was. Snapshots are
 *            untrusted: YD_EMALFORMED.
 * Source     Yjs YText.toDelta(snapshot, prevSnapshot); rules U127 to U129 in docs/encoding.md.
 */
#ifndef YDOC_COMPARE_H
#define YDOC_COMPARE_H

#include "ydoc/shared.h"
#include "ydoc/snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Appends a text as yd_shared_delta() would have at snapshot `now`. With `since` also what is no
 * longer there, and on all that came or went since then an attribute
 *   "ychange": {"type": "added" | "removed", "user": id of the client that wrote it}
 * Marks are those of `now`. A nested type is read as it is in the document. Nothing in the document
 * changes (in Yjs a text that is cut inside a surrogate pair does).
 * now    NULL: the document as it is
 * since  NULL: nothing is compared
 * Errors: YD_ESTATE (the document does not keep what is deleted), YD_ENOTFOUND (no such nested
 * type, or clocks that a snapshot names are not here), YD_EUNSUPPORTED (format), YD_ENOMEM,
 * YD_ETOOBIG. Cost: O(n log n) in the items of the text and the ranges of the snapshots. */
YD_NODISCARD yd_err yd_snapshot_delta(struct yd_doc *doc, const struct yd_type_ref *ref,
                                      const struct yd_snapshot *now,
                                      const struct yd_snapshot *since, enum yd_json_flags flags,
                                      struct yd_buf *out);

#ifdef __cplusplus
}
#endif
#endif
