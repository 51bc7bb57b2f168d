/* pull.c - see pull.h. A shard without listener and rooms: loop, store and sinks.
 *
 *   list a page -> for each room: is it here? -> restore -> store_replace -> progress -> next page
 */
#include "host/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/backups.h"
#include "store/manage.h"

#define SWEEP_MS 20

enum asked { ASKED_NOTHING, ASKED_INFO, ASKED_REPLACE };

/* A room that is being brought back. */
struct pulled {
    UT_hash_handle hh; /* by token of what is asked */
    uint64_t token;
    struct pull *pull;
    enum asked asked;
    struct version version;
    size_t bytes;
    size_t name_len;
    char name[];
};

struct pull {
    struct shard shard; /* as much of it as the backups use */
    const struct pull_opts *opts;
    uint32_t sink;
    uv_timer_t timer;
    struct pulled *rooms;
    char after[512];
    bool is_listing, is_listed;
    uint64_t restored, there, failed;
};

static void next_page(struct pull *pull);

static yd_slice name_of(const struct pulled *room)
{
    return (yd_slice){(const uint8_t *)room->name, room->name_len};
}

static void end_if_done(struct pull *pull)
{
    if (pull->rooms != NULL || pull->is_listing) return;
    if (pull->is_listed) {
        uv_stop(&pull->shard.loop);
    } else {
        next_page(pull);
    }
}

static void room_end(struct pulled *room)
{
    struct pull *pull = room->pull;
    HASH_DEL(pull->rooms, room);
    free(room);
    end_if_done(pull);
}

static void room_fails(struct pulled *room, const char *why)
{
    room->pull->failed++;
    fprintf(stderr, "partyd: %.*s: %s\n", (int)room->name_len, room->name, why);
    room_end(room);
}

static void ask(struct pulled *room, enum asked what)
{
    HASH_DEL(room->pull->rooms, room);
    room->asked = what;
    room->token = ++room->pull->shard.tokens;
    HASH_ADD(hh, room->pull->rooms, token, sizeof room->token, room);
}

static void on_restored(void *ctx, uint64_t token, struct backup_restored *restored)
{
    struct pull *pull = ctx;
    struct pulled *room = NULL;
    HASH_FIND(hh, pull->rooms, &token, sizeof token, room);
    if (room == NULL) return;
    if (restored->outcome == BACKUP_FOUND) {
        struct store_replace opts = {.only_new = !pull->opts->replaces,
                                     .epoch_min = restored->version.epoch + 1};
        room->version = restored->version;
        room->bytes = restored->bytes.len;
        ask(room, ASKED_REPLACE);
        if (store_replace(pull->shard.store, name_of(room), &restored->bytes, &opts, room->token) !=
            YD_OK) {
            abort();
        }
    } else if (restored->outcome == BACKUP_NEVER_THERE) {
        room_fails(room, "the sink has nothing under this name");
    } else if (restored->outcome == BACKUP_DELETED) {
        room_fails(room, "it was deleted; what is left of it in the sink is not brought back");
    } else {
        room_fails(room, restored->why);
    }
}

/* It is here and the sink has all of it: not to be sent back. */
static void on_replaced(struct pulled *room, const struct store_event *ev)
{
    struct pull *pull = room->pull;
    char key[24];
    if (ev->kind != STORE_EV_CHANGED) {
        room_fails(room, ev->why);
        return;
    }
    snprintf(key, sizeof key, "%llu", (unsigned long long)ev->epoch);
    const char *sink = pull->shard.settings->sinks.list[pull->sink].name;
    struct store_progress progress = {name_of(room), ev->lsn, {(const uint8_t *)key, strlen(key)}};
    if (store_progress_set(pull->shard.store, (yd_slice){(const uint8_t *)sink, strlen(sink)},
                           &progress, 1, ++pull->shard.tokens) != YD_OK) {
        abort();
    }
    pull->restored++;
    printf("%.*s: %zu bytes, epoch %llu, seq %llu\n", (int)room->name_len, room->name, room->bytes,
           (unsigned long long)room->version.epoch, (unsigned long long)room->version.seq);
    room_end(room);
}

static void on_info(struct pulled *room, const struct store_event *ev)
{
    struct pull *pull = room->pull;
    if (ev->kind == STORE_EV_LISTED && ev->room_count > 0 && !pull->opts->replaces) {
        pull->there++;
        room_end(room);
        return;
    }
    ask(room, ASKED_NOTHING);
    backup_restore(backups_of(&pull->shard), name_of(room), 1u << pull->sink, room->token,
                   on_restored, pull);
}

