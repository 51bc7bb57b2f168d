/* fuzz_v2.c - updates of both formats from anywhere: byte 0 of each piece is its length / 2 and, in
 * the lowest bit, its format; the rest is an update. After each the document keeps its invariants;
 * at the end its states in V1 and V2 give the same document. */
#include <stdlib.h>
#include <string.h>

#include "ydoc/parse.h"
#include "ydoc/position.h"

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

static void put(struct yd_buf *list, const void *bytes, size_t len)
{
    if (yd_buf_append(list, (yd_slice){bytes, len}) != YD_OK) abort();
}

/* One struct into a list of all, but for values of embeds and marks. */
static yd_err struct_note(void *ctx, const struct yd_struct *s)
{
    uint64_t fields[] = {
        s->id.client,
        s->id.clock,
        s->len,
        s->content,
        s->has_origin ? s->origin.client : 0,
        s->has_origin ? s->origin.clock + 1 : 0,
        s->has_right_origin ? s->right_origin.client : 0,
        s->has_right_origin ? s->right_origin.clock + 1 : 0,
        s->has_parent && !s->is_root ? s->parent.client : 0,
        s->has_parent && !s->is_root ? s->parent.clock + 1 : 0,
        s->root.len,
        s->key.len,
        s->type_ref,
    };
    bool has_value = s->content == YD_CONTENT_EMBED || s->content == YD_CONTENT_FORMAT;
    put(ctx, fields, sizeof fields);
    put(ctx, s->root.ptr, s->root.len);
    put(ctx, s->key.ptr, s->key.len);
    if (!has_value) put(ctx, s->bytes.ptr, s->bytes.len);
    return YD_OK;
}

static yd_err range_note(void *ctx, const struct yd_deleted *range)
{
    uint64_t fields[] = {range->id.client, range->id.clock, range->len};
    put(ctx, fields, sizeof fields);
    return YD_OK;
}

static struct yd_buf list_of(struct yd_doc *doc)
{
    struct yd_buf state = state_of(doc, YD_V1);
    struct yd_buf list;
    yd_buf_init(&list, heap, SIZE_MAX / 2);
    struct yd_visitor visitor = {struct_note, range_note, &list};
    struct yd_parsed parsed;
    if (yd_update_parse((struct yd_update){yd_buf_slice(&state), YD_V1}, heap, &visitor, &parsed) !=
        YD_OK)
        abort();
    yd_buf_deinit(&state);
    return list;
}

static struct yd_doc *passed_through(const struct yd_doc *doc, enum yd_format format)
{
    struct yd_buf state = state_of((struct yd_doc *)doc, format);
    struct yd_doc *next = doc_of(&state, format);
    yd_buf_deinit(&state);
    return next;
}

/* The state after each value was text and a value of V2 and text again; empty beyond a limit. */
static struct yd_buf plain_state(const struct yd_doc *doc)
{
    struct yd_buf state;
    yd_buf_init(&state, heap, SIZE_MAX / 2);
    struct yd_doc *text = passed_through(doc, YD_V1);
    struct yd_doc *value = text != NULL ? passed_through(text, YD_V2) : NULL;
    if (value != NULL) state = state_of(value, YD_V1);
    yd_doc_free(text);
    yd_doc_free(value);
    return state;
}

static void expect_equal(struct yd_buf a, struct yd_buf b)
{
    if (!yd_slice_equal(yd_buf_slice(&a), yd_buf_slice(&b))) abort();
    yd_buf_deinit(&a);
    yd_buf_deinit(&b);
}

/* Both formats say the same document. Values of embeds and marks are only the same to somebody who
 * reads them: V1 keeps JSON text as it came (`0.0`, blanks), V2 holds what JSON.parse makes of it,
 * and values that JSON cannot say (U52, U76, U79). Not with parked structs, see fuzz_apply.c.
 * (That a state loads and is written as itself does not hold: an item that names one element as its
 * origin and its right origin makes Yjs cut and join in turns.) */
static void expect_reload_equal(struct yd_doc *doc)
{
    if (yd_doc_pending(doc).structs) return;
    struct yd_doc *first = passed_through(doc, YD_V1);
    struct yd_doc *second = passed_through(doc, YD_V2);
    if (first != NULL && second != NULL) {
        expect_equal(list_of(first), list_of(second));
        struct yd_buf a = plain_state(first);
        struct yd_buf b = plain_state(second);
        if (a.len > 0 && b.len > 0)
            expect_equal(a, b);
        else {
            yd_buf_deinit(&a);
            yd_buf_deinit(&b);
        }
    }
    yd_doc_free(first);
    yd_doc_free(second);
}

/* Where a place is found again after it was encoded. False: it is not. */
static bool found_again(struct yd_doc *doc, const struct yd_place *place, uint64_t *index)
{
    struct yd_place again;
    struct yd_buf made;
    yd_buf_init(&made, heap, SIZE_MAX / 2);
    if (yd_position_encode(doc, place, &made) != YD_OK) abort();
    yd_err err = yd_position_resolve(doc, yd_buf_slice(&made), &again);
    if (err == YD_OK) *index = again.index;
    yd_buf_deinit(&made);
    return err == YD_OK;
}

/* Whatever is found is encoded as something that is found again at the same place. Only the
 * history of a key, which has no places, may lead beyond the end; that is the end then. */
static void expect_position(struct yd_doc *doc, yd_slice bytes)
{
    struct yd_place place;
    uint64_t index, end;
    if (yd_position_resolve(doc, bytes, &place) != YD_OK) return;
    struct yd_place last = place;
    last.index = UINT64_MAX;
    if (!found_again(doc, &place, &index) || !found_again(doc, &last, &end)) return;
    if (index != (place.index < end ? place.index : end)) abort();
}

static void read_all(struct yd_doc *doc)
{
    static const char *const names[] = {"t", "a", "m", "x", "text", "array", "map", "xml"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        yd_slice name = {(const uint8_t *)names[i], strlen(names[i])};
        struct yd_buf out;
        yd_buf_init(&out, heap, (size_t)1 << 22);
        yd_err err = yd_doc_delta(doc, name, i & 1 ? YD_JSON_TAGGED : YD_JSON_PLAIN, &out);
        if (err != YD_OK && err != YD_ETOOBIG) abort();
        for (int root = YD_ROOT_TEXT; root <= YD_ROOT_XML; root++) {
            yd_buf_clear(&out);
            err = yd_doc_json(doc, (enum yd_root)root, name, YD_JSON_PLAIN, &out);
            if (err != YD_OK && err != YD_ETOOBIG) abort();
        }
        yd_buf_deinit(&out);
    }
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
        expect_position(doc, (yd_slice){data + at, len});
        at += len;
    }
    read_all(doc);
    expect_reload_equal(doc);
    yd_doc_free(doc);
    return 0;
}
