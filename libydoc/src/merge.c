/* merge.c - many updates as one, without a document.
 *
 * Where it sits:   the caller -> yd_update_merge() -> here -> source.c, fold.c, ranges.c
 * Source:          Yjs mergeUpdates; rules U80 and U86 in docs/encoding.md
 *
 * Yjs sorts all its readers anew for every run of structs. Here the sections of a client lie in a
 * heap by their next clock. Everything else is as in Yjs, whose choices show in the bytes: the
 * reader at hand goes on as long as its structs follow one another, of readers at the same clock
 * the one that was read last comes first, and a GC grows only where readers change.
 */
#include "codec.h"
#include "fold.h"
#include "source.h"

struct merge {
    struct source *sources;
    uint32_t *turns; /* per source: the lower, the later it was read */
    uint32_t turn;
    struct section *sections; /* of all sources; `client` is the source, highest id first */
    uint32_t count;
    struct wire wire;
};

static bool comes_before(const struct merge *m, const struct section *a, const struct section *b)
{
    if (a->next.clock != b->next.clock) return a->next.clock < b->next.clock;
    return m->turns[a->client] < m->turns[b->client];
}

static void group_sift(const struct merge *m, struct section *heap, uint32_t root, uint32_t n)
{
    for (uint32_t child; (child = root * 2 + 1) < n; root = child) {
        if (child + 1 < n && comes_before(m, &heap[child + 1], &heap[child])) child++;
        if (!comes_before(m, &heap[child], &heap[root])) return;
        struct section kept = heap[root];
        heap[root] = heap[child];
        heap[child] = kept;
    }
}

/* The next struct that is no Skip. */
static bool group_peek(struct merge *m, struct section *section, const uint8_t **behind)
{
    while (yd_section_peek(section, &m->wire, behind)) {
        if (m->wire.ref != REF_SKIP) return true;
        section_step(section, &m->wire, *behind);
    }
    return false;
}

/* Reads on in the section whose turn it is, until another may come first. */
static yd_err section_turn(struct merge *m, struct section *section, struct fold *fold)
{
    const uint8_t *behind;
    bool passed = false;
    bool more = group_peek(m, section, &behind);
    while (more && fold->end != NONE && section->next.clock + m->wire.len <= fold->end) {
        section_step(section, &m->wire, behind);
        passed = true;
        more = group_peek(m, section, &behind);
    }
    if (!more || (passed && section->next.clock > fold->end)) return YD_OK;
    YD_TRY(yd_fold_add(fold, &m->wire, section->next.clock, true));
    if (fold->grew) return YD_OK;
    section_step(section, &m->wire, behind);
    while (group_peek(m, section, &behind) && section->next.clock == fold->end) {
        YD_TRY(yd_fold_add(fold, &m->wire, section->next.clock, false));
        section_step(section, &m->wire, behind);
    }
    return YD_OK;
}

/* All sections of one client. */
static yd_err group_merge(struct merge *m, struct section *heap, uint32_t n, struct sink *sink)
{
    const uint8_t *behind;
    struct fold fold = fold_of(sink, heap[0].id, 0);
    for (uint32_t i = 0; i < n; i++) (void)group_peek(m, &heap[i], &behind); // over Skips
    for (uint32_t i = n / 2; i-- > 0;) group_sift(m, heap, i, n);
    while (n > 0) {
        uint32_t source = heap[0].client;
        YD_TRY(section_turn(m, &heap[0], &fold));
        m->turns[source] = --m->turn;
        if (heap[0].next.left == 0) heap[0] = heap[--n];
        group_sift(m, heap, 0, n);
    }
    return yd_fold_end(&fold);
}

static yd_err deletes_merge(const struct merge *m, size_t count, struct sink *sink)
{
    struct yd_buf list;
    yd_buf_init(&list, sink->out->alloc, SIZE_MAX / 2);
    yd_err err = YD_OK;
    for (size_t i = 0; i < count && err == YD_OK; i++) {
        err = yd_ranges_collect(&m->sources[i], &list);
    }
    if (err == YD_OK) {
        yd_ranges_sort(&list, true);
        yd_ranges_join(&list);
        err = yd_ranges_write(&list, sink);
    }
    yd_buf_deinit(&list);
    return err;
}

