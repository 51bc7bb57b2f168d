/* attacks.c - what hostile bytes cost: the list of docs/encoding.md, section 9.
 *
 *   build/bench/attacks [NAME...]
 *
 * Each attack is played at a size and at twice the size. Prints the bytes that an attacker sends,
 * the CPU it buys and how it grows: 2 is linear, 4 is quadratic.
 */
#include "ydoc/analysis.h"
#include "ydoc/cold.h"
#include "ydoc/export.h"
#include "ydoc/update.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size > 0) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}
static const yd_alloc heap = {resize, NULL};

static void must(yd_err err)
{
    if (err == YD_OK || err == YD_ETOOBIG) return;
    fprintf(stderr, "attacks: %s\n", yd_err_name(err));
    exit(EXIT_FAILURE);
}

static double now_ms(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0) exit(EXIT_FAILURE);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A document under attack. */
struct bed {
    struct yd_doc *doc;
    struct yd_buf update; /* the one that is being written */
    size_t sent;
    double ms; /* spent in the engine */
};

static void put(struct bed *bed, uint64_t value) { must(yd_buf_varuint(&bed->update, value)); }

static void put_text(struct bed *bed, const char *text)
{
    must(yd_buf_varbytes(&bed->update, (yd_slice){(const uint8_t *)text, strlen(text)}));
}

static void send_as(struct bed *bed, enum yd_format format)
{
    double from = now_ms();
    must(yd_doc_apply(bed->doc, yd_buf_slice(&bed->update), format, NULL));
    bed->ms += now_ms() - from;
    bed->sent += bed->update.len;
    yd_buf_clear(&bed->update);
}

/* Begins an update of one section. */
static void section(struct bed *bed, uint64_t structs, uint64_t client, uint64_t clock)
{
    put(bed, 1);
    put(bed, structs);
    put(bed, client);
    put(bed, clock);
}

static void finish(struct bed *bed)
{
    put(bed, 0);
    send_as(bed, YD_V1);
}

/* One letter, or a value of a key, at the beginning of a root. */
static void first_letter(struct bed *bed, uint64_t client, const char *root)
{
    section(bed, 1, client, 0);
    put(bed, 4);
    put(bed, 1);
    put_text(bed, root);
    put_text(bed, "x");
    finish(bed);
}

/* n clients write at one place in ascending order, unaware of one another. */
static void same_place(struct bed *bed, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) first_letter(bed, 1000 + i, "t");
}

/* The same at more places in turns than conflict scans are remembered for. */
static void same_places(struct bed *bed, uint32_t n)
{
    static const char *const roots[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (uint32_t i = 0; i < n; i++) first_letter(bed, 1000 + i, roots[i % 8]);
}

/* One client writes n letters with no origin, each left of another letter of a text. */
static void right_origins(struct bed *bed, uint32_t n)
{
    section(bed, 1, 9, 0);
    put(bed, 4);
    put(bed, 1);
    put_text(bed, "t");
    put(bed, n + 1);
    for (uint32_t i = 0; i <= n; i++) must(yd_buf_u8(&bed->update, 'a'));
    finish(bed);
    section(bed, n, 5, 0);
    for (uint32_t i = 0; i < n; i++) {
        put(bed, 0x44);
        put(bed, 9);
        put(bed, i + 1);
        put_text(bed, "x");
    }
    finish(bed);
}

/* n writers set one key, unaware of one another. */
static void one_key(struct bed *bed, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        section(bed, 1, 1000 + i, 0);
        put(bed, 0x24);
        put(bed, 1);
        put_text(bed, "m");
        put_text(bed, "k");
        put_text(bed, "x");
        finish(bed);
    }
}

/* Structs of n clients wait for one that never comes; a filler wakes them again and again. */
static void waiting(struct bed *bed, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        section(bed, 1, 1000 + i, 0);
        must(yd_buf_u8(&bed->update, 0x84));
        put(bed, 5);
        put(bed, n + i);
        put_text(bed, "x");
        finish(bed);
    }
    for (uint32_t i = 0; i < n; i++) {
        section(bed, 1, 5, i);
        put(bed, 4);
        put(bed, 1);
        put_text(bed, "t");
        put_text(bed, "x");
        finish(bed);
    }
}

/* n parked structs with a gap before each, last one first. */
static void gaps(struct bed *bed, uint32_t n)
{
    for (uint32_t i = n; i > 0; i--) {
        section(bed, 1, 5, 2 * i);
        put(bed, 4);
        put(bed, 1);
        put_text(bed, "t");
        put_text(bed, "x");
        finish(bed);
    }
}

/* Every second letter of a paste deleted, last one first, each on its own. */
static void deletes(struct bed *bed, uint32_t n)
{
    section(bed, 1, 9, 0);
    put(bed, 4);
    put(bed, 1);
    put_text(bed, "t");
    put(bed, 2 * n);
    for (uint32_t i = 0; i < 2 * n; i++) must(yd_buf_u8(&bed->update, 'a'));
    finish(bed);
    for (uint32_t i = n; i-- > 0;) {
        put(bed, 0);
        put(bed, 1);
        put(bed, 9);
        put(bed, 1);
        put(bed, 2 * i);
        put(bed, 1);
        send_as(bed, YD_V1);
    }
}

