/* ydoc/changes.h - what the last transaction changed, type by type: for hooks, search,
 * notifications.
 *
 * Asked for with yd_doc_opts.note_changes; valid after yd_doc_apply() and yd_edit_commit(), until
 * the next of them begins.
 *
 * Ownership  slices lie in the document, valid as long as the list.
 * Threads    those of the document.
 * Time, I/O  none. Cost: O(structs of the transaction), when it ends.
 * Source     Yjs Transaction.changed, YEvent; rule U115 in docs/encoding.md.
 */
#ifndef YDOC_CHANGES_H
#define YDOC_CHANGES_H

#include "ydoc/position.h"

#ifdef __cplusplus
extern "C" {
#endif

enum yd_key_change { YD_KEY_ADDED = 1, YD_KEY_UPDATED = 2, YD_KEY_DELETED = 3 };

/* One list or one key of a type that was there before and still is. What happened inside types that
 * are new or gone is part of the change above them, as in the events of Yjs. */
struct yd_change {
    struct yd_type_ref type;
    yd_slice root; /* name of the root that it is, or lies below */
    bool has_key;
    /* Of the list: units and elements that came and went. What came and went in the same
     * transaction does not count. Marks that came or went: a change of format alone has no units.
     */
    uint64_t inserted;
    uint64_t deleted;
    uint64_t marks;
    /* Of a key. */
    yd_slice key;
    enum yd_key_change key_change;
};

/* How many changes there are; 0 without note_changes. */
size_t yd_doc_change_count(const struct yd_doc *doc);
/* Change i < count, in no particular order. Cost: O(depth). */
struct yd_change yd_doc_change(const struct yd_doc *doc, size_t i);

#ifdef __cplusplus
}
#endif
#endif
