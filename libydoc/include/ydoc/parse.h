/* ydoc/parse.h - what is in an update: for tools, logs and tests.
 *
 * Ownership  slices in what is handed to a visitor lie in the update, or, if it came as V2, in
 * scratch memory: valid during that call. Threads    no state: any call on any thread. Errors     0
 * is success, see ydoc/base.h. YD_EMALFORMED: parsed->error_at is the offset of the first byte that
 * could not be accepted. YD_ETOOBIG: rules U75 and U86. YD_EUNSUPPORTED: no such format. YD_ENOMEM:
 * the call may be repeated. What a visitor returns other than YD_OK ends the call and is returned.
 * Time, I/O  none. Cost: O(bytes log clients).
 * Source     Yjs decodeUpdate, parseUpdateMeta; rule U119 in docs/encoding.md.
 */
#ifndef YDOC_PARSE_H
#define YDOC_PARSE_H

#include "ydoc/update.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a struct holds, with the numbers that it has on the wire. */
enum yd_content {
    YD_CONTENT_GC = 0,
    YD_CONTENT_DELETED = 1,
    YD_CONTENT_JSON = 2,
    YD_CONTENT_BINARY = 3,
    YD_CONTENT_STRING = 4,
    YD_CONTENT_EMBED = 5,
    YD_CONTENT_FORMAT = 6,
    YD_CONTENT_TYPE = 7,
    YD_CONTENT_ANY = 8,
    YD_CONTENT_DOC = 9,
    YD_CONTENT_SKIP = 10,
    YD_CONTENT_COUNT = 11
};

/* "String", "Format" and so on; "?" for others. */
const char *yd_content_name(enum yd_content content);

struct yd_id {
    uint64_t client;
    uint32_t clock;
};

struct yd_struct {
    struct yd_id id;
    uint32_t len; /* clocks */
    enum yd_content content;
    bool has_origin;
    bool has_right_origin;
    struct yd_id origin;
    struct yd_id right_origin;
    /* Without origins: the parent, a root or the item that holds a type; and the key, if any. */
    bool has_parent;
    bool has_key;
    bool is_root;
    yd_slice root;
    struct yd_id parent;
    yd_slice key;
    uint8_t type_ref; /* of a type: an enum yd_kind */
    yd_slice bytes;   /* the content as it stands in V1, without its own length or count */
};

struct yd_deleted {
    struct yd_id id;
    uint32_t len;
};

/* Called for every struct, from the highest client down, and then for every range of the delete
 * set. Either may be NULL. */
struct yd_visitor {
    yd_err (*on_struct)(void *ctx, const struct yd_struct *s);
    yd_err (*on_deleted)(void *ctx, const struct yd_deleted *range);
    void *ctx;
};

struct yd_parsed {
    size_t error_at;   /* on YD_EMALFORMED */
    uint64_t sections; /* clients that it has structs of */
    uint64_t structs;
    uint64_t ranges;  /* of the delete set */
    uint64_t deleted; /* clocks in them */
    bool lost;        /* a client had several sections: only the last of them counts (U13) */
    struct {
        uint64_t structs;
        uint64_t clocks;
        uint64_t bytes; /* of content */
    } contents[YD_CONTENT_COUNT];
};

/* Checks an untrusted update as yd_doc_apply() does, and says what is in it.
 * visitor  may be NULL; parsed  out, complete on YD_OK */
YD_NODISCARD yd_err yd_update_parse(struct yd_update update, yd_alloc alloc,
                                    const struct yd_visitor *visitor, struct yd_parsed *parsed);

#ifdef __cplusplus
}
#endif
#endif
