/* js_text.c - values as String(value) writes them in JavaScript, for attributes in XML text.
 *
 * Where it sits:   read_xml.c -> here -> any.c, number.c
 * Source:          ECMAScript ToString; Array.prototype.join for arrays
 *
 * Arrays in arrays join to one flat list with commas, so no stack of open ones is needed beyond
 * their counts.
 */
#include "js_text.h"

#include "any.h"
#include "codec.h"
#include "number.h"

static void object_js_text(struct text_out *o) { yd_out_text(o, YD_LITERAL("[object Object]")); }

void yd_bytes_js_text(struct text_out *o, yd_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (i > 0) out_byte(o, ',');
        yd_out_uint(o, bytes.ptr[i]);
    }
}

static void number_js_text(struct text_out *o, double value)
{
    char text[NUMBER_TEXT_MAX];
    size_t len = yd_number_text(text, value);
    yd_out_raw(o, (yd_slice){(const uint8_t *)text, len});
}

static void scalar_js_text(struct text_out *o, struct yd_reader *r, bool inside)
{
    uint8_t tag = *r->at;
    bool negative;
    if (tag == ANY_OBJECT) {
        yd_any_skip(r, true);
        object_js_text(o);
        return;
    }
    r->at++;
    switch (tag) {
    case ANY_UNDEFINED:
        if (!inside) yd_out_raw(o, YD_LITERAL("undefined"));
        return;
    case ANY_NULL:
        if (!inside) yd_out_raw(o, YD_LITERAL("null"));
        return;
    case ANY_TRUE: yd_out_raw(o, YD_LITERAL("true")); return;
    case ANY_FALSE: yd_out_raw(o, YD_LITERAL("false")); return;
    case ANY_INTEGER: {
        uint64_t value = yd_read_varint(r, &negative);
        if (negative && value > 0) out_byte(o, '-');
        yd_out_uint(o, value);
        return;
    }
    case ANY_BIGINT: {
        yd_slice bytes = yd_read_bytes(r, 8);
        uint64_t bits = 0;
        for (size_t i = 0; i < bytes.len; i++) bits = bits << 8 | bytes.ptr[i];
        yd_bigint_text(o, bits);
        return;
    }
    case ANY_STRING: yd_out_text(o, yd_read_varbytes(r)); return;
    case ANY_BYTES: yd_bytes_js_text(o, yd_read_varbytes(r)); return;
    default: number_js_text(o, yd_read_float(r, tag == ANY_FLOAT64)); return;
    }
}

void yd_any_js_text(struct text_out *o, struct yd_reader *r)
{
    uint64_t left[YD_DEPTH_MAX];
    bool first[YD_DEPTH_MAX];
    uint32_t depth = 0;
    for (;;) {
        while (depth > 0 && left[depth - 1] == 0) depth--;
        YD_ASSERT(r->at < r->end && depth < YD_DEPTH_MAX);
        if (depth > 0) {
            left[depth - 1]--;
            if (!first[depth - 1]) out_byte(o, ',');
            first[depth - 1] = false;
        }
        if (*r->at == ANY_ARRAY) {
            r->at++;
            left[depth] = codec_varuint(r);
            first[depth++] = true;
        } else {
            scalar_js_text(o, r, depth > 0);
        }
        while (depth > 0 && left[depth - 1] == 0) depth--;
        if (depth == 0) return;
    }
}

/* ---- JSON that was checked when it came in */

size_t yd_json_blanks(yd_slice json, size_t at)
{
    while (at < json.len && (json.ptr[at] == ' ' || (json.ptr[at] >= 9 && json.ptr[at] <= 13)))
        at++;
    return at;
}

size_t yd_json_string_end(yd_slice json, size_t at)
{
    for (at++; json.ptr[at] != '"'; at++) {
        if (json.ptr[at] == '\\') at++;
    }
    return at + 1;
}

static bool ends_word(uint8_t c)
{
    return c == ',' || c == ':' || c == ']' || c == '}' || c == ' ' || (c >= 9 && c <= 13);
}

