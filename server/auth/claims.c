/* claims.c - see claims.h. */
#include "auth/claims.h"

#include <string.h>

#define NUMERIC_DATE_MAX 9007199254740991.0 /* 2^53 - 1, what JSON carries exactly */
#define CONVEX_ID_MIN    24                 /* of both halves of Convex Auth's `sub` */

void auth_say(struct auth_decision *decision, enum auth_reason reason, const char *why)
{
    decision->reason = reason;
    decision->why = why;
    if (reason != AUTH_ALLOWED) decision->permission = AUTH_NONE;
}

/* Sets both and gives the reason on; what is refused has no permission. */
static enum auth_reason say(struct auth_decision *decision, enum auth_reason reason,
                            const char *why)
{
    auth_say(decision, reason, why);
    return reason;
}

static yd_slice issuer_bare(yd_slice issuer)
{
    static const char scheme[] = "https://";
    size_t n = sizeof scheme - 1;
    if (issuer.len >= n && memcmp(issuer.ptr, scheme, n) == 0) {
        issuer = (yd_slice){issuer.ptr + n, issuer.len - n};
    }
    while (issuer.len > 0 && issuer.ptr[issuer.len - 1] == '/') issuer.len--;
    return issuer;
}

bool claims_issuer_equal(yd_slice a, yd_slice b)
{
    a = issuer_bare(a);
    b = issuer_bare(b);
    return a.len > 0 && yd_slice_equal(a, b);
}

int claims_issuer(const json_t *claims, const struct text_list *issuers)
{
    const char *issuer = text_member(claims, "iss");
    for (uint32_t i = 0; issuer != NULL && i < issuers->count; i++) {
        if (claims_issuer_equal(text_slice(issuer), text_slice(issuers->items[i]))) return (int)i;
    }
    return -1;
}

bool claims_permission(const char *name, enum auth_permission *permission)
{
    static const char *const names[] = {"none", "read", "comment", "write"};
    for (int i = 0; name != NULL && i < 4; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *permission = (enum auth_permission)i;
        return true;
    }
    return false;
}

void claims_name(const char *name, char *out, size_t cap)
{
    YD_ASSERT(cap > 0);
    if (name == NULL) name = "";
    size_t len = strlen(name);
    if (len >= cap) {
        len = cap - 1;
        // name[len] is the first byte left out: step back to the head of its character.
        while (len > 0 && ((uint8_t)name[len] & 0xc0) == 0x80) len--;
    }
    memcpy(out, name, len);
    out[len] = 0;
}

static size_t id_run(const char *text)
{
    size_t n = 0;
    while ((text[n] >= 'a' && text[n] <= 'z') || (text[n] >= 'A' && text[n] <= 'Z') ||
           (text[n] >= '0' && text[n] <= '9')) {
        n++;
    }
    return n;
}

bool claims_user(const char *sub, char out[AUTH_USER_MAX + 1])
{
    size_t len = sub == NULL ? 0 : strlen(sub);
    if (len == 0 || len > AUTH_USER_MAX || text_has_controls(text_slice(sub))) return false;
    // Convex Auth writes two ids of its database, which are long. Others also write a bar (Auth0:
    // "auth0|..."), but there what stands before it is a provider, the same for many users.
    size_t user = id_run(sub);
    if (user >= CONVEX_ID_MIN && sub[user] == '|') {
        size_t session = id_run(sub + user + 1);
        if (session >= CONVEX_ID_MIN && user + 1 + session == len) len = user;
    }
    memcpy(out, sub, len);
    out[len] = 0;
    return true;
}

/* A NumericDate: a number, whole or not, of 0..2^53-1. */
static bool date_of(const json_t *value, int64_t *seconds)
{
    if (!json_is_number(value)) return false;
    double number = json_number_value(value);
    if (!(number >= 0 && number <= NUMERIC_DATE_MAX)) return false; // NaN too
    *seconds = (int64_t)number;
    return true;
}

static bool not_before_ok(const json_t *claims, const char *name, int64_t now_s)
{
    const json_t *value = json_object_get(claims, name);
    int64_t at = 0;
    return value == NULL || (date_of(value, &at) && at <= now_s + CLAIMS_NBF_SKEW_S);
}

static bool audience_in(const json_t *value, const struct text_list *audiences)
{
    const char *audience = json_string_value(value);
    for (uint32_t i = 0; audience != NULL && i < audiences->count; i++) {
        if (strcmp(audience, audiences->items[i]) == 0) return true;
    }
    return false;
}

/* A string, or an array of strings of which one fits. */
static bool audience_ok(const json_t *claims, const struct text_list *audiences)
{
    const json_t *value = json_object_get(claims, "aud");
    if (audiences->count == 1 && strcmp(audiences->items[0], "*") == 0) return true;
    if (!json_is_array(value)) return audience_in(value, audiences);
    bool found = false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        if (!json_is_string(item)) return false;
        found |= audience_in(item, audiences);
    }
    return found;
}

