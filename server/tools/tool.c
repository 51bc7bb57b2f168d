/* tool.c - the command line of the operator's commands. */
#include "tools/tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops/nearest.h"

static const struct command *const commands[] = {
    &command_rooms,   &command_export,   &command_import, &command_backup,
    &command_restore, &command_compact,  &command_check,  &command_analyze,
    &command_erase,   &command_undelete, &command_health};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const struct tool_option common[] = {
    {"data", "DIR", NULL, "the data directory; else PARTYD_DATA, .partyd or /var/lib/partyd"},
    {"config", "FILE", NULL, "JSON file of settings that names it"},
    {"json", NULL, NULL, "answer as JSON on stdout"},
    {"help", NULL, NULL, "this text"},
    {NULL},
};

static const struct command *find(const char *name)
{
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    }
    return NULL;
}

void tools_help(FILE *to)
{
    for (int i = 0; i < COMMANDS; i++) {
        char usage[64];
        snprintf(usage, sizeof usage, "partyd %s %s", commands[i]->name, commands[i]->arguments);
        fprintf(to, "  %-27s %s\n", usage, commands[i]->summary);
    }
}

static void options_help(FILE *to, const struct tool_option *options)
{
    for (const struct tool_option *o = options; o->name != NULL; o++) {
        char flag[64];
        snprintf(flag, sizeof flag, "--%s %s", o->name, o->value == NULL ? "" : o->value);
        fprintf(to, "  %-18s %s%s%s%s\n", flag, o->help, o->choices == NULL ? "" : ": ",
                o->choices == NULL ? "" : o->choices, "");
    }
}

static int help(const struct command *command)
{
    printf("partyd %s %s\n  %s\n\n%s\n\n", command->name, command->arguments, command->summary,
           command->details);
    options_help(stdout, command->options);
    options_help(stdout, common);
    puts(
        "\nWorks on a running server (through DIR/partyd.sock) and on a store that none has open.\n"
        "Exit: 0 done, 1 failed or damage found, 2 wrong command line, 3 no such room,\n"
        "4 the store cannot be reached or opened.");
    return TOOL_OK;
}

int tool_fail(const struct tool *tool, int status, const char *format, ...)
{
    char text[2048];
    va_list list;
    va_start(list, format);
    // clang-tidy 14 loses sight of va_start() when it reads several files in one run.
    (void)vsnprintf(text, sizeof text, format, list); // NOLINT(clang-analyzer-valist.Uninitialized)
    va_end(list);
    if (tool->why != NULL) {
        (void)snprintf(tool->why, tool->why_size, "%s", text);
    } else {
        fprintf(stderr, "partyd %s: %s\n", tool->command->name, text);
    }
    return status;
}

const char *tool_option(const struct tool *tool, const char *name)
{
    const struct tool_option *options = tool->command->options;
    for (int i = 0; options[i].name != NULL; i++) {
        if (strcmp(options[i].name, name) == 0) return tool->values[i];
    }
    return NULL;
}

void tool_print(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    if (text == NULL) abort();
    puts(text);
    free(text);
    json_decref(json);
}

char *tool_room_name(const char *text)
{
    size_t size = strlen(text) + sizeof "main/";
    char *name = heap_new(size);
    snprintf(name, size, "%s%s", strchr(text, '/') == NULL ? "main/" : "", text);
    return name;
}

char *tool_text(yd_slice bytes)
{
    char *text = heap_new(bytes.len * 4 + 1), *at = text;
    bool is_utf8 = yd_utf8_check(bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = bytes.ptr[i];
        bool plain = c >= 0x20 && c != 0x7f && (c < 0x80 || is_utf8);
        if (plain) {
            *at++ = (char)c;
        } else {
            at += sprintf(at, "\\x%02x", c);
        }
    }
    return text;
}

/* ---- reading the command line -----------------------------------------------------------------
 */

struct flags {
    char *argv[4]; /* for settings_read(): --data and --config only */
    int argc;
    bool help;
};

static int unknown_flag(const struct tool *tool, const char *name)
{
    struct nearest near = nearest_to(name, strlen(name));
    for (const struct tool_option *o = tool->command->options; o->name != NULL; o++) {
        nearest_try(&near, o->name);
    }
    for (const struct tool_option *o = common; o->name != NULL; o++) nearest_try(&near, o->name);
    return tool_fail(tool, TOOL_USAGE, "there is no flag --%.60s%s%s; see partyd %s --help", name,
                     near.best == NULL ? "" : ", did you mean --",
                     near.best == NULL ? "" : near.best, tool->command->name);
}

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (const char *at = choices; at != NULL; at = strchr(at, '|')) {
        if (*at == '|') at++;
        if (strcspn(at, "|") == len && strncmp(at, value, len) == 0) return true;
    }
    return false;
}

