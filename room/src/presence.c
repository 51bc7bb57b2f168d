/* presence.c - awareness: which client ids are here, with what state, and who is told.
 *
 * Where it sits:   room_step() -> presence_*() -> effects
 * Source:          y-protocols awareness; rules R8..R14; docs/decisions/0003-presence-nudge.md
 *
 * Changes are collected and leave as one message to everybody at the next tick (R9). Every stock
 * client sends each change that it receives back to us once, so the commonest message is a stale
 * echo: it is recognised by its clock and dropped before its JSON is looked at (R8).
 *
 * A nudge is a message to one member: {client, known clock, null}. The owner of that id answers by
 * raising its clock and announcing again; nobody else sees it (R11, R12, R13). Hocuspocus' provider
 * raises its clock then and keeps that to itself from version 4.5 on. For such an owner we raise
 * the clock ourselves, and tell its state to all, itself included: it takes the clock over and
 * sends nothing back (R44).
 */
#include "state.h"

#include <string.h>

#define RENEW_MS         20000 /* receivers hide a state that is older than 30 s */
#define STIR_MS          500   /* all are stirred for those who have come back, this often */
#define STIR_EACH_MS     2     /* or, in a small room, as often as so long for each member allows */
#define FIRST_NUDGES_MAX 4
#define NUDGES_MAX       64 /* in answer to one message; its count must fit one byte */
/* All states of a room together: more would make the message to each newcomer a burden. */
#define STATE_BYTES_MAX ((size_t)16 << 20)
#define CLOCK_MAX       (((uint64_t)1 << 53) - 2)

static const yd_slice null_state = {(const uint8_t *)"null", 4};

struct entry {
    uint64_t client;
    uint64_t clock;
    yd_slice state;
    bool is_null;
};

/* One awareness message while it is worked through. What it causes leaves as one nudge and one
 * IGNORED, so that a long message cannot make a longer list of effects. */
struct incoming {
    uint32_t member;
    bool is_first;       /* of this member */
    bool came_back;      /* it was here before, on another connection, and has forgotten the rest */
    const char *ignored; /* why the first refused entry was */
    enum room_cause cause;
    size_t nudges_at; /* in room->out: a byte for the count, then the entries */
    uint8_t nudges;
};

static bool is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* JSON.parse reads " null " as null too. */
static bool is_null(yd_slice state)
{
    while (state.len > null_state.len && is_space(*state.ptr)) state.ptr++, state.len--;
    while (state.len > null_state.len && is_space(state.ptr[state.len - 1])) state.len--;
    return yd_slice_equal(state, null_state);
}

static struct entry entry_read(struct yd_reader *r)
{
    struct entry e = {.client = yd_read_varuint(r), .clock = yd_read_varuint(r)};
    e.state = yd_read_varbytes(r);
    e.is_null = is_null(e.state);
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
    room->presence.state_bytes -= p->state_len;
    p->state = NULL;
    p->state_len = 0;
    p->present = false;
}

static yd_err presence_remove(struct room *room, uint32_t index, uint64_t clock)
{
    struct presence *p = &room->presence.list[index];
    presence_chain_out(room, index);
    state_drop(room, p);
    p->clock = clock;
    p->gone_join_no = room->join_no;
    presence_chain_in(room, index);
    return presence_mark(room, index);
}

static yd_err presence_put(struct room *room, uint32_t index, uint32_t member,
                           const struct entry *e)
{
    uint8_t *state = room->alloc.resize(room->alloc.ctx, NULL, 0, e->state.len);
    if (state == NULL) return YD_ENOMEM;
    memcpy(state, e->state.ptr, e->state.len);
    struct presence *p = &room->presence.list[index];
    presence_chain_out(room, index);
    state_drop(room, p);
    p->state = state;
    p->state_len = (uint32_t)e->state.len;
    p->clock = p->heard = e->clock;
    p->present = true;
    p->owner = member;
    p->refreshed_ms = room->now_ms;
    room->presence.state_bytes += p->state_len;
    presence_chain_in(room, index);
    room_due_by(room, room->now_ms + RENEW_MS);
    return YD_OK;
}

