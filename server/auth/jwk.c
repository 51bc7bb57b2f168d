/* jwk.c - see jwk.h. Plain OpenSSL: docs/decisions/0010-openssl-alone-for-tokens.md. */
#include "auth/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "auth/text.h"
#include "ops/heap.h"

#define RSA_BITS_MIN  2048
#define RSA_BITS_MAX  4096
#define RSA_E_BITS    33 /* e <= 2^32 */
#define P256_BYTES    32
#define ED25519_BYTES 32

enum jwt_alg jwt_alg_named(const char *name)
{
    static const struct {
        const char *name;
        enum jwt_alg alg;
    } algs[] = {{"RS256", JWT_RS256},
                {"PS256", JWT_PS256},
                {"ES256", JWT_ES256},
                {"EdDSA", JWT_EDDSA},
                {"HS256", JWT_HS256}};
    for (size_t i = 0; name != NULL && i < sizeof algs / sizeof *algs; i++) {
        if (strcmp(name, algs[i].name) == 0) return algs[i].alg;
    }
    return JWT_ALG_ANY;
}

static EVP_PKEY *pkey_of(const char *kind, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    if (params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1) {
        if (EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

/* A number of 1..max bytes. To be given to BN_free(); NULL: it is none. */
static BIGNUM *number_of(const json_t *jwk, const char *name, size_t max)
{
    uint8_t bytes[RSA_BITS_MAX / 8 + 1]; // one leading zero is tolerated
    size_t len = 0;
    if (max > sizeof bytes) return NULL;
    if (!text_base64url(text_slice(text_member(jwk, name)), bytes, max, &len) || len == 0) {
        return NULL;
    }
    return BN_bin2bn(bytes, (int)len, NULL);
}

static EVP_PKEY *rsa_of(const json_t *jwk)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = number_of(jwk, "n", RSA_BITS_MAX / 8 + 1);
    BIGNUM *e = number_of(jwk, "e", 8);
    if (build == NULL || n == NULL || e == NULL) goto out;
    int bits = BN_num_bits(n);
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX || !BN_is_odd(n)) goto out;
    // e = 1 would make every message its own signature.
    if (!BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) >= RSA_E_BITS) goto out;
    if (OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) != 1) goto out;
    if (OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) != 1) goto out;
    key = pkey_of("RSA", build);

out:
    BN_free(e);
    BN_free(n);
    OSSL_PARAM_BLD_free(build);
    return key;
}

/* Coordinates have exactly 32 bytes (RFC 7518 section 6.2.1.2); OpenSSL checks that the point is on
 * the curve. */
static EVP_PKEY *p256_of(const json_t *jwk)
{
    uint8_t point[1 + 2 * P256_BYTES] = {4}; // uncompressed
    size_t x_len = 0;
    size_t y_len = 0;
    const char *curve = text_member(jwk, "crv");
    yd_slice x = text_slice(text_member(jwk, "x"));
    yd_slice y = text_slice(text_member(jwk, "y"));
    if (curve == NULL || strcmp(curve, "P-256") != 0) return NULL;
    if (!text_base64url(x, point + 1, P256_BYTES, &x_len) || x_len != P256_BYTES) return NULL;
    if (!text_base64url(y, point + 1 + P256_BYTES, P256_BYTES, &y_len)) return NULL;
    if (y_len != P256_BYTES) return NULL;

    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) ==
            1) {
        key = pkey_of("EC", build);
    }
    OSSL_PARAM_BLD_free(build);
    return key;
}

/* A point of small order verifies signatures that nobody made. All their encodings, sign cleared.
 */
static bool is_small_order(const uint8_t point[ED25519_BYTES])
{
    static const uint8_t small[][ED25519_BYTES] = {
        {0x00}, // y = 0, order 4
        {0x01}, // y = 1, order 1
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05}, // order 8
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
         0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
         0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}, // order 8
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, // p - 1, order 2
        {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, // p: 0 again
        {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, // p + 1: 1 again
    };
    uint8_t y[ED25519_BYTES];
    memcpy(y, point, sizeof y);
    y[ED25519_BYTES - 1] &= 0x7f;
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        if (memcmp(y, small[i], sizeof y) == 0) return true;
    }
    return false;
}

