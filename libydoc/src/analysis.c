/* analysis.c - what the bytes of a document are spent on.
 *
 * Where it sits:   the caller -> yd_doc_analyze() -> here -> emit.h, write_v1.c
 * Source:          rules U110 to U114 in docs/encoding.md
 *
 * One walk over the index of every client, as an encoding does it, but each struct is measured and
 * booked instead of written: to its client, to the root above it and to its key. The root of a type
 * is looked up once: what a climb passes is noted for all of it, so that a tower of types costs no
 * more than a row of them.
 */
#include "ydoc/analysis.h"

#include "emit.h"

#include <string.h>

struct tables {
    uint32_t *root_of;     /* per type handle: name of the root above it, NONE: not known yet */
    struct yd_part *roots; /* per name */
    struct yd_part *keys;  /* per name */
    struct yd_buf scratch; /* for structs whose size shows only when they are written */
};

static void part_add(struct yd_part *part, bool live, uint64_t bytes)
{
    if (live) {
        part->live_bytes += bytes;
        part->live_structs++;
    } else {
        part->deleted_bytes += bytes;
        part->deleted_structs++;
    }
}

static uint64_t part_bytes(const struct yd_part *part)
{
    return part->live_bytes + part->deleted_bytes + part->delete_set_bytes;
}

/* Into its place among the greatest, if it has one. */
static void top_add(struct yd_top *top, const struct yd_part *part)
{
    uint64_t bytes = part_bytes(part);
    if (bytes == 0) return;
    top->total++;
    if (top->count == YD_TOP_MAX) {
        if (part_bytes(&top->parts[YD_TOP_MAX - 1]) >= bytes) return;
        top->count--;
    }
    uint32_t at = top->count++;
    for (; at > 0 && part_bytes(&top->parts[at - 1]) < bytes; at--) {
        top->parts[at] = top->parts[at - 1];
    }
    top->parts[at] = *part;
}

static enum yd_held kind_of(uint32_t ref)
{
    switch (ref) {
    case REF_STRING: return YD_HELD_TEXT;
    case REF_BINARY: return YD_HELD_BINARY;
    case REF_EMBED:
    case REF_EMBED_ANY: return YD_HELD_EMBED;
    case REF_FORMAT:
    case REF_FORMAT_ANY: return YD_HELD_MARK;
    case REF_TYPE: return YD_HELD_TYPE;
    case REF_DOC: return YD_HELD_DOC;
    default: return YD_HELD_VALUE;
    }
}

static uint32_t type_above(const struct yd_doc *doc, uint32_t type)
{
    return list_at(doc, item_list(doc, item_at(doc, type_at(doc, type)->owner)))->type;
}

/* Name of the root that a type is in. */
static uint32_t root_above(const struct yd_doc *doc, uint32_t *root_of, uint32_t type)
{
    uint32_t at = type;
    while (root_of[at] == NONE && type_at(doc, at)->owner != NONE) at = type_above(doc, at);
    uint32_t name = root_of[at] != NONE ? root_of[at] : type_at(doc, at)->name;
    for (at = type; root_of[at] == NONE; at = type_above(doc, at)) {
        root_of[at] = name;
        if (type_at(doc, at)->owner == NONE) break;
    }
    return name;
}

/* Size of a struct in the state. */
static yd_err entry_size(struct tables *t, const struct wire *wire, uint64_t *size)
{
    if (wire->ref <= REF_SKIP) {
        *size = yd_v1_size(wire);
        return YD_OK;
    }
    yd_buf_clear(&t->scratch);
    struct id unused = {0, 0};
    yd_err err = yd_v1_write(&t->scratch, wire, unused, 0, false);
    *size = t->scratch.len;
    return err;
}

static yd_err entry_book(const struct yd_doc *doc, struct tables *t, struct yd_analysis *a,
                         struct yd_part *client, uint32_t handle, const struct wire *wire)
{
    uint64_t size;
    yd_err err = entry_size(t, wire, &size);
    if (err != YD_OK) return err;
    bool live = handle != INDEX_GC && !item_is_deleted(item_at(doc, handle));
    part_add(client, live, size);
    if (handle == INDEX_GC) {
        a->collected_bytes += size;
        a->collected_structs++;
        return YD_OK;
    }
    const struct list *list = list_at(doc, item_list(doc, item_at(doc, handle)));
    part_add(&t->roots[root_above(doc, t->root_of, list->type)], live, size);
    if (list->key != NONE) part_add(&t->keys[list->key], live, size);
    if (live) {
        struct yd_held_part *kind = &a->kinds[kind_of(wire->ref)];
        a->live_bytes += size;
        a->live_structs++;
        kind->bytes += size;
        kind->structs++;
    } else {
        a->deleted_bytes += size;
        a->deleted_structs++;
    }
    return YD_OK;
}

