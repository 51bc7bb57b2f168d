/* edit_marks.c - marks as Yjs has them in JavaScript maps: in the order of insertion, and with
 * values that may be the very same object.
 *
 * Where it sits:   edit_text.c, edit_seek.c -> here -> edit_equal.c, edit.c
 * Source:          Yjs YText.js; rules U106 and U107 in docs/encoding.md
 *
 * Identity: where Yjs asks whether two values are the same (===), two objects are only if one mark
 * took its value from the other, as the mark that ends a run does when it brings back what was on
 * before. `aliases` remembers that for marks made here; what arrives is an object of its own.
 */
#include "edit.h"

#include <string.h>

void yd_attrs_free(struct yd_doc *doc, struct attrs *attrs)
{
    yd_vec_free(doc, &attrs->vec, sizeof(struct attr));
}

yd_err yd_attrs_copy(struct yd_doc *doc, struct attrs *to, const struct attrs *from)
{
    uint32_t n = from->vec.count;
    to->vec.count = 0;
    if (n == 0) return YD_OK;
    YD_TRY(yd_vec_reserve(doc, &to->vec, n, sizeof(struct attr)));
    memcpy(to->vec.at, from->vec.at, n * sizeof(struct attr));
    to->vec.count = n;
    return YD_OK;
}

yd_slice yd_attr_key(const struct yd_doc *doc, const struct attr *attr)
{
    return attr->item == NONE ? attr->key : yd_mark_of(doc, item_at(doc, attr->item)).key;
}

/* Key and value as bytes, valid until something is made. */
static struct mark attr_mark(const struct yd_doc *doc, const struct attr *attr)
{
    struct mark mark = {.key = attr->key, .value = attr->value, .is_any = attr->is_any};
    if (attr->item != NONE) mark = yd_mark_of(doc, item_at(doc, attr->item));
    mark.item = attr->item;
    if (attr->is_null) {
        mark.value = YD_LITERAL("null");
        mark.is_any = false;
    }
    return mark;
}

static bool attr_is_null(const struct yd_doc *doc, const struct attr *attr)
{
    if (attr == NULL || attr->is_null) return true;
    struct mark mark = attr_mark(doc, attr);
    return yd_value_tag(mark.value, mark.is_any) == ANY_NULL;
}

struct attr *yd_attrs_get(const struct yd_doc *doc, const struct attrs *attrs, yd_slice key)
{
    for (uint32_t i = 0; i < attrs->vec.count; i++) {
        if (yd_slice_equal(yd_attr_key(doc, attr_at(attrs, i)), key)) return attr_at(attrs, i);
    }
    return NULL;
}

yd_err yd_attrs_set(struct yd_doc *doc, struct attrs *attrs, const struct attr *attr)
{
    struct attr *there = yd_attrs_get(doc, attrs, yd_attr_key(doc, attr));
    if (there == NULL) {
        YD_TRY(yd_vec_reserve(doc, &attrs->vec, 1, sizeof *attr));
        there = attr_at(attrs, attrs->vec.count++);
    }
    *there = *attr;
    return YD_OK;
}

void yd_attrs_remove(const struct yd_doc *doc, struct attrs *attrs, yd_slice key)
{
    struct attr *at = yd_attrs_get(doc, attrs, key);
    if (at == NULL) return;
    const struct attr *end = attr_at(attrs, attrs->vec.count);
    memmove(at, at + 1, (size_t)(end - at - 1) * sizeof *at);
    attrs->vec.count--;
}

yd_err yd_attrs_pass(struct yd_doc *doc, struct attrs *attrs, uint32_t item)
{
    struct attr attr = attr_of(item);
    if (!attr_is_null(doc, &attr)) return yd_attrs_set(doc, attrs, &attr);
    yd_attrs_remove(doc, attrs, yd_attr_key(doc, &attr));
    return YD_OK;
}

/* Whether a property name is an index, which JavaScript sorts before the others: a whole number
 * below 2^32 - 1 in its shortest form. */
static bool key_index(yd_slice key, uint64_t *index)
{
    *index = 0;
    if (key.len == 0 || key.len > 10 || (key.ptr[0] == '0' && key.len > 1)) return false;
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] < '0' || key.ptr[i] > '9') return false;
        *index = *index * 10 + (uint64_t)(key.ptr[i] - '0');
    }
    return *index < UINT32_MAX;
}

void yd_attrs_js_order(const struct yd_doc *doc, struct attrs *attrs)
{
    // Insertion sort: indices are rare, and marks few.
    uint32_t sorted = 0;
    for (uint32_t i = 0; i < attrs->vec.count; i++) {
        struct attr attr = *attr_at(attrs, i);
        uint64_t index;
        uint64_t other;
        if (!key_index(yd_attr_key(doc, &attr), &index)) continue;
        uint32_t to = sorted++;
        while (to > 0 && key_index(yd_attr_key(doc, attr_at(attrs, to - 1)), &other) &&
               other > index) {
            to--;
        }
        memmove(attr_at(attrs, to + 1), attr_at(attrs, to), (i - to) * sizeof attr);
        *attr_at(attrs, to) = attr;
    }
}

