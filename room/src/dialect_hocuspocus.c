/* dialect_hocuspocus.c - the frames of @hocuspocus/provider 2, 3 and 4.
 *
 * Source: docs/protocol.md, rules P20...
 *
 * Each frame begins with the address of the document that it is about, a text: its name, in
 * provider 4 with sessionAwareness also a NUL and the provider's own id. The server answers with
 * the same address.
 *
 *   type   body                                meaning
 *   0      as y-websocket's: step, bytes       sync step 1, sync step 2, update
 *   1      bytes                               awareness
 *   2 0    text [text]                         token, and the version of a provider 4
 *   2 0    -                                   from us: send your token (again)
 *   2 1    text                                from us: refused, why
 *   2 2    text                                from us: you are in, "read-write" or "readonly"
 *   3      -                                   tell all presence that you know
 *   5      text                                stateless: application text
 *   6      text                                from clients: application text for all
 *   7      -                                   from clients: done with this document
 *   8      1 or 0                              from us: your sync step 2 or update is saved, or
 * refused 9, 10  -                                   without an address: ping, pong (provider 4)
 *
 * Types 4, 7 with a reason, and 9 are never sent: provider 2 and 3 throw on what they do not know.
 * A document is asked for by a token, or, by a provider 2 that has none, by sync step 1.
 */
#include "dialect.h"

#include <string.h>

enum {
    TYPE_SYNC = 0,
    TYPE_AWARENESS = 1,
    TYPE_AUTH = 2,
    TYPE_QUERY = 3,
    TYPE_STATELESS = 5,
    TYPE_BROADCAST_STATELESS = 6,
    TYPE_CLOSE = 7,
    TYPE_STATUS = 8,
    TYPE_PING = 9,
    TYPE_PONG = 10
};
enum { AUTH_TOKEN = 0, AUTH_REFUSED = 1, AUTH_ADMITTED = 2 };

#define CLOSE_NOT_THIS_DIALECT 4400

/* ---- in ---------------------------------------------------------------------------------------
 */

static bool take_sync(struct yd_reader *r, struct session_event *ev)
{
    static const enum room_message steps[] = {ROOM_MSG_STEP1, ROOM_MSG_STEP2, ROOM_MSG_UPDATE};
    uint64_t step = yd_read_varuint(r);
    if (r->failed || step >= sizeof steps / sizeof *steps) return false;
    ev->message = steps[step];
    ev->bytes = yd_read_varbytes(r);
    return true;
}

/* A message for a room; false: the type is none of these. */
static bool take_message(uint64_t type, struct yd_reader *r, struct session_event *ev)
{
    switch (type) {
    case TYPE_SYNC: return take_sync(r, ev);
    case TYPE_AWARENESS:
        ev->message = ROOM_MSG_AWARENESS;
        ev->bytes = yd_read_varbytes(r);
        return true;
    case TYPE_QUERY: ev->message = ROOM_MSG_QUERY; return true;
    case TYPE_STATELESS:
    case TYPE_BROADCAST_STATELESS:
        ev->message = ROOM_MSG_STATELESS;
        ev->bytes = yd_read_varbytes(r);
        return true;
    default: return false;
    }
}

static yd_err open_doc(struct session *s, yd_slice address, struct session_event *ev)
{
    yd_err err = addresses_add(s->addresses, address, &ev->doc);
    if (err == YD_ETOOBIG) {
        event_close(ev, 4205, "too many documents on this socket");
        return YD_OK;
    }
    if (err != YD_OK) return err;
    const struct address *at = addresses_get(s->addresses, ev->doc);
    ev->kind = SESSION_EV_OPEN;
    ev->name = (yd_slice){at->bytes, at->name_len};
    return YD_OK;
}

static uint64_t take_decimal(struct yd_reader *r)
{
    uint64_t value = 0;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && value < 1000) {
        value = value * 10 + (uint64_t)(*r->at++ - '0');
    }
    return value;
}

