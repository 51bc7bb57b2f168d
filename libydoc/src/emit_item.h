/* emit_item.h - what both short ways of an encoding, emit_v1.c and emit_v2.c, ask of an item. */
#ifndef YDOC_EMIT_ITEM_H
#define YDOC_EMIT_ITEM_H

#include "emit.h"

#include <string.h>

/* What the kinds of an item's origins say, by its home: info bits, and whether the left one is its
 * author's last clock. */
#define KIND_OWN 1
static const uint8_t kinds[16] = {0x00, 0x81, 0x80, 0x80, 0x40, 0xc1, 0xc0, 0xc0,
                                  0x40, 0xc1, 0xc0, 0xc0, 0x40, 0xc1, 0xc0, 0xc0};

/* Sets of content references. */
#define REF_BIT(ref) ((uint32_t)1 << (ref))

YD_BODY uint8_t item_info(const struct item *it, uint32_t kind, const struct list *list)
{
    return (uint8_t)(item_ref(it) | (kind & WIRE_ORIGINS) | (list->key != NONE ? WIRE_KEY : 0));
}

YD_BODY const struct spelled *emit_client(const struct emit *e, uint32_t client)
{
    if (client == e->own.client) return &e->own;
    struct spelled *other = &e->others[client % EMIT_OTHERS];
    if (client != other->client) *other = spell(client_at(e->doc, client)->id, client);
    return other;
}

YD_HERE uint8_t *put_spelled(uint8_t *p, const struct spelled *s)
{
    memcpy(p, &s->word, sizeof s->word);
    return p + s->len;
}

/* Bytes of content and names are copied so many at a time where there are that many: a copy of a
 * fixed size needs no call, and no guess of how long it will be. Up to EMIT_STEP more may be
 * written behind them. Where content of no bytes is may be beyond the text. */
#define EMIT_STEP ((uint32_t)32)
YD_HERE uint8_t *emit_bytes(const struct arena *from, uint8_t *p, uint32_t off, uint32_t len)
{
    if (len <= EMIT_STEP && (uint64_t)off + EMIT_STEP <= from->cap) {
        memcpy(p, from->ptr + off, EMIT_STEP);
    } else if (len > 0) {
        memcpy(p, from->ptr + off, len);
    }
    return p + len;
}

YD_BODY struct extent name_extent(const struct yd_doc *doc, uint32_t name)
{
    const struct name *n = name_at(doc, name);
    return (struct extent){n->off, n->len};
}

/* Bytes that names in a struct may take. */
static inline size_t names_size(const struct yd_doc *doc, const struct list *list)
{
    const struct type *type = type_at(doc, list->type);
    size_t size = list->key == NONE ? 0 : name_at(doc, list->key)->len;
    return size + (type->owner == NONE ? name_at(doc, type->name)->len : 0);
}

/* Bytes that an item may take, and what may be written behind it. */
#define EMIT_MAX ((size_t)96)
YD_BODY size_t item_size(const struct yd_doc *doc, const struct item *it, uint32_t kind,
                         const struct list *list, uint32_t bytes)
{
    size_t size = EMIT_MAX + bytes;
    if (kind == 0) size += names_size(doc, list);
    return item_ref(it) == REF_TYPE ? size + type_at(doc, it->content)->name_len : size;
}

#endif
