/* fold.c - structs of one client from several sources written as one section.
 *
 * Where it sits:   merged.c, update.c -> here -> sink.c
 * Source:          Yjs mergeUpdates; rules U54, U55 and U80 in docs/encoding.md
 *
 * Holes become Skips, what is known is left out or cut off, two GCs become one where the sources
 * change. Items are never joined. In all of Yjs's functions without a document items with an
 * origin lose their key bit.
 */
#include "fold.h"

static yd_err fold_plain(struct fold *fold, uint8_t ref, uint32_t len)
{
    fold->count++;
    struct wire wire = {.ref = ref, .len = len, .content = YD_EMPTY};
    return sink_struct(fold->sink, &wire, (struct id){fold->id, 0}, 0, true);
}

static yd_err fold_flush(struct fold *fold)
{
    if (fold->gc_len == 0) return YD_OK;
    uint32_t len = fold->gc_len;
    fold->gc_len = 0;
    return fold_plain(fold, REF_GC, len);
}

static yd_err fold_item(struct fold *fold, const struct wire *wire, uint32_t clock, uint32_t offset,
                        bool first)
{
    struct wire cut = *wire;
    // Yjs cuts the beginning off, writes that, reads it again and only then merges.
    if (first && offset > 0) cut.flags &= WIRE_ORIGINS;
    fold->count++;
    return sink_struct(fold->sink, &cut, (struct id){fold->id, clock}, offset, true);
}

yd_err yd_fold_add(struct fold *fold, const struct wire *wire, uint32_t clock, bool joins)
{
    bool first = fold->end == NONE;
    uint32_t known = first ? fold->from : fold->end;
    uint32_t end = clock + wire->len;
    fold->grew = false;
    if (end <= known) return YD_OK;
    uint32_t offset = clock < known ? known - clock : 0;
    if (first) {
        YD_TRY(yd_sink_section_open(fold->sink, fold->id, clock + offset));
    } else if (clock > fold->end) {
        YD_TRY(fold_flush(fold));
        YD_TRY(fold_plain(fold, REF_SKIP, clock - fold->end));
    }
    fold->end = end;
    if (wire->ref == REF_GC && joins && fold->gc_len > 0) {
        fold->gc_len += wire->len - offset;
        fold->grew = true;
        return YD_OK;
    }
    YD_TRY(fold_flush(fold));
    if (wire->ref != REF_GC) return fold_item(fold, wire, clock, offset, first);
    fold->gc_len = wire->len - offset;
    return YD_OK;
}

yd_err yd_fold_end(struct fold *fold)
{
    if (fold->end == NONE) return YD_OK;
    YD_TRY(fold_flush(fold));
    return yd_sink_section_close(fold->sink, fold->count);
}
