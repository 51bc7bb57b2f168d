/* WebSocket frames in: the same messages however the stream is cut. docs/server.md H5..H7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/heap.h"
#include "wire/ws.h"

struct talk {
    size_t max;
    struct ws_reader *reader;
    struct yd_buf got; /* opcode, varuint length, payload of each message */
    struct yd_buf reply;
    enum ws_state state;
};

static bool on_message(void *ctx, enum ws_opcode opcode, yd_slice payload)
{
    struct talk *t = ctx;
    assert_int_equal(yd_buf_u8(&t->got, (uint8_t)opcode), YD_OK);
    assert_int_equal(yd_buf_varbytes(&t->got, payload), YD_OK);
    return true;
}

static void talk_begin(struct talk *t, size_t max)
{
    t->reader = ws_reader_new();
    assert_non_null(t->reader);
    yd_buf_init(&t->got, heap_alloc(), 1 << 20);
    yd_buf_init(&t->reply, heap_alloc(), 1 << 20);
    t->state = WS_REST;
    t->max = max;
}

static void talk_end(struct talk *t)
{
    ws_reader_free(t->reader);
    yd_buf_deinit(&t->got);
    yd_buf_deinit(&t->reply);
}

static void takes(struct talk *t, yd_slice bytes)
{
    struct ws_sink sink = {on_message, t, t->max, &t->reply, NULL, heap_alloc()};
    if (t->state != WS_ENDED) t->state = ws_read(t->reader, bytes, &sink);
}

/* A masked frame; first: FIN and opcode. */
static void frame(struct yd_buf *out, uint8_t first, const char *payload)
{
    static const uint8_t key[4] = {0x11, 0x00, 0xa5, 0xff};
    size_t len = strlen(payload);
    assert_true(len < 126);
    assert_int_equal(yd_buf_u8(out, first), YD_OK);
    assert_int_equal(yd_buf_u8(out, (uint8_t)(0x80 | len)), YD_OK);
    assert_int_equal(yd_buf_append(out, (yd_slice){key, 4}), YD_OK);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(yd_buf_u8(out, (uint8_t)payload[i] ^ key[i % 4]), YD_OK);
    }
}

static void assert_bytes(const struct yd_buf *buf, const char *bytes, size_t len)
{
    assert_int_equal(buf->len, len);
    assert_memory_equal(buf->ptr, bytes, len);
}

static void h5_every_cut_of_a_stream_gives_the_same_messages(void **unused)
{
    static const char messages[] = "\x02\x03"
                                   "abc"
                                   "\x01\x06"
                                   "onetwo"
                                   "\x02\x00";
    struct yd_buf stream;
    (void)unused;
    yd_buf_init(&stream, heap_alloc(), 4096);
    frame(&stream, 0x82, "abc");
    frame(&stream, 0x01, "one");
    frame(&stream, 0x89, "hi"); // a ping between fragments
    frame(&stream, 0x80, "two");
    frame(&stream, 0x82, "");
    for (size_t a = 0; a <= stream.len; a++) {
        for (size_t b = a; b <= stream.len; b++) {
            struct talk t;
            talk_begin(&t, 1024);
            takes(&t, (yd_slice){stream.ptr, a});
            takes(&t, (yd_slice){stream.ptr + a, b - a});
            takes(&t, (yd_slice){stream.ptr + b, stream.len - b});
            assert_int_equal(t.state, WS_REST);
            assert_bytes(&t.got, messages, sizeof messages - 1);
            assert_bytes(&t.reply, "\x8a\x02hi", 4);
            talk_end(&t);
        }
    }
    yd_buf_deinit(&stream);
}

/* The reader is lent to others only at rest, so these borders decide whose bytes go where. */
static void h5_a_reader_rests_only_between_messages(void **unused)
{
    struct yd_buf stream;
    (void)unused;
    yd_buf_init(&stream, heap_alloc(), 4096);
    frame(&stream, 0x01, "one");
    size_t first = stream.len;
    frame(&stream, 0x80, "two");
    struct talk t;
    talk_begin(&t, 1024);
    for (size_t i = 0; i < stream.len; i++) {
        takes(&t, (yd_slice){stream.ptr + i, 1});
        assert_int_equal(t.state, i + 1 == stream.len ? WS_REST : WS_BUSY);
        if (i + 1 == first) assert_int_equal(t.got.len, 0);
    }
    talk_end(&t);
    yd_buf_deinit(&stream);
}

