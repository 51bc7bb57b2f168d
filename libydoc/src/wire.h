/* wire.h - one struct as it travels, apart from the format that carries it.
 *
 * A reader fills a struct wire from bytes, a writer makes bytes of one, and integration sees
 * nothing else. What is read is always the inner form: format V1, plus embeds and marks whose
 * values are no JSON (REF_EMBED_ANY, REF_FORMAT_ANY). V1 that passed its checks is inner form as
 * it stands, V2 is brought into it by read_v2.c.
 */
#ifndef YDOC_WIRE_H
#define YDOC_WIRE_H

#include "codec.h"
#include "tables.h"

enum {
    WIRE_ORIGIN = 0x80,
    WIRE_RIGHT = 0x40,
    WIRE_KEY = 0x20,
    WIRE_ORIGINS = WIRE_ORIGIN | WIRE_RIGHT
};

struct id {
    uint64_t client;
    uint32_t clock;
};

struct wire {
    uint8_t ref;
    uint8_t flags;    /* WIRE_... */
    bool root;        /* without origins: the parent is the root of this name */
    uint8_t type_ref; /* of REF_TYPE */
    uint32_t len;     /* clocks */
    struct id origin;
    struct id right;
    struct id parent; /* without origins and root */
    yd_slice name;    /* of the root */
    yd_slice key;     /* without origins, if WIRE_KEY */
    yd_slice content; /* see below */
};

/* content, by reference:
 *   String, Embed, Binary   the bytes without their length
 *   JSON, Any               `len` values as they came, without their count
 *   Format, Doc             the two fields as they came
 *   EMBED_ANY, FORMAT_ANY   the same with an Any value
 *   Type                    the XML name, if the type reference has one
 *   GC, Deleted, Skip       nothing */

static inline bool wire_type_has_name(uint32_t type_ref)
{
    return type_ref == TYPE_XML_ELEMENT || type_ref == TYPE_XML_HOOK;
}

/* The content reference that travels. */
static inline uint8_t wire_outer_ref(const struct wire *wire)
{
    if (wire->ref <= REF_SKIP) return wire->ref;
    return wire->ref == REF_EMBED_ANY ? REF_EMBED : REF_FORMAT;
}
static inline bool wire_is_item(const struct wire *wire)
{
    return wire->ref != REF_GC && wire->ref != REF_SKIP;
}
/* Info bits of a struct that is written from `offset` on. Merged form: an item with an origin
 * loses its key bit, as in all that Yjs reads and writes without a document. */
static inline uint8_t wire_flags_from(const struct wire *wire, uint32_t offset, bool merged)
{
    if (!wire_is_item(wire)) return 0;
    uint8_t flags = wire->flags;
    if (merged && (flags & WIRE_ORIGINS) != 0) flags &= WIRE_ORIGINS;
    return offset > 0 ? flags | WIRE_ORIGIN : flags;
}

/* ---- read_v1.c */
/* Reads a struct of an update in the inner form that was validated before. */
void yd_v1_read(struct yd_reader *r, struct wire *wire);
/* Reads and checks an untrusted struct, of V1 or of the inner form, that would lie at `clock` of
 * client `own`. The reader fails, at the field in question, on anything that rules U1 to U12
 * refuse. */
void yd_v1_check(struct yd_reader *r, const struct codec_id *own, uint32_t clock, bool inner,
                 struct wire *wire);
/* Reads and checks the content of an untrusted struct, of V1 or of the inner form: part of the
 * above. */
void yd_v1_content(struct yd_reader *r, struct wire *wire);

/* ---- write_v1.c */
/* Appends a struct from its clock `offset` on. */
YD_NODISCARD yd_err yd_v1_write(struct yd_buf *out, const struct wire *wire, struct id id,
                                uint32_t offset, bool merged);
/* Bytes that yd_v1_write() makes of a whole struct of the outer form, without writing them. */
size_t yd_v1_size(const struct wire *wire);
/* Whether an item of format V1 that was read from these bytes is written as the same ones, in
 * merged form too: its numbers are as short as they can be, and it has no bit that is left out. Not
 * told of what is no item. */
bool yd_v1_stands(const struct wire *wire, yd_slice bytes);

/* ---- content.c */
/* Steps over `n` values of a JSON or Any content and returns the bytes used. */
size_t yd_values_skip(uint32_t ref, yd_slice values, uint32_t n);
/* What `content` looks like from unit `offset` on. When a surrogate pair is cut, *half is set:
 * U+FFFD stands before the rest. */
yd_slice yd_content_tail(uint32_t ref, yd_slice content, uint32_t len, uint32_t offset, bool *half);

#endif
