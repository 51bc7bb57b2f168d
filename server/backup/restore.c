/* restore.c - a room back from the sinks: asked of all of them at once, and merged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/state.h"
#include "ydoc/update.h"

#define RESTORES_MAX 16 /* under way at a time */
#define WAITING_MAX                                                                                \
    4096 /* for their turn; beyond that it is said at once that it cannot be known */
#define UPDATE_MAX ((size_t)1 << 31)

struct restore;

/* What one of its sinks is asked. */
struct question {
    struct restore *restore;
    uint32_t place;
};

struct restore {
    struct restore *prev, *next;
    struct backup *backup;
    uint64_t token;
    backup_restore_done *done;
    void *ctx;
    uint32_t sinks;   /* a bit each */
    uint32_t pending; /* answers */
    struct part *parts;
    struct version version;
    bool is_deleted, failed;
    char why[SINK_WHY_MAX];
    struct question questions[BACKUP_SINKS_MAX];
    size_t room_len;
    char room[];
};

static void begin_waiting(struct backup *backup);

static void restore_free(struct restore *restore)
{
    parts_free(restore->parts);
    free(restore);
}

/* Tells the outcome; bytes: NULL if there are none. */
static void restore_tell(struct restore *restore, enum backup_outcome outcome, struct yd_buf *bytes)
{
    struct backup *backup = restore->backup;
    struct backup_restored restored = {
        .outcome = outcome, .version = restore->version, .why = restore->why};
    yd_buf_init(&restored.bytes, heap_alloc(), UPDATE_MAX);
    if (bytes != NULL) {
        yd_buf_deinit(&restored.bytes);
        restored.bytes = *bytes;
        yd_buf_init(bytes, heap_alloc(), UPDATE_MAX);
    }
    DL_DELETE(backup->restores, restore);
    backup->restore_count--;
    restore->done(restore->ctx, restore->token, &restored);
    yd_buf_deinit(&restored.bytes);
    restore_free(restore);
    begin_waiting(backup);
}

/* ---- one update out of what was found ---------------------------------------------------------
 */

struct join {
    struct work work;
    struct restore *restore;
    struct part *parts;
    struct yd_buf bytes;
    yd_err err;
};

static void join_run(struct work *work)
{
    struct join *join = (struct join *)work;
    // Merging with nothing is not passing on: every byte is looked at.
    static const uint8_t nothing[2] = {0, 0};
    size_t count = 1;
    for (struct part *p = join->parts; p != NULL; p = p->next) count++;
    struct yd_update *updates = heap_new(count * sizeof *updates);
    updates[0] = (struct yd_update){{nothing, sizeof nothing}, YD_V1};
    count = 1;
    for (struct part *p = join->parts; p != NULL; p = p->next) {
        updates[count++] = (struct yd_update){yd_buf_slice(&p->bytes), p->format};
    }
    join->err = yd_update_merge(updates, count, YD_V1, &join->bytes, NULL);
    free(updates);
}

static void join_done(struct work *work)
{
    struct join *join = (struct join *)work;
    if (join->err == YD_OK) {
        restore_tell(join->restore, BACKUP_FOUND, &join->bytes);
        return;
    }
    snprintf(join->restore->why, sizeof join->restore->why,
             "what the backups have of it is no valid document");
    restore_tell(join->restore, BACKUP_UNKNOWN, NULL);
}

static void join_drop(struct work *work)
{
    struct join *join = (struct join *)work;
    parts_free(join->parts);
    yd_buf_deinit(&join->bytes);
    free(join);
}

static void restore_join(struct restore *restore)
{
    struct join *join = heap_new(sizeof *join);
    join->restore = restore;
    join->parts = restore->parts;
    restore->parts = NULL;
    yd_buf_init(&join->bytes, heap_alloc(), UPDATE_MAX);
    join->work.run = join_run;
    join->work.done = join_done;
    join->work.drop = join_drop;
    work_start(restore->backup, &join->work);
}

/* ---- asking -----------------------------------------------------------------------------------
 */

