/* judge.c - what must hold, whatever happens: nothing is gone that was shown or said to be saved,
 * nothing is there that nobody was allowed to write, and in the end all are the same. */
#include "sim/sim.h"

#include <string.h>

static struct yd_buf picture(struct yd_doc *doc)
{
    struct yd_buf out = buf_new();
    SIM_OK(yd_doc_snapshot(doc, &out));
    SIM_OK(yd_doc_json(doc, YD_ROOT_TEXT, YD_LITERAL("t"), YD_JSON_PLAIN, &out));
    for (uint32_t i = 0; i < SOCKETS; i++) {
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

bool has_all_of(struct yd_doc *b, struct yd_doc *a)
{
    struct yd_applied applied;
    struct yd_buf state = buf_new();
    SIM_OK(yd_doc_encode_state(a, YD_EMPTY, YD_V1, &state));
    SIM_OK(yd_doc_apply(b, yd_buf_slice(&state), YD_V1, &applied));
    yd_buf_deinit(&state);
    return !applied.changed;
}

/* What was shown is safe too. Not applied when it comes: a part may hold a deleted struct that is
 * known here as a live one, and its delete comes with the last part. */
static struct yd_doc *safe_of(struct client *c)
{
    (void)has_all_of(c->safe, c->seen);
    return c->safe;
}

static bool waits(struct yd_doc *doc)
{
    struct yd_pending pending = yd_doc_pending(doc);
    return pending.structs || pending.deletes;
}

static struct client *client_at(struct sim *sim, uint32_t socket, uint32_t room)
{
    struct socket *s = &sim->sockets[socket];
    return s->uses[room] ? &s->docs[room] : NULL;
}

/* ---- at any time ----------------------------------------------------------------------------- */

/* What any client was ever shown, or told to be saved, must be on the disk. */
static void room_is_kept(struct sim *sim, uint32_t room)
{
    struct room *copy = room_load(&sim->host, room, sim_alloc());
    SIM_RULE(sim, has_all_of(sim->host.slots[room].allowed, room_doc(copy)),
             "R6: something is stored that nobody who may write has sent");
    for (uint32_t i = 0; i < SOCKETS; i++) {
        struct client *c = client_at(sim, i, room);
        if (c == NULL || has_all_of(room_doc(copy), safe_of(c))) continue;
        SIM_RULE(sim, waits(c->safe),
                 "H12, R40: what was shown to a client, or said to be saved, is gone");
        room_free(copy); // it has that now
        copy = room_load(&sim->host, room, sim_alloc());
    }
    room_free(copy);
}

void judge_disk(struct sim *sim)
{
    struct host *h = &sim->host;
    size_t all = h->record_count;
    h->record_count = h->synced;
    for (uint32_t room = 0; room < ROOMS; room++) room_is_kept(sim, room);
    h->record_count = all;
}

void judge_saved(struct client *c)
{
    c->sim->counts[C_ALL_SAVED]++;
    SIM_RULE(c->sim, has_all_of(safe_of(c), c->doc) || waits(c->safe) || waits(c->doc),
             "R40: a client shows that all is saved, and it was not said so");
}

void judge_owners(const struct host *h, uint32_t room, uint32_t owners[IDS])
{
    for (uint32_t i = 0; i < IDS; i++) owners[i] = CONNS;
    for (uint32_t member = 0; member < CONNS; member++) {
        struct yd_buf out = buf_new();
        if (room_presence_of(h->slots[room].room, member, &out) == YD_OK) {
            struct yd_reader r = yd_reader_of(yd_buf_slice(&out));
            for (uint64_t left = yd_read_varuint(&r); left > 0; left--) {
                owners[yd_read_varuint(&r) - 1] = member;
                (void)yd_read_varuint(&r);
                (void)yd_read_varbytes(&r);
            }
        }
        yd_buf_deinit(&out);
    }
}

/* One more state of this member is told. What came before a late tick counts there, so it may owe
 * one. Clocks that the room has raised are told too: those are not counted. */
static void spend(struct host *h, uint32_t member, uint32_t room)
{
    struct seat *seat = seat_in_room(h, member, room);
    enum speech speech = h->sim->sockets[member % SOCKETS].speech;
    if (seat == NULL || speech == HOCUSPOCUS_4 || speech == HOCUSPOCUS_4_ID) return;
    double per_s = h->states_per_s;
    seat->tells += (double)(h->sim->now_ms - seat->tells_ms) * per_s / 1000;
    if (seat->tells > per_s) seat->tells = per_s;
    seat->tells_ms = h->sim->now_ms;
    seat->tells -= 1;
    SIM_RULE(h->sim, seat->tells > -1.1, "R71: a member's presence is told too often");
}

void judge_told(struct host *h, uint32_t room, yd_slice awareness)
{
    bool told[CONNS] = {false};
    struct yd_reader r = yd_reader_of(awareness);
    for (uint64_t left = yd_read_varuint(&r); left > 0; left--) {
        uint64_t id = yd_read_varuint(&r);
        (void)yd_read_varuint(&r);
        bool is_null = yd_read_varbytes(&r).ptr[0] == 'n';
        SIM_RULE(h->sim, id >= 1 && id <= IDS, "presence of nobody");
        uint32_t owner = h->owners[id - 1];
        if (!is_null && owner < CONNS) told[owner] = true;
    }
    for (uint32_t i = 0; i < CONNS; i++) {
        if (told[i]) spend(h, i, room);
    }
}

/* ---- in the end ------------------------------------------------------------------------------ */

static void presence_is_right(struct sim *sim, const struct client *c)
{
    for (uint32_t i = 0; i < IDS; i++) {
        const struct client *other = client_at(sim, i % SOCKETS, c->room);
        bool is_its = other != NULL && awareness_id(other) == i;
        uint32_t state = is_its ? other->presence[i].state : 0;
        SIM_RULE(sim, c->presence[i].state == state, "R9: everybody sees everybody's newest state");
    }
}

/* Nobody is in the room but who is here. */
static void no_ghosts(struct sim *sim, uint32_t room)
{
    uint32_t owners[IDS];
    if (sim->host.slots[room].room == NULL) return;
    judge_owners(&sim->host, room, owners);
    for (uint32_t i = 0; i < IDS; i++) {
        const struct client *c = client_at(sim, i % SOCKETS, room);
        bool is_here = c != NULL && awareness_id(c) == i && c->presence[i].state != 0;
        uint32_t owner = is_here ? c->socket->conn : CONNS;
        SIM_RULE(sim, owners[i] == owner, "R10: presence is that of who is here");
    }
}

/* What the user of a Hocuspocus client is shown. */
static void count_is_right(struct client *c, bool writes, struct yd_doc *doc)
{
    struct sim *sim = c->sim;
    if (speaks_yws(c->socket)) return;
    if (writes) {
        SIM_RULE(sim, c->unsaved <= 0, "R40: all is saved, and its client is not told");
        SIM_RULE(sim, c->unsaved == 0 || c->surplus, "R40: more is confirmed than was sent");
    } else if (c->unsaved == 0 && !c->surplus) {
        SIM_RULE(sim, has_all_of(doc, c->doc), "R41: a reader is told that its changes are saved");
    }
}

static void client_is_right(struct client *c, struct yd_doc *doc)
{
    struct sim *sim = c->sim;
    bool writes = sim->host.rights[c->number][c->room] == ROOM_WRITE;
    if (writes) {
        SIM_RULE(sim, same(c->doc, doc), "R53: everybody has the same document in the end");
    } else {
        SIM_RULE(sim, has_all_of(c->doc, doc), "R53: a reader has all of the document in the end");
    }
    presence_is_right(sim, c);
    count_is_right(c, writes, doc);
}

void judge_end(struct sim *sim)
{
    for (uint32_t room = 0; room < ROOMS; room++) {
        const struct slot *slot = &sim->host.slots[room];
        struct room *copy = room_load(&sim->host, room, sim_alloc());
        if (slot->room != NULL) {
            struct yd_doc *doc = room_doc(slot->room);
            SIM_RULE(sim, same(doc, room_doc(copy)),
                     "S1: the store gives back what the room holds");
        }
        no_ghosts(sim, room);
        for (uint32_t i = 0; i < SOCKETS; i++) {
            struct client *c = client_at(sim, i, room);
            if (c != NULL) client_is_right(c, room_doc(copy));
        }
        room_free(copy);
    }
}
