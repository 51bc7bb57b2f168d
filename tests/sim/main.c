/* main.c - plays seeds and counts what happened; queues and numbers that the others need. */
#include "sim/sim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct sim sim;

/* ---- numbers, memory, queues ----------------------------------------------------------------- */

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

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx, (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    void *moved = realloc(ptr, new_size);
    YD_ASSERT(moved != NULL);
    return moved;
}

yd_alloc sim_alloc(void) { return (yd_alloc){resize, NULL}; }

void queue_put(struct queue *q, yd_slice head, yd_slice payload, size_t gate)
{
    if (q->first > 0 && q->first + q->count == q->cap) {
        memmove(q->list, q->list + q->first, q->count * sizeof *q->list);
        q->first = 0;
    }
    if (q->count == q->cap) {
        q->cap = q->cap == 0 ? 16 : q->cap * 2;
        q->list = realloc(q->list, q->cap * sizeof *q->list);
        YD_ASSERT(q->list != NULL);
    }
    uint8_t *bytes = malloc(head.len + payload.len + 1);
    YD_ASSERT(bytes != NULL);
    memcpy(bytes, head.ptr, head.len);
    memcpy(bytes + head.len, payload.ptr, payload.len);
    q->list[q->first + q->count++] = (struct frame){bytes, head.len + payload.len, gate};
    q->bytes += head.len + payload.len;
}

struct frame queue_take(struct queue *q)
{
    struct frame frame = q->list[q->first++];
    if (--q->count == 0) q->first = 0;
    q->bytes -= frame.len;
    return frame;
}

void queue_clear(struct queue *q)
{
    while (q->count > 0) free(queue_take(q).bytes);
}

void queue_free(struct queue *q)
{
    queue_clear(q);
    free(q->list);
    *q = (struct queue){0};
}

/* ---- seeds ----------------------------------------------------------------------------------- */

static const char *const bug_names[] = {"none", "gate", "drop", "sync"};

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

/* A run in which something never happens shows nothing about it. */
static int report(uint64_t seeds)
{
    const struct counts *c = &sim.counts;
    const struct {
        const char *name;
        uint64_t count;
    } all[] = {
        {"typed", c->typed},     {"deleted", c->deleted},     {"connects", c->connects},
        {"drops", c->drops},     {"crashes", c->crashes},     {"syncs", c->syncs},
        {"held", c->held},       {"resumed", c->resumed},     {"parts", c->parts},
        {"refused", c->refused}, {"evictions", c->evictions}, {"snapshots", c->snapshots},
        {"tabs", c->tabs},       {"states", c->states},       {"delivered", c->delivered},
    };
    int bad = 0;
    printf("sim: %llu seeds", (unsigned long long)seeds);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        printf(", %s %llu", all[i].name, (unsigned long long)all[i].count);
        if (all[i].count == 0 && seeds >= 100) bad = 1;
    }
    printf("\n");
    if (bad) fprintf(stderr, "sim: something in this list never happened\n");
    return bad;
}

static enum bug bug_of(const char *name)
{
    for (size_t i = 0; i < sizeof bug_names / sizeof *bug_names; i++) {
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
        fputs("usage: sim [--seeds N] [--from SEED] [--seed SEED] [--bug gate|drop|sync]\n",
              stderr);
        return 2;
    }
    const int signals[] = {SIGABRT, SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        (void)signal(signals[i], on_abort);
    for (uint64_t seed = first; seed < first + count; seed++) sim_play(&sim, seed, bug);
    return report(count);
}
