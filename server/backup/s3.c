/* s3.c - put, get, list; the pack that is being filled. See s3_state.h. */
#include "backup/s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/s3_state.h"

#define PUTS_MAX  8192
#define LIST_MS   600000
#define FRESH_MS  30000 /* how old the catalog may be for a room that is in it */
#define NAMES_MAX 256   /* of bucket, prefix, endpoint */

static struct s3 *of(struct sink *sink) { return (struct s3 *)sink; }

static yd_slice call_room(const struct s3_call *call)
{
    return (yd_slice){(const uint8_t *)call->room, call->room_len};
}

static void call_free(struct s3_call *call)
{
    copy_unref(call->copy);
    parts_free(call->parts);
    free(call->found);
    free(call);
}

void s3_call_end(struct s3_call *call, struct sink_answer *answer)
{
    struct s3 *s3 = call->s3;
    DL_DELETE(s3->calls, call);
    if (answer->why == NULL) answer->why = "";
    if (answer->next == NULL) answer->next = "";
    if (call->kind == S3_PUT) {
        s3->incoming_bytes -= call->copy->bytes.len;
        s3->incoming_count--;
    }
    call->done(call->ctx, answer);
    parts_free(answer->parts);
    call_free(call);
}

void s3_item_free(struct s3_item *item)
{
    free(item->record);
    if (item->record == NULL) yd_buf_deinit(&item->carried);
    free(item);
}

static struct s3_call *call_new(struct s3 *s3, int kind, yd_slice room, sink_done *done, void *ctx)
{
    struct s3_call *call = heap_new(sizeof *call + room.len + 1);
    call->s3 = s3;
    call->kind = kind;
    call->done = done;
    call->ctx = ctx;
    memcpy(call->room, room.ptr, room.len);
    call->room_len = room.len;
    return call;
}

/* ---- put --------------------------------------------------------------------------------------
 */

static void s3_put(struct sink *sink, struct copy *copy, const struct put_version *version,
                   sink_done *done, void *ctx)
{
    struct s3 *s3 = of(sink);
    struct s3_call *call = call_new(s3, S3_PUT, copy_room(copy), done, ctx);
    call->copy = copy_ref(copy);
    call->version = *version;
    s3->incoming_bytes += copy->bytes.len;
    s3->incoming_count++;
    DL_APPEND(s3->incoming, call);
}

static bool s3_is_full(const struct sink *sink)
{
    const struct s3 *s3 = (const struct s3 *)sink;
    return s3->incoming_bytes >= 2 * S3_PACK_BYTES || s3->incoming_count >= PUTS_MAX;
}

static bool item_is_of(const struct s3_item *item, yd_slice room)
{
    struct record record;
    if (item->record != NULL) return yd_slice_equal(item->record->room, room);
    return record_read(yd_buf_slice(&item->carried), &record) == YD_OK &&
           yd_slice_equal(record.room, room);
}

/* What waits for the same pack as the room's erasing does not have to be written any more. */
static void items_erase(struct s3 *s3, yd_slice room)
{
    struct s3_item *item = NULL;
    DL_FOREACH(s3->items, item)
    {
        if (item_is_of(item, room)) item->is_left_out = true;
    }
}

/* Why the record may not be written: STALE, GONE; else STORED. */
static enum sink_result put_judge(struct s3 *s3, struct record *record, struct version *other)
{
    const struct chain *chain = NULL;
    if (record->fate == FATE_THERE) {
        const struct known_room *room = catalog_find(&s3->catalog, record->room);
        const struct chain *own = catalog_chain(room, record->node);
        catalog_hold(&s3->catalog, record);
        if (own != NULL && own->fate != FATE_THERE) {
            (void)record_takes_back(record, own->node, own->version);
        }
        if (catalog_gone(room, record) != NULL) return SINK_GONE;
        chain = catalog_not_held(&s3->catalog, record);
        if (record_is_full(record)) chain = NULL;
    } else {
        chain = catalog_hold_all(&s3->catalog, record);
    }
    if (chain == NULL) return SINK_STORED;
    *other = chain->version;
    return SINK_STALE;
}

