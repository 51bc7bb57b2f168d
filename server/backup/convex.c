/* convex.c - see convex.h. A call is one put, get or list; it makes one request after the other. */
#include "backup/convex.h"

#include <jansson.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "auth/signature.h"
#include "backup/http.h"
#include "ops/heap.h"

#define PUTS_MAX     4
#define PUSH_MAX     ((size_t)12 << 20) /* a larger one goes by an upload address */
#define DOWNLOAD_MAX ((size_t)1 << 30)
#define ANSWER_MAX   ((size_t)24 << 20)
#define SV_BYTES_MAX 6144 /* 8 KiB in base64 */
#define CONNECT_MS   5000
#define CALL_MS      30000
#define UPLOAD_MS    120000
#define LIST_PAGE    "100"
#define URL_MAX      8192
#define AGAIN        "it is tried again; see whether it is up, and reachable from here"

struct convex {
    struct sink sink;
    char *site, *secret;
    char node[17];
    uint32_t puts, puts_max;
    const struct backup_clock *clock;
    struct fetch *fetch;
    struct convex_call *calls;
};

enum stage {
    STAGE_PUSH,
    STAGE_BEGIN,
    STAGE_UPLOAD,
    STAGE_COMMIT,
    STAGE_GET,
    STAGE_DOWNLOAD,
    STAGE_LIST
};

struct convex_call {
    uv_work_t req; /* checking what came */
    struct convex_call *prev, *next;
    struct convex *convex; /* NULL: it is gone, while a worker had the call */
    enum stage stage;
    bool is_put;
    struct fetch_call *fetch;
    struct copy *copy;
    struct version version;
    char *room; /* as Convex knows it */
    char *body; /* of the request under way, if it is JSON */
    char storage_id[128];
    struct part *part; /* what came */
    char sha256[SINK_HEX + 1];
    bool is_whole;
    struct yd_buf url;
    sink_done *done;
    void *ctx;
};

static struct convex *of(struct sink *sink) { return (struct convex *)sink; }

/* ---- life of a call ----------------------------------------------------------------------------
 */

/* "main/NAME" is NAME; the other parties keep theirs. */
static char *room_there(yd_slice room)
{
    static const char main_party[] = "main/";
    size_t cut = sizeof main_party - 1;
    if (room.len <= cut || memcmp(room.ptr, main_party, cut) != 0) cut = 0;
    return text_copy((yd_slice){room.ptr + cut, room.len - cut});
}

static struct convex_call *call_new(struct convex *convex, enum stage stage, sink_done *done,
                                    void *ctx)
{
    struct convex_call *call = heap_new(sizeof *call);
    call->convex = convex;
    call->stage = stage;
    call->done = done;
    call->ctx = ctx;
    yd_buf_init(&call->url, heap_alloc(), URL_MAX);
    DL_APPEND(convex->calls, call);
    return call;
}

static void call_free(struct convex_call *call)
{
    if (call->fetch != NULL) fetch_cancel(call->fetch);
    copy_unref(call->copy);
    parts_free(call->part);
    yd_buf_deinit(&call->url);
    free(call->room);
    free(call->body);
    free(call);
}

static void call_end(struct convex_call *call, struct sink_answer *answer)
{
    DL_DELETE(call->convex->calls, call);
    if (call->is_put) call->convex->puts--;
    if (answer->why == NULL) answer->why = "";
    if (answer->next == NULL) answer->next = "";
    call->done(call->ctx, answer);
    parts_free(answer->parts);
    call_free(call);
}

static void call_fails(struct convex_call *call, enum sink_result result, const char *why,
                       const char *next)
{
    struct sink_answer answer = {.result = result, .why = why, .next = next};
    call_end(call, &answer);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static void on_answer(void *ctx, const struct fetch_answer *got);

struct to_send {
    const char *method;
    const char *room, *seq; /* lines of the signature */
    const char *sha256;     /* of the body; NULL: hashed here */
    yd_slice body;
    const char *headers[6];
    uint32_t timeout_ms;
    size_t answer_max;
};

static bool fetch_it(struct convex_call *call, struct fetch_request *request)
{
    struct convex *convex = call->convex;
    request->url = (const char *)call->url.ptr;
    request->body_stays = true;
    request->keeps_headers = true;
    request->connect_timeout_ms = CONNECT_MS;
    convex->sink.requests++;
    convex->sink.bytes_out += request->body.len;
    return fetch_start(convex->fetch, request, on_answer, call, &call->fetch) == YD_OK;
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
    return fetch_it(call, &request);
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

static bool url_end(struct convex_call *call, yd_err err)
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
    if (err != YD_OK || sv.len > SV_BYTES_MAX) yd_buf_clear(out);
}

static bool send_push(struct convex_call *call)
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
    yd_buf_init(&sv, heap_alloc(), (size_t)SV_BYTES_MAX * 2);
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
    bool ok = url_end(call, err) && send_signed(call, &what);
    yd_buf_deinit(&sv);
    return ok;
}

