/* read_xml.c - XML types as the text that Yjs makes of them: nothing is escaped.
 *
 * Where it sits:   read_json.c -> here -> xml_marks.c, js_text.c
 * Source:          Yjs YXmlFragment, YXmlElement, YXmlText toString(); rule U63 in
 *                  docs/encoding.md
 *
 * The walk goes down into types and back up over their owners. Only formatted text needs memory:
 * the marks that are on where a nested type interrupts it.
 */
#include "xml_marks.h"

#include "codec.h"
#include "read.h"

struct xml_walk {
    struct yd_doc *doc;
    struct text_out *o;
    struct marks marks;
    uint32_t top;
    bool top_is_fragment;
    uint32_t type;
    uint32_t at;
    bool in_run; /* in formatted text: the tags of a run are open */
};

static bool is_text(const struct xml_walk *w, uint32_t type)
{
    if (type == w->top && w->top_is_fragment) return false;
    return type_at(w->doc, type)->ref == TYPE_XML_TEXT;
}

static bool is_element(const struct xml_walk *w, uint32_t type)
{
    return type_at(w->doc, type)->ref == TYPE_XML_ELEMENT;
}

static void name_xml(struct xml_walk *w, uint32_t type)
{
    const struct type *t = type_at(w->doc, type);
    yd_slice name = text_slice(w->doc, t->name, t->name_len);
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (c >= 'A' && c <= 'Z') c = (uint8_t)(c + 'a' - 'A');
        yd_out_text(w->o, (yd_slice){&c, 1});
    }
}

/* The last UTF-16 unit of a text. */
static void last_unit_xml(struct xml_walk *w, yd_slice text)
{
    size_t at = text.len - 1;
    while ((text.ptr[at] & 0xc0) == 0x80) at--;
    if (text.ptr[at] >= 0xf0) {
        yd_out_point(w->o, 0xfffd);
    } else {
        yd_out_text(w->o, (yd_slice){text.ptr + at, text.len - at});
    }
}

static void attribute_value_xml(struct xml_walk *w, const struct item *it)
{
    switch (item_ref(it)) {
    case REF_ANY: {
        struct yd_reader r = yd_last_value(w->doc, it);
        yd_any_js_text(w->o, &r);
        return;
    }
    case REF_JSON: {
        struct yd_reader r = yd_last_value(w->doc, it);
        yd_slice text = yd_read_varbytes(&r);
        if (yd_slice_equal(text, YD_LITERAL("undefined"))) {
            yd_out_raw(w->o, text);
        } else {
            yd_json_js_text(w->o, text);
        }
        return;
    }
    case REF_STRING: last_unit_xml(w, item_content(w->doc, it)); return;
    case REF_BINARY: yd_bytes_js_text(w->o, item_content(w->doc, it)); return;
    case REF_EMBED: yd_json_js_text(w->o, item_content(w->doc, it)); return;
    case REF_EMBED_ANY: {
        struct yd_reader r = yd_reader_of(item_content(w->doc, it));
        yd_any_js_text(w->o, &r);
        return;
    }
    case REF_FORMAT:
    case REF_FORMAT_ANY: yd_out_raw(w->o, YD_LITERAL("undefined")); return;
    case REF_TYPE:
        if (type_at(w->doc, it->content)->ref == TYPE_TEXT) {
            yd_type_text(w->doc, it->content, w->o);
            return;
        }
        break;
    default: break;
    }
    yd_out_raw(w->o, YD_LITERAL("[object Object]"));
}

/* Opens an element. Its attributes pass through the mark table, which sorts them. */
static yd_err element_open(struct xml_walk *w, uint32_t type)
{
    struct yd_doc *doc = w->doc;
    out_byte(w->o, '<');
    name_xml(w, type);
    YD_TRY(yd_marks_push(doc, &w->marks));
    uint32_t key = yd_live_key(doc, type_at(doc, type)->first_key);
    for (; key != NONE; key = yd_live_key(doc, list_at(doc, key)->next)) {
        struct mark mark = {.key = name_text(doc, list_at(doc, key)->key),
                            .value = YD_EMPTY,
                            .item = list_at(doc, key)->tail};
        YD_TRY(yd_marks_add(doc, &w->marks, mark));
    }
    yd_marks_sort(&w->marks);
    for (uint32_t i = 0; i < yd_marks_count(&w->marks); i++) {
        const struct mark *mark = yd_mark_at(&w->marks, i);
        out_byte(w->o, ' ');
        yd_out_text(w->o, mark->key);
        yd_out_text(w->o, YD_LITERAL("=\""));
        attribute_value_xml(w, item_at(doc, mark->item));
        yd_out_text(w->o, YD_LITERAL("\""));
    }
    yd_marks_pop(&w->marks);
    out_byte(w->o, '>');
    return YD_OK;
}

static void element_close(struct xml_walk *w, uint32_t type)
{
    yd_out_raw(w->o, YD_LITERAL("</"));
    name_xml(w, type);
    out_byte(w->o, '>');
}

