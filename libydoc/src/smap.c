/* smap.c - the chunked sorted map of smap.h.
 *
 * Where it sits:   clients.c, deletes.c, pending.c -> here -> mem.c
 *
 * Invariants (yd_doc_check, S1 to S3):
 *   S1  keys ascend strictly, within a chunk and from chunk to chunk
 *   S2  no chunk is empty; many[i].first is the first key of chunk i
 *   S3  total is the sum of all counts
 */
#include "smap.h"

#include "codec.h"
#include "store.h"

#include <string.h>

static struct smap_chunk *chunk_new(struct yd_doc *doc, uint32_t cap)
{
    struct smap_chunk *chunk = yd_mem(doc, NULL, 0, smap_wide_bytes(cap));
    if (chunk == NULL) return NULL;
    *chunk = (struct smap_chunk){.cap = (uint8_t)cap};
    return chunk;
}

static void chunk_free(struct yd_doc *doc, struct smap_chunk *chunk)
{
    size_t size = smap_is_packed(chunk) ? yd_smap_packed_bytes(chunk) : smap_wide_bytes(chunk->cap);
    yd_mem(doc, chunk, size, 0);
}

static uint32_t grown(uint32_t cap)
{
    uint32_t more = TIGHT ? cap + 1 : cap * 2;
    return more < SMAP_CHUNK ? more : SMAP_CHUNK;
}

/* Doubles the room of a small chunk. The values move behind the keys' new room. */
static struct smap_chunk *chunk_grow(struct yd_doc *doc, struct smap_chunk *chunk)
{
    uint32_t old = chunk->cap;
    uint32_t cap = grown(old);
    chunk = yd_mem(doc, chunk, smap_wide_bytes(old), smap_wide_bytes(cap));
    if (chunk == NULL) return NULL;
    memmove(chunk->cells + cap, chunk->cells + old, old * sizeof(uint32_t));
    chunk->cap = (uint8_t)cap;
    return chunk;
}

/* Moves the entries from `at` on to the end of another chunk that has room for them. */
static void chunk_move_tail(struct smap_chunk *from, uint32_t at, struct smap_chunk *to)
{
    uint32_t n = from->count - at;
    memcpy(to->cells + to->count, from->cells + at, n * sizeof(uint32_t));
    memcpy(to->cells + to->cap + to->count, from->cells + from->cap + at, n * sizeof(uint32_t));
    to->count = (uint8_t)(to->count + n);
    from->count = (uint8_t)at;
}

static void chunk_put(struct smap_chunk *chunk, uint32_t at, uint32_t key, uint32_t value)
{
    uint32_t *keys = chunk->cells;
    uint32_t *values = keys + chunk->cap;
    uint32_t n = chunk->count - at;
    if (n > 0) {
        memmove(keys + at + 1, keys + at, n * sizeof(uint32_t));
        memmove(values + at + 1, values + at, n * sizeof(uint32_t));
    }
    keys[at] = key;
    values[at] = value;
    chunk->count++;
}

/* Index of the greatest key <= key in a wide chunk whose first key is <= key. A transaction asks
 * for one place several times. */
static uint32_t chunk_search(struct smap_chunk *chunk, uint32_t key)
{
    const uint32_t *base = chunk->cells;
    uint32_t n = chunk->count;
    uint32_t hint = chunk->u.hint;
    if (SMAP_PACKS && hint + 1 < n && base[hint] <= key && key < base[hint + 1]) return hint;
    while (n > 1) {
        uint32_t half = n / 2;
        base = base[half] <= key ? base + half : base;
        n -= half;
    }
    hint = (uint32_t)(base - chunk->cells);
    chunk->u.hint = (uint8_t)hint;
    return hint;
}

static uint32_t dir_search(const struct smap *map, uint32_t key)
{
    const struct smap_dir *base = map->u.many;
    uint32_t n = map->chunk_count;
    while (n > 1) {
        uint32_t half = n / 2;
        base = base[half].first <= key ? base + half : base;
        n -= half;
    }
    return (uint32_t)(base - map->u.many);
}

