/* main.c - the commands of partyd. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "host/shard.h"
#include "tools/tool.h"

static int help(FILE *to)
{
    fputs(
        "partyd " PARTYD_VERSION " - real-time rooms for Yjs documents\n\n"
        "  partyd dev [flags]          run the server for development\n"
        "  partyd serve [flags]        run it for others: with access control, without a page\n"
        "  partyd --help | --version\n\n"
        "for operators, on a running server's store or one that none has open; --help for each:\n",
        to);
    tools_help(to);
    fputs("\nSettings of dev and serve; flags win over the environment, that over the file, that "
          "over defaults:\n",
          to);
    settings_help(to);
    return to == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "--help") == 0 || strcmp(command, "help") == 0) return help(stdout);
    if (strcmp(command, "--version") == 0) return puts("partyd " PARTYD_VERSION) < 0;
    bool is_serve = strcmp(command, "serve") == 0;
    int status = 2;
    if (tool_main(argc, argv, &status)) return status;
    if (!is_serve && strcmp(command, "dev") != 0) {
        if (command[0] == 0) return help(stderr);
        fprintf(stderr, "partyd: there is no command '%s'; see partyd --help\n", command);
        return 2;
    }
    struct settings settings;
    char why[SETTINGS_ERROR_MAX] = "";
    enum settings_command form = is_serve ? SETTINGS_SERVE : SETTINGS_DEV;
    if (settings_read_for(form, &settings, argc - 2, argv + 2, why) != YD_OK) {
        fprintf(stderr, "partyd: %s\n", why);
    } else {
        status = shard_run(&settings);
    }
    settings_deinit(&settings);
    return status;
}
