/* edit.h - what the files of the editing side share: the open transaction, places in a list, marks
 * with the order and the identity that they have in JavaScript.
 */
#ifndef YDOC_EDIT_INNER_H
#define YDOC_EDIT_INNER_H

#include "any.h"
#include "codec.h"
#include "read.h"
#include "wire.h"
#include "xml_marks.h"
#include "ydoc/edit.h"

/* Places remembered of the lists that were edited last; Yjs keeps 80 for each list. */
#define MARKERS 32
/* Marks that a remembered place can have on. */
#define MARKER_MARKS 8

/* A unit of a list and its index. The unit is named by its id, so that it does not matter how
 * items are cut and joined around it. */
struct marker {
    uint32_t type; /* handle; NONE: unused */
    uint32_t age;  /* the smallest one is given up first */
    uint32_t client;
    uint32_t clock;
    uint64_t index;
    uint32_t mark_count;
    struct span marks[MARKER_MARKS]; /* ids of the format items that are on at the unit */
};

struct edit {
    bool open;
    uint32_t me;    /* client index */
    uint32_t epoch; /* of the transaction that the markers know */
    uint32_t age;
    uint32_t made;    /* item handle of the type made last, or NONE */
    uint32_t filling; /* calls of yd_value.fill that have not come back */
    struct marker markers[MARKERS];
    /* Marks made here whose value is the object of an older mark: clock of `me` -> index in
     * `originals`, the id of that mark. See yd_attr_same(). */
    struct smap aliases;
    struct vec originals; /* struct span */
};

/* ---- edit.c */
/* Begins a call: the transaction is open, the type is there. Roots are made on first use. */
YD_NODISCARD yd_err yd_edit_enter(struct yd_doc *doc, const struct yd_type_ref *ref,
                                  uint32_t *type);
/* Ends one: after YD_ENOMEM the document is broken. */
YD_NODISCARD yd_err yd_edit_leave(struct yd_doc *doc, yd_err err);
/* Whether the document has room for so many further structs, bytes and clocks. YD_ETOOBIG: no. */
YD_NODISCARD yd_err yd_edit_room(struct yd_doc *doc, uint64_t structs, uint64_t bytes,
                                 uint64_t clocks);
/* Makes an item out of a wire with its content only, between two neighbours of a list. */
struct slot {
    uint32_t type;
    uint32_t left;  /* item handle or NONE */
    uint32_t right; /* the same */
    yd_slice key;   /* of a map: ptr NULL otherwise */
};
YD_NODISCARD yd_err yd_edit_put(struct yd_doc *doc, const struct slot *slot, struct wire *wire,
                                uint32_t *handle);

/* ---- edit_value.c */
YD_NODISCARD yd_err yd_value_check(const struct yd_value *value);
static inline bool value_is_plain(const struct yd_value *value)
{
    return value->kind == YD_VALUE_JSON || value->kind == YD_VALUE_ANY;
}
/* Appends a plain value as Any. */
YD_NODISCARD yd_err yd_value_any(struct yd_buf *out, const struct yd_value *value);
/* A plain value as marks and embeds carry it: appended as JSON text, or as an Any if JSON cannot
 * say it. */
YD_NODISCARD yd_err yd_value_text(struct yd_buf *out, const struct yd_value *value, bool *is_any);
/* Puts a value that is not plain, or an element of its own. *fill_err: what its fill said. */
YD_NODISCARD yd_err yd_value_put(struct yd_doc *doc, const struct slot *slot,
                                 const struct yd_value *value, uint32_t *handle, yd_err *fill_err);

/* ---- edit_equal.c */
/* The kind of a value: a tag of Any, of all numbers that of an integer. */
uint8_t yd_value_tag(yd_slice value, bool is_any);
/* Two values, as JSON text or Any. Values that are no objects: a === b. Objects, arrays and bytes:
 * the same members with identical values, in any order. */
YD_NODISCARD yd_err yd_values_equal(struct yd_doc *doc, const struct mark *a, const struct mark *b,
                                    bool *equal);
static inline bool tag_is_object(uint8_t tag)
{
    return tag == ANY_OBJECT || tag == ANY_ARRAY || tag == ANY_BYTES;
}

