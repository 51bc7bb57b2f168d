/* text.c - the arena of content bytes.
 *
 * Where it sits:   integrate.c, split.c, cleanup.c -> here -> mem.c
 *
 * Content lies in the arena as it came from the wire. Typing appends a character at the end of
 * the arena, right behind the run that it continues, so joining the two costs nothing. When several
 * people type in turns, a run moves to the end of the arena with room to grow behind it, half its
 * size, so that all moves of a run together cost twice its length. Where such room is, a hash
 * table remembers; it grows with the number of people who type. Forgetting an entry costs a copy,
 * never correctness.
 *
 * Invariants (yd_doc_check, T1):
 *   T1  content of live items and names of live types lie below len and do not overlap; what is
 *       neither live nor room behind a run is dead
 */
#include "codec.h"
#include "tables.h"

#include <string.h>

/* Slots of the table of rooms; 12 bytes each. */
#define SLACK_MIN 32
#define SLACK_MAX 4096
#define PROBES    4

/* An entry is in one of PROBES slots that follow each other. */
static struct slack *slack_slot(const struct slack_table *table, uint32_t end, uint32_t probe)
{
    return &table->slots[((end * 2654435761u >> 16) + probe) & (table->size - 1)];
}

/* The room behind a run that ends at `end`; NULL: none is known. */
static struct slack *slack_find(const struct slack_table *table, uint32_t end)
{
    for (uint32_t probe = 0; table->size > 0 && probe < PROBES; probe++) {
        struct slack *slot = slack_slot(table, end, probe);
        if (slot->cap != 0 && slot->end == end) return slot;
    }
    return NULL;
}

/* The room of an entry is garbage from now on. */
static void slack_forget(struct yd_doc *doc, struct slack *slot)
{
    uint32_t room = slot->cap - slot->end;
    doc->slack.reserved -= room;
    doc->text.dead += room;
    slot->cap = 0;
}

static bool slack_table_make(struct yd_doc *doc, struct slack_table *table, uint32_t size)
{
    table->slots = yd_mem(doc, NULL, 0, size * sizeof(struct slack));
    if (table->slots == NULL) return false;
    memset(table->slots, 0, size * sizeof(struct slack));
    table->size = size;
    return true;
}

void yd_slack_free(struct yd_doc *doc)
{
    if (doc->slack.size > 0) {
        yd_mem(doc, doc->slack.slots, doc->slack.size * sizeof(struct slack), 0);
    }
    doc->slack = (struct slack_table){.slots = NULL};
}

static void slack_put(struct yd_doc *doc, uint32_t end, uint32_t cap);

/* Twice the slots when as many entries were pushed out as there are slots. */
static void slack_grow(struct yd_doc *doc)
{
    struct slack_table old = doc->slack, bigger = {.reserved = old.reserved};
    uint32_t size = old.size == 0 ? SLACK_MIN : old.size * 2;
    if (size > SLACK_MAX || !slack_table_make(doc, &bigger, size)) return;
    doc->slack = bigger;
    for (uint32_t i = 0; i < old.size; i++) {
        const struct slack *slot = &old.slots[i];
        doc->slack.reserved -= slot->cap == 0 ? 0 : slot->cap - slot->end;
        if (slot->cap != 0) slack_put(doc, slot->end, slot->cap);
    }
    if (old.size > 0) yd_mem(doc, old.slots, old.size * sizeof(struct slack), 0);
}

/* Remembers the room from `end` to `cap`, which is in no account yet. */
static void slack_put(struct yd_doc *doc, uint32_t end, uint32_t cap)
{
    if (doc->slack.pushed_out >= doc->slack.size) slack_grow(doc);
    if (end == cap) return;
    if (doc->slack.size == 0) {
        doc->text.dead += cap - end;
        return;
    }
    struct slack *slot = slack_slot(&doc->slack, end, 0);
    for (uint32_t probe = 1; slot->cap != 0 && probe < PROBES; probe++) {
        slot = slack_slot(&doc->slack, end, probe);
    }
    if (slot->cap != 0) {
        doc->slack.pushed_out++;
        slack_forget(doc, slot);
    }
    *slot = (struct slack){end, cap};
    doc->slack.reserved += cap - end;
}

void yd_text_drop(struct yd_doc *doc, uint32_t off, uint32_t len)
{
    if (len > 0 && off + len == doc->text.len) {
        doc->text.len = off;
    } else {
        doc->text.dead += len;
    }
}

yd_err yd_item_extent_keep(struct yd_doc *doc, struct item *it, struct extent place)
{
    if ((it->who & ITEM_EXTENT) != 0) {
        *extent_at(doc, it->content) = place;
        return YD_OK;
    }
    uint32_t handle = doc->extent_free;
    if (handle != NONE) {
        doc->extent_free = extent_at(doc, handle)->off;
    } else {
        YD_TRY(yd_vec_reserve(doc, &doc->extents, 1, sizeof(struct extent)));
        handle = doc->extents.count++;
    }
    *extent_at(doc, handle) = place;
    it->content = handle;
    it->who = (it->who & ~ITEM_PLAIN) | ITEM_EXTENT;
    return YD_OK;
}

void yd_item_extent_drop(struct yd_doc *doc, struct item *it)
{
    if ((it->who & ITEM_EXTENT) != 0) {
        extent_at(doc, it->content)->off = doc->extent_free;
        doc->extent_free = it->content;
    }
    it->who &= ~(ITEM_PLAIN | ITEM_EXTENT);
    it->content = 0;
}