/* Types nested in one another, deleted from the outermost, and looked into before. */
static void tower(struct bed *bed, uint32_t n)
{
    section(bed, n, 5, 0);
    for (uint32_t i = 0; i < n; i++) {
        put(bed, 7);
        put(bed, i == 0 ? 1 : 0);
        if (i == 0) {
            put_text(bed, "a");
        } else {
            put(bed, 5);
            put(bed, i - 1);
        }
        put(bed, 0);
    }
    finish(bed);
    static struct yd_analysis analysis;
    double from = now_ms();
    must(yd_doc_analyze(bed->doc, &analysis));
    bed->ms += now_ms() - from;
    static const uint8_t top[] = {0, 1, 5, 1, 0, 1};
    must(yd_buf_append(&bed->update, (yd_slice){top, sizeof top}));
    send_as(bed, YD_V1);
}

/* A root and a key for every update. */
static void names(struct bed *bed, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "%u", i);
        first_letter(bed, 5 + i % 2 + 2 * i, name);
    }
}

/* A few bytes of V2 that say n collected structs. Refused beyond 65,536 and 64 a byte. */
static void bomb(struct bed *bed, uint32_t n)
{
    static const uint8_t head[] = {0, 0, 1, 7, 0, 0, 1, 0, 1, 0, 0, 0};
    struct yd_buf *u = &bed->update, len;
    yd_buf_init(&len, heap, 64);
    must(yd_buf_u8(&len, 0x41)); // ones, n times: the column of lengths
    must(yd_buf_varuint(&len, n - 2));
    must(yd_buf_append(u, (yd_slice){head, sizeof head}));
    must(yd_buf_varbytes(u, yd_buf_slice(&len)));
    put(bed, 1);
    put(bed, n);
    put(bed, 0);
    put(bed, 0);
    yd_buf_deinit(&len);
    send_as(bed, YD_V2);
}

/* One mark again and again, whose long key stands in the update once. */
static void long_key(struct bed *bed, uint32_t n)
{
    enum { KEY = 1000 };
    char texts[KEY + 2] = "t";
    memset(texts + 1, 'k', KEY);
    struct yd_buf *u = &bed->update, column;
    yd_buf_init(&column, heap, 4096);
    put(bed, 0);
    // Keys: number 0 of the table each time.
    must(yd_buf_u8(&column, 1));
    must(yd_buf_varuint(&column, n - 2));
    must(yd_buf_varbytes(u, yd_buf_slice(&column)));
    yd_buf_clear(&column);
    // Clients: 5 each time.
    must(yd_buf_u8(&column, 0x45));
    must(yd_buf_varuint(&column, n - 2));
    must(yd_buf_varbytes(u, yd_buf_slice(&column)));
    yd_buf_clear(&column);
    // Left clocks: 0, 1, 2, ...
    must(yd_buf_append(&column, (yd_slice){(const uint8_t *)"\0\3", 2}));
    must(yd_buf_varuint(&column, n - 4));
    must(yd_buf_varbytes(u, yd_buf_slice(&column)));
    yd_buf_clear(&column);
    put(bed, 0);
    must(yd_buf_varbytes(u, (yd_slice){(const uint8_t *)"\x06\0\x86", 3}));
    // Texts with their lengths, 1 and 1,000.
    must(yd_buf_varbytes(&column, (yd_slice){(const uint8_t *)texts, KEY + 1}));
    must(yd_buf_append(&column, (yd_slice){(const uint8_t *)"\1\xa8\x0f", 3}));
    must(yd_buf_varbytes(u, yd_buf_slice(&column)));
    yd_buf_deinit(&column);
    must(yd_buf_varbytes(u, (yd_slice){(const uint8_t *)"\1", 1}));
    put(bed, 0);
    put(bed, 0);
    put(bed, 1);
    put(bed, n);
    put(bed, 0);
    for (uint32_t i = 0; i < n; i++) must(yd_buf_u8(u, 0x78));
    put(bed, 0);
    send_as(bed, YD_V2);
}

/* A state that is none: its last struct waits for somebody, so that all of it is read twice. */
static void false_state(struct bed *bed, uint32_t n)
{
    section(bed, n, 5, 0);
    for (uint32_t i = 0; i < n; i++) {
        must(yd_buf_u8(&bed->update, i + 1 < n ? 4 : 0x84));
        if (i + 1 < n) {
            put(bed, 1);
            put_text(bed, "t");
        } else {
            put(bed, 9);
            put(bed, 0);
        }
        put_text(bed, "x");
    }
    finish(bed);
}

/* Clients that have written nearly all that there are clocks for, in seven bytes. */
static void large_clocks(struct bed *bed, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        section(bed, 1, 1000 + i, 0);
        put(bed, 0);
        put(bed, INT32_MAX - 1);
        finish(bed);
    }
}

