/* play.c - draws what happens next, faults included; then heals everything. */
#include "sim/sim.h"

#define STEPS_MAX  4000
#define HEAL_TURNS 300 /* of 250 ms */
/* Sooner than a client hides by itself who says nothing. A room that has slept may take for news
 * what a client says late about somebody who has gone, until it asks that one (R13). */
#define GHOST_TURNS      40
#define GHOST_TURNS_EDGE 100

enum action {
    ACT_TYPE,
    ACT_MOVE,
    ACT_CONNECT,
    ACT_DROP,
    ACT_LOSE,   /* a link dies unnoticed */
    ACT_NOTICE, /* ... and is noticed */
    ACT_UP,
    ACT_DOWN,
    ACT_TAB,
    ACT_STALL, /* a client stops reading, or goes on */
    ACT_TURN,
    ACT_SYNC,
    ACT_TIME,
    ACT_COMPACT,
    ACT_EVICT,
    ACT_SLEEP,
    ACT_CRASH,
    ACT_REFUSE, /* memory */
    ACT_LOOK,   /* at what a crash would leave */
    ACT_DECIDE, /* who has asked for a document is let in, or turned away */
    ACT_SHUT,   /* a document is given back */
    ACT_OPEN,
    ACT_TOKEN,
    ACT_RIGHT,
    ACT_FORCE, /* sync once more */
    ACT_STATELESS,
    ACT_IMPOSTOR,
    ACT_STORE_FAILS,
    ACT_SHRED,
    ACT_DELETE, /* a room */
    ACT_UNDELETE,
    ACTIONS
};

static const uint32_t most[ACTIONS] = {
    [ACT_TYPE] = 40,   [ACT_MOVE] = 15,    [ACT_CONNECT] = 10,    [ACT_DROP] = 4,  [ACT_UP] = 60,
    [ACT_DOWN] = 60,   [ACT_STALL] = 3,    [ACT_TAB] = 6,         [ACT_TURN] = 50, [ACT_SYNC] = 25,
    [ACT_TIME] = 10,   [ACT_COMPACT] = 2,  [ACT_EVICT] = 2,       [ACT_CRASH] = 2, [ACT_REFUSE] = 2,
    [ACT_DECIDE] = 8,  [ACT_SHUT] = 2,     [ACT_OPEN] = 8,        [ACT_TOKEN] = 3, [ACT_RIGHT] = 3,
    [ACT_LOOK] = 8,    [ACT_FORCE] = 2,    [ACT_STATELESS] = 4,   [ACT_LOSE] = 3,  [ACT_NOTICE] = 3,
    [ACT_SLEEP] = 6,   [ACT_IMPOSTOR] = 3, [ACT_STORE_FAILS] = 2, [ACT_SHRED] = 1, [ACT_DELETE] = 2,
    [ACT_UNDELETE] = 6};

/* ---- what happens ---------------------------------------------------------------------------- */

static void deliver_up(struct sim *sim, struct socket *s)
{
    if (!s->connected || s->up.count == 0) return;
    struct frame frame = queue_take(&s->up);
    host_takes(&sim->host, s->number, (yd_slice){frame.bytes, frame.len});
    frame_free(&frame);
}

static void deliver_down(struct socket *s)
{
    if (!s->connected || !s->reads || s->down.count == 0) return;
    struct frame frame = queue_take(&s->down);
    socket_takes(s, &frame);
    frame_free(&frame);
}

static void time_passes(struct sim *sim, uint64_t ms)
{
    sim->now_ms += ms;
    for (uint32_t i = 0; i < SOCKETS; i++) {
        for (uint32_t room = 0; room < ROOMS; room++) client_time(&sim->sockets[i].docs[room]);
    }
}

static void connection(struct sim *sim, struct socket *s, bool wanted)
{
    if (s->connected == wanted) return;
    if (wanted) {
        host_connect(&sim->host, s->number);
    } else {
        sim->counts[C_DROPS]++;
        host_disconnect(&sim->host, s->number);
    }
}

/* Nothing happens for long. */
static void rest(struct sim *sim, uint32_t room)
{
    if (!sim->host.is_edge) return;
    for (int i = 0; i < 10; i++) {
        time_passes(sim, 1000);
        host_sync(&sim->host, SIZE_MAX / 2);
        host_turn(&sim->host);
    }
    host_sleeps(&sim->host, room);
}

static void crash(struct sim *sim)
{
    host_crash(&sim->host);
    judge_disk(sim);
}

static void token(struct sim *sim, struct client *c)
{
    if (speaks_yws(c->socket) || c->socket->speech == HOCUSPOCUS_2) return;
    if (rng_one_in(&sim->rng, 2)) {
        client_token(c);
    } else {
        host_asks_token(&sim->host, c->number, c->room);
    }
}

/* A document of a socket, one that it uses. */
static struct client *client_draw(struct sim *sim)
{
    struct socket *s = &sim->sockets[rng_below(&sim->rng, SOCKETS)];
    uint32_t room = rng_below(&sim->rng, ROOMS);
    return s->uses[room] ? &s->docs[room] : &s->docs[(room + 1) % ROOMS];
}

