/* app.c - see app.h. */
#include "auth/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/claims.h"

#define MS_MAX 9007199254740991.0 /* 2^53 - 1 */

static json_t *text_json(yd_slice text) { return json_stringn((const char *)text.ptr, text.len); }

/* {"path":"collab:authorize","args":{"room":"..."},"format":"json"} */
static json_t *convex_body(const struct auth_config *config, const struct app_question *question)
{
    return json_pack("{s:s, s:{s:o}, s:s}", "path", config->convex_function, "args", "room",
                     text_json(question->room), "format", "json");
}

/* {"room":"...","token":"..."|null} */
static json_t *hook_body(const struct app_question *question)
{
    json_t *token = question->token.len > 0 ? text_json(question->token) : json_null();
    return json_pack("{s:o, s:o}", "room", text_json(question->room), "token", token);
}

static void convex_headers(struct app_request *request, const struct app_question *question)
{
    if (question->token.len == 0) return;
    snprintf(request->authorization, sizeof request->authorization, "Authorization: Bearer %.*s",
             (int)question->token.len, (const char *)question->token.ptr);
    request->fetch.headers[1] = request->authorization;
}

static void hook_headers(struct app_request *request, const struct auth_config *config,
                         const struct app_question *question)
{
    const struct auth_signature fields = {
        .method = YD_LITERAL("POST"),
        .path = text_slice(config->app_path),
        .room = question->room,
        .seq = YD_EMPTY,
        .body = request->fetch.body,
    };
    signature_make(&request->signature, text_slice(config->secrets.items[0]), &fields,
                   question->now_s);
    request->fetch.headers[1] = request->signature.timestamp;
    request->fetch.headers[2] = request->signature.sha256;
    request->fetch.headers[3] = request->signature.signature;
}

yd_err app_request_init(struct app_request *request, const struct auth_config *config,
                        const struct app_question *question)
{
    bool is_hook = config->mode == AUTH_MODE_HOOK;
    json_t *root = is_hook ? hook_body(question) : convex_body(config, question);
    *request = (struct app_request){.body = json_dumps(root, JSON_COMPACT)}; // of NULL: NULL
    json_decref(root);
    if (request->body == NULL) return YD_EMALFORMED;
    request->fetch.method = "POST";
    request->fetch.url = config->app_url;
    request->fetch.body = text_slice(request->body);
    request->fetch.headers[0] = "Content-Type: application/json";
    if (is_hook) {
        hook_headers(request, config, question);
    } else {
        convex_headers(request, question);
    }
    return YD_OK;
}

void app_request_deinit(struct app_request *request) { free(request->body); }

static void unusable(struct app_answer *out, const char *trouble, const char *detail)
{
    out->outcome = APP_UNUSABLE;
    out->trouble = trouble;
    claims_name(detail, out->detail, sizeof out->detail);
}

static void refused(const char *reason, bool has_token, struct auth_decision *decision)
{
    if (reason == NULL) reason = "forbidden";
    if (strcmp(reason, "bad_room") == 0) {
        auth_say(decision, AUTH_ROOM_BAD, "the application cannot read this room name");
    } else if (strcmp(reason, "not_found") == 0) {
        auth_say(decision, AUTH_NOT_FOUND, "the application knows no such document");
    } else if (strcmp(reason, "unauthenticated") == 0) {
        auth_say(decision, has_token ? AUTH_TOKEN_BAD : AUTH_TOKEN_MISSING,
                 "the application wants to know who this is");
    } else {
        auth_say(decision, AUTH_FORBIDDEN, "the application gives no right to this room");
    }
}

/* Optional numbers of milliseconds. False: it is there and not usable. */
static bool ms_of(const json_t *value, const char *name, bool *has, double *ms)
{
    const json_t *number = json_object_get(value, name);
    *has = number != NULL && !json_is_null(number);
    if (!*has) return true;
    if (!json_is_number(number)) return false;
    *ms = json_number_value(number);
    return *ms >= 0 && *ms <= MS_MAX;
}

static bool times_read(const json_t *value, struct auth_decision *decision, struct app_answer *out)
{
    double ttl = 0;
    double expires = 0;
    bool has_expires = false;
    if (!ms_of(value, "ttlMs", &out->has_ttl, &ttl)) return false;
    if (!ms_of(value, "expiresAt", &has_expires, &expires)) return false;
    out->ttl_ms = ttl < APP_TTL_MAX_MS ? (uint32_t)ttl : APP_TTL_MAX_MS;
    int64_t expires_s = (int64_t)(expires / 1000);
    if (has_expires && (decision->expires_at == 0 || expires_s < decision->expires_at)) {
        decision->expires_at = expires_s;
    }
    return true;
}

