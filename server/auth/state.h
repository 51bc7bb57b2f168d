/* auth/state.h - what struct auth holds, for the files of this folder.
 *
 *   auth_decide() --+-- remembered? ------------------------------> done
 *                   +-- the same question under way? --> wait for it
 *                   +-- judge() --+-- decided ---------------------> done
 *                                 +-- newer keys --> keyset --> judge() again
 *                                 +-- the application --> backend --> cache --> done
 */
#ifndef AUTH_STATE_H
#define AUTH_STATE_H

#include <uthash.h>

#include "auth/app.h"
#include "auth/auth.h"
#include "auth/backend.h"
#include "auth/cache.h"
#include "auth/clock.h"
#include "auth/config.h"
#include "auth/keyset.h"

#define AUTH_WAITS_MAX     16384 /* askers that wait at the same time */
#define AUTH_QUESTIONS_MAX 2048  /* different questions under way */
#define AUTH_ROOM_MAX      1024  /* bytes of a room name */
#define AUTH_TROUBLE_MS    10000 /* between two reports of trouble */

struct auth {
    struct auth_config config;
    struct auth_clock clock;
    struct fetch *fetch; /* NULL: nothing is ever asked */
    struct keyset keys[TEXT_LIST_MAX];
    struct backend backend;
    struct cache cache;
    struct replay replay;
    struct question *shared; /* hash: those that others may join */
    struct question *all;    /* list */
    uint32_t question_count, wait_count;
    void (*trouble)(void *ctx, const char *what, const char *detail);
    void *trouble_ctx;
    uint64_t trouble_ms; /* when it was last called; 0: never */
};

/* judge.c: the part of a decision that needs no application. */
enum judgement {
    JUDGE_DECIDED,    /* decision is final */
    JUDGE_WANTS_KEYS, /* *keys may have newer ones */
    JUDGE_ASK_APP     /* decision holds what the token says of the user */
};
enum judgement judge(struct auth *auth, yd_slice room, yd_slice token,
                     struct auth_decision *decision, struct keyset **keys);

/* question.c: a decision that has to wait, and all who wait for it. */
struct question;
struct question *question_find(struct auth *auth, const struct cache_key *key);
/* Begins what has been judged. NULL: it could not begin, decision is final. */
struct question *question_new(struct auth *auth, const struct auth_request *request,
                              const struct cache_key *key, enum judgement next, struct keyset *keys,
                              struct auth_decision *decision);
struct auth_wait *question_join(struct question *question, auth_done *done, void *ctx);
void question_forget(struct auth *auth, yd_slice room);
void questions_end(struct auth *auth);

void auth_trouble(struct auth *auth, const char *what, const char *detail);

#endif
