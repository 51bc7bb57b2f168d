/* store_gather_test.c - writes that are handed to the system as one (server/store/gather.h): how
 * many they are, that nothing is read past them, and that one that fails is no commit. Works on the
 * private database, whose SQLite goes through it. Rules: docs/storage.md. */
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "store/gather.h"
#include "unit/store_private.h"

#define KIB ((size_t)1024)

static yd_err commit_bytes(struct database *db, size_t len)
{
    struct batch_bytes batch = {.count = 1};
    yd_buf_init(&batch.bytes, heap_alloc(), SIZE_MAX / 2);
    assert_int_equal(yd_buf_varbytes(&batch.bytes, text("a")), YD_OK);
    assert_int_equal(yd_buf_varuint(&batch.bytes, len), YD_OK);
    assert_int_equal(yd_buf_reserve(&batch.bytes, len), YD_OK);
    memset(batch.bytes.ptr + batch.bytes.len, 'u', len);
    batch.bytes.len += len;
    yd_err err = log_commit(db, &batch);
    yd_buf_deinit(&batch.bytes);
    return err;
}

/* Write calls of this process so far. */
static long writes(void)
{
    FILE *f = fopen("/proc/self/io", "r");
    char line[128];
    long count = -1;
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "syscw:", 6) == 0) count = atol(line + 6);
    }
    if (f != NULL) fclose(f);
    return count;
}

/* Without it these are 2 calls a page of 4 KiB: 27 for the commit, 1,100 for the WAL. */
static void s15_a_commit_and_the_wal_are_few_writes(void **state)
{
    struct world *w = *state;
    struct database *db = private_open(w);
    assert_int_equal(commit_bytes(db, 10), YD_OK);
    long before = writes();
    assert_int_equal(commit_bytes(db, 50 * KIB), YD_OK);
    // Frames of the WAL, perhaps its head, the mark.
    if (before >= 0) assert_in_range(writes() - before, 2, 5);
    for (int i = 0; i < 100; i++) assert_int_equal(commit_bytes(db, 40 * KIB), YD_OK);
    before = writes();
    bool moved = false;
    assert_int_equal(database_checkpoint(db, &moved), YD_OK);
    assert_true(moved);
    // 4 MB in pieces of 124 KiB; each commit's own page stands between them.
    if (before >= 0) assert_in_range(writes() - before, 30, 300);
    private_close(w, db);
}

static uint64_t numbers_of(struct database *db, const char *sql)
{
    uint64_t n = 0;
    assert_int_equal(database_number(db, sql, &n), YD_OK);
    return n;
}

/* Pages that do not fit in the cache are written before the commit, and read again from the WAL. */
static void s15_what_is_kept_back_is_read(void **state)
{
    struct world *w = *state;
    struct database *db = private_open(w);
    assert_int_equal(database_exec(db, "PRAGMA cache_size=10; PRAGMA cache_spill=1; BEGIN; "
                                       "CREATE TABLE t(i INTEGER PRIMARY KEY, b);"
                                       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                                       "SELECT i + 1 FROM n WHERE i < 2000)"
                                       "INSERT INTO t SELECT i, i || hex(zeroblob(200)) FROM n;"
                                       "UPDATE t SET b = b || 'x';"),
                     YD_OK);
    assert_int_equal(numbers_of(db, "SELECT sum(b = i || hex(zeroblob(200)) || 'x') FROM t"), 2000);
    assert_int_equal(database_exec(db, "COMMIT"), YD_OK);
    assert_int_equal(database_checkpoint_all(db), YD_OK);
    assert_int_equal(numbers_of(db, "SELECT sum(b = i || hex(zeroblob(200)) || 'x') FROM t"), 2000);
    assert_int_equal(database_exec(db, "DROP TABLE t"), YD_OK);
    private_close(w, db);
}

static int write_to_fail; /* counted down; 0: none */

static ssize_t pwrite_perhaps(int fd, const void *bytes, size_t len, off_t at)
{
    if (write_to_fail == 0 || --write_to_fail > 0) return pwrite(fd, bytes, len, at);
    errno = EIO;
    return -1;
}

/* The n-th write of SQLite from now on fails, those behind it do not: it lets its system calls be
 * replaced. */
static void fail_write(int n)
{
    static const char *const names[] = {"pwrite", "pwrite64"};
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");
    for (size_t i = 0; i < 2; i++) {
        (void)unix_vfs->xSetSystemCall(unix_vfs, names[i], (sqlite3_syscall_ptr)pwrite_perhaps);
    }
    write_to_fail = n;
}

static void database_reopen(struct world *w, struct database *db)
{
    database_close(db, false);
    if (database_open(db, &(struct store_opts){.dir = w->dir}) != YD_OK) fail_msg("%s", db->why);
}

/* The system refuses what is kept back only when it is written, at the sync of the commit. */
static void s11_a_write_that_was_kept_back_and_fails_is_no_commit(void **state)
{
    struct world *w = *state;
    struct database *db = private_open(w);
    assert_int_equal(commit_bytes(db, 10), YD_OK);
    uint64_t confirmed = db->lsn;
    fail_write(1);
    assert_int_equal(commit_bytes(db, 50 * KIB), YD_EIO);
    assert_int_equal(write_to_fail, 0);
    assert_non_null(strstr(db->why, "shard-00.db"));
    assert_int_equal(db->lsn, confirmed);
    database_reopen(w, db);
    assert_int_equal(db->lsn, confirmed);
    private_close(w, db);
}

/* SQLite asks a thing or two of the database file between its writes and their sync, and does not
 * look at the answers: if the failure were told there only, the WAL would be thrown away. */
static void s11_a_wal_that_cannot_be_moved_is_kept(void **state)
{
    struct world *w = *state;
    struct database *db = private_open(w);
    int n = 0;
    yd_err err = YD_EIO;
    while (err != YD_OK) {
        assert_int_equal(commit_bytes(db, 20 * KIB), YD_OK);
        assert_int_equal(commit_bytes(db, 20 * KIB), YD_OK);
        uint64_t confirmed = db->lsn;
        fail_write(++n);
        err = database_checkpoint_all(db);
        // As many as it has; then it is not touched.
        assert_int_equal(err, write_to_fail == 0 ? YD_EIO : YD_OK);
        write_to_fail = 0;
        database_reopen(w, db);
        assert_int_equal(db->lsn, confirmed);
    }
    assert_true(n > 2);
    private_close(w, db);
    world_close(w);
    struct store_verified found;
    char why[STORE_ERROR_MAX] = "";
    if (store_verify(w->dir, &found, why) != YD_OK) fail_msg("%s", why);
}

static void *ask(void *ctx)
{
    *(const char **)ctx = gather_vfs();
    return NULL;
}

static void s15_stores_that_open_at_once_share_one(void **state)
{
    (void)state;
    pthread_t threads[8];
    const char *names[8] = {0};
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &names[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < 8; i++) assert_non_null(names[i]);
    sqlite3_vfs *ours = sqlite3_vfs_find(names[0]);
    assert_non_null(ours);
    for (sqlite3_vfs *v = ours->pNext; v != NULL; v = v->pNext) {
        assert_string_not_equal(v->zName, names[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(s15_a_commit_and_the_wal_are_few_writes),
        ON_DISK(s15_what_is_kept_back_is_read),
        ON_DISK(s11_a_write_that_was_kept_back_and_fails_is_no_commit),
        ON_DISK(s11_a_wal_that_cannot_be_moved_is_kept),
        cmocka_unit_test(s15_stores_that_open_at_once_share_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
