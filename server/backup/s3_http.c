/* s3_http.c - one signed request, and what its failure means: see s3_state.h. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/s3_state.h"

#define CONNECT_MS 5000
#define CALL_MS    30000
#define LARGE_MS   180000
#define LARGE      ((size_t)1 << 20)
#define URL_MAX    8192

struct s3_req {
    struct s3_req *prev, *next;
    struct s3 *s3;
    struct fetch_call *fetch;
    s3_done *done;
    void *ctx;
};

static void req_free(struct s3_req *req)
{
    DL_DELETE(req->s3->reqs, req);
    free(req);
}

void s3_reqs_free(struct s3 *s3)
{
    struct s3_req *req = NULL, *next = NULL;
    DL_FOREACH_SAFE(s3->reqs, req, next)
    {
        fetch_cancel(req->fetch);
        req_free(req);
    }
}

static void on_answer(void *ctx, const struct fetch_answer *got)
{
    struct s3_req *req = ctx;
    struct s3 *s3 = req->s3;
    s3_done *done = req->done;
    void *done_ctx = req->ctx;
    s3->sink.bytes_in += got->body.len;
    req_free(req);
    done(done_ctx, got);
}

static void path_of(const struct s3 *s3, const char *key, struct yd_buf *path)
{
    yd_err err = http_text(path, s3->path);
    if (err == YD_OK && key != NULL) {
        err = http_encode(path, (yd_slice){(const uint8_t *)key, strlen(key)}, true);
    }
    if (err == YD_OK) err = yd_buf_u8(path, 0);
    YD_ASSERT(err == YD_OK); // names are bounded at the start
}

void s3_send(struct s3 *s3, const struct s3_what *what, s3_done *done, void *ctx)
{
    struct yd_buf path;
    char url[URL_MAX], range[80];
    struct s3_signed signature;
    yd_buf_init(&path, heap_alloc(), URL_MAX / 2);
    path_of(s3, what->key, &path);
    const char *query = what->query == NULL ? "" : what->query;
    const struct s3_keys keys = {s3->key_id, s3->key_secret, s3->key_token, s3->region};
    const struct s3_to_sign to_sign = {
        .method = what->method,
        .host = s3->host,
        .path = (const char *)path.ptr,
        .query = query,
        .sha256 = what->sha256 == NULL ? S3_SHA256_EMPTY : what->sha256,
        .now_s = backup_wall_s(s3->clock) + s3->clock_off_s,
    };
    snprintf(url, sizeof url, "%s%s%s%s", s3->base, (const char *)path.ptr,
             query[0] == 0 ? "" : "?", query);
    snprintf(range, sizeof range, "Range: bytes=%" PRIu64 "-%" PRIu64, what->from,
             what->from + what->bytes - 1);
    if (!s3_sign(&keys, &to_sign, &signature)) abort(); // what is signed was tried at the start
    bool is_large = what->body.len > LARGE || what->answer_max > LARGE;
    struct fetch_request request = {
        .method = what->method,
        .url = url,
        .body = what->body,
        .body_stays = true,
        .keeps_headers = true,
        .connect_timeout_ms = CONNECT_MS,
        .timeout_ms = is_large ? LARGE_MS : CALL_MS,
        .answer_bytes_max = what->answer_max,
        .headers = {signature.date, signature.sha256, signature.authorization},
    };
    int n = 3;
    if (signature.token[0] != 0) request.headers[n++] = signature.token;
    if (what->bytes > 0) request.headers[n++] = range;
    if (what->body.len > 0) request.headers[n++] = "Content-Type: application/octet-stream";
    struct s3_req *req = heap_new(sizeof *req);
    req->s3 = s3;
    req->done = done;
    req->ctx = ctx;
    DL_APPEND(s3->reqs, req);
    s3->sink.requests++;
    s3->sink.bytes_out += what->body.len;
    if (fetch_start(s3->fetch, &request, on_answer, req, &req->fetch) != YD_OK) abort();
    yd_buf_deinit(&path);
}

/* <Code>NAME</Code> of an error. */
static void code_of(yd_slice body, char code[64])
{
    static const char begin[] = "<Code>";
    code[0] = 0;
    const char *at = memmem(body.ptr, body.len, begin, sizeof begin - 1);
    if (at == NULL) return;
    at += sizeof begin - 1;
    size_t left = body.len - (size_t)(at - (const char *)body.ptr), n = 0;
    while (n < left && n < 63 && ((at[n] | 32) >= 'a' && (at[n] | 32) <= 'z')) n++;
    memcpy(code, at, n);
    code[n] = 0;
}

/* Whose clock is wrong does not matter: what counts is what the other side takes. */
static void learn_clock(struct s3 *s3, const struct fetch_answer *got)
{
    char date[64];
    time_t theirs = fetch_header(got, "Date", date, sizeof date) ? curl_getdate(date, NULL) : -1;
    if (theirs != -1) s3->clock_off_s = (int64_t)theirs - backup_wall_s(s3->clock);
}

bool s3_failed(struct s3 *s3, const struct fetch_answer *got, struct sink_answer *answer,
               char why[SINK_WHY_MAX])
{
    char code[64];
    if (http_is_trouble(got, s3->base, answer, why)) return true;
    if (got->status >= 200 && got->status < 300) return false;
    code_of(got->body, code);
    snprintf(why, SINK_WHY_MAX, "S3 answers %d %s", got->status, code);
    *answer = (struct sink_answer){.result = SINK_LATER, .why = why};
    answer->next = "look at bucket, endpoint and region";
    if (strcmp(code, "RequestTimeTooSkewed") == 0) {
        learn_clock(s3, got);
        answer->next = "set the clock of this machine; until then that of S3 is used";
    } else if (got->status == 403 || got->status == 401) {
        answer->next = "look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do";
    } else if (strcmp(code, "NoSuchBucket") == 0) {
        answer->next = "make the bucket";
    }
    return true;
}

void s3_pack_key(const struct s3 *s3, uint64_t node, uint64_t number, char key[S3_KEY_MAX])
{
    snprintf(key, S3_KEY_MAX, "%spack/%016" PRIx64 "-%016" PRIx64, s3->prefix, node, number);
}
