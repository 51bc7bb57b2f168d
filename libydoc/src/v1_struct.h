/* v1_struct.h - the one body that reads a struct of format V1 or of the inner form.
 *
 * Compiled where it is used (YD_BODY): `strict` reads untrusted bytes and checks everything, of V1
 * or of the inner form; without it bytes are read that went through one of these before.
 */
#ifndef YDOC_V1_STRUCT_H
#define YDOC_V1_STRUCT_H

#include "any.h"
#include "codec.h"
#include "utf8.h"
#include "wire.h"

/* Fails the reader at `at`. */
static inline void v1_refuse(struct yd_reader *r, const uint8_t *at)
{
    if (r->failed) return;
    r->at = at;
    r->failed = true;
}

/* Bytes behind their length. */
YD_BODY yd_slice v1_bytes(struct yd_reader *r)
{
    const uint8_t *at = r->at;
    yd_slice bytes = codec_bytes(r, codec_varuint(r));
    if (r->failed) r->at = at;
    return bytes;
}

YD_BODY void v1_id(struct yd_reader *r, struct id *id, const struct codec_id *own, bool strict)
{
    id->client = codec_client(r, own);
    const uint8_t *at = r->at;
    uint64_t clock = codec_clock(r);
    if (strict && clock >= CLOCK_MAX) v1_refuse(r, at);
    id->clock = (uint32_t)clock;
}

YD_BODY yd_slice v1_text(struct yd_reader *r, bool strict)
{
    const uint8_t *at = r->at;
    yd_slice text = v1_bytes(r);
    if (strict && !yd_utf8_check(text)) v1_refuse(r, at);
    return text;
}

/* A length of at least 1 that keeps clocks below their limit. */
YD_BODY uint32_t v1_len(struct yd_reader *r, bool strict)
{
    const uint8_t *at = r->at;
    uint64_t len = codec_varuint(r);
    if (strict && (len == 0 || len >= CLOCK_MAX)) v1_refuse(r, at);
    return (uint32_t)len;
}

YD_BODY void v1_json_text(struct yd_reader *r, bool strict, bool or_undefined)
{
    const uint8_t *at = r->at;
    yd_slice text = v1_text(r, strict);
    if (!strict || r->failed) return;
    if (or_undefined && yd_slice_equal(text, YD_LITERAL("undefined"))) return;
    if (!yd_json_check(text)) v1_refuse(r, at);
}

YD_BODY void v1_string(struct yd_reader *r, struct wire *wire, bool strict)
{
    const uint8_t *at = r->at;
    wire->content = v1_bytes(r);
    if (!strict) {
        wire->len = yd_utf8_count(wire->content);
    } else if (wire->content.len >= CLOCK_MAX || wire->content.len == 0 ||
               !yd_utf8_units(wire->content, &wire->len)) {
        v1_refuse(r, at);
    }
}

/* `len` values as they came. */
YD_BODY void v1_values(struct yd_reader *r, struct wire *wire, bool strict)
{
    wire->len = v1_len(r, strict);
    const uint8_t *start = r->at;
    for (uint32_t i = 0; i < wire->len && !r->failed; i++) {
        if (wire->ref == REF_ANY) {
            yd_any_skip(r, !strict);
        } else {
            v1_json_text(r, strict, true);
        }
    }
    wire->content = (yd_slice){start, (size_t)(r->at - start)};
}

YD_BODY void v1_type(struct yd_reader *r, struct wire *wire, bool strict)
{
    const uint8_t *at = r->at;
    uint64_t type_ref = codec_varuint(r);
    if (strict && type_ref >= TYPE_REF_COUNT) v1_refuse(r, at);
    wire->type_ref = (uint8_t)type_ref;
    wire->content = wire_type_has_name(wire->type_ref) ? v1_text(r, strict) : YD_EMPTY;
}

/* Two fields whose bytes are kept together. */
YD_BODY void v1_pair(struct yd_reader *r, struct wire *wire, bool strict)
{
    const uint8_t *start = r->at;
    (void)v1_text(r, strict);
    if (wire->ref == REF_FORMAT) {
        v1_json_text(r, strict, false);
    } else {
        if (strict && wire->ref == REF_DOC && yd_reader_left(r) > 0 && *r->at != ANY_OBJECT)
            v1_refuse(r, r->at);
        yd_any_skip(r, !strict);
    }
    wire->content = (yd_slice){start, (size_t)(r->at - start)};
}

