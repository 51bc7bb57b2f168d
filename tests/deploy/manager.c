/* manager.c - what systemd does for a service of Type=notify with a socket: opens the socket, hands
 * it over, listens for what the service tells, starts it again on SIGHUP. What it hears goes to
 * stdout, a line each.
 *
 *   manager SOCKETS WATCHDOG_USEC PROGRAM ARGUMENTS...
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t wants_stop, wants_restart;
static void on_signal(int number)
{
    if (number == SIGHUP) wants_restart = 1;
    if (number == SIGTERM) wants_stop = 1;
}

static void open_sockets(int count)
{
    for (int i = 0; i < count; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof a;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd != 3 + i || bind(fd, (struct sockaddr *)&a, size) != 0 || listen(fd, 16) != 0)
            abort();
        if (getsockname(fd, (struct sockaddr *)&a, &size) != 0) abort();
        printf("socket %d\n", ntohs(a.sin_port));
    }
}

static pid_t start(int count, const char *watchdog, char **argv)
{
    pid_t pid = fork();
    if (pid != 0) return pid;
    char text[32];
    snprintf(text, sizeof text, "%d", (int)getpid());
    if (count > 0) {
        setenv("LISTEN_PID", text, 1);
        setenv("WATCHDOG_PID", text, 1);
        snprintf(text, sizeof text, "%d", count);
        setenv("LISTEN_FDS", text, 1);
    }
    if (strcmp(watchdog, "0") != 0) setenv("WATCHDOG_USEC", watchdog, 1);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execv(argv[0], argv);
    _exit(127);
}

int main(int argc, char **argv)
{
    if (argc < 4) return 2;
    int count = atoi(argv[1]);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    open_sockets(count);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "partyd-test-%d", (int)getpid());
    int notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(notify, (struct sockaddr *)&address,
             (socklen_t)(sizeof address.sun_family + 1 + strlen(address.sun_path + 1))) != 0)
        abort();
    char name[128];
    snprintf(name, sizeof name, "@%s", address.sun_path + 1);
    setenv("NOTIFY_SOCKET", name, 1);
    pid_t pid = start(count, argv[2], argv + 3);
    bool is_again = false;
    for (;;) {
        struct pollfd poll_notify = {.fd = notify, .events = POLLIN};
        char told[512];
        ssize_t n = poll(&poll_notify, 1, 20) > 0 ? recv(notify, told, sizeof told - 1, 0) : 0;
        if (n > 0) {
            told[n] = 0;
            for (char *c = told; *c != 0; c++) {
                if (*c == '\n') *c = ' ';
            }
            printf("told %s\n", told);
        }
        if (wants_stop || wants_restart) (void)kill(pid, SIGTERM);
        if (wants_restart) is_again = true;
        wants_stop = wants_restart = 0;
        (void)fflush(stdout);
        int status = 0;
        if (n > 0 || waitpid(pid, &status, WNOHANG) != pid) continue;
        if (!is_again) return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
        is_again = false;
        pid = start(count, argv[2], argv + 3);
    }
}
