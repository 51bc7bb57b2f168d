/* edit.c - what users do to their documents: insert, delete, set a key, as Yjs writes it. */
#include "sim/sim.h"

#include <string.h>

/* Text and keys of a client have authors of their own: no text stands behind a key. So has each of
 * its documents, as each tab has. */
#define AUTHORS ((uint32_t)2 * SOCKETS * TABS)

static uint32_t writer(const struct client *c) { return 2 * SOCKETS * c->tab + c->number; }
static uint32_t setter(const struct client *c) { return writer(c) + SOCKETS; }
static bool is_text(uint32_t author) { return author % (2 * SOCKETS) < SOCKETS; }

static void put(struct yd_buf *out, uint64_t value) { SIM_OK(yd_buf_varuint(out, value)); }

static void clocks_of(struct yd_doc *doc, uint64_t clocks[AUTHORS])
{
    struct yd_buf sv = buf_new();
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

static void shred_put(struct yd_buf *out, uint64_t own, uint64_t clock)
{
    const uint64_t head[] = {1, 1, own, clock};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) put(out, head[i]);
    SIM_OK(yd_buf_append(out, YD_LITERAL("\4\1\1t")));
    put(out, SHREDS);
    for (uint32_t i = 0; i < SHREDS; i++) SIM_OK(yd_buf_u8(out, '#'));
    const uint64_t deletes[] = {1, own, SHREDS / 2};
    for (size_t i = 0; i < sizeof deletes / sizeof *deletes; i++) put(out, deletes[i]);
    for (uint32_t i = 0; i < SHREDS; i += 2) {
        put(out, clock + i);
        put(out, 1);
    }
}

void client_shreds(struct client *c)
{
    uint64_t clocks[AUTHORS];
    struct yd_buf update = buf_new();
    if (c->has_shredded || !c->sim->shreds) return;
    c->has_shredded = true;
    c->sim->counts[C_SHREDS]++;
    clocks_of(c->doc, clocks);
    shred_put(&update, writer(c) + 1, clocks[writer(c)]);
    SIM_OK(yd_doc_apply(c->doc, yd_buf_slice(&update), YD_V1, NULL));
    client_changed(c, yd_buf_slice(&update));
    yd_buf_deinit(&update);
}

void client_types(struct client *c)
{
    struct rng *rng = &c->sim->rng;
    uint64_t clocks[AUTHORS];
    clocks_of(c->doc, clocks);
    struct yd_buf update = buf_new();
    uint32_t any = author_draw(rng, clocks, false), text = author_draw(rng, clocks, true);
    if (any < AUTHORS && rng_one_in(rng, 4)) {
        delete_put(rng, &update, any + 1, clocks[any]);
        c->sim->counts[C_DELETED]++;
    } else if (rng_one_in(rng, 5)) {
        set_put(c, &update, clocks[setter(c)]);
        c->sim->counts[C_TYPED]++;
    } else {
        uint64_t behind = text < AUTHORS ? clocks[text] : 0;
        insert_put(rng, &update, writer(c) + 1, clocks[writer(c)], text + 1, behind);
        c->sim->counts[C_TYPED]++;
    }
    struct yd_applied applied;
    SIM_OK(yd_doc_apply(c->doc, yd_buf_slice(&update), YD_V1, &applied));
    // Yjs says nothing of what changes nothing.
    if (applied.changed || applied.parked) client_changed(c, yd_buf_slice(&update));
    yd_buf_deinit(&update);
}
