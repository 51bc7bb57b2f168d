/* source.h - an update opened for reading without a document. */
#ifndef YDOC_SOURCE_H
#define YDOC_SOURCE_H

#include "section.h"
#include "sink.h"
#include "ydoc/update.h"

static inline bool format_is_known(enum yd_format format)
{
    return format == YD_V1 || format == YD_V2;
}

/* A run of deleted clocks. */
struct range {
    uint64_t client;
    uint32_t clock;
    uint32_t len;
    uint32_t rank; /* place among those of its client */
};

struct source {
    struct v2_inner inner;  /* of V2: the update in the inner form */
    struct yd_buf sections; /* struct section, highest client first, one per client */
    yd_slice deletes;
    size_t error_at; /* after YD_EMALFORMED: offset of the first bad byte */
    bool has_lost;   /* of several sections of a client the last one was kept */
};

void yd_source_init(struct source *source, const struct yd_buf *out);
void yd_source_deinit(struct source *source);
/* Checks an untrusted update and lists its sections, in place of those of one opened before.
 * Errors: as yd_update_convert(). */
YD_NODISCARD yd_err yd_source_open(struct source *source, struct yd_update update);
static inline uint32_t source_count(const struct source *source)
{
    return (uint32_t)(source->sections.len / sizeof(struct section));
}
static inline struct section *source_section(const struct source *source, uint32_t i)
{
    return (struct section *)(void *)source->sections.ptr + i;
}
/* Reads the next struct of a section; false at its end. *behind is where it ends. */
bool yd_section_peek(const struct section *section, struct wire *wire, const uint8_t **behind);
static inline void section_step(struct section *section, const struct wire *wire,
                                const uint8_t *behind)
{
    section->next.at = behind;
    section->next.clock += wire->len;
    section->next.left--;
}

/* ---- update.c */
/* Writes the delete set of a source, by client from the highest. */
YD_NODISCARD yd_err yd_deletes_copy(const struct source *source, struct sink *sink);

/* ---- ranges.c */
/* Reads an untrusted delete set into `list`, ranges of length 0 left out.
 * Errors: YD_EMALFORMED, YD_ENOMEM. */
YD_NODISCARD yd_err yd_ranges_read(struct yd_reader *r, bool is_v2, struct yd_buf *list);
/* Whether two sorted lists have the same ranges. */
bool yd_ranges_equal(const struct yd_buf *a, const struct yd_buf *b);
/* Appends the ranges of a source to `list`, those of length 0 left out. */
YD_NODISCARD yd_err yd_ranges_collect(const struct source *source, struct yd_buf *list);
/* By client from the highest, then by clock or by rank. */
void yd_ranges_sort(struct yd_buf *list, bool by_clock);
/* Joins what touches or overlaps, in a list sorted by clock. */
void yd_ranges_join(struct yd_buf *list);
/* The same for those behind `from` bytes of a list in the order they came in: each one only with
 * the one before it, which is what deleting backwards comes to. */
void yd_ranges_gather(struct yd_buf *list, size_t from);
/* Writes a sorted list as a delete set. */
YD_NODISCARD yd_err yd_ranges_write(const struct yd_buf *list, struct sink *sink);
/* Whether the ranges of every client ascend, as format V2 needs them. */
bool yd_ranges_ascend(const struct yd_buf *list);

#endif
