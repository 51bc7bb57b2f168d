/* abi.c - the exports: see abi.h. One room an instance, so what it is made of stands here. */
#include "abi.h"

#include <string.h>

#include "mem.h"
#include "outbox.h"
#include "seats.h"
#include "sum.h"
#include "ydoc/update.h"

#define EXPORT(name)    __attribute__((export_name(name), used))
#define INBOX_BYTES     ((size_t)64 << 10)
#define BATCH_BYTES_MAX ((size_t)48 << 20)
#define MERGE_BYTES_MAX                                                                            \
    ((size_t)1 << 20) /* more is relayed as it came: copies would cost memory                      \
                       */

static struct abi_box box;
static struct outbox outbox;
static struct yd_buf inbox;
static struct yd_buf row;     /* what the next journal row will hold */
static struct yd_buf row_out; /* the one that was given last */
static struct yd_buf merged;  /* the updates of a row as one */
static struct room *room;
static struct abi_opts opts;
static struct seats seats;
static uint64_t now_ms;

EXPORT("abi_box") struct abi_box *abi_box(void);
EXPORT("abi_reserve") int32_t abi_reserve(uint32_t len);
EXPORT("abi_step")
int32_t abi_step(uint32_t event, uint32_t member, uint32_t flags, uint32_t len, double now);

/* ---- what a room wants ------------------------------------------------------------------------
 */

static yd_err on_send(const struct room_effect *fx)
{
    bool is_relay = fx->to == ROOM_TO_ALL && fx->message == ROOM_MSG_UPDATE;
    if (is_relay && opts.joins_relays != 0) return YD_OK; // leaves with its row, see relay_row()
    struct abi_record record = {
        .kind = ABI_SEND,
        .member = fx->member,
        .gated = fx->gate_seq != 0 && row.len > 0,
    };
    return fx->to == ROOM_TO_ONE ? seats_tell(&seats, &outbox, record, fx->message, fx->bytes)
                                 : seats_tell_all(&seats, &outbox, record, fx->message, fx->bytes);
}

static yd_err relay(yd_slice update)
{
    struct abi_record record = {.kind = ABI_SEND, .gated = 1};
    return seats_tell_all(&seats, &outbox, record, ROOM_MSG_UPDATE, update);
}

/* Sets merged to what all updates of a row do. */
static yd_err row_merge(yd_slice updates, uint32_t count)
{
    yd_alloc a = wasm_alloc();
    size_t size = count * sizeof(struct yd_update);
    struct yd_update *list = a.resize(a.ctx, NULL, 0, size);
    if (list == NULL) return YD_ENOMEM;
    struct yd_reader r = yd_reader_of(updates);
    for (uint32_t i = 0; i < count; i++) {
        list[i] = (struct yd_update){yd_read_varbytes(&r), YD_V1};
    }
    yd_buf_clear(&merged);
    yd_err err = yd_update_merge(list, count, YD_V1, &merged, NULL);
    (void)a.resize(a.ctx, list, size, 0);
    return err;
}

/* A hundred updates cost a receiver, and the host for each receiver, a hundred times what one
 * costs. updates: those of a row, which stay where they are until the next call. */
static yd_err relay_row(yd_slice updates, uint32_t count)
{
    if (opts.joins_relays == 0 || count == 0) return YD_OK;
    if (count > 1 && updates.len <= MERGE_BYTES_MAX) {
        yd_err err = row_merge(updates, count);
        return err == YD_OK ? relay(yd_buf_slice(&merged)) : err;
    }
    struct yd_reader r = yd_reader_of(updates);
    for (uint32_t i = 0; i < count; i++) {
        yd_err err = relay(yd_read_varbytes(&r));
        if (err != YD_OK) return err;
    }
    return YD_OK;
}

static yd_err on_append(const struct room_effect *fx)
{
    box.row_updates++;
    return yd_buf_varbytes(&row, fx->bytes);
}

/* The host stores it together with nothing else: what waited for a row is in it. */
/* No sync is larger, so each is one message. */
#define PART_BYTES ((size_t)1 << 30)

static yd_err on_snapshot(const struct room_effect *fx)
{
    uint8_t sum[SUM_BYTES];
    bool is_base = fx->snapshot == ROOM_SNAPSHOT_BASE, has_more = row.len > 0;
    yd_err err = relay_row(yd_buf_slice(&row), box.row_updates);
    if (err != YD_OK) return err;
    yd_buf_clear(&row);
    box.row_updates = 0;
    sum_make(is_base ? SUM_BASE : SUM_DELTA, fx->bytes, sum);
    struct abi_record record = {
        .kind = ABI_SNAPSHOT, .member = ABI_ALL, .gated = has_more, .number = is_base};
    return outbox_send(&outbox, record, (yd_slice){sum, sizeof sum}, fx->bytes);
}

