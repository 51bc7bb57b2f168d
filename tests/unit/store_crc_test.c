/* store_crc_test.c - checksums are zlib's, whatever the length, the place in memory and the parts
 * they are made of. Rules: docs/storage.md. */
#include <zlib.h>

#include "store/journal.h"
#include "unit/store_world.h"

#define LEN_MAX 1200

static void fill(uint8_t *bytes, size_t len)
{
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        bytes[i] = (uint8_t)(x >> 8);
    }
}

static void s12_checksums_are_those_of_zlib(void **state)
{
    (void)state;
    static uint8_t bytes[LEN_MAX + 16];
    fill(bytes, sizeof bytes);
    for (size_t len = 0; len <= LEN_MAX; len++) {
        const uint8_t *from = bytes + len % 16;
        uint32_t expected = (uint32_t)crc32_z(0, from, len);
        assert_int_equal(store_crc((yd_slice){from, len}), expected);
        size_t first = len * 7 / 11;
        uint32_t crc = store_crc((yd_slice){from, first});
        assert_int_equal(store_crc_more(crc, (yd_slice){from + first, len - first}), expected);
    }
    // Known since before either: the check value of CRC-32.
    assert_int_equal(store_crc(text("123456789")), 0xcbf43926);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(store_crc((yd_slice){bytes, 64}), crc32_z(0, bytes, 64));
}

static void s12_every_bit_counts(void **state)
{
    (void)state;
    uint8_t bytes[200];
    fill(bytes, sizeof bytes);
    uint32_t crc = store_crc((yd_slice){bytes, sizeof bytes});
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(store_crc((yd_slice){bytes, sizeof bytes}), crc);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_checksums_are_those_of_zlib),
        cmocka_unit_test(s12_every_bit_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
