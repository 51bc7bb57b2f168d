/* wire/credentials.h - where a token stands in a request, and where a browser comes from. Pure
 * functions over bytes. Rules D6..D8 of docs/access.md. */
#ifndef WIRE_CREDENTIALS_H
#define WIRE_CREDENTIALS_H

#include "wire/http.h"
#include "ydoc/base.h"

/* Appends the token of a request, at most once: `Authorization: Bearer`, a subprotocol
 * `bearer.TOKEN`, the query's `token` (percent-decoded), the cookie of that name (empty: none is
 * looked at); the first that is there. Nothing is appended if there is none.
 * Errors: YD_ETOOBIG, YD_ENOMEM of the buffer. */
YD_NODISCARD yd_err credentials_token(const struct http_request *request, yd_slice cookie_name,
                                      struct yd_buf *token);

/* The first offered subprotocol that is no token. YD_EMPTY: there is none. */
yd_slice credentials_protocol(yd_slice offered);

// True if origin is in the list: comma separated; `https://*.example.com` is every host below. An
// empty list allows all. No origin at all is allowed: only browsers say where they come from, and
// only them this protects.
bool credentials_origin_ok(yd_slice origin, const char *list);

#endif
