/* ydoc/analysis.h - why a document is as large as it is.
 *
 * Ownership  the result is the caller's; the names in it borrow from the doc until it changes.
 * Threads    as the doc: one thread at a time.
 * Errors     YD_ENOMEM: nothing was changed and the call may be repeated, unless the doc itself had
 *            run out of memory before.
 * Time, I/O  none. Cost: O(structs + keys + clients) steps, at any depth of nesting, and for the
 *            call 96 bytes for each name, 4 for each type. The result has a fixed size.
 * Source     rules U110 to U114 in docs/encoding.md.
 */
#ifndef YDOC_ANALYSIS_H
#define YDOC_ANALYSIS_H

#include "ydoc/doc.h"

#ifdef __cplusplus
extern "C" {
#endif

#define YD_TOP_MAX 20 /* entries of each list of the greatest */

/* A part of the document. Bytes are those that its structs take in the state of format V1. */
struct yd_part {
    yd_slice name;             /* of a root or key: UTF-8; otherwise YD_EMPTY */
    uint64_t client;           /* of a client: its id; otherwise 0 */
    uint64_t live_bytes;       /* what can be read, with the marks */
    uint64_t live_structs;     /*   */
    uint64_t deleted_bytes;    /* what is left of deleted content; all of it with keep_deleted */
    uint64_t deleted_structs;  /*   */
    uint64_t delete_set_bytes; /* of a client: its ranges in the delete set; otherwise 0 */
};

/* The greatest parts first, by all their bytes. */
struct yd_top {
    struct yd_part parts[YD_TOP_MAX];
    uint32_t count; /* entries in use */
    uint64_t total; /* parts that there are */
};

/* What live structs hold. */
enum yd_kind {
    YD_KIND_TEXT,
    YD_KIND_VALUE,  /* numbers, strings, lists and objects of arrays, maps and attributes */
    YD_KIND_BINARY, /* byte arrays */
    YD_KIND_EMBED,  /* embeds of rich text */
    YD_KIND_MARK,   /* beginning and end of marks of rich text */
    YD_KIND_TYPE,   /* nested types and XML elements themselves, without what they hold */
    YD_KIND_DOC,    /* sub-documents: their names only */
    YD_KIND_COUNT
};

struct yd_kind_part {
    uint64_t bytes;
    uint64_t structs;
};

struct yd_analysis {
    /* The state in format V1: the sum of the five below, and of the parked part if there is one. */
    uint64_t state_bytes;
    uint64_t live_bytes;       /* structs that can be read */
    uint64_t deleted_bytes;    /* deleted structs that kept their place in a list */
    uint64_t collected_bytes;  /* deleted together with what held them: in no root any more */
    uint64_t delete_set_bytes; /* sent whole in every handshake */
    uint64_t head_bytes;       /* counts and ids of clients */

    uint64_t live_structs;
    uint64_t deleted_structs;
    uint64_t collected_structs;
    uint64_t delete_ranges;
    uint64_t pending_bytes; /* parked for missing clocks; in none of the figures above */
    uint64_t memory_bytes;  /* held by the doc */

    struct yd_kind_part kinds[YD_KIND_COUNT]; /* of the live structs */
    struct yd_top roots;                      /* with all that is below them */
    struct yd_top clients;                    /* with what is collected */
    struct yd_top keys; /* of maps and attributes, by name, wherever they are: the value counts as
                           live, those that it replaced as deleted; what is below a value does not
                           count */
};

/* Fills *analysis. The doc is as it was. Errors: YD_ENOMEM. */
YD_NODISCARD yd_err yd_doc_analyze(struct yd_doc *doc, struct yd_analysis *analysis);

#ifdef __cplusplus
}
#endif
#endif
