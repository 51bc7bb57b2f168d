/* smap.h - a sorted map from u32 to u32 in chunks: clock -> struct, clock -> length.
 *
 * Entries lie in chunks of at most SMAP_CHUNK, keys first, then values, under an array of first
 * keys. One contiguous array would move its whole tail at every insert: for a document of 200,000
 * pieces that was measured as 1,000 times the cost of everything else.
 * A map of one chunk has no directory, and its chunk starts small, in the map itself: most clients
 * of an old document hold a handful of entries. After a load chunks are packed (smap_pack.c).
 */
#ifndef YDOC_SMAP_H
#define YDOC_SMAP_H

#include "ydoc/base.h"

struct yd_doc;

/* In place everywhere; in wasm, which has one file, once. */
#ifdef __wasm__
#define YD_ONCE static __attribute__((noinline, unused))
#else
#define YD_ONCE static inline
#endif

#ifdef YD_TIGHT
#define SMAP_CHUNK 4
#else
#define SMAP_CHUNK 64
#endif

struct smap_chunk {
    uint8_t count;
    uint8_t cap; /* entries that there is room for; 0: packed, see smap_pack.c */
    union {
        uint8_t hint;     /* wide: entry of the last find */
        uint8_t key_size; /* packed: how keys are written */
    } u;
    uint8_t value_size; /* packed: and values */
};
/* Behind a chunk: cap keys, then cap values. Packed: bases, then distances from them. */
static inline uint32_t *smap_cells(const struct smap_chunk *chunk)
{
    return (uint32_t *)(chunk + 1);
}

/* In wasm no chunk is packed: the code would be 3 KB of the module, which travels. */
#ifdef __wasm__
#define SMAP_PACKS 0
#else
#define SMAP_PACKS 1
#endif
static inline bool smap_is_packed(const struct smap_chunk *chunk)
{
    return SMAP_PACKS && chunk->cap == 0;
}

struct smap_slot {
    struct smap_chunk *chunk;
    uint32_t first; /* key of entry 0 */
    uint32_t unused;
};
struct smap_dir {
    uint32_t cap;   /* slots that there is room for */
    uint32_t total; /* entries of all chunks */
    uint32_t hint;  /* chunk of the last find */
    uint32_t unused;
    struct smap_slot slots[];
};

/* A small chunk lies in the map itself: then `own` has entries, and what is below are its cells. To
 * put one there or take it away, all of the map is assigned: its members have other types. */
#define SMAP_DIR UINT8_MAX
struct smap {
    struct smap_chunk own; /* count is 0 or SMAP_DIR: of no meaning else */
    uint32_t many;         /* SMAP_DIR: chunks in the directory */
    union {
        struct smap_dir *dir;   /* SMAP_DIR */
        struct smap_chunk *one; /* 0; NULL: empty */
        uint32_t cells[2];
    } u;
};
#define SMAP_OWN_BYTES (sizeof(struct smap_chunk) + 3 * sizeof(uint32_t))

struct smap_entry {
    uint32_t key;
    uint32_t value;
};

/* Where an entry is. Valid until the map changes, unless a function says it keeps it. */
struct smap_pos {
    uint32_t chunk;
    uint32_t at;
};

static inline bool smap_has_dir(const struct smap *map) { return map->own.count == SMAP_DIR; }
static inline bool smap_is_own(const struct smap *map)
{
    return map->own.count > 0 && map->own.count < SMAP_DIR;
}
/* For what is there once itself: a call less. */
static inline __attribute__((always_inline)) struct smap_chunk *
smap_chunk_here(const struct smap *map, uint32_t i)
{
    if (smap_has_dir(map)) return map->u.dir->slots[i].chunk;
    return map->own.count > 0 ? (struct smap_chunk *)&map->own : map->u.one;
}
YD_ONCE struct smap_chunk *smap_chunk_at(const struct smap *map, uint32_t i)
{
    return smap_chunk_here(map, i);
}
YD_ONCE uint32_t smap_chunks(const struct smap *map)
{
    if (smap_has_dir(map)) return map->many;
    return map->own.count > 0 || map->u.one != NULL;
}
/* Entries. */
YD_ONCE uint32_t smap_total(const struct smap *map)
{
    if (smap_has_dir(map)) return map->u.dir->total;
    if (map->own.count > 0) return map->own.count;
    return map->u.one == NULL ? 0 : map->u.one->count;
}
static inline size_t smap_dir_bytes(uint32_t cap)
{
    return sizeof(struct smap_dir) + (size_t)cap * sizeof(struct smap_slot);
}
static inline size_t smap_wide_bytes(uint32_t cap)
{
    return sizeof(struct smap_chunk) + (size_t)cap * 2 * sizeof(uint32_t);
}

