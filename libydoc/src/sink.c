/* sink.c - an update on its way out, in either format.
 *
 * Where it sits:   state.c, merged.c, update.c -> here -> write_v1.c, write_v2.c
 * Source:          Yjs UpdateEncoderV1, UpdateEncoderV2; docs/encoding.md
 */
#include "sink.h"

#include <string.h>

/* Bytes of all columns, in the order in which they are written, and behind them of none. */
enum { TEXTS = 5, TEXT_LENGTHS = 6, COLUMNS = 10, BUFFERS };
static const uint16_t buffers[BUFFERS] = {
    offsetof(struct v2_out, key_clock.buf), offsetof(struct v2_out, client.buf),
    offsetof(struct v2_out, left.buf),      offsetof(struct v2_out, right.buf),
    offsetof(struct v2_out, info.buf),      offsetof(struct v2_out, text.text),
    offsetof(struct v2_out, text.lens.buf), offsetof(struct v2_out, parent.buf),
    offsetof(struct v2_out, type_ref.buf),  offsetof(struct v2_out, len.buf),
    offsetof(struct v2_out, rest)};

static struct yd_buf *buffer_at(struct v2_out *v2, unsigned i)
{
    return (struct yd_buf *)(void *)((uint8_t *)v2 + buffers[i]);
}

static void v2_begin(struct v2_out *v2, yd_alloc alloc)
{
    memset(v2, 0, sizeof *v2);
    for (unsigned i = 0; i < BUFFERS; i++) yd_buf_init(buffer_at(v2, i), alloc, SIZE_MAX / 2);
}

static void v2_deinit(struct v2_out *v2)
{
    for (unsigned i = 0; i < BUFFERS; i++) yd_buf_deinit(buffer_at(v2, i));
}

/* All texts as one, then their lengths; the whole behind its length, as every column. */
static yd_err text_put(struct text_writer *c, struct yd_buf *out)
{
    size_t text = yd_varuint_size(c->text.len) + c->text.len;
    YD_TRY(yd_buf_varuint(out, text + c->lens.buf.len));
    YD_TRY(yd_buf_varbytes(out, yd_buf_slice(&c->text)));
    return yd_buf_append(out, yd_buf_slice(&c->lens.buf));
}

static yd_err v2_flush(struct v2_out *v2)
{
    YD_TRY(yd_diff_flush(&v2->key_clock));
    YD_TRY(yd_uint_flush(&v2->client));
    YD_TRY(yd_diff_flush(&v2->left));
    YD_TRY(yd_diff_flush(&v2->right));
    YD_TRY(yd_uint_flush(&v2->text.lens));
    YD_TRY(yd_uint_flush(&v2->type_ref));
    return yd_uint_flush(&v2->len);
}

static yd_err v2_put(struct v2_out *v2, struct yd_buf *out)
{
    YD_TRY(v2_flush(v2));
    YD_TRY(yd_buf_u8(out, 0)); // no feature flags
    for (unsigned i = 0; i < COLUMNS; i++) {
        if (i == TEXTS) {
            YD_TRY(text_put(&v2->text, out));
        } else if (i != TEXT_LENGTHS) {
            YD_TRY(yd_buf_varbytes(out, yd_buf_slice(buffer_at(v2, i))));
        }
    }
    return yd_buf_append(out, yd_buf_slice(&v2->rest));
}

void yd_sink_begin(struct sink *sink, enum yd_format format, struct yd_buf *out)
{
    sink->out = out;
    sink->is_v2 = format == YD_V2;
    sink->rest = sink->is_v2 ? &sink->v2.rest : out;
    if (sink->is_v2) v2_begin(&sink->v2, out->alloc);
}

yd_err yd_sink_end(struct sink *sink, yd_err err)
{
    if (!sink->is_v2) return err;
    if (err == YD_OK) err = v2_put(&sink->v2, sink->out);
    v2_deinit(&sink->v2);
    return err;
}

static yd_err section_head(struct sink *sink, uint64_t client, uint32_t clock)
{
    YD_TRY(sink->is_v2 ? yd_uint_add(&sink->v2.client, client) : sink_uint(sink, client));
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
    if (sink->is_v2) sink->v2.range_at = 0;
    YD_TRY(sink_uint(sink, client));
    return sink_uint(sink, count);
}

yd_err yd_sink_range(struct sink *sink, uint32_t clock, uint32_t len)
{
    uint32_t end = clock + len;
    if (sink->is_v2) {
        YD_ASSERT(clock >= sink->v2.range_at && len > 0);
        clock -= sink->v2.range_at;
        len--;
        sink->v2.range_at = end;
    }
    YD_TRY(yd_buf_reserve(sink->rest, 20));
    uint8_t *p = codec_put(sink->rest->ptr + sink->rest->len, clock);
    p = codec_put(p, len);
    sink->rest->len = (size_t)(p - sink->rest->ptr);
    return YD_OK;
}
