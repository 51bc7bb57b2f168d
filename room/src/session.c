/* session.c - one per socket: joins chunks, then lets the dialect say what a message is.
 *
 * Where it sits:   host (one WebSocket message) -> session_recv() -> dialect -> session_event
 *
 * A batch lives from its start marker until the message after its end, because the event of its
 * end points into it.
 */
#include "dialect.h"

#include <string.h>

#define BATCH_BYTES_MAX ((size_t)128 << 20)
#define DOCS_MAX        256

void event_ignored(struct session_event *ev, const char *why)
{
    *ev = (struct session_event){.kind = SESSION_EV_IGNORED, .bytes = YD_EMPTY, .why = why};
}

void event_close(struct session_event *ev, uint32_t code, const char *why)
{
    *ev = (struct session_event){
        .kind = SESSION_EV_CLOSE, .close_code = code, .bytes = YD_EMPTY, .why = why};
}

static const struct dialect *dialect_of(enum session_dialect dialect)
{
    return dialect == SESSION_HOCUSPOCUS ? &dialect_hocuspocus : &dialect_yws;
}

yd_err session_new(yd_alloc alloc, struct session_opts opts, struct session **session)
{
    struct session *s = alloc.resize(alloc.ctx, NULL, 0, sizeof *s);
    if (s == NULL) return YD_ENOMEM;
    memset(s, 0, sizeof *s);
    s->alloc = alloc;
    s->dialect = dialect_of(opts.dialect);
    s->speaks_text = opts.speaks_text;
    s->batch_bytes_max = opts.batch_bytes_max == 0 ? BATCH_BYTES_MAX : opts.batch_bytes_max;
    if (opts.dialect == SESSION_HOCUSPOCUS) {
        uint32_t docs_max = opts.docs_max == 0 ? DOCS_MAX : opts.docs_max;
        yd_err err = addresses_new(alloc, docs_max, &s->addresses);
        if (err != YD_OK) {
            session_free(s);
            return err;
        }
    }
    *session = s;
    return YD_OK;
}

static void batch_drop(struct session *s)
{
    batch_free(s->batch);
    s->batch = NULL;
    s->batch_ended = false;
}

void session_free(struct session *session)
{
    if (session == NULL) return;
    batch_drop(session);
    addresses_free(session->addresses);
    (void)session->alloc.resize(session->alloc.ctx, session, sizeof *session, 0);
}

static yd_err on_start(struct session *s, yd_slice text, struct session_event *ev)
{
    batch_drop(s); // a second start begins anew
    yd_err err = batch_start(s->alloc, s->batch_bytes_max, text, &s->batch);
    if (err != YD_ETOOBIG) return err;
    // The client would send the same again for ever: say why and end it.
    event_close(ev, 1009, "message in chunks is too large");
    return YD_OK;
}

static yd_err on_end(struct session *s, yd_slice text, struct session_event *ev)
{
    yd_slice whole;
    if (s->batch == NULL) {
        event_ignored(ev, "end of chunks without a start");
    } else if (!batch_end(s->batch, text, &whole)) {
        batch_drop(s);
        event_ignored(ev, "chunks do not add up");
    } else {
        s->batch_ended = true;
        return s->dialect->take(s, SESSION_BINARY, whole, ev);
    }
    return YD_OK;
}

static yd_err on_marker(struct session *s, enum batch_marker marker, yd_slice text,
                        struct session_event *ev)
{
    switch (marker) {
    case BATCH_START: return on_start(s, text, ev);
    case BATCH_END: return on_end(s, text, ev);
    case BATCH_BROKEN:
    case BATCH_NO_MARKER: break;
    }
    event_ignored(ev, "broken chunk marker");
    return YD_OK;
}

yd_err session_recv(struct session *session, enum session_opcode opcode, yd_slice payload,
                    struct session_event *ev)
{
    *ev = (struct session_event){
        .kind = SESSION_EV_NONE, .bytes = YD_EMPTY, .name = YD_EMPTY, .token = YD_EMPTY};
    if (session->batch_ended) batch_drop(session);

    if (opcode == SESSION_TEXT && session->dialect->joins_batches) {
        enum batch_marker marker = batch_marker_of(payload);
        if (marker != BATCH_NO_MARKER) return on_marker(session, marker, payload, ev);
    }
    if (session->batch != NULL && opcode == SESSION_BINARY) {
        yd_err err = batch_add(session->batch, payload);
        if (err != YD_ETOOBIG) return err;
        batch_drop(session);
        event_ignored(ev, "more chunks than announced");
        return YD_OK;
    }
    return session->dialect->take(session, opcode, payload, ev);
}

bool session_is_collecting(const struct session *session)
{
    return session->batch != NULL && !session->batch_ended;
}

void session_forget(struct session *session, uint32_t doc)
{
    if (session->addresses != NULL) addresses_remove(session->addresses, doc);
}

bool session_head(const struct session *session, uint32_t doc, enum room_message message,
                  size_t payload_len, struct session_head *head)
{
    return session->dialect->head(session, doc, message, payload_len, head);
}

bool session_note(const struct session *session, uint32_t doc, enum session_note note,
                  size_t payload_len, struct session_head *head)
{
    return session->dialect->note != NULL &&
           session->dialect->note(session, doc, note, payload_len, head);
}

uint32_t session_wire(const struct session *session, uint32_t doc)
{
    return session->dialect->wire(session, doc);
}

uint32_t session_wants(const struct session *session, uint32_t doc)
{
    return session->dialect->wants(session, doc);
}
