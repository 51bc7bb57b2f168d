/* naming.c - see naming.h. */
#include "ops/naming.h"

#include <stdio.h>
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-$"

/* The letters that begin *at, and behind them. */
static bool key_take(const char **at, char key[NAMING_KEY_MAX])
{
    size_t len = strspn(*at, LETTERS);
    if (len >= NAMING_KEY_MAX) return false;
    memcpy(key, *at, len);
    key[len] = 0;
    *at += len;
    return true;
}

/* One that is written twice would be two members of one name. */
static bool is_twice(const struct naming *n)
{
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < i; j++) {
            if (n->keys[i][0] != 0 && strcmp(n->keys[i], n->keys[j]) == 0) return true;
        }
    }
    return false;
}

bool naming_read(const char *text, struct naming *naming)
{
    struct naming n = {0};
    if (strlen(text) >= sizeof n.text) return false;
    snprintf(n.text, sizeof n.text, "%s", text);
    const char *at = text;
    bool is_off = strcmp(text, "off") == 0;
    if (!is_off && (!key_take(&at, n.object) || *at++ != '{')) return false;
    for (int i = 0; i < 3 && !is_off; i++) {
        if (!key_take(&at, n.keys[i])) return false;
        if (*at != ',') break;
        if (i < 2) at++;
    }
    if (!is_off && (strcmp(at, "}") != 0 || is_twice(&n))) return false;
    *naming = n;
    return true;
}
