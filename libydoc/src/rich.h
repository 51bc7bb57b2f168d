/* rich.h - rich text as a walk: blocks, lists and runs of styled text, whatever editor wrote it.
 *
 *   export_html.c, export_markdown.c, export_plain.c <- rich.c (walk) <- rich_names.c (names,
 * attributes)
 */
#ifndef YDOC_RICH_H
#define YDOC_RICH_H

#include "read.h"
#include "xml_marks.h"

enum rich_node {
    RICH_GROUP,     /* shows nothing of itself: a container, the root */
    RICH_INLINE,    /* neither, inside of a block */
    RICH_PARAGRAPH, /* blocks from here on */
    RICH_HEADING,
    RICH_QUOTE,
    RICH_CODE,
    RICH_BULLET, /* items */
    RICH_NUMBER,
    RICH_CHECK,
    RICH_ITEM, /* of the list around it */
    RICH_LIST_BULLET,
    RICH_LIST_NUMBER,
    RICH_LIST_CHECK,
    RICH_TABLE,
    RICH_ROW,
    RICH_CELL,
    RICH_HEAD_CELL,
    RICH_RULE,
    RICH_BREAK,
    RICH_IMAGE,
    RICH_FILE,
    RICH_NODES
};

enum rich_style {
    RICH_LINK,
    RICH_BOLD,
    RICH_ITALIC,
    RICH_UNDERLINE,
    RICH_STRIKE,
    RICH_MONO,
    RICH_STYLES
};
#define RICH_ON(style) (1u << (style))

struct rich_frame {
    uint32_t type;
    uint32_t at;         /* item that comes next */
    enum rich_node node; /* of an item: RICH_BULLET, RICH_NUMBER or RICH_CHECK */
    enum rich_node list; /* kind of the list that is open among its children; RICH_GROUP: none */
    uint64_t number;     /* of its next item */
    bool holds_inline;   /* its children stand in a line */
    bool is_text;        /* formatted text: has a set of marks of its own */
    bool marker_is_due;  /* Markdown: an item of which no line has been written */
    uint64_t columns;    /* Markdown: cells of the row so far */
};

struct rich;
struct rich_writer {
    void (*open)(struct rich *r, struct rich_frame *frame);
    void (*close)(struct rich *r, struct rich_frame *frame);
    void (*list_open)(struct rich *r, struct rich_frame *frame); /* frame->list, frame->number */
    void (*list_close)(struct rich *r, struct rich_frame *frame);
    void (*styles)(struct rich *r, uint32_t on); /* from r->styles to these; may be NULL */
    void (*text)(struct rich *r, yd_slice text);
};

struct rich {
    struct yd_doc *doc;
    const struct rich_writer *writer;
    struct text_out *o;
    struct vec frames; /* struct rich_frame */
    struct marks marks;
    uint32_t styles;    /* what is open: RICH_ON(...) */
    struct yd_buf href; /* of the open link, as it was given */
    struct yd_buf next_href;
    struct yd_buf scratch; /* of the writer: an attribute, an address */
    struct yd_buf address; /* the same, cleaned */
    struct yd_buf held;    /* Markdown: blanks that may be the last of their line or style */
    struct yd_buf code;    /* Markdown: code whose end has not come yet */
    size_t start;          /* length of the output when it began */
    uint32_t opened;       /* Markdown: of the styles that are on, those whose marks are written */
    uint32_t line_breaks;  /* Markdown: before the next block; plain: a block has been begun */
    uint32_t cells;        /* tables' cells that are open */
    bool is_line_begin;    /* Markdown: nothing but the prefix is in the line */
    bool cell_has_text;
    bool is_first_row;
    bool in_code; /* text goes to `code` */
};

/* rich.c */
YD_NODISCARD yd_err yd_rich_write(struct yd_doc *doc, yd_slice name,
                                  const struct rich_writer *writer, struct yd_buf *out);
static inline struct rich_frame *rich_frame_at(const struct rich *r, uint32_t i)
{
    return (struct rich_frame *)r->frames.at + i;
}
static inline struct rich_frame *rich_parent(const struct rich *r)
{
    return rich_frame_at(r, r->frames.count - 2);
}

/* rich_names.c */
enum rich_node yd_rich_node(yd_slice element);
/* The style that a mark's key stands for; RICH_STYLES: none. */
enum rich_style yd_rich_style(yd_slice key);
/* Attribute of an element as text into `out` (cleared first); false: it has none. */
bool yd_rich_attribute(struct rich *r, uint32_t type, const char *name, struct yd_buf *out);
/* A small number in an attribute; `or` if there is none. */
uint64_t yd_rich_number(struct rich *r, uint32_t type, const char *name, uint64_t or);
/* The address of a link mark into `out`: {"href": "..."} or a text. */
void yd_rich_href(struct rich *r, const struct mark *mark, struct yd_buf *out);
/* rich_address.c: an address that may stand in a document, cleaned, into `out`; false: it may not.
 */
bool yd_rich_address(struct rich *r, yd_slice given, struct yd_buf *out);

static inline yd_slice rich_literal(const char *text)
{
    size_t len = 0;
    while (text[len] != 0) len++;
    return (yd_slice){(const uint8_t *)text, len};
}
static inline void rich_put(struct rich *r, const char *text)
{
    yd_out_raw(r->o, rich_literal(text));
}

#endif
