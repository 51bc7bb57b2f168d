/* tools/lines.h - calls whose answer is JSON, an object a line. */
#ifndef TOOLS_LINES_H
#define TOOLS_LINES_H

#include "tools/tool.h"

/* Calls GET PATH?QUERY and gives each object to on_line, which borrows it; false: enough. */
int lines_call(struct tool *tool, const char *path, const char *query,
               bool (*on_line)(void *ctx, json_t *line), void *ctx);
int lines_post(struct tool *tool, const char *path, bool (*on_line)(void *ctx, json_t *line),
               void *ctx);
/* One JSON object: *answer is the caller's. Returns enum tool_exit. */
int object_call(struct tool *tool, struct tool_call call, json_t **answer);
/* "name=value", encoded; NULL if value is. Freed by the caller. */
char *lines_query(const char *name, const char *value);

#endif