/* A member's budget: so many states a second are told on, and a second's worth at once. Who says
 * more is heard all the same, but what the others are sent is the newest of it (R71). */
static bool pace_try(struct room *room, uint32_t member)
{
    struct member *m = &room->members[member];
    uint64_t now_us = room->now_ms * 1000, from = m->pace_us > now_us ? m->pace_us : now_us;
    uint64_t after = from + 1000000 / room->opts.member_states_per_s;
    if (after > now_us + 1000000) {
        room_due_by(room, (after - 1000000) / 1000 + 1);
        return false;
    }
    m->pace_us = after;
    return true;
}

/* Has a state told to all, at the next tick or as soon as its owner may. */
static yd_err presence_tell(struct room *room, uint32_t index)
{
    struct presence *p = &room->presence.list[index];
    if (p->changed || pace_try(room, p->owner)) return presence_mark(room, index);
    room->presence.waiting_count += !p->waits;
    p->waits = true;
    return YD_OK;
}

yd_err presence_release(struct room *room)
{
    yd_err err = YD_OK;
    uint32_t left = room->presence.waiting_count;
    for (uint32_t i = 0; left > 0 && i < room->presence.count && err == YD_OK; i++) {
        if (!room->presence.list[i].waits) continue;
        left--;
        err = presence_tell(room, i);
    }
    return err;
}

static yd_err presence_set(struct room *room, uint32_t index, uint32_t member,
                           const struct entry *e)
{
    yd_err err = presence_put(room, index, member, e);
    return err == YD_OK ? presence_tell(room, index) : err;
}

/* Adds an entry to the nudge that goes back to the sender of this message. */
static yd_err nudge_back(struct room *room, struct incoming *in, uint64_t client, uint64_t clock)
{
    if (in->nudges == NUDGES_MAX) return YD_OK;
    if (in->nudges++ == 0) {
        in->nudges_at = room->out.len;
        yd_err err = yd_buf_u8(&room->out, 0);
        if (err != YD_OK) return err;
    }
    return entry_append(&room->out, client, clock, null_state);
}

/* Who the member is has to stand in its states; NULL: they are as it says. */
static const struct room_identity *identity_of(const struct room *room, uint32_t member)
{
    return identity_is_told(&room->opts.naming) ? room->members[member].identity : NULL;
}

/* The state of an entry as others are told it: with the identity of its member. */
static yd_err presence_take(struct room *room, uint32_t index, uint32_t member,
                            const struct entry *e)
{
    const struct room_identity *who = identity_of(room, member);
    struct entry told = *e;
    if (who != NULL) {
        yd_buf_clear(&room->told);
        yd_err err = identity_write(&room->opts.naming, who, e->state, &room->told);
        if (err != YD_OK) return err;
        told.state = yd_buf_slice(&room->told);
    }
    return presence_set(room, index, member, &told);
}

static bool wants_raise(const struct room *room, uint32_t member)
{
    return (room->members[member].wants & ROOM_WANTS_RAISE) != 0;
}

/* A state that is not newer than a removal: a stale echo, or the owner of the removed id that has
 * come back with the clock it had. Only a member that joined after the removal can be that. */
static bool is_back(const struct room *room, uint32_t member, const struct presence *p,
                    const struct entry *e)
{
    return !p->present && !e->is_null && room->members[member].join_no > p->gone_join_no;
}

/* It is here a second time: its old connection has died unnoticed. What a member that wants to be
 * raised says first is of itself, for it sends no echoes. */
static bool is_twice(const struct room *room, const struct incoming *in, const struct presence *p,
                     const struct entry *e)
{
    if (!p->present || p->owner == in->member || e->is_null) return false;
    return e->clock > p->clock || (in->is_first && wants_raise(room, in->member));
}

