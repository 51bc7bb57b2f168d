/* line.c - see line.h. */
#include "line.h"

yd_err line_put(struct yd_buf *out, const char *text)
{
    size_t len = 0;
    while (text[len] != 0) len++;
    return yd_buf_append(out, (yd_slice){(const uint8_t *)text, len});
}

yd_err line_put_number(struct yd_buf *out, uint64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = 0;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return line_put(out, digits + at);
}

yd_err line_put_usage(struct yd_buf *out, const char *usage)
{
    yd_err err = line_put(out, "{\"ok\":false,\"error\":\"usage: ");
    if (err == YD_OK) err = line_put(out, usage);
    return err == YD_OK ? line_put(out, "\"}") : err;
}

yd_err line_put_error(struct yd_buf *out, yd_err error, size_t at)
{
    yd_err err = line_put(out, "{\"ok\":false,\"error\":\"");
    if (err == YD_OK) err = line_put(out, yd_err_name(error));
    if (err == YD_OK) err = line_put(out, "\",\"at\":");
    if (err == YD_OK) err = line_put_number(out, at);
    return err == YD_OK ? line_put(out, "}") : err;
}

yd_err line_put_hex(struct yd_buf *out, yd_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    yd_err err = line_put(out, "{\"ok\":true,\"hex\":\"");
    if (err == YD_OK) err = yd_buf_reserve(out, bytes.len * 2);
    for (size_t i = 0; i < bytes.len && err == YD_OK; i++) {
        uint8_t pair[2] = {(uint8_t)digits[bytes.ptr[i] >> 4], (uint8_t)digits[bytes.ptr[i] & 15]};
        err = yd_buf_append(out, (yd_slice){pair, 2});
    }
    return err == YD_OK ? line_put(out, "\"}") : err;
}

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

yd_err line_unhex(struct yd_buf *to, yd_slice hex)
{
    yd_buf_clear(to);
    if (yd_slice_equal(hex, YD_LITERAL("-"))) return YD_OK;
    if (hex.len % 2 != 0) return YD_EMALFORMED;
    yd_err err = yd_buf_reserve(to, hex.len / 2);
    for (size_t i = 0; i < hex.len && err == YD_OK; i += 2) {
        int high = digit_of(hex.ptr[i]), low = digit_of(hex.ptr[i + 1]);
        if (high < 0 || low < 0) return YD_EMALFORMED;
        err = yd_buf_u8(to, (uint8_t)(high * 16 + low));
    }
    return err;
}

yd_slice line_word_take(yd_slice *line)
{
    size_t n = 0;
    while (n < line->len && line->ptr[n] != ' ') n++;
    yd_slice word = {line->ptr, n};
    if (n < line->len) n++;
    *line = (yd_slice){line->ptr + n, line->len - n};
    return word;
}

bool line_is(yd_slice word, const char *text)
{
    size_t i = 0;
    while (i < word.len && text[i] != 0 && word.ptr[i] == (uint8_t)text[i]) i++;
    return i == word.len && text[i] == 0;
}

bool line_format_take(yd_slice *line, enum yd_format *format)
{
    yd_slice word = line_word_take(line);
    *format = line_is(word, "v2") ? YD_V2 : YD_V1;
    return line_is(word, "v1") || line_is(word, "v2");
}

yd_err line_answer_bytes(struct driver *d, yd_err err, struct yd_buf *out)
{
    return err == YD_OK ? line_put_hex(out, yd_buf_slice(&d->made)) : line_put_error(out, err, 0);
}

yd_err line_answer_json(struct driver *d, yd_err err, struct yd_buf *out)
{
    if (err != YD_OK) return line_put_error(out, err, 0);
    err = line_put(out, "{\"ok\":true,\"value\":");
    if (err == YD_OK) err = yd_buf_append(out, yd_buf_slice(&d->made));
    return err == YD_OK ? line_put(out, "}") : err;
}

bool line_number_take(yd_slice *line, uint64_t *value)
{
    yd_slice word = line_word_take(line);
    *value = 0;
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] < '0' || word.ptr[i] > '9') return false;
        *value = *value * 10 + (uint64_t)(word.ptr[i] - '0');
    }
    return word.len > 0;
}

bool line_root_take(yd_slice *line, enum yd_root *root)
{
    static const char *const names[] = {[YD_ROOT_TEXT] = "text",
                                        [YD_ROOT_ARRAY] = "array",
                                        [YD_ROOT_MAP] = "map",
                                        [YD_ROOT_XML] = "xml"};
    yd_slice word = line_word_take(line);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!line_is(word, names[i])) continue;
        *root = (enum yd_root)i;
        return true;
    }
    return false;
}

yd_err line_put_text(struct yd_buf *out, yd_slice text)
{
    static const char digits[] = "0123456789abcdef";
    yd_err err = yd_buf_u8(out, '"');
    for (size_t i = 0; i < text.len && err == YD_OK; i++) {
        uint8_t c = text.ptr[i];
        uint8_t escape[6] = {'\\', 'u', '0', '0', 0, 0};
        escape[4] = (uint8_t)digits[c >> 4];
        escape[5] = (uint8_t)digits[c & 15];
        bool plain = c >= 0x20 && c != '"' && c != '\\';
        err = plain ? yd_buf_u8(out, c) : yd_buf_append(out, (yd_slice){escape, sizeof escape});
    }
    return err == YD_OK ? yd_buf_u8(out, '"') : err;
}