YD_BODY void v1_content(struct yd_reader *r, struct wire *wire, bool strict)
{
    wire->len = 1;
    switch (wire->ref) {
    case REF_STRING: v1_string(r, wire, strict); break;
    case REF_DELETED: wire->len = v1_len(r, strict); break;
    case REF_JSON:
    case REF_ANY: v1_values(r, wire, strict); break;
    case REF_BINARY: wire->content = v1_bytes(r); break;
    case REF_EMBED: {
        const uint8_t *at = r->at;
        wire->content = v1_text(r, strict);
        if (strict && !r->failed && !yd_json_check(wire->content)) v1_refuse(r, at);
        break;
    }
    case REF_TYPE: v1_type(r, wire, strict); break;
    case REF_EMBED_ANY: {
        const uint8_t *start = r->at;
        yd_any_skip(r, !strict);
        wire->content = (yd_slice){start, (size_t)(r->at - start)};
        break;
    }
    default: v1_pair(r, wire, strict); break;
    }
}

YD_BODY void v1_parent(struct yd_reader *r, struct wire *wire, const struct codec_id *own,
                       bool strict)
{
    wire->root = codec_varuint(r) == 1;
    if (wire->root) {
        wire->name = v1_text(r, strict);
    } else {
        v1_id(r, &wire->parent, own, strict);
    }
    wire->key = wire->flags & WIRE_KEY ? v1_text(r, strict) : YD_EMPTY;
}

YD_BODY void v1_struct(struct yd_reader *r, struct wire *wire, const struct codec_id *own,
                       bool strict, bool inner)
{
    const uint8_t *start = r->at;
    uint8_t info = codec_u8(r);
    wire->ref = info & 31;
    wire->flags = info & (WIRE_ORIGINS | WIRE_KEY);
    wire->content = YD_EMPTY;
    if (wire->ref == REF_GC || wire->ref == REF_SKIP) {
        if (strict && wire->flags != 0) v1_refuse(r, start);
        wire->len = v1_len(r, strict);
        return;
    }
    if (strict && wire->ref > (inner ? REF_FORMAT_ANY : REF_SKIP)) v1_refuse(r, start);
    if (wire->flags & WIRE_ORIGIN) v1_id(r, &wire->origin, own, strict);
    if (wire->flags & WIRE_RIGHT) v1_id(r, &wire->right, own, strict);
    if ((wire->flags & WIRE_ORIGINS) == 0) {
        v1_parent(r, wire, own, strict);
    } else {
        wire->flags &= WIRE_ORIGINS; // a key is inherited with the parent
    }
    if (!r->failed) v1_content(r, wire, strict);
}

/* Own clocks can only refer to what lies before them. */
static inline bool refers_ahead(const struct id *id, uint64_t client, uint32_t clock)
{
    return id->client == client && id->clock >= clock;
}

YD_BODY void v1_check(struct yd_reader *r, const struct codec_id *own, uint32_t clock,
                      struct wire *wire, bool inner)
{
    const uint8_t *start = r->at;
    v1_struct(r, wire, own, true, inner);
    if (r->failed) return;
    bool ahead = wire->len >= CLOCK_MAX - clock;
    if (wire_is_item(wire)) {
        if (wire->flags & WIRE_ORIGIN) ahead |= refers_ahead(&wire->origin, own->value, clock);
        if (wire->flags & WIRE_RIGHT) ahead |= refers_ahead(&wire->right, own->value, clock);
        if ((wire->flags & WIRE_ORIGINS) == 0 && !wire->root) {
            ahead |= refers_ahead(&wire->parent, own->value, clock);
        }
    }
    if (ahead) v1_refuse(r, start);
}

/* ---- the short way
 *
 * What v1_check() does for items next to or in what was read before, as nearly all of a state are.
 * Bytes are looked at by words, and only where so many follow that none needs to ask for the end.
 * All else, good or bad, is left to v1_check(), which then begins where this began. */

/* What is looked at behind a place: two ids, or a byte, an id and a number; and a word. */
#define V1_SHORT ((size_t)40)

/* A number of up to three bytes; NULL if it has more. */
static inline const uint8_t *v1_short_uint(const uint8_t *p, uint32_t *value)
{
    *value = p[0];
    if (p[0] < 0x80) return p + 1;
    *value = (p[0] & 0x7fu) | (uint32_t)p[1] << 7;
    if (p[1] < 0x80) return p + 2;
    *value = (p[0] & 0x7fu) | (p[1] & 0x7fu) << 7 | (uint32_t)p[2] << 14;
    return p[2] < 0x80 ? p + 3 : NULL;
}

