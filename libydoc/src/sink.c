/* sink.c - an update on its way out, in either format.
 *
 * Where it sits:   state.c, merged.c, update.c -> here -> write_v1.c, write_v2.c
 * Source:          Yjs UpdateEncoderV1, UpdateEncoderV2; docs/encoding.md
 */
#include "sink.h"

#include <string.h>

void yd_sink_begin(struct sink *sink, enum yd_format format, struct yd_buf *out)
{
    YD_ASSERT(sink_can(format));
    sink->out = out;
    sink->is_v2 = format == YD_V2;
    sink->rest = sink_is_v2(sink) ? &sink->v2.rest : out;
    if (sink_is_v2(sink)) yd_v2_begin(&sink->v2, out->alloc);
}

yd_err yd_sink_end(struct sink *sink, yd_err err)
{
    return sink_is_v2(sink) ? yd_v2_end(&sink->v2, sink->out, err) : err;
}

static yd_err section_head(struct sink *sink, uint64_t client, uint32_t clock)
{
    YD_TRY(sink_is_v2(sink) ? yd_v2_client(&sink->v2, client) : sink_uint(sink, client));
    return sink_uint(sink, clock);
}

yd_err yd_sink_section(struct sink *sink, uint64_t count, uint64_t client, uint32_t clock)
{
    YD_TRY(sink_uint(sink, count));
    return section_head(sink, client, clock);
}

/* Puts a varUint between what is written. */
static yd_err uint_insert(struct yd_buf *buf, size_t at, uint64_t value)
{
    size_t size = yd_varuint_size(value);
    YD_TRY(yd_buf_reserve(buf, size));
    memmove(buf->ptr + at + size, buf->ptr + at, buf->len - at);
    yd_varuint_put(buf->ptr + at, value);
    buf->len += size;
    return YD_OK;
}

yd_err yd_sink_section_open(struct sink *sink, uint64_t client, uint32_t clock)
{
    sink->sections++;
    sink->section_at = sink->rest->len;
    return section_head(sink, client, clock);
}

yd_err yd_sink_section_close(struct sink *sink, uint64_t count)
{
    return uint_insert(sink->rest, sink->section_at, count);
}

yd_err yd_sink_sections_end(struct sink *sink)
{
    return uint_insert(sink->rest, sink->sections_at, sink->sections);
}

yd_err yd_sink_ranges(struct sink *sink, uint64_t client, uint64_t count)
{
    if (sink_is_v2(sink)) sink->v2.range_at = 0;
    YD_TRY(sink_uint(sink, client));
    return sink_uint(sink, count);
}

yd_err yd_sink_range_list(struct sink *sink, const uint32_t *clocks, const uint32_t *lens,
                          uint32_t count)
{
    struct yd_buf *rest = sink->rest;
    bool is_v2 = sink_is_v2(sink);
    uint32_t before = is_v2 ? sink->v2.range_at : 0;
    YD_TRY(yd_buf_reserve(rest, (size_t)count * 20));
    uint8_t *p = rest->ptr + rest->len;
    for (uint32_t i = 0; i < count; i++) {
        YD_ASSERT(!is_v2 || (clocks[i] >= before && lens[i] > 0));
        p = codec_put(p, clocks[i] - before);
        p = codec_put(p, lens[i] - (is_v2 ? 1 : 0));
        if (is_v2) before = clocks[i] + lens[i];
    }
    if (is_v2) sink->v2.range_at = before;
    rest->len = (size_t)(p - rest->ptr);
    return YD_OK;
}
