/* client.c - what stock clients do: sync, type, announce themselves, pass on what they hear.
 *
 * Their presence is that of y-protocols: newer clocks win, a `null` about oneself is answered by a
 * higher clock, who was not heard of for 30 s is removed, and every change is sent to the server,
 * whoever it came from. */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RENEW_MS   15000
#define TIMEOUT_MS 30000
/* Text and keys of a client have authors of their own: no text stands behind a key. So has each of
 * its documents, as each tab has. */
#define AUTHORS ((uint32_t)2 * CLIENTS * TABS)

static uint32_t writer(const struct client *c) { return 2 * CLIENTS * c->tab + c->number; }
static uint32_t setter(const struct client *c) { return writer(c) + CLIENTS; }
static bool is_text(uint32_t author) { return author % (2 * CLIENTS) < CLIENTS; }

static struct yd_buf buf(void)
{
    struct yd_buf b;
    yd_buf_init(&b, sim_alloc(), SIZE_MAX / 2);
    return b;
}

static void put(struct yd_buf *out, uint64_t value) { SIM_OK(yd_buf_varuint(out, value)); }

static void say(struct client *c, uint8_t type, int step, yd_slice payload)
{
    uint8_t head[16] = {type};
    size_t len = 1;
    if (!c->connected) return;
    if (step >= 0) head[len++] = (uint8_t)step;
    len += yd_varuint_put(head + len, payload.len);
    queue_put(&c->up, (yd_slice){head, len}, payload, 0);
}

/* ---- presence -------------------------------------------------------------------------------- */

static void entry_put(struct yd_buf *out, const struct client *c, uint32_t who)
{
    char state[24] = "null";
    const struct awareness *a = &c->presence[who];
    if (a->state != 0) snprintf(state, sizeof state, "{\"n\":%u}", a->state);
    put(out, who + 1);
    put(out, a->clock);
    SIM_OK(yd_buf_varbytes(out, (yd_slice){(const uint8_t *)state, strlen(state)}));
}

/* who: one bit for each client. */
static void announce(struct client *c, uint32_t who)
{
    uint32_t count = 0;
    struct yd_buf out = buf();
    for (uint32_t i = 0; i < CLIENTS; i++) count += who >> i & 1;
    put(&out, count);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if ((who >> i & 1) != 0) entry_put(&out, c, i);
    }
    if (count > 0) say(c, 1, -1, yd_buf_slice(&out));
    yd_buf_deinit(&out);
}

static void own_state(struct client *c, uint32_t state)
{
    struct awareness *own = &c->presence[c->number];
    own->clock++;
    own->state = state;
    own->heard_ms = c->sim->now_ms;
    announce(c, 1u << c->number);
}

void client_moves(struct client *c)
{
    c->sim->counts.states++;
    own_state(c, ++c->state);
}

static uint32_t state_number(yd_slice text)
{
    char copy[32] = {0};
    unsigned n = 0;
    memcpy(copy, text.ptr, text.len < sizeof copy ? text.len : sizeof copy - 1);
    return sscanf(copy, "{\"n\":%u}", &n) == 1 ? n : 0;
}

/* One entry; true: it was news. */
static bool hears(struct client *c, uint64_t id, uint64_t clock, uint32_t state)
{
    SIM_RULE(c->sim, id >= 1 && id <= CLIENTS, "presence of nobody");
    struct awareness *a = &c->presence[id - 1];
    bool newer = clock > a->clock || (clock == a->clock && state == 0 && a->state != 0);
    if (!newer) return false;
    if (id - 1 == c->number && state == 0 && a->state != 0) {
        a->clock = clock + 1; // never let somebody else remove me
        a->heard_ms = c->sim->now_ms;
        return true;
    }
    bool was = a->state != 0;
    *a = (struct awareness){clock, c->sim->now_ms, state};
    return state != 0 || was;
}

