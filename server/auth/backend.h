/* auth/backend.h - calls to the application: so many at once, the others queued, one retry.
 *
 *   idle -> queued -> flying -> answered          a connect error or a 5xx is tried once more after
 *             |         | ^                       100 to 300 ms; the call keeps its place
 * meanwhile. |         v |                       queue, attempts and pause share one deadline. |
 * paused
 *             +-> deadline passed, or queue full
 *
 * Source  docs/security.md A17
 */
#ifndef AUTH_BACKEND_H
#define AUTH_BACKEND_H

#include "auth/clock.h"
#include "fetch/fetch.h"

#define BACKEND_QUEUE_MAX     1024
#define BACKEND_CONNECT_MS    2000
#define BACKEND_RETRY_MIN_MS  100
#define BACKEND_RETRY_SPAN_MS 200
#define BACKEND_TICK_MS       20

enum call_state { CALL_IDLE, CALL_QUEUED, CALL_FLYING, CALL_PAUSED };

/* Sends the request with fetch_start(), as far as url, headers and body go. */
typedef yd_err call_compose(void *ctx, struct fetch_request *request, struct fetch *fetch,
                            fetch_done *done, void *done_ctx, struct fetch_call **call);

struct backend_call {
    struct backend_call *prev, *next; /* queued or paused */
    struct backend *backend;
    struct fetch_call *fetch;
    call_compose *compose;
    fetch_done *done; /* exactly once, unless it is cancelled */
    void *ctx;
    uint64_t deadline_ms, resume_ms;
    enum call_state state;
    bool retried;
};

struct backend {
    const struct auth_clock *clock;
    struct fetch *fetch;
    uv_timer_t *timer; /* runs while something is queued or paused */
    struct backend_call *queue, *paused;
    uint32_t calls_max, timeout_ms;
    uint32_t flying; /* and paused */
    uint32_t queued;
};

void backend_init(struct backend *backend, struct fetch *fetch, const struct auth_clock *clock,
                  uint32_t calls_max, uint32_t timeout_ms);
/* Its calls have to be cancelled before. The loop has to turn once more. */
void backend_deinit(struct backend *backend);

/* call: compose, done and ctx are set, the rest is zero. done is not called before this returns.
 * False: the queue is full, or the call cannot be made. */
YD_NODISCARD bool backend_ask(struct backend *backend, struct backend_call *call);
void backend_cancel(struct backend_call *call); /* idle: nothing happens */

#endif
