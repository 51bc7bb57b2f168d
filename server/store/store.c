/* store.c - the queue between the loop thread and the store's thread.
 *
 * Where it sits:   host -> store_*() -> queue -> thread -> database.c, snapshot.c -> events -> host
 *
 * The thread takes a batch; then a slice of the oldest other work or of trimming, in turn, even if
 * the next batch is there already. So a commit waits for one slice at most, and neither loads and
 * snapshots nor trimming are starved by commits that follow each other. Loads and snapshots keep
 * their order among themselves, one is finished before the next begins, and none begins before the
 * batches that were submitted before it: a load submits the one being built, so it sees all that
 * was appended.
 */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ops/heap.h"
#include "store/queue.h"

static void queue_init(struct work_queue *q)
{
    q->first = NULL;
    q->last = &q->first;
}

static void queue_push(struct work_queue *q, struct work *w)
{
    w->next = NULL;
    *q->last = w;
    q->last = &w->next;
}

static struct work *queue_pop(struct work_queue *q)
{
    struct work *w = q->first;
    if (w == NULL) return NULL;
    q->first = w->next;
    if (q->first == NULL) q->last = &q->first;
    return w;
}

static void work_free(struct work *w)
{
    if (w == NULL) return;
    if (w->kind == WORK_BATCH) yd_buf_deinit(&w->batch.bytes);
    if (w->kind == WORK_SNAPSHOT || w->kind == WORK_REPLACE) snapshot_job_deinit(&w->snapshot);
    if (w->kind == WORK_LOAD) load_job_deinit(&w->load);
    if (w->kind == WORK_HISTORY) history_job_deinit(&w->history);
    yd_buf_deinit(&w->bytes);
    free(w);
}

/* What waits in memory with it, beside names and the like. */
static uint64_t work_bytes(const struct work *w)
{
    bool has_content = w != NULL && (w->kind == WORK_SNAPSHOT || w->kind == WORK_REPLACE);
    return has_content ? w->snapshot.content.bytes.cap : 0;
}

struct work *work_new(struct store *s, enum work_kind kind, uint64_t token)
{
    if (kind != WORK_BATCH) store_submit(s);
    struct work *w = heap_new(sizeof *w);
    w->kind = kind;
    w->token = token;
    w->after_batch = s->next_number - 1;
    yd_buf_init(&w->bytes, heap_alloc(), SIZE_MAX / 2);
    return w;
}

