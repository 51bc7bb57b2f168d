/* wire/http.h - the head of one HTTP/1.1 request. Pure functions over bytes. Rules H1, H3, D20. */
#ifndef WIRE_HTTP_H
#define WIRE_HTTP_H

#include "ydoc/base.h"

#define HTTP_HEAD_MAX ((size_t)16 * 1024)
#define HTTP_BODY_MAX ((int64_t)64 * 1024)

enum { HTTP_MORE = 0, HTTP_BAD = -1 };

struct http_request {
    bool is_get, is_post, is_delete;
    bool is_upgrade; /* to websocket */
    bool has_coding; /* Transfer-Encoding: its length is not known */
    bool expects_continue;
    int64_t body_bytes; /* Content-Length; 0: none; INT64_MAX: no number, or a larger one */
    yd_slice method, target;
    yd_slice ws_key, ws_version, ws_protocol, ws_extensions;
    yd_slice authorization, cookie, origin;
    yd_slice x_forwarded_for, forwarded; /* of several lines the last */
    bool is_forwarded;                   /* either was there */
    yd_slice collab_timestamp, collab_sha256, collab_signature;
};

/* Reads a request head from its start. Returns the bytes it takes, or HTTP_MORE, or HTTP_BAD; a
 * head that says one of these fields twice is HTTP_BAD, but for ws_protocol and ws_extensions:
 * their first line holds. The slices of the request point into the bytes. */
int http_request_read(yd_slice bytes, struct http_request *request);

#define HTTP_ACCEPT_LEN 28
/* Sec-WebSocket-Accept for a key; false: the key is not 16 bytes in base64. */
bool http_accept(yd_slice key, char accept[HTTP_ACCEPT_LEN + 1]);

#endif