size_t yd_json_value_end(yd_slice json, size_t at)
{
    uint32_t depth = 0;
    do {
        at = yd_json_blanks(json, at);
        uint8_t c = json.ptr[at];
        if (c == '"') {
            at = yd_json_string_end(json, at);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
        } else if (c == '}' || c == ']') {
            depth--;
            at++;
        } else if (c == ',' || c == ':') {
            at++;
        } else {
            while (at < json.len && !ends_word(json.ptr[at])) at++;
        }
        if (depth > 0) at = yd_json_blanks(json, at);
    } while (depth > 0);
    return at;
}

static uint32_t hex4(const uint8_t *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = p[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

void yd_out_point(struct text_out *o, uint32_t point)
{
    uint8_t b[4];
    size_t n = 0;
    if (point >= 0xd800 && point < 0xe000) point = 0xfffd; // half a pair has no UTF-8 form
    if (point < 0x80) {
        b[n++] = (uint8_t)point;
    } else if (point < 0x800) {
        b[n++] = (uint8_t)(0xc0 | point >> 6);
        b[n++] = (uint8_t)(0x80 | (point & 63));
    } else if (point < 0x10000) {
        b[n++] = (uint8_t)(0xe0 | point >> 12);
        b[n++] = (uint8_t)(0x80 | (point >> 6 & 63));
        b[n++] = (uint8_t)(0x80 | (point & 63));
    } else {
        b[n++] = (uint8_t)(0xf0 | point >> 18);
        b[n++] = (uint8_t)(0x80 | (point >> 12 & 63));
        b[n++] = (uint8_t)(0x80 | (point >> 6 & 63));
        b[n++] = (uint8_t)(0x80 | (point & 63));
    }
    yd_out_text(o, (yd_slice){b, n});
}

/* The escape at json[at] ('\\'); returns the offset behind it. */
static size_t escape_read(yd_slice json, size_t at, uint32_t *point)
{
    uint8_t c = json.ptr[at + 1];
    switch (c) {
    case 'b': *point = '\b'; break;
    case 'f': *point = '\f'; break;
    case 'n': *point = '\n'; break;
    case 'r': *point = '\r'; break;
    case 't': *point = '\t'; break;
    default: *point = c; break;
    }
    if (c != 'u') return at + 2;
    *point = hex4(json.ptr + at + 2);
    at += 6;
    bool high = *point >= 0xd800 && *point < 0xdc00;
    if (!high || json.len - at < 6 || json.ptr[at] != '\\' || json.ptr[at + 1] != 'u') return at;
    uint32_t low = hex4(json.ptr + at + 2);
    if (low < 0xdc00 || low >= 0xe000) return at;
    *point = 0x10000 + ((*point - 0xd800) << 10) + (low - 0xdc00);
    return at + 6;
}

size_t yd_json_string_text(struct text_out *o, yd_slice json, size_t at)
{
    for (at++; json.ptr[at] != '"';) {
        size_t start = at;
        while (json.ptr[at] != '"' && json.ptr[at] != '\\') at++;
        yd_out_text(o, (yd_slice){json.ptr + start, at - start});
        if (json.ptr[at] != '\\') continue;
        uint32_t point;
        at = escape_read(json, at, &point);
        yd_out_point(o, point);
    }
    return at + 1;
}

void yd_json_js_text(struct text_out *o, yd_slice json)
{
    uint32_t depth = 0;
    size_t at = yd_json_blanks(json, 0);
    while (at < json.len) {
        uint8_t c = json.ptr[at];
        if (c == '[' || c == ']') {
            depth += c == '[' ? 1u : ~0u;
            at++;
        } else if (c == ',') {
            out_byte(o, ',');
            at++;
        } else if (c == '"') {
            at = yd_json_string_text(o, json, at);
        } else {
            size_t end = yd_json_value_end(json, at);
            yd_slice word = {json.ptr + at, end - at};
            if (c == '{') {
                object_js_text(o);
            } else if (depth == 0 || c != 'n') {
                yd_out_raw(o, word); // numbers are written as they came
            }
            at = end;
        }
        at = yd_json_blanks(json, at);
    }
}
