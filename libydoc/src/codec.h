/* codec.h - the short way through the reader and into buffers, for hot paths. */
#ifndef YDOC_CODEC_H
#define YDOC_CODEC_H

#include "ydoc/base.h"

#include <string.h>

/* A body that is compiled wherever it is used, for what is constant there. In wasm, where every
 * copy travels, it is there once: docs/decisions/0225. A part is never in place there. What is
 * marked YD_HERE is in place there too, because a call would cost more than all it does. */
#define YD_HERE static inline __attribute__((always_inline))
#ifdef __wasm__
#define YD_BODY static inline
#define YD_PART static __attribute__((noinline, unused))
#else
#define YD_BODY YD_HERE
#define YD_PART YD_HERE
#endif

/* Code that travels to where it runs, as wasm does, pays by its size: what is only faster is left
 * out there, unless it pays. */
#ifdef __wasm__
enum { TRAVELS = 1 };
#else
enum { TRAVELS = 0 };
#endif

/* Tables grow by half their size. For tests, built with YD_TIGHT, by what is needed only, up to a
 * thousand: each element more asks for memory, which may be refused, and moves the table. */
#ifdef YD_TIGHT
enum { TIGHT = 1 };
#else
enum { TIGHT = 0 };
#endif
static inline bool grows_tight(uint64_t need) { return TIGHT && need < 1000; }

/* yd_read_varuint() for values of two bytes and more. */
uint64_t yd_codec_varuint_long(struct yd_reader *r);

/* yd_read_varuint() with the one-byte case in place. */
static inline uint64_t codec_varuint(struct yd_reader *r)
{
    if (r->at < r->end && *r->at < 0x80 && !r->failed) return *r->at++;
    return yd_codec_varuint_long(r);
}

/* The same for clocks, which mostly have two or three bytes. */
static inline uint64_t codec_clock(struct yd_reader *r)
{
    const uint8_t *p = r->at;
    if (yd_reader_left(r) < 3 || r->failed) return yd_codec_varuint_long(r);
    if (p[0] < 0x80) {
        r->at = p + 1;
        return p[0];
    }
    if (p[1] < 0x80) {
        r->at = p + 2;
        return (p[0] & 0x7fu) | (uint32_t)p[1] << 7;
    }
    if (p[2] < 0x80) {
        r->at = p + 3;
        return (p[0] & 0x7fu) | (p[1] & 0x7fu) << 7 | (uint32_t)p[2] << 14;
    }
    return yd_codec_varuint_long(r);
}

/* The first n of the 8 bytes of a word of this machine, n above 0; the others 0. */
static inline uint64_t codec_first(uint64_t word, uint32_t n)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return word & ~(uint64_t)0 >> (64 - 8 * n);
#else
    uint8_t bytes[8] = {0};
    memcpy(bytes, &word, n);
    memcpy(&word, bytes, sizeof word);
    return word;
#endif
}

/* A client id as its bytes stand on the wire. Most ids in a section are the section's own: they
 * need not be decoded. */
struct codec_id {
    uint64_t value;
    uint64_t word; /* the bytes, as a word of this machine */
    uint64_t mask; /* which of the word they are; 0: nothing is recognised */
    uint32_t len;
};

/* value: what was just read from the bytes from `at` on. */
static inline struct codec_id codec_id_of(const struct yd_reader *r, const uint8_t *at,
                                          uint64_t value)
{
    struct codec_id id = {.value = value, .len = (uint32_t)(r->at - at)};
    if (r->failed || id.len == 0 || id.len > 7 || (size_t)(r->end - at) < sizeof id.word) return id;
    id.mask = codec_first(~(uint64_t)0, id.len);
    memcpy(&id.word, at, sizeof id.word);
    id.word &= id.mask;
    return id;
}

/* Which of the 8 bytes of a word of this machine is the first below 0x80; 8: none, or not told on
 * this machine. */
static inline uint32_t codec_stop(uint64_t word)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t stops = ~word & 0x8080808080808080u;
    return stops == 0 ? 8 : (uint32_t)__builtin_ctzll(stops) / 8;
#else
    (void)word;
    return 8;
#endif
}

/* The reverse of codec_spell(): what a varUint is whose bytes a word of this machine begins with,
 * and how many they are. 0: more than the word has, or above 2^53-1, or not told on this machine.
 */