/* What a flag of the command itself says. */
static int option_set(struct tool *tool, int index, const char *value)
{
    const struct tool_option *o = &tool->command->options[index];
    if (o->choices != NULL && !is_choice(o->choices, value)) {
        return tool_fail(tool, TOOL_USAGE, "'%.60s' is no value for --%s; it takes one of %s",
                         value, o->name, o->choices);
    }
    tool->values[index] = value;
    return TOOL_OK;
}

static const struct tool_option *find_option(const struct tool_option *options, const char *name,
                                             size_t len, int *index)
{
    for (int i = 0; options[i].name != NULL; i++) {
        *index = i;
        if (strlen(options[i].name) == len && strncmp(options[i].name, name, len) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

static int common_set(struct tool *tool, struct flags *flags, const struct tool_option *o,
                      const char *value)
{
    if (strcmp(o->name, "json") == 0) tool->json = true;
    if (strcmp(o->name, "help") == 0) flags->help = true;
    if (o->value == NULL || flags->argc + 2 > 4) return TOOL_OK;
    flags->argv[flags->argc++] = strcmp(o->name, "data") == 0 ? "--data" : "--config";
    flags->argv[flags->argc++] = (char *)value;
    return TOOL_OK;
}

/* One flag at argv[*at]; *at is left on the last word that belongs to it. */
static int flag_read(struct tool *tool, struct flags *flags, char **argv, int argc, int *at)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals == NULL ? strlen(name) : (size_t)(equals - name);
    int index = 0;
    const struct tool_option *own = find_option(tool->command->options, name, len, &index);
    int common_index = 0;
    const struct tool_option *o = own;
    if (o == NULL) o = find_option(common, name, len, &common_index);
    if (o == NULL) return unknown_flag(tool, name);
    const char *value = equals == NULL ? NULL : equals + 1;
    if (o->value == NULL && value != NULL) {
        return tool_fail(tool, TOOL_USAGE, "--%s takes no value", o->name);
    }
    if (o->value == NULL) value = "";
    if (value == NULL && *at + 1 < argc) value = argv[++*at];
    if (value == NULL) {
        return tool_fail(tool, TOOL_USAGE, "--%s wants a value: --%s %s", o->name, o->name,
                         o->value);
    }
    return own != NULL ? option_set(tool, index, value) : common_set(tool, flags, o, value);
}

static int arguments_read(struct tool *tool, struct flags *flags, int argc, char **argv)
{
    bool flags_end = false;
    for (int i = 0; i < argc; i++) {
        if (!flags_end && strcmp(argv[i], "--") == 0) {
            flags_end = true;
        } else if (!flags_end && strncmp(argv[i], "--", 2) == 0) {
            int status = flag_read(tool, flags, argv, argc, &i);
            if (status != TOOL_OK) return status;
        } else if (tool->arg_count == tool->command->args_max) {
            return tool_fail(tool, TOOL_USAGE,
                             "'%.100s' is one argument too many; see partyd %s "
                             "--help",
                             argv[i], tool->command->name);
        } else {
            tool->args[tool->arg_count++] = argv[i];
        }
    }
    if (flags->help || tool->arg_count >= tool->command->args_min) return TOOL_OK;
    return tool_fail(tool, TOOL_USAGE, "it wants %s; see partyd %s --help",
                     tool->command->arguments, tool->command->name);
}

/* Nobody says where the data is: the place of a development server, else that of a real one. */
static void data_default(struct tool *tool, const struct flags *flags)
{
    struct settings *s = &tool->settings;
    bool told = getenv("PARTYD_DATA") != NULL || s->config[0] != 0;
    for (int i = 0; i < flags->argc; i++) told = told || strcmp(flags->argv[i], "--data") == 0;
    if (told || access(s->data, F_OK) == 0 || access("/var/lib/partyd", F_OK) != 0) return;
    free(s->data);
    s->data = strdup("/var/lib/partyd");
    if (s->data == NULL) abort();
}

static int run(struct tool *tool, int argc, char **argv)
{
    struct flags flags = {0};
    char why[SETTINGS_ERROR_MAX] = "";
    int status = arguments_read(tool, &flags, argc, argv);
    if (status != TOOL_OK) return status;
    if (flags.help) return help(tool->command);
    if (settings_read(&tool->settings, flags.argc, flags.argv, why) != YD_OK) {
        return tool_fail(tool, TOOL_USAGE, "%s", why);
    }
    data_default(tool, &flags);
    status = tool->command->run(tool);
    reach_close(tool);
    if (fflush(stdout) != 0 && status == TOOL_OK) {
        status = tool_fail(tool, TOOL_FAILED, "stdout cannot be written");
    }
    return status;
}

bool tool_main(int argc, char **argv, int *status)
{
    struct tool tool = {.command = argc > 1 ? find(argv[1]) : NULL};
    if (tool.command == NULL) return false;
    *status = run(&tool, argc - 2, argv + 2);
    settings_deinit(&tool.settings);
    return true;
}
