/* pending.c - what waits for clocks that are not here yet.
 *
 * Where it sits:   apply.c, schedule.c -> here -> smap.c, deletes.c
 * Source:          Yjs readUpdateV2 (pendingStructs, pendingDs); rules U17 to U19 in
 *                  docs/encoding.md
 *
 * Yjs merges everything parked into one update each time something arrives, which is quadratic.
 * Here a parked section stays as the run of bytes that it came as, in order of clocks; nothing is
 * merged before it is encoded, and a retry goes over the runs where they lie.
 *
 * Invariants (yd_doc_check, P1, P2):
 *   P1  a client's `link` and the record's `client` name each other
 *   P2  pending_bytes counts bytes and fixed cost of all runs, pending_runs and pending_dels
 *       count runs and ranges
 */
#include "codec.h"
#include "section.h"

#include <string.h>

#define RANGE_BYTES sizeof(struct span)

static yd_err pend_intern(struct yd_doc *doc, uint32_t client, uint32_t *index)
{
    *index = client_pend(client_at(doc, client));
    if (*index != NONE) return YD_OK;
    YD_TRY(yd_vec_reserve(doc, &doc->pends, 1, sizeof(struct pend)));
    *index = doc->pends.count++;
    uint32_t *link = &client_at(doc, client)->link;
    *pend_at(doc, *index) = (struct pend){.client = client, .touched = *link, .missing = NONE};
    *link = LINK_PEND | *index;
    return YD_OK;
}

/* Lets go of records that hold nothing. */
static void pends_sweep(struct yd_doc *doc)
{
    for (uint32_t i = doc->pends.count; i-- > 0;) {
        struct pend *pend = pend_at(doc, i);
        if (smap_total(&pend->runs) > 0 || smap_total(&pend->dels) > 0 || pend->missing != NONE)
            continue;
        client_at(doc, pend->client)->link = pend->touched;
        *pend = *pend_at(doc, --doc->pends.count);
        if (i < doc->pends.count) client_at(doc, pend->client)->link = LINK_PEND | i;
    }
}

static yd_err run_new(struct yd_doc *doc, const struct run *from, uint32_t *handle)
{
    if (doc->run_free == NONE) {
        YD_TRY(yd_vec_reserve(doc, &doc->runs, 1, sizeof *from));
        doc->run_free = doc->runs.count++;
        *run_at(doc, doc->run_free) = (struct run){.next = NONE};
    }
    uint8_t *bytes = yd_mem(doc, NULL, 0, from->bytes_len);
    if (bytes == NULL) return YD_ENOMEM;
    memcpy(bytes, from->bytes, from->bytes_len);
    *handle = doc->run_free;
    struct run *run = run_at(doc, *handle);
    doc->run_free = run->next;
    *run = *from;
    run->bytes = bytes;
    run->next = NONE;
    doc->pending_bytes += sizeof *run + run->bytes_len;
    doc->pending_runs++;
    return YD_OK;
}

static void run_free(struct yd_doc *doc, uint32_t handle)
{
    struct run *run = run_at(doc, handle);
    doc->pending_bytes -= sizeof *run + run->bytes_len;
    doc->pending_runs--;
    yd_mem(doc, run->bytes, run->bytes_len, 0);
    run->bytes = NULL;
    run->next = doc->run_free;
    doc->run_free = handle;
}

/* Parks a copy of a run, unless one that is there holds the same clocks. */
static yd_err run_park(struct yd_doc *doc, uint32_t client, const struct run *from)
{
    if (from->count == 0) return YD_OK;
    uint32_t index;
    uint32_t fresh;
    YD_TRY(pend_intern(doc, client, &index));
    struct smap *runs = &pend_at(doc, index)->runs;
    struct smap_pos pos;
    bool found = yd_smap_find(runs, from->start, &pos);
    uint32_t at = found ? smap_value(runs, pos) : NONE;
    uint32_t last = NONE;
    for (; at != NONE; at = run_at(doc, at)->next) {
        const struct run *run = run_at(doc, at);
        if (run->start <= from->start && from->end <= run->end) return YD_OK;
        last = at;
    }
    YD_TRY(run_new(doc, from, &fresh));
    if (!found) return yd_smap_insert_first(doc, runs, from->start, fresh);
    if (smap_key(runs, pos) != from->start) {
        return yd_smap_insert_after(doc, runs, &pos, from->start, fresh);
    }
    run_at(doc, last)->next = fresh;
    return YD_OK;
}

