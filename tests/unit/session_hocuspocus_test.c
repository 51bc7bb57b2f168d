/* Frames of Hocuspocus: docs/protocol.md P40... The bytes are those that its providers send. */
#include "room_world.h"

#include "room/session.h"

struct talk {
    struct heap heap;
    struct session *session;
    struct session_event ev;
};

#define DOC        4, 'd', 'o', 'c', '1'
#define TOKEN_OF_3 BYTES(DOC, 2, 0, 3, 't', 'o', 'k')
#define TOKEN_OF_4 BYTES(DOC, 2, 0, 3, 't', 'o', 'k', 5, '4', '.', '8', '.', '0')

static void talk_begin(struct talk *t, uint32_t docs_max)
{
    memset(t, 0, sizeof *t);
    struct session_opts opts = {.dialect = SESSION_HOCUSPOCUS, .docs_max = docs_max};
    assert_int_equal(session_new((yd_alloc){heap_resize, &t->heap}, opts, &t->session), YD_OK);
}

static void talk_end(struct talk *t)
{
    session_free(t->session);
    assert_int_equal(t->heap.live, 0);
}

static enum session_event_kind takes(struct talk *t, yd_slice bytes)
{
    memset(&t->ev, 0xee, sizeof t->ev);
    assert_int_equal(session_recv(t->session, SESSION_BINARY, bytes, &t->ev), YD_OK);
    return t->ev.kind;
}

static void assert_message(struct talk *t, yd_slice frame, enum room_message message,
                           yd_slice bytes)
{
    assert_int_equal(takes(t, frame), SESSION_EV_MESSAGE);
    assert_int_equal(t->ev.doc, 0);
    assert_int_equal(t->ev.message, message);
    assert_bytes(t->ev.bytes, bytes);
}

static void p40_a_token_asks_for_a_document(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, 0);
    assert_int_equal(takes(&t, TOKEN_OF_3), SESSION_EV_OPEN);
    assert_int_equal(t.ev.doc, 0);
    assert_false(t.ev.has_message);
    assert_bytes(t.ev.name, YD_LITERAL("doc1"));
    assert_bytes(t.ev.token, YD_LITERAL("tok"));
    assert_int_equal(takes(&t, BYTES(DOC, 2, 0, 1, 'x')), SESSION_EV_TOKEN);
    assert_bytes(t.ev.name, YD_LITERAL("doc1"));
    assert_bytes(t.ev.token, YD_LITERAL("x"));
    assert_int_equal(takes(&t, BYTES(1, 'b', 2, 0, 0, 5, '4', '.', '8', '.', '0')),
                     SESSION_EV_OPEN);
    assert_int_equal(t.ev.doc, 1);
    assert_bytes(t.ev.token, YD_EMPTY);
    talk_end(&t);
}

static void p40_step1_without_a_token_asks_for_one_too(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, 0);
    assert_int_equal(takes(&t, BYTES(DOC, 0, 0, 1, 0)), SESSION_EV_OPEN);
    assert_true(t.ev.has_message);
    assert_int_equal(t.ev.message, ROOM_MSG_STEP1);
    assert_bytes(t.ev.bytes, BYTES(0));
    assert_bytes(t.ev.name, YD_LITERAL("doc1"));
    assert_bytes(t.ev.token, YD_EMPTY);
    talk_end(&t);
}

static void p40_nothing_else_does(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, 0);
    const yd_slice other[] = {BYTES(DOC, 0, 2, 2, 0, 0), BYTES(DOC, 0, 1, 2, 0, 0),
                              BYTES(DOC, 1, 1, 0),       BYTES(DOC, 3),
                              BYTES(DOC, 5, 1, 'x'),     BYTES(DOC, 7)};
    uint64_t calls = t.heap.calls;
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        assert_int_equal(takes(&t, other[i]), SESSION_EV_IGNORED);
        assert_non_null(t.ev.why);
    }
    assert_int_equal(t.heap.calls, calls);
    talk_end(&t);
}

