/* store_bounds_test.c - what may grow: slices, the WAL, the journal, memory of rooms that nobody
 * uses. Works on the private database too, to count instead of timing. Rules: docs/storage.md. */
#include <malloc.h>
#include <sys/stat.h>
#include <time.h>

#include "unit/store_private.h"

#define MIB ((size_t)1 << 20)

static uint64_t file_bytes(struct world *w, const char *name)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static int64_t count(struct database *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n;
}

static void checkpoint(struct database *db)
{
    bool moved = false;
    assert_int_equal(database_checkpoint(db, &moved), YD_OK);
}

static void commit_one(struct database *db, const char *room, size_t len)
{
    struct batch_bytes batch = {.count = 1};
    yd_buf_init(&batch.bytes, heap_alloc(), SIZE_MAX / 2);
    assert_int_equal(yd_buf_varbytes(&batch.bytes, text(room)), YD_OK);
    assert_int_equal(yd_buf_varuint(&batch.bytes, len), YD_OK);
    assert_int_equal(yd_buf_reserve(&batch.bytes, len), YD_OK);
    memset(batch.bytes.ptr + batch.bytes.len, 'u', len);
    batch.bytes.len += len;
    assert_int_equal(log_commit(db, &batch), YD_OK);
    checkpoint(db);
    yd_buf_deinit(&batch.bytes);
}

/* Bytes that cannot be packed. */
static void fill(struct yd_buf *buf, size_t len)
{
    uint32_t x = 2463534242u;
    assert_int_equal(yd_buf_reserve(buf, len), YD_OK);
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        buf->ptr[i] = (uint8_t)(x >> 8);
    }
    buf->len = len;
}

/* Steps a snapshot of len bytes to its end; the number of its commits. */
static size_t snapshot_all(struct database *db, const char *room, size_t len)
{
    struct snapshot_job job = {.kind = STORE_BASE, .name = text(room), .covers_lsn = db->lsn};
    yd_buf_init(&job.content.bytes, heap_alloc(), SIZE_MAX / 2);
    fill(&job.content.bytes, len);
    size_t steps = 0;
    for (bool done = false; !done; steps++) {
        assert_int_equal(database_snapshot(db, &job, &done), YD_OK);
        checkpoint(db);
    }
    snapshot_job_deinit(&job);
    return steps;
}

static void s15_a_snapshot_and_its_deletion_go_in_slices(void **state)
{
    struct world *w = *state;
    struct database *db = private_open(w);
    commit_one(db, "a", 10);
    assert_true(snapshot_all(db, "a", 20 * MIB) >= 20);
    assert_int_equal(snapshot_all(db, "a", 100), 1);
    // 81 old chunks: none was deleted with the flip, and at most 64 go with one commit.
    int64_t before = count(db, "SELECT count(*) FROM base");
    assert_int_equal(before, 82);
    bool more = true;
    while (more) {
        assert_int_equal(database_trim(db, &more), YD_OK);
        int64_t now = count(db, "SELECT count(*) FROM base");
        assert_true(before - now <= 64);
        before = now;
    }
    assert_int_equal(before, 1);
    assert_int_equal(count(db, "SELECT count(*) FROM garbage"), 0);
    private_close(w, db);
}

static void s15_an_unfinished_snapshot_is_deleted_after_a_start(void **state)
{
    struct world *w = *state;
    struct database *db = private_open(w);
    commit_one(db, "a", 10);
    struct snapshot_job job = {.kind = STORE_BASE, .name = text("a"), .covers_lsn = db->lsn};
    yd_buf_init(&job.content.bytes, heap_alloc(), SIZE_MAX / 2);
    fill(&job.content.bytes, 3 * MIB);
    bool done = false, more = true;
    for (int slice = 0; slice < 8; slice++) {
        assert_int_equal(database_snapshot(db, &job, &done), YD_OK);
        assert_false(done);
    }
    // While it is being written it is not garbage.
    while (more) assert_int_equal(database_trim(db, &more), YD_OK);
    assert_true(count(db, "SELECT count(*) FROM base") >= 3);
    snapshot_job_deinit(&job);
    database_close(db, false);
    assert_int_equal(database_open(db, &(struct store_opts){.dir = w->dir}), YD_OK);
    for (more = true; more;) assert_int_equal(database_trim(db, &more), YD_OK);
    assert_int_equal(count(db, "SELECT count(*) FROM base"), 0);
    private_close(w, db);
}

