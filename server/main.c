/* main.c - the commands of partyd. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/pull.h"
#include "host/shard.h"
#include "tools/tool.h"

static int help(FILE *to)
{
    fputs(
        "partyd " PARTYD_VERSION " - real-time rooms for Yjs documents\n\n"
        "  partyd dev [flags]          run the server for development\n"
        "  partyd serve [flags]        run it for others: with access control, without a page\n"
        "  partyd pull [ROOM...]       bring rooms back from a backup, all if none is named;\n"
        "                              --from SINK, --replace: also those that are there\n"
        "  partyd settings [dev|serve] [flags]  what holds and where it comes from, or the first\n"
        "                              mistake; --json; --schema: of the file, for editors\n"
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

/* Takes what is pull's own out of the arguments; the rest are flags of settings and their values.
 */
static int pull_command(int argc, char **argv)
{
    struct settings settings;
    char why[SETTINGS_ERROR_MAX] = "";
    char **rest = calloc((size_t)argc + 1, sizeof *rest);
    const char **rooms = calloc((size_t)argc + 1, sizeof *rooms);
    struct pull_opts opts = {.rooms = rooms};
    int count = 0, status = 2;
    if (rest == NULL || rooms == NULL) abort();
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--replace") == 0) {
            opts.replaces = true;
        } else if (strcmp(argv[i], "--from") == 0 && i + 1 < argc) {
            opts.from = argv[++i];
        } else if (strncmp(argv[i], "--", 2) == 0) {
            rest[count++] = argv[i];
            if (strchr(argv[i], '=') == NULL && i + 1 < argc) rest[count++] = argv[++i];
        } else {
            rooms[opts.room_count++] = argv[i];
        }
    }
    if (settings_read(&settings, count, rest, why) != YD_OK) {
        fprintf(stderr, "partyd: %s\n", why);
    } else {
        status = pull(&settings, &opts);
    }
    settings_deinit(&settings);
    free(rest);
    free(rooms);
    return status;
}

/* settings [dev|serve] [--json|--schema] [flags]. Reads everything and starts nothing. */
static int settings_command(int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], "--help") == 0) return help(stdout);
    bool is_serve = argc > 0 && strcmp(argv[0], "serve") == 0, as_json = false;
    int count = 0, first = is_serve || (argc > 0 && strcmp(argv[0], "dev") == 0) ? 1 : 0;
    struct settings settings;
    char why[SETTINGS_ERROR_MAX] = "";
    for (int i = first; i < argc; i++) {
        if (strcmp(argv[i], "--schema") == 0) {
            settings_schema(stdout);
            return 0;
        }
        if (strcmp(argv[i], "--json") == 0) as_json = true;
        if (strcmp(argv[i], "--json") != 0) argv[count++] = argv[i];
    }
    enum settings_command form = is_serve ? SETTINGS_SERVE : SETTINGS_DEV;
    yd_err err = settings_read_for(form, &settings, count, argv, why);
    if (err != YD_OK) fprintf(stderr, "partyd: %s\n", why);
    if (err == YD_OK) settings_show(&settings, as_json, stdout);
    settings_deinit(&settings);
    return err == YD_OK ? 0 : 2;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "--help") == 0 || strcmp(command, "help") == 0) return help(stdout);
    if (strcmp(command, "--version") == 0) return puts("partyd " PARTYD_VERSION) < 0;
    if (strcmp(command, "settings") == 0) return settings_command(argc - 2, argv + 2);
    if (strcmp(command, "pull") == 0) return pull_command(argc - 2, argv + 2);
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