static bool send_json(struct convex_call *call, const char *route, json_t *json)
{
    free(call->body);
    call->body = json_dumps(json, JSON_COMPACT); // of NULL: NULL
    json_decref(json);
    if (call->body == NULL || !url_end(call, url_begin(call, route))) return false;
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
    return json_pack("{s:s, s:I, s:I, s:I, s:s}", "room", call->room, "epoch",
                     (json_int_t)call->version.epoch, "seq", (json_int_t)call->version.seq, "size",
                     (json_int_t)call->copy->bytes.len, "sha256", call->copy->sha256);
}

static bool send_begin(struct convex_call *call)
{
    call->stage = STAGE_BEGIN;
    return send_json(call, "/collab/backup/begin", offer_of(call));
}

static bool send_upload(struct convex_call *call, const char *url)
{
    uint8_t sha[SHA256_DIGEST_LENGTH];
    struct yd_buf digest;
    call->stage = STAGE_UPLOAD;
    yd_buf_clear(&call->url);
    if (!url_end(call, http_text(&call->url, url))) return false;
    if (!text_unhex(text_slice(call->copy->sha256), sha, sizeof sha)) return false;
    yd_buf_init(&digest, heap_alloc(), 256);
    yd_err err = http_text(&digest, "Digest: sha-256=");
    if (err == YD_OK) err = http_base64(&digest, (yd_slice){sha, sizeof sha});
    if (err == YD_OK) err = yd_buf_u8(&digest, 0);
    struct fetch_request request = {
        .method = "POST",
        .body = yd_buf_slice(&call->copy->bytes),
        .timeout_ms = UPLOAD_MS,
        .headers = {"Content-Type: application/octet-stream", (const char *)digest.ptr},
    };
    bool ok = err == YD_OK && fetch_it(call, &request);
    yd_buf_deinit(&digest);
    return ok;
}

static bool send_commit(struct convex_call *call)
{
    json_t *json = offer_of(call);
    struct yd_buf sv;
    yd_slice vector = yd_buf_slice(&call->copy->state_vector);
    call->stage = STAGE_COMMIT;
    yd_buf_init(&sv, heap_alloc(), (size_t)SV_BYTES_MAX * 2);
    if (json_object_set_new(json, "storageId", json_string(call->storage_id)) != 0 ||
        json_object_set_new(json, "format", json_string("yjs-v1")) != 0 ||
        json_object_set_new(json, "server", json_string(call->convex->node)) != 0) {
        json_decref(json);
        json = NULL;
    }
    if (vector.len <= SV_BYTES_MAX && http_base64(&sv, vector) == YD_OK) {
        (void)json_object_set_new(json, "sv", json_stringn((const char *)sv.ptr, sv.len));
    }
    yd_buf_deinit(&sv);
    return send_json(call, "/collab/backup/commit", json);
}

static bool send_get(struct convex_call *call)
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
    return url_end(call, err) && send_signed(call, &what);
}

static bool send_list(struct convex_call *call, const char *after)
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
    return url_end(call, err) && send_signed(call, &what);
}

/* ---- answers ----------------------------------------------------------------------------------
 */

/* Bytes under a number and a hash that were told apart from them. */
static void on_check(uv_work_t *req)
{
    struct convex_call *call = req->data;
    uint8_t sha[SHA256_DIGEST_LENGTH];
    char hex[SINK_HEX + 1] = "";
    SHA256(call->part->bytes.ptr, call->part->bytes.len, sha);
    text_hex(sha, sizeof sha, hex);
    call->is_whole = strcmp(hex, call->sha256) == 0;
}

static void on_checked(uv_work_t *req, int status)
{
    struct convex_call *call = req->data;
    (void)status; // nobody cancels it
    if (call->convex == NULL) {
        call_free(call);
    } else if (!call->is_whole) {
        call_fails(call, SINK_LATER, "the backup that came is not the one that was announced",
                   AGAIN);
    } else {
        struct sink_answer answer = {.result = SINK_FOUND, .version = call->version};
        answer.parts = call->part;
        call->part = NULL;
        call_end(call, &answer);
    }
}

