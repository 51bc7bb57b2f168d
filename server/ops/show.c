/* show.c - the table of settings for people and editors: help, values, schema. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ops/setting.h"
#include "ops/settings.h"

void settings_help(FILE *to)
{
    fputs("  flag                  environment               default\n", to);
    size_t count;
    const struct setting *table = settings_table(&count);
    for (size_t i = 0; i < count; i++) {
        const struct setting *s = &table[i];
        const struct extra *extra = setting_extra(s);
        char env[SETTING_ENV_MAX];
        setting_env(s, env);
        fprintf(to, "  %s%-19s %-25s %s%s%s\n      %s%s%s%s\n", extra->secret ? "  " : "--",
                extra->secret ? "(no flag: secret)" : s->name, env, s->initial,
                extra->serve == NULL ? "" : "; serve: ", extra->serve == NULL ? "" : extra->serve,
                s->help, s->choices ? " (" : "", s->choices ? s->choices : "",
                s->choices ? ")" : "");
    }
    fputs("\nSecrets are read from the environment only: a flag is seen by everybody who lists\n"
          "processes, a file ends up in a repository. The file may also hold \"rooms\", the table\n"
          "of what holds for which rooms (docs/access.md).\n",
          to);
}

static json_t *choices_schema(const char *choices)
{
    json_t *list = json_array();
    while (choices[0] != 0) {
        size_t len = strcspn(choices, "|");
        json_array_append_new(list, json_stringn(choices, len));
        choices += len + (choices[len] == '|');
    }
    return json_pack("{s:o}", "enum", list);
}

static json_t *row_schema(const struct setting *s)
{
    const char *help = s->help;
    json_t *made = NULL;
    switch (s->kind) {
    case TEXT:
        made =
            s->choices != NULL ? choices_schema(s->choices) : json_pack("{s:s}", "type", "string");
        if (s->initial[0] != 0) json_object_set_new(made, "default", json_string(s->initial));
        break;
    case NUMBER:
        made = json_pack("{s:s, s:I, s:I, s:I}", "type", "integer", "minimum", (json_int_t)s->min,
                         "maximum", (json_int_t)s->max, "default",
                         (json_int_t)strtoll(s->initial, NULL, 10));
        break;
    case NAMING:
        made = json_pack("{s:s, s:s, s:s}", "type", "string", "pattern", NAMING_PATTERN, "default",
                         s->initial);
        break;
    case SWITCH:
        made =
            json_pack("{s:s, s:b}", "type", "boolean", "default", strcmp(s->initial, "true") == 0);
        break;
    }
    if (made == NULL) abort();
    json_object_set_new(made, "description", json_string(help));
    return made;
}

void settings_schema(FILE *to)
{
    size_t count;
    const struct setting *table = settings_table(&count);
    json_t *properties = json_pack("{s:{s:s}}", "$schema", "type", "string");
    for (size_t i = 0; i < count; i++) {
        const struct setting *s = &table[i];
        if (setting_extra(s)->secret || strcmp(s->name, "config") == 0) continue;
        json_object_set_new(properties, s->name, row_schema(s));
    }
    json_t *text = json_object_get(properties, "backup");
    json_object_set_new(properties, "backup",
                        json_pack("{s:O, s:[{s:s}, o]}", "description",
                                  json_object_get(text, "description"), "anyOf", "type", "string",
                                  sinks_schema()));
    json_object_set_new(properties, "rooms", policies_schema());
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:b, s:o}", "$schema", "http://json-schema.org/draft-07/schema#",
                  "title", "partyd.json, the configuration of partyd", "type", "object",
                  "additionalProperties", 0, "properties", properties);
    if (root == NULL) abort();
    json_dumpf(root, to, JSON_INDENT(2));
    fputc('\n', to);
    json_decref(root);
}

static const char *const sources[] = {"default", "file", "environment", "command line"};

static void value_of(const struct settings *settings, const struct setting *s, char out[256])
{
    const void *field = (const char *)settings + s->offset;
    if (s->kind == TEXT) {
        const char *text = *(char *const *)field;
        if (setting_extra(s)->secret) text = text[0] != 0 ? "set" : "not set";
        snprintf(out, 256, "%s", text);
    } else if (s->kind == NAMING) {
        snprintf(out, 256, "%s", ((const struct naming *)field)->text);
    } else if (s->kind == SWITCH) {
        snprintf(out, 256, "%s", *(const int64_t *)field != 0 ? "true" : "false");
    } else {
        snprintf(out, 256, "%lld", (long long)*(const int64_t *)field);
    }
}

/* For programs: a list of objects. */
static void show_json(const struct settings *settings, FILE *to)
{
    size_t count;
    const struct setting *table = settings_table(&count);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        char value[256], env[SETTING_ENV_MAX];
        value_of(settings, &table[i], value);
        setting_env(&table[i], env);
        json_array_append_new(list, json_pack("{s:s, s:s%, s:s, s:s, s:b}", "name", table[i].name,
                                              "value", value, strlen(value), "from",
                                              sources[settings->given_by[i]], "variable", env,
                                              "secret", setting_extra(&table[i])->secret));
    }
    json_dumpf(list, to, JSON_INDENT(2));
    fputc('\n', to);
    json_decref(list);
}

void settings_show(const struct settings *settings, bool as_json, FILE *to)
{
    size_t count;
    const struct setting *table = settings_table(&count);
    if (as_json) {
        show_json(settings, to);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char value[256], env[SETTING_ENV_MAX];
        enum settings_source from = settings->given_by[i];
        value_of(settings, &table[i], value);
        setting_env(&table[i], env);
        fprintf(to, "%-22s %-34s %s%s%s\n", table[i].name, value[0] == 0 ? "-" : value,
                from == SETTINGS_FILE ? settings->config : sources[from],
                from == SETTINGS_ENVIRONMENT ? " " : "", from == SETTINGS_ENVIRONMENT ? env : "");
    }
    fprintf(to, "%-22s %zu pattern%s\n", "rooms", settings->rooms.count,
            settings->rooms.count == 1 ? "" : "s");
    fprintf(to, "%-22s %u sink%s\n", "backup", settings->sinks.count,
            settings->sinks.count == 1 ? "" : "s");
}
