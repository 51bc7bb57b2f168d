/* push.c - the way of one room to its sinks: read, made into one update, put, answered.
 *
 *   push_start -> host.read -> backup_was_read -> make (worker) -> put to each sink -> on_put
 *                                                                    stale: get -> diff (worker)
 *                                                                    -> host.merge, and due again
 */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/state.h"
#include "ydoc/update.h"

#define UPDATE_MAX ((size_t)1 << 31)
#define STALE_MAX  5 /* in a row; then it waits like a failure */

/* One room's place among those that may be in memory at a time. */
struct burden {
    struct backup *backup;
    uint32_t refs;
};

static struct burden *burden_new(struct backup *backup)
{
    struct burden *burden = heap_new(sizeof *burden);
    *burden = (struct burden){backup, 1};
    backup->copies++;
    return burden;
}

static void burden_drop(struct burden *burden)
{
    if (burden == NULL || --burden->refs > 0) return;
    burden->backup->copies--;
    backup_kick(burden->backup);
    free(burden);
}

/* A room being read and made into a copy. */
struct job {
    UT_hash_handle hh;
    uint64_t token;
    struct backup *backup;
    struct entry *entry;
    struct burden *burden;
    uint32_t ways; /* a bit each */
};

/* A copy on its way to one sink. */
struct put {
    struct put *prev, *next;
    struct backup *backup;
    struct entry *entry;
    struct burden *burden; /* NULL: the sink bounds itself */
    struct copy *copy;     /* its state vector is wanted if the sink says stale */
    struct put_version version;
    uint32_t place;
};

static yd_slice entry_room(const struct entry *entry)
{
    return (yd_slice){(const uint8_t *)entry->name, entry->name_len};
}

/* ---- reading ----------------------------------------------------------------------------------
 */

void push_start(struct backup *backup, struct entry *entry, uint32_t ways)
{
    struct job *job = heap_new(sizeof *job);
    job->token = ++backup->tokens;
    job->backup = backup;
    job->entry = entry;
    job->ways = ways;
    job->burden = burden_new(backup);
    HASH_ADD(hh, backup->reads, token, sizeof job->token, job);
    entry->is_read = true;
    for (uint32_t i = 0; i < backup->place_count; i++) {
        if ((ways & 1u << i) == 0) continue;
        entry->ways[i].again = false;
        way_set(backup, entry, i, WAY_TAKEN);
    }
    backup->opts.host.read(backup->opts.host.ctx, entry_room(entry), job->token);
}

static void job_end(struct job *job)
{
    job->entry->is_read = false;
    entry_settle(job->backup, job->entry);
    burden_drop(job->burden);
    free(job);
}

/* The sink has all that there was; perhaps there is more by now. */
static void way_done(struct backup *backup, struct entry *entry, uint32_t i)
{
    struct way *way = &entry->ways[i];
    way->failures = way->stale = 0;
    way->not_before_ms = 0;
    if (way->again) way->first_ms = way->last_ms;
    way_set(backup, entry, i, way->again ? WAY_WAITS : WAY_CLEAN);
    way->again = false;
}

/* ---- one update out of what is stored ---------------------------------------------------------
 */

struct make {
    struct work work;
    struct job *job;
    struct backup_read read; /* its parts and memory are ours */
    struct put_version versions[BACKUP_SINKS_MAX];
    struct copy *copy;
    yd_err err;
};