/* An id, if it is of the section's own client one that lies before `clock`; otherwise NULL. */
static inline const uint8_t *v1_short_id(const uint8_t *p, const struct codec_id *own,
                                         uint32_t clock, struct id *id)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    if ((word & own->mask) == own->word) {
        id->client = own->value;
        p = v1_short_uint(p + own->len, &id->clock);
        return id->clock < clock ? p : NULL;
    }
    uint32_t len = codec_unspell(word, &id->client);
    if (len == 0 || id->client == own->value) return NULL;
    return v1_short_uint(p + len, &id->clock);
}

/* Behind a text and its length, and its units; NULL if it is empty or not good. */
static inline const uint8_t *v1_short_text(const uint8_t *p, const uint8_t *end, yd_slice *text,
                                           uint32_t *units)
{
    uint32_t n;
    p = v1_short_uint(p, &n);
    if (p == NULL || n == 0 || (size_t)(end - p) < n + sizeof(uint64_t)) return NULL;
    *text = (yd_slice){p, n};
    *units = n;
    if (utf8_short_ascii(*text, end)) return p + n;
    return yd_utf8_units(*text, units) ? p + n : NULL;
}

/* Ids, or parent and key. */
YD_BODY const uint8_t *v1_short_place(const uint8_t *p, const uint8_t *end,
                                      const struct codec_id *own, uint32_t clock, struct wire *wire)
{
    uint32_t unused;
    if (wire->flags & WIRE_ORIGINS) {
        if (wire->flags & WIRE_ORIGIN) p = v1_short_id(p, own, clock, &wire->origin);
        if (p != NULL && wire->flags & WIRE_RIGHT) p = v1_short_id(p, own, clock, &wire->right);
        wire->flags &= WIRE_ORIGINS;
        return p;
    }
    wire->root = *p == 1;
    wire->key = YD_EMPTY;
    if (wire->root) {
        p = v1_short_text(p + 1, end, &wire->name, &unused);
    } else {
        p = *p == 0 ? v1_short_id(p + 1, own, clock, &wire->parent) : NULL;
    }
    if (p == NULL || !(wire->flags & WIRE_KEY)) return p;
    return v1_short_text(p, end, &wire->key, &unused);
}

/* Behind a value that is no array, object or bytes, of which two words can be looked at. */
static inline const uint8_t *v1_short_value(const uint8_t *p, const uint8_t *end)
{
    yd_slice text;
    uint32_t units, n;
    uint64_t word;
    switch (*p++) {
    case ANY_UNDEFINED:
    case ANY_NULL:
    case ANY_TRUE:
    case ANY_FALSE: return p;
    case ANY_FLOAT32: return p + 4;
    case ANY_FLOAT64:
    case ANY_BIGINT: return p + 8;
    case ANY_STRING: return v1_short_text(p, end, &text, &units);
    case ANY_INTEGER:
        memcpy(&word, p, sizeof word);
        n = codec_stop(word);
        return n < 7 ? p + n + 1 : NULL; // up to seven bytes there is nothing to check
    default: return NULL;
    }
}

/* Behind content of one of the kinds that most have; NULL: it is another, or not good. */
YD_BODY const uint8_t *v1_short_content(const uint8_t *p, const uint8_t *end, struct wire *wire)
{
    if (wire->ref == REF_STRING) return v1_short_text(p, end, &wire->content, &wire->len);
    if ((size_t)(end - p) < 2 * sizeof(uint64_t)) return NULL;
    if (wire->ref == REF_DELETED) return v1_short_uint(p, &wire->len);
    if (wire->ref != REF_ANY || *p++ != 1) return NULL;
    const uint8_t *behind = v1_short_value(p, end);
    wire->len = 1;
    if (behind != NULL) wire->content = (yd_slice){p, (size_t)(behind - p)};
    return behind;
}

/* False, with nothing read: not one of those. own: recognised by its bytes, see codec_id_of(). */
YD_BODY bool v1_check_short(struct yd_reader *r, const struct codec_id *own, uint32_t clock,
                            struct wire *wire)
{
    const uint8_t *start = r->at;
    if (r->failed || own->mask == 0 || yd_reader_left(r) < V1_SHORT) return false;
    wire->ref = *start & 31;
    wire->flags = *start & (WIRE_ORIGINS | WIRE_KEY);
    if (wire->ref == REF_GC || wire->ref >= REF_SKIP) return false;
    const uint8_t *p = v1_short_place(start + 1, r->end, own, clock, wire);
    if (p == NULL) return false;
    wire->content = YD_EMPTY;
    r->at = v1_short_content(p, r->end, wire);
    if (r->at == NULL) {
        r->at = p;
        yd_v1_content(r, wire);
    }
    if (!r->failed && wire->len > 0 && wire->len < CLOCK_MAX - clock) return true;
    *r = (struct yd_reader){start, r->end, false};
    return false;
}

#endif
