/* shard.c - start-up, the loop's timers and signals, what comes from the store, shutdown. */
#include "host/admin.h"
#include "host/backups.h"
#include "host/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SWEEP_MS       250
#define REOPEN_MS      5000
#define STOP_COMMIT_MS 10000
#define STOP_CLOSE_MS  2000
#define SCRUB_MS       1000 /* 1 MiB this often: 10 GB in three hours */
#define BALLAST_BYTES  ((uint64_t)64 << 20)

uint64_t shard_now(const struct shard *shard)
{
    (void)shard;
    return uv_hrtime() / 1000000;
}

static void on_store_wake(uv_async_t *async) { shard_on_store(async->data); }

/* Called by the store's thread. */
static void wake(void *ctx) { (void)uv_async_send(&((struct shard *)ctx)->store_wake); }

yd_err shard_open_store(struct shard *shard)
{
    struct store_opts opts = {.dir = shard->settings->data,
                              .wake = wake,
                              .wake_ctx = shard,
                              .must_exist = shard->maintains};
    shard->durable = 0;
    return store_open(&opts, &shard->store, shard->down);
}

/* Nothing that waited for the disk may leave; nobody may go on as if it were saved. */
void shard_store_failed(struct shard *shard, const struct store_event *ev)
{
    memcpy(shard->down, ev->why, sizeof shard->down);
    LOG(&shard->log, LOG_ERROR, "store failed, all rooms closed", LOG_CSTR("why", shard->down));
    outboxes_forget_gated(shard);
    struct room_slot *slot = NULL, *next = NULL;
    HASH_ITER(hh, shard->rooms, slot, next)
    {
        slot_drop(shard, slot, 1013, "the store has failed, try again later");
    }
    asks_failed(shard, ev);
    store_close(shard->store);
    shard->store = NULL;
    shard->reopen_ms = ev->disk_full ? shard_now(shard) + REOPEN_MS : 0;
}

/* From when it was handed over, as those see it who wait for it. */
static void commit_ends(struct shard *shard)
{
    struct metrics *m = &shard->metrics;
    if (m->commit_begun_ns != 0) times_add(&m->commits, (uv_hrtime() - m->commit_begun_ns) / 1000);
    m->commit_begun_ns = 0;
}

void shard_on_store(struct shard *shard)
{
    struct store_event ev;
    bool durable = false;
    while (shard->store != NULL && store_next(shard->store, &ev)) {
        switch (ev.kind) {
        case STORE_EV_DURABLE:
            shard->durable = ev.batch;
            commit_ends(shard);
            durable = true;
            break;
        case STORE_EV_LOADED:
        case STORE_EV_LOAD_FAILED:
        case STORE_EV_LOAD_DELETED:
            if (!ask_answered(shard, &ev)) slot_loaded(shard, &ev);
            break;
        case STORE_EV_LISTED:
        case STORE_EV_CHANGED:
        case STORE_EV_REFUSED: (void)ask_answered(shard, &ev); break;
        case STORE_EV_FAILED: shard_store_failed(shard, &ev); break;
        case STORE_EV_NONE: break;
        }
        store_event_deinit(&ev);
    }
    if (!durable) return;
    outboxes_release(shard);
    turn_released(shard);
}

static void try_reopen(struct shard *shard, uint64_t now_ms)
{
    if (shard->reopen_ms == 0 || now_ms < shard->reopen_ms) return;
    char why[STORE_ERROR_MAX];
    memcpy(why, shard->down, sizeof why);
    if (shard_open_store(shard) == YD_OK) {
        shard->down[0] = 0;
        shard->reopen_ms = 0;
        backups_store_back(shard);
        LOG(&shard->log, LOG_INFO, "store works again", LOG_CSTR("data", shard->settings->data));
    } else {
        shard->reopen_ms = now_ms + REOPEN_MS;
    }
}

/* ---- shutdown ----------------------------------------------------------------------------------
 */

