/* health.c - partyd health: asks a server's GET /health, for images that have no other program. */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tools/tool.h"

#define ANSWER_SECONDS 5

/* An address to listen on as one to connect to. */
static const char *reachable(const char *host)
{
    if (strcmp(host, "0.0.0.0") == 0) return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

static int connected(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    if (strcmp(host, "localhost") == 0) host = "127.0.0.1";
    if (getaddrinfo(host, port, &hints, &found) != 0) return -1;
    int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = ANSWER_SECONDS};
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
              setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
              connect(fd, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    if (ok) return fd;
    if (fd >= 0) (void)close(fd);
    return -1;
}

/* The whole answer, as far as it fits. */
static bool ask(int fd, char *answer, size_t size)
{
    static const char request[] = "GET /health HTTP/1.1\r\nHost: localhost\r\n"
                                  "Connection: close\r\n\r\n";
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1) return false;
    size_t at = 0;
    for (ssize_t n = 1; n > 0 && at + 1 < size;) {
        n = recv(fd, answer + at, size - 1 - at, 0);
        if (n > 0) at += (size_t)n;
    }
    answer[at] = 0;
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 && strstr(answer, "\r\n\r\n") != NULL;
}

static int run(struct tool *tool)
{
    char port[16], answer[16384];
    const char *host = tool_option(tool, "host"), *given = tool_option(tool, "port");
    if (host == NULL) host = tool->settings.host;
    snprintf(port, sizeof port, "%lld", (long long)tool->settings.port);
    if (given == NULL) given = port;
    int fd = connected(reachable(host), given);
    bool answered = fd >= 0 && ask(fd, answer, sizeof answer);
    if (fd >= 0) (void)close(fd);
    if (!answered) {
        return tool_fail(tool, TOOL_NO_STORE,
                         "http://%.100s:%.10s/health does not answer; is the server running there? "
                         "PARTYD_HOST and PARTYD_PORT, or --host and --port, say where",
                         reachable(host), given);
    }
    fputs(strstr(answer, "\r\n\r\n") + 4, stdout);
    return strncmp(answer, "HTTP/1.1 200", 12) == 0 ? TOOL_OK : TOOL_FAILED;
}

static const struct tool_option options[] = {
    {"host", "ADDRESS", NULL, "where it listens; else PARTYD_HOST or 127.0.0.1"},
    {"port", "PORT", NULL, "else PARTYD_PORT or 1999"},
    {NULL},
};

const struct command command_health = {
    .name = "health",
    .arguments = "",
    .summary = "ask a running server how it is",
    .details = "Prints what GET /health says and ends with 0 if that is 200, with 1 if it is not,\n"
               "with 4 if nobody answers.\n"
               "  partyd health --port 1999",
    .args_min = 0,
    .args_max = 0,
    .options = options,
    .run = run,
};
