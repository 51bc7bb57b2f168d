/* rich_names.c - what elements, marks and attributes are called by BlockNote, Tiptap and
 * prosemirror-schema-basic, and by Quill. */
#include "rich.h"

#include <string.h>

#include "any.h"
#include "codec.h"

struct node_name {
    const char *name;
    enum rich_node node;
};

static const struct node_name nodes[] = {
    {"paragraph", RICH_PARAGRAPH},
    {"heading", RICH_HEADING},
    {"blockContainer", RICH_GROUP},
    {"blockGroup", RICH_GROUP},
    {"columnList", RICH_GROUP},
    {"column", RICH_GROUP},
    {"doc", RICH_GROUP},
    {"bulletListItem", RICH_BULLET},
    {"toggleListItem", RICH_BULLET},
    {"numberedListItem", RICH_NUMBER},
    {"checkListItem", RICH_CHECK},
    {"bulletList", RICH_LIST_BULLET},
    {"bullet_list", RICH_LIST_BULLET},
    {"orderedList", RICH_LIST_NUMBER},
    {"ordered_list", RICH_LIST_NUMBER},
    {"taskList", RICH_LIST_CHECK},
    {"listItem", RICH_ITEM},
    {"list_item", RICH_ITEM},
    {"taskItem", RICH_ITEM},
    {"quote", RICH_QUOTE},
    {"blockquote", RICH_QUOTE},
    {"codeBlock", RICH_CODE},
    {"code_block", RICH_CODE},
    {"procode", RICH_CODE},
    {"table", RICH_TABLE},
    {"tableRow", RICH_ROW},
    {"table_row", RICH_ROW},
    {"tableCell", RICH_CELL},
    {"table_cell", RICH_CELL},
    {"tableHeader", RICH_HEAD_CELL},
    {"table_header", RICH_HEAD_CELL},
    {"tableParagraph", RICH_PARAGRAPH},
    {"divider", RICH_RULE},
    {"horizontalRule", RICH_RULE},
    {"horizontal_rule", RICH_RULE},
    {"hardBreak", RICH_BREAK},
    {"hard_break", RICH_BREAK},
    {"image", RICH_IMAGE},
    {"file", RICH_FILE},
    {"video", RICH_FILE},
    {"audio", RICH_FILE},
};

static bool is_name(yd_slice text, const char *name)
{
    return text.len == strlen(name) && memcmp(text.ptr, name, text.len) == 0;
}

/* RICH_NODES: none of them. */
enum rich_node yd_rich_node(yd_slice element)
{
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        if (is_name(element, nodes[i].name)) return nodes[i].node;
    }
    return RICH_NODES;
}

enum rich_style yd_rich_style(yd_slice key)
{
    static const struct {
        const char *name;
        enum rich_style style;
    } marks[] = {
        {"bold", RICH_BOLD},
        {"strong", RICH_BOLD},
        {"italic", RICH_ITALIC},
        {"em", RICH_ITALIC},
        {"code", RICH_MONO},
        {"strike", RICH_STRIKE},
        {"strikethrough", RICH_STRIKE},
        {"s", RICH_STRIKE},
        {"underline", RICH_UNDERLINE},
        {"u", RICH_UNDERLINE},
        {"link", RICH_LINK},
    };
    // Marks that may overlap have a hash behind their name: name--hash.
    for (size_t i = 2; i < key.len; i++) {
        if (key.ptr[i - 1] == '-' && key.ptr[i] == '-') key.len = i - 1;
    }
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (is_name(key, marks[i].name)) return marks[i].style;
    }
    return RICH_STYLES;
}

/* ---- attributes -------------------------------------------------------------------------------
 */

static const struct item *attribute_item(const struct yd_doc *doc, uint32_t type, const char *name)
{
    uint32_t key = yd_live_key(doc, type_at(doc, type)->first_key);
    for (; key != NONE; key = yd_live_key(doc, list_at(doc, key)->next)) {
        if (is_name(name_text(doc, list_at(doc, key)->key), name)) {
            return item_at(doc, list_at(doc, key)->tail);
        }
    }
    return NULL;
}

static bool json_is_nothing(yd_slice json)
{
    return is_name(json, "undefined") || is_name(json, "null");
}

bool yd_rich_attribute(struct rich *r, uint32_t type, const char *name, struct yd_buf *out)
{
    struct text_out o = {.buf = out};
    yd_buf_clear(out);
    const struct item *it = attribute_item(r->doc, type, name);
    if (it == NULL) return false;
    if (item_ref(it) == REF_STRING) {
        yd_out_raw(&o, item_content(r->doc, it));
    } else if (item_ref(it) == REF_ANY) {
        struct yd_reader value = yd_last_value(r->doc, it);
        if (*value.at == ANY_UNDEFINED || *value.at == ANY_NULL) return false;
        yd_any_js_text(&o, &value);
    } else if (item_ref(it) == REF_JSON) {
        struct yd_reader value = yd_last_value(r->doc, it);
        yd_slice json = yd_read_varbytes(&value);
        if (json_is_nothing(json)) return false;
        yd_json_js_text(&o, json);
    } else {
        return false;
    }
    if (o.err != YD_OK && r->o->err == YD_OK) r->o->err = o.err;
    return o.err == YD_OK;
}

uint64_t yd_rich_number(struct rich *r, uint32_t type, const char *name, uint64_t or)
{
    uint64_t number = 0;
    if (!yd_rich_attribute(r, type, name, &r->scratch) || r->scratch.len == 0) return or ;
    for (size_t i = 0; i < r->scratch.len; i++) {
        uint8_t c = r->scratch.ptr[i];
        if (c < '0' || c > '9' || number > 100000000) return or ;
        number = number * 10 + (uint64_t)(c - '0');
    }
    return number;
}

/* The value of a member of an object; empty: it has none of that name that is a text. */
static yd_slice member_of(yd_slice json, const char *name)
{
    size_t at = yd_json_blanks(json, yd_json_blanks(json, 0) + 1);
    while (json.ptr[at] != '}') {
        size_t end = yd_json_string_end(json, at);
        yd_slice key = {json.ptr + at + 1, end - at - 2};
        at = yd_json_blanks(json, yd_json_blanks(json, end) + 1); // over the colon
        end = yd_json_value_end(json, at);
        if (is_name(key, name) && json.ptr[at] == '"') return (yd_slice){json.ptr + at, end - at};
        at = yd_json_blanks(json, end);
        if (json.ptr[at] == ',') at = yd_json_blanks(json, at + 1);
    }
    return YD_EMPTY;
}

void yd_rich_href(struct rich *r, const struct mark *mark, struct yd_buf *out)
{
    struct text_out o = {.buf = out};
    yd_slice value = mark->value;
    yd_buf_clear(out);
    if (mark->is_any || value.len == 0) return; // no JSON: no address that anybody means
    uint8_t kind = value.ptr[yd_json_blanks(value, 0)];
    if (kind == '{') value = member_of(value, "href");
    if (value.len > 0 && (kind == '{' || kind == '"')) yd_json_js_text(&o, value);
    if (o.err != YD_OK && r->o->err == YD_OK) r->o->err = o.err;
}
