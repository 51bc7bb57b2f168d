/* write_v2.c - structs into the columns of update format V2, and those into the output.
 *
 * Where it sits:   state.c, merged.c, update.c -> sink.h -> here -> columns.h, json_any.c
 * Source:          Yjs UpdateEncoderV2, Item.write; docs/encoding.md
 */
#include "any.h"
#include "sink.h"
#include "utf8.h"

#include <string.h>

/* Bytes that a struct, which adds three values at most, may take of a column. */
#define STRUCT_SIZE (3 * COLUMN_STEP)
/* Structs that room is made for beyond what is asked for. */
#define AHEAD ((size_t)(TIGHT ? 0 : 16))

/* Where the columns say how far they are written, in the order in which they go out. Texts
 * themselves stand before their lengths. */
enum { TEXTS = 5, COLUMNS = 9 };
static const uint8_t columns[COLUMNS] = {
    offsetof(struct v2_out, keys),    offsetof(struct v2_out, at.client),
    offsetof(struct v2_out, at.left), offsetof(struct v2_out, at.right),
    offsetof(struct v2_out, at.info), offsetof(struct v2_out, at.text_len),
    offsetof(struct v2_out, parent),  offsetof(struct v2_out, type_ref),
    offsetof(struct v2_out, at.len)};

static uint8_t **column_at(struct v2_out *v2, unsigned i)
{
    return (uint8_t **)(void *)((uint8_t *)v2 + columns[i]);
}

/* What is written of a column. */
static yd_slice column_bytes(struct v2_out *v2, unsigned i)
{
    const uint8_t *from = v2->block + i * v2->stride;
    return (yd_slice){from, (size_t)(*column_at(v2, i) - from)};
}

void yd_v2_begin(struct v2_out *v2, yd_alloc alloc)
{
    memset(v2, 0, sizeof *v2);
    v2->at.info.value = v2->parent.value = NO_BYTE;
    yd_buf_init(&v2->texts, alloc, SIZE_MAX / 2);
    v2->rest = v2->texts;
    v2->block = v2->rest.ptr;
    for (unsigned i = 0; i < COLUMNS; i++) *column_at(v2, i) = v2->block;
}

static void block_free(struct v2_out *v2)
{
    yd_alloc alloc = v2->rest.alloc;
    if (v2->stride > 0) alloc.resize(alloc.ctx, v2->block, v2->stride * COLUMNS, 0);
}

/* Moves the columns to a block that has so many bytes for each. */
static yd_err block_grow(struct v2_out *v2, size_t stride)
{
    uint8_t *block = v2->rest.alloc.resize(v2->rest.alloc.ctx, NULL, 0, stride * COLUMNS);
    if (block == NULL) return YD_ENOMEM;
    for (unsigned i = 0; i < COLUMNS; i++) {
        yd_slice column = column_bytes(v2, i);
        uint8_t *to = block + i * stride;
        memcpy(to, column.ptr, column.len);
        *column_at(v2, i) = to + column.len;
    }
    block_free(v2);
    v2->block = block;
    v2->stride = stride;
    return YD_OK;
}

yd_err yd_v2_room(struct v2_out *v2, size_t structs)
{
    if (structs > v2->room) {
        size_t most = 0, need = (structs + AHEAD) * STRUCT_SIZE + COLUMN_MORE;
        for (unsigned i = 0; i < COLUMNS; i++) {
            size_t len = column_bytes(v2, i).len;
            if (len > most) most = len;
        }
        if (need > v2->stride - most) YD_TRY(block_grow(v2, most + most / 2 + need));
        v2->room = (v2->stride - most - COLUMN_MORE) / STRUCT_SIZE;
    }
    v2->room -= structs;
    return YD_OK;
}

/* The block is more than the rest together and mostly never touched: an allocator that keeps twice
 * as much as it was ever given back at once then keeps all, and its pages need not be made anew
 * each time. */
void yd_v2_expect(struct v2_out *v2, size_t structs, size_t clients, size_t bytes)
{
    yd_err unused = block_grow(v2, structs * 4 + clients * 64 + bytes * 3 / 4 + 4096);
    if (unused == YD_OK) unused = yd_buf_reserve(&v2->texts, bytes + structs);
    if (unused == YD_OK) unused = yd_buf_reserve(&v2->rest, bytes + structs);
    (void)unused;
}

static yd_err columns_put(struct v2_out *v2, struct yd_buf *out)
{
    YD_TRY(yd_v2_room(v2, 1));
    diff_flush(&v2->keys);
    uint_flush(&v2->at.client);
    diff_flush(&v2->at.left);
    diff_flush(&v2->at.right);
    uint_flush(&v2->at.text_len);
    uint_flush(&v2->type_ref);
    uint_flush(&v2->at.len);
    size_t texts = v2->texts.len, size = texts + v2->rest.len + (size_t)10 * (COLUMNS + 1);
    for (unsigned i = 0; i < COLUMNS; i++) size += column_bytes(v2, i).len;
    YD_TRY(yd_buf_reserve(out, size));
    YD_TRY(yd_buf_u8(out, 0)); // no feature flags
    for (unsigned i = 0; i < COLUMNS; i++) {
        yd_slice column = column_bytes(v2, i);
        if (i == TEXTS) { // all texts as one, then their lengths
            YD_TRY(yd_buf_varuint(out, yd_varuint_size(texts) + texts + column.len));
            YD_TRY(yd_buf_varbytes(out, yd_buf_slice(&v2->texts)));
            YD_TRY(yd_buf_append(out, column));
        } else {
            YD_TRY(yd_buf_varbytes(out, column));
        }
    }
    return yd_buf_append(out, yd_buf_slice(&v2->rest));
}

