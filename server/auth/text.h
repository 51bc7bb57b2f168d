/* auth/text.h - the small texts of tokens and signatures: base64url, hex, strict JSON, lists.
 *
 * Pure functions over untrusted bytes. Source: RFC 4648 section 5, RFC 7515 appendix C.
 */
#ifndef AUTH_TEXT_H
#define AUTH_TEXT_H

#include <jansson.h>

#include "ydoc/base.h"

yd_slice text_slice(const char *text); /* NULL: no bytes */

/* Exactly base64url: its alphabet, no padding, no white space, unused bits zero. out has room for
 * cap bytes. False: it is not, or does not fit; out is then undefined. */
YD_NODISCARD bool text_base64url(yd_slice in, uint8_t *out, size_t cap, size_t *len);

/* Lower-case hex of bytes, 2 * len characters, without a NUL. */
void text_hex(const uint8_t *bytes, size_t len, char *out);
/* Exactly 2 * len lower-case hex digits. */
YD_NODISCARD bool text_unhex(yd_slice in, uint8_t *out, size_t len);

/* A JSON object in strict UTF-8, nesting <= YD_DEPTH_MAX, no name twice, no NUL, nothing behind it.
 * NULL: it is none. To be given to json_decref(). */
json_t *text_object(yd_slice text);

/* A string member; NULL: missing or no string. */
const char *text_member(const json_t *object, const char *name);

/* Holds ASCII control characters. */
bool text_has_controls(yd_slice text);

/* A copy that ends with a NUL, to be given to free(). */
char *text_copy(yd_slice text);

#define TEXT_LIST_MAX 16

/* The items of a comma separated setting, blanks around them cut, in the order given. */
struct text_list {
    uint32_t count;
    char *items[TEXT_LIST_MAX];
};

/* NULL text: no items. False: more than TEXT_LIST_MAX. Empty items are kept (the caller knows what
 * they mean); a text of blanks alone has no items. */
YD_NODISCARD bool text_list_init(struct text_list *list, const char *text);
void text_list_deinit(struct text_list *list);

#endif
