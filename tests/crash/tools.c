/* tools.c - see crash.h. */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash/crash.h"

/* xorshift32: the same numbers everywhere. */
uint32_t random_next(uint32_t *state)
{
    uint32_t x = *state == 0 ? 0x9e3779b9u : *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void dir_remove(const char *dir) { (void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

void dir_make(char path[128])
{
    snprintf(path, 128, "%s/partyd-crash-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(path) == NULL) abort();
}

uint8_t *file_read(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (f == NULL || fstat(fileno(f), &st) != 0) return NULL;
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    if (bytes == NULL) abort();
    *len = fread(bytes, 1, (size_t)st.st_size, f);
    fclose(f);
    return bytes;
}

bool file_write(const char *path, const uint8_t *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) return false;
    size_t at = 0;
    while (at < len) {
        ssize_t n = write(fd, bytes + at, len - at);
        if (n <= 0) break;
        at += (size_t)n;
    }
    close(fd);
    return at == len;
}

static void self_exec(const char *const *arguments, const char *const *env)
{
    char self[512], library[600];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0) _exit(9);
    self[n] = 0;
    char *slash = strrchr(self, '/');
    snprintf(library, sizeof library, "LD_PRELOAD=%.*s/disk.so", (int)(slash - self), self);
    char *vars[12] = {library}, *args[12] = {self};
    for (int i = 0; env[i] != NULL && i < 10; i++) vars[i + 1] = (char *)env[i];
    for (int i = 0; arguments[i] != NULL && i < 10; i++) args[i + 1] = (char *)arguments[i];
    alarm(30);
    (void)execve(self, args, vars);
    _exit(9);
}

int self_spawn(const char *const *arguments, const char *const *env)
{
    pid_t pid = fork();
    if (pid < 0) abort();
    if (pid == 0) self_exec(arguments, env);
    int status = 0;
    if (waitpid(pid, &status, 0) != pid) abort();
    if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGALRM ? 124 : 128 + WTERMSIG(status);
    return WEXITSTATUS(status);
}

int writer_spawn(const struct writer_opts *opts, const char *const *env)
{
    char commits[16], seed[16];
    snprintf(commits, sizeof commits, "%u", opts->commits);
    snprintf(seed, sizeof seed, "%u", opts->seed);
    const char *args[] = {"writer",
                          opts->dir,
                          opts->acks,
                          commits,
                          seed,
                          opts->large ? "1" : "0",
                          opts->close ? "1" : "0",
                          NULL};
    return self_spawn(args, env);
}
