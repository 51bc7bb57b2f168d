/* compact.c - when the store is given a snapshot, and whether a whole one.
 *
 * Source:   rules R17..R19; docs/storage.md for what the store does with it
 *
 * A delta is all since the base. The base is written anew when the delta has outgrown it, so a
 * large document with small edits is not rewritten every minute.
 */
#include "state.h"

#define DELTA_BYTES_MIN ((size_t)64 * 1024)
/* Triggers by count and size wait this long after a snapshot: a busy room must not spend its time
 * on encoding itself. The journal holds what comes meanwhile. */
#define SNAPSHOT_PAUSE_MS 2000

static yd_err snapshot_base(struct room *room)
{
    size_t at = room->out.len;
    yd_err err = yd_doc_encode_state(room->doc, YD_EMPTY, YD_V1, &room->out);
    if (err != YD_OK) return err;
    yd_buf_clear(&room->base_sv);
    err = yd_doc_state_vector(room->doc, &room->base_sv);
    if (err != YD_OK) return err;
    room->base_bytes = room->out.len - at;
    return effect_push(room,
                       (struct room_effect){.kind = ROOM_FX_SNAPSHOT,
                                            .snapshot = ROOM_SNAPSHOT_BASE,
                                            .seq = room->seq,
                                            .bytes = YD_EMPTY},
                       at);
}

yd_err compact_now(struct room *room)
{
    if (!room_is_dirty(room)) return YD_OK;
    room->covered_seq = room->seq;
    room->loaded_appends = 0;
    room->appended_bytes = 0;
    room->snapshot_ms = room->now_ms;
    if (room->base_bytes == 0) return snapshot_base(room);

    size_t at = room->out.len;
    yd_err err = yd_doc_encode_state(room->doc, yd_buf_slice(&room->base_sv), YD_V1, &room->out);
    if (err != YD_OK) return err;
    size_t delta = room->out.len - at;
    if (delta > DELTA_BYTES_MIN && delta > room->base_bytes / 4) {
        room->out.len = at; // nothing points behind `at` yet
        return snapshot_base(room);
    }
    return effect_push(room,
                       (struct room_effect){.kind = ROOM_FX_SNAPSHOT,
                                            .snapshot = ROOM_SNAPSHOT_DELTA,
                                            .seq = room->seq,
                                            .bytes = YD_EMPTY},
                       at);
}

yd_err compact_if_due(struct room *room)
{
    if (!room_is_dirty(room)) return YD_OK;
    uint64_t appends = room->seq - room->covered_seq + room->loaded_appends;
    bool large =
        appends >= room->opts.compact_updates || room->appended_bytes >= room->opts.compact_bytes;
    bool rested = room->snapshot_ms + SNAPSHOT_PAUSE_MS <= room->now_ms;
    bool idle = room->appended_ms + room->opts.compact_idle_ms <= room->now_ms;
    // Who types a little all the time would keep the store's journal long for hours.
    bool old = room->dirty_ms + room->opts.compact_age_ms <= room->now_ms;
    if ((large && rested) || idle || old) return compact_now(room);
    room_due_by(room, room->appended_ms + room->opts.compact_idle_ms);
    return YD_OK;
}
