/* apply.c - an update into the document: the transaction from end to end.
 *
 * Where it sits:   the caller -> yd_doc_apply() -> validate.c, schedule.c, deletes.c, pending.c,
 *                  cleanup.c; bulk.c, single.c
 * Source:          Yjs readUpdateV2; docs/encoding.md
 *
 * Two passes over the same bytes:
 *   1. validate   reads and checks everything. Bad input ends here, the document is untouched.
 *                 An update of format V2 is written as V1 on the way.
 *   2. integrate  straight from the bytes. Only memory can run out.
 * Two short ways read them once: bulk.c into an empty document, single.c for what one author just
 * did.
 */
#include "bulk.h"
#include "codec.h"
#include "section.h"

/* Scratch for V2 of more bytes is given back. */
#define INNER_KEPT ((size_t)64 << 10)

/* Of more spans the memory is given back: it would count for the limit of the document. */
#define SPANS_KEPT 1024

YD_ONCE void spans_begin(struct yd_doc *doc, struct vec *spans)
{
    spans->count = 0;
    if (spans->cap > SPANS_KEPT) yd_vec_free(doc, spans, sizeof(struct span));
}

void yd_txn_begin(struct yd_doc *doc)
{
    struct txn *txn = &doc->txn;
    txn->epoch++;
    txn->known_part = false;
    txn->whole = false;
    txn->apart = false;
    txn->settled = false;
    txn->no_waiting = false;
    txn->touched.count = 0;
    spans_begin(doc, &txn->dels);
    spans_begin(doc, &txn->cands);
    spans_begin(doc, &doc->notes);
    doc->changes.count = 0;
}

/* Applies the part of a range that is here and parks the rest. */
static yd_err range_apply(struct yd_doc *doc, uint64_t id, uint32_t clock, uint32_t len,
                          bool *parked)
{
    uint32_t client = yd_client_find(doc, id);
    uint32_t state = client == NONE ? 0 : client_at(doc, client)->next;
    uint32_t end = clock + len;
    if (clock < state) {
        YD_TRY(yd_delete_range(doc, client, clock, end < state ? end : state));
    }
    if (end <= state) return YD_OK;
    *parked = true;
    if (doc->txn.no_waiting) return YD_OK;
    uint32_t from = clock > state ? clock : state;
    return yd_pending_delete(doc, id, from, end - from);
}

/* Steps over the ranges of a client if they are, one by one, those that are deleted already: so
 * says a stored state, and a client that connects again. */
static bool deletes_known(const struct yd_doc *doc, uint32_t client, uint64_t count,
                          struct yd_reader *r)
{
    if (client == NONE || smap_total(&client_at(doc, client)->dels) != count) return false;
    const struct smap *dels = &client_at(doc, client)->dels;
    struct yd_reader at = *r;
    for (struct smap_pos pos = smap_first(); !smap_is_end(dels, pos); pos = smap_next(dels, pos)) {
        if (codec_clock(&at) != smap_key(dels, pos)) return false;
        if (codec_clock(&at) != smap_value(dels, pos)) return false;
    }
    *r = at;
    return true;
}

static yd_err deletes_apply(struct yd_doc *doc, yd_slice deletes, bool *parked)
{
    struct yd_reader r = yd_reader_of(deletes);
    uint64_t clients = codec_varuint(&r);
    for (uint64_t i = 0; i < clients; i++) {
        uint64_t id = codec_client_id(&r);
        uint64_t count = codec_varuint(&r);
        struct txn *txn = &doc->txn;
        bool is_new = txn->touched.count > 0 || txn->dels.count > 0;
        if ((txn->whole || !is_new) && deletes_known(doc, yd_client_find(doc, id), count, &r)) {
            txn->known_part |= count > 0 && !txn->whole;
            continue;
        }
        for (uint64_t k = 0; k < count; k++) {
            uint32_t clock = (uint32_t)codec_varuint(&r);
            uint32_t len = (uint32_t)codec_varuint(&r);
            if (len > 0) YD_TRY(range_apply(doc, id, clock, len, parked));
        }
    }
    return YD_OK;
}

