/* tools/file.h - whole files, in and out. */
#ifndef TOOLS_FILE_H
#define TOOLS_FILE_H

#include "tools/tool.h"

/* Writes a file under another name and renames it when it is on disk: nobody sees half of it.
 * An existing one stays unless `force`. Returns enum tool_exit, after saying what went wrong. */
int file_write(const struct tool *tool, const char *path, yd_slice bytes, bool force);

/* Reads a whole file, "-" is stdin. Returns enum tool_exit, after saying what went wrong. */
int file_read(const struct tool *tool, const char *path, size_t bytes_max, struct yd_buf *out);

/* "PATH: cannot be WHAT: errno"; returns TOOL_FAILED. */
int file_cannot(const struct tool *tool, const char *path, const char *what);

/* The steps of file_write(), for what comes in pieces. */
struct file_out {
    const char *path;
    char *temporary;
    int fd;
};
int file_begin(const struct tool *tool, struct file_out *file, const char *path, bool force);
bool file_add(struct file_out *file, yd_slice bytes); /* false: errno */
int file_commit(const struct tool *tool, struct file_out *file);
void file_drop(struct file_out *file); /* nothing is left of it; after commit a no-op */

#endif
