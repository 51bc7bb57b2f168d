/* turn.c - when a batch goes to the store and when output leaves.
 *
 * A round of the loop only collects. At a turn one batch is submitted and what is ready begins to
 * leave; what the batch releases begins to leave as soon as it is durable. An idle shard turns at
 * the end of each round. A busy one spreads its turns: to write to a room costs about the same for
 * one frame as for fifty, so the next turn waits PACE times as long as the dearest room of the
 * last two turns took, and the busier a room is, the more goes into each write. The dearest room
 * and not all together: waiting does not make the writes of many small rooms cheaper. What many
 * rooms can share is the commit, so the wait also grows with the share of the time in which the
 * loop is busy: idle_ms * busy / (1 - busy), as queues do. Never more than GAP_MAX.
 *
 * The batch is submitted before the writing begins, so the disk works while the sockets do.
 * Writing stops after SLICE_NS and goes on in the next round: meanwhile what came in is read.
 */
#include "host/shard.h"

#define PACE       5
#define GAP_MAX_NS 5000000u
#define GAP_MIN_NS 250000u /* shorter waits are not worth a timer */
#define SLICE_NS   1000000u
#define WINDOW_NS  20000000u /* over which the share of busy time is taken */
#define BUSY_NS    1000000u  /* wait at half load */

static void on_idle(uv_idle_t *idle) { (void)idle; } // it only keeps the loop from sleeping

/* Writes what is ready for SLICE_NS; the rest in the next round. */
static void flush_slice(struct shard *shard)
{
    shard->flushing = outboxes_flush(shard, uv_hrtime() + SLICE_NS);
    if (shard->flushing) {
        (void)uv_idle_start(&shard->turn_idle, on_idle);
    } else {
        (void)uv_idle_stop(&shard->turn_idle);
    }
}

void turn_flush_all(struct shard *shard)
{
    while (outboxes_flush(shard, UINT64_MAX)) {
    }
}

/* Wait that the load asks for, from the last whole window. */
static uint64_t gap_for_load(struct shard *shard, uint64_t now)
{
    uint64_t length = now - shard->window_ns;
    if (length >= WINDOW_NS) {
        uint64_t idle = uv_metrics_idle_time(&shard->loop);
        uint64_t rest = idle - shard->window_idle_ns;
        if (rest < length / 100) rest = length / 100;
        uint64_t busy = rest < length ? length - rest : 0;
        shard->load_gap_ns = BUSY_NS * busy / rest;
        shard->window_ns = now;
        shard->window_idle_ns = idle;
    }
    return shard->load_gap_ns;
}

static void plan_next(struct shard *shard, uint64_t now)
{
    uint64_t gap = gap_for_load(shard, now);
    if (shard->dearest_ns * PACE > gap) gap = shard->dearest_ns * PACE;
    if (shard->dearest_before_ns * PACE > gap) gap = shard->dearest_before_ns * PACE;
    shard->next_turn_ns = now + (gap > GAP_MAX_NS ? GAP_MAX_NS : gap);
    shard->dearest_before_ns = shard->dearest_ns;
    shard->dearest_ns = 0;
}

static void on_turn_timer(uv_timer_t *timer)
{
    struct shard *shard = timer->data;
    shard->turn_armed = false;
    turn_now(shard);
}

static void arm_turn(struct shard *shard, uint64_t now)
{
    if (shard->turn_armed) return;
    shard->turn_armed = true;
    uint64_t wait_ns = shard->next_turn_ns > now ? shard->next_turn_ns - now : 0;
    uv_update_time(&shard->loop); // the wait counts from now, not from the beginning of the round
    (void)uv_timer_start(&shard->turn_timer, on_turn_timer, (wait_ns + 999999) / 1000000, 0);
}

static void submit(struct shard *shard)
{
    if (shard->store == NULL || store_busy(shard->store)) return;
    size_t bytes = store_batch_bytes(shard->store);
    if (bytes > 0) {
        sizes_add(&shard->metrics.batches, bytes);
        shard->metrics.commit_begun_ns = uv_hrtime();
    }
    store_submit(shard->store);
}

void turn_now(struct shard *shard)
{
    plan_next(shard, uv_hrtime());
    flow_turn(shard);
    slots_tick(shard);
    submit(shard);
    bool submitted = shard->store == NULL || store_batch_bytes(shard->store) == 0;
    if (shard->any_paused && submitted && !shard->stopping) conns_resume(shard);
    flush_slice(shard);
    // A socket that took everything can take more, without anything else having to happen.
    if (shard->flow_first != NULL) arm_turn(shard, uv_hrtime());
}

static bool is_due(const struct shard *shard, uint64_t now)
{
    return now + GAP_MIN_NS >= shard->next_turn_ns;
}

void turn_released(struct shard *shard)
{
    if (is_due(shard, uv_hrtime())) {
        turn_now(shard);
    } else {
        flush_slice(shard);
    }
}

static bool has_work(const struct shard *shard)
{
    return shard->dirty.count > 0 || shard->ticking != NULL || shard->flow_first != NULL ||
           (shard->store != NULL && !store_busy(shard->store) &&
            store_batch_bytes(shard->store) > 0);
}

static void on_round_end(uv_check_t *check)
{
    struct shard *shard = check->data;
    if (!has_work(shard)) return;
    uint64_t now = uv_hrtime();
    if (is_due(shard, now)) {
        turn_now(shard);
        return;
    }
    if (shard->flushing) flush_slice(shard);
    arm_turn(shard, now);
}

void turn_init(struct shard *shard)
{
    (void)uv_loop_configure(&shard->loop, UV_METRICS_IDLE_TIME);
    (void)uv_check_init(&shard->loop, &shard->turn);
    shard->turn.data = shard;
    (void)uv_check_start(&shard->turn, on_round_end);
    (void)uv_timer_init(&shard->loop, &shard->turn_timer);
    shard->turn_timer.data = shard;
    (void)uv_idle_init(&shard->loop, &shard->turn_idle);
    late_init(shard);
}
