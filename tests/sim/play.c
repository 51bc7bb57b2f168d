/* play.c - draws what happens next, faults included; then heals everything and compares. */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ydoc/parts.h"

#define STEPS_MAX  500
#define HEAL_TURNS 400 /* of 250 ms */

enum action {
    ACT_TYPE,
    ACT_MOVE,
    ACT_CONNECT,
    ACT_DROP,
    ACT_UP,
    ACT_DOWN,
    ACT_TAB,
    ACT_STALL, /* a client stops reading, or goes on */
    ACT_TURN,
    ACT_SYNC,
    ACT_TIME,
    ACT_COMPACT,
    ACT_EVICT,
    ACT_CRASH,
    ACT_REFUSE, /* memory */
    ACTIONS
};

static const uint32_t most[ACTIONS] = {
    [ACT_TYPE] = 30, [ACT_MOVE] = 15,   [ACT_CONNECT] = 8, [ACT_DROP] = 4,  [ACT_UP] = 40,
    [ACT_DOWN] = 40, [ACT_STALL] = 3,   [ACT_TAB] = 6,     [ACT_TURN] = 40, [ACT_SYNC] = 20,
    [ACT_TIME] = 10, [ACT_COMPACT] = 2, [ACT_EVICT] = 2,   [ACT_CRASH] = 2, [ACT_REFUSE] = 2};

/* ---- comparing ------------------------------------------------------------------------------- */

static struct yd_buf picture(struct yd_doc *doc)
{
    struct yd_buf out;
    yd_buf_init(&out, sim_alloc(), SIZE_MAX / 2);
    SIM_OK(yd_doc_snapshot(doc, &out));
    SIM_OK(yd_doc_json(doc, YD_ROOT_TEXT, YD_LITERAL("t"), YD_JSON_PLAIN, &out));
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const uint8_t name = (uint8_t)('A' + i);
        SIM_OK(yd_doc_json(doc, YD_ROOT_MAP, (yd_slice){&name, 1}, YD_JSON_PLAIN, &out));
    }
    return out;
}

static bool same(struct yd_doc *a, struct yd_doc *b)
{
    struct yd_buf x = picture(a), y = picture(b);
    bool equal = yd_slice_equal(yd_buf_slice(&x), yd_buf_slice(&y));
    yd_buf_deinit(&x);
    yd_buf_deinit(&y);
    return equal;
}

/* Whether b has everything of a: then a's state changes nothing there. */
static bool has_all_of(struct yd_doc *b, struct yd_doc *a)
{
    struct yd_buf state;
    struct yd_applied applied;
    yd_buf_init(&state, sim_alloc(), SIZE_MAX / 2);
    SIM_OK(yd_doc_encode_state(a, YD_EMPTY, YD_V1, &state));
    SIM_OK(yd_doc_apply(b, yd_buf_slice(&state), YD_V1, &applied));
    yd_buf_deinit(&state);
    return !applied.changed;
}

/* What any client was ever shown must still be there. */
static void seen_is_stored(struct sim *sim)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct room *copy = host_reload(&sim->host);
        struct yd_pending waits = yd_doc_pending(sim->clients[i].seen);
        bool kept = has_all_of(room_doc(copy), sim->clients[i].seen);
        SIM_RULE(sim, kept || waits.structs || waits.deletes,
                 "H12: what was shown to a client is gone after a crash");
        room_free(copy);
    }
}

/* ---- what happens ---------------------------------------------------------------------------- */

static void deliver_up(struct sim *sim, struct client *c)
{
    if (!c->connected || c->up.count == 0) return;
    struct frame frame = queue_take(&c->up);
    host_takes(&sim->host, c->number, (yd_slice){frame.bytes, frame.len});
    free(frame.bytes);
}

static void deliver_down(struct client *c)
{
    if (!c->connected || !c->reads || c->down.count == 0) return;
    struct frame frame = queue_take(&c->down);
    client_takes(c, (yd_slice){frame.bytes, frame.len});
    free(frame.bytes);
}

static void time_passes(struct sim *sim, uint64_t ms)
{
    sim->now_ms += ms;
    for (uint32_t i = 0; i < CLIENTS; i++) client_time(&sim->clients[i]);
}

static void connection(struct sim *sim, struct client *c, bool wanted)
{
    if (c->connected == wanted) return;
    if (wanted) {
        host_connect(&sim->host, c->number);
    } else {
        sim->counts.drops++;
        host_disconnect(&sim->host, c->number);
    }
}

static void crash(struct sim *sim)
{
    host_crash(&sim->host);
    seen_is_stored(sim);
}

