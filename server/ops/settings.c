/* settings.c - see settings.h. The table is the only place that knows a setting. */
#include "ops/settings.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ops/nearest.h"
#include "ops/setting.h"

#define CONFIG_BYTES_MAX (1 << 20)

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
     "answers waiting for one connection that does not read them; beyond it is ended"},
    {"window-bytes", NUMBER, AT(window_bytes), "262144", 4096, 1 << 30, NULL,
     "output waiting for one connection; beyond it is sent no updates, and what it missed later"},
    {"sync-part-bytes", NUMBER, AT(sync_part_bytes), "262144", 4096, 1 << 30, NULL,
     "a document larger than this is sent in parts of this size"},
    {"room-idle-ms", NUMBER, AT(room_idle_ms), "30000", 0, 86400000, NULL,
     "an empty room leaves memory after this time"},
    {"durability", TEXT, AT(durability), "strict", 0, 0, "strict|relaxed",
     "strict: what others see is on disk; relaxed: others may see it earlier"},
    {"hocuspocus-path", TEXT, AT(hocuspocus_path), "", 0, 0, NULL,
     "one more path for Hocuspocus providers, besides / and /parties/:party"},
    {"socket-documents-max", NUMBER, AT(socket_documents_max), "256", 1, 65536, NULL,
     "documents that a Hocuspocus provider may have open on one socket"},
    {"connections-max", NUMBER, AT(connections_max), "65536", 16, 1 << 24, NULL,
     "connections of the process; fewer if it may open fewer files"},
    {"handshakes-max", NUMBER, AT(handshakes_max), "8192", 16, 1 << 24, NULL,
     "connections that nobody has let into a room yet"},
    {"handshake-ms", NUMBER, AT(handshake_ms), "10000", 100, 600000, NULL,
     "a request has to be complete within"},
    {"connects-per-s", NUMBER, AT(connects_per_s), "2000", 0, 1000000, NULL,
     "connections taken in a second; others wait in the kernel"},
    {"rooms-max", NUMBER, AT(rooms_max), "100000", 1, 1 << 24, NULL,
     "rooms in memory; others are refused meanwhile"},
    {"address-connections-max", NUMBER, AT(address_connections_max), "4096", 1, 1 << 24, NULL,
     "connections of one address"},
    {"address-handshakes-max", NUMBER, AT(address_handshakes_max), "1024", 1, 1 << 24, NULL,
     "of these: that nobody has let into a room yet"},
    {"address-rooms-max", NUMBER, AT(address_rooms_max), "10000", 1, 1 << 24, NULL,
     "rooms in memory that one address has brought there"},
    {"address-connects-per-s", NUMBER, AT(address_connects_per_s), "100", 0, 1000000, NULL,
     "requests for a room of one address"},
    {"address-messages-per-s", NUMBER, AT(address_messages_per_s), "100000", 0, 100000000, NULL,
     "messages of one address; beyond it is read more slowly"},
    {"address-bytes-per-s", NUMBER, AT(address_bytes_per_s), "67108864", 0, 1LL << 40, NULL,
     "bytes of one address; beyond it is read more slowly"},
    {"connection-messages-per-s", NUMBER, AT(connection_messages_per_s), "2000", 0, 100000000, NULL,
     "messages of one connection; beyond it is read more slowly"},
    {"connection-bytes-per-s", NUMBER, AT(connection_bytes_per_s), "16777216", 0, 1LL << 40, NULL,
     "bytes of one connection; beyond it is read more slowly"},
    {"room-connections-max", NUMBER, AT(room_connections_max), "10000", 1, 100000, NULL,
     "connections in one room; the table of rooms may say other numbers"},
    {"room-messages-per-s", NUMBER, AT(room_messages_per_s), "100000", 0, 100000000, NULL,
     "messages into one room; beyond who sends is read more slowly"},
    {"room-bytes-per-s", NUMBER, AT(room_bytes_per_s), "67108864", 0, 1LL << 40, NULL,
     "bytes into one room; beyond who sends is read more slowly"},
    {"document-bytes-max", NUMBER, AT(document_bytes_max), "536870912", 1024, 1LL << 31, NULL,
     "memory of the document in one room; the table of rooms may say other numbers"},
    {"presence-bytes-max", NUMBER, AT(presence_bytes_max), "65536", 64, 1 << 24, NULL,
     "one presence state; a larger one is ignored"},
    {"presence-updates-per-s", NUMBER, AT(presence_updates_per_s), "60", 1, 1000000, NULL,
     "presence of one connection is told on so often, the newest"},
    {"presence-clients-max", NUMBER, AT(presence_clients_max), "64", 1, 1 << 24, NULL,
     "client ids with presence of one connection"},
    {"presence-identity", NAMING, AT(presence_identity), "user{id,name,color}", 0, 0, NULL,
     "where presence says who somebody is, as it was decided"},
    {"trusted-proxies", TEXT, AT(trusted_proxies), "loopback", 0, 0, NULL,
     "addresses and ranges, comma separated, that may say for whom they ask; also loopback, "
     "private"},
    {"proxy-header", TEXT, AT(proxy_header), "x-forwarded-for", 0, 0, "x-forwarded-for|forwarded",
     "where they say it; the other one is not read"},
    {"metrics", TEXT, AT(metrics), "loopback", 0, 0, "off|token|loopback|open",
     "who may read /metrics: who has the token, who connects from this machine, everybody"},
    {"metrics-token", TEXT, AT(metrics_token), "", 0, 0, NULL,
     "bearer token that opens /metrics, whatever the setting metrics says but off"},
    {"compression", TEXT, AT(compression), "on", 0, 0, "off|on|1|2|3|4|5|6|7|8|9",
     "permessage-deflate for clients that offer it; a number: zlib's level, on is 1"},
    {"compression-bytes-min", NUMBER, AT(compression_bytes_min), "1024", 0, 1 << 30, NULL,
     "smaller messages are sent as they are"},
    {"auth", TEXT, AT(auth), "none", 0, 0, "none|ticket|convex|jwt|hook",
     "who decides who may enter a room"},
    {"ticket-secret", TEXT, AT(ticket_secret), "", 0, 0, NULL,
     "ticket: HS256 key of 32 bytes or more; several, comma separated, while they are changed"},
    {"ticket-jwks", TEXT, AT(ticket_jwks), "", 0, 0, NULL,
     "ticket: public keys of tickets, JSON or an address, in place of a secret"},
    {"issuers", TEXT, AT(issuers), "", 0, 0, NULL,
     "jwt, convex: who may have issued a token, comma separated; default CONVEX_SITE_URL"},
    {"jwks-url", TEXT, AT(jwks_url), "", 0, 0, NULL,
     "jwt, convex: address of the key set, or one for each issuer; default: where each has it"},
    {"jwks", TEXT, AT(jwks), "", 0, 0, NULL, "jwt, convex: the key set as JSON"},
    {"audience", TEXT, AT(audience), "", 0, 0, NULL,
     "a token must be for one of these, comma separated; default convex, of tickets partyd"},
    {"convex-url", TEXT, AT(convex_url), "", 0, 0, NULL, "convex: address of the deployment"},
    {"convex-site-url", TEXT, AT(convex_site_url), "", 0, 0, NULL,
     "convex: address of its HTTP actions"},
    {"convex-function", TEXT, AT(convex_function), "", 0, 0, NULL,
     "convex: query that decides; default collab:authorize"},
    {"jwt-rooms-claim", TEXT, AT(jwt_rooms_claim), "", 0, 0, NULL,
     "jwt: claim that maps patterns of rooms to permissions; default rooms"},
    {"hook-url", TEXT, AT(hook_url), "", 0, 0, NULL, "hook: address that is asked to decide"},
    {"collab-secret", TEXT, AT(collab_secret), "", 0, 0, NULL,
     "signs requests between the application's backend and this server"},
    {"backend-calls-max", NUMBER, AT(backend_calls_max), "16", 1, 1024, NULL,
     "convex, hook: questions at the same time"},
    {"backend-timeout-ms", NUMBER, AT(backend_timeout_ms), "5000", 100, 60000, NULL,
     "convex, hook: an answer has to come within"},
    {"remember-ms", NUMBER, AT(remember_ms), "10000", 1, 3600000, NULL,
     "convex, hook: a decision holds for others with the same token"},
    {"stale-ms", NUMBER, AT(stale_ms), "300000", 0, 86400000, NULL,
     "convex, hook: while nobody answers, an older decision holds"},
    {"origins", TEXT, AT(origins), "", 0, 0, NULL,
     "browsers may come from these, comma separated, https://*.example.com too; default any"},
    {"cookie", TEXT, AT(cookie), "", 0, 0, NULL, "name of a cookie that may hold the token"},
    {"max-session-ms", NUMBER, AT(max_session_ms), "0", 0, 31536000000, NULL,
     "a connection has to come again and be decided anew after this time; 0: never"},
    {"backup", TEXT, AT(backup), "", 0, 0, NULL,
     "where backups go, comma separated: convex, directory:PATH, s3:BUCKET/PREFIX"},
    {"backup-copies-max", NUMBER, AT(backup_copies_max), "4", 1, 64, NULL,
     "rooms in memory for backups at the same time"},
    {"backup-drain-ms", NUMBER, AT(backup_drain_ms), "10000", 0, 3600000, NULL,
     "at the end, time to back up what is not yet"},
};
enum { COUNT = sizeof table / sizeof *table };
_Static_assert(COUNT <= SETTINGS_MAX, "settings.h has room for each");

