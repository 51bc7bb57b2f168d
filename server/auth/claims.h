/* auth/claims.h - what the claims of a token with a good signature mean.
 *
 * Pure functions over parsed JSON. Each fills a decision: reason and why always; user, name,
 * permission and end as far as they are known.
 * Source  RFC 7519; docs/security.md A6..A11
 */
#ifndef AUTH_CLAIMS_H
#define AUTH_CLAIMS_H

#include <jansson.h>

#include "auth/auth.h"
#include "auth/text.h"

#define CLAIMS_EXP_SKEW_S    30
#define CLAIMS_NBF_SKEW_S    60
#define CLAIMS_TICKET_LIFE_S 3600 /* a ticket that ends later is none */
#define CLAIMS_PATTERNS_MAX  512  /* of one token */

/* Equal after a missing scheme has been taken for https:// and slashes at the end are cut. */
bool claims_issuer_equal(yd_slice a, yd_slice b);
/* Index in issuers of the token's `iss`, which is not verified yet; -1: none. */
int claims_issuer(const json_t *claims, const struct text_list *issuers);

/* What every token has to have. AUTH_ALLOWED: good so far. AUTH_TOKEN_EXPIRED: all of this is good
 * but the time is over. An audience "*" takes any, also none. */
enum auth_reason claims_read(const json_t *claims, const struct text_list *audiences, int64_t now_s,
                             struct auth_decision *decision);

/* The further claims of a ticket: room, perm. *jti: NULL if it has none, borrowed from claims. */
enum auth_reason claims_ticket(const json_t *claims, yd_slice room, int64_t now_s,
                               struct auth_decision *decision, const char **jti);

/* The claim that maps room patterns to permissions. */
enum auth_reason claims_rooms(const json_t *claims, const char *claim, yd_slice room,
                              struct auth_decision *decision);

/* Sets reason and why; what is refused has no permission. */
void auth_say(struct auth_decision *decision, enum auth_reason reason, const char *why);

/* "none", "read", "comment", "write". False: none of these. */
YD_NODISCARD bool claims_permission(const char *name, enum auth_permission *permission);

/* Copies a name for display: cut at a character if it is longer than cap - 1; NULL: empty. */
void claims_name(const char *name, char *out, size_t cap);
/* The user's id in `sub`: Convex Auth's "user|session" is cut at the bar. False: not usable. */
YD_NODISCARD bool claims_user(const char *sub, char out[AUTH_USER_MAX + 1]);

#endif
