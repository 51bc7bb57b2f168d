/* permessage-deflate: offers, messages in, frames out. docs/server.md H80 to H84. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "ops/heap.h"
#include "wire/deflate.h"

#define MiB ((size_t)1 << 20)

static enum deflate_offer offer(const char *text)
{
    return deflate_offer_read((yd_slice){(const uint8_t *)text, strlen(text)});
}

static void h80_what_is_taken(void **unused)
{
    static const char *const taken[] = {
        "permessage-deflate",
        "Permessage-Deflate",
        "permessage-deflate; client_max_window_bits",
        " permessage-deflate ;\tclient_max_window_bits = 8 ",
        "permessage-deflate; client_max_window_bits=\"15\"",
        "permessage-deflate; server_max_window_bits=15",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "x-webkit-deflate-frame, permessage-deflate",
        "permessage-deflate; server_max_window_bits=10, permessage-deflate",
        "permessage-deflate; what, bbf-usp-protocol; eid=\"doc\", permessage-deflate",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        if (offer(taken[i]) != DEFLATE_TAKEN) fail_msg("not taken: %s", taken[i]);
    }
}

static void h80_what_is_declined(void **unused)
{
    static const char *const declined[] = {
        "",
        "permessage-bzip2",
        "permessage-deflate2",
        "permessage-deflate; unknown",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=015",
        "permessage-deflate; server_max_window_bits=15; server_max_window_bits=15",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=1x",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof declined / sizeof *declined; i++) {
        if (offer(declined[i]) != DEFLATE_NONE) fail_msg("not declined: %s", declined[i]);
    }
}

static void h80_what_is_no_list_of_extensions(void **unused)
{
    static const char *const broken[] = {
        ",",
        "permessage-deflate,",
        "permessage-deflate;",
        ";permessage-deflate",
        "permessage-deflate; =15",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; client_max_window_bits=\"8",
        "permessage-deflate; client_max_window_bits=\"\"",
        "permessage-deflate; client_max_window_bits=\" 8\"x",
        "permessage-deflate client_max_window_bits",
        "permessage-deflate, a, b=c",
        "perm\xc3\xa9",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        if (offer(broken[i]) != DEFLATE_BROKEN) fail_msg("not broken: %s", broken[i]);
    }
    assert_int_equal(deflate_offer_read((yd_slice){(const uint8_t *)"a\0b", 3}), DEFLATE_BROKEN);
}

/* ---- in --------------------------------------------------------------------------------------
 */

/* What a client makes of a message; final: its library cannot flush, it ends the stream. */
static void pack(struct yd_buf *to, yd_slice bytes, bool final)
{
    z_stream z;
    memset(&z, 0, sizeof z);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = bytes.len / 2 + 4096;
    assert_int_equal(yd_buf_reserve(to, bound), YD_OK);
    z.next_in = (Bytef *)bytes.ptr;
    z.avail_in = (uInt)bytes.len;
    z.next_out = to->ptr + to->len;
    z.avail_out = (uInt)bound;
    assert_int_equal(deflate(&z, final ? Z_FINISH : Z_SYNC_FLUSH), final ? Z_STREAM_END : Z_OK);
    to->len += bound - z.avail_out - (final ? 0 : 4);
    (void)deflateEnd(&z);
    if (final) assert_int_equal(yd_buf_u8(to, 0), YD_OK);
}

static yd_err unpack(yd_slice payload, size_t max, struct yd_buf *out)
{
    struct ws_inflate *state = ws_inflate_new();
    assert_non_null(state);
    yd_buf_init(out, heap_alloc(), max);
    yd_err err = ws_inflate(state, payload, out);
    assert_true(out->cap <= max);
    ws_inflate_free(state);
    return err;
}

static yd_slice repeated(size_t len)
{
    static uint8_t bytes[24 << 20];
    assert_true(len <= sizeof bytes);
    for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)("partyd "[i % 7]);
    return (yd_slice){bytes, len};
}

static void h82_a_message_is_as_large_as_the_limit_or_it_is_refused(void **unused)
{
    static const size_t sizes[] = {0, 1, 2, 4095, 4096, 4097, 100000, MiB};
    (void)unused;
    for (size_t i = 0; i < 2 * (sizeof sizes / sizeof *sizes); i++) {
        yd_slice bytes = repeated(sizes[i / 2]);
        struct yd_buf packed, out;
        yd_buf_init(&packed, heap_alloc(), 64 * MiB);
        pack(&packed, bytes, i % 2 == 1);
        assert_int_equal(unpack(yd_buf_slice(&packed), bytes.len, &out), YD_OK);
        assert_true(yd_slice_equal(yd_buf_slice(&out), bytes));
        yd_buf_deinit(&out);
        if (bytes.len > 0) {
            assert_int_equal(unpack(yd_buf_slice(&packed), bytes.len - 1, &out), YD_ETOOBIG);
            yd_buf_deinit(&out);
        }
        yd_buf_deinit(&packed);
    }
}

