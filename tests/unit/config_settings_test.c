/* Settings: where they come from, who wins, what a mistake is told. docs/server.md H11. */
#include "ops/settings.h"
#include "unit/config_file.h"

static int clear_env(void **state)
{
    (void)state;
    (void)unsetenv("PARTYD_PORT");
    (void)unsetenv("PARTYD_CONFIG");
    (void)unsetenv("PARTYD_TICKET_SECRET");
    (void)unsetenv("COLLAB_SECRET");
    (void)unsetenv("CONVEX_URL");
    (void)unsetenv("PARTYD_AUTH");
    return unsetenv("PARTYD_ROOM_IDLE_MS");
}

static int64_t port_of(int argc, char **argv)
{
    struct settings s;
    char why[SETTINGS_ERROR_MAX] = "";
    assert_int_equal(settings_read(&s, argc, argv, why), YD_OK);
    int64_t port = s.port;
    settings_deinit(&s);
    return port;
}

static void refused(int argc, char **argv, const char *const *words)
{
    struct settings s;
    char why[SETTINGS_ERROR_MAX] = "";
    assert_int_equal(settings_read(&s, argc, argv, why), YD_EMALFORMED);
    for (; *words != NULL; words++) {
        if (strstr(why, *words) == NULL) fail_msg("'%s' is not in: %s", *words, why);
    }
    settings_deinit(&s);
}
#define REFUSED(args, ...)                                                                         \
    refused((int)(sizeof(args) / sizeof *(args)), args, (const char *const[]){__VA_ARGS__, NULL})

static void h11_flags_win_over_environment_over_file_over_default(void **unused)
{
    char *none[] = {"--log-level", "warn"}, *flag[] = {"--port", "4"}, *equals[] = {"--port=5"};
    (void)unused;
    assert_int_equal(port_of(2, none), 1999);
    write_file("{\"port\": 2}");
    assert_int_equal(setenv("PARTYD_CONFIG", file, 1), 0);
    assert_int_equal(port_of(2, none), 2);
    assert_int_equal(setenv("PARTYD_PORT", "3", 1), 0);
    assert_int_equal(port_of(2, none), 3);
    assert_int_equal(port_of(2, flag), 4);
    assert_int_equal(port_of(1, equals), 5);
}

static void h11_a_bad_value_is_named_with_its_source_and_what_is_allowed(void **unused)
{
    char *port[] = {"--port", "70000"}, *level[] = {"--log-level=loud"}, *ok[] = {"--open"};
    (void)unused;
    REFUSED(port, "command line", "70000", "port", "1 to 65535");
    REFUSED(level, "loud", "log-level", "debug|info|warn|error");
    char *identity[] = {"--presence-identity", "user.id"};
    REFUSED(identity, "user.id", "presence-identity", "off, or keys as in user{id,name,color}");
    assert_int_equal(setenv("PARTYD_ROOM_IDLE_MS", "soon", 1), 0);
    REFUSED(ok, "PARTYD_ROOM_IDLE_MS", "soon", "room-idle-ms");
}

static void h11_an_unknown_flag_or_key_is_named(void **unused)
{
    char *flag[] = {"--prot", "1"}, *word[] = {"1999"}, *bare[] = {"--port"};
    char *config[] = {"--config", file};
    (void)unused;
    REFUSED(flag, "--prot", "--help");
    REFUSED(word, "'1999'");
    REFUSED(bare, "--port", "value");
    write_file("{\"prot\": 1}");
    REFUSED(config, file, "\"prot\"");
    write_file("{\"port\": [1]}");
    REFUSED(config, file, "port", "1 to 65535");
    write_file("{\n\"port\": }");
    REFUSED(config, file, ":2:");
    write_file("[]");
    REFUSED(config, file, "one JSON object");
}

static void d6_secrets_come_from_the_environment_only(void **unused)
{
    char *flag[] = {"--ticket-secret", "s3cr3t"}, *equals[] = {"--collab-secret=s3cr3t"};
    char *config[] = {"--config", file};
    (void)unused;
    REFUSED(flag, "command line", "PARTYD_TICKET_SECRET", "environment");
    REFUSED(equals, "command line", "COLLAB_SECRET");
    write_file("{\"ticket-secret\": \"s3cr3t\"}");
    REFUSED(config, file, "PARTYD_TICKET_SECRET");
    struct settings s;
    char why[SETTINGS_ERROR_MAX] = "";
    assert_int_equal(settings_read(&s, 2, flag, why), YD_EMALFORMED);
    assert_null(strstr(why, "s3cr3t"));
    settings_deinit(&s);
    assert_int_equal(setenv("PARTYD_TICKET_SECRET", "one", 1), 0);
    assert_int_equal(setenv("COLLAB_SECRET", "two", 1), 0);
    assert_int_equal(setenv("CONVEX_URL", "http://127.0.0.1:3210", 1), 0);
    assert_int_equal(settings_read(&s, 0, NULL, why), YD_OK);
    assert_string_equal(s.ticket_secret, "one");
    assert_string_equal(s.collab_secret, "two");
    assert_string_equal(s.convex_url, "http://127.0.0.1:3210");
    settings_deinit(&s);
}

