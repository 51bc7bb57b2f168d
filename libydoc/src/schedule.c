/* schedule.c - works off sections in the order of Yjs: each struct once all it needs is here.
 *
 * Where it sits:   apply.c -> here -> integrate.c
 * Source:          Yjs integrateStructs; rules U15 to U19 in docs/encoding.md
 *
 * Sections go from the highest client id down. A struct that needs one of another client waits on
 * a stack while that client's section is worked off. If the other section has no more, everything
 * on the stack is blocked, with what follows it in its sections: the sections are closed.
 */
#include "codec.h"
#include "integrate.h"
#include "section.h"

static void cursor_read(const struct cursor *cursor, struct wire *wire, const uint8_t **end)
{
    struct yd_reader r = {cursor->at, cursor->end, false};
    yd_v1_read(&r, wire);
    *end = r.at;
}

/* Goes on to the next run of a parked section. */
static bool cursor_next_run(const struct yd_doc *doc, const struct section *section,
                            struct cursor *cursor)
{
    uint32_t pend = client_pend(client_at(doc, section->client));
    const struct smap *runs = &pend_at(doc, pend)->runs;
    uint32_t run = run_at(doc, cursor->run)->next;
    if (run == NONE) {
        cursor->pos = smap_next(runs, cursor->pos);
        if (smap_is_end(runs, cursor->pos)) return false;
        run = smap_value(runs, cursor->pos);
    }
    const struct run *r = run_at(doc, run);
    cursor->run = run;
    cursor->at = r->bytes + r->used;
    cursor->end = r->bytes + r->bytes_len;
    cursor->left = r->count;
    cursor->clock = r->start;
    return true;
}

/* Takes the next struct out of a section. Skips only move the clock. */
static bool section_take(const struct yd_doc *doc, uint32_t i, struct step *step, struct wire *wire)
{
    struct section *section = section_at(doc, i);
    struct cursor *next = &section->next;
    if (section->closed) return false;
    for (;;) {
        if (next->left == 0) {
            if (!section->parked || !cursor_next_run(doc, section, next)) return false;
        }
        step->section = i;
        step->at = *next;
        if (section->ahead != NULL) {
            *wire = *section->ahead;
            section->ahead = NULL;
            next->at = next->end;
        } else {
            cursor_read(&step->at, wire, &next->at);
        }
        next->clock += wire->len;
        next->left--;
        if (wire->ref == REF_SKIP) continue;
        if (!section->parked) return true;
        // Of two parked versions of the same clocks the first one counts: Yjs merges what it
        // parks, and there the other is gone.
        if (next->clock <= section->covered) continue;
        section->covered = next->clock;
        return true;
    }
}

static struct section *section_find(const struct yd_doc *doc, uint64_t id, uint32_t *index)
{
    uint32_t low = 0;
    uint32_t high = doc->sections.count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        struct section *section = section_at(doc, mid);
        if (section->id == id) {
            *index = mid;
            return section;
        }
        if (section->id > id) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return NULL;
}

static uint32_t state_of(struct yd_doc *doc, uint64_t id)
{
    uint32_t client = yd_client_find(doc, id);
    return client == NONE ? 0 : client_at(doc, client)->next;
}

/* The client of a reference that is not here yet. Those to the own client lie before it. */
static bool missing_client(struct yd_doc *doc, const struct wire *wire, uint64_t own,
                           uint64_t *missing)
{
    const struct id *ids[3];
    uint32_t n = 0;
    if (wire->ref == REF_GC) return false;
    if (wire->flags & WIRE_ORIGIN) ids[n++] = &wire->origin;
    if (wire->flags & WIRE_RIGHT) ids[n++] = &wire->right;
    if (n == 0 && !wire->root) ids[n++] = &wire->parent;
    for (uint32_t i = 0; i < n; i++) {
        if (ids[i]->client == own || ids[i]->clock < state_of(doc, ids[i]->client)) continue;
        *missing = ids[i]->client;
        return true;
    }
    return false;
}

