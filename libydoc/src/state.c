/* state.c - the document as bytes: state vector, state, last update, snapshot.
 *
 * Where it sits:   the caller -> here -> emit.c, merged.c
 * Source:          Yjs encodeStateVector, encodeStateAsUpdate, writeUpdateMessageFromTransaction,
 *                  encodeSnapshot; rules U50 to U56 in docs/encoding.md
 *
 * Everywhere clients go from the highest id down, by number.
 */
#include "codec.h"
#include "emit.h"

#include <string.h>

static struct id id_of(const struct yd_doc *doc, uint32_t client, uint32_t clock)
{
    return (struct id){client_at(doc, client)->id, clock};
}

static void parent_wire(const struct yd_doc *doc, const struct type *type, struct wire *wire)
{
    wire->root = type->owner == NONE;
    if (wire->root) {
        wire->name = name_text(doc, type->name);
        return;
    }
    const struct item *owner = item_at(doc, type->owner);
    wire->parent = id_of(doc, item_client(owner), owner->clock);
}

static void item_wire(const struct yd_doc *doc, const struct item *it, struct wire *wire)
{
    const struct list *list = list_at(doc, item_list(doc, it));
    wire->ref = (uint8_t)item_ref(it);
    wire->len = it->len;
    wire->flags = list->key != NONE ? WIRE_KEY : 0;
    struct origin left = item_origin(doc, it), right = item_right_origin(doc, it);
    if (left.client != NONE) {
        wire->flags |= WIRE_ORIGIN;
        wire->origin = id_of(doc, left.client, left.clock);
    }
    if (right.client != NONE) {
        wire->flags |= WIRE_RIGHT;
        wire->right = id_of(doc, right.client, right.clock);
    }
    if ((wire->flags & WIRE_ORIGINS) == 0) {
        parent_wire(doc, type_at(doc, list->type), wire);
        wire->key = list->key != NONE ? name_text(doc, list->key) : YD_EMPTY;
    }
    if (wire->ref == REF_TYPE) {
        const struct type *type = type_at(doc, it->content);
        wire->type_ref = (uint8_t)type->ref;
        wire->content = text_slice(doc, type->name, type->name_len);
    } else {
        wire->content = item_bytes(doc, it);
    }
}

void yd_entry_wire(const struct yd_doc *doc, const struct client *client, struct smap_pos pos,
                   struct wire *wire)
{
    uint32_t value = smap_value(&client->index, pos);
    if (value != INDEX_GC) {
        item_wire(doc, item_at(doc, value), wire);
        return;
    }
    wire->ref = REF_GC;
    wire->flags = 0;
    wire->content = YD_EMPTY;
    wire->len = client_entry_end(client, pos) - smap_key(&client->index, pos);
}

/* A client's ranges. */
static yd_err emit_ranges(const struct client *client, struct sink *sink)
{
    uint32_t clocks[SMAP_CHUNK], lens[SMAP_CHUNK];
    YD_TRY(yd_sink_ranges(sink, client->id, smap_total(&client->dels)));
    for (uint32_t i = 0; i < smap_chunks(&client->dels); i++) {
        const struct smap_chunk *chunk = smap_chunk_at(&client->dels, i);
        YD_TRY(yd_sink_range_list(sink, smap_chunk_keys(chunk, clocks),
                                  smap_chunk_values(chunk, lens), chunk->count));
    }
    return YD_OK;
}

yd_err yd_emit_deletes(const struct yd_doc *doc, struct sink *sink)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < doc->by_id.count; i++) {
        if (smap_total(&client_at(doc, by_id_at(doc, i))->dels) > 0) count++;
    }
    YD_TRY(sink_uint(sink, count));
    for (uint32_t i = doc->by_id.count; i-- > 0;) {
        const struct client *client = client_at(doc, by_id_at(doc, i));
        if (smap_total(&client->dels) > 0) YD_TRY(emit_ranges(client, sink));
    }
    return YD_OK;
}

static yd_err emit_deletes(struct yd_doc *doc, struct sink *sink)
{
    if (sink_is_v2(sink)) return yd_emit_deletes(doc, sink);
    struct kept *kept = &doc->kept_deletes;
    if (yd_kept_is_valid(doc, kept)) return yd_buf_append(sink->out, kept_bytes(kept));
    size_t before = sink->out->len;
    YD_TRY(yd_emit_deletes(doc, sink));
    yd_slice bytes = {sink->out->ptr + before, sink->out->len - before};
    yd_kept_note(doc, kept, bytes);
    return YD_OK;
}

yd_err yd_emit_vector(const struct yd_doc *doc, struct yd_buf *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < doc->by_id.count; i++) {
        if (client_at(doc, by_id_at(doc, i))->next > 0) count++;
    }
    YD_TRY(yd_buf_varuint(out, count));
    for (uint32_t i = doc->by_id.count; i-- > 0;) {
        const struct client *client = client_at(doc, by_id_at(doc, i));
        if (client->next == 0) continue;
        YD_TRY(yd_buf_varuint(out, client->id));
        YD_TRY(yd_buf_varuint(out, client->next));
    }
    return YD_OK;
}

