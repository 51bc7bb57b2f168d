/* fuzz_room.c - eight clients talk nonsense through sessions to one room; its effects go to a store
 * of the fuzzer, from which the document must always come back as it is. Three of them speak
 * Hocuspocus: their document "d" is the room, whatever else they open is given back at once.
 *
 * Input   a list of events, each: kind and member (a byte), time passed (a byte), and for raw
 *         messages the length (one or two bytes) and the bytes, for honest updates what of a fixed
 *         history they hold. A restart makes a new room from the store; all members join again.
 * Checks  room_check() after each step; every SEND of an UPDATE is gated on an append that was made
 *         before it; every gate and seq is one that exists; an effect of a member names one that is
 *         in; what the store holds can always be loaded. As long as all updates were honest it
 * gives the same clocks and deletes, at the end after every gap was closed. (Clients that say two
 * different things at one clock diverge in Yjs itself, as soon as one is encoded.)
 */
#include <stdlib.h>
#include <string.h>

#include "room/room.h"
#include "room/session.h"

#define MEMBERS                   8
#define SPEAKS_HOCUSPOCUS(member) ((member) >= 2 && (member) <= 4)
#define APPENDS_MAX               512
#define NOW_STEP                  300
#define LETTERS                   19
#define YD_LIT(s)                                                                                  \
    {                                                                                              \
        (const uint8_t *)(s), sizeof(s) - 1                                                        \
    }

static void *fuzz_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx, (void)old_size;
    if (new_size != 0) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

static const yd_alloc fuzz_alloc = {fuzz_resize, NULL};

struct fuzz {
    struct room *room;
    struct session *sessions[MEMBERS];
    bool held[MEMBERS]; /* NULL: not in */
    uint64_t now_ms;
    uint64_t life_seq; /* appends of this life of the room */
    struct yd_buf base, delta;
    bool has_base, has_delta;
    struct yd_buf appends[APPENDS_MAX];
    size_t append_count;
    bool honest; /* no append but of the fixed history */
    bool raw;    /* the message under way is raw */
};

static void buf_set(struct yd_buf *buf, yd_slice bytes)
{
    yd_buf_deinit(buf);
    yd_buf_init(buf, fuzz_alloc, SIZE_MAX / 2);
    YD_ASSERT(yd_buf_append(buf, bytes) == YD_OK);
}

static void appends_drop(struct fuzz *f)
{
    for (size_t i = 0; i < f->append_count; i++) yd_buf_deinit(&f->appends[i]);
    f->append_count = 0;
}

static void store_snapshot(struct fuzz *f, const struct room_effect *fx)
{
    YD_ASSERT(fx->seq == f->life_seq);
    appends_drop(f);
    if (fx->snapshot == ROOM_SNAPSHOT_BASE) {
        buf_set(&f->base, fx->bytes);
        f->has_base = true;
        f->has_delta = false;
    } else {
        YD_ASSERT(f->has_base);
        buf_set(&f->delta, fx->bytes);
        f->has_delta = true;
    }
}

static void presence_check(yd_slice bytes)
{
    struct yd_reader r = yd_reader_of(bytes);
    for (uint64_t left = yd_read_varuint(&r); left > 0; left--) {
        (void)yd_read_varuint(&r);
        (void)yd_read_varuint(&r);
        YD_ASSERT(yd_json_check(yd_read_varbytes(&r)));
    }
    YD_ASSERT(!r.failed && r.at == r.end);
}

