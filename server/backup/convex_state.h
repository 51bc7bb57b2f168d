/* convex_state.h - private to the Convex sink.
 *
 *   convex.c       put, get, list; the life of a call, which makes one request after the other
 *   convex_ask.c   the requests
 *   convex_hear.c  what an answer means, and which request comes next
 */
#ifndef BACKUP_CONVEX_STATE_H
#define BACKUP_CONVEX_STATE_H

#include "auth/signature.h"
#include "backup/convex.h"
#include "backup/http.h"
#include "ops/heap.h"

#define CONVEX_SV_MAX       6144 /* bytes of a state vector; 8 KiB in base64 */
#define CONVEX_DOWNLOAD_MAX ((size_t)1 << 30)
#define CONVEX_UPLOAD_MS    120000

struct convex {
    struct sink sink;
    char *site, *secret;
    char node[17];
    uint32_t puts, puts_max;
    const struct backup_clock *clock;
    struct fetch *fetch;
    struct convex_call *calls;
};

enum stage {
    STAGE_PUSH,
    STAGE_BEGIN,
    STAGE_UPLOAD,
    STAGE_COMMIT,
    STAGE_ERASE,
    STAGE_GET,
    STAGE_DOWNLOAD,
    STAGE_LIST
};

struct convex_call {
    uv_work_t req; /* checking what came */
    struct convex_call *prev, *next;
    struct convex *convex; /* NULL: it is gone, while a worker had the call */
    enum stage stage;
    bool is_put;
    struct fetch_call *fetch;
    struct copy *copy;
    struct version version;
    char *room; /* as Convex knows it */
    char *body; /* of the request under way, if it is JSON */
    char storage_id[128];
    struct part *part; /* what came */
    char sha256[SINK_HEX + 1];
    bool is_whole;
    struct yd_buf url;
    sink_done *done;
    void *ctx;
};

/* convex.c. After an end, and after a failure, there is no call. */
void convex_call_free(struct convex_call *call);
void convex_call_end(struct convex_call *call, struct sink_answer *answer);
void convex_call_fails(struct convex_call *call, enum sink_result result, const char *why,
                       const char *next);

/* convex_ask.c. False: the name of the room cannot be told. */
bool convex_fetch(struct convex_call *call, struct fetch_request *request); /* to call->url */
bool convex_url_end(struct convex_call *call, yd_err err);
bool convex_send_push(struct convex_call *call);
bool convex_send_begin(struct convex_call *call);
bool convex_send_upload(struct convex_call *call, const char *url);
bool convex_send_commit(struct convex_call *call);
bool convex_send_erase(struct convex_call *call);
bool convex_send_get(struct convex_call *call);
bool convex_send_list(struct convex_call *call, const char *after);

/* convex_hear.c: a fetch_done. */
void convex_on_answer(void *ctx, const struct fetch_answer *got);

#endif
