/* smap_pack.c - chunks of a map in a fraction of their bytes: those of a loaded document.
 *
 * Where it sits:   doc.c, smap.c -> here -> mem.c
 *
 * The items of a client that was loaded have handles that count up, and clocks near each other: a
 * wide entry of 8 bytes says what 1 or 2 can say. A packed chunk is never changed. The first change
 * opens it, which costs what a split of a chunk costs, and a document is packed once: when it was
 * loaded.
 */
#include "codec.h"
#include "store.h"

/* How the distances of keys or values are written: their size in bytes, or, if each is so much more
 * than the one before, that step above SIZE_BITS. */
#define SIZE_BITS 3
#define SIZE_MASK ((1u << SIZE_BITS) - 1)
#define STEP_MAX  (UINT8_MAX >> SIZE_BITS)

static size_t packed_bytes(uint32_t count, uint32_t key_size, uint32_t value_size)
{
    size_t entry = (key_size & SIZE_MASK) + (value_size & SIZE_MASK);
    size_t bytes = SMAP_PACKED_CELLS * sizeof(uint32_t) + count * entry;
    return sizeof(struct smap_chunk) + (bytes + 3) / 4 * 4;
}

size_t yd_smap_packed_bytes(const struct smap_chunk *chunk)
{
    return packed_bytes(chunk->count, chunk->u.key_size, chunk->value_size);
}

static inline uint32_t narrow_at(const uint8_t *at, uint32_t size, uint32_t i)
{
    uint16_t half;
    uint32_t word;
    switch (size) {
    case 1: return at[i];
    case 2: memcpy(&half, at + (size_t)2 * i, sizeof half); return half;
    case 4: memcpy(&word, at + (size_t)4 * i, sizeof word); return word;
    default: return i * (size >> SIZE_BITS);
    }
}

/* Writes the distances of numbers from `base`; behind them. */
static uint8_t *narrow_put(uint8_t *at, uint32_t size, const uint32_t *cells, uint32_t n,
                           uint32_t base)
{
    if (size == 1) {
        for (uint32_t i = 0; i < n; i++) at[i] = (uint8_t)(cells[i] - base);
    } else if (size == 2) {
        for (uint32_t i = 0; i < n; i++) {
            uint16_t half = (uint16_t)(cells[i] - base);
            memcpy(at + (size_t)2 * i, &half, sizeof half);
        }
    } else if (size == 4) {
        for (uint32_t i = 0; i < n; i++) {
            uint32_t word = cells[i] - base;
            memcpy(at + (size_t)4 * i, &word, sizeof word);
        }
    }
    return at + (size_t)n * (size & SIZE_MASK);
}

static const uint8_t *packed_keys(const struct smap_chunk *chunk)
{
    return (const uint8_t *)(chunk->cells + SMAP_PACKED_CELLS);
}

uint32_t yd_smap_packed_key(const struct smap_chunk *chunk, uint32_t at)
{
    return chunk->cells[0] + narrow_at(packed_keys(chunk), chunk->u.key_size, at);
}

static const uint8_t *packed_values(const struct smap_chunk *chunk)
{
    return packed_keys(chunk) + (size_t)chunk->count * (chunk->u.key_size & SIZE_MASK);
}

uint32_t yd_smap_packed_value(const struct smap_chunk *chunk, uint32_t at)
{
    return chunk->cells[1] + narrow_at(packed_values(chunk), chunk->value_size, at);
}

/* Numbers of which `base` was taken off; to `room`, which it returns. */
static const uint32_t *unpack(const uint8_t *at, uint32_t size, uint32_t n, uint32_t base,
                              uint32_t *room)
{
    switch (size) { // each of them a loop of its own
    case 1:
        for (uint32_t i = 0; i < n; i++) room[i] = base + narrow_at(at, 1, i);
        break;
    case 2:
        for (uint32_t i = 0; i < n; i++) room[i] = base + narrow_at(at, 2, i);
        break;
    case 4:
        for (uint32_t i = 0; i < n; i++) room[i] = base + narrow_at(at, 4, i);
        break;
    default:
        for (uint32_t i = 0; i < n; i++) room[i] = base + i * (size >> SIZE_BITS);
        break;
    }
    return room;
}

