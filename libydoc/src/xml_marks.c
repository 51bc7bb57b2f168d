/* xml_marks.c - marks of formatted text, and the tags that Yjs writes for them.
 *
 * Where it sits:   read_xml.c -> here -> js_text.c
 * Source:          Yjs YXmlText.toString()
 *
 * A mark becomes a tag, the own properties of its value its attributes, both in the order of
 * JavaScript strings. A value that is a string has its units as properties 0, 1, 2 and so on.
 */
#include "xml_marks.h"

#include "any.h"
#include "codec.h"
#include "read.h"

#include <string.h>

yd_err yd_marks_push(struct yd_doc *doc, struct marks *marks)
{
    YD_TRY(yd_vec_reserve(doc, &marks->vec, 1, sizeof(struct mark)));
    ((struct mark *)marks->vec.at)[marks->vec.count++] = (struct mark){.item = marks->base};
    marks->base = marks->vec.count;
    return YD_OK;
}

void yd_marks_pop(struct marks *marks)
{
    marks->vec.count = marks->base - 1;
    marks->base = ((struct mark *)marks->vec.at)[marks->vec.count].item;
}

void yd_marks_free(struct yd_doc *doc, struct marks *marks)
{
    yd_vec_free(doc, &marks->vec, sizeof(struct mark));
}

int yd_utf16_compare(yd_slice a, yd_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < n; i++) {
        uint8_t x = a.ptr[i];
        uint8_t y = b.ptr[i];
        if (x == y) continue;
        // Pairs (4 bytes) are units D800 to DFFF and stand before E000 to FFFF (ee, ef).
        bool x_pair = x >= 0xf0;
        bool y_pair = y >= 0xf0;
        if (x_pair != y_pair && x >= 0xee && y >= 0xee) return x_pair ? -1 : 1;
        return x < y ? -1 : 1;
    }
    return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

yd_err yd_marks_add(struct yd_doc *doc, struct marks *marks, struct mark mark)
{
    YD_TRY(yd_vec_reserve(doc, &marks->vec, 1, sizeof mark));
    ((struct mark *)marks->vec.at)[marks->vec.count++] = mark;
    return YD_OK;
}

struct mark yd_mark_of(const struct yd_doc *doc, const struct item *it)
{
    struct yd_reader r = yd_reader_of(item_content(doc, it));
    struct mark mark = {.key = yd_read_varbytes(&r), .item = NONE};
    mark.is_any = item_ref(it) == REF_FORMAT_ANY;
    mark.value = mark.is_any ? (yd_slice){r.at, yd_reader_left(&r)} : yd_read_varbytes(&r);
    return mark;
}

