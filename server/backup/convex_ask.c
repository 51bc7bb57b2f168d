/* convex_ask.c - the requests of a call. Source: docs/convex.md, docs/backup.md. */
#include <jansson.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/convex_state.h"

#define ANSWER_MAX ((size_t)24 << 20)
#define CONNECT_MS 5000
#define CALL_MS    30000
#define LIST_PAGE  "100"

struct to_send {
    const char *method;
    const char *room, *seq; /* lines of the signature */
    const char *sha256;     /* of the body; NULL: hashed here */
    yd_slice body;
    const char *headers[6];
    uint32_t timeout_ms;
    size_t answer_max;
};

bool convex_fetch(struct convex_call *call, struct fetch_request *request)
{
    struct convex *convex = call->convex;
    request->url = (const char *)call->url.ptr;
    request->body_stays = true;
    request->keeps_headers = true;
    request->connect_timeout_ms = CONNECT_MS;
    convex->sink.requests++;
    convex->sink.bytes_out += request->body.len;
    return fetch_start(convex->fetch, request, convex_on_answer, call, &call->fetch) == YD_OK;
}

/* To the address in call->url, signed. */
static bool send_signed(struct convex_call *call, const struct to_send *what)
{
    struct convex *convex = call->convex;
    char path[FETCH_PATH_MAX];
    struct signature_headers signature = {"", "", ""};
    if (!fetch_url_path((const char *)call->url.ptr, path)) return false;
    const struct auth_signature fields = {
        .method = text_slice(what->method),
        .path = text_slice(path),
        .room = text_slice(what->room),
        .seq = text_slice(what->seq),
        .sha256_hex = what->sha256 == NULL ? YD_EMPTY : text_slice(what->sha256),
        .body = what->body,
    };
    signature_make(&signature, text_slice(convex->secret), &fields, backup_wall_s(convex->clock));
    struct fetch_request request = {
        .method = what->method,
        .body = what->body,
        .timeout_ms = what->timeout_ms,
        .answer_bytes_max = what->answer_max,
        .headers = {signature.timestamp, signature.sha256, signature.signature},
    };
    for (int i = 0; i < 6 && what->headers[i] != NULL; i++)
        request.headers[3 + i] = what->headers[i];
    return convex_fetch(call, &request);
}

static yd_err url_begin(struct convex_call *call, const char *route)
{
    yd_buf_clear(&call->url);
    yd_err err = http_text(&call->url, call->convex->site);
    return err == YD_OK ? http_text(&call->url, route) : err;
}

static yd_err url_add(struct convex_call *call, const char *name, const char *value)
{
    yd_err err = http_text(&call->url, name);
    if (err == YD_OK) err = http_encode(&call->url, text_slice(value), false);
    return err;
}

bool convex_url_end(struct convex_call *call, yd_err err)
{
    return err == YD_OK && yd_buf_u8(&call->url, 0) == YD_OK;
}

static void number_text(uint64_t number, char text[24])
{
    snprintf(text, 24, "%llu", (unsigned long long)number);
}

/* "X-Collab-Sv: ..."; empty if it is too long to be told. */
static void sv_header(const struct copy *copy, struct yd_buf *out)
{
    yd_slice sv = yd_buf_slice(&copy->state_vector);
    yd_err err = http_text(out, "X-Collab-Sv: ");
    if (err == YD_OK) err = http_base64(out, sv);
    if (err == YD_OK) err = yd_buf_u8(out, 0);
    if (err != YD_OK || sv.len > CONVEX_SV_MAX) yd_buf_clear(out);
}

bool convex_send_push(struct convex_call *call)
{
    char epoch[24], seq[24], server[48];
    struct yd_buf sv;
    number_text(call->version.epoch, epoch);
    number_text(call->version.seq, seq);
    snprintf(server, sizeof server, "X-Collab-Server: %s", call->convex->node);
    call->stage = STAGE_PUSH;
    yd_err err = url_begin(call, "/collab/backup");
    if (err == YD_OK) err = url_add(call, "?room=", call->room);
    if (err == YD_OK) err = url_add(call, "&epoch=", epoch);
    if (err == YD_OK) err = url_add(call, "&seq=", seq);
    yd_buf_init(&sv, heap_alloc(), (size_t)CONVEX_SV_MAX * 2);
    sv_header(call->copy, &sv);
    struct to_send what = {
        .method = "POST",
        .room = call->room,
        .seq = seq,
        .sha256 = call->copy->sha256,
        .body = yd_buf_slice(&call->copy->bytes),
        .headers = {"Content-Type: application/octet-stream", "X-Collab-Format: yjs-v1", server,
                    sv.len > 0 ? (const char *)sv.ptr : NULL},
        .timeout_ms = CALL_MS,
    };
    bool ok = convex_url_end(call, err) && send_signed(call, &what);
    yd_buf_deinit(&sv);
    return ok;
}

