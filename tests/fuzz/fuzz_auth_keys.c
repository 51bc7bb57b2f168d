/* fuzz_auth_keys.c - a key set as it may come from an issuer, and tokens checked with what was
 * read.
 *
 * Input   a byte that chooses the algorithm, a line that is a signature in base64url, the set.
 * Checks  a set never holds more keys than it may, and each can be used; nothing verifies by
 * chance.
 */
#include "auth/jwt.h"
#include "fuzz_auth.h"

/* header.payload of a token by each algorithm; {"alg":"..."} and {}. */
static const char *const heads[] = {"eyJhbGciOiJSUzI1NiJ9.e30.", "eyJhbGciOiJQUzI1NiJ9.e30.",
                                    "eyJhbGciOiJFUzI1NiJ9.e30.", "eyJhbGciOiJFZERTQSJ9.e30.",
                                    "eyJhbGciOiJIUzI1NiJ9.e30."};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    yd_slice rest = {data + 1, size - 1};
    yd_slice signature = line_take(&rest);
    struct jwk_set *set = NULL;
    struct jwt jwt;
    const char *why = NULL;
    char token[1024];
    if (jwk_set_parse(rest, &set) != YD_OK) return 0;
    need(set->count <= JWK_SET_KEYS_MAX);
    for (uint32_t i = 0; i < set->count; i++) {
        need(set->keys[i].key != NULL && set->keys[i].alg != JWT_HS256);
        need(set->keys[i].kind != JWK_RSA || EVP_PKEY_get_bits(set->keys[i].key) >= 2048);
    }
    const char *head = heads[data[0] % 5];
    size_t n = strlen(head);
    if (signature.len < sizeof token - n) {
        memcpy(token, head, n);
        memcpy(token + n, signature.ptr, signature.len);
        if (jwt_parse(&jwt, (yd_slice){(const uint8_t *)token, n + signature.len}, &why)) {
            // Nobody finds a signature by mutation, unless a key lets everything through.
            need(!jwt_signed_by_set(&jwt, set));
            jwt_deinit(&jwt);
        } else {
            need(why != NULL);
        }
    }
    jwk_set_free(set);
    return 0;
}
