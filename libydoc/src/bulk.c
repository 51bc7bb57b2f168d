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

/* How far a client is linked. */
struct progress {
    struct smap_pos pos; /* entry that comes next */
    uint32_t last;       /* value of the entry before it */
    uint32_t waiter;     /* client that waits for this one, or NONE */
    uint32_t end;        /* clock behind its last struct */
    uint32_t buckets;    /* where those of the client begin */
    uint32_t shift;      /* clocks of a bucket: 1 << shift */
    bool waits;
};

struct bulk {
    struct yd_doc *doc;
    yd_slice update;
    struct progress *progress; /* per client */
    uint32_t *buckets; /* per client and bucket: number of the entry that holds its first clock */
    struct wire wire;
    struct vec origins;           /* struct origins by item handle, until items are linked */
    struct codec_id own;          /* the client of the section */
    uint32_t dels_from, dels_end; /* deleted clocks that its ranges lack so far */
};

/* ---- 1. decode */

static yd_err id_intern(struct bulk *b, const struct id *id, uint32_t own, uint32_t *index)
{
    if (b->own.value == id->client) {
        *index = own;
        return YD_OK;
    }
    if (b->doc->clients.count + 2 >= CLIENT_MAX) return BULK_UNFIT;
    return yd_client_intern(b->doc, id->client, index);
}

/* Ranges in order: what touches the last one becomes part of it. */
static yd_err dels_put(struct bulk *b, uint32_t index)
{
    uint32_t len = b->dels_end - b->dels_from;
    if (len == 0) return YD_OK;
    return smap_push(b->doc, &client_at(b->doc, index)->dels, b->dels_from, len);
}

static yd_err dels_add(struct bulk *b, uint32_t index, uint32_t clock)
{
    if (clock != b->dels_end) {
        YD_TRY(dels_put(b, index));
        b->dels_from = clock;
    }
    b->dels_end = clock + b->wire.len;
    return YD_OK;
}

static yd_err content_keep(struct bulk *b, uint32_t handle)
{
    struct yd_doc *doc = b->doc;
    const struct wire *wire = &b->wire;
    uint32_t type = 0;
    if (wire->ref == REF_TYPE) YD_TRY(yd_type_new(doc, handle, wire->type_ref, &type));
    struct item *it = item_at(doc, handle);
    uint32_t off;
    yd_err err = yd_text_append(doc, wire->content, &off);
    YD_ASSERT(err == YD_OK); // update_decode() made room for all of the update
    if (wire->ref == REF_TYPE) {
        type_at(doc, type)->name = off;
        type_at(doc, type)->name_len = (uint32_t)wire->content.len;
        it->content = type;
    } else if (wire->content.len > 0) {
        YD_TRY(item_extent_set(doc, it, (struct extent){off, (uint32_t)wire->content.len}));
    }
    return YD_OK;
}

static struct origins *origins_at(const struct bulk *b, uint32_t handle)
{
    return (struct origins *)b->origins.at + item_number(handle);
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
                        .who = index | (uint32_t)wire->ref << 24 | ITEM_LIVE};
    YD_TRY(yd_vec_reserve(doc, &b->origins, 1, sizeof(struct origins)));
    struct origins *origins = (struct origins *)b->origins.at + b->origins.count++;
    origins->left = (struct origin){NONE, wire->origin.clock};
    origins->right = (struct origin){NONE, wire->right.clock};
    if (wire->flags & WIRE_ORIGIN) {
        YD_TRY(id_intern(b, &wire->origin, index, &origins->left.client));
    }
    if (wire->flags & WIRE_RIGHT) {
        YD_TRY(id_intern(b, &wire->right, index, &origins->right.client));
    }
    if (wire->ref == REF_DELETED) {
        it->who |= ITEM_DELETED;
        YD_TRY(dels_add(b, index, clock));
    } else {
        YD_TRY(content_keep(b, handle));
    }
    return smap_push(doc, &client_at(doc, index)->index, clock, handle);
}

