/* pack.c - snapshots in the form in which they are stored.
 *
 * zstd at level 3: of the levels measured, those above cost two to ten times the time for a tenth
 * of the bytes (docs/decisions/0070). Small snapshots are first brought into the format V2, which
 * packs by another third. That is done only if the way back gives the same bytes: what is stored is
 * exactly what was given, whatever it is.
 */
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "ops/heap.h"
#include "store/database.h"
#include "ydoc/update.h"

#define LEVEL       3
#define V2_MAX      ((size_t)384 * 1024) /* there and back takes about 10 ns a byte */
#define SLICE_BYTES ((size_t)256 << 10) /* 1.5 to 3 ms of packing */
#define WHOLE_MAX   ((size_t)1 << 20)   /* is packed at once: piece.c commits it as one */
#define V2_RAW_MAX  ((size_t)64 << 20) /* unpacked; more is damage */

static yd_err to_v2_and_back(struct packer *p, yd_slice update, bool *same)
{
    struct yd_buf back;
    yd_buf_init(&back, heap_alloc(), V2_RAW_MAX);
    *same = false;
    yd_err err = yd_update_convert((struct yd_update){update, YD_V1}, YD_V2, &p->v2);
    if (err == YD_OK && p->v2.len < update.len) {
        err = yd_update_convert((struct yd_update){yd_buf_slice(&p->v2), YD_V2}, YD_V1, &back);
        *same = err == YD_OK && yd_slice_equal(yd_buf_slice(&back), update);
    }
    yd_buf_deinit(&back);
    return err == YD_ENOMEM ? err : YD_OK;
}

static yd_err packer_begin(struct packer *p, yd_slice update)
{
    yd_buf_init(&p->v2, heap_alloc(), V2_RAW_MAX);
    yd_buf_init(&p->out, heap_alloc(), SIZE_MAX / 2);
    p->is_begun = true;
    p->from = update;
    p->form = FORM_V1_ZSTD;
    if (update.len <= V2_MAX) {
        bool same = false;
        yd_err err = to_v2_and_back(p, update, &same);
        if (err != YD_OK) return err;
        if (same) {
            p->from = yd_buf_slice(&p->v2);
            p->form = FORM_V2_ZSTD;
        }
    }
    p->z = ZSTD_createCCtx();
    if (p->z == NULL) return YD_ENOMEM;
    bool ok = !ZSTD_isError(ZSTD_CCtx_setParameter(p->z, ZSTD_c_compressionLevel, LEVEL)) &&
              !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(p->z, p->from.len));
    return ok ? YD_OK : YD_ENOMEM;
}

/* What packing does not make smaller is stored as it is. */
static yd_err keep_raw(struct packer *p, yd_slice update)
{
    p->form = FORM_V1;
    yd_buf_clear(&p->out);
    return yd_buf_append(&p->out, update);
}

yd_err packer_more(struct packer *p, yd_slice update)
{
    yd_err err = p->is_begun ? YD_OK : packer_begin(p, update);
    if (err != YD_OK) return err;
    size_t most = update.len <= WHOLE_MAX ? WHOLE_MAX : SLICE_BYTES;
    size_t more = p->from.len - p->fed < most ? p->from.len - p->fed : most;
    bool is_whole = p->fed == 0 && more == p->from.len;
    bool is_last = p->fed + more == p->from.len;
    ZSTD_inBuffer in = {p->from.ptr + p->fed, more, 0};
    size_t left = 1;
    while (err == YD_OK && (is_last ? left > 0 : in.pos < in.size)) {
        err = yd_buf_reserve(&p->out, ZSTD_CStreamOutSize());
        if (err != YD_OK) return err;
        ZSTD_outBuffer out = {p->out.ptr + p->out.len, p->out.cap - p->out.len, 0};
        left = ZSTD_compressStream2(p->z, &out, &in, is_last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left)) return YD_ENOMEM;
        p->out.len += out.pos;
    }
    p->fed += more;
    p->is_finished = is_last;
    return is_whole && p->out.len >= update.len ? keep_raw(p, update) : err;
}

void packer_deinit(struct packer *p)
{
    if (!p->is_begun) return;
    yd_buf_deinit(&p->v2);
    yd_buf_deinit(&p->out);
    (void)ZSTD_freeCCtx(p->z);
    *p = (struct packer){0};
}

/* ---- back -------------------------------------------------------------------------------------
 */

static yd_err unpacker_begin(struct unpacker *u)
{
    yd_buf_init(&u->v2, heap_alloc(), V2_RAW_MAX);
    u->z = ZSTD_createDCtx();
    return u->z == NULL ? YD_ENOMEM : YD_OK;
}

/* At most `max` bytes are given out: a piece says how many it stands for. */
static yd_err unpack(struct unpacker *u, yd_slice bytes, size_t max, struct yd_buf *to)
{
    ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
    size_t begin = to->len;
    for (;;) {
        if (u->is_finished) return in.pos == in.size ? YD_OK : YD_EMALFORMED;
        yd_err err = yd_buf_reserve(to, to->cap > to->len ? 1 : ZSTD_DStreamOutSize());
        if (err != YD_OK) return err;
        size_t room = to->cap - to->len;
        ZSTD_outBuffer out = {to->ptr + to->len, room, 0};
        size_t left = ZSTD_decompressStream(u->z, &out, &in);
        if (ZSTD_isError(left)) return YD_EMALFORMED;
        to->len += out.pos;
        if (to->len - begin > max) return YD_EMALFORMED;
        u->is_finished = left == 0;
        if (in.pos == in.size && out.pos < room && !u->is_finished) return YD_OK;
    }
}

yd_err unpacker_more(struct unpacker *u, const struct piece *piece, yd_slice bytes,
                     struct yd_buf *out)
{
    if (piece->form == FORM_V1) return yd_buf_append(out, bytes);
    if (piece->form != FORM_V1_ZSTD && piece->form != FORM_V2_ZSTD) return YD_EMALFORMED;
    yd_err err = u->z == NULL ? unpacker_begin(u) : YD_OK;
    if (err != YD_OK) return err;
    return piece->form == FORM_V1_ZSTD ? unpack(u, bytes, piece->raw, out)
                                       : unpack(u, bytes, V2_RAW_MAX, &u->v2);
}

yd_err unpacker_finish(struct unpacker *u, const struct piece *piece, struct yd_buf *out)
{
    if (piece->form == FORM_V1) return YD_OK;
    if (u->z == NULL || !u->is_finished) return YD_EMALFORMED;
    if (piece->form != FORM_V2_ZSTD) return YD_OK;
    yd_err err = yd_update_convert((struct yd_update){yd_buf_slice(&u->v2), YD_V2}, YD_V1, out);
    return err == YD_OK || err == YD_ENOMEM ? err : YD_EMALFORMED;
}

void unpacker_deinit(struct unpacker *u)
{
    if (u->z == NULL) return;
    yd_buf_deinit(&u->v2);
    (void)ZSTD_freeDCtx(u->z);
    *u = (struct unpacker){0};
}
