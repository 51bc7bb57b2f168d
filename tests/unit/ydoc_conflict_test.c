/* ydoc_conflict_test.c - many who write at one place (docs/encoding.md U27). */
#include "unit/ydoc_test.h"

enum { WRITERS = 300, PARTS = 4, UPDATES = WRITERS * PARTS };

struct world {
    struct yd_buf updates[UPDATES];
    uint32_t order[UPDATES];
    uint64_t seed;
};

static uint32_t draw(struct world *world, uint32_t below)
{
    world->seed = world->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((world->seed >> 33) % below);
}

static void put_uint(struct yd_buf *out, uint64_t value)
{
    assert_int_equal(YD_OK, yd_buf_varuint(out, value));
}

static void put_id(struct yd_buf *out, uint64_t client, uint64_t clock)
{
    put_uint(out, client);
    put_uint(out, clock);
}

/* One update of one letter: client, clock, info, and what is in the place of origins. */
static void letter_begin(struct yd_buf *out, uint64_t client, uint64_t clock, uint8_t info)
{
    put_uint(out, 1);
    put_uint(out, 1);
    put_id(out, client, clock);
    assert_int_equal(YD_OK, yd_buf_u8(out, info));
}

static void letter_end(struct yd_buf *out, uint32_t writer, uint32_t part)
{
    uint8_t text[] = {1, (uint8_t)('a' + (writer + part * 7) % 26), 0};
    assert_int_equal(YD_OK, yd_buf_append(out, (yd_slice){text, sizeof text}));
}

/* Each writer sets a letter at the very beginning of an empty text, types one behind it, answers
 * behind the first letter of someone else, and writes between that one and its own. */
static void world_begin(struct world *world, struct heap *heap, uint64_t seed)
{
    world->seed = seed;
    for (uint32_t i = 0; i < UPDATES; i++) {
        uint32_t writer = i / PARTS, part = i % PARTS;
        uint32_t other = draw(world, WRITERS);
        if (other == writer) other = (other + 1) % WRITERS;
        struct yd_buf *out = &world->updates[i];
        yd_buf_init(out, heap_alloc(heap), 1 << 20);
        letter_begin(out, 1000 + writer, part, part == 0 ? 4 : part == 3 ? 0xc4 : 0x84);
        if (part == 0) {
            put_uint(out, 1);
            put_uint(out, 1);
            assert_int_equal(YD_OK, yd_buf_u8(out, 't'));
        } else if (part == 1) {
            put_id(out, 1000 + writer, 0);
        } else {
            put_id(out, 1000 + other, 0);
            if (part == 3) put_id(out, 1000 + other, 1);
        }
        letter_end(out, writer, part);
        world->order[i] = i;
    }
}

static void world_end(struct world *world)
{
    for (uint32_t i = 0; i < UPDATES; i++) yd_buf_deinit(&world->updates[i]);
}

static void shuffle(struct world *world)
{
    for (uint32_t i = UPDATES; i-- > 1;) {
        uint32_t k = draw(world, i + 1);
        uint32_t kept = world->order[i];
        world->order[i] = world->order[k];
        world->order[k] = kept;
    }
}

/* Plays the updates in the order of the world; now and then some letter goes. */
static void play(struct world *world, struct bed *bed, bool deletes)
{
    for (uint32_t i = 0; i < UPDATES; i++) {
        yd_slice update = yd_buf_slice(&world->updates[world->order[i]]);
        assert_int_equal(YD_OK, yd_doc_apply(bed->doc, update, YD_V1, NULL));
        if (!deletes || i % 50 != 49) continue;
        struct yd_buf gone;
        yd_buf_init(&gone, heap_alloc(&bed->heap), 1 << 20);
        put_uint(&gone, 0);
        put_uint(&gone, 1);
        put_id(&gone, 1000 + world->order[i] / PARTS, 1);
        put_id(&gone, world->order[i] % PARTS, 1);
        assert_int_equal(YD_OK, yd_doc_apply(bed->doc, yd_buf_slice(&gone), YD_V1, NULL));
        yd_buf_deinit(&gone);
    }
    assert_false(yd_doc_pending(bed->doc).structs);
    yd_doc_check(bed->doc);
    yd_buf_clear(&bed->out);
    yd_slice name = YD_LITERAL("t");
    assert_int_equal(YD_OK, yd_doc_json(bed->doc, YD_ROOT_TEXT, name, YD_JSON_PLAIN, &bed->out));
}

static void u27_the_order_of_arrival_does_not_matter(void **state)
{
    (void)state;
    static struct world world; // too large for a stack frame
    struct heap heap = {0};
    world_begin(&world, &heap, 7);
    struct bed first;
    bed_begin(&first, NULL);
    play(&world, &first, false); // ascending ids
    assert_int_equal(UPDATES + 2, first.out.len);
    for (int round = 0; round < 8; round++) {
        struct bed bed;
        bed_begin(&bed, NULL);
        shuffle(&world);
        play(&world, &bed, false);
        assert_true(yd_slice_equal(yd_buf_slice(&first.out), yd_buf_slice(&bed.out)));
        bed_end(&bed);
    }
    bed_end(&first);
    world_end(&world);
    assert_int_equal(0, heap.live_bytes);
}

/* Deleted letters are joined and their places given away: what a scan remembers must be looked at
 * before it is believed. */
