/* codec.h - the short way through the reader and into buffers, for hot paths. */
#ifndef YDOC_CODEC_H
#define YDOC_CODEC_H

#include "ydoc/base.h"

/* yd_read_varuint() for values of two bytes and more. */
uint64_t yd_codec_varuint_long(struct yd_reader *r);

/* yd_read_varuint() with the one-byte case in place. */
static inline uint64_t codec_varuint(struct yd_reader *r)
{
    if (r->at < r->end && *r->at < 0x80 && !r->failed) return *r->at++;
    return yd_codec_varuint_long(r);
}

static inline uint8_t codec_u8(struct yd_reader *r)
{
    if (r->at == r->end || r->failed) return yd_read_u8(r);
    return *r->at++;
}

static inline yd_slice codec_bytes(struct yd_reader *r, uint64_t len)
{
    if (len > yd_reader_left(r) || r->failed) return yd_read_bytes(r, len);
    const uint8_t *at = r->at;
    r->at = at + len;
    return (yd_slice){at, (size_t)len};
}

static inline uint8_t *codec_put(uint8_t *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) *out++ = (uint8_t)(value | 0x80);
    *out++ = (uint8_t)value;
    return out;
}

/* Appends a lib0 varInt. -0 is 0 with `negative`. */
YD_NODISCARD yd_err yd_buf_varint(struct yd_buf *buf, uint64_t magnitude, bool negative);

#define YD_TRY(call)                                                                               \
    do {                                                                                           \
        yd_err try_err_ = (call);                                                                  \
        if (try_err_ != YD_OK) return try_err_;                                                    \
    } while (0)

#endif
