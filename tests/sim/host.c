/* host.c - a host without sockets, disks and clocks: what it must do with a room and its effects.
 *
 * Records of the store are written in order and are safe when they are synced; a crash keeps those
 * and some of the others. A frame that is gated leaves when its record is safe. What waits for one
 * connection beyond WINDOW makes it behind. */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

/* The room's heap, which may refuse. */
static void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct host *host = ctx;
    if (new_size > old_size && host->refuse_at != 0 && ++host->requests >= host->refuse_at) {
        return NULL;
    }
    yd_alloc plain = sim_alloc();
    return plain.resize(plain.ctx, ptr, old_size, new_size);
}

/* ---- the store ------------------------------------------------------------------------------- */

static void record_add(struct host *h, enum record_kind kind, yd_slice bytes)
{
    if (h->record_count == h->record_cap) {
        h->record_cap = h->record_cap == 0 ? 64 : h->record_cap * 2;
        h->records = realloc(h->records, h->record_cap * sizeof *h->records);
        YD_ASSERT(h->records != NULL);
    }
    uint8_t *copy = malloc(bytes.len + 1);
    YD_ASSERT(copy != NULL);
    memcpy(copy, bytes.ptr, bytes.len);
    h->records[h->record_count++] = (struct record){kind, copy, bytes.len};
}

static void records_cut(struct host *h, size_t count)
{
    while (h->record_count > count) free(h->records[--h->record_count].bytes);
}

static size_t last_of(const struct host *h, enum record_kind kind)
{
    size_t i = h->record_count;
    while (i > 0 && h->records[i - 1].kind != kind) i--;
    return i; // 0: there is none
}

static void feed(const struct host *h, struct room *room, const struct record *record)
{
    struct room_effects fx;
    struct room_event load = {
        .kind = ROOM_EV_LOAD, .bytes = {record->bytes, record->len}, .now_ms = h->sim->now_ms};
    SIM_RULE(h->sim, room_step(room, &load, &fx) == YD_OK, "what is stored cannot be read");
}

static struct room *room_made(const struct host *h, yd_alloc alloc)
{
    const struct room_opts opts = {.part_bytes = PART,
                                   .compact_updates = 20,
                                   .compact_bytes = 2000,
                                   .awareness_clients_max = 64};
    struct room *room;
    SIM_OK(room_new(alloc, &opts, &room));
    size_t base = last_of(h, RECORD_BASE), delta = last_of(h, RECORD_DELTA);
    size_t from = base;
    if (base > 0) {
        room_loaded_base(room, h->records[base - 1].len);
        feed(h, room, &h->records[base - 1]);
    }
    if (delta > base) {
        feed(h, room, &h->records[delta - 1]);
        from = delta;
    }
    for (size_t i = from; i < h->record_count; i++) feed(h, room, &h->records[i]);
    room_check(room);
    return room;
}

struct room *host_reload(const struct host *h) { return room_made(h, sim_alloc()); }

void host_sync(struct host *h, size_t records)
{
    h->sim->counts.syncs++;
    h->synced += records;
    if (h->synced > h->record_count) h->synced = h->record_count;
}

/* ---- effects --------------------------------------------------------------------------------- */

static void seq_note(struct host *h)
{
    if (h->seq_count == h->seq_cap) {
        h->seq_cap = h->seq_cap == 0 ? 64 : h->seq_cap * 2;
        h->record_of_seq = realloc(h->record_of_seq, h->seq_cap * sizeof *h->record_of_seq);
        YD_ASSERT(h->record_of_seq != NULL);
    }
    h->record_of_seq[h->seq_count++] = h->record_count;
}

static void put(struct host *h, uint32_t number, const struct room_effect *fx)
{
    struct member *m = &h->members[number];
    struct session_head head;
    if (!m->is_in || !session_head(m->session, 0, fx->message, fx->bytes.len, &head)) return;
    SIM_RULE(h->sim, fx->gate_seq <= h->seq_count, "R3: a gate that was never appended");
    size_t gate = fx->gate_seq == 0 ? 0 : h->record_of_seq[fx->gate_seq - 1];
    if (h->sim->bug == BUG_GATE) gate = 0;
    queue_put(&m->waiting, (yd_slice){head.bytes, head.len}, fx->bytes, gate);
    SIM_RULE(h->sim, !m->is_held || m->waiting.bytes <= m->held_bytes + ANSWERS_MAX,
             "H50: too much waits for a connection that is held");
}

