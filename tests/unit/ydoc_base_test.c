/* ydoc_base_test.c - slices, buffers and the reader of untrusted bytes (docs/encoding.md U1-U4). */
#include "unit/ydoc_test.h"

static void u1_varuints_read_back(void **state)
{
    (void)state;
    static const uint64_t values[] = {0,
                                      1,
                                      127,
                                      128,
                                      16383,
                                      16384,
                                      2097151,
                                      268435455,
                                      268435456,
                                      ((uint64_t)1 << 35) + 5,
                                      ((uint64_t)1 << 49) - 1,
                                      ((uint64_t)1 << 53) - 1};
    struct heap heap = {0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        for (size_t padding = 0; padding < 12; padding++) { // the end may be far or near
            struct yd_buf buf;
            yd_buf_init(&buf, heap_alloc(&heap), 100);
            assert_int_equal(YD_OK, yd_buf_varuint(&buf, values[i]));
            assert_int_equal(yd_varuint_size(values[i]), buf.len);
            for (size_t k = 0; k < padding; k++) assert_int_equal(YD_OK, yd_buf_u8(&buf, 0xff));
            struct yd_reader r = yd_reader_of(yd_buf_slice(&buf));
            assert_int_equal(values[i], yd_read_varuint(&r));
            assert_false(r.failed);
            assert_int_equal(padding, yd_reader_left(&r));
            yd_buf_deinit(&buf);
        }
    }
    assert_int_equal(0, heap.live_bytes);
}

static void u1_more_than_2_53_fails(void **state)
{
    (void)state;
    static const uint8_t above[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0};
    static const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                      0x80, 0x80, 0x80, 0x80, 0};
    struct yd_reader r = yd_reader_of((yd_slice){above, sizeof above});
    assert_int_equal(0, yd_read_varuint(&r));
    assert_true(r.failed && r.at == above);
    r = yd_reader_of((yd_slice){endless, sizeof endless});
    (void)yd_read_varuint(&r);
    assert_true(r.failed);
}

static void u2_a_failed_reader_stays_where_it_failed(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 5, 'a', 'b'};
    struct yd_reader r = yd_reader_of((yd_slice){bytes, sizeof bytes});
    assert_int_equal(1, yd_read_u8(&r));
    assert_int_equal(0, yd_read_varbytes(&r).len);
    assert_true(r.failed && r.at == bytes + 1);
    assert_int_equal(0, yd_read_u8(&r));
    assert_int_equal(0, yd_read_varuint(&r));
    assert_true(yd_read_bytes(&r, 0).ptr != NULL);
    assert_true(r.at == bytes + 1);
}

static void u4_utf8_is_strict(void **state)
{
    (void)state;
    static const char *const good[] = {"", "plain text of more than eight bytes",
                                       "\xc2\x80\xdf\xbf", "\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc3",
                                      "\xc3(",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "12345678\xff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(yd_utf8_check((yd_slice){(const uint8_t *)good[i], strlen(good[i])}));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(yd_utf8_check((yd_slice){(const uint8_t *)bad[i], strlen(bad[i])}));
    }
}

static void u71_a_buffer_stops_at_its_maximum(void **state)
{
    (void)state;
    struct heap heap = {0};
    struct yd_buf buf;
    yd_buf_init(&buf, heap_alloc(&heap), 70);
    for (int i = 0; i < 70; i++) assert_int_equal(YD_OK, yd_buf_u8(&buf, (uint8_t)i));
    assert_int_equal(YD_ETOOBIG, yd_buf_u8(&buf, 0));
    assert_int_equal(YD_ETOOBIG, yd_buf_reserve(&buf, SIZE_MAX));
    assert_int_equal(70, buf.len);
    yd_buf_clear(&buf);
    assert_int_equal(YD_ETOOBIG, yd_buf_varbytes(&buf, (yd_slice){buf.ptr, 70}));
    assert_int_equal(0, buf.len); // the length alone is not left behind
    yd_buf_deinit(&buf);
    assert_int_equal(0, heap.live_bytes);
}

static void u70_a_refused_buffer_is_unchanged(void **state)
{
    (void)state;
    struct heap heap = {.refuse_at = 2};
    struct yd_buf buf;
    yd_buf_init(&buf, heap_alloc(&heap), 1000);
    assert_int_equal(YD_OK, yd_buf_append(&buf, YD_LITERAL("abc")));
    assert_int_equal(YD_ENOMEM, yd_buf_reserve(&buf, 500));
    assert_true(yd_slice_equal(YD_LITERAL("abc"), yd_buf_slice(&buf)));
    yd_buf_deinit(&buf);
    assert_int_equal(0, heap.live_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u1_varuints_read_back),
        cmocka_unit_test(u1_more_than_2_53_fails),
        cmocka_unit_test(u2_a_failed_reader_stays_where_it_failed),
        cmocka_unit_test(u4_utf8_is_strict),
        cmocka_unit_test(u71_a_buffer_stops_at_its_maximum),
        cmocka_unit_test(u70_a_refused_buffer_is_unchanged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
