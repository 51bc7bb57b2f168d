/* Who a member is, in the presence that it announces. docs/access.md D16..D18. */
#include "room_world.h"

#include "room/src/state.h"

static const struct room_identity ann = {
    {(const uint8_t *)"u1", 2}, {(const uint8_t *)"Ann", 3}, {(const uint8_t *)"#f00", 4}};
static const struct room_identity bob = {
    {(const uint8_t *)"u2", 2}, {yd_no_bytes, 0}, {yd_no_bytes, 0}};
static const struct room_identity nobody = {{yd_no_bytes, 0}, {yd_no_bytes, 0}, {yd_no_bytes, 0}};

static yd_slice text(const char *chars)
{
    return (yd_slice){(const uint8_t *)chars, strlen(chars)};
}

static void becomes_as(const struct room_naming *as, const struct room_identity *who,
                       const char *state, const char *want)
{
    struct heap heap = {0};
    struct yd_buf out;
    yd_buf_init(&out, (yd_alloc){heap_resize, &heap}, 1 << 20);
    assert_true(yd_json_check(text(state)));
    assert_true(identity_fits(text(state)));
    assert_int_equal(identity_write(as, who, text(state), &out), YD_OK);
    assert_true(yd_json_check(yd_buf_slice(&out)));
    if (!yd_slice_equal(yd_buf_slice(&out), text(want))) {
        fail_msg("%s\n  became %.*s\n  want   %s", state, (int)out.len, (const char *)out.ptr,
                 want);
    }
    yd_buf_deinit(&out);
    assert_int_equal(heap.live, 0);
}

static const struct room_naming usual = {"user", "id", "name", "color"};

static void becomes(const struct room_identity *who, const char *state, const char *want)
{
    becomes_as(&usual, who, state, want);
}

#define ANN "\"user\":{\"id\":\"u1\",\"name\":\"Ann\",\"color\":\"#f00\""

static void d16_the_decision_stands_in_user_whatever_the_client_says(void **unused)
{
    (void)unused;
    becomes(&ann, "{}", "{" ANN "}}");
    becomes(&ann, " { } ", "{" ANN "}}");
    becomes(&ann, "{\"user\":null}", "{" ANN "}}");
    becomes(&ann, "{\"user\":\"u2\"}", "{" ANN "}}");
    becomes(&ann, "{\"user\":[{\"id\":\"u2\"}]}", "{" ANN "}}");
    becomes(&ann, "{\"user\":{\"id\":\"u2\",\"name\":\"Bob\",\"color\":\"red\"}}", "{" ANN "}}");
    becomes(&ann, "{\"user\":{\"name\":{\"a\":[1,\"}\"]}}}", "{" ANN "}}");
}

static void d16_what_else_is_there_is_kept_as_it_is(void **unused)
{
    (void)unused;
    becomes(
        &ann, "{\"cursor\": {\"user\":{\"id\":\"x\"}, \"a\":[1, {\"b\":\"]\"}]} , \"n\":-1.5e3 }",
        "{" ANN "},\"cursor\":{\"user\":{\"id\":\"x\"}, \"a\":[1, {\"b\":\"]\"}]},\"n\":-1.5e3}");
    becomes(&ann,
            "{\"a\":1,\"user\":{\"avatar\":\"x\\\"y\",\"id\":1,\"deep\":{\"id\":2}},\"b\":true}",
            "{" ANN ",\"avatar\":\"x\\\"y\",\"deep\":{\"id\":2}},\"a\":1,\"b\":true}");
    becomes(&ann, "{\"\\u00fc\":\"\\\\\",\"\":null}", "{" ANN "},\"\\u00fc\":\"\\\\\",\"\":null}");
}

static void d16_keys_are_read_as_json_parse_reads_them(void **unused)
{
    (void)unused;
    // Escaped, twice, or both: the last one counts, and none gets through.
    becomes(&ann, "{\"\\u0075ser\":{\"i\\u0064\":\"u2\",\"a\":1}}", "{" ANN ",\"a\":1}}");
    becomes(&ann, "{\"user\":{\"a\":1},\"us\\u0065r\":{\"b\":2}}", "{" ANN ",\"b\":2}}");
    becomes(&ann, "{\"user\":{\"id\":1,\"id\":2,\"\\u0049d\":3}}", "{" ANN ",\"\\u0049d\":3}}");
    becomes(&ann, "{\"users\":1,\"use\":2,\"User\":3,\"\\/user\":4,\"user\\u0000\":5}",
            "{" ANN "},\"users\":1,\"use\":2,\"User\":3,\"\\/user\":4,\"user\\u0000\":5}");
}

static void d16_names_are_escaped(void **unused)
{
    const struct room_identity odd = {YD_LITERAL("a\"b\\c"), YD_LITERAL("x\n\x01\xc3\xa4"),
                                      YD_EMPTY};
    (void)unused;
    becomes(&odd, "{}", "{\"user\":{\"id\":\"a\\\"b\\\\c\",\"name\":\"x\\u000a\\u0001\xc3\xa4\"}}");
}

