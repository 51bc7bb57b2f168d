/* single.c - the update that nearly every update is: what one author just did, in one go.
 *
 * Where it sits:   apply.c -> here -> integrate.c, text.c
 * Source:          rules U1 to U29 in docs/encoding.md, for this case
 *
 * A key is pressed, a value is set: a few structs of one client that is new or goes on where it
 * was, and perhaps ranges that they delete. Such an update is read once, with all checks, and
 * integrated from what was read; nothing is listed, sorted or kept for later. Whatever else an
 * update holds, and bad bytes, is left to the long way, before anything is changed.
 */
#include "integrate.h"
#include "section.h"
#include "v1_struct.h"

/* ---- reading */

/* Whether what a reference names is here. Own clocks were compared when the struct was read. */
static inline bool is_here(struct yd_doc *doc, const struct id *id, uint64_t own)
{
    if (id->client == own) return true;
    uint32_t client = yd_client_find(doc, id->client);
    return client != NONE && id->clock < client_at(doc, client)->next;
}

static inline bool refers_here(struct yd_doc *doc, const struct wire *wire, uint64_t own)
{
    if ((wire->flags & WIRE_ORIGINS) == 0) {
        return wire->root || is_here(doc, &wire->parent, own);
    }
    return ((wire->flags & WIRE_ORIGIN) == 0 || is_here(doc, &wire->origin, own)) &&
           ((wire->flags & WIRE_RIGHT) == 0 || is_here(doc, &wire->right, own));
}

/* The section of an update that has one. False: it is nothing for this way. */
static bool section_read(struct yd_doc *doc, struct yd_reader *r, bool inner, struct single *single,
                         struct codec_id *own)
{
    uint64_t count = codec_varuint(r);
    const uint8_t *at = r->at;
    uint64_t id = codec_client_id(r);
    *own = codec_id_of(r, at, id);
    uint64_t clock = codec_varuint(r);
    if (r->failed || count == 0 || count > SINGLE_STRUCTS) return false;
    single->id = id;
    single->client = yd_client_find(doc, id);
    uint32_t next = single->client == NONE ? 0 : client_at(doc, single->client)->next;
    if (clock != next) return false;
    single->plan.structs = count;
    for (uint32_t i = 0; i < count; i++) {
        struct wire *wire = &single->wires[i];
        if (TRAVELS) {
            yd_v1_check(r, own, (uint32_t)clock, inner, wire);
        } else if (!v1_check_short(r, own, (uint32_t)clock, wire)) {
            v1_check(r, own, (uint32_t)clock, wire, inner);
        }
        if (r->failed || !wire_is_item(wire) || !refers_here(doc, wire, id)) return false;
        clock += wire->len;
    }
    return true;
}

/* A client id at the end of an update, where codec_client() has no whole word to look at. */
static inline uint64_t last_client(struct yd_reader *r, const struct codec_id *own)
{
    uint64_t word = 0;
    size_t left = yd_reader_left(r);
    if (own->mask == 0 || left >= sizeof word || left < own->len) return codec_client(r, own);
    memcpy(&word, r->at, own->len);
    if (word != own->word) return codec_varuint(r);
    r->at += own->len;
    return own->value;
}

/* The delete set, if it is a few ranges of one client; it may be longer than that. */
static bool ranges_read(struct yd_reader *r, struct single *single, const struct codec_id *own)
{
    struct update_plan *plan = &single->plan;
    plan->delete_clients = codec_varuint(r);
    plan->ranges = 0;
    if (r->failed || plan->delete_clients == 0) return !r->failed;
    single->deletes_of = last_client(r, own);
    plan->ranges = codec_varuint(r);
    if (plan->delete_clients > 1 || plan->ranges > SINGLE_RANGES) return false;
    for (uint32_t i = 0; i < plan->ranges; i++) {
        uint64_t clock = codec_clock(r), len = codec_varuint(r);
        if (clock >= CLOCK_MAX || len > CLOCK_MAX - clock) return false;
        single->ranges[i] = (struct span){NONE, (uint32_t)clock, (uint32_t)len};
    }
    return !r->failed;
}

/* Reads from a copy with some bytes behind it: no field has to ask for the end, and what went past
 * it is seen when all is read. A key that is pressed is read sooner than copied. */
