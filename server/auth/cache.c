/* cache.c - see cache.h. */
#include "auth/cache.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "auth/text.h"
#include "ops/heap.h"

#define REPLAY_SWEEP_S 60 /* at the latest; when full at most once a second */

struct cache_entry {
    UT_hash_handle hh;
    struct cache_key key;
    uint64_t fresh_until_ms, stale_until_ms;
    int64_t expires_at;
    enum auth_reason reason;
    enum auth_permission permission;
    const char *why;
    uint32_t room_len;
    uint16_t user_len, name_len, color_len;
    char text[]; /* room, then user, name and color */
};

struct cache_key cache_key_of(yd_slice token, yd_slice room)
{
    struct cache_key key;
    uint64_t token_len = token.len;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    // The length first: no two pairs have the same bytes.
    bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(ctx, &token_len, sizeof token_len) == 1 &&
              EVP_DigestUpdate(ctx, token.ptr, token.len) == 1 &&
              EVP_DigestUpdate(ctx, room.ptr, room.len) == 1 &&
              EVP_DigestFinal_ex(ctx, key.bytes, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    YD_ASSERT(ok);
    return key;
}

static void entry_free(struct cache *cache, struct cache_entry *entry)
{
    HASH_DEL(cache->entries, entry); // NOLINT(clang-analyzer-*): it is there
    free(entry);
}

void cache_deinit(struct cache *cache)
{
    struct cache_entry *entry = cache->entries;
    HASH_CLEAR(hh, cache->entries);
    while (entry != NULL) {
        struct cache_entry *next = entry->hh.next;
        free(entry);
        entry = next;
    }
}

uint32_t cache_count(const struct cache *cache) { return HASH_COUNT(cache->entries); }

static struct cache_entry *entry_find(const struct cache *cache, const struct cache_key *key)
{
    struct cache_entry *entry = NULL;
    HASH_FIND(hh, cache->entries, key, sizeof *key, entry);
    return entry;
}

/* The table is in the order of putting: the oldest stand first. */
static void make_room(struct cache *cache, uint64_t now_ms)
{
    for (int i = 0; i < 2 && cache->entries != NULL; i++) {
        if (cache->entries->stale_until_ms > now_ms) break;
        entry_free(cache, cache->entries);
    }
    if (cache_count(cache) >= CACHE_ENTRIES_MAX) entry_free(cache, cache->entries);
}

void cache_put(struct cache *cache, const struct cache_key *key, yd_slice room,
               const struct auth_decision *decision, const struct cache_life *life)
{
    struct cache_entry *entry = entry_find(cache, key);
    if (entry != NULL) entry_free(cache, entry);
    if (life->fresh_ms == 0 && life->stale_ms == 0) return;
    make_room(cache, life->now_ms);

    size_t user_len = strlen(decision->user_id);
    size_t name_len = strlen(decision->name);
    size_t color_len = strlen(decision->color);
    entry = heap_new(sizeof *entry + room.len + user_len + name_len + color_len);
    entry->key = *key;
    entry->fresh_until_ms = life->now_ms + life->fresh_ms;
    entry->stale_until_ms = life->now_ms + life->stale_ms;
    if (entry->stale_until_ms < entry->fresh_until_ms) {
        entry->stale_until_ms = entry->fresh_until_ms;
    }
    entry->expires_at = decision->expires_at;
    entry->reason = decision->reason;
    entry->permission = decision->permission;
    entry->why = decision->why;
    entry->room_len = (uint32_t)room.len;
    entry->user_len = (uint16_t)user_len;
    entry->name_len = (uint16_t)name_len;
    entry->color_len = (uint16_t)color_len;
    char *at = entry->text;
    memcpy(at, room.ptr, room.len);
    memcpy(at += room.len, decision->user_id, user_len);
    memcpy(at += user_len, decision->name, name_len);
    memcpy(at + name_len, decision->color, color_len);
    HASH_ADD(hh, cache->entries, key, sizeof entry->key, entry);
}

bool cache_get(struct cache *cache, const struct cache_key *key, uint64_t now_ms, int64_t now_s,
               bool stale, struct auth_decision *decision)
{
    const struct cache_entry *entry = entry_find(cache, key);
    if (entry == NULL) return false;
    if (now_ms >= (stale ? entry->stale_until_ms : entry->fresh_until_ms)) return false;
    if (entry->expires_at > 0 && now_s > entry->expires_at) return false;
    *decision = (struct auth_decision){
        .reason = entry->reason,
        .permission = entry->permission,
        .expires_at = entry->expires_at,
        .remembered = true,
        .why = entry->why,
    };
    const char *at = entry->text + entry->room_len;
    memcpy(decision->user_id, at, entry->user_len);
    memcpy(decision->name, at + entry->user_len, entry->name_len);
    memcpy(decision->color, at + entry->user_len + entry->name_len, entry->color_len);
    return true;
}

static yd_slice entry_room(const struct cache_entry *entry)
{
    return (yd_slice){(const uint8_t *)entry->text, entry->room_len};
}

static yd_slice entry_user(const struct cache_entry *entry)
{
    return (yd_slice){(const uint8_t *)entry->text + entry->room_len, entry->user_len};
}

void cache_forget(struct cache *cache, yd_slice room, yd_slice user_id)
{
    struct cache_entry *entry = NULL;
    struct cache_entry *next = NULL;
    HASH_ITER(hh, cache->entries, entry, next)
    {
        if (room.len > 0 && !yd_slice_equal(room, entry_room(entry))) continue;
        if (user_id.len > 0 && !yd_slice_equal(user_id, entry_user(entry))) continue;
        entry_free(cache, entry);
    }
}

struct replay_entry {
    UT_hash_handle hh;
    struct cache_key id;
    int64_t until_s;
};

static void replay_sweep(struct replay *replay, int64_t now_s)
{
    struct replay_entry *entry = NULL;
    struct replay_entry *next = NULL;
    HASH_ITER(hh, replay->entries, entry, next)
    {
        if (entry->until_s >= now_s) continue;
        HASH_DEL(replay->entries, entry); // NOLINT(clang-analyzer-*): `next` was read before
        free(entry);
    }
    replay->swept_s = now_s;
}

void replay_deinit(struct replay *replay)
{
    struct replay_entry *entry = replay->entries;
    HASH_CLEAR(hh, replay->entries);
    while (entry != NULL) {
        struct replay_entry *next = entry->hh.next;
        free(entry);
        entry = next;
    }
}

uint32_t replay_count(const struct replay *replay) { return HASH_COUNT(replay->entries); }

enum replay_state replay_note(struct replay *replay, const char *issuer, const char *jti,
                              int64_t now_s, int64_t until_s)
{
    int64_t since = now_s - replay->swept_s;
    bool is_full = replay_count(replay) >= REPLAY_JTI_MAX;
    if (since >= REPLAY_SWEEP_S || since < 0 || (is_full && since > 0)) {
        replay_sweep(replay, now_s);
    }
    struct cache_key id = cache_key_of(text_slice(issuer), text_slice(jti));
    struct replay_entry *entry = NULL;
    HASH_FIND(hh, replay->entries, &id, sizeof id, entry); // NOLINT(clang-analyzer-*)
    if (entry != NULL && entry->until_s >= now_s) return REPLAY_SEEN;
    if (entry != NULL) {
        entry->until_s = until_s;
        return REPLAY_NEW;
    }
    if (replay_count(replay) >= REPLAY_JTI_MAX) return REPLAY_FULL;
    entry = heap_new(sizeof *entry);
    entry->id = id;
    entry->until_s = until_s;
    HASH_ADD(hh, replay->entries, id, sizeof entry->id, entry); // NOLINT(clang-analyzer-*)
    return REPLAY_NEW;
}
