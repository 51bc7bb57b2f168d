/* read.h - walking shared types, for the files that read them. */
#ifndef YDOC_READ_H
#define YDOC_READ_H

#include "out.h"
#include "tables.h"
#include "ydoc/position.h"

/* Text of a type's strings, one after the other. */
void yd_type_text(const struct yd_doc *doc, uint32_t type, struct text_out *o);
/* toJSON() of a nested type. Text and XML give a JSON string. */
void yd_type_json(struct yd_doc *doc, uint32_t type, struct text_out *o);
/* Type of the root of a name, NONE if nobody wrote to it. */
static inline uint32_t root_find(const struct yd_doc *doc, yd_slice name)
{
    uint32_t index = yd_name_find(doc, name);
    return index == NONE ? NONE : name_at(doc, index)->root;
}
/* How a caller names a type. */
struct yd_type_ref yd_type_ref_of(const struct yd_doc *doc, uint32_t type);
/* Handle of the type that a caller names; NONE: a root that nobody wrote to.
 * Errors: YD_ENOTFOUND, YD_ENOMEM (the document is broken). */
YD_NODISCARD yd_err yd_type_find(struct yd_doc *doc, const struct yd_type_ref *ref, uint32_t *type);
/* One element of an item that is no type. */
void yd_element_json(const struct yd_doc *doc, const struct item *it, uint32_t offset,
                     struct text_out *o);
/* A text as yd_doc_delta() writes it; type NONE: an empty one. */
YD_NODISCARD yd_err yd_type_delta(struct yd_doc *doc, uint32_t type, enum yd_json_flags flags,
                                  struct yd_buf *out);
/* Whether an item counts in the length of its sequence. */
static inline bool item_counts(const struct item *it)
{
    uint32_t ref = item_ref(it);
    return !item_is_deleted(it) && ref != REF_FORMAT && ref != REF_FORMAT_ANY;
}
/* Units and elements of a type's sequence. Cost: O(items). */
uint64_t yd_type_length(const struct yd_doc *doc, uint32_t type);
/* toString() of an XML type or of a text, without recursion. */
YD_NODISCARD yd_err yd_type_xml(struct yd_doc *doc, uint32_t type, bool as_fragment,
                                struct text_out *o);
/* Steps over all but the last value of an item and returns a reader at it. */
struct yd_reader yd_last_value(const struct yd_doc *doc, const struct item *it);
/* First key list at or behind `key` whose value is not deleted; NONE: no more. */
uint32_t yd_live_key(const struct yd_doc *doc, uint32_t key);
/* Sorts by the order of JavaScript strings: by UTF-16 units. */
int yd_utf16_compare(yd_slice a, yd_slice b);

static inline yd_slice item_content(const struct yd_doc *doc, const struct item *it)
{
    return item_bytes(doc, it);
}

#endif
