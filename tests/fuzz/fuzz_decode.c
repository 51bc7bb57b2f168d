/* fuzz_decode.c - whatever else comes from outside, beside updates: state vectors, delete sets,
 * snapshots, positions; and the same updates into a document and a cold one. Byte 0 of each piece
 * says what it is, byte 1 its length / 2.
 *   - a bad update leaves the document as it was, and names a byte within it
 *   - a cold document refuses what the live one refuses, and opens as that one if nothing waits
 *   - parts add up to the state, a snapshot is stable, what is restored can be read
 *   - an allocator that says no at any request gives YD_ENOMEM and nothing else */
#include <stdlib.h>
#include <string.h>

#include "ydoc/analysis.h"
#include "ydoc/cold.h"
#include "ydoc/compare.h"
#include "ydoc/parts.h"
#include "ydoc/position.h"

enum { UPDATE, VECTOR, DELETES, SNAPSHOT, POSITION, SCARCE, KINDS, FORMAT_V2 = 8, KEEPS = 16 };

static uint64_t requests, refuse_at;

static void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size > 0) return ++requests == refuse_at ? NULL : realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

static const yd_alloc heap = {heap_resize, NULL};

struct bench {
    struct yd_doc *doc;
    struct yd_cold *cold;
    struct yd_buf a, b;
    bool keeps;
};

static void expect(bool good)
{
    if (!good) abort();
}

static struct yd_doc *doc_new(bool keeps)
{
    struct yd_doc *doc = NULL;
    struct yd_doc_opts opts = {.doc_bytes_max = (size_t)256 << 20, .keep_deleted = keeps};
    expect(yd_doc_new(heap, &opts, &doc) == YD_OK);
    return doc;
}

static void fingerprint(struct yd_doc *doc, struct yd_buf *out)
{
    yd_buf_clear(out);
    expect(yd_snapshot_encode(doc, YD_V1, out) == YD_OK);
    struct yd_doc_stats stats = yd_doc_stats(doc);
    struct yd_pending pending = yd_doc_pending(doc);
    uint64_t numbers[] = {stats.items, pending.bytes, pending.structs, pending.deletes};
    expect(yd_buf_append(out, (yd_slice){(const uint8_t *)numbers, sizeof numbers}) == YD_OK);
}

static bool same(const struct yd_buf *a, const struct yd_buf *b)
{
    return yd_slice_equal(yd_buf_slice(a), yd_buf_slice(b));
}

static void update(struct bench *s, yd_slice bytes, enum yd_format format)
{
    struct yd_applied applied;
    fingerprint(s->doc, &s->a);
    yd_err err = yd_doc_apply(s->doc, bytes, format, &applied);
    expect(err != YD_ENOMEM && applied.error_at <= bytes.len);
    yd_doc_check(s->doc);
    fingerprint(s->doc, &s->b);
    if (err != YD_OK) expect(same(&s->a, &s->b) && !applied.changed && !applied.parked);
    if (err == YD_OK && !applied.changed && !applied.parked) expect(same(&s->a, &s->b));
    yd_err cold = yd_cold_append(s->cold, bytes, format);
    expect((err == YD_EMALFORMED) == (cold == YD_EMALFORMED) && cold != YD_ENOMEM);
    // One that is beyond a limit of the live one only would be missing there.
    if (err != YD_OK && cold == YD_OK) {
        yd_cold_free(s->cold);
        expect(yd_cold_freeze(heap, s->doc, 0, &s->cold) == YD_OK);
    }
}

