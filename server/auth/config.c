/* config.c - see config.h. One function for each setting that can be wrong. */
#include "auth/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/heap.h"

#define CALLS_MAX   16
#define TIMEOUT_MS  5000
#define REMEMBER_MS 10000
#define STALE_MS    300000

/* Says what is wrong and is the error. */
#define BAD(why, ...) (snprintf(why, AUTH_ERROR_MAX, __VA_ARGS__), YD_EMALFORMED)

static char *joined(const char *a, const char *b)
{
    size_t size = strlen(a) + strlen(b) + 1;
    char *text = heap_new(size);
    snprintf(text, size, "%s%s", a, b);
    return text;
}

static bool is_set(const char *text) { return text != NULL && text[0] != 0; }

static yd_err list_of(struct text_list *list, const char *text, const char *name, char *why)
{
    if (!text_list_init(list, text)) {
        return BAD(why, "%s has more than %d entries; leave out those that are no longer needed",
                   name, TEXT_LIST_MAX);
    }
    return YD_OK;
}

static yd_err no_empty(const struct text_list *list, const char *name, char *why)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i][0] == 0) {
            return BAD(why, "%s has an empty entry; look for a comma too many", name);
        }
    }
    return YD_OK;
}

/* Secrets themselves never stand in an error. */
static yd_err secrets_of(struct text_list *list, const char *text, const char *name, char *why)
{
    yd_err err = list_of(list, text, name, why);
    for (uint32_t i = 0; i < list->count && err == YD_OK; i++) {
        if (strlen(list->items[i]) < CONFIG_SECRET_MIN) {
            err = BAD(why,
                      "%s: entry %u has less than %d characters; make one with "
                      "`openssl rand -hex 32` and give it to the application too",
                      name, i + 1, CONFIG_SECRET_MIN);
        }
    }
    return err;
}

static yd_err url_ok(const char *url, const char *name, char *why)
{
    char path[FETCH_PATH_MAX];
    if (fetch_url_path(url, path) && !text_has_controls(text_slice(url))) return YD_OK;
    return BAD(why, "%s: '%.200s' is no address; it has to begin with https:// or http://", name,
               url);
}

/* Settings that hold addresses of hosts are written with or without a slash at the end. */
static char *without_slash(const char *url)
{
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/') len--;
    return text_copy((yd_slice){(const uint8_t *)url, len});
}

static yd_err key_from_text(struct key_source *source, const char *text, const char *name,
                            char *why)
{
    yd_err err = jwk_set_parse(text_slice(text), &source->set);
    if (err == YD_ETOOBIG) {
        return BAD(why, "%s: the key set is longer than %d bytes", name, JWK_SET_BYTES_MAX);
    }
    if (err != YD_OK) {
        return BAD(why, "%s: this is no JSON Web Key Set; it has to look like {\"keys\":[...]}",
                   name);
    }
    if (source->set->count == 0) {
        return BAD(why,
                   "%s: none of its keys can be used; they have to be public keys for signatures: "
                   "RSA of 2048 to 4096 bits, EC P-256 or OKP Ed25519",
                   name);
    }
    return YD_OK;
}

static yd_err key_from_url(struct key_source *source, const char *url, const char *name, char *why)
{
    yd_err err = url_ok(url, name, why);
    if (err == YD_OK) source->url = text_copy(text_slice(url));
    return err;
}

/* {issuer}/.well-known/jwks.json */
static yd_err key_from_issuer(struct key_source *source, const char *issuer, char *why)
{
    char *bare = without_slash(issuer);
    bool has_scheme = strstr(bare, "://") != NULL;
    char *host = has_scheme ? joined(bare, "") : joined("https://", bare);
    source->url = joined(host, "/.well-known/jwks.json");
    free(host);
    free(bare);
    return url_ok(source->url, "issuers", why);
}

