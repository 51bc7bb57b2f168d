/* ydoc/snapshot.h - points in the history of a document, and the document as it was there.
 *
 * A snapshot says which clocks there were and which of them were deleted: a few bytes. With a
 * document that keeps what is deleted (keep_deleted) the state of then can be restored from it.
 *
 * Ownership  slices are borrowed for the call; bytes are appended to `out`, which the caller owns.
 * All other memory is taken from the allocator of the document, or of `out`, and given back.
 * Threads    those of the document; functions without a document: any.
 * Errors     0 is success, see ydoc/base.h; on an error `out` is as it was. Snapshots are
 * untrusted: YD_EMALFORMED. All calls: YD_ENOMEM and YD_ETOOBIG (of out), YD_EUNSUPPORTED (format).
 * Source     Yjs Snapshot.js; rules U116 to U118 in docs/encoding.md.
 */
#ifndef YDOC_SNAPSHOT_H
#define YDOC_SNAPSHOT_H

#include "ydoc/update.h"

#ifdef __cplusplus
extern "C" {
#endif

struct yd_snapshot {
    yd_slice bytes; /* YD_EMPTY: the empty snapshot, before anything */
    enum yd_format format;
};

/* Appends the snapshot of now. V1 is what yd_doc_snapshot() gives. Source: encodeSnapshot(V2). */
YD_NODISCARD yd_err yd_snapshot_encode(struct yd_doc *doc, enum yd_format format,
                                       struct yd_buf *out);

/* Appends a snapshot in a format, read and written again. */
YD_NODISCARD yd_err yd_snapshot_convert(struct yd_snapshot snapshot, enum yd_format format,
                                        struct yd_buf *out);

/* Appends the update that makes a new document what this one was at a snapshot. Nothing in the
 * document changes (in Yjs a text that is cut inside a surrogate pair does).
 * Errors: YD_ESTATE (the document does not keep what is deleted), YD_ENOTFOUND (it does not have
 * all clocks that the snapshot names). Source: createDocFromSnapshot. Cost: O(items of then). */
YD_NODISCARD yd_err yd_snapshot_restore(struct yd_doc *doc, struct yd_snapshot snapshot,
                                        enum yd_format format, struct yd_buf *out);

/* Whether two snapshots say the same. Memory is taken from `alloc`. Source: equalSnapshots. */
YD_NODISCARD yd_err yd_snapshot_equal(struct yd_snapshot a, struct yd_snapshot b, yd_alloc alloc,
                                      bool *equal);

/* Whether a snapshot already knows all of an update, structs and deletes.
 * Errors: YD_EMALFORMED of either. Source: snapshotContainsUpdate. */
YD_NODISCARD yd_err yd_snapshot_contains(struct yd_snapshot snapshot, struct yd_update update,
                                         yd_alloc alloc, bool *contains);

#ifdef __cplusplus
}
#endif
#endif