static yd_err on_effect(const struct room_effect *fx)
{
    switch (fx->kind) {
    case ROOM_FX_APPEND: return on_append(fx);
    case ROOM_FX_SEND: return on_send(fx);
    case ROOM_FX_SNAPSHOT: return on_snapshot(fx);
    case ROOM_FX_CLOSE:
        return outbox_text(
            &outbox,
            (struct abi_record){.kind = ABI_CLOSE, .member = fx->member, .number = fx->close_code},
            fx->why);
    case ROOM_FX_IGNORED:
        return outbox_text(&outbox, (struct abi_record){.kind = ABI_IGNORED, .member = fx->member},
                           fx->why);
    // The runtime buffers what a socket does not take: nobody is behind, and no sync has parts.
    case ROOM_FX_HOLD:
    case ROOM_FX_RESUME: break;
    }
    return YD_OK;
}

static yd_err step(struct room_event ev)
{
    struct room_effects fx;
    ev.now_ms = now_ms;
    if (ev.bytes.ptr == NULL) ev.bytes = YD_EMPTY;
    yd_err err = room_step(room, &ev, &fx);
    for (size_t i = 0; i < fx.count && err == YD_OK; i++) err = on_effect(&fx.list[i]);
    return err;
}

/* ---- events -----------------------------------------------------------------------------------
 */

static yd_err on_open(yd_slice bytes)
{
    if (room != NULL || bytes.len != sizeof opts) return YD_ESTATE;
    memcpy(&opts, bytes.ptr, sizeof opts);
    struct room_opts o = {
        .update_bytes_max = opts.message_bytes_max,
        .doc_bytes_max = opts.doc_bytes_max,
        .keepalive_ms = opts.keepalive_ms,
        .part_bytes = PART_BYTES,
        .compact_updates = opts.compact_updates,
        .compact_bytes = opts.compact_bytes,
        .compact_idle_ms = opts.compact_idle_ms,
        .keep_deleted = opts.keep_deleted != 0,
        .presence_only = opts.presence_only != 0,
        .awareness_state_max = opts.presence_bytes_max,
        .member_clients_max = opts.presence_clients_max,
        .member_states_per_s = opts.presence_updates_per_s,
        .naming = {opts.naming[0], opts.naming[1], opts.naming[2], opts.naming[3]},
    };
    return room_new(wasm_alloc(), &o, &room);
}

static yd_err on_load(yd_slice bytes)
{
    return step((struct room_event){.kind = ROOM_EV_LOAD, .bytes = bytes});
}

static yd_err on_load_row(yd_slice bytes)
{
    struct yd_reader r = yd_reader_of(bytes);
    uint64_t count = 0;
    while (yd_reader_left(&r) > 0) {
        yd_slice update = yd_read_varbytes(&r);
        yd_err err = r.failed ? YD_EMALFORMED : on_load(update);
        if (err != YD_OK) return err;
        count++;
    }
    room_loaded_appends(room, count, bytes.len);
    return YD_OK;
}

static struct session_opts session_of(uint32_t flags)
{
    return (struct session_opts){
        .dialect = (flags & ABI_HOCUSPOCUS) != 0 ? SESSION_HOCUSPOCUS : SESSION_YWS,
        .speaks_text = (flags & ABI_SPEAKS_TEXT) != 0,
        .batch_bytes_max = opts.message_bytes_max == 0 ? BATCH_BYTES_MAX : opts.message_bytes_max,
        .docs_max = 1,
    };
}

static enum room_right right_of(uint32_t flags)
{
    return (flags & ABI_WRITER) != 0 ? ROOM_WRITE : ROOM_READ;
}

static yd_err admit(uint32_t member, uint32_t flags)
{
    bool writes = right_of(flags) == ROOM_WRITE && opts.presence_only == 0;
    return seats_admit(&seats, &outbox, member, writes);
}

