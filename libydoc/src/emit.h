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
YD_NODISCARD yd_err yd_emit_deletes(const struct yd_doc *doc, struct sink *sink);
/* What the last transaction deleted, as a delete set. Uses doc->sections. */
YD_NODISCARD yd_err yd_emit_spans(struct yd_doc *doc, struct sink *sink);
/* Reads an untrusted state vector into clocks by client index. Unknown clients do not matter. */
YD_NODISCARD yd_err yd_vector_read(struct yd_doc *doc, yd_slice sv, uint32_t *targets);
static inline uint32_t by_id_at(const struct yd_doc *doc, uint32_t i)
{
    return ((const uint32_t *)doc->by_id.at)[i];
}

#endif
