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
#include "tables.h"

/* How keys or values are written: as distances from a base of 4 bytes, or from 0, which is written
 * nowhere (SIZE_PLAIN). Each has as many bytes as the code says; none if each number is so much
 * more than the one before, a step above SIZE_BITS. */
#define SIZE_CODE  3u
#define SIZE_PLAIN 4u
#define SIZE_BITS  3
#define STEP_MAX   (UINT8_MAX >> SIZE_BITS)

/* 0, 1, 2, 4 */
static inline uint32_t width_of(uint32_t size) { return (1u << (size & SIZE_CODE)) >> 1; }
static inline uint32_t base_bytes(uint32_t size)
{
    return (size & SIZE_PLAIN) != 0 ? 0 : (uint32_t)sizeof(uint32_t);
}

static inline size_t packed_part_bytes(uint32_t count, uint32_t size)
{
    return base_bytes(size) + (size_t)count * width_of(size);
}

static size_t packed_bytes(uint32_t count, uint32_t key_size, uint32_t value_size)
{
    size_t bytes = packed_part_bytes(count, key_size) + packed_part_bytes(count, value_size);
    return sizeof(struct smap_chunk) + (bytes + 3) / 4 * 4;
}

size_t yd_smap_packed_bytes(const struct smap_chunk *chunk)
{
    return packed_bytes(chunk->count, chunk->u.key_size, chunk->value_size);
}

/* Keys or values of a packed chunk. */
struct part {
    uint32_t base;
    uint32_t size;
    const uint8_t *at; /* the distances */
};

static inline struct part part_of(const uint8_t *at, uint32_t size)
{
    struct part part = {0, size, at + base_bytes(size)};
    if (part.at != at) memcpy(&part.base, at, sizeof part.base);
    return part;
}
static inline struct part keys_of(const struct smap_chunk *chunk)
{
    return part_of((const uint8_t *)(chunk + 1), chunk->u.key_size);
}
static inline struct part values_of(const struct smap_chunk *chunk)
{
    const uint8_t *keys = (const uint8_t *)(chunk + 1);
    return part_of(keys + packed_part_bytes(chunk->count, chunk->u.key_size), chunk->value_size);
}

static inline uint32_t part_get(const struct part *part, uint32_t i)
{
    uint16_t half;
    uint32_t word;
    switch (part->size & SIZE_CODE) {
    case 1: return part->base + part->at[i];
    case 2: memcpy(&half, part->at + (size_t)2 * i, sizeof half); return part->base + half;
    case 3: memcpy(&word, part->at + (size_t)4 * i, sizeof word); return part->base + word;
    default: return part->base + i * (part->size >> SIZE_BITS);
    }
}

/* Writes numbers; behind them. */
static uint8_t *part_put(uint8_t *at, uint32_t size, const uint32_t *cells, uint32_t n,
                         uint32_t base)
{
    if ((size & SIZE_PLAIN) == 0) {
        memcpy(at, &base, sizeof base);
        at += sizeof base;
    }
    switch (size & SIZE_CODE) {
    case 1:
        for (uint32_t i = 0; i < n; i++) at[i] = (uint8_t)(cells[i] - base);
        break;
    case 2:
        for (uint32_t i = 0; i < n; i++) {
            uint16_t half = (uint16_t)(cells[i] - base);
            memcpy(at + (size_t)2 * i, &half, sizeof half);
        }
        break;
    case 3:
        for (uint32_t i = 0; i < n; i++) {
            uint32_t word = cells[i] - base;
            memcpy(at + (size_t)4 * i, &word, sizeof word);
        }
        break;
    default: break;
    }
    return at + (size_t)n * width_of(size);
}

uint32_t yd_smap_packed_key(const struct smap_chunk *chunk, uint32_t at)
{
    struct part keys = keys_of(chunk);
    return part_get(&keys, at);
}

uint32_t yd_smap_packed_value(const struct smap_chunk *chunk, uint32_t at)
{
    struct part values = values_of(chunk);
    return part_get(&values, at);
}

/* All of a part, to `room`, which it returns. */
static const uint32_t *unpack(struct part part, uint32_t n, uint32_t *room)
{
    uint32_t step = part.size >> SIZE_BITS;
    if ((part.size & SIZE_CODE) == 0) {
        for (uint32_t i = 0; i < n; i++) room[i] = part.base + i * step;
        return room;
    }
    for (uint32_t i = 0; i < n; i++) room[i] = part_get(&part, i);
    return room;
}

