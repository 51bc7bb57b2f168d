/* turn.c - when a batch goes to the store and when output leaves.
 *
 * A turn of the loop only collects. At its end, or later if the shard is busy, one batch is
 * submitted and what is ready is written. An idle shard does so at once. A busy one waits until
 * PACE times the duration of its last flush has passed (at most GAP_MAX): so flushing takes at most
 * a fixed share of the core, and the more there is to send, the more goes into each write. Writing
 * to a socket costs about the same for one frame as for fifty.
 */
#include "host/shard.h"

#define PACE       4
#define GAP_MAX_NS 5000000u
#define GAP_MIN_NS 250000u /* shorter waits are not worth a timer */

static bool has_work(struct shard *shard)
{
    return shard->dirty.count > 0 || (shard->store != NULL && !store_busy(shard->store) &&
                                      store_batch_bytes(shard->store) > 0);
}

static void broadcast_presence(struct shard *shard)
{
    struct room_slot *slot = NULL, *next = NULL;
    HASH_ITER(hh, shard->rooms, slot, next)
    {
        if (slot->state == SLOT_READY && room_wants_tick(slot->room)) {
            slot_event(slot, shard, (struct room_event){.kind = ROOM_EV_TICK});
        }
    }
}

void turn_flush(struct shard *shard)
{
    uint64_t start = uv_hrtime();
    outboxes_flush(shard);
    uint64_t end = uv_hrtime();
    uint64_t gap = (end - start) * PACE;
    shard->next_turn_ns = end + (gap > GAP_MAX_NS ? GAP_MAX_NS : gap);
}

void turn_now(struct shard *shard)
{
    if (shard->presence_changed) {
        shard->presence_changed = false;
        broadcast_presence(shard);
    }
    if (shard->store != NULL && !store_busy(shard->store)) store_submit(shard->store);
    bool submitted = shard->store == NULL || store_batch_bytes(shard->store) == 0;
    if (shard->any_paused && submitted && !shard->stopping) conns_resume(shard);
    turn_flush(shard);
}

static void on_turn_timer(uv_timer_t *timer)
{
    struct shard *shard = timer->data;
    shard->turn_armed = false;
    turn_now(shard);
}

static void on_turn(uv_check_t *check)
{
    struct shard *shard = check->data;
    if (!has_work(shard) && !shard->presence_changed) return;
    uint64_t now = uv_hrtime();
    if (now + GAP_MIN_NS >= shard->next_turn_ns) {
        turn_now(shard);
    } else if (!shard->turn_armed) {
        shard->turn_armed = true;
        uint64_t wait_ms = (shard->next_turn_ns - now + 999999) / 1000000;
        (void)uv_timer_start(&shard->turn_timer, on_turn_timer, wait_ms, 0);
    }
}

void turn_init(struct shard *shard)
{
    (void)uv_check_init(&shard->loop, &shard->turn);
    shard->turn.data = shard;
    (void)uv_check_start(&shard->turn, on_turn);
    (void)uv_timer_init(&shard->loop, &shard->turn_timer);
    shard->turn_timer.data = shard;
}
