/* check.c - the invariants of a room, for tests and fuzzers.
 *
 *   I1  member_count is the number of members that are in
 *   I2  every present entry has a state and an owner that is in; every other one has no state;
 *       state_bytes is the sum of their lengths
 *   I3  every present entry is in its owner's chain, every other one in the chain of gone ones;
 *       nothing else is in a chain, and each is linked both ways
 *   I4  every entry is found by its client id; the changed list holds exactly the changed entries
 *   I6  who is held, awaited or walks along the stem is counted; nobody is without a flow
 *   I7  what waits to be told is present, is on no list for the next tick, and is counted
 *   I5  covered_seq <= seq; with a member in, something is due
 */
#include "state.h"

static uint32_t chain_check(const struct room *room, struct presence_chain chain, bool present,
                            uint32_t owner)
{
    uint32_t count = 0, last = 0;
    for (uint32_t at = chain.first; at != 0; at = room->presence.list[at - 1].next) {
        YD_ASSERT(at <= room->presence.count);
        const struct presence *p = &room->presence.list[at - 1];
        YD_ASSERT(p->present == present);
        YD_ASSERT(!present || p->owner == owner);
        YD_ASSERT(p->prev == last);
        last = at;
        count++;
        YD_ASSERT(count <= room->presence.count);
    }
    YD_ASSERT(chain.last == last);
    return count;
}

static void members_check(struct room *room)
{
    uint32_t in = 0;
    uint32_t chained = chain_check(room, room->presence.gone, false, 0);
    for (uint32_t i = 0; i < room->member_cap; i++) {
        if (!room->members[i].is_in) continue;
        in++;
        uint32_t owned = chain_check(room, room->members[i].owned, true, i);
        YD_ASSERT(owned == room->members[i].owned_count);
        chained += owned;
    }
    YD_ASSERT(in == room->member_count);        // I1
    YD_ASSERT(chained == room->presence.count); // I3
}

static void presence_check(struct room *room)
{
    const struct presence_table *t = &room->presence;
    uint32_t changed = 0, waiting = 0;
    size_t bytes = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct presence *p = &t->list[i];
        YD_ASSERT(p->present == (p->state != NULL)); // I2
        YD_ASSERT(!p->present || member_get(room, p->owner) != NULL);
        YD_ASSERT(presence_find(t, p->client) == i); // I4
        bytes += p->state_len;
        changed += p->changed;
        waiting += p->waits;
        YD_ASSERT(!p->waits || (p->present && !p->changed)); // I7
    }
    YD_ASSERT(waiting == t->waiting_count);
    YD_ASSERT(bytes == t->state_bytes);
    YD_ASSERT(changed == t->changed_count);
    for (uint32_t i = 0; i < t->changed_count; i++) YD_ASSERT(t->list[t->changed[i]].changed);
}

static void flows_check(const struct room *room)
{
    uint32_t held = 0, awaited = 0, walkers = 0;
    for (uint32_t i = 0; i < room->member_cap; i++) {
        const struct flow *f = room->members[i].flow;
        if (f == NULL) continue;
        YD_ASSERT(room->members[i].is_in && f->held == (f->until_ms == 0)); // I6
        YD_ASSERT(!f->in_stem || f->part <= room->stem.count);
        held += f->held;
        awaited += f->until_ms != 0;
        walkers += f->in_stem;
    }
    YD_ASSERT(held == room->held_count && awaited == room->await_count);
    YD_ASSERT(walkers == room->stem.walkers);
    YD_ASSERT(held > 0 || room->missed.len == 0);
}

void room_check(struct room *room)
{
    members_check(room);
    presence_check(room);
    flows_check(room);
    YD_ASSERT(room->covered_seq <= room->seq); // I5
    YD_ASSERT(room->member_count == 0 || room->due_ms != UINT64_MAX);
    yd_doc_check(room->doc);
}
