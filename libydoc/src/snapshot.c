/* snapshot.c - snapshots written, compared; the document of then.
 *
 * Where it sits:   the caller -> yd_snapshot_...() -> here -> past.c, state.c, ranges.c, sink.c
 * Source:          Yjs Snapshot.js; rules U116 to U118 in docs/encoding.md
 */
#include "ydoc/snapshot.h"

#include "codec.h"
#include "emit.h"
#include "past.h"
#include "utf8.h"

/* ---- written */

/* Ranges as V2 can say them. */
static void ranges_for_v2(struct yd_buf *ranges)
{
    if (yd_ranges_ascend(ranges)) return;
    yd_ranges_sort(ranges, true);
    yd_ranges_join(ranges);
}

/* A snapshot has no columns: of V2 only what is in none of them. */
static yd_err rest_put(struct sink *sink, struct yd_buf *out, yd_err err)
{
    if (!sink_is_v2(sink)) return err;
    if (err == YD_OK) err = yd_buf_append(out, yd_buf_slice(sink->rest));
    yd_err done = yd_sink_end(sink, YD_ESTATE); // lets go of the columns
    return done == YD_ESTATE ? err : done;
}

static yd_err encode(struct yd_doc *doc, enum yd_format format, struct yd_buf *out)
{
    struct sink sink;
    YD_TRY(yd_clients_sort(doc));
    yd_sink_begin(&sink, format, out);
    YD_TRY(rest_put(&sink, out, yd_emit_deletes(doc, &sink)));
    return yd_emit_vector(doc, out);
}

yd_err yd_snapshot_encode(struct yd_doc *doc, enum yd_format format, struct yd_buf *out)
{
    if (doc->broken) return YD_ENOMEM;
    if (format != YD_V1 && format != YD_V2) return YD_EUNSUPPORTED;
    size_t before = out->len;
    yd_err err = encode(doc, format, out);
    if (err != YD_OK) out->len = before;
    return err;
}

static yd_err past_write(struct past *past, enum yd_format format, struct yd_buf *out)
{
    struct sink sink;
    if (format == YD_V2) ranges_for_v2(&past->ranges);
    yd_sink_begin(&sink, format, out);
    YD_TRY(rest_put(&sink, out, yd_ranges_write(&past->ranges, &sink)));
    YD_TRY(yd_buf_varuint(out, past_count(past)));
    for (uint32_t i = 0; i < past_count(past); i++) {
        YD_TRY(yd_buf_varuint(out, past_at(past, i)->id));
        YD_TRY(yd_buf_varuint(out, past_at(past, i)->next.clock));
    }
    return YD_OK;
}

yd_err yd_snapshot_convert(struct yd_snapshot snapshot, enum yd_format format, struct yd_buf *out)
{
    if (format != YD_V1 && format != YD_V2) return YD_EUNSUPPORTED;
    struct past past;
    size_t before = out->len;
    yd_past_init(&past, out->alloc);
    yd_err err = yd_past_read(&past, snapshot);
    if (err == YD_OK) err = past_write(&past, format, out);
    if (err != YD_OK) out->len = before;
    yd_past_deinit(&past);
    return err;
}

/* ---- restored */

/* The first `len` units of a string; of a pair that is cut U+FFFD stays, as in Yjs. */
static yd_err string_head(yd_slice content, uint32_t len, struct yd_buf *scratch, yd_slice *head)
{
    bool half;
    size_t bytes = yd_utf8_offset(content, len, &half);
    *head = (yd_slice){content.ptr, bytes};
    if (!half) return YD_OK;
    yd_buf_clear(scratch);
    YD_TRY(yd_buf_append(scratch, *head));
    YD_TRY(yd_buf_append(scratch, YD_LITERAL("\xef\xbf\xbd")));
    *head = yd_buf_slice(scratch);
    return YD_OK;
}

/* Shortens a struct to its first clocks. */
static yd_err wire_head(struct wire *wire, uint32_t len, struct yd_buf *scratch)
{
    if (len >= wire->len) return YD_OK;
    wire->len = len;
    if (wire->ref == REF_STRING) return string_head(wire->content, len, scratch, &wire->content);
    if (wire->ref == REF_ANY || wire->ref == REF_JSON) {
        wire->content.len = yd_values_skip(wire->ref, wire->content, len);
    }
    return YD_OK;
}

static yd_err section_restore(const struct yd_doc *doc, struct client *client, uint32_t end,
                              struct sink *sink, struct yd_buf *scratch)
{
    uint32_t count = 0;
    struct smap_pos pos = smap_first();
    YD_TRY(yd_sink_section_open(sink, client->id, 0));
    for (; !smap_is_end(&client->index, pos); pos = smap_next(&client->index, pos), count++) {
        struct wire wire;
        struct id id = {client->id, smap_key(&client->index, pos)};
        if (id.clock >= end) break;
        yd_entry_wire(doc, client, pos, &wire);
        YD_TRY(wire_head(&wire, end - id.clock, scratch));
        YD_TRY(sink_struct(sink, &wire, id, 0, false));
    }
    return yd_sink_section_close(sink, count);
}

