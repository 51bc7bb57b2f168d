/* ws.c - see ws.h. */
#include "wire/ws.h"

#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "wire/deflate.h"

struct ws_reader {
    wslay_event_context_ptr wslay;
    const struct ws_sink *sink; /* during ws_read() only */
    yd_slice input;
    uint64_t given, used; /* bytes handed to wslay; bytes of frames that it has told us of */
    uint64_t frame_left;  /* payload of the current frame that has not come yet */
    bool in_message;      /* a fragmented message is under way */
    bool stopped;
    uint16_t broken; /* code of the close for a compressed message that is none; 0: none was */
};

static ssize_t on_recv(wslay_event_context_ptr wslay, uint8_t *buf, size_t len, int flags,
                       void *ctx)
{
    struct ws_reader *r = ctx;
    (void)flags;
    if (r->input.len == 0 || r->stopped) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t n = len < r->input.len ? len : r->input.len;
    memcpy(buf, r->input.ptr, n);
    r->input = (yd_slice){r->input.ptr + n, r->input.len - n};
    r->given += n;
    return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr wslay, const uint8_t *data, size_t len, int flags,
                       void *ctx)
{
    struct ws_reader *r = ctx;
    (void)flags;
    if (yd_buf_append(r->sink->reply, (yd_slice){data, len}) == YD_OK) return (ssize_t)len;
    wslay_event_set_error(wslay, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void on_frame_start(wslay_event_context_ptr wslay,
                           const struct wslay_event_on_frame_recv_start_arg *arg, void *ctx)
{
    struct ws_reader *r = ctx;
    (void)wslay;
    uint64_t head = arg->payload_length < 126 ? 2 : arg->payload_length < 65536 ? 4 : 10;
    r->used += head + 4; // frames of a client are masked
    r->frame_left = arg->payload_length;
    if (arg->opcode < WS_CLOSE) r->in_message = arg->fin == 0;
}

static void on_frame_chunk(wslay_event_context_ptr wslay,
                           const struct wslay_event_on_frame_recv_chunk_arg *arg, void *ctx)
{
    struct ws_reader *r = ctx;
    (void)wslay;
    r->used += arg->data_length;
    r->frame_left -= arg->data_length;
}

static void deliver(struct ws_reader *r, enum ws_opcode opcode, yd_slice payload)
{
    if (!r->sink->on_message(r->sink->ctx, opcode, payload)) r->stopped = true;
}

static void deliver_inflated(struct ws_reader *r, enum ws_opcode opcode, yd_slice payload)
{
    struct yd_buf out;
    yd_buf_init(&out, r->sink->alloc, r->sink->message_bytes_max);
    yd_err err = ws_inflate(r->sink->inflate, payload, &out);
    // wslay cannot see the text that a compressed message holds.
    bool is_text = opcode == WS_TEXT && err == YD_OK;
    if (is_text && !yd_utf8_check(yd_buf_slice(&out))) err = YD_EMALFORMED;
    if (err == YD_OK) {
        deliver(r, opcode, yd_buf_slice(&out));
    } else {
        r->stopped = true;
        r->broken = err == YD_ETOOBIG ? 1009 : err == YD_ENOMEM ? 1011 : 1007;
    }
    yd_buf_deinit(&out);
}

static void on_msg(wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *arg,
                   void *ctx)
{
    struct ws_reader *r = ctx;
    (void)wslay;
    if (r->stopped || (arg->opcode != WSLAY_TEXT_FRAME && arg->opcode != WSLAY_BINARY_FRAME))
        return;
    yd_slice payload = arg->msg_length == 0 ? YD_EMPTY : (yd_slice){arg->msg, arg->msg_length};
    enum ws_opcode opcode = arg->opcode == WSLAY_TEXT_FRAME ? WS_TEXT : WS_BINARY;
    if (wslay_get_rsv1(arg->rsv)) {
        deliver_inflated(r, opcode, payload);
    } else {
        deliver(r, opcode, payload);
    }
}

struct ws_reader *ws_reader_new(void)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .on_frame_recv_start_callback = on_frame_start,
        .on_frame_recv_chunk_callback = on_frame_chunk,
        .on_msg_recv_callback = on_msg,
    };
    struct ws_reader *r = calloc(1, sizeof *r);
    if (r == NULL) return NULL;
    if (wslay_event_context_server_init(&r->wslay, &callbacks, r) != 0) {
        free(r);
        return NULL;
    }
    return r;
}

void ws_reader_free(struct ws_reader *reader)
{
    if (reader == NULL) return;
    wslay_event_context_free(reader->wslay);
    free(reader);
}

/* On some broken heads wslay closes without a code, or not at all. */
static int end_with_reason(struct yd_buf *reply, int err)
{
    static const uint8_t bare[] = {0x80 | WS_CLOSE, 0};
    if (reply->len >= 2 && memcmp(reply->ptr + reply->len - 2, bare, 2) == 0) reply->len -= 2;
    return ws_close_frame(reply, err == WSLAY_ERR_NOMEM ? 1011 : 1002, NULL) == YD_OK ? err : -1;
}

enum ws_state ws_read(struct ws_reader *reader, yd_slice bytes, const struct ws_sink *sink)
{
    reader->sink = sink;
    reader->input = bytes;
    wslay_event_config_set_max_recv_msg_length(reader->wslay, sink->message_bytes_max);
    // wslay takes the bit on the first frame of a data message only.
    wslay_event_config_set_allowed_rsv_bits(reader->wslay, sink->inflate != NULL ? WSLAY_RSV1_BIT
                                                                                 : WSLAY_RSV_NONE);
    int err = wslay_event_recv(reader->wslay);
    if (wslay_event_want_write(reader->wslay)) {
        if (wslay_event_send(reader->wslay) != 0) err = -1;
    }
    if (err != 0) err = end_with_reason(sink->reply, err);
    if (err == 0 && reader->broken != 0) {
        if (ws_close_frame(sink->reply, reader->broken, NULL) != YD_OK) err = -1;
    }
    reader->sink = NULL;
    bool ended = err != 0 || reader->stopped || !wslay_event_get_read_enabled(reader->wslay) ||
                 wslay_event_get_close_received(reader->wslay) ||
                 wslay_event_get_close_sent(reader->wslay);
    if (ended) return WS_ENDED;
    bool rest = reader->used == reader->given && reader->frame_left == 0 && !reader->in_message;
    return rest ? WS_REST : WS_BUSY;
}

size_t ws_head(enum ws_opcode opcode, size_t payload_len, uint8_t head[WS_HEAD_MAX])
{
    uint64_t len = payload_len;
    head[0] = (uint8_t)(0x80u | opcode);
    if (len < 126) {
        head[1] = (uint8_t)len;
        return 2;
    }
    size_t bytes = len < 65536 ? 2 : 8;
    head[1] = bytes == 2 ? 126 : 127;
    for (size_t i = 0; i < bytes; i++) head[2 + i] = (uint8_t)(len >> 8 * (bytes - 1 - i));
    return 2 + bytes;
}

yd_err ws_close_frame(struct yd_buf *out, uint32_t code, const char *reason)
{
    size_t len = reason == NULL ? 0 : strlen(reason);
    if (len > 123) len = 123;
    uint8_t head[4] = {0x80 | WS_CLOSE, (uint8_t)(len + 2), (uint8_t)(code >> 8), (uint8_t)code};
    yd_err err = yd_buf_append(out, (yd_slice){head, 4});
    if (err != YD_OK || len == 0) return err;
    return yd_buf_append(out, (yd_slice){(const uint8_t *)reason, len});
}