/* ---- edit_marks.c */
/* A mark: of a format item, or of the caller. */
struct attr {
    uint32_t item;  /* handle; NONE: the caller's */
    bool is_null;   /* whatever `item` says */
    bool is_any;    /* of the caller's value */
    yd_slice key;   /* of the caller's */
    yd_slice value; /* of the caller's */
};
/* A map in the order of insertion. */
struct attrs {
    struct vec vec; /* struct attr */
};
static inline struct attr *attr_at(const struct attrs *attrs, uint32_t i)
{
    return (struct attr *)attrs->vec.at + i;
}
void yd_attrs_free(struct yd_doc *doc, struct attrs *attrs);
YD_NODISCARD yd_err yd_attrs_copy(struct yd_doc *doc, struct attrs *to, const struct attrs *from);
struct attr *yd_attrs_get(const struct yd_doc *doc, const struct attrs *attrs, yd_slice key);
/* Replaces the value of a key in its place, or appends. */
YD_NODISCARD yd_err yd_attrs_set(struct yd_doc *doc, struct attrs *attrs, const struct attr *attr);
void yd_attrs_remove(const struct yd_doc *doc, struct attrs *attrs, yd_slice key);
/* What passing a live format item does: null takes the mark off. */
YD_NODISCARD yd_err yd_attrs_pass(struct yd_doc *doc, struct attrs *attrs, uint32_t item);
/* The order of `for in`: whole numbers first. */
void yd_attrs_js_order(const struct yd_doc *doc, struct attrs *attrs);
/* The caller's list, checked; values are kept in `texts` where they had to be rewritten. */
YD_NODISCARD yd_err yd_attrs_read(struct yd_doc *doc, const struct yd_attrs *list,
                                  struct yd_buf *texts, struct attrs *attrs);
yd_slice yd_attr_key(const struct yd_doc *doc, const struct attr *attr);
/* The attribute of a format item. */
static inline struct attr attr_of(uint32_t item)
{
    return (struct attr){.item = item, .key = YD_EMPTY, .value = YD_EMPTY};
}
/* Equal in the sense of Yjs's equalAttrs; NULL is null. Errors: YD_ENOMEM. */
YD_NODISCARD yd_err yd_attr_equal(struct yd_doc *doc, const struct attr *a, const struct attr *b,
                                  bool *equal);
/* a === b: objects are the same one only if one mark took its value from the other. */
YD_NODISCARD yd_err yd_attr_same(struct yd_doc *doc, const struct attr *a, const struct attr *b,
                                 bool *same);
/* Puts a mark; the value keeps its identity. */
YD_NODISCARD yd_err yd_attr_put(struct yd_doc *doc, const struct slot *slot,
                                const struct attr *attr, uint32_t *handle);

/* ---- edit_seek.c */
/* A place between two items of a list. */
struct spot {
    uint32_t type;
    uint32_t left;
    uint32_t right;
    uint32_t cut;   /* units of `right` that lie before the place: it has to be cut */
    uint64_t index; /* units and elements before the place */
    struct attrs marks;
};
/* The place behind the unit before an index: nothing is cut yet. What lies beyond the end is the
 * end; *beyond says by how much. */
YD_NODISCARD yd_err yd_spot_find(struct yd_doc *doc, uint32_t type, uint64_t index,
                                 struct spot *spot, uint64_t *beyond);
#define SPOT_END (UINT64_MAX / 2) /* behind all there is */
/* Cuts the item that the place is in. */
YD_NODISCARD yd_err yd_spot_cut(struct yd_doc *doc, struct spot *spot);
/* Over the item to the right. */
YD_NODISCARD yd_err yd_spot_step(struct yd_doc *doc, struct spot *spot);
void yd_spot_free(struct yd_doc *doc, struct spot *spot);
/* Remembers the unit that ends an item, which has this index and these marks. */
void yd_marker_add(struct yd_doc *doc, uint32_t type, uint32_t item, uint64_t index,
                   const struct attrs *marks);
/* Books an insertion or a deletion of units. */
void yd_markers_insert(struct yd_doc *doc, uint32_t type, uint64_t index, uint64_t len);
void yd_markers_delete(struct yd_doc *doc, uint32_t type, uint64_t index, uint64_t len);
/* Marks at or behind an index have changed. */
void yd_markers_drop(struct yd_doc *doc, uint32_t type, uint64_t index);
void yd_markers_clear(struct edit *edit);
static inline bool item_is_format(const struct item *it)
{
    return item_ref(it) == REF_FORMAT || item_ref(it) == REF_FORMAT_ANY;
}
static inline struct edit *edit_of(const struct yd_doc *doc) { return doc->edit; }

#endif