static const struct extra extras[] = {
    {AT(host), "0.0.0.0", NULL, false},
    {AT(data), "/var/lib/partyd", NULL, false},
    {AT(log_format), "json", NULL, false},
    {AT(metrics), "token", NULL, false},
    {AT(metrics_token), NULL, NULL, true},
    {AT(ticket_secret), NULL, NULL, true},
    {AT(collab_secret), NULL, "COLLAB_SECRET", true},
    {AT(convex_url), NULL, "CONVEX_URL", false},
    {AT(convex_site_url), NULL, "CONVEX_SITE_URL", false},
};

const struct setting *settings_table(size_t *count)
{
    *count = COUNT;
    return table;
}

const struct extra *setting_extra(const struct setting *s)
{
    static const struct extra none;
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        if (extras[i].offset == s->offset) return &extras[i];
    }
    return &none;
}

void setting_env(const struct setting *s, char name[SETTING_ENV_MAX])
{
    const char *own = setting_extra(s)->env;
    size_t n = (size_t)snprintf(name, SETTING_ENV_MAX, "%s%s", own == NULL ? "PARTYD_" : "",
                                own == NULL ? s->name : own);
    for (size_t i = 0; i < n; i++) {
        if (name[i] == '-') name[i] = '_';
        if (name[i] >= 'a' && name[i] <= 'z') name[i] = (char)(name[i] - 'a' + 'A');
    }
}

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