static yd_err on_join(enum room_event_kind kind, uint32_t member, uint32_t flags, yd_slice bytes)
{
    struct yd_reader r = yd_reader_of(bytes);
    struct room_identity who;
    bool named = (flags & ABI_NAMED) != 0;
    if (named) {
        who.user_id = yd_read_varbytes(&r);
        who.name = yd_read_varbytes(&r);
        who.color = yd_read_varbytes(&r);
    }
    yd_slice opening = (flags & ABI_HOCUSPOCUS) != 0 ? yd_read_varbytes(&r) : YD_EMPTY;
    if (r.failed) return YD_EMALFORMED;
    yd_err err = seats_add(&seats, member, session_of(flags), opening);
    if (err != YD_OK) return err;
    struct seat *seat = seats_get(&seats, member);
    seat->right = right_of(flags);
    box.wire = seat->wire;
    if (kind == ROOM_EV_JOIN) err = admit(member, flags);
    if (err != YD_OK) return err;
    return step((struct room_event){
        .kind = kind,
        .member = member,
        .right = seat->right,
        .wants = session_wants(seat->session, 0),
        .identity = named ? &who : NULL,
        .bytes = {r.at, yd_reader_left(&r)},
    });
}

static yd_err on_right(uint32_t member, uint32_t flags)
{
    struct seat *seat = seats_get(&seats, member);
    enum room_right before = seat->right;
    seat->right = right_of(flags);
    yd_err err = admit(member, flags);
    if (err != YD_OK || seat->right == before) return err;
    return step((struct room_event){.kind = ROOM_EV_RIGHT, .member = member, .right = seat->right});
}

static yd_err on_leave(uint32_t member)
{
    seats_remove(&seats, member);
    return step((struct room_event){.kind = ROOM_EV_LEAVE, .member = member});
}

static yd_err on_message(uint32_t member, enum session_opcode opcode, yd_slice bytes)
{
    struct session *session = seats_get(&seats, member)->session;
    struct session_event ev;
    yd_err err = session_recv(session, opcode, bytes, &ev);
    if (err != YD_OK) return err;
    box.collecting = session_is_collecting(session);
    switch (ev.kind) {
    case SESSION_EV_MESSAGE:
        return step((struct room_event){
            .kind = ROOM_EV_MESSAGE, .member = member, .message = ev.message, .bytes = ev.bytes});
    case SESSION_EV_CLOSE:
        return outbox_text(
            &outbox,
            (struct abi_record){.kind = ABI_CLOSE, .member = member, .number = ev.close_code},
            ev.why);
    case SESSION_EV_IGNORED:
        return outbox_text(&outbox, (struct abi_record){.kind = ABI_IGNORED, .member = member},
                           ev.why);
    case SESSION_EV_OTHER:
        return outbox_push(&outbox, (struct abi_record){.kind = ABI_OTHER, .member = member});
    case SESSION_EV_NONE:
    case SESSION_EV_OPEN: // the host asks for documents, and gives them back
    case SESSION_EV_TOKEN:
    case SESSION_EV_SHUT: break;
    }
    return YD_OK;
}

/* Each as if it had come alone, at the same moment. */
static yd_err on_many(uint32_t from, yd_slice bytes)
{
    size_t at = from;
    yd_err err = at <= bytes.len ? YD_OK : YD_ESTATE;
    while (err == YD_OK && at < bytes.len && !outbox.lends) {
        struct abi_posted head;
        if (bytes.len - at < sizeof head) return YD_ESTATE;
        memcpy(&head, bytes.ptr + at, sizeof head);
        at += sizeof head;
        if (head.len > bytes.len - at || seats_get(&seats, head.member) == NULL) return YD_ESTATE;
        err = on_message(head.member, SESSION_BINARY, (yd_slice){bytes.ptr + at, head.len});
        at += (head.len + 3u) & ~(size_t)3;
    }
    box.taken = (uint32_t)at;
    return err;
}

static yd_err give(yd_slice bytes)
{
    return outbox_push(&outbox, (struct abi_record){.kind = ABI_BYTES,
                                                    .member = ABI_ALL,
                                                    .body = (uint32_t)(uintptr_t)bytes.ptr,
                                                    .body_len = (uint32_t)bytes.len});
}

static yd_err give_row(void)
{
    uint8_t sum[SUM_BYTES];
    struct yd_buf given = row;
    row = row_out;
    row_out = given;
    if (row.cap > INBOX_BYTES) yd_buf_deinit(&row);
    yd_buf_clear(&row);
    uint32_t count = box.row_updates;
    box.row_updates = 0;
    sum_make(SUM_ROW, yd_buf_slice(&row_out), sum);
    struct abi_record record = {.kind = ABI_BYTES, .member = ABI_ALL};
    yd_err err = outbox_send(&outbox, record, (yd_slice){sum, sizeof sum}, yd_buf_slice(&row_out));
    return err == YD_OK ? relay_row(yd_buf_slice(&row_out), count) : err;
}

