/* backup.c - which room is due at which sink: see backup.h.
 *
 * A room that a sink lacks something of is an entry, with one `way` for each sink. Entries are
 * looked at in turn, some at each sweep, so a sweep costs the same however many rooms wait.
 */
#include "backup/backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/state.h"

#define COPIES_MAX    4
#define ENTRIES_MAX   262144u
#define SWEEP_ENTRIES 4096
#define TELL_MS       60000 /* a failure that goes on is told this often */

static const uint32_t delays_ms[] = {1000, 5000, 30000, 120000, 300000, 600000};
enum { DELAYS = sizeof delays_ms / sizeof *delays_ms };

static uint64_t now_of(const struct backup *backup) { return backup_now_ms(backup->opts.clock); }

uint32_t backup_random(struct backup *backup)
{
    backup->random ^= backup->random << 13;
    backup->random ^= backup->random >> 17;
    backup->random ^= backup->random << 5;
    return backup->random >> 22;
}

/* After so many failures in a row, four fifths to six fifths of what the table says. */
static uint64_t delay_after(struct backup *backup, uint32_t failures)
{
    uint32_t ms = delays_ms[failures < 1 ? 0 : failures > DELAYS ? DELAYS - 1 : failures - 1];
    return ms * 4 / 5 + (uint64_t)ms * 2 / 5 * backup_random(backup) / 1024;
}

static void on_kick(uv_timer_t *timer);
static void on_kick_closed(uv_handle_t *handle) { free(handle); }

struct backup *backup_new(const struct backup_opts *opts)
{
    struct backup *backup = heap_new(sizeof *backup);
    backup->opts = *opts;
    if (backup->opts.copies_max == 0) backup->opts.copies_max = COPIES_MAX;
    if (uv_random(NULL, NULL, &backup->random, sizeof backup->random, 0, NULL) != 0 ||
        backup->random == 0) {
        backup->random = 1;
    }
    backup->kick = heap_new(sizeof *backup->kick);
    (void)uv_timer_init(opts->loop, backup->kick);
    backup->kick->data = backup;
    return backup;
}

void backup_free(struct backup *backup)
{
    if (backup == NULL) return;
    uv_close((uv_handle_t *)backup->kick, on_kick_closed);
    for (uint32_t i = 0; i < backup->place_count; i++) {
        backup->places[i].sink->ops->free(backup->places[i].sink);
    }
    for (struct work *work = backup->works; work != NULL; work = work->next) work->backup = NULL;
    push_free_all(backup);
    restore_free_all(backup);
    struct entry *entry = NULL, *next = NULL;
    HASH_ITER(hh, backup->entries, entry, next)
    {
        HASH_DEL(backup->entries, entry); // NOLINT(clang-analyzer-*): `next` was read before
        free(entry);
    }
    free(backup);
}

uint32_t backup_add(struct backup *backup, struct sink *sink, struct backup_timing timing)
{
    YD_ASSERT(backup->place_count < BACKUP_SINKS_MAX);
    backup->places[backup->place_count] =
        (struct place){.sink = sink, .timing = timing, .works = true, .next = ""};
    return backup->place_count++;
}

uint32_t backup_sink_count(const struct backup *backup) { return backup->place_count; }

/* ---- entries and their ways --------------------------------------------------------------------
 */

void way_set(struct backup *backup, struct entry *entry, uint32_t i, enum way_state state)
{
    struct way *way = &entry->ways[i];
    struct place *place = &backup->places[i];
    place->waiting -= way->state == WAY_WAITS;
    place->taken -= way->state == WAY_TAKEN;
    entry->taken -= way->state == WAY_TAKEN;
    way->state = state;
    place->waiting += state == WAY_WAITS;
    place->taken += state == WAY_TAKEN;
    entry->taken += state == WAY_TAKEN;
}

void way_fails(struct backup *backup, struct entry *entry, uint32_t i)
{
    struct way *way = &entry->ways[i];
    way->failures++;
    way->not_before_ms = now_of(backup) + delay_after(backup, way->failures);
    way_set(backup, entry, i, WAY_WAITS);
}

