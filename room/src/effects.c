/* effects.c - the list of effects of one step and the bytes they point to.
 *
 * Where it sits:   every other file of the room -> effect_*() -> here -> room_step()'s caller
 *
 * Bytes that a step builds go into one buffer, room->out, which may move while it grows; so an
 * effect remembers an offset, and effects_finish() turns offsets into pointers at the end.
 */
#include "state.h"

/* A step that made something large gives the memory back at the next one. */
#define OUT_KEEP_BYTES ((size_t)64 * 1024)

void effects_reset(struct room *room)
{
    room->fx_count = 0;
    if (room->out.cap > OUT_KEEP_BYTES) yd_buf_deinit(&room->out);
    yd_buf_clear(&room->out);
}

static yd_err effects_grow(struct room *room)
{
    size_t cap = room->fx_cap == 0 ? 8 : room->fx_cap * 2;
    yd_alloc a = room->alloc;
    size_t *at = a.resize(a.ctx, room->fx_at, room->fx_at_cap * sizeof *at, cap * sizeof *at);
    if (at == NULL) return YD_ENOMEM;
    room->fx_at = at;
    room->fx_at_cap = cap;
    struct room_effect *fx = a.resize(a.ctx, room->fx, room->fx_cap * sizeof *fx, cap * sizeof *fx);
    if (fx == NULL) return YD_ENOMEM; // fx_at alone is larger: each has its own capacity
    room->fx = fx;
    room->fx_cap = cap;
    return YD_OK;
}

/* at  offset of the bytes in room->out up to its end, or FX_BORROWED: fx.bytes is what it is. */
yd_err effect_push(struct room *room, struct room_effect fx, size_t at)
{
    if (room->fx_count == room->fx_cap) {
        yd_err err = effects_grow(room);
        if (err != YD_OK) return err;
    }
    if (at != FX_BORROWED) fx.bytes = (yd_slice){yd_no_bytes, room->out.len - at};
    room->fx[room->fx_count] = fx;
    room->fx_at[room->fx_count] = at;
    room->fx_count++;
    return YD_OK;
}

yd_err effect_send_one(struct room *room, uint32_t member, enum room_message message, size_t at,
                       uint64_t gate_seq)
{
    room->members[member].sent_ms = room->now_ms;
    return effect_push(room,
                       (struct room_effect){.kind = ROOM_FX_SEND,
                                            .to = ROOM_TO_ONE,
                                            .member = member,
                                            .message = message,
                                            .gate_seq = gate_seq,
                                            .bytes = YD_EMPTY},
                       at);
}

yd_err effect_send_all(struct room *room, enum room_message message, yd_slice bytes, size_t at,
                       uint64_t gate_seq)
{
    room->all_sent_ms = room->now_ms;
    return effect_push(room,
                       (struct room_effect){.kind = ROOM_FX_SEND,
                                            .to = ROOM_TO_ALL,
                                            .message = message,
                                            .gate_seq = gate_seq,
                                            .bytes = bytes},
                       at);
}

yd_err effect_ignored(struct room *room, uint32_t member, enum room_cause cause, const char *why)
{
    return effect_push(room,
                       (struct room_effect){.kind = ROOM_FX_IGNORED,
                                            .member = member,
                                            .cause = cause,
                                            .why = why,
                                            .bytes = YD_EMPTY},
                       FX_BORROWED);
}

void effects_finish(struct room *room, struct room_effects *fx)
{
    for (size_t i = 0; i < room->fx_count; i++) {
        if (room->fx_at[i] != FX_BORROWED) room->fx[i].bytes.ptr = room->out.ptr + room->fx_at[i];
    }
    fx->list = room->fx;
    fx->count = room->fx_count;
}
