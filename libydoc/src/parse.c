/* parse.c - what is in an update.
 *
 * Where it sits:   the caller -> yd_update_parse() -> here -> source.c
 * Source:          rule U119 in docs/encoding.md
 */
#include "ydoc/parse.h"

#include "codec.h"
#include "source.h"

const char *yd_content_name(enum yd_content content)
{
    static const char *const names[YD_CONTENT_COUNT] = {"GC",     "Deleted", "JSON",   "Binary",
                                                        "String", "Embed",   "Format", "Type",
                                                        "Any",    "Doc",     "Skip"};
    return (uint32_t)content < YD_CONTENT_COUNT ? names[content] : "?";
}

static struct yd_id id_out(struct id id) { return (struct yd_id){id.client, id.clock}; }

static void struct_out(const struct wire *wire, struct id id, struct yd_struct *s)
{
    bool item = wire_is_item(wire);
    *s = (struct yd_struct){.id = id_out(id), .len = wire->len, .root = YD_EMPTY, .key = YD_EMPTY};
    s->content = (enum yd_content)wire_outer_ref(wire);
    s->bytes = wire->content;
    if (!item) return;
    s->has_origin = (wire->flags & WIRE_ORIGIN) != 0;
    s->has_right_origin = (wire->flags & WIRE_RIGHT) != 0;
    if (s->has_origin) s->origin = id_out(wire->origin);
    if (s->has_right_origin) s->right_origin = id_out(wire->right);
    s->has_parent = !s->has_origin && !s->has_right_origin;
    s->is_root = s->has_parent && wire->root;
    if (s->is_root) s->root = wire->name;
    if (s->has_parent && !wire->root) s->parent = id_out(wire->parent);
    s->has_key = s->has_parent && (wire->flags & WIRE_KEY) != 0;
    if (s->has_key) s->key = wire->key;
    if (wire->ref == REF_TYPE) s->type_ref = wire->type_ref;
}

static yd_err section_visit(struct section section, const struct yd_visitor *visitor,
                            struct yd_parsed *parsed)
{
    struct wire wire;
    const uint8_t *behind;
    for (; yd_section_peek(&section, &wire, &behind); section_step(&section, &wire, behind)) {
        struct yd_struct s;
        struct_out(&wire, (struct id){section.id, section.next.clock}, &s);
        parsed->structs++;
        parsed->contents[s.content].structs++;
        parsed->contents[s.content].clocks += s.len;
        parsed->contents[s.content].bytes += s.bytes.len;
        if (visitor->on_struct != NULL) YD_TRY(visitor->on_struct(visitor->ctx, &s));
    }
    return YD_OK;
}

static yd_err deletes_visit(const struct source *source, struct yd_buf *list,
                            const struct yd_visitor *visitor, struct yd_parsed *parsed)
{
    YD_TRY(yd_ranges_collect(source, list));
    yd_ranges_sort(list, false);
    const struct range *ranges = (const void *)list->ptr;
    for (size_t i = 0; i < list->len / sizeof *ranges; i++) {
        struct yd_deleted range = {{ranges[i].client, ranges[i].clock}, ranges[i].len};
        parsed->ranges++;
        parsed->deleted += range.len;
        if (visitor->on_deleted != NULL) YD_TRY(visitor->on_deleted(visitor->ctx, &range));
    }
    return YD_OK;
}

static yd_err source_visit(const struct source *source, struct yd_buf *list,
                           const struct yd_visitor *visitor, struct yd_parsed *parsed)
{
    parsed->lost = source->has_lost;
    parsed->sections = source_count(source);
    for (uint32_t i = 0; i < source_count(source); i++) {
        YD_TRY(section_visit(*source_section(source, i), visitor, parsed));
    }
    return deletes_visit(source, list, visitor, parsed);
}

yd_err yd_update_parse(struct yd_update update, yd_alloc alloc, const struct yd_visitor *visitor,
                       struct yd_parsed *parsed)
{
    static const struct yd_visitor nobody = {NULL, NULL, NULL};
    struct source source;
    struct yd_buf list;
    yd_buf_init(&list, alloc, SIZE_MAX / 2);
    yd_source_init(&source, &list);
    *parsed = (struct yd_parsed){.error_at = 0};
    yd_err err = yd_source_open(&source, update);
    if (err == YD_EMALFORMED) parsed->error_at = source.error_at;
    if (err == YD_OK) {
        err = source_visit(&source, &list, visitor != NULL ? visitor : &nobody, parsed);
    }
    yd_source_deinit(&source);
    yd_buf_deinit(&list);
    return err;
}
