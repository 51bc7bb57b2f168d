/* presence.c - the awareness of clients, as y-protocols has it.
 *
 * Newer clocks win, a `null` about oneself is answered by a higher clock, and who was not heard of
 * for 30 s is removed. What became of a message is sent to the server once more, whoever it came
 * from; Hocuspocus' provider 4 alone keeps it to itself. */
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>

#define RENEW_MS   15000
#define TIMEOUT_MS 30000

uint32_t awareness_id(const struct client *c) { return c->number + SOCKETS * c->tab; }

static struct awareness *own_of(struct client *c) { return &c->presence[awareness_id(c)]; }

static bool echoes(const struct client *c)
{
    return c->socket->speech != HOCUSPOCUS_4 && c->socket->speech != HOCUSPOCUS_4_ID;
}

static void entry_put(struct yd_buf *out, const struct client *c, uint32_t who)
{
    char state[STATE_MAX] = "null";
    const struct awareness *a = &c->presence[who];
    if (a->state != 0) {
        snprintf(state, sizeof state,
                 "{\"n\":%u,\"user\":{\"id\":\"root\",\"name\":\"me\",\"color\":\"blue\"}}",
                 a->state);
    }
    SIM_OK(yd_buf_varuint(out, who + 1));
    SIM_OK(yd_buf_varuint(out, a->clock));
    SIM_OK(yd_buf_varbytes(out, (yd_slice){(const uint8_t *)state, strlen(state)}));
}

/* who: one bit for each client. */
static void announce(struct client *c, uint32_t who)
{
    uint32_t count = 0;
    struct yd_buf out = buf_new();
    for (uint32_t i = 0; i < IDS; i++) count += who >> i & 1;
    SIM_OK(yd_buf_varuint(&out, count));
    for (uint32_t i = 0; i < IDS; i++) {
        if ((who >> i & 1) != 0) entry_put(&out, c, i);
    }
    if (count > 0) client_says(c, 1, -1, yd_buf_slice(&out));
    yd_buf_deinit(&out);
}

void client_announces(struct client *c)
{
    if (own_of(c)->state != 0) announce(c, 1u << awareness_id(c));
}

static void own_state(struct client *c, uint32_t state)
{
    struct awareness *own = own_of(c);
    own->clock++;
    own->state = state;
    own->heard_ms = c->sim->now_ms;
    announce(c, 1u << awareness_id(c));
}

void client_moves(struct client *c)
{
    c->sim->counts[C_STATES]++;
    own_state(c, ++c->state);
}

void client_goes(struct client *c)
{
    if (own_of(c)->state != 0) own_state(c, 0);
}

uint32_t state_number(yd_slice text)
{
    char copy[STATE_MAX] = {0};
    unsigned n = 0;
    memcpy(copy, text.ptr, text.len < sizeof copy ? text.len : sizeof copy - 1);
    const char *at = strstr(copy, "\"n\":");
    return at != NULL && sscanf(at, "\"n\":%u", &n) == 1 ? n : 0;
}

/* One entry; true: it was news. */
static bool hears(struct client *c, uint64_t id, uint64_t clock, uint32_t state)
{
    SIM_RULE(c->sim, id >= 1 && id <= IDS, "presence of nobody");
    const struct client *who = &c->sim->sockets[(id - 1) % SOCKETS].docs[c->room];
    SIM_RULE(c->sim, state <= who->state, "R9: presence that nobody has announced");
    struct awareness *a = &c->presence[id - 1];
    bool newer = clock > a->clock || (clock == a->clock && state == 0 && a->state != 0);
    if (!newer) return false;
    if (id - 1 == awareness_id(c) && state == 0 && a->state != 0) {
        a->clock = clock + 1; // never let somebody else remove me
        a->heard_ms = c->sim->now_ms;
        return true;
    }
    bool was = a->state != 0;
    *a = (struct awareness){clock, c->sim->now_ms, state};
    return state != 0 || was;
}

void client_hears(struct client *c, yd_slice update)
{
    uint32_t changed = 0;
    struct yd_reader r = yd_reader_of(update);
    for (uint64_t left = yd_read_varuint(&r); left > 0; left--) {
        uint64_t id = yd_read_varuint(&r), clock = yd_read_varuint(&r);
        if (hears(c, id, clock, state_number(yd_read_varbytes(&r)))) changed |= 1u << (id - 1);
    }
    SIM_RULE(c->sim, !r.failed, "malformed presence");
    if (echoes(c)) announce(c, changed);
}

void client_time(struct client *c)
{
    uint32_t changed = 0;
    if (!c->attached) return;
    struct awareness *own = own_of(c);
    if (own->state != 0 && own->heard_ms + RENEW_MS <= c->sim->now_ms) own_state(c, own->state);
    for (uint32_t i = 0; i < IDS; i++) {
        struct awareness *a = &c->presence[i];
        if (i == awareness_id(c) || a->state == 0 || a->heard_ms + TIMEOUT_MS > c->sim->now_ms)
            continue;
        a->state = 0;
        changed |= 1u << i;
    }
    announce(c, changed);
}

/* y-websocket's client keeps that to itself: it is not connected. Hocuspocus' 2 and 3 say it when
 * they are again. */
void client_forgets(struct client *c)
{
    uint32_t changed = 0;
    for (uint32_t i = 0; i < IDS; i++) {
        if (i == awareness_id(c) || c->presence[i].state == 0) continue;
        c->presence[i].state = 0;
        changed |= 1u << i;
    }
    if (echoes(c)) announce(c, changed);
}
