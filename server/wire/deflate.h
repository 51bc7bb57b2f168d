/* wire/deflate.h - permessage-deflate (RFC 7692): the offer, messages in, frames out.
 *
 * Both sides give up context takeover, so every message is compressed by itself: what goes to many
 * is compressed once for all, and one state of each direction serves all streams. Rules H80..H84.
 * Threads: a state is used by one at a time. */
#ifndef WIRE_DEFLATE_H
#define WIRE_DEFLATE_H

#include "wire/ws.h"

enum deflate_offer {
    DEFLATE_NONE,   /* nothing that we take was offered */
    DEFLATE_TAKEN,  /* answer with DEFLATE_ANSWER */
    DEFLATE_BROKEN, /* the header is no list of extensions: the handshake fails */
};
/* Reads the value of Sec-WebSocket-Extensions. */
enum deflate_offer deflate_offer_read(yd_slice header);
#define DEFLATE_ANSWER "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

/* ---- in --------------------------------------------------------------------------------------
 */

struct ws_inflate;
struct ws_inflate *ws_inflate_new(void);        /* NULL: out of memory */
void ws_inflate_free(struct ws_inflate *state); /* NULL is allowed */

/* The message of which this is the compressed payload, into an empty buffer whose maximum is the
 * limit. Errors: YD_ETOOBIG (it would be larger, or it is far larger than its payload can honestly
 * be), YD_EMALFORMED, YD_ENOMEM. What the buffer holds then is of no use. */
YD_NODISCARD yd_err ws_inflate(struct ws_inflate *state, yd_slice payload, struct yd_buf *out);

/* ---- out -------------------------------------------------------------------------------------
 */

struct ws_deflate;
/* level: 1 to 9 of zlib; NULL: out of memory. */
struct ws_deflate *ws_deflate_new(int level);
void ws_deflate_free(struct ws_deflate *state); /* NULL is allowed */

/* Frames of this size are worth it; larger ones would keep everybody else waiting. */
struct ws_deflate_range {
    size_t min, max; /* bytes of payload */
};

/* Appends whole frames of ours (see ws_head()) as they are, but for those data frames in range that
 * shrink: these compressed. True: at least one was. `to` is large enough when it can hold the
 * frames. */
bool ws_deflate_frames(struct ws_deflate *state, yd_slice frames, struct ws_deflate_range range,
                       struct yd_buf *to);
/* Whether ws_deflate_frames() would try any; only looks at heads. */
bool ws_deflate_tries(yd_slice frames, struct ws_deflate_range range);

#endif
