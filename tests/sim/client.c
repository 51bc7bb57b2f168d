/* client.c - what stock clients do on a socket: y-websocket's with one document, Hocuspocus'
 * providers 2, 3 and 4 with several, each asked for by its address.
 *
 * A Hocuspocus provider counts what is not saved: one when it begins to sync, one more for each
 * change of its user, one less for each time that it is told "saved". At zero its user is shown
 * that all is. What it says without a connection it keeps and says after the first message of the
 * next one; then more is confirmed than it has counted, and its number is not to be trusted. */
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>

enum { TYPE_SYNC, TYPE_AWARENESS, TYPE_AUTH, TYPE_QUERY, TYPE_STATELESS = 5, TYPE_CLOSE = 7 };
#define TYPE_STATUS 8

/* ---- out ------------------------------------------------------------------------------------- */

static size_t address_put(const struct client *c, uint8_t *at)
{
    const uint8_t address[] = {'d', (uint8_t)('0' + c->room), 0, (uint8_t)('a' + c->number)};
    size_t len = c->socket->speech == HOCUSPOCUS_4_ID ? 4 : 2;
    at[0] = (uint8_t)len;
    memcpy(at + 1, address, len);
    return len + 1;
}

/* Provider 4 keeps the newest awareness message of each document. */
static void older_presence_drop(struct client *c, yd_slice head)
{
    struct queue kept = {0}, *offline = &c->socket->offline;
    size_t len = c->socket->speech == HOCUSPOCUS_4_ID ? 6 : 4; // address and type
    while (offline->count > 0) {
        struct frame frame = queue_take(offline);
        if (frame.len >= len && memcmp(frame.bytes, head.ptr, len) == 0) {
            frame_free(&frame);
        } else {
            queue_put(&kept, frame);
        }
    }
    queue_free(offline);
    *offline = kept;
}

static void send(struct client *c, yd_slice head, yd_slice payload)
{
    struct socket *s = c->socket;
    if (!c->attached || (!s->connected && speaks_yws(s))) return;
    bool is_presence = !speaks_yws(s) && head.ptr[head.ptr[0] + 1] == TYPE_AWARENESS;
    if (!s->connected) {
        c->sim->counts[C_QUEUED]++;
        if (is_presence && s->speech >= HOCUSPOCUS_4) older_presence_drop(c, head);
    }
    queue_put(s->connected ? &s->up : &s->offline, frame_of(head, payload, 0));
}

void client_says(struct client *c, uint8_t type, int step, yd_slice payload)
{
    uint8_t head[32];
    size_t len = speaks_yws(c->socket) ? 0 : address_put(c, head);
    head[len++] = type;
    if (step >= 0) head[len++] = (uint8_t)step;
    len += yd_varuint_put(head + len, payload.len);
    send(c, (yd_slice){head, len}, payload);
}

void client_changed(struct client *c, yd_slice update)
{
    if (!c->attached) return;
    c->unsaved++;
    if (!c->socket->connected) c->queued = c->surplus = true;
    client_says(c, TYPE_SYNC, ROOM_MSG_UPDATE, update);
}

void client_token(struct client *c)
{
    static const char version[] = "4.8.0";
    uint8_t head[16];
    if (!c->attached || !c->socket->connected || c->was_ended) return;
    c->was_refused = false;
    c->sim->counts[C_TOKENS]++;
    size_t len = address_put(c, head);
    head[len++] = TYPE_AUTH;
    head[len++] = 0;
    head[len++] = 1;
    head[len++] = 't';
    yd_slice text = {(const uint8_t *)version, sizeof version - 1};
    if (c->socket->speech >= HOCUSPOCUS_4) {
        head[len++] = (uint8_t)text.len;
    } else {
        text = YD_EMPTY;
    }
    send(c, (yd_slice){head, len}, text);
}

static void says_what_it_has(struct client *c)
{
    struct yd_buf sv = buf_new();
    SIM_OK(yd_doc_state_vector(c->doc, &sv));
    client_says(c, TYPE_SYNC, ROOM_MSG_STEP1, yd_buf_slice(&sv));
    yd_buf_deinit(&sv);
}

static void start_sync(struct client *c)
{
    if (!speaks_yws(c->socket) && c->socket->speech != HOCUSPOCUS_2) client_token(c);
    c->unsaved = 1;
    c->was_answered = false;
    c->was_here = true;
    c->was_in = false;
    says_what_it_has(c);
    client_announces(c);
}

