/* source.c - an update opened for reading without a document.
 *
 * Where it sits:   update.c -> here -> validate.c, read_v2.c
 */
#include "source.h"

#include "codec.h"

void yd_source_init(struct source *source, const struct yd_buf *out)
{
    yd_v2_inner_init(&source->inner, out->alloc, out->max);
    yd_buf_init(&source->sections, out->alloc, SIZE_MAX / 2);
    source->deletes = YD_EMPTY;
    source->error_at = 0;
    source->has_lost = false;
}

void yd_source_deinit(struct source *source)
{
    yd_v2_inner_deinit(&source->inner);
    yd_buf_deinit(&source->sections);
}

static yd_err sections_list(struct source *source, yd_slice bytes, bool inner)
{
    struct update_plan plan = {.structs = 0};
    struct yd_reader r = yd_reader_of(bytes);
    uint64_t count = yd_count_read(&r, 3);
    source->sections.len = 0;
    for (uint64_t i = 0; i < count && !r.failed; i++) {
        struct section section;
        yd_section_check(&r, inner, &section, &plan);
        yd_slice entry = {(const uint8_t *)&section, sizeof section};
        YD_TRY(yd_buf_append(&source->sections, entry));
    }
    yd_deletes_check(&r, &plan);
    if (r.failed) {
        source->error_at = (size_t)(r.at - bytes.ptr);
        return YD_EMALFORMED;
    }
    source->deletes = plan.deletes;
    yd_sections_sort(source_section(source, 0), source_count(source));
    uint32_t kept =
        yd_sections_keep_last(source_section(source, 0), source_count(source), &plan.has_lost);
    source->has_lost = plan.has_lost;
    source->sections.len = kept * sizeof(struct section);
    return YD_OK;
}

yd_err yd_source_open(struct source *source, struct yd_update update)
{
    if (update.format == YD_V1) return sections_list(source, update.bytes, false);
    if (update.format != YD_V2) return YD_EUNSUPPORTED;
    YD_TRY(yd_v2_read(update.bytes, &source->inner, &source->error_at));
    yd_err err = sections_list(source, yd_buf_slice(&source->inner.bytes), true);
    if (err == YD_EMALFORMED) {
        source->error_at = yd_v2_locate(update.bytes, &source->inner, source->error_at);
    }
    return err;
}

bool yd_section_peek(const struct section *section, struct wire *wire, const uint8_t **behind)
{
    if (section->next.left == 0) return false;
    struct yd_reader r = {section->next.at, section->next.end, false};
    yd_v1_read(&r, wire);
    *behind = r.at;
    return true;
}
