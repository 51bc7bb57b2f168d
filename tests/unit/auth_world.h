/* auth_world.h - what the tests of access share: an application that answers on loopback, access in
 * hook mode before it, and a log of decisions. Real sockets; time is moved, never slept. */
#ifndef AUTH_WORLD_H
#define AUTH_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/state.h"

#define WORLD_SECRET "0123456789abcdef0123456789abcdef"
#define YES          "{\"allowed\":true,\"permission\":\"write\",\"userId\":\"ada\"}"
#define NO           "{\"allowed\":false,\"reason\":\"forbidden\"}"

/* One request of an application's connection at a time. */
struct app_conn {
    uv_tcp_t tcp;
    struct app *app;
    struct app_conn *next;
    char in[16384];
    size_t len;
    bool waiting; /* for its answer */
};

struct app {
    uv_tcp_t listener;
    int port;
    int status;
    const char *body;
    bool hold;         /* keeps requests until app_release() */
    uint32_t failures; /* the next so many requests are answered with 500 */
    uint32_t requests, waiting, waiting_max;
    struct app_conn *conns;
};

struct world {
    uv_loop_t loop;
    uv_timer_t guard;
    struct app app;
    struct auth *auth;
    char url[64];
    /* What was decided. */
    uint32_t decided, allowed, refused, unavailable, remembered;
    struct auth_decision last;
};

static inline void write_done(uv_write_t *write, int status)
{
    (void)status;
    free(write->data);
    free(write);
}

static inline void app_answer(struct app_conn *conn)
{
    struct app *app = conn->app;
    int status = app->failures > 0 ? 500 : app->status;
    if (app->failures > 0) app->failures--;
    conn->waiting = false;
    app->waiting--;
    char *text = malloc(strlen(app->body) + 128);
    uv_write_t *write = malloc(sizeof *write);
    assert_true(text != NULL && write != NULL);
    int n = sprintf(text, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s", status,
                    strlen(app->body), app->body);
    write->data = text;
    uv_buf_t buf = uv_buf_init(text, (unsigned)n);
    assert_int_equal(uv_write(write, (uv_stream_t *)&conn->tcp, &buf, 1, write_done), 0);
}

static inline void app_release(struct app *app)
{
    for (struct app_conn *c = app->conns; c != NULL; c = c->next) {
        if (c->waiting) app_answer(c);
    }
}

static inline void app_conn_closed(uv_handle_t *handle)
{
    struct app_conn *conn = handle->data;
    struct app_conn **at = &conn->app->conns;
    while (*at != conn) at = &(*at)->next;
    *at = conn->next;
    if (conn->waiting) conn->app->waiting--;
    free(conn);
}

/* A request is complete when its head and as many bytes as it says are there. */
static inline void app_parse(struct app_conn *conn)
{
    conn->in[conn->len] = 0;
    const char *end = strstr(conn->in, "\r\n\r\n");
    const char *length = strstr(conn->in, "Content-Length: ");
    if (end == NULL) return;
    size_t body = length == NULL ? 0 : (size_t)strtoul(length + 16, NULL, 10);
    if (conn->len < (size_t)(end - conn->in) + 4 + body) return;
    struct app *app = conn->app;
    conn->len = 0;
    conn->waiting = true;
    app->requests++;
    app->waiting++;
    if (app->waiting > app->waiting_max) app->waiting_max = app->waiting;
    if (!app->hold) app_answer(conn);
}

static inline void app_on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct app_conn *conn = handle->data;
    (void)size;
    *buf = uv_buf_init(conn->in + conn->len, (unsigned)(sizeof conn->in - 1 - conn->len));
}

static inline void app_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct app_conn *conn = stream->data;
    (void)buf;
    if (n < 0) {
        if (!uv_is_closing((uv_handle_t *)stream)) {
            uv_close((uv_handle_t *)stream, app_conn_closed);
        }
        return;
    }
    conn->len += (size_t)n;
    app_parse(conn);
}

static inline void app_on_accept(uv_stream_t *listener, int status)
{
    struct app *app = listener->data;
    struct app_conn *conn = calloc(1, sizeof *conn);
    assert_true(status == 0 && conn != NULL);
    conn->app = app;
    conn->next = app->conns;
    app->conns = conn;
    (void)uv_tcp_init(listener->loop, &conn->tcp);
    conn->tcp.data = conn;
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&conn->tcp), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&conn->tcp, app_on_alloc, app_on_read), 0);
}