/* From 4.5 on a provider says nothing about itself in answer to what it is told about itself. */
static bool keeps_clocks(yd_slice version)
{
    struct yd_reader r = yd_reader_of(version);
    uint64_t major = take_decimal(&r);
    if (r.at == r.end || *r.at++ != '.') return false;
    return major > 4 || (major == 4 && take_decimal(&r) >= 5);
}

static yd_err take_token(struct session *s, yd_slice address, struct yd_reader *r,
                         struct session_event *ev)
{
    uint64_t kind = yd_read_varuint(r);
    ev->token = yd_read_varbytes(r);
    if (r->failed || kind != AUTH_TOKEN) {
        event_ignored(ev, "broken token message");
        return YD_OK;
    }
    yd_slice version = yd_reader_left(r) > 0 ? yd_read_varbytes(r) : YD_EMPTY;
    ev->kind = SESSION_EV_TOKEN;
    ev->doc = addresses_find(s->addresses, address);
    yd_err err = ev->doc == ADDRESS_NONE ? open_doc(s, address, ev) : YD_OK;
    struct address *at = addresses_get(s->addresses, ev->doc);
    if (err != YD_OK || ev->kind == SESSION_EV_CLOSE) return err;
    at->keeps_clocks = keeps_clocks(version);
    ev->name = (yd_slice){at->bytes, at->name_len};
    return YD_OK;
}

static yd_err take_other(struct session *s, yd_slice address, uint64_t type, struct yd_reader *r,
                         struct session_event *ev)
{
    bool known = take_message(type, r, ev);
    if (!known || r->failed) {
        event_ignored(ev, known || r->failed ? "truncated message" : "unknown message type");
        return YD_OK;
    }
    ev->kind = SESSION_EV_MESSAGE;
    ev->has_message = true;
    ev->doc = addresses_find(s->addresses, address);
    if (ev->doc != ADDRESS_NONE) return YD_OK;
    // What was on its way when a document was given back is about nothing any more.
    if (ev->message != ROOM_MSG_STEP1) {
        event_ignored(ev, "about a document that is not open");
        return YD_OK;
    }
    return open_doc(s, address, ev);
}

bool hocuspocus_is_token(yd_slice payload)
{
    struct yd_reader r = yd_reader_of(payload);
    yd_slice address = yd_read_varbytes(&r);
    uint64_t type = yd_read_varuint(&r), kind = yd_read_varuint(&r);
    (void)yd_read_varbytes(&r);
    if (yd_reader_left(&r) > 0) (void)yd_read_varbytes(&r);
    return !r.failed && yd_reader_left(&r) == 0 && address.len > 0 && type == TYPE_AUTH &&
           kind == AUTH_TOKEN;
}

static void take_close(struct session *s, yd_slice address, struct session_event *ev)
{
    ev->doc = addresses_find(s->addresses, address);
    if (ev->doc == ADDRESS_NONE) {
        event_ignored(ev, "closes a document that is not open");
        return;
    }
    ev->kind = SESSION_EV_SHUT;
    addresses_remove(s->addresses, ev->doc);
}

/* True: a ping or pong, which has no address. */
static bool is_sign_of_life(yd_slice payload)
{
    return payload.len == 1 && (payload.ptr[0] == TYPE_PING || payload.ptr[0] == TYPE_PONG);
}

static yd_err hocuspocus_take(struct session *s, enum session_opcode opcode, yd_slice payload,
                              struct session_event *ev)
{
    if (opcode == SESSION_TEXT) {
        event_ignored(ev, "text is no message of this dialect");
        return YD_OK;
    }
    if (is_sign_of_life(payload)) return YD_OK;
    struct yd_reader r = yd_reader_of(payload);
    yd_slice address = yd_read_varbytes(&r);
    uint64_t type = yd_read_varuint(&r);
    if (r.failed) {
        event_ignored(ev, "frame without an address and a type");
    } else if (address.len == 0 || address.len > SESSION_ADDRESS_MAX) {
        // A client of another dialect, or one that would ask for this for ever.
        event_close(ev, CLOSE_NOT_THIS_DIALECT, "bad_room");
    } else if (type == TYPE_AUTH) {
        return take_token(s, address, &r, ev);
    } else if (type == TYPE_CLOSE) {
        take_close(s, address, ev);
    } else {
        return take_other(s, address, type, &r, ev);
    }
    return YD_OK;
}