static void allowed(const struct setting *s, char out[96])
{
    if (s->kind == NUMBER) {
        snprintf(out, 96, "a whole number from %lld to %lld", (long long)s->min, (long long)s->max);
    } else if (s->kind == SWITCH) {
        snprintf(out, 96, "true or false");
    } else if (s->kind == NAMING) {
        snprintf(out, 96, NAMING_TAKES);
    } else {
        snprintf(out, 96, "%s%s", s->choices == NULL ? "text" : "one of ",
                 s->choices == NULL ? "" : s->choices);
    }
}

#define CHOICES_MAX  16
#define CHOICE_BYTES 24

/* The choice that value was probably meant to be, "" if none is near. */
static void nearest_choice(const struct setting *s, const char *value, char out[CHOICE_BYTES])
{
    char choices[CHOICES_MAX][CHOICE_BYTES] = {""};
    struct nearest near = nearest_to(value, strlen(value));
    const char *at = s->choices == NULL ? "" : s->choices;
    for (int i = 0; i < CHOICES_MAX && at[0] != 0; i++) {
        size_t len = strcspn(at, "|");
        snprintf(choices[i], CHOICE_BYTES, "%.*s", (int)len, at);
        nearest_try(&near, choices[i]);
        at += len + (at[len] == '|');
    }
    snprintf(out, CHOICE_BYTES, "%s", near.best == NULL ? "" : near.best);
}

static yd_err bad(char *why, const struct setting *s, const char *value, const char *source)
{
    char takes[96], near[CHOICE_BYTES];
    allowed(s, takes);
    nearest_choice(s, value, near);
    snprintf(why, SETTINGS_ERROR_MAX, "%.280s: '%.60s' is no value for %s; it takes %s%s%s%s",
             source, value, s->name, takes, near[0] == 0 ? "" : "; did you mean ", near,
             near[0] == 0 ? "" : "?");
    return YD_EMALFORMED;
}