static void ends_with(uint8_t first, const char *payload, size_t max, unsigned code)
{
    struct yd_buf stream;
    struct talk t;
    yd_buf_init(&stream, heap_alloc(), 4096);
    frame(&stream, first, payload);
    talk_begin(&t, max);
    takes(&t, yd_buf_slice(&stream));
    assert_int_equal(t.state, WS_ENDED);
    assert_int_equal(t.got.len, 0);
    assert_true(t.reply.len >= (code == 0 ? 2 : 4));
    assert_int_equal(t.reply.ptr[0], 0x88);
    if (code != 0) assert_int_equal(t.reply.ptr[2] << 8 | t.reply.ptr[3], code);
    talk_end(&t);
    yd_buf_deinit(&stream);
}

static void h5_frames_that_break_the_protocol_close(void **unused)
{
    (void)unused;
    ends_with(0x81, "\xff\xfe", 1024, 1007); // text that is no UTF-8
    ends_with(0x83, "x", 1024, 1002);        // an opcode that does not exist
    ends_with(0x80, "x", 1024, 1002);        // a continuation of nothing
    ends_with(0xc2, "x", 1024, 1002);        // a reserved bit
    ends_with(0x09, "x", 1024, 1002);        // a fragmented ping
}

static void h5_a_frame_without_mask_closes(void **unused)
{
    struct talk t;
    (void)unused;
    talk_begin(&t, 1024);
    takes(&t, YD_LITERAL("\x82\x01x"));
    assert_int_equal(t.state, WS_ENDED);
    assert_int_equal(t.got.len, 0);
    talk_end(&t);
}

static void h6_a_message_beyond_the_limit_closes_1009(void **unused)
{
    (void)unused;
    ends_with(0x82, "12345", 4, 1009);
    struct yd_buf stream;
    struct talk t;
    yd_buf_init(&stream, heap_alloc(), 4096);
    frame(&stream, 0x02, "123"); // each fragment is within it, the message is not
    frame(&stream, 0x80, "45");
    talk_begin(&t, 4);
    takes(&t, yd_buf_slice(&stream));
    assert_int_equal(t.state, WS_ENDED);
    assert_int_equal(t.reply.ptr[2] << 8 | t.reply.ptr[3], 1009);
    talk_end(&t);
    yd_buf_deinit(&stream);
}

static void h7_a_close_is_answered_an_empty_one_too(void **unused)
{
    (void)unused;
    ends_with(0x88, "", 1024, 0);
    ends_with(0x88, "\x03\xe9", 1024, 1001);
}

static void h6_heads_of_all_sizes(void **unused)
{
    uint8_t head[WS_HEAD_MAX];
    (void)unused;
    assert_int_equal(ws_head(WS_BINARY, 125, head), 2);
    assert_memory_equal(head, "\x82\x7d", 2);
    assert_int_equal(ws_head(WS_TEXT, 126, head), 4);
    assert_memory_equal(head, "\x81\x7e\x00\x7e", 4);
    assert_int_equal(ws_head(WS_BINARY, 65535, head), 4);
    assert_int_equal(ws_head(WS_BINARY, 65536, head), 10);
    assert_memory_equal(head, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h5_every_cut_of_a_stream_gives_the_same_messages),
        cmocka_unit_test(h5_a_reader_rests_only_between_messages),
        cmocka_unit_test(h5_frames_that_break_the_protocol_close),
        cmocka_unit_test(h5_a_frame_without_mask_closes),
        cmocka_unit_test(h6_a_message_beyond_the_limit_closes_1009),
        cmocka_unit_test(h7_a_close_is_answered_an_empty_one_too),
        cmocka_unit_test(h6_heads_of_all_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
