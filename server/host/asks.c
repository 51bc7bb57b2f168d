/* asks.c - who waits for which answer of the store. */
#include <stdlib.h>

#include "host/shard.h"

struct ask {
    UT_hash_handle hh;
    uint64_t token;
    ask_done *done;
    void *ctx;
};

uint64_t ask_new(struct shard *shard, ask_done *done, void *ctx)
{
    struct ask *ask = heap_new(sizeof *ask);
    ask->token = ++shard->tokens; // loads of rooms are numbered with them
    ask->done = done;
    ask->ctx = ctx;
    HASH_ADD(hh, shard->asks, token, sizeof ask->token, ask);
    return ask->token;
}

/* NULL: nobody asked with it. */
static struct ask *take(struct shard *shard, uint64_t token)
{
    struct ask *ask = NULL;
    HASH_FIND(hh, shard->asks, &token, sizeof token, ask);
    if (ask != NULL) HASH_DEL(shard->asks, ask);
    return ask;
}

void ask_cancel(struct shard *shard, uint64_t token) { free(take(shard, token)); }

bool ask_answered(struct shard *shard, struct store_event *ev)
{
    struct ask *ask = take(shard, ev->token);
    if (ask == NULL) return false;
    ask->done(ask->ctx, ev);
    free(ask);
    return true;
}

void asks_failed(struct shard *shard, const struct store_event *ev)
{
    while (shard->asks != NULL) {
        struct store_event failed = *ev;
        struct ask *ask = shard->asks;
        HASH_DEL(shard->asks, ask);
        ask->done(ask->ctx, &failed);
        free(ask);
    }
}

void asks_free(struct shard *shard)
{
    struct ask *ask = NULL, *next = NULL;
    HASH_ITER(hh, shard->asks, ask, next)
    {
        HASH_DEL(shard->asks, ask);
        free(ask);
    }
}