yd_err yd_marks_set(struct yd_doc *doc, struct marks *marks, struct mark mark)
{
    uint32_t low = 0;
    uint32_t high = yd_marks_count(marks);
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (yd_utf16_compare(yd_mark_at(marks, mid)->key, mark.key) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    uint32_t count = yd_marks_count(marks);
    bool there = low < count && yd_slice_equal(yd_mark_at(marks, low)->key, mark.key);
    bool off = !mark.is_any && mark.value.ptr[yd_json_blanks(mark.value, 0)] == 'n';
    if (there && !off) *yd_mark_at(marks, low) = mark;
    if (there && off) {
        struct mark *at = yd_mark_at(marks, low);
        memmove(at, at + 1, (count - low - 1) * sizeof mark);
        marks->vec.count--;
    }
    if (there || off) return YD_OK;
    YD_TRY(yd_marks_add(doc, marks, mark));
    struct mark *at = yd_mark_at(marks, low);
    memmove(at + 1, at, (count - low) * sizeof mark);
    *at = mark;
    return YD_OK;
}

static void mark_sift(struct mark *heap, uint32_t root, uint32_t n)
{
    for (uint32_t child; (child = root * 2 + 1) < n; root = child) {
        if (child + 1 < n && yd_utf16_compare(heap[child].key, heap[child + 1].key) < 0) child++;
        if (yd_utf16_compare(heap[root].key, heap[child].key) >= 0) return;
        struct mark kept = heap[root];
        heap[root] = heap[child];
        heap[child] = kept;
    }
}

void yd_marks_sort(struct marks *marks)
{
    uint32_t n = yd_marks_count(marks);
    struct mark *heap = n > 0 ? yd_mark_at(marks, 0) : NULL;
    for (uint32_t i = n / 2; i-- > 0;) mark_sift(heap, i, n);
    while (n > 1) {
        struct mark kept = heap[0];
        heap[0] = heap[--n];
        heap[n] = kept;
        mark_sift(heap, 0, n);
    }
}

/* The next number below n in the order of decimal texts: 0, 1, 10, 11, 2. */
static uint64_t decimal_next(uint64_t i, uint64_t n)
{
    if (i > 0 && i * 10 < n) return i * 10;
    while (i + 1 >= n || i % 10 == 9) {
        i /= 10;
        if (i == 0) return n;
    }
    return i + 1;
}

static void property_begin(struct text_out *o) { yd_out_text(o, YD_LITERAL(" ")); }

static void indexed_property(struct text_out *o, uint64_t index)
{
    property_begin(o);
    yd_out_uint(o, index);
    yd_out_text(o, YD_LITERAL("=\""));
}

/* Properties of a string: its UTF-16 units. `scratch` takes its text. */
static void string_properties(struct text_out *o, yd_slice json, struct yd_buf *scratch)
{
    struct text_out plain = {.buf = scratch};
    yd_json_string_text(&plain, json, yd_json_blanks(json, 0));
    if (plain.err != YD_OK) {
        o->err = plain.err;
        return;
    }
    // Units as four bytes each behind the text, so that any of them is found at once.
    size_t text_len = scratch->len;
    for (size_t i = 0; i < text_len && plain.err == YD_OK;) {
        uint8_t a = scratch->ptr[i];
        uint8_t len = a < 0x80 ? 1 : a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4;
        uint8_t unit[4] = {len, 0, 0, 0};
        if (len < 4) memcpy(unit + 1, scratch->ptr + i, len);
        for (int half = 0; half < (len == 4 ? 2 : 1); half++)
            yd_out_raw(&plain, (yd_slice){unit, 4});
        i += len;
    }
    uint64_t n = (scratch->len - text_len) / 4;
    for (uint64_t i = 0; i < n && plain.err == YD_OK; i = decimal_next(i, n)) {
        const uint8_t *unit = scratch->ptr + text_len + i * 4;
        indexed_property(o, i);
        yd_out_text(o, unit[0] == 4 ? YD_LITERAL("\xef\xbf\xbd") : (yd_slice){unit + 1, unit[0]});
        yd_out_text(o, YD_LITERAL("\""));
    }
    if (plain.err != YD_OK) o->err = plain.err;
}

/* Lists the members of an array or object on top of the marks. */
static yd_err members_list(struct yd_doc *doc, struct marks *marks, yd_slice json)
{
    size_t at = yd_json_blanks(json, 0);
    bool object = json.ptr[at] == '{';
    at = yd_json_blanks(json, at + 1);
    while (json.ptr[at] != ']' && json.ptr[at] != '}') {
        struct mark member = {.key = YD_EMPTY, .value = YD_EMPTY, .item = NONE};
        if (object) {
            size_t end = yd_json_string_end(json, at);
            member.key = (yd_slice){json.ptr + at + 1, end - at - 2};
            at = yd_json_blanks(json, end) + 1; // the colon
            at = yd_json_blanks(json, at);
        }
        size_t end = yd_json_value_end(json, at);
        member.value = (yd_slice){json.ptr + at, end - at};
        YD_TRY(yd_marks_add(doc, marks, member));
        at = yd_json_blanks(json, end);
        if (json.ptr[at] == ',') at = yd_json_blanks(json, at + 1);
    }
    return YD_OK;
}

static yd_err member_properties(struct yd_doc *doc, struct marks *marks, yd_slice json,
                                struct text_out *o)
{
    bool object = json.ptr[yd_json_blanks(json, 0)] == '{';
    YD_TRY(yd_marks_push(doc, marks));
    YD_TRY(members_list(doc, marks, json));
    if (object) yd_marks_sort(marks);
    uint64_t n = yd_marks_count(marks);
    for (uint64_t i = 0; i < n; i = object ? i + 1 : decimal_next(i, n)) {
        const struct mark *member = yd_mark_at(marks, (uint32_t)i);
        if (object) {
            property_begin(o);
            yd_out_text(o, member->key);
            yd_out_text(o, YD_LITERAL("=\""));
        } else {
            indexed_property(o, i);
        }
        yd_json_js_text(o, member->value);
        yd_out_text(o, YD_LITERAL("\""));
    }
    yd_marks_pop(marks);
    return YD_OK;
}

static yd_err mark_open(struct yd_doc *doc, struct marks *marks, struct mark mark,
                        struct text_out *o);

/* A mark by what JSON can say of its value. */
static yd_err any_mark_open(struct yd_doc *doc, struct marks *marks, struct mark mark,
                            struct text_out *o)
{
    struct yd_buf json;
    yd_buf_init(&json, doc->alloc, SIZE_MAX / 2);
    yd_err err = yd_any_json_text(&json, mark.value);
    mark.value = yd_buf_slice(&json);
    mark.is_any = false;
    if (err == YD_OK) err = mark_open(doc, marks, mark, o);
    yd_buf_deinit(&json);
    return err;
}

static yd_err mark_open(struct yd_doc *doc, struct marks *marks, struct mark mark,
                        struct text_out *o)
{
    if (mark.is_any) return any_mark_open(doc, marks, mark, o);
    out_byte(o, '<');
    yd_out_text(o, mark.key);
    uint8_t kind = mark.value.ptr[yd_json_blanks(mark.value, 0)];
    if (kind == '{' || kind == '[') YD_TRY(member_properties(doc, marks, mark.value, o));
    if (kind == '"') {
        struct yd_buf scratch;
        yd_buf_init(&scratch, doc->alloc, mark.value.len * 8 + 64);
        string_properties(o, mark.value, &scratch);
        yd_buf_deinit(&scratch);
    }
    out_byte(o, '>');
    return YD_OK;
}

yd_err yd_marks_open_xml(struct yd_doc *doc, struct marks *marks, struct text_out *o)
{
    for (uint32_t i = 0; i < yd_marks_count(marks); i++) {
        YD_TRY(mark_open(doc, marks, *yd_mark_at(marks, i), o));
    }
    return YD_OK;
}

void yd_marks_close_xml(const struct marks *marks, struct text_out *o)
{
    for (uint32_t i = yd_marks_count(marks); i-- > 0;) {
        yd_out_raw(o, YD_LITERAL("</"));
        yd_out_text(o, yd_mark_at(marks, i)->key);
        out_byte(o, '>');
    }
}