static yd_err emit_vector(struct yd_doc *doc, struct yd_buf *out)
{
    struct kept *kept = &doc->kept_vector;
    if (yd_kept_is_valid(doc, kept)) return yd_buf_append(out, kept_bytes(kept));
    size_t before = out->len;
    YD_TRY(yd_emit_vector(doc, out));
    yd_slice bytes = {out->ptr + before, out->len - before};
    yd_kept_note(doc, kept, bytes);
    return YD_OK;
}

/* Takes back what a failed call appended. */
static yd_err emit_done(struct yd_buf *out, size_t before, yd_err err)
{
    if (err != YD_OK) out->len = before;
    return err;
}

yd_err yd_doc_state_vector(struct yd_doc *doc, struct yd_buf *out)
{
    if (doc->broken) return YD_ENOMEM;
    size_t before = out->len;
    YD_TRY(yd_clients_sort(doc));
    return emit_done(out, before, emit_vector(doc, out));
}

yd_err yd_doc_snapshot(struct yd_doc *doc, struct yd_buf *out)
{
    if (doc->broken) return YD_ENOMEM;
    size_t before = out->len;
    struct sink sink;
    YD_TRY(yd_clients_sort(doc));
    yd_sink_begin(&sink, YD_V1, out);
    yd_err err = yd_sink_end(&sink, yd_emit_deletes(doc, &sink));
    if (err == YD_OK) err = yd_emit_vector(doc, out);
    return emit_done(out, before, err);
}

/* A vector goes from the highest client down, as by_id does from its end: most ids are the next. */
yd_err yd_vector_read(struct yd_doc *doc, yd_slice sv, uint32_t *targets)
{
    memset(targets, 0, doc->clients.count * sizeof *targets);
    if (sv.len == 0) return YD_OK;
    struct yd_reader r = yd_reader_of(sv);
    uint64_t count = codec_varuint(&r);
    uint32_t rank = doc->by_id.count;
    for (uint64_t i = 0; i < count && !r.failed; i++) {
        uint64_t id = codec_varuint(&r);
        uint64_t clock = codec_varuint(&r);
        if (r.failed) break;
        uint32_t client = rank > 0 ? by_id_at(doc, rank - 1) : NONE;
        if (client != NONE && client_at(doc, client)->id == id) {
            rank--;
        } else {
            client = yd_client_find(doc, id);
        }
        if (client != NONE) targets[client] = clock > CLOCK_MAX ? CLOCK_MAX : (uint32_t)clock;
    }
    return r.failed ? YD_EMALFORMED : YD_OK;
}

/* True for the vector that this document gave out last, unchanged: nothing but deletes is due. */
static bool vector_is_own(const struct yd_doc *doc, yd_slice sv)
{
    return yd_kept_is_valid(doc, &doc->kept_vector) &&
           yd_slice_equal(sv, kept_bytes(&doc->kept_vector));
}

/* Asks for about as much room as a whole state takes, so that it need not move while it grows.
 * Memory refused: it may still be enough. */
static void room_expect(const struct yd_doc *doc, struct sink *sink)
{
    struct yd_buf *out = sink->out;
    size_t bytes = doc->text.len - doc->text.dead + doc->named;
    size_t size = (size_t)doc->structs * 16 + bytes;
    if (size > out->max - out->len) return;
    if (!TRAVELS && sink_is_v2(sink)) {
        yd_v2_expect(&sink->v2, (size_t)doc->structs, doc->clients.count, bytes);
        return;
    }
    yd_err unused = yd_buf_reserve(out, size);
    (void)unused;
}

static yd_err emit_state(struct yd_doc *doc, const uint32_t *targets, struct sink *sink)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        if (client_at(doc, i)->next > targets[i]) count++;
    }
    YD_TRY(sink_uint(sink, count));
    struct emitter all;
    yd_emit_begin(&all, doc, sink);
    for (uint32_t i = doc->by_id.count; i-- > 0;) {
        uint32_t index = by_id_at(doc, i);
        struct client *client = client_at(doc, index);
        if (client->next <= targets[index]) continue;
        YD_TRY(yd_emit_section(&all, client, targets[index]));
    }
    return emit_deletes(doc, sink);
}

/* What a holder of everything gets: no structs, all deletes. */
static yd_err emit_up_to_date(struct yd_doc *doc, enum yd_format format, struct yd_buf *out)
{
    struct sink sink;
    size_t before = out->len;
    yd_sink_begin(&sink, format, out);
    yd_err err = sink_uint(&sink, 0);
    if (err == YD_OK) err = emit_deletes(doc, &sink);
    return emit_done(out, before, yd_sink_end(&sink, err));
}

