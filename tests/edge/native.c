/* native.c - a room of this machine behind the events of edge/abi/abi.h: what the wasm build is
 * compared with. On stdin { u32 event, member, flags, length; f64 now; bytes }, on stdout { u32
 * count; count times { u32 kind, member, gated, number, length; bytes } }. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/abi/abi.h"
#include "edge/abi/sum.h"
#include "ops/heap.h"
#include "ydoc/update.h"

#define SEATS      64
#define UPDATES    4096
#define MERGED_MAX ((size_t)1 << 20) /* as in edge/abi/abi.c */

struct out {
    struct yd_buf bytes;
    uint32_t count;
};

static struct room *room;
static struct session *seats[SEATS];
static struct yd_buf row;
static struct out out;
static uint64_t now_ms;
static bool presence_only, joins_relays;

static void must(yd_err err)
{
    if (err == YD_OK) return;
    fprintf(stderr, "native: %s\n", yd_err_name(err));
    exit(1);
}

static void put32(struct yd_buf *buf, uint32_t value)
{
    must(yd_buf_append(buf, (yd_slice){(const uint8_t *)&value, 4}));
}

static void record(uint32_t kind, uint32_t member, bool gated, uint32_t number, yd_slice head,
                   yd_slice body)
{
    const uint32_t words[] = {kind, member, gated, number, (uint32_t)(head.len + body.len)};
    for (int i = 0; i < 5; i++) put32(&out.bytes, words[i]);
    must(yd_buf_append(&out.bytes, head));
    must(yd_buf_append(&out.bytes, body));
    out.count++;
}

static yd_slice text(const char *why) { return (yd_slice){(const uint8_t *)why, strlen(why)}; }

static void tell(uint32_t to, uint32_t member, const struct room_effect *fx)
{
    struct session_head head;
    if (!session_head(seats[member], 0, fx->message, fx->bytes.len, &head)) return;
    record(ABI_SEND, to, fx->gate_seq != 0 && row.len > 0, head.opcode == SESSION_TEXT,
           (yd_slice){head.bytes, head.len}, fx->bytes);
}

static void to_all(const struct room_effect *fx)
{
    bool is_told[SESSION_WIRES] = {false};
    for (uint32_t i = 0; i < SEATS; i++) {
        if (seats[i] == NULL) continue;
        uint32_t wire = session_wire(seats[i], 0);
        if (wire == SESSION_WIRE_OWN) {
            tell(i, i, fx);
        } else if (!is_told[wire]) {
            tell(ABI_ALL - wire, i, fx);
            is_told[wire] = true;
        }
    }
}

static void on_send(const struct room_effect *fx)
{
    if (fx->to == ROOM_TO_ONE) {
        if (seats[fx->member] != NULL) tell(fx->member, fx->member, fx);
    } else if (fx->message != ROOM_MSG_UPDATE || !joins_relays) {
        to_all(fx);
    }
}

/* What waits for a row is relayed with it, as one update if that is a small one. */
static void relay_row(void)
{
    struct yd_update list[UPDATES];
    struct yd_reader r = yd_reader_of(yd_buf_slice(&row));
    size_t count = 0;
    if (!joins_relays) return;
    while (yd_reader_left(&r) > 0 && count < UPDATES)
        list[count++] = (struct yd_update){yd_read_varbytes(&r), YD_V1};
    struct yd_buf merged;
    yd_buf_init(&merged, heap_alloc(), SIZE_MAX / 2);
    if (count > 1 && row.len <= MERGED_MAX) {
        must(yd_update_merge(list, count, YD_V1, &merged, NULL));
        list[0].bytes = yd_buf_slice(&merged);
        count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        to_all(&(struct room_effect){.kind = ROOM_FX_SEND,
                                     .to = ROOM_TO_ALL,
                                     .message = ROOM_MSG_UPDATE,
                                     .gate_seq = 1,
                                     .bytes = list[i].bytes});
    }
    yd_buf_deinit(&merged);
}

