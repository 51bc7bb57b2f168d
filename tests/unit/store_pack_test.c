/* store_pack_test.c - the forms in which snapshots are stored: what comes out is what went in, and
 * it takes less room. Rule S30. */
#include "store/database.h"
#include "unit/store_world.h"
#include "ydoc/update.h"

#define MIB ((size_t)1 << 20)

/* A document as somebody writes one: paragraphs, each an update of its own, all merged. */
static void write_document(struct yd_buf *out, size_t paragraphs)
{
    // Client 1, from clock 0 on: struct ContentString with parent "t", then one behind the other.
    static const char *const words[] = {"the ", "store ", "keeps ", "what ", "was ", "written "};
    assert_int_equal(yd_buf_u8(out, 1), YD_OK);
    assert_int_equal(yd_buf_varuint(out, paragraphs), YD_OK);
    assert_int_equal(yd_buf_varuint(out, 1), YD_OK);
    assert_int_equal(yd_buf_varuint(out, 0), YD_OK);
    uint64_t clock = 0;
    for (size_t i = 0; i < paragraphs; i++) {
        char line[400] = "";
        for (size_t w = 0; w < 8 + i % 20; w++) strcat(line, words[(i * 7 + w * w) % 6]);
        if (i == 0) {
            assert_int_equal(yd_buf_u8(out, 4), YD_OK);
            assert_int_equal(yd_buf_u8(out, 1), YD_OK); // its parent is a root
            assert_int_equal(yd_buf_varbytes(out, text("t")), YD_OK);
        } else {
            assert_int_equal(yd_buf_u8(out, 0x84), YD_OK);
            assert_int_equal(yd_buf_varuint(out, 1), YD_OK);
            assert_int_equal(yd_buf_varuint(out, clock - 1 - i % 3), YD_OK);
        }
        assert_int_equal(yd_buf_varbytes(out, text(line)), YD_OK);
        clock += strlen(line);
    }
    assert_int_equal(yd_buf_varuint(out, 0), YD_OK); // nothing deleted
}

/* Packs and unpacks as the store does; the form, and the bytes that it took. */
static enum form there_and_back(yd_slice update, size_t *stored)
{
    struct packer p = {0};
    struct yd_buf packed, back;
    yd_buf_init(&packed, heap_alloc(), SIZE_MAX / 2);
    yd_buf_init(&back, heap_alloc(), SIZE_MAX / 2);
    while (!p.is_finished) {
        assert_int_equal(packer_more(&p, update), YD_OK);
        assert_int_equal(yd_buf_append(&packed, yd_buf_slice(&p.out)), YD_OK);
        yd_buf_clear(&p.out);
    }
    struct piece piece = {.form = p.form, .raw = update.len};
    struct unpacker u = {0};
    for (size_t at = 0; at < packed.len; at += 1000) {
        size_t len = packed.len - at < 1000 ? packed.len - at : 1000;
        assert_int_equal(unpacker_more(&u, &piece, (yd_slice){packed.ptr + at, len}, &back), YD_OK);
    }
    assert_int_equal(unpacker_finish(&u, &piece, &back), YD_OK);
    assert_int_equal(back.len, update.len);
    assert_memory_equal(back.ptr, update.ptr, update.len);
    *stored = packed.len;
    enum form form = p.form;
    packer_deinit(&p);
    unpacker_deinit(&u);
    yd_buf_deinit(&packed);
    yd_buf_deinit(&back);
    return form;
}

static void s30_documents_are_packed_and_come_back_as_they_were(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 10, 300, 3000, 30000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct yd_buf doc;
        size_t stored = 0;
        yd_buf_init(&doc, heap_alloc(), SIZE_MAX / 2);
        write_document(&doc, sizes[i]);
        enum form form = there_and_back(yd_buf_slice(&doc), &stored);
        if (sizes[i] >= 300) assert_true(stored < doc.len / 4);
        if (sizes[i] == 300 || sizes[i] == 3000) assert_int_equal(form, FORM_V2_ZSTD);
        if (sizes[i] == 30000) assert_int_equal(form, FORM_V1_ZSTD);
        yd_buf_deinit(&doc);
    }
}