static void check_start(struct convex_call *call, yd_slice bytes, const char *format)
{
    call->part = heap_new(sizeof *call->part);
    call->part->format = strcmp(format, "yjs-v2") == 0 ? YD_V2 : YD_V1;
    yd_buf_init(&call->part->bytes, heap_alloc(), DOWNLOAD_MAX);
    call->convex->sink.bytes_in += bytes.len;
    if (yd_buf_append(&call->part->bytes, bytes) != YD_OK) abort();
    call->req.data = call;
    if (uv_queue_work(call->convex->clock->loop, &call->req, on_check, on_checked) != 0) abort();
}

static bool number_read(const char *text, uint64_t *number)
{
    char *end = NULL;
    *number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == 0;
}

/* The bytes are here, and what they are stands in the headers. */
static bool found_here(struct convex_call *call, const struct fetch_answer *got)
{
    char epoch[24], seq[24], format[16];
    if (!fetch_header(got, "X-Collab-Epoch", epoch, sizeof epoch) ||
        !fetch_header(got, "X-Collab-Seq", seq, sizeof seq) ||
        !fetch_header(got, "X-Collab-Format", format, sizeof format) ||
        !fetch_header(got, "X-Collab-Sha256", call->sha256, sizeof call->sha256) ||
        !number_read(epoch, &call->version.epoch) || !number_read(seq, &call->version.seq)) {
        return false;
    }
    check_start(call, got->body, format);
    return true;
}

/* They are elsewhere: {url, epoch, seq, sha256, size, format}. */
static bool found_there(struct convex_call *call, const json_t *json)
{
    const char *url = text_member(json, "url"), *sha = text_member(json, "sha256");
    const char *format = text_member(json, "format");
    json_int_t size = json_integer_value(json_object_get(json, "size"));
    if (url == NULL || sha == NULL || format == NULL || size <= 0 ||
        size > (json_int_t)DOWNLOAD_MAX || strlen(sha) != SINK_HEX || strlen(format) >= 16) {
        return false;
    }
    // What came by TLS does not go on without.
    if (strncmp(call->convex->site, "https:", 6) == 0 && strncmp(url, "https:", 6) != 0)
        return false;
    call->version.epoch = (uint64_t)json_integer_value(json_object_get(json, "epoch"));
    call->version.seq = (uint64_t)json_integer_value(json_object_get(json, "seq"));
    memcpy(call->sha256, sha, SINK_HEX + 1);
    snprintf(call->storage_id, sizeof call->storage_id, "%s", format);
    yd_buf_clear(&call->url);
    if (!url_end(call, http_text(&call->url, url))) return false;
    call->stage = STAGE_DOWNLOAD;
    struct fetch_request request = {
        .body = YD_EMPTY, .timeout_ms = UPLOAD_MS, .answer_bytes_max = (size_t)size};
    return fetch_it(call, &request);
}

/* Rooms and where the next page begins: {rooms: [{room, epoch, seq, size}], next}. */
static bool tell_list(struct convex_call *call, const json_t *json)
{
    const json_t *rooms = json_object_get(json, "rooms"), *one = NULL;
    const char *after = text_member(json, "next");
    size_t i, count = json_array_size(rooms);
    if (!json_is_array(rooms) || count > 1000) return false;
    struct listed *list = heap_new((count + 1) * sizeof *list);
    char *names = heap_new((count + 1) * (SINK_ROOM_MAX + 1));
    bool ok = true;
    json_array_foreach(rooms, i, one)
    {
        const char *room = text_member(one, "room");
        char *name = names + i * (SINK_ROOM_MAX + 1);
        ok = ok && room != NULL && strlen(room) < SINK_ROOM_MAX - 8;
        if (!ok) break;
        snprintf(name, SINK_ROOM_MAX + 1, "%s%s", strchr(room, '/') == NULL ? "main/" : "", room);
        list[i].name = name;
        list[i].version.epoch = (uint64_t)json_integer_value(json_object_get(one, "epoch"));
        list[i].version.seq = (uint64_t)json_integer_value(json_object_get(one, "seq"));
        list[i].bytes = (uint64_t)json_integer_value(json_object_get(one, "size"));
    }
    if (ok) {
        struct sink_answer answer = {.result = SINK_FOUND,
                                     .list = list,
                                     .count = count,
                                     .after = after == NULL ? "" : after};
        call_end(call, &answer);
    }
    free(list);
    free(names);
    return ok;
}

