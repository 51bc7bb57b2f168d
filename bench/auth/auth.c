/* auth.c - what one decision costs on one core: verify and decide with a warm key set, by
 * algorithm.
 *
 * CPU time, median over batches of fresh tokens. Tickets are all different (each is good once) and
 * so are the others' users. Every decision is checked to be a yes.
 */
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "auth/auth.h"

#define BATCHES    15
#define BATCH      500
#define SECRET     "0123456789abcdef0123456789abcdef"
#define TOKEN_SIZE 1600

struct algorithm {
    const char *name;
    const char *alg;
    const char *kind; /* of key; NULL: the shared secret */
    unsigned bits;
    bool is_ticket;
};

static const struct algorithm algorithms[] = {
    {"ticket HS256", "HS256", NULL, 0, true},
    {"ticket ES256", "ES256", "EC", 256, true},
    {"ticket EdDSA", "EdDSA", "ED25519", 0, true},
    {"jwt RS256 2048", "RS256", "RSA", 2048, false},
    {"jwt RS256 4096", "RS256", "RSA", 4096, false},
    {"jwt PS256 2048", "PS256", "RSA", 2048, false},
    {"jwt ES256", "ES256", "EC", 256, false},
    {"jwt EdDSA", "EdDSA", "ED25519", 0, false},
};

static void need(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "bench/auth: %s failed\n", what);
    exit(1);
}

static size_t base64url(const uint8_t *in, size_t len, char *out)
{
    int n = EVP_EncodeBlock((unsigned char *)out, in, (int)len);
    while (n > 0 && out[n - 1] == '=') n--;
    out[n] = 0;
    for (char *c = out; *c != 0; c++) {
        if (*c == '+') *c = '-';
        if (*c == '/') *c = '_';
    }
    return (size_t)n;
}

static EVP_PKEY *key_make(const struct algorithm *a)
{
    if (a->kind == NULL) return NULL;
    EVP_PKEY *key = NULL;
    if (strcmp(a->kind, "RSA") == 0) key = EVP_RSA_gen(a->bits);
    if (strcmp(a->kind, "EC") == 0) key = EVP_EC_gen("P-256");
    if (strcmp(a->kind, "ED25519") == 0) key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    need(key != NULL, "making a key");
    return key;
}

static void number_put(const EVP_PKEY *key, const char *param, size_t size, char *out)
{
    uint8_t bytes[512];
    BIGNUM *n = NULL;
    need(EVP_PKEY_get_bn_param(key, param, &n) == 1, "reading a key");
    size_t len = size > 0 ? size : (size_t)BN_num_bytes(n);
    need(BN_bn2binpad(n, bytes, (int)len) > 0, "reading a key");
    base64url(bytes, len, out);
    BN_free(n);
}

/* The public half as a JSON Web Key Set. */
static void jwks_make(const struct algorithm *a, const EVP_PKEY *key, char *out, size_t cap)
{
    char one[1024] = "";
    char two[1024] = "";
    if (strcmp(a->kind, "RSA") == 0) {
        number_put(key, OSSL_PKEY_PARAM_RSA_N, 0, one);
        number_put(key, OSSL_PKEY_PARAM_RSA_E, 0, two);
        snprintf(out, cap,
                 "{\"keys\":[{\"kty\":\"RSA\",\"use\":\"sig\",\"n\":\"%s\",\"e\":\"%s\"}]}", one,
                 two);
    } else if (strcmp(a->kind, "EC") == 0) {
        number_put(key, OSSL_PKEY_PARAM_EC_PUB_X, 32, one);
        number_put(key, OSSL_PKEY_PARAM_EC_PUB_Y, 32, two);
        snprintf(out, cap,
                 "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}]}", one,
                 two);
    } else {
        uint8_t raw[32];
        size_t len = sizeof raw;
        need(EVP_PKEY_get_raw_public_key(key, raw, &len) == 1, "reading a key");
        base64url(raw, len, one);
        snprintf(out, cap, "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}]}", one);
    }
}

static size_t raw_of_der(const uint8_t *der, size_t len, uint8_t *out)
{
    const uint8_t *at = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
    need(sig != NULL, "reading a signature");
    need(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32) == 32, "reading a signature");
    need(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32) == 32, "reading a signature");
    ECDSA_SIG_free(sig);
    return 64;
}

static size_t sign(const struct algorithm *a, EVP_PKEY *key, const char *text, uint8_t *out)
{
    size_t len = 512;
    const uint8_t *bytes = (const uint8_t *)text;
    if (key == NULL) {
        unsigned n = 0;
        HMAC(EVP_sha256(), SECRET, sizeof SECRET - 1, bytes, strlen(text), out, &n);
        return n;
    }
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    const char *digest = strcmp(a->alg, "EdDSA") == 0 ? NULL : "SHA256";
    need(EVP_DigestSignInit_ex(md, &ctx, digest, NULL, NULL, key, NULL) == 1, "signing");
    if (strcmp(a->alg, "PS256") == 0) {
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST);
    }
    uint8_t made[512];
    need(EVP_DigestSign(md, made, &len, bytes, strlen(text)) == 1, "signing");
    EVP_MD_CTX_free(md);
    if (strcmp(a->alg, "ES256") == 0) return raw_of_der(made, len, out);
    memcpy(out, made, len);
    return len;
}