static void send_effect(struct host *h, const struct room_effect *fx)
{
    if (fx->to == ROOM_TO_ONE) {
        put(h, fx->member, fx);
        return;
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        bool full = h->members[i].waiting.bytes > WINDOW;
        if (h->sim->bug == BUG_DROP && full && fx->message == ROOM_MSG_UPDATE) continue;
        if (!h->members[i].is_held) put(h, i, fx);
    }
}

static void carry_out(struct host *h, const struct room_effect *fx)
{
    struct counts *counts = &h->sim->counts;
    switch (fx->kind) {
    case ROOM_FX_APPEND:
        record_add(h, RECORD_APPEND, fx->bytes);
        seq_note(h);
        SIM_RULE(h->sim, fx->seq == h->seq_count, "R3: appends are numbered in order");
        break;
    case ROOM_FX_SEND:
        counts->parts += fx->share != 0 && fx->message == ROOM_MSG_UPDATE;
        send_effect(h, fx);
        break;
    case ROOM_FX_SNAPSHOT:
        counts->snapshots++;
        record_add(h, fx->snapshot == ROOM_SNAPSHOT_BASE ? RECORD_BASE : RECORD_DELTA, fx->bytes);
        break;
    case ROOM_FX_HOLD:
    case ROOM_FX_RESUME:
        SIM_RULE(h->sim, h->members[fx->member].is_held == (fx->kind == ROOM_FX_RESUME),
                 "R53: HOLD and RESUME take turns");
        h->members[fx->member].is_held = fx->kind == ROOM_FX_HOLD;
        h->members[fx->member].held_bytes = h->members[fx->member].waiting.bytes;
        counts->held += fx->kind == ROOM_FX_HOLD;
        counts->resumed += fx->kind == ROOM_FX_RESUME;
        break;
    case ROOM_FX_CLOSE: sim_fail(h->sim, "R5: no client of these is closed"); break;
    case ROOM_FX_IGNORED: break;
    }
}

/* The room is gone from memory, with everybody who was in. */
static void room_drop(struct host *h)
{
    h->refuse_at = 0;
    room_free(h->room);
    h->room = NULL;
    h->seq_count = 0;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct member *m = &h->members[i];
        session_free(m->session);
        queue_clear(&m->waiting);
        if (m->is_in) client_lost(&h->sim->clients[i]);
        *m = (struct member){.waiting = m->waiting};
    }
}

void host_event(struct host *h, struct room_event ev)
{
    struct room_effects fx;
    if (h->room == NULL) return;
    ev.now_ms = h->sim->now_ms;
    if (ev.bytes.ptr == NULL) ev.bytes = YD_EMPTY;
    yd_err err = room_step(h->room, &ev, &fx);
    if (err != YD_OK) {
        SIM_RULE(h->sim, err == YD_ENOMEM && h->refuse_at != 0, "R22: only memory fails a room");
        h->sim->counts.refused++;
        room_drop(h);
        return;
    }
    for (size_t i = 0; i < fx.count; i++) carry_out(h, &fx.list[i]);
    uint64_t refuse_at = h->refuse_at;
    h->refuse_at = 0; // the check of a table that is about to grow makes it grow
    room_check(h->room);
    h->refuse_at = refuse_at;
}

/* ---- members --------------------------------------------------------------------------------- */

