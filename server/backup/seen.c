/* seen.c - see seen.h. */
#include "backup/seen.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "ops/heap.h"

#define SEEN_MAX 65536u

struct seen {
    UT_hash_handle hh;
    struct record record; /* its room is not used */
    size_t room_len;
    uint8_t room[];
};

static struct seen *find(struct seen *seen, yd_slice room)
{
    struct seen *one = NULL;
    HASH_FIND(hh, seen, room.ptr, room.len, one);
    return one;
}

void seen_note(struct seen **seen, yd_slice room, const struct record *found)
{
    struct seen *one = find(*seen, room);
    if (one == NULL) {
        if (HASH_COUNT(*seen) >= SEEN_MAX) return;
        one = heap_new(sizeof *one + room.len);
        memcpy(one->room, room.ptr, room.len);
        one->room_len = room.len;
        HASH_ADD_KEYPTR(hh, *seen, one->room, one->room_len, one);
    }
    for (uint32_t i = 0; i < found->held_count; i++) {
        record_hold(&one->record, found->held[i].node, found->held[i].version);
    }
}

void seen_apply(struct seen *seen, struct record *record)
{
    struct seen *one = find(seen, record->room);
    if (one == NULL) return;
    for (uint32_t i = 0; i < one->record.held_count; i++) {
        const struct held *held = &one->record.held[i];
        bool is_own = held->node == record->node;
        if (is_own && version_compare(record->own, held->version) < 0) record->own = held->version;
        record_hold(record, held->node, held->version);
    }
}

void seen_forget(struct seen **seen, yd_slice room)
{
    struct seen *one = find(*seen, room);
    if (one == NULL) return;
    HASH_DEL(*seen, one);
    free(one);
}

void seen_free(struct seen **seen)
{
    struct seen *one = NULL, *next = NULL;
    HASH_ITER(hh, *seen, one, next)
    {
        HASH_DEL(*seen, one); // NOLINT(clang-analyzer-*): `next` was read before
        free(one);
    }
}