static void h82_a_bomb_is_stopped_on_the_way(void **unused)
{
    struct yd_buf packed, out;
    (void)unused;
    yd_buf_init(&packed, heap_alloc(), 64 * MiB);
    pack(&packed, repeated(24 * MiB), false); // 700 times its payload
    assert_true(packed.len * 300 < 24 * MiB);
    assert_int_equal(unpack(yd_buf_slice(&packed), 64 * MiB, &out), YD_ETOOBIG);
    assert_true(out.cap <= 512 * packed.len + 16 * MiB);
    yd_buf_deinit(&out);
    // A small one may be as dense as it likes.
    yd_buf_clear(&packed);
    pack(&packed, repeated(16 * MiB), false);
    assert_int_equal(unpack(yd_buf_slice(&packed), 64 * MiB, &out), YD_OK);
    assert_int_equal(out.len, 16 * MiB);
    yd_buf_deinit(&out);
    yd_buf_deinit(&packed);
}

static void h84_what_is_no_deflate(void **unused)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"", 0},                     // an empty message is one byte
        {"\x06", 1},                 // block type 3
        {"\x07\x00", 2},             //
        {"\x05\xff\xff\xff", 4},     // codes that are none
        {"\x00\x05\x00\x00\x00", 5}, // lengths of a stored block that disagree
        {"\x00\x05\x00\xfa\xff"
         "ab",
         7},                 // ends inside it
        {"\x02\x7f\x00", 3}, // a distance before the beginning
        {"\xf2\x48\xcd", 3}, // cut inside a block
    };
    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct yd_buf out;
        yd_err err = unpack((yd_slice){(const uint8_t *)bad[i].bytes, bad[i].len}, MiB, &out);
        if (err != YD_EMALFORMED) fail_msg("%zu: %s", i, yd_err_name(err));
        yd_buf_deinit(&out);
    }
}

static void h84_streams_in_a_message_come_to_an_end(void **unused)
{
    uint8_t ends[64 * 2 + 1] = {0};
    struct yd_buf out;
    (void)unused;
    for (size_t i = 0; i < 64; i++) memcpy(ends + 2 * i, "\x03\x00", 2);
    assert_int_equal(unpack((yd_slice){ends + 64 * 2 - 4, 5}, MiB, &out), YD_OK);
    yd_buf_deinit(&out);
    assert_int_equal(unpack((yd_slice){ends, sizeof ends}, MiB, &out), YD_EMALFORMED);
    yd_buf_deinit(&out);
}

/* ---- streams ---------------------------------------------------------------------------------
 */

struct talk {
    struct yd_buf got; /* opcode and payload of each message */
    struct yd_buf reply;
    enum ws_state state;
};

static bool on_message(void *ctx, enum ws_opcode opcode, yd_slice payload)
{
    struct talk *t = ctx;
    assert_int_equal(yd_buf_u8(&t->got, (uint8_t)opcode), YD_OK);
    assert_int_equal(yd_buf_append(&t->got, payload), YD_OK);
    return true;
}

static void frame(struct yd_buf *out, uint8_t first, const char *payload, size_t len)
{
    static const uint8_t key[4] = {0x11, 0x00, 0xa5, 0xff};
    assert_true(len < 126);
    assert_int_equal(yd_buf_u8(out, first), YD_OK);
    assert_int_equal(yd_buf_u8(out, (uint8_t)(0x80 | len)), YD_OK);
    assert_int_equal(yd_buf_append(out, (yd_slice){key, 4}), YD_OK);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(yd_buf_u8(out, (uint8_t)payload[i] ^ key[i % 4]), YD_OK);
    }
}

/* The frames in pieces of `cut` bytes. */
static struct talk talk(const struct yd_buf *frames, bool negotiated, size_t max, size_t cut)
{
    struct talk t = {.state = WS_REST};
    struct ws_reader *reader = ws_reader_new();
    struct ws_inflate *state = negotiated ? ws_inflate_new() : NULL;
    yd_buf_init(&t.got, heap_alloc(), MiB);
    yd_buf_init(&t.reply, heap_alloc(), MiB);
    for (size_t at = 0; at < frames->len && t.state != WS_ENDED; at += cut) {
        size_t n = frames->len - at < cut ? frames->len - at : cut;
        struct ws_sink sink = {on_message, &t, max, &t.reply, state, heap_alloc()};
        t.state = ws_read(reader, (yd_slice){frames->ptr + at, n}, &sink);
    }
    ws_inflate_free(state);
    ws_reader_free(reader);
    return t;
}

