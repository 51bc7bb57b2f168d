/* policy.c - see policy.h. */
#include "ops/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/nearest.h"

#define MESSAGE_BYTES_MIN  1024
#define MESSAGE_BYTES_MAX  ((int64_t)1 << 30)
#define DOCUMENT_BYTES_MAX ((int64_t)1 << 31) /* what an engine's document can hold */
#define HISTORY_BYTES_MAX  ((int64_t)1 << 40)

/* What a history is limited to if its entry says nothing else. */
#define HISTORY_UPDATES 100000
#define HISTORY_BYTES   ((int64_t)64 << 20)
#define HISTORY_DAYS    30

enum form { CHOICE, BYTES, SWITCH, NAMES, NAMING };

struct key {
    const char *name;
    enum form form;
    const char *choices[3]; /* of a CHOICE */
    int64_t min, max;       /* of BYTES, and of any other number */
    const char *help;       /* for the schema */
};

static const struct key keys[] = {
    {"store",
     CHOICE,
     {"snapshot", "history", "none"},
     0,
     0,
     "snapshot, history: every update is kept too, or none: presence only"},
    {"auth",
     CHOICE,
     {"default", "none", NULL},
     0,
     0,
     "default: as the setting auth says, or none: open to everybody"},
    {"gc", SWITCH, {NULL}, 0, 0, "false keeps deleted content, for version histories"},
    {"message-bytes-max",
     BYTES,
     {NULL},
     MESSAGE_BYTES_MIN,
     MESSAGE_BYTES_MAX,
     "one message; default: the setting of that name"},
    {"document-bytes-max",
     BYTES,
     {NULL},
     MESSAGE_BYTES_MIN,
     DOCUMENT_BYTES_MAX,
     "memory of the document; default: the setting of that name"},
    {"history-updates-max",
     BYTES,
     {NULL},
     0,
     INT64_MAX,
     "updates kept with store history; 0: no limit; default 100000"},
    {"history-bytes-max",
     BYTES,
     {NULL},
     0,
     HISTORY_BYTES_MAX,
     "bytes kept with store history; 0: no limit; default 64 MiB"},
    {"history-days-max",
     BYTES,
     {NULL},
     0,
     36500,
     "days kept with store history; 0: no limit; default 30"},
    {"connections-max",
     BYTES,
     {NULL},
     1,
     100000,
     "connections in one room; default: the setting room-connections-max"},
    {"presence-identity",
     NAMING,
     {NULL},
     0,
     0,
     "where presence says who somebody is; default: the setting of that name"},
    {"backup", NAMES, {NULL}, 0, 0, "names of the sinks that get copies, or none; default: all"},
};
enum {
    KEY_STORE,
    KEY_AUTH,
    KEY_GC,
    KEY_MESSAGE,
    KEY_DOCUMENT,
    KEY_HISTORY_UPDATES,
    KEY_HISTORY_BYTES,
    KEY_HISTORY_DAYS,
    KEY_CONNECTIONS,
    KEY_IDENTITY,
    KEY_BACKUP,
    KEY_COUNT
};
enum { STORE_SNAPSHOT, STORE_HISTORY };

/* Where an error is told. */
struct place {
    struct source source;
    const char *pattern;
    char *why;
    size_t why_size;
};

#define BAD(at, ...) SOURCE_BAD(&(at)->source, (at)->why, (at)->why_size, __VA_ARGS__)

static yd_err bad_key(const struct place *at, const char *key)
{
    struct nearest near = nearest_to(key, strlen(key));
    for (int i = 0; i < KEY_COUNT; i++) nearest_try(&near, keys[i].name);
    if (near.best != NULL) {
        return BAD(at, "rooms.\"%.100s\": there is no key \"%.100s\"; did you mean \"%s\"?",
                   at->pattern, key, near.best);
    }
    return BAD(at,
               "rooms.\"%.100s\": there is no key \"%.100s\"; the keys are store, auth, gc,"
               " message-bytes-max, document-bytes-max, history-updates-max, history-bytes-max,"
               " history-days-max, connections-max, presence-identity and backup",
               at->pattern, key);
}

/* "a" or "b"; "a", "b" or "c" */
static void list_choices(const struct key *key, char *out, size_t size)
{
    const char *third = key->choices[2];
    snprintf(out, size, "\"%s\"%s\"%s\"%s%s%s", key->choices[0], third == NULL ? " or " : ", ",
             key->choices[1], third == NULL ? "" : " or \"", third == NULL ? "" : third,
             third == NULL ? "" : "\"");
}

