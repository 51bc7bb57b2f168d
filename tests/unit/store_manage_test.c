/* store_manage_test.c - what store/manage.h promises: listing, reading, replacing, deleting,
 * progress of backups. Rules: docs/storage.md. */
#include "store/manage.h"
#include "unit/store_world.h"

static struct store_event ask(struct world *w)
{
    struct store_event ev;
    store_wait(w->store, &ev);
    while (ev.kind == STORE_EV_DURABLE) store_wait(w->store, &ev);
    assert_int_equal(ev.token, 5);
    return ev;
}

/* All that was appended is on disk. */
static void settle(struct world *w)
{
    assert_int_equal(store_read(w->store, text("nothing"), 5), YD_OK);
    struct store_event ev = ask(w);
    store_event_deinit(&ev);
}

static struct store_event ask_list(struct world *w, struct store_list list)
{
    if (list.prefix.ptr == NULL) list.prefix = YD_EMPTY;
    if (list.sink.ptr == NULL) list.sink = YD_EMPTY;
    assert_int_equal(store_list(w->store, &list, 5), YD_OK);
    struct store_event ev = ask(w);
    assert_int_equal(ev.kind, STORE_EV_LISTED);
    return ev;
}

static void assert_listed(struct world *w, struct store_list list, const char *expected)
{
    struct store_event ev = ask_list(w, list);
    char got[256] = "";
    for (size_t i = 0; i < ev.room_count; i++) {
        size_t at = strlen(got);
        snprintf(got + at, sizeof got - at, "%s%.*s", i == 0 ? "" : ",", (int)ev.rooms[i].name.len,
                 (const char *)ev.rooms[i].name.ptr);
    }
    assert_string_equal(got, expected);
    store_event_deinit(&ev);
}

/* The name in it is not valid any more. */
static struct store_room info(struct world *w, const char *room)
{
    assert_int_equal(store_info(w->store, text(room), text("s3"), 5), YD_OK);
    struct store_event ev = ask(w);
    assert_int_equal(ev.kind, STORE_EV_LISTED);
    assert_int_equal(ev.room_count, 1);
    struct store_room found = ev.rooms[0];
    store_event_deinit(&ev);
    return found;
}

static void erase(struct world *w, const char *room, enum store_erase how, uint64_t at,
                  enum store_event_kind expected)
{
    assert_int_equal(store_erase(w->store, text(room), how, at, 5), YD_OK);
    struct store_event ev = ask(w);
    if (ev.kind != expected) fail_msg("%d %s", (int)ev.kind, ev.why);
    store_event_deinit(&ev);
}

static enum store_event_kind replace(struct world *w, const char *room, const char *content,
                                     bool only_new)
{
    struct yd_buf bytes;
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    assert_int_equal(yd_buf_append(&bytes, text(content)), YD_OK);
    struct store_replace opts = {.only_new = only_new};
    assert_int_equal(store_replace(w->store, text(room), &bytes, &opts, 5), YD_OK);
    struct store_event ev = ask(w);
    store_event_deinit(&ev);
    return ev.kind;
}

static void assert_deleted(struct world *w, const char *room)
{
    struct store_event ev = load(w, room);
    assert_int_equal(ev.kind, STORE_EV_LOAD_DELETED);
    assert_int_equal(ev.part_count, 0);
    store_event_deinit(&ev);
}

static void assert_read(struct world *w, const char *room, const char *expected)
{
    assert_int_equal(store_read(w->store, text(room), 5), YD_OK);
    struct store_event ev = ask(w);
    assert_int_equal(ev.kind, STORE_EV_LOADED);
    char got[256] = "";
    for (size_t i = 0; i < ev.part_count; i++) {
        size_t at = strlen(got);
        snprintf(got + at, sizeof got - at, "%.*s,", (int)ev.parts[i].len,
                 (const char *)ev.parts[i].ptr);
    }
    assert_string_equal(got, expected);
    store_event_deinit(&ev);
}

