/* query.c - see query.h. */
#include "wire/query.h"

#include <string.h>

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static int decode(yd_slice text, uint8_t *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '%') {
            if (text.len - i < 3) return QUERY_BAD;
            int high = hex(text.ptr[i + 1]), low = hex(text.ptr[i + 2]);
            if (high < 0 || low < 0) return QUERY_BAD;
            c = (uint8_t)(high * 16 + low);
            i += 2;
        }
        if (n == size) return QUERY_BAD;
        out[n++] = c;
    }
    return (int)n;
}

int query_value(yd_slice target, const char *name, uint8_t *out, size_t size)
{
    size_t name_len = strlen(name);
    const uint8_t *mark = memchr(target.ptr, '?', target.len);
    if (mark == NULL) return QUERY_NONE;
    size_t at = (size_t)(mark - target.ptr) + 1;
    while (at < target.len) {
        const uint8_t *end = memchr(target.ptr + at, '&', target.len - at);
        size_t len = end == NULL ? target.len - at : (size_t)(end - target.ptr) - at;
        const uint8_t *pair = target.ptr + at;
        if (len > name_len && memcmp(pair, name, name_len) == 0 && pair[name_len] == '=') {
            return decode((yd_slice){pair + name_len + 1, len - name_len - 1}, out, size);
        }
        at += len + 1;
    }
    return QUERY_NONE;
}
