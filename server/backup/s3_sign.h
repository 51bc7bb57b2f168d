/* backup/s3_sign.h - AWS signature version 4 of one request to S3.
 *
 * Signed are host, x-amz-content-sha256, x-amz-date and, with temporary keys, x-amz-security-token.
 * Pure functions. Source: AWS "Authenticating Requests (AWS Signature Version 4)"; vectors in
 * tests/unit/backup_sign_test.c. libcurl's own signer is not used: docs/decisions/0083. */
#ifndef BACKUP_S3_SIGN_H
#define BACKUP_S3_SIGN_H

#include "ydoc/base.h"

struct s3_keys {
    const char *id, *secret, *token; /* token "": none */
    const char *region;
};

struct s3_to_sign {
    const char *method;
    const char *host;   /* with the port, if the address has one */
    const char *path;   /* percent-encoded, begins with a slash */
    const char *query;  /* percent-encoded, names in order; "" */
    const char *sha256; /* of the body, lower-case hex */
    int64_t now_s;      /* since 1970 */
};

#define S3_LINE_MAX 4096
struct s3_signed {
    char date[64], sha256[128], authorization[1024],
        token[S3_LINE_MAX]; /* header lines; token "" */
};

/* False: something does not fit. */
YD_NODISCARD bool s3_sign(const struct s3_keys *keys, const struct s3_to_sign *what,
                          struct s3_signed *out);

#define S3_SHA256_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#endif
