/* reads.c - commands that look at one type. */
#include "line.h"
#include "ydoc/compare.h"

static bool ref_take(yd_slice rest, struct yd_type_ref *ref)
{
    uint64_t clock = 0;
    yd_slice kind = line_word_take(&rest);
    *ref = (struct yd_type_ref){.nested = line_is(kind, "type"), .name = rest};
    if (!ref->nested) return line_is(kind, "root");
    bool good = line_number_take(&rest, &ref->client) && line_number_take(&rest, &clock);
    ref->clock = (uint32_t)clock;
    return good;
}

static yd_err on_look(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_type_ref ref;
    struct yd_shared shared;
    if (!ref_take(rest, &ref))
        return line_put_usage(out, "look root NAME | look type CLIENT CLOCK");
    yd_err err = yd_shared_look(d->doc, &ref, &shared);
    if (err != YD_OK) return line_put_error(out, err, 0);
    err = line_put(out, "{\"ok\":true,\"kind\":");
    if (err == YD_OK) err = line_put_number(out, shared.kind);
    if (err == YD_OK) err = line_put(out, ",\"length\":");
    if (err == YD_OK) err = line_put_number(out, shared.length);
    if (err == YD_OK) err = line_put(out, ",\"keys\":");
    if (err == YD_OK) err = line_put_number(out, shared.keys);
    if (err == YD_OK)
        err = line_put(out, shared.deleted ? ",\"deleted\":true,\"name\":"
                                           : ",\"deleted\":false,\"name\":");
    if (err == YD_OK) err = line_put_text(out, shared.name);
    return err == YD_OK ? line_put(out, "}") : err;
}

static yd_err answer_element(struct driver *d, yd_err err, const struct yd_element *element,
                             struct yd_buf *out)
{
    if (err != YD_OK || !element->is_type) return line_answer_json(d, err, out);
    err = line_put(out, "{\"ok\":true,\"type\":[");
    if (err == YD_OK) err = line_put_number(out, element->type.client);
    if (err == YD_OK) err = line_put(out, ",");
    if (err == YD_OK) err = line_put_number(out, element->type.clock);
    if (err == YD_OK) err = line_put(out, ",");
    if (err == YD_OK) err = line_put_number(out, element->kind);
    return err == YD_OK ? line_put(out, "]}") : err;
}

static yd_err on_at(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    uint64_t index;
    struct yd_type_ref ref;
    struct yd_element element;
    if (!line_number_take(&rest, &index) || !ref_take(rest, &ref)) {
        return line_put_usage(out, "at INDEX root NAME | at INDEX type CLIENT CLOCK");
    }
    yd_err err = yd_shared_at(d->doc, &ref, index, YD_JSON_TAGGED, &d->made, &element);
    return answer_element(d, err, &element, out);
}

static yd_err on_get(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_type_ref ref;
    struct yd_element element;
    yd_err err = line_unhex(&d->bytes, line_word_take(&rest));
    if (err == YD_ENOMEM) return err;
    if (err != YD_OK || !ref_take(rest, &ref)) {
        return line_put_usage(out, "get KEYHEX root NAME | get KEYHEX type CLIENT CLOCK");
    }
    yd_slice key = yd_buf_slice(&d->bytes);
    err = yd_shared_get(d->doc, &ref, key, YD_JSON_TAGGED, &d->made, &element);
    return answer_element(d, err, &element, out);
}

static yd_err on_keys(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_type_ref ref;
    if (!ref_take(rest, &ref))
        return line_put_usage(out, "keys root NAME | keys type CLIENT CLOCK");
    return line_answer_json(d, yd_shared_keys(d->doc, &ref, &d->made), out);
}

static yd_err on_read(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_type_ref ref;
    enum yd_root root;
    if (!line_root_take(&rest, &root) || !ref_take(rest, &ref)) {
        return line_put_usage(out, "read text|array|map|xml root NAME, or: type CLIENT CLOCK");
    }
    yd_err err = yd_shared_json(d->doc, &ref, root, YD_JSON_TAGGED, &d->made);
    return line_answer_json(d, err, out);
}