static void s23_rooms_are_listed_page_by_page(void **state)
{
    struct world *w = *state;
    append(w, "doc-1", "aa");
    append(w, "map-1", "b");
    append(w, "doc-2", "cccc");
    snapshot(w, "doc-2", STORE_BASE, text("0123456789"));
    append(w, "doc-2", "d");
    for (int round = 0; round < 2; round++) {
        assert_listed(w, (struct store_list){.limit = 10}, "doc-1,map-1,doc-2");
        assert_listed(w, (struct store_list){.limit = 10, .prefix = text("doc")}, "doc-1,doc-2");
        assert_listed(w, (struct store_list){.limit = 2}, "doc-1,map-1");
        assert_listed(w, (struct store_list){.limit = 2, .after = 2}, "doc-2");
        assert_listed(w, (struct store_list){.limit = 2, .prefix = text("x")}, "");
        struct store_room room = info(w, "doc-2");
        assert_int_equal(room.id, 3);
        assert_int_equal(room.status, STORE_ROOM_OK);
        assert_int_equal(room.epoch, 1);
        assert_int_equal(room.bytes, 11);
        assert_int_equal(room.updates, 2);
        assert_int_equal(room.lsn, 2);
        assert_true(room.created_at > 1600000000000 && room.changed_at >= room.created_at);
        reopen(w);
    }
    assert_int_equal(store_info(w->store, text("none"), YD_EMPTY, 5), YD_OK);
    struct store_event ev = ask(w);
    assert_int_equal(ev.room_count, 0);
    store_event_deinit(&ev);
}

static void s23_many_rooms_come_in_pages(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 1500; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s-%d", i % 500 == 499 ? "rare" : "room", i);
        append(w, name, "u");
    }
    size_t found = 0, rare = 0;
    for (uint64_t after = 0, more = 1; more != 0; after = more) {
        struct store_event ev = ask_list(w, (struct store_list){.limit = 100, .after = after});
        assert_true(ev.room_count <= 100);
        for (size_t i = 0; i < ev.room_count; i++) assert_int_equal(ev.rooms[i].id, ++found);
        more = ev.next;
        store_event_deinit(&ev);
    }
    assert_int_equal(found, 1500);
    for (uint64_t after = 0, more = 1; more != 0; after = more) {
        struct store_event ev =
            ask_list(w, (struct store_list){.limit = 100, .after = after, .prefix = text("rare")});
        rare += ev.room_count;
        more = ev.next;
        store_event_deinit(&ev);
    }
    assert_int_equal(rare, 3);
}

static void s23_a_read_makes_nobody_a_writer(void **state)
{
    struct world *w = *state;
    append(w, "a", "1");
    snapshot(w, "a", STORE_BASE, text("B"));
    append(w, "a", "2");
    reopen(w);
    assert_read(w, "a", w->on_disk ? "B,2," : "B,2,");
    if (w->on_disk) {
        snapshot(w, "a", STORE_BASE, text("of somebody who has not loaded it"));
        assert_stored(w, "a", "B,2");
    }
    assert_read(w, "none", "");
}

static void s24_a_replaced_room_has_the_new_content_and_a_higher_epoch(void **state)
{
    struct world *w = *state;
    append(w, "a", "1");
    snapshot(w, "a", STORE_BASE, text("B"));
    append(w, "a", "2");
    append(w, "b", "other");
    settle(w);
    assert_int_equal(replace(w, "a", "NEW", true), STORE_EV_REFUSED);
    assert_int_equal(replace(w, "a", "NEW", false), STORE_EV_CHANGED);
    // What comes from somebody who has the old content in memory replaces nothing.
    snapshot(w, "a", STORE_BASE, text("OLD"));
    assert_stored(w, "a", "NEW");
    assert_int_equal(info(w, "a").epoch, 2);
    assert_int_equal(info(w, "a").lsn, 3);
    append(w, "a", "3");
    snapshot(w, "b", STORE_BASE, text("BB"));
    reopen(w);
    assert_stored(w, "a", "NEW,3");
    assert_stored(w, "b", "BB");
    assert_int_equal(replace(w, "c", "C", true), STORE_EV_CHANGED);
    reopen(w);
    assert_stored(w, "c", "C");
    assert_int_equal(info(w, "a").epoch, 2);
}

