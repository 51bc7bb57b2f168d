/* power.c - the power goes: at any moment, during the first start, after a failed sync, and, to see
 * that the test can tell, with a store that does not sync as it should. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash/crash.h"

static void print_row(const char *what, const uint32_t found[VERDICTS])
{
    uint32_t images = 0;
    for (int v = 0; v < VERDICTS; v++) images += found[v];
    printf("%-28s %7u", what, images);
    for (int v = 0; v < VERDICTS; v++) printf(" %13u", found[v]);
    printf("\n");
    fflush(stdout);
}

/* One traced writer, then its images. */
static bool one(const struct writer_opts *how, const char *fail, const char *sync, uint32_t images,
                uint32_t found[VERDICTS])
{
    char dir[128], data[160], trace[160], acks[160];
    char env_dir[160], env_trace[200], env_fail[64], env_sync[32];
    dir_make(dir);
    snprintf(data, sizeof data, "%s/data", dir);
    snprintf(acks, sizeof acks, "%s/acks", dir);
    snprintf(trace, sizeof trace, "/%s-trace", dir + 1);
    snprintf(env_dir, sizeof env_dir, "DISK_DIR=%s", dir);
    snprintf(env_trace, sizeof env_trace, "DISK_TRACE=%s", trace);
    snprintf(env_fail, sizeof env_fail, "DISK_FAIL=%s", fail);
    snprintf(env_sync, sizeof env_sync, "CRASH_SYNC=%s", sync);
    struct writer_opts opts = *how;
    opts.dir = data;
    opts.acks = acks;
    const char *env[] = {env_dir, env_trace, env_fail, env_sync, NULL};
    int status = writer_spawn(&opts, env);
    if (status != 0 && status != 3) fprintf(stderr, "power: the writer ended with %d\n", status);
    char built[160];
    snprintf(built, sizeof built, "%s/image", dir);
    struct replay_opts r = {.trace = trace,
                            .dir = built,
                            .images = images,
                            .after_failure = fail[0] != 0,
                            .seed = opts.seed + 17};
    bool ok = replay(&r, found) && (status == 0 || status == 3);
    (void)remove(trace);
    dir_remove(dir);
    return ok;
}

static bool only_ok(const uint32_t found[VERDICTS])
{
    uint32_t bad = 0;
    for (int v = OK + 1; v < VERDICTS; v++) bad += found[v];
    return found[OK] > 0 && bad == 0;
}

static bool any_moment(void)
{
    uint32_t found[VERDICTS] = {0};
    bool ok = true;
    for (uint32_t seed = 1; seed <= 8; seed++) {
        struct writer_opts how = {.commits = 160, .seed = seed, .large = seed == 8};
        ok = one(&how, "", "FULL", seed == 8 ? 160 : 280, found) && ok;
    }
    print_row("any moment", found);
    return only_ok(found) && ok;
}

static bool first_start(void)
{
    uint32_t found[VERDICTS] = {0};
    bool ok = true;
    for (uint32_t seed = 1; seed <= 4; seed++) {
        struct writer_opts how = {.commits = 3, .seed = seed};
        ok = one(&how, "", "FULL", 400, found) && ok;
    }
    print_row("first start", found);
    return only_ok(found) && ok;
}

/* A sync fails, the store is opened again, and then the power goes or another sync fails. */
static bool second_fault(void)
{
    uint32_t found[VERDICTS] = {0};
    bool ok = true;
    for (uint32_t i = 0; i < 40; i++) {
        char fail[32];
        snprintf(fail, sizeof fail, "sync:5:%u:%u", 3 + i * 2, i % 3 == 0 ? 0 : 1 + i % 7);
        struct writer_opts how = {.commits = 40 + i, .seed = 100 + i};
        ok = one(&how, fail, "FULL", 60, found) && ok;
    }
    print_row("after a failed sync", found);
    return only_ok(found) && ok;
}

static bool wrong_setting(const char *sync)
{
    uint32_t found[VERDICTS] = {0};
    char what[64];
    bool ok = true;
    for (uint32_t seed = 1; seed <= 2; seed++) {
        struct writer_opts how = {.commits = 160, .seed = seed};
        ok = one(&how, "", sync, 200, found) && ok;
    }
    snprintf(what, sizeof what, "any moment, synchronous=%s", sync);
    print_row(what, found);
    return ok && !only_ok(found);
}

int command_power(int argc, char **argv)
{
    const char *only = argc > 0 ? argv[0] : "";
    printf("%-28s %7s", "power loss", "images");
    for (int v = 0; v < VERDICTS; v++) printf(" %13s", verdict_names[v]);
    printf("\n");
    bool ok = true;
    if (only[0] == 0 || strcmp(only, "any") == 0) ok = any_moment() && ok;
    if (only[0] == 0 || strcmp(only, "first") == 0) ok = first_start() && ok;
    if (only[0] == 0 || strcmp(only, "second") == 0) ok = second_fault() && ok;
    if (only[0] == 0 || strcmp(only, "wrong") == 0) {
        ok = wrong_setting("NORMAL") && ok;
        ok = wrong_setting("OFF") && ok;
    }
    return ok ? 0 : 1;
}
