/* crc.c - the CRC-32 of zlib and Ethernet, with the processor's carry-less multiplication where
 * there is one: a journal record's checksums took a tenth of a commit's CPU.
 *
 * A message is a polynomial over GF(2). 64 bytes that stand n bits before others may be replaced by
 * their product with x^n modulo the CRC's polynomial, added to those others: so blocks are folded
 * into the next until 16 bytes are left, which are reduced to 32 bits. All constants are powers of
 * x modulo that polynomial, bits reversed; the test compares every path with zlib.
 *
 * Source: Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", 2009 */
#include "store/journal.h"

#include <zlib.h>

#if defined(__x86_64__)

#include <immintrin.h>

#define FOLDED   __attribute__((target("pclmul,sse4.1")))
#define FOLD_MIN ((size_t)64)

/* The block `ahead` bits before `next` added to it. */
FOLDED static inline __m128i fold(__m128i block, __m128i ahead, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(block, ahead, 0x00);
    __m128i high = _mm_clmulepi64_si128(block, ahead, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

FOLDED static inline __m128i block_at(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* 128 bits to 96, to 64, and then to 32 by Barrett's multiplication with the inverse. */
FOLDED static inline uint32_t reduce(__m128i x, __m128i ahead_16)
{
    const __m128i word = _mm_set_epi32(0, -1, 0, -1);
    const __m128i ahead_8 = _mm_set_epi64x(0, 0x163cd6124);
    const __m128i barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641);
    x = _mm_xor_si128(_mm_srli_si128(x, 8), _mm_clmulepi64_si128(x, ahead_16, 0x10));
    __m128i upper = _mm_srli_si128(x, 4);
    x = _mm_xor_si128(upper, _mm_clmulepi64_si128(_mm_and_si128(x, word), ahead_8, 0x00));
    __m128i q = _mm_clmulepi64_si128(_mm_and_si128(x, word), barrett, 0x10);
    q = _mm_clmulepi64_si128(_mm_and_si128(q, word), barrett, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, q), 1);
}

/* At least FOLD_MIN bytes, whole blocks of 16. */
FOLDED static uint32_t crc_folded(uint32_t crc, const uint8_t *p, size_t len)
{
    const __m128i ahead_64 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i ahead_16 = _mm_set_epi64x(0xccaa009e, 0x1751997d0);
    const uint8_t *end = p + len;
    __m128i lane[4];
    for (size_t i = 0; i < 4; i++, p += 16) lane[i] = block_at(p);
    lane[0] = _mm_xor_si128(lane[0], _mm_cvtsi32_si128((int)~crc));
    for (; (size_t)(end - p) >= 64; p += 64) {
        for (size_t i = 0; i < 4; i++) lane[i] = fold(lane[i], ahead_64, block_at(p + 16 * i));
    }
    __m128i x = lane[0];
    for (size_t i = 1; i < 4; i++) x = fold(x, ahead_16, lane[i]);
    for (; p < end; p += 16) x = fold(x, ahead_16, block_at(p));
    return ~reduce(x, ahead_16);
}

uint32_t store_crc_more(uint32_t crc, yd_slice bytes)
{
    if (bytes.len >= FOLD_MIN && __builtin_cpu_supports("pclmul") &&
        __builtin_cpu_supports("sse4.1")) {
        size_t whole = bytes.len & ~(size_t)15;
        crc = crc_folded(crc, bytes.ptr, whole);
        bytes = (yd_slice){bytes.ptr + whole, bytes.len - whole};
    }
    return (uint32_t)crc32_z(crc, bytes.ptr, bytes.len);
}

#else

uint32_t store_crc_more(uint32_t crc, yd_slice bytes)
{
    return (uint32_t)crc32_z(crc, bytes.ptr, bytes.len);
}

#endif

uint32_t store_crc(yd_slice bytes) { return store_crc_more(0, bytes); }
