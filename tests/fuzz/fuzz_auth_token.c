/* fuzz_auth_token.c - tokens: as they come, and as JSON that is signed with the right secret so
 * that the claims are reached.
 *
 * Input   a line that is a header, a line that is the claims, the rest a token as it came.
 * Checks  a decision keeps its promises; only a signed token is let in; base64url has one spelling.
 */
#include <openssl/hmac.h>

#include "auth/claims.h"
#include "auth/jwt.h"
#include "fuzz_auth.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define ROOM   "doc-1"

static size_t encode(yd_slice in, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t n = 0;
    for (size_t i = 0; i < in.len; i += 3) {
        uint32_t bits = (uint32_t)in.ptr[i] << 16;
        if (i + 1 < in.len) bits |= (uint32_t)in.ptr[i + 1] << 8;
        if (i + 2 < in.len) bits |= in.ptr[i + 2];
        size_t left = in.len - i < 3 ? in.len - i : 3;
        for (size_t k = 0; k <= left; k++) out[n++] = digits[bits >> (18 - 6 * k) & 63];
    }
    return n;
}

static void base64url_run(yd_slice text)
{
    uint8_t bytes[1024];
    char again[2048];
    size_t len = 0;
    if (!text_base64url(text, bytes, sizeof bytes, &len)) return;
    need(encode((yd_slice){bytes, len}, again) == text.len);
    need(memcmp(again, text.ptr, text.len) == 0);
}

struct seen {
    struct auth_decision decision;
    uint32_t count;
};

static void on_decision(void *ctx, const struct auth_decision *decision)
{
    struct seen *seen = ctx;
    seen->decision = *decision;
    seen->count++;
    decision_check(decision);
}

/* The whole way, as a ticket. */
static void ticket_run(struct auth *auth, yd_slice token, bool is_signed)
{
    struct seen seen = {.count = 0};
    struct auth_wait *wait = NULL;
    struct auth_request request = {YD_LITERAL(ROOM), token};
    auth_decide(auth, &request, on_decision, &seen, &wait);
    need(seen.count == 1 && wait == NULL);
    need(is_signed || seen.decision.reason != AUTH_ALLOWED);
}

static void claims_run(yd_slice text)
{
    struct text_list audiences;
    struct auth_decision decision = {.why = ""};
    const char *jti = NULL;
    json_t *claims = text_object(text);
    if (claims == NULL) return;
    need(text_list_init(&audiences, "convex,partyd"));
    if (claims_read(claims, &audiences, 1700000000, &decision) == AUTH_ALLOWED) {
        need(decision.user_id[0] != 0 && decision.expires_at >= 1700000000 - 30);
        struct auth_decision by_ticket = decision;
        struct auth_decision by_rooms = decision;
        claims_ticket(claims, YD_LITERAL(ROOM), 1700000000, &by_ticket, &jti);
        claims_rooms(claims, "rooms", YD_LITERAL(ROOM), &by_rooms);
        decision_check(&by_ticket);
        decision_check(&by_rooms);
    } else {
        decision_check(&decision);
    }
    (void)claims_issuer(claims, &audiences);
    text_list_deinit(&audiences);
    json_decref(claims);
}

static void signed_run(struct auth *auth, yd_slice header, yd_slice claims)
{
    char *token = malloc((header.len + claims.len) / 3 * 4 + 128);
    uint8_t mac[32];
    unsigned mac_len = 0;
    need(token != NULL);
    size_t n = encode(header, token);
    token[n++] = '.';
    n += encode(claims, token + n);
    HMAC(EVP_sha256(), SECRET, sizeof SECRET - 1, (uint8_t *)token, n, mac, &mac_len);
    token[n++] = '.';
    n += encode((yd_slice){mac, mac_len}, token + n);
    ticket_run(auth, (yd_slice){(const uint8_t *)token, n}, true);
    free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uv_loop_t loop;
    char why[AUTH_ERROR_MAX];
    struct auth *auth = NULL;
    const struct auth_opts opts = {.mode = AUTH_MODE_TICKET, .ticket_secret = SECRET};
    if (loop.data == NULL) {
        need(uv_loop_init(&loop) == 0);
        loop.data = &loop;
    }
    need(auth_new(&opts, &loop, &auth, why) == YD_OK);
    yd_slice rest = {data, size};
    yd_slice header = line_take(&rest);
    yd_slice claims = line_take(&rest);
    ticket_run(auth, (yd_slice){data, size}, false);
    ticket_run(auth, rest, false);
    signed_run(auth, header, claims);
    signed_run(auth, YD_LITERAL("{\"alg\":\"HS256\"}"), claims);
    claims_run(claims);
    base64url_run(rest);
    auth_free(auth);
    return 0;
}
