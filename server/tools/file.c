/* file.c - see file.h. */
#include "tools/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int file_cannot(const struct tool *tool, const char *path, const char *what)
{
    return tool_fail(tool, TOOL_FAILED, "%.300s: cannot be %s: %s", path, what, strerror(errno));
}

int file_begin(const struct tool *tool, struct file_out *file, const char *path, bool force)
{
    *file = (struct file_out){.path = path, .fd = -1};
    if (!force && access(path, F_OK) == 0) {
        return tool_fail(tool, TOOL_FAILED,
                         "%.300s: it is there already; name another file, or say --force", path);
    }
    size_t size = strlen(path) + 16;
    file->temporary = heap_new(size);
    snprintf(file->temporary, size, "%s.XXXXXX", path);
    file->fd = mkostemp(file->temporary, O_CLOEXEC); // mode 0600
    if (file->fd >= 0) return TOOL_OK;
    int status = file_cannot(tool, path, "made");
    free(file->temporary);
    file->temporary = NULL;
    return status;
}

bool file_add(struct file_out *file, yd_slice bytes)
{
    for (size_t at = 0; at < bytes.len;) {
        ssize_t n = write(file->fd, bytes.ptr + at, bytes.len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC;
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

static void directory_sync(const char *path)
{
    char *copy = strdup(path);
    if (copy == NULL) abort();
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
    free(copy);
}

int file_commit(const struct tool *tool, struct file_out *file)
{
    bool ok = fsync(file->fd) == 0;
    ok = close(file->fd) == 0 && ok;
    file->fd = -1;
    if (!ok || rename(file->temporary, file->path) != 0) {
        int status = file_cannot(tool, file->path, "written");
        file_drop(file);
        return status;
    }
    directory_sync(file->path);
    free(file->temporary);
    file->temporary = NULL;
    return TOOL_OK;
}

void file_drop(struct file_out *file)
{
    if (file->fd >= 0) (void)close(file->fd);
    if (file->temporary != NULL) (void)unlink(file->temporary);
    free(file->temporary);
    file->temporary = NULL;
    file->fd = -1;
}

int file_write(const struct tool *tool, const char *path, yd_slice bytes, bool force)
{
    struct file_out file;
    int status = file_begin(tool, &file, path, force);
    if (status != TOOL_OK) return status;
    if (file_add(&file, bytes)) return file_commit(tool, &file);
    status = file_cannot(tool, path, "written");
    file_drop(&file);
    return status;
}

int file_read(const struct tool *tool, const char *path, size_t bytes_max, struct yd_buf *out)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return file_cannot(tool, path, "read");
    int status = TOOL_OK;
    for (;;) {
        uint8_t bytes[64 * 1024];
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) status = file_cannot(tool, path, "read");
        if (n <= 0) break;
        if (out->len + (size_t)n > bytes_max ||
            yd_buf_append(out, (yd_slice){bytes, (size_t)n}) != YD_OK) {
            status = tool_fail(tool, TOOL_FAILED, "%.300s: it is larger than %zu bytes", path,
                               bytes_max);
            break;
        }
    }
    if (!is_stdin) (void)close(fd);
    return status;
}
