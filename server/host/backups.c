/* backups.c - see backups.h. */
#include "host/backups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backup/convex.h"
#include "backup/directory.h"
#include "backup/s3.h"
#include "fetch/fetch.h"
#include "host/door.h"
#include "store/manage.h"

#define MARKS_MAX     512
#define MARK_MS       1000
#define SCAN_PAGE     500
#define SCAN_WAITING  8192 /* rooms that wait; above that the scan pauses */
#define SCAN_EVERY_MS 600000
#define KEY_MAX       24

enum ask_kind { ASK_READ, ASK_INFO, ASK_REPLACE, ASK_SCAN };

/* A read under way: what the sinks have is asked first, each with a question of its own. */
struct reading {
    uint64_t token; /* of the backup */
    uint64_t lsn;   /* of the room's last change */
    struct backup_progress progress[BACKUP_SINKS_MAX];
    uint32_t count;
};

/* What a question to the store (asks.c) was about. */
struct backup_ask {
    struct backup_ask *prev, *next;
    struct shard *shard;
    uint64_t token;
    enum ask_kind kind;
    uint32_t sink;
    struct reading *reading; /* READ ends it */
    uint64_t slot_token;     /* REPLACE */
};

/* What a sink has by now; told to the store some at a time. */
struct mark {
    struct version version;
    size_t room_len;
    char room[];
};

struct marks {
    struct mark *list[MARKS_MAX];
    size_t count;
};

struct backups {
    struct backup *backup;
    struct backup_clock clock;
    struct fetch *fetch;
    struct backup_ask *asks; /* that are not answered */
    struct marks marks[BACKUP_SINKS_MAX];
    uint64_t marked_ms;
    uint64_t scan_after,
        scan_next_ms; /* room id behind which the scan goes on; when it begins anew */
    uint32_t scan_sink;
    bool is_scanning, is_asked;
    uint64_t drain_until_ms;
};

static yd_slice slot_name(const struct room_slot *slot)
{
    return (yd_slice){(const uint8_t *)slot->name, slot->name_len};
}

static yd_slice text(const char *s) { return (yd_slice){(const uint8_t *)s, strlen(s)}; }

static const char *sink_name(const struct shard *shard, uint32_t i)
{
    return shard->settings->sinks.list[i].name;
}

static void on_store(void *ctx, struct store_event *ev);

static uint64_t backup_ask_new(struct shard *shard, enum ask_kind kind, struct backup_ask **out)
{
    struct backup_ask *ask = heap_new(sizeof *ask);
    ask->shard = shard;
    ask->kind = kind;
    ask->token = ask_new(shard, on_store, ask);
    DL_APPEND(shard->backups->asks, ask);
    *out = ask;
    return ask->token;
}

/* Sinks of a room, by its name in the store: a bit each. */
static uint32_t sinks_of(const struct shard *shard, yd_slice name)
{
    const uint8_t *slash = memchr(name.ptr, '/', name.len);
    if (slash == NULL) return 0;
    yd_slice party = {name.ptr, (size_t)(slash - name.ptr)};
    yd_slice room = {slash + 1, name.len - party.len - 1};
    const struct policy *policy = policies_find(&shard->settings->rooms, party, room);
    return policy == NULL ? 0 : policy->sinks;
}

/* ---- what the backup wants --------------------------------------------------------------------
 */

static void marks_flush(struct shard *shard, uint32_t sink);

/* What was stored of the room last is part of what is read. */
static void marks_flush_of(struct shard *shard, yd_slice room)
{
    for (uint32_t i = 0; i < backup_sink_count(shard->backups->backup); i++) {
        const struct marks *marks = &shard->backups->marks[i];
        bool is_there = false;
        for (size_t k = 0; k < marks->count && !is_there; k++) {
            const struct mark *mark = marks->list[k];
            is_there =
                yd_slice_equal(room, (yd_slice){(const uint8_t *)mark->room, mark->room_len});
        }
        if (is_there) marks_flush(shard, i);
    }
}

