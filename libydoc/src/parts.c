/* parts.c - a document in several small updates, none of which has to wait for a later one.
 *
 * Where it sits:   the caller -> here -> state.c, sink.c, ranges.c
 * Source:          rules U90 to U93 in docs/encoding.md
 *
 * A part is chosen first, as a clock for each client up to which it goes, and written then, one
 * section a client. To choose, structs are walked in an order in which each finds what it needs:
 * its left and right neighbour at the time it was made, or its parent. One that needs a struct of
 * another client which is not there yet waits on a stack while that client is walked. Structs were
 * integrated in such an order once, so no client comes onto the stack twice; and wherever the walk
 * stops, what was taken needs nothing else.
 */
#include "ydoc/parts.h"

#include "codec.h"
#include "emit.h"
#include "source.h"
#include "utf8.h"

#include <string.h>

#define STRUCT_BYTES 16 /* bytes of one besides its content, about */

struct frame { /* a client is walked up to a clock */
    uint32_t client;
    uint32_t goal;
};

struct walk {
    struct yd_doc *doc;
    uint32_t *from, *to; /* clocks by client index */
    uint32_t *counts;    /* structs between them */
    struct frame *stack;
    uint32_t depth;
    uint64_t left; /* bytes that the part may still have */
};

static size_t walk_size(const struct yd_doc *doc)
{
    return (doc->clients.count + (size_t)1) * (3 * sizeof(uint32_t) + sizeof(struct frame));
}

static yd_err walk_init(struct walk *walk, struct yd_doc *doc, yd_slice sv, size_t bytes_max)
{
    uint32_t n = doc->clients.count;
    void *memory = yd_mem(doc, NULL, 0, walk_size(doc));
    if (memory == NULL) return YD_ENOMEM;
    memset(memory, 0, walk_size(doc));
    *walk = (struct walk){.doc = doc, .stack = memory, .left = bytes_max};
    walk->from = (uint32_t *)(void *)(walk->stack + n + 1);
    walk->to = walk->from + n;
    walk->counts = walk->to + n;
    yd_err err = yd_vector_read(doc, sv, walk->from);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t next = client_at(doc, i)->next;
        if (walk->from[i] > next) walk->from[i] = next;
        walk->to[i] = walk->from[i];
    }
    return err;
}

static void walk_deinit(struct walk *walk)
{
    if (walk->stack != NULL) yd_mem(walk->doc, walk->stack, walk_size(walk->doc), 0);
}

/* ---- choosing --------------------------------------------------------------------------------
 */

static bool lacks(const struct walk *walk, uint32_t client, uint32_t clock, struct frame *lacking)
{
    if (client == NONE || walk->to[client] > clock) return false;
    *lacking = (struct frame){client, clock + 1};
    return true;
}

/* Whether an item needs something that is not there yet. Its own client's structs are. */
static bool item_lacks(const struct walk *walk, const struct item *it, struct frame *lacking)
{
    const struct yd_doc *doc = walk->doc;
    uint32_t own = item_client(it);
    struct origin left = item_origin(doc, it), right = item_right_origin(doc, it);
    if (left.client != own && lacks(walk, left.client, left.clock, lacking)) return true;
    if (right.client != own && lacks(walk, right.client, right.clock, lacking)) return true;
    if (left.client != NONE || right.client != NONE) return false;
    const struct type *type = type_at(doc, list_at(doc, item_list(doc, it))->type);
    if (type->owner == NONE) return false;
    const struct item *owner = item_at(doc, type->owner);
    return item_client(owner) != own && lacks(walk, item_client(owner), owner->clock, lacking);
}

/* Units of a text from `offset` on that fit into `bytes`, between two characters. */
static uint32_t text_units(const struct wire *wire, uint32_t offset, size_t bytes)
{
    bool half;
    yd_slice tail = yd_content_tail(REF_STRING, wire->content, wire->len, offset, &half);
    if (tail.len <= bytes) return wire->len - offset;
    while (bytes > 0 && (tail.ptr[bytes] & 0xc0) == 0x80) bytes--;
    if (wire->content.len == wire->len) return (uint32_t)bytes;
    return yd_utf8_count((yd_slice){tail.ptr, bytes}) + half;
}

/* Values from `offset` on that fit into `bytes`, one at least. */
static uint32_t value_units(const struct wire *wire, uint32_t offset, size_t bytes)
{
    bool half;
    yd_slice tail = yd_content_tail(wire->ref, wire->content, wire->len, offset, &half);
    size_t used = 0;
    for (uint32_t n = 0; offset + n < wire->len; n++) {
        used += yd_values_skip(wire->ref, (yd_slice){tail.ptr + used, tail.len - used}, 1);
        if (used > bytes && n > 0) return n;
    }
    return wire->len - offset;
}

