/* journal.c - see journal.h. */
#include "store/journal.h"

#include <string.h>

#define VERSION         3
#define VERSION_NO_TIME 2

static uint32_t get_u32(struct yd_reader *r)
{
    yd_slice b = yd_read_bytes(r, 4);
    if (r->failed) return 0;
    return (uint32_t)b.ptr[0] | (uint32_t)b.ptr[1] << 8 | (uint32_t)b.ptr[2] << 16 |
           (uint32_t)b.ptr[3] << 24;
}

static void set_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

#define ENTRY_MAX ((size_t)24)     /* two varuints and a checksum */
#define HEAD_MAX  ((size_t)1 + 44) /* four varuints, and the checksum at the end */

yd_err journal_head(struct yd_buf *out, const struct journal_row *row,
                    const struct journal_entry *entries, size_t count)
{
    yd_err err = yd_buf_reserve(out, HEAD_MAX + count * ENTRY_MAX);
    if (err != YD_OK) return err;
    uint8_t *begin = out->ptr + out->len, *at = begin;
    *at++ = VERSION;
    at += yd_varuint_put(at, row->lsn);
    at += yd_varuint_put(at, row->at);
    at += yd_varuint_put(at, row->carried);
    at += yd_varuint_put(at, count);
    for (size_t i = 0; i < count; i++) {
        at += yd_varuint_put(at, entries[i].room);
        at += yd_varuint_put(at, entries[i].len);
        set_u32(at, entries[i].crc);
        at += 4;
    }
    set_u32(at, store_crc((yd_slice){begin, (size_t)(at - begin)}));
    out->len += (size_t)(at + 4 - begin);
    return YD_OK;
}

/* Reads the entries once to find the end of the head and to check it. */
bool journal_open(struct journal_reader *r, uint64_t lsn, yd_slice blob)
{
    struct yd_reader head = yd_reader_of(blob);
    uint8_t version = yd_read_u8(&head);
    if (version != VERSION && version != VERSION_NO_TIME) return false;
    if (yd_read_varuint(&head) != lsn) return false;
    uint64_t at = version == VERSION ? yd_read_varuint(&head) : 0;
    uint64_t carried = version == VERSION ? yd_read_varuint(&head) : 0;
    uint64_t count = yd_read_varuint(&head);
    if (count > blob.len || carried > count) return false;
    *r = (struct journal_reader){
        .head = head, .blob = blob, .left = count, .at = at, .carried = carried};

    uint64_t bytes = 0;
    for (uint64_t i = 0; i < count; i++) {
        (void)yd_read_varuint(&head);
        uint64_t len = yd_read_varuint(&head);
        (void)get_u32(&head);
        if (head.failed || len > blob.len) return false;
        bytes += len;
    }
    size_t checked = blob.len - yd_reader_left(&head);
    uint32_t crc = get_u32(&head);
    if (head.failed || crc != store_crc((yd_slice){blob.ptr, checked})) return false;
    r->offset = checked + 4;
    return bytes == yd_reader_left(&head);
}

bool journal_next(struct journal_reader *r, struct journal_entry *entry)
{
    if (r->left == 0) return false;
    r->left--;
    entry->is_carried = r->carried > 0;
    if (r->carried > 0) r->carried--;
    entry->room = yd_read_varuint(&r->head);
    entry->len = (uint32_t)yd_read_varuint(&r->head);
    entry->crc = get_u32(&r->head);
    entry->offset = (uint32_t)r->offset;
    r->offset += entry->len;
    return !r->head.failed;
}

bool journal_wipe(uint8_t *blob, size_t len, uint64_t lsn, uint64_t room)
{
    struct journal_reader r;
    struct journal_entry e;
    bool found = false;
    if (!journal_open(&r, lsn, (yd_slice){blob, len})) return false;
    size_t head_len = (size_t)r.offset - 4;
    while (journal_next(&r, &e)) {
        if (e.room != room) continue;
        found = true;
        memset(blob + e.offset, 0, e.len);
        set_u32((uint8_t *)r.head.at - 4, store_crc((yd_slice){blob + e.offset, e.len}));
    }
    set_u32(blob + head_len, store_crc((yd_slice){blob, head_len}));
    return found;
}
