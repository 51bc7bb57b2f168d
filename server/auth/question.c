/* question.c - a decision that has to wait: for keys, then for the application. Askers of the same
 * question wait for the same answer; tickets are the exception, as each is good for one. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "auth/claims.h"
#include "auth/state.h"
#include "ops/heap.h"

struct auth_wait {
    struct auth_wait *prev, *next;
    struct question *question;
    auth_done *done;
    void *ctx;
};

struct question {
    UT_hash_handle hh;
    struct question *prev, *next;
    struct auth *auth;
    struct cache_key key;
    struct auth_wait *waits;
    struct keyset *keys; /* whose fetch is waited for */
    struct keyset_waiter keys_waiter;
    struct backend_call call;
    struct auth_decision decision; /* what the token says of the user */
    bool is_shared;                /* in auth->shared */
    bool is_finishing;             /* its askers are being told */
    bool is_forgotten;             /* auth_forget() came after it was asked */
    uint32_t room_len, token_len;
    uint8_t text[]; /* room, then token */
};

static yd_slice question_room(const struct question *q) { return (yd_slice){q->text, q->room_len}; }
static yd_slice question_token(const struct question *q)
{
    return (yd_slice){q->text + q->room_len, q->token_len};
}

static struct app_question question_app(const struct question *q)
{
    return (struct app_question){question_room(q), question_token(q), clock_s(&q->auth->clock)};
}

/* Nobody joins it any more. */
static void question_unshare(struct question *q)
{
    struct auth *auth = q->auth;
    if (q->is_shared) HASH_DEL(auth->shared, q);
    q->is_shared = false;
}

static void question_unlink(struct question *q)
{
    question_unshare(q);
    if (q->keys != NULL) keyset_leave(q->keys, &q->keys_waiter);
    backend_cancel(&q->call);
}

static void question_free(struct question *q)
{
    question_unlink(q);
    DL_DELETE(q->auth->all, q);
    q->auth->question_count--;
    free(q);
}

static void wait_free(struct auth_wait *wait)
{
    struct question *q = wait->question;
    DL_DELETE(q->waits, wait);
    q->auth->wait_count--;
    free(wait);
}

/* Tells all who wait. One of them may ask again, or cancel another. */
static void question_finish(struct question *q, const struct auth_decision *decision)
{
    question_unlink(q);
    q->is_finishing = true;
    while (q->waits != NULL) {
        struct auth_wait *wait = q->waits;
        auth_done *done = wait->done;
        void *ctx = wait->ctx;
        wait_free(wait); // takes it out of the list
        done(ctx, decision);
    }
    question_free(q);
}

static void decision_remember(struct question *q, const struct app_answer *answer)
{
    const struct auth_config *config = &q->auth->config;
    bool is_allowed = q->decision.reason == AUTH_ALLOWED;
    uint32_t fresh_ms = is_allowed ? config->remember_ms : config->remember_ms / 5;
    if (answer->has_ttl) fresh_ms = answer->ttl_ms;
    const struct cache_life life = {clock_ms(&q->auth->clock), fresh_ms, config->stale_ms};
    cache_put(&q->auth->cache, &q->key, question_room(q), &q->decision, &life);
}

/* Nobody can be asked: what is remembered, or nothing. */
static void decision_without_app(struct auth *auth, const struct cache_key *key,
                                 struct auth_decision *decision)
{
    uint64_t now_ms = clock_ms(&auth->clock);
    if (cache_get(&auth->cache, key, now_ms, clock_s(&auth->clock), true, decision)) return;
    auth_say(decision, AUTH_UNAVAILABLE, "the application cannot be asked, and nothing is known");
}

static void on_app_answer(void *ctx, const struct fetch_answer *fetched)
{
    struct question *q = ctx;
    struct app_question asked = question_app(q);
    struct app_answer answer;
    app_read(&q->auth->config, &asked, fetched, &q->decision, &answer);
    switch (answer.outcome) {
    case APP_DECIDED:
        if (!q->is_forgotten) decision_remember(q, &answer);
        break;
    case APP_DOWN: decision_without_app(q->auth, &q->key, &q->decision); break;
    case APP_UNUSABLE:
        auth_say(&q->decision, AUTH_UNAVAILABLE, "the application's answer cannot be used");
        break;
    }
    if (answer.trouble != NULL) auth_trouble(q->auth, answer.trouble, answer.detail);
    struct auth_decision decision = q->decision;
    question_finish(q, &decision);
}

