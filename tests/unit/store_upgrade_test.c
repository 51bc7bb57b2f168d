/* store_upgrade_test.c - stores of an older schema: tests/vectors/store-2. Rule S22. */
#include <zlib.h>

#include "store/manage.h"
#include "unit/store_world.h"

static void unpack(struct world *w, const char *which, const char *file)
{
    char from[256], to[256], buf[65536];
    snprintf(from, sizeof from, "tests/vectors/store-2/%s.%s.gz", which, file);
    snprintf(to, sizeof to, "%s/%s", w->dir, file);
    gzFile in = gzopen(from, "rb");
    if (in == NULL) return; // a closed store has no WAL
    FILE *out = fopen(to, "wb");
    assert_non_null(out);
    for (int n = gzread(in, buf, sizeof buf); n > 0; n = gzread(in, buf, sizeof buf)) {
        assert_int_equal(fwrite(buf, 1, (size_t)n, out), n);
    }
    gzclose(in);
    assert_int_equal(fclose(out), 0);
}

static void put_old_store(struct world *w, const char *which)
{
    world_close(w);
    (void)nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(w->dir, 0700), 0);
    unpack(w, which, "shard-00.db");
    unpack(w, which, "shard-00.db-wal");
    unpack(w, which, "shard-00.mark");
}

static void assert_all_there(struct world *w)
{
    assert_stored(w, "main/doc-base", "the base,the delta,3,4");
    assert_stored(w, "main/doc-journal", "j1,j2");
    assert_stored(w, "main/doc-delta", "only a delta");
    assert_stored(w, "never", "");
    struct store_event ev = load(w, "main/doc-big");
    assert_int_equal(ev.kind, STORE_EV_LOADED);
    assert_int_equal(ev.base_bytes, 300000);
    assert_int_equal(ev.part_count, 2);
    assert_memory_equal(ev.parts[0].ptr, "BIGxxx", 6);
    assert_memory_equal(ev.parts[1].ptr, "b2", 2);
    store_event_deinit(&ev);
}

static void s22_a_store_of_schema_2_is_taken_over(void **state)
{
    struct world *w = *state;
    static const char *const stores[] = {"closed", "killed"};
    for (size_t i = 0; i < 2; i++) {
        put_old_store(w, stores[i]);
        world_open(w);
        assert_all_there(w);
        reopen(w);
        assert_all_there(w);
        append(w, "main/doc-base", "5");
        snapshot(w, "main/doc-journal", STORE_BASE, text("J"));
        reopen(w);
        assert_stored(w, "main/doc-base", "the base,the delta,3,4,5");
        assert_stored(w, "main/doc-journal", "J");
        struct store_verified found;
        char why[STORE_ERROR_MAX] = "";
        world_close(w);
        if (store_verify(w->dir, &found, why) != YD_OK) fail_msg("%s", why);
        assert_int_equal(found.rooms, 4);
        world_open(w);
    }
}

/* A row that was damaged before is not made whole by taking it over. */
static void s22_what_was_damaged_stays_refused(void **state)
{
    struct world *w = *state;
    static const char *const damages[] = {
        "UPDATE room SET base_bytes = base_bytes - 1 WHERE id = 3",
        "UPDATE room SET name = CAST('main/doc-bix' AS BLOB) WHERE id = 3"};
    static const char *const rooms[] = {"main/doc-big", "main/doc-bix"};
    for (size_t i = 0; i < 2; i++) {
        put_old_store(w, "closed");
        change(w, damages[i]);
        world_open(w);
        assert_stored(w, "main/doc-base", "the base,the delta,3,4");
        for (size_t k = 0; k < 2; k++) {
            struct store_event ev = load(w, rooms[k]);
            assert_int_equal(ev.kind, STORE_EV_LOAD_FAILED);
            store_event_deinit(&ev);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(s22_a_store_of_schema_2_is_taken_over),
        ON_DISK(s22_what_was_damaged_stays_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
