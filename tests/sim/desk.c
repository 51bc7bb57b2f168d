/* desk.c - sockets, the documents on them, and who may do what.
 *
 * A y-websocket client is in its room with its request. A document of a Hocuspocus socket is asked
 * for, decided about later, and what is said about it meanwhile is kept. A changed right ends the
 * socket of the one, and is told to the document of the other. */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

struct socket *conn_client(struct host *h, uint32_t number)
{
    return h->conns[number].is_dead ? NULL : &h->sim->sockets[number % SOCKETS];
}

static enum speech speech_of(const struct host *h, uint32_t number)
{
    return h->sim->sockets[number % SOCKETS].speech;
}

static bool hears_yws(const struct host *h, uint32_t number) { return speech_of(h, number) == YWS; }

struct seat *seat_in_room(struct host *h, uint32_t number, uint32_t room)
{
    struct conn *conn = &h->conns[number];
    for (uint32_t i = 0; i < ROOMS; i++) {
        if (conn->seats[i].state == SEAT_IN && conn->seats[i].room == room) return &conn->seats[i];
    }
    return NULL;
}

/* ---- what is said ---------------------------------------------------------------------------- */

/* It, or one of what was refused before it, may be confirmed later (R40). */
static void seat_owes(struct seat *seat, yd_slice step2)
{
    free(seat->owed);
    seat->owed = malloc(step2.len + 1);
    YD_ASSERT(seat->owed != NULL);
    memcpy(seat->owed, step2.ptr, step2.len);
    seat->owed_len = step2.len;
}

static void room_hears(struct host *h, uint32_t number, const struct seat *seat,
                       enum room_message message, yd_slice bytes)
{
    uint32_t room = seat->room;
    bool is_update = message == ROOM_MSG_STEP2 || message == ROOM_MSG_UPDATE;
    h->is_readers = seat->right == ROOM_READ && (is_update || message == ROOM_MSG_STATELESS);
    if (is_update && !h->is_readers) {
        SIM_OK(yd_doc_apply(h->slots[room].allowed, bytes, YD_V1, NULL));
    }
    h->sim->counts[C_READ_ONLY] += h->is_readers && message == ROOM_MSG_UPDATE;
    h->claim = is_update ? bytes : YD_EMPTY;
    h->is_step2 = message == ROOM_MSG_STEP2;
    host_event(h, room,
               (struct room_event){
                   .kind = ROOM_EV_MESSAGE, .member = number, .message = message, .bytes = bytes});
    h->claim = YD_EMPTY;
    h->is_readers = false;
    struct seat *then = seat_in_room(h, number, room); // the message may have ended it
    if (message == ROOM_MSG_STEP2 && then != NULL) seat_owes(then, bytes);
    if (h->sim->bug == BUG_WAKE && message == ROOM_MSG_AWARENESS && then != NULL) {
        seat_keep(h, number, then);
    }
}

static void seat_message(struct host *h, uint32_t number, struct seat *seat,
                         enum room_message message, yd_slice bytes)
{
    const uint8_t kind = (uint8_t)message;
    if (seat->state == SEAT_IN) {
        room_hears(h, number, seat, message, bytes);
    } else {
        queue_put(&seat->kept, frame_of((yd_slice){&kind, 1}, bytes, 0));
    }
}

static void say_kept(struct host *h, uint32_t number, struct seat *seat)
{
    while (seat->state == SEAT_IN && seat->kept.count > 0) {
        struct frame frame = queue_take(&seat->kept);
        yd_slice bytes = {frame.bytes + 1, frame.len - 1};
        room_hears(h, number, seat, (enum room_message)frame.bytes[0], bytes);
        frame_free(&frame);
    }
}

static void note(struct host *h, uint32_t number, const struct seat *seat, enum session_note what,
                 const char *text)
{
    struct conn *conn = &h->conns[number];
    struct session_head head;
    yd_slice payload = {(const uint8_t *)text, strlen(text)};
    uint32_t doc = (uint32_t)(seat - conn->seats);
    if (!session_note(conn->session, doc, what, payload.len, &head)) return;
    queue_put(&conn->waiting, frame_of((yd_slice){head.bytes, head.len}, payload, 0));
}

static void note_right(struct host *h, uint32_t number, const struct seat *seat)
{
    note(h, number, seat, SESSION_NOTE_ADMITTED,
         seat->right == ROOM_WRITE ? "read-write" : "readonly");
}

/* ---- in and out ------------------------------------------------------------------------------ */

static void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct host *host = ctx;
    if (new_size > old_size && host->refuse_at != 0 && ++host->requests >= host->refuse_at) {
        return NULL;
    }
    yd_alloc plain = sim_alloc();
    return plain.resize(plain.ctx, ptr, old_size, new_size);
}

yd_alloc host_heap(struct host *h) { return (yd_alloc){heap_resize, h}; }

uint32_t seat_wants(const struct host *h, uint32_t number, const struct seat *seat)
{
    const struct conn *conn = &h->conns[number];
    return session_wants(conn->session, (uint32_t)(seat - conn->seats));
}

