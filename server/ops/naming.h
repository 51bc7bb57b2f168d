/* ops/naming.h - under which keys presence says who somebody is: the setting presence-identity.
 *
 *   user{id,name,color}    state.user.id, state.user.name, state.user.color: the default
 *   {userId,username}      state.userId, state.username; a colour is not written
 *   user{,name}            an id is not written, and the client may say one
 *   off                    presence is what the clients say
 *
 * Rule D16 of docs/access.md. */
#ifndef OPS_NAMING_H
#define OPS_NAMING_H

#include <stdbool.h>

#define NAMING_KEY_MAX  32 /* with its NUL */
#define NAMING_TEXT_MAX (4 * NAMING_KEY_MAX + 4)

#define NAMING_TAKES   "off, or keys as in user{id,name,color}"
#define NAMING_PATTERN "^(off|[\\w$-]{0,31}\\{[\\w$-]{0,31}(,[\\w$-]{0,31}){0,2}\\})$"

struct naming {
    char text[NAMING_TEXT_MAX];   /* as it was set; "": it was not */
    char object[NAMING_KEY_MAX];  /* "": the state itself */
    char keys[3][NAMING_KEY_MAX]; /* id, name, color; "": not written */
};

/* False: it is none, names a key twice, or one of more than 31 letters, digits, `_`, `-`, `$`. */
bool naming_read(const char *text, struct naming *naming);

#endif