static inline void app_open(struct app *app, uv_loop_t *loop)
{
    struct sockaddr_in address;
    struct sockaddr_storage bound;
    int size = sizeof bound;
    *app = (struct app){.status = 200, .body = YES};
    (void)uv_ip4_addr("127.0.0.1", 0, &address);
    (void)uv_tcp_init(loop, &app->listener);
    app->listener.data = app;
    assert_int_equal(uv_tcp_bind(&app->listener, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&app->listener, 128, app_on_accept), 0);
    (void)uv_tcp_getsockname(&app->listener, (struct sockaddr *)&bound, &size);
    app->port = ntohs(((struct sockaddr_in *)&bound)->sin_port);
}

static inline void app_close(struct app *app)
{
    uv_close((uv_handle_t *)&app->listener, NULL);
    for (struct app_conn *c = app->conns; c != NULL; c = c->next) {
        if (!uv_is_closing((uv_handle_t *)&c->tcp)) {
            uv_close((uv_handle_t *)&c->tcp, app_conn_closed);
        }
    }
}

static inline void on_guard(uv_timer_t *timer)
{
    (void)timer;
    fprintf(stderr, "the test waits for something that does not come\n");
    abort();
}

/* Access with these options before a fresh application; mode, address and secret are set here. */
static inline void world_begin_with(struct world *w, struct auth_opts opts)
{
    char why[AUTH_ERROR_MAX] = "";
    *w = (struct world){0};
    (void)uv_loop_init(&w->loop);
    (void)uv_timer_init(&w->loop, &w->guard);
    (void)uv_timer_start(&w->guard, on_guard, 20000, 0);
    uv_unref((uv_handle_t *)&w->guard);
    app_open(&w->app, &w->loop);
    snprintf(w->url, sizeof w->url, "http://127.0.0.1:%d/may", w->app.port);
    opts.mode = AUTH_MODE_HOOK;
    opts.hook_url = w->url;
    opts.secret = WORLD_SECRET;
    if (auth_new(&opts, &w->loop, &w->auth, why) != YD_OK) fail_msg("auth_new: %s", why);
}

static inline void world_begin(struct world *w) { world_begin_with(w, (struct auth_opts){0}); }

/* Everything is given back, and the loop holds nothing. */
static inline void world_end(struct world *w)
{
    auth_free(w->auth);
    app_close(&w->app);
    uv_close((uv_handle_t *)&w->guard, NULL);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
}

static inline void on_decided(void *ctx, const struct auth_decision *decision)
{
    struct world *w = ctx;
    w->decided++;
    if (decision->reason == AUTH_ALLOWED) w->allowed++;
    if (decision->reason == AUTH_FORBIDDEN) w->refused++;
    if (decision->reason == AUTH_UNAVAILABLE) w->unavailable++;
    if (decision->remembered) w->remembered++;
    w->last = *decision;
}

static inline yd_slice text(const char *s) { return (yd_slice){(const uint8_t *)s, strlen(s)}; }

static inline struct auth_wait *ask_as(struct world *w, const char *token, const char *room)
{
    struct auth_wait *wait;
    struct auth_request request = {text(room), text(token)};
    auth_decide(w->auth, &request, on_decided, w, &wait);
    return wait;
}

static inline void run_until_decided(struct world *w, uint32_t count)
{
    while (w->decided < count) (void)uv_run(&w->loop, UV_RUN_ONCE);
}

static inline void run_until_requests(struct world *w, uint32_t count)
{
    while (w->app.requests < count) (void)uv_run(&w->loop, UV_RUN_ONCE);
}

/* Asks and waits for the answer. */
static inline enum auth_reason decide_as(struct world *w, const char *token, const char *room)
{
    uint32_t before = w->decided;
    struct auth_wait *wait = ask_as(w, token, room);
    assert_true((wait == NULL) == (w->decided == before + 1));
    run_until_decided(w, before + 1);
    return w->last.reason;
}

static inline enum auth_reason decide(struct world *w) { return decide_as(w, "t", "doc-1"); }

static inline void pass(struct world *w, uint64_t ms) { w->auth->clock.ahead_ms += ms; }

#endif