static void on_effect(const struct room_effect *fx)
{
    uint8_t sum[SUM_BYTES];
    bool is_base = fx->snapshot == ROOM_SNAPSHOT_BASE, has_more;
    switch (fx->kind) {
    case ROOM_FX_APPEND: must(yd_buf_varbytes(&row, fx->bytes)); break;
    case ROOM_FX_SEND: on_send(fx); break;
    case ROOM_FX_CLOSE:
        record(ABI_CLOSE, fx->member, false, fx->close_code, YD_EMPTY, text(fx->why));
        break;
    case ROOM_FX_IGNORED: record(ABI_IGNORED, fx->member, false, 0, YD_EMPTY, text(fx->why)); break;
    case ROOM_FX_HOLD: // nobody is behind here either
    case ROOM_FX_RESUME: break;
    case ROOM_FX_SNAPSHOT:
        has_more = row.len > 0;
        relay_row();
        yd_buf_clear(&row);
        sum_make(is_base ? SUM_BASE : SUM_DELTA, fx->bytes, sum);
        record(ABI_SNAPSHOT, ABI_ALL, has_more, is_base, (yd_slice){sum, sizeof sum}, fx->bytes);
        break;
    }
}

static void step(struct room_event ev)
{
    struct room_effects fx;
    ev.now_ms = now_ms;
    if (ev.bytes.ptr == NULL) ev.bytes = YD_EMPTY;
    must(room_step(room, &ev, &fx));
    for (size_t i = 0; i < fx.count; i++) on_effect(&fx.list[i]);
}

static void on_open(yd_slice bytes)
{
    static struct abi_opts o; // the room borrows its names
    memcpy(&o, bytes.ptr, sizeof o);
    const struct room_opts opts = {.update_bytes_max = o.message_bytes_max,
                                   .doc_bytes_max = o.doc_bytes_max,
                                   .keepalive_ms = o.keepalive_ms,
                                   .part_bytes = (size_t)1 << 30, // as at the edge
                                   .compact_updates = o.compact_updates,
                                   .compact_bytes = o.compact_bytes,
                                   .compact_idle_ms = o.compact_idle_ms,
                                   .keep_deleted = o.keep_deleted != 0,
                                   .presence_only = o.presence_only != 0,
                                   .awareness_state_max = o.presence_bytes_max,
                                   .member_clients_max = o.presence_clients_max,
                                   .member_states_per_s = o.presence_updates_per_s,
                                   .naming = {o.naming[0], o.naming[1], o.naming[2], o.naming[3]}};
    presence_only = opts.presence_only;
    joins_relays = o.joins_relays != 0;
    must(room_new(heap_alloc(), &opts, &room));
}

static void admit(uint32_t member, uint32_t flags)
{
    yd_slice right = (flags & ABI_WRITER) != 0 && !presence_only ? YD_LITERAL("read-write")
                                                                 : YD_LITERAL("readonly");
    struct session_head head;
    if (!session_note(seats[member], 0, SESSION_NOTE_ADMITTED, right.len, &head)) return;
    record(ABI_SEND, member, false, 0, (yd_slice){head.bytes, head.len}, right);
}

static void on_right(uint32_t member, uint32_t flags)
{
    enum room_right right = (flags & ABI_WRITER) != 0 ? ROOM_WRITE : ROOM_READ;
    admit(member, flags);
    step((struct room_event){.kind = ROOM_EV_RIGHT, .member = member, .right = right});
}

static void on_join(enum room_event_kind kind, uint32_t member, uint32_t flags, yd_slice bytes)
{
    struct yd_reader r = yd_reader_of(bytes);
    struct room_identity who = {YD_EMPTY, YD_EMPTY, YD_EMPTY};
    bool named = (flags & ABI_NAMED) != 0;
    if (named) {
        who.user_id = yd_read_varbytes(&r);
        who.name = yd_read_varbytes(&r);
        who.color = yd_read_varbytes(&r);
    }
    bool many = (flags & ABI_HOCUSPOCUS) != 0;
    struct session_opts opts = {.dialect = many ? SESSION_HOCUSPOCUS : SESSION_YWS,
                                .speaks_text = (flags & ABI_SPEAKS_TEXT) != 0,
                                .batch_bytes_max = (size_t)48 << 20};
    must(session_new(heap_alloc(), opts, &seats[member]));
    if (many) {
        struct session_event ev;
        must(session_recv(seats[member], SESSION_BINARY, yd_read_varbytes(&r), &ev));
        if (kind == ROOM_EV_JOIN) admit(member, flags);
    }
    step((struct room_event){.kind = kind,
                             .member = member,
                             .right = (flags & ABI_WRITER) != 0 ? ROOM_WRITE : ROOM_READ,
                             .wants = session_wants(seats[member], 0),
                             .identity = named ? &who : NULL,
                             .bytes = {r.at, yd_reader_left(&r)}});
}

