/* Mistakes in partyd.json: each is told with its line, its key and the nearest valid name.
 * docs/access.md D3, D6. */
#include "ops/settings.h"
#include "ops/source.h"
#include "unit/config_file.h"

static yd_err read_config(const char *text, char why[SETTINGS_ERROR_MAX])
{
    char *args[] = {"--config", file};
    struct settings settings;
    write_file(text);
    yd_err err = settings_read(&settings, 2, args, why);
    settings_deinit(&settings);
    return err;
}

struct mistake {
    const char *text;
    int line;
    const char *words[3];
};

static void told(const struct mistake *mistakes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct mistake *m = &mistakes[i];
        char why[SETTINGS_ERROR_MAX] = "", place[sizeof file + 16];
        if (read_config(m->text, why) != YD_EMALFORMED) fail_msg("is accepted: %s", m->text);
        snprintf(place, sizeof place, "%s:%d: ", file, m->line);
        if (strncmp(why, place, strlen(place)) != 0) fail_msg("line %d, not: %s", m->line, why);
        for (int w = 0; w < 3 && m->words[w] != NULL; w++) {
            if (strstr(why, m->words[w]) == NULL) fail_msg("'%s' is not in: %s", m->words[w], why);
        }
        assert_null(strstr(why, "hunter2"));
    }
}
#define TOLD(list) told(list, sizeof(list) / sizeof *(list))

static void d3_a_mistake_is_told_with_its_line_and_the_nearest_name(void **unused)
{
    static const struct mistake mistakes[] = {
        {"{\n\n  \"prot\": 1\n}", 3, {"\"prot\"", "did you mean \"port\""}},
        {"{\"port\": 5,\n \"zzzzzzzz\": 1}", 2, {"\"zzzzzzzz\"", "--help"}},
        {"{\n \"config\": \"x\"}", 2, {"\"config\""}},
        {"{\n \"log-level\": \"wran\"}", 2, {"wran", "log-level", "did you mean warn"}},
        {"{\n \"port\":\n 70000}", 2, {"70000", "port", "1 to 65535"}},
        {"{\"rooms\": {\n\"a\": {},\n\"doc-*\": {\n\"gc\": true,\n\"stroe\": \"none\"}}}",
         5,
         {"doc-*", "\"stroe\"", "\"store\""}},
        {"{\"rooms\": {\n\"a\": {},\n\"b\": {\n\"gc\": true,\n\"store\": \"nnoe\"}}}",
         5,
         {"\"b\"", "nnoe", "did you mean \"none\""}},
        {"{\"rooms\": {\n\"a*b\": {}}}", 2, {"a*b", "one * at its end"}},
        {"{\n\"rooms\": []}", 2, {"rooms", "object of patterns"}},
        {"{\"rooms\": {\"a\": {},\n\"b\": 1}}", 2, {"\"b\"", "object"}},
        {"{\"backup\": {\n\"n\": {\"kind\": \"s3\",\n \"bukcet\": \"b\"}}}",
         3,
         {"bukcet", "bucket"}},
        {"{\"backup\": {\n\"n\": {\n\"kind\": \"s4\"}}}", 3, {"s4", "did you mean s3"}},
        {"{\"backup\": {\n\"n\": {}}}", 2, {"backup.n", "kind"}},
        {"{\"rooms\": {\"a\": {},\n\"b*\": {\n\"backup\": [\"nihgt\"]}},\n"
         "\"backup\": {\"night\": {\"kind\": \"convex\"}}}",
         3,
         {"\"b*\"", "nihgt", "night"}},
    };
    (void)unused;
    TOLD(mistakes);
}

static void d3_what_is_no_json_is_told_with_what_may_have_been_meant(void **unused)
{
    static const struct mistake mistakes[] = {
        {"{\n \"port\": 5,\n}", 3, {"'}'", "comma with nothing behind"}},
        {"{\"rooms\": {\"a\": {\n\"gc\": true , }}}", 2, {"comma with nothing behind"}},
        {"// hunter2\n{}", 1, {"'{' expected", "no comments"}},
        {"{\n# hunter2\n}", 2, {"no comments"}},
        {"{ 'hunter2': 5 }", 1, {"\"double quotes\""}},
        {"", 1, {"the file is empty", "{}"}},
        {" \n\n", 3, {"the file is empty"}},
        {"{\n \"port\": 5", 2, {"'}' expected", "ends too early"}},
        {"{\"port\": 5,}", 1, {"comma with nothing behind"}},
        {"{\"port\":", 1, {"ends too early"}},
        {"\xef\xbb\xbf{\"port\": 5}", 1, {"byte order mark"}},
    };
    (void)unused;
    TOLD(mistakes);
}

static void d6_what_looks_like_a_secret_is_told_where_secrets_belong(void **unused)
{
    static const struct mistake mistakes[] = {
        {"{\n \"ticketSecret\": \"hunter2\"}", 2, {"environment", "set PARTYD_TICKET_SECRET"}},
        {"{\n \"colab-secret\": \"hunter2\"}", 2, {"environment", "set COLLAB_SECRET"}},
        {"{\n \"aws-secret-access-key\": \"hunter2\"}", 2, {"environment", "--help"}},
        {"{\n \"secret\": \"hunter2\"}", 2, {"environment"}},
    };
    (void)unused;
    TOLD(mistakes);
}

