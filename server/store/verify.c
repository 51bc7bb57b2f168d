/* verify.c - store_verify(): what `partyd check` runs on a store that no server has open. */
#include <stdio.h>
#include <string.h>

#include "store/database.h"

static yd_err integrity(struct database *db)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db->sql, "PRAGMA integrity_check(1)", -1, &s, NULL) != SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW) {
        sqlite3_finalize(s);
        return database_fail(db, "checking the file");
    }
    const char *said = (const char *)sqlite3_column_text(s, 0);
    bool ok = said != NULL && strcmp(said, "ok") == 0;
    if (!ok) snprintf(db->why, sizeof db->why, "%s: %s", db->path, said == NULL ? "?" : said);
    sqlite3_finalize(s);
    return ok ? YD_OK : YD_EMALFORMED;
}

static yd_err one_room(struct database *db, yd_slice name, struct store_verified *found)
{
    struct load_job job = {.name = name, .is_passive = true};
    struct store_event ev = {0};
    yd_err err = YD_OK;
    bool done = false;
    while (err == YD_OK && !done) err = database_load(db, &job, &ev, &done);
    for (size_t i = 0; i < ev.part_count; i++) found->bytes += ev.parts[i].len;
    if (err == YD_OK && ev.kind == STORE_EV_LOAD_FAILED) {
        found->bad_rooms++;
        snprintf(db->why, sizeof db->why, "room %.*s: %.300s", (int)name.len,
                 (const char *)name.ptr, ev.why);
    }
    load_job_deinit(&job);
    store_event_deinit(&ev);
    return err;
}

static yd_err all_rooms(struct database *db, const struct store_watcher *watcher,
                        struct store_verified *found)
{
    yd_err err = YD_OK;
    for (uint64_t id = 1; id <= db->rooms.count && err == YD_OK; id++) {
        struct stored_room *room = NULL;
        char name[1024];
        found->rooms++;
        err = rooms_get(db, id, &room);
        if (err == YD_EMALFORMED) {
            found->bad_rooms++;
            snprintf(db->why, sizeof db->why, "%s: the row of room %llu is damaged", db->path,
                     (unsigned long long)id);
            err = YD_OK;
        } else if (err == YD_OK) {
            size_t len = room->name_len < sizeof name ? room->name_len : sizeof name;
            memcpy(name, room->name, len);
            err = one_room(db, (yd_slice){(const uint8_t *)name, len}, found);
        }
        if (watcher != NULL) watcher->tell(watcher->ctx, id, db->rooms.count);
    }
    return err != YD_OK || found->bad_rooms == 0 ? err : YD_EMALFORMED;
}

yd_err store_verify_watched(const char *dir, const struct store_watcher *watcher,
                            struct store_verified *found, char why[STORE_ERROR_MAX])
{
    struct database db;
    *found = (struct store_verified){0};
    yd_err err = database_open(&db, &(struct store_opts){.dir = dir, .must_exist = true});
    if (err == YD_OK) err = integrity(&db);
    if (err == YD_OK) err = all_rooms(&db, watcher, found);
    memcpy(why, db.why, STORE_ERROR_MAX);
    database_close(&db, err == YD_OK);
    return err;
}

yd_err store_verify(const char *dir, struct store_verified *found, char why[STORE_ERROR_MAX])
{
    return store_verify_watched(dir, NULL, found, why);
}
