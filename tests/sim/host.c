/* host.c - a host without sockets, disks and clocks: what it must do with rooms and their effects.
 *
 * A frame that is gated leaves when its record is safe. What waits for one connection beyond WINDOW
 * makes it behind in all its rooms. A room that fails takes the connections of all its members with
 * it, and those take leave of their other rooms. */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "ydoc/update.h"

/* ---- effects --------------------------------------------------------------------------------- */

static void seq_note(struct slot *slot, size_t record)
{
    if (slot->seq_count == slot->seq_cap) {
        slot->seq_cap = slot->seq_cap == 0 ? 64 : slot->seq_cap * 2;
        slot->record_of_seq =
            realloc(slot->record_of_seq, slot->seq_cap * sizeof *slot->record_of_seq);
        YD_ASSERT(slot->record_of_seq != NULL);
    }
    slot->record_of_seq[slot->seq_count++] = record;
}

static size_t gate_of(const struct host *h, uint32_t room, const struct room_effect *fx)
{
    const struct slot *slot = &h->slots[room];
    SIM_RULE(h->sim, fx->gate_seq <= slot->seq_count, "R3: a gate that was never appended");
    bool forgets =
        h->sim->bug == BUG_GATE || (h->sim->bug == BUG_STATUS && fx->message == ROOM_MSG_STATUS);
    return fx->gate_seq == 0 || forgets ? 0 : slot->record_of_seq[fx->gate_seq - 1];
}

static bool all_held(const struct conn *conn)
{
    for (uint32_t i = 0; i < ROOMS; i++) {
        if (conn->seats[i].state == SEAT_IN && !conn->seats[i].is_held) return false;
    }
    return true;
}

/* "Saved" is said of the message, or of a STEP2 of before; and of a STEP2 also of all that was left
 * out of it because the room had it. */
static void claim(struct host *h, uint32_t room, const struct seat *seat, struct frame *frame)
{
    yd_slice owed = {seat->owed, seat->owed_len};
    yd_slice claimed = h->claim.len > 0 ? h->claim : owed;
    SIM_RULE(h->sim, claimed.len > 0, "R40: a STATUS of nothing that was sent");
    if (h->claim.len > 0 && !h->is_step2) {
        frame_claims(frame, h->claim);
        return;
    }
    struct yd_buf state = buf_new(), both = buf_new();
    uint64_t refuse_at = h->refuse_at;
    h->refuse_at = 0; // it is ours to look
    SIM_OK(yd_doc_encode_state(room_doc(h->slots[room].room), YD_EMPTY, YD_V1, &state));
    const struct yd_update parts[] = {{claimed, YD_V1}, {yd_buf_slice(&state), YD_V1}};
    h->refuse_at = refuse_at;
    SIM_OK(yd_update_merge(parts, 2, YD_V1, &both, NULL));
    frame_claims(frame, yd_buf_slice(&both));
    yd_buf_deinit(&state);
    yd_buf_deinit(&both);
}

/* The last part of a document has all its deletes. */
static size_t answers_max(const struct host *h)
{
    size_t deletes = (size_t)SOCKETS * ROOMS * TABS * SHREDS * 2;
    return h->sim->shreds ? ANSWERS_MAX + deletes : ANSWERS_MAX;
}

static void put(struct host *h, uint32_t number, uint32_t room, const struct room_effect *fx)
{
    struct conn *conn = &h->conns[number];
    const struct seat *seat = seat_in_room(h, number, room);
    struct session_head head;
    if (seat == NULL) return;
    uint32_t doc = (uint32_t)(seat - conn->seats);
    if (!session_head(conn->session, doc, fx->message, fx->bytes.len, &head)) return;
    struct frame frame =
        frame_of((yd_slice){head.bytes, head.len}, fx->bytes, gate_of(h, room, fx));
    if (fx->message == ROOM_MSG_STATUS && fx->bytes.ptr[0] == 1) {
        claim(h, room, seat, &frame);
    }
    queue_put(&conn->waiting, frame);
    SIM_RULE(h->sim, !all_held(conn) || conn->waiting.bytes <= conn->held_bytes + answers_max(h),
             "H50: too much waits for a connection that is held");
}

static void send_effect(struct host *h, uint32_t room, const struct room_effect *fx)
{
    if (fx->message == ROOM_MSG_AWARENESS) judge_told(h, room, fx->bytes);
    if (fx->to == ROOM_TO_ONE) {
        put(h, fx->member, room, fx);
        return;
    }
    for (uint32_t i = 0; i < CONNS; i++) {
        const struct seat *seat = seat_in_room(h, i, room);
        if (seat == NULL || seat->is_held) continue;
        bool full = h->conns[i].waiting.bytes > WINDOW;
        if (h->sim->bug == BUG_DROP && full && fx->message == ROOM_MSG_UPDATE) continue;
        put(h, i, room, fx);
    }
}

