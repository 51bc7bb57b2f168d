/* types.c - types, and the lists that items are linked into.
 *
 * Where it sits:   integrate.c, cleanup.c, read_json.c -> here -> names.c, mem.c
 *
 * A type has one sequence and any number of keys. A key is a list of its own whose last item is
 * the value; with its head and tail at hand, neither a read nor an overwrite walks it.
 *
 * Invariants (yd_doc_check, L1 to L5):
 *   L1  a list is linked alike in both directions, and every item in it names the list
 *   L2  the tail of a key is its last item; it alone is the value
 *   L3  a key occurs once in its type and is found by its hash
 *   L4  the type of a live type item names that item as its owner
 */
#include "codec.h"
#include "tables.h"

#include <string.h>

static yd_err list_new(struct yd_doc *doc, uint32_t type, uint32_t key, uint32_t *list)
{
    uint32_t handle = doc->list_free;
    if (handle != NONE) {
        doc->list_free = list_at(doc, handle)->next;
    } else {
        YD_TRY(yd_vec_reserve(doc, &doc->lists, 1, sizeof(struct list)));
        handle = doc->lists.count++;
    }
    *list_at(doc, handle) = (struct list){NONE, NONE, type, key, NONE};
    *list = handle;
    return YD_OK;
}

static void list_free(struct yd_doc *doc, uint32_t handle)
{
    struct list *list = list_at(doc, handle);
    list->type = NONE;
    list->next = doc->list_free;
    doc->list_free = handle;
}

yd_err yd_type_new(struct yd_doc *doc, uint32_t owner, uint32_t ref, uint32_t *type)
{
    uint32_t handle = doc->type_free;
    if (handle != NONE) {
        doc->type_free = type_at(doc, handle)->next;
    } else {
        YD_TRY(yd_vec_reserve(doc, &doc->types, 1, sizeof(struct type)));
        handle = doc->types.count++;
    }
    *type_at(doc, handle) = (struct type){
        .owner = owner, .ref = ref, .seq = NONE, .first_key = NONE, .last_key = NONE, .next = NONE};
    uint32_t seq;
    YD_TRY(list_new(doc, handle, NONE, &seq));
    type_at(doc, handle)->seq = seq;
    *type = handle;
    return YD_OK;
}

void yd_type_free(struct yd_doc *doc, uint32_t handle)
{
    struct type *type = type_at(doc, handle);
    YD_ASSERT(type->first_key == NONE);
    list_free(doc, type->seq);
    type->seq = NONE;
    type->next = doc->type_free;
    doc->type_free = handle;
}

yd_err yd_root_intern(struct yd_doc *doc, yd_slice text, uint32_t *type)
{
    uint32_t name;
    YD_TRY(yd_name_intern(doc, text, &name));
    if (name_at(doc, name)->root == NONE) {
        YD_TRY(yd_type_new(doc, NONE, TYPE_ROOT, type));
        type_at(doc, *type)->name = name;
        name_at(doc, name)->root = *type;
    }
    *type = name_at(doc, name)->root;
    return YD_OK;
}

static uint32_t key_hash(uint32_t type, uint32_t key)
{
    uint64_t h = ((uint64_t)type << 32 | key) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32);
}

static uint32_t key_slot(const struct yd_doc *doc, uint32_t type, uint32_t key)
{
    const uint32_t *slots = doc->list_hash.at;
    uint32_t mask = doc->list_hash.cap - 1;
    uint32_t i = key_hash(type, key) & mask;
    for (; slots[i] != 0; i = (i + 1) & mask) {
        const struct list *list = list_at(doc, slots[i] - 1);
        if (list->type == type && list->key == key) break;
    }
    return i;
}

static yd_err key_table_reserve(struct yd_doc *doc)
{
    uint32_t old = doc->list_hash.cap;
    if (old > 0 && doc->keyed_count < old / 2) return YD_OK;
    uint32_t cap = old == 0 ? 8 : old * 2;
    uint32_t *slots = yd_mem(doc, NULL, 0, cap * sizeof *slots);
    if (slots == NULL) return YD_ENOMEM;
    memset(slots, 0, cap * sizeof *slots);
    struct vec was = doc->list_hash;
    doc->list_hash = (struct vec){slots, 0, cap};
    for (uint32_t i = 0; i < old; i++) {
        uint32_t entry = ((uint32_t *)was.at)[i];
        if (entry == 0) continue;
        const struct list *list = list_at(doc, entry - 1);
        slots[key_slot(doc, list->type, list->key)] = entry;
    }
    yd_vec_free(doc, &was, sizeof *slots);
    return YD_OK;
}

yd_err yd_key_intern(struct yd_doc *doc, uint32_t type, yd_slice text, uint32_t *list)
{
    uint32_t key;
    YD_TRY(yd_name_intern(doc, text, &key));
    YD_TRY(key_table_reserve(doc));
    uint32_t slot = key_slot(doc, type, key);
    uint32_t found = ((uint32_t *)doc->list_hash.at)[slot];
    if (found != 0) {
        *list = found - 1;
        return YD_OK;
    }
    YD_TRY(list_new(doc, type, key, list));
    struct type *t = type_at(doc, type);
    if (t->last_key == NONE) {
        t->first_key = *list;
    } else {
        list_at(doc, t->last_key)->next = *list;
    }
    t->last_key = *list;
    ((uint32_t *)doc->list_hash.at)[slot] = *list + 1;
    doc->keyed_count++;
    return YD_OK;
}

uint32_t yd_key_find(const struct yd_doc *doc, uint32_t type, yd_slice text)
{
    uint32_t key = yd_name_find(doc, text);
    if (key == NONE || doc->list_hash.cap == 0) return NONE;
    uint32_t found = ((const uint32_t *)doc->list_hash.at)[key_slot(doc, type, key)];
    return found == 0 ? NONE : found - 1;
}

/* Takes an entry out of the table and closes the gap behind it. */
static void key_table_remove(struct yd_doc *doc, uint32_t slot)
{
    uint32_t *slots = doc->list_hash.at;
    uint32_t mask = doc->list_hash.cap - 1;
    uint32_t hole = slot;
    for (uint32_t i = (slot + 1) & mask; slots[i] != 0; i = (i + 1) & mask) {
        const struct list *list = list_at(doc, slots[i] - 1);
        uint32_t home = key_hash(list->type, list->key) & mask;
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        slots[hole] = slots[i];
        hole = i;
    }
    slots[hole] = 0;
    doc->keyed_count--;
}

void yd_key_free_first(struct yd_doc *doc, uint32_t type)
{
    struct type *t = type_at(doc, type);
    uint32_t handle = t->first_key;
    struct list *list = list_at(doc, handle);
    key_table_remove(doc, key_slot(doc, type, list->key));
    t->first_key = list->next;
    if (t->first_key == NONE) t->last_key = NONE;
    list_free(doc, handle);
}
