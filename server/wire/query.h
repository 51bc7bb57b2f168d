/* wire/query.h - one value of a query string. Pure functions over bytes. */
#ifndef WIRE_QUERY_H
#define WIRE_QUERY_H

#include "ydoc/base.h"

enum { QUERY_NONE = -1, QUERY_BAD = -2 };

/* The value of `name` in the query of a request target, percent-decoded into out (size bytes; no
 * NUL is added). Returns its length, QUERY_NONE if it is not there, QUERY_BAD if its encoding is
 * broken or it does not fit. A plus is a plus. */
int query_value(yd_slice target, const char *name, uint8_t *out, size_t size);

#endif
