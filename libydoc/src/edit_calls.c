/* edit_calls.c - the calls that edit a text: everything is checked, then done.
 *
 * Where it sits:   the caller -> here -> edit_text.c
 * Source:          Yjs YText.insert, insertEmbed, delete, format, applyDelta
 */
#include "edit_text.h"
#include "utf8.h"

#define NEWLINES_MAX ((uint64_t)1 << 20)

static void text_begin(struct yd_doc *doc, struct text_edit *e)
{
    *e = (struct text_edit){.fill_err = YD_OK};
    yd_buf_init(&e->texts, yd_mem_alloc(doc), SIZE_MAX / 2);
}

/* Ends a call. An error of a fill is told when all else went well. */
static yd_err text_end(struct yd_doc *doc, struct text_edit *e, yd_err err)
{
    yd_spot_free(doc, &e->spot);
    yd_attrs_free(doc, &e->given);
    yd_attrs_free(doc, &e->wanted);
    yd_attrs_free(doc, &e->negated);
    yd_buf_deinit(&e->texts);
    return yd_edit_leave(doc, err == YD_OK ? e->fill_err : err);
}

static uint64_t marks_bytes(const struct yd_doc *doc, const struct attrs *attrs)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < attrs->vec.count; i++) {
        const struct attr *attr = attr_at(attrs, i);
        bytes += attr->item != NONE ? item_extent(doc, item_at(doc, attr->item)).bytes
                                    : attr->key.len + attr->value.len + 16;
    }
    return bytes;
}

/* Room for a content between marks: those given, those on, and as many behind it. */
static yd_err text_room(struct yd_doc *doc, const struct text_edit *e, uint64_t bytes, uint64_t len)
{
    uint64_t marks = 2 * ((uint64_t)e->given.vec.count + e->spot.marks.vec.count);
    bytes += 2 * (marks_bytes(doc, &e->given) + marks_bytes(doc, &e->spot.marks));
    return yd_edit_room(doc, marks + 3, bytes, len + marks);
}

static yd_err text_read(yd_slice text, struct insertion *in)
{
    *in = (struct insertion){.text = text, .len = 0};
    if (text.len >= CLOCK_MAX) return YD_ETOOBIG;
    return yd_utf8_units(text, &in->len) ? YD_OK : YD_EMALFORMED;
}

static yd_err embed_read(struct yd_doc *doc, const struct yd_value *value, struct yd_buf *scratch,
                         struct insertion *in)
{
    *in = (struct insertion){.value = value, .text = YD_EMPTY, .len = 1};
    YD_TRY(yd_value_check(value));
    if (value->kind == YD_VALUE_TYPE) return YD_OK;
    if (!value_is_plain(value)) return YD_EMALFORMED;
    yd_buf_clear(scratch);
    YD_TRY(yd_edit_leave(doc, yd_value_text(scratch, value, &in->is_any)));
    in->text = yd_buf_slice(scratch);
    return YD_OK;
}

static yd_err insert_at(struct yd_doc *doc, struct text_edit *e, uint64_t index,
                        const struct insertion *in, const struct yd_attrs *attrs)
{
    YD_TRY(yd_attrs_read(doc, attrs, &e->texts, &e->given));
    YD_TRY(yd_spot_find(doc, e->spot.type, index, &e->spot, NULL));
    YD_TRY(text_room(doc, e, in->text.len, in->len));
    YD_TRY(yd_spot_cut(doc, &e->spot));
    return yd_text_put(doc, e, in, attrs == NULL && in->value == NULL ? NULL : &e->given);
}

yd_err yd_edit_text_insert(struct yd_doc *doc, const struct yd_type_ref *text, uint64_t index,
                           yd_slice utf8, const struct yd_attrs *attrs)
{
    struct text_edit e;
    struct insertion in;
    uint32_t type;
    YD_TRY(yd_edit_enter(doc, text, &type));
    YD_TRY(text_read(utf8, &in));
    if (utf8.len == 0) return YD_OK;
    text_begin(doc, &e);
    e.spot.type = type;
    return text_end(doc, &e, insert_at(doc, &e, index, &in, attrs));
}