const struct room_identity *seat_identity(const struct host *h, uint32_t number)
{
    bool forgets = h->sim->bug == BUG_USER && !hears_yws(h, number);
    return h->has_users && !forgets ? identity_of(user_of(number)) : NULL;
}

static void enter(struct host *h, uint32_t number, struct seat *seat)
{
    struct slot *slot = &h->slots[seat->room];
    uint64_t refuse_at = h->refuse_at;
    h->refuse_at = 0; // loading without memory is another story
    if (slot->is_asleep) host_wakes(h, seat->room);
    if (slot->room == NULL) {
        h->synced = h->record_count; // a load waits for the batch before it
        slot->room = room_load(h, seat->room, host_heap(h));
    }
    seat->state = SEAT_IN;
    seat->is_held = false;
    seat->right = h->rights[number % SOCKETS][seat->room];
    seat->tells = h->states_per_s;
    seat->tells_ms = h->sim->now_ms;
    note_right(h, number, seat);
    host_event(h, seat->room,
               (struct room_event){.kind = ROOM_EV_JOIN,
                                   .member = number,
                                   .right = seat->right,
                                   .wants = seat_wants(h, number, seat),
                                   .identity = seat_identity(h, number)});
    h->refuse_at = refuse_at;
}

/* Who is to leave has to be there. */
static void seat_wake(struct host *h, const struct seat *seat)
{
    if (seat->state == SEAT_IN && h->slots[seat->room].is_asleep) host_wakes(h, seat->room);
}

static void seat_clear(struct seat *seat)
{
    queue_clear(&seat->kept);
    free(seat->presence);
    free(seat->owed);
    *seat = (struct seat){.kept = seat->kept};
}

void conn_end(struct host *h, uint32_t number)
{
    struct conn *conn = &h->conns[number];
    bool was_in[ROOMS] = {false};
    if (!conn->is_open) return;
    for (uint32_t i = 0; i < ROOMS; i++) {
        if (conn->seats[i].state == SEAT_IN) was_in[conn->seats[i].room] = true;
        seat_wake(h, &conn->seats[i]);
        seat_clear(&conn->seats[i]);
    }
    session_free(conn->session);
    queue_clear(&conn->waiting);
    conn->is_open = false;
    conn->session = NULL;
    struct socket *client = conn_client(h, number);
    conn->is_dead = false;
    queue_clear(&conn->lost);
    if (client != NULL) socket_lost(client);
    for (uint32_t i = 0; i < ROOMS; i++) {
        if (!was_in[i]) continue;
        host_event(h, i, (struct room_event){.kind = ROOM_EV_LEAVE, .member = number});
    }
}

/* NULL: it has none. */
static struct conn *own_conn(struct host *h, uint32_t socket)
{
    const struct socket *s = &h->sim->sockets[socket];
    return s->connected ? &h->conns[s->conn] : NULL;
}

void host_disconnect(struct host *h, uint32_t socket)
{
    if (own_conn(h, socket) != NULL) conn_end(h, h->sim->sockets[socket].conn);
}

void host_loses(struct host *h, uint32_t socket)
{
    struct conn *conn = own_conn(h, socket);
    if (conn == NULL) return;
    h->sim->counts[C_LOST]++;
    conn->is_dead = true;
    socket_lost(&h->sim->sockets[socket]);
}

void host_notices(struct host *h, uint32_t socket)
{
    for (uint32_t i = socket; i < CONNS; i += SOCKETS) {
        if (h->conns[i].is_dead) conn_end(h, i);
    }
}

/* A client that comes back while its old connection is taken for alive has two of them. */
static uint32_t conn_free(struct host *h, uint32_t socket)
{
    if (!h->conns[socket].is_open) return socket;
    if (h->conns[socket + SOCKETS].is_open) conn_end(h, socket + SOCKETS);
    return socket + SOCKETS;
}

void host_connect(struct host *h, uint32_t socket)
{
    struct socket *client = &h->sim->sockets[socket];
    uint32_t number = conn_free(h, socket);
    struct conn *conn = &h->conns[number];
    bool yws = speaks_yws(client);
    struct session_opts opts = {.dialect = yws ? SESSION_YWS : SESSION_HOCUSPOCUS};
    SIM_OK(session_new(sim_alloc(), opts, &conn->session));
    client->conn = number;
    conn->is_open = true;
    conn->held_bytes = 0;
    h->sim->counts[C_CONNECTS]++;
    uint32_t room = client->uses[0] ? 0 : 1;
    if (yws && room_is_gone(h, room)) {
        h->sim->counts[C_NOT_FOUND]++;
        conn_end(h, number);
    } else if (yws) {
        conn->seats[0].room = room;
        enter(h, number, &conn->seats[0]);
    }
    if (conn->is_open) socket_connected(client);
}

/* The room it was in is deleted. */
void seat_let_go(struct host *h, uint32_t number, struct seat *seat)
{
    uint32_t room = seat->room;
    if (hears_yws(h, number)) {
        conn_end(h, number);
        return;
    }
    seat_clear(seat);
    seat->state = SEAT_REFUSED;
    seat->room = room;
    note(h, number, seat, SESSION_NOTE_REFUSED, "not_found");
}