static EVP_PKEY *ed25519_of(const json_t *jwk)
{
    uint8_t point[ED25519_BYTES];
    size_t len = 0;
    const char *curve = text_member(jwk, "crv");
    if (curve == NULL || strcmp(curve, "Ed25519") != 0) return NULL;
    if (!text_base64url(text_slice(text_member(jwk, "x")), point, sizeof point, &len)) return NULL;
    if (len != sizeof point || is_small_order(point)) return NULL;
    return EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, point, len);
}

/* `use` and `key_ops` absent, or saying that it verifies signatures. */
static bool is_for_signatures(const json_t *jwk)
{
    const json_t *use = json_object_get(jwk, "use");
    if (use != NULL && (!json_is_string(use) || strcmp(json_string_value(use), "sig") != 0)) {
        return false;
    }
    const json_t *ops = json_object_get(jwk, "key_ops");
    if (ops == NULL) return true;
    for (size_t i = 0; i < json_array_size(ops); i++) {
        const char *op = json_string_value(json_array_get(ops, i));
        if (op != NULL && strcmp(op, "verify") == 0) return true;
    }
    return false;
}

static bool alg_fits(enum jwk_kind kind, enum jwt_alg alg)
{
    switch (kind) {
    case JWK_RSA: return alg == JWT_RS256 || alg == JWT_PS256;
    case JWK_P256: return alg == JWT_ES256;
    case JWK_ED25519: return alg == JWT_EDDSA;
    }
    return false;
}

static bool jwk_parse(const json_t *jwk, struct jwk *out)
{
    *out = (struct jwk){0};
    const char *kind = text_member(jwk, "kty");
    const json_t *kid = json_object_get(jwk, "kid");
    const json_t *alg = json_object_get(jwk, "alg");
    if (kind == NULL || !is_for_signatures(jwk)) return false;
    if (kid != NULL && (!json_is_string(kid) || json_string_length(kid) > JWK_KID_MAX)) {
        return false;
    }
    if (strcmp(kind, "RSA") == 0) {
        out->kind = JWK_RSA;
        out->key = rsa_of(jwk);
    } else if (strcmp(kind, "EC") == 0) {
        out->kind = JWK_P256;
        out->key = p256_of(jwk);
    } else if (strcmp(kind, "OKP") == 0) {
        out->kind = JWK_ED25519;
        out->key = ed25519_of(jwk);
    }
    if (out->key == NULL) return false;
    if (alg != NULL) {
        out->alg = jwt_alg_named(json_string_value(alg));
        if (!alg_fits(out->kind, out->alg)) {
            EVP_PKEY_free(out->key);
            return false;
        }
    }
    if (kid != NULL) out->kid = text_copy(text_slice(json_string_value(kid)));
    return true;
}

yd_err jwk_set_parse(yd_slice text, struct jwk_set **set)
{
    if (text.len > JWK_SET_BYTES_MAX) return YD_ETOOBIG;
    json_t *root = text_object(text);
    const json_t *keys = json_object_get(root, "keys");
    if (!json_is_array(keys)) {
        json_decref(root);
        return YD_EMALFORMED;
    }
    struct jwk_set *made = heap_new(sizeof *made);
    size_t count = json_array_size(keys);
    for (size_t i = 0; i < count && made->count < JWK_SET_KEYS_MAX; i++) {
        if (jwk_parse(json_array_get(keys, i), &made->keys[made->count])) made->count++;
    }
    // What OpenSSL said about keys that were left out is of no use to the next caller.
    ERR_clear_error();
    json_decref(root);
    *set = made;
    return YD_OK;
}

void jwk_set_free(struct jwk_set *set)
{
    if (set == NULL) return;
    for (uint32_t i = 0; i < set->count; i++) {
        EVP_PKEY_free(set->keys[i].key);
        free(set->keys[i].kid);
    }
    free(set);
}
