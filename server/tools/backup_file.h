/* tools/backup_file.h - what a file made by `partyd backup` holds. */
#ifndef TOOLS_BACKUP_FILE_H
#define TOOLS_BACKUP_FILE_H

#include "tools/tool.h"

struct backup_found {
    uint64_t rooms;
};

/* Looks whether it is one and is whole; the file is not changed. Returns enum tool_exit, after
 * saying what is wrong. */
int backup_look(const struct tool *tool, const char *path, struct backup_found *found);
/* Makes one at `path`, which must not be there; it is not looked at. */
int backup_receive(struct tool *tool, const char *path);

#endif