static void hex_of(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static yd_err merge_parts(const struct backup_read *read, struct yd_buf *out)
{
    struct yd_update *updates = heap_new(read->part_count * sizeof *updates);
    for (size_t i = 0; i < read->part_count; i++) {
        updates[i] = (struct yd_update){read->parts[i], YD_V1};
    }
    yd_err err = yd_update_merge(updates, read->part_count, YD_V1, out, NULL);
    free(updates);
    return err;
}

static void make_run(struct work *work)
{
    struct make *make = (struct make *)work;
    struct copy *copy = make->copy;
    uint8_t sha[SHA256_DIGEST_LENGTH];
    if (copy->fate == FATE_THERE) {
        make->err = merge_parts(&make->read, &copy->bytes);
        if (make->err != YD_OK) return;
        struct yd_update all = {yd_buf_slice(&copy->bytes), YD_V1};
        make->err = yd_update_state_vector(all, &copy->state_vector);
    }
    SHA256(copy->bytes.ptr, copy->bytes.len, sha);
    hex_of(sha, sizeof sha, copy->sha256);
}

static void on_put(void *ctx, struct sink_answer *answer);

static void put_start(struct make *make, uint32_t i)
{
    struct job *job = make->job;
    struct sink *sink = job->backup->places[i].sink;
    struct put *put = heap_new(sizeof *put);
    put->backup = job->backup;
    put->entry = job->entry;
    put->place = i;
    put->version = make->versions[i];
    put->copy = copy_ref(make->copy);
    if (!sink->ops->gathers) {
        put->burden = job->burden;
        put->burden->refs++;
    }
    DL_APPEND(job->backup->puts, put);
    sink->ops->put(sink, make->copy, &put->version, on_put, put);
}

static void make_done(struct work *work)
{
    struct make *make = (struct make *)work;
    struct job *job = make->job;
    for (uint32_t i = 0; i < job->backup->place_count; i++) {
        if ((job->ways & 1u << i) == 0) continue;
        if (make->err == YD_OK) {
            put_start(make, i);
        } else {
            place_fails(job->backup, i, false, "what is stored of a room is no valid document",
                        "look for its name in the log; restore it from a backup");
            way_fails(job->backup, job->entry, i);
        }
    }
    job_end(job);
}

static void make_drop(struct work *work)
{
    struct make *make = (struct make *)work;
    // The entry and the burden are gone with the backup.
    if (work->backup == NULL) free(make->job);
    free(make->read.parts);
    free(make->read.memory);
    copy_unref(make->copy);
    free(make);
}

static struct copy *copy_new(yd_slice room)
{
    struct copy *copy = heap_new(sizeof *copy + room.len + 1);
    copy->refs = 1;
    yd_buf_init(&copy->bytes, heap_alloc(), UPDATE_MAX);
    yd_buf_init(&copy->state_vector, heap_alloc(), UPDATE_MAX);
    memcpy(copy->room, room.ptr, room.len);
    copy->room_len = room.len;
    return copy;
}

/* The number under which a sink gets what was read; false: it has that already. */
static bool version_for(const struct job *job, const struct backup_read *read, uint32_t i,
                        struct put_version *version)
{
    const struct version beyond = job->entry->ways[i].beyond;
    struct version done = {0, 0};
    for (size_t k = 0; k < read->progress_count; k++) {
        if (read->progress[k].sink == i) done = read->progress[k].done;
    }
    *version = (struct put_version){read->version, done};
    if (version->now.epoch < done.epoch) version->now.epoch = done.epoch;
    if (version_compare(version->now, beyond) <= 0) version->now.epoch = beyond.epoch + 1;
    return version_compare(version->now, done) > 0;
}

/* What could not be read fails, what the sinks have already is done; the rest is made. */
static void job_go_on(struct job *job, struct backup_read *read)
{
    struct make *make = heap_new(sizeof *make);
    bool is_nothing = read->fate == FATE_THERE && read->part_count == 0;
    for (uint32_t i = 0; i < job->backup->place_count; i++) {
        uint32_t bit = 1u << i;
        if ((job->ways & bit) == 0) continue;
        if (read->failed != NULL) {
            place_fails(job->backup, i, false, read->failed, "restore the room from a backup");
            way_fails(job->backup, job->entry, i);
            job->ways &= ~bit;
        } else if (is_nothing || !version_for(job, read, i, &make->versions[i])) {
            way_done(job->backup, job->entry, i);
            job->ways &= ~bit;
        }
    }
    if (job->ways == 0) {
        free(make);
        free(read->parts);
        free(read->memory);
        job_end(job);
        return;
    }
    make->job = job;
    make->read = *read;
    make->copy = copy_new(entry_room(job->entry));
    make->copy->fate = read->fate;
    make->work.run = make_run;
    make->work.done = make_done;
    make->work.drop = make_drop;
    work_start(job->backup, &make->work);
}

void backup_was_read(struct backup *backup, uint64_t token, struct backup_read *read)
{
    struct job *job = NULL;
    HASH_FIND(hh, backup->reads, &token, sizeof token, job);
    if (job == NULL) {
        free(read->parts);
        free(read->memory);
        return;
    }
    HASH_DEL(backup->reads, job);
    job_go_on(job, read);
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static void put_end(struct put *put)
{
    DL_DELETE(put->backup->puts, put);
    entry_settle(put->backup, put->entry);
    burden_drop(put->burden);
    copy_unref(put->copy);
    free(put);
}

static void put_fails(struct put *put, bool is_down, const struct sink_answer *answer)
{
    place_fails(put->backup, put->place, is_down, answer->why, answer->next);
    way_fails(put->backup, put->entry, put->place);
    put_end(put);
}

static void put_stored(struct put *put)
{
    struct backup *backup = put->backup;
    backup->places[put->place].stored++;
    place_works(backup, put->place);
    backup->opts.host.mark(backup->opts.host.ctx, entry_room(put->entry), put->place,
                           put->version.now);
    way_done(backup, put->entry, put->place);
    put_end(put);
}

static void put_gone(struct put *put)
{
    if (put->copy->fate != FATE_THERE) { // that is what was to be said
        put_stored(put);
        return;
    }
    struct backup *backup = put->backup;
    place_works(backup, put->place);
    put->entry->ways[put->place].again = false;
    way_done(backup, put->entry, put->place);
    backup->opts.host.gone(backup->opts.host.ctx, entry_room(put->entry));
    put_end(put);
}

/* What the other history has and ours has not. */
struct diff {
    struct work work;
    struct put *put;
    struct part *parts;
    struct yd_buf bytes;
    yd_err err;
};

static const yd_slice no_update = {(const uint8_t *)"\0\0", 2};

static void diff_run(struct work *work)
{
    struct diff *diff = (struct diff *)work;
    yd_slice known = yd_buf_slice(&diff->put->copy->state_vector);
    struct yd_buf one;
    yd_buf_init(&one, heap_alloc(), UPDATE_MAX);
    for (struct part *p = diff->parts; p != NULL && diff->err == YD_OK; p = p->next) {
        struct yd_update theirs = {yd_buf_slice(&p->bytes), p->format};
        yd_buf_clear(&one);
        diff->err = yd_update_diff(theirs, known, YD_V1, &one);
        struct yd_update both[] = {{yd_buf_slice(&diff->bytes), YD_V1},
                                   {yd_buf_slice(&one), YD_V1}};
        struct yd_buf merged;
        yd_buf_init(&merged, heap_alloc(), UPDATE_MAX);
        if (diff->err == YD_OK) diff->err = yd_update_merge(both, 2, YD_V1, &merged, NULL);
        yd_buf_deinit(&diff->bytes);
        diff->bytes = merged;
    }
    yd_buf_deinit(&one);
}

/* False: the room cannot take it now. */
static bool diff_merge(const struct diff *diff)
{
    struct put *put = diff->put;
    const struct backup_host *host = &put->backup->opts.host;
    struct sink *sink = put->backup->places[put->place].sink;
    yd_slice room = entry_room(put->entry), bytes = yd_buf_slice(&diff->bytes);
    if (yd_slice_equal(bytes, no_update) || host->merge(host->ctx, room, bytes)) return true;
    // Not held after all: the sink has to say stale again.
    put->entry->ways[put->place].beyond = (struct version){0, 0};
    if (sink->ops->forget != NULL) sink->ops->forget(sink, room);
    return false;
}

static void diff_done(struct work *work)
{
    struct diff *diff = (struct diff *)work;
    struct put *put = diff->put;
    struct backup *backup = put->backup;
    struct way *way = &put->entry->ways[put->place];
    if (diff->err != YD_OK) {
        struct sink *sink = backup->places[put->place].sink;
        way->beyond = (struct version){0, 0};
        if (sink->ops->forget != NULL) sink->ops->forget(sink, entry_room(put->entry));
        place_fails(backup, put->place, false, "what the sink has of a room is no valid document",
                    "remove that backup");
        way_fails(backup, put->entry, put->place);
    } else if (diff_merge(diff) && ++way->stale < STALE_MAX) {
        way_due_now(backup, put->entry, put->place);
    } else {
        way_fails(backup, put->entry, put->place);
    }
    put_end(put);
}

static void diff_drop(struct work *work)
{
    struct diff *diff = (struct diff *)work;
    if (work->backup == NULL) { // put_end() has not been called, and what it would tell is gone
        copy_unref(diff->put->copy);
        free(diff->put);
    }
    parts_free(diff->parts);
    yd_buf_deinit(&diff->bytes);
    free(diff);
}

static void on_pulled(void *ctx, struct sink_answer *answer)
{
    struct put *put = ctx;
    struct backup *backup = put->backup;
    struct way *way = &put->entry->ways[put->place];
    switch (answer->result) {
    case SINK_FOUND: {
        if (version_compare(way->beyond, answer->version) < 0) way->beyond = answer->version;
        place_works(backup, put->place);
        struct diff *diff = heap_new(sizeof *diff);
        diff->put = put;
        diff->parts = answer->parts;
        answer->parts = NULL;
        yd_buf_init(&diff->bytes, heap_alloc(), UPDATE_MAX);
        diff->err = yd_buf_append(&diff->bytes, no_update);
        diff->work.run = diff_run;
        diff->work.done = diff_done;
        diff->work.drop = diff_drop;
        work_start(backup, &diff->work);
        return;
    }
    case SINK_GONE: put_gone(put); return;
    case SINK_NONE: // it was there a moment ago
    case SINK_STORED:
    case SINK_STALE:
        way_fails(backup, put->entry, put->place);
        put_end(put);
        return;
    case SINK_LATER: put_fails(put, true, answer); return;
    case SINK_REFUSED: put_fails(put, false, answer); return;
    }
}

/* A later version is there than what is put. */
static void put_stale(struct put *put, struct version version)
{
    struct backup *backup = put->backup;
    struct way *way = &put->entry->ways[put->place];
    struct sink *sink = backup->places[put->place].sink;
    way->beyond = version;
    place_works(backup, put->place);
    if (put->copy->fate == FATE_THERE) {
        sink->ops->get(sink, entry_room(put->entry), on_pulled, put);
    } else { // nothing of it is wanted any more
        if (++way->stale < STALE_MAX) {
            way_due_now(backup, put->entry, put->place);
        } else {
            way_fails(backup, put->entry, put->place);
        }
        put_end(put);
    }
}

static void on_put(void *ctx, struct sink_answer *answer)
{
    struct put *put = ctx;
    switch (answer->result) {
    case SINK_STORED: put_stored(put); return;
    case SINK_STALE: put_stale(put, answer->version); return;
    case SINK_GONE: put_gone(put); return;
    case SINK_FOUND:
    case SINK_NONE: YD_ASSERT(false); return;
    case SINK_LATER: put_fails(put, true, answer); return;
    case SINK_REFUSED: put_fails(put, false, answer); return;
    }
}

/* Those that workers have in hand are freed by them. */
static bool work_has(const struct backup *backup, const void *what)
{
    for (struct work *work = backup->works; work != NULL; work = work->next) {
        if (work->done == make_done && ((struct make *)work)->job == what) return true;
        if (work->done == diff_done && ((struct diff *)work)->put == what) return true;
    }
    return false;
}

void push_free_all(struct backup *backup)
{
    for (struct work *work = backup->works; work != NULL; work = work->next) {
        if (work->done == make_done) burden_drop(((struct make *)work)->job->burden);
    }
    struct job *job = NULL, *next_job = NULL;
    HASH_ITER(hh, backup->reads, job, next_job)
    {
        HASH_DEL(backup->reads, job); // NOLINT(clang-analyzer-*): the next was read before
        burden_drop(job->burden);
        free(job);
    }
    struct put *put = NULL, *next_put = NULL;
    DL_FOREACH_SAFE(backup->puts, put, next_put)
    {
        DL_DELETE(backup->puts, put);
        burden_drop(put->burden);
        if (work_has(backup, put)) continue;
        copy_unref(put->copy);
        free(put);
    }
}
