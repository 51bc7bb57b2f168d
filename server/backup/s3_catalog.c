/* s3_catalog.c - reads what there is: a listing of the packs, and the end of each that is new. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/pack.h"
#include "backup/s3_state.h"

#define TAIL_BYTES 65536 /* read at once: for most packs that is all */
#define READS_MAX  8     /* at a time */
#define LIST_MAX   ((size_t)4 << 20)

struct tail;

/* One reading of the catalog. */
struct s3_read {
    struct tail *tails; /* being read */
    uint32_t tail_count;
    bool is_listed;
    bool failed;
    char after[S3_KEY_MAX];
    char why[SINK_WHY_MAX];
    const char *next;
};

/* The end of one pack. */
struct tail {
    struct tail *prev, *next;
    struct s3 *s3;
    uint64_t node, number;
    uint64_t bytes; /* asked for */
};

static void read_end(struct s3 *s3);

/* ---- packs ------------------------------------------------------------------------------------
 */

bool s3_catalog_add(struct s3 *s3, struct pack *pack, yd_slice end)
{
    struct pack_reader r;
    struct record record;
    struct place_in_pack at = {.pack = pack};
    if (!pack_open(&r, end)) return false;
    while (pack_next(&r, &record, &at.offset, &at.bytes)) {
        if (at.offset > pack->bytes || at.bytes > pack->bytes - at.offset) return false;
        catalog_add(&s3->catalog, &record, at);
    }
    pack->is_read = !r.list.failed;
    return pack->is_read;
}

static void fail(struct s3_read *read, const char *why, const char *next)
{
    if (read->failed) return;
    read->failed = true;
    snprintf(read->why, sizeof read->why, "%s", why);
    read->next = next;
}

static void tail_ask(struct tail *tail);

/* False: more of the end is on its way. */
static bool tail_take(struct tail *tail, yd_slice got)
{
    struct s3 *s3 = tail->s3;
    struct pack *pack = catalog_pack(&s3->catalog, tail->node, tail->number);
    char why[SINK_WHY_MAX];
    size_t len = 0;
    if (pack == NULL) return true;
    bool ok = got.len == tail->bytes && pack_list_bytes(got, &len) &&
              len + PACK_TAIL_BYTES <= pack->bytes;
    if (ok && len + PACK_TAIL_BYTES > got.len) {
        tail->bytes = len + PACK_TAIL_BYTES;
        tail_ask(tail);
        return false;
    }
    size_t skip = got.len - (len + PACK_TAIL_BYTES);
    if (ok) ok = s3_catalog_add(s3, pack, (yd_slice){got.ptr + skip, got.len - skip});
    if (!ok) {
        // Its rooms would count as never heard of.
        snprintf(why, sizeof why, "pack/%016" PRIx64 "-%016" PRIx64 " is damaged", tail->node,
                 tail->number);
        fail(s3->reading, why, "put it back from a copy, or delete it to go on without it");
    }
    return true;
}

static void on_tail(void *ctx, const struct fetch_answer *got)
{
    struct tail *tail = ctx;
    struct s3 *s3 = tail->s3;
    struct s3_read *read = s3->reading;
    struct sink_answer answer;
    char why[SINK_WHY_MAX];
    bool is_gone = got->failure == FETCH_ANSWERED && got->status == 404;
    if (!is_gone && s3_failed(s3, got, &answer, why)) {
        fail(read, why, answer.next);
    } else if (!is_gone && !tail_take(tail, got->body)) {
        return;
    }
    if (is_gone) { // deleted since it was listed
        struct pack *pack = catalog_pack(&s3->catalog, tail->node, tail->number);
        if (pack != NULL) catalog_drop_pack(&s3->catalog, pack);
    }
    DL_DELETE(read->tails, tail);
    read->tail_count--;
    free(tail);
    read_end(s3);
}

