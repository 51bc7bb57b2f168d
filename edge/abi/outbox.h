/* outbox.h - the records that a step gives, and the bytes built for them. */
#ifndef EDGE_OUTBOX_H
#define EDGE_OUTBOX_H

#include "abi.h"

struct outbox {
    yd_alloc alloc;
    struct abi_record *list;
    uint32_t count, cap;
    struct yd_buf bytes; /* heads, and small messages in one piece */
    bool lends;          /* a record has bytes that are the room's until its next step */
};

void outbox_init(struct outbox *out, yd_alloc alloc);
void outbox_reset(struct outbox *out);
/* Records with bytes in out->bytes hold offsets until outbox_finish(). */
YD_NODISCARD yd_err outbox_push(struct outbox *out, struct abi_record record);
/* head and payload become one message; large ones are not copied. */
YD_NODISCARD yd_err outbox_send(struct outbox *out, struct abi_record record, yd_slice head,
                                yd_slice payload);
YD_NODISCARD yd_err outbox_text(struct outbox *out, struct abi_record record, const char *text);
void outbox_finish(struct outbox *out);

#endif
