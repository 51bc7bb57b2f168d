/* ydoc/edit.h - changes made here: transactions on texts, lists, maps and XML.
 *
 * What Yjs's shared types do, operation by operation: the update that a transaction leaves
 * (yd_doc_last_update) has the bytes that Yjs sends for the same operations by the same client on
 * the same document.
 *
 *     yd_edit_begin(doc, my_client);
 *     yd_edit_text_insert(doc, &YD_ROOT("text"), 0, YD_LITERAL("hello"), NULL);
 *     yd_edit_commit(doc, NULL);
 *     yd_doc_last_update(doc, YD_V1, &out);
 *
 * Ownership  slices and lists are borrowed for the call.
 * Threads    those of the document.
 * Errors     0 is success, see ydoc/base.h. A call that fails changes nothing; what came before it
 *            in its transaction stays. Errors of all calls below:
 *              YD_ESTATE       no transaction is open
 *              YD_ENOTFOUND    there is no such nested type, or nothing at that index
 *              YD_EMALFORMED   a text is not UTF-8, or a value not what its kind says
 *              YD_ETOOBIG      a limit of the document would be exceeded
 *              YD_ENOMEM       the document may only be freed
 * Time, I/O  none.
 * Units      an index counts UTF-16 units of text and elements, as in Yjs. In the middle of a
 *            surrogate pair both halves become U+FFFD, as in Yjs.
 * Source     Yjs YText.js, AbstractType.js, YXml*.js; rules U100 to U114 in docs/encoding.md.
 */
#ifndef YDOC_EDIT_H
#define YDOC_EDIT_H

#include "ydoc/position.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Refers to a root by a string literal. */
#define YD_ROOT(text) ((struct yd_type_ref){.name = YD_LITERAL(text)})

/* Kinds of types, with the numbers that they have on the wire. A root has none of its own: it is
 * what it is used as. */
enum yd_kind {
    YD_KIND_ARRAY = 0,
    YD_KIND_MAP = 1,
    YD_KIND_TEXT = 2,
    YD_KIND_XML_ELEMENT = 3,
    YD_KIND_XML_FRAGMENT = 4,
    YD_KIND_XML_HOOK = 5,
    YD_KIND_XML_TEXT = 6,
    YD_KIND_ROOT = 15
};

/* ---- transactions */

/* Opens a transaction in the name of a client id (at most 2^53 - 1). Until it is committed the
 * document takes no updates and gives no last one. Nobody else may use this id at the same time:
 * when an update from elsewhere carries it, go on with a new one (Yjs does the same).
 * Errors: YD_ESTATE (one is open), YD_ETOOBIG (of the id). */
YD_NODISCARD yd_err yd_edit_begin(struct yd_doc *doc, uint64_t client);

/* Ends it. Afterwards yd_doc_last_update() gives its update. applied->changed: there is one; may be
 * NULL. */
YD_NODISCARD yd_err yd_edit_commit(struct yd_doc *doc, struct yd_applied *applied);

/* ---- values */

enum yd_value_kind {
    YD_VALUE_JSON,  /* bytes: JSON text */
    YD_VALUE_ANY,   /* bytes: one lib0 Any value, for what JSON cannot say */
    YD_VALUE_BYTES, /* bytes: as they are */
    YD_VALUE_TYPE,  /* a new type; bytes: the name of an XML element or hook */
    YD_VALUE_DOC    /* a sub-document; bytes: its guid */
};

struct yd_value {
    enum yd_value_kind kind;
    enum yd_kind type; /* of a new type */
    yd_slice bytes;
    yd_slice options; /* of a sub-document: an Any object; YD_EMPTY: {} */
    /* Of a new type, may be NULL: called when the type is in its place and before anything else
     * happens, to put into it what Yjs calls preliminary content. May call whatever is below. */
    yd_err (*fill)(void *ctx, struct yd_doc *doc, const struct yd_type_ref *type);
    void *ctx;
};

/* The type that was made last in the open transaction. Errors: YD_ENOTFOUND. */
YD_NODISCARD yd_err yd_edit_made(const struct yd_doc *doc, struct yd_type_ref *type);

/* ---- texts */

