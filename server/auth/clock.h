/* auth/clock.h - the two clocks of this part: the wall for tokens, the loop for what is remembered.
 * `ahead_ms` is moved by tests alone, which do not sleep. */
#ifndef AUTH_CLOCK_H
#define AUTH_CLOCK_H

#include <time.h>
#include <uv.h>

struct auth_clock {
    uv_loop_t *loop;
    uint64_t ahead_ms;
};

static inline uint64_t clock_ms(const struct auth_clock *clock)
{
    return uv_now(clock->loop) + clock->ahead_ms;
}

static inline int64_t clock_s(const struct auth_clock *clock)
{
    return (int64_t)time(NULL) + (int64_t)(clock->ahead_ms / 1000);
}

#endif
