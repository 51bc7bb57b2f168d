/* json_check.c - whether JSON.parse would accept a text.
 *
 * Where it sits:   validate.c -> here
 * Source:          RFC 8259; rule U7 in docs/encoding.md
 *
 * One loop over tokens and a stack of bits (object or array), no recursion.
 */
#include "ydoc/base.h"

#include <string.h>

struct json_scan {
    const uint8_t *at;
    const uint8_t *end;
};

static void json_blanks(struct json_scan *s)
{
    while (s->at < s->end &&
           (*s->at == ' ' || (*s->at >= 9 && *s->at <= 13 && *s->at != 11 && *s->at != 12))) {
        s->at++;
    }
}

static bool json_take(struct json_scan *s, uint8_t byte)
{
    if (s->at == s->end || *s->at != byte) return false;
    s->at++;
    return true;
}

static bool json_word(struct json_scan *s, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0) return false;
    s->at += len;
    return true;
}

static bool json_hex4(struct json_scan *s)
{
    for (int i = 0; i < 4; i++) {
        if (s->at == s->end) return false;
        uint8_t c = (uint8_t)(*s->at | 0x20);
        if (!(*s->at >= '0' && *s->at <= '9') && !(c >= 'a' && c <= 'f')) return false;
        s->at++;
    }
    return true;
}

static bool json_escape(uint8_t c)
{
    static const char known[] = {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'};
    for (size_t i = 0; i < sizeof known; i++) {
        if (c == (uint8_t)known[i]) return true;
    }
    return false;
}

static bool json_string(struct json_scan *s)
{
    if (!json_take(s, '"')) return false;
    while (s->at < s->end) {
        uint8_t c = *s->at++;
        if (c == '"') return true;
        if (c < 0x20) return false;
        if (c != '\\') continue;
        if (s->at == s->end) return false;
        c = *s->at++;
        if (c == 'u') {
            if (!json_hex4(s)) return false;
        } else if (!json_escape(c)) {
            return false;
        }
    }
    return false;
}

static bool json_digits(struct json_scan *s)
{
    const uint8_t *start = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') s->at++;
    return s->at > start;
}

static bool json_number(struct json_scan *s)
{
    (void)json_take(s, '-');
    if (!json_take(s, '0') && !json_digits(s)) return false;
    if (json_take(s, '.') && !json_digits(s)) return false;
    if (json_take(s, 'e') || json_take(s, 'E')) {
        if (!json_take(s, '+')) (void)json_take(s, '-');
        return json_digits(s);
    }
    return true;
}

static bool json_scalar(struct json_scan *s)
{
    if (s->at == s->end) return false;
    switch (*s->at) {
    case '"': return json_string(s);
    case 't': return json_word(s, "true");
    case 'f': return json_word(s, "false");
    case 'n': return json_word(s, "null");
    default: return json_number(s);
    }
}

static bool json_key(struct json_scan *s)
{
    json_blanks(s);
    if (!json_string(s)) return false;
    json_blanks(s);
    return json_take(s, ':');
}

/* After a value: closes what ends here and steps to the next member. False: not JSON. */
static bool json_after_value(struct json_scan *s, const bool *is_object, uint32_t *depth)
{
    while (*depth > 0) {
        bool object = is_object[*depth - 1];
        json_blanks(s);
        if (json_take(s, ',')) return object ? json_key(s) : true;
        if (!json_take(s, object ? '}' : ']')) return false;
        --*depth;
    }
    json_blanks(s);
    return s->at == s->end;
}

bool yd_json_check(yd_slice text)
{
    struct json_scan s = {text.ptr, text.ptr + text.len};
    bool is_object[YD_DEPTH_MAX];
    uint32_t depth = 0;
    do {
        json_blanks(&s);
        bool object = s.at < s.end && *s.at == '{';
        if (object || (s.at < s.end && *s.at == '[')) {
            if (depth == YD_DEPTH_MAX) return false;
            s.at++;
            json_blanks(&s);
            bool empty = s.at < s.end && *s.at == (object ? '}' : ']');
            is_object[depth++] = object;
            if (!empty) {
                if (object && !json_key(&s)) return false;
                continue; // the first member
            }
        } else if (!json_scalar(&s)) {
            return false;
        }
        if (!json_after_value(&s, is_object, &depth)) return false;
    } while (depth > 0);
    return s.at == s.end;
}
