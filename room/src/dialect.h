/* dialect.h - what one dialect is to a session; private to room/src. A new dialect is one file that
 * fills this table. */
#ifndef ROOM_DIALECT_H
#define ROOM_DIALECT_H

#include "room/session.h"

struct dialect {
    /* One whole binary or text message (chunks are joined before): fills ev. */
    void (*take)(enum session_opcode opcode, yd_slice payload, struct session_event *ev);
    /* The head in front of a payload; false: this dialect cannot say it. */
    bool (*head)(enum room_message message, size_t payload_len, struct session_head *head);
    bool joins_batches; /* y-pk-batch markers are understood */
};

extern const struct dialect dialect_yws;

void event_ignored(struct session_event *ev, const char *why);

/* batch.c: a message that arrives in chunks between two text markers. */
struct batch;
enum batch_marker { BATCH_NO_MARKER, BATCH_START, BATCH_END, BATCH_BROKEN };

enum batch_marker batch_marker_of(yd_slice text);
YD_NODISCARD yd_err batch_start(yd_alloc alloc, size_t bytes_max, yd_slice text,
                                struct batch **batch);
/* Errors: YD_ETOOBIG: more than announced or allowed; YD_ENOMEM. */
YD_NODISCARD yd_err batch_add(struct batch *batch, yd_slice chunk);
/* True if the end marker agrees with the start and with what came. */
bool batch_end(struct batch *batch, yd_slice text, yd_slice *whole);
void batch_free(struct batch *batch);

#endif
