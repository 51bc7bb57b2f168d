/* ydoc/doc.h - one Yjs document in memory: updates in, updates and JSON out.
 *
 * Byte-compatible with Yjs 13.6 (formatting clean-up excepted: a server never makes changes of
 * its own).
 *
 * Ownership  yd_doc_new() makes it, yd_doc_free() ends it. Slices passed in are borrowed for the
 *            call. Bytes handed out go into a buffer that the caller owns.
 * Threads    one doc, one thread at a time. Different docs share nothing.
 * Errors     0 is success, see ydoc/base.h. Hostile bytes are refused whole: the doc is as it was.
 *            After YD_ENOMEM the doc may only be freed.
 * Time, I/O  none. The same calls in the same order give the same bytes on every host.
 */
#ifndef YDOC_DOC_H
#define YDOC_DOC_H

#include "ydoc/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct yd_doc;

enum yd_format { YD_V1 = 1, YD_V2 = 2 };

/* Zero in a field means its default, written behind it. */
struct yd_doc_opts {
    bool keep_deleted;        /* Yjs gc:false. Default: deleted content is collected */
    bool note_changes;        /* ydoc/changes.h: say what each transaction changed */
    size_t update_bytes_max;  /* one update, in V2 also as V1; default 64 MiB */
    size_t pending_bytes_max; /* parked for missing clocks; default 16 MiB */
    size_t doc_bytes_max;     /* memory of the whole doc; default, and at most, 2 GiB (1 GiB on
                                 wasm32). What only deletes has five eighths more.
                                 SIZE_MAX: none, nor of what is parked, and for one update 3 GiB;
                                 what no table can name is YD_ENOMEM */
};

/* opts may be NULL: all defaults. *doc is set on YD_OK only. Errors: YD_ENOMEM. */
YD_NODISCARD yd_err yd_doc_new(yd_alloc alloc, const struct yd_doc_opts *opts, struct yd_doc **doc);
void yd_doc_free(struct yd_doc *doc); /* NULL is allowed. Cost: O(blocks of memory), not items */
/* From now on the three limits are those of limits; the doc stays as it is, also beyond them. For
 * who reads what was let in before: a state may cost more at once than what it was made of. */
void yd_doc_limit(struct yd_doc *doc, const struct yd_doc_opts *limits);

/* What one yd_doc_apply() did. */
struct yd_applied {
    bool changed;    /* something became visible to state vector or delete set: Yjs would have
                        emitted an update event */
    bool parked;     /* something of this update waits for clocks that are missing */
    bool dropped;    /* something of it waits, which pending_bytes_max has no room for: none of that
                        is kept, as if the update had been what yd_doc_last_update() says */
    bool known_part; /* a part was here before, or lost to a later section of its client (U13):
                        yd_doc_last_update() is smaller than the input */
    size_t error_at; /* on YD_EMALFORMED: offset of the first byte that could not be accepted */
};

/* Merges an untrusted update. Applying the same update twice, or updates in any order, ends in
 * the same doc.
 *
 * applied  out, also set on an error (all false, error_at valid); may be NULL
 *
 * Errors: YD_EMALFORMED, YD_ETOOBIG, YD_EUNSUPPORTED: the doc is unchanged. YD_ENOMEM: only
 * yd_doc_free() is allowed afterwards.
 * Source: Yjs applyUpdate; docs/encoding.md. */
YD_NODISCARD yd_err yd_doc_apply(struct yd_doc *doc, yd_slice update, enum yd_format format,
                                 struct yd_applied *applied);

/* Appends what the last yd_doc_apply() brought that was not here before, byte-equal to what Yjs
 * hands to its 'update' event. Nothing is appended if `changed` was false.
 * Errors: YD_ENOMEM, YD_ETOOBIG (of out), YD_EUNSUPPORTED (format). */
YD_NODISCARD yd_err yd_doc_last_update(struct yd_doc *doc, enum yd_format format,
                                       struct yd_buf *out);

/* Appends the state vector. Source: Yjs encodeStateVector. */
YD_NODISCARD yd_err yd_doc_state_vector(struct yd_doc *doc, struct yd_buf *out);

/* Appends what a holder of state vector `sv` lacks, with the whole delete set and what is parked.
 * sv  untrusted; YD_EMPTY means the empty vector: the whole state.
 * Errors: YD_EMALFORMED (of sv), YD_ENOMEM, YD_ETOOBIG (of out), YD_EUNSUPPORTED (format).
 * Source: Yjs encodeStateAsUpdate. */
YD_NODISCARD yd_err yd_doc_encode_state(struct yd_doc *doc, yd_slice sv, enum yd_format format,
                                        struct yd_buf *out);

/* Appends delete set and state vector in the form of Yjs encodeSnapshot (V1). */
YD_NODISCARD yd_err yd_doc_snapshot(struct yd_doc *doc, struct yd_buf *out);

/* True while something waits for missing clocks. */
struct yd_pending {
    bool structs;
    bool deletes;
    size_t bytes; /* held for both */
};
struct yd_pending yd_doc_pending(const struct yd_doc *doc);

/* How a root type is read. A root has no type of its own on the wire. */
enum yd_root { YD_ROOT_TEXT, YD_ROOT_ARRAY, YD_ROOT_MAP, YD_ROOT_XML };

enum yd_json_flags {
    YD_JSON_PLAIN = 0,
    YD_JSON_TAGGED = 1 /* values that JSON cannot carry appear as {"$bin":hex}, {"$big":decimal},
                          {"$":"undefined"|"NaN"|"Infinity"|"-Infinity"|"-0"}, {"$doc":guid} */
};

/* Appends the root as JSON text, equal to JSON.stringify of Yjs's toJSON() up to the order of
 * keys (ours: as first inserted). Text and xml roots give a JSON string. An unknown name gives
 * the empty value of its kind.
 * Errors: YD_ENOMEM, YD_ETOOBIG (of out). */
YD_NODISCARD yd_err yd_doc_json(struct yd_doc *doc, enum yd_root root, yd_slice name,
                                enum yd_json_flags flags, struct yd_buf *out);

/* Appends a text root with its marks and embeds as a JSON list: {"insert":"..."} for a run of text,
 * {"insert":value} for an embed or nested type, with "attributes":{...} where marks are on. With
 * YD_JSON_TAGGED a nested type is {"$type":"Map","json":...}. An unknown name gives [].
 * Errors: YD_ENOMEM (the doc stays usable), YD_ETOOBIG (of out). Cost: O(items), and for each run
 * its marks. Source: Yjs YText.toDelta. */
YD_NODISCARD yd_err yd_doc_delta(struct yd_doc *doc, yd_slice name, enum yd_json_flags flags,
                                 struct yd_buf *out);

/* Length of a root as text, array or XML fragment: UTF-16 units and elements. 0 for an unknown
 * name. Cost: O(items). Source: Yjs length. */
uint64_t yd_doc_length(const struct yd_doc *doc, yd_slice name);

struct yd_doc_stats {
    uint64_t items;   /* live structs, collected ones included */
    uint64_t clients; /* client ids ever seen */
    size_t bytes;     /* memory held by the doc */
};
struct yd_doc_stats yd_doc_stats(const struct yd_doc *doc);

/* Aborts when an invariant of the doc is broken. For tests and fuzzers. Cost: O(doc). */
void yd_doc_check(struct yd_doc *doc);

#ifdef __cplusplus
}
#endif
#endif
