/* asks.c - who waits for which answer of the store. They are few: commands, calls of the
 * API, backups. */
#include <stdlib.h>

#include "host/shard.h"

struct ask {
    struct ask *next;
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
    ask->next = shard->asks;
    shard->asks = ask;
    return ask->token;
}

/* NULL: nobody asked with it. */
static struct ask *take(struct shard *shard, uint64_t token)
{
    struct ask **at = &shard->asks;
    while (*at != NULL && (*at)->token != token) at = &(*at)->next;
    struct ask *ask = *at;
    if (ask != NULL) *at = ask->next;
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
        struct ask *ask = take(shard, shard->asks->token);
        ask->done(ask->ctx, &failed);
        free(ask);
    }
}

void asks_free(struct shard *shard)
{
    while (shard->asks != NULL) ask_cancel(shard, shard->asks->token);
}
