/* auth/signature.h - the common signature of requests between this server and the application.
 *
 *   X-Collab-Timestamp  seconds since 1970
 *   X-Collab-Sha256     hex SHA-256 of the body; may be empty when there is none
 *   X-Collab-Signature  v1=<hex HMAC-SHA-256>[,v1=...] over
 *                       METHOD \n path \n timestamp \n room \n seq \n sha256
 * Checking is auth_signature_ok() in auth.h. Source: docs/security.md A20
 */
#ifndef AUTH_SIGNATURE_H
#define AUTH_SIGNATURE_H

#include "auth/auth.h"
#include "auth/text.h"

#define SIGNATURE_SKEW_S     300
#define SIGNATURE_VALUES_MAX 8   /* v1= values looked at */
#define SIGNATURE_HEADER_MAX 128 /* one line, NUL included */

struct signature_headers {
    char timestamp[SIGNATURE_HEADER_MAX]; /* "X-Collab-Timestamp: 1700000000" */
    char sha256[SIGNATURE_HEADER_MAX];
    char signature[SIGNATURE_HEADER_MAX];
};

/* Signs with one secret, now. Of `fields` method, path, room, seq and body are read; or sha256_hex
 * in place of the body, by whoever has hashed it already. */
void signature_make(struct signature_headers *headers, yd_slice secret,
                    const struct auth_signature *fields, int64_t now_s);

/* Any of the secrets, any of the values. */
YD_NODISCARD bool signature_ok(const struct text_list *secrets, const struct auth_signature *fields,
                               int64_t now_s);

#endif