static yd_err restore(struct yd_doc *doc, struct past *past, struct sink *sink,
                      struct yd_buf *scratch)
{
    if (sink_is_v2(sink)) ranges_for_v2(&past->ranges);
    sink_sections_begin(sink);
    for (uint32_t i = 0; i < past_count(past); i++) {
        const struct section *entry = past_at(past, i);
        if (entry->next.clock == 0) continue;
        struct client *client = client_at(doc, entry->client);
        YD_TRY(section_restore(doc, client, entry->next.clock, sink, scratch));
    }
    YD_TRY(yd_sink_sections_end(sink));
    return yd_ranges_write(&past->ranges, sink);
}

yd_err yd_snapshot_restore(struct yd_doc *doc, struct yd_snapshot snapshot, enum yd_format format,
                           struct yd_buf *out)
{
    if (doc->broken) return YD_ENOMEM;
    if (format != YD_V1 && format != YD_V2) return YD_EUNSUPPORTED;
    if (!doc->opts.keep_deleted) return YD_ESTATE;
    struct past past;
    struct yd_buf scratch;
    size_t before = out->len;
    yd_past_init(&past, yd_mem_alloc(doc));
    yd_buf_init(&scratch, yd_mem_alloc(doc), SIZE_MAX / 2);
    yd_err err = yd_past_read(&past, snapshot);
    if (err == YD_OK) err = yd_past_locate(doc, &past);
    if (err == YD_OK) {
        struct sink sink;
        yd_sink_begin(&sink, format, out);
        err = yd_sink_end(&sink, restore(doc, &past, &sink, &scratch));
    }
    if (err != YD_OK) out->len = before;
    yd_past_deinit(&past);
    yd_buf_deinit(&scratch);
    return err;
}

/* ---- compared */

static bool vectors_equal(const struct past *a, const struct past *b)
{
    if (past_count(a) != past_count(b)) return false;
    for (uint32_t i = 0; i < past_count(a); i++) {
        if (past_at(a, i)->id != past_at(b, i)->id) return false;
        if (past_at(a, i)->next.clock != past_at(b, i)->next.clock) return false;
    }
    return true;
}

yd_err yd_snapshot_equal(struct yd_snapshot a, struct yd_snapshot b, yd_alloc alloc, bool *equal)
{
    struct past of_a;
    struct past of_b;
    yd_past_init(&of_a, alloc);
    yd_past_init(&of_b, alloc);
    yd_err err = yd_past_read(&of_a, a);
    if (err == YD_OK) err = yd_past_read(&of_b, b);
    if (err == YD_OK) {
        *equal = vectors_equal(&of_a, &of_b) && yd_ranges_equal(&of_a.ranges, &of_b.ranges);
    }
    yd_past_deinit(&of_a);
    yd_past_deinit(&of_b);
    return err;
}

/* Whether a snapshot has all clocks of an update. */
static bool has_structs(const struct past *past, const struct source *source)
{
    for (uint32_t i = 0; i < source_count(source); i++) {
        struct section section = *source_section(source, i);
        struct wire wire;
        const uint8_t *behind;
        uint32_t clock = yd_past_clock(past, section.id);
        for (; yd_section_peek(&section, &wire, &behind); section_step(&section, &wire, behind)) {
            if (clock < section.next.clock + wire.len) return false;
        }
    }
    return true;
}

/* Whether its deletes stay what they are when those of the update are added. */
static yd_err has_deletes(const struct past *past, const struct source *source, bool *has)
{
    struct yd_buf all;
    yd_buf_init(&all, past->ranges.alloc, SIZE_MAX / 2);
    yd_err err = yd_buf_append(&all, yd_buf_slice(&past->ranges));
    if (err == YD_OK) err = yd_ranges_collect(source, &all);
    if (err == YD_OK) {
        yd_ranges_sort(&all, true);
        yd_ranges_join(&all);
        *has = yd_ranges_equal(&past->ranges, &all);
    }
    yd_buf_deinit(&all);
    return err;
}

yd_err yd_snapshot_contains(struct yd_snapshot snapshot, struct yd_update update, yd_alloc alloc,
                            bool *contains)
{
    struct past past;
    struct source source;
    yd_past_init(&past, alloc);
    yd_source_init(&source, &past.vector);
    yd_err err = yd_past_read(&past, snapshot);
    if (err == YD_OK) err = yd_source_open(&source, update);
    if (err == YD_OK) {
        *contains = has_structs(&past, &source);
        if (*contains) err = has_deletes(&past, &source, contains);
    }
    yd_source_deinit(&source);
    yd_past_deinit(&past);
    return err;
}