static yd_err give_document(uint32_t event, uint32_t member)
{
    yd_err err = YD_ESTATE;
    if (event == ABI_PRESENCE) err = room_kept_of(room, member, &outbox.bytes);
    if (event == ABI_STATE) {
        err = yd_doc_encode_state(room_doc(room), YD_EMPTY, YD_V1, &outbox.bytes);
    }
    if (event == ABI_VECTOR) err = yd_doc_state_vector(room_doc(room), &outbox.bytes);
    return err == YD_OK ? give(yd_buf_slice(&outbox.bytes)) : err;
}

static bool is_of_member(uint32_t event)
{
    return event == ABI_LEAVE || event == ABI_TEXT || event == ABI_BINARY || event == ABI_RIGHT;
}

static yd_err on_event(uint32_t event, uint32_t member, uint32_t flags, yd_slice bytes)
{
    if (event == ABI_OPEN) return on_open(bytes);
    if (room == NULL) return YD_ESTATE;
    if (is_of_member(event) && seats_get(&seats, member) == NULL) return YD_ESTATE;
    switch (event) {
    case ABI_LOAD_BASE:
        if (!sum_take(SUM_BASE, &bytes)) return YD_EMALFORMED;
        room_loaded_base(room, bytes.len);
        return on_load(bytes);
    case ABI_LOAD_DELTA: return sum_take(SUM_DELTA, &bytes) ? on_load(bytes) : YD_EMALFORMED;
    case ABI_LOAD_ROW: return sum_take(SUM_ROW, &bytes) ? on_load_row(bytes) : YD_EMALFORMED;
    case ABI_JOIN: return on_join(ROOM_EV_JOIN, member, flags, bytes);
    case ABI_RESUME: return on_join(ROOM_EV_RESUME, member, flags, bytes);
    case ABI_LEAVE: return on_leave(member);
    case ABI_RIGHT: return on_right(member, flags);
    case ABI_TEXT: return on_message(member, SESSION_TEXT, bytes);
    case ABI_BINARY: return on_message(member, SESSION_BINARY, bytes);
    case ABI_TICK: return step((struct room_event){.kind = ROOM_EV_TICK});
    case ABI_TIMER: return step((struct room_event){.kind = ROOM_EV_TIMER});
    case ABI_COMPACT: return step((struct room_event){.kind = ROOM_EV_COMPACT});
    case ABI_ROW: return give_row();
    case ABI_MANY: return on_many(flags, bytes);
    default: return give_document(event, member);
    }
}

/* ---- exports ----------------------------------------------------------------------------------
 */

static void box_fill(void)
{
    box.in = (uint32_t)(uintptr_t)inbox.ptr;
    box.in_cap = (uint32_t)inbox.cap;
    box.out = (uint32_t)(uintptr_t)outbox.list;
    box.out_count = outbox.count;
    box.row_bytes = (uint32_t)row.len;
    if (room == NULL) return;
    uint64_t due = room_due(room);
    box.wants_tick = room_wants_tick(room);
    box.is_dirty = room_is_dirty(room);
    box.has_gap = room_has_gap(room);
    box.due_ms = due == UINT64_MAX ? __builtin_inf() : (double)due;
}

struct abi_box *abi_box(void)
{
    if (inbox.cap == 0) {
        outbox_init(&outbox, wasm_alloc());
        seats.alloc = wasm_alloc();
        yd_buf_init(&inbox, wasm_alloc(), SIZE_MAX / 2);
        yd_buf_init(&row, wasm_alloc(), SIZE_MAX / 2);
        yd_buf_init(&row_out, wasm_alloc(), SIZE_MAX / 2);
        yd_buf_init(&merged, wasm_alloc(), SIZE_MAX / 2);
        if (yd_buf_reserve(&inbox, INBOX_BYTES) != YD_OK) __builtin_trap();
    }
    box_fill();
    return &box;
}

int32_t abi_reserve(uint32_t len)
{
    // What an earlier call gave is over, and a large message came before: give its memory back.
    if (inbox.cap > INBOX_BYTES && len <= INBOX_BYTES) yd_buf_deinit(&inbox);
    yd_buf_clear(&inbox);
    yd_err err = yd_buf_reserve(&inbox, len < INBOX_BYTES ? INBOX_BYTES : len);
    box_fill();
    return err;
}

int32_t abi_step(uint32_t event, uint32_t member, uint32_t flags, uint32_t len, double now)
{
    if (len > inbox.cap) return YD_ESTATE;
    if (now > (double)now_ms) now_ms = (uint64_t)now;
    outbox_reset(&outbox);
    box.collecting = 0;
    yd_slice bytes = len == 0 ? YD_EMPTY : (yd_slice){inbox.ptr, len};
    yd_err err = on_event(event, member, flags, bytes);
    outbox_finish(&outbox);
    box_fill();
    return err == YD_OK ? (int32_t)outbox.count : err;
}
