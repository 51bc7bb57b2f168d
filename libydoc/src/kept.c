/* kept.c - encodings that are asked for again and again.
 *
 * Where it sits:   state.c -> here -> mem.c
 *
 * Kept is what was asked for a second time without a change in between, so that a document that is
 * written once, or changes all the time, pays for nothing.
 */
#include "emit.h"

#include <string.h>

void yd_kept_free(struct yd_doc *doc, struct kept *kept)
{
    if (kept->len > 0) yd_mem(doc, kept->ptr, kept->len, 0);
    kept->ptr = NULL;
    kept->len = 0;
}

bool yd_kept_is_valid(const struct yd_doc *doc, const struct kept *kept)
{
    return kept->len > 0 && kept->version == doc->version;
}

void yd_kept_note(struct yd_doc *doc, struct kept *kept, yd_slice bytes)
{
    bool again = kept->version == doc->version;
    yd_kept_free(doc, kept);
    kept->version = doc->version;
    if (!again || bytes.len == 0) return;
    kept->ptr = yd_mem(doc, NULL, 0, bytes.len);
    if (kept->ptr == NULL) return; // then not
    memcpy(kept->ptr, bytes.ptr, bytes.len);
    kept->len = bytes.len;
}
