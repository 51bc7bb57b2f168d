/* disk.c - for LD_PRELOAD: a disk that is written down, fails or is slow. Only files below DISK_DIR
 * are touched.
 *
 * DISK_TRACE  file: every write, truncation, sync, creation and removal, in order, with its bytes
 *             (struct disk_record, then `len` bytes); what is written to a file named "acks" too
 * DISK_FAIL   KIND:ERRNO:N[:M]: the N-th call of a kind (sync write read open truncate short)
 * fails; then the M-th after that one; M "all": all after it. ERRNO is a number DISK_HIT    file
 * that is made when that happens DISK_SLEEP  MICROSECONDS[:N:MICROSECONDS]: added to every sync; to
 * the N-th instead
 */
#include "disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    pthread_mutex_t mutex;
    bool is_set_up, fail_all;
    const char *dir, *hit;
    char kind[16];
    int trace, error;
    long fail_at, fail_next, calls, syncs;
    long sleep_us, stall_at, stall_us;
} disk = {.mutex = PTHREAD_MUTEX_INITIALIZER, .trace = -1};

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))
typedef ssize_t (*write_fn)(int, const void *, size_t);
typedef ssize_t (*pwrite_fn)(int, const void *, size_t, off_t);
typedef ssize_t (*pread_fn)(int, void *, size_t, off_t);
typedef int (*open_fn)(const char *, int, ...);
typedef int (*sync_fn)(int);
typedef int (*truncate_fn)(int, off_t);

static void set_up(void)
{
    if (disk.is_set_up) return;
    disk.is_set_up = true;
    disk.dir = getenv("DISK_DIR");
    disk.hit = getenv("DISK_HIT");
    const char *trace = getenv("DISK_TRACE"), *fail = getenv("DISK_FAIL");
    const char *slow = getenv("DISK_SLEEP");
    char next[16] = "";
    if (trace != NULL) {
        disk.trace =
            REAL("open64", open_fn)(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    if (fail != NULL) {
        sscanf(fail, "%15[a-z]:%d:%ld:%15s", disk.kind, &disk.error, &disk.fail_at, next);
        disk.fail_all = strcmp(next, "all") == 0;
        disk.fail_next = atol(next);
    }
    if (slow != NULL) sscanf(slow, "%ld:%ld:%ld", &disk.sleep_us, &disk.stall_at, &disk.stall_us);
}

static bool is_ours(const char *path)
{
    return disk.dir != NULL && strncmp(path, disk.dir, strlen(disk.dir)) == 0;
}

/* The path of a descriptor; false: not below DISK_DIR. */
static bool path_of(int fd, char path[512])
{
    set_up();
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, 511);
    path[n > 0 ? n : 0] = 0;
    return n > 0 && is_ours(path);
}

static bool is_acks(const char *path)
{
    size_t len = strlen(path);
    return len >= 5 && strcmp(path + len - 5, "/acks") == 0;
}

static bool must_fail(const char *kind)
{
    if (strcmp(kind, disk.kind) != 0) return false;
    long n = ++disk.calls;
    bool now = n == disk.fail_at || (n > disk.fail_at && disk.fail_all) ||
               (disk.fail_next > 0 && n == disk.fail_at + disk.fail_next);
    if (now && disk.hit != NULL) {
        int fd = REAL("open64", open_fn)(disk.hit, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0) (void)close(fd);
    }
    if (now) errno = disk.error;
    return now;
}

static void note(enum disk_op op, int fd, uint64_t offset, const void *bytes, size_t len)
{
    if (disk.trace < 0) return;
    struct stat st = {0};
    if (fd >= 0) (void)fstat(fd, &st);
    struct disk_record r = {(uint32_t)op, (uint32_t)len, st.st_ino, offset};
    int error = errno;
    (void)!REAL("write", write_fn)(disk.trace, &r, sizeof r);
    if (len > 0) (void)!REAL("write", write_fn)(disk.trace, bytes, len);
    errno = error;
}

static ssize_t any_write(int fd, const void *bytes, size_t len, off_t at, bool has_offset)
{
    char path[512];
    if (!path_of(fd, path)) {
        return has_offset ? REAL("pwrite64", pwrite_fn)(fd, bytes, len, at)
                          : REAL("write", write_fn)(fd, bytes, len);
    }
    pthread_mutex_lock(&disk.mutex);
    ssize_t n = -1;
    if (is_acks(path)) {
        n = REAL("write", write_fn)(fd, bytes, len);
        note(DISK_ACK, fd, 0, bytes, len);
    } else if (!must_fail("write")) {
        if (must_fail("short")) len = (len + 1) / 2;
        if (!has_offset) at = lseek(fd, 0, SEEK_CUR);
        n = has_offset ? REAL("pwrite64", pwrite_fn)(fd, bytes, len, at)
                       : REAL("write", write_fn)(fd, bytes, len);
        if (n > 0) note(DISK_WRITE, fd, (uint64_t)at, bytes, (size_t)n);
    }
    pthread_mutex_unlock(&disk.mutex);
    return n;
}

static ssize_t any_read(int fd, void *bytes, size_t len, off_t at)
{
    char path[512];
    bool fails = false;
    if (path_of(fd, path) && !is_acks(path)) {
        pthread_mutex_lock(&disk.mutex);
        fails = must_fail("read");
        pthread_mutex_unlock(&disk.mutex);
    }
    return fails ? -1 : REAL("pread64", pread_fn)(fd, bytes, len, at);
}

static int any_sync(int fd, const char *name)
{
    char path[512];
    if (!path_of(fd, path)) return REAL(name, sync_fn)(fd);
    pthread_mutex_lock(&disk.mutex);
    long us = ++disk.syncs == disk.stall_at ? disk.stall_us : disk.sleep_us;
    bool fails = must_fail("sync");
    pthread_mutex_unlock(&disk.mutex);
    if (us > 0) usleep((useconds_t)us);
    pthread_mutex_lock(&disk.mutex);
    int status = fails ? -1 : REAL(name, sync_fn)(fd);
    note(status == 0 ? DISK_SYNC : DISK_SYNC_FAILED, fd, 0, NULL, 0);
    pthread_mutex_unlock(&disk.mutex);
    if (fails) errno = disk.error;
    return status;
}

static int any_open(const char *path, int flags, mode_t mode)
{
    set_up();
    open_fn real = REAL("open64", open_fn);
    if (!is_ours(path)) return real(path, flags, mode);
    pthread_mutex_lock(&disk.mutex);
    int fd = !is_acks(path) && must_fail("open") ? -1 : real(path, flags, mode);
    if (fd >= 0 && (flags & O_CREAT) != 0) note(DISK_CREATE, fd, 0, path, strlen(path) + 1);
    if (fd >= 0 && (flags & O_TRUNC) != 0) note(DISK_TRUNCATE, fd, 0, NULL, 0);
    pthread_mutex_unlock(&disk.mutex);
    return fd;
}

static int any_truncate(int fd, off_t len)
{
    char path[512];
    truncate_fn real = REAL("ftruncate64", truncate_fn);
    if (!path_of(fd, path)) return real(fd, len);
    pthread_mutex_lock(&disk.mutex);
    int status = must_fail("truncate") ? -1 : real(fd, len);
    if (status == 0) note(DISK_TRUNCATE, fd, (uint64_t)len, NULL, 0);
    pthread_mutex_unlock(&disk.mutex);
    return status;
}

#define OPEN_LIKE(name)                                                                            \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;                           \
        va_end(args);                                                                              \
        return any_open(path, flags, mode);                                                        \
    }