void way_due_now(struct backup *backup, struct entry *entry, uint32_t i)
{
    struct way *way = &entry->ways[i];
    way->first_ms = 0;
    way->not_before_ms = 0;
    way_set(backup, entry, i, WAY_WAITS);
}

void entry_settle(struct backup *backup, struct entry *entry)
{
    if (entry->is_read || entry->taken > 0) return;
    for (uint32_t i = 0; i < backup->place_count; i++) {
        if (entry->ways[i].state != WAY_CLEAN) return;
    }
    if (backup->cursor == entry) backup->cursor = entry->hh.next;
    HASH_DEL(backup->entries, entry);
    free(entry);
}

static struct entry *entry_get(struct backup *backup, yd_slice room)
{
    struct entry *entry = NULL;
    HASH_FIND(hh, backup->entries, room.ptr, room.len, entry);
    if (entry != NULL) return entry;
    if (HASH_COUNT(backup->entries) >= ENTRIES_MAX) return NULL;
    size_t ways = backup->place_count * sizeof *entry->ways;
    entry = heap_new(sizeof *entry + ways + room.len);
    entry->name = (char *)entry->ways + ways;
    memcpy(entry->name, room.ptr, room.len);
    entry->name_len = room.len;
    entry->spread = backup_random(backup);
    HASH_ADD_KEYPTR(hh, backup->entries, entry->name, entry->name_len, entry);
    return entry;
}

bool backup_touch(struct backup *backup, yd_slice room, uint32_t sinks)
{
    if (sinks == 0 || backup->place_count == 0) return true;
    struct entry *entry = entry_get(backup, room);
    if (entry == NULL) return false;
    uint64_t now = now_of(backup);
    for (uint32_t i = 0; i < backup->place_count; i++) {
        struct way *way = &entry->ways[i];
        if ((sinks & 1u << i) == 0) continue;
        if (way->state == WAY_TAKEN) {
            way->again = true;
            way->last_ms = now;
            continue;
        }
        if (way->state == WAY_CLEAN) way->first_ms = now;
        way->last_ms = now;
        way_set(backup, entry, i, WAY_WAITS);
    }
    return true;
}

/* ---- what is due -------------------------------------------------------------------------------
 */

static bool way_is_due(const struct entry *entry, const struct place *place, uint32_t i,
                       uint64_t now, bool hurry)
{
    const struct way *way = &entry->ways[i];
    const struct backup_timing *t = &place->timing;
    if (way->state != WAY_WAITS || way->not_before_ms > now) return false;
    if (hurry) return true;
    // Up to a fifth later when quiet, a fifth earlier when not.
    uint64_t idle = t->idle_ms + (uint64_t)t->idle_ms * entry->spread / 5120;
    uint64_t age = t->max_age_ms - (uint64_t)t->max_age_ms * entry->spread / 5120;
    return way->last_ms + idle <= now || way->first_ms + age <= now;
}

static bool place_takes(struct place *place, uint64_t now, bool hurry)
{
    if (place->sink->ops->is_full(place->sink)) return false;
    if (place->not_before_ms > now && !(hurry && place->failures <= 1)) return false;
    // After a failure one room is tried before the others.
    return place->failures == 0 || place->taken == 0;
}

/* Starts what is due of one room. */
static void entry_start(struct backup *backup, struct entry *entry, uint64_t now, bool hurry)
{
    uint32_t due = 0, waits = 0;
    if (entry->is_read) return;
    for (uint32_t i = 0; i < backup->place_count; i++) {
        struct place *place = &backup->places[i];
        if (entry->ways[i].state != WAY_WAITS || !place_takes(place, now, hurry)) continue;
        if (way_is_due(entry, place, i, now, hurry)) due |= 1u << i;
        // Read once for all that wait, but those that have just failed.
        if (entry->ways[i].not_before_ms <= now) waits |= 1u << i;
    }
    if (due != 0) push_start(backup, entry, waits);
}

static void start_due(struct backup *backup)
{
    uint64_t now = now_of(backup);
    uint32_t count = HASH_COUNT(backup->entries);
    if (count > SWEEP_ENTRIES) count = SWEEP_ENTRIES;
    while (count-- > 0 && backup->copies < backup->opts.copies_max) {
        struct entry *entry = backup->cursor == NULL ? backup->entries : backup->cursor;
        if (entry == NULL) break;
        backup->cursor = entry->hh.next;
        entry_start(backup, entry, now, backup->hurry);
    }
}