static void p42_messages_of_an_open_document(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, 0);
    takes(&t, TOKEN_OF_4);
    assert_message(&t, BYTES(DOC, 0, 0, 1, 0), ROOM_MSG_STEP1, BYTES(0));
    assert_message(&t, BYTES(DOC, 0, 1, 2, 0, 0), ROOM_MSG_STEP2, BYTES(0, 0));
    yd_slice update = BYTES(DOC, 0, 2, 3, 7, 8, 9);
    assert_message(&t, update, ROOM_MSG_UPDATE, BYTES(7, 8, 9));
    assert_ptr_equal(t.ev.bytes.ptr, update.ptr + 8); // without copying
    assert_message(&t, BYTES(DOC, 1, 2, 8, 9), ROOM_MSG_AWARENESS, BYTES(8, 9));
    assert_message(&t, BYTES(DOC, 3), ROOM_MSG_QUERY, YD_EMPTY);
    assert_message(&t, BYTES(DOC, 5, 2, 'h', 'i'), ROOM_MSG_STATELESS, YD_LITERAL("hi"));
    assert_message(&t, BYTES(DOC, 6, 2, 'h', 'i'), ROOM_MSG_STATELESS, YD_LITERAL("hi"));
    talk_end(&t);
}

static void p43_the_client_gives_a_document_back(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, 0);
    takes(&t, TOKEN_OF_4);
    takes(&t, BYTES(1, 'b', 2, 0, 0));
    assert_int_equal(takes(&t, BYTES(DOC, 7)), SESSION_EV_SHUT);
    assert_int_equal(t.ev.doc, 0);
    assert_int_equal(takes(&t, BYTES(DOC, 1, 1, 0)), SESSION_EV_IGNORED);
    assert_int_equal(takes(&t, BYTES(1, 'b', 1, 1, 0)), SESSION_EV_MESSAGE);
    assert_int_equal(t.ev.doc, 1);
    assert_int_equal(takes(&t, BYTES(1, 'c', 2, 0, 0)), SESSION_EV_OPEN);
    assert_int_equal(t.ev.doc, 0); // its number is used again
    session_forget(t.session, 1);
    assert_int_equal(takes(&t, BYTES(1, 'b', 1, 1, 0)), SESSION_EV_IGNORED);
    talk_end(&t);
}

static void p44_what_is_broken_or_unknown_is_ignored(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, 0);
    takes(&t, TOKEN_OF_3);
    const yd_slice bad[] = {YD_EMPTY,
                            BYTES(DOC),
                            BYTES(9, 'a', 2),
                            BYTES(0xff),
                            BYTES(0xff, 0xff, 0xff),
                            BYTES(DOC, 0),
                            BYTES(DOC, 0, 3, 1, 1),
                            BYTES(DOC, 0, 2, 3, 1),
                            BYTES(DOC, 1, 200, 1),
                            BYTES(DOC, 2),
                            BYTES(DOC, 2, 0),
                            BYTES(DOC, 2, 0, 9, 't'),
                            BYTES(DOC, 2, 1, 1, 't'),
                            BYTES(DOC, 4, 0, 0),
                            BYTES(DOC, 5, 9, 'x'),
                            BYTES(DOC, 8, 1),
                            BYTES(DOC, 9),
                            BYTES(DOC, 64)};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(takes(&t, bad[i]), SESSION_EV_IGNORED);
        assert_non_null(t.ev.why);
    }
    assert_int_equal(session_recv(t.session, SESSION_TEXT, YD_LITERAL("__YPS:x"), &t.ev), YD_OK);
    assert_int_equal(t.ev.kind, SESSION_EV_IGNORED);
    talk_end(&t);
}

