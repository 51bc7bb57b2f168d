/* dialect_yws.c - the frames of y-websocket, y-partykit and y-partyserver.
 *
 * Source: y-protocols; docs/protocol.md, rules P1..P4, P9
 *
 *   first bytes      body                          meaning
 *   00 00            varUint length, state vector  sync step 1
 *   00 01            varUint length, update        sync step 2
 *   00 02            varUint length, update        update
 *   01               varUint length, awareness     awareness
 *   02 00            varUint length, text          permission denied, only from the server
 *   03               -                             query awareness
 *   text "__YPS:"    the rest                      application text (y-partyserver)
 *
 * One message a frame: every widespread client reads the first one only, so what follows it in a
 * frame is not read here either.
 */
#include "dialect.h"

#include <string.h>

enum { OUTER_SYNC = 0, OUTER_AWARENESS = 1, OUTER_AUTH = 2, OUTER_QUERY = 3 };

static const yd_slice text_prefix = {(const uint8_t *)"__YPS:", 6};

static void take_text(yd_slice payload, struct session_event *ev)
{
    if (payload.len < text_prefix.len ||
        memcmp(payload.ptr, text_prefix.ptr, text_prefix.len) != 0) {
        event_ignored(ev, "unknown text");
        return;
    }
    ev->kind = SESSION_EV_MESSAGE;
    ev->message = ROOM_MSG_STATELESS;
    ev->bytes = (yd_slice){payload.ptr + text_prefix.len, payload.len - text_prefix.len};
}

static bool sync_message(uint64_t step, enum room_message *message)
{
    switch (step) {
    case 0: *message = ROOM_MSG_STEP1; return true;
    case 1: *message = ROOM_MSG_STEP2; return true;
    case 2: *message = ROOM_MSG_UPDATE; return true;
    default: return false;
    }
}

static void take_binary(yd_slice payload, struct session_event *ev)
{
    struct yd_reader r = yd_reader_of(payload);
    uint64_t outer = yd_read_varuint(&r);
    bool known = true, has_body = true;
    switch (outer) {
    case OUTER_SYNC: known = sync_message(yd_read_varuint(&r), &ev->message); break;
    case OUTER_AWARENESS: ev->message = ROOM_MSG_AWARENESS; break;
    case OUTER_QUERY:
        ev->message = ROOM_MSG_QUERY;
        has_body = false;
        break;
    default: known = false; break;
    }
    if (r.failed || !known) {
        event_ignored(ev, r.failed ? "truncated message" : "unknown message type");
        return;
    }
    ev->bytes = has_body ? yd_read_varbytes(&r) : YD_EMPTY;
    if (r.failed) {
        event_ignored(ev, "truncated message");
        return;
    }
    ev->kind = SESSION_EV_MESSAGE;
}

static yd_err yws_take(struct session *session, enum session_opcode opcode, yd_slice payload,
                       struct session_event *ev)
{
    bool is_first = !session->has_heard;
    session->has_heard = true;
    if (is_first && opcode == SESSION_BINARY && hocuspocus_is_token(payload)) {
        ev->kind = SESSION_EV_OTHER;
        ev->other = SESSION_HOCUSPOCUS;
        return YD_OK;
    }
    if (opcode == SESSION_TEXT) {
        take_text(payload, ev);
    } else {
        take_binary(payload, ev);
    }
    return YD_OK;
}

static bool yws_head(const struct session *session, uint32_t doc, enum room_message message,
                     size_t payload_len, struct session_head *head)
{
    (void)doc; // there is one
    static const struct {
        uint8_t len, bytes[2];
    } outer[ROOM_MSG_KINDS] = {
        [ROOM_MSG_STEP1] = {2, {OUTER_SYNC, 0}},  [ROOM_MSG_STEP2] = {2, {OUTER_SYNC, 1}},
        [ROOM_MSG_UPDATE] = {2, {OUTER_SYNC, 2}}, [ROOM_MSG_AWARENESS] = {1, {OUTER_AWARENESS}},
        [ROOM_MSG_QUERY] = {1, {OUTER_QUERY}},    [ROOM_MSG_DENIED] = {2, {OUTER_AUTH, 0}},
    };
    if (message >= ROOM_MSG_KINDS) return false;
    if (message == ROOM_MSG_STATELESS) {
        if (!session->speaks_text) return false;
        head->opcode = SESSION_TEXT;
        head->len = text_prefix.len;
        memcpy(head->bytes, text_prefix.ptr, text_prefix.len);
        return true;
    }
    if (outer[message].len == 0) return false;
    head->opcode = SESSION_BINARY;
    head->len = outer[message].len;
    memcpy(head->bytes, outer[message].bytes, head->len);
    if (message != ROOM_MSG_QUERY)
        head->len += yd_varuint_put(head->bytes + head->len, payload_len);
    return true;
}

static uint32_t yws_wire(const struct session *session, uint32_t doc)
{
    (void)doc;
    return session->speaks_text ? SESSION_WIRE_YWS_TEXT : SESSION_WIRE_YWS;
}

static uint32_t yws_wants(const struct session *session, uint32_t doc)
{
    (void)session, (void)doc;
    return 0;
}

const struct dialect dialect_yws = {yws_take, yws_head, NULL, yws_wire, yws_wants, true};