_Static_assert(SINGLE_PAD >= V1_SHORT, "so much is looked at behind a struct");
static struct yd_reader reader_open(struct single *single, yd_slice update)
{
    if (TRAVELS || update.len < SINGLE_COPIED || update.len > SINGLE_BYTES)
        return yd_reader_of(update);
    memcpy(single->bytes, update.ptr, update.len);
    memset(single->bytes + update.len, 0, SINGLE_PAD);
    return yd_reader_of((yd_slice){single->bytes, update.len + SINGLE_PAD});
}

bool yd_single_read(struct yd_doc *doc, yd_slice update, bool inner, struct single *single)
{
    if (doc->pending_runs > 0 || doc->pending_dels > 0) return false;
    struct yd_reader r = reader_open(single, update);
    const uint8_t *end = r.at + update.len;
    struct codec_id own = {.mask = 0};
    uint64_t sections = codec_varuint(&r);
    single->plan.structs = 0;
    single->plan.has_lost = false;
    if (r.failed || sections > 1) return false;
    if (sections == 1 && !section_read(doc, &r, inner, single, &own)) return false;
    if (r.at > end) return false;
    struct yd_reader deletes = {r.at, end, false};
    single->is_short = ranges_read(&r, single, &own);
    if (single->is_short) return r.at <= end;
    yd_deletes_check(&deletes, &single->plan);
    return !deletes.failed;
}

/* ---- integrating */

/* Whether an item that was written behind `left` ends up there although others wrote there too: the
 * next item is none that the rule of conflict.c would step over. */
static bool stays_behind(struct yd_doc *doc, const struct item *left, uint32_t list,
                         struct origin origin, struct origin right)
{
    if (right.client != NONE) {
        struct smap_pos pos;
        uint32_t handle = struct_at(doc, right.client, right.clock, &pos);
        if (handle == INDEX_GC || item_at(doc, handle)->clock != right.clock) return false;
    }
    for (uint32_t i = 0; i < FINGERS; i++) {
        const struct fingers *f = &doc->fingers[i];
        if (f->at.count > 0 && f->list == list && origin_equal(f->origins.left, origin)) {
            return false; // the walk may begin at one of them
        }
    }
    return !origin_equal(origin, item_origin(doc, item_at(doc, left->right)));
}

/* The right origin of a struct; client NONE if it has none. */
static inline struct origin wire_right(struct yd_doc *doc, const struct wire *wire)
{
    if ((wire->flags & WIRE_RIGHT) == 0) return (struct origin){NONE, 0};
    return (struct origin){yd_client_find(doc, wire->right.client), wire->right.clock};
}

/* Whether text that goes on behind `left`, the last item of its client, would become one with it
 * when the transaction ends. */
static bool text_fits(struct yd_doc *doc, const struct item *left, const struct wire *wire)
{
    if (item_ref(left) != REF_STRING || item_is_deleted(left)) return false;
    struct origin right = wire_right(doc, wire);
    if (!origin_equal(right, item_right_origin(doc, left))) return false;
    uint32_t handle = item_list(doc, left);
    if (list_at(doc, handle)->key != NONE) return false;
    if (left->right == NONE) return right.client == NONE;
    const struct item *next = item_at(doc, left->right);
    if (next->clock == right.clock && item_client(next) == right.client) return true;
    struct origin origin = {item_client(left), left->clock + left->len - 1};
    return stays_behind(doc, left, handle, origin, right);
}

/* Text behind the last item of its client makes that longer, instead of becoming an item that is
 * joined with it when the transaction ends. What stands to the right does not have its origin here:
 * then it was no neighbour that the author saw before writing this item, or text_fits() says no. */
static yd_err text_go_on(struct yd_doc *doc, uint32_t index, const struct wire *wire, bool *done)
{
    struct client *client = client_at(doc, index);
    uint32_t handle = smap_value(&client->index, smap_last(&client->index));
    *done = false;
    if (handle == INDEX_GC) return YD_OK;
    struct item *left = item_at(doc, handle);
    if (!text_fits(doc, left, wire)) return YD_OK;
    YD_TRY(yd_text_extend(doc, left, wire->content, wire->len, done));
    if (!*done) return YD_OK;
    YD_TRY(yd_client_touch(doc, index));
    client->next += wire->len;
    return YD_OK;
}