/* The clock under which an entry is told to the others; false: it is stale. A member whose clock we
 * raise may be behind what was told in its name. */
static bool clock_for(const struct room *room, const struct incoming *in, const struct presence *p,
                      const struct entry *e, uint64_t *clock)
{
    uint32_t member = in->member;
    *clock = e->clock;
    if (e->clock > p->clock) return true;
    if (e->clock == p->clock && e->is_null && p->present) return true;
    if (!wants_raise(room, member)) return false;
    bool is_own = p->present && p->owner == member;
    bool says_more = is_own && (e->is_null ? e->clock >= p->heard : e->clock > p->heard);
    if (!says_more && !is_back(room, member, p, e) && !is_twice(room, in, p, e)) return false;
    *clock = e->is_null ? p->clock : p->clock + 1;
    return true;
}

/* Why a state that is new may not come in; NULL: it may. old: the entry it is for, or NULL. */
static const char *state_refusal(const struct room *room, uint32_t member, const struct entry *e,
                                 const struct presence *old, enum room_cause *cause)
{
    *cause = ROOM_CAUSE_STATE_BYTES;
    size_t old_len = old == NULL ? 0 : old->state_len;
    if (e->state.len > room->opts.awareness_state_max) return "presence state too large";
    if (room->presence.state_bytes - old_len + e->state.len > STATE_BYTES_MAX) {
        return "too much presence";
    }
    *cause = ROOM_CAUSE_STATE_CLIENTS;
    bool is_own = old != NULL && old->present && old->owner == member;
    if (!is_own && room->members[member].owned_count >= room->opts.member_clients_max) {
        return "too many clients of one connection";
    }
    *cause = ROOM_CAUSE_MALFORMED;
    // Clients read it as UTF-8 and throw where it is none.
    if (!yd_utf8_check(e->state) || !yd_json_check(e->state)) return "presence state is no JSON";
    bool fits = identity_of(room, member) == NULL || identity_fits(e->state);
    return fits ? NULL : "presence state is no object";
}

static void refuse(struct incoming *in, enum room_cause cause, const char *why)
{
    if (in->ignored != NULL) return;
    in->ignored = why;
    in->cause = cause;
}

static yd_err entry_first(struct room *room, struct incoming *in, const struct entry *e)
{
    // Receivers ignore a first state at clock 0; of an unknown client there is nothing to remove.
    if (e->clock == 0 || e->is_null) return YD_OK;
    enum room_cause cause;
    const char *why = state_refusal(room, in->member, e, NULL, &cause);
    if (why != NULL) {
        refuse(in, cause, why);
        return YD_OK;
    }
    uint32_t index;
    yd_err err = presence_add(room, e->client, &index);
    if (err == YD_ETOOBIG) {
        refuse(in, ROOM_CAUSE_STATE_CLIENTS, "too many presence entries");
        return YD_OK;
    }
    if (err == YD_OK) err = presence_take(room, index, in->member, e);
    struct member *m = &room->members[in->member];
    if (err != YD_OK || !in->is_first || m->nudges >= FIRST_NUDGES_MAX) return err;
    // After a restart of ours the others may remember this id as removed at this very clock.
    m->nudges++;
    if (!wants_raise(room, in->member)) return nudge_back(room, in, e->client, e->clock);
    room->presence.list[index].clock++;
    return YD_OK;
}

/* Tells a present entry once more, in a way that receivers who know it do not take for an echo. */
static yd_err stir(struct room *room, uint32_t index)
{
    struct presence *p = &room->presence.list[index];
    p->refreshed_ms = room->now_ms;
    if (!wants_raise(room, p->owner)) return nudge(room, p->owner, p->client, p->clock);
    if (p->clock >= CLOCK_MAX) return YD_OK;
    p->clock++;
    return presence_mark(room, index);
}