static inline uint32_t codec_unspell(uint64_t word, uint64_t *value)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t stops = ~word & 0x8080808080808080u;
    uint64_t last = stops & (0 - stops); // top bit of the last byte
    if (stops == 0) return 0;
    word &= last | (last - 1);
    word = (word & 0x007f007f007f007fu) | (word & 0x7f007f007f007f00u) >> 1;
    word = (word & 0x00003fff00003fffu) | (word & 0x3fff00003fff0000u) >> 2;
    word = (word & 0x000000000fffffffu) | (word & 0x0fffffff00000000u) >> 4;
    *value = word;
    return word >> 53 != 0 ? 0 : (uint32_t)__builtin_ctzll(stops) / 8 + 1;
#else
    (void)word;
    *value = 0;
    return 0;
#endif
}

static inline uint64_t codec_client(struct yd_reader *r, const struct codec_id *own)
{
    uint64_t word, id = 0;
    if (yd_reader_left(r) >= sizeof word && !r->failed) {
        memcpy(&word, r->at, sizeof word);
        if (own->mask != 0 && (word & own->mask) == own->word) {
            r->at += own->len;
            return own->value;
        }
        uint32_t len = TRAVELS ? 0 : codec_unspell(word, &id);
        r->at += len;
        if (len > 0) return id;
    }
    return codec_varuint(r);
}

/* The same of any client. */
static inline uint64_t codec_client_id(struct yd_reader *r)
{
    static const struct codec_id none;
    return TRAVELS ? codec_varuint(r) : codec_client(r, &none);
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

/* How many bytes a varUint has: one for each group of seven bits. */
static inline uint32_t codec_size(uint64_t value)
{
#if defined(__BYTE_ORDER__) && !defined(__wasm__)
    return (70u - (uint32_t)__builtin_clzll(value | 1)) / 7;
#else
    return (uint32_t)yd_varuint_size(value);
#endif
}

/* The same where it is done often. Where the next byte goes should be guessed, not computed: all
 * that follows waits for it. In wasm, where it may not be long, a loop. */
YD_HERE uint8_t *codec_put_u32(uint8_t *p, uint32_t value)
{
#ifdef __wasm__
    for (; value >= 0x80; value >>= 7) *p++ = (uint8_t)(value | 0x80);
#endif
    if (value < 0x80) {
        p[0] = (uint8_t)value;
        return p + 1;
    }
    p[0] = (uint8_t)(value | 0x80);
    if (value < 0x4000) {
        p[1] = (uint8_t)(value >> 7);
        return p + 2;
    }
    p[1] = (uint8_t)(value >> 7 | 0x80);
    if (value < 0x200000) {
        p[2] = (uint8_t)(value >> 14);
        return p + 3;
    }
    p[2] = (uint8_t)(value >> 14 | 0x80);
    return codec_put(p + 3, value >> 21);
}

/* The bytes of a varUint of up to 56 bits as a word of this machine, and how many they are. */
static inline uint32_t codec_spell(uint64_t value, uint64_t *word)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && !defined(__wasm__)
    uint32_t len = codec_size(value);
    uint64_t w = (value & 0x0fffffffu) | (value & 0xfffffff0000000u) << 4;
    w = (w & 0x00003fff00003fffu) | (w & 0x0fffc0000fffc000u) << 2;
    w = (w & 0x007f007f007f007fu) | (w & 0x3f803f803f803f80u) << 1;
    *word = w | (0x8080808080808080u & (((uint64_t)1 << 8 * (len - 1)) - 1));
    return len;
#else
    uint8_t bytes[10] = {0};
    uint32_t len = (uint32_t)yd_varuint_put(bytes, value);
    memcpy(word, bytes, sizeof *word);
    return len;
#endif
}

/* A lib0 varInt is the varUint of this: bit 6 is its sign. */
static inline uint64_t codec_varint_bits(uint64_t magnitude, bool negative)
{
    return (magnitude & 63) | (uint64_t)negative << 6 | magnitude >> 6 << 7;
}

/* Appends a lib0 varInt. -0 is 0 with `negative`. */
YD_NODISCARD yd_err yd_buf_varint(struct yd_buf *buf, uint64_t magnitude, bool negative);

#define YD_TRY(call)                                                                               \
    do {                                                                                           \
        yd_err try_err_ = (call);                                                                  \
        if (try_err_ != YD_OK) return try_err_;                                                    \
    } while (0)

#endif
