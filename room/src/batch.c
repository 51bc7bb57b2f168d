/* batch.c - puts together a message that y-partykit's provider sent in chunks.
 *
 * Source: docs/protocol.md, rules P5..P8
 *
 *   text    y-pk-batch#{"id":"...","type":"start","size":total,"count":chunks}
 *   binary  chunk, chunk, ...
 *   text    the same with "type":"end"
 *
 * Memory follows what has arrived, never what was announced.
 */
#include "dialect.h"

#include <string.h>

#define ID_MAX 64

struct marker {
    uint8_t id[ID_MAX];
    size_t id_len;
    uint64_t size, count;
    enum batch_marker type;
};

struct batch {
    yd_alloc alloc;
    struct marker start;
    uint64_t count;
    struct yd_buf bytes;
};

static const yd_slice marker_prefix = {(const uint8_t *)"y-pk-batch#", 11};

static void skip_space(struct yd_reader *r)
{
    while (r->at < r->end &&
           (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) {
        r->at++;
    }
}

static bool take_char(struct yd_reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != (uint8_t)c) return false;
    r->at++;
    return true;
}

/* A JSON string without escapes: the provider's ids and keys need none. */
static bool take_string(struct yd_reader *r, yd_slice *text)
{
    if (!take_char(r, '"')) return false;
    const uint8_t *from = r->at;
    while (r->at < r->end && *r->at != '"' && *r->at != '\\') r->at++;
    if (r->at == r->end || *r->at != '"') return false;
    *text = (yd_slice){from, (size_t)(r->at - from)};
    r->at++;
    return true;
}

static bool take_number(struct yd_reader *r, uint64_t *value)
{
    skip_space(r);
    const uint8_t *from = r->at;
    *value = 0;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && r->at - from < 15) {
        *value = *value * 10 + (uint64_t)(*r->at - '0');
        r->at++;
    }
    return r->at > from;
}

static bool take_type(yd_slice text, enum batch_marker *type)
{
    if (yd_slice_equal(text, YD_LITERAL("start"))) {
        *type = BATCH_START;
    } else if (yd_slice_equal(text, YD_LITERAL("end"))) {
        *type = BATCH_END;
    } else {
        return false;
    }
    return true;
}

enum { SEEN_ID = 1, SEEN_TYPE = 2, SEEN_SIZE = 4, SEEN_COUNT = 8, SEEN_ALL = 15 };

static unsigned member_of(yd_slice key)
{
    if (yd_slice_equal(key, YD_LITERAL("id"))) return SEEN_ID;
    if (yd_slice_equal(key, YD_LITERAL("type"))) return SEEN_TYPE;
    if (yd_slice_equal(key, YD_LITERAL("size"))) return SEEN_SIZE;
    if (yd_slice_equal(key, YD_LITERAL("count"))) return SEEN_COUNT;
    return 0;
}

static bool take_id(struct yd_reader *r, struct marker *marker)
{
    yd_slice text;
    if (!take_string(r, &text) || text.len > ID_MAX) return false;
    memcpy(marker->id, text.ptr, text.len);
    marker->id_len = text.len;
    return true;
}

static bool take_member(struct yd_reader *r, struct marker *marker, unsigned *seen)
{
    yd_slice text;
    if (!take_string(r, &text) || !take_char(r, ':')) return false;
    unsigned member = member_of(text);
    if ((*seen & member) != 0) return false;
    *seen |= member;
    switch (member) {
    case SEEN_ID: return take_id(r, marker);
    case SEEN_TYPE: return take_string(r, &text) && take_type(text, &marker->type);
    case SEEN_SIZE: return take_number(r, &marker->size);
    case SEEN_COUNT: return take_number(r, &marker->count);
    default: return false;
    }
}

static bool marker_read(yd_slice text, struct marker *marker)
{
    memset(marker, 0, sizeof *marker);
    struct yd_reader r = yd_reader_of(text);
    r.at += marker_prefix.len;
    unsigned seen = 0;
    if (!take_char(&r, '{')) return false;
    do {
        if (!take_member(&r, marker, &seen)) return false;
    } while (take_char(&r, ','));
    if (!take_char(&r, '}')) return false;
    skip_space(&r);
    return seen == SEEN_ALL && r.at == r.end;
}

enum batch_marker batch_marker_of(yd_slice text)
{
    if (text.len < marker_prefix.len ||
        memcmp(text.ptr, marker_prefix.ptr, marker_prefix.len) != 0) {
        return BATCH_NO_MARKER;
    }
    struct marker marker;
    return marker_read(text, &marker) ? marker.type : BATCH_BROKEN;
}

yd_err batch_start(yd_alloc alloc, size_t bytes_max, yd_slice text, struct batch **batch)
{
    struct batch *b = alloc.resize(alloc.ctx, NULL, 0, sizeof *b);
    if (b == NULL) return YD_ENOMEM;
    memset(b, 0, sizeof *b);
    b->alloc = alloc;
    if (!marker_read(text, &b->start) || b->start.size > bytes_max) {
        (void)alloc.resize(alloc.ctx, b, sizeof *b, 0);
        return YD_ETOOBIG;
    }
    yd_buf_init(&b->bytes, alloc, (size_t)b->start.size);
    *batch = b;
    return YD_OK;
}

yd_err batch_add(struct batch *batch, yd_slice chunk)
{
    batch->count++;
    return yd_buf_append(&batch->bytes, chunk);
}

bool batch_end(struct batch *batch, yd_slice text, yd_slice *whole)
{
    struct marker end;
    if (!marker_read(text, &end)) return false;
    *whole = yd_buf_slice(&batch->bytes);
    return end.id_len == batch->start.id_len && memcmp(end.id, batch->start.id, end.id_len) == 0 &&
           end.size == batch->start.size && end.count == batch->start.count &&
           whole->len == end.size && batch->count == end.count;
}

void batch_free(struct batch *batch)
{
    if (batch == NULL) return;
    yd_buf_deinit(&batch->bytes);
    (void)batch->alloc.resize(batch->alloc.ctx, batch, sizeof *batch, 0);
}
