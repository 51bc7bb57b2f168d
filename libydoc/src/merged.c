/* merged.c - the state while something is parked.
 *
 * Where it sits:   state.c -> here -> write_v1.c
 * Source:          Yjs encodeStateAsUpdate with pendingStructs or pendingDs, which goes through
 *                  mergeUpdates; rules U54 and U55 in docs/encoding.md
 *
 * Per client: its own structs, then the parked ones in order of clocks; holes become Skips, what
 * lies before is cut off, two GCs join where one source ends and the next begins. Items with an
 * origin lose their key bit. Each section is gone through twice, first to count.
 */
#include "codec.h"
#include "emit.h"

struct fold {
    struct yd_buf *out; /* NULL: only count */
    uint64_t id;
    uint32_t from;   /* nothing below this clock is wanted */
    uint32_t first;  /* clock of the first struct written */
    uint32_t end;    /* clock behind the last one; NONE: nothing yet */
    uint32_t count;  /* structs */
    uint32_t gc_len; /* of a GC that may still grow; 0: none */
};

static yd_err fold_plain(struct fold *fold, uint8_t ref, uint32_t len)
{
    fold->count++;
    if (fold->out == NULL) return YD_OK;
    struct wire wire = {.ref = ref, .len = len, .content = YD_EMPTY};
    return yd_v1_write(fold->out, &wire, (struct id){fold->id, 0}, 0, true);
}

static yd_err fold_flush(struct fold *fold)
{
    if (fold->gc_len == 0) return YD_OK;
    uint32_t len = fold->gc_len;
    fold->gc_len = 0;
    return fold_plain(fold, REF_GC, len);
}

/* Takes a struct in order of clocks. source_begins: it is the first of another source. */
static yd_err fold_add(struct fold *fold, const struct wire *wire, uint32_t clock,
                       bool source_begins)
{
    uint32_t known = fold->end == NONE ? fold->from : fold->end;
    uint32_t end = clock + wire->len;
    if (end <= known) return YD_OK;
    uint32_t offset = clock < known ? known - clock : 0;
    if (fold->end == NONE) {
        fold->first = clock + offset;
    } else if (clock > fold->end) {
        YD_TRY(fold_flush(fold));
        YD_TRY(fold_plain(fold, REF_SKIP, clock - fold->end));
    }
    bool grows = wire->ref == REF_GC && source_begins && fold->gc_len > 0;
    fold->end = end;
    if (grows) {
        fold->gc_len += wire->len - offset;
        return YD_OK;
    }
    YD_TRY(fold_flush(fold));
    if (wire->ref == REF_GC) {
        fold->gc_len = wire->len - offset;
        return YD_OK;
    }
    fold->count++;
    if (fold->out == NULL) return YD_OK;
    return yd_v1_write(fold->out, wire, (struct id){fold->id, clock}, offset, true);
}

static yd_err fold_own(const struct yd_doc *doc, struct fold *fold, struct client *client)
{
    struct smap_pos pos;
    if (client->next <= fold->from) return YD_OK;
    bool found = yd_smap_find(&client->index, fold->from, &pos);
    YD_ASSERT(found);
    for (; !smap_is_end(&client->index, pos); pos = smap_next(&client->index, pos)) {
        struct wire wire;
        yd_entry_wire(doc, client, pos, &wire);
        YD_TRY(fold_add(fold, &wire, smap_key(&client->index, pos), false));
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
        YD_TRY(fold_add(fold, &wire, clock, i == 0));
        clock += wire.len;
    }
    return YD_OK;
}

static yd_err fold_client(const struct yd_doc *doc, struct fold *fold, struct client *client)
{
    YD_TRY(fold_own(doc, fold, client));
    if (client->pend != NONE) {
        const struct smap *runs = &pend_at(doc, client->pend)->runs;
        struct smap_pos pos = smap_first();
        for (; !smap_is_end(runs, pos); pos = smap_next(runs, pos)) {
            uint32_t at = smap_value(runs, pos);
            for (; at != NONE; at = run_at(doc, at)->next) {
                YD_TRY(fold_run(fold, run_at(doc, at)));
            }
        }
    }
    return fold_flush(fold);
}

static struct fold fold_of(const struct client *client, uint32_t from, struct yd_buf *out)
{
    return (struct fold){.out = out, .id = client->id, .from = from, .end = NONE};
}

static yd_err merged_section(const struct yd_doc *doc, struct client *client, uint32_t from,
                             struct yd_buf *out)
{
    struct fold counted = fold_of(client, from, NULL);
    YD_TRY(fold_client(doc, &counted, client));
    if (counted.count == 0) return YD_OK;
    YD_TRY(yd_buf_varuint(out, counted.count));
    YD_TRY(yd_buf_varuint(out, client->id));
    YD_TRY(yd_buf_varuint(out, counted.first));
    struct fold written = fold_of(client, from, out);
    return fold_client(doc, &written, client);
}

/* Whether a client has anything to send, without counting all of it. */
static yd_err merged_is_empty(const struct yd_doc *doc, struct client *client, uint32_t from,
                              bool *empty)
{
    *empty = client->next <= from;
    if (!*empty || client->pend == NONE) return YD_OK;
    struct fold counted = fold_of(client, from, NULL);
    YD_TRY(fold_client(doc, &counted, client));
    *empty = counted.count == 0;
    return YD_OK;
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
    const struct smap *parked = client->pend == NONE ? NULL : &pend_at(doc, client->pend)->dels;
    return (struct range_walk){{&client->dels, parked}, {{0, 0}, {0, 0}}};
}

static yd_err merged_ranges(const struct yd_doc *doc, const struct client *client,
                            struct yd_buf *out)
{
    uint32_t clock;
    uint32_t end;
    uint32_t count = 0;
    struct range_walk walk = walk_of(doc, client);
    while (range_next(&walk, &clock, &end)) count++;
    if (count == 0) return YD_OK;
    YD_TRY(yd_buf_varuint(out, client->id));
    YD_TRY(yd_buf_varuint(out, count));
    walk = walk_of(doc, client);
    while (range_next(&walk, &clock, &end)) {
        YD_TRY(yd_buf_varuint(out, clock));
        YD_TRY(yd_buf_varuint(out, end - clock));
    }
    return YD_OK;
}

static yd_err merged_deletes(const struct yd_doc *doc, struct yd_buf *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        const struct client *client = client_at(doc, i);
        bool parked = client->pend != NONE && pend_at(doc, client->pend)->dels.total > 0;
        if (parked || client->dels.total > 0) count++;
    }
    YD_TRY(yd_buf_varuint(out, count));
    for (uint32_t i = doc->by_id.count; i-- > 0;) {
        YD_TRY(merged_ranges(doc, client_at(doc, by_id_at(doc, i)), out));
    }
    return YD_OK;
}

yd_err yd_emit_merged(struct yd_doc *doc, const uint32_t *targets, struct yd_buf *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        bool empty;
        YD_TRY(merged_is_empty(doc, client_at(doc, i), targets[i], &empty));
        if (!empty) count++;
    }
    YD_TRY(yd_buf_varuint(out, count));
    for (uint32_t i = doc->by_id.count; i-- > 0;) {
        uint32_t index = by_id_at(doc, i);
        YD_TRY(merged_section(doc, client_at(doc, index), targets[index], out));
    }
    return merged_deletes(doc, out);
}