static yd_err attr_check(const struct yd_attr *attr)
{
    if (!yd_utf8_check(attr->key) || !value_is_plain(&attr->value)) return YD_EMALFORMED;
    YD_TRY(yd_value_check(&attr->value));
    bool is_any = attr->value.kind == YD_VALUE_ANY;
    return is_any && attr->value.bytes.ptr[0] == ANY_UNDEFINED ? YD_EMALFORMED : YD_OK;
}

yd_err yd_attrs_read(struct yd_doc *doc, const struct yd_attrs *list, struct yd_buf *texts,
                     struct attrs *attrs)
{
    attrs->vec.count = 0;
    if (list == NULL) return YD_OK;
    for (size_t i = 0; i < list->count; i++) YD_TRY(attr_check(&list->list[i]));
    for (size_t i = 0; i < list->count; i++) {
        const struct yd_attr *from = &list->list[i];
        struct attr attr = {.item = NONE, .key = from->key};
        size_t start = texts->len;
        YD_TRY(yd_value_text(texts, &from->value, &attr.is_any));
        attr.value.len = texts->len - start;
        YD_TRY(yd_attrs_set(doc, attrs, &attr));
        if (attrs->vec.count != i + 1) return YD_EMALFORMED; // a key came twice
    }
    size_t at = 0;
    for (uint32_t i = 0; i < attrs->vec.count; i++) {
        attr_at(attrs, i)->value.ptr = texts->ptr + at;
        at += attr_at(attrs, i)->value.len;
    }
    yd_attrs_js_order(doc, attrs);
    return YD_OK;
}

/* The mark whose object this one holds. */
static struct span attr_original(struct yd_doc *doc, uint32_t item)
{
    const struct item *it = item_at(doc, item);
    struct span id = {item_client(it), it->clock, 0};
    struct smap_pos pos;
    struct smap *aliases = &doc->edit->aliases;
    if (id.client != doc->edit->me || !yd_smap_find(aliases, id.clock, &pos)) return id;
    if (smap_key(aliases, pos) != id.clock) return id;
    return ((const struct span *)doc->edit->originals.at)[smap_value(aliases, pos)];
}

static yd_err attr_compare(struct yd_doc *doc, const struct attr *a, const struct attr *b,
                           bool flat, bool *equal)
{
    bool a_null = attr_is_null(doc, a);
    bool b_null = attr_is_null(doc, b);
    *equal = a_null && b_null;
    if (a_null || b_null) return YD_OK;
    struct mark x = attr_mark(doc, a);
    struct mark y = attr_mark(doc, b);
    bool object = tag_is_object(yd_value_tag(x.value, x.is_any));
    if (object && a->item != NONE && b->item != NONE) {
        struct span i = attr_original(doc, a->item);
        struct span j = attr_original(doc, b->item);
        *equal = i.client == j.client && i.clock == j.clock;
        if (*equal) return YD_OK;
    }
    return object && !flat ? YD_OK : yd_values_equal(doc, &x, &y, equal);
}

yd_err yd_attr_equal(struct yd_doc *doc, const struct attr *a, const struct attr *b, bool *equal)
{
    return attr_compare(doc, a, b, true, equal);
}

yd_err yd_attr_same(struct yd_doc *doc, const struct attr *a, const struct attr *b, bool *same)
{
    return attr_compare(doc, a, b, false, same);
}

static yd_err alias_add(struct yd_doc *doc, uint32_t item, uint32_t source)
{
    struct edit *edit = doc->edit;
    struct span original = attr_original(doc, source);
    YD_TRY(yd_vec_reserve(doc, &edit->originals, 1, sizeof original));
    YD_TRY(yd_smap_append(doc, &edit->aliases, item_at(doc, item)->clock, edit->originals.count));
    ((struct span *)edit->originals.at)[edit->originals.count++] = original;
    return YD_OK;
}

yd_err yd_attr_put(struct yd_doc *doc, const struct slot *slot, const struct attr *attr,
                   uint32_t *handle)
{
    struct mark mark = attr_mark(doc, attr);
    struct yd_buf pair;
    yd_buf_init(&pair, yd_mem_alloc(doc), SIZE_MAX / 2);
    yd_err err = yd_buf_varbytes(&pair, mark.key);
    if (err == YD_OK) {
        err = mark.is_any ? yd_buf_append(&pair, mark.value) : yd_buf_varbytes(&pair, mark.value);
    }
    bool shares = attr->item != NONE && tag_is_object(yd_value_tag(mark.value, mark.is_any));
    if (err == YD_OK) {
        uint8_t ref = mark.is_any ? REF_FORMAT_ANY : REF_FORMAT;
        struct wire wire = {.ref = ref, .len = 1, .content = yd_buf_slice(&pair)};
        err = yd_edit_put(doc, slot, &wire, handle);
    }
    yd_buf_deinit(&pair);
    return err == YD_OK && shares ? alias_add(doc, *handle, attr->item) : err;
}