OPEN_LIKE(open)
OPEN_LIKE(open64)
ssize_t write(int fd, const void *b, size_t n) { return any_write(fd, b, n, 0, false); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t at) { return any_write(fd, b, n, at, true); }
ssize_t pwrite64(int fd, const void *b, size_t n, off_t at)
{
    return any_write(fd, b, n, at, true);
}
// SQLite reads by these; what reads by read() is not the store's database.
ssize_t pread(int fd, void *b, size_t n, off_t at) { return any_read(fd, b, n, at); }
ssize_t pread64(int fd, void *b, size_t n, off_t at) { return any_read(fd, b, n, at); }
int fsync(int fd) { return any_sync(fd, "fsync"); }
int fdatasync(int fd) { return any_sync(fd, "fdatasync"); }
int ftruncate(int fd, off_t len) { return any_truncate(fd, len); }
int ftruncate64(int fd, off_t len) { return any_truncate(fd, len); }

int mkdir(const char *path, mode_t mode)
{
    set_up();
    int status = REAL("mkdir", int (*)(const char *, mode_t))(path, mode);
    if (status != 0 || !is_ours(path)) return status;
    int fd = REAL("open64", open_fn)(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    note(DISK_MKDIR, fd, 0, path, strlen(path) + 1);
    (void)close(fd);
    return status;
}

int unlink(const char *path)
{
    set_up();
    int status = REAL("unlink", int (*)(const char *))(path);
    if (status == 0 && is_ours(path)) note(DISK_UNLINK, -1, 0, path, strlen(path) + 1);
    return status;
}
