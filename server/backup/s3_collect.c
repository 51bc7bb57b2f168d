/* s3_collect.c - deletes packs that nobody needs; carries what is left of old, thin ones into a new
 * one.
 *
 * Packs are left alone until they are keep_days old. Of other nodes only those are deleted all of
 * whose records are held by later ones; they are never carried. But what holds something of an
 * erased room is carried and deleted at once, whoever wrote it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/pack.h"
#include "backup/s3_state.h"

#define EVERY_MS    600000
#define ERASE_MS    2000 /* while something of an erased room is there */
#define DELETES_MAX 64   /* at a time */
#define THIN_BYTES  ((size_t)4 << 20)
#define CARRY_BEGIN 16 /* so many thin packs are worth it */
#define CARRY_MAX   16 /* are read at a time */
#define CARRY_BYTES ((size_t)12 << 20)
#define DAY_MS      86400000u

/* A round under way. */
struct s3_collect {
    struct victim {
        uint64_t node, number;
        bool is_deleted; /* else carried */
    } list[DELETES_MAX];
    size_t count, done;
};

static void next_step(struct s3 *s3);

static bool is_old(const struct s3 *s3, const struct pack *pack)
{
    uint64_t now_ms = (uint64_t)backup_wall_s(s3->clock) * 1000;
    return pack->is_read && pack->id.number + (uint64_t)s3->keep_days * DAY_MS <= now_ms;
}

static bool is_thin(const struct s3 *s3, const struct pack *pack)
{
    return pack->id.node == s3->node && pack->live_count > 0 && pack->live_bytes <= CARRY_BYTES &&
           (pack->bytes < THIN_BYTES || pack->live_bytes * 2 < pack->bytes);
}

static void victim_add(struct s3_collect *c, const struct pack *pack, bool is_deleted)
{
    c->list[c->count++] = (struct victim){pack->id.node, pack->id.number, is_deleted};
}

/* Packs with something of erased rooms: the whole of it is carried, though it be one large room. */
static void choose_erased(struct s3 *s3, struct s3_collect *c)
{
    size_t bytes = 0;
    for (struct pack *pack = s3->catalog.packs; pack != NULL; pack = pack->hh.next) {
        if (!pack->has_erased || c->count == CARRY_MAX) continue;
        if (pack->live_count > 0 && bytes > 0 && bytes + pack->live_bytes > CARRY_BYTES) continue;
        bytes += pack->live_bytes;
        victim_add(c, pack, pack->live_count == 0);
    }
}

static void choose(struct s3 *s3, struct s3_collect *c)
{
    size_t thin = 0, bytes = 0, chosen = 0;
    for (struct pack *pack = s3->catalog.packs; pack != NULL; pack = pack->hh.next) {
        if (!is_old(s3, pack)) continue;
        thin += is_thin(s3, pack);
        if (pack->has_erased) continue; // it has its own round
        if (pack->live_count == 0 && c->count < DELETES_MAX - CARRY_MAX) victim_add(c, pack, true);
    }
    if (thin < CARRY_BEGIN) return;
    for (struct pack *pack = s3->catalog.packs; pack != NULL; pack = pack->hh.next) {
        if (chosen == CARRY_MAX || !is_old(s3, pack) || !is_thin(s3, pack)) continue;
        if (pack->has_erased) continue;
        if (bytes + pack->live_bytes > CARRY_BYTES) continue;
        bytes += pack->live_bytes;
        chosen++;
        victim_add(c, pack, false);
    }
}

/* What is needed of a pack goes into the one that is being filled. False: it is damaged. */
static bool carry(struct s3 *s3, struct pack *pack, yd_slice bytes)
{
    struct pack_reader r;
    struct record record;
    uint64_t offset = 0, len = 0;
    size_t list = 0;
    if (bytes.len != pack->bytes || !pack_list_bytes(bytes, &list)) return false;
    if (list + PACK_TAIL_BYTES > bytes.len) return false;
    size_t end = list + PACK_TAIL_BYTES;
    if (!pack_open(&r, (yd_slice){bytes.ptr + bytes.len - end, end})) return false;
    // The new pack has to come behind this one, though it be of another node with another clock.
    if (pack->id.number > s3->last_number) s3->last_number = pack->id.number;
    while (pack_next(&r, &record, &offset, &len)) {
        if (offset > bytes.len || len > bytes.len - offset) return false;
        if (!catalog_needs(&s3->catalog, record.room, pack, offset)) continue;
        struct s3_item *item = heap_new(sizeof *item);
        yd_buf_init(&item->carried, heap_alloc(), S3_OBJECT_MAX);
        if (yd_buf_append(&item->carried, (yd_slice){bytes.ptr + offset, len}) != YD_OK) abort();
        if (s3->items == NULL) s3->items_ms = backup_now_ms(s3->clock);
        DL_APPEND(s3->items, item);
        s3->item_bytes += len;
        s3->item_count++;
    }
    return !r.list.failed;
}

static void on_step(void *ctx, const struct fetch_answer *got)
{
    struct s3 *s3 = ctx;
    struct s3_collect *c = s3->collect;
    const struct victim *victim = &c->list[c->done++];
    struct pack *pack = catalog_pack(&s3->catalog, victim->node, victim->number);
    struct sink_answer answer;
    char why[SINK_WHY_MAX];
    bool is_gone = got->failure == FETCH_ANSWERED && got->status == 404;
    if (!is_gone && s3_failed(s3, got, &answer, why)) {
        c->count = c->done; // another time
        s3->collect_failed = true;
    } else if (pack != NULL && (victim->is_deleted || is_gone)) {
        catalog_drop_pack(&s3->catalog, pack);
    } else if (pack != NULL && !carry(s3, pack, got->body)) {
        s3->collect_failed = true;
    }
    next_step(s3);
}

static void next_step(struct s3 *s3)
{
    struct s3_collect *c = s3->collect;
    char key[S3_KEY_MAX];
    if (c->done == c->count) {
        free(c);
        s3->collect = NULL;
        return;
    }
    const struct victim *victim = &c->list[c->done];
    s3_pack_key(s3, victim->node, victim->number, key);
    struct s3_what what = {.method = victim->is_deleted ? "DELETE" : "GET",
                           .key = key,
                           .body = YD_EMPTY,
                           .answer_max = victim->is_deleted ? 65536 : S3_OBJECT_MAX};
    s3_send(s3, &what, on_step, s3);
}

static bool is_carrying(const struct s3 *s3)
{
    const struct s3_item *item = NULL;
    DL_FOREACH(s3->items, item)
    {
        if (item->call == NULL) return true;
    }
    return false;
}

void s3_collect_sweep(struct s3 *s3, uint64_t now_ms)
{
    bool is_urgent = (s3->has_erased || s3->catalog.erased_news) && !s3->collect_failed;
    uint64_t every = is_urgent ? ERASE_MS : EVERY_MS;
    if (s3->collected_ms + every > now_ms || !s3->is_known || s3->reading != NULL) return;
    // What was carried has to be written before its pack can be looked at again.
    if (s3->collect != NULL || s3->upload != NULL || is_carrying(s3)) return;
    s3->collected_ms = now_ms;
    s3->collect_failed = false;
    s3->collect = heap_new(sizeof *s3->collect);
    s3->has_erased = catalog_look_for_erased(&s3->catalog);
    if (s3->has_erased) {
        choose_erased(s3, s3->collect);
    } else {
        choose(s3, s3->collect);
    }
    next_step(s3);
}

void s3_collect_free(struct s3 *s3) { free(s3->collect); }