static void s24_a_large_room_is_replaced_while_batches_go_on(void **state)
{
    struct world *w = *state;
    size_t len = 5 * 1024 * 1024;
    struct yd_buf bytes;
    yd_buf_init(&bytes, heap_alloc(), SIZE_MAX / 2);
    assert_int_equal(yd_buf_reserve(&bytes, len), YD_OK);
    memset(bytes.ptr, 'n', len);
    bytes.len = len;
    append(w, "a", "1");
    struct store_replace opts = {.epoch_min = 7};
    assert_int_equal(store_replace(w->store, text("a"), &bytes, &opts, 5), YD_OK);
    for (int i = 0; i < 20; i++) {
        append(w, "b", "u");
        snapshot(w, "b", STORE_DELTA, text("D"));
    }
    struct store_event ev = ask(w);
    assert_int_equal(ev.kind, STORE_EV_CHANGED);
    assert_int_equal(ev.epoch, 7);
    store_event_deinit(&ev);
    append(w, "b", "last");
    settle(w);
    assert_stored(w, "b", "D,last");
    reopen(w);
    ev = load(w, "a");
    assert_int_equal(ev.base_bytes, len);
    assert_int_equal(ev.part_count, 1);
    store_event_deinit(&ev);
    assert_stored(w, "b", "D,last");
}

static void s25_a_deleted_room_is_told_and_comes_back_whole(void **state)
{
    struct world *w = *state;
    append(w, "a", "1");
    snapshot(w, "a", STORE_BASE, text("B"));
    append(w, "a", "2");
    settle(w);
    erase(w, "a", STORE_UNDELETE, 0, STORE_EV_REFUSED);
    erase(w, "none", STORE_DELETE, 0, STORE_EV_REFUSED);
    erase(w, "a", STORE_DELETE, UINT64_C(99999999999999), STORE_EV_CHANGED);
    for (int round = 0; round < 2; round++) {
        assert_deleted(w, "a");
        assert_read(w, "a", "B,2,");
        assert_int_equal(info(w, "a").status, STORE_ROOM_DELETED);
        reopen(w);
    }
    append(w, "a", "from somebody who was away"); // and an append says nothing of it
    settle(w);
    assert_deleted(w, "a");
    erase(w, "a", STORE_UNDELETE, 0, STORE_EV_CHANGED);
    reopen(w);
    assert_stored(w, "a", "B,2");
}

static void wait_erased(struct world *w, const char *room)
{
    for (int i = 0; i < 5000; i++) {
        if (info(w, room).status == STORE_ROOM_ERASED) return;
        usleep(1000);
    }
    fail_msg("%s is not erased", room);
}

static uint64_t fake_now;
static uint64_t fake_clock(void *ctx)
{
    (void)ctx;
    return fake_now;
}

static void s25_a_deleted_room_is_erased_when_its_time_has_come(void **state)
{
    struct world *w = *state;
    world_close(w);
    char why[STORE_ERROR_MAX];
    struct store_opts opts = {.dir = w->on_disk ? w->dir : NULL, .now_ms = fake_clock};
    fake_now = 1000000;
    assert_int_equal(store_open(&opts, &w->store, why), YD_OK);
    append(w, "a", "1");
    settle(w);
    erase(w, "a", STORE_DELETE, fake_now + 50, STORE_EV_CHANGED);
    usleep(80000); // the store's own clock decides, and it stands still
    assert_int_equal(info(w, "a").status, STORE_ROOM_DELETED);
    fake_now += 50;
    wait_erased(w, "a");
    assert_deleted(w, "a");
    erase(w, "a", STORE_UNDELETE, 0, STORE_EV_REFUSED);
    assert_int_equal(info(w, "a").epoch, 2);
}

