/* outbox.c - see outbox.h.
 *
 * A buffer moves while it grows, so a record remembers an offset into it, marked by its place, and
 * outbox_finish() makes addresses of them.
 */
#include "outbox.h"

#include <string.h>

#define JOIN_BYTES_MAX                                                                             \
    ((size_t)64 << 10) /* above, two copies in JavaScript are cheaper than one here */
#define KEEP_BYTES      ((size_t)256 << 10)
#define RECORDS_AT_ONCE 64

/* In head: the bytes are in out->bytes at this offset; the body follows or is elsewhere. */
#define HERE 0x80000000u

void outbox_init(struct outbox *out, yd_alloc alloc)
{
    *out = (struct outbox){.alloc = alloc};
    yd_buf_init(&out->bytes, alloc, SIZE_MAX / 2);
}

void outbox_reset(struct outbox *out)
{
    out->count = 0;
    out->lends = false;
    if (out->bytes.cap > KEEP_BYTES) yd_buf_deinit(&out->bytes);
    yd_buf_clear(&out->bytes);
}

yd_err outbox_push(struct outbox *out, struct abi_record record)
{
    if (out->count == out->cap) {
        uint32_t cap = out->cap == 0 ? RECORDS_AT_ONCE : out->cap * 2;
        struct abi_record *list = out->alloc.resize(out->alloc.ctx, out->list,
                                                    out->cap * sizeof *list, cap * sizeof *list);
        if (list == NULL) return YD_ENOMEM;
        out->list = list;
        out->cap = cap;
    }
    out->list[out->count++] = record;
    return YD_OK;
}

yd_err outbox_send(struct outbox *out, struct abi_record record, yd_slice head, yd_slice payload)
{
    uint32_t at = (uint32_t)out->bytes.len;
    yd_err err = yd_buf_append(&out->bytes, head);
    if (payload.len <= JOIN_BYTES_MAX) {
        if (err == YD_OK) err = yd_buf_append(&out->bytes, payload);
        record.body = at | HERE;
        record.body_len = (uint32_t)(head.len + payload.len);
    } else {
        record.head = at | HERE;
        record.head_len = (uint32_t)head.len;
        record.body = (uint32_t)(uintptr_t)payload.ptr;
        record.body_len = (uint32_t)payload.len;
        out->lends = true;
    }
    return err == YD_OK ? outbox_push(out, record) : err;
}

yd_err outbox_text(struct outbox *out, struct abi_record record, const char *text)
{
    yd_slice bytes = text == NULL ? YD_EMPTY : (yd_slice){(const uint8_t *)text, strlen(text)};
    record.body = (uint32_t)(uintptr_t)bytes.ptr;
    record.body_len = (uint32_t)bytes.len;
    return outbox_push(out, record);
}

static uint32_t address(const struct outbox *out, uint32_t at)
{
    if ((at & HERE) == 0) return at;
    return (uint32_t)(uintptr_t)(out->bytes.ptr + (at & ~HERE));
}

void outbox_finish(struct outbox *out)
{
    for (uint32_t i = 0; i < out->count; i++) {
        out->list[i].head = address(out, out->list[i].head);
        out->list[i].body = address(out, out->list[i].body);
    }
}