/* Who it is, says the application; without it what the token says stays. */
static bool user_read(const json_t *value, struct auth_decision *decision)
{
    const json_t *user = json_object_get(value, "userId");
    const char *name = text_member(value, "name");
    const char *color = text_member(value, "color");
    if (json_is_string(user)) {
        yd_slice id = text_slice(json_string_value(user));
        if (id.len == 0 || id.len > AUTH_USER_MAX || text_has_controls(id)) return false;
        memcpy(decision->user_id, id.ptr, id.len);
        decision->user_id[id.len] = 0;
    } else if (user != NULL && !json_is_null(user)) {
        return false;
    }
    if (name != NULL) claims_name(name, decision->name, sizeof decision->name);
    decision->color[0] = 0;
    if (color != NULL && strlen(color) <= AUTH_COLOR_MAX) {
        claims_name(color, decision->color, sizeof decision->color);
    }
    return true;
}

static void value_read(const json_t *value, bool has_token, struct auth_decision *decision,
                       struct app_answer *out)
{
    static const char wrong[] = "the application's answer does not have the agreed fields";
    const json_t *allowed = json_object_get(value, "allowed");
    if (!json_is_boolean(allowed)) {
        unusable(out, wrong, "allowed is not true or false");
        return;
    }
    if (!times_read(value, decision, out)) {
        unusable(out, wrong, "ttlMs or expiresAt is no number of milliseconds");
        return;
    }
    if (json_is_false(allowed)) {
        refused(text_member(value, "reason"), has_token, decision);
        return;
    }
    if (!user_read(value, decision)) {
        unusable(out, wrong, "userId is no text of 1 to 256 bytes");
        return;
    }
    if (!claims_permission(text_member(value, "permission"), &decision->permission)) {
        unusable(out, wrong, "permission is none of none, read, comment, write");
    } else if (decision->permission == AUTH_NONE) {
        auth_say(decision, AUTH_FORBIDDEN, "the application gives no right to this room");
    } else {
        auth_say(decision, AUTH_ALLOWED, "by the application");
    }
}

/* The hook's answer is the value itself; Convex wraps it and says 200 for its errors too. */
static void body_read(const struct auth_config *config, const struct app_question *question,
                      yd_slice body, struct auth_decision *decision, struct app_answer *out)
{
    bool has_token = question->token.len > 0;
    json_t *root = text_object(body);
    const char *status = text_member(root, "status");
    if (root == NULL) {
        unusable(out, "the application's answer is no JSON object", NULL);
    } else if (config->mode == AUTH_MODE_HOOK) {
        value_read(root, has_token, decision, out);
    } else if (status != NULL && strcmp(status, "success") == 0) {
        value_read(json_object_get(root, "value"), has_token, decision, out);
    } else {
        unusable(out, "the Convex function has failed", text_member(root, "errorMessage"));
    }
    json_decref(root);
}

/* Convex checks the token itself and is stricter with its time than we are. */
static void unauthenticated(const struct app_question *question, struct auth_decision *decision)
{
    if (question->token.len == 0) {
        auth_say(decision, AUTH_TOKEN_MISSING, "the application wants to know who this is");
    } else if (question->now_s > decision->expires_at) {
        auth_say(decision, AUTH_TOKEN_EXPIRED, "the token's time is over");
    } else {
        auth_say(decision, AUTH_TOKEN_BAD, "the application does not accept the token");
    }
}

void app_read(const struct auth_config *config, const struct app_question *question,
              const struct fetch_answer *answer, struct auth_decision *decision,
              struct app_answer *out)
{
    *out = (struct app_answer){.outcome = APP_DECIDED};
    char status[32];
    snprintf(status, sizeof status, "HTTP status %d", answer->status);
    if (answer->failure == FETCH_TOO_BIG) {
        unusable(out, "the application's answer is too large", NULL);
    } else if (answer->failure != FETCH_ANSWERED) {
        out->outcome = APP_DOWN;
        out->trouble = "the application cannot be asked";
        claims_name(answer->why, out->detail, sizeof out->detail);
    } else if (answer->status == 200) {
        body_read(config, question, answer->body, decision, out);
    } else if (answer->status == 401 && config->mode == AUTH_MODE_CONVEX) {
        unauthenticated(question, decision);
    } else if (answer->status == 408 || answer->status == 429 || answer->status >= 500) {
        out->outcome = APP_DOWN;
        out->trouble = "the application cannot be asked";
        claims_name(status, out->detail, sizeof out->detail);
    } else {
        unusable(out, "the application answers with an unexpected status; check its address",
                 status);
    }
}
