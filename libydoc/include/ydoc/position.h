/* ydoc/position.h - places in a document that move with what is around them.
 *
 * An index says where something is now. A relative position names the element at that place, so it
 * stays there whatever is inserted or deleted before it: for comments, cursors, selections.
 *
 * Ownership  slices are borrowed; `name` in a result lies in the document, valid until the next
 *            call that changes it, or in the bytes that were asked about.
 * Threads    those of the document.
 * Errors     0 is success, see ydoc/base.h; nothing is changed by an error.
 * Cost       O(items of the type).
 * Source     Yjs createRelativePositionFromTypeIndex, encodeRelativePosition,
 *            createAbsolutePositionFromRelativePosition (no undone deletions are followed: a server
 *            undoes nothing); rules U66 and U67 in docs/encoding.md.
 */
#ifndef YDOC_POSITION_H
#define YDOC_POSITION_H

#include "ydoc/doc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which type: a root by its name, or the one in the item with an id. */
struct yd_type_ref {
    bool nested;
    yd_slice name;   /* of a root */
    uint64_t client; /* of a nested one */
    uint32_t clock;
};

struct yd_place {
    struct yd_type_ref type;
    uint64_t index; /* units and elements from the beginning */
    int assoc;      /* 0: the place before the element at index; -1: behind the one left of it */
};

/* Appends the encoded relative position of a place. An index beyond the end means the end.
 * Errors: YD_ENOTFOUND (no such nested type), YD_ENOMEM and YD_ETOOBIG (of out). */
YD_NODISCARD yd_err yd_position_encode(struct yd_doc *doc, const struct yd_place *place,
                                       struct yd_buf *out);

/* Says where an encoded relative position is now.
 * bytes  untrusted
 * Errors: YD_EMALFORMED; YD_ENOTFOUND: what it names is not here, or was collected. */
YD_NODISCARD yd_err yd_position_resolve(struct yd_doc *doc, yd_slice bytes, struct yd_place *place);

#ifdef __cplusplus
}
#endif
#endif