static void on_read(void *ctx, yd_slice room, uint64_t token)
{
    struct shard *shard = ctx;
    struct backup_ask *ask = NULL;
    if (shard->store == NULL) {
        struct backup_read read = {.failed = "the store is down"};
        backup_was_read(shard->backups->backup, token, &read);
        return;
    }
    struct reading *reading = heap_new(sizeof *reading);
    reading->token = token;
    marks_flush_of(shard, room);
    for (uint32_t i = 0; i < backup_sink_count(shard->backups->backup); i++) {
        uint64_t info = backup_ask_new(shard, ASK_INFO, &ask);
        ask->sink = i;
        ask->reading = reading;
        if (store_info(shard->store, room, text(sink_name(shard, i)), info) != YD_OK) abort();
    }
    uint64_t read = backup_ask_new(shard, ASK_READ, &ask);
    ask->reading = reading;
    if (store_read(shard->store, room, read) != YD_OK) abort();
}

static void marks_flush(struct shard *shard, uint32_t sink)
{
    struct marks *marks = &shard->backups->marks[sink];
    struct store_progress *list = heap_new(sizeof *list * (marks->count + 1));
    char(*keys)[KEY_MAX] = heap_new(sizeof *keys * (marks->count + 1));
    for (size_t i = 0; i < marks->count; i++) {
        struct mark *mark = marks->list[i];
        snprintf(keys[i], KEY_MAX, "%llu", (unsigned long long)mark->version.epoch);
        list[i] = (struct store_progress){
            {(const uint8_t *)mark->room, mark->room_len}, mark->version.seq, text(keys[i])};
    }
    if (marks->count > 0 && shard->store != NULL &&
        store_progress_set(shard->store, text(sink_name(shard, sink)), list, marks->count,
                           ++shard->tokens) != YD_OK) {
        abort();
    }
    for (size_t i = 0; i < marks->count; i++) free(marks->list[i]);
    marks->count = 0;
    free(list);
    free(keys);
}

static void on_mark(void *ctx, yd_slice room, uint32_t sink, struct version version)
{
    struct shard *shard = ctx;
    struct marks *marks = &shard->backups->marks[sink];
    if (marks->count == MARKS_MAX) marks_flush(shard, sink);
    struct mark *mark = heap_new(sizeof *mark + room.len);
    mark->version = version;
    mark->room_len = room.len;
    memcpy(mark->room, room.ptr, room.len);
    marks->list[marks->count++] = mark;
}

/* Into the room in memory, or for whoever loads it next; not while it is being loaded. */
static bool on_merge(void *ctx, yd_slice room, yd_slice update)
{
    struct shard *shard = ctx;
    struct room_slot *slot = NULL;
    HASH_FIND(hh, shard->rooms, room.ptr, room.len, slot);
    if (shard->store == NULL || (slot != NULL && slot->state == SLOT_LOADING)) return false;
    LOG(&shard->log, LOG_INFO, "another history merged from a backup", LOG_TEXT("room", room),
        LOG_NUM("bytes", update.len));
    if (slot != NULL && slot_merge(slot, shard, update)) return true;
    if (store_append(shard->store, room, update) != YD_OK) abort();
    HASH_FIND(hh, shard->rooms, room.ptr, room.len, slot);
    if (slot != NULL) slot_drop(shard, slot, 1012, "the room was merged with a backup");
    return true;
}

static void on_gone(void *ctx, yd_slice room)
{
    struct shard *shard = ctx;
    struct room_slot *slot = NULL;
    LOG(&shard->log, LOG_INFO, "a backup says that the document of a room was deleted",
        LOG_TEXT("room", room));
    HASH_FIND(hh, shard->rooms, room.ptr, room.len, slot);
    const struct refusal_words *words = refusal_words(REFUSE_NOT_FOUND);
    if (slot != NULL) slot_drop(shard, slot, words->code, words->word);
}