static void hold(struct host *h, uint32_t room, const struct room_effect *fx)
{
    bool holds = fx->kind == ROOM_FX_HOLD;
    struct seat *seat = seat_in_room(h, fx->member, room);
    SIM_RULE(h->sim, seat != NULL && seat->is_held != holds, "R53: HOLD and RESUME take turns");
    seat->is_held = holds;
    h->sim->counts[holds ? C_HELD : C_RESUMED]++;
    struct conn *conn = &h->conns[fx->member];
    if (holds && h->sim->bug == BUG_HELD) queue_clear(&conn->waiting);
    if (all_held(conn)) conn->held_bytes = conn->waiting.bytes;
}

static void carry_out(struct host *h, uint32_t room, const struct room_effect *fx)
{
    uint64_t *counts = h->sim->counts;
    struct slot *slot = &h->slots[room];
    switch (fx->kind) {
    case ROOM_FX_APPEND:
        SIM_RULE(h->sim, !h->is_readers, "R6: what a reader says is stored");
        record_add(h, room, RECORD_APPEND, fx->bytes);
        seq_note(slot, h->record_count);
        SIM_RULE(h->sim, fx->seq == slot->seq_count, "R3: appends are numbered in order");
        break;
    case ROOM_FX_SEND:
        SIM_RULE(h->sim, !h->is_readers || fx->to == ROOM_TO_ONE,
                 "R42: what a reader says goes to others");
        counts[C_PARTS] += fx->share != 0 && fx->message == ROOM_MSG_UPDATE;
        send_effect(h, room, fx);
        break;
    case ROOM_FX_SNAPSHOT:
        counts[C_SNAPSHOTS]++;
        record_add(h, room, fx->snapshot == ROOM_SNAPSHOT_BASE ? RECORD_BASE : RECORD_DELTA,
                   fx->bytes);
        break;
    case ROOM_FX_HOLD:
    case ROOM_FX_RESUME: hold(h, room, fx); break;
    case ROOM_FX_CLOSE: sim_fail(h->sim, "R5: no client of these is closed"); break;
    case ROOM_FX_IGNORED:
        counts[C_PACED] += fx->cause == ROOM_CAUSE_STATE_PACE;
        counts[C_IMPOSTORS] += fx->cause == ROOM_CAUSE_STATE_OWNER;
        break;
    }
}

void room_drop(struct host *h, uint32_t number)
{
    struct slot *slot = &h->slots[number];
    h->refuse_at = 0;
    room_free(slot->room);
    slot->room = NULL;
    slot->is_asleep = false;
    slot->seq_count = 0;
    for (uint32_t i = 0; i < CONNS; i++) {
        if (seat_in_room(h, i, number) != NULL) conn_end(h, i);
    }
}