static void on_kick(uv_timer_t *timer) { start_due(timer->data); }

void backup_kick(struct backup *backup)
{
    if (!uv_is_active((uv_handle_t *)backup->kick)) {
        (void)uv_timer_start(backup->kick, on_kick, 0, 0);
    }
}

void backup_sweep(struct backup *backup, bool hurry)
{
    uint64_t now = now_of(backup);
    backup->hurry = hurry;
    for (uint32_t i = 0; i < backup->place_count; i++) {
        struct sink *sink = backup->places[i].sink;
        sink->ops->sweep(sink, now, hurry);
    }
    start_due(backup);
}

bool backup_is_done(const struct backup *backup) { return HASH_COUNT(backup->entries) == 0; }

/* ---- how sinks do ------------------------------------------------------------------------------
 */

void place_works(struct backup *backup, uint32_t i)
{
    struct place *place = &backup->places[i];
    bool is_news = !place->works;
    place->works = true;
    place->failures = 0;
    place->not_before_ms = 0;
    place->why[0] = 0;
    place->next = "";
    if (is_news) backup->opts.host.tell(backup->opts.host.ctx, i, true);
}

void place_fails(struct backup *backup, uint32_t i, bool is_down, const char *why, const char *next)
{
    struct place *place = &backup->places[i];
    uint64_t now = now_of(backup);
    place->failures_ever++;
    // Of those that were under way together the first one counts.
    if (is_down && place->not_before_ms <= now) {
        place->failures++;
        place->not_before_ms = now + delay_after(backup, place->failures);
    }
    snprintf(place->why, sizeof place->why, "%s", why);
    place->next = next;
    if (!place->works && place->told_ms + TELL_MS > now) return;
    place->works = false;
    place->told_ms = now;
    backup->opts.host.tell(backup->opts.host.ctx, i, false);
}

void backup_state(const struct backup *backup, uint32_t i, struct backup_state *state)
{
    const struct place *place = &backup->places[i];
    uint64_t now = now_of(backup), oldest = now;
    struct entry *entry = NULL, *next = NULL;
    HASH_ITER(hh, backup->entries, entry, next)
    {
        const struct way *way = &entry->ways[i];
        if (way->state != WAY_CLEAN && way->first_ms > 0 && way->first_ms < oldest) {
            oldest = way->first_ms;
        }
    }
    *state = (struct backup_state){
        .name = place->sink->name,
        .kind = place->sink->ops->kind,
        .works = place->works,
        .waiting = place->waiting + place->taken,
        .under_way = place->taken,
        .oldest_ms = now - oldest,
        .retry_ms = place->not_before_ms > now ? place->not_before_ms - now : 0,
        .stored = place->stored,
        .failures = place->failures_ever,
        .requests = place->sink->requests,
        .bytes_out = place->sink->bytes_out,
        .bytes_in = place->sink->bytes_in,
        .why = place->why,
        .next = place->next,
    };
}

bool backup_room_state(const struct backup *backup, yd_slice room, uint32_t sink,
                       struct backup_room_state *state)
{
    struct entry *entry = NULL;
    HASH_FIND(hh, backup->entries, room.ptr, room.len, entry);
    if (entry == NULL || entry->ways[sink].state == WAY_CLEAN) return false;
    *state = (struct backup_room_state){entry->ways[sink].state == WAY_WAITS,
                                        entry->ways[sink].state == WAY_TAKEN};
    return true;
}

void backup_forget(struct backup *backup, yd_slice room)
{
    for (uint32_t i = 0; i < backup->place_count; i++) {
        struct sink *sink = backup->places[i].sink;
        if (sink->ops->forget != NULL) sink->ops->forget(sink, room);
    }
}

void backup_list(struct backup *backup, uint32_t sink, const char *after, sink_done *done,
                 void *ctx)
{
    struct sink *s = backup->places[sink].sink;
    s->ops->list(s, after, done, ctx);
}
