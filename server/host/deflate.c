/* deflate.c - what is compressed on its way out, and by what.
 *
 * Where it sits:   effects.c, flow.c, outbox.c -> deflate_chunk() -> conn_write()
 *
 * A room's broadcasts of one flush are one chunk; who takes them compressed gets another one, made
 * when the first such member is met, so that a room pays once however many are in it. Frames keep
 * their borders: each is compressed by itself, or left as it is. What goes to one member alone is
 * compressed for it alone, unless others are sent the same (slot_shared()). Broadcasts to members
 * whose frames are their own (SESSION_WIRE_OWN) are not compressed: that would be once for each.
 */
#include "host/shard.h"

#include <stdlib.h>

#define LEVEL_ON 1
/* The loop stands still while a frame is compressed: 10 to 20 ms for this much. Documents come in
 * parts that are smaller; larger ones are single updates. */
#define FRAME_BYTES_MAX ((size_t)1 << 20)

/* 0: off. */
static int level(const struct shard *shard)
{
    const char *text = shard->settings->compression;
    if (text == NULL || text[0] == 0 || (text[0] == 'o' && text[1] == 'f')) return 0;
    return text[0] == 'o' ? LEVEL_ON : text[0] - '0';
}

bool deflate_is_on(const struct shard *shard) { return level(shard) > 0; }

static struct ws_deflate_range range(const struct shard *shard)
{
    return (struct ws_deflate_range){(size_t)shard->settings->compression_bytes_min,
                                     FRAME_BYTES_MAX};
}

bool deflate_tries(const struct shard *shard, size_t payload_len)
{
    struct ws_deflate_range r = range(shard);
    return payload_len + SESSION_HEAD_MAX >= r.min && payload_len <= r.max;
}

struct ws_inflate *deflate_inflater(struct shard *shard)
{
    if (shard->inflate == NULL) shard->inflate = ws_inflate_new();
    if (shard->inflate == NULL) abort();
    return shard->inflate;
}

struct chunk *deflate_chunk(struct shard *shard, struct chunk *frames)
{
    yd_slice bytes = {frames->bytes, frames->len};
    struct chunk *deflated = NULL;
    if (ws_deflate_tries(bytes, range(shard))) {
        struct yd_buf to;
        yd_buf_init(&to, heap_alloc(), SIZE_MAX / 2);
        if (shard->deflate == NULL) shard->deflate = ws_deflate_new(level(shard));
        if (shard->deflate == NULL) abort();
        bool shrank = ws_deflate_frames(shard->deflate, bytes, range(shard), &to);
        if (shrank) deflated = chunk_new(yd_buf_slice(&to), YD_EMPTY);
        yd_buf_deinit(&to);
    }
    if (deflated != NULL) return deflated;
    frames->refs++;
    return frames;
}

void deflate_free(struct shard *shard)
{
    ws_inflate_free(shard->inflate);
    ws_deflate_free(shard->deflate);
}
