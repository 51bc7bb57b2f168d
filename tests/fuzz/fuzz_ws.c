/* fuzz_ws.c - a stream cut at random places through the WebSocket reader into a session; its first
 * bytes also as a request head and as a target.
 *
 * Input   a byte for the size of the cuts, then the stream.
 * Checks  the cut stream gives the same messages as the whole one, and the same reply unless it
 *         is broken; a slice of a route or a request lies in the input.
 */
#include <stdlib.h>
#include <string.h>

#include "room/session.h"
#include "wire/credentials.h"
#include "wire/http.h"
#include "wire/route.h"
#include "wire/ws.h"

#define MESSAGE_MAX 4096

static void *fuzz_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx, (void)old_size;
    if (new_size != 0) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

struct stream {
    struct session *session;
    struct yd_buf seen; /* what the messages were */
    struct yd_buf reply;
    enum ws_state state;
};

static void need(bool ok)
{
    if (!ok) abort();
}

static bool on_message(void *ctx, enum ws_opcode opcode, yd_slice payload)
{
    struct stream *s = ctx;
    struct session_event ev;
    need(payload.len <= MESSAGE_MAX);
    need(opcode != WS_TEXT || yd_utf8_check(payload));
    need(yd_buf_u8(&s->seen, (uint8_t)opcode) == YD_OK);
    need(yd_buf_varbytes(&s->seen, payload) == YD_OK);
    enum session_opcode kind = opcode == WS_TEXT ? SESSION_TEXT : SESSION_BINARY;
    need(session_recv(s->session, kind, payload, &ev) == YD_OK);
    need(yd_buf_u8(&s->seen, (uint8_t)ev.kind) == YD_OK);
    return ev.kind != SESSION_EV_CLOSE;
}

static void stream_run(struct stream *s, yd_slice bytes, size_t cut)
{
    yd_alloc alloc = {fuzz_resize, NULL};
    struct ws_reader *reader = ws_reader_new();
    struct ws_sink sink = {on_message, s, MESSAGE_MAX, &s->reply, NULL, alloc};
    yd_buf_init(&s->seen, alloc, SIZE_MAX / 2);
    yd_buf_init(&s->reply, alloc, SIZE_MAX / 2);
    struct session_opts opts = {SESSION_YWS, true, MESSAGE_MAX};
    need(reader != NULL && session_new(alloc, opts, &s->session) == YD_OK);
    s->state = WS_REST;
    for (size_t at = 0; at < bytes.len && s->state != WS_ENDED; at += cut) {
        size_t n = bytes.len - at < cut ? bytes.len - at : cut;
        s->state = ws_read(reader, (yd_slice){bytes.ptr + at, n}, &sink);
        // At rest a reader holds nothing of its stream: another one has to do as well.
        if (s->state == WS_REST) {
            ws_reader_free(reader);
            need((reader = ws_reader_new()) != NULL);
        }
    }
    ws_reader_free(reader);
    session_free(s->session);
}

static void stream_end(struct stream *s)
{
    yd_buf_deinit(&s->seen);
    yd_buf_deinit(&s->reply);
}

static void need_inside(yd_slice part, yd_slice whole)
{
    if (part.len == 0) return;
    need(part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void credentials_run(const struct http_request *request)
{
    struct yd_buf token;
    yd_buf_init(&token, (yd_alloc){fuzz_resize, NULL}, HTTP_HEAD_MAX);
    need(credentials_token(request, YD_LITERAL("c"), &token) == YD_OK ||
         request->target.len > 16000);
    yd_buf_deinit(&token);
    need_inside(credentials_protocol(request->ws_protocol), request->ws_protocol);
    (void)credentials_origin_ok(request->origin, "https://a.b, https://*.c");
}

static void text_run(yd_slice bytes)
{
    struct http_request request;
    char accept[HTTP_ACCEPT_LEN + 1];
    int used = http_request_read(bytes, &request);
    need(used <= (int)bytes.len);
    if (used > 0) {
        need_inside(request.target, bytes);
        need_inside(request.ws_key, bytes);
        need_inside(request.ws_protocol, bytes);
        (void)http_accept(request.ws_key, accept);
        (void)route_parse(request.target);
        need_inside(request.authorization, bytes);
        need_inside(request.cookie, bytes);
        need_inside(request.origin, bytes);
        need_inside(request.collab_signature, bytes);
        need(request.body_bytes >= 0);
        credentials_run(&request);
    }
    struct route route = route_parse(bytes);
    if (route.kind != ROUTE_ROOM) return;
    need_inside(route.room, bytes);
    need(route.room.len > 0 && route.room.len <= ROUTE_ROOM_MAX);
    need(route.party.len > 0 && route.party.len <= ROUTE_PARTY_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    yd_slice bytes = {data + 1, size - 1};
    struct stream whole, cut;
    stream_run(&whole, bytes, bytes.len + 1);
    stream_run(&cut, bytes, 1 + data[0] % 64u);
    need(yd_slice_equal(yd_buf_slice(&whole.seen), yd_buf_slice(&cut.seen)));
    // A broken close frame is found early or late, with 1007 or 1002, depending on the cut.
    if (whole.state != WS_ENDED && cut.state != WS_ENDED) {
        need(whole.state == cut.state);
        need(yd_slice_equal(yd_buf_slice(&whole.reply), yd_buf_slice(&cut.reply)));
    }
    stream_end(&whole);
    stream_end(&cut);
    text_run(bytes);
    return 0;
}
