/* deflate.c - see deflate.h. One message, one raw deflate stream with a sync flush at its end, of
 * which the last four bytes (00 00 ff ff) are not sent. */
#include "wire/deflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const uint8_t tail[4] = {0x00, 0x00, 0xff, 0xff};

/* ---- in --------------------------------------------------------------------------------------
 */

/* deflate can say 1,032 bytes in one. People paste a character a million times, and no more: what
 * is larger than RATIO_FREE and than RATIO_MAX times its payload was made to cost us. */
#define RATIO_FREE ((size_t)16 << 20)
#define RATIO_MAX  256
/* A sender may end its stream and begin another, where its library cannot flush. Not for ever. */
#define STREAMS_MAX 16

struct ws_inflate {
    z_stream z;
    size_t streams; /* that have ended in this message */
    uint8_t beyond; /* what is said when there is no space for it */
};

struct ws_inflate *ws_inflate_new(void)
{
    struct ws_inflate *state = calloc(1, sizeof *state);
    if (state == NULL || inflateInit2(&state->z, -MAX_WBITS) == Z_OK) return state;
    free(state);
    return NULL;
}

void ws_inflate_free(struct ws_inflate *state)
{
    if (state == NULL) return;
    (void)inflateEnd(&state->z);
    free(state);
}

static size_t inflated_max(const struct yd_buf *out, size_t payload_len)
{
    size_t honest = payload_len < RATIO_FREE / RATIO_MAX ? RATIO_FREE : payload_len * RATIO_MAX;
    return honest < out->max ? honest : out->max;
}

/* Room for what comes next: twice of what there is, but never beyond max. One byte more than max
 * is not asked for: a message that needs it fails. */
static yd_err room_for_more(struct yd_buf *out, size_t max)
{
    if (out->len < out->cap) return YD_OK;
    size_t more = out->len < 4096 ? 4096 : out->len;
    if (more > max - out->len) more = max - out->len;
    return more == 0 ? YD_ETOOBIG : yd_buf_reserve(out, more);
}

/* One call of zlib. `max` bounds what the buffer holds afterwards. */
static int inflate_some(z_stream *z, struct yd_buf *out, size_t max)
{
    size_t space = (out->cap < max ? out->cap : max) - out->len;
    if (space > 1u << 30) space = 1u << 30;
    z->next_out = out->ptr + out->len;
    z->avail_out = (uInt)space;
    int result = inflate(z, Z_SYNC_FLUSH);
    out->len += space - z->avail_out;
    return result;
}

/* It is full. The rest may say nothing more, but then it has to be just that: true: it does not. */
static bool says_more(struct ws_inflate *state, int *result)
{
    z_stream *z = &state->z;
    z->next_out = &state->beyond;
    z->avail_out = 1;
    *result = inflate(z, Z_SYNC_FLUSH);
    return z->avail_out == 0;
}

/* False: no further step is possible, or one too many streams have ended. */
static bool may_go_on(struct ws_inflate *state, int result)
{
    if (result == Z_STREAM_END) {
        return ++state->streams <= STREAMS_MAX && inflateReset(&state->z) == Z_OK;
    }
    if (result == Z_BUF_ERROR) return state->z.avail_in == 0 || state->z.avail_out == 0;
    return result == Z_OK;
}

static yd_err inflate_all(struct ws_inflate *state, yd_slice bytes, struct yd_buf *out, size_t max)
{
    z_stream *z = &state->z;
    z->next_in = (Bytef *)bytes.ptr; // zlib takes it without const, and does not write
    z->avail_in = (uInt)bytes.len;
    do {
        int result = Z_OK;
        if (out->len == max) {
            if (says_more(state, &result)) return YD_ETOOBIG;
        } else {
            yd_err err = room_for_more(out, max);
            if (err != YD_OK) return err;
            result = inflate_some(z, out, max);
        }
        if (result == Z_MEM_ERROR) return YD_ENOMEM;
        if (!may_go_on(state, result)) return YD_EMALFORMED;
        // With space left over zlib has said all that these bytes say.
    } while (z->avail_in > 0 || z->avail_out == 0);
    return YD_OK;
}

