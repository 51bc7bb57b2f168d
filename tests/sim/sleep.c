/* sleep.c - a room that leaves memory while its sockets stay, as that of a Durable Object does
 * (docs/edge.md E7), and is there again with the next event.
 *
 * It sleeps when nothing has happened for long and nothing is due soon: all is on disk, and nobody
 * is held. What room_kept_of() gives is kept of each member, as it is then: what somebody else, or
 * the room, has made of it since the member's last word included. */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is kept ---------------------------------------------------------------------------- */

void seat_keep(struct host *h, uint32_t number, struct seat *seat)
{
    struct yd_buf out = buf_new();
    SIM_OK(room_kept_of(h->slots[seat->room].room, number, &out));
    free(seat->presence);
    seat->presence = out.ptr;
    seat->presence_len = out.len;
}

static void keep_all(struct host *h, uint32_t room)
{
    for (uint32_t i = 0; i < CONNS; i++) {
        struct seat *seat = seat_in_room(h, i, room);
        if (seat != NULL) seat_keep(h, i, seat);
    }
}

/* ---- what the room knew ---------------------------------------------------------------------- */

static void same_presence(const struct host *h, const struct known *before,
                          const struct known *after)
{
    for (uint32_t i = 0; i < IDS; i++) {
        bool was_here = before->of[i].owner < CONNS;
        SIM_RULE(h->sim, before->of[i].owner == after->of[i].owner,
                 "R57: who was there before the sleep is there after it");
        SIM_RULE(h->sim, !was_here || before->of[i].state == after->of[i].state,
                 "R57: presence is as it was");
        SIM_RULE(h->sim, !was_here || before->of[i].clock <= after->of[i].clock,
                 "R57: no clock is behind what the others were told");
    }
}

/* ---- asleep and awake ------------------------------------------------------------------------ */

static bool may_sleep(struct host *h, uint32_t number)
{
    const struct slot *slot = &h->slots[number];
    if (!h->is_edge || slot->room == NULL || room_member_count(slot->room) == 0) return false;
    return !room_wants_tick(slot->room) && room_due(slot->room) > h->sim->now_ms;
}

static void resume(struct host *h, uint32_t room, uint32_t number, const struct seat *seat)
{
    const struct room_event ev = {.kind = ROOM_EV_RESUME,
                                  .member = number,
                                  .right = seat->right,
                                  .wants = seat_wants(h, number, seat),
                                  .identity = seat_identity(h, number),
                                  .bytes = {seat->presence, seat->presence_len},
                                  .now_ms = h->sim->now_ms};
    struct room_event plain = ev;
    struct room_effects fx;
    if (seat->presence == NULL) plain.bytes = YD_LITERAL("\0");
    SIM_OK(room_step(h->slots[room].room, &plain, &fx));
    SIM_RULE(h->sim, fx.count == 0, "R57: who was in is sent nothing");
}

void host_wakes(struct host *h, uint32_t number)
{
    struct slot *slot = &h->slots[number];
    uint64_t refuse_at = h->refuse_at;
    h->refuse_at = 0;
    slot->is_asleep = false;
    slot->room = room_load(h, number, host_heap(h));
    for (uint32_t i = 0; i < CONNS; i++) {
        const struct seat *seat = seat_in_room(h, i, number);
        if (seat != NULL) resume(h, number, i, seat);
    }
    room_check(slot->room);
    h->refuse_at = refuse_at;
}

void host_sleeps(struct host *h, uint32_t number)
{
    struct slot *slot = &h->slots[number];
    if (!may_sleep(h, number)) return;
    h->sim->counts[C_SLEEPS]++;
    if (h->sim->bug != BUG_WAKE) keep_all(h, number);
    struct known before = known_of(slot->room);
    room_free(slot->room);
    slot->seq_count = 0;
    // Looked at here: what happens first afterwards may change it.
    host_wakes(h, number);
    struct known after = known_of(slot->room);
    same_presence(h, &before, &after);
    room_free(slot->room);
    slot->room = NULL;
    slot->is_asleep = true;
}