/* ---- out --------------------------------------------------------------------------------------
 */

static bool begin_head(const struct session *s, uint32_t doc, struct session_head *head)
{
    const struct address *at = addresses_get(s->addresses, doc);
    if (at == NULL) return false;
    head->opcode = SESSION_BINARY;
    head->len = yd_varuint_put(head->bytes, at->len);
    memcpy(head->bytes + head->len, at->bytes, at->len);
    head->len += at->len;
    return true;
}

struct shape {
    uint8_t len; /* of the types; 0: the dialect cannot say it */
    uint8_t types[2];
    bool has_len; /* the payload's length stands in front of it */
};

static void end_head(struct shape shape, size_t payload_len, struct session_head *head)
{
    memcpy(head->bytes + head->len, shape.types, shape.len);
    head->len += shape.len;
    if (shape.has_len) head->len += yd_varuint_put(head->bytes + head->len, payload_len);
}

static bool hocuspocus_head(const struct session *s, uint32_t doc, enum room_message message,
                            size_t payload_len, struct session_head *head)
{
    static const struct shape shapes[ROOM_MSG_KINDS] = {
        [ROOM_MSG_STEP1] = {2, {TYPE_SYNC, 0}, true},
        [ROOM_MSG_STEP2] = {2, {TYPE_SYNC, 1}, true},
        [ROOM_MSG_UPDATE] = {2, {TYPE_SYNC, 2}, true},
        [ROOM_MSG_AWARENESS] = {1, {TYPE_AWARENESS}, true},
        [ROOM_MSG_QUERY] = {1, {TYPE_QUERY}, false},
        [ROOM_MSG_STATELESS] = {1, {TYPE_STATELESS}, true},
        [ROOM_MSG_STATUS] = {1, {TYPE_STATUS}, false},
    };
    if (message >= ROOM_MSG_KINDS || shapes[message].len == 0) return false;
    if (!begin_head(s, doc, head)) return false;
    end_head(shapes[message], payload_len, head);
    return true;
}

static bool hocuspocus_note(const struct session *s, uint32_t doc, enum session_note note,
                            size_t payload_len, struct session_head *head)
{
    static const struct shape shapes[] = {
        [SESSION_NOTE_ADMITTED] = {2, {TYPE_AUTH, AUTH_ADMITTED}, true},
        [SESSION_NOTE_REFUSED] = {2, {TYPE_AUTH, AUTH_REFUSED}, true},
        [SESSION_NOTE_TOKEN] = {2, {TYPE_AUTH, AUTH_TOKEN}, false},
    };
    if (!begin_head(s, doc, head)) return false;
    end_head(shapes[note], payload_len, head);
    return true;
}

static uint32_t hocuspocus_wire(const struct session *s, uint32_t doc)
{
    const struct address *at = addresses_get(s->addresses, doc);
    // In one room all names are the same, but not what stands behind them.
    return at != NULL && at->name_len == at->len ? SESSION_WIRE_HOCUSPOCUS : SESSION_WIRE_OWN;
}

static uint32_t hocuspocus_wants(const struct session *s, uint32_t doc)
{
    const struct address *at = addresses_get(s->addresses, doc);
    bool raise = at != NULL && at->keeps_clocks;
    return (uint32_t)ROOM_WANTS_STATUS | (raise ? (uint32_t)ROOM_WANTS_RAISE : 0);
}

const struct dialect dialect_hocuspocus = {hocuspocus_take, hocuspocus_head,  hocuspocus_note,
                                           hocuspocus_wire, hocuspocus_wants, false};
