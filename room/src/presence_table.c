/* presence_table.c - presence entries by client id: a dense list and a hash over it.
 *
 * Entries of clients that are gone stay (their clock tells a late echo from news) until the table
 * is full; then the one that has been gone longest makes room.
 */
#include "state.h"

#include <string.h>

static uint32_t slot_of(uint64_t client, uint32_t slot_count)
{
    return (uint32_t)((client * 0x9E3779B97F4A7C15ull) >> 32) & (slot_count - 1);
}

uint32_t presence_find(const struct presence_table *table, uint64_t client)
{
    if (table->slot_count == 0) return PRESENCE_NONE;
    for (uint32_t s = slot_of(client, table->slot_count);; s = (s + 1) & (table->slot_count - 1)) {
        uint32_t index = table->slots[s];
        if (index == 0) return PRESENCE_NONE;
        if (table->list[index - 1].client == client) return index - 1;
    }
}

static void slots_fill(struct presence_table *table)
{
    memset(table->slots, 0, table->slot_count * sizeof *table->slots);
    for (uint32_t i = 0; i < table->count; i++) {
        uint32_t s = slot_of(table->list[i].client, table->slot_count);
        while (table->slots[s] != 0) s = (s + 1) & (table->slot_count - 1);
        table->slots[s] = i + 1;
    }
}

/* Frees the slot of an entry and closes the hole, so that every search still ends where it did. */
static void slot_clear(struct presence_table *t, uint32_t index)
{
    uint32_t mask = t->slot_count - 1;
    uint32_t hole = slot_of(t->list[index].client, t->slot_count);
    while (t->slots[hole] != index + 1) hole = (hole + 1) & mask;
    for (uint32_t s = (hole + 1) & mask; t->slots[s] != 0; s = (s + 1) & mask) {
        uint32_t home = slot_of(t->list[t->slots[s] - 1].client, t->slot_count);
        if (((s - home) & mask) < ((s - hole) & mask)) continue; // its home is behind the hole
        t->slots[hole] = t->slots[s];
        hole = s;
    }
    t->slots[hole] = 0;
}

static struct presence_chain *chain_of(struct room *room, const struct presence *p)
{
    return p->present ? &room->members[p->owner].owned : &room->presence.gone;
}

/* Puts an entry at the end of the chain that fits its state. */
void presence_chain_in(struct room *room, uint32_t index)
{
    struct presence *p = &room->presence.list[index];
    struct presence_chain *chain = chain_of(room, p);
    p->prev = chain->last;
    p->next = 0;
    if (chain->last != 0) {
        room->presence.list[chain->last - 1].next = index + 1;
    } else {
        chain->first = index + 1;
    }
    chain->last = index + 1;
    if (p->present) room->members[p->owner].owned_count++;
}

/* Takes an entry out of its chain; to be put into one again after its state was changed. */
void presence_chain_out(struct room *room, uint32_t index)
{
    struct presence *list = room->presence.list;
    const struct presence *p = &list[index];
    struct presence_chain *chain = chain_of(room, p);
    if (p->prev != 0) {
        list[p->prev - 1].next = p->next;
    } else {
        chain->first = p->next;
    }
    if (p->next != 0) {
        list[p->next - 1].prev = p->prev;
    } else {
        chain->last = p->prev;
    }
    if (p->present) room->members[p->owner].owned_count--;
}

static yd_err table_grow(struct room *room)
{
    struct presence_table *t = &room->presence;
    yd_alloc a = room->alloc;
    uint32_t cap = t->cap == 0 ? 4 : t->cap * 2;
    struct presence *list = a.resize(a.ctx, t->list, t->cap * sizeof *list, cap * sizeof *list);
    if (list == NULL) return YD_ENOMEM;
    t->list = list;
    t->cap = cap;
    uint32_t *slots =
        a.resize(a.ctx, t->slots, t->slot_count * sizeof *slots, (size_t)cap * 2 * sizeof *slots);
    if (slots == NULL) return YD_ENOMEM; // the list is larger than the slots allow: never looked at
    t->slots = slots;
    t->slot_count = cap * 2;
    slots_fill(t);
    return YD_OK;
}

/* Adds a client that is not in the table, as gone at clock 0. In a full table it takes the place of
 * the one that has been gone longest. What was removed since the last tick stands at the end of
 * that chain, so one look tells whether there is one that nobody has to be told of any more.
 * Errors: YD_ENOMEM; YD_ETOOBIG: all entries are needed. */
yd_err presence_add(struct room *room, uint64_t client, uint32_t *index)
{
    struct presence_table *t = &room->presence;
    uint32_t at = t->count;
    if (t->count >= room->opts.awareness_clients_max) {
        if (t->gone.first == 0 || t->list[t->gone.first - 1].changed) return YD_ETOOBIG;
        at = t->gone.first - 1;
        presence_chain_out(room, at);
        slot_clear(t, at);
    } else {
        if (t->count == t->cap || t->slot_count < t->cap * 2) {
            yd_err err = table_grow(room);
            if (err != YD_OK) return err;
        }
        t->count++;
    }
    t->list[at] = (struct presence){.client = client, .owner = UINT32_MAX};
    presence_chain_in(room, at);
    uint32_t s = slot_of(client, t->slot_count);
    while (t->slots[s] != 0) s = (s + 1) & (t->slot_count - 1);
    t->slots[s] = at + 1;
    *index = at;
    return YD_OK;
}

/* Puts an entry on the list of what the next tick broadcasts. */
yd_err presence_mark(struct room *room, uint32_t index)
{
    struct presence_table *t = &room->presence;
    t->list[index].change_no = ++room->change_no;
    t->waiting_count -= t->list[index].waits;
    t->list[index].waits = false;
    if (t->list[index].changed) return YD_OK;
    if (t->changed_count == t->changed_cap) {
        uint32_t cap = t->changed_cap == 0 ? 4 : t->changed_cap * 2;
        uint32_t *changed = room->alloc.resize(
            room->alloc.ctx, t->changed, t->changed_cap * sizeof *changed, cap * sizeof *changed);
        if (changed == NULL) return YD_ENOMEM;
        t->changed = changed;
        t->changed_cap = cap;
    }
    t->changed[t->changed_count++] = index;
    t->list[index].changed = true;
    return YD_OK;
}

void presence_table_deinit(struct room *room)
{
    struct presence_table *t = &room->presence;
    yd_alloc a = room->alloc;
    for (uint32_t i = 0; i < t->count; i++) {
        struct presence *p = &t->list[i];
        if (p->state != NULL) (void)a.resize(a.ctx, p->state, p->state_len, 0);
    }
    if (t->list != NULL) (void)a.resize(a.ctx, t->list, t->cap * sizeof *t->list, 0);
    if (t->slots != NULL) (void)a.resize(a.ctx, t->slots, t->slot_count * sizeof *t->slots, 0);
    if (t->changed != NULL)
        (void)a.resize(a.ctx, t->changed, t->changed_cap * sizeof *t->changed, 0);
}
