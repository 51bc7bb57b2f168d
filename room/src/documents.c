/* documents.c - the sync messages: what a member sends becomes part of the document, the journal
 * and the others' documents, in this order.
 *
 * Where it sits:   room_step() -> document_*() -> yd_doc_apply(), effects
 * Source:          y-protocols sync; rules R1..R7, R20
 *
 * The bytes that came in are what is stored and relayed, not a new encoding: cheaper, and every
 * receiver merges them alike. Only when a part was known before is the rest cut out, so that the
 * whole delete set of a reconnecting client does not go round.
 */
#include "state.h"

#define GAP_PATIENCE_MS 2000
#define GAP_ASK_MS      10000
#define STEP1_AGAIN_MS  1000

static const yd_slice nothing = {(const uint8_t *)"\0\0", 2}; // no structs, no deletes

void document_gap_due(struct room *room)
{
    if (!room->has_gap || room->member_count == 0) return;
    uint64_t when = room->gap_ms + GAP_PATIENCE_MS;
    if (room->gap_was_asked && room->gap_asked_ms + GAP_ASK_MS > when) {
        when = room->gap_asked_ms + GAP_ASK_MS;
    }
    room_due_by(room, when);
}

static void gap_watch(struct room *room)
{
    bool gap = yd_doc_pending(room->doc).structs;
    if (gap && !room->has_gap) room->gap_ms = room->now_ms;
    room->has_gap = gap;
    document_gap_due(room);
}

/* A base snapshot may be larger than any update of a client: only theirs are limited by
 * update_bytes_max, in document_update(). */
struct yd_doc_opts document_limits(const struct room *room)
{
    return (struct yd_doc_opts){.update_bytes_max = SIZE_MAX / 2,
                                .pending_bytes_max = room->opts.pending_bytes_max,
                                .doc_bytes_max = room->opts.doc_bytes_max};
}

/* What lies in the store was let in, in smaller pieces or under other limits: none of them may
 * keep it from being read. They hold for what clients bring from then on. */
yd_err document_load(struct room *room, yd_slice update)
{
    const struct yd_doc_opts none = {.update_bytes_max = SIZE_MAX, .doc_bytes_max = SIZE_MAX};
    const struct yd_doc_opts limits = document_limits(room);
    struct yd_applied applied;
    yd_doc_limit(room->doc, &none);
    yd_err err = yd_doc_apply(room->doc, update, YD_V1, &applied);
    yd_doc_limit(room->doc, &limits);
    if (err != YD_OK) return err == YD_ENOMEM ? err : YD_EMALFORMED;
    if (room->base_announced) {
        room->base_announced = false;
        yd_buf_clear(&room->base_sv);
        err = yd_doc_state_vector(room->doc, &room->base_sv);
    }
    gap_watch(room);
    return err;
}

/* What is dropped is never acknowledged as saved. */
static yd_err update_dropped(struct room *room, uint32_t member, enum room_message message,
                             enum room_cause cause, const char *why)
{
    yd_err err = effect_ignored(room, member, cause, why);
    return err == YD_OK ? member_status(room, member, message, false) : err;
}

/* In a dialect without STATUS the first write that is refused is told; a provider says it in its
 * console. */
static yd_err refusal_tell(struct room *room, uint32_t member, yd_slice why)
{
    struct member *m = &room->members[member];
    if (m->was_denied || (m->wants & ROOM_WANTS_STATUS) != 0) return YD_OK;
    m->was_denied = true;
    size_t at = room->out.len;
    yd_err err = yd_buf_append(&room->out, why);
    if (err != YD_OK) return err;
    return effect_send_one(room, member, ROOM_MSG_DENIED, at, 0);
}

/* If it is too much that is parked for missing clocks, a whole state helps: it is asked for, but
 * not all the time. */
static yd_err update_beyond(struct room *room, uint32_t member, enum room_message message)
{
    struct member *m = &room->members[member];
    yd_err err = update_dropped(room, member, message, ROOM_CAUSE_FULL,
                                "the document, or what waits in it, would be too large");
    if (err == YD_OK) {
        err = refusal_tell(room, member, YD_LITERAL("not saved: the document would be too large"));
    }
    if (err != YD_OK) return err;
    if (m->was_asked && m->asked_ms + STEP1_AGAIN_MS > room->now_ms) return YD_OK;
    m->was_asked = true;
    m->asked_ms = room->now_ms;
    return member_ask(room, member);
}

static yd_err update_too_large(struct room *room, uint32_t member, enum room_message message)
{
    yd_err err = update_dropped(room, member, message, ROOM_CAUSE_TOO_LARGE, "update too large");
    if (err != YD_OK) return err;
    return refusal_tell(room, member, YD_LITERAL("not saved: the change is too large"));
}

