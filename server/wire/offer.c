/* offer.c - what a client offers in Sec-WebSocket-Extensions (RFC 6455 9.1, RFC 7692 5 and 7).
 *
 *   header    = offer *( "," offer )
 *   offer     = token *( ";" parameter )
 *   parameter = token [ "=" ( token | <"> token <"> ) ]
 *
 * The first offer of permessage-deflate that we can keep to is taken. One that wants a smaller
 * window of us is not: what goes to all is compressed once, with the largest. */
#include "wire/deflate.h"

#include <string.h>
#include <strings.h>

struct scan {
    yd_slice rest;
    bool broken;
};

static uint8_t next_byte(struct scan *s)
{
    while (s->rest.len > 0 && (s->rest.ptr[0] == ' ' || s->rest.ptr[0] == '\t')) {
        s->rest = (yd_slice){s->rest.ptr + 1, s->rest.len - 1};
    }
    return s->rest.len == 0 ? 0 : s->rest.ptr[0];
}

static bool accept(struct scan *s, char c)
{
    if (next_byte(s) != (uint8_t)c) return false;
    s->rest = (yd_slice){s->rest.ptr + 1, s->rest.len - 1};
    return true;
}

static bool is_token_byte(uint8_t c)
{
    bool is_name = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_name || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static yd_slice token(struct scan *s)
{
    size_t n = 0;
    (void)next_byte(s);
    while (n < s->rest.len && is_token_byte(s->rest.ptr[n])) n++;
    if (n == 0) s->broken = true;
    yd_slice word = n == 0 ? YD_EMPTY : (yd_slice){s->rest.ptr, n};
    s->rest = (yd_slice){s->rest.ptr + n, s->rest.len - n};
    return word;
}

/* With quotes what stands between them is a token too (RFC 6455 9.1). */
static yd_slice value(struct scan *s)
{
    bool is_quoted = accept(s, '"');
    yd_slice word = token(s);
    if (is_quoted && (s->rest.len == 0 || s->rest.ptr[0] != '"')) s->broken = true;
    if (is_quoted && !s->broken) s->rest = (yd_slice){s->rest.ptr + 1, s->rest.len - 1};
    return word;
}

static bool is_word(yd_slice word, const char *text)
{
    return word.len == strlen(text) && strncasecmp((const char *)word.ptr, text, word.len) == 0;
}

/* 8 to 15, without a zero in front; 0: it is none. */
static int window_bits(yd_slice digits)
{
    if (digits.len == 1 && (digits.ptr[0] == '8' || digits.ptr[0] == '9'))
        return digits.ptr[0] - '0';
    bool is_two = digits.len == 2 && digits.ptr[0] == '1';
    return is_two && digits.ptr[1] >= '0' && digits.ptr[1] <= '5' ? 10 + digits.ptr[1] - '0' : 0;
}

enum { SERVER_NO_TAKEOVER, CLIENT_NO_TAKEOVER, SERVER_WINDOW, CLIENT_WINDOW, PARAMETERS };

static int parameter_of(yd_slice name)
{
    static const char *const names[PARAMETERS] = {
        [SERVER_NO_TAKEOVER] = "server_no_context_takeover",
        [CLIENT_NO_TAKEOVER] = "client_no_context_takeover",
        [SERVER_WINDOW] = "server_max_window_bits",
        [CLIENT_WINDOW] = "client_max_window_bits",
    };
    for (int i = 0; i < PARAMETERS; i++) {
        if (is_word(name, names[i])) return i;
    }
    return PARAMETERS;
}

/* One we can keep to, said for the first time. */
static bool parameter_ok(struct scan *s, unsigned *seen)
{
    int which = parameter_of(token(s));
    bool has_value = !s->broken && accept(s, '=');
    yd_slice said = has_value ? value(s) : YD_EMPTY;
    int bits = window_bits(said);
    if (which == PARAMETERS || (*seen & 1u << which) != 0) return false;
    *seen |= 1u << which;
    if (which == SERVER_WINDOW) return bits == 15;
    // It may use a smaller one: we take the largest, and do not ask it for anything.
    if (which == CLIENT_WINDOW) return !has_value || bits != 0;
    return !has_value;
}

static bool offer_ok(struct scan *s)
{
    unsigned seen = 0;
    bool ok = is_word(token(s), "permessage-deflate");
    while (!s->broken && accept(s, ';')) ok = parameter_ok(s, &seen) && ok;
    return ok && !s->broken;
}

enum deflate_offer deflate_offer_read(yd_slice header)
{
    struct scan s = {header, false};
    bool is_taken = false;
    if (header.len == 0) return DEFLATE_NONE;
    do {
        if (offer_ok(&s)) is_taken = true;
    } while (!s.broken && accept(&s, ','));
    if (s.broken || next_byte(&s) != 0 || s.rest.len != 0) return DEFLATE_BROKEN;
    return is_taken ? DEFLATE_TAKEN : DEFLATE_NONE;
}
