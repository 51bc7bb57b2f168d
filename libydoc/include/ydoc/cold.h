/* ydoc/cold.h - a document that nobody has open: its encoded bytes, ready to answer.
 *
 * A cold document says what it has, answers a peer's state vector and takes updates without ever
 * being decoded into items. What it takes lies behind its bytes until somebody asks; only then are
 * they merged. It costs its encoded size, about 100 bytes, and its state vector.
 *
 * Merged without a document, text runs stay apart and deleted content stays: yd_cold_compact() now
 * and then, or yd_cold_open() and yd_cold_freeze(), keep the size in check.
 *
 * Ownership  yd_cold_new() and yd_cold_freeze() make it, yd_cold_free() ends it. Slices are
 * borrowed for the call. Bytes handed out are appended to a buffer that the caller owns. Threads
 * one cold document, one thread at a time. Different ones share nothing. Errors     0 is success,
 * see ydoc/base.h. After any error the cold document is as it was and the call may be repeated.
 * Time, I/O  none.
 * Source     rules U120 to U126 in docs/encoding.md.
 */
#ifndef YDOC_COLD_H
#define YDOC_COLD_H

#include "ydoc/doc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct yd_cold;

/* Makes a cold document of a stored state.
 * state      untrusted update; of V1 or V2, kept as V1; YD_EMPTY: an empty document
 * bytes_max  ceiling of its encoded bytes with all that it takes; 0: 64 MiB
 * Errors: YD_EMALFORMED, YD_ETOOBIG, YD_ENOMEM, YD_EUNSUPPORTED (format). Cost: O(state). */
YD_NODISCARD yd_err yd_cold_new(yd_alloc alloc, yd_slice state, enum yd_format format,
                                size_t bytes_max, struct yd_cold **cold);
/* Makes one of a live document, which stays as it is. What is parked there goes with it.
 * Errors: YD_ETOOBIG, YD_ENOMEM (the doc stays usable unless it had run out before). */
YD_NODISCARD yd_err yd_cold_freeze(yd_alloc alloc, struct yd_doc *doc, size_t bytes_max,
                                   struct yd_cold **cold);
void yd_cold_free(struct yd_cold *cold); /* NULL is allowed */

/* Takes an untrusted update. Its structs need not fit: gaps stay gaps, as in yd_update_merge().
 * Errors: YD_EMALFORMED; YD_ETOOBIG: the ceiling would be passed; YD_ENOMEM; YD_EUNSUPPORTED.
 * Cost: O(update), and now and then O(document): in all, O(bytes * log). */
YD_NODISCARD yd_err yd_cold_append(struct yd_cold *cold, yd_slice update, enum yd_format format);

/* Appends the state vector: per client the clock before the first gap.
 * Errors: YD_ENOMEM, YD_ETOOBIG (of out). Cost: a copy, after a merge of what was taken. */
YD_NODISCARD yd_err yd_cold_state_vector(struct yd_cold *cold, struct yd_buf *out);

/* Appends what a holder of state vector `sv` lacks, with the whole delete set: sync step 2.
 * sv  untrusted; YD_EMPTY: everything
 * Errors: YD_EMALFORMED (of sv), YD_ENOMEM, YD_ETOOBIG (of out), YD_EUNSUPPORTED.
 * Cost: O(document); after a merge of what was taken. */
YD_NODISCARD yd_err yd_cold_diff(struct yd_cold *cold, yd_slice sv, enum yd_format format,
                                 struct yd_buf *out);

/* Makes a live document of it. The cold one stays as it is; mostly it is ended then.
 * opts  NULL: all defaults. Errors: YD_ENOMEM, YD_ETOOBIG (limits of opts). */
YD_NODISCARD yd_err yd_cold_open(const struct yd_cold *cold, yd_alloc alloc,
                                 const struct yd_doc_opts *opts, struct yd_doc **doc);

/* Goes through a live document once: joined runs, deleted content gone, smallest bytes.
 * Errors: YD_ENOMEM, YD_ETOOBIG. */
YD_NODISCARD yd_err yd_cold_compact(struct yd_cold *cold);

struct yd_cold_stats {
    size_t encoded; /* bytes of updates held */
    size_t taken;   /* of these, since the last yd_cold_compact(), new or freeze */
    size_t waiting; /* of these, not merged yet */
    size_t memory;  /* bytes held in all */
};
struct yd_cold_stats yd_cold_stats(const struct yd_cold *cold);

#ifdef __cplusplus
}
#endif
#endif
