/* store_history_test.c - updates that are kept behind a snapshot. Rules S31, S32 of
 * docs/storage.md. */
#include "store/manage.h"
#include "unit/store_world.h"
#include "ydoc/doc.h"

static uint64_t now;
static uint64_t clock_of_test(void *ctx)
{
    (void)ctx;
    return now;
}

static void open_with_clock(struct world *w)
{
    char why[STORE_ERROR_MAX];
    struct store_opts opts = {.dir = w->on_disk ? w->dir : NULL, .now_ms = clock_of_test};
    if (w->store != NULL) world_close(w);
    if (store_open(&opts, &w->store, why) != YD_OK) fail_msg("%s", why);
}

static void keep_snapshot(struct world *w, const char *room, enum store_snapshot kind,
                          yd_slice content, struct store_keep keep)
{
    struct yd_buf buf;
    yd_buf_init(&buf, heap_alloc(), SIZE_MAX / 2);
    assert_int_equal(yd_buf_append(&buf, content), YD_OK);
    assert_int_equal(store_snapshot_keep(w->store, text(room), kind, &buf, &keep), YD_OK);
}

static struct store_event ask_history(struct world *w, const char *room, uint64_t upto)
{
    assert_int_equal(store_history(w->store, text(room), upto, 5), YD_OK);
    struct store_event ev;
    store_wait(w->store, &ev);
    while (ev.kind == STORE_EV_DURABLE) store_wait(w->store, &ev);
    assert_int_equal(ev.token, 5);
    return ev;
}

/* "lsn:update,..." */
static void assert_history(struct world *w, const char *room, uint64_t upto, const char *expected)
{
    struct store_event ev = ask_history(w, room, upto);
    if (ev.kind != STORE_EV_LOADED) fail_msg("%d %s", (int)ev.kind, ev.why);
    char got[512] = "";
    for (size_t i = 0; i < ev.part_count; i++) {
        size_t at = strlen(got);
        snprintf(got + at, sizeof got - at, "%s%llu:%.*s", i == 0 ? "" : ",",
                 (unsigned long long)ev.marks[i].lsn, (int)ev.parts[i].len,
                 (const char *)ev.parts[i].ptr);
    }
    assert_string_equal(got, expected);
    store_event_deinit(&ev);
}

static void s31_every_update_is_kept_with_its_number_and_time(void **state)
{
    struct world *w = *state;
    struct store_keep all = {0};
    now = 1000;
    open_with_clock(w);
    for (int i = 1; i <= 6; i++) {
        char update[16];
        now = 1000 + (uint64_t)i;
        snprintf(update, sizeof update, "u%d", i);
        append(w, "a", update);
        append(w, "b", "other");
        if (i % 2 == 0) keep_snapshot(w, "a", i == 4 ? STORE_DELTA : STORE_BASE, text("S"), all);
        read_room(w, "b"); // it is committed
    }
    append(w, "a", "u7");
    assert_history(w, "a", 0, "1:u1,2:u2,3:u3,4:u4,5:u5,6:u6,7:u7");
    if (w->on_disk) open_with_clock(w);
    assert_history(w, "a", 0, "1:u1,2:u2,3:u3,4:u4,5:u5,6:u6,7:u7");
    assert_history(w, "a", 3, "1:u1,2:u2,3:u3");
    assert_history(w, "a", 6, "1:u1,2:u2,3:u3,4:u4,5:u5,6:u6");
    assert_stored(w, "a", "S,u7");
    struct store_event ev = ask_history(w, "a", 0);
    for (size_t i = 0; i < 6; i++) assert_int_equal(ev.marks[i].at, 1001 + i);
    store_event_deinit(&ev);
    ev = ask_history(w, "none", 0);
    assert_int_equal(ev.kind, STORE_EV_REFUSED);
    store_event_deinit(&ev);
}

