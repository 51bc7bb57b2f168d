/* reach.c - the way from a command to the store: a running server's socket, or the store opened
 * here. Both speak HTTP over a connected socket, so the rest is one client. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/maintain.h"
#include "tools/http_client.h"
#include "tools/lines.h"

#define ERROR_BYTES_MAX ((size_t)64 * 1024)

struct reach {
    struct maintain *maintain; /* NULL: a server is running */
    int next;                  /* a connected socket for the next call; -1: none */
};

/* ---- live or not ------------------------------------------------------------------------------
 */

static bool address_of(const char *dir, int *dir_fd, struct sockaddr_un *address)
{
    size_t size = sizeof address->sun_path;
    memset(address, 0, sizeof *address);
    *dir_fd = -1;
    address->sun_family = AF_UNIX;
    int n = snprintf(address->sun_path, size, "%s/partyd.sock", dir);
    if (n > 0 && (size_t)n < size) return true;
    *dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*dir_fd < 0) return false;
    (void)snprintf(address->sun_path, size, "/proc/self/fd/%d/partyd.sock", *dir_fd);
    return true;
}

/* A connected socket, or -1 with errno. */
static int server_connect(const char *dir)
{
    struct sockaddr_un address;
    int dir_fd = -1;
    if (!address_of(dir, &dir_fd, &address)) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&address, sizeof address);
    int error = errno;
    if (dir_fd >= 0) (void)close(dir_fd);
    if (failed != 0 && fd >= 0) (void)close(fd);
    errno = error;
    return failed == 0 ? fd : -1;
}

static int no_store(struct tool *tool)
{
    const char *dir = tool->settings.data;
    if (errno == ENOENT) {
        return tool_fail(tool, TOOL_NO_STORE,
                         "%.300s: there is no store here; name the data directory by --data, or "
                         "start the server on it once: that makes one",
                         dir);
    }
    return tool_fail(tool, TOOL_NO_STORE, "%.300s: %s; run this as the user that partyd runs as",
                     dir, strerror(errno));
}

/* Opening would make a store where there is none. */
static bool has_store(const char *dir)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/shard-00.db", dir);
    if (n > 0 && (size_t)n < sizeof path) return access(path, F_OK) == 0;
    errno = ENAMETOOLONG;
    return false;
}

int tool_has_store(struct tool *tool)
{
    return has_store(tool->settings.data) ? TOOL_OK : no_store(tool);
}

static int store_open_here(struct tool *tool, struct reach *reach)
{
    char why[STORE_ERROR_MAX] = "";
    int status = tool_has_store(tool);
    if (status != TOOL_OK) return status;
    free(tool->settings.log_level); // a command says by itself what goes wrong
    tool->settings.log_level = strdup("error");
    if (tool->settings.log_level == NULL) abort();
    yd_err err = maintain_open(&tool->settings, &reach->maintain, why);
    return err == YD_OK ? TOOL_OK : tool_fail(tool, TOOL_NO_STORE, "%s", why);
}

static int reach_open(struct tool *tool)
{
    if (tool->reach != NULL) return TOOL_OK;
    struct reach *reach = heap_new(sizeof *reach);
    reach->next = server_connect(tool->settings.data);
    tool->reach = reach;
    if (reach->next >= 0) return TOOL_OK;
    if (errno != ENOENT && errno != ECONNREFUSED && errno != ENOTDIR) return no_store(tool);
    return store_open_here(tool, reach);
}

bool tool_is_server_there(struct tool *tool, int *status)
{
    int fd = server_connect(tool->settings.data);
    *status = TOOL_OK;
    if (fd >= 0) (void)close(fd);
    if (fd >= 0) return true;
    if (errno != ENOENT && errno != ECONNREFUSED && errno != ENOTDIR) *status = no_store(tool);
    return false;
}

bool tool_is_live(struct tool *tool, int *status)
{
    *status = reach_open(tool);
    return *status == TOOL_OK && tool->reach->maintain == NULL;
}

void reach_close(struct tool *tool)
{
    if (tool->reach == NULL) return;
    if (tool->reach->next >= 0) (void)close(tool->reach->next);
    maintain_close(tool->reach->maintain);
    free(tool->reach);
    tool->reach = NULL;
}

static int socket_get(struct tool *tool)
{
    struct reach *reach = tool->reach;
    int fd = reach->next;
    reach->next = -1;
    if (fd >= 0) return fd;
    return reach->maintain == NULL ? server_connect(tool->settings.data)
                                   : maintain_connect(reach->maintain);
}

/* ---- one call ---------------------------------------------------------------------------------
 */

static char *target_of(const struct tool_call *call)
{
    char *room = lines_query("room", call->room);
    size_t size = 8 + strlen(call->path) + (room == NULL ? 0 : strlen(room)) +
                  (call->query == NULL ? 0 : strlen(call->query));
    char *target = heap_new(size);
    bool both = room != NULL && call->query != NULL;
    snprintf(target, size, "%s%s%s%s%s", call->path, room != NULL || call->query != NULL ? "?" : "",
             room == NULL ? "" : room, both ? "&" : "", call->query == NULL ? "" : call->query);
    free(room);
    return target;
}

static int refused(const struct tool *tool, const struct tool_call *call, const struct answer *a)
{
    json_t *json = json_loadb((const char *)a->error.ptr, a->error.len, 0, NULL);
    const char *code = "?", *message = NULL;
    (void)json_unpack(json, "{s:s,s:s}", "code", &code, "message", &message);
    int exit = TOOL_FAILED;
    if (strcmp(code, "no_such_room") == 0 || strcmp(code, "erased") == 0) exit = TOOL_NO_ROOM;
    if (strcmp(code, "store_failed") == 0) exit = TOOL_NO_STORE;
    if (message == NULL) {
        tool_fail(tool, exit, "the server answered %d and no reason; is it of another version?",
                  a->status);
    } else if (call->room != NULL && tool->why == NULL) {
        char *room = tool_text((yd_slice){(const uint8_t *)call->room, strlen(call->room)});
        tool_fail(tool, exit, "%s: %s", room, message);
        free(room);
    } else {
        tool_fail(tool, exit, "%s", message);
    }
    json_decref(json);
    return exit;
}

int tool_call(struct tool *tool, const struct tool_call *call)
{
    int status = reach_open(tool);
    if (status != TOOL_OK) return status;
    int fd = socket_get(tool);
    if (fd < 0) return no_store(tool);
    struct answer answer = {.call = call};
    char *target = target_of(call);
    yd_buf_init(&answer.error, heap_alloc(), ERROR_BYTES_MAX);
    enum http_end end = http_call(fd, target, &answer);
    if (end == HTTP_WHOLE) {
        status = answer.status == 200 ? TOOL_OK : refused(tool, call, &answer);
    } else if (end == HTTP_STOPPED) {
        status = TOOL_FAILED; // whoever stopped it has said why
    } else {
        status = tool_fail(
            tool, TOOL_FAILED, "%.300s: the answer broke off; %s", tool->settings.data,
            tool->reach->maintain == NULL ? "the server's log says why" : "partyd check says more");
    }
    yd_buf_deinit(&answer.error);
    free(target);
    (void)close(fd);
    return status;
}
