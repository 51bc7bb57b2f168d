/* settings.c - see settings.h. The table is the only place that knows a setting. */
#include "ops/settings.h"

#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, NUMBER, SWITCH };

struct setting {
    const char *name; /* --name, PARTYD_NAME, "name" in the file */
    enum kind kind;
    size_t offset;
    const char *initial;
    int64_t min, max;
    const char *choices; /* "a|b"; NULL: any text */
    const char *help;
};

#define AT(field) offsetof(struct settings, field)

static const struct setting table[] = {
    {"host", TEXT, AT(host), "127.0.0.1", 0, 0, NULL, "address to listen on"},
    {"port", NUMBER, AT(port), "1999", 1, 65535, NULL, "port to listen on"},
    {"data", TEXT, AT(data), ".partyd", 0, 0, NULL, "directory of the store; made if missing"},
    {"config", TEXT, AT(config), "", 0, 0, NULL, "JSON file with settings by these names"},
    {"open", SWITCH, AT(open), "false", 0, 1, NULL,
     "allow an address that others can reach, without access control"},
    {"log-level", TEXT, AT(log_level), "info", 0, 0, "debug|info|warn|error",
     "lines below are not written"},
    {"log-format", TEXT, AT(log_format), "text", 0, 0, "text|json", "form of log lines, on stderr"},
    {"message-bytes-max", NUMBER, AT(message_bytes_max), "67108864", 1024, 1 << 30, NULL,
     "one WebSocket message; a larger one closes its socket with 1009"},
    {"outbox-bytes-max", NUMBER, AT(outbox_bytes_max), "67108864", 65536, 1LL << 32, NULL,
     "output waiting for one slow connection; beyond it is closed with 1013"},
    {"room-idle-ms", NUMBER, AT(room_idle_ms), "30000", 0, 86400000, NULL,
     "an empty room leaves memory after this time"},
    {"durability", TEXT, AT(durability), "strict", 0, 0, "strict|relaxed",
     "strict: what others see is on disk; relaxed: others may see it earlier"},
};
enum { COUNT = sizeof table / sizeof *table };

static char *copy(const char *text)
{
    char *c = strdup(text);
    if (c == NULL) abort();
    return c;
}

static bool choice_ok(const struct setting *s, const char *value)
{
    if (s->choices == NULL) return true;
    size_t len = strlen(value);
    for (const char *at = s->choices; at != NULL; at = strchr(at, '|')) {
        if (*at == '|') at++;
        size_t n = strcspn(at, "|");
        if (n == len && memcmp(at, value, n) == 0) return true;
    }
    return false;
}

static yd_err bad(char *why, const struct setting *s, const char *value, const char *source)
{
    char allowed[96];
    if (s->kind == NUMBER) {
        snprintf(allowed, sizeof allowed, "a whole number from %lld to %lld", (long long)s->min,
                 (long long)s->max);
    } else if (s->kind == SWITCH) {
        snprintf(allowed, sizeof allowed, "true or false");
    } else {
        snprintf(allowed, sizeof allowed, "one of %s", s->choices);
    }
    snprintf(why, SETTINGS_ERROR_MAX, "%s: '%.100s' is no value for %s; it takes %s", source, value,
             s->name, allowed);
    return YD_EMALFORMED;
}

static yd_err put(struct settings *to, const struct setting *s, const char *value,
                  const char *source, char *why)
{
    void *field = (char *)to + s->offset;
    if (s->kind == TEXT) {
        if (!choice_ok(s, value)) return bad(why, s, value, source);
        free(*(char **)field);
        *(char **)field = copy(value);
        return YD_OK;
    }
    if (s->kind == SWITCH) {
        bool yes = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
        if (!yes && strcmp(value, "false") != 0 && strcmp(value, "0") != 0) {
            return bad(why, s, value, source);
        }
        *(int64_t *)field = yes;
        return YD_OK;
    }
    char *end = NULL;
    long long number = strtoll(value, &end, 10);
    if (end == value || *end != 0 || number < s->min || number > s->max) {
        return bad(why, s, value, source);
    }
    *(int64_t *)field = number;
    return YD_OK;
}

static const struct setting *find(const char *name, size_t len)
{
    for (int i = 0; i < COUNT; i++) {
        if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0) return &table[i];
    }
    return NULL;
}

