/* driver.c - see driver.h. */
#include "driver.h"

static yd_err put(struct yd_buf *out, const char *text)
{
    size_t len = 0;
    while (text[len] != 0) len++;
    return yd_buf_append(out, (yd_slice){(const uint8_t *)text, len});
}

static yd_err put_number(struct yd_buf *out, uint64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = 0;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return put(out, digits + at);
}

static yd_err put_usage(struct yd_buf *out, const char *usage)
{
    yd_err err = put(out, "{\"ok\":false,\"error\":\"usage: ");
    if (err == YD_OK) err = put(out, usage);
    return err == YD_OK ? put(out, "\"}") : err;
}

static yd_err put_error(struct yd_buf *out, yd_err error, size_t at)
{
    yd_err err = put(out, "{\"ok\":false,\"error\":\"");
    if (err == YD_OK) err = put(out, yd_err_name(error));
    if (err == YD_OK) err = put(out, "\",\"at\":");
    if (err == YD_OK) err = put_number(out, at);
    return err == YD_OK ? put(out, "}") : err;
}

static yd_err put_hex(struct yd_buf *out, yd_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    yd_err err = put(out, "{\"ok\":true,\"hex\":\"");
    if (err == YD_OK) err = yd_buf_reserve(out, bytes.len * 2);
    for (size_t i = 0; i < bytes.len && err == YD_OK; i++) {
        uint8_t pair[2] = {(uint8_t)digits[bytes.ptr[i] >> 4], (uint8_t)digits[bytes.ptr[i] & 15]};
        err = yd_buf_append(out, (yd_slice){pair, 2});
    }
    return err == YD_OK ? put(out, "\"}") : err;
}

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* YD_EMALFORMED: that is no HEX. */
static yd_err unhex(struct yd_buf *to, yd_slice hex)
{
    yd_buf_clear(to);
    if (yd_slice_equal(hex, YD_LITERAL("-"))) return YD_OK;
    if (hex.len % 2 != 0) return YD_EMALFORMED;
    yd_err err = yd_buf_reserve(to, hex.len / 2);
    for (size_t i = 0; i < hex.len && err == YD_OK; i += 2) {
        int high = digit_of(hex.ptr[i]), low = digit_of(hex.ptr[i + 1]);
        if (high < 0 || low < 0) return YD_EMALFORMED;
        err = yd_buf_u8(to, (uint8_t)(high * 16 + low));
    }
    return err;
}

/* Takes the word before the next blank, and the blank. */
static yd_slice word_take(yd_slice *line)
{
    size_t n = 0;
    while (n < line->len && line->ptr[n] != ' ') n++;
    yd_slice word = {line->ptr, n};
    if (n < line->len) n++;
    *line = (yd_slice){line->ptr + n, line->len - n};
    return word;
}

static bool is(yd_slice word, const char *text)
{
    size_t i = 0;
    while (i < word.len && text[i] != 0 && word.ptr[i] == (uint8_t)text[i]) i++;
    return i == word.len && text[i] == 0;
}

static bool format_take(yd_slice *line, enum yd_format *format)
{
    yd_slice word = word_take(line);
    *format = is(word, "v2") ? YD_V2 : YD_V1;
    return is(word, "v1") || is(word, "v2");
}

static yd_err on_new(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_doc_opts opts = {.keep_deleted = is(rest, "nogc")};
    if (rest.len > 0 && !opts.keep_deleted) return put_usage(out, "new | new nogc");
    yd_doc_free(d->doc);
    d->doc = NULL;
    yd_err err = yd_doc_new(d->alloc, &opts, &d->doc);
    return err == YD_OK ? put(out, "{\"ok\":true}") : err;
}

