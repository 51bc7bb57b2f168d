/* fuzz_v2.c - updates of both formats from anywhere: byte 0 of each piece is its length / 2 and, in
 * the lowest bit, its format; the rest is an update. After each the document keeps its invariants;
 * at the end its state in V2 gives a document whose own state is the same again. */
#include <stdlib.h>
#include <string.h>

#include "ydoc/doc.h"

static void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size > 0) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

static const yd_alloc heap = {heap_resize, NULL};

static struct yd_doc *doc_new(void)
{
    struct yd_doc *doc = NULL;
    struct yd_doc_opts opts = {.doc_bytes_max = (size_t)256 << 20, .update_bytes_max = 1 << 20};
    if (yd_doc_new(heap, &opts, &doc) != YD_OK) abort();
    return doc;
}

static struct yd_buf state_of(struct yd_doc *doc, enum yd_format format)
{
    struct yd_buf state;
    yd_buf_init(&state, heap, SIZE_MAX / 2);
    if (yd_doc_encode_state(doc, YD_EMPTY, format, &state) != YD_OK) abort();
    return state;
}

/* A document from a state, or NULL where that is beyond a limit. */
static struct yd_doc *doc_of(const struct yd_buf *state, enum yd_format format)
{
    struct yd_doc *doc = doc_new();
    yd_err err = yd_doc_apply(doc, yd_buf_slice(state), format, NULL);
    if (err != YD_OK && err != YD_ETOOBIG) abort();
    yd_doc_check(doc);
    if (err == YD_OK) return doc;
    yd_doc_free(doc);
    return NULL;
}

static void expect_equal(const struct yd_buf *a, const struct yd_buf *b)
{
    if (!yd_slice_equal(yd_buf_slice(a), yd_buf_slice(b))) abort();
}

/* Not with parked structs, see fuzz_apply.c. */
static void expect_reload_equal(struct yd_doc *doc)
{
    if (yd_doc_pending(doc).structs) return;
    struct yd_buf state = state_of(doc, YD_V2);
    struct yd_doc *again = doc_of(&state, YD_V2);
    if (again != NULL) {
        struct yd_buf a = state_of(again, YD_V2);
        struct yd_doc *third = doc_of(&a, YD_V2);
        if (third != NULL) {
            struct yd_buf b = state_of(third, YD_V2);
            expect_equal(&a, &b);
            yd_buf_deinit(&b);
            b = state_of(third, YD_V1);
            struct yd_buf c = state_of(again, YD_V1);
            expect_equal(&b, &c);
            yd_buf_deinit(&b);
            yd_buf_deinit(&c);
        }
        yd_buf_deinit(&a);
        yd_doc_free(third);
    }
    yd_buf_deinit(&state);
    yd_doc_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yd_doc *doc = doc_new();
    size_t at = 0;
    while (at < size) {
        enum yd_format format = data[at] & 1 ? YD_V2 : YD_V1;
        size_t len = (size_t)(data[at++] >> 1) * 4;
        if (len > size - at) len = size - at;
        // A copy of its own, so that reading beyond it is seen.
        uint8_t *copy = malloc(len + 1);
        memcpy(copy, data + at, len);
        struct yd_applied applied;
        yd_err err = yd_doc_apply(doc, (yd_slice){copy, len}, format, &applied);
        free(copy);
        if (err == YD_EMALFORMED && applied.error_at > len) abort();
        if (err == YD_ENOMEM) {
            yd_doc_free(doc);
            return 0;
        }
        yd_doc_check(doc);
        at += len;
    }
    expect_reload_equal(doc);
    yd_doc_free(doc);
    return 0;
}