static bool file_holds(struct world *w, const char *name, const char *needle)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) return false;
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    size_t len = (size_t)ftell(f);
    rewind(f);
    char *bytes = malloc(len + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, len, f), len);
    fclose(f);
    bool found = memmem(bytes, len, needle, strlen(needle)) != NULL;
    free(bytes);
    return found;
}

/* Old generations, deltas that were replaced, journal rows shared with others, the WAL. */
static void s26_nothing_of_an_erased_room_is_left_in_the_files(void **state)
{
    struct world *w = *state;
    static char secret[3000], long_one[400000];
    for (size_t i = 0; i < sizeof long_one - 20; i += 16)
        memcpy(long_one + i, "SECRET-SNAPSHOT-", 16);
    for (int i = 0; i < 40; i++) {
        int n = snprintf(secret, sizeof secret, "SECRET-UPDATE-%d-", i);
        memset(secret + n, 'u', 100 + (size_t)i * 60);
        append(w, "a", secret);
        append(w, "b", "of another");
        if (i % 5 == 4) snapshot(w, "a", STORE_DELTA, text(secret));
        if (i % 10 == 8) snapshot(w, "a", STORE_BASE, text(long_one));
        if (i % 3 == 0) settle(w);
    }
    append(w, "b", "last");
    settle(w);
    world_close(w); // so that it stands in the file
    assert_true(file_holds(w, "shard-00.db", "SECRET-UPDATE-"));
    assert_true(file_holds(w, "shard-00.db", "SECRET-SNAPSHOT-"));
    world_open(w);
    erase(w, "a", STORE_ERASE, 0, STORE_EV_CHANGED);
    wait_erased(w, "a");
    static const char *const files[] = {"shard-00.db", "shard-00.db-wal"};
    for (size_t i = 0; i < 2; i++) {
        assert_false(file_holds(w, files[i], "SECRET-UPDATE-"));
        assert_false(file_holds(w, files[i], "SECRET-SNAPSHOT-"));
    }
    assert_deleted(w, "a");
    struct store_event ev = load(w, "b");
    assert_int_equal(ev.part_count, 41);
    store_event_deinit(&ev);
    struct store_verified found;
    world_close(w);
    assert_int_equal(store_verify(w->dir, &found, secret), YD_OK);
    world_open(w);
    assert_int_equal(replace(w, "a", "begins anew", true), STORE_EV_REFUSED);
    assert_int_equal(replace(w, "a", "begins anew", false), STORE_EV_CHANGED);
    assert_int_equal(info(w, "a").epoch, 3);
    assert_stored(w, "a", "begins anew");
}