/* How many clocks of a struct, from `offset` on, belong into a part with so much room. */
static uint32_t units_that_fit(const struct wire *wire, uint32_t offset, uint64_t room)
{
    uint32_t all = wire->len - offset;
    size_t bytes = room < STRUCT_BYTES ? STRUCT_BYTES : (size_t)room;
    if (wire->content.len <= bytes) return all;
    uint32_t units = all;
    if (wire->ref == REF_STRING) units = text_units(wire, offset, bytes);
    if (wire->ref == REF_ANY || wire->ref == REF_JSON) units = value_units(wire, offset, bytes);
    return units == 0 ? all : units;
}

/* The struct in which a client's clock lies, up to `end`; returns its own first clock. */
static uint32_t part_struct_at(const struct yd_doc *doc, struct client *client, uint32_t clock,
                               struct wire *wire, struct smap_pos *pos)
{
    bool found = yd_smap_find(&client->index, clock, pos);
    YD_ASSERT(found);
    yd_entry_wire(doc, client, *pos, wire);
    return smap_key(&client->index, *pos);
}

static void take(struct walk *walk, uint32_t index, const struct wire *wire, uint32_t offset)
{
    uint32_t units = units_that_fit(wire, offset, walk->left);
    uint64_t cost = STRUCT_BYTES;
    if (wire->len > 0) cost += (uint64_t)wire->content.len * units / wire->len;
    // The rest of one of which a part was taken already is the same struct.
    if (offset == 0 || walk->to[index] == walk->from[index]) walk->counts[index]++;
    walk->to[index] += units;
    walk->left = cost < walk->left ? walk->left - cost : 0;
}

/* One step of the client on top of the stack. */
static void walk_step(struct walk *walk)
{
    struct frame top = walk->stack[walk->depth - 1];
    struct client *client = client_at(walk->doc, top.client);
    uint32_t clock = walk->to[top.client];
    if (clock >= top.goal) {
        walk->depth--;
        return;
    }
    struct wire wire;
    struct smap_pos pos;
    struct frame lacking;
    uint32_t start = part_struct_at(walk->doc, client, clock, &wire, &pos);
    uint32_t value = smap_value(&client->index, pos);
    bool waits = value != INDEX_GC && walk->depth < walk->doc->clients.count &&
                 item_lacks(walk, item_at(walk->doc, value), &lacking);
    if (waits) {
        walk->stack[walk->depth++] = lacking;
    } else {
        take(walk, top.client, &wire, clock - start);
    }
}

static void walk_choose(struct walk *walk)
{
    for (uint32_t i = walk->doc->by_id.count; i-- > 0 && walk->left > 0;) {
        uint32_t index = by_id_at(walk->doc, i);
        walk->stack[0] = (struct frame){index, client_at(walk->doc, index)->next};
        walk->depth = 1;
        while (walk->depth > 0 && walk->left > 0) walk_step(walk);
    }
}

/* ---- writing ---------------------------------------------------------------------------------
 */

/* The beginning of a struct: what is cut off comes in a later part. */
static void wire_cut(struct wire *wire, uint32_t units)
{
    bool half;
    if (units >= wire->len) return;
    yd_slice tail = yd_content_tail(wire->ref, wire->content, wire->len, units, &half);
    wire->content.len -= tail.len;
    wire->len = units;
}

static yd_err section_write(const struct walk *walk, uint32_t index, struct sink *sink)
{
    struct client *client = client_at(walk->doc, index);
    YD_TRY(yd_sink_section(sink, walk->counts[index], client->id, walk->from[index]));
    for (uint32_t clock = walk->from[index]; clock < walk->to[index];) {
        struct wire wire;
        struct smap_pos pos;
        uint32_t start = part_struct_at(walk->doc, client, clock, &wire, &pos);
        uint32_t end = client_entry_end(client, pos);
        if (end > walk->to[index]) end = walk->to[index];
        wire_cut(&wire, end - start);
        YD_TRY(sink_struct(sink, &wire, (struct id){client->id, start}, clock - start, false));
        clock = end;
    }
    return YD_OK;
}

static yd_err sections_write(const struct walk *walk, struct yd_buf *out)
{
    struct sink sink;
    uint32_t sections = 0;
    for (uint32_t i = 0; i < walk->doc->clients.count; i++) sections += walk->counts[i] > 0;
    yd_sink_begin(&sink, YD_V1, out);
    YD_TRY(sink_uint(&sink, sections));
    for (uint32_t i = walk->doc->by_id.count; i-- > 0;) {
        uint32_t index = by_id_at(walk->doc, i);
        if (walk->counts[index] > 0) YD_TRY(section_write(walk, index, &sink));
    }
    return YD_OK;
}

static yd_err after_write(const struct walk *walk, struct yd_buf *after, bool *all)
{
    const struct yd_doc *doc = walk->doc;
    uint32_t count = 0;
    *all = true;
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        count += walk->to[i] > 0;
        if (walk->to[i] < client_at(doc, i)->next) *all = false;
    }
    YD_TRY(yd_buf_varuint(after, count));
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        if (walk->to[i] == 0) continue;
        YD_TRY(yd_buf_varuint(after, client_at(doc, i)->id));
        YD_TRY(yd_buf_varuint(after, walk->to[i]));
    }
    return YD_OK;
}