const uint32_t *yd_smap_unpack_keys(const struct smap_chunk *chunk, uint32_t *room)
{
    return unpack(packed_keys(chunk), chunk->u.key_size, chunk->count, chunk->cells[0], room);
}

const uint32_t *yd_smap_unpack_values(const struct smap_chunk *chunk, uint32_t *room)
{
    return unpack(packed_values(chunk), chunk->value_size, chunk->count, chunk->cells[1], room);
}

bool yd_smap_packed_find(const struct smap_chunk *chunk, uint32_t c, uint32_t key,
                         struct smap_pos *pos)
{
    const uint8_t *keys = packed_keys(chunk);
    uint32_t distance = key - chunk->cells[0];
    *pos = (struct smap_pos){c, 0};
    for (uint32_t n = chunk->count; n > 1;) {
        uint32_t half = n / 2;
        if (narrow_at(keys, chunk->u.key_size, pos->at + half) <= distance) pos->at += half;
        n -= half;
    }
    return true;
}

static void chunk_store(struct smap *map, uint32_t c, struct smap_chunk *chunk)
{
    if (map->dir_cap == 0) {
        map->u.one = chunk;
    } else {
        map->u.many[c].chunk = chunk;
    }
}

yd_err yd_smap_open(struct yd_doc *doc, struct smap *map, uint32_t c, uint32_t more)
{
    struct smap_chunk *packed = smap_chunk_at(map, c);
    uint32_t cap = packed->count + more;
    struct smap_chunk *wide = yd_mem(doc, NULL, 0, smap_wide_bytes(cap));
    if (wide == NULL) return YD_ENOMEM;
    *wide = (struct smap_chunk){.count = packed->count, .cap = (uint8_t)cap};
    for (uint32_t i = 0; i < packed->count; i++) {
        wide->cells[i] = yd_smap_packed_key(packed, i);
        wide->cells[cap + i] = yd_smap_packed_value(packed, i);
    }
    yd_mem(doc, packed, yd_smap_packed_bytes(packed), 0);
    chunk_store(map, c, wide);
    return YD_OK;
}

static bool is_steady(const uint32_t *cells, uint32_t count, uint32_t step)
{
    if (step == 0 || step > STEP_MAX) return false;
    uint32_t i = 1;
    while (i < count && cells[i] - cells[i - 1] == step) i++;
    return i >= count;
}

/* The least size for distances from the least of some numbers, which is *base. */
static uint32_t size_of_distances(const uint32_t *cells, uint32_t count, uint32_t *base)
{
    uint32_t step = count > 1 ? cells[1] - cells[0] : 1;
    uint32_t most = cells[0];
    *base = cells[0];
    if (is_steady(cells, count, step)) return step << SIZE_BITS;
    for (uint32_t i = 1; i < count; i++) {
        if (cells[i] < *base) *base = cells[i];
        if (cells[i] > most) most = cells[i];
    }
    most -= *base;
    return most <= UINT8_MAX ? 1 : most <= UINT16_MAX ? 2 : 4;
}

/* The same for numbers that ascend. */
static uint32_t size_of_keys(const uint32_t *cells, uint32_t count, uint32_t *base)
{
    uint32_t span = cells[count - 1] - cells[0];
    uint32_t step = count > 1 ? cells[1] - cells[0] : 1;
    *base = cells[0];
    if (span == step * (count - 1) && is_steady(cells, count, step)) return step << SIZE_BITS;
    return span <= UINT8_MAX ? 1 : span <= UINT16_MAX ? 2 : 4;
}

/* What entries take when they are packed. */
struct shape {
    uint32_t base[SMAP_PACKED_CELLS];
    uint32_t key_size;
    uint32_t value_size;
    size_t bytes;
};

static struct shape shape_of(const uint32_t *keys, const uint32_t *values, uint32_t n)
{
    struct shape shape;
    shape.key_size = size_of_keys(keys, n, &shape.base[0]);
    shape.value_size = size_of_distances(values, n, &shape.base[1]);
    shape.bytes = packed_bytes(n, shape.key_size, shape.value_size);
    return shape;
}

