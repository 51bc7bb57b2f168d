/* backup/record.h - how one backup of a room is written down, in a file or in a pack of many.
 *
 *   offset  size     field
 *   0       4        "pdR1"
 *   4       4        u32 LE, length of the head
 *   8       -        the head:
 *                      u8 form: 1, an update V1; 2, the room was deleted; 3, erased (no bytes)
 *                      u64 LE node that wrote it
 *                      varuint epoch, varuint seq, varuint when (ms since 1970)
 *                      varbytes name of the room, "party/room"
 *                      32 bytes SHA-256 of the update, varuint its length
 *                      varuint count of what it holds of other nodes, each: u64 LE node, varuint
 *                      epoch, varuint seq
 *   8 + n   4        u32 LE, CRC-32 of all before
 *   12 + n  -        the update
 *
 * Several servers may write about one room, each its own chain. A restore merges the newest of each
 * chain, so nobody can hide what another has written. What a record says it holds of others is what
 * was merged into it: those records are no longer needed.
 *
 * Pure functions over bytes. Rule B7. */
#ifndef BACKUP_RECORD_H
#define BACKUP_RECORD_H

#include "backup/sink.h"

#define RECORD_HELD_MAX  64
#define RECORD_HEAD_MAX  4096 /* bytes before the update, at most */
#define RECORD_FIXED     8    /* bytes that say how long the head is */
#define RECORD_SHA_BYTES 32
#define RECORD_SHA_BEGIN 8 /* enough to tell one copy from another */

struct held {
    uint64_t node;
    struct version version;
};

/* A record on the stack is large: head and all that it may hold. */
struct record {
    uint64_t node;
    struct version version;
    enum fate fate;
    uint64_t when_ms;
    yd_slice room;
    uint8_t sha256[RECORD_SHA_BYTES];
    uint64_t bytes; /* of the update */
    struct held held[RECORD_HELD_MAX];
    uint32_t held_count;
    struct version own; /* of its own node, up to which it is known to hold all; not written down */
};

/* Appends all that comes before the update. Errors: YD_ENOMEM, YD_ETOOBIG. */
YD_NODISCARD yd_err record_write(struct yd_buf *out, const struct record *record);
/* Bytes before the update, from the first RECORD_FIXED bytes. 0: this is no record. */
size_t record_head_bytes(yd_slice first);
/* Reads the head; room borrows. Errors: YD_EMALFORMED. */
YD_NODISCARD yd_err record_read(yd_slice head, struct record *record);
/* Whether the update is the one that was written down. Cost: hashes it. */
bool record_holds(const struct record *record, yd_slice update);

/* Whether what is there already, of this node and version, is part of what is about to be written.
 */
bool record_follows(const struct record *record, uint64_t node, struct version version,
                    const uint8_t sha_begin[RECORD_SHA_BEGIN]);
/* Whether what is there of this node, which says that the room was deleted, was taken back since:
 * the epoch is higher then. An older state of the store has the epoch of before. Then record->own
 * is moved. */
bool record_takes_back(struct record *record, uint64_t node, struct version version);
/* Whether `record` makes the other one superfluous. */
bool record_covers(const struct record *record, uint64_t node, struct version version);
/* Notes that what comes now holds that version of a node, and what that held. What does not fit is
 * left out: then an old record is kept longer than it has to be. */
void record_hold(struct record *record, uint64_t node, struct version version);
bool record_is_full(const struct record *record);
void record_hold_all(struct record *record, const struct record *other);

#endif