static yd_err struct_decode(struct bulk *b, struct yd_reader *r, bool inner, uint32_t index,
                            uint32_t clock)
{
    struct yd_doc *doc = b->doc;
    const uint8_t *start = r->at;
    yd_v1_check(r, &b->own, clock, inner, &b->wire);
    if (r->failed || b->wire.ref == REF_SKIP) return BULK_UNFIT;
    if (doc->bytes > doc->opts.doc_bytes_max) return BULK_UNFIT;
    doc->structs++;
    if (b->wire.ref != REF_GC) return item_decode(b, index, clock, start + 1);
    YD_TRY(smap_push(doc, &client_at(doc, index)->index, clock, INDEX_GC));
    return dels_add(b, index, clock);
}

static yd_err section_decode(struct bulk *b, struct yd_reader *r, bool inner)
{
    uint64_t count = yd_count_read(r, 2);
    const uint8_t *at = r->at;
    uint64_t id = codec_varuint(r);
    b->own = codec_id_of(r, at, id);
    uint64_t clock = codec_varuint(r);
    if (r->failed || count == 0 || clock != 0) return BULK_UNFIT;
    struct yd_doc *doc = b->doc;
    if (doc->clients.count + 2 >= CLIENT_MAX) return BULK_UNFIT;
    uint32_t index;
    YD_TRY(yd_client_intern(doc, id, &index));
    struct smap *entries = &client_at(doc, index)->index;
    if (entries->total > 0) return BULK_UNFIT; // the client twice
    YD_TRY(yd_items_expect(doc, (uint32_t)count));
    YD_TRY(yd_smap_expect(doc, entries, (uint32_t)count));
    b->dels_from = 0;
    b->dels_end = 0;
    for (uint64_t i = 0; i < count; i++) {
        YD_TRY(struct_decode(b, r, inner, index, (uint32_t)clock));
        clock += b->wire.len;
    }
    client_at(doc, index)->next = (uint32_t)clock; // for all_link()
    return dels_put(b, index);
}

static yd_err update_decode(struct bulk *b, bool inner, yd_slice *deletes)
{
    struct yd_doc *doc = b->doc;
    struct yd_reader r = yd_reader_of(b->update);
    struct update_plan plan = {.structs = 0};
    uint64_t count = yd_count_read(&r, 3);
    YD_TRY(yd_arena_reserve(doc, &doc->text, b->update.len)); // given back below
    for (uint64_t i = 0; i < count; i++) {
        YD_TRY(section_decode(b, &r, inner));
    }
    yd_deletes_check(&r, &plan);
    if (r.failed) return BULK_UNFIT;
    if (!doc_has_room(doc, plan.ranges * RANGE_COST)) return BULK_UNFIT;
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
    static const struct codec_id unknown;
    v1_parent(&r, wire, &unknown, false);
}

/* The client whose next struct an item needs first, or NONE. */
static uint32_t bulk_missing(struct bulk *b, uint32_t handle, const struct origins *origins,
                             uint32_t own)
{
    const struct yd_doc *doc = b->doc;
    struct origin left = origins->left, right = origins->right;
    if (left.client != NONE && left.client != own &&
        left.clock >= client_at(doc, left.client)->next) {
        return left.client;
    }
    if (right.client != NONE && right.client != own &&
        right.clock >= client_at(doc, right.client)->next) {
        return right.client;
    }
    if (left.client != NONE || right.client != NONE) return NONE;
    parent_read(b, item_at(doc, handle), &b->wire);
    if (b->wire.root || b->wire.parent.client == client_at(doc, own)->id) return NONE;
    uint32_t parent = yd_client_find(b->doc, b->wire.parent.client);
    if (parent == NONE) return own; // nowhere in the update: cannot go on
    return b->wire.parent.clock < client_at(doc, parent)->next ? NONE : parent;
}