static yd_err put(struct settings *to, const struct setting *s, const char *value,
                  enum settings_source by, const char *source, char *why)
{
    void *field = (char *)to + s->offset;
    to->given_by[s - table] = by;
    if (s->kind == TEXT) {
        if (!choice_ok(s, value)) return bad(why, s, value, source);
        free(*(char **)field);
        *(char **)field = copy(value);
        return YD_OK;
    }
    if (s->kind == NAMING) return naming_read(value, field) ? YD_OK : bad(why, s, value, source);
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

static yd_err no_such_flag(const char *name, size_t len, char *why)
{
    struct nearest near = nearest_to(name, len);
    for (int i = 0; i < COUNT; i++) nearest_try(&near, table[i].name);
    snprintf(why, SETTINGS_ERROR_MAX, "there is no flag --%.*s%s%s; see --help",
             len > 100 ? 100 : (int)len, name, near.best == NULL ? "" : ", did you mean --",
             near.best == NULL ? "" : near.best);
    return YD_EMALFORMED;
}

/* What everybody can see who lists processes or reads the repository is no secret. */
static yd_err is_secret(const struct setting *s, const char *source, char *why)
{
    char name[SETTING_ENV_MAX];
    setting_env(s, name);
    snprintf(why, SETTINGS_ERROR_MAX,
             "%.300s: %s is a secret and read from the environment only; set %s", source, s->name,
             name);
    return YD_EMALFORMED;
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
        if (s == NULL) return no_such_flag(name, len, why);
        if (setting_extra(s)->secret) return is_secret(s, "command line", why);
        const char *value = equals != NULL ? equals + 1 : NULL;
        if (value == NULL && s->kind == SWITCH) value = "true";
        if (value == NULL && i + 1 < argc) value = argv[++i];
        if (value == NULL) {
            snprintf(why, SETTINGS_ERROR_MAX, "--%s wants a value", s->name);
            return YD_EMALFORMED;
        }
        if (only_config && s->offset != AT(config)) continue;
        yd_err err = put(to, s, value, SETTINGS_FLAG, "command line", why);
        if (err != YD_OK) return err;
    }
    return YD_OK;
}

static yd_err read_env(struct settings *to, bool only_config, char *why)
{
    for (int i = 0; i < COUNT; i++) {
        char name[SETTING_ENV_MAX];
        setting_env(&table[i], name);
        const char *value = getenv(name);
        if (value == NULL || (only_config && table[i].offset != AT(config))) continue;
        yd_err err = put(to, &table[i], value, SETTINGS_ENVIRONMENT, name, why);
        if (err != YD_OK) return err;
    }
    return YD_OK;
}

/* ---- the file ----------------------------------------------------------------------------------
 */

/* By its own name, or by that of its variable. */
static const struct setting *find_secret(const char *key)
{
    char name[SETTING_ENV_MAX];
    for (int i = 0; i < COUNT; i++) {
        setting_env(&table[i], name);
        if (!setting_extra(&table[i])->secret) continue;
        if (strcmp(key, table[i].name) == 0 || strcmp(key, name) == 0) return &table[i];
    }
    return NULL;
}

static yd_err no_such_secret(const struct source *source, const char *key, const char *near,
                             char *why)
{
    const struct setting *meant = near == NULL ? NULL : find_secret(near);
    char name[SETTING_ENV_MAX] = "";
    if (meant != NULL) setting_env(meant, name);
    return SOURCE_BAD(source, why, SETTINGS_ERROR_MAX,
                      "there is no setting \"%.100s\", and secrets are read from the environment "
                      "only; %s%s",
                      key, meant != NULL ? "set " : "partyd --help lists their names", name);
}

static yd_err no_such_key(const struct source *source, const char *key, char *why)
{
    struct nearest near = nearest_to(key, strlen(key));
    for (int i = 0; i < COUNT; i++) {
        if (table[i].offset != AT(config)) nearest_try(&near, table[i].name);
    }
    nearest_try(&near, "rooms");
    bool is_near = near.best != NULL;
    if (strstr(key, "secret") != NULL || (is_near && find_secret(near.best) != NULL)) {
        return no_such_secret(source, key, near.best, why);
    }
    return SOURCE_BAD(source, why, SETTINGS_ERROR_MAX, "there is no setting \"%.100s\"; %s%s%s",
                      key, is_near ? "did you mean \"" : "partyd --help lists them",
                      is_near ? near.best : "", is_near ? "\"?" : "");
}

/* The value as a flag would have it. False: it is of another type. */
static bool value_text(const struct setting *s, const json_t *value, char number[32],
                       const char **text)
{
    switch (s->kind) {
    case TEXT:
    case NAMING: *text = json_string_value(value); return json_is_string(value);
    case SWITCH: *text = json_is_true(value) ? "true" : "false"; return json_is_boolean(value);
    case NUMBER:
        snprintf(number, 32, "%lld", (long long)json_integer_value(value));
        *text = number;
        return json_is_integer(value);
    }
    return false;
}

