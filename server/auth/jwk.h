/* auth/jwk.h - public keys from a JSON Web Key Set.
 *
 * What cannot be used (unknown kind, too short, not a point of the curve, for encryption) is left
 * out, as RFC 7517 section 5 asks; a set without usable keys is a set that verifies nothing.
 * Ownership  a set owns its keys; readers hold a reference.
 * Source     RFC 7517, 7518 section 6, 8037; docs/security.md A4
 */
#ifndef AUTH_JWK_H
#define AUTH_JWK_H

#include <openssl/evp.h>

#include "ydoc/base.h"

#define JWK_SET_BYTES_MAX 65536 /* of the text */
#define JWK_SET_KEYS_MAX  64    /* further keys are left out */
#define JWK_KID_MAX       256   /* bytes; a key with a longer id is left out */

enum jwk_kind { JWK_RSA, JWK_P256, JWK_ED25519 };

enum jwt_alg { JWT_ALG_ANY, JWT_RS256, JWT_PS256, JWT_ES256, JWT_EDDSA, JWT_HS256 };

struct jwk {
    EVP_PKEY *key;
    enum jwk_kind kind;
    enum jwt_alg alg; /* the only one this key is for; JWT_ALG_ANY: any that fits the kind */
    char *kid;        /* NULL: none */
};

struct jwk_set {
    uint32_t count;
    struct jwk keys[JWK_SET_KEYS_MAX];
};

/* Errors: YD_EMALFORMED (no JSON object with an array "keys"), YD_ETOOBIG. */
YD_NODISCARD yd_err jwk_set_parse(yd_slice text, struct jwk_set **set);
void jwk_set_free(struct jwk_set *set); /* NULL is allowed */

/* "RS256" and so on; JWT_ALG_ANY: none of ours. */
enum jwt_alg jwt_alg_named(const char *name);

#endif
