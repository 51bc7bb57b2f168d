/* Settings: where they come from, who wins, what a mistake is told. docs/server.md H11. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ops/settings.h"

static char file[] = "/tmp/partyd-settings-XXXXXX";

static void write_file(const char *text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int make_file(void **state)
{
    int fd = mkstemp(file);
    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

static int clear_env(void **state)
{
    (void)state;
    (void)unsetenv("PARTYD_PORT");
    (void)unsetenv("PARTYD_CONFIG");
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
    REFUSED(config, file, "line 2");
    write_file("[]");
    REFUSED(config, file, "one JSON object");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(h11_flags_win_over_environment_over_file_over_default, clear_env),
        cmocka_unit_test_teardown(h11_a_bad_value_is_named_with_its_source_and_what_is_allowed,
                                  clear_env),
        cmocka_unit_test_teardown(h11_an_unknown_flag_or_key_is_named, clear_env),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
