/* write_v1.c - structs into update format V1.
 *
 * Where it sits:   state.c, pending.c -> here -> json_any.c
 * Source:          Yjs Item.write, GC.write; docs/encoding.md
 */
#include "any.h"
#include "codec.h"
#include "wire.h"

#include <string.h>

/* All varUints of one struct: info, two ids, parent and key lengths, content length. */
#define HEAD_MAX ((size_t)96)

static const uint8_t replacement[3] = {0xef, 0xbf, 0xbd};

static uint8_t *put_bytes(uint8_t *p, yd_slice bytes)
{
    memcpy(p, bytes.ptr, bytes.len);
    return p + bytes.len;
}

static uint8_t *put_varbytes(uint8_t *p, yd_slice bytes)
{
    return put_bytes(codec_put(p, bytes.len), bytes);
}

static uint8_t *put_id(uint8_t *p, struct id id)
{
    return codec_put(codec_put(p, id.client), id.clock);
}

static uint8_t *put_content(uint8_t *p, const struct wire *wire, uint32_t offset)
{
    bool half = false;
    switch (wire->ref) {
    case REF_DELETED: return codec_put(p, wire->len - offset);
    case REF_STRING: {
        yd_slice tail = yd_content_tail(REF_STRING, wire->content, wire->len, offset, &half);
        if (!half) return put_varbytes(p, tail);
        p = codec_put(p, tail.len + sizeof replacement);
        return put_bytes(put_bytes(p, (yd_slice){replacement, sizeof replacement}), tail);
    }
    case REF_JSON:
    case REF_ANY:
        p = codec_put(p, wire->len - offset);
        return put_bytes(p, yd_content_tail(wire->ref, wire->content, wire->len, offset, &half));
    case REF_TYPE:
        p = codec_put(p, wire->type_ref);
        return wire_type_has_name(wire->type_ref) ? put_varbytes(p, wire->content) : p;
    case REF_BINARY:
    case REF_EMBED: return put_varbytes(p, wire->content);
    default: return put_bytes(p, wire->content);
    }
}

/* An embed or mark whose value is none of JSON: as much of it as JSON can say. */
static yd_err any_value_write(struct yd_buf *out, const struct wire *wire)
{
    struct yd_reader r = yd_reader_of(wire->content);
    if (wire->ref == REF_FORMAT_ANY) { // room was made for all of the content
        out->len = (size_t)(put_varbytes(out->ptr + out->len, yd_read_varbytes(&r)) - out->ptr);
        YD_ASSERT(out->len <= out->cap);
    }
    yd_slice value = {r.at, yd_reader_left(&r)};
    struct yd_buf json;
    yd_buf_init(&json, out->alloc, out->max);
    yd_err err = yd_any_json_text(&json, value);
    if (err == YD_OK) err = yd_buf_varbytes(out, yd_buf_slice(&json));
    yd_buf_deinit(&json);
    return err;
}

yd_err yd_v1_write(struct yd_buf *out, const struct wire *wire, struct id id, uint32_t offset,
                   bool merged)
{
    bool item = wire_is_item(wire);
    bool parent = item && offset == 0 && (wire->flags & WIRE_ORIGINS) == 0;
    size_t need = HEAD_MAX + wire->content.len;
    if (parent) need += (wire->root ? wire->name.len : 0) + wire->key.len;
    YD_TRY(yd_buf_reserve(out, need));
    uint8_t *p = out->ptr + out->len;
    uint8_t flags = wire_flags_from(wire, offset, merged);
    *p++ = wire_outer_ref(wire) | flags;
    if (!item) {
        p = codec_put(p, wire->len - offset);
        out->len = (size_t)(p - out->ptr);
        return YD_OK;
    }
    if (offset > 0) {
        p = put_id(p, (struct id){id.client, id.clock + offset - 1});
    } else if (flags & WIRE_ORIGIN) {
        p = put_id(p, wire->origin);
    }
    if (flags & WIRE_RIGHT) p = put_id(p, wire->right);
    if (parent) {
        *p++ = wire->root ? 1 : 0;
        p = wire->root ? put_varbytes(p, wire->name) : put_id(p, wire->parent);
        if (flags & WIRE_KEY) p = put_varbytes(p, wire->key);
    }
    if (wire->ref <= REF_SKIP) p = put_content(p, wire, offset);
    out->len = (size_t)(p - out->ptr);
    YD_ASSERT(out->len <= out->cap);
    return wire->ref <= REF_SKIP ? YD_OK : any_value_write(out, wire);
}

static size_t id_size(struct id id) { return codec_size(id.client) + codec_size(id.clock); }

static size_t varbytes_size(yd_slice bytes) { return codec_size(bytes.len) + bytes.len; }

static size_t content_size(const struct wire *wire)
{
    switch (wire->ref) {
    case REF_GC:
    case REF_SKIP:
    case REF_DELETED: return codec_size(wire->len);
    case REF_JSON:
    case REF_ANY: return codec_size(wire->len) + wire->content.len;
    case REF_TYPE:
        return 1 + (wire_type_has_name(wire->type_ref) ? varbytes_size(wire->content) : 0);
    case REF_STRING:
    case REF_BINARY:
    case REF_EMBED: return varbytes_size(wire->content);
    default: return wire->content.len;
    }
}

size_t yd_v1_size(const struct wire *wire)
{
    size_t size = 1 + content_size(wire);
    if (!wire_is_item(wire)) return size;
    if (wire->flags & WIRE_ORIGIN) size += id_size(wire->origin);
    if (wire->flags & WIRE_RIGHT) size += id_size(wire->right);
    if ((wire->flags & WIRE_ORIGINS) != 0) return size;
    size += 1 + (wire->root ? varbytes_size(wire->name) : id_size(wire->parent));
    return size + (wire->flags & WIRE_KEY ? varbytes_size(wire->key) : 0);
}

bool yd_v1_stands(const struct wire *wire, yd_slice bytes)
{
    if (!wire_is_item(wire) || bytes.ptr[0] != (wire->ref | wire->flags)) return false;
    // What is no 1 there is read as a 0.
    if ((wire->flags & WIRE_ORIGINS) == 0 && bytes.ptr[1] > 1) return false;
    return yd_v1_size(wire) == bytes.len;
}
