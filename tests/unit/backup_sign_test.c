/* backup_sign_test.c - signature V4 against the examples that AWS gives for S3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backup/s3_sign.h"

#define MAY_24_2013 1369353600

static struct s3_keys keys(const char *token)
{
    return (struct s3_keys){"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                            token, "us-east-1"};
}

static void assert_signature(const char *method, const char *path, const char *query,
                             const char *sha256, const char *expected)
{
    const struct s3_keys k = keys("");
    const struct s3_to_sign what = {.method = method,
                                    .host = "examplebucket.s3.amazonaws.com",
                                    .path = path,
                                    .query = query,
                                    .sha256 = sha256,
                                    .now_s = MAY_24_2013};
    struct s3_signed out;
    char end[128];
    assert_true(s3_sign(&k, &what, &out));
    assert_string_equal(out.date, "x-amz-date: 20130524T000000Z");
    snprintf(end, sizeof end, "Signature=%s", expected);
    assert_string_equal(strstr(out.authorization, "Signature="), end);
    assert_string_equal(out.token, "");
}

static void b9_a_listing_is_signed_as_aws_does(void **state)
{
    (void)state;
    assert_signature("GET", "/", "max-keys=2&prefix=J", S3_SHA256_EMPTY,
                     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void b9_a_query_without_value_is_signed_as_aws_does(void **state)
{
    (void)state;
    assert_signature("GET", "/", "lifecycle=", S3_SHA256_EMPTY,
                     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

static void b9_temporary_keys_sign_their_token(void **state)
{
    const struct s3_keys k = keys("a/token+of=their");
    const struct s3_to_sign what = {"PUT", "host", "/b/k", "", S3_SHA256_EMPTY, MAY_24_2013};
    struct s3_signed out;
    (void)state;
    assert_true(s3_sign(&k, &what, &out));
    assert_string_equal(out.token, "x-amz-security-token: a/token+of=their");
    assert_non_null(strstr(out.authorization, "x-amz-date;x-amz-security-token, "));
}

static void b9_what_does_not_fit_is_not_signed(void **state)
{
    static char path[20000];
    const struct s3_keys k = keys("");
    struct s3_to_sign what = {"GET", "host", path, "", S3_SHA256_EMPTY, MAY_24_2013};
    struct s3_signed out;
    (void)state;
    memset(path, 'x', sizeof path - 1);
    assert_false(s3_sign(&k, &what, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(b9_a_listing_is_signed_as_aws_does),
        cmocka_unit_test(b9_a_query_without_value_is_signed_as_aws_does),
        cmocka_unit_test(b9_temporary_keys_sign_their_token),
        cmocka_unit_test(b9_what_does_not_fit_is_not_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