/* ---- smap_pack.c */
/* `cold` keeps the wide way straight where these are called from. */
__attribute__((cold)) uint32_t yd_smap_packed_key(const struct smap_chunk *chunk, uint32_t at);
__attribute__((cold)) uint32_t yd_smap_packed_value(const struct smap_chunk *chunk, uint32_t at);
/* The keys and the values of a packed chunk, written to `room`, which they return. */
const uint32_t *yd_smap_unpack_keys(const struct smap_chunk *chunk, uint32_t *room);
const uint32_t *yd_smap_unpack_values(const struct smap_chunk *chunk, uint32_t *room);
/* yd_smap_find() in packed chunk c, the only one that may hold the key. */
bool yd_smap_packed_find(const struct smap_chunk *chunk, uint32_t c, uint32_t key,
                         struct smap_pos *pos);
size_t yd_smap_packed_bytes(const struct smap_chunk *chunk);
/* Puts a chunk that has memory of its own in the place of chunk c. */
static inline void smap_chunk_put(struct smap *map, uint32_t c, struct smap_chunk *chunk)
{
    if (smap_has_dir(map)) {
        map->u.dir->slots[c].chunk = chunk;
    } else {
        *map = (struct smap){.u.one = chunk};
    }
}
/* Makes a packed chunk a wide one with room for `more` entries, so that it can be changed. */
YD_NODISCARD yd_err yd_smap_open(struct yd_doc *doc, struct smap *map, uint32_t c, uint32_t more);
/* Fills an empty map, packed, with entries in order. */
YD_NODISCARD yd_err yd_smap_fill(struct yd_doc *doc, struct smap *map,
                                 const struct smap_entry *entries, uint32_t n);
/* Packs all chunks; positions stay valid. Memory refused: not all. */
void yd_smap_pack(struct yd_doc *doc, struct smap *map);