/* Numbers entries by their clocks, so that an origin is found in a step or two. There are at most
 * as many buckets as entries, and one. */
static void buckets_fill(struct bulk *b, const struct smap *index, struct progress *p)
{
    uint32_t *bucket = b->buckets + p->buckets;
    uint32_t entry = 0;
    struct smap_pos pos = smap_first();
    for (uint32_t clock = 0; clock < p->end;) {
        struct smap_pos next = smap_next(index, pos);
        uint32_t end = smap_is_end(index, next) ? p->end : smap_key(index, next);
        for (; clock < end; clock += (uint32_t)1 << p->shift) *bucket++ = entry;
        pos = next;
        entry++;
    }
}

/* Entries lie in full chunks, because they came in order. */
static uint32_t entry_key(const struct smap *index, uint32_t entry)
{
    return smap_chunk_at(index, entry / SMAP_CHUNK)->cells[entry % SMAP_CHUNK];
}

/* The struct that holds a clock below the end of its client: item handle or INDEX_GC. */
static uint32_t entry_at(const struct bulk *b, uint32_t client, uint32_t clock)
{
    const struct progress *p = &b->progress[client];
    const struct smap *index = &client_at(b->doc, client)->index;
    uint32_t entry = b->buckets[p->buckets + (clock >> p->shift)];
    while (entry + 1 < index->total && entry_key(index, entry + 1) <= clock) entry++;
    const struct smap_chunk *chunk = smap_chunk_at(index, entry / SMAP_CHUNK);
    return chunk->cells[chunk->cap + entry % SMAP_CHUNK];
}

/* The item that begins with the right origin; mostly the one behind `left`. */
static uint32_t bulk_right(const struct bulk *b, struct origin origin, uint32_t left)
{
    if (left != NONE && item_at(b->doc, left)->right != NONE) {
        uint32_t next = item_at(b->doc, left)->right;
        const struct item *right = item_at(b->doc, next);
        if (right->clock == origin.clock && item_client(right) == origin.client) return next;
    }
    return entry_at(b, origin.client, origin.clock);
}

/* The neighbours, if they are items of their own. */
static yd_err bulk_place(struct bulk *b, const struct item *it, uint32_t last, struct place *place)
{
    struct yd_doc *doc = b->doc;
    struct origin from = place->origins.left, to = place->origins.right;
    if (from.client != NONE) {
        uint32_t end = from.clock + 1;
        bool follows = from.client == item_client(it) && end == it->clock;
        place->left = follows ? last : entry_at(b, from.client, from.clock);
        if (place->left == INDEX_GC) return BULK_UNFIT;
        const struct item *left = item_at(doc, place->left);
        if (left->clock + left->len != end) return BULK_UNFIT;
        place->list = item_list(doc, left);
    }
    if (to.client != NONE) {
        place->right = bulk_right(b, to, place->left);
        if (place->right == INDEX_GC) return BULK_UNFIT;
        const struct item *right = item_at(doc, place->right);
        if (right->clock != to.clock) return BULK_UNFIT;
        if (place->left == NONE) place->list = item_list(doc, right);
    }
    return YD_OK;
}

