/* flow.c - what a member is sent that it lacks: the answer to its STEP1, and what it has missed
 * while its connection did not take what it was sent.
 *
 * Where it sits:   room_step() -> flow_*() -> ydoc/parts.h, effects
 * Source:          rules R2, R50 to R56; docs/decisions/0100-held-members.md
 *
 *   live ── STEP1, and it fits one part ──────────────────────────────► live
 *   live ── STEP1 with much to send, or BEHIND ──► held ─ DRAINED ...─► live
 *   live ── STEP1 of who has something, many deletes ─► awaits its STEP2 ► one of both above
 *
 * Nothing is kept for a held member but a vector: what it has, or is being sent. Each DRAINED gives
 * it one more part, until a part is the last one. Who has nothing walks along the stem, parts that
 * all share; everybody else has parts of its own.
 *
 * A vector says nothing of deletes. Who was held is told of those that were made meanwhile, from
 * room->missed; who joins says what it knows in its STEP2, so that is waited for where it pays.
 */
#include "state.h"
#include "ydoc/parts.h"
#include "ydoc/update.h"

#include <string.h>

#define AWAIT_MS     2000 /* for a STEP2 */
#define DELETES_FEW  ((size_t)2048)
#define MISSED_MAX   ((size_t)64 * 1024)
#define STEM_IDLE_MS 10000
#define TAIL_KEPT    ((size_t)8 << 20)

static const yd_slice empty_vector = {(const uint8_t *)"\0", 1};
static const yd_slice nothing = {(const uint8_t *)"\0\0", 2}; // no structs, no deletes

static struct flow *flow_of(const struct room *room, uint32_t member)
{
    return room->members[member].flow;
}

/* ---- beginning and end -----------------------------------------------------------------------
 */

static yd_err flow_new(struct room *room, uint32_t member, struct flow **flow)
{
    *flow = flow_of(room, member);
    if (*flow != NULL) return YD_OK;
    struct flow *f = room->alloc.resize(room->alloc.ctx, NULL, 0, sizeof *f);
    if (f == NULL) return YD_ENOMEM;
    // What has changed since the last tick is told by the next one, which may be none for it.
    *f = (struct flow){.deletes_from = NEEDS_ALL, .change_no = room->told_no};
    yd_buf_init(&f->sv, room->alloc, SIZE_MAX / 2);
    room->members[member].flow = *flow = f;
    return YD_OK;
}

static void await_end(struct room *room, struct flow *f)
{
    if (f->until_ms != 0) room->await_count--;
    f->until_ms = 0;
}

static void stem_leave(struct room *room, struct flow *f)
{
    if (!f->in_stem) return;
    f->in_stem = false;
    room->stem.walkers--;
}

void flow_end(struct room *room, uint32_t member)
{
    struct flow *f = flow_of(room, member);
    if (f == NULL) return;
    await_end(room, f);
    stem_leave(room, f);
    if (f->held && --room->held_count == 0) {
        yd_buf_deinit(&room->missed);
        room->missed_too_much = false;
    }
    yd_buf_deinit(&f->sv);
    (void)room->alloc.resize(room->alloc.ctx, f, sizeof *f, 0);
    room->members[member].flow = NULL;
}

static yd_err hold(struct room *room, uint32_t member)
{
    struct flow *f = flow_of(room, member);
    if (f->held) return YD_OK;
    f->held = true;
    room->held_count++;
    return effect_push(
        room, (struct room_effect){.kind = ROOM_FX_HOLD, .member = member, .bytes = YD_EMPTY},
        FX_BORROWED);
}

/* It has all that the document has: presence that it missed, and then as everybody. */
static yd_err resume(struct room *room, uint32_t member)
{
    struct flow *f = flow_of(room, member);
    bool was_held = f->held, owes_status = f->owes_status;
    uint64_t change_no = f->change_no;
    if (f->wants_step2) room->members[member].was_answered = true;
    flow_end(room, member);
    yd_err err = owes_status ? member_saved(room, member) : YD_OK;
    if (err != YD_OK || !was_held) return err;
    err = presence_send_since(room, member, change_no);
    if (err != YD_OK) return err;
    return effect_push(
        room, (struct room_effect){.kind = ROOM_FX_RESUME, .member = member, .bytes = YD_EMPTY},
        FX_BORROWED);
}

