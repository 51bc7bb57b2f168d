/* peers.c - see peers.h. An address has PROBES places that it may be at; one look over them tells.
 */
#include "limit/peers.h"

#include <stdlib.h>
#include <string.h>

#define PROBES           32u
#define SIZE_MIN         1024u
#define SIZE_MAX_ENTRIES (1u << 22)

void peers_init(struct peers *peers, uint32_t connections_max, uint32_t rooms_max, uint64_t seed)
{
    uint32_t holders = connections_max + rooms_max;
    memset(peers, 0, sizeof *peers);
    peers->size = SIZE_MIN;
    while ((peers->size / 2 < connections_max || peers->size / 4 * 3 < holders) &&
           peers->size < SIZE_MAX_ENTRIES) {
        peers->size *= 2;
    }
    peers->seed = seed;
    // Pages that no address falls on are never touched and cost nothing.
    peers->list = calloc(peers->size, sizeof *peers->list);
    if (peers->list == NULL) abort();
}

void peers_deinit(struct peers *peers)
{
    free(peers->list);
    peers->list = NULL;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

static uint32_t place_of(const struct peers *peers, const struct address *address)
{
    uint64_t high, low;
    memcpy(&high, address->bytes, 8);
    memcpy(&low, address->bytes + 8, 8);
    return (uint32_t)mix(mix(high ^ peers->seed) ^ low ^ peers->seed) & (peers->size - 1);
}

static bool is_forgettable(const struct peer *peer, uint64_t now_us)
{
    return peer->connections == 0 && peer->rooms == 0 && bucket_is_full(&peer->connects, now_us) &&
           bucket_is_full(&peer->messages, now_us) && bucket_is_full(&peer->bytes, now_us);
}

struct peer *peers_get(struct peers *peers, struct address address, uint64_t now_us)
{
    address = address_counted(address);
    uint32_t first = place_of(peers, &address);
    struct peer *free_place = NULL;
    for (uint32_t i = 0; i < PROBES; i++) {
        struct peer *peer = &peers->list[(first + i) & (peers->size - 1)];
        if (memcmp(&peer->address, &address, sizeof address) == 0) return peer;
        if (free_place == NULL && is_forgettable(peer, now_us)) free_place = peer;
    }
    if (free_place == NULL) return &peers->shared;
    *free_place = (struct peer){.address = address};
    return free_place;
}
