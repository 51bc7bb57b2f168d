/* obfuscate.c - an update whose contents say nothing.
 *
 * Where it sits:   the caller -> yd_update_obfuscate() -> here -> source.c, names.c, sink.c
 * Source:          Yjs obfuscateUpdate; rule U130 in docs/encoding.md
 *
 * What it puts in place of a content is the number of the item in the update. A key, a name or the
 * value of a mark that comes again is given the number of the first time, so that what belonged
 * together still does.
 */
#include "ydoc/obfuscate.h"

#include "any.h"
#include "codec.h"
#include "out.h"
#include "source.h"

/* What is given a number by what it says. */
enum table { TABLE_KEY = 'k', TABLE_NODE = 'n', TABLE_MARK = 'm', TABLE_VALUE = 'v' };

struct obfuscator {
    struct yd_obfuscate keep;
    uint32_t item;         /* number of the one at hand */
    struct yd_doc *known;  /* an empty document: of its names each has a number */
    struct yd_buf numbers; /* struct given, by name */
    struct yd_buf lookup;  /* table and text, as a name */
    struct yd_buf key;     /* what is written in place of the key and the content */
    struct yd_buf content;
};

struct given {
    uint32_t item;
    uint8_t ref; /* of a name: type reference of the item */
};

/* The number that a text has, or gets now. */
static yd_err number_of(struct obfuscator *o, enum table table, yd_slice text, struct given *given)
{
    uint32_t name;
    yd_buf_clear(&o->lookup);
    YD_TRY(yd_buf_u8(&o->lookup, (uint8_t)table));
    YD_TRY(yd_buf_append(&o->lookup, text));
    YD_TRY(yd_name_intern(o->known, yd_buf_slice(&o->lookup), &name));
    if (name == o->numbers.len / sizeof *given) {
        YD_TRY(yd_buf_append(&o->numbers, (yd_slice){(const uint8_t *)given, sizeof *given}));
    }
    *given = ((const struct given *)(const void *)o->numbers.ptr)[name];
    return YD_OK;
}

/* "before" NUMBER "behind" */
static yd_err put_number(struct yd_buf *buf, yd_slice before, uint32_t number, yd_slice behind)
{
    struct text_out o = {.buf = buf};
    yd_out_raw(&o, before);
    yd_out_uint(&o, number);
    yd_out_raw(&o, behind);
    return o.err;
}

/* The same with its length before it. */
static yd_err put_counted(struct yd_buf *buf, yd_slice before, uint32_t number, yd_slice behind)
{
    size_t digits = 1;
    for (uint32_t rest = number; rest >= 10; rest /= 10) digits++;
    YD_TRY(yd_buf_varuint(buf, before.len + digits + behind.len));
    return put_number(buf, before, number, behind);
}

static yd_err string_hide(struct obfuscator *o, const struct wire *wire)
{
    YD_TRY(yd_buf_reserve(&o->content, wire->len));
    memset(o->content.ptr, '0' + (int)(o->item % 10), wire->len);
    o->content.len = wire->len;
    return YD_OK;
}

static yd_err values_hide(struct obfuscator *o, const struct wire *wire)
{
    for (uint32_t i = 0; i < wire->len; i++) {
        if (wire->ref == REF_JSON) {
            YD_TRY(put_counted(&o->content, YD_EMPTY, o->item, YD_EMPTY));
        } else {
            YD_TRY(yd_buf_u8(&o->content, ANY_INTEGER));
            YD_TRY(yd_buf_varint(&o->content, o->item, false));
        }
    }
    return YD_OK;
}

/* Values that are no objects are the same if they say the same. *ends: the mark goes off. */
static yd_err mark_value(struct obfuscator *o, const struct wire *wire, struct yd_reader *r,
                         struct given *given, bool *ends)
{
    yd_slice any = {r->at, yd_reader_left(r)};
    if (wire->ref == REF_FORMAT) {
        yd_buf_clear(&o->content);
        YD_TRY(yd_json_any(&o->content, yd_read_varbytes(r)));
        any = yd_buf_slice(&o->content);
    }
    *ends = any.ptr[0] == ANY_NULL;
    bool is_object = any.ptr[0] >= ANY_BYTES && any.ptr[0] <= ANY_OBJECT;
    return *ends || is_object ? YD_OK : number_of(o, TABLE_VALUE, any, given);
}

static yd_err mark_hide(struct obfuscator *o, struct wire *wire)
{
    struct yd_reader r = yd_reader_of(wire->content);
    struct given key = {.item = o->item}, value = key;
    bool ends;
    YD_TRY(number_of(o, TABLE_MARK, yd_read_varbytes(&r), &key));
    YD_TRY(mark_value(o, wire, &r, &value, &ends));
    yd_buf_clear(&o->content);
    YD_TRY(put_counted(&o->content, YD_EMPTY, key.item, YD_EMPTY));
    wire->ref = REF_FORMAT;
    if (ends) return yd_buf_varbytes(&o->content, YD_LITERAL("null"));
    return put_counted(&o->content, YD_LITERAL("{\"i\":"), value.item, YD_LITERAL("}"));
}

static yd_err name_hide(struct obfuscator *o, const struct wire *wire)
{
    struct given given = {o->item, wire->type_ref};
    YD_TRY(number_of(o, TABLE_NODE, wire->content, &given));
    yd_slice kind = given.ref == TYPE_XML_HOOK ? YD_LITERAL("hook-") : YD_LITERAL("node-");
    return put_number(&o->content, kind, given.item, YD_EMPTY);
}