static void tail_ask(struct tail *tail)
{
    struct s3 *s3 = tail->s3;
    const struct pack *pack = catalog_pack(&s3->catalog, tail->node, tail->number);
    char key[S3_KEY_MAX];
    s3_pack_key(s3, tail->node, tail->number, key);
    struct s3_what what = {.method = "GET",
                           .key = key,
                           .body = YD_EMPTY,
                           .from = pack->bytes - tail->bytes,
                           .bytes = tail->bytes,
                           .answer_max = (size_t)tail->bytes};
    s3_send(s3, &what, on_tail, tail);
}

static bool is_being_read(const struct s3_read *read, const struct pack *pack)
{
    for (const struct tail *t = read->tails; t != NULL; t = t->next) {
        if (t->node == pack->id.node && t->number == pack->id.number) return true;
    }
    return false;
}

static void tails_start(struct s3 *s3)
{
    struct s3_read *read = s3->reading;
    for (struct pack *pack = s3->catalog.packs; pack != NULL; pack = pack->hh.next) {
        if (read->tail_count == READS_MAX || read->failed) return;
        if (pack->is_read || is_being_read(read, pack)) continue;
        if (pack->bytes < PACK_TAIL_BYTES) {
            fail(read, "there is an object below pack/ that is no pack", "delete it");
            return;
        }
        struct tail *tail = heap_new(sizeof *tail);
        tail->s3 = s3;
        tail->node = pack->id.node;
        tail->number = pack->id.number;
        tail->bytes = pack->bytes < TAIL_BYTES ? pack->bytes : TAIL_BYTES;
        DL_APPEND(read->tails, tail);
        read->tail_count++;
        tail_ask(tail);
    }
}

/* ---- the listing ------------------------------------------------------------------------------
 */

/* What stands between two tags, from *at on; *at then stands behind it. */
static bool element(yd_slice *at, const char *begin, const char *end, yd_slice *inside)
{
    const uint8_t *from = memmem(at->ptr, at->len, begin, strlen(begin));
    if (from == NULL) return false;
    from += strlen(begin);
    size_t left = at->len - (size_t)(from - at->ptr);
    const uint8_t *to = memmem(from, left, end, strlen(end));
    if (to == NULL) return false;
    *inside = (yd_slice){from, (size_t)(to - from)};
    *at = (yd_slice){to, left - (size_t)(to - from)};
    return true;
}

static bool number_of(yd_slice text, int base, uint64_t *number)
{
    char digits[32];
    char *end = NULL;
    if (text.len == 0 || text.len >= sizeof digits) return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = 0;
    *number = strtoull(digits, &end, base);
    return *end == 0 && digits[0] != '-' && digits[0] != '+' && digits[0] != ' ';
}

/* {prefix}pack/NODE-NUMBER; anything else is not ours. */
static void pack_listed(struct s3 *s3, yd_slice key, uint64_t bytes)
{
    uint64_t node = 0, number = 0;
    size_t skip = strlen(s3->prefix) + 5;
    if (key.len != skip + 33 || key.ptr[skip + 16] != '-' ||
        !number_of((yd_slice){key.ptr + skip, 16}, 16, &node) ||
        !number_of((yd_slice){key.ptr + skip + 17, 16}, 16, &number)) {
        return;
    }
    // The next one of ours is later than those that are there, whatever the clock says.
    if (node == s3->node && number > s3->last_number) s3->last_number = number;
    struct pack *pack = catalog_pack(&s3->catalog, node, number);
    if (pack == NULL) pack = catalog_add_pack(&s3->catalog, node, number, bytes);
    pack->is_listed = true;
}

static void list_ask(struct s3 *s3);

/* True: there is another page. */
static bool list_take(struct s3 *s3, yd_slice xml)
{
    struct s3_read *read = s3->reading;
    yd_slice rest = xml, key, size, more;
    while (element(&rest, "<Key>", "</Key>", &key) && element(&rest, "<Size>", "</Size>", &size)) {
        uint64_t bytes = 0;
        if (key.len >= sizeof read->after || !number_of(size, 10, &bytes)) continue;
        pack_listed(s3, key, bytes);
        memcpy(read->after, key.ptr, key.len);
        read->after[key.len] = 0;
    }
    rest = xml;
    return element(&rest, "<IsTruncated>", "</IsTruncated>", &more) &&
           yd_slice_equal(more, YD_LITERAL("true"));
}

