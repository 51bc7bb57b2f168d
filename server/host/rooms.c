/* rooms.c - the table of rooms in memory: loading, members, leaving memory again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/backups.h"
#include "host/door.h"

/* Stock clients come back 100 ms after an accepted socket is closed, so a refusal waits. */
#define REFUSE_AFTER_MS 1500

static yd_slice slot_name(const struct room_slot *slot)
{
    return (yd_slice){(const uint8_t *)slot->name, slot->name_len};
}

/* What the store answers about the slot from now on is about nobody. */
static void slot_expects_nothing(struct shard *shard, struct room_slot *slot)
{
    if (slot->token == 0) return;
    HASH_DELETE(by_token, shard->loading, slot);
    slot->token = 0;
}

/* Forgets the room. The slot itself stays until the sweep: whoever is in the middle of walking its
 * members finds none left, instead of freed memory. */
static void slot_free(struct shard *shard, struct room_slot *slot)
{
    slot_expects_nothing(shard, slot);
    HASH_DEL(shard->rooms, slot);
    if (slot->peer != NULL) slot->peer->rooms--;
    room_free(slot->room);
    for (uint32_t wire = 0; wire < SESSION_WIRES; wire++) outbox_disown(slot->outs[wire]);
    slot_forget_shared(slot);
    free(slot->members);
    free(slot->leaves);
    slot->leaves = NULL;
    slot->leave_count = slot->leave_cap = 0;
    slot->room = NULL;
    memset(slot->outs, 0, sizeof slot->outs);
    memset(slot->wire_counts, 0, sizeof slot->wire_counts);
    memset(slot->wire_seats, 0, sizeof slot->wire_seats);
    slot->members = NULL;
    slot->member_cap = slot->member_count = slot->member_free = 0;
    slot->state = SLOT_GONE;
    slot->next_gone = shard->gone;
    shard->gone = slot;
}

void slots_bury(struct shard *shard)
{
    struct room_slot *list = shard->gone;
    shard->gone = NULL;
    while (list != NULL) {
        struct room_slot *slot = list;
        list = slot->next_gone;
        if (slot->is_ticking) { // the shard's other list still leads to it
            slot->next_gone = shard->gone;
            shard->gone = slot;
        } else {
            free(slot);
        }
    }
}

void slots_tick(struct shard *shard)
{
    struct room_slot *list = shard->ticking;
    shard->ticking = NULL;
    while (list != NULL) {
        struct room_slot *slot = list;
        list = slot->ticks_next;
        slot->is_ticking = false;
        if (slot->state == SLOT_READY && room_wants_tick(slot->room)) {
            slot_event(slot, shard, (struct room_event){.kind = ROOM_EV_TICK});
        }
    }
}

size_t policy_message_bytes(const struct shard *shard, const struct policy *policy)
{
    int64_t own = policy == NULL ? 0 : policy->message_bytes_max;
    return (size_t)(own > 0 ? own : shard->settings->message_bytes_max);
}

/* Lives as long as the settings, and so longer than the room. */
static struct room_naming policy_naming(const struct policy *policy)
{
    const struct naming *n = &policy->naming;
    return (struct room_naming){n->object, n->keys[0], n->keys[1], n->keys[2]};
}

static yd_err slot_begin(const struct shard *shard, struct room_slot *slot)
{
    const struct policy *policy = slot->policy;
    int64_t own = policy->document_bytes_max;
    struct room_opts opts = {
        .update_bytes_max = policy_message_bytes(shard, policy),
        .doc_bytes_max = (size_t)(own > 0 ? own : shard->settings->document_bytes_max),
        .part_bytes = (size_t)shard->settings->sync_part_bytes,
        .keep_deleted = policy->keeps_deleted,
        .presence_only = !policy->stored,
        .awareness_state_max = (size_t)shard->settings->presence_bytes_max,
        .member_states_per_s = (uint32_t)shard->settings->presence_updates_per_s,
        .member_clients_max = (uint32_t)shard->settings->presence_clients_max,
        .naming = policy_naming(policy),
    };
    return room_new(heap_alloc(), &opts, &slot->room);
}

