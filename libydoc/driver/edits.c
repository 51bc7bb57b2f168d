/* edits.c - commands that change documents. */
#include "line.h"
#include "script.h"

static yd_err on_use(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    uint64_t slot;
    if (!line_number_take(&rest, &slot) || slot >= DRIVER_DOCS) {
        return line_put_usage(out, "use 0..15");
    }
    d->others[d->slot] = d->doc;
    d->slot = (uint32_t)slot;
    d->doc = d->others[slot];
    yd_err err = d->doc == NULL ? yd_doc_new(d->alloc, NULL, &d->doc) : YD_OK;
    return err == YD_OK ? line_put(out, "{\"ok\":true}") : err;
}

static yd_err on_begin(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    uint64_t client;
    if (!line_number_take(&rest, &client)) return line_put_usage(out, "begin CLIENT");
    yd_err err = yd_edit_begin(d->doc, client);
    return err == YD_OK ? line_put(out, "{\"ok\":true}") : line_put_error(out, err, 0);
}

static yd_err put_made(struct yd_buf *out, const struct yd_type_ref *made, size_t count)
{
    yd_err err = line_put(out, ",\"made\":[");
    for (size_t i = 0; i < count && err == YD_OK; i++) {
        err = line_put(out, i == 0 ? "[" : ",[");
        if (err == YD_OK) err = line_put_number(out, made[i].client);
        if (err == YD_OK) err = line_put(out, ",");
        if (err == YD_OK) err = line_put_number(out, made[i].clock);
        if (err == YD_OK) err = line_put(out, "]");
    }
    return err == YD_OK ? line_put(out, "]}") : err;
}

static yd_err on_edit(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    yd_err err = line_unhex(&d->bytes, rest);
    if (err == YD_EMALFORMED) return line_put_usage(out, "edit HEX");
    if (err != YD_OK) return err;
    struct script script = {.doc = d->doc, .alloc = d->alloc};
    yd_buf_init(&script.made, d->alloc, SIZE_MAX / 2);
    yd_err ran = script_run(&script, yd_buf_slice(&d->bytes), NULL);
    err = line_put(out, ran == YD_OK ? "{\"ok\":true" : "{\"ok\":false,\"error\":\"");
    if (err == YD_OK && ran != YD_OK) err = line_put(out, yd_err_name(ran));
    if (err == YD_OK && ran != YD_OK) err = line_put(out, "\"");
    const struct yd_type_ref *made = (const void *)script.made.ptr;
    if (err == YD_OK) err = put_made(out, made, script.made.len / sizeof *made);
    yd_buf_deinit(&script.made);
    return err;
}

static yd_err on_commit(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_applied applied;
    (void)rest;
    yd_err err = yd_edit_commit(d->doc, &applied);
    if (err != YD_OK) return line_put_error(out, err, 0);
    return line_put(out, applied.changed ? "{\"ok\":true,\"changed\":true}"
                                         : "{\"ok\":true,\"changed\":false}");
}

line_command edits_command(yd_slice word)
{
    static const struct {
        const char *name;
        line_command run;
    } commands[] = {{"use", on_use}, {"begin", on_begin}, {"edit", on_edit}, {"commit", on_commit}};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (line_is(word, commands[i].name)) return commands[i].run;
    }
    return NULL;
}