/* Into the pack that is being filled. */
static void put_take(struct s3 *s3, struct s3_call *call)
{
    struct record *record = heap_new(sizeof *record);
    record->node = s3->node;
    record->version = call->version.now;
    record->fate = call->copy->fate;
    record->own = call->version.before;
    sink_sha(call->copy, record->sha256);
    record->when_ms = (uint64_t)backup_wall_s(s3->clock) * 1000;
    record->room = call_room(call);
    record->bytes = call->copy->bytes.len;
    seen_apply(s3->seen, record);
    struct sink_answer answer = {.result = SINK_STORED};
    answer.result = put_judge(s3, record, &answer.version);
    if (answer.result != SINK_STORED) {
        free(record);
        s3_call_end(call, &answer);
        return;
    }
    if (record->fate == FATE_ERASED) items_erase(s3, record->room);
    struct s3_item *item = heap_new(sizeof *item);
    item->call = call;
    item->record = record;
    if (s3->items == NULL) s3->items_ms = backup_now_ms(s3->clock);
    DL_APPEND(s3->items, item);
    s3->item_bytes += call->copy->bytes.len;
    s3->item_count++;
}

static bool pack_is_full(const struct s3 *s3)
{
    return s3->item_bytes >= S3_PACK_BYTES || s3->item_count >= S3_PACK_RECORDS;
}

static void incoming_take(struct s3 *s3)
{
    while (s3->incoming != NULL && (!s3->is_known || !pack_is_full(s3))) {
        struct s3_call *call = s3->incoming;
        DL_DELETE(s3->incoming, call);
        if (s3->is_known) {
            DL_APPEND(s3->calls, call);
            put_take(s3, call);
        } else {
            DL_APPEND(s3->waiting, call);
            s3_catalog_read(s3);
        }
    }
}

static void s3_sweep(struct sink *sink, uint64_t now_ms, bool hurry)
{
    struct s3 *s3 = of(sink);
    incoming_take(s3);
    bool is_due = hurry || pack_is_full(s3) || s3->items_ms + s3->pack_ms <= now_ms;
    if (s3->items != NULL && s3->upload == NULL && is_due) s3_upload_start(s3);
    if (hurry) return;
    if (s3->is_known && s3->reading == NULL && s3->asked_ms + LIST_MS <= now_ms) {
        s3_catalog_read(s3); // what other servers have written since
    }
    s3_collect_sweep(s3, now_ms);
}

/* ---- get --------------------------------------------------------------------------------------
 */

/* A record of the room on its way. */
struct fetching {
    uv_work_t req;        /* checking it */
    struct s3_call *call; /* NULL: it is gone, while a worker had this */
    struct fetching *prev, *next;
    struct part *part;
    struct record record; /* its room borrows from `bytes` */
    struct yd_buf bytes;
    bool is_good, is_checked; /* a worker has it, or had it */
};

static void get_end(struct s3_call *call)
{
    struct s3 *s3 = call->s3;
    struct sink_answer answer = {.result = SINK_LATER, .why = call->why};
    if (!call->failed) {
        answer.result = SINK_FOUND;
        answer.parts = call->parts;
        call->parts = NULL;
        answer.version = call->found->version;
        seen_note(&s3->seen, call_room(call), call->found);
    }
    s3_call_end(call, &answer);
}

static void get_wait(struct s3_call *call)
{
    struct s3 *s3 = call->s3;
    DL_DELETE(s3->calls, call); // NOLINT(clang-analyzer-*): it is there
    DL_APPEND(s3->waiting, call);
    s3_catalog_read(s3);
}

static void get_part_done(struct s3_call *call)
{
    if (--call->pending > 0) return;
    if (!call->failed || call->has_failed_once) {
        get_end(call);
        return;
    }
    // Perhaps a pack was deleted since it was listed.
    call->has_failed_once = true;
    call->failed = false;
    parts_free(call->parts);
    call->parts = NULL;
    get_wait(call);
}