static void send_check(const struct fuzz *f, const struct room_effect *fx)
{
    YD_ASSERT(fx->gate_seq <= f->life_seq);
    YD_ASSERT(fx->message < ROOM_MSG_KINDS);
    if (fx->message == ROOM_MSG_AWARENESS) presence_check(fx->bytes);
    if (fx->message == ROOM_MSG_UPDATE && fx->to == ROOM_TO_ALL) YD_ASSERT(fx->gate_seq > 0);
    if (fx->message == ROOM_MSG_STATELESS) YD_ASSERT(yd_utf8_check(fx->bytes));
    if (fx->message == ROOM_MSG_STATUS) {
        YD_ASSERT(fx->to == ROOM_TO_ONE && fx->bytes.len == 1 && fx->bytes.ptr[0] <= 1);
        YD_ASSERT(fx->gate_seq == (fx->bytes.ptr[0] == 1 ? f->life_seq : 0));
    }
    if (fx->message == ROOM_MSG_STEP2) YD_ASSERT(fx->gate_seq == f->life_seq);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        if (f->sessions[i] == NULL || (fx->to == ROOM_TO_ONE && fx->member != i)) continue;
        struct session_head head;
        bool is_hocuspocus = SPEAKS_HOCUSPOCUS(i);
        bool has_words = fx->message != (is_hocuspocus ? ROOM_MSG_DENIED : ROOM_MSG_STATUS);
        YD_ASSERT(has_words == session_head(f->sessions[i], 0, fx->message, fx->bytes.len, &head));
        if (has_words) YD_ASSERT(head.len > 0 && head.len <= SESSION_HEAD_MAX);
    }
}

static void effect_check(struct fuzz *f, const struct room_effect *fx)
{
    YD_ASSERT(fx->bytes.ptr != NULL);
    switch (fx->kind) {
    case ROOM_FX_APPEND:
        YD_ASSERT(fx->seq == f->life_seq + 1);
        f->life_seq = fx->seq;
        f->honest = f->honest && !f->raw;
        YD_ASSERT(f->append_count < APPENDS_MAX);
        buf_set(&f->appends[f->append_count++], fx->bytes);
        break;
    case ROOM_FX_SEND:
        YD_ASSERT(fx->to == ROOM_TO_ALL || f->sessions[fx->member] != NULL);
        send_check(f, fx);
        break;
    case ROOM_FX_SNAPSHOT: store_snapshot(f, fx); break;
    case ROOM_FX_HOLD:
    case ROOM_FX_RESUME:
        YD_ASSERT(f->held[fx->member] == (fx->kind == ROOM_FX_RESUME));
        f->held[fx->member] = fx->kind == ROOM_FX_HOLD;
        break;
    case ROOM_FX_CLOSE:
    case ROOM_FX_IGNORED: YD_ASSERT(fx->why != NULL); break;
    }
}

static void fuzz_step(struct fuzz *f, struct room_event ev)
{
    ev.now_ms = f->now_ms;
    if (ev.bytes.ptr == NULL) ev.bytes = YD_EMPTY;
    struct room_effects fx;
    YD_ASSERT(room_step(f->room, &ev, &fx) == YD_OK);
    for (size_t i = 0; i < fx.count; i++) effect_check(f, &fx.list[i]);
    YD_ASSERT(room_last_seq(f->room) == f->life_seq);
    room_check(f->room);
}

static void session_begin(struct fuzz *f, uint32_t member)
{
    struct session_opts opts = {.speaks_text = true, .batch_bytes_max = 4096, .docs_max = 3};
    if (SPEAKS_HOCUSPOCUS(member)) opts.dialect = SESSION_HOCUSPOCUS;
    YD_ASSERT(session_new(fuzz_alloc, opts, &f->sessions[member]) == YD_OK);
    if (!SPEAKS_HOCUSPOCUS(member)) return;
    // A provider 3 and two that want their clocks raised.
    const uint8_t token[] = {1, 'd', 2, 0, 0, 3, '4', '.', '5'};
    struct session_event ev;
    yd_slice frame = {token, member == 2 ? 5 : sizeof token};
    YD_ASSERT(session_recv(f->sessions[member], SESSION_BINARY, frame, &ev) == YD_OK);
    YD_ASSERT(ev.kind == SESSION_EV_OPEN && ev.doc == 0);
}