static void d6_a_cookie_needs_origins(void **unused)
{
    char *cookie[] = {"--cookie", "session"};
    char *both[] = {"--cookie", "session", "--origins", "https://a.example"};
    struct settings s;
    char why[SETTINGS_ERROR_MAX] = "";
    (void)unused;
    REFUSED(cookie, "cookie", "PARTYD_ORIGINS");
    assert_int_equal(settings_read(&s, 4, both, why), YD_OK);
    settings_deinit(&s);
}

static void d6_serve_has_defaults_of_its_own(void **unused)
{
    char *port[] = {"--port", "5"};
    struct settings s;
    char why[SETTINGS_ERROR_MAX] = "";
    (void)unused;
    assert_int_equal(settings_read_for(SETTINGS_SERVE, &s, 2, port, why), YD_OK);
    assert_true(s.is_serve);
    assert_string_equal(s.data, "/var/lib/partyd");
    assert_string_equal(s.host, "0.0.0.0");
    assert_string_equal(s.log_format, "json");
    settings_deinit(&s);
    assert_int_equal(settings_read(&s, 2, port, why), YD_OK);
    assert_false(s.is_serve);
    assert_string_equal(s.host, "127.0.0.1");
    settings_deinit(&s);
}

static void d2_the_table_of_rooms_is_a_key_of_the_file(void **unused)
{
    char *config[] = {"--config", file};
    struct settings s;
    char why[SETTINGS_ERROR_MAX] = "";
    (void)unused;
    write_file("{\"port\": 5, \"rooms\": {\"doc-*\": {}}}");
    assert_int_equal(settings_read(&s, 2, config, why), YD_OK);
    assert_int_equal(s.rooms.count, 1);
    settings_deinit(&s);
    write_file("{\"rooms\": {\"doc-*\": {\"stroe\": 1}}}");
    REFUSED(config, file, "doc-*", "store");
    write_file("{\"romos\": {}}");
    REFUSED(config, file, "\"romos\"");
    assert_int_equal(settings_read(&s, 0, NULL, why), YD_OK);
    assert_int_equal(s.rooms.count, 1); // all names
    settings_deinit(&s);
    assert_int_equal(setenv("PARTYD_AUTH", "ticket", 1), 0);
    assert_int_equal(settings_read(&s, 0, NULL, why), YD_OK);
    assert_int_equal(s.rooms.count, 2);
    settings_deinit(&s);
}

static void d16_the_table_of_rooms_says_other_keys_than_the_process(void **unused)
{
    (void)unused;
    write_file("{\"rooms\": {\"a\": {\"presence-identity\": \"off\"}, \"b\": {}},"
               " \"presence-identity\": \"{sub}\"}");
    char *flags[] = {"--config", file}, why[SETTINGS_ERROR_MAX] = "";
    struct settings s;
    assert_int_equal(settings_read(&s, 2, flags, why), YD_OK);
    assert_string_equal(s.presence_identity.text, "{sub}");
    for (size_t i = 0; i < s.rooms.count; i++) {
        bool is_a = strcmp(s.rooms.list[i].pattern, "a") == 0;
        assert_string_equal(s.rooms.list[i].naming.text, is_a ? "off" : "{sub}");
    }
    settings_deinit(&s);
    assert_int_equal(settings_read(&s, 0, NULL, why), YD_OK);
    assert_string_equal(s.rooms.list[0].naming.keys[1], "name");
    settings_deinit(&s);
}

static void d3_the_nearest_name_is_told(void **unused)
{
    char *flag[] = {"--prot", "1"}, *far[] = {"--zzzzzz", "1"}, *config[] = {"--config", file};
    struct settings s;
    char why[SETTINGS_ERROR_MAX] = "";
    (void)unused;
    REFUSED(flag, "--prot", "did you mean --port");
    assert_int_equal(settings_read(&s, 2, far, why), YD_EMALFORMED);
    assert_null(strstr(why, "did you mean"));
    settings_deinit(&s);
    write_file("{\"romos\": {}}");
    REFUSED(config, "did you mean \"rooms\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(h11_flags_win_over_environment_over_file_over_default, clear_env),
        cmocka_unit_test_teardown(h11_a_bad_value_is_named_with_its_source_and_what_is_allowed,
                                  clear_env),
        cmocka_unit_test_teardown(h11_an_unknown_flag_or_key_is_named, clear_env),
        cmocka_unit_test_teardown(d6_secrets_come_from_the_environment_only, clear_env),
        cmocka_unit_test_teardown(d6_a_cookie_needs_origins, clear_env),
        cmocka_unit_test_teardown(d6_serve_has_defaults_of_its_own, clear_env),
        cmocka_unit_test_teardown(d2_the_table_of_rooms_is_a_key_of_the_file, clear_env),
        cmocka_unit_test_teardown(d16_the_table_of_rooms_says_other_keys_than_the_process,
                                  clear_env),
        cmocka_unit_test_teardown(d3_the_nearest_name_is_told, clear_env),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
