/* Which room a path names, and request heads. docs/server.md H1..H3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wire/http.h"
#include "wire/route.h"

static yd_slice slice(const char *text) { return (yd_slice){(const uint8_t *)text, strlen(text)}; }

static void is_room(const char *target, const char *party, const char *room)
{
    struct route r = route_parse(slice(target));
    assert_int_equal(r.kind, ROUTE_ROOM);
    assert_true(yd_slice_equal(r.party, slice(party)));
    assert_true(yd_slice_equal(r.room, slice(room)));
}

static void is_none(const char *target, enum route_kind kind)
{
    assert_int_equal(route_parse(slice(target)).kind, kind);
}

static void h2_the_three_forms_name_rooms(void **unused)
{
    (void)unused;
    is_room("/parties/docs-1/r", "docs-1", "r");
    is_room("/parties/docs/r/more/of?it=1", "docs", "r");
    is_room("/party/r", "main", "r");
    is_room("/party/r/", "main", "r");
    is_room("/r?_pk=1", "main", "r");
    is_room("/a%2Fb", "main", "a%2Fb"); // raw, never decoded
}

static void h2_what_is_none_of_them_is_not_found(void **unused)
{
    (void)unused;
    const char *paths[] = {"",        "/parties",     "/parties/",      "/party",    "/party/",
                           "/a/b",    "/parties//r",  "/?_pk=1",        "r",         "//",
                           "/party/", "/parties/X/r", "/parties/a.b/r", "http://h/r"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) is_none(paths[i], ROUTE_NOT_FOUND);
}

static void is_for_many(const char *target, const char *party)
{
    struct route r = route_parse(slice(target));
    assert_int_equal(r.kind, ROUTE_MANY);
    assert_true(yd_slice_equal(r.party, slice(party)));
    assert_int_equal(r.room.len, 0);
}

static void h40_a_party_without_a_room_is_for_many_documents(void **unused)
{
    (void)unused;
    is_for_many("/", "main");
    is_for_many("/?token=x", "main");
    is_for_many("/parties/docs", "docs");
    is_for_many("/parties/docs/", "docs");
    // These clients name their room in the path; there is none.
    is_none("/?_pk=1", ROUTE_NOT_FOUND);
    is_none("/parties/docs?a=b&_pk=1", ROUTE_NOT_FOUND);
}

static void is_named(const char *name, const char *room)
{
    uint8_t got[ROUTE_ROOM_MAX];
    size_t len = route_room_of_name(slice(name), got);
    assert_true(yd_slice_equal((yd_slice){got, len}, slice(room)));
}

static void p41_a_name_becomes_a_raw_room_name(void **unused)
{
    (void)unused;
    is_named("doc-1", "doc-1");
    is_named("a:b@c,d=e+f&g$h;i!j~k'l(m)n*o|p[q]r", "a:b@c,d=e+f&g$h;i!j~k'l(m)n*o|p[q]r");
    is_named("a b", "a%20b");
    is_named("a/b?c#d", "a%2Fb%3Fc%23d");
    is_named("a%20b", "a%2520b"); // another room than "a b"
    is_named("\"<>\\^`{}", "%22%3C%3E%5C%5E%60%7B%7D");
    is_named("\xc3\xa4", "%C3%A4");
    is_named("..", "..");
}

static void p41_what_is_no_name_of_a_room(void **unused)
{
    (void)unused;
    is_named("", "");
    is_named("a\tb", "");
    is_named("a\x7f", "");
    is_named("\xff", ""); // no UTF-8
    uint8_t room[ROUTE_ROOM_MAX];
    uint8_t name[ROUTE_ROOM_MAX + 1];
    memset(name, 'x', sizeof name);
    assert_int_equal(route_room_of_name((yd_slice){name, sizeof name - 1}, room), ROUTE_ROOM_MAX);
    assert_int_equal(route_room_of_name((yd_slice){name, sizeof name}, room), 0);
    name[0] = ' '; // takes three bytes
    assert_int_equal(route_room_of_name((yd_slice){name, ROUTE_ROOM_MAX - 2}, room),
                     ROUTE_ROOM_MAX);
    assert_int_equal(route_room_of_name((yd_slice){name, ROUTE_ROOM_MAX - 1}, room), 0);
}

static void h2_names_too_long_or_with_control_characters_are_bad(void **unused)
{
    char path[ROUTE_ROOM_MAX + 3] = "/";
    (void)unused;
    memset(path + 1, 'x', ROUTE_ROOM_MAX);
    assert_int_equal(route_parse(slice(path)).kind, ROUTE_ROOM);
    path[ROUTE_ROOM_MAX + 1] = 'x';
    is_none(path, ROUTE_BAD);
    is_none("/a\x01", ROUTE_BAD);
    is_none("/a%0a", ROUTE_BAD);
    is_none("/%7Fb", ROUTE_BAD);
    is_none("/party/%00", ROUTE_BAD);
    is_room("/a%0", "main", "a%0");
}

static void h8_pk_is_found_as_a_parameter_only(void **unused)
{
    (void)unused;
    assert_true(route_parse(slice("/r?_pk=1")).has_pk);
    assert_true(route_parse(slice("/r?a=b&_pk=1")).has_pk);
    assert_false(route_parse(slice("/r?a_pk=1")).has_pk);
    assert_false(route_parse(slice("/_pk=1")).has_pk);
}

#define HEAD                                                                                       \
    "GET /r?x=1 HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUPGRADE: WebSocket\r\n"  \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                 \
    "Sec-WebSocket-Protocol: one, two\r\n\r\n"

static void h3_an_upgrade_is_read_whatever_is_behind_it(void **unused)
{
    struct http_request r;
    (void)unused;
    assert_int_equal(http_request_read(slice(HEAD "\x82\x80"), &r), sizeof HEAD - 1);
    assert_true(r.is_get && r.is_upgrade);
    assert_true(yd_slice_equal(r.target, slice("/r?x=1")));
    assert_true(yd_slice_equal(r.ws_version, slice("13")));
    assert_true(yd_slice_equal(r.ws_protocol, slice("one, two")));
    char accept[HTTP_ACCEPT_LEN + 1];
    assert_true(http_accept(r.ws_key, accept));
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); // the example of RFC 6455
}

static int reads(const char *head, struct http_request *r)
{
    return http_request_read(slice(head), r);
}

#define POST "POST /api/rooms/r/kick HTTP/1.1\r\nHost: h\r\n"

static void d20_a_request_with_a_body_says_its_length(void **unused)
{
    struct http_request r;
    (void)unused;
    assert_int_equal(reads(POST "Content-Length: 12\r\nExpect: 100-continue\r\n\r\n{", &r),
                     strlen(POST "Content-Length: 12\r\nExpect: 100-continue\r\n\r\n"));
    assert_true(r.is_post && !r.is_get && !r.is_upgrade && r.expects_continue && !r.has_coding);
    assert_true(yd_slice_equal(r.method, slice("POST")));
    assert_int_equal(r.body_bytes, 12);
    assert_true(reads(POST "\r\n", &r) > 0);
    assert_int_equal(r.body_bytes, 0);
    assert_true(reads(POST "Content-Length: 65536\r\n\r\n", &r) > 0);
    assert_int_equal(r.body_bytes, HTTP_BODY_MAX);
    assert_true(reads(POST "Content-Length: 99999999999999\r\n\r\n", &r) > 0);
    assert_true(r.body_bytes > HTTP_BODY_MAX);
    assert_true(reads(POST "Transfer-Encoding: chunked\r\n\r\n", &r) > 0);
    assert_true(r.has_coding);
    assert_true(reads(POST "Content-Length: -1\r\n\r\n", &r) == HTTP_BAD ||
                r.body_bytes > HTTP_BODY_MAX);
}

static void d20_what_decides_may_stand_in_a_head_once(void **unused)
{
    static const char *const names[] = {
        "Authorization",      "Cookie",         "Origin", "X-Collab-Signature", "X-Collab-Sha256",
        "X-Collab-Timestamp", "Content-Length", "Upgrade"};
    struct http_request r;
    char head[256];
    (void)unused;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(head, sizeof head, POST "%s: 1\r\nX: y\r\n%s: 1\r\n\r\n", names[i],
                       names[i]);
        assert_int_equal(reads(head, &r), HTTP_BAD);
        (void)snprintf(head, sizeof head, POST "%s: 1\r\nX: y\r\n\r\n", names[i]);
        assert_true(reads(head, &r) > 0);
    }
    // Subprotocols are a list; what is behind the first line is not needed.
    assert_true(reads(POST "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n\r\n", &r) >
                0);
    assert_true(yd_slice_equal(r.ws_protocol, slice("a")));
}

static void h1_a_head_is_awaited_byte_by_byte(void **unused)
{
    struct http_request r;
    (void)unused;
    for (size_t i = 0; i < sizeof HEAD - 1; i++) {
        assert_int_equal(http_request_read((yd_slice){(const uint8_t *)HEAD, i}, &r), HTTP_MORE);
    }
}

static void h1_nonsense_and_endless_heads_are_bad(void **unused)
{
    static uint8_t endless[HTTP_HEAD_MAX];
    struct http_request r;
    (void)unused;
    assert_int_equal(http_request_read(slice("\x16\x03\x01 hello\r\n"), &r), HTTP_BAD);
    assert_int_equal(http_request_read(slice("GET / HTTP/1.1\r\nno colon\r\n\r\n"), &r), HTTP_BAD);
    memset(endless, 'a', sizeof endless);
    memcpy(endless, "GET /", 5);
    assert_int_equal(http_request_read((yd_slice){endless, sizeof endless}, &r), HTTP_BAD);
}

static void h3_keys_that_are_not_16_bytes_are_refused(void **unused)
{
    char accept[HTTP_ACCEPT_LEN + 1];
    (void)unused;
    assert_false(http_accept(YD_EMPTY, accept));
    assert_false(http_accept(slice("dGhlIHNhbXBsZSBub25jZQ="), accept));
    assert_false(http_accept(slice("dGhlIHNhbXBsZSBub25jZQAA"), accept));
    assert_false(http_accept(slice("!!!!IHNhbXBsZSBub25jZQ=="), accept));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h2_the_three_forms_name_rooms),
        cmocka_unit_test(h2_what_is_none_of_them_is_not_found),
        cmocka_unit_test(h40_a_party_without_a_room_is_for_many_documents),
        cmocka_unit_test(p41_a_name_becomes_a_raw_room_name),
        cmocka_unit_test(p41_what_is_no_name_of_a_room),
        cmocka_unit_test(h2_names_too_long_or_with_control_characters_are_bad),
        cmocka_unit_test(h8_pk_is_found_as_a_parameter_only),
        cmocka_unit_test(h3_an_upgrade_is_read_whatever_is_behind_it),
        cmocka_unit_test(d20_a_request_with_a_body_says_its_length),
        cmocka_unit_test(d20_what_decides_may_stand_in_a_head_once),
        cmocka_unit_test(h1_a_head_is_awaited_byte_by_byte),
        cmocka_unit_test(h1_nonsense_and_endless_heads_are_bad),
        cmocka_unit_test(h3_keys_that_are_not_16_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
