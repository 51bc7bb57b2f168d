/* failread.c - for LD_PRELOAD: reads from a place in a file fail with EIO while the file named by
 * FAILREAD_FILE exists. Stands for a disk that cannot read for a while. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int broken(void)
{
    const char *file = getenv("FAILREAD_FILE");
    if (file == NULL || access(file, F_OK) != 0) return 0;
    errno = EIO;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
    return broken() ? -1 : REAL(pread)(fd, to, n, at);
}
ssize_t pread64(int fd, void *to, size_t n, off64_t at)
{
    return broken() ? -1 : REAL(pread64)(fd, to, n, at);
}
