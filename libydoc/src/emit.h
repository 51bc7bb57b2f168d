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

/* ---- emit.c: what clients have, from their items */
/* A client's id, and as it is written: its bytes as a word of this machine. */
struct spelled {
    uint64_t id;
    uint64_t word;
    uint32_t len;
    uint32_t client;
};
YD_PART struct spelled spell(uint64_t id, uint32_t client)
{
    struct spelled s = {.id = id, .client = client};
    s.len = codec_spell(id, &s.word);
    return s;
}
#define EMIT_OTHERS (TRAVELS ? 1 : 4) /* a power of two */
/* What is needed for each item. */
struct emit {
    const struct yd_doc *doc;
    struct spelled own;     /* the client of the section at hand */
    struct spelled *others; /* clients that were asked for, by their last bits */
};
/* Sections of an update. Until the last one the document must stay as it is. */
struct emitter {
    struct emit each;
    struct spelled others[EMIT_OTHERS];
    struct sink *sink;
};
void yd_emit_begin(struct emitter *all, const struct yd_doc *doc, struct sink *sink);
/* Appends what a client has from a clock on, which is below its state. */
YD_NODISCARD yd_err yd_emit_section(struct emitter *all, struct client *client, uint32_t from);
/* One struct, from its clock `offset` on: the long way. */
YD_NODISCARD yd_err yd_emit_entry(const struct emitter *all, const struct client *client,
                                  struct smap_pos pos, uint32_t offset);
/* ---- emit_v1.c, emit_v2.c: entries of one chunk, from pos on */
YD_NODISCARD yd_err yd_emit_v1_chunk(struct emitter *all, const struct client *client,
                                     struct smap_pos pos);
YD_NODISCARD yd_err yd_emit_v2_chunk(struct emitter *all, const struct client *client,
                                     struct smap_pos pos);

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
