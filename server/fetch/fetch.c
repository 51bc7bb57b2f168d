/* fetch.c - see fetch.h.
 *
 * libcurl says which sockets it wants watched (on_want_socket) and when it wants to be called again
 * (on_want_timer); the loop tells it what happened (multi_socket_action), and after each such step
 * the finished calls are picked up (calls_finish). Nothing is called back from within libcurl.
 */
#include "fetch/fetch.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ops/heap.h"

#define CONNECT_TIMEOUT_MS 2000
#define TIMEOUT_MS         5000
#define ANSWER_BYTES_MAX   65536
#define CONNECTIONS_IDLE   32 /* kept open for the next call */
#define KEEPALIVE_S        30

#ifndef PARTYD_VERSION
#define PARTYD_VERSION "0"
#endif

struct fetch_call {
    struct fetch_call *prev, *next;
    struct fetch *fetch;
    CURL *easy;
    struct curl_slist *headers;
    fetch_done *done;
    void *ctx;
    struct yd_buf body, head;
    size_t head_bytes;
    bool keeps_headers;
    bool too_big;
};

struct fetch {
    uv_loop_t *loop;
    uv_timer_t *timer; /* on the heap: a handle outlives uv_close() by a turn */
    CURLM *multi;
    struct fetch_call *calls;
    struct socket_watch *watches;
    uint32_t call_count;
};

struct socket_watch {
    uv_poll_t poll;
    struct fetch *fetch;
    struct socket_watch *prev, *next;
    curl_socket_t fd;
};

static void handle_free(uv_handle_t *handle) { free(handle); }
static void watch_free(uv_handle_t *handle) { free(handle->data); }

static void call_free(struct fetch_call *call)
{
    struct fetch *fetch = call->fetch;
    if (call->prev != NULL) call->prev->next = call->next;
    if (call->next != NULL) call->next->prev = call->prev;
    if (fetch->calls == call) fetch->calls = call->next;
    fetch->call_count--;
    (void)curl_multi_remove_handle(fetch->multi, call->easy);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    yd_buf_deinit(&call->body);
    yd_buf_deinit(&call->head);
    free(call);
}

static struct fetch_answer answer_of(CURLcode code, const struct fetch_call *call)
{
    struct fetch_answer answer = {.body = YD_EMPTY, .head = YD_EMPTY, .why = ""};
    long status = 0;
    switch (code) {
    case CURLE_OK:
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        answer.status = (int)status;
        answer.body = yd_buf_slice(&call->body);
        answer.head = yd_buf_slice(&call->head);
        return answer;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
        answer.failure = FETCH_CONNECT;
        answer.why = "the name cannot be looked up";
        return answer;
    case CURLE_COULDNT_CONNECT:
        answer.failure = FETCH_CONNECT;
        answer.why = "nobody answers at that address";
        return answer;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        answer.failure = FETCH_CONNECT;
        answer.why = "TLS: the certificate is not trusted, or the handshake failed";
        return answer;
    case CURLE_OPERATION_TIMEDOUT: {
        double connected = 0;
        curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME, &connected);
        answer.failure = connected > 0 ? FETCH_TIMEOUT : FETCH_CONNECT;
        answer.why = "no answer in time";
        return answer;
    }
    default:
        answer.failure = call->too_big ? FETCH_TOO_BIG : FETCH_BROKEN;
        answer.why = call->too_big ? "the answer is too large" : "the answer broke off";
        return answer;
    }
}

static void calls_finish(struct fetch *fetch)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(fetch->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) continue;
        struct fetch_call *call = NULL;
        CURLcode code = message->data.result; // gone with the call
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        struct fetch_answer answer = answer_of(code, call);
        call->done(call->ctx, &answer);
        call_free(call);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct fetch *fetch = timer->data;
    int running;
    (void)curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    calls_finish(fetch);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct socket_watch *watch = poll->data;
    struct fetch *fetch = watch->fetch;
    int flags = 0;
    int running;
    if (status < 0) flags |= CURL_CSELECT_ERR;
    if ((events & UV_READABLE) != 0) flags |= CURL_CSELECT_IN;
    if ((events & UV_WRITABLE) != 0) flags |= CURL_CSELECT_OUT;
    (void)curl_multi_socket_action(fetch->multi, watch->fd, flags, &running);
    calls_finish(fetch);
}

static int on_want_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    struct fetch *fetch = ctx;
    (void)multi;
    if (timeout_ms < 0) return uv_timer_stop(fetch->timer);
    // Also 0 comes by the loop: libcurl must not be entered from its own callback.
    return uv_timer_start(fetch->timer, on_timer, (uint64_t)timeout_ms, 0);
}

static void watch_close(struct socket_watch *watch)
{
    struct fetch *fetch = watch->fetch;
    if (watch->prev != NULL) watch->prev->next = watch->next;
    if (watch->next != NULL) watch->next->prev = watch->prev;
    if (fetch->watches == watch) fetch->watches = watch->next;
    (void)uv_poll_stop(&watch->poll);
    uv_close((uv_handle_t *)&watch->poll, watch_free);
}