static void d16_what_the_decision_leaves_open_the_client_says(void **unused)
{
    (void)unused;
    becomes(&bob, "{\"user\":{\"name\":\"Bobby\",\"color\":\"red\",\"id\":\"u1\"}}",
            "{\"user\":{\"id\":\"u2\",\"name\":\"Bobby\",\"color\":\"red\"}}");
}

static void d17_the_nameless_cannot_take_an_id(void **unused)
{
    (void)unused;
    becomes(&nobody, "{\"user\":{\"id\":\"u1\",\"name\":\"x\"}}", "{\"user\":{\"name\":\"x\"}}");
    becomes(&nobody, "{\"user\":\"u1\"}", "{\"user\":{}}");
    becomes(&nobody, "{\"a\":1}", "{\"a\":1}");
}

static void d16_it_stands_under_the_keys_that_were_chosen(void **unused)
{
    static const struct room_naming as = {"who", "sub", "label", ""};
    (void)unused;
    becomes_as(
        &as, &ann,
        "{\"user\":{\"id\":\"x\"},\"who\":{\"sub\":\"x\",\"label\":1,\"color\":\"red\",\"id\":2}}",
        "{\"who\":{\"sub\":\"u1\",\"label\":\"Ann\",\"color\":\"red\",\"id\":2},"
        "\"user\":{\"id\":\"x\"}}");
    becomes_as(&as, &nobody, "{\"who\":{\"sub\":1,\"label\":\"x\"}}",
               "{\"who\":{\"label\":\"x\"}}");
    // Without an id of the host's the client may say one.
    static const struct room_naming nameless = {"user", "", "name", "color"};
    becomes_as(&nameless, &ann, "{\"user\":{\"id\":7,\"name\":1,\"\":2}}",
               "{\"user\":{\"name\":\"Ann\",\"color\":\"#f00\",\"id\":7,\"\":2}}");
}

static void d16_it_may_stand_in_the_state_itself(void **unused)
{
    static const struct room_naming as = {"", "userId", "username", ""};
    (void)unused;
    becomes_as(
        &as, &ann,
        "{\"userId\":\"x\",\"user\\u0049d\":\"y\",\"username\":1,\"color\":2,\"user\":{\"id\":3}}",
        "{\"userId\":\"u1\",\"username\":\"Ann\",\"color\":2,\"user\":{\"id\":3}}");
    becomes_as(&as, &bob, "{\"username\":\"b\"}", "{\"userId\":\"u2\",\"username\":\"b\"}");
    becomes_as(&as, &nobody, "{\"userId\":1,\"a\":2}", "{\"a\":2}");
    becomes_as(&as, &nobody, "{}", "{}");
}

/* Cut anywhere it is no JSON any more, but must not be read beyond its end either. */
static void d16_broken_text_is_read_within_its_bounds(void **unused)
{
    static const char whole[] =
        "{\"a\":[1,{\"b\":\"\\u00e4\"}],\"user\":{\"id\":\"\\\\\",\"x\":2}}";
    (void)unused;
    for (size_t n = 0; n < sizeof whole; n++) {
        struct heap heap = {0};
        struct yd_buf out;
        uint8_t *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, whole, n);
        uint8_t *exact = realloc(copy, n == 0 ? 1 : n);
        yd_buf_init(&out, (yd_alloc){heap_resize, &heap}, 1 << 20);
        assert_int_equal(identity_write(&usual, &ann, (yd_slice){exact, n}, &out), YD_OK);
        yd_buf_deinit(&out);
        free(exact);
    }
}

/* ---- in a room --------------------------------------------------------------------------------
 */

static yd_slice entry(uint8_t client, uint8_t clock, const char *json)
{
    static uint8_t bytes[200];
    size_t len = strlen(json);
    assert_true(len < 100);
    memcpy(bytes, (const uint8_t[]){1, client, clock, (uint8_t)len}, 4);
    memcpy(bytes + 4, json, len);
    return (yd_slice){bytes, 4 + len};
}

static void joins_as(struct world *w, uint32_t member, const struct room_identity *who)
{
    world_step(w, (struct room_event){
                      .kind = ROOM_EV_JOIN, .member = member, .right = ROOM_READ, .identity = who});
}

static void announces(struct world *w, uint32_t member, uint8_t client, uint8_t clock,
                      const char *json)
{
    says(w, member, ROOM_MSG_AWARENESS, entry(client, clock, json));
}

static void told(struct world *w, uint8_t client, uint8_t clock, const char *json)
{
    happens(w, ROOM_EV_TICK);
    assert_int_equal(w->fx.count, 1);
    assert_sends(w, 0, ROOM_TO_ALL, ROOM_MSG_AWARENESS, entry(client, clock, json));
}

