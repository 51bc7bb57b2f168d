/* fuzz_apply.c - updates from anywhere: byte 0 of each piece is its length / 4, the rest an update.
 * After each the document keeps its invariants; at the end its state gives an equal document. */
#include <stdlib.h>
#include <string.h>

#include "ydoc/export.h"

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
    struct yd_doc_opts opts = {.doc_bytes_max = (size_t)256 << 20};
    if (yd_doc_new(heap, &opts, &doc) != YD_OK) abort();
    return doc;
}

/* Not with parked structs: cutting one where it overlaps what is known drops its parent, so after
 * a reload it may find a place that it had not before. Yjs's own encoding does the same. */
static void expect_reload_equal(struct yd_doc *doc)
{
    if (yd_doc_pending(doc).structs) return;
    struct yd_buf state, a, b;
    yd_buf_init(&state, heap, SIZE_MAX / 2);
    yd_buf_init(&a, heap, SIZE_MAX / 2);
    yd_buf_init(&b, heap, SIZE_MAX / 2);
    struct yd_doc *again = doc_new();
    if (yd_doc_encode_state(doc, YD_EMPTY, YD_V1, &state) != YD_OK) abort();
    if (yd_doc_apply(again, yd_buf_slice(&state), YD_V1, NULL) != YD_OK) abort();
    yd_doc_check(again);
    if (yd_doc_state_vector(doc, &a) != YD_OK || yd_doc_state_vector(again, &b) != YD_OK) abort();
    if (!yd_slice_equal(yd_buf_slice(&a), yd_buf_slice(&b))) abort();
    yd_doc_free(again);
    yd_buf_deinit(&state);
    yd_buf_deinit(&a);
    yd_buf_deinit(&b);
}

/* Every root in every form of ydoc/export.h, whatever it is: written, and in HTML each `<` begins a
 * tag that this engine knows. */
static void export_all(struct yd_doc *doc)
{
    static const char *const tags =
        "p h1 h2 h3 h4 h5 h6 ul ol li input blockquote pre code table tr td th"
        " hr br img figure figcaption a strong em u s ";
    struct yd_root_info root;
    struct yd_buf out;
    yd_buf_init(&out, heap, (size_t)64 << 20);
    for (uint32_t at = 0; yd_doc_root_next(doc, &at, &root);) {
        if (yd_doc_plain(doc, root.name, &out) != YD_OK) abort();
        if (yd_doc_markdown(doc, root.name, &out) != YD_OK) abort();
        yd_buf_clear(&out);
        if (yd_doc_html(doc, root.name, &out) != YD_OK) abort();
        for (size_t i = 0; i < out.len; i++) {
            char tag[16] = "";
            if (out.ptr[i] != '<') continue;
            size_t n = 0, from = i + 1 + (i + 1 < out.len && out.ptr[i + 1] == '/');
            while (n < 12 && from + n < out.len && out.ptr[from + n] != '>' &&
                   out.ptr[from + n] != ' ') {
                tag[n] = (char)out.ptr[from + n];
                n++;
            }
            tag[n] = ' ';
            if (n == 0 || strstr(tags, tag) == NULL) abort();
        }
    }
    yd_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yd_doc *doc = doc_new();
    size_t at = 0;
    while (at < size) {
        size_t len = (size_t)data[at++] * 4;
        if (len > size - at) len = size - at;
        // A copy of its own, so that reading beyond it is seen.
        uint8_t *copy = malloc(len + 1);
        memcpy(copy, data + at, len);
        yd_err err = yd_doc_apply(doc, (yd_slice){copy, len}, YD_V1, NULL);
        free(copy);
        if (err == YD_ENOMEM) {
            yd_doc_free(doc);
            return 0;
        }
        yd_doc_check(doc);
        at += len;
    }
    export_all(doc);
    expect_reload_equal(doc);
    yd_doc_free(doc);
    return 0;
}
