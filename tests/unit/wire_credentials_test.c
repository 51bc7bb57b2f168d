/* Where a token stands in a request, and where browsers may come from. docs/access.md D7, D8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/heap.h"
#include "wire/credentials.h"

static yd_slice slice(const char *text) { return (yd_slice){(const uint8_t *)text, strlen(text)}; }

static void token_is(const char *target, const char *fields, const char *want)
{
    char head[2048];
    struct http_request request;
    struct yd_buf token;
    int n = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\n%s\r\n", target, fields);
    assert_true(n > 0 && (size_t)n < sizeof head);
    assert_int_equal(http_request_read(slice(head), &request), n);
    yd_buf_init(&token, heap_alloc(), 1024);
    assert_int_equal(credentials_token(&request, slice("session"), &token), YD_OK);
    if (!yd_slice_equal(yd_buf_slice(&token), slice(want))) {
        fail_msg("%s %s: '%.*s'", target, fields, (int)token.len, (const char *)token.ptr);
    }
    yd_buf_deinit(&token);
}

static void d7_the_token_is_found_where_it_may_stand(void **unused)
{
    (void)unused;
    token_is("/r?token=abc.d-e_f", "", "abc.d-e_f");
    token_is("/r?_pk=1&token=abc&x=1", "", "abc");
    token_is("/r?token=a%2eb%2Fc%zz%4", "", "a.b/c%zz%4");
    token_is("/r", "Authorization: Bearer abc\r\n", "abc");
    token_is("/r", "authorization: bearer  abc\r\n", "abc");
    token_is("/r", "Sec-WebSocket-Protocol: partyd, bearer.abc.def\r\n", "abc.def");
    token_is("/r", "Sec-WebSocket-Protocol: bearer.abc ,partyd\r\n", "abc");
    token_is("/r", "Cookie: a=1; session=abc; b=2\r\n", "abc");
}

static void d7_what_only_looks_like_one_is_none(void **unused)
{
    (void)unused;
    token_is("/r", "", "");
    token_is("/r?", "", "");
    token_is("/r?token=", "", "");
    token_is("/r?token", "", "");
    token_is("/r?xtoken=abc&tokens=abc&Token=abc", "", "");
    token_is("/token=abc", "", "");
    token_is("/r", "Authorization: Basic abc\r\n", "");
    token_is("/r", "Authorization: Bearer\r\n", "");
    token_is("/r", "Sec-WebSocket-Protocol: partyd, xbearer.abc\r\n", "");
    token_is("/r", "Cookie: xsession=abc; sessions=abc\r\n", "");
}

static void d7_the_header_goes_before_the_query_and_that_before_the_cookie(void **unused)
{
    (void)unused;
    token_is("/r?token=q", "Cookie: session=c\r\nAuthorization: Bearer h\r\n", "h");
    token_is("/r?token=q", "Cookie: session=c\r\nSec-WebSocket-Protocol: p, bearer.s\r\n", "s");
    token_is("/r?token=q", "Cookie: session=c\r\n", "q");
}

static void d7_a_cookie_counts_only_if_it_is_named(void **unused)
{
    struct http_request request = {.cookie = slice("session=abc"),
                                   .authorization = YD_EMPTY,
                                   .ws_protocol = YD_EMPTY,
                                   .target = slice("/r")};
    struct yd_buf token;
    (void)unused;
    yd_buf_init(&token, heap_alloc(), 1024);
    assert_int_equal(credentials_token(&request, YD_EMPTY, &token), YD_OK);
    assert_int_equal(token.len, 0);
}

static void protocol_is(const char *offered, const char *want)
{
    yd_slice got = credentials_protocol(slice(offered));
    if (!yd_slice_equal(got, slice(want))) fail_msg("%s: %.*s", offered, (int)got.len, got.ptr);
}

static void d7_the_answer_never_selects_the_token(void **unused)
{
    (void)unused;
    protocol_is("one, two", "one");
    protocol_is("bearer.abc, partyd", "partyd");
    protocol_is("Bearer.abc,bearer.def , x", "x");
    protocol_is("bearer.abc", "");
    protocol_is("", "");
    protocol_is(" , ,", "");
    protocol_is("a\x01, b", "b");
}

static void d8_origins_are_compared_whole(void **unused)
{
    static const char list[] = "https://app.example.com, http://localhost:5173,https://*.pages.dev";
    (void)unused;
    const char *good[] = {"https://app.example.com", "HTTPS://App.Example.com",
                          "http://localhost:5173", "https://a.pages.dev",
                          "https://a-1.b.pages.dev"};
    const char *bad[] = {"http://app.example.com",
                         "https://app.example.com:8443",
                         "https://app.example.com.evil.com",
                         "https://evil.com",
                         "https://pages.dev",
                         "https://.pages.dev.evil.com",
                         "https://evil.com/.pages.dev",
                         "http://a.pages.dev",
                         "https://a.pages.dev:1",
                         "null",
                         "x"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(credentials_origin_ok(slice(good[i]), list));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (credentials_origin_ok(slice(bad[i]), list)) fail_msg("%s is let in", bad[i]);
    }
    assert_true(credentials_origin_ok(YD_EMPTY, list));
    assert_true(credentials_origin_ok(slice("https://evil.com"), ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d7_the_token_is_found_where_it_may_stand),
        cmocka_unit_test(d7_what_only_looks_like_one_is_none),
        cmocka_unit_test(d7_the_header_goes_before_the_query_and_that_before_the_cookie),
        cmocka_unit_test(d7_a_cookie_counts_only_if_it_is_named),
        cmocka_unit_test(d7_the_answer_never_selects_the_token),
        cmocka_unit_test(d8_origins_are_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
