/* smap.c - the chunked sorted map of smap.h.
 *
 * Where it sits:   clients.c, deletes.c, pending.c -> here -> mem.c
 *
 * Invariants (yd_doc_check, S1 to S4):
 *   S1  keys ascend strictly, within a chunk and from chunk to chunk
 *   S2  no chunk is empty; slots[i].first is the first key of chunk i
 *   S3  total is the sum of all counts
 *   S4  a wide chunk in the map itself has one entry, and is full
 */
#include "smap.h"

#include "codec.h"
#include "tables.h"

#include <string.h>

static struct smap_chunk *chunk_new(struct yd_doc *doc, uint32_t cap)
{
    struct smap_chunk *chunk = yd_mem(doc, NULL, 0, smap_wide_bytes(cap));
    if (chunk == NULL) return NULL;
    *chunk = (struct smap_chunk){.cap = (uint8_t)cap};
    return chunk;
}

static size_t chunk_bytes(const struct smap_chunk *chunk)
{
    return smap_is_packed(chunk) ? yd_smap_packed_bytes(chunk) : smap_wide_bytes(chunk->cap);
}

static uint32_t grown(uint32_t cap)
{
    uint32_t more = TIGHT ? cap + 1 : cap * 2;
    return more < SMAP_CHUNK ? more : SMAP_CHUNK;
}

/* Doubles the room of a small chunk. The values move behind the keys' new room. */
static yd_err chunk_grow(struct yd_doc *doc, struct smap *map, uint32_t c)
{
    struct smap_chunk *chunk = smap_chunk_at(map, c);
    uint32_t old = chunk->cap;
    bool is_own = smap_is_own(map);
    // A first block of 2 entries is soon too small.
    uint32_t cap = is_own && !TIGHT ? 4 : grown(old);
    size_t size = smap_wide_bytes(old);
    struct smap_chunk *from = chunk;
    chunk = yd_mem(doc, is_own ? NULL : from, is_own ? 0 : size, smap_wide_bytes(cap));
    if (chunk == NULL) return YD_ENOMEM;
    if (is_own) memcpy(chunk, from, size);
    uint32_t *cells = smap_cells(chunk);
    memmove(cells + cap, cells + old, old * sizeof(uint32_t));
    chunk->cap = (uint8_t)cap;
    smap_chunk_put(map, c, chunk);
    return YD_OK;
}

/* Moves the entries from `at` on to the end of another chunk that has room for them. */
static void chunk_move_tail(struct smap_chunk *from, uint32_t at, struct smap_chunk *to)
{
    uint32_t n = from->count - at;
    const uint32_t *cells = smap_cells(from) + at;
    uint32_t *behind = smap_cells(to) + to->count;
    memcpy(behind, cells, n * sizeof(uint32_t));
    memcpy(behind + to->cap, cells + from->cap, n * sizeof(uint32_t));
    to->count = (uint8_t)(to->count + n);
    from->count = (uint8_t)at;
}

static void chunk_put(struct smap_chunk *chunk, uint32_t at, uint32_t key, uint32_t value)
{
    uint32_t *keys = smap_cells(chunk);
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
    const uint32_t *base = smap_cells(chunk);
    uint32_t n = chunk->count;
    uint32_t hint = chunk->u.hint;
    if (SMAP_PACKS && hint + 1 < n && base[hint] <= key && key < base[hint + 1]) return hint;
    while (n > 1) {
        uint32_t half = n / 2;
        base = base[half] <= key ? base + half : base;
        n -= half;
    }
    hint = (uint32_t)(base - smap_cells(chunk));
    chunk->u.hint = (uint8_t)hint;
    return hint;
}

static uint32_t dir_search(const struct smap_dir *dir, uint32_t n, uint32_t key)
{
    const struct smap_slot *base = dir->slots;
    while (n > 1) {
        uint32_t half = n / 2;
        base = base[half].first <= key ? base + half : base;
        n -= half;
    }
    return (uint32_t)(base - dir->slots);
}

