/* ranges.c - delete sets without a document.
 *
 * Where it sits:   update.c -> here -> sink.c
 * Source:          Yjs readDeleteSet, mergeDeleteSets, sortAndMergeDeleteSet, writeDeleteSet
 */
#include "codec.h"
#include "source.h"

static struct range *range_at(const struct yd_buf *list, size_t i)
{
    return (struct range *)(void *)list->ptr + i;
}

static size_t range_count(const struct yd_buf *list) { return list->len / sizeof(struct range); }

yd_err yd_ranges_collect(const struct source *source, struct yd_buf *list)
{
    struct yd_reader r = yd_reader_of(source->deletes);
    uint64_t clients = codec_varuint(&r);
    for (uint64_t i = 0; i < clients; i++) {
        struct range range = {.client = codec_varuint(&r)};
        uint64_t count = codec_varuint(&r);
        for (uint64_t k = 0; k < count; k++) {
            range.clock = (uint32_t)codec_varuint(&r);
            range.len = (uint32_t)codec_varuint(&r);
            range.rank = (uint32_t)range_count(list);
            if (range.len == 0) continue;
            YD_TRY(yd_buf_append(list, (yd_slice){(const uint8_t *)&range, sizeof range}));
        }
    }
    return YD_OK;
}

yd_err yd_ranges_read(struct yd_reader *r, bool is_v2, struct yd_buf *list)
{
    uint64_t clients = yd_count_read(r, 2);
    for (uint64_t i = 0; i < clients && !r->failed; i++) {
        struct range range = {.client = codec_varuint(r)};
        uint64_t count = yd_count_read(r, 2);
        uint64_t end = 0;
        for (uint64_t k = 0; k < count && !r->failed; k++) {
            uint64_t clock = codec_varuint(r) + (is_v2 ? end : 0);
            uint64_t len = codec_varuint(r) + (is_v2 ? 1 : 0);
            if (clock >= CLOCK_MAX || len > CLOCK_MAX - clock) r->failed = true;
            if (r->failed || len == 0) continue;
            end = clock + len;
            range.clock = (uint32_t)clock;
            range.len = (uint32_t)len;
            range.rank = (uint32_t)range_count(list);
            YD_TRY(yd_buf_append(list, (yd_slice){(const uint8_t *)&range, sizeof range}));
        }
    }
    return r->failed ? YD_EMALFORMED : YD_OK;
}

bool yd_ranges_equal(const struct yd_buf *a, const struct yd_buf *b)
{
    if (a->len != b->len) return false;
    for (size_t i = 0; i < range_count(a); i++) {
        const struct range *x = range_at(a, i);
        const struct range *y = range_at(b, i);
        if (x->client != y->client || x->clock != y->clock || x->len != y->len) return false;
    }
    return true;
}

static bool range_before(const struct range *a, const struct range *b, bool by_clock)
{
    if (a->client != b->client) return a->client > b->client;
    if (by_clock && a->clock != b->clock) return a->clock < b->clock;
    return a->rank < b->rank;
}

/* The range that belongs last is on top of the heap. */
static void range_sift(struct range *heap, size_t root, size_t n, bool by_clock)
{
    for (size_t child; (child = root * 2 + 1) < n; root = child) {
        if (child + 1 < n && range_before(&heap[child], &heap[child + 1], by_clock)) child++;
        if (!range_before(&heap[root], &heap[child], by_clock)) return;
        struct range kept = heap[root];
        heap[root] = heap[child];
        heap[child] = kept;
    }
}

void yd_ranges_sort(struct yd_buf *list, bool by_clock)
{
    struct range *heap = range_at(list, 0);
    size_t n = range_count(list);
    size_t sorted = 1;
    while (sorted < n && range_before(&heap[sorted - 1], &heap[sorted], by_clock)) sorted++;
    if (sorted >= n) return;
    for (size_t i = n / 2; i-- > 0;) range_sift(heap, i, n, by_clock);
    while (n > 1) {
        struct range kept = heap[0];
        heap[0] = heap[--n];
        heap[n] = kept;
        range_sift(heap, 0, n, by_clock);
    }
}

void yd_ranges_join(struct yd_buf *list)
{
    size_t n = range_count(list);
    size_t kept = 0;
    for (size_t i = 1; i < n; i++) {
        struct range *last = range_at(list, kept);
        const struct range *range = range_at(list, i);
        uint32_t last_end = last->clock + last->len;
        uint32_t end = range->clock + range->len;
        if (range->client != last->client || range->clock > last_end) {
            *range_at(list, ++kept) = *range;
        } else if (end > last_end) {
            last->len = end - last->clock;
        }
    }
    if (n > 0) list->len = (kept + 1) * sizeof(struct range);
}

void yd_ranges_gather(struct yd_buf *list, size_t from)
{
    size_t kept = from / sizeof(struct range);
    for (size_t i = kept; i < range_count(list); i++) {
        struct range *last = range_at(list, kept > 0 ? kept - 1 : 0);
        struct range range = *range_at(list, i);
        uint32_t last_end = last->clock + last->len;
        uint32_t end = range.clock + range.len;
        if (kept == 0 || range.client != last->client || range.clock > last_end ||
            end < last->clock) {
            *range_at(list, kept++) = range;
            continue;
        }
        if (range.clock < last->clock) last->clock = range.clock;
        last->len = (end > last_end ? end : last_end) - last->clock;
    }
    list->len = kept * sizeof(struct range);
}

bool yd_ranges_ascend(const struct yd_buf *list)
{
    for (size_t i = 1; i < range_count(list); i++) {
        const struct range *a = range_at(list, i - 1);
        const struct range *b = range_at(list, i);
        if (a->client == b->client && b->clock < a->clock + a->len) return false;
    }
    return true;
}

/* Index behind the ranges of the client of range `from`. */
static size_t client_end(const struct yd_buf *list, size_t from)
{
    size_t end = from + 1;
    while (end < range_count(list) && range_at(list, end)->client == range_at(list, from)->client) {
        end++;
    }
    return end;
}

yd_err yd_ranges_write(const struct yd_buf *list, struct sink *sink)
{
    uint64_t clients = 0;
    for (size_t i = 0; i < range_count(list); i = client_end(list, i)) clients++;
    YD_TRY(sink_uint(sink, clients));
    for (size_t i = 0; i < range_count(list);) {
        size_t end = client_end(list, i);
        YD_TRY(yd_sink_ranges(sink, range_at(list, i)->client, end - i));
        for (; i < end; i++) {
            YD_TRY(sink_range(sink, range_at(list, i)->clock, range_at(list, i)->len));
        }
    }
    return YD_OK;
}
