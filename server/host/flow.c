/* flow.c - connections that do not take what they are sent.
 *
 * Where it sits:   outbox.c -> flow_notice() ... turn.c -> flow_turn() -> BEHIND, DRAINED -> room
 *                  effects.c, HOLD and RESUME -> seat_hold(), seat_resume()
 *
 * When more than window-bytes wait for a connection, each of its rooms is told that it is behind,
 * and holds it: nothing more that goes to all goes to it. When all that waits has left, each is
 * told so and sends one part of what is missing, until nothing is. So at most a window and a part
 * wait for anybody, and nobody waits for the slowest.
 *
 * What a room said before it held a member may still be in its outbox, some of it until a batch is
 * on disk: that is for the member too. It is cut off from the flush on that takes the last of it.
 */
#include "host/shard.h"

#include <stdlib.h>
#include <string.h>

#define PARTS_A_TURN 8 /* to one connection whose socket takes everything */

size_t conn_waiting(const struct conn *conn)
{
    return (conn->backlog == NULL ? 0 : conn->backlog->bytes) + outbox_waiting(conn->out);
}

static bool is_slow(const struct conn *conn)
{
    return conn_waiting(conn) > (size_t)conn->shard->settings->window_bytes;
}

void flow_forget(struct conn *conn)
{
    struct shard *shard = conn->shard;
    if (!conn->in_flow) return;
    *(conn->flow_prev != NULL ? &conn->flow_prev->flow_next : &shard->flow_first) = conn->flow_next;
    *(conn->flow_next != NULL ? &conn->flow_next->flow_prev : &shard->flow_last) = conn->flow_prev;
    conn->flow_prev = conn->flow_next = NULL;
    conn->in_flow = false;
}

static void look_at(struct conn *conn)
{
    struct shard *shard = conn->shard;
    if (conn->in_flow) return;
    conn->in_flow = true;
    conn->flow_prev = shard->flow_last;
    *(shard->flow_last != NULL ? &shard->flow_last->flow_next : &shard->flow_first) = conn;
    shard->flow_last = conn;
}

void flow_notice(struct conn *conn)
{
    if (conn->state != CONN_OPEN || uv_is_closing((uv_handle_t *)&conn->tcp)) return;
    bool can_take_more = conn->held_count > 0 && conn_waiting(conn) == 0;
    if (can_take_more || is_slow(conn)) look_at(conn);
}

/* ---- what the rooms say ----------------------------------------------------------------------
 */

void seat_hold(struct seat *seat)
{
    struct room_slot *slot = seat->slot;
    bool shares = seat->wire < SESSION_WIRES;
    const struct outbox *out = shares ? slot->outs[seat->wire] : NULL;
    if (seat->is_held) return;
    seat->is_held = true;
    seat->is_cut = outbox_waiting(out) == 0;
    seat->cut_batch = outbox_last_batch(seat->conn->shard, out);
    slot->held_count++;
    seat->conn->held_count++;
    flow_notice(seat->conn);
}

void seat_resume(struct seat *seat)
{
    if (!seat->is_held) return;
    seat->is_held = seat->is_cut = false;
    seat->slot->held_count--;
    seat->conn->held_count--;
}

/* ---- what they are told ----------------------------------------------------------------------
 */

static bool tell(struct seat *seat, enum room_event_kind kind)
{
    return slot_event(seat->slot, seat->conn->shard,
                      (struct room_event){.kind = kind, .member = seat->member});
}

static void behind(struct conn *conn)
{
    for (struct seat *s = seat_after(conn, NULL); s != NULL; s = seat_after(conn, s)) {
        if (s->state == SEAT_IN && s->slot != NULL && !s->is_held) (void)tell(s, ROOM_EV_BEHIND);
    }
}

/* The held seat whose turn it is; NULL: there is none. */
static struct seat *next_held(struct conn *conn)
{
    for (uint32_t n = 0; n < conn->seat_cap; n++) {
        struct seat *seat = conn->seats[(conn->flow_doc + n) % conn->seat_cap];
        if (seat == NULL || !seat->is_held) continue;
        conn->flow_doc = seat->doc + 1;
        return seat;
    }
    return NULL;
}

static void drained(struct conn *conn)
{
    for (int parts = 0; parts < PARTS_A_TURN && conn->state == CONN_OPEN; parts++) {
        struct seat *seat = next_held(conn);
        if (seat == NULL || is_slow(conn)) return;
        (void)tell(seat, ROOM_EV_DRAINED);
        if (conn_waiting(conn) > 0 && conn->held_count < 2) return;
    }
    flow_notice(conn);
}

void flow_turn(struct shard *shard)
{
    // Who is put on the list meanwhile is looked at in the next turn.
    size_t count = 0;
    for (const struct conn *c = shard->flow_first; c != NULL; c = c->flow_next) count++;
    for (; count > 0 && shard->flow_first != NULL; count--) {
        struct conn *conn = shard->flow_first;
        flow_forget(conn);
        if (is_slow(conn)) {
            if (conn->held_count == 0) limits_hit(shard, LIMIT_WINDOW_BYTES);
            behind(conn);
        } else if (conn_waiting(conn) == 0) {
            drained(conn);
        }
    }
}

void flow_before(struct seat *seat)
{
    if (!seat->is_held && is_slow(seat->conn)) (void)tell(seat, ROOM_EV_BEHIND);
}

/* ---- frames that several are sent ------------------------------------------------------------
 */

struct chunk *slot_shared(const struct seat *seat, uint64_t share, yd_slice head, yd_slice payload)
{
    struct room_slot *slot = seat->slot;
    uint32_t wire = seat->wire;
    bool deflated = seat->conn->deflates;
    for (uint32_t i = slot->shared_count; i-- > 0;) {
        struct shared *s = &slot->shared[i];
        if (s->share != share || s->wire != wire || s->deflated != deflated) continue;
        s->unused = 0;
        return s->frame;
    }
    if (slot->shared_count == slot->shared_cap) {
        slot->shared_cap = slot->shared_cap == 0 ? 8 : slot->shared_cap * 2;
        slot->shared = realloc(slot->shared, slot->shared_cap * sizeof *slot->shared);
        if (slot->shared == NULL) abort();
    }
    struct chunk *frame = chunk_new(head, payload);
    if (deflated) {
        struct chunk *plain = frame;
        frame = deflate_chunk(seat->conn->shard, plain);
        chunk_unref(plain);
    }
    slot->shared[slot->shared_count++] =
        (struct shared){.share = share, .wire = wire, .deflated = deflated, .frame = frame};
    return frame;
}

void slot_forget_shared(struct room_slot *slot)
{
    for (uint32_t i = 0; i < slot->shared_count; i++) chunk_unref(slot->shared[i].frame);
    free(slot->shared);
    slot->shared = NULL;
    slot->shared_count = slot->shared_cap = 0;
}

/* Those that are on their way to nobody go: the next who needs one makes it again, which is a copy,
 * and rare. To compress one costs more than to copy it, so these stay for two seconds. */
#define DEFLATED_SWEEPS 8
void slot_trim_shared(struct room_slot *slot)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < slot->shared_count; i++) {
        struct shared *s = &slot->shared[i];
        bool stays = s->frame->refs > 1 || (s->deflated && s->unused++ < DEFLATED_SWEEPS);
        if (stays) {
            slot->shared[kept++] = slot->shared[i];
        } else {
            chunk_unref(slot->shared[i].frame);
        }
    }
    slot->shared_count = kept;
    if (kept == 0) slot_forget_shared(slot);
}
