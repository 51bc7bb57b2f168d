/* read_v1.c - structs out of update format V1 and the inner form.
 *
 * Where it sits:   validate.c, apply.c, pending.c -> here
 * Source:          Yjs UpdateDecoderV1, readItemContent; docs/encoding.md
 *
 * The body is in v1_struct.h and compiled twice here (in wasm once).
 */
#include "v1_struct.h"

static const struct codec_id unknown;

void yd_v1_read(struct yd_reader *r, struct wire *wire)
{
    v1_struct(r, wire, &unknown, false, true);
    YD_ASSERT(!r->failed);
}

void yd_v1_check(struct yd_reader *r, const struct codec_id *own, uint32_t clock, bool inner,
                 struct wire *wire)
{
    v1_check(r, own, clock, wire, inner);
}

void yd_v1_content(struct yd_reader *r, struct wire *wire) { v1_content(r, wire, true); }