static bool send_json(struct convex_call *call, const char *route, json_t *json)
{
    free(call->body);
    call->body = json_dumps(json, JSON_COMPACT); // of NULL: NULL
    json_decref(json);
    if (call->body == NULL || !convex_url_end(call, url_begin(call, route))) return false;
    struct to_send what = {
        .method = "POST",
        .room = "",
        .seq = "",
        .body = text_slice(call->body),
        .headers = {"Content-Type: application/json"},
        .timeout_ms = CALL_MS,
    };
    return send_signed(call, &what);
}

/* What is said of the copy at begin and commit. NULL: the room's name is no UTF-8. */
static json_t *offer_of(const struct convex_call *call)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:s, s:s}", "room", call->room, "epoch",
                     (json_int_t)call->version.epoch, "seq", (json_int_t)call->version.seq, "size",
                     (json_int_t)call->copy->bytes.len, "sha256", call->copy->sha256, "server",
                     call->convex->node);
}

bool convex_send_erase(struct convex_call *call)
{
    json_t *json = offer_of(call);
    call->stage = STAGE_ERASE;
    (void)json_object_set_new(json, "erased", json_boolean(call->copy->fate == FATE_ERASED));
    return send_json(call, "/collab/backup/erase", json);
}

bool convex_send_begin(struct convex_call *call)
{
    call->stage = STAGE_BEGIN;
    return send_json(call, "/collab/backup/begin", offer_of(call));
}

bool convex_send_upload(struct convex_call *call, const char *url)
{
    uint8_t sha[SHA256_DIGEST_LENGTH];
    struct yd_buf digest;
    call->stage = STAGE_UPLOAD;
    yd_buf_clear(&call->url);
    if (!convex_url_end(call, http_text(&call->url, url))) return false;
    if (!text_unhex(text_slice(call->copy->sha256), sha, sizeof sha)) return false;
    yd_buf_init(&digest, heap_alloc(), 256);
    yd_err err = http_text(&digest, "Digest: sha-256=");
    if (err == YD_OK) err = http_base64(&digest, (yd_slice){sha, sizeof sha});
    if (err == YD_OK) err = yd_buf_u8(&digest, 0);
    struct fetch_request request = {
        .method = "POST",
        .body = yd_buf_slice(&call->copy->bytes),
        .timeout_ms = CONVEX_UPLOAD_MS,
        .headers = {"Content-Type: application/octet-stream", (const char *)digest.ptr},
    };
    bool ok = err == YD_OK && convex_fetch(call, &request);
    yd_buf_deinit(&digest);
    return ok;
}

bool convex_send_commit(struct convex_call *call)
{
    json_t *json = offer_of(call);
    struct yd_buf sv;
    yd_slice vector = yd_buf_slice(&call->copy->state_vector);
    call->stage = STAGE_COMMIT;
    yd_buf_init(&sv, heap_alloc(), (size_t)CONVEX_SV_MAX * 2);
    if (json_object_set_new(json, "storageId", json_string(call->storage_id)) != 0 ||
        json_object_set_new(json, "format", json_string("yjs-v1")) != 0) {
        json_decref(json);
        json = NULL;
    }
    if (vector.len <= CONVEX_SV_MAX && http_base64(&sv, vector) == YD_OK) {
        (void)json_object_set_new(json, "sv", json_stringn((const char *)sv.ptr, sv.len));
    }
    yd_buf_deinit(&sv);
    return send_json(call, "/collab/backup/commit", json);
}

bool convex_send_get(struct convex_call *call)
{
    yd_err err = url_begin(call, "/collab/restore");
    if (err == YD_OK) err = url_add(call, "?room=", call->room);
    struct to_send what = {
        .method = "GET",
        .room = call->room,
        .seq = "",
        .body = YD_EMPTY,
        .timeout_ms = CALL_MS,
        .answer_max = ANSWER_MAX,
    };
    return convex_url_end(call, err) && send_signed(call, &what);
}

bool convex_send_list(struct convex_call *call, const char *after)
{
    yd_err err = url_begin(call, "/collab/backups?limit=" LIST_PAGE);
    if (err == YD_OK) err = url_add(call, "&after=", after);
    struct to_send what = {
        .method = "GET",
        .room = "",
        .seq = "",
        .body = YD_EMPTY,
        .timeout_ms = CALL_MS,
        .answer_max = (size_t)1 << 20,
    };
    return convex_url_end(call, err) && send_signed(call, &what);
}
