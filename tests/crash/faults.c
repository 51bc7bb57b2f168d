/* faults.c - the n-th call of a kind fails, for n = 1, 2, ... until a run is not touched any more.
 * Once; once and again a little later, while the store recovers; and from then on for ever. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash/crash.h"

struct plan {
    const char *kind;
    int error;
    const char *then; /* what DISK_FAIL says behind n */
    uint32_t step;    /* of n */
};

static const struct plan plans[] = {
    {"sync", EIO, "0", 1},     {"sync", EIO, "all", 1},     {"sync", EIO, "1", 1},
    {"sync", EIO, "2", 1},     {"sync", EIO, "3", 1},       {"sync", EIO, "5", 1},
    {"sync", EINTR, "0", 1},   {"write", EIO, "0", 1},      {"write", EIO, "all", 7},
    {"write", EIO, "2", 5},    {"write", ENOSPC, "0", 3},   {"write", ENOSPC, "all", 9},
    {"write", EINTR, "0", 5},  {"short", 0, "0", 4},        {"open", EIO, "0", 1},
    {"open", EIO, "all", 1},   {"open", EMFILE, "0", 1},    {"open", EINTR, "0", 1},
    {"truncate", EIO, "0", 1}, {"truncate", EIO, "all", 1}, {"truncate", EIO, "1", 1},
    {"read", EIO, "0", 1},     {"read", EIO, "all", 3},
};

/* Whether the fault came at all: a run that ended well may have had it, one that did not, did. */
static bool one(const struct plan *plan, uint32_t n, bool *was_hit, uint32_t found[VERDICTS])
{
    char dir[128], data[160], acks[160], env_dir[160], env_fail[64], env_trace[200], trace[160];
    dir_make(dir);
    snprintf(data, sizeof data, "%s/data", dir);
    snprintf(acks, sizeof acks, "%s/acks", dir);
    snprintf(trace, sizeof trace, "%s-hit", dir);
    snprintf(env_dir, sizeof env_dir, "DISK_DIR=%s", dir);
    snprintf(env_fail, sizeof env_fail, "DISK_FAIL=%s:%d:%u:%s", plan->kind, plan->error, n,
             plan->then);
    snprintf(env_trace, sizeof env_trace, "DISK_HIT=%s", trace);
    struct writer_opts opts = {.dir = data, .acks = acks, .commits = 27, .seed = 5, .close = true};
    const char *env[] = {env_dir, env_fail, env_trace, NULL};
    int status = writer_spawn(&opts, env);
    struct counts acked = acks_read(acks);
    char why[STORE_ERROR_MAX] = "";
    enum verdict v = judge(data, &acked, true, true, why);
    bool ok = v == OK && (status == 0 || status == 3);
    if (!ok) {
        printf("%s:%d:%u:%s: the writer ended with %d; %s %s\n", plan->kind, plan->error, n,
               plan->then, status, verdict_names[v], why);
    }
    found[v]++;
    size_t len = 0;
    uint8_t *hit = file_read(trace, &len);
    *was_hit = hit != NULL;
    free(hit);
    (void)remove(trace);
    dir_remove(dir);
    return ok;
}

int command_faults(int argc, char **argv)
{
    bool ok = true;
    uint32_t total = 0;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        const struct plan *p = &plans[i];
        if (argc > 0 && strcmp(argv[0], p->kind) != 0) continue;
        uint32_t found[VERDICTS] = {0}, runs = 0;
        bool hit = true;
        for (uint32_t n = 1; hit && n < 5000; n += p->step, runs++)
            ok = one(p, n, &hit, found) && ok;
        printf("%-8s %-24s then %-3s: %4u runs, %u ok\n", p->kind,
               p->error == 0 ? "half of it" : strerror(p->error), p->then, runs, found[OK]);
        fflush(stdout);
        total += runs;
        ok = ok && runs > 1; // else nothing was ever hit
    }
    printf("%u runs\n", total);
    return ok && total > 0 ? 0 : 1;
}
