/* rich.c - walks rich text and tells a writer what comes.
 *
 * Where it sits:   export_html.c, export_markdown.c, export_plain.c -> here -> rich_names.c
 *
 * BlockNote has a container around each block, with the blocks indented under it as a group behind
 * it. A container whose block is a list item is taken for the item, so that what is indented stands
 * inside of it; any other shows nothing of itself. Neighbouring items of a kind are a list. In
 * other editors lists are elements. Both come to the writer as list_open(), open() of items,
 * list_close().
 *
 * Text stands in blocks. A text where a block should be is a paragraph by itself.
 *
 * One frame for each open element, on the heap: no nesting is too deep. */
#include "rich.h"

#include "codec.h"

static struct rich_frame *top(const struct rich *r)
{
    return rich_frame_at(r, r->frames.count - 1);
}

/* ---- styles -----------------------------------------------------------------------------------
 */

static void styles_set(struct rich *r, uint32_t on)
{
    bool other = (on & RICH_ON(RICH_LINK)) != 0 &&
                 !yd_slice_equal(yd_buf_slice(&r->href), yd_buf_slice(&r->next_href));
    if (r->writer->styles == NULL || (on == r->styles && !other)) return;
    // Another link begins: the one before ends.
    if (other && (r->styles & RICH_ON(RICH_LINK)) != 0) {
        r->writer->styles(r, 0);
        r->styles = 0;
    }
    if (other) {
        struct yd_buf kept = r->href;
        r->href = r->next_href;
        r->next_href = kept;
    }
    r->writer->styles(r, on);
    r->styles = on;
}

static void styles_of_marks(struct rich *r)
{
    uint32_t on = 0;
    yd_buf_clear(&r->next_href);
    for (uint32_t i = 0; i < yd_marks_count(&r->marks); i++) {
        const struct mark *mark = yd_mark_at(&r->marks, i);
        enum rich_style style = yd_rich_style(mark->key);
        if (style == RICH_LINK) yd_rich_href(r, mark, &r->next_href);
        if (style == RICH_LINK && r->next_href.len == 0) continue;
        if (style != RICH_STYLES) on |= RICH_ON(style);
    }
    styles_set(r, on);
}

/* ---- elements ---------------------------------------------------------------------------------
 */

static bool is_text_type(uint32_t ref) { return ref == TYPE_XML_TEXT || ref == TYPE_TEXT; }

/* Type of the first child that shows; NONE. */
static uint32_t first_child(const struct yd_doc *doc, uint32_t type)
{
    uint32_t at = list_at(doc, type_at(doc, type)->seq)->head;
    for (; at != NONE; at = item_at(doc, at)->right) {
        const struct item *it = item_at(doc, at);
        if (!item_is_deleted(it) && item_ref(it) == REF_TYPE) return it->content;
    }
    return NONE;
}

static bool begins_with_text(const struct yd_doc *doc, uint32_t type)
{
    uint32_t child = first_child(doc, type);
    return child != NONE && is_text_type(type_at(doc, child)->ref);
}

static enum rich_node node_of(const struct yd_doc *doc, uint32_t type)
{
    const struct type *t = type_at(doc, type);
    if (t->ref != TYPE_XML_ELEMENT) return RICH_NODES;
    return yd_rich_node(text_slice(doc, t->name, t->name_len));
}

static bool is_item(enum rich_node node)
{
    return node == RICH_BULLET || node == RICH_NUMBER || node == RICH_CHECK;
}

static enum rich_node item_of_list(enum rich_node node)
{
    switch (node) {
    case RICH_LIST_BULLET: return RICH_BULLET;
    case RICH_LIST_NUMBER: return RICH_NUMBER;
    case RICH_LIST_CHECK: return RICH_CHECK;
    default: return RICH_GROUP;
    }
}

/* What an element is where it stands. */
static enum rich_node element_node(const struct rich *r, const struct rich_frame *in, uint32_t type)
{
    enum rich_node node = node_of(r->doc, type);
    bool in_line = in->holds_inline || in->node == RICH_INLINE;
    if (node == RICH_GROUP) {
        uint32_t child = first_child(r->doc, type);
        enum rich_node block = child == NONE ? RICH_NODES : node_of(r->doc, child);
        if (is_item(block)) node = block;
    } else if (node == RICH_ITEM) {
        node = in->list == RICH_GROUP ? RICH_BULLET : in->list;
    } else if (is_item(node) && in->node == node) {
        node = RICH_PARAGRAPH; // the container around it is the item
    } else if (node == RICH_NODES) {
        node = begins_with_text(r->doc, type) ? RICH_PARAGRAPH : RICH_GROUP;
    }
    if (in_line && node != RICH_BREAK && node != RICH_IMAGE && node != RICH_FILE) {
        node = RICH_INLINE;
    }
    return node;
}

static bool holds_inline(const struct yd_doc *doc, enum rich_node node, uint32_t type)
{
    switch (node) {
    case RICH_PARAGRAPH:
    case RICH_HEADING:
    case RICH_CODE:
    case RICH_INLINE: return true;
    case RICH_GROUP:
    case RICH_LIST_BULLET:
    case RICH_LIST_NUMBER:
    case RICH_LIST_CHECK:
    case RICH_TABLE:
    case RICH_ROW: return false;
    default: return begins_with_text(doc, type);
    }
}

static void list_end(struct rich *r, struct rich_frame *frame)
{
    if (frame->list == RICH_GROUP) return;
    r->writer->list_close(r, frame);
    frame->list = RICH_GROUP;
}