yd_err ws_inflate(struct ws_inflate *state, yd_slice payload, struct yd_buf *out)
{
    if (payload.len > UINT32_MAX) return YD_ETOOBIG;
    if (inflateReset(&state->z) != Z_OK) return YD_ENOMEM;
    state->streams = 0;
    size_t max = inflated_max(out, payload.len);
    // A guess that spares most messages a second piece.
    size_t guess = payload.len < max / 4 ? payload.len * 4 : max;
    yd_err err = guess == 0 ? YD_OK : yd_buf_reserve(out, guess);
    if (err == YD_OK) err = inflate_all(state, payload, out, max);
    if (err == YD_OK) err = inflate_all(state, (yd_slice){tail, sizeof tail}, out, max);
    if (err != YD_OK) return err;
    // Behind the flush a stream stands between two blocks, on a whole byte.
    int at = state->z.data_type;
    return (at & 128) != 0 && (at & 7) == 0 ? YD_OK : YD_EMALFORMED;
}

/* ---- out -------------------------------------------------------------------------------------
 */

#define GAIN_MIN 8 /* an eighth has to go: the receiver's work counts too */
#define RSV1     0x40

struct ws_deflate {
    z_stream z;
};

struct ws_deflate *ws_deflate_new(int level)
{
    struct ws_deflate *state = calloc(1, sizeof *state);
    if (state == NULL) return NULL;
    if (deflateInit2(&state->z, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK) {
        return state;
    }
    free(state);
    return NULL;
}

void ws_deflate_free(struct ws_deflate *state)
{
    if (state == NULL) return;
    (void)deflateEnd(&state->z);
    free(state);
}

/* One of our own frames, at the beginning of the bytes. */
struct own_frame {
    uint8_t first;
    yd_slice whole, payload;
};

static struct own_frame own_frame_at(yd_slice bytes)
{
    const uint8_t *b = bytes.ptr;
    size_t head = b[1] == 126 ? 4 : b[1] == 127 ? 10 : 2;
    uint64_t len = head == 2 ? b[1] : 0;
    for (size_t i = 2; i < head; i++) len = len << 8 | b[i];
    return (struct own_frame){b[0], {b, head + (size_t)len}, {b + head, (size_t)len}};
}

static bool is_worth_it(const struct own_frame *frame, struct ws_deflate_range range)
{
    bool is_data = (frame->first & 0x0fu) == WS_TEXT || (frame->first & 0x0fu) == WS_BINARY;
    return is_data && frame->payload.len >= range.min && frame->payload.len <= range.max;
}

static yd_slice behind(yd_slice bytes, size_t n)
{
    return n >= bytes.len ? YD_EMPTY : (yd_slice){bytes.ptr + n, bytes.len - n};
}

bool ws_deflate_tries(yd_slice frames, struct ws_deflate_range range)
{
    while (frames.len > 0) {
        struct own_frame frame = own_frame_at(frames);
        if (is_worth_it(&frame, range)) return true;
        frames = behind(frames, frame.whole.len);
    }
    return false;
}

/* False: it does not shrink enough, and `to` is as before. */
static bool frame_deflate(struct ws_deflate *state, const struct own_frame *frame,
                          struct yd_buf *to)
{
    z_stream *z = &state->z;
    size_t most = frame->payload.len - frame->payload.len / GAIN_MIN;
    size_t before = to->len;
    if (deflateReset(z) != Z_OK) return false;
    if (yd_buf_reserve(to, WS_HEAD_MAX + most + sizeof tail) != YD_OK) return false;
    uint8_t *at = to->ptr + before + WS_HEAD_MAX; // the head's size is known afterwards
    z->next_in = (Bytef *)frame->payload.ptr;
    z->avail_in = (uInt)frame->payload.len;
    z->next_out = at;
    z->avail_out = (uInt)(most + sizeof tail);
    if (deflate(z, Z_SYNC_FLUSH) != Z_OK) return false;
    // Without space left there may be more to say, and then it has not shrunk.
    if (z->avail_in != 0 || z->avail_out == 0) return false;
    size_t len = most - z->avail_out; // without the tail
    uint8_t head[WS_HEAD_MAX];
    size_t head_len = ws_head((enum ws_opcode)(frame->first & 0x0fu), len, head);
    head[0] |= RSV1;
    memcpy(to->ptr + before, head, head_len);
    memmove(to->ptr + before + head_len, at, len);
    to->len = before + head_len + len;
    return true;
}

bool ws_deflate_frames(struct ws_deflate *state, yd_slice frames, struct ws_deflate_range range,
                       struct yd_buf *to)
{
    bool any = false;
    while (frames.len > 0) {
        struct own_frame frame = own_frame_at(frames);
        if (is_worth_it(&frame, range) && frame_deflate(state, &frame, to)) {
            any = true;
        } else if (yd_buf_append(to, frame.whole) != YD_OK) {
            return false;
        }
        frames = behind(frames, frame.whole.len);
    }
    return any;
}