static void talk_end(struct talk *t)
{
    yd_buf_deinit(&t->got);
    yd_buf_deinit(&t->reply);
}

#define HELLO     "\xf2\x48\xcd\xc9\xc9\x07\x00" /* of RFC 7692 7.2.3.1 */
#define HELLO_LEN 7

static void h83_a_message_may_come_compressed_in_fragments_and_at_any_cut(void **unused)
{
    struct yd_buf frames;
    (void)unused;
    yd_buf_init(&frames, heap_alloc(), 4096);
    frame(&frames, 0xc2, HELLO, HELLO_LEN);
    frame(&frames, 0x41, HELLO, 3); // the bit stands on the first fragment only
    frame(&frames, 0x89, "hi", 2);
    frame(&frames, 0x00, HELLO + 3, 0);
    frame(&frames, 0x80, HELLO + 3, 4);
    frame(&frames, 0x82, "as it is", 8);
    for (size_t cut = 1; cut <= frames.len; cut++) {
        struct talk t = talk(&frames, true, 1024, cut);
        static const char all[] = "\x02Hello\x01Hello\x02"
                                  "as it is";
        assert_int_equal(t.state, WS_REST);
        assert_int_equal(t.got.len, sizeof all - 1);
        assert_memory_equal(t.got.ptr, all, sizeof all - 1);
        assert_int_equal(t.reply.len, 4);
        talk_end(&t);
    }
    yd_buf_deinit(&frames);
}

static void ends(const char *what, bool negotiated, size_t max, unsigned code, uint8_t first,
                 const char *payload, size_t len, uint8_t second)
{
    struct yd_buf frames;
    yd_buf_init(&frames, heap_alloc(), 4096);
    frame(&frames, first, payload, len);
    if (second != 0) frame(&frames, second, payload, len);
    struct talk t = talk(&frames, negotiated, max, frames.len);
    if (t.state != WS_ENDED || t.reply.len < 4) fail_msg("%s: goes on", what);
    const uint8_t *close = t.reply.ptr + t.reply.len - 4;
    if (close[0] != 0x88 || (unsigned)(close[2] << 8 | close[3]) != code) {
        fail_msg("%s: %d", what, close[2] << 8 | close[3]);
    }
    talk_end(&t);
    yd_buf_deinit(&frames);
}

static void h83_bits_that_were_not_agreed_on_close_1002(void **unused)
{
    (void)unused;
    ends("not negotiated", false, 1024, 1002, 0xc2, HELLO, HELLO_LEN, 0);
    ends("RSV2", true, 1024, 1002, 0xa2, HELLO, HELLO_LEN, 0);
    ends("RSV3", true, 1024, 1002, 0x92, HELLO, HELLO_LEN, 0);
    ends("RSV1 and RSV2", true, 1024, 1002, 0xe2, HELLO, HELLO_LEN, 0);
    ends("a ping", true, 1024, 1002, 0xc9, "hi", 2, 0);
    ends("a close", true, 1024, 1002, 0xc8, "\x03\xe8", 2, 0);
    ends("a later fragment", true, 1024, 1002, 0x42, HELLO, HELLO_LEN, 0xc0);
}

static void h82_a_message_that_becomes_too_large_closes_1009(void **unused)
{
    (void)unused;
    ends("one byte too many", true, 4, 1009, 0xc2, HELLO, HELLO_LEN, 0);
    struct yd_buf frames;
    yd_buf_init(&frames, heap_alloc(), 4096);
    frame(&frames, 0xc2, HELLO, HELLO_LEN);
    struct talk t = talk(&frames, true, 7, frames.len);
    assert_int_equal(t.state, WS_REST);
    talk_end(&t);
    yd_buf_deinit(&frames);
}

static void h84_rubbish_closes_1007(void **unused)
{
    (void)unused;
    ends("no deflate", true, 1024, 1007, 0xc2, "\x07\x00\x01", 3, 0);
    ends("nothing at all", true, 1024, 1007, 0xc2, "", 0, 0);
    // A stored block with one byte that no text has.
    ends("text that is none", true, 1024, 1007, 0xc1, "\x00\x01\x00\xfe\xff\xff\x00", 7, 0);
}

/* ---- out -------------------------------------------------------------------------------------
 */

static void own_frame(struct yd_buf *to, enum ws_opcode opcode, yd_slice payload)
{
    uint8_t head[WS_HEAD_MAX];
    size_t n = ws_head(opcode, payload.len, head);
    assert_int_equal(yd_buf_append(to, (yd_slice){head, n}), YD_OK);
    assert_int_equal(yd_buf_append(to, payload), YD_OK);
}

