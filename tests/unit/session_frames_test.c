/* Frames of the dialects and chunked messages: docs/protocol.md P1..P10. */
#include "room_world.h"

#include "room/session.h"

struct talk {
    struct heap heap;
    struct session *session;
    struct session_event ev;
};

static void talk_begin(struct talk *t, struct session_opts opts)
{
    memset(t, 0, sizeof *t);
    assert_int_equal(session_new((yd_alloc){heap_resize, &t->heap}, opts, &t->session), YD_OK);
}

static void talk_end(struct talk *t)
{
    session_free(t->session);
    assert_int_equal(t->heap.live, 0);
}

static void takes(struct talk *t, enum session_opcode opcode, yd_slice bytes)
{
    memset(&t->ev, 0xee, sizeof t->ev);
    assert_int_equal(session_recv(t->session, opcode, bytes, &t->ev), YD_OK);
}

static void binary(struct talk *t, yd_slice bytes) { takes(t, SESSION_BINARY, bytes); }

static void text(struct talk *t, const char *what)
{
    takes(t, SESSION_TEXT, (yd_slice){(const uint8_t *)what, strlen(what)});
}

static void assert_message(const struct talk *t, enum room_message message, yd_slice bytes)
{
    assert_int_equal(t->ev.kind, SESSION_EV_MESSAGE);
    assert_int_equal(t->ev.message, message);
    assert_int_equal(t->ev.doc, 0);
    assert_bytes(t->ev.bytes, bytes);
}

static void assert_dropped(const struct talk *t)
{
    assert_int_equal(t->ev.kind, SESSION_EV_IGNORED);
    assert_non_null(t->ev.why);
}

static void p1_binary_messages(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, (struct session_opts){0});
    binary(&t, BYTES(0, 0, 1, 0));
    assert_message(&t, ROOM_MSG_STEP1, BYTES(0));
    binary(&t, BYTES(0, 1, 2, 0, 0));
    assert_message(&t, ROOM_MSG_STEP2, BYTES(0, 0));
    yd_slice update = BYTES(0, 2, 3, 7, 8, 9);
    binary(&t, update);
    assert_message(&t, ROOM_MSG_UPDATE, BYTES(7, 8, 9));
    assert_ptr_equal(t.ev.bytes.ptr, update.ptr + 3);
    binary(&t, BYTES(1, 6, 1, 1, 0, 2, '{', '}'));
    assert_message(&t, ROOM_MSG_AWARENESS, BYTES(1, 1, 0, 2, '{', '}'));
    binary(&t, BYTES(3));
    assert_message(&t, ROOM_MSG_QUERY, YD_EMPTY);
    talk_end(&t);
}

static void p2_what_follows_is_not_read(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, (struct session_opts){0});
    binary(&t, BYTES(0, 0, 1, 0, 0, 2, 99));
    assert_message(&t, ROOM_MSG_STEP1, BYTES(0));
    talk_end(&t);
}

static void p3_truncated_and_unknown(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, (struct session_opts){0});
    const yd_slice bad[] = {YD_EMPTY,          BYTES(0),         BYTES(0, 0),   BYTES(0, 0, 2, 1),
                            BYTES(0, 3, 1, 1), BYTES(2, 0, 0),   BYTES(4),      BYTES(0x80),
                            BYTES(1, 0xff),    BYTES(1, 200, 1), BYTES(0, 0x80)};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        binary(&t, bad[i]);
        assert_dropped(&t);
    }
    talk_end(&t);
}

static void p4_text(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, (struct session_opts){0});
    uint64_t calls = t.heap.calls;
    text(&t, "__YPS:{\"a\":1}");
    assert_message(&t, ROOM_MSG_STATELESS, YD_LITERAL("{\"a\":1}"));
    const char *const other[] = {"", "400000000", "__YPS", "ping", "y-pk-batch"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        text(&t, other[i]);
        assert_dropped(&t);
    }
    assert_int_equal(t.heap.calls, calls);
    talk_end(&t);
}

static void p52_a_first_message_of_hocuspocus_is_told(void **state)
{
    (void)state;
    const yd_slice tokens[] = {BYTES(1, 'a', 2, 0, 0), BYTES(1, 'a', 2, 0, 1, 'x'),
                               BYTES(3, 'a', 'b', 'c', 2, 0, 1, 'x', 5, '4', '.', '8', '.', '0')};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        struct talk t;
        talk_begin(&t, (struct session_opts){0});
        binary(&t, tokens[i]);
        assert_int_equal(t.ev.kind, SESSION_EV_OTHER);
        assert_int_equal(t.ev.other, SESSION_HOCUSPOCUS);
        binary(&t, tokens[i]); // only the first
        assert_int_not_equal(t.ev.kind, SESSION_EV_OTHER);
        talk_end(&t);
    }
    const yd_slice others[] = {BYTES(0, 0, 1, 0),      BYTES(1, 6, 1, 1, 0, 2, '{', '}'),
                               BYTES(0, 2, 0, 0),      BYTES(1, 'a', 2, 0, 0, 0, 0),
                               BYTES(1, 'a', 2, 0, 9), BYTES(1, 'a', 2, 1, 0)};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct talk t;
        talk_begin(&t, (struct session_opts){0});
        binary(&t, others[i]);
        assert_int_not_equal(t.ev.kind, SESSION_EV_OTHER);
        talk_end(&t);
    }
}

