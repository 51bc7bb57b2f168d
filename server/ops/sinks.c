/* sinks.c - see sinks.h. */
#include "ops/sinks.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/nearest.h"

#define IDLE_MS    10000
#define MAX_AGE_MS 60000
#define PACK_MS    30000
#define KEEP_DAYS  1
#define NAME_MAX_  40

static const char *const kinds[] = {"convex", "directory", "s3"};
enum { KIND_COUNT = 3 };

enum form { TEXT, NUMBER };

struct key {
    const char *name;
    size_t offset;
    int64_t min, max; /* of a NUMBER */
    enum form form;
    int kind; /* that it is for; -1: all */
};

#define AT(field) offsetof(struct sink_setting, field)
static const struct key keys[] = {
    {"path", AT(path), 0, 0, TEXT, SINK_KIND_DIRECTORY},
    {"bucket", AT(bucket), 0, 0, TEXT, SINK_KIND_S3},
    {"prefix", AT(prefix), 0, 0, TEXT, SINK_KIND_S3},
    {"endpoint", AT(endpoint), 0, 0, TEXT, SINK_KIND_S3},
    {"region", AT(region), 0, 0, TEXT, SINK_KIND_S3},
    {"pack-ms", AT(pack_ms), 0, 3600000, NUMBER, SINK_KIND_S3},
    {"keep-days", AT(keep_days), 0, 3650, NUMBER, SINK_KIND_S3},
    {"idle-ms", AT(idle_ms), 0, 86400000, NUMBER, -1},
    {"max-age-ms", AT(max_age_ms), 0, 86400000, NUMBER, -1},
};
enum { KEY_COUNT = sizeof keys / sizeof *keys };

/* Where an error is told. */
struct place {
    struct source source;
    char *why;
    size_t why_size;
};

#define BAD(at, ...) SOURCE_BAD(&(at)->source, (at)->why, (at)->why_size, __VA_ARGS__)

static char *copy_n(const char *text, size_t len)
{
    char *c = strndup(text, len);
    if (c == NULL) abort();
    return c;
}

static void text_set(char **to, const char *text, size_t len)
{
    free(*to);
    *to = copy_n(text, len);
}

static const char *env_or(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != 0 ? value : otherwise;
}

static yd_err kind_of(const char *text, size_t len, const struct place *at, enum sink_kind *kind)
{
    for (int i = 0; i < KIND_COUNT; i++) {
        if (strlen(kinds[i]) != len || memcmp(kinds[i], text, len) != 0) continue;
        *kind = (enum sink_kind)i;
        return YD_OK;
    }
    struct nearest near = nearest_to(text, len);
    for (int i = 0; i < KIND_COUNT; i++) nearest_try(&near, kinds[i]);
    return BAD(at, "backup: there is no kind '%.*s'%s%s; the kinds are convex, directory and s3",
               len > 60 ? 60 : (int)len, text, near.best == NULL ? "" : ", did you mean ",
               near.best == NULL ? "" : near.best);
}

static void defaults_set(struct sink_setting *s)
{
    const char *region = env_or("AWS_REGION", env_or("AWS_DEFAULT_REGION", "us-east-1"));
    const char *endpoint = env_or("AWS_ENDPOINT_URL_S3", env_or("AWS_ENDPOINT_URL", ""));
    text_set(&s->path, "", 0);
    text_set(&s->bucket, "", 0);
    text_set(&s->prefix, "", 0);
    text_set(&s->endpoint, endpoint, strlen(endpoint));
    text_set(&s->region, region, strlen(region));
    s->idle_ms = IDLE_MS;
    s->max_age_ms = MAX_AGE_MS;
    s->pack_ms = PACK_MS;
    s->keep_days = KEEP_DAYS;
}

