/* gather.c - see gather.h.
 *
 * Where it sits:  SQLite -> gather.c -> SQLite's VFS of the system
 *
 * Invariant: what stands at [at, at + len) of `bytes` is newer than the file; all else is in it.
 */
#include "store/gather.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <sqlite3.h>

#define KEPT_MAX ((size_t)124 * 1024) /* SQLite's own VFS writes less than 128 KiB at a time */

/* Behind it in memory stands the file of the system's VFS. */
struct gather_file {
    sqlite3_file base;
    uint8_t *bytes; /* KEPT_MAX */
    size_t len;
    sqlite3_int64 at;
    int failed, error; /* what a write of kept bytes gave, and errno: for ever */
    sqlite3_file *real;
};

static sqlite3_file *real_of(sqlite3_file *file) { return ((struct gather_file *)file)->real; }

/* Not every answer is looked at by SQLite, and bytes that were lost once are missing for ever. So a
 * file of which they are says so to all that is asked of it from then on. */
static int flush(struct gather_file *f)
{
    if (f->failed != SQLITE_OK) {
        errno = f->error;
        return f->failed;
    }
    if (f->len == 0) return SQLITE_OK;
    f->failed = f->real->pMethods->xWrite(f->real, f->bytes, (int)f->len, f->at);
    f->error = errno;
    f->len = 0;
    return f->failed;
}

static sqlite3_file *flushed(sqlite3_file *file, int *status)
{
    *status = flush((struct gather_file *)file);
    return real_of(file);
}

static int gather_close(sqlite3_file *file)
{
    struct gather_file *f = (struct gather_file *)file;
    int status = flush(f);
    sqlite3_free(f->bytes);
    f->bytes = NULL;
    int closed = f->real->pMethods->xClose(f->real);
    return status == SQLITE_OK ? closed : status;
}

static int gather_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
    int status;
    sqlite3_file *real = flushed(file, &status);
    return status == SQLITE_OK ? real->pMethods->xRead(real, to, len, at) : status;
}

static int gather_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
    struct gather_file *f = (struct gather_file *)file;
    size_t n = (size_t)len;
    bool follows = f->len > 0 && at == f->at + (sqlite3_int64)f->len && f->len + n <= KEPT_MAX;
    int status = follows ? SQLITE_OK : flush(f);
    if (status != SQLITE_OK) return status;
    if (n > KEPT_MAX) return f->real->pMethods->xWrite(f->real, from, len, at);
    if (f->len == 0) f->at = at;
    memcpy(f->bytes + f->len, from, n);
    f->len += n;
    return SQLITE_OK;
}

static int gather_truncate(sqlite3_file *file, sqlite3_int64 len)
{
    int status;
    sqlite3_file *real = flushed(file, &status);
    return status == SQLITE_OK ? real->pMethods->xTruncate(real, len) : status;
}

static int gather_sync(sqlite3_file *file, int flags)
{
    int status;
    sqlite3_file *real = flushed(file, &status);
    return status == SQLITE_OK ? real->pMethods->xSync(real, flags) : status;
}

static int gather_size(sqlite3_file *file, sqlite3_int64 *len)
{
    int status;
    sqlite3_file *real = flushed(file, &status);
    return status == SQLITE_OK ? real->pMethods->xFileSize(real, len) : status;
}

static int gather_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

/* Whoever gets the lock next has to see what was written under it. */
static int gather_unlock(sqlite3_file *file, int level)
{
    int status;
    sqlite3_file *real = flushed(file, &status);
    int unlocked = real->pMethods->xUnlock(real, level);
    return status == SQLITE_OK ? unlocked : status;
}

static int gather_is_reserved(sqlite3_file *file, int *is_reserved)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), is_reserved);
}

/* None of what is asked by it is about the bytes. */
static int gather_control(sqlite3_file *file, int what, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, arg);
}

static int gather_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int gather_kind(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

/* Version 1: no shared memory, which an exclusive lock does without, and no mapped files. */
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = gather_close,
    .xRead = gather_read,
    .xWrite = gather_write,
    .xTruncate = gather_truncate,
    .xSync = gather_sync,
    .xFileSize = gather_size,
    .xLock = gather_lock,
    .xUnlock = gather_unlock,
    .xCheckReservedLock = gather_is_reserved,
    .xFileControl = gather_control,
    .xSectorSize = gather_sector,
    .xDeviceCharacteristics = gather_kind,
};

/* Only the database and its WAL: what else SQLite opens is rare. */
static int gather_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                       int *flags_out)
{
    sqlite3_vfs *real = vfs->pAppData;
    struct gather_file *f = (struct gather_file *)file;
    if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0) {
        return real->xOpen(real, name, file, flags, flags_out);
    }
    *f = (struct gather_file){.real = (sqlite3_file *)(f + 1)};
    f->bytes = sqlite3_malloc64(KEPT_MAX);
    if (f->bytes == NULL) return SQLITE_NOMEM;
    int status = real->xOpen(real, name, f->real, flags, flags_out);
    if (status == SQLITE_OK) {
        f->base.pMethods = &methods;
    } else {
        sqlite3_free(f->bytes);
    }
    return status;
}

#define NAME "partyd-gather"

static sqlite3_vfs *vfs_make(sqlite3_vfs *real)
{
    sqlite3_vfs *vfs = sqlite3_malloc(sizeof *vfs);
    if (vfs == NULL) return NULL;
    *vfs = *real; // all but opening is done by its functions, which do not ask what VFS they are of
    vfs->pNext = NULL;
    vfs->zName = NAME;
    vfs->pAppData = real;
    vfs->szOsFile = (int)sizeof(struct gather_file) + real->szOsFile;
    vfs->xOpen = gather_open;
    if (sqlite3_vfs_register(vfs, 0) == SQLITE_OK) return vfs;
    sqlite3_free(vfs);
    return NULL;
}

/* SQLite keeps the list of them, so it is the only one who knows whether ours is there. */
const char *gather_vfs(void)
{
    if (sqlite3_initialize() != SQLITE_OK) return NULL;
    sqlite3_mutex *mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1);
    sqlite3_mutex_enter(mutex);
    sqlite3_vfs *real = sqlite3_vfs_find(NULL), *ours = sqlite3_vfs_find(NAME);
    if (ours == NULL && real != NULL) ours = vfs_make(real);
    sqlite3_mutex_leave(mutex);
    return ours == NULL ? NULL : NAME;
}