yd_err yd_doc_encode_part(struct yd_doc *doc, yd_slice sv, size_t bytes_max, struct yd_buf *out,
                          struct yd_buf *after, bool *all)
{
    if (doc->broken) return YD_ENOMEM;
    size_t out_before = out->len;
    size_t after_before = after->len;
    struct walk walk = {.stack = NULL};
    YD_TRY(yd_clients_sort(doc));
    yd_err err = walk_init(&walk, doc, sv, bytes_max);
    if (err == YD_OK) {
        walk_choose(&walk);
        err = sections_write(&walk, out);
    }
    if (err == YD_OK) err = after_write(&walk, after, all);
    walk_deinit(&walk);
    if (err != YD_OK) {
        out->len = out_before;
        after->len = after_before;
    }
    return err;
}

/* ---- deletes ---------------------------------------------------------------------------------
 */

static yd_err range_add(struct yd_buf *list, uint64_t client, uint32_t clock, uint32_t end)
{
    struct range range = {.client = client, .clock = clock, .len = end - clock};
    if (clock >= end) return YD_OK;
    return yd_buf_append(list, (yd_slice){(const uint8_t *)&range, sizeof range});
}

/* The ranges of a client without those of a sorted, joined list, of which *at is the first that
 * may be this client's. */
static yd_err client_subtract(const struct client *client, const struct yd_buf *had, size_t *at,
                              struct yd_buf *list)
{
    const struct range *ranges = (const void *)had->ptr;
    size_t n = had->len / sizeof *ranges;
    while (*at < n && ranges[*at].client > client->id) (*at)++;
    size_t i = *at;
    const struct smap *dels = &client->dels;
    for (struct smap_pos pos = smap_first(); !smap_is_end(dels, pos); pos = smap_next(dels, pos)) {
        uint32_t clock = smap_key(dels, pos);
        uint32_t end = clock + smap_value(dels, pos);
        for (; i < n && ranges[i].client == client->id && ranges[i].clock < end; i++) {
            uint32_t behind = ranges[i].clock + ranges[i].len;
            YD_TRY(range_add(list, client->id, clock, ranges[i].clock));
            if (behind > clock) clock = behind;
            if (behind > end) break; // it may reach into the next one
        }
        YD_TRY(range_add(list, client->id, clock, end));
    }
    return YD_OK;
}

static yd_err deletes_subtract(struct yd_doc *doc, yd_slice has, struct yd_buf *list)
{
    struct source source;
    struct yd_buf had;
    yd_source_init(&source, list);
    yd_buf_init(&had, list->alloc, SIZE_MAX / 2);
    yd_err err = yd_source_open(&source, (struct yd_update){has, YD_V1});
    if (err == YD_OK) err = yd_ranges_collect(&source, &had);
    if (err == YD_OK) {
        yd_ranges_sort(&had, true);
        yd_ranges_join(&had);
    }
    size_t at = 0;
    for (uint32_t i = doc->by_id.count; i-- > 0 && err == YD_OK;) {
        err = client_subtract(client_at(doc, by_id_at(doc, i)), &had, &at, list);
    }
    yd_buf_deinit(&had);
    yd_source_deinit(&source);
    return err;
}

static yd_err deletes_without(struct yd_doc *doc, yd_slice has, struct sink *sink)
{
    struct yd_buf list;
    yd_buf_init(&list, sink->out->alloc, SIZE_MAX / 2);
    yd_err err = deletes_subtract(doc, has, &list);
    if (err == YD_OK) err = yd_ranges_write(&list, sink);
    yd_buf_deinit(&list);
    return err;
}

yd_err yd_doc_encode_deletes(struct yd_doc *doc, yd_slice has, struct yd_buf *out)
{
    if (doc->broken) return YD_ENOMEM;
    size_t before = out->len;
    struct sink sink;
    YD_TRY(yd_clients_sort(doc));
    yd_sink_begin(&sink, YD_V1, out);
    yd_err err = has.len == 0 ? yd_emit_deletes(doc, &sink) : deletes_without(doc, has, &sink);
    if (err != YD_OK) out->len = before;
    return err;
}

yd_err yd_doc_last_deletes(struct yd_doc *doc, struct yd_buf *out)
{
    if (doc->broken) return YD_ENOMEM;
    size_t before = out->len;
    struct sink sink;
    yd_sink_begin(&sink, YD_V1, out);
    yd_err err = yd_txn_complete(doc);
    if (err == YD_OK) err = yd_emit_spans(doc, &sink);
    doc->sections.count = 0;
    if (err != YD_OK) out->len = before;
    return err;
}

size_t yd_doc_deletes_size(const struct yd_doc *doc)
{
    size_t size = 1;
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        uint32_t ranges = smap_total(&client_at(doc, i)->dels);
        if (ranges > 0) size += 6 + (size_t)ranges * 4;
    }
    return size;
}
