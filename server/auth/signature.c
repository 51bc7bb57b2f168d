/* signature.c - see signature.h. */
#include "auth/signature.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "ops/heap.h"

#define MAC_BYTES       32
#define SIGNED_MAX      16384 /* bytes of the text that is signed */
#define TIMESTAMP_CHARS 16

static yd_err text_to_sign(struct yd_buf *out, const struct auth_signature *fields)
{
    const yd_slice lines[] = {fields->method, fields->path, fields->timestamp,
                              fields->room,   fields->seq,  fields->sha256_hex};
    yd_err err = YD_OK;
    for (size_t i = 0; i < sizeof lines / sizeof *lines && err == YD_OK; i++) {
        if (i > 0) err = yd_buf_u8(out, '\n');
        if (err == YD_OK) err = yd_buf_append(out, lines[i]);
    }
    return err;
}

static bool mac_of(yd_slice secret, yd_slice text, uint8_t mac[MAC_BYTES])
{
    unsigned len = 0;
    return HMAC(EVP_sha256(), secret.ptr, (int)secret.len, text.ptr, text.len, mac, &len) != NULL;
}

static void body_hex(yd_slice body, char hex[2 * MAC_BYTES])
{
    uint8_t hash[MAC_BYTES];
    SHA256(body.ptr, body.len, hash);
    text_hex(hash, sizeof hash, hex);
}

void signature_make(struct signature_headers *headers, yd_slice secret,
                    const struct auth_signature *fields, int64_t now_s)
{
    char hex[2 * MAC_BYTES];
    char stamp[24];
    char mac_hex[2 * MAC_BYTES];
    uint8_t mac[MAC_BYTES];
    struct yd_buf text;
    struct auth_signature all = *fields;
    int n = snprintf(stamp, sizeof stamp, "%lld", (long long)now_s);
    if (fields->sha256_hex.len == sizeof hex) {
        memcpy(hex, fields->sha256_hex.ptr, sizeof hex);
    } else {
        body_hex(fields->body, hex);
    }
    all.timestamp = (yd_slice){(const uint8_t *)stamp, (size_t)n};
    all.sha256_hex = (yd_slice){(const uint8_t *)hex, sizeof hex};

    yd_buf_init(&text, heap_alloc(), SIGNED_MAX);
    bool ok = text_to_sign(&text, &all) == YD_OK && mac_of(secret, yd_buf_slice(&text), mac);
    yd_buf_deinit(&text);
    YD_ASSERT(ok); // what we sign ourselves is bounded
    text_hex(mac, sizeof mac, mac_hex);
    snprintf(headers->timestamp, SIGNATURE_HEADER_MAX, "X-Collab-Timestamp: %s", stamp);
    snprintf(headers->sha256, SIGNATURE_HEADER_MAX, "X-Collab-Sha256: %.64s", hex);
    snprintf(headers->signature, SIGNATURE_HEADER_MAX, "X-Collab-Signature: v1=%.64s", mac_hex);
}

static bool timestamp_ok(yd_slice stamp, int64_t now_s)
{
    int64_t at = 0;
    if (stamp.len == 0 || stamp.len > TIMESTAMP_CHARS) return false;
    for (size_t i = 0; i < stamp.len; i++) {
        if (stamp.ptr[i] < '0' || stamp.ptr[i] > '9') return false;
        at = at * 10 + (stamp.ptr[i] - '0');
    }
    return at >= now_s - SIGNATURE_SKEW_S && at <= now_s + SIGNATURE_SKEW_S;
}

/* Whether one of the values in the header is this one. Looks at all of them. */
static bool values_hold(yd_slice values, const uint8_t mac[MAC_BYTES])
{
    bool found = false;
    for (int i = 0; i < SIGNATURE_VALUES_MAX && values.len > 0; i++) {
        const uint8_t *comma = memchr(values.ptr, ',', values.len);
        size_t len = comma == NULL ? values.len : (size_t)(comma - values.ptr);
        yd_slice value = {values.ptr, len};
        size_t used = comma == NULL ? len : len + 1;
        values = (yd_slice){values.ptr + used, values.len - used};
        while (value.len > 0 && value.ptr[0] == ' ')
            value = (yd_slice){value.ptr + 1, value.len - 1};
        uint8_t given[MAC_BYTES];
        if (value.len < 3 || memcmp(value.ptr, "v1=", 3) != 0) continue;
        if (!text_unhex((yd_slice){value.ptr + 3, value.len - 3}, given, sizeof given)) continue;
        found |= CRYPTO_memcmp(given, mac, sizeof given) == 0;
    }
    return found;
}

static bool body_ok(const struct auth_signature *fields)
{
    if (fields->sha256_hex.len == 0) {
        return fields->body.len == 0 && yd_slice_equal(fields->method, YD_LITERAL("GET"));
    }
    char hex[2 * MAC_BYTES];
    body_hex(fields->body, hex);
    return yd_slice_equal(fields->sha256_hex, (yd_slice){(const uint8_t *)hex, sizeof hex});
}

/* A line break inside a field would let one signature stand for another division into fields. */
static bool fields_ok(const struct auth_signature *f)
{
    return !text_has_controls(f->method) && !text_has_controls(f->path) &&
           !text_has_controls(f->room) && !text_has_controls(f->seq) &&
           !text_has_controls(f->sha256_hex);
}

bool signature_ok(const struct text_list *secrets, const struct auth_signature *fields,
                  int64_t now_s)
{
    if (!timestamp_ok(fields->timestamp, now_s) || !fields_ok(fields)) return false;
    struct yd_buf text;
    yd_buf_init(&text, heap_alloc(), SIGNED_MAX);
    bool ok = false;
    if (text_to_sign(&text, fields) == YD_OK) {
        for (uint32_t i = 0; i < secrets->count; i++) {
            uint8_t mac[MAC_BYTES];
            if (!mac_of(text_slice(secrets->items[i]), yd_buf_slice(&text), mac)) continue;
            ok |= values_hold(fields->signature, mac);
        }
    }
    yd_buf_deinit(&text);
    return ok && body_ok(fields);
}