/* A status that refuses, and what to do about it. */
static void on_refusal(struct convex_call *call, int status, const char *code)
{
    char why[SINK_WHY_MAX];
    enum sink_result result = SINK_REFUSED;
    const char *next = "compare convex/http.ts with example/convex of this version";
    snprintf(why, sizeof why, "Convex answers %d %.80s", status, code);
    if (status == 401) {
        result = SINK_LATER; // it is the same for every room
        next = strcmp(code, "stale_timestamp") == 0
                   ? "set the clock of this machine: the two differ by more than five minutes"
                   : "give both sides the same COLLAB_SECRET";
    } else if (status == 404) {
        result = SINK_LATER;
        next = "deploy the functions of example/convex, and look at CONVEX_SITE_URL";
    } else if (status == 413) {
        next =
            "the document is too large for Convex; make it smaller, or give its rooms another sink";
    }
    call_fails(call, result, why, next);
}

/* {result, epoch, seq} of a push or commit; also of a begin that has nothing to do. */
static bool on_verdict(struct convex_call *call, int status, const json_t *json)
{
    const char *result = text_member(json, "result");
    struct sink_answer answer = {.result = SINK_STORED, .version = call->version};
    if (result == NULL) return false;
    if (status == 409 && strcmp(result, "stale") == 0) {
        answer.result = SINK_STALE;
        answer.version.epoch = (uint64_t)json_integer_value(json_object_get(json, "epoch"));
        answer.version.seq = (uint64_t)json_integer_value(json_object_get(json, "seq"));
    } else if (status != 200 ||
               (strcmp(result, "stored") != 0 && strcmp(result, "duplicate") != 0)) {
        return false;
    }
    call_end(call, &answer);
    return true;
}

static bool on_begun(struct convex_call *call, const json_t *json)
{
    const char *url = text_member(json, "uploadUrl");
    if (url == NULL) return false;
    if (strncmp(call->convex->site, "https:", 6) == 0 && strncmp(url, "https:", 6) != 0)
        return false;
    return send_upload(call, url);
}

static bool on_uploaded(struct convex_call *call, const json_t *json)
{
    const char *id = text_member(json, "storageId");
    if (id == NULL || strlen(id) >= sizeof call->storage_id) return false;
    memcpy(call->storage_id, id, strlen(id) + 1);
    return send_commit(call);
}

/* False: it makes no sense. */
static bool on_success(struct convex_call *call, const struct fetch_answer *got, const json_t *json)
{
    switch (call->stage) {
    case STAGE_PUSH:
    case STAGE_COMMIT: return on_verdict(call, got->status, json);
    case STAGE_BEGIN: return on_verdict(call, got->status, json) || on_begun(call, json);
    case STAGE_UPLOAD: return on_uploaded(call, json);
    case STAGE_GET: {
        char type[64] = "";
        bool is_json = fetch_header(got, "Content-Type", type, sizeof type) &&
                       strncmp(type, "application/json", 16) == 0;
        return is_json ? found_there(call, json) : found_here(call, got);
    }
    case STAGE_DOWNLOAD: check_start(call, got->body, call->storage_id); return true;
    case STAGE_LIST: return tell_list(call, json);
    }
    return false;
}

static void on_answer(void *ctx, const struct fetch_answer *got)
{
    struct convex_call *call = ctx;
    struct sink_answer trouble;
    char why[SINK_WHY_MAX];
    call->fetch = NULL;
    if (http_is_trouble(got, call->convex->site, &trouble, why)) {
        call_end(call, &trouble);
        return;
    }
    json_t *json = got->body.len <= 1 << 20 ? text_object(got->body) : NULL;
    const char *code = text_member(json, "code");
    if (code == NULL) code = "";
    bool is_gone = strcmp(code, "room_gone") == 0 && (got->status == 404 || got->status == 410);
    if (is_gone) {
        struct sink_answer answer = {.result = SINK_GONE};
        call_end(call, &answer);
    } else if (got->status == 404 && strcmp(code, "no_snapshot") == 0) {
        struct sink_answer answer = {.result = SINK_NONE};
        call_end(call, &answer);
    } else if (got->status == 413 && call->stage == STAGE_PUSH) {
        if (!send_begin(call)) call_fails(call, SINK_REFUSED, "its name is no UTF-8", "");
    } else if (got->status != 200 && got->status != 409) {
        on_refusal(call, got->status, code);
    } else if (!on_success(call, got, json)) {
        on_refusal(call, got->status, "with something unknown");
    }
    json_decref(json);
}

