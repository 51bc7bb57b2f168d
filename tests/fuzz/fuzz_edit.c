/* fuzz_edit.c - edits and updates in turn: byte 0 of each piece says what it is and in whose name,
 * byte 1 its length / 4, the rest is a script (libydoc/driver/script.h) or an update.
 * After each the document keeps its invariants, and a second one that only gets what the first one
 * emits, in V1 or V2, has the same clocks and the same deletes. */
#include <stdlib.h>
#include <string.h>

#include "libydoc/driver/script.h"
#include "ydoc/shared.h"
#include "ydoc/snapshot.h"

static void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size > 0) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

static const yd_alloc heap = {heap_resize, NULL};

enum { PIECE_UPDATE = 1, PIECE_NAMES = 6, PIECE_V2 = 8, DOC_KEEPS = 16 };

struct pair {
    struct yd_doc *doc;
    struct yd_doc *mirror;
    struct yd_buf out;
    struct yd_buf other;
};

static struct yd_doc *doc_new(bool keeps)
{
    struct yd_doc *doc = NULL;
    struct yd_doc_opts opts = {
        .doc_bytes_max = (size_t)256 << 20, .keep_deleted = keeps, .note_changes = true};
    if (yd_doc_new(heap, &opts, &doc) != YD_OK) abort();
    return doc;
}

/* Gives the mirror what the document emitted. */
static void pass_on(struct pair *p, enum yd_format format)
{
    yd_buf_clear(&p->out);
    if (yd_doc_last_update(p->doc, format, &p->out) != YD_OK) abort();
    if (p->out.len == 0) return;
    if (yd_doc_apply(p->mirror, yd_buf_slice(&p->out), format, NULL) != YD_OK) abort();
    yd_doc_check(p->mirror);
}

static void expect_alike(struct pair *p)
{
    yd_buf_clear(&p->out);
    yd_buf_clear(&p->other);
    if (yd_snapshot_encode(p->doc, YD_V2, &p->out) != YD_OK) abort();
    if (yd_snapshot_encode(p->mirror, YD_V2, &p->other) != YD_OK) abort();
    if (!yd_slice_equal(yd_buf_slice(&p->out), yd_buf_slice(&p->other))) abort();
}

/* An edit that is refused alone leaves the document as it was. */
static void edit(struct pair *p, yd_slice bytes, uint64_t client)
{
    struct script script = {.doc = p->doc, .alloc = heap};
    yd_buf_init(&script.made, heap, SIZE_MAX / 2);
    if (yd_edit_begin(p->doc, client) != YD_OK) abort();
    if (script_run(&script, bytes, NULL) == YD_ENOMEM) abort();
    if (yd_edit_commit(p->doc, NULL) != YD_OK) abort();
    yd_buf_deinit(&script.made);
}

static void piece(struct pair *p, uint8_t what, yd_slice bytes)
{
    enum yd_format format = what & PIECE_V2 ? YD_V2 : YD_V1;
    if (what & PIECE_UPDATE) {
        if (yd_doc_apply(p->doc, bytes, format, NULL) == YD_ENOMEM) abort();
    } else {
        edit(p, bytes, 1 + (what & PIECE_NAMES) / 2);
    }
    yd_doc_check(p->doc);
    pass_on(p, format);
    expect_alike(p);
}

/* Whatever was made can be read. */
static void read_all(struct pair *p)
{
    struct yd_shared shared;
    struct yd_element element;
    yd_buf_clear(&p->out);
    if (yd_shared_look(p->doc, &YD_ROOT("t"), &shared) != YD_OK) abort();
    if (yd_shared_delta(p->doc, &YD_ROOT("t"), YD_JSON_TAGGED, &p->out) != YD_OK) abort();
    if (yd_shared_keys(p->doc, &YD_ROOT("m"), &p->out) != YD_OK) abort();
    yd_err err = yd_shared_at(p->doc, &YD_ROOT("a"), 0, YD_JSON_PLAIN, &p->out, &element);
    if (err != YD_OK && err != YD_ENOTFOUND) abort();
    if (yd_doc_json(p->doc, YD_ROOT_XML, YD_LITERAL("x"), YD_JSON_PLAIN, &p->out) != YD_OK) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool keeps = size > 0 && (data[0] & DOC_KEEPS) != 0;
    struct pair p = {doc_new(keeps), doc_new(keeps), {.ptr = NULL}, {.ptr = NULL}};
    yd_buf_init(&p.out, heap, SIZE_MAX / 2);
    yd_buf_init(&p.other, heap, SIZE_MAX / 2);
    for (size_t at = 0; size - at >= 2;) {
        uint8_t what = data[at];
        size_t len = (size_t)data[at + 1] * 4;
        at += 2;
        if (len > size - at) len = size - at;
        // A copy of its own, so that reading beyond it is seen.
        uint8_t *copy = malloc(len + 1);
        if (copy == NULL) abort();
        memcpy(copy, data + at, len);
        piece(&p, what, (yd_slice){copy, len});
        free(copy);
        at += len;
    }
    read_all(&p);
    yd_doc_free(p.doc);
    yd_doc_free(p.mirror);
    yd_buf_deinit(&p.out);
    yd_buf_deinit(&p.other);
    return 0;
}