/* Who has come back knows the others at the very clocks that it was sent when it joined, and takes
 * them for gone: so all are told again. */
static yd_err stir_all(struct room *room)
{
    if (!room->stirs_all) return YD_OK;
    uint64_t wait_ms = (uint64_t)room->member_count * STIR_EACH_MS;
    if (wait_ms > STIR_MS) wait_ms = STIR_MS;
    if (room->has_stirred && room->stirred_ms + wait_ms > room->now_ms) {
        room_due_by(room, room->stirred_ms + wait_ms);
        return YD_OK;
    }
    room->stirs_all = false;
    room->has_stirred = true;
    room->stirred_ms = room->now_ms;
    yd_err err = YD_OK;
    for (uint32_t i = 0; i < room->presence.count && err == YD_OK; i++) {
        // What the next tick tells anyway nobody knows yet.
        const struct presence *p = &room->presence.list[i];
        if (p->present && !p->changed) err = stir(room, i);
    }
    return err;
}

/* Providers 2 and 3 say when they come back that all others have gone: they have forgotten them.
 * Most owners would announce themselves again; who wants to be raised would not, and be gone. */
static bool has_forgotten(const struct room *room, uint32_t member, const struct presence *p,
                          const struct entry *e)
{
    return e->is_null && e->clock == p->clock && p->present && p->owner != member &&
           wants_raise(room, p->owner);
}

static yd_err entry_take(struct room *room, struct incoming *in, const struct entry *e)
{
    uint32_t index = presence_find(&room->presence, e->client);
    if (index == PRESENCE_NONE) return entry_first(room, in, e);
    const struct presence *p = &room->presence.list[index];
    bool is_same = !p->present || identity_same(room->members[in->member].identity,
                                                room->members[p->owner].identity);
    if (is_back(room, in->member, p, e)) in->came_back = true;
    if (is_same && is_twice(room, in, p, e)) in->came_back = true;
    if (has_forgotten(room, in->member, p, e)) {
        in->came_back = true; // and is told again
        return YD_OK;
    }
    struct entry told = *e;
    if (!clock_for(room, in, p, e, &told.clock)) {
        return is_back(room, in->member, p, e) ? nudge_back(room, in, p->client, p->clock) : YD_OK;
    }
    // With identities, nobody speaks for a client of somebody else who is here.
    if (!is_same) {
        refuse(in, ROOM_CAUSE_STATE_OWNER, "presence of somebody else");
        return YD_OK;
    }
    if (e->is_null) return presence_remove(room, index, told.clock);
    enum room_cause cause;
    const char *why = state_refusal(room, in->member, e, p, &cause);
    if (why != NULL) {
        refuse(in, cause, why);
        return YD_OK;
    }
    if (p->waits) refuse(in, ROOM_CAUSE_STATE_PACE, "a newer state came before it was told");
    yd_err err = presence_take(room, index, in->member, &told);
    room->presence.list[index].heard = e->clock;
    return err;
}

yd_err presence_message(struct room *room, uint32_t member, yd_slice bytes)
{
    if (!is_well_formed(bytes))
        return effect_ignored(room, member, ROOM_CAUSE_MALFORMED, "malformed awareness update");
    struct incoming in = {.member = member, .is_first = !room->members[member].spoke_presence};
    room->members[member].spoke_presence = true;

    struct yd_reader r = yd_reader_of(bytes);
    for (uint64_t left = yd_read_varuint(&r); left > 0; left--) {
        struct entry e = entry_read(&r);
        yd_err err = entry_take(room, &in, &e);
        if (err != YD_OK) return err;
    }
    yd_err err = YD_OK;
    if (in.nudges > 0) {
        room->out.ptr[in.nudges_at] = in.nudges;
        err = effect_send_one(room, member, ROOM_MSG_AWARENESS, in.nudges_at, 0);
    }
    if (err == YD_OK && in.came_back) {
        room->stirs_all = true;
        err = stir_all(room);
    }
    if (err == YD_OK && in.ignored != NULL)
        err = effect_ignored(room, member, in.cause, in.ignored);
    return err;
}

