/* store_test.c - what store.h promises, on a file and in memory; damage, kills, a second process.
 * Rules: docs/storage.md. */
#include <signal.h>
#include <sys/wait.h>

#include "unit/store_world.h"

static void s1_what_was_appended_is_loaded_in_order(void **state)
{
    struct world *w = *state;
    append(w, "a", "1");
    append(w, "b", "2");
    append(w, "a", "3");
    commit(w);
    append(w, "a", "4");
    commit(w);
    assert_stored(w, "a", "1,3,4");
    reopen(w);
    assert_stored(w, "a", "1,3,4");
    assert_stored(w, "b", "2");
    assert_stored(w, "never", "");
}

static void s1_a_load_sees_the_batch_being_built(void **state)
{
    struct world *w = *state;
    append(w, "a", "1");
    assert_stored(w, "a", "1");
    assert_int_equal(store_batch_bytes(w->store), 0);
}

static void s1_a_delta_replaces_what_came_before_it(void **state)
{
    struct world *w = *state;
    append(w, "a", "1");
    append(w, "b", "2");
    snapshot(w, "a", STORE_DELTA, text("D"));
    append(w, "a", "3");
    assert_stored(w, "a", "D,3");
    snapshot(w, "a", STORE_DELTA, text("E"));
    assert_stored(w, "a", "E");
    reopen(w);
    assert_stored(w, "a", "E");
    assert_stored(w, "b", "2");
}

static void s1_a_large_base_replaces_base_and_delta(void **state)
{
    struct world *w = *state;
    size_t len = 3 * 1024 * 1024 + 17;
    uint8_t *bytes = malloc(len);
    assert_non_null(bytes);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)(i * 31 + i / 251 + (size_t)round);
        if (round > 0) read_room(w, "a");
        append(w, "a", "1");
        snapshot(w, "a", STORE_DELTA, text("D"));
        snapshot(w, "a", STORE_BASE, (yd_slice){bytes, len});
        append(w, "a", "2");
        struct store_event ev = load(w, "a");
        assert_int_equal(ev.kind, STORE_EV_LOADED);
        assert_int_equal(ev.base_bytes, len);
        assert_int_equal(ev.part_count, 2);
        assert_int_equal(ev.parts[0].len, len);
        assert_memory_equal(ev.parts[0].ptr, bytes, len);
        store_event_deinit(&ev);
        reopen(w);
    }
    free(bytes);
}

static void s1_numbers_are_not_used_again_after_trimming(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 20; i++) {
        read_room(w, "a");
        append(w, "a", "1");
        snapshot(w, "a", STORE_DELTA, text("D"));
        if (i % 3 == 0) reopen(w);
    }
    append(w, "a", "2");
    reopen(w);
    assert_stored(w, "a", "D,2");
}

/* ---- files ----------------------------------------------------------------------------------- */

static void assert_refused(struct world *w, const char *damage)
{
    append(w, "a", "bytes");
    append(w, "b", "other");
    snapshot(w, "a", STORE_BASE, text("base bytes"));
    append(w, "a", "more");
    snapshot(w, "a", STORE_DELTA, text("delta bytes"));
    append(w, "a", "tail");
    append(w, "b", "tail b");
    world_close(w);
    change(w, damage);

    struct store_verified found;
    char why[STORE_ERROR_MAX] = "";
    assert_int_equal(store_verify(w->dir, &found, why), YD_EMALFORMED);
    assert_int_equal(found.rooms, 2);
    assert_int_equal(found.bad_rooms, 1);
    world_open(w);
    struct store_event ev = load(w, "a");
    assert_int_equal(ev.kind, STORE_EV_LOAD_FAILED);
    assert_int_equal(ev.part_count, 0);
    assert_true(strlen(ev.why) > 20);
    store_event_deinit(&ev);
    assert_stored(w, "b", "other,tail b");
}

static void s3_a_damaged_chunk_refuses_its_room_only(void **state)
{
    assert_refused(*state, "UPDATE base SET data = CAST('base bytez' AS BLOB) WHERE gen = 1");
}
static void s3_a_missing_chunk_refuses_its_room_only(void **state)
{
    assert_refused(*state, "DELETE FROM base WHERE gen = 1");
}
static void s3_a_damaged_delta_refuses_its_room_only(void **state)
{
    assert_refused(*state, "UPDATE base SET data = CAST('delta bytez' AS BLOB) WHERE gen = 2");
}
static void s3_a_missing_delta_refuses_its_room_only(void **state)
{
    assert_refused(*state, "DELETE FROM base WHERE gen = 2");
}
static void s3_a_damaged_entry_refuses_its_room_only(void **state)
{
    assert_refused(*state, "UPDATE journal SET data = "
                           "CAST(substr(data, 1, length(data) - 10) || x'00' || "
                           "substr(data, length(data) - 8) AS BLOB) "
                           "WHERE lsn = (SELECT max(lsn) FROM journal)");
}