static void fetching_free(struct fetching *f)
{
    parts_free(f->part);
    yd_buf_deinit(&f->bytes);
    free(f);
}

/* In a worker. */
static void on_check(uv_work_t *req)
{
    struct fetching *f = req->data;
    yd_slice bytes = yd_buf_slice(&f->bytes);
    size_t head = record_head_bytes(bytes);
    if (head == 0 || head > bytes.len || record_read(bytes, &f->record) != YD_OK) return;
    yd_slice update = {bytes.ptr + head, bytes.len - head};
    if (!record_holds(&f->record, update)) return;
    f->part = heap_new(sizeof *f->part);
    f->part->format = YD_V1;
    yd_buf_init(&f->part->bytes, heap_alloc(), S3_OBJECT_MAX);
    f->is_good = yd_buf_append(&f->part->bytes, update) == YD_OK;
}

static void on_checked(uv_work_t *req, int status)
{
    struct fetching *f = req->data;
    struct s3_call *call = f->call;
    (void)status; // nobody cancels it
    if (call == NULL) {
        fetching_free(f);
        return;
    }
    DL_DELETE(call->s3->fetchings, f);
    if (f->is_good && yd_slice_equal(f->record.room, call_room(call))) {
        if (version_compare(call->found->version, f->record.version) < 0) {
            call->found->version = f->record.version;
        }
        f->record.room = YD_EMPTY;
        record_hold_all(call->found, &f->record);
        f->part->next = call->parts;
        call->parts = f->part;
        f->part = NULL;
    } else {
        call->failed = true;
        snprintf(call->why, sizeof call->why, "what a pack has of the room is damaged");
    }
    fetching_free(f);
    get_part_done(call);
}

static void on_got(void *ctx, const struct fetch_answer *got)
{
    struct fetching *f = ctx;
    struct s3_call *call = f->call;
    struct sink_answer answer;
    char why[SINK_WHY_MAX];
    if (s3_failed(call->s3, got, &answer, why)) {
        call->failed = true;
        snprintf(call->why, sizeof call->why, "%s", why);
        DL_DELETE(call->s3->fetchings, f);
        fetching_free(f);
        get_part_done(call);
        return;
    }
    if (yd_buf_append(&f->bytes, got->body) != YD_OK) abort();
    f->is_checked = true;
    f->req.data = f;
    if (uv_queue_work(call->s3->clock->loop, &f->req, on_check, on_checked) != 0) abort();
}

static void get_chain(struct s3_call *call, const struct chain *chain)
{
    struct s3 *s3 = call->s3;
    struct fetching *f = heap_new(sizeof *f);
    char key[S3_KEY_MAX];
    f->call = call;
    yd_buf_init(&f->bytes, heap_alloc(), S3_OBJECT_MAX);
    DL_APPEND(s3->fetchings, f);
    s3_pack_key(s3, chain->at.pack->id.node, chain->at.pack->id.number, key);
    struct s3_what what = {.method = "GET",
                           .key = key,
                           .body = YD_EMPTY,
                           .from = chain->at.offset,
                           .bytes = chain->at.bytes,
                           .answer_max = (size_t)chain->at.bytes};
    s3_send(s3, &what, on_got, f);
}

/* The catalog is fresh enough. */
static void get_go_on(struct s3_call *call)
{
    const struct known_room *room = catalog_find(&call->s3->catalog, call_room(call));
    if (room == NULL || catalog_gone(room, NULL) != NULL) {
        struct sink_answer answer = {.result = room == NULL ? SINK_NONE : SINK_GONE};
        s3_call_end(call, &answer);
        return;
    }
    free(call->found);
    call->found = heap_new(sizeof *call->found); // of no node: it holds what every node wrote
    for (const struct chain *c = room->chains; c != NULL; c = c->next) call->pending++;
    for (const struct chain *c = room->chains; c != NULL; c = c->next) get_chain(call, c);
}