/* ---- the sink ---------------------------------------------------------------------------------
 */

/* Answers may not come before the call has returned; an address that libcurl does not take was
 * refused at the start, so what is left is a room name that cannot be told. */
static void on_nothing(uv_work_t *req) { (void)req; }
static void on_unsendable(uv_work_t *req, int status)
{
    struct convex_call *call = req->data;
    (void)status;
    if (call->convex == NULL) {
        call_free(call);
    } else {
        call_fails(call, SINK_REFUSED, "the name of the room cannot be told to Convex",
                   "give its rooms another sink");
    }
}

static void call_sent(struct convex_call *call, bool ok)
{
    if (ok) return;
    call->req.data = call;
    if (uv_queue_work(call->convex->clock->loop, &call->req, on_nothing, on_unsendable) != 0)
        abort();
}

static void convex_put(struct sink *sink, struct copy *copy, const struct put_version *version,
                       sink_done *done, void *ctx)
{
    struct convex *convex = of(sink);
    struct convex_call *call = call_new(convex, STAGE_PUSH, done, ctx);
    call->is_put = true;
    call->copy = copy_ref(copy);
    call->version = version->now;
    call->room = room_there(copy_room(copy));
    convex->puts++;
    call_sent(call, copy->bytes.len > PUSH_MAX ? send_begin(call) : send_push(call));
}

static void convex_get(struct sink *sink, yd_slice room, sink_done *done, void *ctx)
{
    struct convex_call *call = call_new(of(sink), STAGE_GET, done, ctx);
    call->room = room_there(room);
    call_sent(call, send_get(call));
}

static void convex_list(struct sink *sink, const char *after, sink_done *done, void *ctx)
{
    struct convex_call *call = call_new(of(sink), STAGE_LIST, done, ctx);
    call_sent(call, send_list(call, after));
}

static void convex_sweep(struct sink *sink, uint64_t now_ms, bool hurry)
{
    (void)sink, (void)now_ms, (void)hurry;
}

static bool convex_is_full(const struct sink *sink)
{
    const struct convex *convex = (const struct convex *)sink;
    return convex->puts >= convex->puts_max;
}

static void convex_free(struct sink *sink)
{
    struct convex *convex = of(sink);
    struct convex_call *call = NULL, *next = NULL;
    DL_FOREACH_SAFE(convex->calls, call, next)
    {
        if (call->fetch == NULL) {
            call->convex = NULL; // a worker has it
        } else {
            call_free(call);
        }
    }
    free(convex->site);
    free(convex->secret);
    free(convex->sink.name);
    free(convex);
}

static const struct sink_ops ops = {
    .kind = "convex",
    .put = convex_put,
    .get = convex_get,
    .list = convex_list,
    .sweep = convex_sweep,
    .is_full = convex_is_full,
    .free = convex_free,
};

/* Up to the first comma, without blanks. */
static char *first_secret(const char *secrets)
{
    struct text_list list;
    char *first = NULL;
    if (text_list_init(&list, secrets) && list.count > 0 && list.items[0][0] != 0) {
        first = text_copy(text_slice(list.items[0]));
    }
    text_list_deinit(&list);
    return first;
}

yd_err convex_new(const struct convex_opts *opts, struct sink **sink, char why[SINK_WHY_MAX])
{
    char path[FETCH_PATH_MAX];
    size_t len = strlen(opts->site);
    while (len > 0 && opts->site[len - 1] == '/') len--;
    if (len > URL_MAX / 4 || !fetch_url_path(opts->site, path)) {
        snprintf(why, SINK_WHY_MAX,
                 "set CONVEX_SITE_URL to the address of the HTTP actions, which "
                 "begins with https:// or http://");
        return YD_EMALFORMED;
    }
    char *secret = first_secret(opts->secret);
    if (secret == NULL) {
        snprintf(why, SINK_WHY_MAX, "set COLLAB_SECRET, which the application has too");
        return YD_EMALFORMED;
    }
    struct convex *convex = heap_new(sizeof *convex);
    convex->sink.ops = &ops;
    convex->sink.name = text_copy(text_slice(opts->name));
    convex->site = text_copy((yd_slice){(const uint8_t *)opts->site, len});
    convex->secret = secret;
    convex->puts_max = opts->puts_max > 0 ? opts->puts_max : PUTS_MAX;
    convex->clock = opts->clock;
    convex->fetch = opts->fetch;
    snprintf(convex->node, sizeof convex->node, "%016llx", (unsigned long long)opts->node);
    *sink = &convex->sink;
    return YD_OK;
}
