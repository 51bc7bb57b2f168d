/* export_plain.c - the text of rich text: a line for each block, a tab between cells.
 *
 * Where it sits:   the caller -> yd_doc_plain() -> rich.c -> here;  rule U96 */
#include "ydoc/export.h"

#include "rich.h"

static void line_begin(struct rich *r)
{
    if (r->line_breaks > 0) rich_put(r, "\n");
    r->line_breaks = 1;
}

static void plain_open(struct rich *r, struct rich_frame *frame)
{
    bool is_cell = frame->node == RICH_CELL || frame->node == RICH_HEAD_CELL;
    bool is_block = frame->holds_inline && frame->node != RICH_INLINE;
    if (is_cell) r->cells++;
    if (is_cell && r->cells == 1) {
        if (rich_parent(r)->columns++ > 0) rich_put(r, "\t");
        r->cell_has_text = false;
    } else if (frame->node == RICH_BREAK) {
        rich_put(r, r->cells > 0 ? " " : "\n");
    } else if (frame->node == RICH_ROW || (is_block && r->cells == 0)) {
        line_begin(r);
    } else if (is_block && r->cell_has_text) {
        rich_put(r, " ");
    }
}

static void plain_close(struct rich *r, struct rich_frame *frame)
{
    if (frame->node == RICH_CELL || frame->node == RICH_HEAD_CELL) r->cells--;
    if (r->frames.count == 1 && r->line_breaks > 0) rich_put(r, "\n");
}

static void plain_list(struct rich *r, struct rich_frame *frame)
{
    (void)r;
    (void)frame;
}

static void plain_text(struct rich *r, yd_slice text)
{
    r->cell_has_text = true;
    yd_out_raw(r->o, text);
}

yd_err yd_doc_plain(struct yd_doc *doc, yd_slice name, struct yd_buf *out)
{
    static const struct rich_writer writer = {.open = plain_open,
                                              .close = plain_close,
                                              .list_open = plain_list,
                                              .list_close = plain_list,
                                              .text = plain_text};
    return yd_rich_write(doc, name, &writer, out);
}
