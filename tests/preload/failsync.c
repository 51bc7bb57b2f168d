/* failsync.c - for LD_PRELOAD: fsync and fdatasync fail with EIO while the file named by
 * FAILSYNC_FILE exists. Stands for a disk that dies under a running server. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int broken(void)
{
    const char *file = getenv("FAILSYNC_FILE");
    if (file == NULL || access(file, F_OK) != 0) return 0;
    errno = EIO;
    return 1;
}

static int real(const char *name, int fd)
{
    int (*call)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return call(fd);
}

int fsync(int fd) { return broken() ? -1 : real("fsync", fd); }
int fdatasync(int fd) { return broken() ? -1 : real("fdatasync", fd); }
