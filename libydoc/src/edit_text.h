/* edit_text.h - the steps of editing a text, for the calls in edit_calls.c. */
#ifndef YDOC_EDIT_TEXT_H
#define YDOC_EDIT_TEXT_H

#include "edit.h"

/* A text being edited. */
struct text_edit {
    struct spot spot;
    struct attrs given;   /* of the caller */
    struct attrs wanted;  /* marks that an insertion is to have */
    struct attrs negated; /* what is to be on again behind it */
    struct yd_buf texts;  /* values of `given` */
    bool marks_changed;   /* a mark came or went */
    bool filled;          /* a type was filled: see yd_value.fill */
    yd_err fill_err;
};

/* What is inserted: text, or an embed as JSON text or Any, or a new type. */
struct insertion {
    const struct yd_value *value; /* NULL: text */
    yd_slice text;
    bool is_any;
    uint32_t len; /* units */
};

/* Marks without content between them. */
struct gap {
    const struct attrs *before; /* on at its beginning */
    struct attrs *now;          /* on at the spot of whoever asks */
    struct attrs last;          /* the last mark of each key */
    uint32_t removed;
};

/* Inserts at the spot; attrs NULL: with the marks that are on there. */
YD_NODISCARD yd_err yd_text_put(struct yd_doc *doc, struct text_edit *e, const struct insertion *in,
                                const struct attrs *attrs);
YD_NODISCARD yd_err yd_text_mark(struct yd_doc *doc, struct text_edit *e, uint64_t length,
                                 const struct attrs *attrs);
YD_NODISCARD yd_err yd_text_erase(struct yd_doc *doc, struct text_edit *e, uint64_t length);
/* Deletes what is useless in the gap that begins with an item. now_at: where `now` is. */
YD_NODISCARD yd_err yd_text_gap(struct yd_doc *doc, struct gap *gap, uint32_t start,
                                uint32_t now_at);
YD_NODISCARD yd_err yd_text_tidy_all(struct yd_doc *doc, uint32_t type, uint32_t *removed);

#endif
