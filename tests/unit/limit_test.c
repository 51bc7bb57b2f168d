/* Rates, addresses and the table of them: docs/limits.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "limit/peers.h"

static yd_slice slice(const char *text) { return (yd_slice){(const uint8_t *)text, strlen(text)}; }

#define SECOND 1000000u

/* ---- rates ------------------------------------------------------------------------------------
 */

static void l5_bucket_lets_a_burst_and_then_its_rate(void **state)
{
    (void)state;
    const struct rate rate = {10, 80};
    struct bucket bucket = {0};
    uint64_t now = 1000 * SECOND;
    assert_int_equal(bucket_take(&bucket, &rate, 80, now), 0);
    assert_int_equal(bucket_take(&bucket, &rate, 10, now), SECOND);
    assert_int_equal(bucket_take(&bucket, &rate, 0, now + SECOND), 0);
    assert_false(bucket_try(&bucket, &rate, now + SECOND));
    assert_true(bucket_try(&bucket, &rate, now + SECOND + SECOND / 10));
    assert_false(bucket_is_full(&bucket, now + 2 * SECOND));
    assert_true(bucket_is_full(&bucket, now + 10 * SECOND));
    // Nothing is saved up beyond the burst.
    assert_int_equal(bucket_take(&bucket, &rate, 80, now + 1000 * SECOND), 0);
    assert_false(bucket_try(&bucket, &rate, now + 1000 * SECOND));
}

static void l5_bucket_of_no_rate_and_of_absurd_amounts(void **state)
{
    (void)state;
    const struct rate none = {0, 0}, slow = {1, 8};
    struct bucket bucket = {0};
    assert_int_equal(bucket_take(&bucket, &none, UINT64_MAX, 5), 0);
    assert_int_equal(bucket.full_us, 0);
    uint64_t wait = bucket_take(&bucket, &slow, UINT64_MAX, 5);
    assert_true(wait > SECOND && bucket.full_us > wait);
}

/* ---- addresses --------------------------------------------------------------------------------
 */

static void reads_as(const char *text, const char *want)
{
    struct address address;
    char got[ADDRESS_TEXT];
    if (want == NULL) {
        assert_false(address_read(slice(text), &address));
        return;
    }
    assert_true(address_read(slice(text), &address));
    address_text(&address, got);
    assert_string_equal(got, want);
}

static void l4_addresses_in_all_their_forms(void **state)
{
    (void)state;
    reads_as("192.0.2.7", "192.0.2.7");
    reads_as("  192.0.2.7:443\t", "192.0.2.7");
    reads_as("\"[2001:db8::7]:4711\"", "2001:db8::7");
    reads_as("[2001:db8::7]", "2001:db8::7");
    reads_as("2001:DB8:0::7", "2001:db8::7");
    reads_as("::ffff:192.0.2.7", "192.0.2.7");
    const char *bad[] = {"",
                         " ",
                         ":",
                         "[",
                         "[]",
                         "]",
                         "\"",
                         "\"\"",
                         "unknown",
                         "_hidden",
                         "192.0.2",
                         "192.0.2.256",
                         "::",
                         "1.2.3.4.5",
                         "[1.2.3.4",
                         "192.0.2.7 192.0.2.8",
                         "12345:12345:12345:12345:12345:12345:12345:12345:12345"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) reads_as(bad[i], NULL);
    struct address address;
    assert_false(address_read((yd_slice){(const uint8_t *)"1.2.3.4\0", 8}, &address));
}

static bool holds(const char *networks, const char *address)
{
    struct networks n = {NULL, 0};
    struct address a;
    yd_slice bad;
    assert_true(networks_read(&n, networks, &bad));
    assert_true(address_read(slice(address), &a));
    bool is_in = networks_hold(&n, &a);
    networks_deinit(&n);
    return is_in;
}

