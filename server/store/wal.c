/* wal.c - see wal.h. */
#include "store/wal.h"

#include <string.h>

#define HEADER_BYTES 32
#define FRAME_BYTES  24 /* of a frame's header */

struct sums {
    uint32_t a, b;
};

struct wal {
    yd_slice bytes;
    size_t page;
    bool big_endian; /* words of the checksum */
};

static uint32_t big(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static uint32_t little(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | (uint32_t)p[0];
}

static struct sums add(const struct wal *w, struct sums s, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i + 8 <= len; i += 8) {
        s.a += (w->big_endian ? big(p + i) : little(p + i)) + s.b;
        s.b += (w->big_endian ? big(p + i + 4) : little(p + i + 4)) + s.a;
    }
    return s;
}

static const uint8_t *frame_at(const struct wal *w, size_t i)
{
    return w->bytes.ptr + HEADER_BYTES + i * (FRAME_BYTES + w->page);
}

/* Whether frame i belongs to this log and fits the checksum of what stands before it. */
static bool fits(const struct wal *w, size_t i)
{
    const uint8_t *f = frame_at(w, i);
    if (memcmp(f + 8, w->bytes.ptr + 16, 8) != 0) return false;
    const uint8_t *before = i == 0 ? w->bytes.ptr + 24 : frame_at(w, i - 1) + 16;
    struct sums s = add(w, (struct sums){big(before), big(before + 4)}, f, 8);
    s = add(w, s, f + FRAME_BYTES, w->page);
    return s.a == big(f + 16) && s.b == big(f + 20);
}

static bool is_commit(const struct wal *w, size_t i) { return big(frame_at(w, i) + 4) != 0; }

bool wal_is_damaged(yd_slice bytes)
{
    if (bytes.len < HEADER_BYTES) return false;
    uint32_t magic = big(bytes.ptr);
    struct wal w = {bytes, big(bytes.ptr + 8), (magic & 1) != 0};
    if ((magic & ~1u) != 0x377f0682 || w.page < 512 || w.page > 65536) return false;
    struct sums s = add(&w, (struct sums){0, 0}, bytes.ptr, 24);
    if (s.a != big(bytes.ptr + 24) || s.b != big(bytes.ptr + 28)) return false;

    size_t count = (bytes.len - HEADER_BYTES) / (FRAME_BYTES + w.page);
    size_t end = 0;
    while (end < count && fits(&w, end)) end++;
    bool is_whole_commit = false;
    for (size_t i = end + 1; i < count; i++) {
        bool is_ours = fits(&w, i);
        if (is_ours && is_whole_commit) return true;
        is_whole_commit = is_ours && is_commit(&w, i);
    }
    return false;
}