static yd_err append_and_relay(struct room *room, yd_slice bytes, size_t at)
{
    room->seq++;
    if (room->appended_bytes == 0) room->dirty_ms = room->now_ms;
    room->appended_ms = room->now_ms;
    room_due_by(room, room->now_ms + room->opts.compact_idle_ms);
    size_t len = at == FX_BORROWED ? bytes.len : room->out.len - at;
    uint64_t sum = (uint64_t)room->appended_bytes + len;
    room->appended_bytes = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;

    yd_err err = effect_push(
        room, (struct room_effect){.kind = ROOM_FX_APPEND, .seq = room->seq, .bytes = bytes}, at);
    if (err != YD_OK) return err;
    return effect_send_all(room, ROOM_MSG_UPDATE, bytes, at, room->seq);
}

/* Stores and relays what an update has brought. */
static yd_err pass_on(struct room *room, yd_slice update, const struct yd_applied *applied)
{
    if (!applied->changed && !applied->parked) return YD_OK;
    yd_err err = flow_note_deletes(room);
    if (err != YD_OK) return err;
    // What was parked is in no "last update": then the whole goes on.
    bool in_part = applied->dropped || (applied->known_part && !applied->parked);
    if (!in_part) return append_and_relay(room, update, FX_BORROWED);
    size_t at = room->out.len;
    err = yd_doc_last_update(room->doc, YD_V1, &room->out);
    if (err != YD_OK) return err;
    return append_and_relay(room, YD_EMPTY, at);
}

/* A reader whose STEP2 holds only what is here already has nothing that is not saved: an honest
 * answer to what its document holds. An UPDATE is something that it has just done. */
static yd_err write_status(struct room *room, uint32_t member, enum room_message message,
                           yd_slice update)
{
    bool known = false;
    if (message == ROOM_MSG_STEP2) {
        yd_err err = document_knows(room, update, &known);
        if (err == YD_ENOMEM) return err;
    }
    return member_status(room, member, message, known);
}

/* Drops it unread; the first attempt to write is told. */
static yd_err write_refused(struct room *room, uint32_t member, enum room_message message,
                            yd_slice update)
{
    const yd_slice why = room->opts.presence_only
                             ? YD_LITERAL("permission denied: this room holds presence only")
                             : YD_LITERAL("permission denied: read-only");
    // The answer of a client that has nothing for us is no attempt to write.
    if (yd_slice_equal(update, nothing)) return member_status(room, member, message, true);
    yd_err err = effect_ignored(room, member, ROOM_CAUSE_READ_ONLY, "read-only");
    if (err == YD_OK && (room->members[member].wants & ROOM_WANTS_STATUS) != 0) {
        return write_status(room, member, message, update);
    }
    // A STEP2 without structs holds all deletes that a client knows of, also if none is its own.
    bool writes = message == ROOM_MSG_UPDATE || (update.len > 0 && update.ptr[0] != 0);
    return err != YD_OK || !writes ? err : refusal_tell(room, member, why);
}

yd_err document_update(struct room *room, uint32_t member, enum room_message message,
                       yd_slice update)
{
    if (room->opts.presence_only || room->members[member].right != ROOM_WRITE) {
        return write_refused(room, member, message, update);
    }
    if (update.len > room->opts.update_bytes_max) return update_too_large(room, member, message);
    struct yd_applied applied;
    yd_err err = yd_doc_apply(room->doc, update, YD_V1, &applied);
    if (err == YD_EMALFORMED)
        return update_dropped(room, member, message, ROOM_CAUSE_MALFORMED, "malformed update");
    if (err == YD_EUNSUPPORTED)
        return update_dropped(room, member, message, ROOM_CAUSE_MALFORMED, "unsupported update");
    if (err == YD_ETOOBIG) return update_beyond(room, member, message);
    if (err != YD_OK) return err;

    gap_watch(room);
    err = pass_on(room, update, &applied);
    if (err == YD_OK && applied.dropped) return update_beyond(room, member, message);
    return err == YD_OK ? member_status(room, member, message, true) : err;
}

/* Structs wait for clocks that nobody has sent: ask everybody, instead of waiting in silence. */
yd_err document_gap(struct room *room)
{
    if (!room->has_gap || room->member_count == 0) return YD_OK;
    bool waited = room->gap_ms + GAP_PATIENCE_MS <= room->now_ms;
    bool rested = !room->gap_was_asked || room->gap_asked_ms + GAP_ASK_MS <= room->now_ms;
    if (waited && rested) {
        room->gap_was_asked = true;
        room->gap_asked_ms = room->now_ms;
        yd_err err = members_ask(room);
        if (err != YD_OK) return err;
    }
    document_gap_due(room);
    return YD_OK;
}