static inline uint32_t smap_chunk_key(const struct smap_chunk *chunk, uint32_t at)
{
    return smap_is_packed(chunk) ? yd_smap_packed_key(chunk, at) : smap_cells(chunk)[at];
}
static inline uint32_t smap_chunk_value(const struct smap_chunk *chunk, uint32_t at)
{
    return smap_is_packed(chunk) ? yd_smap_packed_value(chunk, at)
                                 : smap_cells(chunk)[chunk->cap + at];
}
/* All keys or values of a chunk; those of a packed one are written to `room`, for SMAP_CHUNK. */
static inline const uint32_t *smap_chunk_keys(const struct smap_chunk *chunk, uint32_t *room)
{
    return smap_is_packed(chunk) ? yd_smap_unpack_keys(chunk, room) : smap_cells(chunk);
}
static inline const uint32_t *smap_chunk_values(const struct smap_chunk *chunk, uint32_t *room)
{
    return smap_is_packed(chunk) ? yd_smap_unpack_values(chunk, room)
                                 : smap_cells(chunk) + chunk->cap;
}
static inline uint32_t smap_key(const struct smap *map, struct smap_pos pos)
{
    return smap_chunk_key(smap_chunk_at(map, pos.chunk), pos.at);
}
YD_ONCE uint32_t smap_value(const struct smap *map, struct smap_pos pos)
{
    return smap_chunk_value(smap_chunk_here(map, pos.chunk), pos.at);
}
/* Replaces a value in a chunk that is not packed. */
static inline void smap_put(struct smap *map, struct smap_pos pos, uint32_t value)
{
    struct smap_chunk *chunk = smap_chunk_at(map, pos.chunk);
    smap_cells(chunk)[chunk->cap + pos.at] = value;
}
YD_NODISCARD static inline yd_err smap_set(struct yd_doc *doc, struct smap *map,
                                           struct smap_pos pos, uint32_t value)
{
    if (smap_is_packed(smap_chunk_at(map, pos.chunk))) {
        yd_err err = yd_smap_open(doc, map, pos.chunk, 0);
        if (err != YD_OK) return err;
    }
    smap_put(map, pos, value);
    return YD_OK;
}
static inline bool smap_is_end(const struct smap *map, struct smap_pos pos)
{
    return pos.chunk >= smap_chunks(map);
}
static inline struct smap_pos smap_first(void) { return (struct smap_pos){0, 0}; }
/* The last entry; the map must not be empty. */
static inline struct smap_pos smap_last(const struct smap *map)
{
    uint32_t chunk = smap_chunks(map) - 1;
    return (struct smap_pos){chunk, smap_chunk_at(map, chunk)->count - 1u};
}
/* Steps on; behind the last entry the position is the end. */
YD_ONCE struct smap_pos smap_next(const struct smap *map, struct smap_pos pos)
{
    if (++pos.at < smap_chunk_here(map, pos.chunk)->count) return pos;
    return (struct smap_pos){pos.chunk + 1, 0};
}
/* Steps back; false at the first entry. */
YD_ONCE bool smap_prev(const struct smap *map, struct smap_pos *pos)
{
    if (pos->at > 0) {
        pos->at--;
        return true;
    }
    if (pos->chunk == 0) return false;
    pos->chunk--;
    pos->at = smap_chunk_at(map, pos->chunk)->count - 1u;
    return true;
}

/* The entry with the greatest key <= key. False: there is none. Cost: O(log n). */
bool yd_smap_find(struct smap *map, uint32_t key, struct smap_pos *pos);
/* Inserts behind *pos and moves *pos to the new entry. Key must lie between its neighbours'. */
YD_NODISCARD yd_err yd_smap_insert_after(struct yd_doc *doc, struct smap *map, struct smap_pos *pos,
                                         uint32_t key, uint32_t value);
/* Inserts before the first entry. */
YD_NODISCARD yd_err yd_smap_insert_first(struct yd_doc *doc, struct smap *map, uint32_t key,
                                         uint32_t value);
/* Inserts behind the last entry. */
YD_NODISCARD yd_err yd_smap_append(struct yd_doc *doc, struct smap *map, uint32_t key,
                                   uint32_t value);
/* The same, at once where there is room. */
YD_NODISCARD YD_ONCE yd_err smap_push(struct yd_doc *doc, struct smap *map, uint32_t key,
                                      uint32_t value)
{
    uint32_t n = smap_chunks(map);
    if (n == 0) return yd_smap_append(doc, map, key, value);
    struct smap_chunk *last = smap_chunk_here(map, n - 1);
    if (last->count >= last->cap) return yd_smap_append(doc, map, key, value); // as one of its own
    uint32_t *cells = smap_cells(last);
    cells[last->count] = key;
    cells[last->cap + last->count] = value;
    last->count++;
    if (smap_has_dir(map)) map->u.dir->total++;
    return YD_OK;
}
/* Replaces the key of an entry of such a chunk; the order must stay. */
void yd_smap_rekey(struct smap *map, struct smap_pos pos, uint32_t key);
/* Removes `count` entries behind pos; pos stays valid. */
YD_NODISCARD yd_err yd_smap_remove_after(struct yd_doc *doc, struct smap *map, struct smap_pos pos,
                                         uint32_t count);
/* Removes the first entry of a map that was never packed. */
void yd_smap_remove_first(struct yd_doc *doc, struct smap *map);
/* Entries from pos to the end. Cost: O(chunks). */
uint32_t yd_smap_count_from(const struct smap *map, struct smap_pos pos);
void yd_smap_free(struct yd_doc *doc, struct smap *map);

#endif