/* Opens and closes lists around items that have none of their own. */
static void list_for(struct rich *r, struct rich_frame *in, struct rich_frame *child)
{
    if (!is_item(child->node)) {
        list_end(r, in);
        return;
    }
    if (in->list != child->node) {
        list_end(r, in);
        in->list = child->node;
        // A container's number stands at the block in it.
        uint32_t block = first_child(r->doc, child->type);
        in->number = block == NONE ? 1 : yd_rich_number(r, block, "start", 1);
        r->writer->list_open(r, in);
    }
}

static bool is_list(enum rich_node node)
{
    return node == RICH_LIST_BULLET || node == RICH_LIST_NUMBER || node == RICH_LIST_CHECK;
}

static yd_err frame_push(struct rich *r, struct rich_frame frame)
{
    YD_TRY(yd_vec_reserve(r->doc, &r->frames, 1, sizeof frame));
    *rich_frame_at(r, r->frames.count++) = frame;
    return frame.is_text ? yd_marks_push(r->doc, &r->marks) : YD_OK;
}

static yd_err enter(struct rich *r, uint32_t type)
{
    uint32_t ref = type_at(r->doc, type)->ref;
    struct rich_frame *in = top(r);
    struct rich_frame frame = {.type = type,
                               .at = list_at(r->doc, type_at(r->doc, type)->seq)->head,
                               .node = RICH_INLINE,
                               .is_text = is_text_type(ref)};
    if (!frame.is_text && ref != TYPE_XML_ELEMENT) return YD_OK; // maps and lists are no text
    bool in_line = in->holds_inline || in->node == RICH_INLINE;
    if (!frame.is_text) frame.node = element_node(r, in, type);
    if (frame.is_text && !in_line) frame.node = RICH_PARAGRAPH;
    frame.holds_inline = frame.is_text || holds_inline(r->doc, frame.node, type);
    list_for(r, in, &frame);
    bool opens_list = is_list(frame.node);
    enum rich_node items = item_of_list(frame.node);
    if (opens_list) {
        frame.number = yd_rich_number(r, type, "start", 1);
        if (frame.number == 1) frame.number = yd_rich_number(r, type, "order", 1);
        frame.node = RICH_GROUP;
        frame.list = items;
    }
    YD_TRY(frame_push(r, frame));
    r->writer->open(r, top(r));
    if (opens_list) r->writer->list_open(r, top(r));
    return YD_OK;
}

static void leave(struct rich *r)
{
    struct rich_frame *frame = top(r);
    list_end(r, frame);
    if (frame->holds_inline) styles_set(r, 0);
    r->writer->close(r, frame);
    if (frame->is_text) yd_marks_pop(&r->marks);
    r->frames.count--;
    if (r->frames.count > 0 && is_item(frame->node)) top(r)->number++;
}

/* ---- the walk ---------------------------------------------------------------------------------
 */

static yd_err item_in_text(struct rich *r, const struct item *it)
{
    switch (item_ref(it)) {
    case REF_STRING:
        styles_of_marks(r);
        r->writer->text(r, item_content(r->doc, it));
        return YD_OK;
    case REF_FORMAT:
    case REF_FORMAT_ANY: return yd_marks_set(r->doc, &r->marks, yd_mark_of(r->doc, it));
    default: return YD_OK;
    }
}

static yd_err step(struct rich *r)
{
    struct rich_frame *frame = top(r);
    if (frame->at == NONE) {
        leave(r);
        return YD_OK;
    }
    const struct item *it = item_at(r->doc, frame->at);
    frame->at = it->right;
    if (item_is_deleted(it)) return YD_OK;
    if (item_ref(it) == REF_TYPE) return enter(r, it->content);
    return frame->is_text ? item_in_text(r, it) : YD_OK;
}

/* A root that holds characters is a text, any other a group of blocks. */
static bool root_is_text(const struct yd_doc *doc, uint32_t type)
{
    uint32_t at = list_at(doc, type_at(doc, type)->seq)->head;
    for (; at != NONE; at = item_at(doc, at)->right) {
        const struct item *it = item_at(doc, at);
        if (!item_is_deleted(it) && item_counts(it)) return item_ref(it) == REF_STRING;
    }
    return false;
}

static yd_err walk(struct rich *r, uint32_t type)
{
    bool is_text = root_is_text(r->doc, type);
    struct rich_frame root = {.type = type,
                              .at = list_at(r->doc, type_at(r->doc, type)->seq)->head,
                              .node = is_text ? RICH_PARAGRAPH : RICH_GROUP,
                              .holds_inline = is_text,
                              .is_text = is_text};
    YD_TRY(frame_push(r, root));
    r->writer->open(r, top(r));
    while (r->frames.count > 0 && r->o->err == YD_OK) YD_TRY(step(r));
    return r->o->err;
}

yd_err yd_rich_write(struct yd_doc *doc, yd_slice name, const struct rich_writer *writer,
                     struct yd_buf *out)
{
    if (doc->broken) return YD_ENOMEM;
    uint32_t type = root_find(doc, name);
    if (type == NONE) return YD_OK;
    struct text_out o = {.buf = out};
    struct rich r = {.doc = doc, .writer = writer, .o = &o, .start = out->len};
    struct yd_buf *buffers[] = {&r.href, &r.next_href, &r.scratch, &r.address, &r.held, &r.code};
    size_t buffer_count = sizeof buffers / sizeof *buffers;
    for (size_t i = 0; i < buffer_count; i++) yd_buf_init(buffers[i], doc->alloc, SIZE_MAX / 2);
    yd_err err = walk(&r, type);
    for (size_t i = 0; i < buffer_count; i++) yd_buf_deinit(buffers[i]);
    yd_vec_free(doc, &r.frames, sizeof(struct rich_frame));
    yd_marks_free(doc, &r.marks);
    if (err != YD_OK) out->len = r.start;
    return err;
}