static yd_err sink_add(struct sinks *sinks, const char *name, size_t len, const struct place *at,
                       struct sink_setting **added)
{
    if (len == 0 || len > NAME_MAX_ || memchr(name, ',', len) != NULL) {
        return BAD(at, "backup: a name has 1 to %d characters and no comma", NAME_MAX_);
    }
    for (uint32_t i = 0; i < sinks->count; i++) {
        const char *known = sinks->list[i].name;
        if (strlen(known) != len || memcmp(known, name, len) != 0) continue;
        return BAD(at,
                   "backup: '%s' is there twice; name them in the configuration file, "
                   "docs/backup.md",
                   known);
    }
    if (sinks->count == SINKS_MAX) return BAD(at, "backup: more than %d", SINKS_MAX);
    struct sink_setting *s = &sinks->list[sinks->count++];
    *s = (struct sink_setting){.name = copy_n(name, len)};
    defaults_set(s);
    *added = s;
    return YD_OK;
}

/* What a kind cannot do without. */
static yd_err sink_check(const struct sink_setting *s, const struct place *at)
{
    if (s->kind == SINK_KIND_DIRECTORY && s->path[0] != '/' && s->path[0] != '.') {
        return BAD(at, "backup.%s: it needs a path, such as directory:/mnt/backups", s->name);
    }
    if (s->kind == SINK_KIND_S3 && s->bucket[0] == 0) {
        return BAD(at, "backup.%s: it needs a bucket, such as s3:bucket/prefix", s->name);
    }
    return YD_OK;
}

/* ---- as text: KIND or KIND:WHERE, comma separated ----------------------------------------------
 */

static yd_err item_read(struct sinks *sinks, const char *item, size_t len, const struct place *at)
{
    const char *colon = memchr(item, ':', len);
    size_t kind_len = colon == NULL ? len : (size_t)(colon - item);
    const char *where = colon == NULL ? "" : colon + 1;
    size_t where_len = colon == NULL ? 0 : len - kind_len - 1;
    enum sink_kind kind = SINK_KIND_CONVEX;
    struct sink_setting *s = NULL;
    yd_err err = kind_of(item, kind_len, at, &kind);
    if (err == YD_OK) err = sink_add(sinks, item, kind_len, at, &s);
    if (err != YD_OK) return err;
    s->kind = kind;
    if (kind == SINK_KIND_DIRECTORY) text_set(&s->path, where, where_len);
    if (kind == SINK_KIND_S3) {
        const char *slash = memchr(where, '/', where_len);
        size_t bucket_len = slash == NULL ? where_len : (size_t)(slash - where);
        text_set(&s->bucket, where, bucket_len);
        if (slash != NULL) text_set(&s->prefix, slash + 1, where_len - bucket_len - 1);
    }
    return sink_check(s, at);
}

static yd_err text_read(struct sinks *sinks, const char *text, const struct place *at)
{
    yd_err err = YD_OK;
    while (err == YD_OK && text[0] != 0) {
        size_t len = strcspn(text, ",");
        size_t used = len + (text[len] == ',');
        while (len > 0 && text[0] == ' ') text++, len--, used--;
        while (len > 0 && text[len - 1] == ' ') len--;
        if (len > 0) err = item_read(sinks, text, len, at);
        text += used;
    }
    return err;
}

/* ---- as an object ------------------------------------------------------------------------------
 */

static yd_err bad_key(const struct sink_setting *s, const char *name, const struct place *at)
{
    struct nearest near = nearest_to(name, strlen(name));
    for (int i = 0; i < KEY_COUNT; i++) {
        if (keys[i].kind < 0 || keys[i].kind == (int)s->kind) nearest_try(&near, keys[i].name);
    }
    return BAD(at, "backup.%s: a sink of kind %s has no key \"%.60s\"%s%s%s", s->name,
               kinds[s->kind], name, near.best == NULL ? "" : "; did you mean \"",
               near.best == NULL ? "" : near.best, near.best == NULL ? "" : "\"?");
}

static yd_err value_read(struct sink_setting *s, const char *name, const json_t *value,
                         const struct place *at)
{
    const struct key *key = NULL;
    for (int i = 0; i < KEY_COUNT; i++) {
        bool fits = keys[i].kind < 0 || keys[i].kind == (int)s->kind;
        if (fits && strcmp(keys[i].name, name) == 0) key = &keys[i];
    }
    if (key == NULL) return bad_key(s, name, at);
    void *field = (char *)s + key->offset;
    if (key->form == TEXT) {
        if (!json_is_string(value)) {
            return BAD(at, "backup.%s.%s: it takes text", s->name, name);
        }
        text_set(field, json_string_value(value), strlen(json_string_value(value)));
        return YD_OK;
    }
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < key->min || number > key->max) {
        return BAD(at, "backup.%s.%s: it takes a whole number from %lld to %lld", s->name, name,
                   (long long)key->min, (long long)key->max);
    }
    *(int64_t *)field = number;
    return YD_OK;
}