static yd_err bad_value(const struct place *at, const struct key *key, const json_t *value)
{
    char *given = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    char takes[96], meant[64] = "";
    if (key->form == BYTES) {
        snprintf(takes, sizeof takes, "a whole number from %lld to %lld", (long long)key->min,
                 (long long)key->max);
    } else if (key->form == SWITCH) {
        snprintf(takes, sizeof takes, "true or false");
    } else if (key->form == NAMING) {
        snprintf(takes, sizeof takes, NAMING_TAKES);
    } else if (key->form == NAMES) {
        snprintf(takes, sizeof takes, "a list of names of sinks, or \"none\"");
    } else {
        list_choices(key, takes, sizeof takes);
        if (json_is_string(value)) {
            struct nearest near = nearest_to(json_string_value(value), json_string_length(value));
            for (int i = 0; i < 3 && key->choices[i] != NULL; i++) {
                nearest_try(&near, key->choices[i]);
            }
            if (near.best != NULL) {
                snprintf(meant, sizeof meant, "; did you mean \"%s\"?", near.best);
            }
        }
    }
    source_tell(&at->source, at->why, at->why_size,
                "rooms.\"%.100s\".%s: %.100s is no value; it takes %s%s", at->pattern, key->name,
                given == NULL ? "that" : given, takes, meant);
    free(given);
    return YD_EMALFORMED;
}

static bool choice_read(const struct key *key, const json_t *value, int *choice)
{
    if (!json_is_string(value)) return false;
    for (*choice = 0; *choice < 3 && key->choices[*choice] != NULL; ++*choice) {
        if (strcmp(json_string_value(value), key->choices[*choice]) == 0) return true;
    }
    return false;
}

static bool bytes_read(const struct key *key, const json_t *value, int64_t *bytes)
{
    *bytes = json_integer_value(value);
    return json_is_integer(value) && *bytes >= key->min && *bytes <= key->max;
}

/* "none", or a list of names. */
static bool names_read(const json_t *value, char **names)
{
    size_t len = 1, i;
    const json_t *one;
    json_array_foreach(value, i, one)
    {
        if (!json_is_string(one)) return false;
        len += json_string_length(one) + 1;
    }
    bool is_none = json_is_string(value) && strcmp(json_string_value(value), "none") == 0;
    if (!json_is_array(value) && !is_none) return false;
    free(*names);
    *names = calloc(1, len);
    if (*names == NULL) abort();
    size_t at = 0;
    json_array_foreach(value, i, one)
    {
        at += (size_t)snprintf(*names + at, len - at, "%s%s", i > 0 ? "," : "",
                               json_string_value(one));
    }
    return true;
}

static bool value_read(struct policy *policy, int key, const json_t *value)
{
    int choice = 0;
    bool ok = true;
    switch (key) {
    case KEY_STORE:
        ok = choice_read(&keys[key], value, &choice);
        policy->stored = choice == STORE_SNAPSHOT || choice == STORE_HISTORY;
        policy->keeps_history = choice == STORE_HISTORY;
        break;
    case KEY_AUTH:
        ok = choice_read(&keys[key], value, &choice);
        policy->decided = choice == 0;
        break;
    case KEY_GC:
        ok = json_is_boolean(value);
        policy->keeps_deleted = json_is_false(value);
        break;
    case KEY_MESSAGE: ok = bytes_read(&keys[key], value, &policy->message_bytes_max); break;
    case KEY_DOCUMENT: ok = bytes_read(&keys[key], value, &policy->document_bytes_max); break;
    case KEY_HISTORY_UPDATES: ok = bytes_read(&keys[key], value, &policy->history_updates); break;
    case KEY_HISTORY_BYTES: ok = bytes_read(&keys[key], value, &policy->history_bytes); break;
    case KEY_HISTORY_DAYS: ok = bytes_read(&keys[key], value, &policy->history_days); break;
    case KEY_CONNECTIONS: ok = bytes_read(&keys[key], value, &policy->connections_max); break;
    case KEY_IDENTITY:
        ok = json_is_string(value) && naming_read(json_string_value(value), &policy->naming);
        break;
    case KEY_BACKUP: ok = names_read(value, &policy->backup); break;
    default: break;
    }
    return ok;
}

static yd_err entry_read(struct policy *policy, const json_t *entry, struct place *at)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)entry, name, value)
    {
        int i = 0;
        at->source.keys[2] = name;
        while (i < KEY_COUNT && strcmp(keys[i].name, name) != 0) i++;
        if (i == KEY_COUNT) return bad_key(at, name);
        if (!value_read(policy, i, value)) return bad_value(at, &keys[i], value);
    }
    return YD_OK;
}

static struct policy *policy_add(struct policies *policies, const char *pattern)
{
    struct policy *list = realloc(policies->list, (policies->count + 1) * sizeof *list);
    if (list == NULL) abort();
    policies->list = list;
    struct policy *policy = &list[policies->count++];
    *policy = (struct policy){.pattern = strdup(pattern),
                              .stored = true,
                              .decided = true,
                              .history_updates = HISTORY_UPDATES,
                              .history_bytes = HISTORY_BYTES,
                              .history_days = HISTORY_DAYS};
    if (policy->pattern == NULL) abort();
    size_t len = strlen(pattern);
    policy->is_prefix = len > 0 && pattern[len - 1] == '*';
    if (policy->is_prefix) policy->pattern[len - 1] = 0;
    return policy;
}