/* All that the holder of a vector lacks, whole and in parts. */
static void vector(struct bench *s, yd_slice sv, enum yd_format format)
{
    yd_buf_clear(&s->a);
    yd_err err = yd_doc_encode_state(s->doc, sv, format, &s->a);
    expect(err == YD_OK || err == YD_EMALFORMED);
    yd_buf_clear(&s->a);
    expect(yd_cold_diff(s->cold, sv, format, &s->a) == err);
    struct yd_doc *peer = doc_new(false);
    struct yd_buf at = s->b;
    bool all = false;
    yd_buf_clear(&at);
    for (int i = 0; !all && i < 64; i++) {
        yd_buf_clear(&s->a);
        struct yd_buf after;
        yd_buf_init(&after, heap, SIZE_MAX / 2);
        yd_slice from = i == 0 ? sv : yd_buf_slice(&at);
        yd_err part = yd_doc_encode_part(s->doc, from, 64, &s->a, &after, &all);
        expect(i == 0 ? part == err : part == YD_OK);
        if (part == YD_OK) {
            expect(yd_buf_append(&s->a, (yd_slice)YD_NO_DELETES) == YD_OK);
            part = yd_doc_apply(peer, yd_buf_slice(&s->a), YD_V1, NULL);
            expect(part == YD_OK || part == YD_ETOOBIG);
            yd_doc_check(peer);
        } else {
            all = true;
        }
        yd_buf_deinit(&at);
        at = after;
    }
    s->b = at;
    yd_doc_free(peer);
}

static void deletes(struct bench *s, yd_slice bytes)
{
    yd_buf_clear(&s->a);
    expect(yd_buf_u8(&s->a, 0) == YD_OK); // no structs
    yd_err err = yd_doc_encode_deletes(s->doc, bytes, &s->a);
    expect(err == YD_OK || err == YD_EMALFORMED);
    if (err != YD_OK) return;
    struct yd_doc *copy = doc_new(false);
    err = yd_doc_apply(copy, yd_buf_slice(&s->a), YD_V1, NULL);
    expect(err == YD_OK || err == YD_ETOOBIG);
    yd_doc_free(copy);
}

/* A text at a snapshot, and what changed since: refused as what is restored is. */
static void versions(struct bench *s, struct yd_snapshot given, yd_err restored)
{
    static const struct yd_type_ref text = {.name = YD_LITERAL("t")};
    yd_buf_clear(&s->a);
    yd_err err = yd_snapshot_delta(s->doc, &text, NULL, &given, YD_JSON_TAGGED, &s->a);
    expect(err == restored || err == YD_ETOOBIG || restored == YD_ETOOBIG);
    err = yd_snapshot_delta(s->doc, &text, &given, &given, YD_JSON_TAGGED, &s->a);
    expect(err == restored || err == YD_ETOOBIG || restored == YD_ETOOBIG);
}

static void snapshot(struct bench *s, struct yd_snapshot given)
{
    bool is = false;
    yd_buf_clear(&s->a);
    yd_err err = yd_snapshot_convert(given, YD_V2, &s->a);
    expect(err == YD_OK || err == YD_EMALFORMED);
    expect(yd_snapshot_equal(given, given, heap, &is) == err && (err != YD_OK || is));
    if (err == YD_OK) {
        struct yd_snapshot other = {yd_buf_slice(&s->a), YD_V2};
        yd_buf_clear(&s->b);
        expect(yd_snapshot_convert(other, YD_V2, &s->b) == YD_OK && same(&s->a, &s->b));
        yd_buf_clear(&s->b);
        expect(yd_doc_encode_state(s->doc, YD_EMPTY, YD_V1, &s->b) == YD_OK);
        struct yd_update state = {yd_buf_slice(&s->b), YD_V1};
        expect(yd_snapshot_contains(given, state, heap, &is) == YD_OK);
    }
    yd_buf_clear(&s->b);
    yd_err restored = yd_snapshot_restore(s->doc, given, YD_V1, &s->b);
    if (!s->keeps) expect(restored == YD_ESTATE);
    versions(s, given, restored);
    if (restored != YD_OK) return;
    struct yd_doc *past = doc_new(false);
    restored = yd_doc_apply(past, yd_buf_slice(&s->b), YD_V1, NULL);
    expect(restored == YD_OK || restored == YD_ETOOBIG);
    yd_doc_check(past);
    yd_doc_free(past);
}

static void position(struct bench *s, yd_slice bytes)
{
    struct yd_place place;
    yd_err err = yd_position_resolve(s->doc, bytes, &place);
    expect(err == YD_OK || err == YD_EMALFORMED || err == YD_ENOTFOUND);
    yd_buf_clear(&s->a);
    if (err == YD_OK) expect(yd_position_encode(s->doc, &place, &s->a) == YD_OK);
}