const uint32_t *yd_smap_unpack_keys(const struct smap_chunk *chunk, uint32_t *room)
{
    return unpack(keys_of(chunk), chunk->count, room);
}

const uint32_t *yd_smap_unpack_values(const struct smap_chunk *chunk, uint32_t *room)
{
    return unpack(values_of(chunk), chunk->count, room);
}

bool yd_smap_packed_find(const struct smap_chunk *chunk, uint32_t c, uint32_t key,
                         struct smap_pos *pos)
{
    struct part keys = keys_of(chunk);
    *pos = (struct smap_pos){c, 0};
    if (part_get(&keys, 0) > key) return false;
    for (uint32_t n = chunk->count; n > 1;) {
        uint32_t half = n / 2;
        if (part_get(&keys, pos->at + half) <= key) pos->at += half;
        n -= half;
    }
    return true;
}

yd_err yd_smap_open(struct yd_doc *doc, struct smap *map, uint32_t c, uint32_t more)
{
    struct smap_chunk *from = smap_chunk_at(map, c);
    uint32_t n = from->count, cap = n + more;
    struct smap_chunk *wide = yd_mem(doc, NULL, 0, smap_wide_bytes(cap));
    if (wide == NULL) return YD_ENOMEM;
    *wide = (struct smap_chunk){.count = (uint8_t)n, .cap = (uint8_t)cap};
    uint32_t *cells = smap_cells(wide);
    for (uint32_t i = 0; i < n; i++) {
        cells[i] = smap_chunk_key(from, i);
        cells[cap + i] = smap_chunk_value(from, i);
    }
    if (!smap_is_own(map)) yd_mem(doc, from, yd_smap_packed_bytes(from), 0);
    smap_chunk_put(map, c, wide);
    return YD_OK;
}

static bool is_steady(const uint32_t *cells, uint32_t count, uint32_t step)
{
    if (step == 0 || step > STEP_MAX) return false;
    uint32_t i = 1;
    while (i < count && cells[i] - cells[i - 1] == step) i++;
    return i >= count;
}

static uint32_t code_for(uint32_t most)
{
    return most <= UINT8_MAX ? 1 : most <= UINT16_MAX ? 2 : 3;
}

/* How some numbers from `least` to `most` take the fewest bytes; *base: the number that the
 * distances are from. */
static uint32_t size_of(const uint32_t *cells, uint32_t count, uint32_t least, uint32_t most,
                        uint32_t *base)
{
    uint32_t step = count > 1 ? cells[1] - cells[0] : 1;
    bool steady = most - least == step * (count - 1) && is_steady(cells, count, step);
    uint32_t size = steady ? step << SIZE_BITS : code_for(most - least);
    uint32_t plain = SIZE_PLAIN | (least == 0 ? size : code_for(most));
    bool is_plain = packed_part_bytes(count, plain) <= packed_part_bytes(count, size);
    *base = is_plain ? 0 : least;
    return is_plain ? plain : size;
}

/* What entries take when they are packed. */
struct shape {
    uint32_t key_base, value_base;
    uint32_t key_size, value_size;
    size_t bytes;
};

static struct shape shape_of(const uint32_t *keys, const uint32_t *values, uint32_t n)
{
    struct shape shape;
    uint32_t least = values[0], most = values[0];
    for (uint32_t i = 1; i < n; i++) {
        if (values[i] < least) least = values[i];
        if (values[i] > most) most = values[i];
    }
    shape.key_size = size_of(keys, n, keys[0], keys[n - 1], &shape.key_base);
    shape.value_size = size_of(values, n, least, most, &shape.value_base);
    shape.bytes = packed_bytes(n, shape.key_size, shape.value_size);
    return shape;
}

/* Memory for a chunk of so many bytes: in `own` if it is small enough. NULL: refused. */
static struct smap_chunk *room_for(struct yd_doc *doc, struct smap *own, size_t bytes)
{
    if (own != NULL && bytes <= SMAP_OWN_BYTES) return &own->own;
    return yd_mem(doc, NULL, 0, bytes);
}