/* Parks the rest of a section of an update, one run between two Skips. */
static yd_err section_park(struct yd_doc *doc, const struct section *section)
{
    uint32_t client;
    YD_TRY(yd_client_intern(doc, section->id, &client));
    const struct cursor *from = &section->park;
    struct yd_reader r = {from->at, from->end, false};
    struct run run = {.start = from->clock, .end = from->clock, .next = NONE};
    const uint8_t *start = r.at;
    for (uint32_t i = 0; i < from->left; i++) {
        const uint8_t *at = r.at;
        struct wire wire;
        yd_v1_read(&r, &wire);
        if (wire.ref == REF_SKIP) {
            run.bytes = (uint8_t *)(uintptr_t)start; // only read
            run.bytes_len = (uint32_t)(at - start);
            YD_TRY(run_park(doc, client, &run));
            uint32_t clock = run.end + wire.len;
            run = (struct run){.start = clock, .end = clock, .next = NONE};
            start = r.at;
        } else {
            run.end += wire.len;
            run.count++;
        }
    }
    run.bytes = (uint8_t *)(uintptr_t)start;
    run.bytes_len = (uint32_t)(r.at - start);
    return run_park(doc, client, &run);
}

yd_err yd_pending_park(struct yd_doc *doc)
{
    for (uint32_t i = 0; i < doc->sections.count; i++) {
        if (section_at(doc, i)->closed) YD_TRY(section_park(doc, section_at(doc, i)));
    }
    return YD_OK;
}

yd_err yd_pending_note(struct yd_doc *doc)
{
    const struct span *notes = doc->notes.at;
    for (uint32_t i = 0; i < doc->notes.count; i++) {
        uint32_t index;
        YD_TRY(pend_intern(doc, notes[i].client, &index));
        struct pend *pend = pend_at(doc, index);
        if (pend->missing > notes[i].clock) pend->missing = notes[i].clock;
        if (notes[i].clock < client_at(doc, notes[i].client)->next) doc->retry = true;
    }
    return YD_OK;
}

bool yd_pending_is_due(const struct yd_doc *doc)
{
    if (doc->pending_runs == 0) return false;
    if (doc->retry) return true;
    const struct touched *touched = doc->txn.touched.at;
    for (uint32_t i = 0; i < doc->txn.touched.count; i++) {
        const struct client *client = client_at(doc, touched[i].client);
        uint32_t pend = client_pend(client);
        if (pend != NONE && pend_at(doc, pend)->missing < client->next) return true;
    }
    return false;
}

yd_err yd_pending_sections(struct yd_doc *doc)
{
    doc->retry = false;
    doc->sections.count = 0;
    YD_TRY(yd_vec_reserve(doc, &doc->sections, doc->pends.count, sizeof(struct section)));
    for (uint32_t i = 0; i < doc->pends.count; i++) {
        struct pend *pend = pend_at(doc, i);
        pend->missing = NONE;
        if (smap_total(&pend->runs) == 0) continue;
        struct section *section = section_at(doc, doc->sections.count++);
        uint32_t handle = smap_value(&pend->runs, smap_first());
        const struct run *run = run_at(doc, handle);
        *section = (struct section){.id = client_at(doc, pend->client)->id,
                                    .client = pend->client,
                                    .parked = true,
                                    .next = {.at = run->bytes + run->used,
                                             .end = run->bytes + run->bytes_len,
                                             .left = run->count,
                                             .clock = run->start,
                                             .run = handle}};
    }
    yd_sections_sort(doc->sections.at, doc->sections.count);
    return YD_OK;
}

