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
    bool in_value, headers_done, said_twice;
    yd_slice upgrade, coding, expect, body_bytes;
    yd_slice *value; /* the field whose value is being read; NULL: one that nobody asks for */
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

static yd_slice *value_of(struct reading *r)
{
    struct http_request *q = r->request;
    const struct {
        const char *name;
        yd_slice *value;
    } known[] = {
        {"sec-websocket-key", &q->ws_key},
        {"sec-websocket-version", &q->ws_version},
        {"sec-websocket-protocol", &q->ws_protocol},
        {"sec-websocket-extensions", &q->ws_extensions},
        {"authorization", &q->authorization},
        {"cookie", &q->cookie},
        {"origin", &q->origin},
        {"x-forwarded-for", &q->x_forwarded_for},
        {"forwarded", &q->forwarded},
        {"x-collab-timestamp", &q->collab_timestamp},
        {"x-collab-sha256", &q->collab_sha256},
        {"x-collab-signature", &q->collab_signature},
        {"upgrade", &r->upgrade},
        {"transfer-encoding", &r->coding},
        {"content-length", &r->body_bytes},
        {"expect", &r->expect},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (field_is(r->field, known[i].name)) return known[i].value;
    }
    return NULL;
}

/* Each proxy may add a line of its own; that of the nearest is the last. */
static bool is_path_of(const struct reading *r, const yd_slice *value)
{
    return value == &r->request->x_forwarded_for || value == &r->request->forwarded;
}

static int on_value(parser_type *p, const char *at, size_t len)
{
    struct reading *r = p->data;
    if (!r->in_value) {
        r->in_value = true;
        r->value = value_of(r);
        if (r->value != NULL && r->value->len > 0) {
            // Two lines may be one list only where the standard says so; which of two tokens or
            // lengths holds, others could see otherwise than we do.
            bool is_last = is_path_of(r, r->value);
            bool is_list = is_last || r->value == &r->request->ws_protocol ||
                           r->value == &r->request->ws_extensions;
            r->said_twice = r->said_twice || !is_list;
            if (is_last) {
                *r->value = YD_EMPTY;
            } else {
                r->value = NULL;
            }
        }
    }
    if (r->value != NULL) slice_extend(r->value, at, len);
    return 0;
}

static bool is_word(yd_slice value, const char *word)
{
    return value.len == strlen(word) && strncasecmp((const char *)value.ptr, word, value.len) == 0;
}

static int64_t number_of(yd_slice digits)
{
    int64_t number = 0;
    for (size_t i = 0; i < digits.len; i++) {
        bool is_digit = digits.ptr[i] >= '0' && digits.ptr[i] <= '9';
        if (!is_digit || number > INT64_MAX / 16) return INT64_MAX;
        number = number * 10 + (digits.ptr[i] - '0');
    }
    return number;
}

static int on_headers_complete(parser_type *p)
{
    struct reading *r = p->data;
    struct http_request *q = r->request;
    r->headers_done = true;
    q->is_get = p->method == HTTP_GET;
    q->is_post = p->method == HTTP_POST;
    q->is_delete = p->method == HTTP_DELETE;
    if (q->is_get) q->method = YD_LITERAL("GET");
    if (q->is_post) q->method = YD_LITERAL("POST");
    if (q->is_delete) q->method = YD_LITERAL("DELETE");
    q->is_upgrade = p->upgrade != 0 && is_word(r->upgrade, "websocket");
    q->is_forwarded = q->x_forwarded_for.len > 0 || q->forwarded.len > 0;
    q->has_coding = r->coding.len > 0;
    q->expects_continue = is_word(r->expect, "100-continue");
    q->body_bytes = number_of(r->body_bytes);
    return 1; // the body is the host's
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
    *request = (struct http_request){.method = YD_EMPTY,
                                     .target = YD_EMPTY,
                                     .ws_key = YD_EMPTY,
                                     .ws_version = YD_EMPTY,
                                     .ws_protocol = YD_EMPTY,
                                     .ws_extensions = YD_EMPTY,
                                     .authorization = YD_EMPTY,
                                     .cookie = YD_EMPTY,
                                     .origin = YD_EMPTY,
                                     .x_forwarded_for = YD_EMPTY,
                                     .forwarded = YD_EMPTY,
                                     .collab_timestamp = YD_EMPTY,
                                     .collab_sha256 = YD_EMPTY,
                                     .collab_signature = YD_EMPTY};
    struct reading r = {.request = request,
                        .field = YD_EMPTY,
                        .upgrade = YD_EMPTY,
                        .coding = YD_EMPTY,
                        .expect = YD_EMPTY,
                        .body_bytes = YD_EMPTY};
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
    if (r.headers_done) return r.said_twice ? HTTP_BAD : (int)head;
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