void host_event(struct host *h, uint32_t number, struct room_event ev)
{
    struct room_effects fx;
    if (h->slots[number].is_asleep) host_wakes(h, number);
    struct room *room = h->slots[number].room;
    if (room == NULL) return;
    SIM_RULE(h->sim, !room_is_gone(h, number), "D24: somebody is in a room that was deleted");
    ev.now_ms = h->sim->now_ms;
    if (ev.bytes.ptr == NULL) ev.bytes = YD_EMPTY;
    yd_err err = room_step(room, &ev, &fx);
    if (err != YD_OK) {
        SIM_RULE(h->sim, err == YD_ENOMEM && h->refuse_at != 0, "R22: only memory fails a room");
        h->sim->counts[C_REFUSED]++;
        room_drop(h, number);
        return;
    }
    for (size_t i = 0; i < fx.count; i++) carry_out(h, number, &fx.list[i]);
    uint64_t refuse_at = h->refuse_at;
    h->refuse_at = 0; // the check of a table that is about to grow makes it grow
    room_check(room);
    h->refuse_at = refuse_at;
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* What may leave goes to the link as far as it takes it; what is gated stays and is passed by. */
static void flush(struct host *h, uint32_t number)
{
    struct conn *conn = &h->conns[number];
    struct queue *waiting = &conn->waiting;
    struct socket *client = conn_client(h, number);
    struct queue *down = client == NULL ? &conn->lost : &client->down;
    for (size_t n = waiting->count; n > 0; n--) {
        struct frame frame = queue_take(waiting);
        bool leaves = frame.gate <= h->synced && down->bytes <= LINK;
        queue_put(leaves ? down : waiting, frame);
    }
}

static void conn_tell(struct host *h, uint32_t number, enum room_event_kind kind, bool held)
{
    const struct conn *conn = &h->conns[number];
    for (uint32_t i = 0; i < ROOMS; i++) {
        const struct seat *seat = &conn->seats[i];
        if (seat->state != SEAT_IN || seat->is_held != held) continue;
        if (kind == ROOM_EV_DRAINED && conn->waiting.count > 0) return;
        host_event(h, seat->room, (struct room_event){.kind = kind, .member = number});
    }
}

static void conn_turn(struct host *h, uint32_t number)
{
    const struct conn *conn = &h->conns[number];
    if (!conn->is_open) return;
    flush(h, number);
    bool is_behind = conn->waiting.bytes > WINDOW && h->sim->bug != BUG_DROP && !h->is_edge;
    if (is_behind) conn_tell(h, number, ROOM_EV_BEHIND, false);
    if (conn->waiting.count == 0) conn_tell(h, number, ROOM_EV_DRAINED, true);
}

static void room_turn(struct host *h, uint32_t number)
{
    const struct slot *slot = &h->slots[number];
    if (slot->room != NULL && room_wants_tick(slot->room)) {
        h->is_tick = true;
        host_event(h, number, (struct room_event){.kind = ROOM_EV_TICK});
        h->is_tick = false;
    }
    if (slot->room != NULL && room_due(slot->room) <= h->sim->now_ms) {
        host_event(h, number, (struct room_event){.kind = ROOM_EV_TIMER});
    }
}

void host_turn(struct host *h)
{
    for (uint32_t i = 0; i < ROOMS; i++) room_turn(h, i);
    for (uint32_t i = 0; i < CONNS; i++) conn_turn(h, i);
}

/* ---- ends ------------------------------------------------------------------------------------ */

void host_crash(struct host *h)
{
    h->sim->counts[C_CRASHES]++;
    for (uint32_t i = 0; i < ROOMS; i++) room_free(h->slots[i].room);
    for (uint32_t i = 0; i < ROOMS; i++) h->slots[i].room = NULL, h->slots[i].is_asleep = false;
    for (uint32_t i = 0; i < ROOMS; i++) room_drop(h, i);
    for (uint32_t i = 0; i < CONNS; i++) conn_end(h, i); // who was in no room yet
    size_t unsynced = h->record_count - h->synced;
    bool all_lost = rng_one_in(&h->sim->rng, 2);
    size_t kept = h->synced + (all_lost ? 0 : rng_below(&h->sim->rng, (uint32_t)unsynced + 1));
    if (h->sim->bug == BUG_SYNC && h->synced > 0) kept = h->synced - 1;
    records_cut(h, kept);
    for (uint32_t i = 0; i < ROOMS; i++) h->slots[i].mark = room_mark(h, i);
    h->synced = h->record_count;
}

/* True if something for it waits for a record that will never be on disk. */
static bool waits_for_nothing(const struct host *h, const struct queue *waiting)
{
    for (size_t i = 0; i < waiting->count; i++) {
        size_t gate = waiting->list[waiting->first + i].gate;
        if (gate > 0 && h->records[gate - 1].kind == RECORD_VOID) return true;
    }
    return false;
}

/* A write for this room fails: nothing that waits for it leaves, and who is in it has to come back
 * to what is stored. */
void host_store_fails(struct host *h, uint32_t number)
{
    if (h->slots[number].room == NULL) return;
    h->sim->counts[C_STORE_FAILS]++;
    records_lose(h, number);
    room_drop(h, number);
    // Also who has given the document back is not told the rest.
    for (uint32_t i = 0; i < CONNS; i++) {
        if (waits_for_nothing(h, &h->conns[i].waiting)) conn_end(h, i);
    }
}

void host_evict(struct host *h, uint32_t number)
{
    const struct slot *slot = &h->slots[number];
    if (slot->room == NULL || room_member_count(slot->room) > 0) return;
    h->sim->counts[C_EVICTIONS]++;
    host_event(h, number, (struct room_event){.kind = ROOM_EV_COMPACT});
    if (slot->room != NULL) room_drop(h, number);
}

void host_init(struct host *h, struct sim *sim)
{
    *h = (struct host){.sim = sim, .claim = YD_EMPTY};
    for (uint32_t i = 0; i < ROOMS; i++)
        SIM_OK(yd_doc_new(sim_alloc(), NULL, &h->slots[i].allowed));
}

void host_deinit(struct host *h)
{
    for (uint32_t i = 0; i < ROOMS; i++) {
        room_free(h->slots[i].room);
        h->slots[i].room = NULL;
        free(h->slots[i].record_of_seq);
        yd_doc_free(h->slots[i].allowed);
    }
    for (uint32_t i = 0; i < CONNS; i++) {
        conn_end(h, i);
        queue_free(&h->conns[i].waiting);
        queue_free(&h->conns[i].lost);
        for (uint32_t n = 0; n < ROOMS; n++) queue_free(&h->conns[i].seats[n].kept);
    }
    records_cut(h, 0);
    free(h->records);
}