static yd_err on_delta(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_type_ref ref;
    if (!ref_take(rest, &ref))
        return line_put_usage(out, "read-delta root NAME, or: type CLIENT CLOCK");
    return line_answer_json(d, yd_shared_delta(d->doc, &ref, YD_JSON_TAGGED, &d->made), out);
}

/* A snapshot, or none; `bytes` keeps it. */
static yd_err snapshot_take(yd_slice *rest, struct yd_buf *bytes, struct yd_snapshot *snapshot,
                            const struct yd_snapshot **taken)
{
    yd_slice after = *rest;
    *taken = NULL;
    if (line_is(line_word_take(&after), "none")) {
        *rest = after;
        return YD_OK;
    }
    if (!line_format_take(rest, &snapshot->format)) return YD_EMALFORMED;
    yd_err err = line_unhex(bytes, line_word_take(rest));
    snapshot->bytes = yd_buf_slice(bytes);
    *taken = snapshot;
    return err;
}

static yd_err on_versions(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    struct yd_type_ref ref;
    struct yd_snapshot at[2];
    const struct yd_snapshot *now, *since;
    struct yd_buf more;
    yd_buf_init(&more, d->alloc, SIZE_MAX / 2);
    yd_err err = snapshot_take(&rest, &d->bytes, &at[0], &now);
    if (err == YD_OK) err = snapshot_take(&rest, &more, &at[1], &since);
    if (err == YD_EMALFORMED || (err == YD_OK && !ref_take(rest, &ref))) {
        err = line_put_usage(out, "versions NOW SINCE REF, with none or v1|v2 HEX");
    } else if (err == YD_OK) {
        err = yd_snapshot_delta(d->doc, &ref, now, since, YD_JSON_TAGGED, &d->made);
        err = line_answer_json(d, err, out);
    }
    yd_buf_deinit(&more);
    return err;
}

static yd_err subdoc_put(void *ctx, const struct yd_subdoc *subdoc)
{
    struct yd_buf *out = ctx;
    yd_err err = line_put(out, out->len == 1 ? "{\"guid\":" : ",{\"guid\":");
    if (err == YD_OK) err = line_put_text(out, subdoc->guid);
    if (err == YD_OK) err = line_put(out, ",\"id\":[");
    if (err == YD_OK) err = line_put_number(out, subdoc->client);
    if (err == YD_OK) err = line_put(out, ",");
    if (err == YD_OK) err = line_put_number(out, subdoc->clock);
    if (err == YD_OK) err = line_put(out, "],\"options\":\"");
    for (size_t i = 0; i < subdoc->options.len && err == YD_OK; i++) {
        static const char digits[] = "0123456789abcdef";
        uint8_t c = subdoc->options.ptr[i];
        uint8_t pair[2] = {(uint8_t)digits[c >> 4], (uint8_t)digits[c & 15]};
        err = yd_buf_append(out, (yd_slice){pair, 2});
    }
    return err == YD_OK ? line_put(out, "\"}") : err;
}

static yd_err on_subdocs(struct driver *d, yd_slice rest, struct yd_buf *out)
{
    (void)rest;
    yd_err err = line_put(&d->made, "[");
    if (err == YD_OK) err = yd_doc_subdocs(d->doc, subdoc_put, &d->made);
    if (err == YD_OK) err = line_put(&d->made, "]");
    return line_answer_json(d, err, out);
}

line_command reads_command(yd_slice word)
{
    static const struct {
        const char *name;
        line_command run;
    } commands[] = {{"look", on_look},       {"at", on_at},
                    {"get", on_get},         {"keys", on_keys},
                    {"read", on_read},       {"read-delta", on_delta},
                    {"subdocs", on_subdocs}, {"versions", on_versions}};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (line_is(word, commands[i].name)) return commands[i].run;
    }
    return NULL;
}