/* Refuses an update that could pass the limit of the document, before anything is changed. */
static inline yd_err room_check(const struct yd_doc *doc, yd_slice update,
                                const struct update_plan *plan)
{
    uint64_t cost = plan->structs * STRUCT_COST + plan->ranges * RANGE_COST + 2 * update.len;
    size_t most = plan->structs == 0 ? doc->deletes_max : doc->opts.doc_bytes_max;
    return doc_is_unlimited(doc) || doc_held(doc) + cost <= most ? YD_OK : YD_ETOOBIG;
}

/* The same for clients and for what waits. If it is too much only for what waits, none of it may
 * wait: what is parked is what came. */
static yd_err limits_check(struct yd_doc *doc, yd_slice update, const struct update_plan *plan,
                           uint32_t sections)
{
    YD_TRY(room_check(doc, update, plan));
    if (doc_is_unlimited(doc)) return YD_OK;
    uint64_t clients = doc->clients.count + (uint64_t)sections * 2 + plan->delete_clients;
    if (clients >= CLIENT_MAX - 1) return YD_ETOOBIG;
    uint64_t parked = yd_doc_pending(doc).bytes + update.len + sections * sizeof(struct run) +
                      plan->ranges * sizeof(struct span);
    doc->txn.no_waiting = parked > doc->opts.pending_bytes_max;
    return YD_OK;
}

static bool any_closed(const struct yd_doc *doc)
{
    for (uint32_t i = 0; i < doc->sections.count; i++) {
        if (section_at(doc, i)->closed) return true;
    }
    return false;
}

static yd_err update_integrate(struct yd_doc *doc, const struct update_plan *plan, bool *parked)
{
    YD_TRY(yd_schedule(doc));
    bool due = yd_pending_is_due(doc);
    if (any_closed(doc)) {
        *parked = true;
        if (!doc->txn.no_waiting) {
            YD_TRY(yd_pending_park(doc));
            YD_TRY(yd_pending_note(doc));
        }
    }
    YD_TRY(deletes_apply(doc, plan->deletes, parked));
    YD_TRY(yd_pending_apply_deletes(doc));
    if (due) {
        YD_TRY(yd_pending_sections(doc));
        YD_TRY(yd_schedule(doc));
        yd_pending_settle(doc);
        YD_TRY(yd_pending_note(doc));
        YD_TRY(yd_pending_apply_deletes(doc));
    }
    return yd_txn_cleanup(doc);
}

/* The long way: a pass that checks, a pass that integrates. */
static yd_err update_apply(struct yd_doc *doc, yd_slice bytes, bool inner, bool *parked,
                           struct yd_applied *applied)
{
    struct update_plan plan;
    YD_TRY(yd_update_validate(doc, bytes, inner, &plan, &applied->error_at));
    YD_TRY(limits_check(doc, bytes, &plan, doc->sections.count));
    applied->known_part = plan.has_lost;
    return update_integrate(doc, &plan, parked);
}

static yd_err single_deletes(struct yd_doc *doc, const struct single *single, bool *parked)
{
    if (!single->is_short) return deletes_apply(doc, single->plan.deletes, parked);
    for (uint32_t i = 0; i < single->plan.ranges; i++) {
        const struct span *range = &single->ranges[i];
        if (range->len == 0) continue;
        YD_TRY(range_apply(doc, single->deletes_of, range->clock, range->len, parked));
    }
    return YD_OK;
}

