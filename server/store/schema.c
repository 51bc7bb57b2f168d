/* schema.c - the tables: made new, or taken over from an older version.
 *
 * Source: docs/storage.md, "Tables"
 *
 * An upgrade is one transaction: after a crash in the middle of it the store is what it was. Rows
 * are taken over with what is known of them; a row that does not fit its checksum is taken over as
 * one that does not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/database.h"

#define APPLICATION_ID 0x70617264 /* "pard" */
#define SCHEMA_OLDEST  2

// Names have no index: all rooms are in memory, and an index could be damaged by itself.
#define ROOM_TABLE                                                                                 \
    "CREATE TABLE room(id INTEGER PRIMARY KEY, name BLOB NOT NULL, status INT NOT NULL,"           \
    " epoch INT NOT NULL, created_at INT NOT NULL, changed_at INT NOT NULL,"                       \
    " changed_lsn INT NOT NULL, updates INT NOT NULL, covered_lsn INT NOT NULL,"                   \
    " base_gen INT NOT NULL, base_bytes INT NOT NULL, base_chunks INT NOT NULL,"                   \
    " base_form INT NOT NULL, base_raw INT NOT NULL, delta_gen INT NOT NULL,"                      \
    " delta_bytes INT NOT NULL, delta_chunks INT NOT NULL, delta_form INT NOT NULL,"               \
    " delta_raw INT NOT NULL, deleted_at INT NOT NULL, erase_at INT NOT NULL,"                     \
    " crc INT NOT NULL);"

// What schema 3 has and 2 had not.
#define NEW_IN_3                                                                                   \
    "CREATE TABLE history(room INT, n INT, lsn INT NOT NULL, upto INT NOT NULL,"                   \
    " at INT NOT NULL, count INT NOT NULL, gen INT NOT NULL, bytes INT NOT NULL,"                  \
    " chunks INT NOT NULL, form INT NOT NULL, raw INT NOT NULL, crc INT NOT NULL,"                 \
    " PRIMARY KEY(room, n)) WITHOUT ROWID;"                                                        \
    "CREATE TABLE sink(id INTEGER PRIMARY KEY, name TEXT NOT NULL, crc INT NOT NULL);"             \
    "CREATE TABLE progress(sink INT, room INT, lsn INT NOT NULL, key BLOB NOT NULL,"               \
    " crc INT NOT NULL, PRIMARY KEY(sink, room)) WITHOUT ROWID;"

static const char tables[] =
    "CREATE TABLE meta(k TEXT PRIMARY KEY, v INT NOT NULL, crc INT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE base(room INT, gen INT, i INT, crc INT NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY(room, gen, i)) WITHOUT ROWID;"
    "CREATE TABLE journal(lsn INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE garbage(room INT, gen INT, crc INT NOT NULL, PRIMARY KEY(room, gen)) "
    "WITHOUT ROWID;" ROOM_TABLE NEW_IN_3;

static int64_t ask_int(struct database *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW) {
        value = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return value;
}

static yd_err set_version(struct database *db)
{
    char sql[100];
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d;PRAGMA user_version=%d;", APPLICATION_ID,
             SCHEMA_VERSION);
    return database_exec(db, sql);
}

yd_err schema_make(struct database *db)
{
    yd_err err = database_exec(db, "BEGIN IMMEDIATE");
    if (err == YD_OK) err = database_exec(db, tables);
    if (err == YD_OK) err = set_version(db);
    if (err == YD_OK) err = database_meta_set(db, "trimmed", 0);
    if (err == YD_OK) err = database_meta_set(db, "rooms", 0);
    if (err == YD_OK) err = database_meta_set(db, "epoch", database_now(db));
    return err == YD_OK ? database_exec(db, "COMMIT") : err;
}

yd_err schema_look(struct database *db, int *version)
{
    int64_t found = ask_int(db, "PRAGMA user_version");
    int64_t app = ask_int(db, "PRAGMA application_id");
    if (found < 0 || app < 0) {
        yd_err err = database_fail(db, "reading the header");
        return err == YD_ESTATE ? err : YD_EMALFORMED;
    }
    *version = 0;
    if (found == 0 && app == 0 && ask_int(db, "SELECT count(*) FROM sqlite_master") == 0) {
        return YD_OK;
    }
    if (app != APPLICATION_ID) {
        snprintf(db->why, sizeof db->why, "%s: this is not a partyd store; name another directory",
                 db->path);
        return YD_EMALFORMED;
    }
    *version = (int)found;
    if (found >= SCHEMA_OLDEST && found <= SCHEMA_VERSION) return YD_OK;
    bool is_newer = found > SCHEMA_VERSION;
    snprintf(db->why, sizeof db->why,
             "%s: written by %s partyd (schema %lld, this one knows %d); nothing was changed; %s",
             db->path, is_newer ? "a newer" : "an early", (long long)found, SCHEMA_VERSION,
             is_newer ? "run a newer partyd" : "name another directory by --data");
    return YD_ESTATE;
}

