/* text.c - see text.h. */
#include "auth/text.h"

#include <stdlib.h>
#include <string.h>

#include "ops/heap.h"

yd_slice text_slice(const char *text)
{
    return text == NULL ? YD_EMPTY : (yd_slice){(const uint8_t *)text, strlen(text)};
}

/* The value of a digit, -1: it is none. Not by table: these are public bytes, but short ones. */
static int base64url_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    if (c == '_') return 63;
    return -1;
}

bool text_base64url(yd_slice in, uint8_t *out, size_t cap, size_t *len)
{
    size_t out_len = in.len / 4 * 3 + (in.len % 4 == 0 ? 0 : in.len % 4 - 1);
    if (in.len % 4 == 1 || out_len > cap) return false;
    uint32_t bits = 0;
    uint32_t bit_count = 0;
    size_t at = 0;
    for (size_t i = 0; i < in.len; i++) {
        int digit = base64url_digit(in.ptr[i]);
        if (digit < 0) return false;
        bits = bits << 6 | (uint32_t)digit;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out[at++] = (uint8_t)(bits >> bit_count);
        }
    }
    // Bits left over must be zero, or one value would have several spellings.
    if ((bits & ((1u << bit_count) - 1)) != 0) return false;
    *len = at;
    return true;
}

void text_hex(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

bool text_unhex(yd_slice in, uint8_t *out, size_t len)
{
    if (in.len != 2 * len) return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(in.ptr[2 * i]);
        int low = hex_digit(in.ptr[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

json_t *text_object(yd_slice text)
{
    // jansson recurses up to 2,048 levels; ours bounds the depth first and is stricter on UTF-8.
    if (!yd_json_check(text)) return NULL;
    json_error_t error;
    json_t *root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(root)) return root;
    json_decref(root);
    return NULL;
}

const char *text_member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

bool text_has_controls(yd_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) return true;
    }
    return false;
}

char *text_copy(yd_slice text)
{
    char *copy = heap_new(text.len + 1);
    memcpy(copy, text.ptr, text.len);
    return copy;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static yd_slice trim(yd_slice text)
{
    while (text.len > 0 && is_blank((char)text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && is_blank((char)text.ptr[text.len - 1])) text.len--;
    return text;
}

bool text_list_init(struct text_list *list, const char *text)
{
    *list = (struct text_list){0};
    yd_slice rest = trim(text_slice(text));
    bool more = rest.len > 0;
    while (more) {
        const uint8_t *comma = memchr(rest.ptr, ',', rest.len);
        size_t len = comma == NULL ? rest.len : (size_t)(comma - rest.ptr);
        if (list->count == TEXT_LIST_MAX) {
            text_list_deinit(list);
            return false;
        }
        list->items[list->count++] = text_copy(trim((yd_slice){rest.ptr, len}));
        more = comma != NULL;
        if (more) rest = (yd_slice){rest.ptr + len + 1, rest.len - len - 1};
    }
    return true;
}

void text_list_deinit(struct text_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) free(list->items[i]);
    list->count = 0;
}