static void s27_progress_is_kept_and_says_what_is_dirty(void **state)
{
    struct world *w = *state;
    append(w, "a", "1");
    append(w, "b", "1");
    settle(w);
    struct store_list dirty = {.limit = 10, .sink = text("s3"), .only_dirty = true};
    assert_listed(w, dirty, "a,b");
    struct store_progress done[] = {{text("a"), 1, text("etag-1")}, {text("none"), 1, text("x")}};
    assert_int_equal(store_progress_set(w->store, text("s3"), done, 2, 5), YD_OK);
    struct store_event ev = ask(w);
    assert_int_equal(ev.kind, STORE_EV_CHANGED);
    for (int round = 0; round < 2; round++) {
        assert_listed(w, dirty, "b");
        assert_listed(w, (struct store_list){.limit = 9, .sink = text("dir"), .only_dirty = true},
                      "a,b");
        ev = ask_list(w, (struct store_list){.limit = 10, .sink = text("s3")});
        assert_int_equal(ev.rooms[0].saved_lsn, 1);
        assert_memory_equal(ev.rooms[0].saved_key.ptr, "etag-1", 6);
        assert_int_equal(ev.rooms[1].saved_lsn, 0);
        assert_int_equal(ev.rooms[1].saved_key.len, 0);
        store_event_deinit(&ev);
        reopen(w);
    }
    append(w, "a", "2");
    assert_listed(w, dirty, "a,b");
    done[0].lsn = 2;
    assert_int_equal(store_progress_set(w->store, text("s3"), done, 1, 5), YD_OK);
    ev = ask(w);
    assert_listed(w, dirty, "b");
    done[0].lsn = 1; // late: it does not go back
    assert_int_equal(store_progress_set(w->store, text("s3"), done, 1, 5), YD_OK);
    ev = ask(w);
    assert_int_equal(info(w, "a").saved_lsn, 2);
    snapshot(w, "a", STORE_BASE, text("all that was there")); // is no change
    assert_listed(w, dirty, "b");
    erase(w, "a", STORE_DELETE, UINT64_C(99999999999999), STORE_EV_CHANGED);
    assert_listed(w, dirty, "a,b");
}

static void s28_bookmarks_are_in_the_order_of_time(void **state)
{
    struct world *w = *state;
    char before[STORE_BOOKMARK_TEXT], after[STORE_BOOKMARK_TEXT];
    for (int i = 0; i < 20; i++) {
        store_bookmark_text(store_bookmark_now(w->store), before);
        append(w, "a", "1");
        settle(w);
        if (i % 7 == 6) assert_int_equal(replace(w, "a", "x", false), STORE_EV_CHANGED);
        store_bookmark_text(store_bookmark_now(w->store), after);
        assert_true(strcmp(before, after) < 0);
        struct store_bookmark got;
        assert_true(store_bookmark_read(text(after), &got));
        assert_int_equal(got.lsn, store_bookmark_now(w->store).lsn);
    }
    struct store_bookmark got;
    assert_false(store_bookmark_read(text("0-1"), &got));
    after[3] = 'G';
    assert_false(store_bookmark_read(text(after), &got));
}

/* An older copy whose mark was deleted counts anew: what it says later is later. */
static void s28_a_store_put_back_begins_a_new_epoch(void **state)
{
    struct world *w = *state;
    char path[128];
    append(w, "a", "1");
    settle(w);
    uint64_t epoch = store_bookmark_now(w->store).epoch;
    reopen(w);
    assert_int_equal(store_bookmark_now(w->store).epoch, epoch);
    world_close(w);
    snprintf(path, sizeof path, "%s/shard-00.mark", w->dir);
    assert_int_equal(unlink(path), 0);
    world_open(w);
    assert_true(store_bookmark_now(w->store).epoch > epoch);
}

static void s23_a_store_that_is_not_there_is_not_made(void **state)
{
    struct world *w = *state;
    char dir[128], why[STORE_ERROR_MAX] = "";
    struct store *store = NULL;
    snprintf(dir, sizeof dir, "%s/none", w->dir);
    struct store_opts opts = {.dir = dir, .must_exist = true};
    assert_int_equal(store_open(&opts, &store, why), YD_ENOTFOUND);
    assert_non_null(strstr(why, dir));
    assert_int_equal(access(dir, F_OK), -1);
}

