/* doc.c - a document's beginning and end.
 *
 * Where it sits:   the caller -> here -> all tables
 */
#include "codec.h"
#include "integrate.h"
#include "section.h"

#include <string.h>

#define MIB ((size_t)1 << 20)

/* Tables have room for what so many bytes of a state mostly hold before they grow. */
#define EXPECTED 8192

static size_t or_default(size_t value, size_t otherwise) { return value == 0 ? otherwise : value; }

static void tables_begin(struct yd_doc *doc)
{
    doc->version = 1; // that of nothing kept is 0
    doc->item_free = NONE;
    doc->anchor_free = NONE;
    doc->extent_free = NONE;
    doc->list_free = NONE;
    doc->type_free = NONE;
    doc->run_free = NONE;
}

void yd_doc_limit(struct yd_doc *doc, const struct yd_doc_opts *limits)
{
    // Content offsets have 32 bits; half of that keeps room for what a transaction moves.
    size_t most = sizeof(void *) == 4 ? 1024 * MIB : 2048 * MIB;
    size_t update_most = most / 2;
    struct yd_doc_opts *o = &doc->opts;
    o->update_bytes_max = or_default(limits->update_bytes_max, 64 * MIB);
    o->pending_bytes_max = or_default(limits->pending_bytes_max, 16 * MIB);
    o->doc_bytes_max = or_default(limits->doc_bytes_max, most);
    if (doc_is_unlimited(doc)) {
        update_most = ARENA_MAX;
    } else if (o->doc_bytes_max > most) {
        o->doc_bytes_max = most;
    }
    if (o->update_bytes_max > update_most) o->update_bytes_max = update_most;
    doc->inner.bytes.max = o->update_bytes_max;
    // Deleting is the way out of being too large, and takes room first. Tables that have just grown
    // count one and a half times.
    size_t most_held = o->doc_bytes_max + o->doc_bytes_max / 2;
    if (most_held < doc_held(doc)) most_held = doc_held(doc);
    doc->deletes_max = most_held + o->doc_bytes_max / 8;
}

yd_err yd_doc_new(yd_alloc alloc, const struct yd_doc_opts *opts, struct yd_doc **doc)
{
    struct yd_doc *made = alloc.resize(alloc.ctx, NULL, 0, sizeof *made);
    if (made == NULL) return YD_ENOMEM;
    memset(made, 0, sizeof *made);
    made->alloc = alloc;
    made->bytes = sizeof *made;
    struct yd_doc_opts none = {.keep_deleted = false};
    if (opts != NULL) made->opts = *opts;
    yd_doc_limit(made, opts == NULL ? &none : opts);
    made->txn.epoch = 1;
    tables_begin(made);
    yd_v2_inner_init(&made->inner, yd_mem_alloc(made), made->opts.update_bytes_max);
    *doc = made;
    return YD_OK;
}

static void arena_free(struct yd_doc *doc, struct arena *arena)
{
    if (arena->cap > 0) yd_mem(doc, arena->ptr, arena->cap, 0);
}

/* Content: what an update brought. */
static void tables_free(struct yd_doc *doc)
{
    yd_edit_deinit(doc);
    yd_changes_deinit(doc);
    yd_pending_deinit(doc);
    yd_items_deinit(doc);
    yd_clients_deinit(doc);
    yd_vec_free(doc, &doc->anchors, sizeof(struct anchor));
    yd_vec_free(doc, &doc->extents, sizeof(struct extent));
    yd_vec_free(doc, &doc->lists, sizeof(struct list));
    yd_vec_free(doc, &doc->types, sizeof(struct type));
    yd_vec_free(doc, &doc->list_hash, sizeof(uint32_t));
    yd_slack_free(doc);
    yd_fingers_free(doc);
    yd_vec_free(doc, &doc->names, sizeof(struct name));
    yd_vec_free(doc, &doc->names_hash, sizeof(uint32_t));
    arena_free(doc, &doc->name_bytes);
    arena_free(doc, &doc->text);
    yd_kept_free(doc, &doc->kept_deletes);
    yd_kept_free(doc, &doc->kept_vector);
}

/* What transactions work with. */
static void scratch_free(struct yd_doc *doc)
{
    yd_vec_free(doc, &doc->txn.touched, sizeof(struct touched));
    yd_vec_free(doc, &doc->txn.dels, sizeof(struct span));
    yd_vec_free(doc, &doc->txn.cands, sizeof(struct span));
    yd_vec_free(doc, &doc->sections, sizeof(struct section));
    yd_vec_free(doc, &doc->stack, sizeof(struct step));
    yd_vec_free(doc, &doc->notes, sizeof(struct span));
    yd_vec_free(doc, &doc->stamps, sizeof(uint64_t));
}

void yd_doc_empty(struct yd_doc *doc)
{
    tables_free(doc);
    scratch_free(doc);
    struct yd_doc kept = *doc;
    memset(doc, 0, sizeof *doc);
    doc->alloc = kept.alloc;
    doc->opts = kept.opts;
    doc->deletes_max = kept.deletes_max;
    doc->bytes = kept.bytes;
    doc->inner = kept.inner;
    doc->txn.epoch = kept.txn.epoch;
    tables_begin(doc);
}

void yd_doc_expect(struct yd_doc *doc, size_t bytes)
{
    // Of structured documents: a list for each 50, a place of content for each 75, a type for each
    // 125. Large ones grow as ever.
    uint32_t n = bytes < EXPECTED ? (uint32_t)bytes : EXPECTED;
    vec_expect(doc, &doc->lists, n / 64, sizeof(struct list));
    vec_expect(doc, &doc->types, n / 128, sizeof(struct type));
    vec_expect(doc, &doc->extents, n / 80, sizeof(struct extent));
}

void yd_doc_fit(struct yd_doc *doc)
{
    yd_items_fit(doc);
    for (uint32_t i = 0; !TRAVELS && i < doc->clients.count; i++) {
        yd_smap_pack(doc, &client_at(doc, i)->index);
        yd_smap_pack(doc, &client_at(doc, i)->dels);
    }
    yd_vec_fit(doc, &doc->clients, sizeof(struct client));
    yd_vec_fit(doc, &doc->by_id, sizeof(uint32_t));
    yd_vec_fit(doc, &doc->anchors, sizeof(struct anchor));
    yd_vec_fit(doc, &doc->extents, sizeof(struct extent));
    yd_vec_fit(doc, &doc->lists, sizeof(struct list));
    yd_vec_fit(doc, &doc->types, sizeof(struct type));
    yd_vec_fit(doc, &doc->names, sizeof(struct name));
    yd_arena_fit(doc, &doc->name_bytes);
    yd_arena_fit(doc, &doc->text);
    yd_vec_free(doc, &doc->sections, sizeof(struct section));
    yd_vec_free(doc, &doc->stack, sizeof(struct step));
    yd_vec_free(doc, &doc->notes, sizeof(struct span));
    yd_vec_free(doc, &doc->stamps, sizeof(uint64_t));
}

void yd_doc_free(struct yd_doc *doc)
{
    if (doc == NULL) return;
    tables_free(doc);
    scratch_free(doc);
    yd_v2_inner_deinit(&doc->inner);
    YD_ASSERT(doc->bytes == sizeof *doc);
    doc->alloc.resize(doc->alloc.ctx, doc, sizeof *doc, 0);
}

struct yd_doc_stats yd_doc_stats(const struct yd_doc *doc)
{
    return (struct yd_doc_stats){
        .items = doc->structs, .clients = doc->clients.count, .bytes = doc->bytes};
}