static void takes_presence(struct client *c, yd_slice update)
{
    uint32_t changed = 0;
    struct yd_reader r = yd_reader_of(update);
    for (uint64_t left = yd_read_varuint(&r); left > 0; left--) {
        uint64_t id = yd_read_varuint(&r), clock = yd_read_varuint(&r);
        if (hears(c, id, clock, state_number(yd_read_varbytes(&r)))) changed |= 1u << (id - 1);
    }
    SIM_RULE(c->sim, !r.failed, "malformed presence");
    announce(c, changed);
}

void client_time(struct client *c)
{
    uint32_t changed = 0;
    struct awareness *own = &c->presence[c->number];
    if (own->state != 0 && own->heard_ms + RENEW_MS <= c->sim->now_ms) own_state(c, own->state);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct awareness *a = &c->presence[i];
        if (i == c->number || a->state == 0 || a->heard_ms + TIMEOUT_MS > c->sim->now_ms) continue;
        a->state = 0;
        changed |= 1u << i;
    }
    announce(c, changed);
}

/* ---- documents ------------------------------------------------------------------------------- */

static void clocks_of(struct yd_doc *doc, uint64_t clocks[AUTHORS])
{
    struct yd_buf sv = buf();
    memset(clocks, 0, AUTHORS * sizeof *clocks);
    SIM_OK(yd_doc_state_vector(doc, &sv));
    struct yd_reader r = yd_reader_of(yd_buf_slice(&sv));
    for (uint64_t left = yd_read_varuint(&r); left > 0; left--) {
        uint64_t id = yd_read_varuint(&r);
        clocks[id - 1] = yd_read_varuint(&r);
    }
    yd_buf_deinit(&sv);
}

static void delete_put(struct rng *rng, struct yd_buf *out, uint64_t author, uint64_t clocks)
{
    uint64_t from = rng_below(rng, (uint32_t)clocks);
    uint64_t len = 1 + rng_below(rng, 3);
    const uint64_t update[] = {0, 1, author, 1, from, from + len > clocks ? 1 : len};
    for (size_t i = 0; i < sizeof update / sizeof *update; i++) put(out, update[i]);
}

static void insert_put(struct rng *rng, struct yd_buf *out, uint64_t own, uint64_t clock,
                       uint64_t author, uint64_t clocks)
{
    const uint64_t head[] = {1, 1, own, clock};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) put(out, head[i]);
    uint32_t len = 1 + rng_below(rng, rng_one_in(rng, 8) ? 150 : 6);
    if (clocks > 0 && !rng_one_in(rng, 6)) {
        SIM_OK(yd_buf_u8(out, 0x84));
        put(out, author);
        put(out, rng_below(rng, (uint32_t)clocks));
    } else {
        SIM_OK(yd_buf_append(out, YD_LITERAL("\4\1\1t")));
    }
    put(out, len);
    for (uint32_t i = 0; i < len; i++) put(out, 'a' + rng_below(rng, 26));
    put(out, 0);
}

/* The key of its own map, "A" and so on: as Yjs does it, behind what it has set before. */
static void set_put(struct client *c, struct yd_buf *out, uint64_t clock)
{
    const uint64_t head[] = {1, 1, setter(c) + 1, clock};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) put(out, head[i]);
    if (c->has_set) {
        SIM_OK(yd_buf_u8(out, 0x88));
        put(out, setter(c) + 1);
        put(out, c->set_clock);
    } else {
        SIM_OK(yd_buf_append(out, YD_LITERAL("\x28\1\1")));
        SIM_OK(yd_buf_u8(out, (uint8_t)('A' + c->number)));
        SIM_OK(yd_buf_append(out, YD_LITERAL("\1k")));
    }
    SIM_OK(yd_buf_append(out, YD_LITERAL("\1\x7d\1")));
    put(out, 0);
    c->has_set = true;
    c->set_clock = clock;
}

/* Somebody who has written anything, from a random place on; AUTHORS: nobody has. */
static uint32_t author_draw(struct rng *rng, const uint64_t clocks[AUTHORS], bool text_only)
{
    uint32_t from = rng_below(rng, AUTHORS);
    for (uint32_t n = 0; n < AUTHORS; n++) {
        uint32_t author = (from + n) % AUTHORS;
        if (clocks[author] > 0 && (is_text(author) || !text_only)) return author;
    }
    return AUTHORS;
}

