/* text.c - the arena of content bytes.
 *
 * Where it sits:   integrate.c, split.c, cleanup.c -> here -> mem.c
 *
 * Content lies in the arena as it came from the wire. Typing appends a character at the end of
 * the arena, right behind the run that it continues, so joining the two costs nothing. When two
 * people type in turns, a run moves to the end of the arena with room to grow behind it; where
 * such room is, a small table remembers. Forgetting an entry costs a copy, never correctness.
 *
 * Invariants (yd_doc_check, T1):
 *   T1  content of live items and names of live types lie below len and do not overlap
 */
#include "codec.h"
#include "store.h"

#include <string.h>

/* Below this the arena is not worth rewriting. */
#define COMPACT_MIN 4096

static struct slack *slack_slot(struct yd_doc *doc, uint32_t end)
{
    return &doc->slack[(end * 2654435761u) >> 27];
}
_Static_assert(SLACK_SLOTS == 32, "slack_slot() takes five bits");

yd_err yd_text_append(struct yd_doc *doc, yd_slice bytes, uint32_t *off)
{
    *off = doc->text.len;
    if (bytes.len == 0) return YD_OK;
    YD_TRY(yd_arena_reserve(doc, &doc->text, bytes.len));
    memcpy(doc->text.ptr + doc->text.len, bytes.ptr, bytes.len);
    doc->text.len += (uint32_t)bytes.len;
    return YD_OK;
}

void yd_text_drop(struct yd_doc *doc, uint32_t off, uint32_t len)
{
    if (len > 0 && off + len == doc->text.len) {
        doc->text.len = off;
    } else {
        doc->text.dead += len;
    }
}

/* Moves a run to the end of the arena and leaves room behind it. */
static yd_err run_move(struct yd_doc *doc, struct item *left, uint32_t more)
{
    uint32_t need = left->bytes + more;
    uint32_t room = need / 2 + 8;
    YD_TRY(yd_arena_reserve(doc, &doc->text, (size_t)need + room));
    struct arena *text = &doc->text;
    memcpy(text->ptr + text->len, text->ptr + left->content, left->bytes);
    text->dead += left->bytes + more + room; // old place and room; what is filled is taken off
    left->content = text->len;
    text->len += need + room;
    uint32_t end = left->content + left->bytes;
    *slack_slot(doc, end) = (struct slack){end, text->len};
    return YD_OK;
}

yd_err yd_text_join(struct yd_doc *doc, struct item *left, const struct item *right)
{
    uint32_t n = right->bytes;
    uint32_t end = left->content + left->bytes;
    if (n == 0 || end == right->content) {
        left->bytes += n;
        return YD_OK;
    }
    struct slack *slack = slack_slot(doc, end);
    if (slack->cap == 0 || slack->end != end || slack->cap - end < n) {
        YD_TRY(run_move(doc, left, n));
        end = left->content + left->bytes;
        slack = slack_slot(doc, end);
    }
    memcpy(doc->text.ptr + end, doc->text.ptr + right->content, n);
    left->bytes += n;
    doc->text.dead -= n;
    struct slack rest = {end + n, slack->cap};
    slack->cap = 0;
    *slack_slot(doc, rest.end) = rest;
    yd_text_drop(doc, right->content, n);
    return YD_OK;
}

static uint32_t compact_move(struct yd_doc *doc, struct arena *to, uint32_t off, uint32_t len)
{
    uint32_t at = to->len;
    memcpy(to->ptr + at, doc->text.ptr + off, len);
    to->len += len;
    return at;
}

void yd_text_compact(struct yd_doc *doc)
{
    if (doc->text.dead < COMPACT_MIN || doc->text.dead <= doc->text.len / 2) return;
    uint32_t live = doc->text.len - doc->text.dead;
    uint32_t cap = live + live / 4 + 64;
    struct arena to = {yd_mem(doc, NULL, 0, cap), 0, cap, 0};
    if (to.ptr == NULL) return;
    for (uint32_t i = 0; i < doc->item_used; i++) {
        struct item *it = item_at(doc, i);
        if ((it->who & ITEM_LIVE) == 0 || it->bytes == 0) continue;
        it->content = compact_move(doc, &to, it->content, it->bytes);
    }
    for (uint32_t i = 0; i < doc->types.count; i++) {
        struct type *type = type_at(doc, i);
        if (type->seq == NONE || type->owner == NONE || type->name_len == 0) continue;
        type->name = compact_move(doc, &to, type->name, type->name_len);
    }
    YD_ASSERT(to.len == live);
    yd_mem(doc, doc->text.ptr, doc->text.cap, 0);
    doc->text = to;
    memset(doc->slack, 0, sizeof doc->slack);
}