static void act_of_host(struct sim *sim, enum action action, const struct client *c)
{
    struct rng *rng = &sim->rng;
    struct host *h = &sim->host;
    switch (action) {
    case ACT_TURN: host_turn(h); break;
    case ACT_SYNC: host_sync(h, 1 + rng_below(rng, 20)); break;
    case ACT_TIME: time_passes(sim, 1 + rng_below(rng, rng_one_in(rng, 5) ? 20000 : 600)); break;
    case ACT_COMPACT: host_event(h, c->room, (struct room_event){.kind = ROOM_EV_COMPACT}); break;
    case ACT_EVICT: host_evict(h, c->room); break;
    case ACT_SLEEP: rest(sim, c->room); break;
    case ACT_DELETE:
        if (sim->deletes) host_deletes(h, c->room, rng_one_in(rng, 8));
        break;
    case ACT_UNDELETE: host_undeletes(h, c->room); break;
    case ACT_STORE_FAILS: host_store_fails(h, c->room); break;
    case ACT_IMPOSTOR: host_impostor(h, c->number, c->room); break;
    case ACT_CRASH: crash(sim); break;
    case ACT_LOOK: judge_disk(sim); break;
    case ACT_REFUSE:
        h->requests = 0;
        h->refuse_at = h->slots[c->room].room == NULL ? 0 : 1 + rng_below(rng, 30);
        break;
    case ACT_DECIDE: host_decides(h, c->number, rng_one_in(rng, 6)); break;
    case ACT_RIGHT:
        host_right(h, c->number, c->room, rng_one_in(rng, 2) ? ROOM_READ : ROOM_WRITE);
        break;
    default: sim_fail(sim, "an action of nobody");
    }
}

static void act(struct sim *sim, enum action action)
{
    struct client *c = client_draw(sim);
    switch (action) {
    case ACT_TYPE: client_types(c); break;
    case ACT_SHRED: client_shreds(c); break;
    case ACT_MOVE:
        if (c->attached) client_moves(c);
        break;
    case ACT_CONNECT: connection(sim, c->socket, true); break;
    case ACT_DROP: connection(sim, c->socket, false); break;
    case ACT_LOSE: host_loses(&sim->host, c->number); break;
    case ACT_NOTICE: host_notices(&sim->host, c->number); break;
    case ACT_UP:
        for (uint32_t n = 1 + rng_below(&sim->rng, 4); n > 0; n--) deliver_up(sim, c->socket);
        break;
    case ACT_DOWN:
        for (uint32_t n = 1 + rng_below(&sim->rng, 4); n > 0; n--) deliver_down(c->socket);
        break;
    case ACT_TAB: client_new_tab(c); break;
    case ACT_STALL: c->socket->reads = !c->socket->reads; break;
    case ACT_SHUT: client_detach(c); break;
    case ACT_OPEN:
        if (c->was_ended) client_detach(c);
        client_attach(c);
        break;
    case ACT_TOKEN: token(sim, c); break;
    case ACT_FORCE: client_force_sync(c); break;
    case ACT_STATELESS: client_stateless(c); break;
    default: act_of_host(sim, action, c); break;
    }
}