/* ---- the stem --------------------------------------------------------------------------------
 */

void flow_init(struct room *room)
{
    yd_buf_init(&room->missed, room->alloc, MISSED_MAX);
    yd_buf_init(&room->stem.tail, room->alloc, SIZE_MAX / 2);
}

static void stem_clear(struct room *room)
{
    struct stem *stem = &room->stem;
    yd_alloc a = room->alloc;
    for (uint32_t i = 0; i < stem->count; i++) {
        (void)a.resize(a.ctx, stem->parts[i].bytes, stem->parts[i].len, 0);
        yd_buf_deinit(&stem->parts[i].after);
    }
    if (stem->parts != NULL) {
        (void)a.resize(a.ctx, stem->parts, stem->cap * sizeof *stem->parts, 0);
    }
    yd_buf_deinit(&stem->tail);
    stem->parts = NULL;
    stem->count = stem->cap = 0;
    stem->has_tail = false;
}

/* The tail of the step before has left. A large one is not worth its memory: where a sync has no
 * parts it is the document once more. */
void flow_step_begins(struct room *room)
{
    struct stem *stem = &room->stem;
    if (stem->tail.cap <= TAIL_KEPT) return;
    yd_buf_deinit(&stem->tail);
    yd_buf_init(&stem->tail, room->alloc, SIZE_MAX / 2);
    stem->has_tail = false;
}

void flow_deinit(struct room *room)
{
    stem_clear(room);
    yd_buf_deinit(&room->missed);
}

static yd_err stem_grow(struct room *room)
{
    struct stem *stem = &room->stem;
    if (stem->count < stem->cap) return YD_OK;
    uint32_t cap = stem->cap == 0 ? 8 : stem->cap * 2;
    struct part *parts = room->alloc.resize(room->alloc.ctx, stem->parts, stem->cap * sizeof *parts,
                                            cap * sizeof *parts);
    if (parts == NULL) return YD_ENOMEM;
    stem->parts = parts;
    stem->cap = cap;
    return YD_OK;
}

/* Keeps what stands in room->out from `at` on as the next part. */
static yd_err stem_push(struct room *room, size_t at, struct yd_buf *after)
{
    struct stem *stem = &room->stem;
    yd_err err = stem_grow(room);
    if (err == YD_OK) err = yd_buf_append(&room->out, YD_NO_DELETES);
    if (err != YD_OK) return err;
    size_t len = room->out.len - at;
    uint8_t *bytes = room->alloc.resize(room->alloc.ctx, NULL, 0, len);
    if (bytes == NULL) return YD_ENOMEM;
    memcpy(bytes, room->out.ptr + at, len);
    stem->parts[stem->count++] = (struct part){bytes, len, *after, room->seq, ++stem->shares};
    yd_buf_init(after, room->alloc, SIZE_MAX / 2); // it was moved
    stem->has_tail = false;
    return YD_OK;
}

/* Everything from a vector on, whatever waits in the document included. */
static yd_err rest_whole(struct room *room, yd_slice sv, struct yd_buf *out)
{
    return yd_doc_encode_state(room->doc, sv, YD_V1, out);
}

/* What fits one part for certain needs no choosing. What is parked is in no part. */
static bool rest_is_one(const struct room *room)
{
    struct yd_pending pending = yd_doc_pending(room->doc);
    return pending.structs || pending.deletes ||
           yd_doc_stats(room->doc).bytes <= room->opts.part_bytes;
}

/* The vector of who has so many parts. */
static yd_slice stem_after(const struct stem *stem, uint32_t parts)
{
    return parts == 0 ? empty_vector : yd_buf_slice(&stem->parts[parts - 1].after);
}

