/* progress.c - how far each backup ("sink") has got with each room.
 *
 * The numbers are in memory, 8 bytes a room and sink, so that looking for what a sink lacks reads
 * nothing; the keys are only on disk. A row that does not fit its checksum counts as none: then the
 * room is backed up once more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/database.h"

static uint32_t sink_crc(uint64_t id, yd_slice name) { return database_row_crc('s', &id, 1, name); }

static uint32_t progress_crc(uint64_t sink, uint64_t room, uint64_t lsn, yd_slice key)
{
    uint64_t values[] = {sink, room, lsn};
    return database_row_crc('p', values, 3, key);
}

static yd_slice column(sqlite3_stmt *s, int i)
{
    const void *data = sqlite3_column_blob(s, i);
    return data == NULL ? YD_EMPTY : (yd_slice){data, (size_t)sqlite3_column_bytes(s, i)};
}

void sinks_free(struct database *db)
{
    for (size_t i = 0; i < db->sink_count; i++) {
        free(db->sinks[i].name);
        free(db->sinks[i].lsns);
    }
    free(db->sinks);
    db->sinks = NULL;
    db->sink_count = 0;
}

size_t sink_find(const struct database *db, yd_slice name)
{
    size_t i = 0;
    while (i < db->sink_count && !(strlen(db->sinks[i].name) == name.len &&
                                   memcmp(db->sinks[i].name, name.ptr, name.len) == 0)) {
        i++;
    }
    return i;
}

uint64_t sink_lsn(const struct database *db, size_t sink, uint64_t room)
{
    if (sink >= db->sink_count || room > db->sinks[sink].lsn_count) return 0;
    return db->sinks[sink].lsns[room - 1];
}

static yd_err sink_add(struct database *db, yd_slice name)
{
    struct sink *sinks = realloc(db->sinks, (db->sink_count + 1) * sizeof *sinks);
    if (sinks == NULL) return YD_ENOMEM;
    db->sinks = sinks;
    char *copy = calloc(1, name.len + 1);
    if (copy == NULL) return YD_ENOMEM;
    memcpy(copy, name.ptr, name.len);
    sinks[db->sink_count++] = (struct sink){.name = copy};
    return YD_OK;
}

static yd_err sink_set(struct database *db, size_t sink, uint64_t room, uint64_t lsn)
{
    struct sink *s = &db->sinks[sink];
    if (room > s->lsn_count) {
        size_t count = s->lsn_count + s->lsn_count / 2;
        if (count < room) count = room;
        if (count < 64) count = 64;
        uint64_t *lsns = realloc(s->lsns, count * sizeof *lsns);
        if (lsns == NULL) return YD_ENOMEM;
        memset(lsns + s->lsn_count, 0, (count - s->lsn_count) * sizeof *lsns);
        s->lsns = lsns;
        s->lsn_count = count;
    }
    s->lsns[room - 1] = lsn;
    return YD_OK;
}

/* ---- start ------------------------------------------------------------------------------------
 */

static yd_err scan_names(struct database *db)
{
    sqlite3_stmt *s = database_query(db, "SELECT id, name, crc FROM sink ORDER BY id", NULL, 0);
    if (s == NULL) return YD_EIO;
    yd_err err = YD_OK;
    int step = SQLITE_ERROR;
    while (err == YD_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        uint64_t id = (uint64_t)sqlite3_column_int64(s, 0);
        yd_slice name = column(s, 1);
        // Numbers have no gap. Behind a damaged name nothing counts: what it had is saved anew.
        if (id != db->sink_count + 1 || id > STORE_SINKS_MAX ||
            (uint32_t)sqlite3_column_int64(s, 2) != sink_crc(id, name)) {
            step = SQLITE_DONE;
            break;
        }
        err = sink_add(db, name);
    }
    if (err == YD_OK && step != SQLITE_DONE) err = database_fail(db, "reading the sinks");
    sqlite3_finalize(s);
    return err;
}

