/* wire/ws.h - WebSocket frames: reading through wslay, heads of our own for what goes out.
 *
 * A ws_reader holds one stream's state. Between two messages it holds nothing of the stream, so one
 * reader can serve all streams that are at rest (docs/decisions/0002). Rules H5..H7. */
#ifndef WIRE_WS_H
#define WIRE_WS_H

#include "ydoc/base.h"

struct ws_inflate; /* wire/deflate.h */

enum ws_opcode { WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

/* Who takes what a reader finds. */
struct ws_sink {
    /* One whole message (text or binary). False: stop reading this stream. */
    bool (*on_message)(void *ctx, enum ws_opcode opcode, yd_slice payload);
    void *ctx;
    size_t message_bytes_max; /* of this stream; a larger message ends it with 1009 */
    struct yd_buf *reply;     /* pongs and the answer to a close are appended here, ready to send */
    struct ws_inflate *inflate; /* NULL: this stream may not send compressed messages */
    yd_alloc alloc;             /* for a compressed message, while it is handed over */
};

struct ws_reader;

struct ws_reader *ws_reader_new(void);         /* NULL: out of memory */
void ws_reader_free(struct ws_reader *reader); /* NULL is allowed */

enum ws_state {
    WS_REST, /* all bytes were taken and no message is under way */
    WS_BUSY, /* inside a frame, or between the fragments of a message */
    WS_ENDED /* closed by either side, or broken: send `reply` and end the socket */
};

/* Takes bytes of a stream; messages go to the sink while it runs. */
enum ws_state ws_read(struct ws_reader *reader, yd_slice bytes, const struct ws_sink *sink);

#define WS_HEAD_MAX 10
/* Writes the head of an unmasked frame; returns its bytes. */
size_t ws_head(enum ws_opcode opcode, size_t payload_len, uint8_t head[WS_HEAD_MAX]);
/* Appends a close frame; reason at most 123 bytes of ASCII. */
YD_NODISCARD yd_err ws_close_frame(struct yd_buf *out, uint32_t code, const char *reason);

#endif
