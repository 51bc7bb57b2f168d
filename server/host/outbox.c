/* outbox.c - bytes on their way out.
 *
 * Where it sits:   effects.c -> outbox_put() ... outboxes_release() ... outboxes_flush() -> sockets
 *
 * A room's broadcasts of one flush become one chunk, and every member is handed that chunk by one
 * write: one copy of the bytes and one system call a member, however many messages there were.
 * Only what a socket does not take at once is remembered, by reference, in its backlog.
 */
#include <stdlib.h>
#include <string.h>

#include "host/shard.h"

#define OUTBOX_BYTES_MAX ((size_t)1 << 31)
#define WRITE_BUFS       64

static uint32_t from_both(uint32_t a, uint32_t b)
{
    if (a == FROM_NOBODY || a == b) return b;
    return b == FROM_NOBODY ? a : FROM_MANY;
}

static struct outbox *outbox_new(struct conn *conn, struct room_slot *slot)
{
    struct outbox *out = heap_new(sizeof *out);
    out->conn = conn;
    out->slot = slot;
    out->ready_from = out->flight_from = out->open_from = FROM_NOBODY;
    yd_buf_init(&out->ready, heap_alloc(), OUTBOX_BYTES_MAX);
    yd_buf_init(&out->flight, heap_alloc(), OUTBOX_BYTES_MAX);
    yd_buf_init(&out->open, heap_alloc(), OUTBOX_BYTES_MAX);
    return out;
}

static void outbox_free(struct outbox *out)
{
    yd_buf_deinit(&out->ready);
    yd_buf_deinit(&out->flight);
    yd_buf_deinit(&out->open);
    free(out);
}

struct outbox *outbox_of_conn(struct conn *conn)
{
    if (conn->out == NULL) conn->out = outbox_new(conn, NULL);
    return conn->out;
}

struct outbox *outbox_of_slot(struct room_slot *slot, uint32_t wire)
{
    if (slot->outs[wire] == NULL) {
        slot->outs[wire] = outbox_new(NULL, slot);
        slot->outs[wire]->wire = wire;
    }
    return slot->outs[wire];
}

/* The owner ends. Lists that hold the outbox free it when they come to it. */
void outbox_disown(struct outbox *out)
{
    if (out == NULL) return;
    out->conn = NULL;
    out->slot = NULL;
    if (!out->in_dirty && !out->in_gated) outbox_free(out);
}

static void list_add(struct outbox_list *l, struct outbox *out)
{
    if (l->first + l->count == l->cap && l->first > l->count) { // room in front: close up
        memmove(l->list, l->list + l->first, l->count * sizeof *l->list);
        l->first = 0;
    }
    if (l->first + l->count == l->cap) {
        l->cap = l->cap == 0 ? 64 : l->cap * 2;
        l->list = realloc(l->list, l->cap * sizeof(struct outbox *));
        if (l->list == NULL) abort();
    }
    l->list[l->first + l->count++] = out;
}

static struct outbox *list_take(struct outbox_list *l)
{
    struct outbox *out = l->list[l->first++];
    if (--l->count == 0) l->first = 0;
    return out;
}

static void mark_dirty(struct shard *shard, struct outbox *out)
{
    if (out->in_dirty) return;
    out->in_dirty = true;
    list_add(&shard->dirty, out);
}

static size_t outbox_max(const struct shard *shard)
{
    return (size_t)shard->settings->outbox_bytes_max;
}

/* It does not take what it is sent, or asks for more than it takes. One message may be larger than
 * the limit, or a large document could never be loaded. */
static void conn_too_slow(struct conn *conn, size_t waiting)
{
    if (uv_is_closing((uv_handle_t *)&conn->tcp)) return;
    LOG(&conn->shard->log, LOG_WARN, "connection reads too slowly, closed",
        LOG_NUM("waiting_bytes", waiting));
    limits_hit(conn->shard, LIMIT_OUTBOX_BYTES);
    conn_end(conn);
}

static void append(struct yd_buf *to, yd_slice head, yd_slice payload)
{
    // The server's own buffers: without memory for them there is nothing sensible left to do.
    if (yd_buf_append(to, head) != YD_OK || yd_buf_append(to, payload) != YD_OK) abort();
}