void host_connect(struct host *h, uint32_t number)
{
    struct member *m = &h->members[number];
    uint64_t refuse_at = h->refuse_at;
    h->refuse_at = 0; // loading without memory is another story
    if (h->room == NULL) {
        h->synced = h->record_count; // a load waits for the batch before it
        h->room = room_made(h, (yd_alloc){heap_resize, h});
    }
    SIM_OK(session_new(sim_alloc(), (struct session_opts){.dialect = SESSION_YWS}, &m->session));
    m->is_in = true;
    host_event(h, (struct room_event){.kind = ROOM_EV_JOIN, .member = number, .right = ROOM_WRITE});
    h->refuse_at = refuse_at;
    h->sim->counts.connects++;
    if (m->is_in) client_connected(&h->sim->clients[number]);
}

void host_disconnect(struct host *h, uint32_t number)
{
    struct member *m = &h->members[number];
    if (!m->is_in) return;
    host_event(h, (struct room_event){.kind = ROOM_EV_LEAVE, .member = number});
    if (!m->is_in) return; // the room has failed meanwhile
    session_free(m->session);
    queue_clear(&m->waiting);
    *m = (struct member){.waiting = m->waiting};
    client_lost(&h->sim->clients[number]);
}

void host_takes(struct host *h, uint32_t number, yd_slice frame)
{
    struct session_event ev;
    struct member *m = &h->members[number];
    if (!m->is_in) return;
    SIM_OK(session_recv(m->session, SESSION_BINARY, frame, &ev));
    SIM_RULE(h->sim, ev.kind == SESSION_EV_MESSAGE, "P1: a message of a client is understood");
    host_event(h, (struct room_event){.kind = ROOM_EV_MESSAGE,
                                      .member = number,
                                      .message = ev.message,
                                      .bytes = ev.bytes});
}

/* What may leave goes to the link as far as it takes it; what is gated stays and is passed by. */
static void flush(struct host *h, uint32_t number)
{
    struct queue *waiting = &h->members[number].waiting, *down = &h->sim->clients[number].down;
    for (size_t n = waiting->count; n > 0; n--) {
        struct frame frame = queue_take(waiting);
        bool leaves = frame.gate <= h->synced && down->bytes <= SOCKET;
        yd_slice bytes = {frame.bytes, frame.len};
        queue_put(leaves ? down : waiting, bytes, YD_EMPTY, frame.gate);
        free(frame.bytes);
    }
}

void host_turn(struct host *h)
{
    if (h->room != NULL && room_wants_tick(h->room)) {
        host_event(h, (struct room_event){.kind = ROOM_EV_TICK});
    }
    if (h->room != NULL && room_due(h->room) <= h->sim->now_ms) {
        host_event(h, (struct room_event){.kind = ROOM_EV_TIMER});
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct member *m = &h->members[i];
        if (m->is_in) flush(h, i);
        if (m->is_in && !m->is_held && m->waiting.bytes > WINDOW && h->sim->bug != BUG_DROP) {
            host_event(h, (struct room_event){.kind = ROOM_EV_BEHIND, .member = i});
        }
        if (m->is_in && m->is_held && m->waiting.count == 0) {
            host_event(h, (struct room_event){.kind = ROOM_EV_DRAINED, .member = i});
        }
    }
}

/* ---- ends ------------------------------------------------------------------------------------ */

void host_crash(struct host *h)
{
    h->sim->counts.crashes++;
    if (h->room != NULL) room_drop(h);
    size_t unsynced = h->record_count - h->synced;
    size_t kept = h->synced + rng_below(&h->sim->rng, (uint32_t)unsynced + 1);
    if (h->sim->bug == BUG_SYNC && h->synced > 0) kept = h->synced - 1;
    records_cut(h, kept);
    h->synced = h->record_count;
}

void host_evict(struct host *h)
{
    if (h->room == NULL || room_member_count(h->room) > 0) return;
    h->sim->counts.evictions++;
    host_event(h, (struct room_event){.kind = ROOM_EV_COMPACT});
    if (h->room != NULL) room_drop(h);
}

void host_init(struct host *h, struct sim *sim) { *h = (struct host){.sim = sim}; }

void host_deinit(struct host *h)
{
    if (h->room != NULL) room_drop(h);
    records_cut(h, 0);
    for (uint32_t i = 0; i < CLIENTS; i++) queue_free(&h->members[i].waiting);
    free(h->records);
    free(h->record_of_seq);
}
