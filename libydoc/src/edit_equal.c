/* edit_equal.c - whether two attribute values are equal.
 *
 * Where it sits:   edit_marks.c -> here -> json_any.c, xml_marks.c
 * Source:          Yjs equalAttrs, lib0 object.equalFlat, ECMAScript ===
 */
#include "edit.h"

#include "number.h"

#include <string.h>

uint8_t yd_value_tag(yd_slice value, bool is_any)
{
    if (is_any) {
        uint8_t tag = value.ptr[0];
        return tag == ANY_FLOAT32 || tag == ANY_FLOAT64 ? ANY_INTEGER : tag;
    }
    switch (value.ptr[yd_json_blanks(value, 0)]) {
    case '{': return ANY_OBJECT;
    case '[': return ANY_ARRAY;
    case '"': return ANY_STRING;
    case 't': return ANY_TRUE;
    case 'f': return ANY_FALSE;
    case 'n': return ANY_NULL;
    default: return ANY_INTEGER;
    }
}

static double any_double(struct yd_reader *r)
{
    uint8_t tag = yd_read_u8(r);
    if (tag != ANY_INTEGER) return yd_read_float(r, tag == ANY_FLOAT64);
    bool negative;
    double value = (double)yd_read_varint(r, &negative);
    return negative ? -value : value;
}

/* a === b. Two objects are never the same one. */
static bool any_identical(yd_slice a, yd_slice b)
{
    uint8_t tag = yd_value_tag(a, true);
    if (tag != yd_value_tag(b, true) || tag_is_object(tag)) return false;
    if (tag != ANY_INTEGER) return yd_slice_equal(a, b);
    struct yd_reader ra = yd_reader_of(a);
    struct yd_reader rb = yd_reader_of(b);
    double x = any_double(&ra);
    double y = any_double(&rb);
    return x <= y && x >= y;
}

/* Lists the members of an array or object on top of the marks. */
static yd_err any_members_list(struct yd_doc *doc, struct marks *marks, yd_slice any)
{
    struct yd_reader r = yd_reader_of(any);
    bool object = yd_read_u8(&r) == ANY_OBJECT;
    uint64_t count = codec_varuint(&r);
    for (uint64_t i = 0; i < count; i++) {
        struct mark member = {.key = YD_EMPTY, .item = NONE};
        if (object) member.key = yd_read_varbytes(&r);
        const uint8_t *start = r.at;
        yd_any_skip(&r, true);
        member.value = (yd_slice){start, (size_t)(r.at - start)};
        YD_TRY(yd_marks_add(doc, marks, member));
    }
    if (object) yd_marks_sort(marks);
    return YD_OK;
}

static bool members_equal(const struct marks *a, const struct marks *b)
{
    uint32_t n = yd_marks_count(a);
    if (n != yd_marks_count(b)) return false;
    for (uint32_t i = 0; i < n; i++) {
        if (!yd_slice_equal(yd_mark_at(a, i)->key, yd_mark_at(b, i)->key)) return false;
        if (!any_identical(yd_mark_at(a, i)->value, yd_mark_at(b, i)->value)) return false;
    }
    return true;
}

static yd_err objects_equal(struct yd_doc *doc, yd_slice a, yd_slice b, bool *equal)
{
    if (a.ptr[0] == ANY_BYTES || a.ptr[0] != b.ptr[0]) {
        // Nothing in either is equal whatever it is: no members.
        *equal = yd_slice_equal(a, b) || (a.len == 2 && b.len == 2 && a.ptr[1] == b.ptr[1]);
        return YD_OK;
    }
    struct marks of_a = {.base = 0};
    struct marks of_b = {.base = 0};
    yd_err err = any_members_list(doc, &of_a, a);
    if (err == YD_OK) err = any_members_list(doc, &of_b, b);
    if (err == YD_OK) *equal = members_equal(&of_a, &of_b);
    yd_marks_free(doc, &of_a);
    yd_marks_free(doc, &of_b);
    return err;
}

static yd_err as_any(struct yd_buf *buf, const struct mark *mark, yd_slice *any)
{
    *any = mark->value;
    if (mark->is_any) return YD_OK;
    YD_TRY(yd_json_any(buf, mark->value));
    *any = yd_buf_slice(buf);
    return YD_OK;
}

yd_err yd_values_equal(struct yd_doc *doc, const struct mark *a, const struct mark *b, bool *equal)
{
    uint8_t tag = yd_value_tag(a->value, a->is_any);
    bool objects = tag_is_object(tag);
    *equal = false;
    if (objects != tag_is_object(yd_value_tag(b->value, b->is_any))) return YD_OK;
    if (!objects && tag != yd_value_tag(b->value, b->is_any)) return YD_OK;
    if (!objects && !a->is_any && !b->is_any && yd_slice_equal(a->value, b->value)) {
        *equal = true;
        return YD_OK;
    }
    struct yd_buf of_a;
    struct yd_buf of_b;
    yd_slice x = YD_EMPTY;
    yd_slice y = YD_EMPTY;
    yd_buf_init(&of_a, yd_mem_alloc(doc), SIZE_MAX / 2);
    yd_buf_init(&of_b, yd_mem_alloc(doc), SIZE_MAX / 2);
    yd_err err = as_any(&of_a, a, &x);
    if (err == YD_OK) err = as_any(&of_b, b, &y);
    if (err == YD_OK && objects) err = objects_equal(doc, x, y, equal);
    if (err == YD_OK && !objects) *equal = any_identical(x, y);
    yd_buf_deinit(&of_a);
    yd_buf_deinit(&of_b);
    return err;
}
