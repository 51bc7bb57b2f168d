/* members.c - who is in the room: joining, leaving, and being kept alive.
 *
 * Stock clients close a socket on which no message came for 30 s, and WebSocket pings do not
 * count. A member that was sent nothing for keepalive_ms gets an awareness update without entries,
 * which every client takes as a message and no client reacts to (rule R15).
 */
#include "state.h"

#include <string.h>

/* Timers of one room are gathered on a grid, or ten thousand members that joined at different
 * times would each bring a walk over all of them. */
#define DUE_GRID_MS 100

void room_due_by(struct room *room, uint64_t when_ms)
{
    when_ms += DUE_GRID_MS - 1 - (when_ms + DUE_GRID_MS - 1) % DUE_GRID_MS;
    if (when_ms < room->due_ms) room->due_ms = when_ms;
}

struct member *member_get(struct room *room, uint32_t number)
{
    if (number >= room->member_cap || !room->members[number].is_in) return NULL;
    return &room->members[number];
}

static yd_err members_grow(struct room *room, uint32_t number)
{
    uint32_t cap = room->member_cap == 0 ? 4 : room->member_cap;
    while (cap <= number) cap *= 2;
    struct member *members = room->alloc.resize(
        room->alloc.ctx, room->members, room->member_cap * sizeof *members, cap * sizeof *members);
    if (members == NULL) return YD_ENOMEM;
    memset(members + room->member_cap, 0, (cap - room->member_cap) * sizeof *members);
    room->members = members;
    room->member_cap = cap;
    return YD_OK;
}

static yd_err send_step1(struct room *room, uint32_t number)
{
    size_t at = room->out.len;
    yd_err err = yd_doc_state_vector(room->doc, &room->out);
    if (err != YD_OK) return err;
    return effect_send_one(room, number, ROOM_MSG_STEP1, at, 0);
}

static void asked_more(struct member *m)
{
    if (m->asked_more < UINT8_MAX) m->asked_more++;
}

yd_err member_ask(struct room *room, uint32_t number)
{
    asked_more(&room->members[number]);
    return send_step1(room, number);
}

static bool is_held(const struct member *m) { return m->flow != NULL && m->flow->held; }

yd_err members_ask(struct room *room)
{
    for (uint32_t i = 0; i < room->member_cap; i++) {
        struct member *m = &room->members[i];
        if (m->is_in && !is_held(m)) asked_more(m);
    }
    size_t at = room->out.len;
    yd_err err = yd_doc_state_vector(room->doc, &room->out);
    if (err != YD_OK) return err;
    return effect_send_all(room, ROOM_MSG_STEP1, YD_EMPTY, at, 0);
}

static yd_err member_enter(struct room *room, const struct room_event *ev)
{
    if (ev->member >= room->opts.members_max) return YD_ESTATE;
    if (member_get(room, ev->member) != NULL) return YD_ESTATE;
    if (ev->member >= room->member_cap) {
        yd_err err = members_grow(room, ev->member);
        if (err != YD_OK) return err;
    }
    struct room_identity *identity = NULL;
    if (ev->identity != NULL) {
        yd_err err = identity_copy(room, ev->identity, &identity);
        if (err != YD_OK) return err;
    }
    room->join_no++;
    room->members[ev->member] = (struct member){.is_in = true,
                                                .right = (uint8_t)ev->right,
                                                .wants = (uint8_t)ev->wants,
                                                .join_no = room->join_no,
                                                .sent_ms = room->now_ms,
                                                .identity = identity};
    room->member_count++;
    room_due_by(room, room->now_ms + room->opts.keepalive_ms);
    document_gap_due(room);
    return YD_OK;
}

yd_err member_join(struct room *room, const struct room_event *ev)
{
    yd_err err = member_enter(room, ev);
    if (err != YD_OK) return err;
    room->members[ev->member].asked_counted = true;
    err = send_step1(room, ev->member);
    return err == YD_OK ? presence_send_all_to(room, ev->member) : err;
}

yd_err member_right(struct room *room, const struct room_event *ev)
{
    struct member *member = member_get(room, ev->member);
    if (member == NULL) return YD_ESTATE;
    bool may_write_now = member->right != ROOM_WRITE && ev->right == ROOM_WRITE;
    member->right = (uint8_t)ev->right;
    member->was_denied = false;
    // What it has written meanwhile, and was refused, is welcome now.
    return may_write_now ? member_ask(room, ev->member) : YD_OK;
}

/* ---- what is saved ----------------------------------------------------------------------------
 *
 * Hocuspocus' provider shows its user how much is not saved: 1 when it sends STEP1, for the STEP2
 * that our STEP1 has it send; 1 more for each UPDATE; 1 less for each STATUS that says "saved", and
 * none for one that says "refused". So a STATUS too many is a lie, and one too few a worry for
 * ever. At 0 it also takes itself to be in sync, whatever it has been sent: so one for a STEP2
 * follows the answer to its STEP1.
 */

#define REFUSED_MAX 1024

/* Each STEP1 of it wants a STEP2 of its own confirmed. One that it has been asked for already will
 * do: it was not on its way before the STEP1 was. */
yd_err member_step1(struct room *room, uint32_t number)
{
    struct member *m = &room->members[number];
    if ((m->wants & ROOM_WANTS_STATUS) == 0 || m->asked_counted) return YD_OK;
    m->asked_counted = true;
    if (m->asked_more == 0) return send_step1(room, number);
    m->asked_more--;
    return YD_OK;
}

