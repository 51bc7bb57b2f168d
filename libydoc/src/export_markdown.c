/* export_markdown.c - rich text as Markdown.
 *
 * Where it sits:   the caller -> yd_doc_markdown() -> rich.c -> here
 * Source:          CommonMark 0.31; GitHub's tables, strikethrough and task lists; rules U94, U95
 *
 * Lines are begun late: a block says how many line ends stand before it, and the prefix of a line
 * (markers, indents, quotes) is written with its first character. What Markdown would read as
 * something else is escaped. Code is collected first, because its fence depends on it. */
#include "ydoc/export.h"

#include "rich.h"

#define PREFIX_DEPTH_MAX 64 /* what is nested deeper stands where that does */

static bool md_is_item(const struct rich_frame *frame)
{
    return frame->node == RICH_BULLET || frame->node == RICH_NUMBER || frame->node == RICH_CHECK;
}

/* ---- lines ------------------------------------------------------------------------------------
 */

enum prefix {
    PREFIX_LINE,  /* of a line of text */
    PREFIX_BLANK, /* of an empty line in front of what has just been opened */
    PREFIX_DUE    /* what has been opened since the line began */
};

/* The marker of an item, and in its further lines blanks as wide. */
static void marker(struct rich *r, const struct rich_frame *frame, const struct rich_frame *in)
{
    size_t before = r->o->buf->len;
    if (frame->node == RICH_NUMBER) {
        yd_out_uint(r->o, in->number);
        rich_put(r, ". ");
    } else {
        rich_put(r, "* ");
    }
    if (frame->marker_is_due) return;
    for (size_t i = before; r->o->err == YD_OK && i < r->o->buf->len; i++) {
        r->o->buf->ptr[i] = ' ';
    }
}

static void prefix(struct rich *r, enum prefix which)
{
    uint32_t depth = 0;
    for (uint32_t i = 0; i < r->frames.count && depth < PREFIX_DEPTH_MAX; i++) {
        struct rich_frame *frame = rich_frame_at(r, i);
        bool shows = frame->node == RICH_QUOTE || (md_is_item(frame) && i > 0);
        if (!shows) continue;
        depth++;
        if (which == PREFIX_BLANK && frame->marker_is_due) return;
        if (which == PREFIX_DUE && !frame->marker_is_due) continue;
        if (frame->node == RICH_QUOTE) {
            rich_put(r, "> ");
        } else {
            marker(r, frame, rich_frame_at(r, i - 1));
        }
        if (which != PREFIX_BLANK) frame->marker_is_due = false;
    }
}

static void trim_end(struct rich *r)
{
    struct yd_buf *out = r->o->buf;
    while (out->len > r->start && out->ptr[out->len - 1] == ' ') out->len--;
}

/* What comes next stands `count` line ends further; 0: in this line. */
static void lines(struct rich *r, uint32_t count)
{
    bool is_first = r->o->buf->len == r->start;
    for (uint32_t i = 0; !is_first && i < count; i++) {
        rich_put(r, "\n");
        if (i + 1 == count) break;
        prefix(r, PREFIX_BLANK);
        trim_end(r);
    }
    prefix(r, is_first || count > 0 ? PREFIX_LINE : PREFIX_DUE);
    r->is_line_begin = true;
}

/* A block begins. In a cell there are none. */
static void block_begin(struct rich *r)
{
    if (r->cells > 0) {
        if (r->cell_has_text) rich_put(r, "<br>");
        return;
    }
    lines(r, r->line_breaks);
    r->line_breaks = 2;
}

/* ---- text -------------------------------------------------------------------------------------
 */

static bool is_special(uint8_t c)
{
    return c == '\\' || c == '`' || c == '*' || c == '_' || c == '[' || c == ']' || c == '<' ||
           c == '>' || c == '~' || c == '|';
}

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* What means something only where a line begins. */
static bool is_special_at_begin(uint8_t c)
{
    return c == '#' || c == '+' || c == '-' || c == '=' || c == ':';
}

/* "1." and "1)" would be items: the mark behind the number is escaped. */
static bool ends_number(const struct rich *r, uint8_t c)
{
    const struct yd_buf *out = r->o->buf;
    return r->is_line_begin && (c == '.' || c == ')') && out->len > r->start &&
           is_digit(out->ptr[out->len - 1]);
}

static void line_end(struct rich *r)
{
    if (r->cells > 0) {
        rich_put(r, "<br>");
        return;
    }
    for (uint32_t i = r->frames.count; i-- > 0;) {
        if (rich_frame_at(r, i)->node != RICH_HEADING) continue;
        rich_put(r, " "); // a heading is one line
        return;
    }
    rich_put(r, "\\\n");
    prefix(r, PREFIX_LINE);
    r->is_line_begin = true;
}

