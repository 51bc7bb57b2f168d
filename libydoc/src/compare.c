/* compare.c - a text at one point of its history, with what came and went since another one.
 *
 * Where it sits:   the caller -> yd_snapshot_delta() -> here -> past.c, read_delta.c
 * Source:          Yjs YText.toDelta(snapshot, prevSnapshot); rules U127 to U129 in
 * docs/encoding.md
 *
 * What changed is a mark like any other, put on and off as the walk goes; so what belongs together
 * becomes one insert, however items are cut. An item is cut where a snapshot ends inside it, or
 * where it was deleted in part.
 */
#include "ydoc/compare.h"

#include "delta.h"
#include "past.h"
#include "read.h"
#include "utf8.h"

/* What became of some text between the two points. FATE_FOREIGN: the text has a mark of that name
 * of its own. */
enum fate { FATE_SAME, FATE_ADDED, FATE_REMOVED, FATE_FOREIGN };

struct comparison {
    struct delta delta;
    struct past now, since;
    bool has_now, has_since;
    enum fate fate; /* what the marks that are on say */
    uint64_t user;
    struct yd_buf value; /* of the mark */
};

#define CHANGE_KEY YD_LITERAL("ychange")

/* The first range of a client that ends behind a clock, or what follows there. */
static uint32_t range_behind(const struct past *past, uint64_t client, uint32_t clock)
{
    const struct range *ranges = (const void *)past->ranges.ptr;
    uint32_t low = 0;
    uint32_t high = (uint32_t)(past->ranges.len / sizeof *ranges);
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        const struct range *r = &ranges[mid];
        bool before = r->client > client || (r->client == client && r->clock + r->len <= clock);
        if (before) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* Whether a clock was there and not deleted. *end: where that changes, if it does before. */
static bool past_shows(const struct past *past, uint64_t client, uint32_t clock, uint32_t *end)
{
    uint32_t state = yd_past_clock(past, client);
    if (clock >= state) return false;
    if (*end > state) *end = state;
    const struct range *ranges = (const void *)past->ranges.ptr;
    uint32_t at = range_behind(past, client, clock);
    if (at == past->ranges.len / sizeof *ranges || ranges[at].client != client) return true;
    bool deleted = ranges[at].clock <= clock;
    uint32_t until = ranges[at].clock + (deleted ? ranges[at].len : 0);
    if (*end > until) *end = until;
    return !deleted;
}

struct shown {
    bool now, since;
};

/* Whether a clock of an item shows, up to *end. */
static struct shown shown_at(const struct comparison *c, const struct item *it, uint64_t client,
                             uint32_t clock, uint32_t *end)
{
    struct shown shown;
    shown.now = c->has_now ? past_shows(&c->now, client, clock, end) : !item_is_deleted(it);
    shown.since = c->has_since ? past_shows(&c->since, client, clock, end) : shown.now;
    return shown;
}

static enum fate fate_of(struct shown shown)
{
    if (shown.now == shown.since) return FATE_SAME;
    return shown.now ? FATE_ADDED : FATE_REMOVED;
}

/* The attribute's value. Without a run that is open: that still needs the one before. */
static yd_err change_write(struct comparison *c, enum fate fate, uint64_t user)
{
    struct text_out o = {.buf = &c->value};
    yd_buf_clear(&c->value);
    yd_out_raw(&o, fate == FATE_ADDED ? YD_LITERAL("{\"type\":\"added\",\"user\":")
                                      : YD_LITERAL("{\"type\":\"removed\",\"user\":"));
    yd_out_uint(&o, user);
    out_byte(&o, '}');
    return o.err;
}

/* Says what became of what comes next. */
static yd_err fate_set(struct comparison *c, enum fate fate, uint64_t user)
{
    if (c->fate == fate && (fate == FATE_SAME || c->user == user)) return YD_OK;
    yd_delta_run_end(&c->delta);
    c->fate = fate;
    c->user = user;
    struct mark mark = {.key = CHANGE_KEY, .value = YD_LITERAL("null"), .item = NONE};
    if (fate != FATE_SAME) {
        YD_TRY(change_write(c, fate, user));
        mark.value = yd_buf_slice(&c->value);
    }
    return yd_marks_set(c->delta.doc, &c->delta.marks, mark);
}

/* A string that is taken piece by piece. */
struct pieces {
    yd_slice rest;
    bool half; /* the first half of the character at hand is taken */
};
#define HALF YD_LITERAL("\xef\xbf\xbd")

static void piece_take(struct pieces *p, uint32_t units, struct delta *d)
{
    if (p->half) {
        if (d != NULL) yd_delta_string(d, HALF);
        p->rest = (yd_slice){p->rest.ptr + 4, p->rest.len - 4};
        units--;
    }
    size_t bytes = yd_utf8_offset(p->rest, units, &p->half);
    if (d != NULL) yd_delta_string(d, (yd_slice){p->rest.ptr, bytes});
    if (d != NULL && p->half) yd_delta_string(d, HALF);
    p->rest = (yd_slice){p->rest.ptr + bytes, p->rest.len - bytes};
}

static yd_err string_add(struct comparison *c, const struct item *it, uint64_t user)
{
    struct pieces pieces = {item_content(c->delta.doc, it), false};
    uint32_t behind = it->clock + it->len;
    for (uint32_t at = it->clock, end; at < behind; at = end) {
        end = behind;
        struct shown shown = shown_at(c, it, user, at, &end);
        bool shows = shown.now || shown.since;
        if (shows) YD_TRY(fate_set(c, fate_of(shown), user));
        piece_take(&pieces, end - at, shows ? &c->delta : NULL);
    }
    return c->delta.o.err;
}

static yd_err mark_add(struct comparison *c, const struct item *it)
{
    if (yd_slice_equal(yd_mark_of(c->delta.doc, it).key, CHANGE_KEY)) c->fate = FATE_FOREIGN;
    return yd_delta_item(&c->delta, it);
}

static yd_err item_add(struct comparison *c, const struct item *it)
{
    uint64_t user = client_at(c->delta.doc, item_client(it))->id;
    if (item_ref(it) == REF_STRING) return string_add(c, it, user);
    uint32_t end = it->clock + 1;
    struct shown shown = shown_at(c, it, user, it->clock, &end);
    switch (item_ref(it)) {
    case REF_FORMAT:
    case REF_FORMAT_ANY: return shown.now ? mark_add(c, it) : YD_OK;
    case REF_TYPE:
    case REF_EMBED:
    case REF_EMBED_ANY:
        if (!shown.now && !shown.since) return YD_OK;
        YD_TRY(fate_set(c, fate_of(shown), user));
        return yd_delta_item(&c->delta, it);
    default: return YD_OK; // other contents do not show
    }
}

static yd_err past_take(struct yd_doc *doc, struct past *past, const struct yd_snapshot *snapshot,
                        bool *has)
{
    yd_past_init(past, yd_mem_alloc(doc));
    *has = snapshot != NULL;
    if (snapshot == NULL) return YD_OK;
    YD_TRY(yd_past_read(past, *snapshot));
    yd_ranges_sort(&past->ranges, true);
    yd_ranges_join(&past->ranges);
    return yd_past_locate(doc, past);
}

static yd_err compare(struct comparison *c, const struct yd_type_ref *ref)
{
    uint32_t type;
    struct yd_doc *doc = c->delta.doc;
    YD_TRY(yd_type_find(doc, ref, &type));
    uint32_t at = type == NONE ? NONE : list_at(doc, type_at(doc, type)->seq)->head;
    for (; at != NONE; at = item_at(doc, at)->right) YD_TRY(item_add(c, item_at(doc, at)));
    return YD_OK;
}

yd_err yd_snapshot_delta(struct yd_doc *doc, const struct yd_type_ref *ref,
                         const struct yd_snapshot *now, const struct yd_snapshot *since,
                         enum yd_json_flags flags, struct yd_buf *out)
{
    if (doc->broken) return YD_ENOMEM;
    if (!doc->opts.keep_deleted) return YD_ESTATE;
    struct comparison c = {.fate = FATE_SAME};
    yd_buf_init(&c.value, yd_mem_alloc(doc), SIZE_MAX / 2);
    yd_err err = past_take(doc, &c.now, now, &c.has_now);
    yd_err other = past_take(doc, &c.since, since, &c.has_since);
    if (err == YD_OK) err = other;
    yd_err begun = yd_delta_begin(&c.delta, doc, flags, out);
    if (err == YD_OK) err = begun;
    if (err == YD_OK) err = compare(&c, ref);
    err = yd_delta_end(&c.delta, err);
    yd_past_deinit(&c.since);
    yd_past_deinit(&c.now);
    yd_buf_deinit(&c.value);
    return err;
}