static void l4_networks(void **state)
{
    (void)state;
    assert_true(holds("10.0.0.0/8", "10.255.0.1"));
    assert_false(holds("10.0.0.0/8", "11.0.0.1"));
    assert_true(holds("192.0.2.16/28", "192.0.2.31"));
    assert_false(holds("192.0.2.16/28", "192.0.2.32"));
    assert_true(holds("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(holds("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(holds("192.0.2.7", "192.0.2.7"));
    assert_false(holds("192.0.2.7", "192.0.2.6"));
    assert_true(holds("loopback", "127.8.8.8") && holds(" loopback ,private", "::1"));
    assert_true(holds("private", "172.31.0.1") && !holds("private", "172.32.0.1"));
    assert_false(holds("0.0.0.0/0", "2001:db8::1")); // all of IPv4, nothing else
    assert_false(holds("", "127.0.0.1"));
    const char *bad[] = {"nobody", "10.0.0.0/33",   "10.0.0.0/", "10.0.0.0/a",
                         "::/129", "10.0.0.0/0008", "1.2.3.4/-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct networks n = {NULL, 0};
        yd_slice what;
        assert_false(networks_read(&n, bad[i], &what));
        assert_int_equal(what.len, strlen(bad[i]));
        networks_deinit(&n);
    }
}

static void comes_from(const char *list, const char *rfc, const char *want)
{
    struct networks trusted = {NULL, 0};
    yd_slice bad;
    char got[ADDRESS_TEXT];
    assert_true(networks_read(&trusted, "loopback,10.0.0.0/8", &bad));
    struct address a =
        list != NULL ? forwarded_for(slice(list), &trusted) : forwarded(slice(rfc), &trusted);
    if (want == NULL) {
        assert_true(address_is_nobody(&a));
    } else {
        address_text(&a, got);
        assert_string_equal(got, want);
    }
    networks_deinit(&trusted);
}

static void l4_last_address_that_is_no_proxy(void **state)
{
    (void)state;
    comes_from("192.0.2.1", NULL, "192.0.2.1");
    comes_from("6.6.6.6, 192.0.2.1", NULL, "192.0.2.1");
    comes_from("6.6.6.6, 192.0.2.1, 10.0.0.7,127.0.0.1", NULL, "192.0.2.1");
    comes_from("6.6.6.6, what?, 10.0.0.7", NULL, NULL);
    comes_from("10.0.0.7", NULL, NULL);
    comes_from("", NULL, NULL);
    comes_from("192.0.2.1,", NULL, NULL); // the last of them cannot be read
    comes_from(NULL, "for=6.6.6.6, for=192.0.2.1;proto=https, by=10.0.0.1;FOR=10.0.0.7",
               "192.0.2.1");
    comes_from(NULL, "for=\"[2001:db8::1]:99\"", "2001:db8::1");
    comes_from(NULL, "for=192.0.2.1, for=_secret", NULL);
    comes_from(NULL, "192.0.2.1", NULL);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static struct address number(uint32_t n)
{
    struct address a = {{0}};
    a.bytes[10] = a.bytes[11] = 0xff;
    for (int i = 0; i < 4; i++) a.bytes[15 - i] = (uint8_t)(n >> 8 * i);
    return a;
}

static void l3_ipv6_counts_by_its_64(void **state)
{
    (void)state;
    struct peers peers;
    struct address a, b, c;
    peers_init(&peers, 10, 0, 7);
    assert_true(address_read(slice("2001:db8:1:2::1"), &a));
    assert_true(address_read(slice("2001:db8:1:2:ffff::9"), &b));
    assert_true(address_read(slice("2001:db8:1:3::1"), &c));
    assert_ptr_equal(peers_get(&peers, a, 0), peers_get(&peers, b, 0));
    struct peer *of_a = peers_get(&peers, a, 0);
    of_a->connections = 1; // or its place would be free for the next
    assert_ptr_not_equal(of_a, peers_get(&peers, c, 0));
    peers_deinit(&peers);
}

static void l6_nobody_escapes_a_debt_by_many_addresses(void **state)
{
    (void)state;
    const struct rate rate = {1, 8};
    struct peers peers;
    uint64_t now = 1000 * SECOND;
    peers_init(&peers, 10, 10, 12345);
    struct peer *guilty = peers_get(&peers, number(1), now);
    assert_true(bucket_take(&guilty->connects, &rate, 100, now) > 0);
    struct peer *busy = peers_get(&peers, number(2), now);
    busy->connections = 1;
    struct peer *opened = peers_get(&peers, number(3), now);
    opened->rooms = 1;
    for (uint32_t n = 100; n < 200000; n++) {
        struct peer *peer = peers_get(&peers, number(n), now);
        if (peer != &peers.shared) (void)bucket_take(&peer->connects, &rate, 1, now);
    }
    assert_ptr_equal(peers_get(&peers, number(1), now), guilty);
    assert_false(bucket_try(&guilty->connects, &rate, now));
    assert_ptr_equal(peers_get(&peers, number(2), now), busy);
    // Full: newcomers share one entry, and its limits.
    struct peer *shared = peers_get(&peers, number(300001), now);
    assert_ptr_equal(shared, &peers.shared);
    assert_ptr_equal(peers_get(&peers, number(300002), now), shared);
    // When the debts are paid, places are free again; not of who is connected or has a room.
    now += 200 * SECOND;
    assert_ptr_not_equal(peers_get(&peers, number(300003), now), &peers.shared);
    for (uint32_t n = 400000; n < 600000; n++)
        assert_ptr_not_equal(peers_get(&peers, number(n), now), busy);
    assert_ptr_equal(peers_get(&peers, number(2), now), busy);
    assert_ptr_equal(peers_get(&peers, number(3), now), opened);
    assert_int_equal(opened->rooms, 1);
    peers_deinit(&peers);
}

static void l6_all_who_may_connect_have_a_place(void **state)
{
    (void)state;
    struct peers peers;
    peers_init(&peers, 20000, 0, 99);
    uint32_t shared = 0;
    for (uint32_t n = 0; n < 20000; n++) {
        struct peer *peer = peers_get(&peers, number(n * 7919), 0);
        peer->connections++;
        shared += peer == &peers.shared;
    }
    assert_int_equal(shared, 0);
    peers_deinit(&peers);
    // And all whose rooms are in memory, also when they have gone.
    peers_init(&peers, 20000, 30000, 99);
    for (uint32_t n = 0; n < 50000; n++) {
        struct peer *peer = peers_get(&peers, number(n * 7919), 0);
        peer->rooms++;
        shared += peer == &peers.shared;
    }
    assert_int_equal(shared, 0);
    peers_deinit(&peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(l5_bucket_lets_a_burst_and_then_its_rate),
        cmocka_unit_test(l5_bucket_of_no_rate_and_of_absurd_amounts),
        cmocka_unit_test(l4_addresses_in_all_their_forms),
        cmocka_unit_test(l4_networks),
        cmocka_unit_test(l4_last_address_that_is_no_proxy),
        cmocka_unit_test(l3_ipv6_counts_by_its_64),
        cmocka_unit_test(l6_nobody_escapes_a_debt_by_many_addresses),
        cmocka_unit_test(l6_all_who_may_connect_have_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
