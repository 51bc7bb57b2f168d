/* driver.c - build/authdriver: access on a line protocol, for the tests in Node that mint tokens.
 *
 * A line of JSON in, a line of JSON out, with the same "id"; answers come when they are known.
 *   {"do":"new","opts":{...}}                the fields of auth_opts, mode by name
 *   {"do":"decide","room":hex,"token":hex}
 *   {"do":"advance","ms":n}                  moves both clocks
 *   {"do":"forget","room":text,"user":text}
 *   {"do":"signature",...,"now":n}           auth_signature_ok()
 *   {"do":"fetch","url":text,...}            fetch_start(); "cancel_ms" takes it back
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "auth/state.h"

struct driver {
    uv_loop_t loop;
    uv_pipe_t in;
    struct auth *auth;
    struct fetch *fetch;
    struct yd_buf line;
};

struct asked {
    struct driver *driver;
    json_int_t id;
    struct fetch_call *call;
    uv_timer_t timer;
    bool done;
};

static void reply(json_int_t id, json_t *answer)
{
    json_object_set_new(answer, "id", json_integer(id));
    char *text = json_dumps(answer, JSON_COMPACT);
    if (text != NULL) printf("%s\n", text);
    fflush(stdout);
    free(text);
    json_decref(answer);
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static yd_slice slice_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value)) return YD_EMPTY;
    return (yd_slice){(const uint8_t *)json_string_value(value), json_string_length(value)};
}

static uint32_t number_at(const json_t *object, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(object, key));
}

/* Bytes of exactly their size, so that reading past them is seen. */
static yd_slice bytes_at(const json_t *object, const char *key)
{
    yd_slice hex = slice_at(object, key);
    uint8_t *bytes = malloc(hex.len / 2 + 1);
    if (bytes == NULL || !text_unhex(hex, bytes, hex.len / 2)) abort();
    uint8_t *exact = malloc(hex.len / 2 > 0 ? hex.len / 2 : 1);
    if (exact == NULL) abort();
    memcpy(exact, bytes, hex.len / 2);
    free(bytes);
    return (yd_slice){exact, hex.len / 2};
}

static enum auth_mode mode_named(const char *name)
{
    static const char *const names[] = {"none", "ticket", "convex", "jwt", "hook"};
    for (int i = 0; name != NULL && i < 5; i++) {
        if (strcmp(name, names[i]) == 0) return (enum auth_mode)i;
    }
    return AUTH_MODE_NONE;
}

static void on_trouble(void *ctx, const char *what, const char *detail)
{
    (void)ctx;
    reply(-1, json_pack("{s:s, s:s}", "trouble", what, "detail", detail));
}

static void do_new(struct driver *driver, json_int_t id, const json_t *opts)
{
    char why[AUTH_ERROR_MAX] = "";
    const struct auth_opts made = {
        .mode = mode_named(text_at(opts, "mode")),
        .ticket_secret = text_at(opts, "ticket_secret"),
        .ticket_jwks = text_at(opts, "ticket_jwks"),
        .issuers = text_at(opts, "issuers"),
        .jwks_url = text_at(opts, "jwks_url"),
        .jwks = text_at(opts, "jwks"),
        .audience = text_at(opts, "audience"),
        .convex_url = text_at(opts, "convex_url"),
        .convex_function = text_at(opts, "convex_function"),
        .jwt_rooms_claim = text_at(opts, "jwt_rooms_claim"),
        .hook_url = text_at(opts, "hook_url"),
        .secret = text_at(opts, "secret"),
        .backend_calls_max = number_at(opts, "backend_calls_max"),
        .backend_timeout_ms = number_at(opts, "backend_timeout_ms"),
        .remember_ms = number_at(opts, "remember_ms"),
        .stale_ms = number_at(opts, "stale_ms"),
        .stale_never = json_is_true(json_object_get(opts, "stale_never")),
        .trouble = on_trouble,
    };
    auth_free(driver->auth);
    driver->auth = NULL;
    if (auth_new(&made, &driver->loop, &driver->auth, why) == YD_OK) {
        reply(id, json_pack("{s:b}", "ok", 1));
    } else {
        reply(id, json_pack("{s:b, s:s}", "ok", 0, "why", why));
    }
}

