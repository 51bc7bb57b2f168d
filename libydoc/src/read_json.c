/* read_json.c - a root as JSON.
 *
 * Where it sits:   the caller -> yd_doc_json() -> here -> value_json.c, read_xml.c
 * Source:          Yjs toJSON() of the types; rules U60 to U64 in docs/encoding.md
 *
 * Nested types are walked by their owners: down into a type, along its items, and up to the item
 * that holds it. No stack, so no nesting is too deep.
 */
#include "any.h"
#include "codec.h"
#include "read.h"
#include "section.h"
#include "utf8.h"
#include "wire.h"

struct json_walk {
    const struct yd_doc *doc;
    struct text_out *o;
    uint32_t root;
    bool root_is_map;
    uint32_t type;
    bool is_map; /* of `type` */
    bool first;  /* nothing written in `type` yet */
    uint32_t at; /* item; of a map: the value of its current key */
};

uint32_t yd_live_key(const struct yd_doc *doc, uint32_t key)
{
    for (; key != NONE; key = list_at(doc, key)->next) {
        uint32_t tail = list_at(doc, key)->tail;
        if (tail != NONE && !item_is_deleted(item_at(doc, tail))) return key;
    }
    return NONE;
}

static uint32_t map_value_from(const struct yd_doc *doc, uint32_t key)
{
    key = yd_live_key(doc, key);
    return key == NONE ? NONE : list_at(doc, key)->tail;
}

void yd_type_text(const struct yd_doc *doc, uint32_t type, struct text_out *o)
{
    uint32_t at = list_at(doc, type_at(doc, type)->seq)->head;
    for (; at != NONE; at = item_at(doc, at)->right) {
        const struct item *it = item_at(doc, at);
        if (item_ref(it) == REF_STRING && !item_is_deleted(it)) {
            yd_out_text(o, item_content(doc, it));
        }
    }
}

struct yd_reader yd_last_value(const struct yd_doc *doc, const struct item *it)
{
    yd_slice all = item_content(doc, it);
    size_t skip = yd_values_skip(item_ref(it), all, it->len - 1);
    return yd_reader_of((yd_slice){all.ptr + skip, all.len - skip});
}

/* ---- elements */

static void member_begin(struct json_walk *w)
{
    if (!w->first) out_byte(w->o, ',');
    w->first = false;
    if (!w->is_map) return;
    yd_out_json_string(
        w->o, name_text(w->doc, list_at(w->doc, item_list(w->doc, item_at(w->doc, w->at)))->key));
    out_byte(w->o, ':');
}

/* One UTF-16 unit as an element. Half a pair has no UTF-8 form. */
static void unit_json(struct json_walk *w, yd_slice character, uint32_t half)
{
    member_begin(w);
    if (character.len < 4) {
        yd_out_json_string(w->o, character);
        return;
    }
    const uint8_t *c = character.ptr;
    uint32_t point = (uint32_t)(c[0] & 7) << 18 | (uint32_t)(c[1] & 63) << 12 |
                     (uint32_t)(c[2] & 63) << 6 | (uint32_t)(c[3] & 63);
    point -= 0x10000;
    uint32_t unit = half == 0 ? 0xd800 + (point >> 10) : 0xdc00 + (point & 0x3ff);
    if (w->o->tagged) {
        yd_out_raw(w->o, YD_LITERAL("{\"$u16\":["));
        yd_out_uint(w->o, unit);
        yd_out_raw(w->o, YD_LITERAL("]}"));
        return;
    }
    yd_out_raw(w->o, YD_LITERAL("\"\\u"));
    for (int shift = 12; shift >= 0; shift -= 4) {
        out_byte(w->o, (uint8_t) "0123456789abcdef"[unit >> shift & 15]);
    }
    out_byte(w->o, '"');
}

