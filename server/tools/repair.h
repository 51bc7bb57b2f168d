/* tools/repair.h - partyd check --repair. */
#ifndef TOOLS_REPAIR_H
#define TOOLS_REPAIR_H

#include "tools/tool.h"

/* Replaces each of these rooms (an array of {"room", "why"}) by what can be read of it, after a
 * copy of the whole store was made. Sets "repaired" and "lost" in each. Returns enum tool_exit. */
int repair_rooms(struct tool *tool, json_t *bad_rooms);

#endif
