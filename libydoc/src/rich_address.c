/* rich_address.c - addresses of links and images: which may stand in an exported document.
 *
 * Source:   WHATWG URL: blanks and control characters at both ends are dropped, tabs and line ends
 *           anywhere; a scheme is letters, digits, + - . before the first colon. What a browser
 *           would take for a scheme is one here.
 *
 * Allowed: http, https, mailto, and addresses without a scheme. What could end an address where it
 * stands (blanks, quotes, brackets, backslashes) is percent-encoded. */
#include "rich.h"

static bool is_dropped(uint8_t c) { return c == '\t' || c == '\n' || c == '\r'; }

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }

static bool is_scheme_char(uint8_t c)
{
    c = lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

/* Without what a browser drops. */
static yd_err strip(yd_slice given, struct yd_buf *out)
{
    size_t from = 0, to = given.len;
    while (from < to && given.ptr[from] <= ' ') from++;
    while (to > from && given.ptr[to - 1] <= ' ') to--;
    for (size_t i = from; i < to; i++) {
        if (is_dropped(given.ptr[i])) continue;
        yd_err err = yd_buf_u8(out, given.ptr[i]);
        if (err != YD_OK) return err;
    }
    return YD_OK;
}

static bool scheme_is(yd_slice address, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++) {
        if (lower(address.ptr[i]) != (uint8_t)name[i] || name[i] == 0) return false;
    }
    return name[len] == 0;
}

static bool is_allowed(yd_slice address)
{
    size_t len = 0;
    while (len < address.len && is_scheme_char(address.ptr[len])) len++;
    // Something else before the colon, or no colon at all: no scheme.
    if (len == address.len || address.ptr[len] != ':') return address.len > 0;
    return scheme_is(address, len, "http") || scheme_is(address, len, "https") ||
           scheme_is(address, len, "mailto");
}

static bool is_encoded(uint8_t c)
{
    return c <= ' ' || c == 0x7f || c == '"' || c == '\'' || c == '<' || c == '>' || c == '(' ||
           c == ')' || c == '[' || c == ']' || c == '\\' || c == '`' || c == '|' || c == '*' ||
           c == '^' || c == '{' || c == '}';
}

bool yd_rich_address(struct rich *r, yd_slice given, struct yd_buf *out)
{
    static const uint8_t hex[] = "0123456789ABCDEF";
    struct yd_buf stripped;
    yd_buf_clear(out);
    yd_buf_init(&stripped, r->doc->alloc, given.len + 1);
    yd_err err = strip(given, &stripped);
    bool allowed = err == YD_OK && is_allowed(yd_buf_slice(&stripped));
    for (size_t i = 0; allowed && err == YD_OK && i < stripped.len; i++) {
        uint8_t c = stripped.ptr[i];
        uint8_t code[3] = {'%', hex[c >> 4], hex[c & 15]};
        err = is_encoded(c) ? yd_buf_append(out, (yd_slice){code, 3}) : yd_buf_u8(out, c);
    }
    yd_buf_deinit(&stripped);
    if (err != YD_OK && r->o->err == YD_OK) r->o->err = err;
    return allowed && err == YD_OK;
}