static yd_err on_apply(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    enum yd_format format;
    if (!format_take(&rest, &format) || rest.len == 0) return put_usage(out, "apply v1|v2 HEX");
    yd_err err = unhex(&d->bytes, rest);
    if (err == YD_EMALFORMED) return put_usage(out, "apply v1|v2 HEX; - is an empty HEX");
    if (err != YD_OK) return err;
    struct yd_applied applied;
    err = yd_doc_apply(d->doc, yd_buf_slice(&d->bytes), format, &applied);
    if (err != YD_OK) return put_error(out, err, applied.error_at);
    return put(out, applied.changed ? "{\"ok\":true,\"changed\":true}"
                                    : "{\"ok\":true,\"changed\":false}");
}

static yd_err answer_bytes(struct driver *d, yd_err err, struct yd_buf *out)
{
    return err == YD_OK ? put_hex(out, yd_buf_slice(&d->made)) : put_error(out, err, 0);
}

static yd_err on_state(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    enum yd_format format;
    if (!format_take(&rest, &format)) return put_usage(out, "state v1|v2 [SVHEX]");
    yd_err err = unhex(&d->bytes, rest);
    if (err == YD_EMALFORMED) return put_usage(out, "state v1|v2 [SVHEX]");
    if (err != YD_OK) return err;
    err = yd_doc_encode_state(d->doc, yd_buf_slice(&d->bytes), format, &d->made);
    return answer_bytes(d, err, out);
}

static yd_err on_last(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    enum yd_format format;
    if (!format_take(&rest, &format)) return put_usage(out, "last v1|v2");
    return answer_bytes(d, yd_doc_last_update(d->doc, format, &d->made), out);
}

/* A format and an update in hex, read into driver->bytes. */
static yd_err update_take(struct driver *d, yd_slice *line, struct yd_update *update)
{
    if (!format_take(line, &update->format) || line->len == 0) return YD_EMALFORMED;
    yd_err err = unhex(&d->bytes, word_take(line));
    update->bytes = yd_buf_slice(&d->bytes);
    return err;
}

static yd_err on_convert(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_update update;
    yd_err err = update_take(d, &rest, &update);
    if (err == YD_EMALFORMED) return put_usage(out, "convert v1|v2 HEX");
    if (err != YD_OK) return err;
    enum yd_format to = update.format == YD_V1 ? YD_V2 : YD_V1;
    return answer_bytes(d, yd_update_convert(update, to, &d->made), out);
}

static yd_err on_vector(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_update update;
    yd_err err = update_take(d, &rest, &update);
    if (err == YD_EMALFORMED) return put_usage(out, "vector v1|v2 HEX");
    if (err != YD_OK) return err;
    return answer_bytes(d, yd_update_state_vector(update, &d->made), out);
}

static yd_err on_diff(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_update update;
    struct yd_buf sv;
    yd_buf_init(&sv, d->alloc, SIZE_MAX / 2);
    yd_err err = update_take(d, &rest, &update);
    if (err == YD_OK) err = unhex(&sv, rest);
    if (err == YD_EMALFORMED) {
        err = put_usage(out, "diff v1|v2 HEX SVHEX");
    } else if (err == YD_OK) {
        err = yd_update_diff(update, yd_buf_slice(&sv), update.format, &d->made);
        err = answer_bytes(d, err, out);
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
        err = unhex(&one, word_take(&rest));
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
    yd_err err = format_take(&rest, &format) ? YD_OK : YD_EMALFORMED;
    if (err == YD_OK) err = updates_take(d, rest, format, &list);
    if (err == YD_EMALFORMED) {
        err = put_usage(out, "merge v1|v2 HEX...");
    } else if (err == YD_OK) {
        size_t bad;
        const struct yd_update *updates = (const void *)list.ptr;
        size_t count = list.len / sizeof *updates;
        err = yd_update_merge(updates, count, format, &d->made, &bad);
        err = err == YD_OK ? answer_bytes(d, err, out) : put_error(out, err, bad);
    }
    yd_buf_deinit(&list);
    return err;
}

static yd_err answer_json(struct driver *d, yd_err err, struct yd_buf *out)
{
    if (err != YD_OK) return put_error(out, err, 0);
    err = put(out, "{\"ok\":true,\"value\":");
    if (err == YD_OK) err = yd_buf_append(out, yd_buf_slice(&d->made));
    return err == YD_OK ? put(out, "}") : err;
}

static yd_err on_json(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    static const struct {
        const char *name;
        enum yd_root root;
    } roots[] = {{"text", YD_ROOT_TEXT},
                 {"array", YD_ROOT_ARRAY},
                 {"map", YD_ROOT_MAP},
                 {"xml", YD_ROOT_XML}};
    yd_slice word = word_take(&rest);
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        if (!is(word, roots[i].name)) continue;
        yd_err err = yd_doc_json(d->doc, roots[i].root, rest, YD_JSON_TAGGED, &d->made);
        return answer_json(d, err, out);
    }
    return put_usage(out, "json text|array|map|xml NAME");
}

