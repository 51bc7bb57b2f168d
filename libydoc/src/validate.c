/* validate.c - the first pass over an update: everything is checked, nothing is touched.
 *
 * Where it sits:   apply.c, source.c -> here -> read_v1.c
 * Source:          rules U1 to U14 in docs/encoding.md
 */
#include "codec.h"
#include "section.h"

static void section_sift(struct section *heap, uint32_t root, uint32_t n)
{
    for (uint32_t child; (child = root * 2 + 1) < n; root = child) {
        if (child + 1 < n && heap[child + 1].id < heap[child].id) child++;
        if (heap[child].id >= heap[root].id) return;
        struct section kept = heap[root];
        heap[root] = heap[child];
        heap[child] = kept;
    }
}

void yd_sections_sort(struct section *sections, uint32_t n)
{
    uint32_t sorted = 1;
    while (sorted < n && sections[sorted].id < sections[sorted - 1].id) sorted++;
    if (sorted >= n) return; // Yjs writes them in this order
    for (uint32_t i = n / 2; i-- > 0;) section_sift(sections, i, n);
    while (n > 1) {
        struct section kept = sections[0];
        sections[0] = sections[--n];
        sections[n] = kept;
        section_sift(sections, 0, n);
    }
}

/* YD_BODY: a document's updates are mostly one struct, and calls would be a good part of the work.
 *
 * Reads a count of things that take at least `size` bytes each. */
YD_BODY uint64_t count_read(struct yd_reader *r, size_t size)
{
    const uint8_t *at = r->at;
    uint64_t count = codec_varuint(r);
    if (!r->failed && count > yd_reader_left(r) / size) {
        r->at = at;
        r->failed = true;
        return 0;
    }
    return count;
}

YD_BODY uint32_t clock_read(struct yd_reader *r)
{
    const uint8_t *at = r->at;
    uint64_t clock = codec_varuint(r);
    if (clock < CLOCK_MAX) return (uint32_t)clock;
    r->at = at;
    r->failed = true;
    return 0;
}

YD_BODY void section_check(struct yd_reader *r, bool inner, struct section *section,
                           struct update_plan *plan)
{
    uint64_t count = count_read(r, 2);
    const uint8_t *at = r->at;
    *section = (struct section){.id = codec_varuint(r), .client = NONE};
    struct codec_id own = codec_id_of(r, at, section->id);
    section->next.clock = clock_read(r);
    section->next.at = r->at;
    section->next.run = NONE;
    section->next.left = (uint32_t)count;
    uint32_t clock = section->next.clock;
    for (uint64_t i = 0; i < count && !r->failed; i++) {
        yd_v1_check(r, &own, clock, inner, &plan->wire);
        if (!r->failed) clock += plan->wire.len;
    }
    section->next.end = r->at;
    section->end = clock;
    plan->structs += count;
}

YD_BODY void deletes_check(struct yd_reader *r, struct update_plan *plan)
{
    const uint8_t *start = r->at;
    plan->ranges = 0;
    plan->deletes = YD_EMPTY;
    plan->delete_clients = count_read(r, 2);
    for (uint64_t i = 0; i < plan->delete_clients && !r->failed; i++) {
        (void)codec_client_id(r);
        uint64_t count = count_read(r, 2);
        plan->ranges += count;
        for (uint64_t k = 0; k < count && !r->failed; k++) {
            uint32_t clock = clock_read(r);
            const uint8_t *at = r->at;
            if (codec_varuint(r) <= CLOCK_MAX - clock) continue;
            r->at = at;
            r->failed = true;
        }
    }
    plan->deletes = (yd_slice){start, (size_t)(r->at - start)};
}

uint64_t yd_count_read(struct yd_reader *r, size_t size) { return count_read(r, size); }

void yd_section_check(struct yd_reader *r, bool inner, struct section *section,
                      struct update_plan *plan)
{
    section_check(r, inner, section, plan);
}

void yd_deletes_check(struct yd_reader *r, struct update_plan *plan) { deletes_check(r, plan); }

uint32_t yd_sections_keep_last(struct section *sections, uint32_t n, bool *has_lost)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (kept == 0 || sections[i].id != sections[kept - 1].id) {
            sections[kept++] = sections[i];
            continue;
        }
        *has_lost = true;
        struct section *last = &sections[kept - 1];
        if (sections[i].next.at > last->next.at) *last = sections[i]; // the order in the update
    }
    return kept;
}

yd_err yd_update_validate(struct yd_doc *doc, yd_slice update, bool inner, struct update_plan *plan,
                          size_t *error_at)
{
    struct yd_reader r = yd_reader_of(update);
    plan->structs = 0;
    plan->has_lost = false;
    doc->sections.count = 0;
    uint64_t count = count_read(&r, 3);
    for (uint64_t i = 0; i < count && !r.failed; i++) {
        YD_TRY(yd_vec_reserve(doc, &doc->sections, 1, sizeof(struct section)));
        section_check(&r, inner, section_at(doc, doc->sections.count++), plan);
    }
    deletes_check(&r, plan);
    if (r.failed) {
        *error_at = (size_t)(r.at - update.ptr);
        return YD_EMALFORMED;
    }
    if (count == 1) {
        // Most updates are one struct: it need not be read twice.
        if (plan->structs == 1) section_at(doc, 0)->ahead = &plan->wire;
        return YD_OK;
    }
    yd_sections_sort(doc->sections.at, doc->sections.count);
    doc->sections.count =
        yd_sections_keep_last(doc->sections.at, doc->sections.count, &plan->has_lost);
    return YD_OK;
}
