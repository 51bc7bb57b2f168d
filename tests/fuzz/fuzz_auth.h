/* fuzz_auth.h - what the fuzzers of access share. */
#ifndef FUZZ_AUTH_H
#define FUZZ_AUTH_H

#include <stdlib.h>
#include <string.h>

#include "auth/state.h"

static inline void need(bool ok)
{
    if (!ok) abort();
}

/* Takes what stands before the next line break, and the break. */
static inline yd_slice line_take(yd_slice *rest)
{
    const uint8_t *end = memchr(rest->ptr, '\n', rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
    yd_slice line = {rest->ptr, len};
    size_t used = end == NULL ? len : len + 1;
    *rest = (yd_slice){rest->ptr + used, rest->len - used};
    return line;
}

/* What holds of every decision, whatever led to it. */
static inline void decision_check(const struct auth_decision *d)
{
    need((d->permission != AUTH_NONE) == (d->reason == AUTH_ALLOWED));
    need(d->why != NULL && d->expires_at >= 0);
    need(memchr(d->user_id, 0, sizeof d->user_id) != NULL);
    need(memchr(d->name, 0, sizeof d->name) != NULL);
    need(memchr(d->color, 0, sizeof d->color) != NULL);
    need(yd_utf8_check(text_slice(d->user_id)) && !text_has_controls(text_slice(d->user_id)));
    need(yd_utf8_check(text_slice(d->name)) && yd_utf8_check(text_slice(d->color)));
}

#endif