static void on_tell(void *ctx, uint32_t sink, bool works)
{
    struct shard *shard = ctx;
    struct backup_state state;
    backup_state(shard->backups->backup, sink, &state);
    if (works) {
        LOG(&shard->log, LOG_INFO, "backup works again", LOG_CSTR("sink", state.name),
            LOG_NUM("rooms_waiting", state.waiting));
        return;
    }
    LOG(&shard->log, LOG_WARN, "backup fails, rooms are kept here and tried again",
        LOG_CSTR("sink", state.name), LOG_CSTR("kind", state.kind), LOG_CSTR("why", state.why),
        LOG_CSTR("next", state.next), LOG_NUM("rooms_waiting", state.waiting),
        LOG_NUM("oldest_s", state.oldest_ms / 1000), LOG_NUM("retry_s", state.retry_ms / 1000));
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static const char *env_of(const char *name)
{
    const char *value = getenv(name);
    return value == NULL ? "" : value;
}

static yd_err sink_open(struct shard *shard, const struct sink_setting *s, struct sink **sink,
                        char why[SINK_WHY_MAX])
{
    struct backups *b = shard->backups;
    uint64_t node = store_bookmark_now(shard->store).epoch;
    bool is_new = false;
    yd_err err = YD_EUNSUPPORTED;
    switch (s->kind) {
    case SINK_KIND_CONVEX: {
        struct convex_opts opts = {.name = s->name,
                                   .site = shard->settings->convex_site_url,
                                   .secret = shard->settings->collab_secret,
                                   .node = node,
                                   .clock = &b->clock,
                                   .fetch = b->fetch};
        err = convex_new(&opts, sink, why);
        break;
    }
    case SINK_KIND_DIRECTORY: {
        struct directory_opts opts = {s->name, s->path, node, &b->clock};
        err = directory_new(&opts, sink, &is_new, why);
        break;
    }
    case SINK_KIND_S3: {
        struct s3_opts opts = {.name = s->name,
                               .bucket = s->bucket,
                               .prefix = s->prefix,
                               .endpoint = s->endpoint,
                               .keys = {env_of("AWS_ACCESS_KEY_ID"),
                                        env_of("AWS_SECRET_ACCESS_KEY"),
                                        env_of("AWS_SESSION_TOKEN"), s->region},
                               .node = node,
                               .pack_ms = (uint32_t)s->pack_ms,
                               .keep_days = (uint32_t)s->keep_days,
                               .clock = &b->clock,
                               .fetch = b->fetch};
        err = s3_new(&opts, sink, why);
        break;
    }
    }
    if (is_new) {
        LOG(&shard->log, LOG_WARN, "an empty folder is one of backups from now on",
            LOG_CSTR("sink", s->name), LOG_CSTR("path", s->path));
    }
    return err;
}

yd_err backups_open(struct shard *shard, char why[SETTINGS_ERROR_MAX])
{
    const struct sinks *sinks = &shard->settings->sinks;
    if (sinks->count == 0) return YD_OK;
    struct backups *b = heap_new(sizeof *b);
    shard->backups = b;
    b->clock.loop = &shard->loop;
    if (fetch_new(&shard->loop, &b->fetch) != YD_OK) abort();
    struct backup_opts opts = {
        .loop = &shard->loop,
        .host = {shard, on_read, on_mark, on_merge, on_gone, on_tell},
        .clock = &b->clock,
        .copies_max = (uint32_t)shard->settings->backup_copies_max,
    };
    b->backup = backup_new(&opts);
    for (uint32_t i = 0; i < sinks->count; i++) {
        const struct sink_setting *s = &sinks->list[i];
        char said[SINK_WHY_MAX] = "";
        struct sink *sink = NULL;
        yd_err err = sink_open(shard, s, &sink, said);
        if (err != YD_OK) {
            snprintf(why, SETTINGS_ERROR_MAX, "backup.%s: %s", s->name, said);
            return err;
        }
        struct backup_timing timing = {(uint32_t)s->idle_ms, (uint32_t)s->max_age_ms};
        (void)backup_add(b->backup, sink, timing);
    }
    return YD_OK;
}

void backups_close(struct shard *shard)
{
    struct backups *b = shard->backups;
    if (b == NULL) return;
    for (uint32_t i = 0; b->backup != NULL && i < backup_sink_count(b->backup); i++) {
        marks_flush(shard, i);
    }
    backup_free(b->backup);
    b->backup = NULL;
    struct backup_ask *ask = NULL, *next = NULL;
    DL_FOREACH_SAFE(b->asks, ask, next)
    {
        ask_cancel(shard, ask->token);
        if (ask->kind == ASK_READ) free(ask->reading);
        free(ask);
    }
    fetch_free(b->fetch);
    shard->backups = NULL;
    free(b);
}

struct backup *backups_of(struct shard *shard) { return shard->backups->backup; }

void backups_store_back(struct shard *shard)
{
    if (shard->backups != NULL) shard->backups->scan_next_ms = 0;
}

/* ---- what is not backed up, as the store says --------------------------------------------------
 */

static void scan_ask(struct shard *shard)
{
    struct backups *b = shard->backups;
    struct backup_ask *ask = NULL;
    uint64_t token = backup_ask_new(shard, ASK_SCAN, &ask);
    struct store_list list = {.after = b->scan_after,
                              .limit = SCAN_PAGE,
                              .prefix = YD_EMPTY,
                              .sink = text(sink_name(shard, b->scan_sink)),
                              .only_dirty = true};
    ask->sink = b->scan_sink;
    b->is_asked = true;
    marks_flush(shard, b->scan_sink); // what is there already is not looked for
    if (store_list(shard->store, &list, token) != YD_OK) abort();
}

/* At the start, and now and then: what was not finished before a restart, a sink that is new, more
 * rooms at a time than are kept in memory. */
static void scan_step(struct shard *shard)
{
    struct backups *b = shard->backups;
    struct backup_state state;
    uint64_t now = backup_now_ms(&b->clock);
    if (shard->store == NULL || shard->stopping || b->is_asked) return;
    if (!b->is_scanning) {
        if (now < b->scan_next_ms) return;
        b->is_scanning = true;
        b->scan_sink = 0;
        b->scan_after = 0;
    }
    backup_state(b->backup, b->scan_sink, &state);
    if (state.waiting < SCAN_WAITING) scan_ask(shard);
}

static void on_scanned(struct shard *shard, const struct backup_ask *ask,
                       const struct store_event *ev)
{
    struct backups *b = shard->backups;
    b->is_asked = false;
    if (ev->kind == STORE_EV_FAILED) return; // begun anew when it is back
    for (size_t i = 0; ev->kind == STORE_EV_LISTED && i < ev->room_count; i++) {
        const struct store_room *room = &ev->rooms[i];
        if (room->status == STORE_ROOM_BAD || room->name.len > SINK_ROOM_MAX) continue;
        uint32_t sinks = sinks_of(shard, room->name) & 1u << ask->sink;
        struct backup_room_state state;
        bool is_known = backup_room_state(b->backup, room->name, ask->sink, &state);
        if (!is_known) (void)backup_touch(b->backup, room->name, sinks);
    }
    b->scan_after = ev->kind == STORE_EV_LISTED ? ev->next : 0;
    if (b->scan_after != 0) return;
    if (++b->scan_sink < backup_sink_count(b->backup)) return;
    b->is_scanning = false;
    b->scan_next_ms = backup_now_ms(&b->clock) + SCAN_EVERY_MS;
}

/* ---- restoring --------------------------------------------------------------------------------
 */

static struct room_slot *slot_loading(struct shard *shard, uint64_t token)
{
    struct room_slot *slot = NULL;
    HASH_FIND(by_token, shard->loading, &token, sizeof token, slot);
    return slot;
}

static void load_again(struct shard *shard, struct room_slot *slot)
{
    slot->was_asked_for = true;
    if (store_load(shard->store, slot_name(slot), slot->token) != YD_OK) abort();
}

static void restored_put(struct shard *shard, struct room_slot *slot,
                         struct backup_restored *restored)
{
    struct backup_ask *ask = NULL;
    struct store_replace opts = {.only_new = true, .epoch_min = restored->version.epoch + 1};
    uint64_t token = backup_ask_new(shard, ASK_REPLACE, &ask);
    ask->slot_token = slot->token;
    LOG(&shard->log, LOG_INFO, "room restored from a backup", LOG_TEXT("room", slot_name(slot)),
        LOG_NUM("epoch", restored->version.epoch), LOG_NUM("seq", restored->version.seq),
        LOG_NUM("bytes", restored->bytes.len));
    if (store_replace(shard->store, slot_name(slot), &restored->bytes, &opts, token) != YD_OK) {
        abort();
    }
    (void)backup_touch(shard->backups->backup, slot_name(slot), slot->policy->sinks);
}

static void on_restored(void *ctx, uint64_t token, struct backup_restored *restored)
{
    struct shard *shard = ctx;
    struct room_slot *slot = slot_loading(shard, token);
    if (slot == NULL || shard->store == NULL) return;
    switch (restored->outcome) {
    case BACKUP_FOUND: restored_put(shard, slot, restored); break;
    case BACKUP_NEVER_THERE: load_again(shard, slot); break;
    case BACKUP_DELETED: slot_refuse(shard, slot, 4404, "the document was deleted"); break;
    case BACKUP_UNKNOWN:
        // Never empty: whoever wants in has to come again, until it is known what there was.
        slot_refuse(shard, slot, 4503, restored->why);
        break;
    }
}

bool backups_restore(struct shard *shard, const struct room_slot *slot)
{
    struct backups *b = shard->backups;
    if (b == NULL || slot->policy->sinks == 0 || slot->name_len > SINK_ROOM_MAX) return false;
    backup_restore(b->backup, slot_name(slot), slot->policy->sinks, slot->token, on_restored,
                   shard);
    return true;
}

/* ---- the store's answers -----------------------------------------------------------------------
 */

static void on_info(const struct backup_ask *ask, const struct store_event *ev)
{
    char key[KEY_MAX] = "";
    struct reading *reading = ask->reading;
    if (ev->kind != STORE_EV_LISTED || ev->room_count == 0) return;
    const struct store_room *room = &ev->rooms[0];
    // Of the first question: what has come since is read too, and will be backed up once more.
    if (reading->lsn == 0) reading->lsn = room->lsn;
    if (room->saved_lsn == 0 || room->saved_key.len >= KEY_MAX) return;
    memcpy(key, room->saved_key.ptr, room->saved_key.len);
    reading->progress[reading->count++] =
        (struct backup_progress){ask->sink, {strtoull(key, NULL, 10), room->saved_lsn}};
}

static enum fate fate_of(int status)
{
    if (status == STORE_ROOM_DELETED) return FATE_DELETED;
    return status == STORE_ROOM_ERASING || status == STORE_ROOM_ERASED ? FATE_ERASED : FATE_THERE;
}

static void on_was_read(struct shard *shard, const struct backup_ask *ask, struct store_event *ev)
{
    struct reading *reading = ask->reading;
    struct backup_read read = {
        .version = {ev->epoch, reading->lsn},
        .progress = reading->progress,
        .progress_count = reading->count,
    };
    if (ev->kind != STORE_EV_FAILED) read.fate = fate_of(ev->status);
    if (ev->kind == STORE_EV_LOAD_FAILED && read.fate == FATE_THERE) read.failed = ev->why;
    if (ev->kind == STORE_EV_FAILED) read.failed = "the store is down";
    bool is_there = ev->kind == STORE_EV_LOADED && ev->status == STORE_ROOM_OK;
    if (is_there) {
        read.parts = ev->parts;
        read.part_count = ev->part_count;
        read.memory = ev->memory;
        ev->parts = NULL;
        ev->memory = NULL;
    }
    backup_was_read(shard->backups->backup, reading->token, &read);
    free(reading);
}

static void on_replaced(struct shard *shard, const struct backup_ask *ask,
                        const struct store_event *ev)
{
    struct room_slot *slot = slot_loading(shard, ask->slot_token);
    if (slot == NULL || ev->kind == STORE_EV_FAILED) return;
    // Refused: somebody else has begun it meanwhile. Either way it is there now.
    if (ev->kind == STORE_EV_REFUSED) backup_forget(shard->backups->backup, slot_name(slot));
    load_again(shard, slot);
}

static void on_store(void *ctx, struct store_event *ev)
{
    struct backup_ask *ask = ctx;
    struct shard *shard = ask->shard;
    DL_DELETE(shard->backups->asks, ask);
    switch (ask->kind) {
    case ASK_INFO: on_info(ask, ev); break;
    case ASK_READ: on_was_read(shard, ask, ev); break;
    case ASK_SCAN: on_scanned(shard, ask, ev); break;
    case ASK_REPLACE: on_replaced(shard, ask, ev); break;
    }
    free(ask);
}

/* ---- now and then ------------------------------------------------------------------------------
 */

void backups_touch(struct shard *shard, const struct room_slot *slot)
{
    if (shard->backups == NULL || slot->policy->sinks == 0 || slot->name_len > SINK_ROOM_MAX)
        return;
    // What finds no place is found by the next scan.
    (void)backup_touch(shard->backups->backup, slot_name(slot), slot->policy->sinks);
}

void backups_touch_name(struct shard *shard, yd_slice name)
{
    if (shard->backups == NULL || name.len > SINK_ROOM_MAX) return;
    (void)backup_touch(shard->backups->backup, name, sinks_of(shard, name));
}

void backups_sweep(struct shard *shard)
{
    struct backups *b = shard->backups;
    if (b == NULL) return;
    uint64_t now = backup_now_ms(&b->clock);
    backup_sweep(b->backup, shard->stopping);
    scan_step(shard);
    if (now < b->marked_ms + MARK_MS && !shard->stopping) return;
    b->marked_ms = now;
    for (uint32_t i = 0; i < backup_sink_count(b->backup); i++) marks_flush(shard, i);
}

bool backups_are_done(struct shard *shard, uint64_t now_ms)
{
    struct backups *b = shard->backups;
    if (b == NULL || shard->store == NULL || backup_is_done(b->backup)) return true;
    if (b->drain_until_ms == 0) {
        b->drain_until_ms = now_ms + (uint64_t)shard->settings->backup_drain_ms;
    }
    if (now_ms < b->drain_until_ms) return false;
    for (uint32_t i = 0; i < backup_sink_count(b->backup); i++) {
        struct backup_state state;
        backup_state(b->backup, i, &state);
        if (state.waiting == 0) continue;
        LOG(&shard->log, LOG_WARN, "not all is backed up; it goes on after the next start",
            LOG_CSTR("sink", state.name), LOG_NUM("rooms_waiting", state.waiting));
    }
    return true;
}

/* ---- for those who ask -------------------------------------------------------------------------
 */

json_t *backups_state(struct shard *shard)
{
    struct backups *b = shard->backups;
    if (b == NULL) return NULL;
    json_t *list = json_array();
    for (uint32_t i = 0; i < backup_sink_count(b->backup); i++) {
        struct backup_state s;
        backup_state(b->backup, i, &s);
        json_t *one =
            json_pack("{s:s, s:s, s:b, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sink", s.name,
                      "kind", s.kind, "works", (int)s.works, "waiting", (int)s.waiting, "oldestMs",
                      (json_int_t)s.oldest_ms, "retryMs", (json_int_t)s.retry_ms, "stored",
                      (json_int_t)s.stored, "failures", (json_int_t)s.failures, "requests",
                      (json_int_t)s.requests, "bytesOut", (json_int_t)s.bytes_out, "bytesIn",
                      (json_int_t)s.bytes_in);
        if (!s.works) {
            json_t *why = json_string(s.why); // NULL if what the other side said is no UTF-8
            (void)json_object_set_new(one, "why", why == NULL ? json_string("failed") : why);
            (void)json_object_set_new(one, "next", json_string(s.next));
        }
        (void)json_array_append_new(list, one);
    }
    return list;
}

json_t *backups_room_state(struct shard *shard, yd_slice room)
{
    struct backups *b = shard->backups;
    if (b == NULL) return NULL;
    json_t *sinks = json_object();
    for (uint32_t i = 0; i < backup_sink_count(b->backup); i++) {
        struct backup_room_state state;
        if ((sinks_of(shard, room) & 1u << i) == 0) continue;
        const char *word = "saved";
        if (backup_room_state(b->backup, room, i, &state)) {
            word = state.is_under_way ? "under way" : "waiting";
        }
        (void)json_object_set_new(sinks, sink_name(shard, i), json_string(word));
    }
    return sinks;
}