static yd_err on_compose(void *ctx, struct fetch_request *request, struct fetch *fetch,
                         fetch_done *done, void *done_ctx, struct fetch_call **call)
{
    struct question *q = ctx;
    struct app_question asked = question_app(q);
    struct app_request made;
    yd_err err = app_request_init(&made, &q->auth->config, &asked);
    if (err != YD_OK) return err;
    made.fetch.timeout_ms = request->timeout_ms;
    made.fetch.connect_timeout_ms = request->connect_timeout_ms;
    err = fetch_start(fetch, &made.fetch, done, done_ctx, call);
    app_request_deinit(&made);
    return err;
}

/* False: it cannot wait for that, q->decision is final. */
static bool question_begin(struct question *q, enum judgement next)
{
    struct auth *auth = q->auth;
    if (next == JUDGE_ASK_APP) {
        if (backend_ask(&auth->backend, &q->call)) return true;
        auth_trouble(auth, "too many questions to the application at once", "");
        decision_without_app(auth, &q->key, &q->decision);
        return false;
    }
    if (next == JUDGE_WANTS_KEYS && keyset_wait(q->keys, &q->keys_waiter)) return true;
    if (next == JUDGE_WANTS_KEYS) {
        auth_say(&q->decision, AUTH_UNAVAILABLE, "the issuer's key set cannot be asked now");
    }
    return false;
}

static void on_keys(void *ctx)
{
    struct question *q = ctx;
    enum judgement next =
        judge(q->auth, question_room(q), question_token(q), &q->decision, &q->keys);
    if (question_begin(q, next)) return;
    struct auth_decision decision = q->decision;
    question_finish(q, &decision);
}

struct question *question_find(struct auth *auth, const struct cache_key *key)
{
    struct question *q = NULL;
    HASH_FIND(hh, auth->shared, key, sizeof *key, q);
    return q;
}

struct question *question_new(struct auth *auth, const struct auth_request *request,
                              const struct cache_key *key, enum judgement next, struct keyset *keys,
                              struct auth_decision *decision)
{
    if (auth->question_count >= AUTH_QUESTIONS_MAX || auth->wait_count >= AUTH_WAITS_MAX) {
        decision_without_app(auth, key, decision);
        return NULL;
    }
    struct question *q = heap_new(sizeof *q + request->room.len + request->token.len);
    q->auth = auth;
    q->key = *key;
    q->keys = keys;
    q->decision = *decision;
    q->keys_waiter.ready = on_keys;
    q->keys_waiter.ctx = q;
    q->call.compose = on_compose;
    q->call.done = on_app_answer;
    q->call.ctx = q;
    q->room_len = (uint32_t)request->room.len;
    q->token_len = (uint32_t)request->token.len;
    memcpy(q->text, request->room.ptr, request->room.len);
    memcpy(q->text + request->room.len, request->token.ptr, request->token.len);
    DL_APPEND(auth->all, q);
    auth->question_count++;
    if (auth->config.mode != AUTH_MODE_TICKET) {
        HASH_ADD(hh, auth->shared, key, sizeof q->key, q);
        q->is_shared = true;
    }
    if (question_begin(q, next)) return q;
    *decision = q->decision;
    question_free(q);
    return NULL;
}

struct auth_wait *question_join(struct question *q, auth_done *done, void *ctx)
{
    struct auth_wait *wait = heap_new(sizeof *wait);
    *wait = (struct auth_wait){.question = q, .done = done, .ctx = ctx};
    DL_APPEND(q->waits, wait);
    q->auth->wait_count++;
    return wait;
}

/* A call that has left is not taken back: whoever connects again in a moment finds its answer. */
void auth_cancel(struct auth_wait *wait)
{
    struct question *q = wait->question;
    wait_free(wait);
    bool is_out = q->call.state == CALL_FLYING || q->call.state == CALL_PAUSED;
    if (q->waits == NULL && !q->is_finishing && !is_out) question_free(q);
}

void question_forget(struct auth *auth, yd_slice room)
{
    struct question *q = NULL;
    DL_FOREACH(auth->all, q)
    {
        if (room.len > 0 && !yd_slice_equal(room, question_room(q))) continue;
        q->is_forgotten = true;
        // Whoever asks from now on must not be told what was read before.
        question_unshare(q);
    }
}

void questions_end(struct auth *auth)
{
    struct question *q = NULL;
    struct question *next = NULL;
    DL_FOREACH_SAFE(auth->all, q, next)
    {
        struct auth_wait *wait = NULL;
        struct auth_wait *after = NULL;
        DL_FOREACH_SAFE(q->waits, wait, after) { wait_free(wait); }
        question_free(q);
    }
}