void client_force_sync(struct client *c)
{
    if (!c->attached || !c->socket->connected || speaks_yws(c->socket)) return;
    if (c->unsaved != 0) c->surplus = true; // what is under way is confirmed, and not counted
    c->unsaved = 1;
    c->sim->counts[C_FORCED]++;
    says_what_it_has(c);
}

void client_stateless(struct client *c)
{
    char text[24];
    if (!c->attached || !c->socket->connected || speaks_yws(c->socket)) return;
    snprintf(text, sizeof text, "%u:%u", c->number, ++c->said);
    client_says(c, TYPE_STATELESS, -1, (yd_slice){(const uint8_t *)text, strlen(text)});
}

/* ---- in -------------------------------------------------------------------------------------- */

static void takes_sync(struct client *c, uint64_t step, yd_slice bytes)
{
    if (step == ROOM_MSG_STEP1) {
        struct yd_buf state = buf_new();
        SIM_OK(yd_doc_encode_state(c->doc, bytes, YD_V1, &state));
        client_says(c, TYPE_SYNC, ROOM_MSG_STEP2, yd_buf_slice(&state));
        yd_buf_deinit(&state);
        return;
    }
    if (step == ROOM_MSG_STEP2) c->was_answered = true;
    yd_err err = yd_doc_apply(c->doc, bytes, YD_V1, NULL);
    SIM_RULE(c->sim, err == YD_OK, "an update that no client can read");
    SIM_OK(yd_doc_apply(c->seen, bytes, YD_V1, NULL));
}

static void takes_auth(struct client *c, struct yd_reader *r)
{
    uint64_t kind = yd_read_varuint(r);
    if (speaks_yws(c->socket)) {
        c->sim->counts[C_DENIED]++;
        (void)yd_read_varbytes(r);
        return;
    }
    SIM_RULE(c->sim, kind <= 2 && (kind > 0 || c->socket->speech != HOCUSPOCUS_2),
             "P47: nothing is said that a provider throws on");
    if (kind > 0) (void)yd_read_varbytes(r);
    if (kind == 0) client_token(c);
    if (kind == 2) c->was_in = true;
    if (kind != 1) return;
    c->was_refused = true;
    c->was_ended = c->was_in || c->socket->speech == HOCUSPOCUS_2; // which knows no tokens here
}

/* 'number:count' of its sender, whose messages come once each and in order. */
static void takes_stateless(struct client *c, yd_slice text)
{
    char copy[24] = {0};
    unsigned from = SOCKETS, n = 0;
    memcpy(copy, text.ptr, text.len < sizeof copy ? text.len : sizeof copy - 1);
    SIM_RULE(c->sim, sscanf(copy, "%u:%u", &from, &n) == 2 && from < SOCKETS,
             "R42: a stateless message is as it came");
    SIM_RULE(c->sim, n > c->heard[from], "R42: stateless messages come once, in order");
    c->heard[from] = n;
    c->sim->counts[C_STATELESS]++;
}

static void takes_status(struct client *c, bool saved, const struct frame *frame)
{
    c->sim->counts[saved ? C_SAVED : C_UNSAVED]++;
    if (!saved) return;
    SIM_OK(yd_doc_apply(c->safe, (yd_slice){frame->claim, frame->claim_len}, YD_V1, NULL));
    if (!c->attached) return;
    if (c->unsaved > 0 || c->socket->speech == HOCUSPOCUS_2) c->unsaved--;
    SIM_RULE(c->sim, c->unsaved > 0 || c->surplus || c->was_answered,
             "R40: its user is shown to be in sync before it was sent all");
    if (c->unsaved == 0 && !c->surplus) judge_saved(c);
}

static void takes(struct client *c, struct yd_reader *r, const struct frame *frame)
{
    uint64_t type = yd_read_varuint(r);
    bool is_hocuspocus = !speaks_yws(c->socket);
    if (type == TYPE_SYNC) {
        uint64_t step = yd_read_varuint(r);
        takes_sync(c, step, yd_read_varbytes(r));
    } else if (type == TYPE_AWARENESS) {
        client_hears(c, yd_read_varbytes(r));
    } else if (type == TYPE_AUTH) {
        takes_auth(c, r);
    } else if (is_hocuspocus && type == TYPE_STATELESS) {
        takes_stateless(c, yd_read_varbytes(r));
    } else if (is_hocuspocus && type == TYPE_STATUS) {
        takes_status(c, yd_read_varuint(r) == 1, frame);
    } else {
        sim_fail(c->sim, "P47: a message of a type that the client throws on");
    }
    SIM_RULE(c->sim, !r->failed && r->at == r->end, "a frame that no client can read");
}