static void string_json(struct json_walk *w, const struct item *it)
{
    yd_slice text = item_content(w->doc, it);
    uint32_t unit = 0;
    for (size_t i = 0; i < text.len;) {
        uint8_t a = text.ptr[i];
        size_t len = a < 0x80 ? 1 : a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4;
        yd_slice character = {text.ptr + i, len};
        for (uint32_t half = 0; half < (len == 4 ? 2u : 1u); half++) {
            // Of a map entry only the last unit counts.
            if (!w->is_map || ++unit == it->len) unit_json(w, character, half);
        }
        i += len;
    }
}

static void value_json(struct json_walk *w, uint32_t ref, struct yd_reader *r)
{
    if (ref == REF_ANY) {
        if (w->is_map && *r->at == ANY_UNDEFINED && !w->o->tagged) {
            r->at++;
            return;
        }
        member_begin(w);
        yd_any_json(w->o, r);
        return;
    }
    yd_slice text = yd_read_varbytes(r);
    bool undefined = yd_slice_equal(text, YD_LITERAL("undefined"));
    if (undefined && w->is_map && !w->o->tagged) return;
    member_begin(w);
    if (undefined) {
        yd_undefined_json(w->o);
    } else {
        yd_out_raw(w->o, text);
    }
}

static void values_json(struct json_walk *w, const struct item *it)
{
    uint32_t n = w->is_map ? 1 : it->len;
    struct yd_reader r =
        w->is_map ? yd_last_value(w->doc, it) : yd_reader_of(item_content(w->doc, it));
    for (uint32_t i = 0; i < n; i++) value_json(w, item_ref(it), &r);
}

static void subdoc_json(struct json_walk *w, const struct item *it)
{
    struct yd_reader r = yd_reader_of(item_content(w->doc, it));
    if (!w->o->tagged) {
        yd_out_raw(w->o, YD_LITERAL("{}"));
        return;
    }
    yd_out_raw(w->o, YD_LITERAL("{\"$doc\":"));
    yd_out_json_string(w->o, yd_read_varbytes(&r));
    out_byte(w->o, '}');
}

static void item_json(struct json_walk *w, const struct item *it)
{
    switch (item_ref(it)) {
    case REF_ANY:
    case REF_JSON: values_json(w, it); return;
    case REF_STRING: string_json(w, it); return;
    case REF_BINARY:
        member_begin(w);
        yd_bytes_json(w->o, item_content(w->doc, it));
        return;
    case REF_EMBED:
        member_begin(w);
        yd_out_raw(w->o, item_content(w->doc, it));
        return;
    case REF_EMBED_ANY: {
        struct yd_reader r = yd_reader_of(item_content(w->doc, it));
        member_begin(w);
        yd_any_json(w->o, &r);
        return;
    }
    case REF_DOC:
        member_begin(w);
        subdoc_json(w, it);
        return;
    default: return; // marks and deleted items are no elements
    }
}

void yd_element_json(const struct yd_doc *doc, const struct item *it, uint32_t offset,
                     struct text_out *o)
{
    struct json_walk w = {.doc = doc, .o = o, .first = true};
    yd_slice all = item_content(doc, it);
    if (item_ref(it) == REF_STRING) {
        bool second;
        size_t at = yd_utf8_offset(all, offset, &second);
        uint8_t a = all.ptr[at];
        yd_slice character = {all.ptr + at, a < 0x80 ? 1 : a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4};
        unit_json(&w, character, second ? 1 : 0);
    } else if (item_ref(it) == REF_ANY || item_ref(it) == REF_JSON) {
        size_t skip = yd_values_skip(item_ref(it), all, offset);
        struct yd_reader r = yd_reader_of((yd_slice){all.ptr + skip, all.len - skip});
        value_json(&w, item_ref(it), &r);
    } else {
        item_json(&w, it);
    }
}

/* ---- types */

static bool ref_is_map(uint32_t ref) { return ref == TYPE_MAP || ref == TYPE_XML_HOOK; }

static void walk_enter(struct json_walk *w, uint32_t type, bool is_map)
{
    const struct type *t = type_at(w->doc, type);
    w->type = type;
    w->is_map = is_map;
    w->first = true;
    w->at = is_map ? map_value_from(w->doc, t->first_key) : list_at(w->doc, t->seq)->head;
    out_byte(w->o, is_map ? '{' : '[');
}