static void p44_a_client_of_another_dialect_is_sent_away(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, 0);
    assert_int_equal(takes(&t, BYTES(0, 0, 1, 0)), SESSION_EV_CLOSE); // y-websocket: step 1
    assert_int_equal(t.ev.close_code, 4400);
    uint8_t frame[SESSION_ADDRESS_MAX + 8] = {0x81, 5}; // 641 bytes
    memset(frame + 2, 'a', SESSION_ADDRESS_MAX + 1);
    memcpy(frame + 2 + SESSION_ADDRESS_MAX + 1, (const uint8_t[]){2, 0, 0}, 3);
    yd_slice bytes = {frame, SESSION_ADDRESS_MAX + 6};
    assert_int_equal(takes(&t, bytes), SESSION_EV_CLOSE);
    assert_int_equal(t.ev.close_code, 4400);
    frame[0] = 0x80; // one less is an address
    memmove(frame + 2 + SESSION_ADDRESS_MAX, (const uint8_t[]){2, 0, 0}, 3);
    assert_int_equal(takes(&t, (yd_slice){frame, SESSION_ADDRESS_MAX + 5}), SESSION_EV_OPEN);
    talk_end(&t);
}

static void p45_pings_and_pongs_are_signs_of_life(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, 0);
    assert_int_equal(takes(&t, BYTES(10)), SESSION_EV_NONE);
    assert_int_equal(takes(&t, BYTES(9)), SESSION_EV_NONE);
    talk_end(&t);
}

static void p46_so_many_documents_and_no_more(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, 3);
    for (uint8_t c = 'a'; c < 'd'; c++) {
        assert_int_equal(takes(&t, BYTES(1, c, 2, 0, 0)), SESSION_EV_OPEN);
    }
    assert_int_equal(takes(&t, BYTES(1, 'd', 2, 0, 0)), SESSION_EV_CLOSE);
    assert_int_equal(t.ev.close_code, 4205);
    assert_int_equal(takes(&t, BYTES(1, 'b', 7)), SESSION_EV_SHUT);
    assert_int_equal(takes(&t, BYTES(1, 'd', 2, 0, 0)), SESSION_EV_OPEN);
    talk_end(&t);
}

static void assert_head(const struct talk *t, uint32_t doc, enum room_message message, size_t len,
                        yd_slice want)
{
    struct session_head head;
    assert_true(session_head(t->session, doc, message, len, &head));
    assert_int_equal(head.opcode, SESSION_BINARY);
    assert_bytes((yd_slice){head.bytes, head.len}, want);
}

static void p47_heads(void **state)
{
    (void)state;
    struct talk t;
    struct session_head head;
    talk_begin(&t, 0);
    takes(&t, TOKEN_OF_3);
    assert_head(&t, 0, ROOM_MSG_STEP1, 1, BYTES(DOC, 0, 0, 1));
    assert_head(&t, 0, ROOM_MSG_STEP2, 300, BYTES(DOC, 0, 1, 0xac, 2));
    assert_head(&t, 0, ROOM_MSG_UPDATE, 2, BYTES(DOC, 0, 2, 2));
    assert_head(&t, 0, ROOM_MSG_AWARENESS, 3, BYTES(DOC, 1, 3));
    assert_head(&t, 0, ROOM_MSG_QUERY, 0, BYTES(DOC, 3));
    assert_head(&t, 0, ROOM_MSG_STATELESS, 2, BYTES(DOC, 5, 2));
    assert_head(&t, 0, ROOM_MSG_STATUS, 1, BYTES(DOC, 8));
    assert_false(session_head(t.session, 0, ROOM_MSG_DENIED, 1, &head));
    assert_false(session_head(t.session, 1, ROOM_MSG_STEP1, 1, &head)); // no such document
    talk_end(&t);
}

static void assert_note(const struct talk *t, enum session_note note, size_t len, yd_slice want)
{
    struct session_head head;
    assert_true(session_note(t->session, 0, note, len, &head));
    assert_bytes((yd_slice){head.bytes, head.len}, want);
}

