/* known.c - whether an update would bring anything, without applying it.
 *
 * Where it sits:   documents.c, a reader's STEP2 -> here -> ydoc/update.h
 *
 * Structs: nothing is left of the update when what a holder of our state vector has is cut away.
 * Deletes: an update always has all that its sender knows of. Ours, and ours merged with those of
 * the update, are the same bytes.
 */
#include "state.h"
#include "ydoc/update.h"

/* Appends an update that holds the deletes of the document and nothing else. */
static yd_err deletes_append(struct room *room, struct yd_buf *out)
{
    yd_err err = yd_buf_u8(out, 0); // no structs
    if (err == YD_OK) err = yd_doc_snapshot(room->doc, out);
    if (err != YD_OK) return err;
    // A snapshot is the deletes, client by client, and then the state vector: that is cut off.
    struct yd_reader r = yd_reader_of(yd_buf_slice(out));
    (void)yd_read_u8(&r);
    for (uint64_t clients = yd_read_varuint(&r); clients > 0; clients--) {
        (void)yd_read_varuint(&r);
        for (uint64_t ranges = yd_read_varuint(&r); ranges > 0; ranges--) {
            (void)yd_read_varuint(&r);
            (void)yd_read_varuint(&r);
        }
    }
    YD_ASSERT(!r.failed);
    out->len = (size_t)(r.at - out->ptr);
    return YD_OK;
}

static yd_err merge(const struct yd_buf *a, const struct yd_buf *b, struct yd_buf *out)
{
    const struct yd_update both[] = {{yd_buf_slice(a), YD_V1}, {yd_buf_slice(b), YD_V1}};
    return yd_update_merge(both, 2, YD_V1, out, NULL);
}

/* rest: the update without the structs that we have. */
static yd_err deletes_known(struct room *room, const struct yd_buf *rest, bool *known)
{
    struct yd_buf ours, alone, together;
    yd_buf_init(&ours, room->alloc, SIZE_MAX / 2);
    yd_buf_init(&alone, room->alloc, SIZE_MAX / 2);
    yd_buf_init(&together, room->alloc, SIZE_MAX / 2);
    yd_err err = deletes_append(room, &ours);
    // With itself, so that both are written by the same hand.
    if (err == YD_OK) err = merge(&ours, &ours, &alone);
    if (err == YD_OK) err = merge(&ours, rest, &together);
    *known = err == YD_OK && yd_slice_equal(yd_buf_slice(&alone), yd_buf_slice(&together));
    yd_buf_deinit(&ours);
    yd_buf_deinit(&alone);
    yd_buf_deinit(&together);
    return err;
}

yd_err document_knows(struct room *room, yd_slice update, bool *known)
{
    struct yd_buf sv, rest;
    yd_buf_init(&sv, room->alloc, SIZE_MAX / 2);
    yd_buf_init(&rest, room->alloc, SIZE_MAX / 2);
    *known = false;
    yd_err err = yd_doc_state_vector(room->doc, &sv);
    if (err == YD_OK) {
        struct yd_update whole = {update, YD_V1};
        err = yd_update_diff(whole, yd_buf_slice(&sv), YD_V1, &rest);
    }
    bool has_structs = err == YD_OK && rest.ptr[0] != 0;
    if (err == YD_OK && !has_structs) err = deletes_known(room, &rest, known);
    yd_buf_deinit(&sv);
    yd_buf_deinit(&rest);
    return err;
}
