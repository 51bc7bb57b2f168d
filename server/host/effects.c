/* effects.c - carries out what a room wants done, in order. */
#include <stdlib.h>
#include <string.h>

#include "host/backups.h"
#include "host/shard.h"

#define DAY_MS ((uint64_t)86400000)

static yd_slice slot_name(const struct room_slot *slot)
{
    return (yd_slice){(const uint8_t *)slot->name, slot->name_len};
}

/* WebSocket head and dialect head, in one piece. */
static yd_slice frame_head(const struct session_head *dialect, size_t payload_len, uint8_t *room)
{
    size_t n = ws_head(dialect->opcode == SESSION_TEXT ? WS_TEXT : WS_BINARY,
                       dialect->len + payload_len, room);
    memcpy(room + n, dialect->bytes, dialect->len);
    return (yd_slice){room, n + dialect->len};
}

static yd_slice message_head(const struct seat *seat, const struct room_effect *fx, uint8_t *room)
{
    struct session_head dialect;
    if (!session_head(seat->conn->session, seat->doc, fx->message, fx->bytes.len, &dialect)) {
        return YD_EMPTY;
    }
    return frame_head(&dialect, fx->bytes.len, room);
}

#define SHARED_MIN     4096 /* bytes: smaller ones are copied more cheaply than looked up */
#define FRAME_HEAD_MAX (WS_HEAD_MAX + SESSION_HEAD_MAX)

void seat_note(struct seat *seat, enum session_note note, const char *text)
{
    struct conn *conn = seat->conn;
    uint8_t bytes[FRAME_HEAD_MAX];
    struct session_head dialect;
    yd_slice payload = {(const uint8_t *)text, strlen(text)};
    if (!session_note(conn->session, seat->doc, note, payload.len, &dialect)) return;
    yd_slice head = frame_head(&dialect, payload.len, bytes);
    outbox_put(conn->shard, outbox_of_conn(conn), head, payload, 0);
}

/* To one who takes it compressed. What others are sent too is compressed once, also if it waits. */
static void send_deflated(struct shard *shard, const struct seat *seat,
                          const struct room_effect *fx, yd_slice head, uint64_t batch)
{
    struct conn *conn = seat->conn;
    bool alone = seat->wire == SESSION_WIRE_OWN || fx->share == 0 || fx->bytes.len < SHARED_MIN;
    bool waits = batch > shard->durable || outbox_waiting(conn->out) > 0;
    if (!alone && !waits) {
        conn_write(conn, slot_shared(seat, fx->share, head, fx->bytes), NULL);
        return;
    }
    if (alone && !deflate_tries(shard, fx->bytes.len)) {
        outbox_put(shard, outbox_of_conn(conn), head, fx->bytes, batch);
        return;
    }
    struct chunk *frame = NULL;
    if (alone) {
        struct chunk *plain = chunk_new(head, fx->bytes);
        frame = deflate_chunk(shard, plain);
        chunk_unref(plain);
    } else {
        frame = slot_shared(seat, fx->share, head, fx->bytes);
        frame->refs++;
    }
    outbox_put(shard, outbox_of_conn(conn), (yd_slice){frame->bytes, frame->len}, YD_EMPTY, batch);
    chunk_unref(frame);
}

static void send_one(struct shard *shard, struct seat *seat, const struct room_effect *fx,
                     uint64_t batch)
{
    uint8_t bytes[FRAME_HEAD_MAX];
    if (seat == NULL || seat->state != SEAT_IN) return;
    yd_slice head = message_head(seat, fx, bytes);
    if (head.len == 0) return;
    bool alone = seat->wire == SESSION_WIRE_OWN || fx->share == 0 || fx->bytes.len < SHARED_MIN;
    bool waits = batch > shard->durable || outbox_waiting(seat->conn->out) > 0;
    if (seat->conn->deflates && fx->to == ROOM_TO_ONE) {
        send_deflated(shard, seat, fx, head, batch);
    } else if (alone || waits) {
        outbox_put(shard, outbox_of_conn(seat->conn), head, fx->bytes, batch);
    } else {
        conn_write(seat->conn, slot_shared(seat, fx->share, head, fx->bytes), NULL);
    }
}

/* Anybody whose frames look like this. */
static struct seat *seat_of_wire(struct room_slot *slot, uint32_t wire)
{
    for (uint32_t i = 0; slot->wire_seats[wire] == NULL && i < slot->member_cap; i++) {
        struct seat *seat = slot->members[i];
        if (seat != NULL && seat->wire == wire) slot->wire_seats[wire] = seat;
    }
    return slot->wire_seats[wire];
}

/* One frame for each wire that has members here; who has a wire of its own gets its own. */
static void send_all(struct shard *shard, struct room_slot *slot, const struct room_effect *fx,
                     uint64_t batch, uint32_t from)
{
    uint8_t bytes[FRAME_HEAD_MAX];
    for (uint32_t wire = 0; wire < SESSION_WIRES; wire++) {
        if (slot->wire_counts[wire] == 0) continue;
        yd_slice head = message_head(seat_of_wire(slot, wire), fx, bytes);
        if (head.len == 0) continue;
        outbox_put_all(shard, outbox_of_slot(slot, wire), head, fx->bytes, batch, from);
    }
    if (slot->wire_counts[SESSION_WIRE_OWN] == 0) return;
    for (uint32_t i = 0; i < slot->member_cap; i++) {
        struct seat *seat = slot->members[i];
        if (seat == NULL || seat->is_held) continue;
        if (seat->wire == SESSION_WIRE_OWN) send_one(shard, seat, fx, batch);
    }
}