static yd_err note_add(struct yd_doc *doc, uint64_t id, uint32_t clock)
{
    uint32_t client;
    YD_TRY(yd_client_intern(doc, id, &client));
    YD_TRY(yd_vec_reserve(doc, &doc->notes, 1, sizeof(struct span)));
    ((struct span *)doc->notes.at)[doc->notes.count++] = (struct span){client, clock, 0};
    return YD_OK;
}

static yd_err stack_push(struct yd_doc *doc, const struct step *step)
{
    YD_TRY(yd_vec_reserve(doc, &doc->stack, 1, sizeof *step));
    ((struct step *)doc->stack.at)[doc->stack.count++] = *step;
    return YD_OK;
}

/* Blocked: every section on the stack goes on later, at the first struct it has there. */
static void stack_close(struct yd_doc *doc)
{
    const struct step *steps = doc->stack.at;
    for (uint32_t i = 0; i < doc->stack.count; i++) {
        struct section *section = section_at(doc, steps[i].section);
        if (section->closed) continue;
        section->closed = true;
        section->park = steps[i].at;
    }
    doc->stack.count = 0;
}

static yd_err step_integrate(struct yd_doc *doc, struct section *section, uint32_t clock,
                             const struct wire *wire)
{
    if (section->client == NONE) YD_TRY(yd_client_intern(doc, section->id, &section->client));
    uint32_t state = client_at(doc, section->client)->next;
    if (clock < state && !section->parked) doc->txn.known_part = true;
    // Only kept deleted text can hold a pair that others have cut.
    if (clock + wire->len <= state) {
        return doc->opts.keep_deleted ? yd_integrate_known(doc, wire) : YD_OK;
    }
    return yd_integrate(doc, section->client, clock, wire);
}

/* Works off one struct and all that it waits for. */
static yd_err step_work(struct yd_doc *doc, struct step step, struct wire *wire)
{
    doc->stack.count = 0;
    for (;;) {
        struct section *section = section_at(doc, step.section);
        uint64_t missing = section->id;
        uint32_t state = section->client == NONE ? state_of(doc, section->id)
                                                 : client_at(doc, section->client)->next;
        if (step.at.clock > state) {
            YD_TRY(stack_push(doc, &step));
            YD_TRY(note_add(doc, section->id, step.at.clock - 1));
            stack_close(doc);
            return YD_OK;
        }
        if (missing_client(doc, wire, section->id, &missing)) {
            YD_TRY(stack_push(doc, &step));
            uint32_t other;
            if (section_find(doc, missing, &other) != NULL &&
                section_take(doc, other, &step, wire)) {
                continue;
            }
            YD_TRY(note_add(doc, missing, state_of(doc, missing)));
            stack_close(doc);
            return YD_OK;
        }
        YD_TRY(step_integrate(doc, section, step.at.clock, wire));
        if (doc->stack.count == 0) return YD_OK;
        step = ((struct step *)doc->stack.at)[--doc->stack.count];
        const uint8_t *end;
        cursor_read(&step.at, wire, &end);
    }
}

/* Steps over a section of which everything is here: what a client offers that connects again. */
static bool section_is_known(struct yd_doc *doc, struct section *section)
{
    // Kept deleted text may hold a pair that others have cut: it is looked at, see below.
    if (section->parked || doc->opts.keep_deleted || section->next.left == 0) return false;
    if (section->end > state_of(doc, section->id)) return false;
    section->next.left = 0;
    doc->txn.known_part = true;
    return true;
}

yd_err yd_schedule(struct yd_doc *doc)
{
    doc->notes.count = 0;
    for (uint32_t i = 0; i < doc->sections.count; i++) {
        if (section_is_known(doc, section_at(doc, i))) continue;
        struct step step;
        struct wire wire;
        while (section_take(doc, i, &step, &wire)) YD_TRY(step_work(doc, step, &wire));
    }
    return YD_OK;
}