struct room_slot *slot_find(const struct shard *shard, yd_slice name)
{
    struct room_slot *slot = NULL;
    HASH_FIND(hh, shard->rooms, name.ptr, name.len, slot);
    return slot;
}

/* The room "party/room"; begins to load it, for this address, if it is not in memory. */
struct room_slot *slot_get(struct shard *shard, yd_slice name, const struct policy *policy,
                           struct peer *peer)
{
    struct room_slot *slot = NULL;
    HASH_FIND(hh, shard->rooms, name.ptr, name.len, slot);
    if (slot != NULL) return slot;

    slot = heap_new(sizeof *slot + name.len + 1);
    memcpy(slot->name, name.ptr, name.len);
    slot->name_len = (uint32_t)name.len;
    slot->policy = policy;
    slot->peer = peer;
    if (peer != NULL) peer->rooms++;
    slot->state = SLOT_LOADING;
    HASH_ADD(hh, shard->rooms, name, slot->name_len, slot);
    if (!policy->stored) { // nothing to load: the store does not know of it
        if (slot_begin(shard, slot) != YD_OK) abort();
        slot->state = SLOT_READY;
        return slot;
    }
    slot->token = ++shard->tokens;
    HASH_ADD(by_token, shard->loading, token, sizeof slot->token, slot);
    if (store_load(shard->store, slot_name(slot), slot->token) != YD_OK) abort();
    return slot;
}

/* A number that no member has, with its place in the table. */
static uint32_t number_free(struct room_slot *slot)
{
    uint32_t number = slot->member_free;
    while (number < slot->member_cap && slot->members[number] != NULL) number++;
    if (number == slot->member_cap) {
        uint32_t cap = slot->member_cap == 0 ? 2 : slot->member_cap * 2;
        slot->members = realloc(slot->members, cap * sizeof(struct seat *));
        if (slot->members == NULL) abort();
        memset(slot->members + slot->member_cap, 0,
               (cap - slot->member_cap) * sizeof(struct seat *));
        slot->member_cap = cap;
    }
    return number;
}

void slot_add(struct room_slot *slot, struct seat *seat)
{
    uint32_t number = number_free(slot);
    slot->members[number] = seat;
    slot->member_free = number + 1;
    slot->member_count++;
    slot->empty_ms = 0;
    seat->slot = slot;
    seat->member = number;
}

void slot_wire(struct seat *seat)
{
    seat->wire = (uint8_t)session_wire(seat->conn->session, seat->doc);
    seat->slot->wire_counts[seat->wire]++;
}

static void slot_unwire(struct seat *seat)
{
    struct room_slot *slot = seat->slot;
    if (seat->wire == SEAT_NO_WIRE) return;
    seat_resume(seat);
    slot->wire_counts[seat->wire]--;
    if (seat->wire != SESSION_WIRE_OWN && slot->wire_seats[seat->wire] == seat) {
        slot->wire_seats[seat->wire] = NULL;
    }
    seat->wire = SEAT_NO_WIRE;
}

/* A LEAVE would overwrite the effects that are being carried out, so it waits for their end. */
static void leave_later(struct room_slot *slot, uint32_t member)
{
    if (slot->leave_count == slot->leave_cap) {
        slot->leave_cap = slot->leave_cap == 0 ? 4 : slot->leave_cap * 2;
        slot->leaves = realloc(slot->leaves, slot->leave_cap * sizeof *slot->leaves);
        if (slot->leaves == NULL) abort();
    }
    slot->leaves[slot->leave_count++] = member;
}

/* It has joined the room only in SEAT_IN. */
void slot_remove(struct seat *seat)
{
    struct room_slot *slot = seat->slot;
    struct shard *shard = seat->conn->shard;
    slot_unwire(seat);
    slot->members[seat->member] = NULL;
    seat->slot = NULL;
    if (seat->member < slot->member_free) slot->member_free = seat->member;
    slot->member_count--;
    if (slot->member_count == 0) slot->empty_ms = shard_now(shard);
    if (seat->state != SEAT_IN) return;
    if (slot->stepping) {
        leave_later(slot, seat->member);
    } else {
        slot_event(slot, shard, (struct room_event){.kind = ROOM_EV_LEAVE, .member = seat->member});
    }
}

