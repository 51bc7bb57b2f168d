/* bulk.c - an update into an empty document: how a stored state is loaded.
 *
 * Where it sits:   apply.c -> here -> v1_struct.h, integrate.c, cleanup.c
 * Source:          rules U15 to U29 in docs/encoding.md, for what a state holds
 *
 * An update is checked in a pass of its own because the document must stay as it was if it is bad.
 * An empty document can simply be emptied again, so here each struct is read once:
 *   1. decode   every struct becomes an item and an entry of its client's index
 *   2. link     in the order of schedule.c, but over items: a struct that needs one of another
 *               client waits while that client goes on
 *   3. deletes and cleanup as for every transaction
 * Whatever a state of one document does not hold ends the attempt: gaps, Skips, a client twice,
 * references into the middle of an item or to what was collected, and bad bytes. Then the document
 * is emptied and the long way is taken, which also says what is wrong.
 */
#include "bulk.h"

#include "integrate.h"
#include "v1_struct.h"

#include <string.h>

/* What the long way allows for a struct and a range, see apply.c. */
#define STRUCT_COST ((uint64_t)256)
#define RANGE_COST  ((uint64_t)160)

/* How far a client is linked. */
struct progress {
    struct smap_pos pos; /* entry that comes next */
    uint32_t last;       /* value of the entry before it */
    uint32_t waiter;     /* client that waits for this one, or NONE */
    uint32_t end;        /* clock behind its last struct */
    bool waits;
};

struct bulk {
    struct yd_doc *doc;
    yd_slice update;
    struct progress *progress; /* per client */
    struct wire wire;
};

/* ---- 1. decode */

static yd_err id_intern(struct bulk *b, const struct id *id, uint32_t own, uint32_t *index)
{
    if (client_at(b->doc, own)->id == id->client) {
        *index = own;
        return YD_OK;
    }
    if (b->doc->clients.count + 2 >= CLIENT_MAX) return BULK_UNFIT;
    return yd_client_intern(b->doc, id->client, index);
}

static yd_err content_keep(struct bulk *b, uint32_t handle)
{
    struct yd_doc *doc = b->doc;
    const struct wire *wire = &b->wire;
    uint32_t type = 0;
    if (wire->ref == REF_TYPE) YD_TRY(yd_type_new(doc, handle, wire->type_ref, &type));
    struct item *it = item_at(doc, handle);
    uint32_t off;
    YD_TRY(yd_text_append(doc, wire->content, &off));
    if (wire->ref == REF_TYPE) {
        type_at(doc, type)->name = off;
        type_at(doc, type)->name_len = (uint32_t)wire->content.len;
        it->content = type;
    } else if (wire->ref != REF_DELETED) {
        it->content = off;
        it->bytes = (uint32_t)wire->content.len;
    }
    return YD_OK;
}

/* An item that is not linked yet. Without origins `left` says where in the update its parent is
 * named, and `right` whether it has a key. */
static yd_err item_decode(struct bulk *b, uint32_t index, uint32_t clock, const uint8_t *parent)
{
    struct yd_doc *doc = b->doc;
    const struct wire *wire = &b->wire;
    YD_TRY(yd_items_reserve(doc, 1));
    uint32_t handle = yd_item_new(doc);
    struct item *it = item_at(doc, handle);
    *it = (struct item){.clock = clock,
                        .len = wire->len,
                        .left = (uint32_t)(parent - b->update.ptr),
                        .right = wire->flags & WIRE_KEY,
                        .origin_client = NONE,
                        .right_client = NONE,
                        .who = index | (uint32_t)wire->ref << 24 | ITEM_LIVE};
    if (wire->flags & WIRE_ORIGIN) {
        YD_TRY(id_intern(b, &wire->origin, index, &it->origin_client));
        it->origin_clock = wire->origin.clock;
    }
    if (wire->flags & WIRE_RIGHT) {
        YD_TRY(id_intern(b, &wire->right, index, &it->right_client));
        it->right_clock = wire->right.clock;
    }
    if (wire->ref == REF_DELETED) {
        it->who |= ITEM_DELETED;
        YD_TRY(yd_ranges_add(doc, &client_at(doc, index)->dels, clock, wire->len));
    } else {
        YD_TRY(content_keep(b, handle));
    }
    return yd_smap_append(doc, &client_at(doc, index)->index, clock, handle);
}