static void on_list(void *ctx, const struct fetch_answer *got)
{
    struct s3 *s3 = ctx;
    struct s3_read *read = s3->reading;
    struct sink_answer answer;
    char why[SINK_WHY_MAX];
    if (s3_failed(s3, got, &answer, why)) {
        fail(read, why, answer.next);
    } else if (memmem(got->body.ptr, got->body.len, "<ListBucketResult", 17) == NULL) {
        // Nothing there is not the same as no listing.
        fail(read, "what came is no listing of a bucket", "look at the endpoint");
    } else if (list_take(s3, got->body)) {
        list_ask(s3);
        return;
    } else {
        struct pack *pack = NULL, *next = NULL;
        read->is_listed = true;
        HASH_ITER(hh, s3->catalog.packs, pack, next)
        {
            if (!pack->is_listed) catalog_drop_pack(&s3->catalog, pack);
        }
    }
    read_end(s3);
}

static void list_ask(struct s3 *s3)
{
    struct yd_buf query;
    yd_slice after = {(const uint8_t *)s3->reading->after, strlen(s3->reading->after)};
    yd_buf_init(&query, heap_alloc(), 8192);
    yd_err err = http_text(&query, "list-type=2&prefix=");
    yd_slice prefix = {(const uint8_t *)s3->prefix, strlen(s3->prefix)};
    if (err == YD_OK) err = http_encode(&query, prefix, false);
    if (err == YD_OK) err = http_text(&query, "pack%2F");
    if (err == YD_OK && after.len > 0) err = http_text(&query, "&start-after=");
    if (err == YD_OK) err = http_encode(&query, after, false);
    if (err == YD_OK) err = yd_buf_u8(&query, 0);
    YD_ASSERT(err == YD_OK);
    struct s3_what what = {.method = "GET",
                           .query = (const char *)query.ptr,
                           .body = YD_EMPTY,
                           .answer_max = LIST_MAX};
    s3_send(s3, &what, on_list, s3);
    yd_buf_deinit(&query);
}

/* ---- the reading ------------------------------------------------------------------------------
 */

static void waiting_fail(struct s3 *s3, const struct s3_read *read)
{
    struct s3_call *list = s3->waiting;
    s3->waiting = NULL;
    while (list != NULL) {
        struct s3_call *call = list;
        struct sink_answer answer = {.result = SINK_LATER, .why = read->why, .next = read->next};
        DL_DELETE(list, call);
        DL_APPEND(s3->calls, call);
        s3_call_end(call, &answer);
    }
}

static void waiting_go_on(struct s3 *s3)
{
    struct s3_call *list = s3->waiting;
    s3->waiting = NULL;
    while (list != NULL) {
        struct s3_call *call = list;
        DL_DELETE(list, call);
        DL_APPEND(s3->calls, call);
        s3_go_on(call);
    }
}

/* Whether all has come; then those that wait go on. */
static void read_end(struct s3 *s3)
{
    struct s3_read *read = s3->reading;
    if (read->is_listed && !read->failed) tails_start(s3);
    if (read->tail_count > 0) return;
    s3->reading = NULL;
    if (read->failed) {
        waiting_fail(s3, read);
    } else {
        s3->is_known = true;
        s3->listed_ms = backup_now_ms(s3->clock);
        waiting_go_on(s3);
    }
    free(read);
}

void s3_catalog_read(struct s3 *s3)
{
    if (s3->reading != NULL) return;
    s3->reading = heap_new(sizeof *s3->reading);
    s3->asked_ms = backup_now_ms(s3->clock);
    for (struct pack *pack = s3->catalog.packs; pack != NULL; pack = pack->hh.next) {
        pack->is_listed = false;
    }
    list_ask(s3);
}

void s3_catalog_free(struct s3 *s3)
{
    if (s3->reading != NULL) {
        struct tail *tail = NULL, *next = NULL;
        DL_FOREACH_SAFE(s3->reading->tails, tail, next) { free(tail); }
        free(s3->reading);
    }
    catalog_deinit(&s3->catalog);
}
