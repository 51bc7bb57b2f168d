/* driver.c - see driver.h. */
#include "driver.h"
#include "line.h"

static yd_err on_new(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_doc_opts opts = {.keep_deleted = false};
    while (rest.len > 0) {
        yd_slice word = line_word_take(&rest);
        if (line_is(word, "nogc")) opts.keep_deleted = true;
        if (line_is(word, "notes")) opts.note_changes = true;
        if (!line_is(word, "nogc") && !line_is(word, "notes")) {
            return line_put_usage(out, "new [nogc] [notes]");
        }
    }
    yd_doc_free(d->doc);
    d->doc = NULL;
    yd_err err = yd_doc_new(d->alloc, &opts, &d->doc);
    return err == YD_OK ? line_put(out, "{\"ok\":true}") : err;
}

static yd_err on_apply(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    enum yd_format format;
    if (!line_format_take(&rest, &format) || rest.len == 0)
        return line_put_usage(out, "apply v1|v2 HEX");
    yd_err err = line_unhex(&d->bytes, rest);
    if (err == YD_EMALFORMED) return line_put_usage(out, "apply v1|v2 HEX; - is an empty HEX");
    if (err != YD_OK) return err;
    struct yd_applied applied;
    err = yd_doc_apply(d->doc, yd_buf_slice(&d->bytes), format, &applied);
    if (err != YD_OK) return line_put_error(out, err, applied.error_at);
    return line_put(out, applied.changed ? "{\"ok\":true,\"changed\":true}"
                                         : "{\"ok\":true,\"changed\":false}");
}

static yd_err on_state(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    enum yd_format format;
    if (!line_format_take(&rest, &format)) return line_put_usage(out, "state v1|v2 [SVHEX]");
    yd_err err = line_unhex(&d->bytes, rest);
    if (err == YD_EMALFORMED) return line_put_usage(out, "state v1|v2 [SVHEX]");
    if (err != YD_OK) return err;
    err = yd_doc_encode_state(d->doc, yd_buf_slice(&d->bytes), format, &d->made);
    return line_answer_bytes(d, err, out);
}

static yd_err on_last(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    enum yd_format format;
    if (!line_format_take(&rest, &format)) return line_put_usage(out, "last v1|v2");
    return line_answer_bytes(d, yd_doc_last_update(d->doc, format, &d->made), out);
}

/* A format and an update in hex, read into driver->bytes. */
static yd_err update_take(struct driver *d, yd_slice *line, struct yd_update *update)
{
    if (!line_format_take(line, &update->format) || line->len == 0) return YD_EMALFORMED;
    yd_err err = line_unhex(&d->bytes, line_word_take(line));
    update->bytes = yd_buf_slice(&d->bytes);
    return err;
}

static yd_err on_convert(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_update update;
    yd_err err = update_take(d, &rest, &update);
    if (err == YD_EMALFORMED) return line_put_usage(out, "convert v1|v2 HEX");
    if (err != YD_OK) return err;
    enum yd_format to = update.format == YD_V1 ? YD_V2 : YD_V1;
    return line_answer_bytes(d, yd_update_convert(update, to, &d->made), out);
}

static yd_err on_vector(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_update update;
    yd_err err = update_take(d, &rest, &update);
    if (err == YD_EMALFORMED) return line_put_usage(out, "vector v1|v2 HEX");
    if (err != YD_OK) return err;
    return line_answer_bytes(d, yd_update_state_vector(update, &d->made), out);
}

static yd_err on_diff(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_update update;
    struct yd_buf sv;
    yd_buf_init(&sv, d->alloc, SIZE_MAX / 2);
    yd_err err = update_take(d, &rest, &update);
    if (err == YD_OK) err = line_unhex(&sv, rest);
    if (err == YD_EMALFORMED) {
        err = line_put_usage(out, "diff v1|v2 HEX SVHEX");
    } else if (err == YD_OK) {
        err = yd_update_diff(update, yd_buf_slice(&sv), update.format, &d->made);
        err = line_answer_bytes(d, err, out);
    }
    yd_buf_deinit(&sv);
    return err;
}