/* Deleted is deleted, whatever others still have. Otherwise all have to have answered: one that
 * cannot be asked may have something that no other has, and the next backup would take its place.
 */
static void restore_decide(struct restore *restore)
{
    if (restore->is_deleted) {
        restore_tell(restore, BACKUP_DELETED, NULL);
    } else if (restore->failed) {
        restore_tell(restore, BACKUP_UNKNOWN, NULL);
    } else if (restore->parts != NULL) {
        restore_join(restore);
    } else {
        restore_tell(restore, BACKUP_NEVER_THERE, NULL);
    }
}

static void parts_take(struct restore *restore, struct sink_answer *answer)
{
    if (version_compare(restore->version, answer->version) < 0) restore->version = answer->version;
    while (answer->parts != NULL) {
        struct part *part = answer->parts;
        answer->parts = part->next;
        part->next = restore->parts;
        restore->parts = part;
    }
}

static void on_got(void *ctx, struct sink_answer *answer)
{
    struct question *question = ctx;
    struct restore *restore = question->restore;
    struct backup *backup = restore->backup;
    uint32_t i = question->place;
    switch (answer->result) {
    case SINK_FOUND:
        place_works(backup, i);
        parts_take(restore, answer);
        break;
    case SINK_NONE: place_works(backup, i); break;
    case SINK_GONE:
        place_works(backup, i);
        restore->is_deleted = true;
        break;
    case SINK_LATER:
    case SINK_REFUSED:
    case SINK_STORED:
    case SINK_STALE:
        restore->failed = true;
        snprintf(restore->why, sizeof restore->why, "%.60s: %.180s", backup->places[i].sink->name,
                 answer->why);
        place_fails(backup, i, answer->result == SINK_LATER, answer->why, answer->next);
        break;
    }
    if (--restore->pending == 0) restore_decide(restore);
}

static void restore_begin(struct restore *restore)
{
    struct backup *backup = restore->backup;
    yd_slice room = {(const uint8_t *)restore->room, restore->room_len};
    DL_APPEND(backup->restores, restore);
    backup->restore_count++;
    for (uint32_t i = 0; i < backup->place_count; i++) {
        if ((restore->sinks & 1u << i) == 0) continue;
        restore->questions[i] = (struct question){restore, i};
        restore->pending++;
        struct sink *sink = backup->places[i].sink;
        sink->ops->get(sink, room, on_got, &restore->questions[i]);
    }
}

static void begin_waiting(struct backup *backup)
{
    while (backup->asking != NULL && backup->restore_count < RESTORES_MAX) {
        struct restore *restore = backup->asking;
        DL_DELETE(backup->asking, restore);
        backup->asking_count--;
        restore_begin(restore);
    }
}

void backup_restore(struct backup *backup, yd_slice room, uint32_t sinks, uint64_t token,
                    backup_restore_done *done, void *ctx)
{
    if (backup->asking_count >= WAITING_MAX) {
        struct backup_restored restored = {.outcome = BACKUP_UNKNOWN,
                                           .why = "too many rooms wait to be restored"};
        yd_buf_init(&restored.bytes, heap_alloc(), 0);
        done(ctx, token, &restored);
        return;
    }
    struct restore *restore = heap_new(sizeof *restore + room.len + 1);
    restore->backup = backup;
    restore->token = token;
    restore->done = done;
    restore->ctx = ctx;
    restore->sinks = sinks & ((1u << backup->place_count) - 1);
    YD_ASSERT(restore->sinks != 0);
    memcpy(restore->room, room.ptr, room.len);
    restore->room_len = room.len;
    DL_APPEND(backup->asking, restore);
    backup->asking_count++;
    begin_waiting(backup);
}

/* The sinks are gone: nobody answers any more. */
void restore_free_all(struct backup *backup)
{
    struct restore *restore = NULL, *next = NULL;
    DL_FOREACH_SAFE(backup->restores, restore, next) { restore_free(restore); }
    DL_FOREACH_SAFE(backup->asking, restore, next) { restore_free(restore); }
    backup->restores = backup->asking = NULL;
}
