/* limit/bucket.h - rates: so many a second, and a burst of what was saved up while nothing came.
 *
 * A bucket is one number, the time at which it is full again (the generic cell rate algorithm):
 * zero is a full bucket, and one whose time has passed may be forgotten. Times are in microseconds
 * of any clock that does not go back. */
#ifndef LIMIT_BUCKET_H
#define LIMIT_BUCKET_H

#include "ydoc/base.h"

struct rate {
    uint64_t per_s; /* 0: no limit */
    uint64_t burst; /* at once, out of a full bucket */
};

struct bucket {
    uint64_t full_us;
};

static inline uint64_t bucket_us(const struct rate *rate, uint64_t amount)
{
    // Nothing that comes in one piece is as much as this, and beyond it the product overflows.
    const uint64_t most = (uint64_t)1 << 43;
    return (amount > most ? most : amount) * 1000000 / rate->per_s;
}

static inline bool bucket_is_full(const struct bucket *bucket, uint64_t now_us)
{
    return bucket->full_us <= now_us;
}

/* Takes what has come already, into debt if need be. Returns microseconds until the debt is paid;
 * 0: there is none. */
static inline uint64_t bucket_take(struct bucket *bucket, const struct rate *rate, uint64_t amount,
                                   uint64_t now_us)
{
    if (rate->per_s == 0) return 0;
    uint64_t from = bucket->full_us > now_us ? bucket->full_us : now_us;
    bucket->full_us = from + bucket_us(rate, amount);
    uint64_t paid_us = now_us + bucket_us(rate, rate->burst);
    return bucket->full_us > paid_us ? bucket->full_us - paid_us : 0;
}

/* Takes one if it is there. */
static inline bool bucket_try(struct bucket *bucket, const struct rate *rate, uint64_t now_us)
{
    struct bucket before = *bucket;
    if (bucket_take(bucket, rate, 1, now_us) == 0) return true;
    *bucket = before;
    return false;
}

#endif
