/* http.c - the one file that knows which HTTP parser is packaged: llhttp, or http-parser. */
#include "wire/http.h"

#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#ifdef PARTYD_LLHTTP
#include <llhttp.h>
typedef llhttp_t parser_type;
typedef llhttp_settings_t settings_type;
#else
#include <http_parser.h>
typedef http_parser parser_type;
typedef http_parser_settings settings_type;
#endif

struct reading {
    struct http_request *request;
    yd_slice field;
    bool in_value, headers_done, has_upgrade;
};

static void slice_extend(yd_slice *slice, const char *at, size_t len)
{
    if (slice->len == 0) slice->ptr = (const uint8_t *)at;
    slice->len += len;
}

static bool field_is(yd_slice field, const char *name)
{
    return field.len == strlen(name) && strncasecmp((const char *)field.ptr, name, field.len) == 0;
}

static int on_url(parser_type *p, const char *at, size_t len)
{
    struct reading *r = p->data;
    slice_extend(&r->request->target, at, len);
    return 0;
}

static int on_field(parser_type *p, const char *at, size_t len)
{
    struct reading *r = p->data;
    if (r->in_value) r->field = YD_EMPTY;
    r->in_value = false;
    slice_extend(&r->field, at, len);
    return 0;
}

static int on_value(parser_type *p, const char *at, size_t len)
{
    struct reading *r = p->data;
    r->in_value = true;
    if (field_is(r->field, "sec-websocket-key")) slice_extend(&r->request->ws_key, at, len);
    if (field_is(r->field, "sec-websocket-version")) slice_extend(&r->request->ws_version, at, len);
    if (field_is(r->field, "sec-websocket-protocol") && r->request->ws_protocol.len == 0) {
        slice_extend(&r->request->ws_protocol, at, len);
    }
    if (field_is(r->field, "upgrade")) {
        r->has_upgrade = len == 9 && strncasecmp(at, "websocket", 9) == 0;
    }
    return 0;
}

static int on_headers_complete(parser_type *p)
{
    struct reading *r = p->data;
    r->headers_done = true;
    r->request->is_get = p->method == HTTP_GET;
    r->request->is_upgrade = p->upgrade != 0 && r->has_upgrade;
    return 1; // whatever body there is, is not read
}

static bool head_is_whole(yd_slice bytes, size_t *len)
{
    for (size_t i = 3; i < bytes.len; i++) {
        if (memcmp(bytes.ptr + i - 3, "\r\n\r\n", 4) == 0) {
            *len = i + 1;
            return true;
        }
    }
    return false;
}

int http_request_read(yd_slice bytes, struct http_request *request)
{
    *request = (struct http_request){
        .target = YD_EMPTY, .ws_key = YD_EMPTY, .ws_version = YD_EMPTY, .ws_protocol = YD_EMPTY};
    struct reading r = {.request = request, .field = YD_EMPTY};
    settings_type settings;
    parser_type parser;
    memset(&settings, 0, sizeof settings);
    settings.on_url = on_url;
    settings.on_header_field = on_field;
    settings.on_header_value = on_value;
    settings.on_headers_complete = on_headers_complete;
    size_t head = bytes.len;
    bool whole = head_is_whole(bytes, &head);
    if (!whole && bytes.len >= HTTP_HEAD_MAX) return HTTP_BAD;
#ifdef PARTYD_LLHTTP
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &r;
    enum llhttp_errno err = llhttp_execute(&parser, (const char *)bytes.ptr, head);
    bool bad = err != HPE_OK && err != HPE_PAUSED_UPGRADE;
#else
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = &r;
    (void)http_parser_execute(&parser, &settings, (const char *)bytes.ptr, head);
    bool bad = HTTP_PARSER_ERRNO(&parser) != HPE_OK;
#endif
    if (r.headers_done) return (int)head;
    return bad || whole ? HTTP_BAD : HTTP_MORE;
}

bool http_accept(yd_slice key, char accept[HTTP_ACCEPT_LEN + 1])
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char raw[20], text[24 + sizeof magic], digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    if (key.len != 24 || key.ptr[22] != '=' || key.ptr[23] != '=') return false;
    if (EVP_DecodeBlock(raw, key.ptr, (int)key.len) != 18) return false;
    memcpy(text, key.ptr, 24);
    memcpy(text + 24, magic, sizeof magic - 1);
    if (EVP_Digest(text, 24 + sizeof magic - 1, digest, &digest_len, EVP_sha1(), NULL) != 1) {
        return false;
    }
    (void)EVP_EncodeBlock((unsigned char *)accept, digest, (int)digest_len);
    return true;
}