enum auth_reason claims_read(const json_t *claims, const struct text_list *audiences, int64_t now_s,
                             struct auth_decision *decision)
{
    int64_t exp = 0;
    if (!audience_ok(claims, audiences)) {
        return say(decision, AUTH_TOKEN_BAD, "the token is for another audience");
    }
    if (!date_of(json_object_get(claims, "exp"), &exp)) {
        return say(decision, AUTH_TOKEN_BAD, "the token has no usable exp");
    }
    if (!not_before_ok(claims, "nbf", now_s) || !not_before_ok(claims, "iat", now_s)) {
        return say(decision, AUTH_TOKEN_BAD,
                   "the token is from the future, or nbf or iat is broken");
    }
    if (!claims_user(text_member(claims, "sub"), decision->user_id)) {
        return say(decision, AUTH_TOKEN_BAD, "the token's sub is missing, empty or too long");
    }
    claims_name(text_member(claims, "name"), decision->name, sizeof decision->name);
    decision->expires_at = exp;
    // Last, so that only a token that is good but for the time is told apart.
    if (now_s > exp + CLAIMS_EXP_SKEW_S) {
        return say(decision, AUTH_TOKEN_EXPIRED, "the token's time is over");
    }
    return say(decision, AUTH_ALLOWED, "the token is good");
}

enum auth_reason claims_ticket(const json_t *claims, yd_slice room, int64_t now_s,
                               struct auth_decision *decision, const char **jti)
{
    const char *named = text_member(claims, "room");
    const json_t *id = json_object_get(claims, "jti");
    *jti = json_string_value(id);
    if (id != NULL && (*jti == NULL || **jti == 0)) {
        return say(decision, AUTH_TOKEN_BAD, "the ticket's jti is no text");
    }
    if (named == NULL || !claims_permission(text_member(claims, "perm"), &decision->permission)) {
        return say(decision, AUTH_TOKEN_BAD, "the ticket has no room or no permission");
    }
    if (decision->expires_at > now_s + CLAIMS_TICKET_LIFE_S + CLAIMS_NBF_SKEW_S) {
        return say(decision, AUTH_TOKEN_BAD, "the ticket lives longer than an hour");
    }
    if (!yd_slice_equal(text_slice(named), room)) {
        return say(decision, AUTH_FORBIDDEN, "the ticket is for another room");
    }
    if (decision->permission == AUTH_NONE) {
        return say(decision, AUTH_FORBIDDEN, "the ticket gives no permission");
    }
    return say(decision, AUTH_ALLOWED, "by ticket");
}

/* How much of the room's name a pattern spells out: an exact name all and one more, "doc-*" four.
 * -1: it does not match. */
static int64_t pattern_weight(yd_slice pattern, yd_slice room)
{
    bool is_open = pattern.len > 0 && pattern.ptr[pattern.len - 1] == '*';
    if (!is_open) return yd_slice_equal(pattern, room) ? (int64_t)room.len + 1 : -1;
    size_t len = pattern.len - 1;
    bool match = len <= room.len && memcmp(pattern.ptr, room.ptr, len) == 0;
    return match ? (int64_t)len : -1;
}

static bool pattern_ok(yd_slice pattern)
{
    const uint8_t *star = memchr(pattern.ptr, '*', pattern.len);
    return pattern.len > 0 && (star == NULL || star == pattern.ptr + pattern.len - 1);
}

enum auth_reason claims_rooms(const json_t *claims, const char *claim, yd_slice room,
                              struct auth_decision *decision)
{
    json_t *rooms = json_object_get(claims, claim);
    const char *key;
    json_t *value;
    int64_t best = -1;
    if (rooms == NULL) return say(decision, AUTH_FORBIDDEN, "the token names no rooms");
    if (!json_is_object(rooms) || json_object_size(rooms) > CLAIMS_PATTERNS_MAX) {
        return say(decision, AUTH_TOKEN_BAD, "the token's rooms are no object, or too many");
    }
    json_object_foreach(rooms, key, value)
    {
        enum auth_permission permission = AUTH_NONE;
        yd_slice pattern = text_slice(key);
        // A pattern that is not understood may be one that takes a right away: refuse it all.
        if (!pattern_ok(pattern) || !claims_permission(json_string_value(value), &permission)) {
            return say(decision, AUTH_TOKEN_BAD,
                       "the token's rooms hold a broken pattern or right");
        }
        int64_t weight = pattern_weight(pattern, room);
        if (weight <= best) continue;
        best = weight;
        decision->permission = permission;
    }
    if (best < 0 || decision->permission == AUTH_NONE) {
        decision->permission = AUTH_NONE;
        return say(decision, AUTH_FORBIDDEN, "the token gives no right to this room");
    }
    return say(decision, AUTH_ALLOWED, "by the token's rooms");
}