/* All updates lie one behind the other in driver->bytes; `list` says where. */
static yd_err updates_take(struct driver *d, yd_slice rest, enum yd_format format,
                           struct yd_buf *list)
{
    struct yd_buf one;
    yd_buf_init(&one, d->alloc, SIZE_MAX / 2);
    yd_buf_clear(&d->bytes);
    yd_err err = yd_buf_reserve(&d->bytes, rest.len / 2 + 1); // addresses stay
    while (err == YD_OK && rest.len > 0) {
        err = line_unhex(&one, line_word_take(&rest));
        struct yd_update update = {{d->bytes.ptr + d->bytes.len, one.len}, format};
        if (err == YD_OK) err = yd_buf_append(&d->bytes, yd_buf_slice(&one));
        yd_slice entry = {(const uint8_t *)&update, sizeof update};
        if (err == YD_OK) err = yd_buf_append(list, entry);
    }
    yd_buf_deinit(&one);
    return err;
}

static yd_err on_merge(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    enum yd_format format;
    struct yd_buf list;
    yd_buf_init(&list, d->alloc, SIZE_MAX / 2);
    yd_err err = line_format_take(&rest, &format) ? YD_OK : YD_EMALFORMED;
    if (err == YD_OK) err = updates_take(d, rest, format, &list);
    if (err == YD_EMALFORMED) {
        err = line_put_usage(out, "merge v1|v2 HEX...");
    } else if (err == YD_OK) {
        size_t bad;
        const struct yd_update *updates = (const void *)list.ptr;
        size_t count = list.len / sizeof *updates;
        err = yd_update_merge(updates, count, format, &d->made, &bad);
        err = err == YD_OK ? line_answer_bytes(d, err, out) : line_put_error(out, err, bad);
    }
    yd_buf_deinit(&list);
    return err;
}

static yd_err on_json(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    enum yd_root root;
    if (!line_root_take(&rest, &root)) return line_put_usage(out, "json text|array|map|xml NAME");
    yd_err err = yd_doc_json(d->doc, root, rest, YD_JSON_TAGGED, &d->made);
    return line_answer_json(d, err, out);
}

static yd_err on_length(struct driver *d, yd_slice name, struct yd_buf *out)
{
    yd_err err = line_put(out, "{\"ok\":true,\"value\":");
    if (err == YD_OK) err = line_put_number(out, yd_doc_length(d->doc, name));
    return err == YD_OK ? line_put(out, "}") : err;
}

static bool place_take(yd_slice rest, struct yd_place *place)
{
    uint64_t clock = 0;
    if (!line_number_take(&rest, &place->index)) return false;
    yd_slice assoc = line_word_take(&rest);
    place->assoc = line_is(assoc, "-1") ? -1 : 0;
    yd_slice kind = line_word_take(&rest);
    place->type = (struct yd_type_ref){.nested = line_is(kind, "type"), .name = rest};
    if (!place->type.nested) return line_is(kind, "root");
    bool good = line_number_take(&rest, &place->type.client) && line_number_take(&rest, &clock);
    place->type.clock = (uint32_t)clock;
    return good;
}

static yd_err on_position(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_place place;
    if (!place_take(rest, &place)) {
        return line_put_usage(out, "position INDEX 0|-1 root NAME, or: type CLIENT CLOCK");
    }
    return line_answer_bytes(d, yd_position_encode(d->doc, &place, &d->made), out);
}

static yd_err on_resolve(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_place place;
    yd_err err = line_unhex(&d->bytes, rest);
    if (err == YD_EMALFORMED) return line_put_usage(out, "resolve HEX");
    if (err != YD_OK) return err;
    err = yd_position_resolve(d->doc, yd_buf_slice(&d->bytes), &place);
    if (err != YD_OK) return line_put_error(out, err, 0);
    err = line_put(out, "{\"ok\":true,\"index\":");
    if (err == YD_OK) err = line_put_number(out, place.index);
    if (err == YD_OK) err = line_put(out, place.assoc < 0 ? ",\"assoc\":-1" : ",\"assoc\":0");
    if (err == YD_OK && place.type.nested) {
        err = line_put(out, ",\"client\":");
        if (err == YD_OK) err = line_put_number(out, place.type.client);
        if (err == YD_OK) err = line_put(out, ",\"clock\":");
        if (err == YD_OK) err = line_put_number(out, place.type.clock);
    }
    return err == YD_OK ? line_put(out, "}") : err;
}

static yd_err on_pending(struct driver *d, struct yd_buf *out)
{
    struct yd_pending p = yd_doc_pending(d->doc);
    yd_err err = line_put(out, p.structs ? "{\"ok\":true,\"structs\":true,\"deletes\":"
                                         : "{\"ok\":true,\"structs\":false,\"deletes\":");
    return err == YD_OK ? line_put(out, p.deletes ? "true}" : "false}") : err;
}

