/* delta.h - a text as a list of inserts, written item by item. */
#ifndef YDOC_DELTA_H
#define YDOC_DELTA_H

#include "out.h"
#include "xml_marks.h"

struct delta {
    struct yd_doc *doc;
    struct text_out o;
    struct marks marks; /* that are on */
    size_t before;      /* bytes of the output when it began */
    bool in_run;        /* an insert of strings is open */
    bool first;
};

/* yd_delta_end() always follows, with the error so far, and returns it or its own. */
YD_NODISCARD yd_err yd_delta_begin(struct delta *d, struct yd_doc *doc, enum yd_json_flags flags,
                                   struct yd_buf *out);
YD_NODISCARD yd_err yd_delta_end(struct delta *d, yd_err err);
/* The next item that shows. */
YD_NODISCARD yd_err yd_delta_item(struct delta *d, const struct item *it);
/* More of an insert of strings. */
void yd_delta_string(struct delta *d, yd_slice text);
/* Ends it, with the marks that are on. */
void yd_delta_run_end(struct delta *d);

#endif