#define START "y-pk-batch#{\"id\":\"e7\",\"type\":\"start\",\"size\":6,\"count\":2}"
#define END   "y-pk-batch#{\"id\":\"e7\",\"type\":\"end\",\"size\":6,\"count\":2}"

static void p5_chunks_become_one_message(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, (struct session_opts){0});
    text(&t, START);
    assert_int_equal(t.ev.kind, SESSION_EV_NONE);
    binary(&t, BYTES(0, 2, 3));
    assert_int_equal(t.ev.kind, SESSION_EV_NONE);
    text(&t, "hello"); // no part of it
    assert_dropped(&t);
    binary(&t, BYTES(7, 8, 9));
    text(&t, END);
    assert_message(&t, ROOM_MSG_UPDATE, BYTES(7, 8, 9));
    binary(&t, BYTES(3));
    assert_message(&t, ROOM_MSG_QUERY, YD_EMPTY);
    talk_end(&t);
}

static void p5_second_start_begins_anew(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, (struct session_opts){0});
    text(&t, START);
    binary(&t, BYTES(1, 1, 1));
    text(&t, START);
    binary(&t, BYTES(0, 2, 3));
    binary(&t, BYTES(7, 8, 9));
    text(&t, END);
    assert_message(&t, ROOM_MSG_UPDATE, BYTES(7, 8, 9));
    talk_end(&t);
}

static void p6_markers_are_read_strictly(void **state)
{
    (void)state;
    static const char *const good[] = {
        "y-pk-batch#{\"id\":\"\",\"type\":\"start\",\"size\":6,\"count\":2}",
        "y-pk-batch# { \"count\" : 2 ,\n\"size\":6,\"type\":\"start\",\"id\":\"x y\" } ",
    };
    static const char *const bad[] = {
        "y-pk-batch#",
        "y-pk-batch#{}",
        "y-pk-batch#{\"id\":\"e7\",\"type\":\"start\",\"size\":6}",
        "y-pk-batch#{\"id\":\"e7\",\"type\":\"start\",\"size\":6,\"count\":2,\"count\":2}",
        "y-pk-batch#{\"id\":\"e7\",\"type\":\"start\",\"size\":6,\"count\":2,\"x\":2}",
        "y-pk-batch#{\"id\":\"e7\",\"type\":\"start\",\"size\":6,\"count\":2}x",
        "y-pk-batch#{\"id\":\"e7\",\"type\":\"start\",\"size\":6,\"count\":2",
        "y-pk-batch#{\"id\":\"e\\u0037\",\"type\":\"start\",\"size\":6,\"count\":2}",
        "y-pk-batch#{\"id\":7,\"type\":\"start\",\"size\":6,\"count\":2}",
        "y-pk-batch#{\"id\":\"e7\",\"type\":\"middle\",\"size\":6,\"count\":2}",
        "y-pk-batch#{\"id\":\"e7\",\"type\":\"start\",\"size\":-6,\"count\":2}",
        "y-pk-batch#{\"id\":\"e7\",\"type\":\"start\",\"size\":1e3,\"count\":2}",
        "y-pk-batch#{\"id\":\"e7\",\"type\":\"start\",\"size\":1111111111111111,\"count\":2}",
        "y-pk-batch#{\"id\":\"1234567890123456789012345678901234567890123456789012345678901234x\","
        "\"type\":\"start\",\"size\":6,\"count\":2}",
    };
    struct talk t;
    talk_begin(&t, (struct session_opts){0});
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        text(&t, bad[i]);
        assert_dropped(&t);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        text(&t, good[i]);
        assert_int_equal(t.ev.kind, SESSION_EV_NONE);
    }
    talk_end(&t);
}

static void p7_mismatch_drops_the_batch(void **state)
{
    (void)state;
    static const char *const ends[] = {
        "y-pk-batch#{\"id\":\"e8\",\"type\":\"end\",\"size\":6,\"count\":2}",
        "y-pk-batch#{\"id\":\"e\",\"type\":\"end\",\"size\":6,\"count\":2}",
        "y-pk-batch#{\"id\":\"e7\",\"type\":\"end\",\"size\":5,\"count\":2}",
        "y-pk-batch#{\"id\":\"e7\",\"type\":\"end\",\"size\":6,\"count\":3}",
    };
    struct talk t;
    talk_begin(&t, (struct session_opts){0});
    size_t idle = t.heap.live;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        text(&t, START);
        binary(&t, BYTES(0, 2, 3));
        binary(&t, BYTES(7, 8, 9));
        text(&t, ends[i]);
        assert_dropped(&t);
        assert_int_equal(t.heap.live, idle);
        text(&t, END);
        assert_dropped(&t); // an end without a start
    }
    text(&t, START);
    binary(&t, BYTES(0, 2, 3));
    text(&t, END); // a chunk is missing
    assert_dropped(&t);
    text(&t, START);
    binary(&t, BYTES(0, 2, 3));
    binary(&t, BYTES(7, 8));
    text(&t, END); // a byte is missing
    assert_dropped(&t);
    text(&t, START);
    binary(&t, BYTES(0, 2, 3, 7, 8, 9));
    text(&t, END); // all bytes, in one chunk instead of two
    assert_dropped(&t);
    assert_int_equal(t.heap.live, idle);
    talk_end(&t);
}

