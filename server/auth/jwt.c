/* jwt.c - see jwt.h. */
#include "auth/jwt.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <string.h>

#include "auth/auth.h"

#define SHA256_BYTES  32
#define ES256_BYTES   64 /* r and s, 32 bytes each */
#define ED25519_BYTES 64

/* Splits at the first dot. False: there is none. */
static bool part_take(yd_slice *rest, yd_slice *part)
{
    const uint8_t *dot = memchr(rest->ptr, '.', rest->len);
    if (dot == NULL) return false;
    size_t len = (size_t)(dot - rest->ptr);
    *part = (yd_slice){rest->ptr, len};
    *rest = (yd_slice){dot + 1, rest->len - len - 1};
    return true;
}

static json_t *object_of(yd_slice part)
{
    uint8_t bytes[AUTH_TOKEN_MAX];
    size_t len = 0;
    if (part.len == 0 || !text_base64url(part, bytes, sizeof bytes, &len)) return NULL;
    return text_object((yd_slice){bytes, len});
}

/* Only what is understood may be asked for: `crit` (and with it `b64`) is refused, as are ids that
 * are no strings. Addresses and keys in a header (jku, x5u, jwk, x5c) are never looked at. */
static bool header_read(struct jwt *jwt, const char **why)
{
    const json_t *kid = json_object_get(jwt->header, "kid");
    jwt->alg = jwt_alg_named(text_member(jwt->header, "alg"));
    if (jwt->alg == JWT_ALG_ANY) {
        *why = "the token's algorithm is none of RS256, PS256, ES256, EdDSA and HS256";
        return false;
    }
    if (json_object_get(jwt->header, "crit") != NULL) {
        *why = "the token has critical extensions";
        return false;
    }
    if (kid != NULL && !json_is_string(kid)) {
        *why = "the token's key id is no string";
        return false;
    }
    jwt->kid = json_string_value(kid);
    return true;
}

bool jwt_parse(struct jwt *jwt, yd_slice token, const char **why)
{
    yd_slice rest = token;
    yd_slice header;
    yd_slice claims;
    *jwt = (struct jwt){0};
    if (token.len > AUTH_TOKEN_MAX) {
        *why = "the token is longer than 8,192 bytes";
        return false;
    }
    *why = "the token is not three parts of base64url";
    if (!part_take(&rest, &header) || !part_take(&rest, &claims)) return false;
    jwt->signed_part = (yd_slice){token.ptr, token.len - rest.len - 1};
    // A further dot is no base64url, so it ends here too.
    if (rest.len == 0 ||
        !text_base64url(rest, jwt->signature, sizeof jwt->signature, &jwt->signature_len)) {
        return false;
    }
    *why = "the token's header or payload is no JSON object in base64url";
    jwt->header = object_of(header);
    if (jwt->header == NULL) return false;
    bool ok = header_read(jwt, why);
    if (ok) {
        jwt->claims = object_of(claims);
        ok = jwt->claims != NULL;
    }
    if (!ok) jwt_deinit(jwt);
    return ok;
}

void jwt_deinit(struct jwt *jwt)
{
    json_decref(jwt->header);
    json_decref(jwt->claims);
    jwt->header = jwt->claims = NULL;
}

/* RFC 7518 has r and s side by side, OpenSSL wants DER. It refuses r and s outside 1..n-1. */
static bool der_of(const struct jwt *jwt, uint8_t out[ES256_BYTES + 16], size_t *len)
{
    if (jwt->signature_len != ES256_BYTES) return false;
    bool ok = false;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(jwt->signature, ES256_BYTES / 2, NULL);
    BIGNUM *s = BN_bin2bn(jwt->signature + ES256_BYTES / 2, ES256_BYTES / 2, NULL);
    if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL; // now the signature's
        uint8_t *at = out;
        int n = i2d_ECDSA_SIG(sig, &at);
        ok = n > 0;
        *len = ok ? (size_t)n : 0;
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return ok;
}

static bool pss_set(EVP_PKEY_CTX *ctx)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool verified_by(const struct jwt *jwt, EVP_PKEY *key)
{
    uint8_t der[ES256_BYTES + 16]; // two numbers of 33 bytes with their heads take 72
    const uint8_t *signature = jwt->signature;
    size_t len = jwt->signature_len;
    const char *digest = jwt->alg == JWT_EDDSA ? NULL : "SHA256";
    if (jwt->alg == JWT_EDDSA && len != ED25519_BYTES) return false;
    if (jwt->alg == JWT_ES256) {
        if (!der_of(jwt, der, &len)) return false;
        signature = der;
    }
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    bool ok = md != NULL && EVP_DigestVerifyInit_ex(md, &ctx, digest, NULL, NULL, key, NULL) == 1 &&
              (jwt->alg != JWT_PS256 || pss_set(ctx)) &&
              EVP_DigestVerify(md, signature, len, jwt->signed_part.ptr, jwt->signed_part.len) == 1;
    EVP_MD_CTX_free(md);
    return ok;
}

static bool key_fits(const struct jwk *key, enum jwt_alg alg)
{
    if (key->alg != JWT_ALG_ANY) return key->alg == alg;
    switch (alg) {
    case JWT_RS256:
    case JWT_PS256: return key->kind == JWK_RSA;
    case JWT_ES256: return key->kind == JWK_P256;
    case JWT_EDDSA: return key->kind == JWK_ED25519;
    case JWT_HS256:
    case JWT_ALG_ANY: break;
    }
    return false;
}

static bool set_has_kid(const struct jwk_set *set, const char *kid)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->keys[i].kid != NULL && strcmp(set->keys[i].kid, kid) == 0) return true;
    }
    return false;
}

bool jwt_signed_by_set(const struct jwt *jwt, const struct jwk_set *set)
{
    // Convex Auth's tokens have no key id, and neither has its key.
    bool by_kid = jwt->kid != NULL && set_has_kid(set, jwt->kid);
    bool ok = false;
    uint32_t tries = 0;
    for (uint32_t i = 0; i < set->count && !ok && tries < JWT_TRIES_MAX; i++) {
        const struct jwk *key = &set->keys[i];
        if (by_kid && (key->kid == NULL || strcmp(key->kid, jwt->kid) != 0)) continue;
        if (!key_fits(key, jwt->alg)) continue;
        tries++;
        ok = verified_by(jwt, key->key);
    }
    ERR_clear_error();
    return ok;
}

bool jwt_signed_by_secret(const struct jwt *jwt, const struct text_list *secrets)
{
    if (jwt->alg != JWT_HS256 || jwt->signature_len != SHA256_BYTES) return false;
    bool ok = false;
    for (uint32_t i = 0; i < secrets->count; i++) {
        uint8_t mac[SHA256_BYTES];
        unsigned len = 0;
        yd_slice secret = text_slice(secrets->items[i]);
        if (HMAC(EVP_sha256(), secret.ptr, (int)secret.len, jwt->signed_part.ptr,
                 jwt->signed_part.len, mac, &len) == NULL) {
            continue;
        }
        ok |= CRYPTO_memcmp(mac, jwt->signature, sizeof mac) == 0;
    }
    return ok;
}
