/* merge.c - many updates as one, without a document.
 *
 * Where it sits:   the caller -> yd_update_merge() -> here -> source.c, fold.c, ranges.c
 * Source:          Yjs mergeUpdates; rules U80 and U86 in docs/encoding.md
 *
 * Yjs sorts all its readers anew for every run of structs. Here every section is a lane. Of each
 * client the lanes that nothing was read of yet wait in order, which is the order they came in when
 * updates follow one another, and those that are begun lie in a heap, mostly of none or one.
 * Everything else is as in Yjs, whose choices show in the bytes: the reader at hand goes on as long
 * as its structs follow one another, of readers at the same clock the one that was read last comes
 * first, and a GC grows only where readers change.
 */
#include "codec.h"
#include "fold.h"
#include "source.h"

/* What is left of one section. */
struct lane {
    uint64_t id; /* of the client */
    const uint8_t *at;
    const uint8_t *end;
    uint32_t left;   /* structs */
    uint32_t clock;  /* of the next one */
    uint32_t update; /* which one it is of */
    uint32_t span;   /* clocks, where all is items that are written as they stand; otherwise 0 */
};

struct merge {
    struct source source; /* the update at hand */
    struct yd_buf
        inners; /* struct yd_buf: the inner forms of those in V2, which lanes point into */
    struct yd_buf lanes;
    struct yd_buf deletes; /* struct range */
    uint32_t *turns;       /* per update: the lower, the later it was read */
    uint32_t turn;
    struct wire wire;      /* the struct at hand */
    const uint8_t *behind; /* where it ends */
};

/* Clients from the highest; of one, who is to be read first. */
static bool lane_before(const struct merge *m, const struct lane *a, const struct lane *b)
{
    if (a->id != b->id) return a->id > b->id;
    if (a->clock != b->clock) return a->clock < b->clock;
    return m->turns[a->update] < m->turns[b->update];
}

static void lanes_sift(const struct merge *m, struct lane *heap, uint32_t n, uint32_t root,
                       bool last_on_top)
{
    for (uint32_t child; (child = root * 2 + 1) < n; root = child) {
        bool other = child + 1 < n && lane_before(m, &heap[child + 1], &heap[child]) != last_on_top;
        if (other) child++;
        if (lane_before(m, &heap[child], &heap[root]) == last_on_top) return;
        struct lane kept = heap[root];
        heap[root] = heap[child];
        heap[child] = kept;
    }
}

static void lanes_sort(const struct merge *m, struct lane *lanes, uint32_t n)
{
    uint32_t sorted = 1;
    while (sorted < n && lane_before(m, &lanes[sorted - 1], &lanes[sorted])) sorted++;
    if (sorted >= n) return;
    for (uint32_t i = n / 2; i-- > 0;) lanes_sift(m, lanes, n, i, true);
    while (n > 1) {
        struct lane kept = lanes[0];
        lanes[0] = lanes[--n];
        lanes[n] = kept;
        lanes_sift(m, lanes, n, 0, true);
    }
}

/* Puts a lane into a heap of `n`, behind which there is room. */
static void lane_push(const struct merge *m, struct lane *heap, uint32_t n, struct lane lane)
{
    while (n > 0 && lane_before(m, &lane, &heap[(n - 1) / 2])) {
        heap[n] = heap[(n - 1) / 2];
        n = (n - 1) / 2;
    }
    heap[n] = lane;
}

static void lane_step(const struct merge *m, struct lane *lane)
{
    lane->at = m->behind;
    lane->clock += m->wire.len;
    lane->left--;
}

/* The next struct that is no Skip. */
static bool lane_peek(struct merge *m, struct lane *lane)
{
    while (lane->left > 0) {
        struct yd_reader r = {lane->at, lane->end, false};
        yd_v1_read(&r, &m->wire);
        m->behind = r.at;
        if (m->wire.ref != REF_SKIP) return true;
        lane_step(m, lane);
    }
    return false;
}

/* Reads on in the lane whose turn it is, until another may come first. */
static yd_err lane_turn(struct merge *m, struct lane *lane, struct fold *fold)
{
    bool passed = false;
    bool more = lane_peek(m, lane);
    while (more && fold->end != NONE && lane->clock + m->wire.len <= fold->end) {
        lane_step(m, lane);
        passed = true;
        more = lane_peek(m, lane);
    }
    if (!more || (passed && lane->clock > fold->end)) return YD_OK;
    YD_TRY(yd_fold_add(fold, &m->wire, lane->clock, true));
    if (fold->grew) return YD_OK;
    lane_step(m, lane);
    while (lane_peek(m, lane) && lane->clock == fold->end) {
        YD_TRY(yd_fold_add(fold, &m->wire, lane->clock, false));
        lane_step(m, lane);
    }
    return YD_OK;
}

