/* ydoc/obfuscate.h - an update without what people wrote, to be shown to others.
 *
 * Its structs keep their ids, origins, lengths and kinds, and its deletes stay: a document made of
 * it goes wrong where the real one does. Texts become digits, values numbers, keys, marks, names of
 * XML elements and sub-documents numbers. What the shape itself tells, and the names of roots,
 * stay.
 *
 * Ownership, threads, errors   those of ydoc/update.h.
 * Source     Yjs obfuscateUpdate; rule U130 in docs/encoding.md.
 */
#ifndef YDOC_OBFUSCATE_H
#define YDOC_OBFUSCATE_H

#include "ydoc/update.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What stays as it is. */
struct yd_obfuscate {
    bool keep_marks;   /* keys and values of marks. Source: formatting: false */
    bool keep_subdocs; /* ids and options of sub-documents. Source: subdocs: false */
    bool keep_names;   /* of XML elements and hooks. Source: yxml: false */
};

/* Appends the update so changed, in a format. keep may be NULL: nothing stays. */
YD_NODISCARD yd_err yd_update_obfuscate(struct yd_update update, const struct yd_obfuscate *keep,
                                        enum yd_format format, struct yd_buf *out);

#ifdef __cplusplus
}
#endif
#endif
