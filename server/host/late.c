/* late.c - a member's own updates on their way back to it.
 *
 * Where it sits:   outbox.c, flush_slot() -> here -> conn_write()
 *
 * The sender of an update has it already; what it gets back only tells that it is on disk. That is
 * worth a frame but not a system call of its own: it waits up to LATE_MS for something else that
 * goes to the same connection, and leaves in front of it. In a room of ten this saves a write in
 * ten, with two who type in turns every second one. One chunk a connection; a second one takes the
 * first along.
 */
#include "host/shard.h"

#define LATE_MS 20

static void unlink_conn(struct conn *conn)
{
    struct shard *shard = conn->shard;
    *(conn->late_prev != NULL ? &conn->late_prev->late_next : &shard->late_first) = conn->late_next;
    *(conn->late_next != NULL ? &conn->late_next->late_prev : &shard->late_last) = conn->late_prev;
    conn->late_prev = conn->late_next = NULL;
}

struct chunk *late_take(struct conn *conn)
{
    struct chunk *chunk = conn->late;
    if (chunk != NULL) unlink_conn(conn);
    conn->late = NULL;
    return chunk;
}

static void write_first(struct shard *shard)
{
    struct conn *conn = shard->late_first;
    struct chunk *chunk = late_take(conn);
    conn_write(conn, chunk, NULL);
    chunk_unref(chunk);
}

void late_flush(struct shard *shard)
{
    while (shard->late_first != NULL) write_first(shard);
}

static void on_late_timer(uv_timer_t *timer)
{
    struct shard *shard = timer->data;
    uint64_t limit = uv_hrtime() - (uint64_t)LATE_MS * 1000000;
    while (shard->late_first != NULL && shard->late_first->late_ns <= limit) write_first(shard);
    if (shard->late_first != NULL) (void)uv_timer_start(timer, on_late_timer, LATE_MS / 2, 0);
}

bool late_keep(struct conn *conn, struct chunk *chunk)
{
    struct shard *shard = conn->shard;
    if (conn->late != NULL) return false;
    conn->late = chunk;
    chunk->refs++;
    conn->late_ns = uv_hrtime();
    conn->late_prev = shard->late_last;
    *(shard->late_last != NULL ? &shard->late_last->late_next : &shard->late_first) = conn;
    shard->late_last = conn;
    if (!uv_is_active((uv_handle_t *)&shard->late_timer)) {
        (void)uv_timer_start(&shard->late_timer, on_late_timer, LATE_MS, 0);
    }
    return true;
}

void late_init(struct shard *shard)
{
    (void)uv_timer_init(&shard->loop, &shard->late_timer);
    shard->late_timer.data = shard;
}