/* Even what is no update, or one that is not written as we would. */
static void s30_any_bytes_come_back_as_they_were(void **state)
{
    (void)state;
    size_t stored = 0;
    assert_int_equal(there_and_back(YD_EMPTY, &stored), FORM_V1);
    assert_int_equal(there_and_back(text("x"), &stored), FORM_V1);
    assert_int_equal(stored, 1);
    // One client without structs: V2 and back would leave it out.
    static const uint8_t padded[] = {0x81, 0x00, 0x00, 0x01, 0x00, 0x00};
    (void)there_and_back((yd_slice){padded, sizeof padded}, &stored);
    struct yd_buf random;
    yd_buf_init(&random, heap_alloc(), SIZE_MAX / 2);
    assert_int_equal(yd_buf_reserve(&random, 5 * MIB), YD_OK);
    uint32_t x = 1;
    for (random.len = 0; random.len < 5 * MIB; random.len++) {
        x = x * 1664525 + 1013904223;
        random.ptr[random.len] = (uint8_t)(x >> 24);
    }
    assert_int_equal(there_and_back((yd_slice){random.ptr, 100000}, &stored), FORM_V1);
    assert_int_equal(there_and_back(yd_buf_slice(&random), &stored), FORM_V1_ZSTD);
    yd_buf_deinit(&random);
}

/* The checksums of the chunks come first; this is for what they do not see. */
static void s30_damaged_packing_is_refused(void **state)
{
    (void)state;
    struct yd_buf doc, out;
    struct packer p = {0};
    yd_buf_init(&doc, heap_alloc(), SIZE_MAX / 2);
    yd_buf_init(&out, heap_alloc(), SIZE_MAX / 2);
    write_document(&doc, 300);
    assert_int_equal(packer_more(&p, yd_buf_slice(&doc)), YD_OK);
    static const enum form forms[] = {FORM_NONE, FORM_V1_ZSTD, FORM_V2_ZSTD, (enum form)9};
    for (size_t f = 0; f < 4; f++) {
        for (size_t at = 0; at < p.out.len + 1; at++) {
            struct unpacker u = {0};
            struct piece piece = {.form = forms[f], .raw = doc.len};
            yd_buf_clear(&out);
            if (at < p.out.len) p.out.ptr[at] ^= 0x10;
            yd_slice bytes = {p.out.ptr, at < p.out.len ? p.out.len : p.out.len - 1};
            yd_err err = unpacker_more(&u, &piece, bytes, &out);
            if (err == YD_OK) err = unpacker_finish(&u, &piece, &out);
            // The size of what comes out is held against the row by the caller.
            if (at == p.out.len) assert_int_equal(err, YD_EMALFORMED); // cut short
            if (at < p.out.len) p.out.ptr[at] ^= 0x10;
            unpacker_deinit(&u);
        }
    }
    packer_deinit(&p);
    yd_buf_deinit(&doc);
    yd_buf_deinit(&out);
}

static void s30_a_packed_room_is_loaded_as_it_was_given(void **state)
{
    struct world *w = *state;
    struct yd_buf doc;
    yd_buf_init(&doc, heap_alloc(), SIZE_MAX / 2);
    for (size_t paragraphs = 100; paragraphs <= 100000; paragraphs *= 10) {
        yd_buf_clear(&doc);
        write_document(&doc, paragraphs);
        read_room(w, "a");
        append(w, "a", "1");
        snapshot(w, "a", STORE_BASE, yd_buf_slice(&doc));
        append(w, "a", "2");
        snapshot(w, "a", STORE_DELTA, yd_buf_slice(&doc));
        append(w, "a", "3");
        reopen(w);
        struct store_event ev = load(w, "a");
        assert_int_equal(ev.kind, STORE_EV_LOADED);
        assert_int_equal(ev.base_bytes, doc.len);
        assert_int_equal(ev.part_count, 3);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(ev.parts[i].len, doc.len);
            assert_memory_equal(ev.parts[i].ptr, doc.ptr, doc.len);
        }
        assert_memory_equal(ev.parts[2].ptr, "3", 1);
        store_event_deinit(&ev);
    }
    yd_buf_deinit(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s30_documents_are_packed_and_come_back_as_they_were),
        cmocka_unit_test(s30_any_bytes_come_back_as_they_were),
        cmocka_unit_test(s30_damaged_packing_is_refused),
        ON_BOTH(s30_a_packed_room_is_loaded_as_it_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
