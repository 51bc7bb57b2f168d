/* fuzz_load.c - an update from anywhere into an empty document, the short way, and into one that
 * has a letter, the long way. Both must say the same of it and end alike. */
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

/* Of client 2^53 - 3, in a root of its own. */
static const uint8_t letter[] = {1,    1,    0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f,
                                 0x00, 0x04, 0x01, 0x02, '~',  '~',  0x01, 'z',  0x00};

struct side {
    struct yd_doc *doc;
    struct yd_applied applied;
    struct yd_buf last, state;
    yd_err err;
};

static void letter_apply(struct side *side)
{
    if (yd_doc_apply(side->doc, (yd_slice){letter, sizeof letter}, YD_V1, NULL) != YD_OK) abort();
}

static void update_apply(struct side *side, yd_slice update, enum yd_format format)
{
    side->err = yd_doc_apply(side->doc, update, format, &side->applied);
    if (side->err == YD_ENOMEM) abort();
    yd_doc_check(side->doc);
    if (side->err != YD_OK) return;
    if (yd_doc_last_update(side->doc, YD_V1, &side->last) != YD_OK) abort();
}

static struct side side_new(bool keep_deleted)
{
    struct side side = {.doc = NULL};
    struct yd_doc_opts opts = {.keep_deleted = keep_deleted, .doc_bytes_max = (size_t)512 << 20};
    if (yd_doc_new(heap, &opts, &side.doc) != YD_OK) abort();
    yd_buf_init(&side.last, heap, SIZE_MAX / 2);
    yd_buf_init(&side.state, heap, SIZE_MAX / 2);
    return side;
}

static void side_free(struct side *side)
{
    yd_doc_free(side->doc);
    yd_buf_deinit(&side->last);
    yd_buf_deinit(&side->state);
}

static void expect(bool good)
{
    if (!good) abort();
}

static bool same_bytes(const struct yd_buf *a, const struct yd_buf *b)
{
    return yd_slice_equal(yd_buf_slice(a), yd_buf_slice(b));
}

static void compare(struct side *a, struct side *b)
{
    expect(a->err == b->err && a->applied.error_at == b->applied.error_at);
    expect(a->applied.changed == b->applied.changed && a->applied.parked == b->applied.parked);
    expect(a->applied.known_part == b->applied.known_part && same_bytes(&a->last, &b->last));
    expect(yd_doc_encode_state(a->doc, YD_EMPTY, YD_V1, &a->state) == YD_OK);
    expect(yd_doc_encode_state(b->doc, YD_EMPTY, YD_V1, &b->state) == YD_OK);
    expect(same_bytes(&a->state, &b->state));
}

/* Byte 0: 1 keeps what is deleted, 2 is format V2. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || memmem(data, size, letter + 2, 8) != NULL) return 0;
    enum yd_format format = (data[0] & 2) != 0 ? YD_V2 : YD_V1;
    struct side loaded = side_new((data[0] & 1) != 0), slow = side_new((data[0] & 1) != 0);
    uint8_t *copy = malloc(size); // of its own, so that reading beyond it is seen
    if (copy == NULL) abort();
    memcpy(copy, data + 1, size - 1);
    yd_slice update = {copy, size - 1};
    update_apply(&loaded, update, format);
    letter_apply(&slow);
    update_apply(&slow, update, format);
    letter_apply(&loaded);
    compare(&loaded, &slow);
    free(copy);
    side_free(&loaded);
    side_free(&slow);
    return 0;
}
