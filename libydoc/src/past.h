/* past.h - a snapshot in parts: what snapshot.c and compare.c look things up in. */
#ifndef YDOC_PAST_H
#define YDOC_PAST_H

#include "source.h"
#include "ydoc/snapshot.h"

struct past {
    struct yd_buf ranges; /* struct range, by client from the highest, as they came */
    struct yd_buf vector; /* struct section: id and next.clock, by client from the highest */
};

static inline uint32_t past_count(const struct past *past)
{
    return (uint32_t)(past->vector.len / sizeof(struct section));
}
static inline struct section *past_at(const struct past *past, uint32_t i)
{
    return (struct section *)(void *)past->vector.ptr + i;
}

void yd_past_init(struct past *past, yd_alloc alloc);
void yd_past_deinit(struct past *past);
/* Reads an untrusted snapshot. Errors: YD_EMALFORMED, YD_ENOMEM, YD_EUNSUPPORTED. */
YD_NODISCARD yd_err yd_past_read(struct past *past, struct yd_snapshot snapshot);
/* Finds the clients of a snapshot in a document. Errors: YD_ENOTFOUND (it lacks clocks). */
YD_NODISCARD yd_err yd_past_locate(struct yd_doc *doc, struct past *past);
/* Clock of a client, 0 without one. */
uint32_t yd_past_clock(const struct past *past, uint64_t id);

#endif