static void s3_get(struct sink *sink, yd_slice room, sink_done *done, void *ctx)
{
    struct s3 *s3 = of(sink);
    struct s3_call *call = call_new(s3, S3_GET, room, done, ctx);
    DL_APPEND(s3->calls, call);
    // A listing is asked for unless it is known where to read: so the answer comes later in any
    // case.
    bool is_known = s3->is_known && catalog_find(&s3->catalog, room) != NULL;
    bool is_fresh = s3->listed_ms + FRESH_MS > backup_now_ms(s3->clock);
    if (is_known && is_fresh) {
        get_go_on(call);
    } else {
        get_wait(call);
    }
}

/* ---- list: all at once ------------------------------------------------------------------------
 */

static void list_go_on(struct s3_call *call)
{
    struct s3 *s3 = call->s3;
    struct known_room *room = NULL, *next = NULL;
    struct listed *list = heap_new(sizeof *list * (HASH_COUNT(s3->catalog.rooms) + 1));
    size_t count = 0;
    bool is_end = call->room_len > 0;
    HASH_ITER(hh, s3->catalog.rooms, room, next)
    {
        if (is_end) break;
        if (room->chains == NULL || catalog_gone(room, NULL) != NULL) continue;
        struct listed *one = &list[count++];
        *one = (struct listed){.name = room->name};
        for (const struct chain *c = room->chains; c != NULL; c = c->next) {
            if (version_compare(one->version, c->version) > 0) continue;
            one->version = c->version;
            one->bytes = c->at.bytes;
        }
    }
    struct sink_answer answer = {
        .result = SINK_FOUND, .list = list, .count = count, .after = "end"};
    s3_call_end(call, &answer);
    free(list);
}

static void s3_forget(struct sink *sink, yd_slice room) { seen_forget(&of(sink)->seen, room); }

static void s3_list(struct sink *sink, const char *after, sink_done *done, void *ctx)
{
    struct s3 *s3 = of(sink);
    yd_slice rest = {(const uint8_t *)after, strlen(after)};
    struct s3_call *call = call_new(s3, S3_LIST, rest, done, ctx);
    DL_APPEND(s3->waiting, call);
    s3_catalog_read(s3);
}

void s3_go_on(struct s3_call *call)
{
    struct s3 *s3 = call->s3;
    if (call->kind == S3_LIST) {
        list_go_on(call);
    } else if (call->kind == S3_GET) {
        get_go_on(call);
    } else { // it was there before
        DL_DELETE(s3->calls, call);
        DL_APPEND(s3->incoming, call);
    }
}

/* ---- the sink ---------------------------------------------------------------------------------
 */

static void calls_free(struct s3_call *list)
{
    struct s3_call *call = NULL, *next = NULL;
    DL_FOREACH_SAFE(list, call, next) { call_free(call); }
}

static void s3_free(struct sink *sink)
{
    struct s3 *s3 = of(sink);
    struct fetching *f = NULL, *next = NULL;
    struct s3_item *item = NULL, *next_item = NULL;
    s3_reqs_free(s3);
    s3_upload_free(s3);
    DL_FOREACH_SAFE(s3->fetchings, f, next)
    {
        f->call = NULL;
        if (!f->is_checked) fetching_free(f); // else a worker has it
    }
    DL_FOREACH_SAFE(s3->items, item, next_item) { s3_item_free(item); }
    calls_free(s3->calls);
    calls_free(s3->incoming);
    calls_free(s3->waiting);
    s3_collect_free(s3);
    s3_catalog_free(s3);
    seen_free(&s3->seen);
    char *texts[] = {s3->bucket, s3->prefix,     s3->base,      s3->host,   s3->path,
                     s3->key_id, s3->key_secret, s3->key_token, s3->region, s3->sink.name};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
    free(s3);
}

static const struct sink_ops ops = {
    .kind = "s3",
    .gathers = true,
    .put = s3_put,
    .get = s3_get,
    .forget = s3_forget,
    .list = s3_list,
    .sweep = s3_sweep,
    .is_full = s3_is_full,
    .free = s3_free,
};