/* What it has announced in an earlier life of the room: everybody knows, so nobody is told. */
static yd_err entry_resume(struct room *room, uint32_t member, const struct entry *e)
{
    enum room_cause cause;
    bool is_known = presence_find(&room->presence, e->client) != PRESENCE_NONE;
    if (is_known || e->is_null) return YD_OK;
    if (state_refusal(room, member, e, NULL, &cause) != NULL) return YD_OK;
    uint32_t index;
    yd_err err = presence_add(room, e->client, &index);
    if (err == YD_ETOOBIG) return YD_OK;
    if (err == YD_OK) err = presence_put(room, index, member, e);
    room->members[member].spoke_presence = true;
    return err;
}

yd_err presence_resume(struct room *room, uint32_t member, yd_slice bytes, yd_slice *rest)
{
    *rest = YD_EMPTY;
    if (!is_well_formed(bytes)) return YD_OK;
    struct yd_reader r = yd_reader_of(bytes);
    yd_err err = YD_OK;
    for (uint64_t left = yd_read_varuint(&r); left > 0 && err == YD_OK; left--) {
        struct entry e = entry_read(&r);
        err = entry_resume(room, member, &e);
    }
    *rest = (yd_slice){r.at, yd_reader_left(&r)};
    return err;
}

yd_err room_presence_of(const struct room *room, uint32_t member, struct yd_buf *out)
{
    if (member >= room->member_cap || !room->members[member].is_in) return YD_ESTATE;
    const struct presence *list = room->presence.list;
    uint32_t first = room->members[member].owned.first, count = 0;
    for (uint32_t at = first; at != 0; at = list[at - 1].next) count++;
    yd_err err = yd_buf_varuint(out, count);
    for (uint32_t at = first; at != 0 && err == YD_OK; at = list[at - 1].next) {
        err = presence_append(out, &list[at - 1]);
    }
    return err;
}

yd_err presence_leave(struct room *room, uint32_t member)
{
    const struct presence_chain *owned = &room->members[member].owned;
    while (owned->first != 0) {
        uint32_t index = owned->first - 1;
        yd_err err = presence_remove(room, index, room->presence.list[index].clock);
        if (err != YD_OK) return err;
    }
    return YD_OK;
}

yd_err presence_tick(struct room *room)
{
    struct presence_table *t = &room->presence;
    room->told_no = room->change_no;
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

/* Those that came, changed or went behind a change, for who was not told meanwhile. */
yd_err presence_send_since(struct room *room, uint32_t member, uint64_t change_no)
{
    const struct presence_table *t = &room->presence;
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->count; i++) count += t->list[i].change_no > change_no;
    if (count == 0) return YD_OK;

    size_t at = room->out.len;
    yd_err err = yd_buf_varuint(&room->out, count);
    for (uint32_t i = 0; i < t->count && err == YD_OK; i++) {
        if (t->list[i].change_no > change_no) err = presence_append(&room->out, &t->list[i]);
    }
    if (err != YD_OK) return err;
    return effect_send_one(room, member, ROOM_MSG_AWARENESS, at, 0);
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
    yd_err stirred = stir_all(room);
    if (stirred != YD_OK) return stirred;
    for (uint32_t i = 0; i < room->presence.count; i++) {
        struct presence *p = &room->presence.list[i];
        if (!p->present) continue;
        if (p->refreshed_ms + RENEW_MS <= room->now_ms) {
            if (room->member_count >= 2) {
                yd_err err = stir(room, i);
                if (err != YD_OK) return err;
            }
            p->refreshed_ms = room->now_ms;
        }
        room_due_by(room, p->refreshed_ms + RENEW_MS);
    }
    return YD_OK;
}
