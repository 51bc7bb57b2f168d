/* merged.c - the state while something is parked.
 *
 * Where it sits:   state.c -> here -> fold.c
 * Source:          Yjs encodeStateAsUpdate with pendingStructs or pendingDs, which goes through
 *                  mergeUpdates; rules U54 and U55 in docs/encoding.md
 *
 * Per client: its own structs, then the parked ones in order of clocks.
 */
#include "codec.h"
#include "emit.h"
#include "fold.h"

static yd_err fold_own(const struct yd_doc *doc, struct fold *fold, struct client *client)
{
    struct smap_pos pos;
    if (client->next <= fold->from) return YD_OK;
    bool found = yd_smap_find(&client->index, fold->from, &pos);
    YD_ASSERT(found);
    for (; !smap_is_end(&client->index, pos); pos = smap_next(&client->index, pos)) {
        struct wire wire;
        yd_entry_wire(doc, client, pos, &wire);
        YD_TRY(yd_fold_add(fold, &wire, smap_key(&client->index, pos), false));
    }
    return YD_OK;
}

static yd_err fold_run(struct fold *fold, const struct run *run)
{
    struct yd_reader r = {run->bytes + run->used, run->bytes + run->bytes_len, false};
    uint32_t clock = run->start;
    for (uint32_t i = 0; i < run->count; i++) {
        struct wire wire;
        yd_v1_read(&r, &wire);
        YD_TRY(yd_fold_add(fold, &wire, clock, i == 0));
        clock += wire.len;
    }
    return YD_OK;
}

static yd_err merged_section(const struct yd_doc *doc, struct client *client, uint32_t from,
                             struct sink *sink)
{
    struct fold fold = fold_of(sink, client->id, from);
    YD_TRY(fold_own(doc, &fold, client));
    uint32_t pend = client_pend(client);
    if (pend != NONE) {
        const struct smap *runs = &pend_at(doc, pend)->runs;
        struct smap_pos pos = smap_first();
        for (; !smap_is_end(runs, pos); pos = smap_next(runs, pos)) {
            uint32_t at = smap_value(runs, pos);
            for (; at != NONE; at = run_at(doc, at)->next) {
                YD_TRY(fold_run(&fold, run_at(doc, at)));
            }
        }
    }
    return yd_fold_end(&fold);
}

/* Two sets of ranges walked as one. */
struct range_walk {
    const struct smap *sets[2];
    struct smap_pos pos[2];
};

static bool range_next(struct range_walk *walk, uint32_t *clock, uint32_t *end)
{
    bool found = false;
    for (;;) {
        uint32_t best = 2;
        uint32_t start = 0;
        for (uint32_t i = 0; i < 2; i++) {
            if (walk->sets[i] == NULL || smap_is_end(walk->sets[i], walk->pos[i])) continue;
            uint32_t key = smap_key(walk->sets[i], walk->pos[i]);
            if (best == 2 || key < start) {
                best = i;
                start = key;
            }
        }
        if (best == 2 || (found && start > *end)) return found;
        uint32_t range_end = start + smap_value(walk->sets[best], walk->pos[best]);
        if (!found) {
            *clock = start;
            *end = range_end;
        } else if (range_end > *end) {
            *end = range_end;
        }
        found = true;
        walk->pos[best] = smap_next(walk->sets[best], walk->pos[best]);
    }
}

static struct range_walk walk_of(const struct yd_doc *doc, const struct client *client)
{
    uint32_t pend = client_pend(client);
    const struct smap *parked = pend == NONE ? NULL : &pend_at(doc, pend)->dels;
    return (struct range_walk){{&client->dels, parked}, {{0, 0}, {0, 0}}};
}

static yd_err merged_ranges(const struct yd_doc *doc, const struct client *client,
                            struct sink *sink)
{
    uint32_t clock;
    uint32_t end;
    uint32_t count = 0;
    struct range_walk walk = walk_of(doc, client);
    while (range_next(&walk, &clock, &end)) count++;
    if (count == 0) return YD_OK;
    YD_TRY(yd_sink_ranges(sink, client->id, count));
    walk = walk_of(doc, client);
    while (range_next(&walk, &clock, &end)) YD_TRY(sink_range(sink, clock, end - clock));
    return YD_OK;
}

static yd_err merged_deletes(const struct yd_doc *doc, struct sink *sink)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        const struct client *client = client_at(doc, i);
        uint32_t pend = client_pend(client);
        bool parked = pend != NONE && smap_total(&pend_at(doc, pend)->dels) > 0;
        if (parked || smap_total(&client->dels) > 0) count++;
    }
    YD_TRY(sink_uint(sink, count));
    for (uint32_t i = doc->by_id.count; i-- > 0;) {
        YD_TRY(merged_ranges(doc, client_at(doc, by_id_at(doc, i)), sink));
    }
    return YD_OK;
}

yd_err yd_emit_merged(struct yd_doc *doc, const uint32_t *targets, struct sink *sink)
{
    sink_sections_begin(sink);
    for (uint32_t i = doc->by_id.count; i-- > 0;) {
        uint32_t index = by_id_at(doc, i);
        YD_TRY(merged_section(doc, client_at(doc, index), targets[index], sink));
    }
    YD_TRY(yd_sink_sections_end(sink));
    return merged_deletes(doc, sink);
}
