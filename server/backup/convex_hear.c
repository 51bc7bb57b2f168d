/* convex_hear.c - what the answers to a call mean, and what comes next. */
#include <jansson.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/convex_state.h"

#define AGAIN "it is tried again; see whether it is up, and reachable from here"

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
        convex_call_free(call);
    } else if (!call->is_whole) {
        convex_call_fails(call, SINK_LATER,
                          "the backup that came is not the one that was announced", AGAIN);
    } else {
        struct sink_answer answer = {.result = SINK_FOUND, .version = call->version};
        answer.parts = call->part;
        call->part = NULL;
        convex_call_end(call, &answer);
    }
}

static void check_start(struct convex_call *call, yd_slice bytes, const char *format)
{
    call->part = heap_new(sizeof *call->part);
    call->part->format = strcmp(format, "yjs-v2") == 0 ? YD_V2 : YD_V1;
    yd_buf_init(&call->part->bytes, heap_alloc(), CONVEX_DOWNLOAD_MAX);
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
        size > (json_int_t)CONVEX_DOWNLOAD_MAX || strlen(sha) != SINK_HEX || strlen(format) >= 16) {
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
    if (!convex_url_end(call, http_text(&call->url, url))) return false;
    call->stage = STAGE_DOWNLOAD;
    struct fetch_request request = {
        .body = YD_EMPTY, .timeout_ms = CONVEX_UPLOAD_MS, .answer_bytes_max = (size_t)size};
    return convex_fetch(call, &request);
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
        convex_call_end(call, &answer);
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
        // What knows no erasing takes copies all the same.
        result = call->stage == STAGE_ERASE ? SINK_REFUSED : SINK_LATER;
        next = "deploy the functions of example/convex, and look at CONVEX_SITE_URL";
    } else if (status == 413) {
        next =
            "the document is too large for Convex; make it smaller, or give its rooms another sink";
    }
    convex_call_fails(call, result, why, next);
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
    convex_call_end(call, &answer);
    return true;
}

static bool on_begun(struct convex_call *call, const json_t *json)
{
    const char *url = text_member(json, "uploadUrl");
    if (url == NULL) return false;
    if (strncmp(call->convex->site, "https:", 6) == 0 && strncmp(url, "https:", 6) != 0)
        return false;
    return convex_send_upload(call, url);
}

static bool on_uploaded(struct convex_call *call, const json_t *json)
{
    const char *id = text_member(json, "storageId");
    if (id == NULL || strlen(id) >= sizeof call->storage_id) return false;
    memcpy(call->storage_id, id, strlen(id) + 1);
    return convex_send_commit(call);
}

/* False: it makes no sense. */
static bool on_success(struct convex_call *call, const struct fetch_answer *got, const json_t *json)
{
    switch (call->stage) {
    case STAGE_PUSH:
    case STAGE_ERASE:
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

void convex_on_answer(void *ctx, const struct fetch_answer *got)
{
    struct convex_call *call = ctx;
    struct sink_answer trouble;
    char why[SINK_WHY_MAX];
    call->fetch = NULL;
    if (http_is_trouble(got, call->convex->site, &trouble, why)) {
        convex_call_end(call, &trouble);
        return;
    }
    json_t *json = got->body.len <= 1 << 20 ? text_object(got->body) : NULL;
    const char *code = text_member(json, "code");
    if (code == NULL) code = "";
    bool is_gone = strcmp(code, "room_gone") == 0 && (got->status == 404 || got->status == 410);
    if (is_gone) {
        struct sink_answer answer = {.result = SINK_GONE};
        convex_call_end(call, &answer);
    } else if (got->status == 404 && strcmp(code, "no_snapshot") == 0) {
        struct sink_answer answer = {.result = SINK_NONE};
        convex_call_end(call, &answer);
    } else if (got->status == 413 && call->stage == STAGE_PUSH) {
        if (!convex_send_begin(call))
            convex_call_fails(call, SINK_REFUSED, "its name is no UTF-8", "");
    } else if (got->status != 200 && got->status != 409) {
        on_refusal(call, got->status, code);
    } else if (!on_success(call, got, json)) {
        on_refusal(call, got->status, "with something unknown");
    }
    json_decref(json);
}
