/* cold.c - documents as bytes.
 *
 * Where it sits:   the caller -> here -> update.c, merge.c, doc.c
 * Source:          rules U120 to U126 in docs/encoding.md
 *
 * One block of bytes holds, one behind the other:
 *
 *   vector   state vector of the base
 *   base     one update, V1: all that is merged
 *   tail     updates taken since, V1, each behind its length (4 bytes, least significant first)
 *
 * The tail is merged into the base when somebody asks, or when it is as long as the base: so every
 * byte is merged O(log) times.
 */
#include "ydoc/cold.h"

#include "codec.h"
#include "source.h"

#include <string.h>

/* The ceiling where none is given. */
#define COLD_MAX ((size_t)64 << 20)
/* A tail shorter than this is left alone. */
#define TAIL_MIN ((size_t)4096)
/* Length of a record of the tail. */
#define HEAD ((size_t)4)

struct yd_cold {
    yd_alloc alloc;
    uint8_t *block;
    size_t cap;
    size_t vector; /* bytes of each part */
    size_t base;
    size_t tail;
    size_t count; /* updates in the tail */
    size_t taken;
    size_t max;
};

static yd_slice cold_base(const struct yd_cold *cold)
{
    return (yd_slice){cold->block + cold->vector, cold->base};
}

static yd_slice cold_vector(const struct yd_cold *cold)
{
    return (yd_slice){cold->block, cold->vector};
}

/* Cuts the next update off a tail. */
static yd_slice record_next(yd_slice *tail)
{
    const uint8_t *p = tail->ptr;
    size_t len = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
    *tail = (yd_slice){p + HEAD + len, tail->len - HEAD - len};
    return (yd_slice){p + HEAD, len};
}

static yd_slice cold_tail(const struct yd_cold *cold)
{
    return (yd_slice){cold->block + cold->vector + cold->base, cold->tail};
}

/* Takes over a state and its vector: a new block, exactly their size. */
static yd_err base_set(struct yd_cold *cold, yd_slice vector, yd_slice base)
{
    size_t size = vector.len + base.len;
    uint8_t *block = cold->alloc.resize(cold->alloc.ctx, NULL, 0, size);
    if (block == NULL) return YD_ENOMEM;
    memcpy(block, vector.ptr, vector.len);
    memcpy(block + vector.len, base.ptr, base.len);
    if (cold->cap > 0) cold->alloc.resize(cold->alloc.ctx, cold->block, cold->cap, 0);
    cold->block = block;
    cold->cap = size;
    cold->vector = vector.len;
    cold->base = base.len;
    cold->tail = 0;
    cold->count = 0;
    return YD_OK;
}

/* The same with a vector that is read out of the state, which is checked on the way. */
static yd_err base_take(struct yd_cold *cold, yd_slice base)
{
    struct yd_buf vector;
    yd_buf_init(&vector, cold->alloc, SIZE_MAX / 2);
    yd_err err = yd_update_state_vector((struct yd_update){base, YD_V1}, &vector);
    if (err == YD_OK) err = base_set(cold, yd_buf_slice(&vector), base);
    yd_buf_deinit(&vector);
    return err;
}

static void updates_list(const struct yd_cold *cold, struct yd_update *updates)
{
    yd_slice tail = cold_tail(cold);
    updates[0] = (struct yd_update){cold_base(cold), YD_V1};
    for (size_t i = 1; i <= cold->count; i++) {
        updates[i] = (struct yd_update){record_next(&tail), YD_V1};
    }
}

/* Merges the tail into the base. */
static yd_err tail_merge(struct yd_cold *cold)
{
    if (cold->count == 0) return YD_OK;
    yd_alloc alloc = cold->alloc;
    size_t size = (cold->count + 1) * sizeof(struct yd_update);
    struct yd_update *updates = alloc.resize(alloc.ctx, NULL, 0, size);
    if (updates == NULL) return YD_ENOMEM;
    updates_list(cold, updates);
    struct yd_buf merged;
    yd_buf_init(&merged, alloc, SIZE_MAX / 2);
    yd_err err = yd_update_merge(updates, cold->count + 1, YD_V1, &merged, NULL);
    alloc.resize(alloc.ctx, updates, size, 0);
    if (err == YD_OK) err = base_take(cold, yd_buf_slice(&merged));
    yd_buf_deinit(&merged);
    return err;
}