static yd_err read_key(struct settings *to, const struct source *source, const json_t *value,
                       char *why)
{
    const char *key = source->keys[0];
    if (strcmp(key, "$schema") == 0) return YD_OK; // is for editors
    if (strcmp(key, "rooms") == 0) {
        return policies_read(&to->rooms, value, source, why, SETTINGS_ERROR_MAX);
    }
    if (strcmp(key, "backup") == 0 && json_is_object(value)) {
        to->backup_object = json_incref((json_t *)value);
        return YD_OK;
    }
    char place[SETTINGS_ERROR_MAX], number[32], takes[96];
    const char *text = NULL;
    snprintf(place, sizeof place, "%.250s:%d", source->file, source_line(source));
    const struct setting *secret = find_secret(key);
    if (secret != NULL) return is_secret(secret, place, why);
    const struct setting *s = find(key, strlen(key));
    if (s == NULL || s->offset == AT(config)) return no_such_key(source, key, why);
    if (value_text(s, value, number, &text)) return put(to, s, text, SETTINGS_FILE, place, why);
    allowed(s, takes);
    return SOURCE_BAD(
        source, why, SETTINGS_ERROR_MAX,
        "%s: that is no value of the right type; it"
        " takes %s%s",
        key, takes,
        s->kind != TEXT && s->kind != NAMING && json_is_string(value) ? ", without quotes" : "");
}

/* What the library found, without the piece of text that it adds: it may be part of a secret. */
static yd_err no_json(const struct source *source, const json_error_t *error, char *why)
{
    const char *near = strstr(error->text, " near '");
    bool is_at_end = strstr(error->text, " near end of file") != NULL;
    bool is_twice = json_error_code(error) == json_error_duplicate_key;
    size_t len = near == NULL || is_twice ? strlen(error->text) : (size_t)(near - error->text);
    const char *hint =
        is_twice ? "" : source_hint(source->text, (size_t)error->position, is_at_end);
    // An array would be read too, and then be refused.
    const char *said = strncmp(error->text, "'[' or '{'", 10) == 0 ? "'{'" : "";
    size_t skip = said[0] == 0 ? 0 : 10;
    snprintf(why, SETTINGS_ERROR_MAX, "%.250s:%d: %s%.*s, at column %d%s", source->file,
             error->line, said, (int)(len - skip), error->text + skip, error->column, hint);
    return YD_EMALFORMED;
}

static struct source source_of(const struct settings *s)
{
    yd_slice text = {(const uint8_t *)s->config_text, s->config_len};
    return (struct source){.file = s->config, .text = s->config_text == NULL ? YD_EMPTY : text};
}

static yd_err load_file(struct settings *to, char *why)
{
    FILE *file = fopen(to->config, "rb");
    to->config_text = malloc(CONFIG_BYTES_MAX + 1);
    if (to->config_text == NULL) abort();
    if (file != NULL) to->config_len = fread(to->config_text, 1, CONFIG_BYTES_MAX + 1, file);
    bool ok = file != NULL && ferror(file) == 0;
    if (!ok) snprintf(why, SETTINGS_ERROR_MAX, "%.250s: %s", to->config, strerror(errno));
    if (file != NULL) (void)fclose(file);
    if (ok && to->config_len > CONFIG_BYTES_MAX) {
        snprintf(why, SETTINGS_ERROR_MAX, "%.250s: has more than %d bytes", to->config,
                 CONFIG_BYTES_MAX);
        ok = false;
    }
    return ok ? YD_OK : YD_EMALFORMED;
}

static yd_err read_file(struct settings *to, char *why)
{
    if (to->config[0] == 0) return YD_OK;
    yd_err err = load_file(to, why);
    if (err != YD_OK) return err;
    json_error_t error;
    struct source source = source_of(to);
    json_t *root = json_loadb(to->config_text, to->config_len, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) return no_json(&source, &error, why);
    if (!json_is_object(root)) {
        err = SOURCE_BAD(&source, why, SETTINGS_ERROR_MAX, "the file must hold one JSON object");
    }
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        if (err != YD_OK) break;
        source.keys[0] = key;
        err = read_key(to, &source, value, why);
    }
    json_decref(root);
    return err;
}