static void token_make(const struct algorithm *a, EVP_PKEY *key, unsigned number, char *out)
{
    char header[128];
    char claims[768];
    uint8_t signature[512];
    long long now = (long long)time(NULL);
    snprintf(header, sizeof header, "{\"alg\":\"%s\"%s}", a->alg,
             a->is_ticket ? ",\"typ\":\"room+jwt\"" : "");
    if (a->is_ticket) {
        snprintf(
            claims, sizeof claims,
            "{\"iss\":\"https://happy-otter-123.convex.site\",\"aud\":\"partyd\",\"sub\":"
            "\"k57abcdefghjkmnpqrstvwxyz012345\",\"room\":\"doc-j57abcdefghjkmnpqrstvwxyz01234\","
            "\"perm\":\"write\",\"name\":\"Ada Lovelace\",\"iat\":%lld,\"exp\":%lld,\"jti\":"
            "\"6f1d0c1e-8a52-4b7e-9c54-%012u\"}",
            now, now + 60, number);
    } else {
        snprintf(
            claims, sizeof claims,
            "{\"sub\":\"k57abcdefghjkmnpqrstvwxyz0%05u|k97abcdefghjkmnpqrstvwxyz012345\",\"iat\":"
            "%lld,\"iss\":\"https://happy-otter-123.convex.site\",\"aud\":\"convex\",\"exp\":%lld,"
            "\"rooms\":{\"doc-*\":\"write\",\"diagram-*\":\"read\"}}",
            number, now, now + 3600);
    }
    size_t n = base64url((const uint8_t *)header, strlen(header), out);
    out[n++] = '.';
    n += base64url((const uint8_t *)claims, strlen(claims), out + n);
    size_t len = sign(a, key, out, signature);
    out[n++] = '.';
    base64url(signature, len, out + n);
}

static void on_decision(void *ctx, const struct auth_decision *decision)
{
    unsigned *allowed = ctx;
    if (decision->reason == AUTH_ALLOWED) (*allowed)++;
}

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Microseconds per decision of one batch. */
static double batch_run(struct auth *auth, const struct algorithm *a, EVP_PKEY *key, unsigned first)
{
    static char tokens[BATCH][TOKEN_SIZE];
    unsigned allowed = 0;
    struct auth_wait *wait;
    for (unsigned i = 0; i < BATCH; i++) token_make(a, key, first + i, tokens[i]);
    double begun = cpu_us();
    for (unsigned i = 0; i < BATCH; i++) {
        struct auth_request request = {
            YD_LITERAL("doc-j57abcdefghjkmnpqrstvwxyz01234"),
            {(const uint8_t *)tokens[i], strlen(tokens[i])},
        };
        auth_decide(auth, &request, on_decision, &allowed, &wait);
    }
    double took = cpu_us() - begun;
    need(allowed == BATCH, "a decision");
    return took / BATCH;
}

static void algorithm_run(const struct algorithm *a, uv_loop_t *loop)
{
    char jwks[4096];
    char why[AUTH_ERROR_MAX] = "";
    double us[BATCHES];
    struct auth *auth = NULL;
    EVP_PKEY *key = key_make(a);
    struct auth_opts opts = {.mode = a->is_ticket ? AUTH_MODE_TICKET : AUTH_MODE_JWT,
                             .issuers = "https://happy-otter-123.convex.site"};
    if (key == NULL) {
        opts.ticket_secret = SECRET;
    } else {
        jwks_make(a, key, jwks, sizeof jwks);
        if (a->is_ticket) opts.ticket_jwks = jwks;
        if (!a->is_ticket) opts.jwks = jwks;
    }
    need(auth_new(&opts, loop, &auth, why) == YD_OK, why);
    for (unsigned i = 0; i < BATCHES; i++) us[i] = batch_run(auth, a, key, i * BATCH);
    qsort(us, BATCHES, sizeof *us, by_size);
    printf("%-16s %10.1f %10.1f %10.1f\n", a->name, us[BATCHES / 2], us[0], us[BATCHES - 1]);
    auth_free(auth);
    EVP_PKEY_free(key);
}

int main(void)
{
    uv_loop_t loop;
    (void)uv_loop_init(&loop);
    printf("%-16s %10s %10s %10s   (us of CPU per decision; %d batches of %d)\n", "decision",
           "median", "least", "most", BATCHES, BATCH);
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        algorithm_run(&algorithms[i], &loop);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}
