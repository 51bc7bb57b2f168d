/* gone.c - rooms that are deleted, brought back and erased (docs/access.md D24), while members are
 * in.
 *
 * A deletion is a mark in the store, behind all that was appended. Who is in is let go before it is
 * written: a y-websocket client by the end of its socket, a document of Hocuspocus by a refusal.
 * What the members have been shown stays in the store until the room is erased. */
#include "sim/sim.h"

enum record_kind room_mark(const struct host *h, uint32_t room)
{
    for (size_t i = h->record_count; i > 0; i--) {
        const struct record *record = &h->records[i - 1];
        if (record->room == room && record_is_mark(record->kind)) return record->kind;
    }
    return RECORD_VOID;
}

bool room_is_gone(const struct host *h, uint32_t room)
{
    enum record_kind mark = h->slots[room].mark;
    return mark == RECORD_DELETED || mark == RECORD_ERASED;
}

static void mark(struct host *h, uint32_t room, enum record_kind kind)
{
    record_add(h, room, kind, YD_EMPTY);
    h->slots[room].mark = kind;
}

static void let_go(struct host *h, uint32_t room)
{
    struct slot *slot = &h->slots[room];
    room_free(slot->room);
    slot->room = NULL;
    slot->is_asleep = false;
    slot->seq_count = 0;
    for (uint32_t i = 0; i < CONNS; i++) {
        struct seat *seat = seat_in_room(h, i, room);
        if (seat != NULL) seat_let_go(h, i, seat);
    }
}

void host_deletes(struct host *h, uint32_t room, bool erases)
{
    if (h->slots[room].mark == RECORD_ERASED) return;
    if (h->slots[room].mark == RECORD_DELETED && !erases) return;
    h->sim->counts[erases ? C_ERASED : C_REMOVED]++;
    if (h->sim->bug != BUG_GONE) let_go(h, room);
    mark(h, room, erases ? RECORD_ERASED : RECORD_DELETED);
}

void host_undeletes(struct host *h, uint32_t room)
{
    if (h->slots[room].mark != RECORD_DELETED) return;
    h->sim->counts[C_BROUGHT_BACK]++;
    mark(h, room, RECORD_BROUGHT_BACK);
}
