/* presence.c - awareness: which client ids are here, with what state, and who is told.
 *
 * Where it sits:   room_step() -> presence_*() -> effects
 * Source:          y-protocols awareness; rules R7..R13; docs/decisions/0003-presence-nudge.md
 *
 * Changes are collected and leave as one message to everybody at the next tick (R8). Every stock
 * client sends each change that it receives back to us once, so the commonest message is a stale
 * echo: it is recognised by its clock and dropped before its JSON is looked at (R7).
 *
 * A nudge is a message to one member: {client, known clock, null}. The owner of that id answers by
 * raising its clock and announcing again; nobody else sees it (R10, R11, R13).
 */
#include "state.h"

#include <string.h>

#define RENEW_MS         20000 /* receivers hide a state that is older than 30 s */
#define FIRST_NUDGES_MAX 4
#define CLOCK_MAX        (((uint64_t)1 << 53) - 2)

static const yd_slice null_state = {(const uint8_t *)"null", 4};

struct entry {
    uint64_t client;
    uint64_t clock;
    yd_slice state;
    bool is_null;
};

static struct entry entry_read(struct yd_reader *r)
{
    struct entry e = {.client = yd_read_varuint(r), .clock = yd_read_varuint(r)};
    e.state = yd_read_varbytes(r);
    e.is_null = yd_slice_equal(e.state, null_state);
    return e;
}

static bool is_well_formed(yd_slice bytes)
{
    struct yd_reader r = yd_reader_of(bytes);
    uint64_t count = yd_read_varuint(&r);
    if (count > bytes.len) return false;
    for (uint64_t i = 0; i < count && !r.failed; i++) {
        if (entry_read(&r).clock > CLOCK_MAX) return false;
    }
    return !r.failed;
}

static yd_err entry_append(struct yd_buf *out, uint64_t client, uint64_t clock, yd_slice state)
{
    yd_err err = yd_buf_varuint(out, client);
    if (err == YD_OK) err = yd_buf_varuint(out, clock);
    if (err == YD_OK) err = yd_buf_varbytes(out, state);
    return err;
}

static yd_err presence_append(struct yd_buf *out, const struct presence *p)
{
    yd_slice state = p->present ? (yd_slice){p->state, p->state_len} : null_state;
    return entry_append(out, p->client, p->clock, state);
}

static yd_err nudge(struct room *room, uint32_t member, uint64_t client, uint64_t clock)
{
    size_t at = room->out.len;
    yd_err err = yd_buf_varuint(&room->out, 1);
    if (err == YD_OK) err = entry_append(&room->out, client, clock, null_state);
    if (err != YD_OK) return err;
    return effect_send_one(room, member, ROOM_MSG_AWARENESS, at, 0);
}

static void state_drop(struct room *room, struct presence *p)
{
    if (p->state != NULL) (void)room->alloc.resize(room->alloc.ctx, p->state, p->state_len, 0);
    p->state = NULL;
    p->state_len = 0;
    if (p->present) room->members[p->owner].owned--;
    p->present = false;
}

static yd_err presence_remove(struct room *room, uint32_t index, uint64_t clock)
{
    struct presence *p = &room->presence.list[index];
    state_drop(room, p);
    p->clock = clock;
    p->refreshed_ms = room->now_ms;
    p->gone_join_no = room->join_no;
    return presence_mark(room, index);
}

static yd_err presence_set(struct room *room, uint32_t index, uint32_t member,
                           const struct entry *e)
{
    uint8_t *state = room->alloc.resize(room->alloc.ctx, NULL, 0, e->state.len);
    if (state == NULL) return YD_ENOMEM;
    memcpy(state, e->state.ptr, e->state.len);
    struct presence *p = &room->presence.list[index];
    state_drop(room, p);
    p->state = state;
    p->state_len = (uint32_t)e->state.len;
    p->clock = e->clock;
    p->present = true;
    p->owner = member;
    p->refreshed_ms = room->now_ms;
    room->members[member].owned++;
    room_due_by(room, room->now_ms + RENEW_MS);
    return presence_mark(room, index);
}

/* An entry that is not newer than what we know: a stale echo, or the owner of a removed id that has
 * come back with the clock it had. Only a member that joined after the removal can be that. */
static yd_err entry_stale(struct room *room, uint32_t member, const struct presence *p,
                          const struct entry *e)
{
    if (p->present || e->is_null) return YD_OK;
    if (room->members[member].join_no <= p->gone_join_no) return YD_OK;
    return nudge(room, member, p->client, p->clock);
}

