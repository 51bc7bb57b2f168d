/* store_damage_test.c - numbers that do not fit, rows that are damaged, a WAL cut off in its
 * middle: noticed, and never served. Rules: docs/storage.md. */
#include <sys/wait.h>

#include "store/manage.h"
#include "unit/store_world.h"

/* A process that commits `count` times and is gone without closing. */
static void killed_after(struct world *w, int count)
{
    world_close(w);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        world_open(w);
        for (int i = 0; i < count; i++) {
            append(w, "a", "some bytes of an update");
            commit(w);
        }
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void path_in(struct world *w, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", w->dir, name);
}

static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    static uint8_t bytes[1 << 20];
    *len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return bytes;
}

static void write_file(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static void assert_open_says(struct world *w, const char *says)
{
    char why[STORE_ERROR_MAX] = "";
    struct store *store = NULL;
    assert_int_equal(store_open(&(struct store_opts){.dir = w->dir}, &store, why), YD_EMALFORMED);
    if (strstr(why, says) == NULL) fail_msg("%s", why);
}

static void three_commits(struct world *w)
{
    for (int i = 0; i < 3; i++) {
        append(w, "a", "bytes");
        commit(w);
    }
    world_close(w);
}

static void s13_a_missing_journal_row_is_not_opened(void **state)
{
    three_commits(*state);
    change(*state, "DELETE FROM journal WHERE lsn = 2");
    assert_open_says(*state, "record 2 is missing");
}
static void s13_a_missing_first_row_is_not_opened(void **state)
{
    three_commits(*state);
    change(*state, "DELETE FROM journal WHERE lsn = 1");
    assert_open_says(*state, "record 1 is missing");
}
static void s13_a_missing_last_row_is_not_opened(void **state)
{
    three_commits(*state);
    change(*state, "DELETE FROM journal WHERE lsn = 3");
    assert_open_says(*state, "ends at commit 2, but 3 was confirmed");
}
static void s13_a_row_under_another_number_is_not_opened(void **state)
{
    three_commits(*state);
    change(*state, "UPDATE journal SET lsn = 4 WHERE lsn = 3;"
                   "UPDATE journal SET lsn = 3 WHERE lsn = 2;"
                   "UPDATE journal SET lsn = 2 WHERE lsn = 4");
    assert_open_says(*state, "damaged");
}
static void s13_a_damaged_number_is_not_opened(void **state)
{
    three_commits(*state);
    change(*state, "UPDATE meta SET v = 1 WHERE k = 'trimmed'");
    assert_open_says(*state, "'trimmed' is damaged");
}

static void s13_a_damaged_wal_is_not_taken_for_its_end(void **state)
{
    struct world *w = *state;
    char wal[128], mark[128];
    path_in(w, "shard-00.db-wal", wal);
    path_in(w, "shard-00.mark", mark);
    killed_after(w, 20);
    size_t len = 0;
    uint8_t *bytes = read_file(wal, &len);
    assert_true(len > 20 * 4120);
    bytes[len / 2] ^= 4;
    write_file(wal, bytes, len);
    // With the mark gone, the WAL itself has to tell.
    assert_int_equal(remove(mark), 0);
    assert_open_says(w, "behind a damaged place");
}

static void s13_a_damaged_last_commit_is_seen_by_the_mark(void **state)
{
    struct world *w = *state;
    char wal[128];
    path_in(w, "shard-00.db-wal", wal);
    killed_after(w, 20);
    size_t len = 0;
    uint8_t *bytes = read_file(wal, &len);
    bytes[len - 100] ^= 4;
    write_file(wal, bytes, len);
    assert_open_says(w, "ends at commit 19, but 20 was confirmed");
}

static void s13_a_lost_database_is_not_begun_anew(void **state)
{
    struct world *w = *state;
    char path[128];
    three_commits(w);
    path_in(w, "shard-00.db", path);
    assert_int_equal(remove(path), 0);
    assert_open_says(w, "ends at commit 0, but 3 was confirmed");
}

/* ---- rows of rooms ----------------------------------------------------------------------------
 */

static void assert_load_fails(struct world *w, const char *room)
{
    struct store_event ev = load(w, room);
    assert_int_equal(ev.kind, STORE_EV_LOAD_FAILED);
    assert_int_equal(ev.part_count, 0);
    store_event_deinit(&ev);
}

static void damage_room_row(struct world *w, const char *sql)
{
    append(w, "a", "1");
    append(w, "b", "2");
    append(w, "c", "3");
    snapshot(w, "b", STORE_BASE, text("B"));
    world_close(w);
    change(w, sql);
    world_open(w);
    assert_stored(w, "a", "1");
    assert_stored(w, "c", "3");
    assert_load_fails(w, "b");
    // It may be the name of the damaged one.
    assert_load_fails(w, "never heard of");
}

static void s14_a_changed_name_is_not_an_empty_room(void **state)
{
    damage_room_row(*state, "UPDATE room SET name = CAST('c2' AS BLOB) WHERE id = 2");
}
static void s14_a_lost_room_row_is_not_an_empty_room(void **state)
{
    damage_room_row(*state, "DELETE FROM room WHERE id = 2");
}
static void s14_a_changed_generation_is_refused(void **state)
{
    damage_room_row(*state, "UPDATE room SET base_gen = 0 WHERE id = 2");
}
static void s14_a_lost_last_row_is_not_an_empty_room(void **state)
{
    struct world *w = *state;
    append(w, "a", "1");
    append(w, "b", "2");
    snapshot(w, "b", STORE_BASE, text("B"));
    world_close(w);
    change(w, "DELETE FROM room WHERE id = 2");
    world_open(w);
    assert_stored(w, "a", "1");
    assert_load_fails(w, "b");
}

static void s3_a_chunk_of_another_room_is_refused(void **state)
{
    struct world *w = *state;
    append(w, "a", "1");
    append(w, "b", "2");
    snapshot(w, "a", STORE_BASE, text("A"));
    snapshot(w, "b", STORE_BASE, text("B"));
    assert_stored(w, "a", "A");
    world_close(w);
    change(w, "DELETE FROM base WHERE room = 1; UPDATE base SET room = 1");
    world_open(w);
    assert_load_fails(w, "a");
    assert_load_fails(w, "b");
}

/* ---- never replaced ---------------------------------------------------------------------------
 */

static void s17_a_room_that_cannot_be_read_is_not_replaced(void **state)
{
    struct world *w = *state;
    append(w, "a", "1");
    snapshot(w, "a", STORE_BASE, text("precious"));
    assert_stored(w, "a", "precious");
    world_close(w);
    change(w, "UPDATE base SET data = CAST('preciouz' AS BLOB)");
    world_open(w);
    assert_load_fails(w, "a");
    append(w, "a", "2");
    snapshot(w, "a", STORE_BASE, YD_EMPTY);
    snapshot(w, "a", STORE_DELTA, YD_EMPTY);
    assert_load_fails(w, "a");
    world_close(w);
    change(w, "UPDATE base SET data = CAST('precious' AS BLOB)");
    world_open(w);
    assert_stored(w, "a", "precious,2");
}

static void s17_a_room_that_nobody_has_read_is_not_replaced(void **state)
{
    struct world *w = *state;
    append(w, "a", "1");
    snapshot(w, "a", STORE_BASE, text("precious"));
    reopen(w);
    snapshot(w, "a", STORE_BASE, text("empty"));
    assert_stored(w, "a", "precious");
    snapshot(w, "a", STORE_BASE, text("new"));
    assert_stored(w, "a", "new");
}

/* Waits for the scrub to have read all rooms so often. */
static struct store_stats scrubbed(struct world *w, uint64_t rounds)
{
    struct store_stats stats;
    for (int i = 0; i < 5000; i++) {
        store_stats(w->store, &stats);
        if (stats.scrub_rounds >= rounds) return stats;
        usleep(1000);
    }
    fail_msg("nothing is scrubbed");
    return stats;
}

static void open_with_scrub(struct world *w)
{
    char why[STORE_ERROR_MAX];
    struct store_opts opts = {.dir = w->dir, .scrub_ms = 1};
    if (store_open(&opts, &w->store, why) != YD_OK) fail_msg("%s", why);
}

static void s33_damage_is_found_before_anybody_asks(void **state)
{
    struct world *w = *state;
    size_t len = 3 << 20;
    uint8_t *big = malloc(len);
    assert_non_null(big);
    for (uint32_t i = 0, x = 1; i < len; i++)
        big[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%d", i);
        append(w, name, "u");
        if (i % 3 == 0) snapshot(w, name, STORE_BASE, i == 0 ? (yd_slice){big, len} : text("B"));
        if (i % 3 == 1) {
            struct yd_buf buf;
            yd_buf_init(&buf, heap_alloc(), SIZE_MAX / 2);
            assert_int_equal(yd_buf_append(&buf, text("B")), YD_OK);
            struct store_keep keep = {0};
            assert_int_equal(store_snapshot_keep(w->store, text(name), STORE_BASE, &buf, &keep),
                             YD_OK);
        }
    }
    free(big);
    world_close(w);
    open_with_scrub(w);
    struct store_stats stats = scrubbed(w, 2);
    assert_int_equal(stats.bad_rooms, 0);
    assert_true(stats.scrubbed >= 600);
    world_close(w);
    // A chunk in the middle of a large one, a small one, a history.
    change(w, "UPDATE base SET crc = crc + 1 WHERE room = 1 AND i = 5");
    change(w, "UPDATE base SET data = x'00' WHERE room = 100");
    change(w, "UPDATE history SET at = at + 1 WHERE room = 200");
    open_with_scrub(w);
    stats = scrubbed(w, 1);
    assert_int_equal(stats.bad_rooms, 3);
    assert_string_equal(stats.bad_room, "r199");
    // Commits and loads go on beside it.
    append(w, "r5", "2");
    assert_stored(w, "r5", "u,2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(s13_a_missing_journal_row_is_not_opened),
        ON_DISK(s13_a_missing_first_row_is_not_opened),
        ON_DISK(s13_a_missing_last_row_is_not_opened),
        ON_DISK(s13_a_row_under_another_number_is_not_opened),
        ON_DISK(s13_a_damaged_number_is_not_opened),
        ON_DISK(s13_a_damaged_wal_is_not_taken_for_its_end),
        ON_DISK(s13_a_damaged_last_commit_is_seen_by_the_mark),
        ON_DISK(s13_a_lost_database_is_not_begun_anew),
        ON_DISK(s14_a_changed_name_is_not_an_empty_room),
        ON_DISK(s14_a_lost_room_row_is_not_an_empty_room),
        ON_DISK(s14_a_changed_generation_is_refused),
        ON_DISK(s14_a_lost_last_row_is_not_an_empty_room),
        ON_DISK(s3_a_chunk_of_another_room_is_refused),
        ON_DISK(s17_a_room_that_cannot_be_read_is_not_replaced),
        ON_DISK(s33_damage_is_found_before_anybody_asks),
        ON_DISK(s17_a_room_that_nobody_has_read_is_not_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
