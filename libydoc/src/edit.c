/* edit.c - transactions made here: opened, committed, and the one way to make an item.
 *
 * Where it sits:   the caller -> edit_text.c, edit_list.c, edit_map.c -> here -> integrate.c
 * Source:          Yjs Transaction.js, Item.js; rules U100 to U103 in docs/encoding.md
 *
 * An item made here goes the way of one that arrives: it is written down as a struct wire and
 * integrated. Nothing can stand between its neighbours, so nothing is scanned, and the ids, joins
 * and collections are those of an update by construction.
 */
#include "edit.h"

#include "integrate.h"
#include "section.h"

#define ID_MAX (((uint64_t)1 << 53) - 1)

static yd_err edit_make(struct yd_doc *doc)
{
    if (doc->edit != NULL) return YD_OK;
    struct edit *edit = yd_mem(doc, NULL, 0, sizeof *edit);
    if (edit == NULL) return YD_ENOMEM;
    *edit = (struct edit){.me = NONE, .made = NONE};
    yd_markers_clear(edit);
    doc->edit = edit;
    return YD_OK;
}

void yd_edit_deinit(struct yd_doc *doc)
{
    struct edit *edit = doc->edit;
    if (edit == NULL) return;
    yd_smap_free(doc, &edit->aliases);
    yd_vec_free(doc, &edit->originals, sizeof(struct span));
    yd_mem(doc, edit, sizeof *edit, 0);
    doc->edit = NULL;
}

bool yd_edit_is_open(const struct yd_doc *doc) { return doc->edit != NULL && doc->edit->open; }

yd_err yd_edit_begin(struct yd_doc *doc, uint64_t client)
{
    if (doc->broken) return YD_ENOMEM;
    if (yd_edit_is_open(doc)) return YD_ESTATE;
    if (client > ID_MAX || doc->clients.count + 1 >= CLIENT_MAX) return YD_ETOOBIG;
    uint32_t me;
    yd_err err = edit_make(doc);
    if (err == YD_OK) err = yd_client_intern(doc, client, &me);
    if (err != YD_OK) return yd_edit_leave(doc, err);
    struct edit *edit = doc->edit;
    if (edit->me != me) {
        yd_smap_free(doc, &edit->aliases);
        edit->originals.count = 0;
    }
    if (edit->epoch != doc->txn.epoch) yd_markers_clear(edit); // something arrived in between
    yd_txn_begin(doc);
    edit->epoch = doc->txn.epoch;
    edit->me = me;
    edit->made = NONE;
    edit->open = true;
    return YD_OK;
}

yd_err yd_edit_commit(struct yd_doc *doc, struct yd_applied *applied)
{
    struct yd_applied unused;
    if (applied == NULL) applied = &unused;
    *applied = (struct yd_applied){.error_at = 0};
    if (doc->broken) return YD_ENOMEM;
    if (!yd_edit_is_open(doc) || doc->edit->filling > 0) return YD_ESTATE;
    doc->edit->open = false;
    // Something parked may have waited for these clocks: deletes now, structs with the next update.
    if (doc->pending_dels > 0) yd_markers_clear(doc->edit);
    yd_err err = yd_pending_apply_deletes(doc);
    if (yd_pending_is_due(doc)) doc->retry = true;
    if (err == YD_OK) err = yd_txn_cleanup(doc);
    if (err != YD_OK) return yd_edit_leave(doc, err);
    applied->changed = doc->txn.touched.count > 0 || doc->txn.dels.count > 0;
    return YD_OK;
}

yd_err yd_edit_made(const struct yd_doc *doc, struct yd_type_ref *type)
{
    if (!yd_edit_is_open(doc)) return YD_ESTATE;
    if (doc->edit->made == NONE) return YD_ENOTFOUND;
    const struct item *it = item_at(doc, doc->edit->made);
    *type = (struct yd_type_ref){.nested = true,
                                 .name = YD_EMPTY,
                                 .client = client_at(doc, item_client(it))->id,
                                 .clock = it->clock};
    return YD_OK;
}

yd_err yd_edit_enter(struct yd_doc *doc, const struct yd_type_ref *ref, uint32_t *type)
{
    if (doc->broken) return YD_ENOMEM;
    if (!yd_edit_is_open(doc)) return YD_ESTATE;
    if (ref->nested) {
        *type = yd_nested_find(doc, ref->client, ref->clock);
        return *type == NONE ? YD_ENOTFOUND : YD_OK;
    }
    *type = root_find(doc, ref->name);
    if (*type != NONE) return YD_OK;
    if (!yd_utf8_check(ref->name)) return YD_EMALFORMED;
    YD_TRY(yd_edit_room(doc, 1, ref->name.len, 0));
    return yd_edit_leave(doc, yd_root_intern(doc, ref->name, type));
}

yd_err yd_edit_leave(struct yd_doc *doc, yd_err err)
{
    if (err == YD_ENOMEM) doc->broken = true;
    return err;
}

yd_err yd_edit_room(struct yd_doc *doc, uint64_t structs, uint64_t bytes, uint64_t clocks)
{
    uint64_t cost = structs * STRUCT_COST + 2 * bytes;
    if (structs > NONE || bytes > NONE) return YD_ETOOBIG;
    if (!doc_has_room(doc, cost)) return YD_ETOOBIG;
    uint32_t next = client_at(doc, doc->edit->me)->next;
    return clocks >= CLOCK_MAX - next ? YD_ETOOBIG : YD_OK;
}

/* Fills in what an author knows of the place: its neighbours, or else the parent. */
static void slot_wire(const struct yd_doc *doc, const struct slot *slot, struct wire *wire)
{
    wire->flags = slot->key.ptr != NULL ? WIRE_KEY : 0;
    wire->key = slot->key.ptr != NULL ? slot->key : YD_EMPTY;
    if (slot->left != NONE) {
        const struct item *left = item_at(doc, slot->left);
        wire->flags |= WIRE_ORIGIN;
        wire->origin =
            (struct id){client_at(doc, item_client(left))->id, left->clock + left->len - 1};
    }
    if (slot->right != NONE) {
        const struct item *right = item_at(doc, slot->right);
        wire->flags |= WIRE_RIGHT;
        wire->right = (struct id){client_at(doc, item_client(right))->id, right->clock};
    }
    const struct type *type = type_at(doc, slot->type);
    wire->root = type->owner == NONE;
    if (wire->root) {
        wire->name = name_text(doc, type->name);
        return;
    }
    const struct item *owner = item_at(doc, type->owner);
    wire->parent = (struct id){client_at(doc, item_client(owner))->id, owner->clock};
}

yd_err yd_edit_put(struct yd_doc *doc, const struct slot *slot, struct wire *wire, uint32_t *handle)
{
    uint32_t me = doc->edit->me;
    slot_wire(doc, slot, wire);
    YD_TRY(yd_integrate(doc, me, client_at(doc, me)->next, wire));
    const struct smap *index = &client_at(doc, me)->index;
    *handle = smap_value(index, smap_last(index));
    if (wire->ref == REF_TYPE) doc->edit->made = *handle;
    return YD_OK;
}
