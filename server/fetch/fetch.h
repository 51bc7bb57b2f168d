/* fetch/fetch.h - outgoing HTTP on the loop: one client, its pool of connections, bounded answers.
 *
 * Where it sits  whoever asks a server (auth, later backups and events) -> fetch -> libcurl.
 * Ownership      a request is borrowed for the call; an answer is valid during the callback only.
 * Threads        one loop, one thread; name look-ups run in libcurl's own threads.
 * Bounds         body, header block and time of every answer. Redirects are answers, never
 * followed. Trust          TLS certificates and names are verified, and no call can switch that
 * off. Proxies        as the environment says (https_proxy, no_proxy); never for this machine.
 * Source         docs/security.md, rule A22
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include <uv.h>

#include "ydoc/base.h"

#define FETCH_HEADERS_MAX 16    /* of a request */
#define FETCH_HEAD_MAX    32768 /* bytes of an answer's header block */
#define FETCH_PATH_MAX    1024

struct fetch;      /* one per loop */
struct fetch_call; /* a request under way */

enum fetch_failure {
    FETCH_ANSWERED, /* there is a status */
    FETCH_CONNECT,  /* name, connection or TLS handshake: nothing has reached the server */
    FETCH_TIMEOUT,  /* no whole answer in time */
    FETCH_TOO_BIG,  /* the answer goes beyond its limit */
    FETCH_BROKEN    /* the connection ended early, or what came is no HTTP */
};

struct fetch_request {
    const char *method;                     /* NULL: GET, or POST if there is a body */
    const char *url;                        /* http:// or https:// */
    const char *headers[FETCH_HEADERS_MAX]; /* "Name: value"; NULL: none from here on */
    yd_slice body;                          /* copied, unless: */
    bool body_stays;             /* it is left in place until the call has ended, and not copied */
    bool keeps_headers;          /* those of the answer can be read by fetch_header() */
    uint32_t connect_timeout_ms; /* 0: 2,000 */
    uint32_t timeout_ms;         /* in all; 0: 5,000 */
    size_t answer_bytes_max;     /* of the body; 0: 65,536 */
};

struct fetch_answer {
    enum fetch_failure failure;
    int status;      /* 0 unless FETCH_ANSWERED */
    yd_slice body;   /* complete; YD_EMPTY unless FETCH_ANSWERED */
    yd_slice head;   /* its header lines, if they were asked for */
    const char *why; /* a constant sentence when there is no answer, else "" */
};

typedef void fetch_done(void *ctx, const struct fetch_answer *answer);

/* Errors: YD_ENOMEM. */
YD_NODISCARD yd_err fetch_new(uv_loop_t *loop, struct fetch **fetch);
/* Ends all calls without calling back; not from within a callback. The loop has to turn once more
 * to release its handles. NULL is allowed. */
void fetch_free(struct fetch *fetch);

/* Starts a request; done comes later, exactly once, unless it is cancelled.
 * Errors: YD_EMALFORMED (address, or control characters in a header), YD_ENOMEM. */
YD_NODISCARD yd_err fetch_start(struct fetch *fetch, const struct fetch_request *request,
                                fetch_done *done, void *ctx, struct fetch_call **call);
/* done will not be called; the connection is closed if the answer is incomplete. */
void fetch_cancel(struct fetch_call *call);

uint32_t fetch_calls_under_way(const struct fetch *fetch);

/* The value of a header of the answer, by its name in any case, blanks around it cut; the last one
 * if there are several. False: there is none, or it does not fit. */
YD_NODISCARD bool fetch_header(const struct fetch_answer *answer, const char *name, char *value,
                               size_t cap);

/* Whether fetch_start() takes this address; then its path, without the query, in path. */
YD_NODISCARD bool fetch_url_path(const char *url, char path[FETCH_PATH_MAX]);

#endif
