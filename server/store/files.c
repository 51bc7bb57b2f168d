/* files.c - see files.h. */
#include "store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/journal.h"
#include "store/wal.h"

#define MARK_BYTES       16
#define RENEW_HEAD_BYTES ((size_t)64 * 1024) /* all that a store of before its first commit has */

static bool sync_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // Whoever may not look into the parent did not make the directory either.
    if (fd < 0) return errno == EACCES || errno == EPERM;
    int status = fsync(fd);
    int error = errno;
    (void)close(fd);
    errno = error;
    return status == 0 || error == EINVAL; // EINVAL: this file system has nothing to sync
}

/* The parent is synced even if the directory was there: a start that made it may have been cut off
 * before it got to that. */
static yd_err directory_ready(const char *dir, char *why, size_t size)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        snprintf(why, size, "%s: cannot make this data directory: %s; name another by --data", dir,
                 strerror(errno));
        return YD_ENOTFOUND;
    }
    char parent[4096];
    int len = snprintf(parent, sizeof parent, "%s/..", dir);
    if (len < 0 || (size_t)len >= sizeof parent) errno = ENAMETOOLONG;
    if (len < 0 || (size_t)len >= sizeof parent || !sync_path(parent)) {
        snprintf(why, size, "%.300s/..: cannot be synced: %s; check this disk", dir,
                 strerror(errno));
        return YD_ENOTFOUND;
    }
    return YD_OK;
}

static yd_err mark_open(struct store_files *files, char *why, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/shard-00.mark", files->dir);
    files->mark = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (files->mark < 0) {
        snprintf(why, size, "%.300s: cannot be opened: %s; name another directory by --data", path,
                 strerror(errno));
        return YD_ENOTFOUND;
    }
    if (flock(files->mark, LOCK_EX | LOCK_NB) == 0) {
        struct stat st;
        files->is_new = fstat(files->mark, &st) == 0 && st.st_size == 0;
        return YD_OK;
    }
    if (errno == EWOULDBLOCK) {
        snprintf(why, size,
                 "%.300s: another process has this store open; stop it or name another by --data",
                 files->dir);
        return YD_ESTATE;
    }
    snprintf(why, size, "%.300s: cannot be locked: %s; use a local file system", path,
             strerror(errno));
    return YD_ENOTFOUND;
}

yd_err files_open(struct store_files *files, const char *dir, char *why, size_t size)
{
    *files = (struct store_files){.mark = -1};
    if (dir == NULL) return YD_OK;
    files->dir = strdup(dir);
    if (files->dir == NULL) return YD_ENOMEM;
    yd_err err = directory_ready(dir, why, size);
    return err == YD_OK ? mark_open(files, why, size) : err;
}

void files_close(struct store_files *files)
{
    if (files->mark >= 0) (void)close(files->mark);
    files->mark = -1;
    free(files->dir);
    files->dir = NULL;
}

yd_err files_sync_directory(const struct store_files *files)
{
    return files->dir == NULL || sync_path(files->dir) ? YD_OK : YD_ENOTFOUND;
}

/* ---- renewal ----------------------------------------------------------------------------------
 */