static void u27_what_was_deleted_meanwhile_does_no_harm(void **state)
{
    (void)state;
    static struct world world;
    struct heap heap = {0};
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct bed bed, again;
        world_begin(&world, &heap, seed);
        shuffle(&world);
        bed_begin(&bed, NULL);
        bed_begin(&again, NULL);
        play(&world, &bed, true);
        // The state, loaded, reads the same: the long way and the short way agree.
        struct yd_buf bytes;
        yd_buf_init(&bytes, heap_alloc(&heap), 1 << 20);
        assert_int_equal(YD_OK, yd_doc_encode_state(bed.doc, YD_EMPTY, YD_V1, &bytes));
        assert_int_equal(YD_OK, yd_doc_apply(again.doc, yd_buf_slice(&bytes), YD_V1, NULL));
        yd_doc_check(again.doc);
        yd_slice name = YD_LITERAL("t");
        assert_int_equal(YD_OK,
                         yd_doc_json(again.doc, YD_ROOT_TEXT, name, YD_JSON_PLAIN, &again.out));
        assert_true(yd_slice_equal(yd_buf_slice(&bed.out), yd_buf_slice(&again.out)));
        yd_buf_deinit(&bytes);
        bed_end(&again);
        bed_end(&bed);
        world_end(&world);
    }
    assert_int_equal(0, heap.live_bytes);
}

/* Writers from `first` on set letters at the beginning of the text in item 1.`clock` of root a,
 * which is made first, in an order drawn from the seed. */
static void nested_play(struct bed *bed, uint64_t clock, uint64_t first, uint64_t seed)
{
    static struct world world;
    char hex[64];
    world.seed = seed;
    sprintf(hex, clock == 0 ? "010101%02x0701016102 00" : "010101%02x8701%02x02 00",
            (unsigned)clock, (unsigned)clock - 1);
    bed_apply(bed, hex);
    for (uint32_t i = 0; i < UPDATES; i++) world.order[i] = i;
    shuffle(&world);
    for (uint32_t i = 0; i < UPDATES; i++) {
        if (world.order[i] >= WRITERS) continue;
        struct yd_buf out;
        yd_buf_init(&out, heap_alloc(&bed->heap), 1 << 20);
        letter_begin(&out, first + world.order[i], 0, 4);
        put_uint(&out, 0);
        put_id(&out, 1, clock);
        letter_end(&out, world.order[i], 0);
        assert_int_equal(YD_OK, yd_doc_apply(bed->doc, yd_buf_slice(&out), YD_V1, NULL));
        yd_buf_deinit(&out);
    }
    yd_doc_check(bed->doc);
    yd_buf_clear(&bed->out);
    yd_slice name = YD_LITERAL("a");
    assert_int_equal(YD_OK, yd_doc_json(bed->doc, YD_ROOT_ARRAY, name, YD_JSON_PLAIN, &bed->out));
}

/* The second text gets the handles of the first, which was collected, and siblings that differ
 * from those by nothing but their clients. */
static void u27_what_was_collected_meanwhile_does_no_harm(void **state)
{
    (void)state;
    struct bed bed, want;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        bed_begin(&bed, NULL);
        bed_begin(&want, NULL);
        nested_play(&want, 0, 500, seed);
        nested_play(&bed, 0, 100, seed + 10);
        bed_apply(&bed, "000101010001"); // the first text goes
        nested_play(&bed, 1, 500, seed + 20);
        assert_true(yd_slice_equal(yd_buf_slice(&want.out), yd_buf_slice(&bed.out)));
        bed_end(&want);
        bed_end(&bed);
    }
}

/* Two texts at a time: no finger of one may serve in the other. */
static void u24_what_is_to_be_right_of_it_lies_left_of_it(void **state)
{
    (void)state;
    struct bed bed;
    bed_begin(&bed, NULL);
    // An X between f and c of abcdef. Where c begins the text is cut, and X is put there; what it
    // says of its origins stays what it was, as in Yjs.
    bed_apply(&bed, "01 01 0500 04 0101 74 06 616263646566 00");
    bed_apply(&bed, "01 01 0900 c4 0505 0502 01 58 00");
    bed_state_is(&bed, "02 01 0900 c4 0505 0502 01 58 02 0500 04 0101 74 02 6162 "
                       "84 0501 04 63646566 00");
    bed_end(&bed);
    // In one update the text is in pieces, and X goes behind the last one.
    bed_begin(&bed, NULL);
    bed_apply(&bed, "01 04 0500 04 0101 74 02 6162 84 0501 02 6364 84 0503 02 6566 "
                    "c4 0505 0502 01 58 00");
    bed_state_is(&bed, "01 02 0500 04 0101 74 06 616263646566 c4 0505 0502 01 58 00");
    bed_end(&bed);
}

static void u27_texts_do_not_meet(void **state)
{
    (void)state;
    struct bed bed, want;
    bed_begin(&bed, NULL);
    bed_begin(&want, NULL);
    nested_play(&want, 0, 500, 3);
    nested_play(&want, 1, 900, 4);
    nested_play(&bed, 0, 500, 5);
    nested_play(&bed, 1, 900, 6);
    assert_true(yd_slice_equal(yd_buf_slice(&want.out), yd_buf_slice(&bed.out)));
    bed_end(&want);
    bed_end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u27_the_order_of_arrival_does_not_matter),
        cmocka_unit_test(u27_what_was_deleted_meanwhile_does_no_harm),
        cmocka_unit_test(u27_what_was_collected_meanwhile_does_no_harm),
        cmocka_unit_test(u24_what_is_to_be_right_of_it_lies_left_of_it),
        cmocka_unit_test(u27_texts_do_not_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