/* Moves a run to the end of the arena, where there is room for `more` and half as much again.
 * *cap: where that room ends; it is in no account yet. */
static yd_err run_move(struct yd_doc *doc, struct extent *left, uint32_t more, uint32_t *cap)
{
    uint32_t need = left->bytes + more;
    uint32_t room = need / 2 + 8;
    YD_TRY(yd_arena_reserve(doc, &doc->text, (size_t)need + room));
    struct arena *text = &doc->text;
    memcpy(text->ptr + text->len, text->ptr + left->off, left->bytes);
    text->dead += left->bytes;
    left->off = text->len;
    text->len += need + room;
    *cap = text->len;
    return YD_OK;
}

/* Puts the bytes of `from` behind those of *left. */
static yd_err run_join(struct yd_doc *doc, struct extent *left, struct extent from)
{
    uint32_t n = from.bytes;
    uint32_t end = left->off + left->bytes;
    if (n == 0 || end == from.off) {
        left->bytes += n;
        return YD_OK;
    }
    uint32_t cap;
    struct slack *slack = slack_find(&doc->slack, end);
    if (slack != NULL && slack->cap - end >= n) {
        cap = slack->cap;
        doc->slack.reserved -= cap - end;
        slack->cap = 0;
    } else {
        if (slack != NULL) slack_forget(doc, slack);
        YD_TRY(run_move(doc, left, n, &cap));
        end = left->off + left->bytes;
    }
    memcpy(doc->text.ptr + end, doc->text.ptr + from.off, n);
    left->bytes += n;
    slack_put(doc, end + n, cap);
    yd_text_drop(doc, from.off, n);
    return YD_OK;
}

yd_err yd_text_join(struct yd_doc *doc, struct item *left, const struct item *right)
{
    struct extent place = item_extent(doc, left);
    YD_TRY(run_join(doc, &place, item_extent(doc, right)));
    left->len += right->len;
    return item_extent_set(doc, left, place);
}

yd_err yd_text_extend(struct yd_doc *doc, struct item *it, yd_slice bytes, uint32_t units,
                      bool *done)
{
    struct extent place = item_extent(doc, it);
    uint32_t end = place.off + place.bytes;
    *done = end == doc->text.len;
    if (*done) {
        uint32_t unused;
        YD_TRY(yd_text_append(doc, bytes, &unused));
    } else {
        struct slack *slack = slack_find(&doc->slack, end);
        *done = slack != NULL && slack->cap - end >= bytes.len;
        if (!*done) return YD_OK;
        uint32_t cap = slack->cap;
        doc->slack.reserved -= cap - end;
        slack->cap = 0;
        memcpy(doc->text.ptr + end, bytes.ptr, bytes.len);
        slack_put(doc, end + (uint32_t)bytes.len, cap);
    }
    place.bytes += (uint32_t)bytes.len;
    it->len += units;
    return item_extent_set(doc, it, place);
}

static uint32_t compact_move(struct yd_doc *doc, struct arena *to, uint32_t off, uint32_t len)
{
    uint32_t at = to->len;
    memcpy(to->ptr + at, doc->text.ptr + off, len);
    to->len += len;
    return at;
}

/* Moves the content of an item, and the room behind it: whoever types goes on typing. */
static void compact_item(struct yd_doc *doc, struct arena *to, struct item *it,
                         const struct slack_table *rooms)
{
    struct extent place = item_extent(doc, it);
    const struct slack *slack = slack_find(rooms, place.off + place.bytes);
    uint32_t off = compact_move(doc, to, place.off, place.bytes);
    *((it->who & ITEM_PLAIN) != 0 ? &it->content : &extent_at(doc, it->content)->off) = off;
    if (slack == NULL) return;
    uint32_t end = to->len;
    to->len += slack->cap - slack->end;
    slack_put(doc, end, to->len);
}

void yd_text_rewrite(struct yd_doc *doc)
{
    uint32_t keep = doc->text.len - doc->text.dead;
    uint32_t live = keep - doc->slack.reserved;
    uint32_t cap = keep + keep / 4 + 64;
    struct slack_table rooms = doc->slack, fresh = {.slots = NULL};
    struct arena to = {yd_mem(doc, NULL, 0, cap), 0, cap, 0};
    if (to.ptr == NULL) return;
    if (rooms.size > 0 && !slack_table_make(doc, &fresh, rooms.size)) {
        yd_mem(doc, to.ptr, cap, 0);
        return;
    }
    fresh.pushed_out = rooms.pushed_out;
    doc->slack = fresh;
    doc->text.dead = 0;
    for (uint32_t at = 0; at != doc->item_next; at = item_handle_after(at)) {
        struct item *it = item_at(doc, at);
        if ((it->who & (ITEM_PLAIN | ITEM_EXTENT)) != 0) compact_item(doc, &to, it, &rooms);
    }
    for (uint32_t i = 0; i < doc->types.count; i++) {
        struct type *type = type_at(doc, i);
        if (type->seq == NONE || type->owner == NONE || type->name_len == 0) continue;
        type->name = compact_move(doc, &to, type->name, type->name_len);
    }
    to.dead = doc->text.dead; // rooms that found their slot taken
    YD_ASSERT(to.len == live + doc->slack.reserved + to.dead);
    yd_mem(doc, doc->text.ptr, doc->text.cap, 0);
    doc->text = to;
    if (rooms.size > 0) yd_mem(doc, rooms.slots, rooms.size * sizeof(struct slack), 0);
}