yd_err yd_edit_text_embed(struct yd_doc *doc, const struct yd_type_ref *text, uint64_t index,
                          const struct yd_value *value, const struct yd_attrs *attrs)
{
    struct text_edit e;
    struct insertion in;
    uint32_t type;
    struct yd_buf scratch;
    YD_TRY(yd_edit_enter(doc, text, &type));
    yd_buf_init(&scratch, yd_mem_alloc(doc), SIZE_MAX / 2);
    text_begin(doc, &e);
    e.spot.type = type;
    yd_err err = embed_read(doc, value, &scratch, &in);
    if (err == YD_OK) err = insert_at(doc, &e, index, &in, attrs);
    err = text_end(doc, &e, err);
    yd_buf_deinit(&scratch);
    return err;
}

static yd_err text_delete(struct yd_doc *doc, struct text_edit *e, uint64_t index, uint64_t length)
{
    YD_TRY(yd_spot_find(doc, e->spot.type, index, &e->spot, NULL));
    YD_TRY(yd_edit_room(doc, 2, 0, 0));
    YD_TRY(yd_spot_cut(doc, &e->spot));
    return yd_text_erase(doc, e, length);
}

yd_err yd_edit_text_delete(struct yd_doc *doc, const struct yd_type_ref *text, uint64_t index,
                           uint64_t length)
{
    struct text_edit e;
    uint32_t type;
    YD_TRY(yd_edit_enter(doc, text, &type));
    if (length == 0) return YD_OK;
    text_begin(doc, &e);
    e.spot.type = type;
    return text_end(doc, &e, text_delete(doc, &e, index, length));
}

/* How many of `length` units right of a place are not there. */
static uint64_t units_beyond(const struct yd_doc *doc, const struct spot *spot, uint64_t length)
{
    uint64_t have = 0;
    for (uint32_t at = spot->right; at != NONE && have < length + spot->cut;
         at = item_at(doc, at)->right) {
        const struct item *it = item_at(doc, at);
        if (item_counts(it)) have += it->len;
    }
    have -= have > spot->cut ? spot->cut : have;
    return have < length ? length - have : 0;
}

static yd_err text_format(struct yd_doc *doc, struct text_edit *e, uint64_t index, uint64_t length,
                          const struct yd_attrs *attrs)
{
    YD_TRY(yd_attrs_read(doc, attrs, &e->texts, &e->given));
    YD_TRY(yd_spot_find(doc, e->spot.type, index, &e->spot, NULL));
    if (e->spot.right == NONE) return YD_OK;
    uint64_t lines = units_beyond(doc, &e->spot, length);
    if (lines > NEWLINES_MAX) return YD_ETOOBIG;
    YD_TRY(text_room(doc, e, lines, lines));
    YD_TRY(yd_spot_cut(doc, &e->spot));
    return yd_text_mark(doc, e, length, &e->given);
}

yd_err yd_edit_text_format(struct yd_doc *doc, const struct yd_type_ref *text, uint64_t index,
                           uint64_t length, const struct yd_attrs *attrs)
{
    struct text_edit e;
    uint32_t type;
    YD_TRY(yd_edit_enter(doc, text, &type));
    if (length == 0) return YD_OK;
    if (length > SPOT_END) return YD_ETOOBIG;
    text_begin(doc, &e);
    e.spot.type = type;
    return text_end(doc, &e, text_format(doc, &e, index, length, attrs));
}

yd_err yd_edit_text_tidy(struct yd_doc *doc, const struct yd_type_ref *text, uint32_t *removed)
{
    uint32_t unused;
    uint32_t type;
    YD_TRY(yd_edit_enter(doc, text, &type));
    return yd_edit_leave(doc, yd_text_tidy_all(doc, type, removed != NULL ? removed : &unused));
}

/* ---- deltas */

/* What a delta needs in all. */
struct delta_plan {
    uint64_t at;  /* units before the place that the walk has come to */
    uint64_t len; /* of the text by then */
    uint64_t structs;
    uint64_t bytes;
    uint64_t clocks;
};