static void on_decided(void *ctx, const struct auth_decision *decision)
{
    static const char *const reasons[] = {"ALLOWED",       "TOKEN_MISSING", "TOKEN_BAD",
                                          "TOKEN_EXPIRED", "FORBIDDEN",     "NOT_FOUND",
                                          "ROOM_BAD",      "UNAVAILABLE"};
    static const char *const permissions[] = {"none", "read", "comment", "write"};
    struct asked *asked = ctx;
    reply(asked->id,
          json_pack("{s:s, s:s, s:I, s:b, s:s, s:s, s:s, s:s}", "reason", reasons[decision->reason],
                    "permission", permissions[decision->permission], "expires",
                    (json_int_t)decision->expires_at, "remembered", decision->remembered, "why",
                    decision->why, "user", decision->user_id, "name", decision->name, "color",
                    decision->color));
    free(asked);
}

static struct asked *asked_new(struct driver *driver, json_int_t id)
{
    struct asked *asked = calloc(1, sizeof *asked);
    if (asked == NULL) abort();
    asked->driver = driver;
    asked->id = id;
    return asked;
}

static void do_decide(struct driver *driver, json_int_t id, const json_t *line)
{
    struct auth_wait *wait;
    struct auth_request request = {bytes_at(line, "room"), bytes_at(line, "token")};
    auth_decide(driver->auth, &request, on_decided, asked_new(driver, id), &wait);
    free((void *)(uintptr_t)request.room.ptr);
    free((void *)(uintptr_t)request.token.ptr);
}

static void do_signature(struct driver *driver, json_int_t id, const json_t *line)
{
    yd_slice body = bytes_at(line, "body");
    const struct auth_signature fields = {
        .method = slice_at(line, "method"),
        .path = slice_at(line, "path"),
        .timestamp = slice_at(line, "timestamp"),
        .room = slice_at(line, "room"),
        .seq = slice_at(line, "seq"),
        .sha256_hex = slice_at(line, "sha256"),
        .signature = slice_at(line, "signature"),
        .body = body,
    };
    json_int_t now = json_integer_value(json_object_get(line, "now"));
    reply(id, json_pack("{s:b}", "ok", auth_signature_ok(driver->auth, &fields, now)));
    free((void *)(uintptr_t)body.ptr);
}

static void asked_closed(uv_handle_t *timer) { free(timer->data); }

static void asked_end(struct asked *asked)
{
    asked->done = true;
    uv_close((uv_handle_t *)&asked->timer, asked_closed);
}

static void on_fetched(void *ctx, const struct fetch_answer *answer)
{
    static const char *const failures[] = {"ANSWERED", "CONNECT", "TIMEOUT", "TOO_BIG", "BROKEN"};
    struct asked *asked = ctx;
    reply(asked->id, json_pack("{s:s, s:i, s:s%, s:s}", "failure", failures[answer->failure],
                               "status", answer->status, "body", (const char *)answer->body.ptr,
                               answer->body.len, "why", answer->why));
    asked_end(asked);
}

static void on_cancel_time(uv_timer_t *timer)
{
    struct asked *asked = timer->data;
    fetch_cancel(asked->call);
    uint32_t left = fetch_calls_under_way(asked->driver->fetch);
    reply(asked->id, json_pack("{s:b, s:i}", "cancelled", 1, "left", (int)left));
    asked_end(asked);
}