static void s16_the_wal_is_bounded_and_given_back(void **state)
{
    struct world *w = *state;
    struct database *db = private_open(w);
    commit_one(db, "a", 10);
    uint64_t most = 0;
    for (int round = 0; round < 3; round++) {
        (void)snapshot_all(db, "a", 24 * MIB);
        if (file_bytes(w, "shard-00.db-wal") > most) most = file_bytes(w, "shard-00.db-wal");
        for (bool more = true; more;) {
            assert_int_equal(database_trim(db, &more), YD_OK);
            checkpoint(db);
        }
    }
    assert_true(most > 0 && most < 8 * MIB);
    commit_one(db, "a", 70 * MIB); // a single commit is as large as it is
    assert_int_equal(file_bytes(w, "shard-00.db-wal"), 0);
    private_close(w, db);
}

static void s21_a_room_nobody_opens_does_not_hold_the_journal(void **state)
{
    struct world *w = *state;
    struct database *db = private_open(w);
    commit_one(db, "forgotten", 1000);
    commit_one(db, "forgotten", 2000);
    bool more = false;
    for (int i = 0; i < 220; i++) {
        commit_one(db, "busy", MIB / 2);
        if (i % 4 == 3) (void)snapshot_all(db, "busy", 10);
        assert_int_equal(database_trim(db, &more), YD_OK);
    }
    while (more) assert_int_equal(database_trim(db, &more), YD_OK);
    assert_true(db->journal_bytes <= 64 * MIB);
    database_close(db, true);
    assert_int_equal(database_open(db, &(struct store_opts){.dir = w->dir}), YD_OK);
    private_close(w, db);
    struct store_event ev = load(w, "forgotten");
    assert_int_equal(ev.kind, STORE_EV_LOADED);
    assert_int_equal(ev.part_count, 2);
    assert_int_equal(ev.parts[0].len, 1000);
    assert_int_equal(ev.parts[1].len, 2000);
    store_event_deinit(&ev);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void s18_cold_rooms_cost_little(void **state)
{
    struct world *w = *state;
    enum { ROOMS = 100000 };
    char name[64];
    for (int i = 0; i < ROOMS; i++) {
        snprintf(name, sizeof name, "main/document-of-somebody-%08d", i);
        append(w, name, "u");
        if (i % 5000 == 4999) commit(w);
    }
    world_close(w);
    struct mallinfo2 before = mallinfo2();
    double start = seconds();
    world_open(w);
    double took = seconds() - start;
    struct mallinfo2 after = mallinfo2();
    double all =
        (double)(after.uordblks + after.hblkhd) - (double)(before.uordblks + before.hblkhd);
    world_close(w);

    struct database *db = calloc(1, sizeof *db);
    assert_non_null(db);
    assert_int_equal(database_open(db, &(struct store_opts){.dir = w->dir}), YD_OK);
    for (uint64_t id = 1; id <= ROOMS; id++) {
        struct stored_room *room = NULL;
        assert_int_equal(rooms_get(db, id, &room), YD_OK);
        log_cover(db, room, db->lsn);
        rooms_cool(db, room);
    }
    double table = (double)(db->rooms.slot_cap * sizeof(struct room_slot) +
                            db->rooms.id_cap * sizeof(uint32_t));
    print_message("100,000 rooms: start %.2f s; %.0f bytes a room with an update, %.0f cold\n",
                  took, all / ROOMS, table / ROOMS);
    assert_true(took < 2);
    assert_true(table / ROOMS < 60);
    private_close(w, db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(s15_a_snapshot_and_its_deletion_go_in_slices),
        ON_DISK(s15_an_unfinished_snapshot_is_deleted_after_a_start),
        ON_DISK(s16_the_wal_is_bounded_and_given_back),
        ON_DISK(s21_a_room_nobody_opens_does_not_hold_the_journal),
        ON_DISK(s18_cold_rooms_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
