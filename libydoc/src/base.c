/* base.c - slices, growing buffers, and the reader of untrusted bytes.
 *
 * Where it sits:   everything above -> here -> the caller's allocator
 * Source:          lib0 encoding/decoding (varUint, varUint8Array); rules U1 to U3 in
 *                  docs/encoding.md
 */
#include "codec.h"

#include <string.h>

const uint8_t yd_no_bytes[1] = {0};

const char *yd_err_name(yd_err err)
{
    switch (err) {
    case YD_OK: return "YD_OK";
    case YD_EMALFORMED: return "YD_EMALFORMED";
    case YD_ETOOBIG: return "YD_ETOOBIG";
    case YD_EUNSUPPORTED: return "YD_EUNSUPPORTED";
    case YD_ENOMEM: return "YD_ENOMEM";
    case YD_ENOTFOUND: return "YD_ENOTFOUND";
    case YD_ESTATE: return "YD_ESTATE";
    default: return "YD_E?";
    }
}

bool yd_slice_equal(yd_slice a, yd_slice b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Buffers keep the address of yd_no_bytes while they are empty; it is never written through. */
static uint8_t *buf_nothing(void) { return (uint8_t *)(uintptr_t)yd_no_bytes; }

void yd_buf_init(struct yd_buf *buf, yd_alloc alloc, size_t max)
{
    *buf = (struct yd_buf){.ptr = buf_nothing(), .max = max, .alloc = alloc};
}

void yd_buf_deinit(struct yd_buf *buf)
{
    if (buf->cap > 0) buf->alloc.resize(buf->alloc.ctx, buf->ptr, buf->cap, 0);
    buf->ptr = buf_nothing();
    buf->len = 0;
    buf->cap = 0;
}

yd_err yd_buf_reserve(struct yd_buf *buf, size_t more)
{
    if (more <= buf->cap - buf->len) return YD_OK;
    if (buf->len > buf->max || more > buf->max - buf->len) return YD_ETOOBIG;
    size_t need = buf->len + more;
    // Half as much again: every byte is moved a bounded number of times.
    size_t cap = grows_tight(need) ? need : buf->cap < 64 ? 64 : buf->cap;
    while (cap < need) cap = cap > buf->max - cap / 2 ? buf->max : cap + cap / 2;
    if (cap > buf->max) cap = buf->max;
    uint8_t *ptr = buf->alloc.resize(buf->alloc.ctx, buf->cap > 0 ? buf->ptr : NULL, buf->cap, cap);
    if (ptr == NULL) return YD_ENOMEM;
    buf->ptr = ptr;
    buf->cap = cap;
    return YD_OK;
}

yd_err yd_buf_append(struct yd_buf *buf, yd_slice bytes)
{
    if (bytes.len == 0) return YD_OK;
    yd_err err = yd_buf_reserve(buf, bytes.len);
    if (err != YD_OK) return err;
    memcpy(buf->ptr + buf->len, bytes.ptr, bytes.len);
    buf->len += bytes.len;
    return YD_OK;
}

yd_err yd_buf_u8(struct yd_buf *buf, uint8_t byte)
{
    yd_err err = yd_buf_reserve(buf, 1);
    if (err == YD_OK) buf->ptr[buf->len++] = byte;
    return err;
}

yd_err yd_buf_varuint(struct yd_buf *buf, uint64_t value)
{
    if (buf->cap - buf->len >= 10) { // room for any: no need to look at it twice
        buf->len += yd_varuint_put(buf->ptr + buf->len, value);
        return YD_OK;
    }
    uint8_t bytes[10];
    size_t len = yd_varuint_put(bytes, value);
    return yd_buf_append(buf, (yd_slice){bytes, len});
}

yd_err yd_buf_varint(struct yd_buf *buf, uint64_t magnitude, bool negative)
{
    YD_TRY(yd_buf_reserve(buf, 11));
    uint8_t *p = buf->ptr + buf->len;
    *p++ = (uint8_t)((magnitude > 63 ? 0x80 : 0) | (negative ? 0x40 : 0) | (magnitude & 63));
    if (magnitude > 63) p = codec_put(p, magnitude >> 6);
    buf->len = (size_t)(p - buf->ptr);
    return YD_OK;
}

yd_err yd_buf_varbytes(struct yd_buf *buf, yd_slice bytes)
{
    size_t before = buf->len;
    yd_err err = yd_buf_varuint(buf, bytes.len);
    if (err == YD_OK) err = yd_buf_append(buf, bytes);
    if (err != YD_OK) buf->len = before;
    return err;
}

uint8_t yd_read_u8(struct yd_reader *r)
{
    if (r->failed || r->at == r->end) {
        r->failed = true;
        return 0;
    }
    return *r->at++;
}

uint64_t yd_read_varuint(struct yd_reader *r)
{
    if (r->failed) return 0;
    const uint8_t *p = r->at;
    uint64_t value = 0;
    for (unsigned shift = 0; p < r->end && shift < 70; shift += 7) {
        uint8_t byte = *p++;
        uint64_t bits = byte & 0x7f;
        if (shift >= 49 && bits >> (shift > 53 ? 0 : 53 - shift) != 0) break; // above 2^53-1
        value |= shift < 64 ? bits << shift : 0;
        if (byte < 0x80) {
            r->at = p;
            return value;
        }
    }
    r->failed = true;
    return 0;
}

/* All groups of seven bits at once: client ids are random numbers of five bytes and more, and
 * every reference names one. */
uint64_t yd_codec_varuint_long(struct yd_reader *r)
{
    uint64_t word, value;
    if (r->failed || yd_reader_left(r) < sizeof word) return yd_read_varuint(r);
    memcpy(&word, r->at, sizeof word);
    uint32_t len = codec_unspell(word, &value);
    if (len == 0) return yd_read_varuint(r);
    r->at += len;
    return value;
}

yd_slice yd_read_bytes(struct yd_reader *r, uint64_t len)
{
    if (r->failed || len > yd_reader_left(r)) {
        r->failed = true;
        return YD_EMPTY;
    }
    yd_slice bytes = {r->at, (size_t)len};
    r->at += len;
    return bytes;
}

yd_slice yd_read_varbytes(struct yd_reader *r)
{
    const uint8_t *start = r->at;
    yd_slice bytes = yd_read_bytes(r, yd_read_varuint(r));
    if (r->failed) r->at = start;
    return bytes;
}

size_t yd_varuint_size(uint64_t value)
{
    size_t n = 1;
    for (; value >= 0x80; value >>= 7) n++;
    return n;
}

size_t yd_varuint_put(uint8_t *out, uint64_t value)
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7) out[n++] = (uint8_t)(value | 0x80);
    out[n++] = (uint8_t)value;
    return n;
}
