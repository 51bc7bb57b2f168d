/* tools/tool.h - what the operator's commands share: arguments, the way to the store, words.
 *
 *   main.c -> tool_main() -> one of commands[] -> tool_call() -> DATA/partyd.sock of a running
 * server
 *                                                            \-> or a store opened here
 * (maintain.h)
 *
 * A command does not know which of the two it is: both answer the same calls (host/admin.h).
 *
 * Output   what was asked for on stdout, everything else on stderr. With --json stdout is JSON: one
 *          object, or one a line.
 * Threads  the command's own thread; a store opened here has its threads behind maintain.h. */
#ifndef TOOLS_TOOL_H
#define TOOLS_TOOL_H

#include <jansson.h>

#include "ops/heap.h"
#include "ops/settings.h"

/* Exit codes of all commands; docs/operations.md says the same. */
enum tool_exit {
    TOOL_OK = 0,
    TOOL_FAILED = 1,  /* it was tried and could not be done, or damage was found */
    TOOL_USAGE = 2,   /* the command line is wrong; nothing was tried */
    TOOL_NO_ROOM = 3, /* there is no such room, or nothing at this name */
    TOOL_NO_STORE = 4 /* the store cannot be reached or opened */
};

struct tool;

struct tool_option {
    const char *name;    /* without --; NULL ends the list */
    const char *value;   /* what it takes, for the help; NULL: a switch */
    const char *choices; /* "a|b"; NULL: any */
    const char *help;
};

struct command {
    const char *name;
    const char *arguments; /* for the help: "ROOM [FILE]" */
    const char *summary;   /* one line */
    const char *details;   /* further lines with an example */
    int args_min, args_max;
    const struct tool_option *options;
    int (*run)(struct tool *tool); /* enum tool_exit */
};

#define TOOL_ARGS_MAX    4
#define TOOL_OPTIONS_MAX 12

struct tool {
    const struct command *command;
    struct settings settings;
    const char *args[TOOL_ARGS_MAX];
    int arg_count;
    const char *values[TOOL_OPTIONS_MAX]; /* by place in command->options; NULL: not given */
    bool json;
    char *why; /* not NULL: errors go here, not to stderr; why_size bytes */
    size_t why_size;
    struct reach *reach; /* NULL until something is called */
};

/* True if argv[1] is a command of these; then *status is how it ended. */
bool tool_main(int argc, char **argv, int *status);
void tools_help(FILE *to); /* one line each */

/* Value of an option; "" for a switch that is on; NULL: not given. */
const char *tool_option(const struct tool *tool, const char *name);
/* A sentence on stderr, "partyd COMMAND: ..."; returns status. */
int tool_fail(const struct tool *tool, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Prints a JSON object as a line and gives it back. */
void tool_print(json_t *json);
/* "party/room" of what somebody wrote: "room" is main/room. Freed by the caller. */
char *tool_room_name(const char *text);
/* A name for people: bytes that are no UTF-8 or control characters as \xNN. Freed by the caller. */
char *tool_text(yd_slice bytes);

/* ---- reach.c: calls */
struct tool_call {
    const char *method; /* "GET", "POST", "DELETE" */
    const char *path;   /* "/rooms" */
    const char *room;   /* becomes ?room=; NULL: none */
    const char *query;  /* further "a=b&c=d", encoded; NULL: none */
    yd_slice body;      /* of POST */
    /* Takes the bytes of a good answer as they come; false: enough, end. */
    bool (*on_bytes)(void *ctx, yd_slice bytes);
    void *ctx;
    void (*on_header)(void *ctx, const char *name, uint64_t number); /* numbers only; may be NULL */
    void *header_ctx;
};
/* Returns enum tool_exit, after saying on stderr what went wrong, or putting it into tool->why. */
int tool_call(struct tool *tool, const struct tool_call *call);
/* True if a running server answers, false if the store is opened here. Opens what is needed; on
 * an error *status is not TOOL_OK, and it was said. */
bool tool_is_live(struct tool *tool, int *status);
/* The same without opening anything. */
bool tool_is_server_there(struct tool *tool, int *status);
/* Whether there is a store's file; said, if not. */
int tool_has_store(struct tool *tool);
void reach_close(struct tool *tool);

/* ---- progress.c: a bar on a terminal, a line every ten seconds elsewhere, after the first second
 */
struct progress {
    const char *what; /* "rooms" */
    uint64_t begun_ms, shown_ms;
    bool is_shown, is_terminal;
};
void progress_begin(struct progress *p, const char *what);
void progress_at(struct progress *p, uint64_t done, uint64_t total); /* total 0: not known */
void progress_end(struct progress *p);
struct store_verified;
/* store_verify() of store/store.h, with progress. */
yd_err progress_verify(const char *dir, struct store_verified *found, char *why);

/* ---- the commands, a file each */
extern const struct command command_rooms, command_export, command_check, command_erase,
    command_undelete, command_import, command_backup, command_restore, command_compact,
    command_analyze, command_health;

#endif
