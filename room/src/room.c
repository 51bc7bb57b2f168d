/* room.c - one room: room_step() is the whole of it.
 *
 * Where it sits:   host -> room_step() -> documents.c, flow.c, presence.c, members.c, compact.c
 *                  -> effects
 *
 * room_check() is in check.c, with the invariants.
 */
#include "state.h"

#include <string.h>

#define MEMBERS_CEILING ((uint32_t)1 << 24) /* sizes of arrays stay far below 2^32 */

static struct room_opts opts_filled(const struct room_opts *given)
{
    static const struct room_naming usual = {"user", "id", "name", "color"};
    struct room_opts o = {0};
    if (given != NULL) o = *given;
    if (o.update_bytes_max == 0) o.update_bytes_max = (size_t)64 << 20;
    if (o.pending_bytes_max == 0) o.pending_bytes_max = (size_t)16 << 20;
    if (o.awareness_state_max == 0) o.awareness_state_max = (size_t)64 << 10;
    if (o.awareness_clients_max == 0) o.awareness_clients_max = 16384;
    if (o.member_clients_max == 0) o.member_clients_max = 64;
    if (o.member_states_per_s == 0) o.member_states_per_s = 60;
    if (o.members_max == 0) o.members_max = 100000;
    if (o.members_max > MEMBERS_CEILING) o.members_max = MEMBERS_CEILING;
    if (o.part_bytes == 0) o.part_bytes = (size_t)256 << 10;
    if (o.keepalive_ms == 0) o.keepalive_ms = 20000;
    if (o.compact_updates == 0) o.compact_updates = 1024;
    if (o.compact_bytes == 0) o.compact_bytes = 64 << 10;
    if (o.compact_idle_ms == 0) o.compact_idle_ms = 10000;
    if (o.compact_age_ms == 0) o.compact_age_ms = 120000;
    if (o.naming.object == NULL) o.naming = usual;
    return o;
}

yd_err room_new(yd_alloc alloc, const struct room_opts *opts, struct room **room)
{
    struct room *r = alloc.resize(alloc.ctx, NULL, 0, sizeof *r);
    if (r == NULL) return YD_ENOMEM;
    memset(r, 0, sizeof *r);
    r->alloc = alloc;
    r->opts = opts_filled(opts);
    r->due_ms = UINT64_MAX;
    yd_buf_init(&r->out, alloc, SIZE_MAX / 2);
    yd_buf_init(&r->base_sv, alloc, SIZE_MAX / 2);
    yd_buf_init(&r->told, alloc, SIZE_MAX / 2);
    flow_init(r);
    struct yd_doc_opts doc_opts = document_limits(r);
    doc_opts.keep_deleted = r->opts.keep_deleted;
    yd_err err = yd_doc_new(alloc, &doc_opts, &r->doc);
    if (err != YD_OK) {
        (void)alloc.resize(alloc.ctx, r, sizeof *r, 0);
        return err;
    }
    *room = r;
    return YD_OK;
}

void room_free(struct room *room)
{
    if (room == NULL) return;
    yd_alloc a = room->alloc;
    for (uint32_t i = 0; i < room->member_cap; i++) flow_end(room, i);
    flow_deinit(room);
    presence_table_deinit(room);
    yd_doc_free(room->doc);
    yd_buf_deinit(&room->out);
    yd_buf_deinit(&room->base_sv);
    yd_buf_deinit(&room->told);
    for (uint32_t i = 0; i < room->member_cap; i++) identity_free(room, room->members[i].identity);
    if (room->fx != NULL) (void)a.resize(a.ctx, room->fx, room->fx_cap * sizeof *room->fx, 0);
    if (room->fx_at != NULL) {
        (void)a.resize(a.ctx, room->fx_at, room->fx_at_cap * sizeof *room->fx_at, 0);
    }
    if (room->members != NULL) {
        (void)a.resize(a.ctx, room->members, room->member_cap * sizeof *room->members, 0);
    }
    (void)a.resize(a.ctx, room, sizeof *room, 0);
}

