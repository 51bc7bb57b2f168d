/* http.c - see http.h. */
#include "backup/http.h"

#include <stdio.h>
#include <string.h>

yd_err http_encode(struct yd_buf *out, yd_slice text, bool keeps_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    yd_err err = YD_OK;
    for (size_t i = 0; i < text.len && err == YD_OK; i++) {
        uint8_t c = text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != 0 && strchr("-._~", c) != NULL) || (keeps_slash && c == '/');
        if (plain) {
            err = yd_buf_u8(out, c);
        } else {
            const uint8_t three[] = {'%', (uint8_t)digits[c >> 4], (uint8_t)digits[c & 15]};
            err = yd_buf_append(out, (yd_slice){three, 3});
        }
    }
    return err;
}

yd_err http_base64(struct yd_buf *out, yd_slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    yd_err err = YD_OK;
    for (size_t i = 0; i < bytes.len && err == YD_OK; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t v = (uint32_t)bytes.ptr[i] << 16;
        if (n > 1) v |= (uint32_t)bytes.ptr[i + 1] << 8;
        if (n > 2) v |= bytes.ptr[i + 2];
        uint8_t four[] = {(uint8_t)digits[v >> 18], (uint8_t)digits[v >> 12 & 63], '=', '='};
        if (n > 1) four[2] = (uint8_t)digits[v >> 6 & 63];
        if (n > 2) four[3] = (uint8_t)digits[v & 63];
        err = yd_buf_append(out, (yd_slice){four, sizeof four});
    }
    return err;
}

yd_err http_text(struct yd_buf *out, const char *text)
{
    return yd_buf_append(out, (yd_slice){(const uint8_t *)text, strlen(text)});
}

bool http_is_trouble(const struct fetch_answer *got, const char *where, struct sink_answer *answer,
                     char why[SINK_WHY_MAX])
{
    bool is_answered = got->failure == FETCH_ANSWERED;
    if (is_answered && got->status != 429 && got->status < 500) return false;
    if (is_answered) {
        snprintf(why, SINK_WHY_MAX, "%.160s answers %d", where, got->status);
    } else {
        snprintf(why, SINK_WHY_MAX, "%.120s: %s", where, got->why);
    }
    *answer = (struct sink_answer){
        .result = SINK_LATER,
        .why = why,
        .next = "it is tried again; see whether it is up, and reachable from here"};
    return true;
}
