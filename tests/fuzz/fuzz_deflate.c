/* fuzz_deflate.c - compressed messages: as a payload, as a stream of frames cut at random places,
 * as an offer; and our own frames there and back.
 *
 * Input   a byte that says what, then the bytes.
 * Checks  a message is never above its limit nor far above its payload; the cut stream gives the
 *         messages of the whole one; what we compress is what was there, and not larger; the
 *         shared state carries nothing from one message into the next.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/deflate.h"

#define MESSAGE_MAX 65536

static void *fuzz_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx, (void)old_size;
    if (new_size != 0) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

static const yd_alloc alloc = {fuzz_resize, NULL};

static void need(bool ok)
{
    if (!ok) abort();
}

static struct ws_inflate *inflater; /* shared by all, as in the server */
static struct ws_deflate *deflater;

static void payload_run(yd_slice bytes)
{
    struct yd_buf first, second;
    struct ws_inflate *fresh = ws_inflate_new();
    yd_buf_init(&first, alloc, MESSAGE_MAX);
    yd_buf_init(&second, alloc, MESSAGE_MAX);
    yd_err err = ws_inflate(inflater, bytes, &first);
    need(err == YD_OK || err == YD_ETOOBIG || err == YD_EMALFORMED);
    need(first.cap <= MESSAGE_MAX);
    need(ws_inflate(fresh, bytes, &second) == err);
    if (err == YD_OK) need(yd_slice_equal(yd_buf_slice(&first), yd_buf_slice(&second)));
    ws_inflate_free(fresh);
    yd_buf_deinit(&first);
    yd_buf_deinit(&second);
}

struct stream {
    struct yd_buf seen, reply;
    enum ws_state state;
};

static bool on_message(void *ctx, enum ws_opcode opcode, yd_slice payload)
{
    struct stream *s = ctx;
    need(payload.len <= MESSAGE_MAX);
    need(opcode != WS_TEXT || yd_utf8_check(payload));
    need(yd_buf_u8(&s->seen, (uint8_t)opcode) == YD_OK);
    need(yd_buf_varbytes(&s->seen, payload) == YD_OK);
    return true;
}

static void stream_run(struct stream *s, yd_slice bytes, size_t cut)
{
    struct ws_reader *reader = ws_reader_new();
    struct ws_sink sink = {on_message, s, MESSAGE_MAX, &s->reply, inflater, alloc};
    yd_buf_init(&s->seen, alloc, SIZE_MAX / 2);
    yd_buf_init(&s->reply, alloc, SIZE_MAX / 2);
    s->state = WS_REST;
    for (size_t at = 0; at < bytes.len && s->state != WS_ENDED; at += cut) {
        size_t n = bytes.len - at < cut ? bytes.len - at : cut;
        s->state = ws_read(reader, (yd_slice){bytes.ptr + at, n}, &sink);
        if (s->state == WS_REST) { // it holds nothing: another one has to do as well
            ws_reader_free(reader);
            need((reader = ws_reader_new()) != NULL);
        }
    }
    ws_reader_free(reader);
}

static void streams_run(yd_slice bytes, size_t cut)
{
    struct stream whole, cut_up;
    stream_run(&whole, bytes, bytes.len + 1);
    stream_run(&cut_up, bytes, cut);
    need(yd_slice_equal(yd_buf_slice(&whole.seen), yd_buf_slice(&cut_up.seen)));
    yd_buf_deinit(&whole.seen);
    yd_buf_deinit(&whole.reply);
    yd_buf_deinit(&cut_up.seen);
    yd_buf_deinit(&cut_up.reply);
}

/* The bytes as frames of 1 to 1024 bytes, compressed, and read again. */
static void frames_run(yd_slice bytes)
{
    struct yd_buf frames, packed;
    yd_buf_init(&frames, alloc, SIZE_MAX / 2);
    yd_buf_init(&packed, alloc, SIZE_MAX / 2);
    for (size_t at = 0; at < bytes.len;) {
        uint8_t head[WS_HEAD_MAX];
        size_t len = 1 + bytes.ptr[at] * 4u;
        if (len > bytes.len - at) len = bytes.len - at;
        size_t head_len = ws_head(WS_BINARY, len, head);
        need(yd_buf_append(&frames, (yd_slice){head, head_len}) == YD_OK);
        need(yd_buf_append(&frames, (yd_slice){bytes.ptr + at, len}) == YD_OK);
        at += len;
    }
    struct ws_deflate_range range = {16, 900};
    bool shrank = ws_deflate_frames(deflater, yd_buf_slice(&frames), range, &packed);
    need(shrank ? packed.len < frames.len : packed.len == frames.len);
    size_t in = 0, out = 0;
    while (in < frames.len) {
        struct yd_buf plain;
        const uint8_t *f = frames.ptr + in, *p = packed.ptr + out;
        size_t f_head = f[1] == 126 ? 4 : 2, p_head = p[1] == 126 ? 4 : 2;
        size_t f_len = f_head == 2 ? f[1] : (size_t)(f[2] << 8 | f[3]);
        size_t p_len = p_head == 2 ? p[1] : (size_t)(p[2] << 8 | p[3]);
        yd_buf_init(&plain, alloc, MESSAGE_MAX);
        yd_slice got = {p + p_head, p_len};
        if ((p[0] & 0x40) != 0) {
            need(ws_inflate(inflater, got, &plain) == YD_OK);
            got = yd_buf_slice(&plain);
        }
        need(yd_slice_equal(got, (yd_slice){f + f_head, f_len}));
        yd_buf_deinit(&plain);
        in += f_head + f_len;
        out += p_head + p_len;
    }
    need(out == packed.len);
    yd_buf_deinit(&frames);
    yd_buf_deinit(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    if (inflater == NULL) inflater = ws_inflate_new();
    if (deflater == NULL) deflater = ws_deflate_new(1);
    yd_slice bytes = {data + 1, size - 1};
    switch (data[0] % 4) {
    case 0: payload_run(bytes); break;
    case 1: streams_run(bytes, 1 + data[0] / 4); break;
    case 2: frames_run(bytes); break;
    default: (void)deflate_offer_read(bytes); break;
    }
    return 0;
}
