/* xml_marks.h - the marks that are on at a place in formatted text. */
#ifndef YDOC_XML_MARKS_H
#define YDOC_XML_MARKS_H

#include "js_text.h"
#include "tables.h"

struct mark {
    yd_slice key;
    yd_slice value; /* JSON */
    uint32_t item;  /* of an attribute: its item */
    bool is_any;    /* the value is an Any that is no JSON */
};

/* A stack of mark sets; calls work on the topmost. */
struct marks {
    struct vec vec; /* struct mark; below each set one that keeps the base of the one before */
    uint32_t base;
};

YD_NODISCARD yd_err yd_marks_push(struct yd_doc *doc, struct marks *marks);
void yd_marks_pop(struct marks *marks);
void yd_marks_free(struct yd_doc *doc, struct marks *marks);
static inline struct mark *yd_mark_at(const struct marks *marks, uint32_t i)
{
    return (struct mark *)marks->vec.at + marks->base + i;
}
static inline uint32_t yd_marks_count(const struct marks *marks)
{
    return marks->vec.count - marks->base;
}
YD_NODISCARD yd_err yd_marks_add(struct yd_doc *doc, struct marks *marks, struct mark mark);
/* The mark of a format item. */
struct mark yd_mark_of(const struct yd_doc *doc, const struct item *it);
/* Puts a mark on, or off if its value is null. Keeps the order of keys. */
YD_NODISCARD yd_err yd_marks_set(struct yd_doc *doc, struct marks *marks, struct mark mark);
void yd_marks_sort(struct marks *marks);
YD_NODISCARD yd_err yd_marks_open_xml(struct yd_doc *doc, struct marks *marks, struct text_out *o);
void yd_marks_close_xml(const struct marks *marks, struct text_out *o);

#endif