/* Reads one of the frames that came out; what is compressed is unpacked. */
static size_t takes(yd_slice frames, uint8_t first, yd_slice payload)
{
    struct yd_buf out;
    size_t head = frames.ptr[1] == 126 ? 4 : frames.ptr[1] == 127 ? 10 : 2;
    size_t len = head == 2 ? frames.ptr[1] : 0;
    for (size_t i = 2; i < head; i++) len = len << 8 | frames.ptr[i];
    assert_int_equal(frames.ptr[0], first);
    assert_true(head + len <= frames.len);
    yd_slice got = {frames.ptr + head, len};
    yd_buf_init(&out, heap_alloc(), 2 * MiB);
    if ((first & 0x40) != 0) {
        assert_int_equal(unpack(got, 2 * MiB, &out), YD_OK);
        got = yd_buf_slice(&out);
    }
    assert_true(yd_slice_equal(got, payload));
    yd_buf_deinit(&out);
    return head + len;
}

static void h81_frames_in_range_that_shrink_are_compressed_and_no_others(void **unused)
{
    static uint8_t noise[70000];
    uint32_t seed = 1;
    struct ws_deflate_range range = {1000, 200000};
    struct yd_buf in, out;
    (void)unused;
    for (size_t i = 0; i < sizeof noise; i++) {
        seed = seed * 1664525u + 1013904223u;
        noise[i] = (uint8_t)(seed >> 24);
    }
    const struct {
        enum ws_opcode opcode;
        yd_slice payload;
        uint8_t first;
    } list[] = {
        {WS_BINARY, repeated(999), 0x82},    {WS_BINARY, repeated(1000), 0xc2},
        {WS_TEXT, repeated(70000), 0xc1},    {WS_BINARY, {noise, sizeof noise}, 0x82},
        {WS_BINARY, repeated(200000), 0xc2}, {WS_BINARY, repeated(200001), 0x82},
        {WS_PING, repeated(100), 0x89},      {WS_BINARY, {noise, 1500}, 0x82},
        {WS_BINARY, YD_EMPTY, 0x82},
    };
    yd_buf_init(&in, heap_alloc(), 4 * MiB);
    yd_buf_init(&out, heap_alloc(), 4 * MiB);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        own_frame(&in, list[i].opcode, list[i].payload);
    }
    struct ws_deflate *state = ws_deflate_new(1);
    assert_true(ws_deflate_tries(yd_buf_slice(&in), range));
    assert_true(ws_deflate_frames(state, yd_buf_slice(&in), range, &out));
    assert_true(out.len < in.len);
    size_t at = 0;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        yd_slice rest = {out.ptr + at, out.len - at};
        at += takes(rest, list[i].first, list[i].payload);
    }
    assert_int_equal(at, out.len);
    ws_deflate_free(state);
    yd_buf_deinit(&in);
    yd_buf_deinit(&out);
}

static void h81_nothing_to_gain_is_nothing_done(void **unused)
{
    struct ws_deflate_range range = {1000, 200000};
    struct yd_buf in, out;
    (void)unused;
    yd_buf_init(&in, heap_alloc(), MiB);
    yd_buf_init(&out, heap_alloc(), MiB);
    for (int i = 0; i < 50; i++) own_frame(&in, WS_BINARY, repeated(60));
    assert_false(ws_deflate_tries(yd_buf_slice(&in), range));
    struct ws_deflate *state = ws_deflate_new(1);
    assert_false(ws_deflate_frames(state, yd_buf_slice(&in), range, &out));
    assert_true(yd_slice_equal(yd_buf_slice(&in), yd_buf_slice(&out)));
    ws_deflate_free(state);
    yd_buf_deinit(&in);
    yd_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h80_what_is_taken),
        cmocka_unit_test(h80_what_is_declined),
        cmocka_unit_test(h80_what_is_no_list_of_extensions),
        cmocka_unit_test(h82_a_message_is_as_large_as_the_limit_or_it_is_refused),
        cmocka_unit_test(h82_a_bomb_is_stopped_on_the_way),
        cmocka_unit_test(h84_what_is_no_deflate),
        cmocka_unit_test(h84_streams_in_a_message_come_to_an_end),
        cmocka_unit_test(h83_a_message_may_come_compressed_in_fragments_and_at_any_cut),
        cmocka_unit_test(h83_bits_that_were_not_agreed_on_close_1002),
        cmocka_unit_test(h82_a_message_that_becomes_too_large_closes_1009),
        cmocka_unit_test(h84_rubbish_closes_1007),
        cmocka_unit_test(h81_frames_in_range_that_shrink_are_compressed_and_no_others),
        cmocka_unit_test(h81_nothing_to_gain_is_nothing_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
