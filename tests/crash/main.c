/* main.c - the commands of the crash tests, and the two places where they lie to the store.
 *
 *   crash power [any|first|second|wrong]   the power goes
 *   crash faults [KIND]                    the n-th system call fails, n = 1, 2, ...
 *   crash flips [OFFSETS]                  one bit of the files is another
 *   crash slow                             a slow disk, and one that stands still
 *   crash memory                           the n-th allocation of the store is refused
 *   crash upgrade                          the power goes while an old store is taken over
 *   crash full                             the disk is full
 *   crash copy [KILLS]                     a process that copies rooms is killed
 *   crash soak [MINUTES]                   hours of work: what must stay bounded does
 *
 * The program is linked with --wrap for sqlite3_exec and malloc: CRASH_SYNC=NORMAL or OFF makes the
 * store run without the syncs it asks for, so that the test can be seen to tell. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "crash/crash.h"

int __real_sqlite3_exec(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *,
                        char **);
int __wrap_sqlite3_exec(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *,
                        char **);

int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **),
                        void *ctx, char **error)
{
    const char *sync = getenv("CRASH_SYNC");
    int status = __real_sqlite3_exec(db, sql, row, ctx, error);
    if (sync == NULL || strstr(sql, "synchronous=") == NULL) return status;
    char other[64];
    snprintf(other, sizeof other, "PRAGMA synchronous=%s", sync);
    return status == SQLITE_OK ? __real_sqlite3_exec(db, other, NULL, NULL, NULL) : status;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "writer") == 0 && argc == 8) {
        return writer_run(&(struct writer_opts){.dir = argv[2],
                                                .acks = argv[3],
                                                .commits = (uint32_t)strtoul(argv[4], NULL, 10),
                                                .seed = (uint32_t)strtoul(argv[5], NULL, 10),
                                                .large = argv[6][0] == '1',
                                                .close = argv[7][0] == '1'});
    }
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {
        {"power", command_power},     {"faults", command_faults}, {"flips", command_flips},
        {"slow", command_slow},       {"memory", command_memory}, {"full", command_full},
        {"upgrade", command_upgrade}, {"copy", command_copy},     {"soak", command_soak}};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(command, commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
    }
    fputs("crash power|upgrade|faults|flips|slow|memory|full|copy|soak\n", stderr);
    return 2;
}