static void child_of(struct bed *bed, uint32_t clock, unsigned info)
{
    put(bed, info);
    put(bed, 0);
    put(bed, 5);
    put(bed, clock);
}

/* A list in the last item of the list around it, or at the top. */
static void list_level(struct bed *bed, uint32_t clock)
{
    if (clock == 0) {
        put(bed, 7);
        put(bed, 1);
        put_text(bed, "x");
    } else {
        must(yd_buf_u8(&bed->update, 0x87));
        put(bed, 5);
        put(bed, clock - 3); // behind the paragraph
    }
    put(bed, 3);
    put_text(bed, "bulletList");
    child_of(bed, clock, 7);
    put(bed, 3);
    put_text(bed, "listItem");
    child_of(bed, clock + 1, 7);
    put(bed, 3);
    put_text(bed, "paragraph");
    child_of(bed, clock + 2, 7);
    put(bed, 6);
    child_of(bed, clock + 3, 4);
    put_text(bed, "x");
}

/* Lists in lists, written as Markdown, where each level is set in further: up to the 64th. */
static void indent(struct bed *bed, uint32_t n)
{
    section(bed, (uint64_t)5 * n, 5, 0);
    for (uint32_t i = 0; i < n; i++) list_level(bed, 5 * i);
    finish(bed);
    struct yd_buf out;
    yd_buf_init(&out, heap, (size_t)16 << 20);
    double from = now_ms();
    must(yd_doc_markdown(bed->doc, YD_LITERAL("x"), &out));
    bed->ms += now_ms() - from;
    yd_buf_deinit(&out);
}

/* A cold document that is asked after every update. */
static void cold(struct bed *bed, uint32_t n)
{
    struct yd_cold *made;
    struct yd_buf sv;
    yd_buf_init(&sv, heap, (size_t)1 << 24);
    must(yd_cold_new(heap, YD_EMPTY, YD_V1, 0, &made));
    for (uint32_t i = 0; i < n; i++) {
        section(bed, 1, 1000 + i, 0);
        put(bed, 4);
        put(bed, 1);
        put_text(bed, "t");
        put_text(bed, "x");
        put(bed, 0);
        double from = now_ms();
        yd_buf_clear(&sv);
        must(yd_cold_append(made, yd_buf_slice(&bed->update), YD_V1));
        must(yd_cold_state_vector(made, &sv));
        bed->ms += now_ms() - from;
        bed->sent += bed->update.len;
        yd_buf_clear(&bed->update);
    }
    yd_buf_deinit(&sv);
    yd_cold_free(made);
}

static const struct attack {
    const char *name;
    void (*play)(struct bed *bed, uint32_t n);
    uint32_t n;
    const char *bound;
} attacks[] = {
    {"same-place", same_place, 20000, "O(n log n)"},
    {"same-places", same_places, 8000, "O(n^2); the host: new clients per connection"},
    {"right-origins", right_origins, 4000, "O(n^2); the size of an update"},
    {"one-key", one_key, 20000, "O(n log n)"},
    {"waiting", waiting, 2000, "O(n^2); pending_bytes_max"},
    {"gaps", gaps, 20000, "O(n log n); pending_bytes_max"},
    {"deletes", deletes, 50000, "O(n log n)"},
    {"tower", tower, 100000, "O(n); doc_bytes_max"},
    {"names", names, 50000, "O(n); doc_bytes_max"},
    {"v2-bomb", bomb, 30000, "U75: refused beyond 65,536 and 64 a byte"},
    {"long-key", long_key, 20000, "O(n); the form of V1 counts for update_bytes_max"},
    {"false-state", false_state, 100000, "O(n): what a load costs, twice"},
    {"large-clocks", large_clocks, 20000, "O(n)"},
    {"indent", indent, 10000, "O(n): 64 levels are set in"},
    {"cold", cold, 1000, "O(n^2): a merge for each question; ask seldom"},
};

static struct bed play(const struct attack *attack, uint32_t n)
{
    struct bed bed = {.doc = NULL};
    must(yd_doc_new(heap, NULL, &bed.doc));
    yd_buf_init(&bed.update, heap, (size_t)1 << 28);
    attack->play(&bed, n);
    yd_buf_deinit(&bed.update);
    yd_doc_free(bed.doc);
    return bed;
}

static bool is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) return true;
    }
    return argc < 2;
}

int main(int argc, char **argv)
{
    printf("%-14s %8s %10s %10s %8s  %s\n", "attack", "n", "bytes", "CPU ms", "at 2n", "bound");
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        const struct attack *attack = &attacks[i];
        if (!is_wanted(attack->name, argc, argv)) continue;
        struct bed one = play(attack, attack->n), two = play(attack, attack->n * 2);
        printf("%-14s %8u %10zu %10.2f %7.1fx  %s\n", attack->name, attack->n, one.sent, one.ms,
               two.ms / one.ms, attack->bound);
    }
    return EXIT_SUCCESS;
}
