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
    uint32_t first;  /* where its entries begin */
    uint32_t count;  /* entries */
    uint32_t at;     /* entry that comes next */
    uint32_t last;   /* value of the entry before it */
    uint32_t waiter; /* client that waits for this one, or NONE */
    uint32_t end;    /* clock behind its last struct */
    uint32_t pitch;  /* 2^32 times entries for each clock, less than 2^32 */
    bool waits;
};

struct bulk {
    struct yd_doc *doc;
    yd_slice update;
    struct vec entries;        /* struct smap_entry: the indices of all clients */
    struct progress *progress; /* per client */
    struct wire wire;
    uint32_t parent;     /* the client of wire.parent, unless that is a root */
    struct vec order;    /* uint32_t: clients as their sections came */
    bool descends;       /* from the highest id down, as every state is written */
    struct codec_id own; /* the client of the section */
    struct vec dels;     /* the same for the deleted clocks of the section */
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

YD_NODISCARD YD_HERE yd_err entry_put(struct bulk *b, struct vec *to, struct smap_entry entry)
{
    YD_TRY(yd_vec_reserve(b->doc, to, 1, sizeof entry));
    ((struct smap_entry *)to->at)[to->count++] = entry;
    return YD_OK;
}

/* Ranges in order: what touches the last one becomes part of it. */
static yd_err dels_add(struct bulk *b, uint32_t clock)
{
    struct vec *dels = &b->dels;
    if (dels->count > 0) {
        struct smap_entry *last = (struct smap_entry *)dels->at + dels->count - 1;
        if (last->key + last->value == clock) {
            last->value += b->wire.len;
            return YD_OK;
        }
    }
    return entry_put(b, dels, (struct smap_entry){clock, b->wire.len});
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

/* An item that is not linked yet has its origins where linked ones have other things: the clocks in
 * `left` and `right`, the clients in `home` and `clock`. Without origins `left` says where in the
 * update its parent is named, and `right` whether it has a key. */
static struct origins item_origins(const struct item *it)
{
    return (struct origins){{it->home, it->left}, {it->clock, it->right}};
}

static yd_err item_decode(struct bulk *b, uint32_t index, uint32_t clock, const uint8_t *parent)
{
    struct yd_doc *doc = b->doc;
    const struct wire *wire = &b->wire;
    YD_TRY(yd_items_reserve(doc, 1));
    uint32_t handle = yd_item_new(doc);
    struct item *it = item_at(doc, handle);
    bool placed = (wire->flags & WIRE_ORIGINS) != 0;
    *it = (struct item){.clock = NONE,
                        .len = wire->len,
                        .left = placed ? wire->origin.clock : (uint32_t)(parent - b->update.ptr),
                        .right = placed ? wire->right.clock : wire->flags & WIRE_KEY,
                        .home = NONE,
                        .who = index | (uint32_t)wire->ref << 24 | ITEM_LIVE};
    if (wire->flags & WIRE_ORIGIN) YD_TRY(id_intern(b, &wire->origin, index, &it->home));
    if (wire->flags & WIRE_RIGHT) YD_TRY(id_intern(b, &wire->right, index, &it->clock));
    if (wire->ref == REF_DELETED) {
        it->who |= ITEM_DELETED;
        YD_TRY(dels_add(b, clock));
    } else {
        YD_TRY(content_keep(b, handle));
    }
    return entry_put(b, &b->entries, (struct smap_entry){clock, handle});
}

static yd_err struct_decode(struct bulk *b, struct yd_reader *r, bool inner, uint32_t index,
                            uint32_t clock)
{
    struct yd_doc *doc = b->doc;
    const uint8_t *start = r->at;
    if (TRAVELS || !v1_check_short(r, &b->own, clock, &b->wire)) {
        yd_v1_check(r, &b->own, clock, inner, &b->wire);
    }
    if (r->failed || b->wire.ref == REF_SKIP) return BULK_UNFIT;
    if (doc->bytes > doc->opts.doc_bytes_max) return BULK_UNFIT;
    doc->structs++;
    if (b->wire.ref != REF_GC) return item_decode(b, index, clock, start + 1);
    YD_TRY(entry_put(b, &b->entries, (struct smap_entry){clock, INDEX_GC}));
    return dels_add(b, clock);
}

/* Sorting clients is a tenth of a load of many. In wasm it would be some more of the module. */
static yd_err order_note(struct bulk *b, uint32_t index)
{
    const struct yd_doc *doc = b->doc;
    uint32_t n = b->order.count, *order;
    YD_TRY(yd_vec_reserve(b->doc, &b->order, 1, sizeof *order));
    order = b->order.at;
    if (n > 0 && client_at(doc, order[n - 1])->id <= client_at(doc, index)->id) b->descends = false;
    order[n] = index;
    b->order.count++;
    return YD_OK;
}

static yd_err section_decode(struct bulk *b, struct yd_reader *r, bool inner)
{
    uint64_t count = yd_count_read(r, 2);
    const uint8_t *at = r->at;
    uint64_t id = codec_client_id(r);
    b->own = codec_id_of(r, at, id);
    uint64_t clock = codec_varuint(r);
    if (r->failed || count == 0 || clock != 0) return BULK_UNFIT;
    struct yd_doc *doc = b->doc;
    if (doc->clients.count + 2 >= CLIENT_MAX) return BULK_UNFIT;
    uint32_t index;
    YD_TRY(yd_client_intern(doc, id, &index));
    if (!TRAVELS) YD_TRY(order_note(b, index));
    if (client_at(doc, index)->next > 0) return BULK_UNFIT; // the client twice
    YD_TRY(yd_items_expect(doc, (uint32_t)count));
    uint32_t more = count < 1024 ? (uint32_t)count : 1024; // not more than a lie may cost
    if (!TRAVELS) vec_expect(doc, &b->entries, more, sizeof(struct smap_entry));
    uint32_t first = b->entries.count;
    b->dels.count = 0;
    for (uint64_t i = 0; i < count; i++) {
        YD_TRY(struct_decode(b, r, inner, index, (uint32_t)clock));
        clock += b->wire.len;
    }
    struct client *client = client_at(doc, index);
    client->next = (uint32_t)clock; // both for progress_begin()
    client->link = first;
    const struct smap_entry *entries = (const struct smap_entry *)b->entries.at + first;
    YD_TRY(yd_smap_fill(doc, &client->index, entries, (uint32_t)count));
    return yd_smap_fill(doc, &client->dels, b->dels.at, b->dels.count);
}

/* Not more than so many bytes can hold, each with one struct: the count may be a lie. */
static void clients_expect(struct bulk *b, uint64_t count)
{
    size_t most = b->update.len / 12;
    uint32_t n = (uint32_t)(count < most ? count : most);
    yd_clients_expect(b->doc, n);
    vec_expect(b->doc, &b->order, n, sizeof(uint32_t));
}

static yd_err update_decode(struct bulk *b, bool inner, yd_slice *deletes)
{
    struct yd_doc *doc = b->doc;
    struct yd_reader r = yd_reader_of(b->update);
    struct update_plan plan = {.structs = 0};
    uint64_t count = yd_count_read(&r, 3);
    YD_TRY(yd_arena_reserve(doc, &doc->text, b->update.len)); // given back below
    if (!TRAVELS) yd_doc_expect(doc, b->update.len);
    if (!TRAVELS && count > 8) clients_expect(b, count);
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
    b->parent = own;
    if (b->wire.root || b->wire.parent.client == client_at(doc, own)->id) return NONE;
    b->parent = yd_client_find(b->doc, b->wire.parent.client);
    if (b->parent == NONE) return own; // nowhere in the update: cannot go on
    return b->wire.parent.clock < client_at(doc, b->parent)->next ? NONE : b->parent;
}

static const struct smap_entry *entries_of(const struct bulk *b, const struct progress *p)
{
    return (const struct smap_entry *)b->entries.at + p->first;
}

/* The struct that holds a clock below the end of its client: item handle or INDEX_GC. */
static uint32_t entry_at(const struct bulk *b, uint32_t client, uint32_t clock)
{
    const struct progress *p = &b->progress[client];
    const struct smap_entry *entries = entries_of(b, p);
    // From where it would be if all were of one length, twice as far each time; then by halves.
    uint32_t i = (uint32_t)(((uint64_t)clock * p->pitch) >> 32), n = 4;
    if (entries[i].key <= clock) {
        for (; p->count - i > n && entries[i + n].key <= clock; n *= 2) i += n;
        if (n > p->count - i) n = p->count - i;
    } else {
        for (; i > n && entries[i - n].key > clock; n *= 2) i -= n;
        if (n > i) n = i;
        i -= n;
    }
    for (entries += i; n > 1;) {
        uint32_t half = n / 2;
        entries = entries[half].key <= clock ? entries + half : entries;
        n -= half;
    }
    return entries->value;
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
        // As bulk_missing() left it.
        const struct wire *wire = &b->wire;
        uint32_t owner = wire->root ? INDEX_GC : entry_at(b, b->parent, wire->parent.clock);
        YD_TRY(yd_list_of(doc, wire, owner, &place.list));
    } else {
        YD_TRY(bulk_place(b, item_at(doc, handle), last, &place));
    }
    if (place.list == NONE) return BULK_UNFIT;
    return yd_item_place(doc, handle, &place);
}

/* Links an item of client `at`, or finds the client that has to go first. */
static yd_err step_link(struct bulk *b, uint32_t at, uint32_t handle, uint32_t *missing)
{
    if (!doc_has_room(b->doc, 0)) return BULK_UNFIT;
    struct client *client = client_at(b->doc, at);
    struct item *it = item_at(b->doc, handle);
    struct origins origins = item_origins(it);
    *missing = bulk_missing(b, handle, &origins, at);
    if (*missing == at) return BULK_UNFIT;
    if (*missing != NONE) return YD_OK;
    uint32_t len = it->len;
    it->clock = client->next;
    YD_TRY(item_place(b, handle, &origins, b->progress[at].last));
    client->next += len;
    return YD_OK;
}

/* Links at most so many structs of client `at`, as far as they need no other client. */
static yd_err run_link(struct bulk *b, uint32_t at, uint32_t most, uint32_t *missing)
{
    struct client *client = client_at(b->doc, at);
    struct progress *p = &b->progress[at];
    const struct smap_entry *entries = entries_of(b, p);
    *missing = NONE;
    for (; most > 0 && p->at < p->count; most--) {
        uint32_t value = entries[p->at].value;
        if (value == INDEX_GC) {
            client->next = p->at + 1 < p->count ? entries[p->at + 1].key : p->end;
        } else {
            YD_TRY(step_link(b, at, value, missing));
            if (*missing != NONE) return YD_OK;
        }
        p->last = value;
        p->at++;
    }
    return YD_OK;
}

/* Links all of a client and what it waits for: one struct of that each time, as schedule.c does. */
static yd_err client_link(struct bulk *b, uint32_t top)
{
    uint32_t at = top;
    for (;;) {
        struct progress *progress = &b->progress[at];
        if (progress->at == progress->count) return at == top ? YD_OK : BULK_UNFIT;
        uint32_t missing;
        YD_TRY(run_link(b, at, at == top ? NONE : 1, &missing));
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
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        struct client *client = client_at(doc, i);
        struct progress *p = &b->progress[i];
        *p = (struct progress){.first = client->link,
                               .count = smap_total(&client->index),
                               .last = NONE,
                               .waiter = NONE,
                               .end = client->next};
        if (p->end > 0) p->pitch = (uint32_t)((((uint64_t)p->count << 32) - 1) / p->end);
        client->next = 0;
    }
}

static yd_err all_link(struct bulk *b)
{
    struct yd_doc *doc = b->doc;
    uint32_t n = doc->by_id.count;
    if (!TRAVELS && b->descends && b->order.count == n) {
        const uint32_t *order = b->order.at;
        for (uint32_t i = 0; i < n; i++) ((uint32_t *)doc->by_id.at)[i] = order[n - 1 - i];
        doc->sorted_count = n;
    }
    YD_TRY(yd_clients_sort(doc));
    progress_begin(b);
    YD_TRY(yd_vec_reserve(doc, &doc->txn.touched, doc->clients.count, sizeof(struct touched)));
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
    b->progress = yd_mem(doc, NULL, 0, size);
    if (b->progress == NULL) return YD_ENOMEM;
    yd_err err = all_link(b);
    yd_mem(doc, b->progress, size, 0);
    return err;
}

/* A clean-up that joins neighbours goes over all entries. */
static yd_err indices_open(struct yd_doc *doc)
{
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        struct smap *index = &client_at(doc, i)->index;
        for (uint32_t c = 0; c < smap_chunks(index); c++) {
            if (smap_is_packed(smap_chunk_at(index, c))) YD_TRY(yd_smap_open(doc, index, c, 0));
        }
    }
    return YD_OK;
}

yd_err yd_bulk_apply(struct yd_doc *doc, yd_slice update, bool inner, yd_slice *deletes)
{
    struct bulk b = {.doc = doc, .update = update, .descends = true};
    yd_err err = bulk_run(&b, inner, deletes);
    yd_vec_free(doc, &b.entries, sizeof(struct smap_entry));
    yd_vec_free(doc, &b.dels, sizeof(struct smap_entry));
    yd_vec_free(doc, &b.order, sizeof(uint32_t));
    if (err == BULK_UNFIT) yd_doc_empty(doc);
    doc->txn.whole = err == YD_OK;
    doc->txn.apart = err == YD_OK && !yd_any_fit(doc);
    return !TRAVELS && err == YD_OK && !doc->txn.apart ? indices_open(doc) : err;
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
