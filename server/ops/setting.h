/* ops/setting.h - one row of the table of settings, for the files that read it and show it. */
#ifndef OPS_SETTING_H
#define OPS_SETTING_H

#include "ops/settings.h"

enum kind { TEXT, NUMBER, SWITCH, NAMING };

struct setting {
    const char *name; /* --name, PARTYD_NAME, "name" in the file */
    enum kind kind;
    size_t offset;
    const char *initial;
    int64_t min, max;
    const char *choices; /* "a|b"; NULL: any text */
    const char *help;
};

/* What only a few settings have. */
struct extra {
    size_t offset;
    const char *serve; /* default of the command serve; NULL: the same */
    const char *env;   /* name in the environment; NULL: PARTYD_NAME */
    bool secret;       /* read from the environment only */
};

#define SETTING_ENV_MAX 64

/* The table; count: its rows. */
const struct setting *settings_table(size_t *count);
const struct extra *setting_extra(const struct setting *s);
void setting_env(const struct setting *s, char name[SETTING_ENV_MAX]);

#endif