static void on_store(uv_async_t *async)
{
    struct pull *pull = async->data;
    struct store_event ev;
    while (store_next(pull->shard.store, &ev)) {
        struct pulled *room = NULL;
        HASH_FIND(hh, pull->rooms, &ev.token, sizeof ev.token, room);
        if (ev.kind == STORE_EV_FAILED) {
            fprintf(stderr, "partyd: %s\n", ev.why);
            pull->failed++;
            uv_stop(&pull->shard.loop);
        } else if (room != NULL && room->asked == ASKED_INFO) {
            on_info(room, &ev);
        } else if (room != NULL && room->asked == ASKED_REPLACE) {
            on_replaced(room, &ev);
        }
        store_event_deinit(&ev);
        if (ev.kind == STORE_EV_FAILED) return;
    }
}

/* Called by the store's thread. */
static void wake(void *ctx) { (void)uv_async_send(&((struct pull *)ctx)->shard.store_wake); }

static void room_begin(struct pull *pull, const char *name)
{
    bool has_party = strchr(name, '/') != NULL;
    size_t size = strlen(name) + 6;
    struct pulled *room = heap_new(sizeof *room + size);
    room->pull = pull;
    room->name_len = (size_t)snprintf(room->name, size, "%s%s", has_party ? "" : "main/", name);
    room->asked = ASKED_INFO;
    room->token = ++pull->shard.tokens;
    HASH_ADD(hh, pull->rooms, token, sizeof room->token, room);
    if (store_info(pull->shard.store, name_of(room), YD_EMPTY, room->token) != YD_OK) abort();
}

static void on_page(void *ctx, struct sink_answer *answer)
{
    struct pull *pull = ctx;
    pull->is_listing = false;
    if (answer->result != SINK_FOUND) {
        fprintf(stderr, "partyd: %s; %s\n", answer->why, answer->next);
        pull->failed++;
        pull->is_listed = true;
    } else {
        for (size_t i = 0; i < answer->count; i++) room_begin(pull, answer->list[i].name);
        pull->is_listed = answer->count == 0 || answer->after[0] == 0;
        snprintf(pull->after, sizeof pull->after, "%s", answer->after);
    }
    end_if_done(pull);
}

static void next_page(struct pull *pull)
{
    pull->is_listing = true;
    backup_list(backups_of(&pull->shard), pull->sink, pull->after, on_page, pull);
}

static void on_timer(uv_timer_t *timer)
{
    struct pull *pull = timer->data;
    backup_sweep(backups_of(&pull->shard), false);
}

static bool sink_find(struct pull *pull)
{
    const struct sinks *sinks = &pull->shard.settings->sinks;
    char bad[64] = "";
    uint32_t bits = 1;
    if (sinks->count == 0) {
        fputs("partyd: there is no sink; say where backups are by --backup\n", stderr);
        return false;
    }
    if (pull->opts->from != NULL && !sinks_named(sinks, pull->opts->from, &bits, bad)) {
        fprintf(stderr, "partyd: --from: there is no sink '%s'\n", bad);
        return false;
    }
    while ((bits & 1u << pull->sink) == 0) pull->sink++;
    return true;
}

static bool start(struct pull *pull)
{
    struct shard *shard = &pull->shard;
    char why[SETTINGS_ERROR_MAX] = "";
    struct store_opts opts = {.dir = shard->settings->data, .wake = wake, .wake_ctx = pull};
    if (!sink_find(pull)) return false;
    if (store_open(&opts, &shard->store, why) != YD_OK || backups_open(shard, why) != YD_OK) {
        fprintf(stderr, "partyd: %s\n", why);
        return false;
    }
    pull->is_listed = pull->opts->room_count > 0;
    for (int i = 0; i < pull->opts->room_count; i++) room_begin(pull, pull->opts->rooms[i]);
    if (!pull->is_listed) next_page(pull);
    return true;
}

static void close_handle(uv_handle_t *handle, void *ctx)
{
    (void)ctx;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

int pull(struct settings *settings, const struct pull_opts *opts)
{
    struct pull *pull = heap_new(sizeof *pull);
    struct shard *shard = &pull->shard;
    pull->opts = opts;
    shard->settings = settings;
    shard->log = (struct log){LOG_WARN, false};
    (void)uv_loop_init(&shard->loop);
    (void)uv_async_init(&shard->loop, &shard->store_wake, on_store);
    (void)uv_timer_init(&shard->loop, &pull->timer);
    shard->store_wake.data = pull->timer.data = pull;
    int status = 2;
    if (start(pull)) {
        (void)uv_timer_start(&pull->timer, on_timer, SWEEP_MS, SWEEP_MS);
        (void)uv_run(&shard->loop, UV_RUN_DEFAULT);
        printf("%llu restored, %llu were there, %llu failed\n", (unsigned long long)pull->restored,
               (unsigned long long)pull->there, (unsigned long long)pull->failed);
        status = pull->failed > 0;
    }
    backups_close(shard);
    store_close(shard->store);
    uv_walk(&shard->loop, close_handle, NULL);
    (void)uv_run(&shard->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&shard->loop);
    while (pull->rooms != NULL) {
        struct pulled *room = pull->rooms;
        HASH_DEL(pull->rooms, room); // NOLINT(clang-analyzer-*): it is there
        free(room);
    }
    free(pull);
    return status;
}