yd_err sinks_scan(struct database *db)
{
    yd_err err = scan_names(db);
    if (err != YD_OK) return err;
    sqlite3_stmt *s = database_query(db, "SELECT sink, room, lsn, key, crc FROM progress", NULL, 0);
    if (s == NULL) return YD_EIO;
    int step = SQLITE_ERROR;
    while (err == YD_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
        uint64_t sink = (uint64_t)sqlite3_column_int64(s, 0);
        uint64_t room = (uint64_t)sqlite3_column_int64(s, 1);
        uint64_t lsn = (uint64_t)sqlite3_column_int64(s, 2);
        bool fits =
            (uint32_t)sqlite3_column_int64(s, 4) == progress_crc(sink, room, lsn, column(s, 3));
        if (!fits || sink == 0 || sink > db->sink_count || room == 0 || room > db->rooms.count) {
            continue;
        }
        err = sink_set(db, sink - 1, room, lsn);
    }
    if (err == YD_OK && step != SQLITE_DONE) err = database_fail(db, "reading progress");
    sqlite3_finalize(s);
    return err;
}

yd_err sink_key(struct database *db, size_t sink, uint64_t room, struct yd_buf *out)
{
    uint64_t key[] = {sink + 1, room};
    uint64_t lsn = sink_lsn(db, sink, room);
    if (lsn == 0) return YD_OK;
    sqlite3_stmt *s =
        database_query(db, "SELECT key, crc FROM progress WHERE sink = ?1 AND room = ?2", key, 2);
    if (s == NULL) return YD_EIO;
    yd_err err = YD_OK;
    if (sqlite3_step(s) == SQLITE_ROW &&
        (uint32_t)sqlite3_column_int64(s, 1) == progress_crc(key[0], room, lsn, column(s, 0))) {
        err = yd_buf_append(out, column(s, 0));
    }
    sqlite3_finalize(s);
    return err;
}

/* ---- setting ----------------------------------------------------------------------------------
 */

static yd_err sink_ready(struct database *db, yd_slice name, size_t *sink)
{
    *sink = sink_find(db, name);
    if (*sink < db->sink_count) return YD_OK;
    if (db->sink_count == STORE_SINKS_MAX) return YD_ETOOBIG;
    yd_err err = sink_add(db, name);
    if (err != YD_OK) return err;
    uint64_t row[] = {db->sink_count, sink_crc(db->sink_count, name)};
    return database_run(
        db, "INSERT OR REPLACE INTO sink(id, crc, name) VALUES(?1, ?2, CAST(?3 AS TEXT))", row, 2,
        name);
}

static yd_err progress_one(struct database *db, yd_slice sink_name, struct store_progress p)
{
    size_t sink = 0;
    struct stored_room *room = NULL;
    yd_err err = rooms_find(db, p.room, &room);
    if (err == YD_ENOTFOUND || err == YD_EMALFORMED) return YD_OK;
    if (err != YD_OK) return err;
    uint64_t id = room->id;
    rooms_cool(db, room);
    err = sink_ready(db, sink_name, &sink);
    if (err != YD_OK || p.lsn < sink_lsn(db, sink, id)) return err;
    uint64_t row[] = {sink + 1, id, p.lsn, progress_crc(sink + 1, id, p.lsn, p.key)};
    err = database_run(db,
                       "INSERT OR REPLACE INTO progress(sink, room, lsn, crc, key)"
                       " VALUES(?1, ?2, ?3, ?4, ?5)",
                       row, 4, p.key);
    return err == YD_OK ? sink_set(db, sink, id, p.lsn) : err;
}

yd_err database_progress(struct database *db, yd_slice bytes, struct store_event *ev)
{
    struct yd_reader r = yd_reader_of(bytes);
    yd_slice sink = yd_read_varbytes(&r);
    ev->kind = STORE_EV_CHANGED;
    ev->lsn = db->lsn;
    if (sink_find(db, sink) == db->sink_count && db->sink_count == STORE_SINKS_MAX) {
        ev->kind = STORE_EV_REFUSED;
        snprintf(ev->why, sizeof ev->why, "there are %d sinks already", STORE_SINKS_MAX);
        return YD_OK;
    }
    yd_err err = database_step(db, db->begin, "beginning to note progress");
    while (err == YD_OK && yd_reader_left(&r) > 0) {
        struct store_progress p = {.room = yd_read_varbytes(&r)};
        p.key = yd_read_varbytes(&r);
        p.lsn = yd_read_varuint(&r);
        err = progress_one(db, sink, p);
    }
    return err == YD_OK ? database_step(db, db->commit, "noting progress") : err;
}
