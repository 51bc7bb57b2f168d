/* host/api.h - what the files of the backend's API share. */
#ifndef HOST_API_H
#define HOST_API_H

#include <jansson.h>

#include "host/door.h"

void api_answer_json(struct conn *conn, int status, json_t *json); /* takes json */
void api_answer_error(struct conn *conn, int status, const char *code, const char *message);

/* api_store.c. Answers later: the connection is not read until then. */
void api_tell_stored(struct conn *conn, yd_slice room, json_t *answer); /* takes answer */
void api_on_delete(struct conn *conn, yd_slice room, yd_slice body);
void api_on_undelete(struct conn *conn, yd_slice room, yd_slice body);

#endif