static yd_err entry_read(struct sinks *sinks, const char *name, const json_t *entry,
                         struct place *at)
{
    struct sink_setting *s = NULL;
    const char *kind = json_string_value(json_object_get(entry, "kind"));
    yd_err err = sink_add(sinks, name, strlen(name), at, &s);
    if (err != YD_OK) return err;
    if (kind == NULL) {
        return BAD(at, "backup.%s: it takes an object with \"kind\": convex, directory or s3",
                   s->name);
    }
    at->source.keys[2] = "kind";
    err = kind_of(kind, strlen(kind), at, &s->kind);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)entry, key, value)
    {
        if (err != YD_OK || strcmp(key, "kind") == 0) continue;
        at->source.keys[2] = key;
        err = value_read(s, key, value, at);
    }
    if (err == YD_OK) at->source.keys[2] = NULL;
    return err == YD_OK ? sink_check(s, at) : err;
}

yd_err sinks_read(struct sinks *sinks, const char *text, const json_t *object,
                  const struct source *source, char *why, size_t why_size)
{
    struct place at = {object != NULL ? *source : (struct source){.file = "settings"}, why,
                       why_size};
    at.source.keys[0] = "backup";
    yd_err err = YD_OK;
    if (object == NULL) return text_read(sinks, text, &at);
    if (text[0] != 0) {
        return BAD(&at, "backup stands there and in PARTYD_BACKUP or --backup; leave one out");
    }
    const char *name;
    json_t *entry;
    json_object_foreach((json_t *)object, name, entry)
    {
        at.source.keys[1] = name;
        at.source.keys[2] = NULL;
        if (err == YD_OK) err = entry_read(sinks, name, entry, &at);
    }
    return err;
}

void sinks_deinit(struct sinks *sinks)
{
    for (uint32_t i = 0; i < sinks->count; i++) {
        struct sink_setting *s = &sinks->list[i];
        char *texts[] = {s->name, s->path, s->bucket, s->prefix, s->endpoint, s->region};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) free(texts[k]);
    }
    *sinks = (struct sinks){0};
}

static json_t *kind_schema(int kind)
{
    json_t *properties = json_pack("{s:{s:s}}", "kind", "const", kinds[kind]);
    for (int i = 0; i < KEY_COUNT; i++) {
        const struct key *key = &keys[i];
        if (key->kind >= 0 && key->kind != kind) continue;
        json_object_set_new(properties, key->name,
                            key->form == TEXT
                                ? json_pack("{s:s}", "type", "string")
                                : json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum",
                                            (json_int_t)key->min, "maximum", (json_int_t)key->max));
    }
    return json_pack("{s:s, s:b, s:[s], s:o}", "type", "object", "additionalProperties", 0,
                     "required", "kind", "properties", properties);
}

json_t *sinks_schema(void)
{
    json_t *all = json_array();
    for (int i = 0; i < KIND_COUNT; i++) json_array_append_new(all, kind_schema(i));
    return json_pack("{s:s, s:i, s:{s:o}}", "type", "object", "maxProperties", SINKS_MAX,
                     "additionalProperties", "anyOf", all);
}

bool sinks_named(const struct sinks *sinks, const char *names, uint32_t *bits, char bad[64])
{
    *bits = 0;
    while (names[0] != 0) {
        size_t len = strcspn(names, ",");
        uint32_t i = 0;
        while (i < sinks->count && !(strlen(sinks->list[i].name) == len &&
                                     memcmp(sinks->list[i].name, names, len) == 0)) {
            i++;
        }
        if (i == sinks->count) {
            snprintf(bad, 64, "%.*s", len > 60 ? 60 : (int)len, names);
            return false;
        }
        *bits |= 1u << i;
        names += len + (names[len] == ',');
    }
    return true;
}
