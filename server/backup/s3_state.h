/* s3_state.h - private to the S3 sink.
 *
 *   s3.c          put, get, list; the pack that is being filled
 *   s3_http.c     one signed request, and what its failure means
 *   s3_catalog.c  reads what there is
 *   s3_upload.c   ends a pack and writes it
 *   s3_collect.c  deletes and carries on
 */
#ifndef BACKUP_S3_STATE_H
#define BACKUP_S3_STATE_H

#include <utlist.h>

#include "backup/catalog.h"
#include "backup/http.h"
#include "backup/s3.h"
#include "backup/seen.h"
#include "ops/heap.h"

#define S3_PACK_BYTES   ((size_t)16 << 20)
#define S3_PACK_RECORDS 4096
#define S3_OBJECT_MAX   ((size_t)1 << 31)
#define S3_KEY_MAX      1200

struct s3_req;
struct s3_upload;
struct s3_collect;

/* A put, get or list under way. */
struct s3_call {
    struct s3_call *prev, *next;
    struct s3 *s3;
    enum { S3_PUT, S3_GET, S3_LIST } kind;
    struct copy *copy;
    struct put_version version;
    sink_done *done;
    void *ctx;
    bool has_failed_once; /* get: what was known was not there */
    struct part *parts;
    struct record *found; /* get: all that its parts hold */
    uint32_t pending;     /* get: parts that are still to come */
    bool failed;
    char why[SINK_WHY_MAX];
    size_t room_len;
    char room[];
};

/* What goes into the pack that is being filled. */
struct s3_item {
    struct s3_item *prev, *next;
    struct s3_call *call; /* NULL: carried from an old pack */
    bool is_left_out;     /* its room was erased before the pack was full */
    struct record *record;
    struct yd_buf carried;
};

struct s3 {
    struct sink sink;
    char *bucket, *prefix, *base, *host, *path; /* base: scheme and host; path: before the key */
    char *key_id, *key_secret, *key_token, *region;
    uint64_t node;
    uint32_t pack_ms, keep_days;
    const struct backup_clock *clock;
    int64_t clock_off_s; /* of the other side, if it has complained */
    struct fetch *fetch;
    struct s3_req *reqs;
    struct seen *seen;
    struct catalog catalog;
    bool is_known;      /* the catalog has been read once */
    uint64_t listed_ms; /* when it was last */
    uint64_t asked_ms;  /* when the last reading began */
    struct s3_read *reading;
    struct s3_call *waiting;               /* for the catalog */
    struct s3_call *incoming, *calls;      /* puts to be looked at; all others */
    size_t incoming_bytes, incoming_count; /* of all puts */
    struct fetching *fetchings;            /* records on their way */
    struct s3_item *items;                 /* of the pack that is being filled */
    size_t item_bytes, item_count;
    uint64_t items_ms; /* when the first came */
    struct s3_upload *upload;
    struct s3_collect *collect;
    uint64_t last_number, collected_ms;
    bool has_erased;     /* some pack has something of an erased room */
    bool collect_failed; /* the last round: the next one is not made at once */
};

/* ---- s3_http.c */
typedef void s3_done(void *ctx, const struct fetch_answer *got);
struct s3_what {
    const char *method;
    const char *key;      /* NULL: the bucket itself */
    const char *query;    /* percent-encoded, names in order; NULL: none */
    yd_slice body;        /* stays in place until it is done */
    const char *sha256;   /* of the body; NULL: there is none */
    uint64_t from, bytes; /* range; bytes 0: all */
    size_t answer_max;
};
void s3_send(struct s3 *s3, const struct s3_what *what, s3_done *done, void *ctx);
void s3_reqs_free(struct s3 *s3);
/* Whether the answer is a failure, which is then told in *answer. */
bool s3_failed(struct s3 *s3, const struct fetch_answer *got, struct sink_answer *answer,
               char why[SINK_WHY_MAX]);
void s3_pack_key(const struct s3 *s3, uint64_t node, uint64_t number, char key[S3_KEY_MAX]);

/* ---- s3.c */
void s3_call_end(struct s3_call *call, struct sink_answer *answer);
void s3_go_on(struct s3_call *call); /* the catalog is fresh */
void s3_item_free(struct s3_item *item);

/* ---- s3_catalog.c: those that wait go on, or fail, when it has been read */
void s3_catalog_read(struct s3 *s3);
void s3_catalog_free(struct s3 *s3);
/* Adds the records of a pack, as its end says. False: that is damaged. */
YD_NODISCARD bool s3_catalog_add(struct s3 *s3, struct pack *pack, yd_slice end);

/* ---- s3_upload.c */
void s3_upload_start(struct s3 *s3);
void s3_upload_free(struct s3 *s3);

/* ---- s3_collect.c */
void s3_collect_sweep(struct s3 *s3, uint64_t now_ms);
void s3_collect_free(struct s3 *s3);

#endif