/* A chunk of so many entries, packed if that is smaller. NULL: memory refused. */
static struct smap_chunk *chunk_of(struct yd_doc *doc, struct smap *own, const struct shape *shape,
                                   const uint32_t *keys, const uint32_t *values, uint32_t n)
{
    size_t wide = smap_wide_bytes(n);
    bool is_wide = shape->bytes >= wide;
    struct smap_chunk *chunk = room_for(doc, own, is_wide ? wide : shape->bytes);
    if (chunk == NULL) return NULL;
    if (is_wide) {
        *chunk = (struct smap_chunk){.count = (uint8_t)n, .cap = (uint8_t)n};
        memcpy(smap_cells(chunk), keys, n * sizeof *keys);
        memcpy(smap_cells(chunk) + n, values, n * sizeof *values);
        return chunk;
    }
    *chunk = (struct smap_chunk){.count = (uint8_t)n,
                                 .u.key_size = (uint8_t)shape->key_size,
                                 .value_size = (uint8_t)shape->value_size};
    uint8_t *at = (uint8_t *)(chunk + 1);
    at = part_put(at, shape->key_size, keys, n, shape->key_base);
    part_put(at, shape->value_size, values, n, shape->value_base);
    return chunk;
}

/* Memory refused: it stays as it is. */
static void chunk_pack(struct yd_doc *doc, struct smap *map, uint32_t c)
{
    struct smap_chunk *wide = smap_chunk_at(map, c);
    if (smap_is_packed(wide) || smap_is_own(map)) return;
    const uint32_t *keys = smap_cells(wide), *values = keys + wide->cap;
    struct shape shape = shape_of(keys, values, wide->count);
    if (shape.bytes >= smap_wide_bytes(wide->cap)) return;
    struct smap own = {.many = 0};
    struct smap *alone = smap_has_dir(map) ? NULL : &own;
    struct smap_chunk *packed = chunk_of(doc, alone, &shape, keys, values, wide->count);
    if (packed == NULL) return;
    yd_mem(doc, wide, smap_wide_bytes(wide->cap), 0);
    if (packed == &own.own) {
        *map = own;
    } else {
        smap_chunk_put(map, c, packed);
    }
}

static struct smap_chunk *entries_pack(struct yd_doc *doc, struct smap *own,
                                       const struct smap_entry *entries, uint32_t n)
{
    uint32_t keys[SMAP_CHUNK], values[SMAP_CHUNK];
    for (uint32_t i = 0; i < n; i++) {
        keys[i] = entries[i].key;
        values[i] = entries[i].value;
    }
    struct shape shape = shape_of(keys, values, n);
    return chunk_of(doc, own, &shape, keys, values, n);
}

/* In chunks as full as can be. */
static yd_err many_fill(struct yd_doc *doc, struct smap *map, const struct smap_entry *entries,
                        uint32_t n)
{
    uint32_t chunks = (n + SMAP_CHUNK - 1) / SMAP_CHUNK;
    struct smap_dir *dir = yd_mem(doc, NULL, 0, smap_dir_bytes(chunks));
    if (dir == NULL) return YD_ENOMEM;
    *dir = (struct smap_dir){.cap = chunks};
    for (uint32_t c = 0; c < chunks; c++) {
        uint32_t m = n < SMAP_CHUNK ? n : SMAP_CHUNK;
        struct smap_chunk *chunk = entries_pack(doc, NULL, entries, m);
        if (chunk == NULL && c == 0) yd_mem(doc, dir, smap_dir_bytes(chunks), 0);
        if (chunk == NULL) return YD_ENOMEM;
        dir->slots[c] = (struct smap_slot){chunk, entries->key, 0};
        dir->total += m;
        *map = (struct smap){.own = {.count = SMAP_DIR}, .many = c + 1, .u.dir = dir};
        entries += m;
        n -= m;
    }
    return YD_OK;
}

static yd_err packed_fill(struct yd_doc *doc, struct smap *map, const struct smap_entry *entries,
                          uint32_t n)
{
    if (n == 0) return YD_OK;
    if (n == 1) return yd_smap_append(doc, map, entries->key, entries->value); // in the map itself
    if (n > SMAP_CHUNK) return many_fill(doc, map, entries, n);
    struct smap own = {.many = 0};
    struct smap_chunk *chunk = entries_pack(doc, &own, entries, n);
    if (chunk == NULL) return YD_ENOMEM;
    if (chunk != &own.own) own.u.one = chunk;
    *map = own;
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
    for (uint32_t c = 0; c < smap_chunks(map); c++) chunk_pack(doc, map, c);
    if (!smap_has_dir(map) || map->u.dir->cap == map->many) return;
    struct smap_dir *dir =
        yd_mem(doc, map->u.dir, smap_dir_bytes(map->u.dir->cap), smap_dir_bytes(map->many));
    if (dir == NULL) return;
    dir->cap = map->many;
    map->u.dir = dir;
}
