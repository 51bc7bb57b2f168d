/* seat.c - one document on one connection: into its room, through it, out of it.
 *
 * Where it sits:   conn.c (yws: one, made with the request) or desk.c (Hocuspocus: one for each
 *                  document that is asked for) -> here -> rooms.c
 *
 * What a client says about a document before it is in is kept, in order, and said when it is.
 */
#include <stdlib.h>
#include <string.h>

#include "host/desk.h"

/* Kept for all documents of a connection together. A client that has more to say comes again: by
 * then its document is let in, or it is not. */
#define HELD_BYTES_MAX   ((size_t)1 << 20)
#define HELD_COST        16   /* of one, however small */
#define CLOSE_COME_AGAIN 4500 /* codes from here on: it may come back and be welcome */

struct seat *seat_get(const struct conn *conn, uint32_t doc)
{
    return doc < conn->seat_cap ? conn->seats[doc] : NULL;
}

struct seat *seat_after(const struct conn *conn, const struct seat *seat)
{
    for (uint32_t i = seat == NULL ? 0 : seat->doc + 1; i < conn->seat_cap; i++) {
        if (conn->seats[i] != NULL) return conn->seats[i];
    }
    return NULL;
}

struct seat *seat_new(struct conn *conn, uint32_t doc)
{
    if (doc >= conn->seat_cap) {
        uint32_t cap = conn->seat_cap == 0 ? 1 : conn->seat_cap * 2;
        while (cap <= doc) cap *= 2;
        conn->seats = realloc(conn->seats, cap * sizeof(struct seat *));
        if (conn->seats == NULL) abort();
        memset(conn->seats + conn->seat_cap, 0, (cap - conn->seat_cap) * sizeof(struct seat *));
        conn->seat_cap = cap;
    }
    struct seat *seat = heap_new(sizeof *seat);
    seat->conn = conn;
    seat->doc = doc;
    seat->wire = SEAT_NO_WIRE;
    conn->seats[doc] = seat;
    return seat;
}

static void held_drop(struct seat *seat)
{
    if (seat->held == NULL) return;
    seat->conn->caller->held_bytes -= seat->held_bytes;
    seat->held_bytes = 0;
    yd_buf_deinit(seat->held);
    free(seat->held);
    seat->held = NULL;
}

void seat_leave(struct seat *seat)
{
    door_leave(seat);
    if (seat->slot != NULL) slot_remove(seat);
}

void seat_free(struct seat *seat)
{
    if (seat == NULL) return;
    seat_leave(seat);
    held_drop(seat);
    seat->conn->seats[seat->doc] = NULL;
    door_free(seat);
    free(seat);
}

void seats_leave(struct conn *conn)
{
    for (struct seat *s = seat_after(conn, NULL); s != NULL; s = seat_after(conn, s)) seat_leave(s);
}

void seats_free(struct conn *conn)
{
    for (uint32_t i = 0; i < conn->seat_cap; i++) seat_free(conn->seats[i]);
    free(conn->seats);
}

/* ---- what is said before it is in -------------------------------------------------------------
 */

static void hold(struct seat *seat, enum room_message message, yd_slice bytes)
{
    struct caller *caller = seat->conn->caller;
    if (caller->held_bytes + bytes.len + HELD_COST > HELD_BYTES_MAX) {
        conn_close(seat->conn, 4205, "too much was said before it was let in");
        return;
    }
    if (seat->held == NULL) {
        seat->held = heap_new(sizeof *seat->held);
        yd_buf_init(seat->held, heap_alloc(), 2 * HELD_BYTES_MAX);
    }
    if (yd_buf_u8(seat->held, (uint8_t)message) != YD_OK ||
        yd_buf_varbytes(seat->held, bytes) != YD_OK) {
        abort();
    }
    caller->held_bytes += bytes.len + HELD_COST;
    seat->held_bytes += bytes.len + HELD_COST;
}

static void say_held(struct seat *seat)
{
    if (seat->held == NULL) return;
    struct yd_reader r = yd_reader_of(yd_buf_slice(seat->held));
    while (yd_reader_left(&r) > 0 && seat->state == SEAT_IN && seat->slot != NULL) {
        enum room_message message = (enum room_message)yd_read_u8(&r);
        seat_message(seat, message, yd_read_varbytes(&r));
    }
    held_drop(seat);
}

void seat_message(struct seat *seat, enum room_message message, yd_slice bytes)
{
    struct metrics *metrics = &seat->conn->shard->metrics;
    if (seat->state != SEAT_IN) {
        hold(seat, message, bytes);
        return;
    }
    metrics->messages_in[message]++;
    metrics->message_bytes_in[message] += bytes.len;
    limits_message(seat, bytes.len);
    if (message == ROOM_MSG_STEP1) flow_before(seat);
    if (seat->slot == NULL) return; // its room has failed
    slot_event(
        seat->slot, seat->conn->shard,
        (struct room_event){
            .kind = ROOM_EV_MESSAGE, .member = seat->member, .message = message, .bytes = bytes});
}

/* ---- in, and out ------------------------------------------------------------------------------
 */

void seat_enter(struct seat *seat)
{
    seat->state = SEAT_LOADING;
    if (seat->slot->state == SLOT_READY) {
        seat_ready(seat);
    } else if (seat->conn->caller == NULL) {
        (void)uv_read_stop((uv_stream_t *)&seat->conn->tcp);
    }
}

void seat_ready(struct seat *seat)
{
    struct conn *conn = seat->conn;
    struct room_identity who;
    if (conn->caller == NULL) {
        size_t batch_bytes_max = policy_message_bytes(conn->shard, seat->slot->policy);
        conn_open(conn, (struct session_opts){.dialect = SESSION_YWS,
                                              .speaks_text = conn->speaks_text,
                                              .batch_bytes_max = batch_bytes_max});
    } else {
        desk_admitted(seat);
    }
    seat->state = SEAT_IN;
    slot_wire(seat);
    slot_event(seat->slot, conn->shard,
               (struct room_event){.kind = ROOM_EV_JOIN,
                                   .member = seat->member,
                                   .right = door_right(seat),
                                   .wants = session_wants(conn->session, seat->doc),
                                   .identity = door_identity(seat, &who) ? &who : NULL});
    say_held(seat);
    if (conn->caller == NULL && conn->state == CONN_OPEN) conn_read_held(conn);
}

void seat_end(struct seat *seat, uint32_t code, const char *reason)
{
    bool for_good = code >= 4400 && code < CLOSE_COME_AGAIN;
    if (seat->conn->caller == NULL || !for_good) {
        conn_close(seat->conn, code, reason);
        return;
    }
    seat_leave(seat);
    seat->state = SEAT_REFUSED;
    seat_note(seat, SESSION_NOTE_REFUSED, reason);
}