/* Whether a lane that nothing was read of goes on where the section ends, and can be copied. */
static bool lane_stands(const struct lane *lane, const struct fold *fold)
{
    if (TRAVELS || lane->span == 0 || fold->sink->is_v2 || fold->gc_len > 0) return false;
    return fold->end == NONE || fold->end == lane->clock;
}

static yd_err lane_copy(struct lane *lane, struct fold *fold)
{
    if (fold->end == NONE) YD_TRY(yd_sink_section_open(fold->sink, fold->id, lane->clock));
    yd_slice structs = {lane->at, (size_t)(lane->end - lane->at)};
    YD_TRY(yd_buf_append(fold->sink->rest, structs));
    fold->end = lane->clock + lane->span;
    fold->count += lane->left;
    lane->left = 0;
    return YD_OK;
}

/* All lanes of one client. The turns of a client before it may have changed their order. */
static yd_err group_merge(struct merge *m, struct lane *lanes, uint32_t n, struct sink *sink)
{
    struct fold fold = fold_of(sink, lanes[0].id, 0);
    uint32_t begun = 0, next = 0; // lanes[0..begun) are a heap, lanes[next..n) wait
    lanes_sort(m, lanes, n);
    while (begun > 0 || next < n) {
        bool goes_on = begun > 0 && (next == n || lane_before(m, &lanes[0], &lanes[next]));
        struct lane *lane = &lanes[goes_on ? 0 : next++];
        bool stands = !goes_on && lane_stands(lane, &fold);
        YD_TRY(stands ? lane_copy(lane, &fold) : lane_turn(m, lane, &fold));
        m->turns[lane->update] = --m->turn;
        if (!goes_on) {
            if (lane->left > 0) lane_push(m, lanes, begun++, *lane);
            continue;
        }
        if (lane->left == 0) lanes[0] = lanes[--begun];
        lanes_sift(m, lanes, begun, 0, false);
    }
    return yd_fold_end(&fold);
}

static yd_err merge_write(struct merge *m, struct sink *sink)
{
    struct lane *lanes = (void *)m->lanes.ptr;
    uint32_t count = (uint32_t)(m->lanes.len / sizeof *lanes);
    lanes_sort(m, lanes, count);
    sink_sections_begin(sink);
    for (uint32_t i = 0; i < count;) {
        uint32_t end = i + 1;
        while (end < count && lanes[end].id == lanes[i].id) end++;
        YD_TRY(group_merge(m, lanes + i, end - i, sink));
        i = end;
    }
    YD_TRY(yd_sink_sections_end(sink));
    yd_ranges_sort(&m->deletes, true);
    yd_ranges_join(&m->deletes);
    return yd_ranges_write(&m->deletes, sink);
}

/* Takes what there is out of the update at hand, so that the next one can take its place. */
static yd_err update_take(struct merge *m, uint32_t update)
{
    for (uint32_t i = 0; i < source_count(&m->source); i++) {
        const struct section *section = source_section(&m->source, i);
        const struct cursor *next = &section->next;
        struct lane lane = {section->id, next->at, next->end, next->left, next->clock, update, 0};
        if (next->left > 0 && *next->at == REF_SKIP) (void)lane_peek(m, &lane);
        YD_TRY(yd_buf_append(&m->lanes, (yd_slice){(const uint8_t *)&lane, sizeof lane}));
    }
    YD_TRY(yd_ranges_collect(&m->source, &m->deletes));
    struct yd_buf *inner = &m->source.inner.bytes;
    if (inner->ptr == NULL) return YD_OK;
    YD_TRY(yd_buf_append(&m->inners, (yd_slice){(const uint8_t *)inner, sizeof *inner}));
    yd_buf_init(inner, inner->alloc, inner->max);
    return YD_OK;
}

/* Most updates are in V1 with a section at most. They are checked and taken at once. In wasm that
 * would be some more of the module. */
static bool is_short(const struct yd_update *update)
{
    return !TRAVELS && update->format == YD_V1 && update->bytes.len > 0 &&
           update->bytes.ptr[0] <= 1;
}