static void do_fetch(struct driver *driver, json_int_t id, const json_t *line)
{
    if (driver->fetch == NULL && fetch_new(&driver->loop, &driver->fetch) != YD_OK) abort();
    struct asked *asked = asked_new(driver, id);
    struct fetch_request request = {
        .method = text_at(line, "method"),
        .url = text_at(line, "url"),
        .body = slice_at(line, "body"),
        .connect_timeout_ms = number_at(line, "connect_timeout_ms"),
        .timeout_ms = number_at(line, "timeout_ms"),
        .answer_bytes_max = number_at(line, "answer_bytes_max"),
    };
    const json_t *headers = json_object_get(line, "headers");
    for (size_t i = 0; i < json_array_size(headers) && i < FETCH_HEADERS_MAX; i++) {
        request.headers[i] = json_string_value(json_array_get(headers, i));
    }
    (void)uv_timer_init(&driver->loop, &asked->timer);
    asked->timer.data = asked;
    yd_err err = fetch_start(driver->fetch, &request, on_fetched, asked, &asked->call);
    if (err != YD_OK) {
        reply(id, json_pack("{s:s}", "error", yd_err_name(err)));
        asked_end(asked);
        return;
    }
    uint32_t cancel_ms = number_at(line, "cancel_ms");
    if (cancel_ms > 0) (void)uv_timer_start(&asked->timer, on_cancel_time, cancel_ms, 0);
}

static void on_line(struct driver *driver, const char *text, size_t len)
{
    json_error_t error;
    json_t *line = json_loadb(text, len, JSON_ALLOW_NUL, &error);
    const char *what = text_at(line, "do");
    json_int_t id = json_integer_value(json_object_get(line, "id"));
    if (what == NULL) abort();
    if (strcmp(what, "new") == 0) {
        do_new(driver, id, json_object_get(line, "opts"));
    } else if (strcmp(what, "decide") == 0) {
        do_decide(driver, id, line);
    } else if (strcmp(what, "signature") == 0) {
        do_signature(driver, id, line);
    } else if (strcmp(what, "fetch") == 0) {
        do_fetch(driver, id, line);
    } else if (strcmp(what, "forget") == 0) {
        auth_forget(driver->auth, slice_at(line, "room"), slice_at(line, "user"));
        reply(id, json_object());
    } else if (strcmp(what, "advance") == 0) {
        driver->auth->clock.ahead_ms += number_at(line, "ms");
        reply(id, json_object());
    } else {
        abort();
    }
    json_decref(line);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)handle;
    *buf = uv_buf_init(malloc(size), (unsigned)size);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct driver *driver = stream->data;
    if (n < 0) {
        uv_close((uv_handle_t *)stream, NULL);
        auth_free(driver->auth);
        fetch_free(driver->fetch);
    }
    for (ssize_t i = 0; i < n; i++) {
        if (buf->base[i] != '\n') {
            if (yd_buf_u8(&driver->line, (uint8_t)buf->base[i]) != YD_OK) abort();
            continue;
        }
        on_line(driver, (const char *)driver->line.ptr, driver->line.len);
        yd_buf_clear(&driver->line);
    }
    free(buf->base);
}

static void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx, (void)old_size;
    if (new_size != 0) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

int main(void)
{
    struct driver driver = {0};
    yd_buf_init(&driver.line, (yd_alloc){heap_resize, NULL}, SIZE_MAX / 2);
    (void)uv_loop_init(&driver.loop);
    (void)uv_pipe_init(&driver.loop, &driver.in, 0);
    driver.in.data = &driver;
    if (uv_pipe_open(&driver.in, 0) != 0) return 1;
    (void)uv_read_start((uv_stream_t *)&driver.in, on_alloc, on_read);
    (void)uv_run(&driver.loop, UV_RUN_DEFAULT);
    int status = uv_loop_close(&driver.loop); // something left open is a leak of ours
    yd_buf_deinit(&driver.line);
    if (status != 0) fprintf(stderr, "authdriver: %s\n", uv_strerror(status));
    return status == 0 ? 0 : 1;
}
