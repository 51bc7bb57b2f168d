/* maintain.c - see maintain.h. */
#include "host/maintain.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/admin.h"

#define SOCKETS_MAX 16

struct maintain {
    struct shard *shard;
    uv_thread_t thread;
    uv_async_t called;
    uv_mutex_t mutex;
    int sockets[SOCKETS_MAX]; /* on their way to the shard */
    int socket_count;
    bool closing;
};

static void on_called(uv_async_t *async)
{
    struct maintain *m = async->data;
    int sockets[SOCKETS_MAX];
    uv_mutex_lock(&m->mutex);
    int count = m->socket_count;
    for (int i = 0; i < count; i++) sockets[i] = m->sockets[i];
    m->socket_count = 0;
    bool closing = m->closing;
    uv_mutex_unlock(&m->mutex);
    for (int i = 0; i < count; i++) admin_take(m->shard, sockets[i]);
    if (closing) uv_stop(&m->shard->loop);
}

static void thread_main(void *ctx)
{
    struct maintain *m = ctx;
    (void)uv_run(&m->shard->loop, UV_RUN_DEFAULT);
    shard_free(m->shard); // closes the store: what was appended is committed
}

yd_err maintain_open(struct settings *settings, struct maintain **maintain,
                     char why[STORE_ERROR_MAX])
{
    struct maintain *m = heap_new(sizeof *m);
    m->shard = shard_new(settings);
    m->shard->maintains = true;
    shard_begin(m->shard);
    (void)uv_async_init(&m->shard->loop, &m->called, on_called);
    m->called.data = m;
    yd_err err = shard_open_store(m->shard);
    if (err == YD_OK && uv_mutex_init(&m->mutex) != 0) abort();
    if (err == YD_OK && uv_thread_create(&m->thread, thread_main, m) != 0) abort();
    if (err != YD_OK) {
        memcpy(why, m->shard->down, STORE_ERROR_MAX);
        shard_free(m->shard);
        free(m);
        return err;
    }
    *maintain = m;
    return YD_OK;
}

int maintain_connect(struct maintain *m)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return -1;
    uv_mutex_lock(&m->mutex);
    bool fits = m->socket_count < SOCKETS_MAX;
    if (fits) m->sockets[m->socket_count++] = pair[1];
    uv_mutex_unlock(&m->mutex);
    if (!fits) (void)close(pair[1]); // the other end reads the end of it
    (void)uv_async_send(&m->called);
    return pair[0];
}

void maintain_close(struct maintain *m)
{
    if (m == NULL) return;
    uv_mutex_lock(&m->mutex);
    m->closing = true;
    uv_mutex_unlock(&m->mutex);
    (void)uv_async_send(&m->called);
    (void)uv_thread_join(&m->thread);
    uv_mutex_destroy(&m->mutex);
    free(m);
}
