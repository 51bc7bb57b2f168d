/* ydoc/shared.h - reading one shared type, a root or one nested at any depth.
 *
 * ydoc/doc.h reads roots whole. Here a type is named by what yd_type_ref says, so that a caller can
 * walk down: look at a type, ask for its element at an index or for the value of a key, and go on
 * with the type found there.
 *
 * Ownership  slices are borrowed; `name` in a result lies in the document, valid until it changes.
 *            JSON is appended to `out`, which the caller owns.
 * Threads    those of the document.
 * Errors     0 is success, see ydoc/base.h; on an error `out` is as it was. All calls:
 *            YD_ENOTFOUND (no such nested type), YD_ENOMEM and YD_ETOOBIG (of out). A root that
 *            nobody wrote to is empty.
 * Source     Yjs AbstractType.js; rules U60 to U65 and U120 in docs/encoding.md.
 */
#ifndef YDOC_SHARED_H
#define YDOC_SHARED_H

#include "ydoc/edit.h"

#ifdef __cplusplus
extern "C" {
#endif

struct yd_shared {
    enum yd_kind kind; /* YD_KIND_ROOT: a root, read as what the caller takes it for */
    yd_slice name;     /* of a root, an XML element or a hook */
    uint64_t length;   /* units and elements of its list */
    uint64_t keys;     /* that have a value */
    bool deleted;      /* it was, or something above it; with keep_deleted it still can be read */
};

/* Cost: O(items of the type). */
YD_NODISCARD yd_err yd_shared_look(struct yd_doc *doc, const struct yd_type_ref *ref,
                                   struct yd_shared *shared);

/* As yd_doc_json(). as: how to read a root; nested types know what they are. */
YD_NODISCARD yd_err yd_shared_json(struct yd_doc *doc, const struct yd_type_ref *ref,
                                   enum yd_root as, enum yd_json_flags flags, struct yd_buf *out);

/* As yd_doc_delta(). */
YD_NODISCARD yd_err yd_shared_delta(struct yd_doc *doc, const struct yd_type_ref *ref,
                                    enum yd_json_flags flags, struct yd_buf *out);

/* An element: a type, or a value that was appended as JSON. */
struct yd_element {
    bool is_type;
    struct yd_type_ref type;
    enum yd_kind kind;
};

/* The element at an index of the list. Errors: also YD_ENOTFOUND (beyond the end). */
YD_NODISCARD yd_err yd_shared_at(struct yd_doc *doc, const struct yd_type_ref *ref, uint64_t index,
                                 enum yd_json_flags flags, struct yd_buf *out,
                                 struct yd_element *element);

/* The value of a key. Errors: also YD_ENOTFOUND (it has none). */
YD_NODISCARD yd_err yd_shared_get(struct yd_doc *doc, const struct yd_type_ref *ref, yd_slice key,
                                  enum yd_json_flags flags, struct yd_buf *out,
                                  struct yd_element *element);

/* Appends the keys that have a value as a JSON list, in the order of their first use. */
YD_NODISCARD yd_err yd_shared_keys(struct yd_doc *doc, const struct yd_type_ref *ref,
                                   struct yd_buf *out);

/* A sub-document. Its content is a document of its own, somewhere else: here is what names it. */
struct yd_subdoc {
    yd_slice guid;
    yd_slice options; /* a lib0 Any object: what its makers wrote, as it came */
    uint64_t client;  /* id of the item that holds it */
    uint32_t clock;
    struct yd_type_ref parent;
};

/* Calls `each` for every sub-document that is not deleted, in order of client and clock; stops when
 * it does not return YD_OK, and returns that. The slices are valid during the call, which must not
 * change the document. Cost: O(items of the document). */
YD_NODISCARD yd_err yd_doc_subdocs(struct yd_doc *doc,
                                   yd_err (*each)(void *ctx, const struct yd_subdoc *subdoc),
                                   void *ctx);

#ifdef __cplusplus
}
#endif
#endif