size_t outbox_waiting(const struct outbox *out)
{
    return out == NULL ? 0 : out->ready.len + out->flight.len + out->open.len;
}

uint64_t outbox_last_batch(const struct shard *shard, const struct outbox *out)
{
    if (outbox_waiting(out) == 0) return 0;
    if (out->open.len > 0) return out->open_batch;
    return out->flight.len > 0 ? out->flight_batch : shard->durable;
}

static void put(struct shard *shard, struct outbox *out, yd_slice head, yd_slice payload,
                uint64_t batch, uint32_t from)
{
    if (out == NULL) return;
    size_t waiting = outbox_waiting(out);
    if (out->conn != NULL && waiting > outbox_max(shard)) {
        conn_too_slow(out->conn, waiting);
        return;
    }
    if (batch == 0 || batch <= shard->durable) {
        append(&out->ready, head, payload);
        out->ready_from = from_both(out->ready_from, from);
        mark_dirty(shard, out);
        return;
    }
    if (!out->in_gated) {
        out->in_gated = true;
        list_add(&shard->gated, out);
    }
    if (out->flight.len == 0) out->flight_batch = batch;
    if (batch <= out->flight_batch) {
        append(&out->flight, head, payload);
        out->flight_from = from_both(out->flight_from, from);
    } else {
        append(&out->open, head, payload);
        out->open_from = from_both(out->open_from, from);
        out->open_batch = batch;
    }
}

void outbox_put(struct shard *shard, struct outbox *out, yd_slice head, yd_slice payload,
                uint64_t batch)
{
    put(shard, out, head, payload, batch, FROM_MANY);
}

void outbox_put_all(struct shard *shard, struct outbox *out, yd_slice head, yd_slice payload,
                    uint64_t batch, uint32_t from)
{
    put(shard, out, head, payload, batch, from);
}

/* Moves what is durable to ready; true: something still waits. */
static bool release(struct shard *shard, struct outbox *out)
{
    if (out->flight.len > 0 && out->flight_batch <= shard->durable) {
        append(&out->ready, yd_buf_slice(&out->flight), YD_EMPTY);
        yd_buf_clear(&out->flight);
        out->ready_from = from_both(out->ready_from, out->flight_from);
        out->flight_from = FROM_NOBODY;
        mark_dirty(shard, out);
    }
    if (out->flight.len == 0 && out->open.len > 0) {
        struct yd_buf swap = out->flight;
        out->flight = out->open;
        out->flight_batch = out->open_batch;
        out->flight_from = out->open_from;
        out->open = swap;
        out->open_from = FROM_NOBODY;
        return release(shard, out); // at most once more: open is empty now
    }
    return out->flight.len > 0;
}

void outboxes_release(struct shard *shard)
{
    for (size_t n = shard->gated.count; n > 0; n--) {
        struct outbox *out = list_take(&shard->gated);
        out->in_gated = false;
        if (out->conn == NULL && out->slot == NULL) {
            outbox_disown(out);
        } else if (release(shard, out)) {
            out->in_gated = true;
            list_add(&shard->gated, out);
        }
    }
}