/* Checks an update and brings it into V1: in `v1` if it was none, otherwise as it is. */
static yd_err update_read(struct yd_buf *v1, yd_slice update, enum yd_format format, size_t max,
                          yd_slice *bytes)
{
    *bytes = update;
    if (!format_is_known(format)) return YD_EUNSUPPORTED;
    if (format == YD_V2) {
        v1->max = max;
        YD_TRY(yd_update_convert((struct yd_update){update, YD_V2}, YD_V1, v1));
        *bytes = yd_buf_slice(v1);
        return YD_OK;
    }
    struct source source;
    yd_source_init(&source, v1);
    yd_err err = yd_source_open(&source, (struct yd_update){update, YD_V1});
    yd_source_deinit(&source);
    return err;
}

static yd_err cold_begin(yd_alloc alloc, size_t bytes_max, struct yd_cold **cold)
{
    struct yd_cold *made = alloc.resize(alloc.ctx, NULL, 0, sizeof *made);
    if (made == NULL) return YD_ENOMEM;
    *made = (struct yd_cold){.alloc = alloc, .max = bytes_max == 0 ? COLD_MAX : bytes_max};
    if (made->max > UINT32_MAX / 2) made->max = UINT32_MAX / 2; // records have four bytes of length
    *cold = made;
    return YD_OK;
}

/* Gives it to the caller, or ends it. */
static yd_err cold_finish(struct yd_cold *made, yd_err err, struct yd_cold **cold)
{
    if (err == YD_OK) {
        *cold = made;
    } else {
        yd_cold_free(made);
    }
    return err;
}

yd_err yd_cold_new(yd_alloc alloc, yd_slice state, enum yd_format format, size_t bytes_max,
                   struct yd_cold **cold)
{
    struct yd_cold *made;
    YD_TRY(cold_begin(alloc, bytes_max, &made));
    if (state.len == 0) {
        state = YD_LITERAL("\0\0");
        format = YD_V1;
    }
    struct yd_buf v1;
    yd_buf_init(&v1, alloc, SIZE_MAX / 2);
    yd_slice bytes;
    yd_err err = state.len > made->max ? YD_ETOOBIG : YD_OK;
    if (err == YD_OK) err = update_read(&v1, state, format, made->max, &bytes);
    if (err == YD_OK) err = base_take(made, bytes);
    yd_buf_deinit(&v1);
    return cold_finish(made, err, cold);
}

yd_err yd_cold_freeze(yd_alloc alloc, struct yd_doc *doc, size_t bytes_max, struct yd_cold **cold)
{
    struct yd_cold *made;
    YD_TRY(cold_begin(alloc, bytes_max, &made));
    struct yd_buf state;
    yd_buf_init(&state, alloc, made->max);
    yd_err err = yd_doc_encode_state(doc, YD_EMPTY, YD_V1, &state);
    if (err == YD_OK) err = base_take(made, yd_buf_slice(&state));
    yd_buf_deinit(&state);
    return cold_finish(made, err, cold);
}

void yd_cold_free(struct yd_cold *cold)
{
    if (cold == NULL) return;
    yd_alloc alloc = cold->alloc;
    if (cold->cap > 0) alloc.resize(alloc.ctx, cold->block, cold->cap, 0);
    alloc.resize(alloc.ctx, cold, sizeof *cold, 0);
}

/* Makes room behind the tail, half as much again as there is. */
static yd_err block_reserve(struct yd_cold *cold, size_t more)
{
    size_t used = cold->vector + cold->base + cold->tail;
    if (more <= cold->cap - used) return YD_OK;
    size_t cap = used + more + (cold->tail + more) / 2;
    uint8_t *block = cold->alloc.resize(cold->alloc.ctx, cold->block, cold->cap, cap);
    if (block == NULL) return YD_ENOMEM;
    cold->block = block;
    cold->cap = cap;
    return YD_OK;
}