static void p47_notes(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, 0);
    takes(&t, TOKEN_OF_3);
    assert_note(&t, SESSION_NOTE_ADMITTED, 8, BYTES(DOC, 2, 2, 8));
    assert_note(&t, SESSION_NOTE_REFUSED, 9, BYTES(DOC, 2, 1, 9));
    assert_note(&t, SESSION_NOTE_TOKEN, 0, BYTES(DOC, 2, 0));
    talk_end(&t);
}

static void p48_a_provider_with_an_id_of_its_own_has_frames_of_its_own(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, 0);
    takes(&t, TOKEN_OF_4);
    assert_int_equal(session_wire(t.session, 0), SESSION_WIRE_HOCUSPOCUS);
    assert_int_equal(takes(&t, BYTES(6, 'd', 'o', 'c', '1', 0, 'x', 2, 0, 0)), SESSION_EV_OPEN);
    assert_int_equal(t.ev.doc, 1);
    assert_bytes(t.ev.name, YD_LITERAL("doc1"));
    assert_int_equal(session_wire(t.session, 1), SESSION_WIRE_OWN);
    assert_head(&t, 1, ROOM_MSG_AWARENESS, 3, BYTES(6, 'd', 'o', 'c', '1', 0, 'x', 1, 3));
    talk_end(&t);
}

static void p49_a_provider_4_5_and_later_has_its_clock_raised(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, 0);
    const struct {
        const char *version;
        uint32_t wants;
    } cases[] = {
        {"", 0},
        {"4.8.0", ROOM_WANTS_RAISE},
        {"4.5.0", ROOM_WANTS_RAISE},
        {"4.4.9", 0},
        {"4.10.1", ROOM_WANTS_RAISE},
        {"5.0.0", ROOM_WANTS_RAISE},
        {"3.4.4", 0},
        {"x", 0},
        {"4", 0},
        {".5", 0},
        {"99999999999999999999.", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t frame[64] = {DOC, 2, 0, 0, (uint8_t)strlen(cases[i].version)};
        memcpy(frame + 9, cases[i].version, frame[8]);
        takes(&t, (yd_slice){frame, 8u + (frame[8] > 0) + frame[8]});
        assert_int_equal(session_wants(t.session, 0), ROOM_WANTS_STATUS | cases[i].wants);
    }
    talk_end(&t);
}

/* Each call for memory fails once, from the first on. */
static void p46_memory_that_is_refused_is_an_error(void **state)
{
    (void)state;
    for (uint64_t fail = 1;; fail++) {
        struct talk t;
        memset(&t, 0, sizeof t);
        t.heap.fail_at = fail;
        struct session_opts opts = {.dialect = SESSION_HOCUSPOCUS};
        yd_err err = session_new((yd_alloc){heap_resize, &t.heap}, opts, &t.session);
        for (uint8_t c = 'a'; err == YD_OK && c < 'f'; c++) {
            err = session_recv(t.session, SESSION_BINARY, BYTES(1, c, 2, 0, 0), &t.ev);
        }
        talk_end(&t);
        if (err == YD_OK) break;
        assert_int_equal(err, YD_ENOMEM);
        assert_true(fail < 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p40_a_token_asks_for_a_document),
        cmocka_unit_test(p40_step1_without_a_token_asks_for_one_too),
        cmocka_unit_test(p40_nothing_else_does),
        cmocka_unit_test(p42_messages_of_an_open_document),
        cmocka_unit_test(p43_the_client_gives_a_document_back),
        cmocka_unit_test(p44_what_is_broken_or_unknown_is_ignored),
        cmocka_unit_test(p44_a_client_of_another_dialect_is_sent_away),
        cmocka_unit_test(p45_pings_and_pongs_are_signs_of_life),
        cmocka_unit_test(p46_so_many_documents_and_no_more),
        cmocka_unit_test(p46_memory_that_is_refused_is_an_error),
        cmocka_unit_test(p47_heads),
        cmocka_unit_test(p47_notes),
        cmocka_unit_test(p48_a_provider_with_an_id_of_its_own_has_frames_of_its_own),
        cmocka_unit_test(p49_a_provider_4_5_and_later_has_its_clock_raised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