/* A chunk of so many entries, packed if that is smaller. NULL: memory refused. */
static struct smap_chunk *chunk_of(struct yd_doc *doc, const struct shape *shape,
                                   const uint32_t *keys, const uint32_t *values, uint32_t n)
{
    bool is_wide = shape->bytes >= smap_wide_bytes(n);
    struct smap_chunk *chunk = yd_mem(doc, NULL, 0, is_wide ? smap_wide_bytes(n) : shape->bytes);
    if (chunk == NULL) return NULL;
    if (is_wide) {
        *chunk = (struct smap_chunk){.count = (uint8_t)n, .cap = (uint8_t)n};
        memcpy(chunk->cells, keys, n * sizeof *keys);
        memcpy(chunk->cells + n, values, n * sizeof *values);
        return chunk;
    }
    *chunk = (struct smap_chunk){.count = (uint8_t)n,
                                 .u.key_size = (uint8_t)shape->key_size,
                                 .value_size = (uint8_t)shape->value_size};
    memcpy(chunk->cells, shape->base, sizeof shape->base);
    uint8_t *at = (uint8_t *)(chunk->cells + SMAP_PACKED_CELLS);
    at = narrow_put(at, shape->key_size, keys, n, shape->base[0]);
    narrow_put(at, shape->value_size, values, n, shape->base[1]);
    return chunk;
}

/* Memory refused: it stays as it is. */
static void chunk_pack(struct yd_doc *doc, struct smap *map, uint32_t c)
{
    struct smap_chunk *wide = smap_chunk_at(map, c);
    if (smap_is_packed(wide) || wide->cap == 1) return;
    const uint32_t *keys = wide->cells, *values = keys + wide->cap;
    struct shape shape = shape_of(keys, values, wide->count);
    if (shape.bytes >= smap_wide_bytes(wide->cap)) return;
    struct smap_chunk *packed = chunk_of(doc, &shape, keys, values, wide->count);
    if (packed == NULL) return;
    yd_mem(doc, wide, smap_wide_bytes(wide->cap), 0);
    chunk_store(map, c, packed);
}

/* In chunks as full as can be. */
static yd_err packed_fill(struct yd_doc *doc, struct smap *map, const struct smap_entry *entries,
                          uint32_t n)
{
    uint32_t keys[SMAP_CHUNK], values[SMAP_CHUNK];
    uint32_t chunks = (n + SMAP_CHUNK - 1) / SMAP_CHUNK;
    if (chunks > 1) {
        map->u.many = yd_mem(doc, NULL, 0, chunks * sizeof *map->u.many);
        if (map->u.many == NULL) return YD_ENOMEM;
        map->dir_cap = chunks;
    }
    for (uint32_t c = 0; c < chunks; c++) {
        uint32_t m = n < SMAP_CHUNK ? n : SMAP_CHUNK;
        for (uint32_t i = 0; i < m; i++) {
            keys[i] = entries[i].key;
            values[i] = entries[i].value;
        }
        struct shape shape = shape_of(keys, values, m);
        struct smap_chunk *chunk = chunk_of(doc, &shape, keys, values, m);
        if (chunk == NULL) return YD_ENOMEM;
        if (chunks > 1) map->u.many[c] = (struct smap_dir){chunk, keys[0], 0};
        if (chunks == 1) map->u.one = chunk;
        map->chunk_count++;
        map->total += m;
        entries += m;
        n -= m;
    }
    return YD_OK;
}

yd_err yd_smap_fill(struct yd_doc *doc, struct smap *map, const struct smap_entry *entries,
                    uint32_t n)
{
    if (SMAP_PACKS) return packed_fill(doc, map, entries, n);
    yd_err err = YD_OK;
    for (uint32_t i = 0; i < n && err == YD_OK; i++) {
        err = smap_push(doc, map, entries[i].key, entries[i].value);
    }
    return err;
}

void yd_smap_pack(struct yd_doc *doc, struct smap *map)
{
    for (uint32_t c = 0; c < map->chunk_count; c++) chunk_pack(doc, map, c);
    if (map->dir_cap == map->chunk_count || map->dir_cap == 0) return;
    size_t size = sizeof(struct smap_dir);
    struct smap_dir *many = yd_mem(doc, map->u.many, map->dir_cap * size, map->chunk_count * size);
    if (many == NULL) return;
    map->u.many = many;
    map->dir_cap = map->chunk_count;
}
