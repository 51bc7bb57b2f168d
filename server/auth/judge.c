/* judge.c - from a token to a decision, as far as that goes without the application.
 *
 * Steps: form -> issuer -> signature -> claims -> what the mode adds. Nothing is read from the
 * claims but `iss` before the signature is good, and `iss` chooses among configured issuers only.
 */
#include "auth/claims.h"
#include "auth/jwt.h"
#include "auth/state.h"

enum signature { SIGNATURE_GOOD, SIGNATURE_BAD, SIGNATURE_WANTS_KEYS, SIGNATURE_NO_KEYS };

/* The keys of an issuer; NULL: this mode has none. */
static struct keyset *keys_of(struct auth *auth, int issuer)
{
    const struct auth_config *config = &auth->config;
    if (config->key_count == 0) return NULL;
    return &auth->keys[config->key_count == 1 || issuer < 0 ? 0 : issuer];
}

static enum signature against_keys(const struct jwt *jwt, struct keyset *keys)
{
    // Before the keys are old they are used; after that newer ones are asked for, if that can be.
    if (keyset_wants(keys, false)) return SIGNATURE_WANTS_KEYS;
    const struct jwk_set *set = keyset_get(keys);
    if (set == NULL) return SIGNATURE_NO_KEYS;
    if (jwt_signed_by_set(jwt, set)) return SIGNATURE_GOOD;
    if (keyset_wants(keys, true)) return SIGNATURE_WANTS_KEYS;
    // Perhaps the issuer has changed its keys, and we cannot know: not the token's fault.
    return keys->failed ? SIGNATURE_NO_KEYS : SIGNATURE_BAD;
}

static enum signature signature_of(struct auth *auth, const struct jwt *jwt, struct keyset *keys)
{
    if (jwt->alg == JWT_HS256) {
        // Only ever a ticket's secret: a public key is never taken for one.
        return jwt_signed_by_secret(jwt, &auth->config.ticket_secrets) ? SIGNATURE_GOOD
                                                                       : SIGNATURE_BAD;
    }
    return keys == NULL ? SIGNATURE_BAD : against_keys(jwt, keys);
}

static void once(struct auth *auth, const json_t *claims, const char *jti, int64_t now_s,
                 struct auth_decision *decision)
{
    int64_t until_s = decision->expires_at + CLAIMS_EXP_SKEW_S;
    const char *issuer = text_member(claims, "iss");
    switch (replay_note(&auth->replay, issuer, jti, now_s, until_s)) {
    case REPLAY_NEW: break;
    case REPLAY_SEEN: auth_say(decision, AUTH_TOKEN_BAD, "the ticket has been used already"); break;
    case REPLAY_FULL:
        auth_say(decision, AUTH_UNAVAILABLE, "too many tickets are in use at once");
        auth_trouble(auth, "too many tickets are in use at once; let them live shorter", "");
        break;
    }
}

static void claims_judge(struct auth *auth, const json_t *claims, yd_slice room,
                         struct auth_decision *decision)
{
    const struct auth_config *config = &auth->config;
    int64_t now_s = clock_s(&auth->clock);
    const char *jti = NULL;
    enum auth_reason basic = claims_read(claims, &config->audiences, now_s, decision);
    if (basic != AUTH_ALLOWED && basic != AUTH_TOKEN_EXPIRED) return;
    const char *why = decision->why;
    if (config->mode == AUTH_MODE_TICKET) claims_ticket(claims, room, now_s, decision, &jti);
    if (config->mode == AUTH_MODE_JWT) claims_rooms(claims, config->rooms_claim, room, decision);
    // Expired is said of a token that would do otherwise: then a fresh one will.
    if (basic == AUTH_TOKEN_EXPIRED && decision->reason != AUTH_TOKEN_BAD &&
        decision->reason != AUTH_FORBIDDEN) {
        auth_say(decision, AUTH_TOKEN_EXPIRED, why);
    }
    if (decision->reason == AUTH_ALLOWED && jti != NULL) once(auth, claims, jti, now_s, decision);
    // A ticket is for entering: whoever is in does not have to leave when its minute is over.
    if (config->mode == AUTH_MODE_TICKET) decision->expires_at = 0;
}

static enum judgement token_judge(struct auth *auth, const struct jwt *jwt, yd_slice room,
                                  struct auth_decision *decision, struct keyset **keys)
{
    const struct text_list *issuers = &auth->config.issuers;
    int issuer = claims_issuer(jwt->claims, issuers);
    if (issuer < 0 && issuers->count > 0) {
        auth_say(decision, AUTH_TOKEN_BAD, "the token is from another issuer");
        return JUDGE_DECIDED;
    }
    *keys = keys_of(auth, issuer);
    switch (signature_of(auth, jwt, *keys)) {
    case SIGNATURE_WANTS_KEYS: return JUDGE_WANTS_KEYS;
    case SIGNATURE_NO_KEYS:
        auth_say(decision, AUTH_UNAVAILABLE, "the issuer's key set cannot be asked now");
        auth_trouble(auth, "a key set cannot be fetched", (*keys)->why);
        break;
    case SIGNATURE_BAD:
        auth_say(decision, AUTH_TOKEN_BAD, "no key of the issuer verifies the token");
        break;
    case SIGNATURE_GOOD: claims_judge(auth, jwt->claims, room, decision); break;
    }
    bool go_on = decision->reason == AUTH_ALLOWED && auth->config.mode == AUTH_MODE_CONVEX;
    return go_on ? JUDGE_ASK_APP : JUDGE_DECIDED;
}

/* A hook's tokens are its own business, but they have to travel in JSON. */
static bool is_printable(yd_slice token)
{
    for (size_t i = 0; i < token.len; i++) {
        if (token.ptr[i] < 0x20 || token.ptr[i] >= 0x7f) return false;
    }
    return true;
}

static enum judgement hook_judge(yd_slice token, struct auth_decision *decision)
{
    if (token.len <= AUTH_TOKEN_MAX && is_printable(token)) return JUDGE_ASK_APP;
    auth_say(decision, AUTH_TOKEN_BAD, "the token is too long, or not printable ASCII");
    return JUDGE_DECIDED;
}

enum judgement judge(struct auth *auth, yd_slice room, yd_slice token,
                     struct auth_decision *decision, struct keyset **keys)
{
    struct jwt jwt;
    const char *why = "";
    enum auth_mode mode = auth->config.mode;
    *decision = (struct auth_decision){.why = ""};
    if (mode == AUTH_MODE_HOOK) return hook_judge(token, decision);
    if (token.len == 0) {
        auth_say(decision, AUTH_TOKEN_MISSING, "there is no token");
        return mode == AUTH_MODE_CONVEX ? JUDGE_ASK_APP : JUDGE_DECIDED;
    }
    if (!jwt_parse(&jwt, token, &why)) {
        auth_say(decision, AUTH_TOKEN_BAD, why);
        return JUDGE_DECIDED;
    }
    enum judgement next = token_judge(auth, &jwt, room, decision, keys);
    jwt_deinit(&jwt);
    return next;
}
