/* journal.h - the blob of one journal row: what one commit brought. Pure functions over bytes. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "ydoc/base.h"

/*  offset        size     field
 *  0             1        version, 3 (2 is read: it has neither time nor carried)
 *  1             varuint  lsn: the row's own number, so that a row cannot stand for another
 *  -             varuint  time of the commit, ms since 1970
 *  -             varuint  carried: so many entries, the first ones, stood in an older row before
 *  -             varuint  count
 *  -             -        count times: varuint room id, varuint length, u32 LE CRC-32 of the bytes
 *  -             4        u32 LE CRC-32 of all before
 *  -             -        the bytes of all entries, one behind the other
 * Rule S3: a damaged entry damages its room; a damaged head cannot be attributed to any. */
struct journal_entry {
    uint64_t room;
    uint32_t offset; /* in the blob */
    uint32_t len;
    uint32_t crc;
    bool is_carried;
};

struct journal_reader {
    struct yd_reader head;
    yd_slice blob;
    uint64_t left;
    uint64_t offset;
    uint64_t at;      /* ms since 1970; 0: unknown */
    uint64_t carried; /* entries that were carried along and are not read yet */
};

struct journal_row {
    uint64_t lsn, at;
    uint64_t carried;
};

/* CRC-32 as zlib's: crc.c. More: of what stood before, `crc`, and these bytes. */
uint32_t store_crc(yd_slice bytes);
uint32_t store_crc_more(uint32_t crc, yd_slice bytes);

/* Appends the head of a row for `count` entries whose room, len and crc are given. */
YD_NODISCARD yd_err journal_head(struct yd_buf *out, const struct journal_row *row,
                                 const struct journal_entry *entries, size_t count);
/* Overwrites all bytes of the room with zeroes, in place: the row stays what it was for all others.
 * False: there are none. The blob has been opened before. */
bool journal_wipe(uint8_t *blob, size_t len, uint64_t lsn, uint64_t room);
/* False: the head is damaged, or this is not row lsn. */
bool journal_open(struct journal_reader *r, uint64_t lsn, yd_slice blob);
bool journal_next(struct journal_reader *r, struct journal_entry *entry);

#endif
