/* seats.c - see seats.h. */
#include "seats.h"

#include <string.h>

#define MEMBERS_MAX (1u << 20)

struct seat *seats_get(const struct seats *seats, uint32_t member)
{
    bool is_there = member < seats->cap && seats->list[member].session != NULL;
    return is_there ? &seats->list[member] : NULL;
}

static yd_err grow(struct seats *seats, uint32_t member)
{
    uint32_t cap = seats->cap == 0 ? 8 : seats->cap;
    while (cap <= member) cap *= 2;
    if (cap == seats->cap) return YD_OK;
    struct seat *list = seats->alloc.resize(seats->alloc.ctx, seats->list,
                                            seats->cap * sizeof *list, cap * sizeof *list);
    if (list == NULL) return YD_ENOMEM;
    memset(list + seats->cap, 0, (cap - seats->cap) * sizeof *list);
    seats->list = list;
    seats->cap = cap;
    return YD_OK;
}

/* The frame was checked and cut to this by who let the member in. */
static yd_err open_document(struct session *session, yd_slice opening)
{
    struct session_event ev;
    yd_err err = session_recv(session, SESSION_BINARY, opening, &ev);
    if (err != YD_OK) return err;
    return ev.kind == SESSION_EV_OPEN && ev.doc == 0 ? YD_OK : YD_ESTATE;
}

yd_err seats_add(struct seats *seats, uint32_t member, struct session_opts opts, yd_slice opening)
{
    if (member >= MEMBERS_MAX || seats_get(seats, member) != NULL) return YD_ESTATE;
    struct session *session;
    yd_err err = grow(seats, member);
    if (err == YD_OK) err = session_new(seats->alloc, opts, &session);
    if (err != YD_OK) return err;
    if (opts.dialect == SESSION_HOCUSPOCUS) err = open_document(session, opening);
    if (err != YD_OK) {
        session_free(session);
        return err;
    }
    uint32_t wire = session_wire(session, 0);
    seats->list[member] = (struct seat){.session = session, .wire = wire};
    seats->counts[wire]++;
    return YD_OK;
}

void seats_remove(struct seats *seats, uint32_t member)
{
    struct seat *seat = seats_get(seats, member);
    if (seat == NULL) return;
    seats->counts[seat->wire]--;
    session_free(seat->session);
    seat->session = NULL;
}

static yd_err tell(const struct seat *seat, struct outbox *out, struct abi_record record,
                   enum room_message message, yd_slice bytes)
{
    struct session_head head;
    if (!session_head(seat->session, 0, message, bytes.len, &head)) return YD_OK;
    record.number = head.opcode == SESSION_TEXT;
    return outbox_send(out, record, (yd_slice){head.bytes, head.len}, bytes);
}

yd_err seats_tell(const struct seats *seats, struct outbox *out, struct abi_record record,
                  enum room_message message, yd_slice bytes)
{
    const struct seat *seat = seats_get(seats, record.member);
    return seat == NULL ? YD_OK : tell(seat, out, record, message, bytes);
}

yd_err seats_tell_all(const struct seats *seats, struct outbox *out, struct abi_record record,
                      enum room_message message, yd_slice bytes)
{
    uint32_t left[SESSION_WIRE_OWN + 1];
    memcpy(left, seats->counts, sizeof left);
    yd_err err = YD_OK;
    for (uint32_t i = 0; i < seats->cap && err == YD_OK; i++) {
        const struct seat *seat = &seats->list[i];
        if (seat->session == NULL || left[seat->wire] == 0) continue;
        bool is_own = seat->wire == SESSION_WIRE_OWN;
        left[seat->wire] = is_own ? left[seat->wire] - 1 : 0;
        record.member = is_own ? i : ABI_ALL - seat->wire;
        err = tell(seat, out, record, message, bytes);
        if (left[SESSION_WIRE_YWS] + left[SESSION_WIRE_HOCUSPOCUS] + left[SESSION_WIRE_YWS_TEXT] +
                left[SESSION_WIRE_OWN] ==
            0) {
            break;
        }
    }
    return err;
}

yd_err seats_admit(const struct seats *seats, struct outbox *out, uint32_t member, bool writes)
{
    const struct seat *seat = seats_get(seats, member);
    yd_slice right = writes ? YD_LITERAL("read-write") : YD_LITERAL("readonly");
    struct session_head head;
    if (seat == NULL || !session_note(seat->session, 0, SESSION_NOTE_ADMITTED, right.len, &head)) {
        return YD_OK;
    }
    struct abi_record record = {.kind = ABI_SEND, .member = member};
    return outbox_send(out, record, (yd_slice){head.bytes, head.len}, right);
}
