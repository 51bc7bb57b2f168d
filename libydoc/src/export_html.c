/* export_html.c - rich text as an HTML fragment.
 *
 * Where it sits:   the caller -> yd_doc_html() -> rich.c -> here
 * Source:          HTML Living Standard, 13.1.2 (elements), 13.3 (escaping); rules U90 to U93
 *
 * Only the tags below are ever written, and of attributes href, src, alt, start, colspan, rowspan,
 * class (of code, letters and digits) and those of a check box. */
#include "ydoc/export.h"

#include "rich.h"

/* Text and attribute values alike. */
static void escaped(struct rich *r, yd_slice text)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *as = NULL;
        switch (text.ptr[i]) {
        case '&': as = "&amp;"; break;
        case '<': as = "&lt;"; break;
        case '>': as = "&gt;"; break;
        case '"': as = "&quot;"; break;
        case '\'': as = "&#39;"; break;
        case 0: as = "\xef\xbf\xbd"; break; // what a reader of HTML would make of it
        default: continue;
        }
        yd_out_raw(r->o, (yd_slice){text.ptr + from, i - from});
        rich_put(r, as);
        from = i + 1;
    }
    yd_out_raw(r->o, (yd_slice){text.ptr + from, text.len - from});
}

static void attribute(struct rich *r, const char *name, yd_slice value)
{
    rich_put(r, " ");
    rich_put(r, name);
    rich_put(r, "=\"");
    escaped(r, value);
    rich_put(r, "\"");
}

static void number_attribute(struct rich *r, const char *name, uint64_t value)
{
    rich_put(r, " ");
    rich_put(r, name);
    rich_put(r, "=\"");
    yd_out_uint(r->o, value);
    rich_put(r, "\"");
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

static uint64_t heading_level(struct rich *r, const struct rich_frame *frame)
{
    uint64_t level = yd_rich_number(r, frame->type, "level", 1);
    return level < 1 ? 1 : level > 6 ? 6 : level;
}

static void heading_tag(struct rich *r, const struct rich_frame *frame, const char *begin)
{
    rich_put(r, begin);
    yd_out_uint(r->o, heading_level(r, frame));
    rich_put(r, ">");
}

static bool is_language(yd_slice name)
{
    if (name.len == 0 || name.len > 32) return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '+' || c == '#' || c == '.';
        if (!ok) return false;
    }
    return true;
}

static void code_open(struct rich *r, const struct rich_frame *frame)
{
    rich_put(r, "<pre><code");
    if (yd_rich_attribute(r, frame->type, "language", &r->scratch) &&
        is_language(yd_buf_slice(&r->scratch))) {
        rich_put(r, " class=\"language-");
        yd_out_raw(r->o, yd_buf_slice(&r->scratch));
        rich_put(r, "\"");
    }
    rich_put(r, ">");
}

static bool is_checked(struct rich *r, const struct rich_frame *frame)
{
    uint32_t type = frame->type;
    // In BlockNote it stands at the block in the container.
    bool has = yd_rich_attribute(r, type, "checked", &r->scratch);
    uint32_t at = list_at(r->doc, type_at(r->doc, type)->seq)->head;
    for (; !has && at != NONE; at = item_at(r->doc, at)->right) {
        const struct item *it = item_at(r->doc, at);
        if (item_is_deleted(it) || item_ref(it) != REF_TYPE) continue;
        has = yd_rich_attribute(r, it->content, "checked", &r->scratch);
        break;
    }
    return has && yd_slice_equal(yd_buf_slice(&r->scratch), YD_LITERAL("true"));
}

static void item_open(struct rich *r, const struct rich_frame *frame)
{
    rich_put(r, "<li>");
    if (frame->node != RICH_CHECK) return;
    rich_put(r, "<input type=\"checkbox\" disabled=\"\"");
    if (is_checked(r, frame)) rich_put(r, " checked=\"\"");
    rich_put(r, ">");
}

static void cell_open(struct rich *r, const struct rich_frame *frame, const char *tag)
{
    rich_put(r, tag);
    uint64_t columns = yd_rich_number(r, frame->type, "colspan", 1);
    uint64_t rows = yd_rich_number(r, frame->type, "rowspan", 1);
    if (columns > 1 && columns <= 1000) number_attribute(r, "colspan", columns);
    if (rows > 1 && rows <= 65534) number_attribute(r, "rowspan", rows);
    rich_put(r, ">");
}

/* An image's address may be called src or url; true: it is in r->address. */
static bool address_of(struct rich *r, uint32_t type)
{
    bool has = yd_rich_attribute(r, type, "src", &r->scratch) ||
               yd_rich_attribute(r, type, "url", &r->scratch);
    return has && yd_rich_address(r, yd_buf_slice(&r->scratch), &r->address);
}

static bool name_of(struct rich *r, uint32_t type)
{
    return (yd_rich_attribute(r, type, "alt", &r->scratch) && r->scratch.len > 0) ||
           (yd_rich_attribute(r, type, "name", &r->scratch) && r->scratch.len > 0);
}

static void image(struct rich *r, uint32_t type)
{
    bool has_caption = yd_rich_attribute(r, type, "caption", &r->scratch) && r->scratch.len > 0;
    if (has_caption) rich_put(r, "<figure>");
    if (address_of(r, type)) {
        rich_put(r, "<img");
        attribute(r, "src", yd_buf_slice(&r->address));
        attribute(r, "alt", name_of(r, type) ? yd_buf_slice(&r->scratch) : YD_EMPTY);
        rich_put(r, ">");
    } else if (name_of(r, type)) {
        escaped(r, yd_buf_slice(&r->scratch));
    }
    if (!has_caption || !yd_rich_attribute(r, type, "caption", &r->scratch)) return;
    rich_put(r, "<figcaption>");
    escaped(r, yd_buf_slice(&r->scratch));
    rich_put(r, "</figcaption></figure>");
}

