/* credentials.c - see credentials.h. */
#include "wire/credentials.h"

#include <string.h>
#include <strings.h>

static const yd_slice bearer_protocol = {(const uint8_t *)"bearer.", 7};

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t'; }

static yd_slice trim(yd_slice text)
{
    while (text.len > 0 && is_blank(*text.ptr)) text.ptr++, text.len--;
    while (text.len > 0 && is_blank(text.ptr[text.len - 1])) text.len--;
    return text;
}

/* Takes the next item of a list, without the blanks around it. */
static bool item_take(yd_slice *list, uint8_t separator, yd_slice *item)
{
    if (list->len == 0) return false;
    const uint8_t *end = memchr(list->ptr, separator, list->len);
    size_t len = end == NULL ? list->len : (size_t)(end - list->ptr);
    *item = trim((yd_slice){list->ptr, len});
    size_t skip = end == NULL ? len : len + 1;
    *list = (yd_slice){list->ptr + skip, list->len - skip};
    return true;
}

static bool begins_with(yd_slice text, yd_slice prefix)
{
    return text.len >= prefix.len &&
           strncasecmp((const char *)text.ptr, (const char *)prefix.ptr, prefix.len) == 0;
}

static yd_slice behind(yd_slice text, size_t n) { return (yd_slice){text.ptr + n, text.len - n}; }

static yd_slice token_of_header(yd_slice authorization)
{
    if (!begins_with(authorization, YD_LITERAL("bearer "))) return YD_EMPTY;
    return trim(behind(authorization, 7));
}

static yd_slice token_of_protocols(yd_slice offered)
{
    yd_slice item;
    while (item_take(&offered, ',', &item)) {
        if (begins_with(item, bearer_protocol)) return behind(item, bearer_protocol.len);
    }
    return YD_EMPTY;
}

/* The value of name=value in a list. */
static yd_slice value_in(yd_slice list, uint8_t separator, yd_slice name)
{
    yd_slice item;
    while (item_take(&list, separator, &item)) {
        if (item.len > name.len && memcmp(item.ptr, name.ptr, name.len) == 0 &&
            item.ptr[name.len] == '=') {
            return behind(item, name.len + 1);
        }
    }
    return YD_EMPTY;
}

static yd_slice token_of_query(yd_slice target)
{
    const uint8_t *query = memchr(target.ptr, '?', target.len);
    if (query == NULL) return YD_EMPTY;
    return value_in(behind(target, (size_t)(query - target.ptr) + 1), '&', YD_LITERAL("token"));
}

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static yd_err append_decoded(struct yd_buf *out, yd_slice text)
{
    yd_err err = YD_OK;
    for (size_t i = 0; i < text.len && err == YD_OK; i++) {
        uint8_t c = text.ptr[i];
        if (c == '%' && text.len - i > 2 && hex(text.ptr[i + 1]) >= 0 &&
            hex(text.ptr[i + 2]) >= 0) {
            c = (uint8_t)(hex(text.ptr[i + 1]) * 16 + hex(text.ptr[i + 2]));
            i += 2;
        }
        err = yd_buf_u8(out, c);
    }
    return err;
}

yd_err credentials_token(const struct http_request *request, yd_slice cookie_name,
                         struct yd_buf *token)
{
    yd_slice found = token_of_header(request->authorization);
    if (found.len == 0) found = token_of_protocols(request->ws_protocol);
    if (found.len > 0) return yd_buf_append(token, found);
    found = token_of_query(request->target);
    if (found.len > 0) return append_decoded(token, found);
    if (cookie_name.len > 0) found = value_in(request->cookie, ';', cookie_name);
    return yd_buf_append(token, found);
}

static bool is_protocol(yd_slice item)
{
    for (size_t i = 0; i < item.len; i++) {
        if (item.ptr[i] <= 0x20 || item.ptr[i] >= 0x7f) return false;
    }
    return item.len > 0;
}

yd_slice credentials_protocol(yd_slice offered)
{
    yd_slice item;
    while (item_take(&offered, ',', &item)) {
        if (is_protocol(item) && !begins_with(item, bearer_protocol)) return item;
    }
    return YD_EMPTY;
}

static bool same_text(yd_slice a, yd_slice b)
{
    return a.len == b.len && strncasecmp((const char *)a.ptr, (const char *)b.ptr, a.len) == 0;
}

// pattern: scheme://*.host[:port]
static bool below_host(yd_slice origin, yd_slice pattern, const uint8_t *star)
{
    size_t scheme = (size_t)(star - pattern.ptr);
    yd_slice tail = behind(pattern, scheme + 1); // .host[:port]
    if (origin.len <= scheme + tail.len) return false;
    yd_slice front = {origin.ptr, scheme};
    if (!same_text(front, (yd_slice){pattern.ptr, scheme})) return false;
    for (size_t i = scheme; i < origin.len - tail.len; i++) {
        uint8_t c = (uint8_t)(origin.ptr[i] | 0x20);
        bool is_label = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
        if (!is_label) return false;
    }
    return same_text(behind(origin, origin.len - tail.len), tail);
}

bool credentials_origin_ok(yd_slice origin, const char *list)
{
    yd_slice rest = {(const uint8_t *)list, strlen(list)};
    if (rest.len == 0 || origin.len == 0) return true;
    yd_slice item;
    while (item_take(&rest, ',', &item)) {
        const uint8_t *star = memchr(item.ptr, '*', item.len);
        if (star == NULL ? same_text(origin, item) : below_host(origin, item, star)) return true;
    }
    return false;
}
