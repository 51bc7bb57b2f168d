/* codec.h - the short way through the reader and into buffers, for hot paths. */
#ifndef YDOC_CODEC_H
#define YDOC_CODEC_H

#include "ydoc/base.h"

/* yd_read_varuint() with the one-byte case in place. */
static inline uint64_t codec_varuint(struct yd_reader *r)
{
    if (r->at < r->end && *r->at < 0x80 && !r->failed) return *r->at++;
    return yd_read_varuint(r);
}

static inline uint8_t *codec_put(uint8_t *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) *out++ = (uint8_t)(value | 0x80);
    *out++ = (uint8_t)value;
    return out;
}

#define YD_TRY(call)                                                                               \
    do {                                                                                           \
        yd_err try_err_ = (call);                                                                  \
        if (try_err_ != YD_OK) return try_err_;                                                    \
    } while (0)

#endif