static yd_err struct_decode(struct bulk *b, struct yd_reader *r, bool inner, uint32_t index,
                            uint32_t clock)
{
    struct yd_doc *doc = b->doc;
    const uint8_t *start = r->at;
    v1_check(r, client_at(doc, index)->id, clock, &b->wire, inner);
    if (r->failed || b->wire.ref == REF_SKIP) return BULK_UNFIT;
    if (doc->bytes > doc->opts.doc_bytes_max) return BULK_UNFIT;
    doc->structs++;
    if (b->wire.ref != REF_GC) return item_decode(b, index, clock, start + 1);
    struct client *client = client_at(doc, index);
    YD_TRY(yd_smap_append(doc, &client->index, clock, INDEX_GC));
    return yd_ranges_add(doc, &client->dels, clock, b->wire.len);
}

static yd_err section_decode(struct bulk *b, struct yd_reader *r, bool inner)
{
    uint64_t count = yd_count_read(r, 2);
    struct id id = {codec_varuint(r), 0};
    uint64_t clock = codec_varuint(r);
    if (r->failed || count == 0 || clock != 0) return BULK_UNFIT;
    struct yd_doc *doc = b->doc;
    if (doc->clients.count + 2 >= CLIENT_MAX) return BULK_UNFIT;
    uint32_t index;
    YD_TRY(yd_client_intern(doc, id.client, &index));
    struct smap *entries = &client_at(doc, index)->index;
    if (entries->total > 0) return BULK_UNFIT; // the client twice
    YD_TRY(yd_items_expect(doc, (uint32_t)count));
    YD_TRY(yd_smap_expect(doc, entries, (uint32_t)count));
    for (uint64_t i = 0; i < count; i++) {
        YD_TRY(struct_decode(b, r, inner, index, (uint32_t)clock));
        clock += b->wire.len;
    }
    client_at(doc, index)->next = (uint32_t)clock; // for all_link()
    return YD_OK;
}

static yd_err update_decode(struct bulk *b, bool inner, yd_slice *deletes)
{
    struct yd_doc *doc = b->doc;
    struct yd_reader r = yd_reader_of(b->update);
    struct update_plan plan = {.structs = 0};
    size_t bytes = doc->bytes;
    uint64_t count = yd_count_read(&r, 3);
    YD_TRY(yd_arena_reserve(doc, &doc->text, b->update.len)); // given back below
    for (uint64_t i = 0; i < count; i++) {
        YD_TRY(section_decode(b, &r, inner));
    }
    yd_deletes_check(&r, &plan);
    if (r.failed) return BULK_UNFIT;
    uint64_t cost = doc->structs * STRUCT_COST + plan.ranges * RANGE_COST + 2 * b->update.len;
    if (bytes + bytes / 2 + cost > doc->opts.doc_bytes_max) return BULK_UNFIT;
    *deletes = plan.deletes;
    return YD_OK;
}

/* ---- 2. link */

/* Reads the parent of an item without origins. */
static void parent_read(const struct bulk *b, const struct item *it, struct wire *wire)
{
    struct yd_reader r = yd_reader_of(b->update);
    r.at += it->left;
    wire->flags = (uint8_t)it->right;
    v1_parent(&r, wire, false);
}

/* The client whose next struct an item needs first, or NONE. */
static uint32_t missing_client(struct bulk *b, const struct item *it, uint32_t own)
{
    const struct yd_doc *doc = b->doc;
    uint32_t origin = it->origin_client, right = it->right_client;
    if (origin != NONE && origin != own && it->origin_clock >= client_at(doc, origin)->next) {
        return origin;
    }
    if (right != NONE && right != own && it->right_clock >= client_at(doc, right)->next) {
        return right;
    }
    if (origin != NONE || right != NONE) return NONE;
    parent_read(b, it, &b->wire);
    if (b->wire.root || b->wire.parent.client == client_at(doc, own)->id) return NONE;
    uint32_t parent = yd_client_find(b->doc, b->wire.parent.client);
    if (parent == NONE) return own; // nowhere in the update: cannot go on
    return b->wire.parent.clock < client_at(doc, parent)->next ? NONE : parent;
}

