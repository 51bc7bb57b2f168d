/* tools/import.h - what the sources of `partyd import` share.
 *
 *   import.c (which source is it) -> import_partykit.c, import_hocuspocus.c, import_store.c
 *                                 -> import_room() for each document -> POST /content
 *
 * A source is never changed: SQLite files are copied, with their WAL, and the copy is opened. */
#ifndef TOOLS_IMPORT_H
#define TOOLS_IMPORT_H

#include <sqlite3.h>

#include "tools/content.h"

struct import {
    struct tool *tool;
    const char *path;
    const char *party; /* of rooms whose source has none */
    const char *mode;  /* "create", "replace", "merge" */
    bool dry_run, keeps_deleted;
    struct progress progress;
    uint64_t done, there, failed, bytes;
};

/* One document becomes the room "party/room". Errors are said and counted; the next one goes on.
 * False: the store cannot be reached, nothing will go on. */
bool import_room(struct import *im, const char *room, struct yd_doc *doc);
/* A document that cannot be read; said and counted. */
void import_bad(struct import *im, const char *room, const char *why);
/* "party/room". Freed by the caller. */
char *import_name(const char *party, const char *room);

/* A copy of an SQLite file, open for reading. Returns enum tool_exit, after saying what is wrong.
 */
struct sqlite_copy {
    sqlite3 *sql;
    char dir[64]; /* of the copy */
};
int sqlite_copy_open(struct tool *tool, const char *path, struct sqlite_copy *copy);
void sqlite_copy_close(struct sqlite_copy *copy);
bool sqlite_has_table(sqlite3 *sql, const char *table, const char *columns);

/* The sources. Return enum tool_exit: of the whole, not of single rooms. */
int import_hocuspocus(struct import *im, sqlite3 *sql);
int import_partykit(struct import *im, sqlite3 *sql, const char *party);
int import_partykit_directory(struct import *im, const char *dir);
int import_store(struct import *im, const char *dir);
/* A backup made by `partyd backup`. */
int import_backup(struct import *im, struct sqlite_copy *copy);

#endif
