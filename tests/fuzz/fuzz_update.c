/* fuzz_update.c - the functions that need no document, with updates from anywhere. Byte 0 of each
 * piece is its length / 2 and, in the lowest bit, its format; the rest is an update.
 *   - a conversion is stable: there and back again gives the same bytes from then on
 *   - what good updates give when merged or cut is good itself, in both formats alike
 *   - what is obfuscated keeps its clocks, and is stable
 *   - a state vector says what a new document has after the update */
#include <stdlib.h>
#include <string.h>

#include "ydoc/obfuscate.h"

enum { UPDATES_MAX = 8 };

static void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size > 0) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

static const yd_alloc heap = {heap_resize, NULL};

static struct yd_buf buf_new(void)
{
    struct yd_buf buf;
    yd_buf_init(&buf, heap, (size_t)1 << 22);
    return buf;
}

/* False: beyond a limit. Anything else is a bug. */
static bool good(yd_err err)
{
    if (err != YD_OK && err != YD_ETOOBIG) abort();
    return err == YD_OK;
}

static struct yd_update update_of(const struct yd_buf *buf, enum yd_format format)
{
    return (struct yd_update){yd_buf_slice(buf), format};
}

static void expect_stable(struct yd_update update)
{
    struct yd_buf b[4] = {buf_new(), buf_new(), buf_new(), buf_new()};
    bool fits = good(yd_update_convert(update, YD_V2, &b[0]));
    if (fits) fits = good(yd_update_convert(update_of(&b[0], YD_V2), YD_V1, &b[1]));
    if (fits) fits = good(yd_update_convert(update_of(&b[1], YD_V1), YD_V2, &b[2]));
    if (fits) fits = good(yd_update_convert(update_of(&b[2], YD_V2), YD_V1, &b[3]));
    if (fits && !yd_slice_equal(yd_buf_slice(&b[1]), yd_buf_slice(&b[3]))) abort();
    for (int i = 0; i < 4; i++) yd_buf_deinit(&b[i]);
}

/* What is obfuscated has the same clocks, and done again it is the same; but for marks, whose
 * values are all objects then, and objects differ. */
static void expect_hidden(struct yd_update update)
{
    static const struct yd_obfuscate keep = {.keep_marks = true};
    struct yd_buf b[5] = {buf_new(), buf_new(), buf_new(), buf_new(), buf_new()};
    good(yd_update_obfuscate(update, NULL, YD_V1, &b[4]));
    if (good(yd_update_obfuscate(update, &keep, update.format, &b[0]))) {
        struct yd_update hidden = update_of(&b[0], update.format);
        if (good(yd_update_obfuscate(hidden, &keep, update.format, &b[1])) &&
            !yd_slice_equal(yd_buf_slice(&b[0]), yd_buf_slice(&b[1]))) {
            abort();
        }
        if (good(yd_update_state_vector(update, &b[2])) &&
            good(yd_update_state_vector(hidden, &b[3])) &&
            !yd_slice_equal(yd_buf_slice(&b[2]), yd_buf_slice(&b[3]))) {
            abort();
        }
    }
    for (int i = 0; i < 5; i++) yd_buf_deinit(&b[i]);
}

static void expect_vector(struct yd_update update)
{
    struct yd_doc *doc = NULL;
    struct yd_doc_opts opts = {.doc_bytes_max = (size_t)256 << 20};
    if (yd_doc_new(heap, &opts, &doc) != YD_OK) abort();
    if (good(yd_doc_apply(doc, update.bytes, update.format, NULL)) &&
        !yd_doc_pending(doc).structs) {
        struct yd_buf a = buf_new();
        struct yd_buf b = buf_new();
        if (yd_doc_state_vector(doc, &a) != YD_OK) abort();
        if (good(yd_update_state_vector(update, &b)) &&
            !yd_slice_equal(yd_buf_slice(&a), yd_buf_slice(&b))) {
            abort();
        }
        yd_buf_deinit(&a);
        yd_buf_deinit(&b);
    }
    yd_doc_free(doc);
}

static void expect_cut(struct yd_update update, yd_slice sv)
{
    struct yd_buf a = buf_new();
    yd_err err = yd_update_diff(update, sv, update.format, &a);
    if (err != YD_EMALFORMED && good(err)) expect_stable(update_of(&a, update.format));
    yd_buf_deinit(&a);
}

static void expect_merge(const struct yd_update *updates, size_t count, yd_slice sv)
{
    struct yd_buf v1 = buf_new();
    struct yd_buf v2 = buf_new();
    struct yd_buf back = buf_new();
    bool fits = good(yd_update_merge(updates, count, YD_V1, &v1, NULL));
    if (fits && good(yd_update_merge(updates, count, YD_V2, &v2, NULL))) {
        expect_vector(update_of(&v1, YD_V1));
        expect_vector(update_of(&v2, YD_V2));
        expect_stable(update_of(&v1, YD_V1));
        expect_cut(update_of(&v1, YD_V1), sv);
        expect_cut(update_of(&v2, YD_V2), sv);
        fits = good(yd_update_convert(update_of(&v2, YD_V2), YD_V1, &back));
    }
    yd_buf_deinit(&v1);
    yd_buf_deinit(&v2);
    yd_buf_deinit(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yd_update updates[UPDATES_MAX];
    uint8_t *copies[UPDATES_MAX];
    size_t count = 0, pieces = 0;
    yd_slice sv = YD_EMPTY;
    for (size_t at = 0; at < size && pieces < UPDATES_MAX; pieces++) {
        enum yd_format format = data[at] & 1 ? YD_V2 : YD_V1;
        size_t len = (size_t)(data[at++] >> 1) * 4;
        if (len > size - at) len = size - at;
        // A copy of its own, so that reading beyond it is seen.
        copies[pieces] = malloc(len + 1);
        memcpy(copies[pieces], data + at, len);
        at += len;
        struct yd_update update = {{copies[pieces], len}, format};
        struct yd_buf v1 = buf_new();
        yd_err err = yd_update_convert(update, YD_V1, &v1);
        yd_buf_deinit(&v1);
        sv = update.bytes;
        if (err == YD_EMALFORMED || !good(err)) continue;
        expect_stable(update);
        expect_hidden(update);
        expect_vector(update);
        updates[count++] = update;
    }
    expect_merge(updates, count, sv);
    while (pieces > 0) free(copies[--pieces]);
    return 0;
}
