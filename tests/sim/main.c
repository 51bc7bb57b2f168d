/* main.c - plays seeds and counts what happened; numbers that look like chance. */
#include "sim/sim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct sim sim;

/* ---- numbers --------------------------------------------------------------------------------- */

uint64_t rng_next(struct rng *rng)
{
    uint64_t x = rng->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    rng->state = x;
    return x * 0x2545F4914F6CDD1Dull;
}

uint32_t rng_below(struct rng *rng, uint32_t below)
{
    return (uint32_t)(((rng_next(rng) >> 32) * below) >> 32);
}

/* ---- seeds ----------------------------------------------------------------------------------- */

static const char *playing; // the name of a kept seed
static const char *const bug_names[BUGS] = {"none",  "gate", "drop", "sync", "status",
                                            "right", "wake", "user", "held", "gone"};

static void say_seed(void)
{
    char text[160];
    int n = snprintf(text, sizeof text, "sim: again with: %s --seed %llu%s%s\n",
                     "build/release/sim/sim", (unsigned long long)sim.seed,
                     sim.bug == BUG_NONE ? "" : " --bug ",
                     sim.bug == BUG_NONE ? "" : bug_names[sim.bug]);
    if (write(STDERR_FILENO, text, (size_t)n) != n) _exit(3);
}

void sim_fail(const struct sim *failed, const char *rule)
{
    fprintf(stderr, "sim: seed %llu: %s\n", (unsigned long long)failed->seed, rule);
    if (playing != NULL) fprintf(stderr, "sim: it is kept for %s\n", playing);
    say_seed();
    _exit(1);
}

/* In place of the engine's own, which says nothing. */
_Noreturn void yd_assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "sim: seed %llu: %s:%d: %s\n", (unsigned long long)sim.seed, file, line, what);
    say_seed();
    _exit(1);
}

static void on_abort(int signum)
{
    (void)signum;
    say_seed();
    _exit(1);
}

/* Seeds that once failed, and what of. A change of what is drawn gives them another story: look for
 * it again then, with the repair undone. */
static const struct {
    uint64_t seed;
    const char *name;
} kept[] = {
    {2324, "r40_who_syncs_once_more_is_asked_once_more"},
    {7, "r40_what_no_client_counts_is_not_confirmed"},
    {538, "r40_what_no_client_counts_is_not_confirmed: all is shown to be saved and is not"},
    {19, "r40_what_was_refused_is_confirmed_when_a_step2_brings_it"},
    {211, "r56_what_the_next_tick_would_have_told_is_not_lost"},
    {41, "r40_who_is_in_sync_was_sent_all"},
    {968, "r57_what_its_client_counts_outlives_the_room"},
};

static void play_kept(void)
{
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        playing = kept[i].name;
        sim_play(&sim, kept[i].seed, BUG_NONE);
    }
    playing = NULL;
}

/* A run in which something never happens shows nothing about it. */
static int report(uint64_t seeds)
{
    static const char *const names[COUNTS] = {[C_TYPED] = "typed",
                                              [C_DELETED] = "deleted",
                                              [C_CONNECTS] = "connects",
                                              [C_DROPS] = "drops",
                                              [C_LOST] = "lost",
                                              [C_CRASHES] = "crashes",
                                              [C_SYNCS] = "syncs",
                                              [C_HELD] = "held",
                                              [C_RESUMED] = "resumed",
                                              [C_PARTS] = "parts",
                                              [C_REFUSED] = "refused",
                                              [C_EVICTIONS] = "evictions",
                                              [C_SLEEPS] = "sleeps",
                                              [C_STORE_FAILS] = "store failed",
                                              [C_SHREDS] = "shreds",
                                              [C_REMOVED] = "rooms deleted",
                                              [C_ERASED] = "erased",
                                              [C_BROUGHT_BACK] = "brought back",
                                              [C_NOT_FOUND] = "not found",
                                              [C_SNAPSHOTS] = "snapshots",
                                              [C_TABS] = "tabs",
                                              [C_STATES] = "states",
                                              [C_DELIVERED] = "delivered",
                                              [C_ADMITTED] = "admitted",
                                              [C_TURNED_AWAY] = "turned away",
                                              [C_SHUT] = "shut",
                                              [C_TOKENS] = "tokens",
                                              [C_RIGHTS] = "rights changed",
                                              [C_READ_ONLY] = "updates of readers",
                                              [C_DENIED] = "denied",
                                              [C_SAVED] = "saved",
                                              [C_UNSAVED] = "not saved",
                                              [C_ALL_SAVED] = "all saved",
                                              [C_FORCED] = "forced syncs",
                                              [C_STATELESS] = "stateless",
                                              [C_QUEUED] = "said offline",
                                              [C_PACED] = "states replaced",
                                              [C_IMPOSTORS] = "impostors"};
    int bad = 0;
    printf("sim: %llu seeds", (unsigned long long)seeds);
    for (size_t i = 0; i < COUNTS; i++) {
        printf(", %s %llu", names[i], (unsigned long long)sim.counts[i]);
        if (sim.counts[i] == 0 && seeds >= 100) bad = 1;
    }
    printf("\n");
    if (bad) fprintf(stderr, "sim: something in this list never happened\n");
    return bad;
}

static enum bug bug_of(const char *name)
{
    for (size_t i = 0; i < BUGS; i++) {
        if (strcmp(bug_names[i], name) == 0) return (enum bug)i;
    }
    fprintf(stderr, "sim: no such bug: %s\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    uint64_t first = 1, count = 1000;
    enum bug bug = BUG_NONE;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0) first = strtoull(argv[i + 1], NULL, 10), count = 1;
        if (strcmp(argv[i], "--from") == 0) first = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seeds") == 0) count = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--bug") == 0) bug = bug_of(argv[i + 1]);
    }
    if (argc % 2 == 0) {
        fputs("usage: sim [--seeds N] [--from SEED] [--seed SEED] "
              "[--bug gate|drop|sync|status|right|wake|user|held|gone]\n",
              stderr);
        return 2;
    }
    const int signals[] = {SIGABRT, SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        (void)signal(signals[i], on_abort);
    if (count > 1 && bug == BUG_NONE) play_kept();
    for (uint64_t seed = first; seed < first + count; seed++) sim_play(&sim, seed, bug);
    return report(count);
}