/* Makes one more part of the stem, or, where no more than one is left, its tail. */
static yd_err stem_extend(struct room *room)
{
    struct stem *stem = &room->stem;
    yd_slice sv = stem_after(stem, stem->count);
    size_t at = room->out.len;
    bool all = true;
    struct yd_buf after;
    yd_buf_init(&after, room->alloc, SIZE_MAX / 2);
    yd_buf_clear(&stem->tail);
    yd_err err = YD_OK;
    bool one = rest_is_one(room);
    if (!one) {
        err = yd_doc_encode_part(room->doc, sv, room->opts.part_bytes, &room->out, &after, &all);
    }
    if (err == YD_OK && !all) {
        err = stem_push(room, at, &after);
    } else if (err == YD_OK) {
        err = one ? rest_whole(room, sv, &stem->tail)
                  : yd_buf_append(&stem->tail, (yd_slice){room->out.ptr + at, room->out.len - at});
        if (err == YD_OK && !one) err = yd_doc_encode_deletes(room->doc, YD_EMPTY, &stem->tail);
        stem->has_tail = true;
        stem->tail_seq = room->seq;
        stem->tail_share = ++stem->shares;
    }
    room->out.len = at;
    yd_buf_deinit(&after);
    return err;
}

static yd_err send_shared(struct room *room, uint32_t member, enum room_message message,
                          yd_slice bytes, uint64_t seq, uint64_t share)
{
    room->members[member].sent_ms = room->now_ms;
    return effect_push(room,
                       (struct room_effect){.kind = ROOM_FX_SEND,
                                            .to = ROOM_TO_ONE,
                                            .member = member,
                                            .message = message,
                                            .gate_seq = seq,
                                            .share = share,
                                            .bytes = bytes},
                       FX_BORROWED);
}

static yd_err send_from_stem(struct room *room, uint32_t member)
{
    struct stem *stem = &room->stem;
    struct flow *f = flow_of(room, member);
    stem->used_ms = room->now_ms;
    room_due_by(room, room->now_ms + STEM_IDLE_MS);
    bool is_fresh = stem->has_tail && stem->tail_seq == room->seq;
    if (f->part == stem->count && !is_fresh) {
        yd_err err = stem_extend(room);
        if (err != YD_OK) return err;
    }
    if (f->part < stem->count) {
        const struct part *part = &stem->parts[f->part];
        yd_slice bytes = {part->bytes, part->len};
        f->part++;
        yd_err err = send_shared(room, member, ROOM_MSG_UPDATE, bytes, part->seq, part->share);
        return err == YD_OK ? hold(room, member) : err;
    }
    yd_err err = send_shared(room, member, ROOM_MSG_STEP2, yd_buf_slice(&stem->tail), room->seq,
                             stem->tail_share);
    return err == YD_OK ? resume(room, member) : err;
}

/* ---- parts of its own ------------------------------------------------------------------------
 */

/* Appends an update without structs that deletes what was relayed from `from` on. It is one of the
 * sets behind another: merged with nothing they become one, as any client writes it. */
static yd_err missed_update(struct room *room, size_t from, struct yd_buf *out)
{
    uint64_t clients = 0;
    yd_slice missed = {room->missed.ptr + from, room->missed.len - from};
    struct yd_reader r = yd_reader_of(missed);
    while (yd_reader_left(&r) > 0) {
        struct yd_reader in = yd_reader_of(yd_read_varbytes(&r));
        clients += yd_read_varuint(&in);
    }
    yd_err err = yd_buf_u8(out, 0);
    if (err == YD_OK) err = yd_buf_varuint(out, clients);
    r = yd_reader_of(missed);
    while (yd_reader_left(&r) > 0 && err == YD_OK) {
        struct yd_reader in = yd_reader_of(yd_read_varbytes(&r));
        (void)yd_read_varuint(&in);
        err = yd_buf_append(out, (yd_slice){in.at, yd_reader_left(&in)});
    }
    return err;
}

static yd_err missed_deletes(struct room *room, size_t from, struct yd_buf *out)
{
    struct yd_buf sets, merged;
    yd_buf_init(&sets, room->alloc, SIZE_MAX / 2);
    yd_buf_init(&merged, room->alloc, SIZE_MAX / 2);
    yd_err err = missed_update(room, from, &sets);
    const struct yd_update both[] = {{yd_buf_slice(&sets), YD_V1}, {nothing, YD_V1}};
    if (err == YD_OK) err = yd_update_merge(both, 2, YD_V1, &merged, NULL);
    // Its first byte says that there are no structs.
    if (err == YD_OK) err = yd_buf_append(out, (yd_slice){merged.ptr + 1, merged.len - 1});
    yd_buf_deinit(&sets);
    yd_buf_deinit(&merged);
    return err;
}