static void stop_step(struct shard *shard, uint64_t now_ms)
{
    bool committed =
        shard->store == NULL || (!store_busy(shard->store) && store_batch_bytes(shard->store) == 0);
    if (!committed && now_ms < shard->stop_ms + STOP_COMMIT_MS) return;
    if (!shard->closed_all) {
        turn_flush_all(shard); // what the last commit released
        shard->closed_all = true;
        shard->close_ms = now_ms;
        for (struct conn *c = shard->conns; c != NULL; c = c->next) {
            conn_close(c, 1012, "the server restarts");
        }
        turn_flush_all(shard);
        return;
    }
    if (shard->conn_count > 0 && now_ms < shard->close_ms + STOP_CLOSE_MS) return;
    if (backups_are_done(shard, now_ms)) uv_stop(&shard->loop);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct shard *shard = handle->data;
    if (shard->stopping) _Exit(1);
    LOG(&shard->log, LOG_INFO, "stopping", LOG_NUM("signal", signum),
        LOG_NUM("connections", shard->conn_count));
    shard->stopping = true;
    shard->stop_ms = shard_now(shard);
    uv_close((uv_handle_t *)&shard->listener, NULL);
    // Whoever goes on sending must not keep the last batch from being the last.
    for (struct conn *c = shard->conns; c != NULL; c = c->next) {
        if (c->state == CONN_OPEN) (void)uv_read_stop((uv_stream_t *)&c->tcp);
    }
    (void)uv_timer_start(&shard->sweep, shard->sweep.timer_cb, 0, 20);
}

static void on_sweep(uv_timer_t *timer)
{
    struct shard *shard = timer->data;
    uint64_t now = shard_now(shard);
    for (struct conn *c = shard->conns; c != NULL; c = c->next) conn_sweep(c, now);
    slots_sweep(shard, now);
    slots_bury(shard);
    if (shard->door != NULL) refusals_sweep(shard);
    try_reopen(shard, now);
    backups_sweep(shard);
    if (shard->stopping) stop_step(shard, now);
    turn_now(shard);
}

/* ---- start -------------------------------------------------------------------------------------
 */

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0) conn_accept(listener->data);
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

static int start_failed(const struct shard *shard, const char *what, int err)
{
    fprintf(stderr, "partyd: %s %s:%lld: %s%s\n", what, shard->settings->host,
            (long long)shard->settings->port, uv_strerror(err),
            err == UV_EADDRINUSE
                ? "; stop the program that has this port or choose another by --port"
                : "");
    return 2;
}

static int start_listening(struct shard *shard)
{
    struct sockaddr_storage address;
    const char *host = shard->settings->host;
    int port = (int)shard->settings->port;
    if (strcmp(host, "localhost") == 0) host = "127.0.0.1";
    int err = uv_ip4_addr(host, port, (struct sockaddr_in *)&address);
    if (err != 0) err = uv_ip6_addr(host, port, (struct sockaddr_in6 *)&address);
    if (err != 0) return start_failed(shard, "cannot use the address", err);
    err = uv_tcp_bind(&shard->listener, (const struct sockaddr *)&address, 0);
    if (err == 0) err = uv_listen((uv_stream_t *)&shard->listener, 4096, on_connection);
    return err == 0 ? 0 : start_failed(shard, "cannot listen on", err);
}

/* Whoever reaches the server may read and write everything: only if that is meant. */
static bool is_open_by_accident(const struct settings *settings)
{
    if (settings->open || strcmp(settings->auth, "none") != 0) return false;
    if (settings->is_serve) {
        fputs("partyd: serve needs access control; set PARTYD_AUTH to ticket, convex, jwt or hook "
              "(docs/access.md), or say --open to let everybody into every room\n",
              stderr);
        return true;
    }
    if (is_loopback(settings->host)) return false;
    fprintf(stderr,
            "partyd: %s can be reached by others and there is no access control; "
            "listen on 127.0.0.1, set PARTYD_AUTH, or say --open if that is meant\n",
            settings->host);
    return true;
}

