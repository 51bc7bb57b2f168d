/* auth/jwt.h - a compact JSON Web Token: its form and its signature. What its claims mean is
 * claims.h's.
 *
 * Ownership  a struct jwt borrows the token and owns its JSON.
 * Source     RFC 7515, 7518, 7519, 8037, 8725; docs/security.md A1..A5
 */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include <jansson.h>

#include "auth/jwk.h"
#include "auth/text.h"
#include "ydoc/base.h"

#define JWT_SIGNATURE_MAX 512 /* RSA of 4,096 bits */
#define JWT_TRIES_MAX     8   /* keys tried for one token */

struct jwt {
    enum jwt_alg alg;
    yd_slice signed_part; /* "header.payload", in the token */
    uint8_t signature[JWT_SIGNATURE_MAX];
    size_t signature_len;
    json_t *header, *claims;
    const char *kid; /* in header; NULL: none */
};

/* False: it is no token of ours, and *why says what is wrong; nothing has to be freed then. */
YD_NODISCARD bool jwt_parse(struct jwt *jwt, yd_slice token, const char **why);
void jwt_deinit(struct jwt *jwt);

/* Against public keys. Never true for HS256. Cost: up to JWT_TRIES_MAX public key operations. */
YD_NODISCARD bool jwt_signed_by_set(const struct jwt *jwt, const struct jwk_set *set);
/* Against shared secrets, in constant time. True for HS256 only. */
YD_NODISCARD bool jwt_signed_by_secret(const struct jwt *jwt, const struct text_list *secrets);

#endif
