/* limit/peers.h - what is counted of each address, in memory of a fixed size.
 *
 * An entry may be taken for another address only when forgetting it changes nothing: nobody is
 * connected from there, no room counts for it and its buckets are full again. So nobody gets rid of
 * a debt by bringing many addresses; where no place is left the newcomers share one entry, and its
 * limits. */
#ifndef LIMIT_PEERS_H
#define LIMIT_PEERS_H

#include "limit/address.h"
#include "limit/bucket.h"

struct peer {
    struct address address;
    uint32_t connections; /* that hold this entry */
    uint32_t strangers;   /* of these: whom nobody has let in yet */
    uint32_t rooms;       /* in memory that were not before one of its connections came */
    struct bucket connects, messages, bytes;
};

struct peers {
    struct peer *list;
    uint32_t size;      /* power of two */
    uint64_t seed;      /* or others could choose addresses that fall on one place */
    struct peer shared; /* of those that have no place */
};

/* Room for twice as many addresses as there may be connections, and for a third more than there may
 * be connections and rooms. */
void peers_init(struct peers *peers, uint32_t connections_max, uint32_t rooms_max, uint64_t seed);
void peers_deinit(struct peers *peers);
/* The entry of an address, or the shared one. Good while one of its connections or rooms is
 * counted.
 */
struct peer *peers_get(struct peers *peers, struct address address, uint64_t now_us);

#endif