/* What single values cannot say. */
static yd_err check_together(const struct settings *s, char *why)
{
    if (s->cookie[0] == 0 || s->origins[0] != 0) return YD_OK;
    // Any page can make a browser connect here, and it would send the cookie along.
    snprintf(why, SETTINGS_ERROR_MAX,
             "cookie: a token in a cookie needs origins too, or any web page could use it; set "
             "PARTYD_ORIGINS to the addresses of your application");
    return YD_EMALFORMED;
}

static yd_err no_such_sink(const struct settings *s, const struct policy *policy, const char *name,
                           char *why)
{
    struct nearest near = nearest_to(name, strlen(name));
    for (uint32_t i = 0; i < s->sinks.count; i++) nearest_try(&near, s->sinks.list[i].name);
    char pattern[POLICY_PATTERN_MAX + 2];
    snprintf(pattern, sizeof pattern, "%s%s", policy->pattern, policy->is_prefix ? "*" : "");
    struct source source = source_of(s);
    source.keys[0] = "rooms";
    source.keys[1] = pattern;
    source.keys[2] = "backup";
    return SOURCE_BAD(&source, why, SETTINGS_ERROR_MAX,
                      "rooms.\"%.100s\".backup: there is no sink \"%s\"%s%s%s", pattern, name,
                      near.best == NULL ? "" : "; did you mean \"",
                      near.best == NULL ? "" : near.best, near.best == NULL ? "" : "\"?");
}

/* What the table of rooms leaves open. */
static void fill_rooms(struct settings *s)
{
    for (size_t i = 0; i < s->rooms.count; i++) {
        struct naming *own = &s->rooms.list[i].naming;
        if (own->text[0] == 0) *own = s->presence_identity;
    }
}

/* Which sinks there are, and which of them a room goes to. */
static yd_err read_sinks(struct settings *s, char *why)
{
    struct source source = source_of(s);
    yd_err err =
        sinks_read(&s->sinks, s->backup, s->backup_object, &source, why, SETTINGS_ERROR_MAX);
    for (size_t i = 0; i < s->rooms.count && err == YD_OK; i++) {
        struct policy *policy = &s->rooms.list[i];
        char bad[64];
        policy->sinks = policy->stored ? (1u << s->sinks.count) - 1 : 0;
        if (policy->backup == NULL) continue;
        if (!sinks_named(&s->sinks, policy->backup, &policy->sinks, bad)) {
            err = no_such_sink(s, policy, bad, why);
        }
        if (!policy->stored) policy->sinks = 0; // there is nothing to back up
    }
    return err;
}

yd_err settings_read_for(enum settings_command command, struct settings *settings, int argc,
                         char **argv, char why[SETTINGS_ERROR_MAX])
{
    memset(settings, 0, sizeof *settings);
    settings->is_serve = command == SETTINGS_SERVE;
    yd_err err = YD_OK;
    for (int i = 0; i < COUNT && err == YD_OK; i++) {
        const char *serve = settings->is_serve ? setting_extra(&table[i])->serve : NULL;
        err = put(settings, &table[i], serve != NULL ? serve : table[i].initial, SETTINGS_DEFAULT,
                  "default", why);
    }
    if (err == YD_OK) err = read_env(settings, true, why);
    if (err == YD_OK) err = read_flags(settings, argc, argv, true, why);
    if (err == YD_OK) err = read_file(settings, why);
    if (err == YD_OK) err = read_env(settings, false, why);
    if (err == YD_OK) err = read_flags(settings, argc, argv, false, why);
    if (err == YD_OK) err = check_together(settings, why);
    if (err == YD_OK && settings->rooms.count == 0) {
        policies_default(&settings->rooms, strcmp(settings->auth, "none") != 0);
    }
    fill_rooms(settings);
    if (err == YD_OK) err = read_sinks(settings, why);
    return err;
}

yd_err settings_read(struct settings *settings, int argc, char **argv, char why[SETTINGS_ERROR_MAX])
{
    return settings_read_for(SETTINGS_DEV, settings, argc, argv, why);
}

void settings_deinit(struct settings *settings)
{
    policies_deinit(&settings->rooms);
    sinks_deinit(&settings->sinks);
    json_decref(settings->backup_object);
    settings->backup_object = NULL;
    free(settings->config_text);
    settings->config_text = NULL;
    for (int i = 0; i < COUNT; i++) {
        if (table[i].kind == TEXT) free(*(char **)((char *)settings + table[i].offset));
    }
}