/* ---- opening ----------------------------------------------------------------------------------
 */

static bool is_plain(const char *text, const char *more, size_t max)
{
    size_t n = 0;
    for (; text[n] != 0; n++) {
        char c = text[n];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  strchr(more, c) != NULL;
        if (!ok) return false;
    }
    return n <= max;
}

static const char *opts_wrong(const struct s3_opts *o)
{
    if (!is_plain(o->bucket, "-.", 63) || o->bucket[0] == 0) {
        return "bucket: it is a name of letters, digits, - and .";
    }
    if (!is_plain(o->prefix, "-._/", NAMES_MAX)) {
        return "prefix: it may have letters, digits and - . _ /";
    }
    if (!is_plain(o->endpoint, "-.:/[]", NAMES_MAX)) {
        return "endpoint: it is an address without path, such as https://s3.example.com";
    }
    if (!is_plain(o->keys.region, "-", 64) || o->keys.region[0] == 0)
        return "region: set AWS_REGION";
    if (!is_plain(o->keys.id, "_/+=-.", 128) || o->keys.id[0] == 0 || o->keys.secret[0] == 0) {
        return "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    }
    if (strlen(o->keys.secret) > 128 || !is_plain(o->keys.token, "_/+=-.", 2048)) {
        return "AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN is no key";
    }
    return NULL;
}

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL) abort();
    return copy;
}

/* With an endpoint of one's own the bucket stands in the path, at AWS in the name of the host. */
static bool address_set(struct s3 *s3, const struct s3_opts *o)
{
    char base[2 * NAMES_MAX + 128], path[NAMES_MAX], parsed[FETCH_PATH_MAX];
    bool is_own = o->endpoint[0] != 0;
    if (is_own) {
        size_t len = strlen(o->endpoint);
        while (len > 0 && o->endpoint[len - 1] == '/') len--;
        snprintf(base, sizeof base, "%.*s", (int)len, o->endpoint);
        snprintf(path, sizeof path, "/%s/", o->bucket);
    } else {
        snprintf(base, sizeof base, "https://%s.s3.%s.amazonaws.com", o->bucket, o->keys.region);
        snprintf(path, sizeof path, "/");
    }
    const char *host = strstr(base, "://");
    if (host == NULL || !fetch_url_path(base, parsed) || strcmp(parsed, "/") != 0) return false;
    s3->base = copy_text(base);
    s3->host = copy_text(host + 3);
    s3->path = copy_text(path);
    return true;
}

/* With a slash at its end, if there is one at all. */
static char *prefix_of(const char *prefix)
{
    size_t len = strlen(prefix);
    char *text = heap_new(len + 2);
    snprintf(text, len + 2, "%s%s", prefix, len > 0 && prefix[len - 1] != '/' ? "/" : "");
    return text;
}

yd_err s3_new(const struct s3_opts *opts, struct sink **sink, char why[SINK_WHY_MAX])
{
    const char *wrong = opts_wrong(opts);
    struct s3 *s3 = heap_new(sizeof *s3);
    if (wrong == NULL && !address_set(s3, opts)) {
        wrong = "endpoint: it is an address without path, such as https://s3.example.com";
    }
    if (wrong != NULL) {
        snprintf(why, SINK_WHY_MAX, "%s", wrong);
        free(s3);
        return YD_EMALFORMED;
    }
    s3->sink.ops = &ops;
    s3->sink.name = copy_text(opts->name);
    s3->bucket = copy_text(opts->bucket);
    s3->prefix = prefix_of(opts->prefix);
    s3->key_id = copy_text(opts->keys.id);
    s3->key_secret = copy_text(opts->keys.secret);
    s3->key_token = copy_text(opts->keys.token);
    s3->region = copy_text(opts->keys.region);
    s3->node = opts->node;
    s3->pack_ms = opts->pack_ms;
    s3->keep_days = opts->keep_days;
    s3->clock = opts->clock;
    s3->fetch = opts->fetch;
    *sink = &s3->sink;
    return YD_OK;
}