static void s3_a_damaged_head_is_not_opened(void **state)
{
    assert_not_opened(*state, "UPDATE journal SET data = x'01' || substr(data, 2)", YD_EMALFORMED);
}
static void s3_a_truncated_row_is_not_opened(void **state)
{
    assert_not_opened(*state, "UPDATE journal SET data = substr(data, 1, length(data) - 1)",
                      YD_EMALFORMED);
}
static void s3_a_file_of_others_is_not_opened(void **state)
{
    assert_not_opened(*state, "PRAGMA application_id = 5", YD_EMALFORMED);
}
static void s4_a_newer_schema_is_refused(void **state)
{
    assert_not_opened(*state, "PRAGMA user_version = 99", YD_ESTATE);
}

static void s4_a_store_in_use_is_refused(void **state)
{
    struct world *w = *state;
    append(w, "a", "1");
    commit(w);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char why[STORE_ERROR_MAX] = "";
        struct store *store = NULL;
        yd_err err = store_open(&(struct store_opts){.dir = w->dir}, &store, why);
        _exit(err == YD_ESTATE && strstr(why, "another process") != NULL ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_stored(w, "a", "1");
}

struct told {
    uint64_t rooms, of;
};

static void tell(void *ctx, uint64_t rooms, uint64_t of)
{
    struct told *told = ctx;
    assert_int_equal(rooms, told->rooms + 1);
    *told = (struct told){rooms, of};
}

static void s3_a_check_tells_of_each_room(void **state)
{
    struct world *w = *state;
    append(w, "a", "bytes");
    append(w, "b", "other");
    append(w, "c", "third");
    world_close(w);
    change(w, "UPDATE room SET covered_lsn = covered_lsn + 1 WHERE id = 2");
    struct told told = {0};
    struct store_verified found;
    char why[STORE_ERROR_MAX] = "";
    assert_int_equal(
        store_verify_watched(w->dir, &(struct store_watcher){tell, &told}, &found, why),
        YD_EMALFORMED);
    assert_int_equal(told.rooms, 3);
    assert_int_equal(told.of, 3);
}

static void s3_a_check_makes_no_store(void **state)
{
    struct world *w = *state;
    char dir[128], why[STORE_ERROR_MAX] = "";
    snprintf(dir, sizeof dir, "%s/absent", w->dir);
    struct store_verified found;
    assert_int_equal(store_verify(dir, &found, why), YD_ENOTFOUND);
    assert_non_null(strstr(why, dir));
    assert_int_equal(access(dir, F_OK), -1);
}

/* ---- kills ------------------------------------------------------------------------------------
 */

static void child_appends(struct world *w, int to)
{
    world_open(w);
    for (;;) {
        uint64_t number = store_batch_number(w->store);
        append(w, "a", "u");
        if (number % 40 == 0) append(w, "b", "v");
        commit(w);
        if (write(to, &number, sizeof number) < 0) _exit(1);
        if (number % 25 == 0) snapshot(w, "b", STORE_DELTA, text("D"));
    }
}

static void s1_what_was_confirmed_survives_a_kill(void **state)
{
    struct world *w = *state;
    world_close(w);
    size_t confirmed = 0;
    srand(1);
    for (int kill_at = 0; kill_at < 30; kill_at++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) child_appends(w, ends[1]);
        close(ends[1]);
        uint64_t number;
        assert_int_equal(read(ends[0], &number, sizeof number), sizeof number); // it is at work
        confirmed++;
        usleep((useconds_t)(rand() % 40000));
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        while (read(ends[0], &number, sizeof number) == (ssize_t)sizeof number) confirmed++;
        close(ends[0]);

        struct store_verified found;
        char why[STORE_ERROR_MAX] = "";
        if (store_verify(w->dir, &found, why) != YD_OK) fail_msg("%s", why);
    }
    world_open(w);
    struct store_event ev = load(w, "a");
    assert_int_equal(ev.kind, STORE_EV_LOADED);
    assert_true(ev.part_count >= confirmed);
    assert_true(ev.part_count <= confirmed + 30); // one a kill may be on disk and not yet told
    store_event_deinit(&ev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(s1_what_was_appended_is_loaded_in_order),
        ON_BOTH(s1_a_load_sees_the_batch_being_built),
        ON_BOTH(s1_a_delta_replaces_what_came_before_it),
        ON_BOTH(s1_a_large_base_replaces_base_and_delta),
        ON_BOTH(s1_numbers_are_not_used_again_after_trimming),
        ON_DISK(s3_a_damaged_chunk_refuses_its_room_only),
        ON_DISK(s3_a_missing_chunk_refuses_its_room_only),
        ON_DISK(s3_a_damaged_delta_refuses_its_room_only),
        ON_DISK(s3_a_missing_delta_refuses_its_room_only),
        ON_DISK(s3_a_damaged_entry_refuses_its_room_only),
        ON_DISK(s3_a_damaged_head_is_not_opened),
        ON_DISK(s3_a_truncated_row_is_not_opened),
        ON_DISK(s3_a_file_of_others_is_not_opened),
        ON_DISK(s4_a_newer_schema_is_refused),
        ON_DISK(s4_a_store_in_use_is_refused),
        ON_DISK(s3_a_check_tells_of_each_room),
        ON_DISK(s3_a_check_makes_no_store),
        ON_DISK(s1_what_was_confirmed_survives_a_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