/* A mark: value null takes it off. */
struct yd_attr {
    yd_slice key;
    struct yd_value value; /* JSON or Any, not undefined */
};
struct yd_attrs {
    const struct yd_attr *list; /* each key once */
    size_t count;
};

/* Inserts text, with the marks that are on at the index (attrs NULL) or with exactly these. An
 * index beyond the end means the end; no text is no operation. */
YD_NODISCARD yd_err yd_edit_text_insert(struct yd_doc *doc, const struct yd_type_ref *text,
                                        uint64_t index, yd_slice utf8,
                                        const struct yd_attrs *attrs);

/* Inserts an element: a value as an embed, or a new type; with exactly these marks. NULL: none.
 * Errors: also YD_EMALFORMED for bytes and sub-documents, which texts do not hold. */
YD_NODISCARD yd_err yd_edit_text_embed(struct yd_doc *doc, const struct yd_type_ref *text,
                                       uint64_t index, const struct yd_value *value,
                                       const struct yd_attrs *attrs);

/* Deletes as much of `length` as there is, and marks that are of no use any more. */
YD_NODISCARD yd_err yd_edit_text_delete(struct yd_doc *doc, const struct yd_type_ref *text,
                                        uint64_t index, uint64_t length);

/* Puts marks on `length` units, and takes those off whose value is null. What reaches beyond the
 * end becomes newlines, at most 2^20 (YD_ETOOBIG), as Quill has it. At the end it does nothing. */
YD_NODISCARD yd_err yd_edit_text_format(struct yd_doc *doc, const struct yd_type_ref *text,
                                        uint64_t index, uint64_t length,
                                        const struct yd_attrs *attrs);

enum yd_delta_kind { YD_DELTA_INSERT, YD_DELTA_EMBED, YD_DELTA_RETAIN, YD_DELTA_DELETE };

struct yd_delta_op {
    enum yd_delta_kind kind;
    yd_slice text;         /* of an insert */
    struct yd_value value; /* of an embed */
    uint64_t length;       /* of retain and delete */
    struct yd_attrs attrs;
};

/* A Quill delta from the beginning of a text on. Source: Yjs YText.applyDelta. */
YD_NODISCARD yd_err yd_edit_text_delta(struct yd_doc *doc, const struct yd_type_ref *text,
                                       const struct yd_delta_op *ops, size_t count);

/* Deletes marks that change nothing. Yjs does so after changes from elsewhere; here nothing happens
 * unasked. *removed: how many; may be NULL. Cost: O(items). Source: Yjs cleanupYTextFormatting. */
YD_NODISCARD yd_err yd_edit_text_tidy(struct yd_doc *doc, const struct yd_type_ref *text,
                                      uint32_t *removed);

/* ---- lists: arrays, children of XML fragments and elements */

/* Inserts before the element at index, or at the end. */
YD_NODISCARD yd_err yd_edit_list_insert(struct yd_doc *doc, const struct yd_type_ref *list,
                                        uint64_t index, const struct yd_value *values,
                                        size_t count);

/* Inserts behind all that ever was in the list (Yjs Array.push; XML fragments insert instead). */
YD_NODISCARD yd_err yd_edit_list_push(struct yd_doc *doc, const struct yd_type_ref *list,
                                      const struct yd_value *values, size_t count);

/* Deletes elements. Errors: also YD_ENOTFOUND when there are not so many: nothing is deleted (Yjs
 * deletes what there is, and throws). */
YD_NODISCARD yd_err yd_edit_list_delete(struct yd_doc *doc, const struct yd_type_ref *list,
                                        uint64_t index, uint64_t length);

/* ---- maps, attributes of XML elements and texts */

YD_NODISCARD yd_err yd_edit_map_set(struct yd_doc *doc, const struct yd_type_ref *map, yd_slice key,
                                    const struct yd_value *value);
/* A key that is not there is no operation. */
YD_NODISCARD yd_err yd_edit_map_delete(struct yd_doc *doc, const struct yd_type_ref *map,
                                       yd_slice key);
YD_NODISCARD yd_err yd_edit_map_clear(struct yd_doc *doc, const struct yd_type_ref *map);

#ifdef __cplusplus
}
#endif
#endif
