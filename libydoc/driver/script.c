/* script.c - see script.h. */
#include "script.h"

#define DEPTH_MAX 32

/* A value with what fills it. */
struct filling {
    struct script *script;
    yd_slice bytes;
};

/* What an op has read; freed at its end. */
struct op {
    struct yd_reader r;
    struct yd_type_ref ref;
    struct yd_buf values;   /* struct yd_value */
    struct yd_buf attrs;    /* struct yd_attr: of all deltas, one behind the other */
    struct yd_buf fillings; /* struct filling; value n has filling n */
    struct yd_buf deltas;   /* struct yd_delta_op */
};

static yd_err fill(void *ctx, struct yd_doc *doc, const struct yd_type_ref *type)
{
    struct filling *filling = ctx;
    struct script *script = filling->script;
    (void)doc;
    yd_err err = yd_buf_append(&script->made, (yd_slice){(const uint8_t *)type, sizeof *type});
    if (err != YD_OK) return err;
    if (script->depth == DEPTH_MAX) return YD_ETOOBIG;
    script->depth++;
    err = script_run(script, filling->bytes, type);
    script->depth--;
    return err;
}

static yd_err value_read(struct yd_reader *r, struct yd_value *value, yd_slice *filling)
{
    *value = (struct yd_value){.kind = (enum yd_value_kind)yd_read_u8(r), .options = YD_EMPTY};
    *filling = YD_EMPTY;
    if (value->kind == YD_VALUE_TYPE) value->type = (enum yd_kind)yd_read_u8(r);
    value->bytes = yd_read_varbytes(r);
    if (value->kind == YD_VALUE_TYPE) *filling = yd_read_varbytes(r);
    if (value->kind == YD_VALUE_DOC) value->options = yd_read_varbytes(r);
    return r->failed || value->kind > YD_VALUE_DOC ? YD_EMALFORMED : YD_OK;
}

static yd_err value_add(struct script *script, struct op *op)
{
    struct yd_value value;
    struct filling filling = {.script = script};
    yd_err err = value_read(&op->r, &value, &filling.bytes);
    yd_slice entry = {(const uint8_t *)&value, sizeof value};
    yd_slice more = {(const uint8_t *)&filling, sizeof filling};
    if (err == YD_OK) err = yd_buf_append(&op->values, entry);
    if (err == YD_OK) err = yd_buf_append(&op->fillings, more);
    return err;
}

/* Tells the values of types what fills them, once nothing moves any more. */
static struct yd_value *values_link(struct op *op)
{
    struct yd_value *values = (void *)op->values.ptr;
    struct filling *fillings = (void *)op->fillings.ptr;
    for (size_t i = 0; i < op->values.len / sizeof *values; i++) {
        if (values[i].kind != YD_VALUE_TYPE) continue;
        values[i].fill = fill;
        values[i].ctx = &fillings[i];
    }
    return values;
}

/* *count SIZE_MAX: not given. */
static yd_err attrs_read(struct op *op, size_t *count)
{
    uint64_t n = yd_read_varuint(&op->r);
    *count = n == 0 ? SIZE_MAX : (size_t)(n - 1);
    for (uint64_t i = 1; i < n; i++) {
        yd_slice unused;
        struct yd_attr attr = {.key = yd_read_varbytes(&op->r)};
        yd_err err = value_read(&op->r, &attr.value, &unused);
        yd_slice entry = {(const uint8_t *)&attr, sizeof attr};
        if (err == YD_OK) err = yd_buf_append(&op->attrs, entry);
        if (err != YD_OK) return err;
    }
    return op->r.failed ? YD_EMALFORMED : YD_OK;
}

static yd_err ref_read(struct script *script, struct op *op, const struct yd_type_ref *self)
{
    uint8_t kind = yd_read_u8(&op->r);
    op->ref = (struct yd_type_ref){.nested = kind != 0, .name = YD_EMPTY};
    if (kind == 0) op->ref.name = yd_read_varbytes(&op->r);
    if (kind == 1) {
        op->ref.client = yd_read_varuint(&op->r);
        op->ref.clock = (uint32_t)yd_read_varuint(&op->r);
    }
    if (kind == 2 && self != NULL) op->ref = *self;
    if (op->r.failed || kind > 2) return YD_EMALFORMED;
    return kind == 2 && self == NULL ? yd_edit_made(script->doc, &op->ref) : YD_OK;
}

static yd_err on_text(struct script *script, struct op *op, uint8_t code)
{
    struct yd_reader *r = &op->r;
    uint64_t index = yd_read_varuint(r);
    uint64_t length = code >= 2 ? yd_read_varuint(r) : 0;
    yd_slice text = code == 0 ? yd_read_varbytes(r) : YD_EMPTY;
    size_t count = SIZE_MAX;
    yd_err err = r->failed ? YD_EMALFORMED : YD_OK;
    if (code == 1 && err == YD_OK) err = value_add(script, op);
    if (code != 2 && err == YD_OK) err = attrs_read(op, &count);
    if (err != YD_OK) return err;
    struct yd_attrs attrs = {(const struct yd_attr *)(const void *)op->attrs.ptr, count};
    const struct yd_attrs *given = count == SIZE_MAX ? NULL : &attrs;
    switch (code) {
    case 0: return yd_edit_text_insert(script->doc, &op->ref, index, text, given);
    case 1: return yd_edit_text_embed(script->doc, &op->ref, index, values_link(op), given);
    case 2: return yd_edit_text_delete(script->doc, &op->ref, index, length);
    default: return yd_edit_text_format(script->doc, &op->ref, index, length, given);
    }
}

