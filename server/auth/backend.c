/* backend.c - see backend.h. */
#include "auth/backend.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <utlist.h>

#include "ops/heap.h"

static void timer_free(uv_handle_t *handle) { free(handle); }

static uint64_t deadline_left(const struct backend_call *call)
{
    uint64_t now = clock_ms(call->backend->clock);
    return call->deadline_ms > now ? call->deadline_ms - now : 0;
}

/* How long to wait before the second try: spread, so that what failed together returns apart. */
static uint64_t pause_ms(void)
{
    uint8_t byte = 0;
    (void)RAND_bytes(&byte, 1);
    return BACKEND_RETRY_MIN_MS + (uint64_t)byte * BACKEND_RETRY_SPAN_MS / 255;
}

static void on_tick(uv_timer_t *timer);

static void timer_wake(struct backend *backend)
{
    if (uv_is_active((uv_handle_t *)backend->timer)) return;
    (void)uv_timer_start(backend->timer, on_tick, BACKEND_TICK_MS, BACKEND_TICK_MS);
}

static void on_answer(void *ctx, const struct fetch_answer *answer);

static bool call_start(struct backend_call *call)
{
    uint64_t left = deadline_left(call);
    if (left == 0) return false;
    struct fetch_request request = {
        .timeout_ms = (uint32_t)left,
        .connect_timeout_ms = left < BACKEND_CONNECT_MS ? (uint32_t)left : BACKEND_CONNECT_MS,
        .body = YD_EMPTY,
    };
    return call->compose(call->ctx, &request, call->backend->fetch, on_answer, call,
                         &call->fetch) == YD_OK;
}

static void call_fail(struct backend_call *call, enum fetch_failure failure, const char *why)
{
    const struct fetch_answer answer = {.failure = failure, .body = YD_EMPTY, .why = why};
    call->state = CALL_IDLE;
    call->done(call->ctx, &answer);
}

/* Starts what is queued while there is room. */
static void queue_pump(struct backend *backend)
{
    while (backend->queue != NULL && backend->flying < backend->calls_max) {
        struct backend_call *call = backend->queue;
        DL_DELETE(backend->queue, call);
        backend->queued--;
        if (call_start(call)) {
            call->state = CALL_FLYING;
            backend->flying++;
        } else {
            call_fail(call, FETCH_TIMEOUT, "the application could not be asked in time");
        }
    }
}

static bool is_worth_retrying(const struct backend_call *call, const struct fetch_answer *answer)
{
    if (call->retried || deadline_left(call) <= BACKEND_RETRY_MIN_MS + BACKEND_RETRY_SPAN_MS) {
        return false;
    }
    switch (answer->failure) {
    case FETCH_CONNECT:
    case FETCH_BROKEN: return true; // asking twice does no harm
    case FETCH_ANSWERED: return answer->status >= 500;
    case FETCH_TIMEOUT:
    case FETCH_TOO_BIG: break;
    }
    return false;
}

static void on_answer(void *ctx, const struct fetch_answer *answer)
{
    struct backend_call *call = ctx;
    struct backend *backend = call->backend;
    call->fetch = NULL;
    if (is_worth_retrying(call, answer)) {
        call->retried = true;
        call->state = CALL_PAUSED;
        call->resume_ms = clock_ms(backend->clock) + pause_ms();
        DL_APPEND(backend->paused, call);
        timer_wake(backend);
        return;
    }
    backend->flying--;
    call->state = CALL_IDLE;
    call->done(call->ctx, answer); // may free the call
    queue_pump(backend);
}

static void paused_resume(struct backend *backend, uint64_t now)
{
    struct backend_call *call = backend->paused;
    while (call != NULL) {
        struct backend_call *next = call->next;
        if (call->resume_ms <= now) {
            DL_DELETE(backend->paused, call);
            if (!call_start(call)) {
                backend->flying--;
                call_fail(call, FETCH_CONNECT, "the application could not be asked again");
                return; // the list may have changed; the next tick goes on
            }
            call->state = CALL_FLYING;
        }
        call = next;
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct backend *backend = timer->data;
    uint64_t now = clock_ms(backend->clock);
    paused_resume(backend, now);
    // All have the same patience, so the queue is in the order of deadlines.
    while (backend->queue != NULL && backend->queue->deadline_ms <= now) {
        struct backend_call *call = backend->queue;
        DL_DELETE(backend->queue, call);
        backend->queued--;
        call_fail(call, FETCH_TIMEOUT, "the application could not be asked in time");
    }
    queue_pump(backend);
    if (backend->queue == NULL && backend->paused == NULL) (void)uv_timer_stop(backend->timer);
}

void backend_init(struct backend *backend, struct fetch *fetch, const struct auth_clock *clock,
                  uint32_t calls_max, uint32_t timeout_ms)
{
    *backend = (struct backend){
        .clock = clock, .fetch = fetch, .calls_max = calls_max, .timeout_ms = timeout_ms};
    backend->timer = heap_new(sizeof *backend->timer);
    backend->timer->data = backend;
    (void)uv_timer_init(clock->loop, backend->timer);
}

void backend_deinit(struct backend *backend)
{
    if (backend->timer == NULL) return;
    YD_ASSERT(backend->flying == 0 && backend->queued == 0);
    uv_close((uv_handle_t *)backend->timer, timer_free);
    backend->timer = NULL;
}

bool backend_ask(struct backend *backend, struct backend_call *call)
{
    call->backend = backend;
    call->deadline_ms = clock_ms(backend->clock) + backend->timeout_ms;
    if (backend->flying < backend->calls_max && backend->queue == NULL) {
        if (!call_start(call)) return false;
        call->state = CALL_FLYING;
        backend->flying++;
        return true;
    }
    if (backend->queued >= BACKEND_QUEUE_MAX) return false;
    call->state = CALL_QUEUED;
    DL_APPEND(backend->queue, call);
    backend->queued++;
    timer_wake(backend);
    return true;
}

void backend_cancel(struct backend_call *call)
{
    struct backend *backend = call->backend;
    switch (call->state) {
    case CALL_IDLE: return;
    case CALL_QUEUED:
        DL_DELETE(backend->queue, call);
        backend->queued--;
        break;
    case CALL_FLYING:
        fetch_cancel(call->fetch);
        backend->flying--;
        break;
    case CALL_PAUSED:
        DL_DELETE(backend->paused, call);
        backend->flying--;
        break;
    }
    call->fetch = NULL;
    call->state = CALL_IDLE;
}
