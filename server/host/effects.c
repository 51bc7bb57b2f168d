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
static yd_slice frame_head(const struct session *session, enum room_message message,
                           size_t payload_len, uint8_t *room)
{
    struct session_head dialect;
    if (!session_head(session, message, payload_len, &dialect)) return YD_EMPTY;
    size_t n = ws_head(dialect.opcode == SESSION_TEXT ? WS_TEXT : WS_BINARY,
                       dialect.len + payload_len, room);
    memcpy(room + n, dialect.bytes, dialect.len);
    return (yd_slice){room, n + dialect.len};
}

static struct conn *any_member(const struct room_slot *slot)
{
    for (uint32_t i = 0; i < slot->member_cap; i++) {
        if (slot->members[i] != NULL) return slot->members[i];
    }
    return NULL;
}

static void send_effect(struct shard *shard, struct room_slot *slot, const struct room_effect *fx,
                        uint32_t from)
{
    uint8_t bytes[WS_HEAD_MAX + SESSION_HEAD_MAX];
    bool acknowledges = fx->message == ROOM_MSG_STEP2;
    uint64_t batch = fx->gate_seq == 0 ? 0 : slot->append_batch;
    if (shard->relaxed && !acknowledges) batch = 0;
    struct conn *conn =
        fx->to == ROOM_TO_ONE ? slot->members[fx->member] : any_member(slot); // one wire today
    if (conn == NULL || conn->session == NULL) return;
    yd_slice head = frame_head(conn->session, fx->message, fx->bytes.len, bytes);
    if (head.len == 0) return;
    if (fx->to == ROOM_TO_ONE) {
        outbox_put(shard, outbox_of_conn(conn), head, fx->bytes, batch);
    } else {
        outbox_put_all(shard, slot, head, fx->bytes, batch, from);
    }
}

static void snapshot_effect(struct shard *shard, struct room_slot *slot,
                            const struct room_effect *fx)
{
    struct yd_buf bytes;
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    enum store_snapshot kind = fx->snapshot == ROOM_SNAPSHOT_BASE ? STORE_BASE : STORE_DELTA;
    if (yd_buf_append(&bytes, fx->bytes) != YD_OK) abort();
    const struct policy *policy = slot->policy;
    struct store_keep keep = {.updates = (uint64_t)policy->history_updates,
                              .bytes = (uint64_t)policy->history_bytes,
                              .age_ms = (uint64_t)policy->history_days * DAY_MS};
    yd_err err = policy->keeps_history
                     ? store_snapshot_keep(shard->store, slot_name(slot), kind, &bytes, &keep)
                     : store_snapshot(shard->store, slot_name(slot), kind, &bytes);
    if (err != YD_OK) abort();
}

void effects_carry_out(struct shard *shard, struct room_slot *slot, const struct room_effects *fx,
                       uint32_t from)
{
    for (size_t i = 0; i < fx->count; i++) {
        const struct room_effect *e = &fx->list[i];
        switch (e->kind) {
        case ROOM_FX_APPEND:
            if (shard->store == NULL) break;
            if (store_append(shard->store, slot_name(slot), e->bytes) != YD_OK) abort();
            if (slot->append_batch != store_batch_number(shard->store)) {
                slot->append_batch = store_batch_number(shard->store);
                backups_touch(shard, slot);
            }
            break;
        case ROOM_FX_SEND: send_effect(shard, slot, e, from); break;
        case ROOM_FX_SNAPSHOT:
            if (shard->store != NULL) snapshot_effect(shard, slot, e);
            break;
        case ROOM_FX_CLOSE:
            if (slot->members[e->member] != NULL) {
                conn_close(slot->members[e->member], e->close_code, e->why);
            }
            break;
        case ROOM_FX_IGNORED:
            shard->ignored++;
            LOG(&shard->log, LOG_DEBUG, "message ignored", LOG_TEXT("room", slot_name(slot)),
                LOG_CSTR("why", e->why));
            break;
        }
    }
}
