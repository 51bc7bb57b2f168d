/* gather.h - a SQLite VFS that hands writes which follow each other to the system as one. Private
 * to server/store.
 *
 * SQLite writes a WAL frame in two calls, its head and its page, so a commit of 40 KB is twenty
 * calls, and moving the WAL into the database a thousand. Here what continues the write before it
 * is kept, and written at the latest when anybody reads, truncates, measures, locks, syncs or
 * closes the file. SQLite itself relies on no write before the sync of its file has returned.
 *
 * Errors of a kept write are those of the call that writes it, and of all that follow: the database
 * ends with it (docs/storage.md, S6).
 *
 * Source: sqlite.org/vfs.html */
#ifndef STORE_GATHER_H
#define STORE_GATHER_H

/* The name to open a database by; NULL: it could not be registered. Threads: any. */
const char *gather_vfs(void);

#endif
