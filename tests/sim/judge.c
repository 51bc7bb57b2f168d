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
    for (uint32_t room = 0; room < ROOMS; room++) {
        if (room_mark(h, room) != RECORD_ERASED) room_is_kept(sim, room);
    }
    h->record_count = all;
}

void judge_saved(struct client *c)
{
    c->sim->counts[C_ALL_SAVED]++;
    SIM_RULE(c->sim, has_all_of(safe_of(c), c->doc) || waits(c->safe) || waits(c->doc),
             "R40: a client shows that all is saved, and it was not said so");
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
    struct known known = known_of(h->slots[room].room);
    struct entries entries = entries_of(awareness);
    struct entry e;
    while (entry_next(&entries, &e)) {
        uint32_t owner = known.of[e.id].owner;
        if (e.state.ptr[0] == 'n') continue;
        SIM_RULE(h->sim, owner < CONNS, "R10: somebody is told of who is not here");
        SIM_RULE(h->sim, says_who(e.state, h->has_users ? identity_of(user_of(owner)) : NULL),
                 "D16: presence says who somebody is, and it is not true");
        told[owner] = true;
    }
    for (uint32_t i = 0; i < CONNS && h->is_tick; i++) {
        if (told[i]) spend(h, i, room);
    }
}

void judge_impostor(struct host *h, uint32_t room, const struct known *before)
{
    struct known after = known_of(h->slots[room].room);
    for (uint32_t i = 0; i < IDS; i++) {
        bool was_here = before->of[i].owner < CONNS;
        bool same = before->of[i].owner == after.of[i].owner &&
                    (!was_here || before->of[i].state == after.of[i].state);
        // It may be told again (R45), never less.
        if (was_here && before->of[i].clock > after.of[i].clock) same = false;
        SIM_RULE(h->sim, same, "D18: somebody speaks for the client of somebody else");
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
    if (sim->host.slots[room].room == NULL) return;
    struct known known = known_of(sim->host.slots[room].room);
    for (uint32_t i = 0; i < IDS; i++) {
        const struct client *c = client_at(sim, i % SOCKETS, room);
        bool is_here = c != NULL && awareness_id(c) == i && c->presence[i].state != 0;
        uint32_t owner = is_here ? c->socket->conn : CONNS;
        SIM_RULE(sim, known.of[i].owner == owner, "R10: presence is that of who is here");
    }
}

/* Who is sent a long document is told of the others part by part. */
static bool is_told(struct sim *sim, const struct client *c)
{
    const struct seat *seat = seat_in_room(&sim->host, c->socket->conn, c->room);
    return seat != NULL && !seat->is_held;
}

/* Somebody there has heard what was said to a provider before it, and may have said it on. */
static bool has_heirs(struct sim *sim, uint32_t room)
{
    for (uint32_t i = 0; i < SOCKETS; i++) {
        const struct client *c = client_at(sim, i, room);
        if (c != NULL && c->is_heir) return true;
    }
    return false;
}

/* Nobody sees somebody who is not there. */
void judge_ghosts(struct sim *sim)
{
    for (uint32_t n = 0; n < SOCKETS * ROOMS; n++) {
        const struct client *c = client_at(sim, n % SOCKETS, n / SOCKETS);
        if (c == NULL || !is_told(sim, c) || has_heirs(sim, c->room)) continue;
        for (uint32_t i = 0; i < IDS; i++) {
            const struct client *other = client_at(sim, i % SOCKETS, c->room);
            bool is_its = other != NULL && awareness_id(other) == i;
            bool is_here = is_its && other->presence[i].state != 0;
            SIM_RULE(sim, is_here || c->presence[i].state == 0,
                     "R10, R56: somebody is shown who has gone");
        }
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
        if (room_is_gone(&sim->host, room)) {
            SIM_RULE(sim, slot->room == NULL, "D24: an erased room is in memory");
            continue;
        }
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