/* The neighbours, if they are items of their own. */
static yd_err place_find(struct bulk *b, const struct item *it, uint32_t last, struct place *place)
{
    struct yd_doc *doc = b->doc;
    struct smap_pos pos;
    if (it->origin_client != NONE) {
        uint32_t end = it->origin_clock + 1;
        bool follows = it->origin_client == item_client(it) && end == it->clock;
        if (follows) {
            place->left = last;
        } else if (yd_smap_find(&client_at(doc, it->origin_client)->index, end - 1, &pos)) {
            place->left = smap_value(&client_at(doc, it->origin_client)->index, pos);
        }
        if (place->left >= INDEX_GC) return BULK_UNFIT;
        const struct item *left = item_at(doc, place->left);
        if (left->clock + left->len != end) return BULK_UNFIT;
        place->list = left->list;
    }
    if (it->right_client != NONE) {
        struct smap *index = &client_at(doc, it->right_client)->index;
        if (!yd_smap_find(index, it->right_clock, &pos)) return BULK_UNFIT;
        place->right = smap_value(index, pos);
        if (place->right >= INDEX_GC) return BULK_UNFIT;
        const struct item *right = item_at(doc, place->right);
        if (right->clock != it->right_clock) return BULK_UNFIT;
        if (place->left == NONE) place->list = right->list;
    }
    return YD_OK;
}

static yd_err item_place(struct bulk *b, uint32_t handle, uint32_t last)
{
    struct yd_doc *doc = b->doc;
    struct item *it = item_at(doc, handle);
    struct place place = {NONE, NONE, NONE};
    if (it->origin_client == NONE && it->right_client == NONE) {
        YD_TRY(yd_list_of(doc, &b->wire, &place.list)); // as missing_client() left it
    } else {
        YD_TRY(place_find(b, it, last, &place));
    }
    if (place.list == NONE) return BULK_UNFIT;
    return yd_item_place(doc, handle, &place);
}

/* Links the next struct of client `at`, or finds the client that has to go first. */
static yd_err step_link(struct bulk *b, uint32_t at, uint32_t *missing)
{
    struct yd_doc *doc = b->doc;
    struct client *client = client_at(doc, at);
    struct progress *progress = &b->progress[at];
    if (smap_is_end(&client->index, progress->pos)) return BULK_UNFIT;
    uint32_t handle = smap_value(&client->index, progress->pos);
    *missing = NONE;
    if (handle == INDEX_GC) {
        struct smap_pos next = smap_next(&client->index, progress->pos);
        bool is_last = smap_is_end(&client->index, next);
        client->next = is_last ? progress->end : smap_key(&client->index, next);
    } else {
        const struct item *it = item_at(doc, handle);
        *missing = missing_client(b, it, at);
        if (*missing == at) return BULK_UNFIT;
        if (*missing != NONE) return YD_OK;
        uint32_t len = it->len;
        YD_TRY(item_place(b, handle, progress->last));
        client->next += len;
    }
    progress->last = handle;
    progress->pos = smap_next(&client->index, progress->pos);
    return YD_OK;
}

/* Links all of a client and what it waits for. */
static yd_err client_link(struct bulk *b, uint32_t top)
{
    uint32_t at = top;
    for (;;) {
        struct progress *progress = &b->progress[at];
        if (at == top && smap_is_end(&client_at(b->doc, at)->index, progress->pos)) return YD_OK;
        uint32_t missing;
        YD_TRY(step_link(b, at, &missing));
        if (missing != NONE) {
            if (b->progress[missing].waits || missing == at) return BULK_UNFIT; // a circle
            progress->waits = true;
            b->progress[missing].waiter = at;
            at = missing;
        } else if (at != top) {
            at = progress->waiter;
            b->progress[at].waits = false;
        }
    }
}

static yd_err all_link(struct bulk *b)
{
    struct yd_doc *doc = b->doc;
    YD_TRY(yd_clients_sort(doc));
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        struct client *client = client_at(doc, i);
        b->progress[i] = (struct progress){.last = NONE, .waiter = NONE, .end = client->next};
        client->next = 0;
        YD_TRY(yd_client_touch(doc, i));
    }
    for (uint32_t i = doc->by_id.count; i-- > 0;) {
        YD_TRY(client_link(b, ((const uint32_t *)doc->by_id.at)[i]));
    }
    return YD_OK;
}

static yd_err bulk_run(struct bulk *b, bool inner, yd_slice *deletes)
{
    struct yd_doc *doc = b->doc;
    YD_TRY(update_decode(b, inner, deletes));
    size_t size = (doc->clients.count + 1) * sizeof *b->progress;
    b->progress = yd_mem(doc, NULL, 0, size);
    if (b->progress == NULL) return YD_ENOMEM;
    yd_err err = all_link(b);
    yd_mem(doc, b->progress, size, 0);
    return err;
}

yd_err yd_bulk_apply(struct yd_doc *doc, yd_slice update, bool inner, yd_slice *deletes)
{
    struct bulk b = {.doc = doc, .update = update};
    yd_err err = bulk_run(&b, inner, deletes);
    if (err == BULK_UNFIT) yd_doc_empty(doc);
    doc->txn.whole = err == YD_OK;
    return err;
}
