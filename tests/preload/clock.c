/* clock.c - for LD_PRELOAD: clocks that a test moves. CLOCK_FILE holds two int64, how many ms are
 * added to the monotonic clocks and to the time of day; it is mapped, so a change counts at once.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int (*gettime_fn)(clockid_t, struct timespec *);

static const volatile int64_t *ahead(void)
{
    static const volatile int64_t none[2];
    static const volatile int64_t *mapped;
    if (mapped != NULL) return mapped;
    const char *path = getenv("CLOCK_FILE");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0) (void)close(fd);
    mapped = at == MAP_FAILED ? none : at;
    return mapped;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    static gettime_fn real;
    if (real == NULL) real = (gettime_fn)dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, t);
    int is_day = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
    int is_cpu = id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID;
    if (result != 0 || is_cpu) return result;
    int64_t ms = ahead()[is_day];
    t->tv_sec += ms / 1000;
    t->tv_nsec += (long)(ms % 1000) * 1000000;
    if (t->tv_nsec >= 1000000000) t->tv_sec++, t->tv_nsec -= 1000000000;
    if (t->tv_nsec < 0) t->tv_sec--, t->tv_nsec += 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *t)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (t != NULL) *t = now.tv_sec;
    return now.tv_sec;
}
