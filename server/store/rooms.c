/* rooms.c - all rooms by number and by name; their rows.
 *
 * Where it sits:  log.c, snapshot.c, load.c -> rooms.c -> table `room`
 *
 * A room costs a slot and an entry in the table of ids. Its row is in memory only while it has
 * updates that no snapshot holds. The name in the row decides; the hash only says where to look.
 *
 * Invariants: slots[id - 1] is room id; ids are contiguous because no row is ever deleted. A row
 * that is missing or damaged makes its slot `is_damaged`; while there is one, a name that is not
 * found may be its name and is refused.
 */
#include "store/database.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOMS_MAX 0xffffffffu

/* SipHash-2-4, from the paper of Aumasson and Bernstein (2012). */
#define ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = ROTL(v[1], 13) ^ v[0];
    v[0] = ROTL(v[0], 32);
    v[2] += v[3];
    v[3] = ROTL(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = ROTL(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = ROTL(v[1], 17) ^ v[2];
    v[2] = ROTL(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t m)
{
    v[3] ^= m;
    sip_round(v);
    sip_round(v);
    v[0] ^= m;
}

/* Little-endian. Eight bytes at once are one load; in a loop each would be shifted by itself. */
static inline uint64_t word(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

static inline uint64_t word_of_rest(const uint8_t *p, size_t len)
{
    uint64_t w = 0;
    for (size_t i = 0; i < len; i++) w |= (uint64_t)p[i] << (8 * i);
    return w;
}

static uint64_t name_hash(const struct room_table *t, yd_slice name)
{
    uint64_t k0 = word(t->key), k1 = word(t->key + 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                     k1 ^ 0x7465646279746573u};
    size_t whole = name.len & ~(size_t)7;
    for (size_t at = 0; at < whole; at += 8) sip_word(v, word(name.ptr + at));
    sip_word(v, word_of_rest(name.ptr + whole, name.len - whole) | (uint64_t)name.len << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) sip_round(v);
    return (v[0] ^ v[1] ^ v[2] ^ v[3]) & HASH_BITS;
}

/* ---- the table --------------------------------------------------------------------------------
 */

static void table_put(struct room_table *t, uint32_t id)
{
    size_t at = t->slots[id - 1].hash & (t->id_cap - 1);
    while (t->ids[at] != 0) at = (at + 1) & (t->id_cap - 1);
    t->ids[at] = id;
}

static yd_err table_grow(struct room_table *t)
{
    if (t->count == t->slot_cap) {
        uint64_t cap = t->slot_cap == 0 ? 64 : t->slot_cap + t->slot_cap / 2;
        struct room_slot *slots = realloc(t->slots, cap * sizeof *slots);
        if (slots == NULL) return YD_ENOMEM;
        t->slots = slots;
        t->slot_cap = cap;
    }
    if (t->count + t->count / 2 < t->id_cap) return YD_OK;
    size_t cap = t->id_cap == 0 ? 128 : t->id_cap * 2;
    uint32_t *ids = calloc(cap, sizeof *ids);
    if (ids == NULL) return YD_ENOMEM;
    free(t->ids);
    t->ids = ids;
    t->id_cap = cap;
    for (uint32_t id = 1; id <= t->count; id++) {
        if (!t->slots[id - 1].is_damaged) table_put(t, id);
    }
    return YD_OK;
}

/* The slot of room count + 1. */
static yd_err table_add(struct room_table *t, uint64_t hash, bool is_damaged)
{
    if (t->count == ROOMS_MAX) return YD_ETOOBIG;
    yd_err err = table_grow(t);
    if (err != YD_OK) return err;
    t->slots[t->count++] = (struct room_slot){.hash = hash & HASH_BITS, .is_damaged = is_damaged};
    if (is_damaged) {
        t->damaged++;
    } else {
        table_put(t, (uint32_t)t->count);
    }
    return YD_OK;
}

void rooms_free(struct database *db)
{
    for (uint64_t i = 0; i < db->rooms.count; i++) {
        struct stored_room *room = db->rooms.slots[i].room;
        if (room != NULL) free(room->places);
        free(room);
    }
    free(db->rooms.slots);
    free(db->rooms.ids);
    db->rooms = (struct room_table){0};
}

/* ---- rows -------------------------------------------------------------------------------------
 */

_Static_assert(offsetof(struct stored_room, erase_at) - offsetof(struct stored_room, status) ==
                   (ROOM_NUMBER_COUNT - 1) * sizeof(uint64_t),
               "the numbers of a row stand in one block");

void room_numbers(const struct stored_room *room, uint64_t out[ROOM_NUMBER_COUNT])
{
    const uint8_t *from = (const uint8_t *)room + offsetof(struct stored_room, status);
    memcpy(out, from, ROOM_NUMBER_COUNT * sizeof *out);
}

void room_numbers_set(struct stored_room *room, const uint64_t in[ROOM_NUMBER_COUNT])
{
    uint8_t *to = (uint8_t *)room + offsetof(struct stored_room, status);
    memcpy(to, in, ROOM_NUMBER_COUNT * sizeof *in);
}

uint32_t room_crc(const struct stored_room *r)
{
    uint64_t values[1 + ROOM_NUMBER_COUNT] = {r->id};
    room_numbers(r, values + 1);
    return database_row_crc('r', values, 1 + ROOM_NUMBER_COUNT, (yd_slice){r->name, r->name_len});
}

struct stored_room *stored_room_new(uint64_t id, yd_slice name)
{
    struct stored_room *r = calloc(1, sizeof *r + name.len);
    if (r == NULL) return NULL;
    r->id = id;
    r->epoch = 1;
    r->name_len = name.len;
    memcpy(r->name, name.ptr, name.len);
    return r;
}

/* Errors: YD_EMALFORMED the checksum does not fit. */
static yd_err room_from_row(sqlite3_stmt *s, struct stored_room **out)
{
    const uint8_t *name = sqlite3_column_blob(s, 1);
    size_t len = (size_t)sqlite3_column_bytes(s, 1);
    uint64_t numbers[ROOM_NUMBER_COUNT];
    struct stored_room *r = stored_room_new((uint64_t)sqlite3_column_int64(s, 0),
                                            name == NULL ? YD_EMPTY : (yd_slice){name, len});
    if (r == NULL) return YD_ENOMEM;
    for (int i = 0; i < ROOM_NUMBER_COUNT; i++) {
        numbers[i] = (uint64_t)sqlite3_column_int64(s, 3 + i);
    }
    room_numbers_set(r, numbers);
    if (sqlite3_column_int64(s, 2) != (sqlite3_int64)room_crc(r)) {
        free(r);
        return YD_EMALFORMED;
    }
    *out = r;
    return YD_OK;
}

static yd_err scan_row(struct database *db, sqlite3_stmt *s)
{
    struct room_table *t = &db->rooms;
    uint64_t id = (uint64_t)sqlite3_column_int64(s, 0);
    yd_err err = YD_OK;
    // Between this row and the one before there should be none: those are lost, their names too.
    while (err == YD_OK && t->count + 1 < id && id <= ROOMS_MAX && t->count < ROOMS_MAX) {
        err = table_add(t, 0, true);
    }
    if (err != YD_OK) return err;
    if (id != t->count + 1) return YD_EMALFORMED; // out of order: the tree itself is damaged
    struct stored_room *room = NULL;
    err = room_from_row(s, &room);
    if (err == YD_ENOMEM) return err;
    bool is_damaged = err != YD_OK;
    uint64_t hash = is_damaged ? 0 : name_hash(t, (yd_slice){room->name, room->name_len});
    err = table_add(t, hash, is_damaged);
    if (err == YD_OK && !is_damaged) {
        if (room->covered_lsn > t->covered_max) t->covered_max = room->covered_lsn;
        t->slots[id - 1].changed_lsn = room->changed_lsn;
        if (room->status == STORE_ROOM_DELETED) err = erasures_add(db, id, room->erase_at);
        if (room->status == STORE_ROOM_ERASING) err = erasures_add(db, id, 0);
    }
    free(room);
    return err;
}

static yd_err rooms_wrong(struct database *db)
{
    snprintf(db->why, sizeof db->why,
             "%s: the table of rooms is damaged; restore a backup, or run `partyd check` on a copy",
             db->path);
    return YD_EMALFORMED;
}

yd_err rooms_scan(struct database *db)
{
    sqlite3_randomness(sizeof db->rooms.key, db->rooms.key);
    uint64_t expected = 0;
    yd_err err = database_meta_get(db, "rooms", &expected);
    if (err != YD_OK) return err;
    sqlite3_stmt *s =
        database_query(db, "SELECT id, name, crc, " ROOM_NUMBERS " FROM room ORDER BY id", NULL, 0);
    if (s == NULL) return YD_EIO;
    int step = SQLITE_ERROR;
    while (err == YD_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        // A wild id would make as many slots.
        if ((uint64_t)sqlite3_column_int64(s, 0) > expected) {
            err = YD_EMALFORMED;
        } else {
            err = scan_row(db, s);
        }
    }
    if (err == YD_EMALFORMED) err = rooms_wrong(db);
    if (err == YD_OK && step != SQLITE_DONE) err = database_fail(db, "reading the rooms");
    sqlite3_finalize(s);
    if (expected > ROOMS_MAX && err == YD_OK) err = rooms_wrong(db);
    while (err == YD_OK && db->rooms.count < expected) err = table_add(&db->rooms, 0, true);
    return err;
}

yd_err rooms_get(struct database *db, uint64_t id, struct stored_room **out)
{
    if (id == 0 || id > db->rooms.count) return YD_ENOTFOUND;
    struct room_slot *slot = rooms_slot(db, id);
    if (slot->is_damaged) return YD_EMALFORMED;
    if (slot->room == NULL) {
        sqlite3_stmt *s = db->get_room;
        sqlite3_bind_int64(s, 1, (sqlite3_int64)id);
        int step = sqlite3_step(s);
        yd_err err = YD_EMALFORMED; // it was there at the start
        if (step == SQLITE_ROW) {
            err = room_from_row(s, &slot->room);
        } else if (step != SQLITE_DONE) {
            err = database_fail(db, "reading a room");
        }
        (void)sqlite3_reset(s);
        if (err != YD_OK) return err;
    }
    *out = slot->room;
    return YD_OK;
}

yd_err rooms_find(struct database *db, yd_slice name, struct stored_room **out)
{
    struct room_table *t = &db->rooms;
    uint64_t hash = name_hash(t, name);
    for (size_t at = hash & (t->id_cap - 1); t->id_cap > 0 && t->ids[at] != 0;
         at = (at + 1) & (t->id_cap - 1)) {
        uint32_t id = t->ids[at];
        if (t->slots[id - 1].hash != hash) continue;
        struct stored_room *room = NULL;
        yd_err err = rooms_get(db, id, &room);
        if (err != YD_OK) return err;
        if (yd_slice_equal((yd_slice){room->name, room->name_len}, name)) {
            *out = room;
            return YD_OK;
        }
        rooms_cool(db, room);
    }
    return t->damaged > 0 ? YD_EMALFORMED : YD_ENOTFOUND;
}

/* id, name, checksum, numbers: as add_room and save_room take them. */
static yd_err row_write(struct database *db, sqlite3_stmt *s, const struct stored_room *room)
{
    uint64_t numbers[ROOM_NUMBER_COUNT];
    room_numbers(room, numbers);
    sqlite3_bind_int64(s, 1, (sqlite3_int64)room->id);
    if (s == db->add_room) {
        sqlite3_bind_blob(s, 2, room->name, (int)room->name_len, SQLITE_STATIC);
    }
    sqlite3_bind_int64(s, 3, (sqlite3_int64)room_crc(room));
    for (int i = 0; i < ROOM_NUMBER_COUNT; i++) {
        sqlite3_bind_int64(s, 4 + i, (sqlite3_int64)numbers[i]);
    }
    return database_step(db, s, "writing a room");
}

yd_err rooms_insert(struct database *db, const struct stored_room *room)
{
    return row_write(db, db->add_room, room);
}

yd_err rooms_add(struct database *db, yd_slice name, struct stored_room **out)
{
    struct room_table *t = &db->rooms;
    struct stored_room *room = stored_room_new(t->count + 1, name);
    if (room == NULL) return YD_ENOMEM;
    room->covered_lsn = db->lsn;
    room->created_at = database_now(db);
    yd_err err = rooms_insert(db, room);
    if (err == YD_OK) err = table_add(t, name_hash(t, name), false);
    if (err != YD_OK) {
        free(room);
        return err;
    }
    t->slots[room->id - 1].room = room;
    t->slots[room->id - 1].is_read = 1; // nothing of it was there to be read
    *out = room;
    return YD_OK;
}

yd_err rooms_save(struct database *db, const struct stored_room *room)
{
    yd_err err = row_write(db, db->save_room, room);
    if (err != YD_OK || sqlite3_changes(db->sql) == 1) return err;
    return rooms_wrong(db);
}

void rooms_bad(struct database *db, const struct stored_room *room, bool is_bad)
{
    struct room_table *t = &db->rooms;
    struct room_slot *slot = rooms_slot(db, room->id);
    if (slot->is_bad != is_bad) t->bad += is_bad ? 1 : UINT64_MAX;
    slot->is_bad = is_bad;
    if (is_bad) {
        snprintf(t->bad_name, sizeof t->bad_name, "%.*s", (int)room->name_len,
                 (const char *)room->name);
    } else if (t->bad == 0) {
        t->bad_name[0] = 0;
    }
}

void rooms_cool(struct database *db, struct stored_room *room)
{
    if (room->place_count > 0) return;
    rooms_slot(db, room->id)->room = NULL;
    free(room->places);
    free(room);
}
