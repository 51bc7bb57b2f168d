/* admin_backup.c - GET /backup: the whole store as one file, while it is being written.
 *
 * First a copy is made beside the store, a step at a time, with loads of rooms in between; then it
 * is sent, and it is gone with its last reader: its name is taken away when it has been opened. The
 * head says how long it will be (X-Partyd-Bytes) and of which commit it is (X-Partyd-Lsn). */
#include "host/admin_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP_PAGES  256 /* 1 MiB: what a commit may have to wait for */
#define PIECE_BYTES ((size_t)256 * 1024)

struct backup_call {
    struct admin_call call;
    bool copies; /* the store has begun one for us */
    int fd;      /* of the copy; -1: not yet */
    char path[4096];
};

static void path_of_copy(const struct shard *shard, char *path, size_t size)
{
    snprintf(path, size, "%s/backup.tmp", shard->settings->data);
}

void admin_backup_forget(const struct shard *shard)
{
    char path[4096];
    path_of_copy(shard, path, sizeof path);
    (void)unlink(path);
}

static void cannot(struct backup_call *c, const char *what)
{
    char why[STORE_ERROR_MAX];
    snprintf(why, sizeof why, "%.300s: the copy cannot be %s: %s", c->path, what, strerror(errno));
    admin_error(c->call.conn, 500, "backup_failed", why);
}

/* Reads a piece of a file that was written a moment ago: it is in memory, the loop does not wait.
 */
static void backup_send(struct admin_call *call)
{
    struct backup_call *c = (struct backup_call *)call;
    uint8_t *piece = heap_new(PIECE_BYTES);
    ssize_t n = 1;
    while (n > 0 && !admin_is_full(call->conn)) {
        n = read(c->fd, piece, PIECE_BYTES);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            admin_write(call->conn, (yd_slice){piece, (size_t)n});
    }
    free(piece);
    if (n == 0) admin_finish(call->conn);
    if (n < 0) admin_break(call->conn); // half of a backup must not look like one
}

static void send_begin(struct backup_call *c, const struct store_event *ev)
{
    struct stat st;
    char numbers[128];
    c->copies = false;
    c->fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (c->fd < 0 || fstat(c->fd, &st) != 0) {
        cannot(c, "opened");
        return;
    }
    (void)unlink(c->path);
    snprintf(numbers, sizeof numbers, "X-Partyd-Bytes: %lld\r\nX-Partyd-Lsn: %llu\r\n",
             (long long)st.st_size, (unsigned long long)ev->lsn);
    admin_head(c->call.conn, 200, "application/octet-stream", numbers);
    c->call.on_drained = backup_send;
    backup_send(&c->call);
}

static void backup_on_store(struct admin_call *call, struct store_event *ev)
{
    struct backup_call *c = (struct backup_call *)call;
    if (ev->kind == STORE_EV_REFUSED) {
        c->copies = false;
        admin_error(call->conn, 500, "backup_failed", ev->why);
    } else if (ev->next == 0) {
        send_begin(c, ev);
    } else if (store_backup_step(call->shard->store, STEP_PAGES, admin_ask(call)) != YD_OK) {
        abort();
    }
}

static void backup_on_end(struct admin_call *call)
{
    struct backup_call *c = (struct backup_call *)call;
    if (c->fd >= 0) (void)close(c->fd);
    // Who asked has gone: nobody waits for the answer to this.
    if (c->copies && call->shard->store != NULL &&
        store_backup_step(call->shard->store, 0, 0) != YD_OK) {
        abort();
    }
}

void admin_backup(struct admin_conn *conn, const struct admin_request *request)
{
    struct backup_call *c = admin_call_new(conn, sizeof *c);
    struct shard *shard = c->call.shard;
    (void)request;
    c->fd = -1;
    c->copies = true;
    c->call.on_store = backup_on_store;
    c->call.on_end = backup_on_end;
    path_of_copy(shard, c->path, sizeof c->path);
    if (store_backup_begin(shard->store, c->path, STEP_PAGES, admin_ask(&c->call)) != YD_OK) {
        abort();
    }
}