/* Whether a struct goes on right behind the last one of its client. */
static bool goes_on(const struct yd_doc *doc, uint32_t index, const struct wire *wire)
{
    const struct client *client = client_at(doc, index);
    return (wire->flags & WIRE_ORIGIN) != 0 && wire->origin.client == client->id &&
           wire->origin.clock + 1 == client->next;
}

/* The current value of a key that a struct overwrites, or NONE: whatever else its origin is. */
static uint32_t value_before(const struct yd_doc *doc, struct origin origin)
{
    struct smap_pos pos;
    uint32_t handle = struct_at(doc, origin.client, origin.clock, &pos);
    if (handle == INDEX_GC) return NONE;
    const struct item *it = item_at(doc, handle);
    if (it->right != NONE || it->clock + it->len - 1 != origin.clock) return NONE;
    const struct list *list = list_at(doc, item_list(doc, it));
    uint32_t owner = type_at(doc, list->type)->owner;
    if (list->key == NONE || (owner != NONE && item_is_deleted(item_at(doc, owner)))) return NONE;
    return handle;
}

/* Deletes the value that another was put behind, and collects it as clean-up would. Only with the
 * value before it can it become one: behind it stands what is alive. */
static yd_err value_drop(struct yd_doc *doc, uint32_t handle)
{
    struct item *it = item_at(doc, handle);
    if (item_ref(it) == REF_TYPE || item_left_kind(it) == ORIGIN_OWN) doc->txn.settled = false;
    YD_TRY(yd_item_delete(doc, handle));
    if (doc->txn.settled && !doc->opts.keep_deleted) yd_item_strip(doc, it);
    return YD_OK;
}

/* Puts a value behind the current one of its key, which goes: there is nothing to find out. */
static yd_err value_set(struct yd_doc *doc, uint32_t index, const struct wire *wire, bool *done)
{
    YD_TRY(yd_items_reserve(doc, 1));
    struct origin origin = {yd_client_find(doc, wire->origin.client), wire->origin.clock};
    uint32_t before = value_before(doc, origin);
    *done = before != NONE;
    if (before == NONE) return YD_OK;
    uint32_t handle = yd_item_new(doc), clock = client_at(doc, index)->next, off;
    struct item *it = item_at(doc, handle);
    *it = (struct item){.clock = clock,
                        .len = wire->len,
                        .left = before,
                        .right = NONE,
                        .who = index | (uint32_t)wire->ref << 24 | ITEM_LIVE};
    uint32_t list = item_list(doc, item_at(doc, before));
    bool own = origin.client == index && origin.clock + 1 == clock;
    item_home_set(it, list, own ? ORIGIN_OWN : ORIGIN_SIDE, ORIGIN_NONE);
    YD_TRY(yd_client_append(doc, index, handle, wire->len));
    YD_TRY(yd_text_append(doc, wire->content, &off));
    YD_TRY(item_extent_set(doc, it, (struct extent){off, (uint32_t)wire->content.len}));
    item_at(doc, before)->right = handle;
    list_at(doc, list)->tail = handle;
    return value_drop(doc, before);
}

/* is_last: no struct of the update can refer into this one, which Yjs has as a piece of its own
 * until the transaction ends. */
static yd_err struct_integrate(struct yd_doc *doc, uint32_t index, const struct wire *wire,
                               bool is_last)
{
    bool done = false;
    // What changes are told of is looked up by items.
    bool text = wire->ref == REF_STRING && is_last && !doc->opts.note_changes;
    if (text && goes_on(doc, index, wire)) {
        YD_TRY(text_go_on(doc, index, wire, &done));
    } else if (wire->ref == REF_ANY && wire->flags == WIRE_ORIGIN) {
        YD_TRY(value_set(doc, index, wire, &done));
    }
    if (done) return YD_OK;
    doc->txn.settled = false;
    return yd_integrate(doc, index, client_at(doc, index)->next, wire);
}

yd_err yd_single_integrate(struct yd_doc *doc, const struct single *single)
{
    uint32_t index = single->client;
    if (single->plan.structs > 0 && index == NONE)
        YD_TRY(yd_client_intern(doc, single->id, &index));
    doc->txn.settled = single->plan.structs > 0 && !doc->opts.note_changes;
    for (uint32_t i = 0; i < single->plan.structs; i++) {
        YD_TRY(struct_integrate(doc, index, &single->wires[i], i + 1 == single->plan.structs));
    }
    return YD_OK;
}
