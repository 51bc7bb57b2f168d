/* sink.h - where an update is written to: format V1 straight into the output, format V2 into
 * columns that are put together at the end.
 */
#ifndef YDOC_SINK_H
#define YDOC_SINK_H

#include "codec.h"
#include "columns.h"
#include "wire.h"

/* The columns of V2. */
struct v2_out {
    struct diff_writer key_clock;
    struct uint_writer client;
    struct diff_writer left;
    struct diff_writer right;
    struct byte_writer info;
    struct text_writer text;
    struct byte_writer parent;
    struct uint_writer type_ref;
    struct uint_writer len;
    struct yd_buf rest;
    uint32_t key_count;
    uint32_t range_at; /* clock behind the range written last */
};

struct sink {
    struct yd_buf *out;
    struct yd_buf *rest; /* what is in no column: of V1 everything, so the output */
    bool is_v2;
    uint32_t sections;  /* opened so far */
    size_t sections_at; /* in rest: where their number belongs */
    size_t section_at;  /* in rest: where the number of structs of the open one belongs */
    struct v2_out v2;   /* of V2 only */
};

/* Begins an update that will be appended to `out`, with the allocator of `out`. */
void yd_sink_begin(struct sink *sink, enum yd_format format, struct yd_buf *out);
/* Ends it, after err YD_OK with the whole update in `out`; otherwise lets go of everything and
 * returns err. */
YD_NODISCARD yd_err yd_sink_end(struct sink *sink, yd_err err);

YD_NODISCARD static inline yd_err sink_uint(struct sink *sink, uint64_t value)
{
    return yd_buf_varuint(sink->rest, value);
}

/* ---- write_v2.c */
YD_NODISCARD yd_err yd_v2_write(struct v2_out *v2, const struct wire *wire, struct id id,
                                uint32_t offset, bool merged);

YD_NODISCARD static inline yd_err sink_struct(struct sink *sink, const struct wire *wire,
                                              struct id id, uint32_t offset, bool merged)
{
    return sink->is_v2 ? yd_v2_write(&sink->v2, wire, id, offset, merged)
                       : yd_v1_write(sink->rest, wire, id, offset, merged);
}

/* The head of a section. */
YD_NODISCARD yd_err yd_sink_section(struct sink *sink, uint64_t count, uint64_t client,
                                    uint32_t clock);
/* The same where the numbers are known only at the end: sections_begin, then any number of
 * section_open, structs, section_close, then sections_end. */
static inline void sink_sections_begin(struct sink *sink)
{
    sink->sections = 0;
    sink->sections_at = sink->rest->len;
}
YD_NODISCARD yd_err yd_sink_section_open(struct sink *sink, uint64_t client, uint32_t clock);
YD_NODISCARD yd_err yd_sink_section_close(struct sink *sink, uint64_t count);
YD_NODISCARD yd_err yd_sink_sections_end(struct sink *sink);
/* The head of a client's ranges. They have to ascend. */
YD_NODISCARD yd_err yd_sink_ranges(struct sink *sink, uint64_t client, uint64_t count);
YD_NODISCARD yd_err yd_sink_range(struct sink *sink, uint32_t clock, uint32_t len);

#endif
