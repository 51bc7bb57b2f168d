/* auth/cache.h - decisions of the application, remembered for seconds; tickets that were used.
 *
 * Both are bounded tables that forget what is over, then what is oldest (decisions), or refuse
 * (tickets: forgetting one would let it be used twice).
 * Source  docs/security.md A10, A15, A16, A19
 */
#ifndef AUTH_CACHE_H
#define AUTH_CACHE_H

#include "auth/auth.h"

#define CACHE_KEY_BYTES   32
#define CACHE_ENTRIES_MAX 16384
#define REPLAY_JTI_MAX    131072

/* A hash of token and room: neither stands in memory for longer than its question. */
struct cache_key {
    uint8_t bytes[CACHE_KEY_BYTES];
};
struct cache_key cache_key_of(yd_slice token, yd_slice room);

struct cache {
    struct cache_entry *entries;
};

/* How long a decision is worth something, on the loop's clock. */
struct cache_life {
    uint64_t now_ms;
    uint64_t fresh_ms; /* answers without asking */
    uint64_t stale_ms; /* answers when nobody can be asked; counts from now_ms too */
};

void cache_deinit(struct cache *cache);
/* Room is needed for cache_forget(). Replaces what was there. */
void cache_put(struct cache *cache, const struct cache_key *key, yd_slice room,
               const struct auth_decision *decision, const struct cache_life *life);
/* Fills decision (remembered is true then). stale: also what is not fresh any more. A decision
 * whose own end has passed at now_s is not given. */
YD_NODISCARD bool cache_get(struct cache *cache, const struct cache_key *key, uint64_t now_ms,
                            int64_t now_s, bool stale, struct auth_decision *decision);
void cache_forget(struct cache *cache, yd_slice room, yd_slice user_id);
uint32_t cache_count(const struct cache *cache);

struct replay {
    struct replay_entry *entries;
    int64_t swept_s;
};

enum replay_state { REPLAY_NEW, REPLAY_SEEN, REPLAY_FULL };

void replay_deinit(struct replay *replay);
/* Notes the ticket as used until `until_s`. */
enum replay_state replay_note(struct replay *replay, const char *issuer, const char *jti,
                              int64_t now_s, int64_t until_s);
uint32_t replay_count(const struct replay *replay);

#endif