/* Blanks and line ends that were held back, now that something follows. At the begin and the end of
 * a line Markdown would drop blanks, or take them for something else. */
static void held_out(struct rich *r)
{
    size_t blanks = 0;
    for (size_t i = 0; i < r->held.len && r->o->err == YD_OK; i++) {
        if (r->held.ptr[i] == '\n') {
            line_end(r);
            blanks = 0;
        } else {
            blanks++;
        }
    }
    for (; blanks > 0 && !r->is_line_begin; blanks--) rich_put(r, " ");
    yd_buf_clear(&r->held);
}

static void hold(struct rich *r, uint8_t c)
{
    if (r->o->err == YD_OK) r->o->err = yd_buf_u8(&r->held, c);
}

static bool is_letter(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* next: the character behind it, as far as that is known; only a letter there makes `&` special. */
static void character(struct rich *r, uint8_t c, uint8_t next)
{
    if (c == 0) {
        rich_put(r, "\xef\xbf\xbd");
    } else {
        bool escape = is_special(c) || (c == '&' && (is_letter(next) || next == '#')) ||
                      (r->is_line_begin && is_special_at_begin(c)) || ends_number(r, c);
        if (escape) rich_put(r, "\\");
        out_byte(r->o, c);
    }
    if (!is_digit(c)) r->is_line_begin = false;
}

/* ---- styles -----------------------------------------------------------------------------------
 */

static const char *const marks[RICH_STYLES] = {
    [RICH_LINK] = NULL,    [RICH_BOLD] = "**",   [RICH_ITALIC] = "*",
    [RICH_UNDERLINE] = "", [RICH_STRIKE] = "~~", [RICH_MONO] = NULL};

static size_t longest_run(yd_slice text, uint8_t of)
{
    size_t longest = 0, run = 0;
    for (size_t i = 0; i < text.len; i++) {
        run = text.ptr[i] == of ? run + 1 : 0;
        if (run > longest) longest = run;
    }
    return longest;
}

/* Code in a line. A blank at both ends keeps a backtick there from being taken for the fence. */
static void mono_out(struct rich *r)
{
    yd_slice code = yd_buf_slice(&r->code);
    size_t fence = longest_run(code, '`') + 1;
    bool blank = code.len > 0 && (code.ptr[0] == '`' || code.ptr[code.len - 1] == '`' ||
                                  (code.ptr[0] == ' ' && code.ptr[code.len - 1] == ' '));
    if (code.len > 0) {
        for (size_t i = 0; i < fence; i++) rich_put(r, "`");
        if (blank) rich_put(r, " ");
        for (size_t i = 0; i < code.len; i++) {
            // In a table's cell a bar ends the cell even here.
            if (code.ptr[i] == '|' && r->cells > 0) rich_put(r, "\\");
            out_byte(r->o, code.ptr[i] == '\n' ? ' ' : code.ptr[i]);
        }
        if (blank) rich_put(r, " ");
        for (size_t i = 0; i < fence; i++) rich_put(r, "`");
        r->cell_has_text = true;
        r->is_line_begin = false;
    }
    yd_buf_clear(&r->code);
}

static void style_close(struct rich *r, uint32_t style)
{
    if (style == RICH_MONO) {
        mono_out(r);
    } else if (style != RICH_LINK) {
        rich_put(r, marks[style]);
    } else if (yd_rich_address(r, yd_buf_slice(&r->href), &r->address)) {
        rich_put(r, "](");
        yd_out_raw(r->o, yd_buf_slice(&r->address));
        rich_put(r, ")");
    }
}

static void style_open(struct rich *r, uint32_t style)
{
    if (style == RICH_LINK) {
        if (!yd_rich_address(r, yd_buf_slice(&r->href), &r->address)) return;
        rich_put(r, "[");
    } else if (style != RICH_MONO) {
        rich_put(r, marks[style]);
    }
    r->is_line_begin = false;
}

static void close_from(struct rich *r, uint32_t first)
{
    for (uint32_t s = RICH_STYLES; s-- > first;) {
        if ((r->opened & RICH_ON(s)) != 0) style_close(r, s);
    }
    r->opened &= RICH_ON(first) - 1;
}

/* Styles that end do so at once, behind the last character that is no blank. Marks stand in one
 * order, as tags in HTML: what is inside of one that ends ends with it. */
static void markdown_styles(struct rich *r, uint32_t on)
{
    uint32_t ends = r->opened & ~on, first = 0;
    while (first < RICH_STYLES && (ends & RICH_ON(first)) == 0) first++;
    close_from(r, first);
}

/* Styles that begin do so with their first character that is no blank. */
static void styles_begin(struct rich *r)
{
    uint32_t first = 0;
    while (first < RICH_STYLES && ((r->opened ^ r->styles) & RICH_ON(first)) == 0) first++;
    if (first < RICH_STYLES) close_from(r, first);
    held_out(r);
    for (uint32_t s = first; s < RICH_STYLES; s++) {
        if ((r->styles & RICH_ON(s)) != 0) style_open(r, s);
    }
    r->opened = r->styles;
}

static void markdown_text(struct rich *r, yd_slice text)
{
    if (!r->in_code && (r->styles & RICH_ON(RICH_MONO)) != 0) styles_begin(r);
    if (r->in_code || (r->styles & RICH_ON(RICH_MONO)) != 0) {
        if (r->o->err == YD_OK) r->o->err = yd_buf_append(&r->code, text);
        return;
    }
    for (size_t i = 0; i < text.len && r->o->err == YD_OK; i++) {
        uint8_t c = text.ptr[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            // Held back: what ends or begins with a blank would not be a style, and what is last
            // in its block says nothing.
            hold(r, c == '\n' ? c : ' ');
        } else {
            styles_begin(r);
            character(r, c, i + 1 < text.len ? text.ptr[i + 1] : 'a');
            r->cell_has_text = true;
        }
    }
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

static void heading_open(struct rich *r, const struct rich_frame *frame)
{
    uint64_t level = yd_rich_number(r, frame->type, "level", 1);
    block_begin(r);
    if (r->cells > 0) return;
    for (uint64_t i = 0; i < (level < 1 ? 1 : level > 6 ? 6 : level); i++) rich_put(r, "#");
    rich_put(r, " ");
}

static void code_close(struct rich *r, const struct rich_frame *frame)
{
    yd_slice code = yd_buf_slice(&r->code);
    size_t fence = longest_run(code, '`') + 1;
    if (fence < 3) fence = 3;
    r->in_code = false;
    if (r->cells > 0) { // a cell is one line
        mono_out(r);
        return;
    }
    for (size_t i = 0; i < fence; i++) rich_put(r, "`");
    if (yd_rich_attribute(r, frame->type, "language", &r->scratch)) {
        for (size_t i = 0; i < r->scratch.len && i < 32; i++) {
            uint8_t c = r->scratch.ptr[i];
            if (c > ' ' && c != '`' && c != '~' && c != 0x7f) out_byte(r->o, c);
        }
    }
    for (size_t at = 0; at <= code.len;) {
        size_t len = 0;
        while (at + len < code.len && code.ptr[at + len] != '\n') len++;
        rich_put(r, "\n");
        prefix(r, PREFIX_LINE);
        yd_out_raw(r->o, (yd_slice){code.ptr + at, len});
        at += len + 1;
    }
    yd_buf_clear(&r->code);
    rich_put(r, "\n");
    prefix(r, PREFIX_LINE);
    for (size_t i = 0; i < fence; i++) rich_put(r, "`");
}

static bool md_is_checked(struct rich *r, const struct rich_frame *frame)
{
    bool has = yd_rich_attribute(r, frame->type, "checked", &r->scratch);
    uint32_t at = list_at(r->doc, type_at(r->doc, frame->type)->seq)->head;
    for (; !has && at != NONE; at = item_at(r->doc, at)->right) {
        const struct item *it = item_at(r->doc, at);
        if (item_is_deleted(it) || item_ref(it) != REF_TYPE) continue;
        has = yd_rich_attribute(r, it->content, "checked", &r->scratch);
        break;
    }
    return has && yd_slice_equal(yd_buf_slice(&r->scratch), YD_LITERAL("true"));
}

static void md_item_open(struct rich *r, struct rich_frame *frame)
{
    if (r->cells > 0) return;
    frame->marker_is_due = true;
    lines(r, r->line_breaks);
    if (frame->node == RICH_CHECK) rich_put(r, md_is_checked(r, frame) ? "[x] " : "[ ] ");
    r->line_breaks = 0; // what comes first in it stands in this line
}

static void md_image(struct rich *r, const struct rich_frame *frame)
{
    bool has = yd_rich_attribute(r, frame->type, "src", &r->scratch) ||
               yd_rich_attribute(r, frame->type, "url", &r->scratch);
    has = has && yd_rich_address(r, yd_buf_slice(&r->scratch), &r->address);
    bool is_image = frame->node == RICH_IMAGE;
    bool named = (is_image && yd_rich_attribute(r, frame->type, "caption", &r->scratch) &&
                  r->scratch.len > 0) ||
                 (yd_rich_attribute(r, frame->type, "alt", &r->scratch) && r->scratch.len > 0) ||
                 (yd_rich_attribute(r, frame->type, "name", &r->scratch) && r->scratch.len > 0);
    if (!rich_parent(r)->holds_inline) block_begin(r);
    held_out(r);
    if (has) rich_put(r, is_image ? "![" : "[");
    r->is_line_begin = false;
    for (size_t i = 0; named && i < r->scratch.len; i++) {
        uint8_t c = r->scratch.ptr[i];
        character(r, c < ' ' ? ' ' : c, 'a');
    }
    if (!named && has && !is_image) yd_out_raw(r->o, yd_buf_slice(&r->address));
    if (!has) return;
    rich_put(r, "](");
    yd_out_raw(r->o, yd_buf_slice(&r->address));
    rich_put(r, ")");
}

static void row_open(struct rich *r, struct rich_frame *frame)
{
    if (r->cells > 0) return;
    lines(r, r->is_first_row ? r->line_breaks : 1);
    r->line_breaks = 2;
    frame->columns = 0;
    rich_put(r, "|");
}

static void row_close(struct rich *r, const struct rich_frame *frame)
{
    if (r->cells > 0 || !r->is_first_row) return;
    r->is_first_row = false;
    lines(r, 1);
    rich_put(r, "|");
    for (uint64_t i = 0; i < frame->columns; i++) rich_put(r, " --- |");
}

static void md_cell_open(struct rich *r)
{
    if (r->cells++ > 0) return;
    rich_parent(r)->columns++;
    rich_put(r, " ");
    r->is_line_begin = false;
    r->cell_has_text = false;
}

static void markdown_open(struct rich *r, struct rich_frame *frame)
{
    switch (frame->node) {
    case RICH_PARAGRAPH: block_begin(r); return;
    case RICH_HEADING: heading_open(r, frame); return;
    case RICH_QUOTE:
        frame->marker_is_due = r->cells == 0;
        if (frame->holds_inline) block_begin(r);
        return;
    case RICH_CODE:
        block_begin(r);
        r->in_code = true;
        return;
    case RICH_BULLET:
    case RICH_NUMBER:
    case RICH_CHECK: md_item_open(r, frame); return;
    case RICH_TABLE:
        if (r->cells == 0) r->is_first_row = true;
        return;
    case RICH_ROW: row_open(r, frame); return;
    case RICH_CELL:
    case RICH_HEAD_CELL: md_cell_open(r); return;
    case RICH_RULE:
        block_begin(r);
        if (r->cells == 0) rich_put(r, "***");
        return;
    case RICH_BREAK: hold(r, '\n'); return;
    case RICH_IMAGE:
    case RICH_FILE: md_image(r, frame); return;
    default: return;
    }
}

static void markdown_close(struct rich *r, struct rich_frame *frame)
{
    if (frame->node == RICH_CODE) code_close(r, frame);
    if (frame->node == RICH_ROW) row_close(r, frame);
    if (frame->node == RICH_CELL || frame->node == RICH_HEAD_CELL) {
        r->cells--;
        if (r->cells == 0) rich_put(r, " |");
    }
    if (md_is_item(frame)) r->line_breaks = 1; // the next one follows closely
    // Blanks at the end of a block say nothing.
    if (frame->holds_inline && frame->node != RICH_INLINE && frame->node != RICH_CODE) {
        yd_buf_clear(&r->held);
    }
    if (r->frames.count == 1 && r->o->buf->len > r->start) rich_put(r, "\n");
}

/* A list inside of an item follows the item's text closely; items follow each other closely. */
static void markdown_list_open(struct rich *r, struct rich_frame *frame)
{
    (void)frame;
    for (uint32_t i = r->frames.count; i-- > 0;) {
        if (!md_is_item(rich_frame_at(r, i))) continue;
        if (r->line_breaks == 2) r->line_breaks = 1;
        return;
    }
}

static void markdown_list_close(struct rich *r, struct rich_frame *frame)
{
    (void)frame;
    r->line_breaks = 2;
}

yd_err yd_doc_markdown(struct yd_doc *doc, yd_slice name, struct yd_buf *out)
{
    static const struct rich_writer writer = {.open = markdown_open,
                                              .close = markdown_close,
                                              .list_open = markdown_list_open,
                                              .list_close = markdown_list_close,
                                              .styles = markdown_styles,
                                              .text = markdown_text};
    return yd_rich_write(doc, name, &writer, out);
}