static struct socket_watch *watch_open(struct fetch *fetch, curl_socket_t fd)
{
    struct socket_watch *watch = heap_new(sizeof *watch);
    if (uv_poll_init_socket(fetch->loop, &watch->poll, fd) != 0) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->fetch = fetch;
    watch->fd = fd;
    watch->next = fetch->watches;
    if (watch->next != NULL) watch->next->prev = watch;
    fetch->watches = watch;
    (void)curl_multi_assign(fetch->multi, fd, watch);
    return watch;
}

static int on_want_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct fetch *fetch = ctx;
    struct socket_watch *watch = socket_ctx;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL) watch_close(watch);
        (void)curl_multi_assign(fetch->multi, fd, NULL);
        return 0;
    }
    if (watch == NULL) watch = watch_open(fetch, fd);
    if (watch == NULL) return -1;
    int events = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= UV_READABLE;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= UV_WRITABLE;
    return uv_poll_start(&watch->poll, events, on_socket) == 0 ? 0 : -1;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct fetch_call *call = ctx;
    size_t len = size * count; // size is 1, says libcurl
    yd_err err = yd_buf_append(&call->body, (yd_slice){(const uint8_t *)bytes, len});
    call->too_big = err == YD_ETOOBIG;
    return err == YD_OK ? len : 0; // 0 ends the call
}

static size_t on_head(char *bytes, size_t size, size_t count, void *ctx)
{
    struct fetch_call *call = ctx;
    yd_slice line = {(const uint8_t *)bytes, size * count};
    call->head_bytes += line.len;
    call->too_big = call->head_bytes > FETCH_HEAD_MAX;
    if (call->keeps_headers && !call->too_big) {
        // A status line begins the block anew: what came before it was an answer for the way (100).
        if (line.len > 5 && memcmp(line.ptr, "HTTP/", 5) == 0) yd_buf_clear(&call->head);
        call->too_big = yd_buf_append(&call->head, line) != YD_OK;
    }
    return call->too_big ? 0 : line.len;
}

yd_err fetch_new(uv_loop_t *loop, struct fetch **fetch)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return YD_ENOMEM;
    struct fetch *made = heap_new(sizeof *made);
    made->loop = loop;
    made->multi = curl_multi_init();
    if (made->multi == NULL) {
        free(made);
        curl_global_cleanup();
        return YD_ENOMEM;
    }
    made->timer = heap_new(sizeof *made->timer);
    made->timer->data = made;
    (void)uv_timer_init(loop, made->timer);
    curl_multi_setopt(made->multi, CURLMOPT_SOCKETFUNCTION, on_want_socket);
    curl_multi_setopt(made->multi, CURLMOPT_SOCKETDATA, made);
    curl_multi_setopt(made->multi, CURLMOPT_TIMERFUNCTION, on_want_timer);
    curl_multi_setopt(made->multi, CURLMOPT_TIMERDATA, made);
    curl_multi_setopt(made->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_IDLE);
    *fetch = made;
    return YD_OK;
}

void fetch_free(struct fetch *fetch)
{
    if (fetch == NULL) return;
    for (struct fetch_call *call = fetch->calls, *next; call != NULL; call = next) {
        next = call->next;
        call_free(call);
    }
    curl_multi_cleanup(fetch->multi);
    // What libcurl did not give up by itself.
    while (fetch->watches != NULL) watch_close(fetch->watches);
    uv_close((uv_handle_t *)fetch->timer, handle_free);
    free(fetch);
    curl_global_cleanup();
}

/* One part of an address, copied. False: it has none, or it does not fit. */
static bool url_part(CURLU *parsed, CURLUPart part, char *out, size_t cap)
{
    char *text = NULL;
    bool ok = curl_url_get(parsed, part, &text, 0) == CURLUE_OK && strlen(text) < cap;
    if (ok) snprintf(out, cap, "%s", text);
    curl_free(text);
    return ok;
}

struct address {
    char scheme[8];
    char host[256];
    char path[FETCH_PATH_MAX];
};

static bool address_parse(const char *url, struct address *address)
{
    CURLU *parsed = curl_url();
    bool ok = parsed != NULL && url != NULL &&
              curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
              url_part(parsed, CURLUPART_SCHEME, address->scheme, sizeof address->scheme) &&
              url_part(parsed, CURLUPART_HOST, address->host, sizeof address->host) &&
              url_part(parsed, CURLUPART_PATH, address->path, sizeof address->path);
    curl_url_cleanup(parsed);
    return ok && (strcmp(address->scheme, "http") == 0 || strcmp(address->scheme, "https") == 0);
}

bool fetch_url_path(const char *url, char path[FETCH_PATH_MAX])
{
    struct address address;
    if (!address_parse(url, &address)) return false;
    memcpy(path, address.path, sizeof address.path);
    return true;
}