/* Reads flags; with only_config just --config, which has to be known first. */
static yd_err read_flags(struct settings *to, int argc, char **argv, bool only_config, char *why)
{
    for (int i = 0; i < argc; i++) {
        const char *name = argv[i];
        if (strncmp(name, "--", 2) != 0) {
            snprintf(why, SETTINGS_ERROR_MAX,
                     "'%.100s' is no flag; flags begin with --, see --help", name);
            return YD_EMALFORMED;
        }
        name += 2;
        const char *equals = strchr(name, '=');
        size_t len = equals == NULL ? strlen(name) : (size_t)(equals - name);
        const struct setting *s = find(name, len);
        if (s == NULL) {
            snprintf(why, SETTINGS_ERROR_MAX, "there is no flag --%.*s; see --help", (int)len,
                     name);
            return YD_EMALFORMED;
        }
        const char *value = equals != NULL ? equals + 1 : NULL;
        if (value == NULL && s->kind == SWITCH) value = "true";
        if (value == NULL && i + 1 < argc) value = argv[++i];
        if (value == NULL) {
            snprintf(why, SETTINGS_ERROR_MAX, "--%s wants a value", s->name);
            return YD_EMALFORMED;
        }
        if (only_config && s->offset != AT(config)) continue;
        yd_err err = put(to, s, value, "command line", why);
        if (err != YD_OK) return err;
    }
    return YD_OK;
}

static void env_name(const struct setting *s, char name[64])
{
    size_t n = (size_t)snprintf(name, 64, "PARTYD_%s", s->name);
    for (size_t i = 7; i < n; i++) {
        if (name[i] == '-') name[i] = '_';
        if (name[i] >= 'a' && name[i] <= 'z') name[i] = (char)(name[i] - 'a' + 'A');
    }
}

static yd_err read_env(struct settings *to, bool only_config, char *why)
{
    for (int i = 0; i < COUNT; i++) {
        char name[64];
        env_name(&table[i], name);
        const char *value = getenv(name);
        if (value == NULL || (only_config && table[i].offset != AT(config))) continue;
        yd_err err = put(to, &table[i], value, name, why);
        if (err != YD_OK) return err;
    }
    return YD_OK;
}

static yd_err read_file(struct settings *to, char *why)
{
    if (to->config[0] == 0) return YD_OK;
    json_error_t error;
    json_t *root = json_load_file(to->config, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL || !json_is_object(root)) {
        snprintf(why, SETTINGS_ERROR_MAX, "%s: line %d: %s", to->config,
                 root == NULL ? error.line : 1,
                 root == NULL ? error.text : "the file must hold one JSON object");
        json_decref(root);
        return YD_EMALFORMED;
    }
    yd_err err = YD_OK;
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        const struct setting *s = find(key, strlen(key));
        char text[32];
        if (s == NULL || s->offset == AT(config)) {
            snprintf(why, SETTINGS_ERROR_MAX, "%s: there is no setting \"%.100s\"; see --help",
                     to->config, key);
            err = YD_EMALFORMED;
            break;
        }
        const char *given = "(neither text, number nor true/false)";
        if (json_is_string(value)) given = json_string_value(value);
        if (json_is_boolean(value)) given = json_is_true(value) ? "true" : "false";
        if (json_is_integer(value)) {
            snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
            given = text;
        }
        err = put(to, s, given, to->config, why);
        if (err != YD_OK) break;
    }
    json_decref(root);
    return err;
}

yd_err settings_read(struct settings *settings, int argc, char **argv, char why[SETTINGS_ERROR_MAX])
{
    memset(settings, 0, sizeof *settings);
    yd_err err = YD_OK;
    for (int i = 0; i < COUNT && err == YD_OK; i++) {
        err = put(settings, &table[i], table[i].initial, "default", why);
    }
    if (err == YD_OK) err = read_env(settings, true, why);
    if (err == YD_OK) err = read_flags(settings, argc, argv, true, why);
    if (err == YD_OK) err = read_file(settings, why);
    if (err == YD_OK) err = read_env(settings, false, why);
    if (err == YD_OK) err = read_flags(settings, argc, argv, false, why);
    return err;
}

void settings_deinit(struct settings *settings)
{
    for (int i = 0; i < COUNT; i++) {
        if (table[i].kind == TEXT) free(*(char **)((char *)settings + table[i].offset));
    }
}

void settings_help(FILE *to)
{
    fputs("  flag                  environment               default\n", to);
    for (int i = 0; i < COUNT; i++) {
        char env[64];
        env_name(&table[i], env);
        fprintf(to, "  --%-19s %-25s %s\n      %s%s%s%s\n", table[i].name, env, table[i].initial,
                table[i].help, table[i].choices ? " (" : "",
                table[i].choices ? table[i].choices : "", table[i].choices ? ")" : "");
    }
}
