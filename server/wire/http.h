/* wire/http.h - the head of one HTTP/1.1 request. Pure functions over bytes. Rules H1, H3. */
#ifndef WIRE_HTTP_H
#define WIRE_HTTP_H

#include "ydoc/base.h"

#define HTTP_HEAD_MAX ((size_t)16 * 1024)

enum { HTTP_MORE = 0, HTTP_BAD = -1 };

struct http_request {
    bool is_get, is_upgrade; /* upgrade to websocket */
    yd_slice target;
    yd_slice ws_key, ws_version, ws_protocol;
};

/* Reads a request head from its start. Returns the bytes it takes, or HTTP_MORE, or HTTP_BAD.
 * The slices of the request point into the bytes. */
int http_request_read(yd_slice bytes, struct http_request *request);

#define HTTP_ACCEPT_LEN 28
/* Sec-WebSocket-Accept for a key; false: the key is not 16 bytes in base64. */
bool http_accept(yd_slice key, char accept[HTTP_ACCEPT_LEN + 1]);

#endif