static yd_err on_length(struct driver *d, yd_slice name, struct yd_buf *out)
{
    yd_err err = put(out, "{\"ok\":true,\"value\":");
    if (err == YD_OK) err = put_number(out, yd_doc_length(d->doc, name));
    return err == YD_OK ? put(out, "}") : err;
}

static bool number_take(yd_slice *line, uint64_t *value)
{
    yd_slice word = word_take(line);
    *value = 0;
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] < '0' || word.ptr[i] > '9') return false;
        *value = *value * 10 + (uint64_t)(word.ptr[i] - '0');
    }
    return word.len > 0;
}

static bool place_take(yd_slice rest, struct yd_place *place)
{
    uint64_t clock = 0;
    if (!number_take(&rest, &place->index)) return false;
    yd_slice assoc = word_take(&rest);
    place->assoc = is(assoc, "-1") ? -1 : 0;
    yd_slice kind = word_take(&rest);
    place->type = (struct yd_type_ref){.nested = is(kind, "type"), .name = rest};
    if (!place->type.nested) return is(kind, "root");
    bool good = number_take(&rest, &place->type.client) && number_take(&rest, &clock);
    place->type.clock = (uint32_t)clock;
    return good;
}

static yd_err on_position(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_place place;
    if (!place_take(rest, &place)) {
        return put_usage(out, "position INDEX 0|-1 root NAME, or: type CLIENT CLOCK");
    }
    return answer_bytes(d, yd_position_encode(d->doc, &place, &d->made), out);
}

static yd_err on_resolve(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_place place;
    yd_err err = unhex(&d->bytes, rest);
    if (err == YD_EMALFORMED) return put_usage(out, "resolve HEX");
    if (err != YD_OK) return err;
    err = yd_position_resolve(d->doc, yd_buf_slice(&d->bytes), &place);
    if (err != YD_OK) return put_error(out, err, 0);
    err = put(out, "{\"ok\":true,\"index\":");
    if (err == YD_OK) err = put_number(out, place.index);
    if (err == YD_OK) err = put(out, place.assoc < 0 ? ",\"assoc\":-1" : ",\"assoc\":0");
    if (err == YD_OK && place.type.nested) {
        err = put(out, ",\"client\":");
        if (err == YD_OK) err = put_number(out, place.type.client);
        if (err == YD_OK) err = put(out, ",\"clock\":");
        if (err == YD_OK) err = put_number(out, place.type.clock);
    }
    return err == YD_OK ? put(out, "}") : err;
}

static yd_err on_pending(struct driver *d, struct yd_buf *out)
{
    struct yd_pending p = yd_doc_pending(d->doc);
    yd_err err = put(out, p.structs ? "{\"ok\":true,\"structs\":true,\"deletes\":"
                                    : "{\"ok\":true,\"structs\":false,\"deletes\":");
    return err == YD_OK ? put(out, p.deletes ? "true}" : "false}") : err;
}