static bool read_all(int fd, uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = pread(fd, bytes + at, len - at, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = EIO; // it was longer a moment ago
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = pwrite(fd, bytes + at, len - at, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC;
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

/* Identical bytes in the same places: whatever of this reaches the disk before a crash, the synced
 * part of the file stays as it was. At most `max` bytes. */
static yd_err renew_file(const char *path, size_t max, bool is_wal)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? YD_OK : YD_ENOTFOUND;
    struct stat st;
    uint8_t *bytes = NULL;
    yd_err err = YD_ENOTFOUND;
    if (fstat(fd, &st) != 0) goto out;
    size_t len = (uint64_t)st.st_size < max ? (size_t)st.st_size : max;
    err = YD_OK;
    if (len == 0) goto out;
    bytes = malloc(len);
    err = bytes == NULL ? YD_ENOMEM : YD_ENOTFOUND;
    if (bytes == NULL || !read_all(fd, bytes, len)) goto out;
    if (is_wal && wal_is_damaged((yd_slice){bytes, len})) {
        err = YD_EMALFORMED;
        goto out;
    }
    if (write_all(fd, bytes, len) && fsync(fd) == 0) err = YD_OK;
out:;
    int error = errno;
    free(bytes);
    (void)close(fd);
    errno = error;
    return err;
}

yd_err files_renew(const char *database_path, char *why, size_t size)
{
    char wal[4096];
    snprintf(wal, sizeof wal, "%s-wal", database_path);
    const char *path = wal;
    yd_err err = renew_file(wal, SIZE_MAX, true);
    if (err == YD_OK) {
        path = database_path;
        err = renew_file(path, RENEW_HEAD_BYTES, false);
    }
    if (err == YD_EMALFORMED) {
        snprintf(why, size,
                 "%.300s: commits that were confirmed are behind a damaged place and cannot be "
                 "read; nothing was changed; restore a backup",
                 path);
    } else if (err == YD_ENOTFOUND) {
        snprintf(why, size, "%.300s: cannot be read and written anew: %s; check this disk", path,
                 strerror(errno));
    }
    return err;
}

/* ---- ballast ----------------------------------------------------------------------------------
 */

static bool ballast_path(const struct store_files *files, char *path, size_t size)
{
    int len = files->dir == NULL ? -1 : snprintf(path, size, "%s/shard-00.ballast", files->dir);
    return len > 0 && (size_t)len < size;
}

bool files_ballast_make(const struct store_files *files, uint64_t bytes)
{
    char path[4096];
    struct statvfs fs;
    if (!ballast_path(files, path, sizeof path) || access(path, F_OK) == 0) return true;
    if (statvfs(files->dir, &fs) != 0) return true;
    uint64_t most = (uint64_t)fs.f_blocks * fs.f_frsize / 32;
    if (bytes > most) bytes = most;
    // A quarter more, or the disk would be full again with the next commits, and so for ever.
    if ((uint64_t)fs.f_bavail * fs.f_frsize < bytes + bytes / 4) {
        errno = ENOSPC;
        return false;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return errno != ENOSPC;
    int error = 0;
#ifdef __linux__
    error = posix_fallocate(fd, 0, (off_t)bytes);
#endif
    (void)close(fd);
    if (error != ENOSPC) return true;
    (void)unlink(path); // half of it would be taken for one that is whole
    errno = error;
    return false;
}

bool files_ballast_drop(const struct store_files *files)
{
    char path[4096];
    return ballast_path(files, path, sizeof path) && unlink(path) == 0;
}

/* ---- the mark ---------------------------------------------------------------------------------
 */

static void mark_encode(uint8_t out[MARK_BYTES], uint64_t lsn)
{
    static const uint8_t magic[4] = {'p', 'd', 'M', '1'};
    memcpy(out, magic, sizeof magic);
    for (int i = 0; i < 8; i++) out[4 + i] = (uint8_t)(lsn >> (8 * i));
    uint32_t crc = store_crc((yd_slice){out, 12});
    for (int i = 0; i < 4; i++) out[12 + i] = (uint8_t)(crc >> (8 * i));
}

uint64_t files_mark_get(const struct store_files *files)
{
    uint8_t got[MARK_BYTES], expected[MARK_BYTES];
    if (files->mark < 0 || pread(files->mark, got, sizeof got, 0) != MARK_BYTES) return 0;
    uint64_t lsn = 0;
    for (int i = 0; i < 8; i++) lsn |= (uint64_t)got[4 + i] << (8 * i);
    mark_encode(expected, lsn);
    return memcmp(got, expected, MARK_BYTES) == 0 ? lsn : 0;
}

bool files_mark_set(const struct store_files *files, uint64_t lsn, bool sync)
{
    if (files->mark < 0) return true;
    uint8_t bytes[MARK_BYTES];
    mark_encode(bytes, lsn);
    return write_all(files->mark, bytes, sizeof bytes) && (!sync || fsync(files->mark) == 0);
}