bool yd_smap_find(struct smap *map, uint32_t key, struct smap_pos *pos)
{
    uint32_t c = 0;
    if (smap_has_dir(map)) {
        struct smap_dir *dir = map->u.dir;
        c = map->many - 1;
        if (key < dir->slots[c].first) {
            uint32_t h = dir->hint;
            bool hit = h < c && dir->slots[h].first <= key && key < dir->slots[h + 1].first;
            c = hit ? h : dir_search(dir, c + 1, key);
            dir->hint = c;
        }
    }
    struct smap_chunk *chunk = smap_chunk_at(map, c);
    if (chunk == NULL) return false;
    if (smap_is_packed(chunk)) return yd_smap_packed_find(chunk, c, key, pos);
    const uint32_t *keys = smap_cells(chunk);
    if (keys[0] > key) return false;
    uint32_t last = chunk->count - 1u;
    *pos = (struct smap_pos){c, keys[last] <= key ? last : chunk_search(chunk, key)};
    return true;
}

/* Makes room for one chunk more. */
static yd_err dir_reserve(struct yd_doc *doc, struct smap *map)
{
    if (!smap_has_dir(map)) {
        struct smap_dir *dir = yd_mem(doc, NULL, 0, smap_dir_bytes(4));
        if (dir == NULL) return YD_ENOMEM;
        struct smap_chunk *one = map->u.one;
        *dir = (struct smap_dir){.cap = 4, .total = one->count};
        dir->slots[0] = (struct smap_slot){one, smap_chunk_key(one, 0), 0};
        *map = (struct smap){.own = {.count = SMAP_DIR}, .many = 1, .u.dir = dir};
        return YD_OK;
    }
    struct smap_dir *dir = map->u.dir;
    if (map->many < dir->cap) return YD_OK;
    uint32_t cap = TIGHT ? dir->cap + 1 : dir->cap + dir->cap / 2;
    dir = yd_mem(doc, dir, smap_dir_bytes(dir->cap), smap_dir_bytes(cap));
    if (dir == NULL) return YD_ENOMEM;
    dir->cap = cap;
    map->u.dir = dir;
    return YD_OK;
}

/* Puts a fresh chunk with room for SMAP_CHUNK entries behind chunk c. */
static struct smap_chunk *dir_insert(struct yd_doc *doc, struct smap *map, uint32_t c)
{
    if (dir_reserve(doc, map) != YD_OK) return NULL;
    struct smap_chunk *chunk = chunk_new(doc, SMAP_CHUNK);
    if (chunk == NULL) return NULL;
    struct smap_slot *at = map->u.dir->slots + c + 1;
    memmove(at + 1, at, (map->many - c - 1) * sizeof *at);
    *at = (struct smap_slot){chunk, 0, 0};
    map->many++;
    return chunk;
}

/* Makes room for one entry at *pos, which may become a place in a new chunk. */
static yd_err place_reserve(struct yd_doc *doc, struct smap *map, struct smap_pos *pos)
{
    struct smap_chunk *chunk = smap_chunk_at(map, pos->chunk);
    if (chunk->count < chunk->cap) return YD_OK;
    // An append leaves the full chunk full, and packed; anything else halves it.
    bool append = pos->chunk + 1 == smap_chunks(map) && pos->at == chunk->count;
    bool stays = append && chunk->count == SMAP_CHUNK && !smap_is_own(map);
    if (smap_is_packed(chunk) && !stays) {
        YD_TRY(yd_smap_open(doc, map, pos->chunk, grown(chunk->count) - chunk->count));
        chunk = smap_chunk_at(map, pos->chunk);
        if (chunk->count < chunk->cap) return YD_OK;
    }
    if (chunk->count < SMAP_CHUNK) return chunk_grow(doc, map, pos->chunk);
    struct smap_chunk *fresh = dir_insert(doc, map, pos->chunk);
    if (fresh == NULL) return YD_ENOMEM;
    uint32_t cut = append ? chunk->count : chunk->count / 2u;
    if (!append) chunk_move_tail(chunk, cut, fresh);
    map->u.dir->slots[pos->chunk + 1].first = smap_cells(fresh)[0];
    if (append || pos->at > cut) *pos = (struct smap_pos){pos->chunk + 1, pos->at - cut};
    return YD_OK;
}

