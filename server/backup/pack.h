/* backup/pack.h - many rooms in one object: records (record.h), one behind the other, and what
 * there is.
 *
 *   -           records: head and update of each
 *   -           count times: varuint offset of the record, varbytes its head once more
 *   end - 16    u32 LE length of that list, u32 LE its CRC-32, "pdPACK1\n"
 *
 * Pure functions over bytes. */
#ifndef BACKUP_PACK_H
#define BACKUP_PACK_H

#include "backup/record.h"

#define PACK_TAIL_BYTES 16
#define PACK_LIST_MAX   ((size_t)64 << 20)

struct pack_writer {
    struct yd_buf bytes; /* to be ended by pack_end() */
    struct yd_buf list;
    size_t count;
};

void pack_begin(struct pack_writer *w, size_t max);
void pack_deinit(struct pack_writer *w);
/* Adds a room. Errors: YD_ENOMEM, YD_ETOOBIG. */
YD_NODISCARD yd_err pack_add(struct pack_writer *w, const struct record *record, yd_slice update);
/* Adds a record as it stands in another pack. */
YD_NODISCARD yd_err pack_add_whole(struct pack_writer *w, yd_slice record);
/* Ends it: bytes are the object. */
YD_NODISCARD yd_err pack_end(struct pack_writer *w);

/* How long the list is, by the last PACK_TAIL_BYTES of an object. False: it is no pack. */
YD_NODISCARD bool pack_list_bytes(yd_slice tail, size_t *len);
/* The last `len + PACK_TAIL_BYTES` bytes of an object: gives one entry after the other. */
struct pack_reader {
    struct yd_reader list;
};
YD_NODISCARD bool pack_open(struct pack_reader *r, yd_slice end);
/* False: that was all, or (r->list.failed) it is damaged. offset and bytes: of the whole record. */
YD_NODISCARD bool pack_next(struct pack_reader *r, struct record *record, uint64_t *offset,
                            uint64_t *bytes);

#endif