static void on_message(uint32_t member, enum session_opcode opcode, yd_slice bytes)
{
    struct session_event ev;
    must(session_recv(seats[member], opcode, bytes, &ev));
    if (ev.kind == SESSION_EV_MESSAGE) {
        step((struct room_event){
            .kind = ROOM_EV_MESSAGE, .member = member, .message = ev.message, .bytes = ev.bytes});
    } else if (ev.kind == SESSION_EV_CLOSE) {
        record(ABI_CLOSE, member, false, ev.close_code, YD_EMPTY, text(ev.why));
    } else if (ev.kind == SESSION_EV_OTHER) {
        record(ABI_OTHER, member, false, 0, YD_EMPTY, YD_EMPTY);
    } else if (ev.kind == SESSION_EV_IGNORED) {
        record(ABI_IGNORED, member, false, 0, YD_EMPTY, text(ev.why));
    }
}

static void on_ask(uint32_t event, uint32_t member)
{
    struct yd_buf bytes;
    uint8_t sum[SUM_BYTES];
    yd_slice head = YD_EMPTY;
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    if (event == ABI_ROW) {
        must(yd_buf_append(&bytes, yd_buf_slice(&row)));
        sum_make(SUM_ROW, yd_buf_slice(&row), sum);
        head = (yd_slice){sum, sizeof sum};
    }
    if (event == ABI_PRESENCE) must(room_kept_of(room, member, &bytes));
    if (event == ABI_STATE) must(yd_doc_encode_state(room_doc(room), YD_EMPTY, YD_V1, &bytes));
    if (event == ABI_VECTOR) must(yd_doc_state_vector(room_doc(room), &bytes));
    record(ABI_BYTES, ABI_ALL, false, 0, head, yd_buf_slice(&bytes));
    yd_buf_deinit(&bytes);
    if (event == ABI_ROW) {
        relay_row();
        yd_buf_clear(&row);
    }
}

static void on_event(uint32_t event, uint32_t member, uint32_t flags, yd_slice bytes)
{
    switch (event) {
    case ABI_OPEN: on_open(bytes); break;
    case ABI_JOIN: on_join(ROOM_EV_JOIN, member, flags, bytes); break;
    case ABI_RESUME: on_join(ROOM_EV_RESUME, member, flags, bytes); break;
    case ABI_TEXT: on_message(member, SESSION_TEXT, bytes); break;
    case ABI_BINARY: on_message(member, SESSION_BINARY, bytes); break;
    case ABI_RIGHT: on_right(member, flags); break;
    case ABI_TICK: step((struct room_event){.kind = ROOM_EV_TICK}); break;
    case ABI_TIMER: step((struct room_event){.kind = ROOM_EV_TIMER}); break;
    case ABI_COMPACT: step((struct room_event){.kind = ROOM_EV_COMPACT}); break;
    case ABI_LEAVE:
        session_free(seats[member]);
        seats[member] = NULL;
        step((struct room_event){.kind = ROOM_EV_LEAVE, .member = member});
        break;
    default: on_ask(event, member);
    }
}

int main(void)
{
    struct {
        uint32_t event, member, flags, len;
        double now;
    } head;
    yd_buf_init(&row, heap_alloc(), SIZE_MAX / 2);
    yd_buf_init(&out.bytes, heap_alloc(), SIZE_MAX / 2);
    while (fread(&head, sizeof head, 1, stdin) == 1) {
        uint8_t *bytes = malloc(head.len + 1);
        if (bytes == NULL || fread(bytes, 1, head.len, stdin) != head.len) return 1;
        if (head.now > (double)now_ms) now_ms = (uint64_t)head.now;
        yd_buf_clear(&out.bytes);
        out.count = 0;
        on_event(head.event, head.member, head.flags,
                 head.len == 0 ? YD_EMPTY : (yd_slice){bytes, head.len});
        if (fwrite(&out.count, 4, 1, stdout) != 1 ||
            fwrite(out.bytes.ptr, 1, out.bytes.len, stdout) != out.bytes.len) {
            return 1;
        }
        free(bytes);
    }
    for (int i = 0; i < SEATS; i++) session_free(seats[i]);
    room_free(room);
    yd_buf_deinit(&row);
    yd_buf_deinit(&out.bytes);
    return 0;
}
