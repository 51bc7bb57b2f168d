/* history.c - commands about what happened: changes, snapshots, what is in an update. */
#include "line.h"
#include "ydoc/changes.h"
#include "ydoc/obfuscate.h"
#include "ydoc/parse.h"
#include "ydoc/snapshot.h"

/* Appends `,"name":value`. */
static yd_err put_count(struct yd_buf *out, const char *name, uint64_t value)
{
    yd_err err = line_put(out, ",\"");
    if (err == YD_OK) err = line_put(out, name);
    if (err == YD_OK) err = line_put(out, "\":");
    return err == YD_OK ? line_put_number(out, value) : err;
}

static yd_err put_change(struct yd_buf *out, const struct yd_change *change)
{
    yd_err err = line_put(out, "{\"root\":");
    if (err == YD_OK) err = line_put_text(out, change->root);
    if (err == YD_OK && change->type.nested) {
        err = put_count(out, "client", change->type.client);
        if (err == YD_OK) err = put_count(out, "clock", change->type.clock);
    }
    if (err == YD_OK && change->has_key) {
        err = line_put(out, ",\"key\":");
        if (err == YD_OK) err = line_put_text(out, change->key);
        if (err == YD_OK) err = put_count(out, "change", change->key_change);
    } else if (err == YD_OK) {
        err = put_count(out, "inserted", change->inserted);
        if (err == YD_OK) err = put_count(out, "deleted", change->deleted);
        if (err == YD_OK) err = put_count(out, "marks", change->marks);
    }
    return err == YD_OK ? line_put(out, "}") : err;
}

static yd_err on_changes(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    (void)rest;
    yd_err err = line_put(&d->made, "[");
    for (size_t i = 0; i < yd_doc_change_count(d->doc) && err == YD_OK; i++) {
        struct yd_change change = yd_doc_change(d->doc, i);
        if (i > 0) err = line_put(&d->made, ",");
        if (err == YD_OK) err = put_change(&d->made, &change);
    }
    if (err == YD_OK) err = line_put(&d->made, "]");
    return line_answer_json(d, err, out);
}

/* ---- snapshots */

/* A format and bytes in hex, appended to `to`. */
static yd_err piece_take(yd_slice *rest, struct yd_buf *to, enum yd_format *format)
{
    if (!line_format_take(rest, format)) return YD_EMALFORMED;
    return line_unhex(to, line_word_take(rest));
}

static yd_err on_snap(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_snapshot snapshot;
    enum yd_format format;
    if (!line_format_take(&rest, &format)) return line_put_usage(out, "snap v1|v2 [v1|v2 HEX]");
    if (rest.len == 0) {
        return line_answer_bytes(d, yd_snapshot_encode(d->doc, format, &d->made), out);
    }
    yd_err err = piece_take(&rest, &d->bytes, &snapshot.format);
    if (err == YD_EMALFORMED) return line_put_usage(out, "snap v1|v2 [v1|v2 HEX]");
    if (err != YD_OK) return err;
    snapshot.bytes = yd_buf_slice(&d->bytes);
    return line_answer_bytes(d, yd_snapshot_convert(snapshot, format, &d->made), out);
}

static yd_err on_restore(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_snapshot snapshot;
    enum yd_format format;
    yd_err err = line_format_take(&rest, &format) ? YD_OK : YD_EMALFORMED;
    if (err == YD_OK) err = piece_take(&rest, &d->bytes, &snapshot.format);
    if (err == YD_EMALFORMED) return line_put_usage(out, "restore v1|v2 v1|v2 HEX");
    if (err != YD_OK) return err;
    snapshot.bytes = yd_buf_slice(&d->bytes);
    return line_answer_bytes(d, yd_snapshot_restore(d->doc, snapshot, format, &d->made), out);
}

/* Two pieces of hex compared by one of the functions. */
static yd_err compare(struct driver *d, yd_slice rest, bool contains, struct yd_buf *out)
{
    struct yd_snapshot a;
    enum yd_format format;
    struct yd_buf more;
    bool value = false;
    yd_buf_init(&more, d->alloc, SIZE_MAX / 2);
    yd_err err = piece_take(&rest, &d->bytes, &a.format);
    if (err == YD_OK) err = piece_take(&rest, &more, &format);
    a.bytes = yd_buf_slice(&d->bytes);
    if (err == YD_EMALFORMED) {
        err = line_put_usage(out, "equal|contains v1|v2 HEX v1|v2 HEX");
    } else if (err == YD_OK) {
        struct yd_snapshot b = {yd_buf_slice(&more), format};
        struct yd_update update = {yd_buf_slice(&more), format};
        err = contains ? yd_snapshot_contains(a, update, d->alloc, &value)
                       : yd_snapshot_equal(a, b, d->alloc, &value);
        if (err == YD_OK) err = line_put(&d->made, value ? "true" : "false");
        err = line_answer_json(d, err, out);
    }
    yd_buf_deinit(&more);
    return err;
}

static yd_err on_equal(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    return compare(d, rest, false, out);
}

static yd_err on_contains(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    return compare(d, rest, true, out);
}

/* ---- what is in an update */