bool yd_smap_find(struct smap *map, uint32_t key, struct smap_pos *pos)
{
    if (map->total == 0) return false;
    uint32_t c = map->chunk_count - 1;
    if (c > 0) {
        const struct smap_dir *dir = map->u.many;
        uint32_t h = map->hint;
        if (key < dir[c].first) {
            bool hit = h < c && dir[h].first <= key && key < dir[h + 1].first;
            c = hit ? h : dir_search(map, key);
            map->hint = c;
        }
    }
    struct smap_chunk *chunk = smap_chunk_at(map, c);
    if (chunk->cells[0] > key) return false;
    if (smap_is_packed(chunk)) return yd_smap_packed_find(chunk, c, key, pos);
    uint32_t last = chunk->count - 1u;
    *pos = (struct smap_pos){c, chunk->cells[last] <= key ? last : chunk_search(chunk, key)};
    return true;
}

static yd_err dir_reserve(struct yd_doc *doc, struct smap *map)
{
    if (map->dir_cap == 0) {
        struct smap_dir *many = yd_mem(doc, NULL, 0, 4 * sizeof *many);
        if (many == NULL) return YD_ENOMEM;
        many[0] = (struct smap_dir){map->u.one, map->u.one->cells[0], 0};
        map->u.many = many;
        map->dir_cap = 4;
        return YD_OK;
    }
    if (map->chunk_count < map->dir_cap) return YD_OK;
    uint32_t cap = TIGHT ? map->dir_cap + 1 : map->dir_cap + map->dir_cap / 2;
    struct smap_dir *many =
        yd_mem(doc, map->u.many, map->dir_cap * sizeof *many, cap * sizeof *many);
    if (many == NULL) return YD_ENOMEM;
    map->u.many = many;
    map->dir_cap = cap;
    return YD_OK;
}

/* Puts a fresh chunk with room for SMAP_CHUNK entries behind chunk c. */
static struct smap_chunk *dir_insert(struct yd_doc *doc, struct smap *map, uint32_t c)
{
    if (dir_reserve(doc, map) != YD_OK) return NULL;
    struct smap_chunk *chunk = chunk_new(doc, SMAP_CHUNK);
    if (chunk == NULL) return NULL;
    struct smap_dir *at = map->u.many + c + 1;
    memmove(at + 1, at, (map->chunk_count - c - 1) * sizeof *at);
    *at = (struct smap_dir){chunk, 0, 0};
    map->chunk_count++;
    return chunk;
}

/* Makes room for one entry at *pos, which may become a place in a new chunk. */
static yd_err place_reserve(struct yd_doc *doc, struct smap *map, struct smap_pos *pos)
{
    struct smap_chunk *chunk = smap_chunk_at(map, pos->chunk);
    if (chunk->count < chunk->cap) return YD_OK;
    // An append leaves the full chunk full, and packed; anything else halves it.
    bool append = pos->chunk + 1 == map->chunk_count && pos->at == chunk->count;
    if (smap_is_packed(chunk) && !(append && chunk->count == SMAP_CHUNK)) {
        YD_TRY(yd_smap_open(doc, map, pos->chunk, grown(chunk->count) - chunk->count));
        chunk = smap_chunk_at(map, pos->chunk);
        if (chunk->count < chunk->cap) return YD_OK;
    }
    if (chunk->count < SMAP_CHUNK) {
        chunk = chunk_grow(doc, chunk);
        if (chunk == NULL) return YD_ENOMEM;
        if (map->dir_cap == 0) {
            map->u.one = chunk;
        } else {
            map->u.many[pos->chunk].chunk = chunk;
        }
        return YD_OK;
    }
    struct smap_chunk *fresh = dir_insert(doc, map, pos->chunk);
    if (fresh == NULL) return YD_ENOMEM;
    uint32_t cut = append ? chunk->count : chunk->count / 2u;
    if (!append) chunk_move_tail(chunk, cut, fresh);
    map->u.many[pos->chunk + 1].first = fresh->cells[0];
    if (append || pos->at > cut) *pos = (struct smap_pos){pos->chunk + 1, pos->at - cut};
    return YD_OK;
}

static yd_err place_put(struct yd_doc *doc, struct smap *map, struct smap_pos *pos, uint32_t key,
                        uint32_t value)
{
    yd_err err = place_reserve(doc, map, pos);
    if (err != YD_OK) return err;
    chunk_put(smap_chunk_at(map, pos->chunk), pos->at, key, value);
    if (pos->at == 0 && map->dir_cap > 0) map->u.many[pos->chunk].first = key;
    map->total++;
    return YD_OK;
}