static void act(struct sim *sim, enum action action)
{
    struct rng *rng = &sim->rng;
    struct client *c = &sim->clients[rng_below(rng, CLIENTS)];
    struct host *h = &sim->host;
    switch (action) {
    case ACT_TYPE: client_types(c); break;
    case ACT_MOVE: client_moves(c); break;
    case ACT_CONNECT: connection(sim, c, true); break;
    case ACT_DROP: connection(sim, c, false); break;
    case ACT_UP: deliver_up(sim, c); break;
    case ACT_DOWN: deliver_down(c); break;
    case ACT_TAB: client_new_tab(c); break;
    case ACT_STALL: c->reads = !c->reads; break;
    case ACT_TURN: host_turn(h); break;
    case ACT_SYNC: host_sync(h, 1 + rng_below(rng, 20)); break;
    case ACT_TIME: time_passes(sim, 1 + rng_below(rng, rng_one_in(rng, 5) ? 20000 : 600)); break;
    case ACT_COMPACT: host_event(h, (struct room_event){.kind = ROOM_EV_COMPACT}); break;
    case ACT_EVICT: host_evict(h); break;
    case ACT_CRASH: crash(sim); break;
    case ACT_REFUSE:
        h->requests = 0;
        h->refuse_at = h->room == NULL ? 0 : 1 + rng_below(rng, 30);
        break;
    case ACTIONS: break;
    }
}

/* Each run has its own mixture; some things never happen in it. */
static uint32_t weights_draw(struct rng *rng, uint32_t weights[ACTIONS])
{
    uint32_t sum = 0;
    for (int i = 0; i < ACTIONS; i++) {
        weights[i] = rng_one_in(rng, 4) ? 0 : 1 + rng_below(rng, most[i]);
        sum += weights[i];
    }
    return sum;
}

static enum action action_draw(struct rng *rng, const uint32_t weights[ACTIONS], uint32_t sum)
{
    uint32_t at = rng_below(rng, sum);
    int i = 0;
    while (at >= weights[i]) at -= weights[i++];
    return (enum action)i;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void healthy_turn(struct sim *sim)
{
    sim->host.refuse_at = 0;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct client *c = &sim->clients[i];
        connection(sim, c, true);
        c->reads = true;
        while (c->connected && c->up.count > 0) deliver_up(sim, c);
        while (c->connected && c->down.count > 0) deliver_down(c);
    }
    host_turn(&sim->host);
    host_sync(&sim->host, SIZE_MAX / 2);
    time_passes(sim, 250);
}

static bool is_quiet(const struct sim *sim)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct client *c = &sim->clients[i];
        const struct member *m = &sim->host.members[i];
        if (m->is_held || m->waiting.count + c->up.count + c->down.count > 0) return false;
    }
    return true;
}

static void heal(struct sim *sim)
{
    for (int turn = 0; turn < HEAL_TURNS; turn++) healthy_turn(sim);
    // Renewed presence may be on its way at that moment.
    for (int turn = 0; turn < HEAL_TURNS && !is_quiet(sim); turn++) healthy_turn(sim);
    SIM_RULE(sim, is_quiet(sim), "R53: who reads is caught up");
}

static void presence_is_right(const struct sim *sim, const struct client *c)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct awareness *own = &sim->clients[i].presence[i];
        SIM_RULE(sim, c->presence[i].state == own->state,
                 "R9: everybody sees everybody's newest state");
    }
}

static void everybody_is_the_same(struct sim *sim)
{
    struct room *copy = host_reload(&sim->host);
    struct yd_doc *doc = room_doc(sim->host.room);
    SIM_RULE(sim, same(doc, room_doc(copy)), "S1: the store gives back what the room holds");
    room_free(copy);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct client *c = &sim->clients[i];
        SIM_RULE(sim, same(c->doc, doc), "R53: everybody has the same document in the end");
        presence_is_right(sim, c);
    }
}

void sim_play(struct sim *sim, uint64_t seed, enum bug bug)
{
    uint32_t weights[ACTIONS];
    struct counts counts = sim->counts;
    *sim = (struct sim){.seed = seed, .bug = bug, .now_ms = 1000, .counts = counts};
    sim->rng.state = seed * 0x9E3779B97F4A7C15ull + 1;
    host_init(&sim->host, sim);
    for (uint32_t i = 0; i < CLIENTS; i++) client_init(&sim->clients[i], sim, i);

    uint32_t sum = weights_draw(&sim->rng, weights);
    uint32_t steps = 50 + rng_below(&sim->rng, STEPS_MAX);
    for (uint32_t i = 0; i < steps && sum > 0; i++) act(sim, action_draw(&sim->rng, weights, sum));
    heal(sim);
    everybody_is_the_same(sim);
    crash(sim);

    host_deinit(&sim->host);
    for (uint32_t i = 0; i < CLIENTS; i++) client_deinit(&sim->clients[i]);
}