void client_types(struct client *c)
{
    struct rng *rng = &c->sim->rng;
    uint64_t clocks[AUTHORS];
    clocks_of(c->doc, clocks);
    struct yd_buf update = buf();
    uint32_t any = author_draw(rng, clocks, false), text = author_draw(rng, clocks, true);
    if (any < AUTHORS && rng_one_in(rng, 4)) {
        delete_put(rng, &update, any + 1, clocks[any]);
        c->sim->counts.deleted++;
    } else if (rng_one_in(rng, 5)) {
        set_put(c, &update, clocks[setter(c)]);
        c->sim->counts.typed++;
    } else {
        uint64_t behind = text < AUTHORS ? clocks[text] : 0;
        insert_put(rng, &update, writer(c) + 1, clocks[writer(c)], text + 1, behind);
        c->sim->counts.typed++;
    }
    SIM_OK(yd_doc_apply(c->doc, yd_buf_slice(&update), YD_V1, NULL));
    say(c, 0, ROOM_MSG_UPDATE, yd_buf_slice(&update));
    yd_buf_deinit(&update);
}

/* Another tab of the same user: it has nothing, and what it did not send is lost with the old one.
 */
void client_new_tab(struct client *c)
{
    if (c->connected || c->tab + 1 == TABS) return;
    yd_doc_free(c->doc);
    SIM_OK(yd_doc_new(sim_alloc(), NULL, &c->doc));
    c->tab++;
    c->has_set = false;
    c->sim->counts.tabs++;
}

static void takes_sync(struct client *c, uint64_t step, yd_slice bytes)
{
    if (step == 0) {
        struct yd_buf state = buf();
        SIM_OK(yd_doc_encode_state(c->doc, bytes, YD_V1, &state));
        say(c, 0, 1, yd_buf_slice(&state));
        yd_buf_deinit(&state);
        return;
    }
    yd_err err = yd_doc_apply(c->doc, bytes, YD_V1, NULL);
    SIM_RULE(c->sim, err == YD_OK, "an update that no client can read");
    SIM_OK(yd_doc_apply(c->seen, bytes, YD_V1, NULL));
}

void client_takes(struct client *c, yd_slice frame)
{
    struct yd_reader r = yd_reader_of(frame);
    uint64_t type = yd_read_varuint(&r);
    c->sim->counts.delivered++;
    if (type == 0) {
        uint64_t step = yd_read_varuint(&r);
        takes_sync(c, step, yd_read_varbytes(&r));
    } else if (type == 1) {
        takes_presence(c, yd_read_varbytes(&r));
    }
    SIM_RULE(c->sim, !r.failed && r.at == r.end, "a frame that no client can read");
}

/* ---- life ------------------------------------------------------------------------------------ */

void client_init(struct client *c, struct sim *sim, uint32_t number)
{
    *c = (struct client){.sim = sim, .number = number, .reads = true};
    SIM_OK(yd_doc_new(sim_alloc(), NULL, &c->doc));
    SIM_OK(yd_doc_new(sim_alloc(), NULL, &c->seen));
}

void client_deinit(struct client *c)
{
    yd_doc_free(c->doc);
    yd_doc_free(c->seen);
    queue_free(&c->up);
    queue_free(&c->down);
}

void client_connected(struct client *c)
{
    struct yd_buf sv = buf();
    c->connected = c->reads = true;
    SIM_OK(yd_doc_state_vector(c->doc, &sv));
    say(c, 0, 0, yd_buf_slice(&sv));
    if (c->presence[c->number].state != 0) announce(c, 1u << c->number);
    yd_buf_deinit(&sv);
}

/* y-websocket's client removes the others then, and keeps that to itself: it is not connected. */
void client_lost(struct client *c)
{
    c->connected = false;
    queue_clear(&c->up);
    queue_clear(&c->down);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (i != c->number) c->presence[i].state = 0;
    }
}