/* Each run has its own mixture; some things never happen in it. */
static uint32_t weights_draw(struct sim *sim, uint32_t weights[ACTIONS])
{
    struct rng *rng = &sim->rng;
    uint32_t sum = 0;
    for (int i = 0; i < ACTIONS; i++) {
        bool forgets = i == ACT_CRASH || i == ACT_EVICT || i == ACT_REFUSE || i == ACT_STORE_FAILS;
        bool never = rng_one_in(rng, 4) || (forgets && sim->forgets_nothing);
        weights[i] = never ? 0 : 1 + rng_below(rng, most[i]);
        sum += weights[i];
    }
    // Otherwise nobody of Hocuspocus is ever in.
    if (weights[ACT_DECIDE] == 0) sum += weights[ACT_DECIDE] = 1;
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

/* One that was let go begins anew. */
static void asks_again(struct client *c)
{
    if (room_is_gone(&c->sim->host, c->room)) return;
    if (c->was_ended) {
        client_detach(c);
        client_attach(c);
    } else {
        client_token(c);
    }
}

/* That of a y-websocket client whose room is erased never is. */
static bool may_connect(struct sim *sim, const struct socket *s)
{
    return !speaks_yws(s) || !room_is_gone(&sim->host, s->uses[0] ? 0 : 1);
}

static void healthy_socket(struct sim *sim, struct socket *s)
{
    host_notices(&sim->host, s->number);
    if (may_connect(sim, s)) connection(sim, s, true);
    s->reads = true;
    for (uint32_t room = 0; room < ROOMS; room++) {
        struct client *c = &s->docs[room];
        if (!s->uses[room]) continue;
        client_attach(c);
        if (c->was_refused) asks_again(c);
    }
    while (s->connected && s->up.count > 0) deliver_up(sim, s);
    host_decides(&sim->host, s->number, false);
    while (s->connected && s->down.count > 0) deliver_down(s);
}

static void healthy_turn(struct sim *sim)
{
    sim->host.refuse_at = 0;
    for (uint32_t i = 0; i < SOCKETS; i++) healthy_socket(sim, &sim->sockets[i]);
    host_turn(&sim->host);
    host_sync(&sim->host, SIZE_MAX / 2);
    time_passes(sim, 250);
}

static bool is_quiet(const struct sim *sim)
{
    for (uint32_t i = 0; i < SOCKETS; i++) {
        const struct socket *s = &sim->sockets[i];
        const struct conn *conn = &sim->host.conns[s->conn];
        if (conn->waiting.count + s->up.count + s->down.count + s->offline.count > 0) return false;
        for (uint32_t n = 0; n < ROOMS; n++) {
            const struct seat *seat = &conn->seats[n];
            if (seat->state == SEAT_REFUSED) continue;
            if (seat->is_held || seat->kept.count > 0) return false;
        }
    }
    return true;
}

static void heal(struct sim *sim)
{
    for (uint32_t i = 0; i < ROOMS; i++) host_undeletes(&sim->host, i);
    for (int turn = 0; turn < HEAL_TURNS; turn++) {
        healthy_turn(sim);
        int turns = sim->host.is_edge ? GHOST_TURNS_EDGE : GHOST_TURNS;
        if (turn == turns) judge_ghosts(sim);
    }
    // Renewed presence may be on its way at that moment.
    for (int turn = 0; turn < HEAL_TURNS && !is_quiet(sim); turn++) healthy_turn(sim);
    SIM_RULE(sim, is_quiet(sim), "R53: who reads is caught up");
    judge_end(sim);
}

/* Who was a reader may write now: what was refused is welcome. */
static void all_may_write(struct sim *sim)
{
    for (uint32_t i = 0; i < SOCKETS; i++) {
        for (uint32_t room = 0; room < ROOMS; room++) host_right(&sim->host, i, room, ROOM_WRITE);
    }
}

/* ---- the beginning --------------------------------------------------------------------------- */

static void socket_init(struct sim *sim, uint32_t number, bool mixed)
{
    struct rng *rng = &sim->rng;
    struct socket *s = &sim->sockets[number];
    *s = (struct socket){.sim = sim, .number = number, .reads = true};
    s->speech = mixed ? (enum speech)rng_below(rng, SPEECHES) : YWS;
    uint32_t one = mixed ? rng_below(rng, ROOMS) : 0;
    for (uint32_t room = 0; room < ROOMS; room++) {
        s->uses[room] = !speaks_yws(s) || room == one;
        client_init(&s->docs[room], s, room);
    }
}

static void socket_deinit(struct socket *s)
{
    for (uint32_t room = 0; room < ROOMS; room++) client_deinit(&s->docs[room]);
    queue_free(&s->up);
    queue_free(&s->down);
    queue_free(&s->offline);
}

static void world_draw(struct sim *sim)
{
    struct rng *rng = &sim->rng;
    bool mixed = !rng_one_in(rng, 6), readers = rng_one_in(rng, 2);
    host_init(&sim->host, sim);
    sim->forgets_nothing = rng_one_in(rng, 6);
    sim->shreds = rng_one_in(rng, 16);
    sim->deletes = rng_one_in(rng, 4) && !sim->forgets_nothing;
    sim->host.has_users = rng_one_in(rng, 2);
    bool sleeps = rng_one_in(rng, 3) || sim->bug == BUG_WAKE; // a bug of those that do
    sim->host.is_edge = sleeps && !sim->forgets_nothing;
    sim->host.states_per_s = rng_one_in(rng, 2) ? 1 + rng_below(rng, 3) : 60;
    for (uint32_t i = 0; i < SOCKETS; i++) {
        socket_init(sim, i, mixed);
        for (uint32_t room = 0; room < ROOMS; room++) {
            bool reads = readers && rng_one_in(rng, 3);
            sim->host.rights[i][room] = reads ? ROOM_READ : ROOM_WRITE;
        }
    }
}

void sim_play(struct sim *sim, uint64_t seed, enum bug bug)
{
    uint32_t weights[ACTIONS];
    uint64_t counts[COUNTS];
    for (int i = 0; i < COUNTS; i++) counts[i] = sim->counts[i];
    *sim = (struct sim){.seed = seed, .bug = bug, .now_ms = 1000};
    for (int i = 0; i < COUNTS; i++) sim->counts[i] = counts[i];
    sim->rng.state = seed * 0x9E3779B97F4A7C15ull + 1;
    world_draw(sim);

    uint32_t sum = weights_draw(sim, weights);
    uint32_t steps = 50 + rng_below(&sim->rng, STEPS_MAX);
    for (uint32_t i = 0; i < steps; i++) act(sim, action_draw(&sim->rng, weights, sum));
    heal(sim);
    if (rng_one_in(&sim->rng, 4)) {
        all_may_write(sim);
        heal(sim);
    }
    crash(sim);

    host_deinit(&sim->host);
    for (uint32_t i = 0; i < SOCKETS; i++) socket_deinit(&sim->sockets[i]);
}
