/* backup/seen.h - what was restored of rooms, until the first backup that holds it has been
 * written. By room; bounded: what does not fit is forgotten, and old records are kept longer than
 * needed. */
#ifndef BACKUP_SEEN_H
#define BACKUP_SEEN_H

#include "backup/record.h"

struct seen; /* a table; NULL: an empty one */

void seen_note(struct seen **seen, yd_slice room, const struct record *found);
/* Adds it to a record that is about to be written. */
void seen_apply(struct seen *seen, struct record *record);
void seen_forget(struct seen **seen, yd_slice room);
void seen_free(struct seen **seen);

#endif
