/* s3_sign.c - see s3_sign.h. */
#include "backup/s3_sign.h"

#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAC_BYTES 32
#define TEXT_MAX  16384

static bool mac_of(const uint8_t *key, size_t key_len, const char *text, uint8_t mac[MAC_BYTES])
{
    unsigned len = 0;
    return HMAC(EVP_sha256(), key, (int)key_len, (const uint8_t *)text, strlen(text), mac, &len) !=
           NULL;
}

static void hex_of(const uint8_t bytes[MAC_BYTES], char hex[2 * MAC_BYTES + 1])
{
    for (size_t i = 0; i < MAC_BYTES; i++) snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

/* The key of one day, region and service, made from the secret. */
static bool key_of(const struct s3_keys *keys, const char *day, uint8_t key[MAC_BYTES])
{
    char first[256];
    int n = snprintf(first, sizeof first, "AWS4%s", keys->secret);
    return n > 0 && (size_t)n < sizeof first && mac_of((uint8_t *)first, (size_t)n, day, key) &&
           mac_of(key, MAC_BYTES, keys->region, key) && mac_of(key, MAC_BYTES, "s3", key) &&
           mac_of(key, MAC_BYTES, "aws4_request", key);
}

static bool fits(int n, size_t size) { return n >= 0 && (size_t)n < size; }

static bool canonical_hash(const struct s3_keys *keys, const struct s3_to_sign *what,
                           const char *stamp, const char *names, char hex[2 * MAC_BYTES + 1])
{
    char text[TEXT_MAX];
    uint8_t sha[MAC_BYTES];
    bool has_token = keys->token[0] != 0;
    int n = snprintf(text, sizeof text,
                     "%s\n%s\n%s\nhost:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n%s%s%s\n%s\n%s",
                     what->method, what->path, what->query, what->host, what->sha256, stamp,
                     has_token ? "x-amz-security-token:" : "", has_token ? keys->token : "",
                     has_token ? "\n" : "", names, what->sha256);
    if (!fits(n, sizeof text)) return false;
    SHA256((const uint8_t *)text, (size_t)n, sha);
    hex_of(sha, hex);
    return true;
}

bool s3_sign(const struct s3_keys *keys, const struct s3_to_sign *what, struct s3_signed *out)
{
    char stamp[32], day[16], hash[2 * MAC_BYTES + 1], text[512], hex[2 * MAC_BYTES + 1];
    uint8_t key[MAC_BYTES], mac[MAC_BYTES];
    time_t now = (time_t)what->now_s;
    struct tm utc;
    const char *names = keys->token[0] != 0
                            ? "host;x-amz-content-sha256;x-amz-date;x-amz-security-token"
                            : "host;x-amz-content-sha256;x-amz-date";
    if (gmtime_r(&now, &utc) == NULL ||
        strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc) == 0 ||
        strftime(day, sizeof day, "%Y%m%d", &utc) == 0 ||
        !canonical_hash(keys, what, stamp, names, hash)) {
        return false;
    }
    int n = snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%s/%s/s3/aws4_request\n%s", stamp,
                     day, keys->region, hash);
    if (!fits(n, sizeof text) || !key_of(keys, day, key) || !mac_of(key, MAC_BYTES, text, mac)) {
        return false;
    }
    hex_of(mac, hex);
    n = snprintf(out->authorization, sizeof out->authorization,
                 "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s/%s/s3/aws4_request, "
                 "SignedHeaders=%s, Signature=%s",
                 keys->id, day, keys->region, names, hex);
    if (!fits(n, sizeof out->authorization)) return false;
    snprintf(out->date, sizeof out->date, "x-amz-date: %s", stamp);
    snprintf(out->sha256, sizeof out->sha256, "x-amz-content-sha256: %.64s", what->sha256);
    n = snprintf(out->token, sizeof out->token, "%s%s",
                 keys->token[0] != 0 ? "x-amz-security-token: " : "", keys->token);
    return fits(n, sizeof out->token);
}
