/* roots.c - which roots a document has, and what each looks like.
 *
 * Where it sits:   the caller -> here
 *
 * Nothing on the wire says of which type a root is. Who looks at it decides by what is in it: keys
 * make it a map; XML types an XML fragment; characters, marks and embeds a text; anything else an
 * array. */
#include "ydoc/export.h"

#include "read.h"

static bool has_keys(const struct yd_doc *doc, uint32_t type, bool *alive)
{
    uint32_t first = type_at(doc, type)->first_key;
    *alive = yd_live_key(doc, first) != NONE;
    return first != NONE;
}

static enum yd_root kind_of_item(const struct yd_doc *doc, const struct item *it)
{
    switch (item_ref(it)) {
    case REF_STRING:
    case REF_FORMAT:
    case REF_FORMAT_ANY:
    case REF_EMBED:
    case REF_EMBED_ANY: return YD_ROOT_TEXT;
    case REF_TYPE: {
        uint32_t ref = type_at(doc, it->content)->ref;
        return ref >= TYPE_XML_ELEMENT && ref <= TYPE_XML_TEXT ? YD_ROOT_XML : YD_ROOT_ARRAY;
    }
    default: return YD_ROOT_ARRAY;
    }
}

/* By the first living item; marks alone are not alive. */
static void kind_of_sequence(const struct yd_doc *doc, uint32_t type, struct yd_root_info *root)
{
    uint32_t at = list_at(doc, type_at(doc, type)->seq)->head;
    for (; at != NONE; at = item_at(doc, at)->right) {
        const struct item *it = item_at(doc, at);
        if (item_is_deleted(it)) continue;
        root->kind = kind_of_item(doc, it);
        if (!item_counts(it)) continue;
        root->is_empty = false;
        return;
    }
}

bool yd_doc_root_next(const struct yd_doc *doc, uint32_t *at, struct yd_root_info *root)
{
    if (doc->broken) return false;
    while (*at < doc->names.count && name_at(doc, *at)->root == NONE) ++*at;
    if (*at >= doc->names.count) return false;
    uint32_t type = name_at(doc, *at)->root;
    bool alive = false;
    *root = (struct yd_root_info){name_text(doc, *at), YD_ROOT_ARRAY, true};
    kind_of_sequence(doc, type, root);
    if (root->is_empty && has_keys(doc, type, &alive)) {
        root->kind = YD_ROOT_MAP;
        root->is_empty = !alive;
    }
    ++*at;
    return true;
}