static void p8_memory_follows_what_came(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, (struct session_opts){0});
    size_t idle = t.heap.live;
    text(&t, "y-pk-batch#{\"id\":\"e7\",\"type\":\"start\",\"size\":100000000,\"count\":2}");
    binary(&t, BYTES(1, 2, 3));
    assert_true(t.heap.live < 1000);
    text(&t, START);
    binary(&t, BYTES(1, 2, 3, 4, 5, 6, 7));
    assert_dropped(&t);
    assert_int_equal(t.heap.live, idle);
    text(&t, START);
    binary(&t, BYTES(0, 2, 3));
    binary(&t, BYTES(7, 8, 9));
    text(&t, END);
    text(&t, "x");
    assert_int_equal(t.heap.live, idle);
    talk_end(&t);
}

static void p8_too_large_a_batch_ends_the_socket(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, (struct session_opts){.batch_bytes_max = 5});
    text(&t, START);
    assert_int_equal(t.ev.kind, SESSION_EV_CLOSE);
    assert_int_equal(t.ev.close_code, 1009);
    assert_non_null(t.ev.why);
    talk_end(&t);
}

static void p8_refused_memory_is_said(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 3; i++) {
        struct talk t = {.heap.fail_at = i};
        yd_err err =
            session_new((yd_alloc){heap_resize, &t.heap}, (struct session_opts){0}, &t.session);
        if (err == YD_OK) err = session_recv(t.session, SESSION_TEXT, YD_LITERAL(START), &t.ev);
        if (err == YD_OK) err = session_recv(t.session, SESSION_BINARY, BYTES(1), &t.ev);
        assert_int_equal(err, YD_ENOMEM);
        talk_end(&t);
    }
}

static void assert_head(const struct talk *t, enum room_message message, size_t len,
                        enum session_opcode opcode, yd_slice want)
{
    struct session_head head;
    assert_true(session_head(t->session, 0, message, len, &head));
    assert_int_equal(head.opcode, opcode);
    assert_bytes((yd_slice){head.bytes, head.len}, want);
}

static void p9_heads(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, (struct session_opts){.speaks_text = true});
    assert_head(&t, ROOM_MSG_STEP1, 1, SESSION_BINARY, BYTES(0, 0, 1));
    assert_head(&t, ROOM_MSG_STEP2, 2, SESSION_BINARY, BYTES(0, 1, 2));
    assert_head(&t, ROOM_MSG_UPDATE, 300, SESSION_BINARY, BYTES(0, 2, 0xac, 2));
    assert_head(&t, ROOM_MSG_AWARENESS, 1, SESSION_BINARY, BYTES(1, 1));
    assert_head(&t, ROOM_MSG_QUERY, 0, SESSION_BINARY, BYTES(3));
    assert_head(&t, ROOM_MSG_DENIED, 4, SESSION_BINARY, BYTES(2, 0, 4));
    assert_head(&t, ROOM_MSG_STATELESS, 9, SESSION_TEXT, YD_LITERAL("__YPS:"));
    assert_int_equal(session_wire(t.session, 0), SESSION_WIRE_YWS_TEXT);
    talk_end(&t);
    talk_begin(&t, (struct session_opts){0});
    struct session_head head;
    assert_false(session_head(t.session, 0, ROOM_MSG_STATELESS, 9, &head));
    assert_int_equal(session_wire(t.session, 0),
                     SESSION_WIRE_YWS); // who is not told is another wire
    assert_true(session_head(t.session, 0, ROOM_MSG_QUERY, 0, &head));
    talk_end(&t);
}

static void p10_idle_session_is_small(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, (struct session_opts){0});
    assert_true(t.heap.live < 100);
    talk_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p1_binary_messages),
        cmocka_unit_test(p2_what_follows_is_not_read),
        cmocka_unit_test(p3_truncated_and_unknown),
        cmocka_unit_test(p4_text),
        cmocka_unit_test(p52_a_first_message_of_hocuspocus_is_told),
        cmocka_unit_test(p5_chunks_become_one_message),
        cmocka_unit_test(p5_second_start_begins_anew),
        cmocka_unit_test(p6_markers_are_read_strictly),
        cmocka_unit_test(p7_mismatch_drops_the_batch),
        cmocka_unit_test(p8_memory_follows_what_came),
        cmocka_unit_test(p8_too_large_a_batch_ends_the_socket),
        cmocka_unit_test(p8_refused_memory_is_said),
        cmocka_unit_test(p9_heads),
        cmocka_unit_test(p10_idle_session_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