static void d16_others_are_told_who_the_host_says_it_is(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w, (struct room_opts){0});
    {
        // The room keeps a copy.
        char id[] = "u1", name[] = "Ann";
        const struct room_identity who = {text(id), text(name), YD_EMPTY};
        joins_as(&w, 0, &who);
        memset(id, 'x', 2);
        memset(name, 'x', 3);
    }
    joins(&w, 1, ROOM_WRITE); // without an identity: as it says
    announces(&w, 0, 7, 1, "{\"user\":{\"id\":\"u9\"},\"c\":1}");
    told(&w, 7, 1, "{\"user\":{\"id\":\"u1\",\"name\":\"Ann\"},\"c\":1}");
    announces(&w, 1, 8, 1, "{\"user\":{\"id\":\"u9\"}}");
    told(&w, 8, 1, "{\"user\":{\"id\":\"u9\"}}");
    announces(&w, 0, 7, 2, "{}");
    told(&w, 7, 2, "{\"user\":{\"id\":\"u1\",\"name\":\"Ann\"}}");
    announces(&w, 0, 7, 3, "[1]");
    assert_ignored(&w, 0);
    announces(&w, 0, 7, 3, "null");
    told(&w, 7, 3, "null");
    leaves(&w, 0);
    leaves(&w, 1);
    world_end(&w);
}

static void d16_where_it_is_off_presence_is_what_clients_say(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w, (struct room_opts){.naming = {"", "", "", ""}});
    joins_as(&w, 0, &ann);
    joins_as(&w, 1, &bob);
    announces(&w, 0, 7, 1, "{\"user\":{\"id\":\"u9\"}}");
    told(&w, 7, 1, "{\"user\":{\"id\":\"u9\"}}");
    announces(&w, 0, 7, 2, "[1]");
    told(&w, 7, 2, "[1]");
    announces(&w, 1, 7, 3, "{}"); // D18 holds all the same
    assert_string_equal(effect(&w, w.fx.count - 1)->why, "presence of somebody else");
    leaves(&w, 0);
    leaves(&w, 1);
    world_end(&w);
}

static void d18_nobody_speaks_for_a_client_of_another_user_who_is_here(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w, (struct room_opts){0});
    joins_as(&w, 0, &ann);
    joins_as(&w, 1, &bob);
    joins_as(&w, 3, &nobody);
    announces(&w, 0, 7, 1, "{}");
    happens(&w, ROOM_EV_TICK);
    announces(&w, 1, 7, 2, "{}");
    assert_string_equal(effect(&w, w.fx.count - 1)->why, "presence of somebody else");
    announces(&w, 1, 7, 2, "null");
    assert_ignored(&w, 1);
    announces(&w, 1, 7, 1, "null"); // a removal at the clock it has
    assert_ignored(&w, 1);
    assert_false(room_wants_tick(w.room));
    announces(&w, 1, 7, 1, "{}"); // a stale echo is no offence
    assert_int_equal(w.fx.count, 0);
    // The same user on a second connection: the first has died unnoticed.
    joins_as(&w, 2, &ann);
    announces(&w, 2, 7, 2, "{}");
    told(&w, 7, 2, "{" ANN "}}");
    leaves(&w, 0);
    assert_false(room_wants_tick(w.room));
    // Once it is gone its id is free.
    leaves(&w, 2);
    happens(&w, ROOM_EV_TICK);
    announces(&w, 1, 7, 3, "{}");
    told(&w, 7, 3, "{\"user\":{\"id\":\"u2\"}}");
    world_end(&w);
}

static void d18_without_identities_anybody_may_as_before(void **unused)
{
    struct world w;
    (void)unused;
    world_begin(&w, (struct room_opts){0});
    joins(&w, 0, ROOM_WRITE);
    joins(&w, 1, ROOM_WRITE);
    announces(&w, 0, 7, 1, "{}");
    happens(&w, ROOM_EV_TICK);
    announces(&w, 1, 7, 2, "[2]");
    told(&w, 7, 2, "[2]");
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d16_the_decision_stands_in_user_whatever_the_client_says),
        cmocka_unit_test(d16_what_else_is_there_is_kept_as_it_is),
        cmocka_unit_test(d16_keys_are_read_as_json_parse_reads_them),
        cmocka_unit_test(d16_names_are_escaped),
        cmocka_unit_test(d16_what_the_decision_leaves_open_the_client_says),
        cmocka_unit_test(d17_the_nameless_cannot_take_an_id),
        cmocka_unit_test(d16_it_stands_under_the_keys_that_were_chosen),
        cmocka_unit_test(d16_it_may_stand_in_the_state_itself),
        cmocka_unit_test(d16_where_it_is_off_presence_is_what_clients_say),
        cmocka_unit_test(d16_broken_text_is_read_within_its_bounds),
        cmocka_unit_test(d16_others_are_told_who_the_host_says_it_is),
        cmocka_unit_test(d18_nobody_speaks_for_a_client_of_another_user_who_is_here),
        cmocka_unit_test(d18_without_identities_anybody_may_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