static bool is_this_machine(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

static bool header_ok(const char *header)
{
    for (const unsigned char *c = (const unsigned char *)header; *c != 0; c++) {
        if (*c < 0x20 || *c == 0x7f) return false;
    }
    return true;
}

/* An empty "Expect:" keeps libcurl from waiting for a 100 before a larger body. */
static bool headers_make(struct fetch_call *call, const struct fetch_request *request)
{
    call->headers = curl_slist_append(NULL, "Expect:");
    bool ok = call->headers != NULL;
    for (int i = 0; ok && i < FETCH_HEADERS_MAX && request->headers[i] != NULL; i++) {
        struct curl_slist *longer = curl_slist_append(call->headers, request->headers[i]);
        ok = longer != NULL;
        if (ok) call->headers = longer;
    }
    return ok;
}

static void protocols_set(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    // Otherwise the end of a call that hangs in a name look-up waits for it, and the loop with it.
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

/* The certificates to trust. A libcurl that was linked for every system has no file of its own
 * built in, and each system has another place. NULL: libcurl's default, or what SSL_CERT_FILE says.
 */
static const char *certificates(void)
{
#if LIBCURL_VERSION_NUM >= 0x074d00
    static const char *const places[] = {
        "/etc/ssl/certs/ca-certificates.crt", // Debian, Alpine, Arch
        "/etc/pki/tls/certs/ca-bundle.crt",   // Fedora and its relatives
        "/etc/ssl/ca-bundle.pem",             // SUSE
    };
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    if (curl->cainfo != NULL || curl->capath != NULL) return NULL;
    if (getenv("SSL_CERT_FILE") != NULL) return NULL;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (access(places[i], R_OK) == 0) return places[i];
    }
#endif
    return NULL;
}

static void options_set(struct fetch_call *call, const struct fetch_request *r, bool is_local)
{
    CURL *easy = call->easy;
    uint32_t connect_ms = r->connect_timeout_ms > 0 ? r->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    uint32_t timeout_ms = r->timeout_ms > 0 ? r->timeout_ms : TIMEOUT_MS;
    curl_easy_setopt(easy, CURLOPT_URL, r->url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "partyd/" PARTYD_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    if (is_local) curl_easy_setopt(easy, CURLOPT_PROXY, "");
    const char *trusted = certificates();
    if (trusted != NULL) curl_easy_setopt(easy, CURLOPT_CAINFO, trusted);
    protocols_set(easy);
}

yd_err fetch_start(struct fetch *fetch, const struct fetch_request *request, fetch_done *done,
                   void *ctx, struct fetch_call **call)
{
    struct address address;
    if (!address_parse(request->url, &address)) return YD_EMALFORMED;
    for (int i = 0; i < FETCH_HEADERS_MAX && request->headers[i] != NULL; i++) {
        if (!header_ok(request->headers[i])) return YD_EMALFORMED;
    }
    CURL *easy = curl_easy_init();
    if (easy == NULL) return YD_ENOMEM;

    struct fetch_call *made = heap_new(sizeof *made);
    *made = (struct fetch_call){.fetch = fetch, .easy = easy, .done = done, .ctx = ctx};
    size_t max = request->answer_bytes_max;
    yd_buf_init(&made->body, heap_alloc(), max > 0 ? max : ANSWER_BYTES_MAX);
    yd_buf_init(&made->head, heap_alloc(), FETCH_HEAD_MAX);
    made->keeps_headers = request->keeps_headers;
    made->next = fetch->calls;
    if (made->next != NULL) made->next->prev = made;
    fetch->calls = made;
    fetch->call_count++;

    bool ok = headers_make(made, request);
    options_set(made, request, is_this_machine(address.host));
    if (request->body.len > 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        CURLoption how = request->body_stays ? CURLOPT_POSTFIELDS : CURLOPT_COPYPOSTFIELDS;
        ok = ok && curl_easy_setopt(easy, how, request->body.ptr) == CURLE_OK;
    }
    if (request->method != NULL) {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
    if (!ok || curl_multi_add_handle(fetch->multi, easy) != CURLM_OK) {
        call_free(made);
        return YD_ENOMEM;
    }
    *call = made;
    return YD_OK;
}

void fetch_cancel(struct fetch_call *call) { call_free(call); }

/* The value of this header line, if it has that name. */
static bool header_value(yd_slice line, const char *name, yd_slice *value)
{
    size_t len = strlen(name);
    if (line.len <= len || line.ptr[len] != ':') return false;
    if (strncasecmp((const char *)line.ptr, name, len) != 0) return false;
    const uint8_t *from = line.ptr + len + 1, *to = line.ptr + line.len;
    while (from < to && (*from == ' ' || *from == '\t')) from++;
    while (to > from && to[-1] <= ' ') to--;
    *value = (yd_slice){from, (size_t)(to - from)};
    return true;
}

bool fetch_header(const struct fetch_answer *answer, const char *name, char *value, size_t cap)
{
    yd_slice rest = answer->head, found;
    bool is_found = false;
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.ptr) + 1;
        if (header_value((yd_slice){rest.ptr, len}, name, &found)) {
            is_found = found.len < cap;
            if (is_found) {
                memcpy(value, found.ptr, found.len);
                value[found.len] = 0;
            }
        }
        rest = (yd_slice){rest.ptr + len, rest.len - len};
    }
    return is_found;
}

uint32_t fetch_calls_under_way(const struct fetch *fetch) { return fetch->call_count; }