static yd_err entry_take(struct room *room, uint32_t member, const struct entry *e, bool first)
{
    uint32_t index = presence_find(&room->presence, e->client);
    bool unknown = index == PRESENCE_NONE;
    if (!unknown) {
        const struct presence *p = &room->presence.list[index];
        bool newer = e->clock > p->clock || (e->clock == p->clock && e->is_null && p->present);
        if (!newer) return entry_stale(room, member, p, e);
        if (e->is_null) return presence_remove(room, index, e->clock);
    } else if (e->clock == 0 || e->is_null) {
        return YD_OK; // receivers ignore a first state at clock 0; nothing to remove either
    }
    if (e->state.len > room->opts.awareness_state_max) {
        return effect_ignored(room, member, "presence state too large");
    }
    if (!yd_json_check(e->state)) return effect_ignored(room, member, "presence state is no JSON");
    if (unknown) {
        yd_err err = presence_add(room, e->client, &index);
        if (err == YD_ETOOBIG) return effect_ignored(room, member, "too many presence entries");
        if (err != YD_OK) return err;
    }
    yd_err err = presence_set(room, index, member, e);
    if (err != YD_OK || !unknown || !first) return err;
    // After a restart of ours the others may remember this id as removed at this very clock.
    if (room->members[member].nudges >= FIRST_NUDGES_MAX) return YD_OK;
    room->members[member].nudges++;
    return nudge(room, member, e->client, e->clock);
}

yd_err presence_message(struct room *room, uint32_t member, yd_slice bytes)
{
    if (!is_well_formed(bytes)) return effect_ignored(room, member, "malformed awareness update");
    bool first = !room->members[member].spoke_presence;
    room->members[member].spoke_presence = true;

    struct yd_reader r = yd_reader_of(bytes);
    for (uint64_t left = yd_read_varuint(&r); left > 0; left--) {
        struct entry e = entry_read(&r);
        yd_err err = entry_take(room, member, &e, first);
        if (err != YD_OK) return err;
    }
    return YD_OK;
}

yd_err presence_leave(struct room *room, uint32_t member)
{
    for (uint32_t i = 0; i < room->presence.count && room->members[member].owned > 0; i++) {
        const struct presence *p = &room->presence.list[i];
        if (!p->present || p->owner != member) continue;
        yd_err err = presence_remove(room, i, p->clock);
        if (err != YD_OK) return err;
    }
    return YD_OK;
}

yd_err presence_tick(struct room *room)
{
    struct presence_table *t = &room->presence;
    if (t->changed_count == 0) return YD_OK;
    size_t at = room->out.len;
    yd_err err = yd_buf_varuint(&room->out, t->changed_count);
    bool own_only = room->member_count == 1; // whoever is alone knows its own state
    for (uint32_t i = 0; i < t->changed_count; i++) {
        struct presence *p = &t->list[t->changed[i]];
        p->changed = false;
        if (!p->present) own_only = false;
        if (err == YD_OK) err = presence_append(&room->out, p);
    }
    t->changed_count = 0;
    if (err != YD_OK || room->member_count == 0 || own_only) return err;
    return effect_send_all(room, ROOM_MSG_AWARENESS, YD_EMPTY, at, 0);
}

yd_err presence_send_all_to(struct room *room, uint32_t member)
{
    const struct presence_table *t = &room->presence;
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->count; i++) count += t->list[i].present;
    if (count == 0) return YD_OK;

    size_t at = room->out.len;
    yd_err err = yd_buf_varuint(&room->out, count);
    for (uint32_t i = 0; i < t->count && err == YD_OK; i++) {
        if (t->list[i].present) err = presence_append(&room->out, &t->list[i]);
    }
    if (err != YD_OK) return err;
    return effect_send_one(room, member, ROOM_MSG_AWARENESS, at, 0);
}

/* Clients without a heartbeat of their own are asked for one, or others would hide them. */
yd_err presence_renew(struct room *room)
{
    for (uint32_t i = 0; i < room->presence.count; i++) {
        struct presence *p = &room->presence.list[i];
        if (!p->present) continue;
        if (p->refreshed_ms + RENEW_MS <= room->now_ms) {
            if (room->member_count >= 2) {
                yd_err err = nudge(room, p->owner, p->client, p->clock);
                if (err != YD_OK) return err;
            }
            p->refreshed_ms = room->now_ms;
        }
        room_due_by(room, p->refreshed_ms + RENEW_MS);
    }
    return YD_OK;
}
