/* seats.h - who is in the room: a session each, and how what is said to all looks to them. */
#ifndef EDGE_SEATS_H
#define EDGE_SEATS_H

#include "abi.h"
#include "outbox.h"

struct seat {
    struct session *session; /* NULL: nobody */
    uint32_t wire;
    enum room_right right;
};

struct seats {
    yd_alloc alloc;
    struct seat *list;
    uint32_t cap;
    uint32_t counts[SESSION_WIRE_OWN + 1]; /* members by their wire */
};

/* NULL: nobody has that number. */
struct seat *seats_get(const struct seats *seats, uint32_t member);
/* Begins a session; opening: of Hocuspocus the frame that asks for the document. Errors: YD_ESTATE:
 * the number is taken, or the frame asks for nothing; YD_ENOMEM. */
YD_NODISCARD yd_err seats_add(struct seats *seats, uint32_t member, struct session_opts opts,
                              yd_slice opening);
void seats_remove(struct seats *seats, uint32_t member);
/* One record for each wire that somebody is on, and one for each who is like nobody else. record:
 * kind and gated are set. */
YD_NODISCARD yd_err seats_tell_all(const struct seats *seats, struct outbox *out,
                                   struct abi_record record, enum room_message message,
                                   yd_slice bytes);
YD_NODISCARD yd_err seats_tell(const struct seats *seats, struct outbox *out,
                               struct abi_record record, enum room_message message, yd_slice bytes);
/* What a member may do, where its dialect has words for that. */
YD_NODISCARD yd_err seats_admit(const struct seats *seats, struct outbox *out, uint32_t member,
                                bool writes);

#endif
