/* files.h - what a store needs of its directory besides the database: its entries on disk, the
 * lock, the mark, a WAL that can be trusted. Private to server/store.
 *
 * The mark (DIR/shard-00.mark) holds the number of the last commit that was confirmed. It is
 * written after the commit and never waited for, so it is a lower bound: a database that ends
 * before it has lost something confirmed. It is also what the lock is taken on.
 *
 *  offset  size  field
 *  0       4     "pdM1"
 *  4       8     u64 LE number of the last confirmed commit
 *  12      4     u32 LE CRC-32 of all before
 */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include "ydoc/base.h"

struct store_files {
    char *dir;   /* NULL: memory only */
    int mark;    /* descriptor, -1: none */
    bool is_new; /* there was no mark */
};

/* Makes the directory if it is missing, sees to its entry in its parent, takes the lock. why (size
 * bytes) gets a sentence. Errors: YD_ESTATE another process has the store, YD_ENOTFOUND. */
yd_err files_open(struct store_files *files, const char *dir, char *why, size_t size);
void files_close(struct store_files *files);

/* After a failed sync the page cache may show bytes that are not on disk and never will be: writes
 * the WAL and the first pages of the database anew, in place, and syncs them, before anything is
 * built on them. Errors: YD_EMALFORMED the WAL is damaged in its middle; YD_ENOTFOUND (errno). */
yd_err files_renew(const char *database_path, char *why, size_t size);

/* The directory's entries survive a power loss. Errors: YD_ENOTFOUND (errno). */
yd_err files_sync_directory(const struct store_files *files);

/* DIR/shard-00.ballast is room on the disk that nobody uses: a full disk is given it back, so that
 * what is in the WAL can be moved into the database. Makes it if it is not there, `bytes` or a
 * 32nd of the file system. False (errno): there is no room. What cannot be made for another reason
 * is done without. */
bool files_ballast_make(const struct store_files *files, uint64_t bytes);
/* False: there is none. */
bool files_ballast_drop(const struct store_files *files);

/* The number in the mark; 0: there is none that can be read. */
uint64_t files_mark_get(const struct store_files *files);
/* False: errno. */
bool files_mark_set(const struct store_files *files, uint64_t lsn, bool sync);

#endif
