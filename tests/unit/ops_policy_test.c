/* The table of rooms: what holds for which name, and what a mistake in it is told.
 * docs/access.md D1..D3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/policy.h"

static yd_slice slice(const char *text) { return (yd_slice){(const uint8_t *)text, strlen(text)}; }

static yd_err read_table(struct policies *table, const char *text, char why[512])
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    const struct source source = {.file = "party.json", .text = YD_EMPTY};
    yd_err err = policies_read(table, json, &source, why, 512);
    json_decref(json);
    return err;
}

static void refused(const char *text, const char *const *words)
{
    struct policies table = {0};
    char why[512] = "";
    assert_int_equal(read_table(&table, text, why), YD_EMALFORMED);
    for (; *words != NULL; words++) {
        if (strstr(why, *words) == NULL) fail_msg("'%s' is not in: %s", *words, why);
    }
    policies_deinit(&table);
}
#define REFUSED(text, ...) refused(text, (const char *const[]){"party.json", __VA_ARGS__, NULL})

/* The pattern that holds, told apart by its message limit; 0: refused. */
static int64_t found(const struct policies *table, const char *party, const char *room)
{
    const struct policy *policy = policies_find(table, slice(party), slice(room));
    return policy == NULL ? 0 : policy->message_bytes_max;
}

static void d1_the_longest_pattern_that_fits_holds(void **unused)
{
    struct policies table = {0};
    char why[512];
    (void)unused;
    assert_int_equal(read_table(&table,
                                "{\"doc-*\":{\"message-bytes-max\":2001},"
                                "\"doc-secret-*\":{\"message-bytes-max\":2002},"
                                "\"doc-secret-1\":{\"message-bytes-max\":2003},"
                                "\"other/doc-*\":{\"message-bytes-max\":2004},"
                                "\"other/x\":{\"message-bytes-max\":2005}}",
                                why),
                     YD_OK);
    assert_int_equal(found(&table, "main", "doc-1"), 2001);
    assert_int_equal(found(&table, "main", "doc-"), 2001);
    assert_int_equal(found(&table, "main", "doc-secret-2"), 2002);
    assert_int_equal(found(&table, "main", "doc-secret-1"), 2003);
    assert_int_equal(found(&table, "main", "doc-secret-10"), 2002);
    assert_int_equal(found(&table, "other", "doc-1"), 2004);
    assert_int_equal(found(&table, "other", "x"), 2005);
    policies_deinit(&table);
}

static void d2_a_room_without_an_entry_is_refused(void **unused)
{
    struct policies table = {0};
    char why[512];
    (void)unused;
    assert_int_equal(read_table(&table, "{\"doc-*\":{\"message-bytes-max\":2001}}", why), YD_OK);
    const char *names[] = {"doc", "Doc-1", "xdoc-1", "%64oc-1", "doc%2D1", "workspace-1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(found(&table, "main", names[i]), 0);
    }
    policies_deinit(&table);
    assert_int_equal(read_table(&table, "{\"*\":{\"message-bytes-max\":2001}}", why), YD_OK);
    assert_int_equal(found(&table, "main", "workspace-1"), 2001);
    policies_deinit(&table);
}

static void d2_without_a_table_every_name_is_a_room(void **unused)
{
    struct policies table = {0};
    (void)unused;
    policies_default(&table, false);
    assert_true(policies_find(&table, slice("main"), slice("workspace-1"))->stored);
    policies_deinit(&table);
    policies_default(&table, true);
    assert_false(policies_find(&table, slice("main"), slice("workspace-1"))->stored);
    assert_true(policies_find(&table, slice("main"), slice("workspace-1"))->decided);
    assert_true(policies_find(&table, slice("main"), slice("my-room"))->stored);
    policies_deinit(&table);
}

static void d3_an_entry_says_what_holds(void **unused)
{
    struct policies table = {0};
    char why[512];
    (void)unused;
    assert_int_equal(
        read_table(&table,
                   "{\"a\":{},\"b\":{\"store\":\"none\",\"auth\":\"none\",\"gc\":false,"
                   "\"document-bytes-max\":5000},"
                   "\"c\":{\"store\":\"snapshot\",\"auth\":\"default\",\"gc\":true}}",
                   why),
        YD_OK);
    const struct policy *a = policies_find(&table, slice("main"), slice("a"));
    const struct policy *b = policies_find(&table, slice("main"), slice("b"));
    const struct policy *c = policies_find(&table, slice("main"), slice("c"));
    assert_true(a->stored && a->decided && !a->keeps_deleted);
    assert_int_equal(a->message_bytes_max + a->document_bytes_max, 0);
    assert_true(!b->stored && !b->decided && b->keeps_deleted);
    assert_int_equal(b->document_bytes_max, 5000);
    assert_true(c->stored && c->decided && !c->keeps_deleted);
    assert_true(!a->keeps_history && !b->keeps_history && !c->keeps_history);
    policies_deinit(&table);
    assert_int_equal(read_table(&table,
                                "{\"a\":{\"store\":\"history\"},\"b\":{\"store\":\"history\","
                                "\"history-updates-max\":7,\"history-bytes-max\":0,"
                                "\"history-days-max\":365}}",
                                why),
                     YD_OK);
    a = policies_find(&table, slice("main"), slice("a"));
    b = policies_find(&table, slice("main"), slice("b"));
    assert_true(a->stored && a->keeps_history && b->stored && b->keeps_history);
    assert_int_equal(a->history_updates, 100000);
    assert_int_equal(a->history_bytes, 64 << 20);
    assert_int_equal(a->history_days, 30);
    assert_int_equal(b->history_updates, 7);
    assert_int_equal(b->history_bytes, 0);
    assert_int_equal(b->history_days, 365);
    policies_deinit(&table);
}