static yd_err sections_merge(struct merge *m, size_t count, struct sink *sink)
{
    yd_sections_sort(m->sections, m->count);
    sink_sections_begin(sink);
    for (uint32_t i = 0; i < m->count;) {
        uint32_t end = i + 1;
        while (end < m->count && m->sections[end].id == m->sections[i].id) end++;
        YD_TRY(group_merge(m, m->sections + i, end - i, sink));
        i = end;
    }
    YD_TRY(yd_sink_sections_end(sink));
    return deletes_merge(m, count, sink);
}

/* Lists the sections of all sources. */
static yd_err sources_join(struct merge *m, size_t count, struct yd_buf *sections)
{
    for (size_t i = 0; i < count; i++) {
        m->turns[i] = m->turn + (uint32_t)i;
        for (uint32_t k = 0; k < source_count(&m->sources[i]); k++) {
            struct section section = *source_section(&m->sources[i], k);
            section.client = (uint32_t)i;
            YD_TRY(yd_buf_append(sections, (yd_slice){(const uint8_t *)&section, sizeof section}));
        }
    }
    m->sections = (void *)sections->ptr;
    m->count = (uint32_t)(sections->len / sizeof(struct section));
    return YD_OK;
}

static yd_err merge_run(struct merge *m, const struct yd_update *updates, size_t count,
                        struct sink *sink, size_t *bad)
{
    struct yd_buf sections;
    yd_buf_init(&sections, sink->out->alloc, SIZE_MAX / 2);
    yd_err err = YD_OK;
    for (size_t i = 0; i < count && err == YD_OK; i++) {
        err = yd_source_open(&m->sources[i], updates[i]);
        if (err == YD_EMALFORMED) *bad = i;
    }
    if (err == YD_OK) err = sources_join(m, count, &sections);
    if (err == YD_OK) err = sections_merge(m, count, sink);
    yd_buf_deinit(&sections);
    return err;
}

/* Makes room for the sources, merges, and lets go of them. */
static yd_err merge_all(const struct yd_update *updates, size_t count, struct sink *sink,
                        size_t *bad)
{
    struct merge m = {.turn = UINT32_MAX / 2};
    yd_alloc alloc = sink->out->alloc;
    size_t sources_size = count * sizeof *m.sources;
    size_t turns_size = count * sizeof *m.turns;
    m.sources = alloc.resize(alloc.ctx, NULL, 0, sources_size);
    if (m.sources == NULL) return YD_ENOMEM;
    m.turns = alloc.resize(alloc.ctx, NULL, 0, turns_size);
    for (size_t i = 0; i < count; i++) yd_source_init(&m.sources[i], sink->out);
    yd_err err = m.turns == NULL ? YD_ENOMEM : merge_run(&m, updates, count, sink, bad);
    for (size_t i = 0; i < count; i++) yd_source_deinit(&m.sources[i]);
    if (m.turns != NULL) alloc.resize(alloc.ctx, m.turns, turns_size, 0);
    alloc.resize(alloc.ctx, m.sources, sources_size, 0);
    return err;
}

/* A single update is what it is. */
static yd_err single(struct yd_update update, enum yd_format format, struct yd_buf *out)
{
    if (update.format != format) return yd_update_convert(update, format, out);
    struct source source;
    yd_source_init(&source, out);
    yd_err err = yd_source_open(&source, update);
    yd_source_deinit(&source);
    return err == YD_OK ? yd_buf_append(out, update.bytes) : err;
}

yd_err yd_update_merge(const struct yd_update *updates, size_t count, enum yd_format format,
                       struct yd_buf *out, size_t *bad)
{
    size_t unused;
    size_t before = out->len;
    if (bad == NULL) bad = &unused;
    *bad = 0;
    if (format != YD_V1 && format != YD_V2) return YD_EUNSUPPORTED;
    if (count == 1) return single(updates[0], format, out);
    if (count > UINT32_MAX / 4 || count > SIZE_MAX / sizeof(struct source)) return YD_ETOOBIG;
    struct sink sink;
    yd_sink_begin(&sink, format, out);
    yd_err err = YD_OK;
    if (count == 0) {
        err = sink_uint(&sink, 0);
        if (err == YD_OK) err = sink_uint(&sink, 0);
    } else {
        err = merge_all(updates, count, &sink, bad);
    }
    err = yd_sink_end(&sink, err);
    if (err != YD_OK) out->len = before;
    return err;
}