static yd_err tail_put(struct yd_cold *cold, yd_slice bytes)
{
    if (bytes.len + HEAD > cold->max - (cold->base + cold->tail)) return YD_ETOOBIG;
    YD_TRY(block_reserve(cold, bytes.len + HEAD));
    uint8_t *p = cold->block + cold->vector + cold->base + cold->tail;
    for (size_t i = 0; i < HEAD; i++) p[i] = (uint8_t)(bytes.len >> (8 * i));
    memcpy(p + HEAD, bytes.ptr, bytes.len);
    cold->tail += bytes.len + HEAD;
    cold->taken += bytes.len;
    cold->count++;
    return YD_OK;
}

yd_err yd_cold_append(struct yd_cold *cold, yd_slice update, enum yd_format format)
{
    struct yd_buf v1;
    yd_buf_init(&v1, cold->alloc, SIZE_MAX / 2);
    yd_slice bytes;
    // A merge may make the base a few bytes longer than it should be: then there is no room left.
    if (cold->base + cold->tail >= cold->max || update.len > cold->max) return YD_ETOOBIG;
    yd_err err = update_read(&v1, update, format, cold->max, &bytes);
    if (err == YD_OK) err = tail_put(cold, bytes);
    yd_buf_deinit(&v1);
    if (err != YD_OK || cold->tail < TAIL_MIN || cold->tail < cold->base) return err;
    yd_err unused = tail_merge(cold); // memory refused: at the next one
    (void)unused;
    return YD_OK;
}

yd_err yd_cold_state_vector(struct yd_cold *cold, struct yd_buf *out)
{
    YD_TRY(tail_merge(cold));
    return yd_buf_append(out, cold_vector(cold));
}

yd_err yd_cold_diff(struct yd_cold *cold, yd_slice sv, enum yd_format format, struct yd_buf *out)
{
    if (!format_is_known(format)) return YD_EUNSUPPORTED;
    YD_TRY(tail_merge(cold));
    return yd_update_diff((struct yd_update){cold_base(cold), YD_V1}, sv, format, out);
}

static yd_err updates_apply(const struct yd_cold *cold, struct yd_doc *doc)
{
    YD_TRY(yd_doc_apply(doc, cold_base(cold), YD_V1, NULL));
    yd_slice tail = cold_tail(cold);
    for (size_t i = 0; i < cold->count; i++) {
        YD_TRY(yd_doc_apply(doc, record_next(&tail), YD_V1, NULL));
    }
    return YD_OK;
}

yd_err yd_cold_open(const struct yd_cold *cold, yd_alloc alloc, const struct yd_doc_opts *opts,
                    struct yd_doc **doc)
{
    struct yd_doc *made;
    YD_TRY(yd_doc_new(alloc, opts, &made));
    yd_err err = updates_apply(cold, made);
    if (err == YD_OK) {
        *doc = made;
    } else {
        yd_doc_free(made);
    }
    return err;
}

yd_err yd_cold_compact(struct yd_cold *cold)
{
    struct yd_doc *doc;
    // What lies here was let in: no limit of a live document may keep it from being read.
    struct yd_doc_opts opts = {.update_bytes_max = SIZE_MAX, .doc_bytes_max = SIZE_MAX};
    YD_TRY(yd_cold_open(cold, cold->alloc, &opts, &doc));
    struct yd_buf state;
    yd_buf_init(&state, cold->alloc, SIZE_MAX / 2);
    yd_err err = yd_doc_encode_state(doc, YD_EMPTY, YD_V1, &state);
    yd_doc_free(doc);
    if (err == YD_OK) err = base_take(cold, yd_buf_slice(&state));
    yd_buf_deinit(&state);
    if (err == YD_OK) cold->taken = 0;
    return err;
}

struct yd_cold_stats yd_cold_stats(const struct yd_cold *cold)
{
    return (struct yd_cold_stats){.encoded = cold->base + cold->tail - cold->count * HEAD,
                                  .taken = cold->taken,
                                  .waiting = cold->tail - cold->count * HEAD,
                                  .memory = sizeof *cold + cold->cap};
}