size_t work_keep(struct work *w, yd_slice bytes)
{
    size_t at = w->bytes.len;
    if (yd_buf_append(&w->bytes, bytes) != YD_OK) abort(); // memory
    return at;
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

static uint64_t lsn_of_batch(const struct store *s, uint64_t batch)
{
    size_t i = s->numbering_count - 1;
    while (i > 0 && s->numberings[i].from > batch) i--;
    return batch + s->numberings[i].plus;
}

/* After each piece of work. What is still asked for is after_batch or later. */
static yd_err numberings_update(struct store *s, uint64_t after_batch)
{
    size_t old = 0;
    while (old + 1 < s->numbering_count && s->numberings[old + 1].from <= after_batch) old++;
    s->numbering_count -= old;
    memmove(s->numberings, s->numberings + old, s->numbering_count * sizeof *s->numberings);
    uint64_t plus = s->db.lsn - s->last_batch;
    if (s->numberings[s->numbering_count - 1].plus == plus) return YD_OK;
    struct numbering *list = realloc(s->numberings, (s->numbering_count + 1) * sizeof *list);
    if (list == NULL) return YD_ENOMEM;
    s->numberings = list;
    list[s->numbering_count++] = (struct numbering){s->last_batch + 1, plus};
    return YD_OK;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void event_emit(struct store *s, const struct store_event *ev)
{
    struct event_node *node = heap_new(sizeof *node);
    node->ev = *ev;
    uv_mutex_lock(&s->mutex);
    *s->events_last = node;
    s->events_last = &node->next;
    uv_cond_signal(&s->answer);
    uv_mutex_unlock(&s->mutex);
    if (s->opts.wake != NULL) s->opts.wake(s->opts.wake_ctx);
}

static void stats_update(struct store *s)
{
    const struct database *db = &s->db;
    struct store_stats stats = {.rooms = db->rooms.count,
                                .bad_rooms = db->rooms.bad + db->rooms.damaged,
                                .warm_rooms = db->rooms.warm,
                                .journal_bytes = db->journal_bytes,
                                .erasures = db->erasure_count,
                                .scrubbed = db->scrubbed,
                                .scrub_rounds = db->scrub_rounds,
                                .bookmark = {db->epoch, db->lsn}};
    memcpy(stats.bad_room, db->rooms.bad_name, sizeof stats.bad_room);
    uv_mutex_lock(&s->mutex);
    s->stats = stats;
    uv_mutex_unlock(&s->mutex);
}

static yd_err do_batch(struct store *s, struct work *w)
{
    yd_err err = log_commit(&s->db, &w->batch);
    if (err != YD_OK) return err;
    s->last_batch = w->batch.number;
    stats_update(s);
    struct store_event ev = {.kind = STORE_EV_DURABLE, .batch = w->batch.number};
    event_emit(s, &ev);
    return YD_OK;
}

/* One slice of work that may wait; *done: it is finished and may be freed. */
static yd_err do_other(struct store *s, struct work *w, bool *done)
{
    struct store_event ev = {.token = w->token};
    yd_err err = YD_OK;
    switch (w->kind) {
    case WORK_LOAD: err = database_load(&s->db, &w->load, &ev, done); break;
    case WORK_SNAPSHOT:
        w->snapshot.covers_lsn = lsn_of_batch(s, w->after_batch);
        err = database_snapshot(&s->db, &w->snapshot, done);
        break;
    case WORK_REPLACE: err = database_replace(&s->db, &w->snapshot, &ev, done); break;
    case WORK_LIST: err = database_list(&s->db, &w->list, &ev, done); break;
    case WORK_HISTORY: err = database_history(&s->db, &w->history, &ev, done); break;
    case WORK_ERASE: err = database_erase(&s->db, &w->erase, &ev); break;
    case WORK_PROGRESS: err = database_progress(&s->db, yd_buf_slice(&w->bytes), &ev); break;
    case WORK_BACKUP: err = database_backup(&s->db, &w->backup, &ev); break;
    case WORK_SHRINK: err = database_shrink(&s->db, w->shrink_pages, &ev); break;
    case WORK_BATCH: break;
    }
    if (err == YD_OK && *done) err = numberings_update(s, w->after_batch);
    if (err == YD_OK && *done) stats_update(s);
    if (err == YD_OK && *done && w->kind != WORK_SNAPSHOT) {
        event_emit(s, &ev);
    } else {
        store_event_deinit(&ev);
    }
    return err;
}

static void fail(struct store *s, yd_err err)
{
    struct store_event ev = {.kind = STORE_EV_FAILED, .disk_full = s->db.disk_full};
    // Whoever opens the store again, here or after a restart, will need it.
    if (s->db.disk_full) (void)files_ballast_drop(&s->db.files);
    if (err == YD_ENOMEM && s->db.why[0] == 0) {
        snprintf(s->db.why, sizeof s->db.why, "%s: out of memory", s->db.path);
    }
    memcpy(ev.why, s->db.why, sizeof ev.why);
    event_emit(s, &ev);
}

/* ---- whose turn it is -------------------------------------------------------------------------
 */

#define SCRUB_PATIENCE 10
#define BACKLOG_BYTES  ((uint64_t)1 << 20) /* of snapshots: from then on several small ones go */
#define TURN_BYTES     ((size_t)256 << 10) /* in one turn, of so many bytes: a large one's slice */
#define SMALL_BYTES    ((size_t)64 << 10)  /* but at most four: each is synced by itself */

/* Of the queue of other work. A thread that shares its core with the loop's would find the next
 * batch each time it has committed one, and would do nothing else. */
static bool other_is_ready(const struct store *s)
{
    return s->others.first != NULL && s->others.first->after_batch <= s->last_batch;
}

/* Under the mutex. trim: there may be something to trim. */
static bool turn_is_owed(const struct store *s, bool trim)
{
    return s->turn_left > 0 && !s->closing && (trim || other_is_ready(s));
}

static void turn_begin(struct store *s)
{
    uv_mutex_lock(&s->mutex);
    s->turn_left = s->waiting_bytes > BACKLOG_BYTES ? TURN_BYTES : 1;
    uv_mutex_unlock(&s->mutex);
}

/* w: other work of which a slice was done; NULL: trimming. */
static void turn_spend(struct store *s, const struct work *w)
{
    size_t bytes = TURN_BYTES;
    if (w != NULL && w->kind == WORK_SNAPSHOT) {
        bytes = w->snapshot.content.bytes.len;
        if (bytes < SMALL_BYTES) bytes = SMALL_BYTES;
    }
    s->turn_left = bytes < s->turn_left ? s->turn_left - bytes : 0;
}

/* What the thread does next. */
struct next {
    struct work *work; /* NULL: trim or scrub, or the end */
    bool trim, scrub;
};

/* Nanoseconds until a deleted room is due, or the next slice of the scrub; 0: nothing will be. The
 * clock may be set: so it is looked at once a minute. */
static uint64_t wait_at_most(const struct store *s)
{
    uint64_t wait = 0;
    if (s->db.erasure_count > 0) {
        uint64_t now = database_now(&s->db), due = erasures_due(&s->db);
        uint64_t ms = due <= now ? 1 : due - now;
        wait = (ms < 60000 ? ms : 60000) * 1000000;
    }
    if (s->opts.scrub_ms > 0) {
        uint64_t now = uv_hrtime(), due = s->scrub_due_ns <= now ? 1 : s->scrub_due_ns - now;
        if (wait == 0 || due < wait) wait = due;
    }
    return wait;
}

/* For so many of its intervals. */
static bool scrub_is_due(const struct store *s, uint64_t intervals)
{
    uint64_t interval_ns = (uint64_t)s->opts.scrub_ms * 1000000;
    return interval_ns > 0 && s->scrub_due_ns + intervals * interval_ns <= uv_hrtime();
}

/* trim: there may be something to trim; trim_first: before other work, because it is its turn. */
static struct next next_work(struct store *s, bool trim, bool trim_first)
{
    struct next next = {0};
    uv_mutex_lock(&s->mutex);
    for (;;) {
        // It comes last, but not never.
        next.scrub = !s->closing && scrub_is_due(s, SCRUB_PATIENCE);
        if (next.scrub) break;
        if (!turn_is_owed(s, trim)) next.work = queue_pop(&s->batches);
        if (next.work == NULL && other_is_ready(s) && !(trim && trim_first && !s->closing)) {
            next.work = queue_pop(&s->others);
        }
        if (next.work != NULL || s->closing) break;
        next.trim = trim;
        if (trim) break;
        trim = fold_is_ready(&s->db);
        if (trim) continue;
        next.scrub = scrub_is_due(s, 0);
        if (next.scrub) break;
        uint64_t wait = wait_at_most(s);
        if (wait == 0) {
            uv_cond_wait(&s->wanted, &s->mutex);
        } else {
            bool is_late = uv_cond_timedwait(&s->wanted, &s->mutex, wait) != 0;
            trim = is_late && erasures_due(&s->db) <= database_now(&s->db);
        }
    }
    uv_mutex_unlock(&s->mutex);
    return next;
}

static void put_back(struct store *s, struct work *w)
{
    uv_mutex_lock(&s->mutex);
    w->next = s->others.first;
    s->others.first = w;
    if (w->next == NULL) s->others.last = &w->next;
    uv_mutex_unlock(&s->mutex);
}

/* Where thread and loop share a core, the thread waits for the end of the loop's time slice each
 * time the disk has answered: up to 4 ms, measured, as long as several commits. Linux from 6.12 on
 * lets a thread that asks for short slices go first; elsewhere the call does nothing. */
static void ask_for_short_slices(void)
{
#if defined(__linux__) && defined(SYS_sched_setattr)
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime_ns, deadline_ns, period_ns;
    } attr = {.size = sizeof attr, .nice = getpriority(PRIO_PROCESS, 0), .runtime_ns = 100000};
    (void)syscall(SYS_sched_setattr, 0, &attr, 0);
#endif
}

#define BATCH_MAX  ((size_t)1 << 30)
#define SPARE_KEPT ((size_t)1 << 20)

/* Under the mutex. The memory of one batch that is done goes to the next one. */
static void keep_spare(struct store *s, struct yd_buf *bytes)
{
    if (bytes->cap <= s->spare.cap || bytes->cap > SPARE_KEPT) return;
    struct yd_buf other = s->spare;
    s->spare = *bytes;
    *bytes = other;
    yd_buf_clear(&s->spare);
}

static void work_finish(struct store *s, struct work *w)
{
    uv_mutex_lock(&s->mutex);
    s->waiting_bytes -= work_bytes(w);
    if (w != NULL && w->kind == WORK_BATCH) keep_spare(s, &w->batch.bytes);
    uv_mutex_unlock(&s->mutex);
    work_free(w);
}

/* Moving the WAL takes as long as a slice: right behind a batch it is its turn. But not twice in a
 * row, or commits that fill the WAL each time would starve the others. */
static yd_err move_wal(struct store *s, bool was_batch, bool *took_turn)
{
    bool moved = false;
    yd_err err = database_checkpoint(&s->db, &moved);
    if (was_batch && moved && !*took_turn) {
        s->turn_left = 0;
        *took_turn = true;
    } else if (was_batch) {
        *took_turn = false;
    }
    return err;
}

static bool batch_waits(struct store *s)
{
    uv_mutex_lock(&s->mutex);
    bool waits = s->batches.first != NULL;
    uv_mutex_unlock(&s->mutex);
    return waits;
}

static void thread_main(void *ctx)
{
    struct store *s = ctx;
    ask_for_short_slices();
    bool may_trim = true, trim_first = false, took_turn = false;
    yd_err err = YD_OK;
    while (err == YD_OK) {
        struct next next = next_work(s, may_trim, trim_first);
        struct work *w = next.work;
        bool done = true, was_batch = w != NULL && w->kind == WORK_BATCH;
        if (w == NULL && !next.trim && !next.scrub) break;
        if (next.scrub) {
            err = scrub_step(&s->db);
            s->scrub_due_ns = uv_hrtime() + (uint64_t)s->opts.scrub_ms * 1000000;
            stats_update(s);
        } else if (w == NULL) {
            err = database_trim(&s->db, &may_trim);
            if (err == YD_OK) err = numberings_update(s, 0);
            if (err == YD_OK) stats_update(s);
            turn_spend(s, NULL);
            trim_first = false;
        } else if (w->kind == WORK_BATCH) {
            err = do_batch(s, w);
            turn_begin(s);
        } else {
            err = do_other(s, w, &done);
            may_trim = may_trim || (done && w->kind != WORK_LOAD && w->kind != WORK_LIST);
            turn_spend(s, w);
            trim_first = s->turn_left == 0;
        }
        if (done || err != YD_OK) {
            work_finish(s, w);
        } else {
            put_back(s, w);
        }
        // Only now: what is durable may leave while this goes on. Who waits does not wait for a
        // slice and for this: the batch comes in between.
        if (err == YD_OK && (was_batch || !batch_waits(s))) {
            err = move_wal(s, was_batch, &took_turn);
        }
    }
    if (err != YD_OK) fail(s, err);
}

/* ---- the loop thread's side -------------------------------------------------------------------
 */

/* Called by a thread of the store's own. */
static void wake_thread(void *ctx)
{
    struct store *s = ctx;
    uv_mutex_lock(&s->mutex);
    uv_cond_signal(&s->wanted);
    uv_mutex_unlock(&s->mutex);
}

static void batch_begin(struct store *s)
{
    uv_mutex_lock(&s->mutex);
    s->open.bytes = s->spare;
    yd_buf_init(&s->spare, heap_alloc(), BATCH_MAX);
    uv_mutex_unlock(&s->mutex);
    s->open.count = 0;
    s->open.number = s->next_number;
}

yd_err store_open(const struct store_opts *opts, struct store **store, char why[STORE_ERROR_MAX])
{
    struct store *s = heap_new(sizeof *s);
    s->opts = *opts;
    s->events_last = &s->events;
    queue_init(&s->batches);
    queue_init(&s->others);
    yd_err err = database_open(&s->db, opts);
    if (err != YD_OK && s->db.disk_full && files_ballast_drop(&s->db.files)) {
        database_close(&s->db, false);
        err = database_open(&s->db, opts); // recovery has some room now
    }
    if (err == YD_OK) {
        s->numberings = calloc(1, sizeof *s->numberings);
        if (s->numberings == NULL) err = YD_ENOMEM;
    }
    if (err != YD_OK) {
        memcpy(why, s->db.why, STORE_ERROR_MAX);
        database_close(&s->db, false);
        free(s);
        if (why[0] == 0)
            snprintf(why, STORE_ERROR_MAX, "the store cannot be opened: out of memory");
        return err == YD_EIO ? YD_ENOTFOUND : err;
    }
    s->numberings[s->numbering_count++] = (struct numbering){0, s->db.lsn};
    s->next_number = 1;
    if (uv_mutex_init(&s->mutex) != 0) abort();
    yd_buf_init(&s->spare, heap_alloc(), BATCH_MAX);
    batch_begin(s);
    s->scrub_due_ns = uv_hrtime() + (uint64_t)opts->scrub_ms * 1000000;
    s->db.wake = wake_thread;
    s->db.wake_ctx = s;
    stats_update(s);
    if (uv_cond_init(&s->wanted) != 0 || uv_cond_init(&s->answer) != 0 ||
        uv_thread_create(&s->thread, thread_main, s) != 0) {
        snprintf(why, STORE_ERROR_MAX, "the store's thread cannot be started");
        database_close(&s->db, false);
        free(s->numberings);
        free(s);
        return YD_ENOMEM;
    }
    *store = s;
    return YD_OK;
}

void work_hand_over(struct store *s, struct work *w)
{
    uv_mutex_lock(&s->mutex);
    queue_push(w->kind == WORK_BATCH ? &s->batches : &s->others, w);
    s->waiting_bytes += work_bytes(w);
    uv_cond_signal(&s->wanted);
    uv_mutex_unlock(&s->mutex);
}

void store_close(struct store *store)
{
    if (store == NULL) return;
    store_submit(store);
    uv_mutex_lock(&store->mutex);
    store->closing = true;
    uv_cond_signal(&store->wanted);
    uv_mutex_unlock(&store->mutex);
    (void)uv_thread_join(&store->thread);

    bool clean = store->batches.first == NULL && store->others.first == NULL;
    struct work *w;
    while ((w = queue_pop(&store->batches)) != NULL) work_free(w);
    while ((w = queue_pop(&store->others)) != NULL) work_free(w);
    struct store_event ev;
    while (store_next(store, &ev)) store_event_deinit(&ev);
    database_close(&store->db, clean && store->db.why[0] == 0);
    yd_buf_deinit(&store->open.bytes);
    yd_buf_deinit(&store->spare);
    uv_cond_destroy(&store->wanted);
    uv_cond_destroy(&store->answer);
    free(store->numberings);
    uv_mutex_destroy(&store->mutex);
    free(store);
}

yd_err store_append(struct store *store, yd_slice room, yd_slice update)
{
    struct yd_buf *to = &store->open.bytes;
    if (update.len > BATCH_MAX) return YD_ETOOBIG;
    // All of it or nothing: half an entry would shift all that follow.
    yd_err err = yd_buf_reserve(to, 20 + room.len + update.len);
    if (err != YD_OK) return err;
    uint8_t *at = to->ptr + to->len;
    at += yd_varuint_put(at, room.len);
    memcpy(at, room.ptr, room.len);
    at += room.len;
    at += yd_varuint_put(at, update.len);
    memcpy(at, update.ptr, update.len);
    to->len = (size_t)(at + update.len - to->ptr);
    store->open.count++;
    return YD_OK;
}

size_t store_batch_bytes(const struct store *store) { return store->open.bytes.len; }
uint64_t store_batch_number(const struct store *store) { return store->next_number; }
bool store_busy(const struct store *store) { return store->answered + 1 < store->next_number; }

void store_submit(struct store *store)
{
    if (store->open.count == 0) return;
    struct work *w = work_new(store, WORK_BATCH, 0);
    w->batch = store->open;
    store->next_number++;
    batch_begin(store);
    work_hand_over(store, w);
}

yd_err store_load(struct store *store, yd_slice room, uint64_t token)
{
    struct work *w = work_new(store, WORK_LOAD, token);
    size_t at = work_keep(w, room);
    w->load.name = work_slice(w, at, room.len);
    work_hand_over(store, w);
    return YD_OK;
}

static struct work *snapshot_work(struct store *store, yd_slice room, enum store_snapshot kind,
                                  struct yd_buf *bytes)
{
    struct work *w = work_new(store, WORK_SNAPSHOT, 0);
    size_t at = work_keep(w, room);
    w->snapshot = (struct snapshot_job){
        .content.bytes = *bytes, .kind = kind, .name = work_slice(w, at, room.len)};
    yd_buf_init(bytes, bytes->alloc, bytes->max);
    return w;
}

yd_err store_snapshot(struct store *store, yd_slice room, enum store_snapshot kind,
                      struct yd_buf *bytes)
{
    work_hand_over(store, snapshot_work(store, room, kind, bytes));
    return YD_OK;
}

yd_err store_snapshot_keep(struct store *store, yd_slice room, enum store_snapshot kind,
                           struct yd_buf *bytes, const struct store_keep *keep)
{
    struct work *w = snapshot_work(store, room, kind, bytes);
    w->snapshot.keeps = true;
    w->snapshot.keep = *keep;
    work_hand_over(store, w);
    return YD_OK;
}

bool store_next(struct store *store, struct store_event *ev)
{
    uv_mutex_lock(&store->mutex);
    struct event_node *node = store->events;
    if (node != NULL) {
        store->events = node->next;
        if (store->events == NULL) store->events_last = &store->events;
    }
    uv_mutex_unlock(&store->mutex);
    if (node == NULL) return false;
    *ev = node->ev;
    free(node);
    if (ev->kind == STORE_EV_DURABLE) store->answered = ev->batch;
    return true;
}

void store_event_deinit(struct store_event *ev)
{
    free(ev->parts);
    free(ev->rooms);
    free(ev->marks);
    free(ev->memory);
    ev->parts = NULL;
    ev->rooms = NULL;
    ev->marks = NULL;
    ev->memory = NULL;
}