static void d3_a_value_has_its_type(void **unused)
{
    static const struct mistake mistakes[] = {
        {"{\n \"port\": \"2000\"}", 2, {"port", "1 to 65535", "without quotes"}},
        {"{\n \"port\": 20.5}", 2, {"port", "whole number"}},
        {"{\n \"open\": \"true\"}", 2, {"open", "true or false", "without quotes"}},
        {"{\n \"open\": 1}", 2, {"open", "true or false"}},
        {"{\n \"host\": 5}", 2, {"host", "text"}},
        {"{\n \"origins\": [\"a\"]}", 2, {"origins", "text"}},
        {"{\n \"auth\": null}", 2, {"auth", "one of none|ticket"}},
    };
    (void)unused;
    TOLD(mistakes);
}

static void d3_what_is_no_json_is_told_with_its_line(void **unused)
{
    static const struct mistake mistakes[] = {
        {"{\n\"port\": 1,\n\"port\": 2}", 3, {"duplicate", "port"}},
        {"{\"rooms\": {\"a\": {},\n\"a\": {}}}", 2, {"duplicate", "\"a\""}},
        {"{\n\"port\": 1,\n}", 3, {"column"}},
        {"{\n// port\n\"port\": 1}", 2, {"column"}},
        {"{\n\"port\": \"hunter2", 2, {"column"}},
        {"{\"a\": hunter2}", 1, {"column"}},
        {"", 1, {"column"}},
    };
    char why[SETTINGS_ERROR_MAX] = "";
    (void)unused;
    TOLD(mistakes);
    assert_int_equal(read_config("[]", why), YD_EMALFORMED);
    assert_non_null(strstr(why, "one JSON object"));
}

static void d6_a_secret_in_the_file_is_an_error_that_does_not_repeat_it(void **unused)
{
    static const struct mistake mistakes[] = {
        {"{\n\"ticket-secret\": \"hunter2\"}", 2, {"PARTYD_TICKET_SECRET", "environment only"}},
        {"{\n\"collab-secret\": \"hunter2\"}", 2, {"COLLAB_SECRET"}},
        {"{\n\"COLLAB_SECRET\": \"hunter2\"}", 2, {"COLLAB_SECRET", "environment only"}},
        {"{\n\"PARTYD_TICKET_SECRET\": \"hunter2\"}", 2, {"PARTYD_TICKET_SECRET"}},
        {"{\n\"ticket_secret\": \"hunter2\"}", 2, {"ticket_secret"}},
        {"{\"backup\": {\"n\": {\"kind\": \"s3\",\n\"secret-access-key\": \"hunter2\"}}}",
         2,
         {"secret-access-key"}},
    };
    (void)unused;
    TOLD(mistakes);
}

static int line_of(const char *text, const char *a, const char *b, const char *c)
{
    struct source source = {
        .file = "f", .text = {(const uint8_t *)text, strlen(text)}, .keys = {a, b, c}};
    return source_line(&source);
}

/* Equal names elsewhere, deeper, or as values are passed over; escapes are read. */
static void d3_the_line_is_that_of_the_key_itself(void **unused)
{
    const char *text = "{\"b\": {\"port\": 1},\n\"c\": \"port\",\n\"d\": [{\"port\": 1}],\n"
                       "\"p\\u006frt\": {\n\"x\\\"}\": 1,\n\"y\": {\"b\": [\n{\"z\": 1}],\n"
                       "\"z\":{}}},\n\"y\": 1}";
    (void)unused;
    assert_int_equal(line_of(text, "port", NULL, NULL), 4);
    assert_int_equal(line_of(text, "port", "x\"}", NULL), 5);
    assert_int_equal(line_of(text, "port", "y", NULL), 6);
    assert_int_equal(line_of(text, "port", "y", "z"), 8);
    assert_int_equal(line_of(text, "y", NULL, NULL), 9);
    // What is not there is told by what holds it.
    assert_int_equal(line_of(text, "b", "y", NULL), 1);
    assert_int_equal(line_of(text, "nothing", NULL, NULL), 0);
    assert_int_equal(line_of("", "port", NULL, NULL), 0);
}

/* An editor's own key, and what may stand in the file. */
static void d3_what_is_right_is_accepted(void **unused)
{
    char why[SETTINGS_ERROR_MAX] = "";
    (void)unused;
    assert_int_equal(
        read_config("{\"$schema\": \"x\", \"port\": 1, \"open\": true, \"host\": \"::\","
                    "\"backup\": \"convex\", \"rooms\": {\"a\": {\"gc\": false}}}",
                    why),
        YD_OK);
    assert_string_equal(why, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d3_a_mistake_is_told_with_its_line_and_the_nearest_name),
        cmocka_unit_test(d3_a_value_has_its_type),
        cmocka_unit_test(d3_what_is_no_json_is_told_with_what_may_have_been_meant),
        cmocka_unit_test(d6_what_looks_like_a_secret_is_told_where_secrets_belong),
        cmocka_unit_test(d3_what_is_no_json_is_told_with_its_line),
        cmocka_unit_test(d6_a_secret_in_the_file_is_an_error_that_does_not_repeat_it),
        cmocka_unit_test(d3_the_line_is_that_of_the_key_itself),
        cmocka_unit_test(d3_what_is_right_is_accepted),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
