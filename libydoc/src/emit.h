/* emit.h - what state.c, merged.c and parts.c all write. */
#ifndef YDOC_EMIT_H
#define YDOC_EMIT_H

#include "section.h"
#include "sink.h"

/* What an entry of a client's index looks like on the wire. */
void yd_entry_wire(const struct yd_doc *doc, const struct client *client, struct smap_pos pos,
                   struct wire *wire);
/* The state, or what lies behind `targets` (a clock per client index), while something is
 * parked: the form that Yjs makes by merging updates. */
YD_NODISCARD yd_err yd_emit_merged(struct yd_doc *doc, const uint32_t *targets, struct sink *sink);
/* ---- kept.c */
bool yd_kept_is_valid(const struct yd_doc *doc, const struct kept *kept);
static inline yd_slice kept_bytes(const struct kept *kept)
{
    return (yd_slice){kept->ptr, kept->len};
}
/* Says that these bytes, made just now, were asked for. */
void yd_kept_note(struct yd_doc *doc, struct kept *kept, yd_slice bytes);

/* ---- emit_v1.c */
/* Appends all structs from an entry on, the first one whole, in format V1. */
YD_NODISCARD yd_err yd_emit_v1(const struct yd_doc *doc, const struct client *client,
                               struct smap_pos pos, struct yd_buf *out);

/* All that is deleted, and the state vector. by_id must be sorted. */
YD_NODISCARD yd_err yd_emit_deletes(const struct yd_doc *doc, struct sink *sink);
YD_NODISCARD yd_err yd_emit_vector(const struct yd_doc *doc, struct yd_buf *out);
/* What the last transaction deleted, as a delete set. Uses doc->sections. */
YD_NODISCARD yd_err yd_emit_spans(struct yd_doc *doc, struct sink *sink);
/* Reads an untrusted state vector into clocks by client index. Unknown clients do not matter. */
YD_NODISCARD yd_err yd_vector_read(struct yd_doc *doc, yd_slice sv, uint32_t *targets);
static inline uint32_t by_id_at(const struct yd_doc *doc, uint32_t i)
{
    return ((const uint32_t *)doc->by_id.at)[i];
}

#endif
