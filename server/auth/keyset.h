/* auth/keyset.h - one issuer's public keys: given as text, or fetched and kept fresh.
 *
 * fetched   by one call at a time, whoever waits for it
 * fresh     5 minutes; up to an hour it is used and renewed in passing; older, it is asked for
 * first unknown   a token that no key verifies asks for newer keys at most once in 30 s down the
 * last good set is used for 24 h Source    docs/security.md A12
 */
#ifndef AUTH_KEYSET_H
#define AUTH_KEYSET_H

#include "auth/clock.h"
#include "auth/jwk.h"
#include "fetch/fetch.h"

#define KEYSET_FRESH_MS  300000   /* 5 minutes */
#define KEYSET_STALE_MS  3600000  /* 1 hour */
#define KEYSET_USABLE_MS 86400000 /* 24 hours */
#define KEYSET_GAP_MS    30000    /* between two fetches while there is a set */
#define KEYSET_RETRY_MS  1000     /* while there is none */

struct keyset_waiter {
    struct keyset_waiter *prev, *next;
    void (*ready)(void *ctx); /* the fetch has ended, well or not; look again */
    void *ctx;
    bool waiting;
};

struct keyset {
    const struct auth_clock *clock;
    struct fetch *fetch;
    char *url; /* NULL: given as text, never fetched */
    struct jwk_set *set;
    struct fetch_call *call;
    struct keyset_waiter *waiters;
    uint64_t good_ms;  /* when set was fetched */
    uint64_t tried_ms; /* when the last fetch began or ended */
    bool tried;
    bool failed;     /* the last fetch brought nothing usable */
    const char *why; /* then: the reason */
};

void keyset_init_text(struct keyset *keys, struct jwk_set *set); /* takes the set */
void keyset_init_url(struct keyset *keys, const char *url, struct fetch *fetch,
                     const struct auth_clock *clock);
void keyset_deinit(struct keyset *keys); /* nobody is called back */

/* The keys to use now; NULL: there are none, or they are too old. Starts a renewal in passing. */
const struct jwk_set *keyset_get(struct keyset *keys);
/* Whether waiting brings newer keys: has_failed says that the present ones do not verify a token.
 */
bool keyset_wants(const struct keyset *keys, bool has_failed);
/* Waits for the fetch under way, or for one begun now. False: none can be begun. */
YD_NODISCARD bool keyset_wait(struct keyset *keys, struct keyset_waiter *waiter);
void keyset_leave(struct keyset *keys, struct keyset_waiter *waiter);

#endif