/* A root as text in one of the forms of ydoc/export.h, told as HEX: it may hold line ends. */
static yd_err on_html(struct driver *d, yd_slice name, struct yd_buf *out)
{
    return line_answer_bytes(d, yd_doc_html(d->doc, name, &d->made), out);
}

static yd_err on_markdown(struct driver *d, yd_slice name, struct yd_buf *out)
{
    return line_answer_bytes(d, yd_doc_markdown(d->doc, name, &d->made), out);
}

static yd_err on_plain(struct driver *d, yd_slice name, struct yd_buf *out)
{
    return line_answer_bytes(d, yd_doc_plain(d->doc, name, &d->made), out);
}

static yd_err on_roots(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    static const char *const kinds[] = {"text", "array", "map", "xml"};
    struct yd_root_info root;
    (void)rest;
    yd_err err = line_put(out, "{\"ok\":true,\"value\":[");
    for (uint32_t at = 0, n = 0; err == YD_OK && yd_doc_root_next(d->doc, &at, &root); n++) {
        err = line_put(out, n == 0 ? "\"" : ",\"");
        if (err == YD_OK) err = line_put(out, root.is_empty ? "empty " : "");
        if (err == YD_OK) err = line_put(out, kinds[root.kind]);
        if (err == YD_OK) err = line_put(out, "\"");
    }
    return err == YD_OK ? line_put(out, "]}") : err;
}

yd_err driver_init(struct driver *driver, yd_alloc alloc)
{
    *driver = (struct driver){.alloc = alloc};
    yd_buf_init(&driver->bytes, alloc, SIZE_MAX / 2);
    yd_buf_init(&driver->made, alloc, SIZE_MAX / 2);
    return yd_doc_new(alloc, NULL, &driver->doc);
}

void driver_deinit(struct driver *driver)
{
    driver->others[driver->slot] = driver->doc;
    for (uint32_t i = 0; i < DRIVER_DOCS; i++) yd_doc_free(driver->others[i]);
    yd_buf_deinit(&driver->bytes);
    yd_buf_deinit(&driver->made);
}

/* A command of one word and what follows it; NULL: no such command. */
static line_command command_find(yd_slice word)
{
    static const struct {
        const char *name;
        line_command run;
    } commands[] = {{"new", on_new},       {"apply", on_apply},       {"state", on_state},
                    {"last", on_last},     {"json", on_json},         {"merge", on_merge},
                    {"diff", on_diff},     {"convert", on_convert},   {"vector", on_vector},
                    {"length", on_length}, {"position", on_position}, {"resolve", on_resolve},
                    {"html", on_html},     {"markdown", on_markdown}, {"plain", on_plain},
                    {"roots", on_roots}};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (line_is(word, commands[i].name)) return commands[i].run;
    }
    line_command run = edits_command(word);
    if (run == NULL) run = reads_command(word);
    return run != NULL ? run : history_command(word);
}

yd_err driver_line(struct driver *driver, yd_slice line, struct yd_buf *out)
{
    yd_slice rest = line;
    yd_slice word = line_word_take(&rest);
    yd_buf_clear(&driver->made);
    line_command run = command_find(word);
    if (run != NULL) return run(driver, rest, out);
    if (line_is(word, "pending")) return on_pending(driver, out);
    if (line_is(word, "sv")) {
        return line_answer_bytes(driver, yd_doc_state_vector(driver->doc, &driver->made), out);
    }
    if (line_is(word, "snapshot")) {
        return line_answer_bytes(driver, yd_doc_snapshot(driver->doc, &driver->made), out);
    }
    if (line_is(word, "delta")) {
        yd_err err = yd_doc_delta(driver->doc, rest, YD_JSON_TAGGED, &driver->made);
        return line_answer_json(driver, err, out);
    }
    if (line_is(word, "check")) {
        yd_doc_check(driver->doc);
        return line_put(out, "{\"ok\":true}");
    }
    return line_put_usage(
        out,
        "new, apply, sv, state, last, snapshot, json, delta, length, position, "
        "resolve, pending, check, merge, diff, convert, vector, use, begin, edit, "
        "commit, look, at, get, keys, read, read-delta, subdocs, changes, snap, "
        "restore, versions, equal, contains, parse, obfuscate, html, markdown, plain or roots");
}