static void send_effect(struct shard *shard, struct room_slot *slot, const struct room_effect *fx,
                        uint32_t from)
{
    bool acknowledges = fx->message == ROOM_MSG_STEP2 || fx->message == ROOM_MSG_STATUS;
    uint64_t batch = fx->gate_seq <= slot->settled_seq ? 0 : slot->append_batch;
    if (shard->relaxed && !acknowledges) batch = 0;
    if (fx->to == ROOM_TO_ONE) {
        send_one(shard, slot->members[fx->member], fx, batch);
    } else {
        send_all(shard, slot, fx, batch, from);
    }
}

static void snapshot_effect(struct shard *shard, struct room_slot *slot,
                            const struct room_effect *fx)
{
    struct yd_buf bytes;
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    enum store_snapshot kind = fx->snapshot == ROOM_SNAPSHOT_BASE ? STORE_BASE : STORE_DELTA;
    if (yd_buf_append(&bytes, fx->bytes) != YD_OK) abort();
    shard->metrics.snapshots[fx->snapshot]++;
    shard->metrics.snapshot_bytes[fx->snapshot] += fx->bytes.len;
    const struct policy *policy = slot->policy;
    struct store_keep keep = {.updates = (uint64_t)policy->history_updates,
                              .bytes = (uint64_t)policy->history_bytes,
                              .age_ms = (uint64_t)policy->history_days * DAY_MS};
    yd_err err = policy->keeps_history
                     ? store_snapshot_keep(shard->store, slot_name(slot), kind, &bytes, &keep)
                     : store_snapshot(shard->store, slot_name(slot), kind, &bytes);
    if (err != YD_OK) abort();
}

static void count_ignored(struct shard *shard, enum room_cause cause)
{
    static const enum limit limits[ROOM_CAUSES] = {
        [ROOM_CAUSE_MALFORMED] = LIMIT_COUNT,
        [ROOM_CAUSE_READ_ONLY] = LIMIT_COUNT,
        [ROOM_CAUSE_TOO_LARGE] = LIMIT_MESSAGE_BYTES,
        [ROOM_CAUSE_FULL] = LIMIT_DOCUMENT_BYTES,
        [ROOM_CAUSE_STATE_BYTES] = LIMIT_PRESENCE_BYTES,
        [ROOM_CAUSE_STATE_CLIENTS] = LIMIT_PRESENCE_CLIENTS,
        [ROOM_CAUSE_STATE_OWNER] = LIMIT_COUNT,
        [ROOM_CAUSE_STATE_PACE] = LIMIT_PRESENCE_UPDATES,
    };
    shard->ignored++;
    shard->metrics.ignored[cause]++;
    if (limits[cause] != LIMIT_COUNT) limits_hit(shard, limits[cause]);
}

static void count_out(struct shard *shard, const struct room_slot *slot,
                      const struct room_effect *fx)
{
    uint64_t receivers = fx->to == ROOM_TO_ONE ? 1 : slot->member_count - slot->held_count;
    shard->metrics.messages_out[fx->message] += receivers;
    shard->metrics.message_bytes_out[fx->message] += receivers * fx->bytes.len;
}

void effects_carry_out(struct shard *shard, struct room_slot *slot, const struct room_effects *fx,
                       uint32_t from)
{
    for (size_t i = 0; i < fx->count; i++) {
        const struct room_effect *e = &fx->list[i];
        switch (e->kind) {
        case ROOM_FX_APPEND:
            shard->metrics.updates++;
            shard->metrics.update_bytes += e->bytes.len;
            if (shard->store == NULL) break;
            if (slot->append_batch <= shard->durable) slot->settled_seq = slot->append_seq;
            slot->append_seq = e->seq;
            if (store_append(shard->store, slot_name(slot), e->bytes) != YD_OK) abort();
            if (slot->append_batch != store_batch_number(shard->store)) {
                slot->append_batch = store_batch_number(shard->store);
                backups_touch(shard, slot);
            }
            break;
        case ROOM_FX_SEND:
            count_out(shard, slot, e);
            send_effect(shard, slot, e, from);
            break;
        case ROOM_FX_SNAPSHOT:
            if (shard->store != NULL) snapshot_effect(shard, slot, e);
            break;
        case ROOM_FX_HOLD:
            if (slot->members[e->member] != NULL) seat_hold(slot->members[e->member]);
            break;
        case ROOM_FX_RESUME:
            if (slot->members[e->member] != NULL) seat_resume(slot->members[e->member]);
            break;
        case ROOM_FX_CLOSE:
            if (slot->members[e->member] != NULL) {
                seat_end(slot->members[e->member], e->close_code, e->why);
            }
            break;
        case ROOM_FX_IGNORED:
            count_ignored(shard, e->cause);
            LOG(&shard->log, LOG_DEBUG, "message ignored", LOG_TEXT("room", slot_name(slot)),
                LOG_CSTR("why", e->why));
            break;
        }
    }
}