/* ---- from 2 to 3 ------------------------------------------------------------------------------
 */

/* What a row of schema 2 says: columns as selected below. False: its checksum does not fit. */
static bool row_of_2(sqlite3_stmt *s, struct stored_room *room)
{
    uint64_t v[8];
    for (int i = 0; i < 8; i++) v[i] = (uint64_t)sqlite3_column_int64(s, i + 2);
    room->epoch = v[0];
    room->base = (struct piece){v[1], v[2], v[3], v[1] > 0 ? FORM_V1 : FORM_NONE, v[2]};
    room->covered_lsn = room->changed_lsn = v[4];
    room->delta.form = v[5] == 1 ? FORM_V1 : FORM_NONE;
    uint64_t row[] = {room->id, v[0], v[1], v[2], v[3], v[4], v[5], v[6]};
    return v[5] <= 1 &&
           v[7] == database_row_crc('r', row, 8, (yd_slice){room->name, room->name_len});
}

/* A delta becomes a piece as a base is one. One that does not fit its checksum becomes one that
 * does not; one that is missing becomes one without chunks: the room is refused when it is loaded.
 */
static yd_err take_over_delta(struct database *db, struct stored_room *room)
{
    if (room->delta.form == FORM_NONE) return YD_OK;
    uint64_t key[] = {room->id, room->base.gen};
    yd_err err = piece_next_gen(db, room, &room->delta.gen);
    if (err != YD_OK) return err;
    room->delta.chunks = 1;
    sqlite3_stmt *s = database_query(db, "SELECT crc, data FROM delta WHERE room = ?1", key, 1);
    if (s == NULL) return YD_EIO;
    if (sqlite3_step(s) == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(s, 1);
        yd_slice data =
            bytes == NULL ? YD_EMPTY : (yd_slice){bytes, (size_t)sqlite3_column_bytes(s, 1)};
        bool fits = (uint32_t)sqlite3_column_int64(s, 0) == database_row_crc('d', key, 2, data);
        uint64_t chunk[] = {room->id, room->delta.gen, 0};
        uint64_t row[] = {chunk[0], chunk[1], chunk[2], database_row_crc('b', chunk, 3, data)};
        if (!fits) row[3] ^= 1;
        room->delta.bytes = room->delta.raw = data.len;
        err =
            database_run(db, "INSERT INTO base(room, gen, i, crc, data) VALUES(?1, ?2, ?3, ?4, ?5)",
                         row, 4, data);
    }
    sqlite3_finalize(s);
    return err;
}

static yd_err take_over(struct database *db, sqlite3_stmt *s)
{
    const void *bytes = sqlite3_column_blob(s, 1);
    yd_slice name =
        bytes == NULL ? YD_EMPTY : (yd_slice){bytes, (size_t)sqlite3_column_bytes(s, 1)};
    struct stored_room *room = stored_room_new((uint64_t)sqlite3_column_int64(s, 0), name);
    if (room == NULL) return YD_ENOMEM;
    bool fits = row_of_2(s, room);
    yd_err err = take_over_delta(db, room);
    if (err == YD_OK) err = rooms_insert(db, room);
    if (err == YD_OK && !fits) {
        err = database_run(db, "UPDATE room SET crc = -1 WHERE id = ?1", &room->id, 1, YD_EMPTY);
    }
    free(room);
    return err;
}

static yd_err take_over_all(struct database *db)
{
    sqlite3_stmt *s = database_query(db,
                                     "SELECT id, name, epoch, base_gen, base_bytes, base_chunks,"
                                     " covered_lsn, has_delta, deleted_at, crc FROM room_2",
                                     NULL, 0);
    if (s == NULL) return YD_EIO;
    yd_err err = YD_OK;
    int step = SQLITE_ERROR;
    while (err == YD_OK && (step = sqlite3_step(s)) == SQLITE_ROW) err = take_over(db, s);
    if (err == YD_OK && step != SQLITE_DONE) err = database_fail(db, "reading the old rooms");
    sqlite3_finalize(s);
    return err;
}

yd_err schema_upgrade(struct database *db, int version)
{
    if (version == SCHEMA_VERSION) return YD_OK;
    yd_err err = database_exec(db, "BEGIN IMMEDIATE");
    if (err == YD_OK) {
        err = database_exec(db, "ALTER TABLE room RENAME TO room_2;" ROOM_TABLE NEW_IN_3);
    }
    if (err == YD_OK) err = database_prepare(db);
    if (err == YD_OK) err = take_over_all(db);
    if (err == YD_OK) err = database_meta_set(db, "epoch", database_now(db));
    if (err == YD_OK) err = database_exec(db, "DROP TABLE room_2; DROP TABLE delta");
    if (err == YD_OK) err = set_version(db);
    return err == YD_OK ? database_exec(db, "COMMIT") : err;
}
