/* names.c - keys and root names, each text once.
 *
 * Where it sits:   types.c, read_json.c -> here -> mem.c
 *
 * Names are never given back: a key that came once will come again.
 */
#include "codec.h"
#include "tables.h"

#include <string.h>

static uint32_t name_hash(yd_slice text)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < text.len; i++) h = (h ^ text.ptr[i]) * 16777619u;
    return h ^ h >> 15;
}

static uint32_t name_slot(const struct yd_doc *doc, yd_slice text, uint32_t hash)
{
    const uint32_t *slots = doc->names_hash.at;
    uint32_t mask = doc->names_hash.cap - 1;
    uint32_t i = hash & mask;
    for (; slots[i] != 0; i = (i + 1) & mask) {
        if (name_at(doc, slots[i] - 1)->hash != hash) continue;
        if (yd_slice_equal(name_text(doc, slots[i] - 1), text)) break;
    }
    return i;
}

uint32_t yd_name_find(const struct yd_doc *doc, yd_slice text)
{
    if (doc->names_hash.cap == 0) return NONE;
    uint32_t slot = ((uint32_t *)doc->names_hash.at)[name_slot(doc, text, name_hash(text))];
    return slot == 0 ? NONE : slot - 1;
}

static yd_err name_table_reserve(struct yd_doc *doc)
{
    uint32_t old = doc->names_hash.cap;
    if (old > 0 && doc->names.count < old / 2) return YD_OK;
    uint32_t cap = old == 0 ? 8 : old * 2;
    uint32_t *slots = yd_mem(doc, NULL, 0, cap * sizeof *slots);
    if (slots == NULL) return YD_ENOMEM;
    memset(slots, 0, cap * sizeof *slots);
    yd_vec_free(doc, &doc->names_hash, sizeof *slots);
    doc->names_hash = (struct vec){slots, 0, cap};
    for (uint32_t i = 0; i < doc->names.count; i++) {
        slots[name_slot(doc, name_text(doc, i), name_at(doc, i)->hash)] = i + 1;
    }
    return YD_OK;
}

yd_err yd_name_intern(struct yd_doc *doc, yd_slice text, uint32_t *name)
{
    YD_TRY(name_table_reserve(doc));
    uint32_t hash = name_hash(text);
    uint32_t *slot = (uint32_t *)doc->names_hash.at + name_slot(doc, text, hash);
    if (*slot != 0) {
        *name = *slot - 1;
        return YD_OK;
    }
    YD_TRY(yd_vec_reserve(doc, &doc->names, 1, sizeof(struct name)));
    YD_TRY(yd_arena_reserve(doc, &doc->name_bytes, text.len > 0 ? text.len : 1));
    struct arena *bytes = &doc->name_bytes;
    memcpy(bytes->ptr + bytes->len, text.ptr, text.len);
    *name_at(doc, doc->names.count) =
        (struct name){.off = bytes->len, .len = (uint32_t)text.len, .hash = hash, .root = NONE};
    bytes->len += (uint32_t)text.len;
    *name = doc->names.count++;
    *slot = *name + 1;
    return YD_OK;
}