static void member_joins(struct fuzz *f, uint32_t member)
{
    session_begin(f, member);
    enum room_right right = member == MEMBERS - 1 || member == 4 ? ROOM_READ : ROOM_WRITE;
    // Some are somebody, one is nobody, two are the same, and some say themselves who they are.
    static const struct room_identity who[] = {
        {YD_LIT("u1"), YD_LIT("A\""), YD_LIT("#f00")},
        {YD_LIT("u1"), YD_LIT(""), YD_LIT("")},
        {YD_LIT("u2"), YD_LIT("B"), YD_LIT("")},
        {YD_LIT(""), YD_LIT(""), YD_LIT("")},
    };
    // One was in before: its presence clashes with that of others, and a part of it is no JSON.
    static const uint8_t kept[] = {3, 1, 9, 2, '{', '}', 2, 9, 1, '?', 200, 1, 9, 2, '{', '}'};
    fuzz_step(f, (struct room_event){.kind = member == 5 ? ROOM_EV_RESUME : ROOM_EV_JOIN,
                                     .member = member,
                                     .right = right,
                                     .bytes = {kept, member == 5 ? sizeof kept : 0},
                                     .wants = session_wants(f->sessions[member], 0),
                                     .identity = member >= 4 ? &who[member - 4] : NULL});
}

static void member_leaves(struct fuzz *f, uint32_t member)
{
    fuzz_step(f, (struct room_event){.kind = ROOM_EV_LEAVE, .member = member});
    session_free(f->sessions[member]);
    f->sessions[member] = NULL;
    f->held[member] = false;
}

static void member_says(struct fuzz *f, uint32_t member, enum session_opcode opcode, yd_slice bytes)
{
    struct session_event ev;
    YD_ASSERT(session_recv(f->sessions[member], opcode, bytes, &ev) == YD_OK);
    bool is_about_d = ev.kind >= SESSION_EV_OPEN && ev.kind <= SESSION_EV_SHUT && ev.doc == 0;
    if (ev.kind == SESSION_EV_OPEN) {
        YD_ASSERT(ev.name.len <= SESSION_ADDRESS_MAX && !is_about_d);
        session_forget(f->sessions[member], ev.doc);
    }
    if (ev.kind == SESSION_EV_CLOSE || (ev.kind == SESSION_EV_SHUT && is_about_d)) {
        member_leaves(f, member);
    }
    if (ev.kind == SESSION_EV_TOKEN && is_about_d) {
        // As if it were another one each time.
        enum room_right right = ev.token.len % 2 == 1 ? ROOM_READ : ROOM_WRITE;
        fuzz_step(f, (struct room_event){.kind = ROOM_EV_RIGHT, .member = member, .right = right});
    }
    if (ev.kind != SESSION_EV_MESSAGE) return;
    fuzz_step(f, (struct room_event){.kind = ROOM_EV_MESSAGE,
                                     .member = member,
                                     .message = ev.message,
                                     .bytes = ev.bytes});
}

static struct room *room_of_store(const struct fuzz *f)
{
    const struct room_opts opts = {.update_bytes_max = 4096,
                                   .part_bytes = 24,
                                   .pending_bytes_max = 1024,
                                   .awareness_state_max = 64,
                                   .awareness_clients_max = 12,
                                   .compact_updates = 7,
                                   .compact_bytes = 300};
    struct room *room;
    YD_ASSERT(room_new(fuzz_alloc, &opts, &room) == YD_OK);
    struct room_event load = {.kind = ROOM_EV_LOAD, .now_ms = f->now_ms};
    struct room_effects fx;
    if (f->has_base) {
        room_loaded_base(room, f->base.len);
        load.bytes = yd_buf_slice(&f->base);
        YD_ASSERT(room_step(room, &load, &fx) == YD_OK && fx.count == 0);
    }
    if (f->has_delta) {
        load.bytes = yd_buf_slice(&f->delta);
        YD_ASSERT(room_step(room, &load, &fx) == YD_OK && fx.count == 0);
    }
    for (size_t i = 0; i < f->append_count; i++) {
        load.bytes = yd_buf_slice(&f->appends[i]);
        YD_ASSERT(room_step(room, &load, &fx) == YD_OK && fx.count == 0);
    }
    room_check(room);
    return room;
}

