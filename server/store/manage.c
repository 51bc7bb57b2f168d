/* manage.c - the loop thread's side of store/manage.h. */
#include "store/manage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/queue.h"

#define LIST_MAX      1000
#define KEY_MAX       1024
#define SINK_NAME_MAX 100

/* ---- bookmarks --------------------------------------------------------------------------------
 */

void store_bookmark_text(struct store_bookmark bookmark, char out[STORE_BOOKMARK_TEXT])
{
    snprintf(out, STORE_BOOKMARK_TEXT, "%016llx-%016llx", (unsigned long long)bookmark.epoch,
             (unsigned long long)bookmark.lsn);
}

static bool hex16(const uint8_t *from, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < 16; i++) {
        const char *digits = "0123456789abcdef";
        const char *at = from[i] == 0 ? NULL : strchr(digits, from[i]);
        if (at == NULL) return false;
        *value = *value << 4 | (uint64_t)(at - digits);
    }
    return true;
}

bool store_bookmark_read(yd_slice text, struct store_bookmark *bookmark)
{
    struct store_bookmark got;
    if (text.len != STORE_BOOKMARK_TEXT - 1 || text.ptr[16] != '-') return false;
    if (!hex16(text.ptr, &got.epoch) || !hex16(text.ptr + 17, &got.lsn)) return false;
    *bookmark = got;
    return true;
}

struct store_bookmark store_bookmark_now(struct store *store)
{
    struct store_stats stats;
    store_stats(store, &stats);
    return stats.bookmark;
}

void store_stats(struct store *store, struct store_stats *stats)
{
    uv_mutex_lock(&store->mutex);
    *stats = store->stats;
    stats->waiting_bytes = store->waiting_bytes;
    uv_mutex_unlock(&store->mutex);
}

void store_wait(struct store *store, struct store_event *ev)
{
    while (!store_next(store, ev)) {
        uv_mutex_lock(&store->mutex);
        while (store->events == NULL) uv_cond_wait(&store->answer, &store->mutex);
        uv_mutex_unlock(&store->mutex);
    }
}

/* ---- questions --------------------------------------------------------------------------------
 */

yd_err store_list(struct store *store, const struct store_list *list, uint64_t token)
{
    if (list->limit == 0 || list->limit > LIST_MAX) return YD_ETOOBIG;
    struct work *w = work_new(store, WORK_LIST, token);
    size_t prefix = work_keep(w, list->prefix), sink = work_keep(w, list->sink);
    w->list.opts = *list;
    w->list.opts.prefix = work_slice(w, prefix, list->prefix.len);
    w->list.opts.sink = work_slice(w, sink, list->sink.len);
    work_hand_over(store, w);
    return YD_OK;
}

yd_err store_info(struct store *store, yd_slice room, yd_slice sink, uint64_t token)
{
    if (room.len == 0) return YD_ENOTFOUND;
    struct work *w = work_new(store, WORK_LIST, token);
    size_t name_at = work_keep(w, room), sink_at = work_keep(w, sink);
    w->list.name = work_slice(w, name_at, room.len);
    w->list.opts.prefix = YD_EMPTY;
    w->list.opts.sink = work_slice(w, sink_at, sink.len);
    work_hand_over(store, w);
    return YD_OK;
}

yd_err store_read(struct store *store, yd_slice room, uint64_t token)
{
    struct work *w = work_new(store, WORK_LOAD, token);
    size_t at = work_keep(w, room);
    w->load.name = work_slice(w, at, room.len);
    w->load.is_passive = true;
    work_hand_over(store, w);
    return YD_OK;
}

yd_err store_history(struct store *store, yd_slice room, uint64_t upto, uint64_t token)
{
    struct work *w = work_new(store, WORK_HISTORY, token);
    size_t at = work_keep(w, room);
    w->history = (struct history_job){.name = work_slice(w, at, room.len), .upto = upto};
    work_hand_over(store, w);
    return YD_OK;
}

yd_err store_salvage(struct store *store, yd_slice room, uint64_t token)
{
    struct work *w = work_new(store, WORK_LOAD, token);
    size_t at = work_keep(w, room);
    w->load.name = work_slice(w, at, room.len);
    w->load.is_passive = w->load.salvages = true;
    work_hand_over(store, w);
    return YD_OK;
}

/* ---- changes ----------------------------------------------------------------------------------
 */

yd_err store_replace(struct store *store, yd_slice room, struct yd_buf *update,
                     const struct store_replace *opts, uint64_t token)
{
    struct work *w = work_new(store, WORK_REPLACE, token);
    size_t at = work_keep(w, room);
    w->snapshot =
        (struct snapshot_job){.content.bytes = *update, .kind = STORE_BASE, .replace = *opts};
    w->snapshot.name = work_slice(w, at, room.len);
    yd_buf_init(update, update->alloc, update->max);
    work_hand_over(store, w);
    return YD_OK;
}

yd_err store_erase(struct store *store, yd_slice room, enum store_erase how, uint64_t erase_at,
                   uint64_t token)
{
    struct work *w = work_new(store, WORK_ERASE, token);
    size_t at = work_keep(w, room);
    w->erase =
        (struct erase_job){.name = work_slice(w, at, room.len), .how = how, .erase_at = erase_at};
    work_hand_over(store, w);
    return YD_OK;
}

yd_err store_progress_set(struct store *store, yd_slice sink, const struct store_progress *list,
                          size_t count, uint64_t token)
{
    if (sink.len == 0 || sink.len > SINK_NAME_MAX) return YD_ETOOBIG;
    for (size_t i = 0; i < count; i++) {
        if (list[i].key.len > KEY_MAX) return YD_ETOOBIG;
    }
    struct work *w = work_new(store, WORK_PROGRESS, token);
    yd_err err = yd_buf_varbytes(&w->bytes, sink);
    for (size_t i = 0; i < count && err == YD_OK; i++) {
        err = yd_buf_varbytes(&w->bytes, list[i].room);
        if (err == YD_OK) err = yd_buf_varbytes(&w->bytes, list[i].key);
        if (err == YD_OK) err = yd_buf_varuint(&w->bytes, list[i].lsn);
    }
    if (err != YD_OK) abort(); // memory
    work_hand_over(store, w);
    return YD_OK;
}

/* ---- copies -----------------------------------------------------------------------------------
 */

yd_err store_backup_begin(struct store *store, const char *path, uint32_t pages, uint64_t token)
{
    struct work *w = work_new(store, WORK_BACKUP, token);
    size_t at = work_keep(w, (yd_slice){(const uint8_t *)path, strlen(path) + 1});
    w->backup = (struct backup_job){(const char *)w->bytes.ptr + at, pages, true};
    work_hand_over(store, w);
    return YD_OK;
}

yd_err store_backup_step(struct store *store, uint32_t pages, uint64_t token)
{
    struct work *w = work_new(store, WORK_BACKUP, token);
    w->backup = (struct backup_job){"", pages, false};
    work_hand_over(store, w);
    return YD_OK;
}

yd_err store_shrink(struct store *store, uint32_t pages, uint64_t token)
{
    struct work *w = work_new(store, WORK_SHRINK, token);
    w->shrink_pages = pages;
    work_hand_over(store, w);
    return YD_OK;
}