/* Frees the runs of a client before run `keep`; NONE frees all. */
static void runs_release(struct yd_doc *doc, struct smap *runs, uint32_t keep)
{
    while (smap_total(runs) > 0) {
        uint32_t at = smap_value(runs, smap_first());
        while (at != NONE && at != keep) {
            uint32_t next = run_at(doc, at)->next;
            run_free(doc, at);
            at = next;
        }
        if (at != NONE) {
            smap_put(runs, smap_first(), at);
            return;
        }
        yd_smap_remove_first(doc, runs);
    }
}

void yd_pending_settle(struct yd_doc *doc)
{
    for (uint32_t i = 0; i < doc->sections.count; i++) {
        const struct section *section = section_at(doc, i);
        struct pend *pend = pend_at(doc, client_pend(client_at(doc, section->client)));
        uint32_t keep = section->closed ? section->park.run : NONE;
        runs_release(doc, &pend->runs, keep);
        if (keep == NONE) continue;
        struct run *run = run_at(doc, keep);
        run->start = section->park.clock;
        run->count = section->park.left;
        run->used = (uint32_t)(section->park.at - run->bytes);
    }
    pends_sweep(doc);
}

yd_err yd_pending_delete(struct yd_doc *doc, uint64_t id, uint32_t clock, uint32_t len)
{
    uint32_t client;
    uint32_t index;
    YD_TRY(yd_client_intern(doc, id, &client));
    YD_TRY(pend_intern(doc, client, &index));
    struct smap *dels = &pend_at(doc, index)->dels;
    uint32_t before = smap_total(dels);
    YD_TRY(yd_ranges_add(doc, dels, clock, len));
    doc->pending_dels += smap_total(dels) - before;
    return YD_OK;
}

/* Applies the parked deletes of one client as far as its clocks are here. */
static yd_err pend_apply(struct yd_doc *doc, uint32_t index)
{
    struct client *client = client_at(doc, index);
    struct smap *dels = &pend_at(doc, client_pend(client))->dels;
    while (smap_total(dels) > 0) {
        uint32_t clock = smap_key(dels, smap_first());
        uint32_t end = clock + smap_value(dels, smap_first());
        if (clock >= client->next) break;
        uint32_t here = end < client->next ? end : client->next;
        YD_TRY(yd_delete_range(doc, index, clock, here));
        if (here < end) {
            yd_smap_rekey(dels, smap_first(), here);
            smap_put(dels, smap_first(), end - here);
            break;
        }
        yd_smap_remove_first(doc, dels);
        doc->pending_dels--;
    }
    return YD_OK;
}

yd_err yd_pending_apply_deletes(struct yd_doc *doc)
{
    if (doc->pending_dels == 0) return YD_OK;
    bool known_part = doc->txn.known_part;
    const struct touched *touched = doc->txn.touched.at;
    for (uint32_t i = 0; i < doc->txn.touched.count; i++) {
        uint32_t client = touched[i].client;
        if (client_pend(client_at(doc, client)) != NONE) YD_TRY(pend_apply(doc, client));
    }
    doc->txn.known_part = known_part; // that is about the update at hand
    pends_sweep(doc);
    return YD_OK;
}

struct yd_pending yd_doc_pending(const struct yd_doc *doc)
{
    return (struct yd_pending){.structs = doc->pending_runs > 0,
                               .deletes = doc->pending_dels > 0,
                               .bytes = doc->pending_bytes + doc->pending_dels * RANGE_BYTES};
}

void yd_pending_deinit(struct yd_doc *doc)
{
    // By the table: after a refused allocation a run may be in no order.
    for (uint32_t i = 0; i < doc->runs.count; i++) {
        const struct run *run = run_at(doc, i);
        if (run->bytes != NULL) yd_mem(doc, run->bytes, run->bytes_len, 0);
    }
    for (uint32_t i = 0; i < doc->pends.count; i++) {
        yd_smap_free(doc, &pend_at(doc, i)->runs);
        yd_smap_free(doc, &pend_at(doc, i)->dels);
    }
    yd_vec_free(doc, &doc->pends, sizeof(struct pend));
    yd_vec_free(doc, &doc->runs, sizeof(struct run));
}