static yd_err delta_add(struct script *script, struct op *op)
{
    size_t count = 0;
    struct yd_delta_op delta = {.kind = (enum yd_delta_kind)yd_read_u8(&op->r), .text = YD_EMPTY};
    yd_err err = YD_OK;
    if (delta.kind == YD_DELTA_INSERT) delta.text = yd_read_varbytes(&op->r);
    if (delta.kind == YD_DELTA_EMBED) err = value_add(script, op);
    if (delta.kind >= YD_DELTA_RETAIN) delta.length = yd_read_varuint(&op->r);
    if (op->r.failed || delta.kind > YD_DELTA_DELETE) err = YD_EMALFORMED;
    if (err == YD_OK) err = attrs_read(op, &count);
    delta.attrs.count = count == SIZE_MAX ? 0 : count;
    yd_slice entry = {(const uint8_t *)&delta, sizeof delta};
    return err == YD_OK ? yd_buf_append(&op->deltas, entry) : err;
}

static yd_err on_delta(struct script *script, struct op *op)
{
    uint64_t count = yd_read_varuint(&op->r);
    yd_err err = op->r.failed ? YD_EMALFORMED : YD_OK;
    for (uint64_t i = 0; i < count && err == YD_OK; i++) err = delta_add(script, op);
    if (err != YD_OK) return err;
    struct yd_delta_op *deltas = (void *)op->deltas.ptr;
    const struct yd_attr *attrs = (const void *)op->attrs.ptr;
    const struct yd_value *values = values_link(op);
    for (uint64_t i = 0; i < count; i++) {
        deltas[i].attrs.list = attrs;
        attrs += deltas[i].attrs.count;
        if (deltas[i].kind == YD_DELTA_EMBED) deltas[i].value = *values++;
    }
    return yd_edit_text_delta(script->doc, &op->ref, deltas, (size_t)count);
}

static yd_err on_list(struct script *script, struct op *op, uint8_t code)
{
    uint64_t index = code == 6 ? yd_read_varuint(&op->r) : 0;
    uint64_t count = yd_read_varuint(&op->r);
    yd_err err = op->r.failed ? YD_EMALFORMED : YD_OK;
    for (uint64_t i = 0; i < count && err == YD_OK; i++) err = value_add(script, op);
    if (err != YD_OK) return err;
    const struct yd_value *values = values_link(op);
    if (code == 7) return yd_edit_list_push(script->doc, &op->ref, values, (size_t)count);
    return yd_edit_list_insert(script->doc, &op->ref, index, values, (size_t)count);
}

static yd_err on_list_delete(struct script *script, struct op *op)
{
    uint64_t index = yd_read_varuint(&op->r);
    uint64_t length = yd_read_varuint(&op->r);
    if (op->r.failed) return YD_EMALFORMED;
    return yd_edit_list_delete(script->doc, &op->ref, index, length);
}

static yd_err on_map(struct script *script, struct op *op, uint8_t code)
{
    yd_slice key = code == 11 ? YD_EMPTY : yd_read_varbytes(&op->r);
    if (op->r.failed) return YD_EMALFORMED;
    if (code == 11) return yd_edit_map_clear(script->doc, &op->ref);
    if (code == 10) return yd_edit_map_delete(script->doc, &op->ref, key);
    yd_err err = value_add(script, op);
    if (err != YD_OK) return err;
    return yd_edit_map_set(script->doc, &op->ref, key, values_link(op));
}

static yd_err op_run(struct script *script, struct op *op, const struct yd_type_ref *self)
{
    uint8_t code = yd_read_u8(&op->r);
    yd_err err = code > 11 ? YD_EMALFORMED : ref_read(script, op, self);
    if (err != YD_OK) return err;
    switch (code) {
    case 4: return on_delta(script, op);
    case 5: return yd_edit_text_tidy(script->doc, &op->ref, NULL);
    case 6:
    case 7: return on_list(script, op, code);
    case 8: return on_list_delete(script, op);
    case 9:
    case 10:
    case 11: return on_map(script, op, code);
    default: return on_text(script, op, code);
    }
}

yd_err script_run(struct script *script, yd_slice bytes, const struct yd_type_ref *self)
{
    yd_err first = YD_OK;
    struct op op = {.r = yd_reader_of(bytes)};
    yd_buf_init(&op.values, script->alloc, SIZE_MAX / 2);
    yd_buf_init(&op.attrs, script->alloc, SIZE_MAX / 2);
    yd_buf_init(&op.fillings, script->alloc, SIZE_MAX / 2);
    yd_buf_init(&op.deltas, script->alloc, SIZE_MAX / 2);
    while (yd_reader_left(&op.r) > 0 && !op.r.failed && first != YD_ENOMEM) {
        yd_buf_clear(&op.values);
        yd_buf_clear(&op.attrs);
        yd_buf_clear(&op.fillings);
        yd_buf_clear(&op.deltas);
        yd_err err = op_run(script, &op, self);
        if (first == YD_OK) first = err;
        if (err == YD_EMALFORMED) break; // where the next op begins is not known
    }
    yd_buf_deinit(&op.values);
    yd_buf_deinit(&op.attrs);
    yd_buf_deinit(&op.fillings);
    yd_buf_deinit(&op.deltas);
    return first;
}