yd_err flow_note_deletes(struct room *room)
{
    if (room->held_count == 0 || room->missed_too_much) return YD_OK;
    size_t at = room->out.len;
    yd_err err = yd_doc_last_deletes(room->doc, &room->out);
    if (err != YD_OK) return err;
    yd_slice set = {room->out.ptr + at, room->out.len - at};
    if (set.len > 1) err = yd_buf_varbytes(&room->missed, set);
    if (err == YD_ETOOBIG) {
        room->missed_too_much = true;
        yd_buf_deinit(&room->missed);
        err = YD_OK;
    }
    room->out.len = at;
    return err;
}

/* The deletes behind its last part. has: what its STEP2 says that it knows. */
static yd_err deletes_for(struct room *room, const struct flow *f, yd_slice has)
{
    if (f->deletes_from != NEEDS_ALL && !room->missed_too_much) {
        return missed_deletes(room, f->deletes_from, &room->out);
    }
    yd_err err = yd_doc_encode_deletes(room->doc, has, &room->out);
    if (err != YD_EMALFORMED) return err;
    return yd_doc_encode_deletes(room->doc, YD_EMPTY, &room->out);
}

/* Appends the next part for it; *all: it is the last one. */
static yd_err own_part(struct room *room, struct flow *f, yd_slice has, bool *all)
{
    size_t at = room->out.len;
    struct yd_buf after;
    struct yd_pending pending = yd_doc_pending(room->doc);
    yd_buf_init(&after, room->alloc, SIZE_MAX / 2);
    yd_err err = yd_doc_encode_part(room->doc, yd_buf_slice(&f->sv), room->opts.part_bytes,
                                    &room->out, &after, all);
    if (err == YD_OK && *all && (pending.structs || pending.deletes)) {
        room->out.len = at;
        err = rest_whole(room, yd_buf_slice(&f->sv), &room->out);
    } else if (err == YD_OK) {
        err = *all ? deletes_for(room, f, has) : yd_buf_append(&room->out, YD_NO_DELETES);
    }
    yd_buf_deinit(&f->sv);
    f->sv = after;
    return err;
}

static yd_err send_own(struct room *room, uint32_t member, yd_slice has)
{
    struct flow *f = flow_of(room, member);
    size_t at = room->out.len;
    bool all = true;
    yd_err err = own_part(room, f, has, &all);
    if (err != YD_OK) return err;
    yd_slice part = {room->out.ptr + at, room->out.len - at};
    bool answers = all && f->wants_step2;
    if (answers || !yd_slice_equal(part, nothing)) {
        enum room_message message = answers ? ROOM_MSG_STEP2 : ROOM_MSG_UPDATE;
        err = effect_send_one(room, member, message, at, room->seq);
        if (err != YD_OK) return err;
    }
    return all ? resume(room, member) : hold(room, member);
}

static yd_err send_next(struct room *room, uint32_t member, yd_slice has)
{
    struct flow *f = flow_of(room, member);
    await_end(room, f);
    return f->in_stem ? send_from_stem(room, member) : send_own(room, member, has);
}

/* ---- what happens ----------------------------------------------------------------------------
 */

/* False: not a state vector. */
static bool vector_read(yd_slice sv, bool *is_empty)
{
    struct yd_reader r = yd_reader_of(sv);
    uint64_t count = sv.len == 0 ? 0 : yd_read_varuint(&r);
    *is_empty = count == 0;
    for (; count > 0 && !r.failed; count--) {
        (void)yd_read_varuint(&r);
        (void)yd_read_varuint(&r);
    }
    return !r.failed;
}

static yd_err flow_begin(struct room *room, uint32_t member, yd_slice sv, bool is_empty)
{
    struct flow *f = flow_of(room, member);
    yd_buf_clear(&f->sv);
    f->wants_step2 = true;
    f->deletes_from = NEEDS_ALL;
    stem_leave(room, f);
    if (!is_empty) return yd_buf_append(&f->sv, sv);
    f->in_stem = true;
    f->part = 0;
    room->stem.walkers++;
    return YD_OK;
}

