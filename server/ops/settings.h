/* ops/settings.h - every setting of the server in one table: flag, environment, file, help. */
#ifndef OPS_SETTINGS_H
#define OPS_SETTINGS_H

#include <stdio.h>

#include "ops/log.h"
#include "ydoc/base.h"

struct settings {
    char *host;
    int64_t port;
    char *data;
    char *config;
    int64_t open;
    char *log_level;
    char *log_format;
    int64_t message_bytes_max;
    int64_t outbox_bytes_max;
    int64_t room_idle_ms;
    char *durability;
};

#define SETTINGS_ERROR_MAX 512

/* Fills settings: defaults, then the file named by --config, then PARTYD_*, then flags; later ones
 * win. Errors: YD_EMALFORMED, with a sentence in why that names the setting and where it stood. */
YD_NODISCARD yd_err settings_read(struct settings *settings, int argc, char **argv,
                                  char why[SETTINGS_ERROR_MAX]);
void settings_deinit(struct settings *settings);
void settings_help(FILE *to);

#endif
