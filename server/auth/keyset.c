/* keyset.c - see keyset.h. */
#include "auth/keyset.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "auth/text.h"

void keyset_init_text(struct keyset *keys, struct jwk_set *set)
{
    *keys = (struct keyset){.set = set};
}

void keyset_init_url(struct keyset *keys, const char *url, struct fetch *fetch,
                     const struct auth_clock *clock)
{
    *keys = (struct keyset){.clock = clock, .fetch = fetch, .url = text_copy(text_slice(url))};
}

void keyset_deinit(struct keyset *keys)
{
    if (keys->call != NULL) fetch_cancel(keys->call);
    jwk_set_free(keys->set);
    free(keys->url);
    *keys = (struct keyset){0};
}

static uint64_t age_ms(const struct keyset *keys) { return clock_ms(keys->clock) - keys->good_ms; }

static bool is_usable(const struct keyset *keys)
{
    return keys->set != NULL && (keys->url == NULL || age_ms(keys) <= KEYSET_USABLE_MS);
}

static bool gap_is_over(const struct keyset *keys)
{
    uint64_t gap = is_usable(keys) ? KEYSET_GAP_MS : KEYSET_RETRY_MS;
    return !keys->tried || clock_ms(keys->clock) - keys->tried_ms >= gap;
}

static void keys_take(struct keyset *keys, const struct fetch_answer *answer)
{
    struct jwk_set *set = NULL;
    keys->failed = true;
    if (answer->failure != FETCH_ANSWERED) {
        keys->why = answer->why;
    } else if (answer->status != 200) {
        keys->why = "the key set's address did not answer with 200";
    } else if (jwk_set_parse(answer->body, &set) != YD_OK) {
        keys->why = "what stands at the key set's address is no JSON Web Key Set";
    } else {
        jwk_set_free(keys->set);
        keys->set = set;
        keys->good_ms = clock_ms(keys->clock);
        keys->failed = false;
    }
}

static void on_fetched(void *ctx, const struct fetch_answer *answer)
{
    struct keyset *keys = ctx;
    keys->call = NULL;
    keys->tried_ms = clock_ms(keys->clock);
    keys_take(keys, answer);
    // Those that wait now, not those that come while these are called: the fetch has ended for all,
    // and nobody waits again for a while.
    while (keys->waiters != NULL) {
        struct keyset_waiter *waiter = keys->waiters;
        keyset_leave(keys, waiter);
        waiter->ready(waiter->ctx);
    }
}

static bool fetch_begin(struct keyset *keys)
{
    struct fetch_request request = {
        .url = keys->url,
        .headers = {"Accept: application/jwk-set+json, application/json"},
        .body = YD_EMPTY,
        .answer_bytes_max = JWK_SET_BYTES_MAX,
    };
    keys->tried = true;
    keys->tried_ms = clock_ms(keys->clock);
    if (fetch_start(keys->fetch, &request, on_fetched, keys, &keys->call) == YD_OK) return true;
    keys->call = NULL;
    keys->failed = true;
    keys->why = "the key set cannot be fetched";
    return false;
}

const struct jwk_set *keyset_get(struct keyset *keys)
{
    if (!is_usable(keys)) return NULL;
    bool old = keys->url != NULL && age_ms(keys) > KEYSET_FRESH_MS;
    if (old && keys->call == NULL && gap_is_over(keys)) (void)fetch_begin(keys);
    return keys->set;
}

bool keyset_wants(const struct keyset *keys, bool has_failed)
{
    if (keys->url == NULL) return false;
    bool needs = has_failed || !is_usable(keys) || age_ms(keys) > KEYSET_STALE_MS;
    return needs && (keys->call != NULL || gap_is_over(keys));
}

bool keyset_wait(struct keyset *keys, struct keyset_waiter *waiter)
{
    if (keys->call == NULL && !fetch_begin(keys)) return false;
    waiter->waiting = true;
    DL_APPEND(keys->waiters, waiter);
    return true;
}

void keyset_leave(struct keyset *keys, struct keyset_waiter *waiter)
{
    if (!waiter->waiting) return;
    waiter->waiting = false;
    DL_DELETE(keys->waiters, waiter);
}