static yd_err on_message(struct room *room, const struct room_event *ev)
{
    switch (ev->message) {
    case ROOM_MSG_STEP1: {
        yd_err err = member_step1(room, ev->member);
        return err == YD_OK ? flow_step1(room, ev->member, ev->bytes) : err;
    }
    case ROOM_MSG_STEP2:
    case ROOM_MSG_UPDATE: {
        yd_err err = document_update(room, ev->member, ev->message, ev->bytes);
        if (err == YD_OK && ev->message == ROOM_MSG_STEP2) {
            err = flow_step2(room, ev->member, ev->bytes);
        }
        return err == YD_OK ? compact_if_due(room) : err;
    }
    case ROOM_MSG_AWARENESS: return presence_message(room, ev->member, ev->bytes);
    case ROOM_MSG_QUERY: return presence_send_all_to(room, ev->member);
    case ROOM_MSG_STATELESS: return member_stateless(room, ev->member, ev->bytes);
    case ROOM_MSG_DENIED:
    case ROOM_MSG_STATUS:
    case ROOM_MSG_KINDS: break;
    }
    return effect_ignored(room, ev->member, ROOM_CAUSE_MALFORMED, "unknown message");
}

static yd_err on_timer(struct room *room)
{
    room->due_ms = UINT64_MAX;
    yd_err err = members_keepalive(room);
    if (err == YD_OK) err = presence_renew(room);
    if (err == YD_OK) err = presence_release(room);
    if (err == YD_OK) err = flow_timer(room);
    if (err == YD_OK) err = document_gap(room);
    if (err == YD_OK) err = compact_if_due(room);
    return err;
}

static yd_err on_event(struct room *room, const struct room_event *ev)
{
    switch (ev->kind) {
    case ROOM_EV_LOAD:
        // Members would not learn of it.
        return room->member_count > 0 ? YD_ESTATE : document_load(room, ev->bytes);
    case ROOM_EV_JOIN: return member_join(room, ev);
    case ROOM_EV_RESUME: return member_resume(room, ev);
    case ROOM_EV_RIGHT: return member_right(room, ev);
    case ROOM_EV_LEAVE:
        if (member_get(room, ev->member) == NULL) return YD_ESTATE;
        return member_leave(room, ev->member);
    case ROOM_EV_MESSAGE:
        if (member_get(room, ev->member) == NULL) return YD_ESTATE;
        return on_message(room, ev);
    case ROOM_EV_BEHIND:
        if (member_get(room, ev->member) == NULL) return YD_ESTATE;
        return flow_behind(room, ev->member);
    case ROOM_EV_DRAINED:
        if (member_get(room, ev->member) == NULL) return YD_ESTATE;
        return flow_drained(room, ev->member);
    case ROOM_EV_TICK: return presence_tick(room);
    case ROOM_EV_TIMER: return on_timer(room);
    case ROOM_EV_COMPACT: return compact_now(room);
    }
    return YD_ESTATE;
}

yd_err room_step(struct room *room, const struct room_event *ev, struct room_effects *fx)
{
    effects_reset(room);
    flow_step_begins(room);
    room->now_ms = ev->now_ms;
    yd_err err = on_event(room, ev);
    if (err != YD_OK) room->fx_count = 0;
    effects_finish(room, fx);
    return err;
}

bool room_wants_tick(const struct room *room) { return room->presence.changed_count > 0; }
uint64_t room_due(const struct room *room) { return room->due_ms; }
uint32_t room_member_count(const struct room *room) { return room->member_count; }
uint64_t room_last_seq(const struct room *room) { return room->seq; }
bool room_has_gap(const struct room *room) { return room->has_gap; }
bool room_is_dirty(const struct room *room)
{
    return room->seq != room->covered_seq || room->loaded_appends > 0;
}
struct yd_doc *room_doc(struct room *room) { return room->doc; }

void room_loaded_appends(struct room *room, uint64_t count, size_t bytes)
{
    room->loaded_appends += count;
    uint64_t sum = (uint64_t)room->appended_bytes + bytes;
    room->appended_bytes = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

void room_loaded_base(struct room *room, size_t base_bytes)
{
    room->base_bytes = base_bytes;
    room->base_announced = base_bytes > 0;
}
