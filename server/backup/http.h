/* backup/http.h - what the sinks that speak HTTP share: texts of addresses, and failures as
 * answers. */
#ifndef BACKUP_HTTP_H
#define BACKUP_HTTP_H

#include "backup/sink.h"
#include "fetch/fetch.h"

/* Appends with everything percent-encoded but A-Z a-z 0-9 - . _ ~ and, if asked for, the slash. */
YD_NODISCARD yd_err http_encode(struct yd_buf *out, yd_slice text, bool keeps_slash);
/* Base64 with padding. */
YD_NODISCARD yd_err http_base64(struct yd_buf *out, yd_slice bytes);
/* Appends a text that ends with a NUL, and no NUL. */
YD_NODISCARD yd_err http_text(struct yd_buf *out, const char *text);

/* No answer, or one that says to come again: 429, 5xx. True: *answer says so. */
bool http_is_trouble(const struct fetch_answer *got, const char *where, struct sink_answer *answer,
                     char why[SINK_WHY_MAX]);

#endif