/* jwks, else jwks-url (one for all, or one for each issuer), else each issuer's own address. */
static yd_err issuer_keys(struct auth_config *config, const struct auth_opts *opts, char *why)
{
    if (is_set(opts->jwks)) {
        if (is_set(opts->jwks_url)) {
            return BAD(why, "jwks and jwks-url are both set; leave one of them out");
        }
        config->key_count = 1;
        return key_from_text(&config->keys[0], opts->jwks, "jwks", why);
    }
    struct text_list urls;
    yd_err err = list_of(&urls, opts->jwks_url, "jwks-url", why);
    if (err != YD_OK) return err;
    config->key_count = urls.count == 1 ? 1 : config->issuers.count;
    if (urls.count > 1 && urls.count != config->issuers.count) {
        err = BAD(why,
                  "jwks-url has %u addresses for %u issuers; give one for all, or one for each "
                  "issuer in their order (an empty one stands for the issuer's own address)",
                  urls.count, config->issuers.count);
    }
    for (uint32_t i = 0; i < config->key_count && err == YD_OK; i++) {
        bool given = i < urls.count && urls.items[i][0] != 0;
        err = given ? key_from_url(&config->keys[i], urls.items[i], "jwks-url", why)
                    : key_from_issuer(&config->keys[i], config->issuers.items[i], why);
    }
    text_list_deinit(&urls);
    return err;
}

static yd_err issuers_of(struct auth_config *config, const struct auth_opts *opts, char *why)
{
    yd_err err = list_of(&config->issuers, opts->issuers, "issuers", why);
    return err == YD_OK ? no_empty(&config->issuers, "issuers", why) : err;
}

static yd_err audiences_of(struct auth_config *config, const struct auth_opts *opts, char *why)
{
    const char *initial = config->mode == AUTH_MODE_TICKET ? "partyd" : "convex";
    const char *text = is_set(opts->audience) ? opts->audience : initial;
    yd_err err = list_of(&config->audiences, text, "audience", why);
    if (err == YD_OK) err = no_empty(&config->audiences, "audience", why);
    if (err == YD_OK && config->audiences.count == 0) {
        err = BAD(why, "audience holds nothing but spaces; leave it out for '%s'", initial);
    }
    for (uint32_t i = 0; i < config->audiences.count && err == YD_OK; i++) {
        if (config->audiences.count > 1 && strcmp(config->audiences.items[i], "*") == 0) {
            err = BAD(why, "audience: '*' takes any, so it has to stand alone");
        }
    }
    return err;
}

static yd_err ticket_init(struct auth_config *config, const struct auth_opts *opts, char *why)
{
    const char *keys = opts->ticket_jwks;
    yd_err err = secrets_of(&config->ticket_secrets, opts->ticket_secret, "ticket-secret", why);
    if (err != YD_OK || !is_set(keys)) {
        if (err == YD_OK && config->ticket_secrets.count == 0) {
            err = BAD(why, "mode ticket needs ticket-secret (shared with the application) or "
                           "ticket-jwks (the application's public keys)");
        }
        return err;
    }
    config->key_count = 1;
    bool is_url = strncmp(keys, "http://", 7) == 0 || strncmp(keys, "https://", 8) == 0;
    return is_url ? key_from_url(&config->keys[0], keys, "ticket-jwks", why)
                  : key_from_text(&config->keys[0], keys, "ticket-jwks", why);
}

/* A deployment at NAME.convex.cloud signs its users' tokens as NAME.convex.site. */
static char *convex_issuer(const char *url)
{
    static const char cloud[] = ".convex.cloud";
    size_t len = strlen(url);
    size_t tail = sizeof cloud - 1;
    if (len <= tail || strcmp(url + len - tail, cloud) != 0) return NULL;
    char *bare = text_copy((yd_slice){(const uint8_t *)url, len - tail});
    char *issuer = joined(bare, ".convex.site");
    free(bare);
    return issuer;
}