yd_err yd_doc_encode_state(struct yd_doc *doc, yd_slice sv, enum yd_format format,
                           struct yd_buf *out)
{
    if (doc->broken) return YD_ENOMEM;
    if (!sink_can(format)) return YD_EUNSUPPORTED;
    size_t before = out->len;
    bool waits = doc->pending_runs > 0 || doc->pending_dels > 0;
    YD_TRY(yd_clients_sort(doc));
    if (!waits && vector_is_own(doc, sv)) return emit_up_to_date(doc, format, out);
    size_t size = (doc->clients.count + 1) * sizeof(uint32_t);
    uint32_t *targets = yd_mem(doc, NULL, 0, size);
    if (targets == NULL) return YD_ENOMEM;
    yd_err err = yd_vector_read(doc, sv, targets);
    if (err == YD_OK) {
        struct sink sink;
        yd_sink_begin(&sink, format, out);
        if (sv.len == 0) room_expect(doc, &sink);
        err = waits ? yd_emit_merged(doc, targets, &sink) : emit_state(doc, targets, &sink);
        err = yd_sink_end(&sink, err);
    }
    yd_mem(doc, targets, size, 0);
    return emit_done(out, before, err);
}

/* Lists the clients of the last transaction in doc->sections: next.clock is the clock before it. */
static yd_err touched_sort(struct yd_doc *doc)
{
    const struct touched *touched = doc->txn.touched.at;
    doc->sections.count = 0;
    YD_TRY(yd_vec_reserve(doc, &doc->sections, doc->txn.touched.count, sizeof(struct section)));
    for (uint32_t i = 0; i < doc->txn.touched.count; i++) {
        const struct client *client = client_at(doc, touched[i].client);
        *section_at(doc, doc->sections.count++) = (struct section){
            .id = client->id, .client = touched[i].client, .next = {.clock = touched[i].before}};
    }
    yd_sections_sort(doc->sections.at, doc->sections.count);
    return YD_OK;
}

/* Lists the groups of deleted spans by client: next.clock is the first span, next.left counts. */
static yd_err spans_group(struct yd_doc *doc)
{
    const struct span *spans = doc->txn.dels.at;
    doc->sections.count = 0;
    for (uint32_t i = 0; i < doc->txn.dels.count; i++) {
        if (i > 0 && spans[i].client == spans[i - 1].client) {
            section_at(doc, doc->sections.count - 1)->next.left++;
            continue;
        }
        YD_TRY(yd_vec_reserve(doc, &doc->sections, 1, sizeof(struct section)));
        *section_at(doc, doc->sections.count++) =
            (struct section){.id = client_at(doc, spans[i].client)->id,
                             .client = spans[i].client,
                             .next = {.clock = i, .left = 1}};
    }
    yd_sections_sort(doc->sections.at, doc->sections.count);
    return YD_OK;
}

yd_err yd_emit_spans(struct yd_doc *doc, struct sink *sink)
{
    YD_TRY(spans_group(doc));
    YD_TRY(sink_uint(sink, doc->sections.count));
    for (uint32_t i = 0; i < doc->sections.count; i++) {
        const struct section *group = section_at(doc, i);
        const struct span *spans = (const struct span *)doc->txn.dels.at + group->next.clock;
        YD_TRY(yd_sink_ranges(sink, group->id, group->next.left));
        for (uint32_t k = 0; k < group->next.left; k++) {
            YD_TRY(sink_range(sink, spans[k].clock, spans[k].len));
        }
    }
    return YD_OK;
}

static yd_err emit_last(struct yd_doc *doc, struct sink *sink)
{
    YD_TRY(yd_txn_complete(doc));
    YD_TRY(touched_sort(doc));
    YD_TRY(sink_uint(sink, doc->sections.count));
    struct emitter all;
    yd_emit_begin(&all, doc, sink);
    for (uint32_t i = 0; i < doc->sections.count; i++) {
        const struct section *section = section_at(doc, i);
        struct client *client = client_at(doc, section->client);
        YD_TRY(yd_emit_section(&all, client, section->next.clock));
    }
    return yd_emit_spans(doc, sink);
}

yd_err yd_doc_last_update(struct yd_doc *doc, enum yd_format format, struct yd_buf *out)
{
    if (doc->broken) return YD_ENOMEM;
    if (!sink_can(format)) return YD_EUNSUPPORTED;
    if (yd_edit_is_open(doc)) return YD_ESTATE;
    if (doc->txn.touched.count == 0 && doc->txn.dels.count == 0) return YD_OK;
    size_t before = out->len;
    struct sink sink;
    yd_sink_begin(&sink, format, out);
    yd_err err = yd_sink_end(&sink, emit_last(doc, &sink));
    doc->sections.count = 0;
    return emit_done(out, before, err);
}