static yd_err put_id(struct yd_buf *out, const char *before, struct yd_id id)
{
    yd_err err = line_put(out, before);
    if (err == YD_OK) err = line_put(out, "[");
    if (err == YD_OK) err = line_put_number(out, id.client);
    if (err == YD_OK) err = line_put(out, ",");
    if (err == YD_OK) err = line_put_number(out, id.clock);
    return err == YD_OK ? line_put(out, "]") : err;
}

static yd_err put_parent(struct yd_buf *out, const struct yd_struct *s)
{
    yd_err err = YD_OK;
    if (s->has_parent && s->is_root) {
        err = line_put(out, ",\"root\":");
        if (err == YD_OK) err = line_put_text(out, s->root);
    } else if (s->has_parent) {
        err = put_id(out, ",\"parent\":", s->parent);
    }
    if (err == YD_OK && s->has_key) {
        err = line_put(out, ",\"key\":");
        if (err == YD_OK) err = line_put_text(out, s->key);
    }
    return err;
}

static yd_err on_struct(void *ctx, const struct yd_struct *s)
{
    struct yd_buf *out = ctx;
    yd_err err = out->ptr[out->len - 1] == '[' ? YD_OK : line_put(out, ",");
    if (err == YD_OK) err = put_id(out, "{\"id\":", s->id);
    if (err == YD_OK) err = put_count(out, "len", s->len);
    if (err == YD_OK) err = line_put(out, ",\"content\":\"");
    if (err == YD_OK) err = line_put(out, yd_content_name(s->content));
    if (err == YD_OK) err = line_put(out, "\"");
    if (err == YD_OK && s->has_origin) err = put_id(out, ",\"origin\":", s->origin);
    if (err == YD_OK && s->has_right_origin) err = put_id(out, ",\"right\":", s->right_origin);
    if (err == YD_OK) err = put_parent(out, s);
    if (err == YD_OK) err = put_count(out, "bytes", s->bytes.len);
    return err == YD_OK ? line_put(out, "}") : err;
}

static yd_err on_deleted(void *ctx, const struct yd_deleted *range)
{
    struct yd_buf *out = ctx;
    // The list of structs ends where the first range comes.
    yd_err err = put_id(out, out->ptr[out->len - 1] == '[' ? "{\"id\":" : ",{\"id\":", range->id);
    if (err == YD_OK) err = put_count(out, "deleted", range->len);
    return err == YD_OK ? line_put(out, "}") : err;
}

static yd_err on_parse(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_update update;
    struct yd_parsed parsed;
    struct yd_visitor visitor = {on_struct, on_deleted, &d->made};
    yd_err err = piece_take(&rest, &d->bytes, &update.format);
    if (err == YD_EMALFORMED) return line_put_usage(out, "parse v1|v2 HEX");
    if (err != YD_OK) return err;
    update.bytes = yd_buf_slice(&d->bytes);
    err = line_put(&d->made, "{\"list\":[");
    if (err == YD_OK) err = yd_update_parse(update, d->alloc, &visitor, &parsed);
    if (err != YD_OK) return line_put_error(out, err, parsed.error_at);
    err = line_put(&d->made, "]");
    if (err == YD_OK) err = put_count(&d->made, "clients", parsed.sections);
    if (err == YD_OK) err = put_count(&d->made, "structs", parsed.structs);
    if (err == YD_OK) err = put_count(&d->made, "ranges", parsed.ranges);
    if (err == YD_OK) err = put_count(&d->made, "deleted", parsed.deleted);
    if (err == YD_OK) err = line_put(&d->made, parsed.lost ? ",\"lost\":true" : ",\"lost\":false");
    for (int i = 0; i < YD_CONTENT_COUNT && err == YD_OK; i++) {
        if (parsed.contents[i].structs == 0) continue;
        err = put_count(&d->made, yd_content_name((enum yd_content)i), parsed.contents[i].clocks);
    }
    if (err == YD_OK) err = line_put(&d->made, "}");
    return line_answer_json(d, err, out);
}

static yd_err on_obfuscate(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_update update;
    struct yd_obfuscate keep = {.keep_marks = false};
    enum yd_format format;
    yd_err err = line_format_take(&rest, &format) ? YD_OK : YD_EMALFORMED;
    if (err == YD_OK) err = piece_take(&rest, &d->bytes, &update.format);
    if (err == YD_EMALFORMED) {
        return line_put_usage(out, "obfuscate v1|v2 v1|v2 HEX [marks] [subdocs] [names]");
    }
    if (err != YD_OK) return err;
    while (rest.len > 0) {
        yd_slice word = line_word_take(&rest);
        keep.keep_marks |= line_is(word, "marks");
        keep.keep_subdocs |= line_is(word, "subdocs");
        keep.keep_names |= line_is(word, "names");
    }
    update.bytes = yd_buf_slice(&d->bytes);
    return line_answer_bytes(d, yd_update_obfuscate(update, &keep, format, &d->made), out);
}

line_command history_command(yd_slice word)
{
    static const struct {
        const char *name;
        line_command run;
    } commands[] = {{"changes", on_changes},    {"snap", on_snap},         {"restore", on_restore},
                    {"equal", on_equal},        {"contains", on_contains}, {"parse", on_parse},
                    {"obfuscate", on_obfuscate}};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (line_is(word, commands[i].name)) return commands[i].run;
    }
    return NULL;
}