static void walk_next(struct json_walk *w, const struct item *it)
{
    w->at = w->is_map ? map_value_from(w->doc, list_at(w->doc, item_list(w->doc, it))->next)
                      : it->right;
}

/* Back to the item that holds the type. */
static void walk_leave(struct json_walk *w)
{
    out_byte(w->o, w->is_map ? '}' : ']');
    const struct item *owner = item_at(w->doc, type_at(w->doc, w->type)->owner);
    w->type = list_at(w->doc, item_list(w->doc, owner))->type;
    w->is_map = w->type == w->root ? w->root_is_map : ref_is_map(type_at(w->doc, w->type)->ref);
    w->first = false;
    walk_next(w, owner);
}

static void json_string_of_type(struct yd_doc *doc, uint32_t type, bool as_text, struct text_out *o)
{
    bool fragment = type_at(doc, type)->ref == TYPE_ROOT;
    out_byte(o, '"');
    o->escape = true;
    if (as_text) {
        yd_type_text(doc, type, o);
    } else {
        yd_err err = yd_type_xml(doc, type, fragment, o);
        if (o->err == YD_OK) o->err = err;
    }
    o->escape = false;
    out_byte(o, '"');
}

static void walk_run(struct yd_doc *doc, struct json_walk *w)
{
    while (w->o->err == YD_OK) {
        if (w->at == NONE) {
            if (w->type == w->root) break;
            walk_leave(w);
            continue;
        }
        const struct item *it = item_at(doc, w->at);
        if (item_is_deleted(it)) {
            walk_next(w, it);
            continue;
        }
        if (item_ref(it) != REF_TYPE) {
            item_json(w, it);
            walk_next(w, it);
            continue;
        }
        uint32_t ref = type_at(doc, it->content)->ref;
        member_begin(w);
        if (ref == TYPE_ARRAY || ref_is_map(ref)) {
            walk_enter(w, it->content, ref_is_map(ref));
        } else {
            json_string_of_type(doc, it->content, ref == TYPE_TEXT, w->o);
            walk_next(w, it);
        }
    }
}

static void empty_json(struct text_out *o, enum yd_root root)
{
    switch (root) {
    case YD_ROOT_ARRAY: yd_out_raw(o, YD_LITERAL("[]")); return;
    case YD_ROOT_MAP: yd_out_raw(o, YD_LITERAL("{}")); return;
    default: yd_out_raw(o, YD_LITERAL("\"\"")); return;
    }
}

static void collection_json(struct yd_doc *doc, uint32_t type, bool is_map, struct text_out *o)
{
    struct json_walk w = {.doc = doc, .o = o, .root = type, .root_is_map = is_map};
    walk_enter(&w, type, is_map);
    walk_run(doc, &w);
    out_byte(o, w.is_map ? '}' : ']');
}

void yd_type_json(struct yd_doc *doc, uint32_t type, struct text_out *o)
{
    uint32_t ref = type_at(doc, type)->ref;
    if (ref == TYPE_ARRAY || ref_is_map(ref)) {
        collection_json(doc, type, ref_is_map(ref), o);
    } else {
        json_string_of_type(doc, type, ref == TYPE_TEXT, o);
    }
}

yd_err yd_doc_json(struct yd_doc *doc, enum yd_root root, yd_slice name, enum yd_json_flags flags,
                   struct yd_buf *out)
{
    size_t before = out->len;
    struct text_out o = {.buf = out, .tagged = (flags & YD_JSON_TAGGED) != 0};
    uint32_t type = root_find(doc, name);
    if (doc->broken) return YD_ENOMEM;
    if (type == NONE) {
        empty_json(&o, root);
    } else if (root == YD_ROOT_TEXT || root == YD_ROOT_XML) {
        json_string_of_type(doc, type, root == YD_ROOT_TEXT, &o);
    } else {
        collection_json(doc, type, root == YD_ROOT_MAP, &o);
    }
    if (o.err != YD_OK) out->len = before;
    return o.err;
}