void host_decides(struct host *h, uint32_t socket, bool refuses)
{
    struct conn *conn = own_conn(h, socket);
    uint32_t number = h->sim->sockets[socket].conn;
    if (conn == NULL) return;
    // A provider 2 without a token has nothing to ask again with.
    if (speech_of(h, number) == HOCUSPOCUS_2) refuses = false;
    for (uint32_t i = 0; i < ROOMS && conn->is_open; i++) {
        struct seat *seat = &conn->seats[i];
        if (seat->state != SEAT_ASKED) continue;
        bool gone = room_is_gone(h, seat->room);
        if (refuses || gone) {
            seat->state = SEAT_REFUSED;
            h->sim->counts[gone ? C_NOT_FOUND : C_TURNED_AWAY]++;
            note(h, number, seat, SESSION_NOTE_REFUSED, gone ? "not_found" : "forbidden");
            continue;
        }
        h->sim->counts[C_ADMITTED]++;
        enter(h, number, seat);
        say_kept(h, number, seat);
    }
}

/* Decided anew, of a document that is in. */
static void decide_anew(struct host *h, uint32_t number, struct seat *seat)
{
    enum room_right right = h->rights[number % SOCKETS][seat->room];
    bool changes = right != seat->right;
    seat->right = right;
    note_right(h, number, seat);
    if (!changes || (h->sim->bug == BUG_RIGHT && right == ROOM_READ)) return;
    host_event(h, seat->room,
               (struct room_event){.kind = ROOM_EV_RIGHT, .member = number, .right = right});
}

static void right_changes(struct host *h, uint32_t number, uint32_t room)
{
    struct seat *seat = seat_in_room(h, number, room);
    if (seat == NULL) return;
    h->sim->counts[C_RIGHTS]++;
    if (hears_yws(h, number)) {
        conn_end(h, number);
    } else {
        decide_anew(h, number, seat);
    }
}

void host_right(struct host *h, uint32_t socket, uint32_t room, enum room_right right)
{
    if (h->rights[socket][room] == right) return;
    h->rights[socket][room] = right;
    for (uint32_t i = socket; i < CONNS; i += SOCKETS) right_changes(h, i, room);
}

void host_asks_token(struct host *h, uint32_t socket, uint32_t room)
{
    uint32_t number = h->sim->sockets[socket].conn;
    if (own_conn(h, socket) == NULL || speech_of(h, number) < HOCUSPOCUS_3) return;
    const struct seat *seat = seat_in_room(h, number, room);
    if (seat != NULL) note(h, number, seat, SESSION_NOTE_TOKEN, "");
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void on_open(struct host *h, uint32_t number, struct seat *seat,
                    const struct session_event *ev)
{
    SIM_RULE(h->sim, seat->state == SEAT_NONE, "P40: a document is asked for once");
    SIM_RULE(h->sim, ev->name.len == 2 && ev->name.ptr[0] == 'd', "P41: the name of a document");
    seat->state = SEAT_ASKED;
    seat->room = (uint32_t)ev->name.ptr[1] - '0';
    if (ev->has_message) seat_message(h, number, seat, ev->message, ev->bytes);
}

static void on_shut(struct host *h, uint32_t number, struct seat *seat)
{
    bool was_in = seat->state == SEAT_IN;
    uint32_t room = seat->room;
    seat_wake(h, seat);
    seat_clear(seat);
    if (!was_in) return;
    host_event(h, room, (struct room_event){.kind = ROOM_EV_LEAVE, .member = number});
}

void host_takes(struct host *h, uint32_t socket, yd_slice frame)
{
    struct session_event ev;
    struct conn *conn = own_conn(h, socket);
    uint32_t number = h->sim->sockets[socket].conn;
    if (conn == NULL) return;
    SIM_OK(session_recv(conn->session, SESSION_BINARY, frame, &ev));
    bool late = ev.kind == SESSION_EV_IGNORED && !hears_yws(h, number);
    if (late) return; // about a document that was given back
    SIM_RULE(h->sim, ev.doc < ROOMS, "P40: numbers of documents are used again");
    struct seat *seat = &conn->seats[ev.doc];
    switch (ev.kind) {
    case SESSION_EV_MESSAGE: seat_message(h, number, seat, ev.message, ev.bytes); break;
    case SESSION_EV_OPEN: on_open(h, number, seat, &ev); break;
    case SESSION_EV_SHUT: on_shut(h, number, seat); break;
    case SESSION_EV_TOKEN:
        if (seat->state == SEAT_REFUSED) seat->state = SEAT_ASKED;
        if (seat->state == SEAT_IN) decide_anew(h, number, seat);
        break;
    case SESSION_EV_NONE:
    case SESSION_EV_OTHER:
    case SESSION_EV_IGNORED:
    case SESSION_EV_CLOSE: sim_fail(h->sim, "P1: a message of a client is understood"); break;
    }
}