/* The store has failed: what waits for it must never leave. */
void outboxes_forget_gated(struct shard *shard)
{
    for (size_t i = 0; i < shard->gated.count; i++) {
        struct outbox *out = shard->gated.list[shard->gated.first + i];
        yd_buf_clear(&out->flight);
        yd_buf_clear(&out->open);
    }
    outboxes_release(shard);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

struct chunk *chunk_new(yd_slice head, yd_slice payload)
{
    struct chunk *c = malloc(sizeof *c + head.len + payload.len);
    if (c == NULL) abort();
    c->refs = 1;
    c->len = (uint32_t)(head.len + payload.len);
    memcpy(c->bytes, head.ptr, head.len);
    memcpy(c->bytes + head.len, payload.ptr, payload.len);
    return c;
}

static struct chunk *chunk_of(struct yd_buf *bytes)
{
    struct chunk *c = chunk_new(yd_buf_slice(bytes), YD_EMPTY);
    // A large message gives its memory back, small ones reuse it.
    if (bytes->cap > 65536) {
        yd_buf_deinit(bytes);
    } else {
        yd_buf_clear(bytes);
    }
    return c;
}

void chunk_unref(struct chunk *c)
{
    if (c != NULL && --c->refs == 0) free(c);
}

void backlog_free(struct backlog *backlog)
{
    if (backlog == NULL) return;
    for (size_t i = 0; i < backlog->count; i++) chunk_unref(backlog->list[i]);
    free(backlog->list);
    free(backlog);
}

static void backlog_send(struct conn *conn);

static void on_written(uv_write_t *req, int status)
{
    struct conn *conn = req->data;
    struct backlog *b = conn->backlog;
    size_t waited = b->bytes;
    b->writing = false;
    for (size_t i = 0; i < b->sending; i++) {
        b->bytes -= b->list[i]->len - (i == 0 ? b->first_offset : 0);
        chunk_unref(b->list[i]);
    }
    if (status == 0) conn->shard->metrics.bytes_out += waited - b->bytes;
    b->count -= b->sending;
    memmove(b->list, b->list + b->sending, b->count * sizeof(struct chunk *));
    b->first_offset = 0;
    if (status != 0 || uv_is_closing((uv_handle_t *)&conn->tcp)) {
        conn_end(conn);
        return;
    }
    if (b->count > 0) {
        backlog_send(conn);
        return;
    }
    backlog_free(b);
    conn->backlog = NULL;
    flow_notice(conn);
    if (conn->state == CONN_CLOSING) conn_finish(conn);
}

static void backlog_send(struct conn *conn)
{
    struct backlog *b = conn->backlog;
    if (b == NULL) return;
    uv_buf_t bufs[WRITE_BUFS];
    unsigned n = 0;
    while (n < WRITE_BUFS && n < b->count) {
        size_t skip = n == 0 ? b->first_offset : 0;
        bufs[n] = uv_buf_init((char *)b->list[n]->bytes + skip, (unsigned)(b->list[n]->len - skip));
        n++;
    }
    b->sending = n;
    b->writing = true;
    b->req.data = conn;
    if (uv_write(&b->req, (uv_stream_t *)&conn->tcp, bufs, n, on_written) != 0) {
        b->writing = false;
        conn_end(conn);
    }
}

static void backlog_add(struct conn *conn, struct chunk *c, size_t offset)
{
    if (c == NULL) return;
    if (conn->backlog == NULL) {
        conn->backlog = heap_new(sizeof *conn->backlog);
        conn->backlog->first_offset = offset;
    }
    struct backlog *b = conn->backlog;
    if (b->count == b->cap) {
        b->cap = b->cap == 0 ? 8 : b->cap * 2;
        b->list = realloc(b->list, b->cap * sizeof(struct chunk *));
        if (b->list == NULL) abort();
    }
    c->refs++;
    b->list[b->count++] = c;
    b->bytes += c->len - offset;
}

/* Hands over one or two chunks (either may be NULL); borrows the callers' references. */
void conn_write(struct conn *conn, struct chunk *first, struct chunk *second)
{
    if (uv_is_closing((uv_handle_t *)&conn->tcp)) return;
    if (conn->backlog != NULL && conn->backlog->bytes > outbox_max(conn->shard)) {
        conn_too_slow(conn, conn->backlog->bytes);
        return;
    }
    if (first == NULL) {
        first = second;
        second = NULL;
    }
    size_t done = 0;
    if (conn->backlog == NULL) {
        uv_buf_t bufs[2] = {uv_buf_init((char *)first->bytes, first->len)};
        if (second != NULL) bufs[1] = uv_buf_init((char *)second->bytes, second->len);
        int n = uv_try_write((uv_stream_t *)&conn->tcp, bufs, second == NULL ? 1 : 2);
        if (n < 0 && n != UV_EAGAIN) {
            conn_end(conn);
            return;
        }
        done = n < 0 ? 0 : (size_t)n;
        conn->shard->metrics.bytes_out += done;
        if (done == (size_t)first->len + (second == NULL ? 0 : second->len)) {
            flow_notice(conn);
            return;
        }
    }
    bool start = conn->backlog == NULL;
    if (done < first->len) {
        backlog_add(conn, first, done);
        backlog_add(conn, second, 0);
    } else {
        backlog_add(conn, second, done - first->len);
    }
    if (start) backlog_send(conn);
    flow_notice(conn);
}

static struct chunk *take_ready(struct outbox *out)
{
    return out == NULL || out->ready.len == 0 ? NULL : chunk_of(&out->ready);
}

/* What a room says to one of its members, behind what the connection has to say itself. */
static void write_to_member(struct conn *conn, struct chunk *all, bool is_own)
{
    struct chunk *own = take_ready(conn->out);
    if (own == NULL && is_own && late_keep(conn, all)) return;
    struct chunk *late = late_take(conn);
    if (own != NULL && late != NULL) {
        conn_write(conn, late, NULL);
        chunk_unref(late);
        late = NULL;
    }
    conn_write(conn, own != NULL ? own : late, all);
    chunk_unref(own);
    chunk_unref(late);
}

static void flush_slot(struct outbox *out, uint64_t durable)
{
    struct room_slot *slot = out->slot;
    uint32_t from = out->ready_from, wire = out->wire;
    out->ready_from = FROM_NOBODY;
    struct chunk *all = take_ready(out);
    if (all == NULL) return;
    struct chunk *deflated = NULL; // made when the first is met who takes it
    for (uint32_t i = 0; i < slot->member_cap; i++) {
        struct seat *seat = slot->members[i];
        if (seat == NULL || seat->wire != wire || seat->conn->state != CONN_OPEN) continue;
        if (seat->is_cut) continue;
        if (seat->is_held && seat->cut_batch <= durable) seat->is_cut = true;
        bool deflates = seat->conn->deflates;
        if (deflates && deflated == NULL) deflated = deflate_chunk(seat->conn->shard, all);
        write_to_member(seat->conn, deflates ? deflated : all, i == from);
    }
    chunk_unref(deflated);
    chunk_unref(all);
}

static void flush_conn(struct conn *conn)
{
    struct chunk *own = take_ready(conn->out);
    if (own == NULL) return;
    conn_write(conn, own, NULL);
    chunk_unref(own);
    if (conn->state == CONN_CLOSING && conn->backlog == NULL) conn_finish(conn);
}

/* An outbox with nothing in it is given back: an idle connection keeps none. */
static void outbox_settle(struct outbox *out)
{
    bool empty = out->ready.len + out->flight.len + out->open.len == 0;
    if (out->conn != NULL && empty && !out->in_gated) {
        out->conn->out = NULL;
        outbox_free(out);
    }
}

/* One outbox. It counts as dirty until the end: its owner may go meanwhile, but it must not. */
static void outbox_flush(struct shard *shard, struct outbox *out)
{
    if (out->slot != NULL) {
        uint64_t begun = uv_hrtime();
        flush_slot(out, shard->durable);
        uint64_t took = uv_hrtime() - begun;
        if (took > shard->dearest_ns) shard->dearest_ns = took;
    } else if (out->conn != NULL) {
        flush_conn(out->conn);
    }
    out->in_dirty = false;
    if (out->conn == NULL && out->slot == NULL) {
        outbox_disown(out);
    } else if (out->ready.len > 0 && out->slot != NULL) {
        mark_dirty(shard, out); // a member that ended meanwhile made its room say something
    } else {
        outbox_settle(out);
    }
}

bool outboxes_flush(struct shard *shard, uint64_t deadline_ns)
{
    // What is marked while this goes on has its turn too, but only after all that were there.
    while (shard->dirty.count > 0) {
        outbox_flush(shard, list_take(&shard->dirty));
        if (shard->dirty.count > 0 && uv_hrtime() >= deadline_ns) return true;
    }
    return false;
}

void outboxes_free(struct shard *shard)
{
    outboxes_release(shard);
    (void)outboxes_flush(shard, UINT64_MAX);
    free(shard->dirty.list);
    free(shard->gated.list);
}