static yd_err op_read(struct yd_doc *doc, const struct yd_delta_op *op, struct yd_buf *scratch,
                      struct insertion *in)
{
    if (op->kind == YD_DELTA_EMBED) return embed_read(doc, &op->value, scratch, in);
    return text_read(op->text, in);
}

static yd_err delta_insert_plan(struct yd_doc *doc, const struct yd_delta_op *op,
                                struct yd_buf *scratch, struct delta_plan *plan)
{
    struct insertion in;
    YD_TRY(op_read(doc, op, scratch, &in));
    plan->at += in.len;
    plan->len += in.len;
    plan->bytes += in.text.len;
    plan->clocks += in.len;
    return YD_OK;
}

static yd_err delta_op_plan(struct yd_doc *doc, struct text_edit *e, const struct yd_delta_op *op,
                            struct yd_buf *scratch, struct delta_plan *plan)
{
    yd_buf_clear(&e->texts);
    YD_TRY(yd_attrs_read(doc, &op->attrs, &e->texts, &e->given));
    plan->structs += 3 + 4 * (uint64_t)e->given.vec.count;
    plan->clocks += 4 * (uint64_t)e->given.vec.count;
    plan->bytes += 2 * marks_bytes(doc, &e->given);
    if (op->length > SPOT_END) return YD_ETOOBIG;
    if (op->kind == YD_DELTA_DELETE) {
        uint64_t there = plan->len - plan->at;
        plan->len -= op->length < there ? op->length : there;
        return YD_OK;
    }
    if (op->kind != YD_DELTA_RETAIN) return delta_insert_plan(doc, op, scratch, plan);
    plan->at += op->length;
    if (plan->at <= plan->len) return YD_OK;
    uint64_t lines = plan->at - plan->len;
    if (lines > NEWLINES_MAX) return YD_ETOOBIG;
    plan->len = plan->at;
    plan->bytes += lines;
    plan->clocks += lines;
    return YD_OK;
}

static yd_err delta_op_run(struct yd_doc *doc, struct text_edit *e, const struct yd_delta_op *op,
                           struct yd_buf *scratch)
{
    struct insertion in;
    yd_buf_clear(&e->texts);
    YD_TRY(yd_attrs_read(doc, &op->attrs, &e->texts, &e->given));
    if (op->kind == YD_DELTA_DELETE) return yd_text_erase(doc, e, op->length);
    if (op->kind == YD_DELTA_RETAIN) return yd_text_mark(doc, e, op->length, &e->given);
    YD_TRY(op_read(doc, op, scratch, &in));
    return in.len == 0 ? YD_OK : yd_text_put(doc, e, &in, &e->given);
}

static yd_err delta_run(struct yd_doc *doc, struct text_edit *e, const struct yd_delta_op *ops,
                        size_t count, struct yd_buf *scratch)
{
    struct delta_plan plan = {.len = yd_type_length(doc, e->spot.type)};
    for (size_t i = 0; i < count; i++) YD_TRY(delta_op_plan(doc, e, &ops[i], scratch, &plan));
    YD_TRY(yd_edit_room(doc, plan.structs, plan.bytes, plan.clocks));
    e->spot.left = NONE;
    e->spot.right = list_at(doc, type_at(doc, e->spot.type)->seq)->head;
    for (size_t i = 0; i < count; i++) YD_TRY(delta_op_run(doc, e, &ops[i], scratch));
    return YD_OK;
}

yd_err yd_edit_text_delta(struct yd_doc *doc, const struct yd_type_ref *text,
                          const struct yd_delta_op *ops, size_t count)
{
    struct text_edit e;
    struct yd_buf scratch;
    uint32_t type;
    YD_TRY(yd_edit_enter(doc, text, &type));
    text_begin(doc, &e);
    e.spot.type = type;
    yd_buf_init(&scratch, yd_mem_alloc(doc), SIZE_MAX / 2);
    yd_err err = delta_run(doc, &e, ops, count, &scratch);
    yd_buf_deinit(&scratch);
    return text_end(doc, &e, err);
}
