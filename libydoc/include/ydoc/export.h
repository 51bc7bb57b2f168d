/* ydoc/export.h - a document for people and other programs: its roots, and rich text as plain text,
 * HTML and Markdown.
 *
 * Rich text is what y-prosemirror writes (BlockNote, Tiptap, ProseMirror: an XML fragment of
 * elements and formatted text) and what Quill and plain editors write (a formatted text). Elements
 * are known by their names in all three; what has another name gives its text. What HTML and
 * Markdown cannot say (colours, comments, sizes) is left out: these ways have no way back.
 *
 * Safety     text, attribute values and addresses are escaped for where they stand. Links and
 * images have only http, https and mailto addresses, or relative ones; others lose theirs and keep
 * their text. In the HTML nothing but the tags of this file's list appears, and no attribute that
 * runs or loads anything but the images. Ownership  bytes are appended to `out`, which the caller
 * owns; on an error it is as it was. Threads    as ydoc/doc.h. Errors     YD_ENOMEM (the doc stays
 * usable), YD_ETOOBIG (of out). Cost       O(items), for each run of text its marks; memory
 * O(nesting). No recursion. Source     rules U90 to U96 in docs/encoding.md */
#ifndef YDOC_EXPORT_H
#define YDOC_EXPORT_H

#include "ydoc/doc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct yd_root_info {
    yd_slice name;     /* borrowed: valid until the next change of the doc */
    enum yd_root kind; /* what its content looks like; a root has no type of its own on the wire */
    bool is_empty;     /* nothing in it is alive; kind is then YD_ROOT_MAP if it ever had keys */
};

/* The roots in the order of their first use: begin with *at 0. False: no more. */
bool yd_doc_root_next(const struct yd_doc *doc, uint32_t *at, struct yd_root_info *root);

/* Appends the text of a root of rich text, a line for each block, without marks. */
YD_NODISCARD yd_err yd_doc_plain(struct yd_doc *doc, yd_slice name, struct yd_buf *out);
/* Appends it as an HTML fragment: what stands inside of <body>. */
YD_NODISCARD yd_err yd_doc_html(struct yd_doc *doc, yd_slice name, struct yd_buf *out);
/* Appends it as GitHub's Markdown. */
YD_NODISCARD yd_err yd_doc_markdown(struct yd_doc *doc, yd_slice name, struct yd_buf *out);

#ifdef __cplusplus
}
#endif
#endif
