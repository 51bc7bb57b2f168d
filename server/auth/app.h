/* auth/app.h - the question to the application and its answer: Convex's query API, or a hook.
 *
 * Source  docs/security.md A13, A14, "What the application is asked"
 */
#ifndef AUTH_APP_H
#define AUTH_APP_H

#include "auth/auth.h"
#include "auth/config.h"
#include "auth/signature.h"
#include "fetch/fetch.h"

#define APP_DETAIL_MAX 200
#define APP_TTL_MAX_MS 60000 /* "remembered for seconds", whatever the application says */

struct app_question {
    yd_slice room;
    yd_slice token; /* YD_EMPTY: anonymous */
    int64_t now_s;
};

enum app_outcome {
    APP_DECIDED,
    APP_DOWN,    /* not reached, too slow, overloaded: what is remembered may be used */
    APP_UNUSABLE /* it answers, but not what was asked: settings or code are wrong */
};

struct app_answer {
    enum app_outcome outcome;
    bool has_ttl;
    uint32_t ttl_ms;
    const char *trouble;             /* a constant sentence for the log; NULL: none */
    char detail[APP_DETAIL_MAX + 1]; /* what the application said of it; never for clients */
};

/* The question as a request, without time-outs. It points into itself: not to be copied. */
struct app_request {
    struct fetch_request fetch;
    char *body;
    struct signature_headers signature;
    char authorization[AUTH_TOKEN_MAX + 32];
};

/* Errors: YD_EMALFORMED (the room is no text). */
YD_NODISCARD yd_err app_request_init(struct app_request *request, const struct auth_config *config,
                                     const struct app_question *question);
void app_request_deinit(struct app_request *request);

/* Reads the answer into a decision that already holds what the token says of the user. */
void app_read(const struct auth_config *config, const struct app_question *question,
              const struct fetch_answer *answer, struct auth_decision *decision,
              struct app_answer *out);

#endif
