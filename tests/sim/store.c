/* store.c - the store: records of all rooms in the order in which they were written. They are safe
 * when they are synced; a crash keeps those and some of the others. */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

void record_add(struct host *h, uint32_t room, enum record_kind kind, yd_slice bytes)
{
    if (h->record_count == h->record_cap) {
        h->record_cap = h->record_cap == 0 ? 64 : h->record_cap * 2;
        h->records = realloc(h->records, h->record_cap * sizeof *h->records);
        YD_ASSERT(h->records != NULL);
    }
    uint8_t *copy = malloc(bytes.len + 1);
    YD_ASSERT(copy != NULL);
    memcpy(copy, bytes.ptr, bytes.len);
    h->records[h->record_count++] = (struct record){kind, room, copy, bytes.len};
}

void records_cut(struct host *h, size_t count)
{
    while (h->record_count > count) free(h->records[--h->record_count].bytes);
}

void records_lose(struct host *h, uint32_t room)
{
    for (size_t i = h->synced; i < h->record_count; i++) {
        if (h->records[i].room == room) h->records[i].kind = RECORD_VOID;
    }
    h->slots[room].mark = room_mark(h, room);
}

static size_t last_of(const struct host *h, uint32_t room, enum record_kind kind)
{
    size_t i = h->record_count;
    while (i > 0 && (h->records[i - 1].kind != kind || h->records[i - 1].room != room)) i--;
    return i; // 0: there is none
}

static void feed(const struct host *h, struct room *room, const struct record *record)
{
    struct room_effects fx;
    struct room_event load = {
        .kind = ROOM_EV_LOAD, .bytes = {record->bytes, record->len}, .now_ms = h->sim->now_ms};
    SIM_RULE(h->sim, room_step(room, &load, &fx) == YD_OK, "what is stored cannot be read");
}

struct room *room_load(const struct host *h, uint32_t number, yd_alloc alloc)
{
    size_t part = h->is_edge ? (size_t)1 << 30 : h->sim->shreds ? (size_t)20 * PART : PART;
    const struct room_opts opts = {.part_bytes = part,
                                   .compact_updates = 20,
                                   .compact_bytes = 2000,
                                   .awareness_clients_max = 64,
                                   .member_states_per_s = h->states_per_s};
    struct room *room;
    SIM_OK(room_new(alloc, &opts, &room));
    size_t base = last_of(h, number, RECORD_BASE), delta = last_of(h, number, RECORD_DELTA);
    size_t from = base;
    if (base > 0) {
        room_loaded_base(room, h->records[base - 1].len);
        feed(h, room, &h->records[base - 1]);
    }
    if (delta > base) {
        feed(h, room, &h->records[delta - 1]);
        from = delta;
    }
    for (size_t i = from; i < h->record_count; i++) {
        bool is_its = h->records[i].room == number && h->records[i].kind >= RECORD_APPEND;
        if (is_its) feed(h, room, &h->records[i]);
    }
    room_check(room);
    return room;
}

void host_sync(struct host *h, size_t records)
{
    h->sim->counts[C_SYNCS]++;
    h->synced += records;
    if (h->synced > h->record_count) h->synced = h->record_count;
}
