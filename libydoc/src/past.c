/* past.c - a snapshot read into parts.
 *
 * Where it sits:   snapshot.c, compare.c -> here -> ranges.c
 * Source:          Yjs decodeSnapshot; rule U116 in docs/encoding.md
 */
#include "past.h"

#include "codec.h"

void yd_past_init(struct past *past, yd_alloc alloc)
{
    yd_buf_init(&past->ranges, alloc, SIZE_MAX / 2);
    yd_buf_init(&past->vector, alloc, SIZE_MAX / 2);
}

void yd_past_deinit(struct past *past)
{
    yd_buf_deinit(&past->ranges);
    yd_buf_deinit(&past->vector);
}

/* Of several clocks of a client the last one counts, as in Yjs. */
static yd_err past_vector_read(struct yd_reader *r, struct past *past)
{
    uint64_t count = yd_count_read(r, 2);
    for (uint64_t i = 0; i < count && !r->failed; i++) {
        struct section entry = {.id = codec_varuint(r), .client = NONE};
        entry.next.at = r->at; // where it stood
        uint64_t clock = codec_varuint(r);
        if (clock > CLOCK_MAX) r->failed = true;
        entry.next.clock = (uint32_t)clock;
        YD_TRY(yd_buf_append(&past->vector, (yd_slice){(const uint8_t *)&entry, sizeof entry}));
    }
    if (r->failed) return YD_EMALFORMED;
    bool unused;
    yd_sections_sort(past_at(past, 0), past_count(past));
    uint32_t kept = yd_sections_keep_last(past_at(past, 0), past_count(past), &unused);
    past->vector.len = kept * sizeof(struct section);
    return YD_OK;
}

yd_err yd_past_read(struct past *past, struct yd_snapshot snapshot)
{
    if (snapshot.format != YD_V1 && snapshot.format != YD_V2) return YD_EUNSUPPORTED;
    if (snapshot.bytes.len == 0) return YD_OK;
    struct yd_reader r = yd_reader_of(snapshot.bytes);
    YD_TRY(yd_ranges_read(&r, snapshot.format == YD_V2, &past->ranges));
    yd_ranges_sort(&past->ranges, false);
    return past_vector_read(&r, past);
}

yd_err yd_past_locate(struct yd_doc *doc, struct past *past)
{
    for (uint32_t i = 0; i < past_count(past); i++) {
        struct section *entry = past_at(past, i);
        if (entry->next.clock == 0) continue;
        entry->client = yd_client_find(doc, entry->id);
        if (entry->client == NONE) return YD_ENOTFOUND;
        if (client_at(doc, entry->client)->next < entry->next.clock) return YD_ENOTFOUND;
    }
    return YD_OK;
}

uint32_t yd_past_clock(const struct past *past, uint64_t id)
{
    uint32_t low = 0;
    uint32_t high = past_count(past);
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        const struct section *entry = past_at(past, mid);
        if (entry->id == id) return entry->next.clock;
        if (entry->id > id) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return 0;
}