static yd_err section_copy_whole(struct merge *m, struct yd_reader *r, uint32_t update)
{
    struct lane lane = {.left = (uint32_t)yd_count_read(r, 2), .update = update};
    const uint8_t *at = r->at;
    lane.id = codec_varuint(r);
    struct codec_id own = codec_id_of(r, at, lane.id);
    uint64_t clock = codec_clock(r);
    if (r->failed || clock >= CLOCK_MAX) return YD_EMALFORMED;
    lane.clock = (uint32_t)clock;
    lane.at = r->at;
    bool stands = true;
    for (uint32_t i = 0; i < lane.left; i++) {
        at = r->at;
        yd_v1_check(r, &own, (uint32_t)clock, false, &m->wire);
        if (r->failed) return YD_EMALFORMED;
        clock += m->wire.len;
        stands = stands && yd_v1_stands(&m->wire, (yd_slice){at, (size_t)(r->at - at)});
    }
    lane.end = r->at;
    if (stands) lane.span = (uint32_t)clock - lane.clock;
    if (lane.left > 0 && *lane.at == REF_SKIP) (void)lane_peek(m, &lane);
    YD_TRY(yd_buf_reserve(&m->lanes, sizeof lane));
    *(struct lane *)(void *)(m->lanes.ptr + m->lanes.len) = lane;
    m->lanes.len += sizeof lane;
    return YD_OK;
}

static yd_err short_take(struct merge *m, yd_slice bytes, uint32_t update)
{
    struct update_plan plan;
    struct yd_reader r = {bytes.ptr + 1, bytes.ptr + bytes.len, false};
    if (bytes.ptr[0] == 1) YD_TRY(section_copy_whole(m, &r, update));
    if (yd_reader_left(&r) > 0 && *r.at == 0) return YD_OK; // nothing is deleted
    yd_deletes_check(&r, &plan);
    if (r.failed) return YD_EMALFORMED;
    m->source.deletes = plan.deletes;
    size_t before = m->deletes.len;
    YD_TRY(yd_ranges_collect(&m->source, &m->deletes));
    yd_ranges_gather(&m->deletes, before);
    return YD_OK;
}

static yd_err updates_take(struct merge *m, const struct yd_update *updates, size_t count,
                           size_t *bad)
{
    for (size_t i = 0; i < count; i++) {
        m->turns[i] = m->turn + (uint32_t)i;
        bool whole = is_short(&updates[i]);
        yd_err err = whole ? short_take(m, updates[i].bytes, (uint32_t)i)
                           : yd_source_open(&m->source, updates[i]);
        if (err == YD_EMALFORMED) *bad = i;
        YD_TRY(err);
        if (!whole) YD_TRY(update_take(m, (uint32_t)i));
    }
    return YD_OK;
}

/* Makes room, merges, and lets go of it. */
static yd_err merge_all(const struct yd_update *updates, size_t count, struct sink *sink,
                        size_t *bad)
{
    struct merge m = {.turn = UINT32_MAX / 2};
    yd_alloc alloc = sink->out->alloc;
    size_t turns_size = count * sizeof *m.turns;
    m.turns = alloc.resize(alloc.ctx, NULL, 0, turns_size);
    if (m.turns == NULL) return YD_ENOMEM;
    yd_source_init(&m.source, sink->out);
    yd_buf_init(&m.inners, alloc, SIZE_MAX / 2);
    yd_buf_init(&m.lanes, alloc, SIZE_MAX / 2);
    yd_buf_init(&m.deletes, alloc, SIZE_MAX / 2);
    yd_err err = updates_take(&m, updates, count, bad);
    if (err == YD_OK) err = merge_write(&m, sink);
    struct yd_buf *inners = (void *)m.inners.ptr;
    for (size_t i = 0; i < m.inners.len / sizeof *inners; i++) yd_buf_deinit(&inners[i]);
    yd_buf_deinit(&m.inners);
    yd_buf_deinit(&m.lanes);
    yd_buf_deinit(&m.deletes);
    yd_source_deinit(&m.source);
    alloc.resize(alloc.ctx, m.turns, turns_size, 0);
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
    if (!sink_can(format)) return YD_EUNSUPPORTED;
    if (count == 1) return single(updates[0], format, out);
    if (count > UINT32_MAX / 4) return YD_ETOOBIG;
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
