/* ydoc_test.h - what the unit tests of libydoc share: a counting heap and hex on both sides.
 *
 * Updates are written as hex, as in docs/encoding.md; blanks are ignored. */
#ifndef YDOC_TEST_H
#define YDOC_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ydoc/doc.h"

/* Counts what is held, and refuses request number refuse_at (1 is the first; 0 refuses none). */
struct heap {
    size_t live_bytes;
    uint64_t requests;
    uint64_t refuse_at;
};

static inline void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct heap *heap = ctx;
    if (new_size == 0) {
        heap->live_bytes -= old_size;
        free(ptr);
        return NULL;
    }
    if (++heap->requests == heap->refuse_at) return NULL;
    // Always another place: whoever kept an old address is caught by the sanitizer.
    void *fresh = malloc(new_size);
    if (fresh == NULL) return NULL;
    if (ptr != NULL) memcpy(fresh, ptr, old_size < new_size ? old_size : new_size);
    free(ptr);
    heap->live_bytes += new_size - old_size;
    return fresh;
}

static inline yd_alloc heap_alloc(struct heap *heap) { return (yd_alloc){heap_resize, heap}; }

static inline int hex_digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/* Bytes of a hex text in a block of exactly their size, to be given to free(). */
static inline yd_slice hex_bytes(const char *hex)
{
    uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
    size_t len = 0;
    assert_non_null(bytes);
    for (; *hex != 0; hex++) {
        if (*hex == ' ') continue;
        bytes[len++] = (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
        hex++;
    }
    uint8_t *exact = malloc(len > 0 ? len : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    free(bytes);
    return (yd_slice){exact, len};
}

static inline void hex_free(yd_slice bytes) { free((void *)(uintptr_t)bytes.ptr); }

static inline yd_err apply_hex_in(struct yd_doc *doc, const char *hex, enum yd_format format,
                                  struct yd_applied *applied)
{
    yd_slice bytes = hex_bytes(hex);
    yd_err err = yd_doc_apply(doc, bytes, format, applied);
    hex_free(bytes);
    yd_doc_check(doc);
    return err;
}

static inline yd_err apply_hex(struct yd_doc *doc, const char *hex, struct yd_applied *applied)
{
    return apply_hex_in(doc, hex, YD_V1, applied);
}

static inline void assert_hex(const char *want, const struct yd_buf *got)
{
    yd_slice bytes = hex_bytes(want);
    if (!yd_slice_equal(bytes, yd_buf_slice(got))) {
        fprintf(stderr, "want %s\ngot  ", want);
        for (size_t i = 0; i < got->len; i++) fprintf(stderr, "%02x", got->ptr[i]);
        fprintf(stderr, "\n");
        fail();
    }
    hex_free(bytes);
}

/* A document with its heap and a buffer for what it says. */
struct bed {
    struct heap heap;
    struct yd_doc *doc;
    struct yd_buf out;
};

static inline void bed_begin(struct bed *bed, const struct yd_doc_opts *opts)
{
    bed->heap = (struct heap){0};
    assert_int_equal(YD_OK, yd_doc_new(heap_alloc(&bed->heap), opts, &bed->doc));
    yd_buf_init(&bed->out, heap_alloc(&bed->heap), (size_t)1 << 24);
}

static inline void bed_end(struct bed *bed)
{
    yd_buf_deinit(&bed->out);
    yd_doc_free(bed->doc);
    assert_int_equal(0, bed->heap.live_bytes);
}

/* Refuses an update the first memory it asks for: from then on the document is broken. */
static inline void bed_break(struct bed *bed)
{
    bed->heap.refuse_at = bed->heap.requests + 1;
    assert_int_equal(YD_ENOMEM,
                     apply_hex(bed->doc,
                               "0101090004010174646363636363636363636363636363636363636363636363"
                               "6363636363636363636363636363636363636363636363636363636363636363"
                               "6363636363636363636363636363636363636363636363636363636363636363"
                               "6363636363636363636363636300",
                               NULL));
}

static inline void bed_apply(struct bed *bed, const char *hex)
{
    assert_int_equal(YD_OK, apply_hex(bed->doc, hex, NULL));
}

static inline void bed_apply_v2(struct bed *bed, const char *hex)
{
    assert_int_equal(YD_OK, apply_hex_in(bed->doc, hex, YD_V2, NULL));
}

static inline void bed_state_in_is(struct bed *bed, enum yd_format format, const char *hex)
{
    yd_buf_clear(&bed->out);
    assert_int_equal(YD_OK, yd_doc_encode_state(bed->doc, YD_EMPTY, format, &bed->out));
    assert_hex(hex, &bed->out);
}

static inline void bed_state_is(struct bed *bed, const char *hex)
{
    bed_state_in_is(bed, YD_V1, hex);
}

static inline void bed_vector_is(struct bed *bed, const char *hex)
{
    yd_buf_clear(&bed->out);
    assert_int_equal(YD_OK, yd_doc_state_vector(bed->doc, &bed->out));
    assert_hex(hex, &bed->out);
}

static inline void bed_last_is(struct bed *bed, const char *hex)
{
    yd_buf_clear(&bed->out);
    assert_int_equal(YD_OK, yd_doc_last_update(bed->doc, YD_V1, &bed->out));
    assert_hex(hex, &bed->out);
}

static inline void bed_json_is(struct bed *bed, enum yd_root root, const char *name,
                               enum yd_json_flags flags, const char *json)
{
    yd_slice text = {(const uint8_t *)name, strlen(name)};
    yd_buf_clear(&bed->out);
    assert_int_equal(YD_OK, yd_doc_json(bed->doc, root, text, flags, &bed->out));
    assert_int_equal(YD_OK, yd_buf_u8(&bed->out, 0));
    assert_string_equal(json, (const char *)bed->out.ptr);
}

#endif
