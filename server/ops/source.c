/* source.c - see source.h.
 *
 * The JSON library gives a line for what is no JSON, and none for a value that it has read. So when
 * a key or a value turns out to be wrong, the text is walked once more, by tokens: how deep each
 * one is, and whether a text is a key of the object that is being looked for. No recursion.
 */
#include "ops/source.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct walk {
    const struct source *source;
    size_t at, depth;
    size_t found; /* keys that are found, each inside the one before */
    int line, found_line;
};

static bool is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

const char *source_hint(yd_slice text, size_t at, bool is_at_end)
{
    static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};
    if (text.len >= 3 && memcmp(text.ptr, mark, 3) == 0) {
        return "; the file begins with a byte order mark, save it without";
    }
    if (is_at_end || at > text.len) at = text.len;
    if (is_at_end) {
        while (at > 0 && is_space(text.ptr[at - 1])) at--;
        return at == 0 ? "; the file is empty, without settings it holds {}"
                       : "; it ends too early";
    }
    if (at == 0) return "";
    uint8_t found = text.ptr[--at];
    if (found == '/' || found == '#') return "; JSON has no comments";
    if (found == '\'') return "; names and texts stand in \"double quotes\"";
    while (at > 0 && is_space(text.ptr[at - 1])) at--;
    bool is_end = found == '}' || found == ']';
    if (is_end && at > 0 && text.ptr[at - 1] == ',')
        return "; there is a comma with nothing behind it";
    return "";
}

/* The place after the text that begins at `at` with a quote. */
static size_t text_end(yd_slice text, size_t at)
{
    for (at++; at < text.len && text.ptr[at] != '"'; at++) {
        if (text.ptr[at] == '\\') at++;
    }
    return at < text.len ? at + 1 : text.len;
}

static bool is_key(yd_slice text, size_t end)
{
    while (end < text.len && is_space(text.ptr[end])) end++;
    return end < text.len && text.ptr[end] == ':';
}

/* Compares as the reader does: "p\u006frt" is port. */
static bool key_equal(const uint8_t *quoted, size_t len, const char *key)
{
    json_t *value = json_loadb((const char *)quoted, len, JSON_DECODE_ANY, NULL);
    bool equal = value != NULL && strcmp(json_string_value(value), key) == 0;
    json_decref(value);
    return equal;
}

static const char *wanted(const struct walk *w)
{
    return w->found < SOURCE_DEPTH_MAX ? w->source->keys[w->found] : NULL;
}

/* False: what is looked for cannot come any more. */
static bool on_text(struct walk *w)
{
    yd_slice text = w->source->text;
    size_t begin = w->at;
    w->at = text_end(text, begin);
    if (!is_key(text, w->at)) return true;
    if (w->depth <= w->found) return false; // the value of the last one found is over
    if (w->depth != w->found + 1 || !key_equal(text.ptr + begin, w->at - begin, wanted(w))) {
        return true;
    }
    w->found++;
    w->found_line = w->line;
    return wanted(w) != NULL;
}

int source_line(const struct source *source)
{
    struct walk w = {.source = source, .line = 1};
    while (wanted(&w) != NULL && w.at < source->text.len) {
        uint8_t c = source->text.ptr[w.at];
        if (c == '"') {
            if (!on_text(&w)) break;
            continue;
        }
        if (c == '\n') w.line++;
        if (c == '{' || c == '[') w.depth++;
        if (c == '}' || c == ']') w.depth--;
        w.at++;
    }
    return w.found_line;
}

void source_tell(const struct source *source, char *why, size_t why_size, const char *format, ...)
{
    va_list args;
    int line = source_line(source);
    int used = line > 0 ? snprintf(why, why_size, "%.250s:%d: ", source->file, line)
                        : snprintf(why, why_size, "%.250s: ", source->file);
    va_start(args, format);
    if (used > 0 && (size_t)used < why_size) {
        size_t left = why_size - (size_t)used;
        (void)vsnprintf(why + used, left, format, args); // NOLINT(clang-analyzer-*)
    }
    va_end(args);
}