/* Bytes of a client's ranges in the delete set. */
static uint64_t ranges_size(const struct client *client)
{
    const struct smap *dels = &client->dels;
    if (smap_total(dels) == 0) return 0;
    uint64_t size = yd_varuint_size(client->id) + yd_varuint_size(smap_total(dels));
    for (struct smap_pos pos = smap_first(); !smap_is_end(dels, pos); pos = smap_next(dels, pos)) {
        size += yd_varuint_size(smap_key(dels, pos)) + yd_varuint_size(smap_value(dels, pos));
    }
    return size;
}

static yd_err client_book(const struct yd_doc *doc, struct tables *t, struct yd_analysis *a,
                          const struct client *client)
{
    struct yd_part part = {.name = YD_EMPTY, .client = client->id};
    const struct smap *index = &client->index;
    for (struct smap_pos pos = smap_first(); !smap_is_end(index, pos);
         pos = smap_next(index, pos)) {
        struct wire wire;
        yd_entry_wire(doc, client, pos, &wire);
        yd_err err = entry_book(doc, t, a, &part, smap_value(index, pos), &wire);
        if (err != YD_OK) return err;
    }
    part.delete_set_bytes = ranges_size(client);
    a->delete_set_bytes += part.delete_set_bytes;
    a->delete_ranges += smap_total(&client->dels);
    if (smap_total(index) > 0) { // number of structs, id, clock 0
        a->head_bytes += yd_varuint_size(smap_total(index)) + yd_varuint_size(client->id) + 1;
    }
    top_add(&a->clients, &part);
    return YD_OK;
}

static yd_err clients_book(const struct yd_doc *doc, struct tables *t, struct yd_analysis *a)
{
    uint32_t sections = 0;
    uint32_t deleting = 0;
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        const struct client *client = client_at(doc, i);
        yd_err err = client_book(doc, t, a, client);
        if (err != YD_OK) return err;
        if (smap_total(&client->index) > 0) sections++;
        if (smap_total(&client->dels) > 0) deleting++;
    }
    a->head_bytes += yd_varuint_size(sections);
    a->delete_set_bytes += yd_varuint_size(deleting);
    return YD_OK;
}

static void names_sum(const struct yd_doc *doc, const struct tables *t, struct yd_analysis *a)
{
    for (uint32_t i = 0; i < doc->names.count; i++) {
        t->roots[i].name = name_text(doc, i);
        t->keys[i].name = name_text(doc, i);
        top_add(&a->roots, &t->roots[i]);
        top_add(&a->keys, &t->keys[i]);
    }
}

static void analysis_finish(const struct yd_doc *doc, struct yd_analysis *a)
{
    a->pending_bytes = yd_doc_pending(doc).bytes;
    a->memory_bytes = doc->bytes;
    a->state_bytes =
        a->live_bytes + a->deleted_bytes + a->collected_bytes + a->delete_set_bytes + a->head_bytes;
}

yd_err yd_doc_analyze(struct yd_doc *doc, struct yd_analysis *analysis)
{
    if (doc->broken) return YD_ENOMEM;
    size_t parts = ((size_t)doc->names.count + 1) * sizeof(struct yd_part);
    size_t types = ((size_t)doc->types.count + 1) * sizeof(uint32_t);
    yd_alloc heap = doc->alloc; // not the document's account: it is given back
    struct tables t = {heap.resize(heap.ctx, NULL, 0, types),
                       heap.resize(heap.ctx, NULL, 0, parts),
                       heap.resize(heap.ctx, NULL, 0, parts),
                       {.ptr = NULL}};
    yd_buf_init(&t.scratch, heap, SIZE_MAX / 2);
    yd_err err = YD_ENOMEM;
    if (t.root_of != NULL && t.roots != NULL && t.keys != NULL) {
        struct yd_analysis *a = analysis;
        memset(a, 0, sizeof *a);
        memset(t.root_of, 0xff, types); // NONE
        memset(t.roots, 0, parts);
        memset(t.keys, 0, parts);
        err = clients_book(doc, &t, a);
        if (err == YD_OK) names_sum(doc, &t, a);
        analysis_finish(doc, a);
    }
    yd_buf_deinit(&t.scratch);
    if (t.root_of != NULL) heap.resize(heap.ctx, t.root_of, types, 0);
    if (t.roots != NULL) heap.resize(heap.ctx, t.roots, parts, 0);
    if (t.keys != NULL) heap.resize(heap.ctx, t.keys, parts, 0);
    return err;
}