static struct yd_buf snapshot_of(struct room *room)
{
    struct yd_buf out;
    yd_buf_init(&out, fuzz_alloc, SIZE_MAX / 2);
    YD_ASSERT(yd_doc_snapshot(room_doc(room), &out) == YD_OK);
    return out;
}

/* What the store holds is what the room holds. Only if nothing waits: how early a part of what is
 * parked is let in depends in Yjs on what it was parked together with. */
static struct room *store_check(const struct fuzz *f)
{
    struct room *copy = room_of_store(f);
    struct yd_pending pending = yd_doc_pending(room_doc(f->room));
    if (!f->honest || pending.structs || pending.deletes) return copy;
    struct yd_buf want = snapshot_of(f->room), got = snapshot_of(copy);
    YD_ASSERT(yd_slice_equal(yd_buf_slice(&want), yd_buf_slice(&got)));
    yd_buf_deinit(&want);
    yd_buf_deinit(&got);
    pending = yd_doc_pending(room_doc(copy));
    YD_ASSERT(!pending.structs && !pending.deletes);
    return copy;
}

static void restart(struct fuzz *f)
{
    bool in[MEMBERS];
    struct room *copy = store_check(f);
    room_free(f->room);
    f->room = copy;
    f->life_seq = 0;
    for (uint32_t i = 0; i < MEMBERS; i++) {
        in[i] = f->sessions[i] != NULL;
        f->held[i] = false;
        session_free(f->sessions[i]);
        f->sessions[i] = NULL;
    }
    for (uint32_t i = 0; i < MEMBERS; i++) {
        if (in[i]) member_joins(f, i);
    }
}

/* Says what y-websocket would, in the member's own dialect. */
static void member_says_plain(struct fuzz *f, uint32_t member, yd_slice bytes)
{
    uint8_t frame[2 + 8192] = {1, 'd'};
    if (!SPEAKS_HOCUSPOCUS(member) || bytes.len > 8192) {
        member_says(f, member, SESSION_BINARY, bytes);
        return;
    }
    memcpy(frame + 2, bytes.ptr, bytes.len);
    member_says(f, member, SESSION_BINARY, (yd_slice){frame, bytes.len + 2});
}

/* Sends letters of the fixed history: client 1..4 has typed LETTERS letters in a row, the first one
 * into the text "t" or, from client 2 on, behind the fourth letter of the client before. */
static void member_types(struct fuzz *f, uint32_t member, uint8_t client, uint8_t clock,
                         uint8_t count)
{
    uint8_t bytes[64] = {0, 2, 0, 1, 1, client, clock};
    size_t len = 7;
    if (clock > 0 || client > 1) {
        bytes[len++] = 0x84;
        bytes[len++] = clock > 0 ? client : (uint8_t)(client - 1);
        bytes[len++] = clock > 0 ? (uint8_t)(clock - 1) : 3;
    } else {
        memcpy(bytes + len, (const uint8_t[]){4, 1, 1, 't'}, 4);
        len += 4;
    }
    bytes[len++] = count;
    for (uint8_t i = 0; i < count; i++) bytes[len++] = (uint8_t)('a' + clock + i);
    bytes[len++] = 0;
    bytes[2] = (uint8_t)(len - 3);
    member_says_plain(f, member, (yd_slice){bytes, len});
}

static void member_deletes(struct fuzz *f, uint32_t member, uint8_t client, uint8_t clock,
                           uint8_t count)
{
    const uint8_t bytes[] = {0, 2, 6, 0, 1, client, 1, clock, count};
    member_says_plain(f, member, (yd_slice){bytes, sizeof bytes});
}

static void play_honest(struct fuzz *f, uint32_t member, struct yd_reader *r)
{
    uint8_t which = yd_read_u8(r), range = yd_read_u8(r);
    uint8_t client = (uint8_t)(1 + (which & 3u)), clock = range & 15u;
    uint8_t count = (uint8_t)(1 + (range >> 4 & 3u));
    if (f->sessions[member] == NULL) member_joins(f, member);
    f->raw = false;
    if ((which & 4u) != 0) {
        member_deletes(f, member, client, clock, count);
    } else {
        member_types(f, member, client, clock, count);
    }
    f->raw = true;
}