yd_err yd_smap_insert_after(struct yd_doc *doc, struct smap *map, struct smap_pos *pos,
                            uint32_t key, uint32_t value)
{
    pos->at++;
    return place_put(doc, map, pos, key, value);
}

yd_err yd_smap_insert_first(struct yd_doc *doc, struct smap *map, uint32_t key, uint32_t value)
{
    if (map->total == 0) return yd_smap_append(doc, map, key, value);
    struct smap_pos pos = smap_first();
    return place_put(doc, map, &pos, key, value);
}

yd_err yd_smap_append(struct yd_doc *doc, struct smap *map, uint32_t key, uint32_t value)
{
    if (map->chunk_count == 0) {
        struct smap_chunk *chunk = chunk_new(doc, TIGHT ? 1 : 2);
        if (chunk == NULL) return YD_ENOMEM;
        map->u.one = chunk;
        map->chunk_count = 1;
    }
    uint32_t c = map->chunk_count - 1;
    struct smap_pos pos = {c, smap_chunk_at(map, c)->count};
    return place_put(doc, map, &pos, key, value);
}

void yd_smap_rekey(struct smap *map, struct smap_pos pos, uint32_t key)
{
    smap_chunk_at(map, pos.chunk)->cells[pos.at] = key;
    if (pos.at == 0 && map->dir_cap > 0) map->u.many[pos.chunk].first = key;
}

static void dir_remove(struct yd_doc *doc, struct smap *map, uint32_t c)
{
    chunk_free(doc, smap_chunk_at(map, c));
    map->chunk_count--;
    map->hint = 0;
    if (map->dir_cap == 0) {
        map->u.one = NULL;
        return;
    }
    struct smap_dir *at = map->u.many + c;
    memmove(at, at + 1, (map->chunk_count - c) * sizeof *at);
    if (map->chunk_count > 0) return;
    yd_mem(doc, map->u.many, map->dir_cap * sizeof *at, 0);
    map->dir_cap = 0;
    map->u.one = NULL;
}

/* Removes n entries of a chunk from pos on; so many there are. If some stay, it is not packed. */
static void chunk_cut(struct yd_doc *doc, struct smap *map, struct smap_pos pos, uint32_t n)
{
    struct smap_chunk *chunk = smap_chunk_at(map, pos.chunk);
    map->total -= n;
    if (n == chunk->count) {
        dir_remove(doc, map, pos.chunk);
        return;
    }
    uint32_t rest = chunk->count - pos.at - n;
    uint32_t *keys = chunk->cells + pos.at;
    uint32_t *values = keys + chunk->cap;
    if (rest > 0) {
        memmove(keys, keys + n, rest * sizeof(uint32_t));
        memmove(values, values + n, rest * sizeof(uint32_t));
    }
    chunk->count = (uint8_t)(chunk->count - n);
    if (pos.at == 0 && map->dir_cap > 0) map->u.many[pos.chunk].first = chunk->cells[0];
}

yd_err yd_smap_remove_after(struct yd_doc *doc, struct smap *map, struct smap_pos pos,
                            uint32_t count)
{
    while (count > 0) {
        struct smap_pos next = smap_next(map, pos);
        const struct smap_chunk *chunk = smap_chunk_at(map, next.chunk);
        uint32_t n = chunk->count - next.at;
        if (n > count) n = count;
        if (smap_is_packed(chunk) && n < chunk->count)
            YD_TRY(yd_smap_open(doc, map, next.chunk, 0));
        chunk_cut(doc, map, next, n);
        count -= n;
    }
    return YD_OK;
}

void yd_smap_remove_first(struct yd_doc *doc, struct smap *map)
{
    chunk_cut(doc, map, smap_first(), 1);
}

uint32_t yd_smap_count_from(const struct smap *map, struct smap_pos pos)
{
    if (pos.chunk == 0) return map->total - pos.at;
    uint32_t n = smap_chunk_at(map, pos.chunk)->count - pos.at;
    for (uint32_t c = pos.chunk + 1; c < map->chunk_count; c++) n += smap_chunk_at(map, c)->count;
    return n;
}

void yd_smap_free(struct yd_doc *doc, struct smap *map)
{
    for (uint32_t c = 0; c < map->chunk_count; c++) chunk_free(doc, smap_chunk_at(map, c));
    if (map->dir_cap > 0) yd_mem(doc, map->u.many, map->dir_cap * sizeof(struct smap_dir), 0);
    *map = (struct smap){.u.one = NULL};
}
