/* backup/shelf.h - the files of the directory sink: one folder a room, one file a version.
 *
 *   DIR/partyd-backup                     says that this is a folder of backups, and that it is
 * mounted DIR/3f/main_doc-1.3f09.../            a room: 24 digits of the SHA-256 of its name
 *       0000000000000001-00000000000000c4-9c0f....room    epoch, seq, node; a record (record.h)
 *       0000000000000001-00000000000000c7-9c0f....gone    the room was deleted; a record too
 *       .new-9c0f...                      being written
 *
 * A file appears by rename, after it and before its folder were synced: a reader sees whole files
 * only. Blocking calls, for libuv's workers. No state. Errors: false, and a sentence in why. */
#ifndef BACKUP_SHELF_H
#define BACKUP_SHELF_H

#include "backup/record.h"

struct shelf {
    const char *dir;
    uint64_t node;
    uint64_t now_ms; /* since 1970; what is kept of older versions depends on it */
};

struct shelf_why {
    char text[SINK_WHY_MAX];
};

/* Makes the folder and its mark if there is nothing; is_new: there was nothing. */
YD_NODISCARD bool shelf_open(const char *dir, bool *is_new, struct shelf_why *why);

enum shelf_put { SHELF_STORED, SHELF_STALE, SHELF_GONE, SHELF_FAILED };
/* Writes one record. record->held: what was merged since; what the file before it held is added.
 * STALE: there is something that it does not hold (`newest`), of another node, or of this one that
 * does not remember it. GONE: another node has deleted the room. Then removes versions that are not
 * kept; of a room that was erased all others. A record that says deleted is never GONE, and STALE
 * only after a later one of its own node. */
enum shelf_put shelf_put(const struct shelf *shelf, struct record *record, yd_slice update,
                         struct version *newest, struct shelf_why *why);

/* What there is of a room: parts and, in `found`, the newest version and all that is held by them.
 * parts NULL: nothing, or (found->fate) it was deleted. False: there is something, or there may be,
 * and it cannot be read. */
YD_NODISCARD bool shelf_get(const struct shelf *shelf, yd_slice room, struct part **parts,
                            struct record *found, struct shelf_why *why);

#define SHELF_PAGE 256
struct shelf_page {
    struct {
        char name[SINK_ROOM_MAX + 1];
        struct version version;
        uint64_t bytes;
    } * rooms; /* SHELF_PAGE of them */
    size_t count;
    char after[320];
};
/* The page behind page->after; an empty one is the end. */
YD_NODISCARD bool shelf_list(const struct shelf *shelf, struct shelf_page *page,
                             struct shelf_why *why);

#endif
