/* auth.c - see auth.h; the way of a decision stands in state.h. */
#include "auth/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/claims.h"
#include "auth/signature.h"
#include "auth/state.h"
#include "ops/heap.h"

void auth_trouble(struct auth *auth, const char *what, const char *detail)
{
    uint64_t now = clock_ms(&auth->clock);
    if (auth->trouble == NULL) return;
    if (auth->trouble_ms != 0 && now - auth->trouble_ms < AUTH_TROUBLE_MS) return;
    auth->trouble_ms = now;
    auth->trouble(auth->trouble_ctx, what, detail == NULL ? "" : detail);
}

static bool asks_app(const struct auth *auth)
{
    return auth->config.mode == AUTH_MODE_CONVEX || auth->config.mode == AUTH_MODE_HOOK;
}

static bool needs_fetch(const struct auth_config *config)
{
    bool needs = config->app_url != NULL;
    for (uint32_t i = 0; i < config->key_count; i++) needs |= config->keys[i].url != NULL;
    return needs;
}

static void keys_init(struct auth *auth)
{
    for (uint32_t i = 0; i < auth->config.key_count; i++) {
        struct key_source *source = &auth->config.keys[i];
        if (source->url != NULL) {
            keyset_init_url(&auth->keys[i], source->url, auth->fetch, &auth->clock);
        } else {
            keyset_init_text(&auth->keys[i], source->set);
            source->set = NULL; // now the key set's
        }
    }
}

yd_err auth_new(const struct auth_opts *opts, uv_loop_t *loop, struct auth **auth,
                char why[AUTH_ERROR_MAX])
{
    struct auth *made = heap_new(sizeof *made);
    yd_err err = config_init(&made->config, opts, why);
    if (err == YD_OK && needs_fetch(&made->config)) {
        err = fetch_new(loop, &made->fetch);
        if (err != YD_OK) {
            snprintf(why, AUTH_ERROR_MAX, "libcurl cannot be started: out of memory?");
            config_deinit(&made->config);
        }
    }
    if (err != YD_OK) {
        free(made);
        return err;
    }
    made->clock.loop = loop;
    made->trouble = opts->trouble;
    made->trouble_ctx = opts->trouble_ctx;
    if (asks_app(made)) {
        backend_init(&made->backend, made->fetch, &made->clock, made->config.calls_max,
                     made->config.timeout_ms);
    }
    keys_init(made);
    *auth = made;
    return YD_OK;
}

void auth_free(struct auth *auth)
{
    if (auth == NULL) return;
    questions_end(auth);
    for (uint32_t i = 0; i < auth->config.key_count; i++) keyset_deinit(&auth->keys[i]);
    backend_deinit(&auth->backend);
    cache_deinit(&auth->cache);
    replay_deinit(&auth->replay);
    fetch_free(auth->fetch);
    config_deinit(&auth->config);
    free(auth);
}

static bool room_ok(yd_slice room)
{
    return room.len > 0 && room.len <= AUTH_ROOM_MAX && !text_has_controls(room) &&
           yd_utf8_check(room);
}

/* What is known without a question. False: one has to be asked, or joined. */
static bool decide_at_once(struct auth *auth, const struct auth_request *request,
                           struct auth_decision *decision)
{
    *decision = (struct auth_decision){.why = ""};
    if (auth->config.mode == AUTH_MODE_NONE) {
        decision->permission = AUTH_WRITE;
        auth_say(decision, AUTH_ALLOWED, "there is no access control");
        return true;
    }
    if (!room_ok(request->room)) {
        auth_say(decision, AUTH_ROOM_BAD, "the room's name is empty, too long or no text");
        return true;
    }
    if (request->token.len > AUTH_TOKEN_MAX) {
        auth_say(decision, AUTH_TOKEN_BAD, "the token is longer than 8,192 bytes");
        return true;
    }
    return false;
}

static bool is_remembered(struct auth *auth, const struct cache_key *key,
                          struct auth_decision *decision)
{
    int64_t now_s = clock_s(&auth->clock);
    return cache_get(&auth->cache, key, clock_ms(&auth->clock), now_s, false, decision);
}

/* The question to wait for; NULL: decision is final. Only decisions of the application are
 * remembered, so without one the token is judged first: that mostly is all. */
static struct question *question_for(struct auth *auth, const struct auth_request *request,
                                     struct auth_decision *decision)
{
    struct cache_key key;
    struct keyset *keys = NULL;
    struct question *question = NULL;
    if (asks_app(auth)) {
        key = cache_key_of(request->token, request->room);
        if (is_remembered(auth, &key, decision)) return NULL;
        question = question_find(auth, &key);
        if (question != NULL) return question;
    }
    enum judgement next = judge(auth, request->room, request->token, decision, &keys);
    if (next == JUDGE_DECIDED) return NULL;
    if (!asks_app(auth)) {
        key = cache_key_of(request->token, request->room);
        question = question_find(auth, &key);
        if (question != NULL) return question;
    }
    return question_new(auth, request, &key, next, keys, decision);
}

void auth_decide(struct auth *auth, const struct auth_request *request, auth_done *done, void *ctx,
                 struct auth_wait **wait)
{
    struct auth_decision decision;
    struct question *question = NULL;
    *wait = NULL;
    if (!decide_at_once(auth, request, &decision)) {
        question = question_for(auth, request, &decision);
    }
    if (question != NULL && auth->wait_count >= AUTH_WAITS_MAX) {
        question = NULL;
        auth_say(&decision, AUTH_UNAVAILABLE, "too many wait for a decision");
    }
    if (question != NULL) {
        *wait = question_join(question, done, ctx);
    } else {
        done(ctx, &decision);
    }
}

void auth_forget(struct auth *auth, yd_slice room, yd_slice user_id)
{
    cache_forget(&auth->cache, room, user_id);
    question_forget(auth, room);
}

bool auth_signature_ok(const struct auth *auth, const struct auth_signature *signature,
                       int64_t now_s)
{
    return signature_ok(&auth->config.secrets, signature, now_s);
}

uint32_t auth_calls_under_way(const struct auth *auth) { return auth->backend.flying; }