/* Object, and the keys of id, name and color; "-": it is none. */
static void names(const char *text, const char *object, const char *id, const char *name,
                  const char *color)
{
    struct naming n = {.text = "before"};
    if (strcmp(object, "-") == 0) {
        if (naming_read(text, &n)) fail_msg("%s is taken", text);
        assert_string_equal(n.text, "before");
        return;
    }
    if (!naming_read(text, &n)) fail_msg("%s is not taken", text);
    assert_string_equal(n.text, text);
    assert_string_equal(n.object, object);
    assert_string_equal(n.keys[0], id);
    assert_string_equal(n.keys[1], name);
    assert_string_equal(n.keys[2], color);
}

#define LONG31 "abcdefghijklmnopqrstuvwxyz01234"

static void d16_keys_of_presence_are_read_or_refused(void **unused)
{
    (void)unused;
    names("user{id,name,color}", "user", "id", "name", "color");
    names("user{id}", "user", "id", "", "");
    names("{userId,username}", "", "userId", "username", "");
    names("user{,name}", "user", "", "name", "");
    names("u-s_e$r{,,c}", "u-s_e$r", "", "", "c");
    names("{}", "", "", "", "");
    names("off", "", "", "", "");
    names(LONG31 "{" LONG31 "," LONG31 "0", "-", "", "", "");
    names(LONG31 "{" LONG31 "}", LONG31, LONG31, "", "");
    static const char *const wrong[] = {"",
                                        "Off",
                                        "user",
                                        "user{",
                                        "user{id",
                                        "user{id,name,color,more}",
                                        "user{id,name,color,}",
                                        "user{id}x",
                                        "user {id}",
                                        "user{id, name}",
                                        "user{id,id}",
                                        "user{id,,id}",
                                        "us\"er{id}",
                                        "user{i\\d}",
                                        "\xc3\xa4{id}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) names(wrong[i], "-", "", "", "");
}

static void d3_mistakes_are_told_with_file_key_and_what_was_meant(void **unused)
{
    (void)unused;
    REFUSED("{\"doc-*\":{\"stroe\":\"none\"}}", "rooms.\"doc-*\"", "\"stroe\"", "\"store\"");
    REFUSED("{\"doc-*\":{\"colour\":1}}", "\"colour\"", "message-bytes-max", "auth");
    REFUSED("{\"doc-*\":{\"message_bytes_max\":1}}", "did you mean \"message-bytes-max\"");
    REFUSED("{\"doc-*\":{\"store\":\"snapshto\"}}", "store", "\"snapshto\"", "mean \"snapshot\"");
    REFUSED("{\"doc-*\":{\"auth\":true}}", "auth", "true", "\"default\" or \"none\"");
    REFUSED("{\"doc-*\":{\"gc\":1}}", "gc", "true or false");
    REFUSED("{\"doc-*\":{\"message-bytes-max\":10}}", "message-bytes-max: 10", "1024 to");
    REFUSED("{\"doc-*\":{\"message-bytes-max\":\"8MB\"}}", "\"8MB\"", "whole number");
    REFUSED("{\"doc-*\":{\"presence-identity\":\"user\"}}", "presence-identity: \"user\"",
            "off, or keys as in user{id,name,color}");
    REFUSED("{\"doc-*\":{\"presence-identity\":false}}", "presence-identity: false", "off, or");
    REFUSED("{\"doc-*\":[]}", "rooms.\"doc-*\"", "object");
    REFUSED("{\"do*c\":{}}", "\"do*c\"", "prefix");
    REFUSED("{\"\":{}}", "pattern");
    REFUSED("{}", "object of patterns");
    REFUSED("[]", "object of patterns");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d1_the_longest_pattern_that_fits_holds),
        cmocka_unit_test(d2_a_room_without_an_entry_is_refused),
        cmocka_unit_test(d2_without_a_table_every_name_is_a_room),
        cmocka_unit_test(d3_an_entry_says_what_holds),
        cmocka_unit_test(d16_keys_of_presence_are_read_or_refused),
        cmocka_unit_test(d3_mistakes_are_told_with_file_key_and_what_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