yd_err flow_step1(struct room *room, uint32_t member, yd_slice sv)
{
    struct member *m = &room->members[member];
    bool is_empty, was_held = m->flow != NULL && m->flow->held;
    struct flow *f;
    if (!vector_read(sv, &is_empty))
        return effect_ignored(room, member, ROOM_CAUSE_MALFORMED, "malformed state vector");
    // Its client counts anew: the STEP2 that is to come is the one that it counts.
    if (m->flow != NULL) m->flow->owes_status = false;
    if (was_held && (m->was_answered || m->flow->wants_step2)) {
        // It is being sent all that it lacks; the last of it will be the answer.
        m->flow->wants_step2 = true;
        return YD_OK;
    }
    yd_err err = flow_new(room, member, &f);
    if (err == YD_OK) err = flow_begin(room, member, sv, is_empty);
    if (err != YD_OK || was_held) return err; // it goes on when it is drained
    bool awaits = !is_empty && !m->was_answered && !m->sent_step2 &&
                  yd_doc_deletes_size(room->doc) > DELETES_FEW;
    if (!awaits) return send_next(room, member, YD_EMPTY);
    if (f->until_ms == 0) room->await_count++;
    f->until_ms = room->now_ms + AWAIT_MS;
    room_due_by(room, f->until_ms);
    return YD_OK;
}

yd_err flow_step2(struct room *room, uint32_t member, yd_slice update)
{
    struct member *m = &room->members[member];
    m->sent_step2 = true;
    if (m->flow == NULL || m->flow->until_ms == 0) return YD_OK;
    return send_next(room, member, update);
}

bool flow_owes_status(struct room *room, uint32_t member)
{
    struct flow *f = flow_of(room, member);
    if (f == NULL || !f->wants_step2 || f->owes_status) return false;
    f->owes_status = true;
    return true;
}

yd_err flow_behind(struct room *room, uint32_t member)
{
    struct flow *f = flow_of(room, member);
    if (f != NULL && f->held) return YD_OK;
    if (f == NULL) {
        yd_err err = flow_new(room, member, &f);
        if (err == YD_OK) err = yd_doc_state_vector(room->doc, &f->sv);
        if (err != YD_OK) return err;
        if (!room->missed_too_much) f->deletes_from = room->missed.len;
    }
    await_end(room, f);
    return hold(room, member);
}

yd_err flow_drained(struct room *room, uint32_t member)
{
    struct flow *f = flow_of(room, member);
    if (f == NULL || !f->held) return YD_OK;
    uint64_t change_no = f->change_no;
    f->change_no = room->change_no;
    yd_err err = presence_send_since(room, member, change_no);
    return err == YD_OK ? send_next(room, member, YD_EMPTY) : err;
}

static yd_err awaited_too_long(struct room *room)
{
    for (uint32_t i = 0; i < room->member_cap && room->await_count > 0; i++) {
        const struct flow *f = room->members[i].flow;
        if (f == NULL || f->until_ms == 0) continue;
        if (f->until_ms > room->now_ms) {
            room_due_by(room, f->until_ms);
            continue;
        }
        yd_err err = send_next(room, i, YD_EMPTY);
        if (err != YD_OK) return err;
    }
    return YD_OK;
}

/* Who does not read must not keep a whole document: it goes on with parts of its own. */
static yd_err walkers_part(struct room *room)
{
    struct stem *stem = &room->stem;
    for (uint32_t i = 0; i < room->member_cap && stem->walkers > 0; i++) {
        struct flow *f = room->members[i].flow;
        if (f == NULL || !f->in_stem) continue;
        yd_buf_clear(&f->sv);
        yd_err err = yd_buf_append(&f->sv, stem_after(stem, f->part));
        if (err != YD_OK) return err;
        stem_leave(room, f);
    }
    return YD_OK;
}

static yd_err stem_rest(struct room *room)
{
    struct stem *stem = &room->stem;
    if (stem->count == 0 && stem->tail.cap == 0) return YD_OK;
    if (stem->used_ms + STEM_IDLE_MS > room->now_ms) {
        room_due_by(room, stem->used_ms + STEM_IDLE_MS);
        return YD_OK;
    }
    yd_err err = walkers_part(room);
    if (err == YD_OK) stem_clear(room);
    return err;
}

yd_err flow_timer(struct room *room)
{
    yd_err err = stem_rest(room);
    if (err != YD_OK) return err;
    return room->await_count == 0 ? YD_OK : awaited_too_long(room);
}
