/* update.c - updates without a document: cut, converted, looked at.
 *
 * Where it sits:   the caller -> here -> source.c, ranges.c, sink.c
 * Source:          Yjs diffUpdate, convertUpdateFormat, encodeStateVectorFromUpdate; rules U81 to
 *                  U85 in docs/encoding.md
 */
#include "codec.h"
#include "source.h"

/* Format V2 can only say ranges that ascend: others are sorted and joined. */
yd_err yd_deletes_copy(const struct source *source, struct sink *sink)
{
    struct yd_buf list;
    yd_buf_init(&list, sink->out->alloc, SIZE_MAX / 2);
    yd_err err = yd_ranges_collect(source, &list);
    if (err == YD_OK) {
        yd_ranges_sort(&list, false);
        if (sink_is_v2(sink) && !yd_ranges_ascend(&list)) {
            yd_ranges_sort(&list, true);
            yd_ranges_join(&list);
        }
        err = yd_ranges_write(&list, sink);
    }
    yd_buf_deinit(&list);
    return err;
}

/* One section from a clock on. What comes before the first struct written is left out, Skips
 * behind it are copied. from 0 and `whole`: all of it. */
static yd_err section_copy(struct section section, uint32_t from, bool whole, struct sink *sink)
{
    struct wire wire;
    const uint8_t *behind;
    uint32_t count = 0;
    for (; yd_section_peek(&section, &wire, &behind); section_step(&section, &wire, behind)) {
        uint32_t clock = section.next.clock;
        uint32_t offset = count == 0 && from > clock ? from - clock : 0;
        if (count == 0 && !whole && (wire.ref == REF_SKIP || offset >= wire.len)) continue;
        if (count++ == 0) YD_TRY(yd_sink_section_open(sink, section.id, clock + offset));
        YD_TRY(sink_struct(sink, &wire, (struct id){section.id, clock}, offset, true));
    }
    return count == 0 ? YD_OK : yd_sink_section_close(sink, count);
}

/* A state vector as sections: id and next.clock. */
static yd_err vector_list(yd_slice sv, struct yd_buf *vector)
{
    struct yd_reader r = yd_reader_of(sv);
    uint64_t count = sv.len == 0 ? 0 : codec_varuint(&r);
    for (uint64_t i = 0; i < count && !r.failed; i++) {
        struct section entry = {.id = codec_varuint(&r)};
        uint64_t clock = codec_varuint(&r);
        entry.next.clock = clock > CLOCK_MAX ? CLOCK_MAX : (uint32_t)clock;
        if (r.failed) break;
        YD_TRY(yd_buf_append(vector, (yd_slice){(const uint8_t *)&entry, sizeof entry}));
    }
    if (r.failed) return YD_EMALFORMED;
    yd_sections_sort((void *)vector->ptr, (uint32_t)(vector->len / sizeof(struct section)));
    return YD_OK;
}

/* Clock of a client in a sorted vector, 0 without one. */
static uint32_t vector_clock(const struct yd_buf *vector, uint64_t id)
{
    const struct section *entries = (const void *)vector->ptr;
    size_t low = 0;
    size_t high = vector->len / sizeof *entries;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (entries[mid].id == id) return entries[mid].next.clock;
        if (entries[mid].id > id) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return 0;
}

/* vector NULL: the whole update, leading Skips and all. */
static yd_err source_copy(const struct source *source, const struct yd_buf *vector,
                          struct sink *sink)
{
    sink_sections_begin(sink);
    for (uint32_t i = 0; i < source_count(source); i++) {
        const struct section *section = source_section(source, i);
        uint32_t from = vector == NULL ? 0 : vector_clock(vector, section->id);
        YD_TRY(section_copy(*section, from, vector == NULL, sink));
    }
    YD_TRY(yd_sink_sections_end(sink));
    return yd_deletes_copy(source, sink);
}

/* Takes back what a failed call appended. */
static yd_err update_done(struct yd_buf *out, size_t before, yd_err err)
{
    if (err != YD_OK) out->len = before;
    return err;
}

static yd_err update_copy(struct yd_update update, const struct yd_buf *vector,
                          enum yd_format format, struct yd_buf *out)
{
    size_t before = out->len;
    struct source source;
    yd_source_init(&source, out);
    yd_err err = yd_source_open(&source, update);
    if (err == YD_OK) {
        struct sink sink;
        yd_sink_begin(&sink, format, out);
        err = yd_sink_end(&sink, source_copy(&source, vector, &sink));
    }
    yd_source_deinit(&source);
    return update_done(out, before, err);
}

yd_err yd_update_convert(struct yd_update update, enum yd_format format, struct yd_buf *out)
{
    if (!sink_can(format)) return YD_EUNSUPPORTED;
    return update_copy(update, NULL, format, out);
}

yd_err yd_update_diff(struct yd_update update, yd_slice sv, enum yd_format format,
                      struct yd_buf *out)
{
    if (!sink_can(format)) return YD_EUNSUPPORTED;
    struct yd_buf vector;
    yd_buf_init(&vector, out->alloc, SIZE_MAX / 2);
    yd_err err = vector_list(sv, &vector);
    if (err == YD_OK) err = update_copy(update, &vector, format, out);
    yd_buf_deinit(&vector);
    return err;
}

/* Clock behind the structs that lie without a gap from clock 0 on. */
static uint32_t section_state(struct section section)
{
    struct wire wire;
    const uint8_t *behind;
    if (section.next.clock != 0) return 0;
    while (yd_section_peek(&section, &wire, &behind) && wire.ref != REF_SKIP) {
        section_step(&section, &wire, behind);
    }
    return section.next.clock;
}

yd_err yd_update_state_vector(struct yd_update update, struct yd_buf *out)
{
    size_t before = out->len;
    struct source source;
    yd_source_init(&source, out);
    yd_err err = yd_source_open(&source, update);
    struct sink sink;
    yd_sink_begin(&sink, YD_V1, out);
    sink_sections_begin(&sink);
    for (uint32_t i = 0; i < source_count(&source) && err == YD_OK; i++) {
        const struct section *section = source_section(&source, i);
        uint32_t state = section_state(*section);
        if (state > 0) err = yd_sink_section_open(&sink, section->id, state);
    }
    if (err == YD_OK) err = yd_sink_sections_end(&sink);
    err = yd_sink_end(&sink, err);
    yd_source_deinit(&source);
    return update_done(out, before, err);
}
