/* host/admin_calls.h - the operator's calls, one function each, and what they share with the API of
 * the application's backend. */
#ifndef HOST_ADMIN_CALLS_H
#define HOST_ADMIN_CALLS_H

#include "host/admin.h"
#include "ydoc/update.h"

typedef void admin_begin(struct admin_conn *conn, const struct admin_request *request);

admin_begin admin_status, admin_rooms, admin_room;       /* admin_rooms.c */
admin_begin admin_content, admin_salvage, admin_history; /* admin_content.c */
admin_begin admin_put_content;                           /* admin_change.c */
admin_begin admin_backup;                                /* admin_backup.c */
admin_begin admin_snapshot, admin_shrink;                /* admin_compact.c */
admin_begin admin_delete, admin_undelete, admin_erase;   /* admin_change.c */

/* Removes the copy that a server has left that was killed while it made one. */
void admin_backup_forget(const struct shard *shard);

#define ADMIN_NAME_MAX 1024                              /* as the store: bytes of "party/room" */
#define ADMIN_GRACE_MS ((uint64_t)30 * 24 * 3600 * 1000) /* a deleted room can be brought back */

/* The room that `room=` names, into name; false: the peer was told what is wrong with it. */
bool admin_room_name(struct admin_conn *conn, const struct admin_request *request,
                     uint8_t name[ADMIN_NAME_MAX], yd_slice *room);
/* What holds for "party/room"; NULL: such a room is refused. */
const struct policy *admin_policy(const struct shard *shard, yd_slice name);
uint64_t admin_query_number(const struct admin_request *request, const char *name, uint64_t or);
/* A room as one JSON object. */
json_t *admin_room_json(const struct shard *shard, const struct store_room *room);
bool admin_is_update(yd_slice update); /* V1, whole */
uint64_t admin_now_ms(void);           /* since 1970 */
/* Closes a room's connections and forgets it; what is stored stays. How many there were. */
int room_let_go(struct shard *shard, yd_slice name, uint32_t code, const char *why);

#endif