static void s31_what_was_there_before_is_the_beginning_of_the_history(void **state)
{
    struct world *w = *state;
    struct store_keep all = {0};
    append(w, "a", "u1");
    snapshot(w, "a", STORE_BASE, text("BASE"));
    append(w, "a", "u2");
    snapshot(w, "a", STORE_DELTA, text("DELTA"));
    struct store_event ev = ask_history(w, "a", 0);
    assert_int_equal(ev.kind, STORE_EV_REFUSED);
    store_event_deinit(&ev);
    append(w, "a", "u3");
    keep_snapshot(w, "a", STORE_DELTA, text("D3"), all);
    assert_history(w, "a", 0, "2:BASE,2:DELTA,3:u3");
    assert_stored(w, "a", "BASE,D3");
    append(w, "a", "u4");
    keep_snapshot(w, "a", STORE_BASE, text("B4"), all);
    reopen(w);
    assert_history(w, "a", 0, "2:BASE,2:DELTA,3:u3,4:u4");
    assert_stored(w, "a", "B4");
    ev = ask_history(w, "a", 1);
    assert_int_equal(ev.kind, STORE_EV_REFUSED); // it begins later
    store_event_deinit(&ev);
    struct store_verified found;
    char why[STORE_ERROR_MAX] = "";
    if (!w->on_disk) return;
    world_close(w);
    if (store_verify(w->dir, &found, why) != YD_OK) fail_msg("%s", why);
    world_open(w);
}

/* An update of client `client`, one character at this clock. */
static void type(struct yd_buf *out, uint32_t client, uint32_t clock, char c)
{
    uint8_t b[32];
    size_t n = 0;
    b[n++] = 1;
    b[n++] = 1;
    n += yd_varuint_put(b + n, client);
    n += yd_varuint_put(b + n, clock);
    if (clock == 0) {
        b[n++] = 4;
        b[n++] = 1;
        b[n++] = 1;
        b[n++] = 't';
    } else {
        b[n++] = 0x84;
        n += yd_varuint_put(b + n, client);
        n += yd_varuint_put(b + n, clock - 1);
    }
    b[n++] = 1;
    b[n++] = (uint8_t)c;
    b[n++] = 0;
    assert_int_equal(yd_buf_append(out, (yd_slice){b, n}), YD_OK);
}

/* The text of the document that all parts together make. */
static void text_of(const struct store_event *ev, struct yd_buf *out)
{
    struct yd_doc *doc = NULL;
    assert_int_equal(yd_doc_new(heap_alloc(), NULL, &doc), YD_OK);
    for (size_t i = 0; i < ev->part_count; i++) {
        assert_int_equal(yd_doc_apply(doc, ev->parts[i], YD_V1, NULL), YD_OK);
    }
    yd_buf_clear(out);
    assert_int_equal(yd_doc_json(doc, YD_ROOT_TEXT, YD_LITERAL("t"), YD_JSON_PLAIN, out), YD_OK);
    assert_int_equal(yd_buf_append(out, (yd_slice){(const uint8_t *)"", 1}), YD_OK);
    yd_doc_free(doc);
}

/* Types `count` characters, a snapshot after every tenth, one hour apart. */
static void type_many(struct world *w, int count, struct store_keep keep, char *expected)
{
    struct yd_buf update;
    yd_buf_init(&update, heap_alloc(), SIZE_MAX / 2);
    for (int i = 0; i < count; i++) {
        char c = (char)('a' + i % 26);
        yd_buf_clear(&update);
        type(&update, 7, (uint32_t)i, c);
        expected[1 + i] = c;
        now += 3600000;
        assert_int_equal(store_append(w->store, text("a"), yd_buf_slice(&update)), YD_OK);
        store_submit(w->store);
        if (i % 10 == 9) {
            keep_snapshot(w, "a", i % 40 == 39 ? STORE_BASE : STORE_DELTA, text("not looked at"),
                          keep);
            read_room(w, "b"); // folding has its turn when nothing else is wanted
            usleep(2000);
        }
    }
    expected[0] = expected[count + 1] = '"';
    expected[count + 2] = 0;
    yd_buf_deinit(&update);
}

static void assert_folded(struct world *w, struct store_keep keep, size_t most)
{
    static char expected[1024];
    struct yd_buf got;
    yd_buf_init(&got, heap_alloc(), SIZE_MAX / 2);
    now = 1000;
    open_with_clock(w);
    type_many(w, 400, keep, expected);
    for (int round = 0; round < 2; round++) {
        struct store_event ev = {0};
        for (int i = 0; i < 5000; i++) {
            if (i > 0) store_event_deinit(&ev);
            ev = ask_history(w, "a", 0);
            if (ev.part_count <= most) break;
            usleep(1000);
        }
        assert_int_equal(ev.kind, STORE_EV_LOADED);
        assert_true(ev.part_count <= most && ev.part_count > 1);
        // One state in front, and all others are single updates, the last ones.
        for (size_t i = 1; i < ev.part_count; i++) {
            assert_int_equal(ev.marks[i].lsn, 400 - ev.part_count + i + 1);
        }
        text_of(&ev, &got);
        assert_string_equal(got.ptr, expected);
        store_event_deinit(&ev);
        if (w->on_disk) open_with_clock(w);
    }
    yd_buf_deinit(&got);
}