yd_err yd_v2_end(struct v2_out *v2, struct yd_buf *out, yd_err err)
{
    if (err == YD_OK) err = columns_put(v2, out);
    block_free(v2);
    yd_buf_deinit(&v2->texts);
    yd_buf_deinit(&v2->rest);
    return err;
}

yd_err yd_v2_client(struct v2_out *v2, uint64_t client)
{
    YD_TRY(yd_v2_room(v2, 1));
    uint_add(&v2->at.client, client);
    return YD_OK;
}

static void v2_id(struct v2_out *v2, struct diff_writer *clocks, struct id id)
{
    uint_add(&v2->at.client, id.client);
    diff_add(clocks, id.clock);
}

static yd_err v2_text(struct v2_out *v2, yd_slice text, uint32_t units)
{
    uint_add(&v2->at.text_len, units);
    return yd_buf_append(&v2->texts, text);
}

static yd_err v2_name(struct v2_out *v2, yd_slice name)
{
    return v2_text(v2, name, yd_utf8_count(name));
}

static yd_err v2_string(struct v2_out *v2, const struct wire *wire, uint32_t offset)
{
    bool half = false;
    yd_slice tail = yd_content_tail(REF_STRING, wire->content, wire->len, offset, &half);
    if (half) YD_TRY(yd_buf_append(&v2->texts, YD_LITERAL("\xef\xbf\xbd")));
    return v2_text(v2, tail, wire->len - offset);
}

static yd_err v2_values(struct v2_out *v2, const struct wire *wire, uint32_t offset)
{
    bool half;
    uint_add(&v2->at.len, wire->len - offset);
    yd_slice tail = yd_content_tail(wire->ref, wire->content, wire->len, offset, &half);
    if (wire->ref == REF_ANY) return yd_buf_append(&v2->rest, tail);
    struct yd_reader r = yd_reader_of(tail);
    for (uint32_t i = offset; i < wire->len; i++) {
        YD_TRY(yd_v2_room(v2, 1));
        YD_TRY(v2_name(v2, yd_read_varbytes(&r)));
    }
    YD_ASSERT(!r.failed);
    return YD_OK;
}

/* Two fields that lie one behind the other in the content. */
static yd_err v2_pair(struct v2_out *v2, const struct wire *wire)
{
    struct yd_reader r = yd_reader_of(wire->content);
    if (wire->ref != REF_DOC) v2_key_add(v2);
    YD_TRY(v2_name(v2, yd_read_varbytes(&r)));
    if (wire->ref == REF_FORMAT) return yd_json_any(&v2->rest, yd_read_varbytes(&r));
    return yd_buf_append(&v2->rest, (yd_slice){r.at, yd_reader_left(&r)});
}

static yd_err v2_type(struct v2_out *v2, const struct wire *wire)
{
    uint_add(&v2->type_ref, wire->type_ref);
    if (!wire_type_has_name(wire->type_ref)) return YD_OK;
    v2_key_add(v2);
    return v2_name(v2, wire->content);
}

static yd_err v2_content(struct v2_out *v2, const struct wire *wire, uint32_t offset)
{
    switch (wire->ref) {
    case REF_GC:
    case REF_DELETED: uint_add(&v2->at.len, wire->len - offset); return YD_OK;
    case REF_SKIP: return yd_buf_varuint(&v2->rest, wire->len - offset);
    case REF_STRING: return v2_string(v2, wire, offset);
    case REF_JSON:
    case REF_ANY: return v2_values(v2, wire, offset);
    case REF_BINARY: return yd_buf_varbytes(&v2->rest, wire->content);
    case REF_EMBED: return yd_json_any(&v2->rest, wire->content);
    case REF_EMBED_ANY: return yd_buf_append(&v2->rest, wire->content);
    case REF_TYPE: return v2_type(v2, wire);
    default: return v2_pair(v2, wire);
    }
}

static yd_err v2_parent(struct v2_out *v2, const struct wire *wire)
{
    byte_add(&v2->parent, wire->root ? 1 : 0);
    if (wire->root) {
        YD_TRY(v2_name(v2, wire->name));
    } else {
        v2_id(v2, &v2->at.left, wire->parent);
    }
    return wire->flags & WIRE_KEY ? v2_name(v2, wire->key) : YD_OK;
}

yd_err yd_v2_write(struct v2_out *v2, const struct wire *wire, struct id id, uint32_t offset,
                   bool merged)
{
    YD_TRY(yd_v2_room(v2, 1));
    uint8_t flags = wire_flags_from(wire, offset, merged);
    byte_add(&v2->at.info, wire_outer_ref(wire) | flags);
    if (wire_is_item(wire)) {
        if (offset > 0) {
            v2_id(v2, &v2->at.left, (struct id){id.client, id.clock + offset - 1});
        } else if (flags & WIRE_ORIGIN) {
            v2_id(v2, &v2->at.left, wire->origin);
        }
        if (flags & WIRE_RIGHT) v2_id(v2, &v2->at.right, wire->right);
        if ((flags & WIRE_ORIGINS) == 0) YD_TRY(v2_parent(v2, wire));
    }
    return v2_content(v2, wire, offset);
}
