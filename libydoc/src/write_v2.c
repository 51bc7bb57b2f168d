/* write_v2.c - structs into the columns of update format V2.
 *
 * Where it sits:   state.c, merged.c, update.c -> sink.h -> here -> columns.c, json_any.c
 * Source:          Yjs UpdateEncoderV2, Item.write; docs/encoding.md
 *
 * Keys are written anew each time and never by their number, as Yjs does.
 */
#include "any.h"
#include "sink.h"
#include "utf8.h"

static yd_err v2_id(struct v2_out *v2, struct diff_writer *clocks, struct id id)
{
    YD_TRY(yd_uint_add(&v2->client, id.client));
    return yd_diff_add(clocks, id.clock);
}

static yd_err v2_text(struct v2_out *v2, yd_slice text)
{
    return yd_text_add(&v2->text, text, yd_utf8_count(text));
}

static yd_err v2_key(struct v2_out *v2, yd_slice key)
{
    YD_TRY(yd_diff_add(&v2->key_clock, v2->key_count++));
    return v2_text(v2, key);
}

static yd_err v2_string(struct v2_out *v2, const struct wire *wire, uint32_t offset)
{
    bool half = false;
    yd_slice tail = yd_content_tail(REF_STRING, wire->content, wire->len, offset, &half);
    if (half) YD_TRY(yd_buf_append(&v2->text.text, YD_LITERAL("\xef\xbf\xbd")));
    return yd_text_add(&v2->text, tail, wire->len - offset);
}

static yd_err v2_values(struct v2_out *v2, const struct wire *wire, uint32_t offset)
{
    bool half;
    YD_TRY(yd_uint_add(&v2->len, wire->len - offset));
    yd_slice tail = yd_content_tail(wire->ref, wire->content, wire->len, offset, &half);
    if (wire->ref == REF_ANY) return yd_buf_append(&v2->rest, tail);
    struct yd_reader r = yd_reader_of(tail);
    for (uint32_t i = offset; i < wire->len; i++) YD_TRY(v2_text(v2, yd_read_varbytes(&r)));
    YD_ASSERT(!r.failed);
    return YD_OK;
}

/* Two fields that lie one behind the other in the content. */
static yd_err v2_pair(struct v2_out *v2, const struct wire *wire)
{
    struct yd_reader r = yd_reader_of(wire->content);
    yd_slice first = yd_read_varbytes(&r);
    if (wire->ref == REF_DOC) {
        YD_TRY(v2_text(v2, first));
    } else {
        YD_TRY(v2_key(v2, first));
    }
    if (wire->ref == REF_FORMAT) return yd_json_any(&v2->rest, yd_read_varbytes(&r));
    return yd_buf_append(&v2->rest, (yd_slice){r.at, yd_reader_left(&r)});
}

static yd_err v2_content(struct v2_out *v2, const struct wire *wire, uint32_t offset)
{
    switch (wire->ref) {
    case REF_DELETED: return yd_uint_add(&v2->len, wire->len - offset);
    case REF_STRING: return v2_string(v2, wire, offset);
    case REF_JSON:
    case REF_ANY: return v2_values(v2, wire, offset);
    case REF_BINARY: return yd_buf_varbytes(&v2->rest, wire->content);
    case REF_EMBED: return yd_json_any(&v2->rest, wire->content);
    case REF_EMBED_ANY: return yd_buf_append(&v2->rest, wire->content);
    case REF_TYPE:
        YD_TRY(yd_uint_add(&v2->type_ref, wire->type_ref));
        return wire_type_has_name(wire->type_ref) ? v2_key(v2, wire->content) : YD_OK;
    default: return v2_pair(v2, wire);
    }
}

static yd_err v2_parent(struct v2_out *v2, const struct wire *wire)
{
    YD_TRY(yd_byte_add(&v2->parent, wire->root ? 1 : 0));
    if (wire->root) {
        YD_TRY(v2_text(v2, wire->name));
    } else {
        YD_TRY(v2_id(v2, &v2->left, wire->parent));
    }
    return wire->flags & WIRE_KEY ? v2_text(v2, wire->key) : YD_OK;
}

yd_err yd_v2_write(struct v2_out *v2, const struct wire *wire, struct id id, uint32_t offset,
                   bool merged)
{
    uint8_t flags = wire_flags_from(wire, offset, merged);
    YD_TRY(yd_byte_add(&v2->info, wire_outer_ref(wire) | flags));
    if (wire->ref == REF_GC) return yd_uint_add(&v2->len, wire->len - offset);
    if (wire->ref == REF_SKIP) return yd_buf_varuint(&v2->rest, wire->len - offset);
    if (offset > 0) {
        YD_TRY(v2_id(v2, &v2->left, (struct id){id.client, id.clock + offset - 1}));
    } else if (flags & WIRE_ORIGIN) {
        YD_TRY(v2_id(v2, &v2->left, wire->origin));
    }
    if (flags & WIRE_RIGHT) YD_TRY(v2_id(v2, &v2->right, wire->right));
    if ((flags & WIRE_ORIGINS) == 0) YD_TRY(v2_parent(v2, wire));
    return v2_content(v2, wire, offset);
}
