/* memory.c - the n-th allocation of the store's own code is refused: it gives up cleanly, or the
 * process ends by itself saying so; what was confirmed is there. SQLite's own memory is not
 * touched. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash/crash.h"

static uint32_t calls, fail_at;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static bool refused(void)
{
    return fail_at != 0 && __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) == fail_at;
}
void *__wrap_malloc(size_t size) { return refused() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t n, size_t size) { return refused() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t size) { return refused() ? NULL : __real_realloc(p, size); }

static int one(uint32_t n, bool *was_hit)
{
    char dir[128], data[160], acks[160];
    dir_make(dir);
    snprintf(data, sizeof data, "%s/data", dir);
    snprintf(acks, sizeof acks, "%s/acks", dir);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(30);
        if (freopen("/dev/null", "w", stderr) == NULL) _exit(9);
        calls = 0;
        fail_at = n;
        int status = writer_run(&(struct writer_opts){
            .dir = data, .acks = acks, .commits = 30, .seed = 3, .close = true});
        _exit(calls < n ? 77 : status);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) abort();
    *was_hit = !(WIFEXITED(status) && WEXITSTATUS(status) == 77);
    bool ended_well = WIFEXITED(status) ? WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3 ||
                                              WEXITSTATUS(status) == 77
                                        : WTERMSIG(status) == SIGABRT;
    struct counts acked = acks_read(acks);
    char why[STORE_ERROR_MAX] = "";
    enum verdict v = judge(data, &acked, true, true, why);
    if (!ended_well || v != OK) {
        printf("allocation %u: status %x, %s %s\n", n, (unsigned)status, verdict_names[v], why);
    }
    dir_remove(dir);
    if (!ended_well || v != OK) return -1;
    return WIFSIGNALED(status) ? 1 : 0;
}

int command_memory(int argc, char **argv)
{
    (void)argc, (void)argv;
    uint32_t runs = 0, aborts = 0;
    bool ok = true, hit = true;
    for (uint32_t n = 1; hit && n < 20000; n += n < 200 ? 1 : 7) {
        int got = one(n, &hit);
        ok = ok && got >= 0;
        aborts += got == 1;
        runs++;
    }
    printf("memory refused: %u runs, %u ended the process on purpose\n", runs, aborts);
    return ok && runs > 100 ? 0 : 1;
}