static yd_err item_place(struct bulk *b, uint32_t handle, const struct origins *origins,
                         uint32_t last)
{
    struct yd_doc *doc = b->doc;
    struct place place = {NONE, NONE, NONE, *origins};
    if (place.origins.left.client == NONE && place.origins.right.client == NONE) {
        YD_TRY(yd_list_of(doc, &b->wire, &place.list)); // as bulk_missing() left it
    } else {
        YD_TRY(bulk_place(b, item_at(doc, handle), last, &place));
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
    if (!doc_has_room(doc, 0)) return BULK_UNFIT;
    uint32_t handle = smap_value(&client->index, progress->pos);
    *missing = NONE;
    if (handle == INDEX_GC) {
        struct smap_pos next = smap_next(&client->index, progress->pos);
        bool is_last = smap_is_end(&client->index, next);
        client->next = is_last ? progress->end : smap_key(&client->index, next);
    } else {
        const struct item *it = item_at(doc, handle);
        const struct origins *origins = origins_at(b, handle);
        *missing = bulk_missing(b, handle, origins, at);
        if (*missing == at) return BULK_UNFIT;
        if (*missing != NONE) return YD_OK;
        uint32_t len = it->len;
        YD_TRY(item_place(b, handle, origins, progress->last));
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

static void progress_begin(struct bulk *b)
{
    struct yd_doc *doc = b->doc;
    uint32_t buckets = 0;
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        struct client *client = client_at(doc, i);
        struct progress *p = &b->progress[i];
        *p = (struct progress){
            .last = NONE, .waiter = NONE, .end = client->next, .buckets = buckets};
        while (p->end >> p->shift > client->index.total) p->shift++;
        buckets += client->index.total + 1;
        client->next = 0;
        if (p->end > 0) buckets_fill(b, &client->index, p);
    }
}

static yd_err all_link(struct bulk *b)
{
    struct yd_doc *doc = b->doc;
    YD_TRY(yd_clients_sort(doc));
    progress_begin(b);
    for (uint32_t i = 0; i < doc->clients.count; i++) YD_TRY(yd_client_touch(doc, i));
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
    size_t buckets_size = ((size_t)doc->structs + doc->clients.count + 1) * sizeof *b->buckets;
    b->progress = yd_mem(doc, NULL, 0, size);
    b->buckets = yd_mem(doc, NULL, 0, buckets_size);
    yd_err err = YD_ENOMEM;
    if (b->progress != NULL && b->buckets != NULL) err = all_link(b);
    if (b->progress != NULL) yd_mem(doc, b->progress, size, 0);
    if (b->buckets != NULL) yd_mem(doc, b->buckets, buckets_size, 0);
    return err;
}

yd_err yd_bulk_apply(struct yd_doc *doc, yd_slice update, bool inner, yd_slice *deletes)
{
    struct bulk b = {.doc = doc, .update = update};
    yd_err err = bulk_run(&b, inner, deletes);
    yd_vec_free(doc, &b.origins, sizeof(struct origins));
    if (err == BULK_UNFIT) yd_doc_empty(doc);
    doc->txn.whole = err == YD_OK;
    doc->txn.apart = err == YD_OK && !yd_any_fit(doc);
    return err;
}

/* As Yjs: an item that came deleted is deleted by the transaction, a collected struct is not. */
static yd_err came_deleted(struct yd_doc *doc, uint32_t index, struct smap_pos pos)
{
    struct vec *dels = &doc->txn.dels;
    uint32_t handle = smap_value(&client_at(doc, index)->index, pos);
    if (handle == INDEX_GC || !item_is_deleted(item_at(doc, handle))) return YD_OK;
    const struct item *it = item_at(doc, handle);
    YD_TRY(yd_vec_reserve(doc, dels, 1, sizeof(struct span)));
    ((struct span *)dels->at)[dels->count++] = (struct span){index, it->clock, it->len};
    return YD_OK;
}

yd_err yd_txn_complete(struct yd_doc *doc)
{
    if (!doc->txn.whole) return YD_OK;
    uint32_t before = doc->txn.dels.count;
    yd_err err = YD_OK;
    for (uint32_t i = 0; i < doc->clients.count && err == YD_OK; i++) {
        const struct smap *index = &client_at(doc, i)->index;
        struct smap_pos pos = smap_first();
        for (; !smap_is_end(index, pos) && err == YD_OK; pos = smap_next(index, pos)) {
            err = came_deleted(doc, i, pos);
        }
    }
    if (err == YD_OK) err = yd_spans_normalise(doc, &doc->txn.dels);
    if (err != YD_OK) {
        doc->txn.dels.count = before;
        return err;
    }
    doc->txn.whole = false;
    return YD_OK;
}
