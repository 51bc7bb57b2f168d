/* sink.h - where an update is written to: format V1 straight into the output, format V2 into
 * columns that are put together at the end.
 */
#ifndef YDOC_SINK_H
#define YDOC_SINK_H

#include "codec.h"
#include "columns.h"
#include "wire.h"

/* The columns of V2 that most structs add to: the short way of an encoding has a copy. */
struct v2_columns {
    struct uint_writer client;
    struct diff_writer left;
    struct diff_writer right;
    struct byte_writer info;
    struct uint_writer text_len;
    struct uint_writer len;
};
struct v2_out {
    struct v2_columns at;
    struct byte_writer parent;
    struct uint_writer type_ref;
    struct diff_writer keys;
    uint32_t key_count; /* each is written anew and never by its number, as Yjs does */
    uint32_t range_at;  /* clock behind the range written last */
    uint8_t *block;     /* all of the above, one behind the other */
    size_t stride;      /* bytes that each has */
    size_t room;        /* structs that there is room for */
    struct yd_buf texts;
    struct yd_buf rest;
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

/* Where nobody asks for V2, as in the room of the edge, nothing that writes it is linked. */
#ifdef YD_ROOM
enum { WRITES_V2 = 0 };
#else
enum { WRITES_V2 = 1 };
#endif
static inline bool sink_is_v2(const struct sink *sink) { return WRITES_V2 && sink->is_v2; }
static inline bool sink_can(enum yd_format format)
{
    return format == YD_V1 || (WRITES_V2 && format == YD_V2);
}

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
void yd_v2_begin(struct v2_out *v2, yd_alloc alloc);
/* Ends it, after err YD_OK with all columns in `out`. */
YD_NODISCARD yd_err yd_v2_end(struct v2_out *v2, struct yd_buf *out, yd_err err);
/* Asks for about as much as structs with so many bytes of content take. Memory refused: later. */
void yd_v2_expect(struct v2_out *v2, size_t structs, size_t clients, size_t bytes);
/* Makes room for what so many structs add to the columns. */
YD_NODISCARD yd_err yd_v2_room(struct v2_out *v2, size_t structs);
/* One more key. Its text is the caller's. */
static inline void v2_key_add(struct v2_out *v2) { diff_add(&v2->keys, v2->key_count++); }
/* The client of a section. */
YD_NODISCARD yd_err yd_v2_client(struct v2_out *v2, uint64_t client);
YD_NODISCARD yd_err yd_v2_write(struct v2_out *v2, const struct wire *wire, struct id id,
                                uint32_t offset, bool merged);

YD_NODISCARD static inline yd_err sink_struct(struct sink *sink, const struct wire *wire,
                                              struct id id, uint32_t offset, bool merged)
{
    return sink_is_v2(sink) ? yd_v2_write(&sink->v2, wire, id, offset, merged)
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
YD_NODISCARD yd_err yd_sink_range_list(struct sink *sink, const uint32_t *clocks,
                                       const uint32_t *lens, uint32_t count);
YD_NODISCARD static inline yd_err sink_range(struct sink *sink, uint32_t clock, uint32_t len)
{
    return yd_sink_range_list(sink, &clock, &len, 1);
}

#endif