static yd_err place_put(struct yd_doc *doc, struct smap *map, struct smap_pos *pos, uint32_t key,
                        uint32_t value)
{
    yd_err err = place_reserve(doc, map, pos);
    if (err != YD_OK) return err;
    chunk_put(smap_chunk_at(map, pos->chunk), pos->at, key, value);
    if (!smap_has_dir(map)) return YD_OK;
    if (pos->at == 0) map->u.dir->slots[pos->chunk].first = key;
    map->u.dir->total++;
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
    if (smap_chunks(map) == 0) return yd_smap_append(doc, map, key, value);
    struct smap_pos pos = smap_first();
    return place_put(doc, map, &pos, key, value);
}

yd_err yd_smap_append(struct yd_doc *doc, struct smap *map, uint32_t key, uint32_t value)
{
    uint32_t chunks = smap_chunks(map);
    if (chunks == 0) {
        *map = (struct smap){.own = {.count = 1, .cap = 1}, .many = key, .u.cells = {value}};
        return YD_OK;
    }
    struct smap_pos pos = {chunks - 1, smap_chunk_at(map, chunks - 1)->count};
    return place_put(doc, map, &pos, key, value);
}

void yd_smap_rekey(struct smap *map, struct smap_pos pos, uint32_t key)
{
    smap_cells(smap_chunk_at(map, pos.chunk))[pos.at] = key;
    if (smap_has_dir(map) && pos.at == 0) map->u.dir->slots[pos.chunk].first = key;
}

/* Lets go of a chunk, and of the directory with its last one. */
static void chunk_remove(struct yd_doc *doc, struct smap *map, uint32_t c)
{
    struct smap_chunk *chunk = smap_chunk_at(map, c);
    if (!smap_is_own(map)) yd_mem(doc, chunk, chunk_bytes(chunk), 0);
    if (smap_has_dir(map) && map->many > 1) {
        struct smap_slot *at = map->u.dir->slots + c;
        map->many--;
        map->u.dir->hint = 0;
        memmove(at, at + 1, (map->many - c) * sizeof *at);
        return;
    }
    if (smap_has_dir(map)) yd_mem(doc, map->u.dir, smap_dir_bytes(map->u.dir->cap), 0);
    *map = (struct smap){.many = 0};
}

/* Removes n entries of a chunk from pos on; so many there are. If some stay, it is not packed. */
static void chunk_cut(struct yd_doc *doc, struct smap *map, struct smap_pos pos, uint32_t n)
{
    struct smap_chunk *chunk = smap_chunk_at(map, pos.chunk);
    if (smap_has_dir(map)) map->u.dir->total -= n;
    if (n == chunk->count) {
        chunk_remove(doc, map, pos.chunk);
        return;
    }
    uint32_t rest = chunk->count - pos.at - n;
    uint32_t *keys = smap_cells(chunk) + pos.at;
    uint32_t *values = keys + chunk->cap;
    if (rest > 0) {
        memmove(keys, keys + n, rest * sizeof(uint32_t));
        memmove(values, values + n, rest * sizeof(uint32_t));
    }
    chunk->count = (uint8_t)(chunk->count - n);
    if (smap_has_dir(map) && pos.at == 0) map->u.dir->slots[pos.chunk].first = keys[0];
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
    if (pos.chunk == 0) return smap_total(map) - pos.at;
    uint32_t n = smap_chunk_at(map, pos.chunk)->count - pos.at;
    for (uint32_t c = pos.chunk + 1; c < map->many; c++) n += smap_chunk_at(map, c)->count;
    return n;
}

void yd_smap_free(struct yd_doc *doc, struct smap *map)
{
    for (uint32_t c = smap_chunks(map); c-- > 0;) chunk_remove(doc, map, c);
}