static yd_err convex_init(struct auth_config *config, const struct auth_opts *opts, char *why)
{
    if (!is_set(opts->convex_url)) {
        return BAD(why, "mode convex needs convex-url, the address of the deployment "
                        "(https://NAME.convex.cloud, or http://127.0.0.1:3210 on this machine)");
    }
    yd_err err = url_ok(opts->convex_url, "convex-url", why);
    if (err != YD_OK) return err;
    char *bare = without_slash(opts->convex_url);
    config->app_url = joined(bare, "/api/query");
    if (config->issuers.count == 0) {
        char *issuer = convex_issuer(bare);
        if (issuer != NULL) config->issuers.items[config->issuers.count++] = issuer;
    }
    free(bare);
    if (config->issuers.count == 0) {
        return BAD(why, "mode convex needs issuers: who signs the users' tokens (with Convex Auth "
                        "the deployment's site address, CONVEX_SITE_URL)");
    }
    const char *function =
        is_set(opts->convex_function) ? opts->convex_function : "collab:authorize";
    if (!yd_utf8_check(text_slice(function))) {
        return BAD(why, "convex-function is no text in UTF-8; it has to look like "
                        "collab:authorize");
    }
    config->convex_function = joined(function, "");
    return issuer_keys(config, opts, why);
}

static yd_err jwt_init(struct auth_config *config, const struct auth_opts *opts, char *why)
{
    if (config->issuers.count == 0) {
        return BAD(why, "mode jwt needs issuers: the iss of the tokens that are accepted");
    }
    config->rooms_claim =
        joined(is_set(opts->jwt_rooms_claim) ? opts->jwt_rooms_claim : "rooms", "");
    return issuer_keys(config, opts, why);
}

static yd_err hook_init(struct auth_config *config, const struct auth_opts *opts, char *why)
{
    if (!is_set(opts->hook_url)) {
        return BAD(why, "mode hook needs hook-url, the address that is asked for each decision");
    }
    if (config->secrets.count == 0) {
        return BAD(why, "mode hook needs secret: it signs what is sent to the hook, so that the "
                        "hook can tell who asks");
    }
    yd_err err = url_ok(opts->hook_url, "hook-url", why);
    if (err != YD_OK) return err;
    config->app_url = joined(opts->hook_url, "");
    return fetch_url_path(config->app_url, config->app_path) ? YD_OK : YD_EMALFORMED;
}

static uint32_t or_default(uint32_t value, uint32_t initial) { return value > 0 ? value : initial; }

static yd_err mode_init(struct auth_config *config, const struct auth_opts *opts, char *why)
{
    switch (opts->mode) {
    case AUTH_MODE_NONE: return YD_OK;
    case AUTH_MODE_TICKET: return ticket_init(config, opts, why);
    case AUTH_MODE_CONVEX: return convex_init(config, opts, why);
    case AUTH_MODE_JWT: return jwt_init(config, opts, why);
    case AUTH_MODE_HOOK: return hook_init(config, opts, why);
    }
    return BAD(why, "there is no such mode of access: none, ticket, convex, jwt or hook");
}

yd_err config_init(struct auth_config *config, const struct auth_opts *opts,
                   char why[AUTH_ERROR_MAX])
{
    *config = (struct auth_config){
        .mode = opts->mode,
        .calls_max = or_default(opts->backend_calls_max, CALLS_MAX),
        .timeout_ms = or_default(opts->backend_timeout_ms, TIMEOUT_MS),
        .remember_ms = or_default(opts->remember_ms, REMEMBER_MS),
        .stale_ms = opts->stale_never ? 0 : or_default(opts->stale_ms, STALE_MS),
    };
    yd_err err = secrets_of(&config->secrets, opts->secret, "secret", why);
    if (err == YD_OK) err = issuers_of(config, opts, why);
    if (err == YD_OK) err = audiences_of(config, opts, why);
    if (err == YD_OK) err = mode_init(config, opts, why);
    if (err != YD_OK) config_deinit(config);
    return err;
}

void config_deinit(struct auth_config *config)
{
    text_list_deinit(&config->ticket_secrets);
    text_list_deinit(&config->issuers);
    text_list_deinit(&config->audiences);
    text_list_deinit(&config->secrets);
    for (uint32_t i = 0; i < TEXT_LIST_MAX; i++) {
        free(config->keys[i].url);
        jwk_set_free(config->keys[i].set);
    }
    free(config->app_url);
    free(config->convex_function);
    free(config->rooms_claim);
    *config = (struct auth_config){0};
}