/* The rest of the piece as an update; byte 0 says which request of it all is refused. */
static void scarce(struct bench *s, yd_slice bytes, enum yd_format format)
{
    if (bytes.len == 0) return;
    struct yd_doc *doc = doc_new(s->keeps);
    struct yd_analysis analysis;
    yd_buf_clear(&s->a);
    expect(yd_doc_encode_state(s->doc, YD_EMPTY, YD_V2, &s->a) == YD_OK);
    yd_buf_clear(&s->b);
    requests = 0;
    refuse_at = bytes.ptr[0] + UINT64_C(1);
    yd_err err = yd_doc_apply(doc, yd_buf_slice(&s->a), YD_V2, NULL);
    if (err == YD_OK) {
        err = yd_doc_apply(doc, (yd_slice){bytes.ptr + 1, bytes.len - 1}, format, NULL);
        if (err != YD_ENOMEM) err = yd_doc_last_update(doc, format, &s->b);
    }
    if (err == YD_OK) err = yd_doc_analyze(doc, &analysis);
    if (err == YD_OK) err = yd_doc_encode_state(doc, YD_EMPTY, format, &s->b);
    bool refused = requests >= refuse_at;
    refuse_at = 0;
    expect(err == YD_OK || err == YD_ETOOBIG || (err == YD_ENOMEM && refused));
    if (err == YD_OK) yd_doc_check(doc);
    yd_doc_free(doc);
}

static void piece(struct bench *s, uint8_t what, yd_slice bytes)
{
    enum yd_format format = what & FORMAT_V2 ? YD_V2 : YD_V1;
    switch ((what & 7) % KINDS) {
    case UPDATE: update(s, bytes, format); break;
    case VECTOR: vector(s, bytes, format); break;
    case DELETES: deletes(s, bytes); break;
    case SNAPSHOT: snapshot(s, (struct yd_snapshot){bytes, format}); break;
    case POSITION: position(s, bytes); break;
    default: scarce(s, bytes, format); break;
    }
}

/* Not with parked structs: merged with what is known of their clocks they lose their parent, and
 * may find a place that they had not. Yjs's own merging does the same. */
static void expect_cold_is_alike(struct bench *s)
{
    if (yd_doc_pending(s->doc).structs) return;
    struct yd_doc *doc = NULL;
    yd_buf_clear(&s->a);
    yd_buf_clear(&s->b);
    struct yd_doc_opts opts = {.doc_bytes_max = (size_t)256 << 20, .keep_deleted = s->keeps};
    yd_err err = yd_cold_open(s->cold, heap, &opts, &doc);
    expect(err == YD_OK || err == YD_ETOOBIG);
    if (err != YD_OK) return;
    expect(yd_doc_state_vector(s->doc, &s->a) == YD_OK);
    expect(yd_doc_state_vector(doc, &s->b) == YD_OK && same(&s->a, &s->b));
    yd_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bench s = {.keeps = size > 0 && (data[0] & KEEPS) != 0};
    s.doc = doc_new(s.keeps);
    expect(yd_cold_new(heap, YD_EMPTY, YD_V1, 0, &s.cold) == YD_OK);
    yd_buf_init(&s.a, heap, SIZE_MAX / 2);
    yd_buf_init(&s.b, heap, SIZE_MAX / 2);
    for (size_t at = 0; size - at >= 2;) {
        uint8_t what = data[at];
        size_t len = (size_t)data[at + 1] * 2;
        at += 2;
        if (len > size - at) len = size - at;
        // A copy of its own, so that reading beyond it is seen.
        uint8_t *copy = malloc(len > 0 ? len : 1);
        if (copy == NULL) abort();
        memcpy(copy, data + at, len);
        piece(&s, what, (yd_slice){copy, len});
        free(copy);
        at += len;
    }
    expect_cold_is_alike(&s);
    yd_doc_free(s.doc);
    yd_cold_free(s.cold);
    yd_buf_deinit(&s.a);
    yd_buf_deinit(&s.b);
    return 0;
}
