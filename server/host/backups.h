/* host/backups.h - the backup's hands in this shard: what is stored is read, marked and merged by
 * the store; rooms that the store does not know are asked for before they begin.
 *
 *   effects.c (an append) -> backups_touch()          -> backup/ -> sinks
 *   rooms.c (nothing is stored) -> backups_restore()  -> backup/ -> store_replace -> loaded again
 * docs/backup.md */
#ifndef HOST_BACKUPS_H
#define HOST_BACKUPS_H

#include <jansson.h>

#include "backup/backup.h"
#include "host/shard.h"

/* Opens what the setting "backup" says; the store is open. Errors: a sentence in why. */
YD_NODISCARD yd_err backups_open(struct shard *shard, char why[SETTINGS_ERROR_MAX]);
void backups_close(struct shard *shard);
struct backup *backups_of(struct shard *shard);
/* Something of the room goes into the batch being built. Once a batch is enough. */
void backups_touch(struct shard *shard, const struct room_slot *slot);
/* A room by its name in the store: the store was told to delete it, replace it or bring it back. */
void backups_touch_name(struct shard *shard, yd_slice name);
void backups_sweep(struct shard *shard);
/* The store works again after a failure. */
void backups_store_back(struct shard *shard);
/* Nothing is stored of a room that is being loaded. True: its sinks are asked, and its load will be
 * answered later; false: it has none. */
bool backups_restore(struct shard *shard, const struct room_slot *slot);
/* While stopping: all is backed up, or the time for it is over. */
bool backups_are_done(struct shard *shard, uint64_t now_ms);

/* For /health: an array of the sinks; for GET /api/rooms/:room: by sink, whether it has all. NULL:
 * there are none. */
json_t *backups_state(struct shard *shard);
json_t *backups_room_state(struct shard *shard, yd_slice room);

#endif
