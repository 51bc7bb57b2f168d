/* pack.c - see pack.h. */
#include "backup/pack.h"

#include <string.h>
#include <zlib.h>

#include "ops/heap.h"

static const uint8_t mark[8] = {'p', 'd', 'P', 'A', 'C', 'K', '1', '\n'};

static void put_u32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *in)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) value |= (uint32_t)in[i] << (8 * i);
    return value;
}

void pack_begin(struct pack_writer *w, size_t max)
{
    yd_buf_init(&w->bytes, heap_alloc(), max);
    yd_buf_init(&w->list, heap_alloc(), PACK_LIST_MAX);
    w->count = 0;
}

void pack_deinit(struct pack_writer *w)
{
    yd_buf_deinit(&w->bytes);
    yd_buf_deinit(&w->list);
}

static yd_err list_add(struct pack_writer *w, size_t offset, yd_slice head)
{
    yd_err err = yd_buf_varuint(&w->list, offset);
    if (err == YD_OK) err = yd_buf_varbytes(&w->list, head);
    if (err == YD_OK) w->count++;
    return err;
}

yd_err pack_add(struct pack_writer *w, const struct record *record, yd_slice update)
{
    size_t offset = w->bytes.len;
    yd_err err = record_write(&w->bytes, record);
    yd_slice head = {w->bytes.ptr + offset, w->bytes.len - offset};
    if (err == YD_OK) err = list_add(w, offset, head);
    return err == YD_OK ? yd_buf_append(&w->bytes, update) : err;
}

yd_err pack_add_whole(struct pack_writer *w, yd_slice record)
{
    size_t offset = w->bytes.len, len = record_head_bytes(record);
    if (len == 0 || len > record.len) return YD_EMALFORMED;
    yd_err err = list_add(w, offset, (yd_slice){record.ptr, len});
    return err == YD_OK ? yd_buf_append(&w->bytes, record) : err;
}

yd_err pack_end(struct pack_writer *w)
{
    uint8_t tail[PACK_TAIL_BYTES];
    put_u32(tail, (uint32_t)w->list.len);
    put_u32(tail + 4, (uint32_t)crc32(0, w->list.ptr, (uInt)w->list.len));
    memcpy(tail + 8, mark, sizeof mark);
    yd_err err = yd_buf_append(&w->bytes, yd_buf_slice(&w->list));
    return err == YD_OK ? yd_buf_append(&w->bytes, (yd_slice){tail, sizeof tail}) : err;
}

bool pack_list_bytes(yd_slice tail, size_t *len)
{
    if (tail.len < PACK_TAIL_BYTES) return false;
    const uint8_t *at = tail.ptr + tail.len - PACK_TAIL_BYTES;
    *len = get_u32(at);
    return memcmp(at + 8, mark, sizeof mark) == 0 && *len <= PACK_LIST_MAX;
}

bool pack_open(struct pack_reader *r, yd_slice end)
{
    size_t len = 0;
    if (!pack_list_bytes(end, &len) || end.len != len + PACK_TAIL_BYTES) return false;
    r->list = yd_reader_of((yd_slice){end.ptr, len});
    return get_u32(end.ptr + len + 4) == (uint32_t)crc32(0, end.ptr, (uInt)len);
}

bool pack_next(struct pack_reader *r, struct record *record, uint64_t *offset, uint64_t *bytes)
{
    if (r->list.failed || yd_reader_left(&r->list) == 0) return false;
    *offset = yd_read_varuint(&r->list);
    yd_slice head = yd_read_varbytes(&r->list);
    if (!r->list.failed && record_read(head, record) != YD_OK) r->list.failed = true;
    *bytes = head.len + (r->list.failed ? 0 : record->bytes);
    return !r->list.failed;
}
