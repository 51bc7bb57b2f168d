/* out.c - text going out, JSON-escaped where asked.
 *
 * Where it sits:   read_json.c, read_xml.c, value_json.c, js_text.c -> here -> base.c
 * Source:          ECMAScript QuoteJSONString
 */
#include "out.h"

#include "codec.h"

void yd_out_raw(struct text_out *o, yd_slice bytes)
{
    if (o->err == YD_OK) o->err = yd_buf_append(o->buf, bytes);
}

static void out_escape(struct text_out *o, uint8_t c)
{
    static const char short_forms[] = "btn\0fr"; // for 8 to 13
    static const char hex[] = "0123456789abcdef";
    uint8_t text[6] = {'\\', c, '0', '0', 0, 0};
    size_t len = 2;
    if (c >= 8 && c <= 13 && c != 11) {
        text[1] = (uint8_t)short_forms[c - 8];
    } else if (c < 0x20) {
        text[1] = 'u';
        text[4] = (uint8_t)hex[c >> 4];
        text[5] = (uint8_t)hex[c & 15];
        len = 6;
    }
    yd_out_raw(o, (yd_slice){text, len});
}

static void out_escaped(struct text_out *o, yd_slice text)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        yd_out_raw(o, (yd_slice){text.ptr + from, i - from});
        out_escape(o, c);
        from = i + 1;
    }
    yd_out_raw(o, (yd_slice){text.ptr + from, text.len - from});
}

void yd_out_text(struct text_out *o, yd_slice text)
{
    if (o->escape) {
        out_escaped(o, text);
    } else {
        yd_out_raw(o, text);
    }
}

void yd_out_json_string(struct text_out *o, yd_slice text)
{
    out_byte(o, '"');
    out_escaped(o, text);
    out_byte(o, '"');
}

void yd_out_uint(struct text_out *o, uint64_t value)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    yd_out_raw(o, (yd_slice){digits + at, sizeof digits - at});
}