static yd_err subdoc_hide(struct obfuscator *o)
{
    static const uint8_t no_options[] = {ANY_OBJECT, 0};
    YD_TRY(put_counted(&o->content, YD_EMPTY, o->item, YD_EMPTY));
    return yd_buf_append(&o->content, (yd_slice){no_options, sizeof no_options});
}

/* Puts what says nothing in place of the content; *kept: it stays. */
static yd_err content_hide(struct obfuscator *o, struct wire *wire, bool *kept)
{
    *kept = false;
    switch (wire->ref) {
    case REF_STRING: return string_hide(o, wire);
    case REF_JSON:
    case REF_ANY: return values_hide(o, wire);
    case REF_BINARY: return yd_buf_u8(&o->content, (uint8_t)o->item);
    case REF_EMBED:
    case REF_EMBED_ANY: wire->ref = REF_EMBED; return yd_buf_append(&o->content, YD_LITERAL("{}"));
    case REF_FORMAT:
    case REF_FORMAT_ANY: *kept = o->keep.keep_marks; return *kept ? YD_OK : mark_hide(o, wire);
    case REF_DOC: *kept = o->keep.keep_subdocs; return *kept ? YD_OK : subdoc_hide(o);
    case REF_TYPE:
        *kept = o->keep.keep_names || !wire_type_has_name(wire->type_ref);
        return *kept ? YD_OK : name_hide(o, wire);
    default: *kept = true; return YD_OK;
    }
}

/* A key is written only where no origin stands for it, and the empty one stays. */
static yd_err key_hide(struct obfuscator *o, struct wire *wire)
{
    if ((wire->flags & WIRE_ORIGINS) != 0 || wire->key.len == 0) return YD_OK;
    struct given given = {.item = o->item};
    YD_TRY(number_of(o, TABLE_KEY, wire->key, &given));
    YD_TRY(put_number(&o->key, YD_EMPTY, given.item, YD_EMPTY));
    wire->key = yd_buf_slice(&o->key);
    return YD_OK;
}

static yd_err struct_hide(struct obfuscator *o, struct wire *wire)
{
    bool kept;
    if (!wire_is_item(wire)) return YD_OK;
    yd_buf_clear(&o->key);
    yd_buf_clear(&o->content);
    YD_TRY(content_hide(o, wire, &kept));
    if (!kept) wire->content = yd_buf_slice(&o->content);
    YD_TRY(key_hide(o, wire));
    o->item++;
    return YD_OK;
}

static yd_err section_hide(struct obfuscator *o, struct section section, struct sink *sink)
{
    struct wire wire;
    const uint8_t *behind;
    uint32_t count = section.next.left;
    if (count == 0) return YD_OK;
    YD_TRY(yd_sink_section_open(sink, section.id, section.next.clock));
    for (; yd_section_peek(&section, &wire, &behind); section_step(&section, &wire, behind)) {
        struct id id = {section.id, section.next.clock};
        YD_TRY(struct_hide(o, &wire)); // its length stays
        YD_TRY(sink_struct(sink, &wire, id, 0, true));
    }
    return yd_sink_section_close(sink, count);
}

static yd_err update_hide(struct obfuscator *o, const struct source *source, struct sink *sink)
{
    sink_sections_begin(sink);
    for (uint32_t i = 0; i < source_count(source); i++) {
        YD_TRY(section_hide(o, *source_section(source, i), sink));
    }
    YD_TRY(yd_sink_sections_end(sink));
    return yd_deletes_copy(source, sink);
}

static yd_err obfuscator_init(struct obfuscator *o, const struct yd_obfuscate *keep, yd_alloc alloc)
{
    static const struct yd_doc_opts unlimited = {.doc_bytes_max = SIZE_MAX};
    *o = (struct obfuscator){.known = NULL};
    if (keep != NULL) o->keep = *keep;
    yd_buf_init(&o->numbers, alloc, SIZE_MAX / 2);
    yd_buf_init(&o->lookup, alloc, SIZE_MAX / 2);
    yd_buf_init(&o->key, alloc, SIZE_MAX / 2);
    yd_buf_init(&o->content, alloc, SIZE_MAX / 2);
    return yd_doc_new(alloc, &unlimited, &o->known);
}

static void obfuscator_deinit(struct obfuscator *o)
{
    yd_buf_deinit(&o->numbers);
    yd_buf_deinit(&o->lookup);
    yd_buf_deinit(&o->key);
    yd_buf_deinit(&o->content);
    if (o->known != NULL) yd_doc_free(o->known);
}

yd_err yd_update_obfuscate(struct yd_update update, const struct yd_obfuscate *keep,
                           enum yd_format format, struct yd_buf *out)
{
    if (!format_is_known(format)) return YD_EUNSUPPORTED;
    size_t before = out->len;
    struct source source;
    struct obfuscator o;
    yd_source_init(&source, out);
    yd_err err = obfuscator_init(&o, keep, out->alloc);
    if (err == YD_OK) err = yd_source_open(&source, update);
    if (err == YD_OK) {
        struct sink sink;
        yd_sink_begin(&sink, format, out);
        err = yd_sink_end(&sink, update_hide(&o, &source, &sink));
    }
    obfuscator_deinit(&o);
    yd_source_deinit(&source);
    if (err != YD_OK) out->len = before;
    return err;
}
