/* backup_record_test.c - records, packs of them, and which of them are needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "backup/catalog.h"
#include "backup/pack.h"
#include "ops/heap.h"

static const yd_slice update = {(const uint8_t *)"what is in the room", 19};

static struct record record_of(const char *room, uint64_t node, uint64_t epoch, uint64_t seq)
{
    struct record r = {.node = node,
                       .version = {epoch, seq},
                       .when_ms = 1700000000000,
                       .room = {(const uint8_t *)room, strlen(room)},
                       .bytes = update.len};
    SHA256(update.ptr, update.len, r.sha256);
    return r;
}

/* Bytes of exactly their size, so that reading past them is seen. */
static yd_slice exactly(yd_slice bytes)
{
    uint8_t *copy = malloc(bytes.len > 0 ? bytes.len : 1);
    assert_non_null(copy);
    memcpy(copy, bytes.ptr, bytes.len);
    return (yd_slice){copy, bytes.len};
}

static void b5_a_record_says_what_was_written(void **state)
{
    struct record r = record_of("main/doc-1", 7, 2, 300), back;
    struct yd_buf out;
    (void)state;
    record_hold(&r, 8, (struct version){1, 9});
    record_hold(&r, 7, (struct version){1, 1}); // its own node goes without saying
    yd_buf_init(&out, heap_alloc(), SIZE_MAX / 2);
    assert_int_equal(record_write(&out, &r), YD_OK);
    assert_int_equal(record_head_bytes(yd_buf_slice(&out)), out.len);
    assert_int_equal(record_read(yd_buf_slice(&out), &back), YD_OK);
    assert_true(yd_slice_equal(back.room, r.room));
    assert_int_equal(back.node, 7);
    assert_int_equal(version_compare(back.version, r.version), 0);
    assert_int_equal(back.when_ms, r.when_ms);
    assert_int_equal(back.held_count, 1);
    assert_int_equal(back.held[0].node, 8);
    assert_true(record_holds(&back, update));
    assert_false(record_holds(&back, YD_LITERAL("what is in the rook")));
    assert_false(record_holds(&back, YD_LITERAL("what is in the roo")));
    yd_buf_deinit(&out);
}

static void b5_every_cut_and_every_flipped_bit_of_a_head_is_refused(void **state)
{
    struct record r = record_of("main/doc-1", 7, 2, 300), back;
    struct yd_buf out;
    (void)state;
    yd_buf_init(&out, heap_alloc(), SIZE_MAX / 2);
    assert_int_equal(record_write(&out, &r), YD_OK);
    for (size_t len = 0; len < out.len; len++) {
        yd_slice cut = exactly((yd_slice){out.ptr, len});
        assert_int_equal(record_read(cut, &back), YD_EMALFORMED);
        free((void *)(uintptr_t)cut.ptr);
    }
    for (size_t bit = 0; bit < out.len * 8; bit++) {
        out.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        yd_slice bad = exactly(yd_buf_slice(&out));
        assert_int_equal(record_read(bad, &back), YD_EMALFORMED);
        free((void *)(uintptr_t)bad.ptr);
        out.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    yd_buf_deinit(&out);
}

static void b7_a_record_covers_its_past_and_what_it_holds(void **state)
{
    struct record r = record_of("r", 7, 2, 10), other = record_of("r", 9, 5, 5);
    (void)state;
    assert_true(record_covers(&r, 7, (struct version){2, 9}));
    assert_true(record_covers(&r, 7, (struct version){1, 99}));
    assert_false(record_covers(&r, 7, (struct version){2, 10}));
    assert_false(record_covers(&r, 9, (struct version){1, 1}));
    record_hold(&other, 11, (struct version){3, 3});
    record_hold_all(&r, &other);
    assert_true(record_covers(&r, 9, (struct version){5, 5}));
    assert_false(record_covers(&r, 9, (struct version){5, 6}));
    assert_true(record_covers(&r, 11, (struct version){3, 3}));
    record_hold(&r, 9, (struct version){4, 4}); // what it holds does not become less
    assert_true(record_covers(&r, 9, (struct version){5, 5}));
    for (uint64_t node = 100; node < 300; node++) record_hold(&r, node, (struct version){1, 1});
    assert_true(record_is_full(&r));
    assert_int_equal(r.held_count, RECORD_HELD_MAX);
}

static void b7_what_is_there_is_followed_or_it_is_another_history(void **state)
{
    struct record r = record_of("r", 7, 1, 5), same = record_of("r", 7, 1, 5);
    uint8_t other[RECORD_SHA_BEGIN] = {1, 2, 3};
    (void)state;
    r.own = (struct version){1, 2};
    assert_true(record_follows(&r, 7, (struct version){1, 2}, other));
    // Numbers have gone back and come again: what stands under them is not ours.
    assert_false(record_follows(&r, 7, (struct version){1, 3}, other));
    assert_false(record_follows(&r, 7, (struct version){1, 5}, other));
    assert_true(record_follows(&r, 7, (struct version){1, 5}, same.sha256));
    assert_false(record_follows(&r, 9, (struct version){1, 1}, other));
}

static void pack_of(struct pack_writer *w, const struct record *records, size_t count)
{
    pack_begin(w, SIZE_MAX / 2);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pack_add(w, &records[i], update), YD_OK);
    }
    assert_int_equal(pack_end(w), YD_OK);
}