static void s32_beyond_a_number_of_updates_the_oldest_become_one_state(void **state)
{
    assert_folded(*state, (struct store_keep){.updates = 100}, 1 + 125);
}
static void s32_beyond_an_age_the_oldest_become_one_state(void **state)
{
    // A day is 24 updates; a snapshot covers ten.
    assert_folded(*state, (struct store_keep){.age_ms = 86400000}, 1 + 30 + 10);
}
static void s32_beyond_a_number_of_bytes_the_oldest_become_one_state(void **state)
{
    assert_folded(*state, (struct store_keep){.bytes = 1000}, 1 + 250);
}

static void s31_replacing_and_erasing_take_the_history_along(void **state)
{
    struct world *w = *state;
    struct store_keep all = {0};
    append(w, "a", "u1");
    keep_snapshot(w, "a", STORE_BASE, text("S"), all);
    append(w, "a", "u2");
    keep_snapshot(w, "a", STORE_DELTA, text("D"), all);
    struct yd_buf buf;
    yd_buf_init(&buf, heap_alloc(), SIZE_MAX / 2);
    assert_int_equal(yd_buf_append(&buf, text("NEW")), YD_OK);
    assert_int_equal(store_replace(w->store, text("a"), &buf, &(struct store_replace){0}, 5),
                     YD_OK);
    struct store_event ev;
    do store_wait(w->store, &ev);
    while (ev.kind == STORE_EV_DURABLE);
    assert_int_equal(ev.kind, STORE_EV_CHANGED);
    assert_stored(w, "a", "NEW");
    ev = ask_history(w, "a", 0);
    assert_int_equal(ev.kind, STORE_EV_REFUSED);
    store_event_deinit(&ev);
    append(w, "a", "u3");
    keep_snapshot(w, "a", STORE_BASE, text("S2"), all);
    assert_history(w, "a", 0, "3:NEW,4:u3");
    assert_int_equal(store_erase(w->store, text("a"), STORE_ERASE, 0, 5), YD_OK);
    for (int i = 0; i < 5000; i++) {
        struct store_stats stats;
        store_stats(w->store, &stats);
        if (i > 10 && stats.erasures == 0) break;
        usleep(1000);
    }
    if (!w->on_disk) return;
    world_close(w);
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    snprintf(path, sizeof path, "%s/shard-00.db", w->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT (SELECT count(*) FROM history) + "
                                        "(SELECT count(*) FROM base) + "
                                        "(SELECT count(*) FROM garbage)",
                                        -1, &s, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(s, 0), 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    world_open(w);
}

static void s31_a_damaged_history_is_refused_and_its_room_served(void **state)
{
    struct world *w = *state;
    static const char *const damages[] = {
        "UPDATE history SET upto = upto + 1 WHERE n = 2", "DELETE FROM history WHERE n = 2",
        "UPDATE base SET data = CAST('x' AS BLOB) WHERE gen = (SELECT gen FROM history WHERE n=1)"};
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        char room[8];
        snprintf(room, sizeof room, "a%zu", i);
        for (int k = 0; k < 3; k++) {
            append(w, room, "u");
            keep_snapshot(w, room, STORE_BASE, text("S"), (struct store_keep){0});
        }
        world_close(w);
        change(w, damages[i]);
        world_open(w);
        assert_stored(w, room, "S");
        struct store_event ev = ask_history(w, room, 0);
        assert_int_equal(ev.kind, STORE_EV_LOAD_FAILED);
        store_event_deinit(&ev);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(s31_every_update_is_kept_with_its_number_and_time),
        ON_BOTH(s31_what_was_there_before_is_the_beginning_of_the_history),
        ON_BOTH(s31_replacing_and_erasing_take_the_history_along),
        ON_DISK(s31_a_damaged_history_is_refused_and_its_room_served),
        ON_BOTH(s32_beyond_a_number_of_updates_the_oldest_become_one_state),
        ON_BOTH(s32_beyond_an_age_the_oldest_become_one_state),
        ON_BOTH(s32_beyond_a_number_of_bytes_the_oldest_become_one_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
