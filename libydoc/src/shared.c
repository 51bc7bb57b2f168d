/* shared.c - one shared type looked at, wherever it is.
 *
 * Where it sits:   the caller -> yd_shared_...() -> here -> read_json.c, read_delta.c
 * Source:          Yjs typeListGet, typeMapGet; rule U120 in docs/encoding.md
 */
#include "ydoc/shared.h"

#include "codec.h"
#include "read.h"

yd_err yd_type_find(struct yd_doc *doc, const struct yd_type_ref *ref, uint32_t *type)
{
    if (doc->broken) return YD_ENOMEM;
    *type = ref->nested ? yd_nested_find(doc, ref->client, ref->clock) : root_find(doc, ref->name);
    return ref->nested && *type == NONE ? YD_ENOTFOUND : YD_OK;
}

struct yd_type_ref yd_type_ref_of(const struct yd_doc *doc, uint32_t type)
{
    const struct type *t = type_at(doc, type);
    if (t->owner == NONE) return (struct yd_type_ref){.name = name_text(doc, t->name)};
    const struct item *owner = item_at(doc, t->owner);
    return (struct yd_type_ref){.nested = true,
                                .name = YD_EMPTY,
                                .client = client_at(doc, item_client(owner))->id,
                                .clock = owner->clock};
}

yd_err yd_shared_look(struct yd_doc *doc, const struct yd_type_ref *ref, struct yd_shared *shared)
{
    uint32_t type;
    YD_TRY(yd_type_find(doc, ref, &type));
    *shared = (struct yd_shared){.kind = YD_KIND_ROOT, .name = ref->name};
    if (type == NONE) return YD_OK;
    const struct type *t = type_at(doc, type);
    shared->kind = (enum yd_kind)t->ref;
    shared->length = yd_type_length(doc, type);
    if (t->owner != NONE) {
        shared->name = text_slice(doc, t->name, t->name_len);
        shared->deleted = item_is_deleted(item_at(doc, t->owner));
    }
    uint32_t key = yd_live_key(doc, t->first_key);
    for (; key != NONE; key = yd_live_key(doc, list_at(doc, key)->next)) shared->keys++;
    return YD_OK;
}

yd_err yd_shared_json(struct yd_doc *doc, const struct yd_type_ref *ref, enum yd_root as,
                      enum yd_json_flags flags, struct yd_buf *out)
{
    uint32_t type;
    if (!ref->nested) return yd_doc_json(doc, as, ref->name, flags, out);
    YD_TRY(yd_type_find(doc, ref, &type));
    size_t before = out->len;
    struct text_out o = {.buf = out, .tagged = (flags & YD_JSON_TAGGED) != 0};
    yd_type_json(doc, type, &o);
    if (o.err != YD_OK) out->len = before;
    return o.err;
}

yd_err yd_shared_delta(struct yd_doc *doc, const struct yd_type_ref *ref, enum yd_json_flags flags,
                       struct yd_buf *out)
{
    uint32_t type;
    YD_TRY(yd_type_find(doc, ref, &type));
    return yd_type_delta(doc, type, flags, out);
}

/* One element of an item. */
static yd_err element_of(struct yd_doc *doc, uint32_t handle, uint32_t offset,
                         enum yd_json_flags flags, struct yd_buf *out, struct yd_element *element)
{
    const struct item *it = item_at(doc, handle);
    *element = (struct yd_element){.is_type = item_ref(it) == REF_TYPE};
    if (element->is_type) {
        element->type = yd_type_ref_of(doc, it->content);
        element->kind = (enum yd_kind)type_at(doc, it->content)->ref;
        return YD_OK;
    }
    size_t before = out->len;
    struct text_out o = {.buf = out, .tagged = (flags & YD_JSON_TAGGED) != 0};
    yd_element_json(doc, it, offset, &o);
    if (o.err != YD_OK) out->len = before;
    return o.err;
}

yd_err yd_shared_at(struct yd_doc *doc, const struct yd_type_ref *ref, uint64_t index,
                    enum yd_json_flags flags, struct yd_buf *out, struct yd_element *element)
{
    uint32_t type;
    YD_TRY(yd_type_find(doc, ref, &type));
    uint32_t at = type == NONE ? NONE : list_at(doc, type_at(doc, type)->seq)->head;
    for (; at != NONE; at = item_at(doc, at)->right) {
        const struct item *it = item_at(doc, at);
        if (!item_counts(it)) continue;
        if (index < it->len) return element_of(doc, at, (uint32_t)index, flags, out, element);
        index -= it->len;
    }
    return YD_ENOTFOUND;
}

yd_err yd_shared_get(struct yd_doc *doc, const struct yd_type_ref *ref, yd_slice key,
                     enum yd_json_flags flags, struct yd_buf *out, struct yd_element *element)
{
    uint32_t type;
    YD_TRY(yd_type_find(doc, ref, &type));
    uint32_t list = type == NONE ? NONE : yd_key_find(doc, type, key);
    uint32_t tail = list == NONE ? NONE : list_at(doc, list)->tail;
    if (tail == NONE || item_is_deleted(item_at(doc, tail))) return YD_ENOTFOUND;
    return element_of(doc, tail, item_at(doc, tail)->len - 1, flags, out, element);
}

yd_err yd_shared_keys(struct yd_doc *doc, const struct yd_type_ref *ref, struct yd_buf *out)
{
    uint32_t type;
    YD_TRY(yd_type_find(doc, ref, &type));
    size_t before = out->len;
    struct text_out o = {.buf = out};
    out_byte(&o, '[');
    uint32_t key = type == NONE ? NONE : yd_live_key(doc, type_at(doc, type)->first_key);
    for (bool first = true; key != NONE; first = false) {
        if (!first) out_byte(&o, ',');
        yd_out_json_string(&o, name_text(doc, list_at(doc, key)->key));
        key = yd_live_key(doc, list_at(doc, key)->next);
    }
    out_byte(&o, ']');
    if (o.err != YD_OK) out->len = before;
    return o.err;
}

/* ---- sub-documents */

static struct yd_subdoc subdoc_of(const struct yd_doc *doc, const struct item *it)
{
    struct yd_reader r = yd_reader_of(item_content(doc, it));
    struct yd_subdoc subdoc = {.guid = yd_read_varbytes(&r)};
    subdoc.options = (yd_slice){r.at, yd_reader_left(&r)};
    subdoc.client = client_at(doc, item_client(it))->id;
    subdoc.clock = it->clock;
    subdoc.parent = yd_type_ref_of(doc, list_at(doc, item_list(doc, it))->type);
    return subdoc;
}

yd_err yd_doc_subdocs(struct yd_doc *doc, yd_err (*each)(void *ctx, const struct yd_subdoc *subdoc),
                      void *ctx)
{
    if (doc->broken) return YD_ENOMEM;
    YD_TRY(yd_clients_sort(doc));
    for (uint32_t i = 0; i < doc->by_id.count; i++) {
        const struct client *client = client_at(doc, ((const uint32_t *)doc->by_id.at)[i]);
        struct smap_pos pos = smap_first();
        for (; !smap_is_end(&client->index, pos); pos = smap_next(&client->index, pos)) {
            uint32_t handle = smap_value(&client->index, pos);
            if (handle == INDEX_GC) continue;
            const struct item *it = item_at(doc, handle);
            if (item_ref(it) != REF_DOC || item_is_deleted(it)) continue;
            struct yd_subdoc subdoc = subdoc_of(doc, it);
            YD_TRY(each(ctx, &subdoc));
        }
    }
    return YD_OK;
}