static bool slot_step(struct room_slot *slot, struct shard *shard, struct room_event ev)
{
    struct room_effects fx;
    if (slot->state != SLOT_READY) return false;
    ev.now_ms = shard_now(shard);
    if (ev.bytes.ptr == NULL) ev.bytes = YD_EMPTY;
    yd_err err = room_step(slot->room, &ev, &fx);
    if (err != YD_OK) {
        LOG(&shard->log, LOG_ERROR, "room failed, dropped from memory",
            LOG_TEXT("room", slot_name(slot)), LOG_CSTR("error", yd_err_name(err)));
        slot_drop(shard, slot, 1011, "room failed, please reconnect");
        return false;
    }
    if (!slot->is_ticking && room_wants_tick(slot->room)) {
        slot->is_ticking = true;
        slot->ticks_next = shard->ticking;
        shard->ticking = slot;
    }
    slot->stepping = true;
    effects_carry_out(shard, slot, &fx, ev.kind == ROOM_EV_MESSAGE ? ev.member : FROM_MANY);
    slot->stepping = false;
    return true;
}

/* One event into the room and its effects out. A room that fails is dropped and loaded anew. */
bool slot_event(struct room_slot *slot, struct shard *shard, struct room_event ev)
{
    bool alive = slot_step(slot, shard, ev);
    while (alive && slot->leave_count > 0) {
        uint32_t member = slot->leaves[--slot->leave_count];
        alive =
            slot_step(slot, shard, (struct room_event){.kind = ROOM_EV_LEAVE, .member = member});
    }
    return alive;
}

/* The update comes from a member of its own, who has no connection: what the room would send it
 * goes nowhere. */
bool slot_merge(struct room_slot *slot, struct shard *shard, yd_slice update)
{
    uint32_t number = number_free(slot);
    bool is_taken = update.len <= policy_message_bytes(shard, slot->policy);
    struct room_event join = {.kind = ROOM_EV_JOIN, .member = number, .right = ROOM_WRITE};
    struct room_event leave = {.kind = ROOM_EV_LEAVE, .member = number};
    if (!is_taken || !slot_event(slot, shard, join)) return false;
    uint64_t ignored = shard->ignored;
    struct room_event say = {
        .kind = ROOM_EV_MESSAGE, .member = number, .message = ROOM_MSG_UPDATE, .bytes = update};
    if (!slot_event(slot, shard, say)) return false;
    is_taken = shard->ignored == ignored;
    return slot_event(slot, shard, leave) && is_taken;
}

/* Forgets the room; who was in it is in none. The list of them is the caller's, to be freed. */
static struct seat **slot_vacate(struct shard *shard, struct room_slot *slot, uint32_t *cap)
{
    struct seat **members = slot->members;
    *cap = slot->member_cap;
    for (uint32_t i = 0; i < *cap; i++) {
        if (members[i] == NULL) continue;
        slot_unwire(members[i]);
        members[i]->slot = NULL;
    }
    slot->members = NULL;
    slot->member_cap = 0;
    slot_free(shard, slot);
    return members;
}

/* Ends all its connections and forgets the room; what is on disk stays. */
void slot_drop(struct shard *shard, struct room_slot *slot, uint32_t code, const char *reason)
{
    shard->drops++;
    uint32_t cap;
    struct seat **members = slot_vacate(shard, slot, &cap);
    for (uint32_t i = 0; i < cap; i++) {
        if (members[i] != NULL) seat_end(members[i], code, reason);
    }
    free(members);
}

#define CODE_BAD     1011
#define CODE_DELETED 4404

/* The same for a document that is one of many on its socket. */
static enum refusal refusal_of_load(uint16_t code)
{
    if (code == CODE_DELETED) return REFUSE_NOT_FOUND;
    return code == CODE_BAD ? REFUSE_UNREADABLE : REFUSE_UNAVAILABLE;
}

/* It is where it was before it was let in: a refusal waits, and a token of it is decided anew. */
static void visit_again(struct seat *seat)
{
    yd_slice name = slot_name(seat->slot), room = seat_room(seat);
    visit_begin(seat, (yd_slice){name.ptr, name.len - room.len - 1}, room, YD_EMPTY);
}

