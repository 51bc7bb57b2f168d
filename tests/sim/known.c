/* known.c - reads presence: what a message says, and what a room knows. */
#include "sim/sim.h"

struct entries entries_of(yd_slice awareness)
{
    struct entries entries = {.r = yd_reader_of(awareness)};
    entries.left = yd_read_varuint(&entries.r);
    return entries;
}

bool entry_next(struct entries *entries, struct entry *entry)
{
    YD_ASSERT(!entries->r.failed);
    if (entries->left == 0) return false;
    entries->left--;
    uint64_t id = yd_read_varuint(&entries->r);
    YD_ASSERT(id >= 1 && id <= IDS);
    entry->id = (uint32_t)id - 1;
    entry->clock = yd_read_varuint(&entries->r);
    entry->state = yd_read_varbytes(&entries->r);
    return true;
}

struct known known_of(const struct room *room)
{
    struct known known;
    for (uint32_t i = 0; i < IDS; i++) known.of[i].owner = CONNS;
    for (uint32_t member = 0; member < CONNS; member++) {
        struct entry e;
        struct yd_buf out = buf_new();
        bool is_in = room_presence_of(room, member, &out) == YD_OK;
        struct entries entries = entries_of(is_in ? yd_buf_slice(&out) : YD_LITERAL("\0"));
        while (entry_next(&entries, &e)) {
            known.of[e.id].owner = member;
            known.of[e.id].clock = e.clock;
            known.of[e.id].state = state_number(e.state);
        }
        yd_buf_deinit(&out);
    }
    return known;
}
