/* read_delta.c - a text with its marks and embeds, as a list of inserts.
 *
 * Where it sits:   the caller -> yd_doc_delta(), compare.c -> here -> xml_marks.c, read_json.c
 * Source:          Yjs YText.toDelta(); rule U65 in docs/encoding.md
 *
 * A run of strings is one insert. It ends at every mark, even where the mark changes nothing, as
 * in Yjs: so neighbours may have the same attributes.
 */
#include "delta.h"

#include "any.h"
#include "codec.h"
#include "read.h"

static void op_begin(struct delta *d)
{
    if (!d->first) out_byte(&d->o, ',');
    d->first = false;
    yd_out_raw(&d->o, YD_LITERAL("{\"insert\":"));
}

static void attributes_json(struct delta *d)
{
    uint32_t count = yd_marks_count(&d->marks);
    for (uint32_t i = 0; i < count; i++) {
        const struct mark *mark = yd_mark_at(&d->marks, i);
        yd_out_raw(&d->o, i == 0 ? YD_LITERAL(",\"attributes\":{") : YD_LITERAL(","));
        yd_out_json_string(&d->o, mark->key);
        out_byte(&d->o, ':');
        if (mark->is_any) {
            struct yd_reader r = yd_reader_of(mark->value);
            yd_any_json(&d->o, &r);
        } else {
            yd_out_raw(&d->o, mark->value);
        }
    }
    if (count > 0) out_byte(&d->o, '}');
    out_byte(&d->o, '}');
}

void yd_delta_run_end(struct delta *d)
{
    if (!d->in_run) return;
    d->in_run = false;
    out_byte(&d->o, '"');
    attributes_json(d);
}

void yd_delta_string(struct delta *d, yd_slice text)
{
    if (!d->in_run) {
        op_begin(d);
        out_byte(&d->o, '"');
        d->in_run = true;
    }
    d->o.escape = true;
    yd_out_text(&d->o, text);
    d->o.escape = false;
}

/* A nested type; tagged it says which. */
static void type_add(struct delta *d, uint32_t type)
{
    static const yd_slice names[TYPE_REF_COUNT] = {
        [TYPE_ARRAY] = {(const uint8_t *)"Array", 5},
        [TYPE_MAP] = {(const uint8_t *)"Map", 3},
        [TYPE_TEXT] = {(const uint8_t *)"Text", 4},
        [TYPE_XML_ELEMENT] = {(const uint8_t *)"XmlElement", 10},
        [TYPE_XML_FRAGMENT] = {(const uint8_t *)"XmlFragment", 11},
        [TYPE_XML_HOOK] = {(const uint8_t *)"XmlHook", 7},
        [TYPE_XML_TEXT] = {(const uint8_t *)"XmlText", 7}};
    if (d->o.tagged) {
        yd_out_raw(&d->o, YD_LITERAL("{\"$type\":"));
        yd_out_json_string(&d->o, names[type_at(d->doc, type)->ref]);
        yd_out_raw(&d->o, YD_LITERAL(",\"json\":"));
    }
    yd_type_json(d->doc, type, &d->o);
    if (d->o.tagged) out_byte(&d->o, '}');
}

static void embed_add(struct delta *d, const struct item *it)
{
    yd_delta_run_end(d);
    op_begin(d);
    if (item_ref(it) == REF_TYPE) {
        type_add(d, it->content);
    } else if (item_ref(it) == REF_EMBED) {
        yd_out_raw(&d->o, item_content(d->doc, it));
    } else {
        struct yd_reader r = yd_reader_of(item_content(d->doc, it));
        yd_any_json(&d->o, &r);
    }
    attributes_json(d);
}

yd_err yd_delta_item(struct delta *d, const struct item *it)
{
    switch (item_ref(it)) {
    case REF_STRING: yd_delta_string(d, item_content(d->doc, it)); return YD_OK;
    case REF_TYPE:
    case REF_EMBED:
    case REF_EMBED_ANY: embed_add(d, it); return YD_OK;
    case REF_FORMAT:
    case REF_FORMAT_ANY:
        yd_delta_run_end(d);
        return yd_marks_set(d->doc, &d->marks, yd_mark_of(d->doc, it));
    default: return YD_OK; // other contents do not show
    }
}

yd_err yd_delta_begin(struct delta *d, struct yd_doc *doc, enum yd_json_flags flags,
                      struct yd_buf *out)
{
    *d = (struct delta){.doc = doc, .first = true, .before = out->len};
    d->o = (struct text_out){.buf = out, .tagged = (flags & YD_JSON_TAGGED) != 0};
    out_byte(&d->o, '[');
    return yd_marks_push(doc, &d->marks);
}

yd_err yd_delta_end(struct delta *d, yd_err err)
{
    if (err == YD_OK) yd_delta_run_end(d);
    out_byte(&d->o, ']');
    yd_marks_free(d->doc, &d->marks);
    if (err == YD_OK) err = d->o.err;
    if (err != YD_OK) d->o.buf->len = d->before;
    return err;
}

yd_err yd_type_delta(struct yd_doc *doc, uint32_t type, enum yd_json_flags flags,
                     struct yd_buf *out)
{
    struct delta d;
    yd_err err = yd_delta_begin(&d, doc, flags, out);
    uint32_t at = type == NONE ? NONE : list_at(doc, type_at(doc, type)->seq)->head;
    for (; at != NONE && err == YD_OK; at = item_at(doc, at)->right) {
        const struct item *it = item_at(doc, at);
        if (!item_is_deleted(it)) err = yd_delta_item(&d, it);
        if (err == YD_OK) err = d.o.err;
    }
    return yd_delta_end(&d, err);
}

yd_err yd_doc_delta(struct yd_doc *doc, yd_slice name, enum yd_json_flags flags, struct yd_buf *out)
{
    if (doc->broken) return YD_ENOMEM;
    return yd_type_delta(doc, root_find(doc, name), flags, out);
}

uint64_t yd_type_length(const struct yd_doc *doc, uint32_t type)
{
    uint64_t length = 0;
    uint32_t at = list_at(doc, type_at(doc, type)->seq)->head;
    for (; at != NONE; at = item_at(doc, at)->right) {
        const struct item *it = item_at(doc, at);
        if (item_counts(it)) length += it->len;
    }
    return length;
}

uint64_t yd_doc_length(const struct yd_doc *doc, yd_slice name)
{
    uint32_t type = doc->broken ? NONE : root_find(doc, name);
    return type == NONE ? 0 : yd_type_length(doc, type);
}