void slot_refuse(struct shard *shard, struct room_slot *slot, uint16_t code, const char *why)
{
    LOG(&shard->log, LOG_ERROR, "room refused", LOG_TEXT("room", slot_name(slot)),
        LOG_CSTR("why", why));
    for (uint32_t i = 0; i < slot->member_cap; i++) {
        struct seat *seat = slot->members[i];
        if (seat != NULL && seat->conn->caller != NULL) visit_again(seat);
    }
    uint32_t cap;
    struct seat **members = slot_vacate(shard, slot, &cap);
    for (uint32_t i = 0; i < cap; i++) {
        if (members[i] == NULL) continue;
        struct conn *conn = members[i]->conn;
        if (conn->caller != NULL) {
            refuse(members[i], refusal_of_load(code));
            continue;
        }
        conn->close_code = code;
        conn->deadline_ms = shard_now(shard) + REFUSE_AFTER_MS;
    }
    free(members);
}

static yd_err slot_feed(struct shard *shard, struct room_slot *slot, const struct store_event *ev)
{
    yd_err err = slot_begin(shard, slot);
    if (err == YD_OK && ev->base_bytes > 0) room_loaded_base(slot->room, ev->base_bytes);
    for (size_t i = 0; i < ev->part_count && err == YD_OK; i++) {
        struct room_event load = {
            .kind = ROOM_EV_LOAD, .bytes = ev->parts[i], .now_ms = shard_now(shard)};
        struct room_effects fx;
        err = room_step(slot->room, &load, &fx);
    }
    return err;
}

void slot_loaded(struct shard *shard, struct store_event *ev)
{
    struct room_slot *slot = NULL;
    HASH_FIND(by_token, shard->loading, &ev->token, sizeof ev->token, slot);
    if (slot == NULL) return; // it was given up meanwhile
    bool is_unknown = ev->kind == STORE_EV_LOADED && ev->lsn == 0;
    if (is_unknown && !slot->was_asked_for && backups_restore(shard, slot)) return;
    slot_expects_nothing(shard, slot);
    shard->metrics.loads[ev->kind == STORE_EV_LOADED         ? 0
                         : ev->kind == STORE_EV_LOAD_DELETED ? 1
                                                             : 2]++;
    if (ev->kind == STORE_EV_LOAD_FAILED) {
        slot_refuse(shard, slot, CODE_BAD, ev->why);
        return;
    }
    if (ev->kind == STORE_EV_LOAD_DELETED) {
        slot_refuse(shard, slot, CODE_DELETED, "the document was deleted");
        return;
    }
    yd_err err = slot_feed(shard, slot, ev);
    if (err != YD_OK) {
        slot_refuse(shard, slot, CODE_BAD, "what is stored is no valid document");
        return;
    }
    slot->state = SLOT_READY;
    if (slot->member_count == 0) slot->empty_ms = shard_now(shard);
    // A member may leave while another is made ready, and the room may fail and be gone.
    uint64_t drops = shard->drops;
    for (uint32_t i = 0; shard->drops == drops && i < slot->member_cap; i++) {
        if (slot->members[i] != NULL) seat_ready(slot->members[i]);
    }
}

void slots_sweep(struct shard *shard, uint64_t now_ms)
{
    struct room_slot *slot = NULL, *next = NULL;
    HASH_ITER(hh, shard->rooms, slot, next)
    {
        if (slot->state != SLOT_READY) continue;
        slot_trim_shared(slot);
        if (slot->empty_ms != 0 &&
            slot->empty_ms + (uint64_t)shard->settings->room_idle_ms <= now_ms) {
            bool alive = true;
            if (room_is_dirty(slot->room)) {
                alive = slot_event(slot, shard, (struct room_event){.kind = ROOM_EV_COMPACT});
            }
            if (alive) slot_free(shard, slot);
        } else if (room_due(slot->room) <= now_ms) {
            slot_event(slot, shard, (struct room_event){.kind = ROOM_EV_TIMER});
        }
    }
}

void slots_free(struct shard *shard)
{
    struct room_slot *slot = NULL, *next = NULL;
    HASH_ITER(hh, shard->rooms, slot, next) { slot_free(shard, slot); }
    slots_tick(shard); // nobody is left who wants one; empties the list
    slots_bury(shard);
}
