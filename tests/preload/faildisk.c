/* faildisk.c - for LD_PRELOAD: no byte gets into a regular file while the file named by
 * FAILDISK_FILE exists: the disk is full. Stands for a disk that fails under a running runtime. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int broken(int fd)
{
    const char *file = getenv("FAILDISK_FILE");
    struct stat is;
    if (file == NULL || access(file, F_OK) != 0) return 0;
    if (fstat(fd, &is) != 0 || !S_ISREG(is.st_mode)) return 0;
    errno = ENOSPC;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
    return broken(fd) ? -1 : REAL(pwrite)(fd, from, n, at);
}
ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at)
{
    return broken(fd) ? -1 : REAL(pwrite64)(fd, from, n, at);
}
ssize_t write(int fd, const void *from, size_t n)
{
    return broken(fd) ? -1 : REAL(write)(fd, from, n);
}
int ftruncate64(int fd, off64_t to) { return broken(fd) ? -1 : REAL(ftruncate64)(fd, to); }
int fallocate64(int fd, int mode, off64_t at, off64_t n)
{
    return broken(fd) ? -1 : REAL(fallocate64)(fd, mode, at, n);
}
