/* dialect.h - what one dialect is to a session; private to room/src. A new dialect is one file that
 * fills this table. */
#ifndef ROOM_DIALECT_H
#define ROOM_DIALECT_H

#include "room/session.h"

struct dialect {
    /* One whole binary or text message (chunks are joined before): fills ev, which says NONE.
     * Errors: YD_ENOMEM. */
    yd_err (*take)(struct session *session, enum session_opcode opcode, yd_slice payload,
                   struct session_event *ev);
    /* The head in front of a payload; false: this dialect cannot say it. */
    bool (*head)(const struct session *session, uint32_t doc, enum room_message message,
                 size_t payload_len, struct session_head *head);
    bool (*note)(const struct session *session, uint32_t doc, enum session_note note,
                 size_t payload_len, struct session_head *head); /* NULL: there are no words */
    uint32_t (*wire)(const struct session *session, uint32_t doc);
    uint32_t (*wants)(const struct session *session, uint32_t doc);
    bool joins_batches; /* y-pk-batch markers are understood */
};

extern const struct dialect dialect_yws, dialect_hocuspocus;

struct session {
    yd_alloc alloc;
    const struct dialect *dialect;
    struct batch *batch;
    struct addresses *addresses; /* of a dialect with many documents */
    size_t batch_bytes_max;
    bool speaks_text;
    bool has_heard;   /* a message */
    bool batch_ended; /* the event of its end was handed out: free it at the next call */
};

/* It is what a Hocuspocus provider says first, and nothing of another dialect is. */
bool hocuspocus_is_token(yd_slice payload);

void event_ignored(struct session_event *ev, const char *why);
void event_close(struct session_event *ev, uint32_t code, const char *why);

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

/* addresses.c: the documents of one socket, numbered. */
struct address {
    uint8_t *bytes; /* NULL: this number is free */
    uint32_t len;
    uint32_t name_len; /* up to the NUL, if there is one */
    uint32_t hash;
    bool keeps_clocks; /* see ROOM_WANTS_RAISE */
};

#define ADDRESS_NONE UINT32_MAX

YD_NODISCARD yd_err addresses_new(yd_alloc alloc, uint32_t max, struct addresses **addresses);
void addresses_free(struct addresses *addresses);
uint32_t addresses_find(struct addresses *addresses, yd_slice bytes); /* ADDRESS_NONE: unknown */
/* Errors: YD_ETOOBIG: as many as are allowed are in use; YD_ENOMEM. */
YD_NODISCARD yd_err addresses_add(struct addresses *addresses, yd_slice bytes, uint32_t *doc);
void addresses_remove(struct addresses *addresses, uint32_t doc);
struct address *addresses_get(const struct addresses *addresses, uint32_t doc);

#endif