static void b9_a_pack_says_where_each_record_stands(void **state)
{
    struct record in[] = {record_of("a", 1, 1, 1), record_of("b", 1, 1, 2),
                          record_of("c", 1, 1, 3)};
    struct pack_writer w;
    struct pack_reader r;
    struct record out;
    uint64_t offset = 0, bytes = 0;
    size_t len = 0, count = 0;
    (void)state;
    pack_of(&w, in, 3);
    yd_slice all = yd_buf_slice(&w.bytes);
    assert_true(pack_list_bytes(all, &len));
    len += PACK_TAIL_BYTES;
    assert_true(pack_open(&r, (yd_slice){all.ptr + all.len - len, len}));
    while (pack_next(&r, &out, &offset, &bytes)) {
        struct record whole;
        assert_true(yd_slice_equal(out.room, in[count].room));
        assert_int_equal(record_read((yd_slice){all.ptr + offset, bytes}, &whole), YD_OK);
        size_t head = record_head_bytes((yd_slice){all.ptr + offset, bytes});
        assert_true(record_holds(&whole, (yd_slice){all.ptr + offset + head, bytes - head}));
        count++;
    }
    assert_false(r.list.failed);
    assert_int_equal(count, 3);
    for (size_t bit = 0; bit < len * 8; bit++) { // whatever is another in the list or behind it
        uint8_t *at = w.bytes.ptr + all.len - len + bit / 8;
        *at ^= (uint8_t)(1u << bit % 8);
        size_t n = 0;
        bool ok = pack_list_bytes(all, &n) && n + PACK_TAIL_BYTES == len &&
                  pack_open(&r, (yd_slice){all.ptr + all.len - len, len});
        assert_false(ok);
        *at ^= (uint8_t)(1u << bit % 8);
    }
    pack_deinit(&w);
}

static void add(struct catalog *c, struct pack *pack, struct record record, uint64_t offset)
{
    catalog_add(c, &record, (struct place_in_pack){pack, offset, 100});
}

static size_t chains_of(const struct catalog *c, const char *room)
{
    struct known_room *known = catalog_find(c, (yd_slice){(const uint8_t *)room, strlen(room)});
    size_t n = 0;
    for (struct chain *chain = known == NULL ? NULL : known->chains; chain != NULL;
         chain = chain->next) {
        n++;
    }
    return n;
}

static void b9_a_pack_is_needed_as_long_as_one_of_its_records_is(void **state)
{
    struct catalog c = {0};
    struct pack *old = catalog_add_pack(&c, 1, 10, 1000), *new = catalog_add_pack(&c, 1, 20, 1000);
    (void)state;
    add(&c, old, record_of("a", 1, 1, 1), 0);
    add(&c, old, record_of("b", 1, 1, 2), 100);
    assert_int_equal(old->live_count, 2);
    add(&c, new, record_of("a", 1, 1, 3), 0);
    assert_int_equal(old->live_count, 1);
    assert_true(catalog_needs(&c, YD_LITERAL("b"), old, 100));
    assert_false(catalog_needs(&c, YD_LITERAL("a"), old, 0));
    add(&c, new, record_of("b", 1, 1, 2), 100); // carried: the same version, in a younger pack
    assert_int_equal(old->live_count, 0);
    assert_int_equal(new->live_count, 2);
    add(&c, old, record_of("b", 1, 1, 2), 100); // the old one is read after it
    assert_int_equal(old->live_count, 0);
    catalog_drop_pack(&c, old);
    assert_int_equal(chains_of(&c, "a"), 1);
    catalog_drop_pack(&c, new);
    assert_int_equal(chains_of(&c, "a"), 0);
    catalog_deinit(&c);
}

static void b7_chains_of_several_nodes_stay_until_one_holds_the_others(void **state)
{
    struct catalog c = {0};
    struct pack *one = catalog_add_pack(&c, 1, 10, 1000), *two = catalog_add_pack(&c, 2, 20, 1000);
    struct record merged = record_of("a", 2, 3, 1), next = record_of("a", 2, 3, 2);
    (void)state;
    add(&c, one, record_of("a", 1, 1, 5), 0);
    add(&c, two, record_of("a", 2, 1, 1), 0);
    assert_int_equal(chains_of(&c, "a"), 2);
    assert_non_null(catalog_not_held(&c, &merged));
    record_hold(&merged, 1, (struct version){1, 5});
    assert_non_null(catalog_not_held(&c, &merged)); // its own first one is not remembered
    merged.own = (struct version){1, 1};
    assert_null(catalog_not_held(&c, &merged));
    add(&c, two, merged, 100);
    assert_int_equal(chains_of(&c, "a"), 1);
    assert_int_equal(one->live_count, 0);
    catalog_hold(&c, &next); // what came before held it, and packs of that node are still there
    assert_true(record_covers(&next, 1, (struct version){1, 5}));
    add(&c, one, record_of("a", 1, 1, 6), 100); // it goes on writing
    assert_int_equal(chains_of(&c, "a"), 2);
    assert_non_null(catalog_not_held(&c, &next));
    catalog_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(b5_a_record_says_what_was_written),
        cmocka_unit_test(b5_every_cut_and_every_flipped_bit_of_a_head_is_refused),
        cmocka_unit_test(b7_a_record_covers_its_past_and_what_it_holds),
        cmocka_unit_test(b7_what_is_there_is_followed_or_it_is_another_history),
        cmocka_unit_test(b9_a_pack_says_where_each_record_stands),
        cmocka_unit_test(b9_a_pack_is_needed_as_long_as_one_of_its_records_is),
        cmocka_unit_test(b7_chains_of_several_nodes_stay_until_one_holds_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