static yd_err pattern_check(const char *pattern, const struct place *at)
{
    size_t len = strlen(pattern);
    const char *star = strchr(pattern, '*');
    if (len > 0 && len <= POLICY_PATTERN_MAX && (star == NULL || star == pattern + len - 1)) {
        return YD_OK;
    }
    return BAD(at, "rooms.\"%.100s\": a pattern is a room name, or a prefix and one * at its end",
               pattern);
}

yd_err policies_read(struct policies *policies, const json_t *rooms, const struct source *source,
                     char *why, size_t why_size)
{
    struct place at = {*source, "", why, why_size};
    at.source.keys[0] = "rooms";
    if (!json_is_object(rooms) || json_object_size(rooms) == 0) {
        return BAD(&at, "rooms: it takes an object of patterns, such as {\"doc-*\": {}}");
    }
    const char *pattern;
    json_t *entry;
    json_object_foreach((json_t *)rooms, pattern, entry)
    {
        at.pattern = at.source.keys[1] = pattern;
        at.source.keys[2] = NULL;
        yd_err err = pattern_check(pattern, &at);
        if (err == YD_OK && !json_is_object(entry)) {
            err = BAD(&at, "rooms.\"%.100s\": it takes an object; {} for the defaults", pattern);
        }
        if (err == YD_OK) err = entry_read(policy_add(policies, pattern), entry, &at);
        if (err != YD_OK) return err;
    }
    return YD_OK;
}

void policies_default(struct policies *policies, bool has_auth)
{
    (void)policy_add(policies, "*");
    // With access control the application names the rooms, and this is how it names presence.
    if (has_auth) policy_add(policies, "workspace-*")->stored = false;
}

void policies_deinit(struct policies *policies)
{
    for (size_t i = 0; i < policies->count; i++) {
        free(policies->list[i].pattern);
        free(policies->list[i].backup);
    }
    free(policies->list);
    *policies = (struct policies){0};
}

static bool fits(const struct policy *policy, yd_slice party, yd_slice room)
{
    const char *pattern = policy->pattern;
    size_t len = strlen(pattern);
    const char *slash = memchr(pattern, '/', len);
    if (slash != NULL) {
        yd_slice wanted = {(const uint8_t *)pattern, (size_t)(slash - pattern)};
        if (!yd_slice_equal(party, wanted)) return false;
        len -= wanted.len + 1;
        pattern = slash + 1;
    }
    if (room.len < len || memcmp(room.ptr, pattern, len) != 0) return false;
    return policy->is_prefix || room.len == len;
}

const struct policy *policies_find(const struct policies *policies, yd_slice party, yd_slice room)
{
    const struct policy *best = NULL;
    size_t best_rank = 0;
    for (size_t i = 0; i < policies->count; i++) {
        const struct policy *policy = &policies->list[i];
        if (!fits(policy, party, room)) continue;
        size_t rank =
            strlen(policy->pattern) * 2 + (policy->is_prefix ? 1 : 2 * POLICY_PATTERN_MAX);
        if (best == NULL || rank > best_rank) {
            best = policy;
            best_rank = rank;
        }
    }
    return best;
}

int64_t policies_message_bytes_max(const struct policies *policies, int64_t at_least)
{
    int64_t most = at_least;
    for (size_t i = 0; i < policies->count; i++) {
        if (policies->list[i].message_bytes_max > most) most = policies->list[i].message_bytes_max;
    }
    return most;
}

static json_t *number_schema(const struct key *key)
{
    json_t *made = json_pack("{s:s, s:I}", "type", "integer", "minimum", (json_int_t)key->min);
    if (key->max < INT64_MAX) json_object_set_new(made, "maximum", json_integer(key->max));
    return made;
}

static json_t *key_schema(const struct key *key)
{
    json_t *choices = json_array();
    json_t *made = NULL;
    for (int i = 0; i < 3 && key->choices[i] != NULL; i++) {
        json_array_append_new(choices, json_string(key->choices[i]));
    }
    switch (key->form) {
    case CHOICE: made = json_pack("{s:O}", "enum", choices); break;
    case BYTES: made = number_schema(key); break;
    case SWITCH: made = json_pack("{s:s}", "type", "boolean"); break;
    case NAMING: made = json_pack("{s:s, s:s}", "type", "string", "pattern", NAMING_PATTERN); break;
    case NAMES:
        made = json_pack("{s:[{s:s}, {s:s, s:{s:s}}]}", "anyOf", "const", "none", "type", "array",
                         "items", "type", "string");
        break;
    }
    json_decref(choices);
    if (made == NULL) abort();
    json_object_set_new(made, "description", json_string(key->help));
    return made;
}

json_t *policies_schema(void)
{
    json_t *properties = json_object();
    for (int i = 0; i < KEY_COUNT; i++) {
        json_object_set_new(properties, keys[i].name, key_schema(&keys[i]));
    }
    return json_pack(
        "{s:s, s:s, s:i, s:{s:s, s:b, s:o}}", "type", "object", "description",
        "what holds for which rooms: a room name, or a prefix and *; see docs/access.md",
        "minProperties", 1, "additionalProperties", "type", "object", "additionalProperties", 0,
        "properties", properties);
}
