/* read_v2.h - update format V2 into the form that the engine works on. */
#ifndef YDOC_READ_V2_H
#define YDOC_READ_V2_H

#include "ydoc/base.h"

/* What a reading needs and leaves: an update in the inner form, see wire.h. */
struct v2_inner {
    struct yd_buf bytes; /* the update; its max is the limit of an update */
    struct yd_buf keys;  /* struct v2_key: the key table */
    struct yd_buf json;  /* an Any value as JSON, and back */
    struct yd_buf any;
};

void yd_v2_inner_init(struct v2_inner *inner, yd_alloc alloc, size_t bytes_max);
void yd_v2_inner_deinit(struct v2_inner *inner);

/* Writes an untrusted update as inner->bytes. All that columns and lengths say is checked; what
 * rules U5 to U12 say of structs is for whoever reads the inner form.
 * Errors: YD_EMALFORMED with *error_at set, YD_ETOOBIG, YD_ENOMEM. */
YD_NODISCARD yd_err yd_v2_read(yd_slice update, struct v2_inner *inner, size_t *error_at);

/* Where in the update the struct began that lies at offset `at` of its inner form: how far the
 * part that is no column had been read. */
size_t yd_v2_locate(yd_slice update, struct v2_inner *inner, size_t at);

#endif
