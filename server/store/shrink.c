/* shrink.c - gives free pages of the file back to the file system. */
#include <stdio.h>

#include "store/database.h"

#define PAGE_BYTES 4096u

static uint64_t ask(struct database *db, const char *what)
{
    sqlite3_stmt *s = NULL;
    uint64_t value = 0;
    if (sqlite3_prepare_v2(db->sql, what, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW) {
        value = (uint64_t)sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return value;
}

yd_err database_shrink(struct database *db, uint32_t pages, struct store_event *ev)
{
    char sql[64];
    uint64_t free_pages = ask(db, "PRAGMA freelist_count");
    ev->kind = STORE_EV_CHANGED;
    ev->lsn = db->lsn;
    yd_err err = YD_OK;
    if (free_pages > 0) {
        snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%u)", pages);
        err = database_exec(db, sql);
    }
    ev->next = ask(db, "PRAGMA freelist_count");
    ev->base_bytes = (size_t)ask(db, "PRAGMA page_count") * PAGE_BYTES;
    if (ev->next >= free_pages) ev->next = 0; // it does not get less: nothing more to do
    return err;
}