/* NULL: of none of its documents. */
static struct client *client_of(struct socket *s, struct yd_reader *r)
{
    yd_slice address = speaks_yws(s) ? YD_EMPTY : yd_read_varbytes(r);
    for (uint32_t i = 0; i < ROOMS; i++) {
        uint8_t own[8];
        if (!s->uses[i]) continue;
        if (speaks_yws(s)) return &s->docs[i];
        size_t len = address_put(&s->docs[i], own);
        if (yd_slice_equal(address, (yd_slice){own + 1, len - 1})) return &s->docs[i];
    }
    return NULL;
}

/* What is said about a document that was given back is passed over, except that what was said to
 * be saved was said. */
static bool is_for(const struct client *c, const struct frame *frame)
{
    return c->attached || frame->claim != NULL;
}

static void say_queued(struct socket *s)
{
    while (s->offline.count > 0) queue_put(&s->up, queue_take(&s->offline));
    for (uint32_t i = 0; i < ROOMS; i++) s->docs[i].queued = false;
}

void socket_takes(struct socket *s, const struct frame *frame)
{
    struct yd_reader r = yd_reader_of((yd_slice){frame->bytes, frame->len});
    s->sim->counts[C_DELIVERED]++;
    if (s->offline.count > 0) say_queued(s);
    struct client *c = client_of(s, &r);
    SIM_RULE(s->sim, c != NULL, "P42: a frame of a document that was never asked for");
    if (is_for(c, frame)) takes(c, &r, frame);
}

/* ---- life ------------------------------------------------------------------------------------ */

void client_init(struct client *c, struct socket *socket, uint32_t room)
{
    *c = (struct client){.sim = socket->sim,
                         .socket = socket,
                         .number = socket->number,
                         .room = room,
                         .attached = socket->uses[room]};
    SIM_OK(yd_doc_new(sim_alloc(), NULL, &c->doc));
    SIM_OK(yd_doc_new(sim_alloc(), NULL, &c->seen));
    SIM_OK(yd_doc_new(sim_alloc(), NULL, &c->safe));
}

void client_deinit(struct client *c)
{
    yd_doc_free(c->doc);
    yd_doc_free(c->seen);
    yd_doc_free(c->safe);
}

/* Another provider of the same document: with the awareness of the one before, or, where nobody
 * ever forgets its clock, with one that begins anew. */
void client_attach(struct client *c)
{
    if (c->attached || !c->socket->uses[c->room]) return;
    c->attached = true;
    if (c->sim->forgets_nothing) memset(c->presence, 0, sizeof c->presence);
    memset(c->heard, 0, sizeof c->heard);
    if (c->socket->connected) {
        c->is_heir = c->was_here;
        c->surplus = c->queued || c->was_here; // what the one before said may still be confirmed
        start_sync(c);
    }
    client_moves(c);
}

void client_detach(struct client *c)
{
    uint8_t head[16];
    if (!c->attached || !c->socket->connected || speaks_yws(c->socket)) return;
    client_goes(c);
    size_t len = address_put(c, head);
    head[len++] = TYPE_CLOSE;
    send(c, (yd_slice){head, len}, YD_EMPTY);
    c->attached = c->was_refused = c->was_ended = false;
    client_forgets(c); // nobody tells it of them
    c->sim->counts[C_SHUT]++;
}

/* Another tab of the same user: it has nothing, and what it did not send is lost with the old one.
 */
void client_new_tab(struct client *c)
{
    if ((c->socket->connected && c->attached) || c->tab + 1 == TABS) return;
    yd_doc_free(c->doc);
    SIM_OK(yd_doc_new(sim_alloc(), NULL, &c->doc));
    queue_clear(&c->socket->offline);
    c->tab++;
    memset(c->presence, 0, sizeof c->presence);
    c->has_set = c->surplus = c->queued = false;
    c->sim->counts[C_TABS]++;
}

void socket_connected(struct socket *s)
{
    s->connected = s->reads = true;
    for (uint32_t i = 0; i < ROOMS; i++) {
        struct client *c = &s->docs[i];
        c->was_here = c->is_heir = false;
        memset(c->heard, 0, sizeof c->heard);
        if (c->attached) start_sync(c);
    }
}

void socket_lost(struct socket *s)
{
    s->connected = false;
    queue_clear(&s->up);
    queue_clear(&s->down);
    for (uint32_t i = 0; i < ROOMS; i++) {
        s->docs[i].was_refused = s->docs[i].was_ended = false;
        s->docs[i].surplus = s->docs[i].queued;
        client_forgets(&s->docs[i]);
    }
}