/* An item of a fragment or element that is no type. */
static void child_xml(struct xml_walk *w, const struct item *it)
{
    struct yd_reader r = yd_reader_of(item_content(w->doc, it));
    switch (item_ref(it)) {
    case REF_STRING: yd_out_text(w->o, item_content(w->doc, it)); return;
    case REF_BINARY: yd_bytes_js_text(w->o, item_content(w->doc, it)); return;
    case REF_EMBED: yd_json_js_text(w->o, item_content(w->doc, it)); return;
    case REF_EMBED_ANY: yd_any_js_text(w->o, &r); return;
    case REF_DOC: yd_out_raw(w->o, YD_LITERAL("[object Object]")); return;
    case REF_ANY:
        for (uint32_t i = 0; i < it->len; i++) yd_any_js_text(w->o, &r);
        return;
    case REF_JSON:
        for (uint32_t i = 0; i < it->len; i++) {
            yd_slice text = yd_read_varbytes(&r);
            yd_json_js_text(w->o, text);
        }
        return;
    default: return;
    }
}

static yd_err run_open(struct xml_walk *w)
{
    if (w->in_run) return YD_OK;
    w->in_run = true;
    return yd_marks_open_xml(w->doc, &w->marks, w->o);
}

static void run_close(struct xml_walk *w)
{
    if (w->in_run) yd_marks_close_xml(&w->marks, w->o);
    w->in_run = false;
}

/* An item of formatted text that is no type. */
static yd_err text_item_xml(struct xml_walk *w, const struct item *it)
{
    yd_slice content = item_content(w->doc, it);
    switch (item_ref(it)) {
    case REF_STRING:
        YD_TRY(run_open(w));
        yd_out_text(w->o, content);
        return YD_OK;
    case REF_FORMAT:
    case REF_FORMAT_ANY:
        run_close(w);
        return yd_marks_set(w->doc, &w->marks, yd_mark_of(w->doc, it));
    case REF_EMBED:
    case REF_EMBED_ANY:
        run_close(w);
        YD_TRY(run_open(w));
        if (item_ref(it) == REF_EMBED) {
            yd_json_js_text(w->o, content);
        } else {
            struct yd_reader r = yd_reader_of(content);
            yd_any_js_text(w->o, &r);
        }
        run_close(w);
        return YD_OK;
    default: return YD_OK;
    }
}

/* Goes down into a type, or writes it if nothing below it shows. */
static yd_err type_enter(struct xml_walk *w, uint32_t type, bool *entered)
{
    uint32_t ref = type_at(w->doc, type)->ref;
    *entered = ref == TYPE_XML_ELEMENT || ref == TYPE_XML_FRAGMENT || ref == TYPE_XML_TEXT;
    if (type == w->top) *entered = true;
    if (!*entered) {
        if (ref == TYPE_TEXT) {
            yd_type_text(w->doc, type, w->o);
        } else {
            yd_out_raw(w->o, YD_LITERAL("[object Object]"));
        }
        return YD_OK;
    }
    if (is_element(w, type)) YD_TRY(element_open(w, type));
    if (is_text(w, type)) YD_TRY(yd_marks_push(w->doc, &w->marks));
    w->in_run = false;
    w->type = type;
    w->at = list_at(w->doc, type_at(w->doc, type)->seq)->head;
    return YD_OK;
}

static void type_leave(struct xml_walk *w)
{
    if (is_text(w, w->type)) {
        run_close(w);
        yd_marks_pop(&w->marks);
    }
    if (is_element(w, w->type)) element_close(w, w->type);
    if (w->type == w->top) return;
    const struct item *owner = item_at(w->doc, type_at(w->doc, w->type)->owner);
    w->type = list_at(w->doc, item_list(w->doc, owner))->type;
    w->at = owner->right;
    w->in_run = is_text(w, w->type); // its tags were opened around the nested type
    run_close(w);
}

static yd_err item_xml(struct xml_walk *w)
{
    const struct item *it = item_at(w->doc, w->at);
    uint32_t next = it->right;
    if (!item_is_deleted(it) && item_ref(it) == REF_TYPE) {
        bool entered;
        if (is_text(w, w->type)) {
            run_close(w);
            YD_TRY(run_open(w));
        }
        bool in_text = w->in_run;
        YD_TRY(type_enter(w, it->content, &entered));
        if (entered) return YD_OK;
        w->in_run = in_text;
        run_close(w);
    } else if (!item_is_deleted(it)) {
        if (is_text(w, w->type)) {
            YD_TRY(text_item_xml(w, it));
        } else {
            child_xml(w, it);
        }
    }
    w->at = next;
    return YD_OK;
}

yd_err yd_type_xml(struct yd_doc *doc, uint32_t type, bool as_fragment, struct text_out *o)
{
    struct xml_walk w = {.doc = doc, .o = o, .top = type, .top_is_fragment = as_fragment};
    bool entered;
    yd_err err = type_enter(&w, type, &entered);
    bool done = err != YD_OK;
    while (!done && o->err == YD_OK) {
        if (w.at != NONE) {
            err = item_xml(&w);
        } else {
            done = w.type == type;
            type_leave(&w);
        }
        if (err != YD_OK) break;
    }
    yd_marks_free(doc, &w.marks);
    return err;
}