/* A root as text in one of the forms of ydoc/export.h, told as HEX: it may hold line ends. */
static yd_err on_html(struct driver *d, yd_slice name, struct yd_buf *out)
{
    return answer_bytes(d, yd_doc_html(d->doc, name, &d->made), out);
}

static yd_err on_markdown(struct driver *d, yd_slice name, struct yd_buf *out)
{
    return answer_bytes(d, yd_doc_markdown(d->doc, name, &d->made), out);
}

static yd_err on_plain(struct driver *d, yd_slice name, struct yd_buf *out)
{
    return answer_bytes(d, yd_doc_plain(d->doc, name, &d->made), out);
}

static yd_err on_roots(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    static const char *const kinds[] = {"text", "array", "map", "xml"};
    struct yd_root_info root;
    (void)rest;
    yd_err err = put(out, "{\"ok\":true,\"value\":[");
    for (uint32_t at = 0, n = 0; err == YD_OK && yd_doc_root_next(d->doc, &at, &root); n++) {
        err = put(out, n == 0 ? "\"" : ",\"");
        if (err == YD_OK) err = put(out, root.is_empty ? "empty " : "");
        if (err == YD_OK) err = put(out, kinds[root.kind]);
        if (err == YD_OK) err = put(out, "\"");
    }
    return err == YD_OK ? put(out, "]}") : err;
}

yd_err driver_init(struct driver *driver, yd_alloc alloc)
{
    driver->alloc = alloc;
    driver->doc = NULL;
    yd_buf_init(&driver->bytes, alloc, SIZE_MAX / 2);
    yd_buf_init(&driver->made, alloc, SIZE_MAX / 2);
    return yd_doc_new(alloc, NULL, &driver->doc);
}

void driver_deinit(struct driver *driver)
{
    yd_doc_free(driver->doc);
    yd_buf_deinit(&driver->bytes);
    yd_buf_deinit(&driver->made);
}

/* A command of one word and what follows it; NULL: no such command. */
static yd_err (*command_find(yd_slice word))(struct driver *, yd_slice, struct yd_buf *)
{
    static const struct {
        const char *name;
        yd_err (*run)(struct driver *, yd_slice, struct yd_buf *);
    } commands[] = {{"new", on_new},       {"apply", on_apply},       {"state", on_state},
                    {"last", on_last},     {"json", on_json},         {"merge", on_merge},
                    {"diff", on_diff},     {"convert", on_convert},   {"vector", on_vector},
                    {"length", on_length}, {"position", on_position}, {"resolve", on_resolve},
                    {"html", on_html},     {"markdown", on_markdown}, {"plain", on_plain},
                    {"roots", on_roots}};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (is(word, commands[i].name)) return commands[i].run;
    }
    return NULL;
}

yd_err driver_line(struct driver *driver, yd_slice line, struct yd_buf *out)
{
    yd_slice rest = line;
    yd_slice word = word_take(&rest);
    yd_buf_clear(&driver->made);
    yd_err (*run)(struct driver *, yd_slice, struct yd_buf *) = command_find(word);
    if (run != NULL) return run(driver, rest, out);
    if (is(word, "pending")) return on_pending(driver, out);
    if (is(word, "sv")) {
        return answer_bytes(driver, yd_doc_state_vector(driver->doc, &driver->made), out);
    }
    if (is(word, "snapshot")) {
        return answer_bytes(driver, yd_doc_snapshot(driver->doc, &driver->made), out);
    }
    if (is(word, "delta")) {
        yd_err err = yd_doc_delta(driver->doc, rest, YD_JSON_TAGGED, &driver->made);
        return answer_json(driver, err, out);
    }
    if (is(word, "check")) {
        yd_doc_check(driver->doc);
        return put(out, "{\"ok\":true}");
    }
    return put_usage(out, "new, apply, sv, state, last, snapshot, json, delta, length, position, "
                          "resolve, html, markdown, plain, roots, pending, check, merge, diff, "
                          "convert or vector");
}