static void s29_a_room_that_cannot_be_read_is_counted_until_it_is_replaced(void **state)
{
    struct world *w = *state;
    append(w, "a", "1");
    append(w, "b", "1");
    snapshot(w, "a", STORE_BASE, text("B"));
    world_close(w);
    change(w, "UPDATE base SET data = x'43'");
    world_open(w);
    struct store_stats stats;
    store_stats(w->store, &stats);
    assert_int_equal(stats.bad_rooms, 0);
    struct store_event ev = load(w, "a");
    assert_int_equal(ev.kind, STORE_EV_LOAD_FAILED);
    store_event_deinit(&ev);
    assert_int_equal(info(w, "a").status, STORE_ROOM_BAD);
    store_stats(w->store, &stats);
    assert_int_equal(stats.bad_rooms, 1);
    assert_int_equal(stats.rooms, 2);
    assert_string_equal(stats.bad_room, "a");
    assert_int_equal(replace(w, "a", "restored", false), STORE_EV_CHANGED);
    assert_stored(w, "a", "restored");
    store_stats(w->store, &stats);
    assert_int_equal(stats.bad_rooms, 0);
}

/* An hour forwards, an hour back, as somebody sets the clock. */
static void s35_a_clock_that_jumps_loses_nothing(void **state)
{
    struct world *w = *state;
    char why[STORE_ERROR_MAX], before[STORE_BOOKMARK_TEXT] = "", after[STORE_BOOKMARK_TEXT];
    char expected[256] = "B";
    struct store_opts opts = {.dir = w->on_disk ? w->dir : NULL, .now_ms = fake_clock};
    static const int64_t jumps[] = {0, 3600000, -3600000, -3600000, 7200000, -7200000};
    world_close(w);
    fake_now = 100 * 3600000;
    assert_int_equal(store_open(&opts, &w->store, why), YD_OK);
    append(w, "a", "0");
    snapshot(w, "a", STORE_BASE, text("B"));
    append(w, "gone", "x");
    erase(w, "gone", STORE_DELETE, fake_now + 10 * 3600000, STORE_EV_CHANGED);
    for (size_t i = 0; i < 24; i++) {
        fake_now = (uint64_t)((int64_t)fake_now + jumps[i % 6]);
        char update[8];
        snprintf(update, sizeof update, "%zu", i);
        snprintf(expected + strlen(expected), 8, ",%zu", i);
        append(w, "a", update);
        settle(w);
        store_bookmark_text(store_bookmark_now(w->store), after);
        assert_true(strcmp(before, after) < 0);
        memcpy(before, after, sizeof before);
        if (w->on_disk && i % 5 == 4) {
            world_close(w);
            if (i % 2 == 0) { // put back from a copy, while the clock is an hour behind
                char path[128];
                snprintf(path, sizeof path, "%s/shard-00.mark", w->dir);
                assert_int_equal(unlink(path), 0);
            }
            assert_int_equal(store_open(&opts, &w->store, why), YD_OK);
        }
        assert_stored(w, "a", expected);
        assert_int_equal(info(w, "gone").status, STORE_ROOM_DELETED);
    }
    erase(w, "gone", STORE_UNDELETE, 0, STORE_EV_CHANGED);
    assert_stored(w, "gone", "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(s23_rooms_are_listed_page_by_page),
        ON_BOTH(s23_many_rooms_come_in_pages),
        ON_BOTH(s23_a_read_makes_nobody_a_writer),
        ON_DISK(s23_a_store_that_is_not_there_is_not_made),
        ON_BOTH(s24_a_replaced_room_has_the_new_content_and_a_higher_epoch),
        ON_BOTH(s24_a_large_room_is_replaced_while_batches_go_on),
        ON_BOTH(s25_a_deleted_room_is_told_and_comes_back_whole),
        ON_BOTH(s25_a_deleted_room_is_erased_when_its_time_has_come),
        ON_DISK(s26_nothing_of_an_erased_room_is_left_in_the_files),
        ON_BOTH(s27_progress_is_kept_and_says_what_is_dirty),
        ON_BOTH(s35_a_clock_that_jumps_loses_nothing),
        ON_BOTH(s28_bookmarks_are_in_the_order_of_time),
        ON_DISK(s28_a_store_put_back_begins_a_new_epoch),
        ON_DISK(s29_a_room_that_cannot_be_read_is_counted_until_it_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