/* The short way for what one author just did. BULK_UNFIT: nothing is changed. */
static yd_err single_apply(struct yd_doc *doc, yd_slice bytes, bool inner, bool *parked)
{
    struct single single;
    if (!yd_single_read(doc, bytes, inner, &single)) return BULK_UNFIT;
    bool deletes = single.plan.delete_clients > 0;
    bool is_new = single.plan.structs > 0 && single.client == NONE;
    // Otherwise no client is new, and nothing waits.
    YD_TRY(deletes || is_new ? limits_check(doc, bytes, &single.plan, is_new)
                             : room_check(doc, bytes, &single.plan));
    YD_TRY(yd_single_integrate(doc, &single));
    // Deletes that wait now are for clocks that are not here: structs came before.
    uint64_t version = doc->version;
    if (deletes) YD_TRY(single_deletes(doc, &single, parked));
    if (doc->version != version) doc->txn.settled = false;
    return yd_txn_cleanup(doc);
}

/* The short way into an empty document. */
static yd_err update_load(struct yd_doc *doc, yd_slice bytes, bool inner, bool *parked)
{
    yd_slice deletes;
    yd_err err = yd_bulk_apply(doc, bytes, inner, &deletes);
    if (err != YD_OK) return err;
    YD_TRY(deletes_apply(doc, deletes, parked));
    // What came deleted and is collected now would not be seen any more.
    if (doc->txn.dels.count > 0) YD_TRY(yd_txn_complete(doc));
    YD_TRY(yd_txn_cleanup(doc));
    yd_doc_fit(doc);
    return YD_OK;
}

/* Updates shorter than this are no stored state. */
#define LOAD_MIN 64

static bool is_load(const struct yd_doc *doc, yd_slice bytes)
{
    return bytes.len >= LOAD_MIN && doc->clients.count == 0 && doc->pends.count == 0;
}

/* Of V2 the inner form goes on; V1 is that already. */
static yd_err bytes_apply(struct yd_doc *doc, yd_slice update, enum yd_format format, bool *parked,
                          struct yd_applied *applied)
{
    bool inner = format == YD_V2;
    yd_slice bytes = update;
    if (inner) {
        YD_TRY(yd_v2_read(update, &doc->inner, &applied->error_at));
        bytes = yd_buf_slice(&doc->inner.bytes);
    }
    yd_err err = BULK_UNFIT;
    if (is_load(doc, bytes)) err = update_load(doc, bytes, inner, parked);
    if (HAS_SINGLE && err == BULK_UNFIT) err = single_apply(doc, bytes, inner, parked);
    if (err == BULK_UNFIT) err = update_apply(doc, bytes, inner, parked, applied);
    if (err == YD_EMALFORMED && inner) {
        applied->error_at = yd_v2_locate(update, &doc->inner, applied->error_at);
    }
    return err;
}

yd_err yd_doc_apply(struct yd_doc *doc, yd_slice update, enum yd_format format,
                    struct yd_applied *applied)
{
    struct yd_applied unused;
    if (applied == NULL) applied = &unused;
    *applied = (struct yd_applied){.error_at = 0};
    if (doc->broken) return YD_ENOMEM;
    if (yd_edit_is_open(doc)) return YD_ESTATE;
    yd_txn_begin(doc);
    if (format != YD_V1 && format != YD_V2) return YD_EUNSUPPORTED;
    if (update.len > doc->opts.update_bytes_max) return YD_ETOOBIG;
    bool parked = false;
    yd_err err = bytes_apply(doc, update, format, &parked, applied);
    doc->sections.count = 0; // they point into the update
    if (format == YD_V2 && doc->inner.bytes.cap > INNER_KEPT) yd_v2_inner_deinit(&doc->inner);
    if (err != YD_OK) {
        applied->known_part = false;
        doc->broken = err == YD_ENOMEM;
        return err;
    }
    applied->changed = doc->txn.touched.count > 0 || doc->txn.dels.count > 0;
    applied->parked = parked && !doc->txn.no_waiting;
    applied->dropped = parked && doc->txn.no_waiting;
    applied->known_part |= doc->txn.known_part;
    return YD_OK;
}
