/* desk.c - documents that are asked for one by one on a socket that is open: see desk.h.
 *
 * A refusal is told to the document, and the socket stays for the others: Hocuspocus' providers do
 * not ask again by themselves then. Only who is to come again, with a fresh token or because nobody
 * could decide, and has nothing else on the socket, finds it closed: each provider comes back with
 * whatever its `token` function gives it then. Where others go on on it, the document's client is
 * asked for a token.
 */
#include "host/desk.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_MS         10000 /* a socket that never asks for a document */
#define OUTSIDE_MS       60000 /* one on which none is in */
#define AWAITED_MS       10000 /* a token that was asked for */
#define TOKENS_ASKED_MAX 8     /* then it is told to be refused */
#define CLOSE_OUTSIDE    4408

static yd_slice keep(uint8_t **at, yd_slice from)
{
    yd_slice kept = {*at, from.len};
    memcpy(*at, from.ptr, from.len);
    *at += from.len;
    return kept;
}

void desk_begin(struct conn *conn, yd_slice party, yd_slice token)
{
    struct caller *caller = heap_new(sizeof *caller + party.len + token.len);
    uint8_t *at = caller->bytes;
    caller->party = keep(&at, party);
    caller->token = keep(&at, token);
    caller->idle_ms = shard_now(conn->shard);
    conn->caller = caller;
    // One more than allowed, to be told that it is one too many.
    uint32_t docs_max = (uint32_t)conn->shard->settings->socket_documents_max + 1;
    conn_open(conn, (struct session_opts){.dialect = SESSION_HOCUSPOCUS, .docs_max = docs_max});
}

/* The room in the path was let in by its own decision; the documents are decided each by itself.
 * What that room has said so far has no address of any document: the provider passes it over. */
void desk_begin_late(struct conn *conn, yd_slice message)
{
    const struct room_slot *slot = seat_get(conn, 0)->slot;
    const uint8_t *name = (const uint8_t *)slot->name;
    const uint8_t *slash = memchr(name, '/', slot->name_len);
    uint8_t party[ROUTE_PARTY_MAX];
    size_t len = (size_t)(slash - name);
    memcpy(party, name, len);
    chunk_unref(late_take(conn));
    seat_free(seat_get(conn, 0));
    session_free(conn->session);
    conn->session = NULL;
    desk_begin(conn, (yd_slice){party, len}, YD_EMPTY);
    (void)conn_on_message(conn, WS_BINARY, message);
}

static void linger_end(struct conn *conn)
{
    // At the end of the program the door is closed before the sockets are.
    struct door *door = conn->shard->door;
    if (conn->caller->lingers && door != NULL) door->linger_count--;
    conn->caller->lingers = false;
}

void desk_end(struct conn *conn)
{
    if (conn->caller == NULL) return;
    linger_end(conn);
    free(conn->caller);
    conn->caller = NULL;
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static void give_back(struct seat *seat)
{
    seat->conn->caller->doc_count--;
    seat_free(seat);
}

static void ask(struct seat *seat, const struct session_event *ev)
{
    const struct caller *caller = seat->conn->caller;
    uint8_t bytes[ROUTE_ROOM_MAX];
    yd_slice room = {bytes, route_room_of_name(ev->name, bytes)};
    yd_slice token = ev->token.len > 0 ? ev->token : caller->token;
    if (seat->state == SEAT_HELD || (seat->visit != NULL && seat->visit->wait != NULL)) {
        // One question at a time: guesses are not answered any faster for being many.
        visit_later(seat, caller->party, room, token);
        return;
    }
    visit_begin(seat, caller->party, room, token);
    if (room.len == 0) {
        door_refuse(seat, REFUSE_ROOM_NAME);
    } else if (seat->visit->policy == NULL) {
        door_refuse(seat, REFUSE_ROOM_UNKNOWN);
    } else {
        door_decide(seat);
    }
}

static void on_open(struct conn *conn, const struct session_event *ev)
{
    struct caller *caller = conn->caller;
    struct seat *seat = seat_new(conn, ev->doc);
    caller->doc_count++;
    caller->has_asked = true;
    if (caller->doc_count > (uint32_t)conn->shard->settings->socket_documents_max) {
        limits_hit(conn->shard, LIMIT_SOCKET_DOCUMENTS);
        seat_note(seat, SESSION_NOTE_REFUSED, refusal_words(REFUSE_TOO_MANY)->word);
        give_back(seat);
        session_forget(conn->session, ev->doc);
        return;
    }
    ask(seat, ev);
    if (ev->has_message && conn->state == CONN_OPEN) seat_message(seat, ev->message, ev->bytes);
}

void desk_on_event(struct conn *conn, const struct session_event *ev)
{
    struct seat *seat = seat_get(conn, ev->doc);
    if (ev->kind == SESSION_EV_OPEN) {
        on_open(conn, ev);
    } else if (ev->kind == SESSION_EV_SHUT) {
        give_back(seat);
    } else if (seat->state != SEAT_LOADING) {
        ask(seat, ev);
    }
}

/* ---- being told -------------------------------------------------------------------------------
 */

void desk_admitted(struct seat *seat)
{
    bool writes = door_right(seat) == ROOM_WRITE && seat->slot->policy->stored;
    seat_note(seat, SESSION_NOTE_ADMITTED, writes ? "read-write" : "readonly");
    seat->tokens_asked = 0;
}

static bool is_inside(const struct seat *seat)
{
    return seat->state == SEAT_LOADING || seat->state == SEAT_IN;
}

bool desk_has_inside(const struct conn *conn)
{
    const struct seat *seat = seat_after(conn, NULL);
    while (seat != NULL && !is_inside(seat)) seat = seat_after(conn, seat);
    return seat != NULL;
}

void desk_refuse(struct seat *seat, enum refusal refusal)
{
    struct conn *conn = seat->conn;
    const struct refusal_words *words = refusal_words(refusal);
    bool is_over = seat->state == SEAT_AWAITED || seat->tokens_asked == TOKENS_ASKED_MAX;
    if (door_decide_newer(seat)) return;
    seat->state = SEAT_REFUSED;
    seat->deadline_ms = 0;
    bool come_again = words->code < 4400 || words->code >= 4500;
    if (come_again && !desk_has_inside(conn)) {
        conn_close(conn, words->code, words->word);
    } else if (!come_again || is_over) {
        seat_note(seat, SESSION_NOTE_REFUSED, words->word);
    } else {
        seat->tokens_asked++;
        seat->state = SEAT_AWAITED;
        seat->deadline_ms = shard_now(conn->shard) + AWAITED_MS;
        seat_note(seat, SESSION_NOTE_TOKEN, "");
    }
}

/* ---- time -------------------------------------------------------------------------------------
 */

void desk_sweep(struct conn *conn, uint64_t now_ms)
{
    struct caller *caller = conn->caller;
    struct door *door = conn->shard->door;
    if (conn->state != CONN_OPEN) return;
    if (desk_has_inside(conn)) {
        caller->idle_ms = 0;
        linger_end(conn);
        return;
    }
    if (caller->idle_ms == 0) caller->idle_ms = now_ms;
    if (!caller->lingers) {
        caller->lingers = true;
        door->linger_count++;
    }
    uint64_t patience = caller->has_asked ? OUTSIDE_MS : FIRST_MS;
    if (door->linger_count > door->held_max) patience = FIRST_MS;
    if (caller->idle_ms + patience <= now_ms) {
        conn_close(conn, CLOSE_OUTSIDE, "no document is open on this socket");
    }
}