/* False: it answers a STEP1 of which its count knows nothing. */
static bool step2_counts(struct member *m)
{
    bool counts = m->asked_counted || m->asked_more == 0;
    if (!m->asked_counted && m->asked_more > 0) m->asked_more--;
    m->asked_counted = false;
    return counts;
}

/* Saved means on disk, also if somebody else brought it: so it waits for the last append. */
static yd_err send_status(struct room *room, uint32_t number, bool saved)
{
    size_t at = room->out.len;
    yd_err err = yd_buf_u8(&room->out, saved ? 1 : 0);
    if (err != YD_OK) return err;
    return effect_send_one(room, number, ROOM_MSG_STATUS, at, saved ? room->seq : 0);
}

yd_err member_saved(struct room *room, uint32_t number) { return send_status(room, number, true); }

yd_err member_status(struct room *room, uint32_t number, enum room_message message, bool saved)
{
    struct member *m = &room->members[number];
    if ((m->wants & ROOM_WANTS_STATUS) == 0) return YD_OK;
    uint32_t times = message != ROOM_MSG_STEP2 || step2_counts(m) ? 1 : 0;
    if (!saved) {
        if (m->refused < REFUSED_MAX) m->refused += (uint16_t)times;
        return send_status(room, number, false);
    }
    // A STEP2 holds all that was refused before.
    if (message == ROOM_MSG_STEP2) {
        times += m->refused;
        m->refused = 0;
    }
    if (message == ROOM_MSG_STEP2 && times > 0 && flow_owes_status(room, number)) times--;
    yd_err err = YD_OK;
    for (; times > 0 && err == YD_OK; times--) err = member_saved(room, number);
    return err;
}

/* ---- a life after another ---------------------------------------------------------------------
 */

yd_err room_kept_of(const struct room *room, uint32_t member, struct yd_buf *out)
{
    yd_err err = room_presence_of(room, member, out);
    if (err != YD_OK) return err;
    const struct member *m = &room->members[member];
    err = yd_buf_varuint(out, m->asked_counted);
    if (err == YD_OK) err = yd_buf_varuint(out, m->asked_more);
    return err == YD_OK ? yd_buf_varuint(out, m->refused) : err;
}

static void counts_resume(struct member *m, yd_slice kept)
{
    struct yd_reader r = yd_reader_of(kept);
    uint64_t counted = yd_read_varuint(&r), more = yd_read_varuint(&r);
    uint64_t refused = yd_read_varuint(&r);
    if (r.failed) return;
    m->asked_counted = counted != 0;
    m->asked_more = more > UINT8_MAX ? UINT8_MAX : (uint8_t)more;
    m->refused = refused > REFUSED_MAX ? REFUSED_MAX : (uint16_t)refused;
}

yd_err member_resume(struct room *room, const struct room_event *ev)
{
    yd_slice counts;
    yd_err err = member_enter(room, ev);
    if (err != YD_OK) return err;
    struct member *m = &room->members[ev->member];
    m->was_answered = m->sent_step2 = true;
    err = presence_resume(room, ev->member, ev->bytes, &counts);
    counts_resume(m, counts);
    return err;
}

/* What the application has its clients say to each other. Nobody checks what it does there, so it
 * is for those who may write. It counts as no sign of life: not everybody's dialect has it. */
yd_err member_stateless(struct room *room, uint32_t number, yd_slice text)
{
    if (room->members[number].right != ROOM_WRITE) {
        return effect_ignored(room, number, ROOM_CAUSE_READ_ONLY, "stateless message of a reader");
    }
    if (text.len > room->opts.awareness_state_max) {
        return effect_ignored(room, number, ROOM_CAUSE_TOO_LARGE, "stateless message too large");
    }
    if (!yd_utf8_check(text))
        return effect_ignored(room, number, ROOM_CAUSE_MALFORMED, "stateless message is no UTF-8");
    return effect_push(
        room,
        (struct room_effect){
            .kind = ROOM_FX_SEND, .to = ROOM_TO_ALL, .message = ROOM_MSG_STATELESS, .bytes = text},
        FX_BORROWED);
}

yd_err member_leave(struct room *room, uint32_t number)
{
    yd_err err = presence_leave(room, number);
    if (err != YD_OK) return err;
    flow_end(room, number);
    identity_free(room, room->members[number].identity);
    room->members[number].identity = NULL;
    room->members[number].is_in = false;
    room->member_count--;
    return room->member_count == 0 ? compact_now(room) : YD_OK;
}

yd_err members_keepalive(struct room *room)
{
    for (uint32_t i = 0; i < room->member_cap; i++) {
        struct member *member = &room->members[i];
        if (!member->is_in) continue;
        uint64_t last = member->sent_ms;
        if (room->all_sent_ms > last && !is_held(member)) last = room->all_sent_ms;
        if (last + room->opts.keepalive_ms <= room->now_ms) {
            size_t at = room->out.len;
            yd_err err = yd_buf_u8(&room->out, 0); // an awareness update with no entries
            if (err != YD_OK) return err;
            err = effect_send_one(room, i, ROOM_MSG_AWARENESS, at, 0);
            if (err != YD_OK) return err;
            last = room->now_ms;
        }
        room_due_by(room, last + room->opts.keepalive_ms);
    }
    return YD_OK;
}