/* Closes every gap that honest updates can have left. */
static void heal(struct fuzz *f)
{
    if (f->sessions[0] != NULL) member_leaves(f, 0); // it may be in the middle of a batch
    member_joins(f, 0);
    f->raw = false;
    for (uint8_t client = 1; client <= 4; client++) member_types(f, 0, client, 0, LETTERS);
    f->raw = true;
    struct yd_pending pending = yd_doc_pending(room_doc(f->room));
    YD_ASSERT(!f->honest || (!pending.structs && !pending.deletes));
}

/* A tick, or a socket that takes no more, or one that takes more again. */
static void play_flow(struct fuzz *f, uint32_t member, uint8_t passed)
{
    static const enum room_event_kind kinds[] = {ROOM_EV_TICK, ROOM_EV_BEHIND, ROOM_EV_DRAINED};
    enum room_event_kind kind = kinds[passed % 3];
    if (kind != ROOM_EV_TICK && f->sessions[member] == NULL) return;
    fuzz_step(f, (struct room_event){.kind = kind, .member = member});
}

/* Plays one event of the input; false at its end. */
static bool play(struct fuzz *f, struct yd_reader *r)
{
    uint8_t what = yd_read_u8(r), passed = yd_read_u8(r);
    if (r->failed || f->append_count + 8 >= APPENDS_MAX) return false;
    uint32_t member = what & 7u;
    f->now_ms += (uint64_t)passed * NOW_STEP;
    switch (what >> 3 & 7) {
    case 0:
        if (f->sessions[member] != NULL) {
            member_leaves(f, member);
        } else {
            member_joins(f, member);
        }
        break;
    case 1: play_flow(f, member, passed); break;
    case 2:
        if (room_due(f->room) > f->now_ms && room_due(f->room) != UINT64_MAX) {
            f->now_ms = room_due(f->room);
        }
        fuzz_step(f, (struct room_event){.kind = ROOM_EV_TIMER});
        break;
    case 3:
        if (member == 0) fuzz_step(f, (struct room_event){.kind = ROOM_EV_COMPACT});
        if (member == 1) restart(f);
        if (member > 1) play_honest(f, member, r);
        break;
    default: {
        uint64_t len = yd_read_u8(r);
        if ((what & 0x40) != 0) len |= (uint64_t)yd_read_u8(r) << 8;
        if (len > yd_reader_left(r)) len = yd_reader_left(r);
        yd_slice bytes = yd_read_bytes(r, len);
        enum session_opcode opcode = (what & 0x80) != 0 ? SESSION_TEXT : SESSION_BINARY;
        if (f->sessions[member] == NULL) member_joins(f, member);
        if (SPEAKS_HOCUSPOCUS(member) && opcode == SESSION_TEXT) {
            member_says_plain(f, member, bytes);
        } else {
            member_says(f, member, opcode, bytes);
        }
    }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz fuzz; // large; begins anew each time
    struct fuzz *f = &fuzz;
    memset(f, 0, sizeof *f);
    yd_buf_init(&f->base, fuzz_alloc, SIZE_MAX / 2);
    yd_buf_init(&f->delta, fuzz_alloc, SIZE_MAX / 2);
    for (size_t i = 0; i < APPENDS_MAX; i++) yd_buf_init(&f->appends[i], fuzz_alloc, SIZE_MAX / 2);
    f->honest = f->raw = true;
    f->room = room_of_store(f);
    struct yd_reader r = yd_reader_of((yd_slice){data, size});
    while (play(f, &r)) {
    }
    room_free(store_check(f));
    heal(f);
    room_free(store_check(f));
    for (uint32_t i = 0; i < MEMBERS; i++) {
        if (f->sessions[i] != NULL) member_leaves(f, i);
    }
    room_free(store_check(f));
    room_free(f->room);
    appends_drop(f);
    yd_buf_deinit(&f->base);
    yd_buf_deinit(&f->delta);
    return 0;
}
