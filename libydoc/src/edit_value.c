/* edit_value.c - values that the caller gives, on their way into items.
 *
 * Where it sits:   edit_text.c, edit_list.c, edit_map.c -> here -> json_any.c, edit.c
 * Source:          Yjs typeListInsertGenericsAfter, typeMapSet, ContentDoc; rule U104 in
 *                  docs/encoding.md
 */
#include "edit.h"

static bool any_check(yd_slice any)
{
    struct yd_reader r = yd_reader_of(any);
    yd_any_skip(&r, false);
    return !r.failed && r.at == r.end;
}

yd_err yd_value_check(const struct yd_value *value)
{
    bool good = false;
    switch (value->kind) {
    case YD_VALUE_JSON: good = yd_utf8_check(value->bytes) && yd_json_check(value->bytes); break;
    case YD_VALUE_ANY: good = any_check(value->bytes); break;
    case YD_VALUE_BYTES: good = true; break;
    case YD_VALUE_TYPE:
        good = (uint32_t)value->type < TYPE_REF_COUNT &&
               (!wire_type_has_name(value->type) || yd_utf8_check(value->bytes));
        break;
    case YD_VALUE_DOC:
        good = yd_utf8_check(value->bytes) &&
               (value->options.len == 0 ||
                (value->options.ptr[0] == ANY_OBJECT && any_check(value->options)));
        break;
    }
    return good && value->bytes.len < CLOCK_MAX ? YD_OK : YD_EMALFORMED;
}

yd_err yd_value_any(struct yd_buf *out, const struct yd_value *value)
{
    if (value->kind == YD_VALUE_ANY) return yd_buf_append(out, value->bytes);
    return yd_json_any(out, value->bytes);
}

/* JSON text if it gives the value back, as for values that arrive (rule U76). */
yd_err yd_value_text(struct yd_buf *out, const struct yd_value *value, bool *is_any)
{
    *is_any = false;
    if (value->kind == YD_VALUE_JSON) return yd_buf_append(out, value->bytes);
    size_t start = out->len;
    struct yd_buf back;
    yd_buf_init(&back, out->alloc, SIZE_MAX / 2);
    yd_err err = yd_any_json_text(out, value->bytes);
    if (err == YD_OK) err = yd_json_any(&back, (yd_slice){out->ptr + start, out->len - start});
    if (err == YD_OK && !yd_slice_equal(yd_buf_slice(&back), value->bytes)) {
        *is_any = true;
        out->len = start;
        err = yd_buf_append(out, value->bytes);
    }
    yd_buf_deinit(&back);
    return err;
}

static yd_err plain_put(struct yd_doc *doc, const struct slot *slot, const struct yd_value *value,
                        uint32_t *handle)
{
    struct yd_buf any;
    yd_buf_init(&any, yd_mem_alloc(doc), SIZE_MAX / 2);
    yd_err err = yd_value_any(&any, value);
    if (err == YD_OK) {
        struct wire wire = {.ref = REF_ANY, .len = 1, .content = yd_buf_slice(&any)};
        err = yd_edit_put(doc, slot, &wire, handle);
    }
    yd_buf_deinit(&any);
    return err;
}

static yd_err doc_put(struct yd_doc *doc, const struct slot *slot, const struct yd_value *value,
                      uint32_t *handle)
{
    static const uint8_t nothing[] = {ANY_OBJECT, 0};
    struct yd_buf pair;
    yd_buf_init(&pair, yd_mem_alloc(doc), SIZE_MAX / 2);
    yd_slice options = value->options.len > 0 ? value->options : (yd_slice){nothing, 2};
    yd_err err = yd_buf_varbytes(&pair, value->bytes);
    if (err == YD_OK) err = yd_buf_append(&pair, options);
    if (err == YD_OK) {
        struct wire wire = {.ref = REF_DOC, .len = 1, .content = yd_buf_slice(&pair)};
        err = yd_edit_put(doc, slot, &wire, handle);
    }
    yd_buf_deinit(&pair);
    return err;
}

static yd_err type_put(struct yd_doc *doc, const struct slot *slot, const struct yd_value *value,
                       uint32_t *handle, yd_err *fill_err)
{
    struct wire wire = {.ref = REF_TYPE, .len = 1, .type_ref = (uint8_t)value->type};
    wire.content = wire_type_has_name(value->type) ? value->bytes : YD_EMPTY;
    YD_TRY(yd_edit_put(doc, slot, &wire, handle));
    if (value->fill == NULL) return YD_OK;
    struct yd_type_ref made;
    yd_err err = yd_edit_made(doc, &made);
    doc->edit->filling++;
    if (err == YD_OK) err = value->fill(value->ctx, doc, &made);
    doc->edit->filling--;
    yd_markers_drop(doc, slot->type, 0); // whatever it did
    if (err != YD_OK) *fill_err = err;
    return doc->broken ? YD_ENOMEM : YD_OK;
}

yd_err yd_value_put(struct yd_doc *doc, const struct slot *slot, const struct yd_value *value,
                    uint32_t *handle, yd_err *fill_err)
{
    switch (value->kind) {
    case YD_VALUE_BYTES: {
        struct wire wire = {.ref = REF_BINARY, .len = 1, .content = value->bytes};
        return yd_edit_put(doc, slot, &wire, handle);
    }
    case YD_VALUE_TYPE: return type_put(doc, slot, value, handle, fill_err);
    case YD_VALUE_DOC: return doc_put(doc, slot, value, handle);
    default: return plain_put(doc, slot, value, handle);
    }
}
