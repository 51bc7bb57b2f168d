/* list.c - rooms as numbers: a page of them, or one. Reads rows, never content. */
#include <stdlib.h>
#include <string.h>

#include "ops/heap.h"
#include "store/database.h"

#define ROOMS_A_SLICE 256 /* looked at, listed or not */

bool list_add(struct store_event *ev, const struct store_room *room)
{
    if ((ev->room_count & (ev->room_count - 1)) == 0) { // a power of two is full
        size_t cap = ev->room_count == 0 ? 1 : ev->room_count * 2;
        struct store_room *rooms = realloc(ev->rooms, cap * sizeof *rooms);
        if (rooms == NULL) return false;
        ev->rooms = rooms;
    }
    ev->rooms[ev->room_count++] = *room;
    return true;
}

void list_describe(struct database *db, const struct stored_room *room, struct store_room *out)
{
    const struct room_slot *slot = rooms_slot(db, room->id);
    *out = (struct store_room){.id = room->id,
                               .name = {room->name, room->name_len},
                               .status = (enum store_room_status)room->status,
                               .epoch = room->epoch,
                               .lsn = slot->changed_lsn,
                               .bytes = room->base.bytes + room->delta.bytes,
                               .updates = room->updates + room->place_count,
                               .created_at = room->created_at,
                               .changed_at = room->changed_at,
                               .deleted_at = room->deleted_at,
                               .erase_at = room->erase_at};
    if (slot->is_bad) out->status = STORE_ROOM_BAD;
    if (slot->changed_lsn > room->changed_lsn) out->changed_at = log_time(db, slot->changed_lsn);
    for (size_t i = 0; i < room->place_count; i++) out->bytes += room->places[i].len;
}

/* Bytes that go into the event's own memory; they move while it grows, so offsets first. */
struct page {
    struct store_event *ev;
    struct yd_buf bytes;
};

static yd_slice keep(struct page *page, yd_slice bytes, yd_err *err)
{
    size_t at = page->bytes.len;
    if (*err == YD_OK) *err = yd_buf_append(&page->bytes, bytes);
    return (yd_slice){(const uint8_t *)at, bytes.len}; // NOLINT: an offset until page_finish()
}

static yd_err page_add(struct database *db, struct page *page, const struct stored_room *room,
                       size_t sink)
{
    struct store_room out;
    yd_err err = YD_OK;
    list_describe(db, room, &out);
    out.name = keep(page, out.name, &err);
    out.saved_key = keep(page, YD_EMPTY, &err);
    if (sink < db->sink_count) {
        out.saved_lsn = sink_lsn(db, sink, room->id);
        size_t at = page->bytes.len;
        if (err == YD_OK) err = sink_key(db, sink, room->id, &page->bytes);
        out.saved_key.len = page->bytes.len - at;
    }
    if (err != YD_OK) return err;
    return list_add(page->ev, &out) ? YD_OK : YD_ENOMEM;
}

static yd_err page_add_damaged(struct page *page, uint64_t id)
{
    struct store_room out = {.id = id, .status = STORE_ROOM_BAD};
    yd_err err = YD_OK;
    out.name = out.saved_key = keep(page, YD_EMPTY, &err);
    if (err != YD_OK) return err;
    return list_add(page->ev, &out) ? YD_OK : YD_ENOMEM;
}

static void page_finish(struct page *page)
{
    struct store_event *ev = page->ev;
    ev->kind = STORE_EV_LISTED;
    for (size_t i = 0; i < ev->room_count; i++) {
        struct store_room *room = &ev->rooms[i];
        room->name.ptr = page->bytes.ptr + (size_t)room->name.ptr;
        room->saved_key.ptr = page->bytes.ptr + (size_t)room->saved_key.ptr;
    }
    // The buffer's bytes come from the heap, as all memory of events does.
    ev->memory = page->bytes.cap > 0 ? page->bytes.ptr : NULL;
}

static bool begins_with(const struct stored_room *room, yd_slice prefix)
{
    return room->name_len >= prefix.len && memcmp(room->name, prefix.ptr, prefix.len) == 0;
}

static yd_err list_one(struct database *db, const struct list_job *job, struct page *page)
{
    struct stored_room *room = NULL;
    yd_err err = rooms_find(db, job->name, &room);
    if (err == YD_ENOTFOUND) return YD_OK;
    if (err == YD_EMALFORMED) return page_add_damaged(page, 0);
    if (err == YD_OK) err = page_add(db, page, room, sink_find(db, job->opts.sink));
    if (room != NULL) rooms_cool(db, room);
    return err;
}

/* Whether the room with this id belongs to the page, as far as memory knows. */
static bool may_list(struct database *db, const struct list_job *job, size_t sink, uint64_t id)
{
    if (!job->opts.only_dirty) return true;
    return rooms_slot(db, id)->changed_lsn > sink_lsn(db, sink, id);
}

static yd_err list_id(struct database *db, const struct list_job *job, struct page *page,
                      size_t sink, uint64_t id)
{
    struct stored_room *room = NULL;
    yd_err err = rooms_get(db, id, &room);
    if (err == YD_EMALFORMED) {
        return job->opts.prefix.len == 0 && !job->opts.only_dirty ? page_add_damaged(page, id)
                                                                  : YD_OK;
    }
    if (err != YD_OK) return err;
    if (begins_with(room, job->opts.prefix)) err = page_add(db, page, room, sink);
    rooms_cool(db, room);
    return err;
}

yd_err database_list(struct database *db, struct list_job *job, struct store_event *ev, bool *done)
{
    struct page page = {.ev = ev};
    yd_err err = YD_OK;
    *done = true;
    yd_buf_init(&page.bytes, heap_alloc(), SIZE_MAX / 2);
    if (job->name.len > 0) {
        err = list_one(db, job, &page);
    } else {
        size_t sink = sink_find(db, job->opts.sink);
        uint64_t id = job->opts.after, read = 0;
        while (err == YD_OK && id < db->rooms.count && ev->room_count < job->opts.limit &&
               read < ROOMS_A_SLICE) {
            id++;
            if (!may_list(db, job, sink, id)) continue;
            read++;
            err = list_id(db, job, &page, sink, id);
        }
        ev->next = id < db->rooms.count ? id : 0;
        // Nothing found yet: on with the next slice, rather than an empty page.
        *done = err != YD_OK || ev->room_count > 0 || ev->next == 0;
        job->opts.after = id;
    }
    if (err != YD_OK || !*done) {
        yd_buf_deinit(&page.bytes);
        return err;
    }
    page_finish(&page);
    return YD_OK;
}