static void file_link(struct rich *r, uint32_t type)
{
    bool has_address = address_of(r, type);
    if (has_address) {
        rich_put(r, "<a");
        attribute(r, "href", yd_buf_slice(&r->address));
        rich_put(r, ">");
    }
    if (name_of(r, type)) {
        escaped(r, yd_buf_slice(&r->scratch));
    } else if (has_address) {
        escaped(r, yd_buf_slice(&r->address));
    }
    if (has_address) rich_put(r, "</a>");
}

static void html_open(struct rich *r, struct rich_frame *frame)
{
    switch (frame->node) {
    case RICH_PARAGRAPH: rich_put(r, "<p>"); return;
    case RICH_HEADING: heading_tag(r, frame, "<h"); return;
    case RICH_QUOTE: rich_put(r, "<blockquote>"); return;
    case RICH_CODE: code_open(r, frame); return;
    case RICH_BULLET:
    case RICH_NUMBER:
    case RICH_CHECK: item_open(r, frame); return;
    case RICH_TABLE: rich_put(r, "<table>"); return;
    case RICH_ROW: rich_put(r, "<tr>"); return;
    case RICH_CELL: cell_open(r, frame, "<td"); return;
    case RICH_HEAD_CELL: cell_open(r, frame, "<th"); return;
    case RICH_RULE: rich_put(r, "<hr>"); return;
    case RICH_BREAK: rich_put(r, "<br>"); return;
    case RICH_IMAGE: image(r, frame->type); return;
    case RICH_FILE: file_link(r, frame->type); return;
    default: return;
    }
}

static void html_close(struct rich *r, struct rich_frame *frame)
{
    switch (frame->node) {
    case RICH_PARAGRAPH: rich_put(r, "</p>"); return;
    case RICH_HEADING: heading_tag(r, frame, "</h"); return;
    case RICH_QUOTE: rich_put(r, "</blockquote>"); return;
    case RICH_CODE: rich_put(r, "</code></pre>"); return;
    case RICH_BULLET:
    case RICH_NUMBER:
    case RICH_CHECK: rich_put(r, "</li>"); return;
    case RICH_TABLE: rich_put(r, "</table>"); return;
    case RICH_ROW: rich_put(r, "</tr>"); return;
    case RICH_CELL: rich_put(r, "</td>"); return;
    case RICH_HEAD_CELL: rich_put(r, "</th>"); return;
    default: return;
    }
}

static void html_list_open(struct rich *r, struct rich_frame *frame)
{
    if (frame->list != RICH_NUMBER) {
        rich_put(r, "<ul>");
        return;
    }
    rich_put(r, "<ol");
    if (frame->number != 1) number_attribute(r, "start", frame->number);
    rich_put(r, ">");
}

static void html_list_close(struct rich *r, struct rich_frame *frame)
{
    rich_put(r, frame->list == RICH_NUMBER ? "</ol>" : "</ul>");
}

/* ---- text -------------------------------------------------------------------------------------
 */

static const struct {
    const char *open, *close;
} tags[RICH_STYLES] = {
    [RICH_LINK] = {NULL, "</a>"},      [RICH_BOLD] = {"<strong>", "</strong>"},
    [RICH_ITALIC] = {"<em>", "</em>"}, [RICH_UNDERLINE] = {"<u>", "</u>"},
    [RICH_STRIKE] = {"<s>", "</s>"},   [RICH_MONO] = {"<code>", "</code>"},
};

/* A link whose address may not stand here is text. */
static void link_open(struct rich *r)
{
    rich_put(r, "<a");
    if (yd_rich_address(r, yd_buf_slice(&r->href), &r->address)) {
        attribute(r, "href", yd_buf_slice(&r->address));
    }
    rich_put(r, ">");
}

/* Tags stand in one order, so what is inside of one that ends ends with it. */
static void html_styles(struct rich *r, uint32_t on)
{
    uint32_t first = 0;
    while (first < RICH_STYLES && ((on ^ r->styles) & RICH_ON(first)) == 0) first++;
    for (uint32_t s = RICH_STYLES; s-- > first;) {
        if ((r->styles & RICH_ON(s)) != 0) rich_put(r, tags[s].close);
    }
    for (uint32_t s = first; s < RICH_STYLES; s++) {
        if ((on & RICH_ON(s)) == 0) continue;
        if (s == RICH_LINK) {
            link_open(r);
        } else {
            rich_put(r, tags[s].open);
        }
    }
}

static void html_text(struct rich *r, yd_slice text)
{
    // Line ends of a plain text's lines; in <pre> they are what they are.
    bool in_code = false;
    for (uint32_t i = 0; i < r->frames.count && i < 2; i++) {
        in_code = in_code || rich_frame_at(r, r->frames.count - 1 - i)->node == RICH_CODE;
    }
    while (!in_code && text.len > 0) {
        size_t len = 0;
        while (len < text.len && text.ptr[len] != '\n') len++;
        escaped(r, (yd_slice){text.ptr, len});
        if (len == text.len) return;
        rich_put(r, "<br>");
        text = (yd_slice){text.ptr + len + 1, text.len - len - 1};
    }
    escaped(r, text);
}

yd_err yd_doc_html(struct yd_doc *doc, yd_slice name, struct yd_buf *out)
{
    static const struct rich_writer writer = {.open = html_open,
                                              .close = html_close,
                                              .list_open = html_list_open,
                                              .list_close = html_list_close,
                                              .styles = html_styles,
                                              .text = html_text};
    return yd_rich_write(doc, name, &writer, out);
}