void shard_begin(struct shard *shard)
{
    (void)uv_async_init(&shard->loop, &shard->store_wake, on_store_wake);
    (void)uv_timer_init(&shard->loop, &shard->sweep);
    (void)uv_timer_init(&shard->loop, &shard->accept_timer);
    shard->store_wake.data = shard->sweep.data = shard;
    (void)uv_timer_start(&shard->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    turn_init(shard);
    admin_init(shard);
}

static int start(struct shard *shard)
{
    char why[AUTH_ERROR_MAX] = ""; // as long as those of settings
    if (is_open_by_accident(shard->settings)) return 2;
    if (!limits_open(shard, why, sizeof why)) {
        fprintf(stderr, "partyd: %s\n", why);
        return 2;
    }
    if (door_open(shard, why) != YD_OK) {
        fprintf(stderr, "partyd: %s\n", why);
        return 2;
    }
    (void)uv_tcp_init(&shard->loop, &shard->listener);
    (void)uv_signal_init(&shard->loop, &shard->on_int);
    (void)uv_signal_init(&shard->loop, &shard->on_term);
    shard->listener.data = shard->on_int.data = shard->on_term.data = shard;
    shard_begin(shard);
    if (shard_open_store(shard) != YD_OK) {
        fprintf(stderr, "partyd: %s\n", shard->down);
        return 2;
    }
    if (backups_open(shard, why) != YD_OK) {
        fprintf(stderr, "partyd: %s\n", why);
        return 2;
    }
    int failed = start_listening(shard);
    if (failed != 0) return failed;
    // Rooms are served without it too.
    if (admin_listen(shard, why, sizeof why) != YD_OK) {
        LOG(&shard->log, LOG_WARN, "commands cannot reach this server", LOG_CSTR("why", why));
    }
    (void)uv_signal_start(&shard->on_int, on_signal, SIGINT);
    (void)uv_signal_start(&shard->on_term, on_signal, SIGTERM);
    printf("partyd listening on http://%s:%lld\n", shard->settings->host,
           (long long)shard->settings->port);
    (void)fflush(stdout);
    return 0;
}

static enum log_level level_of(const char *name)
{
    if (strcmp(name, "debug") == 0) return LOG_DEBUG;
    if (strcmp(name, "warn") == 0) return LOG_WARN;
    return strcmp(name, "error") == 0 ? LOG_ERROR : LOG_INFO;
}

static void close_handle(uv_handle_t *handle, void *ctx)
{
    (void)ctx;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

/* The loop has stopped. It runs once more, for the handles to be closed. */
void shard_free(struct shard *shard)
{
    for (struct conn *c = shard->conns; c != NULL; c = c->next) conn_end(c);
    admin_close(shard);
    backups_close(shard);
    store_close(shard->store);
    shard->store = NULL;
    if (shard->door != NULL) door_close(shard);
    slots_free(shard);
    asks_free(shard);
    uv_walk(&shard->loop, close_handle, NULL);
    (void)uv_run(&shard->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&shard->loop);
    admin_free(shard);
    outboxes_free(shard);
    ws_reader_free(shard->resting);
    limits_close(shard);
    deflate_free(shard);
    free(shard);
}

struct shard *shard_new(struct settings *settings)
{
    struct shard *shard = heap_new(sizeof *shard);
    shard->settings = settings;
    shard->started_s = (uint64_t)time(NULL);
    (void)uv_loop_init(&shard->loop);
    shard->relaxed = strcmp(settings->durability, "relaxed") == 0;
    shard->log =
        (struct log){level_of(settings->log_level), strcmp(settings->log_format, "json") == 0};
    return shard;
}

/* Runs until a signal. */
int shard_run(struct settings *settings)
{
    struct shard *shard = shard_new(settings);
    int failed = start(shard);
    if (failed == 0) {
        (void)uv_run(&shard->loop, UV_RUN_DEFAULT);
        LOG(&shard->log, LOG_INFO, "stopped", LOG_NUM("ignored_messages", shard->ignored));
    }
    shard_free(shard);
    return failed;
}
